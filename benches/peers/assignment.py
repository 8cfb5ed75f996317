"""Times POT and SciPy on two clouds: python3 assignment.py A.npy B.npy [ORDER, 1 or 2] [WEIGHTS_A.npy WEIGHTS_B.npy]

Prints seconds and W_p^p, costs included. Beside it:
cargo run --release --example wasserstein -- A.npy B.npy --order ORDER --format json
"""

import sys
import time

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment


def clocked(name, run):
    start = time.perf_counter()
    value = run()
    print(f"{name}: {time.perf_counter() - start:.3f} s, W_p^p = {value:.15g}", flush=True)


x, y = np.load(sys.argv[1]), np.load(sys.argv[2])
order = int(sys.argv[3]) if len(sys.argv) > 3 else 2
a, b = (np.load(sys.argv[4]), np.load(sys.argv[5])) if len(sys.argv) > 5 else ([], [])


def cost():
    return ot.dist(x, y, metric="sqeuclidean" if order == 2 else "euclidean")


def assignment():
    c = cost()
    rows, columns = linear_sum_assignment(c)
    return c[rows, columns].mean()


clocked("POT", lambda: ot.emd2(a, b, cost(), numItermax=10_000_000))
if len(a) == 0 and len(x) == len(y):
    clocked("SciPy", assignment)

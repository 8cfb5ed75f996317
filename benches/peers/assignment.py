"""The peers of `cargo bench --bench assignment`, on the arrays it writes.

    python3 assignment.py ORDER X.npy Y.npy [WEIGHTS_X.npy WEIGHTS_Y.npy]

ORDER is 1 or 2. Prints seconds and W_p^p of POT's network simplex and, without weights, of SciPy's assignment, costs included; the least
seconds of five solutions up to 1000 points, of one beyond.
"""

import sys
import time

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment

order = int(sys.argv[1])
x, y, *weights = map(np.load, sys.argv[2:])
a, b = weights or ([], [])


def clocked(run):
    seconds = []
    for _ in range(5 if len(x) <= 1000 else 1):
        start = time.perf_counter()
        value = run()
        seconds.append(time.perf_counter() - start)
    print(f"{min(seconds):.6f} {value:.17g}", flush=True)


def cost():
    return ot.dist(x, y, metric="sqeuclidean" if order == 2 else "euclidean")


def assignment():
    c = cost()
    rows, columns = linear_sum_assignment(c)
    return c[rows, columns].mean()


clocked(lambda: ot.emd2(a, b, cost(), numItermax=10_000_000))
if not weights:
    clocked(assignment)

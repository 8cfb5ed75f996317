"""The peers of `cargo bench --bench transport`, on the arrays it writes.

    python3 estimators.py line|sliced|sinkhorn|gaussian A.npy B.npy

Prints a line for each peer: its name, a tab, and the milliseconds of the fastest of some calls. Threads are set by OMP_NUM_THREADS and
OPENBLAS_NUM_THREADS. `ot.bregman.sinkhorn_log` is left out: half a minute a call at 2000 points.
"""

import sys
import time
import warnings

import numpy as np
import ot
import scipy.stats

case, x, y = sys.argv[1], np.load(sys.argv[2]), np.load(sys.argv[3])
warnings.simplefilter("error")


def fastest(name, calls, run):
    least = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - start)
    print(f"{name}\t{1e3 * least:.4f}", flush=True)


def sinkhorn():
    ot.sinkhorn([], [], ot.dist(x, y), 1.0, stopThr=1e-6, numItermax=10_000)


if case == "line":
    x, y = x.ravel(), y.ravel()
    fastest("`scipy.stats.wasserstein_distance`", 2, lambda: scipy.stats.wasserstein_distance(x, y))
    fastest("`ot.emd2_1d`", 3, lambda: ot.emd2_1d(x, y, metric="euclidean"))
    fastest("`numpy.sort` and a mean, no checks", 5, lambda: np.abs(np.sort(x) - np.sort(y)).mean())
elif case == "sliced":
    fastest("`ot.sliced_wasserstein_distance`", 2, lambda: ot.sliced_wasserstein_distance(x, y, n_projections=200, seed=1))
elif case == "sinkhorn":
    fastest("`ot.sinkhorn` (plain kernel)", 2, sinkhorn)
else:
    mean = np.zeros(len(x))
    calls = 10 if len(x) > 200 else 50
    fastest("`ot.gaussian.bures_wasserstein_distance`", calls, lambda: ot.gaussian.bures_wasserstein_distance(mean, mean, x, y))

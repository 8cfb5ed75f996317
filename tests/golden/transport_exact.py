"""Reference values of exact transport costs: SciPy's assignment and POT's network simplex on clouds made from a formula.

    python3 transport_exact.py > transport_exact.json

The clouds come from splitmix64, so that a test in any language can rebuild them bit by bit. Costs are direct differences in double
precision (`cdist`), never |x|^2 + |y|^2 - 2 x.y. One JSON object a line: law, n, m, dim, order, weighted, cost (the mean cost, W_p^p).
"""
import json

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist


def uniform(stream, count):
    """splitmix64 of stream * 2^32 + k, k = 0 .. count-1, as numbers in [0, 1) with 53 bits."""
    with np.errstate(over="ignore"):
        z = np.uint64(stream << 32) + np.arange(count, dtype=np.uint64)
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bell(stream, rows, dim):
    """Sums of three uniforms, mean 0, variance 1."""
    u = uniform(stream, 3 * rows * dim).reshape(rows, dim, 3)
    return 2.0 * (u[:, :, 0] + u[:, :, 1] + u[:, :, 2]) - 3.0


def clouds(law, n, m, dim):
    x, y = bell(1, n, dim), bell(2, m, dim)
    if law == "shifted":
        y = y * 0.75 + 0.5
    elif law == "clusters":
        x[: n // 2, 0] += 10.0
        y[: 3 * m // 5, 0] += 10.0
    elif law == "offset":
        x, y = x + 1e8, y + 1e8
    elif law == "far":
        x[: n // 2] += 1e8
        y[: n // 2] += 1e8
    elif law == "lattice":
        x, y = np.floor(2.0 * x), np.floor(2.0 * y)
    elif law == "duplicates":
        x, y = x[np.arange(n) % (n // 3)], y[np.arange(m) % (m // 4)]
    elif law == "heavy":
        x, y = x * x * x * x * x, y * y * y * y * y
    elif law == "collinear":
        x[:, 1:], y[:, 1:] = x[:, :1], y[:, :1]
    elif law == "nested":
        y[: m // 2] = x[: m // 2]
    return x, y


def matrix(x, y, order):
    return cdist(x, y, "sqeuclidean") if order == 2 else cdist(x, y) ** order


def assignment(law, n, dim, order):
    c = matrix(*clouds(law, n, n, dim), order)
    i, j = linear_sum_assignment(c)
    return float(c[i, j].mean())


def weighted(law, n, m, dim, order):
    a, b = uniform(3, n) ** 2, uniform(4, m) ** 2
    a[::7] = 0.0
    b[::5] = 0.0
    c = matrix(*clouds(law, n, m, dim), order)
    return float(ot.emd2(a / a.sum(), b / b.sum(), c, numItermax=10**9))


def emit(law, n, m, dim, order, is_weighted):
    cost = weighted(law, n, m, dim, order) if is_weighted else assignment(law, n, dim, order)
    print(json.dumps({"law": law, "n": n, "m": m, "dim": dim, "order": order, "weighted": is_weighted, "cost": cost}))


for dim in (1, 2, 16, 128):
    for order in (1, 2):
        emit("null", 2000 if dim != 128 else 1000, 2000 if dim != 128 else 1000, dim, order, False)
        emit("null", 300, 200, dim, order, True)
for law in ("shifted", "clusters", "offset", "far", "lattice", "duplicates", "heavy", "collinear", "nested"):
    for dim in (2, 16):
        for order in (1, 2):
            emit(law, 300, 300, dim, order, False)
            emit(law, 300, 200, dim, order, True)
for order in (1.5, 3):
    emit("shifted", 200, 200, 3, order, False)
    emit("shifted", 200, 150, 6, order, True)

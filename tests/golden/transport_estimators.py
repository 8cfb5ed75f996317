"""Golden values for the estimators of Wasserstein distances, 40-digit arithmetic with mpmath; POT checks the discrete ones to 1e-9.

    python3 transport_estimators.py > transport_estimators.json
"""
import json

import mpmath as mp
import numpy as np
import ot

mp.mp.dps = 40
rng = np.random.default_rng(20)
MIXTURE = {"weights": [0.3, 0.7], "means": [-1.0, 1.5], "stds": [0.5, 0.25]}
NORMAL = {"mean": 0.25, "std": 1.25}
out = {"weighted": [], "sample_to_law": [], "laws": [], "isotropic": [], "bures": [], "sinkhorn": []}


def number(x):
    return float(mp.nstr(x, 20))


def quantile_merge(x, a, y, b, p):
    """W_p by merging exact cumulative weights from below."""
    order = lambda v, w: sorted((mp.mpf(s), mp.mpf(t)) for s, t in zip(v, w))
    x, y = order(x, a), order(y, b)
    a_sum, b_sum = sum(w for _, w in x), sum(w for _, w in y)
    x, y = [(v, w / a_sum) for v, w in x], [(v, w / b_sum) for v, w in y]
    cost, i, j, left, right = mp.mpf(0), 0, 0, x[0][1], y[0][1]
    while True:
        mass = min(left, right)
        cost += mass * abs(x[i][0] - y[j][0]) ** p
        left, right = left - mass, right - mass
        if left < mp.mpf(10) ** -30:
            i += 1
            if i == len(x):
                return cost ** (1 / mp.mpf(p))
            left = x[i][1]
        if right < mp.mpf(10) ** -30:
            j += 1
            if j == len(y):
                return cost ** (1 / mp.mpf(p))
            right = y[j][1]


def mixture_cdf(z):
    return sum(w * mp.ncdf((z - m) / s) for w, m, s in zip(*MIXTURE.values()))


def mixture_density(z):
    return sum(w * mp.npdf(z, m, s) for w, m, s in zip(*MIXTURE.values()))


def mixture_quantile(u):
    return mp.findroot(lambda z: mixture_cdf(z) - u, (mp.mpf(-20), mp.mpf(20)), solver="anderson", tol=1e-70, maxsteps=500, verify=False)


def normal_quantile(u):
    # The smaller tail, so that nothing cancels.
    if u > mp.mpf(1) / 2:
        return 2 * mp.mpf(NORMAL["mean"]) - normal_quantile(1 - u)
    return NORMAL["mean"] + NORMAL["std"] * mp.sqrt(2) * mp.erfinv(2 * u - 1)


for p in (1, 1.5, 2, 3):
    x, y = rng.standard_normal(7).round(6), (rng.standard_normal(5) * 2 + 1).round(6)
    a, b = rng.random(7), rng.random(5)
    a, b = a / a.sum(), b / b.sum()
    value = quantile_merge(x, a, y, b, p)
    cost = np.abs(x[:, None] - y[None, :]) ** p
    assert abs(ot.emd2(a, b, cost) ** (1 / p) / float(value) - 1) < 1e-9
    out["weighted"].append({"order": p, "x": list(x), "a": list(a), "y": list(y), "b": list(b), "value": number(value)})
# A far point of tiny weight: the cost is carried by the upper tail.
x, a, y, b = [0.0, 1.0, 1e8], [0.5, 0.5 - 1e-12, 1e-12], [0.0, 1.0], [0.5, 0.5]
out["weighted"].append({"order": 2, "x": x, "a": a, "y": y, "b": b, "value": number(quantile_merge(x, a, y, b, 2))})

for p in (1, 2, 3.5):
    x = sorted((rng.standard_normal(6) * 1.5).round(6))
    ends = [-mp.inf] + [mixture_quantile(mp.mpf(i) / 6) for i in range(1, 6)] + [mp.inf]
    cost = mp.mpf(0)
    for point, low, high in zip(x, ends, ends[1:]):
        cuts = {z for z in [mp.mpf(point), mp.mpf(-1), mp.mpf("1.5"), mp.mpf(-4), mp.mpf(4)] if low < z < high}
        cost += mp.quad(lambda z: abs(z - point) ** p * mixture_density(z), [low, *sorted(cuts), high])
    out["sample_to_law"].append({"order": p, "x": list(map(float, x)), "law": MIXTURE, "value": number(cost ** (1 / mp.mpf(p)))})

for p in (1, 2, 3):
    gap = lambda z: z - normal_quantile(mixture_cdf(z))
    grid = [mp.mpf(k) / 8 for k in range(-40, 33)]
    roots = [mp.findroot(gap, (s, t), solver="anderson", tol=1e-60, verify=False) for s, t in zip(grid, grid[1:]) if gap(s) * gap(t) < 0]
    cuts = sorted([mp.mpf(-8), mp.mpf(-2), mp.mpf(-1), mp.mpf(0), mp.mpf("0.75"), mp.mpf("1.5"), mp.mpf(2), mp.mpf(5), *roots])
    with mp.workdps(60):
        cost = mp.quad(lambda z: abs(gap(z)) ** p * mixture_density(z), cuts)
    out["laws"].append({"order": p, "left": MIXTURE, "right": NORMAL, "value": number(cost ** (1 / mp.mpf(p)))})

for d in (1, 2, 16, 1000, 10000):
    for a in (0, 1e-3, 1, 30, 1e4):
        x = mp.mpf(a) ** 2 / 2
        with mp.workdps(60):
            central = mp.sqrt(2) * mp.exp(mp.loggamma((d + 1) / mp.mpf(2)) - mp.loggamma(d / mp.mpf(2)))
            value = central * mp.hyp1f1(-0.5, mp.mpf(d) / 2, -x, maxterms=10**7)
        out["isotropic"].append({"dim": d, "shift": a, "value": number(value)})

for d in (2, 3, 6):
    roots = [mp.matrix(rng.standard_normal((d, d)).round(3).tolist()) for _ in range(2)]
    first, second = (r * r.T for r in roots)
    eigen, vectors = mp.eigsy(first)
    half = vectors * mp.diag([mp.sqrt(e) for e in eigen]) * vectors.T
    inner = mp.eigsy(half * second * half, eigvals_only=True)
    trace = lambda m: sum(m[i, i] for i in range(d))
    square = trace(first) + trace(second) - 2 * sum(mp.sqrt(e) for e in inner)
    flat = lambda m: [[number(m[i, j]) for j in range(d)] for i in range(d)]
    out["bures"].append({"first": flat(first), "second": flat(second), "value": number(mp.sqrt(square))})

for eps in (1.0, 0.1):
    x, y = rng.standard_normal((6, 2)).round(4), rng.standard_normal((5, 2)).round(4)
    a, b = rng.random(6), rng.random(5)
    a, b = a / a.sum(), b / b.sum()
    cost = ((x[:, None, :] - y[None, :, :]) ** 2).sum(-1)
    kernel = mp.matrix([[mp.exp(-mp.mpf(c) / eps) for c in row] for row in cost.tolist()])
    u, v = mp.matrix([1] * 6), mp.matrix([1] * 5)
    for _ in range(4000):
        ku = kernel * v
        u = mp.matrix([mp.mpf(a[i]) / ku[i] for i in range(6)])
        kv = kernel.T * u
        v = mp.matrix([mp.mpf(b[j]) / kv[j] for j in range(5)])
    plan = [[u[i] * kernel[i, j] * v[j] for j in range(5)] for i in range(6)]
    linear = sum(plan[i][j] * cost[i, j] for i in range(6) for j in range(5))
    entropy = sum(plan[i][j] * mp.log(plan[i][j] / (mp.mpf(a[i]) * mp.mpf(b[j]))) for i in range(6) for j in range(5))
    assert abs((ot.sinkhorn(a, b, cost, eps, numItermax=10**5, stopThr=1e-14) * cost).sum() / float(linear) - 1) < 1e-9
    out["sinkhorn"].append(
        {"reg": eps, "x": x.tolist(), "a": list(a), "y": y.tolist(), "b": list(b), "cost": number(linear), "entropic": number(linear + eps * entropy)}
    )

print(json.dumps(out))

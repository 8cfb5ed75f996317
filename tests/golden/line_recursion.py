"""Golden values of the population recursion on the line, by a method that shares nothing with the crate's.

    python3 line_recursion.py > line_recursion.csv

f_t lives on a fixed uniform grid and is interpolated by splines of degree 7; posterior expectations are Gauss-Hermite sums with 40 points;
W_1, W_2 and the energy deficit are Gauss-Legendre integrals over labels y of |f_T(x) - y| etc. with x = F_T^{-1}(F_1(y)) by bisection and the
sign changes of the integrand as panel ends. Uniform angles on [0.01, pi/2 - 0.001], X_T at its true law. Needs numpy and scipy.
Each case is computed on two grids; the columns *_change are the relative changes from the coarser one.
"""
import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.special import ndtr

CASES = [
    # steps, half-width of the grid, weights, means, standard deviations
    (50, 7.0, [0.5, 0.5], [-0.7, 0.7], [0.6, 0.6]),
    (400, 7.0, [0.5, 0.5], [-0.7, 0.7], [0.6, 0.6]),
    (50, 8.0, [0.5, 0.5], [-1.5, 1.5], [0.5, 0.5]),
    (1600, 8.0, [0.5, 0.5], [-1.5, 1.5], [0.5, 0.5]),
    (64, 8.0, [0.5, 0.3, 0.2], [-1.5, 0.5, 2.0], [0.4, 0.5, 0.3]),
    (200, 9.0, [0.3, 0.7], [-1.0, 0.5], [0.9, 0.35]),
    (16, 12.0, [0.6, 0.4], [0.0, 0.5], [0.5, 1.2]),
]
NODES, HERMITE = np.polynomial.hermite_e.hermegauss(40)
HERMITE = HERMITE / HERMITE.sum()
GAUSS = np.polynomial.legendre.leggauss(12)


class Mixture:
    def __init__(self, angle, w, m, s):
        self.w, self.m = w, np.cos(angle) * m
        self.s = np.sqrt(np.cos(angle) ** 2 * s**2 + np.sin(angle) ** 2)

    def cdf(self, y):
        return (self.w * ndtr((y[:, None] - self.m) / self.s)).sum(1)

    def sf(self, y):
        return (self.w * ndtr(-(y[:, None] - self.m) / self.s)).sum(1)

    def pdf(self, y):
        return (self.w * np.exp(-0.5 * ((y[:, None] - self.m) / self.s) ** 2) / self.s).sum(1) / np.sqrt(2 * np.pi)


def recursion(angles, edge, points, w, m, s):
    x = np.linspace(-edge, edge, points)
    f = x.copy()
    for p, c in zip(angles[:-1], angles[1:]):
        spline = make_interp_spline(x, f, k=7)
        right, left = spline(edge, 1), spline(-edge, 1)
        now, before = Mixture(c, w, m, s), Mixture(p, w, m, s)
        cov = np.cos(c) * np.cos(p) * s**2 + np.sin(c) * np.sin(p)
        logit = np.log(w) - 0.5 * ((x[:, None] - now.m) / now.s) ** 2 - np.log(now.s)
        post = np.exp(logit - logit.max(1, keepdims=True))
        post /= post.sum(1, keepdims=True)
        centre = before.m + cov / now.s**2 * (x[:, None] - now.m)
        spread = s * np.sin(c - p) / now.s
        new = np.zeros_like(x)
        for z, h in zip(NODES, HERMITE):
            if h < 1e-18:
                continue
            y = centre + spread * z
            value = spline(np.clip(y, -edge, edge)) + right * np.maximum(y - edge, 0) + left * np.minimum(y + edge, 0)
            new += h * (post * value).sum(1)
        f = new
    return make_interp_spline(x, f, k=7)


def transport(source, image, y, edge):
    lower, upper = source.cdf(y), source.sf(y)
    lo, hi = np.full_like(y, -edge), np.full_like(y, edge)
    for _ in range(60):
        mid = 0.5 * (lo + hi)
        below = np.where(lower < upper, image.cdf(mid) < lower, image.sf(mid) > upper)
        lo, hi = np.where(below, mid, lo), np.where(below, hi, mid)
    return 0.5 * (lo + hi)


def measure(angles, edge, spline, w, m, s):
    data, last = Mixture(angles[0], w, m, s), Mixture(angles[-1], w, m, s)

    def error(y):
        return spline(np.clip(transport(data, last, y, edge), -edge, edge)) - y

    # Where less than 1e-17 of the mass is left the integrand is negligible.
    ends = [(m - 8.5 * s).min(), (m + 8.5 * s).max()]
    panels = np.linspace(*ends, 1201)
    values = error(panels)
    roots = []
    for a, b, fa, fb in zip(panels[:-1], panels[1:], values[:-1], values[1:]):
        if fa * fb < 0:
            for _ in range(50):
                c = 0.5 * (a + b)
                if (error(np.array([c]))[0] < 0) == (fa < 0):
                    a = c
                else:
                    b = c
            roots.append(0.5 * (a + b))
    panels = np.sort(np.concatenate([panels, roots]))
    half = 0.5 * np.diff(panels)
    y = (0.5 * (panels[1:] + panels[:-1])[:, None] + half[:, None] * GAUSS[0]).ravel()
    mass = (half[:, None] * GAUSS[1]).ravel() * data.pdf(y)
    e = error(y)
    return np.array([(np.abs(e) * mass).sum(), np.sqrt((e**2 * mass).sum()), -(e * (2 * y + e) * mass).sum()])


if __name__ == "__main__":
    print("steps,weights,means,stds,w1,w2,energy_deficit,w1_change,w2_change,energy_deficit_change")
    for steps, edge, w, m, s in CASES:
        w, m, s = (np.array(v, float) for v in (w, m, s))
        angles = np.linspace(0.01, np.pi / 2 - 0.001, steps)
        coarse, fine = (measure(angles, edge, recursion(angles, edge, points, w, m, s), w, m, s) for points in (3001, 5001))
        change = np.abs(fine / coarse - 1)
        words = [";".join(repr(float(x)) for x in v) for v in (w, m, s)]
        print(",".join([str(steps), *words, *(repr(float(x)) for x in fine), *(f"{x:.1e}" for x in change)]), flush=True)

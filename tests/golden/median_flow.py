"""W_1 of the transport along the posterior median, the limit of consistency training under the absolute loss as the steps become fine.

    python3 median_flow.py > median_flow.csv

dx/dtheta = med(Y | X_theta = x), Y = dX_theta/dtheta, from pi/2 - 0.001 to 0.01, started at the law of X; Y given X and a component of the target is
Gaussian with mean -sin m + sin cos (1 - s^2)/v (x - cos m) and standard deviation s/sqrt(v), v = cos^2 s^2 + sin^2. Runge-Kutta of order 4 from the
points of a uniform grid, interpolated by a spline of degree 7; W_1 as in line_recursion.py. The column change is against half as many steps.
Needs numpy and scipy.
"""
import numpy as np
from line_recursion import measure
from scipy.interpolate import make_interp_spline
from scipy.special import ndtr

EDGE = 9.0
ENDS = (0.01, np.pi / 2 - 0.001)
CASES = [([0.3, 0.7], [-1.0, 0.5], [0.9, 0.35]), ([0.2, 0.8], [-0.6, 0.4], [0.5, 0.5])]


def median(angle, x, w, m, s):
    sin, cos = np.sin(angle), np.cos(angle)
    v = cos**2 * s**2 + sin**2
    offset = x[:, None] - cos * m
    logit = np.log(w) - 0.5 * offset**2 / v - 0.5 * np.log(v)
    share = np.exp(logit - logit.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    centre, width = -sin * m + sin * cos * (1 - s**2) / v * offset, s / np.sqrt(v)
    lo, hi = centre.min(1), centre.max(1)
    y = 0.5 * (lo + hi)
    for _ in range(100):
        z = (y[:, None] - centre) / width
        excess = (share * (ndtr(z) - ndtr(-z))).sum(1)
        lo, hi = np.where(excess < 0, y, lo), np.where(excess > 0, y, hi)
        new = y - excess * np.sqrt(np.pi / 2) / (share * np.exp(-0.5 * z * z) / width).sum(1)
        new = np.where((new >= lo) & (new <= hi), new, 0.5 * (lo + hi))
        if np.abs(new - y).max() < 1e-15:
            break
        y = new
    return new


def transport(steps, w, m, s):
    x = np.linspace(-EDGE, EDGE, 3001)
    y, h = x.copy(), (ENDS[0] - ENDS[1]) / steps
    for i in range(steps):
        a = ENDS[1] + i * h
        k1 = median(a, y, w, m, s)
        k2 = median(a + h / 2, y + h / 2 * k1, w, m, s)
        k3 = median(a + h / 2, y + h / 2 * k2, w, m, s)
        k4 = median(a + h, y + h * k3, w, m, s)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return make_interp_spline(x, y, k=7)


if __name__ == "__main__":
    print("weights,means,stds,w1,change")
    for case in CASES:
        w, m, s = (np.array(v) for v in case)
        coarse, fine = (measure(np.array(ENDS), EDGE, transport(n, w, m, s), w, m, s)[0] for n in (200, 400))
        print(",".join([*(";".join(repr(float(v)) for v in part) for part in case), repr(float(fine)), f"{abs(fine / coarse - 1):.1e}"]), flush=True)

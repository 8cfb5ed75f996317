"""The peer of `cargo bench --bench line_recursion`: the population recursion on the line with NumPy and SciPy.

    python3 line_recursion.py STEPS

The same mixture and levels; f on 801 points of [-7, 7] by quintic splines, posterior expectations by five-point Gauss-Hermite rules in
each component. Prints seconds and W_1 = E|f_T(X_T) - Phi_T(X_T)| at the law of X_T.
"""

import sys
import time

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.stats import norm

STEPS, EDGE = int(sys.argv[1]), 7.0
WEIGHTS, MEANS, STDS = np.array([0.5, 0.3, 0.2]), np.array([-1.5, 0.5, 2.0]), np.array([0.4, 0.5, 0.3])
X = np.linspace(-EDGE, EDGE, 801)
ANGLES = np.linspace(0.01, np.pi / 2 - 0.001, STEPS)
NODES, MASSES = np.polynomial.hermite_e.hermegauss(5)
MASSES = MASSES / MASSES.sum()


def marginal(angle):
    return np.cos(angle) * MEANS, np.hypot(np.cos(angle) * STDS, np.sin(angle))


def cdf(angle, x):
    mean, std = marginal(angle)
    return norm.cdf((x[:, None] - mean) / std) @ WEIGHTS


def density(angle, x):
    mean, std = marginal(angle)
    return norm.pdf((x[:, None] - mean) / std) @ (WEIGHTS / std)


def extended(f):
    """The spline of f, linear beyond the ends."""
    spline = make_interp_spline(X, f, k=5)
    left, right = spline(-EDGE, 1), spline(EDGE, 1)
    return lambda x: spline(np.clip(x, -EDGE, EDGE)) + left * np.minimum(x + EDGE, 0) + right * np.maximum(x - EDGE, 0)


def step(f, before, now):
    mean, std = marginal(now)
    mean_before, std_before = marginal(before)
    covariance = np.cos(now) * np.cos(before) * STDS**2 + np.sin(now) * np.sin(before)
    shares = WEIGHTS / std * np.exp(-0.5 * ((X[:, None] - mean) / std) ** 2)
    shares /= shares.sum(1, keepdims=True)
    centres = mean_before + covariance / std**2 * (X[:, None] - mean)
    widths = np.sqrt(np.maximum(std_before**2 - (covariance / std) ** 2, 0))
    g = extended(f)
    return sum(w * (shares * g(centres + z * widths)).sum(1) for z, w in zip(NODES, MASSES))


start = time.perf_counter()
f = X.copy()
for before, now in zip(ANGLES[:-1], ANGLES[1:]):
    f = step(f, before, now)
seconds = time.perf_counter() - start

# The flow to the first level, by bisection; W_1 by the trapezoidal rule.
below = cdf(ANGLES[-1], X)
low, high = np.full_like(X, -12.0), np.full_like(X, 12.0)
for _ in range(80):
    middle = 0.5 * (low + high)
    left = cdf(ANGLES[0], middle) < below
    low, high = np.where(left, middle, low), np.where(left, high, middle)
error = np.where((below > 1e-10) & (below < 1 - 1e-10), f - 0.5 * (low + high), 0)
print(seconds, float((np.abs(error) * density(ANGLES[-1], X)).sum() * (X[1] - X[0])))

"""Golden values of the population recursion on the line under the pseudo-Huber loss sqrt(r^2 + c^2) - c and the absolute loss, by a method that
shares nothing with the crate's.

    python3 robust_line.py > robust_line.csv

f_t lives on a fixed uniform grid and is interpolated by splines of degree 7. Given X_t = x the M-estimate m of g(X_{t-1}), g = f_{t-1}, solves
E psi(g - m) = 0, psi(r) = r/sqrt(r^2 + c^2). The expectation is a trapezoidal sum in s, u = u0 + l sinh(s), l = min(c/g'(u0), w) with w the smallest
standard deviation of a component: psi is then close to tanh(s) and all is analytic in a strip. m is found by safeguarded Newton steps on fixed
points, u0 = g^{-1}(m) moved there, four times over. The absolute loss has m = g(posterior median). W_1, W_2 and the energy deficit as in
line_recursion.py; loss_sum is the sum over t of the minimal losses E[rho(g - m)], squares of the residuals apart in square_sum. .3 N(-1, .9^2) +
.7 N(.5, .35^2), uniform angles on [0.01, pi/2 - 0.001], X_T at its true law. Needs numpy and scipy.
Each case is computed on two grids with two rules; the columns *_change are the relative changes from the coarser one.
"""
import sys

import numpy as np
from line_recursion import Mixture, measure
from scipy.interpolate import make_interp_spline
from scipy.special import ndtr

EDGE = 9.0
W, M, S = np.array([0.3, 0.7]), np.array([-1.0, 0.5]), np.array([0.9, 0.35])
CASES = [(steps, c) for steps in (50, 200) for c in (0.3, 0.1, 0.03, 0.01, 0.003, 0.0)]


class Step:
    """The posterior of X_{t-1} at all x of the grid."""

    def __init__(self, before, now, x):
        self.angle, p, q = now, Mixture(before, W, M, S), Mixture(now, W, M, S)
        logit = np.log(W) - 0.5 * ((x[:, None] - q.m) / q.s) ** 2 - np.log(q.s)
        share = np.exp(logit - logit.max(1, keepdims=True))
        self.share = share / share.sum(1, keepdims=True)
        cov = np.cos(now) * np.cos(before) * S**2 + np.sin(now) * np.sin(before)
        self.centre = p.m + cov / q.s**2 * (x[:, None] - q.m)
        self.width = S * np.sin(now - before) / q.s

    def density(self, u):
        sum_ = 0.0
        for k, w in enumerate(self.width):
            z = (u - self.centre[:, k : k + 1]) / w
            sum_ = sum_ + self.share[:, k : k + 1] * np.exp(-0.5 * z * z) / (w * np.sqrt(2 * np.pi))
        return sum_

    def median(self):
        lo, hi = self.centre.min(1), self.centre.max(1)
        u = 0.5 * (lo + hi)
        for _ in range(200):
            z = (u[:, None] - self.centre) / self.width
            excess = (self.share * (ndtr(z) - ndtr(-z))).sum(1)
            lo, hi = np.where(excess < 0, u, lo), np.where(excess > 0, u, hi)
            slope = 2 * (self.share * np.exp(-0.5 * z * z) / self.width).sum(1) / np.sqrt(2 * np.pi)
            new = u - excess / slope
            new = np.where((new >= lo) & (new <= hi), new, 0.5 * (lo + hi))
            if np.all(np.abs(new - u) < 1e-15):
                break
            u = new
        return new


def extended(spline):
    right, left = spline(EDGE, 1), spline(-EDGE, 1)
    return lambda y: spline(np.clip(y, -EDGE, EDGE)) + right * np.maximum(y - EDGE, 0) + left * np.minimum(y + EDGE, 0)


def huber(step, g, slope, c, spacing):
    u0 = step.median()
    for _ in range(4):
        length = np.minimum(c / slope(u0), step.width.min())
        reach = np.maximum(np.abs(step.centre - u0[:, None]) + 9 * step.width, 0).max(1)
        end = np.arcsinh(reach / length)
        count = int(np.ceil(2 * end.max() / spacing))
        s = end[:, None] * np.linspace(-1, 1, count + 1)
        u = u0[:, None] + length[:, None] * np.sinh(s)
        weight = step.density(u) * length[:, None] * np.cosh(s)
        weight /= weight.sum(1, keepdims=True)
        value = g(u)
        lo, hi = value.min(1), value.max(1)
        m = g(u0)
        for _ in range(100):
            r = value - m[:, None]
            root = np.sqrt(r * r + c * c)
            excess = (weight * r / root).sum(1)
            lo, hi = np.where(excess > 0, m, lo), np.where(excess < 0, m, hi)
            new = m + excess / (weight * (c * c) / root**3).sum(1)
            new = np.where((new >= lo) & (new <= hi), new, 0.5 * (lo + hi))
            moved = np.abs(new - m).max()
            m = new
            if moved < 1e-14:
                break
        r = value - m[:, None]
        loss = (weight * r * r / (np.sqrt(r * r + c * c) + c)).sum(1)
        square = (weight * r * r).sum(1)
        for _ in range(3):
            u0 = u0 + (m - g(u0)) / slope(u0)
    return m, loss, square


def median(step, g, spacing):
    u0 = step.median()
    m = g(u0)
    node, weight = np.polynomial.legendre.leggauss(int(6 / spacing))
    loss = square = 0.0
    for sign in (-1, 1):
        far = (np.abs(step.centre - u0[:, None]) + 9 * step.width).max(1)
        u = u0[:, None] + sign * 0.5 * far[:, None] * (node + 1)
        w = 0.5 * far[:, None] * weight * step.density(u)
        r = g(u) - m[:, None]
        loss, square = loss + (w * np.abs(r)).sum(1), square + (w * r * r).sum(1)
    return m, loss, square


def recursion(angles, points, c, spacing):
    x = np.linspace(-EDGE, EDGE, points)
    f, losses = x.copy(), np.zeros(2)
    for before, now in zip(angles[:-1], angles[1:]):
        spline = make_interp_spline(x, f, k=7)
        g, rate = extended(spline), spline.derivative()
        step = Step(before, now, x)
        slope = lambda y: rate(np.clip(y, -EDGE, EDGE))
        f, loss, square = huber(step, g, slope, c, spacing) if c > 0 else median(step, g, spacing)
        p = Mixture(now, W, M, S).pdf(x) * (x[1] - x[0])
        losses += [(p * loss).sum(), (p * square).sum()]
    return make_interp_spline(x, f, k=7), losses


if __name__ == "__main__":
    names = ["w1", "w2", "energy_deficit", "loss_sum", "square_sum"]
    print(",".join(["steps", "c", *names, *(n + "_change" for n in names)]), flush=True)
    for steps, c in CASES:
        angles = np.linspace(0.01, np.pi / 2 - 0.001, steps)
        found = []
        for points, spacing in ((1501, 0.15), (2401, 0.11)):
            spline, losses = recursion(angles, points, c, spacing)
            found.append(np.concatenate([measure(angles, EDGE, spline, W, M, S), losses]))
        change = np.abs(found[1] / found[0] - 1)
        print(",".join([str(steps), repr(c), *(repr(float(v)) for v in found[1]), *(f"{v:.1e}" for v in change)]), flush=True)

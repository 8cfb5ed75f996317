"""Log-density, score and posterior covariance of noisy curves, by mpmath quadrature over the latent variable (30 digits).

Writes noisy_curve.csv: target, angle, x0, x1, ln p, s0, s1, c00, c01, c11 with c = Cov(X_0 | X_theta = x).
Parameters: moons noise 0.1; banana width 1, height 0.5, noise 0.2; arc radius 2, sweep 3, noise 0.05.
"""

import csv
import pathlib

from mpmath import cos, exp, inf, linspace, log, mp, mpf, pi, quad, sin, sqrt

mp.dps = 30


def arc(centre, radius, start, sweep, weight):
    return (
        lambda u: (centre[0] + radius * cos(u), centre[1] + radius * sin(u)),
        lambda u: weight / sweep,
        linspace(start, start + sweep, 41),
    )


def parabola(width, height):
    return (
        lambda u: (width * u, height * (u * u - 1)),
        lambda u: exp(-u * u / 2) / sqrt(2 * pi),
        linspace(-10, 10, 161),
    )


half = mpf(1) / 2
TARGETS = {
    "moons": ([arc((0, 0), 1, 0, pi, half), arc((1, half), 1, pi, pi, half)], mpf("0.1")),
    "banana": ([parabola(1, half)], mpf("0.2")),
    "arc": ([arc((0, 0), 2, -mpf(3) / 2, 3, 1)], mpf("0.05")),
}
POINTS = [(mpf("0.3"), mpf("0.7")), (mpf("-1.5"), mpf("0.25")), (mpf("2.5"), mpf("-0.5")), (mpf("-4"), mpf("5"))]
ANGLES = [mpf(0), mpf("0.1"), mpf("0.8"), mpf("1.5")]

rows = []
for name, (parts, noise) in TARGETS.items():
    for angle in ANGLES:
        c, s2 = cos(angle), sin(angle) ** 2
        v = (c * noise) ** 2 + s2
        for x in POINTS:

            def square(p):
                return (x[0] - c * p[0]) ** 2 + (x[1] - c * p[1]) ** 2

            # The smallest distance at the knots is taken out: quad stops at an absolute error.
            nearest = min(square(curve(u)) for curve, _, knots in parts for u in knots)

            def average(g):
                total = mpf(0)
                for curve, density, knots in parts:

                    def f(u):
                        p = curve(u)
                        return g(p) * density(u) * exp((nearest - square(p)) / (2 * v))

                    total += quad(f, knots)
                return total

            mass = average(lambda p: 1)
            m = [average(lambda p: p[j]) / mass for j in (0, 1)]
            second = {
                (i, j): average(lambda p: (p[i] - m[i]) * (p[j] - m[j])) / mass for i, j in ((0, 0), (0, 1), (1, 1))
            }
            share = s2 / v
            own = noise**2 * share
            cov = [share**2 * second[0, 0] + own, share**2 * second[0, 1], share**2 * second[1, 1] + own]
            score = [(c * m[j] - x[j]) / v for j in (0, 1)]
            values = [angle, *x, log(mass / (2 * pi * v)) - nearest / (2 * v), *score, *cov]
            rows.append([name, *(mp.nstr(value, 20) for value in values)])

with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    csv.writer(file).writerows(rows)

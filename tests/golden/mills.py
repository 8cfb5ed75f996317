"""Coefficients of Mills' ratio in src/numeric/special/normal.rs: the Chebyshev series of (z + 5) e^{z^2/2} N(-z) in t = (z - 5)/(z + 5), as
powers of t, highest first. Prints them and the largest relative error of their evaluation in double precision, in units of 2^-52."""

from mpmath import cos, erfc, exp, mp, mpf, nstr, pi, sqrt

mp.dps = 50
A, DEGREE, POINTS = 5, 23, 50


def mills(z):
    return exp(z * z / 2) * erfc(z / sqrt(2)) / 2


angles = [pi * (j + mpf(1) / 2) / POINTS for j in range(POINTS)]
values = []
for angle in angles:
    z = A * (1 + cos(angle)) / (1 - cos(angle))
    values.append((z + A) * mills(z))
series = [(2 if k else 1) * sum(f * cos(k * a) for f, a in zip(values, angles)) / POINTS for k in range(DEGREE + 1)]

powers = [mpf(0)] * (DEGREE + 1)
before, now = [mpf(1)], [mpf(0), mpf(1)]
for k in range(DEGREE + 1):
    for i, v in enumerate(before):
        powers[i] += series[k] * v
    after = [mpf(0)] + [2 * v for v in now]
    for i, v in enumerate(before):
        after[i] -= v
    before, now = now, after

coefficients = [float(v) for v in reversed(powers)]
for c in coefficients:
    print(repr(c))

worst = 0
for i in range(4001):
    z = i * 0.01
    inverse = 1.0 / (z + A)
    t = (z - A) * inverse
    total = 0.0
    for c in coefficients:
        total = total * t + c
    worst = max(worst, abs(mpf(total * inverse) / mills(mpf(z)) - 1))
print("error", nstr(worst / mpf(2) ** -52, 3))

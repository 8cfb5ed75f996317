"""Gelbrich's bound between clouds of integers, 60 digits: python3 tests/golden/gelbrich.py > tests/golden/gelbrich.csv

Columns: dimension, rows of both clouds, the bound, coordinates of the first cloud, of the second, counts of the rows (weights over 64).
"""

import random

import mpmath as mp

mp.mp.dps = 60
rng = random.Random(7)
EPS = mp.mpf(10) ** -40


def root(a):
    values, vectors = mp.eigsy(a)
    return vectors * mp.diag([mp.sqrt(v) if v > EPS * (1 + abs(values[len(values) - 1])) else 0 for v in values]) * vectors.T


def moments(points, counts):
    total, d = sum(counts), len(points[0])
    mean = [mp.mpf(sum(c * p[j] for p, c in zip(points, counts))) / total for j in range(d)]
    entry = lambda i, j: sum(c * (p[i] - mean[i]) * (p[j] - mean[j]) for p, c in zip(points, counts)) / total
    return mp.matrix(mean), mp.matrix(d, d) + mp.matrix([[entry(i, j) for j in range(d)] for i in range(d)])


def bound(x, a, y, b):
    (m, s), (n, t) = moments(x, a), moments(y, b)
    r = root(s)
    inner = r * t * r
    values = mp.eigsy((inner + inner.T) / 2, eigvals_only=True)
    scale = 1 + max(abs(v) for v in values)
    nuclear = sum(mp.sqrt(v) for v in values if v > scale * EPS)
    square = sum((m[i] - n[i]) ** 2 for i in range(len(m))) + sum(s[i, i] + t[i, i] for i in range(s.rows)) - 2 * nuclear
    return mp.sqrt(square) if square > scale * mp.mpf(10) ** -30 else mp.mpf(0)


def counts(rows, weighted):
    """All one, or of sum 64."""
    if not weighted:
        return [1] * rows
    cuts = sorted(rng.sample(range(1, 64), rows - 1))
    return [b - a for a, b in zip([0, *cuts], [*cuts, 64])]


for case in range(240):
    d, n, m = rng.randrange(1, 7), rng.randrange(1, 12), rng.randrange(1, 12)
    offset, step, weighted = rng.choice([0, 0, 10**6, 2**40]), rng.choice([1, 1, 1000]), case % 3 == 2
    cloud = lambda rows, size: [[offset + step * rng.randrange(-size, size + 1) for _ in range(d)] for _ in range(rows)]
    x = cloud(n, 3)
    # Every fourth second cloud is a translation of the first.
    y = [[v + step * (j + 1) for j, v in enumerate(p)] for p in x] if case % 4 == 3 else cloud(m, rng.choice([1, 3, 9]))
    a, b = counts(len(x), weighted), counts(len(y), weighted)
    if case % 4 == 3:
        b = a
    numbers = lambda values: " ".join(str(v) for v in values)
    flat = lambda points: numbers(v for p in points for v in p)
    weights = numbers(a + b) if weighted else ""
    print(f"{d},{len(x)},{len(y)},{mp.nstr(bound(x, a, y, b), 20)},{flat(x)},{flat(y)},{weights}")

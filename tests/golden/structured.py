"""Bures distances of structured covariances, 60 digits: python3 tests/golden/structured.py > tests/golden/structured.csv

Columns: dimension, distance, entries of the first covariance, entries of the second. All entries are integers.
"""

import random

import mpmath as mp

mp.mp.dps = 60
rng = random.Random(12)


def gram(d, rank, low=-3, high=4):
    x = [[rng.randrange(low, high) for _ in range(d)] for _ in range(rank)]
    return [[sum(x[k][i] * x[k][j] for k in range(rank)) for j in range(d)] for i in range(d)]


def embedded(d):
    """A block in the last rows and columns, zero elsewhere."""
    size = rng.randrange(1, d + 1)
    small = gram(size, rng.randrange(1, size + 1))
    return [[small[i - d + size][j - d + size] if min(i, j) >= d - size else 0 for j in range(d)] for i in range(d)]


KINDS = [
    lambda d: [[int(i == j) for j in range(d)] for i in range(d)],
    lambda d: [[1] * d for _ in range(d)],
    lambda d: [[10 * (i == j) + 9 * (i != j) for j in range(d)] for i in range(d)],
    lambda d: [[(i + 1) * (i == j) for j in range(d)] for i in range(d)],
    lambda d: [[2 * (i == j) - (abs(i - j) == 1) for j in range(d)] for i in range(d)],
    lambda d: gram(d, 1),
    lambda d: gram(d, rng.randrange(1, d + 1)),
    lambda d: gram(d, d + 2),
    lambda d: [[v * 10**6 for v in row] for row in gram(d, d)],
    embedded,
    lambda d: [[0] * d for _ in range(d)],
]


def root(a):
    values, vectors = mp.eigsy(a)
    return vectors * mp.diag([mp.sqrt(v) if v > mp.mpf(10) ** -40 else 0 for v in values]) * vectors.T


def distance(a, b):
    r = root(a)
    inner = r * b * r
    values = mp.eigsy((inner + inner.T) / 2, eigvals_only=True)
    scale = mp.mpf(1) + max(abs(v) for v in values)
    nuclear = sum(mp.sqrt(v) for v in values if v > scale * mp.mpf(10) ** -40)
    square = sum(a[i, i] + b[i, i] for i in range(a.rows)) - 2 * nuclear
    return mp.sqrt(square) if square > scale * mp.mpf(10) ** -30 else mp.mpf(0)


for case in range(330):
    d = rng.randrange(1, 8)
    first = KINDS[case % len(KINDS)](d)
    second = rng.choice(KINDS)(d)
    entries = " ".join(str(v) for m in (first, second) for row in m for v in row)
    print(f"{d},{mp.nstr(distance(mp.matrix(first), mp.matrix(second)), 20)},{entries}")

"""Golden values of the second derivative of the flow on the line, and of the terms T1, T2 and local of the error recursion.

    python3 second_order.py > second_order.csv

Needs mpmath. 60 digits throughout: Phi = F_to^{-1}(F_from) by bisection, its derivatives by mpmath's numerical differentiation of that map
(none of the crate's formulas is used), posterior moments by tanh-sinh quadrature over X_0. The means E|T2| integrate p_t |T2| over x, with the
closed form of Phi'' checked against the numerical one; the sign changes of T2 are panel ends.
"""
from mpmath import erfc, exp, findroot, inf, log, mp, mpf, pi, quad, sqrt, diff, linspace

mp.dps = 60
T = 16
TARGETS = {
    "three": ([".2", ".5", ".3"], ["-1.6", ".1", "1.2"], [".3", ".5", ".2"]),
    "two": ([".5", ".5"], ["-1", "1"], [".3", ".3"]),
}
C0, C1 = mpf(2), mpf(4)


def alphas():
    r, first = C1 * log(T) / T, mpf(T) ** -C0
    betas = [first] + [r * min(first * (1 + r) ** t, mpf(1)) for t in range(2, T + 1)]
    out, product = [], mpf(1)
    for b in betas:
        product *= 1 - b
        out.append(product)
    return [None] + out


ALPHA = alphas()
COS = [None] + [sqrt(a) for a in ALPHA[1:]]
SIN = [None] + [sqrt(1 - a) for a in ALPHA[1:]]


class Law:
    def __init__(self, name):
        self.w, self.m, self.s = ([mpf(v) for v in part] for part in TARGETS[name])

    def at(self, t):
        return [(w, COS[t] * m, sqrt(ALPHA[t] * s**2 + 1 - ALPHA[t])) for w, m, s in zip(self.w, self.m, self.s)]


def density(law, x):
    return sum(w * exp(-((x - m) / s) ** 2 / 2) / (s * sqrt(2 * pi)) for w, m, s in law)


def score(law, x):
    return sum(w * exp(-((x - m) / s) ** 2 / 2) / (s * sqrt(2 * pi)) * (m - x) / s**2 for w, m, s in law) / density(law, x)


def cdf(law, x):
    return sum(w * erfc((m - x) / (s * sqrt(2))) / 2 for w, m, s in law)


def transport(a, b, x):
    u = cdf(a, x)
    images = [m + s * (x - m0) / s0 for (_, m, s), (_, m0, s0) in zip(b, a)]
    low, high = min(images) - mpf("1e-30"), max(images) + mpf("1e-30")
    while high - low > mpf(10) ** -18:
        middle = (low + high) / 2
        low, high = (middle, high) if cdf(b, middle) < u else (low, middle)
    y = (low + high) / 2
    for _ in range(3):
        y -= (cdf(b, y) - u) / density(b, y)
    return y


def moments(law, t, x):
    """Mean and variance of X_0 given X_t = x, by quadrature."""
    ends = sorted({*(m + k * s for m, s in zip(law.m, law.s) for k in (-12, -4, 0, 4, 12)), x / COS[t]})
    weight = lambda z: density(list(zip(law.w, law.m, law.s)), z) * exp(-((x - COS[t] * z) / SIN[t]) ** 2 / 2)
    mass, first, second = (quad(lambda z: weight(z) * z**k, ends) for k in range(3))
    return first / mass, second / mass - (first / mass) ** 2


def slope_and_bend(a, b, x):
    y = transport(a, b, x)
    slope = density(a, x) / density(b, y)
    return y, slope, slope * (score(a, x) - score(b, y) * slope)


def second(law, t, x):
    """phi, T1, T2 at x."""
    now, before, first = law.at(t), law.at(t - 1), law.at(1)
    phi = transport(now, before, x)
    turn = (SIN[t] * COS[t - 1] - COS[t] * SIN[t - 1]) / SIN[t]
    mean, variance = moments_closed(law, t, x)
    drift = SIN[t - 1] / SIN[t] * x + turn * mean - phi
    _, slope, bend = slope_and_bend(before, first, phi)
    return phi, slope * drift, bend * (turn**2 * variance + drift**2) / 2, bend


def moments_closed(law, t, x):
    parts = [(w * exp(-((x - m) / s) ** 2 / 2) / s, m, s) for w, m, s in law.at(t)]
    total = sum(p for p, _, _ in parts)
    means = [m0 + COS[t] * s0**2 / s**2 * (x - m) for (m0, s0), (_, m, s) in zip(zip(law.m, law.s), parts)]
    mean = sum(p * z for (p, _, _), z in zip(parts, means)) / total
    own = [s0**2 * SIN[t] ** 2 / s**2 for s0, (_, _, s) in zip(law.s, parts)]
    return mean, sum(p * (v + (z - mean) ** 2) for (p, _, _), v, z in zip(parts, own, means)) / total


def mean_second(law, t):
    """E|T2(X_t)| as an integral over the image y of X_t at level 1, where the map is steep no more: panels between the sign changes of T2."""
    mp.dps = 20
    now, first = law.at(t), law.at(1)
    f = lambda y: density(first, y) * second(law, t, transport(first, now, y))[2]
    low, high = min(m - 8 * s for _, m, s in first), max(m + 8 * s for _, m, s in first)
    grid = linspace(low, high, 161)
    values = [f(y) for y in grid]
    ends = [grid[0]]
    for i in range(160):
        if values[i] * values[i + 1] < 0:
            a, b = grid[i], grid[i + 1]
            for _ in range(40):
                c = (a + b) / 2
                a, b = (c, b) if f(c) * values[i] > 0 else (a, c)
            ends.append((a + b) / 2)
        if i % 4 == 3:
            ends.append(grid[i + 1])
    ends = sorted(set(ends))
    total = sum(abs(quad(f, [a, b], method="gauss-legendre", maxdegree=4)) for a, b in zip(ends, ends[1:]))
    mp.dps = 60
    return total


def main():
    print("quantity,target,t,x,phi,bend,first_order,second_order")
    cases = [("three", t, x) for t in (4, 8, 12, 16) for x in ("-2.3", "-.8", "-.05", ".4", "1.7")]
    cases += [("two", t, x) for t in (6, 10, 12, 16) for x in ("-1.5", "-.2", "-.01", "0", ".003", ".6")]
    for name, t, text in cases:
        law, x = Law(name), mpf(text)
        phi, t1, t2, bend = second(law, t, x)
        if t in (12, 16) and text in ("-.8", "-.2"):
            numerical = diff(lambda z: transport(law.at(t - 1), law.at(1), z), phi, 2, h=mpf(10) ** -12)
            assert abs(numerical - bend) < mpf(10) ** -12 * (1 + abs(bend)), (numerical, bend)
            mean, variance = moments(law, t, x)
            closed = moments_closed(law, t, x)
            assert abs(mean - closed[0]) + abs(variance - closed[1]) < mpf(10) ** -20
        print(f"point,{name},{t},{text},{mp.nstr(phi, 20)},{mp.nstr(bend, 20)},{mp.nstr(t1, 20)},{mp.nstr(t2, 20)}")
    for t in (10, 12, 16):
        print(f"mean,two,{t},,,,,{mp.nstr(mean_second(Law('two'), t), 12)}", flush=True)


main()

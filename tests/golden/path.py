"""Predictions and consistency functions of .3 N(-1, .4^2) + .7 N(1, .4^2) in the conventions of five paths, in 40-digit arithmetic.

Each path is written out on its own: the law of x = a X_0 + b Z is the mixture with means a m_k and variances a^2 s^2 + b^2; nothing goes through the angle.
The flow to sigma_min = .002 is the monotone map between the laws of X_0 + sigma Z, by its distribution functions.

Usage: python path.py > path.csv
Columns: sigma (tan of the angle), path, time, a, b, x, denoised, noise, score, flow_velocity (D, eps, grad log p of x, eps - D); for edm also F of the
preconditioned denoiser with sigma_data = .5 and the flow to sigma_min; for trig also the network F with sigma_data = .5 (nan elsewhere).
"""

from mpmath import atan2, cos, erfc, exp, findroot, mp, mpf, nstr, pi, sin, sqrt

mp.dps = 40
W, M, S2 = [mpf("0.3"), mpf("0.7")], [mpf(-1), mpf(1)], mpf("0.16")
SIGMA_MIN, SD = mpf("0.002"), mpf("0.5")


def posterior(a, b, x):
    v = a * a * S2 + b * b
    p = [w * exp(-((x - a * m) ** 2) / (2 * v)) for w, m in zip(W, M)]
    total = sum(p)
    denoised = sum(pk * (m * b * b + a * S2 * x) / v for pk, m in zip(p, M)) / total
    score = sum(pk * (a * m - x) / v for pk, m in zip(p, M)) / total
    return denoised, (x - a * denoised) / b, score


def tails(sigma, x):
    s = sqrt(2 * (S2 + sigma * sigma))
    return (sum(w * erfc((m - x) / s) for w, m in zip(W, M)) / 2, sum(w * erfc((x - m) / s) for w, m in zip(W, M)) / 2)


def flow(sigma, x):
    below, above = tails(sigma, x)
    side = 0 if below < above else 1
    target = (below, above)[side]
    low, high = mpf(-10), mpf(10)
    for _ in range(200):
        middle = (low + high) / 2
        if (tails(SIGMA_MIN, middle)[0] < below) if side == 0 else (tails(SIGMA_MIN, middle)[1] > above):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def line(*values):
    print(",".join(v if isinstance(v, str) else nstr(v, 25) for v in values))


line("sigma", "path", "time", "a", "b", "x", "denoised", "noise", "score", "flow_velocity", "network", "flow")
for sigma in [mpf("1e-12"), mpf("0.002"), mpf("0.3"), mpf(1), mpf(6), mpf(80), mpf("1e9")]:
    angle = atan2(sigma, 1)
    for unit in [mpf("-1.3"), mpf("0.25"), mpf("1.1")]:  # the point of the angle
        t = atan2(sigma, SD)
        s = sigma / (1 + sigma)
        paths = [
            ("vp", cos(angle) ** 2, cos(angle), sin(angle)),
            ("edm", sigma, mpf(1), sigma),
            ("trig", t, cos(t), SD * sin(t)),
            ("linear", s, 1 - s, s),
            ("linear-from-noise", 1 - s, 1 - s, s),
        ]
        for name, time, a, b in paths:
            x = sqrt(a * a + b * b) * unit
            d, e, score = posterior(a, b, x)
            network, image = mpf("nan"), mpf("nan")
            if name == "edm":
                skip, out = SD**2 / (sigma**2 + SD**2), sigma * SD / sqrt(sigma**2 + SD**2)
                network = (d - skip * x) / out
                image = flow(sigma, x) if sigma >= SIGMA_MIN else image
            if name == "trig":
                # x_t = cos t x_0 + sin t z, z = sigma_data Z; D = cos t x - sin t sigma_data F.
                network = (cos(t) * x - d) / (sin(t) * SD)
            line(sigma, name, time, a, b, x, d, e, score, e - d, network, image)

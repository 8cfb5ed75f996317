"""Golden values for tests/schedule.rs: levels of every schedule at 60 digits, written to schedule.csv.

    python3 schedule.py > schedule.csv

Columns: schedule, T, t, cos(theta_t), sin(theta_t), sin(theta_t - theta_{t-1}), beta_t. The products are formed term by term from the
float parameters a user passes (1e-4 is the float nearest to 1e-4).
"""
import mpmath as mp

mp.mp.dps = 60
F = mp.mpf


def rows_from_betas(name, T, beta, wanted):
    ln_alpha_bar = mp.mpf(0)
    cos_before, sin_before = F(1), F(0)
    for t in range(1, T + 1):
        b = beta(t)
        ln_alpha_bar += mp.log1p(-b)
        if t in wanted or t + 1 in wanted:
            cos = mp.exp(ln_alpha_bar / 2)
            sin = mp.sqrt(-mp.expm1(ln_alpha_bar))
            if t in wanted:
                show(name, T, t, cos, sin, sin * cos_before - cos * sin_before, b)
            cos_before, sin_before = cos, sin


def rows_from_levels(name, T, level, wanted):
    for t in wanted:
        cos, sin = level(t)
        cos_before, sin_before = level(t - 1) if t > 1 else (F(1), F(0))
        beta = 1 - (cos / cos_before) ** 2
        show(name, T, t, cos, sin, sin * cos_before - cos * sin_before, beta)


def show(name, T, t, cos, sin, sin_delta, beta):
    print(",".join([name, str(T), str(t)] + [mp.nstr(v, 20, min_fixed=0, max_fixed=0) for v in (cos, sin, sin_delta, beta)]))


def paper(T, c0, c1):
    first, r = F(T) ** (-c0), c1 * mp.log(T) / T
    log_growth = mp.log1p(r)
    plateau = int(mp.ceil(-mp.log(first) / log_growth))
    return lambda t: first if t == 1 else (r if t > plateau else r * min(first * mp.exp(t * log_growth), F(1)))


def linear(T):
    low, high = F(1e-4 * (1000.0 / T)), F(0.02 * (1000.0 / T))
    return lambda t: low + (high - low) * (t - 1) / (T - 1)


def cosine(T):
    s, cap = F(0.008), F(0.999)
    half = mp.pi / 2
    last = [0, mp.cos(s / (1 + s) * half) ** 2]

    def beta(t):
        assert t == last[0] + 1
        now = mp.cos((F(t) / T + s) / (1 + s) * half) ** 2
        b = min(1 - now / last[1], cap)
        last[:] = [t, now]
        return b

    return beta


def angle(T, low, high):
    low, high = F(low), F(high)

    def level(t):
        theta = low + (high - low) * (t - 1) / (T - 1)
        return mp.cos(theta), mp.sin(theta)

    return level


def karras(T):
    low, high = F(0.002) ** (F(1) / 7), F(80) ** (F(1) / 7)

    def level(t):
        sigma = (low + (high - low) * (t - 1) / (T - 1)) ** 7
        return 1 / mp.sqrt(1 + sigma**2), sigma / mp.sqrt(1 + sigma**2)

    return level


print("schedule,steps,t,cos,sin,sin_delta,beta")
for T in (50, 1000, 10**6):
    wanted = [1, 2, 3, T // 2, T - 1, T]
    rows_from_betas("paper", T, paper(T, 2, 4), wanted)
    rows_from_betas("linear", T, linear(T), wanted)
    rows_from_betas("cosine", T, cosine(T), wanted)
    rows_from_levels("angle", T, angle(T, 0.01, 1.57), wanted)
    rows_from_levels("karras", T, karras(T), wanted)

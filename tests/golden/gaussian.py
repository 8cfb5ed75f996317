"""Population consistency training of Gaussians on the line in 50-digit arithmetic, independent of the crate.

Runs the linear recursion itself, slope by slope: E[X_{t-1} | X_t] by Tweedie's formula, not the angle psi of the closed form.
Writes gaussian.csv with the columns variance,steps,w1_marginal,energy_deficit,gain for the schedule of Li, Huang and Wei with
c0 = 2, c1 = 4.  Usage: python gaussian.py > gaussian.csv
"""

from mpmath import log, mp, mpf, pi, sqrt

mp.dps = 50


def angles(steps, c0=2, c1=4):
    """cos and sin of the noise angles theta_1 .. theta_T."""
    first = mpf(steps) ** -c0
    rate = c1 * log(mpf(steps)) / steps
    alpha_bar, levels, growth = mpf(1), [], first
    for t in range(1, steps + 1):
        growth *= 1 + rate
        beta = first if t == 1 else rate * min(growth, mpf(1))
        alpha_bar *= 1 - beta
        levels.append((sqrt(alpha_bar), sqrt(1 - alpha_bar)))
    return levels


def run(variance, steps):
    levels = angles(steps)
    gain = mpf(1)
    v1 = levels[0][0] ** 2 * variance + levels[0][1] ** 2
    for (c_before, s_before), (c, s) in zip(levels, levels[1:]):
        v = c * c * variance + s * s
        denoiser = c * variance / v
        sin_delta = s * c_before - c * s_before
        gain *= (s_before + sin_delta * denoiser) / s
    v_last = levels[-1][0] ** 2 * variance + levels[-1][1] ** 2
    w1 = (sqrt(v1) - gain * sqrt(v_last)) * sqrt(2 / pi)
    return w1, v1 - gain**2 * v_last, gain


print("variance,steps,w1_marginal,energy_deficit,gain")
for variance, steps in [
    ("1", 256), ("1", 1024), ("1", 4096), ("1", 65536),
    ("0.01", 64), ("0.01", 1024), ("0.25", 256), ("4", 256), ("25", 1024), ("1e4", 512), ("1e-6", 512),
]:
    w1, deficit, gain = run(mpf(variance), steps)
    print(f"{variance},{steps},{mp.nstr(w1, 22)},{mp.nstr(deficit, 22)},{mp.nstr(gain, 22)}")

"""Mean ratio A_d(k) = I_{d/2}(k)/I_{d/2-1}(k) and ln(Gamma(d/2) (2/k)^{d/2-1} I_{d/2-1}(k)) - k, in high precision.

Usage: python bessel.py > bessel.csv  (columns dim,kappa,ratio,ln_normaliser)
"""

from mpmath import besseli, exp, hyp0f1, hyp2f0, log, mp, mpf, nstr, pi, sqrt


def scaled(nu, k):
    """e^{-k} I_nu(k): by its asymptotic series in 1/k where k is beyond the reach of the power series."""
    if k > 1e6 and k > 50 * nu * nu:
        return hyp2f0(nu + mpf(1) / 2, mpf(1) / 2 - nu, 1 / (2 * k)) / sqrt(2 * pi * k)
    return exp(-k) * besseli(nu, k, maxterms=10**6)


print("dim,kappa,ratio,ln_normaliser")
for dim in [2, 3, 5, 20, 101, 1000, 10000]:
    for kappa in ["1e-12", "1e-3", "1", "15", "100", "3000", "1e5", "1e12"]:
        mp.dps = 60
        k, nu = mpf(kappa), mpf(dim) / 2 - 1
        low, high = scaled(nu, k), scaled(nu + 1, k)
        if k < 1:
            ln = log(hyp0f1(nu + 1, k * k / 4)) - k
        else:
            ln = log(mp.gamma(nu + 1)) + nu * log(2 / k) + log(low)
        print(f"{dim},{kappa},{nstr(high / low, 20)},{nstr(ln, 20)}")

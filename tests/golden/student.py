"""Golden values for the Student-t intervals of tests/rates.rs: two-sided quantiles at 30 digits, by bisection, written to student.csv.

    python3 student.py > student.csv
"""
import mpmath as mp

mp.mp.dps = 30


def tail(t, nu):
    return mp.betainc(nu / 2, mp.mpf(1) / 2, 0, nu / (nu + t * t), regularized=True)


print("confidence,freedom,quantile")
for confidence in (0.5, 0.9, 0.95, 0.99, 0.999999):
    for nu in (1, 2, 3, 5, 10, 29, 100, 1000):
        alpha = 1 - mp.mpf(confidence)
        low, high = mp.mpf(-15), mp.mpf(20)
        while high - low > mp.mpf(10) ** -22:
            middle = (low + high) / 2
            low, high = (middle, high) if tail(mp.exp(middle), mp.mpf(nu)) > alpha else (low, middle)
        print(f"{confidence},{nu},{mp.nstr(mp.exp(low), 20)}")

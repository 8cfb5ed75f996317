"""Golden values for tests/bound.rs at 40 digits, written to bound.csv.

    python3 bound.py > bound.csv

`mean_norm`: sqrt(2) Gamma((d+1)/2)/Gamma(d/2). `ln_steps`: -5 W_{-1}(-K^{-1/5}/5) by the Lambert function.
"""
import mpmath as mp

mp.mp.dps = 40
print("quantity,argument,value")
for d in (1, 2, 3, 5, 10, 31, 32, 33, 34, 50, 100, 784, 10**4, 10**6):
    x = mp.mpf(d) / 2
    print(f"mean_norm,{d},{mp.nstr(mp.sqrt(2) * mp.exp(mp.loggamma(x + 0.5) - mp.loggamma(x)), 20)}")
for k in ("0.05", "0.1", "1", "100", "1e6", "1e20", "1e100", "1e280"):
    scale = mp.mpf(float(k))
    print(f"ln_steps,{k},{mp.nstr(-5 * mp.lambertw(-(scale ** mp.mpf('-0.2')) / 5, -1).real, 20)}")

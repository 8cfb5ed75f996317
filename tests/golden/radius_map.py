"""Radius maps of spheres by monotone transport of noncentral chi laws, in 30-digit arithmetic: quadrature of the density and bisection.

Usage: python radius_map.py > radius_map.csv  (columns dim,rho,angle_from,angle_to,radius,image)
"""

from mpmath import besseli, cos, exp, findroot, mp, mpf, nstr, quad, sin

mp.dps = 30


def density(dim, rho, angle):
    m, s, nu = cos(angle) * rho, sin(angle), mpf(dim) / 2 - 1

    def p(r):
        y, k = r / s, m * r / s**2
        return y * (r / m) ** nu * exp(-((r - m) ** 2) / (2 * s * s)) * besseli(nu, k) * exp(-k) / s

    return p, m, s


def below(dim, rho, angle, r):
    p, _, s = density(dim, rho, angle)
    edges = [max(mpf(0), r - k * s) for k in (40, 20, 12, 8, 5, 3, 2, 1)] + [r]
    return quad(p, sorted(set(edges)))


print("dim,rho,angle_from,angle_to,radius,image")
for dim, rho, start, stop, score in [
    (2, 1, "1.4", "0.3", -1), (2, 1, "0.3", "1.4", 1), (3, 2, "1.5", "0.1", "0.5"), (20, 4, "1.3", "0.2", -2), (20, 4, "0.2", "1.3", 2), (5, 1, "0.9", "1.2", 0),
]:
    start, stop, score = mpf(start), mpf(stop), mpf(score)
    middle = lambda a: (cos(a) ** 2 * rho**2 + (dim - 1) * sin(a) ** 2) ** mpf("0.5")
    r = middle(start) + mpf("0.6") * score * sin(start)
    mass = below(dim, rho, start, r)
    guess = middle(stop) + mpf("0.6") * score * sin(stop)
    image = findroot(lambda y: below(dim, rho, stop, y) - mass, (guess, guess * mpf("1.02")), solver="secant", tol=1e-24)
    print(",".join([str(dim), str(rho), nstr(start, 5), nstr(stop, 5), nstr(r, 20), nstr(image, 20)]))

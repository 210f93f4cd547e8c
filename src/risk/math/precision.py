"""Where the numbers in this folder come from: needs Python 3 and mpmath (1.4 was used), nothing else uses it.

    python3 precision.py fit          prints the coefficients of exp.ts, log.ts, mills.ts and normal.ts
    python3 precision.py references   writes reference.json here and ../options/reference.json: values to 60 digits,
                                      rounded once to the nearest double, that the tests compare with

A fit is a rational function P/Q found by linear least squares on Chebyshev nodes, reweighted (Sanathanan-Koerner for the
denominator, Lawson for the largest error) until its relative error is close to the least possible. Everything is computed
with 90 digits; the errors printed are of the fit itself, before its coefficients are rounded to doubles.
"""

import json
import pathlib
import random
import sys

from mpmath import cos, coth, erfc, erfinv, exp, log, lu_solve, matrix, mp, mpf, nstr, pi, sqrt

mp.dps = 90
HERE = pathlib.Path(__file__).parent


def mills(u):
    return sqrt(pi / 2) * exp(u * u / 2) * erfc(u / sqrt(mpf(2)))


def cdf(z):
    return erfc(-z / sqrt(mpf(2))) / 2


def pdf(z):
    return exp(-z * z / 2) / sqrt(2 * pi)


def quantile(p, guess):
    """z < 0 with cdf(z) = p, by Newton's method on the logarithm."""
    z, target = mpf(guess), log(p)
    for _ in range(100):
        step = (log(cdf(z)) - target) * cdf(z) / pdf(z)
        z -= step
        if abs(step) < mpf(10) ** (20 - mp.dps):
            return z
    raise ArithmeticError(f"no quantile for {p}")


def tail_distance(r):
    """The quantile's distance from 0 as a function of r = sqrt(-2 ln p)."""
    guess = -r + (log(2 * pi) + 2 * log(r)) / (2 * r)
    return -quantile(exp(-r * r / 2), guess)


def horner(c, x):
    total = mpf(0)
    for k in reversed(c):
        total = total * x + k
    return total


def fit(name, f, a, b, n, m, rounds=25):
    nodes = 4 * (n + m + 1)
    xs = [(mpf(a) + b) / 2 + (mpf(b) - a) / 2 * cos(pi * (2 * i + 1) / (2 * nodes)) for i in range(nodes)]
    ys = [f(x) for x in xs]
    q_at, weight, best = [mpf(1)] * nodes, [mpf(1)] * nodes, None
    for turn in range(rounds):
        rows, right = matrix(nodes, n + 1 + m), matrix(nodes, 1)
        for i, (x, y) in enumerate(zip(xs, ys)):
            w = weight[i] / (q_at[i] * y)
            for j in range(n + 1):
                rows[i, j] = w * x**j
            for j in range(1, m + 1):
                rows[i, n + j] = -w * y * x**j
            right[i] = w * y
        c = lu_solve(rows.T * rows, rows.T * right)
        p, q = [c[j] for j in range(n + 1)], [mpf(1)] + [c[n + j] for j in range(1, m + 1)]
        q_at = [horner(q, x) for x in xs]
        errors = [abs(horner(p, x) / q_x / y - 1) for x, q_x, y in zip(xs, q_at, ys)]
        largest = max(errors)
        if best is None or largest < best[0]:
            best = (largest, p, q)
        if turn > 2:
            weight = [w * sqrt(e / largest + mpf("1e-3")) for w, e in zip(weight, errors)]
            weight = [w / max(weight) for w in weight]
    largest, p, q = best
    print(f"\n{name}: degree {n}/{m} on [{nstr(mpf(a), 6)}, {nstr(mpf(b), 6)}], largest relative error {nstr(largest, 2)}")
    print("  P", [float(x) for x in p])
    if m > 0:
        print("  Q", [float(x) for x in q])


def fit_all():
    def exp_kernel(t):
        r = sqrt(t)
        return (r * coth(r / 2) - 2) / t

    def log_kernel(z):
        s = sqrt(z)
        return (log((1 + s) / (1 - s)) - 2 * s) / (s * z)

    def scaled_tail(u):
        return sqrt(2 / pi) * mills(u)

    def scaled_tail_far(w):
        u = 1 / sqrt(w)
        return u * scaled_tail(u)

    def middle(v):
        q = sqrt(mpf("0.180625") - v)
        return sqrt(mpf(2)) * erfinv(2 * q) / q

    s_max = (sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)
    margin = mpf("1.01") ** 2
    fit("exp", exp_kernel, 0, (log(2) / 2) ** 2 * margin, 4, 0)
    fit("log", log_kernel, 0, s_max**2 * margin, 6, 0)
    fit("scaled tail, u < 4", scaled_tail, 0, 4, 7, 8)
    fit("scaled tail, u >= 4, in 1/u^2", scaled_tail_far, 0, mpf(1) / 16, 6, 6)
    fit("quantile, middle, in 0.425^2 - q^2", middle, 0, mpf("0.180625"), 7, 7)
    fit("quantile, tail, in r - 2.25", lambda v: tail_distance(v + mpf("2.25")), mpf("0.02"), mpf("3.75"), 7, 7)
    fit("quantile, far tail, in r - 6", lambda v: tail_distance(v + 6), 0, mpf("32.7"), 7, 7)


def rounded(x):
    return float(x)


def references():
    mp.dps = 60
    rng = random.Random(20240108)
    spread = lambda a, b, n: [rng.uniform(a, b) for _ in range(n)]
    table = {}

    def add(name, f, xs):
        table[name] = [[x, rounded(f(mpf(x)))] for x in xs]

    add("exp", exp, [0.0, 1.0, -1.0, 1e-300, 709.78, -708.0, -745.0] + spread(-2, 2, 20) + spread(-700, 700, 20))
    add("log", log, [1.0, 2.0, 0.5, 5e-324, 1.7e308, 1 + 2**-40] + spread(0.5, 2, 20) + [rng.uniform(1, 9) * 10.0**k for k in range(-300, 301, 30)])
    add("millsRatio", mills, [0.0, 4.0, 1e8] + spread(0, 4, 25) + spread(4, 40, 15))
    add("normalPdf", pdf, [0.0, -1.0, 37.5] + spread(-10, 10, 20) + spread(10, 37, 10))
    add("normalCdf", cdf, [0.0, -37.5, 8.0] + spread(-37, 0, 25) + spread(-3, 6, 25))
    add("erfc", erfc, [0.0, 26.0, -5.0] + spread(-3, 3, 25) + spread(3, 26, 20))
    add("erfcx", lambda x: exp(x * x) * erfc(x), [0.0, -26.0, 1e6] + spread(-3, 3, 25) + spread(3, 50, 20) + spread(-26, -3, 10))

    def z_of(p):
        if p < mpf("0.5"):
            r = sqrt(-2 * log(p))
            return quantile(p, -tail_guess(r))
        return -z_of(1 - p) if p > mpf("0.5") else mpf(0)

    def tail_guess(r):
        return r - (log(2 * pi) + 2 * log(r)) / (2 * r) if r > 2 else r * mpf("0.5")

    probabilities = [0.5, 0.075, 0.925, 1e-300, 5e-324, 1 - 2**-53] + spread(0, 1, 25) + [10.0 ** rng.uniform(-300, 0) for _ in range(20)]
    add("inverseNormalCdf", z_of, probabilities)
    (HERE / "reference.json").write_text(json.dumps(table, separators=(",", ":")).replace("]],", "]],\n") + "\n")

    # Options: [sign, forward, strike, years, vol, discount], then price, delta, gamma, vega, theta, rho, vanna, volga.
    rows = []
    for i in range(240):
        forward = 10 ** rng.uniform(-3, 5)
        total = 10 ** rng.uniform(-3, 0.7)
        h = rng.uniform(-1, 1) * (3 if i % 3 == 0 else 8 if i % 3 == 1 else 15)
        years = 10 ** rng.uniform(-3, 1)
        given = [rng.choice([1, -1]), forward, rounded(forward * exp(-h * total)), years, total / years**0.5, rng.uniform(0.5, 1)]
        sign, f, k, t, v, d = [mpf(x) for x in given]
        s = v * sqrt(t)
        d1 = log(f / k) / s + s / 2
        d2 = d1 - s
        price = d * sign * (f * cdf(sign * d1) - k * cdf(sign * d2))
        vega = d * f * pdf(d1) * sqrt(t)
        greeks = [
            price,
            sign * d * cdf(sign * d1),
            d * pdf(d1) / (f * s),
            vega,
            -d * f * pdf(d1) * v / (2 * sqrt(t)) - log(d) / t * price,
            sign * d * k * t * cdf(sign * d2),
            -d * pdf(d1) * d2 / v,
            vega * d1 * d2 / v,
        ]
        if price > mpf(10) ** -250:
            rows.append(given + [rounded(x) for x in greeks])
    text = json.dumps(rows, separators=(",", ":")).replace("],", "],\n")
    (HERE.parent / "options" / "reference.json").write_text(text + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["fit"]:
        fit_all()
    elif sys.argv[1:] == ["references"]:
        references()
    else:
        sys.exit(__doc__)

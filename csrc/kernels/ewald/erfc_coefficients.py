"""Coefficients of the complementary error function and of 2**f, as erfc_coefficients.h has them.

    python erfc_coefficients.py > erfc_coefficients.h

erfc(y) = exp(-y**2) t P(t) with t = 1 / (1 + p y) (the form of C. Hastings, Approximations for
Digital Computers (1955)); P has the least largest error of erfc for y from 0 to 7, found by
exchange of the points of reference (E. Remez) in arithmetic of 60 digits. 2**f, for f from -1/2 to
1/2, likewise, of the relative error.
"""

from decimal import Decimal, getcontext

getcontext().prec = 60
PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899863"
)


def scaled_erfc(y: Decimal) -> Decimal:
    """exp(y**2) erfc(y): the series of erf, with digits to lose in the difference."""
    getcontext().prec = 110
    term = total = y
    n = 0
    while term > total * Decimal(10) ** -110:
        n += 1
        term *= 2 * y * y / (2 * n + 1)
        total += term
    result = (y * y).exp() - 2 / PI.sqrt() * total
    getcontext().prec = 60
    return +result


def solve(rows: list[list[Decimal]]) -> list[Decimal]:
    """Gaussian elimination; the right-hand side is the last column."""
    n = len(rows)
    for i in range(n):
        pivot = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for k in range(n):
            if k != i:
                factor = rows[k][i] / rows[i][i]
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[n] / row[i] for i, row in enumerate(rows)]


def polynomial(coefficients: list[Decimal], x: Decimal) -> Decimal:
    """Evaluate a polynomial, its constant term first."""
    total = Decimal(0)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def best(
    xs: list[Decimal], values: list[Decimal], weights: list[Decimal], degree: int
) -> tuple[list[Decimal], Decimal]:
    """Return the polynomial whose largest weighted error is least, and that error."""
    n = degree + 2
    chosen = [round((len(xs) - 1) * k / (n - 1)) for k in range(n)]
    for _ in range(60):
        rows = [
            [xs[i] ** k for k in range(degree + 1)] + [(-1) ** j / weights[i], values[i]]
            for j, i in enumerate(chosen)
        ]
        *coefficients, level = solve(rows)
        errors = [
            (polynomial(coefficients, x) - value) * weight
            for x, value, weight in zip(xs, values, weights, strict=True)
        ]
        # The largest error of each stretch of one sign, and of these the n largest in a row.
        peaks: list[int] = []
        for i, error in enumerate(errors):
            if peaks and (errors[peaks[-1]] > 0) == (error > 0):
                if abs(error) > abs(errors[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > n:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        worst = max(map(abs, errors))
        if peaks == chosen or len(peaks) < n or worst < abs(level) * Decimal("1.0001"):
            break
        chosen = peaks
    return coefficients, worst


def of_erfc(p: Decimal, degree: int, n_points: int) -> tuple[list[Decimal], Decimal]:
    """Return P, and the largest error of erfc."""
    ys = [7 * Decimal(k) / n_points for k in range(n_points + 1)]
    ts = [1 / (1 + p * y) for y in ys]
    values = [scaled_erfc(y) / t for y, t in zip(ys, ts, strict=True)]
    return best(ts, values, [t * (-y * y).exp() for y, t in zip(ys, ts, strict=True)], degree)


def of_power(degree: int) -> tuple[list[Decimal], Decimal]:
    """Return the polynomial of 2**f, and its largest relative error."""
    fs = [Decimal(2 * k + 1) / 1600 for k in range(-400, 400)]
    values = [Decimal(2) ** f for f in fs]
    return best(fs, values, [1 / value for value in values], degree)


def show(name: str, numbers: list[Decimal], type_name: str) -> None:
    """Print an array of C."""
    digits, mark = (10, "f") if type_name == "float" else (18, "")
    body = ", ".join(f"{number:.{digits}e}{mark}" for number in numbers)
    print(f"static const {type_name} {name}[{len(numbers)}] = {{{body}}};")


if __name__ == "__main__":
    print("/* Made by erfc_coefficients.py; the errors named are the largest ones. */")
    for type_name, p, degree, power_degree in (("float", "0.39", 5, 5), ("double", "0.35", 13, 10)):
        erfc, worst = of_erfc(Decimal(p), degree, 300)
        power, worst_power = of_power(power_degree)
        print(f"\n/* erfc: {worst:.1e}; powers of 2: {worst_power:.1e} */")
        suffix = "f" if type_name == "float" else ""
        print(f"static const {type_name} erfc_argument_{type_name} = {p}{suffix};")
        show(f"erfc_coefficients_{type_name}", erfc, type_name)
        show(f"power_coefficients_{type_name}", power, type_name)

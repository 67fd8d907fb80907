"""Coefficients of the arc tangent, as arc_tangent_coefficients.h has them.

    python arc_tangent_coefficients.py > arc_tangent_coefficients.h

atan(r) = r + r z P(z) with z = r**2, for r from 0 to tan(22.5 degrees). P passes through the
function at the points of P. L. Chebyshev, in arithmetic of 50 digits.
"""

from decimal import Decimal, getcontext
from math import cos, pi

getcontext().prec = 50
DEGREE = 10
LARGEST = (Decimal(2).sqrt() - 1) ** 2


def series(z: Decimal) -> Decimal:
    """(atan(r) / r - 1) / z by its series in z."""
    return sum((-1) ** k * z ** (k - 1) / (2 * k + 1) for k in range(1, 80))


def interpolated(points: list[Decimal]) -> list[Decimal]:
    """Return the polynomial through points of the series, its constant term first (Newton)."""
    differences = [series(point) for point in points]
    for order in range(1, len(points)):
        for i in range(len(points) - 1, order - 1, -1):
            rise = differences[i] - differences[i - 1]
            differences[i] = rise / (points[i] - points[i - order])
    coefficients = [Decimal(0)] * len(points)
    for point, difference in zip(reversed(points), reversed(differences), strict=True):
        shifted = [Decimal(0), *coefficients[:-1]]
        coefficients = [a - point * b for a, b in zip(shifted, coefficients, strict=True)]
        coefficients[0] += difference
    return coefficients


def error(coefficients: list[Decimal], z: Decimal) -> Decimal:
    """Return the error of the arc tangent."""
    value = sum(c * z**k for k, c in enumerate(coefficients))
    return abs(value - series(z)) * z * z.sqrt()


if __name__ == "__main__":
    angles = [pi * (2 * k + 1) / (2 * DEGREE + 2) for k in range(DEGREE + 1)]
    found = interpolated([LARGEST * (1 + Decimal(cos(angle))) / 2 for angle in angles])
    worst = max(error(found, LARGEST * k / 1000) for k in range(1, 1001))
    print("/* Made by arc_tangent_coefficients.py; the largest error is named. */")
    print(f"\n/* atan(r): {worst:.1e} */")
    numbers = ",\n    ".join(f"{number:.18e}" for number in found)
    print(f"static const double arc_tangent_coefficients[{len(found)}] = {{\n    {numbers}}};")

"""Rounding positions to a stated precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_precision(precision: float | None) -> None:
    """Raise a ValueError for a precision that is no length."""
    if precision is not None and not 0 < precision < math.inf:
        raise ValueError(f"precision: expected a number of nm above 0, got {precision!r}")


def per_nm(precision: float) -> float:
    """Return the reciprocal, a whole number if it is nearly one.

    What is divided by it is the decimal number that is meant: 123 / 1000, not 123 * 0.001.
    """
    reciprocal = 1.0 / precision
    whole = round(reciprocal)
    return float(whole) if abs(reciprocal - whole) < 1e-9 * reciprocal else reciprocal


def rounded(values: NDArray[Any], precision: float) -> NDArray[Any]:
    """Round to multiples of `precision`, in double; the dtype stays.

    Examples
    --------
    >>> rounded(np.array([0.12349, -2.5]), 0.001)
    array([ 0.123, -2.5  ])
    """
    scale = per_nm(precision)
    return (np.rint(values.astype(np.float64) * scale) / scale).astype(values.dtype)


def binary_precision(precision: float) -> float:
    """Return the highest power of two that is not above `precision`.

    Rounded to its multiples, numbers end in zero bits, which compressors like.

    Examples
    --------
    >>> 1 / binary_precision(0.001)
    1024.0
    """
    return math.ldexp(1.0, math.floor(math.log2(precision)))

"""Times that are decimal numbers, where the file has them in the few digits of a float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_DIGITS = 10**5
_MOST_DECIMALS = 15


def decimal_ratio(value: float, tolerance: float) -> tuple[int, int] | None:
    """Return the decimal number of at most five digits that is meant, as a ratio of integers.

    Parameters
    ----------
    value : float
        A number above 0 that has been rounded.
    tolerance : float
        By how much, in parts of it.

    Returns
    -------
    (int, int) or None
        None when there is no such number near enough.

    Examples
    --------
    >>> decimal_ratio(0.0009999999119, 2e-7)
    (1, 1000)
    >>> decimal_ratio(1 / 3, 2e-7) is None
    True
    """
    for decimals in range(_MOST_DECIMALS + 1):
        numerator = round(value * 10**decimals)
        if numerator >= _MOST_DIGITS:
            return None
        if abs(numerator / 10**decimals - value) <= tolerance * value:
            return numerator, 10**decimals
    return None


def as_written(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for float32 numbers the doubles with the fewest decimals that become them.

    A float32 of 0.1 is 0.10000000149 as a double; what was meant is 0.1. Rounded to float32 the
    result is what was given, number for number. Doubles that are no float32 stay as they are.

    Examples
    --------
    >>> as_written(np.array([np.float32(0.1), np.float32(2 / 3), 0.1]))
    array([0.1      , 0.6666667, 0.1      ])
    """
    result = times.copy()
    with np.errstate(over="ignore"):
        todo = np.flatnonzero(np.isfinite(times) & (times.astype(np.float32) == times))
        for decimals in range(_MOST_DECIMALS):
            if not len(todo):
                break
            shorter = np.rint(times[todo] * 10.0**decimals) / 10.0**decimals
            same = shorter.astype(np.float32) == times[todo]
            result[todo[same]] = shorter[same]
            todo = todo[~same]
    return result

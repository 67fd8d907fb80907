"""How many values of a correlated series count as one, and where it has come to equilibrium."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_LAG = 3
"""Up to this lag correlations are summed, whatever their sign; then until one is not positive."""

FEWEST_VALUES = LEAST_LAG + 3
"""With fewer, no correlation beyond the least lag is known."""


class Equilibrium(NamedTuple):
    """From where on a series is in equilibrium."""

    start: float
    """The first value in equilibrium; NaN where there are too few to tell."""
    inefficiency: float
    """Statistical inefficiency of what follows; NaN if that does not vary."""
    n_effective: float
    """How many uncorrelated values that is worth."""


def statistical_inefficiency_of(deviations: Floats) -> float:
    """Return the statistical inefficiency of one series of deviations from its mean.

    Parameters
    ----------
    deviations : (value,) array of float64
        Not all zero.

    Returns
    -------
    float
        At least 1; NaN for fewer than `FEWEST_VALUES`.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.repeat(np.random.default_rng(1).normal(size=2000), 4)
    >>> round(statistical_inefficiency_of(values - values.mean()), 1)
    4.0
    """
    n_values = len(deviations)
    if n_values < FEWEST_VALUES:
        return float("nan")
    transform = np.fft.rfft(deviations, 1 << (2 * n_values - 1).bit_length())
    products = np.fft.irfft(transform.real**2 + transform.imag**2)[1 : n_values - 1]
    lags = np.arange(1, n_values - 1)
    # Over the variance, this is the correlation times 1 - lag / n_values.
    weighted = products / (n_values * (deviations @ deviations / n_values))
    ends = np.flatnonzero((products <= 0.0) & (lags > LEAST_LAG))
    return max(1.0, 1.0 + 2.0 * float(weighted[: ends[0] if ends.size else None].sum()))


def equilibrium_of(values: Floats) -> Equilibrium:
    """Return where one series is in equilibrium: where what follows is worth the most values.

    All starts are looked at together: lag by lag, with sums over what follows each of them. Lags
    are 1, 2, 4, 7, 11, ..., each for those after it up to the next.
    """
    n_values = len(values)
    if n_values < FEWEST_VALUES:
        return Equilibrium(float("nan"), float("nan"), float("nan"))
    # Near the values of the end, so that sums over ends are as precise as those.
    shifted = values - values[n_values // 2 :].mean()
    n_following = np.arange(n_values, 0, -1.0)
    sums = _sums_to_the_end(shifted)
    means = sums / n_following
    variances = _sums_to_the_end(shifted**2) / n_following - means**2
    differing = np.flatnonzero(values != values[-1])
    n_starts = int(differing[-1]) + 1 if differing.size else 0
    if not n_starts:
        return Equilibrium(0, float("nan"), 1.0)
    inefficiencies = np.ones(n_starts)
    unfinished = variances[:n_starts] > 0.0
    lag, step = 1, 1
    while True:
        # What follows a start has to be longer than the lag by two.
        unfinished = unfinished[: max(0, n_values - 1 - lag)]
        left = np.flatnonzero(unfinished)
        if not left.size:
            break
        low, high = int(left[0]), int(left[-1]) + 1
        starts = slice(low, high)
        products = _sums_to_the_end(shifted[low : n_values - lag] * shifted[low + lag :])
        mean, count = means[starts], n_following[starts] - lag
        of_first = sums[starts] - sums[n_values - lag]
        of_second = sums[low + lag : high + lag]
        covariances = products[: high - low] - mean * (of_first + of_second) + count * mean**2
        correlations = covariances / (count * variances[starts])
        if lag > LEAST_LAG:
            unfinished[starts] &= correlations > 0.0
        weights = 2.0 * step * count / n_following[starts]
        inefficiencies[starts] += np.where(unfinished[starts], correlations * weights, 0.0)
        lag, step = lag + step, step + 1
    inefficiencies = np.maximum(inefficiencies, 1.0)
    worth = (n_following[:n_starts] + 1) / inefficiencies
    start = int(worth.argmax())
    inefficiency = float(inefficiencies[start])
    return Equilibrium(start, inefficiency, float(n_following[start]) / inefficiency)


def _sums_to_the_end(values: Floats) -> Floats:
    """Return the sum of each value and all that follow it."""
    sums: Floats = np.cumsum(values[::-1])[::-1]
    return sums

"""Errors of means of correlated values, from the averages of blocks of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Method = Literal["flyvbjerg_petersen", "gromos"]
Floats = NDArray[np.float64]

# gromos++ begins with blocks of 50 values and makes them longer by the tenth root of 2.
_FIRST_BLOCK = 50.0
_GROWTH = 1.07177


class BlockErrors(NamedTuple):
    """Errors of the means of several series; NaN where there are too few values."""

    error: Floats
    """Shape (series,)."""
    error_of_error: Floats
    """Its own standard error, as far as the method knows one."""
    plateau: Floats
    """The length of the blocks that gave it, as far as the method chooses one."""
    lengths: NDArray[np.int64]
    """All lengths of blocks that were looked at, shape (length,)."""
    errors: Floats
    """What blocks of each length show, shape (length, series)."""
    errors_of_errors: Floats
    """The standard errors of these, shape (length, series)."""


def block_errors(deviations: Floats, method: Method) -> BlockErrors:
    """Return the errors of the means of series, given as deviations from them, (series, value)."""
    return METHODS[method](deviations)


def _block_means(series: Floats, length: int) -> Floats:
    """Return the averages of whole blocks, shape (series, block)."""
    n_blocks = series.shape[1] // length
    blocks: Floats = series[:, : n_blocks * length].reshape(len(series), n_blocks, length)
    means: Floats = blocks.mean(axis=2)
    return means


def _flyvbjerg_petersen(deviations: Floats) -> BlockErrors:
    n_series, n_values = deviations.shape
    unknown = np.full(n_series, np.nan)
    error, error_of_error, plateau = unknown.copy(), unknown.copy(), unknown.copy()
    lengths: list[int] = []
    errors, errors_of_errors = [], []
    blocks, length = deviations, 1
    while (n_blocks := blocks.shape[1]) > 1:
        squares = (blocks - blocks.mean(axis=1, keepdims=True)) ** 2
        variances = squares.sum(axis=1) / (n_blocks * (n_blocks - 1))
        if length == 1:
            uncorrelated = variances
        lengths.append(length)
        errors.append(np.sqrt(variances))
        errors_of_errors.append(errors[-1] / np.sqrt(2 * (n_blocks - 1)))
        chosen = np.isnan(error) & (length**3 > 2 * n_values * (variances / uncorrelated) ** 2)
        error = np.where(chosen, errors[-1], error)
        error_of_error = np.where(chosen, errors_of_errors[-1], error_of_error)
        plateau = np.where(chosen, length, plateau)
        blocks, length = _block_means(blocks, 2), 2 * length
    by_length = (len(lengths), n_series)
    return BlockErrors(
        error,
        error_of_error,
        plateau,
        np.array(lengths, np.int64),
        np.reshape(errors, by_length),
        np.reshape(errors_of_errors, by_length),
    )


def _gromos(deviations: Floats) -> BlockErrors:
    n_series, n_values = deviations.shape
    unknown = np.full(n_series, np.nan)
    lengths = []
    length = _FIRST_BLOCK
    while 4 * length < n_values:
        lengths.append(int(length))
        length *= _GROWTH
    inefficiencies = np.empty((len(lengths), n_series))
    for i, length_of_block in enumerate(lengths):
        means = _block_means(deviations, length_of_block)
        inefficiencies[i] = length_of_block * (means**2).mean(axis=1)
    error = unknown
    if len(lengths) > 1:
        inverse = 1 / np.array(lengths)
        x = inverse - inverse.mean()
        slopes = x @ (inefficiencies - inefficiencies.mean(axis=0)) / (x @ x)
        limits = inefficiencies.mean(axis=0) - slopes * inverse.mean()
        error = np.sqrt(np.where(limits >= 0, limits, np.nan) / n_values)
    by_length = np.sqrt(inefficiencies / n_values)
    return BlockErrors(
        error,
        unknown,
        unknown,
        np.array(lengths, np.int64),
        by_length,
        np.full_like(by_length, np.nan),
    )


METHODS: dict[str, Callable[[Floats], BlockErrors]] = {
    "flyvbjerg_petersen": _flyvbjerg_petersen,
    "gromos": _gromos,
}

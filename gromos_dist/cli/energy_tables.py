"""The tables of energies at the end of a run: mean, fluctuation and error of the mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from gromos_dist.analysis import energy_statistics
from gromos_dist.analysis.statistics import strongest_pairs
from gromos_dist.cli.views import Facts

BY_TERM = ("energy", "energy_derivative")
BY_PAIR = ("energy_nonbonded", "energy_derivative_nonbonded")
"""Computed energies, and those that a simulation has written with its derivatives."""

# Of more groups, the pairs are too many to be read in a terminal: the strongest are shown.
_MOST_GROUPS = 8
_MOST_PAIRS = 20
_STATISTICS = ("mean", "fluctuation", "error")


class Row(NamedTuple):
    """One quantity, by its names, and its statistics."""

    names: dict[str, Any]
    values: list[float]


class Block(NamedTuple):
    """Quantities of one kind."""

    variable: str
    title: str
    units: str
    rows: list[Row]


def of_energies(result: xr.Dataset) -> Facts:
    """Sum up energies, pressures and volumes by the statistics of them.

    What is zero in every frame is left out.
    """
    return _told(list(_blocks(_statistics(result))), _left_out(result))


def of_statistics(result: xr.DataArray | xr.Dataset) -> Facts:
    """Show statistics."""
    whole = result.to_dataset() if isinstance(result, xr.DataArray) else result
    return _told(list(_blocks(whole)), ())


def _told(blocks: Sequence[Block], rows: Sequence[tuple[str, str]]) -> Facts:
    several = [block for block in blocks if block.rows and block.rows[0].names]
    tables = [
        _table(_heading(block), [(_name(row), row) for row in block.rows]) for block in several
    ]
    single = [(_heading(block), row) for block in blocks for row in block.rows if not row.names]
    if single:
        tables.append(_table("other quantities", single))
    values = {"statistics": [_plain(block) for block in blocks]}
    return Facts(values, tuple(rows), tuple(tables))


def _table(
    title: str, rows: Sequence[tuple[str, Row]]
) -> tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]:
    header = ("", "mean", "fluctuation", "error of mean")
    return title, header, tuple((name, *numbers(*row.values)) for name, row in rows)


def _heading(block: Block) -> str:
    return f"{block.title} ({block.units})" if block.units else block.title


def _name(row: Row) -> str:
    parts = (" - ".join(of) if isinstance(of, list) else str(of) for of in row.names.values())
    return ", ".join(parts)


def _plain(block: Block) -> dict[str, Any]:
    listed = [
        {**row.names, **dict(zip(_STATISTICS, row.values, strict=True))} for row in block.rows
    ]
    return {"quantity": block.variable, "units": block.units, "values": listed}


def _statistics(result: xr.Dataset) -> xr.Dataset:
    """Return the statistics of what is shown."""
    pairs = {name: _chosen_pairs(result[name]) for name in BY_PAIR if name in result}
    arrays = {
        str(name): array
        for name, array in result.items()
        if name in BY_TERM or array.dims == ("frame",)
    }
    for of_pairs, places in pairs.items():
        if places:
            of = xr.DataArray(places, dims=("pair", "side"))
            arrays[of_pairs] = result[of_pairs].isel(group=of[:, 0], other_group=of[:, 1])
    return energy_statistics(xr.Dataset(arrays)) if arrays else xr.Dataset()


def _blocks(statistics: xr.Dataset) -> Iterator[Block]:
    """Yield the tables, without the rows that are zero."""
    for name, array in statistics.items():
        rows = [row for row in _rows(array) if np.nan_to_num(row.values[:2]).any()]
        title = str(array.attrs.get("long_name") or name)
        yield Block(str(name), title, str(array.attrs.get("units", "")), rows)


def _rows(array: xr.DataArray) -> Iterator[Row]:
    if "pair" in array.dims:
        for one in array.transpose("pair", "nonbonded_term", "statistic"):
            groups = [str(one["group"].values), str(one["other_group"].values)]
            for of in one:
                names = {"groups": groups, "term": str(of["nonbonded_term"].values)}
                yield Row(names, of.values.tolist())
        return
    last = array.transpose(..., "statistic")
    for place in np.ndindex(*last.shape[:-1]):
        names = {
            str(dim): str(last[dim].values[i]) if dim in last.coords else i
            for dim, i in zip(last.dims, place, strict=False)
        }
        yield Row(names, last.values[place].tolist())


def _chosen_pairs(array: xr.DataArray) -> list[tuple[int, int]]:
    """Return the pairs of groups whose energies are shown."""
    n_groups = array.sizes["group"]
    if n_groups > _MOST_GROUPS:
        return strongest_pairs(array, _MOST_PAIRS)
    return [(i, j) for i in range(n_groups) for j in range(i, n_groups)] if n_groups > 1 else []


def _left_out(result: xr.Dataset) -> list[tuple[str, str]]:
    n_groups = result.sizes.get("group", 0)
    if n_groups <= _MOST_GROUPS or not set(BY_PAIR) & set(result):
        return []
    pairs = n_groups * (n_groups - 1) // 2
    return [
        (
            "groups",
            f"{n_groups}, with {pairs} pairs, of which the {_MOST_PAIRS} strongest are shown",
        )
    ]


def numbers(mean: float, fluctuation: float, error: float) -> tuple[str, str, str]:
    """Return the three as text: with three digits of the fluctuation, an unknown error as a dash.

    Examples
    --------
    >>> numbers(-6898.661, 48.94, 11.467)
    ('-6898.7', '48.9', '11.5')
    >>> numbers(2.5, 0.0, float("nan"))
    ('2.5', '0', '-')
    """
    if 1e-6 * max(1.0, abs(mean)) <= fluctuation < 1e7:
        decimals = int(np.clip(2 - np.floor(np.log10(fluctuation)), 0, 9))
        formats = (f".{decimals}f",) * 3
    else:
        formats = (".8g", ".3g", ".3g")
    shown = list(map(format, (mean, fluctuation, error), formats))
    return shown[0], shown[1], "-" if np.isnan(error) else shown[2]

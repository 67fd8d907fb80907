"""The tables of energies at the end of a run: mean, fluctuation and error of the mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from gromos_dist.analysis import energy_statistics
from gromos_dist.cli.summary import Outcome, tell

# Of more groups, the pairs are too many to be read in a terminal.
_MOST_GROUPS = 8
_TERMS = {
    "energy": "term",
    "energy_derivative": "term",
    "energy_nonbonded": "nonbonded_term",
    "energy_derivative_nonbonded": "nonbonded_term",
}

Row = tuple[str, "xr.DataArray"]


def show(title: str, result: xr.Dataset, outcome: Outcome) -> None:
    """Print the statistics of energies, pressures and volumes, and what there is to tell of a run.

    What is zero in every frame is left out.
    """
    statistics = energy_statistics(result[shown]) if (shown := _shown(result)) else xr.Dataset()
    for name, rows in _tables(statistics):
        _print(name, rows)
    tell(title, outcome, _left_out(result))


def _shown(result: xr.Dataset) -> list[str]:
    """Return the variables whose statistics are printed."""
    few = result.sizes.get("group", 0) <= _MOST_GROUPS
    return [
        str(name)
        for name, array in result.items()
        if name in ("energy", "energy_derivative")
        or array.dims == ("frame",)
        or (name in _TERMS and "group" in array.dims and array.sizes["group"] > 1 and few)
    ]


def _left_out(result: xr.Dataset) -> list[tuple[str, str]]:
    n_groups = result.sizes.get("group", 0)
    if n_groups <= _MOST_GROUPS:
        return []
    pairs = n_groups * (n_groups + 1) // 2
    return [("groups", f"{n_groups}; their {pairs} pairs are too many for a table")]


def _tables(statistics: xr.Dataset) -> Iterator[tuple[str, list[Row]]]:
    """Yield titles and rows: a name and the three statistics each."""
    for array in statistics.values():
        title = _heading(array)
        if array.ndim == 2:
            yield title, [(str(of), array.sel(term=of)) for of in array["term"].values]
        elif array.ndim == 4:
            yield title, list(_pairs(array))
    single = [array for array in statistics.values() if array.ndim == 1]
    yield "other quantities", [(_heading(array), array) for array in single]


def _pairs(array: xr.DataArray) -> Iterator[Row]:
    groups = array["group"].values
    for i, group in enumerate(groups):
        for j, other in enumerate(groups[i:], start=i):
            for k, term in enumerate(array["nonbonded_term"].values):
                values = array.isel(group=i, other_group=j, nonbonded_term=k)
                yield f"{group} - {other}, {term}", values


def _heading(array: xr.DataArray) -> str:
    name = str(array.attrs.get("long_name") or array.name)
    unit = str(array.attrs.get("units", ""))
    return f"{name} ({unit})" if unit else name


def _print(title: str, rows: list[Row]) -> None:
    told = [(name, array.values) for name, array in rows if np.nan_to_num(array.values[:2]).any()]
    if not told:
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("", style="cyan")
    for column in ("mean", "fluctuation", "error of mean"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, values in told:
        table.add_row(name, *numbers(*values.tolist()))
    Console().print(table)


def numbers(mean: float, fluctuation: float, error: float) -> tuple[str, str, str]:
    """Return the three as text: with three digits of the fluctuation, an unknown error as a dash.

    Examples
    --------
    >>> numbers(-6898.661, 48.94, 11.467)
    ('-6898.7', '48.9', '11.5')
    >>> numbers(2.5, 0.0, float("nan"))
    ('2.5', '0', '-')
    """
    if not fluctuation > 0.0:
        return f"{mean:.8g}", f"{fluctuation:.3g}", "-" if np.isnan(error) else f"{error:.3g}"
    if fluctuation >= 1e7 or fluctuation < 1e-6 * max(1.0, abs(mean)):
        return f"{mean:.8g}", f"{fluctuation:.3g}", "-" if np.isnan(error) else f"{error:.3g}"
    decimals = int(np.clip(2 - np.floor(np.log10(fluctuation)), 0, 9))
    shown = [f"{value:.{decimals}f}" for value in (mean, fluctuation, error)]
    return shown[0], shown[1], "-" if np.isnan(error) else shown[2]

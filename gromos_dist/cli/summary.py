"""The table at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(
    result: xr.DataArray,
    *,
    atoms: int,
    seconds: float,
    resumed: bool,
    written: Sequence[Path],
    kept: Sequence[Path],
) -> None:
    """Print what was measured, its spread, how long it took and where it is."""
    table = two_columns(str(result.attrs.get("long_name") or result.name))
    add(table, "frames", f"{result.sizes['frame']}")
    add(table, "atoms", f"{atoms}")
    rows = _matrix_rows(result) if result.ndim == 2 else _series_rows(result)
    for name, value in rows:
        add(table, name, value)
    unit = "pairs of frames" if result.ndim == 2 else "frames"
    speed = "" if resumed or not seconds else f", {result.size / seconds:.3g} {unit}/s"
    add(table, "time taken", f"{seconds:.3g} s{speed}")
    if resumed:
        add(table, "", "(an earlier run was gone on with)")
    for path in written:
        add(table, "written", str(path))
    for path in kept:
        add(table, "kept", f"{path} (there already; --overwrite makes it anew)")
    Console().print(table)


def two_columns(title: str) -> Table:
    """Return an empty table of names and values."""
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def add(table: Table, name: str, value: str) -> None:
    """Add a row; brackets in `value` are no markup."""
    table.add_row(name, Text(value))


def _series_rows(result: xr.DataArray) -> list[tuple[str, str]]:
    values = np.asarray(result.values, dtype=np.float64)
    unit = str(result.attrs.get("units", ""))
    if values.size == 0:
        return []
    lowest, highest = int(values.argmin()), int(values.argmax())
    return [
        ("mean", quantity(values.mean(), unit)),
        ("standard deviation", quantity(values.std(), unit)),
        ("minimum", f"{quantity(values[lowest], unit)} at {_when(result, lowest)}"),
        ("maximum", f"{quantity(values[highest], unit)} at {_when(result, highest)}"),
        ("last", quantity(values[-1], unit)),
    ]


def _matrix_rows(result: xr.DataArray) -> list[tuple[str, str]]:
    values = np.array(result.values, dtype=np.float64)
    if values.size == 0:
        return []
    unit = str(result.attrs.get("units", ""))
    if values.shape[0] == values.shape[1] > 1:
        np.fill_diagonal(values, np.nan)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    pair = f"{quantity(values[row, column], unit)} between frames {row} and {column}"
    return [
        ("mean of all pairs", quantity(float(np.nanmean(values)), unit)),
        ("standard deviation", quantity(float(np.nanstd(values)), unit)),
        ("maximum", pair),
    ]


def quantity(value: float, unit: str) -> str:
    """Return a number with five digits and its unit."""
    return f"{value:.5g} {unit}".rstrip()


def _when(result: xr.DataArray, frame: int) -> str:
    if "time" not in result.coords:
        return f"frame {frame}"
    time = result["time"]
    return f"{float(time[frame]):g} {time.attrs.get('units', 'ps')} (frame {frame})"

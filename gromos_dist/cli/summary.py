"""The table at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Outcome:
    """What there is to tell of a run besides its result."""

    frames: int
    atoms: int | None
    """None where the input has none."""
    seconds: float
    resumed: bool
    """Whether some of it was there already."""
    written: Sequence[Path]
    kept: Sequence[Path]


def show(result: xr.DataArray, outcome: Outcome) -> None:
    """Print what was measured, its spread, how long it took and where it is."""
    title = str(result.attrs.get("long_name") or result.name)
    if result.ndim == 2:
        tell(title, outcome, _matrix_rows(result), of=(result.size, "pairs of frames"))
    else:
        tell(title, outcome, _series_rows(result))


def tell(
    title: str,
    outcome: Outcome,
    rows: Sequence[tuple[str, str]] = (),
    *,
    of: tuple[int, str] | None = None,
) -> None:
    """Print the table of a run: frames, atoms, `rows`, how fast it was and what it wrote.

    Speed is that of the frames, or `of` so many other things.
    """
    table = two_columns(title)
    add(table, "frames", f"{outcome.frames}")
    if outcome.atoms is not None:
        add(table, "atoms", f"{outcome.atoms}")
    for name, value in rows:
        add(table, name, value)
    count, unit = of or (outcome.frames, "frames")
    has_speed = outcome.seconds and not outcome.resumed
    speed = f", {count / outcome.seconds:.3g} {unit}/s" if has_speed else ""
    add(table, "time taken", f"{outcome.seconds:.3g} s{speed}")
    if outcome.resumed:
        add(table, "", "(an earlier run was gone on with)")
    for path in outcome.written:
        add(table, "written", str(path))
    for path in outcome.kept:
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

"""What is told at the end of a run: a table, or JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr

from gromos_dist.cli.tables import print_json, print_values
from gromos_dist.progress import rate

Facts = dict[str, Any]
"""Names, and numbers or dictionaries of numbers."""


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
    as_json: bool = False
    file: TextIO | None = None
    """Where a table is printed; standard output when None."""


def show(result: xr.DataArray, outcome: Outcome) -> None:
    """Print what was measured, its spread, how long it took and where it is."""
    title = str(result.attrs.get("long_name") or result.name)
    is_matrix = result.ndim == 2
    facts = _facts_of_matrix(result) if is_matrix else _facts_of_series(result)
    unit = str(result.attrs.get("units", ""))
    if outcome.as_json:
        tell_json(outcome, {"quantity": str(result.name), "units": unit, **facts})
    else:
        rows = [(name.replace("_", " "), _text(value, unit)) for name, value in facts.items()]
        of = (result.size, "pairs of frames") if is_matrix else None
        tell(title, outcome, rows, of=of)


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
    count, unit = of or (outcome.frames, "frames")
    has_speed = outcome.seconds and not outcome.resumed
    speed = f", {rate(count / outcome.seconds, unit)}" if has_speed else ""
    atoms = [] if outcome.atoms is None else [("atoms", f"{outcome.atoms}")]
    listed = [
        ("frames", f"{outcome.frames}"),
        *atoms,
        *rows,
        ("time taken", f"{outcome.seconds:.3g} s{speed}"),
    ]
    if outcome.resumed:
        listed.append(("", "(an earlier run was gone on with)"))
    listed += [("written", str(path)) for path in outcome.written]
    listed += [
        ("kept", f"{path} (there already; --overwrite makes it anew)") for path in outcome.kept
    ]
    print_values(title, [listed], outcome.file)


def tell_json(outcome: Outcome, facts: Mapping[str, Any]) -> None:
    """Print what there is to tell of a run as JSON."""
    print_json(
        {
            "frames": outcome.frames,
            "atoms": outcome.atoms,
            **facts,
            "seconds": outcome.seconds,
            "resumed": outcome.resumed,
            "written": [str(path) for path in outcome.written],
            "kept": [str(path) for path in outcome.kept],
        }
    )


def _facts_of_series(result: xr.DataArray) -> Facts:
    values = np.asarray(result.values, dtype=np.float64)
    if values.size == 0:
        return {}
    return {
        "mean": float(values.mean()),
        "standard_deviation": float(values.std()),
        "minimum": _at(result, values, int(values.argmin())),
        "maximum": _at(result, values, int(values.argmax())),
        "last": float(values[-1]),
    }


def _at(result: xr.DataArray, values: Any, frame: int) -> Facts:
    time = float(result["time"][frame]) if "time" in result.coords else None
    return {"value": float(values[frame]), "frame": frame, "time": time}


def _facts_of_matrix(result: xr.DataArray) -> Facts:
    values = np.array(result.values, dtype=np.float64)
    if values.size == 0:
        return {}
    if values.shape[0] == values.shape[1] > 1:
        np.fill_diagonal(values, np.nan)
    row, column = map(int, np.unravel_index(np.nanargmax(values), values.shape))
    return {
        "mean_of_all_pairs": float(np.nanmean(values)),
        "standard_deviation": float(np.nanstd(values)),
        "maximum": {"value": float(values[row, column]), "frames": [row, column]},
    }


def _text(value: Any, unit: str) -> str:
    if not isinstance(value, Mapping):
        return quantity(value, unit)
    text = quantity(value["value"], unit)
    if "frames" in value:
        row, column = value["frames"]
        return f"{text} between frames {row} and {column}"
    if value["time"] is None:
        return f"{text} at frame {value['frame']}"
    return f"{text} at {value['time']:g} ps (frame {value['frame']})"


def quantity(value: float, unit: str) -> str:
    """Return a number with five digits and its unit."""
    return f"{value:.5g} {unit}".rstrip()

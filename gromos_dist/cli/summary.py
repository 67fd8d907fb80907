"""What is told at the end of a run: a table, or JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from gromos_dist.cli.tables import print_columns, print_json, print_values
from gromos_dist.cli.views import Facts
from gromos_dist.progress import rate


@dataclass(frozen=True)
class Outcome:
    """What there is to tell of a run besides its result."""

    frames: int
    """Of the input."""
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


def show(title: str, facts: Facts, outcome: Outcome) -> None:
    """Print what was measured, its spread, how long it took and where it is."""
    if outcome.as_json:
        tell_json(outcome, facts.values)
        return
    for name, header, lines in facts.tables:
        print_columns(name, header, lines, outcome.file)
    tell(title, outcome, facts.rows)


def tell(title: str, outcome: Outcome, rows: Sequence[tuple[str, str]] = ()) -> None:
    """Print the table of a run: frames, atoms, `rows`, how fast it was and what it wrote."""
    has_speed = outcome.seconds and not outcome.resumed
    speed = f", {rate(outcome.frames / outcome.seconds, 'frames')}" if has_speed else ""
    atoms = [] if outcome.atoms is None else [("atoms", f"{outcome.atoms}")]
    listed = [
        ("frames", f"{outcome.frames}"),
        *atoms,
        *rows,
        ("time taken", f"{outcome.seconds:.3g} s{speed}"),
    ]
    if outcome.resumed and outcome.written:
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

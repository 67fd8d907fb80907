"""Analyses beside the programs that people use for them: frames a second on one core.

All run in turns in this process, files in the page cache, best of several rounds.

    python benchmarks/analyses.py [FAMILY ...] [--rounds 3] [--output docs/benchmarks/analyses.md]
"""

from __future__ import annotations

from common import best_of, machine, number, processor_time, table

import argparse
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import families
from families import Row

import gromos_dist as gd
from gromos_dist import instruction_set
from gromos_dist.distributed import scheduler

FAMILIES = sorted(module.name for module in pkgutil.iter_modules(families.__path__))


def timed(row: Row, rounds: int) -> list[list[str]]:
    """Return the lines of a row: frames a second, and how many times a rival's that is."""
    row.check()
    ours = f"gromos_dist {gd.__version__}"
    seconds = best_of({ours: row.ours, **row.rivals}, rounds, clock=processor_time)
    rates = {
        name: row.rival_frames.get(name, row.n_frames) / time for name, time in seconds.items()
    }
    lines = [[row.work, ours, number(rates.pop(ours)), "", row.goal]]
    best = row.n_frames / seconds[ours]
    return lines + [
        ["", name, number(rate), number(best / rate), ""] for name, rate in rates.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", default=FAMILIES, help=f"of {', '.join(FAMILIES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args(arguments)
    lines = []
    with scheduler("threads", 1):
        for name in given.families:
            for row in import_module(f"families.{name}").rows():
                lines += timed(row, given.rounds)
                print(*table(["work", "program", "frames/s", "ours / theirs", "goal"], lines[-1:]))
    text = "\n".join(
        [
            "# Analyses",
            "",
            f"`python benchmarks/analyses.py` on {machine()}, {instruction_set.active()}: "
            f"one core, best of {given.rounds} rounds in turns, processor time.",
            "",
            *table(["work", "program", "frames/s", "ours / theirs", "goal"], lines),
            "",
        ]
    )
    print(text)
    if given.output:
        given.output.write_text(text)


if __name__ == "__main__":
    sys.exit(main())

"""The command that reads whole files and tells what is wrong with them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import typer

from gromos_dist.cli import options
from gromos_dist.cli.errors import BAD_INPUT
from gromos_dist.cli.tables import print_json, printable
from gromos_dist.cli.wording import in_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gromos_dist.io.check import FileReport, Problem

PROBLEMS = 1


def check(
    files: options.FilesToCheck,
    *,
    workers: options.Workers = None,
    progress: options.Progress = None,
    as_json: options.AsJson = False,
    _debug: options.Debug = False,
) -> None:
    """Read every number of files and tell what is wrong with them.

    Frames that are cut off or cannot be decoded, numbers that are not finite, boxes that change
    their kind, gaps and repetitions in time:

        gromos-dist check 'md_*.trc.gz'

    The exit code is 0 when all is well, 1 when there are problems, 2 when a file cannot be read:

        gromos-dist check md.xtc --json > report.json || echo 'look at report.json'
    """
    from gromos_dist.io.trajectory import expand

    reports, between = _read(expand(files), workers, progress)
    for report in reports:
        report.unreadable = in_options(report.unreadable, {})
    if as_json:
        found = {
            "files": [_plain(report) for report in reports],
            "between": [problem._asdict() for problem in between],
        }
        print_json(found)
    else:
        _print(reports, between)
    if any(report.unreadable for report in reports):
        raise typer.Exit(BAD_INPUT)
    if between or any(report.problems for report in reports):
        raise typer.Exit(PROBLEMS)


def _read(
    paths: list[str], workers: int | None, progress: bool | None
) -> tuple[list[FileReport], list[Problem]]:
    from gromos_dist.io.check import check_files
    from gromos_dist.progress import progress_bar

    with ExitStack() as stack:
        advance: Callable[[float], None] = _ignore

        def begin(n_frames: int) -> None:
            nonlocal advance
            advance = stack.enter_context(progress_bar("check", n_frames, show=progress))

        def forward(n_frames: int) -> None:
            advance(n_frames)

        return check_files(paths, workers=workers, begin=begin, advance=forward)


def _ignore(_frames: float) -> None:
    """Do nothing."""


def _plain(report: FileReport) -> dict[str, Any]:
    """Return a report in numbers, strings, lists and dictionaries."""
    import numpy as np

    time = None if report.clock is None or not report.n_frames else report.clock.time[[0, -1]]
    known = time is not None and bool(np.isfinite(time).all())
    return {
        "path": report.path,
        "frames": report.n_frames,
        "atoms": report.n_atoms,
        "fields": list(report.fields),
        "frames_with": report.frames_with,
        "time": [float(value) for value in time] if known and time is not None else None,
        "problems": [problem._asdict() for problem in report.problems],
        "unreadable": report.unreadable or None,
    }


def _print(reports: list[FileReport], between: list[Problem]) -> None:
    for report in reports:
        if report.unreadable:
            _say(f"{report.path}: cannot be read: {report.unreadable}")
            continue
        time = _plain(report)["time"]
        when = "" if time is None else f", {time[0]:g} to {time[1]:g} ps"
        verdict = "fine" if not report.problems else _many(len(report.problems), "problem")
        frames, atoms = _many(report.n_frames, "frame"), _many(report.n_atoms, "atom")
        _say(f"{report.path}: {frames}, {atoms}{when}: {verdict}")
        for name, count in report.frames_with.items():
            _say(f"  {name} in {count} of {frames}")
        for problem in report.problems:
            _print_problem(problem)
    if between:
        _say("between the files:")
        for problem in between:
            _print_problem(problem._replace(frame=None))


def _print_problem(problem: Problem) -> None:
    frame = "" if problem.frame is None else f"frame {problem.frame}: "
    _say(f"  {problem.kind}: {frame}{problem.message}")


def _say(line: str) -> None:
    typer.echo(printable(line))


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"

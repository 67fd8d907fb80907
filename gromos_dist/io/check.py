"""Reading trajectory files to their last number, to find what is wrong with them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TrajectoryError
from gromos_dist.input_file import FileState, file_state, require_unchanged, unchanged
from gromos_dist.io.overlap import Clock, find_overlaps
from gromos_dist.io.reader import Reader, frames_with, open_reader, shape_in_frame

_BLOCK_BYTES = 4 * 2**20
_MOST_OF_A_KIND = 10
_GAP = 1.5
_BOXES = ("no box", "a rectangular box", "a triclinic box")
_UNREAD = -1


class Problem(NamedTuple):
    """Something that a user should know of before he trusts a file."""

    kind: str
    """``truncated``, ``damaged``, ``not finite``, ``box``, ``time`` or ``atoms``."""
    frame: int | None
    """Of the file, from 0."""
    message: str


@dataclass
class FileReport:
    """What was found in one file."""

    path: str
    n_frames: int = 0
    n_atoms: int = 0
    fields: tuple[str, ...] = ()
    frames_with: dict[str, int] = field(default_factory=dict)
    """How many frames have a field that not all of them have."""
    clock: Clock | None = None
    problems: list[Problem] = field(default_factory=list)
    unreadable: str = ""
    """Why the file cannot be read at all; empty when it can."""
    state: FileState | None = None
    """What the file was when it was opened."""


class _Block(NamedTuple):
    """What was found in some frames."""

    problems: list[Problem]
    first_frame: int
    boxes: NDArray[np.int8]


def _ignore(n_frames: int) -> None:
    """Do nothing."""


def check_files(
    paths: Sequence[str],
    *,
    workers: int | None = None,
    begin: Callable[[int], None] = _ignore,
    advance: Callable[[int], None] = _ignore,
) -> tuple[list[FileReport], list[Problem]]:
    """Read every number of trajectory files, in parallel, and report what is wrong.

    Parameters
    ----------
    paths : sequence of str
        The files, in their order in time.
    workers : int, optional
        How many threads read; one for each core when None.
    begin : callable
        Is told the number of frames before any is read.
    advance : callable
        Is told the number of frames whenever some have been read.

    Returns
    -------
    list of FileReport
        One for each file: what cannot be read or decoded, with frame and place; numbers that are
        not finite; boxes that change their kind; frames missing, repeated or out of order.
    list of Problem
        What does not fit between the files: repeated frames, gaps, other numbers of atoms.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import DCD
    >>> reports, between = check_files([DCD])
    >>> reports[0].n_frames, reports[0].problems, between
    (98, [], [])
    """
    n_threads = workers or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(n_threads, "gromos_dist-check") as pool:
        try:
            opened = list(pool.map(_open, paths))
            begin(sum(report.n_frames for report, _ in opened))
            _read_all(pool, 2 * n_threads, opened, advance)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    reports = [report for report, _ in opened]
    for report in reports:
        report.problems[:] = _shortened(report.problems)
    return reports, _between(reports)


def _open(path: str) -> tuple[FileReport, Reader | None]:
    report = FileReport(path)
    try:
        report.state = file_state(path)
        with unchanged(path, report.state):
            reader = open_reader(path, on_truncated="drop")
            time, step = np.empty(reader.n_frames), np.empty(reader.n_frames, np.int64)
            reader.read(range(reader.n_frames), {"time": time, "step": step})
    except (OSError, ValueError) as error:
        report.unreadable = _why(path, error)
        return report, None
    report.n_frames, report.n_atoms = reader.n_frames, reader.n_atoms
    report.fields, report.clock = reader.fields, Clock(path, time, step)
    counts = {name: int(frames_with(reader, name).sum()) for name in _fields(reader)}
    report.frames_with = {name: n for name, n in counts.items() if n < reader.n_frames}
    if reader.damage:
        report.problems.append(Problem("truncated", reader.n_frames, reader.damage))
    report.problems += _problems_of_time(report.clock)
    if caution := getattr(reader, "caution", ""):
        report.problems.append(Problem("time", None, caution))
    return report, reader


def _why(path: str, error: OSError | ValueError) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).removeprefix(f"{path}: ")


def _read_all(
    pool: ThreadPoolExecutor,
    most_waiting: int,
    opened: Sequence[tuple[FileReport, Reader | None]],
    advance: Callable[[int], None],
) -> None:
    """Read the blocks of all files, never with more than so many under way."""
    boxes = {id(report): np.full(report.n_frames, _UNREAD, np.int8) for report, _ in opened}
    running: dict[Future[_Block], tuple[FileReport, int]] = {}

    def collect(done: set[Future[_Block]]) -> None:
        for future in done:
            report, n_frames = running.pop(future)
            try:
                block = future.result()
            except OSError as error:
                report.unreadable = report.unreadable or _why(report.path, error)
            else:
                report.problems += block.problems
                boxes[id(report)][block.first_frame :][: len(block.boxes)] = block.boxes
            advance(n_frames)

    for report, reader in opened:
        if reader is None:
            continue
        for frames in _blocks(reader):
            running[pool.submit(_check_block, reader, frames)] = report, len(frames)
            if len(running) > most_waiting:
                collect(wait(running, return_when=FIRST_COMPLETED).done)
    collect(wait(running).done)
    for report, reader in opened:
        if reader is None or report.state is None:
            continue
        try:
            require_unchanged(report.path, report.state)
        except OSError as error:
            report.unreadable = _why(report.path, error)
        if "box" in reader.fields:
            report.problems += _problems_of_boxes(boxes[id(report)])


def _fields(reader: Reader) -> list[str]:
    return [name for name in reader.fields if name not in ("time", "step")]


def _blocks(reader: Reader) -> Iterator[range]:
    numbers = sum(math.prod(shape_in_frame(name, reader.n_atoms)) for name in _fields(reader))
    size = max(1, _BLOCK_BYTES // (8 * numbers))
    for start in range(0, reader.n_frames, size):
        yield range(start, min(start + size, reader.n_frames))


def _check_block(reader: Reader, frames: range) -> _Block:
    """Read all fields of some frames; frame by frame, if one of them is damaged."""
    out: dict[str, NDArray[Any]] = {
        name: np.empty((len(frames), *shape_in_frame(name, reader.n_atoms)))
        for name in _fields(reader)
    }
    try:
        reader.read(frames, out)
    except TrajectoryError as error:
        if len(frames) == 1:
            message = str(error).removeprefix(f"{reader.path}: ")
            return _Block(
                [Problem("damaged", frames[0], message)], frames[0], np.full(1, _UNREAD, np.int8)
            )
        parts = [_check_block(reader, frames[i : i + 1]) for i in range(len(frames))]
        problems = [problem for part in parts for problem in part.problems]
        return _Block(problems, frames[0], np.concatenate([part.boxes for part in parts]))
    problems = [
        Problem("not finite", frames[i], message)
        for name, values in out.items()
        if name != "box"
        for i, message in _not_finite(
            name,
            values.reshape(len(frames), -1),
            frames_with(reader, name)[frames.start : frames.stop],
        )
    ]
    boxes = _box_kinds(out["box"]) if "box" in out else np.zeros(len(frames), np.int8)
    return _Block(problems, frames[0], boxes)


def _not_finite(
    name: str, values: NDArray[np.float64], has: NDArray[np.bool_]
) -> Iterator[tuple[int, str]]:
    # The sum is finite unless a number is not, or the sum itself is too large.
    for i in np.flatnonzero(~np.isfinite(values.sum(axis=1))).tolist():
        bad = ~np.isfinite(values[i])
        if not bad.any() or not has[i]:
            continue
        where = f", the first at atom {int(bad.argmax()) // 3}" if values.shape[1] > 1 else ""
        yield i, f"{int(bad.sum())} of {bad.size} numbers of {name} are NaN or infinite{where}"


def _box_kinds(boxes: NDArray[np.float64]) -> NDArray[np.int8]:
    """Say which of `_BOXES` each frame has."""
    skewed = np.abs(boxes * (1 - np.eye(3))).max(axis=(1, 2)) > 0
    there = np.isfinite(boxes).all(axis=(1, 2)) & (np.abs(boxes).max(axis=(1, 2)) > 0)
    kinds: NDArray[np.int8] = np.where(there, 1 + skewed, 0).astype(np.int8)
    return kinds


def _problems_of_boxes(kinds: NDArray[np.int8]) -> list[Problem]:
    read = np.flatnonzero(kinds != _UNREAD)
    return [
        Problem(
            "box", int(read[i + 1]), f"{_BOXES[kinds[read[i + 1]]]} after {_BOXES[kinds[read[i]]]}"
        )
        for i in np.flatnonzero(np.diff(kinds[read])).tolist()
    ]


def _problems_of_time(clock: Clock) -> list[Problem]:
    time, step = clock.time, clock.step
    bad = np.flatnonzero(~np.isfinite(time)).tolist()
    if bad:
        return [Problem("time", bad[0], f"{len(bad)} times are NaN or infinite")]
    if len(time) < 2:
        return []
    time_steps, steps = np.diff(time), np.diff(step)
    # Programs that know no steps, or no time, write the same number for every frame.
    has_time, has_step = bool(time_steps.any()), bool(steps.any())
    if not (has_time or has_step):
        return [Problem("time", None, f"all frames have step {step[0]} and time {time[0]:g} ps")]
    still = np.ones(len(steps), bool)
    back = np.zeros(len(steps), bool)
    gap = np.zeros(len(steps), bool)
    for intervals, has in ((time_steps, has_time), (steps, has_step)):
        if has:
            usual = float(np.median(intervals))
            still &= intervals == 0
            back |= intervals < 0
            gap |= (intervals > _GAP * usual) & (usual > 0)
    problems = []
    for i in np.flatnonzero(still | back | gap).tolist():
        what = "goes back" if back[i] else "stands still" if still[i] else "has a gap"
        message = (
            f"time {what}: step {step[i]}, {time[i]:g} ps is followed by step {step[i + 1]}, "
            f"{time[i + 1]:g} ps"
        )
        problems.append(Problem("time", i + 1, message))
    return problems


def _shortened(problems: Sequence[Problem]) -> list[Problem]:
    """Sort by kind and frame, and keep the first few of each kind."""
    kept: list[Problem] = []
    for kind in dict.fromkeys(problem.kind for problem in problems):
        some = sorted((p for p in problems if p.kind == kind), key=lambda p: p.frame or 0)
        kept += some[:_MOST_OF_A_KIND]
        if len(some) > _MOST_OF_A_KIND:
            rest = len(some) - _MOST_OF_A_KIND
            kept.append(Problem(kind, some[_MOST_OF_A_KIND].frame, f"and {rest} more like these"))
    return kept


def _between(reports: Sequence[FileReport]) -> list[Problem]:
    there = [report for report in reports if report.clock is not None and report.n_frames]
    problems = [
        Problem(
            "atoms",
            None,
            f"{other.path} has {other.n_atoms} atoms, {there[0].path} has {there[0].n_atoms}",
        )
        for other in there[1:]
        if other.n_atoms != there[0].n_atoms
    ]
    clocks = [report.clock for report in there if report.clock is not None]
    problems += [Problem("time", some.first, some.message) for some in find_overlaps(clocks)]
    for clock, later in pairwise(clocks):
        intervals = np.diff(clock.time)
        usual = float(np.median(intervals)) if len(intervals) else 0.0
        if usual > 0 and later.time[0] - clock.time[-1] > _GAP * usual:
            message = (
                f"time has a gap: {clock.path} ends at {clock.time[-1]:g} ps, {later.path} begins "
                f"at {later.time[0]:g} ps"
            )
            problems.append(Problem("time", None, message))
    return problems

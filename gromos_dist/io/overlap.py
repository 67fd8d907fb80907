"""Frames that two files on one time axis have in common: a run that was restarted repeats some."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

OnOverlap = Literal["warn", "keep", "drop", "raise"]
"""Keep both copies and warn; keep both; leave out the earlier file's; refuse."""

# Times of the same frame in two files may have been rounded; by this much of the interval.
_TOLERANCE = 1e-3


class Clock(NamedTuple):
    """When the frames of one file are."""

    path: str
    time: NDArray[np.float64]
    step: NDArray[np.int64]


class Overlap(NamedTuple):
    """Frames of a file, from `first` to its end, that a later file has again."""

    file: int
    first: int
    message: str


def check_on_overlap(overlap: OnOverlap) -> None:
    """Raise a ValueError for anything but the four choices."""
    if overlap not in get_args(OnOverlap):
        raise ValueError(f"overlap: expected 'warn', 'keep', 'drop' or 'raise', got {overlap!r}")


def find_overlaps(clocks: Sequence[Clock]) -> list[Overlap]:
    """Find the frames that are repeated by a later file.

    A frame is repeated when neither its step nor its time lies before the first ones of a later
    file. So steps that count from 0 again after a restart do not matter while time goes on. A file
    that begins at step 0 and time 0, or just as the earlier one, has a clock of its own (another
    run, or a format that only numbers its frames) and repeats nothing; neither does one that ends
    before the earlier begins.

    Parameters
    ----------
    clocks : sequence of Clock
        The files in their order on the axis.

    Returns
    -------
    list of Overlap
        At most one for each file, in the files' order.
    """
    found = []
    later: Clock | None = None
    for i in reversed(range(len(clocks))):
        clock = clocks[i]
        if len(clock.time) == 0:
            continue
        if later is not None:
            first = _first_repeated(clock, later)
            if first < len(clock.time):
                found.append(Overlap(i, first, _message(clock, first, later)))
        if clock.time[0] == 0 and clock.step[0] == 0:
            later = None
        elif later is None or clock.time[0] < later.time[0]:
            later = clock
    return found[::-1]


def _first_repeated(clock: Clock, later: Clock) -> int:
    if clock.time[0] == later.time[0] and clock.step[0] == later.step[0]:
        return len(clock.time)
    intervals = np.diff(clock.time)
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    begin = later.time[0] - _TOLERANCE * max(usual, 0.0)
    repeated = np.flatnonzero((clock.time >= begin) & (clock.step >= later.step[0]))
    if len(repeated) == 0 or later.time.max() < clock.time.min():
        return len(clock.time)
    return int(repeated[0])


def _message(clock: Clock, first: int, later: Clock) -> str:
    last = len(clock.time) - 1
    which = f"frame {first} is" if first == last else f"frames {first} to {last} are"
    return (
        f"{clock.path}: {which} repeated: {later.path} begins at step {later.step[0]}, "
        f"{later.time[0]:g} ps; frame {first} is step {clock.step[first]}, {clock.time[first]:g} ps"
    )


def handle_overlaps(overlaps: Sequence[Overlap], on_overlap: OnOverlap) -> str:
    """Do with repeated frames what the caller asked for; the frames themselves are left to him.

    Returns
    -------
    str
        A line for every file with repeated frames: for the attributes of a Dataset.

    Raises
    ------
    ValueError
        When asked to raise.

    Warns
    -----
    UserWarning
        When asked to warn.
    """
    if not overlaps:
        return ""
    lines = [overlap.message for overlap in overlaps]
    if on_overlap == "raise":
        raise ValueError(
            "\n".join(lines) + "\noverlap='drop' leaves these frames out, overlap='keep' keeps them"
        )
    if on_overlap == "warn":
        shown = lines[:3] + ([f"... and so in {len(lines) - 3} more files"] if lines[3:] else [])
        warnings.warn(
            "\n".join(shown) + "\nboth copies are kept; overlap='drop' leaves these out, "
            "overlap='keep' says nothing",
            stacklevel=4,
        )
    done = "left out" if on_overlap == "drop" else "kept"
    return "\n".join(f"{line} ({done})" for line in lines)

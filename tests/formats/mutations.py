"""Read many damaged files with little memory: python mutations.py FOLDER N FORMAT...

A damaged file is refused, or its numbers are those that plain Python finds in it. Prints a line of
JSON a format: how many were read, refused and warned of, the most memory that any of them took, and
what was wrong.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plain_readers
from reader_files import FORMATS, mutated, read, write

from gromos_dist.errors import TrajectoryError
from gromos_dist.io.reader import FRAME_FIELDS, Reader, open_reader

_ROOM = 1 << 30
_SECONDS = 20
_MOST_FRAMES = 20
# What is said of a file that is read all the same: docs/formats.md has them.
DOCUMENTED = re.compile(
    "some atoms have velocities and others have none: velocities are not read"
    "|an atom or its residue is named otherwise than in the first frame"
)


def main(folder: Path, n: int, names: list[str]) -> None:
    for name in names:
        read(open_reader(write(folder, name)))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _ROOM, used + _ROOM))
    tracemalloc.start()
    for name in names:
        print(json.dumps({"format": name, **damaged(folder, name, n)}), flush=True)


def damaged(folder: Path, name: str, n: int) -> dict[str, Any]:
    random = np.random.default_rng(2026)
    found: dict[str, Any] = {"read": 0, "refused": 0, "warned": 0, "peak": 0, "largest": 0}
    wrong: list[str] = []
    for i in range(n):
        content = mutated(FORMATS[name].content, random)
        path = write(folder, name, content, f"md_{i}")
        signal.alarm(_SECONDS)  # a hang ends the process
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            state, problems = attempt(path, content, ("raise", "drop")[i % 2], found)
        found[state] += 1
        found["warned"] += bool(said)
        problems += [str(one.message) for one in said if not DOCUMENTED.search(str(one.message))]
        wrong += [f"mutation {i}: {problem}" for problem in problems]
        path.unlink()
    signal.alarm(0)
    return {**found, "wrong": wrong[:20]}


def attempt(path: Path, content: bytes, mode: Any, found: dict[str, Any]) -> tuple[str, list[str]]:
    """Open a file and read it; say whether it was read or refused, and what was wrong with that."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    state = "read"
    frames: dict[int, dict[str, np.ndarray]] = {}
    reader = None
    try:
        reader = open_reader(path, on_truncated=mode)
        found["largest"] = max(found["largest"], reader.n_atoms)
    except TrajectoryError:
        state = "refused"
    for frame in range(min(reader.n_frames, _MOST_FRAMES) if reader else 0):
        try:
            frames[frame] = read(reader, range(frame, frame + 1))
        except TrajectoryError:
            state = "refused"
    found["peak"] = max(found["peak"], tracemalloc.get_traced_memory()[1] - before)
    if reader is None:
        return state, []
    suffix = "".join(path.suffixes)
    problems = [*otherwise(reader, frames, suffix, content), *inconsistent(reader, frames)]
    return state, problems


def otherwise(
    reader: Reader, frames: dict[int, dict[str, np.ndarray]], suffix: str, content: bytes
) -> Iterator[str]:
    """Yield where frames are not those that plain Python finds."""
    expected, is_whole = plain_readers.frames(suffix, content)
    if is_whole and not reader.damage and len(expected) != reader.n_frames:
        yield f"{reader.n_frames} frames, plain Python finds {len(expected)}"
    for i, got in frames.items():
        theirs_of = expected[i] if i < len(expected) else None
        if theirs_of is None:
            # Behind a frame that is refused, plain Python may have lost its way.
            if i < len(expected) or set(range(i)) <= frames.keys():
                yield f"frame {i} is read, which plain Python cannot"
            continue
        for name, values in got.items():
            if name in ("box", "time", "lambda") or (name == "step" and name not in theirs_of):
                continue
            theirs = theirs_of.get(name, np.nan)
            if not np.array_equal(values[0], np.broadcast_to(theirs, values[0].shape), True):
                yield f"frame {i}: other {name} than plain Python finds"


def inconsistent(reader: Reader, frames: dict[int, dict[str, np.ndarray]]) -> Iterator[str]:
    """Yield where atoms, strides and float32 do not give the numbers of single frames."""
    if not frames or reader.n_frames > _MOST_FRAMES:
        return
    chosen = range(0, reader.n_frames, 2)
    atoms = [reader.n_atoms - 1, 0, reader.n_atoms // 2, 0]
    try:
        got = read(reader, chosen, atoms)
        single = read(reader, chosen, atoms, np.float32)
    except TrajectoryError:
        if set(chosen) <= set(frames):
            yield "atoms of frames are refused that are read whole"
        return
    for i, frame in enumerate(chosen):
        if frame not in frames:
            continue  # a number of an atom that was not asked for
        for name, values in frames[frame].items():
            rows = values[0][atoms] if FRAME_FIELDS[name][:1] == (None,) else values[0]
            if not np.array_equal(got[name][i], rows, True):
                yield f"frame {frame}: {name} of some atoms are others than of all"
            with np.errstate(all="ignore"):
                close = np.allclose(single[name][i], rows.astype(single[name].dtype), 3e-7, 0, True)
            if not close:
                yield f"frame {frame}: {name} in float32 are others than in float64"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])

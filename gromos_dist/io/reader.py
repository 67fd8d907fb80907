"""What every format offers: the Reader protocol, and how a file's suffix finds its reader."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gromos_dist.defaults import ON_TRUNCATED
from gromos_dist.input_file import require_regular, suffix_of
from gromos_dist.io.registry import ENGINES, READABLE, load
from gromos_dist.io.truncated import OnTruncated

# A per-frame field and its shape within a frame; None stands for the number of atoms.
FRAME_FIELDS: dict[str, tuple[int | None, ...]] = {
    "positions": (None, 3),
    "velocities": (None, 3),
    "forces": (None, 3),
    "constraint_forces": (None, 3),
    "box": (3, 3),
    "lambda": (),
    "time": (),
    "step": (),
}


def shape_in_frame(field: str, n_atoms: int) -> tuple[int, ...]:
    """Return the shape of a field within a frame of so many atoms."""
    return tuple(n_atoms if size is None else size for size in FRAME_FIELDS[field])


class Reader(Protocol):
    """A trajectory file, opened only inside the calls that read it.

    Implementations are frozen dataclasses: picklable, under 10 kB, without an open file and
    without a current frame, so that any number of threads and processes can share one.
    """

    @property
    def path(self) -> str:
        """The file."""

    @property
    def n_frames(self) -> int:
        """How many whole frames the file has."""

    @property
    def n_atoms(self) -> int:
        """How many atoms every frame has."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Which of `FRAME_FIELDS` the file has; ``time`` and ``step`` always."""

    @property
    def single_precision(self) -> tuple[str, ...]:
        """Those of the fields whose numbers have no more digits than float32 holds."""

    @property
    def preferred_step(self) -> int:
        """Chunks that begin at multiples of this many frames are read best (1: anywhere)."""

    @property
    def damage(self) -> str:
        """What was left out of a file that ends inside a frame; empty when nothing was."""

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames of the file into the caller's buffers, without the GIL.

        Parameters
        ----------
        frames : range
            Frames of the file, rising, all within ``range(n_frames)``.
        out : mapping of str to array
            For each field wanted a C-contiguous array of shape ``(len(frames), *shape of the
            field)``: positions in float32 or float64 (nm), velocities (nm ps-1), forces and
            constraint forces (kJ mol-1 nm-1), box (nm; rows are the box vectors, NaN where the
            file has none) and lambda in float32 or float64, time (ps) in float64, step in int64.
            Only these are decoded.
        atoms : (n,) int64 array, optional
            Atoms wanted, from 0, in the order wanted; all when None.

        Raises
        ------
        TrajectoryError
            The file is damaged: file, frame, line or byte, what was expected, what came.
        OSError
            The operating system refused.
        """


@runtime_checkable
class SparseReader(Reader, Protocol):
    """A Reader of a format whose frames need not all have the same fields.

    It has a field that any frame has; in a frame without it, `read` gives NaN.
    """

    def frames_with(self, field: str) -> NDArray[np.bool_]:
        """Say of each frame whether it has a field, without reading it."""


def frames_with(reader: Reader, field: str) -> NDArray[np.bool_]:
    """Say of each frame of a file whether it has a field."""
    if isinstance(reader, SparseReader):
        return reader.frames_with(field)
    return np.full(reader.n_frames, field in reader.fields)


def warn_of_cautions(readers: Sequence[Reader]) -> None:
    """Warn of what files do not say and readers had to assume, once for all that are alike."""
    paths: dict[str, list[str]] = {}
    for reader in readers:
        if caution := getattr(reader, "caution", ""):
            paths.setdefault(caution, []).append(reader.path)
    for caution, some in paths.items():
        others = f" and {len(some) - 1} more files" if len(some) > 1 else ""
        warnings.warn(f"{some[0]}{others}: {caution}", stacklevel=4)


Atoms = NDArray[np.int64] | None

_TOPOLOGY = "a topology, which has no frames: give it beside a trajectory"
_ENERGIES = "energies, not positions: open_energies reads it"
# What else users have beside their trajectories, and what to do with it.
_NO_TRAJECTORIES = {
    **dict.fromkeys((".psf", ".top", ".topo", ".tpr"), _TOPOLOGY),
    **dict.fromkeys((".tre", ".trg"), _ENERGIES),
    ".nc": "open_store({path!r}) opens it if it was written by gromos_dist; engine='chemfiles' "
    "reads those of Amber",
}


def open_reader(
    path: str | Path, *, on_truncated: OnTruncated = ON_TRUNCATED, engine: str | None = None
) -> Reader:
    """Open one trajectory file with the reader of its suffix (``.gz`` may follow it).

    Reads the header and the frame index, no frames.

    Parameters
    ----------
    path : str or Path
        The file.
    on_truncated : {"raise", "drop", "warn"}
        What to do with a file that ends inside a frame: refuse it, leave that frame out, or leave
        it out and warn. What was left out stands in the reader's `damage`.
    engine : {"chemfiles"}, optional
        Read with this library, whatever the suffix.

    Raises
    ------
    ImportError
        The engine is not installed.
    ValueError
        No reader is known for the suffix, or no such engine.
    OSError
        There is no such file, or it is not a regular one.
    TrajectoryError
        The file is damaged or of another format.
    """
    if engine is not None:
        if engine not in ENGINES:
            raise ValueError(f"engine: expected None or {', '.join(ENGINES)}, got {engine!r}")
        return _opened(ENGINES[engine], path, on_truncated)
    suffix = suffix_of(path)
    if suffix not in READABLE:
        if suffix in _NO_TRAJECTORIES:
            raise ValueError(f"{path}: {_NO_TRAJECTORIES[suffix].format(path=str(path))}")
        known = ", ".join(sorted(READABLE))
        raise ValueError(
            f"{path}: no reader for {suffix or 'a file without a suffix'}; known: {known}; "
            "engine='chemfiles' reads many others"
        )
    require_regular(path)
    return _opened(READABLE[suffix].opener, path, on_truncated)


def _opened(opener: str, path: str | Path, on_truncated: OnTruncated) -> Reader:
    reader: Reader = load(opener)(str(path), on_truncated=on_truncated)
    return reader

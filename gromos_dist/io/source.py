"""Frames of one or several files as one time axis, to be sliced without reading."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.input_file import FileState, unchanged
from gromos_dist.io.reader import Reader, frames_with, shape_in_frame

# The others are large, and read in the dtype that was asked for.
_DTYPES = {
    "box": np.dtype(np.float64),
    "lambda": np.dtype(np.float64),
    "time": np.dtype(np.float64),
    "step": np.dtype(np.int64),
}


@dataclass(frozen=True, eq=False)
class Source:
    """Chosen frames and atoms of a sequence of trajectory files.

    Slicing gives another Source; only `read` touches the files. A Source is immutable, small and
    picklable: it is what a task of a graph carries instead of data.

    Parameters
    ----------
    readers : tuple of Reader
        The files, in the order of their frames.
    frames : tuple of range
        For each file its frames that are part of the axis.
    tokens : tuple of str
        For each file what identifies its content (not its path).
    atoms : (n,) int64 array, optional
        Atoms, in the order wanted; all when None.
    dtype : dtype
        float32 or float64, of positions, velocities and forces.
    states : tuple of FileState, optional
        For each file what it was when it was opened: `read` refuses one that has changed since.
    """

    readers: tuple[Reader, ...]
    frames: tuple[range, ...]
    tokens: tuple[str, ...]
    atoms: NDArray[np.int64] | None = None
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))
    states: tuple[FileState, ...] | None = None

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(len(frames) for frames in self.frames))

    @property
    def n_frames(self) -> int:
        """How many frames the axis has."""
        return self._ends[-1] if self._ends else 0

    @property
    def n_atoms(self) -> int:
        """How many atoms are read of every frame."""
        return self.readers[0].n_atoms if self.atoms is None else len(self.atoms)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that every one of the files has."""
        first, *others = (reader.fields for reader in self.readers)
        return tuple(name for name in first if all(name in other for other in others))

    @property
    def identity(self) -> str:
        """A hash of everything that decides what `read` gives."""
        content = hashlib.sha256(repr((self.tokens, self.frames, self.dtype.str)).encode())
        if self.atoms is not None:
            content.update(self.atoms.tobytes())
        return content.hexdigest()

    def __dask_tokenize__(self) -> str:
        return self.identity

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a field over all frames."""
        return (self.n_frames, *shape_in_frame(name, self.n_atoms))

    def field_dtype(self, name: str) -> np.dtype[Any]:
        """Return the dtype in which a field is read."""
        return _DTYPES.get(name, self.dtype)

    def has_own_dtype(self, name: str) -> bool:
        """Say whether a field is read in the same dtype always."""
        return name in _DTYPES

    def rounds(self, name: str) -> bool:
        """Say whether the files hold more digits of a field than it is read with."""
        return self.field_dtype(name) == np.float32 and any(
            name not in reader.single_precision for reader in self.readers
        )

    def frame_bytes(self, name: str) -> int:
        """Return the size of a field of one frame in memory."""
        return int(np.prod(self.shape(name)[1:], dtype=np.int64)) * self.field_dtype(name).itemsize

    def select_frames(self, frames: range) -> Source:
        """Return the Source of some of the frames (a rising range)."""
        frames = frames or range(0)
        chosen = []
        start = 0
        for own, end in zip(self.frames, self._ends, strict=True):
            first = _first_at_least(frames, start)
            past = _first_at_least(frames, end)
            chosen.append(own[first - start : past - start : frames.step])
            start = end
        # An empty axis keeps one file: it still has to tell atoms and fields.
        kept = [i for i, own in enumerate(chosen) if own] or [0]
        return replace(
            self,
            readers=tuple(self.readers[i] for i in kept),
            frames=tuple(chosen[i] for i in kept),
            tokens=tuple(self.tokens[i] for i in kept),
            states=self.states and tuple(self.states[i] for i in kept),
        )

    def select_atoms(self, atoms: NDArray[np.int64]) -> Source:
        """Return the Source of some of the atoms, given as indices into the present ones."""
        chosen = atoms if self.atoms is None else self.atoms[atoms]
        chosen = np.ascontiguousarray(chosen, dtype=np.int64)
        chosen.flags.writeable = False
        return replace(self, atoms=chosen)

    def read(
        self,
        names: Sequence[str],
        start: int = 0,
        stop: int | None = None,
        buffers: dict[str, NDArray[Any]] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Read fields of the frames ``start`` to ``stop`` of the axis.

        Parameters
        ----------
        names : sequence of str
            The fields.
        start, stop : int
            Frames of this axis; to the end when `stop` is None.
        buffers : dict of arrays, optional
            Where to put them: arrays of at least ``stop - start`` frames, of which views are
            returned; new ones when None.

        Returns
        -------
        dict of arrays
            For each field an array of shape ``(stop - start, ...)``.

        Raises
        ------
        TrajectoryError
            A file is damaged, or has changed since it was opened.
        OSError
            The operating system refused.
        """
        stop = self.n_frames if stop is None else stop
        if buffers is None:
            buffers = self.allocate(names, stop - start)
        # Of no atoms there is nothing to read, and readers are not asked for it.
        filled = [name for name in names if buffers[name].size]
        atoms = self.atoms if self.n_atoms else None
        for i in range(bisect_right(self._ends, start), len(self._ends)):
            begin = self._ends[i - 1] if i else 0
            low, high = max(start, begin), min(stop, self._ends[i])
            if begin >= stop:
                break
            if low < high and filled:
                out = {name: buffers[name][low - start : high - start] for name in filled}
                with self._unchanged(i):
                    self.readers[i].read(self.frames[i][low - begin : high - begin], out, atoms)
        return {name: buffers[name][: stop - start] for name in names}

    def _unchanged(self, file: int) -> AbstractContextManager[None]:
        if self.states is None:
            return nullcontext()
        return unchanged(self.readers[file].path, self.states[file])

    def allocate(self, names: Sequence[str], n_frames: int) -> dict[str, NDArray[Any]]:
        """Return uninitialised buffers for `n_frames` frames of some fields."""
        return {
            name: np.empty((n_frames, *self.shape(name)[1:]), self.field_dtype(name))
            for name in names
        }

    def frames_with(self, names: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
        """Say of each frame of the axis whether it has fields; those it lacks are read as NaN."""
        # File by file: of many, not all indices are kept in memory.
        parts = [
            [frames_with(reader, name)[frames.start : frames.stop : frames.step] for name in names]
            for reader, frames in zip(self.readers, self.frames, strict=True)
        ]
        return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))

    def locate(self, frame: int) -> tuple[str, int]:
        """Return the file of a frame of the axis and the frame's number in that file."""
        i = bisect_right(self._ends, frame)
        if i < len(self._ends):
            begin = self._ends[i - 1] if i else 0
            return self.readers[i].path, self.frames[i][frame - begin]
        raise IndexError(f"frame {frame} of {self.n_frames}")


def _first_at_least(frames: range, value: int) -> int:
    """Return the first of the (unbounded) progression that is not below `value`, or its stop."""
    if value <= frames.start:
        return min(frames.start, frames.stop)
    steps = -((frames.start - value) // frames.step)
    return min(frames.start + steps * frames.step, max(frames.stop, frames.start))

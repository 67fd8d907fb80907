"""Writing trajectory files: `open_writer`, and what every format offers it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from gromos_dist.io.reader import FRAME_FIELDS

Frames = Mapping[str, NDArray[Any]]
"""A block of frames: for each field an array of shape ``(n_frames, *shape of the field)``."""


class Encoder(Protocol):
    """A format's way to turn frames into bytes; it knows no file."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Which of `gromos_dist.io.reader.FRAME_FIELDS` the format has room for."""

    def encode(self, frames: Frames, first: int) -> Iterable[memoryview | bytes]:
        """Yield the bytes of a block of frames, of which the first is frame `first` of the file.

        Shapes and dtypes were checked: ``time`` and ``step`` are there, the others as given, in
        float32 or float64. What is yielded may be overwritten by the next one.

        Raises
        ------
        ValueError
            A number that the format cannot hold.
        """

    def finish(self, n_frames: int) -> Mapping[int, bytes]:
        """Return what has to be put over bytes written before, by offset, once all is known."""


class Writer:
    """A trajectory file that is being written; made by `open_writer`."""

    def __init__(self, path: str, encoder: Encoder, file: BinaryIO) -> None:
        self.path = path
        self.n_frames = 0
        self.n_atoms: int | None = None
        self._encoder = encoder
        self._file = file

    @property
    def fields(self) -> tuple[str, ...]:
        """What the format has room for."""
        return self._encoder.fields

    def write(self, frames: Frames) -> None:
        """Write a block of frames.

        Parameters
        ----------
        frames : mapping of str to array
            For each field, as `gromos_dist.io.reader.FRAME_FIELDS` names them, an array of shape
            ``(n_frames, *shape of the field)``: positions (nm), velocities (nm ps-1) and forces
            (kJ mol-1 nm-1), box (nm; NaN or absent for none), lambda, time (ps), step. Without
            step frames are counted from 0, without time it is the step.

        Raises
        ------
        ValueError
            Fields that the format has no room for, shapes that do not fit, another number of
            atoms than before, or numbers that the format cannot hold.
        OSError
            The operating system refused.
        """
        n_frames, n_atoms = self._check(frames)
        step = frames.get("step", np.arange(self.n_frames, self.n_frames + n_frames))
        prepared = {name: _numbers(name, array) for name, array in frames.items()}
        prepared["step"] = np.asarray(step, np.int64)
        prepared["time"] = np.asarray(frames.get("time", step), np.float64)
        for data in self._encoder.encode(prepared, self.n_frames):
            self._file.write(data)
        self.n_frames += n_frames
        self.n_atoms = n_atoms

    def finish(self) -> None:
        """Complete the file; `open_writer` does it."""
        for offset, data in self._encoder.finish(self.n_frames).items():
            self._file.seek(offset)
            self._file.write(data)

    def _check(self, frames: Frames) -> tuple[int, int]:
        """Return how many frames and atoms there are."""
        for name in frames:
            if name not in self.fields:
                raise ValueError(
                    f"{self.path}: no room for {name!r} in this format, which has "
                    f"{', '.join(self.fields)}; leave it out, or choose another format"
                )
        vectors = {name: frames[name] for name in frames if FRAME_FIELDS[name] == (None, 3)}
        if not vectors:
            raise ValueError(f"{self.path}: expected positions, velocities or forces, got none")
        first, array = next(iter(vectors.items()))
        n_frames, n_atoms = array.shape[0], array.shape[1] if array.ndim > 1 else 0
        if self.n_atoms not in (None, n_atoms):
            raise ValueError(
                f"{self.path}: expected {self.n_atoms} atoms as in the frames before, got {n_atoms}"
            )
        for name, array in frames.items():
            shape = tuple(n_atoms if size is None else size for size in FRAME_FIELDS[name])
            if array.shape != (n_frames, *shape) or n_atoms == 0:
                raise ValueError(
                    f"{self.path}: {name}: expected shape {(n_frames, *shape)} "
                    f"(from {first}), got {array.shape}"
                )
            if array.dtype.kind not in ("iu" if name == "step" else "iuf"):
                raise ValueError(f"{self.path}: {name}: expected numbers, got {array.dtype}")
        return n_frames, n_atoms


# Suffix -> "module:function"; the function takes the format's options and returns an Encoder.
WRITERS: dict[str, str] = {
    ".xtc": "gromos_dist.io.xtc:encode_xtc",
    ".trr": "gromos_dist.io.trr:encode_trr",
}


@contextmanager
def open_writer(path: str | Path, *, overwrite: bool = False, **options: Any) -> Iterator[Writer]:
    """Write a trajectory file in the format of its suffix.

    To be used in a ``with`` statement. The file is written beside its place, under a hidden name,
    and takes its name when the block ends well; when it is left by an exception, or the process
    ends, there is no file, or still the one that was there.

    Parameters
    ----------
    path : str or Path
        The file.
    overwrite : bool
        Replace a file that is there.
    **options
        Of the format: ``precision`` of `gromos_dist.io.xtc.encode_xtc`, ``double`` of
        `gromos_dist.io.trr.encode_trr`.

    Yields
    ------
    Writer

    Raises
    ------
    ValueError
        No writer is known for the suffix, or no frame was written.
    FileExistsError
        The file is there and was not to be overwritten.
    BlockingIOError
        Another process is writing it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "random.xtc"
    >>> with open_writer(path, precision=100) as writer:
    ...     writer.write({"positions": np.random.default_rng(0).random((3, 20, 3))})
    >>> path.stat().st_size > 0
    True
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        known = ", ".join(sorted(WRITERS))
        raise ValueError(
            f"{path}: no writer for {suffix or 'a file without a suffix'}; known: {known}"
        )
    module, function = WRITERS[suffix].split(":")
    make: Callable[..., Encoder] = getattr(import_module(module), function)
    encoder = make(**options)
    with _beside(Path(path), overwrite) as file:
        writer = Writer(str(path), encoder, file)
        yield writer
        if writer.n_frames == 0:
            raise ValueError(f"{path}: no frame was written")
        writer.finish()


def _numbers(name: str, array: NDArray[Any]) -> NDArray[Any]:
    dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    return np.ascontiguousarray(array, np.float64 if name == "box" else dtype)


@contextmanager
def _beside(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield an empty file that takes the place of `path` when the block ends well."""
    _refuse_existing(path, overwrite)
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(_open_locked(partial, path), "r+b") as file:
        try:
            file.truncate()
            yield file
            file.flush()
            os.fsync(file.fileno())
            _refuse_existing(path, overwrite)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise
        partial.replace(path)


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder and is not overwritten; choose another path")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True or choose another path")


def _open_locked(partial: Path, path: Path) -> int:
    """Open the file, which a killed run may have left, and hold its lock until it is closed."""
    while True:
        file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise BlockingIOError(
                f"another process is writing {path}; wait for it, or choose another path"
            ) from None
        except OSError:
            pass  # some network file systems have no locks: there the user sees to it
        if partial.exists() and os.path.samestat(os.fstat(file), partial.stat()):
            return file
        os.close(file)  # another run, done, has renamed it in between

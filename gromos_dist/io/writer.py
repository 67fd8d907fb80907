"""Writing trajectory files: `open_writer`, and what every format offers it.

An encoder turns frames into bytes and keeps nothing: the blocks of a trajectory are encoded by
any number of threads and processes, and one process puts the bytes after one another.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from gromos_dist.beside import file_beside
from gromos_dist.input_file import suffix_of
from gromos_dist.io.reader import FRAME_FIELDS, shape_in_frame
from gromos_dist.io.registry import WRITABLE, Format, load
from gromos_dist.io.rounding import check_precision, rounded

Frames = Mapping[str, NDArray[Any]]
"""A block of frames: for each field an array of shape ``(n_frames, *shape of the field)``, in nm,
nm ps-1, kJ mol-1 nm-1 and ps."""

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class Contents:
    """What a file is to hold: what an encoder is made from."""

    path: str
    """The file, for messages and for its suffix."""
    n_atoms: int
    fields: tuple[str, ...]
    """Which of `gromos_dist.io.reader.FRAME_FIELDS` there are; ``time`` and ``step`` always."""
    n_frames: int | None = None
    """None while it is not known."""
    atoms: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """``atom_name``, ``residue_name``, ``residue``, ``element``, ... as far as known, and
    ``bfactors`` in nm2."""
    box: NDArray[np.float64] | None = None
    """The first frame's box, (3, 3), nm; NaN or None where there is none."""
    box_shape: str = ""
    """"truncated octahedron" where `box` holds the edges of the cube that it is cut from."""
    precision: float | None = None
    """Positions may be rounded to this many nm; None: as the format does by itself."""
    double: bool = False
    """Write numbers of 8 bytes where the format has them of 4 as well."""


class Encoder(Protocol):
    """A format's way to turn frames into bytes; it knows no file.

    Implementations are frozen dataclasses: picklable and without a current frame. The file is the
    header, the encoded blocks in their order, and the footer.
    """

    @property
    def fields(self) -> tuple[str, ...]:
        """Which of `gromos_dist.io.reader.FRAME_FIELDS` the file has room for."""

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:
        """Return what comes before the first frame, given time and step of all frames.

        Its size does not depend on them: it is written without any first, and over that at the end.
        """

    def encode(self, frames: Frames, first: int) -> Iterable[memoryview | bytes]:
        """Yield the bytes of a block of frames, of which the first is frame `first` of the file.

        Arrays are C-contiguous: float64 for ``box`` and ``time``, int64 for ``step``, float32 or
        float64 for the others; ``time`` and ``step`` are there. What is yielded may be overwritten
        by the next one.

        Raises
        ------
        ValueError
            A number that the format cannot hold: which frame, which atom.
        """

    def footer(self) -> bytes:
        """Return what comes behind the last frame."""


def writable_format(path: str | os.PathLike[str]) -> Format | None:
    """Return the format that a path's suffix is written in (``.gz`` may follow), or None."""
    found = WRITABLE.get(suffix_of(path))
    is_packed = Path(path).suffix.lower() == ".gz"
    return None if found is None or (is_packed and not found.compressible) else found


def check_writable(path: str | os.PathLike[str]) -> Format:
    """Return the format that a path's suffix is written in.

    Raises
    ------
    ValueError
        There is none.
    """
    found = writable_format(path)
    if found is None:
        known = ", ".join(sorted(WRITABLE))
        packed = ", ".join(sorted(name for name, some in WRITABLE.items() if some.compressible))
        raise ValueError(
            f"{path}: no writer for {Path(path).suffix or 'a file without a suffix'}; known: "
            f"{known}; .gz may follow {packed}"
        )
    return found


def make_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a path's suffix; ``.gz`` may follow that of a text format.

    Raises
    ------
    ValueError
        No writer is known for the suffix, or the format cannot hold the contents.
    """
    encoder: Encoder = load(check_writable(contents.path).encoder)(contents)
    return _Gzip(encoder) if contents.path.lower().endswith(".gz") else encoder


def no_octahedron(path: str, kind: str) -> ValueError:
    """Return the error for a box that other formats than GROMOS text cannot hold."""
    return ValueError(
        f"{path}: {kind} cannot say that the box is a truncated octahedron; leave the box out with "
        ".drop_vars('box'), or write GROMOS text"
    )


@dataclass(frozen=True)
class Rounding:
    """Another encoder, whose positions are rounded first."""

    encoder: Encoder
    precision: float

    @property
    def fields(self) -> tuple[str, ...]:
        """Those of the encoder."""
        return self.encoder.fields

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:
        """Return that of the encoder."""
        return self.encoder.header(time, step)

    def encode(self, frames: Frames, first: int) -> Iterable[memoryview | bytes]:
        """Round, then encode."""
        if "positions" in frames:
            frames = {**frames, "positions": rounded(frames["positions"], self.precision)}
        return self.encoder.encode(frames, first)

    def footer(self) -> bytes:
        """Return that of the encoder."""
        return self.encoder.footer()


@dataclass(frozen=True)
class _Gzip:
    """Another encoder's bytes, each block compressed for itself: a gzip file of several members."""

    encoder: Encoder

    @property
    def fields(self) -> tuple[str, ...]:
        return self.encoder.fields

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:
        return _gzip([self.encoder.header(time, step)])

    def encode(self, frames: Frames, first: int) -> Iterable[bytes]:
        return [_gzip(self.encoder.encode(frames, first))]

    def footer(self) -> bytes:
        return _gzip([self.encoder.footer()])


def _gzip(parts: Iterable[bytes | memoryview]) -> bytes:
    # 31: with gzip's header, which without a time gives the same bytes every time.
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    packed = b"".join([compressor.compress(part) for part in parts])
    return packed + compressor.flush()


def encode(encoder: Encoder, frames: Frames, first: int) -> Iterable[bytes | memoryview]:
    """Encode a block of frames, whatever kinds of numbers they are.

    Parameters and errors as those of `Encoder.encode`, which wants C-contiguous arrays: float64 for
    box and time, int64 for step, float32 or float64 for the others.
    """
    return encoder.encode({name: _numbers(name, array) for name, array in frames.items()}, first)


class EncodedFile:
    """A file that encoded blocks are appended to; made by `open_encoded`."""

    def __init__(self, file: BinaryIO, encoder: Encoder) -> None:
        self._file = file
        self._encoder = encoder
        self._header = encoder.header(np.empty(0), np.empty(0, np.int64))
        self._time: list[NDArray[np.float64]] = []
        self._step: list[NDArray[np.int64]] = []
        self.n_frames = 0
        self.folder = Path(file.name).parent
        """Where there is room for what has to wait; it is removed with all that is in it."""
        file.write(self._header)

    def append(
        self,
        encoded: Iterable[bytes | memoryview],
        time: NDArray[np.float64],
        step: NDArray[np.int64],
    ) -> None:
        """Write a block that the encoder has made; `time` and `step` are those of its frames."""
        for part in encoded:
            self._file.write(part)
        self._time.append(np.array(time, np.float64))
        self._step.append(np.array(step, np.int64))
        self.n_frames += len(time)

    def write(self, frames: Frames) -> None:
        """Encode a block of frames and write it."""
        encoded = encode(self._encoder, frames, self.n_frames)
        self.append(encoded, frames["time"], frames["step"])

    def finish(self) -> None:
        """Write what comes behind the last frame, and the header as it has to be."""
        self._file.write(self._encoder.footer())
        header = self._encoder.header(np.concatenate(self._time), np.concatenate(self._step))
        if header != self._header:
            self._file.seek(0)
            self._file.write(header)


@contextmanager
def open_encoded(
    path: str | Path, encoder: Encoder, *, overwrite: bool = False
) -> Iterator[EncodedFile]:
    """Write what `encoder` makes, beside `path`; it is renamed when the block ends well.

    Raises
    ------
    FileExistsError
        `path` is a folder, or a file and `overwrite` is False.
    ValueError
        No frame was written.
    """
    with _opened(Path(path), overwrite) as file:
        target = EncodedFile(file, encoder)
        yield target
        _complete(target, path)


@contextmanager
def _opened(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    with file_beside(path, overwrite) as beside, beside.open("wb", buffering=1 << 20) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _complete(target: EncodedFile | None, path: str | Path) -> None:
    if target is None or target.n_frames == 0:
        raise ValueError(f"{path}: no frame was written")
    target.finish()


class Writer:
    """A trajectory file that is being written; made by `open_writer`."""

    def __init__(
        self, path: str, file: BinaryIO, atoms: Mapping[str, NDArray[Any]], **options: Any
    ) -> None:
        self.path = path
        self.n_atoms: int | None = None
        self._file = file
        self._atoms = atoms
        self._options = options
        self._encoder: Encoder | None = None
        self._target: EncodedFile | None = None

    @property
    def n_frames(self) -> int:
        """How many frames were written."""
        return 0 if self._target is None else self._target.n_frames

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
        prepared = {**frames, "step": step, "time": frames.get("time", step)}
        if self._target is None:
            encoder = make_encoder(self._contents(prepared, n_frames, n_atoms))
            self._check_fields(frames, encoder.fields)
            self._encoder, self._target = encoder, EncodedFile(self._file, encoder)
        self._target.write(prepared)
        self.n_atoms = n_atoms

    def finish(self) -> None:
        """Complete the file; `open_writer` does it."""
        _complete(self._target, self.path)

    def _contents(self, frames: Frames, n_frames: int, n_atoms: int) -> Contents:
        return Contents(
            path=self.path,
            n_atoms=n_atoms,
            fields=tuple(frames),
            atoms=self._atoms,
            box=_numbers("box", frames["box"][0]) if n_frames and "box" in frames else None,
            **self._options,
        )

    def _check_fields(self, frames: Frames, fields: Iterable[str]) -> None:
        for name in frames:
            if name not in fields:
                raise ValueError(
                    f"{self.path}: no room for {name!r} in this format, which has "
                    f"{', '.join(fields)}; leave it out, or choose another format"
                )

    def _check(self, frames: Frames) -> tuple[int, int]:
        """Return how many frames and atoms there are."""
        self._check_fields(frames, FRAME_FIELDS if self._encoder is None else self._encoder.fields)
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
            shape = shape_in_frame(name, n_atoms)
            if array.shape != (n_frames, *shape) or n_atoms == 0:
                raise ValueError(
                    f"{self.path}: {name}: expected shape {(n_frames, *shape)} "
                    f"(from {first}), got {array.shape}"
                )
            if array.dtype.kind not in ("iu" if name == "step" else "iuf"):
                raise ValueError(f"{self.path}: {name}: expected numbers, got {array.dtype}")
        return n_frames, n_atoms


@contextmanager
def open_writer(
    path: str | Path,
    *,
    overwrite: bool = False,
    atoms: Mapping[str, NDArray[Any]] | None = None,
    precision: float | None = None,
    double: bool = False,
) -> Iterator[Writer]:
    """Write a trajectory file in the format of its suffix.

    To be used in a ``with`` statement. The file is written beside its place, under a hidden name,
    and takes its name when the block ends well; when it is left by an exception, or the process
    ends, there is no file, or still the one that was there.

    Parameters
    ----------
    path : str or Path
        The file; ``.gz`` may follow the suffix of a text format.
    overwrite : bool
        Replace a file that is there.
    atoms : mapping of str to array, optional
        Names for PDB, GRO and ``.cnf``: ``atom_name``, ``residue_name``, ``residue``, ``element``.
    precision : float, optional
        Round positions to so many nm; None: as the format does by itself (XTC: 0.001).
    double : bool
        Write numbers of 8 bytes where the format has them of 4 as well (TRR).

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
    >>> with open_writer(path, precision=0.01) as writer:
    ...     writer.write({"positions": np.random.default_rng(0).random((3, 20, 3))})
    >>> path.stat().st_size > 0
    True
    """
    check_writable(path)
    check_precision(precision)
    with _opened(Path(path), overwrite) as file:
        writer = Writer(str(path), file, atoms or {}, precision=precision, double=double)
        yield writer
        writer.finish()


_KINDS = {"box": np.dtype(np.float64), "time": np.dtype(np.float64), "step": np.dtype(np.int64)}


def _numbers(name: str, array: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(array)
    is_single = array.dtype == np.float32
    dtype = _KINDS.get(name, np.dtype(np.float32 if is_single else np.float64))
    return np.ascontiguousarray(array, dtype)

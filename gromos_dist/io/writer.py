"""What every format that is written offers: the Encoder protocol, and the file it goes into.

An encoder turns frames into bytes and keeps nothing: the blocks of a trajectory are encoded by
any number of threads and processes, and one process puts the bytes after one another.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from gromos_dist.io.beside import file_beside

Frames = Mapping[str, NDArray[Any]]
"""Frames as a Reader gives them: for each field an array of shape (n_frames, *shape of the field)
in nm, nm ps-1, kJ mol-1 nm-1 and ps; ``time`` and ``step`` always."""

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class Contents:
    """What a file is to hold: what an encoder is made from."""

    path: str
    """The file, for messages."""
    n_atoms: int
    fields: tuple[str, ...]
    """Which of `gromos_dist.io.reader.FRAME_FIELDS` there are; ``time`` and ``step`` always."""
    n_frames: int | None = None
    """None while it is not known."""
    atoms: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """``atom_name``, ``residue_name``, ``residue``, ``element``, ... as far as known."""
    box: NDArray[np.float64] | None = None
    """The first frame's box, (3, 3), nm; NaN or None where there is none."""
    box_shape: str = ""
    """"truncated octahedron" where `box` holds the edges of the cube that it is cut from."""
    precision: float | None = None
    """Positions may be rounded to this many nm; None: as the format does by itself."""


class Encoder(Protocol):
    """How frames become the bytes of a file.

    Implementations are frozen dataclasses: picklable, without an open file and without a current
    frame. The file is the header, the encoded blocks in their order, and the footer.
    """

    @property
    def fields(self) -> tuple[str, ...]:
        """Which of the fields of the contents the file will hold."""

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:
        """Return what comes before the first frame, given time and step of all frames.

        Its size does not depend on them: it is written empty-handed first, and again at the end.
        """

    def encode(self, frames: Frames, first_frame: int) -> bytes | memoryview:
        """Return the bytes of a block of frames, the first of which has this number in the file.

        Raises
        ------
        ValueError
            The format cannot hold a number: which frame of the file, which atom.
        """

    def footer(self) -> bytes:
        """Return what comes behind the last frame."""


# Suffix -> "module:function"; the function takes Contents and returns an Encoder, or raises a
# ValueError when the format cannot hold them.
WRITERS: dict[str, str] = {
    ".trc": "gromos_dist.io.gromos_text_writer:gromos_text_encoder",
    ".trv": "gromos_dist.io.gromos_text_writer:gromos_text_encoder",
    ".trf": "gromos_dist.io.gromos_text_writer:gromos_text_encoder",
    ".cnf": "gromos_dist.io.gromos_text_writer:gromos_text_encoder",
    ".g96": "gromos_dist.io.gromos_text_writer:gromos_text_encoder",
    ".dcd": "gromos_dist.io.dcd_writer:dcd_encoder",
    ".pdb": "gromos_dist.io.structure_writers:pdb_encoder",
    ".ent": "gromos_dist.io.structure_writers:pdb_encoder",
    ".gro": "gromos_dist.io.structure_writers:gro_encoder",
}

# Those whose header is the same for all frames, so that it can be compressed ahead.
COMPRESSIBLE = (".trc", ".trv", ".trf", ".cnf", ".g96", ".pdb", ".ent", ".gro")


def writable_suffix(path: str | Path) -> str | None:
    """Return the suffix in `WRITERS` that a path ends with (``.gz`` may follow), or None."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = "".join(suffixes[-2:-1] if packed else suffixes[-1:])
    return suffix if suffix in WRITERS and (not packed or suffix in COMPRESSIBLE) else None


def make_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a path's suffix; ``.gz`` may follow that of a text format.

    Raises
    ------
    ValueError
        No writer is known for the suffix, or the format cannot hold the contents.
    """
    suffix = writable_suffix(contents.path)
    if suffix is None:
        known = ", ".join(sorted(WRITERS))
        raise ValueError(
            f"{contents.path}: no writer for the suffix {Path(contents.path).suffix!r}; known: "
            f"{known}; .gz may follow {', '.join(sorted(set(COMPRESSIBLE) & set(WRITERS)))}"
        )
    module, function = WRITERS[suffix].split(":")
    make: Callable[[Contents], Encoder] = getattr(import_module(module), function)
    encoder = make(contents)
    return _Gzip(encoder) if contents.path.lower().endswith(".gz") else encoder


@dataclass(frozen=True)
class _Gzip:
    """Another encoder's bytes, each block compressed for itself: a gzip file of several members."""

    encoder: Encoder

    @property
    def fields(self) -> tuple[str, ...]:
        return self.encoder.fields

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:
        return _gzip(self.encoder.header(time, step))

    def encode(self, frames: Frames, first_frame: int) -> bytes:
        return _gzip(self.encoder.encode(frames, first_frame))

    def footer(self) -> bytes:
        return _gzip(self.encoder.footer())


def _gzip(data: bytes | memoryview) -> bytes:
    if not len(data):
        return b""
    # 31: with gzip's header, which without a time gives the same bytes every time.
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


class TrajectoryFile:
    """A file that encoded blocks are appended to; made by `trajectory_file`."""

    def __init__(self, file: BinaryIO, encoder: Encoder) -> None:
        self._file = file
        self._encoder = encoder
        self._header = self._make_header(np.empty(0), np.empty(0, np.int64))
        self._time: list[NDArray[np.float64]] = []
        self._step: list[NDArray[np.int64]] = []
        self.n_frames = 0
        self.folder = Path(file.name).parent
        file.write(self._header)

    def _make_header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:
        return self._encoder.header(time, step)

    def append(
        self, encoded: bytes | memoryview, time: NDArray[np.float64], step: NDArray[np.int64]
    ) -> None:
        """Write a block that the encoder has made; `time` and `step` are those of its frames."""
        self._file.write(encoded)
        self._time.append(np.array(time, np.float64))
        self._step.append(np.array(step, np.int64))
        self.n_frames += len(time)

    def write(self, frames: Frames) -> None:
        """Encode a block of frames and write it."""
        self.append(self._encoder.encode(frames, self.n_frames), frames["time"], frames["step"])

    def finish(self) -> None:
        """Write what comes behind the last frame, and the header as it has to be."""
        self._file.write(self._encoder.footer())
        if self.n_frames:
            header = self._make_header(np.concatenate(self._time), np.concatenate(self._step))
            if header != self._header:
                self._file.seek(0)
                self._file.write(header)
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def trajectory_file(
    path: str | Path, encoder: Encoder, *, overwrite: bool = False
) -> Iterator[TrajectoryFile]:
    """Write a file beside `path` and rename it when the block ends well.

    Raises
    ------
    FileExistsError
        `path` is a folder, or a file and `overwrite` is False.
    ValueError
        No frame was written.
    """
    with (
        file_beside(Path(path), overwrite) as beside,
        beside.open("wb", buffering=1 << 20) as file,
    ):
        target = TrajectoryFile(file, encoder)
        yield target
        if target.n_frames == 0:
            raise ValueError(f"{path}: there are no frames to write")
        target.finish()

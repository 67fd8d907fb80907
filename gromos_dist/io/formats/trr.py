"""TRR: the positions, velocities and forces of GROMACS in full precision."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.defaults import ON_TRUNCATED
from gromos_dist.errors import new_where
from gromos_dist.input_file import opened
from gromos_dist.io.formats.decimal_times import as_written
from gromos_dist.io.index.frame_chain import (
    ChainFormat,
    Wanted,
    check_chain,
    index_of,
    open_chain,
    read_chain,
    scan_chain,
)
from gromos_dist.io.index.frame_index import Arrays, FileKey
from gromos_dist.io.read_arguments import pointer, type_of
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated
from gromos_dist.io.writer import Contents, Encoder, Frames, Rounding, no_octahedron

_VECTORS = ("positions", "velocities", "forces")
_BITS = {
    "box": 1,
    "positions": 2,
    "velocities": 4,
    "forces": 8,
}
# Of a header: the sizes of the blocks of these, in bytes, and the number of atoms.
_HEADER = struct.Struct(">32xi16x4i")
_COLUMNS = {
    "byte": np.int64,
    "step": np.int64,
    "time": np.float64,
    "lambda": np.float64,
}
_SCRATCH_BYTES = 1 << 18


def open_trr(
    path: str | Path,
    *,
    on_truncated: OnTruncated = ON_TRUNCATED,
    index_folder: str | Path | None = None,
) -> TRRReader:
    """Open a TRR file.

    The first time the headers of all frames are read; where the frames stand is kept in a frame
    index beside the file, or in the user's cache (``~/.cache/gromos_dist``) when its folder cannot
    be written to, and serves until the file changes.

    Parameters
    ----------
    path : str or Path
        The file, in single or double precision.
    on_truncated : {"raise", "drop", "warn"}
        What to do with a file that ends inside a frame: refuse it, leave that frame out, or leave
        it out and warn. What was left out stands in the reader's `damage`.
    index_folder : str or Path, optional
        Where to keep the index instead; the environment variable ``GROMOS_DIST_INDEX_FOLDER``
        says the same.

    Returns
    -------
    TRRReader

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        The file cannot be opened.
    TrajectoryError
        The file is no TRR file, is damaged, has another number of atoms in some frame, or ends
        inside one.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import TRR
    >>> reader = open_trr(TRR)
    >>> reader.n_frames, reader.n_atoms, reader.fields
    (10, 47681, ('positions', 'velocities', 'box', 'time', 'step'))
    >>> velocities = np.empty((1, 2, 3), np.float32)
    >>> reader.read(range(1), {"velocities": velocities}, np.array([0, 1]))
    """
    path = str(path)
    place, key, index, damage = open_chain(path, _TRR, on_truncated, index_folder)
    has = int(np.bitwise_or.reduce(index["has"]))
    vectors = (name for name in _VECTORS if has & _BITS[name])
    coupling = ("lambda",) if index["lambda"].any() else ()
    return TRRReader(
        path=path,
        n_frames=len(index["step"]),
        n_atoms=index["n_atoms"].item(),
        fields=(*vectors, "box", *coupling, "time", "step"),
        is_double=_is_double(path),
        damage=damage,
        index_path=place,
        key=key,
    )


def _is_double(path: str) -> bool:
    """Say whether the first frame has numbers of 8 bytes."""
    with opened(path) as file:
        header = os.pread(file, _HEADER.size, 0)
    if len(header) < _HEADER.size:
        return False
    box, *vectors, n_atoms = _HEADER.unpack(header)
    return box == 9 * 8 or any(size == n_atoms * 3 * 8 for size in vectors if size)


@dataclass(frozen=True, slots=True)
class TRRReader:
    """A TRR file: `gromos_dist.io.reader.Reader`, made by `open_trr`.

    Notes
    -----
    GROMACS writes positions, velocities and forces each at an interval of its own. The reader has
    a field that any frame has; it is NaN in the frames without it, box included.
    """

    path: str
    n_frames: int
    n_atoms: int
    fields: tuple[str, ...]
    """Those of positions, velocities and forces that any frame has; box, time and step; lambda,
    the coupling parameter of a free-energy simulation, unless it is 0 in all frames."""
    is_double: bool
    """Whether the first frame is in double precision."""
    damage: str
    """What was left out of a truncated file; empty when nothing was."""
    index_path: str
    key: FileKey

    @property
    def single_precision(self) -> tuple[str, ...]:
        """All of a file whose first frame is in single precision."""
        return () if self.is_double else self.fields

    @property
    def preferred_step(self) -> int:
        """1: chunks may begin anywhere."""
        return 1

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames into the caller's buffers: see `gromos_dist.io.reader.Reader.read`.

        Errors are those of `gromos_dist.io.index.frame_chain.read_chain`.
        """
        read_chain(self, _TRR, frames, out, atoms)

    def frames_with(self, field: str) -> NDArray[np.bool_]:
        """Say of each frame whether it has a field: see `gromos_dist.io.reader.SparseReader`."""
        if field not in _BITS:
            return np.full(self.n_frames, field in self.fields)
        has: NDArray[np.int32] = index_of(self, _TRR)["has"][: self.n_frames]
        return np.asarray((has & _BITS[field]) != 0)


def _decode(reader: TRRReader, wanted: Wanted, where: Any) -> tuple[int, int]:
    begins, ends, steps = wanted.places
    atoms, vectors = wanted.atoms, [wanted.out.get(name) for name in _VECTORS]
    # Atoms that are no run are picked from the span that holds them, best in one piece.
    span = 0 if atoms is None else int(atoms.max() - atoms.min()) + 1
    scratch = np.empty(max(_SCRATCH_BYTES, 24 * span), np.uint8)
    types = list(map(type_of, vectors))
    frame = ffi.new("struct gd_trr_frame *")
    status = lib.gd_trr_read(
        wanted.file,
        pointer("const int64_t *", begins),
        pointer("const int64_t *", ends),
        pointer("const int64_t *", steps),
        len(begins),
        reader.n_atoms,
        pointer("const int64_t *", atoms),
        reader.n_atoms if atoms is None else len(atoms),
        ffi.new("void *[3]", [pointer("void *", array) for array in vectors]),
        ffi.new("int[3]", types),
        pointer("double *", wanted.boxes),
        pointer("unsigned char *", scratch),
        scratch.size,
        frame,
        where,
    )
    return status, frame.fault


@dataclass(frozen=True, slots=True)
class TRREncoder:
    """Frames as TRR: `gromos_dist.io.writer.Encoder`, made by `encode_trr`."""

    real_size: int

    @property
    def fields(self) -> tuple[str, ...]:
        """What TRR has room for."""
        return (*_VECTORS, "box", "lambda", "time", "step")

    def encode(self, frames: Frames, first: int) -> Iterator[memoryview]:
        """Yield one frame after the other."""
        given = {name: frames[name] for name in _VECTORS if name in frames}
        n_atoms = next(iter(given.values())).shape[1]
        out = np.empty(lib.gd_trr_room(n_atoms, len(given), self.real_size), np.uint8)
        size, where = ffi.new("int64_t *"), new_where()
        boxes, coupling = frames.get("box"), frames.get("lambda")
        for i in range(len(frames["step"])):
            vectors = [
                _unless_absent(given[name][i], name, first + i) if name in given else None
                for name in _VECTORS
            ]
            types = list(map(type_of, vectors))
            status = lib.gd_trr_encode(
                ffi.new("void *[3]", [pointer("void *", array) for array in vectors]),
                ffi.new("int[3]", types),
                n_atoms,
                pointer("double *", None if boxes is None else boxes[i]),
                frames["step"][i],
                frames["time"][i],
                0.0 if coupling is None else coupling[i],
                self.real_size,
                pointer("unsigned char *", out),
                size,
                where,
            )
            if status != lib.GD_OK:
                raise ValueError(
                    f"frame {first + i}: step {frames['step'][i]} or the size of {n_atoms} atoms "
                    "does not fit the 32 bits that TRR has for it"
                )
            yield out[: size[0]].data

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:  # noqa: ARG002
        """Nothing: every frame is complete."""
        return b""

    def footer(self) -> bytes:
        """Nothing."""
        return b""


def trr_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a TRR file: see `gromos_dist.io.registry.Format`."""
    if contents.box_shape == "truncated octahedron":
        raise no_octahedron(contents.path, "TRR")
    encoder = encode_trr(double=contents.double)
    return encoder if contents.precision is None else Rounding(encoder, contents.precision)


def encode_trr(*, double: bool = False) -> TRREncoder:
    """Make the encoder of TRR.

    Of a frame, positions, velocities or forces that are all NaN are left out.

    Parameters
    ----------
    double : bool
        Write numbers of 8 bytes; otherwise of 4, which everything can read.
    """
    return TRREncoder(8 if double else 4)


def _unless_absent(vectors: NDArray[Any], name: str, frame: int) -> NDArray[Any] | None:
    """Return vectors, None for those of a frame that has none: all NaN.

    Raises
    ------
    ValueError
        Some of the numbers are not finite.
    """
    # A sum is finite if all numbers are, unless it overflows.
    if np.isfinite(vectors.sum()) or (finite := np.isfinite(vectors)).all():
        return vectors
    if np.isnan(vectors).all():
        return None
    atom = int(np.flatnonzero(~finite.all(axis=1))[0])
    raise ValueError(
        f"frame {frame}, atom {atom}: {name} are {vectors[atom].tolist()}, not finite: they are "
        "damaged, or the simulation has failed"
    )


def scan(
    path: str, known: Arrays | None = None, until: int | None = None
) -> dict[str, NDArray[Any]]:
    """Find the frames of a file: the arrays of its frame index.

    Parameters
    ----------
    path : str
        The file.
    known : mapping of str to array, optional
        The index of the file before it grew: only what follows its frames is read.
    until : int, optional
        At which byte the file is taken to end.

    Returns
    -------
    dict of str to array
        ``step`` (n_frames,) int64; ``time`` (n_frames,) float64, ps; ``lambda`` (n_frames,)
        float64; ``has`` (n_frames,) int32: bits of what a frame has; ``byte``, ``n_atoms`` and
        ``cut`` as `gromos_dist.io.index.frame_chain.scan_chain` has them.
    """
    state = ffi.new("struct gd_trr_scan *", {"n_atoms": -1})
    arrays = scan_chain(path, lib.gd_trr_scan, state, _COLUMNS, _fault_message, known, until)
    arrays["time"] = as_written(arrays["time"])
    has = np.empty(0, np.int32) if known is None else known["has"]
    begins = arrays["byte"][len(has) : -1].tolist()
    with opened(path) as file:
        headers = (os.pread(file, _HEADER.size, begin) for begin in begins)
        sizes = np.array([_HEADER.unpack(header)[:-1] for header in headers])
        sizes = sizes.reshape(-1, len(_BITS))
    bits = (sizes != 0) @ np.array(list(_BITS.values()), np.int32)
    arrays["has"] = np.concatenate([has, bits]).astype(np.int32)
    return arrays


def _fault_message(where: Any, fault: int) -> str:
    expected, found = where.expected, where.found
    messages = {
        lib.GD_TRR_MAGIC: "expected a frame, which begins with 1993 and 'GMX_trn_file'"
        + ("; this is no TRR file" if where.byte in (0, 4) else ""),
        lib.GD_TRR_ATOMS: f"expected {expected} atoms, found {found}"
        if found > 0
        else f"expected at least one atom, found {found}",
        lib.GD_TRR_SIZE: f"expected a block of {expected} bytes or none, found {found}"
        if found
        else "expected positions, velocities, forces or a box, found none",
        lib.GD_TRR_CHANGED: f"expected a frame with {expected} here, found {found}; the file has "
        "changed since it was opened, open it again",
    }
    return messages[fault]


_TRR = ChainFormat(scan, check_chain(scan, {**_COLUMNS, "has": np.int32}), _fault_message, _decode)

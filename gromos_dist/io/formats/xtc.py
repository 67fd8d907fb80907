"""XTC: the compressed positions of GROMACS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.defaults import ON_TRUNCATED
from gromos_dist.errors import new_where
from gromos_dist.io.formats.decimal_times import as_written
from gromos_dist.io.index.frame_chain import (
    ChainFormat,
    Wanted,
    check_chain,
    open_chain,
    read_chain,
    scan_chain,
)
from gromos_dist.io.index.frame_index import Arrays, FileKey
from gromos_dist.io.read_arguments import pointer, type_of
from gromos_dist.io.reader import Atoms
from gromos_dist.io.rounding import per_nm
from gromos_dist.io.truncated import OnTruncated
from gromos_dist.io.writer import Contents, Frames, no_octahedron

_SCRATCH_BYTES = 1 << 18
_COLUMNS = {"byte": np.int64, "step": np.int64, "time": np.float64}
_ATOMS_OF_1995 = 298_261_617  # more need the form of 2023


def open_xtc(
    path: str | Path,
    *,
    on_truncated: OnTruncated = ON_TRUNCATED,
    index_folder: str | Path | None = None,
) -> XTCReader:
    """Open an XTC file.

    The first time the headers of all frames are read; where the frames stand is kept in a frame
    index beside the file, or in the user's cache (``~/.cache/gromos_dist``) when its folder cannot
    be written to, and serves until the file changes.

    Parameters
    ----------
    path : str or Path
        The file, of either magic number: 1995, or 2023 for systems of more than 298 million atoms.
    on_truncated : {"raise", "drop", "warn"}
        What to do with a file that ends inside a frame: refuse it, leave that frame out, or leave
        it out and warn. What was left out stands in the reader's `damage`.
    index_folder : str or Path, optional
        Where to keep the index instead; the environment variable ``GROMOS_DIST_INDEX_FOLDER``
        says the same.

    Returns
    -------
    XTCReader

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        The file cannot be opened.
    TrajectoryError
        The file is no XTC file, is damaged, has another number of atoms in some frame, or ends
        inside one.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import XTC
    >>> reader = open_xtc(XTC)
    >>> reader.n_frames, reader.n_atoms, reader.precision
    (10, 47681, 1000.0)
    >>> positions = np.empty((5, reader.n_atoms, 3), np.float32)
    >>> reader.read(range(0, 10, 2), {"positions": positions})
    >>> positions[0, 0]
    array([5.202    , 4.3560004, 3.1550002], dtype=float32)
    """
    path = str(path)
    place, key, index, damage = open_chain(path, _XTC, on_truncated, index_folder)
    return XTCReader(
        path=path,
        n_frames=len(index["step"]),
        n_atoms=index["n_atoms"].item(),
        precision=index["precision"].item(),
        damage=damage,
        index_path=place,
        key=key,
    )


@dataclass(frozen=True, slots=True)
class XTCReader:
    """An XTC file: `gromos_dist.io.reader.Reader`, made by `open_xtc`.

    Notes
    -----
    The file has integers, `precision` of them in a nm. A float32 position is the integer times the
    reciprocal of the precision, both rounded to float32, which are the bits that GROMACS and
    everything that uses its library give; a float64 one is the integer divided by the precision,
    so the decimal number that was meant. Frames of at most 9 atoms hold float32 numbers.
    """

    path: str
    n_frames: int
    n_atoms: int
    precision: float
    """Of the first frame, in 1/nm; 0 where coordinates are not compressed (at most 9 atoms)."""
    damage: str
    """What was left out of a truncated file; empty when nothing was."""
    index_path: str
    key: FileKey

    @property
    def fields(self) -> tuple[str, ...]:
        """What every XTC file has; the box is NaN in frames without one."""
        return ("positions", "box", "time", "step")

    @property
    def single_precision(self) -> tuple[str, ...]:
        """The box; positions are decimal numbers where they are compressed."""
        return ("box",) if self.precision else ("positions", "box")

    @property
    def preferred_step(self) -> int:
        """1: chunks may begin anywhere."""
        return 1

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames into the caller's buffers: see `gromos_dist.io.reader.Reader.read`.

        No atom behind the last one wanted is decoded. Errors are those of
        `gromos_dist.io.index.frame_chain.read_chain`.
        """
        read_chain(self, _XTC, frames, out, atoms)


def _decode(reader: XTCReader, wanted: Wanted, where: Any) -> tuple[int, int]:
    begins, ends, steps = wanted.places
    atoms, positions = wanted.atoms, wanted.out.get("positions")
    n_decoded = 0 if atoms is None or positions is None else int(atoms.max()) + 1
    n_bytes = max(_SCRATCH_BYTES, int((ends - begins).max()))
    scratch = np.empty(n_bytes + 24 * n_decoded + 64, np.uint8)
    is_float32 = positions is not None and positions.dtype == np.float32
    frame = ffi.new("struct gd_xtc_frame *")
    status = lib.gd_xtc_read(
        wanted.file,
        pointer("const int64_t *", begins),
        pointer("const int64_t *", ends),
        pointer("const int64_t *", steps),
        len(begins),
        reader.n_atoms,
        pointer("const int64_t *", atoms),
        reader.n_atoms if atoms is None else len(atoms),
        pointer("float *", positions if is_float32 else None),
        pointer("double *", None if is_float32 else positions),
        pointer("double *", wanted.boxes),
        pointer("unsigned char *", scratch),
        scratch.size,
        frame,
        where,
    )
    return status, frame.fault


@dataclass(frozen=True, slots=True)
class XTCEncoder:
    """Frames as XTC: `gromos_dist.io.writer.Encoder`, made by `encode_xtc`."""

    precision: float

    @property
    def fields(self) -> tuple[str, ...]:
        """What XTC has room for."""
        return ("positions", "box", "time", "step")

    def encode(self, frames: Frames, first: int) -> Iterator[memoryview]:
        """Yield one frame after the other."""
        if "positions" not in frames:
            raise ValueError("XTC has positions and nothing else of the atoms: expected positions")
        positions, boxes = frames["positions"], frames.get("box")
        n_atoms = positions.shape[1]
        out = np.empty(lib.gd_xtc_room(n_atoms), np.uint8)
        work = np.empty(lib.gd_xtc_work(n_atoms), np.uint8)
        size, where = ffi.new("int64_t *"), new_where()
        for i in range(len(positions)):
            status = lib.gd_xtc_encode(
                pointer("void *", positions[i]),
                type_of(positions),
                n_atoms,
                pointer("double *", None if boxes is None else boxes[i]),
                frames["step"][i],
                frames["time"][i],
                self.precision,
                n_atoms > _ATOMS_OF_1995,
                pointer("void *", work),
                pointer("unsigned char *", out),
                size,
                where,
            )
            if status != lib.GD_OK:
                raise ValueError(self._problem(status, where, first + i, frames["step"][i]))
            yield out[: size[0]].data

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:  # noqa: ARG002
        """Nothing: every frame is complete."""
        return b""

    def footer(self) -> bytes:
        """Nothing."""
        return b""

    def _problem(self, status: int, where: Any, frame: int, step: int) -> str:
        if status == lib.GD_BAD_ARGUMENT:
            return f"frame {frame}: step {step} does not fit the 32 bits that XTC has for it"
        if status == lib.GD_NOT_FINITE:
            return f"frame {frame}, atom {where.atom}: a position is NaN or infinite"
        atom = f", atom {where.atom}" if where.atom >= 0 else ""
        return (
            f"frame {frame}{atom}: positions are too large for a precision of {self.precision:g} "
            f"per nm: at most {2**31 / self.precision:g} nm; choose a lower precision, or TRR"
        )


def xtc_encoder(contents: Contents) -> XTCEncoder:
    """Return the encoder of an XTC file: see `gromos_dist.io.registry.Format`."""
    if contents.box_shape == "truncated octahedron":
        raise no_octahedron(contents.path, "XTC")
    return encode_xtc(precision=per_nm(contents.precision or 0.001))


def encode_xtc(*, precision: float = 1000.0) -> XTCEncoder:
    """Make the encoder of XTC.

    Parameters
    ----------
    precision : float
        Positions are rounded to multiples of its reciprocal, in nm.

    Raises
    ------
    ValueError
        The precision is not above 0 or not finite.
    """
    with np.errstate(all="ignore"):
        single = np.float32(precision)
        is_usable = single > 0 and np.isfinite(single) and np.isfinite(np.float32(1) / single)
    if not is_usable:
        raise ValueError(f"precision: expected a number above 0 (1000 is usual), got {precision!r}")
    return XTCEncoder(float(precision))


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
        ``step`` (n_frames,) int64; ``time`` (n_frames,) float64, ps; ``precision`` (1,), 1/nm, of
        the first frame; ``byte``, ``n_atoms`` and ``cut`` as
        `gromos_dist.io.index.frame_chain.scan_chain` has them.
    """
    state = ffi.new("struct gd_xtc_scan *", {"n_atoms": -1})
    if known is not None:
        state.precision = known["precision"].item()
    arrays = scan_chain(path, lib.gd_xtc_scan, state, _COLUMNS, _fault_message, known, until)
    arrays["time"] = as_written(arrays["time"])
    arrays["precision"] = np.array([state.precision])
    return arrays


def _fault_message(where: Any, fault: int) -> str:
    expected, found = where.expected, where.found
    messages = {
        lib.GD_XTC_MAGIC: f"expected a frame, which begins with 1995 or 2023, found {found}"
        + ("; this is no XTC file" if where.byte == 0 else ""),
        lib.GD_XTC_ATOMS: f"expected {expected} atoms, found {found}"
        if found > 0
        else f"expected at least one atom, found {found}",
        lib.GD_XTC_PRECISION: "expected a precision above 0 that gives coordinates within float32",
        lib.GD_XTC_BOUNDS: f"expected bounds of the coordinates, found {expected} to {found}",
        lib.GD_XTC_SMALL: f"expected a range of small differences from 9 to {expected}, "
        f"found {found}",
        lib.GD_XTC_SIZE: f"{found} bytes of coordinates, which so many atoms cannot have "
        f"(the limit is {expected})",
        lib.GD_XTC_DATA: "the compressed coordinates that begin here are damaged: they lead out of "
        "the frame's bounds or its bytes",
        lib.GD_XTC_CHANGED: f"expected a frame with {expected} here, found {found}; the file has "
        "changed since it was opened, open it again",
    }
    return messages[fault]


_XTC = ChainFormat(scan, check_chain(scan, _COLUMNS), _fault_message, _decode)

"""DCD trajectories of CHARMM, NAMD, X-PLOR and the programs that write like them.

Written as NAMD and CHARMM 24 write it: little-endian, the unit cell with cosines.
"""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist._version import __version__
from gromos_dist.defaults import ON_TRUNCATED
from gromos_dist.errors import TrajectoryError, check, new_where
from gromos_dist.input_file import opened
from gromos_dist.io.formats.decimal_times import decimal_ratio
from gromos_dist.io.read_arguments import check_read, deliver, pointer
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated, check_on_truncated, handle_truncated
from gromos_dist.io.writer import Contents, Encoder, Frames, Rounding, no_octahedron

AKMA_TIME = 0.04888821
"""CHARMM's unit of time in ps."""

# A float32, times a constant that programs know to seven digits.
_TIME_STEP_TOLERANCE = 2e-7
# What VMD's plugin writes, which others use too, for want of a better; nobody's in AKMA units.
_NO_TIME_STEP = 1.0
_HEADER_BYTES = 1 << 16
_SCRATCH_BYTES = 1 << 20
_VERSION = 24
# Says that a cell is a symmetric matrix, as CHARMM writes it.
_VERSION_OF_MATRIX = 35
_LINE = 80
_LARGEST = 2**31 - 1
# How far a must lie along x and b in the x-y plane, in parts of the box' edges.
_TILT = 1e-6
# How well times must be multiples of one time step, in parts of the time between two frames.
_UNEVEN = 1e-3


class DCDLayout(NamedTuple):
    """How a DCD file is laid out: the members of ``struct gd_dcd`` in csrc/include/gd/dcd.h."""

    n_atoms: int
    n_free: int
    n_frames: int
    n_frames_header: int
    leftover: int
    free_atoms: int
    first_frame: int
    first_frame_size: int
    frame_size: int
    first_step: int
    step_interval: int
    time_step: float
    version: int
    marker_size: int
    big_endian: int
    has_cell: int
    has_fourth_dimension: int


def open_dcd(path: str | Path, *, on_truncated: OnTruncated = ON_TRUNCATED) -> DCDReader:
    """Read the header of a DCD file.

    Parameters
    ----------
    path : str or Path
        A DCD file of CHARMM, NAMD, X-PLOR, LAMMPS, OpenMM, VMD, ...: either byte order, record
        markers of 4 or 8 bytes, with or without unit cell, fourth dimension and fixed atoms.
    on_truncated : {"raise", "drop", "warn"}
        What to do with a file that ends inside a frame: refuse it, leave that frame out, or leave
        it out and warn. What was left out stands in the reader's `damage`.

    Returns
    -------
    DCDReader
        Frames are counted from the size of the file: the header's number is 0 or wrong when
        the run that wrote the file was killed.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no such file.
    TrajectoryError
        The file is damaged, ends inside a frame, or is no DCD file.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import DCD
    >>> reader = open_dcd(DCD)
    >>> reader.n_frames, reader.n_atoms
    (98, 3341)
    >>> positions = np.empty((2, reader.n_atoms, 3), np.float32)
    >>> reader.read(range(0, 20, 10), {"positions": positions})
    >>> positions[0, 0]
    array([ 1.1736044,  0.8500797, -1.0445281], dtype=float32)
    """
    check_on_truncated(on_truncated)
    path = str(path)
    with opened(path) as file:
        layout = _layout(file, path)
        caution = _caution(layout, _title(file, layout))
    damage = ""
    if layout.leftover:
        begin, expected = layout.first_frame, layout.first_frame_size
        if layout.n_frames:
            begin += layout.first_frame_size + (layout.n_frames - 1) * layout.frame_size
            expected = layout.frame_size
        damage = handle_truncated(
            path,
            on_truncated,
            n_frames=layout.n_frames,
            byte=begin,
            expected=expected,
            found=layout.leftover,
        )
    return DCDReader(path, layout, damage, caution)


@dataclass(frozen=True, slots=True)
class DCDReader:
    """A DCD file: `gromos_dist.io.reader.Reader`, made by `open_dcd`.

    Notes
    -----
    Å become nm by one rounding: a float32 position is the float32 nearest to a tenth of the
    file's number, a float64 one is 0.1 times it; on every instruction set the same.

    Frame ``i`` is step ``first_step + i * step_interval``, its time that step times the
    integrator's time step (AKMA, 0.04888821 ps; where a decimal number of ps was meant, exactly
    that). Where the header has no such time step or interval (0, negative or not finite), or one
    whose unit is not known, frames are 1 ps apart and the first is at 0; an interval of 0 or less
    counts as 1 step.
    """

    path: str
    layout: DCDLayout
    damage: str = ""
    """What was left out of a truncated file; empty when nothing was."""
    caution: str = ""
    """What the file does not say, and was assumed; empty when nothing was."""

    @property
    def n_frames(self) -> int:
        """How many whole frames the file has."""
        return self.layout.n_frames

    @property
    def n_atoms(self) -> int:
        """How many atoms every frame has."""
        return self.layout.n_atoms

    @property
    def fields(self) -> tuple[str, ...]:
        """What the file has: positions, time, step, and box if there is a unit cell."""
        box = ("box",) if self.layout.has_cell else ()
        return ("positions", *box, "time", "step")

    @property
    def single_precision(self) -> tuple[str, ...]:
        """Positions, float32 numbers of Å; of a unit cell it has doubles."""
        return ("positions",)

    @property
    def preferred_step(self) -> int:
        """1: chunks may begin anywhere."""
        return 1

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames into the caller's buffers: see `gromos_dist.io.reader.Reader.read`.

        Raises
        ------
        ValueError
            Frames or atoms that the file does not have, or a buffer of another shape or dtype.
        TrajectoryError
            The file is damaged, or has become shorter since it was opened.
        OSError
            The operating system refused.
        """
        check_read(self, frames, out, atoms)
        if not frames:
            return
        self._fill_time(frames, out)

        positions, box = out.get("positions"), out.get("box")
        if box is not None and not self.layout.has_cell:
            box[...] = np.nan
            box = None
        cells = None if box is None else np.empty((len(frames), 6))
        if positions is not None or cells is not None:
            self._read_records(frames, positions, cells, atoms)
        if box is not None and cells is not None:
            deliver(box, self._boxes(frames, cells))

    def _fill_time(self, frames: range, out: Mapping[str, NDArray[Any]]) -> None:
        layout = self.layout
        index = np.arange(frames.start, frames.stop, frames.step, dtype=np.int64)
        step = layout.first_step + index * max(layout.step_interval, 1)
        if "step" in out:
            out["step"][...] = step
        if "time" in out:
            known = layout.step_interval > 0 and 0 < layout.time_step < np.inf
            out["time"][...] = self._times(step) if known and not self.caution else index

    def _times(self, step: NDArray[np.int64]) -> NDArray[np.float64]:
        time_step = self.layout.time_step * AKMA_TIME
        ratio = decimal_ratio(time_step, _TIME_STEP_TOLERANCE)
        # Dividing integers gives the double that lies nearest to the decimal number.
        numerator, denominator = ratio or (time_step, 1)
        times: NDArray[np.float64] = step * float(numerator) / denominator
        return times

    def _read_records(
        self,
        frames: range,
        positions: NDArray[Any] | None,
        cells: NDArray[np.float64] | None,
        atoms: Atoms,
    ) -> None:
        # Atoms that are no run are picked from whole planes, best in one piece.
        picked = 0 if atoms is None else 12 * self.n_atoms + 256
        scratch = np.empty(max(_SCRATCH_BYTES, picked), np.uint8)
        is_float32 = positions is not None and positions.dtype == np.float32
        where = new_where()
        with opened(self.path) as file:
            places = self._free_places(file) if self.layout.free_atoms >= 0 else None
            status = lib.gd_dcd_read(
                file,
                self._struct(),
                frames.start,
                frames.step if len(frames) > 1 else 1,
                len(frames),
                pointer("const int64_t *", atoms),
                self.n_atoms if atoms is None else len(atoms),
                pointer("const int64_t *", places),
                pointer("float *", positions if is_float32 else None),
                pointer("double *", None if is_float32 else positions),
                pointer("double *", cells),
                pointer("unsigned char *", scratch),
                scratch.size,
                where,
            )
        check(status, where, path=self.path)

    def _free_places(self, file: int) -> NDArray[np.int64]:
        layout, where = self.layout, new_where()
        record = os.pread(file, 4 * layout.n_free + 2 * layout.marker_size, layout.free_atoms)
        places = np.empty(layout.n_atoms, np.int64)
        status = lib.gd_dcd_free_places(
            ffi.from_buffer(record),
            len(record),
            self._struct(),
            pointer("int64_t *", places),
            where,
        )
        if status == lib.GD_BAD_ARGUMENT:
            raise TrajectoryError(
                f"{self.path}: the list of free atoms at byte {layout.free_atoms} ends early: "
                f"expected {where.expected} bytes, found {where.found}; did the file change?"
            )
        check(status, where, path=self.path)
        return places

    def _boxes(self, frames: range, cells: NDArray[np.float64]) -> NDArray[np.float64]:
        boxes, where = np.empty((len(cells), 3, 3)), new_where()
        status = lib.gd_dcd_boxes(
            pointer("const double *", cells),
            len(cells),
            self.layout.version,
            pointer("double *", boxes),
            where,
        )
        if status == lib.GD_CORRUPT:
            raise TrajectoryError(
                f"{self.path}: frame {frames[where.frame]}: {cells[where.frame].tolist()} is no "
                "unit cell: expected A, gamma, B, beta, alpha, C (Å; cosines or degrees) or a "
                "symmetric matrix, with a volume; leave 'box' out to read the positions alone"
            )
        check(status, where, path=self.path)
        return boxes

    def _struct(self) -> Any:
        return ffi.new("struct gd_dcd *", self.layout._asdict())


def _title(file: int, layout: DCDLayout) -> str:
    """Return the lines of the title, as they are."""
    begin = 84 + 3 * layout.marker_size + 4
    room = min(layout.first_frame - begin, _HEADER_BYTES)
    return os.pread(file, room, begin).decode("ascii", "replace") if room > 0 else ""


def _caution(layout: DCDLayout, title: str) -> str:
    """Return what the file does not say of its units."""
    if "LAMMPS" in title:
        return (
            f"written by LAMMPS, whose time step, here {layout.time_step:g}, is in the units of "
            "its input script, which the file does not name (fs for real, ps for metal): time is "
            "the number of the frame, "
            "ds.assign_coords(time=ds.step * time_step) sets it; lengths are taken for Å, which "
            "holds for real and metal"
        )
    if layout.time_step == _NO_TIME_STEP:
        return (
            "a time step of exactly 1, as VMD, CatDCD and mdtraj write it, which do not know it: "
            "time is the number of the frame; ds.assign_coords(time=...) sets it"
        )
    return ""


def _layout(file: int, path: str) -> DCDLayout:
    file_size = os.fstat(file).st_size
    data = os.pread(file, _HEADER_BYTES, 0)
    status, layout, where = _parse(data, file_size)
    while status == lib.GD_TRUNCATED and len(data) < where.expected <= file_size:
        data = os.pread(file, where.expected, 0)
        status, layout, where = _parse(data, file_size)
    if status == lib.GD_TRUNCATED:
        raise TrajectoryError(
            f"{path}: the file ends inside its DCD header: expected at least {where.expected} "
            f"bytes, found {where.found}"
        )
    if status == lib.GD_CORRUPT and where.byte == 0:
        raise TrajectoryError(
            f"{path}: not a DCD file: it should begin with a record of 84 bytes and b'CORD', "
            f"but begins with {data[:12]!r}"
        )
    if status == lib.GD_UNSUPPORTED:
        raise TrajectoryError(
            f"{path}: a DCD file of velocities (b'VELD'): only coordinates (b'CORD') can be read"
        )
    check(status, where, path=path)
    return layout


def _parse(data: bytes, file_size: int) -> tuple[int, DCDLayout, Any]:
    struct, where = ffi.new("struct gd_dcd *"), new_where()
    # A file that grows while it is being opened has more bytes than it had.
    size = min(len(data), file_size)
    status = lib.gd_dcd_open(ffi.from_buffer(data), size, file_size, struct, where)
    return status, DCDLayout(*(getattr(struct, name) for name in DCDLayout._fields)), where


# ---- writing ----


def dcd_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a DCD file.

    Raises
    ------
    ValueError
        There are no positions, or a box that lengths and angles do not describe.
    """
    if "positions" not in contents.fields:
        raise ValueError(f"{contents.path}: DCD holds positions, of which there are none")
    if contents.box_shape == "truncated octahedron":
        raise no_octahedron(contents.path, "DCD")
    has_box = ("box",) if "box" in contents.fields else ()
    fields = ("positions", *has_box, "time", "step")
    box = None if contents.box is None else np.asarray(contents.box, np.float64)
    is_matrix = box is not None and _is_symmetric(box) and not _is_aligned(box)
    encoder = DCDEncoder(contents.path, contents.n_atoms, fields, is_matrix)
    return encoder if contents.precision is None else Rounding(encoder, contents.precision)


@dataclass(frozen=True)
class DCDEncoder:
    """Frames as records of Fortran: `gromos_dist.io.writer.Encoder`.

    nm become Å by one rounding: the float32 nearest to ten times the position.
    """

    path: str
    n_atoms: int
    fields: tuple[str, ...]
    is_matrix: bool
    """Cells are symmetric matrices, as CHARMM writes them, not lengths and angles."""

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:
        """Return the three records of the header; times that it cannot tell are warned of."""
        first, interval, time_step = _timeline(time, step)
        if len(time):
            told = (first + np.arange(len(time)) * interval) * time_step * AKMA_TIME
            between = max(abs(time[1] - time[0]), 1e-12) if len(time) > 1 else 1.0
            # The time step is a float32.
            allowed = _UNEVEN * between + 1e-6 * np.abs(time)
            wrong = np.flatnonzero(~(np.abs(told - time) <= allowed))
            if len(wrong):
                i = int(wrong[0])
                warnings.warn(
                    f"{self.path}: DCD knows times that are multiples of one time step only; "
                    f"frame {i} is at {time[i]:g} ps and will be read as {told[i]:g} ps",
                    stacklevel=2,
                )
        control = struct.pack(
            "<4s9if10i",
            b"CORD",
            *(len(time), first, interval, len(time) * interval, 0, 0, 0, 0, 0),
            time_step,
            *(
                int("box" in self.fields),
                *[0] * 8,
                _VERSION_OF_MATRIX if self.is_matrix else _VERSION,
            ),
        )
        title = f"written by gromos_dist {__version__}".encode().ljust(_LINE)
        records = (control, struct.pack("<i", 1) + title, struct.pack("<i", self.n_atoms))
        return b"".join(_marker(len(record)) + record + _marker(len(record)) for record in records)

    def footer(self) -> bytes:
        """Return nothing."""
        return b""

    def encode(self, frames: Frames, first: int) -> list[memoryview]:
        """Return the records of a block: see `gromos_dist.io.writer.Encoder.encode`."""
        positions = frames["positions"]
        fields: list[Any] = []
        if "box" in self.fields:
            fields += [("cell_begin", "<i4"), ("cell", "<f8", 6), ("cell_end", "<i4")]
        for axis in "xyz":
            plane = (axis, "<f4", self.n_atoms)
            fields += [(f"{axis}_begin", "<i4"), plane, (f"{axis}_end", "<i4")]
        out = np.empty(len(positions), np.dtype(fields))
        for i, axis in enumerate("xyz"):
            out[f"{axis}_begin"] = out[f"{axis}_end"] = 4 * self.n_atoms
            with np.errstate(over="ignore"):
                np.multiply(
                    *(positions[:, :, i], 10.0),
                    out=out[axis],
                    dtype=np.float64,
                    casting="same_kind",
                )
            if not np.isfinite(out[axis]).all():
                frame, atom = np.argwhere(~np.isfinite(out[axis]))[0].tolist()
                raise ValueError(
                    f"{self.path}: frame {first + frame}, atom {atom}: "
                    f"{positions[frame, atom].tolist()} nm are no positions that DCD can hold"
                )
        if "box" in self.fields:
            out["cell_begin"] = out["cell_end"] = 48
            boxes = np.asarray(frames["box"], np.float64)
            out["cell"] = [self._cell(box, first + i) for i, box in enumerate(boxes)]
        return [out.view(np.uint8).data]

    def _cell(self, box: NDArray[np.float64], frame: int) -> list[float]:
        """Return the six numbers of a cell (Å); zeros where there is no box.

        A, cos gamma, B, cos beta, cos alpha, C; or xx, xy, yy, xz, yz, zz of a symmetric matrix.
        """
        if np.isnan(box).all() or not box.any():
            return [0.0] * 6
        if self.is_matrix and _is_symmetric(box):
            matrix: list[float] = (10.0 * box[np.tril_indices(3)]).tolist()
            return matrix
        if self.is_matrix or not _is_aligned(box):
            kind = (
                "that is a symmetric matrix, as in the first frame"
                if self.is_matrix
                else "with a along x and b in the x-y plane, or a symmetric matrix in all frames"
            )
            raise ValueError(
                f"{self.path}: frame {frame}: expected a box {kind}, which is all that DCD can "
                f"hold, got {box.tolist()} (nm); rotate the system, or write another format"
            )
        lengths = np.linalg.norm(box, axis=1)
        a, b, c = box / lengths[:, None]
        angstrom = (10.0 * lengths).tolist()
        cos_alpha, cos_beta, cos_gamma = float(b @ c), float(a @ c), float(a @ b)
        return [angstrom[0], cos_gamma, angstrom[1], cos_beta, cos_alpha, angstrom[2]]


def _is_aligned(box: NDArray[np.float64]) -> bool:
    """Say whether a lies along x and b in the x-y plane; no box counts."""
    if np.isnan(box).all() or not box.any():
        return True
    tilt = np.abs(box[np.triu_indices(3, 1)]).max()
    return bool(tilt <= _TILT * np.abs(box).max() and (np.diag(box) > 0).all())


def _is_symmetric(box: NDArray[np.float64]) -> bool:
    return bool(np.abs(box - box.T).max() <= _TILT * np.abs(box).max())


def _marker(size: int) -> bytes:
    return struct.pack("<i", size)


def _timeline(time: NDArray[np.float64], step: NDArray[np.int64]) -> tuple[int, int, float]:
    """Return first step, steps between frames, and the time step in AKMA units."""
    if not len(time):
        return 0, 1, 0.0
    between = float(time[1] - time[0]) if len(time) > 1 else 0.0
    interval = int(step[1] - step[0]) if len(step) > 1 else 1
    first = int(step[0])
    if len(time) == 1 and first > 0 and time[0] > 0:
        return min(first, _LARGEST), 1, float(time[0]) / first / AKMA_TIME
    if not 0 < between < np.inf:
        return max(0, min(first, _LARGEST)), max(1, min(interval, _LARGEST)), 1.0 / AKMA_TIME
    largest = max(first, len(time) * interval, interval)
    steps_fit = interval > 0 and first >= 0 and largest <= _LARGEST
    if steps_fit and abs(first / interval - time[0] / between) <= _UNEVEN:
        return first, interval, between / interval / AKMA_TIME
    # The steps do not tell the times: the frames' own numbers do, as well as they can.
    return max(0, min(round(float(time[0]) / between), _LARGEST)), 1, between / AKMA_TIME

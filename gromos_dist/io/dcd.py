"""DCD trajectories of CHARMM, NAMD, X-PLOR and the programs that write like them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import TrajectoryError, check, new_where
from gromos_dist.input_file import opened
from gromos_dist.io.decimal_times import decimal_ratio
from gromos_dist.io.read_arguments import check_read, pointer
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated, check_on_truncated, handle_truncated

AKMA_TIME = 0.04888821
"""CHARMM's unit of time in ps."""

# A float32, times a constant that programs know to seven digits.
_TIME_STEP_TOLERANCE = 2e-7
# What VMD's plugin writes, which others use too, for want of a better; nobody's in AKMA units.
_NO_TIME_STEP = 1.0
_HEADER_BYTES = 1 << 16
_SCRATCH_BYTES = 1 << 20


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


def open_dcd(path: str | Path, *, on_truncated: OnTruncated = "raise") -> DCDReader:
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
            box[...] = self._boxes(frames, cells)

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

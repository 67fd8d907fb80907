"""DCD, written as NAMD and CHARMM 24 write it: little-endian, the unit cell with cosines."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._version import __version__
from gromos_dist.io.formats.dcd import AKMA_TIME
from gromos_dist.io.writer import Contents, Encoder, Frames, Rounding, no_octahedron

_VERSION = 24
# Says that a cell is a symmetric matrix, as CHARMM writes it.
_VERSION_OF_MATRIX = 35
_LINE = 80
_LARGEST = 2**31 - 1
# How far a must lie along x and b in the x-y plane, in parts of the box' edges.
_TILT = 1e-6
# How well times must be multiples of one time step, in parts of the time between two frames.
_UNEVEN = 1e-3


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

"""DCD files of every flavour, written record by record: what the reader is held against.

The byte layout is that of the Fortran programs: every record stands between two markers that tell
its length. Frames are [cell,] X, Y, Z [, fourth dimension]; with fixed atoms every frame but the
first has only the free ones.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Flavour:
    """How a file is written."""

    order: str = "<"
    marker: str = "i"
    version: int = 24
    fourth_dimension: bool = False
    first_step: int = 0
    step_interval: int = 1
    time_step: float = 20.454828
    n_frames_header: int | None = None
    title: tuple[bytes, ...] = (b"made for a test",)
    magic: bytes = b"CORD"


def record(content: bytes, flavour: Flavour) -> bytes:
    marker = struct.pack(flavour.order + flavour.marker, len(content))
    return marker + content + marker


def integers(values: Sequence[int], flavour: Flavour) -> bytes:
    return struct.pack(f"{flavour.order}{len(values)}i", *values)


def header(
    n_atoms: int, n_frames: int, flavour: Flavour, *, has_cell: bool, free: Sequence[int] = ()
) -> bytes:
    declared = n_frames if flavour.n_frames_header is None else flavour.n_frames_header
    n_fixed = n_atoms - len(free) if free else 0
    start = [declared, flavour.first_step, flavour.step_interval, 0, 0, 0, 0, 0, n_fixed]
    if flavour.version:
        time_step = struct.pack(flavour.order + "f", flavour.time_step)
        rest = integers([has_cell, flavour.fourth_dimension, *[0] * 7, flavour.version], flavour)
    else:
        time_step = struct.pack(flavour.order + "d", flavour.time_step)
        rest = integers([0] * 9, flavour)
    control = flavour.magic + integers(start, flavour) + time_step + rest
    assert len(control) == 84
    lines = [line.ljust(80) for line in flavour.title]
    title = integers([len(lines)], flavour) + b"".join(lines)
    records = [control, title, integers([n_atoms], flavour)]
    if free:
        records.append(integers([atom + 1 for atom in free], flavour))
    return b"".join(record(content, flavour) for content in records)


def frame(
    angstrom: NDArray[np.float32], flavour: Flavour, cell: Sequence[float] | None = None
) -> bytes:
    records = []
    if cell is not None:
        records.append(struct.pack(flavour.order + "6d", *cell))
    planes = [*angstrom.T]
    if flavour.fourth_dimension:
        planes.append(np.arange(len(angstrom), dtype=np.float32))
    records += [plane.astype(flavour.order + "f4").tobytes() for plane in planes]
    return b"".join(record(content, flavour) for content in records)


def dcd(
    angstrom: NDArray[np.float32],
    flavour: Flavour | None = None,
    *,
    cells: Sequence[Sequence[float]] | None = None,
    free: Sequence[int] = (),
) -> bytes:
    """The bytes of a DCD file with these positions (frame, atom, xyz) in Å."""
    flavour = flavour or Flavour()
    n_frames, n_atoms, _ = angstrom.shape
    parts = [header(n_atoms, n_frames, flavour, has_cell=cells is not None, free=free)]
    for i, positions in enumerate(angstrom):
        stored = positions[list(free)] if free and i else positions
        parts.append(frame(stored, flavour, None if cells is None else cells[i]))
    return b"".join(parts)

"""Every format read in plain Python, frame by frame: what the readers find in a damaged file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import plain_gromos
import plain_trr
import plain_xtc

Frame = dict[str, Any]
VECTORS = ("positions", "velocities", "forces", "constraint_forces")
# What plain Python raises at what it cannot read.
ERRORS = (ArithmeticError, AssertionError, IndexError, KeyError, ValueError, struct.error)


def xtc(content: bytes) -> Iterator[Frame]:
    for frame in plain_xtc.each_frame(content):
        yield {"positions": frame.double, "step": frame.step}


def dcd(content: bytes) -> Iterator[Frame]:
    [(order, marker)] = [
        (order, marker)
        for order in "<>"
        for marker in "qi"
        if content[: struct.calcsize(marker)] == struct.pack(order + marker, 84)
    ][:1]
    size = struct.calcsize(marker)
    at = 0

    def record() -> bytes:
        nonlocal at
        (length,) = struct.unpack_from(order + marker, content, at)
        data = content[at + size : at + size + length]
        assert struct.unpack_from(order + marker, content, at + size + length) == (length,)
        assert len(data) == length
        at += length + 2 * size
        return data

    control = record()
    assert control[:4] == b"CORD"
    (n_fixed,) = struct.unpack_from(order + "i", control, 36)
    has_cell, fourth = struct.unpack_from(order + "2i", control, 44)
    (version,) = struct.unpack_from(order + "i", control, 80)
    record()
    (n_atoms,) = struct.unpack(order + "i", record())
    free = np.arange(n_atoms)
    if n_fixed:
        free = np.frombuffer(record(), order + "i4").astype(int) - 1
    positions = np.empty((n_atoms, 3), np.float32)
    first = True
    while at < len(content):
        if version and has_cell:
            record()
        planes = [np.frombuffer(record(), order + "f4") for _ in range(3)]
        if version and fourth:
            record()
        positions[slice(None) if first else free] = np.stack(planes, axis=1)
        first = False
        yield {"positions": positions.astype(float) * 0.1}


def gromos(content: bytes) -> Iterator[Frame | None]:
    for lines in plain_gromos.lines_of_frames(content.decode("latin-1")):
        yield _or_none(_gromos_frame, lines)


def _gromos_frame(lines: dict[str, list[str]]) -> Frame:
    frame = plain_gromos.numbers_of(lines)
    vectors = {name: np.array(rows) for name, rows in frame.items() if name in VECTORS}
    assert all(rows.shape[1:] == (3,) for rows in vectors.values())
    return {"step": frame["step"], **vectors}


def _or_none(make: Callable[..., Frame], *arguments: Any) -> Frame | None:
    """Return a frame, or None where its numbers are none."""
    try:
        return make(*arguments)
    except ERRORS:
        return None


def pdb(content: bytes) -> Iterator[Frame | None]:
    atoms: list[bytes] = []
    for line in [*content.split(b"\n"), b"END"]:
        record = line[:6].split(b"\r")[0].rstrip()
        if record in (b"MODEL", b"ENDMDL", b"END"):
            if atoms:
                yield _or_none(_vectors, atoms, "positions", 30, 8, 10)
            atoms = []
        elif record in (b"ATOM", b"HETATM") or record.startswith(b"ATOM "):
            atoms.append(line)


def gro(content: bytes) -> Iterator[Frame | None]:
    lines = content.split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    width = 0
    while lines:
        n_atoms = int(lines[1].split()[0])
        atoms, lines = lines[2 : 2 + n_atoms], lines[3 + n_atoms :]
        assert len(atoms) == n_atoms
        if not width:
            second = atoms[0].index(b".", atoms[0].index(b".", 20) + 1)
            width = second - atoms[0].index(b".", 20)
        frame = _or_none(_vectors, atoms, "positions", 20, width)
        velocities = _or_none(_vectors, atoms, "velocities", 20 + 3 * width, width)
        yield frame and {**frame, **(velocities or {})}


def _vectors(lines: list[bytes], name: str, first: int, width: int, per_unit: int = 1) -> Frame:
    """Return the numbers of three columns, from `first` on, so many of them in a nm."""
    words = [
        [line[at : at + width].decode("latin-1") for at in range(first, first + 3 * width, width)]
        for line in lines
    ]
    return {
        name: np.array([[float(Decimal(word.strip()) / per_unit) for word in row] for row in words])
    }


READERS: dict[str, Callable[[bytes], Iterator[Frame | None]]] = {
    "xtc": xtc,
    "trr": plain_trr.frames,
    "dcd": dcd,
    "pdb": pdb,
    "ent": pdb,
    "gro": gro,
    **dict.fromkeys(("trc", "trv", "trf", "cnf", "conf", "g96"), gromos),
}


def inflated(content: bytes) -> bytes:
    """As much of a gzip file as can be inflated."""
    text = b""
    while content:
        stream = zlib.decompressobj(31)
        try:
            for i in range(0, len(content), 64):
                text += stream.decompress(content[i : i + 64])
        except zlib.error:
            break
        content = stream.unused_data
    return text


def frames(suffix: str, content: bytes) -> tuple[list[Frame | None], bool]:
    """Return the frames of a file up to where it cannot be followed, and whether that is its end.

    None stands for a frame whose numbers cannot be read.
    """
    if suffix.endswith(".gz"):
        content = inflated(content)
    found: list[Frame | None] = []
    try:
        with np.errstate(all="ignore"):
            for frame in READERS[suffix.removesuffix(".gz")[1:]](content):
                found.append(frame)
    except ERRORS:
        return found, False
    return found, True

"""PDB and GRO, written: one frame or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._version import __version__
from gromos_dist.io.columns import Columns, ColumnsError, format_columns
from gromos_dist.io.writer import Contents, Encoder, Frames, Rounding, no_octahedron

_TILT = 1e-6


def gro_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a GRO file; its decimals are those of the precision, at least 3."""
    _check(contents, "GRO")
    decimals = 3
    if contents.precision is not None:
        decimals = min(8, max(3, math.ceil(-math.log10(contents.precision) - 1e-9)))
    velocities = ("velocities",) if "velocities" in contents.fields else ()
    box = ("box",) if "box" in contents.fields else ()
    encoder = GROEncoder(
        path=contents.path,
        n_atoms=contents.n_atoms,
        fields=("positions", *velocities, *box, "time", "step"),
        labels=_gro_labels(contents),
        decimals=decimals,
    )
    return encoder if contents.precision is None else Rounding(encoder, contents.precision)


@dataclass(frozen=True)
class GROEncoder:
    """Frames of a GRO file: `gromos_dist.io.writer.Encoder`."""

    path: str
    n_atoms: int
    fields: tuple[str, ...]
    labels: tuple[bytes, ...]
    decimals: int
    """Of positions; velocities have one more."""

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:  # noqa: ARG002
        """Return nothing: each frame has its own."""
        return b""

    def footer(self) -> bytes:
        """Return nothing."""
        return b""

    def encode(self, frames: Frames, first: int) -> list[memoryview]:
        """Return the text of a block of frames: see `gromos_dist.io.writer.Encoder.encode`."""
        width = self.decimals + 5
        vectors = [name for name in ("positions", "velocities") if name in self.fields]
        blank = b" " * (3 * width * len(vectors)) + b"\n"
        body = b"".join(label + blank for label in self.labels)
        size = len(self.labels[0]) + len(blank)
        columns = {
            name: Columns(20 + 3 * width * i, size, width, self.decimals + i)
            for i, name in enumerate(vectors)
        }
        heads = [
            f"written by gromos_dist {__version__}, t= {time:.5f} step= {step}\n"
            f"{self.n_atoms:5d}\n".encode()
            for time, step in zip(frames["time"], frames["step"], strict=True)
        ]
        boxes = frames["box"] if "box" in self.fields else [None] * len(heads)
        tails = [_gro_box(box, self.decimals + 2) for box in boxes]
        text, starts = assemble(heads, body, tails)
        for name in vectors:
            _fill(self, frames, name, columns[name], starts, text, first)
        return [text.data]


def pdb_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a PDB file; several frames are its models."""
    _check(contents, "PDB")
    box = ("box",) if "box" in contents.fields else ()
    encoder = PDBEncoder(
        path=contents.path,
        n_atoms=contents.n_atoms,
        fields=("positions", *box, "time", "step"),
        labels=_pdb_labels(contents),
        is_single=contents.n_frames == 1,
    )
    return encoder if contents.precision is None else Rounding(encoder, contents.precision)


@dataclass(frozen=True)
class PDBEncoder:
    """Models of a PDB file: `gromos_dist.io.writer.Encoder`.

    Each model is preceded by a TITLE with time and step, and by its CRYST1, as GROMACS does it.
    """

    path: str
    n_atoms: int
    fields: tuple[str, ...]
    labels: tuple[tuple[bytes, bytes], ...]
    """What stands before and behind the numbers of each atom."""
    is_single: bool

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:  # noqa: ARG002
        """Return who wrote it."""
        return f"REMARK   1 WRITTEN BY GROMOS_DIST {__version__}\n".encode()

    def footer(self) -> bytes:
        """Return the last record."""
        return b"END\n"

    def encode(self, frames: Frames, first: int) -> list[memoryview]:
        """Return the text of a block of frames: see `gromos_dist.io.writer.Encoder.encode`."""
        body = b"".join(before + b" " * 24 + after for before, after in self.labels)
        before, after = self.labels[0]
        columns = Columns(30, len(before) + 24 + len(after), 8, 3, power=4)
        heads = []
        timeline = zip(frames["time"], frames["step"], strict=True)
        for i, (time, step) in enumerate(timeline):
            head = f"TITLE     t= {time:.5f} step= {step}\n"
            if "box" in self.fields:
                head += _cryst1(np.asarray(frames["box"][i], np.float64), self.path, first + i)
            if not self.is_single:
                head += f"MODEL {(first + i + 1) % 10**8:8d}\n"
            heads.append(head.encode())
        tail = b"" if self.is_single else b"ENDMDL\n"
        text, starts = assemble(heads, body, [tail] * len(heads))
        _fill(self, frames, "positions", columns, starts, text, first)
        return [text.data]


def assemble(
    heads: Sequence[bytes], body: bytes, tails: Sequence[bytes]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the text of some frames, and where in it each body begins."""
    sizes = np.array(
        [[len(head), len(body), len(tail)] for head, tail in zip(heads, tails, strict=True)]
    )
    text = np.empty(int(sizes.sum()), np.uint8)
    places = np.concatenate([[0], np.cumsum(sizes.ravel())])
    template = np.frombuffer(body, np.uint8)
    for i, (head, tail) in enumerate(zip(heads, tails, strict=True)):
        at, begin, end, past = places[3 * i : 3 * i + 4]
        text[at:begin] = np.frombuffer(head, np.uint8)
        text[begin:end] = template
        text[end:past] = np.frombuffer(tail, np.uint8)
    return text, places[1:-1:3].astype(np.int64)


def _fill(
    encoder: GROEncoder | PDBEncoder,
    frames: Frames,
    name: str,
    columns: Columns,
    starts: NDArray[np.int64],
    text: NDArray[np.uint8],
    first_frame: int,
) -> None:
    values: NDArray[Any] = frames[name]
    try:
        format_columns(values, columns, starts, text)
    except ColumnsError as error:
        raise ValueError(
            f"{encoder.path}: frame {first_frame + error.frame}, atom {error.row}: {name} "
            f"{error.problem}"
        ) from None


def _check(contents: Contents, kind: str) -> None:
    if "positions" not in contents.fields:
        raise ValueError(f"{contents.path}: {kind} holds positions, of which there are none")
    if contents.box_shape == "truncated octahedron":
        raise no_octahedron(contents.path, kind)


def _names(contents: Contents) -> list[tuple[int, str, str, str]]:
    """Return residue number, residue name, atom name and element of each atom."""
    n_atoms = contents.n_atoms
    missing = {
        "residue": np.ones(n_atoms, np.int64),
        "residue_name": np.full(n_atoms, "UNK"),
        "atom_name": np.full(n_atoms, "X"),
        "element": np.full(n_atoms, ""),
    }
    columns = [contents.atoms.get(name, values).tolist() for name, values in missing.items()]
    return list(zip(*columns, strict=True))


def _gro_labels(contents: Contents) -> tuple[bytes, ...]:
    return tuple(
        f"{number % 10**5:5d}{residue[:5]:<5}{name[:5]:>5}{(i + 1) % 10**5:5d}".encode(
            "ascii", "replace"
        )
        for i, (number, residue, name, _) in enumerate(_names(contents))
    )


def _pdb_labels(contents: Contents) -> tuple[tuple[bytes, bytes], ...]:
    labels = []
    for i, (number, residue, name, element) in enumerate(_names(contents)):
        # Names begin in the column of their element's last letter.
        placed = name[:4] if len(name) >= 4 or len(element) == 2 else f" {name}"
        before = f"ATOM  {(i + 1) % 10**5:5d} {placed:<4} {residue[:4]:<4} {number % 10**4:4d}    "
        after = f"  1.00  0.00          {element.upper()[:2]:>2}\n"
        labels.append((before.encode("ascii", "replace"), after.encode("ascii", "replace")))
    return tuple(labels)


def _gro_box(box: NDArray[Any] | None, decimals: int) -> bytes:
    if box is None or np.isnan(box).all():
        box = np.zeros((3, 3))
    (x, xy, xz), (yx, y, yz), (zx, zy, z) = np.asarray(box, np.float64).tolist()
    skewed = [xy, xz, yx, yz, zx, zy]
    numbers = [x, y, z, *(skewed if any(skewed) else ())]
    # A blank before each, however wide: the format reads the box by words.
    return "".join(f" {number:{decimals + 4}.{decimals}f}" for number in numbers).encode() + b"\n"


def _cryst1(box: NDArray[np.float64], path: str, frame: int) -> str:
    if np.isnan(box).all() or not box.any():
        return ""
    lengths = np.linalg.norm(box, axis=1)
    tilt = np.abs(box[np.triu_indices(3, 1)]).max()
    if not (tilt <= _TILT * lengths.max() and (np.diag(box) > 0).all()):
        raise ValueError(
            f"{path}: frame {frame}: expected a box with a along x and b in the x-y plane, which "
            f"is all that PDB can hold, got {box.tolist()} (nm); rotate the system, or write "
            "another format"
        )
    unit = box / lengths[:, None]
    cosines = [unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]]
    angles = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    line = "CRYST1" + "".join(f"{10 * length:9.3f}" for length in lengths)
    if len(line) > 33:
        raise ValueError(
            f"{path}: frame {frame}: a box of {lengths.tolist()} nm is too large for PDB"
        )
    return line + "".join(f"{angle:7.2f}" for angle in angles) + " P 1           1\n"

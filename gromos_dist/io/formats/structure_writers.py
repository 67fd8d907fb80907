"""PDB and GRO, written: one frame or several."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._version import __version__
from gromos_dist.io.formats.columns import Columns, ColumnsError, format_columns
from gromos_dist.io.writer import Contents, Encoder, Frames, Rounding, no_octahedron
from gromos_dist.topology.connectivity import starts_of_runs
from gromos_dist.topology.numbering import hybrid_36, read_numbers
from gromos_dist.topology.residue_kinds import is_polymer, residue_starts
from gromos_dist.variables import VARIABLES

_TILT = 1e-6
_TER = b"TER\n"


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
    chain_ends = _chain_ends(contents)
    encoder = PDBEncoder(
        path=contents.path,
        n_atoms=contents.n_atoms,
        fields=("positions", *box, "time", "step"),
        labels=_pdb_labels(contents, chain_ends),
        is_single=contents.n_frames == 1,
        chain_ends=chain_ends,
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
    chain_ends: tuple[int, ...] = ()
    """The atoms that a TER follows."""

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:  # noqa: ARG002
        """Return who wrote it."""
        return f"REMARK   1 WRITTEN BY GROMOS_DIST {__version__}\n".encode()

    def footer(self) -> bytes:
        """Return the last record."""
        return b"END\n"

    def encode(self, frames: Frames, first: int) -> list[memoryview]:
        """Return the text of a block of frames: see `gromos_dist.io.writer.Encoder.encode`."""
        lines = [before + b" " * 24 + after for before, after in self.labels]
        bounds = sorted({0, *(atom + 1 for atom in self.chain_ends), self.n_atoms})
        parts = [
            b"".join(lines[i:j]) + (j - 1 in self.chain_ends) * _TER for i, j in pairwise(bounds)
        ]
        body = b"".join(parts)
        columns = Columns(30, len(lines[0]), 8, 3, power=4)
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
        for (i, j), part in zip(pairwise(bounds), parts, strict=True):
            _fill(self, frames, "positions", columns, starts, text, first, slice(i, j))
            starts = starts + len(part)
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
    atoms: slice = slice(0, None),
) -> None:
    values: NDArray[Any] = frames[name][:, atoms]
    try:
        format_columns(values, columns, starts, text)
    except ColumnsError as error:
        raise ValueError(
            f"{encoder.path}: frame {first_frame + error.frame}, atom {atoms.start + error.row}: "
            f"{name} {error.problem}"
        ) from None


def _check(contents: Contents, kind: str) -> None:
    if "positions" not in contents.fields:
        raise ValueError(f"{contents.path}: {kind} holds positions, of which there are none")
    if contents.box_shape == "truncated octahedron":
        raise no_octahedron(contents.path, kind)


_MISSING = {
    "residue": 1,
    "residue_name": "UNK",
    "atom_name": "X",
    "element": "",
    "chain": "",
    "segment": "",
    "insertion_code": "",
}


def _labels(contents: Contents, *names: str) -> list[NDArray[Any]]:
    """Return properties of the atoms, and what stands for them where they are not known."""
    return [
        np.asarray(contents.atoms.get(name, np.full(contents.n_atoms, _MISSING[name])))
        for name in names
    ]


def _gro_labels(contents: Contents) -> tuple[bytes, ...]:
    number, residue, name = _labels(contents, "residue", "residue_name", "atom_name")
    residue = _cut(contents, "residue_name", residue, 5)
    name = _cut(contents, "atom_name", name, 5)
    wrapped = np.where(number >= 0, number % 10**5, np.maximum(number, 1 - 10**4))
    no_breaks = np.zeros(len(number), bool)
    if not np.array_equal(read_numbers(wrapped.astype(np.str_), 5, no_breaks).values, number):
        warnings.warn(
            f"{contents.path}: GRO has five columns for residue numbers: those from "
            f"{number.min()} to {number.max()} are written without what does not fit",
            stacklevel=4,
        )
    atoms = zip(wrapped.tolist(), residue.tolist(), name.tolist(), strict=True)
    return tuple(
        f"{number:5d}{residue:<5}{name:>5}{(i + 1) % 10**5:5d}".encode("ascii", "replace")
        for i, (number, residue, name) in enumerate(atoms)
    )


def _pdb_labels(contents: Contents, chain_ends: tuple[int, ...]) -> tuple[tuple[bytes, bytes], ...]:
    residue, name, element, chain, segment, code = _labels(
        contents, "residue_name", "atom_name", "element", "chain", "segment", "insertion_code"
    )
    if "segment" not in contents.atoms and np.char.str_len(chain).max() > 1:
        warnings.warn(
            f"{contents.path}: PDB has one column for a chain: {str(max(chain, key=len))!r} and "
            "all others are written as segments",
            stacklevel=4,
        )
        segment, chain = chain, np.full(len(chain), "")
    residue = _cut(contents, "residue_name", residue, 4)
    name = _cut(contents, "atom_name", name, 4)
    segment = _cut(contents, "segment", segment, 4)
    chain = _cut(contents, "chain", chain, 1)
    code = _cut(contents, "insertion_code", code, 1)
    breaks = starts_of_runs(chain, segment)
    breaks[np.array([atom + 1 for atom in chain_ends if atom + 1 < len(breaks)], np.int64)] = True
    numbers = _pdb_residue_numbers(contents, breaks)
    labels = []
    columns = (residue, name, element, chain, segment, code)
    atoms = zip(numbers, *(column.tolist() for column in columns), strict=True)
    for i, (number, of, atom, symbol, where, group, letter) in enumerate(atoms):
        # Names begin in the column of their element's last letter.
        placed = atom if len(atom) >= 4 or len(symbol) == 2 else f" {atom}"
        before = f"ATOM  {(i + 1) % 10**5:5d} {placed:<4} {of:<4}{where:1}{number:>4}{letter:1}   "
        after = f"  1.00  0.00      {group:<4}{symbol.upper()[:2]:>2}\n"
        labels.append((before.encode("ascii", "replace"), after.encode("ascii", "replace")))
    return tuple(labels)


def _pdb_residue_numbers(contents: Contents, breaks: NDArray[np.bool_]) -> list[str]:
    """Return residue numbers in four columns: wrapping where that reads back, else in hybrid-36."""
    (number,) = _labels(contents, "residue")
    # Most programs read wrapped numbers, few hybrid-36.
    wrapped = np.where(number >= 0, number % 10**4, number).astype(np.str_)
    if number.min() > -(10**3) and np.array_equal(read_numbers(wrapped, 4, breaks).values, number):
        return [str(word) for word in wrapped.tolist()]
    words = [hybrid_36(value, 4) for value in number.tolist()]
    for atom, word in enumerate(words):
        if word is None:
            raise ValueError(
                f"{contents.path}: atom {atom}: PDB has four columns for residue numbers, into "
                f"which {number[atom]} does not fit; number the residues anew, or write another "
                "format"
            )
    return [word or "" for word in words]


def _chain_ends(contents: Contents) -> tuple[int, ...]:
    """Return the last atoms of chains of protein and nucleic acid, which a TER follows."""
    atoms = {name: np.asarray(values) for name, values in contents.atoms.items()}
    if "residue_name" not in atoms or not contents.n_atoms:
        return ()
    polymer = is_polymer(residue_starts(atoms.get), atoms["residue_name"], atoms.get("atom_name"))
    chains = [atoms[name] for name in ("chain", "segment", "molecule") if name in atoms]
    breaks = starts_of_runs(polymer.astype(np.int64), *chains)
    ends = np.append(breaks[1:], True) & polymer
    return tuple(np.flatnonzero(ends).tolist())


def _cut(contents: Contents, name: str, values: NDArray[np.str_], width: int) -> NDArray[np.str_]:
    """Return names that fit into their columns, and say which are too long."""
    long = np.flatnonzero(np.char.str_len(values) > width)
    if len(long):
        others = f", as is that of {len(long) - 1} others" if len(long) > 1 else ""
        warnings.warn(
            f"{contents.path}: the {VARIABLES[name].long_name} {str(values[long[0]])!r} of atom "
            f"{long[0]} is cut to {width} characters{others}",
            stacklevel=5,
        )
    return values.astype(f"<U{width}")


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

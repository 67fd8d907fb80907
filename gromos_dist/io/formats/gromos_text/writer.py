"""GROMOS text, written: ``.trc``, ``.trv``, ``.trf``, ``.cnf`` and ``.g96``, each also ``.gz``.

Positions, velocities and boxes have the columns of C's ``%15.9f``, forces of ``%18.9f``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gromos_dist._version import __version__
from gromos_dist.input_file import suffix_of
from gromos_dist.io.formats.columns import Columns, ColumnsError, format_columns
from gromos_dist.io.writer import Contents, Encoder, Frames, Rounding

_WIDTHS = {"positions": 15, "velocities": 15, "forces": 18, "constraint_forces": 18}
_RED = {
    "positions": "POSITIONRED",
    "velocities": "VELOCITYRED",
    "forces": "FREEFORCERED",
    "constraint_forces": "CONSFORCERED",
}
_LABELLED = {"positions": "POSITION", "velocities": "VELOCITY"}
_VECTORS_OF = {
    ".trc": ("positions",),
    ".trv": ("velocities",),
    ".trf": ("forces", "constraint_forces"),
    ".cnf": ("positions", "velocities"),
    ".g96": ("positions", "velocities", "forces", "constraint_forces"),
}
_VACUUM, _RECTANGULAR, _TRICLINIC, _TRUNCATED_OCTAHEDRON = 0, 1, 2, -1
_SHAPES = {
    _VACUUM: "no box",
    _RECTANGULAR: "rectangular",
    _TRICLINIC: "triclinic",
    _TRUNCATED_OCTAHEDRON: "truncated octahedron",
}
# What counts as zero of a box vector's component, in parts of its length.
_ZERO = 1e-9


def gromos_text_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a file of GROMOS text.

    Raises
    ------
    ValueError
        The contents have not what the suffix stands for, or more than one frame for a ``.cnf``.
    """
    suffix = suffix_of(contents.path)
    vectors = tuple(name for name in _VECTORS_OF[suffix] if name in contents.fields)
    if _VECTORS_OF[suffix][0] not in vectors:
        raise ValueError(
            f"{contents.path}: a {suffix} holds {_VECTORS_OF[suffix][0]}, of which there are none"
        )
    if suffix == ".cnf" and contents.n_frames not in (None, 1):
        raise ValueError(
            f"{contents.path}: a .cnf holds one frame, not {contents.n_frames}; choose one of "
            "them, or write a .trc"
        )
    has_box = "box" in contents.fields and suffix not in (".trv", ".trf")
    encoder = GromosTextEncoder(
        path=contents.path,
        n_atoms=contents.n_atoms,
        fields=(*vectors, *(("box",) if has_box else ()), "time", "step"),
        box_type=_box_type(contents) if has_box else _VACUUM,
        labels=_labels(contents) if suffix == ".cnf" else b"",
    )
    return encoder if contents.precision is None else Rounding(encoder, contents.precision)


@dataclass(frozen=True)
class GromosTextEncoder:
    """Frames as GROMOS text: `gromos_dist.io.writer.Encoder`."""

    path: str
    n_atoms: int
    fields: tuple[str, ...]
    box_type: int
    """Of GENBOX: 0 vacuum, 1 rectangular, 2 triclinic, -1 truncated octahedron."""
    labels: bytes
    """24 characters an atom for POSITION and VELOCITY blocks; empty for the reduced ones."""

    def header(self, time: NDArray[np.float64], step: NDArray[np.int64]) -> bytes:  # noqa: ARG002
        """Return the TITLE block."""
        return f"TITLE\nwritten by gromos_dist {__version__}\nEND\n".encode()

    def footer(self) -> bytes:
        """Return nothing."""
        return b""

    def encode(self, frames: Frames, first: int) -> list[memoryview]:
        """Return the text of a block of frames: see `gromos_dist.io.writer.Encoder.encode`."""
        n_frames = len(frames["time"])
        if self.labels and first + n_frames > 1:
            raise ValueError(f"{self.path}: a .cnf holds one frame; write a .trc")
        heads = [_timestep(*of) for of in zip(frames["step"], frames["time"], strict=True)]
        body, places = self._template()
        sizes = np.array([len(head) + len(body) for head in heads], np.int64)
        ends = np.cumsum(sizes)
        text = np.empty(int(ends[-1]) if n_frames else 0, np.uint8)
        template = np.frombuffer(body, np.uint8)
        starts = ends - len(body)
        for head, start in zip(heads, starts.tolist(), strict=True):
            text[start - len(head) : start] = np.frombuffer(head, np.uint8)
            text[start : start + len(body)] = template
        for name, columns in places.items():
            values = frames[name]
            if name == "box":
                values = self._box_rows(np.asarray(values, np.float64), first)
            try:
                format_columns(values, columns, starts, text)
            except ColumnsError as error:
                raise self._located(error, name, first) from None
        return [text.data]

    def _template(self) -> tuple[bytes, dict[str, Columns]]:
        """Return the text of a frame behind its TIMESTEP, without numbers, and their places."""
        parts: list[bytes] = []
        places = {}
        at = 0
        for name in self.fields:
            if name not in (*_WIDTHS, "box"):
                continue
            if name == "box":
                begin = f"GENBOX\n{self.box_type:5d}\n".encode()
                rows = (b" " * 45 + b"\n") * 4
                places[name] = Columns(at + len(begin), 46, 15, 9)
            else:
                labels = self.labels if name in _LABELLED else b""
                block = _LABELLED[name] if labels else _RED[name]
                begin = f"{block}\n".encode()
                width = _WIDTHS[name]
                size = (24 if labels else 0) + 3 * width + 1
                places[name] = Columns(
                    at + len(begin) + size - 3 * width - 1, size, width, 9, gap=12
                )
                rows = _rows(self.n_atoms, 3 * width, labels)
            parts += [begin, rows, b"END\n"]
            at = sum(map(len, parts))
        return b"".join(parts), places

    def _box_rows(self, boxes: NDArray[np.float64], first_frame: int) -> NDArray[np.float64]:
        """Return lengths, angles, Euler angles and origin of boxes, shape (frames, 4, 3)."""
        rows = np.zeros((len(boxes), 4, 3))
        for i, box in enumerate(boxes):
            found = _type_of(box)
            expected = self.box_type
            if found != expected and not (
                (expected == _TRICLINIC and found == _RECTANGULAR)
                or (expected == _TRUNCATED_OCTAHEDRON and found == _RECTANGULAR)
            ):
                raise ValueError(
                    f"{self.path}: frame {first_frame + i}: {_SHAPES[found]}, where the first "
                    f"frame is {_SHAPES[expected]}: GROMOS text has one type of box in a file"
                )
            if found != _VACUUM:
                rows[i, :3] = box_parameters(box)
        return rows

    def _located(self, error: ColumnsError, name: str, first_frame: int) -> ValueError:
        place = f"{self.path}: frame {first_frame + error.frame}"
        row = f"atom {error.row}" if name != "box" else "box"
        return ValueError(f"{place}, {row}: {name} {error.problem}")


def _timestep(step: int, time: float) -> bytes:
    if not np.isfinite(time):
        raise ValueError(f"step {step}: its time is {time}; GROMOS text needs a finite one")
    text = f"{time:15.9f}"
    blank = "" if text.startswith(" ") else " "
    return f"TIMESTEP\n{step:15d}{blank}{text}\nEND\n".encode()


def _rows(n_atoms: int, width: int, labels: bytes) -> bytes:
    """Return the lines of a block, blank where numbers go, a comment behind every tenth."""
    parts = []
    for atom in range(n_atoms):
        parts.append(labels[24 * atom : 24 * (atom + 1)] + b" " * width + b"\n")
        if atom % 10 == 9:
            parts.append(b"#%10d\n" % ((atom + 1) % 10**10))
    return b"".join(parts)


def _labels(contents: Contents) -> bytes:
    """Return 24 characters an atom: residue number and name, atom name, atom number."""
    n_atoms = contents.n_atoms
    residue = contents.atoms.get("residue", np.ones(n_atoms, np.int64))
    residue_name = contents.atoms.get("residue_name", np.full(n_atoms, "UNK"))
    atom_name = contents.atoms.get("atom_name", np.full(n_atoms, "X"))
    lines = [
        f"{number % 100000:5d} {name[:5]:<5} {atom[:5]:<5}{(i + 1) % 10**7:7d}"
        for i, (number, name, atom) in enumerate(
            zip(residue.tolist(), residue_name.tolist(), atom_name.tolist(), strict=True)
        )
    ]
    return "".join(lines).encode("ascii", "replace")


def _box_type(contents: Contents) -> int:
    if contents.box_shape == "truncated octahedron":
        return _TRUNCATED_OCTAHEDRON
    return _VACUUM if contents.box is None else _type_of(np.asarray(contents.box, np.float64))


def _type_of(box: NDArray[np.float64]) -> int:
    if np.isnan(box).all() or not box.any():
        return _VACUUM
    return _RECTANGULAR if not (box - np.diag(np.diag(box))).any() else _TRICLINIC


def box_parameters(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return lengths (nm), angles and Euler angles (degrees) of a box, the rows of (3, 3).

    With a along x and b in the x-y plane, turned by psi about x, theta about y, phi about z, the
    box is the one given.

    Raises
    ------
    ValueError
        The vectors lie in a plane, are left-handed or not finite.

    Examples
    --------
    >>> box_parameters(np.array([[0.0, 2.0, 0.0], [-3.0, 0.0, 0.0], [0.0, 0.0, 4.0]]))
    array([[ 2.,  3.,  4.],
           [90., 90., 90.],
           [90.,  0.,  0.]])
    """
    lengths = np.linalg.norm(box, axis=1)
    volume = np.linalg.det(box) if np.isfinite(box).all() else np.nan
    if not volume > 1e-9 * lengths.prod():
        raise ValueError(
            f"the box {box.tolist()} (nm) has no volume, or its vectors are left-handed: expected "
            "three vectors that follow each other like thumb, forefinger and middle finger of the "
            "right hand"
        )
    unit = box / lengths[:, None]
    cosines = np.array([unit[1] @ unit[2], unit[2] @ unit[0], unit[0] @ unit[1]])
    first = unit[0]
    second = unit[1] - (unit[1] @ first) * first
    second /= np.linalg.norm(second)
    third = np.cross(first, second)
    theta = np.arctan2(-first[2], np.hypot(first[0], first[1]))
    if np.hypot(first[0], first[1]) > _ZERO:
        phi = np.arctan2(first[1], first[0])
        psi = np.arctan2(second[2], third[2])
    else:
        # a lies along z: turning about x and about z is the same.
        phi = 0.0
        psi = np.arctan2(np.sign(theta) * second[0], second[1])
    angles = np.arccos(np.clip(cosines, -1.0, 1.0))
    # Adding zero: no -0.
    return np.stack([lengths, np.degrees(angles), np.degrees([phi, theta, psi]) + 0.0])

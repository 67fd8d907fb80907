"""What PDB and GRO share: frames of lines, one line an atom, numbers in columns.

Names and residues of the atoms come from the same files as topologies, see
`gromos_dist.topology`.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TrajectoryError
from gromos_dist.io.formats.columns import Columns, ColumnsError, format_columns, parse_columns
from gromos_dist.io.index import gzip_access
from gromos_dist.io.index.frame_index import (
    DamagedIndexError,
    FileKey,
    StoredArrays,
    cached_index,
    check_numbers,
    check_rows,
    open_index,
)
from gromos_dist.io.index.text_file import is_compressed, read_range, text_size
from gromos_dist.io.read_arguments import check_read, deliver, deliver_indexed
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated, check_on_truncated, handle_cut
from gromos_dist.io.writer import Contents, Frames, no_octahedron
from gromos_dist.variables import VARIABLES

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

NEWLINE = 10
TIME = re.compile(rb"\bt=\s*([-+0-9.eE]+)")
_STEP = re.compile(rb"\bstep=\s*([-+]?[0-9]+)")
_LEAVE = frozenset({gzip_access.WINDOWS})
_READ_BYTES = 1 << 20


class Kind(NamedTuple):
    """What tells one of the two formats from the other."""

    name: str
    scan: Callable[[str], dict[str, NDArray[Any]]]
    """Finds the frames of a file: the arrays of its frame index."""
    check: Callable[[str, int, StoredArrays], None]
    """Sees that an index fits its file: `check_index`, or more."""
    columns: Callable[[str, StoredArrays], dict[str, Columns]]
    """Where positions and velocities stand in the line of an atom."""
    atom_rows: Callable[[Bytes, Integers], Integers]
    """Which of the lines of a frame, told by where they begin, are atoms."""
    label_columns: Sequence[int]
    """What names an atom in its line."""
    cut_message: Callable[[str, int, int, int], str]
    """Where a file is cut, given the words for it, the line, and how many atoms it should have
    and has."""


@dataclass(frozen=True, slots=True)
class StructureReader:
    """A PDB or GRO file: `gromos_dist.io.reader.Reader`, made by `open_pdb` or `open_gro`."""

    path: str
    n_frames: int
    n_atoms: int
    fields: tuple[str, ...]
    columns: Mapping[str, Columns]
    """Where positions and velocities stand in the line of an atom."""
    kind: Kind
    damage: str
    """What was left out of a truncated file; empty when nothing was."""
    index_path: str
    key: FileKey

    @property
    def single_precision(self) -> tuple[str, ...]:
        """None: decimal numbers are rounded in binary."""
        return ()

    @property
    def preferred_step(self) -> int:
        """1: chunks may begin anywhere."""
        return 1

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames into the caller's buffers: see `gromos_dist.io.reader.Reader.read`.

        Time and step are those that GROMACS writes into titles, ``t= 1.0 step= 500``; the number
        of the frame where there are none.
        """
        check_read(self, frames, out, atoms)
        if not frames:
            return
        index = self._index()
        chosen = slice(frames.start, frames.stop, frames.step)
        deliver_indexed(("time", "step"), index, frames, out)
        if "box" in out:
            deliver(out["box"], index["box"][chosen].reshape(-1, 3, 3))
        wanted = [name for name in self.columns if name in out]
        if not wanted:
            return
        begins, ends = index["begin"][chosen].tolist(), index["end"][chosen].tolist()
        with read_range(self.path, index, begins[0], ends[-1]) as fill:
            for i, frame in enumerate(frames):
                text = np.empty(ends[i] - begins[i], np.uint8)
                fill(text, begins[i])
                first_line = int(index["line"][frame])
                self._read_frame(
                    text, frame, first_line, {name: out[name][i] for name in wanted}, atoms
                )

    def _index(self) -> StoredArrays:
        return cached_index(
            self.index_path, self.path, self.key, self.kind.scan, _LEAVE, self.kind.check
        )

    def label_digest(self) -> bytes:
        """Return a digest of what names the atoms of the first frame."""
        index = self._index()
        begin, end = index["begin"][:1].item(), index["end"][:1].item()
        text = np.empty(end - begin, np.uint8)
        with read_range(self.path, index, begin, end) as fill:
            fill(text, begin)
        starts = line_starts(text)
        starts = starts[self.kind.atom_rows(text, starts)]
        digest = blake2b(self.kind.name.encode(), digest_size=16)
        for column in self.kind.label_columns:
            digest.update(text[np.minimum(starts + column, len(text) - 1)].tobytes())
        return digest.digest()

    def _read_frame(
        self,
        text: Bytes,
        frame: int,
        first_line: int,
        out: Mapping[str, NDArray[Any]],
        atoms: Atoms,
    ) -> None:
        starts = line_starts(text)
        rows = self.kind.atom_rows(text, starts)
        if len(rows) != self.n_atoms:
            raise TrajectoryError(
                f"{self.path}: frame {frame}, line {first_line}: expected {self.n_atoms} atoms, "
                f"found {len(rows)}; the file has changed since it was opened, open it again"
            )
        line_ends = np.append(starts[1:] - 1, len(text))[rows]
        if atoms is not None:
            rows, line_ends = rows[atoms], line_ends[atoms]
        for name, columns in self.columns.items():
            if name not in out:
                continue
            place = f"{self.path}: frame {frame}, line"
            try:
                parse_columns(
                    text, columns, starts[rows], np.zeros(1, np.int64), out[name][:, None]
                )
            except ColumnsError as error:
                row = int(rows[error.frame])
                raise TrajectoryError(
                    f"{place} {first_line + row}, atom "
                    f"{error.frame if atoms is None else atoms[error.frame]}: {error.problem}"
                ) from None
            # Columns behind the end of a line are those of the next one.
            end = columns.first + columns.n * columns.width
            short = np.flatnonzero(line_ends - starts[rows] < end)
            if len(short):
                atom, row = int(short[0]), int(rows[short[0]])
                raise TrajectoryError(
                    f"{place} {first_line + row}, atom {atom if atoms is None else atoms[atom]}: "
                    f"expected {name} up to column {end}, the line ends behind column "
                    f"{line_ends[atom] - starts[row]}"
                )


def open_structure(
    path: str, kind: Kind, on_truncated: OnTruncated, folder: str | Path | None
) -> StructureReader:
    """Open a file of either kind: see `gromos_dist.io.formats.pdb.open_pdb`."""
    check_on_truncated(on_truncated)
    place, key, index = open_index(
        path, lambda: kind.scan(path), check=kind.check, leave=_LEAVE, folder=folder
    )
    columns = kind.columns(path, index)
    frame, line = index["renamed"].tolist()
    if frame:
        warnings.warn(
            f"{path}: frame {frame}, line {line}: an atom or its residue is named otherwise than "
            "in the first frame, whose names are those of all; if they are other atoms, the frames "
            "are not of one trajectory",
            stacklevel=3,
        )
    line, found = index["cut"].tolist()
    damage = ""
    if line:
        inside = f"the file ends inside frame {len(index['step'])}, which begins at line {line}"
        cut = kind.cut_message(inside, line, index["n_atoms"].item(), found)
        damage = handle_cut(path, on_truncated, n_frames=len(index["step"]), cut=cut)
    has_box = bool(np.isfinite(index["box"]).any())
    return StructureReader(
        path=path,
        n_frames=len(index["step"]),
        n_atoms=index["n_atoms"].item(),
        fields=(*columns, *(("box",) if has_box else ()), "time", "step"),
        columns=columns,
        kind=kind,
        damage=damage,
        index_path=place,
        key=key,
    )


# ---- reading ----


def load_text(path: str) -> tuple[Bytes, dict[str, NDArray[Any]]]:
    """Return the whole text, and what the frame index needs for reading from any place of it."""
    if not is_compressed(path):
        return np.fromfile(path, np.uint8), {}
    text, arrays = gzip_access.inflated(path, _whole_text)
    if gzip_access.CUT in arrays:
        raise TrajectoryError(
            f"{path}: the gzip stream is cut off, after {len(text)} bytes of text; fetch the file "
            "again, or write what zcat gives of it to a file without .gz"
        )
    return text, arrays


def _whole_text(read_into: gzip_access.ReadInto) -> Bytes:
    pieces = []
    while n_bytes := read_into(piece := np.empty(_READ_BYTES, np.uint8)):
        pieces.append(piece[:n_bytes])
    return np.concatenate(pieces) if pieces else np.empty(0, np.uint8)


NUMBERS = {"n_atoms": (1,), "cut": (2,), "renamed": (2,)}


def check_index(
    path: str, size: int, index: StoredArrays, numbers: Mapping[str, tuple[int, ...]] = NUMBERS
) -> None:
    """See that an index fits its file, and its arrays each other.

    Raises
    ------
    DamagedIndexError
        They do not.
    """
    columns = {"step": "<i8", "time": "<f8", "begin": "<i8", "end": "<i8", "line": "<i8"}
    n_frames = check_rows(index, columns, "step")
    size = text_size(path, size, index)
    check_numbers(index, numbers)
    begin, end, box = index["begin"], index["end"], index["box"]
    n_atoms = int(index["n_atoms"][0])
    good = (
        bool((begin >= 0).all() and (end <= size).all())
        and bool((end - begin >= n_atoms).all() and (begin[1:] >= end[:-1]).all())
        and n_atoms > 0
        and box.shape == (n_frames, 9)
        and 0 <= index["renamed"][0] < n_frames
    )
    if not good:
        raise DamagedIndexError(f"{index.path}: its frames do not fit {size} bytes of text")


def line_starts(text: Bytes) -> Integers:
    """Return where lines begin; the text ends with a line feed, or its last line without one."""
    ends = np.flatnonzero(text == NEWLINE)
    starts = np.concatenate([np.zeros(1, np.int64), ends + 1])
    return starts if len(starts) and starts[-1] < len(text) else starts[:-1]


def line_at(text: Bytes, starts: Integers, row: int) -> bytes:
    """Return a line without its end."""
    end = starts[row + 1] if row + 1 < len(starts) else len(text)
    return bytes(text[starts[row] : end]).rstrip(b"\r\n")


def compare_names(
    path: str, text: Bytes, starts: Integers, rows: Integers, columns: range
) -> Integers:
    """Compare what names the atoms of every frame with the first.

    Parameters
    ----------
    rows : (frames, atoms) array
        The lines of the atoms.
    columns : range
        Where names and residues stand, from 0.

    Returns
    -------
    (2,) array
        The first frame that has other names, and the line (from 1) where it begins to; zeros when
        none has.

    Raises
    ------
    TrajectoryError
        A frame has the same atoms in another order.
    """
    renamed = np.zeros(2, "<i8")
    places = np.array(columns)

    def names_in(frame: int) -> NDArray[np.void]:
        found = text[np.minimum(starts[rows[frame]][:, None] + places, len(text) - 1)]
        names: NDArray[np.void] = found.view(f"V{len(columns)}")[:, 0]
        return names

    first = names_in(0)
    for frame in range(1, len(rows)):
        found = names_in(frame)
        differs = found != first
        if not differs.any():
            continue
        line = int(rows[frame, np.argmax(differs)]) + 1
        if Counter(found.tolist()) == Counter(first.tolist()):
            raise TrajectoryError(
                f"{path}: frame {frame}, line {line}: the atoms of the first frame in another "
                "order; write all frames in one order"
            )
        if not renamed.any():
            renamed[:] = frame, line
    return renamed


def timeline(titles: list[bytes]) -> dict[str, NDArray[Any]]:
    """Return times and steps as titles tell them, all of them; else the numbers of the frames."""
    numbers = np.arange(len(titles))
    times = [TIME.search(title) for title in titles]
    steps = [_STEP.search(title) for title in titles]
    time, step = numbers.astype("<f8"), numbers.astype("<i8")
    try:
        if all(times):
            time = np.array([float(found[1]) for found in times if found], "<f8")
        if all(steps):
            step = np.array([int(found[1]) for found in steps if found], "<i8")
    except (ValueError, OverflowError):
        pass
    return {"time": time, "step": step}


# ---- writing ----


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


def fill_columns(
    path: str,
    frames: Frames,
    name: str,
    columns: Columns,
    starts: NDArray[np.int64],
    text: NDArray[np.uint8],
    first_frame: int,
    atoms: slice = slice(0, None),
) -> None:
    """Write the numbers of a field into the lines of its atoms, or say which do not fit."""
    values: NDArray[Any] = frames[name][:, atoms]
    try:
        format_columns(values, columns, starts, text)
    except ColumnsError as error:
        raise ValueError(
            f"{path}: frame {first_frame + error.frame}, atom {atoms.start + error.row}: "
            f"{name} {error.problem}"
        ) from None


def check_contents(contents: Contents, kind: str) -> None:
    """Refuse what neither format can hold."""
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


def labels_of(contents: Contents, *names: str) -> list[NDArray[Any]]:
    """Return properties of the atoms, and what stands for them where they are not known."""
    return [
        np.asarray(contents.atoms.get(name, np.full(contents.n_atoms, _MISSING[name])))
        for name in names
    ]


def cut_names(
    contents: Contents, name: str, values: NDArray[np.str_], width: int
) -> NDArray[np.str_]:
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

"""GRO, of one frame or of several, with any number of decimals."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._version import __version__
from gromos_dist.defaults import ON_TRUNCATED
from gromos_dist.errors import TrajectoryError
from gromos_dist.io.formats.columns import Columns
from gromos_dist.io.formats.structures import (
    NEWLINE,
    NUMBERS,
    Bytes,
    Integers,
    Kind,
    StructureReader,
    assemble,
    check_contents,
    check_index,
    compare_names,
    cut_names,
    fill_columns,
    labels_of,
    line_at,
    line_starts,
    load_text,
    open_structure,
    timeline,
)
from gromos_dist.io.index.frame_index import DamagedIndexError, StoredArrays
from gromos_dist.io.truncated import OnTruncated
from gromos_dist.io.writer import Contents, Encoder, Frames, Rounding
from gromos_dist.topology.numbering import read_numbers

_SPACE = 32
_LABELS = 20
_NAMES = 15  # where names end and numbers of atoms begin
_NONE, _ALL, _SOME = 0, 1, 2  # of the atoms have velocities
_PIECE = 1 << 22
_WIDEST = 24


def open_gro(
    path: str | Path,
    *,
    on_truncated: OnTruncated = ON_TRUNCATED,
    index_folder: str | Path | None = None,
) -> StructureReader:
    """Open a GRO file, of one frame or of several, with any number of decimals.

    Parameters, result and errors are those of `open_pdb`.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import GRO_velocity
    >>> reader = open_gro(GRO_velocity)
    >>> reader.n_frames, reader.n_atoms, reader.fields
    (1, 6, ('positions', 'velocities', 'box', 'time', 'step'))
    """
    return open_structure(str(path), _GRO, on_truncated, index_folder)


# ---- reading ----


def _scan(path: str) -> dict[str, NDArray[Any]]:
    text, extra = load_text(path)
    starts = line_starts(text)
    n_lines = len(starts)
    while n_lines and not line_at(text, starts, n_lines - 1).strip():
        n_lines -= 1
    is_ended = bool(n_lines) and (n_lines < len(starts) or text[-1] == NEWLINE)
    row, n_atoms, box_size = 0, -1, 0
    cut = np.zeros(2, "<i8")
    rows: list[int] = []
    titles: list[bytes] = []
    boxes: list[NDArray[np.float64]] = []
    while row < n_lines:
        if rows and (row + 1 == n_lines or (row + 2 == n_lines and not is_ended)):
            cut[:] = row + 1, 0
            break
        count = line_at(text, starts, row + 1).split() if row + 1 < n_lines else []
        if not count or not count[0].isdigit() or len(count[0]) > 18 or not int(count[0]):
            found = b" ".join(count)[:60].decode("latin-1") if count else "the end of the file"
            raise TrajectoryError(
                f"{path}: frame {len(rows)}, line {row + 2}: expected the number of atoms, "
                f"found {found!r}"
            )
        found_atoms = int(count[0])
        if n_atoms >= 0 and found_atoms != n_atoms:
            raise TrajectoryError(
                f"{path}: frame {len(rows)}, line {row + 2}: {found_atoms} atoms, expected "
                f"{n_atoms} as in the first frame"
            )
        n_atoms = found_atoms
        if row + 2 + n_atoms >= n_lines:
            cut[:] = row + 1, n_lines - row - 2
            break
        box = line_at(text, starts, row + 2 + n_atoms)
        # A box that ends the file without a line feed and is shorter than that before is cut.
        if rows and row + 3 + n_atoms == n_lines and not is_ended and len(box) < box_size:
            cut[:] = row + 1, n_atoms
            break
        box_size = len(box)
        titles.append(line_at(text, starts, row))
        rows.append(row + 2)
        boxes.append(_box(path, row + 2 + n_atoms, box))
        row += 3 + n_atoms
    if not rows:
        found = f"found {n_lines - 2} lines" if cut[0] else "the file is empty"
        raise TrajectoryError(
            f"{path}: expected {max(n_atoms, 1)} atoms and a box, {found}; there is no whole frame"
        )
    first = np.array(rows)
    width = _width_of(path, rows[0], line_at(text, starts, rows[0]))
    lines = (first[:, None] + np.arange(n_atoms)).ravel()
    _check_points(path, text, starts, lines, n_atoms, width)
    velocities = _which_have_velocities(text, starts[lines], starts[lines + 1], width)
    return {
        **timeline(titles),
        **extra,
        "begin": starts[first].astype("<i8"),
        "end": starts[first + n_atoms].astype("<i8"),
        "line": (first + 1).astype("<i8"),
        "box": np.array(boxes, "<f8"),
        "n_atoms": np.array([n_atoms], "<i8"),
        "cut": cut,
        "renamed": compare_names(path, text, starts, lines.reshape(-1, n_atoms), range(_NAMES)),
        "layout": np.array([width, velocities], "<i8"),
    }


def _which_have_velocities(text: Bytes, begins: Integers, ends: Integers, width: int) -> int:
    """Tell which atoms have velocities: _NONE of them, _SOME or _ALL.

    Blanks behind the positions are no velocities, however many.
    """
    first, size = _LABELS + 3 * width, 3 * width
    written = 0
    for start in range(0, len(begins), _PIECE):
        piece = slice(start, start + _PIECE)
        has = np.zeros(len(begins[piece]), bool)
        is_long = ends[piece] - begins[piece] > first + size - 1
        for column in range(first, first + size):
            has[is_long] |= text[begins[piece][is_long] + column] > _SPACE
        written += int(np.count_nonzero(has))
    return _NONE if not written else _ALL if written == len(begins) else _SOME


def _check_points(
    path: str, text: Bytes, starts: Integers, lines: Integers, n_atoms: int, width: int
) -> None:
    """Refuse lines whose decimal points stand elsewhere than in the first: no other precision."""
    begin, line = starts[lines[0]], line_at(text, starts, lines[0])
    first = line.index(b".", _LABELS)
    for column in (first, first + width, first + 2 * width):
        places = np.minimum(starts[lines] + column, len(text) - 1)
        wrong = np.flatnonzero(text[places] != text[begin + column])
        if len(wrong):
            row = int(lines[wrong[0]])
            raise TrajectoryError(
                f"{path}: frame {wrong[0] // n_atoms}, line {row + 1}, atom {wrong[0] % n_atoms}: "
                f"expected positions in columns of {width} characters as in the first line, found "
                f"{line_at(text, starts, row).decode('latin-1')!r}"
            )


def _width_of(path: str, row: int, line: bytes) -> int:
    """Return the width of a coordinate: the distance between two decimal points."""
    points = [i for i, c in enumerate(line[_LABELS:]) if c == ord(".")]
    width = points[1] - points[0] if len(points) > 1 else 0
    if len(points) < 3 or points[2] - points[1] != width or not 2 <= width <= _WIDEST:
        raise TrajectoryError(
            f"{path}: frame 0, line {row + 1}: expected three positions behind the first 20 "
            f"columns, found {line.decode('latin-1')!r}"
        )
    return width


def _box(path: str, row: int, line: bytes) -> NDArray[np.float64]:
    """Return box vectors, NaN where there is no box (zeros)."""
    # Large numbers have no blanks between them, but as many decimals as the last one.
    decimals = len(line.rstrip().rpartition(b".")[2])
    words = re.findall(rb"[-+]?\d+\.\d{%d}" % decimals, line)
    if b"".join(words) != b"".join(line.split()):
        words = line.split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) not in (3, 9) or not np.isfinite(numbers).all():
        raise TrajectoryError(
            f"{path}, line {row + 1}: expected a box of 3 or 9 numbers, found "
            f"{line.decode('latin-1')[:80]!r}"
        )
    if not any(numbers):
        return np.full(9, np.nan)
    x, y, z, *skewed = numbers
    xy, xz, yx, yz, zx, zy = skewed or [0.0] * 6
    return np.array([x, xy, xz, yx, y, yz, zx, zy, z])


def _check(path: str, size: int, index: StoredArrays) -> None:
    check_index(path, size, index, {**NUMBERS, "layout": (2,)})
    if not 2 <= index["layout"][0] <= _WIDEST:
        raise DamagedIndexError(f"{index.path}: its columns are {index['layout'][0]} wide")


def _columns(path: str, index: StoredArrays) -> dict[str, Columns]:
    width, velocities = index["layout"].tolist()
    columns = {"positions": Columns(_LABELS, 0, width, 0)}
    if velocities == _SOME:
        warnings.warn(
            f"{path}: some atoms have velocities and others have none: velocities are not read",
            stacklevel=4,
        )
    if velocities == _ALL:
        columns["velocities"] = Columns(_LABELS + 3 * width, 0, width, 0)
    return columns


def _atom_rows(text: Bytes, starts: Integers) -> Integers:  # noqa: ARG001
    return np.arange(len(starts))


def _cut_message(inside: str, line: int, n_atoms: int, found: int) -> str:  # noqa: ARG001
    if found == n_atoms:
        return f"{inside}: its box is missing"
    return f"{inside}: expected {n_atoms} atoms and a box, found {found}"


_GRO = Kind(
    name="GRO",
    scan=_scan,
    check=_check,
    columns=_columns,
    atom_rows=_atom_rows,
    label_columns=range(_NAMES),
    cut_message=_cut_message,
)


# ---- writing ----


def gro_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a GRO file; its decimals are those of the precision, at least 3."""
    check_contents(contents, "GRO")
    decimals = 3
    if contents.precision is not None:
        decimals = min(8, max(3, math.ceil(-math.log10(contents.precision) - 1e-9)))
    velocities = ("velocities",) if "velocities" in contents.fields else ()
    box = ("box",) if "box" in contents.fields else ()
    encoder = GROEncoder(
        path=contents.path,
        n_atoms=contents.n_atoms,
        fields=("positions", *velocities, *box, "time", "step"),
        labels=_label_lines(contents),
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
        tails = [_box_line(box, self.decimals + 2) for box in boxes]
        text, starts = assemble(heads, body, tails)
        for name in vectors:
            fill_columns(self.path, frames, name, columns[name], starts, text, first)
        return [text.data]


def _label_lines(contents: Contents) -> tuple[bytes, ...]:
    number, residue, name = labels_of(contents, "residue", "residue_name", "atom_name")
    residue = cut_names(contents, "residue_name", residue, 5)
    name = cut_names(contents, "atom_name", name, 5)
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


def _box_line(box: NDArray[Any] | None, decimals: int) -> bytes:
    if box is None or np.isnan(box).all():
        box = np.zeros((3, 3))
    (x, xy, xz), (yx, y, yz), (zx, zy, z) = np.asarray(box, np.float64).tolist()
    skewed = [xy, xz, yx, yz, zx, zy]
    numbers = [x, y, z, *(skewed if any(skewed) else ())]
    # A blank before each, however wide: the format reads the box by words.
    return "".join(f" {number:{decimals + 4}.{decimals}f}" for number in numbers).encode() + b"\n"

"""PDB: one frame, or as many as there are models."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
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
    TIME,
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
from gromos_dist.io.index.frame_index import StoredArrays
from gromos_dist.io.truncated import OnTruncated
from gromos_dist.io.writer import Contents, Encoder, Frames, Rounding
from gromos_dist.topology.connectivity import starts_of_runs
from gromos_dist.topology.numbering import hybrid_36, read_numbers
from gromos_dist.topology.pdb_records import disguise, is_disguised
from gromos_dist.topology.residue_kinds import is_polymer, residue_starts

_COORDINATES = Columns(30, 0, 8, 3, power=4)
_END_OF_COORDINATES = 54
_NAMES = range(12, 27)  # columns
_RECORDS_OF_FRAMES = (b"ATOM", b"HETATM", b"MODEL", b"ENDMDL", b"TITLE", b"CRYST1")
_WHOLE_WHEN_SHORT = (b"END", b"ENDMDL", b"TER")
_NO_END, _ANNOUNCED = -1, -2  # what tells that a file is cut behind a whole frame
_TILT = 1e-6
_TER = b"TER\n"


def open_pdb(
    path: str | Path,
    *,
    on_truncated: OnTruncated = ON_TRUNCATED,
    index_folder: str | Path | None = None,
) -> StructureReader:
    """Open a PDB file for its positions and box: its models, or what END lines separate.

    Parameters
    ----------
    path : str or Path
        The file: ``.pdb`` or ``.ent``, also ``.gz``.
    on_truncated : {"raise", "drop", "warn"}
        What to do with a file that ends inside a frame which is not its first: refuse it, leave
        that frame out, or leave it out and warn.
    index_folder : str or Path, optional
        Where to keep the frame index instead of beside the file.

    Returns
    -------
    StructureReader

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        The file cannot be opened.
    TrajectoryError
        There are no atoms, or not as many in every model.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import PDB_multiframe
    >>> reader = open_pdb(PDB_multiframe)
    >>> reader.n_frames, reader.n_atoms
    (24, 392)
    """
    return open_structure(str(path), _PDB, on_truncated, index_folder)


# ---- reading ----


def _records(text: Bytes, starts: Integers) -> NDArray[np.bytes_]:
    """Return the first six characters of each line, without blanks behind them."""
    places = starts[:, None] + np.arange(6)
    is_behind = places >= len(text)
    characters = text[np.minimum(places, max(len(text) - 1, 0))]
    # What lies behind the end of a short line belongs to none.
    is_end = is_behind | (characters == NEWLINE) | (characters == 13)
    ended = np.logical_or.accumulate(is_end, axis=1)
    characters = np.where(ended, 32, characters).astype(np.uint8)
    records: NDArray[np.bytes_] = np.char.rstrip(characters.view("S6")[:, 0])
    return records


def _is_atom(records: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    # Serial numbers of six digits begin in the blank behind ATOM.
    is_wide = np.char.startswith(records, b"ATOM ")
    return np.asarray((records == b"ATOM") | (records == b"HETATM") | is_wide)


def _refuse_disguised(
    path: str,
    text: Bytes,
    starts: Integers,
    records: NDArray[np.bytes_],
    is_atom: NDArray[np.bool_],
) -> None:
    """Raise a TrajectoryError for a line that would be passed over and must not be."""
    others = np.flatnonzero(~is_atom)
    odd = [record for record in np.unique(records[others]).tolist() if is_disguised(record)]
    rows = others[np.isin(records[others], odd) | (others == 0)]
    found = disguise(rows.tolist(), partial(line_at, text, starts))
    if found is not None:
        raise TrajectoryError(f"{path}, line {found[0] + 1}: {found[1]}")


def _scan(path: str) -> dict[str, NDArray[Any]]:
    text, extra = load_text(path)
    starts = line_starts(text)
    records = _records(text, starts)
    ends = np.append(starts[1:], len(text))
    # A last line without a line feed may be the beginning of one.
    last = len(starts) if not len(text) or text[-1] == NEWLINE else len(starts) - 1
    begun = b""
    if last < len(starts) and ends[last] - starts[last] < _END_OF_COORDINATES:
        begun = line_at(text, starts, last)
        marks = records[:last][np.isin(records[:last], [b"MODEL", b"ENDMDL", b"END"])]
        is_in_model = len(marks) > 0 and marks[-1] == b"MODEL" and b"END" not in marks
        is_half_endmdl = begun == b"END" and is_in_model
        if begun.rstrip() not in _WHOLE_WHEN_SHORT or is_half_endmdl:
            records = records[:last]
    is_atom = _is_atom(records)
    _refuse_disguised(path, text, starts, records, is_atom)
    atoms = np.flatnonzero(is_atom)
    if not len(atoms):
        raise TrajectoryError(f"{path}: no ATOM or HETATM records; is this a PDB file?")
    borders = np.cumsum((records == b"MODEL") | (records == b"ENDMDL") | (records == b"END"))
    groups, first, counts = np.unique(borders[atoms], return_index=True, return_counts=True)
    cut = np.zeros(2, "<i8")
    is_open = borders[-1] == groups[-1]
    is_cut_off = len(records) < len(starts) and _is_beginning(begun)
    # Of a first model that was begun and not ended, nobody knows how many atoms it should have.
    if len(groups) == 1 and is_open and (is_cut_off or b"MODEL" in records[: atoms[0]]):
        raise TrajectoryError(
            f"{path}: the file ends at line {len(starts)}, inside its first frame; there is no "
            "whole frame"
        )
    if is_open and len(counts) > 1:
        is_closed_elsewhere = b"ENDMDL" in records
        if counts[-1] < counts[0] or is_cut_off or is_closed_elsewhere:
            cut[:] = atoms[first[-1]] + 1, counts[-1]
            groups, first, counts = groups[:-1], first[:-1], counts[:-1]
    elif not is_open:
        cut[:] = _cut_behind(text, starts, records, int(atoms[-1]), len(groups), is_cut_off)
    wrong = np.flatnonzero(counts != counts[0])
    if len(wrong):
        frame = int(wrong[0])
        raise TrajectoryError(
            f"{path}: frame {frame}, line {atoms[first[frame]] + 1}: a model of {counts[frame]} "
            f"atoms, expected {counts[0]} as in the first; the file is cut off, or its models "
            "are of several molecules"
        )
    first_rows, last_rows = atoms[first], atoms[first + counts - 1]
    rows = atoms[first[:, None] + np.arange(counts[0])]
    renamed = compare_names(path, text, starts, rows, _NAMES)
    # What stands outside of models belongs to the next one.
    box = np.full((len(first), 9), np.nan)
    cells = np.flatnonzero(records == b"CRYST1")
    # Some programs write it behind the model instead.
    behind = int(len(cells) > 0 and len(first) > 1 and cells[0] > last_rows[0])
    for row in cells.tolist():
        frame = max(0, int(np.searchsorted(groups, borders[row])) - behind)
        box[frame:] = _cryst1(path, row, line_at(text, starts, row))
    titles = [b""] * len(first)
    for row in np.flatnonzero((records == b"TITLE") | (records == b"REMARK")).tolist():
        frame = int(np.searchsorted(groups, borders[row]))
        line = line_at(text, starts, row)
        if frame < len(titles) and TIME.search(line):
            titles[frame] = line
    return {
        **timeline(titles),
        **extra,
        "begin": starts[first_rows].astype("<i8"),
        "end": ends[last_rows].astype("<i8"),
        "line": (first_rows + 1).astype("<i8"),
        "box": box,
        "n_atoms": counts[:1].astype("<i8"),
        "cut": cut,
        "renamed": renamed,
    }


def _is_beginning(line: bytes) -> bool:
    """Tell whether a line is the beginning of a record, or of its name, that frames consist of."""
    name = line[:6].rstrip()
    return bool(name) and any(
        name == record or record.startswith(line) for record in _RECORDS_OF_FRAMES
    )


def _cut_behind(
    text: Bytes,
    starts: Integers,
    records: NDArray[np.bytes_],
    last_atom: int,
    n_frames: int,
    is_cut_off: bool,
) -> tuple[int, int]:
    """Tell whether a file is cut behind a whole frame, as the array ``cut`` of the index has it."""
    behind = records[last_atom:]
    ends = np.flatnonzero((behind == b"ENDMDL") | (behind == b"END"))
    # Without any, the next MODEL is what ended it.
    closed = int(ends[0]) if len(ends) else 0
    heads = np.flatnonzero((behind == b"MODEL") | (behind == b"TITLE"))
    heads = heads[heads > closed]
    if len(heads):
        return last_atom + int(heads[0]) + 1, 0
    if is_cut_off:
        return len(starts), 0
    head = records[:last_atom]
    announced = np.flatnonzero(head == b"NUMMDL")
    if len(announced):
        row = int(announced[0])
        number = line_at(text, starts, row)[10:14].strip()
        if number.isdigit() and int(number) > n_frames:
            return row + 1, _ANNOUNCED
    remarks = np.flatnonzero(head == b"REMARK")[:1]
    is_ours = len(remarks) and b"WRITTEN BY GROMOS_DIST" in line_at(text, starts, int(remarks[0]))
    if is_ours and b"END" not in behind:
        return len(starts), _NO_END
    return 0, 0


def _cryst1(path: str, row: int, line: bytes) -> NDArray[np.float64]:
    """Return the box vectors (nm), a along x and b in the x-y plane; NaN for a cell of no size."""
    if not line[6:33].strip():
        return np.full(9, np.nan)
    try:
        lengths = np.array([float(line[6 + 9 * i : 15 + 9 * i]) for i in range(3)]) / 10
        angles = np.array([float(line[33 + 7 * i : 40 + 7 * i]) for i in range(3)])
    except ValueError:
        raise TrajectoryError(
            f"{path}, line {row + 1}: expected three lengths and three angles in columns 7 to 54, "
            f"found {line.decode('latin-1')!r}"
        ) from None
    # 1 Å a side, or nothing: what programs write that know of no cell.
    if (lengths <= 0.1).all() or not lengths.all():
        return np.full(9, np.nan)
    cosines = np.where(angles == 90, 0.0, np.cos(np.radians(angles)))
    cos_alpha, cos_beta, cos_gamma = cosines
    sin_gamma = np.sqrt(1 - cos_gamma**2)
    y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma if sin_gamma else np.nan
    square = 1 - cos_beta**2 - y**2
    if not (square > 0 and (lengths > 0).all()):
        raise TrajectoryError(
            f"{path}, line {row + 1}: {lengths.tolist()} nm and {angles.tolist()} degrees are no "
            "unit cell with a volume"
        )
    unit = [[1, 0, 0], [cos_gamma, sin_gamma, 0], [cos_beta, y, np.sqrt(square)]]
    box: NDArray[np.float64] = (lengths[:, None] * np.array(unit, np.float64)).ravel()
    return box


def _columns(path: str, index: StoredArrays) -> dict[str, Columns]:  # noqa: ARG001
    return {"positions": _COORDINATES}


def _atom_rows(text: Bytes, starts: Integers) -> Integers:
    return np.flatnonzero(_is_atom(_records(text, starts)))


def _cut_message(inside: str, line: int, n_atoms: int, found: int) -> str:
    messages = {
        _NO_END: f"the file ends at line {line} without END, which gromos_dist writes last",
        _ANNOUNCED: f"line {line} (NUMMDL) announces more models",
        n_atoms: f"{inside}: its ENDMDL is missing",
    }
    return messages.get(found, f"{inside}: expected {n_atoms} atoms, found {found}")


_PDB = Kind(
    name="PDB",
    scan=_scan,
    check=check_index,
    columns=_columns,
    atom_rows=_atom_rows,
    label_columns=(*_NAMES, *range(72, 76)),
    cut_message=_cut_message,
)


# ---- writing ----


def pdb_encoder(contents: Contents) -> Encoder:
    """Return the encoder of a PDB file; several frames are its models."""
    check_contents(contents, "PDB")
    box = ("box",) if "box" in contents.fields else ()
    chain_ends = _chain_ends(contents)
    encoder = PDBEncoder(
        path=contents.path,
        n_atoms=contents.n_atoms,
        fields=("positions", *box, "time", "step"),
        labels=_label_lines(contents, chain_ends),
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
                head += _cryst1_of(np.asarray(frames["box"][i], np.float64), self.path, first + i)
            if not self.is_single:
                head += f"MODEL {(first + i + 1) % 10**8:8d}\n"
            heads.append(head.encode())
        tail = b"" if self.is_single else b"ENDMDL\n"
        text, starts = assemble(heads, body, [tail] * len(heads))
        for (i, j), part in zip(pairwise(bounds), parts, strict=True):
            fill_columns(self.path, frames, "positions", columns, starts, text, first, slice(i, j))
            starts = starts + len(part)
        return [text.data]


def _label_lines(
    contents: Contents, chain_ends: tuple[int, ...]
) -> tuple[tuple[bytes, bytes], ...]:
    residue, name, element, chain, segment, code = labels_of(
        contents, "residue_name", "atom_name", "element", "chain", "segment", "insertion_code"
    )
    if "segment" not in contents.atoms and np.char.str_len(chain).max() > 1:
        warnings.warn(
            f"{contents.path}: PDB has one column for a chain: {str(max(chain, key=len))!r} and "
            "all others are written as segments",
            stacklevel=4,
        )
        segment, chain = chain, np.full(len(chain), "")
    residue = cut_names(contents, "residue_name", residue, 4)
    name = cut_names(contents, "atom_name", name, 4)
    segment = cut_names(contents, "segment", segment, 4)
    chain = cut_names(contents, "chain", chain, 1)
    code = cut_names(contents, "insertion_code", code, 1)
    breaks = starts_of_runs(chain, segment)
    breaks[np.array([atom + 1 for atom in chain_ends if atom + 1 < len(breaks)], np.int64)] = True
    numbers = _residue_numbers(contents, breaks)
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


def _residue_numbers(contents: Contents, breaks: NDArray[np.bool_]) -> list[str]:
    """Return residue numbers in four columns: wrapping where that reads back, else in hybrid-36."""
    (number,) = labels_of(contents, "residue")
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


def _cryst1_of(box: NDArray[np.float64], path: str, frame: int) -> str:
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

"""PDB and GRO files as trajectories: one frame, or as many as there are models.

Names and residues of the atoms come from the same files as topologies, see
`gromos_dist.topology`.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TrajectoryError
from gromos_dist.io.formats.columns import Columns, ColumnsError, parse_columns
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
from gromos_dist.io.read_arguments import check_read
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated, check_on_truncated, handle_cut
from gromos_dist.topology.pdb_records import disguise, is_disguised

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

_TIME = re.compile(rb"\bt=\s*([-+0-9.eE]+)")
_STEP = re.compile(rb"\bstep=\s*([-+]?[0-9]+)")
_NEWLINE, _SPACE = 10, 32
_GRO_LABELS = 20
_GRO_NUMBERS = 15  # where names end and numbers of atoms begin
_NONE, _ALL, _SOME = 0, 1, 2  # of the atoms have velocities
_PDB = Columns(30, 0, 8, 3, power=4)
_LEAVE = frozenset({gzip_access.WINDOWS})
_PDB_COORDINATES = 54
_PDB_NAMES = range(12, 27)  # columns
_PDB_LABELS = (*_PDB_NAMES, *range(72, 76))
_RECORDS_OF_FRAMES = (b"ATOM", b"HETATM", b"MODEL", b"ENDMDL", b"TITLE", b"CRYST1")
_WHOLE_WHEN_SHORT = (b"END", b"ENDMDL", b"TER")
_NO_END, _ANNOUNCED = -1, -2  # what tells that a file is cut behind a whole frame
_PIECE = 1 << 22
_READ_BYTES = 1 << 20
_WIDEST = 24


@dataclass(frozen=True, slots=True)
class StructureReader:
    """A PDB or GRO file: `gromos_dist.io.reader.Reader`, made by `open_pdb` and `open_gro`."""

    path: str
    n_frames: int
    n_atoms: int
    fields: tuple[str, ...]
    columns: Mapping[str, Columns]
    """Where positions and velocities stand in the line of an atom."""
    is_pdb: bool
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
        for name in ("time", "step"):
            if name in out:
                out[name][...] = index[name][chosen]
        if "box" in out:
            out["box"][...] = index["box"][chosen].reshape(-1, 3, 3)
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
        scan = _scan_pdb if self.is_pdb else _scan_gro
        return cached_index(
            self.index_path, self.path, self.key, scan, _LEAVE, _CHECKS[self.is_pdb]
        )

    def label_digest(self) -> bytes:
        """Return a digest of what names the atoms of the first frame."""
        index = self._index()
        begin, end = index["begin"][:1].item(), index["end"][:1].item()
        text = np.empty(end - begin, np.uint8)
        with read_range(self.path, index, begin, end) as fill:
            fill(text, begin)
        starts = _line_starts(text)
        columns: Iterable[int] = range(_GRO_NUMBERS)
        if self.is_pdb:
            starts = starts[_is_atom(_records(text, starts))]
            columns = _PDB_LABELS
        digest = blake2b(b"PDB" if self.is_pdb else b"GRO", digest_size=16)
        for column in columns:
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
        starts = _line_starts(text)
        rows = (
            np.flatnonzero(_is_atom(_records(text, starts)))
            if self.is_pdb
            else np.arange(len(starts))
        )
        if len(rows) != self.n_atoms:
            raise TrajectoryError(
                f"{self.path}: frame {frame}, line {first_line}: expected {self.n_atoms} atoms, "
                f"found {len(rows)}; the file has changed since it was opened, open it again"
            )
        if atoms is not None:
            rows = rows[atoms]
        for name, columns in self.columns.items():
            if name not in out:
                continue
            try:
                parse_columns(
                    text, columns, starts[rows], np.zeros(1, np.int64), out[name][:, None]
                )
            except ColumnsError as error:
                row = int(rows[error.frame])
                raise TrajectoryError(
                    f"{self.path}: frame {frame}, line {first_line + row}, atom "
                    f"{error.frame if atoms is None else atoms[error.frame]}: {error.problem}"
                ) from None


def open_pdb(
    path: str | Path,
    *,
    on_truncated: OnTruncated = "raise",
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
    return _open(str(path), True, on_truncated, index_folder)


def open_gro(
    path: str | Path,
    *,
    on_truncated: OnTruncated = "raise",
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
    return _open(str(path), False, on_truncated, index_folder)


def _open(
    path: str, is_pdb: bool, on_truncated: OnTruncated, folder: str | Path | None
) -> StructureReader:
    check_on_truncated(on_truncated)
    scan = _scan_pdb if is_pdb else _scan_gro
    place, key, index = open_index(
        path, lambda: scan(path), check=_CHECKS[is_pdb], leave=_LEAVE, folder=folder
    )
    columns = {"positions": _PDB}
    if not is_pdb:
        width, velocities = index["layout"].tolist()
        columns["positions"] = Columns(_GRO_LABELS, 0, width, 0)
        if velocities == _SOME:
            warnings.warn(
                f"{path}: some atoms have velocities and others have none: velocities are not read",
                stacklevel=3,
            )
        if velocities == _ALL:
            columns["velocities"] = Columns(_GRO_LABELS + 3 * width, 0, width, 0)
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
        n_atoms = index["n_atoms"].item()
        inside = f"the file ends inside frame {len(index['step'])}, which begins at line {line}"
        cut = {
            _NO_END: f"the file ends at line {line} without END, which gromos_dist writes last",
            _ANNOUNCED: f"line {line} (NUMMDL) announces more models",
            n_atoms: f"{inside}: its {'ENDMDL' if is_pdb else 'box'} is missing",
        }.get(
            found,
            f"{inside}: expected {n_atoms} atoms{'' if is_pdb else ' and a box'}, found {found}",
        )
        damage = handle_cut(path, on_truncated, n_frames=len(index["step"]), cut=cut)
    has_box = bool(np.isfinite(index["box"]).any())
    return StructureReader(
        path=path,
        n_frames=len(index["step"]),
        n_atoms=index["n_atoms"].item(),
        fields=(*columns, *(("box",) if has_box else ()), "time", "step"),
        columns=columns,
        is_pdb=is_pdb,
        damage=damage,
        index_path=place,
        key=key,
    )


# ---- text ----


def _load(path: str) -> tuple[Bytes, dict[str, NDArray[Any]]]:
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


def _check_index(is_pdb: bool, path: str, size: int, index: StoredArrays) -> None:
    """See that an index fits its file, and its arrays each other.

    Raises
    ------
    DamagedIndexError
        They do not.
    """
    columns = {"step": "<i8", "time": "<f8", "begin": "<i8", "end": "<i8", "line": "<i8"}
    n_frames = check_rows(index, columns, "step")
    size = text_size(path, size, index)
    numbers = {"n_atoms": (1,), "cut": (2,), "renamed": (2,)}
    check_numbers(index, numbers if is_pdb else {**numbers, "layout": (2,)})
    begin, end, box = index["begin"], index["end"], index["box"]
    n_atoms = int(index["n_atoms"][0])
    good = (
        bool((begin >= 0).all() and (end <= size).all())
        and bool((end - begin >= n_atoms).all() and (begin[1:] >= end[:-1]).all())
        and n_atoms > 0
        and box.shape == (n_frames, 9)
        and 0 <= index["renamed"][0] < n_frames
        and (is_pdb or 2 <= index["layout"][0] <= _WIDEST)
    )
    if not good:
        raise DamagedIndexError(f"{index.path}: its frames do not fit {size} bytes of text")


_CHECKS = {is_pdb: partial(_check_index, is_pdb) for is_pdb in (True, False)}


def _line_starts(text: Bytes) -> Integers:
    """Return where lines begin; the text ends with a line feed, or its last line without one."""
    ends = np.flatnonzero(text == _NEWLINE)
    starts = np.concatenate([np.zeros(1, np.int64), ends + 1])
    return starts if len(starts) and starts[-1] < len(text) else starts[:-1]


def _compare_names(
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


def _line(text: Bytes, starts: Integers, row: int) -> bytes:
    end = starts[row + 1] if row + 1 < len(starts) else len(text)
    return bytes(text[starts[row] : end]).rstrip(b"\r\n")


# ---- PDB ----


def _records(text: Bytes, starts: Integers) -> NDArray[np.bytes_]:
    """Return the first six characters of each line, without blanks behind them."""
    places = starts[:, None] + np.arange(6)
    is_behind = places >= len(text)
    characters = text[np.minimum(places, max(len(text) - 1, 0))]
    # What lies behind the end of a short line belongs to none.
    is_end = is_behind | (characters == _NEWLINE) | (characters == 13)
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
    found = disguise(rows.tolist(), partial(_line, text, starts))
    if found is not None:
        raise TrajectoryError(f"{path}, line {found[0] + 1}: {found[1]}")


def _scan_pdb(path: str) -> dict[str, NDArray[Any]]:
    text, extra = _load(path)
    starts = _line_starts(text)
    records = _records(text, starts)
    ends = np.append(starts[1:], len(text))
    # A last line without a line feed may be the beginning of one.
    last = len(starts) if not len(text) or text[-1] == _NEWLINE else len(starts) - 1
    begun = b""
    if last < len(starts) and ends[last] - starts[last] < _PDB_COORDINATES:
        begun = _line(text, starts, last)
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
    renamed = _compare_names(path, text, starts, rows, _PDB_NAMES)
    # What stands outside of models belongs to the next one.
    box = np.full((len(first), 9), np.nan)
    cells = np.flatnonzero(records == b"CRYST1")
    # Some programs write it behind the model instead.
    behind = int(len(cells) > 0 and len(first) > 1 and cells[0] > last_rows[0])
    for row in cells.tolist():
        frame = max(0, int(np.searchsorted(groups, borders[row])) - behind)
        box[frame:] = _cryst1(path, row, _line(text, starts, row))
    titles = [b""] * len(first)
    for row in np.flatnonzero((records == b"TITLE") | (records == b"REMARK")).tolist():
        frame = int(np.searchsorted(groups, borders[row]))
        line = _line(text, starts, row)
        if frame < len(titles) and _TIME.search(line):
            titles[frame] = line
    return {
        **_timeline(titles),
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
    closed = int(np.flatnonzero((behind == b"ENDMDL") | (behind == b"END"))[0])
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
        number = _line(text, starts, row)[10:14].strip()
        if number.isdigit() and int(number) > n_frames:
            return row + 1, _ANNOUNCED
    remarks = np.flatnonzero(head == b"REMARK")[:1]
    is_ours = len(remarks) and b"WRITTEN BY GROMOS_DIST" in _line(text, starts, int(remarks[0]))
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


def _timeline(titles: list[bytes]) -> dict[str, NDArray[Any]]:
    """Return times and steps as titles tell them, all of them; else the numbers of the frames."""
    numbers = np.arange(len(titles))
    times = [_TIME.search(title) for title in titles]
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


# ---- GRO ----


def _scan_gro(path: str) -> dict[str, NDArray[Any]]:
    text, extra = _load(path)
    starts = _line_starts(text)
    n_lines = len(starts)
    while n_lines and not _line(text, starts, n_lines - 1).strip():
        n_lines -= 1
    is_ended = bool(n_lines) and (n_lines < len(starts) or text[-1] == _NEWLINE)
    row, n_atoms, box_size = 0, -1, 0
    cut = np.zeros(2, "<i8")
    rows: list[int] = []
    titles: list[bytes] = []
    boxes: list[NDArray[np.float64]] = []
    while row < n_lines:
        if rows and (row + 1 == n_lines or (row + 2 == n_lines and not is_ended)):
            cut[:] = row + 1, 0
            break
        count = _line(text, starts, row + 1).split() if row + 1 < n_lines else []
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
        box = _line(text, starts, row + 2 + n_atoms)
        # A box that ends the file without a line feed and is shorter than that before is cut.
        if rows and row + 3 + n_atoms == n_lines and not is_ended and len(box) < box_size:
            cut[:] = row + 1, n_atoms
            break
        box_size = len(box)
        titles.append(_line(text, starts, row))
        rows.append(row + 2)
        boxes.append(_gro_box(path, row + 2 + n_atoms, box))
        row += 3 + n_atoms
    if not rows:
        found = f"found {n_lines - 2} lines" if cut[0] else "the file is empty"
        raise TrajectoryError(
            f"{path}: expected {max(n_atoms, 1)} atoms and a box, {found}; there is no whole frame"
        )
    first = np.array(rows)
    width = _gro_width(path, rows[0], _line(text, starts, rows[0]))
    lines = (first[:, None] + np.arange(n_atoms)).ravel()
    _check_gro_points(path, text, starts, lines, n_atoms, width)
    velocities = _gro_velocities(text, starts[lines], starts[lines + 1], width)
    return {
        **_timeline(titles),
        **extra,
        "begin": starts[first].astype("<i8"),
        "end": starts[first + n_atoms].astype("<i8"),
        "line": (first + 1).astype("<i8"),
        "box": np.array(boxes, "<f8"),
        "n_atoms": np.array([n_atoms], "<i8"),
        "cut": cut,
        "renamed": _compare_names(
            path, text, starts, lines.reshape(-1, n_atoms), range(_GRO_NUMBERS)
        ),
        "layout": np.array([width, velocities], "<i8"),
    }


def _gro_velocities(text: Bytes, begins: Integers, ends: Integers, width: int) -> int:
    """Tell which atoms have velocities: _NONE of them, _SOME or _ALL.

    Blanks behind the positions are no velocities, however many.
    """
    first, size = _GRO_LABELS + 3 * width, 3 * width
    written = 0
    for start in range(0, len(begins), _PIECE):
        piece = slice(start, start + _PIECE)
        has = np.zeros(len(begins[piece]), bool)
        is_long = ends[piece] - begins[piece] > first + size - 1
        for column in range(first, first + size):
            has[is_long] |= text[begins[piece][is_long] + column] > _SPACE
        written += int(np.count_nonzero(has))
    return _NONE if not written else _ALL if written == len(begins) else _SOME


def _check_gro_points(
    path: str, text: Bytes, starts: Integers, lines: Integers, n_atoms: int, width: int
) -> None:
    """Refuse lines whose decimal points stand elsewhere than in the first: no other precision."""
    begin, line = starts[lines[0]], _line(text, starts, lines[0])
    first = line.index(b".", _GRO_LABELS)
    for column in (first, first + width, first + 2 * width):
        places = np.minimum(starts[lines] + column, len(text) - 1)
        wrong = np.flatnonzero(text[places] != text[begin + column])
        if len(wrong):
            row = int(lines[wrong[0]])
            raise TrajectoryError(
                f"{path}: frame {wrong[0] // n_atoms}, line {row + 1}, atom {wrong[0] % n_atoms}: "
                f"expected positions in columns of {width} characters as in the first line, found "
                f"{_line(text, starts, row).decode('latin-1')!r}"
            )


def _gro_width(path: str, row: int, line: bytes) -> int:
    """Return the width of a coordinate: the distance between two decimal points."""
    points = [i for i, c in enumerate(line[_GRO_LABELS:]) if c == ord(".")]
    width = points[1] - points[0] if len(points) > 1 else 0
    if len(points) < 3 or points[2] - points[1] != width or not 2 <= width <= _WIDEST:
        raise TrajectoryError(
            f"{path}: frame 0, line {row + 1}: expected three positions behind the first 20 "
            f"columns, found {line.decode('latin-1')!r}"
        )
    return width


def _gro_box(path: str, row: int, line: bytes) -> NDArray[np.float64]:
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

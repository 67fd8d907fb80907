"""GROMOS text: positions, velocities, forces and boxes of ``.trc``, ``.cnf`` and their kin.

A file is a sequence of blocks, each a name, lines of data and ``END``. A frame is a ``TIMESTEP``
block with what follows it; in a file without ``TIMESTEP`` blocks a frame begins where a block
comes again, and its number serves for both step and time. A ``.cnf`` is a file of one frame.
Blocks that hold nothing of this (``TITLE``, ``LATTICESHIFTS``, ...) are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import TrajectoryError, check, new_where
from gromos_dist.io.index import gzip_access
from gromos_dist.io.index.frame_index import (
    Arrays,
    DamagedIndexError,
    FileKey,
    StoredArrays,
    cached_index,
    check_numbers,
    check_rows,
    open_index,
)
from gromos_dist.io.index.gzip_access import Fill, ReadInto
from gromos_dist.io.index.text_file import is_compressed, read_range, read_through, text_size
from gromos_dist.io.read_arguments import check_read
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated, check_on_truncated, handle_cut

_STORED = ("positions", "velocities", "forces", "box", "constraint_forces")
_BLOCK_NAMES = {
    lib.GD_GROMOS_POSITIONS: "POSITION",
    lib.GD_GROMOS_VELOCITIES: "VELOCITY",
    lib.GD_GROMOS_FORCES: "FREEFORCE",
    lib.GD_GROMOS_BOX: "GENBOX",
    lib.GD_GROMOS_CONSTRAINT_FORCES: "CONSFORCE",
    lib.GD_GROMOS_TIMESTEP: "TIMESTEP",
}
_BOX_SHAPES = {0: "vacuum", 1: "rectangular", 2: "triclinic", -1: "truncated octahedron"}
_UNREAD_BOX = 99

_BLOCK = np.dtype(
    [
        ("byte", "<i8"),
        ("size", "<i8"),
        ("line", "<i8"),
        ("first", "<i4"),
        ("line_size", "<i4"),
        ("comment_size", "<i4"),
        ("labelled", "<i4"),
    ]
)
_FRAME = np.dtype(
    [
        ("byte", "<i8"),
        ("line", "<i8"),
        ("step", "<i8"),
        ("time", "<f8"),
        ("fields", "<i8"),
        ("blocks", _BLOCK, (len(_STORED),)),
    ]
)

# Text is read and parsed in pieces that stay in the processor's cache.
_PIECE = 1 << 20
_FRAMES_A_CALL = 1024


class _Text(NamedTuple):
    """A stretch of the stream, and where in it that begins."""

    data: NDArray[np.uint8]
    origin: int


class _Cut(NamedTuple):
    """Where the text ends inside a frame: the array ``cut`` of the index."""

    fault: int
    frame: int
    line: int
    byte: int
    inside: int
    expected: int
    found: int


class _Selection(NamedTuple):
    """Atoms wanted, never falling, and the row of the result for each."""

    atoms: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GromosTextReader:
    """A file of GROMOS text; made by `open_gromos_text`, see there."""

    path: str
    n_frames: int
    n_atoms: int
    fields: tuple[str, ...]
    box_shape: str
    """``vacuum``, ``rectangular``, ``triclinic``, ``truncated octahedron``; ``none`` without a box
    block, ``unknown`` when the first frame's cannot be read."""
    damage: str
    """What was left out of a truncated file; empty when nothing was."""
    index_path: str
    key: FileKey

    @property
    def single_precision(self) -> tuple[str, ...]:
        """None: text has nine decimals."""
        return ()

    @property
    def preferred_step(self) -> int:
        """Chunks may begin anywhere."""
        return 1

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames into the caller's buffers, as `gromos_dist.io.reader.Reader.read` says.

        The box is that of the block ``GENBOX`` or ``BOX``, NaN in vacuum and without one. Of a
        truncated octahedron it holds the edges of the cube that the octahedron is cut from, see
        `box_shape`. A triclinic box has a along x and b in the x-y plane before it is turned by
        its Euler angles: psi about x, theta about y, phi about z.
        """
        check_read(self, frames, out, atoms)
        if len(frames) == 0:
            return
        index = cached_index(
            *(self.index_path, self.path, self.key),
            *(scan, frozenset({gzip_access.WINDOWS}), _check_index),
        )
        chosen = slice(frames.start, frames.stop, frames.step)
        for name in ("time", "step"):
            if name in out:
                out[name][...] = index[name][chosen]
        if "box" in out and "box" not in self.fields:
            out["box"].fill(np.nan)
        wanted = [name for name in _STORED if name in out and name in self.fields]
        if not wanted:
            return
        blocks = {name: index[name].reshape(-1).view(_BLOCK)[chosen] for name in wanted}
        with read_range(self.path, index, *_span(blocks)) as fill:
            _read_blocks(self, frames, fill, blocks, out=out, selection=_selection(atoms))


def open_gromos_text(
    path: str | Path,
    *,
    on_truncated: OnTruncated = "raise",
    index_folder: str | Path | None = None,
) -> GromosTextReader:
    """Open a file of GROMOS text; ``.gz`` after its name says that it is compressed.

    The first time the whole file is scanned; where its frames stand is kept in a frame index
    beside the file, or in the user's cache (``~/.cache/gromos_dist``) when its folder cannot be
    written to, and serves until the file changes. When a file has only grown, what was added is
    scanned; a compressed one is scanned anew, because its last bytes change as it grows.

    Parameters
    ----------
    path : str or Path
        The file: ``.trc``, ``.trv``, ``.trf``, ``.cnf``, ``.g96``, each also with ``.gz``.
    on_truncated : {"raise", "drop", "warn"}
        What to do with a file that ends inside a frame: refuse it, leave that frame out, or leave
        it out and warn. What was left out stands in the reader's `damage`.
    index_folder : str or Path, optional
        Where to keep the index instead; the environment variable ``GROMOS_DIST_INDEX_FOLDER``
        says the same.

    Returns
    -------
    GromosTextReader
        Its ``fields`` are those that every frame has.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        The file cannot be opened.
    TrajectoryError
        The file is not GROMOS text, is damaged, has another number of atoms or other blocks in
        some frame, or ends in the middle of one.

    Examples
    --------
    >>> reader = open_gromos_text("tests/data/gromos/triclinic.trc.gz")
    >>> reader.n_frames, reader.n_atoms, reader.fields, reader.box_shape
    (5, 23, ('positions', 'box', 'time', 'step'), 'triclinic')
    >>> out = {"positions": np.empty((2, 3, 3)), "time": np.empty(2)}
    >>> reader.read(range(1, 5, 3), out, np.array([22, 0, 1]))
    >>> out["time"]
    array([0.1, 0.4])
    >>> out["positions"][0, 1]
    array([-0.00445366,  0.39712285,  1.97580517])
    """
    check_on_truncated(on_truncated)
    path = str(path)
    place, key, index = open_index(
        path,
        lambda: scan(path),
        check=_check_index,
        extend=None if is_compressed(path) else lambda known: scan(path, known),
        leave=frozenset({gzip_access.WINDOWS}),
        folder=index_folder,
    )
    n_frames, damage = len(index["step"]), ""
    if len(index["cut"]):
        message = _cut_message(_Cut(*index["cut"].tolist()))
        damage = handle_cut(path, on_truncated, n_frames=n_frames, cut=message)
    n_atoms, shape = index["n_atoms"].item(), index["box_shape"].item()
    return GromosTextReader(
        path=path,
        n_frames=n_frames,
        n_atoms=n_atoms,
        fields=(*(name for name in _STORED if name in index), "time", "step"),
        box_shape=_BOX_SHAPES.get(shape, "unknown") if "box" in index else "none",
        damage=damage,
        index_path=place,
        key=key,
    )


def scan(path: str, known: Arrays | None = None) -> dict[str, NDArray[Any]]:
    """Find the frames of a file: the arrays of its frame index.

    Parameters
    ----------
    path : str
        The file.
    known : mapping of str to array, optional
        The index of the file before it grew: only its last frame and what follows are scanned.

    Returns
    -------
    dict of str to array
        ``step`` (n_frames,) int64; ``time`` (n_frames,) float64, ps; ``byte`` and ``line``, where
        each frame begins; for each field the blocks as ``struct gd_gromos_block`` of the C core,
        (n_frames, 40) bytes; ``n_atoms``, ``fields`` and ``box_shape`` (1,); ``cut``, a `_Cut`, or
        empty; for ``.gz`` the access points.
    """
    if known is not None and len(known["step"]) < 2:
        known = None  # which blocks make up a frame is known from the second one on
    begin = 0 if known is None else int(known["byte"][-1])
    found, extra = read_through(path, lambda read: _scan_stream(path, read, known), begin)
    if gzip_access.CUT in extra:
        found = found._replace(cut=found.cut or _end_of(found.frames))
    frames = found.frames
    arrays: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(frames[name]) for name in ("step", "time", "byte", "line")
    }
    fields = int(frames["fields"][0])
    for i, name in enumerate(_STORED):
        if fields & (1 << i):
            blocks = np.ascontiguousarray(frames["blocks"][:, i])
            arrays[name] = blocks.view(np.uint8).reshape(len(frames), _BLOCK.itemsize)
    arrays["n_atoms"] = np.array([found.n_atoms], "<i8")
    arrays["fields"] = np.array([fields], "<i8")
    arrays["cut"] = np.array(found.cut, "<i8")
    if known is not None:
        for name in arrays.keys() - {"n_atoms", "fields", "cut"}:
            arrays[name] = np.concatenate([known[name][:-1], arrays[name]])
    arrays.update(extra)
    shape = _first_box_shape(path, StoredArrays("", arrays, {})) if "box" in arrays else _UNREAD_BOX
    arrays["box_shape"] = np.array([shape], "<i4")
    return arrays


def _check_index(path: str, size: int, index: StoredArrays) -> None:
    """See that an index fits its file, and its arrays each other.

    Raises
    ------
    DamagedIndexError
        They do not.
    """
    columns = {"step": "<i8", "time": "<f8", "byte": "<i8", "line": "<i8"}
    n_frames = check_rows(index, columns, "step")
    size = text_size(path, size, index)
    check_numbers(index, {"n_atoms": (1,), "fields": (1,), "box_shape": (1,), "cut": (0, 7)})
    fields = int(index["fields"][0])
    n_atoms, ends = int(index["n_atoms"][0]), index["byte"]
    good = bool((index["byte"] >= 0).all() and (np.diff(index["byte"]) > 0).all()) and n_atoms > 0
    for i, name in enumerate(_STORED):
        if not good or bool(fields & (1 << i)) != (name in index):
            good = False
            break
        if name not in index:
            continue
        good = index[name].dtype == "u1" and index[name].shape == (n_frames, _BLOCK.itemsize)
        if good:
            blocks = index[name].reshape(-1).view(_BLOCK)
            begin, room = blocks["byte"], blocks["size"]
            # Numbers and blanks between them take six bytes an atom at least.
            least = 1 if name == "box" else 6 * n_atoms
            inside = (begin >= index["byte"]) & (room >= least) & (room <= size)
            inside &= begin <= size - room
            for member in ("first", "line_size", "comment_size"):
                inside &= (blocks[member] >= 0) & (blocks[member] <= room)
            good = bool(inside.all())
            ends = np.maximum(ends, begin + room)
    if not good or bool((ends[:-1] > index["byte"][1:]).any()):
        raise DamagedIndexError(f"{index.path}: its frames do not fit {size} bytes of text")


# ---- scanning ----


class _Found(NamedTuple):
    """What a scan has found."""

    frames: NDArray[Any]
    n_atoms: int
    cut: _Cut | tuple[()]


def _end_of(frames: NDArray[Any]) -> _Cut:
    """Return where text ends that is cut off just behind a frame."""
    blocks = frames["blocks"][-1]
    end = int((blocks["byte"] + blocks["size"]).max())
    return _Cut(lib.GD_GROMOS_CUT_FRAME, len(frames), -1, end, 0, int(frames["fields"][-1]), 0)


def _scan_stream(path: str, read_into: ReadInto, known: Arrays | None) -> _Found:
    """Return all whole frames of a stream of text, which begins with the last of the known ones."""
    state = ffi.new("struct gd_gromos_scan *", {"line": 1, "n_atoms": -1})
    if known is not None:
        state.byte, state.line = known["byte"][-1], known["line"][-1]
        state.n_frames = len(known["step"]) - 1
        state.n_atoms, state.fields = known["n_atoms"].item(), known["fields"].item()
    where = new_where()
    found, used = ffi.new("int64_t *"), ffi.new("int64_t *")
    buffer = np.empty(_PIECE, np.uint8)
    frames = np.zeros(_FRAMES_A_CALL, _FRAME)
    text = ffi.from_buffer("char[]", buffer)
    to = ffi.from_buffer("struct gd_gromos_frame[]", frames, require_writable=True)
    pieces = []
    held, final = 0, False
    while True:
        status = lib.gd_gromos_scan(text, held, final, state, to, len(frames), found, used, where)
        pieces.append(frames[: found[0]].copy())
        if status == lib.GD_TRUNCATED:
            break
        if status != lib.GD_OK:
            line = _line_at(buffer[:held], used[0])
            raise TrajectoryError(f"{path}: {_scan_message(state, where, line)}")
        rest = held - used[0]
        if used[0] == 0 and held == len(buffer):
            raise TrajectoryError(
                f"{path}: line {state.line} is longer than {len(buffer)} bytes; "
                "this is not GROMOS text"
            )
        buffer[:rest] = buffer[used[0] : held].copy()
        if found[0] == len(frames):
            held = rest
            continue
        if final:
            break
        n_bytes = read_into(buffer[rest:])
        final = n_bytes == 0
        held = rest + n_bytes
    whole = np.concatenate(pieces)
    cut: _Cut | tuple[()] = ()
    if status == lib.GD_TRUNCATED:
        begin = state.frame.byte if state.frame.fields else where.byte
        place = (where.frame, where.line, begin, state.inside)
        cut = _Cut(state.fault, *place, where.expected, where.found)
        if state.n_frames == 0:
            handle_cut(path, "raise", n_frames=0, cut=_cut_message(cut))
    elif len(whole) == 0:
        raise TrajectoryError(
            f"{path}: no frame in {state.line - 1} lines: expected at least one block POSITION, "
            "POSITIONRED, VELOCITY, VELOCITYRED, FREEFORCE or FREEFORCERED; this is not a GROMOS "
            "trajectory or configuration"
        )
    return _Found(whole, state.n_atoms, cut)


def _line_at(text: NDArray[np.uint8], begin: int) -> str:
    """Return the line that begins there, for a message."""
    return bytes(text[begin : begin + 80]).split(b"\n", 1)[0].decode("ascii", "replace").rstrip()


def _blocks(fields: int) -> str:
    return ", ".join(name for bit, name in _BLOCK_NAMES.items() if fields & bit) or "none"


def _scan_message(state: Any, where: Any, line: str) -> str:
    place = f"frame {where.frame}, line {where.line} (byte {where.byte})"
    inside = _BLOCK_NAMES.get(state.inside, "another block")
    messages = {
        lib.GD_GROMOS_NOT_A_BLOCK: f"{place}: expected the name of a block, found {line!r}"
        + ("; this is not GROMOS text" if where.frame == 0 and not state.frame.fields else ""),
        lib.GD_GROMOS_NO_END: f"{place}: expected more of block {inside} or its END, found "
        f"{line!r}",
        lib.GD_GROMOS_NO_ATOMS: f"{place}: a block ends before its first atom",
        lib.GD_GROMOS_ATOM_COUNT: f"{place}: the block that ends here has {where.found} atoms, "
        f"expected {where.expected} as in the blocks before",
        lib.GD_GROMOS_BAD_TIMESTEP: f"{place}: expected TIMESTEP to hold a step (an integer) and a "
        f"time, found {line!r}",
        lib.GD_GROMOS_OTHER_BLOCKS: f"{place}: expected the blocks of the first frame "
        f"({_blocks(where.expected)}), found {_blocks(where.found)}",
        lib.GD_GROMOS_NO_VECTORS: f"{place}: a frame with only {_blocks(state.frame.fields)}: "
        "expected positions, velocities or forces; this is not a GROMOS trajectory of atoms",
    }
    return messages[state.fault]


def _cut_message(cut: _Cut) -> str:
    line = "" if cut.line < 0 else f" in line {cut.line},"
    place = f"the file ends{line} inside frame {cut.frame}, which begins at byte {cut.byte}"
    if cut.fault == lib.GD_GROMOS_CUT_BLOCK:
        inside = f"block {_BLOCK_NAMES[cut.inside]}" if cut.inside in _BLOCK_NAMES else "a block"
        return f"{place}: expected more of {inside}, or its END"
    return f"{place}: expected the blocks {_blocks(cut.expected)}, found {_blocks(cut.found)}"


def _first_box_shape(path: str, index: StoredArrays) -> int:
    block = index["box"].reshape(-1).view(_BLOCK)[:1]
    begin, end = int(block["byte"][0]), int(block["byte"][0] + block["size"][0])
    text = np.empty(end - begin, np.uint8)
    with read_range(path, index, begin, end) as fill:
        fill(text, begin)
    kinds = np.empty(1, np.int32)
    status = _boxes(_Text(text, begin), block, kinds, np.empty((1, 3, 3)), new_where())
    return int(kinds[0]) if status == lib.GD_OK else _UNREAD_BOX


# ---- reading ----


def _selection(atoms: Atoms) -> _Selection | None:
    if atoms is None:
        return None
    rows = np.argsort(atoms, kind="stable").astype(np.int64)
    return _Selection(atoms[rows], rows)


def _span(blocks: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
    """Return where the first of some blocks begins, and the last ends."""
    begins = (some["byte"].min() for some in blocks.values())
    ends = ((some["byte"] + some["size"]).max() for some in blocks.values())
    return int(min(begins)), int(max(ends))


def _extent(
    blocks: NDArray[Any], selection: _Selection | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the text that is needed of each block begins and ends."""
    begin, end = blocks["byte"], blocks["byte"] + blocks["size"]
    if selection is None:
        return begin, end
    regular = blocks["line_size"] > 0
    first, last = (
        begin + blocks["first"] + atom * blocks["line_size"] + atom // 10 * blocks["comment_size"]
        for atom in (int(selection.atoms[0]), int(selection.atoms[-1]))
    )
    return np.where(regular, first, begin), np.where(regular, last + blocks["line_size"], end)


def _read_blocks(
    reader: GromosTextReader,
    frames: range,
    fill: Fill,
    blocks: Mapping[str, NDArray[Any]],
    *,
    out: Mapping[str, NDArray[Any]],
    selection: _Selection | None,
) -> None:
    """Read blocks of several fields in the order of the file, a piece of text at a time."""
    names = list(blocks)
    extents = [_extent(blocks[name], None if name == "box" else selection) for name in names]
    begins = np.concatenate([begin for begin, _ in extents])
    ends = np.concatenate([end for _, end in extents])
    order = np.argsort(begins, kind="stable")
    field = np.repeat(np.arange(len(names)), len(frames))[order]
    row = np.tile(np.arange(len(frames)), len(names))[order]
    begins, ends = begins[order], np.maximum.accumulate(ends[order])
    starts = [0]
    while starts[-1] < len(begins):
        within = np.searchsorted(ends, begins[starts[-1]] + _PIECE, "right")
        starts.append(max(int(within), starts[-1] + 1))
    sizes = [int(ends[j - 1] - begins[i]) for i, j in pairwise(starts)]
    scratch = np.empty(max(sizes), np.uint8)
    for (i, j), size in zip(pairwise(starts), sizes, strict=True):
        text = _Text(scratch[:size], int(begins[i]))
        fill(*text)
        for k, name in enumerate(names):
            rows = row[i:j][field[i:j] == k]
            if len(rows) == 0:
                continue
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            some, to, where = np.ascontiguousarray(blocks[name][part]), out[name][part], new_where()
            if name == "box":
                status = _read_boxes(reader, text, some, to, where)
            else:
                status = _vectors(text, some, reader.n_atoms, selection, out=to, where=where)
            if status != lib.GD_OK:
                frame = frames[part.start + max(where.frame, 0)]
                block = blocks[name][part.start + max(where.frame, 0)]
                _raise(reader, status, where, _Place(name, frame, block, fill))


def _vectors(
    text: _Text,
    blocks: NDArray[Any],
    n_atoms: int,
    selection: _Selection | None,
    *,
    out: NDArray[Any],
    where: Any,
) -> int:
    wanted = rows = ffi.NULL
    if selection is not None:
        wanted, rows = (ffi.from_buffer("int64_t[]", array) for array in selection)
    return int(
        lib.gd_gromos_vectors(
            ffi.from_buffer("char[]", text.data),
            len(text.data),
            text.origin,
            len(blocks),
            ffi.from_buffer("struct gd_gromos_block[]", blocks),
            n_atoms,
            out.shape[1],
            wanted,
            rows,
            out.dtype == np.float64,
            ffi.from_buffer("char[]", out.reshape(-1).view(np.uint8), require_writable=True),
            where,
        )
    )


def _boxes(
    text: _Text,
    blocks: NDArray[Any],
    kinds: NDArray[np.int32],
    out: NDArray[np.float64],
    where: Any,
) -> int:
    return int(
        lib.gd_gromos_boxes(
            ffi.from_buffer("char[]", text.data),
            len(text.data),
            text.origin,
            len(blocks),
            ffi.from_buffer("struct gd_gromos_block[]", blocks),
            ffi.from_buffer("int32_t[]", kinds, require_writable=True),
            ffi.from_buffer("double[]", out, require_writable=True),
            where,
        )
    )


def _read_boxes(
    reader: GromosTextReader, text: _Text, blocks: NDArray[Any], out: NDArray[Any], where: Any
) -> int:
    kinds = np.empty(len(blocks), np.int32)
    boxes = np.empty((len(blocks), 3, 3))
    status = _boxes(text, blocks, kinds, boxes, where)
    if status != lib.GD_OK:
        return status
    for kind, line in zip(kinds.tolist(), blocks["line"].tolist(), strict=True):
        if reader.box_shape not in (_BOX_SHAPES[kind], "unknown"):
            raise TrajectoryError(
                f"{reader.path}: line {line}: a {_BOX_SHAPES[kind]} box (GENBOX type {kind}), "
                f"expected {reader.box_shape} as in the first frame"
            )
    out[...] = boxes
    return status


class _Place(NamedTuple):
    """Where reading went wrong."""

    field: str
    frame: int
    block: Any
    fill: Fill


def _raise(reader: GromosTextReader, status: int, where: Any, place: _Place) -> None:
    """Raise what a status of reading means, with the line that is wrong."""
    if where.byte < 0 or status not in (lib.GD_CORRUPT, lib.GD_NOT_FINITE, lib.GD_UNSUPPORTED):
        check(status, where, path=reader.path, first_frame=place.frame - max(where.frame, 0))
    begin, size = int(place.block["byte"]), int(place.block["size"])
    block = np.empty(size, np.uint8)
    place.fill(block, begin)
    first = block[: where.byte - begin].tobytes().rfind(b"\n") + 1
    line = _line_at(block, first)
    n_lines = int(np.count_nonzero(block[: where.byte - begin] == ord("\n")))
    at = f"frame {place.frame}, line {int(place.block['line']) + n_lines} (byte {where.byte})"
    if where.atom >= 0:
        at += f", atom {where.atom}"
    if place.field == "box":
        message = _box_message(where, block.tobytes(), line)
    elif where.expected >= 0:
        found = "more" if where.found > where.expected else str(where.found)
        message = (
            f"expected {where.expected} atoms, found {found}; the file has changed since it was "
            "opened, open it again"
        )
    else:
        message = f"expected three numbers, found {line!r}"
        if "*" in line:
            message += ": a number too large for its columns; the simulation has most likely failed"
        elif status == lib.GD_NOT_FINITE:
            message += ": no finite number; the simulation has most likely failed"
    raise TrajectoryError(f"{reader.path}: {at}: {message}")


def _box_message(where: Any, block: bytes, line: str) -> str:
    name, *rest = block.decode("latin-1").splitlines()
    words = " ".join(text.partition("#")[0] for text in rest).partition("END")[0].split()
    number = int(where.found)
    if not 0 <= number < min(len(words), 13):
        counts = "3 numbers" if name.strip() == "BOX" else "10 or 13 numbers, in a vacuum 1"
        return f"expected a box of {counts}; found {len(words)}"
    if name.strip() == "BOX":
        expected = "a length above 0 (in a vacuum all three are 0)"
    elif number == 0:
        expected = "the type of a box: 0, 1, 2 or -1"
    elif number < 4:
        expected = "a length above 0"
        if number > 1 and words[0] == "-1":
            expected = f"the length {words[1]} of a truncated octahedron again"
    elif number < 10 and words[0] != "2":
        what, degrees = ("angle", 90) if number < 7 else ("Euler angle", 0)
        expected = f"an {what} of {degrees} degrees, unless the type is 2, triclinic"
    else:
        expected = "an angle above 0 and below 180 degrees, and three that make a box"
        expected = expected if number < 7 else "a number"
    return f"expected {expected}; found {words[number]!r} in {line!r}"

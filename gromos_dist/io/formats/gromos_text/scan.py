"""Finding the frames of GROMOS text: its frame index."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import TrajectoryError, new_where
from gromos_dist.io.formats.gromos_text.blocks import (
    BLOCK,
    BLOCK_NAMES,
    FRAME,
    PIECE,
    STORED,
    UNREAD_BOX,
    Text,
    line_at,
    parse_boxes,
)
from gromos_dist.io.index import gzip_access
from gromos_dist.io.index.frame_index import (
    Arrays,
    DamagedIndexError,
    StoredArrays,
    check_numbers,
    check_rows,
)
from gromos_dist.io.index.gzip_access import ReadInto
from gromos_dist.io.index.text_file import read_range, read_through, text_size
from gromos_dist.io.truncated import handle_cut

_FRAMES_A_CALL = 1024


class Cut(NamedTuple):
    """Where the text ends inside a frame: the array ``cut`` of the index."""

    fault: int
    frame: int
    line: int
    byte: int
    inside: int
    expected: int
    found: int


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
        (n_frames, 40) bytes; ``n_atoms``, ``fields`` and ``box_shape`` (1,); ``cut``, a `Cut`, or
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
    for i, name in enumerate(STORED):
        if fields & (1 << i):
            blocks = np.ascontiguousarray(frames["blocks"][:, i])
            arrays[name] = blocks.view(np.uint8).reshape(len(frames), BLOCK.itemsize)
    arrays["n_atoms"] = np.array([found.n_atoms], "<i8")
    arrays["fields"] = np.array([fields], "<i8")
    arrays["cut"] = np.array(found.cut, "<i8")
    if known is not None:
        for name in arrays.keys() - {"n_atoms", "fields", "cut"}:
            arrays[name] = np.concatenate([known[name][:-1], arrays[name]])
    arrays.update(extra)
    shape = _first_box_shape(path, StoredArrays("", arrays, {})) if "box" in arrays else UNREAD_BOX
    arrays["box_shape"] = np.array([shape], "<i4")
    return arrays


def check_index(path: str, size: int, index: StoredArrays) -> None:
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
    for i, name in enumerate(STORED):
        if not good or bool(fields & (1 << i)) != (name in index):
            good = False
            break
        if name not in index:
            continue
        good = index[name].dtype == "u1" and index[name].shape == (n_frames, BLOCK.itemsize)
        if good:
            blocks = index[name].reshape(-1).view(BLOCK)
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


class _Found(NamedTuple):
    """What a scan has found."""

    frames: NDArray[Any]
    n_atoms: int
    cut: Cut | tuple[()]


def _end_of(frames: NDArray[Any]) -> Cut:
    """Return where text ends that is cut off just behind a frame."""
    blocks = frames["blocks"][-1]
    end = int((blocks["byte"] + blocks["size"]).max())
    return Cut(lib.GD_GROMOS_CUT_FRAME, len(frames), -1, end, 0, int(frames["fields"][-1]), 0)


def _scan_stream(path: str, read_into: ReadInto, known: Arrays | None) -> _Found:
    """Return all whole frames of a stream of text, which begins with the last of the known ones."""
    state = ffi.new("struct gd_gromos_scan *", {"line": 1, "n_atoms": -1})
    if known is not None:
        state.byte, state.line = known["byte"][-1], known["line"][-1]
        state.n_frames = len(known["step"]) - 1
        state.n_atoms, state.fields = known["n_atoms"].item(), known["fields"].item()
    where = new_where()
    found, used = ffi.new("int64_t *"), ffi.new("int64_t *")
    buffer = np.empty(PIECE, np.uint8)
    frames = np.zeros(_FRAMES_A_CALL, FRAME)
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
            line = line_at(buffer[:held], used[0])
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
    cut: Cut | tuple[()] = ()
    if status == lib.GD_TRUNCATED:
        begin = state.frame.byte if state.frame.fields else where.byte
        place = (where.frame, where.line, begin, state.inside)
        cut = Cut(state.fault, *place, where.expected, where.found)
        if state.n_frames == 0:
            handle_cut(path, "raise", n_frames=0, cut=cut_message(cut))
    elif len(whole) == 0:
        raise TrajectoryError(
            f"{path}: no frame in {state.line - 1} lines: expected at least one block POSITION, "
            "POSITIONRED, VELOCITY, VELOCITYRED, FREEFORCE or FREEFORCERED; this is not a GROMOS "
            "trajectory or configuration"
        )
    return _Found(whole, state.n_atoms, cut)


def _blocks(fields: int) -> str:
    return ", ".join(name for bit, name in BLOCK_NAMES.items() if fields & bit) or "none"


def _scan_message(state: Any, where: Any, line: str) -> str:
    place = f"frame {where.frame}, line {where.line} (byte {where.byte})"
    inside = BLOCK_NAMES.get(state.inside, "another block")
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


def cut_message(cut: Cut) -> str:
    """Return where a text ends inside a frame, and what was expected there."""
    line = "" if cut.line < 0 else f" in line {cut.line},"
    place = f"the file ends{line} inside frame {cut.frame}, which begins at byte {cut.byte}"
    if cut.fault == lib.GD_GROMOS_CUT_BLOCK:
        inside = f"block {BLOCK_NAMES[cut.inside]}" if cut.inside in BLOCK_NAMES else "a block"
        return f"{place}: expected more of {inside}, or its END"
    return f"{place}: expected the blocks {_blocks(cut.expected)}, found {_blocks(cut.found)}"


def _first_box_shape(path: str, index: StoredArrays) -> int:
    block = index["box"].reshape(-1).view(BLOCK)[:1]
    begin, end = int(block["byte"][0]), int(block["byte"][0] + block["size"][0])
    text = np.empty(end - begin, np.uint8)
    with read_range(path, index, begin, end) as fill:
        fill(text, begin)
    kinds = np.empty(1, np.int32)
    status = parse_boxes(Text(text, begin), block, kinds, np.empty((1, 3, 3)), new_where())
    return int(kinds[0]) if status == lib.GD_OK else UNREAD_BOX

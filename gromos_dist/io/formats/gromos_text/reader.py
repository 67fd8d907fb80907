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

from gromos_dist._core import lib
from gromos_dist.defaults import ON_TRUNCATED
from gromos_dist.errors import TrajectoryError, check, new_where
from gromos_dist.io.formats.gromos_text.blocks import (
    BLOCK,
    BOX_SHAPES,
    PIECE,
    STORED,
    Selection,
    Text,
    line_at,
    parse_boxes,
    parse_vectors,
)
from gromos_dist.io.formats.gromos_text.scan import Cut, check_index, cut_message, scan
from gromos_dist.io.index import gzip_access
from gromos_dist.io.index.frame_index import FileKey, cached_index, open_index
from gromos_dist.io.index.gzip_access import Fill
from gromos_dist.io.index.text_file import is_compressed, read_range
from gromos_dist.io.read_arguments import check_read, deliver, deliver_indexed
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated, check_on_truncated, handle_cut


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
            *(scan, frozenset({gzip_access.WINDOWS}), check_index),
        )
        chosen = slice(frames.start, frames.stop, frames.step)
        deliver_indexed(("time", "step"), index, frames, out)
        if "box" in out and "box" not in self.fields:
            out["box"].fill(np.nan)
        wanted = [name for name in STORED if name in out and name in self.fields]
        if not wanted:
            return
        blocks = {name: index[name].reshape(-1).view(BLOCK)[chosen] for name in wanted}
        with read_range(self.path, index, *_span(blocks)) as fill:
            _read_blocks(self, frames, fill, blocks, out=out, selection=_selection(atoms))


def open_gromos_text(
    path: str | Path,
    *,
    on_truncated: OnTruncated = ON_TRUNCATED,
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
        check=check_index,
        extend=None if is_compressed(path) else lambda known: scan(path, known),
        leave=frozenset({gzip_access.WINDOWS}),
        folder=index_folder,
    )
    n_frames, damage = len(index["step"]), ""
    if len(index["cut"]):
        message = cut_message(Cut(*index["cut"].tolist()))
        damage = handle_cut(path, on_truncated, n_frames=n_frames, cut=message)
    n_atoms, shape = index["n_atoms"].item(), index["box_shape"].item()
    return GromosTextReader(
        path=path,
        n_frames=n_frames,
        n_atoms=n_atoms,
        fields=(*(name for name in STORED if name in index), "time", "step"),
        box_shape=BOX_SHAPES.get(shape, "unknown") if "box" in index else "none",
        damage=damage,
        index_path=place,
        key=key,
    )


def _selection(atoms: Atoms) -> Selection | None:
    if atoms is None:
        return None
    rows = np.argsort(atoms, kind="stable").astype(np.int64)
    return Selection(atoms[rows], rows)


def _span(blocks: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
    """Return where the first of some blocks begins, and the last ends."""
    begins = (some["byte"].min() for some in blocks.values())
    ends = ((some["byte"] + some["size"]).max() for some in blocks.values())
    return int(min(begins)), int(max(ends))


def _extent(
    blocks: NDArray[Any], selection: Selection | None
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
    selection: Selection | None,
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
        within = np.searchsorted(ends, begins[starts[-1]] + PIECE, "right")
        starts.append(max(int(within), starts[-1] + 1))
    sizes = [int(ends[j - 1] - begins[i]) for i, j in pairwise(starts)]
    scratch = np.empty(max(sizes), np.uint8)
    for (i, j), size in zip(pairwise(starts), sizes, strict=True):
        text = Text(scratch[:size], int(begins[i]))
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
                status = parse_vectors(text, some, reader.n_atoms, selection, out=to, where=where)
            if status != lib.GD_OK:
                frame = frames[part.start + max(where.frame, 0)]
                block = blocks[name][part.start + max(where.frame, 0)]
                _raise(reader, status, where, _Place(name, frame, block, fill))


def _read_boxes(
    reader: GromosTextReader, text: Text, blocks: NDArray[Any], out: NDArray[Any], where: Any
) -> int:
    kinds = np.empty(len(blocks), np.int32)
    boxes = np.empty((len(blocks), 3, 3))
    status = parse_boxes(text, blocks, kinds, boxes, where)
    if status != lib.GD_OK:
        return status
    for kind, line in zip(kinds.tolist(), blocks["line"].tolist(), strict=True):
        if reader.box_shape not in (BOX_SHAPES[kind], "unknown"):
            raise TrajectoryError(
                f"{reader.path}: line {line}: a {BOX_SHAPES[kind]} box (GENBOX type {kind}), "
                f"expected {reader.box_shape} as in the first frame"
            )
    deliver(out, boxes)
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
    line = line_at(block, first)
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

"""Files whose frames tell their own size: one frame's header leads to the next (XTC, TRR)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import TrajectoryError, check, new_where
from gromos_dist.input_file import opened
from gromos_dist.io.index.frame_index import (
    Arrays,
    Check,
    DamagedIndexError,
    FileKey,
    StoredArrays,
    cached_index,
    check_numbers,
    check_rows,
    open_index,
)
from gromos_dist.io.read_arguments import check_read, deliver, deliver_indexed, pointer
from gromos_dist.io.reader import Atoms, Reader
from gromos_dist.io.truncated import OnTruncated, check_on_truncated, handle_truncated

_SCAN_BYTES = 1 << 16
_SCAN_FRAMES = 4096
_KINDS = {
    np.dtype(np.int64): "int64_t *",
    np.dtype(np.float64): "double *",
}

Scan = Callable[..., dict[str, NDArray[Any]]]
"""From a path to the arrays of its index; a second argument is the index before the file grew, a
third where in the file to stop."""
FaultMessage = Callable[[Any, int], str]
"""From ``struct gd_where`` and the fault of a frame to what is wrong with it."""


class Opened(NamedTuple):
    """What opening a file gives its reader."""

    index_path: str
    key: FileKey
    arrays: Mapping[str, NDArray[Any]]
    damage: str


class Places(NamedTuple):
    """Where chosen frames begin and end in their file, and their steps."""

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    steps: NDArray[np.int64]


class ChainReader(Reader, Protocol):
    """What is known of an open file."""

    @property
    def index_path(self) -> str:
        """Where its frame index lies."""

    @property
    def key(self) -> FileKey:
        """The state of the file that the index belongs to."""


class Wanted(NamedTuple):
    """What a format's own function is to read, and where from."""

    file: int
    """The descriptor of the open file."""
    places: Places
    out: Mapping[str, NDArray[Any]]
    boxes: NDArray[np.float64] | None
    """(frames, 3, 3) for the boxes, if they are wanted."""
    atoms: Atoms


class ChainFormat(NamedTuple):
    """What tells one such format from another."""

    scan: Scan
    check: Check
    fault_message: FaultMessage
    decode: Callable[[Any, Wanted, Any], tuple[int, int]]
    """Of a reader, what is wanted and a ``struct gd_where``: read the frames; returns the status of
    the C core and the fault of the last frame."""


def open_chain(
    path: str, file_format: ChainFormat, on_truncated: OnTruncated, index_folder: str | Path | None
) -> Opened:
    """Read a file's frame index, or scan the file and write one.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        The file cannot be opened.
    TrajectoryError
        The file is damaged, or ends inside a frame and that was not to be dropped.
    """
    check_on_truncated(on_truncated)
    scan = file_format.scan
    place, key, index = open_index(
        path,
        lambda: scan(path),
        check=file_format.check,
        extend=lambda known: scan(path, known),
        folder=index_folder,
    )
    expected, found = index["cut"].tolist()
    damage = ""
    if expected:
        damage = handle_truncated(
            path,
            on_truncated,
            n_frames=len(index["step"]),
            byte=int(index["byte"][-1]),
            expected=expected,
            found=found,
        )
    return Opened(place, key, index, damage)


def scan_chain(
    path: str,
    scan: Callable[..., int],
    state: Any,
    columns: Mapping[str, type[np.generic]],
    fault_message: FaultMessage,
    known: Arrays | None = None,
    until: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Find the frames of a file with a scanning function of the C core.

    Parameters
    ----------
    path : str
        The file.
    scan : callable
        `lib.gd_xtc_scan` or one that takes the like.
    state : cffi struct
        The state of a scan that begins.
    columns : mapping of str to dtype
        What the function writes for each frame; the first one where it begins.
    fault_message : callable
        What a fault of ``state.frame`` means.
    known : mapping of str to array, optional
        The index of the file before it grew: only what follows its frames is read.
    until : int, optional
        At which byte the file is taken to end.

    Returns
    -------
    dict of str to array
        The columns, the first with the end of the last frame added; ``n_atoms`` (1,); ``cut``
        (2,): how many bytes the frame that the end of the file cuts should have at least, and has,
        both 0 when none is cut.
    """
    where, found = new_where(), ffi.new("int64_t *")
    buffers = [np.empty(_SCAN_FRAMES, dtype) for dtype in columns.values()]
    scratch = np.empty(_SCAN_BYTES, np.uint8)
    pieces = [[buffer[:0] for buffer in buffers]]
    if known is not None:
        state.byte, state.n_frames = known["byte"][-1], len(known["step"])
        state.n_atoms = known["n_atoms"].item()
        pieces.append([known[name][: state.n_frames] for name in columns])
    status = lib.GD_OK
    with opened(path) as file:
        size = os.fstat(file).st_size if until is None else until
        if size == 0:
            raise TrajectoryError(f"{path}: the file is empty")
        while status == lib.GD_OK and state.byte < size:
            status = scan(
                file,
                size,
                state,
                *(pointer(_KINDS[buffer.dtype], buffer) for buffer in buffers),
                _SCAN_FRAMES,
                found,
                pointer("unsigned char *", scratch),
                scratch.size,
                where,
            )
            pieces.append([buffer[: found[0]].copy() for buffer in buffers])
    cut = (0, 0)
    if status == lib.GD_TRUNCATED:
        cut = (where.expected, where.found)
        if state.n_frames == 0:
            handle_truncated(path, "raise", n_frames=0, byte=0, expected=cut[0], found=cut[1])
    else:
        _check_frame(path, status, where, state.frame.fault, fault_message)
    arrays = dict(zip(columns, map(np.concatenate, zip(*pieces, strict=True)), strict=True))
    first = next(iter(columns))
    arrays[first] = np.append(arrays[first], state.byte)
    arrays["n_atoms"] = np.array([state.n_atoms], np.int64)
    arrays["cut"] = np.array(cut, np.int64)
    return arrays


def read_chain(
    reader: ChainReader,
    file_format: ChainFormat,
    frames: range,
    out: Mapping[str, NDArray[Any]],
    atoms: Atoms,
) -> None:
    """Read frames into the caller's buffers: see `gromos_dist.io.reader.Reader.read`.

    Raises
    ------
    ValueError
        Frames or atoms that the file does not have, or a buffer of another shape or dtype.
    TrajectoryError
        The file is damaged, or has changed since it was opened.
    OSError
        The operating system refused.
    """
    check_read(reader, frames, out, atoms)
    if not frames:
        return
    index = index_of(reader, file_format)
    in_index = out.keys() & {"time", "step", "lambda"}
    deliver_indexed(in_index, index, frames, out)
    if out.keys() == in_index:
        return
    boxes = np.empty((len(frames), 3, 3)) if "box" in out else None
    where = new_where()
    with opened(reader.path) as file:
        wanted = Wanted(file, _places_of(index, frames), out, boxes, atoms)
        status, fault = file_format.decode(reader, wanted, where)
    if status != lib.GD_OK and where.frame >= 0:
        where.frame = frames[where.frame]
    _check_frame(reader.path, status, where, fault, file_format.fault_message)
    if boxes is not None:
        deliver(out["box"], boxes)


def check_chain(scan: Scan, columns: Mapping[str, type[np.generic]]) -> Check:
    """Return what sees that an index fits its file: its form, its first frame and its last."""
    first_column, *others = columns
    kinds = {name: np.dtype(columns[name]).str for name in others}
    rows = {*columns, "cut"}

    def check(path: str, size: int, index: StoredArrays) -> None:
        n_frames = check_rows(index, kinds, others[0])
        check_numbers(index, {"n_atoms": (1,), "cut": (2,)})
        byte, cut = index[first_column], index["cut"]
        is_cut = bool(byte[-1] < size)
        rises = byte.shape == (n_frames + 1,) and byte[0] == 0 and bool((np.diff(byte) > 0).all())
        if not rises or byte[-1] > size or bool(cut[0]) != is_cut:
            raise DamagedIndexError(f"{index.path}: its frames do not fit a file of {size} bytes")
        before_last = {**index, **{name: index[name][:-1] for name in columns}}
        for known, row in ((None, 0), (before_last, n_frames - 1)):
            try:
                found = scan(path, known, int(byte[row + 1]))
            except TrajectoryError as error:
                raise DamagedIndexError(f"{index.path}: there is no frame {row}: {error}") from None
            alike = all(found[name][row] == index[name][row] for name in columns)
            alike &= all(np.array_equal(found[name], index[name]) for name in found.keys() - rows)
            if not alike or found[first_column][-1] != byte[row + 1]:
                raise DamagedIndexError(f"{index.path}: frame {row} is another one")

    return check


def index_of(reader: ChainReader, file_format: ChainFormat) -> Arrays:
    """Return the frame index of a reader's file, as far as it had grown when that was opened."""
    index = cached_index(
        *(reader.index_path, reader.path, reader.key),
        *(file_format.scan, frozenset(), file_format.check),
    )
    if len(index["step"]) < reader.n_frames:
        raise TrajectoryError(
            f"{reader.path}: expected {reader.n_frames} frames, found {len(index['step'])}; the "
            "file has changed since it was opened, open it again"
        )
    return index


def _places_of(index: Arrays, frames: range) -> Places:
    chosen = slice(frames.start, frames.stop, frames.step)
    columns = (index["byte"][:-1], index["byte"][1:], index["step"])
    return Places(*(np.ascontiguousarray(column[chosen]) for column in columns))


def _check_frame(
    path: str, status: int, where: Any, fault: int, fault_message: FaultMessage
) -> None:
    """Raise what a status of the C core stands for; nothing for ``GD_OK``."""
    if status == lib.GD_CORRUPT:
        place = f"{path}: frame {where.frame}, byte {where.byte}"
        raise TrajectoryError(f"{place}: {fault_message(where, fault)}")
    if status == lib.GD_TRUNCATED:
        raise TrajectoryError(
            f"{path}: the file ends inside frame {where.frame}: it has become shorter since it "
            "was opened, open it again"
        )
    check(status, where, path=path)

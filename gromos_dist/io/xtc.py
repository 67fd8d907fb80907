"""XTC: the compressed positions of GROMACS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import TrajectoryError, check, new_where
from gromos_dist.io.frame_index import FileKey, cached_index, open_index
from gromos_dist.io.read_arguments import check_read, pointer
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated, check_on_truncated, handle_truncated

_SCAN_BYTES = 1 << 16
_SCAN_FRAMES = 4096
_SCRATCH_BYTES = 1 << 18


def open_xtc(
    path: str | Path,
    *,
    on_truncated: OnTruncated = "raise",
    index_folder: str | Path | None = None,
) -> XTCReader:
    """Open an XTC file.

    The first time the headers of all frames are read; where the frames stand is kept in a frame
    index beside the file, or in the user's cache (``~/.cache/gromos_dist``) when its folder cannot
    be written to, and serves until the file changes.

    Parameters
    ----------
    path : str or Path
        The file, of either magic number: 1995, or 2023 for systems of more than 298 million atoms.
    on_truncated : {"raise", "drop", "warn"}
        What to do with a file that ends inside a frame: refuse it, leave that frame out, or leave
        it out and warn. What was left out stands in the reader's `damage`.
    index_folder : str or Path, optional
        Where to keep the index instead; the environment variable ``GROMOS_DIST_INDEX_FOLDER``
        says the same.

    Returns
    -------
    XTCReader

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        The file cannot be opened.
    TrajectoryError
        The file is no XTC file, is damaged, has another number of atoms in some frame, or ends
        inside one.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import XTC
    >>> reader = open_xtc(XTC)
    >>> reader.n_frames, reader.n_atoms, reader.precision
    (10, 47681, 1000.0)
    >>> positions = np.empty((5, reader.n_atoms, 3), np.float32)
    >>> reader.read(range(0, 10, 2), {"positions": positions})
    >>> positions[0, 0]
    array([5.201, 4.339, 3.155], dtype=float32)
    """
    check_on_truncated(on_truncated)
    path = str(path)
    with _opened(path):
        pass  # the system's own error when there is no such file
    place, key, index = open_index(path, lambda: scan(path), folder=index_folder)
    n_frames, end = len(index["step"]), int(index["byte"][-1])
    expected, found = index["cut"].tolist()
    damage = ""
    if expected:
        damage = handle_truncated(
            path, on_truncated, n_frames=n_frames, byte=end, expected=expected, found=found
        )
    return XTCReader(
        path=path,
        n_frames=n_frames,
        n_atoms=index["n_atoms"].item(),
        precision=index["precision"].item(),
        damage=damage,
        index_path=place,
        key=key,
    )


@dataclass(frozen=True, slots=True)
class XTCReader:
    """An XTC file: `gromos_dist.io.reader.Reader`, made by `open_xtc`.

    Notes
    -----
    The file has integers, `precision` of them in a nm. A float32 position is the integer times the
    reciprocal of the precision, both rounded to float32, which are the bits that GROMACS and
    everything that uses its library give; a float64 one is the integer divided by the precision,
    so the decimal number that was meant. Frames of at most 9 atoms hold float32 numbers.
    """

    path: str
    n_frames: int
    n_atoms: int
    precision: float
    """Of the first frame, in 1/nm; 0 where coordinates are not compressed (at most 9 atoms)."""
    damage: str
    """What was left out of a truncated file; empty when nothing was."""
    index_path: str
    key: FileKey

    @property
    def fields(self) -> tuple[str, ...]:
        """What every XTC file has; the box is NaN in frames without one."""
        return ("positions", "box", "time", "step")

    @property
    def preferred_step(self) -> int:
        """1: chunks may begin anywhere."""
        return 1

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames into the caller's buffers: see `gromos_dist.io.reader.Reader.read`.

        No atom behind the last one wanted is decoded.

        Raises
        ------
        ValueError
            Frames or atoms that the file does not have, or a buffer of another shape or dtype.
        TrajectoryError
            The file is damaged, or has changed since it was opened.
        OSError
            The operating system refused.
        """
        check_read(self, frames, out, atoms)
        if not frames:
            return
        index = cached_index(self.index_path, self.path, self.key, scan, frozenset())
        if len(index["step"]) <= frames[-1]:
            raise TrajectoryError(
                f"{self.path}: expected {self.n_frames} frames, found {len(index['step'])}; the "
                "file has changed since it was opened, open it again"
            )
        chosen = slice(frames.start, frames.stop, frames.step)
        for name in ("time", "step"):
            if name in out:
                out[name][...] = index[name][chosen]
        positions, box = out.get("positions"), out.get("box")
        if positions is None and box is None:
            return
        steps = np.ascontiguousarray(index["step"][chosen])
        begins = np.ascontiguousarray(index["byte"][:-1][chosen])
        ends = np.ascontiguousarray(index["byte"][1:][chosen])
        n_decoded = 0 if atoms is None or positions is None else int(atoms.max()) + 1
        n_bytes = max(_SCRATCH_BYTES, int((ends - begins).max()))
        scratch = np.empty(n_bytes + 24 * n_decoded + 64, np.uint8)
        boxes = None if box is None else np.empty((len(frames), 3, 3))
        is_float32 = positions is not None and positions.dtype == np.float32
        frame, where = ffi.new("struct gd_xtc_frame *"), new_where()
        with _opened(self.path) as file:
            status = lib.gd_xtc_read(
                file,
                pointer("const int64_t *", begins),
                pointer("const int64_t *", ends),
                pointer("const int64_t *", steps),
                len(frames),
                self.n_atoms,
                pointer("const int64_t *", atoms),
                self.n_atoms if atoms is None else len(atoms),
                pointer("float *", positions if is_float32 else None),
                pointer("double *", None if is_float32 else positions),
                pointer("double *", boxes),
                pointer("unsigned char *", scratch),
                scratch.size,
                frame,
                where,
            )
        if status != lib.GD_OK and where.frame >= 0:
            where.frame = frames[where.frame]
        _check(self.path, status, where, frame.fault)
        if box is not None:
            box[...] = boxes


def scan(path: str) -> dict[str, NDArray[Any]]:
    """Find the frames of a file: the arrays of its frame index.

    Returns
    -------
    dict of str to array
        ``step`` (n_frames,) int64; ``time`` (n_frames,) float64, ps; ``byte`` (n_frames + 1,)
        int64, where each frame begins and the last one ends; ``n_atoms``, ``precision`` (1,);
        ``cut`` (2,): how many bytes the frame that the end of the file cuts should have at least,
        and has, both 0 when none is cut.
    """
    state = ffi.new("struct gd_xtc_scan *", {"n_atoms": -1})
    where, found = new_where(), ffi.new("int64_t *")
    byte, step = np.empty(_SCAN_FRAMES, np.int64), np.empty(_SCAN_FRAMES, np.int64)
    time, scratch = np.empty(_SCAN_FRAMES), np.empty(_SCAN_BYTES, np.uint8)
    pieces, status = [], lib.GD_OK
    with _opened(path) as file:
        size = os.fstat(file).st_size
        if size == 0:
            raise TrajectoryError(f"{path}: the file is empty")
        while status == lib.GD_OK and state.byte < size:
            status = lib.gd_xtc_scan(
                file,
                size,
                state,
                pointer("int64_t *", byte),
                pointer("int64_t *", step),
                pointer("double *", time),
                _SCAN_FRAMES,
                found,
                pointer("unsigned char *", scratch),
                scratch.size,
                where,
            )
            pieces.append([some[: found[0]].copy() for some in (byte, step, time)])
    if status != lib.GD_TRUNCATED:
        _check(path, status, where, state.frame.fault)
    elif state.n_frames == 0:
        handle_truncated(
            path, "raise", n_frames=0, byte=0, expected=where.expected, found=where.found
        )
    byte, step, time = (np.concatenate(some) for some in zip(*pieces, strict=True))
    cut = (where.expected, where.found) if status == lib.GD_TRUNCATED else (0, 0)
    return {
        "byte": np.append(byte, state.byte),
        "step": step,
        "time": time,
        "n_atoms": np.array([state.n_atoms], np.int64),
        "precision": np.array([state.precision]),
        "cut": np.array(cut, np.int64),
    }


@contextmanager
def _opened(path: str) -> Iterator[int]:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _check(path: str, status: int, where: Any, fault: int) -> None:
    """Raise what a status of the C core stands for."""
    if status == lib.GD_CORRUPT:
        place = f"{path}: frame {where.frame}, byte {where.byte}"
        raise TrajectoryError(f"{place}: {_fault_message(where, fault)}")
    if status == lib.GD_TRUNCATED:
        raise TrajectoryError(
            f"{path}: the file ends inside frame {where.frame}: it has become shorter since it "
            "was opened, open it again"
        )
    check(status, where, path=path)


def _fault_message(where: Any, fault: int) -> str:
    expected, found = where.expected, where.found
    messages = {
        lib.GD_XTC_MAGIC: f"expected a frame, which begins with 1995 or 2023, found {found}"
        + ("; this is no XTC file" if where.byte == 0 else ""),
        lib.GD_XTC_ATOMS: f"expected {expected} atoms, found {found}"
        if found > 0
        else f"expected at least one atom, found {found}",
        lib.GD_XTC_PRECISION: "expected a precision above 0 that gives coordinates within float32",
        lib.GD_XTC_BOUNDS: f"expected bounds of the coordinates, found {expected} to {found}",
        lib.GD_XTC_SMALL: f"expected a range of small differences from 9 to {expected}, "
        f"found {found}",
        lib.GD_XTC_SIZE: f"{found} bytes of coordinates, which so many atoms cannot have "
        f"(the limit is {expected})",
        lib.GD_XTC_DATA: "the compressed coordinates that begin here are damaged: they lead out of "
        "the frame's bounds or its bytes",
        lib.GD_XTC_CHANGED: f"expected a frame with {expected} here, found {found}; the file has "
        "changed since it was opened, open it again",
    }
    return messages[fault]

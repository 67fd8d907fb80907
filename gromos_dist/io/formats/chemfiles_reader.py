"""Every other format, through chemfiles: ``engine="chemfiles"``.

The optional extra `chemfiles` reads Amber NetCDF, LAMMPS, XYZ, mmCIF, MMTF, TNG and more. It is
called through ctypes, so without the GIL.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.defaults import ON_TRUNCATED
from gromos_dist.errors import TrajectoryError
from gromos_dist.input_file import require_regular
from gromos_dist.io.read_arguments import check_read, deliver
from gromos_dist.io.reader import Atoms
from gromos_dist.io.truncated import OnTruncated


@dataclass(frozen=True, slots=True)
class ChemfilesReader:
    """A file that chemfiles reads: `gromos_dist.io.reader.Reader`, made by `open_chemfiles`.

    Its Å and Å ps-1 become nm and nm ps-1. Time is that of the file where it has one, else the
    number of the frame; step is the number of the frame.
    """

    path: str
    n_frames: int
    n_atoms: int
    fields: tuple[str, ...]
    format: str

    @property
    def damage(self) -> str:
        """Nothing: chemfiles refuses or warns of a file that ends inside a frame."""
        return ""

    @property
    def single_precision(self) -> tuple[str, ...]:
        """None: chemfiles does not tell."""
        return ()

    @property
    def preferred_step(self) -> int:
        """1: chunks may begin anywhere."""
        return 1

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames into the caller's buffers: see `gromos_dist.io.reader.Reader.read`."""
        check_read(self, frames, out, atoms)
        if not frames:
            return
        if "step" in out:
            out["step"][...] = frames
        if not set(out) - {"step"}:
            return
        rows = slice(None) if atoms is None else atoms
        # What it warns of, it has said when the file was opened.
        with _warnings_kept(), _opened(self.path, self.format) as trajectory:
            for i, number in enumerate(frames):
                frame = _frame(self.path, trajectory, number)
                positions = np.asarray(frame.positions)
                if len(positions) != self.n_atoms:
                    raise TrajectoryError(
                        f"{self.path}: frame {number}: expected {self.n_atoms} atoms as in the "
                        f"first frame, found {len(positions)}"
                    )
                if "positions" in out:
                    _tenth(positions[rows], out["positions"][i])
                if "velocities" in out:
                    if not frame.has_velocities():
                        raise TrajectoryError(
                            f"{self.path}: frame {number}: expected velocities as in the first "
                            "frame, found none"
                        )
                    _tenth(np.asarray(frame.velocities)[rows], out["velocities"][i])
                if "box" in out:
                    # chemfiles has the vectors in columns; zeros where there is no cell.
                    box = np.asarray(frame.cell.matrix).T
                    deliver(out["box"][i], box / 10 if box.any() else np.full((3, 3), np.nan))
                if "time" in out:
                    out["time"][i] = _time(frame, number)


def open_chemfiles(
    path: str | Path,
    *,
    format: str = "",
    on_truncated: OnTruncated = ON_TRUNCATED,
) -> ChemfilesReader:
    """Open any file that chemfiles can read.

    Parameters
    ----------
    path : str or Path
        The file.
    format : str
        Its format, as chemfiles names it (``"Amber NetCDF"``); by its suffix when empty.
    on_truncated : {"raise"}
        chemfiles does not tell a file that was cut off from another that it cannot read.

    Returns
    -------
    ChemfilesReader

    Raises
    ------
    ImportError
        chemfiles is not installed.
    FileNotFoundError, IsADirectoryError
        There is no such file.
    TrajectoryError
        chemfiles cannot read it; its own words.

    Warns
    -----
    UserWarning
        What chemfiles warns of; that a file ends inside a frame is among it for some formats.
    """
    path = str(path)
    if on_truncated != "raise":
        raise ValueError(f"on_truncated={on_truncated!r}: engine='chemfiles' can only 'raise'")
    require_regular(path)
    with _warnings_kept() as messages, _opened(path, format) as trajectory:
        n_frames = _n_frames(path, trajectory)
        if n_frames == 0:
            raise TrajectoryError(f"{path}: there are no frames")
        frame = _frame(path, trajectory, 0)
        n_atoms = len(frame.atoms)
        velocities = ("velocities",) if frame.has_velocities() else ()
        box = ("box",) if np.asarray(frame.cell.matrix).any() else ()
    for message in dict.fromkeys(messages):
        warnings.warn(f"{path}: chemfiles: {message}", stacklevel=2)
    if n_atoms == 0:
        raise TrajectoryError(f"{path}: frame 0: there are no atoms")
    fields = ("positions", *velocities, *box, "time", "step")
    return ChemfilesReader(path, n_frames, n_atoms, fields, format)


def _tenth(values: NDArray[np.float64], out: NDArray[Any]) -> None:
    deliver(out, values / 10.0)


def _chemfiles() -> Any:
    try:
        import chemfiles  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "engine='chemfiles' needs chemfiles: pip install 'gromos_dist[chemfiles]'"
        ) from error
    return chemfiles


_kept = threading.local()


@contextmanager
def _warnings_kept() -> Iterator[list[str]]:
    """Yield a list to which this thread's warnings of chemfiles go."""
    _install(_chemfiles())
    messages: list[str] = []
    before = getattr(_kept, "messages", None)
    _kept.messages = messages
    try:
        yield messages
    finally:
        _kept.messages = before


@cache
def _install(chemfiles: Any) -> None:
    """Have chemfiles give its warnings to us, and those of others to Python as it does itself.

    It calls back from C, where an exception, such as a warning can be, would be lost.
    """

    def take(message: str) -> None:
        messages = getattr(_kept, "messages", None)
        if messages is None:
            warnings.warn(message, stacklevel=4)
        else:
            messages.append(message)

    # Loading the C library, which the first call of anything does, sets the callback back.
    chemfiles.formats_list()
    chemfiles.set_warnings_callback(take)


@contextmanager
def _opened(path: str, file_format: str) -> Iterator[Any]:
    chemfiles = _chemfiles()
    try:
        trajectory = chemfiles.Trajectory(path, "r", file_format)
    except chemfiles.ChemfilesError as error:
        raise TrajectoryError(f"{path}: chemfiles cannot open it: {error}") from error
    with trajectory:
        yield trajectory


def _n_frames(path: str, trajectory: Any) -> int:
    try:
        return int(trajectory.nsteps)
    except _chemfiles().ChemfilesError as error:
        raise TrajectoryError(f"{path}: chemfiles cannot read it: {error}") from error


def _frame(path: str, trajectory: Any, number: int) -> Any:
    try:
        return trajectory.read_step(number)
    except _chemfiles().ChemfilesError as error:
        raise TrajectoryError(f"{path}: frame {number}: chemfiles: {error}") from error


def _time(frame: Any, number: int) -> float:
    if "time" not in frame.list_properties():
        return float(number)
    return float(frame["time"])

"""Energy trajectories of GROMOS, ``.tre`` and ``.trg``: `open_energies`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.defaults import ON_TRUNCATED
from gromos_dist.errors import TrajectoryError, new_where
from gromos_dist.input_file import file_state, unchanged
from gromos_dist.io.energies.layout import (
    Arrays,
    Layout,
    LayoutError,
    coordinates,
    energy_arrays,
    energy_layout,
    volume_pressure_arrays,
    volume_pressure_layout,
)
from gromos_dist.io.index import gzip_access
from gromos_dist.io.index.gzip_access import ReadInto
from gromos_dist.io.index.text_file import read_through
from gromos_dist.io.trajectory import Paths, expand
from gromos_dist.io.truncated import OnTruncated, check_on_truncated
from gromos_dist.provenance import InputFile, describe_file, record_of
from gromos_dist.variables import VARIABLES

_TIME = lib.GD_GROMOS_TIME_BLOCK
_ENERGY = lib.GD_GROMOS_ENERGY_BLOCK
_VOLUME_PRESSURE = lib.GD_GROMOS_VOLUME_PRESSURE_BLOCK
_DERIVATIVE = lib.GD_GROMOS_DERIVATIVE_BLOCK
_VERSION = lib.GD_GROMOS_VERSION_BLOCK
_NAMES = {
    _TIME: "TIMESTEP",
    _ENERGY: "ENERGY03",
    _VOLUME_PRESSURE: "VOLUMEPRESSURE03",
    _DERIVATIVE: "FREEENERDERIVS03",
    _VERSION: "ENEVERSION",
}
_FRAMES = ((_TIME, _ENERGY, _VOLUME_PRESSURE), (_TIME, _ENERGY), (_TIME, _DERIVATIVE))

_TABLE = np.dtype([("byte", "<i8"), ("size", "<i8"), ("line", "<i8"), ("kind", "<i8")])

# Text is read and parsed in pieces that stay in the processor's cache.
_PIECE = 1 << 20
_LONGEST_BLOCK = 1 << 28
_TABLES_A_CALL = 4096
_LARGEST_STEP = 2.0**53


def open_energies(
    paths: Paths,
    *,
    groups: Sequence[str] | None = None,
    variables: Collection[str] | None = None,
    on_truncated: OnTruncated = ON_TRUNCATED,
) -> xr.Dataset:
    """Read energy trajectories of GROMOS as one Dataset.

    The files are read at once, several in parallel: a frame has a few kilobytes, however large
    the system is.

    Parameters
    ----------
    paths : path, glob pattern, or sequence of these
        Files of energies (``.tre``), or files of free-energy derivatives (``.trg``), each also
        with ``.gz``; they follow each other in time in the order given.
    groups : sequence of str, optional
        Names of the energy groups, in the order of the ``FORCE`` block of the input file; their
        numbers, from 1, when None.
    variables : collection of str, optional
        The variables to keep, for very long files; all when None.
    on_truncated : {"raise", "warn", "drop"}
        What to do with a frame that the end of a file cuts off, as while a simulation still runs:
        refuse the file, or leave the frame out, with or without a warning.

    Returns
    -------
    Dataset
        ``energy`` (frame, term) and its parts by group and by pair of groups, in kJ mol-1;
        temperature baths; volume, box, pressure and virial. Those of a ``.trg`` are derivatives
        with respect to ``coupling_parameter``. ``energy_nonbonded`` is symmetric: the energy of a
        pair of groups stands at both of its places. Coordinates ``time`` (ps), ``step``, and the
        names of what the other dims count; ``ene_ana_name`` has the names of gromos++ ene_ana.

    Raises
    ------
    FileNotFoundError
        A file is missing, or a pattern matches nothing.
    TrajectoryError
        A file is damaged, is no energy trajectory, or its frames or versions differ.
    ValueError
        `groups` or `variables` do not fit the files, or these do not fit each other.

    Warns
    -----
    UserWarning
        With ``on_truncated="warn"``: a frame was left out.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_energies("tests/data/energies/small.tre", groups=["solute", "water"])
    >>> ds.energy.sel(term="potential").values.round(2)
    array([-6930.6 , -6881.15, -6922.45, -6932.05])
    >>> ds.energy.sel(term="potential").attrs["units"]
    'kJ mol-1'
    """
    check_on_truncated(on_truncated)
    names = expand(paths)
    wanted = None if variables is None else frozenset(variables)
    n_threads = max(1, min(len(names), len(os.sched_getaffinity(0))))
    with ThreadPoolExecutor(n_threads) as pool:
        read = list(pool.map(lambda name: _read_unchanged(name, wanted), names))
    files = [file for file, _ in read]
    inputs = [described for _, described in read]
    _check_alike(files)
    _report_truncated(files, on_truncated)
    layout = files[0].layouts[files[0].frame[1]]
    arrays = {
        name: np.concatenate([file.arrays[name] for file in files]) for name in files[0].arrays
    }
    _check_wanted(wanted, arrays, names[0])
    coords: dict[str, Any] = {
        name: ("frame", arrays.pop(name), VARIABLES[name].attrs) for name in ("time", "step")
    }
    data = {name: (VARIABLES[name].dims, arrays[name], VARIABLES[name].attrs) for name in arrays}
    coords |= {"xyz": ("xyz", list("xyz")), "xyz_2": ("xyz_2", list("xyz"))}
    coords |= coordinates(layout, groups)
    dims = {dim for dims, _, _ in data.values() for dim in dims}
    coords = {name: coord for name, coord in coords.items() if coord[0] in {*dims, "frame"}}
    parameters = {"groups": groups, "variables": wanted and sorted(wanted)}
    defaults = dict.fromkeys(parameters)
    attrs = record_of("open_energies", parameters, inputs, defaults=defaults).attributes
    if files[0].version:
        attrs["energy_version"] = files[0].version
    if cut := [file.path for file in files if file.truncated]:
        attrs["truncated"] = ", ".join(cut)
    return xr.Dataset(data, coords, attrs)


def _read_unchanged(name: str, wanted: frozenset[str] | None) -> tuple[_EnergyFile, InputFile]:
    with unchanged(name, file_state(name)):
        return _read(name, wanted), describe_file(name)


def _read(name: str, wanted: frozenset[str] | None) -> _EnergyFile:
    file, arrays = read_through(name, lambda read_into: _EnergyFile(name).read(read_into, wanted))
    if gzip_access.CUT in arrays and not file.truncated:
        file.truncated = f"frame {file.n_frames}: the gzip stream is cut off"
    return file


def _check_alike(files: list[_EnergyFile]) -> None:
    first = files[0]
    for file in files[1:]:
        if file.frame != first.frame:
            raise ValueError(
                f"{file.path} has the blocks {_blocks(file.frame)}, {first.path} has "
                f"{_blocks(first.frame)}: open energies and free-energy derivatives apart, and "
                "join them with xarray.merge"
            )
        if file.layouts != first.layouts or file.version != first.version:
            raise ValueError(
                f"{file.path} has other terms, baths or energy groups than {first.path}: files on "
                "one time axis need the same"
            )


def _report_truncated(files: list[_EnergyFile], on_truncated: OnTruncated) -> None:
    for file in files:
        if file.truncated and on_truncated == "raise":
            raise TrajectoryError(
                f"{file.path}: {file.truncated}; the file was cut off, as when a run is killed: "
                f"its first {file.n_frames} frames are whole, and on_truncated='drop' reads them"
            )
        if file.truncated and on_truncated == "warn":
            warnings.warn(f"{file.path}: {file.truncated}: this frame is left out", stacklevel=3)


def _check_wanted(wanted: frozenset[str] | None, arrays: Arrays, path: str) -> None:
    if missing := sorted((wanted or frozenset()) - set(arrays)):
        there = ", ".join(name for name in arrays if name not in ("time", "step"))
        raise ValueError(
            f"variables: {path} has no {', '.join(missing)}; what it has of those named: "
            f"{there or 'nothing'}"
        )


def _blocks(kinds: Sequence[int]) -> str:
    return ", ".join(_NAMES[kind] for kind in kinds)


@dataclass(slots=True)
class _Text:
    """The stretch of a stream of text that is in memory: whole lines, of which blocks are taken."""

    path: str
    read_into: ReadInto
    buffer: NDArray[np.uint8] = field(default_factory=lambda: np.empty(_PIECE, np.uint8))
    held: int = 0
    origin: int = 0
    line: int = 1
    final: bool = False

    def more(self) -> None:
        """Read on, into a larger buffer if this one is full of a block that goes on."""
        if self.held == len(self.buffer):
            if self.held >= _LONGEST_BLOCK:
                raise TrajectoryError(
                    f"{self.path}: line {self.line}: expected a block of less than {self.held} "
                    "bytes; this is not an energy trajectory"
                )
            self.buffer = np.concatenate([self.buffer, np.empty_like(self.buffer)])
        n_bytes = self.read_into(self.buffer[self.held :])
        self.held += n_bytes
        self.final = n_bytes == 0

    def scan(self) -> _Scan:
        """Find the whole blocks."""
        tables = np.zeros(_TABLES_A_CALL, _TABLE)
        found, used, fault = (ffi.new("int64_t *") for _ in range(3))
        line, where = ffi.new("int64_t *", self.line), new_where()
        status = lib.gd_gromos_tables(
            *(ffi.from_buffer("char[]", self.buffer), self.held, self.final, self.origin, line),
            ffi.from_buffer("struct gd_gromos_table[]", tables, require_writable=True),
            *(len(tables), found, used, fault, where),
        )
        return _Scan(tables[: found[0]], used[0], line[0], status, fault[0], where)

    def drop(self, scan: _Scan) -> None:
        """Forget what has been scanned."""
        self.buffer[: self.held - scan.used] = self.buffer[scan.used : self.held].copy()
        self.held -= scan.used
        self.origin += scan.used
        self.line = scan.line

    def of_block(self, table: Any) -> str:
        """Return the lines of a block between its name and its END."""
        begin = int(table["byte"]) - self.origin
        lines = bytes(self.buffer[begin : begin + int(table["size"])])
        return "\n".join(lines.decode("ascii", "replace").split("\n")[1:]).rpartition("END")[0]

    def line_at(self, byte: int) -> str:
        """Return the line that begins at a byte of the stream, for a message."""
        begin = byte - self.origin
        line = bytes(self.buffer[begin : min(begin + 80, self.held)]).split(b"\n", 1)[0]
        return line.decode("ascii", "replace").rstrip()


class _Scan(NamedTuple):
    """What `_Text.scan` found: whole blocks, how far it came, and what stopped it."""

    tables: NDArray[Any]
    used: int
    line: int
    status: int
    fault: int
    where: Any


@dataclass(slots=True)
class _EnergyFile:
    """A file on its way from text to arrays."""

    path: str
    version: str = ""
    frame: tuple[int, ...] = ()
    """The blocks of a frame, once the first is known."""
    layouts: dict[int, Layout] = field(default_factory=dict)
    n_blocks: int = 0
    truncated: str = ""
    """What the end of the file cut off, and where; empty when nothing."""
    arrays: Arrays = field(default_factory=dict)

    @property
    def n_frames(self) -> int:
        """How many whole frames have been read."""
        return self.n_blocks // len(self.frame) if self.frame else 0

    def read(self, read_into: ReadInto, wanted: frozenset[str] | None) -> _EnergyFile:
        """Read the whole text; keep only the wanted variables."""
        pieces: dict[str, list[NDArray[Any]]] = {}
        text = _Text(self.path, read_into)
        while not text.final:
            text.more()
            full = True
            while full:
                scan = text.scan()
                full = len(scan.tables) == _TABLES_A_CALL
                starts = np.count_nonzero(scan.tables["kind"] == _TIME)
                if not (self.frame or text.final or scan.status or starts > 1):
                    break  # the first frame goes on behind what has been read
                for name, array in self._take(text, scan).items():
                    if wanted is None or name in {*wanted, "time", "step"}:
                        pieces.setdefault(name, []).append(np.ascontiguousarray(array))
                if scan.status == lib.GD_CORRUPT:
                    self._raise_corrupt(text, scan)
                text.drop(scan)
        self._finish(scan)
        self.arrays = {
            name: np.concatenate(parts)[: self.n_frames] for name, parts in pieces.items()
        }
        return self

    def _take(self, text: _Text, scan: _Scan) -> Arrays:
        """Return the variables of the frames that some blocks hold."""
        tables = scan.tables
        for table in tables[tables["kind"] == _VERSION]:
            version = " ".join(text.of_block(table).split())
            if self.version and version != self.version:
                raise TrajectoryError(
                    f"{self.path}: line {table['line']}: ENEVERSION {version}, expected "
                    f"{self.version} as before"
                )
            self.version = version
        tables = tables[
            (tables["kind"] != lib.GD_GROMOS_OTHER_BLOCK) & (tables["kind"] != _VERSION)
        ]
        if not self.frame and len(tables):
            self._learn(text, tables, scan.status == lib.GD_TRUNCATED)
        self._check_order(tables)
        arrays: Arrays = {}
        done, self.n_blocks = self.n_blocks, self.n_blocks + len(tables)
        for i, kind in enumerate(self.frame):
            n_before = (done - i + len(self.frame) - 1) // len(self.frame)
            some = np.ascontiguousarray(tables[tables["kind"] == kind])
            arrays |= self._read(text, kind, some, n_before)
        return arrays

    def _learn(self, text: _Text, tables: NDArray[Any], cut: bool) -> None:
        """Take the blocks of a frame, and what they hold, from the first frame."""
        kinds = tables["kind"].tolist()
        ends = [i for i, kind in enumerate(kinds) if kind == _TIME and i > 0]
        frame = tuple(kinds[: ends[0]] if ends else kinds)
        begun = any(known[: len(frame)] == frame for known in _FRAMES)
        if begun and not ends and (cut or (text.final and frame not in _FRAMES)):
            return  # the end of the file cuts off the first frame
        if frame not in _FRAMES:
            expected = " or ".join(f"({_blocks(known)})" for known in _FRAMES)
            raise TrajectoryError(
                f"{self.path}: line {tables['line'][0]}: expected the blocks {expected} in a "
                f"frame, found ({_blocks(frame)})"
            )
        for table, kind in zip(tables, frame, strict=False):
            if kind == _TIME:
                continue
            try:
                self.layouts[kind] = (
                    volume_pressure_layout(text.of_block(table))
                    if kind == _VOLUME_PRESSURE
                    else energy_layout(text.of_block(table), kind == _DERIVATIVE)
                )
            except LayoutError as error:
                version = f" (ENEVERSION {self.version})" if self.version else ""
                raise TrajectoryError(
                    f"{self.path}: frame 0, line {table['line'] + 1 + error.line}, block "
                    f"{_NAMES[kind]}{version}: {error}"
                ) from None
        self.frame = frame

    def _check_order(self, tables: NDArray[Any]) -> None:
        if not self.frame:
            return
        at = (self.n_blocks + np.arange(len(tables))) % len(self.frame)
        wrong = np.flatnonzero(tables["kind"] != np.array(self.frame)[at])
        if wrong.size:
            i = int(wrong[0])
            raise TrajectoryError(
                f"{self.path}: frame {(self.n_blocks + i) // len(self.frame)}, line "
                f"{tables['line'][i]}: expected the block {_NAMES[self.frame[at[i]]]}, found "
                f"{_NAMES[int(tables['kind'][i])]}"
            )

    def _read(self, text: _Text, kind: int, tables: NDArray[Any], n_before: int) -> Arrays:
        """Read blocks of one kind; `n_before` frames had theirs before."""
        layout = self.layouts.get(kind)
        values = np.empty((len(tables), layout.n_values if layout else 2))
        where = new_where()
        status = lib.gd_gromos_numbers(
            *(ffi.from_buffer("char[]", text.buffer), text.held, text.origin),
            *(len(tables), ffi.from_buffer("struct gd_gromos_table[]", tables)),
            *(values.shape[1], ffi.from_buffer("double[]", values, require_writable=True), where),
        )
        if status != lib.GD_OK:
            self._raise_number(text, status, where, _NAMES[kind], n_before + where.frame)
        if layout is None:
            return self._times(values, tables, n_before)
        for column, expected in layout.counts:
            wrong = np.flatnonzero(values[:, column] != expected)
            if wrong.size:
                i = int(wrong[0])
                raise TrajectoryError(
                    f"{self.path}: frame {n_before + i}, block {_NAMES[kind]} at line "
                    f"{tables['line'][i]}: its number {column + 1}, how many lines follow, is "
                    f"{values[i, column]:g}, expected {expected} as in the first frame"
                )
        if kind == _VOLUME_PRESSURE:
            return volume_pressure_arrays(layout, values)
        return energy_arrays(layout, values, kind == _DERIVATIVE)

    def _times(self, values: NDArray[np.float64], tables: NDArray[Any], n_before: int) -> Arrays:
        steps = values[:, 0]
        wrong = np.flatnonzero((steps != np.rint(steps)) | (np.abs(steps) > _LARGEST_STEP))
        if wrong.size:
            i = int(wrong[0])
            raise TrajectoryError(
                f"{self.path}: frame {n_before + i}, block TIMESTEP at line {tables['line'][i]}: "
                f"expected the step, an integer, found {steps[i]:g}"
            )
        return {"step": steps.astype(np.int64), "time": values[:, 1]}

    def _finish(self, last: _Scan) -> None:
        """Say what the end of the file cut off."""
        if last.status == lib.GD_TRUNCATED:
            self.truncated = (
                f"frame {self.n_frames}, line {last.where.line} (byte {last.where.byte}): expected "
                "the rest of a block and its END, found the end of the file"
            )
        elif self.frame and (behind := self.n_blocks % len(self.frame)):
            self.truncated = (
                f"frame {self.n_frames}: expected the block {_NAMES[self.frame[behind]]}, found "
                "the end of the file"
            )
        if self.n_frames == 0:
            raise TrajectoryError(
                f"{self.path}: no whole frame: expected blocks TIMESTEP and ENERGY03 or "
                f"FREEENERDERIVS03; {self.truncated or 'this is not an energy trajectory'}"
            )

    def _raise_corrupt(self, text: _Text, scan: _Scan) -> NoReturn:
        what = {
            lib.GD_GROMOS_NOT_A_BLOCK: "expected the name of a block",
            lib.GD_GROMOS_NO_END: "expected more numbers of a block, or its END",
        }[scan.fault]
        raise TrajectoryError(
            f"{self.path}: frame {self.n_frames}, line {scan.where.line} (byte {scan.where.byte}): "
            f"{what}, found {text.line_at(scan.where.byte)!r}"
        )

    def _raise_number(
        self, text: _Text, status: int, where: Any, block: str, frame: int
    ) -> NoReturn:
        line = text.line_at(where.byte)
        if where.expected >= 0:
            found = "more" if where.found > where.expected else str(where.found)
            problem = f"expected {where.expected} numbers, found {found}"
        elif status == lib.GD_NOT_FINITE:
            problem = f"found {line!r}, not finite: the simulation has most likely failed"
        else:
            problem = f"expected numbers, found {line!r}"
        raise TrajectoryError(
            f"{self.path}: frame {frame}, line {where.line} (byte {where.byte}), block {block}: "
            f"{problem}"
        )

"""Trajectories as sequences of frames, read ahead; and files that frames are written to."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, overload

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, DTypeLike, NDArray

from gromos_dist.beside import refuse_existing
from gromos_dist.io import open_trajectory
from gromos_dist.io.graphs import one_source
from gromos_dist.io.reader import FRAME_FIELDS
from gromos_dist.io.rounding import check_precision
from gromos_dist.io.source import Source
from gromos_dist.io.trajectory import Paths, TopologyLike
from gromos_dist.io.writer import Contents, EncodedFile, check_writable, make_encoder, open_encoded
from gromos_dist.selection import Selection
from gromos_dist.topology import Topology, load_topology

_BLOCK_BYTES = 4 * 2**20
_READERS = 2
_ARRAYS = ("positions", "velocities", "forces", "box")


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a trajectory.

    Parameters
    ----------
    positions : (atoms, 3) array, optional
        nm; None where the file has none.
    time : float
        ps.
    step : int
        Of the integrator.
    box : (3, 3) array, optional
        nm, the rows are the box vectors; None without a box.
    velocities, forces : (atoms, 3) array, optional
        nm ps-1; kJ mol-1 nm-1.
    """

    positions: NDArray[Any] | None
    time: float = 0.0
    step: int = 0
    box: NDArray[Any] | None = None
    velocities: NDArray[Any] | None = None
    forces: NDArray[Any] | None = None

    @property
    def n_atoms(self) -> int:
        """How many atoms the frame has."""
        for values in (self.positions, self.velocities, self.forces):
            if values is not None:
                return len(values)
        return 0

    def __repr__(self) -> str:
        return f"Frame: step {self.step}, time {self.time:g} ps, {self.n_atoms} atoms"


class Trajectory(Sequence[Frame]):
    """The frames of trajectory files, one after the other; made by `Trajectory.load`.

    Has a length, can be indexed and sliced (a slice is a Trajectory, and reads nothing), and
    iterates quickly: blocks of frames are decoded ahead, in threads, while you work on the frame
    that you have. No file stays open, so nothing has to be closed; it is a context manager all the
    same.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD
    >>> with gd.Trajectory.load(DCD) as trajectory:
    ...     len(trajectory), trajectory[-1].positions.shape
    ...     [round(frame.time) for frame in trajectory[:6:2]]
    (98, (3341, 3))
    [1, 3, 5]
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        fields = [name for name in _ARRAYS if name in dataset.data_vars]
        origin = one_source([dataset[name].data for name in fields])
        assert origin is not None
        self._source: Source = origin[0]
        self._fields = fields
        self._time = dataset["time"].values
        self._step = dataset["step"].values
        self._frames = range(self._source.n_frames)
        self.dataset = dataset
        """The lazy Dataset of all frames of the files."""

    @classmethod
    def load(
        cls,
        path: Paths,
        topology: TopologyLike = None,
        *,
        atoms: Selection = None,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Open trajectory files; parameters and errors as those of `gromos_dist.open_trajectory`.

        Parameters
        ----------
        path : path, glob pattern, or sequence of these
            The files.
        topology : Topology or path, optional
            Needed to select atoms by name.
        atoms : str or sequence of int, optional
            Atoms to read.
        dtype : dtype
            Of the arrays: float32 or float64.

        Returns
        -------
        Trajectory
        """
        return cls(open_trajectory(path, topology, atoms=atoms, dtype=dtype))

    @property
    def n_atoms(self) -> int:
        """How many atoms every frame has."""
        return self._source.n_atoms

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Frame | Self:
        if isinstance(index, slice):
            frames = self._frames[index]
            if frames.step < 1:
                raise ValueError(f"frames are read forwards: expected a rising slice, got {index}")
            part = type(self)(self.dataset)
            part._frames = frames
            return part
        try:
            frame = self._frames[index]
        except IndexError:
            raise IndexError(f"frame {index} of {len(self)}") from None
        return next(self._read(range(frame, frame + 1)))

    def __iter__(self) -> Iterator[Frame]:
        frame_bytes = sum(self._source.frame_bytes(name) for name in self._fields)
        n_frames = max(1, _BLOCK_BYTES // max(1, frame_bytes))
        blocks = iter([self._frames[i : i + n_frames] for i in range(0, len(self), n_frames)])
        if len(self) <= n_frames:
            for block in blocks:
                yield from self._read(block)
            return
        pool = ThreadPoolExecutor(_READERS, "gromos_dist-read-ahead")
        try:
            ahead: deque[Future[Iterator[Frame]]] = deque(
                pool.submit(self._read, block) for block in islice(blocks, _READERS + 1)
            )
            while ahead:
                frames = ahead.popleft().result()
                ahead.extend(pool.submit(self._read, block) for block in islice(blocks, 1))
                yield from frames
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, frames: range) -> Iterator[Frame]:
        values = self._source.select_frames(frames).read(self._fields)
        return iter([self._frame(i, values, k) for k, i in enumerate(frames)])

    def _frame(self, index: int, values: dict[str, NDArray[Any]], row: int) -> Frame:
        there = {name: values[name][row] for name in values if self._has(name, index)}
        box = there.pop("box", None)
        return Frame(
            time=float(self._time[index]),
            step=int(self._step[index]),
            box=None if box is None or np.isnan(box).any() else box,
            **{"positions": None, **there},
        )

    def _has(self, name: str, index: int) -> bool:
        present = self.dataset.coords.get(f"has_{name}")
        return present is None or bool(present.values[index])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"Trajectory: {len(self)} frames, {self.n_atoms} atoms"


class TrajectoryWriter:
    """A trajectory file that frames are written to, one at a time; a context manager.

    The file appears under its name when the ``with`` block has ended well. When it ends by an
    exception, or the process is killed, there is no file.

    Parameters
    ----------
    path : path
        The suffix says the format: see the page on formats.
    topology : Topology or path, optional
        Names for ``.cnf``, ``.pdb`` and ``.gro``.
    precision : float, optional
        Round positions to so many nm.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    ValueError
        No writer is known for the suffix; a frame that the format cannot hold, or of other atoms
        or with other arrays than the first.
    FileExistsError
        The file is there, and `overwrite` is False.

    Warns
    -----
    UserWarning
        Once, when the format has no room for velocities, forces or the box of the frames.

    Examples
    --------
    >>> import tempfile
    >>> import gromos_dist as gd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with gd.TrajectoryWriter(f"{folder}/water.dcd") as writer:
    ...         for i in range(3):
    ...             writer.write_frame(gd.Frame(np.full((3, 3), 0.1 * i), time=2.0 * i, step=i))
    ...     len(gd.Trajectory.load(f"{folder}/water.dcd"))
    3
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        topology: TopologyLike = None,
        *,
        precision: float | None = None,
        overwrite: bool = False,
    ) -> None:
        check_precision(precision)
        check_writable(path)
        self.path = os.fspath(path)
        if topology is not None and not isinstance(topology, Topology):
            topology = load_topology(Path(topology))
        self._topology = topology
        self._precision = precision
        self._overwrite = overwrite
        self._stack: ExitStack | None = None
        self._file: EncodedFile | None = None
        self._first: Contents | None = None
        self._waiting: list[dict[str, NDArray[Any]]] = []
        self._bytes = 0
        self._left: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        refuse_existing(Path(self.path), self._overwrite)
        self._stack = ExitStack()
        return self

    def write_frame(self, frame: Frame) -> None:
        """Write one frame; its arrays may be changed afterwards."""
        if self._stack is None:
            raise ValueError(
                f"{self.path} is not open: with gd.TrajectoryWriter({self.path!r}) as writer: ..."
            )
        arrays = _arrays(frame, self.path)
        if self._first is None:
            self._open(arrays)
        self._check(arrays)
        for name in self._left:
            del arrays[name]
        self._waiting.append(arrays)
        self._bytes += sum(array.nbytes for array in arrays.values())
        if self._bytes >= _BLOCK_BYTES:
            self._write()

    def _open(self, arrays: dict[str, NDArray[Any]]) -> None:
        n_atoms = next(len(arrays[name][0]) for name in _ARRAYS[:3] if name in arrays)
        names = {}
        if self._topology is not None:
            coordinates = self._topology.with_n_atoms(n_atoms).coordinates()
            names = {name: values for name, (_, values, _) in coordinates.items()}
        self._first = Contents(
            path=self.path,
            n_atoms=n_atoms,
            fields=tuple(arrays),
            atoms=names,
            box=arrays["box"][0] if "box" in arrays else None,
            precision=self._precision,
        )
        encoder = make_encoder(self._first)
        self._left = tuple(name for name in arrays if name not in encoder.fields)
        if self._left:
            warnings.warn(
                f"{self.path}: this format has no room for {', '.join(self._left)}", stacklevel=4
            )
        assert self._stack is not None
        self._file = self._stack.enter_context(
            open_encoded(self.path, encoder, overwrite=self._overwrite)
        )

    def _check(self, arrays: dict[str, NDArray[Any]]) -> None:
        assert self._first is not None
        assert self._file is not None
        frame = self._file.n_frames + len(self._waiting)
        if set(arrays) != set(self._first.fields):
            raise ValueError(
                f"{self.path}: frame {frame} has {', '.join(arrays)}, expected "
                f"{', '.join(self._first.fields)} as the first frame has"
            )
        for name in _ARRAYS[:3]:
            if name in arrays and len(arrays[name][0]) != self._first.n_atoms:
                raise ValueError(
                    f"{self.path}: frame {frame}: {name} of {len(arrays[name][0])} atoms, "
                    f"expected {self._first.n_atoms}"
                )

    def _write(self) -> None:
        if self._file is not None and self._waiting:
            block, self._waiting, self._bytes = self._waiting, [], 0
            self._file.write(
                {name: np.concatenate([arrays[name] for arrays in block]) for name in block[0]}
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stack, self._stack = self._stack, None
        assert stack is not None
        with stack:
            # Raised in here, whichever it is reaches the file, which then removes itself.
            if error is not None:
                raise error
            if self._first is None:
                raise ValueError(f"{self.path}: no frame was written")
            self._write()


def _arrays(frame: Frame, path: str) -> dict[str, NDArray[Any]]:
    """Return a frame's arrays, with a first dim of one frame; copies."""
    arrays = {}
    for name in _ARRAYS:
        values = getattr(frame, name)
        if values is None:
            continue
        array = _floats(values)
        shape = FRAME_FIELDS[name]
        if array.ndim != 2 or array.shape[1] != 3 or (name == "box" and len(array) != 3):
            expected = tuple("atoms" if size is None else size for size in shape)
            raise ValueError(f"{path}: {name}: expected shape {expected}, got {array.shape}")
        arrays[name] = array[None]
    if not set(arrays) - {"box"}:
        raise ValueError(f"{path}: a frame without positions, velocities and forces")
    arrays["time"] = np.array([frame.time], np.float64)
    arrays["step"] = np.array([frame.step], np.int64)
    return arrays


def _floats(values: ArrayLike) -> NDArray[Any]:
    array = np.array(values)
    return array if array.dtype == np.float32 else array.astype(np.float64)

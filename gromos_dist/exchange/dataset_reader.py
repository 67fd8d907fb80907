"""The reader by which a Universe of MDAnalysis has the frames of a Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from MDAnalysis.coordinates.base import ReaderBase

from gromos_dist.distributed import compute
from gromos_dist.exchange.contents import cells_along_axes
from gromos_dist.io.graphs import source_of

_PER_NM = np.float64(10.0)
_BLOCK_BYTES = 8 * 2**20
_VECTORS = {"positions": _PER_NM, "velocities": _PER_NM, "forces": 1 / _PER_NM}


class DatasetReader(ReaderBase):  # type: ignore[misc]
    """The frames of a Dataset, read some megabytes at a time, or chunks of what is computed.

    It is no format of files: MDAnalysis does not list it.
    """

    units = {"time": "ps", "length": "Angstrom", "velocity": "Angstrom/ps"}  # noqa: RUF012

    def __init__(self, dataset: xr.Dataset, **kwargs: Any) -> None:
        super().__init__("a Dataset of gromos_dist", **kwargs)
        self.format = "GROMOS_DIST"
        self.dataset = dataset
        """What is read."""
        self.n_atoms = dataset.sizes["atom"]
        self.n_frames = dataset.sizes["frame"]
        self._of_frames = dataset[
            [name for name, v in dataset.variables.items() if v.dims[:1] == ("frame",)]
        ]
        self._others = [
            str(name)
            for name, v in self._of_frames.variables.items()
            if v.dims[:1] == ("frame",) and name not in (*_VECTORS, "box", "time", "frame")
        ]
        self._starts = self._block_starts()
        self._block: xr.Dataset | None = None
        self._first = self._past = 0
        has = {name: name in dataset for name in _VECTORS}
        self.ts = self._Timestep(self.n_atoms, **has, **self._ts_kwargs)
        times = dataset["time"].values if "time" in dataset.coords else np.empty(0)
        if len(times) > 1:
            self.ts.data["dt"] = float(times[1] - times[0])
        self.ts.frame = -1
        if self.n_frames:
            self._read_next_timestep()

    def _block_starts(self) -> Any:
        """Return where the frames begin that are read together, and where the last ones end."""
        arrays = [array for array in self._of_frames.data_vars.values() if array.chunks is not None]
        computed = [array for array in arrays if source_of(array.data) is None]
        if computed:
            # A part of a chunk costs as much as all of it.
            return np.concatenate([[0], np.cumsum(computed[0].data.chunks[0])])
        size = max(1, self._of_frames.nbytes // max(1, self.n_frames))
        step = int(max(1, _BLOCK_BYTES // size))
        return np.append(np.arange(0, self.n_frames, step), self.n_frames)

    def _frame_of(self, frame: int) -> xr.Dataset:
        if self._block is None or not self._first <= frame < self._past:
            i = int(np.searchsorted(self._starts, frame, side="right"))
            self._first, self._past = int(self._starts[i - 1]), int(self._starts[i])
            some = self._of_frames.isel(frame=slice(self._first, self._past))
            self._block = compute(some, progress=False)
        return self._block.isel(frame=frame - self._first)

    def _read_frame(self, frame: int) -> Any:
        found, ts = self._frame_of(frame), self.ts
        ts.frame = frame
        for name, factor in _VECTORS.items():
            if name not in found:
                continue
            there = bool(found[f"has_{name}"]) if f"has_{name}" in found.coords else True
            setattr(ts, f"has_{name}", there)
            if there:
                setattr(ts, name, found[name].values * factor)
        box = found["box"].values[np.newaxis] if "box" in found else np.full((1, 3, 3), np.nan)
        (cell,) = cells_along_axes(self.dataset, box, frame) if "box" in found else box
        if np.isfinite(cell).all():
            ts.triclinic_dimensions = cell * _PER_NM
        else:
            ts.dimensions = None
        if "time" in found.coords:
            ts.time = float(found["time"])
        for other in self._others:
            value = found[other].values
            ts.data[other] = value.copy() if value.ndim else value.item()
        return ts

    def _read_next_timestep(self, ts: Any = None) -> Any:  # noqa: ARG002
        if self.ts.frame + 1 >= self.n_frames:
            raise OSError("the trajectory ends here")
        return self._read_frame(self.ts.frame + 1)

    def _reopen(self) -> None:
        self.ts.frame = -1

    def copy(self) -> DatasetReader:
        """Return another reader of the same Dataset, at the same frame."""
        other = type(self)(self.dataset)
        if self.n_frames:
            other[self.ts.frame]
        if self.transformations:
            other.add_transformations(*self.transformations)
        other.ts = self.ts.copy()
        return other

    def close(self) -> None:
        """Do nothing: there is no open file."""

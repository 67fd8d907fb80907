"""Events: any number of rows a frame, such as hydrogen bonds or contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask._task_spec import Task, TaskRef
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph
from numpy.typing import DTypeLike

from gromos_dist.mapping.atoms import naming_atoms
from gromos_dist.mapping.blocks import (
    Array,
    Piece,
    boxed,
    common_chunks,
    computed_now,
    in_memory,
    over_blocks,
)
from gromos_dist.mapping.checks import check_inputs, fitting, named
from gromos_dist.mapping.data_frames import EDGE, EVENT, FIRST, FRAME
from gromos_dist.mapping.results import Coordinates, coordinates
from gromos_dist.mapping.rows import LazyRows
from gromos_dist.variables import Variable

_COUNT = Variable("n_events", ("frame",), "i", "", "number of events")
_DTYPES = {"f": np.float64, "i": np.int64, "b": np.bool_}


@dataclass(frozen=True)
class Events:
    """Any number of rows a frame.

    Called with DataArrays whose first dim is ``frame``, it gives a Dataset of columns, with dim
    ``event``: those declared, ``frame``, ``time`` if the input has it, and ``first`` (edge,): the
    events of frame ``i`` are ``first[i]`` to ``first[i + 1]``. Of lazy input it gives a
    `LazyEvents`, since nobody knows yet how many there are.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, ..., **constants)`` gives for each column, and for ``frame``, an array of
        one dim: of the events of some frames, in the order of these, which are counted from the
        block's first. A frame's events depend on that frame alone.
    columns : sequence of Variable
        What is known of an event; dims are ``("event",)``.
    dtypes : mapping of str to dtype, optional
        Of columns that are not float64 (kind ``"f"``) or int64 (kind ``"i"``).
    """

    kernel: Callable[..., Mapping[str, Array]]
    columns: Sequence[Variable]
    dtypes: Mapping[str, DTypeLike] = field(default_factory=dict)

    def __call__(
        self, *arrays: xr.DataArray, coords: Coordinates | None = None, **constants: Any
    ) -> Any:
        """Find the events of every frame; parameters as those of a `Map`.

        Coordinates in `coords` of other dims than ``frame``, such as the names of atoms that events
        count, stay as they are.

        Returns
        -------
        Dataset or LazyEvents
        """
        check_inputs("events", arrays, ("frame",))
        like = arrays[0]
        given = coordinates(coords)
        kept = {
            str(name): coord.variable
            for of in (like.coords, given.coords)
            for name, coord in of.items()
            if coord.dims == ("frame",)
        }
        dtypes = {
            v.name: np.dtype(self.dtypes.get(v.name, _DTYPES[v.kind[0]])) for v in self.columns
        }
        others = {
            str(name): coord.variable
            for name, coord in given.coords.items()
            if "frame" not in coord.dims
        }
        table = _Table(tuple(self.columns), dtypes, like.sizes["frame"], kept, others)
        job = _EventsJob(naming_atoms(self.kernel, arrays), dtypes)
        datas = common_chunks([array.data for array in arrays])
        if in_memory(datas):
            return table.dataset([computed_now(job, datas, constants, (1,))])
        name = "-".join(["events", *dtypes])
        blocks = over_blocks(name, job, datas, constants, rest=(), per_block=True, dtype=object)
        return LazyEvents(blocks, datas[0].chunks[0], table)


@dataclass(frozen=True)
class _EventsJob:
    kernel: Callable[..., Mapping[str, Array]]
    dtypes: Mapping[str, np.dtype[Any]]
    multiple_of = 1
    wants_previous = False

    def collector(self, constants: Mapping[str, Any], shape: tuple[int, ...]) -> _Collecting:  # noqa: ARG002
        return _Collecting(self, constants)

    def joined(self, blocks: Sequence[Array]) -> Array:
        return boxed(_concatenated([block[0] for block in blocks], self.dtypes))

    def following(self, _: DTypeLike) -> None:
        return None

    def to_arrays(self, block: Array) -> dict[str, Array]:
        columns: dict[str, Array] = block[0]
        return columns

    def of_arrays(self, arrays: Mapping[str, Array]) -> Array:
        return boxed(dict(arrays))


class _Collecting:
    wants_frames = True

    def __init__(self, job: _EventsJob, constants: Mapping[str, Any]) -> None:
        self._job = job
        self._constants = constants
        self._parts: list[dict[str, Array]] = []

    def take(self, piece: Piece) -> None:
        names = ["frame", *self._job.dtypes]
        found = named(piece.call(self._job.kernel, self._constants), names, "events")
        n_events = np.size(found["frame"])
        frames = fitting(found["frame"], (n_events,), np.int64, "events: frame")
        if frames.size and (
            (np.diff(frames) < 0).any() or not 0 <= frames[0] <= frames[-1] < len(piece)
        ):
            raise ValueError(
                "events: expected the frames of a block's events in rising order, from 0 to "
                f"{len(piece) - 1}, got {frames}"
            )
        part = {"frame": frames + piece.first_frame}
        for name, dtype in self._job.dtypes.items():
            # A copy: the piece's memory is used again.
            part[name] = np.array(fitting(found[name], frames.shape, dtype, f"events: {name}"))
        self._parts.append(part)

    def result(self) -> Array:
        return boxed(_concatenated(self._parts, self._job.dtypes))


def _concatenated(
    parts: Sequence[Mapping[str, Array]], dtypes: Mapping[str, np.dtype[Any]]
) -> dict[str, Array]:
    """Return columns one after the other; of no parts, columns of nothing."""
    of_all = {"frame": np.dtype(np.int64), **dtypes}
    return {
        name: np.concatenate([np.empty(0, dtype), *(part[name] for part in parts)])
        for name, dtype in of_all.items()
    }


@dataclass(frozen=True)
class _Table:
    """From the columns of all blocks to a Dataset."""

    variables: tuple[Variable, ...]
    dtypes: Mapping[str, np.dtype[Any]]
    n_frames: int
    of_frames: Mapping[str, xr.Variable]
    others: Mapping[str, xr.Variable]
    """Coordinates of other dims."""

    def dataset(self, boxes: Sequence[Array]) -> xr.Dataset:
        found = _concatenated([box[0] for box in boxes], self.dtypes)
        frames = found["frame"]
        first = np.searchsorted(frames, np.arange(self.n_frames + 1))
        variables = {v.name: (EVENT, found[v.name], v.attrs) for v in self.variables}
        coords = {
            name: (EVENT, of_frame.values[frames], of_frame.attrs)
            for name, of_frame in self.of_frames.items()
            if name not in ("frame", *variables)
        }
        coords["frame"] = (EVENT, frames, FRAME.attrs)
        first_events = {FIRST.name: (EDGE, first, FIRST.attrs)}
        return xr.Dataset({**variables, **first_events}, {**coords, **self.others})


class LazyEvents(LazyRows):
    """Events that are still to be found: `compute` gives the Dataset.

    A Dask collection: `dask.compute`, `gromos_dist.compute` and `gromos_dist.store` take it.
    """

    @property
    def n_events(self) -> xr.DataArray:
        """How many there are in each frame: (frame,), lazy."""
        name = f"n_events-{tokenize(self.blocks.name)}"
        starts = np.cumsum([0, *self.frame_chunks])
        tasks = {
            (name, i): Task(
                (name, i), _counted, TaskRef((self.blocks.name, i)), int(starts[i]), size
            )
            for i, size in enumerate(self.frame_chunks)
        }
        graph = HighLevelGraph.from_collections(name, tasks, dependencies=[self.blocks])
        counts = da.Array(graph, name, (self.frame_chunks,), dtype=np.dtype(np.int64))
        return xr.DataArray(counts, self.of_frames, ("frame",), "n_events", _COUNT.attrs)


def _counted(box: Array, start: int, n_frames: int) -> Array:
    return np.bincount(box[0]["frame"] - start, minlength=n_frames).astype(np.int64)

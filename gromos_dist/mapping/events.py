"""Events: any number of rows a frame, such as hydrogen bonds or contacts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import dask.array as da
import numpy as np
import xarray as xr
from dask._task_spec import Task, TaskRef
from dask.base import DaskMethodsMixin, tokenize
from dask.highlevelgraph import HighLevelGraph
from dask.threaded import get as threaded_get
from numpy.typing import DTypeLike

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
from gromos_dist.mapping.data_frames import EDGE, EVENT, FIRST, FRAME, to_dataframe
from gromos_dist.mapping.results import Coordinates, coordinates
from gromos_dist.variables import Variable

if TYPE_CHECKING:
    import pandas as pd

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
        table = _Table(tuple(self.columns), dtypes, like.sizes["frame"], kept)
        job = _EventsJob(self.kernel, dtypes)
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

    columns: tuple[Variable, ...]
    dtypes: Mapping[str, np.dtype[Any]]
    n_frames: int
    of_frames: Mapping[str, xr.Variable]

    def dataset(self, boxes: Sequence[Array]) -> xr.Dataset:
        found = _concatenated([box[0] for box in boxes], self.dtypes)
        frames = found["frame"]
        first = np.searchsorted(frames, np.arange(self.n_frames + 1))
        variables = {v.name: (EVENT, found[v.name], v.attrs) for v in self.columns}
        coords = {
            name: (EVENT, of_frame.values[frames], of_frame.attrs)
            for name, of_frame in self.of_frames.items()
            if name not in ("frame", *variables)
        }
        coords["frame"] = (EVENT, frames, FRAME.attrs)
        return xr.Dataset({**variables, FIRST.name: (EDGE, first, FIRST.attrs)}, coords)


class LazyEvents(DaskMethodsMixin):  # type: ignore[misc]
    """Events that are still to be found: `compute` gives the Dataset.

    A Dask collection: `dask.compute`, `gromos_dist.compute` and `gromos_dist.store` take it.
    """

    __dask_scheduler__ = staticmethod(threaded_get)

    def __init__(
        self,
        blocks: da.Array,
        frame_chunks: tuple[int, ...],
        table: _Table,
        attrs: Mapping[Hashable, Any] | None = None,
    ) -> None:
        self.blocks = blocks
        """A block for each block of frames: its columns, in an array of one object."""
        self.frame_chunks = frame_chunks
        """How many frames each block stands for."""
        self.attrs: dict[Hashable, Any] = dict(attrs or {})
        """The attributes of the Dataset."""
        self._table = table

    def assign_attrs(self, **attrs: Any) -> LazyEvents:
        """Return the same with further attributes."""
        return LazyEvents(self.blocks, self.frame_chunks, self._table, self.attrs | attrs)

    def with_blocks(self, blocks: da.Array) -> LazyEvents:
        """Return the same events, whose blocks are found in another way."""
        return LazyEvents(blocks, self.frame_chunks, self._table, self.attrs)

    def made_of(self, boxes: Sequence[Array]) -> xr.Dataset:
        """Return the Dataset of computed blocks, all of them in their order."""
        return self._table.dataset(boxes).assign_attrs(self.attrs)

    @property
    def of_frames(self) -> Mapping[str, xr.Variable]:
        """What is known of every frame, such as its time."""
        return self._table.of_frames

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
        return xr.DataArray(counts, self._table.of_frames, ("frame",), "n_events", _COUNT.attrs)

    def __repr__(self) -> str:
        names = ", ".join(v.name for v in self._table.columns)
        return f"<LazyEvents of {self._table.n_frames} frames: {names}; compute() finds them>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><b>{escape(v.name)}</b></td><td>{self._table.dtypes[v.name]}</td>"
            f"<td>{escape(v.units)}</td><td>{escape(v.long_name)}</td></tr>"
            for v in self._table.columns
        )
        known = escape(str(self.attrs.get("history", "")))
        return (
            f"<div><p>LazyEvents of {self._table.n_frames} frames in {len(self.frame_chunks)} "
            "blocks: how many there are is known when <code>compute()</code> has found them.</p>"
            "<table><thead><tr><th>column</th><th>dtype</th><th>units</th><th>what</th></tr>"
            f"</thead><tbody>{rows}</tbody></table><p>{known}</p></div>"
        )

    def to_dataframe(self, *, units: Literal["attrs", "columns"] = "attrs") -> pd.DataFrame:
        """Find the events and return them as a table: `gromos_dist.mapping.to_dataframe`."""
        return to_dataframe(self, units=units)

    def __dask_graph__(self) -> HighLevelGraph:
        return self.blocks.__dask_graph__()

    def __dask_keys__(self) -> list[Any]:
        keys: list[Any] = self.blocks.__dask_keys__()
        return keys

    def __dask_layers__(self) -> Sequence[str]:
        layers: Sequence[str] = self.blocks.__dask_layers__()
        return layers

    def __dask_tokenize__(self) -> Any:
        return self.blocks.name

    @staticmethod
    def __dask_optimize__(graph: Any, keys: Any, **options: Any) -> Any:
        return da.Array.__dask_optimize__(graph, keys, **options)

    def __dask_postcompute__(self) -> tuple[Callable[..., xr.Dataset], tuple[()]]:
        return self.made_of, ()

    def __dask_postpersist__(self) -> tuple[Callable[..., LazyEvents], tuple[()]]:
        rebuild, arguments = self.blocks.__dask_postpersist__()

        def made(graph: Any, **options: Any) -> LazyEvents:
            blocks = rebuild(graph, *arguments, **options)
            return LazyEvents(blocks, self.frame_chunks, self._table, self.attrs)

        return made, ()


def _counted(box: Array, start: int, n_frames: int) -> Array:
    return np.bincount(box[0]["frame"] - start, minlength=n_frames).astype(np.int64)

"""Blocks of frames: what tasks read, hand to kernels piece by piece, and give back.

NumPy-backed input is computed at once, Dask-backed input stays lazy. Where all inputs are chosen
from the same files, tasks read these themselves, piece by piece (`Stream`): no chunk of coordinates
is ever whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

import dask.array as da
import numpy as np
from dask._task_spec import List, Task, TaskRef
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph
from numpy.typing import DTypeLike, NDArray

from gromos_dist.errors import FrameError
from gromos_dist.io.graphs import as_read, one_source, source_of
from gromos_dist.io.lazy import block_bounds, constant, trajectory_array
from gromos_dist.io.source import Source

Array = NDArray[Any]
Chunks = tuple[tuple[int, ...], ...]

PIECE_BYTES = 4 * 2**20
"""Kernels are handed about this much at a time, by tasks that read from files: it stays in the
cache. Reductions combine blocks of about this size."""


def how_many(numbers: int, size: int) -> int:
    """Return how many items of so many numbers make about `size` bytes: a power of two."""
    return int(2 ** np.clip(np.log2(size / 4 / max(1, numbers)) // 1, 0, 10))


@dataclass(frozen=True)
class Piece:
    """Some frames in memory: what a kernel is called with."""

    first_frame: int
    arrays: Sequence[Array]
    previous: Sequence[Array] = ()
    """The one frame before, of each array, where a job asks for it; the first frame itself at the
    very beginning."""
    locate: Callable[[int], tuple[str, int]] | None = None

    def __len__(self) -> int:
        return len(self.arrays[0])

    def call(self, kernel: Callable[..., Any], constants: Mapping[str, Any]) -> Any:
        """Call a kernel; an error about a frame of the block names the frame of the trajectory."""
        try:
            return kernel(*read_only(self.arrays), *read_only(self.previous), **constants)
        except FrameError as error:
            frame = self.first_frame + error.frame
            path, frame = self.locate(frame) if self.locate else (None, frame)
            raise error.located(frame, path) from None

    def split(self, n_frames: int) -> Iterator[Piece]:
        """Cut into pieces of `n_frames`; the last may be shorter."""
        for start in range(0, len(self), n_frames):
            arrays = [array[start : start + n_frames] for array in self.arrays]
            yield Piece(self.first_frame + start, arrays, (), self.locate)


def read_only(arrays: Iterable[Array]) -> list[Array]:
    """Return views that a kernel cannot change: others are handed the same memory."""
    views = [array.view() for array in arrays]
    for view in views:
        view.flags.writeable = False
    return views


class Collector(Protocol):
    """Makes one output block of the pieces of a block, which come in their order."""

    @property
    def wants_frames(self) -> bool:
        """Whether there is anything to compute; if not, nothing is read."""

    def take(self, piece: Piece) -> None:
        """Compute a piece."""

    def result(self) -> Array:
        """Return the output block, when all pieces were taken."""


class Job(Protocol):
    """What tasks do with the pieces of their blocks."""

    @property
    def multiple_of(self) -> int:
        """Blocks and pieces have a multiple of so many frames, but for the last."""

    @property
    def wants_previous(self) -> bool:
        """Whether pieces have to come with the frame before them."""

    def collector(self, constants: Mapping[str, Any], shape: tuple[int, ...]) -> Collector:
        """Begin an output block."""

    def joined(self, blocks: Sequence[Array]) -> Array | None:
        """Return what one block would be, from blocks that follow each other; None: unknown."""

    def following(self, dtype: DTypeLike) -> Job | None:
        """Return the job for inputs of another dtype; None if the output's stays."""


class Filled:
    """A collector of a value a frame, of which `fill` puts those of a piece into their place."""

    wants_frames = True

    def __init__(self, fill: Callable[[Piece, Array], None], out: Array) -> None:
        self._fill = fill
        self._out = out
        self._done = 0

    def take(self, piece: Piece) -> None:
        """Compute a piece."""
        self._fill(piece, self._out[self._done : self._done + len(piece)])
        self._done += len(piece)

    def result(self) -> Array:
        """Return the output block."""
        return self._out


@dataclass(frozen=True)
class Work:
    """What the tasks of all blocks share."""

    job: Job
    constants: Mapping[str, Any]
    frame_chunks: tuple[int, ...]
    rest: tuple[int, ...]
    """The shape of an output block but for its frames; those of a reduction are 1."""
    per_block: bool = False
    """Whether an output block is one value, however many frames it stands for."""
    awaited: tuple[str, ...] = ()
    """The names of constants that are computed first: tasks are handed their values."""

    def collector(self, n_frames: int, values: Sequence[Array] = ()) -> Collector:
        """Begin an output block, given the values of what was awaited."""
        constants = with_awaited(self.constants, self.awaited, values)
        return self.job.collector(constants, (1 if self.per_block else n_frames, *self.rest))

    def following(self, dtype: DTypeLike) -> Work | None:
        """Return the work for inputs of another dtype; None if the output's stays."""
        job = self.job.following(dtype)
        return None if job is None else replace(self, job=job)

    @property
    def chunks(self) -> Chunks:
        """The chunks of the output."""
        frames = (1,) * len(self.frame_chunks) if self.per_block else self.frame_chunks
        return (frames, *((size,) for size in self.rest))


@dataclass(frozen=True)
class Stream:
    """Work on frames that the tasks read themselves, some at a time."""

    work: Work
    source: Source
    fields: tuple[str, ...]

    def run(self, block: int, values: Sequence[Array] = ()) -> Array:
        """Return an output block, given the values of what was awaited."""
        start, stop = block_bounds(self.work.frame_chunks)[block]
        collector = self.work.collector(stop - start, values)
        if not collector.wants_frames:
            return collector.result()
        job = self.work.job
        for piece in pieces_of(
            self.source,
            self.fields,
            start,
            stop,
            multiple_of=job.multiple_of,
            with_previous=job.wants_previous,
        ):
            collector.take(piece)
        return collector.result()

    def with_dtype(self, dtype: DTypeLike) -> Stream | None:
        """Return the same on what is read in another dtype; None if that changes nothing."""
        work = self.work.following(dtype)
        if work is None or not any(map(self.source.rounds, self.fields)):
            return None
        return replace(self, work=work, source=replace(self.source, dtype=np.dtype(dtype)))


def pieces_of(
    source: Source,
    fields: Sequence[str],
    start: int,
    stop: int,
    *,
    multiple_of: int = 1,
    with_previous: bool = False,
) -> Iterator[Piece]:
    """Read frames `start` to `stop`, some at a time, into the same memory."""
    frame_bytes = max(1, sum(source.frame_bytes(name) for name in fields))
    size = max(1, PIECE_BYTES // frame_bytes // multiple_of) * multiple_of
    buffers = source.allocate(fields, min(size, stop - start))
    previous: list[Array] = []
    if with_previous and start < stop:
        before = max(0, start - 1)
        one = source.read(fields, before, before + 1)
        previous = [one[name] for name in fields]
    for begin in range(start, stop, size):
        block = source.read(fields, begin, min(begin + size, stop), buffers)
        arrays = [block[name] for name in fields]
        yield Piece(begin, arrays, previous, source.locate)
        if with_previous:
            previous = [array[-1:].copy() for array in arrays]


def over_blocks(
    name: str,
    job: Job,
    datas: Sequence[da.Array],
    constants: Mapping[str, Any],
    awaited: Mapping[str, da.Array] = MappingProxyType({}),
    **of_work: Any,
) -> da.Array:
    """Run a job for every block of frames; the output has a block for each.

    Parameters
    ----------
    name : str
        What Dask's dashboard shows.
    datas : sequence of dask arrays
        The inputs, with `common_chunks`.
    awaited : mapping
        Constants that are computed first, each of one chunk.
    **of_work
        ``rest``, ``per_block`` and ``dtype`` of the output.
    """
    dtype = np.dtype(of_work.pop("dtype"))
    work = Work(job, constants, datas[0].chunks[0], awaited=tuple(awaited), **of_work)
    origin = one_source(datas)
    # What is persisted keeps its name: of one name, the blocks have one rank.
    shared = constant(work)
    inputs = [data.name for data in (*datas, *awaited.values())]
    name = f"{name}-{tokenize(shared.key, inputs, origin is None)}"
    values = [task_arguments(awaited)] if awaited else []
    n_blocks = len(work.frame_chunks)
    place = (0,) * len(work.rest)
    if origin is not None:
        shared = constant(Stream(work, *origin))
        tasks = {
            (name, i, *place): Task((name, i, *place), Stream.run, TaskRef(shared.key), i, *values)
            for i in range(n_blocks)
        }
        return new_array(name, tasks, [shared, *awaited.values()], work.chunks, dtype)
    bounds = block_bounds(work.frame_chunks)
    tasks = {
        (name, i, *place): Task(
            (name, i, *place),
            _run_on_arrays,
            *(TaskRef(shared.key), i, bounds[i][0], task_arguments(awaited), len(datas)),
            *(TaskRef((data.name, i, *(0,) * (data.ndim - 1))) for data in datas),
            *(_previous(datas, name, i) if job.wants_previous else ()),
        )
        for i in range(n_blocks)
    }
    if job.wants_previous:
        tasks |= _last_frames(datas, name, n_blocks)
    return new_array(name, tasks, [shared, *datas, *awaited.values()], work.chunks, dtype)


def task_arguments(awaited: Mapping[str, da.Array]) -> List:
    """Return what hands a task the values of arrays of one chunk."""
    return List(*(TaskRef((array.name, *(0,) * array.ndim)) for array in awaited.values()))


def with_awaited(
    constants: Mapping[str, Any], awaited: Sequence[str], values: Sequence[Array]
) -> Mapping[str, Any]:
    """Return constants together with those that were computed first."""
    return {**constants, **dict(zip(awaited, read_only(map(np.asarray, values)), strict=True))}


def _run_on_arrays(
    work: Work, block: int, start: int, values: Sequence[Array], n_arrays: int, *arrays: Array
) -> Array:
    collector = work.collector(work.frame_chunks[block], values)
    if not collector.wants_frames:
        return collector.result()
    own, before = arrays[:n_arrays], arrays[n_arrays:]
    if work.job.wants_previous and not block:
        before = tuple(array[:1] for array in own)
    collector.take(Piece(start, own, before))
    return collector.result()


def _previous(datas: Sequence[da.Array], name: str, block: int) -> list[TaskRef]:
    if not block:
        return []
    return [TaskRef((f"{name}-last-{k}", block - 1)) for k in range(len(datas))]


def _last_frames(datas: Sequence[da.Array], name: str, n_blocks: int) -> dict[Any, Task]:
    tasks = {}
    for k, data in enumerate(datas):
        for i in range(n_blocks - 1):
            key = (f"{name}-last-{k}", i)
            tasks[key] = Task(key, last_frame, TaskRef((data.name, i, *(0,) * (data.ndim - 1))))
    return tasks


def last_frame(block: Array) -> Array:
    """Return the last frame of a block, on its own."""
    return block[-1:].copy()


def boxed(value: Any) -> Array:
    """Return any object as an array of one: a block of a Dask array of objects."""
    box = np.empty(1, object)
    box[0] = value
    return box


def new_array(
    name: str,
    tasks: Mapping[Any, Any],
    dependencies: Sequence[Any],
    chunks: Chunks,
    dtype: DTypeLike,
) -> da.Array:
    """Return the array of a layer of tasks."""
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=dependencies)
    meta = np.empty((0,) * len(chunks), dtype)
    return da.Array(graph, name, chunks, dtype=dtype, meta=meta)


def in_memory(datas: Sequence[Any]) -> bool:
    """Say whether all arrays are NumPy's."""
    return all(isinstance(data, np.ndarray) for data in datas)


def computed_now(
    job: Job, datas: Sequence[Array], constants: Mapping[str, Any], shape: tuple[int, ...]
) -> Array:
    """Run a job on arrays in memory."""
    collector = job.collector(constants, shape)
    before = [data[:1] for data in datas] if job.wants_previous else []
    if collector.wants_frames:
        collector.take(Piece(0, datas, before))
    return collector.result()


def common_chunks(datas: Sequence[Any], multiple_of: int = 1) -> list[Any]:
    """Give all inputs the frame chunks of the first lazy one, and one chunk in other dims.

    Chunks of no frames are left out.
    """
    if in_memory(datas):
        return list(datas)
    datas = [as_read(data) for data in datas]
    lazy = next(data for data in datas if not isinstance(data, np.ndarray))
    frames = tuple(size for size in lazy.chunks[0] if size) or (0,)
    if any(size % multiple_of for size in frames[:-1]):
        size = -(-max(frames) // multiple_of) * multiple_of
        full, rest = divmod(sum(frames), size)
        frames = (size,) * full + ((rest,) if rest else ())
    return [_with_frame_chunks(data, frames) for data in datas]


def _with_frame_chunks(data: Any, frames: tuple[int, ...]) -> da.Array:
    found = source_of(data)
    if found is not None:
        return trajectory_array(found.source, found.field, frames)
    return da.asarray(data).rechunk((frames, *((size,) for size in data.shape[1:])))

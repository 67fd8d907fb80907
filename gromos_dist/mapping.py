"""The one mechanism: kernels over blocks of frames, as a map, a reduction or a scan.

Each analysis is a record of one of the three shapes. NumPy-backed input is computed at once,
Dask-backed input stays lazy; both give the same bits, for every chunking and every scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import dask
import dask.array as da
import numpy as np
import xarray as xr
from dask.base import tokenize
from numpy.typing import DTypeLike, NDArray

from gromos_dist.errors import FrameError
from gromos_dist.io.graphs import as_read, one_source, source_of
from gromos_dist.io.lazy import block_bounds, constant, trajectory_array
from gromos_dist.io.source import Source
from gromos_dist.provenance import Provenance, attributes_of
from gromos_dist.variables import ROUNDED_TO, VARIABLES, label

Array = NDArray[Any]
Chunks = tuple[tuple[int, ...], ...]

# Kernels are handed about this much at a time, by tasks that read from files: it stays in the
# cache. Reductions combine blocks of about this size.
_PIECE_BYTES = 4 * 2**20

# So many states are merged by one task.
_FAN_IN = 16

_SIZES = {"xyz": 3, "xyz_2": 3, "box_vector": 3}


# --- map ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrameMap:
    """A value a frame.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, ..., **constants)``: takes an array of some frames for each input, gives
        an array of one value (of any shape) a frame. A frame's value depends on that frame alone.
    variable : str
        The result's entry in the registry of variables.
    dtype : dtype, optional
        Of the result; that of the first input when None.
    """

    kernel: Callable[..., Array]
    variable: str
    dtype: DTypeLike | None = np.float64


def map_frames(
    record: FrameMap, *arrays: xr.DataArray, history: str | Provenance, **constants: Any
) -> xr.DataArray:
    """Apply a kernel to every frame.

    Parameters
    ----------
    record : FrameMap
        What to compute.
    *arrays : DataArray
        The kernel's inputs; their first dim is ``frame``, and they have the same frames.
    history : str or Provenance
        The result's provenance (`gromos_dist.provenance.derived_record`), or words of your own.
    **constants
        Passed to the kernel; they enter the graph once.

    Returns
    -------
    DataArray
        The registry's dims, name and units; lazy if an input is.

    Raises
    ------
    FrameError
        The kernel met a frame that it cannot take; names the frame, and the file if known.
    """
    dims, shape = _result_shape(record.variable, arrays[0])
    dtype = np.dtype(arrays[0].dtype if record.dtype is None else record.dtype)
    datas = _common_chunks([array.data for array in arrays])
    if _in_memory(datas):
        values = _Piece(0, datas).call(record.kernel, constants)
    else:
        chunks = (datas[0].chunks[0], *((size,) for size in shape[1:]))
        job = _MapJob(record.kernel, dtype, record.dtype is None)
        values = _over_blocks(record.variable, job, datas, constants, chunks, dtype)
    result = _labelled(values, record.variable, arrays[0], dims, history)
    rounded = [array.attrs[ROUNDED_TO] for array in arrays if ROUNDED_TO in array.attrs]
    if record.dtype is None and rounded:
        result.attrs[ROUNDED_TO] = rounded[0]
    return result


@dataclass(frozen=True)
class _MapJob:
    kernel: Callable[..., Array]
    dtype: np.dtype[Any]
    follows: bool
    """Whether the dtype is that of the input."""

    def __call__(
        self, constants: dict[str, Any], pieces: Iterator[_Piece], shape: tuple[int, ...]
    ) -> Array:
        out = np.empty(shape, self.dtype)
        done = 0
        for piece in pieces:
            values = piece.call(self.kernel, constants)
            out[done : done + len(values)] = values
            done += len(values)
        return out

    def following(self, dtype: DTypeLike) -> _MapJob | None:
        return replace(self, dtype=np.dtype(dtype)) if self.follows else None


# --- several values of one pass -------------------------------------------------------------


@dataclass(frozen=True)
class FrameFields:
    """Several values a frame, computed together.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, ..., **constants)``: takes an array of some frames for each input, gives
        for each variable an array of one value a frame, by name. A frame's values depend on that
        frame alone.
    dtypes : mapping of str to dtype
        The results: entries in the registry of variables, and their dtypes.
    """

    kernel: Callable[..., Mapping[str, Array]]
    dtypes: Mapping[str, DTypeLike]


def map_fields(
    record: FrameFields,
    *arrays: xr.DataArray,
    coords: Mapping[str, Sequence[Any]],
    history: str | Provenance,
    **constants: Any,
) -> xr.Dataset:
    """Apply a kernel that gives several values to every frame.

    Parameters
    ----------
    record : FrameFields
        What to compute.
    *arrays : DataArray
        The kernel's inputs, as for `map_frames`.
    coords : mapping of str to sequence
        For the dims that the inputs do not have, what they count.
    history, **constants
        As for `map_frames`.

    Returns
    -------
    Dataset
        The variables, with the registry's dims, names and units; lazy if an input is. What is
        computed of them together is computed once.

    Raises
    ------
    FrameError
        As `map_frames`.
    """
    sizes = {dim: len(names) for dim, names in coords.items()}
    shapes = {name: _result_shape(name, arrays[0], sizes) for name in record.dtypes}
    datas = _common_chunks([array.data for array in arrays])
    values: Mapping[str, Any]
    if _in_memory(datas):
        computed = _Piece(0, datas).call(record.kernel, constants)
        values = {name: np.asarray(computed[name], dtype) for name, dtype in record.dtypes.items()}
    else:
        values = _lazy_fields(record, datas, constants, shapes)
    labelled = {
        name: _labelled(values[name], name, arrays[0], dims, history)
        for name, (dims, _) in shapes.items()
    }
    dataset = xr.Dataset(labelled, attrs=attributes_of(history))
    return dataset.assign_coords(
        {dim: list(names) for dim, names in coords.items() if dim in dataset.dims}
    )


def _lazy_fields(
    record: FrameFields,
    datas: list[da.Array],
    constants: dict[str, Any],
    shapes: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]],
) -> dict[str, da.Array]:
    """One block holds a structure of all fields a frame, of which arrays are then taken."""
    row = np.dtype([(name, dtype, shapes[name][1][1:]) for name, dtype in record.dtypes.items()])
    chunks = (datas[0].chunks[0],)
    name = "-".join(record.dtypes)
    together = _over_blocks(name, _FieldsJob(record.kernel, row), datas, constants, chunks, row)
    fields = {}
    for field, dtype in record.dtypes.items():
        shape = shapes[field][1]
        fields[field] = da.map_blocks(
            _field_of_block,
            together,
            field=field,
            chunks=(*chunks, *((size,) for size in shape[1:])),
            dtype=np.dtype(dtype),
            meta=np.empty((0,) * len(shape), dtype),
            name=f"{field}-of-{together.name}",
            **_changed_rank(1, len(shape)),
        )
    return fields


@dataclass(frozen=True)
class _FieldsJob:
    kernel: Callable[..., Mapping[str, Array]]
    row: np.dtype[Any]

    def __call__(
        self, constants: dict[str, Any], pieces: Iterator[_Piece], shape: tuple[int, ...]
    ) -> Array:
        out = np.empty(shape, self.row)
        done = 0
        for piece in pieces:
            values = piece.call(self.kernel, constants)
            n_frames = len(piece.arrays[0])
            for name in self.row.names or ():
                out[name][done : done + n_frames] = values[name]
            done += n_frames
        return out

    def following(self, _: DTypeLike) -> None:
        return None


def _field_of_block(block: Array, *, field: str) -> Array:
    # A copy, so that what nobody asked for is freed.
    return np.ascontiguousarray(block[field])


# --- pairs ----------------------------------------------------------------------------------


def map_pairs(
    record: FrameMap,
    first: xr.DataArray,
    second: xr.DataArray,
    *,
    history: str | Provenance,
    **constants: Any,
) -> xr.DataArray:
    """Apply a kernel to every pair of frames: a map over the pairs of blocks.

    The kernel takes two blocks of frames and gives an array ``(frames, other frames)``.
    """
    dims = VARIABLES[record.variable].dims
    a, b = _common_chunks([first.data])[0], _common_chunks([second.data])[0]
    if _in_memory([a, b]):
        values = _pair_block([[a]], [0], [[b]], [0], kernel=record.kernel, constants=constants)
    else:
        a, b = da.asarray(a), da.asarray(b)
        values = da.blockwise(
            _pair_block,
            "ij",
            *(a, "iax", _first_frames(a), "i"),
            *(b, "jby", _first_frames(b), "j"),
            kernel=record.kernel,
            constants=constant(constants),
            dtype=np.dtype(record.dtype),
            meta=np.empty((0, 0), record.dtype),
            align_arrays=False,
        )
    matrix = _labelled(values, record.variable, first, dims, history)
    return matrix.assign_coords(
        {
            f"other_{name}": (dims[1:], coord.data, coord.attrs)
            for name, coord in second.coords.items()
            if coord.dims == ("frame",)
        }
    )


def _first_frames(data: da.Array) -> da.Array:
    """Return the first frame of each block, one in a block of its own."""
    return da.from_array(np.array([start for start, _ in block_bounds(data.chunks[0])]), chunks=1)


def _pair_block(
    a: Any, first_a: Any, b: Any, first_b: Any, *, kernel: Any, constants: dict[str, Any]
) -> Array:
    try:
        # Dask passes the blocks of the contracted dims, one of each here, as nested lists.
        values: Array = kernel(a[0][0], b[0][0], **constants)
    except FrameError as error:
        (first_frame,) = (first_a, first_b)[error.argument]
        raise error.located(int(first_frame) + error.frame) from None
    return values


# --- reduce ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrameReduction:
    """One value of all frames.

    Blocks of `reduction_block` frames, counted from the first frame, are combined in a fixed
    binary tree, so the result does not depend on chunks, scheduler or workers.

    Parameters
    ----------
    partial : callable
        ``partial(block, ..., **constants)`` gives the state of a block of frames.
    combine : callable
        ``combine(state, next_state)`` gives the state of both.
    finalize : callable
        ``finalize(state)`` gives the result, an array.
    variable : str
        The result's entry in the registry of variables.
    dtype : dtype
        Of the result.
    """

    partial: Callable[..., Any]
    combine: Callable[[Any, Any], Any]
    finalize: Callable[[Any], Array]
    variable: str
    dtype: DTypeLike = np.float64


# The state of blocks index * 2**level to (index + 1) * 2**level, by (level, index).
_Tree = dict[tuple[int, int], Any]


def reduce_frames(
    record: FrameReduction, *arrays: xr.DataArray, history: str | Provenance, **constants: Any
) -> xr.DataArray:
    """Reduce all frames to one value. Parameters as those of `map_frames`.

    Raises
    ------
    ValueError
        There are no frames.
    """
    if arrays[0].sizes["frame"] == 0:
        raise ValueError(f"{record.variable}: there are no frames to reduce")
    dims, shape = _result_shape(record.variable, arrays[0])
    datas = [array.data for array in arrays]
    block = reduction_block(datas)
    job = _ReductionJob(record, block)
    if _in_memory(datas):
        values = _finish(record, [job(constants, iter([_Piece(0, datas)]))])
    else:
        datas = _common_chunks(datas, multiple_of=block)
        chunks = ((1,) * len(datas[0].chunks[0]),)
        of_object = np.dtype(object)
        leaves = _over_blocks(record.variable, job, datas, constants, chunks, of_object, block)
        trees = list(leaves.to_delayed())
        merge = dask.delayed(_merge)
        while len(trees) > _FAN_IN:
            trees = [merge(record, trees[i : i + _FAN_IN]) for i in range(0, len(trees), _FAN_IN)]
        values = da.from_delayed(dask.delayed(_finish)(record, trees), shape, record.dtype)
    return _labelled(values, record.variable, arrays[0], dims, history)


def reduction_block(datas: Sequence[Any]) -> int:
    """Return how many frames are reduced at a time: decided by the size of a frame alone."""
    values = sum(int(np.prod(data.shape[1:])) for data in datas)
    return int(2 ** np.clip(np.log2(_PIECE_BYTES / 4 / max(1, values)) // 1, 0, 10))


@dataclass(frozen=True)
class _ReductionJob:
    record: FrameReduction
    n_frames: int

    def __call__(
        self,
        constants: dict[str, Any],
        pieces: Iterator[_Piece],
        shape: tuple[int, ...] = (),  # noqa: ARG002
    ) -> Array:
        tree: _Tree = {}
        for piece in pieces:
            for block in piece.split(self.n_frames):
                leaf = (0, block.first_frame // self.n_frames)
                state = block.call(self.record.partial, constants)
                tree = _join(self.record, tree, {leaf: state})
        return _boxed(tree)

    def following(self, _: DTypeLike) -> None:
        return None


def _join(record: FrameReduction, one: _Tree, other: _Tree) -> _Tree:
    """Unite two sets of states, combining siblings of the tree as far as they are there."""
    tree = {**one, **other}
    pending = list(other)
    while pending:
        level, index = pending.pop()
        left, right = (level, index & ~1), (level, index | 1)
        if left in tree and right in tree:
            parent = (level + 1, index >> 1)
            tree[parent] = record.combine(tree.pop(left), tree.pop(right))
            pending.append(parent)
    return tree


def _merge(record: FrameReduction, boxes: Sequence[Array]) -> Array:
    tree: _Tree = {}
    for box in boxes:
        tree = _join(record, tree, box[0])
    return _boxed(tree)


def _finish(record: FrameReduction, boxes: Sequence[Array]) -> Array:
    tree = _merge(record, boxes)[0]
    # What is left are the whole subtrees of a number of blocks that is no power of two.
    first, *others = (tree[node] for node in sorted(tree, key=lambda node: node[1] << node[0]))
    state = first
    for other in others:
        state = record.combine(state, other)
    return np.asarray(record.finalize(state), record.dtype)


def _boxed(value: Any) -> Array:
    box = np.empty(1, object)
    box[0] = value
    return box


# --- scan -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrameScan:
    """A value a frame that depends on all frames before it.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, previous, **constants)``: the values of the frames of a block as if
        nothing had come before `previous`, an array of the one frame before the block (the
        block's own first frame at the very start).
    combine : callable
        ``combine(carry, values)``: adds to `values` (any number of frames) what came before. It
        has to be exactly associative (integers, say): otherwise chunks would show in the result.
    variable : str
        The result's entry in the registry of variables.
    dtype : dtype
        Of the result.
    """

    kernel: Callable[..., Array]
    combine: Callable[[Array, Array], Array]
    variable: str
    dtype: DTypeLike = np.int64


def scan_frames(
    record: FrameScan, array: xr.DataArray, *, history: str | Provenance, **constants: Any
) -> xr.DataArray:
    """Scan the frames in order. Parameters as those of `map_frames`."""
    dims, shape = _result_shape(record.variable, array)
    data = _common_chunks([array.data])[0]
    if _in_memory([data]):
        values = record.kernel(data, data[:1], **constants)
    else:
        frames = data.chunks[0]
        starts = [max(0, start - 1) for start, _ in block_bounds(frames)]
        halo = da.concatenate([data[start : start + 1] for start in starts])
        chunks = (frames, *((size,) for size in shape[1:]))
        local = da.map_blocks(
            _scan_block,
            *(data, halo),
            kernel=record.kernel,
            constants=constant(constants),
            chunks=chunks,
            dtype=record.dtype,
            meta=np.empty((0,) * len(shape), record.dtype),
            **_changed_rank(data.ndim, len(shape)),
        )
        ends = [stop - 1 for _, stop in block_bounds(frames)]
        totals = [local[end : end + 1] for end in ends]
        carries = [totals[0][:0]]
        for total in totals[:-1]:
            carries.append(_carried(record, carries[-1], total))
        blocks = [
            _carried(record, carry, local[start:stop])
            for carry, (start, stop) in zip(carries, block_bounds(frames), strict=True)
        ]
        values = da.concatenate(blocks)
    return _labelled(values, record.variable, array, dims, history)


def _scan_block(block: Any, previous: Any, *, kernel: Any, constants: dict[str, Any]) -> Array:
    values: Array = kernel(block, previous, **constants)
    return values


def _carried(record: FrameScan, carry: da.Array, values: da.Array) -> da.Array:
    return da.map_blocks(
        _combine_block,
        *(carry, values),
        combine=record.combine,
        chunks=values.chunks,
        dtype=values.dtype,
        meta=values._meta,
    )


def _combine_block(carry: Array, values: Array, *, combine: Any) -> Array:
    combined: Array = combine(carry, values) if len(carry) else values
    return combined


# --- blocks ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """Some frames in memory: what a kernel is called with."""

    first_frame: int
    arrays: Sequence[Array]
    locate: Callable[[int], tuple[str, int]] | None = None

    def call(self, kernel: Callable[..., Any], constants: dict[str, Any]) -> Any:
        """Call a kernel; an error about a frame of the block names the frame of the trajectory."""
        try:
            return kernel(*self.arrays, **constants)
        except FrameError as error:
            frame = self.first_frame + error.frame
            path, frame = self.locate(frame) if self.locate else (None, frame)
            raise error.located(frame, path) from None

    def split(self, n_frames: int) -> Iterator[_Piece]:
        """Cut into pieces of `n_frames`; the last may be shorter."""
        for start in range(0, len(self.arrays[0]), n_frames):
            arrays = [array[start : start + n_frames] for array in self.arrays]
            yield _Piece(self.first_frame + start, arrays, self.locate)


class _Job(Protocol):
    """What a task does with the pieces of a block."""

    def __call__(
        self, constants: dict[str, Any], pieces: Iterator[_Piece], shape: tuple[int, ...]
    ) -> Array:
        """Return the output block."""

    def following(self, dtype: DTypeLike) -> _Job | None:
        """Return the job for inputs of another dtype; None if the output's stays."""


@dataclass(frozen=True)
class _Work:
    """What the tasks of all blocks share."""

    job: _Job
    constants: dict[str, Any]
    bounds: list[tuple[int, int]]
    chunks: Chunks

    def run(self, pieces: Iterator[_Piece], block_id: tuple[int, ...]) -> Array:
        return self.job(self.constants, pieces, _block_shape(self.chunks, block_id))

    def following(self, dtype: DTypeLike) -> _Work | None:
        job = self.job.following(dtype)
        return None if job is None else replace(self, job=job)


@dataclass(frozen=True)
class _Stream:
    """Work on frames that the tasks read themselves, some at a time."""

    work: _Work
    source: Source
    fields: tuple[str, ...]
    multiple_of: int

    def run(self, block_id: tuple[int, ...]) -> Array:
        start, stop = self.work.bounds[block_id[0]]
        frame_bytes = max(1, sum(self.source.frame_bytes(name) for name in self.fields))
        size = max(1, _PIECE_BYTES // frame_bytes // self.multiple_of) * self.multiple_of

        def pieces() -> Iterator[_Piece]:
            buffers = self.source.allocate(self.fields, min(size, stop - start))
            for begin in range(start, stop, size):
                block = self.source.read(self.fields, begin, min(begin + size, stop), buffers)
                yield _Piece(begin, [block[name] for name in self.fields], self.source.locate)

        return self.work.run(pieces(), block_id)

    def with_dtype(self, dtype: DTypeLike) -> _Stream | None:
        """Return the same on what is read in another dtype; None if that changes nothing."""
        work = self.work.following(dtype)
        if work is None or not any(map(self.source.rounds, self.fields)):
            return None
        return replace(self, work=work, source=replace(self.source, dtype=np.dtype(dtype)))


def _over_blocks(
    name: str,
    job: _Job,
    datas: list[da.Array],
    constants: dict[str, Any],
    chunks: Chunks,
    dtype: np.dtype[Any],
    multiple_of: int = 1,
) -> da.Array:
    """Run a job for every block.

    Dask's dashboard shows them as `name`. Pieces have a multiple of so many frames, but for the
    last of a block.
    """
    work = _Work(job, constants, block_bounds(datas[0].chunks[0]), chunks)
    shared = constant(work)
    origin = one_source(datas)
    # What is persisted keeps its name: of one name, the blocks have one rank.
    name = f"{name}-{tokenize(shared.key, [data.name for data in datas], origin is None)}"
    meta = np.empty((0,) * len(chunks), dtype)
    if origin is not None:
        # One task reads and computes, piece by piece: no chunk of coordinates is ever whole.
        return da.map_blocks(
            _source_block,
            stream=constant(_Stream(work, *origin, multiple_of)),
            dtype=dtype,
            chunks=chunks,
            meta=meta,
            name=name,
        )
    # Blocks keep the rank of the inputs, with dims of size one: to drop a dim, Dask would copy
    # every block.
    rank = max(data.ndim for data in datas)
    padding = max(0, rank - len(chunks))
    values = da.map_blocks(
        _array_block,
        *(data.reshape(data.shape + (1,) * (rank - data.ndim)) for data in datas),
        work=shared,
        ranks=[data.ndim for data in datas],
        dtype=dtype,
        chunks=chunks + ((1,),) * padding,
        new_axis=list(range(rank, len(chunks))) or None,
        meta=np.empty((0,) * (len(chunks) + padding), dtype),
        name=name,
    )
    return values[(..., *(0,) * padding)] if padding else values


def _source_block(*, stream: _Stream, block_id: tuple[int, ...]) -> Array:
    return stream.run(block_id)


def _array_block(*blocks: Array, work: _Work, ranks: list[int], block_id: tuple[int, ...]) -> Array:
    arrays = [block.reshape(block.shape[:rank]) for block, rank in zip(blocks, ranks, strict=True)]
    piece = _Piece(work.bounds[block_id[0]][0], arrays)
    values = work.run(iter([piece]), block_id)
    return values.reshape(values.shape + (1,) * (blocks[0].ndim - values.ndim))


def _block_shape(chunks: Chunks, block_id: tuple[int, ...]) -> tuple[int, ...]:
    return (chunks[0][block_id[0]], *(sizes[0] for sizes in chunks[1:]))


def _in_memory(datas: Sequence[Any]) -> bool:
    return all(isinstance(data, np.ndarray) for data in datas)


def _common_chunks(datas: list[Any], multiple_of: int = 1) -> list[Any]:
    """Give all inputs the frame chunks of the first lazy one, and one chunk in other dims."""
    if _in_memory(datas):
        return datas
    datas = [as_read(data) for data in datas]
    lazy = next(data for data in datas if not isinstance(data, np.ndarray))
    frames = lazy.chunks[0]
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


def _result_shape(
    variable: str, like: xr.DataArray, others: Mapping[str, int] | None = None
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    dims = VARIABLES[variable].dims
    sizes: dict[Any, int] = {**_SIZES, **(others or {}), **like.sizes}
    unknown = [dim for dim in dims if dim not in sizes]
    if unknown:
        raise ValueError(f"{variable}: nothing says how long the dim {unknown[0]!r} is")
    return dims, tuple(int(sizes[dim]) for dim in dims)


def _labelled(
    values: Any,
    variable: str,
    like: xr.DataArray,
    dims: tuple[str, ...],
    history: str | Provenance,
) -> xr.DataArray:
    coords = {name: coord for name, coord in like.coords.items() if set(coord.dims) <= set(dims)}
    return label(xr.DataArray(values, coords, dims), variable, **attributes_of(history))


def _changed_rank(rank: int, wanted: int) -> dict[str, Any]:
    if wanted < rank:
        return {"drop_axis": list(range(wanted, rank))}
    return {"new_axis": list(range(rank, wanted))} if wanted > rank else {}

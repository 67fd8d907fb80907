"""What the graph of a Dask array says of its numbers: where they are, and all their digits.

xarray and Dask only move numbers when they select, sort, join or chunk. Here their graph is
followed back to the files: `source_of` finds the frames and atoms that an array consists of, and
`with_all_digits` has the files read again in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask._task_spec import convert_legacy_graph
from dask.array.dispatch import concatenate_lookup, take_lookup
from dask.base import clone_key
from dask.core import flatten
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from numpy.typing import NDArray
from xarray.core import indexing

from gromos_dist.io.lazy import FieldOfSource, is_of_atoms, trajectory_array
from gromos_dist.io.source import Source
from gromos_dist.variables import ROUNDED_TO

# What Dask calls the layers of operations that move numbers and do not change them, up to the
# token.
_MOVES = frozenset(
    "astype blocks broadcast_to concatenate getitem rechunk-merge rechunk-split reshape shuffle "  # noqa: SIM905
    "squeeze stack transpose vindex-merge vindex-slice where".split()
)
# Those of them that are followed to tell which frames and atoms an array has.
_INDEXES = frozenset("blocks concatenate getitem rechunk-merge rechunk-split".split())  # noqa: SIM905
# Of operations whose results are True or False: which digits they saw does not matter.
_DECIDES = frozenset(
    "all and_ any eq equal ge greater greater_equal gt inv invert isfinite isin isnan isnull le "  # noqa: SIM905
    "less less_equal logical_and logical_not logical_or lt ne not_equal notnull or_ xor".split()
)

_Indices = range | NDArray[np.int64]


def source_of(data: Any) -> FieldOfSource | None:
    """Return what an array reads, or None if it is not (known to be) chosen from files alone.

    Parameters
    ----------
    data : array
        Any; only a Dask array can have a source. Frames that were chosen in another way than as
        a rising range have none, nor have arrays without all of x, y and z.

    Returns
    -------
    FieldOfSource or None
        All of it is what `data` is, and in the same dtype.
    """
    if not isinstance(data, da.Array):
        return None
    whole = _field_at(data.dask.layers, data.name)
    if whole is not None:
        return whole if data.dtype == whole.dtype else None
    traced = _traced(data)
    if traced is None:
        return None
    whole, block = traced
    frames, *others = block.axes
    rising = _as_range(frames)
    if rising is None or data.dtype != whole.dtype:
        return None
    source = whole.source if rising == range(whole.shape[0]) else whole.source.select_frames(rising)
    return _of_atoms(FieldOfSource(source, whole.field), others)


def values_of(data: Any) -> NDArray[Any]:
    """Return an array in memory: straight from its files, without a scheduler, if it is of any."""
    found = source_of(data)
    return np.asarray(data) if found is None else found[:]


def one_source(datas: Sequence[Any]) -> tuple[Source, tuple[str, ...]] | None:
    """Return the Source that arrays can be read from together, and its fields; None if none is."""
    found = [source_of(data) for data in datas]
    fields = [field for field in found if field is not None]
    dtypes = {field.dtype for field in fields if not field.source.has_own_dtype(field.field)}
    dtype = dtypes.pop() if dtypes else np.dtype(np.float32)
    sources = [replace(field.source, dtype=dtype) for field in fields]
    if len(fields) < len(datas) or dtypes or len({source.identity for source in sources}) > 1:
        return None
    return sources[0], tuple(field.field for field in fields)


def chosen_atoms(data: Any) -> tuple[int, NDArray[np.int64] | None] | None:
    """Return how many atoms the files of an array have, and which of these it has (None: all).

    Returns None for an array that is not chosen from files.
    """
    found = source_of(data)
    if found is None:
        traced = _traced(data) if isinstance(data, da.Array) else None
        if traced is None:
            return None
        whole, block = traced
        found = _of_atoms(whole, block.axes[1:])
        if found is None:
            return None
    return found.source.readers[0].n_atoms, found.source.atoms


def as_read(data: Any) -> Any:
    """Return an array that reads from its source directly, if it has one; others as they are."""
    if isinstance(data, da.Array) and _field_at(data.dask.layers, data.name) is None:
        found = source_of(data)
        if found is not None:
            return trajectory_array(found.source, found.field, data.chunks[0])
    return data


def with_all_digits(array: xr.DataArray, what: str) -> xr.DataArray:
    """Return an array with all digits that its files have, in float64 if float32 has fewer.

    Parameters
    ----------
    array : DataArray
        Positions, velocities or forces.
    what : str
        What needs them, for the message.

    Raises
    ------
    ValueError
        They were rounded when they were read, and the files cannot be read again: the array is in
        memory, or was computed with.
    """
    data = array.data
    if isinstance(data, da.Array):
        found = source_of(data)
        if found is not None:
            if not found.source.rounds(found.field):
                return array
            precise = found.with_dtype(np.float64)
            data = trajectory_array(precise.source, precise.field, data.chunks[0])
            return array.copy(deep=False, data=data)
        restored = _restored(data)
        if restored is not None:
            return array.copy(deep=False, data=restored)
    if array.dtype == np.float32 and ROUNDED_TO in array.attrs:
        name = array.name or "the array"
        raise ValueError(
            f"{name}: {what} needs all digits that the files have, but these were rounded to "
            "float32 when they were read, and then loaded into memory or computed with: a stiff "
            "bond's force would be off by 0.3 kJ mol-1 nm-1. Open the trajectory with "
            "dtype='float64', or accept what was lost: ds.astype('float64')"
        )
    return array


# ---- which frames and atoms ----


class _NotUnderstoodError(Exception):
    """Something else than a choice along axes was made."""


class _Block:
    """What a block of an array consists of: along each axis, indices into the field's axis.

    Takes the place of the field in the graph: Dask's own tasks then tell what they would read.
    """

    def __init__(self, axes: Sequence[_Indices], dtype: np.dtype[Any]) -> None:
        self.axes = tuple(axes)
        self.dtype = dtype
        self.shape = tuple(len(axis) for axis in axes)
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> _Block:
        key = key if isinstance(key, tuple) else (key,)
        lists = [item for item in key if not isinstance(item, slice)]
        if len(lists) > 1 or len(key) > self.ndim:
            raise _NotUnderstoodError
        axes = [_chosen(axis, item) for axis, item in zip(self.axes, key, strict=False)]
        return _Block([*axes, *self.axes[len(key) :]], self.dtype)

    def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
        raise _NotUnderstoodError

    def __array_function__(self, *_: Any) -> Any:
        raise _NotUnderstoodError


def _chosen(axis: _Indices, item: Any) -> _Indices:
    if isinstance(item, slice):
        return axis[item]
    index = np.asarray(item)
    if index.ndim != 1 or index.dtype.kind not in "iub":
        raise _NotUnderstoodError
    chosen: NDArray[np.int64] = _array(axis)[index]
    return chosen


def _array(indices: _Indices) -> NDArray[np.int64]:
    if isinstance(indices, range):
        return np.arange(indices.start, indices.stop, indices.step, dtype=np.int64)
    return indices


def _joined(blocks: Sequence[Any], axis: int = 0) -> _Block:
    blocks = list(blocks)
    if not all(isinstance(block, _Block) for block in blocks):
        raise _NotUnderstoodError
    first = blocks[0]
    for block in blocks[1:]:
        pairs = [(i, pair) for i, pair in enumerate(zip(first.axes, block.axes, strict=True))]
        if any(i != axis and not _equal(one, other) for i, (one, other) in pairs):
            raise _NotUnderstoodError
    axes = list(first.axes)
    axes[axis] = _concatenated([block.axes[axis] for block in blocks])
    return _Block(axes, first.dtype)


def _taken(block: _Block, indices: Any, axis: int = 0) -> _Block:
    return block[(*[slice(None)] * axis, indices)]


concatenate_lookup.register(_Block, _joined)
take_lookup.register(_Block, _taken)


def _concatenated(parts: Sequence[_Indices]) -> _Indices:
    parts = [part for part in parts if len(part)]
    if not parts:
        return range(0)
    ranges = [part for part in parts if isinstance(part, range)]
    if len(ranges) == len(parts):
        step = ranges[0].step if len(ranges[0]) > 1 else ranges[-1].start - ranges[0].start
        whole = range(ranges[0].start, ranges[-1][-1] + (1 if step > 0 else -1), step or 1)
        starts = np.cumsum([0, *(len(part) for part in ranges)])
        if len(whole) == starts[-1] and all(
            whole[start : start + len(part)] == part
            for part, start in zip(ranges, starts[:-1].tolist(), strict=True)
        ):
            return whole
    return np.concatenate([_array(part) for part in parts])


def _equal(one: _Indices, other: _Indices) -> bool:
    if isinstance(one, range) and isinstance(other, range):
        return one == other
    return np.array_equal(_array(one), _array(other))


def _as_range(indices: _Indices) -> range | None:
    """Return indices as a rising range, or None if they are none."""
    if not len(indices):
        return range(0)
    values = _array(indices)
    steps = np.diff(values)
    step = int(steps[0]) if len(steps) else 1
    if step < 1 or (steps != step).any():
        return None
    return range(int(values[0]), int(values[-1]) + 1, step)


def _of_atoms(whole: FieldOfSource, others: Sequence[_Indices]) -> FieldOfSource | None:
    """Return the field of the atoms that the second axis chooses; None for other choices."""
    source = whole.source
    for axis, (indices, size) in enumerate(zip(others, whole.shape[1:], strict=True), 1):
        if _equal(indices, range(size)):
            continue
        if axis > 1 or not is_of_atoms(whole.field):
            return None
        source = source.select_atoms(_array(indices))
    return FieldOfSource(source, whole.field)


def _traced(data: da.Array) -> tuple[FieldOfSource, _Block] | None:
    """Return the field that an array is chosen from, and what of it the array is."""
    layers = _ancestors(data)
    roots = {name: field for name in layers if (field := original_field(layers, name)) is not None}
    if len(roots) != 1:
        return None
    ((root, whole),) = roots.items()
    known = {root, root.removeprefix("original-")}
    if any(name not in known and kind_of(name) not in _INDEXES for name in layers):
        return None
    if any(count > 1 for count in data.numblocks[1:]):
        data = data.rechunk(dict.fromkeys(range(1, data.ndim), -1), method="tasks")
        layers = _ancestors(data)
    graph: dict[Any, Any] = {}
    for layer in layers.values():
        graph.update(layer)
    graph[root] = _Block([range(size) for size in whole.shape], whole.dtype)
    try:
        block = _joined(_run(graph, list(flatten(data.__dask_keys__()))))
    except _NotUnderstoodError:
        return None
    return (whole, block) if block.shape == data.shape else None


def _run(graph: Mapping[Any, Any], keys: Sequence[Any]) -> list[Any]:
    """Return what the tasks of some keys give.

    Dask's own scheduler hands every task all results so far to look through, which is quadratic.
    """
    tasks = convert_legacy_graph(graph)
    results: dict[Any, Any] = {}
    pending = list(keys)
    while pending:
        task = tasks[pending[-1]]
        needed = [key for key in task.dependencies if key not in results]
        if needed:
            pending += needed
        else:
            results[pending.pop()] = task({key: results[key] for key in task.dependencies})
    return [results[key] for key in keys]


# ---- all digits ----


def _restored(data: da.Array) -> da.Array | None:
    """Return the array with float64 read from its files; None if there is nothing to restore.

    Every layer between has to move numbers only, or be made by a constant of the graph that says
    how it is in another dtype: `with_dtype` if it reads files, `following` if it computes from
    other layers.
    """
    layers = _ancestors(data)
    dependencies = data.dask.dependencies
    # From the names of layers to the constants that take their places, None for those that are
    # the same but for what they refer to.
    changed: dict[str, Any] = {}
    following: dict[str, Any] = {}
    lost: set[str] = set()
    moves = _MOVES if data.dtype == np.float64 else _MOVES - {"astype"}
    for name in data.dask._toposort_layers():
        if name not in layers:
            continue
        above = dependencies[name]
        if not above:
            value = node_value(layers[name], name)
            if (precise := _precise(value)) is not None:
                changed[name] = precise
            elif hasattr(value, "following"):
                following[name] = value.following(np.float64)
            elif _unwrapped(value) is None and not _holds_other_than_float32(layers[name]):
                lost.add(name)
        elif kind_of(name) in _DECIDES or not above & (changed.keys() | lost):
            continue
        elif above & lost or not _keeps_digits(name, above, moves, changed, following):
            lost.add(name)
        else:
            changed |= {up: following[up] for up in above & following.keys()}
            changed[name] = None
    if data.name not in changed:
        return None
    return _rebuilt(data, layers, changed)


def _keeps_digits(
    name: str,
    above: set[str],
    moves: frozenset[str],
    changed: Mapping[str, Any],
    following: Mapping[str, Any],
) -> bool:
    if any(up in following for up in above):
        return all(following[up] is not None for up in above & following.keys())
    return kind_of(name) in moves or any(changed.get(up) is not None for up in above)


def _rebuilt(
    data: da.Array, layers: Mapping[str, Mapping[Any, Any]], changed: Mapping[str, Any]
) -> da.Array:
    """Return the array of the graph in which some layers are changed, under other names."""
    all_keys = {key for layer in layers.values() for key in layer}
    tasks = {
        name: convert_legacy_graph(layers[name] if value is None else {name: value}, all_keys)
        for name, value in changed.items()
    }
    names = {key: clone_key(key, "float64") for layer in tasks.values() for key in layer}
    new_layers: dict[str, Any] = {}
    new_dependencies: dict[str, set[str]] = {}
    wanted = [data.name]
    while wanted:
        name = wanted.pop()
        new = _renamed(name) if name in changed else name
        if new in new_layers:
            continue
        above = data.dask.dependencies[name]
        wanted += above
        new_dependencies[new] = {_renamed(up) if up in changed else up for up in above}
        new_layers[new] = layers[name]
        if name in changed:
            new_layers[new] = MaterializedLayer(
                {
                    names[key]: task.substitute(names, key=names[key])
                    for key, task in tasks[name].items()
                }
            )
    return da.Array(
        HighLevelGraph(new_layers, new_dependencies),
        _renamed(data.name),
        data.chunks,
        dtype=np.float64,
        meta=data._meta.astype(np.float64),
    )


def _renamed(name: str) -> str:
    new: str = clone_key(name, "float64")
    return new


def _precise(value: Any) -> Any:
    """Return what reads files as it is in float64; None for others, or if that is no gain."""
    field = _unwrapped(value)
    if field is not None:
        return field.with_dtype(np.float64) if field.source.rounds(field.field) else None
    with_dtype = getattr(value, "with_dtype", None)
    return None if with_dtype is None else with_dtype(np.float64)


def _holds_other_than_float32(layer: Mapping[Any, Any]) -> bool:
    """Say whether a layer is of arrays in memory that no digits can be missing of."""
    dtypes = [getattr(getattr(task, "value", task), "dtype", None) for task in layer.values()]
    return all(dtype is not None and dtype != np.float32 for dtype in dtypes)


# ---- graphs ----


def kind_of(name: str) -> str:
    """Return what a layer does, as Dask calls it: its name without the token."""
    return name.rpartition("-")[0]


def _ancestors(data: da.Array) -> dict[str, Mapping[Any, Any]]:
    """Return the layers that an array needs."""
    found: dict[str, Mapping[Any, Any]] = {}
    wanted = [data.name]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = data.dask.layers[name]
            wanted += data.dask.dependencies[name]
    return found


def _field_at(layers: Mapping[str, Mapping[Any, Any]], name: str) -> FieldOfSource | None:
    """Return the field that the array of this name is a whole of."""
    original = f"original-{name}"
    return original_field(layers, original) if original in layers else None


def original_field(layers: Mapping[str, Mapping[Any, Any]], name: str) -> FieldOfSource | None:
    """Return the field of files that a layer is, if it is one."""
    if not name.startswith("original-"):
        return None
    return _unwrapped(node_value(layers[name], name))


def node_value(layer: Mapping[Any, Any], name: str) -> Any:
    """Return what the one node of a layer holds, None if there are others."""
    if not isinstance(layer, MaterializedLayer | dict) or name not in layer:
        return None
    task = layer[name]
    return getattr(task, "value", task)


def _unwrapped(value: Any) -> FieldOfSource | None:
    """Return the field within the wrappers of `xarray.open_dataset`, if it is all of it."""
    while not isinstance(value, FieldOfSource):
        if isinstance(value, indexing.LazilyIndexedArray) and any(
            not isinstance(item, slice) or item != slice(None) for item in value.key.tuple
        ):
            return None
        value = getattr(value, "array", None)
        if value is None:
            return None
    return value

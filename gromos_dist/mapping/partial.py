"""Parts of a result that are no part of its values: states of a reduction, tables of events.

Each is a block of one Python object. They can be kept, so that a killed run goes on: plain arrays
stand for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import dask.array as da
from dask._task_spec import Task, TaskRef
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

from gromos_dist.io.graphs import node_value
from gromos_dist.mapping.blocks import Array, Stream, Work


@runtime_checkable
class Keepable(Protocol):
    """What gives blocks of objects for which plain arrays can stand."""

    def to_arrays(self, block: Array) -> dict[str, Array]:
        """Return plain arrays that stand for a block."""

    def of_arrays(self, arrays: Mapping[str, Array]) -> Array:
        """Return the block of which `to_arrays` made these."""


def keepable(work: Any) -> Keepable | None:
    """Return what knows how the blocks of some work are kept; None if they are values."""
    if isinstance(work, Stream):
        work = work.work
    if isinstance(work, Work):
        work = work.job
    is_partial = isinstance(work, Keepable) and getattr(work, "has_state", True)
    return work if is_partial else None


def partial_layers(arrays: Sequence[da.Array]) -> dict[str, str]:
    """Return the layers of such blocks on which arrays depend, each with the node of its work."""
    found = {}
    for array in arrays:
        graph = array.dask
        for name, needed in graph.dependencies.items():
            for node in needed:
                if node.startswith("constant-"):
                    work = node_value(graph.layers[node], node)
                    if keepable(work) is not None:
                        found[name] = node
    return found


def with_kept(
    arrays: Sequence[da.Array],
    layers: Mapping[str, str],
    there: Collection[tuple[str, int]],
    keep: Callable[[str, int, Any, Array], Array],
    load: Callable[[str, int, Any], Array],
) -> list[da.Array]:
    """Return the same arrays, which keep partial results, and load those that are there.

    Parameters
    ----------
    arrays : sequence of dask arrays
        What depends on them.
    layers : mapping
        Their layers, as `partial_layers` finds them.
    there : collection
        The layer and the number of each block that is loaded instead of computed.
    keep : callable
        ``keep(layer, number, work, block)`` runs where a block was computed, and returns it.
    load : callable
        ``load(layer, number, work)`` gives a block that is there.
    """
    new: dict[str, Mapping[Any, Any]] = {}
    needed: dict[str, set[str]] = {}
    for array in arrays:
        graph = array.dask
        for name, node in layers.items():
            if name not in graph.layers or name in new:
                continue
            computed = f"{name}-computed"
            tasks: dict[Any, Any] = {}
            others: dict[Any, Any] = {}
            for key, task in graph.layers[name].items():
                number = key[1]
                if (name, number) in there:
                    tasks[key] = Task(key, load, name, number, TaskRef(node))
                    continue
                own = (computed, *key[1:])
                others[own] = task.substitute({}, key=own)
                tasks[key] = Task(key, keep, name, number, TaskRef(node), TaskRef(own))
            new |= {name: tasks, computed: others}
            needed |= {name: {computed, node}, computed: set(graph.dependencies[name])}
    return [_with_layers(array, new, needed) for array in arrays]


def _with_layers(
    array: da.Array, new: Mapping[str, Mapping[Any, Any]], needed: Mapping[str, set[str]]
) -> da.Array:
    graph = array.dask
    own = {n for name in graph.layers if name in new for n in (name, f"{name}-computed")}
    if not own:
        return array
    layers = {**graph.layers, **{name: MaterializedLayer(new[name]) for name in own}}
    dependencies = {**graph.dependencies, **{name: needed[name] for name in own}}
    return da.Array(
        HighLevelGraph(layers, dependencies),
        array.name,
        array.chunks,
        dtype=array.dtype,
        meta=array._meta,
    )

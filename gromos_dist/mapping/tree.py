"""A fixed binary tree of states: combined in one order, whichever came first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import dask.array as da
import numpy as np
from dask._task_spec import List, Task, TaskRef
from dask.base import tokenize

from gromos_dist.io.lazy import constant
from gromos_dist.mapping.blocks import (
    Array,
    boxed,
    new_array,
    read_only,
    task_arguments,
    with_awaited,
)
from gromos_dist.mapping.checks import fitting, named
from gromos_dist.variables import Variable

State = tuple[Any, ...]
"""Numbers and arrays, in a tuple: a NamedTuple reads best."""
Combine = Callable[[Any, Any], Any]

Tree = dict[tuple[int, int], State]
"""The state of blocks index * 2**level to (index + 1) * 2**level, by (level, index)."""

OPEN = -1
"""The length of a dim of which nobody knows how long it is: as long as the first variable is."""

# So many trees are merged by one task.
_FAN_IN = 16


def join(combine: Combine, one: Tree, other: Tree) -> Tree:
    """Unite two sets of states, combining siblings of the tree as far as they are there."""
    tree = {**one, **other}
    pending = list(other)
    while pending:
        level, index = pending.pop()
        left, right = (level, index & ~1), (level, index | 1)
        if left in tree and right in tree:
            parent = (level + 1, index >> 1)
            tree[parent] = _combined(combine, tree.pop(left), tree.pop(right))
            pending.append(parent)
    return tree


def merge(combine: Combine, trees: Iterable[Tree]) -> Tree:
    """Unite any number of trees."""
    whole: Tree = {}
    for tree in trees:
        whole = join(combine, whole, tree)
    return whole


def root(combine: Combine, tree: Tree) -> State:
    """Return the state of all blocks."""
    # What is left are the whole subtrees of a number of blocks that is no power of two.
    first, *others = (tree[node] for node in sorted(tree, key=lambda node: node[1] << node[0]))
    state = first
    for other in others:
        state = _combined(combine, state, other)
    return state


def _combined(combine: Combine, state: State, following: State) -> State:
    both = combine(unchanging(state), unchanging(following))
    if not isinstance(both, type(state)):
        raise TypeError(
            f"combine takes two states and gives one, a {type(state).__name__}, got "
            f"{type(both).__name__}"
        )
    return both


def unchanging(state: State) -> State:
    """Return a state whose arrays cannot be changed: other results may be made of the same."""
    values = (read_only([v])[0] if isinstance(v, np.ndarray) else v for v in state)
    return made_of(type(state), values)


def checked_state(state: Any, kind: type[State], shape: str) -> State:
    """Return what a partial gave, if it is the state that the record announces.

    Raises
    ------
    TypeError
        It is of another type; `shape` is what the message calls the record.
    """
    if not isinstance(state, kind):
        raise TypeError(
            f"the partial of a {shape} gives a {kind.__name__}, got {type(state).__name__}: say "
            f"which with {shape.capitalize()}(..., state=)"
        )
    return state


def unboxed(boxes: Iterable[Array]) -> list[Tree]:
    """Return the trees of some blocks."""
    return [box[0] for box in boxes]


_NUMBERS: Mapping[str, type] = {"int": int, "float": float, "bool": bool, "complex": complex}


def tree_to_arrays(tree: Tree) -> dict[str, Array]:
    """Return plain arrays that stand for a tree: `tree_of_arrays` makes the same of them.

    Raises
    ------
    TypeError
        A state has something in it that is neither a number nor an array of numbers.
    """
    arrays = {}
    for (level, index), state in tree.items():
        for field, value in enumerate(state):
            kind, array = _plain(value)
            arrays[f"{level}.{index}.{field}.{kind}"] = array
    return arrays


def _plain(value: Any) -> tuple[str, Array]:
    kind = type(value).__name__
    # Not of a subclass: a masked array, say, is more than its numbers.
    if type(value) is np.ndarray:
        kind = "array"
    elif isinstance(value, np.generic):
        kind = "scalar"
    # Python's integers have any length.
    array = np.asarray(str(value) if type(value) is int else value)
    if kind not in ("array", "scalar", *_NUMBERS) or array.dtype.hasobject:
        raise TypeError(
            "a state that is stored is a tuple of numbers and of arrays of numbers, but there is a "
            f"{type(value).__name__} in it"
        )
    return kind, array


def tree_of_arrays(arrays: Mapping[str, Array], state: type[tuple[Any, ...]]) -> Tree:
    """Return the tree of which `tree_to_arrays` made these arrays; its states are of a type."""
    fields: dict[tuple[int, int], list[Any]] = {}
    for name, array in arrays.items():
        level, index, _, kind = name.split(".")
        value = array if kind == "array" else array[()]
        if kind in _NUMBERS:
            value = _NUMBERS[kind](value)
        fields.setdefault((int(level), int(index)), []).append(value)
    return {node: made_of(state, values) for node, values in fields.items()}


def made_of(kind: type[tuple[Any, ...]], values: Any) -> State:
    """Return a tuple, or a NamedTuple, of some values."""
    make: Callable[..., State] = getattr(kind, "_make", kind)
    return make(values)


@dataclass(frozen=True)
class Finish:
    """The end of a reduction: from trees to values."""

    combine: Combine
    finalize: Callable[..., Any]
    variables: tuple[Variable, ...]
    dtypes: tuple[np.dtype[Any], ...]
    shapes: tuple[tuple[int, ...], ...]
    constants: Mapping[str, Any]
    awaited: tuple[str, ...] = ()
    """The names of constants that are computed first."""

    def merged(self, boxes: Sequence[Array]) -> Array:
        """Return the trees of some blocks as one."""
        return boxed(merge(self.combine, unboxed(boxes)))

    def values(self, boxes: Sequence[Array], awaited: Sequence[Array] = ()) -> list[Array]:
        """Return the values of all variables, given those of what was awaited."""
        tree = merge(self.combine, unboxed(boxes))
        constants = with_awaited(self.constants, self.awaited, awaited)
        # No tree is there where the result was known without the frames.
        state = unchanging(root(self.combine, tree)) if tree else None
        final = self.finalize(state, **constants)
        names = [variable.name for variable in self.variables]
        by_name = final if isinstance(final, Mapping) else {names[0]: final}
        by_name = named(by_name, names, f"{', '.join(names)} (finalize)")
        values = []
        n_rows = np.size(by_name[names[0]])
        for variable, dtype, known in zip(self.variables, self.dtypes, self.shapes, strict=True):
            what = f"{variable.name} {variable.dims} (finalize)"
            shape = tuple(n_rows if length == OPEN else length for length in known)
            # A copy, which can be changed: it may be an array of the state.
            values.append(np.array(fitting(by_name[variable.name], shape, dtype, what)))
        return values

    def boxed_values(self, boxes: Sequence[Array], awaited: Sequence[Array] = ()) -> Array:
        """Return the values of all variables, in an array of one object."""
        return boxed(self.values(boxes, awaited))


_NOTHING_AWAITED: Mapping[str, da.Array] = MappingProxyType({})


def lazy_box(trees: da.Array, finish: Finish) -> da.Array:
    """Return an array of one block that holds, boxed, the values of all variables."""
    _, together = _together(
        trees, finish, finish.variables[0].name, Finish.boxed_values, boxed_as=(0,)
    )
    return together


def _together(
    trees: da.Array,
    finish: Finish,
    names: str,
    end: Callable[..., Any],
    *,
    boxed_as: tuple[int, ...],
    awaited: Mapping[str, da.Array] = _NOTHING_AWAITED,
) -> tuple[str, da.Array]:
    """Merge trees, some at a time, and end with a task at a place of an array of one block."""
    shared = constant(replace(finish, awaited=tuple(awaited)))
    name = f"{names}-{tokenize(trees.name, shared.key)}"
    tasks: dict[Any, Task] = {}
    keys: list[Any] = [(trees.name, i) for i in range(trees.numblocks[0])]
    level = 0
    while len(keys) > _FAN_IN:
        level += 1
        merged = []
        for i in range(0, len(keys), _FAN_IN):
            key = (f"{name}-merge-{level}", i // _FAN_IN)
            some = List(*(TaskRef(one) for one in keys[i : i + _FAN_IN]))
            tasks[key] = Task(key, Finish.merged, TaskRef(shared.key), some)
            merged.append(key)
        keys = merged
    everything = f"{name}-values"
    last: Any = (everything, *boxed_as) if boxed_as else everything
    some = List(*(TaskRef(key) for key in keys))
    tasks[last] = Task(last, end, TaskRef(shared.key), some, task_arguments(awaited))
    chunks = ((1,),) * len(boxed_as)
    inputs = [trees, shared, *awaited.values()]
    return name, new_array(everything, tasks, inputs, chunks, object)


def lazy_values(
    trees: da.Array, finish: Finish, awaited: Mapping[str, da.Array] = _NOTHING_AWAITED
) -> list[da.Array]:
    """Return the lazy values of a reduction, given the array whose blocks are its trees.

    The values that are awaited are those on which the trees depend as well.
    """
    names = "-".join(variable.name for variable in finish.variables)
    name, together = _together(trees, finish, names, Finish.values, boxed_as=(), awaited=awaited)
    everything = together.name
    arrays = []
    for i, (variable, dtype, shape) in enumerate(
        zip(finish.variables, finish.dtypes, finish.shapes, strict=True)
    ):
        own = f"{variable.name}-of-{name}"
        place = (own, *(0,) * len(shape))
        one = {place: Task(place, list.__getitem__, TaskRef(everything), i)}
        chunks = tuple((size,) for size in shape)
        arrays.append(new_array(own, one, [together], chunks, dtype))
    return arrays

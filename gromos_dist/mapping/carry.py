"""Carries: values of blocks that need a state from all frames before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dask.array as da
import numpy as np
from dask._task_spec import Task, TaskRef
from dask.base import tokenize
from numpy.typing import DTypeLike

from gromos_dist.io.lazy import block_bounds, constant
from gromos_dist.mapping.blocks import Array, Piece, last_frame, new_array, read_only
from gromos_dist.mapping.checks import fitting


@dataclass(frozen=True)
class Carrying:
    """What the tasks of all blocks share.

    Every block is read once: its total is added to the state that came before it, and when this is
    known, the values follow from the frames, which are still there. States go from block to block
    in one chain of small tasks, so that few blocks wait, however many there are.
    """

    kernel: Callable[..., Array]
    total: Callable[..., Array]
    combine: Callable[[Array, Array], Array]
    start: Callable[..., Array]
    constants: Mapping[str, Any]
    frame_chunks: tuple[int, ...]
    rest: tuple[int, ...]
    dtype: np.dtype[Any]
    follows: bool
    """Whether the dtype is that of the input."""
    what: str

    def following(self, dtype: DTypeLike) -> Carrying | None:
        """Return the same for inputs of another dtype; None if the output's stays."""
        return replace(self, dtype=np.dtype(dtype)) if self.follows else None

    def begun(self, *arrays: Array) -> Array:
        """Return the state at the first frame."""
        first: Array = Piece(0, [array[:1] for array in arrays]).call(self.start, self.constants)
        return first

    def added(self, state: Array, total: Array) -> Array:
        """Return a state with what a block adds to it."""
        return self.combine(*read_only((state, total)))

    def total_of(self, block: int, *arrays: Array) -> Array:
        """Return what a block adds to the state."""
        total: Array = self._piece(block, arrays).call(self.total, self.constants)
        return total

    def values_of(self, block: int, state: Array, *arrays: Array) -> Array:
        """Return the values of a block."""
        piece = self._piece(block, arrays)
        (known,) = read_only([state])
        values = piece.call(self.kernel, {**self.constants, "state": known})
        return fitting(values, (len(piece), *self.rest), self.dtype, self.what)

    def _piece(self, block: int, arrays: Sequence[Array]) -> Piece:
        start, _ = block_bounds(self.frame_chunks)[block]
        own = arrays[: len(arrays) // (2 if block else 1)]
        before = arrays[len(own) :] or [array[:1] for array in own]
        return Piece(start, own, before)


def carried_now(carrying: Carrying, datas: Sequence[Array]) -> Array:
    """Return the values of all frames, in memory."""
    return carrying.values_of(0, carrying.begun(*datas), *datas)


def carried_lazily(carrying: Carrying, datas: Sequence[da.Array]) -> da.Array:
    """Return the values of all frames, block by block."""
    shared = constant(carrying)
    name = f"{carrying.what}-{tokenize(shared.key, [data.name for data in datas])}"
    tasks: dict[Any, Task] = {}

    def add(at: Any, function: Callable[..., Any], *arguments: Any) -> TaskRef:
        tasks[at] = Task(at, function, *arguments)
        return TaskRef(at)

    def block(i: int) -> list[TaskRef]:
        return [TaskRef((data.name, i, *(0,) * (data.ndim - 1))) for data in datas]

    work = TaskRef(shared.key)
    n_blocks = len(carrying.frame_chunks)
    before: list[TaskRef] = []
    state = add((f"{name}-state", 0), Carrying.begun, work, *block(0))
    for i in range(n_blocks):
        given = [*block(i), *before]
        add((name, i, *(0,) * len(carrying.rest)), Carrying.values_of, work, i, state, *given)
        if i < n_blocks - 1:
            total = add((f"{name}-total", i), Carrying.total_of, work, i, *given)
            state = add((f"{name}-state", i + 1), Carrying.added, work, state, total)
            before = [add((f"{name}-last-{k}", i), last_frame, of) for k, of in enumerate(block(i))]
    chunks = (carrying.frame_chunks, *((size,) for size in carrying.rest))
    return new_array(name, tasks, [shared, *datas], chunks, carrying.dtype)

"""Scans: a value a frame that depends on all frames before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask._task_spec import List, Task, TaskRef
from dask.base import tokenize
from numpy.typing import DTypeLike

from gromos_dist.io.lazy import constant
from gromos_dist.mapping.atoms import naming_atoms
from gromos_dist.mapping.blocks import (
    Array,
    Piece,
    common_chunks,
    computed_now,
    in_memory,
    last_frame,
    new_array,
    over_blocks,
    read_only,
)
from gromos_dist.mapping.carry import Carrying, carried_lazily, carried_now
from gromos_dist.mapping.checks import check_first_dim, check_inputs, fitting
from gromos_dist.mapping.results import Coordinates, coordinates, labelled, result_shape
from gromos_dist.variables import ROUNDED_TO, Variable


@dataclass(frozen=True)
class Scan:
    """A value a frame that depends on all frames before it.

    Either values can be combined as they are, or, with `start` and `total`, there is a state that
    can, and the kernel makes values of it.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, ..., previous, ..., **constants)``: the values of the frames of a block as
        if nothing had come before `previous`, for each input an array of the one frame before the
        block (the block's own first frame at the very start).
    combine : callable
        ``combine(carry, values)``: adds to `values` (any number of frames) what came before, of
        which `carry` is the last frame's value. It has to be exactly associative (integers, say):
        otherwise chunks would show in the result.
    variable : Variable
        What the result is.
    dtype : dtype, optional
        Of the result; with a state, that of the first input when None, as of positions that are
        moved.
    start : callable, optional
        ``start(first, ..., **constants)``: the state at the first frame, from an array of it alone
        for each input. The kernel is then
        ``kernel(block, ..., previous, ..., state=..., **constants)``, with the state before the
        block, and ``combine(state, total)`` adds two states, exactly.
    total : callable, optional
        ``total(block, ..., previous, ..., **constants)``: what a block adds to the state.
    """

    kernel: Callable[..., Array]
    combine: Callable[[Array, Array], Array]
    variable: Variable
    dtype: DTypeLike | None = np.int64
    start: Callable[..., Array] | None = None
    total: Callable[..., Array] | None = None

    def __call__(
        self, *arrays: xr.DataArray, coords: Coordinates | None = None, **constants: Any
    ) -> xr.DataArray:
        """Scan the frames in order. Parameters as those of a `Map`."""
        what = self.variable.name
        check_inputs(what, arrays, ("frame",))
        check_first_dim(self.variable, "frame")
        given = coordinates(coords)
        shape = result_shape(self.variable, arrays[0], given)
        dtype = np.dtype(arrays[0].dtype if self.dtype is None else self.dtype)
        job = _ScanJob(naming_atoms(self.kernel, arrays), self.combine, dtype, what)
        datas = common_chunks([array.data for array in arrays])
        if self.start is not None and self.total is not None:
            values = self._carried(arrays, self.start, self.total, datas, constants, shape, dtype)
        elif in_memory(datas):
            values = (
                computed_now(job, datas, constants, shape) if shape[0] else np.empty(shape, dtype)
            )
        else:
            local = over_blocks(what, job, datas, constants, rest=shape[1:], dtype=dtype)
            values = _carried_through(local, job)
        result = labelled(values, self.variable, arrays[0], given)
        rounded = [array.attrs[ROUNDED_TO] for array in arrays if ROUNDED_TO in array.attrs]
        if self.dtype is None and rounded:
            result.attrs[ROUNDED_TO] = rounded[0]
        return result

    def _carried(
        self,
        arrays: Sequence[xr.DataArray],
        start: Callable[..., Array],
        total: Callable[..., Array],
        datas: Sequence[Any],
        constants: Mapping[str, Any],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> Any:
        frame_chunks = shape[:1] if in_memory(datas) else datas[0].chunks[0]
        kernel, total, start = (naming_atoms(of, arrays) for of in (self.kernel, total, start))
        carrying = Carrying(
            *(kernel, total, self.combine, start, constants, frame_chunks, shape[1:], dtype),
            follows=self.dtype is None,
            what=self.variable.name,
        )
        if not shape[0]:
            return np.empty(shape, dtype) if in_memory(datas) else datas[0].astype(dtype)
        return carried_now(carrying, datas) if in_memory(datas) else carried_lazily(carrying, datas)


@dataclass(frozen=True)
class _ScanJob:
    """The values of a block as if nothing had come before it."""

    kernel: Callable[..., Array]
    combine: Callable[[Array, Array], Array]
    dtype: np.dtype[Any]
    what: str
    multiple_of = 1
    wants_previous = True

    def collector(self, constants: Mapping[str, Any], shape: tuple[int, ...]) -> _Scanning:
        return _Scanning(self, constants, np.empty(shape, self.dtype))

    def joined(self, _: Sequence[Array]) -> None:
        return None

    def following(self, _: DTypeLike) -> None:
        return None

    def combined(self, carry: Array | None, values: Array) -> Array:
        """Add to values what came before them."""
        if carry is None:
            return values
        # Both are still wanted by others as they are.
        sums = self.combine(*read_only((carry, values)))
        return fitting(sums, values.shape, self.dtype, f"{self.what} (combine)")


class _Scanning:
    wants_frames = True

    def __init__(self, job: _ScanJob, constants: Mapping[str, Any], out: Array) -> None:
        self._job = job
        self._constants = constants
        self._out = out
        self._done = 0

    def take(self, piece: Piece) -> None:
        if not len(piece):
            return
        job, out = self._job, self._out[self._done : self._done + len(piece)]
        values = fitting(piece.call(job.kernel, self._constants), out.shape, job.dtype, job.what)
        carry = self._out[self._done - 1 : self._done] if self._done else None
        out[...] = job.combined(carry, values)
        self._done += len(piece)

    def result(self) -> Array:
        return self._out


def _carried_through(local: da.Array, job: _ScanJob) -> da.Array:
    """Return the values of all blocks with what came before them.

    The last values of blocks are combined within groups of blocks, those of groups with each other:
    no task waits for a long chain, or holds a value of every block.
    """
    n_blocks = local.numblocks[0]
    if n_blocks < 2:
        return local
    place = (0,) * (local.ndim - 1)
    shared = constant(job)
    name = f"{local.name.rpartition('-')[0]}-scan-{tokenize(local.name, shared.key)}"
    size = math.isqrt(n_blocks - 1) + 1
    groups = [range(i, min(i + size, n_blocks)) for i in range(0, n_blocks, size)]

    def key(what: str, i: int) -> tuple[str, int]:
        return f"{name}-{what}", i

    tasks: dict[Any, Task] = {}

    def add(at: Any, function: Callable[..., Any], *arguments: Any) -> None:
        tasks[at] = Task(at, function, *arguments)

    for i in range(n_blocks):
        add(key("last", i), last_frame, TaskRef((local.name, i, *place)))
    for j, group in enumerate(groups):
        lasts = List(*(TaskRef(key("last", i)) for i in group))
        add(key("within", j), _prefixes, TaskRef(shared.key), lasts)
        add(key("group", j), _at, TaskRef(key("within", j)), len(group) - 1)
    before = (f"{name}-before", 0)
    of_groups = List(*(TaskRef(key("group", j)) for j in range(len(groups))))
    add(before, _prefixes, TaskRef(shared.key), of_groups)
    for j, group in enumerate(groups):
        if j:
            add(key("carry", group[0]), _at, TaskRef(before), j - 1)
        for i in group[1:]:
            within = TaskRef(key("within", j))
            add(key("own", i), _at, within, i - group[0] - 1)
            carry = TaskRef(key("carry", group[0])) if j else None
            add(
                key("carry", i),
                _ScanJob.combined,
                TaskRef(shared.key),
                carry,
                TaskRef(key("own", i)),
            )
    for i in range(n_blocks):
        carry = TaskRef(key("carry", i)) if i else None
        at = (name, i, *place)
        add(at, _ScanJob.combined, TaskRef(shared.key), carry, TaskRef((local.name, i, *place)))
    return new_array(name, tasks, [local, shared], local.chunks, local.dtype)


def _prefixes(job: _ScanJob, lasts: Sequence[Array]) -> list[Array]:
    """Return for each value the combination of all up to it."""
    found: list[Array] = []
    for last in lasts:
        found.append(job.combined(found[-1] if found else None, last))
    return found


def _at(values: list[Array], index: int) -> Array:
    return values[index]

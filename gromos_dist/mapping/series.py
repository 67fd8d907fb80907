"""Series: what needs all times of an atom at once, such as correlations and displacements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask._task_spec import Task, TaskRef
from dask.base import tokenize
from numpy.typing import DTypeLike

from gromos_dist.io.lazy import constant
from gromos_dist.mapping.blocks import (
    PIECE_BYTES,
    Array,
    Piece,
    boxed,
    common_chunks,
    how_many,
    in_memory,
    new_array,
)
from gromos_dist.mapping.checks import check_first_dim, check_inputs, fitting
from gromos_dist.mapping.results import (
    Coordinates,
    as_tuple,
    coordinates,
    labelled_as_declared,
    result_shape,
)
from gromos_dist.mapping.tree import (
    Finish,
    State,
    checked_state,
    lazy_values,
    made_of,
    tree_of_arrays,
    tree_to_arrays,
)
from gromos_dist.variables import Variable


@dataclass(frozen=True)
class Series:
    """Values from all times of each atom: summed over atoms, or one of every atom.

    The input is cut into blocks of atoms, each with all frames. Their size is decided by the number
    of frames alone, and states are combined in a fixed binary tree: the bits do not depend on
    chunks, scheduler or workers.

    Parameters
    ----------
    partial : callable
        ``partial(series, ..., **constants)`` takes an array (frame, some atoms, ...) for each
        input. With `combine` it gives their state, a tuple of numbers and arrays; without, an
        array with the value of each of these atoms (atom, ...).
    variables : Variable or sequence of Variable
        What the results are; without `combine` one, with ``atom`` as its first dim.
    combine : callable, optional
        ``combine(state, next_state)`` gives the state of both: another tuple, since the arrays of
        these cannot be changed.
    finalize : callable, optional
        ``finalize(state, **constants)`` gives the result: an array, or for several variables
        arrays by their names.
    state : type
        The NamedTuple that `partial` gives; ``tuple`` if it gives no named one.
    dtype : dtype
        Of the results.
    """

    partial: Callable[..., Any]
    variables: Variable | Sequence[Variable]
    combine: Callable[[Any, Any], State] | None = None
    finalize: Callable[..., Any] | None = None
    state: type[tuple[Any, ...]] = tuple
    dtype: DTypeLike = np.float64

    def __call__(
        self, *arrays: xr.DataArray, coords: Coordinates | None = None, **constants: Any
    ) -> Any:
        """Apply it to all times of every atom.

        Parameters
        ----------
        *arrays : DataArray
            The inputs, with dims ``frame``, ``atom`` and others.
        coords, **constants
            As for a `Reduction`.

        Returns
        -------
        DataArray or Dataset
            A DataArray of one variable, a Dataset of several; lazy if an input is.

        Raises
        ------
        ValueError
            There are no frames or no atoms, or inputs do not fit together.
        TypeError
            When computed: a state is not what was declared.
        """
        variables = as_tuple(self.variables)
        what = variables[0].name
        check_inputs(what, arrays, ("frame", "atom"))
        if self.combine is None:
            check_first_dim(variables[0], "atom")
        for dim in ("frame", "atom"):
            if not arrays[0].sizes[dim]:
                raise ValueError(f"{what}: there are no {dim}s")
        given = coordinates(coords)
        shapes = tuple(result_shape(variable, arrays[0], given) for variable in variables)
        dtypes = (np.dtype(self.dtype),) * len(variables)
        datas = [array.data for array in arrays]
        size = atoms_of_a_block(datas)
        work = _SeriesWork(
            self.partial,
            self.combine is not None,
            self.state,
            dtypes[0],
            constants,
            what,
            shapes[0][1:],
        )
        lazy = not in_memory(datas)
        values: Sequence[Any]
        if self.combine is None:
            values = [_values_of_atoms(datas, size, work, variables[0], shapes[0])]
        else:
            finish = Finish(
                self.combine, self.finalize or _only, variables, dtypes, shapes, constants
            )
            if lazy:
                values = lazy_values(
                    _lazy_blocks(datas, size, work, variables[0], (), object), finish
                )
            else:
                boxes = [work(start // size, *cut) for start, cut in _cut(datas, size)]
                values = finish.values(boxes)
        return labelled_as_declared(values, self.variables, arrays[0], given)


def atoms_of_a_block(datas: Sequence[Any]) -> int:
    """Return how many atoms are taken at a time: decided by the number of frames alone."""
    numbers = sum(int(np.prod(data.shape[2:])) * data.shape[0] for data in datas)
    return how_many(numbers, PIECE_BYTES)


@dataclass(frozen=True)
class _SeriesWork:
    partial: Callable[..., Any]
    has_state: bool
    state: type[tuple[Any, ...]]
    dtype: np.dtype[Any]
    constants: Mapping[str, Any]
    what: str
    rest: tuple[int, ...]
    """Without a state, the shape of an atom's value."""

    def __call__(self, block: int, *arrays: Array) -> Array:
        values = Piece(0, arrays).call(self.partial, self.constants)
        if not self.has_state:
            shape = (arrays[0].shape[1], *self.rest)
            return fitting(values, shape, self.dtype, self.what)
        state = checked_state(values, self.state, "series")
        return boxed({(0, block): made_of(self.state, state)})

    def to_arrays(self, block: Array) -> dict[str, Array]:
        return tree_to_arrays(block[0])

    def of_arrays(self, arrays: Mapping[str, Array]) -> Array:
        return boxed(tree_of_arrays(arrays, self.state))


def _cut(datas: Sequence[Array], size: int) -> list[tuple[int, list[Array]]]:
    n_atoms = datas[0].shape[1]
    return [
        (start, [np.ascontiguousarray(data[:, start : start + size]) for data in datas])
        for start in range(0, n_atoms, size)
    ]


def _values_of_atoms(
    datas: Sequence[Any], size: int, work: _SeriesWork, variable: Variable, shape: tuple[int, ...]
) -> Any:
    if not in_memory(datas):
        return _lazy_blocks(datas, size, work, variable, shape[1:], work.dtype)
    parts = [work(start // size, *cut) for start, cut in _cut(datas, size)]
    return np.concatenate([np.empty((0, *shape[1:]), work.dtype), *parts])


def _lazy_blocks(
    datas: Sequence[Any],
    size: int,
    work: _SeriesWork,
    variable: Variable,
    rest: tuple[int, ...],
    dtype: DTypeLike,
) -> da.Array:
    by_atoms = [
        da.asarray(data).rechunk({0: -1, 1: size} | dict.fromkeys(range(2, data.ndim), -1))
        for data in common_chunks(datas)
    ]
    shared = constant(work)
    name = f"{variable.name}-series-{tokenize([data.name for data in by_atoms], shared.key)}"
    atoms = by_atoms[0].chunks[1]
    place = (0,) * len(rest)
    tasks = {
        (name, i, *place): Task(
            (name, i, *place),
            _SeriesWork.__call__,
            *(TaskRef(shared.key), i),
            *(TaskRef((data.name, 0, i, *(0,) * (data.ndim - 2))) for data in by_atoms),
        )
        for i in range(len(atoms))
    }
    per_atom = (1,) * len(atoms) if work.has_state else atoms
    chunks = (per_atom, *((length,) for length in rest))
    return new_array(name, tasks, [shared, *by_atoms], chunks, dtype)


def _only(state: State, **_: Any) -> Any:
    (value,) = state
    return value

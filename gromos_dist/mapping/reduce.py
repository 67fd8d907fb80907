"""Reductions: one value, or several, of all frames."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, DTypeLike

from gromos_dist.mapping.atoms import naming_atoms
from gromos_dist.mapping.blocks import (
    PIECE_BYTES,
    Array,
    Piece,
    boxed,
    common_chunks,
    computed_now,
    how_many,
    in_memory,
    over_blocks,
    read_only,
)
from gromos_dist.mapping.checks import check_inputs
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
    Tree,
    checked_state,
    join,
    lazy_values,
    made_of,
    merge,
    tree_of_arrays,
    tree_to_arrays,
    unboxed,
)
from gromos_dist.variables import Variable


@dataclass(frozen=True)
class Reduction:
    """One value, or several, of all frames.

    Blocks of `reduction_block` frames, counted from the first frame, are combined in a fixed
    binary tree, so the result does not depend on chunks, scheduler or workers.

    Parameters
    ----------
    partial : callable
        ``partial(block, ..., **constants)`` gives the state of a block of frames: a tuple of
        numbers and arrays, a NamedTuple for example: it can be stored, and so a killed
        reduction goes on. It gets ``weights=``, a value a frame, when the record is called with
        them.
    combine : callable
        ``combine(state, next_state)`` gives the state of both: another tuple, since the arrays of
        these cannot be changed.
    finalize : callable
        ``finalize(state, **constants)`` gives the result: an array, or for several variables
        arrays by their names.
    variables : Variable or sequence of Variable
        What the results are.
    state : type
        The NamedTuple that `partial` gives; ``tuple`` if it gives no named one.
    dtype : dtype
        Of the results.
    begin : callable, optional
        ``begin(**constants)`` gives, once for every task, the constants of `partial`. None says
        that the result is known without the frames: none is read, and `finalize` is given None
        as the state. With constants that are results of another reduction, passes over the frames
        can so follow each other until nothing changes any more.
    dtypes : mapping of str to dtype, optional
        Of those variables that have another one.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from gromos_dist.mapping import Reduction, Variable
    >>> mean = Reduction(
    ...     partial=lambda block: (len(block), block.sum(axis=0, dtype=float)),
    ...     combine=lambda one, other: (one[0] + other[0], one[1] + other[1]),
    ...     finalize=lambda state: state[1] / state[0],
    ...     variables=Variable("mean_position", ("atom", "xyz"), "f", "nm", "mean position"),
    ... )
    >>> mean(xr.DataArray(np.ones((4, 5, 3)), dims=("frame", "atom", "xyz"))).dims
    ('atom', 'xyz')
    """

    partial: Callable[..., State]
    combine: Callable[[Any, Any], State]
    finalize: Callable[..., Any]
    variables: Variable | Sequence[Variable]
    state: type[tuple[Any, ...]] = tuple
    dtype: DTypeLike = np.float64
    dtypes: Mapping[str, DTypeLike] = field(default_factory=dict)
    begin: Callable[..., Mapping[str, Any] | None] | None = None

    def __call__(
        self,
        *arrays: xr.DataArray,
        coords: Coordinates | None = None,
        weights: xr.DataArray | ArrayLike | None = None,
        **constants: Any,
    ) -> Any:
        """Reduce all frames.

        Parameters
        ----------
        *arrays : DataArray
            The inputs; their first dim is ``frame``, and they have the same frames.
        coords : mapping, optional
            Coordinates of the result, as xarray takes them; they tell the lengths of dims that the
            inputs have not.
        weights : (frame,) array, optional
            How much every frame counts.
        **constants
            Passed to `partial` and `finalize`; they enter the graph once. A DataArray is passed as
            a NumPy array: a lazy one, such as the result of another reduction, is computed first,
            and the frames are read in a pass of their own.

        Returns
        -------
        DataArray or Dataset
            A DataArray of one variable, a Dataset of several; lazy if an input is.

        Raises
        ------
        ValueError
            There are no frames, the inputs have different ones, or not one finite weight a frame.
        TypeError
            `weights` were given and `partial` takes none, or a state is no tuple.
        """
        variables = as_tuple(self.variables)
        what = variables[0].name
        check_inputs(what, arrays, ("frame",))
        n_frames = arrays[0].sizes["frame"]
        if n_frames == 0:
            raise ValueError(f"{what}: there are no frames to reduce")
        given = coordinates(coords)
        constants, awaited = _known_and_awaited(constants)
        finish = Finish(
            combine=self.combine,
            finalize=self.finalize,
            variables=variables,
            dtypes=tuple(np.dtype(self.dtypes.get(v.name, self.dtype)) for v in variables),
            shapes=tuple(result_shape(variable, arrays[0], given) for variable in variables),
            constants=constants,
        )
        datas = [array.data for array in arrays]
        job = ReductionJob(
            naming_atoms(self.partial, arrays),
            self.combine,
            self.state,
            reduction_block(datas),
            self._checked(weights, arrays[0], what),
            self.begin,
        )
        if awaited:
            datas = [data if isinstance(data, da.Array) else da.asarray(data) for data in datas]
        datas = common_chunks(datas, multiple_of=job.multiple_of)
        values: Sequence[Any]
        if in_memory(datas):
            values = finish.values([computed_now(job, datas, constants, (1,))])
        else:
            trees = over_blocks(
                *(what, job, datas, constants, awaited), rest=(), per_block=True, dtype=object
            )
            values = lazy_values(trees, finish, awaited)
        return labelled_as_declared(values, self.variables, arrays[0], given)

    def _checked(
        self, weights: xr.DataArray | ArrayLike | None, array: xr.DataArray, what: str
    ) -> Array | None:
        if weights is None:
            return None
        taken = inspect.signature(self.partial).parameters
        if "weights" not in taken and not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
            raise TypeError(f"{what}: weights were given, but its partial takes none")
        n_frames = array.sizes["frame"]
        if isinstance(weights, xr.DataArray):
            check_inputs(f"{what}: weights", [weights], ("frame",))
            # They are taken in their order: what says that this is another one is an error.
            for name in weights.coords.keys() & array.coords.keys():
                of_frames = weights.coords[name].dims == array.coords[name].dims == ("frame",)
                if of_frames and not np.array_equal(weights.coords[name], array.coords[name]):
                    raise ValueError(f"{what}: the weights are of other frames: {name} differs")
        values = np.asarray(weights, np.float64)
        if values.shape != (n_frames,) or not np.isfinite(values).all():
            raise ValueError(
                f"{what}: expected a finite weight for each of {n_frames} frames, got shape "
                f"{values.shape}"
                + ("" if np.isfinite(values).all() else ", some of them not finite")
            )
        return values


def _known_and_awaited(constants: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, da.Array]]:
    """Return constants that are there, and those that are computed first, each of one chunk."""
    known, awaited = {}, {}
    for name, value in constants.items():
        if not isinstance(value, xr.DataArray):
            known[name] = value
        elif isinstance(value.data, da.Array):
            awaited[name] = value.data.rechunk(value.shape) if value.ndim else value.data
        else:
            (known[name],) = read_only([value.values])
    return known, awaited


def reduction_block(datas: Sequence[Any]) -> int:
    """Return how many frames are reduced at a time: decided by the size of a frame alone."""
    values = sum(int(np.prod(data.shape[1:])) for data in datas)
    return how_many(values, PIECE_BYTES)


@dataclass(frozen=True)
class ReductionJob:
    """From pieces of a block to its tree of states."""

    partial: Callable[..., State]
    combine: Callable[[Any, Any], State]
    state: type[tuple[Any, ...]]
    multiple_of: int
    weights: Array | None
    begin: Callable[..., Mapping[str, Any] | None] | None = None
    wants_previous = False

    def collector(self, constants: Mapping[str, Any], shape: tuple[int, ...]) -> _Reducing:  # noqa: ARG002
        """Begin a tree."""
        return _Reducing(self, constants)

    def state_of(self, piece: Piece, constants: Mapping[str, Any]) -> State:
        """Return the state of one block of frames."""
        if self.weights is not None:
            frames = slice(piece.first_frame, piece.first_frame + len(piece))
            constants = {**constants, "weights": self.weights[frames]}
        state = piece.call(self.partial, constants)
        state = checked_state(state, self.state, "reduction")
        return made_of(self.state, (_own(value, piece.arrays) for value in state))

    def joined(self, blocks: Sequence[Array]) -> Array:
        """Return the trees of several blocks as one."""
        return boxed(merge(self.combine, unboxed(blocks)))

    def following(self, _: DTypeLike) -> None:
        """No digits follow from a state."""

    def to_arrays(self, block: Array) -> dict[str, Array]:
        """Return plain arrays that stand for a block, so that it can be stored."""
        return tree_to_arrays(block[0])

    def of_arrays(self, arrays: Mapping[str, Array]) -> Array:
        """Return the block of which `to_arrays` made these."""
        return boxed(tree_of_arrays(arrays, self.state))


class _Reducing:
    def __init__(self, job: ReductionJob, constants: Mapping[str, Any]) -> None:
        self._job = job
        begun = constants if job.begin is None else job.begin(**constants)
        self.wants_frames = begun is not None
        self._constants = begun or {}
        self._tree: Tree = {}

    def take(self, piece: Piece) -> None:
        job = self._job
        for block in piece.split(job.multiple_of):
            leaf = (0, block.first_frame // job.multiple_of)
            state = job.state_of(block, self._constants)
            self._tree = join(job.combine, self._tree, {leaf: state})

    def result(self) -> Array:
        return boxed(self._tree)


def _own(value: Any, arrays: Sequence[Array]) -> Any:
    """Return a value that stays when the piece's memory is used again."""
    if isinstance(value, np.ndarray) and any(np.may_share_memory(value, a) for a in arrays):
        return value.copy()
    return value

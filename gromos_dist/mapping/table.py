"""Tables: rows of all frames together, of which nobody knows how many there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike

from gromos_dist.mapping.atoms import naming_atoms
from gromos_dist.mapping.blocks import Array, common_chunks, computed_now, in_memory, over_blocks
from gromos_dist.mapping.checks import check_inputs
from gromos_dist.mapping.reduce import ReductionJob, reduction_block
from gromos_dist.mapping.rows import LazyRows
from gromos_dist.mapping.tree import OPEN, Finish, State, lazy_box
from gromos_dist.variables import Variable


@dataclass(frozen=True)
class Table:
    """Rows of all frames together, such as the bonds that occur: a `Reduction` of open length.

    Of lazy input it gives a `LazyTable`, since nobody knows yet how many rows there are.

    Parameters
    ----------
    partial, combine, state
        As of a `Reduction`.
    finalize : callable
        ``finalize(state, **constants)`` gives for each column, by name, an array of one dim.
    columns : sequence of Variable
        What is known of a row; all have the same dim alone.
    dtypes : mapping of str to dtype, optional
        Of columns that are not float64 (kind ``"f"``) or int64 (kind ``"i"``).
    named : callable, optional
        ``named(columns, **constants)`` gives what each row is called: the coordinate of the dim.
    """

    partial: Callable[..., State]
    combine: Callable[[Any, Any], State]
    finalize: Callable[..., Mapping[str, Array]]
    columns: Sequence[Variable]
    state: type[tuple[Any, ...]] = tuple
    dtypes: Mapping[str, DTypeLike] = field(default_factory=dict)
    named: Callable[..., Sequence[str]] | None = None

    def __call__(self, *arrays: xr.DataArray, **constants: Any) -> Any:
        """Reduce all frames to a table.

        Parameters
        ----------
        *arrays : DataArray
            The inputs; their first dim is ``frame``, and they have the same frames.
        **constants
            Passed to `partial`, `finalize` and `named`; they enter the graph once.

        Returns
        -------
        Dataset or LazyTable

        Raises
        ------
        ValueError
            There are no frames, or the inputs have different ones.
        """
        variables = tuple(self.columns)
        what = variables[0].name
        check_inputs(what, arrays, ("frame",))
        n_frames = arrays[0].sizes["frame"]
        if n_frames == 0:
            raise ValueError(f"{what}: there are no frames to reduce")
        usual: dict[str, DTypeLike] = {"f": np.float64, "i": np.int64, "b": np.bool_}
        dtypes = tuple(np.dtype(self.dtypes.get(v.name, usual[v.kind])) for v in variables)
        datas = [array.data for array in arrays]
        shapes = ((OPEN,),) * len(variables)
        finish = Finish(self.combine, self.finalize, variables, dtypes, shapes, constants)
        job = ReductionJob(
            naming_atoms(self.partial, arrays),
            self.combine,
            self.state,
            reduction_block(datas),
            None,
        )
        of_frames = {
            str(name): coord.variable
            for name, coord in arrays[0].coords.items()
            if coord.dims == ("frame",)
        }
        rows = _Rows(variables, dtypes, n_frames, of_frames, self.named, constants)
        datas = common_chunks(datas, multiple_of=job.multiple_of)
        if in_memory(datas):
            return rows.dataset([finish.boxed_values([computed_now(job, datas, constants, (1,))])])
        trees = over_blocks(what, job, datas, constants, rest=(), per_block=True, dtype=object)
        return LazyTable(lazy_box(trees, finish), datas[0].chunks[0], rows)


@dataclass(frozen=True)
class _Rows:
    """From columns to a Dataset."""

    variables: tuple[Variable, ...]
    dtypes: tuple[np.dtype[Any], ...]
    n_frames: int
    of_frames: Mapping[str, xr.Variable]
    named: Callable[..., Sequence[str]] | None
    constants: Mapping[str, Any]

    def dataset(self, boxes: Sequence[Array]) -> xr.Dataset:
        values = boxes[0][0] if len(boxes) else [np.empty(0, dtype) for dtype in self.dtypes]
        by_name = {v.name: value for v, value in zip(self.variables, values, strict=True)}
        variables = {v.name: (v.dims, by_name[v.name], v.attrs) for v in self.variables}
        found = xr.Dataset(variables)
        if self.named is None:
            return found
        names = np.asarray(self.named(by_name, **self.constants), np.str_)
        return found.assign_coords({self.variables[0].dims[0]: names})


class LazyTable(LazyRows):
    """A table whose rows are still to be found: `compute` gives the Dataset.

    A Dask collection: `dask.compute`, `gromos_dist.compute` and `gromos_dist.store` take it.
    """

"""Results as text: a row a frame, or atom, or event; numbers have the digits that give their bits.

Rows run along the first dim of the first variable. What has no dims is told after the rows.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from gromos_dist.beside import file_beside
from gromos_dist.distributed import take_blocks, work_of
from gromos_dist.mapping.data_frames import EDGE
from gromos_dist.progress import progress_bar
from gromos_dist.store.comments import write_histories
from gromos_dist.variables import labels_of

_MOST_COLUMNS = 1000
_ROWS_OF_A_BLOCK = 10_000
# Coordinates that tell rows apart, as the dim's own does: they come first.
_TELLING = ("frame", "time", "step", "atom_number")


@dataclass(frozen=True)
class _Table:
    """What goes where."""

    dataset: xr.Dataset
    row: Hashable | None
    """The dim along which rows run; None of a single row, of variables without dims."""
    columns: dict[str, list[str]]
    """For each variable, in the order of the columns, the columns' names."""
    scalars: list[str]
    """Variables and coordinates that are told after the rows."""

    @property
    def n_rows(self) -> int:
        return 1 if self.row is None else self.dataset.sizes[self.row]

    def by_row(self, name: str) -> xr.Variable:
        """Return a variable with the rows first."""
        variable = self.dataset[name].variable
        if self.row is None:
            return xr.Variable("row", variable.data.reshape(1), variable.attrs)
        return variable.transpose(self.row, ...)


def write(dataset: xr.Dataset, target: Path, overwrite: bool, progress: bool | None) -> None:
    """Write a result to the file `target`."""
    table = check(dataset, target)
    with (
        file_beside(target, overwrite) as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        told = [name for name in (*table.columns, *table.scalars) if name in dataset.variables]
        write_histories(file, table.dataset, told)
        names = itertools.chain.from_iterable(table.columns.values())
        csv.writer(file, lineterminator="\n").writerow(names)
        _write_rows(file, table, target.name, progress)


def check(dataset: xr.Dataset, target: Path) -> _Table:
    """Return how the table is made.

    Raises
    ------
    ValueError
        A variable has no place in such a table, or there are too many columns.
    """
    # The first event of each frame follows from the frame of each event.
    dataset = dataset.drop_dims(EDGE, errors="ignore")
    with_dims = {str(name): v for name, v in dataset.data_vars.items() if v.dims}
    if not with_dims:
        names = list(map(str, dataset.data_vars))
        return _Table(dataset, None, {name: [name] for name in names}, _alone(dataset.coords))
    first, array = next(iter(with_dims.items()))
    row = array.dims[0]
    outside = [name for name, v in with_dims.items() if row not in v.dims]
    if outside:
        raise ValueError(
            f"{target}: {', '.join(outside)} has no dim {str(row)!r}, so no place in a .csv with a "
            f"row for each {row}, as {first} has them; use .zarr or .nc, or store it in a .csv of "
            "its own"
        )
    sizes = {
        str(name): math.prod(size for dim, size in v.sizes.items() if dim != row)
        for name, v in with_dims.items()
    }
    telling = _telling(dataset, row)
    n_columns = len(telling) + sum(sizes.values())
    if n_columns > _MOST_COLUMNS:
        widest = max(sizes, key=lambda name: sizes[name])
        raise ValueError(
            f"{target}: {n_columns} columns are too many for .csv (at most {_MOST_COLUMNS}), of "
            f"which {widest} has {sizes[widest]}; use .zarr or .nc, or drop variables"
        )
    scalars = [*_alone(dataset.data_vars), *_alone(dataset.coords)]
    columns = {name: [name] for name in telling}
    columns |= {name: _labels(dataset, row, name) for name in with_dims}
    return _Table(dataset, row, columns, scalars)


def _alone(variables: Mapping[Any, xr.DataArray]) -> list[str]:
    """Return the names of those without dims."""
    return [str(name) for name, variable in variables.items() if not variable.dims]


def _telling(dataset: xr.Dataset, row: Hashable) -> list[str]:
    """Return the columns that tell rows apart: coordinates, or the rows' numbers if none does."""
    coordinates = [str(name) for name, v in dataset.coords.items() if v.dims == (row,)]
    order = (str(row), *_TELLING)
    coordinates.sort(key=lambda name: order.index(name) if name in order else len(order))
    are_told = any(name in order for name in coordinates)
    return coordinates if are_told else [str(row), *coordinates]


def _labels(dataset: xr.Dataset, row: Hashable, name: str) -> list[str]:
    """Return the names of a variable's columns: ``center_of_mass_x``, or numbers from 0."""
    along = [labels_of(dataset, dim) for dim in dataset[name].dims if dim != row]
    return ["_".join((name, *labels)) for labels in itertools.product(*along)]


def _write_rows(file: TextIO, table: _Table, title: str, progress: bool | None) -> None:
    variables = {name: table.by_row(name) for name in table.columns if name in table.dataset}
    lazy = {name: v for name, v in variables.items() if v.chunks is not None}
    rows = list(itertools.pairwise(_edges(lazy.values(), table.n_rows)))
    sizes = tuple(stop - start for start, stop in rows)
    arrays = [v.data.rechunk((sizes, *((-1,) * (v.ndim - 1)))) for v in lazy.values() if rows]
    scalars = {name: table.dataset[name].variable for name in table.scalars}
    later = {name: v.data for name, v in scalars.items() if v.chunks is not None}
    # All together, so that what they share is computed once.
    dims = [v.dims for v in lazy.values() if rows] + [()] * len(later)
    work = work_of([*arrays, *later.values()], dims)
    n = len(arrays)
    groups = [*zip(*work.blocks[:n], strict=True), *work.blocks[n:]]
    frames = [*map(sum, zip(*work.frames[:n], strict=True)), *map(sum, work.frames[n:])]
    n_of_rows = len(groups) - len(later)
    told = {name: v.values for name, v in scalars.items() if name not in later}
    writer = csv.writer(file, lineterminator="\n")
    waiting: dict[int, tuple[NDArray[Any], ...]] = {}
    following = 0

    def write_block(index: int, values: tuple[NDArray[Any], ...]) -> None:
        start, stop = rows[index]
        computed = dict(zip(lazy, values, strict=True))
        parts = []
        for name in table.columns:
            if name in computed:
                part = computed[name]
            elif name in variables:
                part = variables[name][start:stop].values
            else:
                part = np.arange(start, stop)
            parts.append(_text(part))
        writer.writerows(np.concatenate(parts, axis=1).tolist())

    def take(index: int, values: tuple[NDArray[Any], ...]) -> None:
        # Rows are written in order; a block that comes early waits.
        nonlocal following
        if index >= n_of_rows:
            told[list(later)[index - n_of_rows]] = values[0]
            return
        waiting[index] = values
        while following in waiting:
            write_block(following, waiting.pop(following))
            following += 1

    with progress_bar(title, work.total, show=progress, unit=work.unit) as advance:
        take_blocks([_together(*group) for group in groups], frames, take, advance, work.watchers)
    if not arrays:
        for index in range(len(rows)):
            write_block(index, ())
    for name in table.scalars:
        file.write(f"# {name} = {told[name].astype(str)}\n")


def _edges(lazy: Iterable[xr.Variable], n_rows: int) -> list[int]:
    """Return where the blocks of rows begin and end: those of the first lazy variable."""
    for variable in lazy:
        return sorted({0, *itertools.accumulate(variable.data.chunks[0])})
    return sorted({*range(0, n_rows, _ROWS_OF_A_BLOCK), n_rows})


def _gather(*parts: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return parts


_together = delayed(_gather, pure=False)


def _text(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as text, shape (rows, columns), with the digits that give the same bits."""
    return values.reshape(len(values), -1).astype(str).astype(object)

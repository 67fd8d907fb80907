"""Results as text: a row a frame, numbers with as many digits as give the same bits again."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from gromos_dist.beside import file_beside
from gromos_dist.distributed import take_blocks, to_blocks
from gromos_dist.progress import progress_bar
from gromos_dist.provenance import found_in

_MOST_COLUMNS = 1000
_ROWS_OF_A_BLOCK = 10_000


def write(dataset: xr.Dataset, target: Path, overwrite: bool, progress: bool | None) -> None:
    """Write a result to the file `target`."""
    columns = check(dataset, target)
    names = [name for of_variable in columns.values() for name in of_variable]
    with (
        file_beside(target, overwrite) as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        _write_header(file, dataset, list(columns))
        csv.writer(file, lineterminator="\n").writerow(names)
        _write_rows(file, dataset, list(columns), target.name, progress)


def check(dataset: xr.Dataset, target: Path) -> dict[str, list[str]]:
    """Return for each variable, in the order of the columns, the columns' names.

    Raises
    ------
    ValueError
        A variable has no place in such a table, or there are too many columns.
    """
    sizes = {
        str(name): variable.size // max(dataset.sizes["frame"], 1)
        for name, variable in dataset.variables.items()
        if "frame" in variable.dims
    }
    n_columns = sum(sizes.values())
    if n_columns > _MOST_COLUMNS:
        widest = max(sizes, key=lambda name: sizes[name])
        raise ValueError(
            f"{target}: {n_columns} columns are too many for .csv (at most {_MOST_COLUMNS}), of "
            f"which {widest} has {sizes[widest]}; use .zarr or .nc, or drop variables"
        )
    return _columns(dataset)


def _columns(dataset: xr.Dataset) -> dict[str, list[str]]:
    outside = [str(name) for name, v in dataset.data_vars.items() if "frame" not in v.dims]
    if outside:
        raise ValueError(
            f"{', '.join(outside)}: has no dim 'frame', so no place in a .csv with a row a frame; "
            "drop it, or use .zarr or .nc"
        )
    coordinates = [str(name) for name, v in dataset.coords.items() if v.dims == ("frame",)]
    order = {"time": 0, "step": 1}
    names = sorted(coordinates, key=lambda name: order.get(name, 2))
    columns = {name: _labels(dataset, name) for name in [*names, *map(str, dataset.data_vars)]}
    return columns if coordinates else {"frame": ["frame"], **columns}


def _labels(dataset: xr.Dataset, name: str) -> list[str]:
    """Return the names of a variable's columns: ``center_of_mass_x``, or numbers from 0."""
    array = dataset[name]
    along = []
    for dim in array.dims:
        if dim != "frame":
            labels = (
                dataset.coords[dim].values if dim in dataset.coords else range(array.sizes[dim])
            )
            along.append([str(label) for label in labels])
    return ["_".join((name, *labels)) for labels in itertools.product(*along)]


def _write_header(file: TextIO, dataset: xr.Dataset, names: list[str]) -> None:
    present = [name for name in names if name in dataset.variables]
    attrs = {"the whole": dataset.attrs, **{name: dataset[name].attrs for name in present}}
    histories = {name: str(of["history"]) for name, of in attrs.items() if "history" in of}
    _write_comments(file, "history", histories)
    units = {name: dataset[name].attrs.get("units") for name in present}
    listed = ", ".join(f"{name}={unit}" for name, unit in units.items() if unit)
    file.write(f"# units: {listed}\n")
    records = {name: found.text for name, of in attrs.items() if (found := found_in(of))}
    _write_comments(file, "provenance", records)


def _write_comments(file: TextIO, what: str, texts: dict[str, str]) -> None:
    """Write a line for each text; a single one where all are the same."""
    if len(set(texts.values())) == 1:
        texts = {"": next(iter(texts.values()))}
    for name, text in texts.items():
        title = f"{what} of {name}" if name else what
        file.write(f"# {title}: {' '.join(text.splitlines())}\n")


def _write_rows(
    file: TextIO, dataset: xr.Dataset, names: list[str], title: str, progress: bool | None
) -> None:
    frames = dataset.sizes["frame"]
    edges = _edges(dataset)
    variables = {name: _by_row(dataset, name) for name in names if name in dataset.variables}
    lazy = {name: v for name, v in variables.items() if v.chunks is not None}
    rows = list(itertools.pairwise(edges))
    sizes = tuple(stop - start for start, stop in rows)
    arrays = [v.data.rechunk((sizes, *((-1,) * (v.ndim - 1)))) for v in lazy.values() if rows]
    tasks = to_blocks(arrays)
    blocks = [_together(*parts) for parts in zip(*tasks, strict=True)] if rows and lazy else []
    writer = csv.writer(file, lineterminator="\n")
    waiting: dict[int, tuple[NDArray[Any], ...]] = {}
    following = 0

    def write_block(index: int, values: tuple[NDArray[Any], ...]) -> None:
        start, stop = rows[index]
        computed = dict(zip(lazy, values, strict=True))
        parts = []
        for name in names:
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
        waiting[index] = values
        while following in waiting:
            write_block(following, waiting.pop(following))
            following += 1

    with progress_bar(title, frames, show=progress) as advance:
        if lazy:
            take_blocks(blocks, [stop - start for start, stop in rows], take, advance)
        else:
            for index, (start, stop) in enumerate(rows):
                write_block(index, ())
                advance(stop - start)


def _by_row(dataset: xr.Dataset, name: str) -> xr.Variable:
    return dataset[name].variable.transpose("frame", ...)


def _edges(dataset: xr.Dataset) -> list[int]:
    """Return where the blocks of rows begin and end: those of the first lazy variable."""
    frames = dataset.sizes["frame"]
    for variable in dataset.variables.values():
        if variable.chunks is not None and "frame" in variable.dims:
            sizes = variable.chunksizes["frame"]
            return sorted({0, *itertools.accumulate(sizes)})
    return sorted({*range(0, frames, _ROWS_OF_A_BLOCK), frames})


def _gather(*parts: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return parts


_together = delayed(_gather, pure=False)


def _text(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as text, shape (rows, columns), with the digits that give the same bits."""
    return values.reshape(len(values), -1).astype(str).astype(object)

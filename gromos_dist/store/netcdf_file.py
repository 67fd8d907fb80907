"""Results in netCDF 4: one file, written by this process as the blocks come."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import xarray as xr

from gromos_dist.beside import file_beside
from gromos_dist.distributed import block_slices, put_block, take_blocks, work_of
from gromos_dist.progress import progress_bar
from gromos_dist.provenance import Provenance
from gromos_dist.store.coordinates import in_memory
from gromos_dist.store.layout import rows_of_a_chunk

_CHUNK_BYTES = 128 * 2**20


def write(dataset: xr.Dataset, target: Path, overwrite: bool, progress: bool | None) -> None:
    """Write a result to the file `target`."""
    lazy = {str(name): v for name, v in dataset.variables.items() if v.chunks is not None}
    others = dataset.drop_vars(list(lazy))
    others.attrs = _attributes(dataset.attrs)
    for variable in others.variables.values():
        variable.attrs = _attributes(variable.attrs)
    with file_beside(target, overwrite) as path:
        others.to_netcdf(path, engine="h5netcdf", format="NETCDF4")
        with h5netcdf.File(path, "a") as file:
            for name in lazy:
                _create(file, dataset[name])
            _fill(file, lazy, target.name, progress)


def open_file(path: Path) -> xr.Dataset:
    """Open a stored result lazily; see `open_store`."""
    dataset: xr.Dataset = xr.open_dataset(path, engine="h5netcdf")
    coords = {name: in_memory(coordinate) for name, coordinate in dataset.coords.items()}
    lazy = dataset.drop_vars(list(coords))
    return lazy.chunk(_chunks(lazy)).assign_coords(coords)


def _chunks(dataset: xr.Dataset) -> dict[Hashable, int]:
    """Return into how many rows to cut what is along the first dims."""
    bytes_of_a_row: dict[Hashable, int] = {}
    for variable in dataset.data_vars.values():
        if variable.ndim:
            row = variable.nbytes // max(len(variable), 1)
            dim = variable.dims[0]
            bytes_of_a_row[dim] = max(bytes_of_a_row.get(dim, 1), row)
    return {dim: max(1, _CHUNK_BYTES // row) for dim, row in bytes_of_a_row.items()}


def _create(file: Any, array: xr.DataArray) -> None:
    for dim, size in array.sizes.items():
        if dim not in file.dimensions:
            file.dimensions[str(dim)] = size
    # netCDF has no booleans; xarray's own convention is used.
    is_bool = array.dtype.kind == "b"
    dtype = np.dtype(np.int8) if is_bool else array.dtype
    options: dict[str, Any] = {}
    if "precision" in array.attrs and array.ndim and array.size:
        # Rounded numbers end in zero bits, which compress well when these lie together.
        rows = rows_of_a_chunk(array.data.chunks[0][0], array.nbytes // len(array))
        options = {
            **{"compression": "gzip", "compression_opts": 4, "shuffle": True},
            "chunks": (rows, *array.shape[1:]),
        }
    created = file.create_variable(str(array.name), tuple(map(str, array.dims)), dtype, **options)
    coordinates = [str(name) for name in array.coords if name not in (*array.dims, array.name)]
    attributes = _attributes(array.attrs)
    if is_bool:
        attributes["dtype"] = "bool"
    if coordinates:
        attributes["coordinates"] = " ".join(coordinates)
    for name, value in attributes.items():
        created.attrs[name] = value


def _fill(file: Any, lazy: Mapping[str, xr.Variable], title: str, progress: bool | None) -> None:
    arrays = [variable.data for variable in lazy.values()]
    work = work_of(arrays, [variable.dims for variable in lazy.values()])
    places = [
        (file[name], region)
        for name, array in zip(lazy, arrays, strict=True)
        for region in block_slices(array.chunks)
    ]

    def take(index: int, value: Any) -> None:
        variable, region = places[index]
        put_block(variable, region, value)

    blocks, frames = chain.from_iterable(work.blocks), chain.from_iterable(work.frames)
    with progress_bar(title, work.total, show=progress, unit=work.unit) as advance:
        take_blocks(list(blocks), list(frames), take, advance, work.watchers)


def _attributes(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes as netCDF knows them: no booleans, None or mappings."""
    found: dict[str, Any] = {}
    for name, value in attrs.items():
        if isinstance(value, bool | np.bool_):
            found[str(name)] = np.int8(value)
        elif isinstance(value, Provenance):
            found[str(name)] = value.text
        elif value is None or isinstance(value, Mapping):
            found[str(name)] = json.dumps(value)
        else:
            found[str(name)] = value
    return found

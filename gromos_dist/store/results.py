"""The two doors: `store` writes a result by the suffix of its path, `open_store` opens one."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gromos_dist.beside import refuse_existing
from gromos_dist.distributed import compute
from gromos_dist.io.registry import WRITABLE
from gromos_dist.io.rounding import binary_precision, check_precision, rounded
from gromos_dist.mapping import LazyRows
from gromos_dist.mapping.data_frames import EDGE
from gromos_dist.provenance import restored
from gromos_dist.store import trajectory_file
from gromos_dist.store.sources import refuse_own_source

# The modules of the formats, imported when one is written: their libraries take long to import.
# Those of text have no place for every result.
_FORMATS = {
    ".zarr": "gromos_dist.store.zarr_folder",
    ".nc": "gromos_dist.store.netcdf_file",
    ".csv": "gromos_dist.store.csv_file",
    ".xvg": "gromos_dist.store.xvg_file",
}
_TEXT = (".csv", ".xvg")
_NUMBERS = "biufc"

Result = xr.DataArray | xr.Dataset | LazyRows
Results = Result | Mapping[str, xr.DataArray | xr.Dataset]


def store(
    result: Results,
    path: str | Path,
    *,
    precision: float | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Path:
    """Compute a result, several, or a trajectory, and write them, where the scheduler says.

    Memory holds only the blocks that are being computed; of events and curves, all. ``.zarr``,
    ``.nc``, ``.csv`` and ``.xvg`` store the values to the bit. Several results of the same files
    are computed together.

    Parameters
    ----------
    result : DataArray, Dataset, LazyEvents, LazyTable or mapping
        Lazy (Dask) or in memory, of any dims. A mapping of names to results: a DataArray gets the
        name, the variables of a Dataset keep theirs.
    path : path
        The suffix says the format:

        - ``.zarr`` (a folder, Zarr 3): each block is written by the worker that computed it, as
          one file. A run that was killed, at any moment, goes on when the same call is made
          again, computes only the blocks that are missing and ends in the same bytes: also of a
          reduction, a series or events, whose blocks are kept in the store until it is complete.
          The same call of a finished store looks at every block, and computes those that are not
          what was written. All workers must see the folder under this path.
        - ``.nc`` (netCDF 4) and ``.csv``: written by this process under another name, then
          renamed. A killed run leaves nothing and begins anew.
          A CSV has a row for each frame, atom, distance, event, ...: along the first dim of the
          first variable, which all others must have. Coordinates of the rows are columns, and so
          is each value of the other dims. Variables and coordinates without dims are written as
          ``# name = value`` after the rows; if there are no other variables, these are the one row.
        - ``.xvg`` (Grace, as the tools around GROMACS read it): curves along the first dim of the
          first variable, one for each value of the other dims, at most 60: against time, atoms,
          distances or other numbers. Title, axes and legends have names and units; what is NaN is
          written as ``nan``.
        - ``.trc``, ``.dcd``, ``.xtc`` and the other trajectory formats: for a Dataset with
          positions, velocities or forces. Frames are read and encoded in parallel and written in
          their order by this process, under another name, then renamed.
    precision : float, optional
        Round positions to so many nm. In ``.zarr`` and ``.nc`` it is the power of two below
        (0.001 becomes 1/1024), and the array is compressed; the attribute ``precision`` tells.
    overwrite : bool
        Replace what `path` holds, and begin an unfinished store anew. A folder is only replaced
        if it is a store that this function made.
    progress : bool, optional
        None: a bar if standard error is a terminal or a notebook. True, False: always, never.

    Returns
    -------
    Path
        Where the result is.

    Raises
    ------
    ValueError
        Another suffix; a result that cannot be stored, or that is still to be read from `path`;
        an unfinished store of another run, with what differs.
    FileExistsError
        There is something at `path` already, and it is not this result.
    FileNotFoundError
        The folder of `path` does not exist.
    BlockingIOError
        Another run is writing to `path`.
    StoreError
        The metadata of the store at `path` are damaged.
    OSError
        The disk is full.

    Warns
    -----
    UserWarning
        A trajectory format has no place for some of the variables, or for these times.

    Examples
    --------
    >>> import dask.array as da, tempfile, xarray as xr
    >>> lazy = xr.DataArray(da.arange(4.0, chunks=2), dims="frame", name="rmsd")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = store(lazy, f"{folder}/rmsd.zarr")
    ...     float(open_store(path).rmsd.max())
    3.0
    """
    target = _target(path)
    check_precision(precision)
    dataset = _dataset(result)
    refuse_own_source(_graphs(result if isinstance(result, LazyRows) else dataset), target)
    if target.suffix not in _FORMATS:
        trajectory_file.write(dataset, target, overwrite, progress, precision)
        return Path(path)
    if precision is not None:
        dataset = _with_precision(dataset, precision, target)
    storable: Any = dataset
    if isinstance(result, LazyRows):
        if target.suffix != ".zarr":
            refuse_existing(target, overwrite)
        # Only a folder has a place for what is found, until all is.
        storable = result.assign_attrs(**dataset.attrs)
        if target.suffix != ".zarr":
            storable = _dataset(compute(result, progress=progress))
    import_module(_FORMATS[target.suffix]).write(storable, target, overwrite, progress)
    return Path(path)


def _graphs(result: xr.Dataset | LazyRows) -> list[Any]:
    if isinstance(result, LazyRows):
        return [result.__dask_graph__()]
    variables = result.variables.values()
    return [variable.data.__dask_graph__() for variable in variables if variable.chunks is not None]


def check_storable(result: Results, path: str | Path) -> None:
    """Refuse what `store` would refuse because of the result or its format, computing nothing.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        As `store`.
    """
    target = _target(path)
    dataset = _dataset(result)
    if target.suffix in _TEXT:
        import_module(_FORMATS[target.suffix]).check(dataset, target)


def open_store(path: str | Path, *, allow_unfinished: bool = False) -> xr.Dataset:
    """Open a ``.zarr`` or ``.nc`` that `store` wrote, lazily.

    Parameters
    ----------
    path : path
        The folder, or the file of a ``.nc``.
    allow_unfinished : bool
        Open a store that is not complete too: what is missing reads as NaN, or 0 in integers.

    Returns
    -------
    Dataset
        Chunked as it was computed; of a ``.nc`` in frames as Dask finds suitable.

    Raises
    ------
    ValueError
        The store is unfinished, and how much of it is done; or it is not a store.
    StoreError
        A file is missing, or has another size than was written. One that has other bytes is found
        when it is read, with the same error. Of blocks of 8 MiB and more, whole ones are compared
        with the store's own list, parts with the checksums of their chunks.
    FileNotFoundError
        There is nothing at `path`.
    """
    # Blocks are read later, and by workers that were started elsewhere.
    target = Path(path).absolute()
    dataset: xr.Dataset
    if target.is_file():
        if target.suffix != ".nc":
            raise ValueError(f"{path} is not a store, which is a folder; {_advice(target)}")
        dataset = import_module(_FORMATS[".nc"]).open_file(target)
    else:
        dataset = import_module("gromos_dist.store.zarr_reading").open_folder(
            target, allow_unfinished
        )
    return _with_provenance(dataset)


def _advice(path: Path) -> str:
    """Return how a file is read that is no store."""
    if path.suffix == ".csv":
        return f"read it with pandas.read_csv({os.fspath(path)!r}, comment='#')"
    if path.suffix == ".xvg":
        return f"read it with numpy.loadtxt({os.fspath(path)!r}, comments=('#', '@'))"
    if trajectory_file.can_write(path):
        return f"read it with gromos_dist.open_trajectory({os.fspath(path)!r})"
    return "expected the name of a .zarr or .nc"


def _target(path: str | Path) -> Path:
    name = os.fspath(path)
    if "://" in name:
        raise ValueError(f"{name}: results are stored in local paths only, not at addresses")
    target = Path(os.path.realpath(name))
    if target.suffix not in _FORMATS and not trajectory_file.can_write(target):
        known = ", ".join([*_FORMATS, *sorted(WRITABLE)])
        raise ValueError(f"{name}: no format for the suffix {target.suffix!r}; known: {known}")
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist", str(target.parent))
    return target


def _dataset(result: Any) -> xr.Dataset:
    """Return the result as a Dataset that can be stored; of lazy events one that has none yet."""
    if isinstance(result, LazyRows):
        result = result.made_of([])
    elif isinstance(result, Mapping) and not isinstance(result, xr.Dataset):
        result = _together(result)
    if isinstance(result, xr.DataArray):
        if result.name is None:
            raise ValueError("the result has no name; give it one, for example .rename('rmsd')")
        result = result.to_dataset()
    if not isinstance(result, xr.Dataset):
        raise TypeError(
            "expected a DataArray, a Dataset, events, or a mapping of names to such, got "
            f"{type(result).__name__}"
        )
    if not result.data_vars:
        raise ValueError("expected a result, got a Dataset without variables")
    # Dataset.chunk makes names of atoms lazy as well.
    lazy = [
        name
        for name, coordinate in result.coords.items()
        if coordinate.chunks is not None and coordinate.dtype.kind not in _NUMBERS
    ]
    result = result.assign_coords({name: result[name].compute() for name in lazy})
    for name, variable in result.variables.items():
        _check(name, variable, name in result.data_vars)
    return _with_provenance(result.drop_encoding())


def _with_provenance(dataset: xr.Dataset) -> xr.Dataset:
    """Have the provenance in the form that it had before a file, and no other."""
    dataset = dataset.copy(deep=False)
    dataset.attrs = restored(dataset.attrs)
    for variable in dataset.variables.values():
        variable.attrs = restored(variable.attrs)
    return dataset


def _together(results: Mapping[str, Any]) -> xr.Dataset:
    """Return several results as one Dataset.

    Raises
    ------
    ValueError
        Two have the same name, or other coordinates of the same dim.
    """
    whole = xr.Dataset()
    for name, result in results.items():
        if _are_events(result):
            raise TypeError(f"{name}: store events at a path of their own")
        if isinstance(result, xr.DataArray):
            one = result.rename(name).to_dataset()
        elif isinstance(result, xr.Dataset):
            one = result.drop_attrs(deep=False)
        else:
            raise TypeError(
                f"{name}: expected a DataArray or a Dataset, got {type(result).__name__}"
            )
        twice = [str(variable) for variable in one.data_vars if variable in whole.variables]
        if twice:
            raise ValueError(f"{name}: there is a {twice[0]} already; rename one")
        try:
            whole = xr.merge(
                [whole, one], compat="equals", join="exact", combine_attrs="drop_conflicts"
            )
        except ValueError as error:
            raise ValueError(
                f"{name} does not go together with {', '.join(map(str, whole.data_vars))}: "
                f"{error}. Rename its dims and coordinates, or store it at a path of its own"
            ) from error
    return whole


def _are_events(result: Any) -> bool:
    return isinstance(result, LazyRows) or (isinstance(result, xr.Dataset) and EDGE in result.dims)


def _with_precision(dataset: xr.Dataset, precision: float, target: Path) -> xr.Dataset:
    """Round the positions to multiples of a power of two, so that they compress well."""
    if "positions" not in dataset or target.suffix in _TEXT:
        raise ValueError(
            f"{target}: precision={precision} rounds the positions of a trajectory, of which there "
            "are none here"
        )
    step = binary_precision(precision)
    positions = dataset["positions"].variable
    if positions.chunks is None:
        data = rounded(positions.values, step)
    else:
        data = positions.data.map_blocks(rounded, step, dtype=positions.dtype)
    attrs = {**positions.attrs, "precision": step}
    return dataset.assign(positions=xr.Variable(positions.dims, data, attrs))


def _check(name: Any, variable: xr.Variable, is_data: bool) -> None:
    if not isinstance(name, str) or not name or "/" in name or name.startswith("."):
        raise ValueError(f"{name!r} cannot be the name of a stored variable; rename it")
    if variable.chunks is not None and any(np.isnan(size) for size in sum(variable.chunks, ())):
        raise ValueError(
            f"{name}: the sizes of its chunks are not known; "
            "call .compute_chunk_sizes() of its Dask array first"
        )
    is_number = variable.dtype.kind in _NUMBERS
    if (is_data or variable.chunks is not None) and not is_number:
        raise ValueError(f"{name}: expected numbers, got dtype {variable.dtype}")
    if variable.dtype.hasobject and not all(isinstance(v, str) for v in variable.values.ravel()):
        raise ValueError(f"{name}: Python objects cannot be stored; convert them to numbers or str")

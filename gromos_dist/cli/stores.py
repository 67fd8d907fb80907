"""Files that gromos_dist has written itself, as the input of a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

SUFFIXES = (".zarr", ".nc")


def is_store(files: Sequence[str]) -> bool:
    """Tell whether the input is a store.

    Raises
    ------
    ValueError
        It is one, and other files.
    """
    stores = [file for file in files if Path(file).suffix.lower() in SUFFIXES]
    if stores and len(files) > 1:
        raise ValueError(f"{stores[0]}: a store is read alone, without other files beside it")
    return bool(stores)


def open_result(path: str) -> xr.Dataset:
    """Return what is in a store, lazily.

    Raises
    ------
    ValueError
        It is unfinished, or it has neither frames nor a history of ours, and so is something else.
    """
    return _opened(path, allow_unfinished=False)


def is_finished(path: str) -> bool:
    """Tell whether a store holds all that it is to hold."""
    try:
        open_result(path).close()
    except (ValueError, OSError):
        return False
    return True


def open_unfinished(path: str) -> tuple[xr.Dataset, str]:
    """Return what is in a store, and what is said of it if it is unfinished."""
    try:
        return _opened(path, allow_unfinished=False), ""
    except ValueError as error:
        # What is no store at all is refused again.
        return _opened(path, allow_unfinished=True), str(error).split(". ")[0]


def _opened(path: str, allow_unfinished: bool) -> xr.Dataset:
    import xarray as xr

    from gromos_dist.store import open_store

    if Path(path).suffix.lower() == ".zarr":
        result = open_store(path, allow_unfinished=allow_unfinished)
    else:
        result = xr.open_dataset(path, engine="h5netcdf", chunks="auto")
    if "frame" not in result.dims and origin(result) is None:
        raise ValueError(
            f"{path}: expected a trajectory or a result that was written here, found "
            f"{list(result.variables)}"
        )
    return result


def origin(data: xr.Dataset) -> dict[str, Any] | None:
    """Return how a result was computed: call, parameters, paths of the inputs, and version."""
    from gromos_dist import provenance

    everywhere = (data.attrs, *(array.attrs for array in data.data_vars.values()))
    known = filter(None, map(provenance.found_in, everywhere))
    try:
        found = provenance.parse(next(known, None))
        return {
            "call": found["call"],
            "parameters": found["parameters"],
            "inputs": [file["path"] for file in found["inputs"]],
            "version": found["version"],
        }
    except (ValueError, KeyError, TypeError):
        # Another program's, in words of its own.
        return None


def size(path: str) -> int:
    """Return how many bytes a store takes."""
    files = Path(path).rglob("*") if Path(path).is_dir() else [Path(path)]
    return sum(file.stat().st_size for file in files if file.is_file())

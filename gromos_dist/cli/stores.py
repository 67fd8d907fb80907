"""Files that gromos_dist has written itself, as the input of a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

SUFFIXES = (".zarr", ".nc")
# What tells the rows of a .csv apart, if these are frames.
_OF_FRAMES = ("time", "step")


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


def open_series(path: str) -> xr.Dataset:
    """Return what a store or a .csv has of each frame.

    Raises
    ------
    ValueError
        It is unfinished, or not a result of ours with values of frames.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (*SUFFIXES, ".csv"):
        raise ValueError(
            f"{path}: expected a result that was written here, one of {', '.join(SUFFIXES)}, .csv; "
            "of a trajectory, first measure something"
        )
    result = _read_csv(path) if suffix == ".csv" else open_result(path)
    if "frame" not in result.dims:
        raise ValueError(f"{path}: expected a value a frame, found {list(result)}")
    return result


def _read_csv(path: str) -> xr.Dataset:
    """Return a .csv with a row a frame as `gromos_dist.store` writes it."""
    import csv

    import numpy as np
    import xarray as xr

    from gromos_dist import provenance
    from gromos_dist.provenance.record import PROVENANCE

    with Path(path).open(newline="", encoding="utf-8") as file:
        lines = file.read().splitlines()
    said = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
    table = [row for row in csv.reader(line for line in lines if not line.startswith("#")) if row]
    names = table[0] if table else []
    if not names or names[0] not in ("frame", *_OF_FRAMES):
        raise ValueError(
            f"{path}: expected a .csv that was written here, with a row a frame and its frame, "
            f"time or step first, found the columns {', '.join(names)}"
        )
    try:
        values = np.array(table[1:], np.float64).reshape(-1, len(names))
    except ValueError as error:
        raise ValueError(f"{path}: expected numbers in all columns: {error}") from error
    units = dict(part.split("=", 1) for part in said.get("units", "").split(", ") if "=" in part)
    columns = {
        name: ("frame", values[:, i], {"units": units[name]} if name in units else {})
        for i, name in enumerate(names)
        if name != "frame"
    }
    # Units of an array are those of all its columns, which are named for it.
    for name, (_, _, attrs) in columns.items():
        array = max((of for of in units if name.startswith(f"{of}_")), key=len, default="")
        if array and not attrs:
            attrs["units"] = units[array]
    result = xr.Dataset(columns).set_coords([name for name in _OF_FRAMES if name in columns])
    if PROVENANCE in said:
        result.attrs = provenance.restored({PROVENANCE: said[PROVENANCE]})
    return result


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

"""Results as files of Grace, ``.xvg``, which xmgrace and the tools around GROMACS read.

Values along the first dim of the first variable: against time, atoms, distances or the like. There
is a set of data for each value of the other dims.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.beside import file_beside
from gromos_dist.distributed import compute
from gromos_dist.mapping.data_frames import EDGE
from gromos_dist.store.comments import write_histories
from gromos_dist.variables import labels_of, parts_of

_MOST_SETS = 60
_AXES = ("frame", "time")


def write(dataset: xr.Dataset, target: Path, overwrite: bool, progress: bool | None) -> None:
    """Write a result to the file `target`."""
    row = check(dataset, target)
    loaded: xr.Dataset = compute(dataset, progress=progress)
    label, unit, along = _axis(loaded, row, target)
    with (
        file_beside(target, overwrite) as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        write_histories(file, loaded, list(map(str, loaded.variables)))
        for name, array in _scalars(loaded):
            file.write(f"# {name} = {array.values.astype(str)}\n")
        _write_header(file, loaded, row, _with_unit(label, unit))
        arrays = [array for array in loaded.data_vars.values() if array.dims]
        values = [array.transpose(row, ...).values.reshape(len(along), -1) for array in arrays]
        for line in zip(_text(along[:, np.newaxis]), *map(_text, values), strict=True):
            file.write(" ".join(text for part in line for text in part) + "\n")


def check(dataset: xr.Dataset, target: Path) -> Hashable:
    """Return the dim that the values run along.

    Raises
    ------
    ValueError
        The result is no curve, nor a few.
    """
    if EDGE in dataset.dims:
        raise ValueError(
            f"{target}: an .xvg has curves, and events are none: use .csv, .zarr or .nc, or store "
            "events.n_events"
        )
    with_dims = {str(name): v for name, v in dataset.data_vars.items() if v.dims}
    if not with_dims:
        raise ValueError(f"{target}: an .xvg has curves, and this is one number: use .csv")
    first, array = next(iter(with_dims.items()))
    row = array.dims[0]
    sets = 0
    for name, v in with_dims.items():
        if row not in v.dims:
            raise ValueError(
                f"{target}: {name} has no dim {str(row)!r}, along which the curve of {first} "
                "runs: store it in an .xvg of its own, or use .zarr or .nc"
            )
        if v.dtype.kind not in "fiub":
            raise ValueError(f"{target}: {name}: expected real numbers, got {v.dtype}")
        sets += v.size // max(1, v.sizes[row])
        if any(str(dim).startswith("other_") for dim in v.dims) or sets > _MOST_SETS:
            raise ValueError(
                f"{target}: an .xvg has at most {_MOST_SETS} curves, and {name} "
                f"{dict(v.sizes)} is a map, or more: use .csv, .zarr or .nc, or choose some of it"
            )
    if row in dataset.coords:
        _axis(dataset, row, target)
    return row


def _axis(dataset: xr.Dataset, row: Hashable, target: Path) -> tuple[str, str, NDArray[Any]]:
    """Return what is on the horizontal axis: what it is called, its unit, and its values."""
    dim = str(row)
    known = (*(("time",) if dim in _AXES else ()), dim, f"{dim}_number")
    for name in known:
        if name not in dataset.coords or dataset[name].dims != (row,):
            continue
        coordinate = dataset[name]
        if coordinate.dtype.kind not in "fiu":
            raise ValueError(
                f"{target}: an .xvg has numbers on its axes, and {name} has none but names, such "
                f"as {labels_of(dataset, name)[0]!r}: use .csv"
            )
        text = str(coordinate.attrs.get("long_name", name.replace("_", " ")))
        return text, str(coordinate.attrs.get("units", "")), np.asarray(coordinate.values)
    return dim.replace("_", " "), "", np.arange(dataset.sizes[row])


def _write_header(file: TextIO, dataset: xr.Dataset, row: Hashable, across: str) -> None:
    arrays = [array for array in dataset.data_vars.values() if array.dims]
    names = [str(array.attrs.get("long_name") or str(array.name)) for array in arrays]
    units = {str(array.attrs.get("units", "")) for array in arrays}
    title = names[0] if len(names) == 1 else ", ".join(str(array.name) for array in arrays)
    # Curves of several units tell theirs in the legend.
    unit = units.pop() if len(units) == 1 else ""
    up = _with_unit(names[0] if len(names) == 1 else "", unit)
    _write(file, "    title", title[:1].upper() + title[1:])
    _write(file, "    xaxis  label", across[:1].upper() + across[1:])
    _write(file, "    yaxis  label", up[:1].upper() + up[1:])
    file.write("@TYPE xy\n")
    legends = list(_legends(arrays, row, bool(unit)))
    if len(legends) > 1:
        file.write("@ view 0.15, 0.15, 0.75, 0.85\n@ legend on\n@ legend box on\n")
        for i, legend in enumerate(legends):
            _write(file, f" s{i} legend", legend)


def _legends(arrays: list[xr.DataArray], row: Hashable, share_unit: bool) -> Iterator[str]:
    for array in arrays:
        what = "" if len(arrays) == 1 else str(array.name).replace("_", " ")
        unit = "" if share_unit else str(array.attrs.get("units", ""))
        for label, _ in parts_of(array.isel({row: slice(0)}).transpose(row, ...)):
            yield _with_unit(f"{what} {label}".strip(), unit)


def _scalars(dataset: xr.Dataset) -> Iterator[tuple[str, xr.DataArray]]:
    for name, array in (*dataset.coords.items(), *dataset.data_vars.items()):
        if not array.dims:
            yield str(name), array


def _write(file: TextIO, what: str, text: str) -> None:
    file.write(f'@{what} "{text}"\n')


def _with_unit(text: str, unit: str) -> str:
    r"""Return a label with its unit, as Grace writes them.

    Examples
    --------
    >>> _with_unit("energy", "kJ mol-1")
    'energy (kJ mol\\S-1\\N)'
    """
    plain = text.replace("\\", "\\\\").replace('"', "'")
    raised = re.sub(r"(?<=[^\W\d])-?\d+", lambda found: rf"\S{found[0]}\N", unit)
    return f"{plain} ({raised})".strip() if unit else plain


def _text(values: NDArray[np.generic]) -> NDArray[np.str_]:
    """Return numbers as text, with the digits that give the same bits."""
    numbers = values.astype(np.int8) if values.dtype.kind == "b" else values
    text: NDArray[np.str_] = numbers.astype(str)
    return text

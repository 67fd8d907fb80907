"""What makes two runs the same run, and in which words they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from gromos_dist import provenance

FORMAT = 2
_TOUCHED = (
    " (a file that was only touched or copied gets its time back with touch -d TIME FILE; one that "
    "is opened with verify=True, --verify, is known by all its bytes instead)"
)


def describe(dataset: xr.Dataset, grid: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the identity of a stored result, as plain values for JSON.

    Parameters
    ----------
    dataset : Dataset
        The result.
    grid : mapping of str to tuple of int
        The shape of the blocks of each lazy variable; the others are hashed.
    """
    return {
        "format": FORMAT,
        "attrs": _attrs(dataset.attrs),
        "variables": {
            str(name): _variable(variable, grid.get(str(name)))
            for name, variable in dataset.variables.items()
        },
    }


def _variable(variable: xr.Variable, block: tuple[int, ...] | None) -> dict[str, Any]:
    described = {
        "dims": [str(dim) for dim in variable.dims],
        "shape": list(variable.shape),
        "dtype": variable.dtype.str if variable.dtype.kind not in "OTU" else "str",
        "attrs": _attrs(variable.attrs),
    }
    if block is not None:
        described["block"] = list(block)
        found = provenance.found_in(variable.attrs)
        if found is not None and provenance.IN_MEMORY in found.text:
            # Dask names arrays after their content, from the values in memory on.
            described["array"] = variable.data.name
        return described
    values = variable.values
    if values.dtype.kind in "OT":
        values = values.astype(str)
    return {**described, "values": provenance.array_hash(values)}


def _attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    found = {str(name): plain(value) for name, value in attrs.items()}
    if (of := provenance.found_in(attrs)) is not None:
        # Under the name that it had before there was a readable line: older stores go on.
        found["history"] = provenance.identity(of)
        found.pop("provenance", None)
    return found


def plain(value: Any) -> Any:
    """Return the value of an attribute as what JSON knows."""
    if isinstance(value, provenance.Provenance):
        return value.text
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    return value


def differences(stored: Any, now: Any) -> list[str]:
    """Return, a sentence each, in what two identities differ."""
    before, after = dict(_leaves(stored)), dict(_leaves(now))
    return [
        f"{name}: in the store {before.get(name, 'absent')}, now {after.get(name, 'absent')}"
        f"{_TOUCHED if name.endswith('.modified') else ''}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name, "absent") != after.get(name, "absent")
    ]


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name of every leaf, and its value as text."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        for i, part in enumerate(value):
            yield from _leaves(part, f"{name}[{i}]")
    else:
        yield name, repr(value)

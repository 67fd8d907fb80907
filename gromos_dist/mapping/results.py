"""From values to a labelled result: its dims, coordinates, name and unit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import xarray as xr

from gromos_dist.variables import Variable

Coordinates = Mapping[str, Any]
"""As xarray takes them: values of a dim by its name, or ``(dims, values, attrs)``."""

_SIZES = {"xyz": 3, "xyz_2": 3, "box_vector": 3}


def coordinates(given: Coordinates | None) -> xr.Dataset:
    """Return coordinates as xarray understands them."""
    return xr.Dataset(coords={name: _unambiguous(value) for name, value in (given or {}).items()})


def _unambiguous(value: Any) -> Any:
    """Return a tuple of values as a list: to xarray, a tuple begins with dims."""
    is_tuple_of_values = isinstance(value, tuple) and (
        len(value) < 2 or not isinstance(value[0], str | tuple) or isinstance(value[1], str)
    )
    return list(value) if is_tuple_of_values else value


def result_shape(variable: Variable, like: xr.DataArray, coords: xr.Dataset) -> tuple[int, ...]:
    """Return the shape of a result.

    Raises
    ------
    ValueError
        Neither `like` nor `coords` has one of its dims, or both have it, of different lengths.
    """
    for dim, size in coords.sizes.items():
        expected = like.sizes.get(dim, _SIZES.get(str(dim), size))
        if dim in variable.dims and size != expected:
            raise ValueError(
                f"{variable.name}: expected coords of length {expected} for {dim!r}, got {size}"
            )
    sizes: dict[Any, int] = {**_SIZES, **like.sizes, **coords.sizes}
    unknown = [dim for dim in variable.dims if dim not in sizes]
    if unknown:
        raise ValueError(
            f"{variable.name}: nothing says how long the dim {unknown[0]!r} is; give coords="
        )
    return tuple(int(sizes[dim]) for dim in variable.dims)


def labelled(
    values: Any, variable: Variable, like: xr.DataArray, coords: xr.Dataset
) -> xr.DataArray:
    """Return values with the name, dims and attributes of a variable.

    Coordinates are those of `like` and `coords` whose dims the result has; the second index of a
    tensor has the labels of the first.
    """
    dims = set(variable.dims)
    # As variables and indexes: to make a DataArray of each coordinate takes long.
    kept: dict[Hashable, Any] = {}
    indexes: dict[Hashable, Any] = {}
    for of in (like, coords):
        found = {n: one for n, one in of.coords.variables.items() if set(one.dims) <= dims}
        kept |= found
        indexes |= {name: index for name, index in of.xindexes.items() if name in found}
    if "xyz_2" in dims and "xyz" in kept and "xyz_2" not in kept:
        second = xr.Coordinates({"xyz_2": kept["xyz"].values})
        kept |= second.variables
        indexes |= second.xindexes
    of_result = xr.Coordinates(kept, indexes)
    return xr.DataArray(values, of_result, variable.dims, variable.name, variable.attrs)


def as_tuple(variables: Variable | Sequence[Variable]) -> tuple[Variable, ...]:
    """Return one variable, or several, as a tuple."""
    return (variables,) if isinstance(variables, Variable) else tuple(variables)


def labelled_as_declared(
    values: Sequence[Any],
    variables: Variable | Sequence[Variable],
    like: xr.DataArray,
    coords: xr.Dataset,
) -> xr.DataArray | xr.Dataset:
    """Return a DataArray of one variable, a Dataset of a sequence of them."""
    results = [
        labelled(value, variable, like, coords)
        for value, variable in zip(values, as_tuple(variables), strict=True)
    ]
    if isinstance(variables, Variable):
        return results[0]
    return xr.Dataset({result.name: result for result in results})

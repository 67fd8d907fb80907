"""Maps: one value, or several, of every frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import DTypeLike

from gromos_dist.mapping.atoms import naming_atoms
from gromos_dist.mapping.blocks import (
    Array,
    Filled,
    Piece,
    common_chunks,
    computed_now,
    in_memory,
    over_blocks,
)
from gromos_dist.mapping.checks import check_first_dim, check_inputs, fitting, named
from gromos_dist.mapping.results import Coordinates, coordinates, labelled, result_shape
from gromos_dist.variables import ROUNDED_TO, Variable


@dataclass(frozen=True)
class Map:
    """A value a frame.

    Called with DataArrays whose first dim is ``frame``, and with constants for the kernel, it gives
    a DataArray: lazy if an input is, and the same bits however that is chunked and computed.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, ..., **constants)``: takes an array of some frames for each input, gives
        an array of one value (of any shape) a frame. A frame's value depends on that frame alone.
        The inputs are read-only: others may be handed the same memory.
    variable : Variable
        What the result is: its name, dims and unit.
    dtype : dtype, optional
        Of the result; that of the first input when None, as of positions that are moved.
    fills : bool
        Whether the kernel takes ``out=``, an array of the result's dtype that it fills, rather than
        giving an array: for results that are larger than the inputs.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from gromos_dist.mapping import Map, Variable
    >>> height = Variable("height", ("frame",), "f", "nm", "height of the first atom")
    >>> first_z = Map(lambda positions: positions[:, 0, 2], height)
    >>> first_z(xr.DataArray(np.ones((2, 5, 3)), dims=("frame", "atom", "xyz"))).values
    array([1., 1.])
    """

    kernel: Callable[..., Array]
    variable: Variable
    dtype: DTypeLike | None = np.float64
    fills: bool = False

    def __call__(
        self, *arrays: xr.DataArray, coords: Coordinates | None = None, **constants: Any
    ) -> xr.DataArray:
        """Apply the kernel to every frame.

        Parameters
        ----------
        *arrays : DataArray
            The kernel's inputs; their first dim is ``frame``, and they have the same frames.
        coords : mapping, optional
            Coordinates of the result, as xarray takes them; they tell the lengths of dims that the
            inputs have not.
        **constants
            Passed to the kernel; they enter the graph once.

        Returns
        -------
        DataArray

        Raises
        ------
        FrameError
            The kernel met a frame that it cannot take; names the frame, and the file if known.
        """
        check_inputs(self.variable.name, arrays, ("frame",))
        check_first_dim(self.variable, "frame")
        given = coordinates(coords)
        shape = result_shape(self.variable, arrays[0], given)
        dtype = np.dtype(arrays[0].dtype if self.dtype is None else self.dtype)
        job = MapJob(
            naming_atoms(self.kernel, arrays),
            dtype,
            self.dtype is None,
            self.variable.name,
            self.fills,
        )
        datas = common_chunks([array.data for array in arrays])
        if in_memory(datas):
            values = computed_now(job, datas, constants, shape)
        else:
            values = over_blocks(
                self.variable.name, job, datas, constants, rest=shape[1:], dtype=dtype
            )
        result = labelled(values, self.variable, arrays[0], given)
        rounded = [array.attrs[ROUNDED_TO] for array in arrays if ROUNDED_TO in array.attrs]
        if self.dtype is None and rounded:
            result.attrs[ROUNDED_TO] = rounded[0]
        return result


@dataclass(frozen=True)
class MapJob:
    """The values of the frames of a block."""

    kernel: Callable[..., Array]
    dtype: np.dtype[Any]
    follows: bool
    """Whether the dtype is that of the input."""
    what: str
    fills: bool = False
    """Whether the kernel writes its values where they belong."""
    multiple_of = 1
    wants_previous = False

    def collector(self, constants: Mapping[str, Any], shape: tuple[int, ...]) -> Filled:
        """Begin a block of values."""

        def fill(piece: Piece, out: Array) -> None:
            if self.fills:
                piece.call(self.kernel, {**constants, "out": out})
                return
            values = piece.call(self.kernel, constants)
            out[...] = fitting(values, out.shape, self.dtype, self.what)

        return Filled(fill, np.empty(shape, self.dtype))

    def joined(self, blocks: Sequence[Array]) -> Array:
        """Return the values of several blocks as one."""
        return np.concatenate(blocks)

    def following(self, dtype: DTypeLike) -> MapJob | None:
        """Return the job of values in another dtype, if they have that of the input."""
        return replace(self, dtype=np.dtype(dtype)) if self.follows else None


@dataclass(frozen=True)
class Fields:
    """Several values a frame, computed together.

    Called as a `Map`, it gives a Dataset. What is computed of its variables together is computed
    once.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, ..., **constants)``: takes an array of some frames for each input, gives
        for each variable an array of one value a frame, by name. A frame's values depend on that
        frame alone.
    variables : sequence of Variable
        What the results are.
    dtypes : mapping of str to dtype, optional
        Of those that are not float64.
    """

    kernel: Callable[..., Mapping[str, Array]]
    variables: Sequence[Variable]
    dtypes: Mapping[str, DTypeLike] = field(default_factory=dict)

    def __call__(
        self, *arrays: xr.DataArray, coords: Coordinates | None = None, **constants: Any
    ) -> xr.Dataset:
        """Apply the kernel to every frame; as a `Map`, but gives a Dataset."""
        check_inputs(self.variables[0].name, arrays, ("frame",))
        for variable in self.variables:
            check_first_dim(variable, "frame")
        given = coordinates(coords)
        shapes = {v.name: result_shape(v, arrays[0], given) for v in self.variables}
        row = np.dtype(
            [(name, self.dtypes.get(name, np.float64), shape[1:]) for name, shape in shapes.items()]
        )
        job = _FieldsJob(naming_atoms(self.kernel, arrays), row)
        datas = common_chunks([array.data for array in arrays])
        values: Mapping[str, Any]
        if in_memory(datas):
            together = computed_now(job, datas, constants, datas[0].shape[:1])
            values = {name: _field_of_block(together, field=name) for name in shapes}
        else:
            name = "-".join(shapes)
            of_blocks = over_blocks(name, job, datas, constants, rest=(), dtype=row)
            values = {name: _lazy_field(of_blocks, name, shape) for name, shape in shapes.items()}
        return xr.Dataset(
            {v.name: labelled(values[v.name], v, arrays[0], given) for v in self.variables}
        )


@dataclass(frozen=True)
class _FieldsJob:
    """One block holds a structure of all fields a frame, of which arrays are then taken."""

    kernel: Callable[..., Mapping[str, Array]]
    row: np.dtype[Any]
    multiple_of = 1
    wants_previous = False

    def collector(self, constants: Mapping[str, Any], shape: tuple[int, ...]) -> Filled:
        def fill(piece: Piece, out: Array) -> None:
            names = self.row.names or ()
            values = named(piece.call(self.kernel, constants), names, ", ".join(names))
            for name in names:
                of_field = out[name]
                of_field[...] = fitting(values[name], of_field.shape, of_field.dtype, name)

        return Filled(fill, np.empty(shape, self.row))

    def joined(self, blocks: Sequence[Array]) -> Array:
        return np.concatenate(blocks)

    def following(self, _: DTypeLike) -> None:
        return None


def _lazy_field(together: da.Array, name: str, shape: tuple[int, ...]) -> da.Array:
    dtype, _ = together.dtype[name].subdtype or (together.dtype[name], ())
    return da.map_blocks(
        _field_of_block,
        together,
        field=name,
        chunks=(*together.chunks, *((size,) for size in shape[1:])),
        new_axis=list(range(1, len(shape))) or None,
        dtype=dtype,
        meta=np.empty((0,) * len(shape), dtype),
        name=f"{name}-of-{together.name}",
    )


def _field_of_block(block: Array, *, field: str) -> Array:
    # A copy, so that what nobody asked for is freed.
    return np.ascontiguousarray(block[field])

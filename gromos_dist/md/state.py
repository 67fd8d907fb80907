"""The state of a system: positions, velocities and forces of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, DTypeLike, NDArray

from gromos_dist.io.graphs import with_all_digits
from gromos_dist.kernels.arrays import zeros_in_c
from gromos_dist.md.continuation import Continuation
from gromos_dist.variables import VARIABLES

_VECTORS = ("positions", "velocities", "forces")

BoxShape = Literal["triclinic", "truncated octahedron"]
_NO_ENERGY: Final[Mapping[str, float]] = MappingProxyType({})


class State:
    """Positions, velocities and forces of all atoms at one moment.

    They lie in memory of the C core, each on a cache line of its own. `positions`, `velocities`
    and `forces` give views of it, not copies: what is written to them is in the state. The memory
    lives as long as the state or any view of it.

    Parameters
    ----------
    num_atoms : int
        Number of atoms.
    num_temp_groups, num_energy_groups : int
        Number of temperature groups and of energy groups.
    dtype : dtype
        float32 or float64.

    Raises
    ------
    ValueError
        A number that makes no sense, or another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist import State
    >>> state = State(num_atoms=1000, num_temp_groups=1, num_energy_groups=1)
    >>> positions = state.positions()
    >>> positions.shape
    (1000, 3)
    >>> positions[0, :] = [1.0, 2.0, 3.0]
    >>> state.positions()[0].tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(
        self,
        num_atoms: int,
        num_temp_groups: int = 1,
        num_energy_groups: int = 1,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        for name, value, least in (
            ("num_atoms", num_atoms, 0),
            ("num_temp_groups", num_temp_groups, 1),
            ("num_energy_groups", num_energy_groups, 1),
        ):
            if value != int(value) or value < least:
                raise ValueError(f"{name}: expected an integer of at least {least}, got {value}")
        self._dtype = np.dtype(dtype)
        if self._dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"dtype: expected float32 or float64, got {self._dtype}")
        self._num_temp_groups = int(num_temp_groups)
        self._num_energy_groups = int(num_energy_groups)
        shape = (int(num_atoms), 3)
        self._vectors = {name: zeros_in_c(shape, self._dtype) for name in _VECTORS}
        self._box: NDArray[np.float64] | None = None
        self._box_shape: BoxShape = "triclinic"
        self._energy = _NO_ENERGY
        self.time = 0.0
        """ps"""
        self.step = 0
        self.continuation: Continuation | None = None
        """What a `Simulation` that was here needs to go on as if nothing had come between."""

    @staticmethod
    def from_frame(
        frame: xr.Dataset,
        num_temp_groups: int = 1,
        num_energy_groups: int = 1,
        *,
        dtype: DTypeLike | None = None,
    ) -> State:
        """Return a state with what one frame of a trajectory has.

        Parameters
        ----------
        frame : xarray.Dataset
            One frame, for example ``ds.isel(frame=0)``, with ``positions`` and, where it has them,
            ``velocities``, ``forces``, ``box``, ``time`` and ``step``.
        num_temp_groups, num_energy_groups : int
            As for `State`.
        dtype : dtype, optional
            float32, to which all is rounded, or float64. None: that of the frame, but float64
            where its files have more digits than float32, which are read again.

        Raises
        ------
        ValueError
            There are no positions, or more than one frame; or the frame was rounded to float32
            and its files cannot be read again, as it is in memory.
        """
        if "positions" not in frame:
            raise ValueError(f"expected positions, found {', '.join(map(str, frame)) or 'nothing'}")
        if "frame" in frame["positions"].dims:
            raise ValueError("expected one frame; select it, for example with ds.isel(frame=0)")
        given = {name: frame[name] for name in (*_VECTORS, "box") if name in frame}
        if dtype is None or np.dtype(dtype) != np.float32:
            given = {
                name: with_all_digits(array, "State.from_frame") for name, array in given.items()
            }
        loaded = xr.Dataset(given).compute()
        positions = loaded["positions"].transpose("atom", "xyz").values
        if dtype is None:
            dtype = np.result_type(*(loaded[name].dtype for name in _VECTORS if name in loaded))
        state = State(len(positions), num_temp_groups, num_energy_groups, dtype=dtype)
        for name in _VECTORS:
            if name in loaded:
                state._set(name, loaded[name].transpose("atom", "xyz").values.astype(dtype))
        if "box" in loaded and not np.isnan(loaded["box"].values).any():
            state.box = loaded["box"].values
            state.box_shape = loaded["box"].attrs.get("shape", "triclinic")
        for name, kind in (("time", float), ("step", int)):
            if name in frame:
                setattr(state, name, kind(frame[name]))
        state.continuation = Continuation.of_frame(frame)
        return state

    def to_dataset(self) -> xr.Dataset:
        """Return the state as a trajectory of one frame; the arrays are copies.

        After a `Simulation` it has all that the simulation goes on with, to the bit: positions and
        velocities in double precision, whichever the state's is, and variables of the
        `continuation`. `gromos_dist.store` in ``.zarr`` and ``.nc`` keeps it.
        """
        box = np.full((3, 3), np.nan) if self._box is None else self._box
        values = {name: array.copy() for name, array in self._vectors.items()} | {"box": box}
        if self.continuation is not None:
            values |= {name: self.exact(name).copy() for name in ("positions", "velocities")}
        dataset = xr.Dataset(
            {
                name: (VARIABLES[name].dims, array[None], VARIABLES[name].attrs)
                for name, array in values.items()
            },
            coords={
                "xyz": ["x", "y", "z"],
                "time": ("frame", [float(self.time)], VARIABLES["time"].attrs),
                "step": ("frame", [int(self.step)], VARIABLES["step"].attrs),
            },
        )
        if self._box_shape != "triclinic":
            dataset["box"].attrs["shape"] = self._box_shape
        more = {} if self.continuation is None else self.continuation.variables()
        return dataset.assign(more)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._dtype

    @property
    def box(self) -> NDArray[np.float64] | None:
        """Box vectors (nm), the rows, shape (3, 3); None without periodicity."""
        return self._box

    @box.setter
    def box(self, vectors: ArrayLike | None) -> None:
        if vectors is None:
            self._box = None
            return
        box = np.array(vectors, dtype=np.float64)
        if box.shape != (3, 3) or not np.isfinite(box).all():
            raise ValueError(
                f"box: expected three vectors of finite numbers, shape (3, 3), got {box.shape}"
            )
        self._box = box

    @property
    def box_shape(self) -> BoxShape:
        """What the box vectors span.

        "triclinic" is any box; of a "truncated octahedron" the vectors are the edges of the cube
        that it is cut from.
        """
        return self._box_shape

    @box_shape.setter
    def box_shape(self, shape: BoxShape) -> None:
        if shape not in get_args(BoxShape):
            raise ValueError(
                f"box_shape: expected {' or '.join(map(repr, get_args(BoxShape)))}, got {shape!r}"
            )
        self._box_shape = shape

    @property
    def energy(self) -> Mapping[str, float]:
        """Energies (kJ mol-1) by term, of the last calculation of the forces; empty before."""
        return self._energy

    def set_energy(self, energy: Mapping[str, float]) -> None:
        """Set the energies (kJ mol-1) by term; a calculation of the forces does it."""
        self._energy = MappingProxyType({str(name): float(of) for name, of in energy.items()})

    def num_atoms(self) -> int:
        """Return the number of atoms."""
        return len(self._vectors["positions"])

    def num_temp_groups(self) -> int:
        """Return the number of temperature groups."""
        return self._num_temp_groups

    def num_energy_groups(self) -> int:
        """Return the number of energy groups."""
        return self._num_energy_groups

    def positions(self) -> NDArray[Any]:
        """Return a view of the positions (nm), shape (atoms, 3)."""
        return self._vectors["positions"][:]

    def velocities(self) -> NDArray[Any]:
        """Return a view of the velocities (nm ps-1), shape (atoms, 3)."""
        return self._vectors["velocities"][:]

    def forces(self) -> NDArray[Any]:
        """Return a view of the forces (kJ mol-1 nm-1), shape (atoms, 3)."""
        return self._vectors["forces"][:]

    def exact(self, name: Literal["positions", "velocities"]) -> NDArray[np.float64]:
        """Return positions or velocities in double precision.

        Those of the simulation that was here, unless other ones were set since.
        """
        shown = self._vectors[name]
        if self.continuation is not None:
            exact: NDArray[np.float64] = getattr(self.continuation, name)
            if np.array_equal(exact.astype(self._dtype), shown):
                return exact
        return shown.astype(np.float64)

    def set_positions(self, positions: ArrayLike) -> None:
        """Copy positions (nm) into the state.

        Parameters
        ----------
        positions : array, shape (atoms, 3)
            Of the dtype of the state, or one that it holds without loss.

        Raises
        ------
        ValueError
            Another shape.
        TypeError
            A dtype that would lose digits, or no real numbers.
        """
        self._set("positions", positions)

    def set_velocities(self, velocities: ArrayLike) -> None:
        """Copy velocities (nm ps-1) into the state; see `set_positions`."""
        self._set("velocities", velocities)

    def set_forces(self, forces: ArrayLike) -> None:
        """Copy forces (kJ mol-1 nm-1) into the state; see `set_positions`."""
        self._set("forces", forces)

    def _set(self, name: str, values: ArrayLike) -> None:
        # Python's numbers have no precision of their own to lose.
        array = np.asarray(values) if hasattr(values, "dtype") else np.array(values, self._dtype)
        shape = (self.num_atoms(), 3)
        if array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
        if array.dtype.kind not in "fiu" or not np.can_cast(array.dtype, self._dtype, "safe"):
            raise TypeError(
                f"{name}: expected dtype {self._dtype}, got {array.dtype}; convert it with "
                f".astype(np.{self._dtype}), or make the state with dtype=np.float64"
            )
        self._vectors[name][...] = array

    def __repr__(self) -> str:
        return f"State({self.num_atoms()} atoms)"

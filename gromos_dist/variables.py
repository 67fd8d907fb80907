"""The data model of a trajectory: each variable's name, dims, dtype, unit and meaning.

The variables of an analysis' results stand with the analysis.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import xarray as xr

ROUNDED_TO = "rounded_to"
"""Attribute of arrays whose numbers have more digits in the files than here: of which dtype."""


@dataclass(frozen=True)
class Variable:
    """One variable of the data model."""

    name: str
    dims: tuple[str, ...]
    kind: str
    """NumPy kind characters that are accepted: ``"f"`` any float, ``"i"``, ``"U"``, ``"b"``."""
    units: str
    """pint-readable; empty for what has no unit."""
    long_name: str
    short_name: str = ""
    """What a picture calls it, where the long name is too long."""

    @property
    def attrs(self) -> dict[str, str]:
        """The attributes that a DataArray of this variable carries."""
        units = {"units": self.units} if self.units else {}
        return {**units, "long_name": self.long_name}


_ALL = (
    Variable("positions", ("frame", "atom", "xyz"), "f", "nm", "position"),
    Variable("velocities", ("frame", "atom", "xyz"), "f", "nm ps-1", "velocity"),
    Variable("forces", ("frame", "atom", "xyz"), "f", "kJ mol-1 nm-1", "force"),
    Variable(
        "constraint_forces",
        ("frame", "atom", "xyz"),
        "f",
        "kJ mol-1 nm-1",
        "force of the constraints",
    ),
    Variable("box", ("frame", "box_vector", "xyz"), "f", "nm", "box vectors"),
    Variable("lambda", ("frame",), "f", "", "coupling parameter"),
    Variable("time", ("frame",), "f", "ps", "time"),
    Variable("step", ("frame",), "i", "", "step"),
    *(
        Variable(f"has_{name}", ("frame",), "b", "", f"whether the frame has {what}")
        for name, what in (
            ("positions", "positions"),
            ("velocities", "velocities"),
            ("forces", "forces"),
            ("box", "a box"),
        )
    ),
    Variable("atom_number", ("atom",), "i", "", "number of the atom in its file, from 0"),
    Variable("bonds", ("bond", "pair"), "i", "", "bonded atoms, by their atom_number"),
    Variable("atom_name", ("atom",), "U", "", "atom name"),
    Variable("residue_name", ("atom",), "U", "", "residue name"),
    Variable("residue", ("atom",), "i", "", "residue number"),
    Variable("molecule", ("atom",), "i", "", "molecule number"),
    Variable("element", ("atom",), "U", "", "chemical element"),
    Variable("mass", ("atom",), "f", "u", "mass"),
    Variable("charge", ("atom",), "f", "e", "charge"),
    Variable("charge_group", ("atom",), "i", "", "charge group number"),
    Variable("chain", ("atom",), "U", "", "chain identifier"),
    Variable("segment", ("atom",), "U", "", "segment name"),
    Variable("insertion_code", ("atom",), "U", "", "insertion code of the residue number"),
    Variable(
        "group_forces",
        ("frame", "group", "other_group", "xyz"),
        "f",
        "kJ mol-1 nm-1",
        "non-bonded force on a group from another",
        "non-bonded force between groups",
    ),
    # Energy trajectories.
    *(
        Variable(name, ("frame", *dims), "f", "kJ mol-1", f"{long_name}{suffix}", *short_name)
        for derivative, suffix in (
            ("", ""),
            ("_derivative", ", derivative to the coupling parameter"),
        )
        for name, dims, long_name, *short_name in (
            (f"energy{derivative}", ("term",), "energy by term"),
            (
                f"energy{derivative}_bonded",
                ("bonded_term", "group"),
                "energy of covalent terms by group",
            ),
            (
                f"energy{derivative}_nonbonded",
                ("nonbonded_term", "group", "other_group"),
                "energy of non-bonded terms by pair of groups",
                *(() if derivative else ("non-bonded energy of pairs of groups",)),
            ),
            (
                f"energy{derivative}_special",
                ("special_term", "group"),
                "energy of special terms by group",
            ),
            (f"energy{derivative}_eds", ("eds_term", "eds_state"), "energy of EDS end states"),
            (
                f"energy{derivative}_lambda",
                ("lambda_term", "lambda_point"),
                "energy at other values of the coupling parameter",
            ),
            (f"energy{derivative}_end_state", ("end_state",), "dihedral energy of the end states"),
            (f"bath_kinetic_energy{derivative}", ("bath", "motion"), "kinetic energy by bath"),
        )
    ),
    Variable(
        "gamd_threshold",
        ("frame", "acceleration_group", "gamd_term"),
        "f",
        "kJ mol-1",
        "threshold of the GaMD boost",
    ),
    Variable(
        "gamd_force_constant",
        ("frame", "acceleration_group", "gamd_term"),
        "f",
        "mol kJ-1",
        "force constant of the GaMD boost",
    ),
    Variable("gamd_boost", ("frame", "acceleration_group"), "f", "kJ mol-1", "GaMD boost"),
    Variable("coupling_parameter", ("frame",), "f", "", "coupling parameter lambda"),
    Variable("total_mass", ("frame",), "f", "u", "mass of all atoms"),
    Variable("bath_temperature", ("frame", "bath", "motion"), "f", "K", "temperature by bath"),
    Variable("bath_scaling", ("frame", "bath"), "f", "", "scaling factor of velocities"),
    Variable("temperature", ("frame",), "f", "K", "temperature"),
    Variable("volume", ("frame",), "f", "nm3", "volume of the box"),
    Variable("pressure", ("frame",), "f", "kJ mol-1 nm-3", "pressure"),
    Variable("mean_virial", ("frame",), "f", "kJ mol-1", "virial, a third of the trace"),
    Variable(
        "molecular_kinetic_energy",
        ("frame",),
        "f",
        "kJ mol-1",
        "kinetic energy of the molecules, a third of the trace",
    ),
    Variable("pressure_tensor", ("frame", "xyz", "xyz_2"), "f", "kJ mol-1 nm-3", "pressure tensor"),
    Variable("virial", ("frame", "xyz", "xyz_2"), "f", "kJ mol-1", "virial tensor"),
    Variable(
        "molecular_kinetic_energy_tensor",
        ("frame", "xyz", "xyz_2"),
        "f",
        "kJ mol-1",
        "kinetic energy tensor of the molecules",
    ),
)

VARIABLES: Mapping[str, Variable] = MappingProxyType({variable.name: variable for variable in _ALL})

TERM_NAMES: Mapping[str, str] = MappingProxyType(
    {"lennard_jones": "Lennard-Jones", "crossdihedral": "cross dihedral"}
)
"""What terms of the energy are called, where it is not their name with spaces."""


def validate(array: xr.DataArray, name: str) -> None:
    """Check a DataArray against the registry's entry `name`.

    Raises
    ------
    ValueError
        Dims or dtype are not those of the variable; the message says which and what to do.
    """
    variable = VARIABLES[name]
    if array.dims != variable.dims:
        raise ValueError(
            f"{name}: expected dims {variable.dims}, got {array.dims}; "
            f"{_way_to(variable.dims, tuple(map(str, array.dims)))}"
        )
    if np.dtype(array.dtype).kind not in variable.kind:
        raise ValueError(f"{name}: expected a dtype of kind {variable.kind!r}, got {array.dtype}")


def _way_to(expected: tuple[str, ...], found: tuple[str, ...]) -> str:
    """Say what turns the dims `found` into those expected."""
    missing = [dim for dim in expected if dim not in found]
    others = [dim for dim in found if dim not in expected]
    if not missing and not others:
        return f"transpose it with .transpose{expected}"
    if len(missing) == len(others) == 1:
        return f"swap them back with .swap_dims({others[0]}='{missing[0]}')"
    if not others:
        return f"keep {' and '.join(missing)}, for example with .isel({missing[0]}=[0])"
    return "rename the dims, for example with .rename"


def labels_of(array: xr.DataArray | xr.Dataset, dim: Hashable) -> list[str]:
    """Return what the places along a dim are called: its coordinate's values, or numbers from 0."""
    values = array.coords[dim].values if dim in array.coords else range(array.sizes[dim])
    return [str(value) for value in values]


def parts_of(array: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield each series of which an array (frame, ...) is made, and what it is called."""
    labels = [labels_of(array, dim) for dim in array.dims[1:]]
    for place in np.ndindex(*array.shape[1:]):
        name = " ".join(of[i] for of, i in zip(labels, place, strict=True))
        yield name, array[(slice(None), *place)]

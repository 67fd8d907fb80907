"""The bonded terms of a force field in the form that the kernels take."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.forces.settings import ForceSettings
from gromos_dist.topology.force_field import ForceField, Terms

BONDED_TERMS: Final = ("bond", "angle", "improper", "dihedral", "crossdihedral")
"""Names of the terms, as an energy trajectory has them, in the order of `bonded_terms`."""

_PER_RADIAN = 180.0 / math.pi


class BondedTerms(NamedTuple):
    """A list of terms of one form, as `gromos_dist.kernels.bonded` takes it."""

    form: str
    atoms: NDArray[np.int32]
    kind: NDArray[np.int32]
    parameters: NDArray[np.float64]


def bonded_terms(force_field: ForceField, settings: ForceSettings) -> list[BondedTerms]:
    """Return the bonded terms that act: always five lists, in the order of `BONDED_TERMS`.

    A term that is switched off (FORCE) has an empty list. Bonds that are constrained
    (`ForceSettings.constrained_bonds`) are left out, as GROMOS does. Cross dihedrals act always.

    Raises
    ------
    ValueError
        The force field has no parameters for the form that is asked for, or phases that it
        excludes.
    """
    bonds, angles = force_field.bonds, force_field.angles
    impropers, dihedrals = force_field.impropers, force_field.dihedrals
    first_bond = {"none": 0, "hydrogen": bonds.n_with_hydrogen, "all": len(bonds)}
    if settings.phases != "any":
        _check_phases(force_field)
    return [
        _list(
            f"{settings.bond_form} bond",
            bonds,
            _bond_parameters(bonds.parameters, settings.bond_form),
            first_bond[settings.constrained_bonds] if settings.bonds else None,
        ),
        _list(
            f"{settings.angle_form} angle",
            angles,
            _angle_parameters(angles.parameters, settings.angle_form),
            0 if settings.angles else None,
        ),
        _list(
            "improper",
            impropers,
            impropers.parameters * [_PER_RADIAN**2, 1.0 / _PER_RADIAN],
            0 if settings.impropers else None,
        ),
        _list(
            "dihedral",
            dihedrals,
            _dihedral_parameters(dihedrals.parameters),
            0 if settings.dihedrals else None,
        ),
        _list(
            "cross dihedral",
            force_field.cross_dihedrals,
            _dihedral_parameters(force_field.cross_dihedrals.parameters),
            0,
        ),
    ]


def _list(
    form: str, terms: Terms, parameters: NDArray[np.float64], first: int | None
) -> BondedTerms:
    chosen = slice(len(terms) if first is None else first, None)
    kind = terms.kind[chosen]
    if np.isnan(parameters[kind]).any():
        raise ValueError(
            f"the topology has no parameters for the form {form!r}; choose the other one "
            "(COVALENTFORM)"
        )
    return BondedTerms(form, terms.atoms[chosen], kind, parameters)


def _bond_parameters(parameters: NDArray[np.float64], form: str) -> NDArray[np.float64]:
    return np.ascontiguousarray(parameters[:, [0 if form == "quartic" else 1, 2]])


def _angle_parameters(parameters: NDArray[np.float64], form: str) -> NDArray[np.float64]:
    cosine, harmonic, degrees = parameters.T
    radians = degrees / _PER_RADIAN
    if form == "cosine":
        return np.stack([cosine, np.cos(radians)], axis=1)
    return np.stack([harmonic * _PER_RADIAN**2, radians], axis=1)


def _dihedral_parameters(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    return parameters * [1.0, 1.0 / _PER_RADIAN, 1.0]


def _check_phases(force_field: ForceField) -> None:
    for terms in (force_field.dihedrals, force_field.cross_dihedrals):
        phases = terms.parameters[np.unique(terms.kind), 1]
        other = phases[(phases != 0.0) & (phases != 180.0)]
        if len(other):
            raise ValueError(
                f"a dihedral has a phase of {other[0]:g} degrees, but COVALENTFORM (NTBDN 1) "
                "limits phases to 0 and 180"
            )

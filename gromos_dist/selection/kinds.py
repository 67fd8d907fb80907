"""The kinds of atoms that have a word of their own, such as protein, water or ion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.selection.known_atoms import KnownAtoms, Mask
from gromos_dist.topology.residue_kinds import (
    among,
    is_ion,
    is_nucleic,
    is_protein,
    is_water,
)
from gromos_dist.topology.residue_names import ANY_SOLVENT, LIPID

_BACKBONE = frozenset({"N", "CA", "C", "O"})
_HYDROGENS_OF_BACKBONE = "H HN H1 H2 H3 HT1 HT2 HT3 1H 2H 3H HA HA1 HA2 HA3 1HA 2HA"
_OXYGENS_OF_THE_END = "OXT OT OT1 OT2 O1 O2 OC1 OC2"
_MAIN_CHAIN = _BACKBONE | frozenset(f"{_HYDROGENS_OF_BACKBONE} {_OXYGENS_OF_THE_END}".split())
_HYDROGEN = frozenset({"H", "D"})


def _known(atoms: KnownAtoms, name: str) -> NDArray[Any]:
    values = atoms.property(name)
    assert values is not None, "evaluate asks for what a kind needs"
    return values


def _protein(atoms: KnownAtoms) -> Mask:
    names = atoms.property("name")
    return is_protein(atoms.residue_starts(), _known(atoms, "resname"), names)


def _backbone(atoms: KnownAtoms) -> Mask:
    return _protein(atoms) & among(_known(atoms, "name"), _BACKBONE)


def _sidechain(atoms: KnownAtoms) -> Mask:
    return _protein(atoms) & ~among(_known(atoms, "name"), _MAIN_CHAIN)


def _nucleic(atoms: KnownAtoms) -> Mask:
    names = atoms.property("name")
    return is_nucleic(atoms.residue_starts(), _known(atoms, "resname"), names)


def _water(atoms: KnownAtoms) -> Mask:
    names, elements = _known(atoms, "resname"), atoms.property("element")
    water = is_water(atoms.residue_starts(), names, elements)
    if elements is None:
        return water
    other = ~among(elements, _HYDROGEN | {"O", ""})
    not_water = {name for name in ANY_SOLVENT if (other & (names == name)).any()}
    return water & ~among(names, not_water)


def _ion(atoms: KnownAtoms) -> Mask:
    return is_ion(atoms.residue_starts(), _known(atoms, "resname"), atoms.property("element"))


def _lipid(atoms: KnownAtoms) -> Mask:
    return among(_known(atoms, "resname"), LIPID)


def _hydrogen(atoms: KnownAtoms) -> Mask:
    return among(_known(atoms, "element"), _HYDROGEN)


def _heavy(atoms: KnownAtoms) -> Mask:
    return ~among(_known(atoms, "element"), _HYDROGEN | {""})


def unknown_elements(atoms: KnownAtoms) -> Mask:
    """Tell which atoms have an element that is not known; sites without mass have none."""
    masses, unknown = atoms.property("mass"), _known(atoms, "element") == ""
    return np.asarray(unknown if masses is None else unknown & (masses != 0.0), bool)


class Rule(NamedTuple):
    """What has to be known of atoms to tell whether they are of a kind, and how it is told."""

    needs: tuple[str, ...]
    tell: Callable[[KnownAtoms], Mask]


KINDS: Final = {
    "protein": Rule(("resname",), _protein),
    "backbone": Rule(("resname", "name"), _backbone),
    "nucleic": Rule(("resname",), _nucleic),
    "water": Rule(("resname",), _water),
    "sidechain": Rule(("resname", "name"), _sidechain),
    "lipid": Rule(("resname",), _lipid),
    "ion": Rule(("resname",), _ion),
    "heavy": Rule(("element",), _heavy),
    "hydrogen": Rule(("element",), _hydrogen),
}
"""The kinds, by their words."""

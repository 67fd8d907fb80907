"""What a node of a tree says of atoms, whatever the frame."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.errors import SelectionError
from gromos_dist.selection.kinds import KINDS, unknown_elements
from gromos_dist.selection.known_atoms import PROPERTIES, REALS, TEXTS, KnownAtoms, Mask
from gromos_dist.selection.tree import (
    RESIDUE,
    Between,
    Bonded,
    Compared,
    Everything,
    Exactly,
    Indices,
    Kind,
    Like,
    Matching,
    Node,
    Operator,
    Property,
    Same,
    Test,
)
from gromos_dist.topology.residue_kinds import among

_COMPARISONS: Mapping[Operator, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def mask_of(node: Everything | Indices | Property | Kind, atoms: KnownAtoms) -> Mask:
    """Return the atoms that a node without parts chooses, shape (atom,).

    Raises
    ------
    SelectionError
        What it asks for is not known of the atoms.
    """
    match node:
        case Everything():
            return np.ones(atoms.n_atoms, bool)
        case Indices():
            return _of_indices(node, atoms)
        case Property():
            return _of_property(node, atoms)
        case Kind():
            return _of_kind(node, atoms)


def relation_of(node: Same | Bonded, atoms: KnownAtoms) -> NDArray[np.int64]:
    """Return what relates atoms to each other: the group of each, or pairs that are bonded.

    Raises
    ------
    SelectionError
        It is not known of the atoms.
    """
    return _groups(node, atoms) if isinstance(node, Same) else _bonds(node, atoms)


def _of_indices(node: Indices, atoms: KnownAtoms) -> Mask:
    mask = np.zeros(atoms.n_atoms, bool)
    for atom in node.indices:
        if not 0 <= atom < atoms.n_atoms:
            raise error_at(
                node,
                f"atom {atom} is out of range: {atoms.n_atoms} atoms count from 0 to "
                f"{atoms.n_atoms - 1}",
            )
    mask[list(node.indices)] = True
    return mask


def _of_property(node: Property, atoms: KnownAtoms) -> Mask:
    values = values_for(node, node.name, atoms)
    if node.name in TEXTS:
        texts = set(values.tolist())
        return among(
            values, {text for text in texts if any(is_text(text, test) for test in node.tests)}
        )
    if node.name in REALS:
        _refuse_unknown(node, node.name, np.isnan(values))
    mask = np.zeros(atoms.n_atoms, bool)
    for test in node.tests:
        mask |= _are(values, test)
    return mask


def is_text(text: str, test: Test) -> bool:
    """Tell whether a text passes a test of texts."""
    match test:
        case Exactly(text=wanted):
            return text == wanted
        case Like(pattern=pattern):
            # Brackets are part of some names, not classes of letters.
            return fnmatchcase(text, pattern.replace("[", "[[]"))
        case Matching(pattern=pattern):
            return re.fullmatch(pattern, text) is not None
    raise TypeError(f"a text is not tested by {test}")


def _are(values: NDArray[Any], test: Test) -> Mask:
    match test:
        case Between(first=first, last=last):
            return np.asarray((values >= first) & (values <= last), bool)
        case Compared(operator=operator, number=number):
            return np.asarray(_COMPARISONS[operator](values, number), bool)
    raise TypeError(f"a number is not tested by {test}")


def _of_kind(node: Kind, atoms: KnownAtoms) -> Mask:
    rule = KINDS[node.name]
    for name in rule.needs:
        values_for(node, name, atoms)
    if "element" in rule.needs:
        _refuse_unknown(node, "element", unknown_elements(atoms))
    return rule.tell(atoms)


def _refuse_unknown(node: Node, name: str, unknown: Mask) -> None:
    if unknown.any():
        raise error_at(
            node,
            f"the {name} of {np.count_nonzero(unknown)} atoms is unknown, the first is atom "
            f"{np.argmax(unknown)}; give a topology that has it",
        )


def _groups(node: Same, atoms: KnownAtoms) -> NDArray[np.int64]:
    """Return the number of a group for each atom."""
    if node.label == RESIDUE:
        if atoms.property("resname") is None:
            values_for(node, "resid", atoms)
        return np.cumsum(atoms.residue_starts())
    values = values_for(node, node.label, atoms)
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def _bonds(node: Bonded, atoms: KnownAtoms) -> NDArray[np.int64]:
    bonds = atoms.bonds()
    if bonds is None:
        missing = (
            "which an array does not have; choose in its Dataset"
            if isinstance(atoms.atoms, xr.DataArray)
            else "and none are known of these atoms; give a topology that has them: "
            "open_trajectory(..., topology='system.top')"
        )
        raise error_at(node, f"{word_of(node)!r} needs bonds, {missing}")
    return bonds


def values_for(node: Node, name: str, atoms: KnownAtoms) -> NDArray[Any]:
    """Return a property of the atoms, shape (atoms,), for a node that needs it."""
    values = atoms.property(name)
    if values is not None:
        return values
    others = [
        other for other in PROPERTIES if other != "index" and atoms.property(other) is not None
    ]
    there = f" (there are {', '.join(others)})" if others else ""
    raise error_at(
        node,
        f"{word_of(node, name)!r} needs the atom coordinate {PROPERTIES[name]!r}, which is not "
        f"there{there}; give a topology that has it: open_trajectory(..., topology='system.top')",
    )


def word_of(node: Node, otherwise: str = "") -> str:
    """Return the word that asks, as it stands in the expression if there is one."""
    return node.at.text if node.at else otherwise or type(node).__name__.lower()


def error_at(node: Node, message: str) -> SelectionError:
    """Return an error with a caret under the word that asks, if there is an expression."""
    return node.at.error(message) if node.at else SelectionError(message)

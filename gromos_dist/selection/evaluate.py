"""From a tree to atoms: those of all frames, or a mask for each frame."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist.errors import FrameError, SelectionError
from gromos_dist.selection.distances import is_between, is_within
from gromos_dist.selection.kinds import KINDS
from gromos_dist.selection.known_atoms import PROPERTIES, REALS, TEXTS, Atoms, KnownAtoms, Mask
from gromos_dist.selection.tree import (
    RESIDUE,
    And,
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
    Not,
    Operator,
    Or,
    Property,
    Region,
    Same,
    Sphere,
    Test,
    Tree,
    Within,
    depends_on_frame,
    first_that_depends_on_frame,
    nodes_of,
    parts_of,
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


@dataclass(frozen=True, eq=False)
class BoundSelection:
    """A selection of which all that is not a matter of positions has been looked up.

    It is picklable, and needs the atoms' names and numbers no more.
    """

    tree: Tree
    masks: Mapping[Tree, Mask]
    """What the parts choose that are the same in every frame, shape (atom,)."""
    relations: Mapping[Tree, NDArray[np.int64]]
    """The group of each atom for a `Same`, pairs of atoms for a `Bonded`."""


def evaluate(tree: Tree, atoms: Atoms) -> NDArray[np.int64]:
    """Return the atoms that a selection chooses in every frame.

    Parameters
    ----------
    tree : Tree
        What to choose.
    atoms : Topology, xarray.Dataset or xarray.DataArray
        The atoms.

    Returns
    -------
    (n,) int64 array
        Atoms, from 0, rising; there may be none.

    Raises
    ------
    SelectionError
        The selection asks for what is not known of the atoms, or depends on the frame.

    Examples
    --------
    >>> from gromos_dist.topology import load_topology
    >>> topology = load_topology("tests/data/spc.top").solvate(2)
    >>> evaluate(Not(Property("name", (Like("H*"),))), topology)
    array([0, 3])
    """
    moving = first_that_depends_on_frame(tree)
    if moving is not None:
        raise _error(
            moving,
            f"{_said(moving, type(moving).__name__.lower())!r} chooses other atoms in every frame, "
            "and here the same ones are needed in all; choose by names, numbers, kinds or bonds",
        )
    bound = bind(tree, atoms)
    return np.flatnonzero(bound.masks[tree]).astype(np.int64)


def evaluate_in_frames(
    tree: Tree, atoms: Atoms, positions: ArrayLike, box: ArrayLike | None = None
) -> Mask:
    """Return the atoms that a selection chooses in each of some frames.

    Parameters
    ----------
    tree : Tree
        What to choose.
    atoms : Topology, xarray.Dataset or xarray.DataArray
        The atoms.
    positions, box
        As `masks_of_frames` takes them.

    Returns
    -------
    (frame, atom) bool array
        True for the atoms chosen; there may be frames without any.

    Raises
    ------
    SelectionError
        The selection asks for what is not known of the atoms.
    FrameError, ValueError
        As `masks_of_frames` does.
    """
    return masks_of_frames(bind(tree, atoms), positions, box)


def bind(tree: Tree, atoms: Atoms) -> BoundSelection:
    """Look up what a selection says of atoms, so that only positions are left to be asked.

    Parameters
    ----------
    tree : Tree
        What to choose.
    atoms : Topology, xarray.Dataset or xarray.DataArray
        The atoms.

    Returns
    -------
    BoundSelection
        For `masks_of_frames`.

    Raises
    ------
    SelectionError
        The selection asks for what is not known of the atoms.
    """
    known = KnownAtoms(atoms)
    masks: dict[Tree, Mask] = {}
    relations: dict[Tree, NDArray[np.int64]] = {}
    for node in nodes_of(tree):
        match node:
            case Everything():
                masks[node] = np.ones(known.n_atoms, bool)
            case Indices():
                masks[node] = _of_indices(node, known)
            case Property():
                masks[node] = _of_property(node, known)
            case Kind():
                masks[node] = _of_kind(node, known)
            case Same():
                relations[node] = _groups(node, known)
            case Bonded():
                relations[node] = _bonds(node, known)
    leaves = BoundSelection(tree, masks, relations)
    fixed = list(_parts_without_frame(tree))
    return BoundSelection(
        tree,
        {part: _mask(part, leaves) for part in fixed},
        {node: pairs for node, pairs in relations.items() if depends_on_frame(node)},
    )


def _parts_without_frame(tree: Tree) -> Iterator[Tree]:
    """Return the largest parts of a tree that are the same in every frame."""
    if not depends_on_frame(tree):
        yield tree
        return
    for part in parts_of(tree):
        yield from _parts_without_frame(part)


def masks_of_frames(
    bound: BoundSelection, positions: ArrayLike, box: ArrayLike | None = None
) -> Mask:
    """Return the atoms that a selection chooses in each of some frames.

    Parameters
    ----------
    bound : BoundSelection
        A selection whose words have been looked up by `bind`.
    positions : array, shape (frame, atom, 3)
        In nm.
    box : array, shape (frame, 3, 3), optional
        Rows are lattice vectors, in nm (of a truncated octahedron those that
        `gromos_dist.kernels.boxes.octahedron_vectors` gives); NaN or zeros, or None, stand for no
        box.

    Returns
    -------
    (frame, atom) bool array
        True for the atoms chosen; there may be frames without any.

    Raises
    ------
    FrameError
        The selection looks at positions, and one is NaN or infinite, or a box has no volume.
    ValueError
        Positions and boxes do not belong together.
    """
    positions = np.asarray(positions)
    n_frames, n_atoms = positions.shape[:2]
    boxes = np.zeros((n_frames, 3, 3)) if box is None else np.asarray(box, np.float64)
    if positions.shape != (n_frames, n_atoms, 3) or boxes.shape != (n_frames, 3, 3):
        raise ValueError(
            f"expected positions (frame, atom, 3) and box (frame, 3, 3), got {positions.shape} and "
            f"{boxes.shape}"
        )
    chosen = np.empty((n_frames, n_atoms), bool)
    if bound.tree in bound.masks:
        chosen[:] = bound.masks[bound.tree]
        return chosen
    for frame in range(n_frames):
        coordinates = positions[frame].astype(np.float64)
        finite = np.isfinite(coordinates).all(axis=1)
        if not finite.all():
            atom = int(np.argmin(finite))
            raise FrameError(f"a coordinate is NaN or infinite (atom {atom})", frame)
        try:
            chosen[frame] = _mask(bound.tree, bound, coordinates, boxes[frame])
        except ValueError as error:
            raise FrameError(str(error), frame) from None
    return chosen


_NOWHERE = np.empty((0, 3))


def _mask(
    tree: Tree,
    bound: BoundSelection,
    positions: NDArray[np.float64] = _NOWHERE,
    box: NDArray[np.float64] = _NOWHERE,
) -> Mask:
    """Return what a part of a selection chooses in a frame, shape (atom,)."""
    if tree in bound.masks:
        return bound.masks[tree]

    def chosen(part: Tree) -> Mask:
        return _mask(part, bound, positions, box)

    match tree:
        case Not(of=of):
            mask = ~chosen(of)
        case And(parts=parts):
            mask = np.logical_and.reduce([chosen(part) for part in parts])
        case Or(parts=parts):
            mask = np.logical_or.reduce([chosen(part) for part in parts])
        case Same(of=of):
            groups = bound.relations[tree]
            mask = np.isin(groups, groups[chosen(of)])
        case Bonded(of=of):
            pairs, members = bound.relations[tree], chosen(of)
            mask = np.zeros(len(members), bool)
            for end, other in (pairs.T, pairs.T[::-1]):
                mask[other[members[end]]] = True
        case Within(distance=distance, of=of):
            mask = is_within(positions, positions[chosen(of)], distance, box)
        case Sphere(radius=radius, centre=centre):
            if isinstance(centre, tuple):
                centres = np.array([centre])
            else:
                members = positions[chosen(centre)]
                centres = members.mean(axis=0, keepdims=True) if len(members) else members
            mask = is_within(positions, centres, radius, box)
        case Region(lower=lower, upper=upper):
            mask = is_between(positions, lower, upper, box)
        case _:
            raise TypeError(f"{type(tree).__name__} is no node of a selection")
    return mask


def _of_indices(node: Indices, atoms: KnownAtoms) -> Mask:
    mask = np.zeros(atoms.n_atoms, bool)
    for atom in node.indices:
        if not 0 <= atom < atoms.n_atoms:
            raise _error(
                node,
                f"atom {atom} is out of range: {atoms.n_atoms} atoms count from 0 to "
                f"{atoms.n_atoms - 1}",
            )
    mask[list(node.indices)] = True
    return mask


def _of_property(node: Property, atoms: KnownAtoms) -> Mask:
    values = _values(node, node.name, atoms)
    if node.name in TEXTS:
        texts = set(values.tolist())
        return among(
            values, {text for text in texts if any(_is(text, test) for test in node.tests)}
        )
    if node.name in REALS and np.isnan(values).any():
        unknown = np.flatnonzero(np.isnan(values))
        raise _error(
            node,
            f"the {node.name} of {len(unknown)} atoms is unknown, the first is atom {unknown[0]}; "
            "give a topology that has it",
        )
    mask = np.zeros(atoms.n_atoms, bool)
    for test in node.tests:
        mask |= _are(values, test)
    return mask


def _is(text: str, test: Test) -> bool:
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
    for name in KINDS[node.name].needs:
        _values(node, name, atoms)
    return KINDS[node.name].tell(atoms)


def _groups(node: Same, atoms: KnownAtoms) -> NDArray[np.int64]:
    """Return the number of a group for each atom."""
    if node.label == RESIDUE:
        if atoms.property("resname") is None:
            _values(node, "resid", atoms)
        return np.cumsum(atoms.residue_starts())
    values = _values(node, node.label, atoms)
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def _bonds(node: Bonded, atoms: KnownAtoms) -> NDArray[np.int64]:
    bonds = atoms.bonds()
    if bonds is None:
        raise _error(
            node,
            f"{_said(node, 'bonded')!r} needs bonds, and none are known of these atoms; give a "
            "topology that has them: open_trajectory(..., topology='system.top')",
        )
    return bonds


def _values(node: Node, name: str, atoms: KnownAtoms) -> NDArray[Any]:
    """Return a property of the atoms, shape (atoms,), for a node that needs it."""
    values = atoms.property(name)
    if values is not None:
        return values
    others = [
        other for other in PROPERTIES if other != "index" and atoms.property(other) is not None
    ]
    there = f" (there are {', '.join(others)})" if others else ""
    raise _error(
        node,
        f"{_said(node, name)!r} needs the atom coordinate {PROPERTIES[name]!r}, which is not "
        f"there{there}; give a topology that has it: open_trajectory(..., topology='system.top')",
    )


def _said(node: Node, otherwise: str) -> str:
    return node.at.text if node.at else otherwise


def _error(node: Node, message: str) -> SelectionError:
    return node.at.error(message) if node.at else SelectionError(message)

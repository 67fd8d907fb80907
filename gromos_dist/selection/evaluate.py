"""From a tree to atoms: those of all frames, or a mask for each frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist.errors import FrameError, SelectionError
from gromos_dist.selection.distances import is_between, is_within
from gromos_dist.selection.known_atoms import Atoms, KnownAtoms, Mask
from gromos_dist.selection.look_up import error_at, mask_of, relation_of, word_of
from gromos_dist.selection.specified import specified_atoms
from gromos_dist.selection.tree import (
    And,
    Bonded,
    Everything,
    Indices,
    InOrder,
    Kind,
    Not,
    Or,
    Property,
    Region,
    Same,
    Specified,
    Sphere,
    Tree,
    Within,
    depends_on_frame,
    first_that_depends_on_frame,
    nodes_of,
    parts_of,
)


@dataclass(frozen=True, eq=False)
class BoundSelection:
    """A selection of which all that is not a matter of positions has been looked up.

    It is picklable, and needs the atoms' names and numbers no more.
    """

    tree: Tree
    n_atoms: int
    masks: Mapping[Tree, Mask]
    """What the parts choose that are the same in every frame, shape (atom,)."""
    relations: Mapping[Tree, NDArray[np.int64]]
    """The group of each atom for a `Same`, pairs of atoms for a `Bonded`."""
    asked: Mapping[Tree, Mask]
    """Of which atoms the other parts say whether they are chosen, shape (atom,)."""

    @property
    def candidates(self) -> Mask:
        """The atoms that can be chosen in some frame, shape (atom,)."""
        return self.masks.get(self.tree, self.asked.get(self.tree, np.ones(self.n_atoms, bool)))

    @cached_property
    def looked_at(self) -> Mask:
        """The atoms whose positions tell what is chosen, shape (atom,)."""
        looked_at = np.zeros(self.n_atoms, bool)
        for node, asked in self.asked.items():
            if isinstance(node, Within | Sphere | Region):
                looked_at |= asked
                for part in parts_of(node):
                    looked_at |= self.masks[part] if part in self.masks else self.asked[part]
        return looked_at

    def of_atoms(self, kept: NDArray[np.int64]) -> BoundSelection:
        """Return the selection among some of the atoms, those that it looks at and more."""
        place = np.full(self.n_atoms, -1)
        place[kept] = np.arange(len(kept))
        relations: dict[Tree, NDArray[np.int64]] = {}
        for node, relation in self.relations.items():
            if isinstance(node, Same):
                relations[node] = relation[kept]
            else:
                pairs = place[relation]
                relations[node] = pairs[(pairs >= 0).all(axis=1)]
        return BoundSelection(
            self.tree,
            len(kept),
            {node: mask[kept] for node, mask in self.masks.items()},
            relations,
            {node: mask[kept] for node, mask in self.asked.items()},
        )


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
        Atoms, from 0, each once: rising, or where the selection says an order, in that; there may
        be none.

    Raises
    ------
    SelectionError
        The selection asks for what is not known of the atoms, or depends on the frame.

    Examples
    --------
    >>> from gromos_dist.selection.tree import Like, Not, Property
    >>> from gromos_dist.topology import load_topology
    >>> topology = load_topology("tests/data/spc.top").solvate(2)
    >>> evaluate(Not(Property("name", (Like("H*"),))), topology)
    array([0, 3])
    """
    moving = first_that_depends_on_frame(tree)
    if moving is not None:
        raise error_at(
            moving,
            f"{word_of(moving)!r} chooses other atoms in every frame, "
            "and here the same ones are needed in all; choose by names, numbers, kinds or bonds",
        )
    try:
        return _in_order(tree, atoms)
    except RecursionError:
        raise _too_deep() from None


def _in_order(tree: Tree, atoms: Atoms) -> NDArray[np.int64]:
    """Return the atoms of a selection: where it is a list, in the order of that."""
    match tree:
        case Specified():
            return specified_atoms(tree, KnownAtoms(atoms))
        case InOrder(parts=parts):
            listed = np.concatenate([_in_order(part, atoms) for part in parts])
            return listed[np.sort(np.unique(listed, return_index=True)[1])]
        case And(parts=(InOrder() | Specified() | And() as first, *others)):
            # What is left out of a list leaves the order of the rest.
            listed, rest = _in_order(first, atoms), And(tuple(others))
            return listed[bind(rest, atoms).masks[rest][listed]]
    return np.flatnonzero(bind(tree, atoms).masks[tree])


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
    try:
        return _bound(tree, KnownAtoms(atoms))
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> SelectionError:
    return SelectionError("the selection has too many parts within each other")


def _bound(tree: Tree, known: KnownAtoms) -> BoundSelection:
    masks: dict[Tree, Mask] = {}
    relations: dict[Tree, NDArray[np.int64]] = {}
    for node in nodes_of(tree):
        if isinstance(node, Everything | Indices | Property | Kind):
            masks[node] = mask_of(node, known)
        elif isinstance(node, Specified):
            masks[node] = np.zeros(known.n_atoms, bool)
            masks[node][specified_atoms(node, known)] = True
        elif isinstance(node, Same | Bonded):
            relations[node] = relation_of(node, known)
    leaves = BoundSelection(tree, known.n_atoms, masks, relations, {})
    fixed = {part: _mask(part, leaves, None) for part in _parts_without_frame(tree)}
    moving = {node: values for node, values in relations.items() if depends_on_frame(node)}
    bound = BoundSelection(tree, known.n_atoms, fixed, moving, {})
    asked: dict[Tree, Mask] = {}
    _ask(tree, np.ones(known.n_atoms, bool), bound, asked)
    return replace(bound, asked=asked)


def _ask(tree: Tree, of: Mask, bound: BoundSelection, asked: dict[Tree, Mask]) -> None:
    """Note of which atoms each part has to tell whether it chooses them."""
    if tree in bound.masks:
        return
    of = of & _possible(tree, bound)
    asked[tree] = asked.get(tree, False) | of
    for part in parts_of(tree):
        match tree:
            case Same() | Bonded():
                _ask(part, _related(tree, of, bound.relations[tree]), bound, asked)
            case Within() | Sphere():
                _ask(part, np.ones_like(of), bound, asked)
            case _:
                _ask(part, of, bound, asked)


def _possible(tree: Tree, bound: BoundSelection) -> Mask:
    """Return the atoms that a part of a selection can choose, shape (atom,)."""
    if tree in bound.masks:
        return bound.masks[tree]
    parts = [_possible(part, bound) for part in parts_of(tree)]
    match tree:
        case And():
            return np.asarray(np.logical_and.reduce(parts), bool)
        case Or() | InOrder():
            return np.asarray(np.logical_or.reduce(parts), bool)
        case Same() | Bonded():
            return _related(tree, parts[0], bound.relations[tree])
    return np.ones(bound.n_atoms, bool)


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
    SelectionError
        Its parts are too deep within each other.
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
    if n_atoms != bound.n_atoms:
        raise ValueError(
            f"the selection is of {bound.n_atoms} atoms, the positions of {n_atoms}: give the "
            "positions of all atoms that the words were looked up of"
        )
    try:
        return _masks(bound, positions, boxes)
    except RecursionError:
        raise _too_deep() from None


def _masks(bound: BoundSelection, positions: NDArray[Any], boxes: NDArray[np.float64]) -> Mask:
    n_frames, n_atoms = positions.shape[:2]
    chosen = np.empty((n_frames, n_atoms), bool)
    if bound.tree in bound.masks:
        chosen[:] = bound.masks[bound.tree]
        return chosen
    for frame in range(n_frames):
        coordinates = positions[frame].astype(np.float64)
        broken = bound.looked_at & ~np.isfinite(coordinates).all(axis=1)
        if broken.any():
            atom = int(np.argmax(broken))
            raise FrameError("a coordinate is NaN or infinite", frame, atom=atom)
        try:
            chosen[frame] = _mask(bound.tree, bound, _Frame(coordinates, boxes[frame]))
        except FrameError as error:
            raise error.located(frame) from None
        except ValueError as error:
            raise FrameError(str(error), frame) from None
    return chosen


class _Frame(NamedTuple):
    positions: NDArray[np.float64]
    box: NDArray[np.float64]


def _mask(tree: Tree, bound: BoundSelection, frame: _Frame | None) -> Mask:
    """Return what a part of a selection chooses of the atoms it is asked of, shape (atom,)."""
    if tree in bound.masks:
        return bound.masks[tree]
    asked = bound.asked.get(tree)
    mask = _any_mask(tree, bound, frame)
    return mask if asked is None else mask & asked


def _any_mask(tree: Tree, bound: BoundSelection, frame: _Frame | None) -> Mask:
    parts = [_mask(part, bound, frame) for part in parts_of(tree)]
    match tree:
        case Not():
            return ~parts[0]
        case And():
            return np.asarray(np.logical_and.reduce(parts), bool)
        case Or() | InOrder():
            return np.asarray(np.logical_or.reduce(parts), bool)
        case Same() | Bonded():
            return _related(tree, parts[0], bound.relations[tree])
    if frame is None or not isinstance(tree, Within | Sphere | Region):
        raise TypeError(f"{type(tree).__name__} is no node of a selection")
    of = np.flatnonzero(bound.asked[tree])
    mask = np.zeros(bound.n_atoms, bool)
    mask[of] = _by_positions(tree, of, parts, frame)
    return mask


def _related(tree: Same | Bonded, members: Mask, relation: NDArray[np.int64]) -> Mask:
    if isinstance(tree, Same):
        return np.isin(relation, relation[members])
    mask = np.zeros(len(members), bool)
    for end, other in permutations(relation.T):
        mask[other[members[end]]] = True
    return mask


def _by_positions(
    tree: Within | Sphere | Region,
    of: NDArray[np.int64],
    parts: Sequence[Mask],
    frame: _Frame,
) -> Mask:
    """Return which of some atoms are chosen."""
    positions, box = frame
    points = positions[of]
    match tree:
        case Within(distance=distance):
            return is_within(points, positions[parts[0]], distance, box)
        case Sphere(radius=radius, centre=tuple() as point):
            return is_within(points, [point], radius, box)
        case Sphere(radius=radius):
            members = positions[parts[0]]
            centre = members.mean(axis=0, keepdims=True) if len(members) else members
            return is_within(points, centre, radius, box)
        case Region(lower=lower, upper=upper):
            return is_between(points, lower, upper, box)

"""What a selection means, whatever language it is written in.

Trees are immutable, comparable, hashable and picklable. Two selections that mean the same in
different languages are equal trees: where in a text a node comes from (`at`) does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from gromos_dist.selection.syntax import Place

Point = tuple[float, float, float]
RESIDUE: Final = "residue"
Operator = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True)
class Exactly:
    """A text that is this one."""

    text: str


@dataclass(frozen=True)
class Like:
    """A text of this shape: ``*`` stands for any text, ``?`` for any letter."""

    pattern: str


@dataclass(frozen=True)
class Matching:
    """A text that is, from its beginning to its end, what a regular expression describes."""

    pattern: str


@dataclass(frozen=True)
class Between:
    """A number from the first to the last, both included."""

    first: float
    last: float


@dataclass(frozen=True)
class Compared:
    """A number for which a comparison with another holds."""

    operator: Operator
    number: float


Test: TypeAlias = Exactly | Like | Matching | Between | Compared


@dataclass(frozen=True, kw_only=True)
class Node:
    """A part of a tree."""

    at: Place | None = field(default=None, compare=False, repr=False)
    """Where it is said, for messages."""


@dataclass(frozen=True)
class Everything(Node):
    """All atoms."""


@dataclass(frozen=True)
class Indices(Node):
    """Atoms by their places, from 0."""

    indices: tuple[int, ...]


@dataclass(frozen=True)
class Property(Node):
    """Atoms of which a property passes one of the tests.

    Its name is one of `gromos_dist.selection.known_atoms.PROPERTIES`.
    """

    name: str
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Kind(Node):
    """Atoms of a kind: one of `gromos_dist.selection.kinds.KINDS`."""

    name: str


@dataclass(frozen=True)
class Not(Node):
    """Atoms that are not chosen by another selection."""

    of: Tree


@dataclass(frozen=True)
class And(Node):
    """Atoms that all parts choose."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Or(Node):
    """Atoms that one of the parts chooses."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Same(Node):
    """Atoms that share a label with an atom of another selection.

    It is `RESIDUE` (that of one residue, not of all with its number) or the name of a property that
    is text or integer.
    """

    label: str
    of: Tree


@dataclass(frozen=True)
class Bonded(Node):
    """Atoms that are bonded to an atom of another selection."""

    of: Tree


@dataclass(frozen=True)
class Within(Node):
    """Atoms at most a distance (nm) from the nearest image of an atom of another selection."""

    distance: float
    of: Tree


@dataclass(frozen=True)
class Sphere(Node):
    """Atoms at most a radius (nm) from the nearest image of a centre.

    The centre is a point (nm), or the centre of geometry of the atoms of another selection, whose
    coordinates are taken as they stand.
    """

    radius: float
    centre: Point | Tree


@dataclass(frozen=True)
class Region(Node):
    """Atoms of which an image lies between two corners (nm), sides along x, y and z."""

    lower: Point
    upper: Point


Tree: TypeAlias = (
    Everything
    | Indices
    | Property
    | Kind
    | Not
    | And
    | Or
    | Same
    | Bonded
    | Within
    | Sphere
    | Region
)


@dataclass(frozen=True)
class Centre(Node):
    """A point: the centre of the atoms of a selection, as their coordinates stand."""

    of: Tree
    mass_weighted: bool
    label: str = field(default="", compare=False)
    """What it is called."""


def parts_of(tree: Tree) -> tuple[Tree, ...]:
    """Return the trees that a node is made of, from left to right."""
    match tree:
        case And(parts=parts) | Or(parts=parts):
            return parts
        case Not(of=of) | Same(of=of) | Bonded(of=of) | Within(of=of):
            return (of,)
        case Sphere(centre=centre) if not isinstance(centre, tuple):
            return (centre,)
    return ()


def nodes_of(tree: Tree) -> Iterator[Tree]:
    """Go through a tree, from left to right, a node before its parts."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(parts_of(node)))


def first_that_depends_on_frame(tree: Tree) -> Tree | None:
    """Return the first node of a tree that looks at positions; None when there is none."""
    return next(
        (node for node in nodes_of(tree) if isinstance(node, Within | Sphere | Region)), None
    )


def depends_on_frame(tree: Tree) -> bool:
    """Say whether a selection can choose other atoms in every frame.

    Examples
    --------
    >>> from gromos_dist.selection.tree import And, Kind, Within, depends_on_frame
    >>> water = Kind("water")
    >>> depends_on_frame(water), depends_on_frame(And((water, Within(0.5, Kind("protein")))))
    (False, True)
    """
    return first_that_depends_on_frame(tree) is not None

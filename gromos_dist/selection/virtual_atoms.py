"""Virtual atoms of GROMOS: where hydrogens would be that united atoms have not, and pseudo atoms.

The geometries are those of GROMOS (manual, volume 2, table 2.6.4.1): a is the first atom, b, c and
d are those after it, u(v) is v over its length, h = 0.1 nm the length of C-H bonds and k = 0.153 nm
that of C-C bonds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CH, _CC = 0.1, 0.153
# Cosine and sine of half the angle of a tetrahedron, in the digits of GROMOS.
_COSINE, _SINE = 0.577350, 0.816497


@dataclass(frozen=True)
class Site:
    """A kind of virtual atom."""

    n_atoms: int
    """How many atoms it is made of."""
    what: str
    position: Callable[[Floats], Floats]
    """From positions of the atoms, shape (frame, atom, 3), to its own, shape (frame, 3)."""


def _unit(vectors: Floats) -> Floats:
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    unit: Floats = vectors / np.sqrt(x * x + y * y + z * z)[:, None]
    return unit


def _away(atoms: Floats, n_others: int) -> Floats:
    """Return the direction from the others to the first atom."""
    direction = n_others * atoms[:, 0]
    for other in range(1, n_others + 1):
        direction = direction - atoms[:, other]
    return _unit(direction)


def _beside(atoms: Floats) -> Floats:
    one, other = atoms[:, 0] - atoms[:, 1], atoms[:, 0] - atoms[:, 2]
    return _unit(np.cross(one, other))


KINDS_OF_SITES: Final = {
    1: Site(4, "aliphatic CH1", lambda r: r[:, 0] + _CH * _away(r, 3)),
    2: Site(3, "aromatic CH1", lambda r: r[:, 0] + _CH * _away(r, 2)),
    3: Site(3, "CH2, pseudo atom", lambda r: r[:, 0] + _CH * _COSINE * _away(r, 2)),
    4: Site(
        3,
        "CH2, one hydrogen",
        lambda r: r[:, 0] + _CH * _COSINE * _away(r, 2) + _CH * _SINE * _beside(r),
    ),
    5: Site(2, "CH3, pseudo atom", lambda r: r[:, 0] + _CH / 3.0 * _away(r, 1)),
    6: Site(
        3,
        "two CH3, pseudo atom",
        lambda r: r[:, 0] - _COSINE * (_CC + _CH / 3.0) * _away(r, 2),
    ),
    7: Site(2, "three CH3, pseudo atom", lambda r: r[:, 0] + (_CC + _CH / 3.0) / 3.0 * _away(r, 1)),
}
"""By the numbers of their types."""

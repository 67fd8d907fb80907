"""Errors of particle-mesh Ewald, estimated, and the mesh that a tolerance needs."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

Floats = NDArray[np.float64]

ORDERS: Final = (4, 6, 8, 10, 12)
"""Of splines."""

# The charges of SPC water: the sum of their squares in a nm3, and the means of their second and
# fourth powers over the atoms.
_DENSITY, _SQUARE, _FOURTH = 33.7, 0.336, 0.170
# The splines of an atom cost as much as so many points of the mesh, and atoms are so many in a nm3.
_COST_OF_POINT, _ATOMS = 12.0, 100.0
_SPACINGS: Final = (0.02, 0.3)
# 1/(4 pi eps0), kJ nm mol-1 e-2.
_COULOMB = 138.9354


class MeshError(NamedTuple):
    """The error of forces by a mesh, root mean square over all places; see `mesh_error`."""

    pairs: float
    """By ``coulomb q Q sqrt(alpha / V)``; Q**2 is the sum of the squares of all charges."""
    own: float
    """By ``coulomb q**2 alpha**2``: the force of a charge on itself, which should be none."""


class Mesh(NamedTuple):
    """A mesh, and what its forces are expected to be worth."""

    spacing: float
    """nm"""
    order: int
    error: float
    """Of the mesh (kJ mol-1 nm-1): root mean square over the atoms of water."""
    allowed: float
    """The same of what the cutoff leaves out."""


def real_space_error(alpha: float, cutoff: float) -> float:
    """Estimate the error of forces that comes from the cutoff of the sum over pairs.

    Parameters
    ----------
    alpha : float
        Splitting (nm-1).
    cutoff : float
        nm.

    Returns
    -------
    float
        Root mean square, by ``coulomb q Q / sqrt(V)`` (nm-1/2).

    References
    ----------
    J. Kolafa and J. W. Perram, Mol. Simul. 9 (1992) 351.

    Examples
    --------
    >>> from gromos_dist.kernels.ewald_error import real_space_error
    >>> f"{real_space_error(3.47, 0.9):.1e}"
    '1.2e-04'
    """
    return 2.0 / math.sqrt(cutoff) * math.exp(-((alpha * cutoff) ** 2))


@lru_cache(maxsize=4096)
def mesh_error(spacing: float, order: int) -> MeshError:
    """Estimate the error of forces by smooth particle-mesh Ewald.

    Parameters
    ----------
    spacing : float
        Of the mesh's points, times the splitting (alpha h).
    order : int
        Of the splines, even.

    Returns
    -------
    MeshError
        Of charges that do not know of each other, in a box that is large against 1/alpha.

    Notes
    -----
    The force between two charges is a Fourier series in the places of both. The squares of what
    the mesh's coefficients differ by from those of the exact sum are added up, over all waves and
    all of their aliases [1]_. Forces are derivatives of the mesh's energy, so that a charge has a
    force on itself too [2]_.

    References
    ----------
    .. [1] H. Wang, F. Dommert and C. Holm, J. Chem. Phys. 133 (2010) 034117.
    .. [2] V. Ballenegger, J. J. Cerda and C. Holm, Comput. Phys. Commun. 182 (2011) 1919.

    Examples
    --------
    >>> from gromos_dist.kernels.ewald_error import mesh_error
    >>> coarse, fine = mesh_error(0.4, 4), mesh_error(0.2, 4)
    >>> 10 < coarse.pairs / fine.pairs < 20
    True
    """
    # In units of 1/alpha: waves of one octant of the Brillouin zone, as far as they have weight.
    edge = math.pi / spacing
    top = min(edge, 11.0)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    wave = 0.5 * top * (nodes + 1.0)
    weight = 8.0 * _product(*[0.5 * top * weights / (2.0 * math.pi)] * 3)
    square = sum(np.ix_(wave**2, wave**2, wave**2))
    exact = 4.0 * math.pi / square * np.exp(-square / 4.0)

    # Along one axis: splines of all aliases by that of the wave itself.
    alias = np.arange(-3, 4)
    waves = wave[:, None] + 2.0 * edge * alias
    splines = (np.sinc(waves / (2.0 * edge)) / np.sinc(wave / (2.0 * edge))[:, None]) ** order
    others = np.where(alias == 0, 0.0, splines)
    added, squares = others.sum(axis=1), (others**2).sum(axis=1)
    moving = ((waves * others) ** 2).sum(axis=1)

    # By how much the square of the splines' sum, and the sum of their squares, exceed one.
    too_much = np.expm1(2.0 * sum(np.ix_(*[np.log1p(added)] * 3)))
    beside = np.expm1(sum(np.ix_(*[np.log1p(squares)] * 3)))
    by_mesh = exact / (1.0 + too_much)
    # The sum of |wave|**2 spline**2 over all aliases, without the wave itself.
    one = np.ones_like(wave)
    aliases_move = np.zeros_like(square)
    for axis in range(3):
        a, b = (other for other in range(3) if other != axis)
        for along, across_a, across_b in (
            (moving, one + squares, one + squares),
            (wave**2, squares, one + squares),
            (wave**2, one, squares),
        ):
            factors = {axis: along, a: across_a, b: across_b}
            aliases_move += _product(*(factors[i] for i in range(3)))
    spurious = (square + aliases_move) * beside + aliases_move
    found = float((weight * by_mesh**2 * (spurious + square * too_much**2)).sum())
    # Waves beyond the zone, of which the mesh knows nothing.
    beyond = 8.0 * math.sqrt(math.pi / 2.0) * float(erfc(edge / math.sqrt(2.0)))

    neighbours = (splines[:, 1:] * splines[:, :-1]).sum(axis=1)
    ripple = float((weight * by_mesh * _product(neighbours, one + squares, one + squares)).sum())
    # Of six waves, of the mesh's own length, and half of it, as is the energy of one charge.
    return MeshError(math.sqrt(found + beyond), math.sqrt(6.0) * edge * ripple)


def require_mesh(spacing: float | None, order: int | None) -> None:
    """Refuse a spacing (nm) or an order that no mesh has; None are to be chosen.

    Raises
    ------
    ValueError
        The spacing is no length, or the splines are of another order than `ORDERS`.
    """
    if spacing is not None and not 0.0 < spacing < math.inf:
        raise ValueError(f"spacing: expected a length (nm) of more than 0, got {spacing}")
    if order is not None and not (isinstance(order, int | np.integer) and order in ORDERS):
        raise ValueError(f"order: expected one of {', '.join(map(str, ORDERS))}; got {order!r}")


def choose_mesh(
    alpha: float,
    cutoff: float,
    *,
    spacing: float | None = None,
    order: int | None = None,
) -> Mesh:
    """Choose the mesh with which forces are as good as the cutoff lets them be.

    Parameters
    ----------
    alpha, cutoff : float
        Splitting (nm-1) and cutoff (nm) of the sum over pairs.
    spacing, order : optional
        What is not to be chosen.

    Returns
    -------
    Mesh
        The cheapest one whose estimated error in water is no larger than that of the cutoff; where
        there is none, the best.

    Raises
    ------
    ValueError
        As `require_mesh`.

    Examples
    --------
    >>> from gromos_dist.kernels.ewald_error import choose_mesh
    >>> mesh = choose_mesh(3.47, 0.9)
    >>> mesh.error <= mesh.allowed
    True
    """
    require_mesh(spacing, order)
    allowed = _COULOMB * math.sqrt(_SQUARE * _DENSITY) * real_space_error(alpha, cutoff)
    meshes = []
    for tried in ORDERS if order is None else (order,):
        of_order = _coarsest(alpha, tried, allowed / _COULOMB) if spacing is None else spacing
        error = _COULOMB * _in_water(alpha, of_order, tried)
        meshes.append(Mesh(of_order, tried, error, allowed))
    good = [mesh for mesh in meshes if mesh.error <= allowed]
    return min(good, key=_cost) if good else min(meshes, key=lambda mesh: mesh.error)


def _cost(mesh: Mesh) -> float:
    return _ATOMS * mesh.order**3 + _COST_OF_POINT / mesh.spacing**3


def _in_water(alpha: float, spacing: float, order: int) -> float:
    pairs, own = mesh_error(alpha * spacing, order)
    return math.sqrt(_SQUARE * _DENSITY * alpha * pairs**2 + _FOURTH * (alpha**2 * own) ** 2)


def _coarsest(alpha: float, order: int, allowed: float) -> float:
    """Return the widest spacing, in thousandths of a nm, that makes no larger error."""
    low, high = (round(1000 * limit) for limit in _SPACINGS)
    while low < high:
        middle = (low + high + 1) // 2
        if _in_water(alpha, middle / 1000, order) <= allowed:
            low = middle
        else:
            high = middle - 1
    return low / 1000


def _product(x: Floats, y: Floats, z: Floats) -> Floats:
    product: Floats = np.einsum("i,j,k->ijk", x, y, z)
    return product

"""Which atoms of a frame are near others, or in a region, in any periodic box or in none."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from gromos_dist.topology.lattice import has_lattice, reduced_vectors

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# What lies at the very edge is looked at, whatever rounding says of it.
_MARGIN = 1e-9


def is_within(points: ArrayLike, others: ArrayLike, distance: float, box: ArrayLike) -> Mask:
    """Tell which points are at most a distance from the nearest image of one of the others.

    The distance may be any, also longer than half the box.

    Parameters
    ----------
    points, others : arrays, shape (n, 3) and (m, 3)
        In nm.
    distance : float
        In nm.
    box : array, shape (3, 3)
        Rows are the lattice vectors, in nm; NaN or zeros stand for no box.

    Returns
    -------
    (n,) bool array
        None where there are no others.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.selection.distances import is_within
    >>> is_within([[0.1, 0, 0], [1.5, 0, 0]], [[2.9, 0, 0]], 0.3, 3.0 * np.eye(3))
    array([ True, False])
    """
    points, others = np.asarray(points, np.float64), np.asarray(others, np.float64)
    if not len(others) or not len(points):
        return np.zeros(len(points), bool)
    if has_lattice(box):
        vectors = reduced_vectors(box)
        if distance >= _radius_of_cell(vectors):
            return np.ones(len(points), bool)
        points = _in_cell(points, vectors)
        others = _images_near_cell(others, vectors, distance)
    nearest, _ = cKDTree(others).query(points, distance_upper_bound=distance + _MARGIN)
    return np.asarray(nearest <= distance, bool)


def is_between(points: ArrayLike, lower: ArrayLike, upper: ArrayLike, box: ArrayLike) -> Mask:
    """Tell of which points an image lies between two corners, sides along x, y and z.

    Parameters
    ----------
    points : array, shape (n, 3)
        In nm.
    lower, upper : arrays, shape (3,)
        The corners, in nm; sides may be longer than the box.
    box : array, shape (3, 3)
        Rows are the lattice vectors, in nm; NaN or zeros stand for no box.

    Returns
    -------
    (n,) bool array
    """
    points = np.asarray(points, np.float64)
    lower, upper = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    if not has_lattice(box):
        return np.asarray(((points >= lower) & (points <= upper)).all(axis=1), bool)
    vectors = reduced_vectors(box)
    half = 0.5 * (upper - lower)
    inside = np.zeros(len(points), bool)
    if half.min() >= _radius_of_cell(vectors):
        return ~inside
    centre = lower + half
    points = _in_cell(points, vectors)
    for image in _images_near_cell(centre[None], vectors, float(np.linalg.norm(half))):
        left = np.flatnonzero(~inside)
        moved = points[left] - (image - centre)
        inside[left] = ((moved >= lower) & (moved <= upper)).all(axis=1)
    return inside


def _radius_of_cell(vectors: Floats) -> float:
    """Return a distance at which every point has an image of every other."""
    return 0.5 * float(np.linalg.norm(vectors, axis=1).sum())


def _in_cell(points: Floats, vectors: Floats) -> Floats:
    """Return the images of points that lie in the cell of some lattice vectors."""
    return points - np.floor(points @ np.linalg.inv(vectors)) @ vectors


def _images_near_cell(points: Floats, vectors: Floats, distance: float) -> Floats:
    """Return all images of points that may be at most a distance from a point in the cell."""
    inverse = np.linalg.inv(vectors)
    # In units of the vectors: the heights of the cell are one over the columns' lengths.
    reach = distance * np.linalg.norm(inverse, axis=0) + _MARGIN
    home = _in_cell(points, vectors)
    units = home @ inverse
    most = np.ceil(reach).astype(int)
    found = []
    for step in product(*(range(-number, number + 1) for number in most)):
        moved = units + step
        is_near = ((moved >= -reach) & (moved <= 1.0 + reach)).all(axis=1)
        found.append(home[is_near] + np.array(step) @ vectors)
    return np.concatenate(found)

"""Hydrogen bonds by brute force over all pairs and images, in NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.kernels.hydrogen_bonds import BondCriteria, BondSites, ThreeCenterCriteria

Array = NDArray[Any]


_STEPS = np.array(list(itertools.product(range(-3, 4), repeat=3)))


def nearest(vectors: Array, box: Array | None) -> Array:
    """Return the shortest of vectors (n, 3) and their images, looked for far beyond the next."""
    if box is None or not np.isfinite(box).all() or not box.any():
        return vectors
    in_cell = vectors - np.rint(vectors @ np.linalg.inv(box)) @ box
    images = in_cell[:, None] - _STEPS @ box
    best = np.argmin(np.einsum("nsx,nsx->ns", images, images), axis=1)
    return images[np.arange(len(images)), best]


def angle(one: Array, other: Array) -> float:
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def torsion(a: Array, b: Array, c: Array, d: Array) -> float:
    axis = (c - b) / np.linalg.norm(c - b)
    first, last = (a - b) - ((a - b) @ axis) * axis, (d - c) - ((d - c) @ axis) * axis
    return float(np.degrees(np.arctan2(np.cross(axis, first) @ last, first @ last)))


def within(value: float, limit: float, included: bool) -> bool:
    return value <= limit if included else value < limit


def candidates(frame: Array, box: Array | None, sites: BondSites, criteria: Any) -> Any:
    """Yield hydrogen, acceptor, distance, angle and vector of each pair that meets criteria."""
    three = isinstance(criteria, ThreeCenterCriteria)
    if three:
        criteria = BondCriteria(
            criteria.distance, True, "hydrogen", criteria.angle, True, "hydrogen"
        )
    to_donors = nearest(frame[sites.donors] - frame[sites.hydrogens], box)
    pairs = [
        (h, a)
        for h, a in itertools.product(range(len(sites.hydrogens)), range(len(sites.acceptors)))
        if sites.hydrogen_units[h] != sites.acceptor_units[a]
        and sites.hydrogen_sides[h] & sites.acceptor_sides[a]
        and sites.acceptors[a] not in (sites.hydrogens[h], sites.donors[h])
    ]
    if not pairs:
        return
    first, last = np.array(pairs).T
    ends = frame[sites.acceptors[last]]
    of_hydrogens = nearest(ends - frame[sites.hydrogens[first]], box)
    of_donors = nearest(ends - frame[sites.donors[first]], box)
    for (h, a), to_acceptor, from_donor in zip(pairs, of_hydrogens, of_donors, strict=True):
        to_donor = to_donors[h]
        of_donor = criteria.distance_from == "donor"
        distance = np.linalg.norm(from_donor if of_donor else to_acceptor)
        at_donor = criteria.angle_at == "donor"
        found = angle(-to_donor, from_donor) if at_donor else angle(to_donor, to_acceptor)
        limit = criteria.distance - criteria.curvature * found**2
        sign = 1 if at_donor else -1
        if within(distance, limit, criteria.distance_included) and within(
            sign * found, sign * criteria.angle, criteria.angle_included
        ):
            yield h, a, distance, found, to_acceptor, to_donor


def bonds(frame: Array, box: Array | None, sites: BondSites, criteria: Any) -> list[Any]:
    """Return the bonds of a frame as the kernel gives them, a tuple of its columns each."""
    found = list(candidates(frame, box, sites, criteria))
    if not isinstance(criteria, ThreeCenterCriteria):
        return [bond[:4] for bond in found]
    pairs = []
    for one, other in itertools.combinations(found, 2):
        if one[0] != other[0]:
            continue
        total = one[3] + other[3] + angle(one[4], other[4])
        plane = torsion(one[5], one[4], other[4], np.zeros(3))
        if total >= criteria.angle_sum and abs(plane) <= criteria.plane:
            pairs.append((*one[:4], other[1], other[2], other[3], total, plane))
    return pairs

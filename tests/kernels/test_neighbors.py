"""Neighbour searches against all images of all pairs, in every kind of box."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import on_every_level, same_bits, unaligned

from gromos_dist.errors import FrameError
from gromos_dist.kernels import (
    distance_histogram,
    image_distances,
    minimum_distances,
    neighbor_pairs,
    neighbor_pairs_of_frames,
)
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.topology.lattice import reduced_vectors

BOXES = ("none", "rectangular", "triclinic", "skewed", "octahedron", "flat")


class System(NamedTuple):
    positions: NDArray[Any]
    box: NDArray[np.float64] | None
    first: NDArray[np.int64]
    second: NDArray[np.int64] | None
    cutoff: float


def box_of(kind: str, rng: np.random.Generator) -> NDArray[np.float64] | None:
    if kind == "none":
        return None
    if kind == "octahedron":
        return octahedron_vectors(rng.uniform(1.0, 4.0) * np.eye(3))
    if kind == "flat":
        return np.diag([0.3, 2.0, 5.0])
    box = np.diag(rng.uniform(1.0, 4.0, 3))
    if kind == "triclinic":
        box += np.tril(rng.uniform(-0.5, 0.5, (3, 3)), -1)
    if kind == "skewed":
        box += np.tril(rng.uniform(-9.0, 9.0, (3, 3)), -1)
    return box


@st.composite
def systems(draw: st.DrawFn, kinds: tuple[str, ...] = BOXES) -> System:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_atoms = draw(st.integers(1, 70))
    box = box_of(draw(st.sampled_from(kinds)), rng)
    spread = draw(st.sampled_from([0.5, 3.0, 40.0]))
    positions = rng.uniform(-spread, spread, (n_atoms, 3))
    # Coincident atoms, and some far away: coordinates that follow an atom through many boxes.
    positions[rng.integers(n_atoms)] = positions[rng.integers(n_atoms)]
    if draw(st.booleans()):
        positions[rng.integers(n_atoms)] += rng.uniform(-1e4, 1e4, 3)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    first = rng.integers(0, n_atoms, rng.integers(1, n_atoms + 1))
    second = rng.integers(0, n_atoms, rng.integers(1, n_atoms + 1))
    return System(
        positions.astype(dtype),
        box,
        first,
        second if draw(st.booleans()) else None,
        draw(st.sampled_from([1e-3, 0.2, 0.5, 1.0, 2.5, 30.0])),
    )


def all_pairs(first: NDArray[np.int64], second: NDArray[np.int64] | None) -> NDArray[np.int64]:
    first = np.unique(first)
    if second is None:
        listed = [(i, j) for i in first for j in first if i < j]
    else:
        listed = [(i, j) for i in first for j in np.unique(second) if i != j]
    return np.array(listed, np.int64).reshape(-1, 2)


def images_of(differences: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """All images of differences that may be the nearest, shape (images, n, 3)."""
    vectors = reduced_vectors(box)
    home = differences - np.rint(differences @ np.linalg.inv(vectors)) @ vectors
    steps = np.array(list(product((-1, 0, 1), repeat=3)))
    return np.asarray(home[None] + (steps @ vectors)[:, None])


def distances_of(
    positions: NDArray[Any], box: NDArray[np.float64] | None, pairs: NDArray[np.int64]
) -> NDArray[np.float64]:
    x = positions.astype(np.float64)
    differences = x[pairs[:, 1]] - x[pairs[:, 0]]
    if box is None:
        return np.asarray(np.linalg.norm(differences, axis=-1))
    return np.asarray(np.linalg.norm(images_of(differences, box), axis=-1).min(axis=0))


@given(systems())
def test_pairs_are_those_of_brute_force(system: System) -> None:
    pairs = all_pairs(system.first, system.second)
    distances = distances_of(system.positions, system.box, pairs)
    found, apart = on_every_level(
        lambda: neighbor_pairs(
            system.positions, system.box, system.first, system.second, cutoff=system.cutoff
        )
    )
    near = distances <= system.cutoff
    # Far away a difference has lost digits.
    tolerance = 1e-10
    open_to_rounding = abs(distances - system.cutoff) < tolerance
    by_pair = {tuple(pair): distance for pair, distance in zip(pairs, distances, strict=True)}
    assert {tuple(pair) for pair in found} <= by_pair.keys()
    sure = {tuple(pair) for pair in pairs[near & ~open_to_rounding]}
    assert (
        sure
        <= {tuple(pair) for pair in found}
        <= {tuple(p) for p in pairs[near | open_to_rounding]}
    )
    assert len({tuple(pair) for pair in found}) == len(found)
    assert found.dtype == np.int32 and apart.dtype == np.float64
    assert np.array_equal(found, found[np.lexsort((found[:, 1], found[:, 0]))])
    np.testing.assert_allclose(apart, [by_pair[tuple(pair)] for pair in found], 0, tolerance)

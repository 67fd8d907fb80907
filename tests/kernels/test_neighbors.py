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


def histogram_of(distances: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Counts in bins of which the upper edge is open, the last too."""
    place = np.searchsorted(edges, distances, side="right") - 1
    inside = (place >= 0) & (place < len(edges) - 1)
    return np.bincount(place[inside], minlength=len(edges) - 1).astype(np.int64)


def half_shortest(box: NDArray[np.float64] | None) -> float:
    return (
        np.inf if box is None else 0.5 * float(np.linalg.norm(reduced_vectors(box), axis=1).min())
    )


@given(systems(), st.sampled_from([1, 7, 200]), st.sampled_from([0.0, 0.3]), st.booleans())
def test_histogram_is_that_of_brute_force(
    system: System, n_bins: int, r_min: float, labelled: bool
) -> None:
    pairs = all_pairs(system.first, system.second)
    r_max = min(max(system.cutoff, 0.5), half_shortest(system.box))
    edges = np.linspace(r_min * r_max, r_max, n_bins + 1)
    labels = np.arange(len(system.positions)) // 3 if labelled else None
    if labels is not None:
        pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
    excluded, counted = pairs[::5], np.delete(pairs, np.s_[::5], axis=0)
    counts = on_every_level(
        lambda: distance_histogram(
            *(system.positions[None], None if system.box is None else system.box[None]),
            *(system.first, system.second),
            edges=edges,
            labels=labels,
            excluded=excluded,
        )
    )[0]
    distances = distances_of(system.positions, system.box, counted)
    at_an_edge = abs(distances[:, None] - edges).min(axis=1, initial=np.inf) < 1e-10
    lowest = histogram_of(distances[~at_an_edge], edges)
    assert counts.dtype == np.int64
    assert (counts >= lowest).all()
    assert counts.sum() - lowest.sum() <= at_an_edge.sum()


@given(systems(), st.integers(1, 60))
def test_histogram_counts_what_the_list_has(system: System, n_bins: int) -> None:
    """To the bit: also of distances that lie at an edge."""
    r_max = min(system.cutoff, half_shortest(system.box))
    _, distances = neighbor_pairs(
        system.positions, system.box, system.first, system.second, cutoff=r_max
    )
    edges = np.linspace(0.0, r_max, n_bins + 1)
    box = None if system.box is None else system.box[None]
    counts = distance_histogram(
        system.positions[None], box, system.first, system.second, edges=edges
    )
    assert np.array_equal(counts[0], histogram_of(distances, edges))


@given(systems(), st.integers(1, 7))
def test_distances_at_the_edges_of_bins(system: System, n: int) -> None:
    """Atoms on a lattice: most distances are those of an edge, and many that of the cutoff."""
    x = np.round(system.positions.astype(np.float64) * 4.0) / 4.0
    box = np.diag([0.25 * n, 1.25, 2.0])
    edges = np.arange(0.0, 0.5 * box.diagonal().min() + 0.125, 0.125)
    edges = edges[edges <= 0.5 * box.diagonal().min()]
    pairs = all_pairs(system.first, system.second)
    distances = distances_of(x, box, pairs)
    for dtype in (np.float32, np.float64):
        frame = x.astype(dtype)
        if len(edges) > 1:
            counts = on_every_level(
                lambda frame=frame: distance_histogram(
                    frame[None], box[None], system.first, system.second, edges=edges
                )
            )
            assert np.array_equal(counts[0], histogram_of(distances, edges))
        for cutoff in (0.25, 0.5, 0.625, 1.0):
            found, apart = neighbor_pairs(frame, box, system.first, system.second, cutoff=cutoff)
            assert np.array_equal(found, pairs[distances <= cutoff])
            assert np.array_equal(apart, distances[distances <= cutoff])


@given(systems())
def test_nearest_pair_is_that_of_brute_force(system: System) -> None:
    pairs = all_pairs(system.first, system.second)
    distances = distances_of(system.positions, system.box, pairs)
    box = None if system.box is None else system.box[None]
    least, atoms = on_every_level(
        lambda: tuple(minimum_distances(system.positions[None], box, system.first, system.second))
    )
    if not len(pairs):
        assert np.isinf(least[0]) and (atoms == -1).all()
        return
    np.testing.assert_allclose(least[0], distances.min(), 0, 1e-10)
    of_those = distances[(pairs == atoms[0]).all(axis=1)]
    np.testing.assert_allclose(of_those, distances.min(), 0, 1e-10)
    ties = pairs[distances < distances.min() + 1e-10]
    assert atoms[0].tolist() in ties.tolist()


def images_of_all(
    positions: NDArray[Any], box: NDArray[np.float64], atoms: NDArray[np.int64]
) -> float:
    """The least distance of any atom to any other image of any, by many images."""
    vectors = reduced_vectors(box)
    x = positions[np.unique(atoms)].astype(np.float64)
    differences = (x[:, None] - x[None]).reshape(-1, 3)
    least = np.inf
    home = np.rint(differences @ np.linalg.inv(vectors))
    for step in product((-2, -1, 0, 1, 2), repeat=3):
        shift = home + step
        other = (shift != 0).any(axis=1)
        apart = np.linalg.norm((differences - shift @ vectors)[other], axis=1)
        least = min(least, float(apart.min(initial=np.inf)))
    return least


@given(systems(BOXES[1:]))
def test_distance_to_images_is_that_of_brute_force(system: System) -> None:
    assert system.box is not None
    found, atoms = on_every_level(
        lambda: tuple(image_distances(system.positions[None], system.box[None], system.first))
    )
    np.testing.assert_allclose(
        found[0], images_of_all(system.positions, system.box, system.first), 0, 1e-9
    )
    assert np.isin(atoms, system.first).all()


def test_equally_near_pairs_are_told_by_their_numbers() -> None:
    x = np.array([[0.0, 0, 0], [1.0, 0, 0], [0.0, 0, 0.5], [1.0, 0, 0.5], [0.5, 0, 0]])
    _, pairs = minimum_distances(x[None], None, [1, 0], [3, 2, 4])
    assert pairs.tolist() == [[0, 2]]
    _, pairs = minimum_distances(x[None], np.eye(3)[None], [3, 2], [1, 0])
    assert pairs.tolist() == [[2, 0]]


@given(systems(), st.integers(0, 4))
def test_frames_are_searched_one_by_one(system: System, n_frames: int) -> None:
    rng = np.random.default_rng(n_frames)
    frames = np.stack(
        [system.positions[rng.permutation(len(system.positions))] for _ in range(n_frames)]
        or [system.positions]
    )[:n_frames]
    box = None if system.box is None else np.repeat(system.box[None], n_frames, axis=0)
    together = neighbor_pairs_of_frames(
        frames, box, system.first, system.second, cutoff=system.cutoff
    )
    one_by_one = [
        neighbor_pairs(frame, system.box, system.first, system.second, cutoff=system.cutoff)
        for frame in frames
    ]
    assert together.frame.tolist() == [
        frame for frame, (pairs, _) in enumerate(one_by_one) for _ in pairs
    ]
    if n_frames:
        assert same_bits(together.pairs, np.concatenate([pairs for pairs, _ in one_by_one]))
        assert same_bits(together.distances, np.concatenate([apart for _, apart in one_by_one]))
    copied = neighbor_pairs_of_frames(
        unaligned(frames), box, system.first, system.second, cutoff=system.cutoff
    )
    assert same_bits(tuple(copied), tuple(together))


@pytest.mark.parametrize("kind", BOXES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_atoms(kind: str, dtype: Any) -> None:
    """Cells with many atoms, and many cells."""
    rng = np.random.default_rng(7)
    box = box_of(kind, rng)
    box = None if box is None else 2.0 * box
    x = (rng.uniform(-6.0, 6.0, (1500, 3))).astype(dtype)
    first, second = np.arange(0, 1500, 2), np.arange(0, 1500, 3)
    for of_second in (None, second):
        pairs = all_pairs(first, of_second)
        distances = distances_of(x, box, pairs)
        for cutoff in (0.31, 1.1):
            found, apart = on_every_level(
                lambda of_second=of_second, cutoff=cutoff: neighbor_pairs(
                    x, box, first, of_second, cutoff=cutoff
                )
            )
            assert np.array_equal(found, pairs[distances <= cutoff])
            np.testing.assert_allclose(apart, distances[distances <= cutoff], 0, 1e-12)
            if cutoff > half_shortest(box):
                continue
            edges = np.linspace(0.0, cutoff, 78)
            counts = on_every_level(
                lambda of_second=of_second, edges=edges: distance_histogram(
                    x[None], None if box is None else box[None], first, of_second, edges=edges
                )
            )
            assert np.array_equal(counts[0], histogram_of(apart, edges))


def test_frames_without_a_box_are_not_periodic() -> None:
    x = np.array([[[0.1, 0, 0], [2.9, 0, 0]]] * 3)
    box = np.stack([3.0 * np.eye(3), np.zeros((3, 3)), np.full((3, 3), np.nan)])
    found = neighbor_pairs_of_frames(x, box, [0, 1], cutoff=5.0)
    np.testing.assert_allclose(found.distances, [0.2, 2.8, 2.8])


def test_what_cannot_be_searched_is_named() -> None:
    x = np.zeros((3, 4, 3), np.float32)
    box = np.repeat(np.eye(3)[None], 3, axis=0)
    x[1, 2, 1] = np.nan
    with pytest.raises(FrameError, match=r"frame 1: .*NaN or infinite \(atom 2\)"):
        neighbor_pairs_of_frames(x, box, [0, 2], cutoff=0.1)
    # Of atoms that are in no set nothing is asked.
    assert len(neighbor_pairs_of_frames(x, box, [0, 1], cutoff=0.1).pairs) == 3
    huge = np.zeros((1, 2, 3))
    huge[0, 1] = 1e30
    with pytest.raises(FrameError, match="NaN or infinite"):
        neighbor_pairs_of_frames(huge, None, [0, 1], cutoff=0.1)
    box[2, 2] = box[2, 1]
    with pytest.raises(FrameError, match="frame 2: the box has no volume"):
        neighbor_pairs_of_frames(np.zeros((3, 4, 3)), box, [0, 1], cutoff=0.1)
    with pytest.raises(FrameError, match="frame 1: distances reach beyond half the shortest"):
        distance_histogram(
            np.zeros((2, 4, 3)), np.stack([np.eye(3), 0.9 * np.eye(3)]), [0, 1], edges=[0.0, 0.5]
        )
    with pytest.raises(FrameError, match="frame 1: there is no box"):
        image_distances(np.zeros((2, 4, 3)), np.stack([np.eye(3), np.zeros((3, 3))]), [0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: neighbor_pairs(x[None], None, [0], cutoff=1.0), "expected shape"),
        (lambda x: neighbor_pairs(x, np.eye(2), [0], cutoff=1.0), "box"),
        (lambda x: neighbor_pairs(x, None, [4], cutoff=1.0), "first: index 4 is out of range"),
        (lambda x: neighbor_pairs(x, None, [0], [-1], cutoff=1.0), "second: index -1"),
        (lambda x: neighbor_pairs(x, None, [0.5], cutoff=1.0), "indices"),
        (lambda x: neighbor_pairs(x, None, [0], cutoff=-1.0), "cutoff"),
        (lambda x: neighbor_pairs(x, None, [0], cutoff=np.nan), "cutoff"),
        (lambda x: distance_histogram(x[None], None, [0], edges=[0.0, 1.0, 3.0]), "edges"),
        (lambda x: distance_histogram(x[None], None, [0], edges=[-1.0, 1.0]), "edges"),
        (lambda x: distance_histogram(x[None], None, [0], edges=[0.0]), "edges"),
        (
            lambda x: distance_histogram(x[None], None, [0], edges=[0.0, 1.0], labels=[1]),
            "labels",
        ),
        (
            lambda x: distance_histogram(x[None], None, [0], edges=[0.0, 1.0], excluded=[[0, 9]]),
            "excluded",
        ),
    ],
)
def test_bad_arguments_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.zeros((4, 3)))


def test_empty_sets_have_no_pairs() -> None:
    x = np.zeros((1, 4, 3))
    assert neighbor_pairs(x[0], np.eye(3), [], [1, 2], cutoff=1.0)[0].shape == (0, 2)
    assert neighbor_pairs(x[0], np.eye(3), [1, 2], [], cutoff=1.0)[0].shape == (0, 2)
    assert distance_histogram(x, None, [], edges=[0.0, 1.0]).tolist() == [[0]]
    assert np.isinf(minimum_distances(x, None, [], [1]).distances).all()

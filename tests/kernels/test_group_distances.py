"""Least distances between groups of atoms against brute force over images."""

from __future__ import annotations

import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gromos_dist import instruction_set
from gromos_dist.errors import FrameError
from gromos_dist.kernels import GroupPairs, Groups, contacts, least_distances
from gromos_dist.kernels.boxes import lattice_vectors, octahedron_vectors
from gromos_dist.topology.lattice import nearest_images, reduced_vectors

Floats = NDArray[np.float64]

BOXES = {
    "none": None,
    "zeros": np.zeros((3, 3)),
    "not a number": np.full((3, 3), np.nan),
    "rectangular": np.diag([2.0, 1.5, 3.0]),
    "triclinic": np.array([[2.0, 0.0, 0.0], [0.9, 1.8, 0.0], [-0.7, 0.8, 1.6]]),
    "skewed": np.array([[2.0, 0.0, 0.0], [3.9, 1.8, 0.0], [-2.7, 2.8, 1.6]]),
    "octahedron": 2.2 * np.eye(3),
}
SHIFTS = np.array(list(product(range(-2, 3), repeat=3)))


def lattices(kind: str, n_frames: int) -> Floats | None:
    box = BOXES[kind]
    boxes = None if box is None else np.broadcast_to(box, (n_frames, 3, 3))
    return lattice_vectors(boxes, kind == "octahedron")


def groups_of(sizes: list[int], atoms: NDArray[np.int64], first: int = 0) -> Groups:
    number = np.arange(first, first + len(sizes))
    return Groups(atoms[: sum(sizes)], np.array(sizes), number, number)


def distances_of_atoms(frame: Floats, box: Floats | None, kind: str) -> Floats:
    """Return the distances of all atoms, over many images."""
    apart = frame[:, None] - frame
    if box is None or not np.isfinite(box).all() or not box.any():
        return np.sqrt((apart**2).sum(axis=-1))
    vectors = reduced_vectors(octahedron_vectors(box) if kind == "octahedron" else box)
    # What is far outside comes back first, so that the images are enough.
    apart -= np.rint(apart @ np.linalg.inv(vectors)) @ vectors
    least = np.full(apart.shape[:2], np.inf)
    for image in SHIFTS @ vectors:
        least = np.minimum(least, ((apart + image) ** 2).sum(axis=-1))
    return np.sqrt(least)


def brute_force(
    frame: Floats, box: Floats | None, kind: str, one: Groups, other: Groups, mask: Any = None
) -> tuple[Floats, Floats]:
    """Return the least distance of each pair of groups, and those of all atoms."""
    distance = distances_of_atoms(frame.astype(float), box, kind)
    parts = [np.split(groups.atoms, np.cumsum(groups.sizes)[:-1]) for groups in (one, other)]
    counted = [[p if mask is None else p[mask[p]] for p in part] for part in parts]
    least = np.array(
        [[distance[np.ix_(a, b)].min(initial=np.inf) for b in counted[1]] for a in counted[0]]
    )
    return np.where(np.isinf(least), np.nan, least), distance


@st.composite
def systems(draw: st.DrawFn) -> tuple[Any, ...]:
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(list(BOXES)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    single = draw(st.booleans())
    n_groups = draw(st.integers(1, 18))
    sizes = [1] * n_groups if single else rng.integers(1, 11, n_groups).tolist()
    n_atoms = sum(sizes) + 3
    # Residues hold together, but for the box; some lie many boxes away.
    n_frames = draw(st.integers(1, 3))
    middle = rng.uniform(-1.0, 4.0, (n_frames, n_atoms, 3))
    spread = draw(st.sampled_from([0.05, 0.3, 3.0]))
    atoms = rng.permutation(n_atoms)
    group = np.zeros(n_atoms, int)
    group[atoms[: sum(sizes)]] = np.repeat(np.arange(n_groups), sizes)
    positions = middle[:, group] + rng.normal(0.0, spread, middle.shape)
    return kind, positions.astype(dtype), sizes, atoms, rng


@settings(max_examples=60)
@given(systems())
def test_least_distances_are_those_of_brute_force(system: tuple[Any, ...]) -> None:
    kind, positions, sizes, atoms, _ = system
    box = BOXES[kind]
    one = groups_of(sizes, atoms)
    found = least_distances(positions, GroupPairs(one), box=lattices(kind, len(positions)))
    for frame, least in zip(positions, found, strict=True):
        expected, _ = brute_force(frame, box, kind, one, one)
        np.fill_diagonal(expected, 0.0)
        np.testing.assert_allclose(least, expected, rtol=0, atol=3e-14)
        if kind in ("none", "zeros", "not a number"):
            # The sums are in the same order.
            assert np.array_equal(least, expected)


@settings(max_examples=60)
@given(systems(), st.floats(0.05, 2.0), st.integers(0, 4))
def test_contacts_are_those_of_brute_force(
    system: tuple[Any, ...], cutoff: float, separation: int
) -> None:
    kind, positions, sizes, atoms, rng = system
    box = BOXES[kind]
    cut = int(rng.integers(1, len(sizes) + 1))
    one = groups_of(sizes, atoms)
    other = groups_of(sizes[:cut], atoms)
    boxes = lattices(kind, len(positions))
    for pairs in (GroupPairs(one), GroupPairs(one, other)):
        masks: list[Any] = [None, rng.random(positions.shape[:2]) < 0.6]
        for mask in masks:
            chosen = {"chosen": mask}
            if pairs.others is not None:
                chosen["chosen_others"] = mask
            found = contacts(positions, pairs, cutoff, separation=separation, box=boxes, **chosen)
            for number, frame in enumerate(positions):
                own = found["frame"] == number
                i, j = found["group"][own], found["other_group"][own]
                expected, distance = brute_force(
                    frame, box, kind, one, pairs.others or one,
                    None if mask is None else mask[number],
                )  # fmt: skip
                counted = pairs.apart(separation) & pairs.differ
                if pairs.others is None:
                    counted = np.triu(counted)
                near = counted & (expected < cutoff)
                clear = counted & (abs(expected - cutoff) > 1e-13)
                listed = np.zeros_like(near)
                listed[i, j] = True
                assert listed.sum() == len(i)
                assert np.array_equal(listed[clear], near[clear])
                assert not listed[~counted].any()
                np.testing.assert_allclose(
                    found["distance"][own], expected[i, j], rtol=0, atol=3e-14
                )
                closest = distance[found["atom"][own], found["other_atom"][own]]
                np.testing.assert_allclose(found["distance"][own], closest, rtol=0, atol=3e-14)
                assert np.array_equal(np.lexsort((j, i)), np.arange(len(i)))


@pytest.mark.parametrize(
    ("kind", "seed"), [("triclinic", 1637607520368122918), ("skewed", 2053051101950961273)]
)
def test_the_atoms_of_a_contact_are_as_far_apart_as_it_says(kind: str, seed: int) -> None:
    """Where the nearest image is found again from another cell, and is farther by a bit."""
    rng = np.random.default_rng(seed)
    rng.integers(4)
    sizes = rng.integers(1, 7, rng.integers(1, 6)).tolist()
    n_atoms, n_frames = sum(sizes) + rng.integers(3), rng.integers(1, 4)
    middle = rng.uniform(-4.0, 4.0, (n_frames, len(sizes), 3))
    spread = (0.05, 0.3, 3.0)[rng.integers(3)]
    atoms = rng.permutation(n_atoms)
    group = np.zeros(n_atoms, int)
    group[atoms[: sum(sizes)]] = np.repeat(np.arange(len(sizes)), sizes)
    positions = middle[:, group] + rng.normal(0.0, spread, (n_frames, n_atoms, 3))
    assert rng.integers(2, size=2).all()  # float64, and a mask, as it was found
    mask = rng.random((n_frames, n_atoms)) < 0.6
    one = groups_of(sizes, atoms)
    found = contacts(positions, GroupPairs(one), 1.5, box=lattices(kind, n_frames), chosen=mask)
    for frame, atom, other_atom, distance in zip(
        *(found[name] for name in ("frame", "atom", "other_atom", "distance")), strict=True
    ):
        assert mask[frame, [atom, other_atom]].all()
        expected = distances_of_atoms(positions[frame], BOXES[kind], kind)[atom, other_atom]
        assert distance == pytest.approx(expected, rel=0, abs=3e-14)


def many(seed: int = 0) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 15, 40).tolist()
    positions = rng.uniform(0, 3, (4, sum(sizes), 3)).astype(np.float32)
    return positions, groups_of(sizes, np.arange(sum(sizes)))


@pytest.mark.parametrize("kind", ["none", "rectangular", "triclinic"])
def test_the_same_bits_on_every_instruction_set(isa: str, kind: str) -> None:
    positions, groups = many()
    for pairs in (GroupPairs(groups), GroupPairs(groups_of([1] * 90, np.arange(90)))):
        box = None if BOXES[kind] is None else np.broadcast_to(2 * BOXES[kind], (4, 3, 3))
        found = contacts(positions, pairs, 0.4, box=box)
        all_of_them = least_distances(positions, pairs, box=box)
        instruction_set.select("scalar")
        expected = contacts(positions, pairs, 0.4, box=box)
        assert len(expected["frame"]) > 100
        for name, values in expected.items():
            assert found[name].tobytes() == values.tobytes()
        assert all_of_them.tobytes() == least_distances(positions, pairs, box=box).tobytes()
        instruction_set.select(isa)


@pytest.mark.usefixtures("isa")
def test_brute_force_on_every_instruction_set() -> None:
    positions, groups = many(1)
    for kind, box in BOXES.items():
        found = least_distances(positions[:1], GroupPairs(groups), box=lattices(kind, 1))
        expected, _ = brute_force(positions[0].astype(float), box, kind, groups, groups)
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=3e-14)


def test_more_contacts_than_there_was_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    positions, groups = many()
    pairs = GroupPairs(groups)
    expected = contacts(positions, pairs, 1.0)
    monkeypatch.setattr("gromos_dist.kernels.group_distances._ROOM", 3)
    found = contacts(positions, pairs, 1.0)
    for name, values in expected.items():
        assert np.array_equal(found[name], values)
    positions[3, 7] = np.nan
    with pytest.raises(FrameError, match=r"frame 3: a coordinate is NaN or infinite \(atom 7\)"):
        contacts(positions, pairs, 1.0)


def test_groups_are_pickled() -> None:
    positions, groups = many()
    pairs = GroupPairs(groups)
    again = pickle.loads(pickle.dumps(pairs))
    assert np.array_equal(least_distances(positions, pairs), least_distances(positions, again))


def test_no_frames() -> None:
    _, groups = many()
    found = contacts(np.empty((0, 600, 3)), GroupPairs(groups), 1.0)
    assert all(len(column) == 0 for column in found.values())


def test_what_makes_no_sense_is_refused() -> None:
    positions, groups = many()
    pairs = GroupPairs(groups)
    with pytest.raises(ValueError, match="there is no atom"):
        least_distances(positions[:, :5], pairs)
    with pytest.raises(ValueError, match="expected shape"):
        least_distances(positions, pairs, box=np.eye(3))
    with pytest.raises(FrameError, match="frame 0: the box has no volume"):
        least_distances(positions, pairs, box=np.ones((4, 3, 3)))
    with pytest.raises(ValueError, match="there are no others"):
        contacts(positions, pairs, 1.0, chosen_others=np.ones(positions.shape[:2], bool))
    with pytest.raises(ValueError, match="expected bool of shape"):
        contacts(positions, pairs, 1.0, chosen=np.ones((1, 2), bool))
    with pytest.raises(ValueError, match="expected at least one"):
        Groups(np.arange(3), np.array([1, 0, 2]), np.arange(3), np.arange(3))
    with pytest.raises(ValueError, match="count from 0"):
        GroupPairs(Groups(np.array([-1]), np.array([1]), np.zeros(1, int), np.zeros(1, int)))


def test_the_closest_atoms_by_another_image_than_that_of_the_centres() -> None:
    # In few of many frames the image is rounded so that the distance found anew is larger.
    n_frames = 20_000
    vectors = octahedron_vectors(0.8 * np.eye(3))
    positions = np.random.default_rng(3).normal(0.0, 1.0, (n_frames, 4, 3))
    two = Groups(np.arange(4), np.array([2, 2]), np.arange(2), np.arange(2))
    box = np.broadcast_to(vectors, (n_frames, 3, 3))
    found = contacts(positions, GroupPairs(two), 0.7, box=box)
    assert np.array_equal(found["frame"], np.arange(n_frames))
    first, second = (positions[found["frame"], found[name]] for name in ("atom", "other_atom"))
    apart = nearest_images(second - first, vectors)
    np.testing.assert_allclose(np.sqrt((apart**2).sum(axis=1)), found["distance"], atol=1e-9)

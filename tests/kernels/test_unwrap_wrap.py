"""Out of the box in time, and into the cell: against a search among all images nearby."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist import kernels
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.kernels.periodic import SCHEMES, add_states, unwrap_begin, unwrap_total

BOXES = {
    "rectangular": np.diag([3.0, 4.0, 5.0]),
    "triclinic": np.array([[3.0, 0.0, 0.0], [1.2, 3.0, 0.0], [-1.0, 1.4, 2.8]]),
    "turned": np.array([[0.0, 3.0, 0.1], [2.9, 0.2, -1.0], [0.3, 0.4, 3.3]]),
    # Its vectors are long: the nearest image is four of them away.
    "skewed": np.array([[3.0, 0.0, 0.0], [7.4, 3.0, 0.0], [-1.0, 6.4, 2.8]]),
    "octahedron": octahedron_vectors(3.4 * np.eye(3)),
}
IMAGES = np.array(list(itertools.product(range(-4, 5), repeat=3)))

boxes = pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
schemes = pytest.mark.parametrize("scheme", SCHEMES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def nearest(differences: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How many of each vector lead to the nearest image of each difference: tries them all."""
    start = np.rint(differences @ np.linalg.inv(box))
    images = start[:, None] - IMAGES
    moved = differences[:, None] - images @ box
    best = (moved**2).sum(axis=-1).argmin(axis=1)
    return np.asarray(images[np.arange(len(differences)), best])


def in_cell(points: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cells = np.floor(points @ np.linalg.inv(box))
    return points - cells @ box, cells


def plainly_unwrapped(
    positions: np.ndarray, boxes: np.ndarray, group: np.ndarray, scheme: str
) -> np.ndarray:
    """Frame by frame, with what the schemes are defined by."""
    n_groups = group.max() + 1
    centers = np.stack([positions[:, group == g].mean(axis=1) for g in range(n_groups)], axis=1)
    inside, cells = in_cell(centers[0], boxes[0])
    place = centers[0].copy()
    images = cells.copy()
    moved = [positions[0]]
    for frame in range(1, len(positions)):
        box = boxes[frame]
        before = inside
        inside, cells = in_cell(centers[frame], box)
        crossed = nearest(inside - before, box)
        images = images - crossed
        if scheme == "toroidal":
            place = place + (inside - before) - crossed @ box
        else:
            place = inside + images @ box
        moved.append(positions[frame] + (place - centers[frame])[group])
    return np.stack(moved)


def walk(
    box: np.ndarray, seed: int, n_frames: int, n_atoms: int, changing: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Atoms that go far through a box; as programs write them, and some boxes away."""
    random = np.random.default_rng(seed)
    sizes = 1.0 + 0.05 * random.normal(size=(n_frames, 1, 1)) * changing
    shears = 0.03 * random.normal(size=(n_frames, 3, 3)) * changing * (np.abs(box) > 0)
    boxes = box * sizes + shears
    steps = random.normal(0.0, 0.3, (n_frames, n_atoms, 3))
    steps[0] = random.uniform(0.0, 3.0, (n_atoms, 3))
    fractions = np.cumsum(steps, axis=0) @ np.linalg.inv(box)
    away = random.integers(-1, 2, (n_atoms, 3)) * random.integers(0, 2)
    return (fractions - np.floor(fractions) + away) @ boxes, boxes


def followed(
    positions: np.ndarray, boxes: np.ndarray, cuts: list[int], **how: object
) -> np.ndarray:
    """Unwrap frames in several calls."""
    edges = [0, *sorted(cuts), len(positions)]
    state = unwrap_begin(positions[:1], boxes[:1], **how)  # type: ignore[arg-type]
    parts = []
    for start, stop in itertools.pairwise(edges):
        block = slice(start, stop)
        before = slice(max(0, start - 1), max(1, start))
        arrays = (positions[block], boxes[block], positions[before], boxes[before])
        parts.append(kernels.unwrap(*arrays, state, **how))  # type: ignore[arg-type]
        state = add_states(state, unwrap_total(*arrays, **how))  # type: ignore[arg-type]
    return np.concatenate(parts)


@boxes
@schemes
@dtypes
@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    n_frames=st.integers(1, 12),
    n_atoms=st.integers(1, 9),
    in_groups=st.booleans(),
    changing=st.booleans(),
)
def test_as_a_search_among_images(
    box: np.ndarray,
    scheme: str,
    dtype: type,
    seed: int,
    n_frames: int,
    n_atoms: int,
    in_groups: bool,
    changing: bool,
) -> None:
    positions, cells = walk(box, seed, n_frames, n_atoms, changing)
    positions = positions.astype(dtype)
    random = np.random.default_rng(seed)
    group = np.unique(random.integers(0, n_atoms, n_atoms), return_inverse=True)[1]
    how = {"scheme": scheme, "group": group if in_groups else None}
    found = followed(positions, cells, [], **how)
    each = group if in_groups else np.arange(n_atoms)
    expected = plainly_unwrapped(positions.astype(float), cells, each, scheme)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[0], positions[0])
    np.testing.assert_allclose(found, expected, atol=1e-5 if dtype == np.float32 else 1e-10)


@boxes
@schemes
@dtypes
@settings(max_examples=30)
@given(data=st.data(), seed=st.integers(0, 1000), n_frames=st.integers(1, 12))
def test_the_same_bits_in_any_number_of_calls(
    box: np.ndarray, scheme: str, dtype: type, data: st.DataObject, seed: int, n_frames: int
) -> None:
    positions, cells = walk(box, seed, n_frames, 6, changing=True)
    positions = positions.astype(dtype)
    cuts = data.draw(st.lists(st.integers(0, n_frames), max_size=4))
    for group in (None, np.array([0, 0, 1, 2, 2, 1])):
        how = {"scheme": scheme, "group": group}
        at_once = followed(positions, cells, [], **how)
        assert followed(positions, cells, cuts, **how).tobytes() == at_once.tobytes()


@boxes
def test_schemes_differ_only_where_the_box_changes(box: np.ndarray) -> None:
    positions, cells = walk(box, 1, 40, 30, changing=False)
    cells = cells.astype(np.float32).astype(float)  # as binary formats hold them
    found = [followed(positions, cells, [], scheme=scheme) for scheme in SCHEMES]
    # Nothing is lost on lattice vectors that whole numbers of quanta are.
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-13)
    assert np.abs(found[0] - positions).max() > 2.0
    positions, cells = walk(box, 1, 40, 30, changing=True)
    found = [followed(positions, cells, [], scheme=scheme) for scheme in SCHEMES]
    assert np.abs(found[0] - found[1]).max() > 0.05


def test_toroidal_steps_are_those_in_the_box() -> None:
    """A resting atom in a box that breathes stays within it; one far away does not shake."""
    sizes = 3.0 + 0.1 * np.sin(np.arange(200))
    boxes = sizes[:, None, None] * np.eye(3)
    # It walks 30 boxes, and then rests relative to the box.
    fractions = np.minimum(np.arange(200) * 0.3, 30.0)[:, None, None] % 1.0 + np.zeros((1, 1, 3))
    positions = fractions * sizes[:, None, None]
    found = {scheme: followed(positions, boxes, [], scheme=scheme) for scheme in SCHEMES}
    late = {scheme: np.ptp(moved[120:], axis=0).max() for scheme, moved in found.items()}
    assert late["toroidal"] < 0.25
    assert late["lattice"] > 5.0
    # What the lattice scheme gives is an image of what was given.
    away = (found["lattice"] - positions) / sizes[:, None, None]
    np.testing.assert_allclose(away, np.rint(away), atol=1e-9)


@boxes
@dtypes
@pytest.mark.parametrize("compact", [False, True])
@settings(max_examples=30)
@given(seed=st.integers(0, 1000), n_atoms=st.integers(1, 20), in_groups=st.booleans())
def test_wrapped(
    box: np.ndarray, dtype: type, compact: bool, seed: int, n_atoms: int, in_groups: bool
) -> None:
    random = np.random.default_rng(seed)
    positions = random.normal(0, 6, (3, n_atoms, 3)).astype(dtype)
    middle = random.normal(0, 2, (3, 3))
    group = np.unique(random.integers(0, n_atoms, n_atoms), return_inverse=True)[1]
    each = group if in_groups else np.arange(n_atoms)
    cells = np.repeat(box[None], 3, axis=0)
    found = kernels.wrap(
        positions, cells, middle, group=group if in_groups else None, compact=compact
    )
    assert found.dtype == dtype
    for before, after, at in zip(positions.astype(float), found.astype(float), middle, strict=True):
        for number in range(each.max() + 1):
            own = each == number
            shifts = (after - before)[own]
            np.testing.assert_allclose(shifts, shifts[:1].repeat(own.sum(), axis=0), atol=1e-5)
            images = shifts[0] @ np.linalg.inv(box)
            np.testing.assert_allclose(images, np.rint(images), atol=1e-4)
            way = after[own].mean(axis=0) - at
            if compact:
                assert (nearest(way[None], box) == 0).all() or np.isclose(
                    np.linalg.norm(way),
                    np.linalg.norm(way - nearest(way[None], box)[0] @ box),
                    atol=1e-5,
                )
            else:
                assert (np.abs(way @ np.linalg.inv(box)) <= 0.5 + 1e-5).all()
    again = kernels.wrap(found, cells, middle, group=group if in_groups else None, compact=compact)
    np.testing.assert_allclose(again, found, atol=1e-5)


def test_what_is_in_the_cell_keeps_its_bits() -> None:
    positions = np.random.default_rng(2).uniform(0.1, 2.9, (2, 50, 3)).astype(np.float32)
    cells = np.tile(3.0 * np.eye(3), (2, 1, 1))
    assert kernels.wrap(positions, cells, np.full((2, 3), 1.5)).tobytes() == positions.tobytes()
    on_faces = kernels.wrap([[[0.0, 3.0, -0.0]]], cells[:1], [[1.5, 1.5, 1.5]])
    np.testing.assert_array_equal(on_faces, np.zeros((1, 1, 3)))


@pytest.mark.parametrize("frame", [0, 1, 3, 4])
@schemes
def test_frames_that_cannot_be_taken(frame: int, scheme: str) -> None:
    positions, cells = walk(BOXES["rectangular"], 0, 5, 7, changing=False)
    middle = np.zeros((5, 3))
    for value, said in (
        (np.nan, r"NaN or infinite \(atom 6\)"),
        (2e4, r"farther than .* \(atom 6\)"),
    ):
        bad = positions.copy()
        bad[frame, 6, 1] = value
        with pytest.raises(gd.FrameError, match=rf"^frame {frame}: .*{said}"):
            kernels.wrap(bad, cells, middle)
        with pytest.raises(gd.FrameError, match=rf"^frame {frame}: .*{said}"):
            followed(bad, cells, [], scheme=scheme)
    for box, said in (
        (np.zeros((3, 3)), "it has no box"),
        (np.full((3, 3), np.nan), "it has no box"),
        (np.diag([1.0, 1.0, 0.0]), "the box has no volume"),
        (np.diag([1.0, 1.0, 1e5]), "the box reaches farther"),
    ):
        bad = cells.copy()
        bad[frame] = box
        with pytest.raises(gd.FrameError, match=rf"^frame {frame}: .*{said}"):
            kernels.wrap(positions, bad, middle)
        with pytest.raises(gd.FrameError, match=rf"^frame {frame}: .*{said}"):
            followed(positions, bad, [], scheme=scheme)


def test_the_frame_before_is_named_as_such() -> None:
    positions, cells = walk(BOXES["triclinic"], 0, 3, 2, changing=False)
    bad = positions.copy()
    bad[0, 1] = np.nan
    state = unwrap_begin(positions[:1], cells[:1], scheme="lattice")
    with pytest.raises(gd.FrameError, match=r"^frame -1: "):
        kernels.unwrap(positions[1:], cells[1:], bad[:1], cells[:1], state, scheme="lattice")


def test_states_that_are_too_large_to_be_exact() -> None:
    with pytest.raises(ValueError, match="moved farther than 16384 nm"):
        add_states(np.full((1, 1, 3), 2.0**51), np.full((1, 1, 3), 2.0**51))


def test_arguments() -> None:
    positions, cells = walk(BOXES["rectangular"], 0, 2, 3, changing=False)
    with pytest.raises(ValueError, match=r"group: expected shape \(3,\)"):
        kernels.wrap(positions, cells, np.zeros((2, 3)), group=np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="group: expected numbers from 0, got -1"):
        kernels.wrap(positions, cells, np.zeros((2, 3)), group=np.array([-1, 0, 0]))
    with pytest.raises(ValueError, match=r"middle: expected shape \(2, 3\)"):
        kernels.wrap(positions, cells, np.zeros(3))
    with pytest.raises(ValueError, match=r"points: expected shape \(2, points, 3\)"):
        kernels.make_whole(positions, cells, [[0, -1]], np.zeros((1, 3)))
    with pytest.raises(ValueError, match="links: expected atoms 0 to 2, got -2 to 0"):
        kernels.make_whole(positions, cells, [[0, -2]], np.zeros((2, 1, 3)))


@boxes
def test_next_to_points(box: np.ndarray) -> None:
    random = np.random.default_rng(3)
    positions = random.normal(0, 5, (4, 6, 3))
    points = random.normal(0, 2, (4, 2, 3))
    links = [[0, -1], [1, -2], [2, 1]]
    found = kernels.make_whole(positions, np.repeat(box[None], 4, axis=0), links, points)
    for frame in range(4):
        targets = [points[frame, 0], points[frame, 1], found[frame, 1]]
        for atom, target in enumerate(targets):
            way = positions[frame, atom] - target
            expected = target + way - nearest(way[None], box)[0] @ box
            np.testing.assert_allclose(found[frame, atom], expected, atol=1e-12)
    np.testing.assert_array_equal(found[:, 3:], positions[:, 3:])

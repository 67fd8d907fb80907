from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import on_every_level, same_bits, unaligned

from gromos_dist.errors import FrameError
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.kernels.geometry import angles, dihedrals, displacements, distances

Array = NDArray[Any]
KERNELS = {distances: 2, displacements: 2, angles: 3, dihedrals: 4}
TRICLINIC = np.array([[2.0, 0.0, 0.0], [0.9, 2.2, 0.0], [-0.8, 0.7, 2.4]])
# Each with the shortest vectors of its lattice.
BOXES = {
    "none": (np.zeros((3, 3)),) * 2,
    "missing": (np.full((3, 3), np.nan),) * 2,
    "rectangular": (np.diag([2.0, 2.5, 3.1]),) * 2,
    "triclinic": (TRICLINIC,) * 2,
    "skewed": (
        np.array([[1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [-3.0, 2.0, 1.0]]) @ TRICLINIC,
        TRICLINIC,
    ),
    "octahedron": (octahedron_vectors(3.0 * np.eye(3)),) * 2,
}


def nearest(difference: Array, box: Array) -> Array:
    """The shortest of all images, by brute force."""
    if not np.isfinite(box).all() or not box.any():
        return difference
    steps = np.array(list(itertools.product(range(-5, 6), repeat=3)))
    images = difference[..., None, :] + steps @ box
    shortest = np.argmin((images**2).sum(axis=-1), axis=-1)
    found: Array = np.take_along_axis(images, shortest[..., None, None], axis=-2)[..., 0, :]
    return found


def by_numpy(kernel: Any, frames: Array, tuples: Array, boxes: Array) -> Array:
    """Each kernel in plain NumPy, frame by frame."""
    found = []
    for frame, box in zip(frames.astype(float), boxes, strict=True):
        atoms = [frame[tuples[:, i]] for i in range(tuples.shape[1])]
        if kernel is displacements:
            found.append(nearest(atoms[1] - atoms[0], box))
        elif kernel is distances:
            found.append(np.linalg.norm(nearest(atoms[1] - atoms[0], box), axis=-1))
        elif kernel is angles:
            a, b = nearest(atoms[0] - atoms[1], box), nearest(atoms[2] - atoms[1], box)
            cross = np.linalg.norm(np.cross(a, b), axis=-1)
            found.append(np.degrees(np.arctan2(cross, (a * b).sum(axis=-1))))
        else:
            a, b, c = (nearest(atoms[i + 1] - atoms[i], box) for i in range(3))
            y = np.linalg.norm(b, axis=-1) * (a * np.cross(b, c)).sum(axis=-1)
            found.append(np.degrees(np.arctan2(y, (np.cross(a, b) * np.cross(b, c)).sum(axis=-1))))
    return np.array(found)


def close(found: Array, expected: Array, kernel: Any) -> None:
    difference = found - expected
    if kernel is dihedrals:
        difference = (difference + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(difference, 0.0, atol=1e-11 if KERNELS[kernel] > 2 else 1e-13)


@st.composite
def systems(draw: st.DrawFn) -> tuple[Array, Array, Array, int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_frames, n_atoms = draw(st.integers(1, 19)), draw(st.integers(4, 30))
    frames = rng.uniform(-2.5, 2.5, (n_frames, n_atoms, 3))
    frames = frames.astype(draw(st.sampled_from([np.float32, np.float64])))
    names = draw(st.lists(st.sampled_from(sorted(BOXES)), min_size=n_frames, max_size=n_frames))
    boxes, short = np.array([BOXES[name] for name in names]).transpose(1, 0, 2, 3)
    return frames, np.ascontiguousarray(boxes), short, draw(st.integers(1, 21))


def distinct(rng: np.random.Generator, n: int, size: int, n_atoms: int) -> Array:
    return np.array([rng.permutation(n_atoms)[:size] for _ in range(n)])


@pytest.mark.parametrize("kernel", KERNELS)
@given(systems(), st.integers(0, 2**32))
def test_equals_numpy_in_any_box(kernel: Any, system: Any, seed: int) -> None:
    frames, boxes, short, n = system
    tuples = distinct(np.random.default_rng(seed), n, KERNELS[kernel], frames.shape[1])
    found = on_every_level(lambda: kernel(frames, tuples, boxes))
    close(found, by_numpy(kernel, frames, tuples, short), kernel)


@pytest.mark.parametrize("kernel", KERNELS)
@given(systems(), st.integers(0, 2**32))
def test_a_frame_does_not_depend_on_others(kernel: Any, system: Any, seed: int) -> None:
    frames, boxes, _, n = system
    rng = np.random.default_rng(seed)
    tuples = distinct(rng, n, KERNELS[kernel], frames.shape[1])
    whole = kernel(frames, tuples, boxes)
    one_by_one = [kernel(frames[i : i + 1], tuples, boxes[i : i + 1]) for i in range(len(frames))]
    assert same_bits(np.concatenate(one_by_one), whole)
    assert same_bits(kernel(unaligned(frames), tuples, boxes), whole)
    assert same_bits(kernel(frames[::-1], tuples, boxes[::-1])[::-1].copy(), whole)
    order = rng.permutation(n)
    assert same_bits(kernel(frames, tuples[order], boxes), whole[:, order].copy())
    # In memory that is given, of any alignment, and nothing beside it.
    room = np.full(whole.size + 2, 7.0)
    kernel(frames, tuples, boxes, out=room[1:-1].reshape(whole.shape))
    assert same_bits(room[1:-1].reshape(whole.shape).copy(), whole)
    assert room[0] == room[-1] == 7.0


def test_arc_tangents_of_all_directions(isa: str) -> None:
    """A torsion of prescribed angle, to 1e-12 degrees; also where the sign of zero decides."""
    exact = np.concatenate(
        [
            np.linspace(-180.0, 180.0, 20001)[1:],
            *(
                [s * 10.0**-k, s * (180 - 10.0**-k), s * (45 + 10.0**-k)]
                for k in range(1, 9)
                for s in (-1, 1)
            ),
        ]
    )
    radians = np.radians(exact)
    frames = np.zeros((len(exact), 4, 3))
    frames[:, 0, 0] = frames[:, 2, 2] = frames[:, 3, 2] = 1.0
    # Seen along +z, y is clockwise of x.
    frames[:, 3, 0], frames[:, 3, 1] = np.cos(radians), np.sin(radians)
    found = dihedrals(frames, [[0, 1, 2, 3]])[:, 0]
    expected = np.degrees(np.arctan2(np.sin(radians), np.cos(radians)))
    assert np.abs(found - expected).max() < 1e-12
    assert found.min() > -180.0
    corners = np.array([[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -0.0], [-1, -1], [0, -1]])
    frames = np.zeros((len(corners), 4, 3))
    frames[:, 0, 0] = frames[:, 2, 2] = frames[:, 3, 2] = 1.0
    frames[:, 3, 0], frames[:, 3, 1] = corners[:, 0], corners[:, 1]
    found = dihedrals(frames, [[0, 1, 2, 3]])[:, 0]
    assert found.tolist() == [0, 45, 90, 135, 180, 180, -135, -90]


def test_angles_near_zero_and_180_degrees_keep_their_digits(isa: str) -> None:
    small = np.array([1e-3, 1e-5, 1e-7, 1e-9])
    frames = np.zeros((len(small), 3, 3))
    frames[:, 0, 0] = 1.0
    frames[:, 2, 0], frames[:, 2, 1] = np.cos(small), np.sin(small)
    np.testing.assert_allclose(angles(frames, [[0, 1, 2]])[:, 0], np.degrees(small), rtol=1e-14)
    frames[:, 2] *= -1
    np.testing.assert_allclose(angles(frames, [[0, 1, 2]])[:, 0], 180 - np.degrees(small), 1e-15)


def test_what_has_no_angle_is_nan(isa: str) -> None:
    frames = np.array([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0], [1, 0, 0]]])
    assert np.isnan(dihedrals(frames, [[0, 1, 2, 3], [-1, 0, 0, 0]])).all()
    assert np.isnan(angles(frames, [[0, 1, 4], [-1, -1, -1]])).all()
    assert angles(frames, [[0, 1, 2]]) == 180.0
    assert distances(frames, [[1, 4]]) == 0.0


@pytest.mark.parametrize("kernel", KERNELS)
def test_bad_arguments(isa: str, kernel: Any) -> None:
    size = KERNELS[kernel]
    frames = np.random.default_rng(1).normal(size=(12, 9, 3)).astype(np.float32)
    tuples = np.arange(size)[None]
    for wrong, message in (
        (np.arange(size), rf"expected shape \(n, {size}\), got \({size},\)"),
        (tuples + 0.5, "expected atoms, integers from 0, got dtype float64"),
        (tuples + 10 - size, "atom 9 is out of range: there are 9 atoms"),
        (np.where(np.arange(size) == size - 1, -2, tuples), "atom -2 is out of range"),
    ):
        with pytest.raises(ValueError, match=message):
            kernel(frames, wrong)
    with pytest.raises(ValueError, match=r"box: expected shape \(12, 3, 3\)"):
        kernel(frames, tuples, np.eye(3))
    with pytest.raises(ValueError, match="out: expected"):
        kernel(frames, tuples, out=np.empty((12, 2)))
    flat = np.tile(np.eye(3), (12, 1, 1))
    flat[10, 2] = 0.0
    with pytest.raises(FrameError, match="frame 10: the box has no volume"):
        kernel(frames, tuples, flat)
    frames[9, 8, 1] = np.inf
    # An atom that nothing asks for does not matter.
    kernel(frames, tuples)
    with pytest.raises(FrameError, match=r"frame 9: a coordinate is NaN or infinite \(atom 8\)"):
        kernel(frames, tuples + 9 - size)


def test_no_frames_and_no_tuples() -> None:
    for kernel, size in KERNELS.items():
        shape = kernel(np.zeros((0, 9, 3)), np.arange(size)[None]).shape
        assert shape[:2] == (0, 1)
        assert kernel(np.zeros((2, 9, 3)), np.empty((0, size), int)).shape[:2] == (2, 0)

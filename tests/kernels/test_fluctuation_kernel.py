from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import (
    blocks,
    on_every_level,
    random_rotation,
    same_bits,
    superposition,
    unaligned,
    weights_for,
)

from gromos_dist.errors import FrameError
from gromos_dist.kernels.fluctuations import Fluctuations, fluctuations, together
from gromos_dist.kernels.rmsd import fit_transform, prepare_reference
from gromos_dist.kernels.superpose import superpose


def moments(frames: NDArray[Any], weights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean and summed squares in two passes."""
    x = frames.astype(np.longdouble)
    mean = np.einsum("f,fac->ac", weights, x) / weights.sum()
    squares = np.einsum("f,fa->a", weights, ((x - mean) ** 2).sum(axis=-1))
    return mean.T.astype(np.float64), squares.astype(np.float64)


def moments_of(*arguments: Any) -> tuple[NDArray[Any], ...]:
    return tuple(map(np.asarray, fluctuations(*arguments)))


@given(blocks(), st.integers(0, 2**32))
def test_equals_numpy(frames: NDArray[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    of_frames = rng.uniform(0.1, 2.0, len(frames))
    prepared = prepare_reference(frames[-1], weights=weights_for(frames.shape[1], seed))
    for reference in (None, prepared):
        found = on_every_level(
            lambda reference=reference: tuple(
                np.asarray(value) for value in fluctuations(frames, reference, weights=of_frames)
            )
        )
        moved = frames.astype(np.float64)
        if reference is not None:
            rotations, translations = fit_transform(frames, reference)
            moved = moved @ rotations.transpose(0, 2, 1) + translations[:, None]
        mean, squares = moments(moved, of_frames)
        np.testing.assert_allclose(found[0], of_frames.sum(), rtol=1e-14)
        np.testing.assert_allclose(found[1], mean, rtol=0, atol=1e-11)
        # Positions of 100 nm are rounded to 1e-14 nm, before the difference is taken.
        rounded = 1e-13 * len(frames) * np.sqrt(squares.max()) + 1e-24
        np.testing.assert_allclose(found[2], squares, rtol=1e-9, atol=rounded)


def test_equals_superposition_by_singular_values() -> None:
    rng = np.random.default_rng(4)
    shape = rng.normal(size=(300, 3))
    frames = np.array(
        [
            (shape + 0.05 * rng.normal(size=shape.shape)) @ random_rotation(rng).T
            + rng.normal(size=3)
            for _ in range(40)
        ]
    )
    fitted = rng.permutation(300)[:170]
    found = fluctuations(frames, prepare_reference(shape, fit_atoms=fitted))
    moved = []
    for frame in frames:
        rotation, translation = superposition(frame[fitted], shape[fitted])
        moved.append(frame @ rotation.T + translation)
    mean, squares = moments(np.array(moved), np.ones(40))
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found.squares, squares, rtol=1e-12)
    assert found.weight == 40


@given(blocks(), st.integers(1, 19))
def test_blocks_together_are_the_whole(frames: NDArray[Any], cut: int) -> None:
    whole = fluctuations(frames)
    assert same_bits(
        tuple(map(np.asarray, fluctuations(unaligned(frames)))), tuple(map(np.asarray, whole))
    )
    if cut < len(frames):
        both = together(fluctuations(frames[:cut]), fluctuations(frames[cut:]))
        assert both.weight == whole.weight
        np.testing.assert_allclose(both.mean, whole.mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(both.squares, whole.squares, rtol=1e-9, atol=1e-17)


@pytest.mark.parametrize("n_atoms", [1, 7, 8, 255, 256, 257, 513, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_atoms_and_frames(n_atoms: int, dtype: type) -> None:
    rng = np.random.default_rng(n_atoms)
    for n_frames in (1, 15, 16, 17, 33):
        frames = (
            rng.normal(size=(n_atoms, 3)) + 0.1 * rng.normal(size=(n_frames, n_atoms, 3))
        ).astype(dtype)
        prepared = prepare_reference(frames[0])
        found = on_every_level(partial(moments_of, frames, prepared))
        moved = superpose(frames.astype(np.float64), frames[0].astype(np.float64))
        mean, squares = moments(moved, np.ones(n_frames))
        np.testing.assert_allclose(found[1], mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[2], squares, rtol=1e-9, atol=1e-12)


def test_nothing_cancels_far_from_the_reference() -> None:
    # A fluctuation of 1e-4 nm at a distance of 1e5 nm, in frames as they stand.
    rng = np.random.default_rng(3)
    noise = 1e-4 * rng.normal(size=(64, 30, 3))
    frames = 1e5 + noise
    _, squares = moments(frames, np.ones(64))
    np.testing.assert_allclose(fluctuations(frames).squares, squares, rtol=1e-10)
    halves = together(fluctuations(frames[:32]), fluctuations(frames[32:]))
    np.testing.assert_allclose(halves.squares, squares, rtol=1e-7)


def test_frames_that_do_not_count() -> None:
    rng = np.random.default_rng(5)
    frames = rng.normal(size=(20, 9, 3))
    weights = (np.arange(20) % 2).astype(float)
    odd = fluctuations(frames[1::2])
    found = fluctuations(frames, weights=weights)
    np.testing.assert_allclose(found.mean, odd.mean, rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.squares, odd.squares, rtol=1e-12)
    nothing = fluctuations(frames, weights=np.zeros(20))
    assert nothing.weight == 0
    for both in (together(nothing, odd), together(odd, nothing)):
        assert same_bits(both.mean, odd.mean)
        assert same_bits(both.squares, odd.squares)


def test_frames_that_are_the_same_do_not_fluctuate() -> None:
    frame = np.random.default_rng(6).normal(size=(100, 3)).astype(np.float32)
    found = fluctuations(np.stack([frame] * 50), prepare_reference(frame))
    assert same_bits(found.mean, np.ascontiguousarray(frame.T.astype(np.float64)))
    assert not found.squares.any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("with_fit", [False, True])
def test_coordinates_that_are_not_finite(value: float, with_fit: bool) -> None:
    frames = np.random.default_rng(7).normal(size=(40, 500, 3))
    prepared = prepare_reference(frames[0], fit_atoms=range(100)) if with_fit else None
    for atom in (50, 499):
        broken = frames.copy()
        broken[33, atom, 2] = value
        with pytest.raises(FrameError, match=f"NaN or infinite.*atom {atom}") as caught:
            fluctuations(broken, prepared)
        assert caught.value.frame == 33
    frames[3, 4] = 1e200
    with pytest.raises(FrameError):
        fluctuations(frames)


def test_bad_arguments() -> None:
    frames = np.zeros((3, 4, 3))
    with pytest.raises(ValueError, match="no frames"):
        fluctuations(frames[:0])
    with pytest.raises(ValueError, match=r"expected shape \(3,\), got \(2,\)"):
        fluctuations(frames, weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="4 atoms a frame, the reference has 5"):
        fluctuations(frames, prepare_reference(np.eye(5, 3)))
    with pytest.raises(ValueError, match="prepared with fit=False"):
        fluctuations(frames, prepare_reference(np.eye(4, 3), fit=False))


def test_is_a_state_that_can_be_stored() -> None:
    state = fluctuations(np.ones((2, 4, 3)))
    assert isinstance(state, Fluctuations)
    assert type(state.weight) is float

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import blocks, on_every_level, random_rotation, same_bits, weights_for

from gromos_dist.kernels.rmsd import fit_transform, prepare_reference, rmsd
from gromos_dist.kernels.superpose import superpose, transform


@given(blocks(), st.integers(0, 2**32))
def test_transform_equals_numpy(frames: NDArray[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rotations = np.array([random_rotation(rng) for _ in frames])
    translations = rng.normal(size=(len(frames), 3))
    before = frames.copy()
    moved = on_every_level(lambda: transform(frames, rotations, translations))
    assert same_bits(frames, before)
    assert moved.dtype == frames.dtype
    expected = frames.astype(np.float64) @ rotations.transpose(0, 2, 1) + translations[:, None]
    # Rounded once: half a unit in the last place, and the double arithmetic's own rounding.
    limit = 0.5 * np.spacing(np.abs(expected).astype(frames.dtype)).astype(np.float64) + 1e-13
    assert (np.abs(moved.astype(np.float64) - expected) <= 1.01 * limit).all()


@given(blocks(), st.integers(0, 2**32))
def test_superposed_frames_deviate_by_the_best_fit(frames: NDArray[Any], seed: int) -> None:
    weights = weights_for(frames.shape[1], seed)
    moved = on_every_level(lambda: superpose(frames, frames[0], weights=weights))
    assert same_bits(moved[0], frames[0])
    limit = 1e-9 if frames.dtype == np.float64 else 1e-4
    np.testing.assert_allclose(
        rmsd(moved, frames[0], weights=weights, fit=False),
        rmsd(frames, frames[0], weights=weights),
        rtol=0,
        atol=limit,
    )


def test_all_atoms_move_with_the_fitted_ones() -> None:
    rng = np.random.default_rng(1)
    frame = rng.normal(size=(40, 3))
    turned = frame @ random_rotation(rng).T + 3
    turned[20:] += rng.normal(size=(20, 3))
    prepared = prepare_reference(frame, fit_atoms=range(20))
    moved = superpose(turned[None], frame, atoms=range(20))[0]
    assert same_bits(superpose(turned[None], prepared)[0], moved)
    np.testing.assert_allclose(moved[:20], frame[:20], rtol=0, atol=1e-12)
    rotations, translations = fit_transform(turned[None], frame, atoms=range(20))
    np.testing.assert_allclose(moved, turned @ rotations[0].T + translations[0], 0, 1e-12)


def test_numbers_that_are_not_finite_stay_where_they_are() -> None:
    rng = np.random.default_rng(2)
    frames = rng.normal(size=(3, 30, 3)).astype(np.float32)
    reference = frames[0].copy()
    frames[1, 17, 1] = np.nan
    moved = superpose(frames, reference, atoms=range(10))
    assert np.isnan(moved[1, 17]).all()
    moved[1, 17] = 0
    assert np.isfinite(moved).all()
    with pytest.raises(ValueError, match=r"frame 1: a coordinate is NaN or infinite \(atom 17\)"):
        superpose(frames, reference)


def test_bad_arguments() -> None:
    frames = np.zeros((2, 4, 3))
    with pytest.raises(ValueError, match=r"rotations: expected shape \(2, 3, 3\), got \(3, 3\)"):
        transform(frames, np.eye(3), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"translations: expected shape \(2, 3\), got \(3,\)"):
        transform(frames, np.zeros((2, 3, 3)), np.zeros(3))
    assert transform(frames[:0], np.zeros((0, 3, 3)), np.zeros((0, 3))).shape == (0, 4, 3)

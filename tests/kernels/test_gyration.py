from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import blocks, far_away, on_every_level, same_bits, unaligned, weights_for

from gromos_dist.kernels.gyration import (
    center,
    gyration_tensor,
    prepare_atoms,
    radius_of_gyration,
)

KERNELS = (center, radius_of_gyration, gyration_tensor)


@given(blocks(), st.integers(0, 2**32))
def test_equals_numpy(frames: NDArray[Any], seed: int) -> None:
    x = frames.astype(np.float64)
    for weights in (None, weights_for(frames.shape[1], seed)):
        w = np.ones(frames.shape[1]) if weights is None else weights
        centers = np.einsum("a,fac->fc", w, x) / w.sum()
        v = x - centers[:, None]
        tensors = np.einsum("a,fac,fad->fcd", w, v, v) / w.sum()
        found = on_every_level(
            lambda weights=weights: tuple(kernel(frames, weights=weights) for kernel in KERNELS)
        )
        np.testing.assert_allclose(found[0], centers, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[1] ** 2, np.trace(tensors, axis1=1, axis2=2), 0, 1e-10)
        np.testing.assert_allclose(found[2], tensors, rtol=0, atol=1e-10)
        assert same_bits(found[2], np.ascontiguousarray(found[2].transpose(0, 2, 1)))


@pytest.mark.parametrize("kernel", KERNELS)
@given(blocks(), st.integers(0, 2**32))
def test_same_bits_whatever_the_block(kernel: Any, frames: NDArray[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = kernel(frames)
    assert same_bits(np.concatenate([kernel(frame[None]) for frame in frames]), whole)
    assert same_bits(kernel(unaligned(frames)), whole)
    atoms = rng.permutation(frames.shape[1])[: rng.integers(1, frames.shape[1] + 1)]
    assert same_bits(kernel(frames, atoms=atoms), kernel(frames[:, atoms]))


@pytest.mark.parametrize("offset", [0.0, 3.0, 15.0, -40.0, 1000.0, 1e5])
@pytest.mark.parametrize("size", [0.2, 2.0])
def test_float32_far_from_the_origin(offset: float, size: float) -> None:
    frames = far_away(offset, size)
    near = frames.astype(np.float64) - offset
    mean = near.mean(axis=1)
    v = near - mean[:, None]
    tensors = np.einsum("fac,fad->fcd", v, v) / frames.shape[1]
    found = on_every_level(lambda: tuple(kernel(frames) for kernel in KERNELS))
    np.testing.assert_allclose(found[0] - offset, mean, rtol=0, atol=1e-15 * (100 + abs(offset)))
    np.testing.assert_allclose(found[1] ** 2, np.trace(tensors, axis1=1, axis2=2), 0, 1e-12)
    np.testing.assert_allclose(found[2], tensors, rtol=0, atol=1e-12)


def test_nothing_is_read_behind_the_last_atom() -> None:
    """The tensor's kernel looks two numbers ahead: they must not count, even when they are NaN."""
    for n_atoms in (8, 16, 192, 200):
        frames = np.random.default_rng(1).normal(size=(5, n_atoms + 1, 3)).astype(np.float32)
        frames[:, n_atoms] = np.nan
        found = gyration_tensor(frames, atoms=range(n_atoms))
        assert same_bits(found, gyration_tensor(frames[:, :n_atoms]))


def test_one_point_has_no_extent() -> None:
    frames = np.full((3, 11, 3), 12.3, dtype=np.float32)
    assert (radius_of_gyration(frames) == 0).all()
    assert (gyration_tensor(frames) == 0).all()
    assert (center(frames) == np.float32(12.3)).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_bad_arguments(isa: str, kernel: Any) -> None:
    frames = np.random.default_rng(2).normal(size=(12, 30, 3)).astype(np.float32)
    for message, options in (
        (r"weights: .*shape \(30,\), got \(3,\)", {"weights": [1, 2, 3]}),
        ("sum to more than zero", {"weights": np.zeros(30)}),
        ("no atom is selected", {"atoms": []}),
        ("index 30 is out of range", {"atoms": [30]}),
    ):
        with pytest.raises(ValueError, match=message):
            kernel(frames, **options)
    with pytest.raises(ValueError, match=r"for a single frame pass positions\[None\]"):
        kernel(frames[0])
    frames[9, 29, 0] = np.inf
    with pytest.raises(ValueError, match=r"frame 9: a coordinate is NaN or infinite \(atom 29\)"):
        kernel(frames)
    assert np.isfinite(kernel(frames, atoms=range(29))).all()


@pytest.mark.parametrize("kernel", KERNELS)
@given(blocks(), st.integers(0, 2**32))
def test_prepared_atoms_give_the_same_bits(kernel: Any, frames: NDArray[Any], seed: int) -> None:
    n_atoms = frames.shape[1]
    atoms = np.random.default_rng(seed).integers(0, n_atoms, n_atoms)
    weights = weights_for(n_atoms, seed)
    prepared = prepare_atoms(n_atoms, atoms=atoms, weights=weights)
    expected = kernel(frames, atoms=atoms, weights=weights)
    assert same_bits(kernel(frames, atoms=prepared), expected)
    assert same_bits(kernel(frames, atoms=pickle.loads(pickle.dumps(prepared))), expected)


def test_prepared_atoms_of_other_frames() -> None:
    prepared = prepare_atoms(3)
    with pytest.raises(ValueError, match="2 atoms a frame, the prepared atoms are of 3"):
        center(np.zeros((1, 2, 3)), atoms=prepared)
    with pytest.raises(ValueError, match="prepared atoms have their own"):
        center(np.zeros((1, 3, 3)), atoms=prepared, weights=np.ones(3))

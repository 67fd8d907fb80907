from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import (
    best_fit,
    blocks,
    far_away,
    on_every_level,
    random_rotation,
    same_bits,
    weights_for,
)

from gromos_dist.errors import FrameError
from gromos_dist.kernels.rmsd import rmsd, rmsd_matrix


@given(blocks(), st.integers(0, 2**32))
def test_equals_singular_values(frames: NDArray[Any], seed: int) -> None:
    weights = weights_for(frames.shape[1], seed)
    others = frames[::-2] + frames.dtype.type(0.25)
    for w in (None, weights):
        matrix = on_every_level(lambda w=w: rmsd_matrix(frames, others, weights=w))
        assert matrix.shape == (len(frames), len(others))
        expected = [[best_fit(a, b, w) for b in others] for a in frames]
        np.testing.assert_allclose(matrix, expected, rtol=0, atol=1e-9)


@given(blocks(), st.integers(0, 2**32))
def test_same_bits_either_way_round_and_in_any_block(frames: NDArray[Any], seed: int) -> None:
    weights = weights_for(frames.shape[1], seed)
    whole = on_every_level(lambda: rmsd_matrix(frames, weights=weights))
    assert same_bits(whole, np.ascontiguousarray(whole.T))
    assert (whole.diagonal() == 0).all()
    assert same_bits(rmsd_matrix(frames, frames.copy(), weights=weights), whole)
    for rows, columns in ((3, 5), (1, 20)):
        for i in range(0, len(frames), rows):
            for j in range(0, len(frames), columns):
                block = rmsd_matrix(frames[i : i + rows], frames[j : j + columns], weights=weights)
                assert same_bits(block, whole[i : i + rows, j : j + columns].copy())


@pytest.mark.parametrize("offset", [0.0, 3.0, 15.0, -40.0, 1000.0, 1e5])
@pytest.mark.parametrize("size", [0.2, 2.0])
def test_float32_far_from_the_origin(offset: float, size: float) -> None:
    frames = far_away(offset, size)
    others = np.concatenate([frames[1:], far_away(0.0, size)])
    near = np.concatenate([frames[1:].astype(np.float64) - offset, far_away(0.0, size)])
    matrix = on_every_level(lambda: rmsd_matrix(frames, others))
    expected = [[best_fit(a, b) for b in near] for a in frames.astype(np.float64) - offset]
    np.testing.assert_allclose(matrix, expected, rtol=0, atol=1e-11)


def test_more_frames_than_a_block() -> None:
    frames = np.random.default_rng(1).normal(size=(53, 19, 3)).astype(np.float32)
    matrix = rmsd_matrix(frames)
    assert same_bits(matrix, rmsd_matrix(frames, frames.copy()))
    for i in range(53):
        np.testing.assert_allclose(matrix[i], rmsd(frames, frames[i]), rtol=0, atol=1e-12)


@given(blocks(), st.integers(0, 2**32))
def test_atom_list_has_the_bits_of_those_atoms_alone(frames: NDArray[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    atoms = rng.permutation(frames.shape[1])[: rng.integers(1, frames.shape[1] + 1)]
    chosen = np.ascontiguousarray(frames[:, atoms])
    assert same_bits(rmsd_matrix(frames, atoms=atoms), rmsd_matrix(chosen))


def test_degenerate_pairs() -> None:
    rng = np.random.default_rng(2)
    cloud = rng.normal(size=(10, 3))
    shapes = [
        cloud,
        cloud * [1, 1, -1],
        -cloud,
        cloud @ random_rotation(rng).T,
        cloud * [1, 1, 0],
        cloud * [1, 0, 0],
        cloud * [1, 1e-7, 0],
        np.zeros((10, 3)),
        np.ones((10, 3)),
        np.outer(np.arange(10.0), [1.0, 1.0, 1.0]),
    ]
    frames = np.array(shapes)
    matrix = on_every_level(lambda: rmsd_matrix(frames))
    assert same_bits(matrix, np.ascontiguousarray(matrix.T))
    expected = [[best_fit(a, b) for b in frames] for a in frames]
    np.testing.assert_allclose(matrix, expected, rtol=0, atol=1e-9)
    assert matrix[7, 8] == 0


def test_bad_arguments() -> None:
    frames = np.random.default_rng(3).normal(size=(4, 6, 3))
    spoilt = frames.copy()
    spoilt[2, 5, 1] = np.nan
    with pytest.raises(ValueError, match="a has 6 atoms a frame, b has 5"):
        rmsd_matrix(frames, frames[:, :5])
    with pytest.raises(ValueError, match=r"b: expected shape \(frames, atoms, 3\)"):
        rmsd_matrix(frames, frames[0])
    for argument, arrays in enumerate([(spoilt,), (frames, spoilt)]):
        with pytest.raises(FrameError, match=r"frame 2: .* NaN or infinite \(atom 5\)") as raised:
            rmsd_matrix(*arrays)
        assert raised.value.argument == argument
    assert rmsd_matrix(frames, spoilt, atoms=range(5)).shape == (4, 4)
    with pytest.raises(ValueError, match="sum to more than zero"):
        rmsd_matrix(frames, weights=np.zeros(6))
    assert rmsd_matrix(frames, frames[:0]).shape == (4, 0)

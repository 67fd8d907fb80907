"""What the kernels are compared with: plain NumPy in double, and themselves on every level."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from gromos_dist import instruction_set


@contextmanager
def level(name: str) -> Iterator[None]:
    before = instruction_set.active()
    instruction_set.select(name)
    try:
        yield
    finally:
        instruction_set.select(before)


def on_every_level(function: Callable[[], Any]) -> Any:
    """Return function(), after asserting that every instruction set gives the same bits."""
    results = []
    for name in instruction_set.available():
        with level(name):
            results.append(function())
    for result in results[1:]:
        assert same_bits(result, results[0])
    return results[0]


def same_bits(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same_bits, a, b))
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def superposition(
    frame: NDArray[Any], reference: NDArray[Any], weights: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation and translation by singular values (Kabsch, Acta Cryst. A34 (1978) 827)."""
    x, r = frame.astype(np.float64), reference.astype(np.float64)
    w = np.ones(len(x)) if weights is None else weights.astype(np.float64)
    x_center, r_center = w @ x / w.sum(), w @ r / w.sum()
    u, _, vt = np.linalg.svd((w[:, None] * (r - r_center)).T @ (x - x_center))
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return rotation, r_center - rotation @ x_center


def deviation(
    frame: NDArray[Any], reference: NDArray[Any], weights: NDArray[Any] | None = None
) -> float:
    w = np.ones(len(frame)) if weights is None else weights.astype(np.float64)
    difference = frame.astype(np.float64) - reference.astype(np.float64)
    return float(np.sqrt(w @ (difference**2).sum(axis=1) / w.sum()))


def best_fit(
    frame: NDArray[Any], reference: NDArray[Any], weights: NDArray[Any] | None = None
) -> float:
    rotation, translation = superposition(frame, reference, weights)
    return deviation(frame.astype(np.float64) @ rotation.T + translation, reference, weights)


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.linalg.det(q)


def far_away(offset: float, size: float, n_atoms: int = 1500) -> NDArray[np.float32]:
    """Four frames of float32 about a point `offset` away in x, y and z, deviating up to 0.3."""
    rng = np.random.default_rng(int(offset) + n_atoms)
    shape = rng.normal(size=(n_atoms, 3)) * size
    noise = np.array([0.0, 0.003, 0.03, 0.3])[:, None, None] * rng.normal(size=(4, n_atoms, 3))
    turned = [frame @ random_rotation(rng).T for frame in shape + noise]
    return (np.array(turned) + offset).astype(np.float32)


def unaligned(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers, beginning at an address that is a multiple of their size and no more."""
    room = np.empty(array.size + 17, dtype=array.dtype)
    offset = 1 if room.ctypes.data % 64 == 0 else 0
    copy = room[offset : offset + array.size].reshape(array.shape)
    copy[...] = array
    assert not array.size or copy.ctypes.data % 64
    return copy


@st.composite
def blocks(draw: st.DrawFn) -> NDArray[Any]:
    """Blocks of frames: every number of atoms up to 40, some larger; both types; far from 0 too."""
    n_atoms = draw(st.integers(1, 40) | st.sampled_from([97, 191, 192, 193, 200, 391, 1001]))
    n_frames = draw(st.integers(1, 20))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    offset = draw(st.sampled_from([0.0, 7.0, -100.0]))
    shape = rng.normal(size=(n_atoms, 3)) * draw(st.sampled_from([0.3, 3.0]))
    noise = draw(st.sampled_from([0.0, 1e-6, 1e-3, 0.1, 3.0]))
    frames = [
        (shape + noise * rng.normal(size=shape.shape)) @ random_rotation(rng).T
        + offset
        + rng.normal(size=3)
        for _ in range(n_frames)
    ]
    return np.array(frames).astype(dtype)


def weights_for(n_atoms: int, seed: int) -> NDArray[np.float64]:
    """Masses, some of them 0, but not all."""
    rng = np.random.default_rng(seed)
    weights = rng.choice([0.0, 1.008, 12.011, 15.999], size=n_atoms)
    weights[rng.integers(n_atoms)] = 14.007
    return weights

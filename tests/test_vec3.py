"""Vectors, as the tutorial of the bindings shows them, and beyond."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd

NUMBERS = st.floats(-1e6, 1e6)
VECTORS = st.builds(gd.Vec3, NUMBERS, NUMBERS, NUMBERS)


def test_creation() -> None:
    v = gd.Vec3(1.0, 2.0, 3.0)
    assert abs(v.length() - np.sqrt(14)) < 1e-15
    assert (v.x, v.y, v.z) == (1.0, 2.0, 3.0)
    assert repr(v) == str(v) == "Vec3(1.0000, 2.0000, 3.0000)"
    assert repr(gd.Vec3(0, -0.00005, 12345.67891)) == "Vec3(0.0000, -0.0001, 12345.6789)"


def test_numpy_conversion() -> None:
    arr = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    v = gd.Vec3.from_numpy(arr)
    assert np.allclose(v.to_numpy(), arr)
    assert v.to_numpy().dtype == np.float32
    assert v.to_numpy().shape == (3,)
    exact = gd.Vec3(0.1, 0.2, 0.3)
    assert gd.Vec3.from_numpy(exact.to_numpy(np.float64)) == exact
    for wrong, message in (
        ([1.0, 2.0], r"exactly 3 elements, shape \(3,\), got shape \(2,\)"),
        (np.zeros((1, 3)), r"got shape \(1, 3\)"),
        (["a", "b", "c"], "expected real numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            gd.Vec3.from_numpy(wrong)


def test_components_can_be_set() -> None:
    v = gd.Vec3(1.0, 2.0, 3.0)
    v.x, v.y, v.z = 5, 6.0, np.float32(7)
    assert list(v) == [5.0, 6.0, 7.0]
    assert type(v.x) is float
    with pytest.raises(ValueError, match="could not convert"):
        v.x = "wide"  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        v.w = 1.0  # type: ignore[attr-defined]


@given(VECTORS, VECTORS, NUMBERS)
def test_operators_are_those_of_arrays(a: gd.Vec3, b: gd.Vec3, s: float) -> None:
    x, y = a.to_numpy(np.float64), b.to_numpy(np.float64)
    for ours, theirs in (
        (a + b, x + y),
        (a - b, x - y),
        (a * s, x * s),
        (s * a, s * x),
        (np.float64(s) * a, s * x),
        (-a, -x),
        (a.cross(b), np.cross(x, y)),
    ):
        assert isinstance(ours, gd.Vec3)
        np.testing.assert_allclose(ours.to_numpy(np.float64), theirs, rtol=1e-12, atol=1e-3)
    if abs(s) > 1e-6:
        np.testing.assert_array_equal((a / s).to_numpy(np.float64), x / s)
    assert a.dot(b) == pytest.approx(x @ y, rel=1e-9, abs=1e-3)
    assert a.length_squared() == a.dot(a)
    assert a.length() == pytest.approx(np.linalg.norm(x), rel=1e-15, abs=1e-150)
    assert a.distance(b) == b.distance(a) == pytest.approx(math.dist(x, y), rel=1e-15, abs=1e-150)


@given(VECTORS)
def test_normalized_has_length_one(v: gd.Vec3) -> None:
    if v.length() > 1e-300:
        assert v.normalize().length() == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("components", [(0, 0, 0), (math.inf, 0, 0), (0, math.nan, 0)])
def test_without_a_direction_there_is_no_normalized_vector(components: Any) -> None:
    with pytest.raises(ValueError, match="has no direction"):
        gd.Vec3(*components).normalize()


def test_equality_copies_and_pickles() -> None:
    v = gd.Vec3(1, 2, 3)
    for other in (copy.copy(v), copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert other == v
        other.x = 9
        assert other != v
    assert v != (1, 2, 3)
    with pytest.raises(TypeError, match="unhashable"):
        hash(v)


def test_only_what_makes_sense_is_added() -> None:
    v = gd.Vec3(1, 2, 3)
    for wrong in (
        lambda: v + 1,
        lambda: v - np.ones(3),
        lambda: np.ones(3) + v,
        lambda: v * v,
        lambda: v / v,
        lambda: v * "2",
    ):
        with pytest.raises(TypeError):
            wrong()

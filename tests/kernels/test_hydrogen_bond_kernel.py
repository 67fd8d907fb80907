"""The kernel of hydrogen bonds against brute force over all pairs and images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hydrogen_bond_oracle import bonds
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gromos_dist.errors import FrameError
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.kernels.hydrogen_bonds import (
    BondCriteria,
    BondSites,
    ThreeCenterCriteria,
    count_hydrogen_bonds,
    hydrogen_bonds,
)

Array = NDArray[Any]

CRITERIA: dict[str, Any] = {
    "at the hydrogen": BondCriteria(0.25, True, "hydrogen", 100.0, True, "hydrogen"),
    "from the donor": BondCriteria(0.35, True, "donor", 40.0, True, "donor"),
    "mixed": BondCriteria(0.3, False, "donor", 120.0, False, "hydrogen"),
    "a cone": BondCriteria(0.4, False, "donor", 45.0, False, "donor", 4.4e-5),
    "far": BondCriteria(0.7, True, "hydrogen", 90.0, True, "hydrogen"),
    "three centers": ThreeCenterCriteria(0.4, 60.0, 300.0, 40.0),
}
BOXES: dict[str, Array | None] = {
    "none": None,
    "zeros": np.zeros((3, 3)),
    "rectangular": np.diag([1.1, 1.4, 2.3]),
    "narrow": np.diag([0.6, 1.4, 0.9]),
    "triclinic": np.array([[1.3, 0.0, 0.0], [0.5, 1.2, 0.0], [-0.4, 0.55, 1.1]]),
    "skewed": np.array([[1.2, 0.0, 0.0], [1.9, 1.3, 0.0], [0.9, -1.7, 1.2]]),
    "octahedron": octahedron_vectors(1.6 * np.eye(3)),
}


def system(
    seed: int, n_waters: int, scale: float, *, sides: bool = False
) -> tuple[Array, BondSites]:
    """Return molecules D(H)H strewn about, the first with one hydrogen, and acceptors beside."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-0.4, scale, (n_waters, 1, 3))
    arms = rng.normal(size=(n_waters, 2, 3))
    arms *= 0.1 / np.linalg.norm(arms, axis=2, keepdims=True)
    frame = np.concatenate([places, places + arms], axis=1).reshape(-1, 3)
    donors = np.repeat(np.arange(n_waters) * 3, 2)[1:]
    hydrogens = donors + np.tile([1, 2], n_waters)[1:]
    acceptors = np.arange(n_waters) * 3

    def side(n: int) -> NDArray[np.uint8]:
        return rng.integers(1, 4, n).astype(np.uint8) if sides else np.ones(n, np.uint8)

    return frame, BondSites(
        hydrogens=hydrogens,
        donors=donors,
        acceptors=acceptors,
        hydrogen_units=donors.astype(np.int32),
        acceptor_units=acceptors.astype(np.int32),
        hydrogen_sides=side(len(hydrogens)),
        acceptor_sides=side(n_waters),
    )


def compare(frames: Array, box: Array | None, sites: BondSites, criteria: Any) -> int:
    """Compare with brute force; return how many bonds there are."""
    boxes = None if box is None else np.repeat(box[None], len(frames), axis=0)
    found = hydrogen_bonds(frames, boxes, sites, criteria)
    expected = [bonds(frame.astype(float), box, sites, criteria) for frame in frames]
    np.testing.assert_array_equal(found["counts"], [len(of) for of in expected])
    np.testing.assert_array_equal(
        count_hydrogen_bonds(frames, boxes, sites, criteria), found["counts"]
    )
    columns = [values for name, values in found.items() if name != "counts"]
    rows = np.array([row for of in expected for row in of]).reshape(-1, len(columns))
    for values, wanted in zip(columns, rows.T, strict=True):
        np.testing.assert_allclose(values, wanted, rtol=1e-9, atol=1e-9)
    return int(found["counts"].sum())


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("criteria", CRITERIA)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), n_waters=st.integers(1, 14), single=st.booleans())
def test_bonds_against_brute_force(
    criteria: str, box: str, seed: int, n_waters: int, single: bool
) -> None:
    scale = 0.35 * n_waters ** (1 / 3)
    frames, sites = system(seed, n_waters, scale, sides=seed % 2 == 1)
    block = np.stack([frames, frames[:, ::-1]]).astype(np.float32 if single else np.float64)
    compare(block, BOXES[box], sites, CRITERIA[criteria])


@pytest.mark.parametrize("box", ["none", "rectangular", "triclinic", "octahedron"])
@pytest.mark.parametrize("criteria", CRITERIA)
def test_many_cells(criteria: str, box: str) -> None:
    vectors = BOXES[box]
    large = None if vectors is None else 1.6 * vectors
    frame, sites = system(3, 60, 1.4)
    assert compare(frame[None], large, sites, CRITERIA[criteria]) > 5


def test_limits_are_included_or_not() -> None:
    # A right angle in the corner of a square: distance and angle are exact.
    frame = np.array([[[0.0, 0.0, 0.0], [0.125, 0.0, 0.0], [0.125, 0.25, 0.0]]])
    ones = np.ones(1, np.uint8)
    place = [np.array([i]) for i in range(3)]
    unit = [of.astype(np.int32) for of in place]
    sites = BondSites(place[1], place[0], place[2], unit[0], unit[2], ones, ones)
    for name in ("distance_included", "angle_included"):
        criteria = BondCriteria(0.25, True, "hydrogen", 90.0, True, "hydrogen")
        assert count_hydrogen_bonds(frame, None, sites, criteria).item() == 1
        strict = criteria._replace(**{name: False})
        assert count_hydrogen_bonds(frame, None, sites, strict).item() == 0


def test_any_angle_counts_all_in_reach() -> None:
    frame, sites = system(5, 30, 1.0)
    criteria = CRITERIA["from the donor"]
    found = hydrogen_bonds(frame[None], None, sites, criteria, any_angle=True)
    apart = np.linalg.norm(frame[sites.donors][:, None] - frame[sites.acceptors][None], axis=-1)
    other = sites.hydrogen_units[:, None] != sites.acceptor_units
    assert found["counts"].item() == ((apart <= 0.35) & other).sum()
    straight = hydrogen_bonds(frame[None], None, sites, criteria)
    assert straight["counts"].item() == (found["angle"] <= 40.0).sum() > 0


def test_what_is_refused() -> None:
    frame, sites = system(5, 4, 1.0)
    criteria = CRITERIA["mixed"]
    frame[3, 1] = np.nan
    with pytest.raises(FrameError, match="frame 0: a coordinate is NaN or infinite"):
        hydrogen_bonds(frame[None], None, sites, criteria)
    frame[3, 1] = 0.0
    flat = np.diag([1.0, 1.0, 0.0])[None]
    with pytest.raises(FrameError, match="the box has no volume"):
        hydrogen_bonds(frame[None], flat, sites, criteria)
    with pytest.raises(ValueError, match="sites: expected 7 hydrogens of 3 atoms"):
        hydrogen_bonds(frame[None, :3], None, sites, criteria)


def test_atoms_in_one_place_are_no_bond() -> None:
    frame, sites = system(5, 4, 1.0)
    frame[:] = 0.25
    for criteria in CRITERIA.values():
        assert count_hydrogen_bonds(frame[None], None, sites, criteria).item() == 0

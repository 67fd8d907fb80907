"""SHAKE: distances are restored along their old directions, and nothing else changes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import fsolve

from gromos_dist.errors import ConstraintError
from gromos_dist.kernels import Constraints, shake

Floats = NDArray[np.float64]

PAIRS = np.array([[0, 1], [0, 2], [1, 2]])
LENGTHS = np.array([0.1, 0.1, 0.163299])
MASSES = np.array([15.9994, 1.008, 1.008])
ANGLE = np.radians(109.47122)
WATER = 0.1 * np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [np.cos(ANGLE), np.sin(ANGLE), 0.0]])


def waters(seed: int, n: int) -> tuple[Floats, Floats]:
    """Rigid molecules, and what a step without constraints makes of them."""
    rng = np.random.default_rng(seed)
    turns = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
    before = WATER @ turns + rng.uniform(0.0, 2.0, size=(n, 1, 3))
    return before.reshape(-1, 3), (before + rng.normal(scale=0.004, size=before.shape)).reshape(
        -1, 3
    )


def constrained(before: Floats, free: Floats, **options: Any) -> Floats:
    positions = free.copy()
    n = len(positions) // 3
    molecules = Constraints(0, n, 3, PAIRS, LENGTHS)
    shake(positions, before, molecules, inverse_masses=np.tile(1.0 / MASSES, n), **options)
    return positions


def distances(positions: Floats) -> Floats:
    molecules = positions.reshape(-1, 3, 3)
    return np.linalg.norm(molecules[:, PAIRS[:, 0]] - molecules[:, PAIRS[:, 1]], axis=-1)


def test_multipliers_are_those_of_a_solver_of_equations() -> None:
    """The corrections are sums of the old directions; their factors solve three equations."""
    before, free = waters(1, 4)
    ours = constrained(before, free, tolerance=1e-13)
    for molecule in range(4):
        atoms = slice(3 * molecule, 3 * molecule + 3)
        old, new = before[atoms], free[atoms]
        directions = old[PAIRS[:, 0]] - old[PAIRS[:, 1]]

        def moved(factors: Floats, new: Floats = new, directions: Floats = directions) -> Floats:
            corrected = new.copy()
            for (i, j), factor, direction in zip(PAIRS, factors, directions, strict=True):
                corrected[i] += factor / MASSES[i] * direction
                corrected[j] -= factor / MASSES[j] * direction
            return corrected

        factors = fsolve(lambda f: distances(moved(f))[0] - LENGTHS, np.zeros(3), xtol=1e-14)
        np.testing.assert_allclose(ours[atoms], moved(factors), rtol=0, atol=1e-11)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 5), exponent=st.integers(2, 12))
def test_lengths_momentum_and_angular_momentum(seed: int, n: int, exponent: int) -> None:
    before, free = waters(seed, n)
    tolerance = 10.0**-exponent
    positions = constrained(before, free, tolerance=tolerance)
    assert (abs(distances(positions) / LENGTHS - 1.0) <= 1.01 * tolerance).all()
    # Corrections do not move a molecule as a whole, nor turn it about the old positions.
    moved = (positions - free).reshape(n, 3, 3) * MASSES[:, None]
    assert abs(moved.sum(axis=1)).max() < 1e-13
    assert abs(np.cross(before.reshape(n, 3, 3), moved).sum(axis=1)).max() < 1e-13


def test_what_holds_is_not_touched() -> None:
    before, _ = waters(2, 3)
    np.testing.assert_array_equal(constrained(before, before), before)


def test_molecules_do_not_know_of_each_other() -> None:
    before, free = waters(3, 6)
    together = constrained(before, free)
    for molecule in range(6):
        atoms = slice(3 * molecule, 3 * molecule + 3)
        np.testing.assert_array_equal(constrained(before[atoms], free[atoms]), together[atoms])


def test_bonds_of_molecules_in_a_row_and_atoms_without() -> None:
    rng = np.random.default_rng(4)
    before = np.array([[9.0, 9, 9], [0.0, 0, 0], [0.15, 0, 0], [0.2, 0.14, 0], [9.0, 9, 9]])
    free = before + rng.normal(scale=0.005, size=before.shape)
    chain = Constraints(1, 1, 3, np.array([[0, 1], [1, 2]]), np.array([0.15, 0.1486607]))
    positions = free.copy()
    shake(positions, before, chain, inverse_masses=[1.0, 0.1, 0.07, 0.1, 1.0], tolerance=1e-10)
    bonds = np.linalg.norm(np.diff(positions[1:4], axis=0), axis=1)
    np.testing.assert_allclose(bonds, chain.lengths, rtol=2e-10)
    np.testing.assert_array_equal(positions[[0, 4]], free[[0, 4]])
    assert chain.n_constraints == 2


@pytest.mark.parametrize(
    "box", [np.diag([2.0, 2.1, 2.2]), [[2.0, 0, 0], [0.7, 2, 0], [-0.5, 0.8, 2.1]]]
)
def test_nearest_images(box: Any) -> None:
    before, free = waters(5, 20)
    whole = constrained(before, free)
    rng = np.random.default_rng(6)
    shifts = rng.integers(-2, 3, size=(60, 3)) @ np.array(box)
    more_shifts = rng.integers(-2, 3, size=(60, 3)) @ np.array(box)
    broken = constrained(before + more_shifts, free + shifts, box=box)
    np.testing.assert_allclose(broken - shifts, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wrong", ["turned", "nan", "rounds"])
def test_what_cannot_be_met_is_an_error(wrong: str) -> None:
    before, free = waters(7, 3)
    options: dict[str, Any] = {}
    if wrong == "turned":
        free[4] = free[3] - (before[4] - before[3])
    elif wrong == "nan":
        free[5] = np.nan
    else:
        free[:3] = before[:3]
        options = {"max_rounds": 1, "tolerance": 1e-5}
    with pytest.raises(ConstraintError, match="SHAKE did not converge: the distance") as caught:
        constrained(before, free, **options)
    assert set(caught.value.atoms) <= {3, 4, 5}
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.atoms, str(again)) == (caught.value.atoms, str(caught.value))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"positions": np.zeros((3, 3), np.float32)}, "positions: expected a writeable C-contig"),
        ({"positions": np.zeros((6, 3))}, r"array of shape \(3, 3\), got float64 \(6, 3\)"),
        ({"tolerance": 0.0}, "expected a tolerance above 0"),
        ({"max_rounds": 0}, "at least 1 round"),
        ({"box": np.ones(3)}, r"box: expected shape \(3, 3\), got \(3,\)"),
        ({"box": np.ones((3, 3))}, "the box has no volume"),
        ({"inverse_masses": np.ones(2)}, "inverse_masses: expected one for each atom"),
        ({"constraints": Constraints(0, 1, 3, PAIRS + 1, LENGTHS)}, "pairs of different atoms fr"),
        ({"constraints": Constraints(0, 1, 3, PAIRS * 0, LENGTHS)}, "pairs of different atoms fr"),
        ({"constraints": Constraints(0, 1, 3, PAIRS[:2], LENGTHS)}, r"got \(2, 2\) and \(3,\)"),
        ({"constraints": Constraints(0, 1, 3, PAIRS, -LENGTHS)}, "expected lengths above 0"),
        ({"constraints": Constraints(0, 2, 3, PAIRS, LENGTHS)}, "sizes that make no sense"),
        ({"constraints": Constraints(1, 1, 3, PAIRS, LENGTHS)}, "sizes that make no sense"),
    ],
)
def test_arguments_are_checked(changed: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "positions": WATER.copy(),
        "before": WATER.copy(),
        "constraints": Constraints(0, 1, 3, PAIRS, LENGTHS),
        "inverse_masses": 1.0 / MASSES,
    }
    with pytest.raises(ValueError, match=message):
        shake(**{**arguments, **changed})

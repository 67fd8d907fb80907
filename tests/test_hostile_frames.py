"""Frames and arguments that make no sense, in the middle of a trajectory: what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import gromos_dist as gd
from gromos_dist.errors import FrameError

DATA = Path(__file__).parent / "data"
NEAR = "water and within 0.6 of resname BUT"


@pytest.fixture(scope="module")
def butane() -> xr.Dataset:
    return gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top").compute()


CASES: dict[str, Callable[[xr.Dataset], Any]] = {
    "rdf": lambda ds: gd.rdf(ds, "name OW", "name HW1", r_max=0.3, bins=3),
    "rdf of atoms near": lambda ds: gd.rdf(ds, range(4), NEAR, r_max=0.3, bins=3),
    "minimum_distance": lambda ds: gd.minimum_distance(ds, range(4), NEAR),
    "smooth": lambda ds: gd.n_contacts(ds, atoms=range(30), method="smooth"),
    "native_contacts": lambda ds: gd.native_contacts(ds, atoms=range(90)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_flat_box_is_told_of_by_its_frame(name: str, butane: xr.Dataset) -> None:
    box = butane.box.values.copy()
    box[2] = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    with pytest.raises(FrameError, match=r"^frame 2: the box has no volume"):
        CASES[name](butane.assign(box=butane.box.copy(data=box)))


@pytest.mark.parametrize("name", CASES)
def test_an_atom_that_is_nowhere_is_told_of_by_its_frame(name: str, butane: xr.Dataset) -> None:
    positions = butane.positions.values.copy()
    positions[2, 4, 0] = np.inf
    with pytest.raises(FrameError, match=r"^frame 2: a coordinate is NaN or infinite \(atom 4\)"):
        CASES[name](butane.assign(positions=butane.positions.copy(data=positions)))


def test_of_a_centre_of_what_is_near(butane: xr.Dataset) -> None:
    positions = butane.positions.values.copy()
    positions[2, 50, 0] = np.nan
    bad = butane.assign(positions=butane.positions.copy(data=positions))
    with pytest.raises(FrameError, match=r"^frame 2: .*NaN or infinite \(atom 50\)"):
        gd.distances(bad, [(f"cog of {NEAR}", 0)])


@pytest.mark.parametrize("atoms", [[300, 2, 1], slice(None, None, -1), slice(1, None)])
def test_an_atom_of_some_atoms(atoms: Any, butane: xr.Dataset) -> None:
    positions = butane.positions.values.copy()
    positions[1, 2, 0] = np.nan
    some = butane.assign(positions=butane.positions.copy(data=positions)).isel(atom=atoms)
    with pytest.raises(FrameError, match=r"^frame 1: a coordinate is NaN or infinite \(atom 2\)"):
        gd.radius_of_gyration(some)


def test_matrices_of_atoms_without_names(butane: xr.Dataset) -> None:
    bare = xr.Dataset({name: butane[name].variable for name in ("positions", "box")})
    found = gd.distance_matrix(bare, atoms=[7, 3])
    named = gd.distance_matrix(butane, atoms=[7, 3])
    np.testing.assert_array_equal(found, named)
    assert found.atom_number.values.tolist() == named.atom_number.values.tolist()
    near = {"by": "atom", "criteria": "closest", "min_separation": 0, "atoms": range(9)}
    expected = gd.contact_map(butane, **near)
    np.testing.assert_array_equal(gd.contact_map(bare, **near), expected)


@pytest.mark.parametrize("pairs", [[[0, 1.5]], np.array([[0.0, 1.0]]), [[True, False]]])
def test_pairs_that_are_no_numbers_of_atoms(pairs: Any, butane: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="pairs: expected numbers of atoms from 0, integers"):
        gd.distances(butane, pairs)


@pytest.mark.parametrize("separation", [-1, 1.5, float("nan"), 10**20])
def test_separations_that_make_no_sense(separation: Any, butane: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="min_separation: expected a number of residues"):
        gd.n_contacts(butane, atoms=range(30), min_separation=separation)


@pytest.mark.parametrize("exponents", [(1.5, 2.5), (1,), (0, 3), (4, 4)])
def test_exponents_that_make_no_sense(exponents: Any, butane: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="exponents: expected"):
        gd.n_contacts(butane, atoms=range(30), method="smooth", exponents=exponents)


def test_high_exponents_count(butane: xr.Dataset) -> None:
    near = {"atoms": range(30), "cutoff": 0.45}
    found = gd.n_contacts(butane, method="smooth", exponents=(10**5, 10**6), **near)
    np.testing.assert_allclose(found, gd.n_contacts(butane, **near), atol=1e-9)

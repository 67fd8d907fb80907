"""Dipole moments: against NumPy, MDAnalysis and gromos++."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from conftest import AdK
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import gromos_dist as gd

Array = NDArray[Any]


@pytest.fixture(scope="module")
def ds(adk: AdK) -> xr.Dataset:
    return gd.open_trajectory(adk.dcd, adk.psf)


def trajectory(frames: Array, charge: Array, mass: Array | None = None) -> xr.Dataset:
    ds = xr.Dataset({"positions": (("frame", "atom", "xyz"), frames, {"units": "nm"})})
    ds = ds.assign_coords(charge=("atom", charge))
    return ds if mass is None else ds.assign_coords(mass=("atom", mass))


@given(
    st.integers(1, 5),
    st.integers(1, 30),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from(["mass", "geometry", "origin"]),
    st.integers(0, 2**32),
)
def test_equals_numpy(n_frames: int, n_atoms: int, dtype: type, center: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = (rng.normal(size=(n_frames, n_atoms, 3)) + 2).astype(dtype)
    charge = rng.choice([-1.0, -0.5, 0.0, 0.25, 1.0], n_atoms)
    mass = rng.uniform(1, 20, n_atoms)
    ds = trajectory(frames, charge, mass)
    chosen = rng.permutation(n_atoms)[: rng.integers(1, n_atoms + 1)]
    x = frames.astype(np.float64)[:, chosen]
    weights = {"mass": mass[chosen], "geometry": np.ones(len(chosen))}
    about = (
        0.0
        if center == "origin"
        else (np.einsum("a,fac->fc", weights[center], x) / weights[center].sum())[:, None]
    )
    expected = np.einsum("a,fac->fc", charge[chosen], x - about)
    found = gd.dipole_moment(ds, atoms=chosen, center=center)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)
    found = gd.dipole_moment(ds, atoms=chosen, center=center, magnitude=True)
    np.testing.assert_allclose(found, np.linalg.norm(expected, axis=1), rtol=0, atol=1e-11)


def test_a_net_charge_is_told_unless_the_point_is_said(ds: xr.Dataset) -> None:
    with pytest.warns(UserWarning, match=r"net charge of -4 e.*centre of mass: say which") as told:
        assumed = gd.dipole_moment(ds, atoms="protein")
    assert told[0].filename == __file__
    xr.testing.assert_equal(assumed, gd.dipole_moment(ds, atoms="protein", center="mass"))
    bare = trajectory(np.zeros((1, 2, 3)), np.array([1.0, 0.5]))
    with pytest.warns(UserWarning, match=r"charge of 1.5 e.*centre of geometry"):
        gd.dipole_moment(bare)
    with pytest.raises(ValueError, match="masses"):
        gd.dipole_moment(bare, center="mass")


def test_neutral_atoms_have_the_same_moment_about_any_point(ds: xr.Dataset) -> None:
    neutral = gd.select(ds, "resname ALA or resname VAL")
    assert abs(float(ds.charge[neutral].sum())) < 1e-6
    found = [
        gd.dipole_moment(ds, atoms=neutral, center=center).values
        for center in (None, "mass", "geometry", "origin")
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=0, atol=1e-6)
    assert not gd.dipole_moment(trajectory(np.ones((2, 3, 3)), np.zeros(3))).values.any()


def test_charges_that_are_not_known(ds: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"dipole moment needs charges: open.*'charge'"):
        gd.dipole_moment(ds.drop_vars("charge"))
    unknown = ds.assign_coords(charge=ds.charge.where(ds.atom_name != "CA"))
    with pytest.raises(ValueError, match=r"charge of 214 of 3341 atoms.*\(CA\).*has charges"):
        gd.dipole_moment(unknown)
    assert gd.dipole_moment(unknown, atoms="name CB", center="mass").shape == (98, 3)


def test_mdanalysis(adk: AdK, ds: xr.Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(adk.psf), str(adk.dcd))
    found = gd.dipole_moment(ds, center="mass").values
    for i in (0, 60):
        universe.trajectory[i]
        np.testing.assert_allclose(
            10 * found[i], universe.atoms.dipole_vector(center="mass"), rtol=0, atol=1e-5
        )


@pytest.mark.parametrize(
    ("name", "atoms", "center"),
    [
        ("pla2/dipole_mol1", "molecule 1", "geometry"),
        ("more/pla2/dipole_neutral_res", "molecule 1 and resid 2-5", None),
    ],
)
def test_gromos(reference: Path, name: str, atoms: str, center: Any) -> None:
    folder = reference / "analysis"
    files = (folder / "pla2/pla2_solute.trc.gz", folder / "pla2/pla2.top")
    whole = gd.make_whole(gd.open_trajectory(*files, dtype=np.float64))
    theirs = np.loadtxt(folder / f"{name}.out")
    found = gd.dipole_moment(whole, atoms=atoms, center=center)
    np.testing.assert_allclose(found, theirs[:, 2:], rtol=0, atol=2e-9)
    found = gd.dipole_moment(whole, atoms=atoms, center=center, magnitude=True)
    np.testing.assert_allclose(found, theirs[:, 1], rtol=0, atol=2e-9)


def test_gromos_of_water(reference: Path) -> None:
    folder = reference / "analysis"
    ds = gd.open_trajectory(
        folder / "ch4_999spc/ch4_999spc_20.trc.gz",
        folder / "ch4_999spc/ch4_999spc.top",
        dtype=np.float64,
    )
    found = gd.dipole_moment(gd.make_whole(ds), atoms="water")
    theirs = np.loadtxt(folder / "more/ch4_999spc/dipole_water.out")
    np.testing.assert_allclose(found, theirs[:, 2:], rtol=0, atol=2e-9)

"""Moments and axes of molecules: against NumPy, MDAnalysis, mdtraj and gromos++."""

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


def trajectory(frames: Array, mass: Array) -> xr.Dataset:
    ds = xr.Dataset({"positions": (("frame", "atom", "xyz"), frames, {"units": "nm"})})
    return ds.assign_coords(mass=("atom", mass))


@given(
    st.integers(1, 8),
    st.integers(1, 30),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_equals_numpy(
    n_frames: int, n_atoms: int, dtype: type, mass_weighted: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    frames = (rng.normal(size=(n_frames, n_atoms, 3)) * [1.0, 2.0, 0.5] + 3).astype(dtype)
    mass = rng.uniform(1, 20, n_atoms)
    data = trajectory(frames, mass)
    weights = mass if mass_weighted else np.ones(n_atoms)
    shape = gd.shape_descriptors(data, mass_weighted=mass_weighted)
    axes = gd.principal_axes(data, mass_weighted=mass_weighted)
    inertia = gd.inertia_tensor(data)
    for i, frame in enumerate(frames.astype(np.float64)):
        v = frame - weights @ frame / weights.sum()
        tensor = np.einsum("a,ac,ad->cd", weights, v, v) / weights.sum()
        least, middle, most = np.linalg.eigvalsh(tensor)
        np.testing.assert_allclose(shape.principal_moments[i], [least, middle, most], atol=1e-9)
        np.testing.assert_allclose(
            shape.radius_of_gyration[i] ** 2, np.trace(tensor), rtol=1e-9, atol=1e-9
        )
        np.testing.assert_allclose(
            shape.asphericity[i], most - (least + middle) / 2, rtol=0, atol=1e-9
        )
        np.testing.assert_allclose(shape.acylindricity[i], middle - least, rtol=0, atol=1e-9)
        if n_atoms > 1:
            kappa = 1 - 3 * (least * middle + middle * most + most * least) / np.trace(tensor) ** 2
            np.testing.assert_allclose(shape.relative_shape_anisotropy[i], kappa, atol=1e-9)
        of = frame - mass @ frame / mass.sum()
        expected = np.einsum("a,a,cd->cd", mass, (of**2).sum(axis=1), np.eye(3))
        expected -= np.einsum("a,ac,ad->cd", mass, of, of)
        np.testing.assert_allclose(inertia[i], expected, rtol=1e-9, atol=1e-7)
        a = axes.values[i]
        np.testing.assert_allclose(a @ a.T, np.eye(3), rtol=0, atol=1e-12)
        assert np.linalg.det(a) == pytest.approx(1)
        moments = [np.trace(tensor) - axis @ tensor @ axis for axis in a]
        assert moments == sorted(moments) or np.ptp(moments) < 1e-8
        np.testing.assert_allclose(
            sorted(moments), np.trace(tensor) - [most, middle, least], 0, 1e-9
        )
        for axis in a[:2]:
            assert axis[np.abs(axis).argmax()] > 0 or np.ptp(np.sort(np.abs(axis))[1:]) < 1e-8


def test_shapes_that_everybody_knows() -> None:
    cube = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T
    line = np.zeros((8, 3))
    line[:, 1] = np.linspace(-2, 2, 8)
    point = np.full((8, 3), 0.5)
    square = np.tile([[1, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]], (2, 1))
    data = trajectory(np.array([cube, line, point, square], np.float64), np.ones(8))
    shape = gd.shape_descriptors(data)
    np.testing.assert_allclose(shape.relative_shape_anisotropy, [0, 1, np.nan, 0.25], atol=1e-12)
    np.testing.assert_allclose(shape.asphericity[0], 0, atol=1e-12)
    np.testing.assert_allclose(shape.acylindricity[:2], 0, atol=1e-12)
    np.testing.assert_allclose(shape.principal_moments[2], 0, atol=0)
    axes = gd.principal_axes(data)
    # The first lies along the line, whatever the other two are.
    np.testing.assert_allclose(axes[1, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(np.abs(axes[3, 2]), [0, 0, 1], atol=1e-12)
    for frame in axes.values:
        np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(frame) == pytest.approx(1)


def test_axes_turn_with_the_molecule(ds: xr.Dataset) -> None:
    # By less than what changes the largest component.
    angle = 0.02
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    some = ds.isel(frame=slice(0, 5)).compute()
    turned = some.assign(positions=some.positions.copy(data=some.positions.values @ turn.T))
    np.testing.assert_allclose(
        gd.principal_axes(turned), gd.principal_axes(some).values @ turn.T, rtol=0, atol=1e-5
    )


def test_a_frame_has_the_same_bits_in_any_block(ds: xr.Dataset) -> None:
    some = ds.isel(frame=slice(0, 40)).compute()
    for analysis in (gd.principal_axes, gd.inertia_tensor, gd.shape_descriptors):
        whole = analysis(some)
        for size in (1, 3, 16, 17):
            blocks = [analysis(some.isel(frame=slice(i, i + size))) for i in range(0, 40, size)]
            xr.testing.assert_identical(xr.concat(blocks, "frame").drop_attrs(), whole.drop_attrs())


def test_mdanalysis(adk: AdK, ds: xr.Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(adk.psf), str(adk.dcd))
    inertia = gd.inertia_tensor(ds).values
    axes = gd.principal_axes(ds).values
    shape = gd.shape_descriptors(ds)
    for i in (0, 50, 97):
        universe.trajectory[i]
        atoms = universe.atoms
        theirs = atoms.moment_of_inertia() / 100
        np.testing.assert_allclose(inertia[i], theirs, rtol=0, atol=1e-7 * np.abs(theirs).max())
        # The largest moment first, and other signs.
        np.testing.assert_allclose(np.abs(axes[i, ::-1]), np.abs(atoms.principal_axes()), 0, 1e-6)
        # What it calls asphericity is the relative shape anisotropy.
        theirs = atoms.asphericity()
        np.testing.assert_allclose(shape.relative_shape_anisotropy[i], theirs, rtol=1e-6)
        np.testing.assert_allclose(
            10 * shape.radius_of_gyration[i], atoms.radius_of_gyration(), rtol=1e-7
        )


def test_mdtraj(adk: AdK, ds: xr.Dataset) -> None:
    mdtraj = pytest.importorskip("mdtraj")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = mdtraj.load_dcd(str(adk.dcd), top=str(adk.psf))
    # All atoms count the same there.
    shape = gd.shape_descriptors(ds, mass_weighted=False)
    tensor = gd.radius_of_gyration(ds, mass_weighted=False, tensor=True)
    theirs = mdtraj.compute_gyration_tensor(loaded)
    np.testing.assert_allclose(tensor, theirs, rtol=0, atol=1e-4)
    for found, function in (
        (shape.principal_moments, mdtraj.principal_moments),
        (shape.asphericity, mdtraj.asphericity),
        (shape.acylindricity, mdtraj.acylindricity),
        (shape.relative_shape_anisotropy, mdtraj.relative_shape_antisotropy),
    ):
        np.testing.assert_allclose(found, function(loaded), rtol=0, atol=1e-4)
    # Its masses weigh about the centre of geometry: what is added is how far apart the centres are.
    apart = gd.center_of_mass(ds) - gd.center_of_geometry(ds)
    about = np.sqrt(gd.radius_of_gyration(ds) ** 2 + (apart**2).sum("xyz"))
    np.testing.assert_allclose(
        about, mdtraj.compute_rg(loaded, masses=ds.mass.values), rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("mass_weighted", [False, True])
def test_gromos(reference: Path, mass_weighted: bool) -> None:
    folder = reference / "analysis" / "pla2"
    ds = gd.open_trajectory(folder / "pla2_solute.trc.gz", folder / "pla2.top", dtype=np.float64)
    whole = gd.make_whole(ds)
    found = gd.radius_of_gyration(whole, atoms="molecule 1", mass_weighted=mass_weighted)
    name = "rgyr_mw_cog.out" if mass_weighted else "rgyr_cog.out"
    theirs = np.loadtxt(folder / name, usecols=1)
    if not mass_weighted:
        # gromos++ measures about the centre of mass in any case.
        of_mass = gd.center_of_mass(whole, atoms="molecule 1")
        apart = of_mass - gd.center_of_geometry(whole, atoms="molecule 1")
        found = np.sqrt(found**2 + (apart**2).sum("xyz"))
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-9)

"""Results of gromos++ for 100 frames of phospholipase A2, to the last digit that it printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import gromos_dist as gd

PROTEIN = "molecule 1"
ALPHA = "molecule 1 and name CA"


@pytest.fixture(scope="module")
def folder(reference: Path) -> Path:
    return reference / "analysis" / "pla2"


@pytest.fixture(scope="module")
def broken(folder: Path) -> xr.Dataset:
    """As the simulation wrote it: every atom inside the box."""
    return gd.open_trajectory(folder / "pla2_solute.trc.gz", folder / "pla2.top", dtype=float)


@pytest.fixture(scope="module")
def whole(folder: Path, broken: xr.Dataset) -> xr.Dataset:
    return gd.make_whole(broken, folder / "pla2.top")


@pytest.fixture(scope="module")
def target(folder: Path) -> xr.Dataset:
    path = folder / "pla2_solute_ref.cnf"
    return gd.open_trajectory(path, folder / "pla2.top", dtype=float)


def column(path: Path, number: int = 1) -> np.ndarray:
    return np.loadtxt(path)[:, number]


@pytest.mark.parametrize(("measured", "name"), [(ALPHA, "ca_ca"), (PROTEIN, "ca_all")])
def test_rmsd(
    folder: Path, whole: xr.Dataset, target: xr.Dataset, measured: str, name: str
) -> None:
    expected = column(folder / f"rmsd_{name}_prop_cog.out")
    reference = gd.make_whole(target, folder / "pla2.top").isel(frame=0)
    result = gd.rmsd(whole, reference=reference, fit=ALPHA, atoms=measured)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-9)


def test_rmsd_of_broken_molecules(folder: Path, broken: xr.Dataset, target: xr.Dataset) -> None:
    expected = column(folder / "rmsd_ca_all_prop_nog.out")
    with pytest.warns(gd.BrokenMoleculesWarning):
        result = gd.rmsd(broken, reference=target.isel(frame=0), fit=ALPHA, atoms=PROTEIN)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-9)


def test_rmsd_from_the_first_frame(folder: Path, whole: xr.Dataset) -> None:
    expected = column(folder / "rmsd_ca_ca_firstframe_cog.out")
    np.testing.assert_allclose(gd.rmsd(whole, atoms=ALPHA), expected, rtol=0, atol=6e-6)


@pytest.mark.parametrize("gathered", [True, False])
def test_radius_of_gyration(
    folder: Path, whole: xr.Dataset, broken: xr.Dataset, gathered: bool
) -> None:
    expected = column(folder / f"rgyr_mw_{'cog' if gathered else 'nog'}.out")
    if gathered:
        result = gd.radius_of_gyration(whole, atoms=PROTEIN)
    else:
        with pytest.warns(gd.BrokenMoleculesWarning):
            result = gd.radius_of_gyration(broken, atoms=PROTEIN)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-9)


def test_rmsd_matrix(folder: Path, whole: xr.Dataset) -> None:
    lines = (folder / "rmsdmat_ca_cog.dat").read_text().splitlines()
    rows = [line.split() for line in lines if len(line.split()) == 3]
    i, j, value = np.array([row for row in rows if row[0].isdigit()], dtype=int).T
    # Structure 0 is gromos++'s reference; values are truncated to 1e-5 nm.
    frames = (i > 0) & (j > i)
    expected = value[frames] * 1e-5
    matrix = gd.rmsd_matrix(whole, atoms=ALPHA).values[i[frames] - 1, j[frames] - 1]
    assert frames.sum() == 100 * 99 // 2
    assert (matrix - expected > -1e-9).all()
    assert (matrix - expected < 1e-5 + 1e-9).all()


def test_molecules_made_whole_equal_its_gathering(folder: Path, whole: xr.Dataset) -> None:
    expected = gd.open_trajectory(folder / "fo_gbond_00005.cnf", dtype=float)
    np.testing.assert_allclose(whole.positions[4], expected.positions[0], rtol=0, atol=1.1e-9)

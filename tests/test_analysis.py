"""RMSD, superposition, centres and gyration of Datasets, against programs that others wrote."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from conftest import AdK
from MDAnalysis.analysis.rms import RMSD

import gromos_dist as gd
from gromos_dist import provenance
from gromos_dist.io.formats.dcd import DCDReader


@pytest.fixture(scope="module")
def ds(adk: AdK) -> xr.Dataset:
    return gd.open_trajectory(adk.dcd, adk.psf)


def kabsch(
    frame: np.ndarray, reference: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The plain way, in double: rotation and translation from a singular value decomposition."""
    frame, reference = frame.astype(float), reference.astype(float)
    w = weights / weights.sum()
    a, b = w @ frame, w @ reference
    u, _, vt = np.linalg.svd((w[:, None] * (frame - a)).T @ (reference - b))
    turn = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
    return turn, b - turn @ a


def plain_rmsd(
    positions: np.ndarray,
    reference: np.ndarray,
    atoms: np.ndarray,
    fit: np.ndarray | None,
    masses: np.ndarray,
) -> np.ndarray:
    values = []
    for frame in positions.astype(float):
        moved = frame
        if fit is not None:
            turn, shift = kabsch(frame[fit], reference[fit], masses[fit])
            moved = frame @ turn.T + shift
        squares = ((moved - reference)[atoms] ** 2).sum(1)
        values.append(np.sqrt(masses[atoms] @ squares / masses[atoms].sum()))
    return np.array(values)


OPTIONS = {
    "all atoms": {},
    "one selection": {"atoms": "name CA"},
    "fit and measure": {"fit": "backbone", "atoms": "resid 30:60"},
    "no fit": {"fit": False, "atoms": "name CA"},
    "mass-weighted": {"mass_weighted": True},
    "mass-weighted, fit and measure": {
        "fit": "backbone",
        "atoms": "protein",
        "mass_weighted": True,
    },
    "another frame": {"reference": -1, "atoms": "backbone"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_rmsd_equals_the_singular_value_decomposition(ds: xr.Dataset, options: dict) -> None:
    positions = ds.positions.values
    everything = np.arange(ds.sizes["atom"])
    atoms = gd.select(ds, options["atoms"]) if "atoms" in options else everything
    fit = atoms
    if options.get("fit") is False:
        fit = None
    elif "fit" in options:
        fit = gd.select(ds, options["fit"])
    masses = ds.mass.values if options.get("mass_weighted") else np.ones(len(everything))
    reference = positions[options.get("reference", 0)].astype(float)
    expected = plain_rmsd(positions, reference, atoms, fit, masses)
    result = gd.rmsd(ds, **options).compute()
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-9)
    assert result[options.get("reference", 0)] == 0
    assert result.attrs["units"] == "nm"


def mdanalysis_rmsd(universe: MDAnalysis.Universe, select: str, weights: str | None) -> np.ndarray:
    return RMSD(universe, select=select, weights=weights).run().results.rmsd[:, 2] / 10


@pytest.mark.filterwarnings("ignore:.*a time step of exactly 1:UserWarning")
@pytest.mark.parametrize("mass_weighted", [False, True])
@pytest.mark.parametrize(
    ("topology", "trajectory"),
    [("adk.psf", "adk_dims.dcd"), ("SiN_tric_namd.psf", "SiN_tric_namd.dcd")],
)
def test_rmsd_equals_mdanalysis(
    mdanalysis_data: Path, topology: str, trajectory: str, mass_weighted: bool
) -> None:
    files = mdanalysis_data / topology, mdanalysis_data / trajectory
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = mdanalysis_rmsd(
            MDAnalysis.Universe(*files), "all", "mass" if mass_weighted else None
        )
    ds = gd.open_trajectory(files[1], files[0])
    np.testing.assert_allclose(
        gd.rmsd(ds, mass_weighted=mass_weighted), expected, rtol=0, atol=1e-6
    )


def test_radius_of_gyration_and_centres_equal_mdanalysis(adk: AdK, ds: xr.Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(adk.psf), str(adk.dcd))
    chosen = universe.select_atoms("resid 30:60")
    masses = chosen.masses
    radii, mass, geometry = [], [], []
    for step in universe.trajectory:
        x = step.positions[chosen.indices].astype(float) / 10
        mass.append(masses @ x / masses.sum())
        geometry.append(x.mean(0))
        radii.append(np.sqrt(masses @ ((x - mass[-1]) ** 2).sum(1) / masses.sum()))
    options = {"atoms": "resid 30:60"}
    np.testing.assert_allclose(gd.radius_of_gyration(ds, **options), radii, atol=1e-6)
    np.testing.assert_allclose(gd.center_of_mass(ds, **options), mass, atol=1e-6)
    np.testing.assert_allclose(gd.center_of_geometry(ds, **options), geometry, atol=1e-6)
    tensor = gd.radius_of_gyration(ds, **options, tensor=True)
    np.testing.assert_allclose(np.trace(tensor, axis1=1, axis2=2), np.square(radii), atol=1e-6)
    assert tensor.attrs["units"] == "nm2"
    np.testing.assert_array_equal(tensor.sel(xyz="x", xyz_2="z"), tensor[:, 0, 2])


def test_superposed_frames_have_the_fitted_rmsd(ds: xr.Dataset) -> None:
    superposed = gd.superpose(ds, fit="name CA", reference=3)
    assert superposed.positions.dtype == np.float32
    assert set(superposed.coords) == set(ds.coords)
    np.testing.assert_allclose(
        gd.rmsd(superposed, fit=False, atoms="resid 1:20", reference=superposed.isel(frame=3)),
        gd.rmsd(ds, fit="name CA", atoms="resid 1:20", reference=3),
        atol=1e-6,
    )


@pytest.mark.parametrize("mass_weighted", [False, True])
@pytest.mark.parametrize("atoms", ["name CA", "name N O", [90, 7, 31, 5]])
def test_matrix_equals_rows_of_rmsd(
    ds: xr.Dataset, atoms: str | list[int], mass_weighted: bool
) -> None:
    some = ds.isel(frame=slice(None, None, 9)).chunk(frame=4)
    matrix = gd.rmsd_matrix(some, atoms=atoms, mass_weighted=mass_weighted)
    assert matrix.dims == ("frame", "other_frame")
    rows = [
        gd.rmsd(some, reference=i, atoms=atoms, mass_weighted=mass_weighted).values
        for i in range(some.sizes["frame"])
    ]
    np.testing.assert_allclose(matrix, rows, atol=1e-9)
    assert (np.diag(matrix) == 0).all()
    assert (matrix.values == matrix.values.T).all()
    between = gd.rmsd_matrix(some, ds.isel(frame=[5, 90]), atoms=atoms)
    assert between.shape == (11, 2)


ANALYSES = {
    "rmsd": lambda ds: gd.rmsd(ds, fit="backbone", atoms="protein", mass_weighted=True),
    "superpose": lambda ds: gd.superpose(ds, fit="name CA").positions,
    "matrix": lambda ds: gd.rmsd_matrix(ds, atoms="name CA"),
    "radius": lambda ds: gd.radius_of_gyration(ds, atoms="backbone"),
    "tensor": lambda ds: gd.radius_of_gyration(ds, tensor=True),
    "centre": lambda ds: gd.center_of_mass(ds, atoms="name CA CB"),
}


def test_only_the_atoms_needed_are_read(ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = DCDReader.read

    def spy(self, frames, out, atoms=None):
        read.extend(out["positions"].shape[1:2])
        return original(self, frames, out, atoms)

    lazy = gd.rmsd(ds, atoms="name CA", fit="name CB")
    monkeypatch.setattr(DCDReader, "read", spy)
    lazy.compute(scheduler="synchronous")
    assert set(read) == {len(gd.select(ds, "name CA CB"))}


def test_a_reference_from_a_file_an_array_and_a_dataset(adk: AdK, ds: xr.Dataset) -> None:
    expected = gd.rmsd(ds, reference=0, atoms="name CA").values
    for reference in (adk.dcd, str(adk.dcd), ds.isel(frame=0), ds.positions[0].values):
        np.testing.assert_allclose(
            gd.rmsd(ds, reference=reference, atoms="name CA"), expected, atol=1e-7
        )
    some = gd.open_trajectory(adk.dcd, adk.psf, atoms="name CA")
    # Of all atoms of the file, those that these frames have, in memory or not.
    for chosen in (some, some.load(), gd.open_trajectory(adk.dcd).isel(atom=some.atom_number)):
        found = gd.rmsd(chosen, reference=adk.dcd)
        np.testing.assert_allclose(found, expected, atol=1e-7)


def test_the_accessor_is_the_functions(ds: xr.Dataset) -> None:
    xr.testing.assert_identical(
        ds.gromos.rmsd(atoms="name CA").compute(), gd.rmsd(ds, atoms="name CA").compute()
    )
    assert {"rmsd", "superpose"} < set(dir(ds.gromos))
    with pytest.raises(AttributeError, match="radius_of_gyration"):
        getattr(ds.gromos, "radius")  # noqa: B009


def test_provenance_tells_files_and_parameters(adk: AdK, ds: xr.Dataset) -> None:
    history = provenance.parse(gd.rmsd(ds, atoms="name CA").attrs["provenance"])
    assert history["call"] == "rmsd"
    assert history["parameters"]["atoms"] == "name CA"
    assert [Path(file["path"]).name for file in history["inputs"]] == [adk.dcd.name, adk.psf.name]
    names = {
        gd.rmsd(data, atoms=atoms).attrs["provenance"]
        for data in (ds, ds.isel(frame=slice(50)), ds.compute())
        for atoms in ("name CA", "name CB")
    }
    assert len(names) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": 98}, "no frame 98, there are 98"),
        ({"reference": -99}, "no frame -99"),
        ({"reference": np.zeros((5, 3))}, r"shape \(5, 3\).*3341"),
        ({"atoms": "nmae CA"}, "nmae"),
        ({"atoms": "name XX"}, "chooses no atom"),
        ({"atoms": [3341]}, "3341"),
    ],
)
def test_bad_arguments(ds: xr.Dataset, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gd.rmsd(ds, **options)


def test_masses_that_are_not_known(adk: AdK, ds: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="with a topology"):
        gd.rmsd(gd.open_trajectory(adk.dcd), mass_weighted=True)
    unknown = ds.assign_coords(mass=ds.mass.where(ds.atom_name != "CA"))
    with pytest.raises(ValueError, match=r"mass of 214 of 3341 atoms.*\(CA\)"):
        gd.center_of_mass(unknown)
    assert gd.center_of_mass(unknown, atoms="name CB").shape == (98, 3)


def test_not_a_trajectory(ds: xr.Dataset) -> None:
    with pytest.raises(TypeError, match=r"a Dataset, got str; open_trajectory\(path\)"):
        gd.rmsd("md.dcd")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no positions"):
        gd.rmsd(ds[["time"]])
    with pytest.raises(ValueError, match="transpose"):
        gd.rmsd(ds.positions.transpose("atom", "frame", "xyz"))
    with pytest.raises(ValueError, match="kind"):
        gd.rmsd(ds.positions.astype(int))


@pytest.mark.parametrize("lazy", [False, True])
def test_coordinates_that_are_not_finite(ds: xr.Dataset, lazy: bool) -> None:
    broken = ds.isel(frame=slice(0, 20)).compute()
    broken.positions[13, 7, 1] = np.nan
    broken = broken.chunk(frame=6) if lazy else broken
    for analysis in (gd.rmsd, gd.radius_of_gyration, gd.rmsd_matrix):
        with pytest.raises(gd.FrameError, match=r"frame 13:.*NaN.*atom 7"):
            analysis(broken).compute()


def test_inputs_are_not_changed(ds: xr.Dataset) -> None:
    data = ds.isel(frame=slice(0, 5)).compute()
    before = data.copy(deep=True)
    for analysis in ANALYSES.values():
        analysis(data)
    xr.testing.assert_identical(data, before)


def test_an_array_in_memory_is_neither_hashed_nor_copied(
    ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = ds.compute()
    hashed: list[int] = []
    array_hash = provenance.array_hash

    def noted(array: np.ndarray) -> str:
        hashed.append(array.nbytes)
        return array_hash(array)

    monkeypatch.setattr("gromos_dist.provenance.values.array_hash", noted)
    tracemalloc.start()
    try:
        result = gd.rmsd(loaded)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    size = loaded.positions.nbytes
    one_frame = 2 * size // ds.sizes["frame"]
    assert sum(hashed) <= one_frame < 0.03 * size
    assert most < 0.2 * size
    assert provenance.parse(result.attrs["provenance"])["parameters"]["of"]["array"] == "in memory"

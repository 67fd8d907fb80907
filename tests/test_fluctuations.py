"""Fluctuations and average structures: against NumPy, MDAnalysis, mdtraj and gromos++."""

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
from MDAnalysis.analysis import align, rms
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist import provenance
from gromos_dist.io.formats.dcd import DCDReader

Array = NDArray[Any]


@pytest.fixture(scope="module")
def ds(adk: AdK) -> xr.Dataset:
    return gd.open_trajectory(adk.dcd, adk.psf)


def fitted(frames: Array, reference: Array, weights: Array) -> Array:
    """Frames put onto a reference, by singular values."""
    total = weights.sum()
    to = weights @ reference / total
    moved = np.empty(frames.shape)
    for i, frame in enumerate(frames.astype(float)):
        about = weights @ frame / total
        u, _, vt = np.linalg.svd((weights[:, None] * (reference - to)).T @ (frame - about))
        rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
        moved[i] = (frame - about) @ rotation.T + to
    return moved


def rmsf_of(moved: Array) -> Array:
    return np.sqrt(((moved - moved.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0))


def iterated(frames: Array, weights: Array, rounds: int = 10) -> Array:
    """Frames put onto their own average."""
    reference = frames[0].astype(float)
    for _ in range(rounds):
        moved = fitted(frames, reference, weights)
        mean = moved.mean(axis=0)
        shift = np.sqrt(((mean - reference) ** 2).sum(axis=-1).mean())
        reference = mean
        if shift <= 1e-6:
            break
    return moved


@given(
    st.integers(2, 30),
    st.integers(4, 40),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_equals_numpy(
    n_frames: int, n_atoms: int, dtype: type, mass_weighted: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=(n_atoms, 3))
    frames = np.empty((n_frames, n_atoms, 3), dtype)
    for i in range(n_frames):
        q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn = q * np.linalg.det(q)
        frames[i] = (shape + 0.05 * rng.normal(size=shape.shape)) @ turn.T + rng.normal(size=3)
    mass = rng.uniform(1, 20, n_atoms)
    ds = trajectory(frames, mass)
    weights = mass if mass_weighted else np.ones(n_atoms)
    options = {"mass_weighted": mass_weighted}
    moved = iterated(frames, weights)
    found = gd.rmsf(ds, **options)
    np.testing.assert_allclose(found, rmsf_of(moved), rtol=1e-6, atol=1e-9)
    average = gd.average_structure(ds, **options)
    np.testing.assert_allclose(average.positions[0], moved.mean(axis=0), rtol=0, atol=1e-6)
    once = fitted(frames, frames[1].astype(float), weights)
    found = gd.rmsf(ds, reference=1, **options)
    np.testing.assert_allclose(found, rmsf_of(once), rtol=1e-8, atol=1e-10)
    found = gd.rmsf(ds, fit=False)
    np.testing.assert_allclose(found, rmsf_of(frames.astype(float)), rtol=1e-8, atol=1e-10)


def trajectory(frames: Array, mass: Array | None = None) -> xr.Dataset:
    ds = xr.Dataset({"positions": (("frame", "atom", "xyz"), frames, {"units": "nm"})})
    return ds if mass is None else ds.assign_coords(mass=("atom", mass))


def test_fitted_and_measured_atoms_may_be_others(ds: xr.Dataset) -> None:
    backbone, sides = gd.select(ds, "backbone"), gd.select(ds, "name CB CG")
    frames = ds.positions.values
    found = gd.rmsf(ds, atoms="name CB CG", fit="backbone", reference=3)
    weights = np.zeros(frames.shape[1])
    weights[backbone] = 1
    moved = fitted(frames, frames[3].astype(float), weights)
    np.testing.assert_allclose(found, rmsf_of(moved[:, sides]), rtol=1e-8)
    assert (found.atom_name.isin(["CB", "CG"])).all()
    moved = iterated(frames[:, backbone], np.ones(len(backbone)))
    found = gd.rmsf(ds, atoms="name CA", fit="backbone")
    at = np.searchsorted(backbone, gd.select(ds, "name CA"))
    np.testing.assert_allclose(found, rmsf_of(moved[:, at]), rtol=1e-5)


def test_frames_that_count_otherwise(ds: xr.Dataset) -> None:
    weights = np.zeros(ds.sizes["frame"])
    weights[5:40] = 2
    some = gd.rmsf(ds.isel(frame=slice(5, 40)), atoms="name CA", reference=0)
    found = gd.rmsf(ds, atoms="name CA", reference=5, weights=weights)
    np.testing.assert_allclose(found, some, rtol=1e-10)
    for wrong in (-weights, weights * 0):
        with pytest.raises(ValueError, match="not negative and sum to more than zero"):
            gd.rmsf(ds, weights=wrong)
    with pytest.raises(ValueError, match="weight for each of 98 frames"):
        gd.rmsf(ds, weights=weights[:50])


def test_residues(ds: xr.Dataset) -> None:
    of_atoms = gd.rmsf(ds, atoms="protein", reference=0).compute()
    for weighted in (False, True):
        options = {"atoms": "protein", "reference": 0, "by": "residue"}
        found = gd.rmsf(ds, **options, mass_weighted=weighted).compute()
        factors = gd.bfactors(ds, **options, mass_weighted=weighted).compute()
        each = gd.rmsf(ds, atoms="protein", reference=0, mass_weighted=weighted).compute()
        expected = []
        for residue in np.unique(each.residue):
            at = each.residue == residue
            w = ds.mass.values[at] if weighted else np.ones(int(at.sum()))
            expected.append(np.average(each.values[at] ** 2, weights=w))
        np.testing.assert_allclose(found, np.sqrt(expected), rtol=1e-12)
        np.testing.assert_allclose(factors, 8 / 3 * np.pi**2 * np.array(expected), rtol=1e-12)
    assert found.dims == ("residue",)
    assert found.residue_name[0] == "MET"
    np.testing.assert_array_equal(found.residue, np.unique(of_atoms.residue))
    with pytest.raises(ValueError, match="by='residue' needs residues"):
        gd.rmsf(trajectory(np.random.default_rng(1).normal(size=(3, 5, 3))), by="residue")


def test_b_factors_in_both_units(ds: xr.Dataset) -> None:
    fluctuation = gd.rmsf(ds, atoms="name CA", reference=0)
    factors = gd.bfactors(ds, atoms="name CA", reference=0)
    large = gd.bfactors(ds, atoms="name CA", reference=0, units="angstrom2")
    np.testing.assert_allclose(factors, 8 * np.pi**2 / 3 * fluctuation**2, rtol=1e-14)
    np.testing.assert_allclose(large, 100 * factors, rtol=1e-14)
    assert (factors.attrs["units"], large.attrs["units"]) == ("nm2", "angstrom2")


def test_rounds_end_when_the_average_is_found(
    ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = DCDReader.read

    def spy(self: Any, frames: Any, out: Any, atoms: Any = None) -> None:
        read.append(len(out["positions"]))
        original(self, frames, out, atoms)

    near = ds.isel(frame=slice(0, 10))
    lazy = gd.rmsf(near, atoms="name CA")
    fewer = gd.rmsf(near, atoms="name CA", tolerance=1e-3)
    monkeypatch.setattr(DCDReader, "read", spy)
    passes = []
    for one in (lazy, fewer):
        read.clear()
        one.compute(scheduler="synchronous")
        passes.append(sum(read) / 10)
    assert 2 <= passes[1] < passes[0] < 10


def test_results_of_the_same_rounds_share_them(
    ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_read = 0
    original = DCDReader.read

    def spy(self: Any, frames: Any, out: Any, atoms: Any = None) -> None:
        nonlocal n_read
        n_read += len(out["positions"])
        original(self, frames, out, atoms)

    several = (
        gd.rmsf(ds, atoms="name CA"),
        gd.bfactors(ds, atoms="name CA", by="residue"),
        gd.average_structure(ds, atoms="name CA"),
        gd.rmsd(ds, atoms="name CA"),
    )
    monkeypatch.setattr(DCDReader, "read", spy)
    alone = gd.compute(several[0])
    n_alone, n_read = n_read, 0
    together = gd.compute(*several)
    # The first round is read with what else reads the frames.
    assert n_read == n_alone
    xr.testing.assert_identical(together[0], alone)


def test_an_average_that_is_not_found_is_told(ds: xr.Dataset) -> None:
    with pytest.warns(UserWarning, match=r"last of 2 rounds has moved it by 0\.\d+ nm"):
        gd.rmsf(ds, rounds=2).compute()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gd.rmsf(ds, reference=0).compute()
        gd.rmsf(ds, fit=False).compute()
    for options in ({"rounds": 0}, {"tolerance": -1.0}):
        with pytest.raises(ValueError, match="at least one round"):
            gd.rmsf(ds, **options)


def test_the_average_is_a_structure(ds: xr.Dataset, tmp_path: Path) -> None:
    average = gd.average_structure(ds, atoms="protein", fit="name CA")
    assert average.positions.dims == ("frame", "atom", "xyz")
    expected = gd.rmsd(ds, reference=average, atoms="name CA").compute()
    for suffix in (".pdb", ".gro", ".cnf"):
        path = tmp_path / f"average{suffix}"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "average.*left out: bfactors")
            gd.store(average, path, progress=False)
        np.testing.assert_allclose(
            gd.rmsd(ds, reference=path, atoms="name CA"), expected, rtol=0, atol=1e-3
        )
        written = gd.open_trajectory(path, dtype=np.float64).positions.values[0]
        np.testing.assert_allclose(written, average.positions[0], rtol=0, atol=6e-4)
    lines = [line for line in (tmp_path / "average.pdb").read_text().splitlines() if "ATOM" in line]
    column = [float(line[60:66]) for line in lines]
    factors = gd.bfactors(ds, atoms="protein", fit="name CA", units="angstrom2")
    np.testing.assert_allclose(column, np.minimum(factors, 999.99), rtol=0, atol=0.006)
    # Nothing of an average is nearer to all frames than itself.
    first = gd.rmsd(ds, reference=0, atoms="name CA").values
    assert (expected.values**2).mean() < (first**2).mean()


def test_b_factors_of_any_trajectory_are_written(ds: xr.Dataset, tmp_path: Path) -> None:
    some = ds.isel(frame=slice(0, 2), atom=slice(0, 3))
    values = np.array([0.1234, 20.0, np.nan])
    for units, scale in (("nm2", 1), ("angstrom2", 100)):
        factors = ("atom", scale * values, {"units": units})
        path = tmp_path / f"{units}.pdb"
        gd.store(some.assign(bfactors=factors), path, progress=False)
        column = [line[60:66] for line in path.read_text().splitlines() if "ATOM" in line]
        assert column == [" 12.34", "999.99", "  0.00"] * 2


def test_average_is_a_word_and_a_file_can_have_that_name(
    ds: xr.Dataset, adk: AdK, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = ds.isel(frame=slice(0, 5))
    history = provenance.parse(gd.rmsf(some, atoms="name CA").attrs["provenance"])
    assert history["parameters"]["reference"] == "average"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="average"):
        gd.rmsd(some, reference="average")
    frame = some.isel(frame=slice(0, 1))
    gd.store(frame, tmp_path / "average.pdb", progress=False)
    found = gd.rmsf(some, atoms="name CA", reference="average.pdb")
    np.testing.assert_allclose(found, gd.rmsf(some, atoms="name CA", reference=0), atol=1e-4)
    history = provenance.parse(found.attrs["provenance"])
    assert "content_hash" in history["parameters"]["reference"]
    assert "reference='average.pdb'" in found.attrs["history"]


@pytest.mark.parametrize("lazy", [False, True])
def test_coordinates_that_are_not_finite(ds: xr.Dataset, lazy: bool) -> None:
    broken = ds.isel(frame=slice(0, 20)).compute()
    broken.positions[13, 7, 1] = np.nan
    broken = broken.chunk(frame=6) if lazy else broken
    with pytest.raises(gd.FrameError, match=r"frame 13:.*NaN.*atom 7"):
        gd.rmsf(broken).compute()


def test_mdanalysis(adk: AdK, ds: xr.Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(adk.psf), str(adk.dcd), in_memory=True)
        average = align.iterative_average(
            universe, universe, select="name CA", niter=30, eps=1e-4
        ).results
        reference = average.universe
        align.AlignTraj(universe, reference, select="name CA", in_memory=True).run()
        theirs = rms.RMSF(universe.select_atoms("name CA")).run().results.rmsf / 10
    found = gd.rmsf(ds, atoms="name CA")
    # MDAnalysis' frames are float32.
    np.testing.assert_allclose(found, theirs, rtol=0, atol=2e-5)


def test_mdtraj(adk: AdK, ds: xr.Dataset) -> None:
    mdtraj = pytest.importorskip("mdtraj")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = mdtraj.load_dcd(str(adk.dcd), top=str(adk.psf))
    loaded.center_coordinates()
    theirs = mdtraj.rmsf(loaded, loaded, 0, parallel=False)
    np.testing.assert_allclose(gd.rmsf(ds, reference=0), theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "atoms", "fit"),
    [
        ("rmsf_ca_cog", "name CA and molecule 1", None),
        ("rmsf_ca_gbond", "name CA and molecule 1", None),
        ("rmsf_all_fitca_cog", "molecule 1", "name CA and molecule 1"),
        ("rmsf_ca_nofit_cog", "name CA and molecule 1", False),
    ],
)
def test_gromos(reference: Path, name: str, atoms: str, fit: Any) -> None:
    folder = reference / "analysis" / "pla2"
    ds = gd.open_trajectory(folder / "pla2_solute.trc.gz", folder / "pla2.top", dtype=np.float64)
    target = gd.open_trajectory(
        folder / "pla2_solute_ref.cnf", folder / "pla2.top", dtype=np.float64
    )
    options = {} if fit is False else {"reference": gd.make_whole(target)}
    whole = gd.make_whole(ds)
    if fit is False:
        # gromos++ puts the first atom next to the origin, and the others after it.
        whole = next_to_origin(whole)
    found = gd.rmsf(whole, atoms=atoms, fit=fit, **options)
    theirs = np.loadtxt(folder / f"{name}.out", usecols=1)
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-8)


def next_to_origin(ds: xr.Dataset) -> xr.Dataset:
    edges = np.diagonal(ds.box.values, axis1=1, axis2=2)
    first = ds.positions[:, 0].values
    shift = -np.rint(first / edges) * edges
    return ds.assign(positions=ds.positions + xr.DataArray(shift, dims=("frame", "xyz")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"by": "chain"}, "by: expected atom or residue, got 'chain'"),
        ({"units": "pm2"}, "units: expected nm2 or angstrom2, got 'pm2'"),
        ({"weights": []}, "weights: expected .* got none"),
        ({"weights": [1e308, 1e308]}, "weights: expected finite numbers"),
        ({"weights": [1e-320, 0.0]}, "weights: expected finite numbers"),
    ],
)
def test_what_is_not_known_is_refused(arguments: dict[str, Any], said: str) -> None:
    folder = Path(__file__).parent / "data"
    ds = gd.open_trajectory(folder / "butane.trc", folder / "butane.top").isel(frame=slice(0, 2))
    with pytest.raises(ValueError, match=said):
        gd.bfactors(ds, **arguments)


def test_residues_without_mass() -> None:
    folder = Path(__file__).parent / "data"
    ds = gd.open_trajectory(folder / "butane.trc", folder / "butane.top")
    ds = ds.assign_coords(mass=0 * ds["mass"])
    with pytest.raises(ValueError, match="101 residues have no mass"):
        gd.rmsf(ds, fit=False, by="residue", mass_weighted=True)

"""Contacts, native contacts and distances: brute force, gromos++, MDAnalysis and mdtraj."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from conftest import AdK
from matplotlib.figure import Figure
from numpy.typing import NDArray
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.analysis.groups import sequence_of
from gromos_dist.cli.application import application
from gromos_dist.errors import SelectionError
from gromos_dist.topology.lattice import nearest_images

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def protein(adk: AdK) -> xr.Dataset:
    return gd.open_trajectory(adk.dcd, adk.psf).compute()


@pytest.fixture(scope="module")
def solvated(mdanalysis_data: Path) -> xr.Dataset:
    gro, xtc = mdanalysis_data / "adk_oplsaa.gro", mdanalysis_data / "adk_oplsaa.xtc"
    return gd.open_trajectory(xtc, gro, stop=2).compute()


def least_of_residues(ds: xr.Dataset, frame: int, heavy: bool = True) -> Floats:
    """Return the least distances of the residues of a protein in one frame, without a box."""
    residue = ds.residue.values
    counted = (ds.element.values != "H") | (not heavy)
    atoms = ds.positions.values[frame].astype(float)
    numbers = np.unique(residue)
    parts = [atoms[(residue == number) & counted] for number in numbers]
    return np.array(
        [
            [np.sqrt(((a[:, None] - b) ** 2).sum(axis=-1).min()) for b in parts]
            for a in parts
        ]
    )  # fmt: skip


def apart_in_sequence(n: int, separation: int) -> NDArray[np.bool_]:
    return abs(np.arange(n)[:, None] - np.arange(n)) >= separation


def test_contacts_of_residues_are_those_of_brute_force(protein: xr.Dataset) -> None:
    some = protein.isel(frame=[0, 50, 97])
    events = gd.contacts(some)
    map_ = np.zeros((214, 214))
    for frame in range(3):
        least = least_of_residues(some, frame)
        near = np.triu((least < 0.45) & apart_in_sequence(214, 3))
        own = events.isel(event=events.frame.values == frame)
        i, j = np.nonzero(near)
        assert np.array_equal(own.residue, i + 1)
        assert np.array_equal(own.other_residue, j + 1)
        # The same sums in the same order.
        assert np.array_equal(own.distance, least[i, j])
        x = some.positions.values[frame].astype(float)
        of_atoms = np.linalg.norm(x[own.atom.values] - x[own.other_atom.values], axis=1)
        np.testing.assert_allclose(own.distance, of_atoms, rtol=1e-14)
        assert np.array_equal(some.residue.values[own.atom.values], own.residue)
        map_ += near | near.T
    assert np.array_equal(gd.contact_map(some), map_ / 3)
    assert np.array_equal(gd.n_contacts(some), np.diff(events["first"]))
    attrs = {"by": "residue", "criteria": "closest-heavy", "cutoff": 0.45, "min_separation": 3}
    for result in (events, gd.contact_map(some), gd.n_contacts(some)):
        assert attrs.items() <= result.attrs.items()


def test_criteria_and_cutoff(protein: xr.Dataset) -> None:
    one = protein.isel(frame=[20])
    least = least_of_residues(one, 0, heavy=False)
    expected = np.triu((least < 0.3) & apart_in_sequence(214, 2)).sum()
    assert gd.n_contacts(one, criteria="closest", cutoff=0.3, min_separation=2) == expected
    carbons = one.positions.values[0][one.atom_name.values == "CA"].astype(float)
    distance = np.linalg.norm(carbons[:, None] - carbons, axis=-1)
    expected = np.triu((distance < 0.8) & apart_in_sequence(214, 3)).sum()
    assert gd.n_contacts(one, criteria="ca") == expected
    assert gd.n_contacts(one, criteria="ca").attrs["cutoff"] == 0.8
    assert gd.n_contacts(one, atoms="name CA", by="atom", cutoff=0.8) == expected


def test_contacts_of_two_sets_in_a_box(solvated: xr.Dataset) -> None:
    protein = gd.select(solvated, "protein and heavy")
    water = gd.select(solvated, "water and name OW")
    for frame in range(2):
        x = solvated.positions.values[frame].astype(float)
        box = solvated.box.values[frame]
        near = [
            np.linalg.norm(nearest_images(x[water] - x[atom], box), axis=1) < 0.4
            for atom in protein
        ]
        residue = solvated.residue.values[protein]
        starts = np.flatnonzero(np.diff(residue, prepend=-1))
        expected = np.logical_or.reduceat(near, starts).sum()
        found = gd.n_contacts(solvated, atoms="protein", other="water", cutoff=0.4)
        assert found[frame] == expected
        molecules = gd.contacts(solvated, atoms="protein", other="water", by="molecule", cutoff=0.4)
        own = molecules.isel(event=molecules.frame.values == frame)
        touched = np.any(near, axis=0)
        assert np.array_equal(own.other_molecule, solvated.molecule.values[water[touched]])
        apart = [nearest_images(x[water[touched]] - x[atom], box) for atom in protein]
        least = np.linalg.norm(apart, axis=2).min(axis=0)
        np.testing.assert_allclose(own.distance, least, rtol=0, atol=1e-14)
    straight = gd.n_contacts(solvated, atoms="protein", other="water", cutoff=0.4, periodic=False)
    assert (straight < found).all()
    assert straight.attrs["periodic"] == 0


def test_molecules_are_the_closest_of_their_residues(solvated: xr.Dataset) -> None:
    some = solvated.isel(frame=[0], atom=np.r_[0:400, 3341:3500])
    distances = gd.distance_matrix(some, by="molecule")[0]
    x = some.positions.values[0].astype(float)
    molecule = some.molecule.values
    parts = [x[molecule == number] for number in np.unique(molecule)]
    expected = np.array(
        [
            [
                np.linalg.norm(
                    nearest_images((a[:, None] - b).reshape(-1, 3), some.box.values[0]), axis=1
                ).min()
                for b in parts
            ]
            for a in parts
        ]
    )  # fmt: skip
    np.testing.assert_allclose(distances, expected, rtol=0, atol=1e-14)
    assert np.array_equal(distances.molecule, np.unique(molecule))
    count = np.triu(expected < 0.35, 1).sum()
    found = gd.n_contacts(some, by="molecule", cutoff=0.35, criteria="closest")
    assert found == count > 0


def test_atoms_that_are_chosen_in_every_frame(solvated: xr.Dataset) -> None:
    near = "water and within 0.4 of resid 1-20"
    found = gd.n_contacts(solvated, atoms="resid 1-20 and protein", other=near)
    every = gd.n_contacts(solvated, atoms="resid 1-20 and protein", other="water")
    far = gd.n_contacts(solvated, atoms="resid 1-20 and protein", other=f"water and not ({near})")
    assert (far > 0).all()
    assert np.array_equal(found + far, every)
    from_file = gd.contact_map(solvated, atoms="protein", other=near)
    assert from_file.sizes["residue"] == 214
    assert (from_file.sum("other_residue")[20:] >= 0).all()
    assert np.isclose(from_file.sel(residue=slice(1, 20)).sum(), found.mean())


def test_the_sequence_has_gaps_insertions_and_chains() -> None:
    residue = [1, 1, 2, 8, 8, 8, 9, 1, 2]
    code = ["", "", "", "", "A", "B", "", "", ""]
    chain = ["A"] * 7 + ["B"] * 2
    atoms = xr.Dataset(
        {"positions": (("frame", "atom", "xyz"), np.zeros((1, 9, 3), np.float32))},
        {
            "residue": ("atom", residue),
            "insertion_code": ("atom", code),
            "chain": ("atom", chain),
            "element": ("atom", ["C"] * 9),
        },
    )
    place = sequence_of(atoms)
    assert (np.diff(place)[:6] == [0, 1, 6, 1, 1, 1]).all()
    assert abs(place[7] - place[6]) > 10**6
    assert place[8] - place[7] == 1
    # 8 residues: within A only 1 and 2 are near all others of A; between A and B all count.
    apart = abs(place[:, None] - place) >= 3
    expected = np.triu(apart[1:, 1:]).sum()
    assert gd.n_contacts(atoms) == expected
    assert gd.n_contacts(atoms, min_separation=0) == 8 * 7 / 2
    assert gd.contact_map(atoms).chain.values.tolist() == chain[1:]


def test_the_sequence_of_chosen_atoms_is_that_of_the_file(adk: AdK) -> None:
    whole = gd.n_contacts(gd.open_trajectory(adk.dcd, adk.psf), criteria="ca")
    some = gd.open_trajectory(adk.dcd, adk.psf, atoms="name CA and not resid 11-20")
    left_out = gd.open_trajectory(adk.dcd, adk.psf)
    expected = gd.n_contacts(left_out, atoms="not resid 11-20", criteria="ca")
    assert np.array_equal(gd.n_contacts(some, criteria="ca"), expected)
    assert (expected < whole).all()


@pytest.fixture(scope="module")
def phospholipase(reference: Path) -> xr.Dataset:
    folder = reference / "analysis/pla2"
    return gd.open_trajectory(folder / "pla2_solute.trc.gz", folder / "pla2.top", dtype=float)


CONTACT_NUMBERS = {
    "pla2/contactnum": ("1-10", "20-119", (2, 24), 0),
    "more/pla2/contactnum_exp": ("1-10", "20-119", (6, 12), 0),
    "more/pla2/contactnum_exp_8_10": ("1-10", "20-119", (8, 10), 0),
    # gromos++ counts an atom and itself as 1.
    "more/pla2/contactnum_self": ("1-10", "1-20", (2, 24), 10),
}


@pytest.mark.parametrize("name", CONTACT_NUMBERS)
def test_smooth_numbers_are_those_of_gromos_plus_plus(
    name: str, reference: Path, phospholipase: xr.Dataset
) -> None:
    first, second, exponents, itself = CONTACT_NUMBERS[name]
    path = reference / f"analysis/{name}.out"
    cutoffs = list(map(float, path.read_text().splitlines()[0].split()[2:]))
    expected = np.loadtxt(path)[:, 1:]
    for cutoff, values in zip(cutoffs, expected.T, strict=True):
        found = gd.n_contacts(
            phospholipase,
            atoms=f"molecule 1 and name CA and resid {first}",
            other=f"molecule 1 and name CA and resid {second}",
            by="atom",
            criteria="closest",
            cutoff=cutoff,
            min_separation=0,
            method="smooth",
            exponents=exponents,
        )
        np.testing.assert_allclose(found + itself, values, rtol=0, atol=2e-9)
        assert found.attrs["exponents"] == list(exponents)


def test_smooth_numbers_of_methane_in_water(reference: Path) -> None:
    folder = reference / "analysis/ch4_999spc"
    path = reference / "analysis/more/ch4_999spc/contactnum_ch4_ow.out"
    ds = gd.open_trajectory(folder / "ch4_999spc_20.trc.gz", folder / "ch4_999spc.top", dtype=float)
    for cutoff, values in zip((0.35, 0.55), np.loadtxt(path)[:, 1:].T, strict=True):
        found = gd.n_contacts(
            ds, atoms=[0], other="name OW", by="atom", criteria="closest", cutoff=cutoff,
            min_separation=0, method="smooth", exponents=(12, 24),
        )  # fmt: skip
        np.testing.assert_allclose(found, values, rtol=0, atol=2e-9)


def brute_q(ds: xr.Dataset, reference: int, heavy: bool, separation: int) -> tuple[Any, ...]:
    counted = np.flatnonzero((ds.element.values != "H") | (not heavy))
    x = ds.positions.values[:, counted].astype(float)
    native = np.linalg.norm(x[reference][:, None] - x[reference], axis=-1)
    residue = ds.residue.values[counted]
    apart = abs(residue[:, None] - residue) >= separation
    i, j = np.nonzero(np.triu((native < 0.45) & apart, 1))
    return np.linalg.norm(x[:, i] - x[:, j], axis=-1), native[i, j]


def test_native_contacts_by_their_formulas(protein: xr.Dataset) -> None:
    some = protein.isel(frame=[0, 40, 97])
    r, r0 = brute_q(some, 0, True, 4)
    expected = (1 / (1 + np.exp(50 * (r - 1.8 * r0)))).mean(axis=1)
    found = gd.native_contacts(some)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert found.attrs["native_pairs"] == len(r0)
    hard = gd.native_contacts(some, method="hard")
    assert np.array_equal(hard, (r < 0.45).mean(axis=1))
    assert hard[0] == 1.0
    r, r0 = brute_q(some, 2, False, 0)
    expected = (1 / (1 + np.exp(30 * (r - 1.5 * r0)))).mean(axis=1)
    soft = gd.native_contacts(some, reference=-1, method="soft", beta=30.0, lambda_=1.5)
    np.testing.assert_allclose(soft, expected, rtol=1e-13)
    reference = some.isel(frame=2).positions
    again = gd.native_contacts(some, reference=reference, method="soft", beta=30.0, lambda_=1.5)
    assert np.array_equal(soft, again)


def test_native_contacts_through_the_box(solvated: xr.Dataset) -> None:
    some = solvated.isel(atom=gd.select(solvated, "protein and resid 1-60"))
    expected = gd.native_contacts(some, reference=1)
    moved = some.copy(deep=True)
    rng = np.random.default_rng(1)
    for frame in range(2):
        cells = rng.integers(-1, 2, (some.sizes["atom"], 3))
        moved.positions.values[frame] += (cells @ some.box.values[frame]).astype(np.float32)
    found = gd.native_contacts(moved, reference=1)
    assert found.attrs["native_pairs"] == expected.attrs["native_pairs"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert gd.native_contacts(moved, reference=moved.isel(frame=[1]))[1] == found[1]
    straight = gd.native_contacts(moved, reference=1, periodic=False)
    assert straight.attrs["native_pairs"] < expected.attrs["native_pairs"]


def test_native_contacts_are_those_of_mdanalysis(adk: AdK, protein: xr.Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        contacts = importlib.import_module("MDAnalysis.analysis.contacts")
        universe = MDAnalysis.Universe(adk.psf, adk.dcd)
        acidic = universe.select_atoms("(resname ARG LYS) and (name NH* NZ)")
        basic = universe.select_atoms("(resname ASP GLU) and (name OE* OD*)")
        frames = []
        for _ in universe.trajectory[:5]:
            apart = acidic.positions.astype(float)[:, None] - basic.positions.astype(float)
            frames.append(np.sqrt((apart**2).sum(axis=-1)))
    pairs = frames[0] < 6.0
    expected = [contacts.soft_cut_q(r[pairs], frames[0][pairs]) for r in frames]
    found = gd.native_contacts(
        protein.isel(frame=slice(5)),
        atoms=acidic.indices,
        other=basic.indices,
        method="soft",
        cutoff=0.6,
    )
    # MDAnalysis' coordinates are in Å, float32 here and there.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_residue_contacts_are_those_of_mdtraj(adk: AdK, protein: xr.Dataset) -> None:
    mdtraj = pytest.importorskip("mdtraj")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trajectory = mdtraj.load_dcd(str(adk.dcd), top=str(adk.psf))[:3]
    scheme = "closest-heavy"
    distances, pairs = mdtraj.compute_contacts(trajectory, scheme=scheme, ignore_nonprotein=False)
    i, j = pairs.T
    ours = gd.distance_matrix(protein.isel(frame=slice(3)), by="residue", criteria=scheme)
    np.testing.assert_allclose(ours.values[:, i, j], distances, rtol=0, atol=1e-6)
    keep = np.abs(distances - 0.45).min(axis=0) > 1e-6
    map_ = gd.contact_map(protein.isel(frame=slice(3)))
    expected = (distances < 0.45).mean(axis=0)
    np.testing.assert_allclose(map_.values[i, j][keep], expected[keep])


def test_mean_distances(protein: xr.Dataset) -> None:
    some = protein.isel(frame=slice(0, 98, 3))
    every = gd.distance_matrix(some, atoms="name CA", other="name CB")
    assert every.dims == ("frame", "atom", "other_atom")
    assert every.other_atom_name.values[0] == "CB"
    mean = gd.distance_matrix(some, atoms="name CA", other="name CB", mean=True)
    np.testing.assert_allclose(mean.mean_distance, every.mean("frame"), rtol=1e-13)
    np.testing.assert_allclose(mean.distance_deviation, every.std("frame"), rtol=1e-9, atol=1e-12)
    x = some.positions.values[4].astype(float)
    a, b = (x[some.atom_name.values == name] for name in ("CA", "CB"))
    apart = a[:, None] - b
    expected = np.sqrt((apart[..., 0] ** 2 + apart[..., 1] ** 2) + apart[..., 2] ** 2)
    assert np.array_equal(every[4], expected)


def test_what_makes_no_sense_is_refused(protein: xr.Dataset, solvated: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="by: expected one of atom, residue, molecule"):
        gd.contacts(protein, by="chain")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="criteria: expected one of 'closest-heavy'"):
        gd.contact_map(protein, criteria="near", cutoff=1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="criteria: expected one of"):
        gd.contact_map(protein, criteria="near")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cutoff: expected a distance in nm, got -1"):
        gd.contacts(protein, cutoff=-1)
    with pytest.raises(ValueError, match="min_separation: expected a number of residues, got -1"):
        gd.n_contacts(protein, min_separation=-1)
    with pytest.raises(ValueError, match="exponents: expected 0 < n < m"):
        gd.n_contacts(protein, method="smooth", exponents=(12, 6))
    with pytest.raises(SelectionError, match="atoms: none of the 1685 chosen atoms counts"):
        gd.contacts(protein, atoms="hydrogen")
    with pytest.raises(ValueError, match=r"a matrix of 11302 residues .* is too large"):
        gd.contact_map(solvated, criteria="closest")
    with pytest.raises(SelectionError, match=r"no two of the chosen atoms are less than 0\.1 nm"):
        gd.native_contacts(protein, cutoff=0.1)
    with pytest.raises(ValueError, match="method: expected one of 'best-hummer'"):
        gd.native_contacts(protein, method="q")  # type: ignore[arg-type]
    bare = protein.drop_vars(["residue", "residue_name"])
    with pytest.raises(ValueError, match="min_separation needs residues"):
        gd.contacts(bare, by="atom", criteria="closest")
    with pytest.raises(SelectionError, match="resid"):
        gd.contacts(bare, by="residue", criteria="closest", min_separation=0)


def test_numbers_of_several_chains_stand_beside_a_matrix() -> None:
    numbers = [1, 2, 3, 1, 2, 3]
    occupancy = xr.DataArray(
        np.eye(6),
        {"residue": numbers, "other_residue": numbers},
        ("residue", "other_residue"),
        "contact_map",
    )
    axes = gd.plot.plot_matrix(occupancy, ax=Figure().add_subplot())
    assert [label.get_text() for label in axes.get_xticklabels()] == list("123123")


def test_a_timeline_of_contacts(protein: xr.Dataset) -> None:
    events = gd.contacts(protein, atoms="resid 1-29", other="resid 60-80")
    axes = gd.plot.plot_contacts(events, ax=Figure().add_subplot())
    pairs = np.stack([events.residue, events.other_residue], axis=1)
    named, line = np.unique(pairs, axis=0, return_inverse=True)
    image = np.asarray(axes.images[0].get_array())
    assert image.shape == (min(30, len(named)), 98)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    frames = events.frame.values
    first = [frames[line.ravel() == i] for i in range(len(named))]
    for label, lit in zip(labels, image, strict=True):
        place = next(i for i, of in enumerate(named) if "{} \N{EN DASH} {}".format(*of) == label)
        assert np.array_equal(np.flatnonzero(lit), first[place])
    middles = [np.flatnonzero(lit).mean() for lit in image]
    assert middles == sorted(middles)
    assert axes.get_ylabel() == "Residues"
    with pytest.raises(ValueError, match="there are no contacts to draw"):
        gd.plot.plot_contacts(gd.contacts(protein, cutoff=0.05))


@pytest.mark.parametrize(
    "arguments",
    [
        ["contacts", "--min-separation", "4"],
        ["contact-map", "--by", "residue"],
        ["n-contacts", "--method", "smooth", "--exponents", "6", "12", "--criteria", "ca"],
        ["native-contacts", "--method", "hard", "--lambda", "1.5"],
        ["distance-matrix", "--mean", "--atoms", "name CA"],
        ["distance-matrix", "--atoms", "name CA and resid 1-9"],
    ],
)
def test_commands(arguments: list[str], adk: AdK, tmp_path: Path) -> None:
    name, *given = arguments
    files = [str(tmp_path / f"result{suffix}") for suffix in (".nc", ".csv", ".png")]
    base = [name, str(adk.dcd), "-t", str(adk.psf), "--stop", "5", *given]
    for more in (["-o", files[0], "--plot", files[2]], ["-o", files[1]]):
        result = CliRunner().invoke(application, [*base, *more])
        assert result.exit_code == 0, result.output
    assert all(Path(file).stat().st_size for file in files)

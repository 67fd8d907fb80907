"""Radial distribution functions: brute force over images, gromos++, freud, MDAnalysis."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist.kernels.boxes import octahedron_vectors

WATER = "name OW"
HYDROGEN = "name HW1 or name HW2"


def gromos_plus_plus(path: Path) -> np.ndarray:
    """The two columns that the program printed, below its warning."""
    lines = path.read_text().splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return np.array(rows, np.float64)


def as_gromos_plus_plus(ds: xr.Dataset, density: float = 1.0, **of: Any) -> np.ndarray:
    """Our g in the definition of gromos++.

    The mean of the g of each frame, with the volume of a shell taken as that of its middle, and
    where pairs within molecules are left out, with the density that they belong to.
    """
    frames = [
        gd.rdf(ds.isel(frame=[frame]), **of).rdf.compute() for frame in range(ds.sizes["frame"])
    ]
    edges = np.append(0.0, frames[0].upper_edge.values)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    middles = (edges[1:] + edges[:-1]) / 2
    thin = 4.0 * np.pi * middles**2 * (edges[1] - edges[0])
    return np.asarray(np.mean(frames, axis=0) * shells / thin * density)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("ch4_999spc/rdf_ow_ow", {"atoms": WATER}),
        ("ch4_999spc/rdf_ow_hw", {"atoms": WATER, "other": HYDROGEN, "exclude": None}),
        ("ch4_999spc/rdf_ch4_ow", {"atoms": "molecule 1", "other": WATER}),
        ("more/ch4_999spc/rdf_hw_hw", {"atoms": HYDROGEN, "exclude": None}),
        ("pla2/rdf_ca_ow_5", {"atoms": "molecule 1 and name CA", "other": WATER}),
        ("more/pla2/rdf_ca_ion_ow", {"atoms": "molecule 3", "other": WATER}),
        ("more/pla2/rdf_protein_o_hw", {"atoms": "molecule 1 and name O", "other": HYDROGEN}),
        ("more/pla2/rdf_ca_ca_intra", {"atoms": "molecule 1 and name CA", "exclude": None}),
        (
            "more/pla2/rdf_nointra_ca_o",
            {"atoms": "molecule 1 and name CA", "other": "molecule 2-5"},
        ),
    ],
)
def test_gromos_plus_plus(reference: Path, name: str, of: dict[str, Any]) -> None:
    folder = reference / "analysis"
    expected = gromos_plus_plus(folder / f"{name}.out")
    asked = dict(
        line[1:].split(maxsplit=1)
        for line in (folder / f"{name}.arg").read_text().splitlines()
        if len(line.split()) > 1
    )
    system = name.split("/")[-2]
    ds = gd.open_trajectory(
        folder / system / asked["traj"].strip(),
        folder / system / asked["topo"].strip(),
        dtype=float,
    )
    found = as_gromos_plus_plus(ds, r_max=float(asked["cut"]), bins=int(asked["grid"]), **of)
    # Nine digits are printed.
    np.testing.assert_allclose(found, expected[:, 1], rtol=6e-9, atol=1e-12)


def test_gromos_plus_plus_without_pairs_in_a_molecule(reference: Path) -> None:
    """It leaves out the pairs and keeps the density of all: a factor of 999/1000 here."""
    systems, results = reference / "rerun" / "systems", reference / "analysis" / "more" / "w1000"
    ds = gd.open_trajectory(systems / "w1000.trc.gz", systems / "w1000.top", dtype=float)
    asked = {"atoms": "name OW", "other": HYDROGEN, "r_max": 1.0, "bins": 100}
    for name, exclude, density in (("", None, 1.0), ("_nointra", "molecule", 0.999)):
        expected = gromos_plus_plus(results / f"rdf_ow_hw{name}.out")
        found = as_gromos_plus_plus(ds, density, exclude=exclude, **asked)
        np.testing.assert_allclose(found, expected[:, 1], rtol=6e-9, atol=1e-12)


KINDS = ("rectangular", "triclinic", "truncated octahedron")


def trajectory(seed: int, kind: str, n_frames: int = 3, n_atoms: int = 24) -> xr.Dataset:
    """Molecules of three atoms in random places, each bonded in a row; a box that changes."""
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(2.0, 3.0, (n_frames, 1, 1))
    box = lengths * np.eye(3)
    if kind == "triclinic":
        box = box + np.tril(rng.uniform(-2.0, 2.0, (3, 3)), -1)
    atom = np.arange(n_atoms)
    bonds = np.stack([atom[:-1], atom[1:]], axis=1)[atom[:-1] % 3 < 2]
    return xr.Dataset(
        {
            "positions": (
                *(("frame", "atom", "xyz"), rng.uniform(-5.0, 5.0, (n_frames, n_atoms, 3))),
                {"units": "nm"},
            ),
            "box": (
                *(("frame", "box_vector", "xyz"), box),
                {"units": "nm", "shape": kind},
            ),
            "bonds": (("bond", "pair"), bonds),
        },
        coords={
            "atom_name": ("atom", np.array(["A", "B", "B"] * (n_atoms // 3))),
            "residue_name": ("atom", np.where(atom % 3 == 2, "TWO", "ONE")),
            "residue": ("atom", atom // 3 * 2 + (atom % 3 == 2) + 1),
            "molecule": ("atom", atom // 3 + 1),
        },
    )


def lattice(ds: xr.Dataset, frame: int) -> np.ndarray:
    box = ds.box.values[frame]
    octahedron = ds.box.attrs["shape"] == "truncated octahedron"
    return octahedron_vectors(box) if octahedron else box


def brute_force(
    ds: xr.Dataset, first: Any, second: Any, edges: np.ndarray, exclude: str | None, weights: Any
) -> dict[str, np.ndarray]:
    """All that is said in the docstring, over ordered pairs and 125 images."""
    label = {None: np.arange(ds.sizes["atom"]), "bonded": np.arange(ds.sizes["atom"])}
    label |= {"molecule": ds.molecule.values, "residue": ds.residue.values}
    bonded = np.zeros((ds.sizes["atom"],) * 2, bool)
    bonded[ds.bonds.values[:, 0], ds.bonds.values[:, 1]] = True
    bonded |= bonded.T
    near = bonded | (bonded.astype(int) @ bonded.astype(int) > 0)
    total, expected, atoms, counts = 0.0, 0.0, 0.0, 0
    for frame, weight in enumerate(weights):
        one = np.unique(first[frame])
        other = one if second is None else np.unique(second[frame])
        vectors = lattice(ds, frame)
        x = ds.positions.values[frame]
        d = x[other][None] - x[one][:, None]
        d = d - np.rint(d @ np.linalg.inv(vectors)) @ vectors
        steps = np.array(list(product((-2, -1, 0, 1, 2), repeat=3))) @ vectors
        r = np.linalg.norm(d[..., None, :] + steps, axis=-1).min(axis=-1)
        counted = label[exclude][one][:, None] != label[exclude][other][None]
        if exclude == "bonded":
            counted &= ~near[np.ix_(one, other)]
        place = np.searchsorted(edges, r[counted], side="right") - 1
        place = place[(place >= 0) & (place < len(edges) - 1)]
        found = np.bincount(place, minlength=len(edges) - 1)
        total = total + weight * found
        counts = counts + found
        expected += weight * counted.sum() / abs(np.linalg.det(vectors))
        atoms += weight * len(one)
    shells = 4.0 / 3.0 * np.pi * (edges[1:] ** 3 - edges[:-1] ** 3)
    return {
        "rdf": total / (expected * shells),
        "coordination_number": np.cumsum(total) / atoms,
        "density": np.array(expected / atoms),
        "n_pairs": counts // (2 if second is None else 1),
    }


@given(
    st.integers(0, 2**32),
    st.sampled_from(KINDS),
    st.sampled_from(["molecule", "residue", "bonded", None]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.3]),
)
def test_is_that_of_brute_force(
    seed: int, kind: str, exclude: Any, one_set: bool, weighted: bool, r_min: float
) -> None:
    ds = trajectory(seed, kind)
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.0, 2.0, 3) if weighted else None
    first = rng.choice(24, 16, replace=False)
    second = None if one_set else rng.choice(24, 9)
    found = gd.rdf(
        *(ds, first, second), r_max=0.8, bins=13, r_min=r_min, exclude=exclude, weights=weights
    )
    expected = brute_force(
        *(ds, [first] * 3, None if second is None else [second] * 3),
        *(np.linspace(r_min, 0.8, 14), exclude, np.ones(3) if weights is None else weights),
    )
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-14)
    assert found.n_pairs.dtype == np.int64
    integral = (found.density * found.rdf * shells_of(found)).cumsum()
    np.testing.assert_allclose(found.coordination_number, integral, rtol=1e-12, atol=1e-14)


def shells_of(found: xr.Dataset) -> np.ndarray:
    upper = found.upper_edge.values
    lower = 2.0 * found.distance.values - upper
    return np.asarray(4.0 / 3.0 * np.pi * (upper**3 - lower**3))


def test_atoms_chosen_in_every_frame() -> None:
    """The number of pairs is that of each frame."""
    ds = trajectory(3, "rectangular", n_frames=5, n_atoms=60)
    found = gd.rdf(ds, "name B and within 0.9 of index 0", "name A", r_max=0.9, bins=9)
    first = []
    for frame in range(5):
        x, vectors = ds.positions.values[frame], lattice(ds, frame)
        d = x - x[0]
        d = d - np.rint(d @ np.linalg.inv(vectors)) @ vectors
        first.append(
            np.flatnonzero((np.linalg.norm(d, axis=1) <= 0.9) & (ds.atom_name.values == "B"))
        )
    assert len({len(atoms) for atoms in first}) > 1
    second = [np.flatnonzero(ds.atom_name.values == "A")] * 5
    expected = brute_force(ds, first, second, np.linspace(0, 0.9, 10), "molecule", np.ones(5))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-14)


def test_several_pairs_of_sets_at_once() -> None:
    ds = trajectory(5, "triclinic")
    sets = {"A-A": ("name A", None), "A-B": ("name A", "name B"), "B around 0": ([0], "name B")}
    together = gd.rdf(ds, sets=sets, r_max=0.7, bins=14)
    assert together.rdf.dims == ("set", "distance")
    assert together.set.values.tolist() == list(sets)
    for name, (first, second) in sets.items():
        alone = gd.rdf(ds, first, second, r_max=0.7, bins=14)
        for variable in alone:
            assert alone[variable].identical(
                together[variable].sel(set=name, drop=True).assign_attrs(alone[variable].attrs)
            )


def test_only_the_atoms_needed_are_read(adk: Any) -> None:
    """And what is excluded stays right where atoms between them are not read."""
    ds = gd.open_trajectory(adk.dcd, adk.psf, stop=3)
    box = xr.DataArray(
        np.repeat(12.0 * np.eye(3)[None], 3, axis=0),
        dims=("frame", "box_vector", "xyz"),
        attrs={"units": "nm"},
    )
    ds = ds.assign(box=box)
    for exclude in ("bonded", "residue", None):
        lazy = gd.rdf(ds, "name CA", "name N or name O", r_max=0.5, bins=50, exclude=exclude)
        whole = gd.rdf(
            ds.load(), "name CA", "name N or name O", r_max=0.5, bins=50, exclude=exclude
        )
        xr.testing.assert_equal(lazy.compute(), whole)


def test_freud(mdanalysis_data: Path) -> None:
    """The same in single precision: pairs near an edge fall on its other side."""
    freud = pytest.importorskip("freud")
    ds = water(mdanalysis_data)
    oxygen = gd.select(ds, "name OW")
    theirs = freud.density.RDF(bins=90, r_max=0.9, normalization_mode="finite_size")
    ours = gd.rdf(ds.isel(frame=[0]), oxygen, r_max=0.9, bins=90)
    box = ds.box.values[0]
    cell = freud.box.Box.from_matrix(box.T)
    theirs.compute((cell, cell.wrap(ds.positions.values[0, oxygen])), reset=False)
    changed = theirs.bin_counts.astype(int) - 2 * ours.n_pairs.values
    assert abs(changed).sum() < 1e-4 * theirs.bin_counts.sum()
    np.testing.assert_allclose(ours.rdf, theirs.rdf, rtol=2e-3, atol=1e-6)


def test_mdanalysis(mdanalysis_data: Path) -> None:
    """Its norm has the mean volume, and counts an atom and itself as a pair."""
    mda = pytest.importorskip("MDAnalysis")
    rdf = pytest.importorskip("MDAnalysis.analysis.rdf")
    ds = water(mdanalysis_data)
    universe = mda.Universe(
        str(mdanalysis_data / "adk_oplsaa.gro"), str(mdanalysis_data / "adk_oplsaa.xtc")
    )
    group = universe.select_atoms("name OW")
    theirs = rdf.InterRDF(group, group, nbins=90, range=(0.05, 9.0), norm="rdf")
    theirs.run(stop=2)
    ours = gd.rdf(ds, "name OW", r_min=0.005, r_max=0.9, bins=90)
    counts = np.asarray(theirs.results.count) / 2
    assert abs(counts - ours.n_pairs).sum() < 1e-4 * counts.sum()
    n = len(group)
    box = ds.box.values
    volume = abs(np.linalg.det(box))
    corrected = theirs.results.rdf * n / (n - 1) / (volume.mean() * (1.0 / volume).mean())
    np.testing.assert_allclose(ours.rdf, corrected, rtol=2e-3, atol=1e-6)


def water(folder: Path) -> xr.Dataset:
    return gd.open_trajectory(folder / "adk_oplsaa.xtc", folder / "adk_oplsaa.gro", stop=2).load()


def test_ideal_gas_has_no_structure() -> None:
    """Also in a small system: what cannot be counted is not expected."""
    rng = np.random.default_rng(1)
    n_frames, n_atoms = 400, 30
    ds = trajectory(1, "rectangular", n_frames, n_atoms)
    positions = ds.positions.copy(
        data=rng.uniform(0.0, 1.0, (n_frames, n_atoms, 3)) @ ds.box.values
    )
    for exclude in ("molecule", None):
        found = gd.rdf(ds.assign(positions=positions), r_max=1.0, bins=2, exclude=exclude)
        deviation = 1.0 / np.sqrt(found.n_pairs)
        assert (abs(found.rdf - 1.0) < 4.0 * deviation).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"r_max": 1.6}, "frame 0: distances reach beyond half the shortest vector"),
        ({"r_max": -1.0}, "r_min, r_max"),
        ({"r_min": 0.5, "r_max": 0.5}, "r_min, r_max"),
        ({"bins": 0}, "bins"),
        ({"bins": 2.5}, "bins"),
        ({"exclude": "chain"}, "exclude: expected"),
        ({"atoms": [0, 1, 2]}, "no pair that can be counted"),
        ({"atoms": [4], "other": [4]}, "no pair that can be counted"),
        ({"atoms": "name X"}, "name X"),
        ({"sets": {}}, "sets"),
        ({"sets": {"a": "name A"}}, "expected two selections for 'a'"),
        ({"sets": {"a": ([0], None)}}, "no pair of 'a'"),
        ({"other": "name A", "sets": {"a": ("name A", None)}}, "sets"),
        ({"weights": [1.0]}, "a finite weight for each of 3 frames"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gd.rdf(trajectory(2, "rectangular"), **asked)


def test_what_is_not_known_is_asked_for() -> None:
    ds = trajectory(2, "rectangular")
    with pytest.raises(ValueError, match="needs the box"):
        gd.rdf(ds.drop_vars("box"))
    with pytest.raises(ValueError, match="molecule"):
        gd.rdf(ds.drop_vars("molecule"))
    with pytest.raises(ValueError, match="needs bonds"):
        gd.rdf(ds.drop_vars("bonds"), exclude="bonded")
    box = ds.box.copy(deep=True)
    box[1] = np.nan
    with pytest.raises(gd.FrameError, match="frame 1: there is no box"):
        gd.rdf(ds.assign(box=box), r_max=0.5)
    positions = ds.positions.copy(deep=True)
    positions[2, 7, 0] = np.inf
    with pytest.raises(gd.FrameError, match=r"frame 2: .*\(atom 7\)"):
        gd.rdf(ds.assign(positions=positions), r_max=0.5)

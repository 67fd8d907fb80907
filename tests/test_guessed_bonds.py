"""Bonds guessed from names and distances: those that topology files list."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from MDAnalysisTests import datafiles

import gromos_dist as gd
from gromos_dist.topology import guess_bonds, load_topology
from gromos_dist.topology.lattice import nearest_images, reduced_vectors
from gromos_dist.topology.mdanalysis import topology_of_universe

SKEWED = np.array([[3.0, 0.0, 0.0], [7.4, 3.0, 0.0], [-1.0, 6.4, 2.8]])


def as_set(bonds: np.ndarray) -> set[tuple[int, int]]:
    return set(map(tuple, np.sort(bonds, axis=1).tolist()))


def without_bonds(topology: gd.Topology) -> gd.Topology:
    return dataclasses.replace(topology, bonds=np.empty((0, 2), int))


def topology(names: list[str], elements: list[str], residue_name: str = "LIG",
             residue: list[int] | None = None, bonds: object = ()) -> gd.Topology:  # fmt: skip
    n_atoms = len(names)
    unknown = np.full(n_atoms, np.nan)
    numbers = np.array(residue or [1] * n_atoms)
    return gd.Topology(names, np.full(n_atoms, residue_name), numbers, numbers, elements,
                       unknown, unknown, np.reshape(bonds, (-1, 2)).astype(int))  # fmt: skip


# Files with all bonds, and how many bonds are guessed: proteins of OPLS, CHARMM and AMBER, with
# disulfides (cobrotoxin, lysozyme, a channel), RNA, a carbon nanotube, a drug.
SYSTEMS = {
    "adk, OPLS, TIP4P": ("TPR", "GRO", 25533),
    "adk, CHARMM": ("PSF", "DCD", 3365),
    "adk, NAMD": ("PSF_NAMD_GBIS", "DCD_NAMD_GBIS", 3365),
    "cobrotoxin, disulfides": ("TPR_xvf", "TRR_xvf", 10153),
    "lysozyme, GROMACS": ("TPR2023", None, 2186),
    "amyloid beta": ("TPR460", None, 22950),
    "channel": ("XYZ_psf", "XYZ", 1308),
    "acetylcholinesterase, AMBER": ("PRM", "TRJ_bz2", 259),
    "alanine dipeptides, AMBER": ("PRMpbc", "TRJpbc_bz2", 3387),
    "peptide, AMBER": ("PRMncdf", "NCDF", 1789),
    "ions and water, AMBER": ("PRM_NCBOX", "TRJ_NCBOX", 933),
    "CGenFF": ("PSF_NAMD", "PDB_NAMD", 132),
    "nanotube": ("LAMMPScnt", None, 906),
    "water": ("PSF_TRICLINIC", "DCD_TRICLINIC", 250),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_bonds_of_files(name: str) -> None:
    *files, count = SYSTEMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(*(getattr(datafiles, file) for file in files if file))
        known = topology_of_universe(universe)
        step = universe.trajectory[0]
    box = None if step.dimensions is None else step.triclinic_dimensions / 10
    guessed = guess_bonds(without_bonds(known), step.positions / 10, box)
    # Rigid water: CHARMM and AMBER list the side between the hydrogens, too.
    element = known.element
    between = (element[known.bonds] == "H").all(axis=1)
    assert as_set(guessed.bonds) == as_set(known.bonds[~between])
    assert len(guessed.bonds) == count
    water = np.isin(known.residue_name[known.bonds[between]], ["WAT", "TIP3"])
    assert water.all()
    # All that was known stays as it was.
    assert guess_bonds(known, step.positions / 10, box) is known


@pytest.mark.parametrize("with_positions", [True, False])
def test_rna(with_positions: bool) -> None:
    known = load_topology(datafiles.RNA_PSF)
    positions = gd.open_trajectory(datafiles.RNA_PDB).positions[0].values
    guessed = guess_bonds(without_bonds(known), positions if with_positions else None)
    between = (known.element[known.bonds] == "H").all(axis=1)
    assert as_set(guessed.bonds) == as_set(known.bonds[~between])
    assert guessed.bond_origin == "12239 guessed from the names of residues"


def test_names_alone_do_for_a_protein() -> None:
    known = load_topology(datafiles.PSF)
    guessed = guess_bonds(without_bonds(known))
    assert as_set(guessed.bonds) == as_set(known.bonds)
    assert guessed.n_molecules == 1


def test_lipids_are_connected() -> None:
    known = load_topology(datafiles.GRO_MEMPROT)
    ds = gd.open_trajectory(datafiles.GRO_MEMPROT, known, guess_bonds="auto")
    assert "34334 guessed from distances" in ds.attrs["bonds"]
    sizes = np.unique(ds.molecule, return_counts=True)[1]
    # Two proteins, lipids of 125 and 127 atoms; ions.
    assert set(sizes.tolist()) <= {1, 7, 125, 127, 4407, 4414, 4435, *range(4400, 4440)}
    assert (sizes == 125).sum() == 221
    assert (sizes == 127).sum() == 55


@pytest.mark.parametrize("box", [np.diag([3.0, 4.0, 5.0]), SKEWED], ids=["rectangular", "skewed"])
@pytest.mark.parametrize("seed", range(5))
def test_distances_are_those_of_nearest_images(box: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    xyz = random.random((150, 3)) @ box + random.integers(-3, 4, (150, 3)) @ box
    elements = random.choice(["C", "O", "S", "Fe"], 150).tolist()
    found = guess_bonds(topology(["X"] * 150, elements), xyz, box)
    steps = np.stack(np.meshgrid(*[range(-16, 17)] * 3), -1).reshape(-1, 3) @ box
    steps = steps[np.linalg.norm(steps, axis=1) < 14]
    radius = {"C": 0.076, "O": 0.066, "S": 0.105, "Fe": 0.142}
    near = set()
    for i in range(150):
        inside = nearest_images(xyz[:i] - xyz[i], box)
        for j in range(i):
            distance = np.linalg.norm(inside[j] + steps, axis=1).min()
            if 0.04 < distance < radius[elements[i]] + radius[elements[j]] + 0.045:
                near.add((j, i))
    assert as_set(found.bonds) == near
    assert near


@pytest.mark.parametrize("seed", range(20))
def test_nearest_images_are_the_nearest(seed: int) -> None:
    random = np.random.default_rng(seed)
    box = SKEWED
    while seed and abs(np.linalg.det(box := random.normal(size=(3, 3)) * 3)) < 10:
        pass
    differences = random.uniform(-6, 6, size=(40, 3))
    # Every image that can be nearer than the difference itself, by the heights of the box.
    reach = 10.5
    heights = 1 / np.linalg.norm(np.linalg.inv(box), axis=0)
    counts = np.ceil(2 * reach / heights).astype(int)
    grids = np.meshgrid(*[np.arange(-n, n + 1) for n in counts], indexing="ij")
    lattice = np.stack(grids, -1).reshape(-1, 3) @ box
    norms = np.linalg.norm(lattice, axis=1)
    short = lattice[norms < 2 * reach]
    shortest = norms[norms > 1e-9].min()
    assert np.linalg.norm(reduced_vectors(box)[0]) == pytest.approx(shortest)
    found = nearest_images(differences, box)
    for difference, image in zip(differences, found, strict=True):
        expected = np.linalg.norm(difference + short, axis=1).min()
        assert np.linalg.norm(image) == pytest.approx(min(expected, np.linalg.norm(difference)))
    moved = (found - differences) @ np.linalg.inv(box)
    np.testing.assert_allclose(moved, np.round(moved), atol=1e-8)


def test_a_hydrogen_has_one_bond() -> None:
    # Between two oxygens, as in a short hydrogen bond; to the nearer.
    xyz = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.235, 0, 0], [0.335, 0, 0]])
    found = guess_bonds(topology(["O1", "H1", "O2", "H2"], ["O", "H", "O", "H"]), xyz)
    assert as_set(found.bonds) == {(0, 1), (2, 3)}
    assert found.n_molecules == 1


def test_ions_and_metals() -> None:
    # Zinc between two cysteines' sulfur, a residue of its own; iron in a residue of four nitrogens.
    names, elements = ["S", "ZN", "S"], ["S", "Zn", "S"]
    xyz = np.array([[0.0, 0, 0], [0.23, 0, 0], [0.46, 0, 0]])
    assert not len(guess_bonds(topology(names, elements, residue=[1, 2, 3]), xyz).bonds)
    heme = topology(["FE", "NA", "NB", "NC", "ND", "S"], ["Fe", *"NNNNS"], residue=[1] * 5 + [2])
    around = 0.2 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1]])
    assert as_set(guess_bonds(heme, around).bonds) == {(0, i) for i in range(1, 5)}


def test_a_modified_residue_of_which_the_backbone_is_known() -> None:
    names = ["N", "CA", "C", "O", "CB", "SX"]
    xyz = np.array(
        [
            [0, 0, 0],
            [0.147, 0, 0],
            [0.2, 0.14, 0],
            [0.32, 0.16, 0],
            [0.2, -0.1, 0.1],
            [0.35, -0.1, 0.2],
        ]
    )
    found = guess_bonds(topology(names, ["N", "C", "C", "O", "C", "S"], "OCS"), xyz)
    assert as_set(found.bonds) == {(0, 1), (1, 2), (2, 3), (1, 4), (4, 5)}
    assert found.bond_origin == "3 guessed from the names of residues, 2 guessed from distances"


def test_what_is_known_is_kept() -> None:
    square = np.array([[0.0, 0, 0], [0.15, 0, 0], [0.15, 0.15, 0], [0, 0.15, 0], [3, 3, 3]])
    known = topology(list("ABCDE"), list("CCCCC"), residue=[1, 1, 1, 1, 2], bonds=[[2, 0]])
    found = guess_bonds(known, square)
    np.testing.assert_array_equal(found.bonds[0], [2, 0])
    assert as_set(found.bonds) == {(0, 2), (0, 1), (1, 2), (2, 3), (0, 3)}
    assert found.bond_origin == "1 from the topology, 4 guessed from distances"
    assert found == guess_bonds(found, square)


def test_a_gap_in_the_chain_is_none_of_the_bonds(adk: tuple[Path, Path]) -> None:
    known = load_topology(adk[0])
    xyz = gd.open_trajectory(adk[1], stop=1).positions.values[0].copy()
    behind = known.residue > 100
    xyz[behind] += 1.0
    found = guess_bonds(without_bonds(known), xyz)
    (lost,) = as_set(known.bonds) - as_set(found.bonds)
    assert set(known.atom_name[list(lost)]) == {"C", "N"}
    assert found.n_molecules == 2


def test_a_cyclic_peptide() -> None:
    # Six glycines on a ring, head to tail.
    angle = 2 * np.pi * np.arange(18) / 18
    xyz = 0.43 * np.stack([np.cos(angle), np.sin(angle), np.zeros(18)], axis=1)
    names, residue = ["N", "CA", "C"] * 6, [1 + i // 3 for i in range(18)]
    ring = dataclasses.replace(
        topology(names, ["N", "C", "C"] * 6, "GLY", residue), molecule=np.ones(18, int)
    )
    expected = {(i, i + 1) for i in range(17)} | {(0, 17)}
    assert as_set(guess_bonds(ring, xyz).bonds) == expected


def test_bad_arguments() -> None:
    three = topology(list("ABC"), list("CCC"))
    with pytest.raises(ValueError, match=r"\(3, 3\)"):
        guess_bonds(three, np.zeros((2, 3)))
    with pytest.raises(ValueError, match="not finite"):
        guess_bonds(three, np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="no volume"):
        guess_bonds(three, np.zeros((3, 3)), np.diag([1.0, 1.0, 0.0]))
    with pytest.raises(ValueError, match="'auto' or False"):
        gd.open_trajectory(datafiles.GRO, datafiles.GRO, guess_bonds=True)
    with pytest.raises(ValueError, match="give a topology"):
        gd.open_trajectory(datafiles.XTC, guess_bonds="auto")


def test_bonds_travel_with_the_dataset(tmp_path: Path) -> None:
    ds = gd.open_trajectory(datafiles.GRO, datafiles.GRO, guess_bonds="auto", atoms="name CA")
    # Of the molecules of which atoms are read, all bonds.
    known = load_topology(datafiles.TPR)
    protein = known.bonds[(known.bonds < 3341).all(axis=1)]
    assert as_set(ds.bonds.values) == as_set(protein)
    np.testing.assert_array_equal(known.atom_name[ds.atom_number], "CA")
    assert ds.atom_number.attrs["atoms_in_file"] == 47681
    for name in ("a.zarr", "a.nc"):
        path = gd.store(ds, tmp_path / name)
        engine = (
            {"engine": "h5netcdf"} if path.suffix == ".nc" else {"engine": "zarr", "chunks": {}}
        )
        with xr.open_dataset(path, **engine) as stored:
            assert as_set(stored["bonds"].values) == as_set(protein)
            np.testing.assert_array_equal(stored["atom_number"], ds.atom_number)


def test_a_universe_as_topology() -> None:
    universe = MDAnalysis.Universe(datafiles.TPR, datafiles.XTC)
    of_file = gd.open_trajectory(datafiles.XTC, datafiles.TPR)
    of_universe = gd.open_trajectory(datafiles.XTC, universe)
    taken = gd.from_mdanalysis(universe)
    for ds in (of_universe, taken):
        for name in ("bonds", "molecule", "mass", "charge", "element", "residue", "atom_name"):
            np.testing.assert_array_equal(ds[name], of_file[name])
    some = gd.from_mdanalysis(universe.select_atoms("name CA"))
    np.testing.assert_array_equal(some.atom_number, universe.select_atoms("name CA").indices)
    whole = [gd.make_whole(ds).positions.values for ds in (of_file, of_universe, taken)]
    np.testing.assert_array_equal(whole[0], whole[1])
    np.testing.assert_array_equal(whole[0], whole[2])
    guessed = gd.from_mdanalysis(MDAnalysis.Universe(datafiles.GRO), guess_bonds="auto")
    assert as_set(guessed.bonds.values) == as_set(of_file.bonds.values)


def test_a_tpr_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.tpr"
    with pytest.raises(FileNotFoundError):
        load_topology(path)
    path.write_bytes(b"no run input")
    with pytest.raises(gd.TopologyError, match=r"a\.tpr: MDAnalysis cannot read"):
        load_topology(path)

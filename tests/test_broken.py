"""Molecules that the box has broken are not measured without a word."""

from __future__ import annotations

import itertools
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist.analysis.broken import _frames_of, warn_of_broken_molecules

PROGRAM = Path(sys.executable).with_name("gromos-dist")
SHAPES = {
    "rectangular": np.diag([3.0, 4.0, 5.0]),
    "triclinic": np.array([[3.0, 0.0, 0.0], [1.2, 3.0, 0.0], [-1.0, 1.4, 2.8]]),
    "skewed": np.array([[3.0, 0.0, 0.0], [7.4, 3.0, 0.0], [-1.0, 6.4, 2.8]]),
}
DOORS: dict[str, Callable[[xr.Dataset], object]] = {
    "rmsd": lambda ds: gd.rmsd(ds, atoms="all", reference=0),
    "rmsd without fit": lambda ds: gd.rmsd(ds, fit=False),
    "rmsd_matrix": gd.rmsd_matrix,
    "superpose": gd.superpose,
    "radius_of_gyration": gd.radius_of_gyration,
    "center_of_mass": gd.center_of_mass,
    "center_of_geometry": gd.center_of_geometry,
    "accessor": lambda ds: ds.gromos.rmsd(),
}


def walk(n_atoms: int, seed: int, length: float = 0.15) -> np.ndarray:
    """A chain with bonds of one length."""
    steps = np.random.default_rng(seed).normal(size=(n_atoms, 3))
    return np.cumsum(length * steps / np.linalg.norm(steps, axis=1)[:, None], axis=0)


def into_box(xyz: np.ndarray, box: np.ndarray) -> np.ndarray:
    return xyz - np.floor(xyz @ np.linalg.inv(box)) @ box


def dataset(frames: np.ndarray, box: np.ndarray | None, bonds: np.ndarray | None = None,
            residue: list[int] | None = None) -> xr.Dataset:  # fmt: skip
    """A Dataset of one molecule of carbons, as `open_trajectory` would give it."""
    frames = np.asarray(frames, np.float64)
    n_frames, n_atoms, _ = frames.shape
    coords = {
        "mass": ("atom", np.full(n_atoms, 12.0)),
        "atom_name": ("atom", np.full(n_atoms, "C")),
        "residue_name": ("atom", np.full(n_atoms, "LIG")),
        "residue": ("atom", np.array(residue or [1] * n_atoms)),
        "molecule": ("atom", np.ones(n_atoms, int)),
        "xyz": ["x", "y", "z"],
    }
    if bonds is not None:
        coords["bonds"] = (("bond", "pair"), bonds)
    variables = {"positions": (("frame", "atom", "xyz"), frames, {"units": "nm"})}
    if box is not None:
        boxes = np.broadcast_to(box, (n_frames, 3, 3)).copy()
        variables["box"] = (("frame", "box_vector", "xyz"), boxes, {"units": "nm"})
    return xr.Dataset(variables, coords)


def chain_bonds(n_atoms: int) -> np.ndarray:
    return np.stack([np.arange(n_atoms - 1), np.arange(1, n_atoms)], axis=1)


def says(ds: xr.Dataset, *sets: np.ndarray | None) -> list[str]:
    """What the check says of the atoms in `sets`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_broken_molecules("test", ds, *(sets or (None,)))
    assert all(one.category is gd.BrokenMoleculesWarning for one in caught)
    return [str(one.message) for one in caught]


def is_torn(xyz: np.ndarray, box: np.ndarray, pairs: np.ndarray) -> bool:
    """By brute force: a pair is farther apart than an image of it, and than half the box."""
    lattice = np.array(list(itertools.product(range(-9, 10), repeat=3))) @ box
    lengths = np.linalg.norm(lattice, axis=1)
    half = 0.5 * lengths[lengths > 1e-9].min()
    difference = xyz[pairs[:, 1]] - xyz[pairs[:, 0]]
    nearest = np.linalg.norm(difference[:, None] + lattice, axis=2).min(axis=1)
    length = np.linalg.norm(difference, axis=1)
    return bool(((length > half) & (nearest < length - 1e-3)).any())


@pytest.mark.parametrize("known", ["bonds", "residue", "neighbouring residues"])
@pytest.mark.parametrize("box", SHAPES.values(), ids=SHAPES)
@given(seed=st.integers(0, 1000), n_atoms=st.integers(2, 60), whole=st.booleans())
def test_as_brute_force(box: np.ndarray, known: str, seed: int, n_atoms: int, whole: bool) -> None:
    xyz = walk(n_atoms, seed) + 2.0
    if not whole:
        xyz = into_box(xyz, box)
    bonds = chain_bonds(n_atoms)
    residue = [1 + i // 3 for i in range(n_atoms)] if known == "neighbouring residues" else None
    ds = dataset(xyz[None], box, bonds if known == "bonds" else None, residue)
    assert bool(says(ds)) == is_torn(xyz, box, bonds)
    assert not (whole and says(ds))


@given(seed=st.integers(0, 1000), every=st.integers(2, 5))
def test_atoms_between_which_others_are_not_measured(seed: int, every: int) -> None:
    """Bonds lead from one measured atom to the next; no distance is too long for a whole chain."""
    box, bonds = np.diag([3.2, 4.0, 5.0]), chain_bonds(120)
    chosen = np.arange(0, 120, every)
    xyz = walk(120, seed)
    assert not says(dataset(xyz[None], box, bonds), chosen)
    broken = into_box(xyz, box)
    moved = (broken - xyz)[chosen]
    if every <= 2 and (np.abs(np.diff(moved, axis=0)) > 1).any():
        assert says(dataset(broken[None], box, bonds), chosen)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_every_door_warns_once(door: Callable[[xr.Dataset], object], lazy: bool) -> None:
    box = SHAPES["triclinic"]
    xyz = np.array([walk(40, seed) for seed in range(7)])
    broken = np.array([into_box(frame, box) for frame in xyz])
    ds = dataset(broken, box, chain_bonds(40))
    ds = ds.chunk(frame=2) if lazy else ds
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        door(ds)
    assert [one.category for one in caught] == [gd.BrokenMoleculesWarning]
    assert caught[0].filename == __file__
    assert "gd.make_whole(ds)" in str(caught[0].message)
    whole = gd.make_whole(ds)
    assert whole.attrs["molecules"] == "whole"
    door(whole)
    np.testing.assert_allclose(whole.positions, xyz + whole.positions[:, :1].values - xyz[:, :1])
    # Whoever knows better says so.
    door(ds.assign_attrs(molecules="whole"))


@pytest.mark.parametrize("place", [0, 3, 6])
def test_first_middle_and_last_frame(place: int) -> None:
    box = np.diag([3.0, 3.0, 3.0])
    frames = np.array([walk(40, 1)] * 7)
    frames[place] = into_box(frames[place], box)
    (said,) = says(dataset(frames, box, chain_bonds(40)))
    assert f"in frame {place}, atom" in said


@pytest.mark.parametrize("no_box", [None, np.full((3, 3), np.nan), np.zeros((3, 3))])
def test_without_a_box(no_box: np.ndarray | None) -> None:
    xyz = into_box(walk(40, 1), np.eye(3) * 3)
    assert not says(dataset(xyz[None], no_box, chain_bonds(40)))
    assert says(dataset(xyz[None], np.eye(3) * 3, chain_bonds(40)))


def test_a_box_in_some_frames_only() -> None:
    ds = dataset(np.array([walk(40, 1)] * 3), np.eye(3) * 3, chain_bonds(40))
    ds["positions"][:] = into_box(walk(40, 1), np.eye(3) * 3)
    ds["box"][0] = np.nan
    assert "in frame 1" in says(ds)[0]


def test_what_is_not_one_molecule() -> None:
    box = np.eye(3) * 3
    xyz = np.array([[[0.1, 0, 0], [2.9, 0, 0]]])
    assert says(dataset(xyz, box, residue=[1, 2]))
    # Two residues, and nothing says that they are one molecule; two far apart in the sequence.
    assert not says(dataset(xyz, box, residue=[1, 2]).drop_vars("molecule"))
    assert not says(dataset(xyz, box, residue=[1, 7]))
    ions = dataset(xyz, box, residue=[1, 2]).assign_coords(molecule=("atom", [1, 2]))
    assert not says(ions)
    # Single atoms, none at all, and atoms of which nothing is known.
    assert not says(dataset(xyz, box), np.array([1]))
    assert not says(dataset(xyz[:, :1], box))
    assert not says(dataset(xyz[:0], box))
    assert not says(dataset(xyz, box).drop_vars(["residue", "residue_name", "molecule"]))


def test_molecules_longer_than_the_box() -> None:
    xyz = np.stack([0.15 * np.arange(200), np.zeros(200), np.zeros(200)], axis=1)
    box = np.eye(3) * 3
    for bonds in (chain_bonds(200), None):
        assert not says(dataset(xyz[None], box, bonds))
        assert says(dataset(into_box(xyz, box)[None], box, bonds))
    # Atoms of one residue at its two ends, without bonds, are far apart rightly.
    assert not says(dataset(xyz[None, [0, 12, 199]], box))


def test_a_residue_of_many_molecules() -> None:
    box = np.eye(3) * 3
    random = np.random.default_rng(0)
    atoms = 3 * random.random((1, 200, 3))
    assert not says(dataset(atoms, box))
    water = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [-0.033, 0.094, 0.0]])
    waters = (atoms[:, :, None] + water).reshape(1, -1, 3)
    assert not says(dataset(waters, box))
    assert not says(dataset(waters, box), np.arange(0, 600, 3))
    # Two tails of one lipid, of which one follows the end of the other.
    tail = np.stack([np.zeros(25), np.zeros(25), 0.125 * np.arange(25)], axis=1)
    lipid = np.concatenate([tail, tail + np.array([0.4, 0, 0])])
    large = np.diag([3.0, 3.0, 8.0])
    assert not says(dataset(lipid[None], large))
    assert says(dataset(into_box(lipid + np.array([1, 1, 6]), large)[None], large))


def test_what_cannot_be_told_is_no_error() -> None:
    box = np.eye(3) * 3
    xyz = into_box(walk(40, 1), box)
    ds = dataset(xyz[None], box, chain_bonds(40)).assign_coords(atom_number=("atom", np.arange(40)))
    assert says(ds)
    twice = xr.concat([ds, ds], "atom", data_vars=["positions"], coords="minimal")
    assert twice.sizes["atom"] == 80
    assert not says(twice)
    assert not says(dataset(xyz[None], np.diag([3.0, 3.0, 0.0]), chain_bonds(40)))


def test_a_frame_that_cannot_be_read_is_left_to_the_computation(
    mdanalysis_data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.xtc"
    content = (mdanalysis_data / "adk_oplsaa.xtc").read_bytes()
    path.write_bytes(content)
    ds = gd.open_trajectory(path, mdanalysis_data / "adk_oplsaa.gro")
    path.write_bytes(content[: len(content) * 3 // 4])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gd.BrokenMoleculesWarning)
        result = gd.center_of_geometry(ds, atoms="protein")
    with pytest.raises(gd.TrajectoryError, match=r"a\.xtc"):
        result.compute()


def test_what_was_looked_at_is_not_read_again(
    mdanalysis_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(
        "gromos_dist.analysis.broken._frames_of",
        lambda data: looks.append(1) or _frames_of(data),
    )
    ds = gd.open_trajectory(mdanalysis_data / "adk_oplsaa.xtc", mdanalysis_data / "adk_oplsaa.gro")
    protein = gd.select(ds, "protein")

    def looked_at(data: xr.Dataset, *sets: np.ndarray | None) -> tuple[int, list[str]]:
        looks.clear()
        said = says(data, *sets)
        return len(looks), said

    count, said = looked_at(ds, protein)
    assert count == len(said) == 1
    assert looked_at(ds, protein) == looked_at(ds.assign_attrs(a=1), protein.copy()) == (0, said)
    for other, atoms in (
        (ds, protein[:-1]),
        (ds.isel(frame=slice(1, None)), protein),
        (ds.assign_attrs(molecules="whole"), protein),
        (ds.assign_coords(residue=ds.residue + 1), protein),
        (ds.assign(box=ds.box.assign_attrs(shape="rectangular")), protein),
        (ds.load(), protein),
    ):
        assert looked_at(other, atoms)[0] == 1
    assert looked_at(ds, protein) == (1, said)  # In memory, nothing tells that it is the same.


def test_octahedron() -> None:
    length = 3.0
    xyz = walk(150, 3)
    vectors = gd.kernels.boxes.octahedron_vectors(length * np.eye(3))
    broken = into_box(xyz, vectors)
    for frame, torn in ((xyz, False), (broken, True)):
        ds = dataset(frame[None], length * np.eye(3), chain_bonds(150))
        ds["box"].attrs["shape"] = "truncated octahedron"
        assert bool(says(ds)) == torn


def test_the_reference_is_looked_at(mdanalysis_data: Path) -> None:
    gro, xtc = mdanalysis_data / "adk_oplsaa.gro", mdanalysis_data / "adk_oplsaa.xtc"
    whole = gd.make_whole(gd.open_trajectory(xtc, gro))
    gd.rmsd(whole, atoms="backbone")
    first = gd.open_trajectory(xtc, gro, stop=1)
    with pytest.warns(gd.BrokenMoleculesWarning, match="in the reference, atom"):
        gd.rmsd(whole, atoms="backbone", reference=first)
    with pytest.warns(gd.BrokenMoleculesWarning, match=r"in the reference .*\.xtc, atom"):
        gd.superpose(whole, fit="backbone", reference=xtc)
    gd.rmsd(whole, atoms="backbone", reference=gd.make_whole(first).isel(frame=0))
    gd.rmsd(whole, atoms="backbone", reference=first.positions.values[0])


@pytest.mark.parametrize("selection", ["backbone", "name CA", "protein"])
def test_adk_in_water(mdanalysis_data: Path, selection: str) -> None:
    """The figures that a user of a GRO and an XTC gets, and should get."""
    gro, xtc = mdanalysis_data / "adk_oplsaa.gro", mdanalysis_data / "adk_oplsaa.xtc"
    ds = gd.open_trajectory(xtc, gro)
    with pytest.warns(gd.BrokenMoleculesWarning):
        broken = gd.rmsd(ds, atoms=selection)
    whole = gd.make_whole(ds)
    assert whole.attrs["bonds"] == "25533 guessed from the names of residues"
    assert float(broken.max()) > 2.0
    universe = MDAnalysis.Universe(str(mdanalysis_data / "adk_oplsaa.tpr"), str(xtc))
    atoms = universe.select_atoms("protein")
    frames = []
    for _ in universe.trajectory:
        atoms.unwrap()
        frames.append(atoms.positions / 10)
    protein = np.array(frames)[:, gd.select(ds, selection)]
    expected = gd.kernels.rmsd(protein, gd.kernels.prepare_reference(protein[0].astype(float)))
    np.testing.assert_allclose(gd.rmsd(whole, atoms=selection), expected, atol=1e-5)
    assert float(expected.max()) < 0.25


def test_phospholipase(reference: Path) -> None:
    folder = reference / "analysis" / "pla2"
    ds = gd.open_trajectory(folder / "pla2_solute.trc.gz", folder / "pla2.top")
    backbone = "molecule 1 and backbone"
    with pytest.warns(gd.BrokenMoleculesWarning, match="in frame 0"):
        assert float(gd.rmsd(ds, atoms=backbone).max()) > 1.0
    assert float(gd.rmsd(gd.make_whole(ds), atoms=backbone).max()) < 0.07


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(part) for part in (PROGRAM, *arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_command_line(mdanalysis_data: Path, tmp_path: Path) -> None:
    gro, xtc = mdanalysis_data / "adk_oplsaa.gro", mdanalysis_data / "adk_oplsaa.xtc"
    files = ("rmsd", xtc, "-t", gro, "-a", "backbone", "-o")
    broken = run(*files, tmp_path / "broken.csv")
    assert broken.returncode == 0
    assert broken.stderr.count("Note: rmsd: the periodic box has broken molecules") == 1
    whole = run(*files, tmp_path / "whole.csv", "--whole")
    assert "bonds: 25533 guessed from the names of residues" in whole.stderr
    assert "broken" not in whole.stderr
    highest = [
        np.genfromtxt(tmp_path / name, delimiter=",")[1:, -1].max()
        for name in ("broken.csv", "whole.csv")
    ]
    assert highest[0] > 2.0
    assert highest[1] < 0.25
    # A GRO or PDB names its atoms itself.
    alone = run("rgyr", gro, "--whole", "--no-mass-weighted")
    assert alone.returncode == 0, alone.stderr
    assert "25533 guessed" in alone.stderr
    refused = run("rmsd", xtc, "--whole")
    assert refused.returncode == 2
    assert "--whole: there are no bonds; give a topology" in refused.stderr

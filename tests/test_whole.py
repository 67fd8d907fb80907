"""Molecules that the periodic box has broken are put together again."""

from __future__ import annotations

import dataclasses
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist import kernels
from gromos_dist.topology import load_topology
from gromos_dist.topology.connectivity import links_along_bonds

SHAPES = {
    "rectangular": np.diag([3.0, 4.0, 5.0]),
    "triclinic": np.array([[3.0, 0.0, 0.0], [1.2, 3.0, 0.0], [-1.0, 1.4, 2.8]]),
    "turned": np.array([[0.0, 3.0, 0.1], [2.9, 0.2, -1.0], [0.3, 0.4, 3.3]]),
    # Its vectors are long, its heights small, its shortest lattice vectors 3 nm.
    "skewed": np.array([[3.0, 0.0, 0.0], [7.4, 3.0, 0.0], [-1.0, 6.4, 2.8]]),
}


def chain(n_atoms: int, seed: int, bond: float = 0.15) -> np.ndarray:
    """A long walk with bonds of one length: it leaves any box."""
    steps = np.random.default_rng(seed).normal(size=(n_atoms, 3))
    return np.cumsum(bond * steps / np.linalg.norm(steps, axis=1)[:, None], axis=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("box", SHAPES.values(), ids=SHAPES)
@given(
    seed=st.integers(0, 1000), n_atoms=st.integers(1, 200), bond=st.sampled_from([0.15, 1.0, 1.3])
)
def test_what_was_broken_is_whole(
    box: np.ndarray, dtype: type, seed: int, n_atoms: int, bond: float
) -> None:
    """Up to bonds of half the shortest lattice vector, which is 2.7 nm or more here."""
    expected = chain(n_atoms, seed, bond)
    random = np.random.default_rng(seed)
    broken = expected + random.integers(-2, 3, size=(n_atoms, 3)) @ box
    broken[0] = expected[0]
    # A tree: every atom is bonded to an earlier one; the list in any order and direction.
    bonds = np.stack([np.arange(n_atoms - 1), np.arange(1, n_atoms)], axis=1)
    bonds = random.permuted(random.permutation(bonds), axis=1)
    links = links_along_bonds(bonds, n_atoms)
    whole = kernels.make_whole(broken[None].astype(dtype), box[None], links)
    assert whole.dtype == dtype
    tolerance = 1e-11 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(whole[0], expected, atol=tolerance)


def test_links_lead_from_the_first_atom_of_each_molecule() -> None:
    bonds = np.array([[4, 2], [0, 1], [2, 3], [6, 5]])
    links = links_along_bonds(bonds, 8).tolist()
    assert sorted(links) == [[1, 0], [3, 2], [4, 2], [6, 5]]
    ring = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
    assert len(links_along_bonds(ring, 4)) == 3
    assert links_along_bonds(np.empty((0, 2), np.int64), 3).shape == (0, 2)


@pytest.mark.parametrize("no_box", [np.nan, 0.0])
def test_without_a_box_nothing_moves(no_box: float) -> None:
    positions = chain(5, 0)[None]
    box = np.full((1, 3, 3), no_box)
    np.testing.assert_array_equal(kernels.make_whole(positions, box, [[1, 0]]), positions)


def test_a_box_without_volume() -> None:
    positions = np.zeros((3, 2, 3))
    box = np.stack([np.eye(3), np.eye(3), np.diag([1.0, 1.0, 0.0])])
    with pytest.raises(gd.FrameError, match="frame 2: the box has no volume"):
        kernels.make_whole(positions, box, [[1, 0]])


@pytest.mark.parametrize(
    ("box", "links", "message"),
    [
        (np.eye(3), [[1, 0]], r"\(1, 3, 3\)"),
        (np.eye(3)[None], [[2, 0]], "atoms 0 to 1"),
        (np.eye(3)[None], [1, 0], r"\(n, 2\)"),
    ],
)
def test_bad_arguments(box: np.ndarray, links: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kernels.make_whole(np.zeros((1, 2, 3)), box, links)


@pytest.fixture(scope="module")
def files(mdanalysis_data: Path) -> tuple[Path, Path]:
    return mdanalysis_data / "tip125_tric_C36.dcd", mdanalysis_data / "tip125_tric_C36.psf"


def test_the_same_bits_for_any_chunks(files: tuple[Path, Path]) -> None:
    ds = gd.open_trajectory(*files)
    expected = gd.make_whole(ds.compute(), files[1]).positions.values
    for chunks in (1, 3, 100):
        lazy = gd.make_whole(ds.chunk(frame=chunks), files[1])
        assert lazy.attrs["molecules"] == "whole"
        np.testing.assert_array_equal(lazy.positions.values, expected)
    # The bonds are those of the Dataset, too.
    np.testing.assert_array_equal(gd.make_whole(ds).positions, expected)
    vectors = ds.box.values.astype(float)
    moved = np.linalg.solve(
        vectors.transpose(0, 2, 1), (expected - ds.positions.values).transpose(0, 2, 1)
    )
    np.testing.assert_allclose(moved, np.round(moved), atol=1e-5)


def test_atoms_that_are_left_out(files: tuple[Path, Path]) -> None:
    everything = gd.make_whole(gd.open_trajectory(*files), files[1])
    indices = gd.select(everything, "molecule 1:5")
    named = gd.open_trajectory(*files, atoms="molecule 1:5")
    # With the names of a topology and without, chosen when opening and afterwards.
    for some in (
        named,
        gd.open_trajectory(files[0], atoms=indices),
        gd.open_trajectory(*files).isel(atom=indices),
    ):
        whole = gd.make_whole(some, files[1])
        np.testing.assert_array_equal(whole.positions, everything.positions[:, indices])
    np.testing.assert_array_equal(gd.make_whole(named).positions, whole.positions)
    star = dataclasses.replace(gd.load_topology(files[1]), bonds=[[0, 1], [0, 2]])
    without_oxygen = gd.open_trajectory(files[0], atoms=[1, 2, 5])
    with pytest.raises(ValueError, match="not connected by bonds"):
        gd.make_whole(without_oxygen, star, guess_bonds=False)


def test_guessed_bonds_of_some_atoms(mdanalysis_data: Path) -> None:
    files = mdanalysis_data / "adk_oplsaa.xtc", mdanalysis_data / "adk_oplsaa.gro"
    everything = gd.make_whole(gd.open_trajectory(*files, stop=2))
    some = gd.make_whole(gd.open_trajectory(*files, stop=2, atoms="backbone"))
    np.testing.assert_allclose(gd.rmsd(some), gd.rmsd(everything, atoms="backbone"), atol=1e-5)
    with pytest.raises(ValueError, match="not connected by bonds"):
        gd.make_whole(gd.open_trajectory(*files, stop=2, atoms="name CA"))
    with pytest.raises(ValueError, match="there are no bonds"):
        gd.make_whole(gd.open_trajectory(*files, stop=2), guess_bonds=False)
    with pytest.raises(ValueError, match="there are no bonds"):
        gd.make_whole(gd.open_trajectory(files[0], stop=2))


def test_what_it_needs(files: tuple[Path, Path]) -> None:
    ds = gd.open_trajectory(*files)
    with pytest.raises(ValueError, match="has none"):
        gd.make_whole(ds.drop_vars("box"), files[1])
    twice = xr.concat([ds, ds], "atom", data_vars="all")
    with pytest.raises(ValueError, match="an atom is there twice"):
        gd.make_whole(twice, files[1])
    twice = twice.drop_vars(["atom_number", "bonds"])
    with pytest.raises(gd.TopologyError, match="atoms"):
        gd.make_whole(twice.load(), files[1])


def carbons(n_atoms: int, bonds: object, residue_name: str = "LIG") -> gd.Topology:
    unknown = np.full(n_atoms, np.nan)
    ones = np.ones(n_atoms, np.int64)
    names = np.full(n_atoms, "C")
    return gd.Topology(
        names, np.full(n_atoms, residue_name), ones, ones, names, unknown, unknown, bonds
    )


def in_memory(frames: np.ndarray, box: np.ndarray) -> xr.Dataset:
    boxes = np.broadcast_to(box, (len(frames), 3, 3)).copy()
    return xr.Dataset(
        {
            "positions": (("frame", "atom", "xyz"), frames),
            "box": (("frame", "box_vector", "xyz"), boxes),
        }
    )


def ring(n_atoms: int, radius: float) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n_atoms) / n_atoms
    return radius * np.stack([np.cos(angle), np.sin(angle), 0.3 * np.cos(3 * angle)], axis=1)


@pytest.mark.parametrize("box", SHAPES.values(), ids=SHAPES)
def test_rings_are_closed(box: np.ndarray) -> None:
    """A ring wider than half the box is whole when all its bonds are short."""
    n_atoms = 90
    expected = ring(n_atoms, 2.0)
    broken = expected - np.floor(expected @ np.linalg.inv(box)) @ box
    bonds = np.stack([np.arange(n_atoms), np.roll(np.arange(n_atoms), -1)], axis=1)
    found = gd.make_whole(in_memory(broken[None], box), carbons(n_atoms, bonds))
    assert found.attrs["molecules"] == "whole"
    xyz = found.positions.values[0]
    np.testing.assert_allclose(xyz - xyz[0], expected - expected[0], atol=1e-9)


def test_a_polymer_bonded_to_its_own_image() -> None:
    box = np.eye(3) * 3.0
    polymer = np.stack([0.15 * np.arange(20), np.zeros(20), np.zeros(20)], axis=1)
    other = ring(12, 0.3) + np.array([2.9, 1.5, 1.5])
    other -= 3.0 * np.floor(other / 3.0)
    bonds = np.array(
        [[i, (i + 1) % 20] for i in range(20)] + [[20 + i, 20 + (i + 1) % 12] for i in range(12)]
    )
    ds = in_memory(np.concatenate([polymer, other])[None], box)
    with pytest.warns(gd.BrokenMoleculesWarning, match="1 molecules are bonded to their own"):
        found = gd.make_whole(ds, carbons(32, bonds))
    assert found.attrs["molecules"] == "broken"
    # The rest is whole all the same.
    sizes = np.ptp(found.positions.values[0, 20:], axis=0)
    np.testing.assert_allclose(sizes, np.ptp(ring(12, 0.3), axis=0), atol=1e-9)


@pytest.mark.filterwarnings("ignore:.*a time step of exactly 1:UserWarning")
def test_bonds_longer_than_half_the_box(mdanalysis_data: Path) -> None:
    ds = in_memory(np.array([[[0.0, 0, 0], [1.4, 1.4, 0]]]), np.eye(3) * 3.0)
    message = r"1 bonds are longer than half the box.*atom 0 \(LIG 1 C\) and atom 1.*1\.980 nm"
    with pytest.warns(gd.BrokenMoleculesWarning, match=message):
        assert gd.make_whole(ds, carbons(2, [[0, 1]])).attrs["molecules"] == "broken"
    # Silicon nitride, whose bonds were made for another box than the trajectory has.
    files = mdanalysis_data / "SiN_tric_namd.dcd", mdanalysis_data / "SiN_tric_namd.psf"
    with pytest.warns(gd.BrokenMoleculesWarning, match="bonds are longer than half the box"):
        gd.make_whole(gd.open_trajectory(*files))


def test_atoms_without_bonds_are_units_of_their_own(mdanalysis_data: Path) -> None:
    """Ions stay, the virtual site of a water goes with it, and nothing is refused."""
    gro = mdanalysis_data / "adk_oplsaa.gro"
    tpr = mdanalysis_data / "adk_oplsaa.tpr"
    original = gd.open_trajectory(gro, gro, dtype=float)
    # Each atom on its own: whatever was whole is not.
    random = np.random.default_rng(1)
    box = original.box.values[0].astype(float)
    start = gd.make_whole(original, tpr).positions.values[0]
    broken = original.load().copy()
    broken["positions"] = original.positions + random.integers(-1, 2, start.shape) @ box
    for bonds in (None, tpr, load_topology(gro)):
        whole = gd.make_whole(broken, bonds)
        xyz = whole.positions.values[0]
        assert whole.attrs["molecules"] == "whole"
        ions = original.residue_name.values == "NA+"
        np.testing.assert_array_equal(xyz[ions], broken.positions.values[0, ions])
        _, first, molecule = np.unique(original.molecule, return_index=True, return_inverse=True)
        np.testing.assert_allclose(
            xyz - xyz[first][molecule], start - start[first][molecule], atol=1e-5
        )


def test_neighbours_without_bonds_stay_apart(tmp_path: Path) -> None:
    """Coarse grains whose names look like carbons, of which two are near each other."""
    box = np.eye(3) * 3
    beads = np.array([[2.5 + 0.4 * i, 1.0, 1.0] for i in range(4)])
    pair = np.array([[0.5, 2.0, 2.0], [0.65, 2.0, 2.0]])
    atoms = carbons(6, np.empty((0, 2), int))
    atoms = replace(atoms, residue=np.array([1, 1, 1, 1, 2, 2]))
    for xyz, is_whole in ((beads, True), (beads % 3.0, False)):
        frame = np.concatenate([xyz, pair])
        ds = in_memory(frame[None], box)
        ds = ds.assign_coords(
            {
                name: ("atom", getattr(atoms, name))
                for name in ("atom_name", "residue_name", "residue", "molecule", "element")
            }
        )
        if is_whole:
            assert gd.make_whole(ds).attrs["molecules"] == "whole"
            continue
        with pytest.warns(gd.BrokenMoleculesWarning, match=r"no bonds .* atom 1 .* atom 2 .*TPR"):
            whole = gd.make_whole(ds)
        assert whole.attrs["molecules"] == "broken"
        with pytest.warns(gd.BrokenMoleculesWarning, match="center_of_geometry"):
            gd.center_of_geometry(whole)


@pytest.mark.parametrize("without", [[0], [0, 1]])
def test_bonds_are_guessed_in_a_frame_with_a_box(mdanalysis_data: Path, without: list[int]) -> None:
    gro = mdanalysis_data / "adk_oplsaa.gro"
    ds = gd.open_trajectory(gro, gro).load()
    some = ds.isel(frame=[0, 0, 0])
    some["box"][without] = np.nan
    whole = gd.make_whole(some)
    assert whole.attrs["molecules"] == "whole"
    expected = gd.make_whole(ds)
    assert whole.attrs["bonds"] == expected.attrs["bonds"]
    np.testing.assert_array_equal(whole.positions[2], expected.positions[0])
    np.testing.assert_array_equal(whole.positions[0], ds.positions[0])


def into_octahedron(xyz: np.ndarray, length: float) -> np.ndarray:
    """Move atoms into the octahedron: into the cube, then out of the corners that are cut off."""
    xyz = xyz - length * np.rint(xyz / length)
    outside = np.abs(xyz).sum(axis=1) > 0.75 * length
    return np.where(outside[:, None], xyz - np.copysign(0.5 * length, xyz), xyz)


@pytest.mark.parametrize("name", ["a.trc", "a.trc.gz"])
def test_in_a_truncated_octahedron(tmp_path: Path, name: str) -> None:
    n_frames, n_atoms, length = 4, 150, 3.0
    whole = np.array([chain(n_atoms, seed) for seed in range(n_frames)]).round(9)
    broken = np.array([into_octahedron(frame, length) for frame in whole])
    assert (np.abs(broken - whole).max(axis=(1, 2)) > 1).all()
    text = "".join(
        f"TIMESTEP\n{i:15d}{0.5 * i:15.9f}\nEND\nPOSITIONRED\n"
        + "".join("".join(f"{x:15.9f}" for x in xyz) + "\n" for xyz in frame)
        + "END\nGENBOX\n   -1\n"
        + 2 * f"{length:15.9f}"
        + f"{length:15.9f}\n   90 90 90\n   0 0 0\n   0 0 0\nEND\n"
        for i, frame in enumerate(broken)
    ).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    bonds = np.stack([np.arange(n_atoms - 1), np.arange(1, n_atoms)], axis=1)
    unknown = np.full(n_atoms, np.nan)
    names = np.full(n_atoms, "C")
    ones = np.ones(n_atoms, np.int64)
    topology = gd.Topology(names, names, ones, ones, names, unknown, unknown, bonds)

    ds = gd.open_trajectory(path, dtype=np.float64)
    for trajectory in (ds, ds.chunk(frame=3), ds.compute()):
        found = gd.make_whole(trajectory, topology)
        moved = found.positions.values - found.positions.values[:, :1]
        np.testing.assert_allclose(moved, whole - whole[:, :1], atol=1e-8)
        np.testing.assert_array_equal(found.box, ds.box)

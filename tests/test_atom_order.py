"""Names of atoms that are at hand are compared: references, topologies, files of one trajectory."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from MDAnalysisTests import datafiles

import gromos_dist as gd
from gromos_dist.topology.atom_order import difference

CASES = Path(__file__).parent / "data" / "cases"
A, B = CASES / "order_a.pdb", CASES / "order_b.pdb"
WARNING = (
    "has the trajectory's atoms in another order, and they are matched by their names: atom 0 is "
    "'C1' of UNK 1 in chain A here and 'O1' of UNK 1 in chain A there .7 atoms differ.; .*values"
)


def test_a_reference_in_another_order_is_matched_and_said() -> None:
    ds, other = gd.open_trajectory(A), gd.open_trajectory(B)
    for reference in (B, str(B), other, other.positions, other.load()):
        with pytest.warns(UserWarning, match=WARNING) as said:
            assert float(gd.rmsd(ds, reference=reference)[0]) < 1e-7
        assert said[0].filename == __file__
        with pytest.warns(UserWarning, match=WARNING):
            superposed = gd.superpose(ds, reference=reference)
        np.testing.assert_allclose(superposed.positions, ds.positions, atol=1e-6)
    with pytest.warns(UserWarning, match=WARNING) as said:
        assert float(gd.rmsd_matrix(ds, other)[0, 0]) < 1e-7
    assert said[0].filename == __file__
    # Without names they are taken as they stand: that is the other number.
    assert float(gd.rmsd(ds, reference=other.positions.values)[0]) == pytest.approx(0.442835)


def test_only_the_atoms_used_have_to_be_in_order() -> None:
    ds = gd.open_trajectory(A)
    # C2 is atom 2 in both.
    gd.rmsd(ds, reference=B, atoms="name C2", fit=False)
    with pytest.warns(UserWarning, match="atom 4 is 'C3' of UNK 1"):
        gd.rmsd(ds, reference=B, atoms="name C2 C3", fit=False)


def test_an_order_that_nothing_tells_is_refused() -> None:
    ds = gd.open_trajectory(A)
    names = np.array(["C", "H", "C", "H", "C", "H", "O", "N"])
    twice = ds.assign_coords(atom_name=("atom", names))
    other = twice.isel(atom=[6, 0, 1, 2, 3, 4, 5, 7])
    with pytest.raises(ValueError, match="several have the same name, so nothing tells which"):
        gd.rmsd(twice, reference=other)


def test_other_names_are_said_and_other_residue_numbers_are_not() -> None:
    ds = gd.open_trajectory(A)
    renamed = ds.assign_coords(
        atom_name=("atom", ["CX", *ds.atom_name.values[1:]]), residue=("atom", ds.residue.values)
    )
    with pytest.warns(
        UserWarning,
        match="names atoms otherwise than the trajectory: atom 0 is 'C1' .* and 'CX' .* in their",
    ):
        assert float(gd.rmsd(ds, reference=renamed)[0]) == 0.0
    numbered = ds.assign_coords(
        residue=("atom", ds.residue.values + 20), residue_name=("atom", ["LIG"] * 8)
    )
    assert float(gd.rmsd(ds, reference=numbered)[0]) == 0.0


def test_chains_of_one_sequence_in_another_order() -> None:
    ds = gd.open_trajectory(CASES / "chains.pdb")
    other = ds.isel(atom=[2, 3, 0, 1])
    with pytest.warns(UserWarning, match="'CA' of ALA 10 in chain A here and 'CA' of ALA"):
        assert float(gd.rmsd(ds, reference=other)[0]) < 1e-7


def test_a_part_of_the_atoms_against_a_file_of_all() -> None:
    ds = gd.open_trajectory(A, atoms="name C* O1")
    assert float(gd.rmsd(ds, reference=A)[0]) < 1e-7
    # Atoms are chosen from the file as from the trajectory; then they are others.
    with pytest.warns(UserWarning, match="otherwise than the trajectory: atom 0 is 'C1'"):
        gd.rmsd(ds, reference=B)
    with pytest.warns(UserWarning, match="matched by their names: atom 0 is 'C1'"):
        assert float(gd.rmsd(ds, reference=ds.isel(atom=[3, 0, 1, 2]))[0]) < 1e-7


def test_files_of_one_trajectory_and_their_topology() -> None:
    with pytest.raises(
        ValueError,
        match=r"order_b\.pdb has the atoms of .*order_a\.pdb in another order: atom 0 is 'C1' of",
    ):
        gd.open_trajectory([A, B])
    with pytest.raises(ValueError, match=r"order_b\.pdb has the atoms of .*order_a\.pdb"):
        gd.open_trajectory(B, A)
    topology = gd.load_topology(A)
    with pytest.raises(ValueError, match=r"order_b\.pdb has the atoms of .*order_a\.pdb"):
        gd.open_trajectory(B, topology)
    with pytest.raises(ValueError, match=r"order_b\.pdb has the atoms of the topology"):
        gd.open_trajectory(B, replace(topology, bond_origin="of no file"))
    assert gd.open_trajectory([A, A]).sizes["frame"] == 2


def test_segments_of_many_files_in_another_order(tmp_path: Path) -> None:
    lines = [
        f"ATOM  {i:5d}  CA  ALA    10    {i:8.3f}{0:8.3f}{0:8.3f}  1.00  0.00      {{:<4}} C\n"
        for i in (1, 2)
    ]
    paths = [tmp_path / f"{name}.pdb" for name in ("first", "second", "other")]
    for path, segments in zip(paths, ("AB", "AB", "BA"), strict=True):
        path.write_text("".join(map(str.format, lines, segments)))
    for files in (paths[::2], paths):
        with pytest.raises(ValueError, match=r"other\.pdb has the atoms of .*first\.pdb"):
            gd.open_trajectory(files)


def test_a_topology_with_other_names(tmp_path: Path) -> None:
    path = tmp_path / "renamed.pdb"
    path.write_text(A.read_text().replace(" C1 ", " CX "))
    with pytest.warns(
        UserWarning, match=r"order_a\.pdb names atoms otherwise than .*renamed\.pdb: atom 0 is 'CX'"
    ):
        ds = gd.open_trajectory(A, path)
    assert ds.atom_name.values[0] == "CX"


def test_structures_name_their_own_atoms() -> None:
    ds = gd.open_trajectory(datafiles.GRO)
    topology = gd.load_topology(datafiles.GRO)
    np.testing.assert_array_equal(ds.atom_name, topology.atom_name)
    assert ds.attrs["topology"] == str(datafiles.GRO)
    some = gd.open_trajectory(datafiles.PDB_small, atoms="protein and name CA")
    assert some.sizes["atom"] == 214
    assert "atom_name" not in gd.open_trajectory(datafiles.DCD).coords


def test_positions_are_read_where_names_are_not(tmp_path: Path) -> None:
    path = tmp_path / "no_names.pdb"
    path.write_text("ATOM      1      ALA A   1       1.000   2.000   3.000\n")
    with pytest.warns(UserWarning, match=r"names of atoms are not read: .*line 1"):
        ds = gd.open_trajectory(path)
    np.testing.assert_allclose(ds.positions[0, 0], [0.1, 0.2, 0.3], rtol=1e-6)


def test_atoms_without_names_are_not_compared() -> None:
    names = {"atom_name": np.array(["A", "B"])}
    assert difference(names, {}) is None
    assert difference({"residue": np.array([1, 2])}, {"residue": np.array([2, 1])}) is None
    found = difference(names, {"atom_name": np.array(["B", "A"])})
    assert found is not None
    assert found.places is not None
    assert found.places.tolist() == [1, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = gd.open_trajectory(A)
        gd.rmsd(ds, reference=ds.drop_vars("atom_name"))

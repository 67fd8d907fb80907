"""GROMOS topologies: the reference's, small own ones, and what damaged ones say."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gromos_dist.errors import TopologyError
from gromos_dist.topology import Topology, load_topology
from gromos_dist.topology.gromos import read_solute_atoms
from gromos_dist.topology.gromos_blocks import read_blocks
from gromos_dist.topology.gromos_force_field import read_names, read_physical_constants

DATA = Path(__file__).parent / "data"
DIGLYCINE = (DATA / "diglycine.top").read_text()


def test_diglycine() -> None:
    topology = load_topology(DATA / "diglycine.top")
    assert topology.atom_name.tolist() == ["N", "H", "CA", "C", "O"] * 2
    assert topology.residue_name.tolist() == ["GLY"] * 10
    assert topology.residue.tolist() == [1] * 5 + [2] * 5
    assert topology.molecule.tolist() == [1] * 10
    assert topology.element.tolist() == ["N", "H", "C", "C", "O"] * 2
    assert topology.mass.tolist() == [14.0067, 1.008, 14.027, 12.011, 15.9994] * 2
    assert topology.charge.tolist() == [-0.31, 0.31, 0.0, 0.45, -0.45] * 2
    assert topology.charge_group is not None
    assert topology.charge_group.tolist() == [1, 1, 2, 3, 3, 4, 4, 5, 6, 6]
    assert topology.bonds.tolist() == [
        [0, 1], [5, 6], [0, 2], [2, 3], [3, 4], [3, 5], [5, 7], [7, 8], [8, 9]
    ]  # fmt: skip
    assert topology.solvent is not None
    assert topology.solvent.atom_name.tolist() == ["OW", "HW1", "HW2"]
    assert topology.solvent.charge.tolist() == [-0.82, 0.41, 0.41]
    assert topology.solvent.bonds.tolist() == [[0, 1], [0, 2]]


def test_titles_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.top"
    path.write_text(DIGLYCINE.replace("in SPC", "# 1 in SPC\n\nEND to END\nTITLE"))
    assert read_blocks(path)["TITLE"].lines[1:] == ((4, "END to END"), (5, "TITLE"))
    assert load_topology(path) == load_topology(DATA / "diglycine.top")


def test_exclusions_and_one_four_pairs_go_on_over_lines() -> None:
    blocks = read_blocks(DATA / "diglycine.top")
    solute = read_solute_atoms(blocks["SOLUTEATOM"], 2, 6)
    assert solute.exclusions[:6].tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3], [2, 4]]
    assert [pair for pair in solute.exclusions.tolist() if pair[0] == 5] == [
        [5, 6], [5, 7], [5, 8]
    ]  # fmt: skip
    assert solute.one_four[-2:].tolist() == [[5, 9], [6, 8]]
    assert solute.type_code[:5].tolist() == [2, 6, 4, 3, 1]
    assert read_names(blocks["ATOMTYPENAME"]) == ["O", "N", "C", "CH2", "OW", "H"]
    constants = read_physical_constants(blocks["PHYSICALCONSTANTS"])
    assert constants == (138.9354, 0.0635078, 299792.458, 0.00831441)


def test_only_solvent() -> None:
    topology = load_topology(DATA / "spc.top")
    assert topology.n_atoms == 0
    assert repr(topology) == (
        "Topology: 0 atoms, 0 residues, 0 molecules; 0 solute atoms + 0 solvent molecules of 3"
    )
    assert topology.with_n_atoms(6).molecule.tolist() == [1, 1, 1, 2, 2, 2]


def test_bonds_tell_molecules_when_their_block_is_absent(tmp_path: Path) -> None:
    path = tmp_path / "a.top"
    path.write_text(DIGLYCINE.replace("SOLUTEMOLECULES\n1\n10\nEND\n", ""))
    assert load_topology(path) == load_topology(DATA / "diglycine.top")
    text = path.read_text().replace("BOND\n7", "BOND\n6").replace("4 6 10\n", "")
    path.write_text(text)
    assert load_topology(path).molecule.tolist() == [1] * 5 + [2] * 5


def test_gzip_crlf_and_fortran_exponents_change_nothing(tmp_path: Path) -> None:
    expected = load_topology(DATA / "diglycine.top")
    packed = tmp_path / "a.top.gz"
    packed.write_bytes(gzip.compress(DIGLYCINE.encode()))
    assert load_topology(packed) == expected
    changed = tmp_path / "b.topo"
    changed.write_bytes(
        DIGLYCINE.replace("\n", "\r\n").replace(" 14.027 ", "\t1.4027D+01 ").encode()
    )
    assert load_topology(changed) == expected


def reference_topologies(reference: Path) -> Iterator[Path]:
    for pattern in ("**/*.top", "**/*.topo"):
        yield from reference.glob(pattern)


def test_every_topology_of_the_reference_loads(reference: Path) -> None:
    paths = list(reference_topologies(reference))
    assert len(paths) >= 20
    for path in paths:
        topology = load_topology(path)
        assert "" not in topology.element
        assert topology.mass.min() > 0
        # A system of the reference is neutral; the tables have few digits.
        assert abs(topology.charge.sum()) < 1e-9
        assert topology.charge_group is not None
        groups = topology.charge_group
        assert set(np.diff(groups).tolist()) <= {0, 1}
        # No charge group and no bond reaches into another molecule.
        assert len(set(zip(groups.tolist(), topology.molecule.tolist(), strict=True))) == groups[-1]
        ends = topology.molecule[topology.bonds]
        np.testing.assert_array_equal(ends[:, 0], ends[:, 1])


def test_phospholipase(reference: Path) -> None:
    topology = load_topology(reference / "rerun/systems/pla2.top")
    assert repr(topology.with_n_atoms(21901)) == (
        "Topology: 21901 atoms, 7020 residues, 6902 molecules; "
        "1210 solute atoms + 6897 solvent molecules of 3"
    )
    assert np.bincount(topology.molecule).tolist() == [0, 1190, 17, 1, 1, 1]
    assert topology.element[-3:].tolist() == ["Ca", "Na", "Na"]
    assert topology.residue_name[-3:].tolist() == ["CA2+", "NA+", "NA+"]
    assert len(topology.bonds) == 280 + 953
    heavy = topology.mass[:1190] > 2
    # Every hydrogen has one bond, and it is to a heavy atom.
    counts = np.bincount(topology.bonds.ravel(), minlength=1210)[:1190]
    assert (counts[~heavy] == 1).all()
    assert (topology.element[:1190][~heavy] == "H").all()


def test_phospholipase_equals_the_pdb_file_of_gromos(reference: Path) -> None:
    top = load_topology(reference / "analysis/pla2/pla2.top")
    pdb = load_topology(reference / "analysis/pla2/fo_f1_cog_00001.pdb")
    assert top.atom_name.tolist() == pdb.atom_name.tolist()
    # frameout counts the residues of each molecule from 1, in a chain each.
    np.testing.assert_array_equal(top.molecule, pdb.molecule)
    assert top.n_residues == pdb.n_residues
    assert [name[:4] for name in top.residue_name.tolist()] == pdb.residue_name.tolist()
    assert top.element.tolist() == pdb.element.tolist()
    ours, theirs = (
        {tuple(sorted(pair)) for pair in topology.bonds.tolist()} for topology in (top, pdb)
    )
    assert ours == theirs


def test_water_as_solute(reference: Path) -> None:
    topology = load_topology(reference / "rerun/systems/w1000.top")
    assert (topology.n_atoms, topology.n_molecules, topology.solvent) == (3000, 1000, None)
    np.testing.assert_array_equal(topology.molecule, np.repeat(np.arange(1, 1001), 3))
    assert topology.mass.sum() == pytest.approx(1000 * 18.0154)


def load_text(tmp_path: Path, text: str) -> Topology:
    path = tmp_path / "damaged.top"
    path.write_text(text)
    return load_topology(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (DIGLYCINE, "", "the file is empty"),
        (DIGLYCINE, "[ moleculetype ]\n", "line 1: .*looks like a GROMACS topology"),
        (DIGLYCINE, "%VERSION 1\n", "line 1: .*looks like an AMBER topology"),
        (DIGLYCINE, "1 2 3\n", "line 1: expected the name of a GROMOS block, found '1 2 3'"),
        (DIGLYCINE, "TITLE\nnothing\nEND\n", "no block RESNAME, .*blocks found: TITLE"),
        (DIGLYCINE, DIGLYCINE[:600], "block SOLUTEATOM, line 21: the file ends before .*END"),
        (
            "GLY\nGLY\nEND\n",
            "GLY\nGLY\n",
            "block RESNAME, line 16: expected 2 names, .*is an END missing",
        ),
        ("RESNAME\n2", "RESNAME\n3", "block RESNAME, line 16: expected 3 names, .* found 2"),
        ("RESNAME\n2", "RESNAME\ntwo", "line 17: expected the number of names .*'two'"),
        ("SOLUTEMOLECULES", "RESNAME", "block RESNAME, line 62: .* before, on line 16; keep one"),
        ("\n10\n1 1 N", "\n11\n1 1 N", "line 45: expected the atom number, but the block ends"),
        (
            "\n10\n1 1 N",
            "\n9\n1 1 N",
            "line 37: expected a 1-4 neighbour from 7 to 9, found 10",
        ),
        ("\n10\n1 1 N", "\n999999999999\n1 1 N", "line 45: expected the atom number"),
        ("\n10\n1 1 N", "\n-1\n1 1 N", "line 23: expected the number of solute atoms of at"),
        ("\n3 1 CA", "\n4 1 CA", "line 28: expected the atom number from 3 to 3, found 4"),
        ("\n3 1 CA", "\n3 5 CA", "line 28: expected the residue number from 1 to 2, found 5"),
        ("1 1 N  2", "1 1 N  7", "line 24: expected the atom type from 1 to 6, found 7"),
        ("1 1 N  2 14.0067", "1 1 N  2 -1.0", "line 24: expected a mass of at least 0"),
        ("1 1 N  2 14.0067", "1 1 N  2 heavy", "line 24: expected the mass .*'heavy'"),
        ("1 1 N  2 14.0067", "1 1 N  2 nan", "line 24: expected the mass .*finite.*'nan'"),
        ("9 10 5\n", f"9 10 {10**20}\n", "line 60: expected the bond type of at most 19 digits"),
        ("0  3 2 3 4", f"0  3 2 3 {10**20}", "line 24: expected an excluded atom of at"),
        ("0  3 2 3 4", "0  3 2 3 11", "line 24: expected an excluded atom .* found 11"),
        ("0  3 2 3 4", "0  3 2 3 1", "line 24: expected an excluded atom .* found 1"),
        ("0  3 2 3 4", "0  999999999999 2", "line 26: .*excluded atom from 2 to 10, found 1"),
        ("0  3 2 3 4", "2  3 2 3 4", "line 24: expected the charge group code from 0 to 1"),
        ("-0.450 1  0\n", "-0.450 0  0\n", "the last charge group is not closed"),
        ("BOND\n7", "BOND\n8", "block BOND, line 60: expected an atom of a bond, but the block"),
        ("BOND\n7", "BOND\n999999999999999", "block BOND, line 60: expected an atom"),
        ("BOND\n7", "BOND\n6", "block BOND, line 60: expected END, found '9'"),
        ("9 10 5\n", "9 11 5\n", "block BOND, line 60: expected an atom of a bond from 1 to 10"),
        ("9 10 5\n", "9 9 5\n", "block BOND, line 60: atom 9 is bonded to itself"),
        ("9 10 5\nEND\n", "9 10 5\n", "block BOND, line 61: expected END, found 'SOLUTEMO"),
        ("S\n1\n10", "S\n1\n9", "block SOLUTEMOLECULES, line 62: .*last solute atom, 10; found 9"),
        ("S\n1\n10", "S\n2\n10\n10", "block SOLUTEMOLECULES, line 62: expected last atoms"),
        ("S\n1\n10", "S\n2\n10", "block SOLUTEMOLECULES, line 64: .* but the block ends"),
        ("3 HW2 6", "4 HW2 6", "block SOLVENTATOM, line 70: expected the atom number from 3"),
        ("3 HW2 6", "3 HW2 9", "block SOLVENTATOM, line 70: expected the atom type from 1 to 6"),
        ("\n2 3 0.16", "\n2 4 0.16", "block SOLVENTCONSTR, line 76: expected an atom of a con"),
    ],
)
def test_damage_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert DIGLYCINE.count(old) == 1
    with pytest.raises(TopologyError, match=message) as caught:
        load_text(tmp_path, DIGLYCINE.replace(old, new))
    assert "damaged.top" in str(caught.value)


def test_random_damage_never_gives_another_exception(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    words = DIGLYCINE.replace("\n", " \n ").split(" ")
    strange = [
        "",
        "-1",
        "0",
        "END",
        "1e99",
        "99999999999999999999",
        "X",
        "#",
        "\n",
        "END\n",
        "\x00",
    ]
    damaged = 0
    for _ in range(400):
        broken = list(words)
        for place in random.integers(0, len(words), size=random.integers(1, 4)):
            broken[place] = str(random.choice(strange))
        try:
            load_text(tmp_path, " ".join(broken))
        except TopologyError:
            damaged += 1
    assert damaged > 100

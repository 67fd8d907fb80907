"""The force field of a GROMOS topology: what is read, written, kept, and what damage says."""

from __future__ import annotations

import gzip
import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import dask.base
import numpy as np
import pytest

import gromos_dist as gd
from gromos_dist.errors import TopologyError
from gromos_dist.forces.bonded_terms import bonded_terms
from gromos_dist.forces.settings import ForceSettings
from gromos_dist.topology import ForceField, Topology, load_topology
from gromos_dist.topology.force_field import Terms, pairs_by_lower_atom
from gromos_dist.topology.write import write_topology

DATA = Path(__file__).parent / "data"
BUTANE = (DATA / "butane.top").read_text()


def load_text(tmp_path: Path, text: str) -> Topology:
    path = tmp_path / "changed.top"
    path.write_text(text)
    return load_topology(path)


def field_of(topology: Topology) -> ForceField:
    assert topology.force_field is not None
    return topology.force_field


def changed(field: ForceField, **values: Any) -> ForceField:
    _, arguments = field.__reduce__()
    names = list(ForceField.__dataclass_fields__)
    return ForceField(**{**dict(zip(names, arguments, strict=True)), **values})


def block(name: str, text: str = BUTANE) -> str:
    found = re.search(rf"^{name}\n.*?^END\n", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group()


def test_butane() -> None:
    topology = load_topology(DATA / "butane.top")
    field = field_of(topology)
    assert field.constants == (138.9354, 0.0635078, 299792.458, 0.00831441)
    assert field.constants.coulomb == 138.9354
    assert field.type_name.tolist() == ["CH2", "CH3", "OW", "H"]
    assert field.lj_type.tolist() == [1, 0, 0, 1]
    assert field.lj_types(2).tolist() == [1, 0, 0, 1, 2, 3, 3, 2, 3, 3]
    assert field.c6[0, 1] == field.c6[1, 0] == 8.473481e-03
    assert field.c12[1, 2] == 8.376510e-06
    assert field.cs6[1, 1] == 6.852528e-03
    assert field.cs12[1, 1] == 6.030865e-06
    assert field.exclusion_first.tolist() == [0, 2, 4, 5, 5]
    assert field.exclusion_partner.tolist() == [1, 2, 2, 3, 3]
    assert field.one_four_first.tolist() == [0, 1, 1, 1, 1]
    assert field.one_four_partner.tolist() == [3]
    assert field.charge_group_first.tolist() == [0, 1, 3, 4]
    assert field.bonds.atoms.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert field.bonds.kind.tolist() == [0, 0, 0]
    assert field.bonds.parameters.tolist() == [[7.15e6, 334749.0, 0.153], [1.57e7, 3.14e5, 0.1]]
    assert field.angles.parameters.tolist() == [[520.0, 0.140521, 109.5]]
    assert field.dihedrals.atoms.tolist() == [[0, 1, 2, 3]]
    assert field.dihedrals.parameters.tolist() == [[5.92, 0.0, 3.0]]
    assert field.lj_exception_pairs.tolist() == [[0, 3]]
    assert (field.lj_exception_c6[0], field.lj_exception_c12[0]) == (6e-3, 5e-6)
    assert field.molecule_end.tolist() == field.pressure_group_end.tolist() == [4]
    assert field.solvent_lj_type.tolist() == [2, 3, 3]
    assert field.solvent_constraints.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert field.solvent_constraint_lengths.tolist() == [0.1, 0.1, 0.163299]
    assert repr(field) == (
        "ForceField: 4 van der Waals types, 3 bonds, 2 angles, 0 impropers, 1 dihedrals, "
        "0 cross dihedrals, 5 exclusions, 1 1-4 pairs, 1 Lennard-Jones exceptions"
    )
    dtypes = {name: getattr(field, name).dtype for name in ("lj_type", "c6", "exclusion_first")}
    assert dtypes == {"lj_type": np.int32, "c6": np.float64, "exclusion_first": np.int64}


def test_phospholipase(reference: Path) -> None:
    topology = load_topology(reference / "rerun/systems/pla2.top")
    field = field_of(topology)
    counts = [len(getattr(field, name)) for name in ("bonds", "angles", "impropers", "dihedrals")]
    assert counts == [280 + 953, 513 + 1296, 215 + 417, 53 + 826]
    assert (field.bonds.n_with_hydrogen, field.angles.n_with_hydrogen) == (280, 513)
    np.testing.assert_array_equal(field.bonds.atoms, topology.bonds)
    assert field.pressure_group_end.tolist() == field.molecule_end.tolist()
    assert field.molecule_end.tolist() == [1190, 1207, 1208, 1209, 1210]
    # First neighbours are excluded, third ones are not.
    pairs = topology.to_dataset().exclusions.values
    excluded = {tuple(pair) for pair in pairs.tolist()}
    assert {tuple(sorted(pair)) for pair in topology.bonds.tolist()} <= excluded
    thirds = topology.to_dataset().one_four.values
    assert not excluded & {tuple(pair) for pair in thirds.tolist()}
    assert (pairs[:, 0] < pairs[:, 1]).all()


def test_solvent_costs_nothing() -> None:
    topology = load_topology(DATA / "butane.top")
    many = topology.solvate(10000)
    assert many.force_field is topology.force_field
    assert many != topology
    for solvated in (many, topology.solvate(3).solvate(10000)):
        packed = pickle.dumps(solvated)
        assert len(packed) < 10000
        again = pickle.loads(packed)
        assert again == many
        assert again.n_atoms == 30004


def test_other_formats_have_no_force_field(mdanalysis_data: Path) -> None:
    assert load_topology(mdanalysis_data / "adk.psf").force_field is None
    assert load_topology(DATA / "diglycine.top").force_field is None
    with pytest.raises(ValueError, match="the topology has no force field"):
        write_topology(load_topology(DATA / "diglycine.top"), "never.top")


def test_equal_content_is_equal_and_pickles() -> None:
    field = field_of(load_topology(DATA / "butane.top"))
    again = pickle.loads(pickle.dumps(field))
    assert again == field
    assert hash(again) == hash(field)
    assert not again.c6.flags.writeable
    assert dask.base.tokenize(again) == dask.base.tokenize(field)
    with pytest.raises(ValueError, match="read-only"):
        field.lj_type[0] = 2
    other = changed(field, lj_exception_c6=[7e-3])
    assert other != field
    one, two = (load_topology(DATA / "butane.top") for _ in range(2))
    assert one == two
    assert pickle.loads(pickle.dumps(one)) == one


def test_a_topology_is_another_with_another_force_field(tmp_path: Path) -> None:
    topology = load_topology(DATA / "butane.top")
    assert load_text(tmp_path, BUTANE.replace("7.15e6", "7.25e6")) != topology
    assert load_text(tmp_path, BUTANE.replace("1 4 5.0e-06", "1 3 5.0e-06")) != topology
    assert load_text(tmp_path, BUTANE.replace("5.92 0.0 3", "5.92D0 0 3")) == topology


def test_old_blocks_of_bonds_and_dihedrals(tmp_path: Path) -> None:
    new = field_of(load_topology(DATA / "butane.top"))
    constants = block("PHYSICALCONSTANTS")
    bonds, angles = block("BONDSTRETCHTYPE"), block("BONDANGLEBENDTYPE")
    dihedrals = block("TORSDIHEDRALTYPE")
    quartic = "BONDTYPE\n2\n7.15e6 0.153\n1.57e7 0.1\nEND\n"
    harmonic = "HARMBONDTYPE\n2\n3.34749e5 0.153\n3.14e5 0.1\nEND\n"
    cosine = "BONDANGLETYPE\n1\n520.0 109.5\nEND\n"
    degrees = "HARMBONDANGLETYPE\n1\n0.140521 109.5\nEND\n"
    old = (
        BUTANE.replace(constants, "TOPPHYSCON\n138.9354 0.0635078\nEND\n")
        .replace(bonds, quartic + harmonic)
        .replace(angles, cosine + degrees)
        .replace(dihedrals, "DIHEDRALTYPE\n1\n5.92 1.0 3\nEND\n")
    )
    assert field_of(load_text(tmp_path, old)) == new
    minus = field_of(load_text(tmp_path, old.replace("5.92 1.0", "5.92 -1.0")))
    assert minus.dihedrals.parameters.tolist() == [[5.92, 180.0, 3.0]]

    only_quartic = field_of(load_text(tmp_path, BUTANE.replace(bonds, quartic)))
    expected = [2 * 7.15e6 * 0.153**2, 2 * 1.57e7 * 0.1**2]
    np.testing.assert_allclose(only_quartic.bonds.parameters[:, 1], expected, rtol=1e-15)
    only_harmonic = field_of(load_text(tmp_path, BUTANE.replace(bonds, harmonic)))
    expected = [334749 / (2 * 0.153**2), 3.14e5 / (2 * 0.1**2)]
    np.testing.assert_allclose(only_harmonic.bonds.parameters[:, 0], expected, rtol=1e-15)

    for text, form, other in ((cosine, "cosine", "harmonic"), (degrees, "harmonic", "cosine")):
        topology = load_text(tmp_path, BUTANE.replace(angles, text))
        field = field_of(topology)
        good = ForceSettings("vacuum", angle_form=form)  # type: ignore[arg-type]
        assert len(bonded_terms(field, good)[1].atoms) == 2
        with pytest.raises(ValueError, match=f"no parameters for the form '{other} angle'"):
            bonded_terms(field, ForceSettings("vacuum", angle_form=other))  # type: ignore[arg-type]
        write_topology(topology, tmp_path / "one_form.top", overwrite=True)
        assert load_topology(tmp_path / "one_form.top") == topology


def test_unknown_blocks_are_kept_and_named_once(tmp_path: Path) -> None:
    extra = "VIRTUALGRAIN\n# nothing\n1 2\n3\nEND\nBONDDP\n0\nEND\nCONSTRAINT\n0\nEND\n"
    with pytest.warns(UserWarning, match="VIRTUALGRAIN, BONDDP; forces that") as caught:
        topology = load_text(tmp_path, BUTANE + extra)
    assert len(caught) == 1
    field = field_of(topology)
    assert field.other_blocks == (
        ("VIRTUALGRAIN", ("1 2", "3")),
        ("BONDDP", ("0",)),
        ("CONSTRAINT", ("0",)),
    )
    assert repr(field).endswith("; not used: VIRTUALGRAIN, BONDDP, CONSTRAINT")
    write_topology(topology, tmp_path / "kept.top")
    with pytest.warns(UserWarning, match="VIRTUALGRAIN, BONDDP"):
        assert load_topology(tmp_path / "kept.top") == topology


def test_groups_default_to_molecules(tmp_path: Path) -> None:
    text = BUTANE.replace(block("TEMPERATUREGROUPS"), "").replace(block("PRESSUREGROUPS"), "")
    text = text.replace(block("SOLUTEMOLECULES"), "").replace(block("LJEXCEPTIONS"), "")
    field = field_of(load_text(tmp_path, text))
    assert field.molecule_end.tolist() == field.temperature_group_end.tolist() == [4]
    assert len(field.lj_exception_c6) == 0
    apart = field_of(
        load_text(
            tmp_path,
            text.replace("BOND\n3\n", "BOND\n2\n").replace(
                "2 3 1\n3 4 1\nEND\nBONDANGLEB", "3 4 1\nEND\nBONDANGLEB"
            ),
        )
    )
    assert apart.pressure_group_end.tolist() == [2, 4]
    # Molecules that are not one after the other make a single group.
    mixed = load_text(tmp_path, text.replace("1 2 1\n2 3 1\n3 4 1\n", "1 3 1\n2 4 1\n1 3 2\n"))
    assert mixed.molecule.tolist() == [1, 2, 1, 2]
    assert field_of(mixed).pressure_group_end.tolist() == [4]
    write_topology(mixed, tmp_path / "mixed.top")
    assert load_topology(tmp_path / "mixed.top") == mixed


def test_dataset() -> None:
    dataset = load_topology(DATA / "butane.top").solvate(2).to_dataset()
    assert dataset.lj_type.values.tolist() == [1, 0, 0, 1, 2, 3, 3, 2, 3, 3]
    assert dataset.angles.values.tolist() == [[0, 1, 2], [1, 2, 3]]
    assert dataset.dihedrals.values.tolist() == [[0, 1, 2, 3]]
    assert dataset.exclusions.values.tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    assert dataset.one_four.values.tolist() == [[0, 3]]
    assert dataset.c6.attrs["units"] == "kJ mol-1 nm6"
    assert dataset.c12.sel(lj_type_1=1, lj_type_2=2) == 8.376510e-06
    assert dataset.lj_name.values.tolist() == ["CH2", "CH3", "OW", "H"]
    assert len(dataset.bonds) == 3 + 4
    assert "lj_type" not in load_topology(DATA / "diglycine.top").to_dataset().coords


@pytest.mark.parametrize("suffix", [".top", ".topo", ".top.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    topology = load_topology(DATA / "butane.top")
    path = tmp_path / f"copy{suffix}"
    gd.write_topology(topology.solvate(5), path, title="five waters\nEND of title")
    assert load_topology(path) == topology
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        gd.write_topology(topology, path)
    text = gzip.decompress(path.read_bytes()) if suffix == ".top.gz" else path.read_bytes()
    assert text.startswith(b"TITLE\nfive waters\n END of title\nEND\n")
    gd.write_topology(topology, path, overwrite=True)
    assert load_topology(path) == topology
    with pytest.raises(FileExistsError, match="is a folder"):
        gd.write_topology(topology, tmp_path, overwrite=True)


def test_every_topology_of_the_reference_is_written(reference: Path, tmp_path: Path) -> None:
    paths = [*reference.glob("**/*.top"), *reference.glob("**/*.topo")]
    for i, path in enumerate(paths):
        topology = load_topology(path)
        field = field_of(topology)
        assert field.other_blocks == ()
        write_topology(topology, tmp_path / f"{i}.top")
        assert load_topology(tmp_path / f"{i}.top") == topology
    assert len(paths) >= 20


def test_a_topology_that_contradicts_its_force_field_is_not_written(tmp_path: Path) -> None:
    topology = load_topology(DATA / "butane.top")
    _, arguments = topology.__reduce__()
    values = dict(zip(Topology.__dataclass_fields__, arguments, strict=True))
    assert Topology(**values) == topology
    other = Topology(**{**values, "bonds": [[0, 1]], "residue_name": ["HEX"] * 4})
    with pytest.raises(ValueError, match="residues, bonds are not those of its force field"):
        write_topology(other, tmp_path / "never.top")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="expected 0 atoms of a solvent molecule, got 3"):
        Topology(**{**values, "solvent": None})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (block("PHYSICALCONSTANTS"), "", "no block PHYSICALCONSTANTS or TOPPHYSCON"),
        (block("ATOMTYPENAME"), "", "no block ATOMTYPENAME"),
        (
            block("BONDSTRETCHTYPE"),
            "",
            "block BOND, line 40: bond type 1 is missing: there is no block BONDSTRETCHTYPE or",
        ),
        (
            "3 4 1\nEND\nBONDANGLEB",
            "3 4 3\nEND\nBONDANGLEB",
            "block BOND, line 48: bond type 3 is missing: BONDSTRETCHTYPE has 2",
        ),
        ("2 3 4 1\nEND\nIMP", "2 3 4 2\nEND\nIMP", "line 61: angle type 2 is missing"),
        ("2 3 4 1\nEND\nIMP", "2 3 5 1\nEND\nIMP", "line 61: expected an atom of an angle from 1"),
        ("2 3 4 1\nEND\nIMP", "2 3 2 1\nEND\nIMP", "line 61: atom 2 is twice in an angle"),
        ("1 2 3 4 1\nEND\nCR", "1 2 2 4 1\nEND\nCR", "line 82: atom 2 is twice in a dihedral"),
        ("1 2 3 4 1\nEND\nCR", "1 2 3 4 0\nEND\nCR", "the dihedral type of at least 1, found 0"),
        ("DIHEDRAL\n1\n1", "DIHEDRAL\n2\n1", "line 82: expected an atom of a dihedral, but"),
        ("7.15e6 3", "-7.15e6 3", "block BONDSTRETCHTYPE, line 35: type 1 has a negative force"),
        ("3.34749e5 0.153", "3.34749e5 short", "line 38: expected the value of a type .*'short'"),
        ("BENDTYPE\n1\n", "BENDTYPE\n2\n", "line 53: expected the first force constant of a t"),
        ("5.92 0.0 3", "5.92 0.0 2.5", "expected the multiplicity of type 1 to be an integer"),
        (
            block("TORSDIHEDRALTYPE"),
            "DIHEDRALTYPE\n1\n5.92 180.0 3\nEND\n",
            "expected the cosine of the phase of type 1 to be 1 or -1, found 180",
        ),
        (
            block("TORSDIHEDRALTYPE"),
            block("TORSDIHEDRALTYPE") + "DIHEDRALTYPE\n1\n5.92 1 3\nEND\n",
            "block DIHEDRALTYPE, .*: there is a block TORSDIHEDRALTYPE too; keep one",
        ),
        (
            block("BONDSTRETCHTYPE"),
            block("BONDSTRETCHTYPE") + "BONDTYPE\n0\nEND\n",
            "block BONDTYPE, .*: there is a block BONDSTRETCHTYPE too; keep one",
        ),
        (
            block("BONDSTRETCHTYPE"),
            "BONDTYPE\n1\n7e6 0.1\nEND\nHARMBONDTYPE\n1\n7e6 0.11\nEND\n",
            "block HARMBONDTYPE, .*: its types differ in number or in value",
        ),
        ("METERS\n10\n", "METERS\n9\n", "line 91: expected 10 pairs of the 4 types in .* found 9"),
        ("3 4 0 0 0 0", "3 5 0 0 0 0", "expected atom types from 1 to 4 in row 9, found 3 5"),
        ("3 4 0 0 0 0", "2.5 4 0 0 0 0", "expected atom types from 1 to 4 in row 9, found 2.5 4"),
        ("3 4 0 0 0 0", "2 4 0 0 0 0", "the pair of types 3 and 4 is missing, another"),
        ("3 4 0 0 0 0", "3 4 0 0 0", "expected CS6, but the block ends here"),
        ("3 4 0 0 0 0", "3 4 0 0 0 nan", "line 101: expected CS6 .*finite"),
        ("1 4 5.0e-06", "1 5 5.0e-06", "line 107: expected an atom of an exception from 1 to 4"),
        ("1 4 5.0e-06", "4 4 5.0e-06", "line 107: atom 4 is an exception with itself"),
        (
            "EXCEPTIONS\n1\n",
            "EXCEPTIONS\n2\n4 1 0 0\n",
            "line 108: the pair 1 4 is there twice",
        ),
        ("PRESSUREGROUPS\n1\n4", "PRESSUREGROUPS\n1\n3", "block PRESSUREGROUPS, line 117: expect"),
        ("BONDH\n0", "BONDH\n999999999999999", "block BONDH, line 42: expected an atom of a bond"),
        ("LJPARAMETERS\n10\n", "LJPARAMETERS\n-1\n", "pairs of atom types of at least 0"),
    ],
)
def test_damage_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert BUTANE.count(old) == 1
    with pytest.raises(TopologyError, match=message) as caught:
        load_text(tmp_path, BUTANE.replace(old, new))
    assert "changed.top" in str(caught.value)


def test_random_damage_never_gives_another_exception(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    words = BUTANE.replace("\n", " \n ").split(" ")
    strange = ["", "-1", "0", "END", "1e99", "9" * 20, "X", "#", "\n", "END\n", "\x00", "2", "1e3"]
    damaged = 0
    for _ in range(300):
        broken = list(words)
        for place in random.integers(0, len(words), size=random.integers(1, 4)):
            broken[place] = str(random.choice(strange))
        text = " ".join(broken)
        try:
            with warnings.catch_warnings():
                # A block that nobody knows is not damage.
                warnings.filterwarnings("ignore", message=".*kept but not used")
                load_text(tmp_path, text)
        except TopologyError:
            damaged += 1
    assert damaged > 80


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    field = field_of(load_topology(DATA / "butane.top"))
    bonds = field.bonds
    for message, values in {
        "c6: expected a symmetric matrix": {"c6": np.arange(16.0).reshape(4, 4)},
        "lj_type: expected 0 to 3, got 0 to 4": {"lj_type": [0, 1, 2, 4]},
        "solvent_lj_type: expected 0 to 3": {"solvent_lj_type": [-1, 0, 0]},
        "exclusion_first: expected 5 numbers": {"exclusion_first": [0, 5]},
        "exclusion_partner: expected atoms greater": {"exclusion_partner": [2, 1, 2, 3, 3]},
        "one_four_partner: expected 0 to 3": {"one_four_partner": [4]},
        "bonds: expected 0 to 3": {
            "bonds": Terms(bonds.atoms + 1, bonds.kind, bonds.parameters, 0)
        },
        r"bonds: expected \(2, 3\) atoms and parameters, got \(3, 3\)": {"bonds": field.angles},
        "charge_group_first: expected to rise from 0 to 4": {"charge_group_first": [0, 2, 2, 4]},
        "molecule_end: expected to rise to 4": {"molecule_end": [3]},
        "lj_exception_pairs: expected shape": {"lj_exception_pairs": [[0, 3], [0, 2]]},
        "expected the lower atom of each pair first": {"lj_exception_pairs": [[3, 0]]},
        "solvent_constraints: expected 0 to 2": {"solvent_constraints": [[0, 1], [0, 2], [1, 3]]},
    }.items():
        with pytest.raises(ValueError, match=message):
            changed(field, **values)
    for message, arguments in {
        "kind: expected 0 to 1, got 0 to 2": (bonds.atoms, [0, 1, 2], bonds.parameters, 0),
        "n_with_hydrogen: expected 0 to 3, got 4": (bonds.atoms, bonds.kind, bonds.parameters, 4),
        "expected atoms .*, kind": (bonds.atoms, [0, 0], bonds.parameters, 0),
    }.items():
        with pytest.raises(ValueError, match=message):
            Terms(*arguments)  # type: ignore[arg-type]
    with pytest.raises(OverflowError, match="do not fit into int32"):
        changed(field, lj_type=[0, 1, 2, 2**32])


def test_pairs_are_sorted_and_there_once() -> None:
    first, partner = pairs_by_lower_atom(np.array([[1, 3], [0, 2], [0, 1], [0, 2]]), 4)
    assert first.tolist() == [0, 2, 3, 3, 3]
    assert partner.tolist() == [1, 2, 3]


def test_constrained_and_switched_off_terms_are_left_out(reference: Path) -> None:
    field = field_of(load_topology(reference / "rerun/systems/pla2.top"))

    def counts(**values: Any) -> list[int]:
        lists = bonded_terms(field, ForceSettings("rectangular", **values))
        return [len(terms.atoms) for terms in lists]

    assert counts() == [1233, 1809, 632, 879, 0]
    assert counts(constrained_bonds="hydrogen") == [953, 1809, 632, 879, 0]
    assert counts(constrained_bonds="all") == [0, 1809, 632, 879, 0]
    off = dict.fromkeys(("bonds", "angles", "impropers", "dihedrals"), False)
    assert counts(**off) == [0, 0, 0, 0, 0]
    assert counts(bond_form="harmonic", angle_form="harmonic", phases="0 or 180")[0] == 1233


def test_phases_are_limited_where_the_settings_say_so(tmp_path: Path) -> None:
    field = field_of(load_text(tmp_path, BUTANE.replace("5.92 0.0 3", "5.92 60.0 3")))
    assert bonded_terms(field, ForceSettings("vacuum"))[3].parameters[0, 1] == np.deg2rad(60)
    with pytest.raises(ValueError, match="a dihedral has a phase of 60 degrees"):
        bonded_terms(field, ForceSettings("vacuum", phases="0 or 180"))

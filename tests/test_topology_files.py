"""PDB, GRO and PSF files against MDAnalysis, and what damaged ones say."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gromos_dist as gd
from gromos_dist.errors import TopologyError
from gromos_dist.topology import Topology, load_topology
from gromos_dist.topology.elements import (
    MASSES,
    element_of_columns,
    element_of_mass,
    element_of_name,
    elements_of_columns,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import MDAnalysis
    import MDAnalysisTests
    from MDAnalysis.guesser import tables

CASES = Path(__file__).parent / "data" / "cases"
DATA = Path(MDAnalysisTests.__file__).parent / "data"

PSF = (
    "adk.psf",
    "adk_notop.psf",
    "adk_closed_NAMD.psf",
    "SiN_tric_namd.psf",
    "1a2c_ins_code.psf",
    "2r9r-1b.psf",
    "namd_cgenff.psf",
    "nosegid.psf",
    "parmed_ala3.psf",
    "tip125_tric_C36.psf",
    "trz_psf.psf",
    "watdyn.psf",
    "analysis/1k5i_c36.psf.gz",
)
GRO = (
    "adk_oplsaa.gro",
    "analysis/YiiP_lipids.gro.gz",
    "argon_npt_compressed.gro.gz",
    "capping/aaqaa.gro",
    "dppc_vesicle_hg.gro",
    "grovels.gro",
    "huge_box.gro",
    "martini_dppc_chol_bilayer.gro",
    "plength.gro",
    "residwrap.gro",
    "residwrap_0base.gro",
    "sameresid_diffresname.gro",
    "sample_velocity_file.gro",
    "two_water_gro_multiframe.gro",
    "two_water_gro_widebox.gro",
)
PDB = (
    "19hc.pdb.gz",
    "1a28.pdb.gz",
    "1hvr.pdb",
    "1osm.pdb.gz",
    "4E43.pdb",
    "5a7u.pdb",
    "A6PA6_alpha.pdb",
    "CONECT2TER.pdb",
    "RANDOM_WALK_TOPO.pdb",
    "adk_closed.pdb",
    "adk_open.pdb",
    "adk_oplsaa.pdb",
    "analysis/1k5i_c36.pdb.gz",
    "capping/maestro_aaqaa_capped.pdb",
    "charges.pdb",
    "cobrotoxin.pdb",
    "elements.pdb",
    "fullerene.pdb.gz",
    "incomplete.pdb",
    "mmcif/1BD2.pdb.gz",
    "model_then_cryst.pdb",
    "namd_cgenff.pdb",
    "nmr_neopetrosiamide.pdb",
    "testENT.ent",
    "unordered_res.pdb",
    "water_methane_acetic-acid_ammonia.pdb",
    "windows/WIN_nmr_neopetrosiamide.pdb",
    "xl_serial.pdb",
)


def universe(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MDAnalysis.Universe(str(DATA / name), to_guess=())


def check_names(topology: Topology, other: Any) -> None:
    assert topology.atom_name.tolist() == other.atoms.names.tolist()
    assert topology.residue_name.tolist() == other.atoms.resnames.tolist()
    np.testing.assert_array_equal(topology.residue, other.atoms.resids)


def sorted_pairs(pairs: np.ndarray) -> list[list[int]]:
    return np.unique(np.sort(np.reshape(pairs, (-1, 2)), axis=1), axis=0).tolist()


def check_bonds(topology: Topology, other: Any) -> None:
    theirs = other.bonds.indices if hasattr(other, "bonds") else []
    assert sorted_pairs(topology.bonds) == sorted_pairs(theirs)


@pytest.mark.parametrize("name", PSF)
def test_psf_equals_mdanalysis(name: str) -> None:
    topology, other = load_topology(DATA / name), universe(name)
    check_names(topology, other)
    check_bonds(topology, other)
    np.testing.assert_array_equal(topology.mass, other.atoms.masses)
    # MDAnalysis keeps charges in float32.
    np.testing.assert_array_equal(topology.charge.astype(np.float32), other.atoms.charges)
    if len(topology.bonds):
        # fragindices count fragments from 0, not always in the order of their first atoms.
        pairs = set(zip(topology.molecule.tolist(), other.atoms.fragindices.tolist(), strict=True))
        assert len(pairs) == topology.n_molecules == len(other.atoms.fragments)


def test_psf_elements_are_those_of_the_force_field() -> None:
    topology = load_topology(DATA / "SiN_tric_namd.psf")
    by_residue = {
        name: set(topology.element[topology.residue_name == name].tolist())
        for name in ("SIN", "CLA", "POT", "TIP3")
    }
    assert by_residue == {"SIN": {"Si", "N"}, "CLA": {"Cl"}, "POT": {"K"}, "TIP3": {"O", "H"}}


@pytest.mark.parametrize("name", GRO)
def test_gro_equals_mdanalysis(name: str) -> None:
    check_names(load_topology(DATA / name), universe(name))


@pytest.mark.parametrize("name", PDB)
def test_pdb_equals_mdanalysis(name: str) -> None:
    topology, other = load_topology(DATA / name), universe(name)
    check_names(topology, other)
    check_bonds(topology, other)
    theirs = getattr(other.atoms, "elements", np.full(topology.n_atoms, ""))
    given = theirs != ""
    # MDAnalysis keeps an X as it stands; ours are elements or nothing.
    known = np.isin(np.char.upper(theirs.astype(str)), [symbol.upper() for symbol in MASSES])
    assert topology.element[given & known].tolist() == [
        str(symbol).capitalize() for symbol in theirs[given & known]
    ]


@pytest.mark.parametrize("name", ["adk_open.pdb", "adk_oplsaa.gro", "adk_oplsaa.pdb", "1hvr.pdb"])
def test_masses_of_guessed_elements_equal_mdanalysis(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = MDAnalysis.Universe(str(DATA / name))
    np.testing.assert_allclose(load_topology(DATA / name).mass, other.atoms.masses, atol=2e-3)


def test_one_system_in_three_formats() -> None:
    psf, pdb = (load_topology(DATA / name) for name in ("adk.psf", "adk_open.pdb"))
    assert psf.atom_name.tolist() == pdb.atom_name.tolist()
    assert psf.element.tolist() == pdb.element.tolist()
    np.testing.assert_allclose(psf.mass, pdb.mass, atol=2e-3)
    gro, wide = (load_topology(DATA / name) for name in ("adk_oplsaa.gro", "adk_oplsaa.pdb"))
    assert gro.element.tolist() == wide.element.tolist()
    np.testing.assert_array_equal(gro.molecule, wide.molecule)
    assert gro.n_molecules == 1 + int((gro.atom_name == "OW").sum()) + 4


def test_atomic_weights_equal_a_second_table() -> None:
    differing = {
        symbol: (mass, tables.masses[symbol])
        for symbol, mass in MASSES.items()
        if symbol in tables.masses and abs(mass - tables.masses[symbol]) > 0.02
    }
    # Where no isotope is stable the tables choose different ones.
    unstable = {
        symbol
        for symbol, mass in MASSES.items()
        if mass == round(mass) and (mass > 200 or symbol in ("Tc", "Pm"))
    }
    assert unstable >= {"Tc", "Ra", "Pu", "Og"}
    differing = {symbol: pair for symbol, pair in differing.items() if symbol not in unstable}
    assert differing.keys() <= {"Ar", "Ge", "Se", "Mo", "Hg", "Zn", "Cd", "Os"}
    assert all(abs(one - other) < 0.1 for one, other in differing.values())
    assert len(MASSES) == 118 + 1  # with deuterium


@pytest.mark.parametrize(
    ("mass", "name", "residue_name", "element"),
    [
        (14.027, "CB", "LEU", "C"),
        (14.0067, "N", "LEU", "N"),
        (15.035, "CD1", "LEU", "C"),
        (15.9994, "O", "LEU", "O"),
        (16.043, "CH4", "CH4", "C"),
        (22.98977, "SOD", "SOD", "Na"),
        (39.102, "POT", "POT", "K"),
        (40.08, "CA2+", "CA2+", "Ca"),
        (39.948, "AR", "AR", "Ar"),
        (3.024, "HB1", "ALA", "H"),  # repartitioned hydrogen masses
        (11.991, "N", "ALA", "N"),
        (8.987, "CB", "ALA", "C"),
        (14.0067, "AN9", "ATP", "N"),
        (0.0, "OM", "TIP4", ""),
        (72.0, "GL1", "DPPC", ""),
        *[(mass, "HB1", "ALA", "H") for mass in (1.008, 1.5, 2.014, 3.0, 3.024, 4.0, 4.0026, 4.05)],
        (4.002602, "HE1", "HIS", "H"),
        (4.002602, "HE", "HE", "He"),
        (2.014, "D1", "DOD", "D"),
        (22.98977, "SOD", "ION", "Na"),
        (22.98977, "NA", "ION", "Na"),
        (195.084, "PT1", "CPT", "Pt"),
        (106.42, "PD", "LIG", "Pd"),
        (118.71, "SN1", "LIG", "Sn"),
        (101.07, "RU", "LIG", "Ru"),
        (12.983, "OG", "SER", "O"),
        (5.963, "CB", "LEU", "C"),
    ],
)
def test_elements_from_masses(mass: float, name: str, residue_name: str, element: str) -> None:
    assert element_of_mass(mass, name, residue_name) == element


@pytest.mark.parametrize(
    ("name", "residue_name", "element"),
    [
        ("CA", "ALA", "C"),
        ("CA", "CA", "Ca"),
        ("NA", "NA+", "Na"),
        ("NA", "HEM", "N"),
        ("CL-", "CL-", "Cl"),
        ("CLA", "CLA", "Cl"),
        ("FE", "HEM", "Fe"),
        ("1HG2", "VAL", "H"),
        ("HG", "SER", "H"),
        ("HG", "HG", "Hg"),
        ("O5'", "ADE", "O"),
        ("CU", "CU2+", "Cu"),
        ("MW", "SOL", ""),
        ("OM", "TIP4", ""),
        ("OM", "GLU", "O"),
        ("DUM", "DUM", ""),
        ("NA+", "ION", "Na"),
        ("NA", "ION", "Na"),
        ("CL-", "LIG", "Cl"),
        ("CA2+", "XYZ", "Ca"),
        ("SOD", "ION", "Na"),
        ("PT1", "CPT", "Pt"),
        ("PD", "LIG", "Pd"),
        ("SN1", "LIG", "Sn"),
        ("RU", "LIG", "Ru"),
        ("AU", "LIG", "Au"),
        ("PA", "ATP", "P"),
        ("PB", "ATP", "P"),
        ("SG", "CYS", "S"),
        ("SD", "MET", "S"),
        ("SE", "MSE", "Se"),
        ("CD", "ARG", "C"),
        ("NE", "ARG", "N"),
        ("HO3'", "ADE", "H"),
        ("D", "ALA", "D"),
        ("D2", "DOD", "D"),
    ],
)
def test_elements_from_names(name: str, residue_name: str, element: str) -> None:
    assert element_of_name(name, residue_name) == element


@pytest.mark.parametrize(
    ("columns", "residue_name", "element"),
    [
        (" CA ", "ALA", "C"),
        ("CA  ", "CA", "Ca"),
        ("CA  ", "LIG", "Ca"),
        (" CA ", "LIG", "C"),
        ("CD  ", "LIG", "Cd"),
        (" CD ", "GLU", "C"),
        (" CD1", "ILE", "C"),
        ("HG21", "VAL", "H"),
        ("HG21", "LIG", "H"),
        ("HG  ", "HG", "Hg"),
        (" HG ", "SER", "H"),
        ("1HB ", "ALA", "H"),
        ("PT1 ", "CPT", "Pt"),
        ("PD  ", "LIG", "Pd"),
        (" PD ", "LIG", "P"),
        (" PB ", "ATP", "P"),
        ("SN1 ", "LIG", "Sn"),
        (" SN1", "LIG", "S"),
        ("RU  ", "LIG", "Ru"),
        ("RU12", "LIG", "Ru"),
        (" U  ", "LIG", "U"),
        (" V1 ", "VO4", "V"),
        ("IR  ", "LIG", "Ir"),
        (" D1 ", "DOD", "D"),
        ("NA+ ", "ION", "Na"),
        (" NA+", "ION", "Na"),
        # Programs that begin every short name in the second column do so with metals, too.
        (" FE ", "HEM", "Fe"),
        (" ZN ", "ZN", "Zn"),
        (" CL ", "CL", "Cl"),
    ],
)
def test_elements_from_the_columns_of_names(columns: str, residue_name: str, element: str) -> None:
    assert element_of_columns(columns, residue_name) == element


def test_names_that_all_begin_in_the_first_column_are_not_in_columns() -> None:
    names = np.array(["CA  ", "CD  ", "N   ", "HG  "])
    residues = np.array(["LIG"] * 4)
    assert elements_of_columns(names, residues).tolist() == ["C", "C", "N", "H"]
    aligned = np.array(["CA  ", "CD  ", " N  ", "HG  "])
    assert elements_of_columns(aligned, residues).tolist() == ["Ca", "Cd", "N", "Hg"]


def test_metals() -> None:
    topology = load_topology(CASES / "metals.pdb")
    assert topology.element.tolist() == ["Pt", "Pd", "Sn", "Ru", "D", "Na", "Ca", "C", "Cl"]
    assert topology.mass.tolist() == [MASSES[symbol] for symbol in topology.element.tolist()]


@pytest.mark.parametrize("name", ["hydrogen_1.008.psf", "hydrogen_4.0.psf"])
def test_repartitioned_hydrogen(name: str) -> None:
    assert load_topology(CASES / name).element.tolist() == ["C", "H", "H"]


def test_massless_sites_of_water_weigh_nothing_and_unknown_atoms_are_nan() -> None:
    assert not load_topology(DATA / "adk_oplsaa.gro").mass.min() > 0
    lipids = load_topology(DATA / "analysis/YiiP_lipids.gro.gz")
    assert np.isnan(lipids.mass[lipids.atom_name == "DM1"]).all()


ATOM = "ATOM  {serial:>5}  OW  SOL A{residue:>4}       0.000   0.000   0.000  1.00  0.00\n"


def pdb_of_residues(path: Path, residues: list[str]) -> Topology:
    path.write_text("".join(ATOM.format(serial=1, residue=text) for text in residues))
    return load_topology(path)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["9998", "9999", "0", "1"], [9998, 9999, 10000, 10001]),
        (["9999", "1", "9999", "0"], [9999, 10001, 19999, 20000]),
        (["9999", "A000", "A001", "ZZZZ", "a000"], [9999, 10000, 10001, 1223055, 1223056]),
        (["9999", "2710", "2711", "271a"], [9999, 10000, 10001, 10010]),
        (["6000", "1", "-5"], [6000, 1, -5]),
    ],
    ids=["wrapping", "wrapping twice", "hybrid-36", "hexadecimal", "a new chain"],
)
def test_pdb_residue_numbers(tmp_path: Path, written: list[str], read: list[int]) -> None:
    assert pdb_of_residues(tmp_path / "a.pdb", written).residue.tolist() == read


def test_pdb_residue_numbers_of_five_digits() -> None:
    assert load_topology(DATA / "5digitResid.pdb").residue.tolist() == [1, 10, 100, 1000, 10000]


def test_pdb_chains_and_ter_end_molecules(tmp_path: Path) -> None:
    atom = "ATOM  {:>5}  CA  ALA {}{:>4}       0.000   0.000   0.000  1.00  0.00           C\n"
    lines = [
        atom.format(1, "A", 1),
        atom.format(2, "A", 2),
        atom.format(3, "B", 3),
        atom.format(4, "B", 4),
        "TER\n",
        atom.format(5, "B", 5),
        atom.format(6, "B", 1),
        "END\n",
        atom.format(1, "A", 1),
    ]
    path = tmp_path / "chains.pdb"
    path.write_text("".join(lines))
    assert load_topology(path).molecule.tolist() == [1, 1, 2, 2, 3, 4]


def test_pdb_warns_of_bonds_between_ambiguous_atoms() -> None:
    with pytest.warns(UserWarning, match="line 12: .*serial numbers '12276'"):
        assert len(load_topology(DATA / "conect_parsing.pdb").bonds)


def test_gro_residue_numbers_beyond_99999(tmp_path: Path) -> None:
    residues = [99998, 99999, 0, 1]
    lines = [f"{number:>5}SOL     OW    1   0.000   0.000   0.000\n" for number in residues]
    path = tmp_path / "a.gro"
    path.write_text("title\n4\n" + "".join(lines) + "1 1 1\n")
    assert load_topology(path).residue.tolist() == [99998, 99999, 100000, 100001]


def test_gzip_is_told_by_content(tmp_path: Path) -> None:
    path = tmp_path / "renamed.psf"
    path.write_bytes(gzip.compress((DATA / "watdyn.psf").read_bytes()))
    assert load_topology(path) == load_topology(DATA / "watdyn.psf")
    path.write_bytes(gzip.compress((DATA / "watdyn.psf").read_bytes())[:-20])
    with pytest.raises(TopologyError, match=r"renamed\.psf: the gzip stream is damaged"):
        load_topology(path)


def test_missing_files_directories_and_suffixes(tmp_path: Path) -> None:
    for suffix in (".top", ".pdb", ".gro", ".psf"):
        with pytest.raises(FileNotFoundError, match=f"missing{suffix}"):
            load_topology(tmp_path / f"missing{suffix}")
    (tmp_path / "folder.pdb").mkdir()
    with pytest.raises(IsADirectoryError):
        load_topology(tmp_path / "folder.pdb")
    with pytest.raises(ValueError, match=r"no topology reader for \.xyz; known: \.top, "):
        load_topology(tmp_path / "a.xyz")
    with pytest.raises(ValueError, match="a file without a suffix"):
        load_topology(tmp_path / "a")


WATDYN = (DATA / "watdyn.psf").read_text()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.psf", "", "the file is empty"),
        ("a.pdb", "\n\n", "the file is empty"),
        ("a.psf", "PDB\n", "line 1: expected a line that begins with PSF, found 'PDB'"),
        ("a.psf", "PSF\n", "no section !NATOM"),
        ("a.psf", WATDYN[:400], "expected 15 atoms, but the file ends after"),
        ("a.psf", WATDYN.replace("-0.834000", "minus_one"), "expected an atom: .*'minus_one'"),
        ("a.psf", WATDYN.replace("TIP3 OH2  OT ", "TIP3"), "line 9: expected an atom"),
        ("a.psf", WATDYN.replace("15 !NBOND", "16 !NBOND"), "16 pairs of atom numbers, found 15"),
        ("a.psf", WATDYN.replace("15 !NBOND", "99999999999 !NBOND"), "found 15"),
        ("a.psf", "PSF\n" + "9" * 5000 + " !NATOM\n", "no section !NATOM"),
        ("a.psf", WATDYN.replace(" WAT  5 ", f" WAT {10**20} "), "line 9: expected an atom"),
        (
            "a.psf",
            WATDYN.replace("       1       2       1       3", f"{10**20} 2 1 3"),
            "15 pairs",
        ),
        ("a.gro", "title\n" + "9" * 5000 + "\n", "line 2: expected the number of atoms"),
        ("a.gro", "title\n", "line 2: expected the number of atoms, found 'the end of"),
        ("a.gro", "title\nmany\n", "line 2: expected the number of atoms, found 'many'"),
        ("a.gro", "title\n2\n    1SOL     OW    1\n", "expected 2 atoms .* ends after 1"),
        ("a.gro", "title\n99999999999\n    1SOL     OW    1\n", "expected 99999999999 atoms"),
        ("a.gro", "t\n1\n    xSOL     OW    1   0.0\n", "line 3: expected an atom"),
        ("a.gro", "t\n1\n    1SOL           1   0.0\n", "line 3: expected an atom"),
        ("a.pdb", "HEADER\n", "no ATOM or HETATM records"),
        ("a.pdb", "ATOM      1      ALA A   1\n", "line 1: expected an atom name"),
        ("a.pdb", ATOM.format(serial=1, residue="1.5"), "line 1: expected a residue number"),
        ("a.pdb", ATOM.format(serial=1, residue=""), "line 1: expected a residue number"),
    ],
)
def test_damage_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    assert text != WATDYN
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(TopologyError, match=message) as caught:
        load_topology(path)
    assert str(path) in str(caught.value)


@pytest.mark.filterwarnings("ignore:.*bonds of CONECT records were left out")
@pytest.mark.parametrize("name", ["watdyn.psf", "two_water_gro.gro", "CONECT2TER.pdb"])
def test_random_damage_never_gives_another_exception(tmp_path: Path, name: str) -> None:
    random = np.random.default_rng(1)
    content = np.frombuffer((DATA / name).read_bytes(), dtype=np.uint8)
    path = tmp_path / name
    damaged = 0
    for _ in range(200):
        broken = content.copy()
        places = random.integers(0, len(content), size=random.integers(1, 8))
        broken[places] = random.integers(0, 256, size=len(places))
        path.write_bytes(broken[: random.integers(1, len(content) + 1)].tobytes())
        try:
            load_topology(path)
        except TopologyError:
            damaged += 1
    assert damaged > 0


GROMOS = Path(__file__).parent / "data" / "gromos"


@pytest.mark.parametrize("name", ["small.cnf", "small.cnf.gz"])
def test_gromos_configurations_name_their_atoms(name: str) -> None:
    topology = load_topology(GROMOS / name)
    words = [
        line.split()[:3]
        for line in (GROMOS / "small.cnf").read_text().split("POSITION\n")[1].split("END")[0]
        .splitlines()
        if line[:1] != "#"
    ]  # fmt: skip
    assert topology.n_atoms == len(words) > 3
    assert topology.residue.tolist() == [int(number) for number, _, _ in words]
    assert topology.residue_name.tolist() == [residue for _, residue, _ in words]
    assert topology.atom_name.tolist() == [atom for _, _, atom in words]
    ds = gd.open_trajectory(GROMOS / name)
    assert ds.atom_name.values.tolist() == topology.atom_name.tolist()


def test_positions_without_names_name_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.g96"
    path.write_bytes((GROMOS / "triclinic.trc").read_bytes())
    assert "atom_name" not in gd.open_trajectory(path).coords
    with pytest.raises(TopologyError, match="no block POSITION with atoms before POSITIONRED"):
        load_topology(path)
    path.write_text("TITLE\nx\nEND\nPOSITION\n    1 SOLV  OW\nEND\n")
    with pytest.raises(TopologyError, match=r"a\.g96, line 5: expected an atom"):
        load_topology(path)
    path.write_text("TITLE\nx\nEND\nPOSITION\n    1 SOLV  OW         1    1.0    2.0    3.0\n")
    with pytest.raises(TopologyError, match="POSITION has no END; the file is cut off"):
        load_topology(path)

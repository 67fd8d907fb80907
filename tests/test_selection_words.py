"""Words of the selection language that relate atoms, or tell kinds of them: against MDAnalysis."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist.errors import SelectionError
from gromos_dist.selection import select
from gromos_dist.selection.evaluate import bind, masks_of_frames
from gromos_dist.selection.words import WORDS, parse
from gromos_dist.topology import Topology, load_topology

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import MDAnalysis
    import MDAnalysisTests

FILES = Path(MDAnalysisTests.__file__).parent / "data"
DATA = Path(__file__).parent / "data"
DIGLYCINE = load_topology(DATA / "diglycine.top").solvate(3)
HYDROGENS_AND_MAIN_CHAIN = (
    "name N CA C O OXT OT1 OT2 H HN H1 H2 H3 HT1 HT2 HT3 HA HA1 HA2 HA3 O1 O2 OC1 OC2"
)


@pytest.fixture(scope="module")
def adk() -> tuple[Topology, Any]:
    return both("adk.psf")


def both(name: str) -> tuple[Topology, Any]:
    """Return what we know of a file's atoms, and what MDAnalysis does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(FILES / name))
    return load_topology(FILES / name), universe


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("byres name OG", "byres name OG"),
        ("byres (name OG and resid 1:100)", "byres (name OG and resid 1:100)"),
        ("same residue as name OG", "same residue as name OG"),
        ("same resname as index 50", "same resname as index 50"),
        ("not byres name OG and name CA", "(not byres name OG) and name CA"),
        ("bonded name CA", "bonded name CA"),
        ("bonded to name CA CB", "bonded name CA CB"),
        ("bonded to bonded to name OG", "bonded (bonded name OG)"),
        ("byres bonded to name SD", "byres (bonded name SD)"),
        ("charge > 0.305", "prop charge > 0.305"),
        ("charge -0.605:-0.505", "prop charge >= -0.605 and prop charge <= -0.505"),
        ("charge <= -0.515 and mass > 15", "prop charge <= -0.515 and prop mass > 15"),
        ("name /C[AB]/", "name CA CB"),
        ("name /H[AB]\\d/ N", "name HA1 HA2 HA3 HB1 HB2 HB3 N"),
        ("resname /.*S.*/", "resname *S*"),
        ("hydrogen", "name H*"),
        ("heavy", "not name H*"),
        ("sidechain", f"protein and not ({HYDROGENS_AND_MAIN_CHAIN})"),
    ],
)  # fmt: skip
def test_selections_equal_mdanalysis(adk: tuple[Topology, Any], ours: str, theirs: str) -> None:
    topology, universe = adk
    expected = universe.select_atoms(theirs).indices
    assert len(expected)
    for atoms in (topology, topology.to_dataset()):
        np.testing.assert_array_equal(select(atoms, ours), expected)


@pytest.mark.parametrize(
    ("name", "word", "theirs"),
    [
        ("adk_oplsaa.gro", "ion", "resname NA+"),
        ("adk_oplsaa.gro", "heavy", "not name H* 1H* 2H* 3H* MW"),
        ("analysis/1k5i_c36.pdb.gz", "ion", "resname POT"),
        ("martini_dppc_chol_bilayer.gro", "lipid", "all"),
        ("adk_oplsaa.gro", "same molecule as resid 1 and protein", "protein"),
    ],
)
def test_kinds(name: str, word: str, theirs: str) -> None:
    topology, universe = both(name)
    expected = universe.select_atoms(theirs).indices
    np.testing.assert_array_equal(select(topology, word), expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("bonded to index 2", [0, 3]),
        ("same name as index 2", [2, 7]),
        ("same resid as index 2", [0, 1, 2, 3, 4]),
        ("same molecule as index 0", list(range(10))),
        ("SAME Residue AS (index 11)", [10, 11, 12]),
        ("ByRes index 11", [10, 11, 12]),
        ("name /C.*/", [2, 3, 7, 8]),
        ("name /C/", [3, 8]),
        (r'resname "SOLV" and name /[^\/]*1/', [11, 14, 17]),
        ("name CA/x CA", [2, 7]),
        ("heavy and resid 1", [0, 2, 3, 4]),
        ("hydrogen", [1, 6, 11, 12, 14, 15, 17, 18]),
    ],
)
def test_small_selections(expression: str, expected: list[int]) -> None:
    for atoms in (DIGLYCINE, DIGLYCINE.to_dataset()):
        assert select(atoms, expression).tolist() == expected


def test_names_that_are_new_words_take_no_quotes_in_capitals() -> None:
    atoms = xr.Dataset(
        coords={
            "atom_name": ("atom", np.array(["NA", "BOX", "C", "ion"])),
            "residue_name": ("atom", np.array(["ION", "HEAVY", "SAME", "A/B"])),
            "element": ("atom", np.array(["Na", "As", "C", "Na"])),
        }
    )
    assert select(atoms, "resname ION HEAVY").tolist() == [0, 1]
    assert select(atoms, "resname SAME or name BOX").tolist() == [1, 2]
    assert select(atoms, "element As").tolist() == [1]
    assert select(atoms, 'name "ion"').tolist() == [3]
    assert select(atoms, "resname A/B").tolist() == [3]
    assert select(atoms, "ION and not name ion?").tolist() == [0, 3]
    with pytest.raises(SelectionError, match="expected 'and', 'or' or the end, found 'ion'"):
        select(atoms, "resname ION ion")


def test_bonds_of_a_dataset_are_those_of_its_atoms() -> None:
    """Bonds join numbers in the file, selections choose places in the Dataset."""
    some = gd.open_trajectory(DATA / "butane.trc", topology=DATA / "butane.top", atoms=[3, 2, 1])
    assert select(some, "bonded to index 0").tolist() == [1]
    assert select(some, "bonded to index 1").tolist() == [0, 2]
    ds = gd.open_trajectory(DATA / "butane.trc", topology=DATA / "butane.top")
    assert ds.gromos.select("bonded to index 0").tolist() == [1]
    assert select(ds.isel(atom=[0, 2, 3]), "bonded to all").tolist() == [1, 2]
    with pytest.raises(SelectionError, match=r"'Bonded' needs bonds, which an array does not have"):
        select(ds.positions, "Bonded index 0")
    with pytest.raises(SelectionError, match=r"'bonded' needs bonds, .*topology='system.top'"):
        select(ds.drop_vars("bonds"), "bonded index 0")
    with pytest.raises(ValueError, match="an atom is there twice"):
        select(ds.isel(atom=[0, 0, 1]), "bonded index 0")


def test_analyses_and_files_know_the_bonds() -> None:
    files = (DATA / "butane.trc", DATA / "butane.top")
    ds = gd.open_trajectory(*files)
    indices = select(ds, "bonded to index 0 3")
    assert indices.tolist() == [1, 2]
    opened = gd.open_trajectory(*files, atoms="bonded to index 0 3")
    np.testing.assert_array_equal(opened.atom_number, indices)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gd.BrokenMoleculesWarning)
        for analysis in (gd.radius_of_gyration, gd.center_of_mass, gd.rmsd_matrix):
            by_words = analysis(ds, atoms="bonded to index 0 3")
            xr.testing.assert_equal(by_words, analysis(ds, atoms=indices))
        fitted = gd.superpose(ds, fit="index 0 or bonded to index 0 3")
        xr.testing.assert_equal(fitted, gd.superpose(ds, fit=[0, 1, 2]))


def test_what_is_not_known_of_the_atoms() -> None:
    coarse = load_topology(FILES / "martini_dppc_chol_bilayer.gro")
    with pytest.raises(
        SelectionError, match=r"the element of 1260 atoms is unknown, the first is atom \d+;"
    ):
        select(coarse, "heavy")
    with pytest.raises(SelectionError, match="the charge of 5040 atoms is unknown"):
        select(coarse, "charge 0")
    bare = xr.DataArray(np.zeros((2, 5, 3)), dims=("frame", "atom", "xyz"))
    for expression, needed in [("byres all", "residue"), ("same chain as all", "chain")]:
        word = expression.split()[0]
        message = f"'{word}' needs the atom coordinate '{needed}', which is not there"
        with pytest.raises(SelectionError, match=message):
            select(bare, expression)


@pytest.mark.parametrize(
    ("expression", "message", "place"),
    [
        ("byres", "expected a selection, found the end", 5),
        ("same", "expected what is the same: residue, name, resname, ", 4),
        ("same mass as all", "expected what is the same: residue, ", 5),
        ("same residue all", r"expected 'as': same residue as \(...\)", 13),
        ("bonded to", "expected a selection, found the end", 9),
        ("within all", "expected a distance in nm after 'within'", 7),
        ("within -1 of all", "expected a distance of 0 nm or more", 7),
        ("within nan of all", "expected a distance in nm", 7),
        ("sphere 1 at 1 2", "expected three coordinates in nm, x y z", 15),
        ("box 0:1 0:1", "expected three ranges in nm: box 0:1 0:1 0:1", 11),
        ("box 0:1 1:0 0:1", "the range ends before it begins; write 0.0:1.0", 8),
        ("name /C[A/", "this is no regular expression: unterminated character set", 5),
        ("name /C", "this regular expression is not closed: it ends with /", 5),
        ("protein and /C/", "unknown word '/C/'", 12),
        ("resid 1 or within 0.5 of all", "'within' chooses other atoms in every frame", 11),
        ("byres (name N or AROUND 1 all)", "'AROUND' chooses other atoms in every frame", 17),
        ("sphere 1 of all", "'sphere' chooses other atoms in every frame, and here", 0),
        ("sphere 1 at 0 0 0", "'sphere' chooses other atoms in every frame", 0),
        ("box 0:1 0:1 0:1", "'box' chooses other atoms in every frame", 0),
    ],
)
def test_errors_point_at_the_place(expression: str, message: str, place: int) -> None:
    with pytest.raises(SelectionError, match=message) as caught:
        select(DIGLYCINE, expression)
    _, shown, caret = str(caught.value).split("\n")
    assert shown == "  " + expression
    assert caret == "  " + " " * place + "^"


def test_doors_refuse_what_depends_on_the_frame() -> None:
    files = {"topology": DATA / "butane.top"}
    for door in (
        lambda: gd.open_trajectory(DATA / "butane.trc", **files, atoms="within 1 of index 0"),
        lambda: gd.rmsd(gd.open_trajectory(DATA / "butane.trc", **files), fit="box 0:1 0:1 0:1"),
        lambda: gd.forces(
            gd.open_trajectory(DATA / "butane.trc", **files),
            groups=["around 1 index 0"],
            cutoff=0.5,
        ),
    ):
        with pytest.raises(SelectionError, match="the same ones are needed in all"):
            door()


@pytest.mark.parametrize(
    "part", ["byres ", "bonded not ", "not (", "same name as (", "within 1 of ", "all and ("]
)
def test_too_deep_is_an_error(part: str) -> None:
    for count in [*range(90, 340, 10), 10_000]:
        expression = part * count + "name OW" + ")" * count * part.count("(")
        try:
            select(DIGLYCINE, expression)
        except SelectionError as error:
            message = str(error)
            assert any(text in message for text in ("too many", "chooses")), message[:80]


_SIGNS = ("<", "!=", "(", ")", '"', "/[", "1", "-2:3", "0.5", "1e3")
_NAMES = ("as", "of", "to", "at", "residue", "CA", "C*", "/C./", '"N"', "all", "all")
_PIECES = st.sampled_from([*WORDS, *_SIGNS, *_NAMES])


@given(st.lists(_PIECES, max_size=8).map(" ".join))
def test_any_words_are_read_or_refused(text: str) -> None:
    for atoms in (DIGLYCINE, DIGLYCINE.to_dataset().mass):
        try:
            chosen = select(atoms, text)
        except SelectionError:
            continue
        assert 0 < len(chosen) <= DIGLYCINE.n_atoms


# Residue name, residue, atom name, element, mass, charge, molecule, chain, segment.
ATOMS = """
ALA   1  N    N  14.007 -0.28  1  A  P1
ALA   1  CA   C  12.011  0.00  1  A  P1
ALA   1  HB1  H   1.008  0.09  1  A  P1
ALA   1  C    C  12.011  0.38  1  A  P1
ALA   1  O    O  15.999 -0.38  1  A  P1
DG    2  P    P  30.974  1.10  2  B  N1
DG    2  O5'  O  15.999 -0.50  2  B  N1
DPPC  3  N4   N  14.007  0.00  3  C  L1
DPPC  3  HC1  H   1.008  0.09  3  C  L1
NA    4  NA   Na 22.990  1.00  4  D  I1
SOL   5  OW   O  15.999 -0.82  5  W  W1
SOL   5  HW1  H   1.008  0.41  5  W  W1
SOL   5  HW2  D   2.014  0.41  5  W  W1
"""
COLUMNS = np.array([line.split() for line in ATOMS.strip().splitlines()]).T
EVERY_KIND = Topology(
    residue_name=COLUMNS[0],
    residue=COLUMNS[1].astype(int),
    atom_name=COLUMNS[2],
    element=COLUMNS[3],
    mass=COLUMNS[4].astype(float),
    charge=COLUMNS[5].astype(float),
    molecule=COLUMNS[6].astype(int),
    chain=COLUMNS[7],
    segment=COLUMNS[8],
    bonds=np.array([[0, 1], [1, 2], [1, 3], [3, 4], [5, 6], [7, 8], [10, 11], [10, 12]]),
)
EVERY_WORD = {
    "name": ("name HB1 H?1 O*", [2, 4, 6, 8, 10, 11]),
    "resname": ("resname /A.A|D.*/", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
    "element": ("element Na D", [9, 12]),
    "chain": ("chain B /[CD]/", [5, 6, 7, 8, 9]),
    "segid": ("segid P1 I?", [0, 1, 2, 3, 4, 9]),
    "resid": ("resid 2 4:5", [5, 6, 9, 10, 11, 12]),
    "molecule": ("molecule >= 4", [9, 10, 11, 12]),
    "index": ("index 1 3:4", [1, 3, 4]),
    "mass": ("mass < 2", [2, 8, 11]),
    "charge": ("charge 0.38:1.0", [3, 9, 11, 12]),
    "all": ("all", list(range(13))),
    "protein": ("protein", [0, 1, 2, 3, 4]),
    "backbone": ("backbone", [0, 1, 3, 4]),
    "sidechain": ("sidechain", [2]),
    "nucleic": ("nucleic", [5, 6]),
    "water": ("water", [10, 11, 12]),
    "ion": ("ion", [9]),
    "lipid": ("lipid", [7, 8]),
    "heavy": ("heavy", [0, 1, 3, 4, 5, 6, 7, 9, 10]),
    "hydrogen": ("hydrogen", [2, 8, 11, 12]),
    "and": ("protein and element C", [1, 3]),
    "or": ("ion or lipid", [7, 8, 9]),
    "not": ("not (protein or water)", [5, 6, 7, 8, 9]),
    "byres": ("byres name P", [5, 6]),
    "same": ("same residue as index 8", [7, 8]),
    "bonded": ("bonded to name CA OW", [0, 2, 3, 11, 12]),
    "within": ("within 1.5 of index 5", [4, 5, 6]),
    "around": ("around 1 of ion", [8, 10]),
    "sphere": ("sphere 1.5 at 2 0 0", [1, 2, 3]),
    "box": ("box 3.5:6.5 -1:1 -1:1", [4, 5, 6]),
}
LABELS = {
    "residue": [0, 1, 2, 3, 4],
    "name": [0],
    "resname": [0, 1, 2, 3, 4],
    "element": [0, 7],
    "chain": [0, 1, 2, 3, 4],
    "segid": [0, 1, 2, 3, 4],
    "resid": [0, 1, 2, 3, 4],
    "molecule": [0, 1, 2, 3, 4],
}


def test_every_word_has_a_case() -> None:
    assert EVERY_WORD.keys() == set(WORDS)


@pytest.mark.parametrize("word", EVERY_WORD)
def test_every_word(word: str) -> None:
    """Atoms in a row, 1 nm apart, without a box."""
    expression, expected = EVERY_WORD[word]
    positions = np.zeros((1, 13, 3))
    positions[0, :, 0] = np.arange(13)
    mask = masks_of_frames(bind(parse(expression), EVERY_KIND), positions)[0]
    assert np.flatnonzero(mask).tolist() == expected
    again = parse(expression.replace(word, word.upper() if word in ("and", "not") else word))
    assert again == parse(expression)


@pytest.mark.parametrize("label", LABELS)
def test_same_as(label: str) -> None:
    assert select(EVERY_KIND, f"same {label} as index 0").tolist() == LABELS[label]

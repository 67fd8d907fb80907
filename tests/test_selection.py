"""The selection language: against MDAnalysis, by the laws of sets, and its errors."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import xarray as xr
from hypothesis import given

import gromos_dist as gd
from gromos_dist.errors import SelectionError
from gromos_dist.selection import resolve, select
from gromos_dist.topology import Topology, load_topology
from gromos_dist.topology.residue_names import PROTEIN, WATER

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import MDAnalysis
    import MDAnalysisTests

CASES = Path(__file__).parent / "data" / "cases"
FILES = Path(MDAnalysisTests.__file__).parent / "data"
DATA = Path(__file__).parent / "data"
DIGLYCINE = load_topology(DATA / "diglycine.top").solvate(3)


@pytest.fixture(scope="module", params=["adk.psf", "adk_oplsaa.gro", "cobrotoxin.pdb", "1hvr.pdb"])
def system(request: pytest.FixtureRequest) -> tuple[Topology, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(FILES / request.param))
    return load_topology(FILES / request.param), universe


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("all", "all"),
        ("protein", "protein"),
        ("backbone", "backbone"),
        ("name CA", "name CA"),
        ("name C* and not name CA CB", "name C* and not name CA CB"),
        ("resname ALA GLY or name N", "resname ALA GLY or name N"),
        ("protein and not (name N or resid 10:20)", "protein and not (name N or resid 10:20)"),
        ("resid 1:10 15 20-25", "resid 1:10 15 20-25"),
        ("resid <= 5", "resid 1:5"),
        ("index 0 5:10", "index 0 5:10"),
        ("index > 100", "index 101:10000000"),
        ("mass > 2.5 and protein", "prop mass > 2.5 and protein"),
        ("mass 12:16 and protein", "prop mass >= 12 and prop mass <= 16 and protein"),
        ("not name H*", "not name H*"),
        ("not not name CA", "name CA"),
        ("name CA or name CB and resid 1:3", "name CA or (name CB and resid 1:3)"),
        ("(name CA or name CB) and resid 1:3", "(name CA or name CB) and resid 1:3"),
        ("not protein or name CA", "(not protein) or name CA"),
    ],
)  # fmt: skip
def test_selections_equal_mdanalysis(system: tuple[Topology, Any], ours: str, theirs: str) -> None:
    topology, universe = system
    # An oxidised cysteine, which is in no list of MDAnalysis.
    if "CSO" in topology.residue_name:
        theirs = theirs.replace("protein", "(protein or resname CSO)")
        theirs = theirs.replace("backbone", "(backbone or (resname CSO and name N CA C O))")
    expected = universe.select_atoms(theirs).indices
    if len(expected):
        np.testing.assert_array_equal(select(topology, ours), expected)
    else:
        with pytest.raises(SelectionError, match="chooses no atom"):
            select(topology, ours)


@pytest.mark.parametrize("name", ["adk_oplsaa.gro", "watdyn.psf", "cobrotoxin.pdb"])
def test_water_equals_mdanalysis(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = MDAnalysis.Universe(str(FILES / name)).select_atoms("water").indices
    np.testing.assert_array_equal(select(load_topology(FILES / name), "water"), expected)


def test_elements_equal_mdanalysis() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(FILES / "1hvr.pdb"))
    expected = universe.select_atoms("element N S").indices
    np.testing.assert_array_equal(
        select(load_topology(FILES / "1hvr.pdb"), "element N S"), expected
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name CA", [2, 7]),
        ("NAME CA And RESID 2", [7]),
        ("name C?", [2, 7]),
        ('name "C?" CA', [2, 7]),
        ("backbone", [0, 2, 3, 4, 5, 7, 8, 9]),
        ("molecule 1", list(range(10))),
        ("molecule 2 4", [10, 11, 12, 16, 17, 18]),
        ("water and element O", [10, 13, 16]),
        ("resname SOLV and not name HW*", [10, 13, 16]),
        ("index -5:1", [0, 1]),
        ("index==3", [3]),
        ("(name CA)and(resid 1)", [2]),
        ("mass 14.027", [2, 7]),
        ("mass 14:14.01 1e0-1.1", [0, 1, 5, 6, 11, 12, 14, 15, 17, 18]),
        ("mass != 14.027 and resid 1", [0, 1, 3, 4]),
        ("\tname\nCA  ", [2, 7]),
    ],
)
def test_small_selections(expression: str, expected: list[int]) -> None:
    for atoms in (DIGLYCINE, DIGLYCINE.to_dataset(), DIGLYCINE.to_dataset()["mass"]):
        chosen = select(atoms, expression)
        assert chosen.dtype == np.int64
        assert chosen.tolist() == expected


def test_residue_names_include_those_of_mdanalysis() -> None:
    assert MDAnalysis.core.selection.ProteinSelection.prot_res <= PROTEIN
    assert MDAnalysis.core.selection.WaterSelection.water_res <= WATER


def with_names(names: list[str], residues: list[str]) -> xr.Dataset:
    return xr.Dataset(
        coords={
            "atom_name": ("atom", np.array(names)),
            "residue_name": ("atom", np.array(residues)),
        }
    )


def test_strange_names() -> None:
    atoms = with_names(["O5*", "O5'", "all", "[C]", "C"], ["ALL", "U", "U", "and", "U"])
    assert select(atoms, "name O5*").tolist() == [0, 1]
    assert select(atoms, 'name "O5*"').tolist() == [0]
    assert select(atoms, "name O5?").tolist() == [0, 1]
    assert select(atoms, "name O5'").tolist() == [1]
    assert select(atoms, "name [*").tolist() == [3]
    assert select(atoms, 'name "all" or resname "ALL" "and"').tolist() == [0, 2, 3]


def test_a_solvent_is_water_only_when_it_is() -> None:
    assert select(DIGLYCINE, "water").tolist() == list(range(10, 19))
    assert select(with_names(["OW"], ["SOLV"]), "water").tolist() == [0]
    elements = np.where(DIGLYCINE.element == "O", "S", DIGLYCINE.element)
    dataset = DIGLYCINE.to_dataset().assign_coords(element=("atom", elements))
    with pytest.raises(SelectionError, match="chooses no atom"):
        select(dataset, "water")


def test_numbers_of_many_digits() -> None:
    assert len(select(DIGLYCINE, f"resid < {'9' * 5000}")) == DIGLYCINE.n_atoms
    assert len(select(DIGLYCINE, f"mass 0:{'9' * 5000}")) == DIGLYCINE.n_atoms


def test_the_old_order_works_and_warns() -> None:
    with pytest.warns(DeprecationWarning, match=r"write select\(atoms, expression\)"):
        chosen = select("name CA", DIGLYCINE)
    assert chosen.tolist() == select(DIGLYCINE, "name CA").tolist() == [2, 7]
    dataset = DIGLYCINE.to_dataset()
    with pytest.warns(DeprecationWarning, match="the old order"):
        assert gd.select("name CA", dataset).tolist() == [2, 7]
    assert dataset.gromos.select("name CA").tolist() == [2, 7]
    assert "select" in dir(dataset.gromos)
    with pytest.raises(TypeError, match="expected text, got int"):
        select(DIGLYCINE, 3)  # type: ignore[call-overload]


def test_chains_and_segments() -> None:
    for atoms in (load_topology(CASES / "chains.pdb"), gd.open_trajectory(CASES / "chains.pdb")):
        assert select(atoms, "chain B and resid 10").tolist() == [2]
        assert select(atoms, "resid 10").tolist() == [0, 2]
        assert select(atoms, "chain A B").tolist() == [0, 1, 2, 3]
        with pytest.raises(SelectionError, match=r"chain: A, B"):
            select(atoms, "chain C")
    psf = load_topology(CASES / "hydrogen_4.0.psf")
    assert select(psf, "segid PRO* and name HB1").tolist() == [1]
    with pytest.raises(SelectionError, match=r"'chain' needs .*\(there are name, .*segid, .*\)"):
        select(psf, "chain A")


@pytest.mark.parametrize(
    ("name", "word", "theirs"),
    [("adk.psf", "segid 4AKE", "segid 4AKE"), ("1hvr.pdb", "chain B", "chainID B")],
)
def test_chains_and_segments_equal_mdanalysis(name: str, word: str, theirs: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = MDAnalysis.Universe(str(FILES / name)).select_atoms(theirs).indices
    np.testing.assert_array_equal(select(load_topology(FILES / name), word), expected)


def test_residues_are_known_by_their_atoms() -> None:
    topology = load_topology(CASES / "selenocysteine.pdb")
    assert set(topology.residue_name.tolist()) == {"ALA", "SEC", "PYL", "CYP", "HSD"}
    assert len(select(topology, "protein")) == len(select(topology, "backbone")) == 20
    # One molecule, with the residue that is in no list.
    assert topology.n_molecules == 1
    # The carbonyl is missing: no amino acid.
    few = topology.to_dataset().isel(atom=[0, 1, 2, 3, 12, 13, 14])
    assert select(few, "protein").tolist() == [0, 1, 2, 3]


def test_nucleic_acid_and_water_are_known_by_their_atoms() -> None:
    sugar = ["C1'", "C2'", "C3'", "C4'", "C5'", "O4'", "O5'", "N1"]
    atoms = with_names([*sugar, "OX", "HX1", "HX2", "O", "H1", "H2", "H3"], ["XU"] * 8 + ["XW"] * 7)
    atoms = atoms.assign_coords(
        residue=("atom", [1] * 8 + [2] * 3 + [3] * 4),
        element=("atom", list("CCCCCOON" + "OHH" + "OHHH")),
    )
    assert select(atoms, "nucleic").tolist() == list(range(8))
    assert select(atoms, "water").tolist() == [8, 9, 10]
    dna = load_topology(FILES / "analysis" / "1k5i_c36.pdb.gz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(FILES / "analysis" / "1k5i_c36.pdb.gz"))
    expected = universe.select_atoms("nucleic").indices
    np.testing.assert_array_equal(select(dna, "nucleic"), expected)


LEAVES = st.sampled_from(
    ["name CA", "name N H", "resid 1", "water", "protein", "mass > 13", "index 3:12", "element O"]
)


def chosen_or_none(expression: str) -> set[int]:
    try:
        return set(select(DIGLYCINE, expression).tolist())
    except SelectionError as error:
        if "chooses no atom" in str(error):
            return set()
        raise


EVERY = set(range(DIGLYCINE.n_atoms))


@given(LEAVES, LEAVES, LEAVES)
def test_the_laws_of_sets(a: str, b: str, c: str) -> None:
    one, two, three = (chosen_or_none(leaf) for leaf in (a, b, c))
    assert chosen_or_none(f"not ({a} or {b})") == chosen_or_none(f"not {a} and not {b}")
    assert chosen_or_none(f"not ({a} and {b})") == chosen_or_none(f"not {a} or not {b}")
    assert chosen_or_none(f"{a} or {b} and {c}") == one | (two & three)
    assert chosen_or_none(f"{a} and {b} or {c}") == (one & two) | three
    assert chosen_or_none(f"not {a} and {b}") == (EVERY - one) & two
    assert chosen_or_none(f"({a} or {b}) and {c}") == (one | two) & three


EXPRESSIONS = st.recursive(
    LEAVES.map(lambda leaf: (leaf, chosen_or_none(leaf))),
    lambda parts: st.one_of(
        parts.map(lambda part: (f"not ({part[0]})", EVERY - part[1])),
        st.tuples(parts, parts).map(
            lambda two: (f"({two[0][0]}) and ({two[1][0]})", two[0][1] & two[1][1])
        ),
        st.tuples(parts, parts).map(
            lambda two: (f"({two[0][0]}) OR ({two[1][0]})", two[0][1] | two[1][1])
        ),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_nested_expressions(expression: tuple[str, set[int]]) -> None:
    text, expected = expression
    assert chosen_or_none(text) == expected


@given(st.text(alphabet=' ()"<>=!:-*?aN0123nameresidotprin.\n', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        chosen = select(DIGLYCINE, text)
    except SelectionError:
        return
    assert 0 < len(chosen) <= DIGLYCINE.n_atoms


def check_error(expression: str, message: str, place: int) -> None:
    with pytest.raises(SelectionError, match=message) as caught:
        select(DIGLYCINE, expression)
    first, shown, caret = str(caught.value).split("\n")
    assert shown == "  " + expression.replace("\n", " ").replace("\t", " ")
    assert caret == "  " + " " * place + "^", first


@pytest.mark.parametrize(
    ("expression", "message", "place"),
    [
        ("", "expected a selection, found the end; known words: name, resname", 0),
        ("proteim", r"unknown word 'proteim'; did you mean 'protein'\?; known words:", 0),
        ("protein and resnme ALA", "unknown word 'resnme'; did you mean 'resname'", 12),
        ("protein and segment A", "; the word for the coordinate 'segment' is 'segid'; known", 12),
        ("residue_name ALA", "; the word for the coordinate 'residue_name' is 'resname'; known", 0),
        ("protein and qqqqqqqq", "unknown word 'qqqqqqqq'; known words: name, ", 12),
        ("protein name CA", "expected 'and', 'or' or the end, found 'name'", 8),
        ("protein nad water", "or the end, found 'nad'; did you mean 'and'", 8),
        ("(protein", r"expected '\)'", 8),
        ("protein)", r"expected 'and', 'or' or the end, found '\)'", 7),
        ("()", r"expected a selection, found '\)'", 1),
        ("protein and", "expected a selection, found the end", 11),
        ("protein and or water", "expected a selection, found 'or'", 12),
        ("name", "expected names after 'name'; .*in quotes", 4),
        ("resname and protein", "expected names after 'resname'", 8),
        ("resid", r"expected numbers, ranges \(1:10\) or a comparison", 5),
        ("resid A", "expected an integer or a range like 1:10, found 'A'", 6),
        ("resid 1 2 1.5", "expected an integer or a range like 1:10, found '1.5'", 10),
        ("resid 1:", "expected an integer or a range", 6),
        ("resid 10:1", "the range ends before it begins; write 1:10", 6),
        ("mass >", "expected a number", 6),
        ("mass > heavy", "expected a number", 7),
        ("mass x", "expected a number or a range", 5),
        ("name > 3", "expected names after 'name'", 5),
        ('name "CA', "this quote is not closed", 5),
        ("resid = 3", "expected numbers", 6),
        pytest.param(
            f"resid 1 {'9' * 5000}", "a number of at most 18 digits", 8, id="resid of 5000 digits"
        ),
        pytest.param(
            f"index 0:{'9' * 19}", "a number of at most 18 digits", 6, id="index of 19 digits"
        ),
        ("chain A", "'chain' needs the atom coordinate 'chain', which is not there", 0),
    ],
)
def test_errors_point_at_the_place(expression: str, message: str, place: int) -> None:
    check_error(expression, message, place)


def test_too_deep_is_an_error_too() -> None:
    assert len(select(DIGLYCINE, "not " * 100_000 + "all")) == DIGLYCINE.n_atoms
    with pytest.raises(SelectionError, match="too many parentheses"):
        select(DIGLYCINE, "(" * 100_000 + "all" + ")" * 100_000)


def test_an_empty_selection_says_what_exists() -> None:
    with pytest.raises(SelectionError) as caught:
        select(DIGLYCINE, "resname GLX and resid 1000")
    assert str(caught.value) == (
        "the selection 'resname GLX and resid 1000' chooses no atom; these exist:\n"
        "  resname: GLY, SOLV; did you mean 'GLY'?\n"
        "  resid: from 1 to 5"
    )
    with pytest.raises(SelectionError, match=r"name: C, CA, H, HW1, .*did you mean 'CA'"):
        select(DIGLYCINE, "name ca")
    with pytest.raises(SelectionError, match=r"'not all' chooses no atom$"):
        select(DIGLYCINE, "not all")


def test_what_is_not_known_of_the_atoms() -> None:
    bare = xr.DataArray(np.zeros((2, 5, 3)), dims=("frame", "atom", "xyz"))
    assert select(bare, "index 1:3").tolist() == [1, 2, 3]
    with pytest.raises(
        SelectionError, match=r"'protein' needs the atom coordinate 'residue_name', .*topology"
    ):
        select(bare, "protein")
    with pytest.raises(SelectionError, match="'name' needs the atom coordinate 'atom_name'"):
        select(bare, "all and name CA")
    with pytest.raises(SelectionError, match="no dimension 'atom', only"):
        select(bare.isel(atom=0), "all")
    coarse = load_topology(FILES / "martini_dppc_chol_bilayer.gro")
    with pytest.raises(
        SelectionError, match=r"the mass of .* atoms is unknown, the first is atom 2"
    ):
        select(coarse, "mass > 2")


def test_resolve_takes_expressions_indices_and_masks() -> None:
    mask = DIGLYCINE.element == "O"
    assert resolve("element O", DIGLYCINE).tolist() == np.flatnonzero(mask).tolist()
    assert resolve(mask, DIGLYCINE).tolist() == np.flatnonzero(mask).tolist()
    assert resolve(mask.tolist(), DIGLYCINE).tolist() == np.flatnonzero(mask).tolist()
    assert resolve(xr.DataArray(mask, dims="atom"), DIGLYCINE).tolist() == [4, 9, 10, 13, 16]
    assert resolve([7, 2, 5], DIGLYCINE).tolist() == [7, 2, 5]
    assert resolve(np.array([7, 2], dtype=np.uint8), DIGLYCINE).dtype == np.int64
    assert resolve(range(3), DIGLYCINE).tolist() == [0, 1, 2]
    assert resolve(slice(2, None, 8), DIGLYCINE).tolist() == [2, 10, 18]
    assert resolve(None, DIGLYCINE).tolist() == list(range(19))


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ([0, 19], "atom 19 is out of range: 19 atoms count from 0 to 18"),
        ([-1], "atom -1 is out of range"),
        ([0.0, 1.0], "integers or a mask of bool; this one is float64"),
        (["CA"], "integers or a mask of bool; this one is <U2"),
        ([True, False], "the mask has 2 entries, but there are 19 atoms"),
        ([False] * 19, "chooses none of the 19 atoms"),
        ([], "chooses none of the 19 atoms"),
        (slice(5, 5), "chooses none of the 19 atoms"),
        ([[0, 1]], r"one dimension, this one has shape \(1, 2\)"),
        (3, r"one dimension, this one has shape \(\)"),
    ],
)
def test_resolve_refuses(selection: Any, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        resolve(selection, DIGLYCINE)

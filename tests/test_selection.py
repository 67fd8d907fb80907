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

from gromos_dist.errors import SelectionError
from gromos_dist.topology import Topology, load_topology, resolve, select
from gromos_dist.topology.residue_names import PROTEIN, WATER

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import MDAnalysis
    import MDAnalysisTests

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
    expected = universe.select_atoms(theirs).indices
    if len(expected):
        np.testing.assert_array_equal(select(ours, topology), expected)
    else:
        with pytest.raises(SelectionError, match="chooses no atom"):
            select(ours, topology)


@pytest.mark.parametrize("name", ["adk_oplsaa.gro", "watdyn.psf", "cobrotoxin.pdb"])
def test_water_equals_mdanalysis(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = MDAnalysis.Universe(str(FILES / name)).select_atoms("water").indices
    np.testing.assert_array_equal(select("water", load_topology(FILES / name)), expected)


def test_elements_equal_mdanalysis() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(FILES / "1hvr.pdb"))
    expected = universe.select_atoms("element N S").indices
    np.testing.assert_array_equal(
        select("element N S", load_topology(FILES / "1hvr.pdb")), expected
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
        chosen = select(expression, atoms)
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
    assert select("name O5*", atoms).tolist() == [0, 1]
    assert select('name "O5*"', atoms).tolist() == [0]
    assert select("name O5?", atoms).tolist() == [0, 1]
    assert select("name O5'", atoms).tolist() == [1]
    assert select("name [*", atoms).tolist() == [3]
    assert select('name "all" or resname "ALL" "and"', atoms).tolist() == [0, 2, 3]


def test_a_solvent_is_water_only_when_it_is() -> None:
    assert select("water", DIGLYCINE).tolist() == list(range(10, 19))
    assert select("water", with_names(["OW"], ["SOLV"])).tolist() == [0]
    elements = np.where(DIGLYCINE.element == "O", "S", DIGLYCINE.element)
    dataset = DIGLYCINE.to_dataset().assign_coords(element=("atom", elements))
    with pytest.raises(SelectionError, match="chooses no atom"):
        select("water", dataset)


LEAVES = st.sampled_from(
    ["name CA", "name N H", "resid 1", "water", "protein", "mass > 13", "index 3:12", "element O"]
)


def chosen_or_none(expression: str) -> set[int]:
    try:
        return set(select(expression, DIGLYCINE).tolist())
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
        chosen = select(text, DIGLYCINE)
    except SelectionError:
        return
    assert 0 < len(chosen) <= DIGLYCINE.n_atoms


def check_error(expression: str, message: str, place: int) -> None:
    with pytest.raises(SelectionError, match=message) as caught:
        select(expression, DIGLYCINE)
    first, shown, caret = str(caught.value).split("\n")
    assert shown == "  " + expression.replace("\n", " ").replace("\t", " ")
    assert caret == "  " + " " * place + "^", first


@pytest.mark.parametrize(
    ("expression", "message", "place"),
    [
        ("", "expected a selection, found the end; known words: name, resname", 0),
        ("proteim", r"unknown word 'proteim'; did you mean 'protein'\?; known words:", 0),
        ("protein and resnme ALA", "unknown word 'resnme'; did you mean 'resname'", 12),
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
    ],
)
def test_errors_point_at_the_place(expression: str, message: str, place: int) -> None:
    check_error(expression, message, place)


def test_too_deep_is_an_error_too() -> None:
    assert len(select("not " * 100_000 + "all", DIGLYCINE)) == DIGLYCINE.n_atoms
    with pytest.raises(SelectionError, match="too many parentheses"):
        select("(" * 100_000 + "all" + ")" * 100_000, DIGLYCINE)


def test_an_empty_selection_says_what_exists() -> None:
    with pytest.raises(SelectionError) as caught:
        select("resname GLX and resid 1000", DIGLYCINE)
    assert str(caught.value) == (
        "the selection 'resname GLX and resid 1000' chooses no atom; these exist:\n"
        "  resname: GLY, SOLV; did you mean 'GLY'?\n"
        "  resid: from 1 to 5"
    )
    with pytest.raises(SelectionError, match=r"name: C, CA, H, HW1, .*did you mean 'CA'"):
        select("name ca", DIGLYCINE)
    with pytest.raises(SelectionError, match=r"'not all' chooses no atom$"):
        select("not all", DIGLYCINE)


def test_what_is_not_known_of_the_atoms() -> None:
    bare = xr.DataArray(np.zeros((2, 5, 3)), dims=("frame", "atom", "xyz"))
    assert select("index 1:3", bare).tolist() == [1, 2, 3]
    with pytest.raises(
        SelectionError, match=r"'protein' needs the atom coordinate 'residue_name', .*topology"
    ):
        select("protein", bare)
    with pytest.raises(SelectionError, match="'name' needs the atom coordinate 'atom_name'"):
        select("all and name CA", bare)
    with pytest.raises(SelectionError, match="no dimension 'atom', only"):
        select("all", bare.isel(atom=0))
    coarse = load_topology(FILES / "martini_dppc_chol_bilayer.gro")
    with pytest.raises(
        SelectionError, match=r"the mass of .* atoms is unknown, the first is atom 2"
    ):
        select("mass > 2", coarse)


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

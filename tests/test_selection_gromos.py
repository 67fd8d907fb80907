"""Atom specifiers of GROMOS: against plain Python, and against what gromos++ did with them."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist.analysis.per_frame import points_of
from gromos_dist.errors import SelectionError
from gromos_dist.selection import gromos, words
from gromos_dist.selection.languages import read
from gromos_dist.selection.virtual_atoms import KINDS_OF_SITES
from gromos_dist.topology import Topology, load_topology

DATA = Path(__file__).parent / "data"
DIGLYCINE = load_topology(DATA / "diglycine.top").solvate(3)


def several(seed: int = 0) -> Topology:
    """Four solute molecules of several residues, one of them without, and three of solvent."""
    random = np.random.default_rng(seed)
    molecule = np.repeat([1, 2, 3, 4], [9, 1, 6, 4])
    residue = np.array([1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 5, 5, 6, 6, 7, 7, 8, 8, 8, 8])
    n_atoms = len(molecule)
    names = random.choice(["C", "CA", "CB1", "N", "O", "CL-"], n_atoms)
    residue_names = np.array(["", "ALA", "GLY", "ALA", "NA+", "ALA", "LYSH", "GLY", "GLY"])[residue]
    return Topology(
        atom_name=names,
        residue_name=residue_names,
        residue=residue,
        molecule=molecule,
        element=np.full(n_atoms, "C"),
        mass=np.full(n_atoms, 12.0),
        charge=np.zeros(n_atoms),
        bonds=np.empty((0, 2), int),
        solvent=DIGLYCINE.solvent,
    ).solvate(3)


SYSTEM = several()
N_SOLUTE = 20


def plain(topology: Topology, parts: list[tuple[Any, Any, list[Any]]]) -> list[int]:  # noqa: PLR0912
    """Atoms of (molecules, residues, atoms), found one by one; those of solvent's names last."""
    found: list[int] = []
    of_solvent: list[str] = []

    def add(atom: int) -> None:
        if atom not in found:
            found.append(atom)

    def add_some(some: list[int], atoms: list[Any]) -> None:
        for asked in atoms:
            if isinstance(asked, tuple):
                for number in range(asked[0], asked[1] + 1):
                    add(some[number - 1])
                continue
            for atom in some:
                name = str(topology.atom_name[atom])
                if asked in ("a", name) or (asked[-1] == "?" and name.startswith(asked[:-1])):
                    add(atom)

    for molecules, residues, atoms in parts:
        if molecules == "s":
            numbers = [one for one in atoms if isinstance(one, tuple)]
            if numbers:
                add_some(list(range(N_SOLUTE, topology.n_atoms)), atoms)
            else:
                of_solvent += atoms
            continue
        for molecule in range(1, 5) if molecules == "a" else molecules:
            own = [i for i in range(N_SOLUTE) if topology.molecule[i] == molecule]
            if residues is None:
                add_some(own, atoms)
                continue
            numbers = sorted({int(topology.residue[i]) for i in own})
            for asked in residues:
                if isinstance(asked, tuple):
                    wanted = [numbers[k - 1] for k in range(asked[0], asked[1] + 1)]
                else:
                    wanted = [
                        number
                        for number in numbers
                        if asked
                        == next(
                            topology.residue_name[i] for i in own if topology.residue[i] == number
                        )
                    ]
                for number in wanted:
                    add_some([i for i in own if topology.residue[i] == number], atoms)
    for first in range(N_SOLUTE, topology.n_atoms, 3):
        for name in of_solvent:
            for atom in range(first, first + 3):
                if name in ("a", str(topology.atom_name[atom])):
                    add(atom)
    return found


def text_of(parts: list[tuple[Any, Any, list[Any]]]) -> str:
    """The same as a specifier."""

    def listed(asked: Any) -> str:
        return ",".join(
            one
            if isinstance(one, str)
            else f"{one[0]}-{one[1]}"
            if one[0] != one[1]
            else f"{one[0]}"
            for one in asked
        )

    return ";".join(
        f"{molecules if isinstance(molecules, str) else ','.join(map(str, molecules))}:"
        + (listed(atoms) if residues is None else f"res({listed(residues)}:{listed(atoms)})")
        for molecules, residues, atoms in parts
    )


NAMES = st.sampled_from(["C", "CA", "CB1", "N", "O", "C?", "XX", "a"])


@st.composite
def specifiers(draw: st.DrawFn) -> list[tuple[Any, Any, list[Any]]]:
    parts: list[tuple[Any, Any, list[Any]]] = []
    for _ in range(draw(st.integers(1, 4))):
        match draw(st.sampled_from(["names", "numbers", "residues", "solvent", "solvent numbers"])):
            case "names":
                some = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True)
                molecules = draw(st.one_of(st.just("a"), some))
                parts.append((molecules, None, draw(st.lists(NAMES, min_size=1, max_size=3))))
            case "numbers":
                molecule, size = draw(st.sampled_from([(1, 9), (2, 1), (3, 6), (4, 4)]))
                number = st.integers(1, size)
                several = st.tuples(number, number).map(lambda two: (min(two), max(two)))
                atoms = draw(st.lists(st.one_of(several, NAMES), min_size=1, max_size=3))
                parts.append(([molecule], None, atoms))
            case "residues":
                molecule, size = draw(st.sampled_from([(1, 3), (2, 1), (3, 3), (4, 1)]))
                number = st.integers(1, size)
                several = st.tuples(number, number).map(lambda two: (min(two), max(two)))
                name = st.sampled_from(["ALA", "GLY", "LYSH", "NA+", "XXX"])
                residues = draw(st.lists(st.one_of(several, name), min_size=1, max_size=3))
                atoms = draw(st.lists(st.one_of(NAMES, st.just((1, 1))), min_size=1, max_size=3))
                parts.append(([molecule], residues, atoms))
            case "solvent":
                names = st.sampled_from(["OW", "HW1", "HW2", "a"])
                parts.append(("s", None, draw(st.lists(names, min_size=1, max_size=2))))
            case _:
                first = draw(st.integers(1, 9))
                parts.append(("s", None, [(first, draw(st.integers(first, 9)))]))
    return parts


@given(specifiers(), st.integers(0, 20))
def test_specifiers_equal_plain_python(parts: list[Any], seed: int) -> None:
    topology = several(seed)
    expected = plain(topology, parts)
    text = text_of(parts)
    dataset = topology.to_dataset()
    for atoms in (topology, dataset):
        if expected:
            assert gd.select(atoms, text).tolist() == expected
        else:
            with pytest.raises(SelectionError, match="chooses no atom"):
                gd.select(atoms, text)


@given(specifiers(), specifiers(), specifiers())
def test_what_is_left_out(first: list[Any], left_out: list[Any], again: list[Any]) -> None:
    def numbers(parts: list[Any]) -> list[int]:
        return plain(SYSTEM, parts)

    # Names of the solvent would come last: they are left to the test above.
    first, again = ([part for part in parts if part[0] != "s"] for parts in (first, again))
    without = [atom for atom in numbers(first) if atom not in numbers(left_out)]
    expected = without + [atom for atom in numbers(again) if atom not in without]
    text = f"{text_of(first)};minus({text_of(left_out)});{text_of(again)}"
    never = [atom for atom in numbers(first + again) if atom not in numbers(left_out)]
    not_text = f"not({text_of(left_out)}) {text_of(first)} {text_of(again)}"
    for written, atoms in ((text, expected), (not_text, never)):
        if atoms:
            assert gd.select(SYSTEM, written).tolist() == atoms
        else:
            with pytest.raises(SelectionError):
                gd.select(SYSTEM, written)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("1:CA", [2, 7]),
        ("1:8,3", [7, 2]),
        ("1:N,CA", [0, 5, 2, 7]),
        ("1:res(1-2:CA,N)", [2, 0, 7, 5]),
        ("1:res(2:2)", [6]),
        ("a:a", list(range(10))),
        ("s:HW1,OW", [11, 10, 14, 13, 17, 16]),
        ("s:OW;1:1", [0, 10, 13, 16]),
        ("s:OW 1:1", [0, 10, 13, 16]),
        ("1:1 no s:9", [0, 18]),
        ("gromos: 1:1", [0]),
        ("  1:1 ; s:1 ;", [0, 10]),
        ('1:"CA"', [2, 7]),
        ("1:a;minus(1:3-10)", [0, 1]),
        ("not(not(1:N) 1:a)  1:a", [0, 5]),
    ],
)
def test_specifiers(text: str, chosen: list[int]) -> None:
    assert gd.select(DIGLYCINE, text).tolist() == chosen
    assert DIGLYCINE.to_dataset().gromos.select(text).tolist() == chosen
    tree = read(text)
    assert pickle.loads(pickle.dumps(tree)) == tree
    assert hash(read(f" {text}")) == hash(tree)


@pytest.mark.parametrize(
    ("text", "message", "caret"),
    [
        ("1:CA)", "expected ';' or the end, found '\\)'", 4),
        ("2:1", "no molecule 2 of the solute here; there are 1 to 1", 0),
        ("1:1;1:11", "molecule 1 has no atom 11 here; its atoms are 1 to 10", 4),
        ("1:9-99999999999999", "molecule 1 has no atom 11 here", 0),
        ("1:res(3:CA)", "molecule 1 has no residue 3 here; its residues are 1 to 2", 0),
        ("1:res(1:6)", "residue 1 of molecule 1 has no atom 6 here; its atoms are 1 to 5", 0),
        ("s:10", "the solvent has no atom 10 here; its atoms are 1 to 9", 0),
        ("s:res(1:OW)", "the solvent has no residues", 2),
        ("1:res(1:1-2)", "within res\\(\\) there are single atoms", 8),
        ("1:res(CA)", "expected ':' between residues and atoms", 8),
        ("1:res 1", "expected '\\('", 6),
        ("1:res(1:CA", "expected '\\)'", 10),
        ("1:", "expected an atom: a number", 2),
        ("1:CA,", "expected an atom: a number", 5),
        ("1:3-", "expected a number, a range such as 3-5, or a name, found '3-'", 2),
        ("1:5-2", "the range ends before it begins; write 2-5", 2),
        ("1:0", "count from 1", 2),
        ("0:1", "count from 1", 0),
        ("1:1234567890123456789", "at most 18 digits", 2),
        ('1:"CA', "this quote is not closed", 2),
        ("gromos: CA", "expected molecules: a number", 8),
        ("gromos:", "expected an atom specifier such as 1:CA, found the end", 7),
        ("1:1;x:2", "expected molecules: a number", 4),
        ("1:1 va(com,1:a)", "a virtual atom is a point, and here atoms are needed", 4),
        ("not(1:a)", "not\\(...\\) leaves atoms out of what else is specified", 0),
        ("not(1:a", "expected '\\)'", 7),
        ("minus(", "expected an atom specifier", 6),
        ("1:1 file()", "expected the name of a file", 9),
        ("1:1 file(x", "expected the name of a file", 10),
        ("not(" * 3000 + "1:a", "too many parentheses", None),
    ],
)
def test_messages_have_carets(text: str, message: str, caret: int | None) -> None:
    with pytest.raises(SelectionError, match=message) as caught:
        gd.select(DIGLYCINE, text)
    if caret is not None:
        assert str(caught.value).splitlines()[1:] == [f"  {text}", f"  {' ' * caret}^"]


def test_nothing_is_chosen() -> None:
    with pytest.raises(
        SelectionError, match=r"'1:XX' chooses no atom; these exist:\n  name: C, CA"
    ):
        gd.select(DIGLYCINE, "1:XX")
    with pytest.raises(SelectionError, match="'no' chooses no atom"):
        gd.select(DIGLYCINE, "no")


def test_which_language_it_is() -> None:
    for text in (
        *("1:CA", "a:C", "s:OW", "1,3-5:CA", "va(com,1:a)", "not(a:C) 1:a", "minus(1:1)"),
        *("file(x)", "no", "no;1:1", "gromos: x", " 1:10", "not( not(1:C) 1:a) 1:a"),
    ):
        assert gromos.is_gromos(text)
    for text in (
        *("name CA", "resid 1:10", "index 1:10", "not name C", "not(name C)", "not (1:CA)"),
        *("1:CA and protein", "all", "nucleic", "a", "s", "1", "not(1:CA) and water", "A:CA"),
        *('segid "1:CA"', "chain a", "notwater"),
    ):
        assert not gromos.is_gromos(text)


def test_specifiers_are_parts_of_the_boolean_language() -> None:
    for text, other in (
        ("1:CA and resid 2", "name CA and resid 2"),
        ("not 1:res(1:CA,C)", "not (resid 1 and name CA C)"),
        ("water and not s:OW", "water and not name OW"),
        ("byres 1:1", "resid 1"),
        ("(1:1-3) or 1:CA", "index 0:2 or name CA"),
        ("bonded to 1:1 and resid 1:1", "bonded to index 0 and resid 1"),
    ):
        np.testing.assert_array_equal(gd.select(DIGLYCINE, text), gd.select(DIGLYCINE, other))
    assert words.parse("within 0.5 of 1:CA").of == gromos.parse("1:CA")
    with pytest.raises(SelectionError, match="molecule 1 has no atom 20 here") as caught:
        gd.select(DIGLYCINE, "water or 1:20 and protein")
    assert str(caught.value).splitlines()[2] == "           ^"
    with pytest.raises(SelectionError, match="write 2-5") as caught:
        gd.select(DIGLYCINE, "water or 1:5-2 and protein")
    assert str(caught.value).splitlines()[2] == "             ^"


def test_numbers_are_those_of_the_file() -> None:
    dataset = SYSTEM.to_dataset().assign_coords(atom_number=("atom", np.arange(SYSTEM.n_atoms)))
    whole = {text: gd.select(SYSTEM, text) for text in ("3:2", "1:5", "3:res(2:a)", "s:4-6", "4:a")}
    solute = dataset.isel(atom=slice(0, 20))
    for text in ("3:2", "1:5", "3:res(2:a)", "4:a"):
        np.testing.assert_array_equal(gd.select(solute, text), whole[text])
    # Without the third atom: what is behind it has its number still, its residue is not known.
    some = dataset.isel(atom=[0, 1, *range(3, SYSTEM.n_atoms)])
    for text in ("3:2", "1:5", "3:res(2:a)", "s:4-6", "4:a"):
        np.testing.assert_array_equal(gd.select(some, text), whole[text] - 1)
    np.testing.assert_array_equal(gd.select(some, "1:1-2;1:res(1:1)"), [0, 1])
    with pytest.raises(SelectionError, match="molecule 1 has no atom 3 here"):
        gd.select(some, "1:3")
    with pytest.raises(SelectionError, match="which residues of molecule 1 are here is not known"):
        gd.select(some, "1:res(2:a)")
    # Of molecule 3 the beginning is gone: numbers are not known, names are.
    cut = dataset.isel(atom=[0, *range(12, SYSTEM.n_atoms)])
    with pytest.raises(SelectionError, match="which atoms of molecule 3 are here is not known"):
        gd.select(cut, "3:4")
    with pytest.raises(SelectionError, match="which residues of molecule 3 are here is not known"):
        gd.select(cut, "3:res(2:a)")
    np.testing.assert_array_equal(gd.select(cut, "3:a"), [1, 2, 3, 4])
    np.testing.assert_array_equal(gd.select(cut, "1:1;4:1;s:1"), [0, 5, 9])
    no_start = dataset.isel(atom=slice(22, None))
    with pytest.raises(SelectionError, match="which atoms of the solvent are here is not known"):
        gd.select(no_start, "s:4")
    assert gd.select(no_start, "s:OW").tolist() == gd.select(no_start, "name OW").tolist()
    turned = dataset.isel(atom=slice(None, None, -1))
    assert gd.select(turned, "1:1-2").tolist() == [28, 27]


def test_what_is_not_known() -> None:
    bare = DIGLYCINE.to_dataset().drop_vars("molecule")
    with pytest.raises(SelectionError, match="needs the atom coordinate 'molecule'") as caught:
        gd.select(bare, "s:OW;1:CA")
    assert str(caught.value).splitlines()[1:] == ["  s:OW;1:CA", "       ^"]
    dry = DIGLYCINE.to_dataset().isel(atom=slice(0, 10))
    with pytest.raises(SelectionError, match="no solvent is known here"):
        gd.select(dry, "s:OW")
    unnamed = dry.drop_vars(["residue_name", "atom_name", "residue"])
    assert gd.select(unnamed, "1:3").tolist() == [2]
    with pytest.raises(SelectionError, match="needs the atom coordinate 'atom_name'"):
        gd.select(unnamed, "1:CA")
    with pytest.raises(SelectionError, match="needs the atom coordinate 'residue'"):
        gd.select(unnamed, "1:res(1:a)")
    with pytest.raises(SelectionError, match="needs the atom coordinate 'residue_name'"):
        gd.select(unnamed.assign_coords(residue=("atom", dry.residue.values)), "1:res(GLY:a)")


ATOMINFO = """TITLE
atominfo, 1:CA
END
ATOMS
#  Atom  GROMOS  Residue  Residue   Atom
   1:3      3       1     GLY       CA   # a comment

   1:8      8       2     GLY       CA
   s:4     14       2     SLV       OW
END
"""


def test_files_of_atoms(tmp_path: Path) -> None:
    path = tmp_path / "ca (1).spec"
    path.write_text(ATOMINFO)
    for text in (f'file("{path}")', f'1:8 file("{path}");minus(1:3)'):
        expected = [2, 7, 13] if text.startswith("file") else [7, 13]
        assert gd.select(DIGLYCINE, text).tolist() == expected
    plain_name = tmp_path / "ca.spec"
    plain_name.write_text(ATOMINFO)
    assert gd.select(DIGLYCINE, f"file({plain_name})").tolist() == [2, 7, 13]
    for content, message in (
        (ATOMINFO.replace("1:8", "1;8"), "ca.spec, line 8: expected a molecule and an atom"),
        (ATOMINFO.replace("\nEND\n", "\n"), "there is no END"),
        ("TITLE\nEND\n", "there is no ATOMS"),
        (ATOMINFO.replace("1:8", "1:80"), "molecule 1 has no atom 80 here"),
    ):
        plain_name.write_text(content)
        with pytest.raises(SelectionError, match=message):
            gd.select(DIGLYCINE, f"file({plain_name})")
    with pytest.raises(SelectionError, match=r"file\(nowhere\) cannot be read"):
        gd.select(DIGLYCINE, "file(nowhere)")


def test_the_history_knows_the_files(tmp_path: Path) -> None:
    path = tmp_path / "ca.spec"
    path.write_text(ATOMINFO)
    ds = DIGLYCINE.to_dataset().assign(
        positions=(("frame", "atom", "xyz"), np.zeros((2, DIGLYCINE.n_atoms, 3)))
    )

    def parameter() -> Any:
        result = gd.center_of_geometry(ds, atoms=f"file({path}) 1:1")
        assert "center_of_geometry(atoms='file(" in result.attrs["history"]
        return result.gromos.provenance()["parameters"]["atoms"]

    before = parameter()
    assert before[0] == f"file({path}) 1:1"
    assert before[1].keys() == {"content_hash", "size"}
    assert parameter() == before
    path.write_text(ATOMINFO.replace("1:8", "1:9"))
    assert parameter() != before


# ---- virtual atoms ----


def one_frame(positions: np.ndarray) -> xr.Dataset:
    names = [f"C{i}" for i in range(positions.shape[1])]
    n_atoms = len(names)
    return xr.Dataset(
        {"positions": (("frame", "atom", "xyz"), positions, {"units": "nm"})},
        coords={
            "atom_name": ("atom", names),
            "molecule": ("atom", np.ones(n_atoms, int)),
            "mass": ("atom", np.arange(1.0, n_atoms + 1)),
        },
    )


def at(ds: xr.Dataset, text: str) -> np.ndarray:
    return points_of(ds, text).positions(ds.positions.values)[:, 0]


def test_virtual_atoms_are_where_hydrogens_are() -> None:
    """A tetrahedron around the first atom, and an aromatic ring."""
    corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    shift = np.array([0.3, -0.2, 5.0])
    ds = one_frame(np.concatenate([np.zeros((1, 3)), 0.153 * corners])[None] + shift)
    np.testing.assert_allclose(at(ds, "va(1,1:1,3-5)")[0] - shift, 0.1 * corners[0], atol=1e-7)
    pair = 0.1 * corners[[0, 1]]
    np.testing.assert_allclose(at(ds, "va(3,1:1,4,5)")[0] - shift, pair.mean(0), atol=1e-7)
    both = [at(ds, f"va(4,1:1,{other})")[0] - shift for other in ("4,5", "5,4")]
    np.testing.assert_allclose(sorted(map(tuple, both)), sorted(map(tuple, pair)), atol=1e-7)
    # The mean of three hydrogens of a methyl group, of six of two, of nine of three.
    np.testing.assert_allclose(at(ds, "va(5,1:1,2)")[0] - shift, -0.1 / 3 * corners[0], atol=1e-7)
    methyl = (0.153 + 0.1 / 3) * corners
    np.testing.assert_allclose(at(ds, "va(6,1:1,2,3)")[0] - shift, methyl[:2].mean(0), atol=1e-6)
    np.testing.assert_allclose(at(ds, "va(7,1:1,2)")[0] - shift, methyl[1:].mean(0), atol=1e-7)
    ring = 0.14 * np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3)], 1)
    flat = one_frame(np.pad(ring, ((0, 0), (0, 1)))[None])
    np.testing.assert_allclose(at(flat, "va(2,1:1,2,6)")[0], [0.24, 0, 0], atol=1e-7)
    np.testing.assert_array_equal(at(ds, "va(0,1:4)"), ds.positions.values[:, 3])
    for kind, of in (
        ("cog", np.ones(5)),
        ("-1", np.ones(5)),
        ("com", np.arange(1.0, 6)),
        ("-2", 0),
    ):
        weights = np.arange(1.0, 6) if np.ndim(of) == 0 else np.asarray(of)
        mean = weights @ ds.positions.values[0] / weights.sum()
        np.testing.assert_allclose(at(ds, f"va({kind},1:a)")[0], mean, atol=1e-12)


def test_points_of_specifiers() -> None:
    ds = one_frame(np.random.default_rng(0).normal(size=(3, 6, 3)))
    points = points_of(ds, ["1:5,2;va(cog, 1:a);1:1", "va(0,1:3)", "gromos: va(5,1:2,1,4)"])
    assert points.labels == ("C4", "C1", "va(cog, 1:a)", "C0", "C2", "va(5,1:2,1,4)")
    assert points.counts == (4, 1, 1)
    np.testing.assert_array_equal(points.numbers, [4, 1, -1, 0, 2, -1])
    found = points.positions(ds.positions.values)
    np.testing.assert_array_equal(found[:, [0, 1, 3, 4]], ds.positions.values[:, [4, 1, 0, 2]])
    np.testing.assert_array_equal(found[:, 5], at(ds, "va(5,1:2,1)"))
    for frame in range(3):
        alone = points.positions(ds.positions.values[frame : frame + 1])
        np.testing.assert_array_equal(alone[0], found[frame])
    for kind, site in KINDS_OF_SITES.items():
        with pytest.raises(SelectionError, match=f"type {kind} .* is made of {site.n_atoms} atoms"):
            points_of(ds, f"va({kind},1:1)")
    for text, message, caret in (
        ("va(8,1:1)", "expected the type of a virtual atom: cog, -1, com, -2, 0, 1", 3),
        ("va com", r"expected '\(': va\(com,1:a\)", 3),
        ("va(com;1:a)", r"expected ',': va\(com,1:a\)", 6),
        ("va(com,1:a", r"expected '\)'", 10),
        ("va(com,va(cog,1:a))", "a virtual atom is a point", 7),
    ):
        with pytest.raises(SelectionError, match=message) as caught:
            points_of(ds, text if text.startswith("va(") else f"gromos:{text}")
        assert str(caught.value).splitlines()[2].index("^") - 2 == caret + 7 * (" " in text)


# ---- gromos++ ----


@pytest.fixture(scope="module")
def analysis(reference: Path) -> Path:
    return reference / "analysis"


SOLVENT = {"pla2.top": 6897, "ch4_999spc.top": 999, "ch4_w999.top": 0, "w1000_solv.top": 0}


def specifiers_of(path: Path) -> Iterator[str]:
    """Go through the specifiers in the arguments of a program of gromos++."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    for word in re.findall(r"\S+", text):
        # Properties: d%1:3;2:4, vectors: atom(1:3,4).
        for part in word.split("%"):
            vectors = re.findall(r"atom\(((?:[^()]|\([^()]*\))*)\)", part)
            for one in vectors or [part]:
                if gromos.is_gromos(one) and "$" not in one:
                    yield one


def test_every_specifier_of_the_witnesses_is_understood(analysis: Path) -> None:
    seen: dict[tuple[str, str], int] = {}
    topologies: dict[Path, Topology] = {}
    for path in sorted(analysis.rglob("*.arg")):
        name = re.findall(r"@topo\s+(\S+)", path.read_text())
        # Elsewhere, `no` is a switch.
        found = [one for one in specifiers_of(path) if one != "no"]
        if not found:
            continue
        [file] = {some.resolve() for some in analysis.rglob(name[0])}
        if file not in topologies:
            topologies[file] = load_topology(file).solvate(SOLVENT[file.name])
        for text in found:
            if (file.name, text) in seen:
                continue
            if "va(" in text:
                ds = topologies[file].to_dataset()
                zeros = np.zeros((1, ds.sizes["atom"], 3))
                ds = ds.assign(positions=(("frame", "atom", "xyz"), zeros))
                seen[file.name, text] = len(points_of(ds, text))
            else:
                seen[file.name, text] = len(gd.select(topologies[file], text))
    counts = {
        "1:CA": 119,
        "1:a": 1190,
        "a:a": 1210,
        "s:OW": 6897,
        "2-5:a": 20,
        "1:res(1-10:CA)": 10,
        "1:res(20-119:CA)": 100,
        "1:res(1-10:CA,N,C)": 30,
        "1:16,114": 2,
        "va(com,1:a);3:1": 2,
    }
    for text, count in counts.items():
        assert seen["pla2.top", text] == count, text
    assert seen["ch4_w999.top", "2-1000:2,3"] == 2 * 999
    assert seen["ch4_999spc.top", "s:HW1,HW2"] == 2 * 999
    assert len(seen) > 100


@pytest.fixture(scope="module")
def whole(analysis: Path) -> xr.Dataset:
    folder = analysis / "pla2"
    ds = gd.open_trajectory(folder / "pla2_solute.trc.gz", folder / "pla2.top", dtype=float)
    return gd.make_whole(ds)


def test_names_in_the_order_of_gromos(analysis: Path, whole: xr.Dataset) -> None:
    for text, file in (("1:CA", "rmsf_ca_cog.out"), ("1:a", "rmsf_all_fitca_cog.out")):
        rows = (analysis / "pla2" / file).read_text().splitlines()
        names = [row.split()[2] for row in rows if row.strip() and not row.startswith("#")]
        assert whole.atom_name.values[gd.select(whole, text)].tolist() == names


def test_virtual_atoms_of_gromos(analysis: Path, whole: xr.Dataset) -> None:
    """Distances and an angle of centres, to the six digits printed."""
    expected = np.loadtxt(analysis / "more" / "pla2" / "tser_virtual.out", comments="#")[:, 1:]
    points = points_of(
        whole,
        [
            "va(cog,1:res(1-10:a));va(cog,1:res(50-60:a))",
            "va(com,1:res(1-10:a));va(com,1:res(50-60:a))",
            "va(com,1:a);3:1",
            "1:16;va(cog,1:res(30-40:a));1:506",
        ],
    )
    found = points.positions(whole.positions.values)
    edges = np.diagonal(whole.box.values, axis1=1, axis2=2)

    def apart(one: int, other: int) -> np.ndarray:
        difference = found[:, other] - found[:, one]
        return difference - edges * np.rint(difference / edges)

    for column in range(3):
        distance = np.linalg.norm(apart(2 * column, 2 * column + 1), axis=1)
        np.testing.assert_allclose(distance, expected[:, column], rtol=5.1e-6)
    one, other = apart(7, 6), apart(7, 8)
    cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(np.degrees(np.arccos(cosine)), expected[:, 3], rtol=5.1e-6)


def test_hydrogens_of_gromos(analysis: Path, whole: xr.Dataset) -> None:
    """Mean distances of virtual atoms of types 0, 1 and 3 to 6, to the digits printed."""
    folder = analysis / "more" / "pla2"
    lines = (folder / "pla2.noe").read_text().split("# DISH DISC")[1].splitlines()
    rows = [list(map(int, line.split()[:12])) for line in lines if len(line.split()) == 13]
    table = (folder / "noe.out").read_text().split("rmsd6")[1].split("END")[0].splitlines()[1:]
    printed = np.array([line.split()[1] for line in table], float)
    assert len(printed) == len(rows)

    def text(atoms: list[int], kind: int) -> str:
        # Atoms of the whole solute; all of these are of molecule 1.
        return f"va({kind},1:{','.join(str(atom) for atom in atoms if atom)})"

    ends = [text(row[first : first + 4], row[first + 4]) for row in rows for first in (0, 6)]
    kinds = {int(end[3:].split(",")[0]) for end in ends}
    assert {0, 1, 3, 4, 5} <= kinds
    found = points_of(whole, ends).positions(whole.positions.values)
    mean = np.linalg.norm(found[:, ::2] - found[:, 1::2], axis=-1).mean(axis=0)
    np.testing.assert_allclose(mean, printed, atol=5.1e-4)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "a\0b"])
def test_files_that_are_none(path: str) -> None:
    with pytest.raises(SelectionError, match="cannot be read"):
        gd.select(DIGLYCINE, f"file({path})")


def test_a_file_of_many_atoms_is_read_in_runs(tmp_path: Path) -> None:
    listed = [3, 4, 5, 2, 8, 9, 9, 10, 1]
    path = tmp_path / "atoms.spec"
    path.write_text("ATOMS\n" + "".join(f"1:{atom}\n" for atom in listed) + "END\n")
    found = gd.select(DIGLYCINE, f"file({path})")
    assert found.tolist() == [atom - 1 for atom in dict.fromkeys(listed)]
    assert len(list(gromos.parse(f"file({path})").parts)) == 5  # type: ignore[union-attr]


def test_solute_where_there_is_none() -> None:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")
    solvent = ds.isel(atom=gd.select(ds, "s:a"))
    with pytest.raises(SelectionError, match="chooses no atom"):
        gd.center_of_geometry(solvent, atoms="a:a")
    assert gd.select(solvent, "a:a;s:a").tolist() == list(range(solvent.sizes["atom"]))

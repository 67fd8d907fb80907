"""The tree of a selection: a second language that makes it, and frames in which it is evaluated."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist.errors import FrameError, SelectionError
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.selection.evaluate import bind, evaluate, masks_of_frames
from gromos_dist.selection.known_atoms import Atoms
from gromos_dist.selection.syntax import Tokens
from gromos_dist.selection.tree import (
    And,
    Between,
    Everything,
    Exactly,
    Indices,
    Kind,
    Node,
    Not,
    Or,
    Property,
    Region,
    Same,
    Sphere,
    Tree,
    Within,
    depends_on_frame,
    nodes_of,
)
from gromos_dist.selection.words import parse
from gromos_dist.topology import load_topology

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import MDAnalysis
    import MDAnalysisTests

FILES = Path(MDAnalysisTests.__file__).parent / "data"
DATA = Path(__file__).parent / "data"
DIGLYCINE = load_topology(DATA / "diglycine.top").solvate(60)
N_ATOMS = DIGLYCINE.n_atoms
STEPS = np.stack(np.meshgrid(*map(np.arange, (-40, -16, -8), (41, 17, 9))), -1).reshape(-1, 3)
LONGEST = 1.5
"""No distance (nm) in this file is longer, but those that choose everything."""

BOXES = {
    "rectangular": np.diag([1.5, 2.0, 2.5]),
    "triclinic": np.array([[1.5, 0.0, 0.0], [0.6, 1.5, 0.0], [-0.5, 0.7, 1.4]]),
    "turned": np.array([[0.0, 1.5, 0.1], [1.45, 0.1, -0.5], [0.15, 0.2, 1.65]]),
    # Its vectors are long, its heights small, its shortest lattice vectors 1.5 nm.
    "skewed": np.array([[1.5, 0.0, 0.0], [3.7, 1.5, 0.0], [-0.5, 3.2, 1.4]]),
    "truncated octahedron": octahedron_vectors(2.0 * np.eye(3)),
    "none": np.full((3, 3), np.nan),
}


def evaluate_in_frames(
    tree: Tree, atoms: Atoms, positions: np.ndarray, box: np.ndarray | None = None
) -> np.ndarray:
    return masks_of_frames(bind(tree, atoms), positions, box)


# A second language: "1:CA+2:O" is CA of molecule 1 and O of molecule 2, "!" is not.
_TOKEN = re.compile(r"[+!:]|[A-Z]+\d*|\d+|.")


def parse_toy(expression: str) -> Tree:
    tokens = Tokens(expression, _TOKEN, {})
    parts = [_toy_atom(tokens)]
    while tokens.accept("+"):
        parts.append(_toy_atom(tokens))
    return Or(tuple(parts)) if len(parts) > 1 else parts[0]


def _toy_atom(tokens: Tokens) -> Tree:
    if tokens.accept("!"):
        return Not(_toy_atom(tokens))
    token = tokens.peek()
    if token is None or not token.text.isdigit():
        raise tokens.error("expected the number of a molecule")
    number = int(tokens.take().text)
    molecule = Property("molecule", (Between(number, number),), at=token.place)
    if not tokens.accept(":"):
        raise tokens.error("expected ':'")
    name = tokens.take()
    return And((molecule, Property("name", (Exactly(name.text),), at=name.place)))


@pytest.mark.parametrize(
    ("toy", "words", "chosen"),
    [
        ("1:CA", "molecule 1 and name CA", [2, 7]),
        ("1:CA+3:OW", "molecule 1 and name CA or molecule 3 and name OW", [2, 7, 13]),
        ("!1:CA", "not (molecule 1 and name CA)", [0, 1, *range(3, 7), *range(8, N_ATOMS)]),
    ],
)
def test_two_languages_make_equal_trees(toy: str, words: str, chosen: list[int]) -> None:
    assert parse_toy(toy) == parse(words)
    assert hash(parse_toy(toy)) == hash(parse(words))
    for atoms in (DIGLYCINE, DIGLYCINE.to_dataset()):
        assert evaluate(parse_toy(toy), atoms).tolist() == chosen


def test_messages_point_into_any_language() -> None:
    with pytest.raises(SelectionError, match="expected ':'") as caught:
        parse_toy("1:CA+2CA")
    assert str(caught.value).split("\n")[1:] == ["  1:CA+2CA", "        ^"]
    atoms = DIGLYCINE.to_dataset().mass.drop_vars("atom_name")
    with pytest.raises(SelectionError, match="'N' needs the atom coordinate") as caught:
        evaluate(parse_toy("2:N+1:CA"), atoms)
    assert str(caught.value).split("\n")[1:] == ["  2:N+1:CA", "    ^"]
    with pytest.raises(SelectionError, match=r"^'name' needs .*'system.top'\)$"):
        evaluate(Property("name", (Exactly("CA"),)), atoms)


def test_places_of_atoms_are_nodes_too() -> None:
    assert evaluate(Indices((7, 2, 2)), DIGLYCINE).tolist() == [2, 7]
    assert evaluate(And((Indices((7, 2)), parse("resid 1"))), DIGLYCINE).tolist() == [2]
    with pytest.raises(SelectionError, match="atom 190 is out of range: 190 atoms count from 0 to"):
        evaluate(Indices((190,)), DIGLYCINE)


def translations(box: np.ndarray, longest: float) -> np.ndarray:
    """Return all translations of a lattice up to a length."""
    moves = STEPS @ np.nan_to_num(box)
    if not moves.any():
        return np.zeros((1, 3))
    return moves[np.linalg.norm(moves, axis=1) <= longest]


def brute_force(
    points: np.ndarray, others: np.ndarray, box: np.ndarray, near: Callable[[np.ndarray], Any]
) -> np.ndarray:
    """Tell which points have an image of one of the others at a difference that is near."""
    found = np.zeros(len(points), bool)
    differences = points[:, None] - others[None]
    for move in translations(box, np.linalg.norm(differences, axis=-1).max(initial=0.0) + LONGEST):
        found |= near(differences + move).any(axis=1)
    return found


def frames(seed: int, n_frames: int = 2) -> np.ndarray:
    """Return atoms in a few cells around the origin."""
    return np.random.default_rng(seed).uniform(-1.5, 1.5, (n_frames, N_ATOMS, 3))


def at_most(distance: float) -> Callable[[np.ndarray], Any]:
    return lambda difference: np.linalg.norm(difference, axis=-1) <= distance


@pytest.mark.parametrize("distance", [0.0, 0.15, 0.5, 0.9])
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_within_equals_brute_force_over_images(box: np.ndarray, distance: float) -> None:
    positions = frames(1)
    for dtype in (np.float32, np.float64):
        given = positions.astype(dtype)
        masks = evaluate_in_frames(
            parse(f"within {distance} of protein"), DIGLYCINE, given, np.stack([box, box])
        )
        assert masks.shape == (2, N_ATOMS)
        assert masks.dtype == bool
        for mask, frame in zip(masks, given.astype(np.float64), strict=True):
            expected = brute_force(frame, frame[:10], box, at_most(distance))
            np.testing.assert_array_equal(mask, expected)
            assert mask[:10].all()


@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.0, 1.2),
    st.lists(st.floats(-1.0, 1.0), min_size=9, max_size=9),
)
def test_within_in_random_boxes(seed: int, distance: float, numbers: list[float]) -> None:
    box = np.reshape(numbers, (3, 3)) + 1.8 * np.eye(3)
    if abs(np.linalg.det(box)) < 1.0:
        return
    points = np.random.default_rng(seed).uniform(-1.5, 1.5, (1, N_ATOMS, 3))
    points[0, 12:] = points[0, 0]
    tree = Within(distance, Indices((3, 4)))
    mask = evaluate_in_frames(tree, DIGLYCINE, points, box[None])[0]
    sure, perhaps = (
        brute_force(points[0, :12], points[0, 3:5], box, at_most(distance + error))
        for error in (-1e-9, 1e-9)
    )
    assert (mask[:12] >= sure).all()
    assert (mask[:12] <= perhaps).all()


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_spheres_and_regions_equal_brute_force(box: np.ndarray) -> None:
    positions = frames(2)
    boxes = np.stack([box, box])

    def masks(expression: str) -> np.ndarray:
        return evaluate_in_frames(parse(expression), DIGLYCINE, positions, boxes)

    point = np.array([0.4, -1.0, 1.0])
    of_point, of_atoms = masks("sphere 0.6 at 0.4 -1 1"), masks("sphere 0.6 of (resid 1)")
    of_region, slab = masks("box -0.3:0.2 0:0.9 1:1.2"), masks("box -1:1 -1:1 0.5:0.7")
    for number, frame in enumerate(positions):
        expected = brute_force(frame, point[None], box, at_most(0.6))
        np.testing.assert_array_equal(of_point[number], expected)
        expected = brute_force(frame, frame[:5].mean(axis=0)[None], box, at_most(0.6))
        np.testing.assert_array_equal(of_atoms[number], expected)
        for mask, half, centre in (
            (of_region[number], [0.25, 0.45, 0.1], [-0.05, 0.45, 1.1]),
            (slab[number], [1.0, 1.0, 0.1], [0.0, 0.0, 0.6]),
        ):
            expected = brute_force(
                frame, np.array([centre]), box, lambda d, half=half: (abs(d) <= half).all(axis=-1)
            )
            np.testing.assert_array_equal(mask, expected)
    assert of_point.any()
    assert of_region.any()
    assert not of_region.all()


def test_trees_of_both_kinds_of_parts() -> None:
    positions, box = frames(3), np.stack([BOXES["triclinic"]] * 2)

    def masks(expression: str) -> np.ndarray:
        return evaluate_in_frames(parse(expression), DIGLYCINE, positions, box)

    within = masks("within 0.4 of protein")
    water = np.isin(np.arange(N_ATOMS), evaluate(parse("water"), DIGLYCINE))
    assert (within[0] != within[1]).any()
    np.testing.assert_array_equal(masks("water and within 0.4 of protein"), within & water)
    np.testing.assert_array_equal(masks("not within 0.4 protein"), ~within)
    np.testing.assert_array_equal(masks("around 0.4 of protein"), within & water)
    np.testing.assert_array_equal(masks("water or within 0.4 of protein"), within | water)
    np.testing.assert_array_equal(masks("water"), np.stack([water, water]))
    molecules = masks("water and same residue as within 0.4 of protein")
    by_molecule = molecules[:, 10:].reshape(2, 60, 3)
    np.testing.assert_array_equal(
        by_molecule, np.repeat((within & water)[:, 10:].reshape(2, 60, 3).any(2)[..., None], 3, 2)
    )
    # Bonded to a water's O within reach are its two H; to one of these its O.
    bonded = masks("bonded to (water and within 0.4 of protein)")[:, 10:].reshape(2, 60, 3)
    near = (within & water)[:, 10:].reshape(2, 60, 3)
    np.testing.assert_array_equal(bonded[..., 0], near[..., 1] | near[..., 2])
    np.testing.assert_array_equal(bonded[..., 1], near[..., 0])
    nested = masks("within 0.3 of (water and within 0.4 of protein)")
    for number, frame in enumerate(positions):
        others = frame[within[number] & water]
        np.testing.assert_array_equal(
            nested[number], brute_force(frame, others, box[number], at_most(0.3))
        )
    for nothing in ("within 1 of name X", "sphere 1 of name X", "bonded to (name X)"):
        assert not masks(nothing).any()


def test_frames_do_not_depend_on_each_other() -> None:
    """A block gives the bits of the whole, from what was looked up elsewhere."""
    positions = frames(4, 5)
    box = np.stack([BOXES[name] for name in list(BOXES)[1:]])
    tree = parse("same residue as (name OW and within 0.5 of backbone) or sphere 0.4 of resid 2")
    whole = evaluate_in_frames(tree, DIGLYCINE, positions, box)
    bound = pickle.loads(pickle.dumps(bind(tree, DIGLYCINE.to_dataset())))
    for frame in range(5):
        one = slice(frame, frame + 1)
        np.testing.assert_array_equal(masks_of_frames(bound, positions[one], box[one]), whole[one])
    assert masks_of_frames(bound, positions[:0], box[:0]).shape == (0, N_ATOMS)
    np.testing.assert_array_equal(
        masks_of_frames(bound, positions[4:]), masks_of_frames(bound, positions[4:], box[4:])
    )


def test_what_depends_on_the_frame() -> None:
    static = parse("byres bonded (protein and not name /C./ or mass > 2)")
    assert not depends_on_frame(static)
    for expression in (
        *("within 1 of all", "not around 1 all", "byres (name CA or box 0:1 0:1 0:1)"),
        *("sphere 1 at 0 0 0", "bonded to sphere 1 of all", "within 1 of within 1 of all"),
    ):
        tree = parse(expression)
        assert depends_on_frame(tree)
        assert pickle.loads(pickle.dumps(tree)) == tree
        assert eval(repr(tree), globals() | {"Bonded": type(parse("bonded all"))}) == tree
        with pytest.raises(SelectionError, match="chooses other atoms in every frame"):
            evaluate(tree, DIGLYCINE)
    with pytest.raises(SelectionError, match=r"^'region' chooses other atoms"):
        evaluate(Region((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), DIGLYCINE)


def test_what_binds_more_strongly() -> None:
    assert parse("within 1 of protein and water") == parse("(within 1 of protein) and water")
    assert parse("byres name CA or all") == parse("(byres name CA) or all")
    assert parse("around 1 of protein") == parse("within 1 protein and not protein")
    assert parse("byres name CA") == parse("same residue as name CA")
    assert [type(node) for node in nodes_of(parse("not all or within 1 of protein"))] == [
        *(Or, Not, Everything, Within, Kind)
    ]


def test_frames_that_cannot_be_asked() -> None:
    tree = parse("within 0.5 of protein")
    positions = frames(5, 3)
    positions[1, 7, 2] = np.nan
    with pytest.raises(FrameError, match=r"frame 1: a coordinate is NaN or infinite \(atom 7\)"):
        evaluate_in_frames(tree, DIGLYCINE, positions)
    assert evaluate_in_frames(parse("water"), DIGLYCINE, positions).sum() == 3 * 180
    box = np.stack([np.eye(3), np.eye(3), np.diag([1.0, 1.0, 0.0])])
    with pytest.raises(FrameError, match="frame 2: the box has no volume"):
        evaluate_in_frames(tree, DIGLYCINE, frames(5, 3), box)
    with pytest.raises(ValueError, match=r"expected positions \(frame, atom, 3\) and box"):
        evaluate_in_frames(tree, DIGLYCINE, frames(5, 3), box[:2])
    with pytest.raises(ValueError, match="the selection is of 190 atoms, the positions of 12"):
        evaluate_in_frames(tree, DIGLYCINE, frames(5, 3)[:, :12])
    with pytest.raises(TypeError, match="Node is no node of a selection"):
        evaluate(Node(), DIGLYCINE)  # type: ignore[arg-type]


def test_regions_wider_than_the_box_choose_everything() -> None:
    positions, box = frames(6), np.stack([BOXES["skewed"]] * 2)
    for tree in (
        Within(9.0, Indices((0,))),
        Sphere(9.0, (0.0, 0.0, 0.0)),
        Region((-9.0, -9.0, -9.0), (9.0, 9.0, 9.0)),
        Same("residue", Within(9.0, Indices((0,)))),
    ):
        assert evaluate_in_frames(tree, DIGLYCINE, positions, box).all()


@pytest.fixture(scope="module")
def solvated() -> tuple[xr.Dataset, Any]:
    files = FILES / "adk_oplsaa.gro", FILES / "adk_oplsaa.xtc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(*map(str, files))
    return gd.open_trajectory(files[1], files[0], stop=2).compute(), universe


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("around 0.5 of protein", "around 5.0 protein"),
        ("name OW and around 0.35 of resname LYS", "name OW and around 3.5 resname LYS"),
        ("byres around 0.3 of resname NA+", "byres around 3.0 resname NA+"),
        ("sphere 0.8 of resid 100", "sphzone 8.0 resid 100"),
    ],
)
def test_a_solvated_protein_equals_mdanalysis(
    solvated: tuple[xr.Dataset, Any], ours: str, theirs: str
) -> None:
    ds, universe = solvated
    masks = evaluate_in_frames(parse(ours), ds, ds.positions.values, ds.box.values)
    for mask, _ in zip(masks, universe.trajectory[:2], strict=True):
        expected = universe.select_atoms(theirs).indices
        np.testing.assert_array_equal(np.flatnonzero(mask), expected)

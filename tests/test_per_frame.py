"""Atoms that are chosen anew in every frame, points of every frame, and counts of them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from dask.base import tokenize
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist.analysis.declare import ANALYSES, analysis
from gromos_dist.analysis.needs import MASSES
from gromos_dist.analysis.per_frame import (
    ChosenInFrames,
    FrameSelection,
    Points,
    atoms_of_frames,
    chosen_in_frames,
    names_of_atoms,
    points_of,
    read_only_needed,
)
from gromos_dist.cli.annotations import word_of
from gromos_dist.errors import FrameError, SelectionError
from gromos_dist.io.graphs import source_of
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.mapping import Map, Variable
from gromos_dist.selection.evaluate import bind, masks_of_frames
from gromos_dist.selection.languages import read
from gromos_dist.store import store
from gromos_dist.topology import load_topology

DATA = Path(__file__).parent / "data"
DIGLYCINE = load_topology(DATA / "diglycine.top").solvate(60)
EXPRESSIONS = (
    "water and within 0.5 of (name CA and resid 1)",
    "byres (name OW and around 0.4 of protein)",
    "resid 2 or sphere 0.6 of (name OW and within 0.4 of resid 1)",
    "bonded to (water and within 0.5 of name N)",
    "not within 0.6 of (water and box 0:1 0:1 0:1)",
    "same molecule as (mass > 10 and sphere 0.7 at 1 1 1)",
    "water and not byres within 0.4 of (protein or sphere 0.3 at 0 0 0) and within 0.9 of name CA",
    "within 0.3 of within 0.3 of (name HW1 and around 0.3 of name C)",
)


def trajectory(n_frames: int = 7, seed: int = 0, shape: str = "triclinic") -> xr.Dataset:
    """Diglycine in water in random places, in a box that changes."""
    random = np.random.default_rng(seed)
    positions = random.uniform(-1.5, 2.5, (n_frames, DIGLYCINE.n_atoms, 3)).astype(np.float32)
    box = np.eye(3) * random.uniform(1.6, 2.2, (n_frames, 1, 1))
    ds = DIGLYCINE.to_dataset()[["bonds"]].assign_coords(DIGLYCINE.coordinates())
    return ds.assign(
        positions=(("frame", "atom", "xyz"), positions, {"units": "nm"}),
        box=(("frame", "box_vector", "xyz"), box, {"units": "nm", "shape": shape}),
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The same, in a file."""
    path = tmp_path_factory.mktemp("stored") / "diglycine.trc"
    store(trajectory().drop_vars("bonds"), path, progress=False)
    return gd.open_trajectory(path, DIGLYCINE, dtype=np.float64)


def plain_masks(ds: xr.Dataset, expression: str, box: Any = "own") -> np.ndarray:
    """The masks of all atoms, without that any is left out."""
    if isinstance(box, str):
        box = ds.box.values
    return masks_of_frames(bind(read(expression), ds), ds.positions.values, box)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_only_the_atoms_needed_give_the_same_masks(stored: xr.Dataset, expression: str) -> None:
    expected = plain_masks(stored, expression)
    assert expected.any()
    assert not expected.all()
    chosen = chosen_in_frames(stored, expression)
    assert isinstance(chosen, ChosenInFrames)
    in_memory = stored.compute()
    masks = chosen.masks(in_memory.positions, in_memory.box)
    np.testing.assert_array_equal(masks, expected)
    assert not expected[:, np.setdiff1d(np.arange(expected.shape[1]), chosen.candidates)].any()
    # Other atoms may be anywhere.
    others = np.setdiff1d(np.arange(expected.shape[1]), chosen.atoms)
    moved = in_memory.positions.copy(data=in_memory.positions.values.copy())
    moved[:, others] = np.nan
    np.testing.assert_array_equal(chosen.masks(moved, in_memory.box), expected)
    # Blocks of fewer atoms: what one more set needs, and what the selection looks at.
    one = np.array([5])
    positions, (kept, fewer) = read_only_needed(stored.positions, one, chosen)
    needed = np.union1d(one, chosen.atoms)
    assert positions.sizes["atom"] == len(needed)
    assert needed[kept] == one
    again = pickle.loads(pickle.dumps(fewer))
    np.testing.assert_array_equal(
        again.masks(positions.values, stored.box.values), expected[:, needed]
    )
    for number, places in enumerate(
        atoms_of_frames(again, positions.values[2:4], stored.box.values[2:4])
    ):
        np.testing.assert_array_equal(needed[places], np.flatnonzero(expected[2 + number]))
    assert tokenize(fewer) == tokenize(again)
    assert (tokenize(fewer) == tokenize(chosen)) == (len(needed) == 190)


@given(seed=st.integers(0, 2**31), data=st.data())
def test_random_selections_need_no_other_atoms(seed: int, data: st.DataObject) -> None:
    ds = trajectory(2, seed)
    fixed = st.sampled_from(["water", "name CA N", "resid 1", "mass > 10", "index 3:40", "all"])
    distance = st.sampled_from(["0.2", "0.4", "0.7"])
    expression = st.recursive(
        fixed,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda t: f"({' '.join(t)})"
            ),
            st.tuples(st.sampled_from(["within", "around", "sphere"]), distance, inner).map(
                lambda t: f"({t[0]} {t[1]} of {t[2]})"
            ),
            st.tuples(st.sampled_from(["not", "byres", "bonded to", "same name as"]), inner).map(
                lambda t: f"({' '.join(t)})"
            ),
            st.just("(box 0:1 0:1 -1:1)"),
        ),
        max_leaves=6,
    )
    text = data.draw(expression)
    expected = plain_masks(ds, text)
    try:
        chosen = chosen_in_frames(ds, text)
    except SelectionError:
        assert not expected.any()
        return
    if not isinstance(chosen, ChosenInFrames):
        np.testing.assert_array_equal(expected, np.isin(np.arange(190), chosen)[None].repeat(2, 0))
        return
    others = np.setdiff1d(np.arange(190), chosen.atoms)
    positions = ds.positions.values.copy()
    positions[:, others] = np.nan
    np.testing.assert_array_equal(chosen.masks(positions, ds.box.values), expected)
    places = chosen.among(chosen.atoms)
    np.testing.assert_array_equal(
        places.masks(positions[:, chosen.atoms], ds.box.values), expected[:, chosen.atoms]
    )


def test_few_atoms_are_needed(stored: xr.Dataset) -> None:
    chosen = chosen_in_frames(stored, "name OW and within 0.5 of (protein and name CA)")
    assert isinstance(chosen, ChosenInFrames)
    water = gd.select(stored, "name OW")
    np.testing.assert_array_equal(chosen.candidates, water)
    np.testing.assert_array_equal(chosen.atoms, [*gd.select(stored, "name CA"), *water])
    byres = chosen_in_frames(stored, "resid 1 and byres within 0.5 of name N")
    assert isinstance(byres, ChosenInFrames)
    np.testing.assert_array_equal(byres.atoms, gd.select(stored, "resid 1 or name N"))


def test_boxes_of_octahedra_and_none() -> None:
    ds = trajectory(shape="truncated octahedron")
    expression = EXPRESSIONS[0]
    chosen = chosen_in_frames(ds, expression)
    assert isinstance(chosen, ChosenInFrames)
    vectors = octahedron_vectors(ds.box.values)
    of_octahedra = chosen.masks(ds.positions, ds.box)
    np.testing.assert_array_equal(of_octahedra, plain_masks(ds, expression, vectors))
    assert (of_octahedra != plain_masks(ds, expression)).any()
    without = chosen.masks(ds.positions)
    np.testing.assert_array_equal(without, plain_masks(ds, expression, None))
    assert (without != of_octahedra).any()
    # A frame without a box stays one.
    box = ds.box.values.copy()
    box[1] = np.nan
    masks = chosen.masks(ds.positions, box)
    np.testing.assert_array_equal(masks[1], without[1])
    np.testing.assert_array_equal(masks[0], of_octahedra[0])


def test_selections_that_are_the_same_in_all_frames_are_atoms(stored: xr.Dataset) -> None:
    for selection in ("name CA", [7, 2], slice(0, 3), None):
        chosen = chosen_in_frames(stored, selection)
        assert isinstance(chosen, np.ndarray)
        expected = np.arange(190) if selection is None else gd.selection.resolve(selection, stored)
        np.testing.assert_array_equal(chosen, expected)
    moving = chosen_in_frames(stored, "within 0.5 of protein")
    assert chosen_in_frames(stored, moving) is moving
    with pytest.raises(SelectionError, match=r"'name XX and .*' chooses no atom; these exist:"):
        chosen_in_frames(stored, "name XX and within 0.5 of protein")


# ---- an analysis of one's own ----

WEIGHT = Variable("weight", ("frame",), "f", "u", "mass of the chosen atoms")


def of_masks(positions: np.ndarray, box: np.ndarray, chosen: Any, masses: np.ndarray) -> np.ndarray:
    return np.array([masses[one].sum() for one in atoms_of_frames(chosen, positions, box)])


@pytest.fixture
def weight() -> Any:
    """An analysis that takes such selections, forgotten after the test."""

    def weight(ds: xr.Dataset, *, atoms: FrameSelection = None) -> xr.DataArray:
        """Weigh atoms."""
        assert isinstance(atoms, np.ndarray | ChosenInFrames)
        positions, (chosen,) = read_only_needed(ds.positions, atoms)
        masses = positions.mass.values
        return Map(of_masks, WEIGHT)(positions, ds.box, chosen=chosen, masses=masses)

    yield analysis(WEIGHT, view="time series", topic="Yours", needs=[MASSES])(weight)
    del gd.analysis.declare._ANALYSES["weight"]


def test_the_call_resolves_them_and_the_history_keeps_the_text(
    stored: xr.Dataset, weight: Any
) -> None:
    expected = plain_masks(stored, EXPRESSIONS[0]) @ stored.mass.values
    for ds in (stored, stored.chunk(frame=1), stored.compute(), stored.compute().chunk(atom=20)):
        result = weight(ds, atoms=EXPRESSIONS[0])
        np.testing.assert_array_equal(result, weight(stored.compute(), atoms=EXPRESSIONS[0]))
        np.testing.assert_allclose(result, expected, rtol=1e-12)
        assert result.gromos.provenance()["parameters"]["atoms"] == EXPRESSIONS[0]
    fixed = weight(stored, atoms="protein")
    np.testing.assert_allclose(fixed, stored.mass.values[:10].sum())
    unknown = stored.assign_coords(mass=stored.mass.where(stored.atom_name != "OW"))
    assert weight(unknown, atoms="name HW1 and within 0.5 of name OW").sum() > 0
    with pytest.raises(ValueError, match="the mass of 60 of 60 atoms is not known"):
        weight(unknown, atoms="name OW and within 0.5 of protein")


def test_an_analysis_that_needs_the_same_atoms_says_so(stored: xr.Dataset) -> None:
    with pytest.raises(SelectionError, match="'within' chooses other atoms in every frame") as one:
        gd.radius_of_gyration(stored, atoms="water and within 0.5 of protein")
    assert str(one.value).splitlines()[1:] == [
        "  water and within 0.5 of protein",
        "            ^",
    ]


def test_such_a_parameter_is_an_option() -> None:
    for annotation in (FrameSelection, FrameSelection | None):
        word = word_of("--around", annotation, None, "")
        assert word is not None
        [option] = word.option.__metadata__
        assert option.metavar == "SELECTION"


# ---- points ----


def test_points_are_atoms_and_centres(stored: xr.Dataset) -> None:
    positions = stored.positions.values.astype(float)
    masses = stored.mass.values
    given = ["name CA", 12, "com of protein", [3, 3, 1], "cog of (resid 1 or name OW)"]
    points = points_of(stored, given)
    assert points.counts == (2, 1, 1, 3, 1)
    assert points.labels == (
        *("GLY1:CA", "GLY2:CA", "SOLV3:HW2", "com of protein"),
        *("GLY1:C", "GLY1:C", "GLY1:H", "cog of (resid 1 or name OW)"),
    )
    np.testing.assert_array_equal(points.numbers, [2, 7, 12, -1, 3, 3, 1, -1])
    both = gd.select(stored, "resid 1 or name OW")
    expected = np.stack(
        [
            *(positions[:, atom] for atom in (2, 7, 12)),
            np.tensordot(positions[:, :10], masses[:10], (1, 0)) / masses[:10].sum(),
            *(positions[:, atom] for atom in (3, 3, 1)),
            positions[:, both].mean(axis=1),
        ],
        axis=1,
    )
    found = points.positions(positions, stored.box.values)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found[:, points.numbers >= 0], expected[:, points.numbers >= 0])
    fewer, (among,) = read_only_needed(stored.positions, points)
    np.testing.assert_array_equal(points.atoms, np.union1d([*range(10), 12], both))
    assert fewer.sizes["atom"] == len(points.atoms)
    again = pickle.loads(pickle.dumps(among))
    np.testing.assert_array_equal(again.positions(fewer.values, stored.box.values), found)
    for frame in range(7):
        one = slice(frame, frame + 1)
        np.testing.assert_array_equal(again.positions(fewer.values[one]), found[one])
    assert tokenize(again) == tokenize(among)


def test_the_centre_of_what_is_chosen_by_distance(stored: xr.Dataset) -> None:
    expression = "water and within 0.7 of resid 1"
    points = points_of(stored, [f"com of ({expression})", "cog of water and within 0.7 of resid 1"])
    mask = plain_masks(stored, expression)
    positions, masses = stored.positions.values, stored.mass.values
    found = points.positions(positions, stored.box.values)
    for frame, atoms in enumerate(map(np.flatnonzero, mask)):
        mass = masses[atoms] @ positions[frame, atoms] / masses[atoms].sum()
        np.testing.assert_allclose(
            found[frame], [mass, positions[frame, atoms].mean(0)], rtol=1e-12
        )
    fewer, (among,) = read_only_needed(stored.positions, points)
    np.testing.assert_array_equal(among.positions(fewer.values, stored.box.values), found)
    nothing = points_of(stored, "cog of (water and within 0.01 of resid 1)")
    with pytest.raises(FrameError, match=r"frame 0: there is no cog of .*: no atom is chosen"):
        nothing.positions(positions, stored.box.values)


def test_many_atoms_are_points(stored: xr.Dataset) -> None:
    pairs = np.random.default_rng(0).integers(0, 190, (500, 2))
    flat = points_of(stored, pairs.ravel())
    np.testing.assert_array_equal(flat.numbers, pairs.ravel())
    assert flat.counts == (1,) * 1000
    assert list(flat.labels) == names_of_atoms(stored, pairs.ravel())
    assert points_of(stored, pairs).counts == (2,) * 500
    mask = np.arange(190) % 3 == 1
    np.testing.assert_array_equal(points_of(stored, mask).numbers, np.flatnonzero(mask))
    assert len(points_of(stored, [])) == 0


def test_points_that_cannot_be(stored: xr.Dataset) -> None:
    with pytest.raises(SelectionError, match="atom 190 is out of range"):
        points_of(stored, [190])
    with pytest.raises(SelectionError, match="atom -1 is out of range"):
        points_of(stored, np.array([0, -1]))
    with pytest.raises(SelectionError, match="'name XX' chooses no atom"):
        points_of(stored, ["name CA", "name XX"])
    with pytest.raises(SelectionError, match="'com of name XX' chooses no atom"):
        points_of(stored, "com of name XX")
    with pytest.raises(SelectionError, match="'within' chooses other atoms in every frame"):
        points_of(stored, "within 0.5 of protein")
    with pytest.raises(SelectionError, match=r"expected a selection, found the end"):
        points_of(stored, "com of")
    with pytest.raises(ValueError, match="mass-weighting needs masses"):
        points_of(stored.drop_vars("mass"), "com of protein")
    assert points_of(stored.drop_vars("mass"), "cog of protein").masses is None
    positions = stored.positions.values.copy()
    positions[3, 2] = np.nan
    with pytest.raises(FrameError, match="frame 3: a coordinate of GLY1:CA is NaN"):
        points_of(stored, "name CA").positions(positions)
    with pytest.raises(FrameError, match="frame 3"):
        points_of(stored, "cog of protein").positions(positions)


def test_broken_molecules_are_told(stored: xr.Dataset) -> None:
    broken = stored.assign_coords(stored.drop_vars("bonds").coords)
    with pytest.warns(gd.BrokenMoleculesWarning, match="^cog of protein: the periodic box has"):
        points_of(broken, "cog of protein", stacklevel=2)
    assert len(points_of(broken, "name CA")) == 2


@pytest.fixture(autouse=True)
def whole(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random positions are no whole molecules; only one test looks."""
    if "broken" not in request.node.name:
        monkeypatch.setattr("gromos_dist.analysis.broken._looked_at_once", lambda *_: "")


def test_labels(stored: xr.Dataset) -> None:
    assert names_of_atoms(stored, np.array([7, 0])) == ["GLY2:CA", "GLY1:N"]
    names = stored.positions.drop_vars(["residue_name", "residue"])
    assert names_of_atoms(names, np.array([7])) == ["CA"]
    assert names_of_atoms(names.drop_vars("atom_name"), np.array([7])) == ["atom 7"]


# ---- counts ----


@pytest.mark.parametrize("by", ["atom", "residue", "molecule"])
def test_counts_equal_brute_force(stored: xr.Dataset, by: Any) -> None:
    positions, box = stored.positions.values.astype(float), stored.box.values
    near = np.zeros((7, 190), bool)
    steps = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), -1).reshape(-1, 3)
    for step in steps:
        for frame in range(7):
            apart = positions[frame, :, None] - positions[frame, None, :10] + step @ box[frame]
            near[frame] |= (np.linalg.norm(apart, axis=-1) <= 0.4).any(axis=1)
    near[:, :10] = False
    key = {"atom": np.arange(190), "residue": stored.residue, "molecule": stored.molecule}[by]
    expected = [len(np.unique(np.asarray(key)[mask])) for mask in near]
    counts = gd.n_atoms(stored, atoms="around 0.4 of protein", by=by)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, expected)
    assert counts.attrs["long_name"] == f"number of chosen {by}s"
    everything = gd.n_atoms(stored, by=by)
    np.testing.assert_array_equal(
        everything, [{"atom": 190, "residue": 62, "molecule": 61}[by]] * 7
    )


def test_counts_without_images(stored: xr.Dataset) -> None:
    text = "water and within 0.5 of protein"
    apart = gd.n_atoms(stored, atoms=text, periodic=False)
    np.testing.assert_array_equal(apart, plain_masks(stored, text, None).sum(axis=1))
    assert (apart < gd.n_atoms(stored, atoms=text)).any()
    np.testing.assert_array_equal(gd.n_atoms(stored.positions, atoms=text), apart)
    assert apart.attrs["periodic"] == 0
    with pytest.raises(ValueError, match="by: expected one of atom, residue, molecule, got 'x'"):
        gd.n_atoms(stored, by="x")  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="'molecule' needs the atom coordinate 'molecule'"):
        gd.n_atoms(stored.drop_vars("molecule"), by="molecule")
    assert ANALYSES["n_atoms"].command == "n-atoms"


def test_only_what_is_spoken_of_is_read(stored: xr.Dataset) -> None:

    points = points_of(stored, "name CA")
    assert isinstance(points, Points)
    fewer, _ = read_only_needed(stored.positions, points)
    found = source_of(fewer.data)
    assert found is not None
    assert found.source.n_atoms == 2

"""Trajectories out of the box, in it and centred, and what they know of that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from MDAnalysis.coordinates.memory import MemoryReader
from MDAnalysis.transformations.nojump import NoJump
from typer.testing import CliRunner, Result

import gromos_dist as gd
from gromos_dist.analysis import declare
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import UNWRAPPED
from gromos_dist.cli.application import application
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.variables import Variable

DATA = Path(__file__).parent / "data"
DIMS = ("frame", "atom", "xyz")
BOX = ("frame", "box_vector", "xyz")
TRICLINIC = np.array([[3.0, 0.0, 0.0], [1.2, 3.0, 0.0], [-1.0, 1.4, 2.8]])


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def waters(
    box: np.ndarray, n_frames: int = 40, seed: int = 0, breathing: float = 0.0
) -> tuple[xr.Dataset, np.ndarray]:
    """Molecules of three atoms that walk through many boxes; and where they really are."""
    random = np.random.default_rng(seed)
    n_molecules = 8
    steps = random.normal(0.0, 0.35, (n_frames, n_molecules, 1, 3))
    steps[0] = random.uniform(0.0, 3.0, (n_molecules, 1, 3))
    shape = random.normal(0.0, 0.1, (n_molecules, 3, 3))
    true = (np.cumsum(steps, axis=0) + shape).reshape(n_frames, -1, 3)
    sizes = 1.0 + breathing * random.normal(size=(n_frames, 1, 1))
    fractions = true @ np.linalg.inv(box)
    true = fractions @ (box * sizes)
    wrapped = (fractions - np.floor(fractions)) @ (box * sizes)
    atom = np.arange(3 * n_molecules)
    ds = xr.Dataset(
        {"positions": (DIMS, wrapped), "box": (BOX, box * sizes)},
        coords={
            "atom_name": ("atom", np.tile(["OW", "HW1", "HW2"], n_molecules)),
            "residue_name": ("atom", np.full(len(atom), "SOL")),
            "residue": ("atom", atom // 3 + 1),
            "mass": ("atom", np.tile([15.9994, 1.008, 1.008], n_molecules)),
            "bonds": (
                ("bond", "pair"),
                np.stack([atom[atom % 3 > 0] // 3 * 3, atom[atom % 3 > 0]], axis=1),
            ),
        },
    )
    return ds, true


def start_of(ds: xr.Dataset) -> np.ndarray:
    return gd.make_whole(ds).positions.values[0]


@pytest.mark.parametrize("scheme", ["toroidal", "lattice"])
@pytest.mark.parametrize("by", ["molecule", "residue"])
@pytest.mark.parametrize(
    "box", [np.diag([3.0, 3.5, 4.0]), TRICLINIC], ids=["rectangular", "triclinic"]
)
def test_the_true_ways_come_back(box: np.ndarray, by: str, scheme: str) -> None:
    ds, true = waters(box)
    found = gd.unwrap(ds, by=by, scheme=scheme)
    assert np.ptp(true, axis=0).max() > 4.0
    np.testing.assert_allclose(found.positions - start_of(ds), true - true[0], atol=1e-9)


def test_by_atom_from_whole_molecules() -> None:
    ds, true = waters(TRICLINIC)
    for first, expected in ((ds, ds.positions.values[0]), (gd.make_whole(ds), start_of(ds))):
        found = gd.unwrap(first, by="atom").positions
        np.testing.assert_allclose(found - expected, true - true[0], atol=1e-9)


def test_in_octahedra() -> None:
    cube = 3.4 * np.eye(3)
    ds, true = waters(octahedron_vectors(cube))
    ds["box"] = (BOX, np.tile(cube, (ds.sizes["frame"], 1, 1)))
    ds["box"].attrs["shape"] = "truncated octahedron"
    found = gd.unwrap(ds)
    np.testing.assert_allclose(found.positions - start_of(ds), true - true[0], atol=1e-9)
    # Into the octahedron around the middle of the cube, and out of it again.
    back = gd.wrap(found, by="atom")
    way = np.abs(back.positions.values - 1.7)
    assert way.max() <= 1.7 + 1e-9
    assert way.sum(axis=-1).max() <= 1.5 * 1.7 + 1e-9
    np.testing.assert_allclose(
        gd.unwrap(back).positions - start_of(back), true - true[0], atol=1e-9
    )


def test_as_mdanalysis() -> None:
    """In a box along the axes that keeps its size; it reckons with single precision."""
    ds, _ = waters(np.diag([3.0, 3.5, 4.0]))
    lengths = 10 * ds.box.values[:, [0, 1, 2], [0, 1, 2]]
    dimensions = np.concatenate([lengths, np.full((40, 3), 90.0)], axis=1)
    universe = MDAnalysis.Universe.empty(24, trajectory=True)
    universe.load_new(10 * ds.positions.values, format=MemoryReader, dimensions=dimensions)
    universe.trajectory.add_transformations(NoJump())
    theirs = np.array([step.positions / 10 for step in universe.trajectory])
    np.testing.assert_allclose(gd.unwrap(ds, by="atom").positions, theirs, atol=1e-5)


@settings(max_examples=25)
@given(chunks=st.integers(1, 40), seed=st.integers(0, 50), by=st.sampled_from(["molecule", "atom"]))
def test_a_box_that_breathes_in_any_chunks(chunks: int, seed: int, by: str) -> None:
    ds, _ = waters(TRICLINIC, seed=seed, breathing=0.02)
    for scheme in ("toroidal", "lattice"):
        expected = gd.unwrap(ds, by=by, scheme=scheme).positions.values
        found = gd.unwrap(ds.chunk(frame=chunks), by=by, scheme=scheme).positions
        assert found.values.tobytes() == expected.tobytes()
    if by == "molecule":
        shapes = expected.reshape(len(expected), -1, 3, 3)
        whole = gd.make_whole(ds).positions.values.reshape(shapes.shape)
        np.testing.assert_allclose(shapes - shapes[:, :, :1], whole - whole[:, :, :1], atol=1e-9)


def test_one_pass_over_the_files(mdanalysis_data: Path) -> None:
    """Blocks are read once; no chunk waits for all others."""
    xtc, gro = mdanalysis_data / "adk_oplsaa.xtc", mdanalysis_data / "adk_oplsaa.gro"
    ds = gd.open_trajectory(xtc, gro, chunks=2)
    found = gd.unwrap(ds, by="atom", scheme="lattice").positions
    name = ds.positions.data.name
    reads = [key for key in found.data.dask if isinstance(key, tuple) and key[0] == name]
    assert len(reads) == 5
    exact = gd.unwrap(ds.compute(), by="atom", scheme="lattice").positions
    assert found.values.tobytes() == exact.values.tobytes()
    assert found.dtype == np.float32
    # Moved by whole boxes.
    away = (found.values - ds.positions.values) @ np.linalg.inv(ds.box.values)
    np.testing.assert_allclose(away, np.rint(away), atol=1e-4)
    assert np.abs(away).max() > 0.9


def test_forces_of_unwrapped_molecules_have_all_digits() -> None:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")
    precise = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", dtype=float)
    for door in (gd.unwrap, gd.wrap, gd.gather, gd.center):
        one, other = (gd.forces(door(gd.make_whole(of)), cutoff=0.6) for of in (ds, precise))
        np.testing.assert_array_equal(one.forces, other.forces)
        with pytest.raises(ValueError, match="rounded to float32"):
            gd.forces(door(gd.make_whole(ds.compute())), cutoff=0.6)


# ---- into the cell ----


def test_wrap_by_molecule() -> None:
    ds, _ = waters(TRICLINIC)
    found = gd.wrap(ds)
    molecules = found.positions.values.reshape(40, -1, 3, 3)
    fractions = molecules.mean(axis=2) @ np.linalg.inv(TRICLINIC)
    assert fractions.min() > -1e-9
    assert fractions.max() < 1.0 + 1e-9
    whole = gd.make_whole(ds).positions.values.reshape(molecules.shape)
    np.testing.assert_allclose(molecules - molecules[:, :, :1], whole - whole[:, :, :1], atol=1e-9)
    around = gd.wrap(ds, by="atom", center=(1.0, -2.0, 0.5)).positions - [1.0, -2.0, 0.5]
    assert np.abs(around.values @ np.linalg.inv(TRICLINIC)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("mass_weighted", [False, True])
@pytest.mark.parametrize("point", [None, (0.0, 1.0, 2.0)])
def test_center(point: tuple[float, float, float] | None, mass_weighted: bool) -> None:
    ds, _ = waters(np.diag([3.0, 3.5, 4.0]), breathing=0.01)
    whole = gd.make_whole(ds)
    chosen = [0, 1, 2]
    measure = gd.center_of_mass if mass_weighted else gd.center_of_geometry
    middle = 0.5 * ds.box.values.sum(axis=1) if point is None else np.tile(point, (40, 1))
    for wrap in (None, "molecule", "atom"):
        found = gd.center(whole, atoms=chosen, point=point, mass_weighted=mass_weighted, wrap=wrap)
        if wrap != "atom":
            np.testing.assert_allclose(measure(found, atoms=chosen), middle, atol=1e-9)
        shift = (found.positions - whole.positions).values
        if wrap is None:
            np.testing.assert_allclose(shift, shift[:, :1].repeat(24, axis=1), atol=1e-9)
        else:
            size = 1 if wrap == "atom" else 3
            centers = found.positions.values.reshape(40, -1, size, 3).mean(axis=2)
            way = np.abs(centers - middle[:, None])
            half = 0.5 * ds.box.values[:, None, [0, 1, 2], [0, 1, 2]]
            assert (way <= half + 1e-9).all()


# ---- what a Dataset knows ----


def states(ds: xr.Dataset) -> dict[str, str]:
    names = ("unwrapped", "wrapped", "gathered", "centered", "molecules")
    return {name: ds.attrs[name] for name in names if name in ds.attrs}


def test_what_was_done_is_known() -> None:
    ds, _ = waters(TRICLINIC)
    whole = gd.make_whole(ds)
    unwrapped = gd.unwrap(ds)
    assert states(whole) == {"molecules": "whole"}
    assert states(unwrapped) == {"molecules": "whole", "unwrapped": "by molecule, toroidal"}
    assert states(gd.unwrap(whole, by="atom", scheme="lattice")) == {
        "unwrapped": "by atom, lattice"
    }
    # What undoes what.
    assert states(gd.wrap(unwrapped)) == {"molecules": "whole", "wrapped": "by molecule"}
    assert states(gd.wrap(unwrapped, by="atom")) == {"wrapped": "by atom"}
    assert states(gd.unwrap(gd.wrap(ds))) == states(unwrapped)
    assert states(gd.make_whole(gd.wrap(ds, by="atom"))) == {"molecules": "whole"}
    assert states(gd.make_whole(gd.wrap(ds))) == states(gd.wrap(ds))
    assert states(gd.gather(unwrapped, "cog")) == {"gathered": "cog"}
    assert states(gd.center(unwrapped)) == {
        **states(unwrapped),
        "centered": "in the middle of the box",
    }
    assert states(gd.center(unwrapped, wrap="residue", point=(0, 0, 0.5))) == {
        "centered": "at 0, 0, 0.5 nm",
        "wrapped": "by residue",
    }
    rotated = gd.superpose(gd.wrap(gd.center(whole)), fit=[0, 1, 2])
    assert states(rotated) == {"molecules": "whole"}


def test_it_stays_known_in_files(tmp_path: Path) -> None:
    ds, _ = waters(TRICLINIC)
    unwrapped = gd.unwrap(ds.chunk(frame=7))
    for name in ("unwrapped.zarr", "unwrapped.nc"):
        with gd.open_store(gd.store(unwrapped, tmp_path / name, progress=False)) as opened:
            assert states(opened) == states(unwrapped)
            assert states(opened.isel(frame=slice(0, 40, 4))) == states(unwrapped)
            np.testing.assert_array_equal(opened.positions, unwrapped.positions)


@pytest.fixture
def way() -> Iterator[object]:
    """An analysis that needs unwrapped positions."""
    length = Variable("way", ("atom",), "f", "nm", "way")

    @analysis(length, view="profile", topic="Test", needs=[UNWRAPPED], command=None)
    def way(ds: xr.Dataset, other: xr.Dataset | None = None) -> xr.DataArray:
        """Return how far atoms have gone."""
        return ds.positions[-1] - ds.positions[0]

    yield way
    del declare._ANALYSES["way"]


def test_a_need(way: object) -> None:
    assert callable(way)
    ds, _ = waters(TRICLINIC)
    unwrapped = gd.unwrap(ds)
    for wrong in ((ds,), (gd.wrap(unwrapped),), (unwrapped, ds)):
        with pytest.raises(ValueError, match="way needs positions that were unwrapped"):
            way(*wrong)
    for right in (
        unwrapped,
        unwrapped.isel(frame=slice(0, 40, 5), atom=[3]),
        ds.drop_vars("box"),
        ds.assign_attrs(unwrapped="when written"),
        gd.center(unwrapped),
    ):
        assert way(right).shape[-1] == 3


# ---- what cannot be done ----


def test_refusals() -> None:
    ds, _ = waters(TRICLINIC)
    bare = ds.drop_vars(["bonds", "residue_name", "residue"])
    for door in (gd.unwrap, gd.wrap):
        with pytest.raises(ValueError, match=r"nothing tells which atoms are a mol.*by='atom'"):
            door(bare)
        with pytest.raises(ValueError, match="by: expected one of atom, residue, molecule, got"):
            door(ds, by="chain")
    for door in (gd.unwrap, gd.wrap, gd.center):
        with pytest.raises(ValueError, match="needs the box"):
            door(ds.drop_vars("box"))
    with pytest.raises(ValueError, match="scheme: expected one of toroidal, lattice, got 'tor'"):
        gd.unwrap(ds, scheme="tor")
    with pytest.raises(ValueError, match="cell: expected one of auto, box, compact, got 'round'"):
        gd.wrap(ds, cell="round")
    with pytest.raises(ValueError, match="center: expected three numbers in nm, got"):
        gd.wrap(ds, center=(1.0, 2.0))
    with pytest.raises(ValueError, match="point: expected three numbers in nm, got"):
        gd.center(gd.make_whole(ds), point=(1.0, 2.0, np.nan))
    with pytest.raises(ValueError, match="by: expected one of"):
        gd.center(gd.make_whole(ds), wrap="all")


@pytest.mark.parametrize("chunks", [None, 3])
def test_a_frame_that_cannot_be_taken_is_named(chunks: int | None) -> None:
    ds, _ = waters(TRICLINIC)
    no_box, not_a_number = ds.copy(deep=True), ds.copy(deep=True)
    no_box.box[17] = np.nan
    not_a_number.positions[17, 4] = np.nan
    for bad, said in ((no_box, "it has no box"), (not_a_number, "NaN or infinite")):
        given = bad if chunks is None else bad.chunk(frame=chunks)
        with pytest.raises(gd.FrameError, match=f"^frame 17: .*{said}"):
            gd.unwrap(given, by="atom").compute()
        with pytest.raises(gd.FrameError, match=f"^frame 17: .*{said}"):
            gd.wrap(given, by="atom").compute()


def test_no_frames() -> None:
    ds, _ = waters(TRICLINIC)
    for none in (ds.isel(frame=[]), ds.chunk(frame=5).isel(frame=[])):
        assert gd.unwrap(none).positions.shape == (0, 24, 3)
        assert gd.wrap(none).positions.compute().shape == (0, 24, 3)


def test_oxygens_alone_are_their_molecules() -> None:
    ds, true = waters(TRICLINIC)
    oxygens = ds.assign_coords(molecule=("atom", np.arange(24) // 3 + 1)).isel(
        atom=slice(None, None, 3)
    )
    found = gd.unwrap(oxygens).positions
    expected = (true - true[0])[:, ::3]
    np.testing.assert_allclose(found - found[0], expected, atol=1e-9)


# ---- the command line ----


@pytest.mark.parametrize("suffix", [".xtc", ".trr", ".dcd", ".trc", ".gro", ".zarr"])
def test_commands_write_every_format(mdanalysis_data: Path, tmp_path: Path, suffix: str) -> None:
    xtc, gro = mdanalysis_data / "adk_oplsaa.xtc", mdanalysis_data / "adk_oplsaa.gro"
    target = tmp_path / f"out{suffix}"
    one = ("--stop", "1") if suffix == ".gro" else ("--stop", "4")
    result = invoke("unwrap", xtc, "-t", gro, *one, "-o", target)
    assert result.exit_code == 0, result.output
    opened = gd.open_store(target) if suffix == ".zarr" else gd.open_trajectory(target)
    expected = gd.unwrap(gd.open_trajectory(xtc, gro, stop=int(one[1]))).positions
    np.testing.assert_allclose(opened.positions, expected, atol=6e-4 if suffix != ".zarr" else 0)


def test_the_other_commands(mdanalysis_data: Path, tmp_path: Path) -> None:
    xtc, gro = mdanalysis_data / "adk_oplsaa.xtc", mdanalysis_data / "adk_oplsaa.gro"
    ds = gd.open_trajectory(xtc, gro, stop=2)
    whole = gd.make_whole(ds)
    for name, command, expected in (
        ("wrap", ("wrap",), gd.wrap(ds)),
        ("wrap2", ("wrap", "--by", "atom", "--center", "0,0,-1"), None),
        (
            "center",
            ("center", "--whole", "-a", "protein", "--wrap", "molecule"),
            gd.center(whole, atoms="protein", wrap="molecule"),
        ),
        ("gather", ("gather", "--method", "gref", "-r", "1"), gd.gather(ds, "gref", reference=1)),
    ):
        target = tmp_path / f"{name}.xtc"
        action, *options = command
        result = invoke(action, xtc, "-t", gro, "--stop", "2", *options, "-o", target)
        assert result.exit_code == 0, result.output
        if expected is not None:
            found = gd.open_trajectory(target).positions
            np.testing.assert_allclose(found, expected.positions, atol=6e-4)
    refused = invoke("unwrap", xtc, "-o", tmp_path / "bare.xtc")
    assert refused.exit_code == 2
    assert "give a topology with --top, or move each atom alone, --by atom" in refused.stderr


def test_unwrapped_before_frames_are_chosen(mdanalysis_data: Path, tmp_path: Path) -> None:
    xtc, gro = mdanalysis_data / "adk_oplsaa.xtc", mdanalysis_data / "adk_oplsaa.gro"
    target = tmp_path / "some.xtc"
    result = invoke("convert", xtc, target, "-t", gro, "--unwrap", "--stride", "3", "-a", "water")
    assert result.exit_code == 0, result.output
    assert "25533 guessed" in result.stderr
    every = gd.unwrap(gd.open_trajectory(xtc, gro))
    expected = every.isel(frame=slice(None, None, 3), atom=gd.select(every, "water"))
    found = gd.open_trajectory(target).positions
    np.testing.assert_allclose(found, expected.positions, atol=6e-4)

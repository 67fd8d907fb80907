"""An analysis is one file: toys of every shape, found behind every door."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot
from test_cli import BUTANE, DATA, refuse, succeed, words

import gromos_dist as gd
from gromos_dist.analysis import declare
from gromos_dist.analysis.declare import ANALYSES, Analysis
from gromos_dist.cli.command_of import command_of
from gromos_dist.cli.views import VIEWS

HEAD = """
from typing import Literal
import numpy as np
import xarray as xr
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import BONDS, BOX, MASSES, WHOLE
from gromos_dist.analysis.system import positions_of, selected
from gromos_dist.mapping import Events, Fields, Map, Pairs, Reduction, Scan, Series, Variable
from gromos_dist.selection import Selection

def chosen(ds, atoms):
    positions = positions_of(ds)
    indices = selected(positions, atoms)
    return positions if indices is None else positions.isel(atom=indices)
"""


class Toy(NamedTuple):
    """An analysis, and what the doors are to show of it."""

    name: str
    source: str
    options: tuple[str, ...]
    arguments: dict[str, Any]
    in_help: str
    in_summary: str


TOYS = {
    "map": Toy(
        "toy_height",
        '''
HEIGHT = Variable("toy_height", ("frame",), "f", "nm", "mean height", "Height")
_HEIGHT = Map(lambda r, level: r[:, :, 2].mean(axis=1, dtype=float) - level, HEIGHT)

@analysis(HEIGHT, view="time series", topic="Toys", needs=[WHOLE])
def toy_height(ds: xr.Dataset, *, atoms: Selection = None, level: float = 0.0) -> xr.DataArray:
    """Mean height of atoms.

    Above `level`, where the surface is.

    Parameters
    ----------
    level : float
        Of the surface, in nm.
    """
    return _HEIGHT(chosen(ds, atoms), level=level)
''',
        ("--level", "0.25", "-a", "resname BUT"),
        {"level": 0.25, "atoms": "resname BUT"},
        "--level NUMBER Of the surface, in nm.",
        "maximum",
    ),
    "fields": Toy(
        "toy_extent",
        '''
LOW = Variable("toy_low", ("frame",), "f", "nm", "lowest atom")
HIGH = Variable("toy_high", ("frame",), "f", "nm", "highest atom")
def _extent(r, axis):
    along = r[:, :, "xyz".index(axis)].astype(float)
    return {"toy_low": along.min(axis=1), "toy_high": along.max(axis=1)}
_EXTENT = Fields(_extent, [LOW, HIGH])

@analysis(LOW, HIGH, view="time series", topic="Toys")
def toy_extent(ds: xr.Dataset, *, axis: Literal["x", "y", "z"] = "z") -> xr.Dataset:
    """Where the atoms begin and end (nm).

    Parameters
    ----------
    axis : {"x", "y", "z"}
        Along which axis.
    """
    return _EXTENT(positions_of(ds), axis=axis)
''',
        ("--axis", "x"),
        {"axis": "x"},
        "--axis x|y|z Along which axis.",
        "toy low: mean",
    ),
    "pairs": Toy(
        "toy_distance",
        '''
DISTANCE = Variable("toy_distance", ("frame", "other_frame"), "f", "nm", "distance of frames")
_DISTANCE = Pairs(
    lambda a, b, powers: abs(a[:, 0, :1] - b[None, :, 0, 0]).astype(float) ** powers[0], DISTANCE)

@analysis(DISTANCE, view="matrix", topic="Toys", needs=[BOX])
def toy_distance(ds: xr.Dataset, *, powers: tuple[float, ...] = (1.0,)) -> xr.DataArray:
    """How far the first atom moves between frames.

    Parameters
    ----------
    powers : tuple of float
        The first one is taken.
    """
    return _DISTANCE(positions_of(ds), powers=powers)
''',
        ("--powers", "2,3"),
        {"powers": (2.0, 3.0)},
        "--powers NUMBER,NUMBER,... The first one is taken. [default: 1.0]",
        "between frames",
    ),
    "reduction": Toy(
        "toy_mean",
        '''
MEAN = Variable("toy_mean", ("atom",), "f", "nm", "mean height of an atom")
_MEAN = Reduction(
    lambda r, weights=None: (float(len(r)), r[:, :, 2].sum(axis=0, dtype=float)),
    lambda one, other: (one[0] + other[0], one[1] + other[1]),
    lambda state: state[1] / state[0], MEAN)

@analysis(MEAN, view="profile", topic="Toys", needs=[MASSES])
def toy_mean(ds: xr.Dataset, *, atoms: Selection = None, unused: object = None) -> xr.DataArray:
    """Mean height of every atom (nm)."""
    return _MEAN(chosen(ds, atoms))
''',
        ("--atoms", "resname BUT"),
        {"atoms": "resname BUT"},
        "--atoms SELECTION",
        "of BUT 1)",
    ),
    "bins": Toy(
        "toy_bins",
        '''
BINS = Variable("toy_bins", ("height",), "f", "", "atoms at a height")
def _counts(r, edges):
    return (np.histogram(r[:, :, 2], edges)[0].astype(float),)
_BINS = Reduction(
    _counts, lambda one, other: (one[0] + other[0],), lambda state, edges: state[0], BINS)

@analysis(BINS, view="profile", topic="Toys", command="toy-histogram")
def toy_bins(ds: xr.Dataset, *, n_bins: int = 4) -> xr.DataArray:
    """How many atoms there are at which height.

    Parameters
    ----------
    n_bins : int
        Number of bins.
    """
    edges = np.linspace(0.0, 1.6, n_bins + 1)
    heights = ("height", (edges[1:] + edges[:-1]) / 2, {"units": "nm"})
    return _BINS(positions_of(ds), coords={"height": heights}, edges=edges)
''',
        ("--n-bins", "8"),
        {"n_bins": 8},
        "--n-bins N Number of bins. [default: 4]",
        "at height",
    ),
    "scan": Toy(
        "toy_moves",
        '''
MOVES = Variable("toy_moves", ("frame",), "i", "", "moves up of the first atom until now")
def _moves(r, previous):
    heights = np.concatenate([previous, r])[:, 0, 2]
    return np.cumsum(np.diff(heights) > 0)
_MOVES = Scan(_moves, lambda carry, values: carry + values, MOVES)

@analysis(MOVES, view="a view of its own", topic="Toys", needs=[BONDS])
def toy_moves(ds: xr.Dataset, *, strict: bool = True) -> xr.DataArray:
    """How often the first atom has moved up."""
    return _MOVES(positions_of(ds))
''',
        ("--no-strict",),
        {"strict": False},
        "--strict / --no-strict [default: strict]",
        "last",
    ),
    "events": Toy(
        "toy_visits",
        '''
ATOM = Variable("which", ("event",), "i", "", "atom above the level")
HEIGHT = Variable("height", ("event",), "f", "nm", "its height")
def _visits(r, level):
    frame, atom = np.nonzero(r[:, :, 2] > level)
    return {"frame": frame, "which": atom, "height": r[frame, atom, 2]}
_VISITS = Events(_visits, [ATOM, HEIGHT])

@analysis(ATOM, HEIGHT, view="events", topic="Toys")
def toy_visits(ds: xr.Dataset, *, atoms: str = "all", level: float | Literal["middle"] = "middle"):
    """Atoms above a level.

    Parameters
    ----------
    level : float (nm) or "middle"
        Which level.
    """
    return _VISITS(chosen(ds, atoms), level=0.75 if level == "middle" else level)
''',
        ("--level", "1.4"),
        {"level": 1.4},
        "--level middle|NUMBER Which level. [nm] [default: middle]",
        "mean in a frame",
    ),
    "series": Toy(
        "toy_drift",
        '''
DRIFT = Variable("toy_drift", ("atom",), "f", "nm", "drift along z")
_DRIFT = Series(lambda r, lag: (r[lag, :, 2] - r[0, :, 2]).astype(float), DRIFT)

@analysis(DRIFT, view="profile", topic="Toys")
def toy_drift(ds: xr.Dataset, *, lag: int) -> xr.DataArray:
    """How far every atom drifts.

    Parameters
    ----------
    lag : int
        After so many frames.
    """
    return _DRIFT(positions_of(ds), lag=lag)
''',
        ("--lag", "2"),
        {"lag": 2},
        "--lag N After so many frames. [required]",
        "at atom",
    ),
}


@pytest.fixture(params=TOYS)
def toy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Toy]:
    """A toy whose module is there for one test."""
    found = TOYS[request.param]
    with declared(found.source, tmp_path):
        yield found


@contextmanager
def declared(source: str, folder: Path) -> Iterator[ModuleType]:
    """Import a module from its text; what it declares is forgotten afterwards."""
    before = set(ANALYSES)
    path = folder / "toy.py"
    path.write_text(HEAD + source)
    assert len(path.read_text().splitlines()) < 40
    spec = spec_from_file_location("toy", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["toy"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        yield module
    finally:
        for name in set(ANALYSES) - before:
            del declare._ANALYSES[name]


def opened() -> xr.Dataset:
    """Butane in water, three frames, made whole."""
    return gd.make_whole(gd.open_trajectory(BUTANE[0], BUTANE[2]))


def computed(toy: Toy) -> Any:
    """What the function gives."""
    function = ANALYSES[toy.name].function
    return function(opened(), **toy.arguments).compute()


def command(toy: Toy) -> tuple[Any, ...]:
    """The command, with its options, on a real trajectory."""
    name = ANALYSES[toy.name].command
    return (name, *BUTANE, "--whole", *toy.options)


class TestToys:
    """Every shape behind every door."""

    def test_function_accessor_and_history(self, toy: Toy) -> None:
        expected = computed(toy)
        found = getattr(opened().gromos, toy.name)(**toy.arguments).compute()
        xr.testing.assert_identical(found, expected)
        assert toy.name in expected.attrs["history"]
        assert toy.name in dir(opened().gromos)
        assert getattr(opened().gromos, toy.name).__doc__ == ANALYSES[toy.name].function.__doc__

    def test_help(self, toy: Toy) -> None:
        name = str(ANALYSES[toy.name].command)
        listed = words(succeed("--help").stdout)
        summary = (ANALYSES[toy.name].function.__doc__ or "").splitlines()[0]
        assert f"Toys: {name} {summary}" in listed
        text = words(succeed(name, "--help").stdout)
        assert toy.in_help in text
        assert summary in text
        assert f"gromos-dist {name} " in text
        default = "atoms" in ANALYSES[toy.name].signature.parameters and (
            ANALYSES[toy.name].signature.parameters["atoms"].default
        )
        if default:
            assert f"'protein and not element H'. [default: {default}]" in text
            assert "if not given" not in text.split("--atoms")[1].split("--")[0]
        for house in ("--top", "--whole", "--stride", "--scheduler", "--plot", "--json"):
            assert f" {house} " in text
        assert "--unused" not in text

    def test_run_with_picture_and_summary(self, toy: Toy, tmp_path: Path) -> None:
        picture = tmp_path / "toy.png"
        text = words(succeed(*command(toy), "--plot", picture).stdout)
        if isinstance(computed(toy), xr.Dataset):
            assert text.startswith(toy.name.replace("_", " ") + ", butane.trc frames 3 ")
        for part in ("frames 3", toy.in_summary, "frames/s", f"written {picture}"):
            assert part in text
        assert pyplot.imread(picture).ndim == 3

    def test_json_has_the_numbers(self, toy: Toy) -> None:
        found = json.loads(succeed(*command(toy), "--json").stdout)
        expected = computed(toy)
        assert found["frames"] == 3
        if "first" in expected:
            counts = np.diff(expected["first"])
            assert found["events"] == counts.sum() > 0
            assert found["maximum"]["value"] == counts.max()
            return
        arrays = [expected] if isinstance(expected, xr.DataArray) else list(expected.values())
        facts = [found] if isinstance(expected, xr.DataArray) else found["variables"].values()
        for array, told in zip(arrays, facts, strict=True):
            assert told["units"] == array.attrs.get("units", "")
            assert told["maximum"]["value"] == float(array.max())

    @pytest.mark.parametrize("suffix", [".zarr", ".nc", ".csv"])
    def test_written(self, toy: Toy, tmp_path: Path, suffix: str) -> None:
        output = tmp_path / f"toy{suffix}"
        succeed(*command(toy), "-o", output)
        expected = computed(toy)
        if suffix == ".csv":
            assert len(output.read_text().splitlines()) > 3
            return
        opened = gd.open_store(output) if suffix == ".zarr" else xr.open_dataset(output)
        whole = expected if isinstance(expected, xr.Dataset) else expected.to_dataset()
        with opened as written:
            for name in whole.data_vars:
                np.testing.assert_array_equal(written[name], whole[name])
        told = json.loads(succeed("info", output, "--json").stdout)
        assert set(told["fields"]) == set(map(str, whole.data_vars))


def test_an_analysis_of_many_parameters_never_kills_the_program(tmp_path: Path) -> None:
    source = '''
HEIGHT = Variable("toy_many", ("frame",), "f", "nm", "mean height")
_MANY = Map(lambda r: r[:, 0, 2].astype(float), HEIGHT)

@analysis(HEIGHT, view="time series", topic="Toys")
def toy_many(ds, unknown: "Nowhere" = 3, *others, kind: Literal[4, 6] | None = None, seen=(1, 2),
             pair: tuple[int, float] = (1, 0.5), second: xr.Dataset | None = None,
             donors: Selection = "water", way: object = None, start: int = 7, topology=None,
             either: tuple[int, float] | str = "auto", **rest):
    """Many parameters."""
    toy_many.given = dict(unknown=unknown, kind=kind, seen=seen, pair=pair, donors=donors)
    toy_many.second, toy_many.start, toy_many.topology = second, start, topology
    return _MANY(positions_of(ds))
'''
    with declared(source, tmp_path) as module:
        text = words(succeed("toy-many", "--help").stdout)
        for part in ("--unknown N", "--kind 4|6", "--pair N NUMBER", "--second FILE"):
            assert part in text
        assert "--either TEXT [default: auto]" in text
        assert "--donors SELECTION" in text
        assert not any(option in text for option in ("--way", "--rest", "--others"))
        assert "--toy-many-start N [default: 7]" in text
        options = (
            "--start",
            "1",
            "--toy-many-start",
            "8",
            "--unknown",
            "5",
            "--kind",
            "6",
            "--pair",
            "2",
            "0.25",
            "--seen",
            "3,4.5",
        )
        succeed("toy-many", *BUTANE, *options, "--second", BUTANE[0], "-q")
        given = module.toy_many.__wrapped__.__globals__["toy_many"].given
        assert given == {
            **{"unknown": 5, "kind": 6, "seen": (3.0, 4.5), "pair": (2, 0.25)},
            "donors": "water",
        }
        assert module.toy_many.second.sizes["frame"] == 3
        assert module.toy_many.start == 8
        assert module.toy_many.topology == BUTANE[2]
        said = refuse("toy-many", *BUTANE, "--kind", "5")
        assert said == "Error: --kind: expected 4|6, got '5'\n"
        assert "--seen: expected NUMBER,NUMBER,..., got 'a'" in refuse(
            "toy-many", *BUTANE, "--seen", "a"
        )


def test_a_trajectory_is_written_as_one(tmp_path: Path) -> None:
    source = '''
from gromos_dist.variables import VARIABLES
_UP = Map(lambda r, by: (r + np.float32([0, 0, by])).astype(r.dtype), VARIABLES["positions"], None)

@analysis(VARIABLES["positions"], view="trajectory", topic="Toys")
def toy_lift(ds: xr.Dataset, *, by: float = 0.5) -> xr.Dataset:
    """Lift all atoms (nm)."""
    return ds.assign(positions=_UP(positions_of(ds), by=by))
'''
    output = tmp_path / "up.xtc"
    with declared(source, tmp_path):
        text = words(succeed("toy-lift", *BUTANE, "--by", "1", "-o", output).stdout)
        assert f"written {output}" in text
        lifted = gd.open_trajectory(output).positions - gd.open_trajectory(BUTANE[0]).positions
        np.testing.assert_allclose(lifted[:, :, 2], 1.0, atol=2e-3)
        said = refuse("toy-lift", *BUTANE, "-p", tmp_path / "a.png", "-o", tmp_path / "a.zarr")
        assert "nothing in positions, box can be drawn" in said
        assert "give a file with --output" in refuse("toy-lift", *BUTANE)


@pytest.mark.filterwarnings("default")
def test_needs(tmp_path: Path) -> None:
    alone = DATA / "butane.trc"
    for name, said in (("reduction", "masses"), ("scan", "bonds")):
        toy = TOYS[name]
        options = () if name == "reduction" else toy.options
        with declared(toy.source, tmp_path):
            assert said in refuse(ANALYSES[toy.name].command or "", alone, *options)
    broken = gd.open_trajectory(BUTANE[0], BUTANE[2]).load()
    broken["positions"][:, 0, 0] += broken["box"].values[0, 0, 0]
    path = gd.store(broken, tmp_path / "broken.nc", progress=False)
    with declared(TOYS["map"].source, tmp_path):
        result = succeed("toy-height", path, "-t", BUTANE[2], "-a", "resname BUT")
        assert result.stderr.startswith("Note: toy_height: ")
        assert "--whole" in result.stderr
        assert not succeed(
            "toy-height", path, "-t", BUTANE[2], "-a", "resname BUT", "--whole"
        ).stderr


@pytest.mark.parametrize("analysis", ANALYSES.values(), ids=ANALYSES)
def test_declarations(analysis: Analysis) -> None:
    """Views are known, commands are named once, and every parameter is an option."""
    assert analysis.view in VIEWS
    assert analysis.topic
    # Those have files and force fields of their own.
    if analysis.command in (None, "forces", "energies"):
        return
    assert [one.command for one in ANALYSES.values()].count(analysis.command) == 1
    shown = inspect.signature(command_of(analysis)).parameters
    _, *parameters = analysis.signature.parameters
    assert {"files", "output", "_debug"} <= set(shown)
    assert set(parameters) <= set(shown)

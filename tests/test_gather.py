"""Frames gathered as gromos++ gathers them, to the last digit that it printed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.cli.application import application

# "2:1 1:1 3:1 1:1 ...": the first atoms of the ligand and of the ions go next to the first of all.
PAIRS = [(1190, 0), (1207, 0), (1208, 0), (1209, 0)]
# Of the last printed digit; numbers are printed with nine.
DIGIT = 0.6e-9

pytestmark = pytest.mark.filterwarnings("ignore::gromos_dist.errors.BrokenMoleculesWarning")


@pytest.fixture(scope="module")
def folder(reference: Path) -> Path:
    return reference / "analysis" / "pla2"


@pytest.fixture(scope="module")
def solute(folder: Path) -> xr.Dataset:
    return opened(folder, "pla2_solute_5.trc.gz")


def opened(folder: Path, name: str) -> xr.Dataset:
    return gd.open_trajectory(folder / name, folder / "pla2.top", dtype=float)


def arguments(folder: Path, name: str) -> dict[str, Any]:
    return {
        "broken": {"reference": folder / "pla2_solute_ref.cnf"},
        "whole": {"reference": folder / "fo_f1_cog_00001.cnf"},
        "pairs": {"pairs": PAIRS},
        "": {},
    }[name]


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("nog", ""),
        ("cog", ""),
        ("gbond", ""),
        ("glist", "pairs"),
        ("gref", "broken"),
        ("grtime", "broken"),
        ("gtime", "broken"),  # With a reference it is grtime.
        ("gfit", "broken"),
    ],
)
def test_the_fifth_frame(folder: Path, solute: xr.Dataset, method: str, given: str) -> None:
    frame = solute.isel(frame=slice(4, 5))
    name = "grtime" if (method, given) == ("gtime", "broken") else method
    expected = opened(folder, f"fo_{name}_00005.cnf").positions
    found = gd.gather(frame, method, **arguments(folder, given))
    np.testing.assert_allclose(found.positions, expected, rtol=0, atol=DIGIT)
    assert found.attrs["gathered"] == name


@pytest.mark.parametrize("chunks", [1, 2, 5])
@pytest.mark.parametrize(
    ("method", "given", "name"),
    [
        ("gtime", "", "gtime"),
        ("grtime", "broken", "grtime"),
        ("grtime", "whole", "grtime_whole"),
        ("gltime", "pairs", "gltime"),
        ("gref", "whole", "gref_whole"),
    ],
)
def test_five_frames(
    folder: Path, solute: xr.Dataset, method: str, given: str, name: str, chunks: int
) -> None:
    expected = opened(folder, f"fo_first5_{name}_00001.trc.gz").positions
    found = gd.gather(solute.chunk(frame=chunks), method, **arguments(folder, given))
    np.testing.assert_allclose(found.positions, expected, rtol=0, atol=DIGIT)


@pytest.mark.parametrize("method", ["cog", "gbond"])
def test_with_solvent(folder: Path, method: str) -> None:
    """Solvent is known by its residues of one oxygen and two hydrogens; or it is said."""
    frame = opened(folder, "pla2_5.trc.gz").isel(frame=slice(4, 5))
    expected = opened(folder, f"fo_{method}_all_00005.cnf.gz").positions
    for solvent in (None, "resname SOLV"):
        found = gd.gather(frame, method, solvent=solvent).positions
        np.testing.assert_allclose(found, expected, rtol=0, atol=DIGIT)
    # Molecules of water are together, and around the solute, by the other methods as well.
    for name, given in (("gtime", ""), ("glist", "pairs"), ("gltime", "pairs")):
        moved = gd.gather(frame, name, **arguments(folder, given)).positions.values[0]
        water = moved[1210:].reshape(-1, 3, 3)
        box = frame.box.values[0].diagonal()
        assert np.linalg.norm(water[:, 1:] - water[:, :1], axis=2).max() < 0.11
        assert (np.abs(water[:, 0] - moved[:1210].mean(axis=0)) <= box / 2 + 1e-9).all()


def test_without_a_list_each_molecule_follows_the_one_before(
    folder: Path, solute: xr.Dataset
) -> None:
    one_by_one = [(1190, 0), (1207, 1190), (1208, 1207), (1209, 1208)]
    found = gd.gather(solute, "glist").positions
    np.testing.assert_array_equal(found, gd.gather(solute, "glist", pairs=one_by_one).positions)
    flat = [atom for pair in one_by_one for atom in pair]
    np.testing.assert_array_equal(found, gd.gather(solute, "glist", pairs=flat).positions)
    # From an atom in the middle of its molecule, to both sides.
    inside = gd.gather(solute, "glist", pairs=[(1200, 1189), *PAIRS[1:]]).positions
    half = solute.box.values[:, [0, 1, 2], [0, 1, 2]] / 2
    assert (np.abs(inside[:, 1200] - inside[:, 1189]).values <= half + 1e-9).all()
    assert np.abs(np.diff(inside[:, 1190:1207], axis=1)).max() < 0.4


def blocks(text: str) -> Iterator[str]:
    for part in text.split("POSITIONRED\n")[1:]:
        yield part.split("END")[0]


def test_the_command_writes_what_gathtraj_does(folder: Path, tmp_path: Path) -> None:
    files = (folder / "pla2_solute_5.trc.gz", "-t", folder / "pla2.top")
    command = ["gather", *files, "--method", "cog", "-o", tmp_path / "gathered.trc.gz"]
    result = CliRunner().invoke(application, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    with gzip.open(tmp_path / "gathered.trc.gz", "rt") as file:
        found = file.read()
    with gzip.open(folder / "gathtraj_cog.out.gz", "rt") as file:
        expected = file.read()
    assert list(blocks(found)) == list(blocks(expected))
    assert len(list(blocks(found))) == 5


@pytest.fixture
def frame(solute: xr.Dataset) -> xr.Dataset:
    return solute.isel(frame=slice(0, 1))


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"method": "gather"}, "method: expected one of cog, gbond, .* got 'gather'"),
            ({"method": "gref"}, "gref needs a reference"),
            ({"method": "gfit"}, "gfit needs a reference"),
            ({"method": "cog", "reference": 0}, "cog takes no reference"),
            ({"method": "gtime", "pairs": PAIRS}, "gtime takes no pairs"),
            ({"method": "glist", "pairs": [0, 1, 2]}, "expected two atoms for each molecule"),
            ({"method": "glist", "pairs": [(0, 1)]}, "atom 0 has to be of a later molecule"),
            ({"method": "glist", "pairs": [(1190, 1210)]}, "expected atoms 0 to 1209"),
            ({"method": "gfit", "reference": 0, "molecules": [6]}, "expected numbers 1 to 5"),
            ({"method": "cog", "solvent": "index 0"}, "1 of the 1190 atoms of the molecule"),
            ({"method": "glist", "solvent": "all"}, "everything here is solvent"),
        ],
    )
    def test_arguments(self, frame: xr.Dataset, arguments: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            gd.gather(frame, **arguments)

    def test_without_molecules(self, frame: xr.Dataset) -> None:
        bare = frame.drop_vars(["bonds", "molecule", "residue_name", "residue"])
        with pytest.raises(ValueError, match="nothing tells which atoms are a molecule"):
            gd.gather(bare)

    def test_without_box(self, frame: xr.Dataset) -> None:
        with pytest.raises(ValueError, match="gather needs the box"):
            gd.gather(frame.drop_vars("box"))


def test_solvent_alone(folder: Path) -> None:
    """Without solute, the first molecule is what others come to; gbond leaves all where it is."""
    water = opened(folder, "pla2_5.trc.gz").isel(frame=slice(0, 1), atom=slice(1210, 1210 + 300))
    whole = gd.make_whole(water).positions
    np.testing.assert_array_equal(gd.gather(water, "gbond").positions, whole)
    together = gd.gather(water, "cog").positions.values[0]
    assert np.abs(together[0]).max() <= water.box.values.max() / 2
    apart = np.abs(together[::3] - together[:3].mean(axis=0))
    assert (apart <= water.box.values[0].diagonal() / 2 + 1e-9).all()


DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("pairs", [[], ["--pair", "4; 0"], ["--pair", "s:1; 1:1"]])
def test_the_command_takes_pairs_or_none(tmp_path: Path, pairs: list[str]) -> None:
    files = [str(DATA / "butane.trc"), "-t", str(DATA / "butane.top")]
    output = tmp_path / "gathered.nc"
    # Water as solute, so that there is what a pair can be of.
    how = ["--method", "glist", "--solvent", "index 301 302 303"]
    result = CliRunner().invoke(application, ["gather", *files, *how, *pairs, "-o", str(output)])
    assert result.exit_code == 0, result.output
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")
    given = [(4, 0)] if pairs else None
    expected = gd.gather(ds, "glist", pairs=given, solvent=[301, 302, 303])
    with xr.open_dataset(output) as found:
        np.testing.assert_array_equal(found["positions"], expected["positions"])


def test_pairs_are_of_single_atoms() -> None:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")
    with pytest.raises(ValueError, match="expected one atom, 'name OW' chooses 100"):
        gd.gather(ds, "glist", pairs=["name OW", 0])


@pytest.mark.parametrize("method", ["gtime", "gltime"])
def test_no_box_is_said_by_time(method: Any) -> None:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top").load()
    ds = ds.assign(box=0 * ds["box"])
    with pytest.raises(gd.FrameError, match="frame 0: it has no box"):
        gd.gather(ds, method)

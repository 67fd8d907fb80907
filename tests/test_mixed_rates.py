"""TRR files whose frames have not all of positions, velocities, forces and box."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from reader_files import read
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.cli.application import application
from gromos_dist.io.formats.trr import encode_trr
from gromos_dist.io.index import frame_index
from gromos_dist.io.reader import open_reader
from gromos_dist.io.writer import open_encoded

MIXED = Path(__file__).parent / "data" / "cases" / "mixed_rates.trr"
WITH = [True, False, True, False, True, False]


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(application, [str(argument) for argument in arguments])
    return result.exit_code, " ".join(result.output.split())


def test_the_dataset_says_which_frames_have_what() -> None:
    ds = gd.open_trajectory(MIXED)
    assert ds.has_positions.values.tolist() == WITH
    assert ds.has_positions.attrs == {"long_name": "whether the frame has positions"}
    assert "has_velocities" not in ds.coords
    assert np.isfinite(ds.positions.values).all(axis=(1, 2)).tolist() == WITH
    assert np.isfinite(ds.velocities.values).all()
    assert "has_positions" not in gd.open_trajectory(MIXED, stride=2).coords
    assert gd.open_trajectory(MIXED, start=1, stop=3).has_positions.values.tolist() == [False, True]
    joined = gd.open_trajectory([MIXED, MIXED], overlap="keep")
    assert joined.has_positions.values.tolist() == WITH * 2


def test_indices_of_many_files_are_read_file_by_file(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.trr" for i in range(40)]
    for path in paths:
        shutil.copy(MIXED, path)
    frame_index.cached_index.cache_clear()
    ds = gd.open_trajectory(paths, overlap="keep")
    assert ds.has_positions.values.tolist() == WITH * 40
    assert frame_index.cached_index.cache_info().misses <= 2 * len(paths)


def test_analyses_name_the_frames_that_have_none() -> None:
    ds = gd.open_trajectory(MIXED)
    message = (
        r"3 of 6 frames have no positions, the first is frame 1 \(step 5, time 0.5 ps\).*"
        r"start=0, stride=2"
    )
    for analysis in (gd.rmsd, gd.radius_of_gyration, gd.center_of_geometry):
        with pytest.raises(ValueError, match=message):
            analysis(ds)
    kept = gd.rmsd(ds.isel(frame=ds.has_positions.values)).values
    assert kept.tobytes() == gd.rmsd(gd.open_trajectory(MIXED, stride=2)).values.tobytes()
    assert np.isfinite(kept).all()


def test_frames_without_positions_have_none() -> None:
    frames = list(gd.Trajectory.load(MIXED))
    assert [frame.positions is not None for frame in frames] == WITH
    assert all(frame.velocities is not None for frame in frames)


def test_info_and_check_tell() -> None:
    code, output = run("info", MIXED)
    assert code == 0
    assert "positions (3 frames), velocities, box" in output
    assert json.loads(run("info", MIXED, "--json")[1])["frames_with"] == {"positions": 3}
    code, output = run("check", MIXED)
    assert code == 0
    assert "positions in 3 of 6 frames" in output
    assert json.loads(run("check", MIXED, "--json")[1])["files"][0]["frames_with"] == {
        "positions": 3
    }


@pytest.mark.parametrize("suffix", ["dcd", "xtc", "trc", "pdb", "gro"])
def test_no_format_is_given_nan(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out.{suffix}"
    code, output = run("convert", MIXED, target)
    assert code == 2
    assert "3 of 6 frames have no positions" in output
    assert not target.exists()
    assert run("convert", MIXED, target, "--stride", 2)[0] == 0
    assert np.isfinite(gd.open_trajectory(target).positions.values).all()


def test_trr_stays_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "out.trr"
    assert run("convert", MIXED, target)[0] == 0
    assert gd.open_trajectory(target).has_positions.values.tolist() == WITH
    first, second = read(open_reader(MIXED)), read(open_reader(target))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_trr_is_not_given_nan_for_damaged_numbers(tmp_path: Path) -> None:
    positions = np.zeros((2, 3, 3))
    positions[1, 2, 0] = np.nan
    frames = {"positions": positions, "time": np.arange(2.0), "step": np.arange(2)}
    with (
        pytest.raises(ValueError, match=r"frame 1, atom 2: positions are \[nan, 0.0, 0.0\]"),
        open_encoded(tmp_path / "out.trr", encode_trr()) as file,
    ):
        file.write(frames)


def test_boxes_that_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "boxes.trr"
    with open_encoded(path, encode_trr()) as file:
        boxes = np.broadcast_to(np.eye(3) * 3, (4, 3, 3))
        frames = {"positions": np.ones((4, 3, 3)), "box": boxes}
        file.write({**frames, "time": np.arange(4.0), "step": np.arange(4)})
    content = path.read_bytes()
    size = len(content) // 4
    second = bytearray(content[size : 2 * size])
    second[32:36] = bytes(4)
    del second[84 : 84 + 36]
    path.write_bytes(content[:size] + second + content[2 * size :])
    ds = gd.open_trajectory(path)
    assert ds.has_box.values.tolist() == [True, False, True, True]
    topology = Path(__file__).parent / "data" / "spc.top"
    with pytest.raises(ValueError, match="1 of 4 frames have no box, the first is frame 1"):
        gd.make_whole(ds, topology)
    with pytest.raises(ValueError, match="1 of 4 frames have no box, the first is frame 1"):
        gd.forces(ds, topology, cutoff=1.0, epsilon_rf=61.0)
    assert np.isfinite(gd.radius_of_gyration(ds, mass_weighted=False)).all()

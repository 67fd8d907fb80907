from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gromos_dist as gd
from gromos_dist.errors import TrajectoryError


def some_frames(n: int, n_atoms: int = 6) -> list[gd.Frame]:
    random = np.random.default_rng(n)
    return [
        gd.Frame(
            random.normal(size=(n_atoms, 3)).round(3),
            time=2.0 * i,
            step=100 * i,
            box=(3.0 + i) * np.eye(3),
        )
        for i in range(n)
    ]


def write(path: Path, frames: list[gd.Frame], **options: Any) -> None:
    with gd.TrajectoryWriter(path, **options) as writer:
        for frame in frames:
            writer.write_frame(frame)


def test_frames_are_those_of_the_dataset(adk: Any) -> None:
    ds = gd.open_trajectory(adk.dcd)
    positions, time = ds.positions.values, ds.time.values
    with gd.Trajectory.load(adk.dcd) as trajectory:
        assert (len(trajectory), trajectory.n_atoms) == (98, 3341)
        count = 0
        for i, frame in enumerate(trajectory):
            np.testing.assert_array_equal(frame.positions, positions[i])
            assert (frame.time, frame.step) == (time[i], ds.step.values[i])
            assert frame.box is None
            assert frame.velocities is None
            count += 1
        assert count == 98
        np.testing.assert_array_equal(trajectory[-1].positions, positions[97])
        np.testing.assert_array_equal(trajectory[5].positions, positions[5])
        part = trajectory[10:90:7]
        assert len(part) == 12
        assert [frame.time for frame in part] == time[10:90:7].tolist()
        assert [frame.time for frame in part[2:4]] == time[[24, 31]].tolist()
        np.testing.assert_array_equal(part[1].positions, positions[17])
        assert len(trajectory[5:5]) == 0
        assert list(trajectory[5:5]) == []
    for index in (98, -99):
        with pytest.raises(IndexError, match=f"frame {index} of 98"):
            trajectory[index]
    with pytest.raises(ValueError, match="expected a rising slice"):
        trajectory[::-1]
    assert repr(trajectory) == "Trajectory: 98 frames, 3341 atoms"


def test_two_loops_at_once(adk: Any) -> None:
    trajectory = gd.Trajectory.load(adk.dcd)
    steps = gd.open_trajectory(adk.dcd).step.values.tolist()
    all_but_last, all_but_first = trajectory[:-1], trajectory[1:]
    pairs = [(a.step, b.step) for a, b in zip(all_but_last, all_but_first, strict=True)]
    assert pairs == list(pairwise(steps))


def test_a_loop_that_is_left(adk: Any) -> None:
    frames = iter(gd.Trajectory.load(adk.dcd))
    assert next(frames).step < next(frames).step
    del frames
    assert not [thread for thread in threading.enumerate() if "read-ahead" in thread.name]


def test_selected_atoms(adk: Any) -> None:
    trajectory = gd.Trajectory.load(adk.dcd, adk.psf, atoms="name CA", dtype="float64")
    frame = trajectory[3]
    assert frame.positions is not None
    assert frame.positions.shape == (214, 3)
    assert frame.positions.dtype == np.float64


def test_a_damaged_frame_is_an_error_of_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "file.trc"
    with gd.TrajectoryWriter(path) as writer:
        for frame in some_frames(9):
            writer.write_frame(frame)
    text = path.read_bytes()
    place = text.rindex(b"POSITIONRED") + 20
    trajectory = gd.Trajectory.load(path)
    path.write_bytes(text[:place] + b"x" + text[place + 1 :])
    with pytest.raises(TrajectoryError, match="frame 8"):
        list(gd.Trajectory.load(path))
    del trajectory


@pytest.mark.parametrize("suffix", [".trc", ".trc.gz", ".dcd", ".xtc", ".trr", ".pdb", ".gro"])
def test_written_frames_come_back(tmp_path: Path, suffix: str) -> None:
    frames = some_frames(5, n_atoms=12)
    path = tmp_path / f"file{suffix}"
    with gd.TrajectoryWriter(path) as writer:
        for frame in frames:
            writer.write_frame(frame)
        assert not path.exists()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    trajectory = gd.Trajectory.load(path)
    assert len(trajectory) == 5
    for found, frame in zip(trajectory, frames, strict=True):
        np.testing.assert_allclose(found.positions, frame.positions, atol=1e-6)
        np.testing.assert_allclose(found.box, frame.box, atol=1e-5)
        assert found.time == pytest.approx(frame.time, rel=1e-6)
        assert found.step == frame.step


def test_frames_may_be_changed_after_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "file.trr"
    positions = np.zeros((4, 3), np.float32)
    with gd.TrajectoryWriter(path) as writer:
        for i in range(3):
            positions[:] = i
            writer.write_frame(gd.Frame(positions, time=i, step=i))
    assert [frame.positions[0, 0] for frame in gd.Trajectory.load(path)] == [0, 1, 2]


def test_many_frames_are_written_in_blocks(tmp_path: Path) -> None:
    frame = gd.Frame(np.random.default_rng(0).normal(size=(30_000, 3)))
    with gd.TrajectoryWriter(tmp_path / "file.dcd") as writer:
        for i in range(12):
            writer.write_frame(replace(frame, time=float(i), step=i))
    trajectory = gd.Trajectory.load(tmp_path / "file.dcd")
    assert len(trajectory) == 12
    np.testing.assert_allclose(trajectory[11].positions, frame.positions, atol=1e-6)


@pytest.mark.parametrize("suffix", [".trc", ".dcd", ".xtc"])
def test_an_exception_leaves_no_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"

    def fail(error: BaseException, overwrite: bool = False) -> None:
        with gd.TrajectoryWriter(path, overwrite=overwrite) as writer:
            for frame in some_frames(3):
                writer.write_frame(frame)
            raise error

    with pytest.raises(RuntimeError, match="in between"):
        fail(RuntimeError("in between"))
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"what was there")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        fail(RuntimeError("in between"))
    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt(), overwrite=True)
    assert path.read_bytes() == b"what was there"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_a_writer_refuses(tmp_path: Path) -> None:
    path = tmp_path / "file.trr"
    with pytest.raises(ValueError, match=r"no writer for \.abc; known: "):
        gd.TrajectoryWriter(tmp_path / "file.abc")
    with pytest.raises(ValueError, match="precision: expected a number of nm above 0"):
        gd.TrajectoryWriter(path, precision=0)
    with pytest.raises(ValueError, match=r"is not open: with gd\.TrajectoryWriter"):
        gd.TrajectoryWriter(path).write_frame(some_frames(1)[0])
    with pytest.raises(ValueError, match="no frame was written"), gd.TrajectoryWriter(path):
        pass
    good = some_frames(1)[0]
    bad = {
        "frame 1: positions of 7 atoms, expected 6": gd.Frame(np.zeros((7, 3)), box=np.eye(3)),
        "frame 1 has positions, time, step, expected positions, box": gd.Frame(np.zeros((6, 3))),
        r"positions: expected shape \('atoms', 3\), got \(6, 2\)": gd.Frame(np.zeros((6, 2))),
        r"box: expected shape \(3, 3\), got \(2, 3\)": gd.Frame(
            np.zeros((6, 3)), box=np.ones((2, 3))
        ),
        "without positions, velocities and forces": gd.Frame(None),
    }
    for message, frame in bad.items():
        with pytest.raises(ValueError, match=message):
            write(path, [good, frame])
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_room_is_said_once(tmp_path: Path) -> None:
    frame = gd.Frame(np.zeros((4, 3)), velocities=np.ones((4, 3)))
    frames = [frame, replace(frame, time=1.0, step=1)]
    with pytest.warns(UserWarning, match="no room for velocities") as warned:
        write(tmp_path / "file.dcd", frames)
    assert len(warned) == 1
    assert len(gd.Trajectory.load(tmp_path / "file.dcd")) == 2


def test_velocities_and_forces(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {name: random.normal(size=(5, 3)).astype(np.float32) for name in "xvf"}
    frame = gd.Frame(arrays["x"], velocities=arrays["v"], forces=arrays["f"])
    for name in ("file.trr", "file.g96"):
        with gd.TrajectoryWriter(tmp_path / name) as writer:
            writer.write_frame(frame)
        found = gd.Trajectory.load(tmp_path / name)[0]
        np.testing.assert_allclose(found.velocities, arrays["v"], atol=1e-8)
        np.testing.assert_allclose(found.forces, arrays["f"], atol=1e-8)
        assert found.box is None
    with pytest.warns(UserWarning, match="no room for positions, forces"):
        write(tmp_path / "file.trv", [frame])
    alone = gd.Trajectory.load(tmp_path / "file.trv")[0]
    assert alone.positions is None
    assert alone.n_atoms == 5


def test_names_of_a_topology(tmp_path: Path, adk: Any) -> None:
    frame = gd.Trajectory.load(adk.dcd)[0]
    with gd.TrajectoryWriter(tmp_path / "file.pdb", adk.psf) as writer:
        writer.write_frame(frame)
    assert (
        gd.load_topology(tmp_path / "file.pdb").atom_name.tolist()
        == gd.load_topology(adk.psf).atom_name.tolist()
    )

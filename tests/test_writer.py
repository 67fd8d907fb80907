"""How a file is written: what holds for every format is in formats/test_writers.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gromos_dist.io.reader import open_reader
from gromos_dist.io.writer import open_writer


def frames(n_frames: int, n_atoms: int = 12) -> dict[str, Any]:
    positions = np.random.default_rng(n_frames).uniform(0, 3, (n_frames, n_atoms, 3))
    return {"positions": np.round(positions, 3)}


def positions_of(path: Path) -> Any:
    reader = open_reader(path)
    out = np.empty((reader.n_frames, reader.n_atoms, 3), np.float32)
    reader.read(range(reader.n_frames), {"positions": out})
    return out


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_existing_files_are_kept_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "file.xtc"
    path.write_bytes(b"what was there")
    with pytest.raises(FileExistsError, match="pass overwrite=True"), open_writer(path) as writer:
        writer.write(frames(1))
    with open_writer(path, overwrite=True) as writer:
        writer.write(frames(1))
        assert path.read_bytes() == b"what was there"
    assert len(positions_of(path)) == 1
    folder = tmp_path / "folder.xtc"
    folder.mkdir()
    with pytest.raises(FileExistsError, match="is a folder"), open_writer(folder, overwrite=True):
        pass
    assert files(tmp_path) == ["file.xtc", "folder.xtc"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    path, other = tmp_path / "file.xtc", tmp_path / "other"
    other.touch()
    with open_writer(path) as writer:
        writer.write(frames(1))
    assert path.stat().st_mode == other.stat().st_mode


def test_two_writers_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "file.xtc"
    with open_writer(path) as writer:
        writer.write(frames(1))
        with pytest.raises(BlockingIOError, match="another run is writing"), open_writer(path):
            pass
    assert len(positions_of(path)) == 1


def test_number_of_atoms_stays(tmp_path: Path) -> None:
    with open_writer(tmp_path / "file.trr") as writer:
        writer.write(frames(3))
        with pytest.raises(ValueError, match="expected 12 atoms as in the frames before, got 13"):
            writer.write(frames(3, n_atoms=13))
    assert len(positions_of(tmp_path / "file.trr")) == 3


def test_what_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "file.xtc"
    good = frames(2)
    bad: list[tuple[dict[str, Any], str]] = [
        ({}, "expected positions, velocities or forces, got none"),
        ({"box": np.zeros((2, 3, 3))}, "expected positions, velocities or forces"),
        ({**good, "forces": good["positions"]}, "no room for 'forces' in this format"),
        ({**good, "charge": np.zeros(12)}, "no room for 'charge'"),
        ({"positions": np.zeros((2, 12))}, r"positions: expected shape \(2, 12, 3\)"),
        ({"positions": np.zeros((2, 0, 3))}, "positions: expected shape"),
        (
            {**good, "box": np.zeros((3, 3, 3))},
            r"box: expected shape \(2, 3, 3\) .* got \(3, 3, 3\)",
        ),
        ({**good, "step": np.zeros(2)}, "step: expected numbers, got float64"),
        ({"positions": np.full((2, 12, 3), "a")}, "positions: expected numbers, got <U1"),
    ]
    for block, message in bad:
        with pytest.raises(ValueError, match=message), open_writer(path) as writer:
            writer.write(block)
    with pytest.raises(ValueError, match="no frame was written"), open_writer(path):
        pass
    with pytest.raises(ValueError, match=r"no writer for \.abc; known: .*\.xtc"):
        open_writer(tmp_path / "file.abc").__enter__()
    with pytest.raises(ValueError, match="no writer for a file without a suffix"):
        open_writer(tmp_path / "file").__enter__()
    with pytest.raises(FileNotFoundError):
        open_writer(tmp_path / "none" / "file.xtc").__enter__()
    assert files(tmp_path) == []

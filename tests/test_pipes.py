"""Pipes and devices where a file is expected: refused at once, not waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.cli.application import application
from gromos_dist.io.reader import open_reader
from gromos_dist.io.registry import READABLE
from gromos_dist.provenance import describe_file

DATA = Path(__file__).parent / "data"
SUFFIXES = [*READABLE, ".trc.gz", ".pdb.gz"]


def pipe(folder: Path, suffix: str) -> Path:
    path = folder / f"pipe{suffix}"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_trajectories(tmp_path: Path, suffix: str) -> None:
    path = pipe(tmp_path, suffix)
    for opened in (open_reader, gd.open_trajectory, gd.Trajectory.load):
        with pytest.raises(OSError, match=r"a pipe \(FIFO\).*write what it gives to a file first"):
            opened(path)


@pytest.mark.parametrize(
    ("suffix", "opened"),
    [
        (".top", gd.load_topology),
        (".psf", gd.load_topology),
        (".gro", gd.load_topology),
        (".pdb", gd.load_topology),
        (".cnf", gd.load_topology),
        (".tpr", gd.load_topology),
        (".tre", gd.open_energies),
        (".tre.gz", gd.open_energies),
        (".any", describe_file),
        (".nc", lambda path: gd.open_trajectory(path, engine="chemfiles")),
    ],
)
def test_other_inputs(tmp_path: Path, suffix: str, opened: Callable[[Any], Any]) -> None:
    path = pipe(tmp_path, suffix)
    with pytest.raises(OSError, match=r"a pipe \(FIFO\)"):
        opened(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="a device"):
        opened(path)


def test_the_command_line(tmp_path: Path) -> None:
    good, top = str(DATA / "butane.trc"), str(DATA / "butane.top")
    path = str(pipe(tmp_path, ".trc"))
    settings, topology = str(pipe(tmp_path, ".imd")), str(pipe(tmp_path, ".top"))
    for arguments in (
        ["info", path],
        ["rmsd", path],
        ["rmsd", good, "--reference", path],
        ["rmsd", good, "--top", topology],
        ["energies", good, "--top", top, "--imd", settings],
        ["energies", good, "--top", topology, "--cutoff", "1"],
        ["convert", path, str(tmp_path / "out.dcd")],
    ):
        result = CliRunner().invoke(application, arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert "not a regular file but a pipe" in " ".join(result.output.split()), arguments
    result = CliRunner().invoke(application, ["check", path])
    assert result.exit_code == 2
    assert "not a regular file but a pipe" in result.output

"""A run that is killed at any moment goes on when the same command is given, to the same bytes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import AdK

import gromos_dist as gd

COPIES = 100


def command(trajectories: Path, adk: AdK, output: Path, *options: str) -> list[str]:
    program = str(Path(sys.executable).with_name("gromos-dist"))
    files = [str(trajectories / "*.dcd"), "--top", str(adk.psf), "-o", str(output)]
    return [program, "rmsd", *files, *options]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_killed_five_times_and_run_again(adk: AdK, tmp_path: Path) -> None:
    trajectories = tmp_path / "trajectories"
    trajectories.mkdir()
    for number in range(COPIES):
        (trajectories / f"{number}.dcd").symlink_to(adk.dcd)
    options = ("--atoms", "backbone", "--workers", "2")
    undisturbed = tmp_path / "undisturbed.zarr"
    began = time.monotonic()
    subprocess.run(
        command(trajectories, adk, undisturbed, *options), check=True, capture_output=True
    )
    length = time.monotonic() - began

    killed = tmp_path / "killed.zarr"
    moments = random.Random(0)
    for _ in range(5):
        process = subprocess.Popen(
            command(trajectories, adk, killed, *options),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(length * moments.uniform(0.4, 1.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if killed.exists() and process.returncode == -signal.SIGKILL:
            states = contents(killed)
            if states.keys() != contents(undisturbed).keys():
                with pytest.raises((ValueError, FileNotFoundError)):
                    gd.open_store(killed)

    subprocess.run(command(trajectories, adk, killed, *options), check=True, capture_output=True)
    assert contents(killed) == contents(undisturbed)
    assert gd.open_store(killed).sizes["frame"] == COPIES * 98

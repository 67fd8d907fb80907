"""Slices, strides and lists of atoms reach the files: the bytes that are read tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr
from MDAnalysisTests import datafiles as files

import gromos_dist as gd

# Atoms are counted here, not measured.
pytestmark = pytest.mark.filterwarnings("ignore::gromos_dist.errors.BrokenMoleculesWarning")
TRAJECTORIES = {
    "DCD": (files.DCD, files.PSF),
    "XTC": (files.XTC, files.GRO),
    "TRR": (files.TRR, files.GRO),
}
CHOICES: dict[str, tuple[Callable[[xr.Dataset], xr.Dataset], float]] = {
    "half": (lambda ds: ds.isel(frame=slice(0, ds.sizes["frame"] // 2)), 0.5),
    "stride": (lambda ds: ds.isel(frame=slice(None, None, 5)), 0.21),
    "one frame of many": (lambda ds: ds.isel(frame=[3]), 0.11),
}
# DCD and GROMOS text keep the numbers of all atoms of a frame in one record.
ATOMS = {"XTC": 0.05, "TRR": 0.01}


def bytes_read_by(compute: Callable[[], object]) -> int:
    def so_far() -> int:
        counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        return int(counters["rchar"])

    before = so_far()
    compute()
    return so_far() - before


@pytest.fixture(scope="module", params=TRAJECTORIES)
def trajectory(request: pytest.FixtureRequest) -> tuple[str, xr.Dataset, int]:
    path, topology = TRAJECTORIES[request.param]
    ds = gd.open_trajectory(path, topology)
    # What is imported, compiled or indexed at the first use is no part of the count.
    gd.center_of_geometry(ds.isel(frame=slice(0, 2))).compute(scheduler="synchronous")
    fields = sum(name in ds for name in ("positions", "velocities", "forces"))
    return request.param, ds, Path(path).stat().st_size // fields


@pytest.mark.parametrize("choice", CHOICES)
def test_frames_that_are_not_wanted_are_not_read(
    trajectory: tuple[str, xr.Dataset, int], choice: str
) -> None:
    _, ds, size = trajectory
    choose, part = CHOICES[choice]
    result = gd.center_of_geometry(choose(ds))
    read = bytes_read_by(lambda: result.compute(scheduler="synchronous"))
    whole = gd.center_of_geometry(ds)
    everything = bytes_read_by(lambda: whole.compute(scheduler="synchronous"))
    assert 0.9 * size < everything < 1.1 * size
    assert 0 < read <= part * everything * 1.05


def test_atoms_that_are_not_wanted_are_not_read(trajectory: tuple[str, xr.Dataset, int]) -> None:
    name, ds, size = trajectory
    if name not in ATOMS:
        pytest.skip("a record has all atoms of a frame")
    part = ATOMS[name]
    for result in (
        gd.center_of_geometry(ds.isel(atom=slice(0, 100))),
        gd.center_of_geometry(ds, atoms="index 0-99"),
    ):
        read = bytes_read_by(lambda of=result: of.compute(scheduler="synchronous"))
        assert 0 < read < part * size

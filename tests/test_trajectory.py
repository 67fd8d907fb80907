"""Opening trajectories: a lazy Dataset of one or several files; the xarray engine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from conftest import AdK
from distributed import Client

import gromos_dist as gd
from gromos_dist.errors import SelectionError, TopologyError, TrajectoryError
from gromos_dist.io import open_trajectory
from gromos_dist.io.graphs import source_of
from gromos_dist.variables import VARIABLES, validate


def test_the_dataset_follows_the_data_model(adk: AdK) -> None:
    ds = open_trajectory(adk.dcd, adk.psf)
    assert dict(ds.sizes) == {"frame": 98, "atom": 3341, "xyz": 3, "bond": 3365, "pair": 2}
    assert type(ds.positions.data) is da.Array
    for name in {*ds.variables} - {"xyz"}:
        validate(ds[name], name)
        assert VARIABLES[name].attrs.items() <= ds[name].attrs.items()
    assert ds.positions.dtype == np.float32
    assert "open_trajectory" in ds.attrs["history"]


def test_without_a_topology(adk: AdK) -> None:
    ds = open_trajectory(adk.dcd)
    assert set(ds.coords) == {"time", "step", "xyz"}
    with pytest.raises(SelectionError, match="topology"):
        open_trajectory(adk.dcd, atoms="name CA")


def test_atoms_and_frames_are_chosen_when_opening(adk: AdK) -> None:
    whole = open_trajectory(adk.dcd, adk.psf)
    some = open_trajectory(adk.dcd, adk.psf, atoms="name CA", start=5, stop=80, stride=4)
    expected = whole.isel(frame=slice(5, 80, 4), atom=whole.atom_name.data == "CA")
    xr.testing.assert_equal(some.compute(), expected.compute())
    by_number = open_trajectory(adk.dcd, atoms=[7, 3])
    np.testing.assert_array_equal(by_number.positions, whole.positions.isel(atom=[7, 3]))


def test_several_files_are_one_time_axis(adk: AdK, tmp_path: Path) -> None:
    for number in (2, 10, 1):
        shutil.copy(adk.dcd, tmp_path / f"md_{number}.dcd")
    one = open_trajectory(adk.dcd).positions.compute()
    ds = open_trajectory(str(tmp_path / "md_*.dcd"), start=90, stop=200, stride=9)
    expected = xr.concat([one] * 3, "frame").isel(frame=slice(90, 200, 9))
    np.testing.assert_array_equal(ds.positions, expected)
    found = source_of(ds.positions.data)
    assert found is not None
    assert [Path(reader.path).name for reader in found.source.readers] == [
        "md_1.dcd",
        "md_2.dcd",
        "md_10.dcd",
    ]
    listed = open_trajectory([tmp_path / "md_2.dcd", tmp_path / "md_1.dcd"])
    assert listed.sizes["frame"] == 2 * 98


def test_chunks(adk: AdK) -> None:
    assert open_trajectory(adk.dcd, chunks=30).positions.chunks[0] == (30, 30, 30, 8)
    with pytest.raises(ValueError, match="chunks"):
        open_trajectory(adk.dcd, chunks="large")


def test_double_precision(adk: AdK) -> None:
    single = open_trajectory(adk.dcd).positions
    double = open_trajectory(adk.dcd, dtype="float64").positions
    assert double.dtype == np.float64
    np.testing.assert_array_equal(double.astype(np.float32), single)
    with pytest.raises(ValueError, match="float32 or float64"):
        open_trajectory(adk.dcd, dtype="float16")


@pytest.mark.parametrize(
    "index",
    [
        {"frame": slice(3, 50, 7), "atom": [5, 3]},
        {"frame": [7, 2], "atom": 5},
        {"frame": -1, "atom": slice(None, None, -1), "xyz": 1},
        {"frame": slice(None, None, -2), "atom": 3},
        {"frame": slice(4, 4)},
        {"xyz": [2, 0], "frame": 10},
    ],
)
def test_the_engine_reads_the_same(adk: AdK, index: dict[str, object]) -> None:
    expected = open_trajectory(adk.dcd, adk.psf).isel(index).compute()
    with xr.open_dataset(adk.dcd, engine="gromos", topology=adk.psf, cache=False) as ds:
        xr.testing.assert_equal(ds.isel(index).compute(), expected)


def test_the_engine_and_dask(adk: AdK) -> None:
    ds = xr.open_dataset(adk.dcd, engine="gromos", chunks={})
    assert ds.positions.chunks == open_trajectory(adk.dcd).positions.chunks
    xr.testing.assert_equal(ds.compute(), open_trajectory(adk.dcd).compute())


def test_the_engine_knows_its_files(adk: AdK) -> None:
    assert xr.open_dataset(adk.dcd).sizes["atom"] == 3341


def test_a_result_does_not_depend_on_where_the_file_lies(adk: AdK, tmp_path: Path) -> None:
    def name_of(path: Path, *, verify: bool = False) -> str:
        return str(open_trajectory(path, verify=verify).positions.data.name)

    copy = tmp_path / "copy.dcd"
    shutil.copy2(adk.dcd, copy)
    assert name_of(copy) == name_of(adk.dcd)
    # Without the time of the original, only reading all of it tells that it is the same.
    os.utime(copy, ns=(0, 10**18))
    assert name_of(copy) != name_of(adk.dcd)
    assert name_of(copy, verify=True) == name_of(adk.dcd, verify=True)


def made(folder: Path, name: str, content: bytes | None) -> Path:
    path = folder / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("folder.dcd", None, IsADirectoryError, r"folder\.dcd"),
        ("empty.dcd", b"", TrajectoryError, r"empty\.dcd"),
        ("text.dcd", b"TITLE\n" * 99, TrajectoryError, r"text\.dcd"),
        ("a.xyz", b"1", ValueError, r"\.xyz.*\.dcd"),
    ],
)
def test_bad_files(
    tmp_path: Path, name: str, content: bytes | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        open_trajectory(made(tmp_path, name, content))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.dcd"):
        open_trajectory(tmp_path / "absent.dcd")
    with pytest.raises(FileNotFoundError, match="matches this pattern"):
        open_trajectory(str(tmp_path / "absent_*.dcd"))
    with pytest.raises(ValueError, match="at least one"):
        open_trajectory([])


def test_a_file_cut_in_the_middle_of_a_frame(adk: AdK, tmp_path: Path) -> None:
    cut = tmp_path / "cut.dcd"
    cut.write_bytes(adk.dcd.read_bytes()[:-20_000])
    with pytest.raises(TrajectoryError, match=r"cut\.dcd.*frame 97"):
        open_trajectory(cut)


def test_atoms_of_topology_and_trajectory_differ(adk: AdK, mdanalysis_data: Path) -> None:
    with pytest.raises(TopologyError, match=r"3341.*adk_dims\.dcd"):
        open_trajectory(adk.dcd, mdanalysis_data / "adk_oplsaa.gro")


def test_atoms_of_files_differ(adk: AdK, mdanalysis_data: Path) -> None:
    other = mdanalysis_data / "SiN_tric_namd.dcd"
    with pytest.raises(ValueError, match="3341"):
        open_trajectory([adk.dcd, other])


def copied(adk: AdK, folder: Path) -> xr.Dataset:
    """Open copies of the files by relative paths; `folder` is the current one."""
    shutil.copy(adk.dcd, folder / "md.dcd")
    shutil.copy(adk.psf, folder / "md.psf")
    return open_trajectory("md.dcd", "md.psf", start=95)


def test_relative_paths_outlive_a_change_of_folder(
    adk: AdK, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = open_trajectory(adk.dcd, start=95).positions.values
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    ds = copied(adk, tmp_path)
    engine = xr.open_dataset("md.dcd", engine="gromos", chunks={})
    gd.store(ds, "md.zarr", progress=False)
    stored = gd.open_store("md.zarr")
    monkeypatch.chdir(tmp_path / "other")
    np.testing.assert_array_equal(ds.positions, expected)
    np.testing.assert_array_equal(engine.positions[95:], expected)
    np.testing.assert_array_equal(stored.positions, expected)
    assert ds.attrs["topology"] == str(tmp_path / "md.psf")
    frames = gd.Trajectory.load("../md.dcd")
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(frames[97].positions, expected[-1])


def test_workers_that_were_started_elsewhere(
    adk: AdK, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.chdir(tmp_path)
    ds = copied(adk, tmp_path)
    assert str(tmp_path) not in client.run(os.getcwd).values()
    expected = gd.rmsd(ds).compute(scheduler="synchronous")
    xr.testing.assert_equal(client.compute(gd.rmsd(ds)).result(), expected)

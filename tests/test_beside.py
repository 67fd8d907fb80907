"""Working names: no link is followed, and nothing is removed that no run of ours has made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import gromos_dist as gd
from gromos_dist.beside import file_beside, folder_beside
from gromos_dist.plot import plot_time_series
from gromos_dist.store import open_store, store

DATA = Path(__file__).parent / "data"
SUFFIXES = [".zarr", ".nc", ".csv", ".xtc", ".trc", ".top", ".png"]


def result() -> xr.DataArray:
    return xr.DataArray(da.arange(40.0, chunks=8), dims="frame", name="rmsd")


def trajectory() -> xr.Dataset:
    positions = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    attrs = {"units": "nm"}
    return xr.Dataset({"positions": (("frame", "atom", "xyz"), positions, attrs)})


def write(path: Path) -> None:
    """Write with the writer that the suffix stands for, over what is there."""
    if path.suffix == ".top":
        gd.write_topology(gd.load_topology(DATA / "butane.top"), path, overwrite=True)
    elif path.suffix == ".png":
        time = {"time": ("frame", np.arange(40.0), {"units": "ps"})}
        plot_time_series(result().compute().assign_coords(time).assign_attrs(units="nm"), path)
    else:
        store(trajectory() if path.suffix in (".xtc", ".trc") else result(), path, overwrite=True)


def planted(name: str) -> list[str]:
    """Return working names, of this and earlier versions, that somebody may have taken."""
    return [
        f".{name}.partial",
        f".{name}.abcdefgh.partial",
        f".{name}.12345678.partial",
        f".{name}.{os.getpid()}.part",
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_links_in_our_place_lead_nowhere(tmp_path: Path, suffix: str) -> None:
    precious = tmp_path / "precious"
    (precious / "folder").mkdir(parents=True)
    (precious / "file").write_text("precious")
    (precious / ".gromos_dist").write_text("precious")
    output = tmp_path / "output"
    output.mkdir()
    target = output / f"result{suffix}"
    names = planted(target.name)
    for name, behind in zip(names, ["", "", "file", "file"], strict=True):
        (output / name).symlink_to(precious / behind)
    for _ in range(2):
        write(target)
    assert sorted(path.name for path in precious.iterdir()) == [".gromos_dist", "file", "folder"]
    assert (precious / "file").read_text() == "precious"
    assert sorted(path.name for path in output.iterdir()) == sorted([*names, target.name])


def test_folders_that_no_run_of_ours_made_stay(tmp_path: Path) -> None:
    target = tmp_path / "result.nc"
    for name, mark in ((".result.nc.abcdefgh.partial", None), (".result.nc.abcdefgi.partial", "x")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "precious").write_text("precious")
        if mark is not None:
            (tmp_path / name / ".gromos_dist").write_text(mark)
    # One of ours that was moved: its mark names another folder.
    with folder_beside(tmp_path / "other.nc") as folder:
        moved = tmp_path / ".result.nc.abcdefgj.partial"
        moved.mkdir()
        (moved / ".gromos_dist").write_text((folder / ".gromos_dist").read_text())
        (moved / "precious").write_text("precious")
    store(result(), target)
    assert len(list(tmp_path.glob("*/precious"))) == len(list(tmp_path.glob(".*/precious"))) == 3


def test_a_folder_whose_place_was_taken_stays(tmp_path: Path) -> None:
    with folder_beside(tmp_path / "result.nc") as folder:
        (folder / "ours").touch()
        folder.rename(tmp_path / "elsewhere")
        folder.mkdir()
        (folder / "precious").write_text("precious")
    assert (folder / "precious").read_text() == "precious"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def in_a_process(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
    )


STOPPED = """
import signal, sys, time
def end(*_):
    raise SystemExit(143)
signal.signal(signal.SIGTERM, end)
import test_beside
from gromos_dist.store import store
def slowly(block):
    print("computing", flush=True)
    time.sleep(0.2)
    return block
result = test_beside.result()
result.data = result.data.map_blocks(slowly, meta=result.data)
store(result, sys.argv[1])
"""


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "result.nc"
    process = in_a_process(STOPPED, target)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(BlockingIOError, match="another run is writing"):
        store(result(), target)
    assert not target.exists()
    process.kill()
    process.communicate()
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".partial")
    assert left.stat().st_mode & 0o777 == 0o700
    store(result(), target)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("suffix", [".nc", ".csv", ".zarr"])
def test_a_run_that_is_ended_leaves_nothing_half_done(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"result{suffix}"
    process = in_a_process(STOPPED, target)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == ([target] if suffix == ".zarr" else [])
    store(result(), target)
    assert list(tmp_path.iterdir()) == [target]


FULL = """
import resource, sys
import test_beside
from gromos_dist.store import store
resource.setrlimit(resource.RLIMIT_FSIZE, (150, 150))
try:
    store(test_beside.result(), sys.argv[1])
except OSError as error:
    print(error.errno, error.filename, error.strerror)
"""


@pytest.mark.parametrize("suffix", [".nc", ".csv", ".zarr"])
def test_a_full_disk_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    # A limit of the size of files stands for it: the system's error is of the same kind.
    target = tmp_path / f"result{suffix}"
    output, errors = in_a_process(FULL, target).communicate()
    assert output == f"27 {target} File too large\n", errors
    assert list(tmp_path.iterdir()) == []
    store(result(), target)


# A result onto its own source


def stored_trajectory(path: Path) -> None:
    store(trajectory(), path)


SOURCES: dict[str, Callable[[Path], xr.Dataset]] = {
    ".zarr": open_store,
    ".nc": lambda path: xr.open_dataset(path, engine="h5netcdf", chunks={}),
    ".xtc": gd.open_trajectory,
    ".dcd": gd.open_trajectory,
}
RESULTS: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "itself": lambda ds: ds,
    "part": lambda ds: ds.isel(frame=slice(1, 3)),
    "list": lambda ds: ds.isel(frame=[3, 1]),
    "derived": lambda ds: ds.assign(positions=(ds.positions * 2).assign_attrs(units="nm")),
    "analysis": lambda ds: gd.rmsd(ds, reference=0).to_dataset(),
}


@pytest.mark.parametrize("way", ["", "symlink", "hard link"])
@pytest.mark.parametrize("suffix", SOURCES)
def test_no_result_is_written_onto_its_source(tmp_path: Path, suffix: str, way: str) -> None:
    source = tmp_path / f"source{suffix}"
    stored_trajectory(source)
    if suffix == ".zarr":
        source.rename(tmp_path / "lazy.zarr")
        store(open_store(tmp_path / "lazy.zarr").chunk(frame=2), source)
    target = source
    if way:
        target = tmp_path / f"target{suffix}"
        if way == "symlink":
            target.symlink_to(source)
        elif suffix == ".zarr":
            pytest.skip("folders have no hard links")
        else:
            os.link(source, target)
    opened = SOURCES[suffix](source)
    before = opened.positions.values
    for name, change in RESULTS.items():
        if name == "analysis" and suffix not in (".zarr", ".nc"):
            continue
        with pytest.raises(ValueError, match="is read for this result and cannot be written"):
            store(change(opened), target, overwrite=True)
    assert SOURCES[suffix](source).positions.values.tobytes() == before.tobytes()
    opened.close()


def test_zarr_itself_names_the_source(tmp_path: Path) -> None:
    path = store(trajectory().chunk(frame=2), tmp_path / "source.zarr")
    opened = xr.open_zarr(path)
    with pytest.raises(ValueError, match="is read for this result"):
        store(opened, path, overwrite=True)
    with pytest.raises(ValueError, match="is read for this result"):
        store(open_store(path, allow_unfinished=True), path)
    store((opened * 2).load(), path, overwrite=True)
    assert (
        open_store(path).positions.values.tobytes() == (2 * trajectory().positions).values.tobytes()
    )


def test_another_file_of_the_same_name_is_no_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        store(trajectory().chunk(frame=2), tmp_path / folder / "s.zarr")
    monkeypatch.chdir(tmp_path / "here")
    store(open_store(tmp_path / "there" / "s.zarr") * 2, "s.zarr", overwrite=True)


def test_no_file_is_replaced_when_the_work_fails(tmp_path: Path) -> None:
    target = tmp_path / "result.csv"
    target.write_text("precious")

    def failing() -> None:
        with file_beside(target, overwrite=True) as path:
            path.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]

"""Trajectories from one format to another: `gd.store` and ``gromos-dist convert``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from distributed import Client
from MDAnalysisTests.datafiles import DCD_TRICLINIC, PSF_TRICLINIC
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.cli.application import application
from gromos_dist.distributed import scheduler
from gromos_dist.store import trajectory_file

DATA = Path(__file__).parent / "data" / "gromos"


def convert(*arguments: Any, code: int = 0) -> str:
    result = CliRunner().invoke(application, ["convert", *map(str, arguments)])
    assert result.exit_code == code, result.output + str(result.exception)
    return " ".join(result.output.split())


def frames_of(path: Path | str, **options: Any) -> xr.Dataset:
    return gd.open_trajectory(path, **options).load()


@pytest.fixture(params=["threads", "synchronous", "cluster", "client"])
def everywhere(request: pytest.FixtureRequest) -> Any:
    if request.param == "client":
        yield request.getfixturevalue("client")
    elif request.param == "cluster":
        with Client(request.getfixturevalue("cluster")) as client:
            yield client
    elif request.param == "synchronous":
        with dask.config.set(scheduler="synchronous"):
            yield None
    else:
        with scheduler("threads", 2):
            yield None


def test_the_same_bytes_everywhere(
    tmp_path: Path, adk: Any, everywhere: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ds = gd.open_trajectory(adk.dcd, adk.psf, chunks=7, dtype="float64")
    expected = tmp_path / "expected.trc"
    trajectory_file.write(ds.load(), expected, False, False)
    path = gd.store(ds, tmp_path / "file.trc", progress=False)
    assert path.read_bytes() == expected.read_bytes()
    # Small blocks, which wait for each other on disk.
    monkeypatch.setattr(trajectory_file, "_BLOCK_BYTES", 200_000)
    monkeypatch.setattr(trajectory_file, "_WAITING_BYTES", 0)
    path = gd.store(ds, tmp_path / "again.trc", progress=False)
    assert path.read_bytes() == expected.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "again.trc",
        "expected.trc",
        "file.trc",
    ]


@pytest.mark.parametrize("chunks", [1, 7, 98])
def test_derived_and_mixed_arrays(tmp_path: Path, adk: Any, chunks: int) -> None:
    ds = gd.open_trajectory(adk.dcd, adk.psf, chunks=chunks)
    box = np.broadcast_to(np.diag([4.0, 5.0, 6.0]), (98, 3, 3)).copy()
    moved = (ds.positions + 1).astype(np.float32)
    moved.attrs = ds.positions.attrs
    moved = ds.assign(positions=moved, box=(("frame", "box_vector", "xyz"), box))
    moved.box.attrs["units"] = "nm"
    path = gd.store(moved, tmp_path / "file.trr", progress=False)
    found = frames_of(path)
    np.testing.assert_array_equal(found.positions, moved.positions)
    np.testing.assert_array_equal(found.box, box.astype(np.float32))
    np.testing.assert_allclose(found.time, ds.time, rtol=1e-6)


def test_what_is_left_out_is_said(tmp_path: Path, adk: Any) -> None:
    ds = gd.open_trajectory(adk.dcd, stop=3)
    ds = ds.assign(velocities=ds.positions, rmsd=("frame", np.zeros(3)))
    with pytest.warns(UserWarning, match=r"file.dcd holds positions; left out: .*velocities, rmsd"):
        gd.store(ds, tmp_path / "file.dcd")


def test_what_is_refused(tmp_path: Path, adk: Any) -> None:
    ds = gd.open_trajectory(adk.dcd, stop=3)
    rmsd = xr.DataArray(np.zeros(3), dims="frame", name="rmsd")
    with pytest.raises(ValueError, match="expected a trajectory with positions"):
        gd.store(rmsd, tmp_path / "file.dcd")
    with pytest.raises(ValueError, match="no frames to write"):
        gd.store(ds.isel(frame=slice(0, 0)), tmp_path / "file.dcd")
    with pytest.raises(ValueError, match="positions: expected dims"):
        gd.store(ds.transpose("atom", "frame", "xyz"), tmp_path / "file.dcd")
    with pytest.raises(ValueError, match=r"precision=0\.1 rounds the positions"):
        gd.store(rmsd, tmp_path / "file.zarr", precision=0.1)
    with pytest.raises(ValueError, match="expected a number of nm above 0"):
        gd.store(ds, tmp_path / "file.dcd", precision=-1)
    (tmp_path / "file.dcd").write_bytes(b"what was there")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        gd.store(ds, tmp_path / "file.dcd")
    bad = ds.load()
    bad.positions[2, 5, 1] = np.nan
    with pytest.raises(ValueError, match=r"file.dcd: frame 2, atom 5"):
        gd.store(bad, tmp_path / "file.dcd", overwrite=True)
    assert (tmp_path / "file.dcd").read_bytes() == b"what was there"
    assert len(list(tmp_path.iterdir())) == 1


def test_truncated_octahedra_stay_in_gromos_text(tmp_path: Path) -> None:
    path = next(iter(DATA.glob("*octahedron*")), None)
    if path is None:
        text = (DATA / "rectangular.trc").read_text()
        box = "GENBOX\n   -1\n" + f"{2:15.9f}" * 3 + "\n" + f"{90:15.9f}" * 3 + "\n"
        box += 2 * (f"{0:15.9f}" * 3 + "\n") + "END\n"
        parts = [part.split("END\n", 1)[1] for part in text.split("GENBOX\n")[1:]]
        path = tmp_path / "octahedron.trc"
        path.write_text(text.split("GENBOX\n")[0] + "".join(box + part for part in parts))
    ds = gd.open_trajectory(path, dtype="float64")
    assert ds.box.attrs["shape"] == "truncated octahedron"
    again = gd.open_trajectory(gd.store(ds, tmp_path / "again.trc"))
    assert again.box.attrs["shape"] == "truncated octahedron"
    np.testing.assert_array_equal(again.box, ds.box.astype(np.float32))
    for suffix in (".dcd", ".xtc", ".trr", ".pdb", ".gro"):
        with pytest.raises(ValueError, match="cannot say that the box is a truncated octahedron"):
            gd.store(ds, tmp_path / f"file{suffix}")
    gd.store(ds.drop_vars("box"), tmp_path / "file.dcd")


# Zarr


@pytest.fixture
def large(tmp_path: Path) -> xr.Dataset:
    """A trajectory with blocks that are worth shards: 24 frames of 70 000 atoms."""
    positions = np.random.default_rng(0).uniform(0, 9, (24, 70_000, 3)).astype(np.float32)
    return xr.Dataset(
        {
            "positions": (
                ("frame", "atom", "xyz"),
                da.from_array(positions, chunks=(10, -1, -1), name="positions-of-a-test"),
                {"units": "nm", "long_name": "position"},
            )
        },
        {"time": ("frame", np.arange(24.0)), "step": ("frame", np.arange(24))},
    )


@pytest.mark.parametrize("precision", [None, 0.001])
def test_zarr_of_a_trajectory(tmp_path: Path, large: xr.Dataset, precision: float | None) -> None:
    path = gd.store(large, tmp_path / "file.zarr", precision=precision, progress=False)
    array = zarr.open_array(path, path="positions", mode="r")
    assert array.shards == (10, 70_000, 3)
    assert array.chunks == (1, 70_000, 3)
    files = [file for file in (path / "positions" / "c").rglob("*") if file.is_file()]
    assert len(files) == 3
    found = gd.open_store(path)
    assert found.positions.chunksizes["frame"] == (10, 10, 4)
    expected = large.positions.values
    if precision is None:
        np.testing.assert_array_equal(found.positions, expected)
    else:
        np.testing.assert_array_equal(found.positions, np.rint(expected * 1024) / 1024)
        assert found.positions.attrs["precision"] == 1 / 1024
        assert sum(file.stat().st_size for file in files) < 0.65 * expected.nbytes
    np.testing.assert_array_equal(xr.open_zarr(path).positions, found.positions)
    # A run that was killed goes on: a shard is missing.
    whole = {file: file.read_bytes() for file in files}
    files[1].unlink()
    root = json.loads((path / "zarr.json").read_text())
    root["attributes"]["complete"] = False
    (path / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(ValueError, match="is unfinished: 2 of 3 blocks are done"):
        gd.open_store(path)
    gd.store(large, path, precision=precision, progress=False)
    assert {file: file.read_bytes() for file in files} == whole
    # With another precision it is another result.
    with pytest.raises(FileExistsError, match="precision"):
        gd.store(large, path, precision=0.01, progress=False)


def test_blocks_of_nothing_but_fill_are_there(tmp_path: Path, large: xr.Dataset) -> None:
    empty = large.assign(positions=large.positions * np.float32(np.nan))
    path = gd.store(empty, tmp_path / "file.zarr", progress=False)
    assert np.isnan(gd.open_store(path).positions.values).all()


def test_netcdf_of_a_trajectory(tmp_path: Path, large: xr.Dataset) -> None:
    path = gd.store(large, tmp_path / "file.nc", precision=0.01, progress=False)
    with xr.open_dataset(path, engine="h5netcdf") as found:
        np.testing.assert_array_equal(found.positions, np.rint(large.positions.values * 128) / 128)
        np.testing.assert_array_equal(found.time, large.time)
    assert path.stat().st_size < 0.55 * large.positions.nbytes


# The command


BOX = np.array([[3.0, 0, 0], [0.5, 2.5, 0], [-0.7, 0.3, 4.0]])


@pytest.mark.parametrize(
    "suffix", [".trc", ".trc.gz", ".g96", ".dcd", ".xtc", ".trr", ".pdb", ".gro"]
)
def test_any_to_any(tmp_path: Path, suffix: str) -> None:
    turned = gd.open_trajectory(DATA / "triclinic.trc.gz", dtype="float64")
    source = tmp_path / "source.trc"
    if suffix in (".dcd", ".pdb"):
        # These cannot hold a box that is turned.
        turned = turned.assign(box=turned.box * 0 + xr.DataArray(BOX, dims=("box_vector", "xyz")))
        turned.box.attrs["units"] = "nm"
    gd.store(turned, source)
    expected = frames_of(source, dtype="float64")
    first, second = tmp_path / f"file{suffix}", tmp_path / "back.trc"
    said = convert(source, first)
    assert "frames 5" in said
    convert(first, second, "--quiet")
    found = frames_of(second, dtype="float64")
    allowed = {".pdb": 1e-4, ".gro": 1e-3, ".xtc": 1e-3, ".dcd": 1e-6, ".trr": 1e-6}.get(suffix, 0)
    np.testing.assert_allclose(found.positions, expected.positions, atol=allowed, rtol=0)
    box = {".pdb": 2e-3, ".gro": 1e-4}.get(suffix, 1e-6)
    np.testing.assert_allclose(found.box, expected.box, atol=box)
    np.testing.assert_allclose(found.time, expected.time, rtol=1e-6)


def test_frames_and_atoms(tmp_path: Path, adk: Any) -> None:
    path = tmp_path / "some.zarr"
    options = ["--start", 10, "--stop", 80, "--stride", 7, "--precision", 0.001]
    convert(adk.dcd, path, "--top", adk.psf, "--atoms", "name CA", *options)
    found = gd.open_store(path)
    expected = frames_of(adk.dcd, topology=adk.psf, atoms="name CA", start=10, stop=80, stride=7)
    np.testing.assert_allclose(found.positions, expected.positions, atol=0.0005)
    assert found.atom_name.values.tolist() == ["CA"] * 214
    assert "complete already" in convert(
        adk.dcd, path, "-t", adk.psf, "-a", "name CA", *options, "--progress"
    )
    # What was stored is read like any other.
    convert(path, tmp_path / "few.pdb", "--stride", 5, "--atoms", "resid 1:10", "-q")
    few = frames_of(tmp_path / "few.pdb")
    assert few.positions.shape == (2, 10, 3)
    assert gd.load_topology(tmp_path / "few.pdb").residue.tolist() == list(range(1, 11))


def test_several_files_and_whole_molecules(tmp_path: Path) -> None:
    path = tmp_path / "whole.dcd"
    convert(DCD_TRICLINIC, path, "--top", PSF_TRICLINIC, "--whole", "-a", "index 0:8")
    expected = gd.make_whole(gd.open_trajectory(DCD_TRICLINIC, dtype="float64"), PSF_TRICLINIC)
    found = frames_of(path)
    np.testing.assert_allclose(found.positions, expected.positions[:, :9], atol=1e-6)
    np.testing.assert_allclose(found.box, expected.box, rtol=1e-6)
    joined = tmp_path / "joined.trr"
    convert(path, path, joined, "-q")
    assert len(frames_of(joined).frame) == 2 * len(found.time)


def test_processes(tmp_path: Path, adk: Any) -> None:
    convert(adk.dcd, tmp_path / "one.xtc", "--scheduler", "processes", "--workers", 2, "-q")
    convert(adk.dcd, tmp_path / "two.xtc", "--workers", 1, "-q")
    assert (tmp_path / "one.xtc").read_bytes() == (tmp_path / "two.xtc").read_bytes()


def test_what_the_command_refuses(tmp_path: Path, adk: Any) -> None:
    assert "no format for this suffix; known: .zarr" in convert(adk.dcd, "file.abc", code=2)
    target = tmp_path / "file.trr"
    target.write_bytes(b"what was there")
    assert "give --overwrite" in convert(adk.dcd, target, code=2)
    assert target.read_bytes() == b"what was there"
    convert(adk.dcd, target, "--overwrite", "--stride", 50, "-q")
    assert len(frames_of(target).time) == 2
    assert "is read and cannot be written" in convert(target, target, "--overwrite", code=2)
    assert "Note:" in convert(DATA / "small.cnf", tmp_path / "small.dcd")

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import store_run
import xarray as xr
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from store_run import tree

import gromos_dist as gd
from gromos_dist import provenance
from gromos_dist.beside import locked
from gromos_dist.distributed import scheduler
from gromos_dist.store import check_storable, open_store, store

HERE = Path(__file__).parent
# Imported, not run: the functions of a script have other names in the Dask graph.
RUN = [sys.executable, "-W", "error", "-c", "import store_run; store_run.main()"]
BLOCKS = store_run.FRAMES // store_run.BLOCK


def same_bits(found: xr.DataArray, expected: xr.DataArray) -> bool:
    return found.dtype == expected.dtype and found.values.tobytes() == expected.values.tobytes()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    monkeypatch.setenv("STORE_RUN_LOG", str(folder))
    return folder


def computed(log: Path) -> list[int]:
    """Return which blocks were computed since the last call."""
    names = sorted(path.name for path in log.iterdir())
    for name in names:
        (log / name).unlink()
    return sorted(int(name.split(".")[0]) for name in names)


def done(path: Path) -> set[int]:
    """Return which blocks of an unfinished store are there."""
    return blocks_of(path, "center_of_mass")


def run(path: Path, name: str = "threads", workers: int = 2, **environment: str) -> int:
    """Store the result in another process; return how it ended."""
    command = [*RUN, str(path), name, str(workers)]
    return subprocess.run(
        command, cwd=HERE, env={**os.environ, **environment}, check=False, capture_output=True
    ).returncode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("undisturbed") / "result.zarr"
    store(store_run.lazy_result(), path)
    return tree(path)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    ) as started:
        yield started


@pytest.fixture(params=["threads", "processes"])
def each_scheduler(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "threads":
        with scheduler("threads", 2):
            yield
    else:
        with Client(request.getfixturevalue("cluster")):
            yield


# Zarr: what is stored


def test_zarr_holds_the_bits_and_the_labels(tmp_path: Path) -> None:
    lazy = store_run.lazy_result()
    path = store(lazy, tmp_path / "result.zarr")
    assert path == tmp_path / "result.zarr"
    expected = lazy.compute()
    for opened in (open_store(path), xr.open_zarr(path)):
        assert opened.center_of_mass.chunks == lazy.chunks
        assert same_bits(opened.center_of_mass, expected)
        assert same_bits(opened.time, expected.time)
        assert opened.time.attrs == {"units": "ps"}
        assert list(opened.xyz.values) == ["x", "y", "z"]
    xr.testing.assert_identical(open_store(path).center_of_mass.compute(), expected)


def test_one_chunk_a_block_and_nothing_else(tmp_path: Path, log: Path) -> None:
    path = store(store_run.lazy_result(), tmp_path / "result.zarr")
    assert computed(log) == list(range(BLOCKS))
    assert done(path) == set(range(BLOCKS))
    chunks = [name for name in tree(path) if name.startswith("center_of_mass/c/")]
    assert len(chunks) == BLOCKS
    assert not list(path.rglob("*.partial"))
    assert sorted(found.name for found in tmp_path.iterdir()) == ["log", "result.zarr"]


@pytest.mark.usefixtures("each_scheduler")
def test_same_bytes_in_every_scheduler(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    path = store(store_run.lazy_result(), tmp_path / "result.zarr")
    assert tree(path) == undisturbed


def test_same_bytes_of_a_run_in_another_process(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    assert run(tmp_path / "result.zarr") == 0
    assert tree(tmp_path / "result.zarr") == undisturbed


def irregular(chunks: tuple[int, ...]) -> xr.DataArray:
    values = np.random.default_rng(len(chunks)).normal(size=(sum(chunks), 2)).astype(np.float32)
    return xr.DataArray(da.from_array(values, (chunks, 2)), dims=("frame", "k"), name="numbers")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6).map(tuple))
def test_any_chunks_are_stored_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, chunks: tuple[int, ...]
) -> None:
    lazy = irregular(chunks)
    path = store(lazy, tmp_path_factory.mktemp("chunks") / "result.zarr")
    opened = open_store(path).numbers
    assert same_bits(opened, lazy.compute())
    if lazy.size:
        assert opened.data.chunksize[0] == max(chunks)


def test_a_matrix_is_stored_by_blocks(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(10, 10))
    lazy = xr.DataArray(
        da.from_array(values, (4, 3)), dims=("frame", "other_frame"), name="rmsd_matrix"
    )
    path = store(lazy, tmp_path / "matrix.zarr")
    assert len(list((path / "rmsd_matrix" / "c").glob("*/*"))) == 12
    assert same_bits(open_store(path).rmsd_matrix, lazy.compute())


DTYPES = ["f2", "f4", "f8", "i1", "i4", "i8", "u2", "?", "c16"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_keeps_its_bits(tmp_path: Path, dtype: str) -> None:
    raw = np.random.default_rng(2).integers(0, 2, size=(7, 16), dtype=np.uint8)
    values = raw.view(dtype)[:, :1].copy() if dtype != "?" else raw[:, :1].astype(bool)
    lazy = xr.DataArray(da.from_array(values, (3, 1)), dims=("frame", "k"), name="numbers")
    for result, name in ((lazy, "lazy.zarr"), (lazy.compute(), "loaded.zarr")):
        assert same_bits(open_store(store(result, tmp_path / name)).numbers, lazy.compute())


def test_what_is_in_memory_is_stored_too(tmp_path: Path) -> None:
    dataset = xr.Dataset(
        {
            "rmsd": ("frame", np.linspace(0, 1, 11), {"units": "nm"}),
            "energy": (("frame", "term"), da.ones((11, 2), chunks=(4, 2))),
            "count": ("frame", np.arange(11)),
            "weight": ("atom", np.array([0.0, 1.0])),
            "total": ((), da.asarray(3.0)),
        },
        coords={
            "step": ("frame", da.arange(11, chunks=5)),
            "atom_name": ("atom", ["CA", "CB1"]),
        },
        attrs={"note": "é", "flag": True, "numbers": np.array([1, 2])},
    )
    path = store(dataset, tmp_path / "result.zarr")
    opened = open_store(path)
    assert opened.attrs == {"note": "é", "flag": True, "numbers": [1, 2]}
    assert set(opened.coords) == {"step", "atom_name"}
    xr.testing.assert_equal(opened.compute(), dataset.compute())


def shared_kernel(block: NDArray[np.float64], log: str) -> NDArray[np.float64]:
    Path(log, f"{int(block[0]) // 5}.{time.monotonic_ns()}").touch()
    return block * 3


@pytest.mark.parametrize("suffix", [".zarr", ".nc", ".csv"])
def test_what_two_variables_share_is_computed_once(tmp_path: Path, log: Path, suffix: str) -> None:
    shared = da.arange(20.0, chunks=5).map_blocks(shared_kernel, str(log), meta=np.empty(0))
    dataset = xr.Dataset({"forces": ("frame", shared + 1), "energy": ("frame", shared * 2)})
    store(dataset, tmp_path / f"result{suffix}")
    assert computed(log) == [0, 1, 2, 3]


# Several variables of one computation

FIELDS = ("forces", "energy", "virial")


def blocks_of(path: Path, name: str) -> set[int]:
    """Return which blocks of frames of a variable are there, in place or about to be."""
    files = (found for found in (path / name / "c").rglob("*") if found.is_file())
    in_place = {int(found.relative_to(path / name / "c").parts[0]) for found in files}
    names = (found.name for found in path.glob(f".blocks-*/{name}-*"))
    whole = (match for staged in names if (match := re.fullmatch(rf"{name}-(\d+)[.\d]*", staged)))
    return in_place | {int(match[1]) for match in whole}


def unfinished(path: Path) -> None:
    root = json.loads((path / "zarr.json").read_text())
    root["attributes"]["complete"] = False
    (path / "zarr.json").write_text(json.dumps(root, indent=2))


@pytest.mark.usefixtures("each_scheduler")
@pytest.mark.parametrize("suffix", [".zarr", ".nc", ".csv"])
def test_fields_of_a_frame_are_computed_once(tmp_path: Path, log: Path, suffix: str) -> None:
    lazy = store_run.lazy_fields(log)
    path = store(lazy, tmp_path / f"result{suffix}")
    assert computed(log) == list(range(BLOCKS))
    expected = lazy.compute()
    if suffix == ".csv":
        _, names, rows = read_csv(path)
        columns = dict(zip(names, np.array(rows, dtype=float).T, strict=True))
        np.testing.assert_array_equal(columns["energy_bond"], expected.energy.sel(term="bond"))
        np.testing.assert_array_equal(columns["virial_y_z"], expected.virial[:, 1, 2])
        forces = columns["forces_1_x"].astype(np.float32)
        np.testing.assert_array_equal(forces, expected.forces[:, 1, 0])
        assert len(names) == 1 + 6 + 2 + 9
        return
    opened = open_store(path) if suffix == ".zarr" else xr.open_dataset(path, engine="h5netcdf")
    with opened:
        for name in FIELDS:
            assert same_bits(opened[name], expected[name])
            assert opened[name].attrs == expected[name].attrs
        assert list(opened.term.values) == ["potential", "bond"]
        assert list(opened.atom_name.values) == ["CA", "CB1"]


def test_fields_of_many_frames_are_computed_when_they_are_asked_for(
    tmp_path: Path, log: Path
) -> None:
    lazy = store_run.lazy_fields(log).isel(frame=slice(9, 30))
    store(lazy, tmp_path / "result.zarr")
    assert computed(log) == [2, 3, 4, 5, 6, 7]


@pytest.mark.usefixtures("each_scheduler")
def test_blocks_that_are_missing_of_some_fields(tmp_path: Path, log: Path) -> None:
    path = store(store_run.lazy_fields(log), tmp_path / "result.zarr")
    whole = tree(path)
    unfinished(path)
    for block in ("forces/c/3/0/0", "energy/c/3/0", "energy/c/5/0", "virial/c/9/0/0"):
        (path / block).unlink()
    written = {found: found.stat().st_mtime_ns for found in path.rglob("c/**/*")}
    computed(log)
    store(store_run.lazy_fields(log), path)
    assert computed(log) == [3, 5, 9]
    assert tree(path) == whole
    files = {found: time for found, time in written.items() if found.is_file()}
    assert all(found.stat().st_mtime_ns == time for found, time in files.items())


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_fields_of_a_killed_run(tmp_path: Path, log: Path, name: str) -> None:
    path = tmp_path / "result.zarr"
    options = {"STORE_RUN_RESULT": "fields", "STORE_RUN_KILL_AT": "6"}
    process = subprocess.Popen(
        [*RUN, str(path), name, "2"],
        cwd=HERE,
        env={**os.environ, **options},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.wait() == -signal.SIGKILL
    if name == "processes":
        settled(path, "energy")
    there = [blocks_of(path, field) for field in FIELDS]
    assert all(6 not in blocks for blocks in there)
    computed(log)
    store(store_run.lazy_fields(log), path)
    assert computed(log) == sorted(set(range(BLOCKS)) - set.intersection(*there))
    assert tree(path) == tree(store(store_run.lazy_fields(log), tmp_path / "undisturbed.zarr"))


def test_values_of_all_fields_are_compared_at_once(tmp_path: Path, log: Path) -> None:
    path = store(store_run.lazy_fields(log), tmp_path / "result.zarr")
    unfinished(path)
    for block in range(7, BLOCKS):
        (path / "energy" / "c" / str(block) / "0").unlink()
    computed(log)
    lazy = store_run.lazy_fields(log)
    same = lazy.map(lambda array: (array * 1).assign_attrs(array.attrs)).assign_attrs(lazy.attrs)
    store(same, path)
    # The first and the last block of each field, then those that were missing.
    assert computed(log) == sorted([0, 6, BLOCKS - 1, *range(7, BLOCKS)])
    unfinished(path)
    other = same.assign(virial=(same.virial * 2).assign_attrs(same.virial.attrs))
    with pytest.raises(
        ValueError, match=r"same history but other values: virial, block \(0, 0, 0\)"
    ):
        store(other, path)


def test_names_that_chunking_made_lazy(tmp_path: Path, log: Path) -> None:
    lazy = store_run.lazy_fields(log).chunk(frame=8)
    assert lazy.atom_name.chunks
    for suffix in (".zarr", ".nc"):
        store(lazy, tmp_path / f"result{suffix}")
    assert list(open_store(tmp_path / "result.zarr").atom_name.values) == ["CA", "CB1"]
    with xr.open_dataset(tmp_path / "result.nc", engine="h5netcdf") as opened:
        assert list(opened.atom_name.values) == ["CA", "CB1"]


# Zarr: killed runs


@pytest.mark.parametrize("block", [0, 1, 5, 9])
def test_killed_in_a_block_and_run_again(
    tmp_path: Path, log: Path, undisturbed: dict[str, bytes], block: int
) -> None:
    path = tmp_path / "result.zarr"
    assert run(path, STORE_RUN_KILL_AT=str(block)) == -signal.SIGKILL
    before = done(path)
    assert block not in before
    with pytest.raises(ValueError, match=rf"unfinished: {len(before)} of {BLOCKS} blocks"):
        open_store(path)
    computed(log)
    store(store_run.lazy_result(), path)
    assert computed(log) == sorted(set(range(BLOCKS)) - before)
    assert tree(path) == undisturbed
    assert sorted(found.name for found in tmp_path.iterdir()) == ["log", "result.zarr"]


def kill_client(path: Path, block: int) -> int:
    """Let a worker of a LocalCluster kill the process that started it."""
    process = subprocess.Popen(
        [*RUN, str(path), "processes", "2"],
        cwd=HERE,
        env={**os.environ, "STORE_RUN_KILL_AT": str(block)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return process.wait()


def test_killed_with_its_cluster_and_run_again(
    tmp_path: Path, log: Path, undisturbed: dict[str, bytes]
) -> None:
    path, block = tmp_path / "result.zarr", 6
    assert kill_client(path, block) == -signal.SIGKILL
    before = settled(path)
    assert block not in before
    computed(log)
    assert run(path, "processes") == 0
    assert computed(log) == sorted(set(range(BLOCKS)) - before)
    assert tree(path) == undisturbed


def settled(path: Path, name: str = "center_of_mass") -> set[int]:
    """Wait until the orphaned workers have ended, and return which blocks are there."""
    before, last = blocks_of(path, name), None
    while before != last:
        time.sleep(1)
        before, last = blocks_of(path, name), before
    return before


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_a_random_moment_and_run_again(
    tmp_path: Path, log: Path, undisturbed: dict[str, bytes], seed: int
) -> None:
    path = tmp_path / "result.zarr"
    process = subprocess.Popen(
        [*RUN, str(path), "threads", "2"],
        cwd=HERE,
        env={**os.environ, "STORE_RUN_SECONDS": "0.05"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not any(tmp_path.glob(".result.zarr.*.partial")) and process.poll() is None:
        time.sleep(0.001)
    time.sleep(random.Random(seed).uniform(0, 0.35))
    process.kill()
    process.wait()
    before = done(path)
    computed(log)
    store(store_run.lazy_result(), path)
    assert computed(log) == sorted(set(range(BLOCKS)) - before)
    assert tree(path) == undisturbed


def test_killed_before_single_steps_in_the_file_system(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "store_crashes.py", str(tmp_path), "3", "8"],
        cwd=HERE,
        env={**os.environ, "STORE_RUN_FRAMES": "12"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 50


def test_a_killed_worker_does_not_stop_the_run(
    tmp_path: Path, undisturbed: dict[str, bytes], cluster: LocalCluster
) -> None:
    lazy = store_run.lazy_result()
    once = tmp_path / "killed"
    lazy.data = lazy.data.map_blocks(kill_worker_once, str(once), meta=np.empty((0, 0)))
    with Client(cluster):
        path = store(lazy, tmp_path / "result.zarr")
    assert once.exists()
    assert same_bits(open_store(path).center_of_mass, store_run.lazy_result().compute())
    chunks = {name: data for name, data in tree(path).items() if "/c/" in name}
    assert chunks == {name: data for name, data in undisturbed.items() if "/c/" in name}


def kill_worker_once(block: NDArray[np.float64], once: str) -> NDArray[np.float64]:
    try:
        Path(once).touch(exist_ok=False)
    except FileExistsError:
        return block
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


# Zarr: errors in blocks


def fail_at_frame(block: NDArray[np.float64], frame: float, switch: str) -> NDArray[np.float64]:
    if frame in block and Path(switch).exists():
        raise OSError(f"md.trc: frame {frame:.0f} is damaged")
    return block


@pytest.mark.usefixtures("each_scheduler")
@pytest.mark.parametrize("suffix", [".zarr", ".nc", ".csv"])
def test_the_error_of_a_block_is_raised_and_the_rest_kept(tmp_path: Path, suffix: str) -> None:
    switch = tmp_path / "switch"
    switch.touch()
    frames = da.arange(40.0, chunks=4)
    values = frames.map_blocks(fail_at_frame, 22.0, str(switch), meta=np.empty(0))
    lazy = xr.DataArray(values, dims="frame", name="rmsd")
    path = tmp_path / f"result{suffix}"
    with pytest.raises(OSError, match="frame 22 is damaged"):
        store(lazy, path)
    assert path.exists() == (suffix == ".zarr")
    switch.unlink()
    store(lazy, path)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def wrong_dtype(block: NDArray[np.float64]) -> NDArray[np.float32]:
    return block.astype(np.float32)


def test_blocks_that_are_not_as_announced_are_refused(tmp_path: Path) -> None:
    values = da.arange(4.0, chunks=2).map_blocks(wrong_dtype, dtype=float, meta=np.empty(0))
    with pytest.raises(ValueError, match=r"rmsd, block \(\d,\): expected float64 .* got float32"):
        store(xr.DataArray(values, dims="frame", name="rmsd"), tmp_path / "result.zarr")


def too_short(block: NDArray[np.float64]) -> NDArray[np.float64]:
    return block[:1]


def test_blocks_that_are_too_short_are_not_repeated(tmp_path: Path) -> None:
    values = da.arange(4.0, chunks=2).map_blocks(too_short, dtype=float, meta=np.empty(0))
    result = xr.DataArray(values, dims="frame", name="rmsd")
    with pytest.raises(ValueError, match=r"announced, got float64 of shape \(1,\)"):
        store(result, tmp_path / "result.zarr")
    announced = r"a block has shape \(1,\), but the lazy array announced \(2,\)"
    with pytest.raises(ValueError, match=announced):
        store(result, tmp_path / "result.nc")
    with pytest.raises(ValueError, match=announced):
        gd.compute(result)
    with pytest.raises(ValueError, match="must match exactly"):
        store(result, tmp_path / "result.csv")


# Zarr: the same run or another


def begun(path: Path) -> xr.DataArray:
    """Make a store in which blocks 7 to 9 are missing."""
    lazy = store_run.lazy_result(reference=0)
    store(lazy, path)
    for block in range(7, BLOCKS):
        (path / "center_of_mass" / "c" / str(block) / "0").unlink()
    root = json.loads((path / "zarr.json").read_text())
    root["attributes"]["complete"] = False
    (path / "zarr.json").write_text(json.dumps(root, indent=2))
    return lazy


def with_input(lazy: xr.DataArray, **changes: str | int) -> xr.DataArray:
    run = provenance.parse(lazy.attrs["provenance"])
    run["inputs"][0].update(changes)
    return lazy.assign_attrs(provenance=provenance.canonical_json(run))


OTHERS: dict[str, tuple[Callable[[xr.DataArray], xr.DataArray], str]] = {
    "parameter": (
        lambda lazy: store_run.lazy_result(reference=5),
        r"center_of_mass.*parameters\.reference: in the store 0, now 5",
    ),
    "extra parameter": (
        lambda lazy: store_run.lazy_result(reference=0, atoms="name CA"),
        r"parameters\.atoms: in the store absent, now 'name CA'",
    ),
    "input": (
        lambda lazy: with_input(lazy, content_hash="quick:01"),
        r"inputs\[0\]\.content_hash: in the store 'quick:00', now 'quick:01'",
    ),
    "version": (
        lambda lazy: lazy.assign_attrs(
            provenance=lazy.attrs["provenance"].text.replace(
                f'"version":"{gd.__version__}"', '"version":"9.9"'
            )
        ),
        r"history\.version: in the store '.*', now '9.9'",
    ),
    "grid": (
        lambda lazy: lazy.chunk(frame=8),
        r"center_of_mass\.block: in the store \[4, 3\], now \[8, 3\]",
    ),
    "units": (
        lambda lazy: lazy.assign_attrs(units="A"),
        r"attrs\.units: in the store 'nm', now 'A'",
    ),
    "time": (
        lambda lazy: lazy.assign_coords(time=lazy.time + 1),
        r"variables\.time\.values: in the store",
    ),
    "name": (
        lambda lazy: lazy.rename("center"),
        r"variables\.center\.block: in the store absent, now \[4, 3\]",
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_an_unfinished_store_of_another_run_is_refused(tmp_path: Path, other: str) -> None:
    path = tmp_path / "result.zarr"
    change, message = OTHERS[other]
    changed = change(begun(path))
    before = tree(path)
    with pytest.raises(ValueError, match=message) as error:
        store(changed, path)
    assert "overwrite=True" in str(error.value)
    assert "another path" in str(error.value)
    assert tree(path) == before
    store(changed, path, overwrite=True)
    assert open_store(path)[changed.name].chunks == changed.chunks


def test_changed_values_with_the_same_history_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "result.zarr"
    lazy = begun(path)
    with pytest.raises(ValueError, match="same history but other values"):
        store((lazy * 2).assign_attrs(lazy.attrs), path)


def test_a_moved_input_is_the_same_input(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "result.zarr"
    lazy = begun(path)
    computed(log)
    store(with_input(lazy, path="elsewhere/md.trc"), path)
    assert computed(log) == [7, 8, 9]


def test_a_finished_store_computes_nothing(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(store_run.lazy_result(), tmp_path / "result.zarr")
    computed(log)
    before = {found: found.stat().st_mtime_ns for found in path.rglob("*")}
    store(store_run.lazy_result(), path, progress=True)
    assert computed(log) == []
    assert {found: found.stat().st_mtime_ns for found in path.rglob("*")} == before
    assert "nothing to compute" in capsys.readouterr().err


def test_a_finished_store_is_only_overwritten_when_asked(tmp_path: Path, log: Path) -> None:
    path = store(store_run.lazy_result(reference=0), tmp_path / "result.zarr")
    other = store_run.lazy_result(reference=1)
    with pytest.raises(FileExistsError, match="reference: in the store 0, now 1"):
        store(other, path)
    computed(log)
    store(other, path, overwrite=True)
    assert computed(log) == list(range(BLOCKS))
    assert sorted(found.name for found in tmp_path.iterdir()) == ["log", "result.zarr"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["folder", "empty", "file", "zarr"])
def test_what_is_not_ours_is_never_deleted(tmp_path: Path, kind: str, overwrite: bool) -> None:
    path = tmp_path / "result.zarr"
    if kind == "file":
        path.write_text("precious")
    elif kind == "zarr":
        xr.Dataset({"precious": ("x", [1.0])}).to_zarr(path, zarr_format=3, consolidated=False)
    else:
        path.mkdir()
        if kind == "folder":
            (path / "zarr.json").write_text("precious")
    before = tree(path)
    with pytest.raises(FileExistsError, match="not a store of gromos_dist"):
        store(store_run.lazy_result(), path, overwrite=overwrite)
    assert tree(path) == before
    assert path.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_two_runs_do_not_write_the_same_store(tmp_path: Path) -> None:
    path = tmp_path / "result.zarr"
    lazy = begun(path)
    with locked(path), pytest.raises(BlockingIOError, match="another run is writing"):
        store(lazy, path)
    store(lazy, path)


def test_an_unfinished_store_can_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "result.zarr"
    expected = begun(path).compute()
    with pytest.raises(ValueError, match=rf"unfinished: 7 of {BLOCKS} blocks are done"):
        open_store(path)
    found = open_store(path, allow_unfinished=True).center_of_mass
    assert same_bits(found[:28], expected[:28])
    assert np.isnan(found[28:]).all()
    assert xr.open_zarr(path).attrs["complete"] is False


def test_open_store_refuses_what_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.zarr"):
        open_store(tmp_path / "absent.zarr")
    xr.Dataset({"x": ("frame", [1.0])}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    with pytest.raises(ValueError, match=r"open it with xarray\.open_zarr"):
        open_store(tmp_path / "other.zarr")
    for name, message in (
        (
            "result.csv",
            r"is not a store, which is a folder; read it with pandas\.read_csv\('.*csv'",
        ),
        ("run.trc.gz", r"read it with gromos_dist\.open_trajectory\('.*run\.trc\.gz'\)"),
        ("notes.txt", r"expected the name of a \.zarr or \.nc"),
    ):
        (tmp_path / name).write_text("frame\n1\n")
        with pytest.raises(ValueError, match=message):
            open_store(tmp_path / name)


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_open_store_opens_both_formats_alike(tmp_path: Path, suffix: str) -> None:
    lazy = store_run.lazy_fields(tmp_path)
    opened = open_store(store(lazy, tmp_path / f"result{suffix}"))
    assert all(opened[name].chunks is not None for name in FIELDS)
    xr.testing.assert_equal(opened.compute(), lazy.compute())
    assert opened.atom_name.dtype.kind == "U"
    assert opened.forces.attrs == lazy.forces.attrs


# netCDF and CSV


@pytest.mark.usefixtures("each_scheduler")
def test_netcdf_holds_the_bits_and_the_labels(tmp_path: Path) -> None:
    lazy = store_run.lazy_result()
    path = store(lazy, tmp_path / "result.nc")
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        xr.testing.assert_identical(opened.center_of_mass.load(), lazy.compute())
        assert same_bits(opened.center_of_mass, lazy.compute())
        assert "frame" not in opened.encoding["unlimited_dims"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "?"])
def test_netcdf_keeps_every_dtype(tmp_path: Path, dtype: str) -> None:
    values = np.random.default_rng(3).integers(0, 2, 9).astype(dtype)
    lazy = xr.DataArray(
        da.from_array(values, 2),
        dims="frame",
        name="numbers",
        attrs={"flag": True, "none": None, "map": {"a": 1}},
    )
    path = store(lazy, tmp_path / "lazy.nc")
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        assert same_bits(opened.numbers, lazy.compute())
        assert opened.numbers.attrs == {"flag": 1, "none": "null", "map": '{"a": 1}'}


def read_csv(path: Path) -> tuple[list[str], list[str], list[list[str]]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return comments, rows[0], rows[1:]


@pytest.mark.usefixtures("each_scheduler")
def test_csv_holds_the_bits_and_the_labels(tmp_path: Path) -> None:
    lazy = store_run.lazy_result().assign_coords(step=("frame", np.arange(store_run.FRAMES)))
    path = store(lazy, tmp_path / "result.csv")
    comments, names, rows = read_csv(path)
    assert comments == [
        f"# history: center_of_mass() of md.trc; gromos_dist {gd.__version__}",
        "# units: time=ps, center_of_mass=nm",
        f"# provenance: {lazy.attrs['provenance'].text}",
    ]
    assert names == ["time", "step", *(f"center_of_mass_{axis}" for axis in "xyz")]
    table = np.array(rows, dtype=float)
    expected = lazy.compute()
    assert table[:, 2:].tobytes() == expected.values.tobytes()
    assert table[:, 0].tobytes() == expected.time.values.tobytes()
    assert [row[1] for row in rows] == [str(step) for step in range(store_run.FRAMES)]
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=30), st.integers(1, 7))
def test_csv_numbers_come_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float], chunk: int
) -> None:
    values = np.array(numbers, dtype=np.float32)
    values[np.isnan(values)] = np.nan
    dataset = xr.Dataset(
        {
            "single": ("frame", da.from_array(values, chunk)),
            "double": ("frame", values.astype(float) / 3),
        }
    )
    path = store(dataset, tmp_path_factory.mktemp("csv") / "result.csv")
    _, names, rows = read_csv(path)
    assert names == ["frame", "single", "double"]
    columns = list(zip(*rows, strict=True))
    assert columns[0] == tuple(str(i) for i in range(len(numbers)))
    assert np.array(columns[1], dtype=np.float32).tobytes() == values.tobytes()
    assert np.array(columns[2], dtype=float).tobytes() == dataset.double.values.tobytes()


def test_csv_names_histories_that_differ(tmp_path: Path) -> None:
    dataset = xr.Dataset(
        {name: ("frame", [1.0], {"history": f"of\n{name}"}) for name in ("rmsd", "rgyr")}
    )
    comments, _, _ = read_csv(store(dataset, tmp_path / "result.csv"))
    assert comments[:2] == ["# history of rmsd: of rmsd", "# history of rgyr: of rgyr"]


def test_csv_refuses_what_has_no_place_in_a_table(tmp_path: Path) -> None:
    wide = xr.DataArray(np.zeros((2, 1001)), dims=("frame", "atom"), name="wide")
    message = r"1002 columns are too many .*, of which wide has 1001; use \.zarr or \.nc"
    with pytest.raises(ValueError, match=message):
        store(wide, tmp_path / "wide.csv")
    with pytest.raises(ValueError, match=message):
        check_storable(wide, tmp_path / "wide.csv")
    mixed = xr.Dataset({"rmsd": ("frame", [1.0]), "average": ("atom", [1.0])})
    with pytest.raises(ValueError, match="average has no dim 'frame'"):
        store(mixed, tmp_path / "mixed.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".nc", ".csv"])
def test_files_are_only_overwritten_when_asked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"result{suffix}"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        store(store_run.lazy_result(), path)
    assert path.read_text() == "precious"
    store(store_run.lazy_result(), path, overwrite=True)
    assert len(path.read_bytes()) > 1000
    path.unlink()
    path.mkdir()
    with pytest.raises(FileExistsError, match="is a folder"):
        store(store_run.lazy_result(), path, overwrite=True)


# What can be stored at all


@pytest.mark.parametrize("name", ["result", "result.txt", "result.zarr.gz"])
def test_unknown_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"known: \.zarr, \.nc, \.csv"):
        store(store_run.lazy_result(), tmp_path / name)


def unknown_sizes() -> xr.DataArray:
    numbers = da.arange(6, chunks=3)
    return xr.DataArray(numbers[numbers > 2], dims="frame", name="numbers")


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no name": (lambda: xr.DataArray([1.0], dims="frame"), ValueError, "has no name"),
    "no variables": (xr.Dataset, ValueError, "a Dataset without variables"),
    "no result": (lambda: np.zeros(3), TypeError, "a mapping of names to such, got ndarray"),
    "objects": (
        lambda: xr.Dataset({"x": ("frame", np.array([None]))}),
        ValueError,
        "x: expected numbers, got dtype object",
    ),
    "object coordinate": (
        lambda: xr.Dataset({"x": ("frame", [1])}, {"y": ("frame", np.array([None]))}),
        ValueError,
        "y: Python objects",
    ),
    "strings": (lambda: xr.Dataset({"x": ("frame", ["a"])}), ValueError, "expected numbers"),
    "bad name": (lambda: xr.Dataset({"a/b": ("frame", [1.0])}), ValueError, "'a/b' cannot be"),
    "unknown sizes": (unknown_sizes, ValueError, "sizes of its chunks are not known"),
}


@pytest.mark.parametrize("suffix", [".zarr", ".nc", ".csv"])
@pytest.mark.parametrize("case", REFUSED)
def test_bad_results_are_refused(tmp_path: Path, case: str, suffix: str) -> None:
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        store(make(), tmp_path / f"result{suffix}")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_bad_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="the folder does not exist"):
        store(store_run.lazy_result(), tmp_path / "absent" / "result.zarr")
    with pytest.raises(ValueError, match="local paths only"):
        store(store_run.lazy_result(), "s3://bucket/result.zarr")


def test_no_frames_are_no_problem(tmp_path: Path) -> None:
    lazy = xr.DataArray(da.zeros((0, 3), chunks=(4, 3)), dims=("frame", "xyz"), name="center")
    for suffix in (".zarr", ".nc", ".csv"):
        store(lazy, tmp_path / f"result{suffix}")
    assert open_store(tmp_path / "result.zarr").center.shape == (0, 3)


# ---- results of arrays in memory ----


def in_memory(seed: int) -> xr.Dataset:
    values = np.random.default_rng(seed).normal(size=(40, 5, 3))
    return xr.Dataset({"positions": (("frame", "atom", "xyz"), values)})


FROM_MEMORY: dict[str, Callable[[xr.Dataset], xr.DataArray]] = {
    "chunked before": lambda ds: gd.rmsd(ds.chunk(frame=10), reference=np.eye(5, 3)),
    "chunked after": lambda ds: gd.rmsd(ds, reference=np.eye(5, 3)).chunk(frame=10),
    "other of a matrix": lambda ds: gd.rmsd_matrix(in_memory(9).chunk(frame=10), ds),
    "never chunked": lambda ds: gd.rmsd(ds, reference=np.eye(5, 3)),
}


@pytest.mark.parametrize("name", FROM_MEMORY)
def test_the_values_of_arrays_in_memory_are_part_of_the_identity(name: str, tmp_path: Path) -> None:
    result, again, other = (FROM_MEMORY[name](in_memory(seed)) for seed in (1, 1, 2))
    path = store(result, tmp_path / "result.zarr", progress=False)
    before = tree(path)
    store(again, path, progress=False)
    assert tree(path) == before
    # As if killed before the store was marked as complete.
    attributes = json.loads((path / "zarr.json").read_text())
    attributes["attributes"]["complete"] = False
    (path / "zarr.json").write_text(json.dumps(attributes))
    with pytest.raises(ValueError, match="unfinished store of another run"):
        store(other, path, progress=False)
    store(again, path, progress=False)
    assert tree(path) == before


def test_blocks_smaller_than_those_of_the_store_they_came_from(tmp_path: Path) -> None:
    # A store in shards; each task of the next one would write into those of its neighbours.
    values = np.random.default_rng(3).normal(size=(400, 1000, 3))
    trajectory = xr.Dataset(
        {"positions": (("frame", "atom", "xyz"), da.from_array(values, chunks=(200, 1000, 3)))},
        {"time": ("frame", np.arange(400.0))},
    )
    opened = open_store(store(trajectory, tmp_path / "a.zarr", progress=False))
    assert list((tmp_path / "a.zarr" / "positions" / "c").glob("*")), "no blocks"
    for frames in (7, 150):
        cut = opened.chunk(frame=frames)
        theirs = tmp_path / f"theirs_{frames}.zarr"
        cut.to_zarr(theirs, consolidated=False)
        ours = store(cut, tmp_path / f"ours_{frames}.zarr", progress=False)
        for found in (xr.open_zarr(theirs, consolidated=False), open_store(ours)):
            np.testing.assert_array_equal(found.positions, values)
            np.testing.assert_array_equal(found.time, np.arange(400.0))

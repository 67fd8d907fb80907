"""What is no value yet is kept in the store: states of reductions and series, tables of events."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import memory_reader
import numpy as np
import pytest
import resumed_run
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from resumed_run import kept_in, lazy_result
from store_run import tree

from gromos_dist.mapping.tree import tree_of_arrays, tree_to_arrays
from gromos_dist.store import open_store, store

HERE = Path(__file__).parent
# Imported, not run: the functions of a script have other names in the Dask graph.
RUN = [sys.executable, "-W", "error", "-c", "import resumed_run; resumed_run.main()"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, size in resumed_run.PIECE_BYTES.items():
        monkeypatch.setattr(module, "PIECE_BYTES", size)


# Where each computes, block by block: frames, or atoms. A reduction takes two states of a block.
PLACES = {
    "reduction": list(range(0, 44, 4)),
    "with a map": list(range(0, 44, 4)),
    "events": list(range(0, 44, 8)),
    "series": list(range(0, 12, 2)),
}
BLOCK_OF = {"reduction": 8, "with a map": 8, "events": 8, "series": 2}
KILL_AFTER = {"reduction": 6, "with a map": 6, "events": 3, "series": 3}


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    monkeypatch.setenv("RESUMED_RUN_LOG", str(folder))
    return folder


def computed(log: Path) -> list[int]:
    """Return where was computed since the last call."""
    files = list(log.iterdir())
    for file in files:
        file.unlink()
    return sorted(int(file.name.split(".")[0]) for file in files)


def killed(path: Path, log: Path, name: str, where: str = "threads", workers: int = 1) -> None:
    """Store a result in another process, which is killed in the middle; of several, near the end.

    A worker that has a block to compute begins it before it keeps what it has computed.
    """
    most = KILL_AFTER[name] if where == "threads" else len(PLACES[name]) - 1
    process = subprocess.run(
        [*RUN, str(path), name, where, str(workers)],
        cwd=HERE,
        env={
            **os.environ,
            "RESUMED_RUN_LOG": str(log),
            "RESUMED_RUN_KILL_AFTER": str(most),
            "RESUMED_RUN_SECONDS": "0.2" if where == "processes" else "0",
            "RESUMED_RUN_WAIT_FOR": str(path) if where == "processes" else "",
        },
        check=False,
        capture_output=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()


@pytest.fixture(scope="module")
def killed_stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store of each result whose run was killed."""
    folder = tmp_path_factory.mktemp("killed")
    for name in PLACES:
        (folder / f"log of {name}").mkdir()
        killed(folder / f"{name}.zarr", folder / f"log of {name}", name)
    return {name: folder / f"{name}.zarr" for name in PLACES}


@pytest.fixture
def path(tmp_path: Path, killed_stores: dict[str, Path], request: pytest.FixtureRequest) -> Path:
    """A copy of the killed store of the result that the test names."""
    name = request.node.callspec.params.get("name")
    copy: Path = shutil.copytree(killed_stores[name], tmp_path / "result.zarr")
    return copy


def undisturbed(name: str, folder: Path) -> dict[str, bytes]:
    return tree(store(lazy_result(name), folder / "undisturbed.zarr", progress=False))


@pytest.mark.parametrize("name", PLACES)
def test_a_killed_run_goes_on(name: str, path: Path, tmp_path: Path, log: Path) -> None:
    there = len(kept_in(path))
    assert 0 < there < 6
    computed(log)
    memory_reader.READ.clear()
    store(lazy_result(name), path, progress=False)
    done = computed(log)
    missing = sorted({place // BLOCK_OF[name] for place in done})
    assert len(missing) == 6 - there
    assert done == [place for place in PLACES[name] if place // BLOCK_OF[name] in missing]
    if name in ("reduction", "events"):
        # Nothing is read for a block that is there.
        read = {frame for _, frames, _ in memory_reader.READ for frame in frames}
        assert read == {frame for frame in range(44) if frame // 8 in missing}
    assert tree(path) == undisturbed(name, tmp_path)
    assert not kept_in(path)


@pytest.mark.parametrize("name", ["with a map", "events"])
def test_a_killed_run_of_processes_goes_on(name: str, tmp_path: Path, log: Path) -> None:
    path = tmp_path / "result.zarr"
    killed(path, log, name, "processes", 2)
    computed(log)
    store(lazy_result(name), path, progress=False)
    assert len(computed(log)) < len(PLACES[name])
    assert tree(path) == undisturbed(name, tmp_path)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("name", PLACES)
def test_a_cluster_goes_on(name: str, path: Path, tmp_path: Path) -> None:
    store(lazy_result(name), path, progress=False)
    assert tree(path) == undisturbed(name, tmp_path)


@pytest.mark.parametrize("damage", ["shorter", "other bytes", "empty", "gone"])
@pytest.mark.parametrize("name", ["reduction", "events"])
def test_what_is_damaged_is_computed_anew(
    name: str, damage: str, path: Path, tmp_path: Path, log: Path
) -> None:
    intact = len(kept_in(path)) - 1
    state = kept_in(path)[0]
    content = bytearray(state.read_bytes())
    if damage == "gone":
        state.unlink()
    else:
        content[len(content) // 2] ^= 1
        cut = {"shorter": content[:-9], "empty": b"", "other bytes": content}
        state.write_bytes(cut[damage])
    computed(log)
    store(lazy_result(name), path, progress=False)
    assert len({place // 8 for place in computed(log)}) == 6 - intact
    assert tree(path) == undisturbed(name, tmp_path)


@pytest.mark.parametrize("name", ["reduction"])
def test_states_of_another_graph_are_not_taken(name: str, path: Path, log: Path) -> None:
    with pytest.raises(ValueError, match="the unfinished store of another run"):
        store(lazy_result(name, factor=2.0), path, progress=False)
    # The same history, but other values: as after a change that the history does not tell.
    other = lazy_result(name, factor=2.0)
    attrs = lazy_result(name).attrs
    computed(log)
    store(other.assign_attrs(**attrs), path, progress=False)
    assert computed(log) == PLACES["reduction"]
    xr.testing.assert_equal(open_store(path).compute(), other.compute())


@pytest.mark.parametrize("name", ["events"])
def test_an_unfinished_store_of_events(name: str, path: Path) -> None:
    with pytest.raises(ValueError, match=r"is unfinished: .*done, [3-6] partial results are kept"):
        open_store(path)
    assert open_store(path, allow_unfinished=True).sizes["event"] == 0
    store(lazy_result(name), path, progress=False)
    xr.testing.assert_identical(open_store(path).compute(), lazy_result(name).compute())


def test_a_finished_store_of_events_computes_nothing(tmp_path: Path, log: Path) -> None:
    path = store(lazy_result("events"), tmp_path / "result.zarr", progress=False)
    before = tree(path)
    assert computed(log) == PLACES["events"]
    store(lazy_result("events"), path, progress=False)
    assert not computed(log)
    damaged = path / "height" / "c" / "0"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    store(lazy_result("events"), path, progress=False)
    assert computed(log) == PLACES["events"]
    assert tree(path) == before
    events: Any = lazy_result("events").assign_attrs(note="another")
    with pytest.raises(FileExistsError, match="holds another result"):
        store(events, path, progress=False)


@pytest.mark.parametrize(
    "value", ["text", np.ma.masked_invalid([1.0, np.nan])], ids=["str", "mask"]
)
def test_a_state_that_cannot_be_stored(value: Any, tmp_path: Path) -> None:
    record = resumed_run.Reduction(
        lambda block: (len(block), value), lambda a, b: a, lambda state: 0.0, resumed_run.SPREAD
    )
    kind = type(value).__name__
    with pytest.raises(TypeError, match=f"numbers and of arrays of numbers, but there is a {kind}"):
        store(record(resumed_run.positions()), tmp_path / "result.zarr", progress=False)


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.complex_numbers(),
    hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_side=3)),
    st.floats(width=32).map(np.float32),
)


NODES = st.tuples(st.integers(0, 9), st.integers(0, 99))


@given(st.dictionaries(NODES, st.tuples(NUMBERS, NUMBERS)))
def test_states_come_back_as_they_were(tree: Any) -> None:
    back = tree_of_arrays(tree_to_arrays(tree), tuple)
    assert back.keys() == tree.keys()
    for node, state in tree.items():
        for one, other in zip(state, back[node], strict=True):
            assert type(one) is type(other)
            assert np.asarray(one).dtype == np.asarray(other).dtype
            assert repr(one) == repr(other)

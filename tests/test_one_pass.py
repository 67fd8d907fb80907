"""One pass: results of the same files are computed together, with the bits of each alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.core import flatten
from dask.highlevelgraph import HighLevelGraph
from hypothesis import given
from hypothesis import strategies as st
from memory_reader import READ, MemoryReader, memory_source
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.distributed import compute, scheduler
from gromos_dist.errors import FrameError
from gromos_dist.io.lazy import trajectory_array
from gromos_dist.io.source import Source
from gromos_dist.mapping import Events, Fields, Map, Pairs, Reduction, Scan, Series
from gromos_dist.mapping.one_pass import read_together
from gromos_dist.variables import Variable

Array = NDArray[Any]
N_FRAMES = 60
SOURCE = memory_source(26, 3, 31)
DIMS = {"positions": ("frame", "atom", "xyz"), "box": ("frame", "box_vector", "xyz")}
CHUNKS = {"1": (1,) * 60, "7": (7,) * 8 + (4,), "16": (16,) * 3 + (12,), "all": (60,)}
CHUNKS["irregular"] = (3, 20, 16, 7, 14)


def field(source: Source, name: str, chunks: tuple[int, ...]) -> xr.DataArray:
    data = trajectory_array(source, name, chunks)
    time = ("frame", np.arange(len(data)) * 2.0)
    return xr.DataArray(data, {"time": time}, DIMS[name], name)


def of_atoms(array: xr.DataArray, atoms: list[int]) -> xr.DataArray:
    return array.isel(atom=atoms)


class Moments(NamedTuple):
    weight: float
    total: Array


def moments(block: Array, weights: Array) -> Moments:
    return Moments(weights.sum(), np.tensordot(weights, block.astype(float) / 3, 1))


def sums(block: Array, box: Array) -> dict[str, Array]:
    return {"wide": box[:, 0, 0] + block.sum(axis=(1, 2), dtype=float), "vector": block[:, 0]}


def crossings(block: Array, previous: Array) -> Array:
    before = np.concatenate([previous, block[:-1]])
    return np.cumsum((before[:, 0, 0] < 0) & (block[:, 0, 0] >= 0), dtype=np.int64)


def high(block: Array) -> dict[str, Array]:
    frames, atoms = np.nonzero(block[..., 2] > 0.5)
    return {"frame": frames, "height": block[frames, atoms, 2]}


def distances(a: Array, b: Array) -> Array:
    return np.sqrt(((a[:, None].astype(float) - b[None]) ** 2).sum(axis=(2, 3)))


SPREAD = Map(
    lambda block: np.sqrt((block.astype(float) ** 2).sum(axis=(1, 2)) / 3),
    Variable("spread", ("frame",), "f", "nm", "spread"),
)
SUMS = Fields(
    sums,
    [
        Variable("wide", ("frame",), "f", "nm", "wide"),
        Variable("vector", ("frame", "xyz"), "f", "nm", "vector"),
    ],
    {"vector": np.float32},
)
MEAN = Reduction(
    moments,
    lambda a, b: Moments(a.weight + b.weight, a.total + b.total),
    lambda state: state.total / state.weight,
    Variable("mean", ("atom", "xyz"), "f", "nm", "mean"),
    state=Moments,
)
CROSSINGS = Scan(
    crossings,
    lambda carry, values: carry[-1] + values,
    Variable("crossings", ("frame",), "i", "", "crossings"),
)
HIGH = Events(high, [Variable("height", ("event",), "f", "nm", "height")])
DISTANCES = Pairs(distances, Variable("distance", ("frame", "other_frame"), "f", "nm", "distance"))
RANGES = Series(
    lambda series: np.ptp(series.astype(float), axis=0),
    Variable("range", ("atom", "xyz"), "f", "nm", "range"),
)
WEIGHTS = np.linspace(0.5, 2, N_FRAMES)

Made = Callable[[Source, tuple[int, ...]], Any]
SHAPES: dict[str, Made] = {
    "map": lambda s, c: SPREAD(field(s, "positions", c)),
    "fields": lambda s, c: SUMS(of_atoms(field(s, "positions", c), [3, 1]), field(s, "box", c)),
    "reduction": lambda s, c: MEAN(of_atoms(field(s, "positions", c), [0, 1]), weights=WEIGHTS),
    "scan": lambda s, c: CROSSINGS(of_atoms(field(s, "positions", c), [4])),
    "events": lambda s, c: HIGH(of_atoms(field(s, "positions", c), [1, 2, 4])),
    "pairs": lambda s, c: DISTANCES(of_atoms(field(s, "positions", c), [0, 3])),
    "series": lambda s, c: RANGES(field(s, "positions", c)),
    "positions": lambda s, c: field(s, "positions", c),
    "box": lambda s, c: field(s, "box", c),
}
FIVE = ["map", "fields", "reduction", "scan", "events"]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read few frames at a time, fewer than are reduced together, so that all is cut."""
    monkeypatch.setattr("gromos_dist.mapping.reduce.PIECE_BYTES", 4 * 6 * 8)
    for module in ("blocks", "one_pass"):
        monkeypatch.setattr(f"gromos_dist.mapping.{module}.PIECE_BYTES", 4 * 15 * 5)


@pytest.fixture
def one_thread() -> Iterator[None]:
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def noted(tmp_path: Path) -> Source:
    """A source that notes in a file what is read, in whatever process."""
    return memory_source(26, 3, 31, notes=str(tmp_path / "read"))


def reads(source: Source) -> Counter[int]:
    """Return how often each frame was read since this was last asked."""
    reader = source.readers[0]
    assert isinstance(reader, MemoryReader)
    notes = Path(reader.notes)
    lines = [line.split(",") for line in notes.read_text().splitlines()]
    notes.unlink()
    starts = {r.path: n for r, n in zip(source.readers, (0, 26, 29), strict=True)}
    return Counter(starts[path] + i for path, *frames in lines for i in range(*map(int, frames)))


ONCE = Counter(range(N_FRAMES))


@pytest.fixture
def expected() -> dict[str, Any]:
    """What each gives alone, in one chunk, by Dask and not by our own compute."""
    return {
        name: make(SOURCE, (N_FRAMES,)).compute(scheduler="synchronous")
        for name, make in SHAPES.items()
    }


def identical(found: Any, expected: Any) -> None:
    xr.testing.assert_identical(found, expected)
    if isinstance(expected, xr.Dataset):
        assert all(
            found[name].values.tobytes() == expected[name].values.tobytes() for name in found
        )
    else:
        assert found.values.tobytes() == expected.values.tobytes()


# the same bits, and every frame once


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("names", [*combinations(SHAPES, 2), FIVE, list(SHAPES)], ids="-".join)
def test_together_as_alone(names: list[str], noted: Source, expected: dict[str, Any]) -> None:
    for first, others in (("7", "1"), ("7", "7"), ("16", "irregular"), ("irregular", "all")):
        if others == "1" and "pairs" in names:
            continue
        made = [SHAPES[names[0]](noted, CHUNKS[first])]
        made += [SHAPES[name](noted, CHUNKS[others]) for name in names[1:]]
        found = compute(*made, progress=False)
        for name, one in zip(names, found, strict=True):
            identical(one, expected[name])
        counted = reads(noted)
        assert counted.keys() == ONCE.keys()
        if "scan" not in names:
            assert counted == ONCE, (first, others)


@pytest.mark.usefixtures("one_thread")
def test_a_scan_reads_the_frame_before_each_block_again(
    noted: Source, expected: dict[str, Any]
) -> None:
    found = compute(*(SHAPES[name](noted, CHUNKS["16"]) for name in FIVE), progress=False)
    assert reads(noted) == ONCE + Counter([0, 15, 31, 47])
    for name, one in zip(FIVE, found, strict=True):
        identical(one, expected[name])


@given(st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=20), min_size=3, max_size=3))
def test_any_chunks(sizes: list[list[int]]) -> None:
    n_frames = min(map(sum, sizes))
    source = memory_source(n_frames // 2, n_frames - n_frames // 2)
    chunks = [
        tuple(np.diff([0, *(n for n in np.cumsum(c) if n < n_frames), n_frames])) for c in sizes
    ]
    made = [
        SHAPES["fields"](source, chunks[0]),
        MEAN(field(source, "positions", chunks[1]), weights=np.ones(n_frames)),
        SHAPES["events"](source, chunks[2]),
    ]
    with dask.config.set(scheduler="synchronous"):
        found = compute(*made, progress=False)
        for one, alone in zip(found, made, strict=True):
            identical(one, alone.compute())


@pytest.mark.parametrize("where", ["threads", "processes", "cluster"])
def test_everywhere_the_same(
    where: str, noted: Source, expected: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    made = [SHAPES[name](noted, CHUNKS["16"]) for name in SHAPES]
    if where == "cluster":
        request.getfixturevalue("client")
    with scheduler(
        "processes" if where == "processes" else "threads", 2 if where != "cluster" else None
    ):
        found = compute(*made, progress=False)
    assert reads(noted) == ONCE + Counter([0, 15, 31, 47])
    for name, one in zip(SHAPES, found, strict=True):
        identical(one, expected[name])


# what is computed


def test_compute_is_public(expected: dict[str, Any]) -> None:
    made = SHAPES["map"](SOURCE, CHUNKS["7"])
    assert gd.compute is compute
    identical(gd.compute(made), expected["map"])
    (found, loaded) = gd.compute(made, expected["map"])
    identical(found, loaded)
    dataset = gd.compute(xr.Dataset({"a": made, "b": made * 2}), progress=False)
    identical(dataset["b"].rename("spread").assign_attrs(made.attrs), expected["map"] * 2)
    with pytest.raises(TypeError, match="no result"):
        gd.compute()
    with pytest.raises(TypeError, match="expected DataArrays, Datasets or LazyEvents, got list"):
        gd.compute([made])  # type: ignore[call-overload]


@pytest.mark.parametrize("where", ["threads", "cluster"])
def test_the_same_result_twice(where: str, request: pytest.FixtureRequest) -> None:
    if where == "cluster":
        request.getfixturevalue("client")
    made = SHAPES["map"](SOURCE, CHUNKS["7"])
    one, other = compute(made, made, progress=False)
    identical(one, other)
    both = compute(xr.Dataset({"a": made, "b": made}), progress=False)
    identical(both["a"].rename("b"), both["b"])


@pytest.mark.usefixtures("one_thread")
def test_with_arrays_that_are_no_files(noted: Source, expected: dict[str, Any]) -> None:
    values = expected["positions"]
    lazy = SPREAD(values.chunk(frame=11))
    numbers = xr.DataArray(da.arange(60, chunks=9), dims="frame", name="numbers")
    found = compute(
        lazy, *(SHAPES[name](noted, CHUNKS["7"]) for name in ("map", "events")), numbers, values
    )
    assert reads(noted) == ONCE
    for name, one in zip(("map", "map", "events"), found, strict=False):
        identical(one, expected[name])
    np.testing.assert_array_equal(found[3], np.arange(60))
    assert found[4] is not values


@pytest.mark.parametrize("where", ["threads", "cluster"])
def test_what_is_persisted_is_not_read_again(
    where: str, noted: Source, expected: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    if where == "cluster":
        request.getfixturevalue("client")
    names = ["map", "fields", "events", "reduction"]
    made = {name: SHAPES[name](noted, CHUNKS["16"]) for name in names}
    kept = {name: made[name].persist() for name in ("map", "events")}
    for name, persisted in kept.items():
        identical(compute(persisted, progress=False), expected[name])
    reads(noted)
    found = compute(*(kept.get(name, made[name]) for name in names), progress=False)
    assert reads(noted) == ONCE
    for name, one in zip(names, found, strict=True):
        identical(one, expected[name])


@pytest.mark.usefixtures("one_thread")
def test_frames_that_nobody_wants_are_not_read(noted: Source, expected: dict[str, Any]) -> None:
    seen: list[int] = []

    def watched(block: Array) -> Array:
        seen.append(len(block))
        return block[:, 0, 0].astype(float)

    some = Map(watched, Variable("x", ("frame",), "f", "nm", "x"))(
        field(noted, "positions", CHUNKS["7"])
    )[8:13]
    other = SHAPES["map"](noted, CHUNKS["7"])[:30]
    found, _ = compute(some, other, progress=False)
    np.testing.assert_array_equal(found, expected["positions"][8:13, 0, 0])
    assert reads(noted) == Counter(range(35))
    assert sum(seen) == 7


def joint_tasks(*results: xr.DataArray) -> dict[Any, Any]:
    keys = [key for result in results for key in flatten(result.data.__dask_keys__())]
    graph = HighLevelGraph.merge(*(result.data.dask for result in results))
    layers = read_together(graph, keys).layers
    names = [name for name in layers if name.startswith("read-together-")]
    return {key: task for name in names for key, task in layers[name].items()}


def test_joint_tasks_of_one_name_do_the_same() -> None:
    """Or of two results that a cluster computes at one time, one would lack some of its parts."""
    one, other = (SHAPES[name](SOURCE, CHUNKS["16"]) for name in ("map", "scan"))
    every, some = joint_tasks(one, other), joint_tasks(one, other[:10])
    assert len(every) == len(some) == 4
    assert all(every[key].args == some[key].args for key in every.keys() & some.keys())
    assert joint_tasks(one, other).keys() == every.keys()


@pytest.mark.usefixtures("one_thread")
def test_other_frames_and_dtypes_are_other_passes(noted: Source, expected: dict[str, Any]) -> None:
    double = replace(noted, dtype=np.dtype(np.float64))
    every_second = noted.select_frames(range(0, 60, 2))
    made = [
        SHAPES["map"](noted, CHUNKS["7"]),
        SHAPES["map"](double, CHUNKS["7"]),
        SHAPES["map"](every_second, (8, 8, 14)),
        SHAPES["box"](noted, CHUNKS["16"]),
    ]
    whole, precise, half, box = compute(*made, progress=False)
    assert reads(noted) == ONCE + ONCE + Counter(range(0, 60, 2))
    identical(whole, expected["map"])
    identical(half.drop_vars("time"), expected["map"][::2].drop_vars("time"))
    identical(precise, made[1].compute())
    assert (precise != whole).any()
    identical(box, expected["box"])


@pytest.mark.usefixtures("one_thread")
def test_frames_that_wait_for_all_others_are_read_later(
    noted: Source, expected: dict[str, Any]
) -> None:
    """Or all of them would be in memory until the mean is known."""
    positions = field(noted, "positions", CHUNKS["7"])
    mean = MEAN(positions, weights=WEIGHTS)
    moved = SPREAD(positions) - mean.sum()
    alone = moved.compute(), mean.compute()
    reads(noted)
    for one, other in zip(compute(moved, mean, progress=False), alone, strict=True):
        identical(one, other)
    assert reads(noted) == ONCE + ONCE


@pytest.mark.usefixtures("one_thread")
def test_chosen_atoms_of_a_field_are_still_all_that_is_read(noted: Source) -> None:
    """Dask hands choices down to the files; a joint task would read more."""
    few = xr.DataArray(field(noted, "positions", CHUNKS["7"]).data[:, 1:3], dims=DIMS["positions"])
    READ.clear()
    found, _ = compute(few, SHAPES["map"](noted, CHUNKS["7"]), progress=False)
    assert sum(len(frames) for _, frames, size in READ if size == 2 * 3) == N_FRAMES
    np.testing.assert_array_equal(found, SOURCE.read(["positions"])["positions"][:, 1:3])


# errors


def refuse(block: Array) -> Array:
    bad = np.flatnonzero(block[:, 0, 0] == SOURCE.read(["positions"])["positions"][41, 0, 0])
    if bad.size:
        raise FrameError("atom 0 is wrong", int(bad[0]))
    return block[:, 0, 0].astype(float)


@pytest.mark.usefixtures("one_thread")
def test_an_error_of_a_kernel_names_file_and_frame() -> None:
    record = Map(refuse, Variable("x", ("frame",), "f", "nm", "x"))
    made = record(of_atoms(field(SOURCE, "positions", CHUNKS["7"]), [0, 2]))
    with pytest.raises(FrameError) as alone:
        compute(made, progress=False)
    with pytest.raises(FrameError, match=r"file 2.*12") as together:
        compute(SHAPES["map"](SOURCE, CHUNKS["16"]), made, progress=False)
    assert str(together.value) == str(alone.value)


@pytest.mark.usefixtures("one_thread")
def test_a_kernel_cannot_change_what_others_see() -> None:
    def spoils(block: Array) -> Array:
        block *= 2
        return block[:, 0, 0].astype(float)

    record = Map(spoils, Variable("x", ("frame",), "f", "nm", "x"))
    made = record(field(SOURCE, "positions", CHUNKS["7"]))
    for results in ([made], [made, SHAPES["map"](SOURCE, CHUNKS["7"])]):
        with pytest.raises(ValueError, match="read-only"):
            compute(*results, progress=False)


# progress


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str, list[float]]]:
    """The totals, units and advances of all bars."""
    shown: list[tuple[float, str, list[float]]] = []

    @contextmanager
    def shows(_: str, total: float, *, unit: str, **__: Any) -> Iterator[Callable[[float], None]]:
        shown.append((total, unit, []))
        yield shown[-1][2].append

    monkeypatch.setattr("gromos_dist.distributed.progress_bar", shows)
    return shown


@pytest.mark.parametrize("where", ["one_thread", "threads", "client"])
@pytest.mark.parametrize(
    "names",
    [
        *(["map"], ["reduction"], ["events"], ["series"], ["pairs"], ["reduction", "events"]),
        ["map", "reduction", "scan"],
        ["positions", "series", "reduction", "events"],
    ],
    ids="-".join,
)
def test_the_bar_counts_input_frames(
    names: list[str],
    where: str,
    bars: list[tuple[float, str, list[float]]],
    request: pytest.FixtureRequest,
) -> None:
    if where != "threads":
        request.getfixturevalue(where)
    compute(*(SHAPES[name](SOURCE, CHUNKS["7"]) for name in names))
    ((total, unit, steps),) = bars
    assert unit == "frames"
    assert total == pytest.approx(N_FRAMES)
    assert sum(steps) == pytest.approx(N_FRAMES)
    # None of them is more than the frames of a block.
    assert max(steps) <= 8 + 1e-9
    assert len([step for step in steps if step]) >= 8


@pytest.mark.usefixtures("one_thread")
def test_several_passes_share_the_bar(bars: list[tuple[float, str, list[float]]]) -> None:
    half = SOURCE.select_frames(range(0, 60, 2))
    compute(SHAPES["events"](SOURCE, CHUNKS["7"]), HIGH(field(half, "positions", (10,) * 3)))
    # Each of two is a half: 60 / 2 and 30 / 2.
    assert bars[0][0] == pytest.approx(45)
    positions = field(SOURCE, "positions", CHUNKS["7"])
    compute((SPREAD(positions) - MEAN(positions, weights=WEIGHTS).sum()).sum())
    total, _, steps = bars[1]
    assert total == pytest.approx(N_FRAMES)
    assert sum(steps) == pytest.approx(N_FRAMES)
    assert len(steps) > 16


@pytest.mark.usefixtures("one_thread")
def test_reductions_of_arrays_in_memory_count_frames(
    bars: list[tuple[float, str, list[float]]], expected: dict[str, Any]
) -> None:
    chunked = expected["positions"].chunk(frame=8)
    compute(MEAN(chunked, weights=WEIGHTS))
    assert bars[0] == (pytest.approx(60), "frames", pytest.approx([8] * 7 + [4, 0]))


# stores


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_results_are_stored_in_one_pass(
    suffix: str, noted: Source, expected: dict[str, Any], tmp_path: Path
) -> None:
    results = xr.Dataset(
        {
            "spread": SHAPES["map"](noted, CHUNKS["16"]),
            **SHAPES["fields"](noted, CHUNKS["7"]),
            "positions": SHAPES["positions"](noted, CHUNKS["irregular"]),
        },
        attrs={"history": "made by the tests"},
    )
    path = gd.store(results, tmp_path / f"all{suffix}", progress=False)
    assert reads(noted) == ONCE
    stored = gd.open_store(path)
    alone = {"spread": expected["map"], "positions": expected["positions"], **expected["fields"]}
    assert alone.keys() == stored.data_vars.keys()
    for name, values in alone.items():
        np.testing.assert_array_equal(stored[name], values)

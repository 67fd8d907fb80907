"""Map, reduce and scan: the same bits for NumPy, every chunking and every scheduler."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st
from memory_reader import memory_source
from numpy.typing import NDArray

from gromos_dist.errors import FrameError
from gromos_dist.io.lazy import trajectory_array
from gromos_dist.mapping import (
    FrameFields,
    FrameMap,
    FrameReduction,
    FrameScan,
    map_fields,
    map_frames,
    map_pairs,
    reduce_frames,
    reduction_block,
    scan_frames,
)
from gromos_dist.variables import Variable, register

DIMS = ("frame", "atom", "xyz")
N_FRAMES = 300
Array = NDArray[Any]


def labelled(data: Any) -> xr.DataArray:
    coords = {"time": ("frame", np.arange(len(data)) * 2.0), "mass": ("atom", np.ones(5))}
    return xr.DataArray(data, coords, DIMS)


SOURCE = memory_source(130, 3, 167)
IN_MEMORY = labelled(SOURCE.read(["positions"])["positions"])


def backed_by(kind: str, chunks: int) -> xr.DataArray:
    if kind == "numpy":
        return IN_MEMORY
    if kind == "dask":
        return labelled(da.from_array(IN_MEMORY.data, chunks=(chunks, 2, 3)))
    return labelled(trajectory_array(SOURCE, "positions", (N_FRAMES,))).chunk(frame=chunks)


def spread(block: Array, factor: float) -> Array:
    return np.array([np.sqrt((frame.astype(float) ** 2).sum() * factor) for frame in block])


def tensor(block: Array) -> Array:
    return np.einsum("fax,fay->fxy", block, block, dtype=float)


MAPS = {
    "scalar": (FrameMap(spread, "rmsd"), {"factor": 1 / 3}),
    "tensor": (FrameMap(tensor, "gyration_tensor"), {}),
    "positions": (FrameMap(lambda block: block * np.float32(0.1), "positions", None), {}),
}
KINDS = ["numpy", "dask", "source"]
CHUNKS = [1, 7, 64, N_FRAMES]


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MAPS)
def test_map_gives_the_same_bits(name: str, kind: str, chunks: int) -> None:
    record, constants = MAPS[name]
    expected = map_frames(record, IN_MEMORY, history="", **constants)
    result = map_frames(record, backed_by(kind, chunks), history="", **constants)
    assert (kind == "numpy") == isinstance(result.data, np.ndarray)
    assert result.dtype == expected.dtype
    xr.testing.assert_identical(result.compute(), expected)


CALLS: list[int] = []


def sums(block: Array) -> dict[str, Array]:
    CALLS.append(len(block))
    total = block.sum(axis=1, dtype=float)
    return {"energy": total[:, :2], "center_of_mass": total, "positions": block * 2}


FIELDS = FrameFields(
    sums, {"energy": np.float64, "center_of_mass": np.float32, "positions": np.float32}
)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_computed_together_and_give_the_same_bits(kind: str, chunks: int) -> None:
    coords = {"term": ["a", "b"]}
    expected = map_fields(FIELDS, IN_MEMORY, coords=coords, history="made so")
    result = map_fields(FIELDS, backed_by(kind, chunks), coords=coords, history="made so")
    CALLS.clear()
    computed = result.compute(scheduler="synchronous")
    assert sum(CALLS) == (0 if kind == "numpy" else N_FRAMES)
    xr.testing.assert_identical(computed, expected)
    assert computed.energy.dims == ("frame", "term")
    assert computed.center_of_mass.dtype == np.float32
    assert computed.attrs["history"] == computed.positions.attrs["history"] == "made so"


def test_fields_whose_dims_nobody_knows() -> None:
    with pytest.raises(ValueError, match="energy: nothing says how long the dim 'term' is"):
        map_fields(FIELDS, IN_MEMORY, coords={}, history="")


def test_map_labels_the_result() -> None:
    result = map_frames(MAPS["scalar"][0], IN_MEMORY, history="made so", factor=1.0)
    assert result.name == "rmsd"
    assert result.attrs == {
        "units": "nm",
        "long_name": "root-mean-square deviation",
        "history": "made so",
    }
    assert list(result.coords) == ["time"]


def test_map_of_two_inputs() -> None:
    def first_over_edge(block: Array, box: Array) -> Array:
        return block[:, 0, 0] / (1 + box[:, 0, 0])

    record = FrameMap(first_over_edge, "rmsd")
    box = SOURCE.read(["box"])["box"]
    expected = IN_MEMORY.data[:, 0, 0] / (1 + box[:, 0, 0])
    dims = ("frame", "box_vector", "xyz")
    for chunks in (7, N_FRAMES):
        lazy_box = trajectory_array(SOURCE, "box", (N_FRAMES,)).rechunk((chunks, 3, 3))
        streamed = map_frames(
            record, backed_by("source", chunks), xr.DataArray(lazy_box, dims=dims), history=""
        )
        np.testing.assert_array_equal(streamed, expected.astype(float))
        mixed = map_frames(
            record, backed_by("dask", chunks), xr.DataArray(box, dims=dims), history=""
        )
        np.testing.assert_array_equal(mixed, expected.astype(float))


def fail_at(block: Array, value: np.float32) -> Array:
    bad = np.flatnonzero(block[:, 0, 0] == value)
    if bad.size:
        raise FrameError("a number that it cannot take", int(bad[0]))
    return np.zeros(len(block))


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_names_the_frame_of_the_trajectory(kind: str) -> None:
    value = IN_MEMORY.data[131, 0, 0]
    # The second file begins at frame 130.
    where = "file 1: frame 1:" if kind == "source" else "frame 131:"
    with pytest.raises(FrameError, match=where):
        map_frames(FrameMap(fail_at, "rmsd"), backed_by(kind, 7), history="", value=value).compute()


def test_constants_enter_the_graph_once() -> None:
    reference = np.zeros((1000, 3))
    result = map_frames(
        FrameMap(lambda block, reference: block[:, 0, 0].astype(float), "rmsd"),
        backed_by("source", 1),
        history="",
        reference=reference,
    )
    graph = dict(dask.optimize(result.data)[0].dask)
    assert len(graph) < N_FRAMES + 10


def difference(a: Array, b: Array) -> Array:
    return np.array([[float(np.abs(x - y).sum()) for y in b] for x in a]).reshape(len(a), len(b))


@pytest.mark.parametrize("chunks", [7, 64])
@pytest.mark.parametrize("kind", ["dask", "source"])
def test_pairs_give_the_same_bits(kind: str, chunks: int) -> None:
    record = FrameMap(difference, "rmsd_matrix")
    some = IN_MEMORY.isel(frame=slice(0, 60)), IN_MEMORY.isel(frame=slice(100, 121))
    expected = map_pairs(record, *some, history="")
    lazy = backed_by(kind, chunks)
    result = map_pairs(
        record,
        lazy.isel(frame=slice(0, 60)),
        lazy.isel(frame=slice(100, 121)),
        history="",
    )
    xr.testing.assert_identical(result.compute(), expected)
    assert result.dims == ("frame", "other_frame")
    assert float(result.other_time[0]) == 200.0


AVERAGE = Variable("average_of_the_tests", ("atom", "xyz"), "f", "nm", "mean position")
register(AVERAGE)

# Sums in float64 depend on their order: equal bits mean that the order was the same.
MEAN = FrameReduction(
    partial=lambda block: (len(block), block.astype(float).sum(axis=0) / 3),
    combine=lambda a, b: (a[0] + b[0], a[1] + b[1]),
    finalize=lambda state: state[1] / state[0],
    variable=AVERAGE.name,
)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce few frames at a time, so that the tree has some depth."""
    monkeypatch.setattr("gromos_dist.mapping._PIECE_BYTES", 4 * 15 * 8)
    assert reduction_block([IN_MEMORY.data]) == 8


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
def test_reduce_gives_the_same_bits(kind: str, chunks: int) -> None:
    expected = reduce_frames(MEAN, IN_MEMORY, history="")
    result = reduce_frames(MEAN, backed_by(kind, chunks), history="")
    xr.testing.assert_identical(result.compute(), expected)
    np.testing.assert_allclose(expected * 3, IN_MEMORY.data.mean(axis=0, dtype=float), atol=1e-12)


@pytest.mark.usefixtures("small_blocks")
def test_reduction_sees_every_frame_once_and_in_order() -> None:
    order = FrameReduction(
        partial=lambda block: [float(x) for x in block[:, 0, 0]],
        combine=lambda a, b: a + b,
        finalize=lambda state: np.broadcast_to(
            float(state == [float(x) for x in IN_MEMORY.data[:, 0, 0]]), (5, 3)
        ),
        variable=AVERAGE.name,
    )
    for kind in KINDS:
        assert reduce_frames(order, backed_by(kind, 7), history="").compute().all()


def test_nothing_to_reduce() -> None:
    with pytest.raises(ValueError, match="no frames"):
        reduce_frames(MEAN, IN_MEMORY.isel(frame=slice(0, 0)), history="")


def upward_crossings(block: Array, previous: Array) -> Array:
    before = np.concatenate([previous, block[:-1]])
    return np.cumsum((before[:, 0, 0] < 0) & (block[:, 0, 0] >= 0), dtype=np.int64)


SCAN = FrameScan(upward_crossings, lambda carry, values: carry[-1] + values, "step")


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
def test_scan_gives_the_same_bits(kind: str, chunks: int) -> None:
    x = IN_MEMORY.data[:, 0, 0]
    expected = np.concatenate([[0], np.cumsum((x[:-1] < 0) & (x[1:] >= 0))])
    result = scan_frames(SCAN, backed_by(kind, chunks), history="")
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result.compute(), expected)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_any_irregular_chunks(sizes: list[int]) -> None:
    n_frames = sum(sizes)
    values = np.random.default_rng(n_frames).normal(size=(n_frames, 5, 3)).astype(np.float32)
    chunked = labelled(da.from_array(values, chunks=(tuple(sizes), 5, 3)))
    with dask.config.set(scheduler="synchronous"):
        for run, record in (
            (map_frames, FrameMap(tensor, "gyration_tensor")),
            (reduce_frames, MEAN),
        ):
            whole = run(record, labelled(values), history="")
            xr.testing.assert_identical(run(record, chunked, history="").compute(), whole)
        whole = scan_frames(SCAN, labelled(values), history="")
        xr.testing.assert_identical(scan_frames(SCAN, chunked, history="").compute(), whole)


def test_threads_and_processes_give_the_same_bits(client: Client) -> None:
    results = [
        map_frames(FrameMap(tensor, "gyration_tensor"), IN_MEMORY, history=""),
        reduce_frames(MEAN, IN_MEMORY, history=""),
        scan_frames(SCAN, IN_MEMORY, history=""),
    ]
    lazy = [
        map_frames(FrameMap(tensor, "gyration_tensor"), backed_by("dask", 7), history=""),
        reduce_frames(MEAN, backed_by("dask", 7), history=""),
        scan_frames(SCAN, backed_by("dask", 7), history=""),
    ]
    for expected, one in zip(results, lazy, strict=True):
        xr.testing.assert_identical(one.compute(scheduler=client), expected)
        xr.testing.assert_identical(one.compute(scheduler="threads"), expected)

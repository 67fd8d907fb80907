"""Map, reduce and scan: the same bits for NumPy, every chunking and every scheduler."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from memory_reader import memory_source
from numpy.typing import NDArray

from gromos_dist.errors import FrameError
from gromos_dist.io.lazy import trajectory_array
from gromos_dist.mapping import (
    Events,
    Fields,
    LazyEvents,
    Map,
    Pairs,
    Reduction,
    Scan,
    Series,
    from_pandas,
    reduction_block,
    to_pandas,
)
from gromos_dist.mapping.series import atoms_of_a_block
from gromos_dist.variables import VARIABLES, Variable

SCALAR = Variable("scalar", ("frame",), "f", "nm", "a scalar")
TENSOR = Variable("tensor", ("frame", "xyz", "xyz_2"), "f", "nm2", "a tensor")
VECTOR = Variable("vector", ("frame", "xyz"), "f", "nm", "a vector")
MATRIX = Variable("matrix", ("frame", "other_frame"), "f", "nm", "a matrix")

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


def spread_into(block: Array, factor: float, out: Array) -> Array:
    out[...] = spread(block, factor)
    return out


def tensor(block: Array) -> Array:
    return np.einsum("fax,fay->fxy", block, block, dtype=float)


MAPS = {
    "scalar": (Map(spread, SCALAR), {"factor": 1 / 3}),
    "filled": (Map(spread_into, SCALAR, fills=True), {"factor": 1 / 3}),
    "tensor": (Map(tensor, TENSOR), {}),
    "positions": (Map(lambda block: block * np.float32(0.1), VARIABLES["positions"], None), {}),
}
KINDS = ["numpy", "dask", "source"]
CHUNKS = [1, 7, 64, N_FRAMES]


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MAPS)
def test_map_gives_the_same_bits(name: str, kind: str, chunks: int) -> None:
    record, constants = MAPS[name]
    expected = record(IN_MEMORY, **constants)
    result = record(backed_by(kind, chunks), **constants)
    assert (kind == "numpy") == isinstance(result.data, np.ndarray)
    assert result.dtype == expected.dtype
    xr.testing.assert_identical(result.compute(), expected)


CALLS: list[int] = []


def sums(block: Array) -> dict[str, Array]:
    CALLS.append(len(block))
    total = block.sum(axis=1, dtype=float)
    return {"energy": total[:, :2], "vector": total, "positions": block * 2}


FIELDS = Fields(
    sums,
    [VARIABLES["energy"], VECTOR, VARIABLES["positions"]],
    {"vector": np.float32, "positions": np.float32},
)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_computed_together_and_give_the_same_bits(kind: str, chunks: int) -> None:
    coords = {"term": ["a", "b"]}
    expected = FIELDS(IN_MEMORY, coords=coords)
    result = FIELDS(backed_by(kind, chunks), coords=coords)
    CALLS.clear()
    computed = result.compute(scheduler="synchronous")
    assert sum(CALLS) == (0 if kind == "numpy" else N_FRAMES)
    xr.testing.assert_identical(computed, expected)
    assert computed.energy.dims == ("frame", "term")
    assert computed.vector.dtype == np.float32


def test_fields_whose_dims_nobody_knows() -> None:
    with pytest.raises(ValueError, match="energy: nothing says how long the dim 'term' is"):
        FIELDS(IN_MEMORY)


def test_map_labels_the_result() -> None:
    result = MAPS["scalar"][0](IN_MEMORY, factor=1.0)
    assert result.name == "scalar"
    assert result.attrs == {"units": "nm", "long_name": "a scalar"}
    assert list(result.coords) == ["time"]


def test_map_of_two_inputs() -> None:
    def first_over_edge(block: Array, box: Array) -> Array:
        return block[:, 0, 0] / (1 + box[:, 0, 0])

    record = Map(first_over_edge, SCALAR)
    box = SOURCE.read(["box"])["box"]
    expected = IN_MEMORY.data[:, 0, 0] / (1 + box[:, 0, 0])
    dims = ("frame", "box_vector", "xyz")
    for chunks in (7, N_FRAMES):
        lazy_box = trajectory_array(SOURCE, "box", (N_FRAMES,)).rechunk((chunks, 3, 3))
        streamed = record(backed_by("source", chunks), xr.DataArray(lazy_box, dims=dims))
        np.testing.assert_array_equal(streamed, expected.astype(float))
        mixed = record(backed_by("dask", chunks), xr.DataArray(box, dims=dims))
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
        Map(fail_at, SCALAR)(backed_by(kind, 7), value=value).compute()


def test_constants_enter_the_graph_once() -> None:
    reference = np.zeros((1000, 3))
    result = Map(lambda block, reference: block[:, 0, 0].astype(float), SCALAR)(
        backed_by("source", 1), reference=reference
    )
    graph = dict(dask.optimize(result.data)[0].dask)
    assert len(graph) < N_FRAMES + 10


def difference(a: Array, b: Array) -> Array:
    return np.array([[float(np.abs(x - y).sum()) for y in b] for x in a]).reshape(len(a), len(b))


@pytest.mark.parametrize("chunks", [7, 64])
@pytest.mark.parametrize("kind", ["dask", "source"])
def test_pairs_give_the_same_bits(kind: str, chunks: int) -> None:
    record = Pairs(difference, MATRIX)
    some = IN_MEMORY.isel(frame=slice(0, 60)), IN_MEMORY.isel(frame=slice(100, 121))
    expected = record(*some)
    lazy = backed_by(kind, chunks)
    result = record(lazy.isel(frame=slice(0, 60)), lazy.isel(frame=slice(100, 121)))
    xr.testing.assert_identical(result.compute(), expected)
    assert result.dims == ("frame", "other_frame")
    assert float(result.other_time[0]) == 200.0


AVERAGE = Variable("average", ("atom", "xyz"), "f", "nm", "mean position")

# Sums in float64 depend on their order: equal bits mean that the order was the same.
MEAN = Reduction(
    partial=lambda block: (len(block), block.astype(float).sum(axis=0) / 3),
    combine=lambda a, b: (a[0] + b[0], a[1] + b[1]),
    finalize=lambda state: state[1] / state[0],
    variables=AVERAGE,
)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce few frames at a time, so that the tree has some depth."""
    monkeypatch.setattr("gromos_dist.mapping.reduce.PIECE_BYTES", 4 * 15 * 8)
    assert reduction_block([IN_MEMORY.data]) == 8


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
def test_reduce_gives_the_same_bits(kind: str, chunks: int) -> None:
    expected = MEAN(IN_MEMORY)
    result = MEAN(backed_by(kind, chunks))
    xr.testing.assert_identical(result.compute(), expected)
    np.testing.assert_allclose(expected * 3, IN_MEMORY.data.mean(axis=0, dtype=float), atol=1e-12)


@pytest.mark.usefixtures("small_blocks")
def test_reduction_sees_every_frame_once_and_in_order() -> None:
    order = Reduction(
        partial=lambda block: tuple(float(x) for x in block[:, 0, 0]),
        combine=lambda a, b: a + b,
        finalize=lambda state: np.broadcast_to(
            float(state == tuple(float(x) for x in IN_MEMORY.data[:, 0, 0])), (5, 3)
        ),
        variables=AVERAGE,
    )
    for kind in KINDS:
        assert order(backed_by(kind, 7)).compute().all()


def test_nothing_to_reduce() -> None:
    with pytest.raises(ValueError, match="no frames"):
        MEAN(IN_MEMORY.isel(frame=slice(0, 0)))


def upward_crossings(block: Array, previous: Array) -> Array:
    before = np.concatenate([previous, block[:-1]])
    return np.cumsum((before[:, 0, 0] < 0) & (block[:, 0, 0] >= 0), dtype=np.int64)


SCAN = Scan(
    upward_crossings,
    lambda carry, values: carry[-1] + values,
    Variable("crossings", ("frame",), "i", "", "crossings so far"),
)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
def test_scan_gives_the_same_bits(kind: str, chunks: int) -> None:
    x = IN_MEMORY.data[:, 0, 0]
    expected = np.concatenate([[0], np.cumsum((x[:-1] < 0) & (x[1:] >= 0))])
    result = SCAN(backed_by(kind, chunks))
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result.compute(), expected)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_any_irregular_chunks(sizes: list[int]) -> None:
    n_frames = sum(sizes)
    values = np.random.default_rng(n_frames).normal(size=(n_frames, 5, 3)).astype(np.float32)
    chunked = labelled(da.from_array(values, chunks=(tuple(sizes), 5, 3)))
    with dask.config.set(scheduler="synchronous"):
        for record in (Map(tensor, TENSOR), MEAN):
            whole = record(labelled(values))
            xr.testing.assert_identical(record(chunked).compute(), whole)
        whole = SCAN(labelled(values))
        xr.testing.assert_identical(SCAN(chunked).compute(), whole)


class Moments(NamedTuple):
    count: float
    total: Array


def moments(block: Array, scale: float, weights: Array | None = None) -> Moments:
    weights = np.ones(len(block)) if weights is None else weights
    return Moments(weights.sum(), np.einsum("f,fax->ax", weights, block.astype(float)))


WEIGHTED = Reduction(
    moments,
    lambda a, b: Moments(a.count + b.count, a.total + b.total),
    lambda state, scale: {"average": scale * state.total / state.count, "count": state.count},
    [AVERAGE, Variable("count", (), "f", "", "sum of the weights")],
    state=Moments,
)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_reduction_of_several_values_with_weights(kind: str, chunks: int) -> None:
    weights = np.random.default_rng(1).random(N_FRAMES)
    expected = WEIGHTED(IN_MEMORY, weights=weights, scale=2.0)
    result = WEIGHTED(backed_by(kind, chunks), weights=weights, scale=2.0)
    xr.testing.assert_identical(result.compute(), expected)
    mean = np.average(IN_MEMORY.data.astype(float), axis=0, weights=weights)
    np.testing.assert_allclose(result.average, 2 * mean, atol=1e-12)
    assert float(result["count"]) == pytest.approx(weights.sum())


@pytest.mark.parametrize("weights", [np.ones(3), np.full(N_FRAMES, np.nan)])
def test_weights_that_are_none(weights: Array) -> None:
    with pytest.raises(ValueError, match="a finite weight for each of 300 frames"):
        WEIGHTED(IN_MEMORY, weights=weights, scale=1.0)
    with pytest.raises(TypeError, match="its partial takes none"):
        MEAN(IN_MEMORY, weights=np.ones(N_FRAMES))


def test_a_state_is_a_tuple() -> None:
    record = Reduction(lambda block: [1.0], lambda a, b: a, lambda s: s, AVERAGE)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="got list: say which with Reduction"):
        record(IN_MEMORY)


def test_a_state_does_not_look_into_memory_that_is_used_again() -> None:
    first = Reduction(lambda block: (block[0],), lambda a, b: a, lambda s: s[0], AVERAGE)
    np.testing.assert_array_equal(first(backed_by("source", N_FRAMES)), IN_MEMORY.data[0])


def steps(block: Array, box: Array, previous: Array, box_before: Array) -> Array:
    both = np.concatenate([previous, block]), np.concatenate([box_before, box])
    edges = both[1][:, 0, 0]
    return np.cumsum(np.diff(both[0][:, 0, 0]) * 100 // (1 + np.abs(edges[1:] - edges[:-1])))


@pytest.mark.parametrize("chunks", [1, 7, 64, N_FRAMES])
def test_a_scan_of_two_inputs(chunks: int) -> None:
    record = Scan(steps, lambda carry, values: carry[-1] + values, SCALAR, np.int64)
    dims = ("frame", "box_vector", "xyz")
    box = xr.DataArray(SOURCE.read(["box"])["box"], dims=dims)
    expected = record(IN_MEMORY, box)
    xr.testing.assert_identical(
        record(backed_by("dask", chunks), box.chunk(frame=50)).compute(), expected
    )
    lazy_box = xr.DataArray(trajectory_array(SOURCE, "box", (N_FRAMES,)), dims=dims)
    xr.testing.assert_identical(record(backed_by("source", chunks), lazy_box).compute(), expected)


def high(block: Array, above: float) -> dict[str, Array]:
    frames, atoms = np.nonzero(block[..., 2] > above)
    return {"frame": frames, "atom_index": atoms, "height": block[frames, atoms, 2]}


HIGH = Events(
    high,
    [
        Variable("atom_index", ("event",), "i", "", "atom"),
        Variable("height", ("event",), "f", "nm", "height"),
    ],
)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("above", [0.5, 1e9])
def test_events_give_the_same_bits(kind: str, chunks: int, above: float) -> None:
    expected = HIGH(IN_MEMORY, above=above)
    found = HIGH(backed_by(kind, chunks), above=above)
    assert isinstance(found, LazyEvents) == (kind != "numpy")
    events = found.compute()
    xr.testing.assert_identical(events, expected)
    (computed,) = dask.compute(found, scheduler="synchronous")
    xr.testing.assert_identical(computed, expected)
    counts = (IN_MEMORY.data[..., 2] > above).sum(axis=1)
    np.testing.assert_array_equal(np.diff(events["first"]), counts)
    np.testing.assert_array_equal(events["time"], events["frame"] * 2.0)
    if isinstance(found, LazyEvents):
        np.testing.assert_array_equal(found.n_events, counts)
        xr.testing.assert_identical(found.persist().compute(), expected)


def test_events_to_pandas_and_back() -> None:
    events = HIGH(IN_MEMORY, above=0.5)
    table = to_pandas(events)
    assert list(table.columns) == ["frame", "atom_index", "height", "time"]
    shuffled = table.sample(frac=1, random_state=1).sort_values(["frame", "atom_index"])
    back = from_pandas(shuffled, N_FRAMES)
    for name in ("frame", "first", "atom_index", "height"):
        np.testing.assert_array_equal(back[name], events[name])
    with pytest.raises(ValueError, match="expected frames from 0 to 9"):
        from_pandas(table, 10)


def test_frames_of_events_have_to_rise() -> None:
    record = Events(lambda block: {"frame": np.array([1, 0])}, [])
    with pytest.raises(ValueError, match="in rising order, from 0 to 299"):
        record(IN_MEMORY)


def ranges(series: Array) -> Array:
    return np.ptp(series.astype(float), axis=0)


LAGS = Variable("correlation", ("lag",), "f", "nm2", "correlation")
RANGES = Series(ranges, Variable("range", ("atom", "xyz"), "f", "nm", "range"))
CORRELATION = Series(
    lambda series, n_lags: (
        len(series[0]),
        np.array(
            [(series[: len(series) - k].astype(float) * series[k:]).sum() for k in range(n_lags)]
        ),
    ),
    LAGS,
    lambda a, b: (a[0] + b[0], a[1] + b[1]),
    lambda state, n_lags: state[1] / state[0],
)


@pytest.mark.parametrize("kind", KINDS)
def test_series_of_nothing(kind: str) -> None:
    data = backed_by(kind, 7)
    for dim in ("frame", "atom"):
        with pytest.raises(ValueError, match=f"range: there are no {dim}s"):
            RANGES(data.isel({dim: slice(0)}))
        with pytest.raises(ValueError, match=f"correlation: there are no {dim}s"):
            CORRELATION(data.isel({dim: slice(0)}), coords={"lag": range(3)}, n_lags=3)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("kind", KINDS)
def test_series_give_the_same_bits(kind: str, chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gromos_dist.mapping.series.PIECE_BYTES", 4 * 3 * N_FRAMES * 2)
    assert atoms_of_a_block([IN_MEMORY.data]) == 2
    expected = RANGES(IN_MEMORY)
    xr.testing.assert_identical(RANGES(backed_by(kind, chunks)).compute(), expected)
    np.testing.assert_array_equal(expected, np.ptp(IN_MEMORY.data.astype(float), axis=0))
    coords = {"lag": ("lag", np.arange(4) * 2.0, {"units": "ps"})}
    expected = CORRELATION(IN_MEMORY, coords=coords, n_lags=4)
    result = CORRELATION(backed_by(kind, chunks), coords=coords, n_lags=4)
    xr.testing.assert_identical(result.compute(), expected)
    assert expected.lag.attrs["units"] == "ps"

"""Results of every shape in every format: without frames, several together, events."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from memory_reader import memory_source
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.io.lazy import trajectory_array
from gromos_dist.mapping import Events, LazyEvents, Map, Reduction, Series, Variable, to_pandas
from gromos_dist.store import check_storable, netcdf_file, open_store, store, zarr_folder

Array = NDArray[Any]

SOURCE = memory_source(20, 13)
N_FRAMES = 33
IN_MEMORY = SOURCE.read(["positions"])["positions"]
COORDS = {
    "time": ("frame", np.arange(N_FRAMES) * 2.0, {"units": "ps"}),
    "atom_number": ("atom", np.arange(1, 6)),
    "atom_name": ("atom", ["N", "CA", "C", "O", "CB"]),
}


def frames(kind: str) -> xr.DataArray:
    lazy = trajectory_array(SOURCE, "positions", (8, 8, 8, 9))
    data = IN_MEMORY if kind == "in memory" else lazy
    return xr.DataArray(data, COORDS, ("frame", "atom", "xyz"), attrs={"units": "nm"})


class Moments(NamedTuple):
    count: int
    total: Array
    squares: np.float64


AVERAGE = Variable("average", ("atom", "xyz"), "f", "nm", "mean position")
PROFILE = Variable("profile", ("distance",), "f", "nm-1", "density along z")
SPREAD = Variable("spread", (), "f", "nm", "spread of all coordinates")
FAR = Variable("far", ("atom",), "f", "nm", "mean square of the coordinates")


def moments(block: Array) -> Moments:
    values = block.astype(float)
    return Moments(len(block), values.sum(axis=0) / 3, (values**2).sum())


SEVERAL = Reduction(
    moments,
    lambda a, b: Moments(a.count + b.count, a.total + b.total, a.squares + b.squares),
    lambda state: {
        "average": state.total / state.count,
        "far": (state.total**2).sum(axis=1),
        "spread": np.sqrt(state.squares / state.count),
    },
    [AVERAGE, FAR, SPREAD],
    state=Moments,
)
HISTOGRAM = Reduction(
    lambda block: (np.histogram(block[..., 2], np.linspace(-3, 3, 7))[0], len(block)),
    lambda a, b: (a[0] + b[0], a[1] + b[1]),
    lambda state: {"profile": state[0] / state[1], "spread": np.float64(state[1])},
    [PROFILE, SPREAD],
)
RANGES = Series(
    lambda series: np.ptp(series.astype(float), axis=0)[:, 0],
    Variable("range", ("atom",), "f", "nm", "range of x"),
)
HEIGHT = Map(
    lambda block: block[:, 0, 2].astype(float), Variable("height", ("frame",), "f", "nm", "z")
)
DISTANCE = {"distance": ("distance", np.linspace(-2.5, 2.5, 6), {"units": "nm"})}


def high(block: Array, above: float) -> dict[str, Array]:
    found = np.nonzero(block[..., 2] > above)
    return {"frame": found[0], "atom_index": found[1], "height": block[..., 2][found]}


HIGH = Events(
    high,
    [
        Variable("atom_index", ("event",), "i", "", "atom"),
        Variable("height", ("event",), "f", "nm", "height"),
    ],
    {"height": np.float32},
)

RESULTS = {
    "several": SEVERAL,
    "profile": lambda positions: HISTOGRAM(positions, coords=DISTANCE),
    "scalar": lambda positions: SEVERAL(positions).spread,
    "per atom": lambda positions: SEVERAL(positions).far,
    "per atom and axis": lambda positions: SEVERAL(positions).average,
    "series": RANGES,
    "with and without frame": lambda positions: SEVERAL(positions).assign(height=HEIGHT(positions)),
    "events": lambda positions: HIGH(positions, above=0.5),
    "no events": lambda positions: HIGH(positions, above=1e9),
}


def as_dataset(result: Any) -> xr.Dataset:
    computed: Any = result.compute()
    return computed if isinstance(computed, xr.Dataset) else computed.to_dataset()


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
@pytest.mark.parametrize("kind", ["in memory", "of files"])
@pytest.mark.parametrize("name", RESULTS)
def test_results_of_every_shape_come_back(
    name: str, kind: str, suffix: str, tmp_path: Path
) -> None:
    result = RESULTS[name](frames(kind))
    path = store(result, tmp_path / f"result{suffix}", progress=False)
    opened = open_store(path)
    assert all(array.chunks is not None for array in opened.data_vars.values() if array.ndim)
    xr.testing.assert_identical(opened.compute(), as_dataset(result))
    expected = as_dataset(RESULTS[name](frames("in memory")))
    for variable, array in expected.items():
        assert opened[variable].values.tobytes() == array.values.tobytes()
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def read(path: Path) -> tuple[pd.DataFrame, list[str]]:
    lines = path.read_text().splitlines()
    return pd.read_csv(path, comment="#"), [line for line in lines if line.startswith("#")]


@pytest.mark.parametrize("kind", ["in memory", "of files"])
def test_csv_of_results_without_frames(kind: str, tmp_path: Path) -> None:
    positions = frames(kind)
    several = SEVERAL(positions)
    table, comments = read(store(several, tmp_path / "several.csv", progress=False))
    axes = ["average_0", "average_1", "average_2"]
    assert list(table) == ["atom_number", "atom_name", *axes, "far"]
    np.testing.assert_array_equal(table[axes], several.average)
    assert table.atom_name.tolist() == COORDS["atom_name"][1]
    assert comments[0] == "# units: average=nm, far=nm, spread=nm"
    assert comments[-1] == f"# spread = {float(several.spread)!r}"
    table, _ = read(store(several.drop_vars("atom_number"), tmp_path / "names.csv"))
    assert table.atom.tolist() == list(range(5))
    profile = HISTOGRAM(positions, coords=DISTANCE)
    table, comments = read(store(profile, tmp_path / "profile.csv", progress=False))
    assert list(table) == ["distance", "profile"]
    np.testing.assert_array_equal(table.distance, profile.distance)
    np.testing.assert_array_equal(table.profile, profile.profile)
    assert comments[-1] == "# spread = 33.0"
    table, _ = read(store(several.spread, tmp_path / "scalar.csv", progress=False))
    assert table.spread.tolist() == [float(several.spread)]
    mixed = several.assign(height=HEIGHT(positions))
    message = r"height has no dim 'atom', .* a row for each atom, as average .*; use \.zarr or \.nc"
    with pytest.raises(ValueError, match=message):
        check_storable(mixed, tmp_path / "mixed.csv")


@pytest.mark.parametrize("kind", ["in memory", "of files"])
def test_csv_of_events(kind: str, tmp_path: Path) -> None:
    result = HIGH(frames(kind), above=0.5)
    table, _ = read(store(result, tmp_path / "events.csv", progress=False))
    assert list(table) == ["frame", "time", "atom_index", "height"]
    expected = to_pandas(result.compute())
    for column in expected:
        values = table[column].astype(expected[column].dtype)
        np.testing.assert_array_equal(values, expected[column])


@pytest.mark.parametrize("suffix", [".zarr", ".nc", ".csv"])
def test_several_results_by_their_names(suffix: str, tmp_path: Path) -> None:
    positions = frames("of files")
    height = HEIGHT(positions).assign_attrs(history="of the height")
    others = {"above": height, "below": (-height).assign_attrs(height.attrs)}
    if suffix != ".csv":
        others["moments"] = SEVERAL(positions)
    path = store(others, tmp_path / f"results{suffix}", progress=False)
    if suffix == ".csv":
        table, _ = read(path)
        assert list(table) == ["time", "above", "below"]
        np.testing.assert_array_equal(table.below, -height)
        return
    opened = open_store(path)
    assert set(opened) == {"above", "below", "average", "far", "spread"}
    assert opened.above.attrs == height.attrs
    np.testing.assert_array_equal(opened.above, height)
    np.testing.assert_array_equal(opened.far, SEVERAL(positions).far)
    assert opened.atom_name.values.tolist() == COORDS["atom_name"][1]


def test_several_results_that_do_not_go_together(tmp_path: Path) -> None:
    positions = frames("of files")
    far = SEVERAL(positions).far
    with pytest.raises(ValueError, match=r"some does not go together with all: .*Rename its dims"):
        store({"all": far, "some": far[:3]}, tmp_path / "results.zarr")
    with pytest.raises(ValueError, match="more: there is a far already"):
        store({"far": far, "more": SEVERAL(positions)}, tmp_path / "results.zarr")
    with pytest.raises(TypeError, match="high: store events at a path of their own"):
        store({"far": far, "high": HIGH(positions, above=0.5)}, tmp_path / "results.zarr")
    with pytest.raises(TypeError, match="high: expected a DataArray or a Dataset, got int"):
        store({"high": 3}, tmp_path / "results.zarr")  # type: ignore[dict-item]
    assert not list(tmp_path.iterdir())


def test_what_is_no_trajectory_is_not_written_as_one(tmp_path: Path) -> None:
    positions = frames("of files")
    for result in (SEVERAL(positions), HIGH(positions, above=0.5), {"height": HEIGHT(positions)}):
        with pytest.raises(ValueError, match=r"expected a trajectory .*; \.zarr, \.nc and \.csv"):
            store(result, tmp_path / "result.trc")


def test_large_results_without_frames_are_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zarr_folder, "_BYTES_OF_A_SHARD", 2**20)
    monkeypatch.setattr(netcdf_file, "_CHUNK_BYTES", 2**20)
    values = np.random.default_rng(1).normal(size=(100_000, 3))
    lazy = xr.DataArray(da.from_array(values, (100_000, 3)), dims=("atom", "xyz"), name="far")
    opened = open_store(store(lazy, tmp_path / "far.zarr", progress=False))
    np.testing.assert_array_equal(opened.far[5000:5010], values[5000:5010])
    stored = open_store(store(lazy, tmp_path / "far.nc", progress=False))
    assert stored.far.data.numblocks[0] > 1
    np.testing.assert_array_equal(stored.far, values)


def test_events_are_refused_over_their_own_files(tmp_path: Path) -> None:
    trajectory = xr.Dataset({"positions": frames("in memory")}).chunk(frame=8)
    path = store(trajectory, tmp_path / "positions.zarr", progress=False)
    events = HIGH(open_store(path).positions, above=0.5)
    assert isinstance(events, LazyEvents)
    with pytest.raises(ValueError, match="is read for this result"):
        gd.store(events, path, overwrite=True)

"""What a Dask graph says of an array: the frames and atoms it reads, and its digits."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_reader import READ, memory_source

from gromos_dist.io.graphs import as_read, chosen_atoms, one_source, source_of, with_all_digits
from gromos_dist.io.lazy import trajectory_array
from gromos_dist.mapping import Map
from gromos_dist.variables import ROUNDED_TO, VARIABLES

DIMS = ("frame", "atom", "xyz")
SOURCE = memory_source(13, 0, 30, 7)
PRECISE = replace(SOURCE, dtype=np.dtype(np.float64)).read(["positions"])["positions"]
WHOLE = PRECISE.astype(np.float32)
CHUNKS = (13, 10, 20, 7)


def positions() -> xr.DataArray:
    data = trajectory_array(SOURCE, "positions", CHUNKS)
    coords = {"frame": np.arange(50), "atom": np.arange(5)}
    return xr.DataArray(data, coords, DIMS, "positions", {ROUNDED_TO: "float32"})


def dataset() -> xr.Dataset:
    box = trajectory_array(SOURCE, "box", CHUNKS)
    return xr.Dataset(
        {"positions": positions(), "box": (("frame", "box_vector", "xyz"), box)},
    )


# What Dask's slicing makes of these, the source still tells.
CHOSEN: dict[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "nothing": lambda a: a,
    "slice": lambda a: a.isel(frame=slice(4, 40)),
    "stride": lambda a: a.isel(frame=slice(3, 40, 3)),
    "no frames": lambda a: a.isel(frame=slice(20, 20)),
    "one frame": lambda a: a.isel(frame=[1]),
    "rising list": lambda a: a.isel(frame=[10, 20, 30]),
    "mask of a range": lambda a: a.isel(frame=np.arange(50) >= 45),
    "atoms": lambda a: a.isel(atom=[4, 1]),
    "atom mask": lambda a: a.isel(atom=np.array([True, False, True, False, True])),
    "atoms twice": lambda a: a.isel(atom=[4, 1, 0]).isel(atom=slice(None, None, -1)),
    "frames and atoms": lambda a: a.isel(frame=slice(5, 30, 4), atom=[-1, 0]),
    "label": lambda a: a.sel(frame=slice(7, 23), atom=[0, 3]),
    "chunks": lambda a: a.chunk(frame=7),
    "chunks of atoms": lambda a: a.chunk(frame=7, atom=2),
    "joined again": lambda a: xr.concat([a[:20], a[20:]], "frame"),
    "twice reversed": lambda a: a[::-1][::-1],
    "sorted": lambda a: a.sortby("frame"),
    "head and thin": lambda a: a.head(frame=30).thin(frame=2),
}
# What else only moves numbers: no source, but all digits.
MOVED: dict[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "frame list": lambda a: a.isel(frame=[1, 5, 3]),
    "frame mask": lambda a: a.isel(frame=np.random.default_rng(0).random(50) > 0.5),
    "reversed": lambda a: a[::-1],
    "sorted backwards": lambda a: a.sortby("frame", ascending=False),
    "joined twice": lambda a: xr.concat([a, a[3:5]], "frame"),
    "stacked": lambda a: xr.concat([a, a], "copy"),
    "where": lambda a: a.where(a.frame > 20, drop=True),
    "where positive": lambda a: a.where(a > 0),
    "where finite": lambda a: a.where(np.isfinite(a) & (a < 5), 0.0),
    "component": lambda a: a.isel(xyz=0),
    "one frame of few": lambda a: a.isel(frame=7),
    "pointwise": lambda a: a.isel(
        frame=xr.DataArray([1, 20, 3], dims="p"), atom=xr.DataArray([0, 4, 2], dims="p")
    ),
    "transposed": lambda a: a.transpose("xyz", "frame", "atom"),
    "shifted": lambda a: a.roll(frame=3),
    "stack of dims": lambda a: a.stack(both=("frame", "atom")),
    "new dim": lambda a: a.expand_dims("copy"),
    "broadcast": lambda a: a.broadcast_like(xr.DataArray(np.zeros(3), dims="copy")),
    "groups": lambda a: a.groupby(a.frame % 3).map(lambda group: group[:2]),
    "copied": lambda a: a.copy(deep=True),
    "pickled": lambda a: pickle.loads(pickle.dumps(a[[7, 3]])),
}
# What computes: the digits are gone, and it says so.
LOST: dict[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "loaded": lambda a: a.load(),
    "persisted": lambda a: a.persist(),
    "loaded and chunked": lambda a: a.load().chunk(frame=7),
    "arithmetic": lambda a: a * np.float32(1),
    "mean": lambda a: a.mean("atom", keepdims=True),
    "one of memory": lambda a: xr.concat([a, a.compute()], "frame"),
    "mapped": lambda a: a.copy(data=a.data.map_blocks(np.negative)),
    "rounded": lambda a: a.astype(np.float64).astype(np.float32),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_choice_of_frames_and_atoms_has_a_source(name: str) -> None:
    array = CHOSEN[name](positions())
    found = source_of(array.data)
    assert found is not None
    expected = CHOSEN[name](positions().copy(data=WHOLE))
    np.testing.assert_array_equal(found[:], expected)
    np.testing.assert_array_equal(array, expected)
    direct = as_read(array.data)
    assert direct.chunks[0] == array.data.chunks[0]
    np.testing.assert_array_equal(direct, expected)


@pytest.mark.parametrize("name", MOVED)
def test_other_choices_have_none(name: str) -> None:
    array = MOVED[name](positions())
    expected = MOVED[name](positions().copy(data=WHOLE))
    found = source_of(array.data)
    assert found is None or name == "copied"
    np.testing.assert_array_equal(as_read(array.data), expected)


@pytest.mark.parametrize("name", CHOSEN | MOVED)
def test_all_digits_are_read_again(name: str) -> None:
    operation = (CHOSEN | MOVED)[name]
    array = operation(positions())
    precise = with_all_digits(array, "it")
    expected = operation(positions().copy(data=PRECISE))
    assert precise.dtype == np.float64
    assert precise.data.name != array.data.name
    with dask.config.set(scheduler="synchronous"):
        both = dask.compute(precise.data, array.data)
    if name.startswith("where"):
        # Which are chosen is decided by the numbers that the user sees.
        kept = ~np.isnan(both[1]) & (both[1] != 0)
        np.testing.assert_array_equal(both[0][kept], expected.values[kept])
    else:
        np.testing.assert_array_equal(both[0], expected)
    np.testing.assert_array_equal(both[1], operation(positions().copy(data=WHOLE)))


@pytest.mark.parametrize("name", LOST)
def test_lost_digits_are_an_error(name: str) -> None:
    array = LOST[name](positions())
    with pytest.raises(ValueError, match=r"positions: it needs all digits .*dtype='float64'.*asty"):
        with_all_digits(array, "it")
    accepted = with_all_digits(array.astype(np.float64), "it")
    assert accepted.dtype == np.float64


def test_what_a_cluster_holds_is_in_memory(client: Client) -> None:
    persisted = client.persist(positions())
    for array in (persisted, xr.concat([positions(), persisted], "frame")):
        with pytest.raises(ValueError, match="all digits"):
            with_all_digits(array, "it")
    chunked = positions().chunk(frame=1, atom=1).chunk(frame=50, atom=5)
    np.testing.assert_array_equal(with_all_digits(chunked, "it"), PRECISE)


def test_what_was_never_rounded_is_taken_as_it_is() -> None:
    ours = positions().copy(data=WHOLE).drop_attrs()
    assert with_all_digits(ours, "it") is ours
    single = memory_source(13)
    readers = tuple(replace(r, single_precision=("positions",)) for r in single.readers)
    array = positions()[:13].copy(
        data=trajectory_array(replace(single, readers=readers), "positions", (5, 8))
    )
    assert with_all_digits(array[::2], "it").dtype == np.float32


def test_mixed_precisions_are_read_again() -> None:
    double = positions().copy(
        data=trajectory_array(replace(SOURCE, dtype=np.dtype(np.float64)), "positions", CHUNKS)
    )
    for mixed in (xr.concat([double, positions()], "frame"), positions().astype(np.float64)):
        precise = with_all_digits(mixed, "it")
        np.testing.assert_array_equal(precise, np.concatenate([PRECISE] * (len(precise) // 50)))


def moved_by_box(block: np.ndarray, box: np.ndarray) -> np.ndarray:
    return block + box[:, :1].astype(block.dtype)


MOVE = Map(moved_by_box, VARIABLES["positions"], dtype=None)
EXPECTED = moved_by_box(PRECISE, SOURCE.read(["box"])["box"])


@pytest.mark.parametrize(
    "before",
    [lambda ds: ds, lambda ds: ds.isel(frame=slice(3, 30, 2)), lambda ds: ds[{"frame": [5, 1]}]],
)
def test_maps_that_keep_the_dtype_keep_the_digits(
    before: Callable[[xr.Dataset], xr.Dataset],
) -> None:
    ds = before(dataset())
    moved = MOVE(ds.positions, ds.box)
    assert moved.attrs[ROUNDED_TO] == "float32"
    frames = before(xr.Dataset(coords={"frame": np.arange(50)})).frame.values
    again = with_all_digits(moved.isel(frame=slice(None, None, -1)), "it")
    np.testing.assert_array_equal(again, EXPECTED[frames[::-1]])
    twice = MOVE(moved, ds.box)
    np.testing.assert_array_equal(
        with_all_digits(twice, "it"),
        moved_by_box(EXPECTED[frames], SOURCE.read(["box"])["box"][frames]),
    )
    with pytest.raises(ValueError, match="all digits"):
        with_all_digits(MOVE(ds.positions.load(), ds.box), "it")


def test_maps_of_a_dtype_of_their_own() -> None:
    ds = dataset()
    record = Map(moved_by_box, VARIABLES["positions"], dtype=np.float32)
    own = record(ds.positions, ds.box)
    assert ROUNDED_TO not in own.attrs
    assert with_all_digits(own, "it") is own


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_choices_of_choices(data: st.DataObject) -> None:
    array, expected = positions().data, WHOLE
    numbers = np.arange(50)
    for _ in range(data.draw(st.integers(1, 4))):
        n_frames, n_atoms = expected.shape[:2]
        bound = st.none() | st.integers(-60, 60)
        step = st.integers(-4, 9).filter(bool)
        some = (
            st.lists(st.integers(-n_frames, n_frames - 1), max_size=8) if n_frames else st.just([])
        )
        kind = data.draw(st.sampled_from(["slice", "list", "mask", "atoms", "chunks", "joined"]))
        if kind == "slice":
            index = slice(data.draw(bound), data.draw(bound), data.draw(step))
            if index.step < 0:
                # Dask takes a start before the first frame for the first frame.
                index = slice(None, None, index.step)
        elif kind == "list":
            index = np.array(data.draw(some), np.int64)
        elif kind == "mask":
            index = np.array(
                data.draw(st.lists(st.booleans(), min_size=n_frames, max_size=n_frames)), bool
            )
        elif kind == "atoms":
            index = (
                slice(None),
                data.draw(st.lists(st.integers(0, n_atoms - 1), min_size=1, max_size=6)),
            )
        elif kind == "chunks":
            array = array.rechunk(
                {0: data.draw(st.integers(1, 60)), 1: data.draw(st.integers(1, 6))}
            )
            continue
        else:
            cut = data.draw(st.integers(0, n_frames))
            array = da.concatenate([array[:cut], array[cut:]])
            continue
        array, expected = array[index], expected[index]
        numbers = numbers[index[0] if isinstance(index, tuple) else index]
    found = source_of(array)
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_array_equal(array.compute(), expected)
        np.testing.assert_array_equal(as_read(array).compute(), expected)
        precise = with_all_digits(xr.DataArray(array, dims=DIMS), "it").data.compute()
    np.testing.assert_array_equal(precise.astype(np.float32), expected)
    # Of no frames Dask makes arrays that come from nowhere.
    if len(numbers):
        assert precise.dtype == np.float64
        steps = np.diff(numbers)
        rising = len(steps) == 0 or (steps[0] > 0 and (steps == steps[0]).all())
        assert (found is not None) == rising
    if found is not None:
        np.testing.assert_array_equal(found[:], expected)


def test_fields_of_one_source_are_read_together() -> None:
    ds = dataset().isel(frame=slice(5, 40))
    origin = one_source([ds.positions.data, ds.box.data])
    assert origin is not None
    assert origin[1] == ("positions", "box")
    precise = with_all_digits(ds.positions, "it")
    origin = one_source([precise.data, ds.box.data])
    assert origin is not None
    assert origin[0].dtype == np.float64
    assert one_source([ds.positions.data, precise.data]) is None
    assert one_source([ds.positions.data, dataset().box.data]) is None
    assert one_source([ds.positions.data, ds.box.values]) is None


def test_atoms_are_known_whichever_frames_are_chosen() -> None:
    array = positions().isel(atom=[3, 1])
    for chosen in (array, array[[5, 2, 4]], array.isel(atom=[1])):
        found = chosen_atoms(chosen.data)
        assert found is not None
        assert found[0] == 5
        assert found[1] is not None
        assert found[1].tolist() == [3, 1][-chosen.sizes["atom"] :][: chosen.sizes["atom"]]
    assert chosen_atoms(positions().data) == (5, None)
    assert chosen_atoms(positions().load().data) is None
    assert chosen_atoms((positions() * 2).data) is None


def test_finding_the_source_computes_and_reads_nothing() -> None:
    READ.clear()

    def explode(block: np.ndarray) -> np.ndarray:
        raise AssertionError("computed")

    computed = positions().data.map_blocks(explode, meta=np.empty((0, 0, 0), np.float32))[3:9]
    assert source_of(computed) is None
    assert source_of(positions().data[[3, 1]]) is None
    assert source_of(da.concatenate([positions().data, da.from_array(WHOLE)])) is None
    assert source_of(WHOLE) is None
    assert not READ


def test_the_engine_of_xarray(tmp_path: object) -> None:
    from MDAnalysisTests.datafiles import XTC  # noqa: PLC0415

    ds = xr.open_dataset(XTC, engine="gromos", chunks={})
    array = ds.positions[2:8:3, 100:90:-2]
    found = source_of(array.data)
    assert found is not None
    np.testing.assert_array_equal(found[:], array)
    assert with_all_digits(ds.positions[[1, 0], :5], "it").dtype == np.float64


def test_many_chunks() -> None:
    array = trajectory_array(memory_source(10_000, n_atoms=1), "positions", (1,) * 10_000)
    found = source_of(array[::3])
    assert found is not None
    assert found.shape[0] == 3334

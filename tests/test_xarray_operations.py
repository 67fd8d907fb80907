"""What users do with xarray works on a trajectory and our results, and changes no bit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client

import gromos_dist as gd

DATA = Path(__file__).parent / "data"
REFERENCE = np.random.default_rng(0).normal(size=(12, 3))
Operation = Callable[[xr.Dataset], xr.Dataset]


def ten_atoms() -> xr.Dataset:
    """Ten frames, lazy, with a result beside them."""
    ds = gd.open_trajectory(DATA / "cases" / "ten_atoms.dcd", chunks=3)
    return ds.assign(deviation=gd.rmsd(ds, reference=REFERENCE))


def butane() -> xr.Dataset:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", chunks=2)
    return ds.assign(deviation=gd.rmsd(ds))


# What keeps the positions lazy and only moves them.
LAZY: dict[str, Operation] = {
    "chunk": lambda ds: ds.chunk(frame=2),
    "chunks of atoms": lambda ds: ds.chunk(frame=2, atom=3),
    "assign": lambda ds: ds.assign(length=(ds.positions**2).sum("xyz")),
    "assign_coords": lambda ds: ds.assign_coords(frame=np.arange(ds.sizes["frame"])),
    "merge": lambda ds: xr.merge([ds.drop_vars("deviation"), ds.deviation]),
    "concat": lambda ds: xr.concat(
        [ds.isel(frame=slice(0, 2)), ds.isel(frame=slice(2, None))], "frame"
    ),
    "slice": lambda ds: ds.isel(frame=slice(1, 8, 2)),
    "one": lambda ds: ds.isel(frame=[1]),
    "list": lambda ds: ds.isel(frame=[2, 0]),
    "mask": lambda ds: ds.isel(frame=np.arange(ds.sizes["frame"]) != 1),
    "reversed": lambda ds: ds.isel(frame=slice(None, None, -1)),
    "sortby": lambda ds: ds.sortby("time", ascending=False),
    "swap and select": lambda ds: (
        ds.swap_dims(frame="time").sel(time=ds.time.values[[1, 2]]).swap_dims(time="frame")
    ),
    "where": lambda ds: ds.where(ds.time > ds.time[0], drop=True),
    "groupby": lambda ds: ds.groupby(ds.step % 2).map(lambda some: some),
    "head": lambda ds: ds.head(frame=2),
    "pickle": lambda ds: pickle.loads(pickle.dumps(ds)),
    "copy": lambda ds: ds.copy(deep=True),
    "roll": lambda ds: ds.roll(frame=1, roll_coords=True),
    "rename": lambda ds: ds.rename(deviation="d"),
    "transpose": lambda ds: ds.transpose("xyz", ...).transpose("frame", "atom", ...),
    "apply_ufunc": lambda ds: ds.assign(
        sum=xr.apply_ufunc(
            lambda x, y: x[..., 0, 0] + y,
            *(ds.positions, ds.deviation),
            input_core_dims=[["atom", "xyz"], []],
            dask="parallelized",
            output_dtypes=[float],
            dask_gufunc_kwargs={"allow_rechunk": True},
        )
    ),
    "unify_chunks": lambda ds: ds.chunk(frame=2).unify_chunks(),
}
# What brings the positions into memory, or computes with them.
LOADED: dict[str, Operation] = {
    "load": lambda ds: ds.load(),
    "compute": lambda ds: ds.compute(),
    "persist": lambda ds: ds.persist(),
    "load and chunk": lambda ds: ds.load().chunk(frame=2),
    "map_blocks": lambda ds: xr.map_blocks(
        lambda part: part.copy(), ds.drop_vars("deviation").chunk(frame=2)
    ),
}


@pytest.mark.parametrize("name", LAZY | LOADED)
def test_it_works_and_changes_no_bit(name: str) -> None:
    operation = (LAZY | LOADED)[name]
    expected = ten_atoms().compute()
    result = operation(ten_atoms())
    assert result.positions.chunks is not None or name in ("load", "compute")
    computed = result.compute()
    frames = [int(np.flatnonzero(expected.step == step)[0]) for step in computed.step]
    assert len(frames) > 0
    np.testing.assert_array_equal(computed.positions, expected.positions[frames])
    for found in (
        gd.rmsd(result, reference=REFERENCE),
        gd.rmsd(result.chunk(frame=3), reference=REFERENCE),
        *([computed.deviation] if "deviation" in computed else []),
    ):
        np.testing.assert_array_equal(found, expected.deviation[frames])
    some = gd.rmsd(result, reference=REFERENCE, atoms=[3, 7, 1, 2])
    whole = gd.rmsd(ten_atoms(), reference=REFERENCE, atoms=[3, 7, 1, 2])
    np.testing.assert_array_equal(some, whole[frames])
    beside = result.assign(again=gd.rmsd(result, reference=REFERENCE)).compute()
    np.testing.assert_array_equal(beside.again, expected.deviation[frames])
    np.testing.assert_array_equal(
        gd.center_of_geometry(result), gd.center_of_geometry(expected)[frames]
    )


# Of strings of a fixed length, which xarray writes.
@pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("suffix", ["zarr", "nc"])
def test_it_is_written_by_xarray_and_by_us(suffix: str, tmp_path: Path) -> None:
    expected = ten_atoms().compute()
    ours = gd.store(ten_atoms(), tmp_path / f"ours.{suffix}", progress=False)
    theirs = tmp_path / f"theirs.{suffix}"
    if suffix == "zarr":
        ten_atoms().to_zarr(theirs, consolidated=False)
        again = [xr.open_zarr(theirs, consolidated=False), gd.open_store(ours)]
    else:
        ten_atoms().to_netcdf(theirs)
        again = [xr.open_dataset(path, chunks={}) for path in (theirs, ours)]
    for ds in again:
        xr.testing.assert_equal(ds.compute(), expected)
        np.testing.assert_array_equal(gd.rmsd(ds, reference=REFERENCE), expected.deviation)
        ds.close()


OPTIONS: dict[str, Any] = {
    "cutoff": 0.6,
    "precision": "double",
    "variables": ["forces", "energy", "virial"],
}


def same_forces(found: xr.Dataset, expected: xr.Dataset) -> None:
    frames = [int(np.flatnonzero(expected.step == step)[0]) for step in found.step]
    assert len(frames) > 0
    for name in OPTIONS["variables"]:
        np.testing.assert_array_equal(found[name], expected[name][frames])


@pytest.mark.parametrize("name", LAZY)
def test_forces_have_all_digits(name: str) -> None:
    expected = gd.forces(
        gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", dtype=float), **OPTIONS
    )
    result = LAZY[name](butane())
    same_forces(gd.forces(result, **OPTIONS), expected)
    whole = gd.make_whole(result, DATA / "butane.top")
    in_double = gd.make_whole(
        gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", dtype=float),
        DATA / "butane.top",
    )
    same_forces(gd.forces(whole, **OPTIONS), gd.forces(in_double, **OPTIONS))
    last = whole.isel(frame=-1)
    precise = in_double.isel(frame=np.flatnonzero(in_double.step == int(last.step))[0])
    np.testing.assert_array_equal(gd.State.from_frame(last).positions(), precise.positions)


@pytest.mark.parametrize("name", LOADED)
def test_forces_say_that_digits_are_gone(name: str) -> None:
    result = LOADED[name](butane())
    for call in (
        lambda ds: gd.forces(ds, **OPTIONS),
        lambda ds: gd.energies(ds, cutoff=0.6),
        lambda ds: gd.forces(gd.make_whole(ds, DATA / "butane.top"), **OPTIONS),
        lambda ds: gd.State.from_frame(ds.isel(frame=0)),
    ):
        with pytest.raises(
            ValueError, match=r"positions: .* needs all digits .*astype\('float64'\)"
        ):
            call(result)
        with pytest.raises(ValueError, match=r"positions: .* needs all digits"):
            call(gd.make_whole(result, DATA / "butane.top"))
    accepted = gd.forces(result.astype("float64"), **OPTIONS)
    assert float(abs(accepted.forces - gd.forces(butane(), **OPTIONS).forces).max()) > 1e-4
    kept = LOADED[name](
        gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", dtype="float64").assign(
            deviation=0.0
        )
    )
    same_forces(gd.forces(kept, **OPTIONS), gd.forces(butane(), **OPTIONS).compute())


def test_a_store_of_rounded_positions_says_so_too(tmp_path: Path) -> None:
    gd.store(butane(), tmp_path / "a.zarr", progress=False)
    stored = gd.open_store(tmp_path / "a.zarr")
    with pytest.raises(ValueError, match="needs all digits"):
        gd.forces(stored, **OPTIONS)
    precise = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", dtype=float)
    gd.store(precise, tmp_path / "b.zarr", progress=False)
    same_forces(
        gd.forces(gd.open_store(tmp_path / "b.zarr"), **OPTIONS), gd.forces(butane(), **OPTIONS)
    )


def test_results_do_not_say_that_they_were_rounded() -> None:
    ds = butane()
    assert ds.positions.attrs["rounded_to"] == "float32"
    assert "rounded_to" not in ds.box.attrs
    assert ds.box.dtype == np.float64
    for result in (gd.rmsd(ds), gd.center_of_mass(ds), gd.forces(ds, cutoff=0.6).forces):
        assert "rounded_to" not in result.attrs
    for same in (gd.make_whole(ds, DATA / "butane.top"), gd.superpose(ds), gd.superpose(ds.load())):
        assert same.positions.attrs["rounded_to"] == "float32"
    double = gd.open_trajectory(DATA / "butane.trc", dtype=float)
    assert "rounded_to" not in double.positions.attrs
    # A DCD has no other digits.
    assert "rounded_to" not in ten_atoms().positions.attrs


def test_a_file_in_single_precision_needs_no_digits(tmp_path: Path) -> None:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")
    for suffix in ("dcd", "trr"):
        path = gd.store(ds.drop_vars("box"), tmp_path / f"a.{suffix}", progress=False)
        opened = gd.open_trajectory(path, DATA / "butane.top")
        options = {**OPTIONS, "boundary": "vacuum", "variables": ["forces"]}
        expected = gd.forces(opened, **options)
        for same in (opened.load(), opened.isel(frame=[0, 1, 2]), opened.persist()):
            np.testing.assert_array_equal(gd.forces(same, **options).forces, expected.forces)
        assert gd.State.from_frame(opened.isel(frame=0)).dtype == np.float32


def test_a_double_trr_has_digits(tmp_path: Path) -> None:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", dtype=float)
    path = gd.store(ds, tmp_path / "a.trr", progress=False)
    opened = gd.open_trajectory(path, DATA / "butane.top")
    assert opened.positions.attrs["rounded_to"] == "float32"
    np.testing.assert_array_equal(
        gd.forces(opened, **OPTIONS).forces, gd.forces(ds, **OPTIONS).forces
    )


def test_positions_are_plain_dask_arrays(client: Client) -> None:
    ds = butane()
    assert type(ds.positions.data) is da.Array
    lazy = gd.forces(ds.isel(frame=[2, 0]), **OPTIONS)
    now = lazy.compute(scheduler="synchronous")
    xr.testing.assert_equal(client.compute(lazy).result(), now)
    with dask.config.set(scheduler="threads"):
        xr.testing.assert_equal(lazy.compute(), now)


@pytest.mark.parametrize("make", [ten_atoms, butane])
def test_no_atoms(make: Callable[[], xr.Dataset]) -> None:
    """What chooses nothing is read as nothing, and an analysis of it says so when it is called."""
    nothing = make().drop_vars("deviation").isel(atom=[])
    loaded = nothing.load()
    assert loaded.positions.shape == (nothing.sizes["frame"], 0, 3)
    if "box" in loaded:
        assert loaded.box.equals(make().box.load())
    for of in (nothing, loaded):
        for analysis in (gd.rmsd, gd.rmsd_matrix, gd.radius_of_gyration, gd.center_of_geometry):
            with pytest.raises(gd.SelectionError, match="no atoms are left in this Dataset"):
                analysis(of)

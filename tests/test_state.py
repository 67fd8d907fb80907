"""The state of a system: views without copies, checks, from frames and back."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import gromos_dist as gd


def test_as_the_tutorial_shows_it() -> None:
    state = gd.State(num_atoms=1000, num_temp_groups=1, num_energy_groups=1)
    positions = state.positions()
    assert positions.shape == (1000, 3)
    assert positions.dtype == np.float32
    positions[0, :] = [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(state.positions()[0], [1.0, 2.0, 3.0])
    new_pos = np.random.default_rng(0).random((1000, 3)).astype(np.float32)
    state.set_positions(new_pos)
    np.testing.assert_array_equal(positions, new_pos)
    assert (state.num_atoms(), state.num_temp_groups(), state.num_energy_groups()) == (1000, 1, 1)
    assert repr(state) == "State(1000 atoms)"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["positions", "velocities", "forces"])
def test_views_share_aligned_memory(dtype: type, name: str) -> None:
    state = gd.State(7, 1, 1, dtype=dtype)
    view, other = getattr(state, name)(), getattr(state, name)()
    assert np.shares_memory(view, other)
    assert view.ctypes.data % 64 == 0
    assert view.flags.c_contiguous
    assert view.flags.writeable
    assert state.dtype == view.dtype == dtype
    assert not view.any()
    getattr(state, f"set_{name}")(np.full((7, 3), 2.5, dtype=dtype))
    assert (other == 2.5).all()
    others = {"positions", "velocities", "forces"} - {name}
    assert not any(getattr(state, one)().any() for one in others)


def test_memory_outlives_the_state() -> None:
    views = []
    for i in range(200):
        state = gd.State(1000, 1, 1)
        state.set_positions(np.full((1000, 3), i, dtype=np.float32))
        views.append(state.positions()[::7, 1])
        del state
    gc.collect()
    for i, view in enumerate(views):
        assert (view == i).all()


def test_what_is_set_is_checked() -> None:
    state = gd.State(10, 1, 1)
    for wrong in (np.zeros((9, 3), np.float32), np.zeros((10, 2), np.float32), np.zeros(30)):
        with pytest.raises(ValueError, match=r"positions: expected shape \(10, 3\), got \("):
            state.set_positions(wrong)
    for dtype in (np.float64, np.int64, np.complex64, bool):
        with pytest.raises(TypeError, match=r"positions: expected dtype float32, got .*\.astype"):
            state.set_positions(np.zeros((10, 3), dtype))
    state.set_velocities([[1, 2, 3]] * 10)
    assert state.velocities()[9].tolist() == [1, 2, 3]
    double = gd.State(10, 1, 1, dtype=np.float64)
    values = np.full((10, 3), 0.1, dtype=np.float32)
    double.set_forces(values)
    np.testing.assert_array_equal(double.forces(), values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_atoms": -1}, "num_atoms: expected an integer of at least 0, got -1"),
        ({"num_atoms": 1.5}, "num_atoms: expected an integer"),
        ({"num_temp_groups": 0}, "num_temp_groups: expected an integer of at least 1"),
        ({"num_energy_groups": 0}, "num_energy_groups: expected an integer of at least 1"),
        ({"dtype": np.int32}, "dtype: expected float32 or float64, got int32"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gd.State(**{"num_atoms": 3, "num_temp_groups": 1, "num_energy_groups": 1, **arguments})


def test_box() -> None:
    state = gd.State(1, 1, 1)
    assert state.box is None
    state.box = 2 * np.eye(3)
    assert state.box.tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
    for wrong in (np.ones(3), np.full((3, 3), np.nan)):
        with pytest.raises(ValueError, match="box: expected three vectors"):
            state.box = wrong
    state.box = None
    assert state.box is None


def test_from_a_frame_and_back(adk: Any) -> None:
    dataset = gd.open_trajectory(adk.dcd)
    state = gd.State.from_frame(dataset.isel(frame=5), num_energy_groups=2)
    np.testing.assert_array_equal(state.positions(), dataset.positions[5].values)
    assert state.positions().dtype == np.float32
    assert state.time == float(dataset.time[5])
    assert state.step == int(dataset.step[5])
    assert state.num_energy_groups() == 2
    assert state.box is None
    back = state.to_dataset()
    xr.testing.assert_equal(
        back.positions.isel(frame=0).drop_vars(["time", "step"]),
        dataset.positions[5].compute().drop_vars(["time", "step"]),
    )
    assert back.positions.attrs["units"] == "nm"
    assert np.isnan(back.box.values).all()
    again = gd.State.from_frame(back.isel(frame=0))
    np.testing.assert_array_equal(again.positions(), state.positions())
    # Copies: the Dataset does not change with the state.
    state.positions()[...] = 0
    assert back.positions.values.any()


def test_a_frame_in_double_precision_keeps_its_digits_and_its_box() -> None:
    values = np.random.default_rng(3).random((1, 4, 3))
    dims = ("frame", "atom", "xyz")
    dataset = xr.Dataset(
        {
            "positions": (dims, values),
            "velocities": (dims, 2 * values),
            "box": (("frame", "box_vector", "xyz"), 3 * np.eye(3)[None]),
        },
        coords={"time": ("frame", [7.5])},
    )
    state = gd.State.from_frame(dataset.isel(frame=0))
    np.testing.assert_array_equal(state.velocities(), 2 * values[0])
    assert state.box is not None
    np.testing.assert_array_equal(state.box, 3 * np.eye(3))
    np.testing.assert_array_equal(state.to_dataset().positions, values)
    assert state.to_dataset().time.values.tolist() == [7.5]
    with pytest.raises(ValueError, match="expected one frame; select it"):
        gd.State.from_frame(dataset)
    with pytest.raises(ValueError, match="expected positions, found velocities"):
        gd.State.from_frame(dataset.isel(frame=0)[["velocities"]])


def test_a_frame_of_text_keeps_its_digits() -> None:
    data = Path(__file__).parent / "data"
    ds = gd.open_trajectory(data / "butane.trc")
    ds = ds.assign(velocities=gd.open_trajectory(data / "butane.trv").velocities)
    precise = gd.open_trajectory(data / "butane.trc", dtype=np.float64).isel(frame=1)
    for frame in (ds.isel(frame=1), ds.isel(frame=[2, 1]).isel(frame=1)):
        state = gd.State.from_frame(frame)
        assert state.dtype == np.float64
        np.testing.assert_array_equal(state.positions(), precise.positions)
        np.testing.assert_array_equal(state.box, precise.box)
    with pytest.raises(ValueError, match=r"positions: State.from_frame needs all digits"):
        gd.State.from_frame(ds.load().isel(frame=1))
    accepted = gd.State.from_frame(ds.astype(np.float64).isel(frame=1))
    np.testing.assert_array_equal(accepted.positions(), ds.positions[1])
    rounded = gd.State.from_frame(ds.isel(frame=1), dtype=np.float32)
    assert rounded.positions().dtype == np.float32
    np.testing.assert_array_equal(rounded.positions(), ds.positions[1])
    mixed = ds.assign(positions=ds.positions.drop_attrs()).isel(frame=1)
    assert gd.State.from_frame(mixed[["positions"]]).dtype == np.float32

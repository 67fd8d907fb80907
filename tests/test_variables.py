"""The data model of a trajectory."""

import numpy as np
import pytest
import xarray as xr

from gromos_dist.variables import VARIABLES, validate


def test_registry_cannot_be_changed_directly() -> None:
    with pytest.raises(TypeError):
        VARIABLES["step"] = VARIABLES["time"]  # type: ignore[index]


def test_validate_names_what_is_wrong() -> None:
    positions = xr.DataArray(np.zeros((2, 5, 3)), dims=("frame", "atom", "xyz"))
    validate(positions, "positions")
    turned = positions.transpose("atom", "frame", "xyz")
    over_time = positions.assign_coords(time=("frame", [0.0, 1.0])).swap_dims(frame="time")
    for wrong, way in (
        (turned, r"transpose it with \.transpose\('frame', 'atom', 'xyz'\)"),
        (over_time, r"swap them back with \.swap_dims\(time='frame'\)"),
        (positions[0], r"keep frame, for example with \.isel\(frame=\[0\]\)"),
        (positions.rename(frame="f", atom="a"), "rename the dims"),
    ):
        with pytest.raises(ValueError, match=rf"positions: expected dims .*; {way}"):
            validate(wrong, "positions")
    validate(over_time.swap_dims(time="frame"), "positions")
    with pytest.raises(ValueError, match="dtype of kind 'f', got int64"):
        validate(positions.astype(np.int64), "positions")

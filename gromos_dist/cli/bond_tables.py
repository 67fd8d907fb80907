"""What there is to tell of hydrogen bonds: the most frequent, and how long they last."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gromos_dist.analysis.hydrogen.labels import most_frequent
from gromos_dist.cli import facts
from gromos_dist.cli.facts import quantity
from gromos_dist.cli.views import Facts

_MOST = 10
_HEADS = ("bond", "occupancy (%)", "distance (nm)", "angle (degrees)")


def of_events(result: xr.Dataset) -> Facts:
    """Tell how many bonds there are in a frame, and which are the most frequent."""
    found = facts.of_events(result)
    if not result.sizes["event"]:
        return found
    bonded = most_frequent(result, _MOST)
    shares = bonded.mean("frame").values
    lines = tuple(
        (str(name), f"{100 * share:.1f}")
        for name, share in zip(bonded["bond"].values, shares, strict=True)
    )
    values = {
        "most_frequent": [
            {"bond": str(name), "occupancy": float(share)}
            for name, share in zip(bonded["bond"].values, shares, strict=True)
        ],
        "criteria": result.attrs.get("criteria"),
    }
    table = ("the most frequent hydrogen bonds", _HEADS[:2], lines)
    return Facts({**found.values, **values}, (*found.rows, *_chosen(result)), (table,))


def of_bonds(result: xr.Dataset) -> Facts:
    """Tell how many bonds occur, and of the most frequent occupancy, distance and angle."""
    top = result.isel(bond=slice(_MOST))
    occupancy = result["occupancy"].values
    lines = tuple(
        (str(name), f"{100 * share:.1f}", f"{distance:.3f}", f"{angle:.1f}")
        for name, share, distance, angle in zip(
            *(top[name].values for name in ("bond", "occupancy", "distance", "angle")), strict=True
        )
    )
    values = {
        "bonds": len(occupancy),
        "mean_in_a_frame": float(occupancy.sum()),
        "most_frequent": [
            {"bond": str(name), **{n: float(top[n][i]) for n in ("occupancy", "distance", "angle")}}
            for i, name in enumerate(top["bond"].values)
        ],
        "criteria": result.attrs.get("criteria"),
    }
    rows = (
        ("bonds that occur", str(len(occupancy))),
        ("in half of the frames or more", str(int(np.count_nonzero(occupancy >= 0.5)))),
        ("mean in a frame", f"{float(occupancy.sum()):.5g}"),
    )
    table = ("the most frequent hydrogen bonds", _HEADS, lines)
    return Facts(values, (*rows, *_chosen(result)), (table,) if lines else ())


def of_lifetimes(result: xr.Dataset) -> Facts:
    """Tell the lifetimes, and the rates at which bonds break and form."""
    names = ("continuous_lifetime", "intermittent_lifetime", "breaking_rate", "forming_rate")
    told = {name: float(result[name]) for name in names}
    unit = str(result["continuous_lifetime"].attrs.get("units", "")) or "frames"
    units = (unit, unit, *(str(result[name].attrs.get("units", "")) for name in names[2:]))
    rows = tuple(
        (name.replace("_", " "), quantity(told[name], of))
        for name, of in zip(names, units, strict=True)
    )
    lifetime = 1.0 / told["breaking_rate"] if told["breaking_rate"] > 0 else float("nan")
    model = ("lifetime by the breaking rate", quantity(lifetime, unit))
    longest = ("longest lag", quantity(float(result["lag"][-1]), unit))
    values = {
        **told,
        "lifetime_by_rate": lifetime,
        "longest_lag": float(result["lag"][-1]),
        "units": unit,
        "criteria": result.attrs.get("criteria"),
    }
    return Facts(values, (*rows, model, longest, *_chosen(result)))


def _chosen(result: xr.Dataset) -> tuple[tuple[str, str], ...]:
    """Return the criteria and who takes part, in words."""
    names = ("criteria", "rule", "excluded", "bonds")
    return tuple((name, str(result.attrs[name])) for name in names if name in result.attrs)

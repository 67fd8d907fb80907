"""The pictures of results, by view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gromos_dist import plot
from gromos_dist.cli.energy_tables import BY_PAIR, BY_TERM
from gromos_dist.cli.facts import first_of

Result = xr.DataArray | xr.Dataset
Asked = Mapping[str, Any]


def draw_series(result: Result, path: Path, title: str, _: Asked) -> None:
    """Draw what every frame has, against time."""
    one = _only(result)
    if one is not None and one.dims == ("frame",):
        plot.plot_time_series(one, path, title=title)
    else:
        plot.plot_parts(result, path, title=title)


def draw_first(result: Result, path: Path, title: str, asked: Asked) -> None:
    """Draw the first variable, which others explain."""
    draw_series(first_of(result), path, title, asked)


def draw_map(result: Result, path: Path, title: str, _: Asked) -> None:
    """Draw values over two dims as a heat map."""
    plot.plot_matrix(_one(result), path, title=title)


def draw_profile(result: Result, path: Path, title: str, _: Asked) -> None:
    """Draw values over atoms, residues, distances or the like."""
    plot.plot_profile(result, path, title=title)


def draw_radial(result: xr.Dataset, path: Path, title: str, _: Asked) -> None:
    """Draw radial distribution functions and coordination numbers."""
    named = title.replace("Rdf", "Radial distribution", 1)
    plot.plot_radial_distribution(result, path, title=named)


def draw_events(result: xr.Dataset, path: Path, title: str, _: Asked) -> None:
    """Draw how many events every frame has."""
    plot.plot_time_series(plot.number_of_events(result), path, title=title)


def draw_block_errors(result: xr.Dataset, path: Path, title: str, _: Asked) -> None:
    """Draw the errors that blocks of each length show."""
    plot.plot_block_errors(result, path, title=title)


def draw_energies(result: Result, path: Path, title: str, asked: Asked) -> None:
    """Draw what was asked for: forces, else pairs of groups, else terms."""
    by_pair = [name for name in BY_PAIR if name in result]
    by_term = [name for name in BY_TERM if name in result]
    asks_for_groups = any(asked.get(name) for name in ("groups", "between"))
    has_pairs = result.sizes.get("group", 0) > 1
    if "group_forces" in result:
        plot.plot_groups(result["group_forces"], path, title=title)
    elif by_pair and ((asks_for_groups and has_pairs) or not by_term):
        plot.plot_pairs(result[by_pair[0]], path, title=title)
    elif "forces" in result:
        plot.plot_profile(_magnitude(result["forces"]), path, title=title)
    else:
        plot.plot_terms(result[by_term[0]], path, title=title)


def _magnitude(forces: xr.DataArray) -> xr.DataArray:
    """Return the root-mean-square force on every atom."""
    squares = (forces.astype(np.float64) ** 2).sum("xyz").mean("frame")
    found: xr.DataArray = (squares**0.5).rename("forces")
    return found.assign_attrs(units=forces.attrs["units"], long_name="root-mean-square force")


def _only(result: Result) -> xr.DataArray | None:
    """Return an array, or the only one of a Dataset."""
    if isinstance(result, xr.DataArray):
        return result
    arrays = list(result.data_vars.values())
    return arrays[0] if len(arrays) == 1 else None


def _one(result: Result) -> xr.DataArray:
    one = _only(result)
    if one is None:
        raise ValueError(
            f"one variable can be drawn as a map, not {', '.join(map(str, result))}: choose one"
        )
    return one

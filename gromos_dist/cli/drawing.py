"""The pictures of results, by view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gromos_dist import plot
from gromos_dist.analysis.hydrogen.labels import most_frequent
from gromos_dist.cli.energy_tables import BY_PAIR, BY_TERM
from gromos_dist.cli.facts import first_of
from gromos_dist.variables import labels_of

Result = xr.DataArray | xr.Dataset
Asked = Mapping[str, Any]


def draw_series(result: Result, path: Path, title: str, _: Asked) -> None:
    """Draw what every frame has, against time."""
    one = _only(result)
    if one is not None and one.dims[:1] == ("frame",) and one.size == len(one) > 0:
        names = [labels_of(one, dim)[0] for dim in one.dims[1:] if dim in one.coords]
        series = one.squeeze(one.dims[1:])
        plot.plot_time_series(series, path, title=": ".join([title, *names]))
    elif one is not None and one.ndim == 2 and one.size > plot.MOST_TERMS * one.sizes["frame"]:
        plot.plot_matrix(one.transpose(..., "frame"), path, title=title)
    else:
        plot.plot_parts(result, path, title=title)


def draw_first(result: Result, path: Path, title: str, asked: Asked) -> None:
    """Draw the first variable, which others explain."""
    draw_series(first_of(result), path, title, asked)


def draw_map(result: Result, path: Path, title: str, _: Asked) -> None:
    """Draw values over two dims as a heat map."""
    plot.plot_matrix(_one(result), path, title=title)


def draw_mean_map(result: Result, path: Path, title: str, _: Asked) -> None:
    """Draw the mean over the frames, or the first of several arrays, as a heat map."""
    array = next(iter(result.data_vars.values())) if isinstance(result, xr.Dataset) else result
    if "frame" in array.dims:
        array = array.mean("frame", keep_attrs=True)
        array.attrs["long_name"] = f"mean {array.attrs['long_name']}"
    plot.plot_matrix(array, path, title=title)


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


def draw_contacts(result: xr.Dataset, path: Path, title: str, _: Asked) -> None:
    """Draw when contacts are there."""
    plot.plot_contacts(result, path, title=title)


def draw_bonds_over_time(result: xr.Dataset, path: Path, title: str, asked: Asked) -> None:
    """Draw when the most frequent bonds are there; without any, that there are none."""
    if result.sizes["event"]:
        plot.plot_timeline(most_frequent(result, plot.MOST_ROWS), path, title=title)
    else:
        draw_events(result, path, title, asked)


def draw_bars(result: xr.Dataset, path: Path, title: str, _: Asked) -> None:
    """Draw how often each bond is there."""
    plot.plot_bars(result["occupancy"], path, title=title)


def draw_lifetimes(result: xr.Dataset, path: Path, title: str, _: Asked) -> None:
    """Draw correlations, with their integrals."""
    unit = str(result["continuous_lifetime"].attrs.get("units", "frames"))
    notes = {
        name: f"lifetime {float(result[f'{name}_lifetime']):.3g} {unit}"
        for name in ("continuous", "intermittent")
    }
    curves = result[["continuous", "intermittent", "unbonded"]]
    plot.plot_curves(curves, path, title=title, label="Correlation", notes=notes)


def draw_torsions(result: xr.Dataset, path: Path, title: str, asked: Asked) -> None:
    """Draw distributions, psi against phi; of a few torsions or unwrapped ones their series."""
    count = sum(array.isel(frame=0).size for array in result.data_vars.values())
    few = count <= plot.MOST_TERMS and (asked.get("unwrap") or not {"phi", "psi"} <= set(result))
    if few:
        plot.plot_parts(result, path, title=title)
    else:
        plot.plot_torsions(result, path, title=title)


def draw_transitions(result: xr.Dataset, path: Path, title: str, _: Asked) -> None:
    """Draw how often each torsion changes: per time, or in all where times are not known."""
    rate = result["rate"]
    if not np.isfinite(rate.values).any():
        rate = result["transitions"].sum(("state", "other_state"), keep_attrs=True)
    plot.plot_transitions(rate, path, title=title)


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

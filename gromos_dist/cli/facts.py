"""The numbers that sum up a result, for programs and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from gromos_dist.cli.views import Facts
from gromos_dist.variables import parts_of

Result = xr.DataArray | xr.Dataset

# So many parts of a value, such as x, y and z, are told one by one.
_MOST_PARTS = 12


def of_series(result: Result) -> Facts:
    """Sum up values that every frame has."""
    return _of_each(result, _series)


def of_first(result: Result) -> Facts:
    """Sum up the first variable, which others explain."""
    return of_series(first_of(result))


def first_of(result: Result) -> xr.DataArray:
    """Return an array, or the first one of a Dataset."""
    return result if isinstance(result, xr.DataArray) else next(iter(result.data_vars.values()))


def of_values(result: Result) -> Facts:
    """Sum up any values: of atoms, of residues, of distances, of one frame or of none."""
    return _of_each(result, _values)


def of_matrix(result: Result) -> Facts:
    """Sum up values of all pairs of frames."""
    return _of_each(result, _matrix)


def of_radial(result: xr.Dataset) -> Facts:
    """Tell where radial distribution functions have their first peak, and how many are below it.

    The peak is the highest value where the function is first above 1; the first shell ends where
    it is lowest after that, before it is above 1 again.
    """
    sets = result if "set" in result.dims else result.expand_dims(set=[""])
    told = {str(name): _radial(sets.sel(set=name)) for name in sets["set"].values}
    values = next(iter(told.values())) if "set" not in result.dims else {"sets": told}
    return Facts(
        values,
        tuple(
            (f"{name}: {row}" if name else row, text)
            for name, facts in told.items()
            for row, text in _radial_rows(facts)
        ),
    )


def _radial(one: xr.Dataset) -> dict[str, Any]:
    heights = one["rdf"].values
    facts: dict[str, Any] = {
        "density": float(one["density"]),
        "pairs": int(one["n_pairs"].sum()),
    }
    above = heights > 1.0
    if not above.any():
        return facts
    distance, upper = one["distance"].values, one["upper_edge"].values
    rises = int(above.argmax())
    falls = rises + int(np.append(~above[rises:], True).argmax())
    rises_again = falls + int(np.append(above[falls:], True).argmax())
    peak = rises + int(heights[rises:falls].argmax())
    if falls == rises_again:
        return {**facts, "peak": {"value": float(heights[peak]), "distance": float(distance[peak])}}
    after = falls + int(heights[falls:rises_again].argmin())
    return {
        **facts,
        "peak": {"value": float(heights[peak]), "distance": float(distance[peak])},
        "first_shell": {
            "value": float(one["coordination_number"].values[after]),
            "distance": float(upper[after]),
        },
    }


def _radial_rows(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "peak" in facts:
        peak = facts["peak"]
        yield "first peak", f"{peak['value']:.5g} at {peak['distance']:.5g} nm"
    if "first_shell" in facts:
        shell = facts["first_shell"]
        yield "first shell", f"{shell['value']:.5g} atoms up to {shell['distance']:.5g} nm"
    yield "density", f"{quantity(facts['density'], 'nm-3')}"
    yield "pairs", str(facts["pairs"])


def of_trajectory(_: Result) -> Facts:
    """Tell nothing: frames and atoms are told of every result."""
    return Facts()


def of_events(result: Result) -> Facts:
    """Tell how many events there are, in all and in a frame."""
    counts = np.diff(np.asarray(result["first"].values))
    total = int(counts.sum())
    if not counts.size:
        return Facts({"events": total}, (("events", str(total)),))
    frame = int(counts.argmax())
    most = {"value": int(counts[frame]), "frame": frame}
    mean, deviation = float(counts.mean()), float(counts.std())
    values = {"events": total, "mean_in_a_frame": mean, "standard_deviation": deviation}
    return Facts(
        {**values, "maximum": most},
        (
            ("events", str(total)),
            ("mean in a frame", f"{mean:.5g}"),
            ("standard deviation", f"{deviation:.5g}"),
            ("maximum", f"{most['value']} at frame {frame}"),
        ),
    )


def _of_each(result: Result, tell: Any) -> Facts:
    """Sum up an array, or each of a Dataset, whose facts have their names."""
    if isinstance(result, xr.DataArray):
        values, rows = tell(result)
        units = str(result.attrs.get("units", ""))
        return Facts({"quantity": str(result.name), "units": units, **values}, tuple(rows))
    told = {str(name): _of_one(tell, array) for name, array in result.data_vars.items()}
    return Facts(
        {
            "variables": {
                name: {"units": str(result[name].attrs.get("units", "")), **values}
                for name, (values, _) in told.items()
            }
        },
        tuple(
            (f"{name.replace('_', ' ')}: {row}", text)
            for name, (_, rows) in told.items()
            for row, text in rows
        ),
    )


def _of_one(tell: Any, array: xr.DataArray) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Sum up one of several arrays, which may have no frames."""
    found: tuple[dict[str, Any], list[tuple[str, str]]]
    found = tell(array) if "frame" in array.dims else _values(array)
    return found


def _series(array: xr.DataArray) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    first = array.transpose("frame", ...) if "frame" in array.dims else array
    if first.dims == ("frame",):
        facts = {**_spread(first), **({"last": float(first[-1])} if first.size else {})}
        return facts, _rows(first, facts)
    parts = dict(parts_of(first))
    if "frame" not in first.dims or len(parts) > _MOST_PARTS or not first.size:
        return _values(array)
    facts = {name: {**_spread(part), "last": float(part[-1])} for name, part in parts.items()}
    unit = str(array.attrs.get("units", ""))
    rows = [
        (
            name,
            f"mean {quantity(of['mean'], unit)}, standard deviation "
            f"{quantity(of['standard_deviation'], unit)}, last {quantity(of['last'], unit)}",
        )
        for name, of in facts.items()
    ]
    return {"parts": facts}, rows


def _values(array: xr.DataArray) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    if not array.dims:
        unit = str(array.attrs.get("units", ""))
        return {"value": float(array)}, [("value", quantity(float(array), unit))]
    facts = _spread(array)
    return facts, _rows(array, facts)


def _matrix(array: xr.DataArray) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    values = np.array(array.values, dtype=np.float64)
    if len(array.dims) != len(("frame", "other_frame")) or not values.size:
        return _values(array)
    if values.shape[0] == values.shape[1] > 1:
        np.fill_diagonal(values, np.nan)
    row, column = map(int, np.unravel_index(np.nanargmax(values), values.shape))
    facts = {
        "mean_of_all_pairs": float(np.nanmean(values)),
        "standard_deviation": float(np.nanstd(values)),
        "maximum": {"value": float(values[row, column]), "frames": [row, column]},
    }
    return facts, _rows(array, facts)


def _spread(array: xr.DataArray) -> dict[str, Any]:
    values = np.asarray(array.values, dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        return {}
    finite = values if known.all() else values[known]
    lowest = np.unravel_index(int(np.where(known, values, np.inf).argmin()), values.shape)
    highest = np.unravel_index(int(np.where(known, values, -np.inf).argmax()), values.shape)
    return {
        "mean": float(finite.mean()),
        "standard_deviation": float(finite.std()),
        "minimum": {"value": float(values[lowest]), **_place(array, lowest)},
        "maximum": {"value": float(values[highest]), **_place(array, highest)},
    }


def _place(array: xr.DataArray, place: Any) -> dict[str, Any]:
    """Return where a value is along each dim, in the dims' own numbers and names."""
    found: dict[str, Any] = {}
    for dim, index in zip(map(str, array.dims), map(int, place), strict=True):
        at = array.isel({dim: index})
        if dim == "frame":
            found["frame"] = index
            found["time"] = float(at["time"]) if "time" in at.coords else None
        elif dim == "atom":
            found["atom"] = int(at["atom_number"]) if "atom_number" in at.coords else index
            found["name"] = atom_name(at) or None
        else:
            found[dim] = at[dim].values.item() if dim in array.coords else index
    return found


def atom_name(of: xr.DataArray) -> str:
    """Return what an atom is called, as far as it is known: ``"CA of LYS 7"``."""

    def known(name: str) -> str:
        return str(of[name].values) if name in of.coords else ""

    residue = f"{known('residue_name')} {known('residue')}".strip()
    return " of ".join(part for part in (known("atom_name"), residue) if part)


def _rows(array: xr.DataArray, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    unit = str(array.attrs.get("units", ""))
    return [(name.replace("_", " "), _text(value, unit, array)) for name, value in facts.items()]


def _text(value: Any, unit: str, array: xr.DataArray) -> str:
    if not isinstance(value, Mapping):
        return quantity(value, unit)
    text = quantity(value["value"], unit)
    if "frames" in value:
        row, column = value["frames"]
        return f"{text} between frames {row} and {column}"
    return f"{text} at {', '.join(_places(value, array))}"


def _places(value: Mapping[str, Any], array: xr.DataArray) -> Iterator[str]:
    for name, at in value.items():
        if name == "frame":
            time = value["time"]
            yield f"frame {at}" if time is None else f"{time:g} ps (frame {at})"
        elif name == "atom":
            yield f"atom {at} ({value['name']})" if value["name"] else f"atom {at}"
        elif name in array.dims:
            units = str(array[name].attrs.get("units", "")) if name in array.coords else ""
            shown = f"{at:.5g}" if isinstance(at, float) else str(at)
            yield f"{name.replace('_', ' ')} {shown} {units}".rstrip()


def quantity(value: float, unit: str) -> str:
    """Return a number with five digits and its unit."""
    return f"{value:.5g} {unit}".rstrip()

"""The numbers that sum up a result, for programs and in words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from gromos_dist.analysis.circular import circular
from gromos_dist.analysis.statistics import energy_statistics, statistical_inefficiency
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
    series = xr.DataArray(counts, dims="frame")
    error = _error(series)
    values = {"events": total, "mean_in_a_frame": mean, **error, "standard_deviation": deviation}
    return Facts(
        {**values, "maximum": most},
        (
            ("events", str(total)),
            ("mean in a frame", _mean({"mean": mean, **error}, "")),
            *_unknown_errors({"": series}, {"": error}),
            ("standard deviation", f"{deviation:.5g}"),
            ("maximum", f"{most['value']} at frame {frame}"),
        ),
    )


def of_angles(result: Result) -> Facts:
    """Sum up angles, for which 180 and -180 degrees are the same."""
    return _of_each(result, _angles)


def of_transitions(result: xr.Dataset) -> Facts:
    """Tell how often torsions change: of each kind, and which one does most."""
    counts = result["transitions"].sum(("state", "other_state"))
    kinds = counts["kind"].values.tolist() if "kind" in counts.dims else [None]
    values: dict[str, Any] = {}
    rows = []
    for kind in kinds:
        of_kind = counts if kind is None else counts.sel(kind=kind)
        total, most = int(of_kind.sum()), int(of_kind.max())
        name = "transitions" if kind is None else str(kind)
        values[name] = {"transitions": total, "most": most}
        where = ""
        if total:
            place = np.unravel_index(int(of_kind.values.argmax()), of_kind.shape)
            at = of_kind[tuple(map(int, place))]
            named = ("residue_name", "residue", "quadruple")
            known = [str(at[name].values) for name in named if name in at.coords]
            where = f", most of {' '.join(known)}: {most}" if known else f", at most {most}"
        rows.append(
            (name, f"{total} transitions{where}" if kind is not None else f"{total}{where}")
        )
    return Facts(values, tuple(rows))


def of_parts(result: Result) -> Facts:
    """Tell a few numbers one by one, each by what it is of."""
    arrays = result.data_vars.values() if isinstance(result, xr.Dataset) else [result]
    if any(array.size > _MOST_PARTS for array in arrays):
        return of_values(result)
    told = {
        f"{str(array.name).replace('_', ' ')} {part}".rstrip(): (value, array)
        for array in arrays
        for part, value in _numbers(array)
    }
    return Facts(
        {"values": {name: value for name, (value, _) in told.items()}},
        tuple(
            (name, quantity(of, str(a.attrs.get("units", "")))) for name, (of, a) in told.items()
        ),
    )


def _numbers(array: xr.DataArray) -> Iterator[tuple[str, float]]:
    """Yield each value of an array, and what it is called."""
    for name, part in parts_of(array.expand_dims("value")):
        yield name, float(part[0])


def of_block_errors(result: xr.Dataset) -> Facts:
    """Tell errors of means, and the lengths of the blocks that have told them."""
    values, rows = {}, []
    for name in map(str, result.data_vars):
        if not name.endswith("plateau"):
            continue
        before = name.removesuffix("plateau")
        unit = str(result[f"{before}error"].attrs.get("units", ""))
        columns = ("error", "error_of_error", "plateau")
        of_columns = [_numbers(result[f"{before}{column}"]) for column in columns]
        for parts in zip(*of_columns, strict=True):
            told = dict(zip(columns, (value for _, value in parts), strict=True))
            label = " ".join(filter(None, (before.replace("_", " ").strip(), parts[0][0])))
            values[label or "all"] = {**told, "units": unit}
            rows.append((f"error of the mean, {label}".rstrip(", "), _of_blocks(told, unit)))
    return Facts({"errors": values}, tuple(rows))


def _of_blocks(told: Mapping[str, float], unit: str) -> str:
    error, own, length = told["error"], told["error_of_error"], told["plateau"]
    if np.isnan(error):
        return "unknown, since there are too few frames for their correlation"
    if np.isnan(own):
        return quantity(error, unit)
    if not error:
        return f"{quantity(error, unit)}, the value is the same in every frame"
    return f"{with_error(error, own, unit)}, by blocks of {length:.0f} frames"


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
        spread = _spread(first)
        error = _error(first) if spread else {}
        facts = {**_after_mean(spread, error), **({"last": float(first[-1])} if first.size else {})}
        rows = _rows(first, {name: of for name, of in facts.items() if name not in error})
        if error:
            unit = str(array.attrs.get("units", ""))
            rows[:1] = [("mean", _mean(facts, unit)), *_unknown_errors({"": first}, {"": error})]
        return facts, rows
    parts = dict(parts_of(first))
    if "frame" not in first.dims or len(parts) > _MOST_PARTS or not first.size:
        return _values(array)
    errors = {name: _error(part) for name, part in parts.items()}
    facts = {
        name: {**_after_mean(_spread(part), errors[name]), "last": float(part[-1])}
        for name, part in parts.items()
    }
    unit = str(array.attrs.get("units", ""))
    rows = [
        (
            name,
            f"mean {_mean(of, unit)}, standard deviation "
            f"{quantity(of['standard_deviation'], unit)}, last {quantity(of['last'], unit)}",
        )
        for name, of in facts.items()
        if "mean" in of
    ]
    return {"parts": facts}, rows + _unknown_errors(parts, errors)


def _error(series: xr.DataArray) -> dict[str, float]:
    """Return the error of the mean of a value a frame, and how many frames count as one.

    Both are NaN where they cannot be told.
    """
    unknown = {"error_of_mean": np.nan, "statistical_inefficiency": np.nan}
    if series.dtype.kind not in "fiu" or not np.isfinite(series.values).all():
        return unknown
    with warnings.catch_warnings():
        # What cannot be told is said in the summary.
        warnings.simplefilter("ignore", UserWarning)
        error = float(energy_statistics(series).sel(statistic="error"))
        return {
            "error_of_mean": error,
            "statistical_inefficiency": float(statistical_inefficiency(series)),
        }


def _after_mean(spread: Mapping[str, Any], error: Mapping[str, float]) -> dict[str, Any]:
    return {"mean": spread["mean"], **error, **spread} if spread else {}


def _mean(facts: Mapping[str, Any], unit: str) -> str:
    """Return a mean with its error, as far as that is known."""
    mean, error = facts["mean"], facts["error_of_mean"]
    if np.isnan(error):
        return quantity(mean, unit)
    if not error:
        return f"{quantity(mean, unit)} in every frame"
    inefficiency = facts["statistical_inefficiency"]
    return f"{with_error(mean, error, unit)} (statistical inefficiency {inefficiency:.3g} frames)"


def _unknown_errors(
    series: Mapping[str, xr.DataArray], errors: Mapping[str, Mapping[str, float]]
) -> list[tuple[str, str]]:
    """Say of which means the errors are not known, and why: nothing where all are."""
    because: dict[str, list[str]] = {}
    for name, error in errors.items():
        if np.isnan(error["error_of_mean"]):
            missing = int(np.count_nonzero(~np.isfinite(series[name].values)))
            why = f"{missing} frames have no value" if missing else "too few frames"
            because.setdefault(why, []).append(name)
    return [
        (" of ".join(filter(None, ("error of the mean", ", ".join(names)))), f"unknown: {why}")
        for why, names in because.items()
    ]


def _values(array: xr.DataArray) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    if not array.dims:
        unit = str(array.attrs.get("units", ""))
        return {"value": float(array)}, [("value", quantity(float(array), unit))]
    facts = _spread(array)
    return facts, _rows(array, facts)


def _angles(array: xr.DataArray) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    first = array.transpose("frame", ...).load() if "frame" in array.dims else array.load()
    parts = dict(parts_of(first)) if first.ndim > 1 else {"": first}
    known = {name: part.values for name, part in parts.items() if np.isfinite(part).any()}
    facts, rows = {}, []
    for name, values in known.items() if len(known) <= _MOST_PARTS else ():
        facts[name], text = _directions(values)
        rows.append((name or "all", text))
    if len(parts) == 1 and rows:
        return facts[next(iter(facts))], [("mean and spread", rows[0][1])]
    values = np.concatenate([*known.values(), np.empty(0)])
    if not values.size:
        return {"count": 0}, [("count", "0")]
    together, text = _directions(values)
    told = {"count": len(known), **together, **({"parts": facts} if facts else {})}
    return told, [*rows, ("all", f"{len(known)} torsions: {text}")]


def _directions(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[dict[str, float], str]:
    mean, variance, deviation = circular(values)
    text = (
        f"circular mean {quantity(mean, 'degree')}, circular variance {variance:.3f}, "
        f"standard deviation {quantity(deviation, 'degree')}"
    )
    return {
        "circular_mean": mean,
        "circular_variance": variance,
        "circular_deviation": deviation,
    }, text


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


def with_error(mean: float, error: float, unit: str) -> str:
    """Return ``mean ± error`` with two digits of the error, and the unit.

    Examples
    --------
    >>> with_error(0.213456, 0.00423, "nm"), with_error(-68986.6, 1149.3, "K")
    ('0.2135 ± 0.0042 nm', '-68987 ± 1149 K')
    >>> with_error(2.5e-12, 3e-14, "")
    '2.5e-12 ± 3e-14'
    """
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    if decimals > 9:
        return f"{mean:.5g} ± {error:.2g} {unit}".rstrip()
    return f"{mean:.{decimals}f} ± {error:.{decimals}f} {unit}".rstrip()


def quantity(value: float, unit: str) -> str:
    """Return a number with five digits and its unit."""
    return f"{value:.5g} {unit}".rstrip()

"""How results are summed up and drawn: the one table of views.

The declaration of an analysis names its view. A result whose view is not known here is shown by
its dims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    Result = xr.DataArray | xr.Dataset

DRAWN_OF_ENERGIES = ("energy", "energy_nonbonded", "forces", "group_forces")


@dataclass(frozen=True)
class Facts:
    """What there is to tell of a result."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """For programs: numbers and dictionaries of these."""
    rows: tuple[tuple[str, str], ...] = ()
    """For people: names and texts."""
    tables: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = ()
    """For people: titles, heads of columns, lines."""


@dataclass(frozen=True)
class View:
    """A way to look at a result."""

    facts: Callable[[Result], Facts]
    draw: Callable[[Result, Path, str, Mapping[str, Any]], object]
    """Draws to a path, with a title; what the command was asked for may decide on how."""
    suffixes: Callable[[], tuple[str, ...]] = tuple
    """What it can be written as, beside the formats of all results."""


def _later(function: str) -> Callable[..., Any]:
    """Return a function of this package, whose module is imported when it is called."""
    module, _, name = function.partition(".")

    def call(*arguments: Any) -> Any:
        return getattr(import_module(f"gromos_dist.cli.{module}"), name)(*arguments)

    return call


def _of_trajectories() -> tuple[str, ...]:
    from gromos_dist.io.registry import WRITABLE

    return tuple(sorted(WRITABLE))


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        name: View(_later(facts), _later(draw), *suffixes)
        for name, facts, draw, *suffixes in (
            ("time series", "facts.of_series", "drawing.draw_series"),
            ("matrix", "facts.of_matrix", "drawing.draw_map"),
            ("map", "facts.of_values", "drawing.draw_map"),
            ("profile", "facts.of_values", "drawing.draw_profile"),
            ("number", "facts.of_values", "drawing.draw_nothing"),
            ("parts", "facts.of_parts", "drawing.draw_nothing"),
            ("trajectory", "facts.of_trajectory", "drawing.draw_nothing", _of_trajectories),
            ("energies", "energy_tables.of_energies", "drawing.draw_energies"),
            (
                *("forces", "energy_tables.of_energies", "drawing.draw_energies"),
                lambda: (".trf", ".trf.gz"),
            ),
            ("statistics", "energy_tables.of_statistics", "drawing.draw_nothing"),
            ("block error", "facts.of_block_errors", "drawing.draw_block_errors"),
            ("events", "facts.of_events", "drawing.draw_events"),
        )
    }
)
"""All views, by the names that declarations give."""


def view_of(name: str, result: Result) -> View:
    """Return a view by its name, or of a name that is not known, by the dims of the result."""
    return VIEWS[name if name in VIEWS else _by_dims(result)]


def _by_dims(result: Result) -> str:
    dims = set(result.dims)
    if {"event", "edge"} <= dims:
        return "events"
    if {"frame", "atom", "xyz"} <= dims:
        return "trajectory"
    if "statistic" in dims:
        return "statistics"
    if {"frame", "other_frame"} <= dims:
        return "matrix"
    if "frame" in dims:
        return "time series"
    return ("number", "profile", "map")[min(len(dims), 2)]


def title_of(result: Result, name: str, files: str, given: Mapping[str, Any]) -> str:
    """Return the title of a picture: what was measured, of which atoms, from which files."""
    import xarray as xr

    from gromos_dist.plot import name_of

    if isinstance(result, xr.DataArray):
        what = name_of(result)
    else:
        what = name.replace("_", " ").capitalize()
    of = f" of {given['atoms'] or 'all atoms'}" if "atoms" in given else ""
    return f"{what}{of}, {files}"

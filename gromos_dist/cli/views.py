"""How results are summed up and drawn: the one table of views.

The declaration of an analysis names its view. A result whose view is not known here is shown by
its dims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    Result = xr.DataArray | xr.Dataset


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
    draw: Callable[[Result, Path, str, Mapping[str, Any]], object] | None
    """Draws to a path, with a title; what the command was asked for may decide on how."""
    drawn: tuple[str, ...] = ()
    """Of a Dataset, the variables of which a picture needs one; any, if empty."""
    suffixes: Callable[[], tuple[str, ...]] = tuple
    """What it can be written as, beside the formats of all results."""
    is_kept: bool = False
    """Whether it is too large to be computed for a summary alone."""

    def require_picture(self, result: Any, path: Path) -> None:
        """Raise a ValueError if nothing of a result, computed or not, can be drawn."""
        if self.draw is not None and not self.drawn:
            return
        import xarray as xr

        names = list(map(str, result)) if isinstance(result, xr.Dataset) else [str(result.name)]
        if self.draw is None or not set(self.drawn) & set(names):
            expected = f": expected {' or '.join(self.drawn)}" if self.drawn else ""
            raise ValueError(f"--plot {path}: nothing in {', '.join(names)} can be drawn{expected}")

    def picture(self, result: Result, path: Path, title: str, asked: Mapping[str, Any]) -> None:
        """Draw a result.

        Raises
        ------
        ValueError
            Nothing of it can be drawn.
        """
        self.require_picture(result, path)
        if self.draw is not None:
            self.draw(result, path, title, asked)


def _later(function: str) -> Callable[..., Any]:
    """Return a function of this package, whose module is imported when it is called."""
    module, _, name = function.partition(".")

    def call(*arguments: Any) -> Any:
        return getattr(import_module(f"gromos_dist.cli.{module}"), name)(*arguments)

    return call


def _of_trajectories() -> tuple[str, ...]:
    from gromos_dist.io.registry import WRITABLE

    packed = [f"{suffix}.gz" for suffix, of in WRITABLE.items() if of.compressible]
    return tuple(sorted([*WRITABLE, *packed]))


_ENERGIES = View(
    _later("energy_tables.of_energies"),
    _later("drawing.draw_energies"),
    ("energy", "energy_derivative", "energy_nonbonded", "forces", "group_forces"),
)

VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "time series": View(_later("facts.of_series"), _later("drawing.draw_series")),
        "nearest pair": View(_later("facts.of_first"), _later("drawing.draw_first")),
        "matrix": View(_later("facts.of_matrix"), _later("drawing.draw_map")),
        "map": View(_later("facts.of_values"), _later("drawing.draw_map")),
        "mean map": View(_later("facts.of_values"), _later("drawing.draw_mean_map")),
        "contacts": View(_later("facts.of_events"), _later("drawing.draw_contacts")),
        "profile": View(_later("facts.of_values"), _later("drawing.draw_profile")),
        "radial distribution": View(
            _later("facts.of_radial"), _later("drawing.draw_radial"), ("rdf",)
        ),
        "number": View(_later("facts.of_values"), None),
        "parts": View(_later("facts.of_parts"), None),
        "trajectory": View(
            _later("facts.of_trajectory"), None, suffixes=_of_trajectories, is_kept=True
        ),
        "energies": _ENERGIES,
        "forces": replace(_ENERGIES, suffixes=lambda: (".trf", ".trf.gz"), is_kept=True),
        "statistics": View(_later("energy_tables.of_statistics"), None),
        "block error": View(_later("facts.of_block_errors"), _later("drawing.draw_block_errors")),
        "events": View(_later("facts.of_events"), _later("drawing.draw_events")),
        "bonds over time": View(
            _later("bond_tables.of_events"), _later("drawing.draw_bonds_over_time")
        ),
        "bars": View(_later("bond_tables.of_bonds"), _later("drawing.draw_bars")),
        "lifetimes": View(_later("bond_tables.of_lifetimes"), _later("drawing.draw_lifetimes")),
        "dihedrals": View(_later("facts.of_angles"), _later("drawing.draw_series")),
        "torsions": View(_later("facts.of_angles"), _later("drawing.draw_torsions")),
        "transitions": View(_later("facts.of_transitions"), _later("drawing.draw_transitions")),
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
    if given.get("sets"):
        of = ""
    if of and isinstance(given.get("other"), str):
        of += f" and {given['other']}"
    return f"{what}{of}, {files}"

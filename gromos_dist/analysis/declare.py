"""The one declaration of an analysis, of which every door is made.

``@analysis(...)`` makes a function known to the accessor, the command line, the plots and the
documentation; checks before each call what the analysis needs; and writes the history of its result
from the call.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

import xarray as xr

from gromos_dist import provenance
from gromos_dist.analysis.needs import Need, check_needs
from gromos_dist.analysis.per_frame import FrameSelection, chosen_in_frames
from gromos_dist.analysis.system import selected
from gromos_dist.mapping import LazyEvents
from gromos_dist.selection import Selection
from gromos_dist.topology import as_topology
from gromos_dist.variables import Variable

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Analysis:
    """What is known of an analysis."""

    function: Callable[..., Any]
    """What users call."""
    results: tuple[Variable, ...]
    """What it can give."""
    view: str
    """How its result is drawn and summed up: a name that plots and summaries look up."""
    topic: str
    """Where the documentation and the help page list it."""
    needs: tuple[Need, ...]
    """What it needs of a trajectory."""
    command: str | None
    """Its name on the command line; None if it has no command."""

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.function.__name__

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters of the function, the first of which is the trajectory."""
        return inspect.signature(self.function)


_ANALYSES: dict[str, Analysis] = {}
ANALYSES: Mapping[str, Analysis] = MappingProxyType(_ANALYSES)
"""All analyses, by the names of their functions."""


def analysis(
    *results: Variable,
    view: str,
    topic: str,
    needs: Collection[Need] = (),
    command: str | None = "",
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare an analysis: a function of a trajectory and of parameters that have defaults.

    The function's first parameter is the Dataset. Its signature and docstring (numpydoc) make the
    command with its options and help, the page of the documentation and the accessor's method.

    Parameters
    ----------
    *results : Variable
        What it can give.
    view : str
        How a result is drawn and summed up, a name of `gromos_dist.cli.views`: ``"time series"``,
        ``"profile"``, ``"matrix"``, ``"map"``, ``"number"``, ``"events"``, ``"trajectory"``,
        ``"statistics"``, ... For a name that is not known the dims of the result decide.
    topic : str
        Where the documentation and the help page list it.
    needs : collection of Need
        What is checked before each call.
    command : str or None
        The name of the command; that of the function, with hyphens, when empty. None: there is no
        command.

    Returns
    -------
    callable
        The decorator.

    Examples
    --------
    >>> import xarray as xr
    >>> from gromos_dist.analysis.declare import ANALYSES
    >>> ANALYSES["rmsd"].view
    'time series'
    """

    def declare(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        name = function.__name__
        _, *arguments = signature.parameters.values()
        resolvers = {of.name: _resolver(of.annotation) for of in arguments}
        selections = {name: one for name, one in resolvers.items() if one is not None}

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:
                # The function says best what is wrong with its arguments.
                return function(*args, **kwargs)
            bound.apply_defaults()
            data, *_ = bound.arguments.values()
            parameters = dict(list(bound.arguments.items())[1:])
            bound.arguments.update(check_needs(name, needs, data, parameters, selections))
            result = function(*bound.args, **bound.kwargs)
            made: R = _with_provenance(result, data, name, parameters, arguments)
            return made

        own_command = name.replace("_", "-") if command == "" else command
        _ANALYSES[name] = Analysis(checked, results, view, topic, tuple(needs), own_command)
        return checked

    return declare


def _resolver(annotation: Any) -> Callable[[Any, Any], Any] | None:
    """Return what resolves a parameter that says which atoms are meant; None if it does not.

    Its annotation may be text.
    """
    words = str(annotation).split(" | ")
    if annotation == FrameSelection or "FrameSelection" in words:
        return chosen_in_frames
    return selected if annotation == Selection or "Selection" in words else None


def _with_provenance(
    result: Any,
    data: Any,
    name: str,
    parameters: Mapping[str, Any],
    arguments: Sequence[inspect.Parameter],
) -> Any:
    """Return a result that says where it comes from."""
    if not isinstance(result, xr.DataArray | xr.Dataset | LazyEvents):
        return result
    defaults = {argument.name: argument.default for argument in arguments}
    given = {key: _in_order(value) for key, value in parameters.items()}
    for argument in arguments:
        if argument.kind is argument.VAR_KEYWORD:
            others = given.pop(argument.name)
            defaults |= dict.fromkeys(others, argument.empty)
            given |= others
    sources = [data]
    described = {key: _described(key, value, sources) for key, value in given.items()}
    for key in _FILES & given.keys():
        given[key] = Path(given[key]) if isinstance(given[key], str) else given[key]
    attrs = provenance.derived(sources, name, described, defaults, given)
    result = result.assign_attrs(**attrs)
    if isinstance(result, xr.Dataset):
        known = data if isinstance(data, xr.Dataset) else {}
        new = {
            key: array.assign_attrs(attrs)
            for key, array in result.data_vars.items()
            if key not in known or known[key].variable._data is not array.variable._data
        }
        result = result.assign(new)
    return result


def _in_order(value: Any) -> Any:
    """Return a set as a list: its own order is another one in each run of Python."""
    return sorted(value, key=repr) if isinstance(value, Set) else value


def _described(name: str, value: Any, sources: list[Any]) -> Any:
    """Return an argument as the record keeps it: of a file the content, of data which source.

    Data are added to the sources.
    """
    if isinstance(value, xr.Dataset | xr.DataArray):
        sources.append(value)
        return {"of": len(sources) - 1}
    if isinstance(value, os.PathLike) or (isinstance(value, str) and name in _FILES):
        return provenance.describe_file(value)
    if name == "topology" and value is not None:
        return as_topology(value)
    value = _in_order(value)
    if isinstance(value, str | bytes) or not isinstance(value, Mapping | list | tuple):
        return value
    if isinstance(value, Mapping):
        return {str(key): _described(f"{name}[{key!r}]", of, sources) for key, of in value.items()}
    return [_described(f"{name}[{i}]", of, sources) for i, of in enumerate(value)]


# Parameters of which a text is the path of a file.
_FILES = frozenset({"reference", "topology", "settings"})

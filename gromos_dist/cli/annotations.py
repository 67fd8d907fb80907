"""Options made of annotations: for parameters whose names the vocabulary does not know."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import typer
import xarray as xr

from gromos_dist.analysis.per_frame import FrameSelection
from gromos_dist.cli import options
from gromos_dist.cli.run import Input
from gromos_dist.cli.vocabulary import Word, other_trajectory
from gromos_dist.selection import Selection

_METAVARS = {int: "N", float: "NUMBER", str: "TEXT", Path: "FILE"}


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what the parameters of a function are; of those that nobody knows, ``Any``."""
    function = inspect.unwrap(function)
    found: dict[str, Any] = {}
    for name, annotation in function.__annotations__.items():
        one: Any = SimpleNamespace(__annotations__={name: annotation})
        try:
            found |= get_type_hints(one, function.__globals__)
        except (NameError, TypeError, AttributeError, SyntaxError):
            # Names that only type checkers see.
            found[name] = Any
    return found


def word_of(option: str, annotation: Any, default: Any, text: str) -> Word | None:
    """Return the option of a parameter; None if no text of a shell can say its values.

    Parameters
    ----------
    option : str
        Its name, ``--...``.
    annotation : type
        bool, int, float, str, a path, a ``Literal``, a tuple or sequence of these, a selection or
        a Dataset (a file, opened as the trajectory is), or a union of such. What is not known is
        taken to be what the default is.
    default : object
        ``inspect.Parameter.empty`` if there is none.
    text : str
        The help.
    """

    def made(kind: Any, metavar: str | None, *names: str) -> Any:
        info = typer.Option(
            *(names or [option]), metavar=metavar, help=text, rich_help_panel=options.ANALYSIS
        )
        return Annotated[kind, info]

    if annotation in (Selection, FrameSelection):
        return Word(made(str | None, "SELECTION"), show=_as_text)
    several = _alternatives(annotation, default)
    if several == [bool]:
        return Word(made(bool, None, f"{option}/{option.replace('--', '--no-', 1)}"))
    if len(several) == 1 and (metavar := _metavar_of_several(several[0])):
        # Typer reads these, and says what is wrong with them.
        return Word(made(several[0] | None, metavar))
    readers = [reader for one in several if (reader := _reader(one)) is not None]
    if not readers:
        return None
    metavar = "|".join(dict.fromkeys(shown for shown, _ in readers))

    def read(given: str | None, source: Input) -> Any:
        if given is None:
            return None
        for _, reader in readers:
            try:
                return reader(given, source)
            except _NotMeantError:
                continue
        raise ValueError(f"{option}: expected {metavar}, got {given!r}")

    return Word(made(str | None, metavar), read, _as_text)


class _NotMeantError(Exception):
    """A text is no value of a type."""


Reader = Callable[[str, Input], Any]


def _alternatives(annotation: Any, default: Any) -> list[Any]:
    """Return the types of a union, the most particular first."""
    if isinstance(annotation, TypeVar):
        annotation = annotation.__constraints__ or annotation.__bound__ or Any
    is_union = get_origin(annotation) in (Union, types.UnionType)
    parts = annotation if isinstance(annotation, tuple) else get_args(annotation)
    listed = list(parts) if is_union or isinstance(annotation, tuple) else [annotation]
    listed = [Path if PathLike in (one, get_origin(one)) else one for one in listed]
    listed = [one for one in listed if one is not type(None)]
    if Any in listed or inspect.Parameter.empty in listed:
        known = default is not inspect.Parameter.empty and default is not None
        listed = [type(default)] if known else [str]
    literal: Any = Literal
    return sorted(listed, key=lambda one: (one in (str, Path), get_origin(one) is not literal))


def _metavar_of_several(kind: Any) -> str:
    """Return the metavar of what Typer reads itself; empty if it does not."""
    if kind in _METAVARS:
        return _METAVARS[kind]
    parts = get_args(kind)
    if get_origin(kind) is tuple and parts and all(part in _METAVARS for part in parts):
        return " ".join(_METAVARS[part] for part in parts)
    if get_origin(kind) is Literal and all(isinstance(part, str) for part in parts):
        return "|".join(f"'{part}'" if " " in part else part for part in parts)
    return ""


def _reader(kind: Any) -> tuple[str, Reader] | None:  # noqa: PLR0911
    """Return the metavar and what reads a text; None if no text says values of the type."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is bool:
        return _reader(Literal[True, False])
    if origin is Literal:
        choices = {_as_text(part): part for part in parts}
        return "|".join(choices), lambda text, _: _meant(choices.__getitem__, text)
    if kind in (int, float):
        return _METAVARS[kind], lambda text, _: _meant(kind, text)
    if kind in (str, Path):
        return _METAVARS[kind], lambda text, _: kind(text)
    if kind in (xr.Dataset, xr.DataArray):
        return "FILE", other_trajectory
    if kind is np.ndarray or origin is np.ndarray or kind in (tuple, list):
        return _sequence(float)
    is_class = isinstance(origin, type)
    if is_class and issubclass(origin, Collection) and not issubclass(origin, Mapping):
        part, *others = dict.fromkeys(one for one in parts or (float,) if one is not Ellipsis)
        return _sequence(part) if part in (int, float, str) and not others else None
    return None


def _sequence(kind: Callable[[str], Any]) -> tuple[str, Reader]:
    name = _METAVARS[kind]  # type: ignore[index]

    def read(text: str, _: Input) -> tuple[Any, ...]:
        return tuple(_meant(kind, part.strip()) for part in text.split(","))

    return f"{name},{name},...", read


def _meant(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except (ValueError, KeyError):
        raise _NotMeantError from None


def _as_text(value: Any) -> Any:
    """Return a default as it would be given."""
    if value is None or value is inspect.Parameter.empty:
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(_as_text, value))
    return str(value)

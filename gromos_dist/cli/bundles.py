"""Options that several commands share, as dataclasses, and commands that take these."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_origin, get_type_hints

from typer.models import ArgumentInfo

from gromos_dist.cli import options


def with_bundles(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command for Typer: of each parameter that is a dataclass, its fields are options.

    Fields and parameters are options where their types say so (``Annotated``); other fields keep
    their defaults. The help page lists options by panel, and within a panel in the order of
    `gromos_dist.cli.options`; those that are not listed there come last. Every command has
    ``--debug``.
    """
    hints = get_type_hints(command, include_extras=True)
    bundles: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(command).parameters.items()
        if name not in bundles
    ]
    of_bundle = {name: _parameters(bundle) for name, bundle in bundles.items()}
    debug = inspect.Parameter(
        "_debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=options.Debug
    )
    listed = [
        option
        for value in vars(options).values()
        for option in (value.values() if isinstance(value, dict) else [value])
        if hasattr(option, "__metadata__")
    ]
    parameters = sorted(
        [*(parameter for of in of_bundle.values() for parameter in of), *own, debug],
        key=lambda parameter: _place(parameter.annotation, listed),
    )

    @wraps(command)
    def run(**given: Any) -> None:
        arguments = {parameter.name: given[parameter.name] for parameter in own}
        for name, bundle in bundles.items():
            named = {parameter.name: given[parameter.name] for parameter in of_bundle[name]}
            arguments[name] = bundle(**named)
        command(**arguments)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters(bundle: Any) -> list[inspect.Parameter]:
    """Return a parameter for each field that is an option."""
    hints = get_type_hints(bundle, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(bundle)
        if get_origin(hints[field.name]) is Annotated
    ]


def _place(option: Any, listed: list[Any]) -> tuple[int, str, int]:
    """Return where the help page has an option: its panel, and its place there."""
    info = next(one for one in option.__metadata__ if hasattr(one, "rich_help_panel"))
    name = info.rich_help_panel
    # A panel that is not listed is of an analysis.
    panel = options.PANELS.index(name if name in options.PANELS else options.ANALYSIS)
    within = listed.index(option) if option in listed else len(listed)
    return -1 if isinstance(info, ArgumentInfo) else panel, str(name), within

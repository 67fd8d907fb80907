"""The settings of the forces in the words of each door: docstring, signature, option, table."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeVar

from gromos_dist.forces.settings import SETTINGS, Scope, Setting

_WIDTH: Final = 96

_Door = TypeVar("_Door", bound=Callable[..., Any])


class Option(NamedTuple):
    """How the command line takes a setting."""

    names: tuple[str, ...]
    metavar: str | None
    """None: it is a switch."""
    help: str
    panel: str


def of_scopes(*scopes: Scope) -> list[Setting]:
    """Return the settings that a door of these scopes has, in the order in which they are told."""
    return [one for one in SETTINGS.values() if one.told.scope in scopes]


def option_of(name: str) -> Option:
    """Return how the command line takes a setting.

    Examples
    --------
    >>> option_of("kappa").names, option_of("kappa").metavar
    (('--kappa',), 'NM-1')
    >>> option_of("kappa").help
    'Inverse Debye length of the reaction field (nm-1). [default: 0]'
    """
    setting = SETTINGS[name]
    told = setting.told
    references = {other: _option_names(other)[0] for other in SETTINGS}
    doc = f"{told.doc.removesuffix('.')} ({told.unit})." if told.unit else told.doc
    text = f"{doc} [default: {_default(setting, 'shell')}]".format(**references)
    return Option(_option_names(name), _metavar(setting), text, told.panel)


def _option_names(name: str) -> tuple[str, ...]:
    setting = SETTINGS[name]
    dashed = name.replace("_", "-")
    if setting.told.option:
        return setting.told.option
    return (f"--{dashed}/--no-{dashed}",) if setting.kind is bool else (f"--{dashed}",)


def _metavar(setting: Setting) -> str | None:
    if setting.kind is bool:
        return None
    words = [f"'{choice}'" if " " in choice else choice for choice in setting.choices]
    return setting.told.metavar or "|".join(words) or setting.told.unit.upper() or "NUMBER"


def entry_of(name: str) -> str:
    """Return how a docstring tells of a setting, as an entry of numpydoc.

    Examples
    --------
    >>> print(entry_of("kappa"))
    kappa : float (nm-1), default: 0
        Inverse Debye length of the reaction field.
    """
    setting = SETTINGS[name]
    told = setting.told
    unit = f" ({told.unit})" if told.unit else ""
    references = {other: f"`{other}`" for other in SETTINGS}
    default = _default(setting, "Python").format(**references)
    text = told.doc.format(**references)
    lines = textwrap.wrap(text, _WIDTH - 4, break_on_hyphens=False, break_long_words=False)
    return "\n    ".join([f"{name} : {_kind(setting)}{unit}, default: {default}", *lines])


def table() -> str:
    """Return all settings as a table of Markdown, with their names at every door."""
    references = {other: f"`{other}`" for other in SETTINGS}
    head = ("setting", "option", "block", "values", "unit", "default", "meaning")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, setting in SETTINGS.items():
        told = setting.told
        columns = [
            f"`{name}`",
            f"`{_option_names(name)[0]}`" if told.scope == "forces" else "",
            told.block,
            _kind(setting).strip("{}"),
            told.unit,
            _default(setting, "Python"),
            told.doc,
        ]
        lines.append(f"| {' | '.join(column.format(**references) for column in columns)} |")
    return "\n".join(lines) + "\n"


def _kind(setting: Setting) -> str:
    if setting.choices:
        return "{" + ", ".join(f'"{choice}"' for choice in setting.choices) + "}"
    return str(getattr(setting.kind, "__name__", setting.kind))


def _default(setting: Setting, language: Literal["Python", "shell"]) -> str:
    default = setting.default
    if default is None:
        return setting.told.usual
    if isinstance(default, str):
        return f'"{default}"' if language == "Python" else default
    if isinstance(default, bool) and language == "shell":
        return "yes" if default else "no"
    return f"{default:g}".replace("e-0", "e-") if isinstance(default, float) else str(default)


def with_settings(*scopes: Scope, defaults: bool = False) -> Callable[[_Door], _Door]:
    """Let ``**given`` of a function, or of the making of a class, show as the settings it takes.

    Its signature then has a keyword for each of them that is not there already, and its docstring
    the entries of numpydoc in the place of the entry ``**given``. Type checkers read its types
    from `gromos_dist.forces.settings.GivenSettings`.

    Parameters
    ----------
    *scopes : str
        Which settings it takes.
    defaults : bool
        Whether what is not given is the default. Otherwise the signature says None, since there are
        other settings, of which these take the place.
    """

    def shown(door: _Door) -> _Door:
        function: Any = door.__init__ if isinstance(door, type) else door  # type: ignore[misc]
        signature = inspect.signature(function)
        own = {name: one for name, one in signature.parameters.items() if name != "given"}
        settings = of_scopes(*scopes)
        generated = {}
        for setting in settings:
            parameter = own.pop(setting.name, None) or inspect.Parameter(
                setting.name, inspect.Parameter.KEYWORD_ONLY, default=None
            )
            if parameter.default is None:
                default = setting.default if defaults else None
                parameter = parameter.replace(default=default, annotation=setting.kind | None)
            generated[setting.name] = parameter
        # Beside the other settings, of which they take the place.
        first = [name for name in own if own[name].kind is not inspect.Parameter.KEYWORD_ONLY]
        parameters = {name: own[name] for name in (*first, *({"settings"} & set(own)))}
        parameters |= dict(sorted(generated.items(), key=lambda item: item[1].kind)) | own
        function.__signature__ = signature.replace(parameters=list(parameters.values()))
        function.__annotations__ = {
            name: parameter.annotation for name, parameter in parameters.items()
        } | {"return": signature.return_annotation}
        # Python leaves docstrings out when it is told to (-OO).
        if door.__doc__:
            door.__doc__ = _with_entries(door.__doc__, settings)
        return door

    return shown


def _with_entries(text: str, settings: list[Setting]) -> str:
    """Return a docstring with the settings' entries in the place of that of ``**given``."""
    lines = inspect.cleandoc(text).splitlines()
    place = next(i for i, line in enumerate(lines) if "**given :" in line)
    after = next(i for i, line in enumerate(lines) if i > place and not line.startswith(" "))
    entries = [entry_of(setting.name) for setting in settings]
    return "\n".join([*lines[:place], *entries, *lines[after:], ""])

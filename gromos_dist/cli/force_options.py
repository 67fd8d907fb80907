"""The settings of the forces as options: those of their declaration."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import typer

from gromos_dist.forces.describe import option_of
from gromos_dist.forces.settings import Setting

_Class = TypeVar("_Class", bound=type)


def force_option(setting: Setting) -> Any:
    """Return the type of an option for Typer; it is None where the option is not given."""
    option = option_of(setting.name)
    told = typer.Option(
        *option.names, metavar=option.metavar, help=option.help, rich_help_panel=option.panel
    )
    return Annotated[setting.kind | None, told]


def with_force_options(bundle: _Class) -> _Class:
    """Give a class the settings of the forces as fields, before it is made a dataclass."""
    from gromos_dist.cli.options import FORCE_SETTINGS

    for name, option in FORCE_SETTINGS.items():
        bundle.__annotations__[name] = option
        setattr(bundle, name, None)
    return bundle

"""The settings of the forces as options, made from their declaration."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from gromos_dist.forces.describe import of_scopes, option_of
from gromos_dist.forces.settings import Setting


def _option(setting: Setting) -> Any:
    names, metavar, text, panel = option_of(setting.name)
    option = typer.Option(*names, metavar=metavar, help=text, rich_help_panel=panel)
    return Annotated[setting.kind | None, option]


FORCE_SETTINGS: Final = {setting.name: _option(setting) for setting in of_scopes("forces")}
"""By the name of the setting, the type of an option; its value is None where it is not given."""

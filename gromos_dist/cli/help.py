"""Help pages: in panels in a terminal, as plain text in a file or a pipe."""

from __future__ import annotations

import sys
from typing import Any


class PlainWhereNoTerminal:
    """What a command or a group adds to those of Typer."""

    rich_markup_mode: Any

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters; a switch or an argument shows no type beside its name."""
        listed: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in listed:
            if one.param_type_name == "argument" or getattr(one, "is_flag", False):
                one.display_type_rich = _nothing
        return listed

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        self.rich_markup_mode = "rich" if sys.stdout.isatty() else None
        super().format_help(ctx, formatter)  # type: ignore[misc]


def _nothing(**_: Any) -> None:
    return None

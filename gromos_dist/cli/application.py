"""The program ``gromos-dist``: which commands there are, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer

from gromos_dist.cli.errors import Command, Commands
from gromos_dist.cli.options import Debug

# Commands that are more than the call of an analysis, by module and function.
_BEFORE = ("info", "check", "convert")
_OWN = {name: ("gromos_dist.cli." + name, name) for name in _BEFORE}
_FILES = "Files"
_WHOLE = 1000  # letters; sentences are broken into lines, not cut


class Program(Commands):
    """The group of commands, each made when it is asked for.

    Analyses are imported for their own commands and for the list of all.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names of all commands, those of a topic together."""
        return [name for names in commands_by_topic().values() for name in names]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; None if there is none of this name."""
        if cmd_name not in self.commands:
            function = _function(cmd_name)
            # Of all of them, Typer names the one that may have been meant.
            missing = (
                {cmd_name: function}
                if function
                else {name: _function(name) for name in self.list_commands(ctx)}
            )
            self.commands.update({name: _made(name, of) for name, of in missing.items() if of})
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands by topic."""
        longest = max(map(len, self.list_commands(ctx)))
        for topic, names in commands_by_topic().items():
            with formatter.section(topic):
                said = [self.get_command(ctx, name).get_short_help_str(_WHOLE) for name in names]
                formatter.write_dl(
                    [(n.ljust(longest), of) for n, of in zip(names, said, strict=True)]
                )


def commands_by_topic() -> dict[str, list[str]]:
    """Return the names of all commands, by topics in the order of the help page."""
    topics = {_FILES: list(_BEFORE)}
    for analysis in _analyses().values():
        if analysis.command is not None:
            topics.setdefault(analysis.topic, []).append(analysis.command)
    return topics


def _analyses() -> Any:
    import_module("gromos_dist.analysis")
    return import_module("gromos_dist.analysis.declare").ANALYSES


def _function(name: str) -> Callable[..., None] | None:
    if name in _OWN:
        module, function = _OWN[name]
        found: Callable[..., None] = getattr(import_module(module), function)
        return found
    analysis = next((one for one in _analyses().values() if one.command == name), None)
    if analysis is None:
        return None
    made: Callable[..., None] = import_module("gromos_dist.cli.command_of").command_of(analysis)
    return made


def _made(name: str, function: Callable[..., None]) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    # To know the topics, analyses are imported.
    panel = (
        _FILES
        if name in _BEFORE
        else next(topic for topic, names in commands_by_topic().items() if name in names)
    )
    alone.command(name, cls=Command, rich_help_panel=panel)(function)
    return typer.main.get_command(alone)


application = typer.Typer(
    name="gromos-dist",
    cls=Program,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from gromos_dist import instruction_set
        from gromos_dist._version import __version__

        levels = ", ".join(instruction_set.available())
        typer.echo(f"gromos-dist {__version__}")
        typer.echo(f"instruction set: {instruction_set.active()} (this machine has {levels})")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        "-V",
        callback=_print_version,
        is_eager=True,
        help="Print the version and the instruction set in use.",
    ),
]


@application.callback()
def _program(_version: Version = False, _debug: Debug = False) -> None:
    """Analyse molecular dynamics trajectories, on all cores of this machine or on a cluster.

    Look at a file, then compute:

        gromos-dist info md.dcd --top protein.psf

        gromos-dist rmsd md.dcd --top protein.psf --atoms backbone -o rmsd.csv --plot rmsd.png

    'gromos-dist COMMAND --help' tells what a command takes.
    """

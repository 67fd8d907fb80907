"""The program ``gromos-dist``: which commands there are, and what all of them share."""

from __future__ import annotations

from typing import Annotated

import typer

from gromos_dist.cli import analyses, check, convert, forces, info
from gromos_dist.cli.errors import Command, Commands
from gromos_dist.cli.options import Debug

application = typer.Typer(
    name="gromos-dist",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for name, command in (
    ("info", info.info),
    ("check", check.check),
    ("convert", convert.convert),
    ("rmsd", analyses.rmsd),
    ("rgyr", analyses.rgyr),
    ("rmsd-matrix", analyses.rmsd_matrix),
    ("forces", forces.forces),
    ("energies", forces.energies),
):
    application.command(name, cls=Command)(command)


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

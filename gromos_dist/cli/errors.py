"""How a command ends that cannot do its work: one sentence and an exit code."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from gromos_dist.cli import how_it_ended
from gromos_dist.cli.help import PlainWhereNoTerminal
from gromos_dist.cli.tables import printable
from gromos_dist.cli.wording import in_options

BAD_INPUT = 2
UNEXPECTED = 1

_DEBUG = "gromos_dist.debug"


def remember_debug(context: typer.Context, wanted: bool) -> bool:
    """Note that ``--debug`` was given, before or after the command's name."""
    context.meta[_DEBUG] = context.meta.get(_DEBUG, False) or wanted
    return wanted


def sentence(error: BaseException) -> str:
    """Return what went wrong in one line, without error numbers and Python's quoting.

    Examples
    --------
    >>> sentence(FileNotFoundError(2, "No such file or directory", "md.dcd"))
    'md.dcd: No such file or directory'
    >>> sentence(KeyError("no variable rmsd"))
    'no variable rmsd'
    """
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    else:
        text = str(error)
    # A selection comes with its text and a caret below, on indented lines: they stay as they are.
    said, *picture = re.split(r"\n(?=  )", text)
    return "\n".join([" ".join(said.split()) or type(error).__name__, *picture])


def _tell(kind: str, colour: str, message: str) -> None:
    coloured = False if os.environ.get("NO_COLOR") else None  # None: in a terminal
    typer.secho(f"{kind}: ", err=True, nl=False, color=coloured, fg=colour, bold=True)
    typer.echo(printable(message), err=True)


class Commands(PlainWhereNoTerminal, TyperGroup):
    """The group of commands; an interrupt of any of them ends in a sentence."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the arguments."""
        with _interrupts_told():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _interrupts_told():
            return super().invoke(ctx)


@contextmanager
def _interrupts_told() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interrupt:
        message, code = how_it_ended(interrupt)
        _tell("Error", typer.colors.RED, message)
        raise typer.Exit(code) from None


class Command(PlainWhereNoTerminal, TyperCommand):
    """A command; errors of the input end in a sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and turn what it raises into a message and an exit code."""
        options = {
            str(one.name): one.opts[0] for one in self.params if one.param_type_name == "option"
        }

        def note(message: Warning | str, *_: object) -> None:
            _tell("Note", typer.colors.YELLOW, in_options(str(message), options))

        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = note  # type: ignore[assignment]
            return self._invoke(ctx, options)

    def _invoke(self, ctx: Any, options: Mapping[str, str]) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output has closed it; Typer ends the program quietly.
            raise
        except (OSError, ValueError, ImportError) as error:
            if ctx.meta.get(_DEBUG):
                raise
            message, code = in_options(sentence(error), options), BAD_INPUT
        except MemoryError as error:
            if ctx.meta.get(_DEBUG):
                raise
            message, code = (
                f"not enough memory ({sentence(error)}); try fewer --workers",
                UNEXPECTED,
            )
        except Exception as error:
            if _is_typers_own(error) or ctx.meta.get(_DEBUG):
                raise
            message = (
                f"{type(error).__name__}: {sentence(error)} "
                "(not an error in the input that we know of; --debug shows where it happened)"
            )
            code = UNEXPECTED
        _tell("Error", typer.colors.RED, message)
        raise typer.Exit(code)


def _is_typers_own(error: Exception) -> bool:
    """Tell whether Typer raised this to end the program or to complain about an option."""
    return isinstance(error, (typer.Exit, typer.Abort)) or hasattr(error, "exit_code")

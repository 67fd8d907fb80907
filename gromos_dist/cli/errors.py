"""How a command ends that cannot do its work: one sentence and an exit code."""

from __future__ import annotations

import re
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

BAD_INPUT = 2
UNEXPECTED = 1
INTERRUPTED = 130

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


def note(message: Warning | str, *_: object) -> None:
    """Say something beside the results, a warning for one, without the place in the code."""
    typer.secho("Note: ", err=True, nl=False, fg=typer.colors.YELLOW, bold=True)
    typer.echo(str(message), err=True)


class Commands(TyperGroup):
    """The group of commands; errors of the input end in a sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and turn what it raises into a message and an exit code."""
        with warnings.catch_warnings():
            warnings.showwarning = note  # type: ignore[assignment]
            return self._invoke(ctx)

    def _invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output has closed it; Typer ends the program quietly.
            raise
        except (OSError, ValueError, ImportError) as error:
            if ctx.meta.get(_DEBUG):
                raise
            message, code = sentence(error), BAD_INPUT
        except KeyboardInterrupt as error:
            if ctx.meta.get(_DEBUG):
                raise
            message, code = str(error) or "Interrupted.", INTERRUPTED
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
        typer.secho("Error: ", err=True, nl=False, fg=typer.colors.RED, bold=True)
        typer.echo(message, err=True)
        raise typer.Exit(code)


def _is_typers_own(error: Exception) -> bool:
    """Tell whether Typer raised this to end the program or to complain about an option."""
    return isinstance(error, (typer.Exit, typer.Abort)) or hasattr(error, "exit_code")

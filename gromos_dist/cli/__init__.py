"""The command line: ``gromos-dist``.

Nothing is imported here that takes time: Ctrl-C ends the program in a sentence from the beginning.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """The program was told to end, by a batch system for example: as by Ctrl-C."""


def main() -> None:
    """Run the command line."""
    sys.unraisablehook = _unraisable
    try:
        signal.signal(signal.SIGTERM, _terminate)
        from gromos_dist.cli.application import application

        application(prog_name="gromos-dist")
    except KeyboardInterrupt as interrupt:
        message, code = how_it_ended(interrupt)
        print(f"Error: {message}", file=sys.stderr)
        sys.exit(code)
    finally:
        # There is nothing left to be cleaned up but what the interpreter does by itself.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def how_it_ended(interrupt: KeyboardInterrupt) -> tuple[str, int]:
    """Return a sentence and the exit code that shells give to a signal."""
    by = signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT
    return str(interrupt) or "interrupted before anything was written", 128 + by


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise Terminated


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Raise an interrupt again that Python ignored, since it came in a destructor or the like."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
    elif threading.current_thread() is threading.main_thread():
        terminated = issubclass(unraisable.exc_type, Terminated)
        # Later, when this function and the destructor have ended.
        signal.signal(signal.SIGALRM, _terminate if terminated else _interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.01)


__all__ = ["Terminated", "how_it_ended", "main"]

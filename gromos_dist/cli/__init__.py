"""The command line: ``gromos-dist``.

Nothing is imported here that takes time: Ctrl-C ends the program in a sentence from the beginning.
"""

from __future__ import annotations

import signal
import sys
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """The program was told to end, by a batch system for example: as by Ctrl-C."""


def main() -> None:
    """Run the command line."""
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


__all__ = ["Terminated", "how_it_ended", "main"]

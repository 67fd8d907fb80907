"""The progress bar over frames: the only one, for every scheduler and every kind of output."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

SECONDS_OF_SILENCE = 15.0
"""After so long without any progress, what is waited for is said."""

_SECONDS_BETWEEN_LINES = 10.0

# Where a bar is being drawn: what is said meanwhile is printed above it.
_drawing: list[Console] = []


class _Rate(ProgressColumn):
    """How many frames are done in a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else rate(speed, task.fields["unit"]))


class _Count(ProgressColumn):
    """How many frames of how many."""

    def render(self, task: Task) -> Text:
        return Text(_count(task.completed, task.total or 0, task.fields["unit"]))


def _count(done: float, total: float, unit: str) -> str:
    return f"{round(done)}/{round(total)} {unit}"


def rate(speed: float, unit: str) -> str:
    """Return how many are done in a second, with three digits or as a whole number."""
    return f"{speed:.3g} {unit}/s" if speed < 1000 else f"{speed:.0f} {unit}/s"


@contextmanager
def progress_bar(
    title: str,
    total: float,
    *,
    done: float = 0,
    show: bool | None = None,
    unit: str = "frames",
) -> Iterator[Callable[[float], None]]:
    """Show on standard error how far the work is.

    Parameters
    ----------
    title : str
        What is being done.
    total, done : float
        How many frames there are, and how many an earlier run has done already.
    show : bool, optional
        None: only if standard error is a terminal or a notebook. True: always; where no bar can be
        drawn, as a line of text every ten seconds. False: never.
    unit : str
        What is counted.

    Yields
    ------
    callable
        Call it with the number of frames that were finished.
    """
    console = Console(stderr=True)
    live = console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)
    if show is False or (show is None and not live):
        yield lambda _frames: None
    elif live:
        with _live_bar(console, title, total, done, unit) as advance:
            yield advance
    else:
        with _lines(console, title, total, done, unit) as advance:
            yield advance


def note(message: str, show: bool | None = None) -> None:
    """Say one sentence where the progress is shown; `show` as in `progress_bar`."""
    console = Console(stderr=True)
    if show or (show is None and (console.is_terminal or console.is_jupyter)):
        console.print(message, markup=False, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Say one sentence on standard error, whoever looks, above a bar that is being drawn."""
    console = _drawing[-1] if _drawing else Console(stderr=True)
    console.print(message, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def said_when_it_takes_long(message: str) -> Iterator[None]:
    """Say what is waited for, if what is in the ``with`` block takes long."""
    timer = threading.Timer(SECONDS_OF_SILENCE, say, [message])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _live_bar(
    console: Console, title: str, total: float, done: float, unit: str
) -> Iterator[Callable[[float], None]]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        _Count(),
        _Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=total, completed=done, unit=unit)  # type: ignore[arg-type]
        _drawing.append(console)
        try:
            yield lambda frames: progress.advance(task, frames)
        finally:
            _drawing.remove(console)
        progress.update(task, completed=total)


@contextmanager
def _lines(
    console: Console, title: str, total: float, done: float, unit: str
) -> Iterator[Callable[[float], None]]:
    start = last = time.monotonic()
    finished = done

    def line() -> None:
        speed = (finished - done) / max(time.monotonic() - start, 1e-9)
        text = f"{title}: {_count(finished, total, unit)}, {rate(speed, unit)}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def advance(frames: float) -> None:
        nonlocal finished, last
        finished += frames
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            line()

    yield advance
    finished = total
    line()

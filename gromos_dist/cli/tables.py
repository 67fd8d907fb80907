"""Tables: with frames and colours in a terminal, as plain text in a file or a pipe."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO


def printable(text: str) -> str:
    r"""Return text of which no character moves the cursor or changes colours; lines stay lines.

    Examples
    --------
    >>> printable("md\x1b[31m.dcd")
    'md\\x1b[31m.dcd'
    """
    return "".join(
        letter
        if letter.isprintable() or letter == "\n"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def require_standard_output() -> None:
    """Refuse to begin what ends with a print, where nothing can be printed.

    Raises
    ------
    OSError
        Standard output is closed.
    """
    if sys.stdout is None or sys.stdout.closed:
        raise OSError("standard output is closed, so that nothing can be printed")


def print_values(
    title: str, sections: Sequence[Sequence[tuple[str, str]]], file: TextIO | None = None
) -> None:
    """Print names and their values, in one section or several."""
    _print(title, None, [list(rows) for rows in sections if rows], file)


def print_columns(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    file: TextIO | None = None,
) -> None:
    """Print names and columns of numbers."""
    _print(title, header, [rows], file)


def print_json(found: Mapping[str, Any]) -> None:
    """Print JSON, in which a number that is not finite is null."""
    require_standard_output()
    print(json.dumps(_plain(found), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print(
    title: str,
    header: Sequence[str] | None,
    sections: Sequence[Sequence[Sequence[str]]],
    file: TextIO | None,
) -> None:
    if file is None:
        require_standard_output()
    file = file or sys.stdout
    clean = [[[printable(cell) for cell in row] for row in rows] for rows in sections]
    if file.isatty():
        _print_framed(printable(title), header, clean, file)
    else:
        _print_plain(printable(title), header, clean, file)


def _print_plain(
    title: str,
    header: Sequence[str] | None,
    sections: Sequence[Sequence[Sequence[str]]],
    file: TextIO,
) -> None:
    rows = [*([header] if header else []), *(row for rows in sections for row in rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(title, file=file)
    for name, *cells in rows:
        aligned = [
            cell.rjust(width) if header else cell
            for cell, width in zip(cells, widths[1:], strict=True)
        ]
        print("  ".join(["", name.ljust(widths[0]), *aligned]).rstrip(), file=file)


def _print_framed(
    title: str,
    header: Sequence[str] | None,
    sections: Sequence[Sequence[Sequence[str]]],
    file: TextIO,
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Brackets in names of files are no markup, so nothing is given as a str.
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    table.show_header = header is not None
    table.add_column("" if header is None else header[0], style="cyan", no_wrap=header is None)
    for column in [""] if header is None else header[1:]:
        right = header is not None
        table.add_column(
            column, justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    for rows in sections:
        table.add_section()
        for row in rows:
            table.add_row(*map(Text, row))
    Console(file=file).print(table)

"""From a text to what it means, whatever language it is written in."""

from __future__ import annotations

from gromos_dist.selection import words
from gromos_dist.selection.tree import Centre, Tree


def read(expression: str) -> Tree:
    """Return what a selection means.

    Raises
    ------
    SelectionError
        It cannot be read; a caret shows where.
    """
    return words.parse(expression)


def read_points(expression: str) -> tuple[Tree | Centre, ...]:
    """Return the points that an expression means: centres, and selections whose atoms are points.

    Raises
    ------
    SelectionError
        It cannot be read; a caret shows where.
    """
    return words.parse_points(expression)

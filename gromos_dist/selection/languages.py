"""From a text to what it means, whichever language it is written in."""

from __future__ import annotations

from gromos_dist.selection import gromos, words
from gromos_dist.selection.tree import Point, Tree


def read(expression: str) -> Tree:
    """Return what a selection means: that of GROMOS where it begins so, else the boolean language.

    Raises
    ------
    SelectionError
        It cannot be read; a caret shows where.

    Examples
    --------
    >>> from gromos_dist.selection.languages import read
    >>> type(read("1:CA")).__name__, type(read("molecule 1 and name CA")).__name__
    ('Specified', 'And')
    """
    return gromos.parse(expression) if gromos.is_gromos(expression) else words.parse(expression)


def read_points(expression: str) -> tuple[Point, ...]:
    """Return the points that an expression means: centres, and selections whose atoms are points.

    Raises
    ------
    SelectionError
        It cannot be read; a caret shows where.
    """
    if gromos.is_gromos(expression):
        return gromos.parse_points(expression)
    return words.parse_points(expression)

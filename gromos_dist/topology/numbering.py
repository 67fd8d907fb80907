"""Numbers in columns that are too narrow for them: how a file goes on behind 9999 or 99999.

Four ways are known: decimal numbers that begin anew from 0; hybrid-36 (A000 to ZZZZ, then a000 to
zzzz); OpenMM's hexadecimal, which goes on with A000 and behind FFFF with 0; and VMD's, which is the
number itself in hexadecimal (2710). One field seldom tells which it is: the numbers of the whole
file decide, by the way that explains what follows what with the fewest jumps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.files import integers

Integers = NDArray[np.int64]
Strings = NDArray[np.str_]
Flags = NDArray[np.bool_]

DECIMAL: Final = "decimal"
HYBRID_36: Final = "hybrid-36"
HEXADECIMAL_OF_OPENMM: Final = "hexadecimal as OpenMM writes it"
HEXADECIMAL_OF_VMD: Final = "hexadecimal as VMD writes it"

_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}")
_CAPITAL_HEXADECIMAL = re.compile(r"[0-9A-F]+")
_SMALL_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_HYBRID = re.compile(r"[A-Z][0-9A-Z]*|[a-z][0-9a-z]*")


@dataclass(frozen=True)
class Numbers:
    """What `read_numbers` found; arrays have one entry a field."""

    values: Integers
    bad: Flags
    """Where there is no number."""
    way: str
    """Of those that the module names, the one that was taken."""
    ambiguous: int | None
    """A field that two ways explain equally well and read differently; None when there is none."""
    other_way: str = ""
    """The way that explains the ambiguous field as well."""


@dataclass(frozen=True)
class _State:
    """Where the numbering of a chain has come to."""

    value: int
    is_hexadecimal: bool


def read_numbers(text: Strings, width: int, begins: Flags) -> Numbers:
    """Read numbers of up to `width` characters, whatever way they go on beyond the last decimal.

    Parameters
    ----------
    text : (n,) array of str
        The fields, stripped, in the order of the file.
    width : int
        The columns that the format has for them.
    begins : (n,) bool array
        Where a chain begins, and numbers may begin anew.

    Returns
    -------
    Numbers
        Numbers that go on rising through a chain: those which wrap from 9999 to 0 or 1, too.
    """
    decimal, bad = integers(text)
    behind_last = (text[1:] == f"{10**width:x}") & (text[:-1] == str(10**width - 1))
    goes_on_in_hexadecimal = bool((behind_last & ~begins[1:]).any())
    if not goes_on_in_hexadecimal and not any(map(_may_be_number, set(text[bad].tolist()))):
        return Numbers(_unwrapped(decimal, width, begins), bad, DECIMAL, None)
    # Atoms of one residue say nothing new.
    news = np.flatnonzero(np.concatenate([[True], (text[1:] != text[:-1]) | begins[1:]]))
    words, fresh = text[news].tolist(), begins[news].tolist()
    found = {way: _decoded(words, fresh, step) for way, step in _ways(width).items()}
    # Fewest unreadable fields, then fewest jumps; the first of the ways where these are equal.
    best, *others = sorted(found, key=lambda way: (sum(found[way][1]), found[way][2]))
    values, unreadable, jumps = found[best]
    ambiguous, other_way = None, ""
    for other in others:
        if (sum(found[other][1]), found[other][2]) == (sum(unreadable), jumps):
            differing = [i for i, value in enumerate(found[other][0]) if value != values[i]]
            if differing:
                ambiguous, other_way = int(news[differing[0]]), other
                break
    lengths = np.diff(np.append(news, len(text)))
    return Numbers(
        np.repeat(np.array(values, np.int64), lengths),
        np.repeat(np.array(unreadable, bool), lengths),
        best,
        ambiguous,
        other_way,
    )


def hybrid_36(number: int, width: int) -> str | None:
    """Return a number in `width` characters, in hybrid-36 where decimals do not fit; else None.

    Examples
    --------
    >>> hybrid_36(9999, 4), hybrid_36(10000, 4), hybrid_36(10**9, 4)
    ('9999', 'A000', None)
    """
    if -(10 ** (width - 1)) < number < 10**width:
        return str(number)
    capitals = 26 * 36 ** (width - 1)
    rest = number - 10**width
    if not 0 <= rest < 2 * capitals:
        return None
    digits = ""
    value = rest % capitals + 10 * 36 ** (width - 1)
    while value:
        value, digit = divmod(value, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    return digits if rest < capitals else digits.lower()


def _may_be_number(word: str) -> bool:
    return word.isascii() and word.isalnum()


def _unwrapped(values: Integers, width: int, begins: Flags) -> Integers:
    wraps = np.zeros(len(values), np.int64)
    wraps[1:] = (values[1:] >= 0) & (values[1:] <= 1) & (values[:-1] == 10**width - 1) & ~begins[1:]
    count = np.cumsum(wraps)
    # Each chain counts its own.
    chain = np.maximum.accumulate(np.where(begins, np.arange(len(values)), 0))
    return np.asarray(values + 10**width * (count - count[chain]), np.int64)


_Step = Callable[[str, _State | None], _State | None]


def _decoded(words: list[str], fresh: list[bool], step: _Step) -> tuple[list[int], list[bool], int]:
    """Return the values of fields, which have none, and how often they jump within a chain."""
    values, unreadable = [], []
    jumps = 0
    before: _State | None = None
    for word, begins in zip(words, fresh, strict=True):
        state = step(word, None if begins else before)
        if state is not None and before is not None and not begins:
            jumps += not 0 <= state.value - before.value <= 1
        values.append(0 if state is None else state.value)
        unreadable.append(state is None)
        before = state
    return values, unreadable, jumps


def _ways(width: int) -> dict[str, _Step]:
    """Return for each way how a field is read, given the one before it in its chain."""
    last = 10**width - 1
    full = 16**width
    first_hexadecimal = 10 * 16 ** (width - 1)
    first_capital = 10 * 36 ** (width - 1)
    capitals = 26 * 36 ** (width - 1)

    def decimal(word: str, before: _State | None) -> _State | None:
        if not _DECIMAL.fullmatch(word):
            return None
        value = int(word)
        if before is None or not value >= 0:
            return _State(value, False)
        wraps = before.value // (last + 1)
        if before.value % (last + 1) == last and value <= 1:
            wraps += 1
        elif value + wraps * (last + 1) < before.value:
            wraps = 0
        return _State(value + wraps * (last + 1), False)

    def hybrid(word: str, before: _State | None) -> _State | None:
        if len(word) != width or not _HYBRID.fullmatch(word):
            return decimal(word, None if before is None or before.value > last else before)
        value = last + 1 + int(word, 36) - first_capital
        return _State(value if word[0].isupper() else value + capitals, False)

    def openmm(word: str, before: _State | None) -> _State | None:
        if before is not None and before.is_hexadecimal and _CAPITAL_HEXADECIMAL.fullmatch(word):
            cycles, place = divmod(before.value - last - 1 + first_hexadecimal, full)
            number = int(word, 16)
            wrapped = place == full - 1 and number <= 1
            if wrapped or 0 <= number - place <= 1 or not _DECIMAL.fullmatch(word):
                cycles += wrapped
                return _State(last + 1 - first_hexadecimal + number + cycles * full, True)
        if len(word) == width and word[0] in "ABCDEF" and _CAPITAL_HEXADECIMAL.fullmatch(word):
            return _State(last + 1 + int(word, 16) - first_hexadecimal, True)
        return decimal(word, None if before is None or before.is_hexadecimal else before)

    def vmd(word: str, before: _State | None) -> _State | None:
        if len(word) == width and _SMALL_HEXADECIMAL.fullmatch(word):
            value = int(word, 16)
            goes_on = before is not None and (before.is_hexadecimal or before.value == last)
            if value > last and (goes_on or not _DECIMAL.fullmatch(word)):
                return _State(value, True)
        return decimal(word, None if before is None or before.is_hexadecimal else before)

    return {HYBRID_36: hybrid, HEXADECIMAL_OF_OPENMM: openmm, HEXADECIMAL_OF_VMD: vmd}

"""Lines of a PDB file that were meant to be records, and do not say so where they have to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MEANT = re.compile(rb"(ATOM|HETATM)\d*(\s|$)|CRYST1$")
_NAMES = (b"ATOM", b"HETATM", b"CRYST1")
_SHORTEST = 3  # letters that tell a name of which indentation has pushed the rest out
_NUMBERS = 3  # with a decimal point, of a position or a cell; free text has fewer


def is_disguised(record: bytes) -> bool:
    """Tell whether a line is an atom or a cell to a human, but not by its first six columns.

    Parameters
    ----------
    record : bytes
        The first six columns, of a line that has not been taken for an atom.

    Examples
    --------
    >>> [is_disguised(record) for record in (b" ATOM", b"atom", b"ATOM12", b"  HETA", b" CRYST")]
    [True, True, True, True, True]
    >>> [is_disguised(record) for record in (b"HET", b"ANISOU", b"CRYST1", b"Atomic", b"")]
    [False, False, False, False, False]
    """
    if record == b"CRYST1":
        return False
    word = record.strip().upper()
    is_pushed = record[:1].isspace() and len(word) >= _SHORTEST
    return bool(_MEANT.match(word)) or (is_pushed and any(name.startswith(word) for name in _NAMES))


def disguise(rows: Iterable[int], line: Callable[[int], bytes]) -> tuple[int, str] | None:
    """Say what is wrong with the first line that would be passed over and must not be.

    Parameters
    ----------
    rows : iterable of int
        The first line, and those of which `is_disguised` is true; from 0, rising.
    line : callable
        Gives a line by its row.

    Returns
    -------
    (int, str) or None
        Its row, and the problem; None when there is none.
    """
    for row in rows:
        text = line(row)
        if row == 0 and text.startswith(_BYTE_ORDER_MARK):
            return row, "the file begins with a byte order mark; save it as text without one"
        if is_disguised(text[:6]) and text.count(b".") >= _NUMBERS:
            return row, (
                "expected ATOM, HETATM or CRYST1 in capitals from column 1 on and a blank behind, "
                f"found {text[:30].decode('latin-1')!r}"
            )
    return None

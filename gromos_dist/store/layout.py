"""How blocks are cut, so that some rows, frames mostly, can be read without the others."""

from __future__ import annotations

_BYTES_OF_A_CHUNK = 1024 * 1024


def rows_of_a_chunk(rows: int, row_bytes: int) -> int:
    """Return into how many rows to cut a block of `rows`: a divisor, for about 1 MiB.

    Examples
    --------
    >>> rows_of_a_chunk(100, 100_000)
    10
    """
    most = max(1, min(rows, _BYTES_OF_A_CHUNK // max(1, row_bytes)))
    return next(size for size in range(most, 0, -1) if rows % size == 0)

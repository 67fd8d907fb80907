"""The text of a file, compressed or not: all of it once, or parts from any place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TrajectoryError
from gromos_dist.input_file import opened
from gromos_dist.io.index import gzip_access
from gromos_dist.io.index.frame_index import StoredArrays
from gromos_dist.io.index.gzip_access import Fill, ReadInto

_T = TypeVar("_T")


def is_compressed(path: str) -> bool:
    """Say whether a file is gzip, by its name."""
    return path.lower().endswith(".gz")


def read_through(
    path: str, use: Callable[[ReadInto], _T], begin: int = 0
) -> tuple[_T, dict[str, NDArray[Any]]]:
    """Return what `use` makes of the text of a file, and the arrays for its frame index.

    Parameters
    ----------
    path : str
        The file.
    use : callable
        Takes a function that gives the text piece by piece. Of a compressed file it may be called
        twice: see `gzip_access.inflated`.
    begin : int
        From which byte of the text on; compressed text begins at 0 always.

    Raises
    ------
    TrajectoryError
        The file is empty, or its gzip stream is damaged.
    """
    if is_compressed(path):
        return gzip_access.inflated(path, use)
    with opened(path) as file:
        if os.fstat(file).st_size == 0:
            raise TrajectoryError(f"{path}: the file is empty; there is no whole frame")
        at = begin

        def read_into(buffer: NDArray[np.uint8]) -> int:
            nonlocal at
            n_bytes = os.preadv(file, [buffer.data], at)
            at += n_bytes
            return n_bytes

        return use(read_into), {}


def text_size(path: str, size: int, index: StoredArrays) -> int:
    """Return how long the text of a file of `size` bytes is, as its index says.

    Raises
    ------
    DamagedIndexError
        The index does not fit the file.
    """
    if not is_compressed(path):
        return size
    gzip_access.check_arrays(index, size)
    return int(index["gzip_text"][0])


@contextmanager
def read_range(path: str, index: StoredArrays, begin: int, end: int) -> Iterator[Fill]:
    """Yield a function that fills a buffer with text from an offset within ``[begin, end)``.

    Raises
    ------
    TrajectoryError
        The file is damaged, or has become shorter since it was indexed.
    """
    if is_compressed(path):
        with gzip_access.read_range(path, index, begin, end) as fill:
            yield fill
        return
    with opened(path) as file:

        def fill_plain(buffer: NDArray[np.uint8], offset: int) -> None:
            done = 0
            while done < len(buffer):
                n_bytes = os.preadv(file, [buffer[done:].data], offset + done)
                if n_bytes == 0:
                    raise TrajectoryError(
                        f"{path}: the file ends at byte {offset + done}, expected at least "
                        f"{offset + len(buffer)}: it has become shorter since it was opened"
                    )
                done += n_bytes

        yield fill_plain

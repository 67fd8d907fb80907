"""Reading whole text files, and the fixed columns in their lines, with NumPy."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.input_file import require_regular

_NEWLINE, _SPACE = 10, 32


def read_bytes(path: str | Path, error_type: type[OSError] = TopologyError) -> bytes:
    """Return a file's content, unpacked when it is gzip (told by its first bytes).

    Raises
    ------
    OSError
        The operating system refused, or it is not a regular file.
    TopologyError
        The file is empty, or its gzip stream is damaged (`error_type`, to be exact).
    """
    require_regular(path)
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise error_type(
                f"{path}: the gzip stream is damaged ({error}); fetch the file again"
            ) from error
    if not data.strip():
        raise error_type(f"{path}: the file is empty")
    return data


def read_lines(path: str | Path, error_type: type[OSError] = TopologyError) -> list[str]:
    """Return a file's lines, without their ends; bytes that are not UTF-8 are replaced."""
    return read_bytes(path, error_type).decode("utf-8", errors="replace").splitlines()


class TextColumns:
    """Fixed columns of a text file, cut out for many lines at once.

    Parameters
    ----------
    data : bytes
        The file's content. Text beyond ASCII is taken as Latin-1.
    """

    def __init__(self, data: bytes) -> None:
        self._bytes = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(self._bytes == _NEWLINE)
        if not data.endswith(b"\n"):
            ends = np.append(ends, len(data))
        self._ends = ends
        self._starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def line(self, row: int) -> str:
        """Return one line, without its end."""
        line = self._bytes[self._starts[row] : self._ends[row]].tobytes()
        return line.decode("latin-1").rstrip("\r")

    def lengths(self, rows: NDArray[np.int64] | slice) -> NDArray[np.int64]:
        """Return how many characters lines have."""
        return np.asarray(self._ends[rows] - self._starts[rows], dtype=np.int64)

    def text(self, rows: NDArray[np.int64] | slice, start: int, stop: int) -> NDArray[np.str_]:
        """Return columns `start` to `stop` (from 0) of lines, stripped, shape (lines,)."""
        places = self._starts[rows][:, None] + np.arange(start, stop)
        beyond = places >= self._ends[rows][:, None]
        np.minimum(places, len(self._bytes) - 1, out=places)
        characters = self._bytes[places].astype(np.uint32)
        characters[beyond] = _SPACE
        text = characters.view(f"<U{stop - start}")[:, 0]
        return np.asarray(np.char.strip(text))


def integers(text: NDArray[np.str_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return integers of an array of str, and where there are none (0 stands there)."""
    try:
        return text.astype(np.int64), np.zeros(len(text), dtype=bool)
    except ValueError:
        values = [_integer(word) for word in text.tolist()]
    bad = np.array([value is None for value in values], dtype=bool)
    return np.array([value or 0 for value in values], dtype=np.int64), bad


def _integer(word: str) -> int | None:
    try:
        return int(word)
    except ValueError:
        return None

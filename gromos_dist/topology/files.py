"""Reading whole text files, and the fixed columns in their lines, with NumPy."""

from __future__ import annotations

import gzip
import mmap
import os
import zlib
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.input_file import opened, require_regular

_NEWLINE, _SPACE = 10, 32
_GZIP = b"\x1f\x8b"
_PIECE = 1 << 22


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
    if data[:2] == _GZIP:
        try:
            data = gzip.decompress(data)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise damaged_gzip(path, error, error_type) from error
    if not data.strip():
        raise error_type(f"{path}: the file is empty")
    return data


def is_gzip(path: str | Path) -> bool:
    """Tell whether a file is gzip, by its first bytes."""
    with opened(path) as file:
        return os.pread(file, 2, 0) == _GZIP


def damaged_gzip(
    path: str | Path, error: Exception, error_type: type[OSError] = TopologyError
) -> OSError:
    """Return the error for a gzip stream that cannot be unpacked."""
    return error_type(f"{path}: the gzip stream is damaged ({error}); fetch the file again")


def read_lines(path: str | Path, error_type: type[OSError] = TopologyError) -> list[str]:
    """Return a file's lines, without their ends; bytes that are not UTF-8 are replaced."""
    return read_bytes(path, error_type).decode("utf-8", errors="replace").splitlines()


def read_ends(path: str | Path, mark: bytes) -> TextColumns:
    """Return a file's lines without what is between the first and the last that begin with `mark`.

    What is between is not read, but for gzip, so that the first model of a long trajectory costs no
    more than it needs. Errors are those of `read_bytes`.
    """
    with opened(path) as file:
        if os.fstat(file).st_size and os.pread(file, 2, 0) != _GZIP:
            with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as text:
                first, last = text.find(b"\n" + mark), text.rfind(b"\n" + mark)
                if first != last:
                    ends = text[: first + 1] + text[last + 1 :]
                    return TextColumns(ends, (str(path), first + 1, last + 1))
    return TextColumns(read_bytes(path))


def read_first_lines(path: str | Path, n_lines: int) -> TextColumns:
    """Return the first lines of a file, fewer if it has no more; errors as `read_bytes`."""
    try:
        with gzip.open(path) if is_gzip(path) else Path(path).open("rb") as text:
            data = b"".join(islice(text, n_lines))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged_gzip(path, error) from error
    if not data.strip():
        raise TopologyError(f"{path}: the file is empty")
    return TextColumns(data)


class TextColumns:
    """Fixed columns of a text file, cut out for many lines at once.

    Parameters
    ----------
    data : bytes
        The file's content. Text beyond ASCII is taken as Latin-1.
    left_out : (path, begin, end), optional
        A file and the bytes of it that are not in `data`: whole lines.
    """

    def __init__(self, data: bytes, left_out: tuple[str, int, int] | None = None) -> None:
        self._left_out = left_out
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

    def number(self, row: int) -> int:
        """Return the number of a line in the file, from 1."""
        if self._left_out is None or self._starts[row] < self._left_out[1]:
            return row + 1
        path, begin, end = self._left_out
        skipped = 0
        with Path(path).open("rb") as file:
            file.seek(begin)
            while begin < end:
                piece = file.read(min(_PIECE, end - begin))
                skipped += piece.count(b"\n")
                begin += len(piece) or end
        return row + 1 + skipped

    def lengths(self, rows: NDArray[np.int64] | slice) -> NDArray[np.int64]:
        """Return how many characters lines have."""
        return np.asarray(self._ends[rows] - self._starts[rows], dtype=np.int64)

    def text(self, rows: NDArray[np.int64] | slice, start: int, stop: int) -> NDArray[np.str_]:
        """Return columns `start` to `stop` (from 0) of lines, stripped, shape (lines,)."""
        return np.asarray(np.char.strip(self.padded_text(rows, start, stop)))

    def padded_text(
        self, rows: NDArray[np.int64] | slice, start: int, stop: int
    ) -> NDArray[np.str_]:
        """Return columns `start` to `stop` (from 0) of lines as they are, shape (lines,)."""
        places = self._starts[rows][:, None] + np.arange(start, stop)
        beyond = places >= self._ends[rows][:, None]
        np.minimum(places, len(self._bytes) - 1, out=places)
        characters = self._bytes[places].astype(np.uint32)
        characters[beyond] = _SPACE
        return np.asarray(characters.view(f"<U{stop - start}")[:, 0])


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

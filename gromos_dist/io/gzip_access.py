"""Reading gzip files from any place.

While a file is inflated for the first time, points are noted every few megabytes from which
inflating can begin again; they are kept as arrays of the frame index. A read then takes the few
points around its range, so its cost does not depend on the size of the file.

rapidgzip does the inflating, without the GIL. It aborts the interpreter when one of its files is
still open at exit, so none is ever handed out. It does not read the end of a file that was cut off:
zlib does, from the beginning of the file.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rapidgzip
from numpy.typing import NDArray

from gromos_dist.errors import TrajectoryError
from gromos_dist.io.frame_index import DamagedIndexError, StoredArrays

WINDOWS = "gzip_windows"
_CUT = "gzip_cut"
_PIECE = 1 << 18

# rapidgzip takes points for one that are nearer each other than about half of this (bytes of text).
_BEFORE = 1 << 20

# The index format of indexed_gzip, which rapidgzip exports and imports: a header, a point for each
# place (compressed and inflated offset, bits, whether it has a window), the windows.
_HEADER = struct.Struct("<5sBBQQIII")
_POINT = np.dtype([("compressed", "<u8"), ("inflated", "<u8"), ("bits", "u1"), ("window", "u1")])


class CutGzipError(TrajectoryError):
    """A gzip file ends early, or is damaged near its end."""


Fill = Callable[[NDArray[np.uint8], int], None]


@contextmanager
def inflate(path: str) -> Iterator[tuple[Callable[[NDArray[np.uint8]], int], dict[str, Any]]]:
    """Inflate a file from its beginning to its end.

    Yields a function that fills as much of a buffer as it can and returns how much (0: the end),
    and a dict that holds the arrays for the frame index once the end was reached.

    Raises
    ------
    TrajectoryError
        The file is no gzip file or is damaged.
    CutGzipError
        It ends early, or is damaged: `inflate_cut` tells.
    """
    arrays: dict[str, NDArray[Any]] = {}
    size = Path(path).stat().st_size
    with Path(path).open("rb") as raw:
        if raw.read(2) != b"\x1f\x8b":
            raise TrajectoryError(f"{path}: not a gzip file, which its name says it is")
    with _opened(path) as file:

        def read_into(buffer: NDArray[np.uint8]) -> int:
            try:
                n_bytes = _read_into(path, file, buffer)
            except TrajectoryError as error:
                raise CutGzipError(str(error)) from error
            if n_bytes == 0 and not arrays:
                if file.tell_compressed() != 8 * size:
                    raise CutGzipError(
                        f"{path}: the gzip stream ends at byte {file.tell_compressed() // 8} of "
                        f"{size}, after {file.tell()} bytes of text"
                    )
                arrays.update(_arrays(file))
            return n_bytes

        yield read_into, arrays


@contextmanager
def inflate_cut(
    path: str, error: CutGzipError
) -> Iterator[tuple[Callable[[NDArray[np.uint8]], int], dict[str, NDArray[Any]]]]:
    """Inflate what there is of a file that ends early; the same as `inflate`, and slower.

    Raises
    ------
    TrajectoryError
        The file is damaged, or it does not end early: then `error` itself.
    """
    with _CutStream(path) as stream:

        def read_into(buffer: NDArray[np.uint8]) -> int:
            n_bytes = stream.read_into(buffer)
            if n_bytes == 0 and not stream.is_cut:
                raise error
            return n_bytes

        yield read_into, {**_points_before_cut(path), _CUT: np.ones(1, "<i8")}


class _CutStream:
    """The text of a gzip file that may end anywhere, from its beginning on."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.position = 0
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115
        self._inflater = zlib.decompressobj(31)

    def __enter__(self) -> _CutStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_cut(self) -> bool:
        """Whether the stream that was read last has no end."""
        return not self._inflater.eof

    def read_into(self, buffer: NDArray[np.uint8]) -> int:
        """Fill some of a buffer; 0 at the end."""
        while True:
            if self._inflater.eof:
                rest = self._inflater.unused_data.lstrip(b"\0") or self._file.read(_PIECE)
                if not rest.strip(b"\0"):
                    return 0
                self._inflater = zlib.decompressobj(31)
            else:
                rest = self._inflater.unconsumed_tail or self._file.read(_PIECE)
            try:
                text = self._inflater.decompress(rest, len(buffer))
            except zlib.error as error:
                raise _damaged(self.path, self.position, error) from error
            if text:
                buffer[: len(text)] = np.frombuffer(text, np.uint8)
                self.position += len(text)
                return len(text)
            if not rest:
                return 0


def _points_before_cut(path: str) -> dict[str, NDArray[Any]]:
    """Return the points from which rapidgzip can inflate, as far as there are any."""
    buffer = np.empty(1 << 20, np.uint8)
    try:
        with _opened(path) as file:
            while _read_into(path, file, buffer):
                pass
            return _arrays(file)
    except (TrajectoryError, RuntimeError, ValueError):
        return {}


@contextmanager
def _read_cut_range(path: str) -> Iterator[Fill]:
    with _CutStream(path) as first:
        stream, skipped = first, np.empty(1 << 20, np.uint8)

        def fill(buffer: NDArray[np.uint8], offset: int) -> None:
            nonlocal stream
            if offset < stream.position:
                stream.__exit__()
                stream = _CutStream(path)
            while stream.position < offset:
                if not stream.read_into(skipped[: offset - stream.position]):
                    break
            done = 0
            while done < len(buffer):
                n_bytes = stream.read_into(buffer[done:])
                if n_bytes == 0:
                    raise _too_short(path, offset + done, offset + len(buffer))
                done += n_bytes

        try:
            yield fill
        finally:
            stream.__exit__()


@contextmanager
def read_range(path: str, index: StoredArrays, begin: int, end: int) -> Iterator[Fill]:
    """Yield a function that fills a buffer from an inflated offset in ``[begin, end)``.

    Raises
    ------
    TrajectoryError
        The file is damaged, or other than when it was indexed.
    """
    if _CUT in index and end > _end_before_cut(index):
        with _read_cut_range(path) as fill_cut:
            yield fill_cut
        return
    points = _part_of_index(path, index, begin, end)
    with _opened(path) as file:
        try:
            file.import_index(io.BytesIO(points))
        except (ValueError, RuntimeError) as error:
            raise TrajectoryError(f"{path}: its gzip index was refused: {error}") from error

        def fill(buffer: NDArray[np.uint8], offset: int) -> None:
            try:
                file.seek(offset)
            except (ValueError, RuntimeError) as error:
                raise _damaged(path, offset, error) from error
            done = 0
            while done < len(buffer):
                n_bytes = _read_into(path, file, buffer[done:])
                if n_bytes == 0:
                    raise _too_short(path, offset + done, offset + len(buffer))
                done += n_bytes

        yield fill


def _end_before_cut(index: StoredArrays) -> int:
    """Return up to which byte of the text of a file that is cut rapidgzip can read."""
    if "gzip_points" not in index:
        return 0
    points = index["gzip_points"].reshape(-1).view(_POINT)
    return int(points["inflated"][-2]) if len(points) > 2 else 0


def _too_short(path: str, found: int, expected: int) -> TrajectoryError:
    return TrajectoryError(
        f"{path}: the gzip stream ends after {found} bytes of text, expected at least {expected}"
    )


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    try:
        file = rapidgzip.open(path, parallelization=1)
    except (ValueError, RuntimeError) as error:
        raise _damaged(path, 0, error) from error
    with closing(file):
        yield file


def _read_into(path: str, file: Any, buffer: NDArray[np.uint8]) -> int:
    offset = file.tell()
    try:
        return int(file.readinto(buffer))
    except (ValueError, RuntimeError) as error:
        raise _damaged(path, offset, error) from error


def _damaged(path: str, offset: int, error: Exception) -> TrajectoryError:
    return TrajectoryError(
        f"{path}: the gzip stream is damaged or cut off, behind byte {offset} of the text: {error}"
    )


def _arrays(file: Any) -> dict[str, NDArray[Any]]:
    exported = io.BytesIO()
    file.export_index(exported)
    data = exported.getvalue()
    magic, version, _, compressed, inflated, spacing, window_size, n_points = _HEADER.unpack_from(
        data
    )
    if magic != b"GZIDX" or version != 1:
        raise RuntimeError(f"rapidgzip exported an index of an unknown format: {data[:6]!r}")
    points = np.frombuffer(data, _POINT, n_points, _HEADER.size)
    n_windows = int(np.count_nonzero(points["window"]))
    start = _HEADER.size + points.nbytes
    windows = np.frombuffer(data, np.uint8, n_windows * window_size, start)
    windows = windows.reshape(n_windows, window_size)
    return {
        "gzip_sizes": np.array([compressed, inflated, spacing, window_size], "<i8"),
        "gzip_points": points.view(np.uint8).reshape(n_points, _POINT.itemsize),
        WINDOWS: windows,
        "gzip_windows_crc": np.array([zlib.crc32(window.data) for window in windows], "<u4"),
    }


def _part_of_index(path: str, index: StoredArrays, begin: int, end: int) -> bytes:
    """Return what rapidgzip needs to read a range, in the form it imports."""
    points = index["gzip_points"].reshape(-1).view(_POINT)
    compressed, inflated, spacing, window_size = index["gzip_sizes"].tolist()
    # What begins at the first point of an index rapidgzip takes for the beginning of the stream,
    # and checks its CRC-32 at the end.
    inflated_at = points["inflated"].astype("<i8")
    needed = max(0, int(np.searchsorted(inflated_at, begin, "right")) - 1)
    before = int(np.searchsorted(inflated_at, inflated_at[needed] - _BEFORE, "right")) - 1
    first = max(0, min(needed - 1, before))
    last = min(len(points), int(np.searchsorted(points["inflated"], end, "left")) + 1)
    n_before = int(np.count_nonzero(points["window"][:first]))
    n_windows = int(np.count_nonzero(points["window"][first:last]))
    try:
        windows = index.rows(WINDOWS, n_before, n_before + n_windows)
        expected = index["gzip_windows_crc"][n_before : n_before + n_windows].tolist()
        if [zlib.crc32(window.data) for window in windows] != expected:
            raise DamagedIndexError(f"{index.path}: damaged array {WINDOWS!r}")
    except (OSError, DamagedIndexError) as error:
        raise TrajectoryError(
            f"{path}: its frame index is gone or damaged since it was opened ({error}); delete "
            "what is left of the index and open the file again"
        ) from error
    header = _HEADER.pack(b"GZIDX", 1, 0, compressed, inflated, spacing, window_size, last - first)
    return header + points[first:last].tobytes() + windows.tobytes()

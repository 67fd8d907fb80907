"""Reading gzip files from any place.

While a file is inflated for the first time, points are noted every few megabytes from which
inflating can begin again, and a checksum of every stretch of its text; they are kept as arrays of
the frame index. A read then takes the few points around its range, so its cost does not depend on
the size of the file, and compares what it got with the checksums.

rapidgzip does the inflating, without the GIL. It aborts the interpreter when one of its files is
still open at exit, so none is ever handed out. It does not read the end of a file that was cut off,
nor what lies before padding, and crashes where there is not enough address space: there zlib does
the work, from the point before.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import rapidgzip
from numpy.typing import NDArray

from gromos_dist.errors import TrajectoryError
from gromos_dist.input_file import opened, require_regular
from gromos_dist.io.index.frame_index import DamagedIndexError, StoredArrays

WINDOWS = "gzip_windows"
CUT = "gzip_cut"
"""The array that the index of a file has which ends early."""

_END = "gzip_end"
_PIECE = 1 << 18
_MAGIC = b"\x1f\x8b"
_FOOTER_BYTES = 8

# The text is checked in stretches of this many bytes.
_STRETCH = 1 << 18

# rapidgzip takes points for one that are nearer each other than about half of this (bytes of text).
_BEFORE = 1 << 20

# The index format of indexed_gzip, which rapidgzip exports and imports: a header, a point for each
# place (compressed and inflated offset, bits, whether it has a window), the windows.
_HEADER = struct.Struct("<5sBBQQIII")
_POINT = np.dtype([("compressed", "<u8"), ("inflated", "<u8"), ("bits", "u1"), ("window", "u1")])
_WINDOW_BYTES = 1 << 15

# rapidgzip reserves 1.3 GB of addresses at once, and more with every thread that uses it.
_ADDRESSES = 3 << 30

# No byte of a gzip file stands for more text than this.
_MOST_TEXT = 1032


class CutGzipError(TrajectoryError):
    """A gzip file ends early, is damaged near its end, or is not all that is in the file."""


ReadInto = Callable[[NDArray[np.uint8]], int]
"""Fill as much of a buffer as can be with the text that follows, and return how much (0: end)."""
Fill = Callable[[NDArray[np.uint8], int], None]
"""Fill a buffer with text from an offset."""
_T = TypeVar("_T")


# ---- from the beginning to the end ----


def inflated(path: str, use: Callable[[ReadInto], _T]) -> tuple[_T, dict[str, NDArray[Any]]]:
    """Return what `use` makes of the text of a whole file, and the arrays for its frame index.

    Of a file that ends early the text is what there is; there is an array ``CUT`` then. Zeros
    behind the last member, as tapes and disks pad files, are no text. `use` may be called twice.

    Raises
    ------
    TrajectoryError
        The file is no gzip file or is damaged.
    """
    with opened(path) as raw:
        first = os.pread(raw, 2, 0)
    if not first:
        raise TrajectoryError(f"{path}: the file is empty")
    if first != _MAGIC:
        raise TrajectoryError(f"{path}: not a gzip file, which its name says it is")
    if not _has_room():
        return _inflated_slowly(path, use, None)
    try:
        return _inflated_quickly(path, use)
    except CutGzipError as error:
        return _inflated_slowly(path, use, error)


def _inflated_quickly(
    path: str, use: Callable[[ReadInto], _T]
) -> tuple[_T, dict[str, NDArray[Any]]]:
    size = os.stat(path).st_size  # noqa: PTH116
    sums = _Checksums()
    with _opened(path) as file:

        def read_into(buffer: NDArray[np.uint8]) -> int:
            try:
                n_bytes = _read_into(path, file, buffer)
            except TrajectoryError as error:
                raise CutGzipError(str(error)) from error
            if n_bytes == 0 and file.tell_compressed() != 8 * size:
                raise CutGzipError(
                    f"{path}: the gzip stream ends at byte {file.tell_compressed() // 8} of "
                    f"{size}, after {file.tell()} bytes of text"
                )
            sums.add(buffer[:n_bytes])
            return n_bytes

        result = use(read_into)
        rest = np.empty(_PIECE, np.uint8)
        while read_into(rest):
            pass
        arrays = {**_arrays(file), **sums.arrays()}
    _require_clean_end(path, arrays)
    return result, arrays


def _require_clean_end(path: str, arrays: dict[str, NDArray[Any]]) -> None:
    """See that zlib, too, finds the end of the text at the end of the file.

    rapidgzip takes a few bytes behind the last member, the header of another one among them, for
    part of it.
    """
    length = int(arrays["gzip_text"][0])
    index = StoredArrays("", arrays, {})
    with _Stream(path, _start_before(path, index, length)) as stream:
        stream.skip(length + 1)
        if stream.is_cut or stream.padding or stream.position != length:
            raise CutGzipError(f"{path}: the gzip stream does not end where the file does")


def _inflated_slowly(
    path: str, use: Callable[[ReadInto], _T], error: CutGzipError | None
) -> tuple[_T, dict[str, NDArray[Any]]]:
    """Inflate with zlib what there is; raise `error` if it does not end early, nor is padded."""
    sums = _Checksums()
    with _Stream(path) as stream:

        def read_into(buffer: NDArray[np.uint8]) -> int:
            n_bytes = stream.read_into(buffer)
            if n_bytes == 0 and error and not stream.is_cut and not stream.padding:
                raise error
            sums.add(buffer[:n_bytes])
            return n_bytes

        result = use(read_into)
        rest = np.empty(_PIECE, np.uint8)
        while read_into(rest):
            pass
        arrays = sums.arrays()
        end = stream.at - stream.padding
        if stream.is_cut:
            arrays[CUT] = np.ones(1, "<i8")
        if stream.padding:
            arrays[_END] = np.array([end], "<i8")
    return result, {**arrays, **(_points_before_end(path, end) if error else {})}


class _Checksums:
    """CRC-32 of each stretch of a text."""

    def __init__(self) -> None:
        self._done: list[int] = []
        self._last = 0
        self._length = 0

    def add(self, text: NDArray[np.uint8]) -> None:
        """Take the text that follows."""
        while len(text):
            some = text[: _STRETCH - self._length % _STRETCH]
            self._last = zlib.crc32(some.data, self._last)
            self._length += len(some)
            text = text[len(some) :]
            if self._length % _STRETCH == 0:
                self._done.append(self._last)
                self._last = 0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return them, and the length of the text."""
        last = [self._last] if self._length % _STRETCH else []
        return {
            "gzip_text": np.array([self._length], "<i8"),
            "gzip_text_crc": np.array(self._done + last, "<u4"),
        }


def _points_before_end(path: str, end: int) -> dict[str, NDArray[Any]]:
    """Return the points of what lies before a byte of the file, as far as there are any."""
    buffer = np.empty(1 << 20, np.uint8)
    try:
        with _opened(path, end) as file:
            while _read_into(path, file, buffer):
                pass
            return _arrays(file)
    except (TrajectoryError, RuntimeError, ValueError):
        return {}


@cache
def _has_room() -> bool:
    """Say whether rapidgzip can have the addresses that it needs; once it has them, it has."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return True
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    if limit - used >= _ADDRESSES:
        return True
    warnings.warn(
        f"address space is limited (ulimit -v) to {limit >> 20} MiB: compressed files are read "
        f"with zlib, slowly where their index is not yet made; with {_ADDRESSES >> 20} MiB more "
        "than is in use, or without a limit, they are not",
        stacklevel=2,
    )
    return False


# ---- zlib ----


class _Start(NamedTuple):
    """A place from which a stream can be inflated."""

    compressed: int
    bits: int
    inflated: int
    window: bytes


class _Stream:
    """The text of a gzip file that may end anywhere, from some place on."""

    def __init__(self, path: str, start: _Start | None = None) -> None:
        self.path = path
        self.position = start.inflated if start else 0
        """Of the text that comes next."""
        self.at = 0
        """Of the compressed bytes that come next from the file."""
        self.padding = 0
        """How many zeros lie behind the last member."""
        self._rest = b""
        self._is_ended = False
        self._lacks_footer = False
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115
        self._is_raw = start is not None
        self._inflater = zlib.decompressobj(31)
        if start:
            self._begin_at(start)

    def _begin_at(self, start: _Start) -> None:
        """Prepare what the stream needs to begin at a place, which may lie within a byte."""
        self.at = start.compressed
        n_filled = -start.bits % 8
        bits, dictionary, n_before = _filler(n_filled, start.window)
        self.position -= n_before
        self._inflater = zlib.decompressobj(-15, zdict=dictionary)
        if n_filled:
            first = os.pread(self._file.fileno(), 1, start.compressed - 1)[0]
            bits += [first >> i & 1 for i in range(n_filled, 8)]
            self._rest = np.packbits(bits, bitorder="little").tobytes()

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_cut(self) -> bool:
        """Whether the stream that was read last has no end."""
        return self._lacks_footer or not self._inflater.eof

    def read_into(self, buffer: NDArray[np.uint8]) -> int:
        """Fill some of a buffer; 0 at the end."""
        while True:
            if self._inflater.eof and not self._begin_member():
                return 0
            rest = self._rest or self._take()
            try:
                text = self._inflater.decompress(rest, len(buffer))
            except zlib.error as error:
                raise _damaged(self.path, self.position, error) from error
            self._rest = self._inflater.unconsumed_tail
            if text:
                buffer[: len(text)] = np.frombuffer(text, np.uint8)
                self.position += len(text)
                return len(text)
            if not rest:
                return 0

    def skip(self, offset: int) -> None:
        """Inflate up to an offset of the text, or to the end."""
        buffer = np.empty(1 << 20, np.uint8)
        while self.position < offset and self.read_into(buffer[: offset - self.position]):
            pass

    def _take(self) -> bytes:
        """Return what comes next of the compressed bytes."""
        data = os.pread(self._file.fileno(), _PIECE, self.at)
        self.at += len(data)
        return data

    def _begin_member(self) -> bool:
        """Go on to the next member of the file, if there is one."""
        if self._is_ended:
            return False
        begin = self.at - len(self._inflater.unused_data)
        begin += _FOOTER_BYTES if self._is_raw else 0
        size = os.fstat(self._file.fileno()).st_size
        self._lacks_footer = begin > size
        self._rest, self.at = b"", min(begin, size)
        found = os.pread(self._file.fileno(), 2, begin)
        if found == _MAGIC:
            self._inflater, self._is_raw = zlib.decompressobj(31), False
            return True
        while data := os.pread(self._file.fileno(), _PIECE, self.at):
            if data.strip(b"\0"):
                raise TrajectoryError(
                    f"{self.path}: the gzip stream ends at byte {begin} of {size}, after "
                    f"{self.position} bytes of text; expected nothing, zeros or another gzip "
                    f"stream behind it, found {data.lstrip(bytes(1))[:8]!r}: the file is damaged, "
                    "or something else was appended"
                )
            self.at += len(data)
        self.padding = max(0, self.at - begin)
        self._is_ended = True
        return False


def _filler(n_bits: int, window: bytes) -> tuple[list[int], bytes, int]:
    """Return blocks of deflate that end `n_bits` behind the beginning of a byte.

    zlib in Python begins with whole bytes only. A block of nothing has 10 bits. For odd numbers
    there is one of 35 bits, which repeats what stood 32768 bytes before.

    Returns
    -------
    bits : list of int
        In the order in which they are read.
    dictionary : bytes
        What stands before the blocks, so that behind them it is `window`.
    n_before : int
        How many bytes of the window the blocks give.
    """
    bits: list[int] = []
    n_before = 3 * (n_bits % 2)
    if n_before:
        # Not the last block, fixed codes; three bytes, from as far as can be; the end.
        bits += [0, 1, 0, *(0, 0, 0, 0, 0, 0, 1), *(1, 1, 1, 0, 1), *(1,) * 13, *(0,) * 7]
    while len(bits) % 8 != n_bits:
        bits += [0, 1, 0, *(0,) * 7]
    return bits, window[len(window) - n_before :] + window[: len(window) - n_before], n_before


# ---- from any place ----


@contextmanager
def read_range(path: str, index: StoredArrays, begin: int, end: int) -> Iterator[Fill]:
    """Yield a function that fills a buffer from an inflated offset in ``[begin, end)``.

    Raises
    ------
    TrajectoryError
        The file is damaged, or other than when it was indexed.
    """
    length = int(index["gzip_text"][0])
    begin = begin // _STRETCH * _STRETCH
    end = max(begin, min(length, -(-end // _STRETCH) * _STRETCH))
    is_quick = "gzip_points" in index and (CUT not in index or end <= _end_before_cut(index))
    way = _quick_range if is_quick and _has_room() else _slow_range
    with way(path, index, begin, end) as fill:
        yield _Checked(path, index, fill)


class _Checked:
    """Fills buffers with text whose checksums are those of the index."""

    def __init__(self, path: str, index: StoredArrays, fill: Fill) -> None:
        self._path = path
        self._sums = index["gzip_text_crc"]
        self._length = int(index["gzip_text"][0])
        self._fill = fill
        self._number = -1
        self._stretch = np.empty(0, np.uint8)

    def __call__(self, buffer: NDArray[np.uint8], offset: int) -> None:
        """Fill a buffer from an offset."""
        if offset + len(buffer) > self._length:
            raise _too_short(self._path, self._length, offset + len(buffer))
        done = 0
        while done < len(buffer):
            number, skip = divmod(offset + done, _STRETCH)
            size = min(_STRETCH, self._length - number * _STRETCH)
            if not skip and len(buffer) - done >= size:
                self._read(number, buffer[done : done + size])
                done += size
                continue
            if number != self._number:
                self._stretch, self._number = np.empty(size, np.uint8), -1
                self._read(number, self._stretch)
                self._number = number
            part = self._stretch[skip : skip + len(buffer) - done]
            buffer[done : done + len(part)] = part
            done += len(part)

    def _read(self, number: int, stretch: NDArray[np.uint8]) -> None:
        self._fill(stretch, number * _STRETCH)
        if zlib.crc32(stretch.data) != self._sums[number]:
            raise TrajectoryError(
                f"{self._path}: bytes {number * _STRETCH} to {number * _STRETCH + len(stretch)} of "
                "its text are not those that were there when its index was made: the file is "
                "damaged, or was changed; fetch it again"
            )


@contextmanager
def _quick_range(path: str, index: StoredArrays, begin: int, end: int) -> Iterator[Fill]:
    points = _part_of_index(path, index, begin, end)
    with _opened(path, int(index[_END][0]) if _END in index else None) as file:
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


@contextmanager
def _slow_range(path: str, index: StoredArrays, begin: int, _end: int) -> Iterator[Fill]:
    stream = _Stream(path, _start_before(path, index, begin))

    def fill(buffer: NDArray[np.uint8], offset: int) -> None:
        nonlocal stream
        if offset < stream.position:
            stream.__exit__()
            stream = _Stream(path, _start_before(path, index, offset))
        stream.skip(offset)
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


def _start_before(path: str, index: StoredArrays, offset: int) -> _Start | None:
    """Return the last point before an offset of the text; None for the beginning of the file."""
    if "gzip_points" not in index:
        return None
    points = index["gzip_points"].reshape(-1).view(_POINT)
    with_window = np.flatnonzero(points["window"])
    behind = int(np.searchsorted(points["inflated"][with_window], offset, "right"))
    if behind == 0:
        return None
    compressed, inflated_at, bits, _ = points[with_window[behind - 1]].tolist()
    window = _windows(path, index, behind - 1, behind)[0].tobytes()
    return _Start(compressed, bits, inflated_at, window)


def _end_before_cut(index: StoredArrays) -> int:
    """Return up to which byte of the text of a file that is cut rapidgzip can read."""
    points = index["gzip_points"].reshape(-1).view(_POINT)
    return int(points["inflated"][-2]) if len(points) > 2 else 0


def _too_short(path: str, found: int, expected: int) -> TrajectoryError:
    return TrajectoryError(
        f"{path}: the gzip stream ends after {found} bytes of text, expected at least {expected}"
    )


# ---- rapidgzip ----


class _Beginning(io.RawIOBase):
    """The first bytes of a file as a file."""

    def __init__(self, path: str, size: int) -> None:
        super().__init__()
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        some = memoryview(buffer)[: max(0, self._size - self._at)]
        n_bytes = os.preadv(self._file.fileno(), [some], self._at)
        self._at += n_bytes
        return n_bytes

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _opened(path: str, size: int | None = None) -> Iterator[Any]:
    """Open a file, or its first so many bytes, with rapidgzip."""
    require_regular(path)
    try:
        what = path if size is None else _Beginning(path, size)
        file = rapidgzip.open(what, parallelization=1)
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
    magic, version, _, compressed, inflated_size, spacing, window_size, n_points = (
        _HEADER.unpack_from(data)
    )
    if magic != b"GZIDX" or version != 1 or window_size != _WINDOW_BYTES:
        raise RuntimeError(f"rapidgzip exported an index of an unknown format: {data[:6]!r}")
    points = np.frombuffer(data, _POINT, n_points, _HEADER.size)
    n_windows = int(np.count_nonzero(points["window"]))
    start = _HEADER.size + points.nbytes
    windows = np.frombuffer(data, np.uint8, n_windows * window_size, start)
    windows = windows.reshape(n_windows, window_size)
    return {
        "gzip_sizes": np.array([compressed, inflated_size, spacing, window_size], "<i8"),
        "gzip_points": points.view(np.uint8).reshape(n_points, _POINT.itemsize),
        WINDOWS: windows,
        "gzip_windows_crc": np.array([zlib.crc32(window.data) for window in windows], "<u4"),
    }


def check_arrays(index: StoredArrays, file_size: int) -> None:
    """See that the arrays of an index fit a file of that size, and each other.

    Raises
    ------
    DamagedIndexError
        They do not.
    """
    text, sums = index["gzip_text"], index["gzip_text_crc"]
    good = (
        text.shape == (1,)
        and 0 <= text[0] <= _MOST_TEXT * file_size
        and sums.dtype == "<u4"
        and sums.shape == (-(-int(text[0]) // _STRETCH),)
        and (_END not in index or 0 < index[_END][0] <= file_size)
    )
    if good and "gzip_points" in index:
        points = index["gzip_points"]
        good = points.dtype == np.uint8 and points.ndim == 2 and points.shape[1] == _POINT.itemsize
        if good:
            points = points.reshape(-1).view(_POINT)
            n_windows = int(np.count_nonzero(points["window"]))
            _, dtype, shape = index.places.get(WINDOWS, (0, np.dtype("u1"), ()))
            compressed, inflated_at = points["compressed"], points["inflated"]
            good = (
                len(points) > 0
                and index["gzip_sizes"].shape == (4,)
                and 0 < index["gzip_sizes"][0] <= file_size
                and 0 <= index["gzip_sizes"][1] <= text[0]
                and 0 < index["gzip_sizes"][2] < 2**32
                and index["gzip_sizes"][3] == _WINDOW_BYTES
                and bool((compressed[1:] >= compressed[:-1]).all())
                and bool((inflated_at[1:] >= inflated_at[:-1]).all())
                and int(compressed[-1]) <= file_size
                and int(inflated_at[-1]) <= text[0]
                and bool((points["bits"] < 8).all())
                and bool((points["window"] < 2).all())
                and index["gzip_windows_crc"].shape == (n_windows,)
                and (WINDOWS in index or (dtype == np.uint8 and shape[0] == n_windows))
                and (WINDOWS in index or shape[1:] == (_WINDOW_BYTES,))
            )
    if not good:
        raise DamagedIndexError(f"{index.path}: its points of access do not fit the file")


def _windows(path: str, index: StoredArrays, begin: int, end: int) -> NDArray[np.uint8]:
    try:
        windows = index.rows(WINDOWS, begin, end)
        expected = index["gzip_windows_crc"][begin:end].tolist()
        if [zlib.crc32(window.data) for window in windows] != expected:
            raise DamagedIndexError(f"{index.path}: damaged array {WINDOWS!r}")
    except (OSError, DamagedIndexError) as error:
        raise TrajectoryError(
            f"{path}: its frame index is gone or damaged since it was opened ({error}); delete "
            "what is left of the index and open the file again"
        ) from error
    return windows


def _part_of_index(path: str, index: StoredArrays, begin: int, end: int) -> bytes:
    """Return what rapidgzip needs to read a range, in the form it imports."""
    points = index["gzip_points"].reshape(-1).view(_POINT)
    compressed, inflated_size, spacing, window_size = index["gzip_sizes"].tolist()
    # What begins at the first point of an index rapidgzip takes for the beginning of the stream,
    # and checks its CRC-32 at the end.
    inflated_at = points["inflated"].astype("<i8")
    needed = max(0, int(np.searchsorted(inflated_at, begin, "right")) - 1)
    before = int(np.searchsorted(inflated_at, inflated_at[needed] - _BEFORE, "right")) - 1
    first = max(0, min(needed - 1, before))
    last = min(len(points), int(np.searchsorted(points["inflated"], end, "left")) + 1)
    n_before = int(np.count_nonzero(points["window"][:first]))
    n_windows = int(np.count_nonzero(points["window"][first:last]))
    windows = _windows(path, index, n_before, n_before + n_windows)
    header = _HEADER.pack(
        b"GZIDX", 1, 0, compressed, inflated_size, spacing, window_size, last - first
    )
    return header + points[first:last].tobytes() + windows.tobytes()

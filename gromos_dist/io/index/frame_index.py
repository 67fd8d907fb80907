"""Frame indices: what a scan of a whole file found, kept in a file aside.

An index is a set of named arrays. It is made once, by whoever opens the trajectory, written under
a temporary name and renamed, so that any number of processes may make the same one; whoever reads
frames only reads it. It belongs to one state of the file, known by its `FileKey`: the size, the
time of the last change and a digest of samples of the content. When a file has only grown, as that
of a simulation that is still running, what was found before is kept and the rest scanned.

An index is trusted as far as the file that it is of: when it belongs to the user, to root or to
the file's owner, and nobody can write to it who cannot write to the file. What stands in it is
compared with the file all the same.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.input_file import opened, sample_digest

INDEX_FOLDER_VARIABLE = "GROMOS_DIST_INDEX_FOLDER"

Arrays = Mapping[str, NDArray[Any]]
Check = Callable[[str, int, "StoredArrays"], None]
"""Raise a DamagedIndexError if an index does not fit the file of that path and size."""

_MAGIC = b"gdindex\x01"
_VERSION = 4
_HEADER = struct.Struct("<8sII")  # magic, size and CRC-32 of the JSON table that follows
_ALIGNMENT = 64
_KINDS = frozenset({"<i8", "<i4", "<u4", "<f8", "|u1"})
_LARGEST_TABLE = 1 << 20
_LARGEST = 1 << 48
_MOST_PER_BYTE = 64
_ALWAYS_ALLOWED = 1 << 26
_FORMER_KEYS = 64


# What could not be written anywhere.
_unwritten: dict[tuple[str, FileKey], StoredArrays] = {}


class DamagedIndexError(ValueError):
    """An index file is not what was written."""


class UntrustedIndexError(OSError):
    """An index file that others than the owner of the trajectory could have written."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """The state of a file that an index belongs to."""

    size: int
    digest: str
    modified: int = 0
    """When the file was last changed, in ns since 1970."""


def file_key(path: str, size: int | None = None) -> FileKey:
    """Return a file's size, a digest of samples of its content, and when it was last changed.

    With `size`, those of its first `size` bytes: what the key was before the file grew.
    """
    with opened(path) as file:
        found = os.fstat(file)
        size = found.st_size if size is None else size
        return FileKey(size, sample_digest(file, size), found.st_mtime_ns)


def index_paths(path: str, folder: str | Path | None = None) -> tuple[str, ...]:
    """Return where the index of a file may lie, the best place first.

    In `folder`, or else in the folder that ``GROMOS_DIST_INDEX_FOLDER`` names, and nowhere else,
    if one is given; otherwise hidden beside the file, or in the user's cache, if he has a home.
    """
    full = Path(path).resolve()
    name = f".{full.name}.gdindex"
    elsewhere = f"{full.name}-{blake2b(os.fsencode(full), digest_size=8).hexdigest()}.gdindex"
    folder = folder or os.environ.get(INDEX_FOLDER_VARIABLE)
    if folder:
        return (str(Path(folder).resolve() / elsewhere),)
    beside = str(full.parent / name)
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        kept = Path(cache) if cache else Path.home() / ".cache"
    except RuntimeError:
        # In a container there may be neither HOME nor an entry for the user.
        return (beside,)
    return (beside, str(kept / "gromos_dist" / elsewhere))


def write_index(path: str, key: FileKey, arrays: Arrays, former: tuple[FileKey, ...] = ()) -> None:
    """Write an index under a temporary name, then rename it.

    `former` are the states of the file whose frames are the first ones of this index.

    Raises
    ------
    OSError
        The folder cannot be made or written to.
    """
    table = []
    offset = 0
    for name, array in arrays.items():
        offset = -(-offset // _ALIGNMENT) * _ALIGNMENT
        crc = zlib.crc32(_bytes(array))
        shape = list(array.shape)
        entry = {"name": name, "dtype": array.dtype.str, "shape": shape, "at": offset, "crc": crc}
        table.append(entry)
        offset += array.nbytes
    state = {"key": _plain(key), "grown_from": [_plain(old) for old in former]}
    text = json.dumps({"version": _VERSION, **state, "arrays": table}).encode()
    text += b" " * (-(len(text) + _HEADER.size) % _ALIGNMENT)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".gdindex-", dir=Path(path).parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_HEADER.pack(_MAGIC, len(text), zlib.crc32(text)) + text)
            begin = file.tell()
            for entry, array in zip(table, arrays.values(), strict=True):
                file.write(b"\0" * (begin + int(str(entry["at"])) - file.tell()))
                file.write(_bytes(array))
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def read_index(
    path: str, leave: frozenset[str] = frozenset(), of: str | None = None
) -> tuple[FileKey, StoredArrays]:
    """Read an index.

    Arrays named in `leave` are neither read nor verified; `StoredArrays.rows` reads parts of them.
    With `of`, the file that it should be of, it is read only if it can be trusted.

    Raises
    ------
    FileNotFoundError
        There is no such file, or it was written by another version.
    UntrustedIndexError
        Somebody could have written it who cannot write to the file that it is of.
    DamagedIndexError
        It is not what was written.
    """
    with opened(path) as file:
        found = os.fstat(file)
        if of is not None:
            _require_trust(path, found, os.stat(of))  # noqa: PTH116
        try:
            begin, table = _read_table(path, file, found.st_size)
            places = dict(_place(path, begin, found.st_size, entry) for entry in table["arrays"])
            arrays = {}
            for entry in table["arrays"]:
                name = entry["name"]
                if name in leave:
                    continue
                offset, dtype, shape = places[name]
                data = os.pread(file, dtype.itemsize * math.prod(shape), offset)
                if zlib.crc32(data) != entry["crc"]:
                    raise DamagedIndexError(f"{path}: damaged array {name!r}")
                arrays[name] = np.frombuffer(data, dtype).reshape(shape)
            key = FileKey(*table["key"])
            former = tuple(FileKey(*state) for state in table["grown_from"])
        except DamagedIndexError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedIndexError(f"{path}: {error}") from error
    return key, StoredArrays(path, arrays, places, former)


def _plain(key: FileKey) -> list[int | str]:
    return [key.size, key.digest, key.modified]


def _require_trust(path: str, index: os.stat_result, file: os.stat_result) -> None:
    if index.st_uid not in (os.geteuid(), 0, file.st_uid):
        raise UntrustedIndexError(
            f"{path}: an index of user {index.st_uid}, to whom the trajectory does not belong"
        )
    if index.st_mode & ~file.st_mode & 0o022:
        raise UntrustedIndexError(
            f"{path}: an index that more users can write to ({index.st_mode & 0o777:o}) than to "
            f"the trajectory ({file.st_mode & 0o777:o})"
        )
    if index.st_size > _MOST_PER_BYTE * file.st_size + _ALWAYS_ALLOWED:
        raise DamagedIndexError(
            f"{path}: {index.st_size} bytes are no index of {file.st_size} bytes"
        )


def _read_table(path: str, file: int, size: int) -> tuple[int, dict[str, Any]]:
    """Return where the arrays begin, and what tells of them."""
    head = os.pread(file, _HEADER.size, 0)
    if len(head) < _HEADER.size:
        raise DamagedIndexError(f"{path}: not an index")
    magic, length, crc = _HEADER.unpack(head)
    if magic != _MAGIC or length > min(size, _LARGEST_TABLE):
        raise DamagedIndexError(f"{path}: not an index")
    text = os.pread(file, length, _HEADER.size)
    if zlib.crc32(text) != crc:
        raise DamagedIndexError(f"{path}: damaged table")
    table = json.loads(text)
    if table.get("version") != _VERSION:
        raise FileNotFoundError(f"{path}: an index of another version of gromos_dist")
    if not isinstance(table["arrays"], list):
        raise DamagedIndexError(f"{path}: no list of arrays")
    return _HEADER.size + length, table


def _place(
    path: str, begin: int, size: int, entry: Mapping[str, Any]
) -> tuple[str, tuple[int, np.dtype[Any], tuple[int, ...]]]:
    """Return an array's name, and where it lies: never more than the file has."""
    name, kind, shape, at = entry["name"], entry["dtype"], entry["shape"], entry["at"]
    if kind not in _KINDS:
        raise DamagedIndexError(f"{path}: unknown kind of array {kind!r}")
    numbers = [at, *shape]
    if not all(isinstance(number, int) and 0 <= number < _LARGEST for number in numbers):
        raise DamagedIndexError(f"{path}: an array of shape {shape} at {at}")
    dtype = np.dtype(kind)
    if len(shape) > 2 or begin + at + dtype.itemsize * math.prod(shape) > size:
        raise DamagedIndexError(f"{path}: shorter than its table says")
    return name, (begin + at, dtype, tuple(shape))


@dataclass(frozen=True, slots=True)
class StoredArrays(Mapping[str, NDArray[Any]]):
    """The arrays of an index file that were read, and the places of all."""

    path: str
    arrays: Mapping[str, NDArray[Any]]
    places: Mapping[str, tuple[int, np.dtype[Any], tuple[int, ...]]]
    former: tuple[FileKey, ...] = ()
    """States of the file, before it grew, whose frames are the first ones of this index."""

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def rows(self, name: str, begin: int, end: int) -> NDArray[Any]:
        """Return ``[begin:end]`` of an array, from the file if it was left there; not verified."""
        if name in self.arrays:
            return self.arrays[name][begin:end]
        offset, dtype, shape = self.places[name]
        row = dtype.itemsize * math.prod(shape[1:])
        with opened(self.path) as file:
            data = os.pread(file, (end - begin) * row, offset + begin * row)
        if len(data) != (end - begin) * row:
            raise DamagedIndexError(f"{self.path}: shorter than its table says")
        return np.frombuffer(data, dtype).reshape(end - begin, *shape[1:])


def open_index(
    path: str,
    make: Callable[[], Arrays],
    *,
    check: Check,
    extend: Callable[[Arrays], Arrays] | None = None,
    leave: frozenset[str] = frozenset(),
    folder: str | Path | None = None,
) -> tuple[str, FileKey, StoredArrays]:
    """Return the index of a trajectory file: where it lies, the file's key, the arrays.

    An index that is there, can be trusted and belongs to the file as it now is, is read. If it
    belongs to the file's beginning, `extend` scans what has been added; otherwise `make` scans the
    whole file. The index is then written to the first place of `index_paths` that takes it.

    Raises
    ------
    OSError
        There is no such file, or it is not a regular one.

    Warns
    -----
    UserWarning
        An index was damaged or not to be trusted and is made anew, or there is no place for one.
    """
    key = file_key(path)
    places = list(index_paths(path, folder))
    made: Arrays | None = None
    former: tuple[FileKey, ...] = ()
    problems = []
    for place in tuple(places):
        try:
            found, arrays = read_index(place, leave, path)
            if found == key:
                _checked(check, path, key.size, arrays)
                return place, key, arrays
            if extend and found.size < key.size and _same(file_key(path, found.size), found):
                _checked(check, path, found.size, arrays)
                made, former = extend(arrays), (*arrays.former, found)[-_FORMER_KEYS:]
                break
        except UntrustedIndexError as error:
            problems.append(f"{error}; it is left alone, and an index of {path} is made elsewhere")
            places.remove(place)
        except OSError:
            continue
        except DamagedIndexError as error:
            problems.append(f"{error}; the index of {path} is made anew")
    for problem in problems:
        warnings.warn(problem, stacklevel=3)
    made = make() if made is None else made
    for place in places:
        try:
            write_index(place, key, made, former)
        except OSError:
            continue
        return place, key, StoredArrays(place, made, {}, former)
    warnings.warn(
        f"{path}: no place to keep its frame index (tried {', '.join(places)}), so every process "
        f"scans the whole file; set {INDEX_FOLDER_VARIABLE} to a folder that can be written to",
        stacklevel=3,
    )
    _unwritten[path, key] = StoredArrays("", made, {}, former)
    return "", key, _unwritten[path, key]


def _checked(check: Check, path: str, size: int, arrays: StoredArrays) -> None:
    try:
        check(path, size, arrays)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        if isinstance(error, DamagedIndexError):
            raise
        raise DamagedIndexError(f"{arrays.path}: not what an index holds: {error!r}") from error


def _same(key: FileKey, other: FileKey) -> bool:
    return (key.size, key.digest) == (other.size, other.digest)


@lru_cache(maxsize=32)
def cached_index(
    place: str,
    path: str,
    key: FileKey,
    make: Callable[[str], Arrays],
    leave: frozenset[str],
    check: Check,
) -> StoredArrays:
    """Return the index that belongs to `key`, kept in this process for the next call.

    What a reader uses: nothing is written. An index that was extended since then serves as well.
    When it is gone, not to be trusted, or is that of another file, the file is scanned again, into
    memory.
    """
    if (path, key) in _unwritten:
        return _unwritten[path, key]
    try:
        found, arrays = read_index(place, leave, path)
    except (OSError, DamagedIndexError):
        return StoredArrays(place, make(path), {})
    if found == key or key in arrays.former:
        with contextlib.suppress(DamagedIndexError):
            _checked(check, path, found.size, arrays)
            return arrays
    return StoredArrays(place, make(path), {})


def check_numbers(arrays: StoredArrays, lengths: Mapping[str, tuple[int, ...]]) -> None:
    """Raise a DamagedIndexError unless each of some arrays of integers has one of its lengths."""
    for name, allowed in lengths.items():
        found = arrays.get(name)
        if found is None or found.dtype.kind != "i" or found.shape not in [(n,) for n in allowed]:
            raise DamagedIndexError(f"{arrays.path}: {name} is missing or of another form")


def check_rows(arrays: StoredArrays, columns: Mapping[str, str], name: str) -> int:
    """Return how many frames an index has, once each of its columns has so many rows.

    Parameters
    ----------
    arrays : StoredArrays
        The index.
    columns : mapping of str to str
        The kind of each column.
    name : str
        One of them.

    Raises
    ------
    DamagedIndexError
        A column is missing, or of another kind or length.
    """
    n_frames = len(arrays[name]) if name in arrays else 0
    for column, kind in columns.items():
        found = arrays.get(column)
        if not n_frames or found is None or found.dtype != kind or len(found) != n_frames:
            raise DamagedIndexError(f"{arrays.path}: its columns do not fit each other ({column})")
    return n_frames


def _bytes(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data

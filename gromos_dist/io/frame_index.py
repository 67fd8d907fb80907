"""Frame indices: what a scan of a whole file found, kept in a file aside.

An index is a set of named arrays. It is made once, by whoever opens the trajectory, written under
a temporary name and renamed, so that any number of processes may make the same one; whoever reads
frames only reads it. It belongs to one state of the file, known by its `FileKey`: the size and a
digest of samples of the content, never the time of the last change. When a file has only grown,
as that of a simulation that is still running, what was found before is kept and the rest scanned.
"""

from __future__ import annotations

import contextlib
import json
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

INDEX_FOLDER_VARIABLE = "GROMOS_DIST_INDEX_FOLDER"

Arrays = Mapping[str, NDArray[Any]]

_MAGIC = b"gdindex\x01"
_VERSION = 3
_HEADER = struct.Struct("<8sII")  # magic, size and CRC-32 of the JSON table that follows
_ALIGNMENT = 64
_KINDS = frozenset({"<i8", "<i4", "<u4", "<f8", "|u1"})
_SAMPLE = 1 << 14
_N_SAMPLES = 8
_FORMER_KEYS = 64


class DamagedIndexError(ValueError):
    """An index file is not what was written."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """The state of a file that an index belongs to."""

    size: int
    digest: str


def file_key(path: str, size: int | None = None) -> FileKey:
    """Return the size of a file and a digest of its beginning, its end and samples in between.

    With `size`, those of its first `size` bytes: what the key was before the file grew.
    """
    with Path(path).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size if size is None else size
        digest = blake2b(size.to_bytes(8, "little"), digest_size=16)
        if size <= _N_SAMPLES * _SAMPLE:
            starts, length = [0], size
        else:
            starts = np.linspace(0, size - _SAMPLE, _N_SAMPLES).astype(int).tolist()
            length = _SAMPLE
        for start in starts:
            digest.update(os.pread(file.fileno(), length, start))
    return FileKey(size, digest.hexdigest())


def index_paths(path: str, folder: str | Path | None = None) -> tuple[str, ...]:
    """Return where the index of a file may lie, the best place first.

    In `folder`, or else in the folder that ``GROMOS_DIST_INDEX_FOLDER`` names, and nowhere else,
    if one is given; otherwise hidden beside the file, or in the user's cache.
    """
    full = Path(path).resolve()
    name = f".{full.name}.gdindex"
    elsewhere = f"{full.name}-{blake2b(os.fsencode(full), digest_size=8).hexdigest()}.gdindex"
    folder = folder or os.environ.get(INDEX_FOLDER_VARIABLE)
    if folder:
        return (str(Path(folder).resolve() / elsewhere),)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (str(full.parent / name), str(Path(cache) / "gromos_dist" / elsewhere))


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
    grown_from = [[old.size, old.digest] for old in former]
    state = {"size": key.size, "digest": key.digest, "grown_from": grown_from}
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


def read_index(path: str, leave: frozenset[str] = frozenset()) -> tuple[FileKey, StoredArrays]:
    """Read an index.

    Arrays named in `leave` are neither read nor verified; `StoredArrays.rows` reads parts of them.

    Raises
    ------
    FileNotFoundError
        There is no such file, or it was written by another version.
    DamagedIndexError
        It is not what was written.
    """
    with Path(path).open("rb") as file:
        try:
            size = os.fstat(file.fileno()).st_size
            magic, length, crc = _HEADER.unpack(file.read(_HEADER.size))
            if magic != _MAGIC or length > size:
                raise DamagedIndexError(f"{path}: not an index")
            text = file.read(length)
            if zlib.crc32(text) != crc:
                raise DamagedIndexError(f"{path}: damaged table")
            table = json.loads(text)
            if table.get("version") != _VERSION:
                raise FileNotFoundError(f"{path}: an index of another version of gromos_dist")
            begin = file.tell()
            arrays: dict[str, NDArray[Any]] = {}
            places: dict[str, tuple[int, np.dtype[Any], tuple[int, ...]]] = {}
            for entry in table["arrays"]:
                if entry["dtype"] not in _KINDS:
                    raise DamagedIndexError(f"{path}: unknown kind of array {entry['dtype']!r}")
                dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
                n_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
                if begin + entry["at"] + n_bytes > size:
                    raise DamagedIndexError(f"{path}: shorter than its table says")
                places[entry["name"]] = (begin + entry["at"], dtype, shape)
                if entry["name"] in leave:
                    continue
                file.seek(begin + entry["at"])
                data = file.read(n_bytes)
                if zlib.crc32(data) != entry["crc"]:
                    raise DamagedIndexError(f"{path}: damaged array {entry['name']!r}")
                arrays[entry["name"]] = np.frombuffer(data, dtype).reshape(shape)
            key = FileKey(table["size"], table["digest"])
            former = tuple(FileKey(*state) for state in table["grown_from"])
        except (struct.error, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as e:
            raise DamagedIndexError(f"{path}: {e}") from e
    return key, StoredArrays(path, arrays, places, former)


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
        row = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        with Path(self.path).open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), (end - begin) * row, offset + begin * row)
        if len(data) != (end - begin) * row:
            raise DamagedIndexError(f"{self.path}: shorter than its table says")
        return np.frombuffer(data, dtype).reshape(end - begin, *shape[1:])


def open_index(
    path: str,
    make: Callable[[], Arrays],
    *,
    extend: Callable[[Arrays], Arrays] | None = None,
    leave: frozenset[str] = frozenset(),
    folder: str | Path | None = None,
) -> tuple[str, FileKey, StoredArrays]:
    """Return the index of a trajectory file: where it lies, the file's key, the arrays.

    An index that is there and belongs to the file as it now is, is read. If it belongs to the
    file's beginning, `extend` scans what has been added; otherwise `make` scans the whole file. The
    index is then written to the first place of `index_paths` that takes it.

    Warns
    -----
    UserWarning
        An index was damaged and is made anew, or there is no place for one.
    """
    key = file_key(path)
    places = index_paths(path, folder)
    made: Arrays | None = None
    former: tuple[FileKey, ...] = ()
    for place in places:
        try:
            found, arrays = read_index(place, leave)
        except OSError:
            continue
        except DamagedIndexError as error:
            warnings.warn(f"{error}; the index of {path} is made anew", stacklevel=3)
            continue
        if found == key:
            return place, key, arrays
        if extend and found.size < key.size and file_key(path, found.size) == found:
            made, former = extend(arrays), (*arrays.former, found)[-_FORMER_KEYS:]
            break
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
    return places[0], key, StoredArrays(places[0], made, {}, former)


@lru_cache(maxsize=32)
def cached_index(
    place: str, path: str, key: FileKey, make: Callable[[str], Arrays], leave: frozenset[str]
) -> StoredArrays:
    """Return the index that belongs to `key`, kept in this process for the next call.

    What a reader uses: nothing is written. An index that was extended since then serves as well.
    When it is gone, or is that of another file, the file is scanned again, into memory.
    """
    with contextlib.suppress(OSError, DamagedIndexError):
        found, arrays = read_index(place, leave)
        if found == key or key in arrays.former:
            return arrays
    return StoredArrays(place, make(path), {})


def _bytes(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data

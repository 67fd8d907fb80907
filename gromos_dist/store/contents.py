"""The list of what a complete store holds: each file with its size and checksum."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from gromos_dist.errors import StoreError
from gromos_dist.provenance import canonical_json

NAME = "contents.json"

WAY_OUT = "copy it again, or repeat the call that wrote it: it computes what is not whole"

_SHOWN = 5


class Written(NamedTuple):
    """What a file was when it was written."""

    size: int
    crc32: int


Files = Mapping[str, Written]


class Contents(NamedTuple):
    """The list of a store, and the checksum of the list."""

    files: Files
    crc32: int


def describe(data: bytes) -> Written:
    """Return size and checksum of a file's bytes.

    Not the CRC-32C with which Zarr ends a chunk: of all files that end so it is the same.
    """
    return Written(len(data), zlib.crc32(data))


def to_bytes(files: Files) -> bytes:
    """Return the list as it is written: JSON with a checksum of its own."""
    listed = canonical_json({name: list(written) for name, written in files.items()})
    return f'{{"crc32":{zlib.crc32(listed.encode())},"files":{listed}}}\n'.encode()


def read(folder: Path) -> Contents | None:
    """Return the list of a store; None if there is none.

    Raises
    ------
    StoreError
        It is not what was written.
    """
    try:
        state = (folder / NAME).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _read(folder, state.st_ino, state.st_mtime_ns, state.st_size)


# As many as stores may be read together, block by block.
@lru_cache(maxsize=256)
def _read(folder: Path, *_state: int) -> Contents:
    data = (folder / NAME).read_bytes()
    try:
        files = {name: Written(*written) for name, written in json.loads(data)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        files = {}
    if to_bytes(files) != data:
        raise StoreError(
            f"{folder / NAME}, the list of the store's files, is not what was written; {WAY_OUT}"
        )
    return Contents(files, zlib.crc32(data))


def require(folder: Path, files: Files, blocks: Collection[str]) -> None:
    """Compare the files of a store with its list: `blocks` by their sizes, the others in whole.

    Raises
    ------
    StoreError
        Some are missing, or are not what was written, and which.
    """
    wrong = [
        f"{name} ({problem})"
        for name, written in files.items()
        if (problem := problem_of(folder / name, written, whole=name not in blocks))
    ]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise StoreError(
            f"{folder} is damaged: of {len(files)} files, {len(wrong)} are not what was written: "
            f"{', '.join(wrong[:_SHOWN])}{more}; {WAY_OUT}"
        )


def problem_of(path: Path, written: Written, *, whole: bool) -> str:
    """Return what is wrong with a file, nothing if it is what was written."""
    try:
        size = path.stat().st_size
        if size != written.size:
            return f"{size} bytes instead of {written.size}"
        return "other bytes" if whole and describe(path.read_bytes()) != written else ""
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return error.strerror or "cannot be read"

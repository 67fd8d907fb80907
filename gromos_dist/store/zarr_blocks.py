"""The blocks of a Zarr array: a file each, put in its place by who holds the store's lock.

Workers write a block into a folder of the run within the store. From there it is renamed into its
place by the one process that holds the lock of the store. A worker that wakes up when its run is
dead, and the store another's, finds no folder of its run, and nothing that it writes gets further.
"""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import MemoryStore, StorePath

from gromos_dist.beside import A_FOLDER, remove_in, write_new
from gromos_dist.store.contents import Written, describe

Place = tuple[int, ...]
"""The number of a block along each dim."""


def open_array(folder: str | Path, name: str) -> zarr.Array[Any]:
    """Open an array of a store for reading."""
    return zarr.open_array(folder, path=name, mode="r", zarr_format=3)


def block_shape(array: zarr.Array[Any]) -> tuple[int, ...]:
    """Return the shape of what one file holds: a shard, or a chunk."""
    return array.shards or array.chunks


def places(array: zarr.Array[Any]) -> list[Place]:
    """Return the places of all blocks of an array, in C order."""
    counts = [-(-size // step) for size, step in zip(array.shape, block_shape(array), strict=True)]
    return list(np.ndindex(*counts))


def region(array: zarr.Array[Any], place: Place) -> tuple[slice, ...]:
    """Return which part of an array a block is."""
    return tuple(
        slice(i * step, min((i + 1) * step, size))
        for i, step, size in zip(place, block_shape(array), array.shape, strict=True)
    )


def file_name(array: zarr.Array[Any], place: Place) -> str:
    """Return the path of a block's file within the store."""
    return f"{array.path}/{array.metadata.encode_chunk_key(place)}"


def _staging(run: str) -> str:
    return f".blocks-{run}"


def _staged_name(name: str, place: Place) -> str:
    return f"{name}-{'.'.join(map(str, place))}"


def write_block(block: NDArray[Any], folder: str, name: str, place: Place, run: str) -> Written:
    """Write one block into the folder of its run; runs where the block was computed.

    Raises
    ------
    ValueError
        The block is not what the lazy array announced.
    OSError
        It cannot be written, or another run has the store now.
    """
    array = open_array(folder, name)
    expected = tuple(part.stop - part.start for part in region(array, place))
    if block.shape != expected or block.dtype.newbyteorder("=") != array.dtype:
        raise ValueError(
            f"{name}, block {place}: expected {array.dtype} of shape {expected}, as the lazy array "
            f"announced, got {block.dtype} of shape {block.shape}"
        )
    encoded = _encoded(array, place, block)
    stage(folder, run, _staged_name(name, place), encoded)
    return describe(encoded)


def stage(folder: str, run: str, name: str, data: bytes) -> None:
    """Write a file into the folder of a run, in one step.

    Raises
    ------
    OSError
        It cannot be written, or another run has the store now.
    """
    unfinished = f"{name}.{uuid.uuid4().hex}"
    try:
        staging = os.open(Path(folder, _staging(run)), A_FOLDER)
    except FileNotFoundError:
        raise OSError(f"{folder}: another run replaced the store meanwhile") from None
    try:
        write_new(staging, unfinished, data)
        os.replace(unfinished, name, src_dir_fd=staging, dst_dir_fd=staging)
    finally:
        os.close(staging)


def staged_names(folder: Path, run: str) -> set[str]:
    """Return the names of the files in the folder of a run, if it has one."""
    try:
        return set(os.listdir(folder / _staging(run)))  # noqa: PTH208
    except FileNotFoundError:
        return set()


def partial_name(what: str) -> str:
    """Return the name of a file that is no block of a variable; no variable's begins with a dot."""
    return f".state-{what}"


def is_partial(name: str) -> bool:
    """Say whether a file of the folder of a run is a whole one that is no block of a variable."""
    return name.startswith(partial_name("")) and name.count(".") == 1


def read_staged(folder: str, run: str, name: str) -> bytes | None:
    """Return a file of the folder of a run; None if it cannot be read."""
    try:
        return Path(folder, _staging(run), name).read_bytes()
    except OSError:
        return None


def _encoded(array: zarr.Array[Any], place: Place, block: NDArray[Any]) -> bytes:
    """Return the bytes of the file that Zarr makes of a block."""
    files: dict[str, Any] = {}
    memory: Any = zarr.AsyncArray(array.metadata, StorePath(MemoryStore(files)))
    alone = zarr.Array(memory)
    # A block of zeros or NaN is written too: its file says that it is done.
    alone.with_config({"write_empty_chunks": True})[region(array, place)] = block
    encoded: bytes = files[array.metadata.encode_chunk_key(place)].to_bytes()
    return encoded


def examine(
    folder: str, name: str, wanted: Sequence[Place], listed: Sequence[Written | None]
) -> list[Written | None]:
    """Return size and checksum of the blocks that are there and whole, None for the others.

    Parameters
    ----------
    folder, name : str
        The store and its array.
    wanted : sequence
        Places of blocks.
    listed : sequence
        What each was when it was written, where that is known; otherwise Zarr decodes it, which
        checks the checksum of each chunk.
    """
    array = open_array(folder, name)
    found: list[Written | None] = []
    for place, before in zip(wanted, listed, strict=True):
        try:
            now = describe(Path(folder, file_name(array, place)).read_bytes())
            if before is None:
                array[region(array, place)]
            found.append(now if before in (None, now) else None)
        except (OSError, ValueError, RuntimeError):
            found.append(None)
    return found


class StagedBlocks:
    """The blocks that workers have written, to be put in their places; made by `staging`."""

    def __init__(self, store: int, folder: int, run: str, target: Path) -> None:
        self._store = store
        self._folder = folder
        self._run = run
        self._target = target

    def waiting(self, array: zarr.Array[Any]) -> list[Place]:
        """Return which blocks of an array a killed run has left here, whole."""
        names = set(os.listdir(self._folder))  # noqa: PTH208
        return [place for place in places(array) if _staged_name(array.path, place) in names]

    def put_in_place(self, array: zarr.Array[Any], place: Place) -> None:
        """Move a block into its place.

        Raises
        ------
        OSError
            It is not there.
        """
        *folders, last = file_name(array, place).split("/")
        staged = _staged_name(array.path, place)
        destination = _folder_in(self._store, folders)
        try:
            os.replace(staged, last, src_dir_fd=self._folder, dst_dir_fd=destination)
        except FileNotFoundError:
            raise OSError(
                f"{self._target}: block {place} of {array.path} was written but is not there; the "
                "workers must see the same folder as this process"
            ) from None
        finally:
            os.close(destination)

    def replace(self, name: str, data: bytes) -> None:
        """Write another file of the store, in one step."""
        *folders, last = name.split("/")
        unfinished = uuid.uuid4().hex
        write_new(self._folder, unfinished, data)
        destination = _folder_in(self._store, folders)
        try:
            os.replace(unfinished, last, src_dir_fd=self._folder, dst_dir_fd=destination)
        finally:
            os.close(destination)

    def remove(self) -> None:
        """Remove the folder; what comes later finds none."""
        remove_in(self._store, _staging(self._run))


@contextmanager
def staging(store: int, run: str, target: Path) -> Iterator[StagedBlocks]:
    """Make the folder in an open store for the blocks of a run, or take that of a killed one.

    Raises
    ------
    OSError
        There is something else of that name.
    """
    name = _staging(run)
    try:
        os.mkdir(name, dir_fd=store)
    except FileExistsError:
        state = os.stat(name, dir_fd=store, follow_symlinks=False)
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid():
            raise OSError(
                f"{target / name} is not a folder of this user: remove it, or choose another path"
            ) from None
    folder = os.open(name, A_FOLDER, dir_fd=store)
    try:
        yield StagedBlocks(store, folder, run, target)
    finally:
        os.close(folder)


def is_staged(target: Path, run: str) -> bool:
    """Say whether a run has a folder for its blocks in the store."""
    return os.path.lexists(target / _staging(run))


def count_there(target: Path, name: str, run: str) -> tuple[int, int]:
    """Return how many blocks of an array are there, and how many there are to be."""
    array = open_array(target, name)
    wanted = places(array)
    folder = target / _staging(run)
    there = sum(
        (target / file_name(array, place)).exists() or (folder / _staged_name(name, place)).exists()
        for place in wanted
    )
    return there, len(wanted)


def _folder_in(store: int, names: Sequence[str]) -> int:
    """Open a folder within an open store, made where it is missing; no link is followed."""
    descriptor = os.dup(store)
    for name in names:
        try:
            try:
                inner = os.open(name, A_FOLDER, dir_fd=descriptor)
            except FileNotFoundError:
                os.mkdir(name, dir_fd=descriptor)
                inner = os.open(name, A_FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor

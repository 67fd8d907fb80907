"""Writing beside the target and renaming: what is interrupted never looks whole."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path, target: Path) -> Iterator[None]:
    """Hold the lock of a folder; it ends with the process, however that ends.

    Raises
    ------
    BlockingIOError
        Another run holds it, so it is writing `target`.
    """
    descriptor = _lock(folder, target)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, target: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BlockingIOError(
            f"another run is writing {target}; wait for it, stop it, or choose another path"
        ) from None
    except OSError:
        # Some network file systems have no locks: there the user sees to it.
        pass
    return descriptor


def _make_and_lock(folder: Path, target: Path) -> int:
    while True:
        folder.mkdir(exist_ok=True)
        try:
            descriptor = _lock(folder, target)
        except FileNotFoundError:
            # Another run, done, removed it in between.
            continue
        if folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
        os.close(descriptor)


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Make an empty folder beside `target`, on the same file system; it is removed at the end.

    What a killed run left in it is removed at the beginning.
    """
    folder = _beside(target)
    descriptor = _make_and_lock(folder, target)
    try:
        for left in folder.iterdir():
            remove(left)
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(descriptor)


def clear_beside(target: Path) -> None:
    """Remove the folder beside `target` that a killed run left."""
    if _beside(target).exists():
        with folder_beside(target):
            pass


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.partial")


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def refuse_existing(target: Path, overwrite: bool) -> None:
    """Raise FileExistsError when a file would be written over something it must not.

    Raises
    ------
    FileExistsError
        `target` is a folder, or it is a file and `overwrite` is False.
    """
    if target.is_dir():
        raise FileExistsError(f"{target} is a folder and is not overwritten; choose another path")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists; pass overwrite=True or choose another path")


@contextmanager
def file_beside(target: Path, overwrite: bool) -> Iterator[Path]:
    """Give a path to write a file to; it is renamed to `target` when the block ends well."""
    refuse_existing(target, overwrite)
    with folder_beside(target) as folder:
        yield folder / target.name
        refuse_existing(target, overwrite)
        (folder / target.name).replace(target)

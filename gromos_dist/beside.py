"""Writing beside the target and renaming: what is interrupted never looks whole.

What is being written lies in a folder of a random name, made by this run and closed to other
users. Folders that killed runs left are known by a mark inside: nothing else is ever removed,
whatever it is called, and no link is followed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

A_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
"""How to open a folder that must not be a link."""
A_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW

_MARK = ".gromos_dist"
_LONGEST_NAME = 200
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold the lock of a folder; it ends with the process, however that ends.

    Yields
    ------
    int
        A descriptor of the folder: it stays with it, if another one takes its place.

    Raises
    ------
    BlockingIOError
        Another run holds it, so it is writing there.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, folder)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, target: Path) -> bool:
    """Lock an open folder; return whether its file system has locks at all."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(
            f"another run is writing {target}; wait for it, stop it, or choose another path"
        ) from None
    except OSError:
        # Some network file systems have none: there the user sees to it.
        return False
    return True


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Make an empty folder beside `target`, on the same file system; it is removed at the end.

    What killed runs left beside `target` is removed at the beginning.

    Raises
    ------
    BlockingIOError
        Another run is writing `target`.
    """
    folder, descriptor = _make(target)
    try:
        _clear(target, folder.name)
        yield folder
    finally:
        try:
            _empty(descriptor)
            # Not with all that is in it: by now, another folder may have its name.
            with suppress(OSError):
                folder.rmdir()
        finally:
            os.close(descriptor)


def _make(target: Path) -> tuple[Path, int]:
    """Make a working folder, locked and marked."""
    start, end = _around(target)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=start, suffix=end, dir=target.parent))
        # While it is empty, another run may take it for one that was left, and remove it.
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, A_FOLDER)
            try:
                _lock(descriptor, target)
                write_new(descriptor, _MARK, os.fsencode(folder.name))
            except BaseException:
                os.close(descriptor)
                raise
            return folder, descriptor


def _clear(target: Path, own: str) -> None:
    """Remove the folders beside `target` that killed runs left; `own` is that of this run."""
    start, end = map(re.escape, _around(target))
    pattern = re.compile(f"{start}[a-z0-9_]{{8}}{end}")
    with suppress(PermissionError):
        for found in target.parent.iterdir():
            if found.name != own and pattern.fullmatch(found.name):
                _remove_left(found, target)


def _around(target: Path) -> tuple[str, str]:
    """Return how the names of working folders begin and end."""
    return f".{os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])}.", ".partial"


def _remove_left(folder: Path, target: Path) -> None:
    try:
        descriptor = os.open(folder, A_FOLDER)
    except OSError:
        # A link, a file, somebody else's, or gone.
        return
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            return
        # Where there are no locks, the run that made it may be alive.
        if _has_our_mark(descriptor, folder.name) and _lock(descriptor, target):
            _empty(descriptor)
        # A run that was killed as it made or removed it has left it empty: it goes if it is.
        with suppress(OSError):
            folder.rmdir()
    finally:
        os.close(descriptor)


def _has_our_mark(descriptor: int, name: str) -> bool:
    try:
        mark = os.open(_MARK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
    except OSError:
        return False
    try:
        is_ours = os.fstat(mark).st_uid == os.geteuid()
        return is_ours and os.read(mark, 2 * _LONGEST_NAME) == os.fsencode(name)
    finally:
        os.close(mark)


def write_new(folder: int, name: str, data: bytes) -> None:
    """Write a file that is not there yet into an open folder; it is removed if that fails.

    Raises
    ------
    FileExistsError
        There is something of that name.
    """
    descriptor = os.open(name, A_NEW_FILE, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except BaseException:
        os.unlink(name, dir_fd=folder)
        raise


def remove_in(folder: int, name: str) -> None:
    """Remove a file, or a folder with all that is in it, from an open folder."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=folder)
        return
    while True:
        try:
            shutil.rmtree(name, dir_fd=folder)
            return
        except OSError as error:
            # A worker of a killed run has added a file meanwhile.
            if error.errno != errno.ENOTEMPTY:
                raise


def _empty(folder: int) -> None:
    # The mark last: a run that is killed here leaves what the next one knows.
    for name in sorted(os.listdir(folder), key=lambda name: name == _MARK):
        remove_in(folder, name)


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
def full_disk_named(target: Path) -> Iterator[None]:
    """Let an error about a full disk name `target`, whichever library has met it.

    Raises
    ------
    OSError
        With the code of the system, and `target` as its file.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        # HDF5 tells the code in its text, in errors of several kinds.
        told = re.search(r"errno = (\d+)", str(error))
        code = int(told[1]) if told else getattr(error, "errno", None)
        if code not in _FULL:
            raise
        raise OSError(code, os.strerror(code), str(target)) from error


@contextmanager
def file_beside(target: Path, overwrite: bool) -> Iterator[Path]:
    """Give a path to write a file to; it is renamed to `target` when the block ends well."""
    refuse_existing(target, overwrite)
    with full_disk_named(target), folder_beside(target) as folder:
        yield folder / target.name
        refuse_existing(target, overwrite)
        (folder / target.name).replace(target)

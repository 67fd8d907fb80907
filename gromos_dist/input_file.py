"""Files that are read: regular ones only, and the same ones from opening to the last frame.

A file is known by its size, the time of its last change, its inode, and a digest of samples of its
content. Looking at all but the samples is one call of the system; these are read when they differ.
"""

from __future__ import annotations

import errno
import os
import platform
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from gromos_dist.errors import TrajectoryError

SAMPLED_WHOLE = 2 * 64 * 1024
"""Files of at most so many bytes are sampled to their last byte."""

_END_BYTES = SAMPLED_WHOLE // 2
_SAMPLES = 16
_SAMPLE_BYTES = 4 * 1024
_DIGEST_BYTES = 16
# Some formats count their frames here (DCD), so that it changes as the file grows.
_COUNTERS = 32
# Times of changes are those of the last tick of the system's clock, in ns.
_TICK = 10_000_000
_KINDS = (
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file was when it was opened."""

    size: int
    modified: int
    """When it was last changed, in ns since 1970."""
    noted: int
    """When the system last noted anything about it (ctime): no program can set that back."""
    inode: int
    machine: str
    """Where it was looked at: on others a copy may stand under the same name."""
    digest: str
    """Of samples, without the first few bytes."""


def suffix_of(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a file's name, in small letters, without a ``.gz`` behind it.

    Examples
    --------
    >>> suffix_of("md.TRC.gz"), suffix_of("README")
    ('.trc', '')
    """
    return Path(os.fspath(path).lower().removesuffix(".gz")).suffix


def require_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """Return what the system tells of a file, without waiting for one that is a pipe.

    Raises
    ------
    OSError
        There is no such file; or it is a folder, a pipe or a device, that cannot be read from any
        place and more than once.
    """
    name = os.fspath(path)
    found = os.stat(name)  # noqa: PTH116 (as little as possible, for every read)
    if stat.S_ISREG(found.st_mode):
        return found
    if stat.S_ISDIR(found.st_mode):
        store = f"; open_store({name!r}) opens it" if name.endswith(".zarr") else ""
        raise IsADirectoryError(errno.EISDIR, f"is a folder, not a file{store}", name)
    kind = next((kind for is_one, kind in _KINDS if is_one(found.st_mode)), "none")
    raise OSError(
        errno.EINVAL,
        f"not a regular file but {kind}, which cannot be read from any place: write what it gives "
        "to a file first",
        name,
    )


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[int]:
    """Open a regular file for reading; yield its descriptor."""
    require_regular(path)
    # What has become a pipe meanwhile does not block.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield file
    finally:
        os.close(file)


def sample_digest(file: int, size: int, begin: int = 0) -> str:
    """Return a hash (BLAKE2b, 128 bits) of a size and of samples of as many bytes of a file.

    The first and the last 64 KiB, and 16 samples of 4 KiB, evenly spread.

    Parameters
    ----------
    file : int
        The descriptor of an open file.
    size : int
        Up to which byte it is looked at: what lies behind changes nothing.
    begin : int
        From which byte on.
    """
    total = blake2b(str(size).encode(), digest_size=_DIGEST_BYTES)
    places = [(begin, _END_BYTES), (max(size - _END_BYTES, 0), _END_BYTES)]
    places += [(i * size // (_SAMPLES + 1), _SAMPLE_BYTES) for i in range(1, _SAMPLES + 1)]
    for offset, count in places:
        start = max(begin, offset)
        total.update(os.pread(file, max(0, min(offset + count, size) - start), start))
    return total.hexdigest()


def file_state(path: str | os.PathLike[str]) -> FileState:
    """Return what a file now is.

    Raises
    ------
    OSError
        There is no such file, or it is not a regular one.
    """
    with opened(path) as file:
        found = os.fstat(file)
        if 0 <= time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _TICK:
            # Another change might still get the same time.
            time.sleep(_TICK / 1e9)
            found = os.fstat(file)
        digest = sample_digest(file, found.st_size, _COUNTERS)
    return _state(found, digest)


def _state(found: os.stat_result, digest: str) -> FileState:
    times = found.st_mtime_ns, found.st_ctime_ns
    return FileState(found.st_size, *times, found.st_ino, platform.node(), digest)


@contextmanager
def unchanged(path: str, state: FileState) -> Iterator[None]:
    """See that a file is, before and after it is read, what it was when it was opened.

    One that has only grown, and begins as it did, is.

    Raises
    ------
    TrajectoryError
        It has changed, or another file stands in its place.
    OSError
        It is gone.
    """
    require_unchanged(path, state)
    try:
        yield
    except TrajectoryError:
        # Whatever was wrong with it, this is why.
        require_unchanged(path, state)
        raise
    require_unchanged(path, state)


def require_unchanged(path: str, state: FileState) -> None:
    """Raise an error unless a file is what it was when it was opened; errors as `unchanged`."""
    problem = _change(path, state, _state(require_regular(path), ""))
    if problem:
        raise TrajectoryError(
            f"{path}: the file has changed since it was opened ({problem}); open it again"
        )


@lru_cache(maxsize=4096)
def _change(path: str, before: FileState, now: FileState) -> str:
    """Return what has changed of a file; empty when nothing has that matters."""
    is_here = before.machine == now.machine
    sizes = f"it had {before.size} bytes, now {now.size}"
    if now.size < before.size:
        return sizes
    if now.size > before.size:
        begins_alike = _samples(path, before.size) == before.digest
        return "" if begins_alike else f"{sizes}, and no longer begins as it did"
    if now.modified != before.modified:
        copied = "" if is_here else "; a copy on another machine keeps its time with cp -p"
        return (
            f"its size is the same, but it was last changed at {when(before.modified)}, now "
            f"{when(now.modified)}{copied}"
        )
    is_another = now.inode != before.inode
    if not is_another and now.noted == before.noted:
        return ""
    # A link or other permissions are noted, too, and change nothing of what is in it.
    is_certain = is_another and is_here and not _numbers_files_anew(path)
    if not is_certain and _samples(path, before.size) == before.digest:
        return ""
    return (
        "another file of the same size and time has taken its place"
        if is_another
        else "its size and time are the same, but not what is in it"
    )


def _samples(path: str, size: int) -> str:
    with opened(path) as file:
        return sample_digest(file, size, _COUNTERS)


def _numbers_files_anew(path: str) -> bool:
    """Say whether a file lies where inodes do not last: FUSE (sshfs) invents them as it goes."""
    device = os.stat(path).st_dev  # noqa: PTH116
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    kinds = [line.partition(" - ")[2] for line in mounts if line.split()[2] == number]
    return any(kind.startswith("fuse") for kind in kinds)


def when(modified: int) -> str:
    """Return a time (ns since 1970) as ``touch -d`` takes it, in UTC.

    Examples
    --------
    >>> when(1_000_000_000_123_456_789)
    '2001-09-09T01:46:40.123456789Z'
    """
    seconds, nanoseconds = divmod(modified, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"

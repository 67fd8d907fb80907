"""The files that a result was computed from: size, and a hash of the content."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from gromos_dist.input_file import SAMPLED_WHOLE, opened, sample_digest, when

_READ_BYTES = 1024 * 1024
_DIGEST_BYTES = 16


@dataclass(frozen=True)
class InputFile:
    """A file that a result was computed from."""

    path: str
    """As it was given."""
    size: int
    """In bytes."""
    content_hash: str
    """``"quick:..."`` is a hash of samples of the file, ``"whole:..."`` one of all its bytes."""
    modified: str = ""
    """When it was last changed, in UTC; empty where the hash is of all its bytes."""

    @property
    def token(self) -> str:
        """What tells its content from another's, wherever it lies."""
        return f"{self.size} {self.content_hash} {self.modified}".rstrip()

    def record(self) -> dict[str, str | int]:
        """Return what stands in a provenance."""
        known: dict[str, str | int] = {"path": self.path, "size": self.size}
        known["content_hash"] = self.content_hash
        if self.modified:
            known["modified"] = self.modified
        return known


def describe_file(path: str | os.PathLike[str], whole: bool = False) -> InputFile:
    """Describe a file by its size and a hash (BLAKE2b, 128 bits) of its content.

    Parameters
    ----------
    path : str or path
        The file.
    whole : bool
        Hash every byte. Otherwise the size, the first and the last 64 KiB and 16 samples of
        4 KiB, evenly spread: it takes the same time for a file of any size, and sees every change
        of length, but not a changed byte between the samples. The time of the last change, which
        then is noted as well, tells of these.

    Returns
    -------
    InputFile

    Raises
    ------
    OSError
        The operating system's own refusal, or the path is not a regular file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"TITLE")
    ...     file.flush()
    ...     describe_file(file.name).size
    5
    """
    name = os.fspath(path)
    with opened(name) as file:
        found = os.fstat(file)
        size = found.st_size
        if whole:
            return InputFile(name, size, f"whole:{_hash_whole(file, size)}")
        modified = when(found.st_mtime_ns) if size > SAMPLED_WHOLE else ""
        return InputFile(name, size, f"quick:{sample_digest(file, size)}", modified)


def _hash_whole(file: int, size: int) -> str:
    total = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    done = 0
    while done < size and (block := os.pread(file, min(_READ_BYTES, size - done), done)):
        total.update(block)
        done += len(block)
    return total.hexdigest()

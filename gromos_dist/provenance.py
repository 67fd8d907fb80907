"""Where a result comes from: the call, its parameters and its input files, as one line of JSON."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import numpy as np

from gromos_dist._version import __version__
from gromos_dist.input_file import SAMPLED_WHOLE, opened, sample_digest, when

IN_MEMORY = "in memory"
"""Stands in a history for an array whose values nothing else tells."""

_READ_BYTES = 1024 * 1024
_DIGEST_BYTES = 16
_LONGEST_LIST = 64


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
        """Return what stands in a history."""
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


def history(call: str, parameters: Mapping[str, object], inputs: Sequence[InputFile]) -> str:
    """Return the ``history`` attribute of a result: canonical JSON on one line.

    The same run gives the same bytes: keys are sorted and there is no date.

    Parameters
    ----------
    call : str
        The function, for example ``"rmsd"``.
    parameters : mapping
        Its arguments: None, booleans, numbers, strings, paths, slices, ranges, arrays (kept as
        dtype, shape and hash; so are sequences of more than 64 values), objects with a
        ``content_hash``, and sequences and mappings of these.
    inputs : sequence of InputFile
        The files that were read.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        A parameter is of another type.

    Examples
    --------
    >>> parse(history("rmsd", {"reference": 0, "atoms": "name CA"}, []))["parameters"]
    {'atoms': 'name CA', 'reference': 0}
    """
    return canonical_json(
        {
            "program": "gromos_dist",
            "version": __version__,
            "call": call,
            "parameters": {name: _plain(value, name) for name, value in parameters.items()},
            "inputs": [file.record() for file in inputs],
        }
    )


def parse(history_attr: str) -> dict[str, Any]:
    """Return what `history` wrote: program, version, call, parameters, inputs.

    Raises
    ------
    ValueError
        The attribute was not written by `history`.
    """
    try:
        record = json.loads(history_attr)
    except json.JSONDecodeError:
        record = None
    if not isinstance(record, dict) or record.get("program") != "gromos_dist":
        raise ValueError(
            f"history: expected the JSON that gromos_dist writes, got {history_attr[:80]!r}"
        )
    return record


def identity(history_attr: str) -> dict[str, Any]:
    """Return what makes two runs the same: `parse` without the paths of the inputs.

    A file that was moved or renamed is the same file; one of another size or content is not, nor
    one that was changed since, unless every byte of it was hashed.

    Raises
    ------
    ValueError
        The attribute was not written by `history`.
    """
    record = parse(history_attr)
    inputs = [
        {key: value for key, value in file.items() if key != "path"} for file in record["inputs"]
    ]
    return {**record, "inputs": inputs}


def array_hash(array: np.ndarray[Any, Any]) -> str:
    """Return a hash (BLAKE2b, 128 bits) of an array's dtype, shape and values.

    Raises
    ------
    TypeError
        The array holds Python objects.
    """
    if array.dtype.hasobject:
        raise TypeError(
            "an array of Python objects cannot be hashed; convert it to numbers or strings first"
        )
    little_endian = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    total = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    total.update(f"{little_endian.dtype.str} {array.shape} ".encode())
    total.update(little_endian.tobytes())
    return total.hexdigest()


def canonical_json(value: object) -> str:
    """Return plain values as JSON on one line, equal values as equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: object, name: str) -> object:  # noqa: PLR0911
    """Return a parameter as what JSON knows; `name` is for the message."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, slice | range):
        return {
            type(value).__name__: [
                _plain(part, name) for part in (value.start, value.stop, value.step)
            ]
        }
    if isinstance(value, InputFile):
        return {key: of for key, of in value.record().items() if key != "path"}
    content_hash = getattr(value, "content_hash", None)
    if isinstance(content_hash, str):
        return {"type": type(value).__name__, "content_hash": content_hash}
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, Sequence) and len(value) <= _LONGEST_LIST:
        return [_plain(part, f"{name}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, Sequence) or hasattr(value, "__array__"):
        array = np.asarray(value)
        if not array.dtype.hasobject:
            return {
                "dtype": array.dtype.str,
                "shape": list(array.shape),
                "array_hash": array_hash(array),
            }
    raise TypeError(
        f"{name}: expected a number, string, path, slice, array, or an object with a content_hash, "
        f"got {type(value).__name__}"
    )

"""Parameters as plain values for JSON, and hashes of arrays."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from gromos_dist.provenance.files import InputFile

_DIGEST_BYTES = 16
_LONGEST_LIST = 64


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


def plain(value: object, name: str) -> object:  # noqa: PLR0911
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
                plain(part, name) for part in (value.start, value.stop, value.step)
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
        return {str(key): plain(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, Sequence) and len(value) <= _LONGEST_LIST:
        return [plain(part, f"{name}[{i}]") for i, part in enumerate(value)]
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

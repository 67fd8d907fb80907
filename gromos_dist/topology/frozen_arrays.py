"""Dataclasses of read-only arrays: equal when their content is equal, picklable."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import fields
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def frozen(values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Return a read-only copy, C-contiguous, of this dtype.

    Raises
    ------
    TypeError
        Floats where integers are wanted: a float that is no whole number must not become the
        number of an atom or a residue.
    OverflowError
        An integer that `dtype` cannot hold.
    """
    array = np.array(values, order="C")
    wanted = np.dtype(dtype)
    if not array.size:
        array = array.astype(wanted)
    elif wanted.kind == "i" and array.dtype.kind in "iu":
        limits = np.iinfo(wanted)
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise OverflowError(f"{array.min()} to {array.max()} do not fit into {wanted}")
        array = array.astype(wanted)
    else:
        array = array.astype(wanted, casting="unsafe" if wanted.kind == "U" else "same_kind")
    array.flags.writeable = False
    return array


class FrozenArrays:
    """What frozen dataclasses of arrays share: hash, equality, pickling and a token for Dask."""

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of all that is in it, in hexadecimal; it does not depend on how it is stored."""
        digest = hashlib.sha256()
        for field in fields(cast(Any, self)):
            value = getattr(self, field.name)
            digest.update(f"{field.name} {getattr(value, 'shape', ())}:".encode())
            digest.update(_content(value))
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.content_hash == cast(Any, other).content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, since NumPy's pickles forget that an array is read-only.
        return type(self), tuple(getattr(self, field.name) for field in fields(cast(Any, self)))

    def __dask_tokenize__(self) -> Hashable:
        return (f"gromos_dist.{type(self).__name__}", self.content_hash)


def _content(value: Any) -> bytes:
    if isinstance(value, FrozenArrays):
        return value.content_hash.encode()
    if not isinstance(value, np.ndarray):
        return repr(value).encode()
    if value.dtype.kind == "U":
        return "\0".join(value.ravel().tolist()).encode()
    return value.astype(value.dtype.newbyteorder("<")).tobytes()

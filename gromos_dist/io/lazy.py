"""A Source as a lazy array: what is indexed is what is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import DTypeLike, NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from gromos_dist.io.reader import FRAME_FIELDS
from gromos_dist.io.source import Source

CHUNK_BYTES = 128 * 2**20
_SMALLEST_CHUNK_BYTES = 2**20
_CHUNKS_WANTED = 32


def trajectory_array(source: Source, field: str, frame_chunks: tuple[int, ...]) -> da.Array:
    """Return the Dask array of a field of `source`, in chunks of so many frames."""
    whole = FieldOfSource(source, field)
    return da.from_array(
        whole,
        chunks=(frame_chunks, *((size,) for size in whole.shape[1:])),
        name=f"{field}-{tokenize(whole, frame_chunks)}",
        asarray=False,
        meta=np.empty((0,) * len(whole.shape), whole.dtype),
    )


class FieldOfSource(BackendArray):
    """A field of all frames of a Source, as Dask and xarray index it.

    An index of one axis does not affect the others: slices, integers and lists of integers reach
    the files for frames and for atoms.
    """

    def __init__(self, source: Source, field: str) -> None:
        self.source = source
        self.field = field
        self.shape = source.shape(field)
        self.dtype = source.field_dtype(field)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        if isinstance(key, indexing.ExplicitIndexer):
            values: NDArray[Any] = indexing.explicit_indexing_adapter(
                key, self.shape, indexing.IndexingSupport.OUTER, self._read
            )
            return values
        key = key if isinstance(key, tuple) else (key,)
        return self._read((*key, *[slice(None)] * (len(self.shape) - len(key))))

    def __dask_tokenize__(self) -> Any:
        return self.source.identity, self.field

    def with_dtype(self, dtype: DTypeLike) -> FieldOfSource:
        """Return the field as it is read in another dtype."""
        return FieldOfSource(replace(self.source, dtype=np.dtype(dtype)), self.field)

    def _read(self, key: Sequence[Any]) -> NDArray[Any]:
        source, left = self.source, list(key)
        if is_of_atoms(self.field) and not _is_whole(key[1], self.shape[1]):
            atoms = np.arange(self.shape[1])[key[1]]
            source = source.select_atoms(np.atleast_1d(atoms))
            left[1] = slice(None) if atoms.ndim else 0
        frames = range(self.shape[0])
        if isinstance(key[0], slice) and frames[key[0]].step > 0:
            values = source.select_frames(frames[key[0]]).read([self.field])[self.field]
            left[0] = slice(None)
        else:
            wanted = np.arange(self.shape[0])[key[0]]
            unique, left[0] = np.unique(wanted, return_inverse=True)
            values = self._read_runs(source, unique)
        for axis in reversed(range(values.ndim)):
            values = values[(slice(None),) * axis + (left[axis],)]
        return values

    def _read_runs(self, source: Source, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read rising frames, those that follow each other together."""
        values = source.allocate([self.field], len(frames))
        starts = [0, *(np.flatnonzero(np.diff(frames) != 1) + 1), len(frames)]
        for i, j in pairwise(starts):
            if i < j:
                part = {self.field: values[self.field][i:j]}
                source.read([self.field], int(frames[i]), int(frames[j - 1]) + 1, part)
        return values[self.field]


def is_of_atoms(field: str) -> bool:
    """Say whether the second axis of a field is that of the atoms."""
    return FRAME_FIELDS[field][:1] == (None,)


def constant(value: Any) -> Any:
    """Return `value` as one content-named node of a graph, however many tasks use it."""
    return dask.delayed(value, name=f"constant-{tokenize(value)}", traverse=False)


def block_bounds(frame_chunks: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the first and the past-the-last frame of every chunk."""
    return list(pairwise([0, *accumulate(frame_chunks)]))


def frame_chunks_of(source: Source, chunks: int | str) -> tuple[int, ...]:
    """Return chunks of so many frames each, or with "auto" those of `default_frame_chunks`.

    Raises
    ------
    ValueError
        `chunks` is neither "auto" nor a number above 0.
    """
    if chunks == "auto":
        return default_frame_chunks(source)
    if not isinstance(chunks, int) or chunks < 1:
        raise ValueError(f"chunks: expected 'auto' or a number of frames, got {chunks!r}")
    full, rest = divmod(source.n_frames, chunks)
    return (chunks,) * full + ((rest,) if rest else ()) or (0,)


def default_frame_chunks(source: Source) -> tuple[int, ...]:
    """Choose chunks: about 128 MiB of coordinates, and enough of them to share out.

    The choice depends on the files alone, not on the machine, so that a run goes on elsewhere
    with the same chunks. Chunks do not cross from file to file, and begin where the reader likes.
    """
    frame_bytes = max(1, source.frame_bytes("positions"))
    fair_share = source.n_frames * frame_bytes // _CHUNKS_WANTED
    size = min(CHUNK_BYTES, max(_SMALLEST_CHUNK_BYTES, fair_share))
    n_frames = max(1, size // frame_bytes)
    chunks: list[int] = []
    for reader, frames in zip(source.readers, source.frames, strict=True):
        step = max(1, reader.preferred_step // frames.step)
        per_chunk = max(1, round(n_frames / step)) * step
        full, rest = divmod(len(frames), per_chunk)
        chunks += [per_chunk] * full + ([rest] if rest else [])
    return tuple(chunks) or (0,)


def _is_whole(item: Any, size: int) -> bool:
    return isinstance(item, slice) and range(size)[item] == range(size)

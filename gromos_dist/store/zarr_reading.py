"""Opening a stored result: nothing is read for good that is not what was written."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
import zarr
from dask.base import tokenize
from numpy.typing import NDArray

from gromos_dist.errors import StoreError
from gromos_dist.store import contents
from gromos_dist.store.coordinates import in_memory
from gromos_dist.store.identity import FORMAT
from gromos_dist.store.zarr_blocks import (
    Place,
    block_shape,
    count_there,
    file_name,
    is_partial,
    open_array,
    region,
    staged_names,
)
from gromos_dist.store.zarr_root import OURS, Attrs, block_files, read_attrs, run_of


def open_folder(path: Path, allow_unfinished: bool) -> xr.Dataset:
    """Open a stored result lazily; see `open_store`."""
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    listed = contents.read(path)
    attrs = read_attrs(path)
    if attrs is None and listed is not None:
        contents.require(path, listed.files, ())
    if attrs is None:
        raise ValueError(f"{path} is not a store of gromos_dist; open it with xarray.open_zarr")
    if not allow_unfinished:
        _require_complete(path, attrs, listed)
    checked = None if allow_unfinished or listed is None else listed.crc32
    dataset: xr.Dataset = xr.open_zarr(path, zarr_format=3, chunks=None)
    for name in {*dataset.data_vars, *attrs["graph"]}:
        array = _lazy_array(path, str(name), checked)
        dataset = dataset.assign({name: dataset[name].variable.copy(data=array)})
    # What was in memory when it was stored comes back into memory.
    for name, coordinate in dataset.coords.items():
        if name not in attrs["graph"]:
            dataset = dataset.assign_coords({name: in_memory(coordinate)})
    for ours in OURS:
        del dataset.attrs[ours]
    # Chunks of another store are none of the next one's: several tasks would write one shard.
    for variable in dataset.variables.values():
        for layout in ("chunks", "shards", "preferred_chunks"):
            variable.encoding.pop(layout, None)
    return dataset


def _require_complete(path: Path, attrs: Attrs, listed: contents.Contents | None) -> None:
    """Raise an error if something is missing."""
    if listed is not None and attrs["complete"]:
        contents.require(path, listed.files, block_files(listed.files, attrs["graph"]))
        return
    counts = [count_there(path, name, run_of(attrs)) for name in attrs["graph"]]
    there, total = (sum(of_array) for of_array in zip((0, 0), *counts, strict=True))
    if not attrs["complete"]:
        n_kept = sum(map(is_partial, staged_names(path, run_of(attrs))))
        kept = f", {n_kept} partial results are kept" if n_kept else ""
        raise ValueError(
            f"{path} is unfinished: {there} of {total} blocks are done{kept}. Make the call that "
            "began it again, or pass allow_unfinished=True"
        )
    if json.loads(attrs["identity"]).get("format") == FORMAT:
        raise StoreError(f"{path / contents.NAME} is missing; {contents.WAY_OUT}")
    if there < total:
        raise StoreError(
            f"{path} is damaged: {total - there} of {total} blocks are missing; copy it again"
        )


def _lazy_array(path: Path, name: str, checked: int | None) -> da.Array:
    array = open_array(path, name)
    blocks = StoredBlocks(
        folder=os.path.realpath(path),
        name=name,
        shape=array.shape,
        dtype=array.dtype,
        block=block_shape(array),
        contents=checked,
    )
    # Without a list nothing tells two states of a store apart.
    token = tokenize(blocks) if checked is not None else None
    return da.from_array(
        blocks,
        chunks=blocks.block,
        name=f"{name}-{token}" if token else False,
        fancy=False,
        meta=np.empty((0,) * array.ndim, array.dtype),
    )


@dataclass(frozen=True)
class StoredBlocks:
    """An array of a store that Dask slices; blocks that are not what was written are an error."""

    folder: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    block: tuple[int, ...]
    contents: int | None
    """The checksum of the store's list; None for one that is unfinished, or has none."""

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.shape)

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        """Read a part, given by slices and integers.

        Raises
        ------
        StoreError
            A block is missing or damaged, or the store was written anew since it was opened.
        """
        array = open_array(self.folder, self.name)
        if self.contents is not None:
            self._check(array, index)
        try:
            return np.asarray(array[index])
        except (ValueError, RuntimeError) as error:
            raise StoreError(
                f"{self.folder}: a block of {self.name} is damaged ({error}); {contents.WAY_OUT}"
            ) from error

    def _check(self, array: zarr.Array[Any], index: tuple[Any, ...]) -> None:
        listed = contents.read(Path(self.folder))
        if listed is None or listed.crc32 != self.contents:
            raise StoreError(f"{self.folder} was written anew since it was opened: open it again")
        for place in self._touched(index):
            name = file_name(array, place)
            # Of a shard, parts are read: their own checksums tell.
            whole = array.shards is None or _covers(index, region(array, place))
            path = Path(self.folder, name)
            if name in listed.files:
                problem = contents.problem_of(path, listed.files[name], whole=whole)
            else:
                # Zarr leaves out a block of nothing but the fill value.
                problem = "nobody wrote it" if path.exists() else ""
            if problem:
                raise StoreError(
                    f"{self.folder}: block {place} of {self.name} is damaged ({name}: {problem}); "
                    f"{contents.WAY_OUT}"
                )

    def _touched(self, index: tuple[Any, ...]) -> Iterator[Place]:
        along = []
        for part, size, step in zip(index, self.shape, self.block, strict=True):
            chosen = range(size)[part] if isinstance(part, slice) else [range(size)[part]]
            first, last = (min(chosen), max(chosen)) if len(chosen) else (0, -1)
            along.append(range(first // step, last // step + 1))
        return product(*along)


def _covers(index: tuple[Any, ...], block: tuple[slice, ...]) -> bool:
    return all(
        isinstance(part, slice)
        and (part.start or 0) <= of_block.start
        and (part.stop is None or part.stop >= of_block.stop)
        and part.step in (None, 1)
        for part, of_block in zip(index, block, strict=True)
    )

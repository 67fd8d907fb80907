"""Results in Zarr 3: a file a block, and a run that goes on where it was killed.

The folder is made beside its place, with all metadata, and renamed. From then on it only gains
files, each written aside and renamed by who holds the lock of the folder. Every chunk has a
checksum, so what is done is read off the files; those that are not what was written are made anew.
Last comes the list of all files, then the root's attribute ``complete``.
"""

from __future__ import annotations

import json
import math
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
import zarr
from dask.base import compute as compute_now
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from gromos_dist import provenance
from gromos_dist.beside import folder_beside, full_disk_named, locked
from gromos_dist.distributed import block_frames, compute, take_blocks, to_blocks, work_of
from gromos_dist.errors import StoreError
from gromos_dist.mapping import LazyRows
from gromos_dist.progress import note, progress_bar
from gromos_dist.provenance import canonical_json
from gromos_dist.store import contents
from gromos_dist.store.identity import describe, differences, plain
from gromos_dist.store.layout import rows_of_a_chunk
from gromos_dist.store.partial_states import resumed
from gromos_dist.store.zarr_blocks import (
    Place,
    StagedBlocks,
    examine,
    file_name,
    is_staged,
    places,
    region,
    staging,
    write_block,
)
from gromos_dist.store.zarr_root import OURS, ROOT, Attrs, arrays, block_files, read_attrs, run_of

Found = dict[str, dict[Place, contents.Written | None]]
"""By variable and place: what a block is that is there, None for one that is to be computed."""

_BYTES_OF_A_BLOCK = 64 * 1024 * 1024
# Blocks from this size on are shards.
_BYTES_OF_A_SHARD = 8 * 1024 * 1024
# So many blocks are looked at by one task.
_BLOCKS_OF_A_LOOK = 64
_COMPRESSED = (ZstdCodec(level=0), Crc32cCodec())
_WAYS_OUT = "pass overwrite=True to begin anew, or choose another path"
_IGNORING = threading.Lock()
# What an unfinished store shows where a block is missing.
_MISSING = {"f": math.nan, "c": complex(math.nan, math.nan)}


@dataclass(frozen=True)
class _Plan:
    """A result, the grid in which it is stored, and its identity."""

    dataset: xr.Dataset
    grid: dict[str, tuple[int, ...]]
    """The shape of the blocks of each lazy variable."""
    identity: str
    graph: dict[str, str]
    """The name of each lazy variable's Dask graph."""
    events: LazyRows | None = None
    """Where there are events to be found: the Dataset then has none yet."""


def write(
    result: xr.Dataset | LazyRows, target: Path, overwrite: bool, progress: bool | None
) -> None:
    """Write a result to the folder `target`, or go on where an earlier run stopped."""
    plan = _plan_of_events(result) if isinstance(result, LazyRows) else _plan(result)
    goes_on = target.exists() and not overwrite
    if goes_on:
        attrs = _attrs_to_go_on(target)
        _compare(plan, attrs, target)
        if attrs["complete"] and _is_whole(plan, attrs, target, progress):
            note(f"{target} is complete already: nothing to compute", progress)
            return
    with full_disk_named(target):
        with folder_beside(target) as folder:
            _prepare(plan, folder / "new")
            metadata = _files_of(folder / "new")
            if not goes_on:
                _put_in_place(folder, target)
        with locked(target) as store:
            _finish(plan, store, target, metadata, progress)


def _attrs_to_go_on(target: Path) -> Attrs:
    attrs = read_attrs(target)
    if attrs is not None:
        return attrs
    if contents.read(target) is None:
        raise FileExistsError(
            f"{target} exists and is not a store of gromos_dist; choose another path"
        )
    raise StoreError(f"{target / ROOT} is not what was written; copy it again, or {_WAYS_OUT}")


def _plan(dataset: xr.Dataset) -> _Plan:
    dataset = dataset.copy(deep=False)
    dataset.attrs = {name: value for name, value in dataset.attrs.items() if name not in OURS}
    lazy = {str(name): v for name, v in dataset.variables.items() if v.chunks is not None}
    grid = {name: tuple(map(_regular, v.chunks or ())) for name, v in lazy.items()}
    return _Plan(
        dataset=dataset,
        grid=grid,
        identity=canonical_json(describe(dataset, grid)),
        graph={name: v.data.name for name, v in lazy.items()},
    )


def _plan_of_events(events: LazyRows) -> _Plan:
    none = events.made_of([])
    identity = describe(none, {})
    identity["frames"] = {
        str(name): provenance.array_hash(of_frame.values)
        for name, of_frame in events.of_frames.items()
    }
    origin = provenance.found_in(events.attrs)
    if origin is not None and provenance.IN_MEMORY in origin.text:
        identity["array"] = events.blocks.name
    graph = {str(name): events.blocks.name for name in none.data_vars}
    return _Plan(none, {}, canonical_json(identity), graph, events)


def _regular(sizes: Sequence[int]) -> int:
    """Return the size of the blocks along a dim, given those of the Dask chunks.

    Chunks that are equal but for a shorter last one stay as they are; others (of several files,
    each with a shorter last one) are cut anew in steps of the longest.
    """
    return max([1, *sizes])


def _compare(plan: _Plan, attrs: dict[str, Any], target: Path) -> None:
    if attrs["identity"] == plan.identity:
        return
    differing = differences(json.loads(attrs["identity"]), json.loads(plan.identity))
    shown = "".join(f"\n  {line}" for line in differing)
    if attrs["complete"]:
        raise FileExistsError(f"{target} holds another result; {_WAYS_OUT}. What differs:{shown}")
    raise ValueError(
        f"{target} is the unfinished store of another run; {_WAYS_OUT}. What differs:{shown}"
    )


def _prepare(plan: _Plan, folder: Path) -> None:
    """Write all but the lazy variables' blocks."""
    dataset = plan.dataset
    in_memory = dataset.drop_vars(list(plan.grid))
    strings = {
        name: variable.astype(object)
        for name, variable in in_memory.variables.items()
        if variable.dtype.kind == "U"
    }
    # Zarr 3 specifies strings of any length, not those of a fixed one.
    in_memory = in_memory.assign_coords(strings)
    in_memory.attrs = {
        **{name: plain(value) for name, value in dataset.attrs.items()},
        "complete": False,
        "identity": plan.identity,
        "graph": plan.graph,
    }
    encoding = {
        str(name): {
            "compressors": _COMPRESSED,
            **({"chunks": _default_blocks(variable)} if variable.ndim else {}),
        }
        for name, variable in in_memory.variables.items()
    }
    in_memory.to_zarr(folder, zarr_format=3, consolidated=False, encoding=encoding)
    root = zarr.open_group(folder, mode="r+", zarr_format=3)
    for name, blocks in plan.grid.items():
        variable = dataset[name].variable
        root.create_array(
            name,
            shape=variable.shape,
            **_layout(variable, blocks),
            dtype=variable.dtype,
            fill_value=_MISSING.get(variable.dtype.kind, 0),
            dimension_names=[str(dim) for dim in variable.dims],
            attributes=_attributes(plan, name),
        )
    # What is ignored is ignored by all threads, and the first to leave would end it for the others.
    with _IGNORING, warnings.catch_warnings():
        # xarray looks for consolidated metadata first, and warns when there are none.
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        zarr.consolidate_metadata(folder, zarr_format=3)


def _layout(variable: xr.Variable, block: tuple[int, ...]) -> dict[str, Any]:
    """Return how the blocks of a lazy variable are laid out: as chunks, or as shards of some.

    A large block is a shard, of which some rows (frames, mostly) can be read without the others.
    Numbers that were rounded end in zero bits, which compress well when the bits of a place lie
    together.
    """
    layout: dict[str, Any] = {"chunks": block, "compressors": _COMPRESSED}
    if "precision" in variable.attrs and variable.dtype.kind == "f":
        blosc = BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle")
        layout["compressors"] = (blosc, Crc32cCodec())
    bytes_of_a_block = math.prod(block) * variable.dtype.itemsize
    if not block or bytes_of_a_block < _BYTES_OF_A_SHARD:
        return layout
    rows = max(1, block[0])
    within = rows_of_a_chunk(rows, bytes_of_a_block // rows)
    return {**layout, "chunks": (within, *block[1:]), "shards": block}


def _attributes(plan: _Plan, name: str) -> dict[str, Any]:
    array = plan.dataset[name]
    attributes = {str(key): plain(value) for key, value in array.attrs.items()}
    coordinates = [str(key) for key in array.coords if key not in array.dims and key != name]
    if coordinates:
        attributes["coordinates"] = " ".join(coordinates)
    return attributes


def _default_blocks(variable: xr.Variable) -> tuple[int, ...]:
    rows, *rest = variable.shape
    bytes_of_a_row = variable.nbytes / max(rows, 1)
    step = max(1, min(rows, int(_BYTES_OF_A_BLOCK / max(bytes_of_a_row, 1))))
    return (step, *(max(size, 1) for size in rest))


def _files_of(folder: Path) -> dict[str, bytes]:
    """Return the small files of a store: all but the blocks of lazy variables."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _put_in_place(folder: Path, target: Path) -> None:
    """Rename ``new`` to the target, and remove what was there if it is ours."""
    if target.exists():
        if read_attrs(target) is None and contents.read(target) is None:
            raise FileExistsError(
                f"{target} is not a store of gromos_dist, so overwrite=True does not delete it; "
                "choose another path"
            )
        with locked(target):
            target.rename(folder / "old")
    (folder / "new").rename(target)


def _is_whole(plan: _Plan, attrs: Attrs, target: Path, progress: bool | None) -> bool:
    """Say whether a store that says it is complete has every file as it was written."""
    try:
        listed = contents.read(target)
        if listed is None or is_staged(target, run_of(attrs)):
            return False
        contents.require(target, listed.files, block_files(listed.files, plan.grid))
    except StoreError:
        return False
    found = _examine(plan, target, listed.files, progress)
    if not all(all(of_array.values()) for of_array in found.values()):
        return False
    _check_values(plan, attrs, target, found)
    return True


def _finish(
    plan: _Plan, store: int, target: Path, metadata: dict[str, bytes], progress: bool | None
) -> None:
    """Compute and write what is missing, then say that the store is complete.

    Parameters
    ----------
    store : int
        A descriptor of the folder, locked.
    metadata : dict
        All files but the blocks, as they have to be.
    """
    attrs = read_attrs(target)
    if attrs is None or attrs["identity"] != plan.identity:
        raise OSError(f"{target}: another run changed the store meanwhile")
    run = run_of(attrs)
    with staging(store, run, target) as staged:
        if plan.events is not None:
            metadata = _files_with_events(plan, plan.events, target, run, progress)
        for name, data in metadata.items():
            if name != ROOT and not _holds(target / name, data):
                staged.replace(name, data)
        for array in arrays(target, plan.grid):
            for place in staged.waiting(array):
                staged.put_in_place(array, place)
        found = _examine(plan, target, {}, progress)
        _check_values(plan, attrs, target, found)
        _compute_missing(plan, target, run, staged, found, progress)
        root = _completed(metadata[ROOT])
        files = {name: contents.describe(data) for name, data in metadata.items()}
        files[ROOT] = contents.describe(root)
        for array in arrays(target, plan.grid):
            for place, written in found[array.path].items():
                files[file_name(array, place)] = _there(written)
        staged.replace(contents.NAME, contents.to_bytes(files))
        staged.replace(ROOT, root)
        staged.remove()


def _files_with_events(
    plan: _Plan, events: LazyRows, target: Path, run: str, progress: bool | None
) -> dict[str, bytes]:
    """Find all events, block by block, and return the files of a store that has them."""
    (blocks,) = resumed([events.blocks], target, run, progress)
    dataset: Any = compute(events.with_blocks(blocks), progress=progress)
    with folder_beside(target) as folder:
        _prepare(replace(plan, dataset=dataset), folder / "new")
        return _files_of(folder / "new")


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _examine(plan: _Plan, target: Path, listed: contents.Files, progress: bool | None) -> Found:
    """Look at every block: size and checksum of those that are there and whole.

    Parameters
    ----------
    listed : mapping
        The store's list of files, if there is one.
    """
    found: Found = {}
    tasks: list[Delayed] = []
    asked: list[tuple[str, list[Place]]] = []
    frames: list[float] = []
    for array, counts in zip(arrays(target, plan.grid), _frames(plan), strict=True):
        wanted = places(array)
        found[array.path] = dict.fromkeys(wanted)
        names = {place: file_name(array, place) for place in wanted}
        there = [
            (place, n_frames)
            for place, n_frames in zip(wanted, counts, strict=False)
            if (target / names[place]).exists()
        ]
        for start in range(0, len(there), _BLOCKS_OF_A_LOOK):
            some = there[start : start + _BLOCKS_OF_A_LOOK]
            group = [place for place, _ in some]
            before = [listed.get(names[place]) for place in group]
            tasks.append(_look(str(target), array.path, group, before))
            asked.append((array.path, group))
            frames.append(sum(n_frames for _, n_frames in some))
    if not tasks:
        return found

    def take(index: int, written: list[contents.Written | None]) -> None:
        name, group = asked[index]
        found[name].update(zip(group, written, strict=True))

    with progress_bar(f"checking {target.name}", sum(frames), show=progress) as advance:
        take_blocks(tasks, frames, take, advance)
    return found


def _compute_missing(
    plan: _Plan,
    target: Path,
    run: str,
    staged: StagedBlocks,
    found: Found,
    progress: bool | None,
) -> None:
    """Compute and write the blocks that are missing, and note in `found` what was written."""
    names = [name for name in plan.grid if not all(found[name].values())]
    if not names:
        return
    regular = resumed([_regular_array(plan, name) for name in names], target, run, progress)
    work = work_of(regular, [plan.dataset[name].dims for name in names])
    blocks: list[Delayed] = []
    wanted: list[tuple[zarr.Array[Any], Place]] = []
    frames: list[float] = []
    for array, tasks, counts in zip(arrays(target, names), work.blocks, work.frames, strict=True):
        for place, task, count in zip(places(array), tasks, counts, strict=True):
            if found[array.path][place] is None:
                blocks.append(_write(task, str(target), array.path, place, run))
                wanted.append((array, place))
                frames.append(count)

    def take(index: int, written: contents.Written) -> None:
        array, place = wanted[index]
        staged.put_in_place(array, place)
        found[array.path][place] = written

    left = sum(frames) + sum(count for _, count in work.watchers)
    done = work.total - left
    with progress_bar(target.name, work.total, done=done, show=progress, unit=work.unit) as advance:
        take_blocks(blocks, frames, take, advance, work.watchers)


def _there(written: contents.Written | None) -> contents.Written:
    assert written is not None, "a block was neither there nor computed"
    return written


def _frames(plan: _Plan) -> list[list[float]]:
    """Return how many frames each block stands for, a list a variable."""
    return block_frames(
        [plan.dataset[name].dims for name in plan.grid],
        [_chunks(plan, name) for name in plan.grid],
    )


def _completed(root: bytes) -> bytes:
    """Return the root's metadata of the complete store."""
    metadata = json.loads(root)
    metadata["attributes"]["complete"] = True
    return json.dumps(metadata, indent=2).encode()


def _chunks(plan: _Plan, name: str) -> list[list[int]]:
    """Return the sizes of a variable's blocks along each dim."""
    shape = plan.dataset[name].shape
    return [
        [min(step, size - start) for start in range(0, max(size, 1), step)]
        for size, step in zip(shape, plan.grid[name], strict=True)
    ]


def _regular_array(plan: _Plan, name: str) -> da.Array:
    """Return a lazy variable in the blocks of the grid."""
    data = plan.dataset[name].data
    chunks = tuple(map(tuple, _chunks(plan, name)))
    return data if data.chunks == chunks else data.rechunk(chunks)


_write = delayed(write_block, pure=False)
_look = delayed(examine, pure=False)


def _check_values(plan: _Plan, attrs: Attrs, target: Path, found: Found) -> None:
    """Compare two stored blocks with what would be computed now, if the graph is another one.

    The same history with another Dask graph is the same run if a file was moved, and is not if the
    user changed the result after our function returned it. The values tell.
    """
    if attrs["graph"] == plan.graph:
        return
    stored: list[tuple[str, Place, NDArray[Any]]] = []
    compared: list[Delayed] = []
    tasks_of_arrays = to_blocks([_regular_array(plan, name) for name in plan.grid])
    for array, tasks in zip(arrays(target, plan.grid), tasks_of_arrays, strict=True):
        there = [i for i, place in enumerate(places(array)) if found[array.path][place]]
        for i in sorted({there[0], there[-1]}) if there else ():
            place = places(array)[i]
            stored.append((array.path, place, np.asarray(array[region(array, place)])))
            compared.append(tasks[i])
    # Together, so that what several variables share is computed once.
    for (name, place, block), now in zip(stored, compute_now(*compared), strict=True):
        if block.tobytes() != np.ascontiguousarray(now, block.dtype).tobytes():
            raise ValueError(
                f"{target} has the same history but other values: {name}, block {place}. "
                f"Was the result changed after it was computed, or the input? {_WAYS_OUT}"
            )

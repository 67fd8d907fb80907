"""One pass: what reads the same files reads every frame once, for all together.

Every record that reads files makes a layer of tasks that each read a block of frames. Where a graph
has several of the same files, they are replaced by joint tasks: one reads a block of frames with
all atoms and fields that any of them wants, piece by piece, and hands each its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from math import lcm
from typing import Any

import numpy as np
from dask._task_spec import DataNode, List, Task, TaskRef, convert_legacy_graph
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.utils import ensure_dict
from numpy.typing import NDArray

from gromos_dist.io.graphs import kind_of, node_value, original_field
from gromos_dist.io.lazy import FieldOfSource, block_bounds, is_of_atoms
from gromos_dist.io.source import Source
from gromos_dist.mapping.blocks import PIECE_BYTES, Array, Piece, Stream, Work, pieces_of
from gromos_dist.mapping.map import MapJob

Key = Any
Frames = tuple[int, int]
"""The first and the past-the-last of some frames."""


def read_together(graph: HighLevelGraph, wanted: Iterable[Key]) -> HighLevelGraph:
    """Return a graph that gives the same, and reads each frame of the same files once.

    Parameters
    ----------
    graph : HighLevelGraph
        Of several arrays, merged.
    wanted : iterable of keys
        What of it will be computed; nothing else is read.
    """
    readings = [reading for reading in _readings(graph) if reading.joins]
    if len({reading.files for reading in readings}) == len(readings):
        return graph
    needed = _needed(convert_legacy_graph(ensure_dict(graph)), wanted)
    readings = [reading.of(needed) for reading in readings]
    layers, dependencies = dict(graph.layers), dict(graph.dependencies)
    for group in _at_one_time(graph, [reading for reading in readings if reading.blocks]):
        edges = _joint_edges(group)
        members = [reading for reading in group if reading.fits(edges)]
        if len(members) < 2:
            continue
        for name, layer, above in _joint_layers(members, edges):
            layers[name] = MaterializedLayer(dict(layer))
            dependencies[name] = above
    return HighLevelGraph(layers, dependencies)


def frames_of_tasks(
    graph: HighLevelGraph, wanted: Sequence[Iterable[Key]]
) -> list[list[dict[Key, int]]]:
    """Return what takes blocks of input frames, to show how far the work is.

    Parameters
    ----------
    graph : HighLevelGraph
        Of several arrays, merged.
    wanted : sequence of iterables of keys
        For each array what of it will be computed.

    Returns
    -------
    list
        For each array, and for each pass over frames that it needs, how many frames each task
        takes.
    """
    found = {r.layer: {key: j - i for key, (i, j) in r.blocks.items()} for r in _readings(graph)}
    for name, value in _constants(graph):
        if isinstance(value, Work | _Together):
            for layer in graph.dependents[name]:
                found[layer] = {
                    key: value.frame_chunks[i]
                    for key, i in _blocks(graph.layers[layer], name).items()
                    if isinstance(i, int)
                }
    tasks = convert_legacy_graph(ensure_dict(graph)) if found else {}
    passes = []
    for keys in wanted:
        needed = _needed(tasks, keys)
        of_array = [
            {key: n for key, n in frames.items() if key in needed} for frames in found.values()
        ]
        passes.append([frames for frames in of_array if frames])
    return passes


def _needed(tasks: Mapping[Key, Any], wanted: Iterable[Key]) -> set[Key]:
    """Return some keys, and all that are needed for them."""
    needed: set[Key] = set()
    pending = list(wanted)
    while pending:
        key = pending.pop()
        # What a cluster holds already is in no graph.
        if key not in needed and key in tasks:
            needed.add(key)
            pending += tasks[key].dependencies
    return needed


# ---- what reads ----


@dataclass(frozen=True)
class _Reading:
    """A layer of tasks that each read a block of frames."""

    layer: str
    stream: Stream
    edges: tuple[int, ...]
    """Where the blocks of the layer begin and end."""
    blocks: Mapping[Key, Frames]
    """The frames that tasks read."""
    joins: bool = True
    """Whether a joint task may read instead."""

    @property
    def files(self) -> str:
        """What identifies the files and the frames of them."""
        source = self.stream.source
        return replace(source, atoms=None, dtype=np.dtype(np.float32)).identity

    @property
    def dtype(self) -> str:
        """In which dtype is read; nothing if that makes no difference."""
        source, fields = self.stream.source, self.stream.fields
        return "" if all(map(source.has_own_dtype, fields)) else source.dtype.str

    def of(self, needed: set[Key]) -> _Reading:
        """Return the reading of those blocks alone that are needed."""
        blocks = {key: frames for key, frames in self.blocks.items() if key in needed}
        return replace(self, blocks=blocks)

    def fits(self, edges: Sequence[int]) -> bool:
        """Say whether its blocks can be put together from parts of blocks with these edges."""
        job = self.stream.work.job
        if job.wants_previous:
            return set(edges) <= set(self.edges)
        return not any(edge % job.multiple_of for edge in edges[:-1])


def _readings(graph: HighLevelGraph) -> list[_Reading]:
    found = []
    for name, value in _constants(graph):
        if isinstance(value, Stream):
            found += [_of_stream(graph, layer, name, value) for layer in graph.dependents[name]]
        elif (field := original_field(graph.layers, name)) is not None:
            found.append(_of_field(graph, name.removeprefix("original-"), name, field))
    return [r for r in found if r is not None and r.edges[-1]]


def _constants(graph: HighLevelGraph) -> list[tuple[str, Any]]:
    """Return the layers of one node, and what these hold."""
    return [
        (name, node_value(layer, name))
        for name, layer in graph.layers.items()
        if name.startswith(("constant-", "original-"))
    ]


def _blocks(layer: Mapping[Key, Any], constant: str) -> dict[Key, Any]:
    """Return what says which block a task computes with a constant, for the tasks that do."""
    # A block's number, or the slices of a field.
    return {
        key: getattr(task.args[1], "value", task.args[1])
        for key, task in layer.items()
        if isinstance(task, Task) and len(task.args) > 1 and task.args[0] == TaskRef(constant)
    }


def _of_stream(graph: HighLevelGraph, layer: str, name: str, stream: Stream) -> _Reading | None:
    bounds = block_bounds(stream.work.frame_chunks)
    blocks = {key: bounds[i] for key, i in _blocks(graph.layers[layer], name).items()}
    if len(blocks) < len(graph.layers[layer]):
        return None
    # What waits for values, of other passes say, is read by its own tasks.
    joins = not stream.work.awaited
    return _Reading(layer, stream, (0, *(stop for _, stop in bounds)), blocks, joins)


def _of_field(
    graph: HighLevelGraph, layer: str, name: str, field: FieldOfSource
) -> _Reading | None:
    """Return the reading of a field itself, in blocks of whole frames."""
    if layer not in graph.layers:
        return None
    blocks = {}
    for key, index in _blocks(graph.layers[layer], name).items():
        if not isinstance(index, tuple) or any(key[2:]):
            return None
        blocks[key] = index[0].start, index[0].stop
    bounds = sorted(blocks.values())
    edges = (0, *(stop for _, stop in bounds))
    if list(pairwise(edges)) != bounds:
        return None
    job = MapJob(_itself, field.dtype, follows=True, what=field.field)
    chunks = tuple(stop - start for start, stop in bounds)
    work = Work(job, {}, chunks, field.shape[1:])
    # Dask may push a choice of frames or atoms down, and read less.
    chosen = any(kind_of(above) == "getitem" for above in graph.dependents[layer])
    stream = Stream(work, field.source, (field.field,))
    return _Reading(layer, stream, edges, blocks, joins=not chosen)


def _itself(block: Array) -> Array:
    return block


def _of_the_same_files(readings: Sequence[_Reading]) -> list[list[_Reading]]:
    """Return the readings of each sequence of files in each dtype."""
    groups = []
    for _, of_files in groupby(sorted(readings, key=lambda r: r.files), key=lambda r: r.files):
        group = list(of_files)
        # Boxes, say, are the same in both: they are read with the positions.
        first, *others = sorted({r.dtype for r in group if r.dtype}) or [""]
        groups.append([r for r in group if r.dtype in ("", first)])
        groups += [[r for r in group if r.dtype == dtype] for dtype in others]
    return groups


def _at_one_time(graph: HighLevelGraph, readings: Sequence[_Reading]) -> list[list[_Reading]]:
    """Return the readings of the same files that can be at the same time.

    Values of frames from which the mean of all is taken, say, are read after those of the mean: all
    would have to be kept until it is there.
    """
    groups = []
    for group in _of_the_same_files(readings):
        later = _that_wait(graph, group)
        groups += [
            [r for r in group if r.layer not in later],
            [r for r in group if r.layer in later],
        ]
    return [group for group in groups if group]


def _that_wait(graph: HighLevelGraph, readings: Sequence[_Reading]) -> set[str]:
    """Return the layers of values of frames that are used together with a value of all frames."""
    reduced = {r.layer for r in readings if r.stream.work.per_block}
    of_frames = {r.layer for r in readings} - reduced
    above: dict[str, set[str]] = {}
    waiting: set[str] = set()
    for name in graph._toposort_layers():
        above[name] = {name} & (reduced | of_frames)
        above[name].update(*(above[up] for up in graph.dependencies[name]))
        if above[name] & reduced:
            waiting |= above[name] & of_frames
    return waiting


# ---- what reads together ----


def _joint_edges(readings: Sequence[_Reading]) -> tuple[int, ...]:
    """Return the edges of joint blocks: those of blocks that can be cut nowhere else."""
    chosen = max(readings, key=lambda r: (r.stream.work.job.multiple_of, len(r.edges)))
    return chosen.edges


def _joint_layers(
    members: Sequence[_Reading], edges: Sequence[int]
) -> list[tuple[str, Mapping[Key, Any], set[str]]]:
    """Return the names, tasks and dependencies of layers: the joint one, and the members' own."""
    # What is wanted is part of the name: a cluster may know the tasks of two graphs at one time.
    wanted = [(member.layer, np.array(list(member.blocks.values()))) for member in members]
    name = f"read-together-{tokenize(wanted, edges)}"
    constant = f"constant-{name}"
    together = _together([member.stream for member in members], edges)
    starts = np.asarray(edges[:-1])
    parts: dict[int, list[tuple[int, int, int]]] = {}
    layers: list[tuple[str, Mapping[Key, Any], set[str]]]
    layers = [(constant, {constant: DataNode(constant, together)}, set[str]())]
    for m, member in enumerate(members):
        picks = {}
        for key, (start, stop) in member.blocks.items():
            first = int(np.searchsorted(starts, start, "right")) - 1
            past = int(np.searchsorted(starts, stop, "left"))
            pieces = [(max(start, edges[i]), min(stop, edges[i + 1])) for i in range(first, past)]
            for i, (begin, end) in zip(range(first, past), pieces, strict=True):
                parts.setdefault(i, []).append((m, begin, end))
            blocks = List(*(TaskRef((name, i)) for i in range(first, past)))
            which = tuple((m, begin) for begin, _ in pieces)
            picks[key] = Task(key, _Together.picked, TaskRef(constant), blocks, which)
        layers.append((member.layer, picks, {name, constant}))
    tasks = {
        (name, i): Task(
            (name, i), _Together.run, TaskRef(constant), i, edges[i], edges[i + 1], tuple(of_block)
        )
        for i, of_block in sorted(parts.items())
    }
    layers.append((name, tasks, {constant}))
    return layers


def _together(streams: Sequence[Stream], edges: Sequence[int]) -> _Together:
    of_atoms = [stream.source for stream in streams if _reads_atoms(stream)]
    # Streams of boxes, say, tell neither atoms nor dtype.
    source = (of_atoms or [streams[0].source])[0]
    chosen = [other.atoms for other in of_atoms if other.atoms is not None]
    if len(chosen) < len(of_atoms):
        source = replace(source, atoms=None)
    elif any(not np.array_equal(chosen[0], other) for other in chosen):
        source = replace(source, atoms=np.unique(np.concatenate(chosen)))
    return _Together(
        tuple(streams),
        tuple(_places(stream, source) for stream in streams),
        source,
        tuple(dict.fromkeys(field for stream in streams for field in stream.fields)),
        tuple(stop - start for start, stop in pairwise(edges)),
    )


def _reads_atoms(stream: Stream) -> bool:
    return any(is_of_atoms(field) for field in stream.fields)


def _places(stream: Stream, source: Source) -> NDArray[np.intp] | None:
    """Return where the atoms of a stream are among those of `source`; None if it has all these."""
    own = stream.source.atoms
    if not _reads_atoms(stream) or own is None:
        return None
    if source.atoms is None:
        return own
    return None if np.array_equal(own, source.atoms) else np.searchsorted(source.atoms, own)


@dataclass(frozen=True)
class _Together:
    """What joint tasks share."""

    streams: tuple[Stream, ...]
    places: tuple[NDArray[np.intp] | None, ...]
    """Where each stream's atoms are among those that are read; None: it has all of them."""
    source: Source
    fields: tuple[str, ...]
    frame_chunks: tuple[int, ...]

    def run(
        self, _: int, start: int, stop: int, wanted: Sequence[tuple[int, int, int]]
    ) -> dict[tuple[int, int], Array]:
        """Read a block of frames, and compute what is wanted of it.

        Parameters
        ----------
        start, stop : int
            The frames.
        wanted : sequence of tuple
            Numbers of streams, and frames that are (part of) a block of these.

        Returns
        -------
        dict of arrays
            By stream and first frame.
        """
        parts = {(m, begin): _Part(self.streams[m], begin, end) for m, begin, end in wanted}
        frame_bytes = max(1, sum(map(self.source.frame_bytes, self.fields)))
        multiples = {self.streams[m].work.job.multiple_of for m, _ in parts}
        shares = _Shares(self)
        for piece in pieces_of(
            self.source,
            self.fields,
            start,
            stop,
            multiple_of=lcm(*(n for n in multiples if n * frame_bytes <= PIECE_BYTES)),
            with_previous=any(self.streams[m].work.job.wants_previous for m, _ in parts),
        ):
            shares.begin(piece)
            for (m, _), part in parts.items():
                frames = part.frames_of(piece)
                if frames.start < frames.stop:
                    part.take(shares.of(m), frames)
        return {which: part.result() for which, part in parts.items()}

    def picked(
        self,
        blocks: Sequence[Mapping[tuple[int, int], Array]],
        which: Sequence[tuple[int, int]],
    ) -> Array:
        """Return a stream's block, of the parts that are in joint blocks."""
        parts = [block[part] for block, part in zip(blocks, which, strict=True)]
        if len(parts) == 1:
            return parts[0]
        joined = self.streams[which[0][0]].work.job.joined(parts)
        assert joined is not None, "a block was cut that cannot be put together"
        return joined


class _Shares:
    """What each stream gets of a piece; what several want is taken out of it once."""

    def __init__(self, together: _Together) -> None:
        self._together = together
        self._choices = [b"" if at is None else at.tobytes() for at in together.places]
        self._buffers: dict[tuple[bytes, str], Array] = {}
        self._taken: dict[tuple[bytes, str], Array] = {}

    def begin(self, piece: Piece) -> None:
        """Go on to a piece."""
        self._piece = piece
        self._taken.clear()

    def of(self, m: int) -> Piece:
        """Return the piece as stream `m` would have read it alone."""
        stream, piece = self._together.streams[m], self._piece
        fields = stream.fields
        before = fields if stream.work.job.wants_previous else ()
        previous = [self._before(m, field) for field in before]
        return replace(piece, arrays=[self._own(m, field) for field in fields], previous=previous)

    def _own(self, m: int, field: str) -> Array:
        key = self._choices[m], field
        if key not in self._taken:
            array = self._piece.arrays[self._together.fields.index(field)]
            places = self._places(m, field)
            if places is not None:
                if key not in self._buffers:  # The first piece is the largest.
                    shape = (len(array), len(places), *array.shape[2:])
                    self._buffers[key] = np.empty(shape, array.dtype)
                out = self._buffers[key][: len(array)]
                # All places are there: a check would make NumPy fill another buffer first.
                array = np.take(array, places, axis=1, out=out, mode="clip")
            self._taken[key] = array
        return self._taken[key]

    def _before(self, m: int, field: str) -> Array:
        array = self._piece.previous[self._together.fields.index(field)]
        places = self._places(m, field)
        return array if places is None else np.take(array, places, axis=1)

    def _places(self, m: int, field: str) -> NDArray[np.intp] | None:
        return self._together.places[m] if is_of_atoms(field) else None


class _Part:
    """A block of a stream, or the part of it that lies in a joint block."""

    def __init__(self, stream: Stream, start: int, stop: int) -> None:
        self._job = stream.work.job
        self._collector = stream.work.collector(stop - start)
        self._start, self._stop = start, stop
        self._locate = stream.source.locate
        self._gathered: list[Array] = []
        self._n_gathered = 0

    def frames_of(self, piece: Piece) -> slice:
        """Return which frames of a piece are of the part."""
        first = piece.first_frame
        low, high = max(self._start, first), min(self._stop, first + len(piece))
        return slice(low - first, max(low, high) - first)

    def take(self, piece: Piece, frames: slice) -> None:
        """Compute some frames of a piece, as many at once as the job asks for."""
        n_frames = frames.stop - frames.start
        first = piece.first_frame + frames.start
        arrays = [array[frames] for array in piece.arrays]
        ends = first + n_frames == self._stop
        if not self._n_gathered and (ends or n_frames % self._job.multiple_of == 0):
            previous = piece.previous
            if previous and frames.start:
                before = slice(frames.start - 1, frames.start)
                previous = [array[before] for array in piece.arrays]
            self._collector.take(Piece(first, arrays, previous, self._locate))
            return
        while n_frames:
            taken = self._gather(arrays, n_frames)
            arrays = [array[taken:] for array in arrays]
            first, n_frames = first + taken, n_frames - taken
            if first == self._stop or self._n_gathered == self._job.multiple_of:
                gathered = [array[: self._n_gathered] for array in self._gathered]
                begin = first - self._n_gathered
                self._collector.take(Piece(begin, gathered, (), self._locate))
                self._n_gathered = 0

    def _gather(self, arrays: Sequence[Array], n_frames: int) -> int:
        """Keep frames until there are as many as the job asks for; return how many were kept."""
        multiple = self._job.multiple_of
        if not self._gathered:
            size = min(multiple, self._stop - self._start)
            self._gathered = [np.empty((size, *a.shape[1:]), a.dtype) for a in arrays]
        begin = self._n_gathered
        n_taken = min(n_frames, multiple - begin)
        for kept, array in zip(self._gathered, arrays, strict=True):
            kept[begin : begin + n_taken] = array[:n_taken]
        self._n_gathered += n_taken
        return n_taken

    def result(self) -> Array:
        """Return the output block."""
        return self._collector.result()

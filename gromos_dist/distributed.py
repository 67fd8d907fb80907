"""Where the work runs: Dask's threads, processes of this machine, or the nodes of a cluster."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar, overload

import dask
import dask.local
import dask.threaded
import dask.utils
import numpy as np
import xarray as xr
from dask._task_spec import Task, TaskRef
from dask.array.optimization import optimize
from dask.base import compute as compute_now
from dask.base import get_scheduler
from dask.callbacks import Callback
from dask.core import flatten
from dask.delayed import Delayed, delayed
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.system import CPU_COUNT
from dask.threaded import ContextAwareThreadPoolExecutor

from gromos_dist.beside import file_beside
from gromos_dist.mapping import LazyRows
from gromos_dist.mapping.one_pass import frames_of_tasks, read_together
from gromos_dist.progress import SECONDS_OF_SILENCE, progress_bar, said_when_it_takes_long, say

_CLUSTER_SCHEMES = ("tcp://", "tls://")
_SYNCHRONOUS = ("sync", "synchronous", "single-threaded", dask.local.get_sync)
_FREE_LOOPBACK_PORT = "127.0.0.1:0"
# Dask's defaults, 10 to 500 ms, cost client, scheduler and two workers a tenth of a core together;
# what they see is for a report. Memory is what a worker's limits need.
_SELDOM_WATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "2s",
}
_PATIENCE = 10.0
"""Seconds that a busy scheduler is given to say what became of cancelled work."""
_PATIENCE_OF_WHO_INTERRUPTS = 0.5
_NAMED = 5
"""So many workers are named in a message."""

# What is served beside the work: not even empty pages.
_NO_WEB_PAGES: dict[str, list[str]] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}

# Stands for the values of a DataArray among its coordinates.
_RESULT = object()

XarrayObject = TypeVar("XarrayObject", xr.DataArray, xr.Dataset)
Result = xr.DataArray | xr.Dataset | LazyRows
Take = Callable[[int, Any], None]


@contextmanager
def scheduler(
    name: str = "threads",
    workers: int | None = None,
    report: str | Path | None = None,
    *,
    log_tracebacks: bool = True,
) -> Iterator[None]:
    """Choose where the work inside the ``with`` block runs.

    Parameters
    ----------
    name : str
        ``"threads"``: threads of this process; nothing is started. When a `distributed.Client` is
        active, it is used as it is. ``"processes"``: a cluster of processes on this machine, closed
        at the end (a script needs ``if __name__ == "__main__":`` around the call). Nobody else can
        connect to it: it has certificates that are made for it and kept in memory.
        ``"tcp://host:8786"`` or ``"tls://..."``: a Dask scheduler that is running.
    workers : int, optional
        How many threads or processes; all cores when None.
    report : path, optional
        Write Dask's performance report to this ``.html`` file, when the work has ended well.
    log_tracebacks : bool
        False: what is started here logs no tracebacks. Errors reach the caller anyway.

    Raises
    ------
    ValueError
        Unknown `name`, `workers` that cannot be had, a `report` that is not ``.html``, no
        certificates for ``tls://``.
    FileNotFoundError
        The folder of `report` does not exist.
    ConnectionError
        No scheduler answers at the address.

    Examples
    --------
    >>> import dask.array as da
    >>> with scheduler("threads", workers=2):
    ...     int(da.arange(10, chunks=3).sum().compute())
    45
    """
    _check_arguments(name, workers, report)
    if not log_tracebacks and (name != "threads" or report is not None):
        _log_no_tracebacks()
    with ExitStack() as stack:
        if name == "threads" and _active_client() is None:
            if report is None:
                stack.enter_context(dask.config.set(scheduler="threads", num_workers=workers))
            else:
                _start_cluster(stack, n_workers=1, threads=workers or CPU_COUNT, processes=False)
        elif name == "threads" and workers is not None:
            raise ValueError(
                f"workers={workers}: a dask.distributed Client is active and is used as it is; "
                "leave workers out, or close the Client first"
            )
        elif name == "processes":
            if report is None:
                stack.enter_context(dask.config.set(_SELDOM_WATCHED))
            client = _start_cluster(
                stack, n_workers=workers or CPU_COUNT, threads=1, processes=True
            )
            if not log_tracebacks:
                client.register_worker_callbacks(_log_no_tracebacks)
        elif name.startswith(_CLUSTER_SCHEMES):
            _connect(stack, name)
        if report is not None:
            stack.enter_context(_performance_report(Path(report)))
        yield


@contextmanager
def _performance_report(path: Path) -> Iterator[None]:
    """Write Dask's report of work that ends well, whole or not at all."""
    from distributed import performance_report  # noqa: PLC0415

    with file_beside(path, overwrite=True) as beside:
        report = performance_report(filename=str(beside))
        report.__enter__()
        yield
        try:
            report.__exit__(None, None, None)
        except OSError as error:
            if error.errno is None:
                raise
            raise OSError(error.errno, error.strerror, str(path)) from error


def _check_arguments(name: str, workers: int | None, report: str | Path | None) -> None:
    if name not in ("threads", "processes") and not name.startswith(_CLUSTER_SCHEMES):
        raise ValueError(
            f"unknown scheduler {name!r}: expected 'threads', 'processes', or the address of a "
            "Dask scheduler such as 'tcp://host:8786'"
        )
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if workers is not None and name.startswith(_CLUSTER_SCHEMES):
        raise ValueError(f"workers={workers}: the cluster at {name} has its own; leave workers out")
    if report is not None:
        if Path(report).suffix != ".html":
            raise ValueError(f"report: expected a file named .html, got {str(report)!r}")
        if not Path(report).absolute().parent.is_dir():
            raise FileNotFoundError(f"report: there is no folder {Path(report).absolute().parent}")


def _start_cluster(stack: ExitStack, *, n_workers: int, threads: int, processes: bool) -> Any:
    """Start a cluster on this machine, and return its client."""
    from distributed import Client, LocalCluster  # noqa: PLC0415
    from distributed.security import Security  # noqa: PLC0415

    stack.enter_context(dask.config.set(_NO_WEB_PAGES))
    # Loopback only, at free ports, and with certificates that this run makes and keeps in memory:
    # nothing is offered to other machines, nor to other users of this one. Without an address, the
    # servers of threads would listen on all interfaces.
    cluster = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=threads,
        processes=processes,
        host="127.0.0.1" if processes else None,
        security=Security.temporary() if processes else None,
        scheduler_kwargs={"dashboard": False, "dashboard_address": _FREE_LOOPBACK_PORT},
        worker_dashboard_address=None if processes else _FREE_LOOPBACK_PORT,
    )
    stack.enter_context(cluster)
    if processes:
        stack.push(partial(_kill_when_interrupted, cluster))
    return _enter_client(stack, Client(cluster))


def _kill_when_interrupted(cluster: Any, kind: type[BaseException] | None, *_: object) -> None:
    """End the workers at once: asked to, they would finish what they compute."""
    if kind is None or issubclass(kind, Exception):
        return
    for nanny in list(cluster.workers.values()):
        nanny.auto_restart = False
        with suppress(ProcessLookupError):
            if nanny.pid:
                os.kill(nanny.pid, signal.SIGKILL)


def _enter_client(stack: ExitStack, client: Any) -> Any:
    def close(kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, Exception):
            client.close()
            return
        with suppress(OSError, TimeoutError):
            client.close(timeout=_PATIENCE_OF_WHO_INTERRUPTS)

    stack.push(close)
    stack.enter_context(client.as_current())
    return client


def _log_no_tracebacks() -> None:
    import distributed  # noqa: F401, PLC0415

    # Its import has made the handlers.
    for handler in logging.getLogger("distributed").handlers:
        handler.addFilter(_has_no_traceback)
    logging.getLogger("asyncio").addFilter(_has_no_traceback)


def _has_no_traceback(record: logging.LogRecord) -> bool:
    return not record.exc_info and "Traceback" not in record.getMessage()


def _connect(stack: ExitStack, address: str) -> None:
    from distributed import Client  # noqa: PLC0415
    from distributed.security import Security  # noqa: PLC0415

    arguments = Security().get_connection_args("client")
    if address.startswith("tls://") and arguments.get("ssl_context") is None:
        raise ValueError(
            f"{address}: to connect with TLS, Dask needs certificates: name them in its "
            "configuration, as distributed.comm.tls.ca-file, .client.cert and .client.key"
        )
    try:
        with said_when_it_takes_long(f"waiting for a Dask scheduler to answer at {address}"):
            _greet(address, arguments)
            client = Client(address)
    except (OSError, TimeoutError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {address}; is 'dask scheduler' running there, "
            "and is the address the one that it printed?"
        ) from error
    _enter_client(stack, client)


def _greet(address: str, arguments: dict[str, Any]) -> None:
    """Raise an error if no Dask scheduler answers in time: a Client would wait for ever."""
    from distributed.comm import connect  # noqa: PLC0415

    limit = dask.utils.parse_timedelta(dask.config.get("distributed.comm.timeouts.connect"))

    async def greet() -> None:
        answered = await asyncio.wait_for(connect(address, **arguments), limit)
        answered.abort()

    def run() -> None:
        try:
            asyncio.run(greet())
            outcome.put(None)
        except Exception as error:
            outcome.put(error)

    # In a thread: here, a loop may be running already, as in a notebook.
    outcome: SimpleQueue[Exception | None] = SimpleQueue()
    threading.Thread(target=run, daemon=True).start()
    error = outcome.get()
    if error is not None:
        raise error


def _address(client: Any) -> str:
    return str(client.scheduler.address)


def _active_client() -> Any:
    """Return the `distributed.Client` that Dask would use here, or None."""
    # Whoever made a Client has imported it.
    if "distributed" not in sys.modules:
        return None
    from distributed import Client  # noqa: PLC0415

    client = getattr(get_scheduler(), "__self__", None)
    return client if isinstance(client, Client) else None


def take_blocks(
    blocks: Sequence[Delayed],
    frames: Sequence[float],
    take: Take,
    on_done: Callable[[float], None],
    watchers: Sequence[tuple[Delayed, float]] = (),
) -> None:
    """Run tasks and hand each result over as it comes, in whatever order; keep none.

    Parameters
    ----------
    blocks : sequence of Delayed
        The tasks.
    frames : sequence of float
        How many frames each stands for.
    take : callable
        ``take(index, value)`` runs in this process, never twice at once.
    on_done : callable
        Called in this thread with the frames of each finished block or watcher.
    watchers : sequence of (Delayed, float)
        Tasks without a value, and the frames that they stand for.

    Raises
    ------
    Exception
        The first error of a block or of `take`, when the blocks that were running have ended; the
        others are not begun.
    """
    counts = [*frames, *(count for _, count in watchers)]
    watching = [task for task, _ in watchers]
    if not counts:
        return
    client = _active_client()
    if client is not None:
        _run_on_client(client, blocks, watching, take, lambda index: on_done(counts[index]))
        return
    lock = threading.Lock()

    def take_one(index: int, value: Any) -> None:
        with lock:
            take(index, value)

    task = delayed(take_one, pure=False)
    taken = [task(index, block) for index, block in enumerate(blocks)]
    _run_in_threads([*taken, *watching], lambda index: on_done(counts[index]))


def _run_in_threads(blocks: Sequence[Delayed], on_done: Callable[[int], None]) -> None:
    index = {block.key: i for i, block in enumerate(blocks)}

    def finished(key: Any, *_: Any) -> None:
        if key in index:
            on_done(index[key])

    # Handed over: when several threads compute, registered ones are only those of the first.
    callbacks = [*Callback.active, (None, None, None, finished, None)]
    # Functions, not names: for a name, Dask imports distributed, which takes a second.
    if dask.config.get("scheduler", None) in _SYNCHRONOUS:
        compute_now(*blocks, scheduler=dask.local.get_sync, callbacks=callbacks)
        return
    # A pool of our own: after an error or Ctrl-C no block of it is running any more.
    workers = dask.config.get("num_workers", None) or CPU_COUNT
    with ContextAwareThreadPoolExecutor(workers) as pool:
        compute_now(*blocks, scheduler=dask.threaded.get, pool=pool, callbacks=callbacks)


def _run_on_client(
    client: Any,
    blocks: Sequence[Delayed],
    watching: Sequence[Delayed],
    take: Take,
    on_done: Callable[[int], None],
) -> None:
    arrived: SimpleQueue[Any] = SimpleQueue()
    patience = 0.0
    with _thread_given_back():
        futures = client.compute([*blocks, *watching])
        # Several arrays may have the same block.
        indices: dict[Any, list[int]] = {}
        for i, future in enumerate(futures):
            indices.setdefault(future.key, []).append(i)
        pending = {future.key: future for future in futures}
        for future in pending.values():
            future.add_done_callback(arrived.put)
        del futures, future
        try:
            while pending:
                future = _next(arrived, client)
                value = future.result()
                done = indices[future.key]
                for index in done:
                    if index < len(blocks):
                        take(index, value)
                # The last references: the workers forget the result.
                del pending[future.key], future, value
                for index in done:
                    on_done(index)
        except CancelledError as error:
            raise ConnectionError(f"the Dask scheduler gave the work up: {error}") from error
        except Exception:
            patience = _PATIENCE
            raise
        finally:
            if pending:
                client.cancel(list(pending.values()))
                _hear_out(client, patience or _PATIENCE_OF_WHO_INTERRUPTS)


def _next(arrived: SimpleQueue[Any], client: Any) -> Any:
    """Return the next future that is done; say what is waited for when none comes."""
    said = ""
    while True:
        try:
            return arrived.get(timeout=SECONDS_OF_SILENCE)
        except Empty:
            waiting = _what_is_waited_for(client)
            if waiting not in ("", said):
                say(waiting)
                said = waiting


def _what_is_waited_for(client: Any) -> str:
    """Return why no block comes; nothing if workers compute."""
    try:
        state = client.sync(client.scheduler.identity, callback_timeout=SECONDS_OF_SILENCE / 3)
    except (OSError, TimeoutError):
        return f"waiting for the Dask scheduler, which does not answer: {_address(client)}"
    workers = state["workers"]
    if not workers:
        return f"waiting for workers: the Dask scheduler {_address(client)} has none"
    now = time.time()
    silent = [
        address
        for address, worker in workers.items()
        if now - worker["last_seen"] >= SECONDS_OF_SILENCE / 2
    ]
    if silent:
        names = ", ".join(sorted(silent)[:_NAMED])
        return f"waiting for {len(silent)} of {len(workers)} workers, which are silent: {names}"
    return ""


@contextmanager
def _thread_given_back() -> Iterator[None]:
    """Let a worker run other tasks while the one that we are in waits for some of them."""
    from distributed import get_worker, rejoin, secede  # noqa: PLC0415
    from distributed.threadpoolexecutor import thread_state  # noqa: PLC0415

    try:
        get_worker()
        is_held = thread_state.proceed
    except (ValueError, AttributeError):
        is_held = False
    if not is_held:
        yield
        return
    secede()
    try:
        yield
    finally:
        rejoin()


def _hear_out(client: Any, patience: float) -> None:
    """Wait for what the scheduler has to say about work that was cancelled.

    Its word would otherwise come later and cancel the same blocks, begun anew. Messages keep their
    order: once a task is heard of that was sent afterwards, all before it were.
    """
    from distributed import wait  # noqa: PLC0415

    with suppress(OSError, TimeoutError, CancelledError):
        wait(client.submit(int, pure=False, priority=1), timeout=patience)


class Tasks(NamedTuple):
    """What has to run for some arrays, and the frames that each part of it stands for."""

    blocks: list[list[Delayed]]
    """The blocks of each array, in C order."""
    frames: list[list[float]]
    """How many frames each block stands for; all blocks and watchers together are all frames."""
    watchers: list[tuple[Delayed, float]]
    """Tasks without a value, each done when some frames of the input are; and how many."""
    unit: str
    """What is counted: frames, or blocks where nothing tells of frames."""

    @property
    def total(self) -> float:
        """How many there are in all."""
        return sum(map(sum, self.frames)) + sum(frames for _, frames in self.watchers)


def work_of(arrays: Sequence[Any], dims: Sequence[Sequence[Hashable]]) -> Tasks:
    """Return the tasks of several Dask arrays, which read the same files once for all of them.

    The frames of an array with dim ``frame`` are counted by its blocks, those of others, such as
    the results of reductions, where frames are taken in.

    Parameters
    ----------
    arrays : sequence of dask arrays
        The blocks of events are one, too.
    dims : sequence of sequences
        The names of each array's dims.

    Examples
    --------
    >>> import dask.array as da
    >>> work_of([da.ones((4, 3), chunks=2)], [("frame", "xyz")]).frames
    [[1.0, 1.0, 1.0, 1.0]]
    """
    graph, keys = _merged(arrays)
    frames, watched, unit = _frames_of(graph, keys, dims, [array.chunks for array in arrays])
    graph, watchers = _watched(graph, f"{_name_of(arrays)}-watched", list(watched))
    *blocks, watching = _blocks(graph, _name_of(arrays), [*keys, watchers])
    return Tasks(blocks, frames, list(zip(watching, watched.values(), strict=True)), unit)


def to_blocks(arrays: Sequence[Any]) -> list[list[Delayed]]:
    """Return the blocks of several Dask arrays, each array's in C order, as `work_of` does."""
    graph, keys = _merged(arrays)
    return _blocks(graph, _name_of(arrays), keys)


def _merged(arrays: Sequence[Any]) -> tuple[HighLevelGraph, list[list[Any]]]:
    """Return the graph of several arrays, which reads the same files once, and their keys."""
    keys = [list(flatten(array.__dask_keys__())) for array in arrays]
    graph = HighLevelGraph.merge(*(array.__dask_graph__() for array in arrays))
    return read_together(graph, chain.from_iterable(keys)), keys


def _name_of(arrays: Sequence[Any]) -> str:
    return "-".join(["blocks", *(array.name for array in arrays)])


def _blocks(graph: HighLevelGraph, name: str, keys: Sequence[list[Any]]) -> list[list[Delayed]]:
    # Optimized together, so that what they share is computed once: dask.optimize would fuse the
    # shared tasks into each array's own.
    optimized = optimize(graph, list(chain.from_iterable(keys)))
    whole = HighLevelGraph.from_collections(name, optimized, dependencies=())
    return [[Delayed(key, whole, layer=name) for key in of_array] for of_array in keys]


def _watched(
    graph: HighLevelGraph, name: str, keys: Sequence[Any]
) -> tuple[HighLevelGraph, list[Any]]:
    """Return a graph with a layer of tasks without a value, each done after one of some keys."""
    if not keys:
        return graph, []
    tasks = {(name, i): Task((name, i), _nothing, TaskRef(key)) for i, key in enumerate(keys)}
    # Keys begin with the names of their layers. Others are left alone: Dask fuses what is needed
    # by one layer.
    layers = {**graph.layers, name: MaterializedLayer(tasks)}
    return HighLevelGraph(layers, {**graph.dependencies, name: {key[0] for key in keys}}), [*tasks]


def _nothing(_: Any) -> None:
    """Take a value, and give none."""


def _frames_of(
    graph: HighLevelGraph,
    keys: Sequence[Sequence[Any]],
    dims: Sequence[Sequence[Hashable]],
    chunks: Sequence[Sequence[Sequence[int]]],
) -> tuple[list[list[float]], dict[Any, float], str]:
    """Return the frames of the blocks of arrays, those of keys to be watched, and the unit."""
    counts = block_frames(dims, chunks)
    n_counted = sum("frame" in names for names in dims)
    others = [i for i, names in enumerate(dims) if "frame" not in names]
    passes = frames_of_tasks(graph, [keys[i] for i in others]) if others else []
    taken_in = {i: of_array for i, of_array in zip(others, passes, strict=True) if of_array}
    if not taken_in:
        return counts, {}, "frames" if n_counted else "blocks"
    share = 1 / (n_counted + len(taken_in))
    counts = [
        [count * n_counted * share for count in of_array]
        if "frame" in names
        else [0.0] * len(of_array)
        for names, of_array in zip(dims, counts, strict=True)
    ]
    place = {key: (i, k) for i, of_array in enumerate(keys) for k, key in enumerate(of_array)}
    watched: dict[Any, float] = {}
    for of_array in taken_in.values():
        # Several passes over the same frames share them.
        totals = [sum(of_pass.values()) for of_pass in of_array]
        of_frame = share * max(totals) / max(sum(totals), 1)
        for key, n_frames in (item for of_pass in of_array for item in of_pass.items()):
            if key in place:
                i, k = place[key]
                counts[i][k] += n_frames * of_frame
            else:
                watched[key] = watched.get(key, 0.0) + n_frames * of_frame
    return counts, watched, "frames"


def block_frames(
    dims: Sequence[Sequence[Hashable]], chunks: Sequence[Sequence[Sequence[int]]]
) -> list[list[float]]:
    """Return how many frames each block of several arrays stands for, in C order.

    Arrays share their frames, and so do the blocks of one array that lie in the same frames: all
    together are the frames that there are. Arrays without ``frame`` count nothing, unless none has
    it: then every block counts 1.
    """
    with_frames = [list(names).index("frame") for names in dims if "frame" in names]
    counts = []
    for names, sizes in zip(dims, chunks, strict=True):
        weights = np.full([len(along) for along in sizes], 0.0 if with_frames else 1.0)
        if "frame" in names:
            axis = list(names).index("frame")
            sharing = weights.size / max(len(sizes[axis]), 1) * len(with_frames)
            shape = [-1 if i == axis else 1 for i in range(len(sizes))]
            weights = weights + np.reshape(sizes[axis], shape) / max(sharing, 1)
        counts.append(weights.ravel().tolist())
    return counts


def block_slices(chunks: Sequence[Sequence[int]]) -> list[tuple[slice, ...]]:
    """Return the region of each block of an array, in C order."""
    edges = [np.concatenate([[0], np.cumsum(sizes, dtype=int)]).tolist() for sizes in chunks]
    return [
        tuple(slice(edges[axis][i], edges[axis][i + 1]) for axis, i in enumerate(place))
        for place in np.ndindex(*(len(sizes) for sizes in chunks))
    ]


def put_block(target: Any, region: tuple[slice, ...], value: Any) -> None:
    """Put a computed block into its place.

    Raises
    ------
    ValueError
        It has another shape than the lazy array announced: what is short would be repeated.
    """
    expected = tuple(part.stop - part.start for part in region)
    if np.shape(value) != expected:
        raise ValueError(
            f"a block has shape {np.shape(value)}, but the lazy array announced {expected}; if "
            "map_blocks made it, tell that its chunks="
        )
    if np.size(value):
        target[region] = value


@overload
def compute(result: XarrayObject, /, *, progress: bool | None = None) -> XarrayObject: ...


@overload
def compute(result: LazyRows, /, *, progress: bool | None = None) -> xr.Dataset: ...


@overload
def compute(
    result: Result, another: Result, /, *others: Result, progress: bool | None = None
) -> tuple[Any, ...]: ...


def compute(*results: Any, progress: bool | None = None) -> Any:
    """Compute lazy results into memory, all in one pass over the frames of the same files.

    Results of the same frames of the same files are computed together, whatever their atoms: every
    frame is read once. The bits are those of each alone.

    Parameters
    ----------
    *results : DataArray, Dataset, LazyEvents or LazyTable
        What to compute; what is in memory already stays as it is.
    progress : bool, optional
        None: a bar if standard error is a terminal or a notebook. True, False: always, never.

    Returns
    -------
    DataArray or Dataset, or a tuple of these
        The same, in memory; a Dataset for `LazyEvents` and `LazyTable`. The results themselves are
        not changed.

    Raises
    ------
    TypeError
        Something else was given, or nothing.

    Examples
    --------
    >>> import dask.array as da, xarray as xr
    >>> lazy = xr.DataArray(da.ones(4, chunks=2), dims="frame", name="rmsd")
    >>> float(compute(lazy, progress=False).sum())
    4.0
    >>> twice, thrice = compute(2 * lazy, 3 * lazy)
    >>> float(twice.sum()), float(thrice.sum())
    (8.0, 12.0)
    """
    if not results:
        raise TypeError("compute: there is no result to compute")
    lazy = [_lazy_variables(result) for result in results]
    variables = [variable for of_result in lazy for variable in of_result.values()]
    arrays = [variable.data for variable in variables]
    values = [np.empty(array.shape, array.dtype) for array in arrays]
    places = [
        (target, region)
        for target, array in zip(values, arrays, strict=True)
        for region in block_slices(array.chunks)
    ]

    def take(index: int, value: Any) -> None:
        target, region = places[index]
        put_block(target, region, value)

    if arrays:
        tasks = work_of(arrays, [variable.dims for variable in variables])
        with progress_bar(_title(results), tasks.total, show=progress, unit=tasks.unit) as advance:
            take_blocks(
                list(chain.from_iterable(tasks.blocks)),
                list(chain.from_iterable(tasks.frames)),
                take,
                advance,
                tasks.watchers,
            )
    computed = iter(values)
    loaded = [
        _loaded(result, {name: variable.copy(data=next(computed)) for name, variable in of.items()})
        for result, of in zip(results, lazy, strict=True)
    ]
    return loaded[0] if len(loaded) == 1 else tuple(loaded)


def _title(results: Sequence[Any]) -> str:
    named = len(results) == 1 and isinstance(results[0], xr.DataArray) and results[0].name
    return str(named or "computing")


def _lazy_variables(result: Any) -> dict[Hashable, xr.Variable]:
    """Return what of a result is not in memory."""
    variables: dict[Hashable, xr.Variable]
    if isinstance(result, LazyRows):
        variables = {_RESULT: xr.Variable(("block",), result.blocks)}
    elif isinstance(result, xr.Dataset):
        variables = dict(result.variables)
    elif isinstance(result, xr.DataArray):
        variables = {name: coordinate.variable for name, coordinate in result.coords.items()}
        variables[_RESULT] = result.variable
    else:
        raise TypeError(
            f"compute: expected DataArrays, Datasets or LazyEvents, got {type(result).__name__}"
        )
    return {name: variable for name, variable in variables.items() if variable.chunks is not None}


def _loaded(result: Any, computed: Mapping[Hashable, xr.Variable]) -> Any:
    """Return a result with its lazy variables in memory."""
    if isinstance(result, LazyRows):
        boxes = computed[_RESULT].values
        return result.made_of([boxes[i : i + 1] for i in range(len(boxes))])
    loaded = result.copy()
    for name, variable in computed.items():
        if name is _RESULT:
            loaded = loaded.copy(data=variable.data)
        elif name in loaded.coords:
            loaded = loaded.assign_coords({name: variable})
        else:
            loaded = loaded.assign({name: variable})
    return loaded.load()

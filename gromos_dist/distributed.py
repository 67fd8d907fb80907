"""Where the work runs: Dask's threads, processes of this machine, or the nodes of a cluster."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import dask
import dask.local
import dask.threaded
import dask.utils
import numpy as np
import xarray as xr
from dask.array.optimization import optimize
from dask.base import compute as compute_now
from dask.base import get_scheduler
from dask.callbacks import Callback
from dask.core import flatten
from dask.delayed import Delayed, delayed
from dask.highlevelgraph import HighLevelGraph
from dask.system import CPU_COUNT
from dask.threaded import ContextAwareThreadPoolExecutor

from gromos_dist.beside import file_beside
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
        Called in this thread with the frames of each finished block.

    Raises
    ------
    Exception
        The first error of a block or of `take`, when the blocks that were running have ended; the
        others are not begun.
    """
    client = _active_client()
    if client is not None:
        _run_on_client(client, blocks, take, lambda index: on_done(frames[index]))
        return
    lock = threading.Lock()

    def take_one(index: int, value: Any) -> None:
        with lock:
            take(index, value)

    task = delayed(take_one, pure=False)
    taken = [task(index, block) for index, block in enumerate(blocks)]
    _run_in_threads(taken, lambda index: on_done(frames[index]))


def _run_in_threads(blocks: Sequence[Delayed], on_done: Callable[[int], None]) -> None:
    if not blocks:
        return
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
    client: Any, blocks: Sequence[Delayed], take: Take, on_done: Callable[[int], None]
) -> None:
    arrived: SimpleQueue[Any] = SimpleQueue()
    patience = 0.0
    with _thread_given_back():
        futures = client.compute(list(blocks))
        index = {future.key: i for i, future in enumerate(futures)}
        pending = {future.key: future for future in futures}
        for future in futures:
            future.add_done_callback(arrived.put)
        del futures
        try:
            while pending:
                future = _next(arrived, client)
                take(index[future.key], future.result())
                # The last references: the workers forget the result.
                del pending[future.key]
                on_done(index[future.key])
                del future
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


def to_blocks(arrays: Sequence[Any]) -> list[list[Delayed]]:
    """Return the blocks of several Dask arrays, each array's in C order.

    The arrays are optimized together, so that what they share is computed once.
    """
    # dask.optimize would fuse the shared tasks into each array's own.
    keys = [list(flatten(array.__dask_keys__())) for array in arrays]
    merged = HighLevelGraph.merge(*(array.__dask_graph__() for array in arrays))
    layer = "-".join(["blocks", *(array.name for array in arrays)])
    optimized = optimize(merged, [key for of_array in keys for key in of_array])
    graph = HighLevelGraph.from_collections(layer, optimized, dependencies=())
    return [[Delayed(key, graph, layer=layer) for key in of_array] for of_array in keys]


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


def compute(obj: XarrayObject, *, progress: bool | None = None) -> XarrayObject:
    """Compute a lazy result into memory, with a progress bar over its frames.

    Parameters
    ----------
    obj : DataArray or Dataset
        The result; what is in memory already stays as it is.
    progress : bool, optional
        None: a bar if standard error is a terminal or a notebook. True, False: always, never.

    Returns
    -------
    DataArray or Dataset
        The same, in memory. `obj` itself is not changed.

    Examples
    --------
    >>> import dask.array as da, xarray as xr
    >>> lazy = xr.DataArray(da.ones(4, chunks=2), dims="frame", name="rmsd")
    >>> float(compute(lazy, progress=False).sum())
    4.0
    """
    variables: dict[Hashable, xr.Variable]
    if isinstance(obj, xr.Dataset):
        variables = dict(obj.variables)
    else:
        variables = {name: coordinate.variable for name, coordinate in obj.coords.items()}
        variables[_RESULT] = obj.variable
    lazy = {name: variable for name, variable in variables.items() if variable.chunks is not None}
    arrays = [variable.data for variable in lazy.values()]
    values = [np.empty(array.shape, array.dtype) for array in arrays]
    blocks = [block for of_array in to_blocks(arrays) for block in of_array]
    places = [
        (target, region)
        for target, array in zip(values, arrays, strict=True)
        for region in block_slices(array.chunks)
    ]
    dims = [variable.dims for variable in lazy.values()]
    counts = block_frames(dims, [array.chunks for array in arrays])
    frames = [count for of_array in counts for count in of_array]

    def take(index: int, value: Any) -> None:
        target, region = places[index]
        target[region] = value

    title = str(obj.name) if isinstance(obj, xr.DataArray) and obj.name else "computing"
    unit = "frames" if any("frame" in names for names in dims) else "blocks"
    with progress_bar(title, sum(frames), show=progress, unit=unit) as advance:
        take_blocks(blocks, frames, take, advance)
    loaded: Any = obj.copy()
    for (name, variable), array in zip(lazy.items(), values, strict=True):
        if name is _RESULT:
            loaded = loaded.copy(data=array)
        elif name in loaded.coords:
            loaded = loaded.assign_coords({name: variable.copy(data=array)})
        else:
            loaded = loaded.assign({name: variable.copy(data=array)})
    result: XarrayObject = loaded.load()
    return result

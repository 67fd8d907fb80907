from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import dask
import dask.array as da
import numpy as np
import psutil
import pytest
import xarray as xr
from dask.delayed import delayed
from distributed import Client, LocalCluster
from distributed.comm import connect
from distributed.security import Security
from numpy.typing import NDArray

from gromos_dist import distributed, progress
from gromos_dist.distributed import block_frames, compute, scheduler, take_blocks
from gromos_dist.progress import progress_bar
from gromos_dist.store import open_store, store

LOOPBACK = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", scheduler_kwargs=LOOPBACK
    ) as started:
        yield started


@pytest.fixture(params=["synchronous", "threads", "client"])
def everywhere(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "synchronous":
        with dask.config.set(scheduler="synchronous"):
            yield request.param
    elif request.param == "threads":
        with scheduler("threads", 2):
            yield request.param
    else:
        with Client(request.getfixturevalue("cluster")):
            yield request.param


def where_am_i() -> tuple[int, str]:
    return psutil.Process().pid, threading.current_thread().name


def square(number: int) -> int:
    return number * number


def fail(number: int) -> int:
    raise OSError(f"md.trc: frame {number} is damaged")


def forget(_index: int, _value: object) -> None:
    pass


def fail_or_touch(number: int, folder: str) -> None:
    if number % 2:
        fail(3)
    time.sleep(0.02)
    Path(folder, str(number)).touch()


# scheduler


def test_threads_start_nothing() -> None:
    children = psutil.Process().children()
    with scheduler("threads", 2):
        pid, _ = delayed(where_am_i)().compute()
        assert dask.config.get("num_workers") == 2
        assert psutil.Process().children() == children
    assert pid == psutil.Process().pid
    assert dask.config.get("num_workers", None) is None


def test_threads_do_not_import_distributed() -> None:
    code = (
        "import sys; from gromos_dist.distributed import scheduler, compute\n"
        "import xarray as xr, dask.array as da\n"
        "with scheduler():\n"
        "    compute(xr.DataArray(da.ones(4, chunks=2), dims='frame'))\n"
        "assert 'distributed' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_processes_are_on_loopback_and_end() -> None:
    this = psutil.Process()
    before = set(this.children(recursive=True))
    with scheduler("processes", 2):
        client = Client.current()
        assert sorted(client.nthreads().values()) == [1, 1]
        pids = set(client.run(lambda: psutil.Process().pid).values())
        assert this.pid not in pids
        assert len(pids) == 2
        for process in (this, *this.children(recursive=True)):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    assert connection.laddr.ip == "127.0.0.1"
    assert not [p for p in set(this.children(recursive=True)) - before if p.pid in pids]
    with pytest.raises(ValueError, match="No clients found"):
        Client.current()


def test_an_address_is_connected_to(cluster: LocalCluster) -> None:
    with scheduler(cluster.scheduler_address):
        pid, _ = delayed(where_am_i)().compute()
        assert pid != psutil.Process().pid
    with scheduler(cluster.scheduler_address):
        assert delayed(square)(3).compute() == 9


def test_an_active_client_is_used_as_it_is(cluster: LocalCluster) -> None:
    with Client(cluster) as client:
        with scheduler():
            assert Client.current() is client
            pid, _ = delayed(where_am_i)().compute()
            assert pid != psutil.Process().pid
        assert client.status == "running"
        with pytest.raises(ValueError, match="Client is active"), scheduler("threads", 2):
            pass


@pytest.mark.parametrize("name", ["", "thread", "slurm", "http://host:8786"])
def test_unknown_schedulers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="'threads', 'processes', or the address"), scheduler(name):
        pass


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"), scheduler("threads", 0):
        pass
    with pytest.raises(ValueError, match="has its own"), scheduler("tcp://127.0.0.1:1", 2):
        pass
    with pytest.raises(ValueError, match=r"named \.html"), scheduler(report=tmp_path / "a.txt"):
        pass
    with (
        pytest.raises(FileNotFoundError, match="there is no folder"),
        scheduler(report=tmp_path / "absent" / "a.html"),
    ):
        pass


def test_nobody_at_the_address_is_one_sentence() -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "500ms"}),
        pytest.raises(ConnectionError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9;"),
        scheduler("tcp://127.0.0.1:9"),
    ):
        pass


def test_a_report_is_written_for_threads(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    with scheduler("threads", 2, report=report):
        pid, _ = delayed(where_am_i)().compute()
        this = psutil.Process()
        listening = [c for c in this.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert {c.laddr.ip for c in listening} == {"127.0.0.1"}
    assert pid == this.pid
    assert "bokeh" in report.read_text().lower()


def test_a_report_is_written_for_a_cluster(tmp_path: Path, cluster: LocalCluster) -> None:
    report = tmp_path / "report.html"
    with scheduler(cluster.scheduler_address, report=str(report)):
        delayed(square)(2).compute()
    assert "bokeh" in report.read_text().lower()


# blocks


def test_each_block_is_reported_once(everywhere: str) -> None:
    blocks = [delayed(square)(i) for i in range(20)]
    threads, reported = set(), []

    def on_done(frames: float) -> None:
        threads.add(threading.current_thread())
        reported.append(frames)

    take_blocks(blocks, [float(i) for i in range(20)], forget, on_done)
    assert sorted(reported) == list(range(20))
    assert threads == {threading.current_thread()}


def test_results_are_handed_over(everywhere: str) -> None:
    blocks = [delayed(square)(i) for i in range(20)]
    taken: dict[int, int] = {}
    reported: list[float] = []
    take_blocks(blocks, [1.0] * 20, taken.__setitem__, reported.append)
    assert taken == {i: i * i for i in range(20)}
    assert reported == [1.0] * 20


def test_no_blocks_are_no_problem(everywhere: str) -> None:
    take_blocks([], [], lambda _index, _value: None, lambda _frames: None)


def test_results_are_dropped_at_once(everywhere: str) -> None:
    blocks = [delayed(np.full)(1000, i) for i in range(40)]
    alive: list[weakref.ref[Any]] = []
    most = 0

    def take(index: int, value: NDArray[Any]) -> None:
        nonlocal most
        alive.append(weakref.ref(value))
        del value
        most = max(most, sum(reference() is not None for reference in alive))

    take_blocks(blocks, [1.0] * 40, take, lambda _frames: None)
    assert len(alive) == 40
    assert most <= 6


def test_workers_forget_results(cluster: LocalCluster) -> None:
    with Client(cluster) as client:
        held: list[int] = []

        def on_done(_frames: float) -> None:
            # Futures are released by the client's own thread, a moment later.
            held.append(len(client.futures))
            time.sleep(0.01)

        take_blocks([delayed(square)(i) for i in range(50)], [1.0] * 50, forget, on_done)
        assert held[-1] < 10
        deadline = time.monotonic() + 10
        while client.futures and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not client.futures


def test_the_first_error_is_raised_and_the_rest_cancelled(everywhere: str, tmp_path: Path) -> None:
    blocks = [delayed(fail_or_touch)(i, str(tmp_path)) for i in range(300)]
    with pytest.raises(OSError, match=r"md\.trc: frame 3 is damaged"):
        take_blocks(blocks, [1.0] * 300, forget, lambda _frames: None)
    if everywhere == "client":
        time.sleep(0.2)
    done = len(list(tmp_path.iterdir()))
    assert done < 150
    time.sleep(0.1)
    assert len(list(tmp_path.iterdir())) == done


def test_an_error_of_the_taker_is_raised(everywhere: str) -> None:
    def take(index: int, value: int) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        take_blocks([delayed(square)(2)], [1.0], take, lambda _frames: None)


def test_an_interrupt_ends_the_run(everywhere: str) -> None:
    def interrupted(_frames: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_blocks([delayed(square)(i) for i in range(10)], [1.0] * 10, forget, interrupted)


# compute


def lazy() -> xr.Dataset:
    numbers = da.arange(30.0, chunks=(4, 4, 4, 2, 16))
    return xr.Dataset(
        {
            "rmsd": ("frame", numbers + 0.5, {"units": "nm"}),
            "center": (("frame", "xyz"), numbers[:, None] * np.ones(3)),
            "average": ("xyz", da.ones(3, chunks=1)),
            "loaded": ("frame", np.arange(30)),
        },
        coords={"time": ("frame", da.arange(30, chunks=7)), "xyz": ["x", "y", "z"]},
        attrs={"history": "made here"},
    )


def test_compute_gives_what_xarray_gives(everywhere: str) -> None:
    dataset = lazy()
    loaded = compute(dataset)
    xr.testing.assert_identical(loaded, dataset.compute())
    assert not any(variable.chunks for variable in loaded.variables.values())
    for name in ("rmsd", "center", "average"):
        found = compute(dataset[name])
        xr.testing.assert_identical(found, dataset[name].compute())
        assert found.variable.chunks is None
    assert dataset.rmsd.chunks is not None


def test_compute_of_what_is_loaded() -> None:
    array = xr.DataArray(np.arange(3.0), dims="frame", name="rmsd")
    xr.testing.assert_identical(compute(array), array)


# progress


def test_progress_counts_frames(everywhere: str, capsys: pytest.CaptureFixture[str]) -> None:
    compute(lazy().rmsd, progress=True)
    assert re.search(r"rmsd: 30/30 frames, [\d.]+ frames/s", capsys.readouterr().err)


def test_progress_is_silent_when_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    compute(lazy(), progress=None)
    compute(lazy(), progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("done", [0, 25])
def test_a_terminal_shows_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with progress_bar("out [x].zarr", 100, done=done) as advance:
        advance(30.5)
        advance(44.5)
    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "out [x].zarr" in shown
    assert "100/100 frames" in shown
    assert "━" in shown


def test_the_bar_stops_where_the_work_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    def failing() -> None:
        with progress_bar("rmsd", 100, show=True) as advance:
            advance(10)
            raise OSError("damaged")

    with pytest.raises(OSError, match="damaged"):
        failing()
    assert "100/100" not in capsys.readouterr().err


def test_frames_are_shared_by_blocks_and_arrays() -> None:
    matrix, vector, constant = block_frames(
        [("frame", "other_frame"), ("frame",), ("xyz",)], [((4, 2), (3, 3)), ((5, 1),), ((3,),)]
    )
    assert matrix == [1, 1, 0.5, 0.5]
    assert vector == [2.5, 0.5]
    assert constant == [0]
    assert block_frames([("xyz",), ()], [((1, 2),), ()]) == [[1, 1], [1]]


# within tasks of Dask


def compute_and_store(folder: str, number: int) -> float:
    result = xr.DataArray(da.arange(6.0, chunks=2) + number, dims="frame", name="rmsd")
    path = store(result, Path(folder, f"{number}.zarr"))
    assert float(open_store(path).rmsd.sum()) == float(compute(result).sum())
    return float(compute(result).sum())


def test_tasks_of_a_cluster_can_compute_and_store(cluster: LocalCluster, tmp_path: Path) -> None:
    with Client(cluster) as client:
        futures = client.map(compute_and_store, [str(tmp_path)] * 5, range(5), pure=False)
        assert client.gather(futures, direct=False) == [15.0 + 6 * number for number in range(5)]
        # The workers' threads were given back.
        assert client.gather(client.map(square, range(20), pure=False)) == [
            i * i for i in range(20)
        ]


def test_tasks_of_threads_can_compute_and_store(tmp_path: Path) -> None:
    tasks = [delayed(compute_and_store)(str(tmp_path), number) for number in range(6)]
    with dask.config.set(num_workers=2):
        assert dask.compute(*tasks, scheduler="threads") == tuple(15.0 + 6 * i for i in range(6))


def test_progress_of_several_threads_is_not_mixed_up() -> None:
    def count(number: int) -> float:
        done: list[float] = []
        for _ in range(10):
            take_blocks([delayed(square)(number)] * 1, [1.0], forget, done.append)
        return sum(done)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count, range(8))) == [10.0] * 8


# who may come in


def test_only_this_run_reaches_its_processes() -> None:
    with scheduler("processes", 1):
        client = Client.current()
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        strangers = Security.temporary().get_connection_args("client")

        async def reach(where: str, **arguments: Any) -> None:
            comm = await connect(where, timeout=2, **arguments)
            comm.abort()

        for where, arguments in ((address, strangers), (f"tcp{address[3:]}", {})):
            with pytest.raises((OSError, TimeoutError)):
                asyncio.run(asyncio.wait_for(reach(where, **arguments), 5))
        port = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.http_server.port)
        for page in ("", "health", "status", "info/main/workers.html", "json/counts.json"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"http://127.0.0.1:{port}/{page}")


def test_tls_without_certificates_is_one_sentence() -> None:
    with (
        pytest.raises(ValueError, match=r"tls://127\.0\.0\.1:9: .* Dask needs certificates: name"),
        scheduler("tls://127.0.0.1:9"),
    ):
        pass


# waiting


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (distributed, progress):
        monkeypatch.setattr(module, "SECONDS_OF_SILENCE", 1.5)


@pytest.mark.usefixtures("little_patience")
def test_a_server_of_another_kind_is_waited_for_with_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"tcp://127.0.0.1:{server.server_port}"
    try:
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "3s"}),
            pytest.raises(ConnectionError, match=f"no Dask scheduler answers at {address}"),
            scheduler(address),
        ):
            pass
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert f"waiting for a Dask scheduler to answer at {address}" in capsys.readouterr().err


@pytest.mark.usefixtures("little_patience")
def test_workers_that_are_gone_are_waited_for_with_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (
        LocalCluster(
            n_workers=0, threads_per_worker=1, processes=False, scheduler_kwargs=LOOPBACK
        ) as cluster,
        Client(cluster),
    ):
        threading.Timer(4, cluster.scale, [1]).start()
        taken: dict[int, int] = {}
        take_blocks([delayed(square)(3)], [1.0], taken.__setitem__, lambda _frames: None)
        assert taken == {0: 9}
    assert re.search(r"waiting for workers: .* has none", capsys.readouterr().err)


def stop_once(number: int, once: str) -> int:
    try:
        Path(once).touch(exist_ok=False)
    except FileExistsError:
        return number
    os.kill(os.getpid(), signal.SIGSTOP)
    return number


@pytest.mark.usefixtures("little_patience")
def test_a_frozen_worker_is_waited_for_with_a_word(
    cluster: LocalCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(cluster) as client:
        pids = set(client.run(os.getpid).values())

        def go_on() -> None:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

        timer = threading.Timer(6, go_on)
        timer.start()
        blocks = [delayed(stop_once)(i, str(tmp_path / "once")) for i in range(2)]
        take_blocks(blocks, [1.0] * 2, forget, lambda _frames: None)
        timer.join()
    assert re.search(
        r"waiting for [12] of 2 workers, which are silent: tcp", capsys.readouterr().err
    )


INTERRUPTED = """
import os, signal, sys, time
import dask.array as da, xarray as xr
from gromos_dist.distributed import compute, scheduler

def block(values, kind):
    print("computing", flush=True)
    if kind == "frozen":
        os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(60)
    return values

if __name__ == "__main__":
    with scheduler("processes", 1):
        values = da.arange(4, chunks=2).map_blocks(block, sys.argv[1], meta=da.arange(1))
        try:
            compute(xr.DataArray(values, dims="frame", name="rmsd"))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            raise
"""


@pytest.mark.parametrize("kind", ["busy", "frozen"])
def test_who_interrupts_does_not_wait_for_workers(tmp_path: Path, kind: str) -> None:
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    with subprocess.Popen(
        [sys.executable, str(script), kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "computing\n"
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        # A third of what a block takes.
        process.wait(20)
    _, alive = psutil.wait_procs(workers, 5)
    assert not alive

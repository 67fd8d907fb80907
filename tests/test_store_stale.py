"""A worker of a killed run that wakes up later changes nothing in the store of the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import store_run
from store_run import tree

from gromos_dist.store import store
from gromos_dist.store.zarr_root import read_attrs

HERE = Path(__file__).parent
RUN = "import store_run; store_run.main()"


def stalled_worker(path: Path, log: Path, event: str, block: int) -> psutil.Process:
    """Begin a run, stop a worker before it touches a block's file, and kill the client."""
    environment = {
        "STORE_RUN_LOG": str(log),
        "STORE_RUN_STOP_AT": str(block),
        "STORE_RUN_STOP_BEFORE": event,
        "STORE_RUN_FACTOR": "1",
    }
    client = subprocess.Popen(
        [sys.executable, "-c", RUN, str(path), "processes", "2"],
        cwd=HERE,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (stopped := [*log.glob("stopped.*")]):
            assert client.poll() is None, "the run ended before its worker stopped"
            time.sleep(0.01)
    finally:
        client.kill()
        client.wait()
    return psutil.Process(int(stopped[0].suffix[1:]))


@pytest.mark.parametrize(
    ("event", "factor"), [("open", 2.0), ("os.rename", 2.0), ("os.rename", 1.0)]
)
def test_a_worker_that_wakes_up_in_the_next_run(tmp_path: Path, event: str, factor: float) -> None:
    path, log = tmp_path / "result.zarr", tmp_path / "log"
    log.mkdir()
    worker = stalled_worker(path, log, event, block=4)
    following = None
    try:
        assert read_attrs(path) is not None
        begun = (path / "zarr.json").read_bytes()
        other = factor != 1
        code = (
            "import store_run, sys\n"
            "from gromos_dist.store import store\n"
            "result = store_run.lazy_result(factor=float(sys.argv[2]))\n"
            "store(result, sys.argv[1], overwrite=sys.argv[3] == 'True')\n"
        )
        following = subprocess.Popen(
            [sys.executable, "-c", code, str(path), str(factor), str(other)],
            cwd=HERE,
            env={**os.environ, "STORE_RUN_SECONDS": "0.2"},
        )
        while following.poll() is None and (
            (other and (not path.exists() or (path / "zarr.json").read_bytes() == begun))
            or not list(path.glob(".blocks-*"))
        ):
            time.sleep(0.005)
        worker.send_signal(signal.SIGCONT)
        assert following.wait(120) == 0
        psutil.wait_procs([worker], 60)
    finally:
        if following is not None:
            following.kill()
        if worker.is_running():
            worker.kill()
    undisturbed = store(store_run.lazy_result(factor=factor), tmp_path / "undisturbed.zarr")
    assert tree(path) == tree(undisturbed)

"""Energies of a long trajectory on a LocalCluster: what Dask costs, and each worker's memory.

Phospholipase A2 in water, 21901 atoms: the frames that MD++ re-evaluated, over and over, every
atom displaced a little, in an XTC. Beside the cluster run as many plain processes that read their
share of the file block by block and call the same kernels, without Dask and xarray.

    python benchmarks/forces_cluster.py [--frames 10000] [--rounds 3] [--output OUTPUT]
"""

from __future__ import annotations

from common import machine, number, processor_time, table

import argparse
import os
import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import dask
import distributed
import numpy as np
from data import CACHE
from force_systems import reference, rerun
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.distributed import scheduler
from gromos_dist.forces.model import ForceModel
from gromos_dist.io.reader import open_reader
from gromos_dist.io.writer import open_writer
from gromos_dist.forces.imd import load_imd
from gromos_dist.forces.settings import ForceSettings
from gromos_dist.topology import Topology, load_topology

BLOCK = 50
WANTED = ("energy", "energy_bonded", "energy_nonbonded", "virial")


def long_trajectory(n_frames: int) -> Path:
    """Return the XTC of that many frames; it is written when it is not there."""
    path = CACHE / f"pla2_{n_frames}.xtc"
    if path.exists():
        return path
    CACHE.mkdir(exist_ok=True)
    pla2 = rerun("pla2", "pla2_rf")
    with open_writer(path) as writer:
        for first in range(0, n_frames, BLOCK):
            block = pla2.longer(min(BLOCK, n_frames - first), noise=0.001, seed=first)
            steps = first + np.arange(len(block.positions))
            writer.write(
                {
                    "positions": block.positions,
                    "box": block.box,
                    "step": steps,
                    "time": steps * 2.0,
                }
            )
    return path


def inputs() -> tuple[Topology, ForceSettings]:
    folder = reference()
    topology = load_topology(folder / "systems" / "pla2.top")
    return topology, load_imd(folder / "pla2_rf" / "pla2_rf.imd")


def plainly(path: Path, begin: int, end: int) -> tuple[NDArray[np.float64], float]:
    """Read frames block by block; return their energies and the processor time that took."""
    topology, settings = inputs()
    reader = open_reader(path)
    model = ForceModel(topology.with_n_atoms(reader.n_atoms), settings)
    began, energies = time.process_time(), []
    for first in range(begin, end, BLOCK):
        frames = range(first, min(first + BLOCK, end))
        out = {
            "positions": np.empty((len(frames), reader.n_atoms, 3)),
            "box": np.empty((len(frames), 3, 3)),
        }
        reader.read(frames, out, None)
        energies.append(model(out["positions"], out["box"], wanted=WANTED)["energy"])
    return np.concatenate(energies), time.process_time() - began


@dataclass(frozen=True)
class Run:
    """What came of a run over the whole trajectory, and what it took."""

    energies: NDArray[np.float64]
    seconds: float
    processor_time: float
    around: float = 0.0
    """Processor time of client and scheduler, which is part of the whole."""
    memory: Sequence[Sequence[float]] = ()
    """MiB of each worker, by fifths of the run."""
    n_tasks: int = 0

    def row(self, name: str, more: str) -> list[str]:
        rate = len(self.energies) / self.seconds
        return [name, number(self.seconds), number(rate), number(self.processor_time), more]


def without_dask(path: Path, n_frames: int, n_processes: int) -> Run:
    bounds = np.linspace(0, n_frames, n_processes + 1).astype(int)
    with ProcessPoolExecutor(n_processes, get_context("spawn")) as pool:
        for ready in [pool.submit(plainly, path, 0, 1) for _ in range(n_processes)]:
            ready.result()
        began = time.perf_counter()
        parts = list(pool.map(plainly, [path] * n_processes, bounds[:-1], bounds[1:]))
        seconds = time.perf_counter() - began
    return Run(np.concatenate([part[0] for part in parts]), seconds, sum(part[1] for part in parts))


def memory(process: int, name: str = "VmRSS") -> float:
    """Return resident memory of a process in MiB, at present or (VmHWM) at its highest."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) / 1024


class Watch:
    """Memory of processes, noted twice a second by a thread."""

    def __init__(self, processes: Sequence[int]) -> None:
        self.processes = processes
        self.noted: list[list[float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._note)

    def _note(self) -> None:
        while not self._over.wait(0.5):
            self.noted.append([memory(process) for process in self.processes])

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def largest_of_parts(self, n: int) -> list[list[float]]:
        """Return for each of n equal parts of the time the largest memory of each process."""
        return [list(part.max(axis=0)) for part in np.array_split(np.array(self.noted), n)]


def identity() -> tuple[int, float]:
    """Return the number of this process, and the processor time that it has used."""
    return os.getpid(), time.process_time()


def on_cluster(path: Path, n_workers: int) -> Run:
    folder = reference()
    with scheduler("processes", n_workers):
        client = distributed.default_client()
        frames = gd.open_trajectory(path, folder / "systems" / "pla2.top")
        settings = folder / "pla2_rf" / "pla2_rf.imd"
        gd.energies(frames.isel(frame=slice(0, BLOCK * n_workers)), settings=settings).compute()
        workers = dict(client.run(identity).values())
        began, own = time.perf_counter(), processor_time()
        with Watch(list(workers)) as watch:
            result = gd.energies(frames, settings=settings, virial="molecular").compute()
        seconds, own = time.perf_counter() - began, processor_time() - own
        ended = dict(client.run(identity).values())
        used = sum(ended[process] - workers[process] for process in workers)
        parts = watch.largest_of_parts(5)
        n_tasks = frames.positions.data.npartitions
    return Run(result.energy.values, seconds, used + own, own, parts, n_tasks)


def compare(found: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    """Stop unless both are the same to the bit."""
    if not np.array_equal(found, expected):
        differing = np.flatnonzero((found != expected).any(axis=1))
        raise AssertionError(
            f"the energies of {len(differing)} frames, the first of them {differing[0]}, are not "
            f"those of the plain processes: off by up to {np.abs(found - expected).max()}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    path = long_trajectory(arguments.frames)
    n_frames, n_workers = arguments.frames, arguments.workers
    plain: list[Run] = []
    cluster: list[Run] = []
    for _ in range(arguments.rounds):
        plain.append(without_dask(path, n_frames, n_workers))
        cluster.append(on_cluster(path, n_workers))
        compare(cluster[-1].energies, plain[-1].energies)
    alone = min(plain, key=lambda run: run.processor_time)
    best = min(cluster, key=lambda run: run.processor_time)
    overhead = 100 * (best.processor_time / alone.processor_time - 1)
    rows = [alone.row("plain processes", ""), best.row("LocalCluster", f"{overhead:+.1f} %")]
    shown = [
        [f"worker {k + 1}", *(number(part[k]) for part in best.memory)] for k in range(n_workers)
    ]
    lines = [
        "# Energies of a long trajectory on a LocalCluster",
        "",
        f"`python benchmarks/forces_cluster.py` on {machine()}: gromos_dist {gd.__version__} "
        f"({gd.instruction_set.active()}), Dask {dask.__version__}.",
        "",
        f"Phospholipase A2 in water, 21901 atoms, {n_frames} frames in an XTC of "
        f"{path.stat().st_size / 1e9:.1f} GB (page cache),",
        "cutoff 1.4 nm, all terms, three energy groups, molecular virial;",
        f"{n_workers} workers of one thread, as `gromos-dist --scheduler processes` starts them;",
        f"{best.n_tasks} chunks, as by default.",
        "The plain processes read and compute the same blocks without Dask and xarray; their",
        f"energies are the same to the bit. Both ran {arguments.rounds} times in turns; shown are",
        "those with the least processor time (of workers, scheduler and client together), which on",
        "a shared machine tells more than the clock.",
        "",
        *table(
            ["", "seconds by the clock", "frames/s", "processor time, s", "overhead"],
            rows,
        ),
        "",
        f"Of the cluster's processor time {best.around:.1f} s were client's and scheduler's.",
        "",
        "Largest resident memory of each worker (MiB), by fifths of the run:",
        "",
        *table(["", "1st", "2nd", "3rd", "4th", "5th"], shown),
        "",
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()

"""Reading DCD files: ours against mdtraj, MDAnalysis and NumPy's copy from a memory map.

All run in turns in this process, files in the page cache, best of several rounds; every reader
fills blocks of about 4 MiB of coordinates, ours and NumPy's into one buffer that is used again.

    python benchmarks/read_dcd.py [--rounds 5] [--output docs/benchmarks/read_dcd.md]
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import MDAnalysis
import mdtraj
import numpy as np
from MDAnalysis.coordinates.DCD import DCDReader as MDAnalysisReader
from MDAnalysisTests.datafiles import DCD, GRO
from mdtraj.formats import DCDTrajectoryFile
from numpy.typing import NDArray

from gromos_dist import __version__, instruction_set
from gromos_dist.io.dcd import DCDReader, open_dcd

CACHE = Path(__file__).parent / ".cache"
BLOCK_BYTES = 4 << 20


def write_tiled(path: Path, frames: NDArray[np.float32], n_frames: int, *, cell: bool) -> None:
    """Write n_frames frames (Å), the given ones over and over, in NAMD's flavour."""
    n_atoms = frames.shape[1]
    time_step = struct.unpack("<i", struct.pack("<f", 20.454828))[0]
    control = [n_frames, 0, 1, n_frames, 0, 0, 0, 0, 0, time_step, int(cell), *[0] * 8, 24]
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(struct.pack("<i4s20ii", 84, b"CORD", *control, 84))
        file.write(struct.pack("<ii80si", 84, 1, b"benchmark".ljust(80), 84))
        file.write(struct.pack("<iii", 4, n_atoms, 4))
        marker = struct.pack("<i", 4 * n_atoms)
        for i in range(n_frames):
            if cell:
                file.write(struct.pack("<i6di", 48, 80.0, 0.0, 80.0, 0.0, 0.0, 80.0, 48))
            for plane in frames[i % len(frames)].T:
                file.write(marker + plane.tobytes() + marker)
    beside.rename(path)


def make_data() -> dict[str, Path]:
    """adk: 3341 atoms x 20000 frames, no cell; solv: 47681 atoms x 500 frames, with cell."""
    CACHE.mkdir(exist_ok=True)
    paths = {name: CACHE / f"read_{name}.dcd" for name in ("adk", "solv")}
    if not paths["adk"].exists():
        reader = open_dcd(DCD)
        frames = np.empty((reader.n_frames, reader.n_atoms, 3), np.float32)
        reader.read(range(reader.n_frames), {"positions": frames})
        write_tiled(paths["adk"], frames * 10, 20000, cell=False)
    if not paths["solv"].exists():
        positions = MDAnalysis.Universe(GRO).atoms.positions
        noise = np.random.default_rng(1).normal(0, 0.05, (10, *positions.shape))
        write_tiled(paths["solv"], (positions + noise).astype(np.float32), 500, cell=True)
    return paths


# ---- one pass over a file by each reader ----


def blocks(first: int, stop: int, size: int) -> list[range]:
    return [range(i, min(i + size, stop)) for i in range(first, stop, size)]


def ours(
    reader: DCDReader,
    size: int,
    dtype: type = np.float32,
    atoms: NDArray[np.int64] | None = None,
    part: tuple[int, int] | None = None,
) -> Callable[[], None]:
    n_atoms = reader.n_atoms if atoms is None else len(atoms)
    buffer = np.zeros((size, n_atoms, 3), dtype)

    def run() -> None:
        for frames in blocks(*(part or (0, reader.n_frames)), size):
            reader.read(frames, {"positions": buffer[: len(frames)]}, atoms)

    return run


def numpy_copy(
    reader: DCDReader, size: int, part: tuple[int, int] | None = None
) -> Callable[[], None]:
    layout, buffer = reader.layout, np.zeros((size, reader.n_atoms, 3), np.float32)
    head = 56 if layout.has_cell else 0
    plane = [("", "V4"), ("values", "<f4", reader.n_atoms), ("", "V4")]
    planes = np.dtype(
        {
            "names": ["x", "y", "z"],
            "formats": [np.dtype(("<f4", reader.n_atoms))] * 3,
            "offsets": [head + 4 + k * np.dtype(plane).itemsize for k in range(3)],
            "itemsize": layout.frame_size,
        }
    )

    def run() -> None:
        mapped = np.memmap(reader.path, planes, "r", layout.first_frame, reader.n_frames)
        for frames in blocks(*(part or (0, reader.n_frames)), size):
            for k, name in enumerate("xyz"):
                buffer[: len(frames), :, k] = mapped[name][frames.start : frames.stop]

    return run


def mdtraj_file(
    reader: DCDReader, size: int, atoms: NDArray[np.int64] | None = None
) -> Callable[[], None]:
    def run() -> None:
        with DCDTrajectoryFile(reader.path) as file:
            while len(file.read(n_frames=size, atom_indices=atoms)[0]):
                pass

    return run


def mdtraj_iterload(reader: DCDReader, size: int) -> Callable[[], None]:
    topology = mdtraj.Topology()
    residue = topology.add_residue("ALL", topology.add_chain())
    for _ in range(reader.n_atoms):
        topology.add_atom("C", mdtraj.element.carbon, residue)

    def run() -> None:
        for _ in mdtraj.iterload(reader.path, chunk=size, top=topology):
            pass

    return run


def mdanalysis(reader: DCDReader) -> Callable[[], None]:
    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            for _ in MDAnalysisReader(reader.path):
                pass

    return run


def two_threads(halves: list[Callable[[], None]]) -> Callable[[], None]:
    def run() -> None:
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(half) for half in halves]:
                future.result()

    return run


# ---- the table ----


@contextmanager
def without_output() -> Iterator[None]:
    """Silence what the C of mdtraj prints whenever it opens a file."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def best_of(runs: dict[str, Callable[[], None]], rounds: int) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds, the least of the rounds, in turns; `2x` in a name: on two cores."""
    best = dict.fromkeys(runs, (np.inf, np.inf))
    cores = sorted(os.sched_getaffinity(0))
    try:
        for _ in range(rounds):
            for name, run in runs.items():
                os.sched_setaffinity(0, cores[-2:] if name.startswith("2x") else cores[-1:])
                begin, cpu_begin = time.perf_counter(), time.process_time()
                run()
                wall, cpu = time.perf_counter() - begin, time.process_time() - cpu_begin
                best[name] = (min(best[name][0], wall), min(best[name][1], cpu))
    finally:
        os.sched_setaffinity(0, cores)
    return best


def measure(path: Path, rounds: int) -> tuple[str, list[list[str]]]:
    reader = open_dcd(path)
    n, n_atoms = reader.n_frames, reader.n_atoms
    size = max(1, BLOCK_BYTES // (12 * n_atoms))
    half = n // 2
    few = np.arange(1000, 1000 + n_atoms // 15)
    spread = np.arange(0, n_atoms, 15)
    runs = {
        "gromos_dist": ours(reader, size),
        "gromos_dist, float64": ours(reader, size, np.float64),
        "NumPy copy from a memory map, no scaling": numpy_copy(reader, size),
        "mdtraj DCDTrajectoryFile.read": mdtraj_file(reader, size),
        "mdtraj iterload": mdtraj_iterload(reader, size),
        "MDAnalysis": mdanalysis(reader),
        "gromos_dist, a fifteenth of the atoms, together": ours(reader, size, atoms=few),
        "mdtraj, a fifteenth of the atoms, together": mdtraj_file(reader, size, few),
        "gromos_dist, every fifteenth atom": ours(reader, size, atoms=spread),
        "mdtraj, every fifteenth atom": mdtraj_file(reader, size, spread),
        "2x gromos_dist, two threads": two_threads(
            [ours(reader, size, part=part) for part in ((0, half), (half, n))]
        ),
        "2x NumPy copy, two threads": two_threads(
            [numpy_copy(reader, size, part) for part in ((0, half), (half, n))]
        ),
    }
    with without_output():
        for run in runs.values():  # into the page cache, and the modules' own first calls
            run()
        seconds = best_of(runs, rounds)
    wall, cpu = seconds["gromos_dist"]
    gigabytes = path.stat().st_size / 1e9
    rows = [
        [
            name.removeprefix("2x "),
            f"{n / its_wall:,.0f}",
            f"{gigabytes / its_wall:.2f}",
            f"{its_wall / wall:.2f}",
            f"{its_cpu / cpu:.2f}",
        ]
        for name, (its_wall, its_cpu) in seconds.items()
    ]
    return f"{path.stem.removeprefix('read_')}: {n_atoms} atoms x {n} frames", rows


def markdown(tables: list[tuple[str, list[list[str]]]], rounds: int) -> str:
    versions = f"gromos_dist {__version__} ({instruction_set.active()})"
    versions += f", mdtraj {mdtraj.__version__}, MDAnalysis {MDAnalysis.__version__}"
    lines = [
        "# Reading DCD files",
        "",
        f"`python benchmarks/read_dcd.py`: {versions}, NumPy {np.__version__}.",
        f"One core unless two threads are named, files in the page cache, best of {rounds} rounds",
        "in turns. GB/s of the file; time relative to ours, all atoms to float32 nm.",
        f"{os.cpu_count()} cores, load average {os.getloadavg()[1]:.1f} (it should be 0 without us:",
        "other work on the machine costs more wall than CPU time, and two threads most).",
    ]
    for title, rows in tables:
        lines += [
            "",
            f"## {title}",
            "",
            "| reader | frames/s | GB/s | time / ours | CPU time / ours |",
        ]
        lines += ["|---|---:|---:|---:|---:|", *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    arguments: Any = parser.parse_args()
    tables = [measure(path, arguments.rounds) for path in make_data().values()]
    text = markdown(tables, arguments.rounds)
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()

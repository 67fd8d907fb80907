"""Reading XTC and TRR files: ours against libmdaxdr (MDAnalysis) and mdtraj.

All run in turns in this process, files in the page cache, best of several rounds; ours fills
blocks of about 4 MiB of coordinates in one buffer that is used again, the others do as they do.

    python benchmarks/read_xdr.py [--rounds 5] [--output docs/benchmarks/read_xdr.md]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import MDAnalysis
import mdtraj
import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from MDAnalysisTests.datafiles import DCD, TRR, XTC
from mdtraj.formats import TRRTrajectoryFile, XTCTrajectoryFile
from numpy.typing import NDArray
from read_dcd import BLOCK_BYTES, CACHE, best_of, blocks, two_threads, without_output

from gromos_dist import __version__, instruction_set
from gromos_dist.io.reader import Reader, open_reader
from gromos_dist.io.writer import open_writer


def read_all(path: str) -> dict[str, NDArray[Any]]:
    reader = open_reader(path)
    out = {
        name: np.empty((reader.n_frames, reader.n_atoms, 3), np.float32)
        for name in ("positions", "velocities")
        if name in reader.fields
    }
    reader.read(range(reader.n_frames), out)
    return out


def make_data() -> dict[str, Path]:
    """adk: 3341 atoms x 5000 frames; solv: 47681 atoms x 300 frames; real ones over and over."""
    CACHE.mkdir(exist_ok=True)
    made = {}
    for name, source, times in (("adk", DCD, 51), ("solv", XTC, 30), ("solv", TRR, 10)):
        suffix = ".trr" if source == TRR else ".xtc"
        path = made[f"{name}{suffix}"] = CACHE / f"read_{name}{suffix}"
        if path.exists():
            continue
        frames = read_all(source)
        n_frames = len(frames["positions"])
        with open_writer(path) as writer:
            for i in range(times):
                step = np.arange(i * n_frames, (i + 1) * n_frames)
                writer.write({**frames, "step": step})
    return made


def ours(
    reader: Reader,
    dtype: type = np.float32,
    atoms: NDArray[np.int64] | None = None,
    part: tuple[int, int] | None = None,
) -> Callable[[], None]:
    fields = [name for name in ("positions", "velocities") if name in reader.fields]
    n_atoms = reader.n_atoms if atoms is None else len(atoms)
    size = max(1, BLOCK_BYTES // (12 * reader.n_atoms))
    buffers = {name: np.zeros((size, n_atoms, 3), dtype) for name in fields}

    def run() -> None:
        for frames in blocks(*(part or (0, reader.n_frames)), size):
            reader.read(frames, {name: b[: len(frames)] for name, b in buffers.items()}, atoms)

    return run


def libmdaxdr(reader: Reader) -> Callable[[], None]:
    kind = XTCFile if reader.path.endswith(".xtc") else TRRFile

    def run() -> None:
        with kind(reader.path) as file:
            for _ in range(reader.n_frames):
                file.read()

    return run


def mdtraj_file(reader: Reader, atoms: NDArray[np.int64] | None = None) -> Callable[[], None]:
    kind = XTCTrajectoryFile if reader.path.endswith(".xtc") else TRRTrajectoryFile
    size = max(1, BLOCK_BYTES // (12 * reader.n_atoms))

    def run() -> None:
        with kind(reader.path) as file:
            while len(file.read(n_frames=size, atom_indices=atoms)[0]):
                pass

    return run


def measure(path: Path, rounds: int) -> tuple[str, list[list[str]]]:
    reader = open_reader(path)
    n, n_atoms = reader.n_frames, reader.n_atoms
    half, tenth = n // 2, np.arange(n_atoms // 10)
    spread = np.arange(0, n_atoms, 15)
    runs = {
        "gromos_dist": ours(reader),
        "gromos_dist, float64": ours(reader, np.float64),
        "libmdaxdr (MDAnalysis)": libmdaxdr(reader),
        "mdtraj": mdtraj_file(reader),
        "gromos_dist, the first tenth of the atoms": ours(reader, atoms=tenth),
        "mdtraj, the first tenth of the atoms": mdtraj_file(reader, tenth),
        "gromos_dist, every fifteenth atom": ours(reader, atoms=spread),
        "2x gromos_dist, two threads": two_threads(
            [ours(reader, part=part) for part in ((0, half), (half, n))]
        ),
    }
    with without_output():
        for run in runs.values():  # into the page cache, and the modules' own first calls
            run()
        seconds = best_of(runs, rounds)
    reference = seconds["gromos_dist"]
    n_fields = sum(name in reader.fields for name in ("positions", "velocities"))
    gigabytes = 12e-9 * n_atoms * n * n_fields
    rows = [
        [
            name.removeprefix("2x "),
            f"{n / taken:,.0f}",
            f"{gigabytes / taken:.2f}",
            f"{taken / reference:.2f}",
        ]
        for name, taken in seconds.items()
    ]
    fields = "positions and velocities" if n_fields == 2 else "positions"
    return f"{path.name.removeprefix('read_')}: {n_atoms} atoms x {n} frames, {fields}", rows


def markdown(tables: list[tuple[str, list[list[str]]]], rounds: int) -> str:
    versions = f"gromos_dist {__version__} ({instruction_set.active()})"
    versions += f", mdtraj {mdtraj.__version__}, MDAnalysis {MDAnalysis.__version__}"
    lines = [
        "# Reading XTC and TRR files",
        "",
        f"`python benchmarks/read_xdr.py`: {versions}, NumPy {np.__version__}.",
        f"One core unless two threads are named, files in the page cache, best of {rounds} rounds",
        "in turns. GB/s of float32 numbers of all atoms; time relative to ours, all atoms to",
        "float32. The machine was shared: compare within a table only.",
    ]
    for title, rows in tables:
        lines += ["", f"## {title}", "", "| reader | frames/s | GB/s | time / ours |"]
        lines += ["|---|---:|---:|---:|", *("| " + " | ".join(row) + " |" for row in rows)]
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

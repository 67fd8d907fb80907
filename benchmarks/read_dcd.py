"""Reading DCD files: ours against mdtraj, MDAnalysis and NumPy's copy from a memory map.

All run in turns in this process, files in the page cache, best of several rounds; every reader
fills blocks of about 4 MiB of coordinates, ours and NumPy's into one buffer that is used again.

    python benchmarks/read_dcd.py [--rounds 5] [--output docs/benchmarks/read_dcd.md]
"""

from __future__ import annotations

from common import best_of, in_threads, machine, number, table, without_output

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path

import data
import MDAnalysis
import mdtraj
import numpy as np
from MDAnalysis.coordinates.DCD import DCDReader as MDAnalysisReader
from mdtraj.formats import DCDTrajectoryFile
from numpy.typing import NDArray

from gromos_dist import __version__, instruction_set
from gromos_dist.io.dcd import DCDReader, open_dcd

BLOCK_BYTES = 4 << 20


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


def measure(path: Path, rounds: int) -> list[str]:
    reader = open_dcd(path)
    n, n_atoms = reader.n_frames, reader.n_atoms
    size = max(1, BLOCK_BYTES // (12 * n_atoms))
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
    }
    halves = ((0, n // 2), (n // 2, n))
    on_two_cores = {
        "gromos_dist, two threads": in_threads([ours(reader, size, part=half) for half in halves]),
        "NumPy copy, two threads": in_threads([numpy_copy(reader, size, half) for half in halves]),
    }
    with without_output():
        seconds = best_of(runs, rounds) | best_of(on_two_cores, rounds, n_cores=2)
    rows = [
        [
            name,
            number(n / time),
            number(path.stat().st_size / time / 1e9),
            number(time / seconds["gromos_dist"]),
        ]
        for name, time in seconds.items()
    ]
    return [
        "",
        f"## {path.stem}: {n_atoms} atoms x {n} frames",
        "",
        *table(["reader", "frames/s", "GB/s", "time / ours"], rows),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    lines = [
        "# Reading DCD files",
        "",
        f"`python benchmarks/read_dcd.py` on {machine()}: gromos_dist {__version__} "
        f"({instruction_set.active()}), mdtraj {mdtraj.__version__}, "
        f"MDAnalysis {MDAnalysis.__version__}, NumPy {np.__version__}.",
        "",
        "One core unless two threads are named, files in the page cache, best of "
        f"{arguments.rounds} rounds in turns. GB/s of the file; time relative to ours, all atoms "
        "to float32 nm.",
    ]
    for path in (data.adk_dcd(), data.solvated_dcd()):
        lines += measure(path, arguments.rounds)
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()

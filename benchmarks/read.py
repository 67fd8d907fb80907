"""Reading XTC, TRR and GROMOS text: ours against libmdaxdr (MDAnalysis), mdtraj and MDAnalysis.

All run in turns in this process, files in the page cache, best of several rounds; ours fills blocks
of about 4 MiB of coordinates in one buffer that is used again, the others do as they do. DCD is in
read_dcd.py.

    python benchmarks/read.py [--rounds 5] [--output docs/benchmarks/read.md]
"""

from __future__ import annotations

from common import best_of, in_threads, machine, number, table, without_output

import argparse
import gzip
import warnings
from collections.abc import Callable
from pathlib import Path

import data
import MDAnalysis
import mdtraj
import numpy as np
from MDAnalysis.coordinates.TRC import TRCReader
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from mdtraj.formats import TRRTrajectoryFile, XTCTrajectoryFile
from numpy.typing import NDArray

from gromos_dist import __version__, instruction_set
from gromos_dist.io.reader import Reader, open_reader

Run = Callable[[], None]

BLOCK_BYTES = 4 << 20


def ours(reader: Reader, atoms: NDArray[np.int64] | None = None, part: range | None = None) -> Run:
    fields = [name for name in ("positions", "velocities") if name in reader.fields]
    n_atoms = reader.n_atoms if atoms is None else len(atoms)
    size = max(1, BLOCK_BYTES // (12 * reader.n_atoms))
    buffers = {name: np.zeros((size, n_atoms, 3), np.float32) for name in fields}
    wanted = part or range(reader.n_frames)

    def run() -> None:
        for first in range(0, len(wanted), size):
            frames = wanted[first : first + size]
            reader.read(frames, {name: b[: len(frames)] for name, b in buffers.items()}, atoms)

    return run


def libmdaxdr(reader: Reader) -> Run:
    kind = XTCFile if reader.path.endswith(".xtc") else TRRFile

    def run() -> None:
        with kind(reader.path) as file:
            for _ in range(reader.n_frames):
                file.read()

    return run


def with_mdtraj(reader: Reader) -> Run:
    kind = XTCTrajectoryFile if reader.path.endswith(".xtc") else TRRTrajectoryFile
    size = max(1, BLOCK_BYTES // (12 * reader.n_atoms))

    def run() -> None:
        with kind(reader.path) as file:
            while len(file.read(n_frames=size)[0]):
                pass

    return run


def mdanalysis_text(reader: Reader) -> Run:
    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in TRCReader(reader.path):
                pass

    return run


def size_of_text(path: Path) -> int:
    if path.suffix != ".gz":
        return path.stat().st_size
    with gzip.open(path) as file:
        return sum(len(piece) for piece in iter(lambda: file.read(1 << 24), b""))


def measure(path: Path, rounds: int) -> list[str]:
    reader = open_reader(path)
    n, n_atoms = reader.n_frames, reader.n_atoms
    is_text = ".trc" in path.suffixes
    tenth = np.arange(n_atoms // 10)
    runs = {"gromos_dist": ours(reader)}
    if is_text:
        runs["MDAnalysis"] = mdanalysis_text(reader)
    else:
        runs["libmdaxdr (MDAnalysis)"] = libmdaxdr(reader)
        runs["mdtraj"] = with_mdtraj(reader)
    runs["gromos_dist, the first tenth of the atoms"] = ours(reader, tenth)
    halves = [range(n // 2), range(n // 2, n)]
    both = {"gromos_dist, two threads": in_threads([ours(reader, part=part) for part in halves])}
    with without_output():
        seconds = best_of(runs, rounds) | best_of(both, rounds, n_cores=2)
    if is_text:
        size, unit = size_of_text(path), "MB/s of text"
    else:
        fields = [name for name in ("positions", "velocities") if name in reader.fields]
        size, unit = 12 * n_atoms * n * len(fields), "MB/s of float32"
    rows = [
        [
            name,
            number(n / time),
            number(size / time / 1e6),
            number(time / seconds["gromos_dist"]),
        ]
        for name, time in seconds.items()
    ]
    return [
        "",
        f"## {path.name}: {n_atoms} atoms x {n} frames",
        "",
        *table(["reader", "frames/s", unit, "time / ours"], rows),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    lines = [
        "# Reading XTC, TRR and GROMOS text",
        "",
        f"`python benchmarks/read.py` on {machine()}: gromos_dist {__version__} "
        f"({instruction_set.active()}), mdtraj {mdtraj.__version__}, "
        f"MDAnalysis {MDAnalysis.__version__}, NumPy {np.__version__}.",
        "",
        "One core unless two threads are named, files in the page cache, best of "
        f"{arguments.rounds} rounds in turns; the frame index is there. Time relative to ours, all "
        "atoms to float32.",
    ]
    for path in (
        data.adk_xtc(),
        data.solvated_xtc(),
        data.solvated_trr(),
        data.solvated_text(".trc"),
        data.solvated_text(".trc.gz"),
    ):
        lines += measure(path, arguments.rounds)
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()

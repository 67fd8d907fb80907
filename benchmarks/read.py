"""Reading DCD, XTC, TRR and GROMOS text: ours against libmdaxdr (MDAnalysis), mdtraj, NumPy.

All run in turns in this process, files in the page cache, best of several rounds of several
passes each; ours and NumPy's copy fill blocks of about 4 MiB of coordinates in one buffer that is
used again, the others do as they do.

    python benchmarks/read.py [--rounds 5] [--seconds 1] [--only NAME...] [--output FILE.md]
"""

from __future__ import annotations

from common import best_of, in_threads, lasting, machine, number, repeated, table, without_output

import argparse
import gzip
import os
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import data
import MDAnalysis
import mdtraj
import numpy as np
from MDAnalysis.coordinates.DCD import DCDReader as MDAnalysisDCDReader
from MDAnalysis.coordinates.TRC import TRCReader
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from mdtraj.formats import DCDTrajectoryFile, TRRTrajectoryFile, XTCTrajectoryFile
from numpy.typing import NDArray

from gromos_dist import __version__, instruction_set
from gromos_dist.io.formats.dcd import DCDReader
from gromos_dist.io.reader import Reader, open_reader

Run = Callable[[], None]
Atoms = NDArray[np.int64] | None

BLOCK_BYTES = 4 << 20
SINES = 1 << 15
FILES = {
    "adk.dcd": data.adk_dcd,
    "solvated.dcd": data.solvated_dcd,
    "adk.xtc": data.adk_xtc,
    "solvated.xtc": data.solvated_xtc,
    "solvated.trr": data.solvated_trr,
    "solvated.trc": partial(data.solvated_text, ".trc"),
    "solvated.trc.gz": partial(data.solvated_text, ".trc.gz"),
}
MDTRAJ = {".dcd": DCDTrajectoryFile, ".xtc": XTCTrajectoryFile, ".trr": TRRTrajectoryFile}


# ---- one pass over a file by each reader ----


def vectors_of(reader: Reader) -> list[str]:
    return [name for name in ("positions", "velocities") if name in reader.fields]


def block_size(reader: Reader) -> int:
    return max(1, BLOCK_BYTES // (12 * reader.n_atoms))


def ours(
    reader: Reader, atoms: Atoms = None, part: range | None = None, dtype: type = np.float32
) -> Run:
    n_atoms = reader.n_atoms if atoms is None else len(atoms)
    size = block_size(reader)
    buffers = {name: np.zeros((size, n_atoms, 3), dtype) for name in vectors_of(reader)}
    wanted = part or range(reader.n_frames)

    def run() -> None:
        for first in range(0, len(wanted), size):
            frames = wanted[first : first + size]
            reader.read(frames, {name: b[: len(frames)] for name, b in buffers.items()}, atoms)

    return run


def numpy_copy(reader: DCDReader, part: range | None = None) -> Run:
    """A DCD's coordinates from a memory map to (frame, atom, xyz), in Å as they are."""
    layout, size = reader.layout, block_size(reader)
    buffer = np.zeros((size, reader.n_atoms, 3), np.float32)
    head, wanted = 56 if layout.has_cell else 0, part or range(reader.n_frames)
    planes = np.dtype(
        {
            "names": ["x", "y", "z"],
            "formats": [np.dtype(("<f4", reader.n_atoms))] * 3,
            "offsets": [head + 4 + k * (4 * reader.n_atoms + 8) for k in range(3)],
            "itemsize": layout.frame_size,
        }
    )

    def run() -> None:
        mapped = np.memmap(reader.path, planes, "r", layout.first_frame, reader.n_frames)
        for first in range(wanted.start, wanted.stop, size):
            frames = mapped[first : min(first + size, wanted.stop)]
            for k, name in enumerate("xyz"):
                buffer[: len(frames), :, k] = frames[name]

    return run


def libmdaxdr(reader: Reader) -> Run:
    kind = XTCFile if reader.path.endswith(".xtc") else TRRFile

    def run() -> None:
        with kind(reader.path) as file:
            for _ in range(reader.n_frames):
                file.read()

    return run


def mdtraj_file(reader: Reader, atoms: Atoms = None) -> Run:
    kind, size = MDTRAJ[Path(reader.path).suffix], block_size(reader)

    def run() -> None:
        with kind(reader.path) as file:
            while len(file.read(n_frames=size, atom_indices=atoms)[0]):
                pass

    return run


def mdtraj_iterload(reader: Reader) -> Run:
    topology = mdtraj.Topology()
    residue = topology.add_residue("ALL", topology.add_chain())
    for _ in range(reader.n_atoms):
        topology.add_atom("C", mdtraj.element.carbon, residue)

    def run() -> None:
        for _ in mdtraj.iterload(reader.path, chunk=block_size(reader), top=topology):
            pass

    return run


def mdanalysis(reader: Reader) -> Run:
    kind = MDAnalysisDCDReader if reader.path.endswith(".dcd") else TRCReader

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in kind(reader.path):
                pass

    return run


# ---- what the machine gives ----


def copied(frames: NDArray[np.float32]) -> Run:
    """All of it, in blocks into one buffer of 4 MiB."""
    flat = frames.reshape(-1)
    buffer = np.zeros(BLOCK_BYTES // 4, np.float32)

    def run() -> None:
        for first in range(0, len(flat), len(buffer)):
            part = flat[first : first + len(buffer)]
            np.copyto(buffer[: len(part)], part)

    return run


def read_bytes(path: Path, begin: int, end: int) -> Run:
    """A part of a file, in pieces into one buffer of 256 KiB."""
    buffer = bytearray(1 << 18)

    def run() -> None:
        file = os.open(path, os.O_RDONLY)
        for offset in range(begin, end, len(buffer)):
            os.preadv(file, [buffer], offset)
        os.close(file)

    return run


def sines(times: int) -> Run:
    """Compute in the cache."""
    angles = np.linspace(0, 1, SINES)
    result = np.empty_like(angles)

    def run() -> None:
        for _ in range(times):
            np.sin(angles, out=result)

    return run


# ---- tables ----


def title(path: Path) -> str:
    return path.name.replace("_100", "")


def size_of(path: Path, reader: Reader) -> tuple[int, str]:
    """Return the bytes that count, and what they are called."""
    if path.suffix == ".dcd":
        return path.stat().st_size, "MB/s of the file"
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            pieces = iter(lambda: file.read(1 << 24), b"")
            return sum(len(piece) for piece in pieces), "MB/s of text"
    if path.suffix == ".trc":
        return path.stat().st_size, "MB/s of text"
    return 12 * reader.n_atoms * reader.n_frames * len(vectors_of(reader)), "MB/s of float32"


class Effort(NamedTuple):
    rounds: int
    seconds: float
    """Of a round, at least."""


def seconds_a_pass(runs: Mapping[str, Run], effort: Effort) -> dict[str, float]:
    times = {name: lasting(run, effort.seconds) for name, run in runs.items()}
    often = {name: repeated(run, times[name]) for name, run in runs.items()}
    seconds = best_of(often, effort.rounds, clock=time.process_time)
    return {name: taken / times[name] for name, taken in seconds.items()}


def on_one_core(path: Path, effort: Effort) -> list[str]:
    reader: Any = open_reader(path)
    tenth = np.arange(reader.n_atoms // 10)
    spread = np.arange(0, reader.n_atoms, 10)
    runs = {
        "gromos_dist": ours(reader),
        "gromos_dist, to float64": ours(reader, dtype=np.float64),
        "gromos_dist, the first tenth of the atoms": ours(reader, tenth),
        "gromos_dist, every tenth atom": ours(reader, spread),
    }
    if path.suffix in MDTRAJ:
        positions = " of positions alone" if path.suffix == ".trr" else ""
        runs[f"mdtraj's file.read{positions}"] = mdtraj_file(reader)
        runs[f"mdtraj's file.read{positions}, the first tenth"] = mdtraj_file(reader, tenth)
    if path.suffix == ".dcd":
        runs["mdtraj's iterload"] = mdtraj_iterload(reader)
        runs["NumPy's copy from a memory map, no scaling"] = numpy_copy(reader)
    if path.suffix in (".xtc", ".trr"):
        runs["libmdaxdr (MDAnalysis)"] = libmdaxdr(reader)
    else:
        runs["MDAnalysis"] = mdanalysis(reader)
    with without_output():
        seconds = seconds_a_pass(runs, effort)
    size, unit = size_of(path, reader)
    rows = [
        [
            name,
            number(reader.n_frames / taken),
            number(size / taken / 1e6),
            number(taken / seconds["gromos_dist"]),
        ]
        for name, taken in seconds.items()
    ]
    return [
        "",
        f"## {title(path)}: {reader.n_atoms} atoms x {reader.n_frames} frames",
        "",
        *table(["reader", "frames/s", unit, "time / ours"], rows),
    ]


def both_clocks() -> NDArray[np.float64]:
    return np.array([time.perf_counter(), time.process_time()])


def on_two_cores(name: str, n_bytes: int, one: Run, halves: list[Run], effort: Effort) -> list[str]:
    """Return a row of the table: a call, and its halves at once, each in a thread."""
    times = lasting(one, effort.seconds)
    runs = {
        "one": repeated(one, times),
        "two": in_threads([repeated(half, times) for half in halves]),
    }
    seconds = best_of(runs, effort.rounds, n_cores=2, clock=both_clocks)
    (wall_one, processor_one), (wall_two, processor_two) = seconds["one"], seconds["two"]
    return [
        name,
        number(n_bytes * times / wall_one / 1e6),
        number(n_bytes * times / wall_two / 1e6),
        number(wall_one / wall_two),
        number(2 * processor_one / processor_two),
    ]


def two_threads(paths: list[Path], effort: Effort) -> list[str]:
    n_numbers = 16 * SINES
    row = partial(on_two_cores, effort=effort)
    frames = data.solvated()
    middle = len(frames) // 2
    halves = [copied(frames[:middle]), copied(frames[middle:])]
    rows = [
        row("sines of numbers in the cache", 8 * n_numbers, sines(16), [sines(8), sines(8)]),
        row("NumPy's copy of an array", frames.nbytes, copied(frames), halves),
    ]
    for path in paths:
        reader = open_reader(path)
        n, size = reader.n_frames, path.stat().st_size
        if path.suffix in (".dcd", ".trr"):
            raw = [read_bytes(path, 0, size // 2), read_bytes(path, size // 2, size)]
            rows.append(row(f"pread of {path.name}", size, read_bytes(path, 0, size), raw))
        halves = [ours(reader, part=part) for part in (range(n // 2), range(n // 2, n))]
        rows.append(row(title(path), size_of(path, reader)[0], ours(reader), halves))
    return [
        "",
        "## Two threads, half of the file each",
        "",
        "MB/s as above. Faster by the clock, and by processor time: twice that of one thread over "
        "that of two, which is what an otherwise idle machine would give if neither waited.",
        "",
        *table(["", "one thread", "two threads", "faster", "by processor time"], rows),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a round, at least")
    parser.add_argument("--only", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    effort = Effort(arguments.rounds, arguments.seconds)
    paths = [FILES[name]() for name in arguments.only]
    lines = [
        "# Reading trajectories",
        "",
        f"`python benchmarks/read.py` on {machine()}: gromos_dist {__version__} "
        f"({instruction_set.active()}), mdtraj {mdtraj.__version__}, "
        f"MDAnalysis {MDAnalysis.__version__}, NumPy {np.__version__}.",
        "",
        "One core unless two threads are named, files in the page cache, the frame index there, "
        f"best of {effort.rounds} rounds in turns, each of {effort.seconds:g} s or more. Speeds "
        "are those of processor time (user and system), which is the time by the clock on a "
        f"machine that does nothing else; this one had a load of {os.getloadavg()[1]:.0f}. Time "
        "relative to ours, all atoms to float32.",
    ]
    print("\n".join(lines), flush=True)
    for part in [partial(on_one_core, path) for path in paths] + [partial(two_threads, paths)]:
        lines += (measured := part(effort))
        print("\n".join(measured), flush=True)
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

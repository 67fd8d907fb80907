"""RMSD of a trajectory on disk, from the file to the numbers: ours, mdtraj, MDAnalysis.

All run in turns in this process, files in the page cache, best of several rounds. The peak of
memory is that of a process of its own, for short and long files.

    python benchmarks/end_to_end.py [--rounds 7] [--output docs/benchmarks/end_to_end.md]
"""

from __future__ import annotations

from common import best_of, machine, number, table, without_output

import argparse
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data
import mdtraj
import MDAnalysis
import numpy as np
from MDAnalysis.analysis.rms import RMSD
from MDAnalysisTests.datafiles import PSF

import gromos_dist as gd

Run = Callable[[], Any]


def ours(path: Path, atoms: str | None, threads: int) -> Run:
    def run() -> Any:
        trajectory = gd.open_trajectory(path, PSF if atoms else None)
        deviation = gd.rmsd(trajectory, reference=0, atoms=atoms)
        return deviation.compute(scheduler="threads", num_workers=threads).data

    return run


def with_mdtraj(path: Path, atoms: np.ndarray | None) -> Run:
    topology = mdtraj.load_topology(PSF)
    size = max(1, (4 << 20) // (12 * topology.n_atoms))

    def run() -> Any:
        reference = mdtraj.load_frame(str(path), 0, top=topology, atom_indices=atoms)
        pieces = mdtraj.iterload(str(path), chunk=size, top=topology, atom_indices=atoms)
        return np.concatenate([mdtraj.rmsd(piece, reference, parallel=False) for piece in pieces])

    return run


def with_mdanalysis(path: Path, atoms: str, frames: int) -> Run:
    """The first `frames` frames: all of them would take most of the benchmark's time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(PSF, str(path))

    def run() -> Any:
        return RMSD(universe, select=atoms).run(stop=frames).results.rmsd[:, 2] / 10

    return run


def peak_memory(path: Path, copies: int) -> float:
    """Return the peak resident memory (MB) of a process that computes the RMSD of a long file."""
    script = (
        "import re, sys, gromos_dist as gd\n"
        "gd.rmsd(gd.open_trajectory([sys.argv[1]] * int(sys.argv[2]), overlap='keep')).compute()\n"
        # Not ru_maxrss: that begins with the peak of the process that started this one.
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)\n"
    )
    command = [sys.executable, "-c", script, str(path), str(copies)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compared(path: Path, rounds: int, selection: str | None, atoms: np.ndarray | None) -> list[str]:
    n_frames = gd.open_trajectory(path).sizes["frame"]
    few = n_frames // 10
    one = {
        "gromos_dist": ours(path, selection, 1),
        "mdtraj iterload, one thread": with_mdtraj(path, atoms),
        "MDAnalysis, one process": with_mdanalysis(path, selection or "all", few),
    }
    with without_output():
        results = [run() for run in one.values()]
        seconds = best_of(one, rounds)
        two = best_of({"gromos_dist, two threads": ours(path, selection, 2)}, rounds, n_cores=2)
    seconds["MDAnalysis, one process"] *= n_frames / few
    differences = ["", *(f"{np.abs(results[0][: len(r)] - r).max():.1e}" for r in results[1:]), ""]
    rows = [
        [
            name,
            number(n_frames / time),
            number(path.stat().st_size / time / 1e9),
            number(time / seconds["gromos_dist"]),
            difference,
        ]
        for (name, time), difference in zip((seconds | two).items(), differences, strict=True)
    ]
    header = ["program", "frames/s", "GB/s of file", "time / ours", "largest difference (nm)"]
    return table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    path = data.adk_dcd()
    size = path.stat().st_size / 1e9
    copies = -(-2 // size) if size < 2 else 1
    lines = [
        "# RMSD from a file",
        "",
        f"`python benchmarks/end_to_end.py` on {machine()}; gromos_dist {gd.__version__} "
        f"({gd.instruction_set.active()}), mdtraj {mdtraj.__version__}, "
        f"MDAnalysis {MDAnalysis.__version__}.",
        "",
        "Adenylate kinase, 3341 atoms, 20000 frames in a DCD of 0.8 GB in the page cache; best of "
        f"{arguments.rounds} rounds in turns. From opening the file to the numbers, including the "
        "graph. mdtraj computes in float32, MDAnalysis and we in double.",
        "",
        "## All atoms",
        "",
        *compared(path, arguments.rounds, None, None),
        "",
        "## Alpha carbons",
        "",
        *compared(path, arguments.rounds, "name CA", data.adk_alpha_carbons()),
        "",
        "## Memory",
        "",
        "Peak resident memory of the whole process, two threads, all atoms:",
        "",
        *table(
            ["size of the trajectory", "peak memory"],
            [
                [f"{size * n:.1f} GB", f"{peak_memory(path, n):.0f} MB"]
                for n in (1, int(copies), 5 * int(copies))
            ],
        ),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()

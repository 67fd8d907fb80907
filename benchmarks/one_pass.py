"""Five analyses of one XTC: each alone, all in one pass, and MDAnalysis running five times.

47681 atoms, files in the page cache, one core; all run in turns in this process, best of several
rounds. "Kernels" are the same analyses of frames in memory.

    python benchmarks/one_pass.py [--rounds 5] [--frames 300] [--output docs/benchmarks/one_pass.md]
"""

from __future__ import annotations

from common import best_of, machine, number, processor_time, table

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import data
import MDAnalysis
import numpy as np
import xarray as xr
from MDAnalysis.analysis.base import AnalysisFromFunction
from MDAnalysis.analysis.rms import RMSD
from MDAnalysisTests.datafiles import GRO

import gromos_dist as gd
from gromos_dist import instruction_set
from gromos_dist.distributed import scheduler
from gromos_dist.mapping import Reduction, Variable

Run = Callable[[], Any]

MEAN_POSITION = Reduction(
    partial=lambda block: (len(block), block.sum(axis=0, dtype=np.float64)),
    combine=lambda one, other: (one[0] + other[0], one[1] + other[1]),
    finalize=lambda state: state[1] / state[0],
    variables=Variable("mean_position", ("atom", "xyz"), "f", "nm", "mean position"),
)

# What is made of a Dataset, lazily; of one in memory, at once.
ANALYSES: dict[str, Callable[[xr.Dataset], xr.DataArray]] = {
    "RMSD of the backbone": lambda ds: gd.rmsd(ds, atoms="backbone"),
    "radius of gyration": gd.radius_of_gyration,
    "mean position": lambda ds: MEAN_POSITION(ds["positions"]),
    "gyration tensor": lambda ds: gd.radius_of_gyration(ds, tensor=True),
    "centre of mass": gd.center_of_mass,
}


def alone(path: Path, frames: int, analysis: Callable[[xr.Dataset], xr.DataArray]) -> Run:
    def run() -> Any:
        return gd.compute(analysis(opened(path, frames)), progress=False)

    return run


def together(path: Path, frames: int) -> Run:
    def run() -> Any:
        ds = opened(path, frames)
        return gd.compute(*(analysis(ds) for analysis in ANALYSES.values()), progress=False)

    return run


def opened(path: Path, frames: int) -> xr.Dataset:
    return gd.open_trajectory(path, GRO).isel(frame=slice(0, frames))


def five_runs(path: Path, frames: int) -> Run:
    """MDAnalysis, its own analyses where it has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(GRO, str(path))
    atoms = universe.atoms

    def run() -> list[Any]:
        mean = np.zeros((len(atoms), 3))

        def add() -> None:
            nonlocal mean
            mean += atoms.positions

        functions = [
            atoms.radius_of_gyration,
            add,
            atoms.moment_of_inertia,
            atoms.center_of_mass,
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rmsd = RMSD(universe, select="backbone").run(stop=frames).results.rmsd[:, 2] / 10
            others = [
                AnalysisFromFunction(function, universe.trajectory).run(stop=frames)
                for function in functions
            ]
        return [rmsd, *others]

    return run


def check(path: Path, frames: int) -> None:
    """Stop unless one pass has the bits of each alone, and MDAnalysis about the same RMSD."""
    joint = together(path, frames)()
    for (name, analysis), found in zip(ANALYSES.items(), joint, strict=True):
        if found.values.tobytes() != alone(path, frames, analysis)().values.tobytes():
            raise SystemExit(f"{name}: one pass gives other bits")
    np.testing.assert_allclose(five_runs(path, frames)()[0], joint[0], atol=1e-3)


def rows(seconds: Mapping[str, float], kernels: Mapping[str, float]) -> list[str]:
    dearest = max(ANALYSES, key=lambda name: seconds[name])
    others = sum(kernels[name] for name in ANALYSES if name != dearest)
    goal = 1.3 * seconds[dearest] + others
    lines = [[name, number(1e3 * seconds[name]), number(1e3 * kernels[name])] for name in ANALYSES]
    lines += [
        ["one after the other", number(1e3 * sum(seconds[name] for name in ANALYSES)), ""],
        ["**all in one pass**", number(1e3 * seconds["one pass"]), ""],
        ["goal: 1.3 x the dearest + the others' kernels", number(1e3 * goal), ""],
        ["MDAnalysis, five runs", number(1e3 * seconds["MDAnalysis"]), ""],
    ]
    return table(["", "ms", "kernel alone, ms"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--processor", action="store_true", help="processor time, not elapsed")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    path, frames = data.solvated_xtc(), arguments.frames
    runs = {name: alone(path, frames, analysis) for name, analysis in ANALYSES.items()}
    few = max(1, frames // 10)
    loaded = opened(path, frames).load()
    with scheduler("threads", 1):
        check(path, few)
        clock = {"clock": processor_time} if arguments.processor else {}
        seconds = best_of(
            runs | {"one pass": together(path, frames), "MDAnalysis": five_runs(path, few)},
            arguments.rounds,
            **clock,
        )
        kernels = best_of(
            {name: (lambda a=a: a(loaded)) for name, a in ANALYSES.items()},
            arguments.rounds,
            **clock,
        )
    seconds["MDAnalysis"] *= frames / few
    programs = f"gromos_dist {gd.__version__} ({instruction_set.active()})"
    text = "\n".join(
        [
            "# One pass",
            "",
            f"`python benchmarks/one_pass.py` on {machine()}: {programs}, MDAnalysis "
            f"{MDAnalysis.__version__}.",
            "",
            f"Five analyses of {frames} frames of 47681 atoms in an XTC, one core, "
            f"best of {arguments.rounds} rounds in turns. Kernels are called with frames in "
            "memory, and MDAnalysis runs a tenth of the frames.",
            "",
            *rows(seconds, kernels),
            "",
        ]
    )
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    sys.exit(main())

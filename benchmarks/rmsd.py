"""RMSD in memory: gd.rmsd and its kernel on every instruction set, mdtraj, NumKong, and reading.

All run in turns in this process, on one core unless two threads are named; best of several rounds.

    python benchmarks/rmsd.py [--rounds 15] [--output docs/benchmarks/rmsd.md]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import data
import mdtraj
import numkong
import numpy as np
import xarray as xr
from common import best_of, in_threads, machine, number, read_all, table
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist import __version__, instruction_set
from gromos_dist.kernels import prepare_reference, radius_of_gyration, rmsd, rmsd_matrix, superpose

Frames = NDArray[np.float32]
Runs = dict[str, Callable[[], Any]]


def trajectory(frames: Frames) -> mdtraj.Trajectory:
    topology = mdtraj.Topology()
    residue = topology.add_residue("ALL", topology.add_chain())
    for _ in range(frames.shape[1]):
        topology.add_atom("C", mdtraj.element.carbon, residue)
    return mdtraj.Trajectory(frames, topology)


def dataset(frames: Frames) -> xr.Dataset:
    masses = ("atom", np.linspace(1, 16, frames.shape[1]), {"units": "u"})
    positions = (("frame", "atom", "xyz"), frames, {"units": "nm"})
    return xr.Dataset({"positions": positions}, {"mass": masses})


def on_level(name: str, call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        before = instruction_set.active()
        instruction_set.select(name)
        result = call()
        instruction_set.select(before)
        return result

    return run


def best_fit_runs(frames: Frames, best: str) -> Runs:
    """Every program's best-fit RMSD of all frames to the first."""
    prepared, ds = prepare_reference(frames[0]), dataset(frames)
    runs: Runs = {}
    for name in reversed(instruction_set.available()):
        runs[f"gd.rmsd, {name}"] = on_level(name, lambda: gd.rmsd(ds))
        runs[f"its kernel, {name}"] = on_level(name, lambda: rmsd(frames, prepared))
    vectors = [name for name in reversed(instruction_set.available()) if name != "scalar"]
    for name in vectors or [best]:
        runs[f"gd.rmsd, {name}, masses"] = on_level(name, lambda: gd.rmsd(ds, mass_weighted=True))
    centered = trajectory(frames.copy())
    centered.center_coordinates()
    plain = trajectory(frames)
    runs["mdtraj, precentred"] = lambda: mdtraj.rmsd(
        centered, centered, parallel=False, precentered=True
    )
    runs["mdtraj"] = lambda: mdtraj.rmsd(plain, plain, parallel=False)
    # NumKong compares two arrays of the same shape. A reference that is repeated a few times and
    # stays in the cache serves it best.
    few = max(1, int(2e6 / frames[0].nbytes))
    repeated = np.repeat(frames[:1], few, axis=0)

    def kabsch() -> None:
        for i in range(0, len(frames), few):
            block = frames[i : i + few]
            numkong.kabsch(block, repeated[: len(block)])

    runs["NumKong kabsch"] = kabsch
    return runs


def other_runs(frames: Frames) -> Runs:
    """What else our kernels do with a block of frames."""
    n_atoms = frames.shape[1]
    half = np.arange(n_atoms // 2)
    every_second = np.arange(0, n_atoms, 2)
    prepared = prepare_reference(frames[0])
    as_it_stands = prepare_reference(frames[0], fit=False)
    listed = prepare_reference(frames[0], atoms=every_second)
    two_sets = prepare_reference(frames[0], fit_atoms=half, atoms=np.arange(n_atoms // 2, n_atoms))
    few = max(1, int(2e6 / frames[0].nbytes))
    repeated = np.repeat(frames[:1], few, axis=0)

    def numkong_rmsd() -> None:
        for i in range(0, len(frames), few):
            block = frames[i : i + few]
            numkong.rmsd(block, repeated[: len(block)])

    return {
        "rmsd without a fit": lambda: rmsd(frames, as_it_stands),
        "NumKong rmsd (without a fit)": numkong_rmsd,
        "rmsd, every second atom": lambda: rmsd(frames, listed),
        "rmsd, fit on one half, measure the other": lambda: rmsd(frames, two_sets),
        "superpose": lambda: superpose(frames, prepared),
        "radius_of_gyration": lambda: radius_of_gyration(frames),
    }


def singular_values(frame: Frames, reference: Frames) -> float:
    """Best-fit RMSD of one frame in double by NumPy (Kabsch)."""
    x = frame.astype(np.float64) - frame.mean(axis=0, dtype=np.float64)
    r = reference.astype(np.float64) - reference.mean(axis=0, dtype=np.float64)
    u, _, vt = np.linalg.svd(r.T @ x)
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return float(np.sqrt(((x @ rotation.T - r) ** 2).sum() / len(x)))


def check(frames: Frames) -> str:
    """Return how far each program's values are from singular values in double."""
    few = frames[:50]
    exact = np.array([singular_values(frame, few[0]) for frame in few])
    centered = trajectory(few.copy())
    centered.center_coordinates()
    found = {
        "gromos_dist": rmsd(few, few[0]),
        "mdtraj precentred": mdtraj.rmsd(centered, centered, parallel=False, precentered=True),
        "mdtraj": mdtraj.rmsd(trajectory(few), trajectory(few), parallel=False),
        "NumKong": np.asarray(numkong.kabsch(few, np.repeat(few[:1], len(few), axis=0)).rmsd),
    }
    errors = (f"{name} {np.abs(values - exact).max():.0e}" for name, values in found.items())
    return "Largest error, nm, against NumPy's SVD in double: " + ", ".join(errors) + "."


def in_memory(title: str, frames: Frames, rounds: int, best: str) -> list[str]:
    runs = {"reading (dot product with itself)": read_all(frames)}
    runs |= best_fit_runs(frames, best)
    first = best_of(runs, rounds)
    del runs
    second = best_of(other_runs(frames), rounds)
    bandwidth = first["reading (dot product with itself)"]
    ours = first[f"gd.rmsd, {best}"]

    def row(name: str, seconds: float) -> list[str]:
        return [
            name,
            number(len(frames) / seconds),
            number(frames.nbytes / seconds / 1e9),
            f"{100 * bandwidth / seconds:.0f} %",
            number(seconds / ours),
        ]

    header = ["", "frames/s", "GB/s", "of reading", "time / ours"]
    return [
        f"## {title}",
        "",
        *table(header, [row(*item) for item in first.items()]),
        "",
        check(frames),
        "",
        "The other kernels on the same frames:",
        "",
        *table(header, [row(*item) for item in second.items()]),
        "",
    ]


def two_threads(frames: Frames, rounds: int) -> list[str]:
    """Halves of a block in two threads: in the shared cache, in memory, and all against all."""
    prepared = prepare_reference(frames[0])

    def halves(call: Callable[[Frames], Any], block: Frames) -> list[Callable[[], Any]]:
        middle = len(block) // 2
        return [lambda part=part: call(part) for part in (block[:middle], block[middle:])]

    few = frames[:120].copy()
    cases: list[tuple[str, Callable[[Frames], Any], Frames]] = [
        ("rmsd, 600 frames (in the cache)", lambda part: rmsd(part, prepared), frames[:600]),
        ("rmsd, 3000 frames", lambda part: rmsd(part, prepared), frames[:3000]),
        ("reading 3000 frames", lambda part: read_all(part)(), frames[:3000]),
        ("rmsd_matrix, 120 x 120 frames", lambda part: rmsd_matrix(part, few), few.copy()),
    ]
    rows = []
    for name, call, block in cases:
        seconds = best_of(
            {
                "one": lambda call=call, block=block: call(block),
                "two": in_threads(halves(call, block)),
            },
            10 * rounds,
            n_cores=2,
        )
        one, two = seconds["one"], seconds["two"]
        rows.append([name, number(1e3 * one), number(1e3 * two), number(one / two)])
    header = ["", "one thread, ms", "two threads, ms", "faster"]
    return ["## Two threads, half of the frames each", "", *table(header, rows), ""]


def pairs(title: str, frames: Frames, rounds: int, best: str) -> list[str]:
    n = len(frames)
    ds, copy = dataset(frames), dataset(frames.copy())
    centered = trajectory(frames.copy())
    centered.center_coordinates()

    def mdtraj_matrix() -> None:
        for i in range(n):
            mdtraj.rmsd(centered, centered, i, parallel=False, precentered=True)

    runs: Runs = {
        f"gd.rmsd_matrix, {name}": on_level(name, lambda: gd.rmsd_matrix(ds, copy))
        for name in reversed(instruction_set.available())
    }
    runs[f"gd.rmsd_matrix, {best}, frames with themselves"] = lambda: gd.rmsd_matrix(ds)
    runs["mdtraj, precentred, frame by frame"] = mdtraj_matrix
    seconds = best_of(runs, rounds)
    ours = seconds[f"gd.rmsd_matrix, {best}"]
    rows = [
        [name, number(n * n / taken / 1e6), number(taken / ours)] for name, taken in seconds.items()
    ]
    return [f"## {title}", "", *table(["", "million pairs/s", "time / ours"], rows), ""]


def small_calls(frames: Frames, rounds: int) -> list[str]:
    prepared = prepare_reference(frames[0, :10])
    tiny = np.ascontiguousarray(frames[:1, :10])
    calls = 1000

    def many() -> None:
        for _ in range(calls):
            rmsd(tiny, prepared)

    seconds = best_of({"a call": many}, rounds)["a call"] / calls
    return [f"A call of `rmsd` for one frame of 10 atoms takes {1e6 * seconds:.1f} µs.", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--frames", type=int, default=20000, help="of adk; a tenth of them of pairs"
    )
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rounds, best = arguments.rounds, instruction_set.active()
    programs = f"gromos_dist {__version__} ({best}), mdtraj {mdtraj.__version__}"
    programs += f", NumKong {version('numkong')}, NumPy {np.__version__}"
    lines = [
        "# RMSD in memory",
        "",
        f"`python benchmarks/rmsd.py` on {machine()}: {programs}.",
        "",
        f"One core unless two threads are named; best of {rounds} rounds in turns. GB/s of float32",
        "coordinates. The machine was shared: compare within a table only. gromos_dist and NumKong",
        "sum in double, mdtraj in float32.",
        "",
    ]
    adk = data.adk(arguments.frames)
    alpha = np.ascontiguousarray(adk[: arguments.frames // 10, data.adk_alpha_carbons()])
    lines += in_memory(f"Best fit, adk: 3341 atoms x {len(adk)} frames", adk, rounds, best)
    lines += two_threads(adk, rounds)
    lines += pairs(
        f"All against all, 214 atoms x {len(alpha)} frames", alpha, rounds // 3 + 1, best
    )
    few = adk[: arguments.frames // 50].copy()
    lines += pairs(f"All against all, 3341 atoms x {len(few)} frames", few, rounds // 3 + 1, best)
    lines += small_calls(adk, rounds)
    del adk, alpha, few
    solvated = data.solvated(max(20, arguments.frames // 40))
    title = f"Best fit, solvated: 47681 atoms x {len(solvated)} frames"
    lines += in_memory(title, solvated, rounds, best)
    text = "\n".join(lines)
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    sys.exit(main())

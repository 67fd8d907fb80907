"""Forces of stored frames: our kernels, gmx mdrun -rerun, OpenMM's CPU platform, MD++'s numbers.

All run in turns, on one core unless two threads are named; best of several rounds. On one core
processor time is measured, on two that of the clock.

    python benchmarks/forces.py [--rounds 9] [--output docs/benchmarks/forces.md]
"""

from __future__ import annotations

from common import best_of, in_threads, machine, number, processor_time, table

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import force_peers as peers
import force_systems as systems
import numpy as np
from data import CACHE
from force_peers import Method
from force_systems import System
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist import instruction_set
from gromos_dist._core import lib
from gromos_dist.forces.model import ForceModel
from gromos_dist.forces.settings import Precision
from gromos_dist.kernels import ReactionField, nonbonded, nonbonded_plain, prepare_nonbonded
from gromos_dist.forces.nonbonded_parameters import nonbonded_parameters

Floats = NDArray[np.float64]
Runs = dict[str, Callable[[], Any]]

REACTION_FIELDS = (Method("reaction field", 1.4, 61.0), Method("reaction field", 0.9, 62.0))
EWALD = Method("PME", 0.9, 0.0)
BOXES = ((1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4), (5, 5, 5), (7, 7, 7))


def on_level(name: str, call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        before = instruction_set.active()
        instruction_set.select(name)
        result = call()
        instruction_set.select(before)
        return result

    return run


def root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def water_of(method: Method) -> System:
    return systems.water(method.cutoff, method.epsilon_rf or 1.0)


def our_runs(water: System) -> Runs:
    """Every way in which our kernels compute the same frames; the first is what others are to."""
    atoms = water.replace(cutoff_kind="atom")
    kinds: dict[str, Callable[[Any, Any], Any]] = {
        "gromos_dist, mixed": water.nonbonded(),
        "gromos_dist, mixed, with virial": water.nonbonded(virial=True),
        "gromos_dist, mixed, forces alone": water.nonbonded(energies=False),
        "gromos_dist, double": water.nonbonded(precision="double"),
        "gromos_dist, mixed, cutoff between atoms": atoms.nonbonded(),
    }
    runs: Runs = {
        name: lambda call=call: call(water.positions, water.box) for name, call in kinds.items()
    }
    mixed = runs["gromos_dist, mixed"]
    for level in instruction_set.available():
        if level != instruction_set.active():
            runs[f"gromos_dist, mixed, {level}"] = on_level(level, mixed)
    return runs


def our_ewald_runs(water: System) -> Runs:
    """Our particle-mesh Ewald: pairs and mesh, as `gromos_dist.forces` puts them together."""
    atoms = water.replace(use_pme=True, cutoff_kind="atom")
    groups = atoms.replace(cutoff_kind="charge group")
    as_mixed = atoms.replace(pme_spacing=0.12, pme_order=4)
    kinds: dict[str, tuple[System, Precision]] = {
        "gromos_dist, mixed": (atoms, "mixed"),
        "gromos_dist, double": (atoms, "double"),
        "gromos_dist, double, the mesh of mixed": (as_mixed, "double"),
        "gromos_dist, mixed, cutoff between charge groups": (groups, "mixed"),
        "gromos_dist, double, cutoff between charge groups": (groups, "double"),
    }
    models = {
        name: ForceModel(system.topology, dataclasses.replace(system.settings, precision=precision))
        for name, (system, precision) in kinds.items()
    }
    return {
        name: lambda model=model: model(water.positions, water.box, wanted=("forces", "energy"))
        for name, model in models.items()
    }


def against_others(method: Method, rounds: int, n_frames: int) -> list[str]:
    """Frames a second of all programs with one cutoff."""
    # gmx has a start-up of its own: it is timed with few frames and with all.
    few = n_frames // 10
    water = water_of(method).longer(n_frames)
    runs = our_runs(water) if method.epsilon_rf else our_ewald_runs(water)
    taken = dict.fromkeys(runs, n_frames)
    if peers.has_gmx():
        folder = peers.prepare_gmx(method, water)
        long, short = folder / "long.trr", folder / "short.trr"
        peers.write_frames(long, water)
        peers.write_frames(
            short,
            dataclasses.replace(water, positions=water.positions[:few], box=water.box[:few]),
        )
        runs["gmx"] = peers.gmx_rerun(folder, long)
        runs["gmx, few"] = peers.gmx_rerun(folder, short)
    context = peers.openmm_context(method, water)
    runs["OpenMM, CPU platform"] = lambda: [
        peers.openmm_forces(context, frame) for frame in water.positions[:few]
    ]
    taken["OpenMM, CPU platform"] = few
    seconds = best_of(runs, rounds, clock=processor_time)
    if peers.has_gmx():
        seconds["gmx mdrun -rerun"] = seconds.pop("gmx") - seconds.pop("gmx, few")
        taken["gmx mdrun -rerun"] = n_frames - few
    rates = {name: taken[name] / time for name, time in seconds.items()}
    ours = rates["gromos_dist, mixed"]
    rows = [[name, number(rate), number(ours / rate)] for name, rate in rates.items()]
    lines = [
        f"### {method.name[0].upper() + method.name[1:]}, {method.cutoff} nm",
        "",
        *table(["", "frames/s", "time / ours"], rows),
        "",
    ]
    return lines + agreement(method)


def agreement(method: Method) -> list[str]:
    """How far forces are from those of the other programs, with cutoffs between atoms."""
    water = water_of(method).longer(3).replace(cutoff_kind="atom")
    theirs = {}
    if peers.has_gmx():
        theirs["gmx"] = peers.gmx_forces(method, water)
    for platform in ("CPU", "Reference"):
        context = peers.openmm_context(method, water, platform)
        theirs[f"OpenMM's {platform} platform"] = np.array(
            [peers.openmm_forces(context, frame) for frame in water.positions]
        )
    parts = []
    for name, forces in theirs.items():
        # In OpenMM excluded pairs do not feel the reaction field.
        own = water.replace(
            use_pme=not method.epsilon_rf,
            reaction_field_excluded=name == "gmx" or not method.epsilon_rf,
            bonds=False,
            angles=False,
            precision="double",
        )
        model = ForceModel(own.topology, own.settings)
        ours = model(water.positions, water.box, wanted=["forces"])["forces"]
        error = root_mean_square(ours - forces) / root_mean_square(ours)
        # A mesh is as exact as each program's own defaults make it.
        if not error < (1e-4 if method.epsilon_rf else 5e-3):
            raise AssertionError(f"{name}, {method}: forces differ by {error}")
        parts.append(f"{name} {error:.0e}")
    return [
        "Relative root-mean-square difference of forces from ours in double, cutoff between atoms: "
        + ", ".join(parts)
        + ".",
        "",
    ]


def pairs_in_reach(system: System) -> int:
    """Count the pairs of atoms of a frame that the cutoff leaves, excluded ones not among them."""
    parameters = nonbonded_parameters(system.topology, system.settings)
    parameters |= {
        "coulomb": 1.0,
        "charge": np.ones_like(parameters["charge"]),
        "solvent_charge": np.ones_like(parameters["solvent_charge"]),
        "excluded_reaction_field": False,
        "energy_group": None,
    }

    def coulomb(energy_term: float) -> float:
        field = prepare_nonbonded(**parameters, field=ReactionField(0.0, energy_term))
        energies = nonbonded(
            system.positions[:1], system.box[:1], field, forces=False, precision="double"
        ).energies
        return float(energies[0, 1, 0, 0])

    return round(coulomb(-1.0) - coulomb(0.0))


def proteins(rounds: int, n_frames: int) -> list[str]:
    """Phospholipase A2 in water with all its terms."""
    pla2 = systems.rerun("pla2", "pla2_rf").longer(n_frames, noise=0.001)
    atoms = systems.rerun("pla2", "pla2_atomic").longer(n_frames, noise=0.001)
    cases: dict[str, tuple[System, Callable[[Any, Any], Any]]] = {
        "all terms, mixed": (pla2, pla2.total()),
        "all terms, mixed, with virial": (pla2, pla2.total(virial=True)),
        "all terms, double": (pla2, pla2.total(precision="double")),
        "bonded terms alone": (pla2, pla2.bonded()),
        "all terms, mixed, cutoff 1.2 nm between atoms": (atoms, atoms.total()),
    }
    pairs = {id(pla2): pairs_in_reach(pla2), id(atoms): pairs_in_reach(atoms)}
    runs: Runs = {
        name: lambda call=call, system=system: call(system.positions, system.box)
        for name, (system, call) in cases.items()
    }
    taken = dict.fromkeys(runs, n_frames)
    topology = systems.reference() / "systems" / "pla2.top"
    trajectory = CACHE / f"pla2_{5 * n_frames}.trr"
    peers.write_frames(trajectory, systems.rerun("pla2", "pla2_rf").longer(5 * n_frames, 0.001))
    # From opening the file to the arrays; so many frames make up for reading the topology.
    for function in (gd.forces, gd.energies):
        name = f"gd.{function.__name__} of a TRR, Dask, one thread"
        taken[name] = 5 * n_frames
        runs[name] = lambda function=function: function(
            gd.open_trajectory(trajectory, topology), settings=pla2.settings, virial="molecular"
        ).compute(scheduler="threads", num_workers=1)
    seconds = best_of(runs, rounds, clock=processor_time)
    rows = []
    for name, time in seconds.items():
        rate = taken[name] / time
        in_reach = pairs[id(cases[name][0])] if name.startswith("all") else 0
        rows.append(
            [
                name,
                number(rate),
                number(1e3 / rate),
                number(in_reach * rate / 1e9) if in_reach else "",
            ]
        )
    header = ["", "frames/s", "ms a frame", "billion pairs in reach/s"]
    return [
        "## Phospholipase A2 in water, 21901 atoms, cutoff 1.4 nm",
        "",
        *table(header, rows),
        "",
        "Three energy groups; `gd.forces` gives forces, energies and the molecular virial, "
        "`gd.energies`",
        "all but the forces. MD++'s own rerun of these frames, in double, does 3.4 frames/s on a",
        "machine of this kind (measured once, not in this run).",
        "",
    ]


def two_threads(rounds: int, n_frames: int) -> list[str]:
    rows = []
    for name, system in (
        ("water, 3000 atoms", water_of(REACTION_FIELDS[0]).longer(10 * n_frames)),
        ("phospholipase A2", systems.rerun("pla2", "pla2_rf").longer(n_frames, noise=0.001)),
    ):
        call = system.total()
        half = len(system.positions) // 2
        parts = [
            lambda part=part, system=system, call=call: call(
                system.positions[part], system.box[part]
            )
            for part in (slice(0, half), slice(half, 2 * half))
        ]
        runs = {"one": lambda parts=parts: [part() for part in parts], "two": in_threads(parts)}
        clock = best_of(runs, 2 * rounds, n_cores=2)
        used = best_of(runs, 2 * rounds, n_cores=2, clock=processor_time)
        rates = [2 * half / clock[name] for name in runs]
        rows.append(
            [
                name,
                *map(number, rates),
                f"{rates[1] / rates[0]:.2f}",
                f"{2 * used['one'] / used['two']:.2f}",
            ]
        )
    header = [
        "all terms, mixed; frames/s by the clock",
        "one thread",
        "two threads",
        "faster by the clock",
        "by processor time",
    ]
    return [
        "## Two threads, half of the frames each",
        "",
        *table(header, rows),
        "",
        "Last column: twice the processor time of one thread by that of both, how much faster two",
        "are where nobody else wants the cores.",
        "",
    ]


def growth(rounds: int, plot: Path | None) -> list[str]:
    """Cost by the number of atoms."""
    rows, sizes, times = [], [], []
    for copies in BOXES:
        field, positions, box = systems.much_water(copies, 1.4, 61.0)
        n_atoms = positions.shape[1]
        runs = {"": lambda: nonbonded(positions, box, field)}  # noqa: B023
        seconds = best_of(
            runs, max(3, rounds if n_atoms < 1e5 else rounds // 2), clock=processor_time
        )[""]
        space = lib.gd_nonbonded_size(field.struct, lib.GD_MIXED)
        sizes.append(n_atoms)
        times.append(seconds)
        rows.append(
            [
                f"{n_atoms:,}",
                number(1e3 * seconds),
                number(n_atoms / seconds / 1e6),
                number(space / 2**20),
                number(space / n_atoms),
            ]
        )
    lines = [
        "## Growth with the number of atoms",
        "",
        "SPC, reaction field, 1.4 nm, forces and energies, mixed.",
        "",
        *table(
            ["atoms", "ms a frame", "million atoms/s", "working space, MiB", "bytes an atom"], rows
        ),
        "",
    ]
    if plot:
        draw_growth(plot, np.array(sizes), np.array(times))
        lines += [
            "```{image} images/forces_growth.png",
            ":alt: time of a frame against the number of atoms, a straight line of slope one",
            "```",
            "",
        ]
    return lines


def draw_growth(path: Path, sizes: NDArray[np.int64], seconds: Floats) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    middle = np.exp(np.mean(np.log(seconds / sizes)))
    axes.loglog(sizes, 1e3 * middle * sizes, color="0.7", label="proportional to the atoms")
    axes.loglog(sizes, 1e3 * seconds, "o", label="measured")
    axes.set_xlabel("atoms of SPC water")
    axes.set_ylabel("ms a frame, one core")
    axes.legend(frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def accuracy() -> list[str]:
    """Mixed precision against double, and double against MD++."""
    rows, against_mdpp = [], []
    cases = {
        "pla2_rf": "pla2",
        "pla2_atomic": "pla2",
        "w1000": "w1000",
        "w1000_long": "w1000",
        "ch4_999spc": "ch4_999spc",
    }
    for settings, name in cases.items():
        system = systems.rerun(name, settings)
        field = system.field()
        exact = nonbonded_plain(system.positions, system.box, field)
        forces = system.total(precision="double")(system.positions, system.box)
        reference = systems.computed_by_mdpp(settings)
        against_mdpp.append(f"{settings} {np.abs(forces - reference).max():.0e}")
        for level in reversed(instruction_set.available()):
            compute = on_level(level, lambda: nonbonded(system.positions, system.box, field))  # noqa: B023
            mixed = compute()
            error = mixed.forces - exact.forces
            energies, all_pairs = (
                np.triu(part.energies).sum(axis=(2, 3)) for part in (mixed, exact)
            )
            rows.append(
                [
                    settings,
                    level,
                    f"{root_mean_square(error) / root_mean_square(exact.forces):.1e}",
                    f"{np.abs(error).max() / np.abs(exact.forces).max():.1e}",
                    f"{np.abs(energies / all_pairs - 1).max():.1e}",
                ]
            )
    header = [
        "case",
        "instructions",
        "forces, relative root mean square",
        "largest error / largest force",
        "energies, relative",
    ]
    return [
        "## Accuracy",
        "",
        "Non-bonded terms in `mixed` against `double` by all pairs:",
        "",
        *table(header, rows),
        "",
        "Largest difference of the total forces in `double` from MD++'s, which have 9 decimals,",
        f"kJ mol⁻¹ nm⁻¹: {', '.join(against_mdpp)}.",
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=200, help="of water; a tenth of the protein")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rounds, n_frames = arguments.rounds, arguments.frames
    try:
        systems.reference()
    except FileNotFoundError as error:
        print(f"benchmarks/forces.py has nothing to measure: {error}")
        return
    import openmm

    programs = [
        f"gromos_dist {gd.__version__} ({instruction_set.active()})",
        f"OpenMM {openmm.__version__}",
    ]
    if peers.has_gmx():
        programs.insert(1, f"gmx {peers.gmx_version()}")
    lines = [
        "# Forces of stored frames",
        "",
        f"`python benchmarks/forces.py` on {machine()}: {', '.join(programs)}.",
        "",
        "One core, processor time, unless two threads are named; best of "
        f"{rounds} rounds in turns.",
        "The machine was shared: compare within a table only. Ours are kernels with positions in",
        "memory; they search for pairs in every frame, as gmx does. gmx reads a TRR and computes",
        "the virial, too; its start-up is taken off. The others cut off between atoms; we do with",
        "PME, and with a reaction field, as GROMOS does, between charge groups, unless a row says",
        "otherwise.",
        "" if peers.has_gmx() else "\ngmx was not found and is left out.\n",
        "## Water, 3000 atoms in a box of 3.1 nm",
        "",
    ]
    for method in (*REACTION_FIELDS, EWALD):
        lines += against_others(method, rounds, n_frames)
    lines += proteins(rounds, n_frames // 10)
    lines += two_threads(rounds, n_frames // 10)
    plot = arguments.output.parent / "images" / "forces_growth.png" if arguments.output else None
    lines += growth(rounds, plot)
    lines += accuracy()
    text = "\n".join(lines)
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()

"""What the benchmark of forces compares with: gmx mdrun -rerun and OpenMM's CPU platform.

Both get 1000 SPC molecules of `force_systems.water`, with the same parameters.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from data import CACHE
from force_systems import SPC_C6, SPC_C12, SPC_CHARGE, System
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.io.writer import open_writer

Floats = NDArray[np.float64]


class Method(NamedTuple):
    """How electrostatics are cut off."""

    name: str
    cutoff: float
    epsilon_rf: float
    """Of the reaction field; 0: particle-mesh Ewald."""


# GROMACS -------------------------------------------------------------------------------------

_SETTINGS = """\
integrator = md
nsteps = 1
nstlist = 1
cutoff-scheme = Verlet
verlet-buffer-tolerance = -1
rlist = {cutoff}
coulombtype = {coulomb}
rcoulomb = {cutoff}
epsilon-rf = {epsilon_rf}
coulomb-modifier = None
rvdw = {cutoff}
vdw-modifier = None
fourierspacing = 0.12
pme-order = 4
ewald-rtol = 1e-5
nstxout = 0
nstvout = 0
nstfout = {every}
nstenergy = 1
nstlog = 0
"""

_TOPOLOGY = """\
[ defaults ]
1 1 no 1.0 1.0
[ atomtypes ]
OW 8 15.9994 0.0 A {c6:.9e} {c12:.9e}
HW 1 1.008 0.0 A 0.0 0.0
[ moleculetype ]
SOL 2
[ atoms ]
1 OW 1 SOL OW 1 {charge[0]} 15.9994
2 HW 1 SOL HW1 1 {charge[1]} 1.008
3 HW 1 SOL HW2 1 {charge[2]} 1.008
[ settles ]
1 1 0.1 0.16330
[ exclusions ]
1 2 3
2 1 3
3 1 2
[ system ]
water
[ molecules ]
SOL {n_molecules}
"""


def has_gmx() -> bool:
    return shutil.which("gmx") is not None


def gmx_version() -> str:
    """Return version and SIMD instructions of gmx."""
    text = subprocess.run(["gmx", "--version"], check=True, capture_output=True, text=True).stdout
    found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return f"{found['GROMACS version'].strip()} ({found['SIMD instructions'].strip()})"


def _gmx(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["gmx", *arguments], cwd=folder, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"gmx {' '.join(arguments)} in {folder}: {done.stderr[-2000:]}")


def _write_start(path: Path, system: System) -> None:
    """Write the first frame as .gro."""
    lines = ["water", str(system.n_atoms)]
    for i, xyz in enumerate(system.positions[0]):
        name = ("OW", "HW1", "HW2")[i % 3]
        numbers = "".join(f"{x:8.3f}" for x in xyz)
        lines.append(f"{(i // 3 + 1) % 100000:5d}SOL  {name:>5}{(i + 1) % 100000:5d}{numbers}")
    lines.append("".join(f"{length:10.5f}" for length in np.diag(system.box[0])))
    path.write_text("\n".join(lines) + "\n")


def write_frames(path: Path, system: System) -> None:
    """Write all frames of a system in the format of the suffix."""
    steps = np.arange(len(system.positions))
    with open_writer(path, overwrite=True) as writer:
        writer.write(
            {
                "positions": system.positions,
                "box": system.box,
                "step": steps,
                "time": steps * 2.0,
            }
        )


def prepare_gmx(method: Method, system: System, *, forces: bool = False) -> Path:
    """Write the input of a run; return the folder, which holds ``run.tpr``."""
    folder = CACHE / f"gmx_{method.name}_{method.cutoff}{'_forces' if forces else ''}".replace(
        " ", "_"
    )
    folder.mkdir(parents=True, exist_ok=True)
    coulomb = "Reaction-Field" if method.epsilon_rf else "PME"
    (folder / "run.mdp").write_text(
        _SETTINGS.format(
            cutoff=method.cutoff,
            coulomb=coulomb,
            epsilon_rf=method.epsilon_rf,
            every=1 if forces else 0,
        )
    )
    (folder / "run.top").write_text(
        _TOPOLOGY.format(c6=SPC_C6, c12=SPC_C12, charge=SPC_CHARGE, n_molecules=system.n_atoms // 3)
    )
    _write_start(folder / "start.gro", system)
    files = "-f run.mdp -p run.top -c start.gro -o run.tpr -po full.mdp -maxwarn 5"
    _gmx(folder, "grompp", *files.split())
    return folder


def gmx_rerun(folder: Path, trajectory: Path) -> Callable[[], Any]:
    """Return a run over all frames of a trajectory; pairs are searched for in every frame."""
    command = f"mdrun -s run.tpr -rerun {trajectory} -ntmpi 1 -ntomp 1 -pin off -deffnm out"
    return lambda: _gmx(folder, *command.split())


def gmx_forces(method: Method, system: System) -> Floats:
    """Return gmx's forces in all frames."""
    folder = prepare_gmx(method, system, forces=True)
    write_frames(folder / "frames.trr", system)
    gmx_rerun(folder, folder / "frames.trr")()
    with gd.open_trajectory(folder / "out.trr") as frames:
        return frames.forces.values.astype(np.float64)


# OpenMM --------------------------------------------------------------------------------------


def openmm_context(method: Method, system: System, platform: str = "CPU") -> Any:
    """Return a context of OpenMM with one thread."""
    import openmm
    from openmm import unit

    made = openmm.System()
    force = openmm.NonbondedForce()
    sigma = (SPC_C12 / SPC_C6) ** (1 / 6)
    depth = SPC_C6**2 / (4 * SPC_C12)
    for first in range(0, system.n_atoms, 3):
        for site, charge in enumerate(SPC_CHARGE):
            made.addParticle(1.008 if site else 15.9994)
            force.addParticle(charge, 1.0 if site else sigma, 0.0 if site else depth)
        for i, j in ((0, 1), (0, 2), (1, 2)):
            force.addException(first + i, first + j, 0.0, 1.0, 0.0)
    force.setNonbondedMethod(force.CutoffPeriodic if method.epsilon_rf else force.PME)
    force.setReactionFieldDielectric(method.epsilon_rf or 1.0)
    force.setEwaldErrorTolerance(5e-4)
    force.setCutoffDistance(method.cutoff * unit.nanometer)
    force.setUseDispersionCorrection(False)
    made.addForce(force)
    made.setDefaultPeriodicBoxVectors(*(openmm.Vec3(*row) for row in system.box[0].tolist()))
    options = {"Threads": "1"} if platform == "CPU" else {}
    return openmm.Context(
        made,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName(platform),
        options,
    )


def openmm_forces(context: Any, positions: NDArray[Any]) -> Floats:
    """Return the forces of one frame; the energy is computed as well."""
    context.setPositions(positions)
    state = context.getState(getForces=True, getEnergy=True)
    state.getPotentialEnergy()
    return np.asarray(state.getForces(asNumpy=True)._value)

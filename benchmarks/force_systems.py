"""Systems of the benchmarks of forces: those that MD++ re-evaluated, and water in any number."""

from __future__ import annotations

import dataclasses
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.kernels import (
    NonbondedField,
    bonded,
    nonbonded,
    prepare_nonbonded,
    reaction_field,
)
from gromos_dist.forces.bonded_terms import bonded_terms
from gromos_dist.forces.groups import energy_groups
from gromos_dist.forces.imd import load_imd
from gromos_dist.forces.settings import ForceSettings
from gromos_dist.forces.nonbonded_parameters import nonbonded_parameters
from gromos_dist.topology import Topology, load_topology

Frames = NDArray[Any]


def reference() -> Path:
    """Return the folder of what MD++ computed; GROMOS_DIST_REFERENCE can name it."""
    named = os.environ.get("GROMOS_DIST_REFERENCE")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "reference"
    if not (folder / "rerun").is_dir():
        raise FileNotFoundError(
            f"no reference data in {folder}: name their folder in GROMOS_DIST_REFERENCE"
        )
    return folder / "rerun"


@dataclasses.dataclass(frozen=True)
class System:
    """Frames, and what is needed to compute their forces."""

    topology: Topology
    settings: ForceSettings
    positions: Frames
    """(frames, atoms, 3), nm"""
    box: NDArray[np.float64]
    """(frames, 3, 3), nm"""

    @property
    def n_atoms(self) -> int:
        return int(self.positions.shape[1])

    def replace(self, **settings: Any) -> System:
        """Return the same frames with other settings."""
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, **settings))

    def longer(self, n_frames: int, noise: float = 0.002, seed: int = 1) -> System:
        """Return the frames over and over in float32, every atom displaced a little (nm)."""
        rng = np.random.default_rng(seed)
        chosen = np.arange(n_frames) % len(self.positions)
        positions = np.empty((n_frames, self.n_atoms, 3), np.float32)
        for i, frame in enumerate(chosen):
            positions[i] = rng.standard_normal(positions[i].shape, np.float32)
            positions[i] = positions[i] * np.float32(noise) + self.positions[frame]
        return dataclasses.replace(self, positions=positions, box=self.box[chosen])

    def field(self) -> NonbondedField:
        """Return what the non-bonded kernels take."""
        settings = self.settings
        constants = reaction_field(
            settings.reaction_field_radius,
            settings.epsilon_rf,
            kappa=settings.kappa,
        )
        return prepare_nonbonded(**nonbonded_parameters(self.topology, settings), field=constants)

    def nonbonded(self, **wanted: Any) -> Callable[[Frames, Frames], Any]:
        """Return a function of positions and boxes that computes non-bonded terms."""
        field = self.field()
        return lambda positions, box: nonbonded(positions, box, field, **wanted)

    def bonded(self) -> Callable[..., Any]:
        """Return a function of positions and boxes that computes bonded terms."""
        assert self.topology.force_field is not None
        terms = bonded_terms(self.topology.force_field, self.settings)
        group, n_groups = energy_groups(self.settings, self.n_atoms)
        return lambda positions, box, **more: bonded(
            positions, box, terms, energy_group=group, n_energy_groups=n_groups, **more
        )

    def total(self, **wanted: Any) -> Callable[[Frames, Frames], NDArray[np.float64]]:
        """Return a function of positions and boxes that gives the forces of all terms."""
        non_bonded, bonded_too = self.nonbonded(**wanted), self.bonded()

        def compute(positions: Frames, box: Frames) -> NDArray[np.float64]:
            forces: NDArray[np.float64] = non_bonded(positions, box).forces
            bonded_too(positions, box, add_to=forces)
            return forces

        return compute


def rerun(system: str, settings: str, dtype: type = np.float64) -> System:
    """Return a system that MD++ re-evaluated, with the settings of one of its runs."""
    folder = reference()
    with gd.open_trajectory(folder / "systems" / f"{system}.trc.gz", dtype=dtype) as frames:
        positions, box = frames.positions.values, frames.box.values
    topology = load_topology(folder / "systems" / f"{system}.top")
    return System(
        topology.with_n_atoms(positions.shape[1]),
        load_imd(folder / settings / f"{settings}.imd"),
        positions,
        box,
    )


def computed_by_mdpp(settings: str) -> NDArray[np.float64]:
    """Return the forces of all frames of one of MD++'s runs, with all their digits."""
    with gzip.open(reference() / settings / f"{settings}.trf.gz", "rt") as file:
        blocks = file.read().split("FREEFORCERED\n")[1:]
    frames = [block.partition("END")[0].splitlines() for block in blocks]
    return np.array([np.loadtxt(frame, comments="#") for frame in frames])


def water(cutoff: float, epsilon: float, **settings: Any) -> System:
    """Return 1000 SPC molecules, one energy group, in a box of 3.1 nm: ten frames."""
    return rerun("w1000", "w1000").replace(
        cutoff=cutoff,
        cutoff_short=cutoff,
        reaction_field_radius=cutoff,
        epsilon_rf=epsilon,
        energy_group_end=(),
        **settings,
    )


SPC_CHARGE = (-0.82, 0.41, 0.41)
SPC_C6, SPC_C12 = 2.617346e-3, 2.634129e-6


def much_water(
    copies: tuple[int, int, int], cutoff: float, epsilon: float
) -> tuple[NonbondedField, Frames, NDArray[np.float64]]:
    """Return SPC as solvent, and a frame of `water` repeated along the box vectors, with its box.

    All atoms are displaced a little, so that no two boxes are the same.
    """
    small = water(cutoff, epsilon)
    box = small.box[0]
    shifts = np.stack(np.meshgrid(*map(np.arange, copies), indexing="ij"), axis=-1).reshape(-1, 3)
    positions = (small.positions[0][None] + (shifts @ box)[:, None]).reshape(-1, 3)
    positions += np.random.default_rng(1).standard_normal(positions.shape) * 0.002
    field = prepare_nonbonded(
        charge=[],
        lj_type=[],
        c6=[[SPC_C6, 0.0], [0.0, 0.0]],
        c12=[[SPC_C12, 0.0], [0.0, 0.0]],
        solvent_charge=SPC_CHARGE,
        solvent_lj_type=[0, 1, 1],
        n_solvent_molecules=len(positions) // 3,
        cutoff=cutoff,
        field=reaction_field(cutoff, epsilon),
    )
    return field, positions[None].astype(np.float32), (box * np.array(copies)[:, None])[None]

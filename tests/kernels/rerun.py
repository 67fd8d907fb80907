"""The reference cases that MD++ re-evaluated: systems, settings, and what it computed."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plain_gromos
from numpy.typing import NDArray

from gromos_dist.kernels import NonbondedField, PairList, prepare_nonbonded, reaction_field
from gromos_dist.topology.gromos import read_names, read_solute_atoms
from gromos_dist.topology.gromos_blocks import read_blocks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """What of a topology the non-bonded forces need."""

    arrays: dict[str, Any]
    masses: Floats
    molecule_end: NDArray[np.int64]
    """Pressure groups."""

    def field(self, **settings: Any) -> NonbondedField:
        return prepare_nonbonded(**self.arrays, **settings)


@dataclass(frozen=True)
class Computed:
    """MD++'s results."""

    forces: Floats
    lennard_jones: Floats
    """(frames, pairs of energy groups)"""
    reaction_field: Floats
    covalent: Floats
    virial: Floats | None


def read_system(path: Path, n_atoms: int) -> System:
    blocks = read_blocks(path)
    solute = read_solute_atoms(blocks["SOLUTEATOM"], len(read_names(blocks["RESNAME"])))
    n_solute = len(solute.name)
    lines = [line for _, line in blocks["LJPARAMETERS"].lines[1:]]
    rows = np.array([line.split() for line in lines], dtype=float)
    n_types = int(rows[:, 1].max())
    i, j = rows[:, 0].astype(int) - 1, rows[:, 1].astype(int) - 1
    names = ("c12", "c6", "cs12", "cs6")
    arrays: dict[str, Any] = {name: np.zeros((n_types, n_types)) for name in names}
    for column, name in enumerate(names, start=2):
        arrays[name][i, j] = arrays[name][j, i] = rows[:, column]
    text = [line for _, line in blocks["SOLVENTATOM"].lines]
    template = [line.split() for line in text[1:]]
    n_sites = len(template)
    n_molecules = (n_atoms - n_solute) // n_sites if n_sites else 0
    starts = np.flatnonzero(np.diff(solute.charge_group, prepend=0))
    arrays |= {
        "charge": solute.charge,
        "lj_type": solute.type_code - 1,
        "charge_group_first": np.append(starts, n_solute),
        "exclusions": by_lower_atom(solute.exclusions, n_solute),
        "one_four": by_lower_atom(solute.one_four, n_solute),
        "solvent_charge": [float(words[4]) for words in template],
        "solvent_lj_type": [int(words[2]) - 1 for words in template],
        "n_solvent_molecules": n_molecules,
    }
    pressure = [line.split() for _, line in blocks["PRESSUREGROUPS"].lines]
    ends = np.array([int(word) for words in pressure for word in words][1:], dtype=np.int64)
    ends = np.concatenate([ends, n_solute + n_sites * np.arange(1, n_molecules + 1)])
    masses = np.concatenate(
        [solute.mass, np.tile([float(words[3]) for words in template], n_molecules)]
    )
    return System(arrays, masses, ends[ends > 0])


def by_lower_atom(pairs: NDArray[np.int64], n_atoms: int) -> PairList:
    ordered = np.unique(np.asarray(pairs, dtype=np.int64).reshape(-1, 2), axis=0)
    counts = np.bincount(ordered[:, 0], minlength=n_atoms)
    return PairList(np.concatenate([[0], np.cumsum(counts)]), ordered[:, 1])


CASES: dict[str, dict[str, Any]] = {
    "ch4_999spc": {"cutoff": 1.4, "epsilon": 61.0, "groups": [1, 2998]},
    "ch4_999spc_atomic_virial": {"cutoff": 1.4, "epsilon": 61.0, "groups": [1, 2998]},
    "w1000": {"cutoff": 0.9, "epsilon": 62.0, "groups": [3000]},
    "w1000_long": {"cutoff": 1.4, "epsilon": 61.0, "groups": [1500, 3000]},
    "pla2_rf": {"cutoff": 1.4, "epsilon": 61.0, "groups": [1190, 1210, 21901]},
    "pla2_atomic": {
        "cutoff": 1.2,
        "epsilon": 78.5,
        "groups": [1190, 1210, 21901],
        "atomic_cutoff": True,
    },
}


def system_of(case: str) -> str:
    return (
        case.removesuffix("_long")
        .removesuffix("_atomic_virial")
        .partition("_rf")[0]
        .partition("_atomic")[0]
    )


def open_case(reference: Path, case: str) -> tuple[System, NonbondedField, Floats, Floats]:
    """Return the system, the settings, and positions and boxes of its frames."""
    folder = reference / "rerun" / "systems"
    name = system_of(case)
    frames = plain_gromos.frames(folder / f"{name}.trc.gz")
    positions = np.array([frame["positions"] for frame in frames])
    boxes = np.array([np.diag(frame["box"][1]) for frame in frames])
    system = read_system(folder / f"{name}.top", positions.shape[1])
    settings = CASES[case]
    field = system.field(
        cutoff=settings["cutoff"],
        field=reaction_field(settings["cutoff"], settings["epsilon"]),
        energy_group=np.searchsorted(settings["groups"], np.arange(positions.shape[1]), "right"),
        atomic_cutoff=settings.get("atomic_cutoff", False),
    )
    return system, field, positions, boxes


def read_computed(reference: Path, case: str, n_groups: int) -> Computed:
    folder = reference / "rerun" / case
    forces: list[Floats] = []
    path = folder / f"{case}.trf.gz"
    if path.exists():
        forces = [
            np.array([line.split() for line in block], dtype=float)
            for block in _blocks(path, "FREEFORCERED")
        ]
    tre = folder / f"{case}.tre.gz"
    lennard_jones, electric, covalent = [], [], []
    n_pairs = n_groups * (n_groups + 1) // 2
    for block in _blocks(tre, "ENERGY03", comments=True):
        start = block.index("# nonbonded") + 1
        rows = np.array([line.split() for line in block[start : start + n_pairs]], dtype=float)
        lennard_jones.append(rows[:, 0])
        electric.append(rows[:, 1])
        covalent.append(float(block[4]))
    virial = [
        np.array([line.split() for line in block[-6:-3]], dtype=float)
        for block in _blocks(tre, "VOLUMEPRESSURE03")
    ]
    return Computed(
        np.array(forces),
        np.array(lennard_jones),
        np.array(electric),
        np.array(covalent),
        np.array(virial) if virial and np.any(virial) else None,
    )


def _blocks(path: Path, name: str, comments: bool = False) -> list[list[str]]:
    found: list[list[str]] = []
    inside = False
    with gzip.open(path, "rt") as text:
        for raw in text:
            line = raw.strip()
            if line == name:
                inside = True
                found.append([])
            elif line == "END":
                inside = False
            elif inside and (comments or not line.startswith("#")):
                found[-1].append(line)
    return found

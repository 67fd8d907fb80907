"""Non-bonded interactions in plain NumPy: every pair of atoms, every image."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.kernels import PairList, ReactionField

Floats = NDArray[np.float64]


class Computed(NamedTuple):
    forces: Floats
    energies: Floats
    virial: Floats
    nearest_to_cutoff: float
    """Smallest difference of a distance from the cutoff (nm), to name pairs that may flip."""


def nearest(d: Floats, box: Floats | None) -> Floats:
    """The shortest of many images; for rectangular boxes the nearest along each axis."""
    if box is None:
        return d
    if not np.any(box - np.diag(np.diag(box))):
        lengths = np.diag(box)
        result: Floats = d - lengths * np.rint(d / lengths)
        return result
    d = d - np.rint(d @ np.linalg.inv(box)) @ box
    steps = np.array(list(itertools.product(range(-3, 4), repeat=3))) @ box
    images = d[..., None, :] + steps
    best = np.argmin((images**2).sum(-1), axis=-1)
    chosen: Floats = np.take_along_axis(images, best[..., None, None], axis=-2)[..., 0, :]
    return chosen


def _set_of(pairs: PairList | None) -> set[tuple[int, int]]:
    if pairs is None:
        return set()
    first, partner = np.asarray(pairs.first), np.asarray(pairs.partner)
    owner = np.repeat(np.arange(len(first) - 1), np.diff(first))
    return set(zip(owner.tolist(), partner.tolist(), strict=True))


def compute(  # noqa: PLR0912, PLR0915
    x: Floats, box: Floats | None, arguments: dict[str, Any]
) -> Computed:
    """The interactions of one frame; `arguments` are those of `prepare_nonbonded`."""
    given = {"n_solvent_molecules": 0, "solvent_charge": [], "solvent_lj_type": []} | arguments
    field: ReactionField = given["field"]
    coulomb = given.get("coulomb", 138.9354)
    n_solute, n_sites = len(given["charge"]), len(given["solvent_charge"])
    n_molecules = given["n_solvent_molecules"]
    charge = np.concatenate([given["charge"], np.tile(given["solvent_charge"], n_molecules)])
    types = np.concatenate([given["lj_type"], np.tile(given["solvent_lj_type"], n_molecules)])
    types = types.astype(int)
    n = len(charge)
    groups_first = np.asarray(given.get("charge_group_first", np.arange(n_solute + 1)))
    group = np.repeat(np.arange(len(groups_first) - 1), np.diff(groups_first))
    molecule = np.repeat(np.arange(n_molecules), n_sites)
    group = np.concatenate([group, len(groups_first) - 1 + molecule])
    points = np.empty((group.max() + 1, 3))
    for number in range(len(points)):
        atoms = np.flatnonzero(group == number)
        arms = nearest(x[atoms] - x[atoms[0]], box)
        center = arms.mean(axis=0) if number < len(groups_first) - 1 else 0.0
        points[number] = x[atoms[0]] + center
    if given.get("atomic_cutoff"):
        group, points = np.arange(n), x
    ends = np.asarray(given.get("energy_group_end") or [n])
    energy_group = np.searchsorted(ends, np.arange(n), side="right")

    excluded = _set_of(given.get("exclusions"))
    third = _set_of(given.get("one_four"))
    own = {
        tuple(pair): (c6, c12)
        for pair, c6, c12 in zip(
            np.asarray(given.get("lj_exception_pairs", ())).reshape(-1, 2).tolist(),
            given.get("lj_exception_c6", ()),
            given.get("lj_exception_c12", ()),
            strict=True,
        )
    }
    excluded -= set(own)
    inside = {
        (n_solute + n_sites * m + s, n_solute + n_sites * m + t)
        for m in range(n_molecules)
        for s in range(n_sites)
        for t in range(s + 1, n_sites)
    }
    forces, virial = np.zeros((n, 3)), np.zeros((3, 3))
    energies = np.zeros((2, len(ends), len(ends)))
    closest = np.inf
    with_field = given.get("excluded_reaction_field", True)

    def add(i: int, j: int, lennard_jones: float, electric: float, force: Floats) -> None:
        a, b = sorted((energy_group[i], energy_group[j]))
        energies[:, a, b] += lennard_jones, electric
        forces[i] += force
        forces[j] -= force

    for i, j in itertools.combinations(range(n), 2):
        d = nearest(x[i] - x[j], box)
        square = d @ d
        charges = coulomb * charge[i] * charge[j]
        if (i, j) in excluded or (i, j) in inside:
            if with_field:
                force = charges * field.force_term * d if (i, j) in excluded else 0 * d
                virial += np.outer(d, force)
                beyond = 0.5 * field.force_term * square + field.energy_term
                add(i, j, 0.0, -charges * beyond, force)
            continue
        if (i, j) in own:
            c6, c12 = own[i, j]
        elif (i, j) in third:
            c6, c12 = given["cs6"][types[i], types[j]], given["cs12"][types[i], types[j]]
        else:
            between = np.linalg.norm(nearest(points[group[i]] - points[group[j]], box))
            if group[i] != group[j]:
                closest = min(closest, abs(between - given["cutoff"]))
            if between > given["cutoff"]:
                continue
            c6 = np.asarray(given["c6"])[types[i], types[j]]
            c12 = np.asarray(given["c12"])[types[i], types[j]]
        r = np.sqrt(square)
        force = (12 * c12 / r**14 - 6 * c6 / r**8 + charges * (1 / r**3 + field.force_term)) * d
        virial += np.outer(d, force)
        beyond = 0.5 * field.force_term * square + field.energy_term
        add(i, j, c12 / r**12 - c6 / r**6, charges * (1 / r - beyond), force)
    if with_field:
        for i in range(n):
            own_energy = -0.5 * coulomb * charge[i] ** 2 * field.energy_term
            energies[1, energy_group[i], energy_group[i]] += own_energy
    lower = np.tril_indices(len(ends), -1)
    for kind in energies:
        kind[lower] = kind.T[lower]
    return Computed(forces, energies, -0.5 * virial, closest)

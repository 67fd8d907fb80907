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
    group_forces: Floats
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


def compute(  # noqa: PLR0915
    x: Floats, box: Floats | None, arguments: dict[str, Any], listed: Floats | None = None
) -> Computed:
    """The interactions of one frame; `arguments` are those of `prepare_nonbonded`.

    `listed`: positions in which pairs within the cutoff are looked for; None: `x`.
    """
    then = x if listed is None else listed
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
        arms = nearest(then[atoms] - then[atoms[0]], box)
        center = arms.mean(axis=0) if number < len(groups_first) - 1 else 0.0
        points[number] = then[atoms[0]] + center
    if given.get("atomic_cutoff"):
        group, points = np.arange(n), then
    energy_group = np.asarray(given.get("energy_group", np.zeros(n, int)))
    n_groups = energy_group.max() + 1
    interacting = np.asarray(given.get("interacting", np.ones((n_groups, n_groups), bool)))

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
    i, j = np.triu_indices(n, 1)
    acts = interacting[energy_group[i], energy_group[j]]
    is_excluded, is_inside = _marked(excluded, n)[i, j], _marked(inside, n)[i, j]
    is_special = _marked(third | set(own), n)[i, j]
    between = np.linalg.norm(nearest(points[group[i]] - points[group[j]], box), axis=1)
    listed = ~(is_excluded | is_inside | is_special)
    across = listed & (group[i] != group[j])
    closest = np.abs(between[across] - given["cutoff"]).min(initial=np.inf)

    c6, c12 = (np.asarray(given[name], dtype=float)[types[i], types[j]] for name in ("c6", "c12"))
    for name, values in (("cs6", c6), ("cs12", c12)):
        if third:
            values[is_special] = given[name][types[i], types[j]][is_special]
    for pair, coefficients in own.items():
        here = (i == pair[0]) & (j == pair[1])
        c6[here], c12[here] = coefficients
    full = is_special | (listed & (between <= given["cutoff"]))
    with_field = given.get("excluded_reaction_field", True)
    only_field = (is_excluded | is_inside) & with_field
    full, only_field = full & acts, only_field & acts
    d = nearest(x[i] - x[j], box)
    r = np.linalg.norm(d, axis=1)
    charges = coulomb * charge[i] * charge[j]
    beyond = charges * (0.5 * field.force_term * r**2 + field.energy_term)
    force = np.where(
        full,
        12 * c12 / r**14 - 6 * c6 / r**8 + charges * (1 / r**3 + field.force_term),
        # Rigid molecules have no forces of their own.
        np.where(only_field & is_excluded, charges * field.force_term, 0.0),
    )
    pull = force[:, None] * d
    forces = np.zeros((n, 3))
    np.add.at(forces, i, pull)
    np.add.at(forces, j, -pull)
    energies = np.zeros((2, n_groups, n_groups))
    pairs = tuple(np.sort([energy_group[i], energy_group[j]], axis=0))
    group_forces = np.zeros((n_groups, n_groups, 3))
    np.add.at(group_forces, (energy_group[i], energy_group[j]), pull)
    np.add.at(group_forces, (energy_group[j], energy_group[i]), -pull)
    group_forces[np.arange(n_groups), np.arange(n_groups)] = 0.0
    np.add.at(energies[0], pairs, np.where(full, c12 / r**12 - c6 / r**6, 0.0))
    electric = np.where(full, charges / r - beyond, np.where(only_field, -beyond, 0.0))
    np.add.at(energies[1], pairs, electric)
    if with_field:
        own_energy = -0.5 * coulomb * charge**2 * field.energy_term
        own_energy *= interacting[energy_group, energy_group]
        np.add.at(energies[1], (energy_group, energy_group), own_energy)
    # Only the upper triangle is filled so far.
    energies += np.triu(energies, 1).swapaxes(1, 2)
    return Computed(forces, energies, -0.5 * d.T @ pull, group_forces, closest)


def _marked(pairs: set[tuple[int, int]], n: int) -> NDArray[np.bool_]:
    marked = np.zeros((n, n), dtype=bool)
    if pairs:
        marked[tuple(np.array(sorted(pairs)).T)] = True
    return marked

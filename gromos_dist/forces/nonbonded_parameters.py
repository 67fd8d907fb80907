"""The non-bonded parameters of a topology in the form that the kernels take."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.forces.groups import energy_groups
from gromos_dist.forces.settings import ForceSettings
from gromos_dist.topology.topology import Topology


class PairList(NamedTuple):
    """Pairs of atoms stored for the lower atom of each, as in `ForceField`."""

    first: NDArray[np.int64]
    partner: NDArray[np.int32]


def nonbonded_parameters(topology: Topology, settings: ForceSettings) -> dict[str, Any]:
    """Return the arguments of `gromos_dist.kernels.prepare_nonbonded`, all but ``field``.

    Without electrostatics (FORCE, or NONBONDED) all charges are 0; without Lennard-Jones
    interactions (FORCE) all coefficients.

    Parameters
    ----------
    topology : Topology
        One with a force field and as many solvent molecules as the trajectory has.
    settings : ForceSettings
        How forces are computed; with nothing open (`ForceSettings.completed`).

    Raises
    ------
    TopologyError
        The topology has no force field.
    ValueError
        The settings are for another number of solvent molecules or of atoms, or without a solute
        where there is one.

    Examples
    --------
    >>> from gromos_dist.kernels import prepare_nonbonded, reaction_field
    >>> from gromos_dist.forces.imd import load_imd
    >>> from gromos_dist.forces.nonbonded_parameters import nonbonded_parameters
    >>> from gromos_dist.topology import load_topology
    >>> topology = load_topology("tests/data/butane.top").solvate(1000)
    >>> settings = load_imd("tests/data/water.imd")
    >>> field = reaction_field(
    ...     settings.reaction_field_radius,
    ...     settings.epsilon_rf,
    ...     kappa=settings.kappa,
    ... )
    >>> prepare_nonbonded(**nonbonded_parameters(topology, settings), field=field).n_atoms
    3004
    """
    force_field = topology.force_field
    if force_field is None:
        raise TopologyError(
            "the topology has no force field: forces need a GROMOS topology with LJPARAMETERS"
        )
    n_solute = topology.n_solute_atoms
    if n_solute and not settings.with_solute:
        raise ValueError(
            f"the settings are without solute (SYSTEM, NPM 0), but the topology has {n_solute} "
            "solute atoms"
        )
    if settings.n_solvent_molecules not in (None, topology.n_solvent_molecules):
        raise ValueError(
            f"the settings are for {settings.n_solvent_molecules} solvent molecules (SYSTEM), the "
            f"topology has {topology.n_solvent_molecules}"
        )
    group, _ = energy_groups(settings, topology.n_atoms)
    has_charges = settings.electrostatics
    has_dispersion = settings.lennard_jones
    solvent_charge = np.empty(0) if topology.solvent is None else topology.solvent.charge
    matrices = {name: getattr(force_field, name) for name in ("c6", "c12", "cs6", "cs12")}
    exceptions = {name: getattr(force_field, f"lj_exception_{name}") for name in ("c6", "c12")}
    return {
        "charge": topology.charge[:n_solute] * has_charges,
        "lj_type": force_field.lj_type,
        **{name: matrix * has_dispersion for name, matrix in matrices.items()},
        "cutoff": settings.cutoff,
        "coulomb": force_field.constants.coulomb,
        "charge_group_first": force_field.charge_group_first,
        "exclusions": PairList(force_field.exclusion_first, force_field.exclusion_partner),
        "one_four": PairList(force_field.one_four_first, force_field.one_four_partner),
        "lj_exception_pairs": force_field.lj_exception_pairs,
        **{f"lj_exception_{name}": c * has_dispersion for name, c in exceptions.items()},
        "solvent_charge": solvent_charge * has_charges,
        "solvent_lj_type": force_field.solvent_lj_type,
        "n_solvent_molecules": topology.n_solvent_molecules,
        "energy_group": group,
        "atomic_cutoff": settings.cutoff_kind == "atom",
        "excluded_reaction_field": settings.reaction_field_excluded,
    }

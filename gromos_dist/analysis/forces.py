"""Forces and energies of the GROMOS force field for every frame."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.system import positions_of
from gromos_dist.force_model import (
    BONDED_TERMS,
    EPSILON_RF,
    PRESSURES,
    QUANTITIES,
    ForceModel,
    Groups,
    Precision,
    warn_of_mesh,
    with_mesh,
)
from gromos_dist.io.graphs import chosen_atoms, with_all_digits
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.mapping import Fields
from gromos_dist.selection import Selection, resolve
from gromos_dist.topology import ForceSettings, Topology, as_topology, load_imd
from gromos_dist.variables import VARIABLES

TopologyLike = Topology | str | os.PathLike[str] | None
SettingsLike = ForceSettings | str | os.PathLike[str] | None
GroupsLike = Mapping[str, Selection] | Sequence[Selection] | Literal["residue", "molecule"] | None

_ENERGIES: Final = ("energy", "energy_bonded", "energy_nonbonded")
_REST: Final = "rest"
_RESULTS: Final = tuple(VARIABLES[name] for name in QUANTITIES)


@analysis(*_RESULTS, view="energies", topic="Forces and energies")
def forces(
    ds: xr.Dataset,
    topology: TopologyLike = None,
    *,
    settings: SettingsLike = None,
    cutoff: float | None = None,
    epsilon_rf: float | None = None,
    reaction_field_radius: float | None = None,
    kappa: float | None = None,
    cutoff_kind: Literal["charge group", "atom"] | None = None,
    boundary: Literal["vacuum", "rectangular", "triclinic", "truncated octahedron"] | None = None,
    constrained_bonds: Literal["none", "hydrogen", "all"] | None = None,
    bond_form: Literal["quartic", "harmonic"] | None = None,
    angle_form: Literal["cosine", "harmonic"] | None = None,
    virial: Literal["atomic", "molecular", "none"] | None = None,
    use_pme: bool = False,
    pme_tolerance: float | None = None,
    pme_spacing: float | None = None,
    pme_order: int | None = None,
    groups: GroupsLike = None,
    between: tuple[str, str] | None = None,
    variables: Collection[str] | None = None,
    precision: Precision = "mixed",
) -> xr.Dataset:
    """Compute forces, energies and virial of every frame, from the GROMOS force field.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) of all atoms and, for a periodic system, ``box``
        (frame, box_vector, xyz), in nm; for pressures with ``velocities``, in nm ps-1.
    topology : Topology or path, optional
        A GROMOS topology; the one that the trajectory was opened with when None. The number of
        solvent molecules follows from the number of atoms.
    settings : ForceSettings or path, optional
        How forces are computed: an input file of GROMOS (``.imd``). What is given beside it takes
        the place of what it says.
    cutoff : float, optional
        In nm; needed without `settings`.
    epsilon_rf : float, optional
        Relative permittivity of the reaction field; infinity: a conductor. Without `settings`
        61, that of SPC water.
    reaction_field_radius : float, optional
        In nm; the cutoff when None.
    kappa : float, optional
        Inverse Debye length of the reaction field (nm-1); 0 without `settings`.
    cutoff_kind : {"charge group", "atom"}, optional
        What the cutoff holds between; charge groups without `settings`, and with `use_pme` always
        atoms, unless it is given.
    boundary : str, optional
        Shape of the box; "vacuum" to do without it. None: as the trajectory has it.
    constrained_bonds : {"none", "hydrogen", "all"}, optional
        Bonds of the solute that were constrained exert no force.
    bond_form, angle_form : str, optional
        "quartic" or "harmonic" bonds, "cosine" or "harmonic" angles; as in GROMOS, "quartic" and
        "cosine" without `settings`.
    virial : {"molecular", "atomic", "none"}, optional
        Which virial; "molecular", that of forces between the pressure groups, without `settings`.
        None is computed for a vacuum.
    use_pme : bool
        Electrostatics by particle-mesh Ewald [2]_ instead of a reaction field: those of an
        infinite lattice of boxes in a conductor. A net charge is neutralised by a uniform
        background. ``energy`` then has the terms ``lattice_sum_real`` (pairs within the cutoff;
        so ``energy_nonbonded``), ``lattice_sum_reciprocal`` (the rest) and their sum.
    pme_tolerance : float, optional
        What is left of a Coulomb interaction at the cutoff, which decides how the sum is split;
        1e-5 when None.
    pme_spacing : float, optional
        The most that points of the mesh are apart (nm); None: what makes the mesh as good as the
        tolerance makes the cutoff.
    pme_order : {4, 6, 8, 10, 12}, optional
        Of the mesh's splines; None: likewise.
    groups : mapping or sequence of selections, "residue" or "molecule", optional
        Energy groups: what `energy_nonbonded`, `energy_bonded` and `group_forces` are divided by.
        Names and selections (`gromos_dist.select`); the atoms that are left are the group "rest".
        "residue", "molecule": each of the solute, and "solvent". None: those of the settings, or
        one.
    between : pair of str, optional
        Names of two groups: only what acts between these, and no bonded terms. ``forces`` are then
        those on one group from the other.
    variables : collection of str, optional
        Which variables are wanted; None: all of the below that are possible but ``group_forces``.
        No others are computed.
    precision : {"mixed", "double"}
        Of the pair interactions and of the mesh of particle-mesh Ewald. "mixed": single precision,
        of positions relative to a point nearby, sums in double; relative error of the forces of a
        reaction field about 1e-6. With particle-mesh Ewald the error is that of `pme_tolerance` in
        either precision, in water about 3e-3, 4e-4, 5e-5, 5e-6 with 1e-3, 1e-4, 1e-5, 1e-6. All
        else is double.

    Returns
    -------
    Dataset
        Lazy if `ds` is:

        - ``forces`` (frame, atom, xyz), kJ mol-1 nm-1, float32 in "mixed" precision
        - ``energy`` (frame, term), kJ mol-1, with the names of `open_energies`
        - ``energy_bonded`` (frame, bonded_term, group), by the group of a term's first atom
        - ``energy_nonbonded`` (frame, nonbonded_term, group, other_group), symmetric
        - ``group_forces`` (frame, group, other_group, xyz), the non-bonded force on all atoms of
          one group from those of another
        - ``virial`` (frame, xyz, xyz_2), kJ mol-1: -1/2 of the sum of r f
        - ``pressure`` (frame,) and ``pressure_tensor``, kJ mol-1 nm-3: 2 (kinetic energy - virial)
          / volume. GROMOS' velocities are those of half a step before the positions.

    Raises
    ------
    ValueError
        There is no topology, no box or no cutoff, or arguments do not fit each other.
    TopologyError, SettingsError
        A file is damaged, the topology has no force field or another number of atoms, or the
        settings ask for what is not computed.
    FrameError
        When computed: a frame without box, with one that is too small for the cutoff, or with
        coordinates that are not finite.

    Warns
    -----
    UserWarning
        `pme_spacing`, `pme_order` or `precision` cannot reach `pme_tolerance`; the estimated error.

    Notes
    -----
    Lennard-Jones and Coulomb interactions with a reaction field [1]_ (or the first part of an
    Ewald sum), between atoms of charge
    groups within the cutoff: of centres of geometry in the solute, of first atoms in the solvent.
    Excluded pairs, and every atom with itself, have the reaction field's terms. Every frame has
    its own pair list, of all pairs within the longer cutoff: that a list of MD++ is for several
    steps (NSNB), and has a twin range (RCUTP), matters to a `Simulation` only. Constraints exert no
    forces here; MD++ writes theirs apart as well.

    References
    ----------
    .. [1] I. G. Tironi, R. Sperb, P. E. Smith and W. F. van Gunsteren, J. Chem. Phys. 102 (1995)
       5451.
    .. [2] U. Essmann et al., J. Chem. Phys. 103 (1995) 8577.

    GROMOS manual, volume 2.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_trajectory("tests/data/butane.trc", "tests/data/butane.top")
    >>> result = gd.forces(ds, cutoff=0.6, epsilon_rf=61.0)
    >>> result.forces.dims, result.forces.attrs["units"]
    (('frame', 'atom', 'xyz'), 'kJ mol-1 nm-1')
    >>> result.energy.sel(term="dihedral").values.round(3)
    array([0.011, 0.697, 0.256])
    """
    given = {
        "cutoff": cutoff,
        "reaction_field_epsilon": epsilon_rf,
        "reaction_field_radius": reaction_field_radius,
        "reaction_field_kappa": kappa,
        "cutoff_kind": cutoff_kind,
        "boundary": boundary,
        "constrained_bonds": constrained_bonds,
        "bond_form": bond_form,
        "angle_form": angle_form,
        "virial": virial,
        "particle_mesh_ewald": use_pme or None,
        "ewald_tolerance": pme_tolerance,
        "mesh_spacing": pme_spacing,
        "mesh_order": pme_order,
    }
    positions = positions_of(ds)
    whole = _topology_of(ds, topology).with_n_atoms(_number_of_atoms(positions))
    how = _settings_of(ds, settings, {name: v for name, v in given.items() if v is not None})
    how = replace(how, list_steps=1, cutoff_short=how.cutoff)
    warn_of_mesh(how, precision)
    how = with_mesh(how)
    division, names = _divide(groups, between, whole, how)
    wanted = _wanted(variables, ds, how)
    fields = ["positions"]
    fields += ["box"] if how.boundary != "vacuum" else []
    fields += ["velocities"] if set(wanted) & set(PRESSURES) else []
    for name in fields[1:]:
        require_in_all_frames(ds, name)
    dtypes: dict[str, DTypeLike] = dict.fromkeys(wanted, np.float64)
    if "forces" in wanted and precision == "mixed":
        dtypes["forces"] = np.float32
    model = ForceModel(whole, how, precision=precision, groups=division)
    return Fields(_compute, [VARIABLES[name] for name in wanted], dtypes)(
        # Text and XTC hold digits that float32 does not, and bonds are stiff enough to tell.
        *(with_all_digits(ds[name], "gd.forces") for name in fields),
        coords={
            "term": model.terms,
            "bonded_term": BONDED_TERMS,
            "nonbonded_term": model.nonbonded_terms,
            "group": names,
            "other_group": names,
            "xyz_2": ["x", "y", "z"],
        },
        model=model,
        fields=fields,
        wanted=wanted,
    )


@analysis(*_RESULTS, view="energies", topic="Forces and energies")
def energies(
    ds: xr.Dataset,
    topology: TopologyLike = None,
    *,
    virial: Literal["atomic", "molecular", "none"] = "none",
    **options: Any,
) -> xr.Dataset:
    """Compute energies of every frame, by term, group and pair of groups.

    Parameters
    ----------
    ds, topology
        As for `forces`.
    virial : {"none", "molecular", "atomic"}
        Whether the virial is wanted too, and with velocities the pressure: that needs the forces,
        and takes half as long again.
    **options
        Those of `forces`, but for `variables`.

    Returns
    -------
    Dataset
        That of `forces` without ``forces``.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_trajectory("tests/data/butane.trc", "tests/data/butane.top")
    >>> groups = {"butane": "resname BUT", "water": "resname SOLV"}
    >>> result = gd.energies(ds, cutoff=0.6, groups=groups)
    >>> result.energy_nonbonded.sel(group="butane", other_group="water").dims
    ('frame', 'nonbonded_term')
    """
    if "variables" in options:
        raise TypeError("energies() has no argument 'variables', forces() has")
    variables = [*_ENERGIES]
    if virial != "none":
        variables += ["virial", *(PRESSURES if {"velocities", "box"} <= set(ds) else ())]
    return forces(ds, topology, virial=virial, variables=variables, **options)


def _compute(
    *arrays: NDArray[Any], model: ForceModel, fields: Sequence[str], wanted: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    given: dict[str, Any] = dict(zip(fields, arrays, strict=True))
    return model(**given, wanted=wanted)


def _topology_of(ds: xr.Dataset, topology: TopologyLike) -> Topology:
    given = ds.attrs.get("topology") if topology is None else topology
    if given is None:
        raise ValueError(
            "forces need a topology: give one, or open the trajectory with the path of one"
        )
    return as_topology(given)


def _number_of_atoms(positions: xr.DataArray) -> int:
    n_atoms, chosen = chosen_atoms(positions.data) or (positions.sizes["atom"], None)
    if chosen is not None:
        raise ValueError(
            f"forces need all {n_atoms} atoms, but only "
            f"{positions.sizes['atom']} of them are read: open the trajectory without 'atoms', and "
            "select from the forces"
        )
    return int(positions.sizes["atom"])


def _settings_of(ds: xr.Dataset, settings: SettingsLike, given: dict[str, Any]) -> ForceSettings:
    if given.get("particle_mesh_ewald"):
        # The tolerance is that of every pair of atoms beyond the cutoff.
        given = {"cutoff_kind": "atom"} | given
    if settings is not None:
        own = settings if isinstance(settings, ForceSettings) else load_imd(Path(settings))
        return replace(own, **given)
    if "cutoff" not in given:
        raise ValueError("forces need a cutoff (nm), or settings: a file of GROMOS (.imd)")
    if not given["cutoff"] > 0:
        raise ValueError(f"cutoff: expected a length (nm) of more than 0, got {given['cutoff']}")
    boundary: Any = "vacuum"
    if "box" in ds:
        boundary = ds["box"].attrs.get("shape", "triclinic")
    boundary = given.get("boundary", boundary)
    defaults = {
        "boundary": boundary,
        "cutoff_short": given["cutoff"],
        "reaction_field_radius": given["cutoff"],
        "reaction_field_epsilon": EPSILON_RF,
        "virial": "none" if boundary == "vacuum" else "molecular",
    }
    return ForceSettings(**(defaults | given))


def _wanted(
    variables: Collection[str] | None, ds: xr.Dataset, settings: ForceSettings
) -> tuple[str, ...]:
    """Return which variables to compute, in the order of `QUANTITIES`."""
    periodic = settings.boundary != "vacuum"
    if periodic and "box" not in ds:
        raise ValueError(
            f"the boundary is {settings.boundary}, but the trajectory has no box; give "
            "boundary='vacuum' for a system without one"
        )
    if variables is None:
        chosen = {"forces", *_ENERGIES}
        if settings.virial != "none":
            chosen |= {"virial", *(PRESSURES if periodic and "velocities" in ds else ())}
        return tuple(name for name in QUANTITIES if name in chosen)
    unknown = sorted(set(variables) - set(QUANTITIES))
    if unknown or not variables:
        raise ValueError(
            f"variables: expected some of {', '.join(QUANTITIES)}, got {', '.join(unknown) or None}"
        )
    if settings.particle_mesh_ewald and "group_forces" in variables:
        raise ValueError("group_forces: the mesh of particle-mesh Ewald knows no groups")
    if settings.virial == "none" and set(variables) & {"virial", *PRESSURES}:
        raise ValueError("the virial is wanted, and virial='none': expected molecular or atomic")
    if set(variables) & set(PRESSURES) and not (periodic and "velocities" in ds):
        raise ValueError("the pressure needs a box and velocities, which this trajectory lacks")
    return tuple(name for name in QUANTITIES if name in set(variables))


def _divide(
    groups: GroupsLike,
    between: tuple[str, str] | None,
    topology: Topology,
    settings: ForceSettings,
) -> tuple[Groups, list[Any]]:
    """Return the group of every atom, and the names of the groups."""
    if groups is None:
        of_atom, n_groups = settings.energy_groups(topology.n_atoms)
        names: list[Any] = list(range(1, n_groups + 1))
    elif isinstance(groups, str):
        of_atom, names = _by_number(groups, topology)
    else:
        of_atom, names = _by_selections(groups, topology)
    if between is None:
        return Groups(of_atom), names
    if len(between) != 2 or not set(between) <= set(names):
        raise ValueError(
            f"between: expected two of the groups {', '.join(map(str, names))}, got {between}; "
            "name them with groups={'drug': 'resname DRG', ...}"
        )
    interacting = np.zeros((len(names), len(names)), dtype=bool)
    one, other = (names.index(name) for name in between)
    interacting[one, other] = interacting[other, one] = True
    return Groups(of_atom, interacting), names


def _by_number(kind: str, topology: Topology) -> tuple[NDArray[np.int32], list[str]]:
    """Divide the solute into its residues or molecules."""
    if kind not in ("residue", "molecule"):
        raise ValueError(
            f"groups: expected 'residue', 'molecule' or selections with names, got {kind!r}"
        )
    n_solute = topology.n_solute_atoms
    columns = [topology.molecule[:n_solute]]
    if kind == "residue":
        columns.append(topology.residue[:n_solute])
    changes = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    first = np.flatnonzero(np.concatenate([[True], changes]))[: n_solute and None]
    of_atom = np.full(topology.n_atoms, len(first), np.int32)
    of_atom[:n_solute] = np.searchsorted(first, np.arange(n_solute), side="right") - 1
    if kind == "residue":
        labels = [f"{topology.residue_name[i]}{topology.residue[i]}" for i in first]
        if len(set(labels)) < len(labels):
            labels = [
                f"{label}_{topology.molecule[i]}" for label, i in zip(labels, first, strict=True)
            ]
    else:
        labels = [f"molecule{topology.molecule[i]}" for i in first]
    return of_atom, labels + ["solvent"] * (topology.n_atoms > n_solute)


def _by_selections(
    groups: Mapping[str, Selection] | Sequence[Selection], topology: Topology
) -> tuple[NDArray[np.int32], list[str]]:
    named = (
        groups
        if isinstance(groups, Mapping)
        else {text if isinstance(text, str) else str(i + 1): text for i, text in enumerate(groups)}
    )
    of_atom = np.full(topology.n_atoms, -1, np.int32)
    for number, (name, selection) in enumerate(named.items()):
        chosen = resolve(selection, topology)
        taken = chosen[of_atom[chosen] >= 0]
        if len(taken):
            other = list(named)[of_atom[taken[0]]]
            raise ValueError(f"groups: atom {taken[0]} is in {other!r} and in {name!r}")
        of_atom[chosen] = number
    names = list(named)
    if (of_atom < 0).any():
        if _REST in names:
            raise ValueError(f"groups: {_REST!r} is the name of the atoms that are left over")
        of_atom[of_atom < 0] = len(names)
        names.append(_REST)
    return of_atom, names

"""Forces and energies of the GROMOS force field for every frame."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Unpack

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.system import positions_of
from gromos_dist.forces.bonded_terms import BONDED_TERMS
from gromos_dist.forces.describe import with_settings
from gromos_dist.forces.groups import GroupsLike, divide
from gromos_dist.forces.imd import load_imd
from gromos_dist.forces.model import PRESSURES, QUANTITIES, ForceModel, warn_of_mesh, with_mesh
from gromos_dist.forces.settings import ForceSettings, GivenSettings, named
from gromos_dist.io.graphs import chosen_atoms, with_all_digits
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.mapping import Fields
from gromos_dist.topology import Topology, as_topology
from gromos_dist.variables import VARIABLES

TopologyLike = Topology | str | os.PathLike[str] | None
SettingsLike = ForceSettings | str | os.PathLike[str] | None

_ENERGIES: Final = ("energy", "energy_bonded", "energy_nonbonded")
_RESULTS: Final = tuple(VARIABLES[name] for name in QUANTITIES)


@analysis(*_RESULTS, view="forces", topic="Forces and energies")
@with_settings("forces")
def forces(
    ds: xr.Dataset,
    topology: TopologyLike = None,
    *,
    settings: SettingsLike = None,
    groups: GroupsLike = None,
    between: tuple[str, str] | None = None,
    variables: Collection[str] | None = None,
    **given: Unpack[GivenSettings],
) -> xr.Dataset:
    """Compute forces, energies and virial of every frame, from the GROMOS force field.

    Bonded and non-bonded, with the number of solvent molecules that follows from that of atoms.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) of all atoms and, for a periodic system, ``box``
        (frame, box_vector, xyz), in nm; for pressures with ``velocities``, in nm ps-1.
    topology : Topology or path, optional
        A GROMOS topology; the one that the trajectory was opened with when None. The number of
        solvent molecules follows from the number of atoms.
    settings : ForceSettings or path, optional
        How forces are computed: an input file of GROMOS (``.imd``). What is given beside it, one by
        one as below, takes the place of what it says; the defaults hold without it.
    **given : see `gromos_dist.ForceSettings`
        Settings one by one.
    groups : mapping or sequence of selections, "residue" or "molecule", optional
        Energy groups: what `energy_nonbonded`, `energy_bonded` and `group_forces` are divided by.
        Names and selections (`gromos_dist.select`); the atoms that are left are the group "rest".
        "residue", "molecule": each of the solute, and "solvent". None: those of the settings, or
        one.
    between : pair of str, optional
        Names of two groups: only what acts between these, and no bonded terms. ``forces`` are then
        those on one group from the other.
    variables : collection of str, optional
        Which of forces, energy, energy_bonded, energy_nonbonded, group_forces, virial, pressure and
        pressure_tensor to compute; all that are possible but group_forces when None.

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
        There is no topology, no box or no cutoff, a setting makes no sense, or arguments do not fit
        each other.
    TopologyError, SettingsError
        A file is damaged, the topology has no force field or another number of atoms, or the
        settings ask for what is not computed.
    TypeError
        An argument that is no setting.
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
    Ewald sum), between atoms of charge groups, or atoms, within the cutoff. Every frame has its own
    pair list, of all pairs within the longer cutoff: that a list of MD++ is for several steps
    (NSNB), and has a twin range (RCUTP), matters to a `Simulation` only. Constraints exert no
    forces here; MD++ writes theirs apart as well.

    With particle-mesh Ewald [2]_ ``energy`` has the terms ``lattice_sum_real`` (pairs within the
    cutoff; so ``energy_nonbonded``), ``lattice_sum_reciprocal`` (the rest) and their sum. The error
    of the forces is then that of `pme_tolerance` in either precision: in water about 3e-3, 4e-4,
    5e-5, 5e-6, relative, with 1e-3, 1e-4, 1e-5, 1e-6.

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

    With the settings of the simulation, as a trajectory of forces of GROMOS::

        gromos-dist forces md.trc.gz -t md.top --imd md.imd --variables forces -o md.trf.gz

    Forces (kJ mol-1 nm-1), energies and virial (kJ mol-1) of a long run; if it is stopped, the same
    command goes on where it ended::

        gromos-dist forces 'md_*.trc.gz' -t md.top --imd md.imd -o forces.zarr

    The force of every residue on every other one::

        gromos-dist forces md.trc -t md.top -c 1.4 -g residue --variables group_forces -o pairs.nc
    """
    own = named(given, "forces", "forces")
    positions = positions_of(ds)
    whole = _topology_of(ds, topology).with_n_atoms(_number_of_atoms(positions))
    how = _settings_of(ds, settings, own)
    warn_of_mesh(how)
    how = with_mesh(how)
    division, names = divide(groups, between, whole, how)
    wanted = _wanted(variables, ds, how)
    fields = ["positions"]
    fields += ["box"] if how.boundary != "vacuum" else []
    fields += ["velocities"] if set(wanted) & set(PRESSURES) else []
    for name in fields[1:]:
        require_in_all_frames(ds, name)
    dtypes: dict[str, DTypeLike] = dict.fromkeys(wanted, np.float64)
    if "forces" in wanted and how.precision == "mixed":
        dtypes["forces"] = np.float32
    model = ForceModel(whole, how, groups=division)
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
@with_settings("forces")
def energies(
    ds: xr.Dataset,
    topology: TopologyLike = None,
    *,
    settings: SettingsLike = None,
    groups: GroupsLike = None,
    between: tuple[str, str] | None = None,
    **given: Unpack[GivenSettings],
) -> xr.Dataset:
    """Energies of every frame, by term, group and pair of groups: computed, or as they were read.

    The virial is computed when it is asked for, and with velocities the pressure: that needs the
    forces, and takes half as long again.

    Parameters
    ----------
    ds : Dataset
        As for `forces`; or energies that `open_energies` has read, which are what is given back.
    topology, settings
        As for `forces`.
    **given : see `gromos_dist.ForceSettings`
        Settings one by one.
    groups, between
        As for `forces`. Energies that were read have their groups; these are then their names, in
        order.

    Returns
    -------
    Dataset
        That of `forces` without ``forces``, or what was read.

    Raises
    ------
    ValueError, TopologyError, SettingsError, TypeError, FrameError
        As for `forces`, or settings for energies that were read.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_trajectory("tests/data/butane.trc", "tests/data/butane.top")
    >>> groups = {"butane": "resname BUT", "water": "resname SOLV"}
    >>> result = gd.energies(ds, cutoff=0.6, groups=groups)
    >>> result.energy_nonbonded.sel(group="butane", other_group="water").dims
    ('frame', 'nonbonded_term')

    Means, fluctuations and errors (kJ mol-1) of every term, computed with a cutoff in nm, and a
    picture of the terms over time::

        gromos-dist energies butane.trc -t butane.top --cutoff 0.6 --plot energies.png

    By pair of groups, of a ligand with its protein, with the settings of the simulation::

        gromos-dist energies md.trc -t md.top --imd md.imd -g 'drug=resname DRG' -g prot=protein

    What the simulation has written itself::

        gromos-dist energies md.tre.gz --plot read.png
    """
    if "positions" not in ds and {"energy", "energy_derivative"} & set(ds):
        others = {"topology": topology, "settings": settings, "between": between, **given}
        return _as_read(ds, groups, others)
    own = named(given, "energies", "forces")
    variables = [*_ENERGIES]
    if own.setdefault("virial", "none") != "none":
        variables += ["virial", *(PRESSURES if {"velocities", "box"} <= set(ds) else ())]
    return forces(
        ds,
        topology,
        settings=settings,
        groups=groups,
        between=between,
        variables=variables,
        **own,
    )


def _as_read(ds: xr.Dataset, groups: GroupsLike, others: dict[str, Any]) -> xr.Dataset:
    """Return energies that a simulation has written, with names for their groups."""
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise ValueError(
            f"{given[0]}: these energies were computed already, and are only read; leave it out, "
            "or give the trajectory of positions"
        )
    if groups is None:
        return ds
    names = list(groups)
    are_selections = isinstance(groups, Mapping) and any(key != groups[key] for key in groups)
    if isinstance(groups, str) or are_selections:
        raise ValueError(
            f"groups: an energy trajectory has its groups already; give a name for each, got "
            f"{groups!r}"
        )
    n_groups = ds.sizes.get("group", 0)
    if len(names) != n_groups:
        raise ValueError(f"groups: expected {n_groups} names, got {len(names)}: {names}")
    return ds.assign_coords(group=names, other_group=names)


def _compute(
    *arrays: NDArray[Any], model: ForceModel, fields: Sequence[str], wanted: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    given: dict[str, Any] = dict(zip(fields, arrays, strict=True))
    return model(**given, wanted=wanted)


def _topology_of(ds: xr.Dataset, topology: TopologyLike) -> Topology:
    given = ds.attrs.get("topology") if topology is None else topology
    if given is None:
        raise ValueError(
            "forces need a topology: give it as the argument 'topology', or open the trajectory "
            "with that of a file (a Dataset keeps its path, and no Topology made otherwise)"
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
    if settings is None:
        settings = ForceSettings()
    elif not isinstance(settings, ForceSettings):
        settings = load_imd(Path(settings))
    box_shape: Any = ds["box"].attrs.get("shape", "triclinic") if "box" in ds else "vacuum"
    how = settings.with_given(given).completed(box_shape)
    # Every frame has pairs of its own.
    return replace(how, list_steps=1, cutoff_short=how.cutoff)


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
    if settings.use_pme and "group_forces" in variables:
        raise ValueError("group_forces: the mesh of particle-mesh Ewald knows no groups")
    if settings.virial == "none" and set(variables) & {"virial", *PRESSURES}:
        raise ValueError("the virial is wanted, and virial='none': expected molecular or atomic")
    if set(variables) & set(PRESSURES) and not (periodic and "velocities" in ds):
        raise ValueError("the pressure needs a box and velocities, which this trajectory lacks")
    return tuple(name for name in QUANTITIES if name in set(variables))

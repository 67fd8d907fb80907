"""Forces, energies and virials of whole frames: topology, settings and kernels put together."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist import kernels
from gromos_dist.errors import FrameError, TopologyError
from gromos_dist.forces.bonded_terms import BONDED_TERMS, bonded_terms
from gromos_dist.forces.groups import Groups
from gromos_dist.forces.nonbonded_parameters import nonbonded_parameters
from gromos_dist.forces.settings import ForceSettings
from gromos_dist.kernels.boxes import octahedron_vectors, without_box
from gromos_dist.topology import Topology
from gromos_dist.topology.force_field import ForceField

Floats = NDArray[np.float64]

# By how much an estimate of the mesh's error may exceed that of the cutoff.
_ROOM = 1.1
# kJ mol-1 nm-1, root mean square, of water.
_ROUNDING_OF_MIXED = 8e-4

PRESSURES: Final = ("pressure", "pressure_tensor")
QUANTITIES: Final = (
    *("forces", "energy", "energy_bonded", "energy_nonbonded", "group_forces", "virial"),
    *PRESSURES,
)
"""What a model computes, by the names of the registry of variables."""


class ListedPairs(NamedTuple):
    """The pairs of one configuration, for the steps of a simulation that follow."""

    positions: Floats
    """Where the atoms were (nm), shape (1, atoms, 3)."""
    beyond: kernels.Nonbonded
    """Of the pairs between the two cutoffs; it stays as it is."""


def with_mesh(settings: ForceSettings) -> ForceSettings:
    """Return the settings with spacing and order of the mesh as their tolerance needs them.

    What the settings say of them already stays.
    """
    if not settings.use_pme or None not in (settings.pme_spacing, settings.pme_order):
        return settings
    mesh = _mesh_of(settings)
    return replace(settings, pme_spacing=mesh.spacing, pme_order=mesh.order)


def warn_of_mesh(settings: ForceSettings) -> None:
    """Warn of a mesh, or a precision, that cannot reach the tolerance of the settings.

    Warns
    -----
    UserWarning
        With the estimated error.
    """
    if not settings.use_pme:
        return
    mesh = _mesh_of(settings)
    asked = f"pme_tolerance {settings.pme_tolerance:g} allows {mesh.allowed:.2g}"
    if mesh.error > _ROOM * mesh.allowed:
        warnings.warn(
            f"particle-mesh Ewald: a mesh of spacing {mesh.spacing:g} nm and order {mesh.order} "
            f"leaves errors of forces of about {mesh.error:.2g} kJ mol-1 nm-1 (root mean square, "
            f"estimated for water), where {asked}; leave out pme_spacing and pme_order, or set a "
            "tolerance that they can reach",
            stacklevel=3,
        )
    elif settings.precision == "mixed" and mesh.allowed < _ROUNDING_OF_MIXED:
        warnings.warn(
            "particle-mesh Ewald: rounding in mixed precision makes errors of forces of about "
            f"{_ROUNDING_OF_MIXED:.2g} kJ mol-1 nm-1 (root mean square, in water), where {asked}; "
            "take precision='double'",
            stacklevel=3,
        )


def _mesh_of(settings: ForceSettings) -> kernels.Mesh:
    assert settings.cutoff is not None
    alpha = kernels.ewald_splitting(settings.cutoff, settings.pme_tolerance).alpha
    return kernels.choose_mesh(
        alpha, settings.cutoff, spacing=settings.pme_spacing, order=settings.pme_order
    )


class ForceModel:
    """What computes forces, energies and virials of the frames of one system.

    Immutable, picklable, and safe to share between threads.

    Parameters
    ----------
    topology : Topology
        With a force field, and as many solvent molecules as the frames have.
    settings : ForceSettings
        How forces are computed; cutoff and boundary may not be open.
    groups : Groups, optional
        Energy groups; those of the settings when None. Where only some of them interact, bonded
        terms are left out.

    Raises
    ------
    TopologyError
        The topology has no force field.
    ValueError
        The settings have no cutoff or no boundary; topology, settings and groups do not fit each
        other.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.forces.model import ForceModel
    >>> from gromos_dist.forces.settings import ForceSettings
    >>> from gromos_dist.topology import load_topology
    >>> settings = ForceSettings("vacuum", cutoff=1.4)
    >>> model = ForceModel(load_topology("tests/data/butane.top"), settings)
    >>> positions = np.array([[[0.0, 0, 0], [0.153, 0, 0], [0.2, 0.15, 0], [0.15, 0.15, 0.15]]])
    >>> computed = model(positions, wanted=["forces", "energy"])
    >>> dict(zip(model.terms, computed["energy"][0].round(2).tolist()))["dihedral"]
    1.2
    """

    def __init__(
        self,
        topology: Topology,
        settings: ForceSettings,
        *,
        groups: Groups | None = None,
    ) -> None:
        if settings.boundary is None:
            raise ValueError("the settings leave the boundary open, which a model has to know")
        settings = settings.completed(settings.boundary)
        assert settings.cutoff is not None
        assert settings.reaction_field_radius is not None
        self._arguments = (topology, settings, groups)
        self.topology = topology
        self.settings = settings
        parameters = nonbonded_parameters(topology, settings)
        self._interacting = None if groups is None else groups.interacting
        if groups is not None:
            parameters |= {"energy_group": groups.of_atom, "interacting": groups.interacting}
        self._energy_group = parameters["energy_group"]
        self._mesh = None
        field: kernels.ReactionField | kernels.EwaldSplitting
        if settings.use_pme:
            if settings.boundary == "vacuum":
                raise ValueError("particle-mesh Ewald needs a periodic system, not a vacuum")
            if self._only_some_interact:
                raise ValueError(
                    "particle-mesh Ewald has no forces between two groups alone: the mesh knows no "
                    "groups; take a reaction field"
                )
            field = kernels.ewald_splitting(settings.cutoff, settings.pme_tolerance)
            mesh = with_mesh(settings)
            parameters["excluded_reaction_field"] = True
            self._mesh = kernels.prepare_ewald_mesh(
                charge=topology.charge * settings.electrostatics,
                splitting=field,
                spacing=mesh.pme_spacing,
                order=mesh.pme_order,
                coulomb=parameters["coulomb"],
            )
        else:
            field = kernels.reaction_field(
                settings.reaction_field_radius,
                settings.epsilon_rf,
                kappa=settings.kappa,
            )
        self._pair_parameters = parameters | {"field": field}
        self._field = kernels.prepare_nonbonded(**self._pair_parameters)
        self._bonded = [] if self._only_some_interact else bonded_terms(self._parameters, settings)

    def __reduce__(self) -> tuple[Callable[..., ForceModel], tuple[Any, ...]]:
        """Pickle what it was made from."""
        return _remade, self._arguments

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        topology, settings, groups = self._arguments
        of_atom, interacting = (None, None) if groups is None else groups
        arrays = [None if array is None else np.asarray(array) for array in (of_atom, interacting)]
        return ("gromos_dist.ForceModel", topology.content_hash, repr(settings), arrays)

    @property
    def nonbonded_terms(self) -> tuple[str, str]:
        """What ``energy_nonbonded`` is divided into."""
        return ("lennard_jones", "reaction_field" if self._mesh is None else "lattice_sum_real")

    @property
    def terms(self) -> tuple[str, ...]:
        """The energies of a frame, named and ordered as those of an energy trajectory."""
        lattice = ("lattice_sum", "lattice_sum_real", "lattice_sum_reciprocal")
        electric = ("reaction_field",) if self._mesh is None else lattice
        return ("potential", "covalent", *BONDED_TERMS, "nonbonded", "lennard_jones", *electric)

    @property
    def n_groups(self) -> int:
        """How many energy groups there are."""
        return self._field.n_energy_groups

    @property
    def _only_some_interact(self) -> bool:
        return self._interacting is not None

    @property
    def _parameters(self) -> ForceField:
        force_field = self.topology.force_field
        if force_field is None:
            raise TopologyError("forces need a topology with a force field")
        return force_field

    @cached_property
    def _molecule_end(self) -> NDArray[np.int64]:
        """Pressure groups: those of the solute, then every solvent molecule."""
        topology = self.topology
        n_sites = topology.solvent.n_atoms if topology.solvent else 0
        solvent = topology.n_solute_atoms + n_sites * np.arange(1, topology.n_solvent_molecules + 1)
        return np.concatenate([self._parameters.pressure_group_end, solvent])

    def __call__(
        self,
        positions: ArrayLike,
        box: ArrayLike | None = None,
        velocities: ArrayLike | None = None,
        *,
        listed: ListedPairs | None = None,
        wanted: Collection[str],
    ) -> dict[str, Floats]:
        """Compute some quantities of frames.

        Parameters
        ----------
        positions : array of float32 or float64, shape (frames, atoms, 3)
            In nm.
        box : array, shape (frames, 3, 3), optional
            Rows are the box vectors (nm), of a truncated octahedron the edges of its cube; needed
            unless the settings are those of a vacuum.
        velocities : array, shape (frames, atoms, 3), optional
            In nm ps-1; needed for pressures.
        listed : ListedPairs, optional
            Of `list_pairs`, for one frame: the pairs of another moment, in place of its own.
        wanted : collection of str
            Which of `QUANTITIES`.

        Returns
        -------
        dict of arrays
            float64, by name; the first axis is that of the frames.

        Raises
        ------
        FrameError
            A frame without box, or one that the kernels cannot take.
        ValueError
            Arrays that do not belong together.
        """
        boxes = self._boxes(box, len(np.asarray(positions)))
        asked = frozenset(wanted)
        with_virial = bool(asked & {"virial", *PRESSURES})
        molecular = with_virial and self.settings.virial == "molecular"
        with_forces = molecular or bool(asked & {"forces", "group_forces"})
        if asked <= {"energy_bonded"}:
            pairs = kernels.Nonbonded(None, None, None, None)
        else:
            pairs = kernels.nonbonded(
                positions,
                boxes,
                self._field if listed is None else self._field_of_lists,
                forces=with_forces,
                energies=bool(asked & {"energy", "energy_nonbonded"}),
                virial=with_virial,
                group_forces="group_forces" in asked,
                listed=None if listed is None else listed.positions,
                precision=self.settings.precision,
            )
            if listed is not None:
                _add(pairs, listed.beyond)
        covalent = kernels.bonded(
            positions,
            boxes,
            self._bonded,
            energy_group=self._energy_group,
            n_energy_groups=self.n_groups,
            forces=with_forces,
            add_to=pairs.forces,
        )
        mesh = None
        if self._mesh is not None and asked & {"forces", "energy", "virial", *PRESSURES}:
            mesh = kernels.ewald_mesh(
                positions,
                boxes,
                self._mesh,
                forces=with_forces,
                add_to=pairs.forces,
                precision=self.settings.precision,
            )
        by_group = self._bonded_energies(covalent.energy)
        found: dict[str, Floats | None] = {
            "forces": pairs.forces,
            "energy_bonded": by_group,
            "energy_nonbonded": pairs.energies,
            "group_forces": pairs.group_forces,
        }
        if "energy" in asked and pairs.energies is not None:
            on_mesh = None if mesh is None else mesh.energy
            found["energy"] = self._totals(by_group, pairs.energies, on_mesh)
        if pairs.virial is not None:
            virial = pairs.virial + covalent.virial
            if mesh is not None:
                virial += mesh.virial
            if molecular and pairs.forces is not None:
                virial = kernels.molecular_virial(
                    virial,
                    positions,
                    boxes,
                    pairs.forces,
                    molecule_end=self._molecule_end,
                    masses=self.topology.mass,
                )
            found["virial"] = virial
            if asked & set(PRESSURES):
                tensor = self._pressure_tensor(virial, boxes, velocities)
                found["pressure_tensor"] = tensor
                found["pressure"] = np.trace(tensor, axis1=1, axis2=2) / 3.0
        return {name: found[name] for name in QUANTITIES if name in asked}  # type: ignore[misc]

    def list_pairs(self, positions: ArrayLike, box: ArrayLike | None) -> ListedPairs:
        """Return the pairs of one configuration for steps of a simulation.

        Parameters
        ----------
        positions : array, shape (1, atoms, 3)
            In nm.
        box : array, shape (1, 3, 3), optional
            As for the call of the model.

        Raises
        ------
        FrameError
            As the call of the model.
        """
        then = np.array(positions, np.float64)
        asked: dict[str, Any] = {"virial": True, "precision": self.settings.precision}
        boxes = self._boxes(box, len(then))
        beyond = kernels.nonbonded(then, boxes, self._field, **asked)
        within = kernels.nonbonded(then, boxes, self._field_of_lists, **asked)
        # Excluded pairs, third neighbours and the field of an atom's own charge are in both.
        _add(beyond, within, sign=-1.0)
        return ListedPairs(then, beyond)

    @cached_property
    def _field_of_lists(self) -> kernels.NonbondedField:
        """The pairs of a list: those within the shorter cutoff."""
        settings = self.settings
        assert settings.cutoff is not None
        assert settings.cutoff_short is not None
        if self._mesh is not None and settings.cutoff_short < settings.cutoff:
            raise ValueError(
                f"particle-mesh Ewald has no twin range: the shorter cutoff "
                f"({settings.cutoff_short:g} nm) has to be the cutoff ({settings.cutoff:g} nm), or "
                f"lists be for 1 step, not {settings.list_steps}"
            )
        parameters = self._pair_parameters | {"cutoff": settings.cutoff_short, "for_lists": True}
        return kernels.prepare_nonbonded(**parameters)

    def _boxes(self, box: ArrayLike | None, n_frames: int) -> Floats | None:
        boundary = self.settings.boundary
        if boundary == "vacuum":
            return None
        if box is None:
            raise ValueError(
                f"box: the settings are those of a periodic system ({boundary}), but there is no "
                "box; for a vacuum set the boundary to 'vacuum'"
            )
        boxes = np.asarray(box, np.float64).reshape(n_frames, 3, 3)
        missing = without_box(boxes)
        if missing.any():
            raise FrameError(
                f"it has no box, but the settings are those of a periodic system ({boundary})",
                int(np.argmax(missing)),
            )
        return octahedron_vectors(boxes) if boundary == "truncated octahedron" else boxes

    def _bonded_energies(self, energy: Floats) -> Floats:
        if self._only_some_interact:
            return np.zeros((len(energy), len(BONDED_TERMS), self.n_groups))
        return energy

    def _totals(self, bonded: Floats, nonbonded: Floats, on_mesh: Floats | None) -> Floats:
        totals = np.empty((len(nonbonded), len(self.terms)))
        upper = np.triu_indices(self.n_groups)
        # One frame at a time: sums do not depend on how many frames there are.
        for frame, own in enumerate(totals):
            covalent = {name: float(bonded[frame, k].sum()) for k, name in enumerate(BONDED_TERMS)}
            pairs = {
                name: float(nonbonded[frame, k][upper].sum())
                for k, name in enumerate(self.nonbonded_terms)
            }
            by_term = covalent | pairs
            by_term["covalent"] = sum(covalent.values())
            by_term["nonbonded"] = sum(pairs.values())
            if on_mesh is not None:
                by_term["lattice_sum_reciprocal"] = float(on_mesh[frame])
                by_term["nonbonded"] += by_term["lattice_sum_reciprocal"]
                by_term["lattice_sum"] = (
                    by_term["lattice_sum_real"] + by_term["lattice_sum_reciprocal"]
                )
            by_term["potential"] = by_term["covalent"] + by_term["nonbonded"]
            own[:] = [by_term[name] for name in self.terms]
        return totals

    def pressure_tensor(
        self, virial: Floats, box: ArrayLike, velocities: ArrayLike
    ) -> NDArray[np.float64]:
        """Return the pressure tensors (kJ mol-1 nm-3) that virials and velocities make.

        Parameters
        ----------
        virial : array, shape (frames, 3, 3)
            Of this model, kJ mol-1.
        box, velocities
            As for the call of the model.
        """
        return self._pressure_tensor(virial, self._boxes(box, len(virial)), velocities)

    def _pressure_tensor(
        self, virial: Floats, boxes: Floats | None, velocities: ArrayLike | None
    ) -> Floats:
        if boxes is None or velocities is None:
            missing = "velocities" if velocities is None else "a box"
            raise ValueError(f"the pressure needs {missing}")
        masses = self.topology.mass
        pressure = np.empty_like(virial)
        for frame, moving in enumerate(np.asarray(velocities, np.float64)):
            mass, moved = masses, moving
            if self.settings.virial == "molecular":
                begin = np.concatenate([[0], self._molecule_end[:-1]])
                mass = np.add.reduceat(masses, begin)
                moved = np.add.reduceat(masses[:, None] * moving, begin) / mass[:, None]
            # Not a product of matrices: BLAS sums as it likes.
            kinetic = 0.5 * np.einsum("a,ax,ay->xy", mass, moved, moved)
            volume = abs(np.linalg.det(boxes[frame]))
            pressure[frame] = 2.0 / volume * (kinetic - virial[frame])
        return pressure


def _add(pairs: kernels.Nonbonded, others: kernels.Nonbonded, sign: float = 1.0) -> None:
    """Add what both have, in place."""
    for own, other in zip(pairs, others, strict=True):
        if own is not None and other is not None:
            np.add(own, sign * other, out=own)


def _remade(topology: Topology, settings: ForceSettings, groups: Groups | None) -> ForceModel:
    return ForceModel(topology, settings, groups=groups)

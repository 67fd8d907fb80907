"""What the non-bonded kernels need of a force field, laid out for the C core once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcinv

from gromos_dist._core import ffi, lib
from gromos_dist.kernels.arrays import pointer

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Floats = NDArray[np.float64]

# Fewer equal charge groups than this are not worth vectors of their own.
_FEWEST_EQUAL_UNITS = 16
_FEWEST_EQUAL_ATOMS = 512


class PairList(NamedTuple):
    """Pairs of atoms, stored for the lower atom of each.

    Those of atom ``i`` are ``partner[first[i]:first[i + 1]]``, all greater than ``i``.
    """

    first: ArrayLike
    partner: ArrayLike


class ReactionField(NamedTuple):
    """The two constants of a reaction field, see `reaction_field`."""

    force_term: float
    """C / R**3 (nm-3)."""
    energy_term: float
    """(1 - C/2) / R (nm-1)."""


def reaction_field(
    radius: float, epsilon_rf: float, *, kappa: float = 0.0, epsilon: float = 1.0
) -> ReactionField:
    """Compute the constants of a reaction field.

    Two charges interact with ``q q' / (4 pi eps0 epsilon)`` times
    ``1/r - force_term r**2 / 2 - energy_term``.

    Parameters
    ----------
    radius : float
        Radius of the reaction field (nm); 0: none (a plain Coulomb interaction).
    epsilon_rf : float
        Permittivity outside of the radius; 0 or infinity: a conductor.
    kappa : float
        Inverse Debye length outside of the radius (nm-1).
    epsilon : float
        Permittivity within the radius.

    Raises
    ------
    ValueError
        A negative number.

    References
    ----------
    I. G. Tironi, R. Sperb, P. E. Smith and W. F. van Gunsteren, J. Chem. Phys. 102 (1995) 5451;
    GROMOS manual, volume 2.

    Examples
    --------
    >>> from gromos_dist.kernels.nonbonded_field import reaction_field
    >>> reaction_field(1.0, 0.0)
    ReactionField(force_term=-1.0, energy_term=1.5)
    """
    for name, value in (("radius", radius), ("epsilon_rf", epsilon_rf), ("kappa", kappa)):
        if not value >= 0.0:
            raise ValueError(f"{name}: expected 0 or more, got {value}")
    if not 0.0 < epsilon < np.inf:
        raise ValueError(f"epsilon: expected more than 0, got {epsilon}")
    if radius == 0.0:
        return ReactionField(0.0, 0.0)
    if epsilon_rf == 0.0 or np.isinf(epsilon_rf) or np.isinf(kappa):
        strength = -1.0
    else:
        screening = kappa * radius
        outside = epsilon_rf * screening**2
        numerator = (2.0 * epsilon - 2.0 * epsilon_rf) * (1.0 + screening) - outside
        strength = numerator / ((epsilon + 2.0 * epsilon_rf) * (1.0 + screening) + outside)
    # -1 is the charge's own field at the conductor's surface: C = -1 makes 1/r^2 + C r/R^3 vanish.
    return ReactionField(strength / radius**3, (1.0 - 0.5 * strength) / radius)


class EwaldSplitting(NamedTuple):
    """The parameter that splits an Ewald sum in two, see `ewald_splitting`."""

    alpha: float
    """nm-1; pairs within the cutoff have erfc(alpha r)/r, the reciprocal lattice has the rest."""


def ewald_splitting(cutoff: float, tolerance: float = 1e-5) -> EwaldSplitting:
    """Choose the splitting of an Ewald sum for a cutoff.

    Parameters
    ----------
    cutoff : float
        Of the sum over pairs (nm).
    tolerance : float
        What is left of a Coulomb interaction at the cutoff: erfc(alpha cutoff).

    Raises
    ------
    ValueError
        A cutoff that is not above 0, or a tolerance that is not between 0 and 1.

    Examples
    --------
    >>> from gromos_dist.kernels import ewald_splitting
    >>> round(ewald_splitting(0.9).alpha, 6)
    3.470459
    """
    if not 0.0 < cutoff < np.inf:
        raise ValueError(f"cutoff: expected a length (nm) of more than 0, got {cutoff}")
    if not 0.0 < tolerance < 1.0:
        raise ValueError(f"tolerance: expected a number between 0 and 1, got {tolerance}")
    return EwaldSplitting(float(erfcinv(tolerance)) / cutoff)


class NonbondedField:
    """Charges, Lennard-Jones parameters, exclusions and cutoff, ready for many calls.

    Made by `prepare_nonbonded`; immutable, picklable, and safe to share between threads.
    """

    __slots__ = ("_arguments", "_keep", "for_lists", "n_atoms", "n_energy_groups", "struct")

    n_atoms: int
    """Atoms of a frame: solute and solvent."""
    n_energy_groups: int
    for_lists: bool
    """Whether pairs can be those of other positions."""

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments
        layout = _Layout(**arguments)
        self.n_atoms = layout.n_atoms
        self.n_energy_groups = layout.n_energy_groups
        self.for_lists = arguments["for_lists"] or not arguments["atomic_cutoff"]
        self._keep: list[Any] = []
        self.struct = ffi.new("struct gd_nonbonded *")
        for name, value in layout.scalars().items():
            setattr(self.struct, name, value)
        for name, (array, ctype) in layout.arrays().items():
            setattr(self.struct, name, self._hold(array, ctype))
        sets = ffi.new("struct gd_units[]", len(layout.unit_sets))
        for target, units in zip(sets, layout.unit_sets, strict=True):
            target.n = len(units.first_atom)
            target.n_sites = units.n_sites
            target.first_atom = self._hold(units.first_atom, "int64_t *")
            target.uniform = units.uniform
            target.energy_group = units.energy_group
        self._keep.append(sets)
        self.struct.unit_sets = sets
        self.struct.n_unit_sets = len(sets)

    def _hold(self, array: NDArray[Any], ctype: str) -> Any:
        held = pointer(array, ctype)
        self._keep.append(held)
        return held

    def __reduce__(self) -> tuple[Callable[..., NonbondedField], tuple[dict[str, Any]]]:
        """Pickle what it was made from; the layout for the kernels is made anew."""
        return _remade, (self._arguments,)


def _remade(arguments: dict[str, Any]) -> NonbondedField:
    return NonbondedField(**arguments)


def prepare_nonbonded(
    *,
    charge: ArrayLike,
    lj_type: ArrayLike,
    c6: ArrayLike,
    c12: ArrayLike,
    cutoff: float,
    field: ReactionField | EwaldSplitting,
    coulomb: float = 138.9354,
    charge_group_first: ArrayLike | None = None,
    exclusions: PairList | None = None,
    one_four: PairList | None = None,
    cs6: ArrayLike | None = None,
    cs12: ArrayLike | None = None,
    lj_exception_pairs: ArrayLike = (),
    lj_exception_c6: ArrayLike = (),
    lj_exception_c12: ArrayLike = (),
    solvent_charge: ArrayLike = (),
    solvent_lj_type: ArrayLike = (),
    n_solvent_molecules: int = 0,
    energy_group: ArrayLike | None = None,
    interacting: ArrayLike | None = None,
    atomic_cutoff: bool = False,
    excluded_reaction_field: bool = True,
    for_lists: bool = False,
) -> NonbondedField:
    """Lay a force field out for `nonbonded`.

    Parameters
    ----------
    charge, lj_type : array, shape (solute atoms,)
        Charges (e) and Lennard-Jones types, from 0.
    c6, c12 : array, shape (types, types)
        Lennard-Jones coefficients (kJ mol-1 nm6, kJ mol-1 nm12).
    cutoff : float
        In nm, between the reference points of charge groups: their centres of geometry in the
        solute, their first atoms in the solvent.
    field : ReactionField or EwaldSplitting
        From `reaction_field`, or from `ewald_splitting`: pairs then have the real-space part of an
        Ewald sum, of which `ewald_mesh` computes the rest. Excluded pairs, those within a solvent
        molecule too, then lose (with forces) what the reciprocal lattice has of them.
    coulomb : float
        1/(4 pi eps0), divided by the permittivity within the cutoff (kJ nm mol-1 e-2).
    charge_group_first : array, optional
        First atoms of the solute's charge groups and at the end the number of solute atoms; None:
        every atom is a charge group.
    exclusions, one_four : PairList, optional
        Excluded pairs and third neighbours of the solute.
    cs6, cs12 : array, shape (types, types), optional
        Coefficients between third neighbours; needed with `one_four`.
    lj_exception_pairs, lj_exception_c6, lj_exception_c12 : array
        Solute pairs, shape (pairs, 2), with coefficients of their own.
    solvent_charge, solvent_lj_type : array, shape (atoms of a molecule,)
        One solvent molecule; its atoms do not interact with each other but for the reaction field.
    n_solvent_molecules : int
        How many follow the solute.
    energy_group : array of int, shape (atoms,), optional
        Energy groups of solute and solvent atoms, from 0. None: all atoms are one group.
    interacting : array of bool, shape (groups, groups), optional
        Symmetric: which groups interact with which. None: all with all.
    atomic_cutoff : bool
        True: the cutoff holds between atoms instead of charge groups.
    excluded_reaction_field : bool
        Whether excluded pairs and every atom with itself have the reaction field's terms; an Ewald
        sum cannot do without.
    for_lists : bool
        Whether `nonbonded` will be given a list, of pairs that were found in other positions;
        matters only where the cutoff holds between atoms, which it makes slower.

    Returns
    -------
    NonbondedField

    Raises
    ------
    ValueError
        Arrays that do not belong together, or an index that is out of range.

    Examples
    --------
    >>> from gromos_dist.kernels.nonbonded_field import prepare_nonbonded, reaction_field
    >>> water = prepare_nonbonded(
    ...     charge=[], lj_type=[], c6=[[2.617346e-3, 0], [0, 0]], c12=[[2.634129e-6, 0], [0, 0]],
    ...     solvent_charge=[-0.82, 0.41, 0.41], solvent_lj_type=[0, 1, 1],
    ...     n_solvent_molecules=1000, cutoff=1.4, field=reaction_field(1.4, 61.0))
    >>> water.n_atoms
    3000
    """
    return NonbondedField(**locals())


class _Units(NamedTuple):
    first_atom: Int64s
    n_sites: int
    uniform: bool
    energy_group: int


class _Layout:
    """The arrays of ``struct gd_nonbonded``."""

    def __init__(
        self,
        *,
        charge: ArrayLike,
        lj_type: ArrayLike,
        c6: ArrayLike,
        c12: ArrayLike,
        cutoff: float,
        field: ReactionField | EwaldSplitting,
        coulomb: float,
        charge_group_first: ArrayLike | None,
        exclusions: PairList | None,
        one_four: PairList | None,
        cs6: ArrayLike | None,
        cs12: ArrayLike | None,
        lj_exception_pairs: ArrayLike,
        lj_exception_c6: ArrayLike,
        lj_exception_c12: ArrayLike,
        solvent_charge: ArrayLike,
        solvent_lj_type: ArrayLike,
        n_solvent_molecules: int,
        energy_group: ArrayLike | None,
        interacting: ArrayLike | None,
        atomic_cutoff: bool,
        excluded_reaction_field: bool,
        for_lists: bool,
    ) -> None:
        solute_charge = _vector("charge", charge, np.float64)
        template = _vector("solvent_charge", solvent_charge, np.float64)
        self.n_solute = n_solute = len(solute_charge)
        self.n_sites = n_sites = len(template)
        if n_solvent_molecules < 0 or (n_solvent_molecules and not n_sites):
            raise ValueError(
                f"n_solvent_molecules: expected 0 or more, and a solvent molecule in "
                f"solvent_charge; got {n_solvent_molecules} of {n_sites} atoms"
            )
        self.n_molecules = n_solvent_molecules
        self.n_atoms = n_solute + n_sites * n_solvent_molecules
        if not self.n_atoms:
            raise ValueError("there are no atoms: neither solute nor solvent")
        self.charge = np.concatenate([solute_charge, np.tile(template, n_solvent_molecules)])
        self.c6, self.c12 = _matrix("c6", c6), _matrix("c12", c12)
        types = _indices("lj_type", lj_type, len(self.c6))
        template_types = _indices("solvent_lj_type", solvent_lj_type, len(self.c6))
        if len(self.c12) != len(self.c6):
            raise ValueError(f"c12: expected shape {self.c6.shape} as c6, got {self.c12.shape}")
        if len(types) != n_solute or len(template_types) != n_sites:
            raise ValueError(
                f"expected a Lennard-Jones type for each charge: {n_solute} of the solute and "
                f"{n_sites} of a solvent molecule, got {len(types)} and {len(template_types)}"
            )
        self.lj_type = np.concatenate([types, np.tile(template_types, n_solvent_molecules)]).astype(
            np.int32
        )
        self.is_ewald = isinstance(field, EwaldSplitting)
        self.constants = {"coulomb": coulomb, "cutoff": cutoff}
        self.constants |= _field_constants(cutoff, field, excluded_reaction_field)
        self._set_energy_groups(energy_group, interacting)
        self._set_charge_groups(charge_group_first, atomic_cutoff)
        excluded = _pairs("exclusions", exclusions, n_solute)
        third = _pairs("one_four", one_four, n_solute)
        own, *coefficients = self._exceptions(lj_exception_pairs, lj_exception_c6, lj_exception_c12)
        excluded, third = _without(excluded, own), _without(third, own)
        self._set_special(own, coefficients, third, {"cs6": cs6, "cs12": cs12})
        inside = self._pairs_within_solvent()
        listed_apart = [excluded, third, own]
        self._set_unlisted(listed_apart)
        # What is compared with the cutoff of a list is where units were.
        self.unit_sets, alone = self._units(1 if for_lists and atomic_cutoff else lib.GD_MAX_SITES)
        # Whole molecules never meet their own atoms, unless each of these is a charge group.
        meeting = inside if atomic_cutoff else inside[alone[inside[:, 0]]]
        self._set_unlisted([*listed_apart, meeting])
        if not excluded_reaction_field:
            excluded, inside = excluded[:0], inside[:0]
        self.excluded_reaction_field = excluded_reaction_field
        # A rigid molecule's own atoms have no use for forces, unless they are to cancel others.
        self.n_excluded_forces = len(excluded) + (len(inside) if self.is_ewald else 0)
        self.excluded = np.concatenate([excluded, inside]).astype(np.int32)

    def _exceptions(self, pairs: ArrayLike, c6: ArrayLike, c12: ArrayLike) -> tuple[Any, ...]:
        own = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        if len(own):
            _indices("lj_exception_pairs", own, self.n_solute)
        own_c6 = _vector("lj_exception_c6", c6, np.float64)
        own_c12 = _vector("lj_exception_c12", c12, np.float64)
        if not len(own) == len(own_c6) == len(own_c12):
            raise ValueError(
                f"expected coefficients for each of {len(own)} Lennard-Jones exceptions, got "
                f"{len(own_c6)} and {len(own_c12)}"
            )
        return own, own_c6, own_c12

    def _set_special(
        self,
        own: Int64s,
        coefficients: Sequence[Floats],
        third: Int64s,
        third_matrices: Mapping[str, ArrayLike | None],
    ) -> None:
        """Set the pairs with parameters of their own: exceptions, then third neighbours."""
        self.special = np.concatenate([own, third]).astype(np.int32)
        of_third: list[Floats] = []
        for name, matrix in third_matrices.items():
            if matrix is None and len(third):
                raise ValueError(
                    "one_four needs cs6 and cs12, the coefficients of third neighbours"
                )
            types = self.lj_type[third]
            of_third.append(
                np.empty(0) if matrix is None else _matrix(name, matrix)[types[:, 0], types[:, 1]]
            )
        self.special_c6, self.special_c12 = (
            np.concatenate(pair) for pair in zip(coefficients, of_third, strict=True)
        )

    def _set_energy_groups(
        self, energy_group: ArrayLike | None, interacting: ArrayLike | None
    ) -> None:
        group = np.zeros(self.n_atoms, np.int32) if energy_group is None else energy_group
        self.energy_group = _indices("energy_group", group, self.n_atoms).astype(np.int32)
        if self.energy_group.shape != (self.n_atoms,):
            raise ValueError(
                f"energy_group: expected shape ({self.n_atoms},), a group for each atom of solute "
                f"and solvent, got {self.energy_group.shape}"
            )
        self.n_energy_groups = n = int(self.energy_group.max()) + 1
        self.interacting = (
            np.ones((n, n), np.uint8)
            if interacting is None
            else np.array(interacting, dtype=bool).astype(np.uint8)
        )
        if self.interacting.shape != (n, n) or (self.interacting != self.interacting.T).any():
            raise ValueError(
                f"interacting: expected a symmetric array of shape ({n}, {n}), got shape "
                f"{self.interacting.shape}"
            )

    def _set_charge_groups(self, charge_group_first: ArrayLike | None, atomic_cutoff: bool) -> None:
        first = (
            np.arange(self.n_solute + 1)
            if charge_group_first is None
            else np.asarray(charge_group_first)
        )
        if first[0] != 0 or first[-1] != self.n_solute or (np.diff(first) < 1).any():
            raise ValueError(
                f"charge_group_first: expected to rise from 0 to the number of solute atoms, "
                f"{self.n_solute}"
            )
        molecules = self.n_solute + self.n_sites * np.arange(1, self.n_molecules + 1)
        self.group_first = np.concatenate([first, molecules]).astype(np.int64)
        self.n_solute_groups = len(first) - 1
        self.charge_group, self.n_centered = self.group_first, self.n_solute_groups
        if atomic_cutoff:
            self.charge_group, self.n_centered = np.arange(self.n_atoms + 1), self.n_atoms

    def _pairs_within_solvent(self) -> Int64s:
        within = np.stack(np.triu_indices(self.n_sites, 1), axis=1)
        starts = self.n_solute + self.n_sites * np.arange(self.n_molecules)
        pairs: Int64s = (starts[:, None, None] + within[None]).reshape(-1, 2)
        return pairs

    def _set_unlisted(self, kinds: list[Int64s]) -> None:
        one_way = np.concatenate(kinds)
        both = np.unique(np.concatenate([one_way, one_way[:, ::-1]]), axis=0)
        self.unlisted_begin = np.zeros(self.n_atoms + 1, dtype=np.int64)
        np.cumsum(np.bincount(both[:, 0], minlength=self.n_atoms), out=self.unlisted_begin[1:])
        self.unlisted = both[:, 1].astype(np.int32)

    def _units(self, most_sites: int) -> tuple[list[_Units], NDArray[np.bool_]]:
        """Group charge groups that are equal; also return which atoms are units of their own."""
        first, size = self.group_first[:-1], np.diff(self.group_first)
        own_only = self._interacts_as_a_whole(first, size)
        sets: list[_Units] = []
        left = np.ones(self.n_atoms, dtype=bool)
        alone = left.copy()
        for n_sites in range(1, most_sites + 1):
            chosen = first[own_only & (size == n_sites)]
            if not len(chosen):
                continue
            atoms = chosen[:, None] + np.arange(n_sites)
            keys = np.concatenate(
                [self.charge[atoms], self.lj_type[atoms], self.energy_group[atoms]], axis=1
            )
            _, kind, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
            fewest = _FEWEST_EQUAL_UNITS if n_sites > 1 else _FEWEST_EQUAL_ATOMS
            for number in np.flatnonzero(count >= fewest):
                members = atoms[kind.ravel() == number]
                groups = self.energy_group[members[0]]
                if (groups != groups[0]).any():
                    continue
                left[members] = False
                alone[members] = n_sites == 1
                sets.append(_Units(members[:, 0].copy(), n_sites, True, int(groups[0])))
        for group in range(self.n_energy_groups):
            atoms = np.flatnonzero(left & (self.energy_group == group)).astype(np.int64)
            if len(atoms):
                sets.append(_Units(atoms, 1, False, group))
        return sets, alone

    def _interacts_as_a_whole(self, first: Int64s, size: Int64s) -> NDArray[np.bool_]:
        """Charge groups whose unlisted pairs are exactly all their own."""
        begin = self.unlisted_begin
        group = np.repeat(np.arange(len(first)), size)
        solvent = np.arange(len(first)) >= self.n_solute_groups
        owner = np.repeat(np.arange(self.n_atoms), np.diff(begin))
        outside = np.bincount(
            group[owner], weights=group[self.unlisted] != group[owner], minlength=len(first)
        )
        inside = np.bincount(
            group[owner], weights=group[self.unlisted] == group[owner], minlength=len(first)
        )
        complete = (inside == size * (size - 1)) | solvent
        # A single atom may have partners elsewhere: those are looked up one by one.
        whole: NDArray[np.bool_] = ((outside == 0) | (size == 1)) & complete
        return whole

    def scalars(self) -> dict[str, float]:
        return {
            "n_atoms": self.n_atoms,
            "n_lj_types": len(self.c6),
            "n_energy_groups": self.n_energy_groups,
            "n_charge_groups": len(self.charge_group) - 1,
            "n_centered": self.n_centered,
            "n_excluded": len(self.excluded),
            "n_excluded_forces": self.n_excluded_forces,
            "n_special": len(self.special),
            "self_terms": self.excluded_reaction_field and not self.is_ewald,
            **self.constants,
        }

    def arrays(self) -> dict[str, tuple[NDArray[Any], str]]:
        double, int32, int64 = "double *", "int32_t *", "int64_t *"
        return {
            "charge": (self.charge, double),
            "lj_type": (self.lj_type, int32),
            "c6": (self.c6, double),
            "c12": (self.c12, double),
            "energy_group": (self.energy_group, int32),
            "interacting": (self.interacting, "uint8_t *"),
            "charge_group": (self.charge_group, int64),
            "unlisted_begin": (self.unlisted_begin, int64),
            "unlisted": (self.unlisted, int32),
            "excluded": (self.excluded, int32),
            "special": (self.special, int32),
            "special_c6": (self.special_c6, double),
            "special_c12": (self.special_c12, double),
        }


def _field_constants(
    cutoff: float, field: ReactionField | EwaldSplitting, excluded_reaction_field: bool
) -> dict[str, float]:
    if not 0.0 < cutoff < np.inf:
        raise ValueError(f"cutoff: expected a length (nm) of more than 0, got {cutoff}")
    if isinstance(field, ReactionField):
        return field._asdict() | {"ewald": 0.0}
    if not 0.0 < field.alpha < np.inf:
        raise ValueError(f"field: expected alpha (nm-1) of more than 0, got {field.alpha}")
    if not excluded_reaction_field:
        raise ValueError(
            "excluded_reaction_field: an Ewald sum has to correct for excluded pairs; expected True"
        )
    return {"force_term": 0.0, "energy_term": 0.0, "ewald": field.alpha}


def _vector(name: str, values: ArrayLike, dtype: type) -> NDArray[Any]:
    array: NDArray[Any] = np.array(values, dtype=dtype, order="C")
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers")
    return array


def _matrix(name: str, values: ArrayLike) -> Floats:
    array = np.array(values, dtype=np.float64, order="C")
    if array.ndim != 2 or not array.size or not np.array_equal(array, array.T):
        raise ValueError(
            f"{name}: expected a symmetric matrix, a row for each Lennard-Jones type, got shape "
            f"{array.shape}"
        )
    return array


def _indices(name: str, values: ArrayLike, stop: int) -> Int64s:
    array = np.asarray(values)
    if not array.size:
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= stop:
        raise ValueError(
            f"{name}: expected integers from 0 to {stop - 1}, got {array.min()} to {array.max()}"
        )
    return array.astype(np.int64)


def _pairs(name: str, pairs: PairList | None, n_atoms: int) -> Int64s:
    """Return the pairs (i < j), shape (pairs, 2)."""
    if pairs is None:
        return np.empty((0, 2), dtype=np.int64)
    first, partner = np.asarray(pairs.first), np.asarray(pairs.partner)
    if first.shape != (n_atoms + 1,) or first[-1] != len(partner) or (np.diff(first) < 0).any():
        raise ValueError(
            f"{name}: expected {n_atoms + 1} numbers that rise from 0 to {len(partner)}, got "
            f"shape {first.shape}"
        )
    owner = np.repeat(np.arange(n_atoms), np.diff(first))
    partner = _indices(name, partner, n_atoms)
    if (partner <= owner).any():
        raise ValueError(f"{name}: expected partners greater than the atom they stand for")
    return np.stack([owner, partner], axis=1).astype(np.int64)


def _without(pairs: Int64s, others: Int64s) -> Int64s:
    """Return the pairs that are not among the others."""
    if not len(others):
        return pairs
    taken = set(map(tuple, np.sort(others, axis=1).tolist()))
    left = [pair for pair in pairs.tolist() if tuple(pair) not in taken]
    return np.array(left, dtype=np.int64).reshape(-1, 2)

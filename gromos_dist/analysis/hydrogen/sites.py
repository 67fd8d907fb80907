"""Which atoms give hydrogen bonds and which take them: by a named rule, and as chosen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import atoms_of, bonds_of, lattice_of, numbers_of, one_frame
from gromos_dist.analysis.system import selected
from gromos_dist.errors import TopologyError
from gromos_dist.kernels.hydrogen_bonds import BondSites
from gromos_dist.selection import Selection
from gromos_dist.topology import Topology
from gromos_dist.topology import guess_bonds as with_guessed_bonds
from gromos_dist.topology.elements import elements_of_masses, elements_of_names
from gromos_dist.topology.gromos_blocks import read_blocks

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

Rule = Literal["elements", "charges", "masses", "all"]
Exclude = Literal["donor", "residue", "molecule"]
MassFile = str | os.PathLike[str] | None

HYDROGEN_CHARGE, ACCEPTOR_CHARGE = 0.3, -0.5
"""From where on an atom takes part, by the rule of charges (e)."""
# What comes with gromos++ for united-atom force fields: H; N, O and S.
_MASSES = {
    "HYDROGENMASS": (1.008,),
    "ACCEPTORMASS": (14.0067, 15.9994, 32.06),
    "DONORMASS": (14.0067, 15.9994, 32.06),
}
# Masses of a topology have five digits.
_SAME_MASS = 5e-6


@dataclass(frozen=True)
class Participants:
    """Donors, hydrogens and acceptors: places of atoms in a Dataset."""

    hydrogens: Integers
    donors: Integers
    acceptors: Integers
    of_all: BondSites
    """The same, for the kernels."""
    rule: str
    """In words."""
    bond_origin: str
    """How many bonds were guessed; empty if none."""
    names: Mapping[str, Any]
    """Coordinates that name atoms, as far as they are known."""

    @property
    def atoms(self) -> Integers:
        """All that take part, rising."""
        return np.unique(np.concatenate([self.hydrogens, self.donors, self.acceptors]))

    def among(self, kept: Integers | slice) -> BondSites:
        """Return the sites for the kernels, given which atoms of the Dataset these get."""
        if isinstance(kept, slice):
            return self.of_all
        own = ("hydrogens", "donors", "acceptors")
        places = {name: np.searchsorted(kept, getattr(self, name)) for name in own}
        return replace(self.of_all, **places)


def participants(
    ds: xr.Dataset | xr.DataArray,
    positions: xr.DataArray,
    donors: Selection,
    acceptors: Selection,
    between: Sequence[Selection] | None,
    rule: str,
    elements: Sequence[str],
    charges: Sequence[float],
    mass_file: MassFile,
    exclude: str,
) -> Participants:
    """Find which atoms take part.

    Raises
    ------
    ValueError
        There are no hydrogens, donors or acceptors: what is missing.
    """
    call = "hydrogen bonds"
    n_atoms = positions.sizes["atom"]
    topology = atoms_of(positions)
    element = _elements(topology)
    bonds, origin = _bonds(ds, positions, topology, element)
    giving, taking, hydrogen, said = _by_rule(topology, element, rule, elements, charges, mass_file)
    chosen_donors = _mask(ds, donors, n_atoms)
    chosen_acceptors = _mask(ds, acceptors, n_atoms)
    partner = _partners(bonds, hydrogen, element)
    all_hydrogens = np.flatnonzero(hydrogen)
    if not len(all_hydrogens):
        raise ValueError(
            f"{call}: there are no hydrogens among the {n_atoms} atoms, by the rule {rule!r} "
            f"({said}): hydrogen bonds are measured with them; read them too, or use a topology "
            "that has polar hydrogens (a structure without any says nothing of angles)"
        )
    bonded = all_hydrogens[partner[all_hydrogens] >= 0]
    if not len(bonded):
        raise ValueError(
            f"{call}: none of the {len(all_hydrogens)} hydrogens is bonded to anything: the donors "
            "are missing (read them too), or the bonds are (open the trajectory with a topology "
            "that has them: GROMOS, PSF, TPR)"
        )
    gives = giving[partner[bonded]]
    hydrogens = bonded[gives & (chosen_donors[bonded] | chosen_donors[partner[bonded]])]
    if not len(hydrogens):
        raise ValueError(
            f"{call}: no donor is among the atoms chosen, by the rule {rule!r} ({said}); the "
            f"trajectory has {int(gives.sum())} hydrogens of donors"
        )
    hydrogens = hydrogens[np.argsort(partner[hydrogens], kind="stable")]
    takers = np.flatnonzero(taking & chosen_acceptors & ~hydrogen)
    if not len(takers):
        raise ValueError(
            f"{call}: no acceptor is among the atoms chosen, by the rule {rule!r} ({said}); the "
            f"trajectory has {int((taking & ~hydrogen).sum())} of them"
        )
    sides = _sides(ds, between, n_atoms)
    unit = _units(topology, exclude)
    own = partner[hydrogens]
    sites = BondSites(
        hydrogens=hydrogens,
        donors=own,
        acceptors=takers,
        hydrogen_units=unit[own],
        acceptor_units=unit[takers],
        hydrogen_sides=sides[0][hydrogens] | sides[0][own],
        acceptor_sides=sides[1][takers],
    )
    names = {
        name: ("atom", coord.values, coord.attrs)
        for name in ("atom_name", "residue", "residue_name", "chain", "atom_number")
        if (coord := positions.coords.get(name)) is not None and coord.dims == ("atom",)
    }
    return Participants(hydrogens, own, takers, sites, said, origin, names)


def _mask(ds: xr.Dataset | xr.DataArray, selection: Selection, n_atoms: int) -> Flags:
    mask = np.ones(n_atoms, bool)
    indices = selected(ds, selection)
    if indices is not None:
        mask[:] = False
        mask[indices] = True
    return mask


def _sides(
    ds: xr.Dataset | xr.DataArray, between: Sequence[Selection] | None, n_atoms: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return bits of givers and takers that are shared where a bond goes between the groups."""
    if between is None:
        both = np.ones(n_atoms, np.uint8)
        return both, both
    if isinstance(between, str) or len(between) != 2:
        raise ValueError(f"between: expected two selections, got {between!r}")
    one, other = (_mask(ds, group, n_atoms).astype(np.uint8) for group in between)
    # First from the one, then from the other group.
    giving, taking = np.stack([one, 2 * other]), np.stack([other, 2 * one])
    return giving.sum(axis=0, dtype=np.uint8), taking.sum(axis=0, dtype=np.uint8)


def _units(topology: Topology, exclude: str) -> NDArray[np.int32]:
    """Return numbers of what no bond is looked for within."""
    if exclude == "donor":
        return np.arange(topology.n_atoms, dtype=np.int32)
    if exclude == "residue":
        return np.cumsum(topology.residue_starts, dtype=np.int32)
    if exclude == "molecule":
        return topology.molecule.astype(np.int32)
    raise ValueError(f"exclude: expected 'donor', 'residue' or 'molecule', got {exclude!r}")


def _elements(topology: Topology) -> NDArray[np.str_]:
    """Return elements; those that are not known by masses or names."""
    known = topology.element
    if (known != "").all():
        return known
    names, residues = topology.atom_name, topology.residue_name
    by_name = elements_of_names(names, residues)
    has_mass = np.isfinite(topology.mass)
    by_mass = elements_of_masses(np.nan_to_num(topology.mass), names, residues)
    return np.where(known != "", known, np.where(has_mass, by_mass, by_name))


def _bonds(
    ds: xr.Dataset | xr.DataArray,
    positions: xr.DataArray,
    topology: Topology,
    element: NDArray[np.str_],
) -> tuple[Integers, str]:
    """Return the bonds, guessed where hydrogens have none, and how many were."""
    bonds = numbers_of(positions).places(bonds_of(ds))
    alone = np.isin(element, ["H", "D"])
    alone[bonds] = False
    if not alone.any() or not positions.sizes["frame"]:
        return bonds, ""
    frame = one_frame(positions, 0)
    if not np.isfinite(frame).all():
        return bonds, ""
    labelled = Topology(
        **{
            name: getattr(topology, name)
            for name in ("atom_name", "residue_name", "residue", "molecule", "mass", "charge")
        },
        element=element,
        bonds=bonds,
    )
    guessed = with_guessed_bonds(labelled, frame, lattice_of(ds, 0))
    return guessed.bonds, guessed.bond_origin


def _partners(bonds: Integers, hydrogen: Flags, element: NDArray[np.str_]) -> Integers:
    """Return the first atom that each hydrogen is bonded to, other than a hydrogen; -1: none."""
    partner = np.full(len(hydrogen), -1, np.int64)
    both = np.concatenate([bonds, bonds[:, ::-1]])
    is_hydrogen = hydrogen | np.isin(element, ["H", "D"])
    both = both[hydrogen[both[:, 0]] & ~is_hydrogen[both[:, 1]]]
    # The lowest bond is written last.
    both = both[np.lexsort((both[:, 1], both[:, 0]))][::-1]
    partner[both[:, 0]] = both[:, 1]
    return partner


def _by_rule(
    topology: Topology,
    element: NDArray[np.str_],
    rule: str,
    elements: Sequence[str],
    charges: Sequence[float],
    mass_file: MassFile,
) -> tuple[Flags, Flags, Flags, str]:
    """Return who gives, who takes, which atoms are hydrogens, and the rule in words."""
    hydrogen = np.isin(element, ["H", "D"])
    anything = np.ones(topology.n_atoms, bool)
    if mass_file is not None and rule != "masses":
        raise ValueError(f"mass_file is for the rule 'masses', not {rule!r}")
    if rule == "elements":
        listed = elements.split() if isinstance(elements, str) else list(elements)
        chosen = np.isin(element, listed)
        return chosen, chosen, hydrogen, f"{', '.join(listed)}; donors have a bonded H"
    if rule == "all":
        return anything, anything, hydrogen, "every atom; donors have a bonded H"
    if rule == "charges":
        if not np.isfinite(topology.charge).all():
            raise ValueError(
                "hydrogen bonds: the rule 'charges' needs charges, and some are not known: give a "
                "topology that has them, or use another rule"
            )
        least, most = charges
        positive = hydrogen & (topology.charge >= least)
        said = f"H of at least {least:g} e, acceptors of at most {most:g} e"
        return anything, topology.charge <= most, positive, said
    if rule == "masses":
        masses = _masses(mass_file)
        flags = [_weighs(topology, masses[name]) for name in _MASSES]
        hydrogen, taking, giving = flags
        listed_masses = "; ".join(
            f"{name.removesuffix('MASS').lower()} {' '.join(f'{mass:g}' for mass in masses[name])}"
            for name in _MASSES
        )
        return giving, taking, hydrogen, f"masses in u: {listed_masses}"
    raise ValueError(f"rule: expected 'elements', 'charges', 'masses' or 'all', got {rule!r}")


def _weighs(topology: Topology, masses: Sequence[float]) -> Flags:
    if not np.isfinite(topology.mass).all():
        raise ValueError(
            "hydrogen bonds: the rule 'masses' needs masses, and some are not known: give a "
            "topology that has them, or use another rule"
        )
    near = abs(topology.mass[:, None] - np.asarray(masses, float)) < _SAME_MASS
    return np.asarray(near.any(axis=1))


def _masses(path: MassFile) -> Mapping[str, Sequence[float]]:
    """Read a file of masses as gromos++ has them; the usual ones without."""
    if path is None:
        return _MASSES
    blocks = read_blocks(Path(path), TopologyError)
    found: dict[str, Sequence[float]] = {}
    for name in _MASSES:
        if name not in blocks:
            raise TopologyError(f"{os.fspath(path)}: expected a block {name}")
        tokens = blocks[name].tokens()
        values = []
        while tokens.left:
            values.append(tokens.real("a mass"))
        found[name] = values
    return found

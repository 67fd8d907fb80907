"""How atoms are divided into energy groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.forces.settings import ForceSettings
from gromos_dist.selection import Selection, resolve
from gromos_dist.topology import Topology

GroupsLike = Mapping[str, Selection] | Sequence[Selection] | Literal["residue", "molecule"] | None

_REST: Final = "rest"


class Groups(NamedTuple):
    """How atoms are divided."""

    of_atom: NDArray[np.int32]
    """For each atom its group, from 0."""
    interacting: NDArray[np.bool_] | None = None
    """Which groups interact with which, symmetric; None: all with all, bonded terms included."""


def energy_groups(settings: ForceSettings, n_atoms: int) -> tuple[NDArray[np.int32], int]:
    """Return the energy group of every atom, from 0, and how many groups there are.

    Raises
    ------
    ValueError
        A group ends beyond the last atom.
    """
    ends = settings.energy_group_end
    if ends and ends[-1] > n_atoms:
        raise ValueError(
            f"the last energy group ends with atom {ends[-1]}, but there are {n_atoms} atoms"
        )
    if not ends or ends[-1] < n_atoms:
        ends = (*ends, n_atoms)
    sizes = np.diff(ends, prepend=0)
    return np.repeat(np.arange(len(ends), dtype=np.int32), sizes), len(ends)


def divide(
    groups: GroupsLike,
    between: tuple[str, str] | None,
    topology: Topology,
    settings: ForceSettings,
) -> tuple[Groups, list[Any]]:
    """Return the group of every atom, and the names of the groups."""
    if groups is None:
        of_atom, n_groups = energy_groups(settings, topology.n_atoms)
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

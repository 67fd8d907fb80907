"""Atoms by the numbers and names that they have within molecules, as GROMOS counts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import SelectionError
from gromos_dist.selection.known_atoms import KnownAtoms
from gromos_dist.selection.look_up import error_at, is_text, values_for
from gromos_dist.selection.tree import Between, Specified, Test
from gromos_dist.topology.connectivity import starts_of_runs
from gromos_dist.topology.topology import SOLVENT_RESIDUE_NAME

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_UNKNOWN = -1


def specified_atoms(node: Specified, atoms: KnownAtoms) -> Integers:
    """Return the atoms that a specifier means, each once, in its order.

    Raises
    ------
    SelectionError
        It asks for what is not known of the atoms, or for a molecule, residue or number of an atom
        that is not there. Names that no atom has choose none.
    """
    counted = _Counted(node, atoms)
    found = counted.of_solvent() if node.molecules == "s" else list(counted.of_solute())
    if not found:
        return np.empty(0, np.int64)
    every = np.concatenate(found)
    _, first = np.unique(every, return_index=True)
    return every[np.sort(first)]


@dataclass(frozen=True, eq=False)
class _Counted:
    """Atoms of a Dataset, counted within molecules, for a specifier."""

    node: Specified
    known: KnownAtoms

    def of_solute(self) -> Iterator[Integers]:
        """Go through what is asked of the solute."""
        for molecule in self._asked_molecules():
            start = np.searchsorted(self._sorted[0], molecule)
            stop = np.searchsorted(self._sorted[0], molecule, "right")
            members = self._sorted[1][start:stop]
            what = f"molecule {molecule}"
            if self.node.residues is None:
                yield from self._asked_atoms(members, self._numbers, what)
                continue
            for residue, name in self._asked_residues(members, what):
                # Within a residue, atoms count from its first.
                numbers = np.full(self.known.n_atoms, _UNKNOWN)
                if (self._residues[residue] != _UNKNOWN).all():
                    numbers[residue] = self._file_numbers[residue]
                    numbers[residue] += 1 - self._file_numbers[residue[0]]
                yield from self._asked_atoms(residue, numbers, f"{name} of {what}")

    def of_solvent(self) -> list[Integers]:
        """Return what is asked of the solvent: names molecule by molecule, or numbers."""
        members = np.flatnonzero(self._solvent)
        if not len(members):
            raise error_at(
                self.node,
                "no solvent is known here: it is what a GROMOS topology has as its solvent "
                f"(residues {SOLVENT_RESIDUE_NAME}); choose by other words, such as 'water'",
            )
        if any(isinstance(test, Between) for test in self.node.atoms):
            numbers = np.full(self.known.n_atoms, _UNKNOWN)
            first = members[0]
            if self._follows_what_is_there(first, self._solvent):
                numbers[members] = self._file_numbers[members] + 1 - self._file_numbers[first]
            return list(self._asked_atoms(members, numbers, "the solvent"))
        rank = np.full(len(members), len(self.node.atoms))
        for number, test in reversed(list(enumerate(self.node.atoms))):
            rank[self._named(members, test)] = number
        molecule = self._molecules[members]
        chosen = np.lexsort((members, rank, molecule))
        return [members[chosen[rank[chosen] < len(self.node.atoms)]]]

    # ---- what is asked ----

    def _asked_molecules(self) -> Iterator[int]:
        there = np.unique(self._sorted[0])
        if isinstance(self.node.molecules, str):
            yield from there.tolist()
            return
        for between in self.node.molecules:
            for number in range(int(between.first), int(between.last) + 1):
                place = np.searchsorted(there, number)
                if place == len(there) or there[place] != number:
                    known = (
                        f"there are {there[0]} to {there[-1]}" if len(there) else "there is none"
                    )
                    raise error_at(
                        self.node, f"there is no molecule {number} of the solute here; {known}"
                    )
                yield number

    def _asked_residues(self, members: Integers, what: str) -> Iterator[tuple[Integers, str]]:
        assert self.node.residues is not None, "the caller looks"
        run = np.cumsum(self._residue_starts[members])
        for test in self.node.residues:
            if isinstance(test, Between):
                numbers = self._residues[members]
                for number in range(int(test.first), int(test.last) + 1):
                    residue = members[numbers == number]
                    if not len(residue):
                        raise self._missing(numbers, f"residue {number}", what, "residues")
                    yield residue, f"residue {number}"
                continue
            names = values_for(self.node, "resname", self.known)[members]
            fits = np.array([test is None or is_text(str(name), test) for name in names], bool)
            for one in np.unique(run[fits]).tolist():
                residue = members[run == one]
                yield residue, f"residue {names[run == one][0]}"

    def _asked_atoms(self, members: Integers, numbers: Integers, what: str) -> Iterator[Integers]:
        for test in self.node.atoms:
            if not isinstance(test, Between):
                yield members[self._named(members, test)]
                continue
            own = numbers[members]
            chosen = members[(own >= test.first) & (own <= test.last)]
            if len(chosen) != test.last - test.first + 1:
                there = np.unique(own[(own >= test.first) & (own <= test.last)])
                in_order = int(test.first) + np.arange(len(there))
                first = int(test.first) + int((there == in_order).sum())
                raise self._missing(own, f"atom {first}", what, "atoms")
            yield chosen

    def _named(self, members: Integers, test: Test | None) -> Mask:
        if test is None:
            return np.ones(len(members), bool)
        names = values_for(self.node, "name", self.known)[members]
        texts = {text for text in set(names.tolist()) if is_text(text, test)}
        return np.isin(names, list(texts)) if texts else np.zeros(len(members), bool)

    def _missing(self, numbers: Integers, asked: str, what: str, kind: str) -> SelectionError:
        known = numbers[numbers != _UNKNOWN]
        if len(known) < len(numbers):
            return error_at(
                self.node,
                f"which {kind} of {what} are here is not known: some before them were left out; "
                "choose by number from the whole trajectory, or by name",
            )
        return error_at(
            self.node,
            f"{what} has no {asked} here; its {kind} are {known.min()} to {known.max()}",
        )

    # ---- what is known ----

    @cached_property
    def _molecules(self) -> Integers:
        return np.asarray(values_for(self.node, "molecule", self.known), np.int64)

    @cached_property
    def _solvent(self) -> Mask:
        names = self.known.property("resname")
        if names is None:
            return np.zeros(self.known.n_atoms, bool)
        return np.asarray(names == SOLVENT_RESIDUE_NAME, bool)

    @cached_property
    def _sorted(self) -> tuple[Integers, Integers]:
        """The solute's molecules and atoms, by molecule and then by number in the file."""
        solute = np.flatnonzero(~self._solvent)
        order = np.lexsort((self._file_numbers[solute], self._molecules[solute]))
        atoms = solute[order]
        return self._molecules[atoms], atoms

    @cached_property
    def _file_numbers(self) -> Integers:
        numbers = self.known.coordinate("atom_number") if self.known.is_dataset else None
        return np.arange(self.known.n_atoms) if numbers is None else np.asarray(numbers, np.int64)

    def _follows_what_is_there(self, atom: int, together: NDArray[Any]) -> bool:
        """Tell whether nothing was left out between an atom and others that come before it."""
        number = self._file_numbers[atom]
        if number == 0:
            return True
        before = self._file_numbers[atom - 1] if atom else _UNKNOWN
        return bool(before == number - 1 and together[atom - 1] != together[atom])

    @cached_property
    def _numbers(self) -> Integers:
        """The number of each atom within its molecule, from 1; unknown where some are left out."""
        numbers = np.full(self.known.n_atoms, _UNKNOWN)
        for start, stop in self._runs:
            first = self._first_number(start)
            if first != _UNKNOWN:
                numbers[start:stop] = self._file_numbers[start:stop] - first + 1
        return numbers

    @cached_property
    def _residues(self) -> Integers:
        """The number of each atom's residue within its molecule; unknown after a gap."""
        residues = np.full(self.known.n_atoms, _UNKNOWN)
        for start, stop in self._runs:
            first = self._first_number(start)
            if first == _UNKNOWN:
                continue
            within = self._file_numbers[start:stop] - first
            is_there = np.logical_and.accumulate(within == np.arange(stop - start))
            count = np.cumsum(self._residue_starts[start:stop])
            residues[start:stop] = np.where(is_there, count, _UNKNOWN)
        return residues

    def _first_number(self, start: int) -> int:
        """Return the number in the file of the first atom of a molecule; unknown if left out."""
        if self._follows_what_is_there(start, self._molecules):
            return int(self._file_numbers[start])
        # Nothing is before the first molecule.
        return 0 if self._molecules[start] == 1 else _UNKNOWN

    @cached_property
    def _runs(self) -> list[tuple[int, int]]:
        starts = np.flatnonzero(starts_of_runs(self._molecules))
        return list(zip(starts.tolist(), [*starts[1:].tolist(), self.known.n_atoms], strict=True))

    @cached_property
    def _residue_starts(self) -> Mask:
        if self.known.property("resname") is None:
            values_for(self.node, "resid", self.known)
        return self.known.residue_starts()

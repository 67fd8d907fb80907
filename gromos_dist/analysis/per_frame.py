"""What is another in every frame: atoms that are chosen by distance, and points such as centres.

An analysis that can take them has parameters annotated `FrameSelection`, and hands its kernel what
`chosen_in_frames` or `points_of` give as a constant: both are picklable. `read_only_needed` has no
other atoms read than theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from gromos_dist import kernels
from gromos_dist.analysis.broken import warn_of_broken_molecules
from gromos_dist.analysis.connections import box_of
from gromos_dist.analysis.system import masses_of, narrow, positions_of
from gromos_dist.errors import FrameError, frames_from
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.selection import Selection
from gromos_dist.selection.choice import nothing_chosen, resolve
from gromos_dist.selection.evaluate import BoundSelection, bind, evaluate, masks_of_frames
from gromos_dist.selection.languages import read, read_points
from gromos_dist.selection.look_up import error_at
from gromos_dist.selection.tree import Centre, Tree, VirtualAtom, depends_on_frame
from gromos_dist.selection.virtual_atoms import KINDS_OF_SITES

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Who has called the analysis that asks for points: whom a warning tells.
_CALLER = 5


@dataclass(frozen=True, eq=False)
class ChosenInFrames:
    """Atoms that a selection by distance chooses anew in every frame."""

    bound: BoundSelection
    """The selection among `atoms`."""
    atoms: Integers
    """Atoms of the Dataset, rising: those that can be chosen, and those whose positions tell."""
    candidates: Integers
    """Atoms of the Dataset, rising: those that can be chosen in some frame."""
    places: Integers
    """Where `atoms` are among those of a block of positions."""
    n_places: int
    """How many atoms a block of positions has."""
    octahedra: bool
    """Whether boxes are the cubes that truncated octahedra are cut from."""

    def masks(self, positions: ArrayLike, box: ArrayLike | None = None) -> Mask:
        """Return which atoms are chosen in each frame of a block.

        Parameters
        ----------
        positions : array, shape (frame, atom, 3)
            A block of the Dataset's positions, in nm: of all atoms, or of those that were kept.
        box : array, shape (frame, 3, 3), optional
            The same frames of its ``box``, in nm; None: distances are those of the positions as
            they are.

        Returns
        -------
        (frame, atom) bool array
            True for the atoms chosen; there may be frames without any.

        Raises
        ------
        FrameError
            A position that tells what is chosen is not finite, or a box has no volume.
        """
        positions = np.asarray(positions)
        box = None if box is None else lattice_vectors(np.asarray(box), self.octahedra)
        chosen = np.zeros(positions.shape[:2], bool)
        try:
            chosen[:, self.places] = masks_of_frames(self.bound, positions[:, self.places], box)
        except FrameError as error:
            raise error.of_atoms(self.places) from None
        return chosen

    def among(self, kept: Integers) -> ChosenInFrames:
        """Return the same for blocks of positions that have some atoms of the Dataset, rising."""
        return replace(self, places=np.searchsorted(kept, self.atoms), n_places=len(kept))


FrameSelection = Selection | ChosenInFrames
"""What analyses take that can choose other atoms in every frame."""


@dataclass(frozen=True, eq=False)
class _Computed:
    """A point that is computed of several atoms."""

    point: int
    of: Integers | ChosenInFrames
    """Atoms among those of a block of positions."""
    kind: str | int
    """``"com"`` or ``"cog"``, the centre of mass or geometry, or a kind of virtual atom."""
    label: str


@dataclass(frozen=True, eq=False)
class Points:
    """Points of every frame: atoms, and what is computed of several."""

    labels: tuple[str, ...]
    """A name for each point."""
    counts: tuple[int, ...]
    """How many points each specifier has given."""
    numbers: Integers
    """The atom of the Dataset that each point is; -1 for those that are none."""
    atoms: Integers
    """Atoms of the Dataset, rising, of which positions are needed."""
    places: Integers
    """Where the points that are atoms are among those of a block of positions."""
    centres: tuple[_Computed, ...]
    """Those that are computed of several atoms: centres and virtual atoms."""
    masses: Floats | None
    """Masses (u) of the atoms of a block of positions, where they count."""

    def __len__(self) -> int:
        return len(self.labels)

    def positions(self, positions: ArrayLike, box: ArrayLike | None = None) -> Floats:
        """Return where the points are in each frame of a block.

        Parameters
        ----------
        positions : array, shape (frame, atom, 3)
            A block of the Dataset's positions, in nm: of all atoms, or of those that were kept.
        box : array, shape (frame, 3, 3), optional
            The same frames of its ``box``: only centres of selections by distance look at it.
            Centres are those of the positions as they are.

        Returns
        -------
        (frame, point, 3) float64 array
            In nm.

        Raises
        ------
        FrameError
            A position is not finite, or a selection by distance chooses nothing.
        """
        positions = np.asarray(positions)
        found = np.empty((len(positions), len(self), 3))
        found[:, self.numbers >= 0] = positions[:, self.places]
        for one in self.centres:
            found[:, one.point] = self._position(one, positions, box)
        finite = np.isfinite(found).all(axis=2)
        if not finite.all():
            frame, point = (int(at) for at in np.unravel_index(np.argmin(finite), finite.shape))
            is_atom = self.numbers >= 0
            atom = int(self.places[is_atom[:point].sum()]) if is_atom[point] else None
            raise FrameError(
                f"a coordinate of {self.labels[point]} is NaN or infinite", frame, atom=atom
            )
        return found

    def _position(
        self, one: _Computed, positions: NDArray[Any], box: ArrayLike | None
    ) -> NDArray[Any]:
        weights = self.masses if one.kind == "com" else None
        if not isinstance(one.of, ChosenInFrames):
            if isinstance(one.kind, int):
                return KINDS_OF_SITES[one.kind].position(positions[:, one.of].astype(np.float64))
            return kernels.center(positions, atoms=one.of, weights=weights)
        found = np.empty((len(positions), 3))
        for frame, mask in enumerate(one.of.masks(positions, box)):
            if not mask.any():
                raise FrameError(f"there is no {one.label}: no atom is chosen", frame)
            alone = positions[frame : frame + 1]
            with frames_from(frame):
                found[frame] = kernels.center(alone, atoms=np.flatnonzero(mask), weights=weights)[0]
        return found

    def among(self, kept: Integers) -> Points:
        """Return the same for blocks of positions that have some atoms of the Dataset, rising."""

        def moved(of: Integers | ChosenInFrames) -> Integers | ChosenInFrames:
            if isinstance(of, ChosenInFrames):
                return of.among(kept)
            return np.searchsorted(kept, of)

        return replace(
            self,
            places=np.searchsorted(kept, self.places),
            centres=tuple(replace(one, of=moved(one.of)) for one in self.centres),
            masses=None if self.masses is None else self.masses[kept],
        )


def chosen_in_frames(
    ds: xr.Dataset | xr.DataArray, selection: FrameSelection
) -> Integers | ChosenInFrames:
    """Resolve a selection to atoms, or to what chooses them in every frame.

    Parameters
    ----------
    ds : Dataset or DataArray
        The trajectory.
    selection : selection
        What `gromos_dist.select` describes, also by distance; None stands for all atoms.

    Returns
    -------
    indices or ChosenInFrames
        Atoms from 0, or, where the selection looks at positions, what gives masks.

    Raises
    ------
    SelectionError
        The selection cannot be read, asks for what is not known, or can choose no atom.
    """
    if isinstance(selection, ChosenInFrames):
        return selection
    if isinstance(selection, str):
        tree = read(selection)
        if depends_on_frame(tree):
            return _in_frames(ds, tree, selection)
    return resolve(selection, ds)


def _in_frames(ds: xr.Dataset | xr.DataArray, tree: Tree, expression: str) -> ChosenInFrames:
    bound = bind(tree, ds)
    if not bound.candidates.any():
        raise nothing_chosen(expression, tree, ds)
    atoms = np.flatnonzero(bound.candidates | bound.looked_at)
    return ChosenInFrames(
        bound.of_atoms(atoms),
        atoms,
        np.flatnonzero(bound.candidates),
        places=atoms,
        n_places=bound.n_atoms,
        octahedra=box_of(ds)[1],
    )


def atoms_of_frames(
    chosen: Integers | ChosenInFrames, positions: ArrayLike, box: ArrayLike | None = None
) -> Iterator[Integers]:
    """Go through the frames of a block: for each the atoms chosen, as places in the block.

    Parameters
    ----------
    chosen : indices or ChosenInFrames
        What `read_only_needed` gives.
    positions, box
        As `ChosenInFrames.masks` takes them.
    """
    if isinstance(chosen, ChosenInFrames):
        yield from map(np.flatnonzero, chosen.masks(positions, box))
    else:
        yield from [chosen] * len(np.asarray(positions))


def points_of(
    ds: xr.Dataset | xr.DataArray, specifiers: Any, *, stacklevel: int = _CALLER
) -> Points:
    """Resolve specifiers to points.

    Parameters
    ----------
    ds : Dataset or DataArray
        The trajectory.
    specifiers : str, int or sequence of these
        A number is an atom, from 0; an array of integers or a mask is atoms. A text is a selection,
        each atom of which is a point, or ``com of X`` or ``cog of X``, the centre of mass or
        geometry of a selection, also of one by distance; in the language of GROMOS there are
        virtual atoms, ``va(com,1:a)``. Points may be there several times.
    stacklevel : int
        Of the warning; as it is for who calls from within an analysis.

    Returns
    -------
    Points

    Raises
    ------
    SelectionError
        A text cannot be read, asks for what is not known or chooses nothing, or an atom is out of
        range.
    ValueError
        Masses are needed and not known.

    Warns
    -----
    BrokenMoleculesWarning
        The box has broken molecules of which centres are asked.
    """
    alone = isinstance(specifiers, str | int | np.integer)
    is_mask = getattr(specifiers, "dtype", None) == np.bool_
    given: list[Any] = [specifiers] if alone or is_mask else list(specifiers)
    counts: list[int] = []
    found: list[int] = []
    computed: list[_Computed] = []
    for specifier in given:
        before = len(found)
        for point in read_points(specifier) if isinstance(specifier, str) else (specifier,):
            if isinstance(point, Centre | VirtualAtom) and not _is_an_atom(point):
                computed.append(_resolved(ds, point, len(found)))
                found.append(-1)
            else:
                found += _atoms(ds, point, str(specifier)).tolist()
        counts.append(len(found) - before)
    number = np.array(found, np.int64)
    labels = np.empty(len(number), object)
    labels[number >= 0] = names_of_atoms(ds, number[number >= 0])
    labels[number < 0] = [one.label for one in computed]
    masses = _masses(ds, computed)
    of_several = [
        one.of.atoms if isinstance(one.of, ChosenInFrames) else one.of for one in computed
    ]
    if of_several:
        whole = np.unique(np.concatenate(of_several))
        what = ", ".join(one.label for one in computed[:3]) + ", ..." * (len(computed) > 3)
        warn_of_broken_molecules(what, ds, whole, stacklevel=stacklevel)
    places = number[number >= 0]
    return Points(
        tuple(labels.tolist()),
        tuple(counts),
        number,
        np.unique(np.concatenate([places, *of_several])),
        places,
        tuple(computed),
        masses,
    )


def _is_an_atom(point: Centre | VirtualAtom) -> bool:
    return isinstance(point, VirtualAtom) and point.kind == 0


def _atoms(ds: xr.Dataset | xr.DataArray, point: Any, expression: str) -> Integers:
    """Return the atoms that are points each."""
    if isinstance(point, VirtualAtom):
        return _atoms(ds, point.of, expression)[:1]
    if isinstance(point, int | np.integer):
        # Pairs and the like are many single atoms.
        is_there = 0 <= point < ds.sizes["atom"]
        return np.array([point], np.int64) if is_there else resolve([int(point)], ds)
    if not isinstance(point, Sequence | np.ndarray):
        tree: Tree = point
        chosen = evaluate(tree, ds)
        if not len(chosen):
            raise nothing_chosen(expression, tree, ds)
        return chosen
    return resolve(point, ds)


def _resolved(ds: xr.Dataset | xr.DataArray, point: Centre | VirtualAtom, number: int) -> _Computed:
    if isinstance(point, Centre):
        moving = depends_on_frame(point.of)
        of = (_in_frames if moving else _atoms)(ds, point.of, point.label)
        return _Computed(number, of, "com" if point.mass_weighted else "cog", point.label)
    site = KINDS_OF_SITES[point.kind]
    atoms = _atoms(ds, point.of, point.label)
    if len(atoms) < site.n_atoms:
        message = (
            f"a virtual atom of type {point.kind} ({site.what}) is made of {site.n_atoms} atoms, "
            f"and here {len(atoms)} are chosen"
        )
        raise error_at(point, message)
    return _Computed(number, atoms[: site.n_atoms], point.kind, point.label)


def _masses(ds: xr.Dataset | xr.DataArray, computed: Iterable[_Computed]) -> Floats | None:
    """Return the masses of all atoms if some of them count, once these are known."""
    weighted = [
        one.of.candidates if isinstance(one.of, ChosenInFrames) else one.of
        for one in computed
        if one.kind == "com"
    ]
    if not weighted:
        return None
    return masses_of(positions_of(ds), np.unique(np.concatenate(weighted)))


def names_of_atoms(data: xr.Dataset | xr.DataArray, atoms: Integers) -> list[str]:
    """Return names of atoms: ``LYS5:CA``, or ``atom 7`` where nothing names them.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> from gromos_dist.analysis.per_frame import names_of_atoms
    >>> names_of_atoms(gd.open_trajectory(DCD, PSF), [0, 20])
    ['MET1:N', 'ARG2:HN']
    """
    atoms = np.asarray(atoms, np.int64)
    if "atom_name" not in data.coords:
        return [f"atom {atom}" for atom in atoms.tolist()]

    def values(name: str) -> list[Any]:
        if name not in data.coords:
            return [""] * len(atoms)
        found: list[Any] = np.asarray(data[name].values)[atoms].tolist()
        return found

    names = zip(values("residue_name"), values("residue"), values("atom_name"), strict=True)
    return [f"{residue}{number}:{atom}".lstrip(":") for residue, number, atom in names]


def read_only_needed(
    positions: xr.DataArray, *sets: Any, always: bool = False
) -> tuple[xr.DataArray, list[Any]]:
    """Have no other atoms read than those that are needed.

    Parameters
    ----------
    positions : DataArray
        Of the Dataset.
    *sets : indices, ChosenInFrames or Points
        What is needed of it.
    always : bool
        For reductions: see `narrow`.

    Returns
    -------
    positions : DataArray
        Of the atoms needed where that can be passed down to the files, or always; as they were
        otherwise.
    sets : list
        The sets for blocks of these positions: indices as places in them.
    """
    needed = [one if isinstance(one, np.ndarray) else one.atoms for one in sets]
    fewer, kept, within = narrow(positions, *needed, always=always)
    if isinstance(kept, slice):
        return positions, list(sets)
    everything = np.arange(len(kept))
    return fewer, [
        (everything if places is None else places)
        if isinstance(one, np.ndarray)
        else one.among(kept)
        for one, places in zip(sets, within, strict=True)
    ]

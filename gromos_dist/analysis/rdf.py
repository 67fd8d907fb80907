"""Radial distribution functions, running coordination numbers and densities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from gromos_dist import kernels
from gromos_dist.analysis.connections import bonds_of, is_octahedron, numbers_of
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import BOX
from gromos_dist.analysis.per_frame import (
    ChosenInFrames,
    FrameSelection,
    atoms_of_frames,
    chosen_in_frames,
    read_only_needed,
)
from gromos_dist.analysis.residues import of_which
from gromos_dist.analysis.system import positions_of
from gromos_dist.errors import FrameError, frames_from
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.kernels.boxes import lattice_vectors, volumes, without_box
from gromos_dist.mapping import Reduction
from gromos_dist.variables import Variable

Exclude = Literal["molecule", "residue", "bonded", "nothing"]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Chosen = Integers | ChosenInFrames

RDF = Variable("rdf", ("distance",), "f", "", "radial distribution function", "g(r)")
COORDINATION = Variable(
    *("coordination_number", ("distance",), "f", "", "running coordination number", "n(r)")
)
DENSITY = Variable("density", (), "f", "nm-3", "number density around an atom")
PAIRS = Variable("n_pairs", ("distance",), "i", "", "number of pairs in all frames")


class Counts(NamedTuple):
    """What is added up over frames, for each pair of sets."""

    pairs: Integers
    """In each bin, shape (set, distance)."""
    weighted: Floats
    """The same, each frame with its weight."""
    expected: Floats
    """Pairs that can be counted, over the volume (nm-3)."""
    atoms: Floats
    """Of the first set."""


@dataclass(frozen=True, eq=False)
class Sets:
    """Two sets of atoms, or one, between which distances are counted."""

    first: Chosen
    second: Chosen | None
    excluded: Integers
    """Pairs of atoms, the lower first, that do not count."""

    def of_frames(
        self, positions: NDArray[Any], box: NDArray[Any]
    ) -> Iterator[tuple[Integers, Integers | None]]:
        """Go through the atoms of both sets in each frame."""
        firsts = atoms_of_frames(self.first, positions, box)
        if self.second is None:
            yield from ((first, None) for first in firsts)
        else:
            yield from zip(firsts, atoms_of_frames(self.second, positions, box), strict=True)

    @property
    def are_fixed(self) -> bool:
        """Whether these are the same atoms in all frames."""
        return not isinstance(self.first, ChosenInFrames) and not isinstance(
            self.second, ChosenInFrames
        )


def _count(
    positions: NDArray[Any],
    box: NDArray[Any],
    *,
    sets: tuple[Sets, ...],
    labels: NDArray[np.int32] | None,
    edges: Floats,
    octahedra: bool,
    weights: Floats | None = None,
) -> Counts:
    boxes = np.asarray(lattice_vectors(box, octahedra), np.float64)
    missing = without_box(boxes)
    if missing.any():
        raise FrameError(
            "there is no box, and without its volume there is no density to compare with",
            int(missing.argmax()),
            argument=1,
        )
    frame_weights = np.ones(len(positions)) if weights is None else weights
    of_frames = volumes(boxes)
    if not of_frames.all():
        raise FrameError("the box has no volume", int(of_frames.argmin()), argument=1)
    per_volume = frame_weights / of_frames
    pairs = np.zeros((len(sets), len(edges) - 1), np.int64)
    weighted = np.zeros(pairs.shape)
    expected, atoms = np.zeros((2, len(sets)))
    for place, one in enumerate(sets):
        for frames, first, second in _runs(one, positions, box):
            excluded = _among(one.excluded, first, second)
            with frames_from(frames.start or 0):
                counts = kernels.distance_histogram(
                    positions[frames],
                    boxes[frames],
                    first,
                    second,
                    edges=edges,
                    labels=labels,
                    excluded=excluded,
                )
            pairs[place] += counts.sum(axis=0)
            weighted[place] += _weighted(counts, None if weights is None else weights[frames])
            countable = _countable(first, second, labels) - len(excluded)
            expected[place] += countable * per_volume[frames].sum()
            atoms[place] += len(first) * frame_weights[frames].sum()
    return Counts(pairs, weighted, expected, atoms)


def _runs(
    sets: Sets, positions: NDArray[Any], box: NDArray[Any]
) -> Iterator[tuple[slice, Integers, Integers | None]]:
    """Go through frames that have the same atoms in the sets."""
    listed = sets.of_frames(positions, box)
    if sets.are_fixed:
        yield (slice(None), *next(listed))
        return
    for frame, (first, second) in enumerate(listed):
        yield slice(frame, frame + 1), first, second


def _weighted(counts: Integers, weights: Floats | None) -> Floats:
    total = counts if weights is None else weights[:, None] * counts
    return np.asarray(total.sum(axis=0), np.float64)


def _countable(first: Integers, second: Integers | None, labels: NDArray[np.int32] | None) -> int:
    """Return how many pairs there are, of those with the same label none."""
    if labels is None:
        if second is None:
            return len(first) * (len(first) - 1) // 2
        return len(first) * len(second) - len(np.intersect1d(first, second))
    n_labels = int(labels.max(initial=0)) + 1
    of_first = np.bincount(labels[first], minlength=n_labels)
    if second is None:
        return (len(first) ** 2 - int(of_first @ of_first)) // 2
    of_second = np.bincount(labels[second], minlength=n_labels)
    return len(first) * len(second) - int(of_first @ of_second)


def _among(pairs: Integers, first: Integers, second: Integers | None) -> Integers:
    """Return those pairs that two sets have, in each order that is counted."""
    if not len(pairs):
        return pairs
    if second is None:
        return pairs[np.isin(pairs, first).all(axis=1)]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    return both[np.isin(both[:, 0], first) & np.isin(both[:, 1], second)]


def _together(one: Counts, other: Counts) -> Counts:
    return Counts(
        one.pairs + other.pairs,
        one.weighted + other.weighted,
        one.expected + other.expected,
        one.atoms + other.atoms,
    )


def _of_sets(
    counts: Counts, *, sets: tuple[Sets, ...], edges: Floats, **_: Any
) -> dict[str, NDArray[Any]]:
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    # In one set both atoms of a pair have the other around them.
    times = np.array([2.0 if one.second is None else 1.0 for one in sets])
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "rdf": counts.weighted / (counts.expected[:, None] * shells),
            "coordination_number": np.cumsum(counts.weighted, axis=1)
            * (times / counts.atoms)[:, None],
            "density": counts.expected * times / counts.atoms,
            "n_pairs": counts.pairs,
        }


def _of_one(counts: Counts, **constants: Any) -> dict[str, NDArray[Any]]:
    return {name: values[0] for name, values in _of_sets(counts, **constants).items()}


_VARIABLES = (RDF, COORDINATION, DENSITY, PAIRS)
_ONE = Reduction(*(_count, _together, _of_one, _VARIABLES, Counts), dtypes={PAIRS.name: np.int64})
_SEVERAL = replace(
    _ONE,
    finalize=_of_sets,
    variables=[replace(variable, dims=("set", *variable.dims)) for variable in _VARIABLES],
)


@analysis(*_VARIABLES, view="radial distribution", topic="Structure", needs=[BOX])
def rdf(
    ds: xr.Dataset,
    atoms: FrameSelection = None,
    other: FrameSelection = None,
    *,
    r_max: float = 1.0,
    bins: int = 200,
    r_min: float = 0.0,
    exclude: Exclude | None = "molecule",
    sets: Mapping[str, tuple[Any, Any]] | None = None,
    weights: xr.DataArray | ArrayLike | None = None,
) -> xr.Dataset:
    r"""Radial distribution function of atoms around atoms, with coordination number and density.

    :math:`g(r) = \sum_f h_f(r) / (N \sum_f V(r) / V_f)`: the pairs in a bin, over those that would
    be there if the :math:`N` pairs that can be counted were spread evenly over the box, where
    :math:`V(r)` is the volume of the shell, :math:`V_f` that of the box in frame :math:`f`. An atom
    and itself are no pair, and what `exclude` names is neither counted nor expected, so that g goes
    to 1 where atoms know nothing of each other. Distances are those of nearest images, in any box.
    A lower edge belongs to its bin, an upper one does not.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) and ``box`` in nm. Molecules may be broken.
    atoms : str or sequence of int, optional
        The atoms around which is looked; all when None. One listed twice counts once. A selection
        by distance is evaluated in every frame, and so is the number of pairs.
    other : str or sequence of int, optional
        The atoms that are counted around them. When None, those of `atoms`, each pair once.
    r_max : float
        The greatest distance, in nm: at most half the shortest lattice vector of every frame.
    bins : int
        How many bins there are.
    r_min : float
        The least distance, in nm; coordination numbers count from there.
    exclude : {"molecule", "residue", "bonded", "nothing"}
        Pairs that do not count: those within a molecule, within a residue, or of atoms that are
        bonded or bonded to the same atom; with ``nothing`` (or None) all pairs count.
    sets : mapping of str to (selection, selection or None), optional
        Several pairs of sets at once, by name, in place of `atoms` and `other`.
    weights : (frame,) array, optional
        How much every frame counts.

    Returns
    -------
    Dataset
        ``rdf`` (distance,) float64; ``coordination_number`` (distance,) float64: how many of the
        other atoms an atom has around it up to the coordinate ``upper_edge``; ``density`` float64,
        nm-3: of the other atoms that can be counted around an atom, so that the coordination number
        is :math:`\int 4 \pi r^2 \rho g \, dr`; ``n_pairs`` (distance,) int64: the pairs counted in
        all frames. ``distance`` is the middle of each bin, in nm. With `sets` all have the dim
        ``set`` as well. Lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError
        A selection cannot be read or is empty; molecules, residues or bonds are not known; no pair
        can be counted; bins or distances that make no sense.
    FrameError
        When computed: `r_max` is more than half the shortest lattice vector of a frame, a frame has
        no box, or a coordinate is not finite.

    References
    ----------
    M. P. Allen and D. J. Tildesley, Computer Simulation of Liquids, 2nd ed., Oxford 2017, sections
    2.6 and 8.2.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> ds = gd.open_trajectory(XTC, GRO, stop=2)
    >>> around = gd.rdf(ds, "name OW", r_max=0.9, bins=90).compute()
    >>> peak = around.rdf.idxmax("distance")
    >>> round(float(peak), 3), round(float(around.density), 1)
    (0.275, 30.5)

    Water around water, numbers and a picture::

        gromos-dist rdf md.xtc -t md.gro --atoms 'name OW' -o rdf.csv --plot rdf.png

    Its hydrogens around the oxygens of a ligand, from 0.1 to 0.8 nm::

        gromos-dist rdf md.xtc -t system.top -a 'resname DRG and element O' \
            --other 'resname SOL and element H' --r-min 0.1 --r-max 0.8 --bins 140 -o rdf.zarr

    Several at once::

        gromos-dist rdf md.xtc -t md.gro --sets 'O-O=name OW' \
            --sets 'O-H=name OW with name HW1 or name HW2' --plot both.png
    """
    positions = positions_of(ds)
    require_in_all_frames(ds, "box")
    edges = _edges(r_min, r_max, bins)
    names, chosen = _chosen(ds, atoms, other, sets)
    labels, bonded = _excluded(ds, exclude)
    listed = [one for pair in chosen for one in pair if one is not None]
    fewer, within = read_only_needed(positions, *listed, always=True)
    if fewer.sizes["atom"] < positions.sizes["atom"]:
        needed = [one if isinstance(one, np.ndarray) else one.atoms for one in listed]
        kept = np.unique(np.concatenate(needed))
        labels = None if labels is None else labels[kept]
        bonded = np.searchsorted(kept, bonded[np.isin(bonded, kept).all(axis=1)])
    resolved = iter(within)
    pairs = tuple(
        Sets(next(resolved), None if second is None else next(resolved), bonded)
        for _, second in chosen
    )
    for name, one in zip(names, pairs, strict=True):
        _require_pairs(name, one, labels, exclude)
    middles = (edges[:-1] + edges[1:]) / 2
    record = _ONE if sets is None else _SEVERAL
    found: xr.Dataset = record(
        fewer,
        ds["box"],
        coords={
            **({} if sets is None else {"set": np.array(names)}),
            "distance": ("distance", middles, {"units": "nm", "long_name": "distance"}),
            "upper_edge": (
                *("distance", edges[1:]),
                {"units": "nm", "long_name": "upper edge of the bin"},
            ),
        },
        weights=weights,
        sets=pairs,
        labels=labels,
        edges=edges,
        octahedra=is_octahedron(ds),
    )
    return found.assign_attrs(exclude=exclude or "nothing")


def _edges(r_min: float, r_max: float, bins: int) -> Floats:
    if not 0.0 <= r_min < r_max < np.inf:
        raise ValueError(
            f"r_min, r_max: expected distances in nm, the first the lower, got {r_min}, {r_max}"
        )
    if bins != int(bins) or not 1 <= bins <= 1_000_000:
        raise ValueError(f"bins: expected a number from 1 to 1000000, got {bins}")
    return np.linspace(r_min, r_max, int(bins) + 1)


def _chosen(
    ds: xr.Dataset,
    atoms: FrameSelection,
    other: FrameSelection,
    sets: Mapping[str, tuple[Any, Any]] | None,
) -> tuple[list[str], list[tuple[Chosen, Chosen | None]]]:
    """Return the names of the pairs of sets, and the sets, resolved."""
    if sets is None:
        # Those of the parameters are resolved already.
        given = {"": (atoms, other)}
    elif other is not None or not sets:
        raise ValueError("sets: expected at least one pair of sets, in place of atoms and other")
    else:
        given = {str(name): _pair(name, pair) for name, pair in sets.items()}
    return list(given), [
        (_each_once(ds, first), None if second is None else _each_once(ds, second))
        for first, second in given.values()
    ]


def _each_once(ds: xr.Dataset, selection: FrameSelection) -> Chosen:
    chosen = chosen_in_frames(ds, selection)
    return chosen if isinstance(chosen, ChosenInFrames) else np.unique(chosen)


def _pair(name: str, pair: Any) -> tuple[Any, Any]:
    if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
        raise ValueError(
            f"sets: expected two selections for {name!r}, the second may be None, got {pair!r}"
        )
    return pair[0], pair[1]


def _excluded(ds: xr.Dataset, exclude: Exclude | None) -> tuple[NDArray[np.int32] | None, Integers]:
    """Return labels that atoms of a pair must not share, and pairs that do not count."""
    nothing = np.empty((0, 2), np.int64)
    if exclude in (None, "nothing"):
        return None, nothing
    if exclude == "bonded":
        return None, _near_bonds(ds)
    if exclude not in get_args(Exclude):
        raise ValueError(
            f"exclude: expected 'molecule', 'residue', 'bonded' or 'nothing', got {exclude!r}"
        )
    groups = of_which(ds, "residue" if exclude == "residue" else "molecule")
    return np.unique(groups, return_inverse=True)[1].astype(np.int32), nothing


def _near_bonds(ds: xr.Dataset) -> Integers:
    """Return the pairs that are bonded, or bonded to the same atom, as places, the lower first."""
    bonds = bonds_of(ds)
    if not len(bonds):
        raise ValueError(
            "exclude='bonded' needs bonds: open the trajectory with a topology that has them "
            "(GROMOS, PSF, TPR)"
        )
    # Between atoms of the file: what is in the middle may not have been read.
    ends = np.concatenate([bonds, bonds[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    starts = np.flatnonzero(np.diff(ends[:, 0], prepend=-1))
    around = np.split(ends[:, 1], starts[1:])
    second = [
        np.stack(np.meshgrid(one, one), axis=-1).reshape(-1, 2) for one in around if len(one) > 1
    ]
    pairs = np.concatenate([bonds, *second])
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    return np.unique(np.sort(numbers_of(ds).places(pairs), axis=1), axis=0)


def _require_pairs(
    name: str, sets: Sets, labels: NDArray[np.int32] | None, exclude: Exclude | None
) -> None:
    if isinstance(sets.first, ChosenInFrames) or isinstance(sets.second, ChosenInFrames):
        return
    excluded = _among(sets.excluded, sets.first, sets.second)
    if _countable(sets.first, sets.second, labels) > len(excluded):
        return
    which = f" of {name!r}" if name else ""
    raise ValueError(
        f"rdf: there is no pair{which} that can be counted: there are {len(sets.first)} and "
        f"{len(sets.first if sets.second is None else sets.second)} atoms, and exclude={exclude!r} "
        "leaves out what is between them"
    )

"""Hydrogen bonds of frames: which there are, how long and how straight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import aligned, as_frames, type_of
from gromos_dist.kernels.boxes import as_boxes

# Room is made for so many bonds of a hydrogen; where that is too little, for as many as there are.
_USUAL_BONDS = 2

_COLUMNS = {"hydrogen": np.int32, "acceptor": np.int32, "distance": float, "angle": float}
_SECOND = {
    "other_acceptor": np.int32,
    "other_distance": float,
    "other_angle": float,
    "angle_sum": float,
    "plane": float,
}


class BondCriteria(NamedTuple):
    """What counts as a hydrogen bond D-H...A."""

    distance: float
    """At most, in nm."""
    distance_included: bool
    """Whether the distance itself is still within it."""
    distance_from: str
    """The distance of A is measured from: ``"hydrogen"`` or ``"donor"``."""
    angle: float
    """In degrees: at the hydrogen (D-H-A) at least, at the donor (H-D-A) at most."""
    angle_included: bool
    angle_at: str
    """``"hydrogen"`` or ``"donor"``."""
    curvature: float = 0.0
    """The distance is at most distance - curvature * angle^2; nm degree-2."""


class ThreeCenterCriteria(NamedTuple):
    """What counts as a hydrogen bond to two acceptors."""

    distance: float = 0.27
    """Of H and each acceptor, at most, in nm."""
    angle: float = 90.0
    """D-H-A with each acceptor, at least, in degrees."""
    angle_sum: float = 340.0
    """Of the three angles at the hydrogen, at least, in degrees."""
    plane: float = 15.0
    """Between the planes D-A-A' and H-A-A', at most, in degrees."""


@dataclass(frozen=True, eq=False)
class BondSites:
    """Between which atoms bonds are looked for.

    A hydrogen and an acceptor are looked at when their units differ and their sides share a bit.
    """

    hydrogens: NDArray[np.int64]
    donors: NDArray[np.int64]
    """What each hydrogen is bonded to; rising, so that the hydrogens of a donor are together."""
    acceptors: NDArray[np.int64]
    """Rising."""
    hydrogen_units: NDArray[np.int32]
    acceptor_units: NDArray[np.int32]
    hydrogen_sides: NDArray[np.uint8]
    acceptor_sides: NDArray[np.uint8]


def hydrogen_bonds(
    positions: ArrayLike,
    box: ArrayLike | None,
    sites: BondSites,
    criteria: BondCriteria | ThreeCenterCriteria,
    *,
    any_angle: bool = False,
) -> dict[str, NDArray[Any]]:
    """Find the hydrogen bonds of every frame, between nearest images.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    box : array, shape (frames, 3, 3), optional
        Rows are the box vectors, in nm; NaN or zeros: the frame has no box.
    sites : BondSites
        Donors, hydrogens and acceptors.
    criteria : BondCriteria or ThreeCenterCriteria
        What counts; of the latter, bonds of a hydrogen to two acceptors.
    any_angle : bool
        Whether pairs within the distance count whatever the angle is.

    Returns
    -------
    dict
        ``counts`` (frames,) int64; and of every bond, in the order of frames, hydrogens and
        acceptors: ``hydrogen`` and ``acceptor`` (int32, places among the sites), ``distance`` (nm)
        and ``angle`` (degrees). Of three centers also ``other_acceptor``, ``other_distance``,
        ``other_angle``, ``angle_sum`` and ``plane`` (degrees).

    Raises
    ------
    ValueError
        Shapes that do not match, or a site that is no atom.
    FrameError
        A coordinate is NaN or infinite, or a box has no volume.
    """
    frames = as_frames(positions)
    n_hydrogens = len(sites.hydrogens)
    capacity = len(frames) * (_USUAL_BONDS * n_hydrogens + 16)
    found = _found(frames, box, sites, criteria, any_angle, capacity)
    n_bonds = int(found["counts"].sum())
    if n_bonds > capacity:
        found = _found(frames, box, sites, criteria, any_angle, n_bonds)
    return {
        name: values if name == "counts" else values[:n_bonds] for name, values in found.items()
    }


def count_hydrogen_bonds(
    positions: ArrayLike,
    box: ArrayLike | None,
    sites: BondSites,
    criteria: BondCriteria | ThreeCenterCriteria,
) -> NDArray[np.int64]:
    """Count the hydrogen bonds of every frame; as `hydrogen_bonds`.

    Returns
    -------
    array of int64, shape (frames,)
    """
    counts: NDArray[np.int64] = _found(as_frames(positions), box, sites, criteria, False, 0)[
        "counts"
    ]
    return counts


def _found(
    frames: NDArray[Any],
    box: ArrayLike | None,
    sites: BondSites,
    criteria: BondCriteria | ThreeCenterCriteria,
    any_angle: bool,
    capacity: int,
) -> dict[str, NDArray[Any]]:
    n_frames, n_atoms, _ = frames.shape
    boxes = as_boxes(box, n_frames)
    three = isinstance(criteria, ThreeCenterCriteria)
    columns = _COLUMNS | (_SECOND if three else {})
    found: dict[str, NDArray[Any]] = {name: np.empty(capacity, of) for name, of in columns.items()}
    counts = np.zeros(n_frames, np.int64)
    table = ffi.new("struct gd_bond_table *")
    table.capacity = capacity
    for name, values in found.items():
        setattr(table, name, _pointer(values))
    c_sites, _kept = _sites(sites, n_atoms, criteria)
    work = aligned(lib.gd_hydrogen_bonds_work(c_sites, n_atoms))
    where = new_where()
    check(
        lib.gd_hydrogen_bonds(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            ffi.NULL if boxes is None else _pointer(boxes),
            c_sites,
            _criteria(criteria, any_angle),
            table,
            _pointer(counts),
            _pointer(work),
            where,
        ),
        where,
    )
    return {"counts": counts, **found}


_TYPES: dict[np.dtype[Any], str] = {
    np.dtype(np.int32): "int32_t[]",
    np.dtype(np.int64): "int64_t[]",
    np.dtype(np.uint8): "uint8_t[]",
    np.dtype(np.float64): "double[]",
}


def _pointer(values: NDArray[Any]) -> Any:
    return ffi.from_buffer(_TYPES[values.dtype], values)


def _sites(
    sites: BondSites, n_atoms: int, criteria: BondCriteria | ThreeCenterCriteria
) -> tuple[Any, list[NDArray[Any]]]:
    """Return the struct, and the memory that it points to beside that of the sites."""
    struct = ffi.new("struct gd_bond_sites *")
    struct.n_hydrogens, struct.n_acceptors = len(sites.hydrogens), len(sites.acceptors)
    for name, values in vars(sites).items():
        of = struct.n_acceptors if name.startswith("acceptor") else struct.n_hydrogens
        is_site = name in ("hydrogens", "donors", "acceptors")
        if len(values) != of or (
            is_site and of and not 0 <= values.min() <= values.max() < n_atoms
        ):
            raise ValueError(f"sites: expected {of} {name} of {n_atoms} atoms, got {values}")
        setattr(struct, name, _pointer(values))
    searched, first = sites.hydrogens, np.arange(len(sites.hydrogens))
    if isinstance(criteria, BondCriteria) and criteria.distance_from == "donor":
        searched, first = np.unique(sites.donors, return_index=True)
    first = np.append(first, len(sites.hydrogens))
    struct.n_searched = len(searched)
    struct.searched, struct.first_hydrogen = _pointer(searched), _pointer(first)
    return struct, [searched, first]


def _criteria(criteria: BondCriteria | ThreeCenterCriteria, any_angle: bool) -> Any:
    struct = ffi.new("struct gd_bond_criteria *")
    struct.distance, struct.angle, struct.any_angle = criteria.distance, criteria.angle, any_angle
    if isinstance(criteria, ThreeCenterCriteria):
        struct.three_centers = struct.distance_included = struct.angle_included = True
        struct.angle_sum, struct.plane = criteria.angle_sum, criteria.plane
        return struct
    struct.curvature = criteria.curvature
    struct.from_donor = criteria.distance_from == "donor"
    struct.at_donor = criteria.angle_at == "donor"
    struct.distance_included = criteria.distance_included
    struct.angle_included = criteria.angle_included
    return struct

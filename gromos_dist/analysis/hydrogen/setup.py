"""What all analyses of hydrogen bonds begin with: atoms, box, criteria, and these in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import box_of
from gromos_dist.analysis.hydrogen import criteria as named_criteria
from gromos_dist.analysis.hydrogen.sites import MassFile, Participants, participants
from gromos_dist.analysis.system import narrow, positions_of
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.kernels.hydrogen_bonds import (
    BondCriteria,
    BondSites,
    ThreeCenterCriteria,
    count_hydrogen_bonds,
    hydrogen_bonds,
)
from gromos_dist.selection import Selection

Array = NDArray[Any]


@dataclass(frozen=True)
class Search:
    """What the kernels are called with for every block of frames."""

    sites: BondSites
    criteria: BondCriteria | ThreeCenterCriteria
    octahedra: bool

    @property
    def n_acceptors(self) -> int:
        """How many atoms can take bonds."""
        return len(self.sites.acceptors)

    @property
    def measured(self) -> tuple[str, ...]:
        """The numbers that bonds have."""
        if isinstance(self.criteria, ThreeCenterCriteria):
            return (
                *("distance", "angle", "other_distance", "other_angle"),
                *("angle_sum", "plane"),
            )
        return ("distance", "angle")

    def find(self, positions: Array, box: Array | None, *, any_angle: bool = False) -> Any:
        """Find the bonds of some frames."""
        boxes = lattice_vectors(box, self.octahedra)
        return hydrogen_bonds(positions, boxes, self.sites, self.criteria, any_angle=any_angle)

    def count(self, positions: Array, box: Array | None) -> NDArray[np.int64]:
        """Count the bonds of some frames."""
        boxes = lattice_vectors(box, self.octahedra)
        return count_hydrogen_bonds(positions, boxes, self.sites, self.criteria)

    def is_bonded(self, found: Any) -> NDArray[np.bool_]:
        """Say which of the pairs that were found with any angle are bonds."""
        criteria = self.criteria
        assert isinstance(criteria, BondCriteria), "of three centers there are no single pairs"
        sign = 1.0 if criteria.angle_at == "donor" else -1.0
        angle, limit = sign * found["angle"], sign * criteria.angle
        straight = angle <= limit if criteria.angle_included else angle < limit
        most = criteria.distance - criteria.curvature * (found["angle"] * found["angle"])
        distance = found["distance"]
        bent = distance <= most if criteria.distance_included else distance < most
        return np.asarray(straight & bent if criteria.curvature else straight, bool)

    def keys(self, found: Any) -> NDArray[np.int64]:
        """Return a number for each bond that is found, by which they rise in their order."""
        keys: NDArray[np.int64] = (
            found["hydrogen"].astype(np.int64) * self.n_acceptors + found["acceptor"]
        )
        if isinstance(self.criteria, ThreeCenterCriteria):
            keys = keys * self.n_acceptors + found["other_acceptor"]
        return keys

    def of_keys(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Return the places of hydrogens and acceptors of which `keys` made these."""
        places = []
        for _ in range(2 if isinstance(self.criteria, ThreeCenterCriteria) else 1):
            keys, place = np.divmod(keys, self.n_acceptors)
            places.append(place)
        return keys, *reversed(places)


@dataclass(frozen=True)
class Setup:
    """An analysis of hydrogen bonds before it begins."""

    inputs: tuple[xr.DataArray, ...]
    """Positions, and the box if there is one."""
    search: Search
    atoms: Participants
    attrs: dict[str, str]
    """What was chosen, in words."""

    @property
    def names(self) -> Mapping[str, Any]:
        """Coordinates that name all atoms."""
        return self.atoms.names

    @property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """The atoms that take part."""
        atoms = self.atoms
        return {"donor": atoms.donors, "hydrogen": atoms.hydrogens, "acceptor": atoms.acceptors}


def setup(
    ds: xr.Dataset | xr.DataArray,
    *,
    donors: Selection,
    acceptors: Selection,
    between: Sequence[Selection] | None,
    criteria: str,
    cutoff: float | None,
    angle: float | None,
    curvature: float | None,
    three_center: bool,
    three_center_limits: named_criteria.ThreeCenterLimits,
    rule: str,
    elements: Sequence[str],
    charges: Sequence[float],
    mass_file: MassFile,
    exclude: str,
    periodic: bool,
) -> Setup:
    """Prepare the search for hydrogen bonds.

    Raises
    ------
    ValueError
        A choice makes no sense, or hydrogens, donors or acceptors are missing.
    """
    applied: BondCriteria | ThreeCenterCriteria
    applied = named_criteria.criteria_of(criteria, cutoff, angle, curvature)
    said = f"{criteria}: {named_criteria.described(applied)}"
    if three_center:
        if criteria != "gromos" or (cutoff, angle) != (None, None):
            raise ValueError(
                "three_center: bonds to two acceptors have limits of their own "
                "(three_center_limits); criteria, cutoff and angle say nothing of them"
            )
        applied = named_criteria.three_center_of(three_center_limits)
        said = f"three centers: {named_criteria.three_center_described(applied)}"
    positions = positions_of(ds)
    atoms = participants(
        ds,
        positions,
        donors,
        acceptors,
        between,
        rule,
        elements,
        charges,
        mass_file,
        exclude,
    )
    box, octahedra = box_of(ds, periodic)
    positions, kept, _ = narrow(positions, atoms.atoms, always=True)
    search = Search(atoms.among(kept), applied, octahedra)
    attrs = {
        "criteria": said,
        "rule": f"{rule}: {atoms.rule}",
        "excluded": f"acceptors of the same {exclude}"
        if exclude != "donor"
        else "the donor itself",
        "images": "nearest" if box else "as they are",
    }
    if atoms.bond_origin:
        attrs["bonds"] = atoms.bond_origin
    return Setup((positions, *box), search, atoms, attrs)

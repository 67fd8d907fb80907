"""Distances of all atoms, residues or molecules: of every frame, or their mean."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.groups import Criteria, PairsOfGroups, groups_of
from gromos_dist.analysis.residues import KINDS, By
from gromos_dist.mapping import Map, Reduction
from gromos_dist.selection import Selection
from gromos_dist.variables import Variable

Array = NDArray[Any]

DISTANCES = {
    by: Variable("distance_matrix", ("frame", by, f"other_{by}"), "f", "nm", "distance")
    for by in KINDS
}
MEANS = {
    by: (
        Variable("mean_distance", (by, f"other_{by}"), "f", "nm", "mean distance"),
        Variable(
            *("distance_deviation", (by, f"other_{by}"), "f", "nm"),
            "standard deviation of the distance",
        ),
    )
    for by in KINDS
}

# Distances that are in memory at a time where their mean is asked for.
_AT_A_TIME = 2**17


def _distances(positions: Array, box: Array | None = None, *, pairs: PairsOfGroups) -> Array:
    return pairs.distances(positions, box)


class _Moments(NamedTuple):
    n_frames: int
    mean: Array
    squares: Array
    """Sum of the squares of differences from the mean."""


def _moments(positions: Array, box: Array | None = None, *, pairs: PairsOfGroups) -> _Moments:
    n_groups, n_others = pairs.shape
    step = max(1, _AT_A_TIME // (n_groups * n_others))
    state: _Moments | None = None
    for first in range(0, len(positions), step):
        some = slice(first, first + step)
        found = pairs.distances(positions[some], None if box is None else box[some])
        mean = found.mean(axis=0)
        own = _Moments(len(found), mean, ((found - mean) ** 2).sum(axis=0))
        state = own if state is None else _together(state, own)
    assert state is not None, "a block has at least one frame"
    return state


def _together(one: _Moments, other: _Moments) -> _Moments:
    """Return the moments of both (T. F. Chan, G. H. Golub, R. J. LeVeque, 1979)."""
    n_frames = one.n_frames + other.n_frames
    apart = other.mean - one.mean
    return _Moments(
        n_frames,
        one.mean + apart * (other.n_frames / n_frames),
        one.squares + other.squares + apart**2 * (one.n_frames * other.n_frames / n_frames),
    )


def _mean_and_deviation(state: _Moments, **_: Any) -> dict[str, Array]:
    return {
        "mean_distance": state.mean,
        "distance_deviation": np.sqrt(state.squares / state.n_frames),
    }


@analysis(
    *DISTANCES.values(),
    *(variable for pair in MEANS.values() for variable in pair),
    view="mean map",
    topic="Distances",
)
def distance_matrix(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: Selection = None,
    other: Selection = None,
    by: By = "atom",
    criteria: Criteria = "closest",
    mean: bool = False,
    periodic: bool = True,
) -> xr.DataArray | xr.Dataset:
    r"""Distances between all atoms, residues or molecules, in every frame or on the average.

    The distance of residues or molecules is that of their closest atoms.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and, for nearest images, ``box``.
    atoms : str or sequence of int, optional
        The atoms; all when None.
    other : str or sequence of int, optional
        A second set: distances of the first to it. None: those within the first.
    by : {"atom", "residue", "molecule"}
        What distances are of.
    criteria : {"closest", "closest-heavy", "ca"}
        Which atoms count: all, heavy ones, or the alpha carbons of protein.
    mean : bool
        Return the mean over all frames and the standard deviation; the memory for these does not
        grow with the number of frames.
    periodic : bool
        Distances are those of nearest images, where `ds` has a box; False: of the coordinates as
        they are.

    Returns
    -------
    DataArray or Dataset
        ``distance_matrix`` (frame, atom, other_atom), or of residues or molecules, float64, nm.
        With `mean` a Dataset of ``mean_distance`` and ``distance_deviation`` (atom, other_atom),
        both float64, nm; the deviation is divided by the number of frames. Numbers and names are
        coordinates. Lazy if `ds` is.

    Raises
    ------
    SelectionError
        A selection cannot be read or is empty, or none of its atoms counts; residues, molecules or
        elements are not known.
    ValueError
        A choice makes no sense.
    FrameError
        When computed: a frame has coordinates that are not finite, or a box without volume.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> gd.distance_matrix(ds, atoms="name CA and resid 1-3")[0].values.round(3)
    array([[0.   , 0.386, 0.662],
           [0.386, 0.   , 0.38 ],
           [0.662, 0.38 , 0.   ]])

    Mean distances of residues, by their closest heavy atoms::

        gromos-dist distance-matrix md.dcd -t protein.psf --by residue --criteria closest-heavy \
            --mean -o distances.nc --plot distances.png
    """
    groups = groups_of(ds, atoms, other, by=by, criteria=criteria, periodic=periodic)
    if not mean:
        found = Map(_distances, DISTANCES[by])(
            *groups.inputs, coords=groups.labels, pairs=groups.pairs
        )
        return found.assign_attrs(**groups.attrs)
    record = Reduction(_moments, _together, _mean_and_deviation, MEANS[by], state=_Moments)
    both: xr.Dataset = record(*groups.inputs, coords=groups.labels, pairs=groups.pairs)
    return both.assign_attrs(**groups.attrs).map(lambda one: one.assign_attrs(**groups.attrs))

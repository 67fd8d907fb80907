"""How long hydrogen bonds last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.hydrogen.criteria import CriteriaName
from gromos_dist.analysis.hydrogen.existence import (
    Existence,
    Found,
    all_lasting,
    existence_of,
    following,
)
from gromos_dist.analysis.hydrogen.setup import Search, setup
from gromos_dist.analysis.hydrogen.sites import (
    ACCEPTOR_CHARGE,
    HYDROGEN_CHARGE,
    Exclude,
    MassFile,
    Rule,
)
from gromos_dist.mapping import Reduction
from gromos_dist.selection import Selection
from gromos_dist.variables import Variable

Array = NDArray[Any]

CONTINUOUS = Variable(
    *("continuous", ("lag",), "f", "", "chance that a bond is there all the time", "continuous")
)
INTERMITTENT = Variable(
    *("intermittent", ("lag",), "f", "", "chance that a bond is there again", "intermittent")
)
UNBONDED = Variable(
    *("unbonded", ("lag",), "f", "", "chance that a bond is broken, its atoms still in reach"),
    "broken, in reach",
)
_NAMES = (
    ("continuous_lifetime", "integral of the continuous correlation"),
    ("intermittent_lifetime", "integral of the intermittent correlation"),
    ("breaking_rate", "rate k at which bonds break"),
    ("forming_rate", "rate k' at which broken bonds form again"),
)
MOST_LAGS = 1000


def _existence(
    positions: Array,
    box: Array | None = None,
    *,
    search: Search,
    n_lags: int,
    spacing: float,
    fit: tuple[float, float],
) -> Existence:
    del spacing, fit
    found = search.find(positions, box, any_angle=True)
    frames = np.repeat(np.arange(len(positions)), found["counts"])
    pairs = Found(frames, search.keys(found), search.is_bonded(found))
    return existence_of(pairs, len(positions), n_lags)


def _lifetimes(
    of_all: Existence, search: Search, n_lags: int, spacing: float, fit: tuple[float, float]
) -> dict[str, Any]:
    del search
    lags = np.arange(n_lags)
    n_bonds = of_all.remained[0]
    # Not of a number without bonds: there is nothing to divide by.
    share = np.nan if not n_bonds else of_all.n_frames / n_bonds
    origins = of_all.n_frames - lags
    continuous, intermittent, unbonded = (
        counts / origins * share
        for counts in (
            all_lasting(of_all),
            of_all.remained,
            of_all.in_reach - of_all.remained,
        )
    )
    breaking, forming = _rates(lags * spacing, intermittent, unbonded, fit)
    return {
        "continuous": continuous,
        "intermittent": intermittent,
        "unbonded": unbonded,
        "continuous_lifetime": _integral(continuous, spacing),
        "intermittent_lifetime": _integral(intermittent, spacing),
        "breaking_rate": breaking,
        "forming_rate": forming,
    }


def _integral(values: Array, spacing: float) -> float:
    return float((values[1:] + values[:-1]).sum() * spacing / 2)


def _rates(
    times: Array, intermittent: Array, unbonded: Array, fit: tuple[float, float]
) -> tuple[float, float]:
    """Return k and k' of -dC/dt = k C - k' n with the least squares in a range of times."""
    if len(times) < 3 or not np.isfinite(intermittent).all():
        return np.nan, np.nan
    slope = -np.gradient(intermittent, times)
    chosen = (times >= fit[0]) & (times <= fit[1])
    # The slope at the ends is of one side only.
    chosen[[0, -1]] = False
    terms = np.stack([intermittent, -unbonded], axis=1)[chosen]
    if np.linalg.matrix_rank(terms) < 2:
        return np.nan, np.nan
    (breaking, forming), *_ = np.linalg.lstsq(terms, slope[chosen], rcond=None)
    return float(breaking), float(forming)


def _record(unit: str) -> Reduction:
    units = (unit, unit, f"{unit}-1" if unit else "", f"{unit}-1" if unit else "")
    numbers = [Variable(n, (), "f", of, what) for (n, what), of in zip(_NAMES, units, strict=True)]
    variables = [CONTINUOUS, INTERMITTENT, UNBONDED, *numbers]
    return Reduction(_existence, following, _lifetimes, variables, Existence)


_IN_TIME, _IN_FRAMES = _record("ps"), _record("")


@analysis(CONTINUOUS, INTERMITTENT, UNBONDED, view="lifetimes", topic="Hydrogen bonds")
def hydrogen_bond_lifetimes(
    ds: xr.Dataset | xr.DataArray,
    *,
    max_lag: int | None = None,
    fit_from: float | None = None,
    fit_to: float | None = None,
    donors: Selection = None,
    acceptors: Selection = None,
    between: tuple[str, str] | None = None,
    criteria: CriteriaName = "gromos",
    cutoff: float | None = None,
    angle: float | None = None,
    curvature: float | None = None,
    rule: Rule = "elements",
    elements: Sequence[str] = ("N", "O", "S"),
    charges: tuple[float, float] = (HYDROGEN_CHARGE, ACCEPTOR_CHARGE),
    mass_file: MassFile = None,
    exclude: Exclude = "donor",
    periodic: bool = True,
) -> xr.Dataset:
    r"""How long hydrogen bonds last: correlations of their existence, and lifetimes.

    With h = 1 where a hydrogen and an acceptor are bonded and 0 where not, the intermittent
    correlation is the mean of h(0) h(t) divided by that of h; the continuous one asks that the bond
    is there in all frames between. Means are over all pairs and all origins, as many as there are
    for each lag.

    The rates are those of Luzar and Chandler, by least squares of

    .. math:: -\frac{dC}{dt} = k\,C(t) - k'\,n(t)

    with the intermittent C and with n, the chance that the bond is broken at t while its atoms are
    still within the distance of the criteria. 1/k is the lifetime of a bond by that model.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm, hydrogens among them, and bonds or names by
        which these are guessed.
    max_lag : int, optional
        The longest lag, in frames; half of the frames, at most 1000, when None. Memory holds the
        bonds of so many frames, however many there are.
    fit_from, fit_to : float, optional
        From which time on and until when the rates are fitted, in ps; all lags when None.
    donors, acceptors, between, criteria, cutoff, angle, curvature
        As for `hydrogen_bonds`.
    rule, elements, charges, mass_file, exclude, periodic
        As for `hydrogen_bonds`.

    Returns
    -------
    Dataset
        ``continuous``, ``intermittent`` and ``unbonded`` (lag,), the lag in ps (in frames where
        there is no time); ``continuous_lifetime`` and ``intermittent_lifetime``, their integrals
        up to the longest lag, in ps; ``breaking_rate`` k and ``forming_rate`` k', in ps-1. NaN
        where there are no bonds, or too few lags. Lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError
        As `hydrogen_bonds`; there are less than two frames, or they are not equally far apart in
        time; no such lag.
    FrameError
        When computed: a frame has coordinates that are not finite.

    References
    ----------
    D. C. Rapaport, Mol. Phys. 50 (1983) 1151; A. Luzar and D. Chandler, Nature 379 (1996) 55.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> lifetimes = gd.hydrogen_bond_lifetimes(ds, max_lag=20).compute()
    >>> round(float(lifetimes.intermittent[1]), 3)
    0.807

    The curves and the lifetimes of the bonds of a protein::

        gromos-dist hydrogen-bond-lifetimes md.dcd -t protein.psf -o life.csv --plot life.png
    """
    found = setup(
        ds,
        donors=donors,
        acceptors=acceptors,
        between=between,
        criteria=criteria,
        cutoff=cutoff,
        angle=angle,
        curvature=curvature,
        three_center=False,
        three_center_limits=(0.27, 90.0, 340.0, 15.0),
        rule=rule,
        elements=elements,
        charges=charges,
        mass_file=mass_file,
        exclude=exclude,
        periodic=periodic,
    )
    positions = found.inputs[0]
    n_frames = positions.sizes["frame"]
    if n_frames < 2:
        raise ValueError(f"hydrogen_bond_lifetimes: expected at least two frames, got {n_frames}")
    longest = min(max(1, n_frames // 2), MOST_LAGS) if max_lag is None else max_lag
    if not 1 <= longest < n_frames:
        raise ValueError(
            f"max_lag: expected from 1 to {n_frames - 1} frames, one less than there are, got "
            f"{max_lag}"
        )
    spacing = _spacing(positions)
    lags = np.arange(longest + 1) * (1.0 if spacing is None else spacing)
    attrs = {"units": "ps"} if spacing is not None else {}
    what = "lag" if spacing is not None else "lag in frames"
    record = _IN_FRAMES if spacing is None else _IN_TIME
    lifetimes: xr.Dataset = record(
        *found.inputs,
        coords={"lag": ("lag", lags, {**attrs, "long_name": what})},
        search=found.search,
        n_lags=longest + 1,
        spacing=1.0 if spacing is None else spacing,
        fit=(0.0 if fit_from is None else fit_from, np.inf if fit_to is None else fit_to),
    )
    return lifetimes.assign_attrs(found.attrs)


def _spacing(positions: xr.DataArray) -> float | None:
    """Return the time between frames (ps); None where no time is known.

    Raises
    ------
    ValueError
        Frames are not equally far apart.
    """
    if "time" not in positions.coords:
        return None
    times = np.asarray(positions["time"].values, np.float64)
    steps = np.diff(times)
    spacing = float((times[-1] - times[0]) / len(steps))
    # Times in files have few digits.
    usual = float(np.median(steps))
    wrong = np.flatnonzero(~(abs(steps - usual) <= 0.01 * abs(usual)))
    if not usual > 0 or len(wrong):
        frame = int(wrong[0]) if len(wrong) else 0
        raise ValueError(
            "hydrogen_bond_lifetimes: expected frames equally far apart in time, but frames "
            f"{frame} and {frame + 1} are {steps[frame]:g} ps apart, most are {usual:g} ps; choose "
            "frames with .isel(frame=...), or drop the coordinate 'time'"
        )
    return spacing

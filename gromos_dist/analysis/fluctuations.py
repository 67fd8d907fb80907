"""How far atoms stray from their mean positions: fluctuations, B-factors, the average structure."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from gromos_dist import kernels
from gromos_dist.analysis.broken import Indices
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import MASSES, WHOLE
from gromos_dist.analysis.residues import residues_of
from gromos_dist.analysis.system import (
    Reference,
    masses_of,
    positions_of,
    reference_positions,
    selected,
)
from gromos_dist.kernels.rmsd import PreparedReference
from gromos_dist.mapping import Reduction
from gromos_dist.selection import Selection
from gromos_dist.variables import VARIABLES, Variable

Floats = NDArray[np.float64]

_BY = ("atom", "residue")

RMSF = Variable("rmsf", ("atom",), "f", "nm", "root-mean-square fluctuation", "RMSF")
BFACTORS = Variable("bfactors", ("atom",), "f", "nm2", "B-factor")
AVERAGE = Variable("average", ("atom", "xyz"), "f", "nm", "average position")
SHIFT = Variable("shift", (), "f", "nm", "how far the last round has moved the average structure")


@analysis(RMSF, view="profile", topic="Structure", needs=[MASSES, WHOLE])
def rmsf(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: Selection = None,
    fit: Selection | Literal[False] = None,
    reference: Reference | Literal["average"] = "average",
    mass_weighted: bool = False,
    by: Literal["atom", "residue"] = "atom",
    rounds: int = 10,
    tolerance: float = 1e-6,
    weights: ArrayLike | None = None,
) -> xr.DataArray:
    r"""Root-mean-square fluctuation of atoms or residues about their mean positions.

    Frames are superposed on their own average, unless `reference` or `fit` say otherwise.

    :math:`\sqrt{\langle |r_i - \langle r_i \rangle|^2 \rangle}`, all three components together,
    means over all frames (divided by their number, not by one less).

    The average structure is found in rounds: frames are put onto the first frame, then onto the
    average of these, and so on, until the average moves by no more than `tolerance`. Each round
    reads the frames once, in a pass of its own; those that are not needed any more read nothing.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms measured; all when None.
    fit : str, sequence of int or False, optional
        The atoms that are superposed; those measured when None. False: positions are taken as they
        are.
    reference : "average", int, path, Dataset, DataArray or array
        What frames are superposed on: their average; or, in one pass over the frames, a frame
        number, a file or positions, as for `rmsd`. Fluctuations are about the mean positions in any
        case.
    mass_weighted : bool
        Weight atoms by their masses in the fit, and in the mean over the atoms of a residue.
    by : "atom" or "residue"
        One value an atom, or one a residue: the root of the mean square over its measured atoms.
    rounds : int
        How many rounds at most to look for the average.
    tolerance : float
        The average is found when a round moves it by less, as the root-mean-square displacement of
        the fitted atoms (nm).
    weights : (frame,) array, optional
        How much every frame counts, not negative; equally when None.

    Returns
    -------
    DataArray
        ``rmsf`` (atom,) or (residue,) float64, nm; lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError
        A selection cannot be read or is empty; there is no such reference; masses or residues are
        needed but not known; weights are negative.
    FrameError
        When computed: a frame has coordinates that are not finite.

    Warns
    -----
    BrokenMoleculesWarning
        As `rmsd`.
    UserWarning
        When computed: the average still moves after all rounds.

    Notes
    -----
    gromos++ `rmsf` puts frames onto a reference in one pass (``reference=``), mdtraj measures from
    the reference and not from the mean. cpptraj and GROMACS take the mean of fluctuations over the
    atoms of a residue, here it is the root of the mean square: ``bfactors`` of a residue are those
    of its atoms, averaged.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> fluctuation = gd.rmsf(ds, atoms="name CA", reference=0)
    >>> fluctuation.dims, round(float(fluctuation.max()), 3)
    (('atom',), 0.573)

    Of residues, as numbers and as a picture::

        gromos-dist rmsf md.dcd -t protein.psf -a 'name CA' --by residue -o rmsf.csv --plot rmsf.png

    All heavy atoms, superposed on the backbone of a crystal structure::

        gromos-dist rmsf md.dcd -t protein.psf -a 'not element H' --fit backbone -r crystal.cnf
    """
    found, measured = _fluctuations(
        *(ds, atoms, fit, reference, mass_weighted, rounds, tolerance, weights), by=by
    )
    result = _measured(found["rmsf"], measured)
    if by == "atom":
        return result
    return _of_residues(result**2, RMSF, mass_weighted, root=True)


@analysis(BFACTORS, view="profile", topic="Structure", needs=[MASSES, WHOLE])
def bfactors(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: Selection = None,
    fit: Selection | Literal[False] = None,
    reference: Reference | Literal["average"] = "average",
    mass_weighted: bool = False,
    by: Literal["atom", "residue"] = "atom",
    units: Literal["nm2", "angstrom2"] = "nm2",
    rounds: int = 10,
    tolerance: float = 1e-6,
    weights: ArrayLike | None = None,
) -> xr.DataArray:
    r"""B-factors (temperature factors) that the fluctuations of a trajectory stand for.

    :math:`B_i = \frac{8}{3} \pi^2 \langle |r_i - \langle r_i \rangle|^2 \rangle`, from the
    fluctuations that `rmsf` gives.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole.
    atoms, fit, reference, mass_weighted, rounds, tolerance, weights
        As for `rmsf`.
    by : "atom" or "residue"
        One value an atom, or one a residue: the mean over its atoms.
    units : "nm2" or "angstrom2"
        Of the result; crystallographers use square ångströms, a hundredth of a square nanometre.

    Returns
    -------
    DataArray
        ``bfactors`` (atom,) or (residue,) float64, in `units`; lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `rmsf`.

    Warns
    -----
    BrokenMoleculesWarning, UserWarning
        As `rmsf`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> gd.bfactors(ds, atoms="name CA", reference=0, by="residue", units="angstrom2").sizes
    Frozen({'residue': 214})

    A table to set beside a crystal structure's::

        gromos-dist bfactors md.dcd -t protein.psf -a 'name CA' --units angstrom2 -o bfactors.csv
    """
    if units not in _SQUARES:
        raise ValueError(f"units: expected {' or '.join(_SQUARES)}, got {units!r}")
    found, measured = _fluctuations(
        *(ds, atoms, fit, reference, mass_weighted, rounds, tolerance, weights), by=by
    )
    factor = 8 / 3 * np.pi**2 * _SQUARES[units]
    squares = _measured(found["rmsf"], measured) ** 2 * factor
    if by == "residue":
        result = _of_residues(squares, BFACTORS, mass_weighted, root=False)
    else:
        result = squares.rename(BFACTORS.name).assign_attrs(BFACTORS.attrs)
    return result.assign_attrs(units=units)


# What a square nanometre is in a unit.
_SQUARES = {"nm2": 1.0, "angstrom2": 100.0}


@analysis(VARIABLES["positions"], view="trajectory", topic="Structure", needs=[MASSES, WHOLE])
def average_structure(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: Selection = None,
    fit: Selection | Literal[False] = None,
    reference: Reference | Literal["average"] = "average",
    mass_weighted: bool = False,
    rounds: int = 10,
    tolerance: float = 1e-6,
    weights: ArrayLike | None = None,
) -> xr.Dataset:
    """Average structure: the mean positions of all frames, after superposition.

    Bonds and angles of a mean of structures are not those of any of them, the less so the more
    atoms move; as a reference for other analyses it is the structure nearest to all frames.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms averaged; all when None.
    fit, reference, mass_weighted, rounds, tolerance, weights
        As for `rmsf`.

    Returns
    -------
    Dataset
        ``positions`` (frame, atom, xyz) float64, nm, of one frame, which can be written as PDB, GRO
        or CNF and is a `reference` for `rmsd`; and ``bfactors`` (atom,), in square nanometres,
        which a PDB has in its column. Lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `rmsf`.

    Warns
    -----
    BrokenMoleculesWarning, UserWarning
        As `rmsf`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF, atoms="name CA")
    >>> average = gd.average_structure(ds, reference=0)
    >>> round(float(gd.rmsd(ds, reference=average).mean()), 3)
    0.213

    As a structure file::

        gromos-dist average-structure md.dcd -t protein.psf -a protein -o average.pdb
    """
    found, measured = _fluctuations(
        *(ds, atoms, fit, reference, mass_weighted, rounds, tolerance, weights)
    )
    positions = _measured(found["average"], measured).expand_dims("frame")
    positions = positions.rename("positions").assign_attrs(VARIABLES["positions"].attrs)
    squares = _measured(found["rmsf"], measured) ** 2 * (8 / 3 * np.pi**2)
    factors = squares.rename(BFACTORS.name).assign_attrs(BFACTORS.attrs)
    return xr.Dataset({"positions": positions, BFACTORS.name: factors})


# ---- passes over the frames ----


def _fluctuations(
    ds: xr.Dataset | xr.DataArray,
    atoms: Selection,
    fit: Selection | Literal[False],
    reference: Reference | Literal["average"],
    mass_weighted: bool,
    rounds: int,
    tolerance: float,
    weights: ArrayLike | None,
    by: str = "atom",
) -> tuple[xr.Dataset, Indices]:
    """Return the average and the fluctuations of the atoms used, and which of these are measured.

    Every round is a reduction that takes the average of the one before. Those that find that it has
    not moved hand it on without reading a frame.
    """
    if rounds < 1 or not tolerance >= 0:
        raise ValueError(
            f"expected at least one round and a tolerance of at least 0 nm, got {rounds} rounds "
            f"and {tolerance} nm"
        )
    if by not in _BY:
        raise ValueError(f"by: expected {' or '.join(_BY)}, got {by!r}")
    if weights is not None:
        _check_weights(weights)
    positions = positions_of(ds)
    if by == "residue":
        residues_of(positions)  # Before anything is computed.
    measured = selected(ds, atoms)
    superposed = measured if fit is None or fit is False else selected(ds, fit)
    to_average = isinstance(reference, str) and reference == "average"
    target = np.zeros((positions.sizes["atom"], 3))
    if fit is not False:
        start = 0 if to_average else reference
        target = reference_positions(positions, start, measured, superposed)
    masses = masses_of(positions, superposed) if mass_weighted else None
    if measured is not None and superposed is not None:
        used = np.unique(np.concatenate([measured, superposed]))
        positions, target = positions.isel(atom=used), target[used]
        masses = None if masses is None else masses[used]
        measured, superposed = (np.searchsorted(used, one) for one in (measured, superposed))
    n_rounds = rounds if to_average and fit is not False else 1
    found: Any = {"average": target, "rmsf": np.zeros(len(target)), "shift": np.array(np.inf)}
    for i in range(n_rounds):
        found = _ROUND(
            positions,
            weights=weights,
            superposed=superposed,
            masses=masses,
            with_fit=fit is not False,
            tolerance=float(tolerance) if n_rounds > 1 else 0.0,
            last_of=rounds if i == n_rounds - 1 > 0 else None,
            **{name: found[name] for name in ("average", "rmsf", "shift")},
        )
    return found, measured


def _check_weights(weights: ArrayLike) -> None:
    values = np.asarray(weights, np.float64)
    with np.errstate(over="ignore"):
        total = values.sum()
    if (values < 0).any() or not np.finfo(np.float64).tiny <= total < np.inf:
        got = f"{values.min()} to {values.max()}" if values.size else "none"
        raise ValueError(
            "weights: expected finite numbers that are not negative and sum to more than zero, "
            f"got {got}"
        )


def _begin(
    average: Floats,
    shift: Floats,
    superposed: Indices,
    masses: Floats | None,
    with_fit: bool,
    tolerance: float,
    **_: Any,
) -> dict[str, Any] | None:
    if shift <= tolerance:
        return None
    if not with_fit:
        return {"reference": None}
    return {"reference": kernels.prepare_reference(average, atoms=superposed, weights=masses)}


def _partial(
    positions: NDArray[np.floating],
    reference: PreparedReference | None,
    weights: Floats | None = None,
) -> kernels.Fluctuations:
    return kernels.fluctuations(positions, reference, weights=weights)


def _finalize(
    state: kernels.Fluctuations | None,
    average: Floats,
    rmsf: Floats,
    shift: Floats,
    superposed: Indices,
    tolerance: float,
    last_of: int | None,
    **_: Any,
) -> dict[str, Any]:
    if state is None:
        return {"average": average, "rmsf": rmsf, "shift": shift}
    mean = state.mean.T
    moved = mean - average
    moved = moved if superposed is None else moved[superposed]
    moved_by = float(np.sqrt((moved * moved).sum(axis=1).mean()))
    if last_of is not None and moved_by > tolerance:
        warnings.warn(
            f"the average structure is not found: the last of {last_of} rounds has moved it by "
            f"{moved_by:.2g} nm, more than the tolerance of {tolerance:.2g} nm; allow more with "
            "rounds=, or fit on atoms that move less",
            stacklevel=2,
        )
    return {"average": mean, "rmsf": np.sqrt(state.squares / state.weight), "shift": moved_by}


_ROUND = Reduction(
    _partial,
    kernels.together,
    _finalize,
    [AVERAGE, RMSF, SHIFT],
    state=kernels.Fluctuations,
    begin=_begin,
)


# ---- results ----


def _measured(array: xr.DataArray, measured: Indices) -> xr.DataArray:
    """Return what is of the measured atoms."""
    if measured is None or np.array_equal(measured, np.arange(array.sizes["atom"])):
        return array
    return array.isel(atom=measured)


def _of_residues(
    squares: xr.DataArray, variable: Variable, mass_weighted: bool, *, root: bool
) -> xr.DataArray:
    """Return the mean of squares over the atoms of each residue, or its root."""
    residues = residues_of(squares)
    masses = masses_of(squares, None) if mass_weighted else np.ones(squares.sizes["atom"])
    n_residues = len(residues.coords["residue"][1])
    weightless = np.flatnonzero(np.bincount(residues.of_atom, masses) <= 0)
    if weightless.size:
        raise ValueError(
            f"mass_weighted: the atoms of {weightless.size} residues have no mass; leave it out, "
            "or choose others"
        )
    means = xr.apply_ufunc(
        _means_of_groups,
        squares.variable,
        kwargs={"group": residues.of_atom, "weights": masses, "root": root},
        input_core_dims=[["atom"]],
        output_core_dims=[["residue"]],
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {"residue": n_residues}, "allow_rechunk": True},
        output_dtypes=[np.float64],
    )
    return xr.DataArray(means, residues.coords, name=variable.name, attrs=variable.attrs)


def _means_of_groups(
    values: Floats, group: NDArray[np.int64], weights: Floats, root: bool
) -> Floats:
    sums = np.bincount(group, values * weights) / np.bincount(group, weights)
    means: Floats = np.sqrt(sums) if root else sums
    return means

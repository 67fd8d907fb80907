"""Root-mean-square deviation and superposition."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.broken import Indices
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.labels import places_of_atoms
from gromos_dist.analysis.needs import MASSES, WHOLE
from gromos_dist.analysis.system import (
    Reference,
    masses_of,
    narrow,
    positions_of,
    reference_positions,
    selected,
)
from gromos_dist.analysis.treatment import CENTERED, UNWRAPPED, WRAPPED, treated
from gromos_dist.mapping import Map, Pairs
from gromos_dist.selection import Selection
from gromos_dist.variables import VARIABLES, Variable

RMSD = Variable("rmsd", ("frame",), "f", "nm", "root-mean-square deviation", "RMSD")
MATRIX = Variable(
    *("rmsd_matrix", ("frame", "other_frame"), "f", "nm", "root-mean-square deviation", "RMSD")
)

_RMSD = Map(kernels.rmsd, RMSD)
_MATRIX = Pairs(kernels.rmsd_matrix, MATRIX)


@analysis(RMSD, view="time series", topic="Structure", needs=[MASSES, WHOLE])
def rmsd(
    ds: xr.Dataset | xr.DataArray,
    *,
    reference: Reference = 0,
    atoms: Selection = None,
    fit: Selection | Literal[False] = None,
    mass_weighted: bool = False,
) -> xr.DataArray:
    """Root-mean-square deviation of every frame from a reference.

    After best-fit superposition, unless `fit` says otherwise.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm.
    reference : int, path, Dataset, DataArray or array
        The reference: a frame number (negative ones count from the end), a file, of which the
        first frame is taken, or positions (atom, xyz) in nm.
    atoms : str or sequence of int, optional
        The atoms measured; all when None.
    fit : str, sequence of int or False, optional
        The atoms that are superposed first, by the rotation and translation with the least
        squares; those measured when None. False: positions are taken as they are.
    mass_weighted : bool
        Weight atoms by their masses, in the fit and in the mean.

    Returns
    -------
    DataArray
        ``rmsd`` (frame,) float64, nm; lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError
        A selection cannot be read or is empty; there is no such reference; masses are needed but
        not known.
    FrameError
        When computed: a frame has coordinates that are not finite.

    Warns
    -----
    BrokenMoleculesWarning
        The box has broken the molecules that are measured, as a look at the first, the middle and
        the last frame, and at the reference, shows: see `make_whole`.

    References
    ----------
    W. Kabsch, Acta Cryst. A32 (1976) 922; D. L. Theobald, Acta Cryst. A61 (2005) 478.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> deviation = gd.rmsd(ds, reference=0, atoms="name CA")
    >>> round(float(deviation[-1]), 4)
    0.6814

    Numbers and a picture::

        gromos-dist rmsd md.dcd -t protein.psf --atoms backbone -o rmsd.csv --plot rmsd.png

    Fit on the alpha carbons, measure the whole protein, compare with the crystal::

        gromos-dist rmsd md.dcd -t protein.psf --fit 'name CA' -a protein -r crystal.cnf

    All the files of a long run; if it is stopped, the same command goes on where it ended::

        gromos-dist rmsd 'md_*.trc.gz' -t protein.top --whole -a backbone -o rmsd.zarr
    """
    positions = positions_of(ds)
    measured = selected(ds, atoms)
    fitted = None if fit is False else measured if fit is None else selected(ds, fit)
    sets = [measured] if fit is False else [measured, fitted]
    target = reference_positions(positions, reference, *sets)
    weights = None
    if mass_weighted:
        for indices in sets:
            weights = masses_of(positions, indices)
    positions, kept, sets = narrow(positions, *sets)
    prepared = kernels.prepare_reference(
        target[kept],
        atoms=sets[0],
        weights=None if weights is None else weights[kept],
        fit_atoms=None if fit is False or fit is None else sets[1],
        fit=fit is not False,
    )
    return _RMSD(positions, reference=prepared)


@analysis(
    VARIABLES["positions"],
    view="trajectory",
    topic="Structure",
    needs=[MASSES, WHOLE],
    command=None,
)
def superpose(
    ds: xr.Dataset,
    *,
    reference: Reference = 0,
    fit: Selection = None,
    mass_weighted: bool = False,
) -> xr.Dataset:
    """Superpose every frame on a reference.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) in nm.
    reference, fit, mass_weighted
        As for `rmsd`; all atoms are fitted when `fit` is None.

    Returns
    -------
    Dataset
        `ds` with superposed positions, in the dtype they had; lazy if `ds` is. Velocities,
        forces and box, which do not fit the rotated positions, are dropped.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `rmsd`.

    Warns
    -----
    BrokenMoleculesWarning
        As `rmsd`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.superpose(gd.open_trajectory(DCD, PSF), reference=0, fit="name CA")
    >>> f"{float(gd.rmsd(ds, fit=False, atoms='name CA')[-1]):.4f}"
    '0.6814'
    """
    positions = positions_of(ds)
    fitted = selected(ds, fit)
    target = reference_positions(positions, reference, fitted)
    superposed = _SUPERPOSE(
        positions,
        reference=target,
        atoms=fitted,
        weights=masses_of(positions, fitted) if mass_weighted else None,
    )
    rest = ds.drop_vars(["velocities", "forces", "box"], errors="ignore")
    return treated(rest.assign(positions=superposed), WRAPPED, CENTERED, UNWRAPPED)


def _superpose_block(
    positions: NDArray[np.floating],
    reference: NDArray[np.float64],
    atoms: Indices,
    weights: NDArray[np.float64] | None,
) -> NDArray[np.floating]:
    return kernels.superpose(positions, reference, atoms=atoms, weights=weights)


_SUPERPOSE = Map(_superpose_block, VARIABLES["positions"], dtype=None)


@analysis(MATRIX, view="matrix", topic="Structure", needs=[MASSES, WHOLE])
def rmsd_matrix(
    ds: xr.Dataset | xr.DataArray,
    other: xr.Dataset | xr.DataArray | None = None,
    *,
    atoms: Selection = None,
    mass_weighted: bool = False,
) -> xr.DataArray:
    """Root-mean-square deviation of every pair of frames, after best fit.

    For clustering; a picture of it is a heat map.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm.
    other : Dataset or DataArray, optional
        Another trajectory of the same atoms, which the same topology names; `ds` itself when None.
    atoms : str or sequence of int, optional
        The atoms superposed and measured; all when None.
    mass_weighted : bool
        Weight atoms by their masses.

    Returns
    -------
    DataArray
        ``rmsd_matrix`` (frame, other_frame) float64, nm; lazy if an input is.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `rmsd`.

    Warns
    -----
    BrokenMoleculesWarning
        As `rmsd`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF, atoms="name CA", stride=10)
    >>> matrix = gd.rmsd_matrix(ds).compute()
    >>> matrix.shape, float(matrix[3, 3])
    ((10, 10), 0.0)

    Every tenth frame against every tenth frame::

        gromos-dist rmsd-matrix md.dcd -t protein.psf -a backbone --stride 10 --plot matrix.png
    """
    first = positions_of(ds)
    second = first if other is None else positions_of(other)
    if second.sizes["atom"] != first.sizes["atom"]:
        raise ValueError(
            f"rmsd_matrix: the trajectories have {first.sizes['atom']} and "
            f"{second.sizes['atom']} atoms: they need the same"
        )
    indices = selected(ds, atoms)
    weights = masses_of(first, indices) if mass_weighted else None
    if other is not None:
        places = places_of_atoms(first, second, "other", atoms=indices, stacklevel=4)
        second = second if places is None else second.isel(atom=places)
    if indices is not None:
        first, second = first.isel(atom=indices), second.isel(atom=indices)
        weights = None if weights is None else weights[indices]
    return _MATRIX(first, second, weights=weights)

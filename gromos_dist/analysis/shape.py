"""Where molecules are and how far they spread: centres and the radius of gyration."""

from __future__ import annotations

import xarray as xr

from gromos_dist import kernels
from gromos_dist.analysis.broken import warn_of_broken_molecules
from gromos_dist.analysis.inputs import (
    derived_history,
    masses_of,
    narrow,
    positions_of,
    selected,
)
from gromos_dist.mapping import FrameMap, map_frames
from gromos_dist.selection import Selection

_RADIUS = FrameMap(kernels.radius_of_gyration, "radius_of_gyration")
_TENSOR = FrameMap(kernels.gyration_tensor, "gyration_tensor")
_MASS = FrameMap(kernels.center, "center_of_mass")
_GEOMETRY = FrameMap(kernels.center, "center_of_geometry")


def radius_of_gyration(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: Selection = None,
    mass_weighted: bool = True,
    tensor: bool = False,
) -> xr.DataArray:
    r"""Radius of gyration of the chosen atoms in every frame.

    :math:`R_g = \sqrt{\sum_i m_i |r_i - c|^2 / \sum_i m_i}` about their centre :math:`c`, that of
    mass or, without masses, that of geometry.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms; all when None.
    mass_weighted : bool
        Weight by mass; otherwise all atoms count the same.
    tensor : bool
        Return the gyration tensor, whose trace is the square of the radius.

    Returns
    -------
    DataArray
        ``radius_of_gyration`` (frame,) float64, nm, or ``gyration_tensor`` (frame, xyz, xyz_2)
        float64, nm2; lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError
        The selection cannot be read or is empty; masses are needed but not known.
    FrameError
        When computed: a frame has coordinates that are not finite.

    Warns
    -----
    BrokenMoleculesWarning
        The box has broken the molecules, as a look at the first, the middle and the last frame
        shows: see `make_whole`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> round(float(gd.radius_of_gyration(ds, atoms="protein")[0]), 4)
    1.6669
    """
    record = _TENSOR if tensor else _RADIUS
    return _of_atoms(record, "radius_of_gyration", ds, atoms, mass_weighted)


def center_of_mass(ds: xr.Dataset | xr.DataArray, *, atoms: Selection = None) -> xr.DataArray:
    """Centre of mass of the chosen atoms in every frame.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms; all when None.

    Returns
    -------
    DataArray
        ``center_of_mass`` (frame, xyz) float64, nm; lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `radius_of_gyration`.

    Warns
    -----
    BrokenMoleculesWarning
        As `radius_of_gyration`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> gd.center_of_mass(gd.open_trajectory(DCD, PSF)).dims
    ('frame', 'xyz')
    """
    return _of_atoms(_MASS, "center_of_mass", ds, atoms, True)


def center_of_geometry(ds: xr.Dataset | xr.DataArray, *, atoms: Selection = None) -> xr.DataArray:
    """Centre of geometry of the chosen atoms in every frame.

    Parameters, returns and raises as for `center_of_mass`; masses are not needed.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> gd.center_of_geometry(gd.open_trajectory(DCD, PSF)).dims
    ('frame', 'xyz')
    """
    return _of_atoms(_GEOMETRY, "center_of_geometry", ds, atoms, False)


def _of_atoms(
    record: FrameMap,
    call: str,
    ds: xr.Dataset | xr.DataArray,
    atoms: Selection,
    mass_weighted: bool,
) -> xr.DataArray:
    positions = positions_of(ds)
    indices = selected(positions, atoms)
    warn_of_broken_molecules(call, ds, indices, stacklevel=4)
    weights = masses_of(positions, indices) if mass_weighted else None
    parameters = {"atoms": atoms, "mass_weighted": mass_weighted, "variable": record.variable}
    history = derived_history(positions, call, parameters)
    positions, kept, (within,) = narrow(positions, indices)
    weights = None if weights is None else weights[kept]
    return map_frames(record, positions, history=history, atoms=within, weights=weights)

"""Where molecules are and how far they spread: centres and the radius of gyration."""

from __future__ import annotations

import xarray as xr

from gromos_dist import kernels
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import MASSES, WHOLE
from gromos_dist.analysis.system import masses_of, narrow, positions_of, selected
from gromos_dist.kernels.gyration import PreparedAtoms
from gromos_dist.mapping import Map
from gromos_dist.selection import Selection
from gromos_dist.variables import Variable

RADIUS = Variable("radius_of_gyration", ("frame",), "f", "nm", "radius of gyration")
TENSOR = Variable("gyration_tensor", ("frame", "xyz", "xyz_2"), "f", "nm2", "gyration tensor")
MASS = Variable("center_of_mass", ("frame", "xyz"), "f", "nm", "centre of mass")
GEOMETRY = Variable("center_of_geometry", ("frame", "xyz"), "f", "nm", "centre of geometry")

_RADIUS = Map(kernels.radius_of_gyration, RADIUS)
_TENSOR = Map(kernels.gyration_tensor, TENSOR)
_MASS = Map(kernels.center, MASS)
_GEOMETRY = Map(kernels.center, GEOMETRY)


@analysis(
    *(RADIUS, TENSOR),
    view="time series",
    topic="Structure",
    needs=[MASSES, WHOLE],
    command="rgyr",
)
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
        Return the gyration tensor (nm2), whose trace is the square of the radius.

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

    How compact the protein is::

        gromos-dist rgyr md.dcd -t protein.psf --atoms protein -o rgyr.csv --plot rgyr.png

    A trajectory alone has no masses::

        gromos-dist rgyr md.dcd --no-mass-weighted
    """
    return _of_atoms(_TENSOR if tensor else _RADIUS, ds, atoms, mass_weighted)


@analysis(MASS, view="time series", topic="Structure", needs=[MASSES, WHOLE])
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

    Where the ligand is, in whole molecules::

        gromos-dist center-of-mass md.dcd -t system.top --whole -a 'resname DRG' -o ligand.csv
    """
    return _of_atoms(_MASS, ds, atoms, True)


@analysis(GEOMETRY, view="time series", topic="Structure", needs=[WHOLE])
def center_of_geometry(ds: xr.Dataset | xr.DataArray, *, atoms: Selection = None) -> xr.DataArray:
    """Centre of geometry of the chosen atoms in every frame.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole; masses are not needed.
    atoms : str or sequence of int, optional
        The atoms; all when None.

    Returns
    -------
    DataArray
        ``center_of_geometry`` (frame, xyz) float64, nm; lazy if `ds` is.

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
    >>> gd.center_of_geometry(gd.open_trajectory(DCD, PSF)).dims
    ('frame', 'xyz')

    Of a trajectory alone::

        gromos-dist center-of-geometry md.dcd -o centre.csv
    """
    return _of_atoms(_GEOMETRY, ds, atoms, False)


def _of_atoms(
    record: Map, ds: xr.Dataset | xr.DataArray, atoms: Selection, mass_weighted: bool
) -> xr.DataArray:
    positions, prepared = prepared_atoms(ds, atoms, mass_weighted)
    return record(positions, atoms=prepared)


def prepared_atoms(
    ds: xr.Dataset | xr.DataArray, atoms: Selection, mass_weighted: bool
) -> tuple[xr.DataArray, PreparedAtoms]:
    """Return positions, and which of their atoms kernels take, with masses or equal weights."""
    positions = positions_of(ds)
    indices = selected(ds, atoms)
    weights = masses_of(positions, indices) if mass_weighted else None
    positions, kept, (within,) = narrow(positions, indices)
    prepared = kernels.prepare_atoms(
        positions.sizes["atom"],
        atoms=within,
        weights=None if weights is None else weights[kept],
    )
    return positions, prepared

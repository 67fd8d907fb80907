"""The shape of molecules: moments and axes of the gyration and inertia tensors."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import MASSES, WHOLE
from gromos_dist.analysis.shape import RADIUS, prepared_atoms
from gromos_dist.kernels.gyration import PreparedAtoms
from gromos_dist.mapping import Fields, Map
from gromos_dist.selection import Selection
from gromos_dist.variables import Variable

Floats = NDArray[np.float64]

MOMENTS = Variable(
    *("principal_moments", ("frame", "axis"), "f", "nm2", "principal moments of gyration"),
    "principal moment",
)
ASPHERICITY = Variable("asphericity", ("frame",), "f", "nm2", "asphericity")
ACYLINDRICITY = Variable("acylindricity", ("frame",), "f", "nm2", "acylindricity")
ANISOTROPY = Variable(
    "relative_shape_anisotropy", ("frame",), "f", "", "relative shape anisotropy", "anisotropy"
)
INERTIA = Variable("inertia_tensor", ("frame", "xyz", "xyz_2"), "f", "u nm2", "inertia tensor")
AXES = Variable("principal_axes", ("frame", "axis", "xyz"), "f", "", "principal axes")

_AXIS = {"axis": ("axis", ["first", "second", "third"], {"long_name": "principal axis"})}


@analysis(
    *(MOMENTS, RADIUS, ASPHERICITY, ACYLINDRICITY, ANISOTROPY),
    view="time series",
    topic="Structure",
    needs=[MASSES, WHOLE],
)
def shape_descriptors(
    ds: xr.Dataset | xr.DataArray, *, atoms: Selection = None, mass_weighted: bool = True
) -> xr.Dataset:
    r"""Shape of the chosen atoms in every frame: how far from a sphere, from a cylinder.

    From the eigenvalues :math:`\lambda_1 \le \lambda_2 \le \lambda_3` of the gyration tensor, whose
    sum is the square of the radius of gyration :math:`R_g`:
    asphericity :math:`b = \lambda_3 - (\lambda_1 + \lambda_2) / 2`,
    acylindricity :math:`c = \lambda_2 - \lambda_1`,
    relative shape anisotropy :math:`\kappa^2 = (b^2 + \tfrac34 c^2) / R_g^4`.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms; all when None.
    mass_weighted : bool
        Weight by mass, about the centre of mass; otherwise all atoms count the same, about the
        centre of geometry.

    Returns
    -------
    Dataset
        Float64; lazy if `ds` is: ``principal_moments`` (frame, axis), nm2, the smallest first;
        ``radius_of_gyration`` (frame,), nm; ``asphericity`` and ``acylindricity`` (frame,), nm2;
        ``relative_shape_anisotropy`` (frame,), from 0 (a sphere, or a cube) to 1 (all on a line),
        NaN for a single point, which has no shape.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `radius_of_gyration`.

    Warns
    -----
    BrokenMoleculesWarning
        As `radius_of_gyration`.

    References
    ----------
    D. N. Theodorou, U. W. Suter, Macromolecules 18 (1985) 1206.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> shape = gd.shape_descriptors(gd.open_trajectory(DCD, PSF), atoms="protein")
    >>> round(float(shape.relative_shape_anisotropy[0]), 4)
    0.0202

    How the shape of a protein changes::

        gromos-dist shape-descriptors md.dcd -t protein.psf -a protein -o shape.csv --plot shape.png
    """
    positions, prepared = prepared_atoms(ds, atoms, mass_weighted)
    return _SHAPE(positions, coords=_AXIS, atoms=prepared)


@analysis(INERTIA, view="time series", topic="Structure", needs=[MASSES, WHOLE])
def inertia_tensor(ds: xr.Dataset | xr.DataArray, *, atoms: Selection = None) -> xr.DataArray:
    r"""Moment of inertia tensor of the chosen atoms in every frame, about their centre of mass.

    :math:`\sum_i m_i (|d_i|^2 \mathbf{1} - d_i d_i^T)`, where :math:`d_i` leads from the centre of
    mass to atom :math:`i`.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms; all when None.

    Returns
    -------
    DataArray
        ``inertia_tensor`` (frame, xyz, xyz_2) float64, u nm2; symmetric; lazy if `ds` is.

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
    >>> gd.inertia_tensor(gd.open_trajectory(DCD, PSF), atoms="protein").dims
    ('frame', 'xyz', 'xyz_2')

    Its nine components in every frame::

        gromos-dist inertia-tensor md.dcd -t protein.psf -a protein -o inertia.csv
    """
    positions, prepared = prepared_atoms(ds, atoms, True)
    return _INERTIA(positions, atoms=prepared, mass=prepared.weight)


@analysis(AXES, view="time series", topic="Structure", needs=[MASSES, WHOLE])
def principal_axes(
    ds: xr.Dataset | xr.DataArray, *, atoms: Selection = None, mass_weighted: bool = True
) -> xr.DataArray:
    """Principal axes of the chosen atoms in every frame: the first is the long one.

    The eigenvectors of the inertia tensor, of unit length, by rising moment of inertia: atoms lie
    nearest to the first axis. They are a right-handed system. Of each of the first two the
    component that is largest in magnitude is positive; the third is the first times the second.
    Where two moments are equal, as those of a linear or a symmetric molecule may be, axes are any
    of those that there are.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm. Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms; all when None.
    mass_weighted : bool
        Weight by mass; otherwise all atoms count the same.

    Returns
    -------
    DataArray
        ``principal_axes`` (frame, axis, xyz) float64, without a unit; lazy if `ds` is. While a
        molecule turns, an axis changes its sign where another component becomes the largest.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `radius_of_gyration`.

    Warns
    -----
    BrokenMoleculesWarning
        As `radius_of_gyration`.

    Notes
    -----
    MDAnalysis has the axes in the other order, the largest moment of inertia first.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> axes = gd.principal_axes(gd.open_trajectory(DCD, PSF), atoms="protein")
    >>> axes[-1].round(2).values
    array([[ 0.96, -0.27, -0.11],
           [ 0.29,  0.92,  0.27],
           [ 0.03, -0.29,  0.96]])

    How a protein turns::

        gromos-dist principal-axes md.dcd -t protein.psf -a protein -o axes.csv --plot axes.png
    """
    positions, prepared = prepared_atoms(ds, atoms, mass_weighted)
    return _AXES(positions, coords=_AXIS, atoms=prepared)


def _shape(positions: NDArray[np.floating], atoms: PreparedAtoms) -> dict[str, Floats]:
    moments = np.linalg.eigvalsh(kernels.gyration_tensor(positions, atoms=atoms))
    # Those of flat molecules are zero but for rounding.
    moments = np.maximum(moments, 0.0)
    least, middle, most = moments.T
    asphericity = most - 0.5 * (least + middle)
    acylindricity = middle - least
    square = (least + middle) + most
    with np.errstate(divide="ignore", invalid="ignore"):
        anisotropy = (asphericity**2 + 0.75 * acylindricity**2) / square**2
    return {
        MOMENTS.name: moments,
        RADIUS.name: np.sqrt(square),
        ASPHERICITY.name: asphericity,
        ACYLINDRICITY.name: acylindricity,
        ANISOTROPY.name: anisotropy,
    }


def _inertia(positions: NDArray[np.floating], atoms: PreparedAtoms, mass: float) -> Floats:
    return mass * _around_axes(kernels.gyration_tensor(positions, atoms=atoms))


def _around_axes(gyration: Floats) -> Floats:
    """Return the inertia tensor of a unit of mass."""
    inertia = -gyration
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        inertia[:, i, i] = gyration[:, j, j] + gyration[:, k, k]
    return inertia


def _axes(positions: NDArray[np.floating], atoms: PreparedAtoms) -> Floats:
    _, vectors = np.linalg.eigh(_around_axes(kernels.gyration_tensor(positions, atoms=atoms)))
    axes = vectors.transpose(0, 2, 1)
    first, second = _with_sign(axes[:, 0]), _with_sign(axes[:, 1])
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _with_sign(vectors: Floats) -> Floats:
    """Return vectors (n, 3) whose component that is largest in magnitude is positive."""
    # Of components that are equal but for rounding, the first one tells.
    size = np.abs(vectors)
    largest = (size >= size.max(axis=1, keepdims=True) * (1 - 1e-9)).argmax(axis=1)
    decisive = np.take_along_axis(vectors, largest[:, None], axis=1)
    signed: Floats = np.where(decisive < 0, -vectors, vectors)
    return signed


_SHAPE = Fields(_shape, [MOMENTS, RADIUS, ASPHERICITY, ACYLINDRICITY, ANISOTROPY])
_INERTIA = Map(_inertia, INERTIA)
_AXES = Map(_axes, AXES)

"""Dipole moments."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import CHARGES, WHOLE
from gromos_dist.analysis.system import charges_of, masses_of, narrow, positions_of, selected
from gromos_dist.kernels.gyration import PreparedAtoms
from gromos_dist.mapping import Map
from gromos_dist.selection import Selection
from gromos_dist.variables import Variable

Floats = NDArray[np.float64]
Center = Literal["mass", "geometry", "origin"]

DIPOLE = Variable("dipole_moment", ("frame", "xyz"), "f", "e nm", "dipole moment")
MAGNITUDE = Variable(
    "dipole_magnitude", ("frame",), "f", "e nm", "magnitude of the dipole moment", "dipole moment"
)

# Charges of files are rounded; what is less is not meant to be a charge (e).
_NEUTRAL = 1e-3


@analysis(*(DIPOLE, MAGNITUDE), view="time series", topic="Structure", needs=[CHARGES, WHOLE])
def dipole_moment(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: Selection = None,
    center: Center | None = None,
    magnitude: bool = False,
) -> xr.DataArray:
    r"""Dipole moment of the chosen atoms in every frame.

    :math:`\mu = \sum_i q_i (r_i - c)`, from the partial charges. Of atoms that are neutral together
    it is the same about any point :math:`c`; of others it is about the point that `center` names.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and the coordinate ``charge`` (atom,) in e.
        Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms; all when None.
    center : "mass", "geometry" or "origin", optional
        About which point: the centre of mass or of geometry of the atoms, or the origin. None: the
        centre of mass, or where masses are not known of geometry, with a warning if the atoms have
        a net charge.
    magnitude : bool
        Return the magnitude instead of the vector.

    Returns
    -------
    DataArray
        ``dipole_moment`` (frame, xyz), or ``dipole_magnitude`` (frame,), float64, e nm; lazy if
        `ds` is. 1 e nm is 48.03205 debye.

    Raises
    ------
    SelectionError, ValueError
        The selection cannot be read or is empty; charges are not known, or the masses that
        ``center="mass"`` needs.
    FrameError
        When computed: a frame has coordinates that are not finite.

    Warns
    -----
    UserWarning
        The atoms have a net charge, and nothing says about which point the moment is meant.
    BrokenMoleculesWarning
        As `radius_of_gyration`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> dipole = gd.dipole_moment(ds, atoms="protein", center="geometry", magnitude=True)
    >>> round(float(dipole[0]), 3), dipole.attrs["units"]
    (3.499, 'e nm')

    Of a protein, which has a net charge, about its centre of mass::

        gromos-dist dipole-moment md.dcd -t protein.psf -a protein --center mass -o dipole.csv
    """
    positions = positions_of(ds)
    indices = selected(ds, atoms)
    charges = charges_of(positions, indices)
    chosen = np.arange(len(charges)) if indices is None else indices
    total = float(charges[chosen].sum())
    if center is None:
        has_masses = "mass" in positions.coords and np.isfinite(positions["mass"].values[chosen])
        center = "mass" if np.all(has_masses) else "geometry"
        if abs(total) > _NEUTRAL:
            warnings.warn(
                f"dipole_moment: the atoms have a net charge of {total:.6g} e, so their dipole "
                f"moment depends on the point that it is about, here the centre of {center}: say "
                "which with center=",
                stacklevel=3,
            )
    masses = masses_of(positions, indices) if center == "mass" else np.ones(len(charges))
    positions, kept, (within,) = narrow(positions, indices)
    charges, masses = charges[kept], masses[kept]
    chosen = np.arange(len(charges)) if within is None else within

    def prepared(weights: Floats) -> PreparedAtoms | None:
        some = chosen[weights[chosen] > 0]
        if not len(some):
            return None
        return kernels.prepare_atoms(len(charges), atoms=some, weights=np.maximum(weights, 0.0))

    return (_MAGNITUDE if magnitude else _DIPOLE)(
        positions,
        positive=prepared(charges),
        negative=prepared(-charges),
        middle=None if center == "origin" else prepared(masses),
    )


def _dipole(
    positions: NDArray[np.floating],
    positive: PreparedAtoms | None,
    negative: PreparedAtoms | None,
    middle: PreparedAtoms | None,
) -> Floats:
    """Return the moment as that of two charges, each in the centre of its atoms."""
    moment = np.zeros((len(positions), 3))
    about = 0.0 if middle is None else kernels.center(positions, atoms=middle)
    for sign, atoms in ((1.0, positive), (-1.0, negative)):
        if atoms is not None:
            moment += sign * atoms.weight * (kernels.center(positions, atoms=atoms) - about)
    return moment


def _magnitude(positions: NDArray[np.floating], **atoms: PreparedAtoms | None) -> Floats:
    x, y, z = _dipole(positions, **atoms).T
    length: Floats = np.sqrt(x * x + y * y + z * z)
    return length


_DIPOLE = Map(_dipole, DIPOLE)
_MAGNITUDE = Map(_magnitude, MAGNITUDE)

"""Particle-mesh Ewald: the sum over the reciprocal lattice, of which `nonbonded` does the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import FrameError, check, new_where
from gromos_dist.kernels.arrays import aligned, as_frames, pointer, type_of
from gromos_dist.kernels.boxes import as_boxes, without_box
from gromos_dist.kernels.ewald_error import require_mesh
from gromos_dist.kernels.nonbonded_field import EwaldSplitting

Floats = NDArray[np.float64]


class _Precision(NamedTuple):
    code: int
    dtype: type[np.float32] | type[np.float64]
    spacing: float
    order: int


_PRECISIONS: Final = {
    "mixed": _Precision(lib.GD_MIXED, np.float32, 0.12, 4),
    "double": _Precision(lib.GD_DOUBLE, np.float64, 0.1, 8),
}
# Numbers of a mesh: more is a mistake in the unit of its spacing.
_MOST_POINTS = 2**33


class EwaldSum(NamedTuple):
    """What `ewald_mesh` gives."""

    forces: Floats | None
    """kJ mol-1 nm-1, shape (frames, atoms, 3); None when they were not asked for."""
    energy: Floats
    """kJ mol-1, shape (frames,)."""
    virial: Floats
    """kJ mol-1, shape (frames, 3, 3); with that of the pairs -1/2 of the sum of r f."""


class EwaldMesh:
    """Charges and settings of a particle-mesh Ewald sum, ready for many calls.

    Made by `prepare_ewald_mesh`; immutable, picklable, and safe to share between threads.
    """

    __slots__ = ("_arguments", "_keep", "n_atoms", "of_box", "settings", "structs")

    n_atoms: int
    """Atoms of a frame."""

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments
        charge = np.array(arguments["charge"], dtype=np.float64)
        if charge.ndim != 1 or not charge.size or not np.isfinite(charge).all():
            raise ValueError(
                f"charge: expected a finite number for each atom, got shape {charge.shape}"
            )
        splitting = arguments["splitting"]
        if not 0.0 < splitting.alpha < np.inf:
            raise ValueError(
                f"splitting: expected alpha (nm-1) of more than 0, got {splitting.alpha}"
            )
        spacing, order, grid = (arguments[name] for name in ("spacing", "order", "grid"))
        require_mesh(spacing, order)
        if grid is not None:
            if spacing is not None:
                raise ValueError("spacing and grid say the same: expected one of them")
            if len(grid) != 3 or any(n != int(n) or not 1 <= n <= _MOST_POINTS for n in grid):
                raise ValueError(f"grid: expected three numbers of points, got {grid}")
        self.n_atoms = len(charge)
        charged = np.flatnonzero(charge).astype(np.int32)
        self._keep = (
            pointer(charged, "int32_t *"),
            pointer(np.ascontiguousarray(charge[charged])),
        )
        self.settings = {name: (spacing or p.spacing) for name, p in _PRECISIONS.items()}
        self.structs = {}
        for name, precision in _PRECISIONS.items():
            struct = ffi.new("struct gd_ewald_mesh *")
            struct.n_atoms, struct.n_charges = len(charge), len(charged)
            struct.charged, struct.charge = self._keep
            struct.order = order or precision.order
            struct.splitting, struct.coulomb = splitting.alpha, arguments["coulomb"]
            self.structs[name] = struct
        squares, total = float((charge**2).sum()), float(charge.sum())
        coulomb, alpha = arguments["coulomb"], splitting.alpha
        # The energy of every charge with its own cloud, and, times the volume, that of a net
        # charge with the background.
        self.of_box = (
            -coulomb * alpha / np.sqrt(np.pi) * squares,
            -coulomb * np.pi * total**2 / (2.0 * alpha**2),
        )

    def shape(self, box: Floats, precision: str, frame: int = 0) -> tuple[int, int, int]:
        """Return the points of the mesh along the vectors of a frame's box."""
        where = new_where()
        struct = self.structs[precision]
        grid = self._arguments["grid"]
        if grid is None:
            shape = ffi.new("int64_t[3]")
            spacing = self.settings[precision]
            status = lib.gd_mesh_shape(pointer(box), spacing, shape, where)
            check(status, where, first_frame=frame)
            grid = [
                scipy.fft.next_fast_len(max(n, struct.order), real=axis == 2)
                for axis, n in enumerate(shape)
            ]
        a, b, c = map(int, grid)
        if min(a, b, c) < struct.order or a * b * c > _MOST_POINTS:
            raise ValueError(
                f"a mesh of {a} x {b} x {c} points: expected at least {struct.order} (the order of "
                f"the splines) along each box vector, and {_MOST_POINTS} at most"
            )
        return a, b, c

    def __reduce__(self) -> tuple[Callable[..., EwaldMesh], tuple[dict[str, Any]]]:
        """Pickle what it was made from."""
        return _remade, (self._arguments,)


def _remade(arguments: dict[str, Any]) -> EwaldMesh:
    return EwaldMesh(**arguments)


def prepare_ewald_mesh(
    *,
    charge: ArrayLike,
    splitting: EwaldSplitting,
    spacing: float | None = None,
    grid: Sequence[int] | None = None,
    order: int | None = None,
    coulomb: float = 138.9354,
) -> EwaldMesh:
    """Prepare the reciprocal part of an Ewald sum for `ewald_mesh`.

    Parameters
    ----------
    charge : array, shape (atoms,)
        Charges of all atoms of a frame (e), of the solvent too.
    splitting : EwaldSplitting
        The one that `prepare_nonbonded` was given.
    spacing : float, optional
        The most that points of the mesh are apart (nm); the numbers of points are rounded up to
        ones that transform fast. None: 0.12 in mixed precision, 0.1 in double.
    grid : (int, int, int), optional
        Numbers of points along the box vectors, instead.
    order : {4, 6, 8, 10, 12}, optional
        Of the splines: how many points of the mesh one reaches along each vector. None: 4 in
        mixed precision, 8 in double.
    coulomb : float
        1/(4 pi eps0), divided by a relative permittivity (kJ nm mol-1 e-2).

    Returns
    -------
    EwaldMesh

    Raises
    ------
    ValueError
        Settings that make no sense.

    Examples
    --------
    >>> from gromos_dist.kernels import ewald_splitting, prepare_ewald_mesh
    >>> mesh = prepare_ewald_mesh(charge=[1.0, -1.0], splitting=ewald_splitting(0.9), order=6)
    >>> mesh.n_atoms
    2
    """
    return EwaldMesh(**locals())


def ewald_mesh(
    positions: ArrayLike,
    box: ArrayLike | None,
    mesh: EwaldMesh,
    *,
    forces: bool = True,
    add_to: Floats | None = None,
    precision: str = "mixed",
) -> EwaldSum:
    """Compute the reciprocal part of an Ewald sum by smooth particle-mesh Ewald.

    With the pairs of `nonbonded` it makes the Coulomb interactions of an infinite lattice of
    boxes, in a conducting medium. Energies of the charges with themselves, and of a net charge
    with a uniform background that neutralises it, are part of it.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    box : array, shape (frames, 3, 3)
        Rows are the box vectors, in nm. Every frame has to have one.
    mesh : EwaldMesh
        From `prepare_ewald_mesh`.
    forces : bool
        Whether forces are wanted.
    add_to : float64 array, shape (frames, atoms, 3), optional
        Forces to which these are added, in place.
    precision : {"mixed", "double"}
        ``"mixed"``: mesh and transforms in single precision, energy and virial summed in double.

    Returns
    -------
    EwaldSum

    Raises
    ------
    ValueError
        Shapes, settings or precisions that do not fit.
    FrameError
        A frame without a box, a box without volume, or a coordinate that is NaN or infinite.

    Notes
    -----
    U. Essmann, L. Perera, M. L. Berkowitz, T. Darden, H. Lee and L. G. Pedersen, J. Chem. Phys.
    103 (1995) 8577. Forces are the exact derivative of the mesh's energy, as is the virial; their
    sum is not exactly zero, and nothing is done about that. A net charge Q has, with its
    background, the energy -pi Q**2 / (2 V alpha**2) (in units of `coulomb`), and half of its
    negative on the diagonal of the virial; forces have no part in it.

    Results are equal to the bit for any split of the frames.

    Examples
    --------
    The Madelung energy of a pair of ions in a crystal of sodium chloride.

    >>> import numpy as np
    >>> from gromos_dist.kernels import ewald_mesh, ewald_splitting, nonbonded
    >>> from gromos_dist.kernels import prepare_ewald_mesh, prepare_nonbonded
    >>> sites = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(1, -1, 3)
    >>> charge = (-1.0) ** sites[0].sum(axis=1)
    >>> splitting = ewald_splitting(1.9, tolerance=1e-8)
    >>> pairs = prepare_nonbonded(charge=charge, lj_type=np.zeros(64, int), c6=[[0]], c12=[[0]],
    ...                           cutoff=1.9, field=splitting, coulomb=1.0)
    >>> mesh = prepare_ewald_mesh(charge=charge, splitting=splitting, coulomb=1.0)
    >>> box = 4.0 * np.eye(3)[None]
    >>> energy = ewald_mesh(sites, box, mesh, precision="double").energy
    >>> energy += nonbonded(sites, box, pairs, precision="double").energies[:, 1, 0, 0]
    >>> print(f"{-energy[0] / 32:.6f}")
    1.747565
    """
    if precision not in _PRECISIONS:
        raise ValueError(f"precision: expected 'mixed' or 'double', got {precision!r}")
    frames = as_frames(positions)
    n_frames, n_atoms, _ = frames.shape
    if n_atoms != mesh.n_atoms:
        raise ValueError(f"positions have {n_atoms} atoms a frame, the mesh is for {mesh.n_atoms}")
    boxes = as_boxes(box, n_frames)
    without = np.ones(n_frames, dtype=bool) if boxes is None else without_box(boxes)
    if without.any():
        raise FrameError(
            "there is no box; particle-mesh Ewald is for periodic frames only",
            int(np.flatnonzero(without)[0]),
        )
    total = np.zeros(frames.shape) if forces and add_to is None else add_to
    if total is not None and not (
        total.shape == frames.shape and total.dtype == np.float64 and total.flags.carray
    ):
        raise ValueError(
            f"add_to: expected a writeable C-contiguous float64 array of shape {frames.shape}, "
            f"got {total.dtype} {total.shape}"
        )
    energy, virial = np.empty(n_frames), np.empty((n_frames, 3, 3))
    for number in range(n_frames):
        assert boxes is not None
        of_frame = None if total is None else total[number]
        _one_frame(frames[number], boxes[number], mesh, precision, of_frame, energy, virial, number)
    return EwaldSum(total, energy, virial)


def _one_frame(
    positions: NDArray[Any],
    box: Floats,
    mesh: EwaldMesh,
    precision: str,
    forces: Floats | None,
    energy: Floats,
    virial: Floats,
    number: int,
) -> None:
    code, dtype = _PRECISIONS[precision][:2]
    struct, where = mesh.structs[precision], new_where()
    shape = mesh.shape(box, precision, number)
    sizes = ffi.new("int64_t[3]", shape)
    length = lib.gd_mesh_row_length(struct, sizes)
    values = np.empty((*shape[:2], length), dtype=dtype)
    work = aligned(lib.gd_mesh_work(struct, sizes))
    moduli = [_moduli(struct.order, n) for n in shape]
    common = (struct, code)
    held = [pointer(modulus) for modulus in moduli]

    def checked(status: int) -> None:
        check(status, where, first_frame=number)

    checked(
        lib.gd_mesh_spread(
            *common,
            ffi.from_buffer(positions),
            type_of(positions),
            pointer(box),
            sizes,
            ffi.from_buffer(values),
            pointer(work),
            where,
        )
    )
    spectrum = scipy.fft.rfftn(values[:, :, : shape[2]], workers=1)
    checked(
        lib.gd_mesh_convolve(
            *common,
            pointer(box),
            sizes,
            held,
            ffi.from_buffer(spectrum),
            pointer(energy[number : number + 1]),
            pointer(virial[number]),
            pointer(work),
            where,
        )
    )
    own, background = mesh.of_box
    background /= abs(float(np.linalg.det(box)))
    energy[number] += own + background
    virial[number] -= 0.5 * background * np.eye(3)
    if forces is None:
        return
    potential = scipy.fft.irfftn(spectrum, s=shape, norm="forward", overwrite_x=True, workers=1)
    checked(
        lib.gd_mesh_gather(
            *common,
            pointer(box),
            sizes,
            ffi.from_buffer(potential),
            ffi.from_buffer(values),
            pointer(forces),
            pointer(work),
            where,
        )
    )


@lru_cache(maxsize=256)
def _moduli(order: int, n: int) -> Floats:
    """Return |b|**2 of Essmann's equation 4.4 for every frequency."""
    # The cardinal B-spline at 1, 2, ..., order - 1.
    spline = np.array([1.0])
    for k in range(3, order + 1):
        points = np.arange(1.0, k)
        padded = np.concatenate([[0.0], spline, [0.0]])
        spline = (points * padded[1:k] + (k - points) * padded[: k - 1]) / (k - 1)
    angle = 2.0 * np.pi * np.outer(np.arange(n), np.arange(order - 1)) / n
    sums = np.exp(1j * angle) @ spline
    moduli: Floats = 1.0 / np.abs(sums) ** 2
    moduli.flags.writeable = False
    return moduli

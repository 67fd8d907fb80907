"""Sets of atoms with their weights and reference coordinates, laid out for the C core once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import Atoms, aligned, pointer


class AtomSet:
    """A ``struct gd_atom_set`` together with the memory it points to.

    Parameters
    ----------
    atoms : Atoms
        Which atoms.
    weights : array of float64, shape (atoms of a frame,), optional
        Equal ones if None.
    reference : array of float64, shape (atoms of a frame, 3), optional
        None for a set that is never compared with a reference.
    center : array of float64, shape (3,), optional
        Lay the reference out around this point, not its own centre.

    Raises
    ------
    ValueError
        Weights that are negative, not finite or all zero; a reference that is not finite.
    """

    __slots__ = ("_index", "data", "struct")

    def __init__(
        self,
        atoms: Atoms,
        weights: NDArray[np.float64] | None,
        reference: NDArray[np.float64] | None = None,
        center: NDArray[np.float64] | None = None,
    ) -> None:
        chosen = None if weights is None else atoms.take(weights)
        coordinates = None if reference is None else atoms.take(reference)
        size = lib.gd_set_size(atoms.n, chosen is not None, coordinates is not None)
        self.data = aligned(size)
        where = new_where()
        status = lib.gd_set_prepare(
            pointer(coordinates),
            atoms.n,
            pointer(chosen),
            pointer(center),
            pointer(self.data),
            where,
        )
        if where.atom >= 0:
            where.atom = (
                where.atom + atoms.first if atoms.listed is None else atoms.listed[where.atom]
            )
        atom = f" (atom {where.atom})" if where.atom >= 0 else ""
        if status == lib.GD_NOT_FINITE:
            raise ValueError(f"reference: a coordinate is NaN or infinite{atom}")
        if status == lib.GD_NO_WEIGHT:
            raise ValueError(
                f"weights must be finite, not negative, and sum to more than zero{atom}"
            )
        check(status, where)
        self._index = pointer(atoms.listed, "int64_t *")
        self.struct: Any = ffi.new("struct gd_atom_set *")
        self.struct.index = self._index
        self.struct.first = atoms.first
        self.struct.data = pointer(self.data)

    @property
    def center(self) -> NDArray[np.float64]:
        """The (weighted) centre of the reference."""
        center = np.empty(3)
        lib.gd_set_center(pointer(self.data), pointer(center))
        return center

"""Ewald's sum in plain NumPy: every pair with many images, every reciprocal vector by itself."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

Floats = NDArray[np.float64]


class Sum(NamedTuple):
    energy: float
    forces: Floats
    virial: Floats


def _vectors(reach: int) -> Floats:
    return np.array(list(itertools.product(range(-reach, reach + 1), repeat=3)), dtype=float)


def reciprocal(
    x: Floats, charge: Floats, box: Floats, alpha: float, *, coulomb: float = 138.9354, reach: int
) -> Sum:
    """The sum over the reciprocal lattice, with the charges' own terms and the background."""
    volume = abs(np.linalg.det(box))
    indices = _vectors(reach)
    m = indices[(indices != 0).any(axis=1)] @ np.linalg.inv(box).T
    square = (m**2).sum(axis=1)
    factor = coulomb / (2 * np.pi * volume) * np.exp(-((np.pi / alpha) ** 2) * square) / square
    phases = np.exp(2j * np.pi * x @ m.T)
    structure = charge @ phases
    energies = factor * np.abs(structure) ** 2
    pull = factor * np.conj(structure) * (2j * np.pi) * phases * charge[:, None]
    spread = 2 * (1 / square + (np.pi / alpha) ** 2) * energies
    background = -coulomb * np.pi * charge.sum() ** 2 / (2 * volume * alpha**2)
    own = -coulomb * alpha / np.sqrt(np.pi) * (charge**2).sum()
    virial = 0.5 * ((spread[:, None] * m).T @ m - np.eye(3) * (energies.sum() + background))
    return Sum(float(energies.sum() + background + own), -2 * pull.real @ m, virial)


def real(
    x: Floats, charge: Floats, box: Floats, alpha: float, *, coulomb: float = 138.9354, reach: int
) -> Sum:
    """The sum over all pairs and images, an atom with its own images too."""
    shifts = _vectors(reach) @ box
    d = x[:, None, None] - x[None, :, None] + shifts
    r = np.linalg.norm(d, axis=-1)
    r[r == 0] = np.inf
    charges = coulomb * charge[:, None, None] * charge[None, :, None]
    screened = erfc(alpha * r) / r
    gaussian = 2 * alpha / np.sqrt(np.pi) * np.exp(-((alpha * r) ** 2))
    force = charges * (screened + gaussian) / r**2
    force[np.isinf(r)] = 0
    d[np.isinf(r)] = 0
    pull = force[..., None] * d
    # Each pair is there twice, and as many times in the virial.
    virial = -0.25 * np.einsum("ijkc,ijkd->cd", d, pull)
    return Sum(float(0.5 * (charges * screened).sum()), pull.sum(axis=(1, 2)), virial)


def ewald(x: Floats, charge: Floats, box: Floats, alpha: float, *, reach: tuple[int, int]) -> Sum:
    """The whole sum; it depends neither on alpha nor, once they suffice, on the two reaches."""
    parts = (
        real(x, charge, box, alpha, reach=reach[0]),
        reciprocal(x, charge, box, alpha, reach=reach[1]),
    )
    return Sum(*(a + b for a, b in zip(*parts, strict=True)))  # type: ignore[arg-type]

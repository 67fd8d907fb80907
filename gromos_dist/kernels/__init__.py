"""Kernels of the C core: NumPy in, NumPy out."""

from gromos_dist.kernels.bonded import Bonded, bonded
from gromos_dist.kernels.gyration import center, gyration_tensor, radius_of_gyration
from gromos_dist.kernels.rmsd import (
    calculate_rmsd,
    fit_transform,
    prepare_reference,
    rmsd,
    rmsd_matrix,
)
from gromos_dist.kernels.superpose import superpose, transform
from gromos_dist.kernels.whole import make_whole

__all__ = [
    "Bonded",
    "bonded",
    "calculate_rmsd",
    "center",
    "fit_transform",
    "gyration_tensor",
    "make_whole",
    "prepare_reference",
    "radius_of_gyration",
    "rmsd",
    "rmsd_matrix",
    "superpose",
    "transform",
]

"""Analyses: xarray in, xarray out, lazy."""

from gromos_dist.analysis.forces import energies, forces
from gromos_dist.analysis.rmsd import rmsd, rmsd_matrix, superpose
from gromos_dist.analysis.shape import center_of_geometry, center_of_mass, radius_of_gyration
from gromos_dist.analysis.statistics import energy_statistics
from gromos_dist.analysis.whole import make_whole

__all__ = [
    "center_of_geometry",
    "center_of_mass",
    "energies",
    "energy_statistics",
    "forces",
    "make_whole",
    "radius_of_gyration",
    "rmsd",
    "rmsd_matrix",
    "superpose",
]

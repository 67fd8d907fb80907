"""Trajectory files: one module a format behind the Reader protocol; energy trajectories."""

from gromos_dist.io.energies.trajectory import open_energies
from gromos_dist.io.mdanalysis_reader import from_mdanalysis
from gromos_dist.io.trajectory import open_trajectory

__all__ = ["from_mdanalysis", "open_energies", "open_trajectory"]

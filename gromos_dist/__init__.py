"""Distributed analysis of molecular dynamics trajectories."""

from gromos_dist import instruction_set
from gromos_dist._version import __version__

__all__ = ["__version__", "instruction_set"]

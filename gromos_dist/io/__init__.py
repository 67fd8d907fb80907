"""Trajectory files: one module a format behind the Reader protocol."""

from gromos_dist.io.trajectory import open_trajectory

__all__ = ["open_trajectory"]

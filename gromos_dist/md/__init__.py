"""Molecular dynamics one frame at a time: trajectories as sequences of frames."""

from gromos_dist.md.trajectory import Frame, Trajectory, TrajectoryWriter

__all__ = ["Frame", "Trajectory", "TrajectoryWriter"]

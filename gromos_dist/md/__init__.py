"""Molecular dynamics one frame at a time: trajectories as sequences of frames, states, vectors."""

from gromos_dist.md.state import State
from gromos_dist.md.trajectory import Frame, Trajectory, TrajectoryWriter
from gromos_dist.md.vec3 import Vec3

__all__ = ["Frame", "State", "Trajectory", "TrajectoryWriter", "Vec3"]

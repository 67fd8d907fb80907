"""Molecular dynamics one frame at a time: trajectories, states, forces, simulations, vectors."""

from gromos_dist.md.force_calculator import ForceCalculator, ForceResult
from gromos_dist.md.simulation import Report, Simulation
from gromos_dist.md.state import State
from gromos_dist.md.trajectory import Frame, Trajectory, TrajectoryWriter
from gromos_dist.md.vec3 import Vec3

__all__ = [
    "ForceCalculator",
    "ForceResult",
    "Frame",
    "Report",
    "Simulation",
    "State",
    "Trajectory",
    "TrajectoryWriter",
    "Vec3",
]

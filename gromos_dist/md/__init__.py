"""Vectors and the state of a system, for scripts that go on frame by frame."""

from gromos_dist.md.state import State
from gromos_dist.md.vec3 import Vec3

__all__ = ["State", "Vec3"]

"""Trajectories handed over to other programs' objects in memory, and taken from them."""

from gromos_dist.exchange.mdtraj import from_mdtraj, to_mdtraj
from gromos_dist.exchange.universe import to_mdanalysis

__all__ = ["from_mdtraj", "to_mdanalysis", "to_mdtraj"]

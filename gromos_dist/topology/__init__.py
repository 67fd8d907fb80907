"""Topologies and selections of atoms."""

from gromos_dist.topology.load import load_topology
from gromos_dist.topology.selection import Selection, resolve, select
from gromos_dist.topology.topology import Topology

__all__ = ["Selection", "Topology", "load_topology", "resolve", "select"]

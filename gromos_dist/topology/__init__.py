"""Topologies and force fields."""

from gromos_dist.topology.force_field import ForceField
from gromos_dist.topology.guessed_bonds import guess_bonds
from gromos_dist.topology.load import as_topology, load_topology
from gromos_dist.topology.topology import Topology
from gromos_dist.topology.write import write_topology

__all__ = [
    "ForceField",
    "Topology",
    "as_topology",
    "guess_bonds",
    "load_topology",
    "write_topology",
]

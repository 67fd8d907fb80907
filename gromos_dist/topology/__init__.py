"""Topologies, force fields, and selections of atoms."""

from gromos_dist.topology.force_field import ForceField
from gromos_dist.topology.guessed_bonds import guess_bonds
from gromos_dist.topology.load import as_topology, load_topology
from gromos_dist.topology.selection import Selection, resolve, select
from gromos_dist.topology.topology import Topology
from gromos_dist.topology.write import write_topology

__all__ = [
    "ForceField",
    "Selection",
    "Topology",
    "as_topology",
    "guess_bonds",
    "load_topology",
    "resolve",
    "select",
    "write_topology",
]

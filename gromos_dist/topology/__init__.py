"""Topologies, force fields, and settings of the forces."""

from gromos_dist.topology.bonded_terms import bonded_terms
from gromos_dist.topology.force_field import ForceField
from gromos_dist.topology.guessed_bonds import guess_bonds
from gromos_dist.topology.imd import ForceSettings, load_imd
from gromos_dist.topology.load import as_topology, load_topology
from gromos_dist.topology.nonbonded_parameters import nonbonded_parameters
from gromos_dist.topology.topology import Topology
from gromos_dist.topology.write import write_topology

__all__ = [
    "ForceField",
    "ForceSettings",
    "Topology",
    "as_topology",
    "bonded_terms",
    "guess_bonds",
    "load_imd",
    "load_topology",
    "nonbonded_parameters",
    "write_topology",
]

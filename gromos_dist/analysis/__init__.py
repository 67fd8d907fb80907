"""Analyses: xarray in, xarray out, lazy. One line a module; all doors find them here."""

from gromos_dist.analysis.rmsd import (
    rmsd as rmsd,
    rmsd_matrix as rmsd_matrix,
    superpose as superpose,
)
from gromos_dist.analysis.fluctuations import (
    rmsf as rmsf,
    bfactors as bfactors,
    average_structure as average_structure,
)
from gromos_dist.analysis.shape import (
    radius_of_gyration as radius_of_gyration,
    center_of_mass as center_of_mass,
    center_of_geometry as center_of_geometry,
)
from gromos_dist.analysis.principal import (
    shape_descriptors as shape_descriptors,
    inertia_tensor as inertia_tensor,
    principal_axes as principal_axes,
)
from gromos_dist.analysis.geometry import (
    distances as distances,
    angles as angles,
    dihedrals as dihedrals,
)
from gromos_dist.analysis.torsions import (
    torsions as torsions,
    torsion_transitions as torsion_transitions,
)
from gromos_dist.analysis.circular import circular_statistics as circular_statistics
from gromos_dist.analysis.nearest import (
    minimum_distance as minimum_distance,
    image_distance as image_distance,
)
from gromos_dist.analysis.distance_matrix import distance_matrix as distance_matrix
from gromos_dist.analysis.contacts import (
    contacts as contacts,
    contact_map as contact_map,
    n_contacts as n_contacts,
)
from gromos_dist.analysis.native_contacts import native_contacts as native_contacts
from gromos_dist.analysis.hydrogen.bonds import (
    hydrogen_bonds as hydrogen_bonds,
    n_hydrogen_bonds as n_hydrogen_bonds,
    hydrogen_bond_occupancy as hydrogen_bond_occupancy,
)
from gromos_dist.analysis.hydrogen.lifetimes import (
    hydrogen_bond_lifetimes as hydrogen_bond_lifetimes,
)
from gromos_dist.analysis.rdf import rdf as rdf
from gromos_dist.analysis.counts import n_atoms as n_atoms
from gromos_dist.analysis.dipole import dipole_moment as dipole_moment
from gromos_dist.analysis.box import box_series as box_series
from gromos_dist.analysis.whole import make_whole as make_whole
from gromos_dist.analysis.periodic import unwrap as unwrap, wrap as wrap, center as center
from gromos_dist.analysis.gather import gather as gather
from gromos_dist.analysis.statistics import (
    energy_statistics as energy_statistics,
    block_error as block_error,
    statistical_inefficiency as statistical_inefficiency,
    equilibration as equilibration,
)
from gromos_dist.analysis.forces import forces as forces, energies as energies

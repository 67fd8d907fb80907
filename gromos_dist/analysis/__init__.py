"""Analyses: xarray in, xarray out, lazy. One line a module; all doors find them here."""

from gromos_dist.analysis.counts import n_atoms as n_atoms
from gromos_dist.analysis.nearest import (
    image_distance as image_distance,
    minimum_distance as minimum_distance,
)
from gromos_dist.analysis.rdf import rdf as rdf
from gromos_dist.analysis.rmsd import (
    rmsd as rmsd,
    rmsd_matrix as rmsd_matrix,
    superpose as superpose,
)
from gromos_dist.analysis.shape import (
    center_of_geometry as center_of_geometry,
    center_of_mass as center_of_mass,
    radius_of_gyration as radius_of_gyration,
)
from gromos_dist.analysis.statistics import (
    block_error as block_error,
    energy_statistics as energy_statistics,
    equilibration as equilibration,
    statistical_inefficiency as statistical_inefficiency,
)
from gromos_dist.analysis.whole import make_whole as make_whole
from gromos_dist.analysis.forces import energies as energies, forces as forces

"""Kernels of the C core: NumPy in, NumPy out."""

from gromos_dist.kernels.bonded import Bonded, bonded
from gromos_dist.kernels.constraints import Constraints, shake
from gromos_dist.kernels.ewald_error import Mesh, choose_mesh, mesh_error, real_space_error
from gromos_dist.kernels.fluctuations import Fluctuations, fluctuations, together
from gromos_dist.kernels.group_distances import (
    GroupPairs,
    Groups,
    contacts,
    least_distances,
)
from gromos_dist.kernels.gyration import (
    center,
    gyration_tensor,
    prepare_atoms,
    radius_of_gyration,
)
from gromos_dist.kernels.neighbors import (
    NearestPairs,
    NearPairs,
    distance_histogram,
    image_distances,
    minimum_distances,
    neighbor_pairs,
    neighbor_pairs_of_frames,
)
from gromos_dist.kernels.nonbonded import (
    Nonbonded,
    molecular_virial,
    nonbonded,
    nonbonded_plain,
)
from gromos_dist.kernels.nonbonded_field import (
    EwaldSplitting,
    NonbondedField,
    PairList,
    ReactionField,
    ewald_splitting,
    prepare_nonbonded,
    reaction_field,
)
from gromos_dist.kernels.particle_mesh_ewald import (
    EwaldMesh,
    EwaldSum,
    ewald_mesh,
    prepare_ewald_mesh,
)
from gromos_dist.kernels.periodic import unwrap, wrap
from gromos_dist.kernels.rmsd import (
    calculate_rmsd,
    fit_transform,
    prepare_reference,
    rmsd,
    rmsd_matrix,
)
from gromos_dist.kernels.superpose import superpose, transform
from gromos_dist.kernels.whole import make_whole

__all__ = [
    "Bonded",
    "Constraints",
    "EwaldMesh",
    "EwaldSplitting",
    "EwaldSum",
    "Fluctuations",
    "GroupPairs",
    "Groups",
    "Mesh",
    "NearPairs",
    "NearestPairs",
    "Nonbonded",
    "NonbondedField",
    "PairList",
    "ReactionField",
    "bonded",
    "calculate_rmsd",
    "center",
    "choose_mesh",
    "contacts",
    "distance_histogram",
    "ewald_mesh",
    "ewald_splitting",
    "fit_transform",
    "fluctuations",
    "gyration_tensor",
    "image_distances",
    "least_distances",
    "make_whole",
    "mesh_error",
    "minimum_distances",
    "molecular_virial",
    "neighbor_pairs",
    "neighbor_pairs_of_frames",
    "nonbonded",
    "nonbonded_plain",
    "prepare_atoms",
    "prepare_ewald_mesh",
    "prepare_nonbonded",
    "prepare_reference",
    "radius_of_gyration",
    "reaction_field",
    "real_space_error",
    "rmsd",
    "rmsd_matrix",
    "shake",
    "superpose",
    "together",
    "transform",
    "unwrap",
    "wrap",
]

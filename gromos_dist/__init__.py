"""Distributed analysis of molecular dynamics trajectories.

Trajectories are lazy `xarray.Dataset`s; kernels in C are mapped over their chunks by Dask.
"""

from gromos_dist import accessor, instruction_set
from gromos_dist._version import __version__
from gromos_dist.analysis import (
    center_of_geometry,
    center_of_mass,
    energies,
    energy_statistics,
    forces,
    make_whole,
    radius_of_gyration,
    rmsd,
    rmsd_matrix,
    superpose,
)
from gromos_dist.errors import (
    BrokenMoleculesWarning,
    ConstraintError,
    ForceError,
    FrameError,
    SelectionError,
    SettingsError,
    SimulationError,
    TopologyError,
    TrajectoryError,
)
from gromos_dist.io import from_mdanalysis, open_energies, open_trajectory
from gromos_dist.kernels import calculate_rmsd
from gromos_dist.md import (
    ForceCalculator,
    Frame,
    Simulation,
    State,
    Trajectory,
    TrajectoryWriter,
    Vec3,
)
from gromos_dist.store import open_store, store
from gromos_dist.topology import Topology, load_topology, select, write_topology

__all__ = [
    "BrokenMoleculesWarning",
    "ConstraintError",
    "ForceCalculator",
    "ForceError",
    "Frame",
    "FrameError",
    "SelectionError",
    "SettingsError",
    "Simulation",
    "SimulationError",
    "State",
    "Topology",
    "TopologyError",
    "Trajectory",
    "TrajectoryError",
    "TrajectoryWriter",
    "Vec3",
    "__version__",
    "accessor",
    "calculate_rmsd",
    "center_of_geometry",
    "center_of_mass",
    "energies",
    "energy_statistics",
    "forces",
    "from_mdanalysis",
    "instruction_set",
    "load_topology",
    "make_whole",
    "open_energies",
    "open_store",
    "open_trajectory",
    "radius_of_gyration",
    "rmsd",
    "rmsd_matrix",
    "select",
    "store",
    "superpose",
    "write_topology",
]

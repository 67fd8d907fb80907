"""Distributed analysis of molecular dynamics trajectories.

Trajectories are lazy `xarray.Dataset`s; kernels in C are mapped over their chunks by Dask.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gromos_dist._version import __version__
from gromos_dist.when_imported import when_imported

if TYPE_CHECKING:
    from gromos_dist import accessor, instruction_set
    from gromos_dist.analysis import (
        center_of_geometry,
        center_of_mass,
        energy_statistics,
        make_whole,
        radius_of_gyration,
    )
    from gromos_dist.analysis.forces import energies, forces
    from gromos_dist.analysis.rmsd import rmsd, rmsd_matrix, superpose
    from gromos_dist.distributed import compute
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
    from gromos_dist.forces.imd import load_imd
    from gromos_dist.forces.settings import ForceSettings
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
    from gromos_dist.selection import select
    from gromos_dist.store import open_store, store
    from gromos_dist.topology import Topology, load_topology, write_topology

# A name is imported when it is first used: Dask and xarray take longer to import than many a
# command takes to run.
_NAMES = {
    "analysis": (
        *("center_of_geometry", "center_of_mass", "energies", "energy_statistics", "forces"),
        *("make_whole", "radius_of_gyration", "rmsd", "rmsd_matrix", "superpose"),
    ),
    "distributed": ("compute",),
    "errors": (
        *("BrokenMoleculesWarning", "ConstraintError", "ForceError", "FrameError"),
        *("SelectionError", "SettingsError", "SimulationError", "TopologyError"),
        "TrajectoryError",
    ),
    "forces.imd": ("load_imd",),
    "forces.settings": ("ForceSettings",),
    "io": ("from_mdanalysis", "open_energies", "open_trajectory"),
    "kernels": ("calculate_rmsd",),
    "md": (
        *("ForceCalculator", "Frame", "Simulation", "State", "Trajectory", "TrajectoryWriter"),
        "Vec3",
    ),
    "selection": ("select",),
    "store": ("open_store", "store"),
    "topology": ("Topology", "load_topology", "write_topology"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}
_MODULES = (
    *("accessor", "analysis", "distributed", "errors", "instruction_set", "io", "kernels"),
    *("mapping", "md", "plot", "provenance", "selection", "topology", "variables"),
)

__all__ = [
    "BrokenMoleculesWarning",
    "ConstraintError",
    "ForceCalculator",
    "ForceError",
    "ForceSettings",
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
    "compute",
    "energies",
    "energy_statistics",
    "forces",
    "from_mdanalysis",
    "instruction_set",
    "load_imd",
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


class _Package(ModuleType):
    """The package: `gromos_dist.store` is the function, not the package of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import of a submodule ends with this.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


# Type checkers see the names above, and complain of others.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})


sys.modules[__name__].__class__ = _Package
when_imported("xarray", lambda: import_module("gromos_dist.accessor"))

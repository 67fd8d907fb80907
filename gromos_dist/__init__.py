"""Distributed analysis of molecular dynamics trajectories.

Trajectories are lazy `xarray.Dataset`s; kernels in C are mapped over their chunks by Dask.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gromos_dist._version import __version__ as __version__
from gromos_dist.when_imported import when_imported

if TYPE_CHECKING:
    # As they are written here, names are this package's own for type checkers.
    from gromos_dist import accessor as accessor
    from gromos_dist import instruction_set as instruction_set
    from gromos_dist.analysis import *  # noqa: F403
    from gromos_dist.distributed import compute as compute
    from gromos_dist.errors import BrokenMoleculesWarning as BrokenMoleculesWarning
    from gromos_dist.errors import ConstraintError as ConstraintError
    from gromos_dist.errors import ForceError as ForceError
    from gromos_dist.errors import FrameError as FrameError
    from gromos_dist.errors import SelectionError as SelectionError
    from gromos_dist.errors import SettingsError as SettingsError
    from gromos_dist.errors import SimulationError as SimulationError
    from gromos_dist.errors import TopologyError as TopologyError
    from gromos_dist.errors import TrajectoryError as TrajectoryError
    from gromos_dist.exchange import from_mdtraj as from_mdtraj
    from gromos_dist.forces.imd import load_imd as load_imd
    from gromos_dist.forces.settings import ForceSettings as ForceSettings
    from gromos_dist.io import from_mdanalysis as from_mdanalysis
    from gromos_dist.io import open_energies as open_energies
    from gromos_dist.io import open_trajectory as open_trajectory
    from gromos_dist.kernels import calculate_rmsd as calculate_rmsd
    from gromos_dist.md import ForceCalculator as ForceCalculator
    from gromos_dist.md import Frame as Frame
    from gromos_dist.md import Simulation as Simulation
    from gromos_dist.md import State as State
    from gromos_dist.md import Trajectory as Trajectory
    from gromos_dist.md import TrajectoryWriter as TrajectoryWriter
    from gromos_dist.md import Vec3 as Vec3
    from gromos_dist.selection import select as select
    from gromos_dist.store import open_store as open_store
    from gromos_dist.store import store as store
    from gromos_dist.topology import Topology as Topology
    from gromos_dist.topology import load_topology as load_topology
    from gromos_dist.topology import write_topology as write_topology

# A name is imported when it is first used: Dask and xarray take longer to import than many a
# command takes to run.
_NAMES = {
    "distributed": ("compute",),
    "errors": (
        *("BrokenMoleculesWarning", "ConstraintError", "ForceError", "FrameError"),
        *("SelectionError", "SettingsError", "SimulationError", "TopologyError"),
        "TrajectoryError",
    ),
    "forces.imd": ("load_imd",),
    "forces.settings": ("ForceSettings",),
    "exchange": ("from_mdtraj",),
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
    *("accessor", "analysis", "distributed", "errors", "exchange", "instruction_set", "io"),
    *("kernels", "mapping", "md", "plot", "provenance", "selection", "topology", "variables"),
)


class _Package(ModuleType):
    """The package: `gromos_dist.store` is the function, not the package of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import of a submodule ends with this.
        if not (isinstance(value, ModuleType) and (name in _HOMES or name in _analyses())):
            super().__setattr__(name, value)


@cache
def _analyses() -> frozenset[str]:
    """Return the names of the analyses, which `gromos_dist.analysis` imports, without doing so."""
    text = (Path(__file__).parent / "analysis" / "__init__.py").read_text(encoding="utf-8")
    return frozenset(re.findall(r"\bas (\w+)", text))


# Type checkers see the names above, and complain of others.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            public = {*_HOMES, *_analyses(), "__version__", "accessor", "instruction_set"}
            return sorted(public)
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in _HOMES and (name.startswith("_") or name not in _analyses()):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = import_module(f"{__name__}.{_HOMES.get(name, 'analysis')}")
        value = globals()[name] = getattr(home, name)
        return value


def __dir__() -> list[str]:
    # What this module itself imports is nobody's business.
    own = (name for name in globals() if name.startswith("__"))
    return sorted({*own, *_HOMES, *_analyses(), *_MODULES})


sys.modules[__name__].__class__ = _Package
when_imported("xarray", lambda: import_module("gromos_dist.accessor"))

"""Errors of particle-mesh Ewald by tolerance, cutoff and precision: the table of docs/forces.md.

Usage: GROMOS_DIST_REFERENCE=folder python benchmarks/pme_accuracy.py
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import gromos_dist as gd
from gromos_dist.kernels import choose_mesh, ewald_splitting


def main() -> None:
    """Print the relative errors of the forces in a frame of 1000 waters, root mean square."""
    warnings.simplefilter("ignore")
    systems = Path(os.environ.get("GROMOS_DIST_REFERENCE", "../shared/reference"), "rerun/systems")
    frame = gd.open_trajectory(systems / "w1000.trc.gz", systems / "w1000.top", stop=1)
    for cutoff in (0.9, 1.4):
        common: dict[str, Any] = {"cutoff": cutoff, "use_pme": True, "variables": ["forces"]}
        exact = gd.forces(frame, precision="double", pme_tolerance=1e-10, **common).forces.values

        def error(exact: Any = exact, common: dict[str, Any] = common, **options: Any) -> float:
            found = gd.forces(frame, **common, **options).forces.values
            return float(np.sqrt(((found - exact) ** 2).sum() / (exact**2).sum()))

        print(f"cutoff {cutoff} nm")
        for tolerance in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
            mesh = choose_mesh(ewald_splitting(cutoff, tolerance).alpha, cutoff)
            double, mixed = (
                error(precision=precision, pme_tolerance=tolerance)
                for precision in ("double", "mixed")
            )
            print(
                f"tolerance {tolerance:.0e}: mesh {mesh.spacing:.3f} nm, order {mesh.order:2d}; "
                f"double {double:.1e}, mixed {mixed:.1e}"
            )
        print(f"mesh 0.12 nm, order 4: mixed {error(pme_spacing=0.12, pme_order=4):.1e}")


if __name__ == "__main__":
    main()

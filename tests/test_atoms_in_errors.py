"""Errors about a coordinate name the frame, and the atom by its number in the file."""

from __future__ import annotations

from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from test_every_analysis import CASES

import gromos_dist as gd
from gromos_dist.errors import FrameError

DATA = Path(__file__).parent / "data"
N_FRAMES = 7
FRAME = 4
# They look at energies or angles, or only at boxes.
WITHOUT_COORDINATES = {
    *("box_series", "energy_statistics", "block_error", "statistical_inefficiency"),
    *("equilibration", "circular_statistics"),
}
# Others take water too, or none but water.
OF_THE_SOLUTE = {
    *("radius_of_gyration", "center_of_mass", "center_of_geometry", "shape_descriptors"),
    *("inertia_tensor", "image_distance", "superpose", "average_structure", "distances"),
    *("angles", "dihedrals"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Butane in water, of a file: the atoms of some molecules."""
    short = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top").compute()
    frames = short.isel(frame=np.arange(N_FRAMES) % 3).drop_vars("step", errors="ignore")
    positions = frames.positions.astype(float).assign_attrs(short.positions.attrs)
    return frames.assign(positions=positions)


def with_nan(ds: xr.Dataset, atom: int) -> xr.Dataset:
    values = ds.positions.values.copy()
    values[FRAME, atom, 1] = np.nan
    return ds.assign(positions=ds.positions.copy(data=values))


@pytest.mark.parametrize("name", sorted(CASES.keys() - WITHOUT_COORDINATES))
@pytest.mark.parametrize("lazy", [False, True])
def test_every_analysis_names_the_atom(name: str, lazy: bool, whole: xr.Dataset) -> None:
    # Of the atoms of the Dataset the number in the file is 90 more, or anything.
    moved = whole.assign_coords(
        atom_number=("atom", whole.atom_number.values + 90, {"atoms_in_file": 394}),
        bonds=(whole.bonds.dims, whole.bonds.values + 90),
    )
    atom = 2 if name in OF_THE_SOLUTE else 5 if "torsion" in name else 4
    bad = with_nan(moved, atom).isel(frame=np.arange(10) % N_FRAMES)
    if lazy:
        bad = bad.chunk(frame=3)
    with pytest.raises(FrameError, match=rf"frame {FRAME}: .*NaN or infinite \(atom {atom + 90}\)"):
        dask.compute(CASES[name](bad))

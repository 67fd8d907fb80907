"""Trajectories of an MDAnalysis Universe as lazy Datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from gromos_dist.errors import TrajectoryError
from gromos_dist.input_file import file_state, suffix_of
from gromos_dist.io.atoms import (
    ATOMS_IN_FILE,
    GuessBonds,
    atom_numbers,
    bond_coordinate,
    with_guessed_bonds,
)
from gromos_dist.io.lazy import frame_chunks_of, trajectory_array
from gromos_dist.io.presence import presence
from gromos_dist.io.read_arguments import check_read
from gromos_dist.io.reader import Atoms, Reader, open_reader, warn_of_cautions
from gromos_dist.io.registry import READABLE
from gromos_dist.io.source import Source
from gromos_dist.io.trajectory import attributes_in
from gromos_dist.provenance import describe_file, record_of
from gromos_dist.topology import Topology
from gromos_dist.topology.mdanalysis import topology_of_universe
from gromos_dist.variables import VARIABLES

_PER_NM = 10.0
# The attribute of an AtomGroup without which the Dataset does not have the coordinate.
_ATTRIBUTES = {"atom_name": "names", "residue_name": "resnames", "residue": "resids"}


def from_mdanalysis(
    universe: Any,
    *,
    chunks: int | str = "auto",
    dtype: DTypeLike = np.float32,
    guess_bonds: GuessBonds = False,
) -> xr.Dataset:
    """Return the trajectory of an MDAnalysis Universe, or of an AtomGroup, as a lazy Dataset.

    Files whose format gromos_dist knows are read by its own readers, others by those of
    MDAnalysis, which hold the GIL: then `gromos_dist.distributed.scheduler("processes")` helps.
    A task opens the files for itself; neither the Universe nor its topology travels.

    Parameters
    ----------
    universe : MDAnalysis Universe or AtomGroup
        Of an AtomGroup, only its atoms are read.
    chunks : int or "auto"
        Frames in a chunk.
    dtype : dtype
        Of the positions: float32 or float64.
    guess_bonds : {"auto", False}
        "auto": guess the bonds that the Universe does not have, as `open_trajectory`.

    Returns
    -------
    Dataset
        As `gromos_dist.open_trajectory` gives it, in nm and ps, with the names, residues,
        molecules, elements, masses, charges and bonds that the Universe has. Of formats that only
        MDAnalysis reads, times are those of the first frame and the time step.
        Of a Universe that ``ds.gromos.to_mdanalysis()`` made, it is the frames of ``ds``, with the
        atoms as the Universe has them now.

    Raises
    ------
    ValueError
        The trajectory is in memory, has transformations, or is other than its files joined; bonds
        are to be guessed of a Universe that was made of a Dataset.

    Examples
    --------
    >>> import MDAnalysis
    >>> from MDAnalysisTests.datafiles import PRM_NCBOX, TRJ_NCBOX
    >>> universe = MDAnalysis.Universe(PRM_NCBOX, TRJ_NCBOX)
    >>> ds = from_mdanalysis(universe.select_atoms("name OW O"))
    >>> ds.positions.shape, ds.attrs["history"].split(";")[0]
    ((10, 465, 3), 'from_mdanalysis() of ace_tip3p.nc')
    """
    group = universe.atoms
    trajectory = group.universe.trajectory
    if isinstance(getattr(trajectory, "dataset", None), xr.Dataset):
        return _handed_back(group, guess_bonds)
    readers = tuple(_readers(trajectory))
    warn_of_cautions(readers)
    n_frames = [reader.n_frames for reader in readers]
    if sum(n_frames) != trajectory.n_frames:
        raise ValueError(
            f"the Universe has {trajectory.n_frames} frames, its files {sum(n_frames)}: open the "
            "files with gd.open_trajectory, whose overlap= says what to do with frames that are "
            "there twice"
        )
    states = tuple(file_state(reader.path) for reader in readers)
    inputs = [describe_file(reader.path) for reader in readers]
    tokens = tuple(file.token for file in inputs)
    frames = tuple(map(range, n_frames))
    source = Source(readers, frames, tokens, dtype=np.dtype(dtype), states=states)
    topology = with_guessed_bonds(topology_of_universe(group), source, guess_bonds)
    if len(group) != group.universe.atoms.n_atoms or (np.diff(group.indices) != 1).any():
        source = source.select_atoms(group.indices)
    timeline = source.read(["time", "step"])
    coords: dict[str, Any] = {"xyz": ("xyz", ["x", "y", "z"]), **_coordinates(group, topology)}
    for name, values in timeline.items():
        coords[name] = ("frame", values, dict(VARIABLES[name].attrs))
    coords |= presence(source)
    frame_chunks = frame_chunks_of(source, chunks)
    variables = {
        name: (
            VARIABLES[name].dims,
            trajectory_array(source, name, frame_chunks),
            attributes_in(source, name),
        )
        for name in source.fields
        if name not in timeline
    }
    parameters = {"atoms": source.atoms, "dtype": np.dtype(dtype).name}
    if guess_bonds:
        parameters["guess_bonds"] = guess_bonds
    defaults = {"dtype": "float32", "guess_bonds": False}
    attrs = record_of("from_mdanalysis", parameters, inputs, defaults=defaults).attributes
    if topology.bond_origin:
        attrs["bonds"] = topology.bond_origin
    return xr.Dataset(variables, coords, attrs)


def _handed_back(group: Any, guess_bonds: GuessBonds) -> xr.Dataset:
    """Return the Dataset that a Universe reads, with what the Universe says of its atoms."""
    _refuse_transformations(group.universe.trajectory)
    if guess_bonds:
        raise ValueError(
            "guess_bonds: this Universe was made of a Dataset; guess the bonds of that when it is "
            "opened, or leave out guess_bonds"
        )
    dataset: xr.Dataset = group.universe.trajectory.dataset
    coords = _coordinates(group, topology_of_universe(group))
    if "atom_number" in dataset.coords:
        # Numbers in the file that the Dataset is of, some atoms of which the Universe has.
        numbers = dataset["atom_number"].values
        n_atoms = max(int(dataset["atom_number"].attrs.get(ATOMS_IN_FILE, 0)), numbers.max() + 1)
        coords["atom_number"] = atom_numbers(numbers[group.indices], n_atoms)
        if "bonds" in coords:
            dims, bonds, attrs = coords["bonds"]
            coords["bonds"] = (dims, numbers[bonds], attrs)
    some = dataset.isel(atom=group.indices).drop_vars("bonds", errors="ignore")
    return some.assign_coords(coords)


def _refuse_transformations(*trajectories: Any) -> None:
    if any(trajectory.transformations for trajectory in trajectories):
        raise ValueError(
            "the Universe's trajectory has transformations, which only change frames when "
            "MDAnalysis reads them; take the Universe without them"
        )


def _coordinates(group: Any, topology: Topology) -> dict[str, Any]:
    """Return the properties of the atoms, their numbers in the Universe, and their bonds."""
    indices = np.asarray(group.indices, np.int64)
    n_atoms = topology.n_atoms
    coordinates: dict[str, Any] = {"atom_number": atom_numbers(indices, n_atoms)}
    for name, (dims, values, attrs) in topology.coordinates().items():
        if hasattr(group, _ATTRIBUTES.get(name, "universe")):
            coordinates[name] = (dims, values[indices], dict(attrs))
    return coordinates | bond_coordinate(topology.bonds, indices, n_atoms)


def _readers(trajectory: Any) -> Iterator[Reader]:
    for part in getattr(trajectory, "readers", [trajectory]):
        _refuse_transformations(trajectory, part)
        if not isinstance(part.filename, str | Path) or part.format == "MEMORY":
            raise ValueError(
                "the Universe's trajectory is in memory: make a Dataset of its array, or write it "
                "to a file"
            )
        path = str(Path(part.filename).absolute())
        if suffix_of(path) in READABLE:
            yield open_reader(path)
        else:
            yield _reader(path, part)


def _reader(path: str, part: Any) -> MDAnalysisReader:
    kind = f"{type(part).__module__}:{type(part).__qualname__}"
    n_frames, n_atoms = int(part.n_frames), int(part.n_atoms)
    reader = MDAnalysisReader(path, n_frames, n_atoms, ("time", "step"), kind, 0.0, float(part.dt))
    # Another reader than the Universe's, whose current frame stays.
    with reader.opened() as trajectory:
        step = trajectory[0]
        names = ("positions", "velocities", "forces")
        fields = [name for name in names if getattr(step, f"has_{name}")]
        box = ("box",) if step.dimensions is not None else ()
        first = float(step.time)
    return replace(reader, fields=(*fields, *box, "time", "step"), first_time=first)


@dataclass(frozen=True, slots=True)
class MDAnalysisReader:
    """A file that a reader of MDAnalysis reads: `gromos_dist.io.reader.Reader`."""

    path: str
    n_frames: int
    n_atoms: int
    fields: tuple[str, ...]
    kind: str
    """The class of MDAnalysis, ``module:name``."""
    first_time: float
    time_step: float

    @property
    def damage(self) -> str:
        """Nothing that MDAnalysis would tell."""
        return ""

    @property
    def single_precision(self) -> tuple[str, ...]:
        """All: MDAnalysis has float32 numbers."""
        return self.fields

    @property
    def preferred_step(self) -> int:
        """1: chunks may begin anywhere."""
        return 1

    def read(self, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms = None) -> None:
        """Read frames into the caller's buffers: see `gromos_dist.io.reader.Reader.read`."""
        check_read(self, frames, out, atoms)
        if "step" in out:
            out["step"][...] = frames
        if "time" in out:
            out["time"][...] = self.first_time + np.array(frames) * self.time_step
        if not frames or not set(out) - {"step", "time"}:
            return
        rows = slice(None) if atoms is None else atoms
        with self.opened() as trajectory:
            for i, number in enumerate(frames):
                try:
                    step = trajectory[number]
                except (OSError, EOFError, ValueError) as error:
                    raise TrajectoryError(
                        f"{self.path}: frame {number}: MDAnalysis cannot read it: {error}"
                    ) from error
                for name in ("positions", "velocities"):
                    if name in out:
                        out[name][i] = getattr(step, name)[rows] / np.float64(_PER_NM)
                if "forces" in out:
                    out["forces"][i] = step.forces[rows] * np.float64(_PER_NM)
                if "box" in out:
                    box = step.triclinic_dimensions
                    is_there = box is not None and np.any(box)
                    out["box"][i] = box / np.float64(_PER_NM) if is_there else np.nan

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Yield the file as MDAnalysis opens it."""
        module, name = self.kind.split(":")
        trajectory = getattr(import_module(module), name)(self.path, n_atoms=self.n_atoms)
        try:
            yield trajectory
        finally:
            trajectory.close()

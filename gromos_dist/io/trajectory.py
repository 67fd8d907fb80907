"""Open trajectories as a lazy Dataset: `open_trajectory`, and the xarray engine "gromos"."""

from __future__ import annotations

import glob
import inspect
import os
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike
from xarray.backends import BackendEntrypoint
from xarray.core import indexing

from gromos_dist.defaults import ON_TRUNCATED, OVERLAP
from gromos_dist.errors import TopologyError
from gromos_dist.input_file import FileState, file_state, suffix_of, unchanged
from gromos_dist.io.atoms import GuessBonds, atom_numbers, bond_coordinate, with_guessed_bonds
from gromos_dist.io.lazy import (
    FieldOfSource,
    default_frame_chunks,
    frame_chunks_of,
    trajectory_array,
)
from gromos_dist.io.overlap import (
    Clock,
    OnOverlap,
    check_on_overlap,
    find_overlaps,
    handle_overlaps,
)
from gromos_dist.io.own_labels import check_labels, labels_of, own_topology
from gromos_dist.io.presence import presence
from gromos_dist.io.reader import Reader, open_reader, warn_of_cautions
from gromos_dist.io.registry import READABLE
from gromos_dist.io.source import Source
from gromos_dist.io.truncated import OnTruncated, check_on_truncated
from gromos_dist.provenance import InputFile, describe_file, record_of
from gromos_dist.selection import Selection, resolve
from gromos_dist.topology import Topology, as_topology
from gromos_dist.topology.load import file_of
from gromos_dist.topology.mdanalysis import is_universe
from gromos_dist.variables import ROUNDED_TO, VARIABLES

_HASHED_WHOLE = 1 << 26
"""Topologies of so many bytes are known by all of them."""

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
TopologyLike = Topology | str | os.PathLike[str] | Any | None
"""A topology, its file, or an MDAnalysis Universe."""


def open_trajectory(
    paths: Paths,
    topology: TopologyLike = None,
    *,
    atoms: Selection = None,
    start: int | None = None,
    stop: int | None = None,
    stride: int = 1,
    chunks: int | str = "auto",
    dtype: DTypeLike = np.float32,
    on_truncated: OnTruncated = ON_TRUNCATED,
    overlap: OnOverlap = OVERLAP,
    guess_bonds: GuessBonds = False,
    engine: str | None = None,
    verify: bool = False,
) -> xr.Dataset:
    """Open trajectory files as one lazy Dataset.

    Headers and frame indices are read, several files at a time; frames are not.

    Parameters
    ----------
    paths : path, glob pattern, or sequence of these
        Files of the same atoms; they follow each other in time in the order given, the files of
        a pattern in the order of their names, numbers counted as numbers.
    topology : Topology, path or MDAnalysis Universe, optional
        Where atom names, residues, masses and bonds come from (GROMOS topology, PDB, GRO, PSF;
        TPR, with MDAnalysis). When None, a first file that is PDB, GRO or a GROMOS configuration
        tells them itself.
    atoms : str or sequence of int, optional
        Atoms to read: a selection (it needs a topology) or indices from 0; all when None.
    start, stop, stride : int, optional
        Frames to read, as those of a slice, counted over all files.
    chunks : int or "auto"
        Frames in a chunk. "auto" gives about 128 MiB of coordinates, less for a small file.
    dtype : dtype
        Of the positions: float32, or float64 where the file's digits are to be kept.
    on_truncated : {"raise", "drop", "warn"}
        What to do with a file that ends inside a frame, because its run was killed or is still
        going on: refuse it, leave that frame out, or leave it out and warn.
    overlap : {"warn", "keep", "drop", "raise"}
        What to do with frames that a later file has again, as happens when a run was restarted:
        keep both copies and warn, keep both, leave out the copy of the earlier file, or refuse.
    guess_bonds : {"auto", False}
        "auto": guess the bonds that the topology does not list, from names of residues and from
        distances in the first frame (`gromos_dist.topology.guess_bonds`). The attribute ``bonds``
        tells how many come from where.
    engine : {"chemfiles"}, optional
        Read the files with this library (an optional extra): Amber NetCDF, LAMMPS, XYZ, mmCIF, ...
    verify : bool
        Hash every byte of the files, which means to read them once more, for the provenance and
        identity of results. Otherwise a file is known by its size, the time of its last change and
        samples of its content.

    Returns
    -------
    Dataset
        ``positions`` (frame, atom, xyz) in nm and whatever else the files have; coordinates
        ``time`` (ps), ``step`` and the properties of the atoms; with a topology also ``bonds``
        (bond, pair), which are between atoms of these ``atom_number``. What only some frames have,
        as TRR allows, is NaN in the others, and a coordinate such as ``has_positions`` says which
        these are. Where frames were left out or are there twice, the attributes ``damage`` and
        ``overlap`` say which, a line for each file.

    Raises
    ------
    FileNotFoundError
        A file is missing, or a pattern matches nothing.
    TrajectoryError, TopologyError
        A file is damaged, changes while it is read, or topology and trajectory have different
        numbers of atoms.
    ValueError
        No reader is known for a file, files overlap and ``overlap="raise"``, or `chunks`, `stride`
        or `dtype` make no sense; or a file has the atoms of the topology, or of the first file, in
        another order.
    SelectionError
        `atoms` cannot be read, or selects nothing.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF, atoms="name CA")
    >>> ds.positions.shape
    (98, 214, 3)
    """
    source, coords, attrs = _open(
        *(paths, topology, atoms, start, stop, stride, dtype, on_truncated, overlap),
        *(guess_bonds, engine, verify),
    )
    frame_chunks = frame_chunks_of(source, chunks)
    variables = {
        name: (
            VARIABLES[name].dims,
            trajectory_array(source, name, frame_chunks),
            attributes_in(source, name),
        )
        for name in source.fields
        if name not in coords
    }
    return xr.Dataset(variables, coords, attrs)


_ARGUMENTS = inspect.signature(open_trajectory).parameters
DEFAULTS = {name: of.default for name, of in _ARGUMENTS.items()} | {"dtype": "float32"}
"""The options of `open_trajectory`, with what they are unless given, as provenance has them."""
# Those that its chunks and readers leave to xarray.
_OPTIONS = {name: DEFAULTS[name] for name in DEFAULTS if name not in ("paths", "chunks", "engine")}


class GromosBackend(BackendEntrypoint):
    """The engine "gromos" of `xarray.open_dataset`."""

    description = "Trajectories of molecular dynamics: " + " ".join(sorted(READABLE))
    open_dataset_parameters = ("filename_or_obj", "drop_variables", *_OPTIONS)

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: Paths,
        *,
        drop_variables: str | Iterable[str] | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Open trajectory files; options as those of `open_trajectory`."""
        unknown = options.keys() - _OPTIONS.keys()
        if unknown:
            raise TypeError(
                f"{', '.join(sorted(unknown))}: expected options of open_trajectory: "
                f"{', '.join(_OPTIONS)}"
            )
        source, coords, attrs = _open(filename_or_obj, **{**_OPTIONS, **options})
        chunks = max(default_frame_chunks(source))
        variables = {
            name: xr.Variable(
                VARIABLES[name].dims,
                indexing.LazilyIndexedArray(FieldOfSource(source, name)),
                attributes_in(source, name),
                {"preferred_chunks": {"frame": chunks}},
            )
            for name in source.fields
            if name not in coords
        }
        dropped = [drop_variables] if isinstance(drop_variables, str) else drop_variables
        dataset = xr.Dataset(variables, coords, attrs)
        return dataset.drop_vars(dropped or [], errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Say whether a file's suffix is one of ours."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        return suffix_of(filename_or_obj) in READABLE


def attributes(name: str) -> dict[str, str]:
    """Return a fresh copy of a variable's attributes."""
    return dict(VARIABLES[name].attrs)


def attributes_in(source: Source, name: str) -> dict[str, str]:
    """Return a variable's attributes, with what these files say beyond its numbers."""
    attrs = attributes(name)
    shape = getattr(source.readers[0], "box_shape", "")
    if name == "box" and shape == "truncated octahedron":
        # The numbers are the edges of the cube that it is cut from.
        attrs["shape"] = shape
    if source.rounds(name):
        attrs[ROUNDED_TO] = source.dtype.name
    return attrs


def _open(
    paths: Paths,
    topology: TopologyLike,
    atoms: Selection,
    start: int | None,
    stop: int | None,
    stride: int,
    dtype: DTypeLike,
    on_truncated: OnTruncated,
    overlap: OnOverlap,
    guess_bonds: GuessBonds,
    engine: str | None = None,
    verify: bool = False,
) -> tuple[Source, dict[str, Any], dict[str, Any]]:
    """Return the frames and atoms wanted, the coordinates, and the attributes of a Dataset."""
    _check_options(stride, dtype, on_truncated, overlap)
    opened = _open_files(expand(paths), on_truncated, engine, verify)
    readers = tuple(file.reader for file in opened)
    for reader in readers[1:]:
        if reader.n_atoms != readers[0].n_atoms:
            raise ValueError(
                f"{reader.path} has {reader.n_atoms} atoms, {readers[0].path} has "
                f"{readers[0].n_atoms}: files on one time axis need the same atoms"
            )
    warn_of_cautions(readers)
    damage = [f"{reader.path}: {reader.damage}" for reader in readers if reader.damage]
    if on_truncated == "warn":
        for line in damage:
            warnings.warn(line, stacklevel=3)
    n_frames = [reader.n_frames for reader in readers]
    overlaps = find_overlaps([file.clock for file in opened])
    repeated = handle_overlaps(overlaps, overlap)
    if overlap == "drop":
        for some in overlaps:
            n_frames[some.file] = some.first
    attrs = {"damage": "\n".join(damage), "overlap": repeated}
    attrs = {name: text for name, text in attrs.items() if text}

    inputs = [file.described for file in opened]
    source = Source(
        readers,
        tuple(map(range, n_frames)),
        tuple(file.token for file in inputs),
        dtype=np.dtype(dtype),
        states=tuple(file.state for file in opened),
    )
    frames = range(source.n_frames)[start:stop:stride]
    time, step = (
        np.concatenate([column[:n] for column, n in zip(columns, n_frames, strict=True)])[
            slice(start, stop, stride)
        ]
        for columns in ([file.clock.time for file in opened], [file.clock.step for file in opened])
    )
    source = source.select_frames(frames)

    known, described_by, files = _topology_of(topology, source, verify)
    if described_by is not None:
        attrs["topology"] = described_by
    labels = labels_of({} if known is None else known.coordinates())
    check_labels(readers, labels, described_by or "the topology")
    source, coords, bond_origin = _with_atoms(source, known, atoms, guess_bonds)
    if bond_origin:
        attrs["bonds"] = bond_origin
    for name, values in (("time", time), ("step", step)):
        coords[name] = ("frame", values, attributes(name))
    coords |= presence(source)
    parameters: dict[str, Any] = {"atoms": atoms, "start": start, "stop": stop, "stride": stride}
    parameters |= {"dtype": np.dtype(dtype).name, "on_truncated": on_truncated, "overlap": overlap}
    if guess_bonds:
        parameters["guess_bonds"] = guess_bonds
    if engine is not None:
        parameters["engine"] = engine
    if topology is not None and not files:
        parameters["topology"] = known
    record = record_of(
        *("open_trajectory", parameters, inputs), defaults=DEFAULTS, described_by=files
    )
    return source, coords, record.attributes | attrs


def _check_options(
    stride: int, dtype: DTypeLike, on_truncated: OnTruncated, overlap: OnOverlap
) -> None:
    if np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype: expected float32 or float64, got {np.dtype(dtype)}")
    if not isinstance(stride, int) or stride < 1:
        raise ValueError(f"stride: expected a whole number above 0, got {stride!r}")
    check_on_truncated(on_truncated)
    check_on_overlap(overlap)


def _topology_of(
    topology: TopologyLike, source: Source, verify: bool
) -> tuple[Topology | None, str | None, list[InputFile]]:
    """Return what is known of the atoms, the path it is from, and the files read for it."""
    if topology is None:
        own = own_topology(source.readers[0])
        return own, None if own is None else source.readers[0].path, []
    given = None
    if isinstance(topology, Topology) or is_universe(topology):
        given = as_topology(topology)
        path = file_of(given)
        if path is None:
            return _of_these_atoms(given, source), None, []
    else:
        path = str(Path(topology).absolute())
    state = file_state(path)
    with unchanged(path, state):
        described = describe_file(path, whole=verify or state.size <= _HASHED_WHOLE)
        known = as_topology(path) if given is None else given
        return _of_these_atoms(known, source), path, [described]


def _with_atoms(
    source: Source, topology: Topology | None, atoms: Selection, guess_bonds: GuessBonds
) -> tuple[Source, dict[str, Any], str]:
    """Return the atoms wanted, what is known of them, and where guessed bonds come from."""
    coords: dict[str, Any] = {"xyz": ("xyz", ["x", "y", "z"])}
    n_atoms = source.n_atoms
    if atoms is not None or topology is not None:
        coords["atom_number"] = atom_numbers(np.arange(n_atoms), n_atoms)
    known = topology or Topology()
    if topology is not None:
        known = with_guessed_bonds(topology, source, guess_bonds)
        coords |= known.coordinates()
    elif guess_bonds:
        raise ValueError("guess_bonds needs the names of the atoms: give a topology")
    indices = None
    if atoms is not None:
        described = xr.Dataset(coords=coords)
        bonds = bond_coordinate(known.bonds, None, n_atoms)
        indices = resolve(atoms, described.assign_coords(atom=np.arange(n_atoms), **bonds))
        source = source.select_atoms(indices)
        chosen = described.isel(atom=indices)
        coords = {str(name): chosen.variables[name] for name in chosen.coords}
    coords |= bond_coordinate(known.bonds, indices, n_atoms)
    return source, coords, known.bond_origin


def _of_these_atoms(topology: Topology, source: Source) -> Topology:
    """Return the topology with as much solvent as the files have."""
    try:
        return topology.with_n_atoms(source.n_atoms)
    except TopologyError as error:
        raise TopologyError(f"{error} (trajectory {source.readers[0].path})") from None


class _Opened(NamedTuple):
    """What opening one file gives."""

    reader: Reader
    state: FileState
    described: InputFile
    clock: Clock


def _open_files(
    files: list[str], on_truncated: OnTruncated, engine: str | None, verify: bool
) -> list[_Opened]:
    """Open files, several at a time: scanning and hashing do not hold the GIL."""

    def open_file(path: str) -> _Opened:
        absolute = Path(path).absolute()
        state = file_state(path)
        with unchanged(path, state):
            # Warnings are given by the thread that was called, in the order of the files.
            reader = open_reader(
                absolute, on_truncated="raise" if on_truncated == "raise" else "drop", engine=engine
            )
            time, step = np.empty(reader.n_frames), np.empty(reader.n_frames, np.int64)
            reader.read(range(reader.n_frames), {"time": time, "step": step})
            described = describe_file(path, whole=verify)
        return _Opened(reader, state, described, Clock(path, time, step))

    if len(files) == 1:
        return [open_file(files[0])]
    pool = ThreadPoolExecutor(min(len(files), len(os.sched_getaffinity(0)) + 4), "gromos_dist-open")
    try:
        return list(pool.map(open_file, files))
    finally:
        pool.shutdown(cancel_futures=True)


def expand(paths: Paths) -> list[str]:
    """Resolve patterns; each has to match something."""
    files: list[str] = []
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        name = os.fspath(path)
        if glob.has_magic(name) and not Path(name).exists():
            matches = sorted(glob.glob(name), key=_natural)
            if not matches:
                raise FileNotFoundError(f"{name}: no file matches this pattern")
            files += matches
        else:
            files.append(name)
    if not files:
        raise ValueError("open_trajectory needs at least one file")
    return files


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sort md_2 before md_10."""
    parts = "".join(c if c.isdigit() else f"\0{c}\0" for c in name).split("\0")
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]

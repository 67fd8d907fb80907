"""Making molecules whole that the periodic box has broken."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.broken import neighbours_of, torn_pairs
from gromos_dist.analysis.connections import (
    Numbers,
    atoms_of,
    bonds_of,
    is_octahedron,
    lattice_of,
    numbers_of,
    one_frame,
    some_atoms,
    topology_of_file,
)
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import BOX
from gromos_dist.analysis.system import positions_of
from gromos_dist.analysis.treatment import MOLECULES, WRAPPED, treated
from gromos_dist.errors import BrokenMoleculesWarning
from gromos_dist.io.atoms import GuessBonds, atom_numbers, bond_coordinate, check_guess_bonds
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.io.trajectory import TopologyLike
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.mapping import Map
from gromos_dist.topology import Topology, as_topology
from gromos_dist.topology import guess_bonds as with_guessed_bonds
from gromos_dist.topology.connectivity import links_along_bonds, molecules_of_bonds
from gromos_dist.topology.elements import is_massless_site
from gromos_dist.topology.lattice import nearest_images, reduced_vectors
from gromos_dist.variables import VARIABLES


def _whole_in_octahedra(
    positions: NDArray[Any], cubes: NDArray[Any], links: NDArray[np.int64]
) -> NDArray[Any]:
    """`kernels.make_whole` in the truncated octahedra that are cut from cubes."""
    return kernels.make_whole(positions, octahedron_vectors(cubes), links)


_WHOLE = Map(kernels.make_whole, VARIABLES["positions"], dtype=None)
_WHOLE_IN_OCTAHEDRA = Map(_whole_in_octahedra, VARIABLES["positions"], dtype=None)


@analysis(VARIABLES["positions"], view="trajectory", topic="Periodicity", needs=[BOX], command=None)
def make_whole(
    ds: xr.Dataset, topology: TopologyLike = None, *, guess_bonds: GuessBonds = "auto"
) -> xr.Dataset:
    """Put molecules together that lie on several sides of the periodic box.

    Programs that simulate keep every atom inside the box and so break molecules. RMSD, radius of
    gyration and centres need them whole. Atoms are moved by box vectors, along the bonds; the
    first atom of each molecule stays where it is (gromos++'s gather method gbond). An atom without
    bonds (an ion) is a molecule of its own; a virtual site of water goes with its water.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) and ``box`` (frame, box_vector, xyz) in nm. Where
        ``box.attrs["shape"]`` is "truncated octahedron", as in GROMOS files of that kind, the box
        holds the edges of the cube and atoms are moved by the lattice vectors of the octahedra.
    topology : Topology, path or MDAnalysis Universe, optional
        Where the bonds come from: a GROMOS topology, PSF, TPR, ...; if not given, from `ds`, which
        has those of the topology that it was opened with.
    guess_bonds : {"auto", False}
        "auto": guess what neither lists (GRO and PDB files have few bonds or none), from the names
        of residues and distances in the first frame (if it has no box, in the middle or the last):
        see `gromos_dist.topology.guess_bonds`.

    Returns
    -------
    Dataset
        `ds` with whole molecules, lazy if `ds` is; ``attrs["molecules"]`` is "whole". Where bonds
        were guessed, ``attrs["bonds"]`` tells how many.

    Raises
    ------
    ValueError
        There is no box, there are no bonds, or atoms are missing between those of `ds`.
    TopologyError
        Topology and trajectory have different numbers of atoms.

    Warns
    -----
    BrokenMoleculesWarning
        In the first frame, a molecule is bonded to its own image and cannot be whole, a bond is
        longer than half the box, so that nothing tells which image is meant, or neighbours without
        bonds stay apart. What can be made whole is, and ``attrs["molecules"]`` is "broken".

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO
    >>> ds = gd.make_whole(gd.open_trajectory(GRO, GRO))
    >>> ds.attrs["molecules"], ds.attrs["bonds"]
    ('whole', '25533 guessed from the names of residues')
    """
    check_guess_bonds(guess_bonds)
    positions = positions_of(ds)
    require_in_all_frames(ds, "box")
    if topology is None:
        numbers, known = numbers_of(ds), bonds_of(ds)
        atoms = atoms_of(positions)
    else:
        given, numbers = topology_of_file(as_topology(topology), ds)
        known = given.bonds
        atoms = some_atoms(given, numbers)
    atoms = replace(
        atoms, bonds=numbers.places(known), bond_origin=ds.attrs.get("bonds", atoms.bond_origin)
    )
    has_frames = ds.sizes["frame"] > 0
    looked_at = _frame_with_box(ds) if has_frames else 0
    if guess_bonds and has_frames:
        frame, box = one_frame(positions, looked_at), lattice_of(ds, looked_at)
        guessed = with_guessed_bonds(atoms, frame, box)
    else:
        guessed = atoms
    _require_whole_molecules(numbers, known, guessed, bool(guess_bonds))
    if not len(guessed.bonds):
        raise ValueError(
            "make_whole: there are no bonds; give a topology that has them (GROMOS, PSF, TPR), or "
            "open the trajectory with one that names atoms and residues, so that bonds can be "
            'guessed (guess_bonds="auto")'
        )
    bonds = guessed.bonds
    links = links_along_bonds(np.concatenate([bonds, _sites(guessed)]), guessed.n_atoms)
    record = _WHOLE_IN_OCTAHEDRA if is_octahedron(ds) else _WHOLE
    whole = record(positions, ds["box"], links=links)
    coords = {
        "atom_number": atom_numbers(numbers.of_atoms, numbers.n_in_file),
        **bond_coordinate(numbers.of_atoms[bonds], None, numbers.n_in_file),
    }
    result = ds.drop_vars("bonds", errors="ignore").assign(positions=whole).assign_coords(coords)
    problem = _problem(result, positions, looked_at, guessed, links) if has_frames else ""
    if problem:
        warnings.warn(f"make_whole: {problem}", BrokenMoleculesWarning, stacklevel=3)
    attrs = {MOLECULES: "broken" if problem else "whole"}
    if guessed.bond_origin:
        attrs["bonds"] = guessed.bond_origin
    by_molecule = ds.attrs.get(WRAPPED) == "by molecule"
    return treated(result, *(() if by_molecule else (WRAPPED,)), **attrs)


def bonded_atoms(ds: xr.Dataset) -> NDArray[np.int64]:
    """Return which atoms of a Dataset are moved together, shape (n, 2): bonds and virtual sites."""
    bonds = numbers_of(ds).places(bonds_of(ds))
    atoms = replace(atoms_of(ds["positions"]), bonds=bonds)
    return np.concatenate([bonds, _sites(atoms)])


def _frame_with_box(ds: xr.Dataset) -> int:
    """Return the first, the middle or the last frame: the first of them that has a box, or 0.

    Without the box, bonds that it has broken are too long to be guessed.
    """
    n_frames = ds.sizes["frame"]
    places = sorted({0, n_frames // 2, n_frames - 1})
    return next((frame for frame in places if lattice_of(ds, frame) is not None), 0)


def _require_whole_molecules(
    numbers: Numbers, known: NDArray[np.int64], atoms: Topology, are_guessed: bool
) -> None:
    """Refuse molecules of which atoms were left out, so that bonds do not connect the rest."""
    if numbers.are_all:
        return
    piece = molecules_of_bonds(atoms.bonds, atoms.n_atoms)
    together = np.concatenate([known, numbers.of_atoms[atoms.bonds]])
    molecule = molecules_of_bonds(together, numbers.n_in_file)[numbers.of_atoms]
    is_cut = len(np.unique(piece)) > len(np.unique(molecule))
    if are_guessed and not is_cut:
        # No bonds tell what was left out: numbers that are missing within a molecule do.
        jump = (atoms.molecule[1:] == atoms.molecule[:-1]) & (np.diff(numbers.of_atoms) != 1)
        is_cut = bool((jump & (piece[1:] != piece[:-1])).any())
    if is_cut:
        raise ValueError(
            "make_whole: the atoms that are read are not connected by bonds, some between them "
            "are left out; read whole molecules, make them whole, then select"
        )


def _sites(atoms: Topology) -> NDArray[np.int64]:
    """Return what virtual sites of water go with: the site, and the atom before it."""
    bonded = np.zeros(atoms.n_atoms, bool)
    bonded[atoms.bonds] = True
    alone = np.flatnonzero(~bonded[1:] & (atoms.residue[1:] == atoms.residue[:-1])) + 1
    names = zip(atoms.atom_name[alone].tolist(), atoms.residue_name[alone].tolist(), strict=True)
    sites = alone[[is_massless_site(*name) for name in names]] if len(alone) else alone
    return np.stack([sites, sites - 1], axis=1).astype(np.int64)


def _problem(
    ds: xr.Dataset,
    positions: xr.DataArray,
    looked_at: int,
    atoms: Topology,
    links: NDArray[np.int64],
) -> str:
    """Say what keeps the molecules of a frame from being whole; empty if nothing does."""
    box = lattice_of(ds, looked_at)
    if box is None:
        return ""
    frame = np.asarray(one_frame(positions, looked_at), np.float64)
    whole = kernels.make_whole(frame[None], box[None], links)[0]
    differences = whole[atoms.bonds[:, 1]] - whole[atoms.bonds[:, 0]]
    nearest = np.linalg.norm(nearest_images(differences, box), axis=1)
    long = np.flatnonzero(nearest > 0.5 * np.linalg.norm(reduced_vectors(box)[0]))
    if len(long):
        first, second = atoms.bonds[long[0]]
        return (
            f"{len(long)} bonds are longer than half the box, so that nothing tells which images "
            f"are bonded; the first is that of {_named(atoms, first)} and {_named(atoms, second)}, "
            f"{nearest[long[0]]:.3f} nm; are the bonds and the box those of this trajectory?"
        )
    stretched = np.flatnonzero(np.linalg.norm(differences, axis=1) > nearest + 1e-3)
    if not len(stretched):
        return _left_apart(ds, whole, box, atoms)
    molecule = molecules_of_bonds(atoms.bonds, atoms.n_atoms)
    count = len(np.unique(molecule[atoms.bonds[stretched, 0]]))
    first, second = atoms.bonds[stretched[0]]
    return (
        f"{count} molecules are bonded to their own periodic images (the first through "
        f"{_named(atoms, first)} and {_named(atoms, second)}): they cannot be whole"
    )


def _left_apart(
    ds: xr.Dataset, whole: NDArray[np.float64], box: NDArray[np.float64], atoms: Topology
) -> str:
    """Say what is still torn where no bonds are known; empty if nothing is."""
    torn = torn_pairs(whole, box, neighbours_of(ds, np.arange(atoms.n_atoms)))
    if not len(torn):
        return ""
    first, second = torn[0]
    return (
        f"no bonds are known between {_named(atoms, first)} and {_named(atoms, second)}, which "
        f"stay apart ({len(torn)} such pairs): give a topology that has their bonds (GROMOS, PSF, "
        "TPR)"
    )


def _named(atoms: Topology, atom: int) -> str:
    name = f"{atoms.residue_name[atom]} {atoms.residue[atom]} {atoms.atom_name[atom]}".strip()
    return f"atom {atom} ({name})"

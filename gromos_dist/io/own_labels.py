"""What trajectory files say of their atoms themselves, compared with each other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.input_file import suffix_of
from gromos_dist.io.formats.gromos_text.reader import GromosTextReader
from gromos_dist.io.formats.structures import StructureReader
from gromos_dist.io.reader import Reader
from gromos_dist.topology import Topology, load_topology
from gromos_dist.topology.atom_order import LABELS, difference
from gromos_dist.topology.cnf import names_atoms
from gromos_dist.topology.load import LOADERS


def own_topology(reader: Reader) -> Topology | None:
    """Return the topology that a PDB, GRO or GROMOS configuration is; None for other files.

    Warns
    -----
    UserWarning
        Positions can be read, but names cannot.
    """
    if not _names_atoms(reader):
        return None
    try:
        topology = load_topology(Path(reader.path))
    except TopologyError as error:
        warnings.warn(f"names of atoms are not read: {error}", stacklevel=4)
        return None
    return topology if topology.n_atoms == reader.n_atoms else None


def check_labels(readers: Sequence[Reader], labels: Mapping[str, Any], whose: str) -> None:
    """Compare the atoms of files that name them with those of the topology, or of the first file.

    Parameters
    ----------
    readers : sequence of Reader
        The files.
    labels : mapping of str to array
        Names of the atoms, as `gromos_dist.topology.atom_order.Labels`; without any, nothing is
        read.
    whose : str
        The file that these are from.

    Raises
    ------
    ValueError
        A file has the same atoms in another order.

    Warns
    -----
    UserWarning
        A file has other names.
    """
    if "atom_name" not in labels:
        return
    seen: set[bytes] = set()
    for reader in readers:
        if not _names_atoms(reader) or reader.path == whose:
            continue
        if isinstance(reader, StructureReader):
            digest = reader.label_digest()
            if digest in seen:
                continue
            seen.add(digest)
        own = own_topology(reader)
        if own is None:
            continue
        found = difference(labels, labels_of(own.coordinates()))
        if found is None:
            continue
        if found.kind != "names":
            raise ValueError(
                f"{reader.path} has the atoms of {whose} in another order: {found}; write one of "
                "them anew in the order of the other"
            )
        warnings.warn(
            f"{reader.path} names atoms otherwise than {whose}: {found}; if they are other atoms, "
            "give the topology of this file",
            stacklevel=4,
        )


def _names_atoms(reader: Reader) -> bool:
    if isinstance(reader, StructureReader):
        return True
    return (
        isinstance(reader, GromosTextReader)
        and suffix_of(reader.path) in LOADERS
        and "positions" in reader.fields
        and names_atoms(reader.path)
    )


def labels_of(coordinates: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return what names atoms of the coordinates of a Topology, or of a Dataset to be."""
    return {name: np.asarray(coordinates[name][1]) for name in LABELS if name in coordinates}

"""What the root of a store says: whether it is complete, of which run, in which arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import zarr

from gromos_dist.provenance import canonical_json
from gromos_dist.store.zarr_blocks import open_array

ROOT = "zarr.json"
OURS = ("complete", "identity", "graph")
"""The attributes that are of the store, not of the result."""

Attrs = dict[str, Any]


def read_attrs(folder: Path) -> Attrs | None:
    """Return the root's attributes, or None when this is not a store that we made."""
    try:
        root = json.loads((folder / ROOT).read_text())
        attrs: Attrs = root["attributes"]
        json.loads(attrs["identity"])
        return attrs if set(OURS) <= attrs.keys() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def run_of(attrs: Attrs) -> str:
    """Return the name of the run that a store belongs to: equal for the same values."""
    run = canonical_json([attrs["identity"], attrs["graph"]])
    return hashlib.blake2b(run.encode(), digest_size=16).hexdigest()


def arrays(folder: Path, names: Iterable[str]) -> list[zarr.Array[Any]]:
    """Open some arrays of a store for reading."""
    return [open_array(folder, name) for name in names]


def block_files(files: Iterable[str], names: Collection[str]) -> set[str]:
    """Return which files of a store are blocks of some arrays; nothing is opened."""
    return {
        file for file in files if file.partition("/")[0] in names and not file.endswith(f"/{ROOT}")
    }

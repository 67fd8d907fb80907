"""Every format of trajectory files, declared once: its suffixes, what reads it, what writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

_FORMATS = "gromos_dist.io.formats"


@dataclass(frozen=True)
class Format:
    """A format of trajectory files."""

    name: str
    suffixes: tuple[str, ...]
    opener: str
    """``module:function`` within `gromos_dist.io.formats`: a path and ``on_truncated`` in, a Reader
    out."""
    encoder: str
    """``module:function``: `gromos_dist.io.writer.Contents` in, an Encoder out, or a ValueError
    when the format cannot hold them."""
    read_only: tuple[str, ...] = ()
    """Suffixes of files that are read and not written."""
    compressible: bool = False
    """``.gz`` may follow: reading begins anywhere, and the header does not depend on the frames."""
    sparse: bool = False
    """Frames need not all have the same fields."""
    single_precision: bool = False
    """Files hold no more digits than float32 does, unless more are asked for."""
    of_atoms: tuple[str, ...] = ()
    """Variables (atom,) that it has columns for, beside the coordinates that name atoms."""


FORMATS = (
    Format(
        "GROMOS text",
        suffixes=(".trc", ".trv", ".trf", ".cnf", ".conf", ".g96"),
        opener="gromos_text.reader:open_gromos_text",
        encoder="gromos_text.writer:gromos_text_encoder",
        read_only=(".conf",),
        compressible=True,
    ),
    Format("DCD", (".dcd",), "dcd:open_dcd", "dcd:dcd_encoder"),
    Format("XTC", (".xtc",), "xtc:open_xtc", "xtc:xtc_encoder", single_precision=True),
    Format("TRR", (".trr",), "trr:open_trr", "trr:trr_encoder", sparse=True, single_precision=True),
    Format(
        "PDB",
        suffixes=(".pdb", ".ent"),
        opener="pdb:open_pdb",
        encoder="pdb:pdb_encoder",
        compressible=True,
        of_atoms=("bfactors",),
    ),
    Format("GRO", (".gro",), "gro:open_gro", "gro:gro_encoder", compressible=True),
)

READABLE = {suffix: some for some in FORMATS for suffix in some.suffixes}
"""The format of each suffix that is read."""

WRITABLE = {suffix: some for suffix, some in READABLE.items() if suffix not in some.read_only}
"""The format of each suffix that is written."""

ENGINES = {"chemfiles": "chemfiles_reader:open_chemfiles"}
"""The ``engine`` of `gromos_dist.open_trajectory`, and what opens every file with it."""


def load(reference: str) -> Callable[..., Any]:
    """Return what ``module:function`` names in a module of `gromos_dist.io.formats`."""
    module, function = reference.split(":")
    found: Callable[..., Any] = getattr(import_module(f"{_FORMATS}.{module}"), function)
    return found

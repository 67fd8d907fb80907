"""The instruction set of the C core: the best there is, unless GROMOS_DIST_ISA caps it."""

from __future__ import annotations

import os

from gromos_dist._core import lib

LEVELS = {"scalar": lib.GD_ISA_SCALAR, "avx2": lib.GD_ISA_AVX2, "avx512": lib.GD_ISA_AVX512}


def available() -> list[str]:
    """Return the instruction sets that this machine can run, slowest first."""
    return [name for name, level in LEVELS.items() if level <= lib.gd_isa_best()]


def active() -> str:
    """Return the name of the instruction set in use."""
    return next(name for name, level in LEVELS.items() if level == lib.gd_isa_active())


def select(name: str) -> None:
    """Use the instruction set `name`, or the best there is when this machine lacks it.

    Raises
    ------
    ValueError
        `name` is not the name of an instruction set.
    """
    if name not in LEVELS:
        known = ", ".join(LEVELS)
        raise ValueError(f"unknown instruction set {name!r}: GROMOS_DIST_ISA takes one of {known}")
    lib.gd_isa_select(min(LEVELS[name], lib.gd_isa_best()))


select(os.environ.get("GROMOS_DIST_ISA") or "avx512")

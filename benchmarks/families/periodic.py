"""Positions in the periodic box: what they cost beside reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import data
import MDAnalysis
from families import Row
from MDAnalysis.transformations import nojump
from MDAnalysisTests.datafiles import GRO

import gromos_dist as gd

N_FRAMES = 300
FEW = 20  # of what is slow


def rows() -> Iterator[Row]:
    """Yield the rows of this family."""
    path = data.solvated_xtc_with_box()
    ds = gd.open_trajectory(path, GRO)
    whole = gd.make_whole(ds)
    reading: dict[str, Callable[[], Any]] = {"reading alone": lambda: ds.positions.values}

    # It rounds fractions of the box: in this box, not always the nearest image.
    def without_jumps() -> None:
        universe = MDAnalysis.Universe(GRO, path)
        universe.trajectory.add_transformations(nojump.NoJump())
        for _ in universe.trajectory[:FEW]:
            pass

    yield Row(
        "unwrap by atom, 47681 atoms of an XTC",
        N_FRAMES,
        lambda: gd.unwrap(ds, by="atom").positions.values,
        {**reading, "MDAnalysis NoJump": without_jumps},
        "1 to reading",
        rival_frames={"MDAnalysis NoJump": FEW},
    )
    yield Row(
        "unwrap by molecule, of whole molecules",
        N_FRAMES,
        lambda: gd.unwrap(whole).positions.values,
        {**reading, "make_whole alone": lambda: whole.positions.values},
        "1 to make_whole",
    )
    yield Row(
        "wrap by atom",
        N_FRAMES,
        lambda: gd.wrap(ds, by="atom").positions.values,
        reading,
        "1 to reading",
    )
    yield Row(
        "gather cog",
        N_FRAMES,
        lambda: gd.gather(ds, "cog").positions.values,
        reading,
        "",
    )

"""Messages of the library in the words of the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_cli import BUTANE, refuse

from gromos_dist.cli.wording import in_options

OPTIONS = {
    "topology": "--top",
    "overwrite": "--overwrite",
    "on_truncated": "--on-truncated",
    "overlap": "--overlap",
    "precision": "--precision",
    "workers": "--workers",
    "mass_weighted": "--mass-weighted",
    "boundary": "--boundary",
    "atoms": "--atoms",
}
PYTHON = re.compile(r"\w+=|\w\(\.\.\.|gd\.|\bpass\b|argument|Dataset|DataArray|coordinate 'mass'")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("open_trajectory(..., topology='system.top')", "--top system.top"),
        ("pass overwrite=True to begin anew", "give --overwrite to begin anew"),
        ("on_truncated='drop' or 'warn' reads", "--on-truncated drop or 'warn' reads"),
        ("on_truncated: expected 'raise'", "--on-truncated: expected 'raise'"),
        ("precision=0.001 rounds", "--precision 0.001 rounds"),
        ("workers=3: the cluster has its own", "--workers 3: the cluster has its own"),
        ("boundary='truncated octahedron' is", "--boundary 'truncated octahedron' is"),
        ("mass_weighted=False counts", "--no-mass-weighted counts"),
        ("make them whole with gd.make_whole(ds, 'a.top')", "make them whole with --whole"),
        (
            "mean little. Put the molecules together first: gd.make_whole(ds), which guesses bonds "
            "where none are known; on the command line --whole. "
            '(attrs["molecules"] = "whole" says that they are.)',
            "mean little. Put the molecules together first: --whole, which guesses bonds where "
            "none are known.",
        ),
        (
            "time is the number of the frame; ds.assign_coords(time=...) sets it",
            "time is the number of the frame",
        ),
        ("open_store('a.zarr') opens it", "'gromos-dist info' tells what is in it"),
        (
            "a.tre: energies: open_energies reads it",
            "a.tre: energies: 'gromos-dist energies' reads it",
        ),
        ("md_atoms=3.dcd: no atoms", "md_atoms=3.dcd: no atoms"),
        ("atoms.dcd: frame 3", "atoms.dcd: frame 3"),
    ],
)
def test_arguments_become_options(said: str, expected: str) -> None:
    assert in_options(said, OPTIONS) == expected


def test_messages_of_runs(tmp_path: Path) -> None:
    """What the library says when a command is given wrongly; nothing of Python is left in it."""
    trajectory, _, top = BUTANE
    cut = tmp_path / "cut.trc"
    cut.write_bytes(trajectory.read_bytes()[:-200])
    (tmp_path / "b.xtc").write_bytes(b"")
    said = [
        refuse("rmsd", trajectory, "-a", "name CH3"),
        refuse("rgyr", trajectory),
        refuse("rgyr", trajectory, "-t", top, "--on-truncated", "x"),
        refuse("rgyr", trajectory, "-t", top, "--overlap", "x"),
        refuse("rgyr", cut, "-t", top),
        refuse("rgyr", tmp_path / "md.xyz"),
        refuse("rgyr", trajectory, "-t", top, "-s", "tcp://127.0.0.1:1", "-w", "2"),
        refuse("convert", trajectory, tmp_path / "b.xtc"),
        refuse("convert", trajectory, tmp_path / "c.zarr", "--precision", "-1"),
        refuse("energies", trajectory, "-t", top, "-c", "-1"),
        refuse("rmsd", trajectory, "-r", "7"),
        refuse("forces", trajectory, "-t", top, "-c", "9", "-o", tmp_path / "f.nc"),
    ]
    for text in said:
        assert not PYTHON.search(text), text
    assert "--top" in said[0]
    assert "--top" in said[1]
    assert "--on-truncated drop" in said[4]
    assert "--overwrite" in said[7]

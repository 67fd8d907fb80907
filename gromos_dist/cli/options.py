"""The options that commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gromos_dist.cli.errors import remember_debug

_FRAMES, _ATOMS, _WHERE, _RESULTS = "Frames", "Atoms", "Where it runs", "Results"

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES",
        help="Trajectory files in the order of time, or quoted globs such as 'md_*.trc.gz': "
        "GROMOS text (.trc, .trv, .trf, .cnf, .g96), PDB and GRO, each also with .gz, DCD, XTC "
        "and TRR.",
        show_default=False,
    ),
]
Topology = Annotated[
    Path | None,
    typer.Option(
        "--top",
        "-t",
        metavar="FILE",
        help="Atom names, residues and masses: a GROMOS .top, PDB, GRO or PSF.",
        rich_help_panel=_ATOMS,
    ),
]
Atoms = Annotated[
    str | None,
    typer.Option(
        "--atoms",
        "-a",
        metavar="SELECTION",
        help="Atoms to measure, for example 'backbone', 'name CA and resid 1-120' or "
        "'protein and not element H'; all atoms if not given.",
        rich_help_panel=_ATOMS,
    ),
]
AtomsToKeep = Annotated[
    str | None,
    typer.Option(
        "--atoms",
        "-a",
        metavar="SELECTION",
        help="Atoms to write, for example 'protein' or 'not water'; the others are not even "
        "decoded. All atoms if not given.",
        rich_help_panel=_ATOMS,
    ),
]
Fit = Annotated[
    str | None,
    typer.Option(
        "--fit",
        metavar="SELECTION|none",
        help="Atoms that are superposed before measuring; 'none' measures the coordinates as they "
        "are. If not given, the atoms of --atoms.",
        rich_help_panel=_ATOMS,
    ),
]
MassWeighted = Annotated[
    bool,
    typer.Option(
        "--mass-weighted/--no-mass-weighted",
        help="Weigh atoms with their masses (of --top).",
        rich_help_panel=_ATOMS,
    ),
]
Whole = Annotated[
    bool,
    typer.Option(
        "--whole",
        help="First put molecules together that the periodic box has broken, along the bonds of "
        "--top (a GROMOS .top or PSF).",
        rich_help_panel=_ATOMS,
    ),
]
Reference = Annotated[
    str,
    typer.Option(
        "--reference",
        "-r",
        metavar="FRAME|FILE",
        help="What to compare with: a frame number (0 is the first of the frames that --start, "
        "--stop and --stride leave, -1 the last of them), or a file of the same atoms, whose "
        "first frame is taken.",
        rich_help_panel=_FRAMES,
    ),
]
Start = Annotated[
    int | None,
    typer.Option(
        "--start",
        metavar="FRAME",
        help="First frame; frames of all files count on from 0, negative numbers from the end, "
        "as in a Python slice.",
        rich_help_panel=_FRAMES,
    ),
]
Stop = Annotated[
    int | None,
    typer.Option(
        "--stop",
        metavar="FRAME",
        help="The frame before which to end, as in a Python slice.",
        rich_help_panel=_FRAMES,
    ),
]
Stride = Annotated[
    int,
    typer.Option(
        "--stride",
        metavar="N",
        min=1,
        help="Take every N-th frame; the others are not read.",
        rich_help_panel=_FRAMES,
    ),
]
OnTruncated = Annotated[
    str,
    typer.Option(
        "--on-truncated",
        metavar="raise|drop|warn",
        help="What to do with a file that ends inside a frame, because its run was killed or is "
        "still going on: refuse it, leave that frame out, or leave it out and warn.",
        rich_help_panel=_FRAMES,
    ),
]
Overlap = Annotated[
    str,
    typer.Option(
        "--overlap",
        metavar="warn|keep|drop|raise",
        help="What to do with frames that a later file has again, as after a restart: keep both "
        "copies and warn, keep both, leave out the earlier file's, or refuse.",
        rich_help_panel=_FRAMES,
    ),
]
Scheduler = Annotated[
    str,
    typer.Option(
        "--scheduler",
        "-s",
        metavar="NAME|ADDRESS",
        help="threads: all cores of this machine, nothing to start. processes: a cluster of "
        "processes on this machine. tcp://HOST:PORT: a Dask scheduler that runs already.",
        rich_help_panel=_WHERE,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-w",
        metavar="N",
        min=1,
        help="How many threads or processes; all cores if not given.",
        rich_help_panel=_WHERE,
    ),
]
Progress = Annotated[
    bool | None,
    typer.Option(
        "--progress/--no-progress",
        help="Show a progress bar over frames, on standard error; by default in a terminal only.",
        show_default=False,
        rich_help_panel=_WHERE,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        help="Write Dask's performance report: what each worker did when.",
        rich_help_panel=_WHERE,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE.{zarr,nc,csv}",
        help="Where to write the result, in the format of the suffix. A .zarr is written block by "
        "block: when a run was stopped, the same command goes on where it ended.",
        rich_help_panel=_RESULTS,
    ),
]
Target = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        help="The file to write, in the format of its suffix.",
        show_default=False,
    ),
]
Precision = Annotated[
    float | None,
    typer.Option(
        "--precision",
        metavar="NM",
        help="Round positions to so many nm: 0.001 is what XTC does by itself. A .zarr or .nc "
        "takes the power of two below, and is compressed.",
        rich_help_panel=_RESULTS,
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        "-p",
        metavar="FILE.{png,pdf,svg}",
        help="Draw the result.",
        rich_help_panel=_RESULTS,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace files that are there already.",
        rich_help_panel=_RESULTS,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print errors only: no progress bar, no summary.",
        rich_help_panel=_RESULTS,
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=remember_debug,
        is_eager=True,
        help="Show the traceback of an error.",
    ),
]

"""The options that commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gromos_dist.cli import force_options
from gromos_dist.cli.errors import remember_debug

_FRAMES, _ATOMS, _WHERE, _RESULTS = "Frames", "Atoms", "Where it runs", "Results"
_FORCE_FIELD, ANALYSIS = "Force field", "Analysis"
PANELS = (_ATOMS, _FORCE_FIELD, ANALYSIS, _FRAMES, _WHERE, _RESULTS, None)
"""The panels of a help page, in their order; what has none comes last."""

_TRAJECTORIES = (
    "Trajectory files in the order of time, or quoted globs such as 'md_*.trc.gz': GROMOS text "
    "(.trc, .trv, .trf, .cnf, .conf, .g96), PDB and GRO, each also with .gz, DCD, XTC and TRR."
)


def refuse_output(path: Path | None) -> None:
    """Tell who gives convert an option of the other commands where its file belongs."""
    if path is not None:
        raise typer.BadParameter(f"the file to write comes last, without an option: ... {path}")


Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES",
        help=f"{_TRAJECTORIES} Or energy trajectories of GROMOS (.tre, .trg), or one .zarr or .nc "
        "that was written here.",
        show_default=False,
    ),
]
ResultFile = Annotated[
    str,
    typer.Argument(
        metavar="RESULT",
        help="What an earlier command wrote: a .zarr, .nc or .csv with a value a frame.",
        show_default=False,
    ),
]
FilesToCheck = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES",
        help=_TRAJECTORIES,
        show_default=False,
    ),
]
Topology = Annotated[
    Path | None,
    typer.Option(
        "--top",
        "-t",
        metavar="FILE",
        help="Atom names, residues, masses and bonds: a GROMOS .top, PDB, GRO, PSF or TPR.",
        rich_help_panel=_ATOMS,
    ),
]
_ATOMS_TO_MEASURE = (
    "Atoms to measure, for example 'backbone', 'name CA and resid 1-120', as GROMOS says it "
    "'1:res(1-120:CA)', or 'protein and not element H'"
)
Atoms = Annotated[
    str | None,
    typer.Option(
        "--atoms",
        "-a",
        metavar="SELECTION",
        help=_ATOMS_TO_MEASURE + "; all atoms if not given.",
        rich_help_panel=_ATOMS,
    ),
]
AtomsWithDefault = Annotated[
    str,
    typer.Option(
        "--atoms",
        "-a",
        metavar="SELECTION",
        help=_ATOMS_TO_MEASURE + ".",
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
        "--top. Those that it does not list (PDB, GRO) are guessed, and how many is said.",
        rich_help_panel=_ATOMS,
    ),
]
Unwrap = Annotated[
    bool,
    typer.Option(
        "--unwrap",
        help="First make molecules whole, and follow them through all frames out of the periodic "
        "box, before --start, --stop and --stride choose some.",
        rich_help_panel=_ATOMS,
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--groups",
        "-g",
        metavar="NAME=SELECTION",
        help="An energy group, for example 'ligand=resname DRG'; may be given several times. What "
        "is left is the group 'rest'. Or 'residue', or 'molecule': each of the solute is one, and "
        "'solvent'. If not given, the groups of --imd. For an energy trajectory, their names in "
        "the order of its input file.",
        rich_help_panel=_ATOMS,
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--sets",
        metavar="NAME=SELECTION[ with SELECTION]",
        help="A pair of sets of atoms, in place of --atoms and --other, for example 'O-H=name OW "
        "with name HW1 or name HW2', or one set; may be given several times.",
        rich_help_panel=_ATOMS,
    ),
]
_POINTS = (
    "; may be given several times. Each is a number (from 0), a selection of one atom, or a centre "
    "such as 'com of resname LIG'. @FILE: those of a file, one a line."
)
Pairs = Annotated[
    list[str],
    typer.Option(
        "--pair",
        metavar="ATOM;ATOM",
        help="Two atoms or centres, for example 'name CA and resid 1; name CA and resid 9'"
        + _POINTS,
        rich_help_panel=_ATOMS,
    ),
]
Triples = Annotated[
    list[str],
    typer.Option(
        "--triple",
        metavar="ATOM;ATOM;ATOM",
        help="Three atoms or centres; the angle is at the second" + _POINTS,
        rich_help_panel=_ATOMS,
    ),
]
Quadruples = Annotated[
    list[str],
    typer.Option(
        "--quadruple",
        metavar="ATOM;ATOM;ATOM;ATOM",
        help="Four atoms or centres; the torsion is about the line between the second and the third"
        + _POINTS,
        rich_help_panel=_ATOMS,
    ),
]
Between = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--between",
        metavar="NAME NAME",
        help="Only what acts between these two: groups, and no bonded terms; of hydrogen bonds, "
        "selections of atoms.",
        rich_help_panel=_ATOMS,
    ),
]
Settings = Annotated[
    Path | None,
    typer.Option(
        "--imd",
        metavar="FILE",
        help="An input file of MD++ (.imd): settings of the forces. Options below take the place "
        "of what it says; their defaults hold without it.",
        rich_help_panel=_FORCE_FIELD,
    ),
]
FORCE_SETTINGS = force_options.FORCE_SETTINGS
Reference = Annotated[
    str | None,
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
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="How much every frame counts: a number a frame, in the last column of a text or .csv, "
        "or alone in a .zarr or .nc. If not given, all count the same.",
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
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Read every byte of the files once more as they are opened, so that results know "
        "them by that. Otherwise they are known by size, time of the last change and samples.",
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
        metavar="FILE.{zarr,nc,csv,xvg}",
        help="Where to write the result, in the format of the suffix. A .zarr is written block by "
        "block: when a run was stopped, the same command goes on where it ended. Frames of atoms "
        "also go into trajectories: .xtc, .trc.gz, .pdb, ..., forces into .trf. '-' is standard "
        "output, as .csv; the summary then goes to standard error.",
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
NoOutput = Annotated[
    Path | None,
    typer.Option("--output", "-o", hidden=True, is_eager=True, callback=refuse_output),
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
        help="Draw the result. Numbers above a curve are its mean and standard deviation.",
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
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print JSON instead of a table, for programs.",
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

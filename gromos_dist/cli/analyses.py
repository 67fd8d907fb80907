"""The analysis commands: from options to one call of the library each."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from gromos_dist.cli import options
from gromos_dist.cli.run import Input, Job, run

if TYPE_CHECKING:
    import xarray as xr


def rmsd(
    files: options.Files,
    *,
    top: options.Topology = None,
    atoms: options.Atoms = None,
    fit: options.Fit = None,
    mass_weighted: options.MassWeighted = False,
    reference: options.Reference = "0",
    whole: options.Whole = False,
    start: options.Start = None,
    stop: options.Stop = None,
    stride: options.Stride = 1,
    on_truncated: options.OnTruncated = "raise",
    overlap: options.Overlap = "warn",
    scheduler: options.Scheduler = "threads",
    workers: options.Workers = None,
    progress: options.Progress = None,
    report: options.Report = None,
    output: options.Output = None,
    plot: options.Plot = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    _debug: options.Debug = False,
) -> None:
    """Root-mean-square deviation of every frame from a reference, after best-fit superposition.

    Numbers and a picture:

        gromos-dist rmsd md.dcd -t protein.psf --atoms backbone -o rmsd.csv --plot rmsd.png

    Fit on the alpha carbons, measure the whole protein, compare with the crystal:

        gromos-dist rmsd md.dcd -t protein.psf --fit 'name CA' -a protein -r crystal.cnf

    All the files of a long run; if it is stopped, the same command goes on where it ended:

        gromos-dist rmsd 'md_*.trc.gz' -t protein.top --whole -a backbone -o rmsd.zarr
    """
    from gromos_dist import analysis

    source = Input(files, top, whole, start, stop, stride, on_truncated, overlap)
    job = Job(scheduler, workers, progress, report, output, plot, overwrite, quiet)
    run(
        source,
        job,
        lambda trajectory: analysis.rmsd(
            trajectory,
            reference=_reference(reference, source),
            atoms=atoms,
            fit=_fit(fit),
            mass_weighted=mass_weighted,
        ),
        atoms=atoms,
        title=f"RMSD of {atoms or 'all atoms'}, {source.names}",
    )


def rgyr(
    files: options.Files,
    *,
    top: options.Topology = None,
    atoms: options.Atoms = None,
    mass_weighted: options.MassWeighted = True,
    whole: options.Whole = False,
    start: options.Start = None,
    stop: options.Stop = None,
    stride: options.Stride = 1,
    on_truncated: options.OnTruncated = "raise",
    overlap: options.Overlap = "warn",
    scheduler: options.Scheduler = "threads",
    workers: options.Workers = None,
    progress: options.Progress = None,
    report: options.Report = None,
    output: options.Output = None,
    plot: options.Plot = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    _debug: options.Debug = False,
) -> None:
    """Radius of gyration of every frame, weighted with the masses.

    How compact the protein is:

        gromos-dist rgyr md.dcd -t protein.psf --atoms protein -o rgyr.csv --plot rgyr.png

    A trajectory alone has no masses:

        gromos-dist rgyr md.dcd --no-mass-weighted
    """
    from gromos_dist import analysis

    source = Input(files, top, whole, start, stop, stride, on_truncated, overlap)
    job = Job(scheduler, workers, progress, report, output, plot, overwrite, quiet)
    run(
        source,
        job,
        lambda trajectory: analysis.radius_of_gyration(
            trajectory, atoms=atoms, mass_weighted=mass_weighted
        ),
        atoms=atoms,
        title=f"Radius of gyration of {atoms or 'all atoms'}, {source.names}",
    )


def rmsd_matrix(
    files: options.Files,
    *,
    top: options.Topology = None,
    atoms: options.Atoms = None,
    mass_weighted: options.MassWeighted = False,
    whole: options.Whole = False,
    start: options.Start = None,
    stop: options.Stop = None,
    stride: options.Stride = 1,
    on_truncated: options.OnTruncated = "raise",
    overlap: options.Overlap = "warn",
    scheduler: options.Scheduler = "threads",
    workers: options.Workers = None,
    progress: options.Progress = None,
    report: options.Report = None,
    output: options.Output = None,
    plot: options.Plot = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    _debug: options.Debug = False,
) -> None:
    """RMSD of all pairs of frames, each pair superposed; for clustering, drawn as a heat map.

    Every tenth frame against every tenth frame:

        gromos-dist rmsd-matrix md.dcd -t protein.psf -a backbone --stride 10 --plot matrix.png
    """
    from gromos_dist import analysis

    source = Input(files, top, whole, start, stop, stride, on_truncated, overlap)
    job = Job(scheduler, workers, progress, report, output, plot, overwrite, quiet)
    run(
        source,
        job,
        lambda trajectory: analysis.rmsd_matrix(
            trajectory, atoms=atoms, mass_weighted=mass_weighted
        ),
        atoms=atoms,
        title=f"RMSD matrix of {atoms or 'all atoms'}, {source.names}",
    )


def _reference(reference: str, source: Input) -> int | str | xr.Dataset:
    """Return a frame number, or a file: as it is, or its molecules made whole as well."""
    if re.fullmatch(r"[+-]?\d+", reference):
        return int(reference)
    if not source.whole:
        return reference
    return replace(source, files=[reference], start=None, stop=1, stride=1).open().isel(frame=0)


def _fit(selection: str | None) -> str | Literal[False] | None:
    """Return what `rmsd` takes: False is no superposition, None the atoms measured."""
    return False if selection is not None and selection.lower() == "none" else selection

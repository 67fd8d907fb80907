"""The analysis commands: from options to one call of the library each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gromos_dist.cli import options
from gromos_dist.cli.bundles import with_bundles
from gromos_dist.cli.run import Input, Job, plain_text, run

if TYPE_CHECKING:
    import xarray as xr

    from gromos_dist.cli.summary import Outcome


@with_bundles
def rmsd(
    source: Input,
    job: Job,
    *,
    atoms: options.Atoms = None,
    fit: options.Fit = None,
    mass_weighted: options.MassWeighted = False,
    reference: options.Reference = "0",
) -> None:
    """Root-mean-square deviation of every frame from a reference.

    After best-fit superposition, unless --fit says otherwise.

    Numbers and a picture:

        gromos-dist rmsd md.dcd -t protein.psf --atoms backbone -o rmsd.csv --plot rmsd.png

    Fit on the alpha carbons, measure the whole protein, compare with the crystal:

        gromos-dist rmsd md.dcd -t protein.psf --fit 'name CA' -a protein -r crystal.cnf

    All the files of a long run; if it is stopped, the same command goes on where it ended:

        gromos-dist rmsd 'md_*.trc.gz' -t protein.top --whole -a backbone -o rmsd.zarr
    """
    from gromos_dist import analysis

    _run(
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


@with_bundles
def rgyr(
    source: Input,
    job: Job,
    *,
    atoms: options.Atoms = None,
    mass_weighted: options.MassWeighted = True,
) -> None:
    """Radius of gyration of every frame, weighted with the masses.

    How compact the protein is:

        gromos-dist rgyr md.dcd -t protein.psf --atoms protein -o rgyr.csv --plot rgyr.png

    A trajectory alone has no masses:

        gromos-dist rgyr md.dcd --no-mass-weighted
    """
    from gromos_dist import analysis

    _run(
        source,
        job,
        lambda trajectory: analysis.radius_of_gyration(
            trajectory, atoms=atoms, mass_weighted=mass_weighted
        ),
        atoms=atoms,
        title=f"Radius of gyration of {atoms or 'all atoms'}, {source.names}",
    )


@with_bundles
def rmsd_matrix(
    source: Input,
    job: Job,
    *,
    atoms: options.Atoms = None,
    mass_weighted: options.MassWeighted = False,
) -> None:
    """RMSD of all pairs of frames, each pair superposed.

    For clustering; --plot draws a heat map.

    Every tenth frame against every tenth frame:

        gromos-dist rmsd-matrix md.dcd -t protein.psf -a backbone --stride 10 --plot matrix.png
    """
    from gromos_dist import analysis

    _run(
        source,
        job,
        lambda trajectory: analysis.rmsd_matrix(
            trajectory, atoms=atoms, mass_weighted=mass_weighted
        ),
        atoms=atoms,
        title=f"RMSD matrix of {atoms or 'all atoms'}, {source.names}",
    )


def _run(
    source: Input,
    job: Job,
    measure: Callable[[xr.Dataset], xr.DataArray],
    *,
    atoms: str | None,
    title: str,
) -> None:
    def draw(result: xr.DataArray, path: Path) -> None:
        from gromos_dist.plot import plot_matrix, plot_time_series

        plot: Any = plot_time_series if result.ndim == 1 else plot_matrix
        plot(result, path, title=plain_text(title))

    def show(result: xr.DataArray, outcome: Outcome) -> None:
        from gromos_dist.cli import summary

        summary.show(result, outcome)

    run(source, job, measure, show=show, draw=draw, atoms=atoms)


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

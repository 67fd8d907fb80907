"""The command that writes trajectories in another format."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from gromos_dist.cli import options, stores
from gromos_dist.cli.bundles import with_bundles
from gromos_dist.cli.run import Input, Job, Place, dtype_for, on_cluster

if TYPE_CHECKING:
    import xarray as xr


@with_bundles
def convert(
    source: Input,
    place: Place,
    *,
    target: options.Target,
    _output: options.NoOutput = None,
    atoms: options.AtomsToKeep = None,
    precision: options.Precision = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write trajectories in another format.

    With fewer frames or atoms, or with whole molecules, where that is asked for.

    One file out of many, in the order of time:

        gromos-dist convert 'md_*.trc.gz' md.xtc

    The protein, every tenth frame, for a look at it:

        gromos-dist convert md.xtc movie.pdb -t protein.pdb -a protein --stride 10

    A store of its own for terabytes, written in parallel; if it is stopped, the same command goes
    on where it ended:

        gromos-dist convert 'md_*.trc.gz' md.zarr -t protein.top --precision 0.001
    """
    from gromos_dist.store import store
    from gromos_dist.store.trajectory_file import can_write

    if target.suffix.lower() not in stores.SUFFIXES and not can_write(target):
        from gromos_dist.io.registry import WRITABLE

        known = ", ".join([*stores.SUFFIXES, *sorted(WRITABLE)])
        raise ValueError(f"{target}: no format for this suffix; known: {known}")
    for file in source.files:
        if Path(file).exists() and target.exists() and Path(file).samefile(target):
            raise ValueError(f"{target} is read and cannot be written at the same time")
    job = Job(**asdict(place), output=target, overwrite=overwrite, quiet=quiet)
    resumed = job.resumes
    try:
        with ExitStack() as stack:
            trajectory = _open(source, atoms, target)
            on_cluster(stack, job)
            began = time.perf_counter()
            store(
                trajectory,
                target,
                precision=precision,
                overwrite=overwrite,
                progress=False if quiet else job.progress,
            )
            seconds = time.perf_counter() - began
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(job.how_to_go_on()) from None
    if not quiet:
        _show(trajectory, target, seconds, resumed, as_json)


def _open(source: Input, atoms: str | None, target: Path) -> xr.Dataset:
    """Open with as many digits as the target can hold, in blocks that suit it."""
    read = None if source.moves_molecules else atoms
    trajectory = source.open(atoms=read, dtype=dtype_for(target))
    if source.moves_molecules and atoms is not None:
        # Molecules are moved with all their atoms, and then cut.
        from gromos_dist.selection import resolve

        trajectory = trajectory.isel(atom=resolve(atoms, trajectory))
    return trajectory


def _show(
    trajectory: xr.Dataset, target: Path, seconds: float, resumed: bool, as_json: bool
) -> None:
    from gromos_dist.cli.info import in_bytes
    from gromos_dist.cli.summary import Outcome, tell, tell_json

    size = stores.size(str(target))
    outcome = Outcome(
        frames=trajectory.sizes["frame"],
        atoms=trajectory.sizes["atom"],
        seconds=seconds,
        resumed=resumed,
        written=[target],
        kept=[],
        as_json=as_json,
    )
    if as_json:
        tell_json(outcome, {"size": size})
    else:
        tell(str(target), outcome, [("size", in_bytes(size))])

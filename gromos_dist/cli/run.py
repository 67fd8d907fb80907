"""What every analysis command does: open, compute where asked, write, draw, sum up."""

from __future__ import annotations

import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, fields
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from gromos_dist.cli import options, stores
from gromos_dist.cli.tables import printable, require_standard_output
from gromos_dist.cli.views import VIEWS, view_of
from gromos_dist.defaults import ON_TRUNCATED, OVERLAP
from gromos_dist.input_file import suffix_of

if TYPE_CHECKING:
    import xarray as xr

    from gromos_dist.distributed import XarrayObject

REPORT_SUFFIXES = (".html",)
_TEXT = (".csv", ".xvg")
RESULT_SUFFIXES = (*stores.SUFFIXES, *_TEXT)
_OF_FILES = ("on_truncated", "overlap", "verify")
_OF_POSITIONS = ("topology", "whole", "unwrap", "overlap", "verify")
ENERGY_SUFFIXES = (".tre", ".trg")


@dataclass(frozen=True)
class Input:
    """The frames that a command reads."""

    files: options.Files
    topology: options.Topology = None
    whole: options.Whole = False
    unwrap: options.Unwrap = False
    start: options.Start = None
    stop: options.Stop = None
    stride: options.Stride = 1
    on_truncated: options.OnTruncated = ON_TRUNCATED
    overlap: options.Overlap = OVERLAP
    verify: options.Verify = False

    def open(self, *, atoms: str | None = None, dtype: str = "float32") -> xr.Dataset:
        """Return the trajectory, lazily; of energy trajectories the energies, in memory.

        Parameters
        ----------
        atoms : str, optional
            Atoms to read.
        dtype : str
            Of the positions.

        Raises
        ------
        ValueError
            There are no frames, or no bonds to make molecules whole; an option that does nothing
            to a store or to energies.
        """
        from gromos_dist.analysis import make_whole, unwrap
        from gromos_dist.io.trajectory import open_trajectory

        if stores.is_store(self.files):
            self._refuse(_OF_FILES, f"{self.files[0]} is a store")
            trajectory = self._open_store(self.files[0], atoms)
        elif self._holds_energies():
            self._refuse(_OF_POSITIONS, f"the energies of {self.names} are only read")
            trajectory = self._open_energies()
        else:
            trajectory = open_trajectory(
                list(self.files),
                self.topology,
                atoms=atoms,
                start=None if self.unwrap else self.start,
                stop=None if self.unwrap else self.stop,
                stride=1 if self.unwrap else self.stride,
                dtype=dtype,
                on_truncated=cast("Any", self.on_truncated),
                overlap=cast("Any", self.overlap),
                verify=self.verify,
            )
        self.require_frames(trajectory)
        if self.whole:
            trajectory = make_whole(trajectory)
        if self.unwrap:
            trajectory = unwrap(trajectory).isel(frame=self._frames)
            self.require_frames(trajectory)
        if self.moves_molecules and "guessed" in trajectory.attrs.get("bonds", ""):
            warnings.warn(
                f"{self.names}: bonds: {trajectory.attrs['bonds']}", UserWarning, stacklevel=2
            )
        return trajectory

    @property
    def moves_molecules(self) -> bool:
        """Whether all atoms have to be read, also where some are wanted."""
        return self.whole or self.unwrap

    @property
    def _frames(self) -> slice:
        return slice(self.start, self.stop, self.stride)

    def require_frames(self, data: xr.Dataset) -> None:
        """Raise a ValueError if --start and --stop leave no frames."""
        if not data.sizes["frame"]:
            raise ValueError(
                f"{self.names}: no frames are left by --start and --stop; "
                "'gromos-dist info' tells how many there are"
            )

    def _refuse(self, names: Sequence[str], because: str) -> None:
        for field in fields(self):
            if field.name in names and getattr(self, field.name) != field.default:
                option = "--top" if field.name == "topology" else f"--{field.name}"
                raise ValueError(
                    f"{option.replace('_', '-')}: {because}, to which this option does nothing; "
                    "leave it out"
                )

    def _holds_energies(self) -> bool:
        are_energies = [suffix_of(file) in ENERGY_SUFFIXES for file in self.files]
        if any(are_energies) and not all(are_energies):
            raise ValueError(
                f"{', '.join(self.files)}: expected energy trajectories or trajectories of "
                "positions, not both"
            )
        return all(are_energies)

    def _open_energies(self) -> xr.Dataset:
        from gromos_dist.io import open_energies

        energies = open_energies(self.files, on_truncated=cast("Any", self.on_truncated))
        return energies.isel(frame=slice(self.start, self.stop, self.stride))

    def _open_store(self, path: str, atoms: str | None) -> xr.Dataset:
        """Return a trajectory that `gromos_dist.store` has written."""
        from gromos_dist.analysis.connections import labelled_by
        from gromos_dist.selection import resolve
        from gromos_dist.topology import load_topology

        trajectory = stores.open_result(path)
        if not {"frame", "atom"} <= set(trajectory.dims):
            raise ValueError(f"{path}: expected a trajectory, found {list(trajectory)}")
        if not self.unwrap:
            trajectory = trajectory.isel(frame=self._frames)
        if self.topology is not None:
            trajectory = labelled_by(load_topology(self.topology), trajectory)
        if atoms is not None:
            trajectory = trajectory.isel(atom=resolve(atoms, trajectory))
        return trajectory

    @property
    def names(self) -> str:
        """The files' names, short enough for a title."""
        first = Path(self.files[0]).name
        return first if len(self.files) == 1 else f"{first} and {len(self.files) - 1} more"


@dataclass(frozen=True)
class ResultInput:
    """The result of an earlier run that a command reads."""

    files: options.ResultFile
    start: options.Start = None
    stop: options.Stop = None
    stride: options.Stride = 1

    def open(self) -> xr.Dataset:
        """Return the result, or some of its frames.

        Raises
        ------
        ValueError
            It has no frames, or none are left.
        """
        result = stores.open_series(self.files)
        result = result.isel(frame=slice(self.start, self.stop, self.stride))
        if not result.sizes["frame"]:
            raise ValueError(f"{self.files}: no frames are left by --start and --stop")
        return result

    @property
    def names(self) -> str:
        """The file's name."""
        return Path(self.files).name


@dataclass(frozen=True)
class Place:
    """Where a command computes."""

    scheduler: options.Scheduler = "threads"
    workers: options.Workers = None
    progress: options.Progress = None


@dataclass(frozen=True)
class Job(Place):
    """Where a command computes, and where its results go."""

    report: options.Report = None
    output: options.Output = None
    plot: options.Plot = None
    overwrite: options.Overwrite = False
    as_json: options.AsJson = False
    quiet: options.Quiet = False

    @property
    def prints(self) -> bool:
        """Whether the result goes to standard output."""
        return self.output is not None and str(self.output) == "-"

    @property
    def resumable(self) -> bool:
        """Whether the result is written block by block, to be gone on with."""
        return self.output is not None and self.output.suffix.lower() == ".zarr"

    @property
    def resumes(self) -> bool:
        """Whether an earlier run, finished or not, has left its blocks."""
        return self.resumable and not self.overwrite and bool(self.output and self.output.exists())

    @property
    def has_finished(self) -> bool:
        """Whether an earlier run has left nothing to do."""
        return self.resumes and stores.is_finished(str(self.output))

    def writes(self, suffixes: Sequence[str]) -> bool:
        """Tell whether the result goes into a file with one of these suffixes."""
        return self.output is not None and self.output.name.lower().endswith(tuple(suffixes))

    def check(self, suffixes: Sequence[str]) -> None:
        """Refuse what could not be written, before anything is computed.

        Parameters
        ----------
        suffixes : sequence of str
            What the result can be written as, beside the formats of all results.

        Raises
        ------
        ValueError
            A suffix that stands for no format.
        FileNotFoundError, FileExistsError
            The folder is missing; the file is there and may not be replaced.
        OSError
            Standard output is closed, and something would be printed there.
        """
        if self.prints or not self.quiet:
            require_standard_output()
        if self.prints and self.as_json:
            raise ValueError(
                "--output - and --json both print to standard output: leave one of them out"
            )
        if not self.prints:
            _check_target("--output", self.output, (*RESULT_SUFFIXES, *suffixes))
        _check_target("--report", self.report, REPORT_SUFFIXES)
        if self.plot is not None:
            from gromos_dist.plot import SUFFIXES

            _check_target("--plot", self.plot, SUFFIXES)
        # The store knows whether an existing .zarr is of this very run; what an earlier end of the
        # same command has drawn beside it is kept.
        if self.overwrite or self.resumes:
            return
        for path in (None if self.prints else self.output, self.plot, self.report):
            if path is not None and path.exists():
                raise FileExistsError(
                    f"{path} is there already: choose another name, or replace it with --overwrite"
                )

    def how_to_go_on(self) -> str:
        """Return what to tell who has interrupted."""
        if self.resumable and self.output is not None and self.output.exists():
            return (
                f"interrupted; what is done is kept in {self.output}, give the same command again "
                "(without --overwrite) to go on from there"
            )
        advice = ""
        if not self.resumable:
            advice = "; with -o NAME.zarr, the same command would go on from there"
        return f"interrupted before anything was written{advice}"

    def missing(self, path: Path | None) -> Path | None:
        """Return `path` if it is wanted and has to be written."""
        return None if path is None or (path.exists() and not self.overwrite) else path


def _check_target(option: str, path: Path | None, suffixes: Sequence[str]) -> None:
    if path is None:
        return
    if not path.name.lower().endswith(tuple(suffixes)):
        found = f"the suffix {path.suffix!r}" if path.suffix else "a name without a suffix"
        raise ValueError(f"{option} {path}: {found} is no known format, use {', '.join(suffixes)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option} {path}: there is no folder {path.parent}, make it first")


def dtype_for(target: Path | None) -> str:
    """Return in which dtype to read what a file is written from: with the digits it can hold."""
    from gromos_dist.io.writer import writable_format

    form = None if target is None else writable_format(target)
    # None: a store.
    return "float32" if form is None or form.single_precision else "float64"


def run(
    source: Input,
    job: Job,
    measure: Callable[[xr.Dataset], Any],
    *,
    view: str,
    title: Callable[[XarrayObject], str],
    heading: str,
    asked: Mapping[str, Any] | None = None,
) -> None:
    """Carry out one analysis.

    Parameters
    ----------
    source : Input
        What to read.
    job : Job
        Where to compute, what to write.
    measure : callable
        From the trajectory to the lazy result.
    view : str
        How the result is summed up and drawn, see `gromos_dist.cli.views`.
    title : callable
        From the result to the title of the picture.
    heading : str
        The title of the table of a Dataset, beside its files; of an array it is what it measures.
    asked : mapping, optional
        What the command was given, of which the selection `atoms` is counted in the summary.
    """
    expected = VIEWS.get(view)
    suffixes = expected.suffixes() if expected else ()
    job.check(suffixes)
    if expected and expected.is_kept and job.output is None:
        raise ValueError(f"nothing would be kept of the {heading}: give a file with --output")
    if job.writes(suffixes):
        expected = VIEWS["trajectory"]
    asked = asked or {}
    with ExitStack() as open_files:
        try:
            moves = view == "trajectory"
            data = source.open(dtype=dtype_for(job.output)) if moves else source.open()
            result = measure(data)
            if job.plot is not None and expected is not None:
                expected.require_picture(result, job.plot)
            resumed, finished = job.resumes, job.has_finished
            report = job.missing(job.report)
            found, seconds = _compute(result, job, report, open_files)
            shown = expected or view_of(view, found)
            plot = job.missing(job.plot)
            if plot is not None:
                shown.picture(found, plot, title(found), asked)
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(job.how_to_go_on()) from None
        if not job.quiet:
            from gromos_dist.cli.summary import Outcome, show

            output = None if job.prints or finished else job.output
            written = [path for path in (output, plot, report) if path is not None]
            wanted = (job.output if finished else None, job.plot, job.report)
            kept = [path for path in wanted if path is not None and path not in written]
            outcome = Outcome(
                frames=data.sizes["frame"],
                atoms=_count_atoms(data, asked.get("atoms")),
                seconds=seconds,
                resumed=resumed,
                written=written,
                kept=kept,
                as_json=job.as_json,
                file=sys.stderr if job.prints else None,
            )
            show(_heading(found, f"{heading}, {source.names}"), shown.facts(found), outcome)


def _heading(found: XarrayObject, of_dataset: str) -> str:
    """Return what a result is, in words."""
    return str(found.attrs.get("long_name") or getattr(found, "name", None) or of_dataset)


def _compute(
    result: XarrayObject, job: Job, report: Path | None, open_files: ExitStack
) -> tuple[XarrayObject, float]:
    """Return the result, written where asked, and the seconds that computing it took.

    What was written block by block comes back from its file, lazily.
    """
    from gromos_dist.distributed import compute
    from gromos_dist.store import check_storable, store

    progress = False if job.quiet else job.progress
    with ExitStack() as stack:
        on_cluster(stack, job, report)
        # The time that a cluster needs to start is not the analysis'.
        began = time.perf_counter()
        if job.output is None:
            return compute(result, progress=progress), time.perf_counter() - began
        if not job.prints and job.output.suffix.lower() not in _TEXT:
            store(result, job.output, overwrite=job.overwrite, progress=progress)
            return _reopened(result, job.output, open_files), time.perf_counter() - began
        check_storable(result, "standard output.csv" if job.prints else job.output)
        loaded = compute(result, progress=progress)
        seconds = time.perf_counter() - began
    if job.prints:
        _print(loaded)
    else:
        store(loaded, job.output, overwrite=job.overwrite, progress=False)
    return loaded, seconds


def _print(loaded: xr.DataArray | xr.Dataset) -> None:
    """Write a result to standard output, as .csv."""
    from gromos_dist.store import store

    with TemporaryDirectory() as folder:
        path = store(loaded, Path(folder) / "printed.csv", progress=False)
        with path.open(encoding="utf-8", newline="") as file:
            shutil.copyfileobj(file, sys.stdout)
    sys.stdout.flush()


def _reopened(result: XarrayObject, path: Path, open_files: ExitStack) -> XarrayObject:
    """Return a result from the file that it was written to; of a trajectory, the lazy one."""
    import xarray as xr

    if path.suffix.lower() not in stores.SUFFIXES:
        return result
    opened = stores.open_result(str(path))
    open_files.callback(opened.close)
    return opened[result.name].load() if isinstance(result, xr.DataArray) else opened


def on_cluster(stack: ExitStack, job: Job, report: Path | None = None) -> None:
    """Have what follows run where the job says, until the stack ends."""
    from gromos_dist.distributed import scheduler

    with _interrupts_held_back() if job.scheduler == "processes" else nullcontext():
        stack.enter_context(
            scheduler(job.scheduler, job.workers, report=report, log_tracebacks=False)
        )
    _let_interrupts_through()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Have processes that are started meanwhile never see Ctrl-C, which terminals send to all.

    They inherit that the signal is blocked. This process gets it afterwards, and ends them.
    """
    # Python starts this helper with the first process, and unblocks the signal as it does.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _let_interrupts_through() -> None:
    """Keep Ctrl-C from getting lost in a cluster of this process.

    Its diagnosis of garbage collections is called back by the interpreter, which drops whatever
    exception is raised there, KeyboardInterrupt included.
    """
    diagnosis = sys.modules.get("distributed.gc")
    if diagnosis is not None:
        diagnosis.disable_gc_diagnosis(force=True)


def _count_atoms(data: xr.Dataset, atoms: str | None) -> int | None:
    """Return how many atoms are measured; None where they are others in every frame."""
    from gromos_dist.selection import resolve
    from gromos_dist.selection.languages import read
    from gromos_dist.selection.tree import depends_on_frame

    if atoms is None:
        return data.sizes.get("atom")
    return None if depends_on_frame(read(atoms)) else len(resolve(atoms, data))


def plain_text(title: str) -> str:
    """Return a title for a picture: a dollar sign in the name of a file begins no formula."""
    return printable(title).replace("$", r"\$")

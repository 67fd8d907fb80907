"""The commands of the force field: forces, and energies computed or read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from gromos_dist.cli import options
from gromos_dist.cli.bundles import with_bundles
from gromos_dist.cli.force_options import with_force_options
from gromos_dist.cli.run import Input, Job, plain_text, run
from gromos_dist.cli.views import DRAWN_OF_ENERGIES
from gromos_dist.cli.vocabulary import named_groups
from gromos_dist.forces.describe import option_of
from gromos_dist.input_file import suffix_of

if TYPE_CHECKING:
    import xarray as xr

_ENERGY_FILES = (".tre", ".trg")


@dataclass(frozen=True)
class ForceInput(Input):
    """The frames whose forces are computed, with all digits that the files have."""

    topology: options.ForceTopology = None

    def open(self, *, atoms: str | None = None, dtype: str = "float64") -> xr.Dataset:
        """Return the trajectory, lazily; see `Input.open`."""
        if self.topology is None:
            raise ValueError("the force field is that of a GROMOS topology: give it with --top")
        return super().open(atoms=atoms, dtype=dtype)


@dataclass(frozen=True)
class EnergyInput(ForceInput):
    """The frames whose energies are computed, or energy trajectories."""

    files: options.EnergyFiles


@dataclass(frozen=True)
class EnergyTrajectory:
    """Energies that a simulation has written."""

    source: EnergyInput
    groups: Sequence[str] | None

    def open(self) -> xr.Dataset:
        """Return them, in memory."""
        from gromos_dist.io import open_energies

        energies = open_energies(
            self.source.files,
            groups=self.groups,
            on_truncated=cast("Any", self.source.on_truncated),
        )
        energies = energies.isel(
            frame=slice(self.source.start, self.source.stop, self.source.stride)
        )
        self.source.require_frames(energies)
        return energies


@dataclass(frozen=True)
class ForceJob(Job):
    """Where forces are computed, and where they go."""

    output: options.ForceOutput = None


@dataclass(frozen=True)
@with_force_options
class ForceField:
    """How forces are computed; every setting of them is a field."""

    settings: options.Settings = None
    groups: options.Groups = None
    between: options.Between = None

    @property
    def asked(self) -> dict[str, Any]:
        """What decides on the picture: whether energies are wanted by pair of groups."""
        return {"groups": self.groups, "between": self.between}

    def arguments(self) -> dict[str, Any]:
        """Return what `gromos_dist.forces` takes.

        Raises
        ------
        ValueError
            There is no cutoff, or the groups are not understood.
        """
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.settings is None and given["cutoff"] is None:
            raise ValueError("forces need a cutoff: give --cutoff (nm), or the settings with --imd")
        return {**given, "groups": named_groups(self.groups)}


@with_bundles
def forces(
    source: ForceInput,
    job: ForceJob,
    force_field: ForceField,
    *,
    variables: options.ForceVariables = None,
) -> None:
    """Force on each atom in every frame, energies and virial.

    Bonded and non-bonded, of the GROMOS force field.

    With the settings of the simulation, as a trajectory of forces of GROMOS:

        gromos-dist forces md.trc.gz -t protein.top --imd md.imd -o md.trf.gz

    Forces (kJ mol-1 nm-1), energies and virial (kJ mol-1) of a long run; if it is stopped, the
    same command goes on where it ended:

        gromos-dist forces 'md_*.trc.gz' -t protein.top --imd md.imd -o forces.zarr

    The force of every residue on every other one:

        gromos-dist forces md.trc -t protein.top -c 1.4 -g residue --variables group_forces -o p.nc
    """
    from gromos_dist import analysis

    if job.output is None:
        raise ValueError(
            "nothing would be kept of the forces: give a file with --output; 'gromos-dist "
            "energies' computes energies alone"
        )
    as_trajectory = suffix_of(job.output) == ".trf"
    if as_trajectory and (job.plot is not None or variables not in (None, "forces")):
        raise ValueError(
            f"--output {job.output}: a .trf holds forces alone, without what is plotted or named "
            "by --variables; choose .zarr or .nc"
        )
    wanted = ("forces",) if as_trajectory else _names(variables)
    if job.plot is not None and wanted is not None and not set(DRAWN_OF_ENERGIES) & set(wanted):
        raise ValueError(
            f"--plot draws one of {', '.join(DRAWN_OF_ENERGIES)}, of which --variables has none"
        )
    arguments = force_field.arguments()
    run(
        source,
        job,
        lambda trajectory: analysis.forces(trajectory, variables=wanted, **arguments),
        view="forces",
        title=lambda found: plain_text(f"{_what(found)}, {source.names}"),
        heading=f"forces, {source.names}",
        asked=force_field.asked,
    )


@with_bundles
def energies(source: EnergyInput, job: Job, force_field: ForceField) -> None:
    """Energies by term and by pair of groups: computed, or read.

    Means, fluctuations and errors (kJ mol-1) of every term, computed with a cutoff in nm, and a
    picture of the terms over time:

        gromos-dist energies md.trc.gz -t protein.top --cutoff 1.4 --plot energies.png

    By pair of groups, for example of a ligand with its protein, with the simulation's settings:

        gromos-dist energies md.trc -t md.top --imd md.imd -g 'drug=resname DRG' -g prot=protein

    What the simulation has written itself:

        gromos-dist energies 'md_*.tre.gz' --plot energies.png
    """
    from gromos_dist import analysis

    title, heading = plain_text(f"Energies, {source.names}"), f"energies, {source.names}"
    are_energies = [suffix_of(file) in _ENERGY_FILES for file in source.files]
    if any(are_energies):
        if not all(are_energies):
            raise ValueError(
                f"{', '.join(source.files)}: expected energy trajectories or trajectories of "
                "positions, not both"
            )
        _refuse_settings(source, force_field)
        trajectory = EnergyTrajectory(source, _names_of_groups(force_field.groups))
        run(
            trajectory,
            job,
            lambda read: read,
            view="energies",
            title=lambda _: title,
            heading=heading,
            asked=force_field.asked,
        )
        return
    arguments = force_field.arguments()
    run(
        source,
        job,
        lambda trajectory: analysis.energies(trajectory, **arguments),
        view="energies",
        title=lambda _: title,
        heading=heading,
        asked=force_field.asked,
    )


def _what(found: xr.DataArray | xr.Dataset) -> str:
    """Return what a picture of forces shows."""
    if "group_forces" in found:
        return "Forces between groups"
    return "Forces" if "forces" in found else "Energies"


def _names(variables: str | None) -> tuple[str, ...] | None:
    if variables is None:
        return None
    return tuple(name.strip() for name in variables.split(",") if name.strip())


def _names_of_groups(groups: Sequence[str] | None) -> Sequence[str] | None:
    """Return the names that an energy trajectory's groups are given."""
    for text in groups or ():
        if "=" in text or text in ("residue", "molecule"):
            raise ValueError(
                f"--groups {text}: an energy trajectory has its groups already; give a name for "
                "each of them"
            )
    return groups or None


def _refuse_settings(source: EnergyInput, force_field: ForceField) -> None:
    """Refuse options that would do nothing to energies which were computed already."""
    names = {"topology": "--top", "settings": "--imd"}
    names |= {name: option_of(name).names[0] for name in options.FORCE_SETTINGS}
    kept = ("files", "start", "stop", "stride", "on_truncated", "groups")
    for bundle in (source, force_field):
        for field in fields(bundle):
            if field.name not in kept and getattr(bundle, field.name) != field.default:
                option = names.get(field.name, f"--{field.name.replace('_', '-')}")
                raise ValueError(
                    f"{option}: the energies of {source.names} were computed already, and are only "
                    "read; leave this option out, or give the trajectory of positions"
                )

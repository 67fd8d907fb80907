"""What analyses need of a trajectory, checked before they begin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any

import xarray as xr

from gromos_dist.analysis.broken import Indices, warn_of_broken_molecules
from gromos_dist.analysis.connections import bonds_of
from gromos_dist.analysis.per_frame import ChosenInFrames
from gromos_dist.analysis.system import masses_of, positions_of

Chosen = Indices | ChosenInFrames


class Need(StrEnum):
    """What an analysis needs."""

    MASSES = "masses"
    BONDS = "bonds"
    BOX = "box"
    WHOLE = "whole"
    """Molecules that the box has not broken."""


MASSES, BONDS, BOX, WHOLE = Need


def check_needs(
    call: str,
    needs: Collection[Need],
    data: Any,
    parameters: Mapping[str, Any],
    selections: Mapping[str, Callable[[Any, Any], Chosen]],
) -> dict[str, Chosen]:
    """Check a trajectory before an analysis begins.

    Parameters
    ----------
    call : str
        The analysis.
    needs : collection of Need
        What it needs. `WHOLE` warns, others raise an error. `MASSES` are not needed
        where a parameter `mass_weighted` is False.
    data : Dataset or DataArray
        The trajectory.
    parameters : mapping
        The other arguments of the call; Datasets among them are looked at as well.
    selections : mapping of str to callable
        The parameters that say which atoms are meant, and what resolves them in the trajectory:
        `selected` or `chosen_in_frames`. None stands for all atoms where the parameter is `atoms`,
        else for what the analysis makes of it.

    Returns
    -------
    dict
        The selections among the arguments, resolved: to find them takes time in large systems.

    Raises
    ------
    ValueError
        Something is missing; what to do.

    Warns
    -----
    BrokenMoleculesWarning
        The box has broken molecules.
    """
    if not needs:
        return {}
    positions = positions_of(data)
    chosen = {
        name: resolve(data, parameters[name])
        for name, resolve in selections.items()
        if parameters[name] is not False and (name == "atoms" or parameters[name] is not None)
    }
    sets = [one.candidates if isinstance(one, ChosenInFrames) else one for one in chosen.values()]
    if BOX in needs and "box" not in data:
        raise ValueError(f"{call} needs the box, and this trajectory has none")
    if MASSES in needs and parameters.get("mass_weighted", True):
        for indices in sets or [None]:
            masses_of(positions, indices)
    if BONDS in needs and not len(bonds_of(data)):
        raise ValueError(
            f"{call} needs bonds: open the trajectory with a topology that has them (GROMOS, PSF, "
            "TPR)"
        )
    if WHOLE in needs:
        _check_whole(call, data, sets, parameters)
    return chosen


def _check_whole(call: str, data: Any, sets: list[Indices], parameters: Mapping[str, Any]) -> None:
    # A reference is looked at when it is read.
    others = [
        other
        for name, other in parameters.items()
        if name != "reference" and isinstance(other, xr.Dataset) and "positions" in other
    ]
    for trajectory in (data, *others):
        # The caller of the analysis.
        warn_of_broken_molecules(call, trajectory, *sets, stacklevel=5)

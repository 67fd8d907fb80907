"""What calculates the forces on a state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import dedent
from typing import Any, Final, Generic, Self, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import ForceError, FrameError, TopologyError
from gromos_dist.forces.describe import entry_of, of_scopes, with_settings
from gromos_dist.forces.groups import energy_groups
from gromos_dist.forces.imd import load_imd
from gromos_dist.forces.model import ForceModel, ListedPairs, warn_of_mesh
from gromos_dist.forces.settings import (
    AngleForm,
    BondForm,
    Boundary,
    CalculatorSettings,
    ConstrainedBonds,
    CutoffKind,
    ForceSettings,
    Phases,
    Precision,
    Virial,
    checked,
    named,
)
from gromos_dist.md.state import State
from gromos_dist.topology import Topology

Floats = NDArray[np.float64]
_Value = TypeVar("_Value")
_Given = TypeVar("_Given")

_ENERGIES: Final = ("energy", "energy_bonded", "energy_nonbonded")


@dataclass(frozen=True, eq=False)
class ForceResult:
    """What a `ForceCalculator` found beside the forces; energies and virial in kJ mol-1."""

    energy: dict[str, float]
    """By term, with the names of `gromos_dist.open_energies`."""
    energy_bonded: Floats
    """By bonded term (as in `energy`) and energy group, shape (5, groups)."""
    energy_nonbonded: Floats
    """Lennard-Jones and electrostatic, by pair of energy groups, shape (2, groups, groups); the
    latter with particle-mesh Ewald without the mesh, which knows no groups."""
    virial: Floats | None
    """-1/2 of the sum of r f, shape (3, 3); None where it was not asked for."""

    def __repr__(self) -> str:
        return f"ForceResult(potential={self.energy['potential']:.6g} kJ/mol)"


class _Setting(Generic[_Value, _Given]):
    """A setting as an attribute: what it is, and what it may be set to."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        entry, meaning = entry_of(name).split("\n", 1)
        self.__doc__ = f"{dedent(meaning)}\n\n{entry}"

    @overload
    def __get__(self, calculator: None, owner: type) -> Self: ...

    @overload
    def __get__(self, calculator: ForceCalculator, owner: type) -> _Value: ...

    def __get__(self, calculator: ForceCalculator | None, owner: type) -> Any:
        return self if calculator is None else calculator._value(self._name)

    def __set__(self, calculator: ForceCalculator, value: _Given) -> None:
        calculator._set({self._name: value})


@with_settings("forces", "simulation", defaults=True)
class ForceCalculator:
    """Calculates the forces of the GROMOS force field on a `State`.

    Parameters
    ----------
    cutoff, use_pme, **given : see `gromos_dist.ForceSettings`
        The settings; without a name cutoff and use_pme.

    Raises
    ------
    ValueError
        A setting that makes no sense; so does setting an attribute.

    See Also
    --------
    gromos_dist.forces : the same for every frame of a trajectory.

    Notes
    -----
    Every setting is an attribute that can be set; None has it follow from the others and from the
    state again, where that is its default. Setting the cutoff sets `cutoff_short`. What is prepared
    for a topology and settings is kept, so that the next `calculate` with these begins at once.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> topology = gd.load_topology("tests/data/butane.top")
    >>> frame = gd.open_trajectory("tests/data/butane.trc").isel(frame=0)
    >>> state = gd.State.from_frame(frame)
    >>> calculator = gd.ForceCalculator(cutoff=0.6)
    >>> calculator.calculate(state, topology).virial.shape
    (3, 3)
    >>> state.forces().shape
    (304, 3)
    >>> calculator.cutoff = 0.7
    >>> calculator
    ForceCalculator(cutoff=0.7, use_pme=False, epsilon_rf=61.0)
    """

    boundary = _Setting[Boundary | None, Boundary | None]()
    cutoff = _Setting[float, float]()
    cutoff_kind = _Setting[CutoffKind, CutoffKind | None]()
    epsilon_rf = _Setting[float, float]()
    reaction_field_radius = _Setting[float, float | None]()
    kappa = _Setting[float, float]()
    reaction_field_excluded = _Setting[bool, bool]()
    use_pme = _Setting[bool, bool]()
    pme_tolerance = _Setting[float, float]()
    pme_spacing = _Setting[float | None, float | None]()
    pme_order = _Setting[int | None, int | None]()
    constrained_bonds = _Setting[ConstrainedBonds, ConstrainedBonds]()
    bond_form = _Setting[BondForm, BondForm]()
    angle_form = _Setting[AngleForm, AngleForm]()
    phases = _Setting[Phases, Phases]()
    bonds = _Setting[bool, bool]()
    angles = _Setting[bool, bool]()
    impropers = _Setting[bool, bool]()
    dihedrals = _Setting[bool, bool]()
    electrostatics = _Setting[bool, bool]()
    lennard_jones = _Setting[bool, bool]()
    virial = _Setting[Virial, Virial | None]()
    precision = _Setting[Precision, Precision]()
    list_steps = _Setting[int, int]()
    cutoff_short = _Setting[float, float | None]()

    def __init__(
        self, cutoff: float, use_pme: bool | None = None, **given: Unpack[CalculatorSettings]
    ) -> None:
        self._base = ForceSettings()
        self._given: dict[str, Any] = {}
        every = {"cutoff": cutoff, "use_pme": use_pme, **given}
        self._set(named(every, "ForceCalculator", "forces", "simulation"))

    @classmethod
    def from_settings(cls, settings: ForceSettings, *, precision: Precision | None = None) -> Self:
        """Return a calculator with all of these settings, also those that are no attributes.

        Parameters
        ----------
        settings : ForceSettings
            Those of a system among them.
        precision : {"mixed", "double"}, optional
            Takes the place of that of the settings.

        Raises
        ------
        ValueError
            They have no cutoff.
        """
        calculator = cls.__new__(cls)
        calculator._base, calculator._given = settings, {}
        calculator._set({} if precision is None else {"precision": precision})
        return calculator

    @classmethod
    def from_imd(cls, path: str | Path, *, precision: Precision | None = None) -> Self:
        """Return a calculator with the settings of an input file of GROMOS.

        A `Simulation` with it takes the pair list of MD++, for NSNB steps and with a twin range.

        Parameters
        ----------
        path : path
            The file (``.imd``, ``.in``).
        precision : {"mixed", "double"}, optional
            Of the pair interactions; "mixed" when None.

        Raises
        ------
        OSError
            The operating system refused.
        SettingsError
            The file is damaged, or asks for what is not computed here.

        Examples
        --------
        >>> import gromos_dist as gd
        >>> gd.ForceCalculator.from_imd("tests/data/water.imd")
        ForceCalculator(cutoff=1.4, use_pme=False, epsilon_rf=61.0, boundary='rectangular', \
list_steps=5, cutoff_short=0.8)
        """
        return cls.from_settings(load_imd(path), precision=precision)

    def _set(self, changes: dict[str, Any]) -> None:
        """Set some settings, or, where one makes no sense, none of them."""
        given = dict(self._given)
        if "cutoff" in changes:
            given.pop("cutoff_short", None)
        given |= {name: checked(name, value) for name, value in changes.items()}
        settings = self._base.with_given(given)
        settings.completed("vacuum")
        self._given, self._settings = given, settings

    def _value(self, name: str) -> Any:
        asked = self._settings
        if name == "boundary":
            return asked.boundary
        # What follows from a state is told as for one in a box.
        return getattr(asked.completed(asked.boundary or "triclinic"), name)

    def settings(self, state: State) -> ForceSettings:
        """Return the settings of the forces on this state."""
        return self._settings.completed("vacuum" if state.box is None else state.box_shape)

    def model(self, state: State, topology: Topology) -> ForceModel:
        """Return the model that calculates the forces on states like this one.

        Raises
        ------
        ForceError
            State, topology and settings do not fit each other.
        """
        try:
            settings = self.settings(state)
            n_groups = energy_groups(settings, state.num_atoms())[1]
            if state.num_energy_groups() not in (1, n_groups):
                raise ValueError(
                    f"the state has {state.num_energy_groups()} energy groups, the settings "
                    f"{n_groups}"
                )
            return _model(topology, state.num_atoms(), settings)
        except (TopologyError, ValueError) as error:
            raise ForceError(f"Force calculation failed: {error}") from error

    def calculate(self, state: State, topology: Topology) -> ForceResult:
        """Calculate the forces on all atoms of a state.

        Parameters
        ----------
        state : State
            Its forces are set, in place, so that arrays from `State.forces` show them; and its
            energies by term.
        topology : Topology
            With a force field; the number of solvent molecules follows from the number of atoms.

        Returns
        -------
        ForceResult
            Energies by term and by pair of energy groups, and the virial.

        Raises
        ------
        ForceError
            A `RuntimeError`: the topology has another number of atoms or no force field, the box
            is missing or too small for the cutoff, positions are not finite. The cause
            (``__cause__``) is the error itself; the state is as it was.
        """
        model = self.model(state, topology)
        forces, result = compute(model, state.positions(), state.box)
        assert result is not None
        state.forces()[...] = forces
        state.set_energy(result.energy)
        return result

    def __repr__(self) -> str:
        usual = type(self)(self.cutoff, self.use_pme)
        shown = ["cutoff", "use_pme", "epsilon_rf"]
        for setting in of_scopes("forces", "simulation"):
            name = setting.name
            if name not in shown and getattr(self, name) != getattr(usual, name):
                shown.append(name)
        return f"ForceCalculator({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def compute(
    model: ForceModel,
    positions: NDArray[Any],
    box: Floats | None,
    *,
    listed: ListedPairs | None = None,
    energies: bool = True,
) -> tuple[Floats, ForceResult | None]:
    """Return the forces on one configuration, shape (atoms, 3), and what else there is.

    Raises
    ------
    ForceError
        The kernels cannot take the configuration.
    """
    wanted = ["forces"]
    if energies:
        wanted += [*_ENERGIES, *(() if model.settings.virial == "none" else ("virial",))]
    boxes = None if box is None else box[None]
    with _failures_named():
        found = model(positions[None], boxes, listed=listed, wanted=wanted)
    if not energies:
        return found["forces"][0], None
    virial = found.get("virial")
    return found["forces"][0], ForceResult(
        energy=dict(zip(model.terms, found["energy"][0].tolist(), strict=True)),
        energy_bonded=found["energy_bonded"][0],
        energy_nonbonded=found["energy_nonbonded"][0],
        virial=None if virial is None else virial[0],
    )


def list_pairs(model: ForceModel, positions: NDArray[Any], box: Floats | None) -> ListedPairs:
    """Return the pairs of one configuration for the steps of a simulation that follow.

    Raises
    ------
    ForceError
        The kernels cannot take the configuration, or the settings no list.
    """
    with _failures_named():
        return model.list_pairs(positions[None], None if box is None else box[None])


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except FrameError as error:
        raise ForceError(f"Force calculation failed: {error.what}") from error
    except ValueError as error:
        raise ForceError(f"Force calculation failed: {error}") from error


@lru_cache(maxsize=8)
def _model(topology: Topology, n_atoms: int, settings: ForceSettings) -> ForceModel:
    """Return the model for these; of equal topologies and settings the one that there is."""
    try:
        whole = topology.with_n_atoms(n_atoms)
    except TopologyError as error:
        raise TopologyError(
            f"the state has {n_atoms} atoms, which do not fit the topology ({topology})"
        ) from error
    warn_of_mesh(settings)
    return ForceModel(whole, settings)

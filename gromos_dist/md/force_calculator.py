"""What calculates the forces on a state."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import ForceError, FrameError, TopologyError
from gromos_dist.forces.imd import ForceSettings, load_imd
from gromos_dist.forces.model import (
    EPSILON_RF,
    ForceModel,
    ListedPairs,
    Precision,
    warn_of_mesh,
)
from gromos_dist.md.state import State
from gromos_dist.topology import Topology

Floats = NDArray[np.float64]
Boundary = Literal["vacuum", "rectangular", "triclinic", "truncated octahedron"]
CutoffKind = Literal["charge group", "atom"]
ConstrainedBonds = Literal["none", "hydrogen", "all"]
BondForm = Literal["quartic", "harmonic"]
AngleForm = Literal["cosine", "harmonic"]
Virial = Literal["molecular", "atomic", "none"]

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


class ForceCalculator:
    """Calculates the forces of the GROMOS force field on a `State`.

    Parameters
    ----------
    cutoff : float
        nm.
    use_pme : bool
        Electrostatic interactions by particle-mesh Ewald instead of a reaction field; see
        `gromos_dist.forces`.
    epsilon_rf : float
        Relative permittivity of the reaction field; infinity: a conductor.
    reaction_field_radius : float, optional
        nm; None: the cutoff, whichever it is.
    kappa : float
        Inverse Debye length of the reaction field (nm-1).
    cutoff_kind : {"charge group", "atom"}, optional
        What the cutoff holds between; None: charge groups, and with `use_pme` atoms.
    boundary : str, optional
        "vacuum", "rectangular", "triclinic" or "truncated octahedron"; None: as the state's box is,
        and a vacuum where the state has none.
    list_steps : int
        How many steps of a `Simulation` a list of pairs is for: which pairs interact then stays as
        it was when the list was made. `calculate` looks for pairs in every state.
    cutoff_short : float, optional
        Of a list for several steps (nm), "twin range": forces of the pairs between it and the
        cutoff stay what they were when the list was made. None: the cutoff. Setting the cutoff
        sets both.
    constrained_bonds : {"none", "hydrogen", "all"}
        Bonds of the solute that exert no force, since a `Simulation` constrains them.
    bond_form, angle_form : str
        "quartic" or "harmonic" bonds, "cosine" or "harmonic" angles.
    virial : {"molecular", "atomic", "none"}
        Which virial is calculated; none in a vacuum.
    pme_tolerance : float
        What is left of a Coulomb interaction at the cutoff, which decides how the sum is split.
    pme_spacing : float, optional
        The most that points of the mesh are apart (nm); None: as the tolerance needs.
    pme_order : {4, 6, 8, 10, 12}, optional
        Of the mesh's splines; None: as the tolerance needs. What cannot reach the tolerance is
        named in a warning, with the estimated error.
    precision : {"mixed", "double"}
        Of the pair interactions and the mesh; see `gromos_dist.forces` for what it is worth. All
        else is double.

    Raises
    ------
    ValueError
        A setting that makes no sense; so does setting an attribute.

    See Also
    --------
    gromos_dist.forces : the same for every frame of a trajectory.

    Notes
    -----
    Every setting is an attribute that can be set. What is prepared for a topology and settings is
    kept, so that the next `calculate` with these begins at once.

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

    def __init__(
        self,
        cutoff: float,
        use_pme: bool = False,
        *,
        epsilon_rf: float = EPSILON_RF,
        reaction_field_radius: float | None = None,
        kappa: float = 0.0,
        cutoff_kind: CutoffKind | None = None,
        boundary: Boundary | None = None,
        list_steps: int = 1,
        cutoff_short: float | None = None,
        constrained_bonds: ConstrainedBonds = "none",
        bond_form: BondForm = "quartic",
        angle_form: AngleForm = "cosine",
        virial: Virial = "molecular",
        pme_tolerance: float = 1e-5,
        pme_spacing: float | None = None,
        pme_order: int | None = None,
        precision: Precision = "mixed",
    ) -> None:
        self._settings = ForceSettings("vacuum")
        self._boundary: Boundary | None = None
        self._radius: float | None = None
        self._precision: Precision = "mixed"
        self._cutoff_kind: CutoffKind | None = None
        self.cutoff = cutoff
        self.use_pme = use_pme
        self.epsilon_rf = epsilon_rf
        self.reaction_field_radius = reaction_field_radius
        self.kappa = kappa
        self.cutoff_kind = cutoff_kind
        self.boundary = boundary
        self.list_steps = list_steps
        if cutoff_short is not None:
            self.cutoff_short = cutoff_short
        self.constrained_bonds = constrained_bonds
        self.bond_form = bond_form
        self.angle_form = angle_form
        self.virial = virial
        self.pme_tolerance = pme_tolerance
        self.pme_spacing = pme_spacing
        self.pme_order = pme_order
        self.precision = precision

    @classmethod
    def from_settings(cls, settings: ForceSettings, *, precision: Precision = "mixed") -> Self:
        """Return a calculator with all of these settings, also those that are no attributes."""
        calculator = cls(settings.cutoff, boundary=settings.boundary, precision=precision)
        calculator._settings = settings
        calculator._radius = settings.reaction_field_radius
        return calculator

    @classmethod
    def from_imd(cls, path: str | Path, *, precision: Precision = "mixed") -> Self:
        """Return a calculator with the settings of an input file of GROMOS.

        A `Simulation` with it takes the pair list of MD++, for NSNB steps and with a twin range.

        Parameters
        ----------
        path : path
            The file (``.imd``, ``.in``).
        precision : {"mixed", "double"}
            Of the pair interactions.

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

    @property
    def cutoff(self) -> float:
        """Cutoff of the pair interactions (nm)."""
        return self._settings.cutoff

    @cutoff.setter
    def cutoff(self, value: float) -> None:
        cutoff = _number("cutoff", value, "above 0", value > 0.0 and value < math.inf)
        self._settings = replace(self._settings, cutoff=cutoff, cutoff_short=cutoff)

    @property
    def list_steps(self) -> int:
        """How many steps of a `Simulation` a list of pairs is for."""
        return self._settings.list_steps

    @list_steps.setter
    def list_steps(self, value: int) -> None:
        if value != int(value) or value < 1:
            raise ValueError(f"list_steps: expected an integer of at least 1, got {value}")
        self._settings = replace(self._settings, list_steps=int(value))

    @property
    def cutoff_short(self) -> float:
        """Cutoff (nm) of a list of pairs for several steps; follows the cutoff when that is set."""
        return self._settings.cutoff_short

    @cutoff_short.setter
    def cutoff_short(self, value: float) -> None:
        expected, fine = (
            f"above 0, at most the cutoff ({self.cutoff:g})",
            0.0 < value <= self.cutoff,
        )
        self._settings = replace(
            self._settings, cutoff_short=_number("cutoff_short", value, expected, fine)
        )

    @property
    def use_pme(self) -> bool:
        """Whether electrostatic interactions are those of particle-mesh Ewald."""
        return self._settings.particle_mesh_ewald

    @use_pme.setter
    def use_pme(self, value: bool) -> None:
        self._settings = replace(self._settings, particle_mesh_ewald=bool(value))

    @property
    def epsilon_rf(self) -> float:
        """Relative permittivity of the reaction field."""
        return self._settings.reaction_field_epsilon

    @epsilon_rf.setter
    def epsilon_rf(self, value: float) -> None:
        epsilon = _number("epsilon_rf", value, "of at least 1, or infinity", value >= 1.0)
        self._settings = replace(self._settings, reaction_field_epsilon=epsilon)

    @property
    def reaction_field_radius(self) -> float:
        """Radius of the reaction field (nm); set None to have it follow the cutoff."""
        return self.cutoff if self._radius is None else self._radius

    @reaction_field_radius.setter
    def reaction_field_radius(self, value: float | None) -> None:
        if value is not None:
            finite = value >= 0.0 and value < math.inf
            value = _number("reaction_field_radius", value, "of at least 0, or None", finite)
        self._radius = value

    @property
    def kappa(self) -> float:
        """Inverse Debye length of the reaction field (nm-1)."""
        return self._settings.reaction_field_kappa

    @kappa.setter
    def kappa(self, value: float) -> None:
        kappa = _number("kappa", value, "of at least 0", value >= 0.0 and value < math.inf)
        self._settings = replace(self._settings, reaction_field_kappa=kappa)

    @property
    def cutoff_kind(self) -> CutoffKind:
        """What the cutoff holds between: "charge group" or "atom"; set None for what is usual."""
        if self._cutoff_kind is not None:
            return self._cutoff_kind
        return "atom" if self.use_pme else self._settings.cutoff_kind

    @cutoff_kind.setter
    def cutoff_kind(self, value: CutoffKind | None) -> None:
        if value is not None:
            _check_choice("cutoff_kind", value, CutoffKind)
        self._cutoff_kind = value

    @property
    def boundary(self) -> Boundary | None:
        """Shape of the box; None: as the state has it."""
        return self._boundary

    @boundary.setter
    def boundary(self, value: Boundary | None) -> None:
        if value is not None:
            _check_choice("boundary", value, Boundary)
        self._boundary = value

    @property
    def constrained_bonds(self) -> ConstrainedBonds:
        """Bonds of the solute that exert no force: "none", "hydrogen" or "all"."""
        return self._settings.constrained_bonds

    @constrained_bonds.setter
    def constrained_bonds(self, value: ConstrainedBonds) -> None:
        _check_choice("constrained_bonds", value, ConstrainedBonds)
        self._settings = replace(self._settings, constrained_bonds=value)

    @property
    def bond_form(self) -> BondForm:
        """Form of the bonds: "quartic" or "harmonic"."""
        return self._settings.bond_form

    @bond_form.setter
    def bond_form(self, value: BondForm) -> None:
        _check_choice("bond_form", value, BondForm)
        self._settings = replace(self._settings, bond_form=value)

    @property
    def angle_form(self) -> AngleForm:
        """Form of the angles: "cosine" or "harmonic"."""
        return self._settings.angle_form

    @angle_form.setter
    def angle_form(self, value: AngleForm) -> None:
        _check_choice("angle_form", value, AngleForm)
        self._settings = replace(self._settings, angle_form=value)

    @property
    def virial(self) -> Virial:
        """Which virial is calculated: "molecular", "atomic" or "none"."""
        return self._settings.virial

    @virial.setter
    def virial(self, value: Virial) -> None:
        _check_choice("virial", value, Virial)
        self._settings = replace(self._settings, virial=value)

    @property
    def pme_tolerance(self) -> float:
        """What particle-mesh Ewald leaves of a Coulomb interaction at the cutoff."""
        return self._settings.ewald_tolerance

    @pme_tolerance.setter
    def pme_tolerance(self, value: float) -> None:
        tolerance = _number("pme_tolerance", value, "between 0 and 1", 0.0 < value < 1.0)
        self._settings = replace(self._settings, ewald_tolerance=tolerance)

    @property
    def pme_spacing(self) -> float | None:
        """The most that points of the mesh are apart (nm); None: as the tolerance needs."""
        return self._settings.mesh_spacing

    @pme_spacing.setter
    def pme_spacing(self, value: float | None) -> None:
        if value is not None:
            value = _number("pme_spacing", value, "above 0, or None", 0.0 < value < math.inf)
        self._settings = replace(self._settings, mesh_spacing=value)

    @property
    def pme_order(self) -> int | None:
        """Order of the mesh's splines; None: as the tolerance needs."""
        return self._settings.mesh_order

    @pme_order.setter
    def pme_order(self, value: int | None) -> None:
        if value not in (None, 4, 6, 8, 10, 12):
            raise ValueError(f"pme_order: expected 4, 6, 8, 10, 12 or None, got {value}")
        self._settings = replace(self._settings, mesh_order=value)

    @property
    def precision(self) -> Precision:
        """Of the pair interactions: "mixed" or "double"."""
        return self._precision

    @precision.setter
    def precision(self, value: Precision) -> None:
        _check_choice("precision", value, Precision)
        self._precision = value

    def settings(self, state: State) -> ForceSettings:
        """Return the settings of the forces on this state."""
        boundary: Boundary = "vacuum" if state.box is None else state.box_shape
        if self._boundary is not None:
            boundary = self._boundary
        return replace(
            self._settings,
            boundary=boundary,
            cutoff_kind=self.cutoff_kind,
            reaction_field_radius=self.reaction_field_radius,
            virial="none" if boundary == "vacuum" else self.virial,
        )

    def model(self, state: State, topology: Topology) -> ForceModel:
        """Return the model that calculates the forces on states like this one.

        Raises
        ------
        ForceError
            State, topology and settings do not fit each other.
        """
        try:
            settings = self.settings(state)
            n_groups = settings.energy_groups(state.num_atoms())[1]
            if state.num_energy_groups() not in (1, n_groups):
                raise ValueError(
                    f"the state has {state.num_energy_groups()} energy groups, the settings "
                    f"{n_groups}"
                )
            return _model(topology, state.num_atoms(), settings, self._precision)
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
        shown = ["cutoff", "use_pme", "epsilon_rf"]
        shown += [name for name, usual in _USUAL.items() if getattr(self, name) != usual]
        if self.list_steps > 1 and self.cutoff_short != self.cutoff:
            shown.append("cutoff_short")
        if self._cutoff_kind is not None:
            shown.append("cutoff_kind")
        if self._radius not in (None, self.cutoff):
            shown.append("reaction_field_radius")
        return f"ForceCalculator({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


_USUAL: Final = {
    "kappa": 0.0,
    "boundary": None,
    "list_steps": 1,
    "constrained_bonds": "none",
    "bond_form": "quartic",
    "angle_form": "cosine",
    "virial": "molecular",
    "pme_tolerance": 1e-5,
    "pme_spacing": None,
    "pme_order": None,
    "precision": "mixed",
}


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
        raise ForceError(f"Force calculation failed: {error.problem}") from error
    except ValueError as error:
        raise ForceError(f"Force calculation failed: {error}") from error


@lru_cache(maxsize=8)
def _model(
    topology: Topology, n_atoms: int, settings: ForceSettings, precision: Precision
) -> ForceModel:
    """Return the model for these; of equal topologies and settings the one that there is."""
    try:
        whole = topology.with_n_atoms(n_atoms)
    except TopologyError as error:
        raise TopologyError(
            f"the state has {n_atoms} atoms, which do not fit the topology ({topology})"
        ) from error
    warn_of_mesh(settings, precision)
    return ForceModel(whole, settings, precision=precision)


def _number(name: str, value: float, expected: str, fine: bool) -> float:
    if not fine:
        raise ValueError(f"{name}: expected a number {expected}, got {value}")
    return float(value)


def _check_choice(name: str, value: str, choices: Any) -> None:
    if value not in get_args(choices):
        known = ", ".join(map(repr, get_args(choices)))
        raise ValueError(f"{name}: expected one of {known}, got {value!r}")

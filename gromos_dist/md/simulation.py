"""Molecular dynamics: leap-frog, constraints, weak coupling to a bath."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.errors import ConstraintError, ForceError, SimulationError
from gromos_dist.forces.model import ForceModel, ListedPairs
from gromos_dist.kernels import Constraints
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.md.continuation import Continuation, checksum_of
from gromos_dist.md.force_calculator import ForceCalculator, ForceResult, compute, list_pairs
from gromos_dist.md.state import State
from gromos_dist.md.trajectory import Frame, TrajectoryWriter
from gromos_dist.progress import progress_bar
from gromos_dist.topology import Topology
from gromos_dist.variables import VARIABLES

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Report:
    """What a `Simulation` tells of a step."""

    step: int
    time: float
    """ps"""
    energy: dict[str, float]
    """kJ mol-1, by term, with the names of `gromos_dist.open_energies`. The kinetic one is the mean
    of those half a step before and after."""
    temperature: float
    """K, of the kinetic energy."""
    pressure: float
    """kJ mol-1 nm-3; NaN in a vacuum and without a virial."""


class Simulation:
    """Molecular dynamics of a state, step by step.

    Parameters
    ----------
    state : State
        Where the simulation begins, and where it always is: positions at its time, velocities half
        a time step before, as GROMOS has them.
    topology : Topology
        With a force field; the number of solvent molecules follows from the number of atoms.
    calculator : ForceCalculator
        How forces are computed. Bonds of the solute that exert no force by its `constrained_bonds`
        are constrained; solvent molecules are rigid as the topology says.
    timestep : float
        ps.
    temperature : float, optional
        Of a bath to which all atoms are weakly coupled (K); None: none.
    tau : float
        Coupling time of the bath (ps).
    initial_temperature : float, optional
        Draw velocities from a Maxwell distribution (K), without motion of the whole; None: begin
        with those of the state.
    seed : int, optional
        For these velocities; None: other ones each time.
    remove_com_motion : bool
        Take the motion of the centre of mass out of the velocities at the start. A state that a
        simulation left says whether that was done; then it is not done again.
    shake_tolerance : float
        Largest relative error of a constrained distance.

    Raises
    ------
    ValueError
        A number that makes no sense.
    ForceError
        State, topology and settings do not fit each other.
    ConstraintError
        The constraints of velocities that are drawn cannot be met.

    Notes
    -----
    Leap-frog [1]_: velocities are at half steps. Constraints are met by SHAKE [2]_ after every
    step, and velocities corrected with the positions; constraint forces are no part of
    `State.forces`. A bath scales velocities by ``sqrt(1 + timestep / tau * (temperature / T - 1))``
    [3]_, T being the temperature half a step before. Degrees of freedom are three for each atom,
    less one for each constraint, less three where the motion of the centre of mass was removed.
    Positions and velocities are double precision throughout, whichever the state's dtype is. The
    same state and settings give the same bits, however the steps are divided into runs, and however
    often the state was stored in between (`State.to_dataset`, `gromos_dist.store`,
    `State.from_frame`): what decides how it goes on is in the state.

    Pairs are looked for in every step, or, where the calculator's `list_steps` says so, once for
    several: which pairs interact then stays as it was, and so do the forces between those from
    `cutoff_short` to `cutoff` (a twin range, as MD++ has it). There is no barostat.

    References
    ----------
    .. [1] R. W. Hockney and J. W. Eastwood, *Computer Simulation Using Particles* (1981).
    .. [2] J.-P. Ryckaert, G. Ciccotti and H. J. C. Berendsen, J. Comput. Phys. 23 (1977) 327.
    .. [3] H. J. C. Berendsen et al., J. Chem. Phys. 81 (1984) 3684.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> topology = gd.load_topology("tests/data/butane.top")
    >>> frame = gd.open_trajectory("tests/data/butane.trc", dtype="float64").isel(frame=0)
    >>> state = gd.State.from_frame(frame)
    >>> calculator = gd.ForceCalculator(cutoff=0.6, precision="double")
    >>> simulation = gd.Simulation(
    ...     state, topology, calculator, timestep=0.001, initial_temperature=300.0, seed=1
    ... )
    >>> simulation.run(10, every=5)
    >>> state.step, round(state.time, 3)
    (10, 0.01)
    >>> simulation.energies.energy.sel(term="total").dims
    ('frame',)
    """

    def __init__(
        self,
        state: State,
        topology: Topology,
        calculator: ForceCalculator,
        *,
        timestep: float = 0.002,
        temperature: float | None = None,
        tau: float = 0.1,
        initial_temperature: float | None = None,
        seed: int | None = None,
        remove_com_motion: bool = False,
        shake_tolerance: float = 1e-4,
    ) -> None:
        for name, value, zero in (
            ("timestep", timestep, False),
            ("temperature", temperature, True),
            ("tau", tau, False),
            ("initial_temperature", initial_temperature, True),
            ("shake_tolerance", shake_tolerance, False),
        ):
            if value is not None and not (0.0 < value < math.inf or (zero and value == 0.0)):
                least = "of at least 0" if zero else "above 0"
                raise ValueError(f"{name}: expected a number {least}, got {value}")
        self.state = state
        self.calculator = calculator
        self.timestep = float(timestep)
        """ps"""
        self.temperature = temperature
        """Of the bath (K); None: there is none."""
        self.tau = float(tau)
        """Coupling time of the bath (ps)."""
        self.shake_tolerance = float(shake_tolerance)
        """Largest relative error of a constrained distance."""
        self._given_topology = topology
        self._system = _system(calculator.model(state, topology), state.box)
        self.topology = self._system.model.topology
        """With all its solvent molecules."""
        masses = self.topology.mass[:, None]
        if not (np.isfinite(masses).all() and (masses > 0.0).all()):
            raise ValueError("topology: expected masses above 0")
        self._masses, self._inverse_masses = masses, 1.0 / masses
        # In double precision; where the state's is not, it shows them rounded.
        self._positions = state.exact("positions")
        self._velocities = state.exact("velocities")
        self._com_is_fixed = False
        self._forces: Floats | None = None
        self._result: ForceResult | None = None
        self._list: _List | None = None
        self._origin = (state.step, state.time)
        self._reports: list[Report] = []
        goes_on = self._go_on_from(state.continuation)
        if initial_temperature is not None:
            self._draw_velocities(initial_temperature, np.random.default_rng(seed))
        if initial_temperature is not None or (
            remove_com_motion and not (goes_on and self._com_is_fixed)
        ):
            self._com_is_fixed = True
            moving = (masses * self._velocities).sum(axis=0) / masses.sum()
            self._velocities = self._velocities - moving
        self._show()

    def run(
        self,
        num_steps: int,
        *,
        every: int | None = None,
        writer: TrajectoryWriter | None = None,
        fields: Collection[str] = ("positions",),
        reporter: Callable[[Report], object] | None = None,
        progress: bool | None = False,
    ) -> None:
        """Go on by so many steps.

        Parameters
        ----------
        num_steps : int
            How many.
        every : int, optional
            Report each step whose number is a multiple of this; None: none. A step is reported
            when the velocities half a step later are known: the one that a run ends with is the
            first of the next run.
        writer : TrajectoryWriter, optional
            Frames of these steps are written to it.
        fields : collection of str
            Which arrays frames have beside the box: "positions", "velocities" (half a step
            before), "forces".
        reporter : callable, optional
            Called with the `Report` of each of these steps, when the state is that of the step.
            All are in `energies` too.
        progress : bool, optional
            Show a progress bar; None: if standard error is a terminal.

        Raises
        ------
        ValueError
            An argument that makes no sense.
        SimulationError
            A `RuntimeError`: forces or constraints could not be computed; the state is that of the
            step that the message names. What the writer and the reporter raise is passed on.
        """
        if num_steps != int(num_steps) or num_steps < 0:
            raise ValueError(f"num_steps: expected an integer of at least 0, got {num_steps}")
        if every is not None and (every != int(every) or every < 1):
            raise ValueError(f"every: expected an integer of at least 1, got {every}")
        if every is None and (writer is not None or reporter is not None):
            raise ValueError("a writer and a reporter need every, the number of steps between")
        if unknown := set(fields) - {"positions", "velocities", "forces"}:
            raise ValueError(
                f"fields: expected positions, velocities, forces; got {', '.join(unknown)}"
            )
        try:
            with progress_bar("simulation", num_steps, show=progress, unit="steps") as advance:
                self._begin()
                for _ in range(num_steps):
                    due = every is not None and self.state.step % every == 0
                    self._compute_forces(energies=due)
                    velocities, positions = self._next()
                    if due:
                        report = self._report(velocities)
                        if writer is not None:
                            writer.write_frame(self._frame(fields))
                        if reporter is not None:
                            reporter(report)
                    self._go_to(positions, velocities)
                    advance(1)
                self._compute_forces(energies=True)
        except (ForceError, ConstraintError) as error:
            raise SimulationError(self._failure(error)) from error
        finally:
            self._show()

    @property
    def energies(self) -> xr.Dataset:
        """What was reported so far: ``energy`` (frame, term), ``temperature`` and ``pressure``."""
        reports = self._reports
        # Those of a run may differ from those of another, whose settings were other ones.
        known = {term: None for report in reports for term in report.energy}
        terms = list(known) or ["total", "kinetic", *self._system.model.terms]
        energy = [[report.energy.get(term, math.nan) for term in terms] for report in reports]
        columns: dict[str, tuple[tuple[str, ...], Any]] = {
            "energy": (("frame", "term"), np.reshape(energy, (-1, len(terms)))),
            "temperature": (("frame",), [report.temperature for report in reports]),
            "pressure": (("frame",), [report.pressure for report in reports]),
        }
        return xr.Dataset(
            {
                name: (dims, np.asarray(values, np.float64), VARIABLES[name].attrs)
                for name, (dims, values) in columns.items()
            },
            coords={
                "term": terms,
                "time": ("frame", [report.time for report in reports], VARIABLES["time"].attrs),
                "step": ("frame", [report.step for report in reports], VARIABLES["step"].attrs),
            },
        )

    @property
    def degrees_of_freedom(self) -> int:
        """Of the motion that the temperature is computed from."""
        n_constraints = sum(constraints.n_constraints for constraints in self._system.constraints)
        return 3 * self.topology.n_atoms - n_constraints - 3 * self._com_is_fixed

    def __repr__(self) -> str:
        return (
            f"Simulation: {self.topology.n_atoms} atoms, step {self.state.step}, time "
            f"{self.state.time:g} ps, timestep {self.timestep:g} ps"
        )

    def _go_on_from(self, continuation: Continuation | None) -> bool:
        """Take what another simulation left; return whether this is where it was."""
        if continuation is None:
            return False
        self._com_is_fixed = continuation.com_is_fixed
        self._origin = (continuation.origin_step, continuation.origin_time)
        if self.state.time != self._time(self.state.step):
            self._origin = (self.state.step, self.state.time)
        here = checksum_of(self._positions, self._velocities, self._system.box)
        if here != continuation.checksum:
            return False
        if continuation.list_positions is not None:
            self._list = self._listed(continuation.list_positions, continuation.list_step)
        return True

    def _begin(self) -> None:
        """Take what was changed in the state since the last run."""
        for name in ("_positions", "_velocities"):
            shown, own = getattr(self.state, name[1:])(), getattr(self, name)
            if not np.array_equal(shown, own.astype(shown.dtype)):
                setattr(self, name, shown.astype(np.float64))
                self._forces = self._list = None
        model = self.calculator.model(self.state, self._given_topology)
        if model is not self._system.model or not _equal(self.state.box, self._system.box):
            self._system, self._forces = _system(model, self.state.box), None
            self._list = None
        if self.state.time != self._time(self.state.step):
            self._origin = (self.state.step, self.state.time)

    def _compute_forces(self, *, energies: bool) -> None:
        """Compute forces and energies of the positions, if that was not done already."""
        if self._forces is not None and (self._result is not None or not energies):
            return
        self._look_for_pairs()
        self._forces, self._result = compute(
            self._system.model,
            self._positions,
            self._system.box,
            listed=None if self._list is None else self._list.pairs,
            energies=energies,
        )

    def _look_for_pairs(self) -> None:
        """Make a list of pairs, where one is for several steps and there is none for this one."""
        steps, now = self._system.model.settings.list_steps, self.state.step
        if steps == 1:
            self._list = None
        elif self._list is None or not 0 <= now - self._list.step < steps:
            self._list = self._listed(self._positions, now)

    def _listed(self, positions: Floats, step: int) -> _List:
        return _List(step, list_pairs(self._system.model, positions, self._system.box))

    def _next(self) -> tuple[Floats, Floats]:
        """Return the velocities half a step later and the positions a step later."""
        assert self._forces is not None
        velocities = self._velocities + self.timestep * self._inverse_masses * self._forces
        if self.temperature is not None:
            velocities *= self._scaling(self.temperature)
        return self._moved(velocities)

    def _moved(self, velocities: Floats) -> tuple[Floats, Floats]:
        """Return velocities and the positions that they lead to, with constraints met."""
        positions = self._positions + self.timestep * velocities
        if not self._system.constraints:
            return velocities, positions
        free = positions.copy()
        for constraints in self._system.constraints:
            kernels.shake(
                positions,
                self._positions,
                constraints,
                inverse_masses=self._inverse_masses[:, 0],
                box=self._system.lattice,
                tolerance=self.shake_tolerance,
            )
        return velocities + (positions - free) / self.timestep, positions

    def _go_to(self, positions: Floats, velocities: Floats) -> None:
        self._positions, self._velocities = positions, velocities
        self._forces = self._result = None
        self.state.step += 1
        self.state.time = self._time(self.state.step)

    def _time(self, step: int) -> float:
        """Return the time of a step; not a sum, so that runs may be cut anywhere."""
        first, time = self._origin
        return time + (step - first) * self.timestep

    def _show(self) -> None:
        """Put what there is into the state."""
        state, forces = self.state, self._forces
        state.positions()[...] = self._positions
        state.velocities()[...] = self._velocities
        if forces is not None:
            state.forces()[...] = forces
        if self._result is not None:
            state.set_energy(self._result.energy)
        own = self._list
        state.continuation = Continuation(
            positions=self._positions,
            velocities=self._velocities,
            com_is_fixed=self._com_is_fixed,
            origin_step=self._origin[0],
            origin_time=self._origin[1],
            list_step=state.step if own is None else own.step,
            list_positions=None if own is None else own.pairs.positions[0],
            checksum=checksum_of(self._positions, self._velocities, self._system.box),
        )

    def _kinetic_energy(self, velocities: Floats) -> float:
        return 0.5 * float((self._masses * velocities * velocities).sum())

    def _temperature(self, kinetic_energy: float) -> float:
        force_field = self.topology.force_field
        assert force_field is not None
        degrees = self.degrees_of_freedom
        return (
            2.0 * kinetic_energy / (degrees * force_field.constants.boltzmann) if degrees else 0.0
        )

    def _scaling(self, temperature: float) -> float:
        """Return the factor of the velocities that a weak coupling asks for."""
        now = self._temperature(self._kinetic_energy(self._velocities))
        if now == 0.0:
            return 1.0
        return math.sqrt(max(0.0, 1.0 + self.timestep / self.tau * (temperature / now - 1.0)))

    def _draw_velocities(self, temperature: float, random: np.random.Generator) -> None:
        force_field = self.topology.force_field
        assert force_field is not None
        width = np.sqrt(force_field.constants.boltzmann * temperature * self._inverse_masses)
        drawn = width * random.standard_normal((self.topology.n_atoms, 3))
        # They lead here: it is the positions a step before that have to meet the constraints.
        self._velocities = -self._moved(-drawn)[0]

    def _report(self, later: Floats) -> Report:
        """Report the step, of which `later` are the velocities half a step later."""
        self._show()
        result, model, box = self._result, self._system.model, self._system.box
        assert result is not None
        both = (self._velocities, later)
        kinetic = 0.5 * sum(self._kinetic_energy(velocities) for velocities in both)
        pressure = math.nan
        if result.virial is not None and box is not None:
            tensors = [
                model.pressure_tensor(result.virial[None], box[None], velocities[None])
                for velocities in both
            ]
            pressure = float(np.trace(0.5 * (tensors[0] + tensors[1])[0])) / 3.0
        total = kinetic + result.energy["potential"]
        report = Report(
            step=self.state.step,
            time=self.state.time,
            energy={"total": total, "kinetic": kinetic, **result.energy},
            temperature=self._temperature(kinetic),
            pressure=pressure,
        )
        self._reports.append(report)
        return report

    def _frame(self, fields: Collection[str]) -> Frame:
        state = self.state
        return Frame(
            positions=state.positions() if "positions" in fields else None,
            time=state.time,
            step=state.step,
            box=state.box,
            velocities=state.velocities() if "velocities" in fields else None,
            forces=state.forces() if "forces" in fields else None,
        )

    def _failure(self, error: ForceError | ConstraintError) -> str:
        text = f"Simulation failed: step {self.state.step}, {self.state.time:g} ps: {error}"
        if isinstance(error, ConstraintError):
            text += f" (molecule {self.topology.molecule[error.atoms[0]]})"
        return text


class _List(NamedTuple):
    """A list of pairs, and when it was made."""

    step: int
    pairs: ListedPairs


class _System(NamedTuple):
    """What does not change from step to step."""

    model: ForceModel
    box: Floats | None
    lattice: Floats | None
    """The vectors of the lattice, which those of a truncated octahedron's box are not."""
    constraints: list[Constraints]


def _system(model: ForceModel, box: Floats | None) -> _System:
    # A copy: the state's own can be changed in place.
    box = None if box is None else box.copy()
    lattice = None if model.settings.boundary == "vacuum" else box
    if lattice is not None and model.settings.boundary == "truncated octahedron":
        lattice = octahedron_vectors(lattice)
    constraints = _constraints(model.topology, model.settings.constrained_bonds)
    return _System(model, box, lattice, constraints)


def _equal(box: Floats | None, other: Floats | None) -> bool:
    if box is None or other is None:
        return box is other
    return np.array_equal(box, other)


def _constraints(
    topology: Topology, constrained_bonds: Literal["none", "hydrogen", "all"]
) -> list[Constraints]:
    """Return the constraints of the solute and of the solvent, without empty ones."""
    force_field = topology.force_field
    assert force_field is not None
    bonds = force_field.bonds
    n_bonds = {"none": 0, "hydrogen": bonds.n_with_hydrogen, "all": len(bonds)}[constrained_bonds]
    solute = Constraints(
        first=0,
        n_molecules=1,
        n_atoms=topology.n_solute_atoms,
        pairs=bonds.atoms[:n_bonds],
        lengths=bonds.parameters[bonds.kind[:n_bonds], 2],
    )
    solvent = Constraints(
        first=topology.n_solute_atoms,
        n_molecules=topology.n_solvent_molecules,
        n_atoms=len(force_field.solvent_lj_type),
        pairs=force_field.solvent_constraints,
        lengths=force_field.solvent_constraint_lengths,
    )
    return [constraints for constraints in (solute, solvent) if constraints.n_constraints]

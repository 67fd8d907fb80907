"""Forces on a state: those of a trajectory, in place, with settings that are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import gromos_dist as gd
from gromos_dist.forces.settings import ForceSettings

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def topology() -> gd.Topology:
    return gd.load_topology(DATA / "butane.top")


@pytest.fixture(scope="module")
def frames() -> xr.Dataset:
    return gd.open_trajectory(DATA / "butane.trc", dtype=np.float64)


@pytest.mark.parametrize("precision", ["mixed", "double"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forces_are_those_of_the_trajectory(
    topology: gd.Topology, precision: Any, dtype: type
) -> None:
    frames = gd.open_trajectory(DATA / "butane.trc", dtype=dtype)
    options: dict[str, Any] = {"cutoff": 0.7, "epsilon_rf": 78.5, "precision": precision}
    if dtype == np.float32:
        # Numbers of one's own: nothing says that a file has more digits.
        frames = frames.assign(positions=frames.positions.compute().drop_attrs())
    expected = gd.forces(frames, topology, **options).compute()
    calculator = gd.ForceCalculator(**options)
    for i in range(frames.sizes["frame"]):
        state = gd.State.from_frame(frames.isel(frame=i))
        assert state.dtype == dtype
        view = state.forces()
        result = calculator.calculate(state, topology)
        own = expected.isel(frame=i)
        coarser = min(own.forces.dtype, view.dtype, key=lambda kind: kind.itemsize)
        np.testing.assert_array_equal(view.astype(coarser), own.forces.values.astype(coarser))
        assert list(result.energy.values()) == own.energy.values.tolist()
        assert list(result.energy) == own.term.values.tolist()
        assert dict(state.energy) == result.energy
        np.testing.assert_array_equal(result.energy_bonded, own.energy_bonded)
        np.testing.assert_array_equal(result.energy_nonbonded, own.energy_nonbonded)
        np.testing.assert_array_equal(result.virial, own.virial)


def test_settings_of_an_input_file(reference: Path) -> None:
    case = reference / "rerun"
    calculator = gd.ForceCalculator.from_imd(case / "pla2_rf/pla2_rf.imd", precision="double")
    assert (calculator.cutoff, calculator.epsilon_rf, calculator.boundary) == (
        1.4,
        61.0,
        "rectangular",
    )
    topology = gd.load_topology(case / "systems/pla2.top")
    frame = gd.open_trajectory(case / "systems/pla2.trc.gz", dtype=np.float64).isel(frame=0)
    state = gd.State.from_frame(frame, num_energy_groups=3)
    result = calculator.calculate(state, topology)
    assert result.energy_nonbonded.shape == (2, 3, 3)
    theirs = gd.open_trajectory(case / "pla2_rf/pla2_rf.trf.gz", dtype=np.float64)
    np.testing.assert_allclose(state.forces(), theirs.forces[0].values, rtol=0, atol=1e-6)
    energies = gd.open_energies(case / "pla2_rf/pla2_rf.tre.gz").energy.isel(frame=0)
    for term, energy in result.energy.items():
        assert energy == pytest.approx(float(energies.sel(term=term)), rel=1e-7, abs=1e-6)
    with pytest.raises(RuntimeError, match="the state has 2 energy groups, the settings 3"):
        calculator.calculate(gd.State.from_frame(frame, num_energy_groups=2), topology)


def test_what_is_set_counts(topology: gd.Topology, frames: xr.Dataset) -> None:
    state = gd.State.from_frame(frames.isel(frame=0))
    calculator = gd.ForceCalculator(0.6)
    found = set()
    changes: list[tuple[str, Any]] = [
        ("cutoff", 0.7),
        ("epsilon_rf", 2.0),
        ("kappa", 3.0),
        ("epsilon_rf", float("inf")),
        ("reaction_field_radius", 0.9),
        ("cutoff_kind", "atom"),
        ("bond_form", "harmonic"),
        ("angle_form", "harmonic"),
        ("constrained_bonds", "all"),
        ("boundary", "vacuum"),
    ]
    for name, value in [("cutoff", 0.6), *changes]:
        setattr(calculator, name, value)
        assert getattr(calculator, name) == value
        found.add(calculator.calculate(state, topology).energy["potential"])
    assert len(found) == len(changes) + 1
    calculator.boundary, calculator.reaction_field_radius = None, None
    assert calculator.reaction_field_radius == calculator.cutoff == 0.7
    calculator.virial = "atomic"
    atomic = calculator.calculate(state, topology).virial
    calculator.virial = "molecular"
    assert not np.allclose(atomic, calculator.calculate(state, topology).virial)
    calculator.virial = "none"
    assert calculator.calculate(state, topology).virial is None
    assert repr(calculator) == (
        "ForceCalculator(cutoff=0.7, use_pme=False, epsilon_rf=inf, cutoff_kind='atom', kappa=3.0, "
        "constrained_bonds='all', bond_form='harmonic', angle_form='harmonic', virial='none')"
    )


def test_particle_mesh_ewald_is_that_of_the_trajectory(
    topology: gd.Topology, frames: xr.Dataset
) -> None:
    options: dict[str, Any] = {"pme_order": 8, "pme_spacing": 0.05, "pme_tolerance": 1e-6}
    expected = gd.forces(
        frames.isel(frame=[0]), topology, cutoff=0.6, use_pme=True, precision="double", **options
    ).isel(frame=0)
    state = gd.State.from_frame(frames.isel(frame=0))
    calculator = gd.ForceCalculator(0.6, precision="double")
    field = calculator.calculate(state, topology)
    assert calculator.cutoff_kind == "charge group"
    calculator.use_pme = True
    assert calculator.cutoff_kind == "atom"
    for name, value in options.items():
        setattr(calculator, name, value)
        assert getattr(calculator, name) == value
    ewald = calculator.calculate(state, topology)
    np.testing.assert_array_equal(state.forces(), expected.forces)
    assert list(ewald.energy) == expected.term.values.tolist()
    assert list(ewald.energy.values()) == expected.energy.values.tolist()
    assert ewald.energy["lattice_sum"] == pytest.approx(field.energy["reaction_field"], rel=0.05)
    np.testing.assert_array_equal(ewald.virial, expected.virial)
    calculator.cutoff_kind = "charge group"
    assert calculator.calculate(state, topology).energy != ewald.energy
    state.box = None
    with pytest.raises(gd.ForceError, match="particle-mesh Ewald needs a periodic system"):
        calculator.calculate(state, topology)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cutoff", 0.0, "cutoff: expected a number above 0, got 0.0"),
        ("cutoff", float("nan"), "cutoff: expected a number above 0, got nan"),
        ("cutoff", float("inf"), "cutoff: expected a number above 0, got inf"),
        ("epsilon_rf", 0.5, "epsilon_rf: expected a number of at least 1, or infinity, got 0.5"),
        ("reaction_field_radius", -1.0, "reaction_field_radius: expected a number of at least 0"),
        ("kappa", -1.0, "kappa: expected a number of at least 0, got -1.0"),
        ("cutoff_kind", "molecule", "cutoff_kind: expected one of 'charge group', 'atom', got"),
        ("boundary", "round", "boundary: expected one of 'vacuum', "),
        ("constrained_bonds", "some", "constrained_bonds: expected one of 'none', "),
        ("bond_form", "morse", "bond_form: expected one of 'quartic', 'harmonic', got 'morse'"),
        ("angle_form", "quartic", "angle_form: expected one of 'cosine', 'harmonic'"),
        ("virial", "group", "virial: expected one of 'molecular', 'atomic', 'none'"),
        ("pme_tolerance", 1.0, "pme_tolerance: expected a number between 0 and 1, got 1.0"),
        ("pme_spacing", 0.0, "pme_spacing: expected a number above 0, or None, got 0.0"),
        ("pme_order", 5, "pme_order: expected 4, 6, 8, 10, 12 or None, got 5"),
        ("precision", "single", "precision: expected one of 'mixed', 'double', got 'single'"),
    ],
)
def test_settings_are_checked(name: str, value: Any, message: str) -> None:
    calculator = gd.ForceCalculator(0.6)
    before = getattr(calculator, name)
    with pytest.raises(ValueError, match=message):
        setattr(calculator, name, value)
    assert getattr(calculator, name) == before
    with pytest.raises(ValueError, match=message):
        gd.ForceCalculator(**{"cutoff": 0.6, name: value})


def test_errors_are_runtime_errors_and_leave_the_state(
    topology: gd.Topology, frames: xr.Dataset
) -> None:
    calculator = gd.ForceCalculator(0.6)
    state = gd.State.from_frame(frames.isel(frame=0))
    state.forces()[...] = 7.0

    def fails(message: str, topology: gd.Topology = topology, state: gd.State = state) -> None:
        with pytest.raises(RuntimeError, match=f"^Force calculation failed: {message}") as caught:
            calculator.calculate(state, topology)
        assert isinstance(caught.value, gd.ForceError)
        assert caught.value.__cause__ is not None
        assert (state.forces() == 7.0).all() or state.num_atoms() != 304
        assert not state.energy

    fails("the state has 305 atoms, which do not fit the topology", state=gd.State(305))
    fails(r"the state has 304 atoms, .*\(Topology: 0 atoms", gd.Topology())
    diglycine = gd.load_topology(DATA / "diglycine.top")
    fails("the topology has no force field", diglycine, gd.State(diglycine.n_atoms))
    calculator.cutoff = 0.8
    fails(
        "the cutoff is longer than half the shortest vector of the box: 0.8 nm in a box of 1.5 x "
        "1.5 x 1.5 nm; use a shorter one"
    )
    calculator.cutoff = 0.6
    state.positions()[5, 1] = np.nan
    fails(r"a coordinate is NaN or infinite \(atom 5\)")
    state.set_positions(frames.positions[0].values)
    calculator.boundary, state.box = "rectangular", None
    fails(r"box: the settings are those of a periodic system \(rectangular\)")
    settings = ForceSettings("vacuum", cutoff=0.6, n_solvent_molecules=99)
    calculator = gd.ForceCalculator.from_settings(settings)
    fails("the settings are for 99 solvent molecules")


def test_a_state_without_a_box_is_in_a_vacuum(topology: gd.Topology, frames: xr.Dataset) -> None:
    state = gd.State.from_frame(frames.isel(frame=0))
    calculator = gd.ForceCalculator(0.6, precision="double")
    periodic = calculator.calculate(state, topology)
    state.box = None
    alone = calculator.calculate(state, topology)
    assert periodic.virial is not None
    assert alone.virial is None
    expected = gd.energies(frames.isel(frame=[0]), topology, cutoff=0.6, boundary="vacuum",
                           precision="double")  # fmt: skip
    assert alone.energy["potential"] == float(expected.energy.sel(term="potential")[0])
    assert alone.energy["potential"] > periodic.energy["potential"] + 100.0


def test_a_truncated_octahedron_stays_one(topology: gd.Topology, frames: xr.Dataset) -> None:
    octahedron = frames.isel(frame=[0]).copy()
    octahedron["box"] = (octahedron.box * 1.5).assign_attrs(shape="truncated octahedron")
    state = gd.State.from_frame(octahedron.isel(frame=0))
    assert state.box_shape == "truncated octahedron"
    assert state.to_dataset().box.attrs["shape"] == "truncated octahedron"
    calculator = gd.ForceCalculator(0.6)
    result = calculator.calculate(state, topology)
    expected = gd.energies(octahedron, topology, cutoff=0.6)
    assert result.energy["potential"] == float(expected.energy.sel(term="potential")[0])
    state.box_shape = "triclinic"
    assert calculator.calculate(state, topology).energy != result.energy
    with pytest.raises(ValueError, match="box_shape: expected 'triclinic' or 'truncated octahedr"):
        state.box_shape = "dodecahedron"  # type: ignore[assignment]


def test_what_is_prepared_is_kept(topology: gd.Topology, frames: xr.Dataset) -> None:
    state = gd.State.from_frame(frames.isel(frame=0))
    calculator = gd.ForceCalculator(0.6)
    model = calculator.model(state, topology)
    assert calculator.model(state, topology) is model
    equal = gd.load_topology(DATA / "butane.top")
    assert gd.ForceCalculator(0.6).model(state, equal) is model
    calculator.cutoff = 0.5
    assert calculator.model(state, topology) is not model

"""The Topology object: immutable, equal by content, solvated, handed to xarray."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from dask.base import tokenize

from gromos_dist.errors import TopologyError
from gromos_dist.topology import Topology, load_topology
from gromos_dist.variables import VARIABLES, validate

DATA = Path(__file__).parent / "data"


@pytest.fixture
def diglycine() -> Topology:
    return load_topology(DATA / "diglycine.top")


def test_it_cannot_be_changed(diglycine: Topology) -> None:
    solvated = diglycine.solvate(2)
    for topology in (diglycine, solvated, pickle.loads(pickle.dumps(solvated))):
        for field in dataclasses.fields(topology):
            value = getattr(topology, field.name)
            if isinstance(value, np.ndarray):
                assert not value.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            topology.mass[0] = 1.0
        with pytest.raises(dataclasses.FrozenInstanceError):
            topology.mass = np.ones(3)  # type: ignore[misc]
        assert topology.solvent is not None
        assert not topology.solvent.charge.flags.writeable


def test_it_does_not_freeze_or_follow_the_callers_arrays(diglycine: Topology) -> None:
    mass = np.array(diglycine.mass)
    topology = dataclasses.replace(diglycine, mass=mass)
    mass[0] = 99.0
    assert topology.mass[0] == 14.0067
    assert topology == diglycine


def test_equality_hash_and_tokens_follow_the_content(diglycine: Topology) -> None:
    again = load_topology(DATA / "diglycine.top")
    copied = pickle.loads(pickle.dumps(diglycine))
    assert diglycine == again == copied
    assert hash(diglycine) == hash(again)
    assert tokenize(diglycine) == tokenize(copied)
    assert len(diglycine.content_hash) == 64
    wide = dataclasses.replace(diglycine, atom_name=diglycine.atom_name.astype("<U40"))
    assert wide.content_hash == diglycine.content_hash
    others = [diglycine.solvate(1), load_topology(DATA / "spc.top")]
    for field in dataclasses.fields(diglycine):
        value = getattr(diglycine, field.name)
        if isinstance(value, np.ndarray):
            changed = value.copy()
            changed[0] = "X" if value.dtype.kind == "U" else changed[-1] + 1
            if field.name == "bonds":
                changed = value[1:]
            others.append(dataclasses.replace(diglycine, **{field.name: changed}))
    others.append(dataclasses.replace(diglycine, solvent=None))
    others.append(dataclasses.replace(diglycine, charge_group=None))
    hashes = [topology.content_hash for topology in (diglycine, *others)]
    assert len(set(hashes)) == len(hashes)
    assert diglycine != "diglycine"


def test_repr(diglycine: Topology) -> None:
    assert repr(diglycine.solvate(5)) == (
        "Topology: 25 atoms, 7 residues, 6 molecules; 10 solute atoms + 5 solvent molecules of 3"
    )
    without = dataclasses.replace(diglycine, solvent=None)
    assert repr(without) == "Topology: 10 atoms, 2 residues, 1 molecules"


def test_solvate_numbers_on(diglycine: Topology) -> None:
    solvated = diglycine.solvate(2)
    assert solvated.n_solute_atoms == 10
    assert solvated.atom_name[10:].tolist() == ["OW", "HW1", "HW2"] * 2
    assert set(solvated.residue_name[10:].tolist()) == {"SOLV"}
    assert solvated.residue[10:].tolist() == [3, 3, 3, 4, 4, 4]
    assert solvated.molecule[10:].tolist() == [2, 2, 2, 3, 3, 3]
    assert solvated.charge_group is not None
    assert solvated.charge_group[9:].tolist() == [6, 7, 7, 7, 8, 8, 8]
    assert solvated.element[10:].tolist() == ["O", "H", "H"] * 2
    assert solvated.mass[10:].tolist() == [15.9994, 1.008, 1.008] * 2
    assert solvated.bonds[9:].tolist() == [[10, 11], [10, 12], [13, 14], [13, 15]]
    assert solvated.solvate(7) == diglycine.solvate(7)
    assert solvated.solvate(0) == diglycine
    with pytest.raises(ValueError, match="expected 0 or more, got -1"):
        diglycine.solvate(-1)


def test_the_number_of_atoms_tells_the_solvent(diglycine: Topology) -> None:
    assert diglycine.with_n_atoms(10) is diglycine
    assert diglycine.with_n_atoms(19) == diglycine.solvate(3)
    assert diglycine.solvate(3).with_n_atoms(13) == diglycine.solvate(1)
    with pytest.raises(
        TopologyError,
        match="the trajectory has 15 atoms, the topology 10 solute atoms and solvent molecules of "
        "3: the difference 5 is not a multiple of the 3 atoms",
    ):
        diglycine.with_n_atoms(15)
    with pytest.raises(TopologyError, match=r"has 7 atoms, the topology 10 .*solute are missing"):
        diglycine.with_n_atoms(7)
    without = dataclasses.replace(diglycine, solvent=None)
    with pytest.raises(TopologyError, match="has 13 atoms, the topology 10 and no solvent"):
        without.with_n_atoms(13)
    with pytest.raises(TopologyError, match=r"no solvent molecule; .*SOLVENTATOM"):
        without.solvate(1)


def test_coordinates_are_those_of_the_registry(diglycine: Topology) -> None:
    labels = {
        name: np.full(diglycine.n_atoms, letter)
        for name, letter in (("chain", "A"), ("segment", "PROA"), ("insertion_code", "B"))
    }
    topology = dataclasses.replace(diglycine, **labels).solvate(2)
    assert topology.chain.tolist() == ["A"] * diglycine.n_atoms + [""] * 6
    dataset = xr.Dataset(coords=topology.coordinates())
    assert set(dataset.coords) == {
        name
        for name, variable in VARIABLES.items()
        if variable.dims == ("atom",) and name != "atom_number"  # that is of a file
    }
    for name in dataset.coords:
        validate(dataset[name], str(name))
        assert dataset[name].attrs == VARIABLES[str(name)].attrs
        np.testing.assert_array_equal(dataset[name], getattr(topology, str(name)))
    unknown = dataclasses.replace(topology, charge=np.full(16, np.nan), charge_group=None)
    assert set(dataset.coords) - set(unknown.coordinates()) == {"charge", "charge_group"}


def test_to_dataset_has_the_bonds(diglycine: Topology) -> None:
    dataset = diglycine.to_dataset()
    assert dataset.sizes == {"atom": 10, "bond": 9, "pair": 2}
    np.testing.assert_array_equal(dataset["bonds"], diglycine.bonds)


def test_arrays_must_belong_together(diglycine: Topology) -> None:
    with pytest.raises(ValueError, match=r"mass: expected shape \(10,\), got \(9,\)"):
        dataclasses.replace(diglycine, mass=diglycine.mass[:9])
    with pytest.raises(ValueError, match="bonds: expected atoms from 0 to 9, got 0 to 10"):
        dataclasses.replace(diglycine, bonds=[(0, 10)])
    with pytest.raises(TypeError, match="Cannot cast"):
        dataclasses.replace(diglycine, residue=diglycine.residue + 0.5)
    with pytest.raises(ValueError, match="n_solvent_molecules: 4 do not fit into 10 atoms"):
        dataclasses.replace(diglycine, n_solvent_molecules=4)

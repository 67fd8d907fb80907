"""Settings of the forces from input files of GROMOS: what is read, refused, passed over."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from gromos_dist.errors import SettingsError
from gromos_dist.forces.groups import energy_groups
from gromos_dist.forces.imd import load_imd
from gromos_dist.forces.settings import ForceSettings

WATER = (Path(__file__).parent / "data/water.imd").read_text()


def load_text(tmp_path: Path, text: str) -> ForceSettings:
    path = tmp_path / "changed.imd"
    path.write_text(text)
    return load_imd(path)


def block(name: str) -> str:
    found = re.search(rf"^{name}\n.*?^END\n", WATER, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group()


def test_water() -> None:
    settings = load_imd(Path(__file__).parent / "data/water.imd")
    assert settings == ForceSettings(
        boundary="rectangular",
        cutoff_kind="charge group",
        n_solvent_molecules=1000,
        energy_group_end=(1500, 3000),
        list_steps=5,
        cutoff_short=0.8,
        cutoff=1.4,
        reaction_field_radius=1.4,
        epsilon_rf=61.0,
        virial="molecular",
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.cutoff = 0.9  # type: ignore[misc]


def test_every_input_file_of_the_reference(reference: Path) -> None:
    paths = [*reference.glob("rerun/*/*.imd"), *reference.glob("mdpp/*/*.in")]
    assert len(paths) == 30
    refused = []
    for path in paths:
        try:
            settings = load_imd(path)
        except SettingsError as error:
            refused.append(str(error))
            continue
        text = path.read_text()
        assert settings.cutoff >= settings.cutoff_short > 0
        assert settings.electrostatics is ("pair_lj" not in path.name)
        assert settings.constrained_bonds == ("all" if "vacuum_lincs" in path.name else "none")
        assert (settings.cutoff_kind == "atom") is (" atomic\nEND" in text)
    assert len(refused) == 1
    assert (
        "aladip_solvated_em_posres.in, block POSITIONRES, line 96: not supported: pos"
        in (refused[0])
    )


def test_groups_of_a_rerun(reference: Path) -> None:
    settings = load_imd(reference / "rerun/pla2_rf/pla2_rf.imd")
    group, n_groups = energy_groups(settings, 21901)
    assert n_groups == 3
    assert np.bincount(group).tolist() == [1190, 20, 20691]
    assert (np.diff(group) >= 0).all()
    with pytest.raises(ValueError, match="ends with atom 21901, but there are 1210 atoms"):
        energy_groups(settings, 1210)
    bonds = load_imd(reference / "mdpp/aladip_vacuum_lincs/aladip_vacuum_lincs.in")
    assert bonds.constrained_bonds == "all"
    assert bonds.boundary == "vacuum"


def test_atoms_beyond_the_last_group_are_one_of_their_own() -> None:
    group, n_groups = energy_groups(ForceSettings("vacuum", energy_group_end=(1, 3)), 5)
    assert group.tolist() == [0, 1, 1, 2, 2]
    assert n_groups == 3
    group, n_groups = energy_groups(ForceSettings("vacuum"), 2)
    assert (group.tolist(), n_groups) == ([0, 0], 1)
    assert group.dtype == np.int32


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  1 3\n", "  0 0\n", {"boundary": "vacuum"}),
        ("  1 3\n", "  2 0\n", {"boundary": "triclinic"}),
        ("  1 3\n", "  -1 0\n", {"boundary": "truncated octahedron"}),
        ("  1   1000", "  0 5", {"with_solute": False, "n_solvent_molecules": 5}),
        (block("SYSTEM"), "", {"n_solvent_molecules": None}),
        ("  1 1 1 1 1 1\n", "  0 1 0 1 0 1\n", {"bonds": False, "impropers": False,
                                                "electrostatics": False}),
        ("  1 1 1 1 1 1\n", "0 1 1 1 1 0\n", {"bonds": False, "lennard_jones": False}),
        ("  1 1 1 1 1 1\n", "0 0 1 1 1 1 1 1 1 0\n", {"bonds": False, "lennard_jones": False}),
        ("  2 1500 3000\n", "  0\n", {"energy_group_end": ()}),
        ("  2 1500 3000\n", "  1 7\n", {"energy_group_end": (7,)}),
        ("NTBDN\n  0 0 0", "\n1 1 1", {"bond_form": "harmonic", "angle_form": "harmonic",
                                       "phases": "0 or 180"}),
        (block("COVALENTFORM"), "", {"bond_form": "quartic", "angle_form": "cosine"}),
        ("# NTC\n  1", "hydrogen", {"constrained_bonds": "hydrogen"}),
        ("# NTC\n  1", "2", {"constrained_bonds": "hydrogen"}),
        ("# NTC\n  1", "ALL", {"constrained_bonds": "all"}),
        ("# NTC\n  1", "4", {"constrained_bonds": "none"}),
        ("grid_cell 5 0.8 1.4 auto chargegroup", "0 1 0.9 0.9 0.4 1",
         {"cutoff_kind": "atom", "list_steps": 1, "cutoff": 0.9, "cutoff_short": 0.9}),
        ("0.0 1.4 61.0 1", "0.5 0 0 0",
         {"kappa": 0.5, "reaction_field_radius": 0.0,
          "epsilon_rf": math.inf, "reaction_field_excluded": False}),
        ("NLRELE\n  1", "\n0", {"electrostatics": False}),
        ("calc iso", "off iso", {"virial": "none"}),
        ("calc iso 4.575E-4 0.5 molecular", "2 1 4.5E-4 0.5 1", {"virial": "atomic"}),
        (block("PRESSURESCALE"), "", {"virial": "none"}),
        (block("STEP"), "POSITIONRES\n0 0 0 2.5E4\nEND\nPERTURBATION\n0 0 0 0\n0 0 1 0\nEND\n"
                        "MULTISTEP\n1 0\nEND\nINNERLOOP\n0 0\nEND\nEWARN\n1\nEND\n", {}),
    ],
)  # fmt: skip
def test_values(tmp_path: Path, old: str, new: str, expected: dict[str, object]) -> None:
    assert WATER.count(old) == 1
    settings = load_text(tmp_path, WATER.replace(old, new))
    standard = load_text(tmp_path, WATER)
    for field in dataclasses.fields(settings):
        if field.name == "n_solvent_molecules" and "SYSTEM" in old:
            assert settings.n_solvent_molecules is None
        else:
            value = expected.get(field.name, getattr(standard, field.name))
            assert getattr(settings, field.name) == value, field.name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (WATER, "", "the file is empty"),
        (block("FORCE"), "", "no block FORCE, which decides the forces"),
        (block("STEP"), "FLOW\n1\nEND\n", "block FLOW, line 8: .*not known here may change"),
        (block("STEP"), "FLOW\nEND\n", "block FLOW, line 8: .*not known here may change"),
        (block("STEP"), "AMBER\n1 1.2\nEND\n", "block AMBER, line 9: not supported: a topology of"),
        (block("STEP"), "PERTURBATION\n1\nEND\n", "block PERTURBATION, line 9: not supported: a p"),
        (block("STEP"), "DISTANCERES\n-1\nEND\n", "block DISTANCERES, line 9: not supp.*switch"),
        (block("STEP"), "CGRAIN\nEND\n", "block CGRAIN, line 8: expected its switch, but the"),
        (block("STEP"), "MULTISTEP\n2 0\nEND\n", "line 9: non-bonded forces of several steps"),
        ("  1 3\n", "  3 3\n", "line 14: expected NTB to be one of 0, 1, 2, -1; found '3'"),
        ("  1 3\n", "  1 3 3\n", "block BOUNDCOND, line 14: expected END, found '3'"),
        ("  1   1000", "  2 1000", "line 6: expected NPM from 0 to 1, found 2"),
        ("  1 1 1 1 1 1\n", "  2 1 1 1 1 1\n", r"expected NTF\(1\) to be one of 0, 1; found '2'"),
        ("  1 1 1 1 1 1\n", "0 1 1 1 1 1 1 1 1 1\n", "bonds with hydrogen but not the others"),
        ("  2 1500 3000\n", "  -2 1500 3000\n", "line 30: force groups .*not supported"),
        ("  2 1500 3000\n", "  3 1500 3000\n", "line 30: .*energy group, but the block ends"),
        ("  2 1500 3000\n", "  2 1500 1500\n", "line 30: expected last atoms that rise, found"),
        ("  2 1500 3000\n", f"  {10**12} 1\n", "expected 1000000000000 last atoms"),
        ("NTBDN\n  0 0 0", "\n0 2 0", "line 18: expected NTBAH to be one of 0, 1; found '2'"),
        ("# NTC\n  1", "5", "line 21: expected NTC to be one of .* found '5'"),
        ("0.8 1.4 auto", "1.4 0.8 auto", "line 34: expected 0 < RCUTP <= RCUTL, found 1.4 and"),
        ("chargegroup", "molecule", "line 34: expected TYPE to be one of .* found 'molecule'"),
        ("grid_cell", "verlet", "line 34: expected ALGORITHM to be one of .* found 'verlet'"),
        ("NLRELE\n  1", "\n2", "line 38: expected NLRELE 1 .* found 2: an Ewald sum"),
        ("NLRELE\n  1", "\n-1", "line 38: expected NLRELE 1 .* found -1: the old reaction"),
        ("0.0 1.4 61.0 1", "0.0 1.4 0.5 1", "line 40: expected APPAK .* 0, 1.4 and 0.5"),
        ("0.0 1.4 61.0 1", "0.0 1.4 61.0 2", "line 40: expected NSLFEXCL to be one of 0, 1"),
        ("  0 33.3\n", "  1 33.3\n", "line 45: long-range corrections of Lennard-Jones"),
        ("  0 33.3\n", "  0\n", "line 45: expected SLVDNS, but the block ends here"),
        ("molecular\n", "some\n", "line 48: expected VIRIAL to be one of .* found 'some'"),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert WATER.count(old) == 1
    with pytest.raises(SettingsError, match=message) as caught:
        load_text(tmp_path, WATER.replace(old, new))
    assert "changed.imd" in str(caught.value)


# Blocks of md++ and of earlier programs that change forces, as they are when switched off.
SWITCHED_OFF = {
    "ADDECOUPLE": "0",
    "AEDS": "0 0 0 0",
    "AMBER": "0 1.2",
    "ANGLERES": "0 1.0 0 0",
    "BSLEUS": "0 0 0",
    "CGRAIN": "0 1.0 1.0",
    "CHEMICALMONTECARLO": "0 1 0.5",
    "COLVARRES": "0 0.0 0 0",
    "CONSISTENCYCHECK": "0",
    "DFUNCT": "0",
    "DIHEDRALRES": "off 100 180 0",
    "DISTANCEFIELD": "0\n0.2 15 0.2 0\n100 1 1.0 50 0",
    "DISTANCERES": "0 0 0.0 1.0 0.0 0 0 0",
    "EDS": "0\n0.0 0.0 1 2\n0.2\n0 0",
    "ELECTRIC": "0 0 0\n0 0 0\n0 1\n0 0",
    "GAMD": "0",
    "INNERLOOP": "0 0",
    "JVALUERES": "0 0 10 5 0 0 0 16 0.5 0",
    "LAMBDAS": "0",
    "LOCALELEV": "0 0 1 0",
    "MULTICELL": "0\n1 1 1\n0 0 0 0",
    "MULTIGRADIENT": "0 0\n0",
    "MULTISTEP": "0 0",
    "NEMD": "0 0 0\n10 20 10 1000 200",
    "ORDERPARAMRES": "0 0 10 5 1 0",
    "PATHINT": "0",
    "PERSCALE": "0\n0.1 0.1 0.2 0.7 1.0 0",
    "PERTURBATION": "0 0 0 0\n0 0 1 0",
    "POLARISE": "0 0 2.5 0 0",
    "POSITIONRES": "0 0 0 0.0",
    "PRECALCLAM": "0 0 1",
    "QMMM": "0 0 0.0 0",
    "RAMD": "0",
    "RDCRES": "0 0 0 0 0",
    "REPLICA_EDS": "0",
    "ROTTRANS": "0 1",
    "SASA": "0 0 0.8 0.3 0.3 -100 0.14 0.01 0.02",
    "STOCHDYN": "0 1 0 6 0.3 91 300",
    "SYMRES": "0 0.0",
    "UMBRELLA": "0",
    "VIRTUALATOM": "0 0 0",
    "XRAYRES": "off 0 0 0 0 0 0",
}


def test_blocks_that_are_switched_off_are_not_refused(tmp_path: Path) -> None:
    blocks = "".join(f"{name}\n{content}\nEND\n" for name, content in SWITCHED_OFF.items())
    assert load_text(tmp_path, WATER + blocks) == load_text(tmp_path, WATER)
    with pytest.warns(UserWarning, match=r"changed.imd, block FLOW, line \d+: .* switched off"):
        load_text(tmp_path, WATER + "FLOW\n0 1.0\nEND\n")


def test_fast_loops_are_named_in_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="the nearest image of a whole solvent molecule"):
        load_text(tmp_path, WATER + "INNERLOOP\n2 0\nEND\n")


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_imd(tmp_path / "missing.imd")


def test_random_damage_never_gives_another_exception(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    words = WATER.replace("\n", " \n ").split(" ")
    strange = ["", "-1", "0", "END", "1e99", "9" * 20, "X", "#", "\n", "END\n", "\x00", "2", "nan"]
    damaged = 0
    for _ in range(400):
        broken = list(words)
        for place in random.integers(0, len(words), size=random.integers(1, 4)):
            broken[place] = str(random.choice(strange))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load_text(tmp_path, " ".join(broken))
        except SettingsError:
            damaged += 1
    assert damaged > 100

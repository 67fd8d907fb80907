"""Hydrogen bonds against gromos++: number a frame, which, how often, mean distances and angles."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import gromos_dist as gd

PROTEIN = {"donors": "molecule 1", "acceptors": "molecule 1"}
FIRST_20 = {"between": ("molecule 1 and resid 1:20", "water")}
WIDE = {"cutoff": 0.30, "angle": 120.0}
THREE = {"three_center": True}
THREE_WIDE = {"three_center": True, "three_center_limits": (0.32, 80.0, 320.0, 30.0)}


class Case(NamedTuple):
    """A run of gromos++: what it read, what it was asked for, and where it wrote."""

    system: str
    output: str
    parameters: dict[str, Any]


CASES = [
    Case("pla2_solute", "pla2/hbond_solute", PROTEIN),
    Case("pla2_solute", "pla2/hbond_solute_030_120", PROTEIN | WIDE),
    Case("pla2_solute", "pla2/hbond_solute_3c", PROTEIN | THREE),
    Case("pla2_solute", "pla2/hbond_mol1_mol2", PROTEIN | {"acceptors": "molecule 2"}),
    Case(
        *("pla2_solute", "more/pla2/hbond_nomass"),
        {"donors": "molecule 1 and name H", "acceptors": "molecule 1 and name O", "rule": "all"},
    ),
    Case("pla2_solute", "more/pla2/hbond_solute_3c_wide", PROTEIN | WIDE),
    Case("pla2_solute", "more/pla2/hbond_solute_3c_wide", PROTEIN | THREE_WIDE),
    Case("pla2_5", "more/pla2/hbond_solute_water", {"between": ("molecule 1", "water")}),
    Case("pla2_5", "more/pla2/hbond_solute_water_full", FIRST_20),
    Case("pla2_5", "more/pla2/hbond_solute_water_3c", FIRST_20),
    Case(*("ch4_999spc", "more/ch4_999spc/hbond_water"), {"donors": "water", "acceptors": "water"}),
    Case("ch4_999spc", "more/ch4_999spc/hbond_water_3c_full", {}),
    Case("ch4_999spc", "more/ch4_999spc/hbond_water_3c_full", THREE),
    Case("w1000", "more/w1000/hbond_num", {}),
]
FILES = {
    "pla2_solute": ("analysis/pla2/pla2_solute.trc.gz", "analysis/pla2/pla2.top"),
    "pla2_5": ("analysis/pla2/pla2_5.trc.gz", "analysis/pla2/pla2.top"),
    "ch4_999spc": (
        "analysis/ch4_999spc/ch4_999spc_20.trc.gz",
        "analysis/ch4_999spc/ch4_999spc.top",
    ),
    "w1000": ("rerun/systems/w1000.trc.gz", "rerun/systems/w1000.top"),
}
# Tables of reduced solvents have one line for all molecules, other numbers of atoms or some lines.
WITHOUT_TABLE = {"more/pla2/hbond_solute_water", "more/pla2/hbond_solute_water_3c"}
WITHOUT_TABLE |= {"more/ch4_999spc/hbond_water", "more/w1000/hbond_num"}


def lines(path: Path) -> list[str]:
    packed = path.with_name(path.name + ".gz")
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    return data.decode().splitlines()


def agrees(printed: str, value: float, times: int = 1) -> bool:
    """Tell whether a number is one that was printed, to its last digit."""
    digits = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= times * 0.5000001 * 10**-digits


def series(path: Path) -> NDArray[np.int64]:
    """Return the second column of a file with the time in the first."""
    return np.array([line.split() for line in lines(path) if line.strip()], float)


def rows(text: list[str], three_center: bool) -> Iterator[tuple[int, tuple[int, ...], list[str]]]:
    """Yield number, atoms (from 1, of their molecule) and measured numbers of each bond."""
    start = next(i for i, line in enumerate(text) if line.startswith("# Two-centered"))
    third = next((i for i, line in enumerate(text) if line.startswith("# Three")), len(text))
    part = text[third:] if three_center else text[start:third]
    found = [line.split() for line in part if line.strip() and not line.startswith("#")]
    if not three_center:
        for words in found:
            atoms = (int(words[-12]), int(words[-9]), int(words[-6]))
            yield int(words[0]), atoms, [*words[-4:-1]]
        return
    for first, second in zip(found[::2], found[1::2], strict=True):
        atoms = (int(first[8]), int(first[11]), int(first[14]), int(second[5]))
        distance, angle, total, plane, count, _ = first[16:]
        yield int(first[0]), atoms, [distance, angle, count, *second[7:], total, plane]


@pytest.fixture(scope="module")
def systems(reference: Path) -> dict[str, xr.Dataset]:
    return {
        name: gd.open_trajectory(*(reference / file for file in files), dtype=np.float64).compute()
        for name, files in FILES.items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.output}{len(case.parameters)}")
def test_against_gromos_plus_plus(
    case: Case, systems: dict[str, xr.Dataset], reference: Path
) -> None:
    ds, path = systems[case.system], reference / "analysis" / case.output
    three = case.parameters.get("three_center", False)
    kind = f"{path}_Hbond_{3 if three else 2}c_time"
    number = gd.n_hydrogen_bonds(ds, **case.parameters)
    np.testing.assert_array_equal(number, series(Path(f"{kind}_numHb.out"))[:, 1])
    if case.parameters.get("rule") is None:
        by_mass = gd.n_hydrogen_bonds(
            ds, **case.parameters, rule="masses", mass_file=reference / "analysis/pla2/mass.file"
        )
        np.testing.assert_array_equal(by_mass, number)
    if case.output in WITHOUT_TABLE:
        return
    bonds = gd.hydrogen_bond_occupancy(ds, **case.parameters)
    names = ("donor", "hydrogen", "acceptor", *(("other_acceptor",) if three else ()))
    n_solute = int((ds.residue_name.values != "SOLV").argmin()) or ds.sizes["atom"]
    numbers = np.array([bonds[name] for name in names]).T
    solvent = case.system == "ch4_999spc" or "water" in case.output
    numbers = np.where((numbers >= n_solute) & solvent, numbers - n_solute, numbers) + 1
    if "mol2" in case.output:
        numbers[:, 2] -= 1190
    ours = {tuple(atoms): i for i, atoms in enumerate(numbers.tolist())}
    measured = ("distance", "angle", "n_frames")
    measured += ("other_distance", "other_angle", "angle_sum", "plane") if three else ()
    text = lines(path.with_suffix(".out"))
    ids, n_mixed = {}, 0
    for identity, atoms, values in rows(text, three):
        row = ours[atoms]
        ids[identity] = atoms
        printed = dict(zip(measured, values, strict=True))
        of_bond = {name: bonds[name][row].item() for name in measured}
        if three and not agrees(printed["angle"], of_bond["angle"]):
            # gromos++ has taken the two acceptors in another order in some of the frames.
            for name in ("distance", "angle"):
                both = sum(float(printed.pop(n)) for n in (name, f"other_{name}"))
                assert agrees(f"{both:.3f}", of_bond[name] + of_bond[f"other_{name}"], 2)
            printed.pop("plane")
            n_mixed += 1
        for name, value in printed.items():
            assert agrees(value, of_bond[name]), (atoms, name)
    assert n_mixed <= len(ids) // 2
    if not any("higherthan" in line for line in lines(path.with_suffix(".arg"))):
        assert len(ids) == bonds.sizes["bond"]
        events = gd.hydrogen_bonds(ds, **case.parameters)
        # Hydrogen bonds are told apart by their atoms, here as gromos++ numbers them.
        keys = {tuple(int(bonds[n][i]) for n in names): atoms for atoms, i in ours.items()}
        places = zip(events.frame.values, *(events[n].values for n in names), strict=True)
        found_events = sorted((int(f), keys[tuple(map(int, atoms))]) for f, *atoms in places)
        index = series(Path(f"{kind}_index.out"))
        frames = np.rint(index[:, 0] / 0.02).astype(int).tolist()
        assert found_events == sorted(
            (frame, ids[int(i)]) for frame, i in zip(frames, index[:, 1], strict=True)
        )

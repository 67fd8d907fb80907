"""Bonds of CONECT records, in whatever way their numbers are written."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gromos_dist.topology import load_topology

CASES = Path(__file__).parent / "data" / "cases"
ATOM = "HETATM{:>5}  C{:<3}LIG A{:>4}    {:8.3f}   0.000   0.000  1.00  0.00           C\n"


def bonds_of(path: Path, serials: list[str], conect: list[str], head: str = "HETATM") -> list:
    atoms = [ATOM.format(serial, i % 1000, 1, float(i)) for i, serial in enumerate(serials)]
    atoms = [atom.replace("HETATM", head, 1) for atom in atoms]
    path.write_text("".join(atoms) + "".join(f"CONECT{line}\n" for line in conect) + "END\n")
    return load_topology(path).bonds.tolist()


def test_hybrid_36() -> None:
    assert load_topology(CASES / "conect_hybrid36.pdb").bonds.tolist() == [[0, 1], [1, 2], [2, 3]]


@pytest.mark.parametrize(
    "serials",
    [
        ["99998", "99999", "A0000", "A0001"],
        ["99998", "99999", "186a0", "186a1"],
        ["A001F", "A0020", "A0021", "A0022"],
        ["99998", "99999", "0", "1"],
        ["    1", "    2", "    3", "    4"],
    ],
    ids=["hybrid-36", "VMD", "OpenMM", "wrapped", "decimal"],
)
def test_every_way_of_numbering(tmp_path: Path, serials: list[str]) -> None:
    conect = [f"{one:>5}{other:>5}" for one, other in pairwise(serials)]
    assert bonds_of(tmp_path / "a.pdb", serials, conect) == [[0, 1], [1, 2], [2, 3]]


def test_repeated_records_are_orders_of_bonds_and_more_than_four_partners_go_on(
    tmp_path: Path,
) -> None:
    serials = [str(i) for i in range(1, 9)]
    one_line = "    1    2    3    4    5    6    7"
    two_lines = ["    1    2    3    4    5", "    1    6    7"]
    expected = [[0, i] for i in range(1, 7)]
    assert bonds_of(tmp_path / "a.pdb", serials, [one_line]) == expected
    assert bonds_of(tmp_path / "a.pdb", serials, two_lines) == expected
    double = ["    1    2    2", "    2    1    1", "    1    2"]
    assert bonds_of(tmp_path / "a.pdb", serials, double) == [[0, 1]]
    # Hydrogen bonds of old files stand in columns 32 and further, behind blanks.
    hydrogen_bond = f"    1    2{'':15}    5    6"
    assert bonds_of(tmp_path / "a.pdb", serials, [hydrogen_bond]) == [[0, 1]]


def test_serial_numbers_of_six_digits_begin_behind_atom(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    text = "".join(
        f"ATOM {serial:>6}  C   LIG A   1       {i}.000   0.000   0.000  1.00  0.00           C\n"
        for i, serial in enumerate([99999, 100000])
    )
    path.write_text(text)
    topology = load_topology(path)
    assert topology.n_atoms == 2


def test_what_cannot_be_assigned_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    with pytest.warns(
        UserWarning,
        match=r"a\.pdb, line 6: bonds of CONECT records were left out, since several atoms have "
        "the serial numbers '1'",
    ):
        assert bonds_of(path, ["1", "2", "3", "1"], ["    2    3", "    1    2"]) == [[1, 2]]
    with pytest.warns(UserWarning, match=r"line 4: .*no atom of the first model has .* '7', '9'"):
        bonds_of(path, ["1", "2", "3"], ["    1    2    7", "    9    1"])


def test_bonds_of_a_file_of_many_models_are_those_behind_the_last(tmp_path: Path) -> None:
    path = tmp_path / "models.pdb"
    atoms = "".join(ATOM.format(i + 1, i, 1, float(i)) for i in range(3))
    models = "".join(f"MODEL {i + 1:8d}\n{atoms}ENDMDL\n" for i in range(50))
    path.write_text(models + "CONECT    1    2\nCONECT    2    3\nCONECT    3    8\nEND\n")
    with pytest.warns(UserWarning, match=f"line {50 * 5 + 3}: .*'8'"):
        topology = load_topology(path)
    assert topology.n_atoms == 3
    assert topology.bonds.tolist() == [[0, 1], [1, 2]]


def test_large_files_take_little_time(tmp_path: Path) -> None:
    """Each record is looked at once: no search through the atoms."""
    n_atoms = 3000
    serials = [f"{i + 1}" for i in range(n_atoms)]
    conect = [f"{i:>5}{i + 1:>5}" for i in range(1, n_atoms)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bonds = bonds_of(tmp_path / "a.pdb", serials, conect)
    np.testing.assert_array_equal(bonds, [[i, i + 1] for i in range(n_atoms - 1)])

"""Lines of PDB and GRO files that were passed over or taken for others: built by hand after public
reports about other programs."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import gromos_dist as gd
from gromos_dist.errors import TopologyError, TrajectoryError
from gromos_dist.io.reader import open_reader

ATOMS = [
    "ATOM      1  N   ALA A   1       1.000   2.000   3.000  1.00  0.00           N",
    "ATOM      2  CA  ALA A   1       2.000   2.000   3.000  1.00  0.00           C",
    "HETATM    3  C   ALA A   1       3.000   2.000   3.000  1.00  0.00           C",
]
CRYST1 = "CRYST1   30.000   40.000   50.000  90.00  90.00  90.00 P 1           1"
GRO = [
    "    1ALA      N    1   0.100   0.200   0.300",
    "    1ALA     CA    2   0.200   0.200   0.300",
]
BOX = "   3.00000   3.00000   3.00000"


def pdb(folder: Path, *models: list[str], head: tuple[str, ...] = ()) -> Path:
    lines = [*head]
    for i, model in enumerate(models):
        lines += [f"MODEL     {i + 1:4d}", *model, "ENDMDL"]
    path = folder / "atoms.pdb"
    path.write_text("\n".join([*lines, "END", ""]))
    return path


def gro(folder: Path, *frames: list[str]) -> Path:
    lines = [line for frame in frames for line in ("title", f"{len(frame)}", *frame, BOX)]
    path = folder / "atoms.gro"
    path.write_text("\n".join([*lines, ""]))
    return path


@pytest.mark.parametrize(
    "change",
    [
        (" ATOM  ", 0),
        ("   ATOM", 0),
        ("atom  ", 1),
        ("Atom  ", 1),
        ("ATOM\t2", 1),
        ("ATOM12", 1),
        (" HETATM", 2),
        ("hetatm", 2),
    ],
)
def test_an_atom_that_is_not_in_its_columns_is_never_left_out(
    change: tuple[str, int], tmp_path: Path
) -> None:
    record, atom = change
    lines = [record + line[6:] if i == atom else line for i, line in enumerate(ATOMS)]
    path = pdb(tmp_path, lines)
    with pytest.raises(TrajectoryError, match=f"atoms.pdb, line {atom + 2}: expected ATOM, HETATM"):
        gd.open_trajectory(path)
    with pytest.raises(TopologyError, match=f"atoms.pdb, line {atom + 2}: expected ATOM, HETATM"):
        gd.load_topology(path)


@pytest.mark.parametrize("record", [" CRYST1", "cryst1"])
def test_a_cell_that_is_not_in_its_columns_is_never_left_out(record: str, tmp_path: Path) -> None:
    path = pdb(tmp_path, ATOMS, head=(record + CRYST1[6:],))
    with pytest.raises(TrajectoryError, match=r"line 1: expected ATOM, HETATM or CRYST1"):
        gd.open_trajectory(path)


@pytest.mark.parametrize("head", [(), (CRYST1,), ("TITLE     of a file",)])
def test_a_byte_order_mark_is_said(head: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "marked.pdb"
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join([*head, *ATOMS, "END", ""]).encode())
    with pytest.raises(TrajectoryError, match=r"line 1: the file begins with a byte order mark"):
        gd.open_trajectory(path)
    with pytest.raises(TopologyError, match=r"line 1: the file begins with a byte order mark"):
        gd.load_topology(path)


def test_text_that_is_no_record_is_passed_over(tmp_path: Path) -> None:
    heads = ("Atomic coordinates, v. 1.0", "atom list", "HET    ATP  A   1      31", " ATOM")
    ds = gd.open_trajectory(pdb(tmp_path, ATOMS, head=(*heads, CRYST1)))
    assert ds.sizes["atom"] == 3
    assert ds.box.values[0].diagonal() == pytest.approx([3, 4, 5])


@pytest.mark.parametrize(
    "cell",
    [
        "CRYST1                                          P 1           1",
        "CRYST1                            90.00  90.00  90.00 P 1           1",
        "CRYST1",
    ],
)
def test_a_blank_cell_is_none(cell: str, tmp_path: Path) -> None:
    ds = gd.open_trajectory(pdb(tmp_path, ATOMS, head=(cell,)))
    assert "box" not in ds
    np.testing.assert_allclose(ds.positions[0, :, 0], [0.1, 0.2, 0.3], rtol=1e-6)


def test_half_a_cell_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="line 1: expected three lengths and three angles"):
        gd.open_trajectory(pdb(tmp_path, ATOMS, head=("CRYST1   30.000",)))


def test_frames_with_their_atoms_in_another_order_are_refused(tmp_path: Path) -> None:
    path = pdb(tmp_path, ATOMS, ATOMS, ATOMS[::-1])
    with pytest.raises(TrajectoryError, match=r"atoms.pdb: frame 2, line 12: the atoms of the fir"):
        gd.open_trajectory(path)
    path = gro(tmp_path, GRO, GRO[::-1])
    with pytest.raises(TrajectoryError, match=r"atoms.gro: frame 1, line 8: the atoms of the firs"):
        gd.open_trajectory(path)


def test_frames_with_other_names_are_told_at_every_opening(tmp_path: Path) -> None:
    path = pdb(tmp_path, ATOMS, [*ATOMS[:2], ATOMS[2].replace(" C  ", " O  ")])
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"frame 1, line 9: an atom or its residue is named"):
            ds = gd.open_trajectory(path)
    assert ds.atom_name.values.tolist() == ["N", "CA", "C"]
    path = gro(tmp_path, GRO, [GRO[0], GRO[1].replace("CA", "CB")])
    with pytest.warns(UserWarning, match=r"frame 1, line 9: an atom or its residue is named"):
        gd.open_trajectory(path)


def test_frames_with_the_same_names_are_not(tmp_path: Path) -> None:
    moved = [line.replace("   3.000", "   9.000").replace("0.00  ", "5.55  ") for line in ATOMS]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gd.open_trajectory(pdb(tmp_path, ATOMS, moved)).sizes["frame"] == 2
        assert gd.open_trajectory(gro(tmp_path, GRO, GRO)).sizes["frame"] == 2


@pytest.mark.parametrize("behind", [16, 26])
def test_positions_behind_the_end_of_a_line_are_not_taken_from_the_next(
    behind: int, tmp_path: Path
) -> None:
    """A line that is broken where its names stand: the rest of it is in the same columns."""
    broken = ATOMS[1][:behind] + "\n" + ATOMS[1][behind + 1 :]
    reader = open_reader(pdb(tmp_path, [ATOMS[0], broken, ATOMS[2]]))
    message = rf"frame 0, line 3, atom 1: expected positions up to column 54, .* column {behind}"
    with pytest.raises(TrajectoryError, match=message):
        reader.read(range(1), {"positions": np.empty((1, 3, 3))})
    reader.read(range(1), {"positions": np.empty((1, 2, 3))}, np.array([0, 2]))

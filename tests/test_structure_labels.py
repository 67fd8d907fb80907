"""What PDB and GRO files keep of the atoms when they are written, and what they say is lost."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from MDAnalysisTests import datafiles
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.cli.application import application
from gromos_dist.io.writer import open_writer

CASES = Path(__file__).parent / "data" / "cases"
_FOLDER = Path(datafiles.GRO).parent


def written(path: Path, **atoms: Any) -> gd.Topology:
    """Write one frame of atoms with these properties, and read them back."""
    n_atoms = len(next(iter(atoms.values())))
    labels = {name: np.array(values) for name, values in atoms.items()}
    with open_writer(path, atoms=labels, overwrite=True) as writer:
        writer.write({"positions": np.random.default_rng(1).random((1, n_atoms, 3))})
    return gd.load_topology(path)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_pdb_to_pdb_keeps_chains_and_ter(tmp_path: Path) -> None:
    path = tmp_path / "out.pdb"
    gd.store(gd.open_trajectory(CASES / "chains.pdb"), path)
    first, second = gd.load_topology(CASES / "chains.pdb"), gd.load_topology(path)
    assert first == second
    records = [line.split()[0] for line in lines(path)]
    assert records == ["REMARK", "TITLE", "ATOM", "ATOM", "TER", "ATOM", "ATOM", "TER", "END"]


def test_convert_keeps_chains_and_ter(tmp_path: Path) -> None:
    path = tmp_path / "out.pdb"
    done = CliRunner().invoke(
        application, ["convert", str(CASES / "chains.pdb"), str(path), "-a", "chain B", "-q"]
    )
    assert done.exit_code == 0, done.output
    atoms = [line for line in lines(path) if line.startswith("ATOM")]
    assert [line[21:26] for line in atoms] == ["B  10", "B  11"]
    assert "TER" in lines(path)


@pytest.mark.parametrize(
    "name", ["adk_open.pdb", "1osm.pdb.gz", "nmr_neopetrosiamide.pdb", "adk_oplsaa.pdb"]
)
def test_all_labels_come_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "out.pdb"
    gd.store(gd.open_trajectory(_FOLDER / name, stop=2), path)
    first, second = gd.load_topology(_FOLDER / name), gd.load_topology(path)
    labels = ("atom_name", "residue_name", "residue", "element")
    for label in (*labels, "chain", "segment", "insertion_code"):
        one, other = getattr(first, label), getattr(second, label)
        assert (one is None) == (other is None), label
        if one is not None:
            assert one.tolist() == other.tolist(), label
    if not len(first.bonds):
        assert first.molecule.tolist() == second.molecule.tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(path))
    assert universe.atoms.names.tolist() == first.atom_name.tolist()
    if first.chain is not None:
        assert universe.atoms.chainIDs.tolist() == first.chain.tolist()
    with gd.open_trajectory(path) as again:
        np.testing.assert_allclose(
            again.positions, gd.open_trajectory(_FOLDER / name, stop=2).positions, atol=1e-4
        )


def test_insertion_codes_and_segments_come_back(tmp_path: Path) -> None:
    topology = written(
        tmp_path / "a.pdb",
        atom_name=["CA"] * 4,
        residue_name=["ALA"] * 4,
        residue=[52, 52, 52, 53],
        insertion_code=["", "A", "B", ""],
        chain=["H", "H", "H", "L"],
        segment=["PROA", "PROA", "PROA", "PROB"],
        element=["C"] * 4,
    )
    assert topology.residue.tolist() == [52, 52, 52, 53]
    for name, values in {
        "insertion_code": ["", "A", "B", ""],
        "chain": ["H", "H", "H", "L"],
        "segment": ["PROA", "PROA", "PROA", "PROB"],
    }.items():
        assert getattr(topology, name).tolist() == values
    assert topology.n_residues == 4


@pytest.mark.parametrize(
    ("residue", "words"),
    [
        ([9998, 9999, 10000, 10001], ["9998", "9999", "   0", "   1"]),
        ([5, 10005, 10006], ["   5", "A005", "A006"]),
        ([34575, 1_000_000], ["AIYN", "V7W0"]),
        ([-5, -4, 0, 1], ["  -5", "  -4", "   0", "   1"]),
    ],
    ids=["wrapping", "hybrid-36", "far", "negative"],
)
def test_pdb_residue_numbers_come_back(
    tmp_path: Path, residue: list[int], words: list[str]
) -> None:
    path = tmp_path / "a.pdb"
    n_atoms = len(residue)
    topology = written(path, residue=residue, residue_name=["HOH"] * n_atoms)
    assert topology.residue.tolist() == residue
    assert [line[22:26] for line in lines(path) if line.startswith("ATOM")] == words


@pytest.mark.parametrize("number", [2_500_000, -1000])
def test_pdb_residue_numbers_that_do_not_fit_are_refused(tmp_path: Path, number: int) -> None:
    with pytest.raises(ValueError, match=f"atom 1: PDB has four columns .* {number} does not fit"):
        written(tmp_path / "a.pdb", residue=[1, number])


def test_gro_residue_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.gro"
    names = {"residue_name": ["SOL"] * 3, "atom_name": ["OW"] * 3}
    wrapping = [99999, 100000, 100001]
    assert written(path, residue=wrapping, **names).residue.tolist() == wrapping
    assert written(path, residue=[-5, -4, 0], **names).residue.tolist() == [-5, -4, 0]
    with pytest.warns(UserWarning, match="those from 5 to 100006 are written without what does"):
        written(path, residue=[5, 100005, 100006], **names)


def test_names_that_are_cut_are_said(tmp_path: Path) -> None:
    names = {"atom_name": ["CA", "CLONG"], "residue_name": ["ALA", "ALA"]}
    with pytest.warns(UserWarning, match=r"the atom name 'CLONG' of atom 1 is cut to 4 characters"):
        topology = written(tmp_path / "a.pdb", **names)
    assert topology.atom_name.tolist() == ["CA", "CLON"]
    with pytest.warns(UserWarning, match="one column for a chain: 'AB' and all others are written"):
        topology = written(tmp_path / "a.pdb", chain=["AB", "C"], residue_name=["ALA", "ALA"])
    assert topology.chain is None
    assert topology.segment is not None
    assert topology.segment.tolist() == ["AB", "C"]
    with pytest.warns(UserWarning, match=r"residue name 'LONGER' of atom 0 is cut to 5"):
        written(tmp_path / "a.gro", residue_name=["LONGER"], atom_name=["C"])


def test_ter_ends_polymers_only(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    written(
        path,
        atom_name=["CA", "CA", "CA", "OW", "OW", "NA"],
        residue_name=["ALA", "GLY", "ALA", "HOH", "HOH", "NA"],
        residue=[1, 2, 1, 2, 3, 4],
        molecule=[1, 1, 2, 3, 4, 5],
    )
    records = [line[:4].strip() for line in lines(path) if line[:3] in ("ATO", "TER")]
    assert records == ["ATOM", "ATOM", "TER", "ATOM", "TER", "ATOM", "ATOM", "ATOM"]


def test_positions_stand_right_between_ter_records(tmp_path: Path) -> None:
    ds = gd.open_trajectory(_FOLDER / "1hvr.pdb")
    n_frames = 3
    shifted = xr.concat([ds + 0.1 * i for i in range(n_frames)], "frame")
    shifted = shifted.assign_attrs(ds.attrs)
    path = tmp_path / "a.pdb"
    gd.store(shifted[["positions"]], path)
    assert path.read_text().count("TER\n") >= 2 * n_frames
    again = gd.open_trajectory(path, dtype="float64")
    np.testing.assert_allclose(again.positions, shifted.positions, atol=0.51e-4)


def test_a_position_that_does_not_fit_is_named_behind_ter(tmp_path: Path) -> None:
    ds = gd.open_trajectory(CASES / "chains.pdb", dtype="float64").load()
    ds.positions[0, 3, 1] = 1e6
    with pytest.raises(ValueError, match="frame 0, atom 3: positions"):
        gd.store(ds, tmp_path / "a.pdb")


def test_segments_of_a_psf_reach_the_pdb(tmp_path: Path) -> None:
    ds = gd.open_trajectory(datafiles.DCD, datafiles.PSF, stop=1)
    path = tmp_path / "adk.pdb"
    gd.store(ds[["positions"]], path)
    topology = gd.load_topology(path)
    assert topology.segment is not None
    assert set(topology.segment.tolist()) == {"4AKE"}

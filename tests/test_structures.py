"""PDB and GRO as trajectories, against MDAnalysis on all its files; chemfiles; a Universe."""

from __future__ import annotations

import gzip
import pickle
import warnings
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
import pytest
from MDAnalysisTests import datafiles

import gromos_dist as gd
from gromos_dist.errors import TrajectoryError
from gromos_dist.io.graphs import source_of
from gromos_dist.io.mdanalysis_reader import MDAnalysisReader
from gromos_dist.io.reader import open_reader

CASES = Path(__file__).parent / "data" / "cases"
_FOLDER = Path(datafiles.GRO).parent
FILES = sorted(
    str(path.relative_to(_FOLDER))
    for suffix in ("gro", "pdb")
    for path in _FOLDER.rglob(f"*.{suffix}")
    if path.stat().st_size < 3e6
)
# What MDAnalysis does otherwise, and why ours is right or as good.
NO_FRAMES = {"empty_atom.gro": "an atom's line is empty", "missing_atomname.gro": "refused by it"}
SOME_VELOCITIES = {"grovels.gro", "coordinates/test_incomplete_vel.gro"}
FIRST_FRAME_ONLY = {"two_water_gro_multiframe.gro"}


def read(reader: Any, *names: str) -> dict[str, np.ndarray]:
    shapes = {"positions": (reader.n_atoms, 3), "velocities": (reader.n_atoms, 3), "box": (3, 3)}
    out = {name: np.empty((reader.n_frames, *shapes[name])) for name in names}
    reader.read(range(reader.n_frames), out)
    return out


@pytest.mark.parametrize("name", FILES)
def test_all_files_of_mdanalysis(name: str) -> None:
    if name in NO_FRAMES:
        pytest.skip(NO_FRAMES[name])
    if name in SOME_VELOCITIES:
        with pytest.warns(UserWarning, match="some atoms have velocities and others have none"):
            reader = open_reader(_FOLDER / name)
    else:
        reader = open_reader(_FOLDER / name)
    fields = [field for field in reader.fields if field not in ("time", "step")]
    found = read(reader, *fields)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(_FOLDER / name))
        assert reader.n_atoms == len(universe.atoms)
        if name not in FIRST_FRAME_ONLY:
            assert reader.n_frames == universe.trajectory.n_frames
        for i, step in enumerate(universe.trajectory):
            np.testing.assert_allclose(found["positions"][i], step.positions / 10, atol=1e-5)
            if name not in SOME_VELOCITIES:
                assert ("velocities" in found) == step.has_velocities
            if "velocities" in found:
                np.testing.assert_allclose(found["velocities"][i], step.velocities / 10, atol=1e-5)
            if step.dimensions is None:
                assert "box" not in found
            else:
                box = step.triclinic_dimensions / 10
                np.testing.assert_allclose(found["box"][i], box, atol=1e-5)


def test_several_frames_of_a_gro() -> None:
    reader = open_reader(_FOLDER / "two_water_gro_multiframe.gro")
    assert (reader.n_frames, reader.n_atoms) == (2, 6)
    assert len(pickle.dumps(reader)) < 10_000


@pytest.mark.parametrize(
    ("suffix", "text", "problem"),
    [
        (".pdb", "REMARK nothing\n", "no ATOM or HETATM records; is this a PDB file"),
        (".pdb", "", "no ATOM or HETATM records|empty"),
        (".gro", "title\nmany\n", "line 2: expected the number of atoms, found 'many'"),
        (".gro", "title\n", "line 2: expected the number of atoms, found 'the end of the file'"),
        (".gro", "", "empty"),
        (".gro", "title\n3\n", "expected 3 atoms and a box, found 0 lines"),
        (".gro", "title\n99999999999999\n    1X", "expected 99999999999999 atoms and a box"),
    ],
)
def test_what_is_no_structure(tmp_path: Path, suffix: str, text: str, problem: str) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_text(text)
    with pytest.raises(TrajectoryError, match=problem):
        open_reader(path)


def test_models_of_other_sizes(tmp_path: Path) -> None:
    atom = "ATOM  {:5d}  CA  ALA A   1    {:8.3f}   2.000   3.000\n"
    models = [
        "MODEL 1\n" + "".join(atom.format(i, i) for i in range(n)) + "ENDMDL\n" for n in (3, 2, 3)
    ]
    path = tmp_path / "file.pdb"
    path.write_text("".join(models))
    with pytest.raises(TrajectoryError, match="frame 1, line 7: a model of 2 atoms, expected 3"):
        open_reader(path)
    path.write_text(
        (models[0] * 3).replace("   1.000", "********", 2).replace("********", "   1.000", 1)
    )
    with pytest.raises(TrajectoryError, match=r"frame 1, line 8, atom 1: expected 3 numbers"):
        read(open_reader(path), "positions")


def test_blanks_are_no_velocities() -> None:
    ds = gd.open_trajectory(CASES / "padded.gro")
    assert set(ds.data_vars) == {"positions", "box"}
    np.testing.assert_allclose(ds.positions[0], [[1, 2, 3], [1.5, 2.5, 3.5]])
    np.testing.assert_allclose(ds.box[0], np.diag([5, 5, 5]))


@pytest.mark.parametrize("decimals", [2, 3, 5])
@pytest.mark.parametrize("padding", [0, 1, 40])
@pytest.mark.parametrize("velocities", [False, True])
def test_layouts_of_gro(tmp_path: Path, decimals: int, padding: int, velocities: bool) -> None:
    positions = np.random.default_rng(1).normal(size=(5, 3))
    width = decimals + 5
    text = "title\n5\n"
    for i, vector in enumerate(positions):
        text += f"{1:5d}AAA  {'C' + str(i):>5}{i + 1:5d}"
        text += "".join(f"{number:{width}.{decimals}f}" for number in vector)
        if velocities:
            text += "".join(f"{-number:{width}.{decimals + 1}f}" for number in vector)
        # Some lines are padded, some are not.
        text += " " * (padding * (i % 2)) + "\n"
    path = tmp_path / "file.gro"
    path.write_text(text + "5 5 5\n")
    found = read(open_reader(path), "positions", *["velocities"] * velocities)
    np.testing.assert_allclose(found["positions"][0], positions, atol=0.51 * 10.0**-decimals)
    if velocities:
        np.testing.assert_allclose(found["velocities"][0], -positions, atol=0.51 * 10.0**-decimals)
    assert ("velocities" in open_reader(path).fields) == velocities


def test_lines_of_another_precision_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.gro"
    frame = "title\n2\n    1AAA     C1    1{}\n    1AAA     C2    2{}\n5 5 5\n"
    short, long = "   1.000   2.000   3.000", "   1.00000   2.00000   3.00000"
    path.write_text(frame.format(short, long))
    with pytest.raises(TrajectoryError, match=r"frame 0, line 4, atom 1: expected positions"):
        open_reader(path)
    path.write_text(frame.format(short, short) + frame.format(long, long))
    with pytest.raises(TrajectoryError, match=r"frame 1, line 8, atom 0: expected positions"):
        open_reader(path)


# Files that are cut behind a whole frame

_ATOM = "ATOM      1  CA  ALA A   1       1.000   2.000   3.000  1.00  0.00           C\n"
_MODEL = "MODEL        {}\n" + _ATOM + "ENDMDL\n"
_MODELS = "TITLE     t= 1.0\n" + _MODEL.format(1) + "TITLE     t= 2.0\n" + _MODEL.format(2)
_OURS = "REMARK   1 WRITTEN BY GROMOS_DIST 0.2.0\n"


@pytest.mark.parametrize(
    ("text", "n_frames", "problem"),
    [
        (_MODELS.removesuffix("ENDMDL\n"), 1, "frame 1, which begins at line 7: its ENDMDL is"),
        (_MODELS.removesuffix("MDL\n"), 1, "frame 1, which begins at line 7: its ENDMDL is"),
        (_MODELS.removesuffix("DL\n"), 1, "frame 1, which begins at line 7: its ENDMDL is"),
        (
            _MODELS + "MODEL        3\n",
            2,
            "frame 2, which begins at line 9: expected 1 atoms, found 0",
        ),
        (_MODELS + "MOD", 2, "frame 2, which begins at line 9: expected 1 atoms, found 0"),
        (
            _MODELS.removesuffix("ENDMDL\n") + "MODEL        3\n",
            2,
            "frame 2, which begins at line 8: expected 1 atoms, found 0",
        ),
        (_MODELS + "TITLE     t= 3.0\n", 2, "frame 2, which begins at line 9: expected 1"),
        (_MODELS + "TITLE     t=", 2, "frame 2, which begins at line 9: expected 1 atoms"),
        (_OURS + _MODELS, 2, "line 9 without END, which gromos_dist writes last"),
        (_OURS + _MODELS + "EN", 2, "frame 2, which begins at line 10|without END"),
        ("NUMMDL    3\n" + _MODELS, 2, r"line 1 \(NUMMDL\) announces more models"),
    ],
    ids=[
        "no ENDMDL",
        "END",
        "ENDM",
        "MODEL",
        "MOD",
        "no ENDMDL, MODEL",
        "TITLE",
        "t=",
        "no END",
        "EN",
        "NUMMDL",
    ],
)
def test_pdb_cut_behind_a_whole_frame(
    tmp_path: Path, text: str, n_frames: int, problem: str
) -> None:
    path = tmp_path / "file.pdb"
    path.write_text(text)
    with pytest.raises(TrajectoryError, match=problem):
        open_reader(path)
    reader = open_reader(path, on_truncated="drop")
    assert reader.n_frames == n_frames
    assert f"frame {n_frames} left out" in reader.damage
    with pytest.warns(UserWarning, match=problem):
        open_reader(path, on_truncated="warn")
    packed = tmp_path / "file.pdb.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(TrajectoryError, match=problem):
        open_reader(packed)


@pytest.mark.parametrize(
    ("text", "n_frames"),
    [
        (_MODELS, 2),  # as GROMACS ends them
        (_MODELS.removesuffix("\n"), 2),
        (_MODELS + "END\n", 2),
        (_MODELS + "END", 2),
        (_OURS + _MODELS + "END", 2),
        ("NUMMDL    2\n" + _MODELS + "MASTER        0\nEND   \n", 2),
        (_MODELS + "CONECT    1    1\n", 2),
        (_ATOM, 1),
        (_ATOM.rstrip("\n"), 1),
        (_ATOM + "TER", 1),
        (_ATOM + "END", 1),
        (_ATOM + "END\n" + _ATOM, 2),
    ],
)
def test_pdb_that_is_whole(tmp_path: Path, text: str, n_frames: int) -> None:
    path = tmp_path / "file.pdb"
    path.write_text(text)
    reader = open_reader(path)
    assert (reader.n_frames, reader.damage) == (n_frames, "")


def test_a_pdb_of_ours_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.pdb"
    ds = gd.open_trajectory(datafiles.PDB_multiframe, atoms=range(5), stop=4)
    gd.store(ds, whole)
    content = whole.read_bytes()
    path = tmp_path / "cut.pdb"
    # But for the line feed behind END.
    for size in range(len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(TrajectoryError):
            open_reader(path)


# chemfiles


chemfiles = pytest.importorskip(
    "chemfiles", reason="chemfiles is not installed: pip install -e '.[test]'"
)


# It warns of records in a PDB file that it does not know.
@pytest.mark.filterwarnings("ignore:.*chemfiles")
@pytest.mark.parametrize("name", ["XTC", "TRR", "GRO_velocity", "PDB_small", "DCD_TRICLINIC"])
def test_chemfiles_against_ours(name: str) -> None:
    path = getattr(datafiles, name)
    theirs = gd.open_trajectory(path, engine="chemfiles", dtype="float64", stop=3, chunks=1)
    ours = gd.open_trajectory(path, dtype="float64", stop=3)
    assert set(theirs.data_vars) <= set(ours.data_vars)
    for field in theirs.data_vars:
        np.testing.assert_allclose(theirs[field], ours[field], atol=2e-5)
    some = theirs.positions[:, [4, 0, 2]].values
    np.testing.assert_array_equal(some, theirs.positions.values[:, [4, 0, 2]])


def test_chemfiles_reads_what_we_cannot(tmp_path: Path) -> None:
    path = tmp_path / "file.xyz"
    text = "".join(f"2\nframe {i}\nO {i}.0 2.0 3.5\nH 1.0 -1.0 0.25\n" for i in range(4))
    path.write_text(text)
    with pytest.raises(ValueError, match="engine='chemfiles' reads many others"):
        gd.open_trajectory(path)
    ds = gd.open_trajectory(path, engine="chemfiles", atoms=[1, 0], stride=2)
    np.testing.assert_allclose(ds.positions[:, 1, 0], [0.0, 0.2])
    assert ds.step.values.tolist() == [0, 2]
    path.write_text(text[:-20])
    with pytest.raises(
        TrajectoryError, match=r"file\.xyz: chemfiles .* not enough lines at step 3"
    ):
        gd.open_trajectory(path, engine="chemfiles")
    with pytest.raises(ValueError, match="engine: expected None or chemfiles, got 'abc'"):
        gd.open_trajectory(path, engine="abc")
    with pytest.raises(FileNotFoundError):
        gd.open_trajectory(tmp_path / "none.xyz", engine="chemfiles")
    path = path.with_suffix(".nc")
    path.write_text("this is no such file\n")
    with pytest.raises(TrajectoryError, match="chemfiles cannot"):
        gd.open_trajectory(path, engine="chemfiles")


def test_without_chemfiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "chemfiles", None)
    path = tmp_path / "file.xyz"
    path.write_text("0\n\n")
    with pytest.raises(ImportError, match=r"pip install 'gromos_dist\[chemfiles\]'"):
        gd.open_trajectory(path, engine="chemfiles")


# MDAnalysis

# It warns of what it will change, and of what it misses.
of_mdanalysis = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@of_mdanalysis
def test_a_universe_of_files_that_we_read(adk: Any) -> None:
    universe = MDAnalysis.Universe(str(adk.psf), [str(adk.dcd)] * 2)
    ds = gd.from_mdanalysis(universe.select_atoms("name CA"), chunks=50)
    expected = gd.open_trajectory([adk.dcd] * 2, adk.psf, atoms="name CA", overlap="keep")
    np.testing.assert_array_equal(ds.positions, expected.positions)
    np.testing.assert_array_equal(ds.residue_name, expected.residue_name)
    np.testing.assert_allclose(ds.mass, expected.mass)
    assert ds.positions.chunksizes["frame"] == (50, 50, 50, 46)
    assert not gd.rmsd(ds).isnull().any()


@of_mdanalysis
def test_a_universe_of_files_that_only_mdanalysis_reads(client: Any) -> None:
    universe = MDAnalysis.Universe(datafiles.PRM_NCBOX, datafiles.TRJ_NCBOX)
    universe.trajectory[4]
    ds = gd.from_mdanalysis(universe, chunks=3)
    assert universe.trajectory.frame == 4
    found = source_of(ds.positions.data)
    assert found is not None
    assert isinstance(found.source.readers[0], MDAnalysisReader)
    assert len(pickle.dumps(found.source.readers[0])) < 2000
    for i, step in enumerate(universe.trajectory):
        np.testing.assert_allclose(ds.positions[i], step.positions / 10, atol=1e-6)
        np.testing.assert_allclose(ds.velocities[i], step.velocities / 10, rtol=1e-6)
        np.testing.assert_allclose(ds.box[i], step.triclinic_dimensions / 10, atol=1e-6)
        assert float(ds.time[i]) == pytest.approx(step.time)


@of_mdanalysis
def test_universes_that_are_refused(adk: Any) -> None:
    universe = MDAnalysis.Universe(str(adk.psf), str(adk.dcd), in_memory=True)
    with pytest.raises(ValueError, match="is in memory"):
        gd.from_mdanalysis(universe)
    universe = MDAnalysis.Universe(str(adk.psf), str(adk.dcd))
    universe.trajectory.add_transformations(lambda step: step)
    with pytest.raises(ValueError, match="has transformations"):
        gd.from_mdanalysis(universe)

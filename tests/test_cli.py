"""The command line: what it writes, what it prints, how it refuses."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from conftest import AdK
from distributed import LocalCluster
from matplotlib import pyplot
from typer.testing import CliRunner, Result

import gromos_dist as gd
from gromos_dist import instruction_set, plot
from gromos_dist.cli.application import application, commands_by_topic

DATA = Path(__file__).parent / "data"
PROGRAM = Path(sys.executable).with_name("gromos-dist")


def invoke(*arguments: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def succeed(*arguments: str | Path) -> Result:
    """Run a command that has to end well."""
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refuse(*arguments: str | Path) -> str:
    """Run a command that has to end in one sentence, and return what it says."""
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    said, *details = result.stderr.rstrip().splitlines()
    assert said.startswith("Error: ")
    # Details may stand below the sentence: a selection with a caret, a list of what differs.
    assert all(line.startswith("  ") for line in details)
    return result.stderr


def run_program(
    command: Sequence[str | Path], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program as a shell would."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def words(text: str) -> str:
    """Return text without the lines and the breaks of a table."""
    return " ".join(re.sub(r"[│┃┏┓┗┛┌┐└┘─━┡┩╇┴┬├┤┼╭╮╰╯╷╵]", " ", text).split())


def read_csv(path: Path) -> np.ndarray:
    """Return the numbers of a file of comma-separated values; rows are frames."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return np.array([[float(number) for number in line.split(",")] for line in lines[1:]])


@pytest.fixture
def trajectory(adk: AdK) -> xr.Dataset:
    """The trajectory as the library opens it."""
    return gd.open_trajectory(adk.dcd, adk.psf)


@pytest.fixture
def damaged(tmp_path: Path, adk: AdK) -> dict[str, Path]:
    """Files with which one thing is wrong each."""
    content = adk.dcd.read_bytes()
    missing = bytearray(content)
    # The z of the first atom of the last frame: 3341 numbers and the end of the record follow.
    offset = len(content) - (4 + 4 * 3341)
    missing[offset : offset + 4] = np.float32(np.nan).tobytes()
    files = {
        "empty": b"",
        "text": b"TITLE\nnot a DCD\nEND\n",
        "cut": content[:-1000],
        "nan": bytes(missing),
    }
    for name, data in files.items():
        (tmp_path / f"{name}.dcd").write_bytes(data)
    (tmp_path / "folder.dcd").mkdir()
    pdb = "ATOM      1  CA  ALA A   1      11.104   6.134  -6.504  1.00  0.00           C\nEND\n"
    (tmp_path / "other.pdb").write_text(pdb)
    return {path.stem: path for path in tmp_path.iterdir()}


class TestProgram:
    """What belongs to no command."""

    def test_help_lists_the_commands(self) -> None:
        text = words(succeed("--help").stdout)
        for command in ("info", "rmsd", "rgyr", "rmsd-matrix", "forces", "energies"):
            assert f" {command} " in text

    @pytest.mark.parametrize("command", ["info", "rmsd", "rgyr", "rmsd-matrix"])
    def test_each_help_has_an_example(self, command: str) -> None:
        assert f"gromos-dist {command} md.dcd" in words(succeed(command, "--help").stdout)

    @pytest.mark.parametrize("command", ["dihedrals", "angles", "distances", "rdf"])
    def test_examples_of_several_lines_are_joined(self, command: str) -> None:
        example = succeed(command, "--help").stdout.partition("Arguments:")[0]
        assert "\\" not in example
        assert not re.search(r"\S {2,}\S", example.partition("\n")[2])

    @pytest.mark.parametrize("command", ["forces", "energies"])
    def test_help_of_the_force_field_has_units(self, command: str) -> None:
        text = words(succeed(command, "--help").stdout)
        assert f"gromos-dist {command} md.trc" in text
        for part in ("(nm)", "(nm-1)", "kJ mol-1", "--precision mixed|double", "[default: mixed]"):
            assert part in text

    def test_options_are_in_the_same_order_everywhere(self) -> None:
        text = succeed("rgyr", "--help").stdout
        listed = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)
        panels = [
            *("--top", "--atoms", "--mass-weighted", "--whole", "--unwrap", "--tensor"),
            *("--start", "--stop", "--stride", "--on-truncated", "--overlap", "--verify"),
            *("--scheduler", "--workers", "--progress", "--report"),
            *("--output", "--plot", "--overwrite", "--json", "--quiet"),
            *("--debug", "--help"),
        ]
        assert listed == panels

    def test_convert_takes_its_file_without_an_option(self, adk: AdK, tmp_path: Path) -> None:
        result = invoke("convert", adk.dcd, "-o", tmp_path / "md.xtc")
        assert result.exit_code == 2
        assert "the file to write comes last, without an option" in words(result.stderr)
        assert "--output" not in succeed("convert", "--help").stdout

    def test_the_list_of_commands_has_whole_sentences(self) -> None:
        listed = succeed("--help").stdout.split("Files:")[1]
        said = re.split(r"^  (?=\w)", listed, flags=re.MULTILINE)[1:]
        names = [words(one).split()[0] for one in said]
        assert {"info", "rmsd", "rmsd-matrix", "rgyr", "center-of-mass", "energies"} <= set(names)
        assert names == [name for of in commands_by_topic().values() for name in of]
        assert all(re.search(r"\.(\s|$)", one) for one in said)
        assert "..." not in listed

    @pytest.mark.parametrize("command", ["info", "rmsd", "energies"])
    def test_help_in_a_pipe_is_plain_and_names_no_types(self, command: str) -> None:
        text = succeed(command, "--help").stdout
        assert not re.search(r"[│╭╰─\x1b]|<\w+>|<list|BOOLEAN", text)
        assert "FILES  Trajectory files" in text

    def test_version_tells_the_instruction_set(self) -> None:
        text = succeed("--version").stdout
        assert succeed("-V").stdout == text
        assert gd.__version__ in text
        assert f"instruction set: {instruction_set.active()}" in text

    def test_without_a_command_it_helps(self) -> None:
        assert "Usage" in invoke().output

    def test_unknown_options_and_commands_exit_with_2(self, adk: AdK) -> None:
        assert invoke("rmsd", adk.dcd, "--nonsense").exit_code == 2
        assert invoke("nonsense").exit_code == 2
        assert invoke("rmsd", adk.dcd, "--stride", "0").exit_code == 2

    def test_help_waits_for_no_library_that_only_a_run_needs(self) -> None:
        script = (
            "import sys\n"
            "from gromos_dist.cli import application\n"
            "try:\n"
            "    application.application(['rmsd', '--help'])\n"
            "except SystemExit as end:\n"
            "    assert end.code == 0\n"
            "heavy = {'distributed', 'h5netcdf', 'matplotlib', 'zarr'} & set(sys.modules)\n"
            "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
        )
        finished = run_program([sys.executable, "-c", script])
        assert finished.returncode == 0, finished.stderr


class TestInfo:
    """The command info."""

    def test_table(self, adk: AdK) -> None:
        text = words(succeed("info", adk.dcd, "--top", adk.psf).stdout)
        for expected in ("format DCD", "frames 98", "atoms 3341", "residues 214", "positions"):
            assert expected in text

    def test_json_is_what_the_dataset_says(self, adk: AdK, trajectory: xr.Dataset) -> None:
        report = json.loads(succeed("info", adk.dcd, "--top", adk.psf, "--json").stdout)
        time = trajectory["time"]
        assert report["frames"] == 98
        assert report["atoms"] == 3341
        assert report["size"] == adk.dcd.stat().st_size
        assert report["files"] == [
            {
                "path": str(adk.dcd),
                "format": "DCD",
                "frames": 98,
                "size": adk.dcd.stat().st_size,
                "damage": None,
            }
        ]
        assert report["overlap"] == []
        assert report["time"]["first"] == float(time[0])
        assert report["time"]["last"] == float(time[-1])
        np.testing.assert_allclose(report["time"]["step"], float(time[1] - time[0]))
        assert report["box"] is None
        assert report["fields"] == list(trajectory.data_vars)
        assert report["chunks"]["frames"] == list(trajectory["positions"].chunksizes["frame"])
        assert report["topology"]["residues"] == 214
        np.testing.assert_allclose(report["topology"]["mass"], float(trajectory["mass"].sum()))
        assert sum(report["topology"]["elements"].values()) == 3341

    def test_without_a_topology(self, adk: AdK) -> None:
        assert json.loads(succeed("info", adk.dcd, "--json").stdout)["topology"] is None

    def test_several_files(self, adk: AdK, tmp_path: Path) -> None:
        for name in ("md_1.dcd", "md_2.dcd"):
            shutil.copy(adk.dcd, tmp_path / name)
        report = json.loads(succeed("info", tmp_path / "md_*.dcd", "--json").stdout)
        assert report["frames"] == 196
        assert [Path(file["path"]).name for file in report["files"]] == ["md_1.dcd", "md_2.dcd"]
        text = words(succeed("info", tmp_path / "md_1.dcd", tmp_path / "md_2.dcd").stdout)
        assert "frames 196" in text

    def test_a_file_cut_off(self, damaged: dict[str, Path]) -> None:
        report = json.loads(succeed("info", damaged["cut"], "--json").stdout)
        assert report["frames"] == 97
        assert "frame 97 left out: the file ends inside" in report["files"][0]["damage"]
        assert "damaged" in words(succeed("info", damaged["cut"]).stdout)

    def test_velocities_and_forces(self) -> None:
        for name in ("small.trv", "small.trf.gz"):
            report = json.loads(
                succeed("info", Path(__file__).parent / "data" / "gromos" / name, "--json").stdout
            )
            assert (report["frames"], report["atoms"]) == (5, 23)

    def test_box_of_gromos_text(self, reference: Path) -> None:
        systems = reference / "rerun" / "systems"
        files = (systems / "pla2.trc.gz", "--top", systems / "pla2.top")
        report = json.loads(succeed("info", *files, "--json").stdout)
        assert report["frames"] == 3
        assert report["atoms"] == 21901
        assert len(report["box"]["lengths"]) == 3
        assert report["box"]["angles"] == [90.0, 90.0, 90.0]
        assert report["files"][0]["format"] == "GROMOS text, gzip"
        assert "box" in words(succeed("info", *files).stdout)


class TestResults:
    """What the analyses write is what the library computes."""

    @pytest.mark.parametrize("suffix", [".zarr", ".nc", ".csv"])
    def test_rmsd(self, adk: AdK, trajectory: xr.Dataset, tmp_path: Path, suffix: str) -> None:
        output = tmp_path / f"rmsd{suffix}"
        succeed("rmsd", adk.dcd, "--top", adk.psf, "--atoms", "backbone", "-o", output)
        expected = gd.rmsd(trajectory, atoms="backbone").compute()
        if suffix == ".csv":
            columns = read_csv(output).T
            np.testing.assert_allclose(columns[-1], expected, rtol=1e-6)
            return
        written = gd.open_store(output)["rmsd"] if suffix == ".zarr" else None
        if written is None:
            with xr.open_dataset(output) as file:
                written = file["rmsd"].load()
        np.testing.assert_array_equal(written, expected)
        np.testing.assert_array_equal(written["time"], expected["time"])
        assert written.attrs["units"] == "nm"
        assert "backbone" in written.attrs["history"]

    @pytest.mark.parametrize(
        ("options", "arguments"),
        [
            (["--fit", "name CA", "--atoms", "protein"], {"fit": "name CA", "atoms": "protein"}),
            (["--fit", "none"], {"fit": False}),
            (["--reference", "-1"], {"reference": -1}),
            (["-r", "7", "-a", "name CA"], {"reference": 7, "atoms": "name CA"}),
            (["--mass-weighted"], {"mass_weighted": True}),
        ],
    )
    def test_options_of_rmsd(
        self,
        adk: AdK,
        trajectory: xr.Dataset,
        tmp_path: Path,
        options: list[str],
        arguments: dict[str, object],
    ) -> None:
        output = tmp_path / "rmsd.nc"
        succeed("rmsd", adk.dcd, "--top", adk.psf, *options, "-o", output)
        with xr.open_dataset(output) as file:
            np.testing.assert_array_equal(file["rmsd"], gd.rmsd(trajectory, **arguments))

    def test_reference_from_a_file(
        self, adk: AdK, mdanalysis_data: Path, trajectory: xr.Dataset, tmp_path: Path
    ) -> None:
        other, output = mdanalysis_data / "adk_dims2.dcd", tmp_path / "rmsd.nc"
        options = ("--atoms", "name CA", "--reference", other, "-o", output)
        succeed("rmsd", adk.dcd, "--top", adk.psf, *options)
        expected = gd.rmsd(trajectory, atoms="name CA", reference=other)
        with xr.open_dataset(output) as file:
            np.testing.assert_array_equal(file["rmsd"], expected)

    def test_frames_are_a_python_slice(self, adk: AdK, tmp_path: Path) -> None:
        output = tmp_path / "rmsd.nc"
        options = ("--start", "-50", "--stop", "-3", "--stride", "4", "--reference", "2")
        succeed("rmsd", adk.dcd, "--top", adk.psf, *options, "-o", output)
        kept = gd.open_trajectory(adk.dcd, adk.psf, start=-50, stop=-3, stride=4)
        with xr.open_dataset(output) as file:
            assert file.sizes["frame"] == len(range(98)[-50:-3:4])
            np.testing.assert_array_equal(file["rmsd"], gd.rmsd(kept, reference=2))

    @pytest.mark.parametrize("mass_weighted", [True, False])
    def test_rgyr(
        self, adk: AdK, trajectory: xr.Dataset, tmp_path: Path, mass_weighted: bool
    ) -> None:
        output = tmp_path / "rgyr.nc"
        option = "--mass-weighted" if mass_weighted else "--no-mass-weighted"
        succeed("rgyr", adk.dcd, "--top", adk.psf, "-a", "protein", option, "-o", output)
        expected = gd.radius_of_gyration(trajectory, atoms="protein", mass_weighted=mass_weighted)
        with xr.open_dataset(output) as file:
            np.testing.assert_array_equal(file["radius_of_gyration"], expected)

    def test_rmsd_matrix(self, adk: AdK, tmp_path: Path) -> None:
        output, picture = tmp_path / "matrix.nc", tmp_path / "matrix.png"
        options = ("--atoms", "name CA", "--stride", "5", "-o", output, "--plot", picture)
        text = words(succeed("rmsd-matrix", adk.dcd, "--top", adk.psf, *options).stdout)
        expected = gd.rmsd_matrix(gd.open_trajectory(adk.dcd, adk.psf, stride=5), atoms="name CA")
        with xr.open_dataset(output) as file:
            np.testing.assert_array_equal(file["rmsd_matrix"], expected)
        assert "between frames" in text
        assert pyplot.imread(picture).ndim == 3

    def test_scheduler_of_processes_gives_the_same(self, adk: AdK, tmp_path: Path) -> None:
        command = ("rmsd", adk.dcd, "--top", adk.psf, "--atoms", "backbone")
        succeed(*command, "-o", tmp_path / "threads.nc", "--workers", "1")
        options = ("--scheduler", "processes", "--workers", "2", "-o", tmp_path / "processes.nc")
        succeed(*command, *options)
        with (
            xr.open_dataset(tmp_path / "threads.nc") as threads,
            xr.open_dataset(tmp_path / "processes.nc") as processes,
        ):
            np.testing.assert_array_equal(threads["rmsd"], processes["rmsd"])

    def test_scheduler_that_runs_already(
        self, adk: AdK, trajectory: xr.Dataset, tmp_path: Path, cluster: LocalCluster
    ) -> None:
        output, report = tmp_path / "rmsd.zarr", tmp_path / "report.html"
        options = ("--scheduler", cluster.scheduler_address, "-o", output, "--report", report)
        succeed("rmsd", adk.dcd, "--top", adk.psf, *options)
        np.testing.assert_array_equal(gd.open_store(output)["rmsd"], gd.rmsd(trajectory))
        assert "<html" in report.read_text()

    def test_report_of_threads(self, adk: AdK, tmp_path: Path) -> None:
        report = tmp_path / "report.html"
        succeed("rmsd", adk.dcd, "--top", adk.psf, "--report", report)
        assert "<html" in report.read_text()


@pytest.mark.filterwarnings("default")
class TestTruncatedAndOverlapping:
    """--on-truncated and --overlap; warnings are shown, as outside of tests."""

    def test_a_file_cut_off(self, damaged: dict[str, Path], tmp_path: Path) -> None:
        command = ("rgyr", damaged["cut"], "--no-mass-weighted", "-o")
        assert "--on-truncated drop" in refuse(*command, tmp_path / "a.csv")
        succeed(*command, tmp_path / "b.csv", "--on-truncated", "drop")
        assert len(read_csv(tmp_path / "b.csv")) == 97
        said = words(succeed(*command, tmp_path / "c.nc", "--on-truncated", "warn").stderr)
        assert said.startswith("Note: ")
        assert "frame 97 left out" in said
        assert "on_truncated='warn'" in xr.open_dataarray(tmp_path / "c.nc").history
        assert "--on-truncated: expected" in refuse(
            *command, tmp_path / "d.csv", "--on-truncated", "x"
        )

    def test_frames_that_are_repeated(self, tmp_path: Path) -> None:
        frame = "TIMESTEP\n{:15d} {:14.9f}\nEND\nPOSITIONRED\n{} 0 0\n0 0 0\nEND\n"
        for name, steps in (("a.trc", range(1, 6)), ("b.trc", range(4, 9))):
            text = "".join(frame.format(step, step / 2, step) for step in steps)
            (tmp_path / name).write_text(text)
        command = ("rgyr", tmp_path / "*.trc", "--no-mass-weighted", "-o")
        said = words(succeed(*command, tmp_path / "a.csv").stderr)
        assert "frames 3 to 4 are repeated" in said
        assert len(read_csv(tmp_path / "a.csv")) == 10
        succeed(*command, tmp_path / "b.csv", "--overlap", "drop")
        assert len(read_csv(tmp_path / "b.csv")) == 8
        assert "--overlap drop leaves" in refuse(*command, tmp_path / "c.csv", "--overlap", "raise")
        report = json.loads(succeed("info", tmp_path / "*.trc", "--json").stdout)
        assert "frames 3 to 4 are repeated" in report["overlap"][0]


BUTANE = (DATA / "butane.trc", "--top", DATA / "butane.top")
SERIES = DATA / "energies" / "series.tre.gz"


@pytest.fixture
def butane() -> xr.Dataset:
    """Butane in water, three frames."""
    return gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")


@pytest.mark.filterwarnings("default")
class TestForces:
    """The command forces."""

    @pytest.mark.parametrize("suffix", [".zarr", ".nc"])
    def test_everything(self, butane: xr.Dataset, tmp_path: Path, suffix: str) -> None:
        output = tmp_path / f"forces{suffix}"
        text = words(succeed("forces", *BUTANE, "--cutoff", "0.6", "-o", output).stdout)
        expected = gd.forces(butane, cutoff=0.6).compute()
        opened = gd.open_store(output) if suffix == ".zarr" else xr.open_dataset(output)
        with opened as written:
            assert (
                set(written)
                == set(expected)
                == {*("forces", "energy", "energy_bonded", "energy_nonbonded", "virial")}
            )
            for name in expected:
                np.testing.assert_array_equal(written[name], expected[name])
                assert written[name].attrs["units"] == expected[name].attrs["units"]
        pairs = expected.energy.sel(term="lennard_jones")
        mean = f"lennard_jones {float(pairs.mean()):.1f} {float(pairs.std()):.1f}"
        for part in ("frames 3", "atoms 304", mean, "forces, butane.trc"):
            assert part in text

    @pytest.mark.parametrize(
        ("options", "arguments"),
        [
            (["--precision", "double", "-c", "0.7"], {"precision": "double", "cutoff": 0.7}),
            (
                ["-c", "0.6", "--epsilon-rf", "inf", "--kappa", "1.5", "--virial", "none"],
                {"cutoff": 0.6, "epsilon_rf": np.inf, "kappa": 1.5, "virial": "none"},
            ),
            (
                ["-c", "0.6", "--cutoff-kind", "atom", "--boundary", "rectangular"],
                {"cutoff": 0.6, "cutoff_kind": "atom", "boundary": "rectangular"},
            ),
            (
                ["-c", "0.6", "--pme", "--pme-tolerance", "1e-4", "--pme-order", "6"],
                {"cutoff": 0.6, "use_pme": True, "pme_tolerance": 1e-4, "pme_order": 6},
            ),
            (
                ["-c", "0.6", "--constrained-bonds", "all", "--bond-form", "harmonic"],
                {"cutoff": 0.6, "constrained_bonds": "all", "bond_form": "harmonic"},
            ),
            (
                ["-c", "0.6", "--reaction-field-radius", "0.7", "--angle-form", "harmonic"],
                {"cutoff": 0.6, "reaction_field_radius": 0.7, "angle_form": "harmonic"},
            ),
        ],
    )
    def test_options(
        self,
        butane: xr.Dataset,
        tmp_path: Path,
        options: list[str],
        arguments: dict[str, object],
    ) -> None:
        succeed("forces", *BUTANE, *options, "-o", tmp_path / "forces.zarr")
        expected = gd.forces(butane, **arguments)
        xr.testing.assert_equal(gd.open_store(tmp_path / "forces.zarr").compute(), expected)

    def test_settings_of_an_input_file(self, butane: xr.Dataset, tmp_path: Path) -> None:
        settings = tmp_path / "md.imd"
        text = (DATA / "water.imd").read_text()
        given = [line for line in text.splitlines() if not line.startswith("#")]
        system = given.index("SYSTEM") + 1
        given[system] = "1 100"
        force = given.index("FORCE") + 2
        given[force] = "2 4 304"
        pairlist = given.index("PAIRLIST") + 1
        given[pairlist] = "standard 5 0.6 0.6 0.4 chargegroup"
        settings.write_text("\n".join(given) + "\n")
        output = tmp_path / "forces.zarr"
        succeed("forces", *BUTANE, "--imd", settings, "--epsilon-rf", "10", "-o", output)
        expected = gd.forces(butane, settings=settings, epsilon_rf=10.0)
        assert expected.sizes["group"] == 2
        xr.testing.assert_equal(gd.open_store(output).compute(), expected)

    def test_groups(self, butane: xr.Dataset, tmp_path: Path) -> None:
        output, picture = tmp_path / "pairs.zarr", tmp_path / "pairs.png"
        names = ("-g", "tail=name CH3", "-g", "rest of it=not resname BUT", "-g", "mass > 14.02")
        text = refuse("forces", *BUTANE, "-c", "0.6", *names, "-o", output)
        assert "is in 'tail' and in 'mass > 14.02'" in text
        names = ("-g", "tail=name CH3", "-g", "rest of it=not resname BUT")
        wanted = ("--variables", "energy_nonbonded, group_forces")
        command = ("forces", *BUTANE, "-c", "0.6", *names, *wanted, "-o", output, "-p", picture)
        succeed(*command)
        groups = {"tail": "name CH3", "rest of it": "not resname BUT"}
        chosen = ["energy_nonbonded", "group_forces"]
        expected = gd.forces(butane, cutoff=0.6, groups=groups, variables=chosen)
        assert list(expected.group.values) == ["tail", "rest of it", "rest"]
        xr.testing.assert_equal(gd.open_store(output).compute(), expected)
        assert pyplot.imread(picture).ndim == 3

    @pytest.mark.parametrize("suffix", [".trf", ".trf.gz"])
    def test_trajectory_of_forces(self, butane: xr.Dataset, tmp_path: Path, suffix: str) -> None:
        output = tmp_path / f"md{suffix}"
        options = ("-c", "0.6", "--precision", "double", "-o", output)
        assert succeed("forces", *BUTANE, *options, "--variables", "forces").stderr == ""
        said = succeed("forces", *BUTANE, *options, "--overwrite").stderr
        assert f"{output.name} holds forces; left out: energy, energy_bonded" in words(said)
        read = gd.open_trajectory(output, dtype="float64")
        expected = gd.forces(butane, cutoff=0.6, precision="double")
        np.testing.assert_allclose(read.forces, expected.forces, atol=1.1e-9, rtol=0)
        np.testing.assert_array_equal(read.time, expected.time)
        said = refuse("forces", *BUTANE, "-c", "0.6", "-o", tmp_path / "b.trf", "-p", "x.png")
        assert "nothing in forces, energy, energy_bonded, energy_nonbonded, virial can" in said

    def test_frames_are_a_python_slice(self, butane: xr.Dataset, tmp_path: Path) -> None:
        output = tmp_path / "forces.nc"
        succeed("forces", *BUTANE, "-c", "0.6", "--start", "-2", "--stride", "2", "-o", output)
        expected = gd.forces(butane.isel(frame=slice(-2, None, 2)), cutoff=0.6)
        with xr.open_dataset(output) as written:
            np.testing.assert_array_equal(written.forces, expected.forces)

    def test_given_again_it_goes_on(self, tmp_path: Path) -> None:
        command = ("forces", *BUTANE, "-c", "0.6", "-o", tmp_path / "forces.zarr")
        succeed(*command)
        assert "forces.zarr (there already" in words(succeed(*command).stdout)
        said = refuse("forces", *BUTANE, "-c", "0.7", "-o", tmp_path / "forces.zarr")
        assert "cutoff: in the store 0.6, now 0.7" in said

    def test_scheduler_of_processes(self, butane: xr.Dataset, tmp_path: Path) -> None:
        options = ("--scheduler", "processes", "--workers", "2", "-o", tmp_path / "forces.zarr")
        succeed("forces", *BUTANE, "-c", "0.6", *options)
        written = gd.open_store(tmp_path / "forces.zarr").compute()
        xr.testing.assert_equal(written, gd.forces(butane, cutoff=0.6))

    def test_molecules_made_whole_have_the_same_forces(self, tmp_path: Path) -> None:
        for name, options in (("a", ()), ("b", ("--whole",))):
            output = tmp_path / f"{name}.nc"
            succeed("forces", *BUTANE, "-c", "0.6", *options, "-o", output)
        with (
            xr.open_dataset(tmp_path / "a.nc") as given,
            xr.open_dataset(tmp_path / "b.nc") as whole,
        ):
            np.testing.assert_allclose(whole.energy, given.energy, rtol=1e-6)

    def test_refusals(self, tmp_path: Path) -> None:
        output = ("-o", tmp_path / "forces.zarr")
        assert "--output" in refuse("forces", *BUTANE, "-c", "0.6")
        assert "forces need a cutoff (nm)" in refuse("forces", *BUTANE, *output)
        said = refuse("forces", BUTANE[0], "-c", "0.6", *output)
        assert "forces need a topology: give one with --top" in said
        assert "absent.imd" in refuse("forces", *BUTANE, "--imd", "absent.imd", *output)
        said = refuse("forces", *BUTANE, "-c", "0.6", "--variables", "force", *output)
        assert "expected some of forces, energy" in said
        drawn = ("--plot", tmp_path / "virial.png")
        said = refuse("forces", *BUTANE, "-c", "0.6", "--variables", "virial", *drawn, *output)
        assert "nothing in virial can be drawn: expected energy or" in said
        said = refuse("forces", *BUTANE, "-c", "0.6", "--between", "a", "b", *output)
        assert "between: expected two of the groups 1, got" in said
        assert "name them with --groups NAME=SELECTION" in said
        said = refuse("forces", *BUTANE, "-c", "0.6", "-g", "residue", "-g", "a=name CH3", *output)
        assert "stands alone" in said
        said = refuse(
            "forces", *BUTANE, "-c", "0.6", "-g", "a=name CH3", "-g", "a=name OW", *output
        )
        assert "'a' is the name of two groups" in said
        assert "frame 0: the cutoff is longer" in refuse("forces", *BUTANE, "-c", "1.4", *output)
        said = refuse("forces", *BUTANE, "-c", "0.6", "-o", tmp_path / "forces.xtc")
        assert ".zarr, .nc, .csv, .xvg, .trf, .trf.gz" in said
        names = ("CH3", "CH2", "OW", "HW1")
        groups = [word for name in names for word in ("-g", f"name {name}")]
        wide = (
            "--variables",
            "forces,group_forces,energy_nonbonded",
            "-o",
            tmp_path / "forces.csv",
        )
        said = refuse("forces", *BUTANE, "-c", "0.6", *groups, *wide)
        assert "1039 columns are too many for .csv (at most 1000), of which forces has 912" in said
        assert invoke("forces", *BUTANE, "--cutoff-kind", "atoms", *output).exit_code == 2


@pytest.mark.filterwarnings("default")
class TestEnergies:
    """The command energies: computed, and read."""

    @pytest.mark.parametrize("suffix", [".zarr", ".nc", ".csv"])
    def test_computed(self, butane: xr.Dataset, tmp_path: Path, suffix: str) -> None:
        output, picture = tmp_path / f"energies{suffix}", tmp_path / "energies.png"
        command = ("energies", *BUTANE, "-c", "0.6", "-g", "b=resname BUT")
        text = words(succeed(*command, "-o", output, "--plot", picture).stdout)
        expected = gd.energies(butane, cutoff=0.6, groups={"b": "resname BUT"}).compute()
        if suffix == ".csv":
            lines = output.read_text().splitlines()
            names = next(line for line in lines if not line.startswith("#"))
            column = names.split(",").index("energy_nonbonded_lennard_jones_b_rest")
            pair = expected.energy_nonbonded.sel(
                nonbonded_term="lennard_jones", group="b", other_group="rest"
            )
            np.testing.assert_array_equal(read_csv(output)[:, column], pair)
        else:
            opened = gd.open_store(output) if suffix == ".zarr" else xr.open_dataset(output)
            with opened as written:
                assert set(written) == {"energy", "energy_bonded", "energy_nonbonded"}
                for name in expected:
                    np.testing.assert_array_equal(written[name], expected[name])
        assert pyplot.imread(picture).ndim == 3
        potential = expected.energy.sel(term="potential")
        assert f"potential {float(potential.mean()):.1f} {float(potential.std()):.1f} -" in text
        pair = expected.energy_nonbonded.sel(group="b", other_group="rest")[:, 0]
        assert f"b - rest, lennard_jones {float(pair.mean()):.3f} {float(pair.std()):.3f}" in text
        assert "improper" not in text

    def test_numbers_are_those_of_energy_statistics(self) -> None:
        text = words(succeed("energies", SERIES).stdout)
        found = gd.energy_statistics(gd.open_energies(SERIES))
        for term in ("total", "bond", "lennard_jones"):
            mean, fluctuation, error = found.energy.sel(term=term).values
            decimals = 2 if fluctuation < 10 else 1
            numbers = " ".join(f"{value:.{decimals}f}" for value in (mean, fluctuation, error))
            assert f" {term} {numbers} " in text
        assert "pressure (kJ mol-1 nm-3) 14.58" in text
        assert "frames 256" in text
        assert "atoms" not in text.replace("all atoms", "")
        assert "crossdihedral" not in text

    def test_read_written_and_drawn(self, tmp_path: Path) -> None:
        output, picture = tmp_path / "energies.zarr", tmp_path / "energies.pdf"
        options = ("--start", "10", "--stop", "-10", "--stride", "2")
        succeed("energies", SERIES, *options, "-g", "all", "-o", output, "--plot", picture)
        expected = gd.open_energies(SERIES, groups=["all"]).isel(frame=slice(10, -10, 2))
        xr.testing.assert_equal(gd.open_store(output).compute(), expected)
        assert picture.read_bytes().startswith(b"%PDF")

    def test_pairs_of_groups_that_were_written(self) -> None:
        files = DATA / "energies" / "small.tre"
        text = words(succeed("energies", files, "-g", "solute", "-g", "water").stdout)
        pair = gd.open_energies(files).energy_nonbonded.sel(nonbonded_term="reaction_field")
        mean = float(pair[:, 0, 1].mean())
        assert re.search(rf"solute - water, reaction_field {mean:.0f}", text)

    def test_free_energy_derivatives(self, tmp_path: Path) -> None:
        files = DATA / "energies" / "small.trg"
        text = words(succeed("energies", files, "--plot", tmp_path / "derivatives.png").stdout)
        assert "derivative to the coupling parameter" in text

    def test_many_groups_are_not_printed(self, reference: Path, tmp_path: Path) -> None:
        systems = reference / "rerun" / "systems"
        files = (systems / "pla2.trc.gz", "--top", systems / "pla2.top", "--stop", "1")
        picture = tmp_path / "pairs.png"
        options = ("-c", "0.9", "-g", "residue", "--plot", picture)
        text = succeed("energies", *files, *options).stdout
        assert "124, with 7626 pairs, of which the 20 strongest are shown" in text
        assert pyplot.imread(picture).ndim == 3
        trajectory = gd.open_trajectory(files[0], files[2], stop=1, dtype="float64")
        pairs = (
            gd.energies(trajectory, cutoff=0.9, groups="residue")
            .energy_nonbonded[0]
            .sum("nonbonded_term")
        )
        strength = np.triu(abs(pairs.values), k=1)
        names = pairs.group.values
        table = text[text.index("by pair of groups") :]
        listed = re.findall(r"^  (\S+) - (\S+), lennard_jones", table, re.MULTILINE)
        strongest = [
            (names[i], names[j])
            for i, j in zip(
                *np.unravel_index(np.argsort(-strength, axis=None)[:20], strength.shape),
                strict=True,
            )
        ]
        assert listed == [pair for pair in strongest if pair in listed]
        assert len(listed) > 15

    def test_groups_that_are_asked_for_are_drawn(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn = []
        for name in ("plot_terms", "plot_pairs", "plot_groups"):
            real = getattr(plot, name)
            monkeypatch.setattr(
                plot, name, lambda *a, _n=name, _f=real, **k: (drawn.append(_n), _f(*a, **k))
            )
        command = ("energies", *BUTANE, "-c", "0.6", "--plot", tmp_path / "p.png", "--overwrite")
        groups = ("-g", "drug=resname BUT", "-g", "water=resname SOLV")
        succeed(*command)
        succeed(*command, *groups)
        succeed(*command, "-g", "residue")
        succeed(*command, *groups, "--between", "drug", "water")
        succeed("energies", SERIES, "-g", "all", *command[6:])
        files = DATA / "energies" / "small.tre"
        succeed("energies", files, "-g", "a", "-g", "b", *command[6:])
        forces = ("forces", *command[1:], "-o", tmp_path / "f.nc", *groups)
        succeed(*forces, "--variables", "energy,energy_nonbonded")
        succeed(*forces, "--variables", "energy,group_forces")
        pairs = "plot_pairs"
        expected = ["plot_terms", pairs, pairs, pairs, "plot_terms", pairs, pairs, "plot_groups"]
        assert drawn == expected

    def test_what_mdpp_computed(self, reference: Path) -> None:
        systems, case = reference / "rerun" / "systems", reference / "rerun" / "ch4_999spc"
        files = (systems / "ch4_999spc.trc.gz", "--top", systems / "ch4_999spc.top")
        settings = ("--imd", case / "ch4_999spc.imd", "--precision", "double")
        computed = words(succeed("energies", *files, *settings).stdout)
        read = words(succeed("energies", case / "ch4_999spc.tre.gz").stdout)
        for term in ("nonbonded", "lennard_jones", "reaction_field"):
            (ours,) = re.findall(rf" {term} (-?[\d.]+ [\d.]+) ", computed)[:1]
            (theirs,) = re.findall(rf" {term} (-?[\d.]+ [\d.]+) ", read)[:1]
            assert ours == theirs

    def test_refusals(self, tmp_path: Path) -> None:
        assert "forces need a cutoff (nm)" in refuse("energies", *BUTANE)
        for option in (("--top", "a.top"), ("--whole",), ("--verify",)):
            said = refuse("energies", SERIES, *option)
            assert said.startswith(
                f"Error: {option[0]}: the energies of series.tre.gz are only read"
            )
        for name, value in (("cutoff", "1"), ("virial", "atomic"), ("between", ("a", "b"))):
            values = [value] if isinstance(value, str) else value
            said = refuse("energies", SERIES, f"--{name}", *values)
            assert said.startswith(f"Error: --{name}: these energies were computed already")
        assert "has its groups already" in refuse("energies", SERIES, "-g", "a=name CA")
        assert "not both" in refuse("energies", SERIES, DATA / "butane.trc")
        assert "absent.tre" in refuse("energies", "absent.tre")
        assert "no frames are left" in refuse("energies", SERIES, "--start", "256")
        groups = ("-g", "a=name CH3")
        text = refuse("energies", *BUTANE, "-c", "0.6", *groups, "-g", "b=name CH3")
        assert "is in 'a' and in 'b'" in text


class TestSummary:
    """What is printed at the end."""

    def test_numbers_are_those_of_the_result(self, adk: AdK, trajectory: xr.Dataset) -> None:
        text = words(succeed("rmsd", adk.dcd, "--top", adk.psf, "--atoms", "backbone").stdout)
        expected = gd.rmsd(trajectory, atoms="backbone").compute()
        n_backbone = gd.open_trajectory(adk.dcd, adk.psf, atoms="backbone").sizes["atom"]
        highest = int(expected.argmax("frame"))
        time = float(expected["time"][highest])
        for part in (
            "frames 98",
            f"atoms {n_backbone}",
            f"mean {float(expected.mean()):.5g} nm",
            f"standard deviation {float(expected.std()):.5g} nm",
            "minimum 0 nm at",
            f"maximum {float(expected[highest]):.5g} nm at {time:g} ps (frame {highest})",
            f"last {float(expected[-1]):.5g} nm",
            "frames/s",
        ):
            assert part in text

    def test_it_names_what_was_written(self, adk: AdK, tmp_path: Path) -> None:
        output, picture = tmp_path / "o.csv", tmp_path / "p.pdf"
        command = ("rmsd", adk.dcd, "--top", adk.psf, "-o", output, "--plot", picture)
        text = succeed(*command).stdout.replace("\n", "")
        assert re.sub(r"[│\s]", "", text).count(str(tmp_path)) == 2
        assert picture.read_bytes().startswith(b"%PDF")

    def test_quiet_prints_nothing(self, adk: AdK, tmp_path: Path) -> None:
        result = succeed("rmsd", adk.dcd, "-q", "-o", tmp_path / "rmsd.csv")
        assert result.output == ""

    def test_progress_goes_to_standard_error(self, adk: AdK) -> None:
        result = succeed("rmsd", adk.dcd, "--progress")
        assert "98/98 frames" in result.stderr


class TestSelections:
    """What the options say that choose atoms."""

    def test_both_languages(self, butane: xr.Dataset, tmp_path: Path) -> None:
        output = tmp_path / "rgyr.csv"
        text = words(succeed("rgyr", *BUTANE, "-a", "1:1-3", "-o", output).stdout)
        assert "atoms 3" in text
        expected = gd.radius_of_gyration(butane, atoms="resname BUT and index 0:2")
        np.testing.assert_allclose(read_csv(output)[:, -1], expected, rtol=1e-12)
        succeed("rmsd", *BUTANE, "--fit", "a:CH3", "-a", "1:a", "-o", tmp_path / "rmsd.csv")
        said = refuse("rgyr", *BUTANE, "-a", "1:1-30", "-o", tmp_path / "none.csv")
        assert said.splitlines()[1:] == ["  1:1-30", "  ^"]

    def test_other_atoms_in_every_frame(self, butane: xr.Dataset, tmp_path: Path) -> None:
        around = "s:OW and within 0.5 of 1:a"
        output = tmp_path / "n.csv"
        text = words(succeed("n-atoms", *BUTANE, "-a", around, "-o", output).stdout)
        assert "n_atoms, butane.trc" not in text
        assert "frames 3" in text
        assert " atoms " not in text.split("mean")[0].replace("number of chosen atoms", "")
        counts = gd.n_atoms(butane, atoms=around)
        np.testing.assert_array_equal(read_csv(output)[:, -1], counts)
        for suffix in (".zarr", ".nc"):
            path = tmp_path / f"n{suffix}"
            succeed("n-atoms", *BUTANE, "-a", around, "--by", "molecule", "-o", path)
            opened = gd.open_store(path) if suffix == ".zarr" else xr.open_dataset(path)
            with opened as written:
                np.testing.assert_array_equal(written.n_atoms, counts)
                assert written.n_atoms.attrs["long_name"] == "number of chosen molecules"
        said = refuse("rgyr", *BUTANE, "-a", around, "-o", tmp_path / "none.csv")
        assert "'within' chooses other atoms in every frame" in said


def test_molecules_made_whole(reference: Path, tmp_path: Path) -> None:
    folder = reference / "analysis" / "pla2"
    output = tmp_path / "rmsd.csv"
    options = ("--whole", "--fit", "molecule 1 and name CA", "-a", "molecule 1")
    target = ("-r", folder / "pla2_solute_ref.cnf")
    files = (folder / "pla2_solute.trc.gz", "-t", folder / "pla2.top")
    succeed("rmsd", *files, *options, *target, "-o", output)
    table = read_csv(output)
    expected = np.loadtxt(folder / "rmsd_ca_all_prop_cog.out")[:, 1]
    np.testing.assert_allclose(table[:, -1], expected, atol=1e-6)
    said = refuse("rmsd", files[0], "--whole")
    assert said.startswith("Error: --whole: there are no bonds; give a topology that has them or")
    assert "with --top (a GROMOS .top, PSF, TPR, GRO or PDB)" in said
    # A GROMOS configuration names its atoms itself, as PDB and GRO do.
    alone = succeed("rgyr", folder / "pla2_solute_ref.cnf", "--whole", "--no-mass-weighted")
    assert "1209 guessed from the names of residues" in alone.stderr


class TestForPrograms:
    """What programs read: CSV on standard output, JSON, plain text."""

    def test_result_on_standard_output(
        self, adk: AdK, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        command = ("rmsd", adk.dcd, "--top", adk.psf, "-a", "backbone")
        succeed(*command, "-o", "rmsd.csv")
        result = succeed(*command, "-o", "-")
        assert result.stdout == Path("rmsd.csv").read_text()
        assert "frames 98" in words(result.stderr)
        assert "written" not in result.stderr
        assert succeed(*command, "-o", "-", "-q").stderr == ""
        assert [path.name for path in tmp_path.iterdir()] == ["rmsd.csv"]
        assert "leave one of them out" in refuse(*command, "-o", "-", "--json")

    def test_energies_on_standard_output(self) -> None:
        result = succeed("energies", *BUTANE, "-c", "0.6", "-o", "-")
        lines = [line for line in result.stdout.splitlines() if not line.startswith("#")]
        assert len(lines) == 4
        assert "energy_potential" in lines[0]
        assert "potential" in result.stderr

    def test_json_has_the_numbers_of_the_result(
        self, adk: AdK, trajectory: xr.Dataset, tmp_path: Path
    ) -> None:
        output = tmp_path / "rmsd.nc"
        command = ("rmsd", adk.dcd, "--top", adk.psf, "-a", "name CA", "-o", output, "--json")
        found = json.loads(succeed(*command).stdout)
        rmsd = gd.rmsd(trajectory, atoms="name CA").compute()
        highest = int(rmsd.argmax("frame"))
        assert (found["frames"], found["atoms"], found["units"]) == (98, 214, "nm")
        assert found["quantity"] == "rmsd"
        assert found["mean"] == float(rmsd.mean())
        assert found["standard_deviation"] == pytest.approx(float(rmsd.std()), rel=1e-12)
        time = float(rmsd.time[highest])
        assert found["maximum"] == {"value": float(rmsd.max()), "frame": highest, "time": time}
        assert found["last"] == float(rmsd[-1])
        assert found["written"] == [str(output)]
        assert not found["resumed"]
        matrix = ("rmsd-matrix", adk.dcd, "--stride", "20", "--json")
        found = json.loads(succeed(*matrix).stdout)
        expected = gd.rmsd_matrix(gd.open_trajectory(adk.dcd, stride=20)).values
        assert found["maximum"]["value"] == expected.max()
        assert expected[tuple(found["maximum"]["frames"])] == expected.max()

    def test_json_of_energies_and_conversions(self, butane: xr.Dataset, tmp_path: Path) -> None:
        groups = {"drug": "resname BUT"}
        command = ("energies", *BUTANE, "-c", "0.6", "-g", "drug=resname BUT", "--json")
        found = json.loads(succeed(*command).stdout)
        energies = gd.energies(butane, cutoff=0.6, groups=groups)
        with pytest.warns(UserWarning, match="too few"):
            expected = gd.energy_statistics(energies)
        terms, pairs = found["statistics"]
        assert (terms["quantity"], terms["units"]) == ("energy", "kJ mol-1")
        for row in terms["values"]:
            mean, fluctuation, _ = expected.energy.sel(term=row["term"]).values
            assert (row["mean"], row["fluctuation"], row["error"]) == (mean, fluctuation, None)
        by_pair = expected.energy_nonbonded.sel(nonbonded_term="lennard_jones")
        row = next(row for row in pairs["values"] if row["groups"] == ["drug", "rest"])
        assert row["mean"] == float(by_pair.sel(group="drug", other_group="rest")[0])
        found = json.loads(succeed("convert", BUTANE[0], tmp_path / "b.xtc", "--json").stdout)
        assert found["size"] == (tmp_path / "b.xtc").stat().st_size
        assert found["written"] == [str(tmp_path / "b.xtc")]

    def test_no_frames_and_no_colours_in_a_pipe(self, adk: AdK, tmp_path: Path) -> None:
        environment = {**os.environ, "COLUMNS": "40", "TERM": "xterm-256color"}
        for arguments in (["rgyr", adk.dcd, "-t", adk.psf], ["info", adk.dcd, "-t", adk.psf]):
            command = [PROGRAM, *arguments]
            shown = subprocess.run(command, env=environment, capture_output=True, check=True)
            text = shown.stdout.decode("ascii")
            assert "\x1b" not in text
            assert re.search("^  frames +98$", text, re.MULTILINE)

    @pytest.mark.parametrize("unwanted", ["", "1"])
    def test_colours_of_notes_unless_they_are_unwanted(self, unwanted: str) -> None:
        environment = {"NO_COLOR": unwanted}
        shown = CliRunner().invoke(application, ["info", "no.dcd"], env=environment, color=True)
        assert ("\x1b" in shown.stderr) == (not unwanted)
        assert "no.dcd: No such file or directory" in shown.stderr

    def test_frames_in_a_terminal(self, adk: AdK) -> None:
        master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color"}
        command = [PROGRAM, "info", adk.dcd]
        process = subprocess.Popen(command, env=environment, stdout=slave, stderr=slave)
        os.close(slave)
        shown = b""
        with suppress(OSError):
            while part := os.read(master, 4096):
                shown += part
        os.close(master)
        assert process.wait() == 0
        assert "│" in shown.decode()
        assert b"\x1b[" in shown


class TestStores:
    """Results and trajectories that were written here, as input."""

    def test_info_of_a_trajectory(self, butane: xr.Dataset, tmp_path: Path) -> None:
        for suffix in (".zarr", ".nc"):
            path = tmp_path / f"md{suffix}"
            gd.store(butane, path, progress=False)
            found = json.loads(succeed("info", path, "--top", BUTANE[2], "--json").stdout)
            assert (found["frames"], found["atoms"]) == (3, 304)
            assert found["time"] == {"first": 0.0, "last": 10.0, "step": 5.0}
            assert found["box"]["lengths"] == [1.5, 1.5, 1.5]
            assert set(found["fields"]) == {"positions", "box"}
            assert found["computed"]["call"] == "open_trajectory"
            assert found["computed"]["inputs"][0] == str(BUTANE[0])
            assert found["topology"]["bonds"] > 0
            text = words(succeed("info", path).stdout)
            assert "position (nm): 3 frame, 304 atom, 3 xyz" in text
            assert found["files"][0]["damage"] is None

    @pytest.mark.parametrize(
        ("chunk", "said"), [(1, "3 chunks of 1 frame, "), (2, "2 chunks of up to 2 frames, ")]
    )
    def test_info_of_chunks(
        self, butane: xr.Dataset, tmp_path: Path, chunk: int, said: str
    ) -> None:
        path = tmp_path / "md.zarr"
        gd.store(butane.chunk(frame=chunk), path, progress=False)
        assert said in words(succeed("info", path).stdout)

    def test_info_of_a_result(self, adk: AdK, tmp_path: Path) -> None:
        path = tmp_path / "rmsd.zarr"
        succeed("rmsd", adk.dcd, "-t", adk.psf, "-a", "backbone", "-o", path)
        text = words(succeed("info", path).stdout)
        for part in (
            "format Zarr",
            "frames 98",
            "root-mean-square deviation (nm): 98 frame",
            "computed by rmsd atoms = backbone",
            f"from {adk.dcd}",
        ):
            assert part in text
        assert "box none" not in text
        assert "has no atoms" in refuse("info", path, "--top", adk.psf)
        assert "expected a trajectory" in refuse("rgyr", path)

    def test_info_tells_what_was_done_before_and_with_which_settings(self, tmp_path: Path) -> None:
        path = tmp_path / "energies.zarr"
        options = ("-c", "0.6", "-g", "butane=resname BUT", "--stride", "2", "--whole")
        succeed("energies", *BUTANE, *options, "-o", path)
        text = words(succeed("info", path).stdout)
        for part in ("cutoff = 0.6 nm", "groups = butane: resname BUT", "of make_whole"):
            assert part in text
        assert re.search(r"of open_trajectory stride = 2 from", text)
        assert "on_truncated" not in text

    def test_info_names_a_few_of_many_files(self, adk: AdK, tmp_path: Path) -> None:
        for number in range(12):
            shutil.copy(adk.dcd, tmp_path / f"md_{number}.dcd")
        path = tmp_path / "rgyr.zarr"
        files = str(tmp_path / "md_*.dcd")
        succeed("rgyr", files, "--no-mass-weighted", "--overlap", "keep", "-o", path)
        text = words(succeed("info", path).stdout)
        for part in ("md_0.dcd", "md_1.dcd", "... 8 more", "md_10.dcd", "md_11.dcd"):
            assert part in text
        assert "md_5.dcd" not in text
        assert len(json.loads(succeed("info", path, "--json").stdout)["computed"]["inputs"]) == 12

    def test_info_of_a_file_that_names_its_atoms(self, tmp_path: Path) -> None:
        path = tmp_path / "first.gro"
        succeed("convert", *BUTANE, path, "--stop", "1")
        text = words(succeed("info", path).stdout)
        assert f"topology {path}" in text
        assert "residues 101" in text

    def test_what_is_no_trajectory(self, adk: AdK, tmp_path: Path) -> None:
        assert "give it beside a trajectory" in refuse("info", adk.psf)
        assert "'gromos-dist energies' reads it" in refuse("info", SERIES)
        store = tmp_path / "rmsd.zarr"
        succeed("rmsd", adk.dcd, "-o", store)
        result = invoke("check", store)
        assert result.exit_code == 2
        assert "'gromos-dist info' tells what is in it" in result.stdout

    def test_info_of_an_unfinished_store(self, adk: AdK, tmp_path: Path) -> None:
        def stop(block: np.ndarray) -> np.ndarray:
            if block[0] >= 2:
                raise KeyboardInterrupt
            return block

        lazy = xr.DataArray(da.arange(4.0, chunks=1).map_blocks(stop), dims="frame", name="rmsd")
        lazy.attrs["history"] = "of a test"
        path = tmp_path / "rmsd.zarr"
        with pytest.raises(KeyboardInterrupt), dask.config.set(scheduler="synchronous"):
            gd.store(lazy, path, progress=False)
        found = json.loads(succeed("info", path, "--json").stdout)
        assert re.search(r"is unfinished: \d of 4 blocks are done$", found["files"][0]["damage"])
        assert "unfinished" in succeed("info", path).stdout
        said = refuse("rgyr", path)
        assert "unfinished" in said
        assert "allow_unfinished" not in said

    def test_bonds_of_a_topology_stay_with_their_atoms(
        self, butane: xr.Dataset, tmp_path: Path
    ) -> None:
        path, water = tmp_path / "md.zarr", tmp_path / "water.zarr"
        gd.store(butane, path, progress=False)
        succeed("convert", path, water, "-t", BUTANE[2], "-a", "resname SOLV")
        expected = gd.make_whole(butane).positions[:, 4:]
        found = gd.make_whole(gd.open_store(water), guess_bonds=False).positions
        np.testing.assert_array_equal(found, expected)

    def test_atoms_of_a_store_of_velocities(self, tmp_path: Path) -> None:
        path, water = tmp_path / "v.zarr", tmp_path / "water.zarr"
        moving = gd.open_trajectory(DATA / "butane.trv")
        gd.store(moving, path, progress=False)
        succeed("convert", path, water, "-t", BUTANE[2], "-a", "resname SOLV")
        found = gd.open_store(water).velocities
        np.testing.assert_array_equal(found, moving.velocities[:, 4:])

    def test_options_that_do_nothing_to_a_store_are_refused(
        self, butane: xr.Dataset, tmp_path: Path
    ) -> None:
        path = tmp_path / "md.zarr"
        gd.store(butane, path, progress=False)
        for option, *value in (["--on-truncated", "drop"], ["--overlap", "keep"], ["--verify"]):
            said = refuse("rgyr", path, "-t", BUTANE[2], option, *value)
            assert said.startswith(f"Error: {option}: {path} is a store")
        assert "read alone" in refuse("rgyr", path, BUTANE[0])
        assert "read alone" in refuse("info", path, BUTANE[0])


class TestNames:
    """Names of files with letters that mean something to a terminal, to rich or to matplotlib."""

    NAME = "md[red]$x_1$\x1b[31m.dcd"

    def test_tables_pictures_and_messages(self, adk: AdK, tmp_path: Path) -> None:
        path = tmp_path / self.NAME
        shutil.copy(adk.dcd, path)
        picture = tmp_path / "rgyr[red].png"
        result = succeed("rgyr", path, "--no-mass-weighted", "--plot", picture)
        assert f"written             {picture}" in result.stdout
        assert pyplot.imread(picture).ndim == 3
        text = succeed("info", path).stdout
        assert r"md[red]$x_1$\x1b[31m.dcd" in text
        assert "\x1b" not in text
        assert "\x1b" not in succeed("check", path).stdout
        for command in ("info", "rgyr"):
            said = refuse(command, tmp_path / "absent\x1b[31m[red].dcd")
            assert r"absent\x1b[31m[red].dcd" in said

    def test_bytes_that_are_no_text(self, adk: AdK, tmp_path: Path) -> None:
        shutil.copy(adk.dcd, os.fsdecode(os.fsencode(tmp_path) + b"/md_\xff.dcd"))
        finished = run_program([PROGRAM, "info", os.fsencode(tmp_path) + b"/md_\xff.dcd"])
        assert finished.returncode == 0, finished.stderr
        assert r"md_\udcff.dcd" in finished.stdout


class TestReport:
    """Dask's report is there, whole, when the run ended well, and not at all otherwise."""

    def test_after_a_failed_run_the_same_command_runs(
        self, adk: AdK, damaged: dict[str, Path], tmp_path: Path
    ) -> None:
        report = tmp_path / "report.html"
        path = damaged["nan"]
        for _ in range(2):
            assert "NaN" in refuse("rmsd", path, "--report", report)
            assert not [file for file in tmp_path.iterdir() if "report" in file.name]
        shutil.copy(adk.dcd, path)
        succeed("rmsd", path, "--report", report)
        assert "</html>" in report.read_text()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
    def test_on_a_full_disk(self, adk: AdK, tmp_path: Path) -> None:
        # A file can be made, and not filled.
        script = (
            "import resource, signal, sys\n"
            "from gromos_dist.cli import main\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
            "main()\n"
        )
        report = tmp_path / "report.html"
        command = [sys.executable, "-c", script, "rmsd", adk.dcd, "--report", report]
        finished = run_program(command)
        assert finished.returncode == 2
        assert finished.stderr == f"Error: {report}: File too large\n"
        assert not list(tmp_path.iterdir())

    def test_errors_of_workers_are_one_sentence(
        self, damaged: dict[str, Path], tmp_path: Path
    ) -> None:
        for options in (["-s", "processes", "-w", "1"], ["--report", "report.html"]):
            finished = run_program([PROGRAM, "rmsd", damaged["nan"], *options], tmp_path)
            assert finished.returncode == 2
            assert "Traceback" not in finished.stderr
            assert finished.stderr.startswith("Error: "), finished.stderr
            assert finished.stderr.count("\n") == 1


class TestAgain:
    """The same command given twice."""

    def test_a_finished_store_is_taken_as_it_is(self, adk: AdK, tmp_path: Path) -> None:
        picture = tmp_path / "rmsd.png"
        command = ("rmsd", adk.dcd, "-o", tmp_path / "rmsd.zarr", "--plot", picture)
        succeed(*command)
        drawn = picture.stat()
        text = words(succeed(*command).stdout)
        assert text.count("there already") == 2
        assert "written" not in text
        assert picture.stat().st_mtime_ns == drawn.st_mtime_ns
        assert "frames/s" not in text

    def test_a_store_of_another_run_is_refused(self, adk: AdK, tmp_path: Path) -> None:
        output = tmp_path / "rmsd.zarr"
        succeed("rmsd", adk.dcd, "-o", output)
        assert "reference" in refuse("rmsd", adk.dcd, "-o", output, "--reference", "3")

    @pytest.mark.parametrize("name", ["rmsd.nc", "rmsd.csv"])
    def test_files_are_replaced_only_when_asked(self, adk: AdK, tmp_path: Path, name: str) -> None:
        output, picture = tmp_path / name, tmp_path / "rmsd.png"
        output.write_text("precious")
        assert "--overwrite" in refuse("rmsd", adk.dcd, "-o", output)
        assert output.read_text() == "precious"
        picture.write_text("precious")
        assert "--overwrite" in refuse("rmsd", adk.dcd, "--plot", picture)
        assert picture.read_text() == "precious"
        succeed("rmsd", adk.dcd, "-o", output, "--plot", picture, "--overwrite")
        assert output.read_bytes() != b"precious"
        assert picture.read_bytes().startswith(b"\x89PNG")


class TestRefusals:
    """Each ends in one sentence and exit code 2."""

    @pytest.mark.parametrize("command", ["info", "rmsd", "rgyr", "rmsd-matrix"])
    @pytest.mark.parametrize("name", ["empty", "text", "cut", "folder", "absent"])
    def test_damaged_trajectory(self, damaged: dict[str, Path], command: str, name: str) -> None:
        path = damaged.get(name, Path("absent.dcd"))
        if (name, command) != ("cut", "info"):
            assert path.name in refuse(command, path)

    @pytest.mark.parametrize("command", ["rmsd", "rgyr", "rmsd-matrix"])
    def test_coordinates_that_are_not_numbers(
        self, adk: AdK, damaged: dict[str, Path], command: str
    ) -> None:
        said = refuse(command, damaged["nan"], "--top", adk.psf)
        assert "NaN" in said
        assert "frame 97" in said

    @pytest.mark.parametrize("command", ["info", "rmsd"])
    def test_topology_of_something_else(
        self, adk: AdK, damaged: dict[str, Path], command: str
    ) -> None:
        said = refuse(command, adk.dcd, "--top", damaged["other"])
        assert "3341" in said

    def test_missing_topology(self, adk: AdK) -> None:
        assert "absent.psf" in refuse("rmsd", adk.dcd, "--top", "absent.psf")

    def test_selections(self, adk: AdK) -> None:
        command = ("rmsd", adk.dcd, "--top", adk.psf)
        assert "nmae" in refuse(*command, "--atoms", "nmae CA")
        assert "name XX" in refuse(*command, "--atoms", "name XX")
        assert "nmae" in refuse(*command, "--fit", "nmae CA")

    def test_selection_without_a_topology(self, adk: AdK) -> None:
        assert "topology" in refuse("rmsd", adk.dcd, "--atoms", "name CA")

    def test_masses_without_a_topology(self, adk: AdK) -> None:
        assert "mass" in refuse("rgyr", adk.dcd)

    def test_reference_that_is_not_there(self, adk: AdK) -> None:
        assert "98" in refuse("rmsd", adk.dcd, "--reference", "98")
        assert "absent.dcd" in refuse("rmsd", adk.dcd, "--reference", "absent.dcd")

    def test_outputs(self, adk: AdK, tmp_path: Path) -> None:
        said = refuse("rmsd", adk.dcd, "-o", tmp_path / "rmsd.xlsx")
        assert "'.xlsx'" in said
        assert ".zarr, .nc, .csv" in said
        assert ".png, .pdf, .svg" in refuse("rmsd", adk.dcd, "--plot", tmp_path / "rmsd.doc")
        assert ".html" in refuse("rmsd", adk.dcd, "--report", tmp_path / "report")
        assert "no folder" in refuse("rmsd", adk.dcd, "-o", tmp_path / "absent" / "rmsd.csv")
        assert not list(tmp_path.iterdir())

    def test_frames_that_leave_nothing(self, adk: AdK) -> None:
        assert "frame" in refuse("rmsd", adk.dcd, "--start", "98")

    def test_schedulers(self, adk: AdK) -> None:
        assert "turbo" in refuse("rmsd", adk.dcd, "--scheduler", "turbo")
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
            said = refuse("rmsd", adk.dcd, "--scheduler", f"tcp://127.0.0.1:{port}")
        assert f"127.0.0.1:{port}" in said

    def test_debug_shows_where_it_happened(self) -> None:
        for arguments in (["--debug", "rmsd", "absent.dcd"], ["rmsd", "absent.dcd", "--debug"]):
            result = invoke(*arguments)
            assert isinstance(result.exception, FileNotFoundError)


class TestProcess:
    """The installed program, as a shell runs it."""

    def test_run(self, adk: AdK, tmp_path: Path) -> None:
        command = [PROGRAM, "rmsd", adk.dcd, "--top", adk.psf, "-a", "name CA", "-o", "rmsd.csv"]
        finished = run_program(command, tmp_path)
        assert finished.returncode == 0, finished.stderr
        assert finished.stderr == ""
        assert "frames 98" in words(finished.stdout)
        assert len(read_csv(tmp_path / "rmsd.csv")) == 98

    def test_refusal(self, tmp_path: Path) -> None:
        command = [PROGRAM, "rmsd", "absent.dcd"]
        finished = run_program(command, tmp_path)
        assert finished.returncode == 2
        assert finished.stdout == ""
        assert finished.stderr.startswith("Error: absent.dcd")
        assert finished.stderr.count("\n") == 1

    def test_debug_prints_a_traceback(self, tmp_path: Path) -> None:
        command = [PROGRAM, "rmsd", "absent.dcd", "--debug"]
        finished = run_program(command, tmp_path)
        assert finished.returncode == 1
        assert "Traceback" in finished.stderr

    def test_interrupted(self, adk: AdK, tmp_path: Path) -> None:
        # A scheduler that takes calls and never answers keeps the program waiting.
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
            options = ["--scheduler", address, "-o", "rmsd.zarr"]
            process = subprocess.Popen(
                [PROGRAM, "rmsd", adk.dcd, *options],
                cwd=tmp_path,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s"},
            )
            server.settimeout(60)
            connection, _ = server.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert said == "Error: interrupted before anything was written\n"

    def test_ctrl_c_reaches_the_workers_too(self, adk: AdK, tmp_path: Path) -> None:
        # A terminal sends the signal to the whole group. The work would take half an hour.
        options = ["--scheduler", "processes", "-o", "matrix.zarr"]
        process = subprocess.Popen(
            [PROGRAM, "rmsd-matrix", *60 * [adk.dcd], *options],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while process.poll() is None and not (tmp_path / "matrix.zarr").exists():
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 130, said
        assert "same command" in said
        assert "Traceback" not in said

    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
    )
    def test_an_interrupt_within_a_destructor_is_not_lost(self, number: int, code: int) -> None:
        # Python ignores what is raised there.
        program = f"""
import os, signal, sys, time, types
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupted:
    def __del__(self):
        os.kill(os.getpid(), {int(number)})
        time.sleep(0.1)

def application(prog_name):
    Interrupted()
    time.sleep(30)
    print("went on")

sys.modules["gromos_dist.cli.application"] = types.SimpleNamespace(application=application)
import gromos_dist.cli
gromos_dist.cli.main()
"""
        finished = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert finished.returncode == code, finished.stderr
        assert finished.stdout == ""
        assert finished.stderr == "Error: interrupted before anything was written\n"

    def test_terminated(self, adk: AdK, tmp_path: Path) -> None:
        process = subprocess.Popen(
            [PROGRAM, "rmsd-matrix", *60 * [adk.dcd], "-o", "matrix.nc", "--report", "r.html"],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None and len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 143, said
        assert "interrupted before anything was written" in said
        assert not list(tmp_path.iterdir())

"""The command line: what it writes, what it prints, how it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from conftest import AdK
from distributed import LocalCluster
from matplotlib import pyplot
from typer.testing import CliRunner, Result

import gromos_dist as gd
from gromos_dist import instruction_set
from gromos_dist.cli.application import application

PROGRAM = Path(sys.executable).with_name("gromos-dist")

# A shell has what it runs in the background ignore Ctrl-C, and the tests with it.
INTERRUPTIBLE = ("env", "--default-signal=INT")


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
        for command in ("info", "rmsd", "rgyr", "rmsd-matrix"):
            assert f" {command} " in text

    @pytest.mark.parametrize("command", ["info", "rmsd", "rgyr", "rmsd-matrix"])
    def test_each_help_has_an_example(self, command: str) -> None:
        assert f"gromos-dist {command} md.dcd" in words(succeed(command, "--help").stdout)

    def test_version_tells_the_instruction_set(self) -> None:
        text = succeed("--version").stdout
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
        assert "on_truncated='drop'" in refuse(*command, tmp_path / "a.csv")
        succeed(*command, tmp_path / "b.csv", "--on-truncated", "drop")
        assert len(read_csv(tmp_path / "b.csv")) == 97
        said = words(succeed(*command, tmp_path / "c.nc", "--on-truncated", "warn").stderr)
        assert said.startswith("Note: ")
        assert "frame 97 left out" in said
        assert '"on_truncated":"warn"' in xr.open_dataarray(tmp_path / "c.nc").history
        assert "on_truncated: expected" in refuse(
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
        assert "overlap='drop'" in refuse(*command, tmp_path / "c.csv", "--overlap", "raise")
        report = json.loads(succeed("info", tmp_path / "*.trc", "--json").stdout)
        assert "frames 3 to 4 are repeated" in report["overlap"][0]


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
    assert "--whole needs the bonds" in refuse("rmsd", files[0], "--whole")


class TestAgain:
    """The same command given twice."""

    def test_a_finished_store_is_taken_as_it_is(self, adk: AdK, tmp_path: Path) -> None:
        picture = tmp_path / "rmsd.png"
        command = ("rmsd", adk.dcd, "-o", tmp_path / "rmsd.zarr", "--plot", picture)
        succeed(*command)
        drawn = picture.stat()
        text = words(succeed(*command).stdout)
        assert "gone on with" in text
        assert "there already" in text
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
                [*INTERRUPTIBLE, PROGRAM, "rmsd", adk.dcd, *options],
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
            [*INTERRUPTIBLE, PROGRAM, "rmsd-matrix", *60 * [adk.dcd], *options],
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

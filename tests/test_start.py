"""What is imported when, and how the program ends when it is stopped in the middle of that."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import gromos_dist as gd
from gromos_dist.analysis.declare import ANALYSES

HEAVY = {"dask", "distributed", "xarray", "pandas", "zarr", "h5netcdf", "matplotlib", "scipy"}


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter that has imported nothing of ours."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def succeed(script: str, *arguments: str) -> str:
    """Run a script that has to end well, and return what it prints."""
    finished = run(script, *arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


class TestImports:
    """What a name, and a command that does nothing, wait for."""

    @pytest.mark.parametrize(
        "statement",
        [
            "import gromos_dist",
            "from gromos_dist import __version__, TrajectoryError, SelectionError, instruction_set",
            "import gromos_dist; dir(gromos_dist)",
        ],
    )
    def test_the_package_imports_nothing_that_takes_time(self, statement: str) -> None:
        loaded = succeed(f"import sys\n{statement}\nprint(*sys.modules)").split()
        assert not (HEAVY | {"numpy", "gromos_dist.analysis", "gromos_dist.io"}) & set(loaded)

    @pytest.mark.parametrize(
        ("arguments", "not_loaded"),
        [
            (["--version"], HEAVY | {"numpy", "gromos_dist.analysis"}),
            (["-V"], HEAVY | {"numpy", "gromos_dist.analysis"}),
            (["info", "--help"], HEAVY | {"numpy", "gromos_dist.analysis"}),
            # Analyses are declared where they are.
            (["--help"], {"distributed", "zarr", "h5netcdf", "matplotlib"}),
            (["rmsd", "--help"], {"distributed", "zarr", "h5netcdf", "matplotlib"}),
        ],
    )
    def test_help_and_version_import_nothing_that_takes_time(
        self, arguments: list[str], not_loaded: set[str]
    ) -> None:
        script = (
            "import atexit, sys\n"
            "from gromos_dist.cli import main\n"
            "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
            "main()\n"
        )
        finished = run(script, *arguments)
        assert finished.returncode == 0
        assert finished.stdout
        assert not not_loaded & set(finished.stderr.split())

    def test_xarray_alone_brings_no_analysis(self) -> None:
        loaded = succeed("import sys, gromos_dist, xarray\nprint(*sys.modules)").split()
        assert "gromos_dist.accessor" in loaded
        assert not {"dask", "gromos_dist.analysis"} & set(loaded)

    def test_the_names_are_those_that_type_checkers_see(self) -> None:
        folder = Path(gd.__file__).parent
        imported = {}
        for file in (folder / "__init__.py", folder / "analysis" / "__init__.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom):
                    own = [alias for alias in node.names if alias.name == alias.asname]
                    imported |= {alias.name: node.module for alias in own}
        assert set(imported) == set(gd.__all__)
        assert set(ANALYSES) <= set(imported)
        for name, module in imported.items():
            assert module is not None
            whole = import_module(module)
            assert getattr(gd, name) is getattr(whole, name)
        assert set(gd.__all__) <= set(dir(gd))
        assert not {"Any", "Path", "cache", "re", "sys", "TYPE_CHECKING"} & set(dir(gd))

    def test_other_names_are_refused(self) -> None:
        with pytest.raises(AttributeError, match="'gromos_dist' has no attribute 'rmsfd'"):
            gd.rmsfd  # noqa: B018
        with pytest.raises(ImportError, match="rmsfd"):
            exec("from gromos_dist import rmsfd")

    @pytest.mark.parametrize(
        ("name", "module"), [("store", "store.results"), ("forces", "forces.model")]
    )
    def test_a_function_is_not_hidden_by_its_package(self, name: str, module: str) -> None:
        script = (
            f"import gromos_dist.{module}\n"
            "import gromos_dist as gd\n"
            f"assert callable(gd.{name}), gd.{name}\n"
            f"from gromos_dist import {name}\n"
            f"assert {name} is gd.{name}\n"
        )
        succeed(script)

    def test_everything_comes_with_a_star(self) -> None:
        succeed("from gromos_dist import *\nassert callable(rmsd) and callable(store)")

    def test_the_instruction_set_is_chosen_with_the_core(self) -> None:
        script = (
            "import os\n"
            "os.environ['GROMOS_DIST_ISA'] = 'scalar'\n"
            "from gromos_dist.kernels import rmsd\n"
            "from gromos_dist._core import lib\n"
            "assert lib.gd_isa_active() == lib.GD_ISA_SCALAR\n"
        )
        succeed(script)
        best = "from gromos_dist.io import open_trajectory\nfrom gromos_dist._core import lib\n"
        succeed(f"{best}assert lib.gd_isa_active() == lib.gd_isa_best()")


class TestAccessor:
    """``ds.gromos`` is there in whichever order things are imported."""

    USE = (
        "import numpy as np\n"
        "ds = xr.Dataset({'positions': (('frame', 'atom', 'xyz'), np.eye(3)[None])})\n"
        "assert ds.gromos.radius_of_gyration(mass_weighted=False).shape == (1,)\n"
    )

    @pytest.mark.parametrize(
        "imports",
        [
            "import gromos_dist\nimport xarray as xr\n",
            "import xarray as xr\nimport gromos_dist\n",
            "import gromos_dist\nfrom xarray.core.dataset import Dataset\nimport xarray as xr\n",
            "import gromos_dist\ngromos_dist.open_trajectory\nimport xarray as xr\n",
            # Whether a module can be found is asked by others, and is not its import.
            "import gromos_dist\nfrom importlib.util import find_spec\nassert find_spec('xarray')\n"
            "import xarray as xr\n",
        ],
    )
    def test_in_any_order(self, imports: str) -> None:
        succeed(imports + self.USE)

    def test_a_dataset_opened_by_xarray_needs_no_import_of_ours(self) -> None:
        path = Path(__file__).parent / "data" / "butane.trc"
        script = (
            "import sys, xarray as xr\n"
            "ds = xr.open_dataset(sys.argv[1], engine='gromos')\n"
            "print(ds.gromos.radius_of_gyration(mass_weighted=False).sizes['frame'])\n"
        )
        assert succeed(script, str(path)) == "3\n"

    def test_xarray_does_not_notice(self) -> None:
        script = (
            "import sys, gromos_dist, xarray\n"
            "from importlib.machinery import SourceFileLoader\n"
            "assert type(xarray.__loader__) is type(xarray.__spec__.loader) is SourceFileLoader\n"
            "assert not [f for f in sys.meta_path if 'gromos_dist.' in type(f).__module__]\n"
        )
        succeed(script)

    def test_an_import_that_fails_can_be_tried_again(self) -> None:
        script = (
            "import sys, gromos_dist\n"
            "sys.modules['pandas'] = None\n"
            "try:\n"
            "    import xarray\n"
            "except ImportError:\n"
            "    pass\n"
            "else:\n"
            "    sys.exit('xarray needs no pandas')\n"
            "for name in [name for name in sys.modules if name.split('.')[0] == 'xarray']:\n"
            "    del sys.modules[name]\n"
            "del sys.modules['pandas']\n"
            "import xarray as xr\n"
        )
        succeed(script + self.USE)


STOPPED = """
import os, signal, sys

module, number, *arguments = sys.argv[1:]

class Finder:
    def find_spec(self, name, path, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Finder())
sys.argv = ["gromos-dist", *arguments]
from gromos_dist.cli import main
main()
"""


class TestStopped:
    """Signals that come while the program still imports."""

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    @pytest.mark.parametrize(
        "module",
        [
            "typer",
            "gromos_dist.cli.command_of",
            "numpy",
            "xarray",
            "dask.array",
            "gromos_dist.io.trajectory",
        ],
    )
    def test_in_an_import(self, module: str, number: int, code: int) -> None:
        path = Path(__file__).parent / "data" / "butane.trc"
        finished = run(STOPPED, module, str(int(number)), "rgyr", str(path))
        assert finished.stderr == "Error: interrupted before anything was written\n"
        assert finished.returncode == code
        assert finished.stdout == ""


def test_the_package_is_a_program() -> None:
    command = [sys.executable, "-m", "gromos_dist", "--version"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith(f"gromos-dist {gd.__version__}\n")
    helped = subprocess.run([*command[:-1], "--help"], capture_output=True, text=True, check=False)
    assert "Usage: gromos-dist [OPTIONS]" in helped.stdout

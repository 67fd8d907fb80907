"""Sphinx configuration. Tables, the API's list of names and help pages come from the package."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import os
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

from typer.testing import CliRunner

import gromos_dist
import gromos_dist.analysis
from gromos_dist.analysis.declare import ANALYSES
from gromos_dist.cli.application import application, commands_by_topic
from gromos_dist.variables import VARIABLES

sys.path.insert(0, str(Path(__file__).parent))
import pages

project = "gromos_dist"
author = "the gromos_dist developers"
copyright = author
version = release = gromos_dist.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "analyses", "generated/*_included.md"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Examples are executed, in docs/_build/example; one that fails, fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 300
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "member-order": "bysource"}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = f"gromos_dist {version}"
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": []}

_DOCS = Path(__file__).parent
_GENERATED = _DOCS / "generated"
_EXAMPLE = _DOCS / "_build" / "example"


_API = """\
# API

Everything public is a name of `gromos_dist`; by convention, `import gromos_dist as gd`. Functions
take the data first and the rest by keyword, and never change what they are given.
"""


def _api_page() -> str:
    """List the public names, those of a kind together."""
    kinds: dict[str, list[str]] = {"Functions": [], "Classes": [], "Exceptions": [], "Modules": []}
    for name in gromos_dist.__all__:
        thing = getattr(gromos_dist, name)
        if inspect.ismodule(thing):
            kinds["Modules"].append(name)
        elif inspect.isclass(thing):
            kinds["Exceptions" if issubclass(thing, Exception) else "Classes"].append(name)
        elif callable(thing):
            kinds["Functions"].append(name)
    kinds["Modules"] += ["exchange", "io.reader", "mapping", "variables"]
    sections = [
        f"## {kind}\n\n```{{eval-rst}}\n.. currentmodule:: gromos_dist\n\n"
        ".. autosummary::\n   :toctree: .\n   :nosignatures:\n\n"
        + "".join(f"   {name}\n" for name in sorted(names))
        + "```\n"
        for kind, names in kinds.items()
        if names
    ]
    return "\n".join([_API, *sections])


def _benchmark_pages() -> str:
    names = sorted(page.stem for page in (_DOCS / "benchmarks").glob("*.md"))
    names.remove("index")
    listed = "".join(f"{name}\n" for name in names)
    return f"```{{toctree}}\n:maxdepth: 1\n\n{listed}```\n" if names else "\n"


def _run(*arguments: str) -> str:
    """Run a command here, which saves starting a process for each, and return what it prints."""
    environment = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    done = CliRunner().invoke(application, arguments, env=environment, prog_name="gromos-dist")
    if done.exit_code:
        raise RuntimeError(f"gromos-dist {shlex.join(arguments)}: {done.output}")
    return done.stdout


@cache
def _help(*command: str) -> str:
    lines = _run(*command, "--help").strip("\n").splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _commands() -> str:
    """Show the help page of every command."""
    names = [name for names in commands_by_topic().values() for name in names]
    return "\n".join(f"## gromos-dist {name}\n\n```text\n{_help(name)}```\n" for name in names)


def _write_analysis_pages() -> None:
    """Write a page for each analysis, and the one that lists them."""
    shutil.rmtree(_GENERATED / "analyses", ignore_errors=True)
    (_GENERATED / "analyses").mkdir()
    for analysis in ANALYSES.values():
        by_hand = _DOCS / "analyses" / f"{analysis.name}.md"
        more = by_hand.read_text() if by_hand.exists() else ""
        pictures = {}
        for command, drawn in pages.commands_with_pictures(analysis).items():
            with contextlib.chdir(_EXAMPLE):
                _run(*shlex.split(command)[1:], "--quiet", "--overwrite")
            pictures[command] = picture = f"{analysis.name}_{drawn}"
            shutil.copyfile(_EXAMPLE / drawn, _GENERATED / "analyses" / picture)
        page = pages.page_of(analysis, _help, pictures=pictures, more=more)
        (_GENERATED / "analyses" / f"{analysis.name}.md").write_text(page)
    (_GENERATED / "analyses" / "index.md").write_text(pages.index_of(ANALYSES.values()))


def _copy_example_files() -> None:
    """Put a real trajectory where the pages' examples run, under a short name."""
    spec = importlib.util.find_spec("MDAnalysisTests")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the examples need MDAnalysisTests: run `make docs`")
    data = Path(spec.submodule_search_locations[0]) / "data"
    folder = _EXAMPLE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("adk.psf", "adk_dims.dcd"):
        shutil.copyfile(data / name, folder / name)
    # The names of the examples in docstrings.
    shutil.copyfile(data / "adk.psf", folder / "protein.psf")
    shutil.copyfile(data / "adk_dims.dcd", folder / "md.dcd")
    shutil.copyfile(data / "adk_oplsaa.gro", folder / "md.gro")
    shutil.copyfile(data / "adk_oplsaa.xtc", folder / "md.xtc")
    energies = _DOCS.parent / "tests" / "data" / "energies" / "series.tre.gz"
    shutil.copyfile(energies, folder / "md.tre.gz")
    for name in ("butane.top", "butane.trc", "butane.trv", "water.imd"):
        shutil.copyfile(_DOCS.parent / "tests" / "data" / name, folder / name)
    os.environ["GROMOS_DIST_EXAMPLE"] = str(folder)


_GENERATED.mkdir(exist_ok=True)
(_GENERATED / "variables_included.md").write_text(pages.variables_table(VARIABLES.values()))
(_GENERATED / "commands_included.md").write_text(_commands())
(_GENERATED / "benchmarks_included.md").write_text(_benchmark_pages())
(_GENERATED / "api.md").write_text(_api_page())
_copy_example_files()
_write_analysis_pages()

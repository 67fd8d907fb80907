"""The pages of the documentation that are made from the package: one for each analysis."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from gromos_dist.analysis.declare import Analysis
from gromos_dist.variables import Variable


def variables_table(variables: Iterable[Variable]) -> str:
    """Return a table of variables."""
    lines = ["| name | dims | kind | unit | meaning |", "|---|---|---|---|---|"]
    kinds = {"f": "float", "i": "integer", "U": "text", "b": "boolean"}
    for variable in variables:
        kind = " or ".join(kinds.get(letter, letter) for letter in variable.kind)
        unit = f"`{variable.units}`" if variable.units else ""
        dims = ", ".join(variable.dims)
        lines.append(f"| `{variable.name}` | {dims} | {kind} | {unit} | {variable.long_name} |")
    return "\n".join(lines) + "\n"


def page_of(
    analysis: Analysis,
    help_of: Callable[[str], str],
    *,
    pictures: Mapping[str, str] = MappingProxyType({}),
    more: str = "",
) -> str:
    """Return the page of an analysis.

    Parameters
    ----------
    analysis : Analysis
        What was declared.
    help_of : callable
        Gives the help page of a command.
    pictures : mapping
        Files of pictures, by the commands that drew them.
    more : str
        What is written by hand: other examples, speed and error.
    """
    function = analysis.function
    path = f"{function.__module__}.{function.__name__}"
    parts = [
        f"# {analysis.name}",
        f"```{{eval-rst}}\n.. autofunction:: {path}\n```",
    ]
    if analysis.results:
        parts += ["## Variables", variables_table(analysis.results)]
    if analysis.needs:
        parts += [f"Checked before each call: {', '.join(analysis.needs)}."]
    for command, picture in pictures.items():
        parts += [f"```text\n{command}\n```", f"![{command}]({picture})"]
    if more:
        parts += [more]
    if analysis.command is not None:
        parts += ["## On the command line", f"```text\n{help_of(analysis.command)}```"]
    return "\n\n".join(parts) + "\n"


def index_of(analyses: Iterable[Analysis]) -> str:
    """Return the page that lists analyses by topic."""
    by_topic: dict[str, list[Analysis]] = defaultdict(list)
    for analysis in analyses:
        by_topic[analysis.topic].append(analysis)
    parts = [
        "# Analyses",
        "Each is a function, a method of `ds.gromos` and, where named, a command.",
    ]
    for topic, listed in by_topic.items():
        rows = ["| function | command | what it gives |", "|---|---|---|"]
        for analysis in listed:
            command = f"`gromos-dist {analysis.command}`" if analysis.command else ""
            name = f"[`{analysis.name}`]({analysis.name}.md)"
            rows.append(f"| {name} | {command} | {summary(analysis)} |")
        parts += [f"## {topic}", "\n".join(rows)]
    names = "\n".join(analysis.name for some in by_topic.values() for analysis in some)
    parts += [f"```{{toctree}}\n:hidden:\n\n{names}\n```"]
    return "\n\n".join(parts) + "\n"


def commands_with_pictures(analysis: Analysis) -> dict[str, str]:
    """Return the commands of the docstring that draw a picture, and its file."""
    text = re.sub(r"(?<=\S) +(\\\n\s*)?", " ", inspect.getdoc(analysis.function) or "")
    commands = [line.strip() for line in text.splitlines() if line.startswith("    gromos-dist ")]
    drawn = {command: re.search(r"--plot (\S+\.png)", command) for command in commands}
    return {command: found[1] for command, found in drawn.items() if found}


def summary(analysis: Analysis) -> str:
    """Return the first line of the docstring."""
    return (inspect.getdoc(analysis.function) or "").partition("\n")[0]

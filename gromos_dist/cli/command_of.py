"""From the declaration of an analysis to its command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from gromos_dist.analysis.declare import Analysis
from gromos_dist.analysis.declare import words_of as words_of_annotation
from gromos_dist.cli import docstrings
from gromos_dist.cli.annotations import annotations_of, word_of
from gromos_dist.cli.bundles import with_bundles
from gromos_dist.cli.run import Input, Job, ResultInput, plain_text, run
from gromos_dist.cli.views import title_of
from gromos_dist.cli.vocabulary import FORCE_SETTINGS, VOCABULARY, Word

_MANY = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
# The first parameter of an analysis of results: other ones are of trajectories.
_RESULT = "series"
_HOUSE = {
    *(of.name for bundle in (Input, Job) for of in fields(bundle)),
    "top",
    "json",
    "source",
    "job",
    "debug",
}


def command_of(analysis: Analysis) -> Callable[..., None]:
    """Return the command of an analysis, for Typer.

    Options follow from the signature: of names that the vocabulary knows as it says, else by their
    annotations. The help page is the docstring, with its commands for the shell.
    """
    said = docstrings.parse(analysis.function.__doc__)
    words = words_of(analysis, said)
    names = {name: f"{name}_" if name in _HOUSE else name for name in words}
    first, *others = analysis.signature.parameters
    of_results = first == _RESULT

    def command(source: Any, job: Job, **given: Any) -> None:
        def arguments() -> dict[str, Any]:
            own = {name: word.read(given[names[name]], source) for name, word in words.items()}
            return own | ({"topology": source.topology} if "topology" in others else {})

        asked = {name: given[names[name]] for name in words}
        run(
            source,
            job,
            lambda trajectory: analysis.function(trajectory, **arguments()),
            view=analysis.view,
            title=lambda result: plain_text(title_of(result, analysis.name, source.names, asked)),
            heading=analysis.name.replace("_", " "),
            asked=asked,
        )

    bundles = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=bundle)
        for name, bundle in (("source", ResultInput if of_results else Input), ("job", Job))
    ]
    own = [
        inspect.Parameter(
            names[name],
            inspect.Parameter.KEYWORD_ONLY,
            default=word.show(analysis.signature.parameters[name].default),
            annotation=word.option,
        )
        for name, word in words.items()
    ]
    command.__signature__ = inspect.Signature([*bundles, *own])  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in [*bundles, *own]}
    command.__name__ = analysis.name
    options = {name: _name_of(word) for name, word in words.items()}
    command.__doc__ = help_page(analysis, said, options)
    return with_bundles(command)


def words_of(analysis: Analysis, said: docstrings.Docstring) -> dict[str, Word]:
    """Return the parameters that are options.

    One that no text of a shell can say keeps its default.
    """
    kinds = annotations_of(analysis.function)
    _, *parameters = analysis.signature.parameters.values()
    # The topology is the one of --top.
    parameters = [one for one in parameters if one.kind not in _MANY and one.name != "topology"]
    # Settings of the forces are told one by one beside a file of them.
    takes_settings = any(one.name == "settings" for one in parameters)
    known = VOCABULARY | FORCE_SETTINGS if takes_settings else VOCABULARY
    options = {one.name: _option_of(one.name, known, str(analysis.command)) for one in parameters}
    words = {}
    for parameter in parameters:
        name = parameter.name
        word = known.get(name)
        if word is not None and word.with_default is not None and parameter.default is not None:
            word = replace(word, option=word.with_default)
        if word is None:
            kind, text = said.parameters.get(name, ("", ""))
            text = docstrings.in_words(docstrings.with_unit(text, kind), options)
            word = word_of(options[name], kinds.get(name, Any), parameter.default, text)
        if word is not None:
            words[name] = word.with_words(words_of_annotation(parameter.annotation))
    return words


def _option_of(name: str, known: Mapping[str, Word], command: str) -> str:
    if name in known:
        return _name_of(known[name])
    dashed = name.strip("_").replace("_", "-")
    # An option of all commands means the same on each: the analysis' own has another name.
    return f"--{command}-{dashed}" if name in _HOUSE else f"--{dashed}"


def help_page(analysis: Analysis, said: docstrings.Docstring, options: dict[str, str]) -> str:
    """Return the text of the help page: what the analysis is, and commands."""
    # What is written in mathematics is for pages that can show it.
    extended = [text for text in said.extended if ":math:" not in text and ".. math" not in text]
    commands = said.commands or (
        (
            "For example:",
            f"gromos-dist {analysis.command} md.xtc --top protein.top -o {analysis.command}.zarr",
        ),
    )
    parts = [docstrings.in_words(text, options) for text in [said.summary, *extended]]
    for text, lines in commands:
        parts.append(docstrings.in_words(text, options))
        parts += ["    " + lines.replace("\n", "\n    ")]
    return "\n\n".join(parts)


def _name_of(word: Word) -> str:
    """Return the long name of an option."""
    (info,) = word.option.__metadata__
    # Where types are annotated, Typer takes the first name for a default.
    names = map(str, (info.default, *(info.param_decls or ())))
    return next(name.split("/")[0] for name in names if name.startswith("--"))

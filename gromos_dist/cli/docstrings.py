"""Docstrings (numpydoc) as help pages: what is said of a function and of its parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

# What is said in Python, and how in a help page. A unit stays, in or out of parentheses.
_PHRASES = (
    (r"\s*\[\d+\]_", ""),
    (r":\w+:`([^`]*)`", r"\1"),
    (r"``([^`]*)``", r"\1"),
    (r"(?:, |; )?\b(\w+) when None\b", r"; \1 if not given"),
    (r"\bwhen None\b", "if not given"),
    (r"\bNone: ", "If not given: "),
)


@dataclass(frozen=True)
class Docstring:
    """What is said of a function."""

    summary: str
    extended: tuple[str, ...] = ()
    """Paragraphs."""
    parameters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Of each its type and what it is, in words."""
    commands: tuple[tuple[str, str], ...] = ()
    """What is said of commands for the shell among the examples, and the commands."""


def parse(text: str | None) -> Docstring:
    """Take a docstring apart.

    Commands are those of literal blocks in the section Examples whose lines begin with
    ``gromos-dist``; lines that a backslash continues are joined.

    Examples
    --------
    >>> found = parse('''Distance of two atoms.
    ...
    ... Parameters
    ... ----------
    ... shift : float
    ...     Added to it, in nm.
    ... ''')
    >>> found.summary, found.parameters["shift"]
    ('Distance of two atoms.', ('float', 'Added to it, in nm.'))
    """
    sections = _sections(inspect.cleandoc(text or ""))
    summary, *extended = _paragraphs(sections[""]) or [""]
    return Docstring(
        " ".join(summary.split()),
        tuple(" ".join(paragraph.split()) for paragraph in extended),
        dict(_entries(sections.get("Parameters", ""))),
        tuple(_commands(sections.get("Examples", ""))),
    )


def in_words(text: str, options: Mapping[str, str]) -> str:
    """Return a text of a docstring as a help page says it: options instead of arguments.

    Parameters
    ----------
    text : str
        In the markup of docstrings.
    options : mapping
        From names of parameters to options.

    Examples
    --------
    >>> in_words("Fitted first; those of `atoms` when None.", {"atoms": "--atoms"})
    'Fitted first; those of --atoms if not given.'
    """
    for pattern, replacement in _PHRASES:
        text = re.sub(pattern, replacement, text)
    return re.sub(r"`([^`]*)`", lambda found: options.get(found[1], found[1]), text).strip()


def with_unit(text: str, kind: str) -> str:
    """Return what a parameter is with the unit that its type names, unless it is said already.

    Examples
    --------
    >>> with_unit("Length of the bins.", "float (nm), optional")
    'Length of the bins. [nm]'
    """
    found = re.search(r"\(([^(),]+)\)|\bin ([\w^-]+(?: [\w^-]*\d)*)", kind)
    unit = next(filter(None, found.groups()), "") if found else ""
    said = not unit or re.search(rf"(?<!\w){re.escape(unit)}(?!\w)", text)
    return text if said else f"{text} [{unit}]".strip()


def _sections(text: str) -> dict[str, str]:
    """Return the text of each section by its title; what comes before has the title ''."""
    lines = text.splitlines()
    begin = [
        i
        for i in range(len(lines) - 1)
        if lines[i] and re.fullmatch(r"-{3,}", lines[i + 1]) and len(lines[i]) == len(lines[i + 1])
    ]
    found = {"": "\n".join(lines[: begin[0] if begin else None])}
    for i, j in pairwise([*begin, len(lines)]):
        found[lines[i]] = "\n".join(lines[i + 2 : j])
    return found


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()]


def _entries(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the names, types and descriptions of parameters; some have several names."""
    for entry in filter(None, re.split(r"\n(?=\S)", text.strip("\n"))):
        head, _, said = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        for name in names.split(","):
            yield name.strip(" *"), (kind.strip(), " ".join(said.split()))


def _commands(text: str) -> Iterator[tuple[str, str]]:
    for said, block in re.findall(r"((?:^\S.*\n)*^\S.*)::\n\n((?:^ +.*\n?)+)", text, re.MULTILINE):
        lines = re.sub(r"(?<=\S) +(\\\n\s*)?", " ", inspect.cleandoc(block))
        if lines.startswith("gromos-dist "):
            yield " ".join(said.split()) + ":", lines

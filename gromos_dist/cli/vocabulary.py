"""What the name of an analysis' parameter means on every command.

A parameter that is not in the vocabulary becomes an option of its own name, whose type is that of
its annotation (`gromos_dist.cli.annotations`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast, get_args

from gromos_dist.cli import options, stores
from gromos_dist.cli.run import Input

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

Groups = dict[str, str] | Literal["residue", "molecule"] | None


def _as_given(value: Any, _: Input) -> Any:
    return value


def _same(value: Any) -> Any:
    return value


def _as_text(value: Any) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True)
class Word:
    """A parameter as an option."""

    option: Any
    """What Typer takes: a type and an option, ``Annotated``."""
    read: Callable[[Any, Input], Any] = _as_given
    """From what was given, and the trajectory's files, to the argument."""
    show: Callable[[Any], Any] = _same
    """From the parameter's default to what the help page shows of it."""
    with_default: Any = None
    """The option where the parameter's default is not None, if its help is another one then."""
    takes_words: bool = False
    """Whether words that the parameter's annotation has are texts of it as well."""

    def with_words(self, words: Sequence[str]) -> Word:
        """Return the option of a parameter that takes some words as they are."""
        if not (self.takes_words and words):
            return self
        kind, info = get_args(self.option)
        shown = copy(info)
        shown.metavar = "|".join([*words, str(info.metavar)])

        def read(given: Any, source: Input) -> Any:
            return given if given in words else self.read(given, source)

        return replace(self, option=Annotated[kind, shown], read=read)


def other_trajectory(path: str | None, source: Input) -> xr.Dataset | None:
    """Open a file as the trajectory's are opened, with the same topology; all its frames."""
    if path is None:
        return None
    return replace(source, files=[path], start=None, stop=None, stride=1).open()


def reference(given: str | None, source: Input) -> int | str | xr.Dataset | None:
    """Return a frame number, or a file: as it is, or its molecules made whole as well."""
    if given is None:
        return None
    if re.fullmatch(r"[+-]?\d+", given):
        return int(given)
    if not source.moves_molecules:
        return given
    first = replace(source, files=[given], whole=True, unwrap=False, start=None, stop=1, stride=1)
    return first.open().isel(frame=0)


def fit(selection: str | None, _: Input) -> str | Literal[False] | None:
    """Return what is fitted: False is no superposition, None the atoms measured."""
    return False if selection is not None and selection.lower() == "none" else selection


def weights(path: str | None, _: Input) -> NDArray[np.float64] | None:
    """Read a number a frame.

    Raises
    ------
    ValueError
        There is none in every line, or the file has several variables.
    """
    import numpy as np

    if path is None:
        return None
    if stores.is_store([path]):
        found = list(stores.open_result(path).data_vars.values())
        if len(found) != 1 or found[0].dims != ("frame",):
            raise ValueError(f"--weights {path}: expected one variable, a number a frame")
        return np.asarray(found[0].values, np.float64)
    lines = (line for line in Path(path).read_text().splitlines() if not line.startswith("#"))
    last = [re.split(r"[,\s]+", line.strip())[-1] for line in lines if line.strip()]
    if last and not _is_number(last[0]):
        del last[0]
    wrong = next((text for text in last if not _is_number(text)), None)
    if wrong is not None:
        raise ValueError(f"--weights {path}: expected a number a frame, found {wrong!r}")
    return np.array(last, np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def named_groups(groups: Sequence[str] | None) -> Groups:
    """Return what ``--groups`` says, as `gromos_dist.forces` takes it.

    A selection without a name is its own name.

    Raises
    ------
    ValueError
        A name is given twice, or beside 'residue' or 'molecule'.

    Examples
    --------
    >>> named_groups(["ligand=resname DRG", "mass > 30"])
    {'ligand': 'resname DRG', 'mass > 30': 'mass > 30'}
    """
    if not groups:
        return None
    if len(groups) == 1 and groups[0] in ("residue", "molecule"):
        return cast('Literal["residue", "molecule"]', groups[0])
    named: dict[str, str] = {}
    for text in groups:
        if text in ("residue", "molecule"):
            raise ValueError(f"--groups {text} stands alone, without other groups")
        # A comparison of a selection has such a sign too, but no name before it.
        found = re.fullmatch(r"\s*([^=<>!]*[^=<>!\s])\s*=(?!=)\s*(.+)", text, re.DOTALL)
        name, selection = found.groups() if found else (text, text)
        if name in named:
            raise ValueError(f"--groups: {name!r} is the name of two groups")
        named[name] = selection
    return named


def pairs_of_sets(given: Sequence[str] | None) -> dict[str, tuple[str, str | None]] | None:
    """Return what ``--sets`` says, as `gromos_dist.rdf` takes it.

    Raises
    ------
    ValueError
        A name is missing, or given twice.

    Examples
    --------
    >>> pairs_of_sets(["O-H=name OW with name HW1 or name HW2", "O-O=name OW"])
    {'O-H': ('name OW', 'name HW1 or name HW2'), 'O-O': ('name OW', None)}
    """
    if not given:
        return None
    named: dict[str, tuple[str, str | None]] = {}
    for text in given:
        name, _, selections = (part.strip() for part in text.partition("="))
        first, *second = re.split(r"\s+with\s+", selections)
        if not name or not first or len(second) > 1:
            raise ValueError(f"--sets: expected NAME=SELECTION with SELECTION, got {text!r}")
        if name in named:
            raise ValueError(f"--sets: {name!r} is the name of two pairs of sets")
        named[name] = (first, second[0] if second else None)
    return named


def tuples(given: Sequence[str]) -> list[list[str | int]]:
    """Return tuples of atoms, which semicolons separate outside of brackets and quotes.

    What begins with ``@`` names a file with one in each line; there numbers may stand without
    semicolons.

    Examples
    --------
    >>> tuples(["0; com of resid 1:5", "va(com;1,2);1:CA"])
    [[0, 'com of resid 1:5'], ['va(com;1,2)', '1:CA']]
    """
    found = []
    for text in given:
        lines = [text]
        if text.startswith("@"):
            written = (line.partition("#")[0] for line in Path(text[1:]).read_text().splitlines())
            lines = [
                line if ";" in line else ";".join(line.split()) for line in written if line.strip()
            ]
        found += [[_number_or_text(part) for part in _between_semicolons(line)] for line in lines]
    return found


def _between_semicolons(text: str) -> list[str]:
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if letter in "\"'":
            quote = "" if letter == quote else quote or letter
        elif not quote:
            depth += (letter in "([{") - (letter in ")]}")
        if letter == ";" and not quote and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _number_or_text(text: str) -> str | int:
    return int(text) if re.fullmatch(r"\d+", text) else text


VOCABULARY: Final = MappingProxyType(
    {
        "atoms": Word(options.Atoms, with_default=options.AtomsWithDefault),
        "fit": Word(options.Fit, fit),
        "mass_weighted": Word(options.MassWeighted),
        "sets": Word(options.Sets, lambda given, _: pairs_of_sets(given)),
        "groups": Word(options.Groups, lambda given, _: named_groups(given)),
        "settings": Word(options.Settings),
        "between": Word(options.Between),
        "pairs": Word(options.Pairs, lambda given, _: tuples(given) if given else None),
        "triples": Word(options.Triples, lambda given, _: tuples(given)),
        "quadruples": Word(options.Quadruples, lambda given, _: tuples(given)),
        "reference": Word(options.Reference, reference, show=_as_text, takes_words=True),
        "weights": Word(options.Weights, weights),
    }
)

FORCE_SETTINGS: Final = MappingProxyType(
    {name: Word(option) for name, option in options.FORCE_SETTINGS.items()}
)
"""What the settings of the forces mean beside `settings`."""

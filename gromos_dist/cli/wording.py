"""What the library says, in the words of the command line.

The library speaks of arguments and calls; who gave options has to hear of options.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

# Ways out that a command does not have, and calls that are options there. The others follow from
# the names, which arguments and options share.
_PHRASES = (
    (r"(?:gd\.)?open_trajectory\(\.\.\., ([^()]*)\)", r"\1"),
    (r"; on the command line --whole\. \(attrs\[.*?\)$", "."),
    (r"gd\.unwrap\(ds\); on the command line --unwrap\. If .*?\)\.$", "--unwrap."),
    (r"; ds\.assign_coords\(.*?\) sets it", ""),
    (r"(?:gd\.)?make_whole\([^()]*\)|(?<=\bwith )(?:gd\.)?make_whole\b", "--whole"),
    (r"^make_whole:", "--whole:"),
    (r"\(GROMOS, PSF, TPR\), or open the trajectory with one that names atoms and residues, so "
     r"that bonds can be guessed \(guess_bonds=\"auto\"\)",
     "or names atoms and residues, so that bonds can be guessed, with --top (a GROMOS .top, PSF, "
     "TPR, GRO or PDB)"),
    (r"; engine='chemfiles' reads (?:many others|those of Amber)", ""),
    (r"(?:gd\.)?open_energies reads it", "'gromos-dist energies' reads it"),
    (r"(?:gd\.)?open_store\([^()]*\) opens it", "'gromos-dist info' tells what is in it"),
    (r"Make the call that began it again, or pass allow_unfinished=True", "Give the command that "
     "began it again"),
    (r",? or assign the coordinate 'mass'(?: \(atom,\) in u)?", ""),
    (r"open the trajectory with a topology", "give a topology with --top"),
    (r"give it as the argument 'topology', or open the trajectory with that of a file \(.*?\)",
     "give one with --top"),
    (r"open the trajectory without 'atoms', and select from the forces", "leave --atoms out"),
    (r"name them with groups=\{.*?\}", "name them with --groups NAME=SELECTION"),
    (r"\bpass (?=\w+=)", "give "),
)  # fmt: skip


def in_options(text: str, options: Mapping[str, str]) -> str:
    """Return what the library says about arguments as said about options.

    Parameters
    ----------
    text : str
        A message.
    options : mapping
        From names of arguments to options.

    Examples
    --------
    >>> options = {"overwrite": "--overwrite", "on_truncated": "--on-truncated"}
    >>> in_options("a.csv exists; pass overwrite=True or choose another path", options)
    'a.csv exists; give --overwrite or choose another path'
    >>> in_options("on_truncated='drop' reads the 3 before it", options)
    '--on-truncated drop reads the 3 before it'
    """
    for pattern, replacement in _PHRASES:
        text = re.sub(pattern, replacement, text)
    names = "|".join(map(re.escape, sorted(options, key=len, reverse=True)))
    if not names:
        return text

    def with_value(found: re.Match[str]) -> str:
        return _option(options[found["name"]], found["value"])

    value = r"'(?:[^'\\]|\\.)*'|[-+]?[\w.]*\w"
    text = re.sub(rf"(?<![\w.'-])(?P<name>{names})=(?P<value>{value})", with_value, text)
    return re.sub(
        rf"^(?P<name>{names})(?=: )|'(?P<quoted>{names})'(?= out\b)",
        lambda found: options[found["name"] or found["quoted"]],
        text,
        flags=re.MULTILINE,
    )


def _option(option: str, value: str) -> str:
    if value == "True":
        return option
    if value == "False":
        return option.replace("--", "--no-", 1)
    return f"{option} {shlex.quote(value[1:-1]) if value[0] == chr(39) else value}"

"""The language of GROMOS, its atom specifiers: ``1:res(3-5:CA,N);2:a`` and ``va(com,1:a)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from gromos_dist.selection.syntax import Place, Token, Tokens
from gromos_dist.selection.tree import (
    And,
    Between,
    Centre,
    Everything,
    Exactly,
    InOrder,
    Like,
    Not,
    Or,
    Point,
    Specified,
    Test,
    Tree,
    VirtualAtom,
)
from gromos_dist.selection.virtual_atoms import KINDS_OF_SITES

PREFIX: Final = "gromos:"
"""What an expression can begin with, to say which language it is of."""

_MOLECULES = r"(?:[as]|\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*):"
# The words `not` and `no` are other languages' too: what follows tells.
_BEGINNING = re.compile(
    rf"[\s;]*(?:{PREFIX}|(?:not\(\s*)*(?:{_MOLECULES}|va\(|file\(|minus\()|no(?:[\s;]|$))"
)
# In between, these are words of the other language, which may have specifiers as its parts.
_OF_WORDS = re.compile(r'"[^"]*"|\s(and|or)\s', re.IGNORECASE)
ONE_SPECIFIER: Final = rf'{_MOLECULES}(?:res\([^()]*\)|[^\s()"<>=!;]+)'
"""A specifier as a part of another language."""
_TOKEN = re.compile(r'"[^"]*"|[;:,()]|[^\s;:,()"]+')
_UNCLOSED = {'"': "this quote is not closed"}
_MOST_DIGITS = 18  # of an integer of 64 bits

_CENTRES = {"cog": False, "-1": False, "com": True, "-2": True}


def is_gromos(expression: str) -> bool:
    """Tell whether an expression is of this language.

    No other begins so, but that specifiers can be parts of the boolean language.

    Examples
    --------
    >>> from gromos_dist.selection.gromos import is_gromos
    >>> [is_gromos(text) for text in ("1:CA", "not(a:C) 1:a", "not (name C)", "1:CA and protein")]
    [True, True, False, False]
    """
    begin = _BEGINNING.match(expression)
    if begin is None or PREFIX in begin.group():
        return begin is not None
    return not any(found.group(1) for found in _OF_WORDS.finditer(expression))


def files_in(expression: object) -> list[str]:
    """Return the paths of the files that an expression takes atoms from; none of what is no text.

    Examples
    --------
    >>> from gromos_dist.selection.gromos import files_in
    >>> files_in("1:CA;file(ca.spec)"), files_in("name CA")
    (['ca.spec'], [])
    """
    if not isinstance(expression, str) or "file(" not in expression or not is_gromos(expression):
        return []
    tokens, paths = _tokens_of(expression), []
    while token := tokens.peek():
        if token.text == "file":
            paths.append(_path(tokens))
        else:
            tokens.take()
    return paths


def parse_part(part: Place) -> Tree:
    """Return the atoms that a specifier means which is a part of another expression.

    Raises
    ------
    SelectionError
        It cannot be read; a caret shows where.
    """
    stop = part.start + len(part.text)
    return _atoms_alone(_read(Tokens(part.expression, _TOKEN, _UNCLOSED, part.start, stop)))


def parse(expression: str) -> Tree:
    """Return the atoms that an expression means; `select` describes the language.

    Raises
    ------
    SelectionError
        It cannot be read, or has virtual atoms; a caret shows where.

    Examples
    --------
    >>> from gromos_dist.selection.gromos import parse
    >>> parse("1:CA")
    Specified(molecules=(Between(first=1, last=1),), residues=None, atoms=(Exactly(text='CA'),))
    """
    return _atoms_alone(_read(_tokens_of(expression)))


def parse_points(expression: str) -> tuple[Point, ...]:
    """Return the points that an expression means: atoms, and virtual atoms.

    Raises
    ------
    SelectionError
        It cannot be read; a caret shows where.

    Examples
    --------
    >>> from gromos_dist.selection.gromos import parse_points
    >>> [type(point).__name__ for point in parse_points("1:CA;va(cog,1:res(2:a))")]
    ['Specified', 'Centre']
    """
    points: list[Point] = []
    atoms: list[Tree] = []
    for item in _read(_tokens_of(expression)):
        if isinstance(item, Centre | VirtualAtom):
            points += [*([_together(atoms)] if atoms else []), item]
            atoms = []
        else:
            atoms.append(item)
    return (*points, *([_together(atoms)] if atoms or not points else []))


def _tokens_of(expression: str) -> Tokens:
    begin = re.match(rf"\s*{PREFIX}", expression)
    return Tokens(expression, _TOKEN, _UNCLOSED, begin.end() if begin else 0)


def _read(tokens: Tokens) -> list[Point]:
    items = _items(tokens)
    token = tokens.peek()
    if token:
        raise token.error(f"expected ';' or the end, found {token.text!r}")
    return items


def _items(tokens: Tokens) -> list[Point]:
    """Take what is specified, without what is left out again, up to a parenthesis or the end."""
    items: list[Point] = []
    of_solvent: list[Specified] = []
    never: list[Tree] = []
    first = tokens.peek()
    while (token := tokens.peek()) and token.text != ")":
        if tokens.accept(";"):
            continue
        match token.text:
            case "no":
                tokens.take()
            case "not":
                never.append(_within_parentheses(tokens))
            case "minus":
                left_out = _within_parentheses(tokens)
                items = [_without(item, left_out) for item in items]
            case "va":
                items.append(_virtual_atom(tokens))
            case "file":
                items += _of_file(tokens)
            case _:
                one = _specified(tokens)
                named = one.molecules == "s" and not any(isinstance(a, Between) for a in one.atoms)
                (of_solvent if named else items).append(one)
    if first is None:
        raise tokens.error("expected an atom specifier such as 1:CA, found the end")
    if never and not items and not of_solvent:
        raise first.error(
            "not(...) leaves atoms out of what else is specified, and nothing is; all others are "
            "a:a;s:a;not(...)"
        )
    if of_solvent:
        # Named atoms of the solvent come last, molecule by molecule.
        atoms = tuple(dict.fromkeys(atom for one in of_solvent for atom in one.atoms))
        items.append(Specified("s", None, atoms, at=of_solvent[0].at))
    return [_without(item, Or(tuple(never))) for item in items] if never else items


def _without(item: Point, left_out: Tree) -> Point:
    return item if isinstance(item, Centre | VirtualAtom) else And((item, Not(left_out)))


def _together(items: list[Tree]) -> Tree:
    if not items:
        return Not(Everything())
    return InOrder(tuple(items)) if len(items) > 1 else items[0]


def _atoms_alone(items: Iterable[Point]) -> Tree:
    atoms: list[Tree] = []
    for item in items:
        if isinstance(item, Centre | VirtualAtom):
            assert item.at is not None, "what is read from a text has a place"
            raise item.at.error(
                "a virtual atom is a point, and here atoms are needed; points are taken by "
                "distances, angles and the like"
            )
        atoms.append(item)
    return _together(atoms)


def _within_parentheses(tokens: Tokens) -> Tree:
    keyword = tokens.take()
    _expect(tokens, "(", f"expected '(': {keyword.text}(1:CA)")
    try:
        tree = _atoms_alone(_items(tokens))
    except RecursionError:
        raise keyword.error("too many parentheses within each other") from None
    _expect(tokens, ")", "expected ')'")
    return tree


def _expect(tokens: Tokens, text: str, message: str) -> None:
    if not tokens.accept(text):
        raise tokens.error(message)


def _virtual_atom(tokens: Tokens) -> Centre | VirtualAtom:
    keyword = tokens.take()
    _expect(tokens, "(", "expected '(': va(com,1:a)")
    kind = tokens.peek()
    known = (*_CENTRES, "0", *map(str, KINDS_OF_SITES))
    if kind is None or kind.text not in known:
        raise tokens.error(f"expected the type of a virtual atom: {', '.join(known)}")
    tokens.take()
    _expect(tokens, ",", f"expected ',': va({kind.text},1:a)")
    of = _atoms_alone(_items(tokens))
    end = tokens.peek()
    _expect(tokens, ")", "expected ')'")
    assert end is not None, "it was accepted"
    text = end.place.expression[keyword.place.start : end.place.start + 1]
    label = re.sub(r"\s+", " ", text)
    if kind.text in _CENTRES:
        return Centre(of, _CENTRES[kind.text], label, at=keyword.place)
    return VirtualAtom(int(kind.text), of, label, at=keyword.place)


def _specified(tokens: Tokens) -> Specified:
    start = tokens.take()
    molecules = _molecules(start, tokens)
    _expect(tokens, ":", "expected ':' between molecules and atoms, as in 1:CA")
    token = tokens.peek()
    residues = None
    if token and token.text == "res":
        tokens.take()
        if molecules == "s":
            raise token.error("the solvent has no residues: s:OW")
        _expect(tokens, "(", "expected '(': 1:res(3-5:CA)")
        residues = _list(tokens, "a residue: a number, a range such as 3-5, or a name", _test)
        _expect(tokens, ":", "expected ':' between residues and atoms, as in 1:res(3-5:CA)")
        atoms = _list(tokens, "an atom: a number, a name, or a for all", _atom_of_residue)
        _expect(tokens, ")", "expected ')'")
    else:
        atoms = _list(tokens, "an atom: a number, a range such as 3-5, a name, or a for all", _test)
    return Specified(molecules, residues, atoms, at=start.place)


def _molecules(token: Token, tokens: Tokens) -> tuple[Between, ...] | str:
    if token.text in ("a", "s"):
        return token.text
    found = [_number_of_molecule(token)]
    while tokens.accept(","):
        following = tokens.peek()
        if following is None:
            raise tokens.error("expected the number of a molecule")
        found.append(_number_of_molecule(tokens.take()))
    return tuple(found)


def _number_of_molecule(token: Token) -> Between:
    found = _range(token)
    if found is None:
        raise token.error(
            f"expected molecules: a number, a range such as 2-5, a for the solute, s for the "
            f"solvent, or va(...), not(...), minus(...), file(...), no; found {token.text!r}"
        )
    return found


def _list(
    tokens: Tokens, expected: str, read: Callable[[Token], Test | None]
) -> tuple[Test | None, ...]:
    found = []
    while True:
        token = tokens.peek()
        if token is None or token.text in (";", ":", ",", "(", ")"):
            raise tokens.error(f"expected {expected}")
        found.append(read(tokens.take()))
        if not tokens.accept(","):
            return tuple(found)


def _test(token: Token) -> Test | None:
    """Return what an atom or residue has to be; None: any."""
    text = token.text
    if text == "a":
        return None
    if text.startswith('"'):
        return Exactly(text.strip('"'))
    found = _range(token)
    if found is not None:
        return found
    if re.match(r"-|\d+-", text):
        raise token.error(
            f"expected a number, a range such as 3-5, or a name, found {text!r}; a name that looks "
            "like a range goes in quotes"
        )
    if "?" in text:
        # It ends the name: any text may follow.
        return Like(text.split("?")[0] + "*")
    return Like(text) if "*" in text else Exactly(text)


def _atom_of_residue(token: Token) -> Test | None:
    found = _test(token)
    if isinstance(found, Between) and found.first != found.last:
        raise token.error("within res() there are single atoms, no ranges: 1:res(3:1,2,3)")
    return found


def _range(token: Token) -> Between | None:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", token.text)
    if match is None:
        return None
    if max(map(len, re.findall(r"\d+", token.text))) > _MOST_DIGITS:
        raise token.error(f"expected a number of at most {_MOST_DIGITS} digits")
    first = int(match.group(1))
    last = int(match.group(2)) if match.group(2) else first
    if last < first:
        raise token.error(f"the range ends before it begins; write {last}-{first}")
    if first < 1:
        raise token.error("molecules, residues and atoms count from 1")
    return Between(first, last)


def _of_file(tokens: Tokens) -> list[Specified]:
    keyword = tokens.peek()
    assert keyword is not None, "the caller looks"
    found: list[Specified] = []
    for molecule, atoms in _runs(_atoms_of_file(_path(tokens), keyword.place)):
        found.append(Specified(molecule, None, (atoms,), at=keyword.place))
    return found


_Molecules = tuple[Between, ...] | str


def _runs(atoms: Iterable[tuple[_Molecules, int]]) -> Iterator[tuple[_Molecules, Between]]:
    """Go through atoms of which each that follows the one before is taken together with it."""
    molecule: _Molecules | None = None
    first = last = 0
    for of, atom in atoms:
        if of == molecule and atom == last + 1:
            last = atom
            continue
        if molecule is not None:
            yield molecule, Between(first, last)
        molecule, first, last = of, atom, atom
    if molecule is not None:
        yield molecule, Between(first, last)


def _path(tokens: Tokens) -> str:
    tokens.take()
    _expect(tokens, "(", "expected '(': file(atoms.spec)")
    start = tokens.peek()
    while (token := tokens.peek()) and token.text != ")":
        tokens.take()
    if start is None or token is None or token is start:
        raise tokens.error("expected the name of a file and ')': file(atoms.spec)")
    tokens.take()
    return start.place.expression[start.place.start : token.place.start].strip().strip('"')


def _text_of(path: Path) -> str:
    # Devices and pipes may have no end.
    if path.exists() and not path.is_file():
        raise OSError("it is no regular file")
    return path.read_text(encoding="utf-8")


def _atoms_of_file(path: str, place: Place) -> Iterable[tuple[tuple[Between, ...] | str, int]]:
    """Go through the block ATOMS of a file that gromos++'s atominfo has written."""
    try:
        lines = _text_of(Path(path)).splitlines()
    except (OSError, ValueError) as error:
        raise place.error(f"file({path}) cannot be read: {error}") from None
    inside = False
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if not inside:
            inside = words == ["ATOMS"]
            continue
        if words == ["END"]:
            return
        match = re.fullmatch(r"(s|[1-9]\d{0,17}):([1-9]\d{0,17})", words[0])
        if match is None:
            raise place.error(
                f"{path}, line {number}: expected a molecule and an atom, such as 1:5 or s:5, "
                f"found {words[0]!r}"
            )
        molecule = match.group(1)
        yield (
            "s" if molecule == "s" else (Between(int(molecule), int(molecule)),),
            int(match.group(2)),
        )
    missing = "END" if inside else "ATOMS"
    raise place.error(f"{path}: expected a block ATOMS, up to a line END; there is no {missing}")

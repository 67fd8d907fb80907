"""The boolean language: ``protein and not (name H* or resid 1:10)``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, cast

from gromos_dist.selection.kinds import KINDS
from gromos_dist.selection.known_atoms import INTEGERS, PROPERTIES, REALS, TEXTS
from gromos_dist.selection.syntax import Token, Tokens, did_you_mean
from gromos_dist.selection.tree import (
    RESIDUE,
    And,
    Between,
    Bonded,
    Centre,
    Compared,
    Everything,
    Exactly,
    Kind,
    Like,
    Matching,
    Not,
    Operator,
    Or,
    Property,
    Region,
    Same,
    Sphere,
    Test,
    Tree,
    Within,
)

_OPERATORS = ("and", "or", "not")
_RELATIONS = ("byres", "same", "bonded", "within", "around", "sphere", "box")
WORDS: Final = (*TEXTS, *INTEGERS, *REALS, "all", *KINDS, *_OPERATORS, *_RELATIONS)
"""The words that a selection can begin with, and those between selections."""

# Names too, in capitals: `resname ION`, `segid HEAVY` and the like take no quotes.
_NAMES_TOO = frozenset({"charge", "sidechain", "lipid", "ion", "heavy", "hydrogen", *_RELATIONS})
_OF_COORDINATES = {coord: word for word, coord in PROPERTIES.items()}
_LABELS = (RESIDUE, *TEXTS, "resid", "molecule")
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

_TOKEN = re.compile(r'"[^"]*"|/(?:[^/\\]|\\.)*/|[()]|[<>=!]=?|[^\s()"<>=!/][^\s()"<>=!]*')
_UNCLOSED = {
    '"': "this quote is not closed",
    "/": "this regular expression is not closed: it ends with /; a name with / goes in quotes",
}
_INTEGER_RANGE = re.compile(r"(-?\d+)(?:[:-](-?\d+))?")
_MOST_DIGITS = 18  # of an integer of 64 bits
_REAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_REAL_RANGE = re.compile(f"({_REAL})(?:[:-]({_REAL}))?")


def parse(expression: str) -> Tree:
    """Return what an expression of the boolean language means; `select` describes the language.

    Raises
    ------
    SelectionError
        It cannot be read; a caret shows where.

    Examples
    --------
    >>> from gromos_dist.selection.words import parse
    >>> parse("water and not name HW*")
    And(parts=(Kind(name='water'), Not(of=Property(name='name', tests=(Like(pattern='HW*'),)))))
    """
    tokens = Tokens(expression, _TOKEN, _UNCLOSED)
    tree = _or(tokens)
    _expect_end(tokens)
    return tree


def parse_points(expression: str) -> tuple[Tree | Centre, ...]:
    """Return the points that an expression means: ``com of X``, ``cog of X``, or atoms.

    Raises
    ------
    SelectionError
        It cannot be read; a caret shows where.

    Examples
    --------
    >>> from gromos_dist.selection.words import parse_points
    >>> parse_points("com of protein")
    (Centre(of=Kind(name='protein'), mass_weighted=True, label='com of protein'),)
    """
    tokens = Tokens(expression, _TOKEN, _UNCLOSED)
    word = tokens.accept("com", "cog")
    if word is None:
        return (parse(expression),)
    tokens.accept("of")
    of = _or(tokens)
    _expect_end(tokens)
    label = " ".join(expression.split())
    return (Centre(of, word.text.lower() == "com", label, at=word.place),)


def _expect_end(tokens: Tokens) -> None:
    token = tokens.peek()
    if token:
        hint = "" if _word(token) or token.text in "()" else did_you_mean(token.text, WORDS)
        raise token.error(f"expected 'and', 'or' or the end, found {token.text!r}{hint}")


def _word(token: Token) -> str:
    """Return the word that a token is, whatever its case; empty when it is none."""
    lower = token.text.lower()
    return lower if lower in WORDS else ""


def _or(tokens: Tokens) -> Tree:
    parts = [_and(tokens)]
    while tokens.accept("or"):
        parts.append(_and(tokens))
    return Or(tuple(parts)) if len(parts) > 1 else parts[0]


def _and(tokens: Tokens) -> Tree:
    parts = [_not(tokens)]
    while tokens.accept("and"):
        parts.append(_not(tokens))
    return And(tuple(parts)) if len(parts) > 1 else parts[0]


def _not(tokens: Tokens) -> Tree:
    # Counted, not nested, so that no expression is too deep.
    negated = False
    while tokens.accept("not"):
        negated = not negated
    tree = _primary(tokens)
    return Not(tree) if negated else tree


def _primary(tokens: Tokens) -> Tree:
    token = tokens.peek()
    if token is None:
        raise tokens.error(f"expected a selection, found the end; known words: {', '.join(WORDS)}")
    tokens.take()
    word = _word(token)
    try:
        if token.text == "(":
            tree = _or(tokens)
            if not tokens.accept(")"):
                raise tokens.error("expected ')'")
            return tree
        if word in _READERS:
            return _READERS[word](token, tokens)
    except RecursionError:
        raise token.error("too many parentheses or words within each other") from None
    if word or token.text == ")":
        raise token.error(f"expected a selection, found {token.text!r}")
    raise token.error(
        f"unknown word {token.text!r}{_instead_of(token.text.lower())}; known words: "
        f"{', '.join(WORDS)}"
    )


def _instead_of(text: str) -> str:
    """Return the end of a message: the word of a coordinate, or words that are much like a text."""
    if text in _OF_COORDINATES:
        return f"; the word for the coordinate {text!r} is {_OF_COORDINATES[text]!r}"
    return did_you_mean(text, WORDS)


def _values(tokens: Tokens) -> list[Token]:
    """Take the tokens up to the next word or sign."""
    taken = []
    while (token := tokens.peek()) and not _ends_values(token):
        taken.append(tokens.take())
    return taken


def _ends_values(token: Token) -> bool:
    word = _word(token)
    is_word = bool(word) and (word not in _NAMES_TOO or token.text == word)
    return is_word or token.text[0] in "()<>=!"


def _texts(keyword: Token, tokens: Tokens) -> Tree:
    wanted = _values(tokens)
    word = _word(keyword)
    if not wanted:
        raise tokens.error(
            f"expected names after {keyword.text!r}; a name that is also a word of the "
            f'language goes in quotes: {word} "ALL"'
        )
    return Property(word, tuple(_text(token) for token in wanted), at=keyword.place)


def _text(token: Token) -> Test:
    text = token.text
    if text.startswith('"'):
        return Exactly(text.strip('"'))
    if text.startswith("/"):
        try:
            re.compile(text[1:-1])
        except (re.error, OverflowError, RecursionError) as error:
            raise token.error(f"this is no regular expression: {error}") from None
        return Matching(text[1:-1])
    return Like(text) if set(text) & set("*?") else Exactly(text)


def _numbers(keyword: Token, tokens: Tokens) -> Tree:
    word = _word(keyword)
    comparison = tokens.accept(*_COMPARISONS)
    tests: tuple[Test, ...]
    if comparison:
        tests = (Compared(cast(Operator, comparison.text), _number(tokens, "a number")),)
    else:
        ranges = _values(tokens)
        if not ranges:
            raise tokens.error(
                f"expected numbers, ranges (1:10) or a comparison after {keyword.text!r}"
            )
        of_integers = word in INTEGERS
        tests = tuple(_between(token, of_integers) for token in ranges)
    return Property(word, tests, at=keyword.place)


def _number(tokens: Tokens, expected: str) -> float:
    token = tokens.peek()
    if token is None or not re.fullmatch(_REAL, token.text):
        raise tokens.error(f"expected {expected}")
    return float(tokens.take().text)


def _between(token: Token, of_integers: bool) -> Between:
    match = (_INTEGER_RANGE if of_integers else _REAL_RANGE).fullmatch(token.text)
    if match is None:
        kind = "an integer or a range like 1:10" if of_integers else "a number or a range"
        hint = did_you_mean(token.text.lower(), WORDS)
        raise token.error(f"expected {kind}, found {token.text!r}{hint}")
    if of_integers and max(map(len, re.findall(r"\d+", token.text))) > _MOST_DIGITS:
        raise token.error(f"expected a number of at most {_MOST_DIGITS} digits")
    convert: Callable[[str], float] = int if of_integers else float
    first = convert(match.group(1))
    last = convert(match.group(2)) if match.group(2) else first
    if last < first:
        raise token.error(f"the range ends before it begins; write {last}:{first}")
    return Between(first, last)


def _same(keyword: Token, tokens: Tokens) -> Tree:
    label = tokens.accept(*_LABELS)
    if label is None:
        raise tokens.error(f"expected what is the same: {', '.join(_LABELS)}")
    if not tokens.accept("as"):
        raise tokens.error(f"expected 'as': {keyword.text} {label.text} as (...)")
    return Same(label.text.lower(), _not(tokens), at=keyword.place)


def _bonded(keyword: Token, tokens: Tokens) -> Tree:
    tokens.accept("to")
    return Bonded(_not(tokens), at=keyword.place)


def _distance(keyword: Token, tokens: Tokens) -> float:
    start = tokens.peek()
    distance = _number(tokens, f"a distance in nm after {keyword.text!r}")
    if start and distance < 0:
        raise start.error("expected a distance of 0 nm or more")
    return distance


def _within(keyword: Token, tokens: Tokens) -> Within:
    distance = _distance(keyword, tokens)
    tokens.accept("of")
    return Within(distance, _not(tokens), at=keyword.place)


def _around(keyword: Token, tokens: Tokens) -> Tree:
    within = _within(keyword, tokens)
    return And((within, Not(within.of)))


def _sphere(keyword: Token, tokens: Tokens) -> Tree:
    radius = _distance(keyword, tokens)
    if tokens.accept("at"):
        x, y, z = (_number(tokens, "three coordinates in nm, x y z") for _ in range(3))
        return Sphere(radius, (x, y, z), at=keyword.place)
    tokens.accept("of")
    return Sphere(radius, _not(tokens), at=keyword.place)


def _box(keyword: Token, tokens: Tokens) -> Tree:
    sides = [_between(token, of_integers=False) for token in _values(tokens)]
    if len(sides) != 3:
        raise tokens.error(f"expected three ranges in nm: {keyword.text} 0:1 0:1 0:1")
    x, y, z = sides
    return Region((x.first, y.first, z.first), (x.last, y.last, z.last), at=keyword.place)


_READERS: dict[str, Callable[[Token, Tokens], Tree]] = {
    **dict.fromkeys(TEXTS, _texts),
    **dict.fromkeys((*INTEGERS, *REALS), _numbers),
    "all": lambda keyword, _: Everything(at=keyword.place),
    **dict.fromkeys(KINDS, lambda keyword, _: Kind(_word(keyword), at=keyword.place)),
    "byres": lambda keyword, tokens: Same(RESIDUE, _not(tokens), at=keyword.place),
    "same": _same,
    "bonded": _bonded,
    "within": _within,
    "around": _around,
    "sphere": _sphere,
    "box": _box,
}
"""What reads on behind each word."""

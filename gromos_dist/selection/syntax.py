"""The text of a selection: its tokens, and messages with a caret under the one they speak of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gromos_dist.errors import SelectionError


@dataclass(frozen=True)
class Place:
    """Where in an expression something is said, for messages."""

    expression: str
    start: int
    text: str = ""
    """What stands there."""

    def error(self, message: str) -> SelectionError:
        """Return an error that shows the expression, with a caret under this place."""
        # Line breaks and tabs would move the caret away from its place.
        shown = re.sub(r"\s", " ", self.expression)
        return SelectionError(f"{message}\n  {shown}\n  {' ' * self.start}^")


@dataclass(frozen=True)
class Token:
    """A word, a number, a name or a sign of an expression."""

    text: str
    place: Place

    def error(self, message: str) -> SelectionError:
        """Return an error with a caret under this token."""
        return self.place.error(message)


class Tokens:
    """The tokens of an expression, taken from left to right.

    Parameters
    ----------
    expression : str
        The text.
    pattern : re.Pattern
        What a token is; between tokens there may be white space.
    unclosed : mapping of str to str
        The signs that have to be closed, and the message where one is not.
    start, stop : int
        Where to begin, and where to end; None is the end.

    Raises
    ------
    SelectionError
        A sign is not closed.
    """

    def __init__(
        self,
        expression: str,
        pattern: re.Pattern[str],
        unclosed: Mapping[str, str],
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        self._expression = expression
        self._tokens: list[Token] = []
        self._next = 0
        self._stop = len(expression) if stop is None else stop
        while start < self._stop:
            if expression[start].isspace():
                start += 1
                continue
            match = pattern.match(expression, start, self._stop)
            if match is None:
                raise Place(expression, start).error(unclosed[expression[start]])
            self._tokens.append(Token(match.group(), Place(expression, start, match.group())))
            start = match.end()

    def peek(self) -> Token | None:
        """Return the next token, None at the end."""
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def accept(self, *texts: str) -> Token | None:
        """Take the next token if it is one of some texts, in any case."""
        token = self.peek()
        return self.take() if token and token.text.lower() in texts else None

    def take(self) -> Token:
        """Take the next token; there is one."""
        token = self._tokens[self._next]
        self._next += 1
        return token

    def error(self, message: str) -> SelectionError:
        """Return an error with a caret under the next token, or behind the last."""
        token = self.peek()
        end = Place(self._expression, self._stop)
        return (token.place if token else end).error(message)


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return the end of a message: which known words are much like a text, if any are."""
    known = list(known)
    near = difflib.get_close_matches(text, known) or [
        name for name in known if name.lower() == text.lower()
    ]
    return f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""

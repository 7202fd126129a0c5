"""The Liberty format: text to a tree of groups, and boolean functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["Group", "LibraryError", "evaluate", "parse_liberty"]

# Tables of delay and power fill most of a real file: `values (...)` goes by as one token.
TOKEN = re.compile(
    r"""(?P<skip>\s+|/\*.*?\*/|//[^\n]*|\\\r?\n|\bvalues\s*\([^)]*\)\s*;?)
      |(?P<string>"(?:[^"\\]|\\.)*")
      |(?P<mark>[{}();:,])
      |(?P<word>[^\s{}();:,"]+)""",
    re.VERBOSE | re.DOTALL,
)


class LibraryError(ValueError):
    """A Liberty file that cannot be read or lacks a cell that every design needs; the message names the file."""


@dataclass
class Group:
    """``kind (args) { attributes groups }``."""

    kind: str
    args: list[str]
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def all(self, kind: str) -> list[Group]:
        """The groups of one kind directly inside."""
        return [group for group in self.groups if group.kind == kind]


def parse_liberty(text: str, source: str) -> Group:
    """The library group of Liberty ``text``; ``source`` names it in errors. Groups nobody asks for are left out.

    Raises:
        LibraryError: the text is not valid Liberty; the message names source and line.
    """
    return _Parser(text, source).parse()


def evaluate(function: str, values: Mapping[str, bool]) -> bool:
    """Value of a Liberty boolean function of the pins in ``values``.

    Raises:
        KeyError: there is no function, or it reads something else.
        ValueError: it is not well formed.
    """
    return _Function(function, values).evaluate()


class _Function:
    """A Liberty boolean function: ``!a`` or ``a'``, then ``^``, then ``a*b``, ``a&b``, ``a b``, then ``+`` or ``|``."""

    def __init__(self, text: str, values: Mapping[str, bool]) -> None:
        self.tokens = re.findall(r"[A-Za-z0-9_\[\].$]+|\S", text)
        self.values = values

    def evaluate(self) -> bool:
        if not self.tokens:
            raise KeyError("no function")
        value = self._either()
        if self.tokens:
            raise ValueError(self.tokens[0])
        return value

    def _next_in(self, marks: str) -> bool:
        return bool(self.tokens) and self.tokens[0] in marks

    def _either(self) -> bool:
        value = self._both()
        while self._next_in("+|"):
            self.tokens.pop(0)
            other = self._both()
            value = value or other
        return value

    def _both(self) -> bool:
        value = self._differ()
        while self.tokens and not self._next_in("+|)"):
            if self._next_in("*&"):
                self.tokens.pop(0)
            other = self._differ()
            value = value and other
        return value

    def _differ(self) -> bool:
        value = self._single()
        while self._next_in("^"):
            self.tokens.pop(0)
            other = self._single()
            value = value != other
        return value

    def _single(self) -> bool:
        if not self.tokens:
            raise ValueError("ends early")
        token = self.tokens.pop(0)
        if token == "!":
            return not self._single()
        if token == "(":
            value = self._either()
            if not self._next_in(")"):
                raise ValueError("unbalanced")
            self.tokens.pop(0)
        elif token in ("0", "1"):
            value = token == "1"
        elif re.match(r"\w", token):
            value = self.values[token]
        else:
            raise ValueError(token)
        while self._next_in("'"):
            self.tokens.pop(0)
            value = not value
        return value


class _Parser:
    """Liberty text -> tree of the groups that matter; what lies in other groups is passed over."""

    KEPT = frozenset({"library", "cell", "pin", "ff", "latch", "statetable"})

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.position = 0
        self.held: str | None = None
        self.on_new_line = False
        self.tokens = self._tokens()

    def _tokens(self) -> Iterator[str]:
        position, end = 0, len(self.text)
        while position < end:
            match = TOKEN.match(self.text, position)
            if match is None:
                self.position = position
                raise self._error(f"unexpected {self.text[position : position + 20]!r}")
            start, position = position, match.end()
            if match.lastgroup == "skip":
                self.on_new_line |= not match.group().startswith("\\") and "\n" in match.group()
                continue
            self.position = start
            yield match.group()[1:-1].strip() or " " if match.lastgroup == "string" else match.group()
            self.on_new_line = False

    def _error(self, what: str) -> LibraryError:
        line = self.text.count("\n", 0, self.position) + 1
        return LibraryError(f"{self.source}, line {line}: not a valid Liberty file: {what}")

    def _take(self) -> str:
        if self.held is not None:
            token, self.held = self.held, None
            return token
        for token in self.tokens:
            return token
        self.position = len(self.text)
        raise self._error("it ends inside a group")

    def parse(self) -> Group:
        """The library group."""
        first = next(self.tokens, None)
        if first != "library":
            raise self._error("it does not start with 'library'" if first else "it is empty")
        statement = self._statement(first)
        if not isinstance(statement, Group):
            raise self._error("'library' is not a group")
        return statement

    def _arguments(self) -> list[str]:
        args = []
        while (token := self._take()) != ")":
            if token in "{};":
                raise self._error(f"{token!r} inside parentheses")
            if token not in ",:":
                args.append(token)
        return args

    def _statement(self, name: str) -> Group | tuple[str, str] | None:
        """What follows ``name``: an attribute's value, a group, or None for what is not kept."""
        mark = self._take()
        if mark == ":":
            words: list[str] = []
            while (token := self._take()) != ";":
                if words and (self.on_new_line or token == "}"):
                    # Some writers leave the semicolon out at the end of a line.
                    self.held = token
                    break
                if token in "{}()":
                    raise self._error(f"{token!r} in the value of {name!r}")
                words.append(token)
            return name, " ".join(words)
        if mark != "(":
            raise self._error(f"{mark!r} after {name!r}")
        args = self._arguments()
        token = self._take()
        if token != "{" and token != ";" and self.on_new_line:
            self.held, token = token, ";"
        if token == ";":
            return None
        if token != "{":
            raise self._error(f"{token!r} after the arguments of {name!r}")
        if name not in self.KEPT:
            self._pass_over()
            return None
        group = Group(name, args)
        while (token := self._take()) != "}":
            if token == ";":
                continue
            if token in "{}():,":
                raise self._error(f"unexpected {token!r} in {name} ({', '.join(args)})")
            statement = self._statement(token)
            if isinstance(statement, Group):
                group.groups.append(statement)
            elif statement is not None:
                group.attributes[statement[0]] = statement[1]
        return group

    def _pass_over(self) -> None:
        depth = 1
        while depth:
            token = self._take()
            depth += (token == "{") - (token == "}")

"""Nuke's scripts, read: what our own writer wrote, and what others did."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from sghm_vs.errors import SettingsError
from sghm_vs.hosts.nuke.script import GROUPS, STACKLESS, USER_KNOB, Braces, Node, UserKnob

NO_NODES = frozenset({"add_layer", "define_window_layout_xml"})
"""Commands that look like nodes."""
UNESCAPES = {"n": "\n", "t": "\t"}


def read(text: str) -> list[Node]:
    """
    Return the nodes of the script `text`, in its order, connected.

    What is no node (the version, the window's layout, added layers) is left out.

    Raises:
        SettingsError: It isn't a script: a brace or quote is open, or a name is not set.
    """
    return _read_nodes(_Commands(text), {}, in_group=False)


def _read_nodes(
    commands: _Commands, named: dict[str, Node | None], *, in_group: bool
) -> list[Node]:
    nodes: list[Node] = []
    stack: list[Node | None] = []
    while (words := commands.next()) is not None:
        match words:
            case ["end_group"] if in_group:
                return nodes
            case ["end_group"]:
                raise commands.error("end_group without a group")
            case ["set", name, place] if place.startswith("stack "):
                named[name] = _on_stack(stack, place)
            case ["push", name]:
                stack.append(_pushed(commands, name, named))
            case ["clone", name, Braces() as body] if name.startswith("$"):
                original = _pushed(commands, name, named)
                kind = "" if original is None else original.kind
                nodes.append(_read_node(commands, kind, body, stack, named))
                nodes[-1].original = original
            case ["clone", _, kind, Braces() as body]:
                nodes.append(_read_node(commands, kind, body, stack, named))
            case [kind, Braces() as body] if kind not in NO_NODES:
                nodes.append(_read_node(commands, kind, body, stack, named))
    if in_group:
        raise commands.error("a group is not ended")
    return nodes


def _on_stack(stack: Sequence[Node | None], place: str) -> Node | None:
    """Return what lies at `place`, "stack 0" for the top."""
    depth = int(place.removeprefix("stack "))
    return stack[-1 - depth] if depth < len(stack) else None


def _pushed(commands: _Commands, name: str, named: Mapping[str, Node | None]) -> Node | None:
    if name == "0" or name == "$cut_paste_input":
        return None
    if name.removeprefix("$") not in named:
        raise commands.error(f"{name} is not set")
    return named[name.removeprefix("$")]


def _read_node(
    commands: _Commands,
    kind: str,
    body: str,
    stack: list[Node | None],
    named: dict[str, Node | None],
) -> Node:
    node = Node(kind)
    count = 1
    for words in _Commands(body, commands.line).all():
        match words:
            case ["inputs", number]:
                # "2+1" is two and a mask.
                count = sum(int(part) for part in number.split("+"))
            case [name, options] if name == USER_KNOB:
                node.user_knobs.append(_read_user_knob(options))
            case [name, value]:
                node.knobs[name] = value
            case [name, *values]:
                node.knobs[name] = " ".join(values)
    if kind in STACKLESS:
        return node
    node.inputs = [stack.pop() if stack else None for _ in range(count)]
    stack.append(node)
    if kind in GROUPS:
        node.children = _read_nodes(commands, named, in_group=True)
    return node


def _read_user_knob(text: str) -> UserKnob:
    kind, name, *rest = _Commands(text).words_of_list()
    options: dict[str, str | tuple[str, ...]] = {}
    words = iter(rest)
    for option in words:
        if option.startswith(("+", "-")):
            options[option] = ""
        elif option == "M":
            options[option] = tuple(_Commands(next(words)).words_of_list())
        elif option == "R":
            options[option] = next(words), next(words)
        else:
            options[option] = str(next(words, ""))
    return UserKnob(int(kind), name, options)


class _Commands:
    """Takes Tcl apart: commands end with a line, words at spaces outside quotes and braces."""

    def __init__(self, text: str, first_line: int = 1) -> None:
        self._text = text.replace("\r\n", "\n")
        self._first_line = first_line
        self._at = self._began = 0

    def all(self) -> Iterator[list[str]]:
        """Yield what is left, a command at a time."""
        while (words := self.next()) is not None:
            yield words

    def next(self) -> list[str] | None:
        """Return the words of the next command; None at the end."""
        while not self.at_end():
            words = self._command()
            if words:
                return words
        return None

    def words_of_list(self) -> list[str]:
        """Return what is left as one list, over all its lines."""
        return [word for words in self.all() for word in words]

    def at_end(self) -> bool:
        """Return whether nothing is left."""
        return self._at >= len(self._text)

    def error(self, what: str) -> SettingsError:
        """Return the error that says `what` is wrong, and where."""
        return SettingsError(f"this is no script of Nuke's: {what}, at line {self.line}")

    @property
    def line(self) -> int:
        """Where the last command begins, counted from 1."""
        return self._first_line + self._text.count("\n", 0, self._began)

    def _command(self) -> list[str]:
        words: list[str] = []
        while not self.at_end():
            each = self._text[self._at]
            if each in "\n;":
                self._at += 1
                break
            if each in " \t":
                self._at += 1
            elif self._text.startswith("\\\n", self._at):
                self._at += 2
            elif each == "#" and not words:
                self._at = self._end_of_line()
            else:
                self._began = self._began if words else self._at
                words.append(self._word())
        return words

    def _end_of_line(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _word(self) -> str:
        opening = self._text[self._at]
        if opening == "{":
            return Braces(self._closed("{", "}"))
        if opening == "[":
            return self._closed("[", "]")
        if opening == '"':
            return self._quoted()
        match = re.compile(r"(?:\\.|[^\s;\\])+", re.DOTALL).match(self._text, self._at)
        if match is None:
            raise self.error("a backslash stands alone")
        self._at = match.end()
        return _unescaped(match[0])

    def _closed(self, opening: str, closing: str) -> str:
        depth, start = 0, self._at + 1
        marks = re.compile(rf"\\.|[{re.escape(opening + closing)}]", re.DOTALL)
        for mark in marks.finditer(self._text, self._at):
            depth += (mark[0] == opening) - (mark[0] == closing)
            if depth == 0:
                self._at = mark.end()
                return self._text[start : mark.start()]
        raise self.error(f"a {opening} is not closed")

    def _quoted(self) -> str:
        match = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL).match(self._text, self._at)
        if match is None:
            raise self.error("a quote is not closed")
        self._at = match.end()
        return _unescaped(match[1])


def _unescaped(text: str) -> str:
    def meant(match: re.Match[str]) -> str:
        return "" if match[1] == "\n" else UNESCAPES.get(match[1], match[1])

    return re.sub(r"\\(.)", meant, text, flags=re.DOTALL)

"""
Nuke's scripts (.nk, .gizmo) as a graph of nodes, read and written.

A script is a program for a stack: a node takes its inputs from the top, the first one topmost,
and puts itself there; `set` names what lies on top, `push` puts a named node back.

Source:
    Nuke's documentation of its file format is a page of hints; the rest is what published gizmos
    and scripts hold, and what Tcl, whose words they are made of, makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sghm_vs.errors import SettingsError

STACKLESS = frozenset({"Root", "BackdropNode", "StickyNote"})
"""Classes that neither take from the stack nor lie on it."""

NO_NODES = frozenset({"add_layer", "define_window_layout_xml"})
"""Commands that look like nodes."""
GROUPS = frozenset({"Group", "Gizmo", "LiveGroup"})

BARE = re.compile(r"[\w./:%+,@-]+")
ESCAPES = {"\n": r"\n", "\t": r"\t"} | {each: f"\\{each}" for each in '\\"[{}$'}
UNESCAPES = {"n": "\n", "t": "\t"}
USER_KNOB = "addUserKnob"


class Braces(str):
    """The value of a knob that is no text: a list, an expression or a curve, without its braces."""

    __slots__ = ()


type Value = str | int | float | bool | Sequence[float]
"""Text is quoted as it needs; what is read is text, or `Braces`."""


@dataclass(frozen=True, slots=True)
class UserKnob:
    """A knob that a node has besides those of its class."""

    kind: int
    """1 text, 2 file, 3 integer, 4 choice, 6 check box, 7 number, 20 tab, 22 button, 26 label, 41
    link."""
    name: str
    options: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """l label, t tooltip, M choices, R range, T text or script; flags such as +STARTLINE are names
    with an empty value."""


@dataclass(slots=True, eq=False)
class Node:
    """A node; two are equal only if they are the same."""

    kind: str
    """Its class, for example Read."""
    knobs: dict[str, Value] = field(default_factory=dict)
    inputs: list[Node | None] = field(default_factory=list)
    user_knobs: list[UserKnob] = field(default_factory=list)
    """Their values are among the knobs."""
    children: list[Node] = field(default_factory=list)
    """Of a group, in order."""
    original: Node | None = None
    """The node that it is a clone of."""

    @property
    def name(self) -> str:
        """The node's name; empty if it has none."""
        return str(self.knobs.get("name", ""))

    def child(self, name: str) -> Node:
        """Return the group's node that is called `name`."""
        return find(self.children, name)


def find(nodes: Iterable[Node], name: str) -> Node:
    """
    Return the node among `nodes` that is called `name`.

    Raises:
        KeyError: There is none.
    """
    for node in nodes:
        if node.name == name:
            return node
    raise KeyError(name)


def expression(text: str) -> Braces:
    """Return the value of a knob that computes `text`."""
    return Braces(f"{{{text}}}" if BARE.fullmatch(text) else f"{{{quoted(text)}}}")


def literal(path: str) -> str:
    """Return `path` for a knob in which Nuke computes what stands in brackets."""
    return re.sub(r"[\\\[\]$]", r"\\\g<0>", path)


def quoted(text: str) -> str:
    """Return `text` as one word of Tcl that means just it."""
    if BARE.fullmatch(text):
        return text
    return '"' + "".join(ESCAPES.get(each, each) for each in text) + '"'


def write(nodes: Iterable[Node], version: str = "13.0 v1") -> str:
    """
    Return the script of `nodes`.

    Args:
        nodes: Each after those that it takes as inputs.
        version: Of the oldest Nuke that may read it.

    Raises:
        SettingsError: A node comes before its input.
    """
    return f"version {version}\n" + "".join(f"{line}\n" for line in _Writer().lines(list(nodes)))


def write_group(group: Node) -> str:
    """Return the text of a .gizmo file that holds `group`."""
    return "".join(f"{line}\n" for line in _Writer().lines([group]))


class _Writer:
    """Knows which names of nodes are taken, over all groups."""

    def __init__(self) -> None:
        self._taken = 0

    def lines(self, nodes: list[Node]) -> Iterator[str]:
        names: dict[int, str] = {}
        pushed = {id(each) for node, on_top in _with_top(nodes) for each in _pushes(node, on_top)}
        for node, on_top in _with_top(nodes):
            for taken in _pushes(node, on_top):
                yield "push 0" if taken is None else f"push ${_named(taken, names)}"
            yield from self._node(node, names)
            if id(node) in pushed or any(each.original is node for each in nodes):
                names[id(node)] = f"N{self._taken:08x}"
                self._taken += 1
                yield f"set {names[id(node)]} [stack 0]"

    def _node(self, node: Node, names: Mapping[int, str]) -> Iterator[str]:
        clone = node.original
        yield f"clone ${_named(clone, names)} {{" if clone is not None else f"{node.kind} {{"
        if len(node.inputs) != 1 and node.kind != "Root":
            yield f" inputs {len(node.inputs)}"
        for knob in node.user_knobs:
            yield f" {USER_KNOB} {{{_options(knob)}}}"
        for name, value in node.knobs.items():
            yield f" {quoted(name)} {_written(value)}"
        yield "}"
        if node.kind in GROUPS:
            for line in self.lines(node.children):
                yield line if line.startswith(("push ", "set ")) else f" {line}"
            yield "end_group"


def _with_top(nodes: list[Node]) -> Iterator[tuple[Node, Node | None]]:
    """Yield each of `nodes` with the one that lies topmost before it."""
    on_top: Node | None = None
    for node in nodes:
        yield node, on_top
        if node.kind not in STACKLESS:
            on_top = node


def _pushes(node: Node, on_top: Node | None) -> list[Node | None]:
    """Return what is pushed for `node`, in order: its first input must lie topmost."""
    return [] if node.inputs in ([], [on_top]) else node.inputs[::-1]


def _named(node: Node, names: Mapping[int, str]) -> str:
    if id(node) not in names:
        msg = f"node {node.name or node.kind!r} is written after one that needs it; put it before"
        raise SettingsError(msg)
    return names[id(node)]


def _options(knob: UserKnob) -> str:
    words = [str(knob.kind), quoted(knob.name)]
    for name, value in knob.options.items():
        words.append(name)
        if isinstance(value, tuple):
            of_list = name != "R"
            words.append(f"{{{' '.join(map(quoted, value))}}}" if of_list else " ".join(value))
        elif not name.startswith(("+", "-")):
            words.append(quoted(value))
    return " ".join(words)


def _written(value: Value) -> str:
    if isinstance(value, Braces):
        return f"{{{value}}}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return f"{{{' '.join(f'{each:g}' for each in value)}}}"


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

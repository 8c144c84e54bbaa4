"""
Nuke's scripts (.nk, .gizmo), written from a graph of nodes.

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

GROUPS = frozenset({"Group", "Gizmo", "LiveGroup"})

BARE = re.compile(r"[\w./:%+,@-]+")
ESCAPES = {"\n": r"\n", "\t": r"\t"} | {each: f"\\{each}" for each in '\\"[{}$'}
USER_KNOB = "addUserKnob"


class Braces(str):
    """The value of a knob that is no text: a list, an expression or a curve, without its braces."""

    __slots__ = ()


type Value = str | int | float | bool | Sequence[float]
"""Text is quoted as it needs; a list or an expression is `Braces`."""


@dataclass(frozen=True, slots=True)
class UserKnob:
    """A knob that a node has besides those of its class."""

    kind: int
    """1 text, 2 file, 3 integer, 4 choice, 6 check box, 7 number, 15 box, 20 tab, 22 button, 26 label,
    41 link."""
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

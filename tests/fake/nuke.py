"""
As much of Nuke's Python as the bridge uses, for tests: its signatures are those of `types-nuke`.

Nodes hold knobs and inputs, gizmos are read by our reader, and `execute` renders EXR files with
numpy. What Nuke allows on its main thread alone raises elsewhere. Names with an underscore are the
tests' own.
"""

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import OpenEXR

from sghm_vs.hosts.nuke import script
from tests import nuke_reader
from tests.nuke_graph import evaluate

INPUTS, HIDDEN_INPUTS, EXPRESSIONS = 1, 2, 4
TO_SCRIPT, WRITE_NON_DEFAULT_ONLY = 1, 2
GUI = True
EXE_PATH = "/opt/Nuke15.1v3/Nuke15.1"

_main = threading.main_thread()
_calls: "queue.Queue[Callable[[], None]]" = queue.Queue()
_plugin_folders: list[str] = []
_said: list[str] = []
_executed: list[tuple[str, int, int]] = []
_current: list["Node"] = []
_groups: list["Group"] = []


def _only_on_main() -> None:
    if threading.current_thread() is not _main:
        raise RuntimeError("Nuke's nodes, knobs and windows belong to its main thread")


class Knob:
    def __init__(self, *args: Any) -> None:
        self._name, self._value = args
        self._default = self._value
        self._node: Node | None = None

    def name(self) -> str:
        return str(self._name)

    def value(self, index: int = -1) -> Any:
        _only_on_main()
        return self._value

    def setValue(self, val: Any, chan: int = -1) -> bool:
        _only_on_main()
        self._value = val
        return True


class String_Knob(Knob):
    def getText(self) -> str:
        _only_on_main()
        return str(self._value)


class EvalString_Knob(String_Knob):
    def value(self) -> Any:
        """Return the text computed: brackets would be run as Tcl."""
        text = self.getText()
        assert not re.search(r"(?<!\\)[\[$]", text), text
        return re.sub(r"\\(.)", r"\1", text)


class File_Knob(EvalString_Knob):
    def value(self) -> Any:
        return re.sub(r"#+", lambda match: f"%0{len(match[0])}d", self.getText())

    def getEvaluatedValue(self) -> Any:
        return re.sub(r"\\(.)", r"\1", self.value())


class Script_Knob(String_Knob):
    def execute(self) -> None:
        _only_on_main()
        assert self._node is not None
        _current.append(self._node)
        try:
            exec(self._value, {"nuke": __import__("nuke")})  # noqa: S102 - as Nuke does
        finally:
            _current.pop()


class Int_Knob(Knob):
    """Holds a whole number."""


class BBox_Knob(Knob):
    def x(self) -> Any:
        return self._value[0]

    def y(self) -> Any:
        return self._value[1]

    def r(self) -> Any:
        return self._value[2]

    def t(self) -> Any:
        return self._value[3]


class Format:
    def __init__(self, *args: Any) -> None:
        self._height = args[0]

    def height(self) -> Any:
        return self._height


class Enumeration_Knob(Knob):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args[:2])
        self._choices = args[2]

    def setValue(self, val: Any) -> Any:
        if val not in self._choices:
            raise TypeError(f"{val!r} is none of {self._choices}")
        return super().setValue(val)


KINDS: dict[int, Callable[..., Knob]] = {
    1: EvalString_Knob, 2: File_Knob, 3: Int_Knob, 6: Knob, 7: Knob, 15: BBox_Knob, 20: Knob,
    22: Script_Knob, 26: Knob,
}  # fmt: skip
EMPTY: dict[int, Any] = {3: 0, 6: False, 7: 0.0, 15: [0.0, 0.0, 0.0, 0.0]}
CLASSES: dict[str, dict[str, Any]] = {
    "Read": {
        "file": "", "first": 1, "last": 1, "origfirst": 1, "origlast": 1, "origset": False,
        "raw": False, "colorspace": "default (linear)", "frame": "", "reload": "pass",
        "on_error": "error", "format": "",
    },
    "Write": {"file": "", "file_type": "", "channels": "rgb", "raw": False, "datatype": ""},
    "Grade": {"multiply": 1.0, "size": None},
    "Root": {
        "colorManagement": "Nuke", "workingSpaceLUT": "linear", "OCIO_config": "nuke-default",
        "proxy": False,
    },
}  # fmt: skip
EVERY_CLASS = {"name": "", "label": "", "tile_color": 0, "disable": False, "help": ""}


class Node:
    def __init__(self, *args: Any) -> None:
        _only_on_main()
        self._class, self._parent = args
        self._inputs: list[Node | None] = []
        self._place = (0, 0)
        self._is_deleted = False
        self._height = 48
        self._knobs: dict[str, Knob] = {}
        for name, value in (EVERY_CLASS | CLASSES.get(self._class, {})).items():
            kind: Callable[..., Knob] = {"file": File_Knob, "reload": Script_Knob}.get(name, Knob)
            self._add(kind(name, value))

    def _add(self, knob: Knob) -> None:
        knob._node = self
        self._knobs[knob.name()] = knob

    def _alive(self) -> None:
        if self._is_deleted:
            raise ValueError("A PythonObject is not attached to a node")

    def Class(self) -> str:
        return str(self._class)

    def name(self) -> str:
        self._alive()
        return str(self._knobs["name"]._value)

    def fullName(self) -> str:
        above = self.parent()
        return self.name() if isinstance(above, Root) else f"{above.fullName()}.{self.name()}"

    def setName(self, name: str) -> None:
        self._knobs["name"].setValue(name)

    def parent(self) -> "Group":
        return self._parent  # type: ignore[no-any-return]

    def knobs(self) -> dict[str, Knob]:
        return self._knobs

    def __getitem__(self, name: str) -> Knob:
        self._alive()
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def input(self, index: int) -> "Node | None":
        return self._inputs[index] if index < len(self._inputs) else None

    def inputs(self) -> int:
        return len(self._inputs)

    def setInput(self, i: int, node: "Node | None") -> bool:
        _only_on_main()
        self._inputs += [None] * (i + 1 - len(self._inputs))
        self._inputs[i] = node
        return True

    def dependencies(self, mask: int) -> "list[Node]":
        return [node for node in self._inputs if node is not None]

    def writeKnobs(self, flags: int = 0) -> str:
        changed = (knob for knob in self._knobs.values() if knob._value != knob._default)
        return "\n".join(f"{knob.name()} {knob._value}" for knob in changed)

    def format(self) -> Format:
        source = self._inputs[0] if self._inputs else None
        return Format(self._height) if source is None else source.format()

    def firstFrame(self) -> int:
        return self._range()[0]

    def lastFrame(self) -> int:
        return self._range()[1]

    def _range(self) -> tuple[int, int]:
        if self._class == "Read":
            return self["first"].value(), self["last"].value()
        return self._inputs[0]._range() if self._inputs and self._inputs[0] else (1, 100)

    def xpos(self) -> int:
        return self._place[0]

    def ypos(self) -> int:
        return self._place[1]

    def setXYpos(self, x: int, y: int) -> None:
        self._place = x, y

    def _as_script(self) -> script.Node:
        """Return what evaluates: knobs as text, inputs and children likewise."""
        knobs: dict[str, script.Value] = {}
        for name, knob in self._knobs.items():
            value = knob.getEvaluatedValue() if isinstance(knob, File_Knob) else knob._value
            knobs[name] = str(value).lower() if isinstance(value, bool) else value
        inputs = [None if node is None else node._as_script() for node in self._inputs]
        return script.Node(self.Class(), knobs, inputs)


class Group(Node):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._children: list[Node] = []

    def nodes(self) -> list[Node]:
        return list(self._children)

    def node(self, s: str) -> Node | None:
        return next((each for each in self._children if each.name() == s), None)

    def __enter__(self) -> "Group":
        _groups.append(self)
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: object, traceback: TracebackType | None
    ) -> Any:
        _groups.pop()

    def _as_script(self) -> script.Node:
        """Return what is shown: the plate, or it with the result's alpha."""
        plate = self._inputs[0]
        if not self["has_result"].value() or plate is None:
            assert plate is not None
            return plate._as_script()
        result = self.node("Result")
        assert result is not None
        knobs: dict[str, script.Value] = {"from0": "rgba.alpha", "to0": "rgba.alpha"}
        return script.Node("Copy", knobs, [plate._as_script(), result._as_script()])


class Root(Group):
    def name(self) -> str:
        return str(self["name"].value())


class Nodes:
    def __getattr__(self, item: str) -> Callable[..., Node]:
        def make(**knobs: Any) -> Node:
            node = _made(item, _groups[-1] if _groups else _root)
            for name, value in knobs.items():
                node[name].setValue(value)
            return node

        return make


class ProgressTask:
    _all: "list[ProgressTask]" = []  # noqa: RUF012 - the tests'
    _cancels_at: float | None = None
    """Percent at which the artist presses Cancel."""

    def __init__(self, *args: Any) -> None:
        _only_on_main()
        self._title = args[0]
        self._shown: list[tuple[int, str]] = []
        self._percent = 0
        ProgressTask._all.append(self)

    def setProgress(self, *args: Any) -> None:
        _only_on_main()
        self._percent = args[0]

    def setMessage(self, *args: Any) -> None:
        _only_on_main()
        self._shown.append((self._percent, args[0]))

    def isCancelled(self) -> bool:
        _only_on_main()
        at = ProgressTask._cancels_at
        return at is not None and self._percent >= at


class Menu:
    def __init__(self, *args: Any) -> None:
        self._commands: dict[str, Callable[[], object]] = {}
        self._menus: dict[str, Menu] = {}

    def addMenu(self, *args: Any) -> "Menu":
        return self._menus.setdefault(args[0], Menu())

    def addCommand(self, *args: Any) -> None:
        self._commands[args[0]] = args[1]


class Panel:
    _answers: "dict[str, str] | None" = None  # the tests'
    """What the artist types; None is Cancel."""

    def __init__(self, *args: Any) -> None:
        _only_on_main()
        self._values: dict[str, str] = {}

    def addEnumerationPulldown(self, *args: Any) -> None:
        self._values[args[0]] = args[1].split()[0]

    def addSingleLineInput(self, *args: Any) -> None:
        self._values[args[0]] = args[1]

    def show(self, *args: Any) -> bool:
        assert set(Panel._answers or {}) <= set(self._values)
        self._values.update(Panel._answers or {})
        return Panel._answers is not None

    def value(self, *args: Any) -> str:
        return self._values[args[0]]


_menu = Menu()
_selected: list[Node] = []
_messages: list[str] = []


def selectedNodes() -> list[Node]:
    return list(_selected)


def message(prompt: str) -> None:
    _only_on_main()
    _messages.append(prompt)


def menu(name: str) -> Menu:
    return _menu._menus.setdefault(name, Menu())


def pluginAddPath(args: str) -> None:
    _plugin_folders.append(args)


def createNode(typ: str, knobs: str = "", inpanel: bool = True) -> Node:
    node = _made(typ, _root)
    if _root.nodes()[:-1]:
        node.setInput(0, _root.nodes()[-2])
    return node


def loadToolset(filename: str) -> Node | None:
    for node in nuke_reader.read(Path(filename).read_text()):
        _from_script(node, _root)
    return None


def toNode(s: str) -> Node | None:
    return _root.node(s)


def allNodes(*args: Any) -> list[Node]:
    return [node for node in _root.nodes() if not args or node.Class() == args[0]]


def delete(n: Node | None) -> None:
    _only_on_main()
    if n is not None:
        n.parent()._children.remove(n)
        n._is_deleted = True


def root() -> Root:
    return _root


def thisNode() -> Node:
    return _current[-1]


def filename(node: Node, i: int = 0) -> str | None:
    knob = node._knobs.get("file")
    return (knob.getEvaluatedValue() if isinstance(knob, File_Knob) else None) or None


def tprint(*args: Any, sep: str = " ", end: str = "\n") -> None:
    _said.append(sep.join(map(str, args)))


def execute(nameOrNode: Node, start: int, end: int) -> None:
    _only_on_main()
    source = nameOrNode.input(0)
    assert source is not None
    if source.Class() == "Broken":
        raise RuntimeError("Broken1: it is broken")
    if source.Class() == "Slow":
        raise RuntimeError("Cancelled")
    _executed.append((source.name(), start, end))
    pattern, channels = filename(nameOrNode), nameOrNode["channels"].value()
    letters = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
    kept = {"rgb": "RGB", "alpha": "A", "rgba": "RGBA"}[channels]
    names = {letter: name for letter, name in letters.items() if letter in kept}
    for frame in range(start, end + 1):
        picture = evaluate(source._as_script(), frame)
        planes = {
            short: np.ascontiguousarray(picture[name], np.float16) for short, name in names.items()
        }
        with OpenEXR.File({"type": OpenEXR.scanlineimage}, planes) as file:
            file.write(str(pattern) % frame)


def executeInMainThread(
    call: Callable[..., object], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> None:
    _calls.put(lambda: call(*args, **(kwargs or {})) and None)


def _pump(until: Callable[[], bool], timeout_s: float = 120) -> None:
    """Be Nuke's main loop until it is so."""
    end = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < end, (_said, ProgressTask._all)
        try:
            _calls.get(timeout=0.05)()
        except queue.Empty:
            continue


def _made(kind: str, parent: Group) -> Node:
    for folder in _plugin_folders:
        file = Path(folder) / f"{kind}.gizmo"
        if file.is_file():
            node = _from_script(nuke_reader.read(file.read_text())[0], parent)
            break
    else:
        node = (Group if kind == "Group" else Node)(kind, parent)
        parent._children.append(node)
    stem = node.name() or kind
    taken = {each.name() for each in parent.nodes()}
    numbers: Iterator[int] = iter(range(1, 1000))
    node.setName(next(f"{stem}{n}" for n in numbers if f"{stem}{n}" not in taken))
    return node


def _from_script(read: script.Node, parent: Group) -> Node:
    node = (Group if read.kind == "Group" else Node)(read.kind, parent)
    parent._children.append(node)
    for user in read.user_knobs:
        if user.kind == 4:
            choices = user.options["M"]
            node._add(Enumeration_Knob(user.name, choices[0], choices))
        else:
            value = user.options.get("T", EMPTY.get(user.kind, ""))
            node._add(KINDS[user.kind](user.name, value))
    for name, value in read.knobs.items():
        known = node._knobs.get(name)
        if known is None:
            node._add(Knob(name, value))
        elif isinstance(known._value, bool):
            known._value = value == "true"
        elif isinstance(known._value, int | float):
            known._value = type(known._value)(value)  # type: ignore[arg-type]
        else:
            known._value = value
    if isinstance(node, Group):
        for child in read.children:
            _from_script(child, node)
    return node


def _reset(*, gui: bool, script_file: str = "") -> None:
    """Begin anew."""
    global GUI, _root, nodes, _menu
    GUI = gui
    _root = Root("Root", None)
    _root["name"].setValue(script_file)
    nodes = Nodes()
    _menu = Menu()
    kept: tuple[list[Any], ...] = (_plugin_folders, _said, _executed, _current, _groups, _selected)
    for each in (*kept, _messages, ProgressTask._all):
        each.clear()
    Panel._answers = None
    ProgressTask._cancels_at = None
    while not _calls.empty():
        _calls.get_nowait()


_root: Root
nodes: Nodes
_reset(gui=True)

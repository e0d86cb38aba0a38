"""Who may import whom. A room imports from floors below it, through the door of the room, and nothing goes in a circle.

Imports count wherever they stand: at the top of a module, inside a function, or for the type checker alone.
"""

import ast
import graphlib
import sys
from pathlib import Path

import attrs
import pytest

PACKAGE = Path(__file__).parent.parent / "instrument"

FLOORS = (
    ("errors", "_books", "_clock", "_fork", "_guard", "_ids", "_value", "_version"),
    ("options", "propagation"),
    ("recording",),
    ("processing", "store", "transport", "wire"),
    ("export",),
    ("client", "exporters"),
    ("api",),
    ("middleware", "patches"),
    ("startup",),
    ("", "testing", "viewer"),
    ("cli", "pytest_plugin"),
)
"""The rooms from the ground up. The empty name is the package root."""

PART_OF = {
    "__main__": "cli",
    **dict.fromkeys(("_option_kinds", "_option_names", "_option_types", "_otel_variables"), "options"),
    "dsn": "options",
}
"""Modules at the root that belong to the room of another one."""

GROUND = frozenset(FLOORS[0])
CALLS = GROUND | {"api", "options", "propagation", "recording"}

KNOWS = {
    "transport": GROUND,
    "api": GROUND | {"propagation", "recording"},
    "middleware": CALLS,
    "patches": CALLS,
    "viewer": GROUND | {"api", "options", "startup", "store"},
}
"""Rooms that may know only these of the floors below them."""

MUST_NOT_KNOW = {"export": {"processing"}, "testing": {"middleware", "patches"}}

SIDE_DOORS = {
    "export.otlp": {"exporters"},
    "export.spool_survey": {"cli"},
    "processing.findings": {"cli"},
    "store.reading": {"cli", "testing", "viewer"},
    "transport.http": {"exporters"},
    "wire.otlp": {"export"},
}
"""Modules that those may enter who look at what programs have left, or send to a destination that few have. Others
have no use for them, and what they bring in would be a part of what every `init` costs.
"""

LIBRARIES = {**dict.fromkeys(GROUND, ()), "_value": ("typing_extensions",), "options": (), "propagation": ()}
"""What the lowest rooms may import besides the standard library; higher rooms choose for themselves."""

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


@attrs.frozen
class Import:
    """One import statement: in `module`, on `line`, of `target`, a module of ours or somebody else's."""

    module: str
    line: int
    target: str
    name: str = ""
    """What is taken out of the target, when that is no module."""


def room_of(module):
    first = module.partition(".")[0]
    return PART_OF.get(first, first)


def modules_of(package):
    """The syntax trees of a package by dotted name, without the package's own: "" is its root."""
    trees = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        trees[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text("utf-8"))
    return trees


def packages_of(package):
    return {".".join(path.parent.relative_to(package).parts) for path in package.rglob("__init__.py")}


def imports_of(package):
    """Every import in the package; those of its own modules carry names relative to it."""
    trees, packages = modules_of(package), packages_of(package)
    for module, tree in trees.items():
        for node in ast.walk(tree):
            for target, names in _targets(node, module if module in packages else module.rpartition(".")[0]):
                if target.partition(".")[0] != "instrument":
                    yield Import(module, node.lineno, target)
                    continue
                inside = target.partition(".")[2]
                for name in names or [""]:
                    path = f"{inside}.{name}".strip(".")
                    taken = name and (path not in trees or name in _bound(trees.get(inside)))
                    yield Import(module, node.lineno, "." + (inside if taken else path), name if taken else "")


def _targets(node, package):
    """Pairs of an absolute module name and the names taken from it; `package` is what a single dot stands for."""
    here = f"instrument.{package}".rstrip(".").split(".")
    if isinstance(node, ast.Import):
        return [(alias.name, []) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = here[: len(here) - node.level + 1] if node.level else []
        return [(".".join([*above, *filter(None, [node.module])]), [alias.name for alias in node.names])]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        name = node.args[0].value
        if called in {"import_module", "__import__"} and isinstance(name, str):
            dots = len(name) - len(name.lstrip("."))
            return [(".".join([*here[: len(here) - dots + 1], name[dots:]]) if dots else name, [])]
    return []


def _bound(tree):
    """The names that a door re-exports, which hide a module of the same name."""
    imports = [node for node in (tree.body if tree else []) if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports if node.module for alias in node.names}


def violations(package):
    """What is wrong with the imports of a package, one sentence each."""
    imports = list(imports_of(package))
    for found in imports:
        complaint = _about_ours(found) if found.target.startswith(".") else _about_library(found)
        if complaint:
            yield f"{found.module or '__init__'}:{found.line} {complaint}"
    yield from _circle(imports)


def _about_ours(found):
    here, there = room_of(found.module), room_of(found.target[1:])
    if here not in FLOOR or there not in FLOOR:
        return f"is about a room that has no floor: {here if here not in FLOOR else there!r}"
    if here == there and (here or not found.name):
        return None
    if not there and FLOOR[here] <= FLOOR[""]:
        return f"imports the package root ({found.name or 'itself'})"
    is_inside = found.target.count(".") > 1 and not (here == "" and there == "")
    if is_inside and here not in SIDE_DOORS.get(found.target[1:], ()):
        return f"goes past the door of {there}: {found.target[1:]}"
    if FLOOR[there] == FLOOR[here] == 0:
        return None
    if FLOOR[there] >= FLOOR[here]:
        return f"imports {there}, which is not on a floor below {here}"
    if there not in KNOWS.get(here, FLOOR) or there in MUST_NOT_KNOW.get(here, ()):
        return f"imports {there}, which {here} must not know"
    return None


def _about_library(found):
    library, room = found.target.partition(".")[0], room_of(found.module)
    if library in sys.stdlib_module_names or library in LIBRARIES.get(room, {library}):
        return None
    return f"imports {library}, which {room} must do without"


def _circle(imports):
    graph = {}
    for found in imports:
        if found.target.startswith("."):
            graph.setdefault(found.module, set()).add(found.target[1:])
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        yield "goes in a circle: " + " <- ".join(name or "__init__" for name in error.args[1])


def test_the_package_keeps_to_its_floors():
    assert list(violations(PACKAGE)) == []


def test_every_module_is_seen_and_every_folder_has_a_door():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []
    assert {room_of(module) for module in modules_of(PACKAGE)} <= set(FLOOR)


HOUSE = {
    "__init__": "from .api import span\n",
    "_clock": "",
    "_guard": "from . import _clock\n",
    "errors": "",
    "options": "import re\nfrom . import _guard\nfrom .errors import BadOption\n",
    "recording/__init__": "from .span import Span\nfrom .scope import Scope\n",
    "recording/span": "from .. import _clock\n",
    "recording/scope": "from .span import Span\nfrom . import span\n",
    "transport/__init__": "",
    "store/__init__": "",
    "store/reading": "from .reader import Reader\n",
    "store/reader": "",
    "processing/__init__": "",
    "export/__init__": "from ..transport import Answer\n",
    "client": "from .recording import Span\n",
    "api": "from .recording import Span\n",
    "patches/__init__": "",
    "patches/_http": "from ..api import span\n",
    "patches/http_client": "from ._http import around\n",
    "startup": "def init():\n    from .client import Client\n",
    "cli/__init__": "",
    "cli/main": "import instrument\nfrom .. import init\nfrom ..store.reading import Reader\n",
    "__main__": "from .cli.main import main\n",
}
"""A small house in which all is well."""

BAD = {
    "up a floor": ("recording/span", "from ..client import Client", "not on a floor below"),
    "up a floor, absolute": ("recording/span", "import instrument.client", "not on a floor below"),
    "up a floor, out of the root": ("recording/span", "from instrument import client", "not on a floor below"),
    "up a floor, by name": ("recording/span", "import_module('..client', __package__)", "not on a floor below"),
    "in a function": ("recording/span", "def finish():\n    from ..api import span", "not on a floor below"),
    "for the type checker": ("recording/span", "if TYPE_CHECKING:\n    from ..api import span", "not on a floor below"),
    "next door": ("store/__init__", "from ..transport import Answer", "not on a floor below"),
    "a module next door": ("client", "from .exporters import Sentry", "not on a floor below"),
    "past the door": ("client", "from .recording.span import Span", "past the door"),
    "past the door, a module": ("client", "from .recording import span", "past the door"),
    "past the door, absolute": ("client", "import instrument.recording.span", "past the door"),
    "a side door, from below": ("client", "from .store.reading import Reader", "past the door"),
    "past the door, from the top": ("cli/main", "from ..recording.scope import Scope", "past the door"),
    "from the ground": ("_clock", "from .options import Options", "not on a floor below"),
    "the root": ("api", "import instrument", "package root"),
    "the root, relative": ("recording/scope", "from .. import span", "package root"),
    "the root, a name": ("patches/_http", "from instrument import span", "package root"),
    "the root, later": ("startup", "def init():\n    from . import span", "package root"),
    "export knows no processing": ("export/__init__", "from ..processing import trim", "must not know"),
    "patches know no client": ("patches/_http", "from ..client import Client", "must not know"),
    "transport knows no recording": ("transport/__init__", "from ..recording import Span", "must not know"),
    "api knows no options": ("api", "from .options import Options", "must not know"),
    "a library on the ground": ("_clock", "import attrs", "must do without"),
    "a library on floor one": ("options", "import attrs", "must do without"),
    "a room nobody knows": ("cellar/__init__", "from .. import _clock", "no floor"),
    "a circle": ("_clock", "from . import _guard", "circle"),
    "a circle in a function": ("recording/span", "def copy():\n    from .scope import Scope", "circle"),
    "a circle for the type checker": (
        "recording/span",
        "if TYPE_CHECKING:\n    from .scope import Scope",
        "circle",
    ),
    "a circle through the own door": ("recording/span", "from . import Scope", "circle"),
    "a circle of one": ("_clock", "from ._clock import wall", "circle"),
}


def build(folder, sources):
    package = folder / "instrument"
    for name, source in sources.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return package


def test_a_good_house_has_no_violation(tmp_path):
    assert list(violations(build(tmp_path, HOUSE))) == []


@pytest.mark.parametrize(("module", "source", "complaint"), BAD.values(), ids=BAD)
def test_a_bad_import_is_found(tmp_path, module, source, complaint):
    found = list(violations(build(tmp_path, {**HOUSE, module: HOUSE.get(module, "") + source + "\n"})))
    assert any(complaint in sentence for sentence in found), found

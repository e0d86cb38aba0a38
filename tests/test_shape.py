"""How big a thing may be, and which things may be only in one place."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "instrument"

MODULE_LINES = 400
BODY_LINES = 60
PUBLIC_METHODS = 20
IGNORES_PER_1000_LINES = 2

DRAWERS = {"common", "const", "constant", "constants", "consts", "helper", "helpers", "misc", "util", "utils"}
HANDS_ON = ("_guard.py", "recording/drivers.py")
"""Where everything may be caught: by the guard, and by what throws it into a generator instead of raising it."""

BROAD = {"Exception", "BaseException"}

ONLY_IN = {
    "context variables": (r"contextvars\.ContextVar", ("recording/current.py",)),
    "threads": (
        r"(threading\.(Thread|Timer)|_thread\.start_\w+|concurrent\.futures\..*PoolExecutor"
        r"|multiprocessing\..*(Process|Pool)|(http\.server|socketserver)\.Threading\w+)\(",
        ("export/sender.py", "viewer/server.py", "cli/demo"),
    ),
    "time": (r"time(\..*)?|datetime\.(datetime|date)\.(now|utcnow|today)", ("_clock.py", "cli/demo")),
    "fork hooks": (r"os\.register_at_fork", ("_fork.py",)),
    "requests": (r"requests(\..*)?", ("transport/http.py", "patches/", "cli/demo")),
    "the environment": (r"os\.(environ|environb|getenv|getenvb|putenv)(\..*)?", ("options.py", "cli/")),
}
"""What is used only in these modules; a bracket: is called or derived from. The demo is a user's program."""


def modules_of(package):
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).as_posix(), path.read_text("utf-8")


def complaints(package):
    """What is out of shape in a package, one sentence each."""
    for name, source in modules_of(package):
        tree = ast.parse(source)
        for line, complaint in (*_sizes(name, source, tree), *_excepts(name, tree), *_places(name, tree)):
            yield f"{name}:{line} {complaint}"
        for line, complaint in _door(tree) if name.endswith("__init__.py") else ():
            yield f"{name}:{line} {complaint}"
    yield from _ignores(package)


def _sizes(name, source, tree):
    length = len(source.splitlines())
    if length > MODULE_LINES:
        yield 1, f"has {length} lines"
    words = Path(name).with_suffix("").parts
    if any(word.strip("_") in DRAWERS for word in words):
        yield 1, "is a drawer; name it after what it does"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = node.end_lineno - body[0].lineno + 1 if body else 0
            if lines > BODY_LINES:
                yield node.lineno, f"{node.name} has a body of {lines} lines"
        elif isinstance(node, ast.ClassDef):
            functions = (part for part in node.body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)))
            public = {function.name for function in functions if not function.name.startswith("_")}
            if len(public) > PUBLIC_METHODS:
                yield node.lineno, f"{node.name} has {len(public)} public methods"


def _excepts(name, tree):
    if name in HANDS_ON:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
            yield node.lineno, "catches everything and does not raise it again"
        elif isinstance(node, ast.Call) and _last(node.func) == "suppress" and any(map(_is_broad, node.args)):
            yield node.lineno, "suppresses everything"


def _is_broad(kind):
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(kind is None or _last(kind) in BROAD for kind in kinds)


def _raises_again(handler):
    last = handler.body[-1]
    if not isinstance(last, ast.Raise):
        return False
    return last.exc is None or (isinstance(last.exc, ast.Name) and last.exc.id == handler.name)


def _places(name, tree):
    for line, used in sorted(_uses(tree)):
        for thing, (pattern, places) in ONLY_IN.items():
            if re.fullmatch(pattern, used) and not name.startswith(places):
                yield line, f"uses {thing} ({used})"


def _uses(tree):
    """Line and full name of whatever is imported or read; with a bracket when it is called or derived from."""
    full = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                full[alias.asname or top] = alias.name if alias.asname else top
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                full[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        made = [node.func] if isinstance(node, ast.Call) else node.bases if isinstance(node, ast.ClassDef) else []
        for name, bracket in [(_dotted(node), ""), *((_dotted(part), "(") for part in made)]:
            first, dot, rest = name.partition(".")
            if first in full and (dot or bracket):
                yield node.lineno, full[first] + dot + rest + bracket


def _dotted(node):
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else ""


def _last(node):
    return getattr(node, "attr", getattr(node, "id", ""))


def _door(tree):
    """A door has a docstring, re-exports and `__all__`; nothing runs in it."""
    if not ast.get_docstring(tree):
        yield 1, "is a door without a docstring"
    for node in tree.body[1:]:
        is_all = isinstance(node, ast.Assign) and _dotted(node.targets[0]) == "__all__"
        if not is_all and not isinstance(node, ast.ImportFrom):
            yield node.lineno, "is code in a door"


def _ignores(package):
    lines = ignores = 0
    for name, source in modules_of(package):
        lines += len(source.splitlines())
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type != tokenize.COMMENT or not re.search(r"type:\s*ignore|#\s*mypy:", token.string):
                continue
            ignores += 1
            if not re.search(r"type: ignore\[[a-z, -]+\]  # \w", token.string):
                yield f"{name}:{token.start[0]} ignores the type checker without code and reason"
    if ignores * 1000 >= IGNORES_PER_1000_LINES * max(lines, 1000):
        yield f"the type checker is ignored {ignores} times in {lines} lines"


def test_the_package_is_in_shape():
    assert list(complaints(PACKAGE)) == []


GOOD = {
    "the longest module": ("span.py", "\n" * 400),
    "the longest body": ("span.py", "def start():\n    '''Says\n    much.'''\n" + "    pass\n" * 60),
    "the biggest class": (
        "span.py",
        "class Span:\n" + "".join(f"    def do_{i}(self): ...\n" for i in range(20)) + "    def _more(self): ...\n",
    ),
    "cleaning up": ("span.py", "try:\n    pass\nexcept BaseException:\n    print()\n    raise\n"),
    "cleaning up by name": ("span.py", "try:\n    pass\nexcept Exception as error:\n    print()\n    raise error\n"),
    "the guard": ("_guard.py", "try:\n    pass\nexcept Exception:\n    pass\n"),
    "a context copied": ("patches/threads.py", "import contextvars\ncontextvars.copy_context()\n"),
    "the context variable": ("recording/current.py", "from contextvars import ContextVar\nx = ContextVar('x')\n"),
    "threads patched": ("patches/threads.py", "import threading\nwrap(threading.Thread, 'start')\nthreading.Lock()\n"),
    "the sender": ("export/sender.py", "import threading\nthreading.Thread(target=print)\n"),
    "the clock": ("_clock.py", "from time import time_ns\n"),
    "a time read by nobody": ("cli/show.py", "import datetime\ndatetime.datetime.fromtimestamp(1)\n"),
    "requests patched": ("patches/requests.py", "import requests\n"),
    "settings": ("options.py", "import os\nos.environ.get('X')\n"),
    "another environ": ("middleware/wsgi.py", "import os\nos.getpid()\nenviron['PATH_INFO']\n"),
    "a door": ("wire/__init__.py", "'''Bytes.'''\n\nfrom .codec import Codec\n\n__all__ = ['Codec']\n"),
    "an ignore in order": ("span.py", "x = 1  # type: ignore[arg-type]  # the stub is wrong\n"),
}

BAD = {
    "a long module": ("span.py", "\n" * 401, "has 401 lines"),
    "a long body": ("span.py", "def start():\n" + "    pass\n" * 61, "body of 61 lines"),
    "a long coroutine": ("span.py", "async def start():\n" + "    pass\n" * 61, "body of 61 lines"),
    "a god": (
        "span.py",
        "class Span:\n" + "".join(f"    async def do_{i}(self): ...\n" for i in range(21)),
        "21 public methods",
    ),
    "a drawer": ("utils.py", "", "is a drawer"),
    "a hidden drawer": ("recording/_helpers.py", "", "is a drawer"),
    "a folder of drawers": ("common/span.py", "", "is a drawer"),
    "except Exception": ("span.py", "try:\n    pass\nexcept Exception:\n    print()\n", "catches everything"),
    "bare except": ("span.py", "try:\n    pass\nexcept:\n    print()\n", "catches everything"),
    "broad among others": (
        "span.py",
        "try:\n    pass\nexcept (KeyError, BaseException):\n    0\n",
        "catches everything",
    ),
    "another error raised": (
        "span.py",
        "try:\n    pass\nexcept Exception:\n    raise KeyError\n",
        "catches everything",
    ),
    "suppress": ("span.py", "import contextlib\nwith contextlib.suppress(Exception):\n    pass\n", "suppresses"),
    "a context variable": ("api.py", "from contextvars import ContextVar\nx = ContextVar('x')\n", "context variables"),
    "a context variable, dotted": (
        "api.py",
        "import contextvars\nx = contextvars.ContextVar('x')\n",
        "context variables",
    ),
    "a thread": ("store/writer.py", "import threading\nthreading.Thread(target=print)\n", "uses threads"),
    "a thread by another name": ("a.py", "from threading import Thread as T\nT(target=print)\n", "uses threads"),
    "a timer": ("a.py", "import threading\nthreading.Timer(1, print)\n", "uses threads"),
    "a pool": ("a.py", "from concurrent.futures import ThreadPoolExecutor as Pool\nPool(2)\n", "uses threads"),
    "a kind of thread": ("a.py", "import threading\nclass Sender(threading.Thread): ...\n", "uses threads"),
    "a threading server": ("a.py", "import http.server\nhttp.server.ThreadingHTTPServer(x)\n", "uses threads"),
    "time": ("span.py", "def now():\n    import time\n", "uses time"),
    "time, a function": ("span.py", "from time import time\n", "uses time"),
    "datetime": ("a.py", "from datetime import datetime, timezone\ndatetime.now(timezone.utc)\n", "uses time"),
    "a fork hook": ("a.py", "import os\nos.register_at_fork()\n", "fork hooks"),
    "requests": ("transport/file.py", "from requests.adapters import HTTPAdapter\n", "uses requests"),
    "requests for the type checker": ("a.py", "if TYPE_CHECKING:\n    import requests\n", "uses requests"),
    "environ": ("store/writer.py", "import os\nos.environ['HOME']\n", "the environment"),
    "environ imported": ("store/writer.py", "from os import environ\n", "the environment"),
    "getenv": ("store/writer.py", "import os\nos.getenv('HOME')\n", "the environment"),
    "code in a door": ("wire/__init__.py", "'''Bytes.'''\nimport json\n", "code in a door"),
    "a function in a door": ("wire/__init__.py", "'''Bytes.'''\ndef open(): ...\n", "code in a door"),
    "an untold door": ("wire/__init__.py", "", "without a docstring"),
    "a bare ignore": ("a.py", "x = 1  # type: ignore\n", "without code and reason"),
    "an ignore without reason": ("a.py", "x = 1  # type: ignore[arg-type]\n", "without code and reason"),
    "a module ignored": ("a.py", "# mypy: ignore-errors\n", "without code and reason"),
    "too many ignores": ("a.py", "x = 1  # type: ignore[arg-type]  # a reason\n" * 2, "is ignored 2 times"),
}


def write(folder, name, source):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


@pytest.mark.parametrize(("name", "source"), GOOD.values(), ids=GOOD)
def test_what_is_in_shape_passes(tmp_path, name, source):
    write(tmp_path, name, source)
    assert list(complaints(tmp_path)) == []


@pytest.mark.parametrize(("name", "source", "complaint"), BAD.values(), ids=BAD)
def test_what_is_out_of_shape_is_found(tmp_path, name, source, complaint):
    write(tmp_path, name, source)
    found = list(complaints(tmp_path))
    assert any(complaint in sentence for sentence in found), found

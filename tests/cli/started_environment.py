"""A virtual environment in which programs are started with `INSTRUMENT_AUTO=1`, and what was recorded of them."""

import subprocess
import sys
import sysconfig

from instrument.store.reading import Reader
from tests.examples.sink import LIMIT, ROOT

MODULE = "def place():\n    return 14\n"


class Environment:
    """A virtual environment that has the package, and no pip."""

    def __init__(self, folder):
        self.folder = folder
        self.store = folder / "traces.db"
        command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(command, check=True, timeout=LIMIT, capture_output=True)
        [self.packages] = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
        self.link = self.packages / "a_tree.pth"
        self.link.write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
        (self.packages / "orders.py").write_text(MODULE, encoding="utf-8")

    @property
    def python(self):
        """The interpreter."""
        return str(self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))

    def variables(self, given):
        """What a program finds around it: nothing of ours but what is given."""
        return {"XDG_STATE_HOME": str(self.folder), "INSTRUMENT_SHUTDOWN_TIMEOUT": "30", **given}

    def run(self, *words, **variables):
        """Exit code, standard output and standard error of the environment's Python."""
        done = subprocess.run(
            [self.python, *words],
            cwd=self.folder,
            env=self.variables(variables),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def traced(self, *words, **variables):
        """What was said, and the names of what was recorded, with `INSTRUMENT_AUTO=1`."""
        said = self.run(*words, **self.tracing(), **variables)
        return said, [root.name for trace in self.traces() for root in trace.roots]

    def tracing(self):
        """The variables that have a program traced, from an empty store on."""
        self.store.unlink(missing_ok=True)
        traced = {"INSTRUMENT_AUTO": "1", "INSTRUMENT_TRACE": "orders:place", "INSTRUMENT_EXPORTER": "local"}
        return {"INSTRUMENT_STORE_PATH": str(self.store), **traced}

    def traces(self):
        """What was recorded."""
        if not self.store.exists():
            return []
        with Reader(self.store) as reader:
            return [reader.trace(summary.trace_id) for summary in reader.recent(100)]

    def install(self):
        """Put the start-up file there, as a user does."""
        code, out, errors = self.run("-m", "instrument", "install-startup")
        assert (code, errors) == (0, "") and str(self.packages) in out

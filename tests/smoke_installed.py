"""Run by a fresh interpreter that has nothing but the built package: does what was packed work?

The argument is the folder of the source, from which nothing may come.
"""

import importlib
import pkgutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

FRAMEWORKS = {"asgiref", "celery", "django", "fastapi", "flask", "jinja2", "markupsafe", "pytest", "starlette"}
"""What some modules need and this environment has not."""


def everything_can_be_imported(package):
    names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    for name in names:
        if name.rpartition(".")[2] == "__main__":
            continue
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            assert missing in FRAMEWORKS, f"{name} needs {missing}"
    return len(names)


def a_trace_is_recorded(package):
    memory = importlib.import_module("instrument.exporters").Memory()
    package.init(exporter=memory)
    with package.transaction(op="job", name="nightly"), package.span("encode", "parse avatar images"):
        pass
    assert package.flush(10), "not flushed"
    [transaction] = memory.transactions
    assert transaction.name == "nightly"
    assert [(span.op, span.description) for span in transaction.spans] == [("encode", "parse avatar images")]
    assert package.close(10), "not closed"


def the_page_is_complete():
    pages = importlib.import_module("instrument.viewer.pages")
    assert all(page.body for page in pages.read_pages().values())


def the_command_answers(*command):
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "show" in done.stdout, done.stdout


def main(source):
    import instrument

    here = Path(instrument.__file__).parent
    assert Path(source).resolve() not in here.resolve().parents, f"{here} is the source, not the installed package"
    assert (here / "py.typed").is_file()
    version = metadata.version("instrument-traces")
    a_trace_is_recorded(instrument)
    the_page_is_complete()
    the_command_answers("instrument")
    the_command_answers(sys.executable, "-m", "instrument")
    print(f"instrument-traces {version}: {everything_can_be_imported(instrument)} modules, all well")


if __name__ == "__main__":
    main(sys.argv[1])

"""Programs of people who never heard of us say and do under `instrument run` what they say and do without."""

import importlib.util
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from tests.examples.sink import LIMIT, environment
from tests.transport.servers import until

FILES = {
    "page.html": "<p>page</p>",
    "shop/__init__.py": "",
    "shop/settings.py": "SECRET_KEY = 'x'\nDEBUG = True\nALLOWED_HOSTS = ['*']\nROOT_URLCONF = 'shop.urls'\n"
    "USE_TZ = True\n"
    "INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'shop']\n"
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
    "DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n",
    "shop/urls.py": "from django.http import HttpResponse\nfrom django.urls import path\n"
    "urlpatterns = [path('', lambda request: HttpResponse('shop')), path('broken', lambda request: 1 / 0)]\n",
    "shop/tests.py": "from django.contrib.auth.models import User\nfrom django.test import TestCase\n"
    "class Shop(TestCase):\n"
    "    def test_page(self):\n        self.assertEqual(self.client.get('/').content, b'shop')\n"
    "    def test_user(self):\n        with self.assertNumQueries(1):\n            User.objects.create(username='a')\n"
    "    def test_wrong(self):\n        self.assertEqual(User.objects.count(), 1)\n",
    "manage.py": "import os, sys\n"
    "if __name__ == '__main__':\n"
    "    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
    "    from django.core.management import execute_from_command_line\n"
    "    execute_from_command_line(sys.argv)\n",
    "web.py": "import logging\nfrom flask import Flask\napp = Flask(__name__)\n"
    "@app.route('/')\ndef index():\n    app.logger.warning('asked')\n    return 'web'\n"
    "@app.route('/broken')\ndef broken():\n    return 1 / 0\n"
    "@app.cli.command()\ndef sell():\n    print(app.test_client().get('/').text)\n"
    "    print(app.test_client().get('/broken').status)\n    raise SystemExit(5)\n",
    "test_shop.py": "import logging, os, sqlite3, subprocess, sys, threading, urllib.request, warnings\nimport pytest\n"
    "def test_passes(capsys, caplog, monkeypatch):\n"
    "    print('out')\n    logging.getLogger('shop').error('logged')\n"
    "    assert capsys.readouterr().out == 'out\\n' and caplog.messages == ['logged']\n"
    "def test_fails():\n    price = 7\n    assert price == 8\n"
    "def test_breaks():\n    assert sqlite3.connect(':memory:').execute('SELECT 7').fetchone() == (8,)\n"
    "def test_warns():\n    warnings.warn('old')\n"
    "def test_in_a_thread():\n"
    "    thread = threading.Thread(target=lambda: 1 / 0)\n    thread.start()\n    thread.join()\n"
    "def test_starts():\n"
    "    assert subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout.strip() == b'1'\n"
    "    with pytest.raises(FileNotFoundError):\n        subprocess.run(['no such program'])\n"
    "def test_cannot_reach():\n"
    "    with pytest.raises(OSError):\n        urllib.request.urlopen('http://127.0.0.1:9/', timeout=5)\n"
    "@pytest.mark.skip(reason='not today')\ndef test_skipped():\n    pass\n",
}
PROGRAMS = {
    "manage.py test": ["manage.py", "test", "--verbosity", "2"],
    "manage.py migrate": ["manage.py", "migrate"],
    "manage.py with a mistake": ["manage.py", "chekc"],
    "django": ["-m", "django", "diffsettings", "--settings", "shop.settings"],
    "flask routes": ["-m", "flask", "--app", "web", "routes"],
    "a Flask command": ["-m", "flask", "--app", "web", "sell"],
    "pytest": ["-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-v", "test_shop.py"],
    "unittest": ["-m", "unittest", "-v", "no.such.test"],
    "pip list": ["-m", "pip", "list", "--disable-pip-version-check"],
    "pip, without its package": ["-m", "pip", "show", "no-such-package"],
    "timeit": ["-m", "timeit", "-n", "1", "-r", "1", "-u", "sec", "-s", "raise SystemExit(4)"],
    "zipfile": ["-m", "zipfile", "-l", "nowhere.zip"],
    "compileall": ["-m", "compileall", "-q", "shop"],
}
TIMES = re.compile(
    r"\b\d+\.\d+ ?s\b|[=]{3,}|0x[0-9a-f]+|Thread-\d+|\d\d:\d\d:\d\d(?:,\d{3})?|127\.0\.0\.1:\d{4,}|port \d+"
)
"""What differs from one run to the next."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("programs")
    for name, text in FILES.items():
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    return made


def variables(tmp_path):
    return environment(PYTHONDONTWRITEBYTECODE="1", COLUMNS="100", INSTRUMENT_STORE_PATH=str(tmp_path / "traces.db"))


def ended(folder, tmp_path, words):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=variables(tmp_path),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return done.returncode, alike(done.stdout), alike(done.stderr)


def alike(text):
    return TIMES.sub("~", text).splitlines()


@pytest.mark.parametrize("words", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_says_and_ends_as_it_does_without_us(folder, tmp_path, words):
    if words[:2] == ["-m", "pip"] and not importlib.util.find_spec("pip"):
        pytest.skip("needs pip")
    expected = ended(folder, tmp_path, words)
    assert any(expected[1] + expected[2]) or words[1] == "compileall"
    assert ended(folder, tmp_path, ["-m", "instrument", "run", *words]) == expected


SERVERS = {
    "http.server": (["-m", "http.server", "--bind", "127.0.0.1", "0"], ["/page.html", "/nowhere", "/shop/"]),
    "Flask": (["-m", "flask", "--app", "web", "run", "--port", "0"], ["/", "/broken", "/nowhere"]),
    "Django": (["manage.py", "runserver", "--noreload", "127.0.0.1:0"], ["/", "/broken"]),
}


def served(folder, tmp_path, words, pages):
    """What a server answers, and says, until it is interrupted; and how it ends then."""
    process = subprocess.Popen(
        [sys.executable, "-u", *words],
        cwd=folder,
        env=variables(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, ready, ports = [], threading.Event(), []

    def listen():
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                ports.append(int(found[1]))
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert ready.wait(LIMIT) and ports, said
        answers = [answered(f"http://127.0.0.1:{ports[0]}{page}") for page in pages]
        # Some log a request after they have answered it.
        assert until(lambda: all(f"GET {page} HTTP" in "".join(said) for page in pages), LIMIT), said
        process.send_signal(signal.SIGINT)
        code = process.wait(LIMIT)
    finally:
        process.kill()
        process.wait()
        listener.join(LIMIT)
        process.stdout.close()
    return answers, code, alike("".join(said))


def answered(url):
    try:
        with urllib.request.urlopen(url, timeout=LIMIT) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")
@pytest.mark.parametrize("name", SERVERS)
def test_a_server_answers_and_says_what_it_does_without_us(folder, tmp_path, name):
    words, pages = SERVERS[name]
    expected = served(folder, tmp_path, words, pages)
    assert served(folder, tmp_path, ["-m", "instrument", "run", *words], pages) == expected

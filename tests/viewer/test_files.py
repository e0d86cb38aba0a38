"""The files of the page: all of them are served, small, and none of them makes markup of text."""

import configparser
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

import instrument.viewer
from instrument.viewer.pages import FILES

FOLDER = Path(instrument.viewer.__file__).with_name("static")
LINES = 400
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|srcdoc"
    r"|\beval\b|new Function|javascript:|\bon(?:click|error|load)=|setAttribute\(\"(?:style|on)"
)
"""The ways in which a text becomes markup or a script."""


def test_the_table_holds_what_is_in_the_folder():
    assert sorted(FILES) == sorted(path.name for path in FOLDER.iterdir())


def test_the_package_is_built_with_all_of_them():
    settings = configparser.ConfigParser()
    settings.read(Path(__file__).parent.parent.parent / "setup.cfg", "utf-8")
    packed = settings["options.package_data"]["instrument.viewer"].split(", ")
    assert [name for name in FILES if not any(fnmatch(f"static/{name}", pattern) for pattern in packed)] == []


@pytest.mark.parametrize("name", FILES)
def test_no_file_makes_markup_of_text_or_asks_another_place(name):
    text = (FOLDER / name).read_text("utf-8")
    assert MARKUP.findall(text) == []
    assert len(text.splitlines()) <= LINES
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)|//cdn", text) == []
    assert "style=" not in text


def test_what_one_file_takes_from_another_is_there():
    for name in FILES:
        text = (FOLDER / name).read_text("utf-8")
        for names, source in re.findall(r'import \{ ([^}]+) \} from "\./([^"]+)"', text):
            other = (FOLDER / source).read_text("utf-8")
            for taken in names.split(", "):
                assert re.search(rf"export (?:async )?(?:function|class|const) {taken}\b", other), (name, taken)
        for source in re.findall(r'(?:href|src)="/([^"]+)"', text):
            assert (FOLDER / source).exists()

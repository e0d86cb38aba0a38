"""The page in a real browser, over what a real program has recorded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.viewer.asking import viewing
from tests.viewer.program import MARKUP

ROOT = Path(__file__).parent.parent.parent


def record(path, *what):
    own = {"PYTHONPATH": str(ROOT), "INSTRUMENT_STORE_PATH": str(path)}
    subprocess.run(
        [sys.executable, "-m", "tests.viewer.program", *what], check=True, env={**os.environ, **own}, cwd=ROOT
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "traces.db"
    record(path, "checkout", "2000")
    return path


@pytest.fixture
def viewer(path):
    with viewing(path) as viewer:
        yield viewer


def opened(tab, name):
    """Open the trace of the list that has this name, with a click."""
    tab.wait("document.querySelectorAll('tbody tr').length >= 2")
    at = tab.texts("tbody a .name").index(name)
    tab.click(f"tbody tr:nth-child({at + 1}) td.spans")
    tab.wait("document.querySelectorAll('[role=treeitem]').length > 3")


def labels(tab):
    return tab.texts("[role=treeitem] .label .name")


def is_ours_still(tab):
    """Nothing that was recorded has become an element, and no script of it has run."""
    assert tab.ask("document.querySelectorAll('img, svg, b, i').length") == 0
    assert tab.ask("document.title") != "owned"
    assert tab.complaints == []


def test_the_list_shows_what_was_recorded_and_the_address_no_token(chrome, viewer):
    with chrome.tab(viewer.address()) as tab:
        tab.wait("document.querySelectorAll('tbody tr').length == 2")
        assert tab.texts("tbody a") == [f"job{MARKUP}", "http.serverPOST /checkout"]
        assert tab.texts("tbody .spans") == ["4,001", "6"]
        assert tab.texts("tbody .errors") == ["", "1"]
        assert tab.texts("tbody .processes") == ["shop", "shop"]
        assert tab.ask("location.pathname + location.search") == "/"
        assert tab.ask("document.cookie") == ""
        is_ours_still(tab)


def test_a_trace_is_a_tree_in_the_right_order_and_markup_stays_text(chrome, viewer):
    with chrome.tab(viewer.address()) as tab:
        opened(tab, "POST /checkout")
        assert labels(tab) == [
            "POST /checkout",
            "SELECT ?",
            "GET stock",
            MARKUP,
            "charge",
            f"ValueError: cannot charge {MARKUP}",
            "receipt",
        ]
        levels = tab.ask("[...document.querySelectorAll('[role=treeitem]')].map(row => row.ariaLevel).join('')")
        assert levels == "1223232"
        bars = tab.ask(
            "[...document.querySelectorAll('.span-bar')].map(bar => bar.getBoundingClientRect())"
            ".map(box => [box.left, box.right])"
        )
        starts = [left for left, _ in bars]
        assert starts == sorted(starts)
        assert tab.texts(".mark") == ["late"]
        is_ours_still(tab)


def test_keys_lead_through_the_tree_and_open_what_is_known(chrome, viewer):
    with chrome.tab(viewer.address()) as tab:
        opened(tab, "POST /checkout")
        selected = "document.querySelector('[aria-selected=true]')?.querySelector('.name').innerText"
        tab.press("ArrowDown")
        tab.wait(f"{selected} == 'SELECT ?'")
        tab.press("Enter")
        tab.wait("document.querySelector('.details')?.innerText.includes('deep')")
        assert MARKUP in tab.texts(".details .values dt")
        tab.press("ArrowLeft")
        tab.wait(f"{selected} == 'POST /checkout'")
        tab.wait("document.querySelector('.details').innerText.includes('region')")
        assert MARKUP in tab.texts(".details .values dd")
        tab.press("ArrowLeft")
        tab.wait("document.querySelectorAll('[role=treeitem]').length == 1")
        assert tab.ask("document.querySelector('[role=treeitem]').ariaExpanded") == "false"
        tab.press("ArrowRight")
        tab.wait("document.querySelectorAll('[role=treeitem]').length == 7")
        tab.press("e", "e")
        tab.wait("document.querySelectorAll('.details .crumbs').length == 1")
        assert tab.ask("document.querySelector('.crumbs').innerText").count(MARKUP) == 4
        assert tab.texts(".exception .kind") == ["ValueError", "KeyError"]
        assert tab.texts(".cause") == ["caused by"]
        assert 'raise ValueError(f"cannot charge {amount}") from inner' in tab.texts(".source .here code")[0]
        assert tab.texts(".locals dt")[:1] == ["amount"]
        is_ours_still(tab)
        tab.press("Escape")
        tab.wait("document.querySelector('.details').hidden")
        tab.press("Escape")
        tab.wait("location.pathname == '/' && document.querySelectorAll('tbody tr').length == 2")
        tab.press("ArrowDown")
        tab.wait("document.activeElement.pathname?.startsWith('/trace/')")


def test_thousands_of_spans_are_a_few_elements(chrome, viewer):
    with chrome.tab(viewer.address()) as tab:
        opened(tab, MARKUP)
        assert tab.ask("document.querySelectorAll('[role=treeitem]').length") < 100
        assert tab.ask("document.querySelector('.sheet').getBoundingClientRect().height") > 4000 * 20
        tab.press("/")
        tab.wait("document.activeElement.type == 'search'")
        tab.write("file 1999")
        tab.wait("document.querySelector('.count').innerText == '1 found'")
        tab.press("Enter")
        tab.wait("document.querySelector('[aria-selected=true] .name')?.innerText == 'file 1999'")
        active = "document.querySelector('.rows').getAttribute('aria-activedescendant')"
        assert tab.ask(f"document.getElementById({active}).ariaSelected") == "true"
        tab.press("Escape", "ArrowLeft", "ArrowLeft", "ArrowLeft")
        tab.wait("document.querySelectorAll('[role=treeitem]').length == 1")
        assert tab.texts(".mark") == ["+4,000"]
        is_ours_still(tab)


def test_the_search_is_that_of_the_command(chrome, viewer):
    with chrome.tab(viewer.address()) as tab:
        tab.wait("document.querySelectorAll('tbody tr').length == 2")
        tab.press("/")
        tab.write("op:http.client stock")
        tab.wait("document.querySelectorAll('tbody tr').length == 1")
        assert tab.texts("tbody .name") == ["POST /checkout"]
        tab.press("Escape")
        tab.wait("document.querySelectorAll('tbody tr').length == 2")
        tab.click(".switch input")
        tab.wait("document.querySelectorAll('tbody tr').length == 1")
        tab.press("/")
        tab.write("min:soon")
        tab.wait("document.querySelector('.notice').innerText.includes('is not a time')")
        is_ours_still_but_for_refusals(tab)


def is_ours_still_but_for_refusals(tab):
    """The browser notes every answer that is not 200 among its complaints."""
    tab.complaints = [one for one in tab.complaints if "400" not in one.get("entry", {}).get("text", "")]
    is_ours_still(tab)


def test_before_anything_is_recorded_the_page_says_how_and_then_follows(chrome, tmp_path):
    path = tmp_path / "traces.db"
    with viewing(path) as viewer, chrome.tab(viewer.address(), dark=True) as tab:
        tab.wait("document.querySelector('.words')?.innerText.includes('Nothing has been recorded yet')")
        assert "instrument.init()" in tab.ask("document.querySelector('.words pre').innerText")
        assert str(path) in tab.ask("document.querySelector('.words').innerText")
        record(path, "checkout")
        tab.wait("document.querySelectorAll('tbody tr').length == 1")
        is_ours_still(tab)


def test_a_damaged_store_is_said_on_the_page(chrome, tmp_path):
    path = tmp_path / "traces.db"
    path.write_bytes(b"no database " * 1000)
    with viewing(path) as viewer, chrome.tab(viewer.address()) as tab:
        tab.wait("document.querySelector('.notice')?.innerText.includes('is damaged')")


def test_a_tab_that_outlives_the_viewer_says_so(chrome, path):
    with viewing(path) as viewer:
        address = viewer.address()
        with chrome.tab(address) as tab:
            tab.wait("document.querySelectorAll('tbody tr').length == 2")
            viewer.close()
            tab.wait("document.querySelector('.notice').innerText.includes('The viewer has ended')")
            assert len(tab.texts("tbody tr")) == 2


def test_another_sites_page_learns_nothing(chrome, viewer):
    """The browser that has the cookie asks us for it, and is refused."""
    with viewing(viewer.answers.path) as other, chrome.tab(viewer.address()) as tab:
        tab.wait("document.querySelectorAll('tbody tr').length == 2")
        port = viewer.port
        with chrome.tab(other.address()) as stranger:
            stranger.wait("document.querySelectorAll('tbody tr').length == 2")
            assert (
                stranger.ask(
                    f"fetch('http://127.0.0.1:{port}/api/traces', {{credentials: 'include'}}).then(() => 1, () => 0)"
                )
                == 0
            )

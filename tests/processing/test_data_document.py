"""docs/data.md says what is so."""

import re
from pathlib import Path

import instrument
from instrument._option_kinds import SCRUB_NAMES
from instrument.exporters import Memory
from instrument.options import ScrubRules
from instrument.processing.secret_keys import KeyRules
from instrument.processing.secret_texts import TextRules

TEXT = (Path(__file__).parent.parent.parent / "docs" / "data.md").read_text("utf-8")


def test_its_programs_run(monkeypatch):
    init = instrument.init
    monkeypatch.setattr(instrument, "init", lambda **options: init(exporter=Memory(), **options))
    exec("\n".join(re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)), {})


def test_every_rule_is_in_its_table_and_exists():
    listed = set(re.findall(r"`([a-z_]+)`", TEXT.partition("## What is removed")[2].partition("Names are compared")[0]))
    keys = KeyRules(ScrubRules(), send_pii=False)
    named = {name for name, _ in keys._rules} | {name for name, _, _ in TextRules(ScrubRules(), keys)._shapes} | {"sql"}
    assert named == set(SCRUB_NAMES)
    assert set(SCRUB_NAMES) <= listed


def test_it_fits_one_page():
    assert len(TEXT.splitlines()) <= 110

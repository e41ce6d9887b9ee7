"""What the documentation says of limits, flags and metrics is what the server has."""

import dataclasses
import json
import re

import pytest

from ktrain_sentiment.commands.helptext import flags_by_group
from ktrain_sentiment.commands.serve import Flags
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.serve.instruments import Instruments
from ktrain_sentiment.serve.limits import Limits
from support.process import ROOT

PAGE = (ROOT / "docs" / "serving.md").read_text()
ABOUT = {flag.name: flag.about for _, flags in flags_by_group(Flags) for flag in flags}
FIELDS = {field.name: field.default for field in dataclasses.fields(Limits)}


@pytest.mark.parametrize("name", FIELDS)
def test_each_limit_stands_in_the_table_with_its_default_and_its_status(name):
    flag = "--" + name.replace("_", "-")
    (row,) = re.findall(rf"^\| .*`{flag}`\) \| (\S+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert float(row[0]) == FIELDS[name]
    status = re.search(r"more: (\d+)", ABOUT[name])
    assert status is None or row[1].startswith(status[1])


def test_each_limit_is_a_flag_with_the_same_default():
    flags = {field.name: field.default for field in dataclasses.fields(Flags)}
    assert {name: flags[name] for name in FIELDS} == FIELDS


def test_limits_that_nothing_fits_in_are_refused():
    with pytest.raises(ConfigError, match="--max-queue 0: wanted a number above 0"):
        Limits(max_queue=0)


def test_the_dashboard_asks_for_metrics_that_there_are():
    dashboard = (ROOT / "examples" / "serving" / "grafana.json").read_text()
    panels = json.loads(dashboard)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 8
    known = set(re.findall(r"# TYPE (\S+)", Instruments().render().decode()))
    asked = set(re.findall(r"sentiment_\w+", dashboard))
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} <= known

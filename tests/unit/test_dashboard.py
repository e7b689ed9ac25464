"""The dashboard: panels in their places, about metrics that exist, under the names that alerts give them."""

import json
import re
from itertools import product

import yaml

from scripts.paths import CONFIG
from scripts.reference.metrics import declared
from tests.monitoring import dashboard

GATEWAY = {"haproxy_frontend_http_responses_total", "haproxy_backend_current_queue", "haproxy_backend_active_servers"}


def cells(panel):
    place = panel["gridPos"]
    columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return set(product(columns, rows))


def test_panels_do_not_overlap_and_leave_no_gap():
    taken, panels = set(), dashboard.panels()
    for panel in panels:
        assert not taken & cells(panel), panel["title"]
        taken |= cells(panel)
    assert taken == set(product(range(24), range(1 + max(row for _, row in taken))))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert dashboard.row("Gateway") >= {"Waiting at the gateway"}


def test_queries_ask_for_metrics_that_exist():
    queries = [target["expr"] for panel in dashboard.panels() for target in panel.get("targets", ())]
    names = {metric.name for section in ("model_metrics", "ts_metrics") for metric in declared(section)}
    asked = set(re.findall(r"\b(\w+){", " ".join(queries)))
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert len(asked) > 10
    assert asked - GATEWAY <= names
    assert asked >= GATEWAY


def test_every_variable_of_a_query_is_one_of_the_dashboard():
    content = json.loads(dashboard.FILE.read_text())
    names = {each["name"] for each in content["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(content["panels"]))) - {"__rate_interval", "1"} == names


def test_alerts_name_panels_that_are_there():
    rules = (CONFIG / "prometheus" / "alerts.yaml").read_text()
    actions = [rule["annotations"]["action"] for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]]
    named = set(re.findall(r'The panel "([^"]+)"', " ".join(actions)))
    assert len(named) == 2
    assert named <= {panel["title"] for panel in dashboard.panels()}


def test_a_query_and_a_name_as_grafana_would_have_them():
    assert dashboard.chosen('rate(a{b=~"$model"}[$__rate_interval])', "8s") == 'rate(a{b=~".*"}[8s])'
    assert dashboard.named("{{task}} p50", {"task": "rerank"}) == "rerank p50"
    assert dashboard.named("__auto", {}) == ""

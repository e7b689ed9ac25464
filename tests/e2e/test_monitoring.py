"""The dashboard on a real Prometheus, which asks a real server and a real HAProxy under traffic."""

import json
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
import requests
import yaml

from scripts.paths import CONFIG
from scripts.top import exposition, figures
from tests.e2e.conftest import free_port, wait_for
from tests.monitoring import dashboard, prometheus, scenario, traffic

SECONDS, CLIENTS = 6, 4
INTERVAL = "8s"  # as Grafana's, four times Prometheus' own and more
EMPTY_WHEN_WELL = {("Restarts", "workers of {{ModelName}}")}
"""Queries without an answer while no worker has died."""
HAPROXY = scenario.haproxy()


def rules():
    content = yaml.safe_load((CONFIG / "prometheus" / "alerts.yaml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is missing: apt-get install prometheus"
)


@pytest.fixture(scope="module")
def gateway(server):
    """Ports of a HAProxy in front of the server, and of its exporter; of the server and of nobody without HAProxy."""
    with scenario.gateway(server.port) if HAPROXY else nullcontext((server.port, free_port())) as ports:
        yield ports


@pytest.fixture(scope="module")
def watched(server, gateway, tmp_path_factory):
    """A Prometheus that has seen some seconds of traffic."""
    door, exporter = gateway
    jobs = {"bert": f"127.0.0.1:{server.port + 2}", "gateway": f"127.0.0.1:{exporter}"}
    with prometheus.running(tmp_path_factory.mktemp("prometheus") / "own", jobs) as found:
        wait_for(lambda: found.up().get("bert"), "the first scrape")
        traffic.send(f"http://127.0.0.1:{door}/predictions/bert", SECONDS, CLIENTS)
        time.sleep(2)  # counters are written each second, and read each second
        yield found


def test_both_jobs_answer(watched):
    assert watched.up() == {"bert": True, "gateway": HAPROXY is not None}


def test_every_query_of_every_panel_has_an_answer(watched):
    panels = dashboard.panels()
    titles = {panel["title"] for panel in panels}
    unanswered = set()
    for panel in panels:
        for target in panel.get("targets", ()):
            series = watched.query(dashboard.chosen(target["expr"], INTERVAL))
            if all(each["value"][1] == "NaN" for each in series):
                unanswered.add((panel["title"], target["legendFormat"]))
            for label in dashboard.labels(target["legendFormat"]):
                assert all(label in each["metric"] for each in series), (panel["title"], label)
    absent = {(title, name) for title, name in unanswered if HAPROXY or title not in dashboard.row("Gateway")}
    assert absent <= EMPTY_WHEN_WELL
    assert {title for title, _ in EMPTY_WHEN_WELL} <= titles


def test_counters_named_bucket_are_histograms_to_prometheus(watched):
    """Their quantiles lie between the fastest and the slowest, and rise."""
    shares = (0.01, 0.5, 0.9, 0.99)
    rates = f'sum by (le) (rate(bert_request_seconds_bucket{{ModelName="bert"}}[{INTERVAL}]))'
    quantiles = [float(watched.query(f"histogram_quantile({share}, {rates})")[0]["value"][1]) for share in shares]
    assert 0 < quantiles[0] < quantiles[-1] < 50
    assert quantiles == sorted(quantiles)
    mean = watched.query("sum(bert_request_seconds_sum) / sum(bert_request_seconds_count)")[0]["value"][1]
    assert quantiles[0] < float(mean) < 50


def test_every_request_is_counted_once_by_status(watched):
    """Those that could not be decoded, too."""
    found = {
        each["metric"]["status"]: float(each["value"][1])
        for each in watched.query('sum by (status) (bert_request_seconds_count{ModelName="bert"})')
    }
    assert {"200", "404", "422"} <= set(found)
    assert sum(found.values()) == float(watched.query('bert_requests{ModelName="bert"}')[0]["value"][1])


def test_variables_offer_what_there_is(watched):
    assert "bert" in watched.get("label/ModelName/values", **{"match[]": "bert_requests"})
    assert watched.get("label/instance/values", **{"match[]": "bert_requests"})


def test_rules_are_loaded_and_none_of_a_well_server_fires(watched):
    groups = watched.get("rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
    assert not [alert for alert in watched.get("alerts")["alerts"] if alert["state"] == "firing"]


ABSENT = re.compile(r'error_type="\w+"')
THRESHOLD = re.compile(r"\s(?:>|==) [\d.]+\s*$")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_what_rules_compare_has_a_value_on_a_real_server(watched, rule):
    """Else it would never fire, such as where labels of two sides do not fit.

    Errors of a kind that did not happen are replaced by others; of two sides with `unless`, both have the same labels.
    """
    if "bert_worker_restarts" in rule["expr"] or (HAPROXY is None and "gateway" in rule["alert"].lower()):
        pytest.skip("not in the metrics of a server that is well")
    expression = ABSENT.sub('error_type="invalid"', rule["expr"]).replace("== 0 and", "and")
    left, *right = expression.split("unless on (instance, model_name)")
    found = of_whom(watched.query(left if right else THRESHOLD.sub("", left)))
    assert found
    assert not right or of_whom(watched.query(*right)) == found


def of_whom(series):
    """Server and model of each value that is a number."""
    names = ("instance", "model_name")
    return {tuple(each["metric"].get(name) for name in names) for each in series if each["value"][1] != "NaN"}


def test_top_shows_the_quantiles_that_prometheus_computes(watched, server):
    values = exposition.parse(requests.get(f"http://127.0.0.1:{server.port + 2}/metrics", timeout=10).text)
    buckets = values.by("le", "bert_request_seconds_bucket", ModelName="bert")
    for share in (0.1, 0.5, 0.99):
        query = f'histogram_quantile({share}, sum by (le) (bert_request_seconds_bucket{{ModelName="bert"}}))'
        assert figures.quantile(share, buckets) == pytest.approx(1000 * float(watched.query(query)[0]["value"][1]))


def test_top_of_a_server_under_load(server):
    with ThreadPoolExecutor(1) as pool:
        traffic_seen = pool.submit(traffic.send, f"{server.url}/predictions/bert", 4, 2)
        found = json.loads(server("top", "--json", "--seconds", "3").stdout)
        assert traffic_seen.result() > 0
    bert, tiny = found["models"]
    assert bert["requests"] > 0
    assert bert["utilization"]["forward"] > 0
    assert 0 < bert["p50_ms"] <= bert["p99_ms"]
    assert (tiny["requests"], tiny["p99_ms"]) == (0, None)
    assert {worker["status"] for worker in bert["workers"]} == {"READY"}
    assert all(worker["memory_mib"] > 0 and worker["cpu"] is not None for worker in bert["workers"])


def test_top_without_a_terminal_prints_once(server):
    shown = server("top", "--seconds", "1").stdout
    assert "bert" in shown
    assert "READY" in shown

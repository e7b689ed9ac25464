"""The alert rules: well-formed, about metrics that exist, and each fires where it should."""

import re
import shutil
import subprocess

import pytest
import yaml

from scripts.cli import VERBS
from scripts.paths import CONFIG, ROOT

RULES = CONFIG / "prometheus" / "alerts.yaml"
CASES = ROOT / "tests" / "monitoring" / "alerts.yaml"
TOOL = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus")


def rules(file=RULES):
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def promtool(*words):
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=60)


def test_each_says_how_bad_it_is_and_what_to_do():
    for rule in rules():
        assert rule["for"], rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert len(rule["annotations"]["action"]) > 40
        for command in re.findall(r"`scripts/bert (\w+)", rule["annotations"]["action"]):
            assert command in {verb.__name__ for verb in VERBS}


def test_each_case_is_about_a_rule_and_each_rule_has_one_where_it_fires():
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in rules()}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names


def test_rules_ask_for_metrics_that_are_declared():
    declared = yaml.safe_load((CONFIG / "metrics.yaml").read_text())
    names = {
        entry["name"] for kind in ("ts_metrics", "model_metrics") for each in declared[kind].values() for entry in each
    }
    asked = set(re.findall(r"\b(?:bert|ts)_\w+|\bRequests\w+", " ".join(rule["expr"] for rule in rules())))
    assert len(asked) > 5
    assert asked <= names


@TOOL
def test_promtool_takes_them():
    checked = promtool("check", "config", CONFIG / "prometheus" / "prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules())} rules found" in checked.stdout
    passed = promtool("test", "rules", CASES)
    assert passed.returncode == 0, passed.stdout + passed.stderr


@TOOL
@pytest.mark.parametrize(
    "changed", [{"expr": "vector(1) > 2"}, {"expr": "vector(1)", "for": "0s"}], ids=["never", "always"]
)
def test_rules_that_fire_never_or_always_are_noticed(changed, tmp_path):
    content = yaml.safe_load(RULES.read_text())
    for group in content["groups"]:
        group["rules"] = [rule | changed for rule in group["rules"]]
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "cases.yaml").write_text(CASES.read_text().replace("../../config/prometheus/", ""))
    failed = promtool("test", "rules", tmp_path / "cases.yaml")
    noticed = set(re.findall(r"alertname: ?(\w+)", failed.stdout + failed.stderr))
    assert noticed == {rule["alert"] for rule in rules()}

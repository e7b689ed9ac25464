"""A Prometheus of one's own, on the shipped configuration with other addresses and shorter intervals."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from scripts.paths import CONFIG
from tests.e2e.conftest import free_port, wait_for

SHIPPED = CONFIG / "prometheus"
INTERVALS = ("scrape_interval", "evaluation_interval")

Series = list[dict[str, Any]]
"""Each with its labels, `metric`, and its `value` or `values`."""


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str

    def get(self, path: str, **query: Any) -> Any:
        """What its API answers."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression: str) -> Series:
        """The value of an expression now."""
        found: Series = self.get("query", query=expression)["result"]
        return found

    def query_range(self, expression: str, start: float, end: float, step: float) -> Series:
        """Its values from then to then."""
        found: Series = self.get("query_range", query=expression, start=start, end=end, step=step)["result"]
        return found

    def up(self) -> dict[str, bool]:
        """Which jobs answer."""
        return {each["metric"]["job"]: each["value"][1] == "1" for each in self.query("up")}


@contextmanager
def running(folder: Path, jobs: Mapping[str, str], interval: str = "1s") -> Iterator[Prometheus]:
    """Asks each job at its address, in that interval; the folder takes its configuration and its data."""
    content = yaml.safe_load((SHIPPED / "prometheus.yaml").read_text())
    content["global"] = dict.fromkeys(INTERVALS, interval)
    for job in content["scrape_configs"]:
        job["static_configs"] = [{"targets": [jobs[job["job_name"]]]}]
    folder.mkdir()
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(content))
    shutil.copy(SHIPPED / "alerts.yaml", folder)
    address = f"127.0.0.1:{free_port()}"
    options = (f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["prometheus", *options, f"--web.listen-address={address}"], stderr=log)
    try:
        wait_for(lambda: answers(f"http://{address}/-/ready"), f"Prometheus, see {folder / 'log'}")
        yield Prometheus(f"http://{address}")
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    """Whether somebody says 200 there."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False

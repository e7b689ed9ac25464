import os

import pytest

from handler import cores as module
from handler.cores import cores, quota


def write(group, files):
    for name, content in files.items():
        (group / name).parent.mkdir(exist_ok=True)
        (group / name).write_text(content)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
        ({"cpu.max": ""}, None),
    ],
)
def test_quotas_of_both_versions_of_control_groups(tmp_path, files, expected):
    write(tmp_path, files)
    assert quota(tmp_path) == expected


@pytest.mark.parametrize(("limit", "expected"), [("50000", 1), ("290000", 2), ("max", 4), ("6400000", 4)])
def test_no_more_cores_than_the_quota_pays_for(monkeypatch, tmp_path, limit, expected):
    write(tmp_path, {"cpu.max": f"{limit} 100000"})
    monkeypatch.setattr(module, "GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert cores() == expected

"""What `tests.hostile.overload` calls good."""

from tests.hostile.overload import ALONE, GATEWAY, faults, rounded

KEPT = {"times": 2, "ratio": 0.95, "own": 1.0, "p99": 500, "refused": 50}


def test_each_limit_can_be_missed():
    assert faults(GATEWAY, [KEPT, {**KEPT, "times": 5, "ratio": 0.9}]) == []
    assert faults(ALONE, [{**KEPT, "ratio": 0.85}, {**KEPT, "times": 5, "ratio": 0.75}]) == []
    assert faults(ALONE, [{**KEPT, "times": 5, "ratio": 0.74, "p99": 501}]) == [
        "TorchServe alone, 5 times as many: 0.74 of capacity, 0.75 wanted",
        "TorchServe alone, 5 times as many: p99 501 ms, 500 wanted",
    ]
    assert faults(GATEWAY, [{**KEPT, "ratio": 0.94}]) == [
        "behind the gateway, 2 times as many: 0.94 of capacity, 0.95 wanted"
    ]
    assert faults(GATEWAY, [{**KEPT, "refused": 51}]) == [
        "behind the gateway, 2 times as many: refused 51 ms, 50 wanted"
    ]


def test_nobody_who_was_refused_is_no_fault():
    run = {**KEPT, **rounded({"p99": 499.6, "refused": float("nan")})}
    assert (run["p99"], run["refused"]) == (500, None)
    assert faults(GATEWAY, [run]) == []

"""TorchServe's Java with its few changed bytes: nobody waits for company, and what waits is taken at once."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import requests

from scripts.load import stage_times
from scripts.packing import pack as packer
from scripts.server import scaling, state
from tests.e2e.conftest import wait_for

HELLO = {"inputs": "hello, how are you?"}
BATCH = 16


def described(cli, model):
    return requests.get(f"http://127.0.0.1:{cli.port + 1}/models/{model}", timeout=30).json()[0]


def test_no_delay_unless_one_is_asked_for(cli, tiny, tmp_path):
    cli.store = tmp_path / "store"
    for name, delay in (("lone", 1), ("patient", 5)):
        packer.pack(tiny, name, "1.0", {"maxBatchDelay": delay}, cli.store)
    assert "runs unchanged" not in cli("start").stderr
    assert [described(cli, name)["maxBatchDelay"] for name in ("lone", "patient")] == [0, 5]


def test_what_waits_while_a_worker_is_busy_is_its_next_batch(cli):
    cli("start", "tiny", "--workers", "1")
    server, metrics = state.read(cli.runs / str(cli.port) / "server.json"), f"http://127.0.0.1:{cli.port + 2}/metrics"
    (worker,) = cli.workers("tiny")
    before = stage_times.await_requests(metrics, {}, 1)  # of `start` itself
    with ThreadPoolExecutor(BATCH) as pool:
        with scaling.drain_workers(server, "/models/tiny", [f"tiny.{worker['pid']}"], monotonic() + 60, others=False):
            sent = [
                pool.submit(requests.post, f"{cli.url}/predictions/tiny", json=HELLO, timeout=60) for _ in range(BATCH)
            ]
            wait_for(lambda: described(cli, "tiny")["jobQueueStatus"]["pendingRequests"] == BATCH, "a full queue")
        assert [answer.result().status_code for answer in sent] == [200] * BATCH
    after = stage_times.await_requests(metrics, before, BATCH)
    shared = {key: after[key] - before[key] for key in ("bert_requests", "bert_batches")}
    assert shared["bert_requests"] - shared["bert_batches"] == BATCH - 1  # others, such as those of `start`, were alone

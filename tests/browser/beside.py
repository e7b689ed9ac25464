"""Each task of one archive in the page while clients load its server: an answer, a link opened anew, and an error."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from time import perf_counter

import requests
from playwright.sync_api import Browser

from handler.tasks import TASKS
from tests.browser.chromium import Visit
from tests.browser.drawn import CHECKS
from tests.browser.load import Load, clients
from tests.e2e.conftest import wait_for

CLIENTS, FEWEST = 16, 5
UNKNOWN = {"no_such_key": 1}
"""What every task refuses."""
PATIENCE = 120
ANSWERED = "200"


def loaded(browser: Browser, server: str) -> Iterator[str]:
    """What the page does beside clients, and that all of them were answered meanwhile.

    Raises:
        AssertionError: a drawing or an error is not that of the server, or a client got anything but answers.
    """
    url, seconds = f"{server}/predictions/bert/1.0", []
    tasks = [task for task in TASKS if task in requests.get(f"{url}/info", timeout=60).json()["tasks"]]
    assert len(tasks) >= FEWEST
    with clients(f"{url}/embedding", CLIENTS) as load:
        before = wait_for(more_than(load, [0] * CLIENTS), "an answer to each client", PATIENCE)
        for task in tasks:
            with Visit(browser, url) as visit:
                seconds.append(drive(visit, task))
        after = wait_for(more_than(load, before), "an answer to each client beside the page", PATIENCE)
        statuses = sum(map(Counter, load.counted()), Counter[str]())
    assert set(statuses) == {ANSWERED}, statuses
    yield (
        f"beside {CLIENTS} clients, who were answered {sum(after) - sum(before)} times meanwhile: {len(tasks)} tasks "
        "of one archive drawn as the server answers, drawn again by their links, and refused in the server's words; "
        f"drawn after {1000 * statistics.median(seconds):.0f} ms in the middle, {1000 * max(seconds):.0f} ms at most"
    )


def more_than(load: Load, before: list[int]) -> Callable[[], list[int] | None]:
    """Answers by client, once each has got more than before."""

    def answered() -> list[int] | None:
        now = [each.get(ANSWERED, 0) for each in load.counted()]
        return now if all(new > old for new, old in zip(now, before, strict=True)) else None

    return answered


def drive(visit: Visit, task: str) -> float:
    """An example, its link in a page opened anew, and a request that is refused; seconds of the first."""
    page = visit.open(task)
    begin = perf_counter()
    body = visit.example()
    seconds = perf_counter() - begin
    send = requests.get if body is None else requests.post
    answer = send(f"{visit.url}/{task}", json=body, timeout=60).json()
    CHECKS[task](page, body, answer)

    link = page.url
    visit.leave()
    page.goto(link)
    visit.answered()
    assert visit.body() == body
    CHECKS[task](page, body, answer)

    if body is not None:
        visit.leave()
        visit.refused(task, body | UNKNOWN)
    assert (visit.elsewhere, visit.complaints) == ([], [])
    return seconds

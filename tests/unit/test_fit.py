"""What is done to one text of a request takes no longer where there are more of them."""

import pytest

from handler.tasks import TASKS

PROMPTED = ("embedding", "hybrid-embedding")
"""Tasks whose prompt stands before texts, and not before token ids."""


class Unread(list):
    """May be looked into at one place, and not gone through: that would be quadratic over all texts."""

    def __iter__(self):
        raise AssertionError("all texts are read for each of them")


@pytest.mark.parametrize("name", PROMPTED)
def test_a_text_is_fitted_without_the_others(name, make_pipeline):
    task = TASKS[name](make_pipeline().tasks["embedding"].model)
    request = task.request(inputs=Unread([[5, 6], "hello"]))
    windows = [object()]
    assert [task.fit(request, index, windows, "right") for index in range(2)] == [windows, windows]

"""A TorchServe handler that takes its time without taking a core: it sleeps as long as a batch would be computed."""

from __future__ import annotations

import time
from typing import Any


class SleepingHandler:
    """What TorchServe calls."""

    def initialize(self, context: Any) -> None:
        """Read how long, in milliseconds."""
        self.costs = context.model_yaml_config["handler"]

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Sleep for the batch, for each request, and for its tokens: its body is their number."""
        tokens = [body if isinstance(body := item.get("body"), int) else 0 for item in data]
        costs = self.costs
        taken = costs["batch_ms"] + costs["request_ms"] * len(data) + costs["token_ms"] * sum(tokens)
        time.sleep(taken / 1000)
        return [b"slept"] * len(data)

"""Epochs with a rate that rises and falls, until the held-out examples no longer gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scripts.console import Failure, err
from scripts.finetuning.batches import Encoded, pad
from scripts.finetuning.state import State

WARM_UP = 0.1  # share of all steps in which the rate rises
DECAY = 0.01  # of weights, per step and rate
LARGEST_GRADIENT = 1.0
TOGETHER = 4  # batches whose examples are sorted by length, which saves padding and leaves their order to chance
Measure = Callable[[Sequence[Tensor]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Attributes:
        epochs: at most.
        batch_size: examples per step.
        learning_rate: the highest.
        patience: epochs without a gain in metric or loss before it ends.
        seed: of order and dropout.
        best: metric that says whether an epoch gained; among equals the lower loss does.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    seed: int
    best: str


class Training:
    """A model in training; after each epoch its state can be saved and loaded.

    Each epoch draws its order and its dropout from its own seed, so a resumed training takes the same steps as one that
    was never interrupted, and no generator's state has to be kept.
    """

    def __init__(self, model: Any, plan: Plan, learned: Sequence[Encoded], held_out: Sequence[Encoded]) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self.plan, self.learned, self.held_out = model.to(self.device), plan, learned, held_out
        self.weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.optimizer = torch.optim.AdamW(self.weights.values(), lr=plan.learning_rate, weight_decay=DECAY)
        self.padding = model.config.pad_token_id or 0
        self.history: list[dict[str, Any]] = []
        self.best = 0

    def run(self, state: State, measure: Measure, shown: Callable[[int], None]) -> dict[str, Any]:
        """Train from the last whole epoch on, and put the best epoch's weights into the model.

        Args:
            state: where to resume from, and what each epoch is saved to.
            measure: metrics of guesses for the held-out examples.
            shown: told of each step with the number of examples it took.

        Returns:
            The best epoch's metrics.
        """
        self.resume(state.load(), shown)
        while len(self.history) < self.plan.epochs and self.stalled() < self.plan.patience:
            number = len(self.history) + 1
            loss = self.epoch(number, shown)
            held_loss, guesses = self.guess()
            self.check(number, held_loss)
            metrics = measure(guesses)
            self.history.append({"loss": loss, "held_out_loss": held_loss, self.plan.best: metrics[self.plan.best]})
            gained = self.best == 0 or self.rank(number) > self.rank(self.best)
            self.best = number if gained else self.best
            named = self.plan.best.replace("_", " ")
            err.print(
                f"epoch {number}/{self.plan.epochs}: loss {loss:.3f}, held out {held_loss:.3f}, "
                f"{named} {metrics[self.plan.best]:.3f}{', best so far' if gained else ''}"
            )
            state.save(self.content(), self.copies() if gained else None)
        self.put(state.best(self.best))
        return measure(self.guess()[1])

    def rank(self, number: int) -> tuple[float, float]:
        """What makes an epoch better than another."""
        row = self.history[number - 1]
        return row[self.plan.best], -row["held_out_loss"]

    def stalled(self) -> int:
        """Epochs since the metric or the held-out loss was last better than ever: entities begin with a metric of 0."""
        if not self.history:
            return 0
        metric = [row[self.plan.best] for row in self.history]
        loss = [row["held_out_loss"] for row in self.history]
        return len(self.history) - 1 - max(metric.index(max(metric)), loss.index(min(loss)))

    def epoch(self, number: int, shown: Callable[[int], None]) -> float:
        """One pass over all learned examples; its mean loss.

        Raises:
            Failure: the loss is no number any more.
        """
        torch.manual_seed(self.plan.seed * 1_000_003 + number)
        self.model.train()
        batches, total = self.shuffled(), 0.0
        for step, chosen in enumerate(batches, (number - 1) * len(batches)):
            self.optimizer.param_groups[0]["lr"] = self.rate(step)
            self.optimizer.zero_grad()
            loss = self.model(**pad(chosen, self.padding, self.device)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.weights.values(), LARGEST_GRADIENT)
            self.optimizer.step()
            total += loss.item() * len(chosen)
            shown(len(chosen))
        self.check(number, total)
        return total / len(self.learned)

    def check(self, number: int, loss: float) -> None:
        """Refuse a loss that is no number."""
        if not math.isfinite(loss):
            raise Failure(
                f"the loss of epoch {number} is no number at a learning rate of {self.plan.learning_rate:g}",
                fix=f"a lower one: --learning-rate {self.plan.learning_rate / 4:.1g}",
            )

    def shuffled(self) -> list[list[Encoded]]:
        """Batches in an order of chance, each of sequences of similar length."""
        size = self.plan.batch_size
        order = [self.learned[place] for place in torch.randperm(len(self.learned)).tolist()]
        order = [
            item
            for first in range(0, len(order), TOGETHER * size)
            for item in sorted(order[first : first + TOGETHER * size], key=lambda item: len(item.places))
        ]
        batches = [order[first : first + size] for first in range(0, len(order), size)]
        return [batches[place] for place in torch.randperm(len(batches)).tolist()]

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0 over all epochs."""
        total = self.plan.epochs * -(-len(self.learned) // self.plan.batch_size)
        rising = max(1, round(WARM_UP * total))
        return self.plan.learning_rate * min((step + 1) / rising, (total - step) / max(1, total - rising))

    @torch.inference_mode()
    def guess(self) -> tuple[float, list[Tensor]]:
        """Mean loss, and for each held-out example the number of its best score, or that of each of its tokens."""
        self.model.eval()
        total, guesses = 0.0, []
        for first in range(0, len(self.held_out), self.plan.batch_size):
            chosen = self.held_out[first : first + self.plan.batch_size]
            outputs = self.model(**pad(chosen, self.padding, self.device))
            total += outputs.loss.item() * len(chosen)
            best = outputs.logits.argmax(-1).cpu()
            guesses += [row[: len(item.target)] if row.dim() else row for row, item in zip(best, chosen, strict=True)]
        return total / len(self.held_out), guesses

    def copies(self) -> dict[str, Tensor]:
        """What the model has learned so far."""
        return {name: weight.detach().cpu().clone() for name, weight in self.weights.items()}

    def put(self, learned: dict[str, Tensor]) -> None:
        """The reverse of `copies`."""
        self.model.load_state_dict(learned, strict=False)

    def content(self) -> dict[str, Any]:
        """What `resume` needs."""
        return {
            "weights": self.copies(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
        }

    def resume(self, content: dict[str, Any], shown: Callable[[int], None]) -> None:
        """Go on from a saved state, if there is one."""
        if content:
            self.put(content["weights"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.history, self.best = content["history"], content["best"]
            shown(len(self.history) * len(self.learned))
            err.print(f"resuming after epoch {len(self.history)}")

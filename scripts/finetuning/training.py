"""Epochs with a rate that rises and falls, until the held-out examples no longer gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scripts.console import Failure, err
from scripts.finetuning.batches import EncodedExample, pad
from scripts.finetuning.state import TrainingState

WARM_UP = 0.1  # share of all steps in which the rate rises
DECAY = 0.01  # of weights, per step and rate
LARGEST_GRADIENT = 1.0
LENGTH_GROUPING_BATCHES = 4  # whose examples are sorted by length, which saves padding; their order stays random
Measure = Callable[[Sequence[Tensor]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TrainingArguments:
    """How to train.

    Attributes:
        epochs: at most.
        batch_size: examples per step.
        learning_rate: the highest.
        patience: epochs without a gain in metric or loss before it ends.
        seed: of order and dropout.
        best: metric that says whether an epoch improved; among equals the lower loss does.
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

    def __init__(
        self,
        model: Any,
        arguments: TrainingArguments,
        train: Sequence[EncodedExample],
        validation: Sequence[EncodedExample],
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self.arguments, self.train, self.validation = model.to(self.device), arguments, train, validation
        self.weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.optimizer = torch.optim.AdamW(self.weights.values(), lr=arguments.learning_rate, weight_decay=DECAY)
        self.padding = model.config.pad_token_id or 0
        self.history: list[dict[str, Any]] = []
        self.best = 0

    def run(self, state: TrainingState, measure: Measure, shown: Callable[[int], None]) -> dict[str, Any]:
        """Train from the last whole epoch on, and put the best epoch's weights into the model.

        Args:
            state: where to resume from, and what each epoch is saved to.
            measure: metrics of guesses for the held-out examples.
            shown: told of each step with the number of examples it took.

        Returns:
            The best epoch's metrics.
        """
        self.resume(state.load(), shown)
        while len(self.history) < self.arguments.epochs and self.epochs_without_improvement() < self.arguments.patience:
            number = len(self.history) + 1
            loss = self.epoch(number, shown)
            held_loss, predictions = self.predict()
            self.check(number, held_loss)
            metrics = measure(predictions)
            self.history.append(
                {"loss": loss, "held_out_loss": held_loss, self.arguments.best: metrics[self.arguments.best]}
            )
            improved = self.best == 0 or self.epoch_score(number) > self.epoch_score(self.best)
            self.best = number if improved else self.best
            named = self.arguments.best.replace("_", " ")
            err.print(
                f"epoch {number}/{self.arguments.epochs}: loss {loss:.3f}, validation {held_loss:.3f}, "
                f"{named} {metrics[self.arguments.best]:.3f}{', best so far' if improved else ''}"
            )
            state.save(self.checkpoint(), self.state_dict() if improved else None)
        self.load_state_dict(state.best(self.best))
        return measure(self.predict()[1])

    def epoch_score(self, number: int) -> tuple[float, float]:
        """What makes an epoch better than another."""
        row = self.history[number - 1]
        return row[self.arguments.best], -row["held_out_loss"]

    def epochs_without_improvement(self) -> int:
        """Epochs since the metric or the held-out loss was last better than ever: entities begin with a metric of 0."""
        if not self.history:
            return 0
        metric = [row[self.arguments.best] for row in self.history]
        loss = [row["held_out_loss"] for row in self.history]
        return len(self.history) - 1 - max(metric.index(max(metric)), loss.index(min(loss)))

    def epoch(self, number: int, shown: Callable[[int], None]) -> float:
        """One pass over all training examples; its mean loss.

        Raises:
            Failure: the loss is no number any more.
        """
        torch.manual_seed(self.arguments.seed * 1_000_003 + number)
        self.model.train()
        batches, total = self.shuffled(), 0.0
        for step, chosen in enumerate(batches, (number - 1) * len(batches)):
            self.optimizer.param_groups[0]["lr"] = self.learning_rate_at(step)
            self.optimizer.zero_grad()
            loss = self.outputs(chosen).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.weights.values(), LARGEST_GRADIENT)
            self.optimizer.step()
            total += loss.item() * len(chosen)
            shown(len(chosen))
        self.check(number, total)
        return total / len(self.train)

    def outputs(self, chosen: Sequence[EncodedExample]) -> Any:
        """What the model makes of a batch.

        Raises:
            Failure: its code does not run, such as over a number of its configuration.
        """
        try:
            return self.model(**pad(chosen, self.padding, self.device))
        except Exception as error:  # of any kind, as transformers' class fails over its config.json
            raise Failure(
                f"{type(self.model).__name__} does not run a batch of {len(chosen)} examples",
                why=f"{type(error).__name__}: {error}",
                fix="correct the checkpoint's config.json, or take a smaller --batch-size if memory is short",
            ) from None

    def check(self, number: int, loss: float) -> None:
        """Refuse a loss that is NaN or infinite."""
        if not math.isfinite(loss):
            raise Failure(
                f"the loss of epoch {number} is NaN or infinite at a learning rate of {self.arguments.learning_rate:g}",
                fix=f"a lower one: --learning-rate {self.arguments.learning_rate / 4:.1g}",
            )

    def shuffled(self) -> list[list[EncodedExample]]:
        """Batches in an order of chance, each of sequences of similar length."""
        size = self.arguments.batch_size
        group = LENGTH_GROUPING_BATCHES * size
        order = [self.train[index] for index in torch.randperm(len(self.train)).tolist()]
        order = [
            item
            for first in range(0, len(order), group)
            for item in sorted(order[first : first + group], key=lambda item: len(item.offsets))
        ]
        batches = [order[first : first + size] for first in range(0, len(order), size)]
        return [batches[index] for index in torch.randperm(len(batches)).tolist()]

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0 over all epochs."""
        total = self.arguments.epochs * -(-len(self.train) // self.arguments.batch_size)
        rising = max(1, round(WARM_UP * total))
        return self.arguments.learning_rate * min((step + 1) / rising, (total - step) / max(1, total - rising))

    @torch.inference_mode()
    def predict(self) -> tuple[float, list[Tensor]]:
        """Mean loss, and for each held-out example the number of its best score, or that of each of its tokens."""
        self.model.eval()
        total, predictions = 0.0, []
        for first in range(0, len(self.validation), self.arguments.batch_size):
            chosen = self.validation[first : first + self.arguments.batch_size]
            outputs = self.outputs(chosen)
            total += outputs.loss.item() * len(chosen)
            best = outputs.logits.argmax(-1).cpu()
            predictions += [
                row[: len(item.target)] if row.dim() else row for row, item in zip(best, chosen, strict=True)
            ]
        return total / len(self.validation), predictions

    def state_dict(self) -> dict[str, Tensor]:
        """The weights that are trained, as they are now."""
        return {name: weight.detach().cpu().clone() for name, weight in self.weights.items()}

    def load_state_dict(self, train: dict[str, Tensor]) -> None:
        """The reverse of `state_dict`."""
        self.model.load_state_dict(train, strict=False)

    def checkpoint(self) -> dict[str, Any]:
        """What `resume` needs."""
        return {
            "weights": self.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
        }

    def resume(self, content: dict[str, Any], shown: Callable[[int], None]) -> None:
        """Go on from a saved state, if there is one."""
        if content:
            self.load_state_dict(content["weights"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.history, self.best = content["history"], content["best"]
            shown(len(self.history) * len(self.train))
            err.print(f"resuming after epoch {len(self.history)}")

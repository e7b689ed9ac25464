"""What protocols with a fixed set of paths share: one route per path, each with its task, its body and its answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from handler.call import Call
from handler.errors import Invalid, UnknownTask, unknown
from handler.limits import Blank
from handler.model import LoadedModel
from handler.protocols import body, foreign
from handler.protocols.base import Decoded, EncodedBody, Protocol, Tasks, choose, dump
from handler.protocols.operations import Archive, Operation, Operations, first_line
from handler.tasks.base import TextRequest
from handler.tasks.info import Info
from handler.tasks.response_schemas import REPLIES
from handler.types import Row


class Nothing(msgspec.Struct, frozen=True):
    """Body of a route that reads none."""


@dataclass(frozen=True, slots=True)
class Route:
    """One path.

    Attributes:
        task: what it asks for.
        body: its schema.
        request: from the body to the task's own request.
        answer: from the answered call, whose `protocol_state` is the body, to the schema of the path.
        reply: that schema, or several of which a key of the request chooses; none where it is the task's own.
        blank: what its owner does with texts without any word.
    """

    task: str
    body: type[msgspec.Struct]
    request: Callable[[Any], TextRequest]
    answer: Callable[[Call, LoadedModel], Any]
    reply: tuple[Any, ...] = ()
    blank: Blank = "spaces"

    @property
    def forms(self) -> tuple[Route, ...]:
        """See `Switch.forms`."""
        return (self,)

    def of(self, model: LoadedModel | Archive) -> Route:
        """See `Switch.of`."""
        return self


@dataclass(frozen=True, slots=True)
class Switch:
    """A path that asks for one task of some archives, and for another of others.

    Attributes:
        by_kind: a route for each `LoadedModel.kind`, and under an empty word that of all others.
    """

    by_kind: Mapping[str, Route]

    @property
    def forms(self) -> tuple[Route, ...]:
        """All it may be."""
        return tuple(self.by_kind.values())

    def of(self, model: LoadedModel | Archive) -> Route:
        """What it is in an archive."""
        return self.by_kind.get(model.kind or "", self.by_kind[""])


def operation(forms: Sequence[Route]) -> Operation:
    """A path that has any of these forms."""
    replies = [reply for form in forms for reply in form.reply or REPLIES[form.task]]
    bodies = tuple(form.body for form in forms if form.body is not Nothing)
    summary = first_line(forms[0].body.__doc__) if bodies else f"{forms[0].task}, as its owner's server says it."
    return Operation(summary, bodies, tuple(replies))


def plain(call: Call, model: LoadedModel) -> Any:
    """The task's own answer."""
    return call.answer


class Routed(Protocol):
    """A protocol that is a table of routes."""

    routes: ClassVar[Mapping[str, Route | Switch]]

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`."""
        if row.path not in self.routes:
            raise UnknownTask(unknown("route", row.path, self.routes))
        route = self.routes[row.path].of(tasks[Info.name].model)
        task = choose(tasks, route.task)
        if route.body is Nothing:
            return Decoded(task, route.request(None))
        fields = body.read(row).value
        if not isinstance(fields, dict):
            raise Invalid(f"the body is a {type(fields).__name__}; send an object")
        wire, ignored = foreign.read(route.body, fields)
        return Decoded(task, route.request(wire), wire, ignored, route.blank)

    def encode(self, call: Call) -> EncodedBody:
        """The route's answer."""
        assert call.task is not None
        model = call.task.model
        return EncodedBody(dump(self.routes[call.row.path].of(model).answer(call, model)))

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`."""
        found: dict[str, Operation] = {}
        for path, route in self.routes.items():
            forms = route.forms if archive.kind is None else (route.of(archive),)
            if able := [form for form in forms if form.task in archive.tasks]:
                found[path] = operation(able)
        return found

    @abstractmethod
    def encode_error(self, error: Any) -> bytes:
        """See `Protocol.encode_error`."""

"""EventBridge Scheduler in memory, for schedules that put a message on a queue once."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tests.doubles import client_error

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


class Schedule(NamedTuple):
    """When something comes, and what."""

    at: float
    body: str


class Scheduler:
    """Keeps schedules, and gives out those whose time has come.

    Args:
        clock: seconds since the epoch, UTC.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.schedules: dict[str, Schedule] = {}

    def create_schedule(self, **asked: Any) -> dict[str, Any]:
        match = _AT.fullmatch(asked["ScheduleExpression"])
        assert match is not None
        assert asked["ActionAfterCompletion"] == "DELETE"
        at = datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
        if at < self._clock():
            raise client_error("ValidationException", "CreateSchedule")
        if asked["Name"] in self.schedules:
            raise client_error("ConflictException", "CreateSchedule")
        self.schedules[asked["Name"]] = Schedule(at, asked["Target"]["Input"])
        return {}

    def delete_schedule(self, *, Name: str) -> dict[str, Any]:  # noqa: N803  # AWS's name
        if self.schedules.pop(Name, None) is None:
            raise client_error("ResourceNotFoundException", "DeleteSchedule")
        return {}

    def next_due(self) -> float | None:
        """When the next schedule's time comes; None where there is none."""
        return min((schedule.at for schedule in self.schedules.values()), default=None)

    def take_due(self) -> list[str]:
        """Give out what is due, and forget it."""
        due = [name for name, schedule in self.schedules.items() if schedule.at <= self._clock()]
        return [self.schedules.pop(name).body for name in due]


def as_client(double: object) -> "EventBridgeSchedulerClient":
    """Hand a double over as the client that it stands for."""
    return cast("EventBridgeSchedulerClient", double)

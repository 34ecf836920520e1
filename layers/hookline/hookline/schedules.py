"""Commands that wait for their `send_at`, where their provider keeps no message itself: EventBridge Scheduler does.

A schedule puts the very command on its queue again when its time has come, and deletes itself. It is named by the
command's token, so that making it twice makes one.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from hookline.command_queue import body_of
from hookline.commands import BaseCommand
from hookline.errors import SchedulerUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient


class Schedules:
    """Schedules of one command queue.

    Args:
        client: an EventBridge Scheduler client.
        prefix: what stands before a command's token in its schedule's name.
        queue: the ARN of the command queue.
        dead_letters: the ARN of the queue for what could not be put there.
        role: the ARN of the role by which the scheduler does that.
    """

    def __init__(
        self, client: "EventBridgeSchedulerClient", prefix: str, queue: str, dead_letters: str, role: str
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._queue = queue
        self._dead_letters = dead_letters
        self._role = role

    def add(self, command: BaseCommand, moment: datetime) -> None:
        """Have a command come again at a moment, give or take a minute; once, however often this is asked.

        Raises:
            SchedulerUnavailableError: it may or may not be scheduled; the same call can be made again.
        """
        try:
            self._client.create_schedule(
                Name=self._prefix + command.token,
                ScheduleExpression=f"at({moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": self._queue,
                    "RoleArn": self._role,
                    # The scheduler puts its own words for `<aws.scheduler.…>`: an escape means the same, and is none.
                    "Input": body_of(command).replace("<", "\\u003c"),
                    "DeadLetterConfig": {"Arn": self._dead_letters},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":  # it is there
                raise SchedulerUnavailableError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise SchedulerUnavailableError(type(error).__name__) from error

    def remove(self, token: str) -> None:
        """Take a command's schedule away, where there is one.

        Raises:
            SchedulerUnavailableError: it may or may not be there; the same call can be made again.
        """
        try:
            self._client.delete_schedule(Name=self._prefix + token)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise SchedulerUnavailableError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise SchedulerUnavailableError(type(error).__name__) from error

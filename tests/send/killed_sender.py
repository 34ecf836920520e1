"""A sender as a process that can be killed: it reads the command queue, over and over, until nothing is on it.

Everything is loaded and built once. A line on stdin forks a process that does the work, and a line on stdout says its
id; the next line on stdin asks for its exit status, which comes when it has ended, however that was.
"""

import os
import sys
import time
from typing import Any

import httpx

from hookline.accounts import Accounts, SecretsManagerSource
from hookline.aws import client
from hookline.calls import Caller
from hookline.command_journal import CommandJournal
from hookline.command_queue import CommandQueue
from hookline.pace import Pace
from hookline.providers.zoom_connect.rest import SENDING
from hookline.send import Sender
from hookline.stops import Stops
from hookline.wiring.send import TIMEOUT
from tests.send.world import Quiet

LEASE = 0.3
"""Seconds. Only one process runs at a time: whoever finds `sending` finds what a dead one left."""


class Worker:
    """Takes messages from the queue as Lambda does."""

    def __init__(self) -> None:
        self._sqs = client("sqs")
        self._commands = os.environ["COMMAND_QUEUE_URL"]
        dynamodb, table = client("dynamodb"), os.environ["JOURNAL_TABLE"]
        secrets = SecretsManagerSource(lambda: client("secretsmanager"), os.environ["ACCOUNTS_PREFIX"])
        self._sender = Sender(
            SENDING,
            Accounts(secrets, SENDING.read_account, time.time),
            CommandJournal(dynamodb, table, SENDING.name, 3600, LEASE),
            Pace(dynamodb, table),
            Caller(SENDING, httpx.Client(timeout=TIMEOUT), Quiet()),
            CommandQueue(self._sqs, self._commands, os.environ["DEAD_LETTER_QUEUE_URL"]),
            Stops(dynamodb, table, SENDING.name),
            Quiet(),
            chance=lambda: 0.1,
        )

    def run(self) -> None:
        """Work until the queue is empty."""
        while self._left():
            received = self._sqs.receive_message(
                QueueUrl=self._commands,
                MaxNumberOfMessages=10,
                AttributeNames=["ApproximateReceiveCount"],
                MessageAttributeNames=["All"],
            )
            if messages := received.get("Messages"):
                self._do(messages)
            else:
                time.sleep(0.05)

    def _do(self, messages: Any) -> None:
        answer = self._sender.do_batch([_record(message) for message in messages], 60)
        again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in again:
                self._sqs.delete_message(QueueUrl=self._commands, ReceiptHandle=message["ReceiptHandle"])

    def _left(self) -> int:
        names: Any = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._commands, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))


def _record(message: Any) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in message.get("MessageAttributes", {}).items()
        },
    }


def main() -> None:
    worker = Worker()
    while sys.stdin.readline():
        process = os.fork()
        if process == 0:
            worker.run()
            os._exit(0)
        print(process, flush=True)  # noqa: T201  # it is read by the test
        sys.stdin.readline()
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  # as above


if __name__ == "__main__":
    main()

"""The doubles of DynamoDB, SQS and Secrets Manager behind HTTP, as botocore speaks to AWS: for senders that are killed.

What a process asked for is done though the process is dead by then, as on AWS.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tests.send.dynamo import Dynamo
from tests.send.sqs import COMMANDS, Sqs
from tests.send.world import Secrets

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class Queue:
    """SQS's calls for whoever receives."""

    def __init__(self, double: Sqs) -> None:
        self._double = double

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._double, operation)

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        return {
            "Messages": [
                {
                    "MessageId": record["messageId"],
                    "ReceiptHandle": record["receiptHandle"],
                    "Body": record["body"],
                    "Attributes": record["attributes"],
                    "MessageAttributes": {
                        name: {"StringValue": value["stringValue"], "DataType": value["dataType"]}
                        for name, value in record["messageAttributes"].items()
                    },
                }
                for record in self._double.receive(asked["MaxNumberOfMessages"])
            ]
        }

    def delete_message(self, **asked: Any) -> dict[str, Any]:
        held = [stored.id for stored in self._double.queues[COMMANDS] if stored.receipt == asked["ReceiptHandle"]]
        for message_id in held:
            self._double.delete(message_id)
        return {}

    def get_queue_attributes(self, **_asked: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self._double.waiting))}}


class Aws:
    """An ASGI app that answers botocore."""

    def __init__(self, dynamo: Dynamo, queues: Sqs, secrets: Secrets) -> None:
        self._doubles = {"DynamoDB_20120810": dynamo, "AmazonSQS": Queue(queues), "secretsmanager": secrets}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            try:
                body = await request.body()
            except ClientDisconnect:
                return
            await self._answer(request.headers["x-amz-target"], json.loads(body))(scope, receive, send)

    def _answer(self, target: str, asked: Mapping[str, Any]) -> Response:
        service, _, operation = target.partition(".")
        try:
            answer = getattr(self._doubles[service], xform_name(operation))(**asked)
        except ClientError as error:
            said: dict[str, Any] = dict(error.response)
            known: dict[str, Any] = {name: said[name] for name in ("Item", "CancellationReasons") if name in said}
            return _json(known | {"__type": said["Error"]["Code"], "message": ""}, 400)
        return _json(answer, 200)


def _json(answer: Mapping[str, Any], status: int) -> Response:
    return Response(json.dumps(answer), status, media_type="application/x-amz-json-1.0")

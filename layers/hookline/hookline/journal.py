"""The journal: one DynamoDB table that is the replay guard, the durable acceptance and the outbox in one.

An entry is written once, with the condition that it isn't there yet. Its partition key is what order is kept by.
Personal data is in it (numbers, texts): it is encrypted, read by few roles and gone after the retention time.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from hookline.callbacks import Verified
from hookline.errors import JournalUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CALLBACK = "callback"


class Written(Enum):
    """What became of a conditional write."""

    STORED = "stored"
    REPEATED = "repeated"
    CONFLICT = "conflict"


class Journal:
    """Writes entries.

    Args:
        client: a DynamoDB client with explicit timeouts.
        table: the table's name.
        retention: seconds for which an entry is kept at the least.
    """

    def __init__(self, client: "DynamoDBClient", table: str, retention: int) -> None:
        self._client = client
        self._table = table
        self._retention = retention

    def store_callback(
        self,
        verified: Verified,
        *,
        provider: str,
        account: str,
        settings: Mapping[str, str],
        replay_window: int,
        now: float,
    ) -> Written:
        """Store a verified callback, unless its identity is there already.

        Args:
            verified: what the verifier made of the request.
            provider: the provider's name.
            account: the account's name.
            settings: what its normaliser will want to know of the account.
            replay_window: seconds in which the callback could come again.
            now: seconds since the epoch, UTC.

        Returns:
            STORED; REPEATED where the same callback is there; CONFLICT where another one has this identity.

        Raises:
            JournalUnavailableError: it may or may not be stored; the same call can be made again.
        """
        item = {
            "pk": {"S": f"{CALLBACK}#{provider}#{account}#{verified.identity}"},
            "sk": {"S": CALLBACK},
            "entry": {"S": CALLBACK},
            "provider": {"S": provider},
            "account": {"S": account},
            "kind": {"S": verified.kind},
            "payload": {"S": verified.payload},
            "fingerprint": {"S": verified.fingerprint},
            "settings": {"S": json.dumps(settings)},
            "recorded_at": {"S": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")},
            "expires_at": {"N": str(int(now) + max(self._retention, replay_window))},
        }
        there = self._put_once(item)
        if there is None:
            return Written.STORED
        same = there.get("fingerprint", {}).get("S") == verified.fingerprint
        return Written.REPEATED if same else Written.CONFLICT

    def _put_once(self, item: Mapping[str, Any]) -> Mapping[str, Any] | None:
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                return cast("Mapping[str, Any]", error.response.get("Item", {}))
            raise JournalUnavailableError(code) from error
        except BotoCoreError as error:
            raise JournalUnavailableError(type(error).__name__) from error
        return None

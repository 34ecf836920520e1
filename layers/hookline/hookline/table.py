"""Reading and changing single items of a DynamoDB table. Whatever goes wrong with it is `JournalUnavailableError`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from hookline.errors import JournalUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_KEYS = 100
"""Keys that DynamoDB takes in one BatchGetItem."""

MAX_TRIES = 5
"""How often DynamoDB may leave a part of the keys unread."""

type Item = Mapping[str, Any]
"""An item as DynamoDB has it: its attributes with their types."""


class Table:
    """A table whose keys are `pk` and `sk`. Reads are consistent.

    Args:
        client: a DynamoDB client with explicit timeouts.
        name: the table's.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: Mapping[str, Any]) -> Item | None:
        """Read an item; None where there is none.

        Raises:
            JournalUnavailableError: nobody knows.
        """
        try:
            return self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(error) from error

    def get_many(self, keys: Iterable[Mapping[str, Any]]) -> list[Item]:
        """Read items, in no order; those that are there. A key may be given twice.

        Raises:
            JournalUnavailableError: nobody knows of some of them.
        """
        found: list[Item] = []
        waiting: list[Any] = list({(key["pk"]["S"], key["sk"]["S"]): key for key in keys}.values())
        tries = 0
        while waiting:
            part, waiting = waiting[:MAX_KEYS], waiting[MAX_KEYS:]
            answer: Any
            try:
                answer = self._client.batch_get_item(RequestItems={self._name: {"Keys": part, "ConsistentRead": True}})
            except (ClientError, BotoCoreError) as error:
                raise _unavailable(error) from error
            found += answer["Responses"].get(self._name, [])
            unread = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            tries += bool(unread)
            if tries > MAX_TRIES:
                raise JournalUnavailableError("UnprocessedKeys")
            waiting += unread
        return found

    def query(self, condition: str, values: Mapping[str, Any]) -> list[Item]:
        """Read all items of a partition that a key condition holds for.

        Raises:
            JournalUnavailableError: nobody knows which there are.
        """
        found: list[Item] = []
        start: Any = {}
        while True:
            try:
                page = self._client.query(
                    TableName=self._name,
                    ConsistentRead=True,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    **start,
                )
            except (ClientError, BotoCoreError) as error:
                raise _unavailable(error) from error
            found += page["Items"]
            if not page.get("LastEvaluatedKey"):
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def update(
        self, key: Mapping[str, Any], expression: str, condition: str, values: Mapping[str, Any], **names: str
    ) -> bool:
        """Change an item, where a condition holds of it. Returns False where it does not.

        Args:
            key: the item's.
            expression: `SET …`, `REMOVE …`.
            condition: what must hold of the item before.
            values: by their placeholders.
            names: attributes' names, by their placeholders without `#`.

        Raises:
            JournalUnavailableError: it may or may not be changed.
        """
        naming: Any = {"ExpressionAttributeNames": {f"#{short}": name for short, name in names.items()}}
        try:
            self._client.update_item(
                TableName=self._name,
                Key=key,
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues=cast("Any", values),
                **(naming if names else {}),
            )
        except (ClientError, BotoCoreError) as error:
            if _code(error) == "ConditionalCheckFailedException":
                return False
            raise _unavailable(error) from error
        return True


def _code(error: ClientError | BotoCoreError) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def _unavailable(error: ClientError | BotoCoreError) -> JournalUnavailableError:
    return JournalUnavailableError(_code(error))

"""Writing several items of the journal in one transaction: all of them or none, whatever is in the way of one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from hookline.errors import JournalUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_WRITES = 100
"""Items that DynamoDB takes in one transaction."""

MAX_TRIES = 3
"""How often a write is tried that another one was in the way of, or whose outcome would otherwise be forgotten."""

type Write = dict[str, Any]
"""One item of a TransactWriteItems, but for the table."""

type Group = Sequence[Write]
"""Writes that belong together. The first decides: where its condition does not hold, none of them is made; where
another's does not hold, that one alone is not."""


class _ConflictError(JournalUnavailableError):
    """Another transaction had one of the items at the same moment."""


class Transactions:
    """Writes to one table.

    Args:
        client: a DynamoDB client.
        table: the table's name.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def write(self, writes: Sequence[Write]) -> dict[int, Mapping[str, Any]]:
        """Write all of them or none; again where another transaction was in the way.

        Returns:
            Empty where all are written; else the items whose conditions did not hold, by position.

        Raises:
            JournalUnavailableError: nobody knows whether they are written.
        """
        for _ in range(MAX_TRIES - 1):
            with suppress(_ConflictError):
                return self._write_once(writes)
        return self._write_once(writes)

    def write_what_can_be(self, groups: Iterable[Group]) -> None:
        """Write all but what has a condition that does not hold. What is lost here nobody knows again: try hard.

        Raises:
            JournalUnavailableError: some may be written and some not. The same call can be made again.
        """
        for part in _parts(groups):
            waiting: Sequence[Group] = part
            tries = 0
            while waiting:
                writes = [write for group in waiting for write in group]
                try:
                    failed = self.write(writes)
                except JournalUnavailableError:
                    tries += 1
                    if tries == MAX_TRIES:
                        raise
                    continue
                waiting = list(_without(waiting, failed)) if failed else []

    def _write_once(self, writes: Sequence[Write]) -> dict[int, Mapping[str, Any]]:
        if not writes:
            return {}
        items = [{verb: {"TableName": self._table, **write[verb]} for verb in write} for write in writes]
        try:
            self._client.transact_write_items(TransactItems=cast("Any", items))
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise JournalUnavailableError(error.response["Error"]["Code"]) from error
            reasons = cast("Sequence[Mapping[str, Any]]", error.response.get("CancellationReasons", []))
            others = {str(reason.get("Code")) for reason in reasons} - {"None", "ConditionalCheckFailed"}
            if others == {"TransactionConflict"}:  # then nothing is written
                raise _ConflictError("TransactionConflict") from error
            if others or not reasons:
                raise JournalUnavailableError(min(others, default="TransactionCanceled")) from error
            return {
                index: cast("Mapping[str, Any]", reason.get("Item") or {})
                for index, reason in enumerate(reasons)
                if reason.get("Code") == "ConditionalCheckFailed"
            }
        except BotoCoreError as error:
            raise JournalUnavailableError(type(error).__name__) from error
        return {}


def update(
    key: Mapping[str, Any], expression: str, condition: str, values: Mapping[str, Any], **names: str
) -> dict[str, Any]:
    """Make an update of an item that has a `state`; where its condition does not hold, the item is shown.

    Args:
        key: the item's.
        expression: `SET …`, `#state` being its state.
        condition: what must hold of the item before.
        values: by their placeholders.
        names: further attributes' names, by their placeholders without `#`.
    """
    used = {f"#{placeholder}": name for placeholder, name in {"state": "state", **names}.items()}
    return {
        "Update": {
            "Key": key,
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": used,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _parts(groups: Iterable[Group]) -> Iterator[list[Group]]:
    """Cut groups into transactions: of no more than DynamoDB takes, and no two writes of one item."""
    part: list[Group] = []
    keys: set[tuple[str, str]] = set()
    for group in groups:
        own = {_key_of(write) for write in group}
        if part and (len(keys) + len(own) > MAX_WRITES or keys & own):
            yield part
            part, keys = [], set()
        part.append(group)
        keys |= own
    if part:
        yield part


def _key_of(write: Write) -> tuple[str, str]:
    (inner,) = write.values()
    key = inner.get("Key") or inner["Item"]
    return key["pk"]["S"], key["sk"]["S"]


def _without(groups: Iterable[Group], failed: Mapping[int, Any]) -> Iterator[Group]:
    """Leave out the writes that failed, by position, and all of a group whose first one did."""
    position = 0
    for group in groups:
        bad = {index for index in range(len(group)) if position + index in failed}
        position += len(group)
        if 0 not in bad:
            yield [write for index, write in enumerate(group) if index not in bad]

"""DynamoDB in memory: what the journal uses of it, fast enough for thousands of runs, with the stream it makes.

`test_doubles.py` holds it against moto.
"""

import operator
import re
from collections.abc import Mapping
from decimal import Decimal
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from tests.doubles import client_error
from tests.streams import Record, record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Item = dict[str, dict[str, str]]
type Key = tuple[str, str]

MAX_ITEMS = 100
MAX_KEY_BYTES = {"pk": 2048, "sk": 1024}
MAX_ITEM_BYTES = 400 * 1024
MAX_TRANSACTION_BYTES = 4_000_000
_TOKENS = re.compile(r"[#:]?\w+|[(),]|[<>]?=|[<>]")


class Dynamo:
    """One table, whatever it is called. Its calls take what botocore's take, and raise what botocore raises.

    Attributes:
        items: the table.
        stream: what its stream holds, as Lambda hands it over.
        page: how many items a query answers with at once.
        unread: how many keys the next `batch_get_item` calls leave unprocessed, one number a call.
    """

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}
        self.stream: list[Record] = []
        self.page = 50
        self.unread: list[int] = []
        self._lock = RLock()
        self._tokens: set[str] = set()

    def get_item(self, **asked: Any) -> dict[str, Any]:
        item = self.items.get(_key(asked["Key"]))
        return {"Item": _copy(item)} if item else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803  # AWS's name
        ((table, asked),) = RequestItems.items()
        keys = asked["Keys"]
        if not 0 < len(keys) <= MAX_ITEMS or len({_key(key) for key in keys}) < len(keys):
            raise client_error("ValidationException", "BatchGetItem")
        left = self.unread.pop(0) if self.unread else 0
        read, unread = keys[: len(keys) - left], keys[len(keys) - left :]
        found = [_copy(self.items[_key(key)]) for key in read if _key(key) in self.items]
        return {
            "Responses": {table: found},
            "UnprocessedKeys": {table: {**asked, "Keys": unread}} if unread else {},
        }

    def query(self, **asked: Any) -> dict[str, Any]:
        """Answer `pk = :pk`, or that and `begins_with(sk, :start)`; one page of as many as `page` says."""
        values = asked["ExpressionAttributeValues"]
        start = values.get(":start", {"S": ""})["S"]
        known = {"pk = :pk", "pk = :pk AND begins_with(sk, :start)"}
        if asked["KeyConditionExpression"] not in known or not asked["ConsistentRead"]:
            raise client_error("ValidationException", "Query")
        after = asked.get("ExclusiveStartKey", {"sk": {"S": ""}})["sk"]["S"]
        found = sorted(sk for pk, sk in self.items if pk == values[":pk"]["S"] and sk.startswith(start) and sk > after)
        page, rest = found[: self.page], found[self.page :]
        items = [_copy(self.items[values[":pk"]["S"], sk]) for sk in page]
        last = {"pk": values[":pk"], "sk": {"S": page[-1]}} if rest else None
        return {"Items": items, **({"LastEvaluatedKey": last} if last else {})}

    def put_item(self, **write: Any) -> dict[str, Any]:
        self._one("Put", write)
        return {}

    def update_item(self, **write: Any) -> dict[str, Any]:
        self._one("Update", write)
        return {}

    def transact_write_items(
        self,
        *,
        TransactItems: list[dict[str, Any]],  # noqa: N803  # AWS's name
        ClientRequestToken: str = "",  # noqa: N803  # AWS's name
    ) -> dict[str, Any]:
        if ClientRequestToken and ClientRequestToken in self._tokens:
            return {}  # botocore asks again, with the same token, where it had no answer
        writes = [next(iter(item.items())) for item in TransactItems]
        keys = [_key(write.get("Key") or write["Item"]) for _, write in writes]
        if not 0 < len(writes) <= MAX_ITEMS or len(set(keys)) < len(keys) or _size(writes) > MAX_TRANSACTION_BYTES:
            raise client_error("ValidationException", "TransactWriteItems")
        with self._lock:
            reasons = [self._reason(key, write) for key, (_, write) in zip(keys, writes, strict=True)]
            if any(reason["Code"] != "None" for reason in reasons):
                raise cancelled(reasons)
            for key, (verb, write) in zip(keys, writes, strict=True):
                self._apply(key, verb, write)
            self._tokens.add(ClientRequestToken)
        return {}

    def texts(self, prefix: str) -> dict[str, dict[str, str]]:
        """Return items as plain texts, by what their partition keys are after a prefix."""
        return {
            pk.removeprefix(prefix): {name: next(iter(value.values())) for name, value in item.items()}
            for (pk, _), item in self.items.items()
            if pk.startswith(prefix)
        }

    def _one(self, verb: str, write: Mapping[str, Any]) -> None:
        with self._lock:
            key = _key(write.get("Key") or write["Item"])
            reason = self._reason(key, write)
            if reason["Code"] != "None":
                error = client_error("ConditionalCheckFailedException", f"{verb}Item")
                cast("dict[str, Any]", error.response).update({"Item": reason["Item"]} if "Item" in reason else {})
                raise error
            self._apply(key, verb, write)

    def _reason(self, key: Key, write: Mapping[str, Any]) -> dict[str, Any]:
        item = self.items.get(key)
        condition = write.get("ConditionExpression")
        if condition is None or _Condition(condition, write).holds(item or {}):
            return {"Code": "None"}
        shown = item and write.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return {"Code": "ConditionalCheckFailed", **({"Item": _copy(item)} if item and shown else {})}

    def _apply(self, key: Key, verb: str, write: Mapping[str, Any]) -> None:
        before = self.items.get(key)
        if verb == "Delete":
            if before is not None:
                del self.items[key]
                self.stream.append(record({}, len(self.stream), event_name="REMOVE", keys=before))
            return
        after = _copy(write["Item"]) if verb == "Put" else _updated(before or _copy(write["Key"]), write)
        size = sum(len(name.encode()) + len(text.encode()) for name, value in after.items() for text in value.values())
        if size > MAX_ITEM_BYTES or not all(after.values()):
            raise client_error("ValidationException", f"{verb}Item")
        self.items[key] = after
        if after != before:
            self.stream.append(record(after, len(self.stream), event_name="INSERT" if before is None else "MODIFY"))


def _size(writes: list[tuple[str, dict[str, Any]]]) -> int:
    values = [write.get("Item") or write.get("ExpressionAttributeValues", {}) for _, write in writes]
    return sum(len(text.encode()) for each in values for value in each.values() for text in value.values())


def as_client(double: object) -> "DynamoDBClient":
    """Hand a double over as the client that it stands for."""
    return cast("DynamoDBClient", double)


def cancelled(reasons: list[dict[str, Any]]) -> ClientError:
    """Make the error of a transaction that was not carried out."""
    error = client_error("TransactionCanceledException", "TransactWriteItems")
    cast("dict[str, Any]", error.response)["CancellationReasons"] = reasons
    return error


def _key(of: Mapping[str, Any]) -> Key:
    for name, most in MAX_KEY_BYTES.items():
        if not 0 < len(of[name]["S"].encode()) <= most:
            raise client_error("ValidationException", "WriteItem")
    return of["pk"]["S"], of["sk"]["S"]


def _copy(item: Mapping[str, Mapping[str, str]]) -> Item:
    """Copy an item, its numbers written as DynamoDB writes them."""
    return {
        name: {kind: _written(text) if kind == "N" else str(text) for kind, text in value.items()}
        for name, value in item.items()
    }


def _written(number: str) -> str:
    return format(Decimal(number).normalize(), "f")


def _updated(item: Item, write: Mapping[str, Any]) -> Item:
    """Carry out `SET name = :value, … REMOVE name, … ADD name :number, …`."""
    names, values = write.get("ExpressionAttributeNames", {}), _copy(write.get("ExpressionAttributeValues", {}))
    after, verb = dict(item), ""
    tokens = [token for token in _TOKENS.findall(write["UpdateExpression"]) if token not in {",", "="}]
    remaining = iter(tokens)
    for token in remaining:
        if token in {"SET", "REMOVE", "ADD"}:
            verb = token
        elif verb == "ADD":
            name, more = names.get(token, token), values[next(remaining)]["N"]
            after[name] = {"N": _written(str(Decimal(after.get(name, {"N": "0"})["N"]) + Decimal(more)))}
        elif verb == "SET":
            after[names.get(token, token)] = values[next(remaining)]
        else:
            after.pop(names.get(token, token), None)
    return after


class _Condition:
    """Reads `attribute_not_exists(a)`, `a = :b`, `a <= :b`, `a < :b`, `a IN (:b, :c)`, AND, OR and parentheses."""

    def __init__(self, text: str, write: Mapping[str, Any]) -> None:
        self._tokens = _TOKENS.findall(text)
        self._names = write.get("ExpressionAttributeNames", {})
        self._values = _copy(write.get("ExpressionAttributeValues", {}))
        self._item: Item = {}

    def holds(self, item: Item) -> bool:
        self._item = item
        self._at = 0
        held = self._or()
        if self._at != len(self._tokens):
            raise client_error("ValidationException")
        return held

    def _or(self) -> bool:
        held = self._and()
        while self._next_is("OR"):
            held |= self._and()
        return held

    def _and(self) -> bool:
        held = self._term()
        while self._next_is("AND"):
            held &= self._term()
        return held

    def _term(self) -> bool:
        if self._next_is("("):
            held = self._or()
            assert self._next_is(")")
            return held
        name = self._take()
        if name == "attribute_not_exists":
            (inside,) = self._in_parentheses()
            return self._names.get(inside, inside) not in self._item
        value = self._item.get(self._names.get(name, name))
        if self._next_is("IN"):
            return value in [self._values[wanted] for wanted in self._in_parentheses()]
        for sign, compares in (("<=", operator.le), ("<", operator.lt)):
            if self._next_is(sign):
                bound = Decimal(self._values[self._take()]["N"])
                return value is not None and compares(Decimal(value["N"]), bound)
        assert self._next_is("=")
        return value == self._values[self._take()]

    def _in_parentheses(self) -> list[str]:
        assert self._next_is("(")
        inside = [self._take()]
        while self._next_is(","):
            inside.append(self._take())
        assert self._next_is(")")
        return inside

    def _next_is(self, token: str) -> bool:
        there = self._at < len(self._tokens) and self._tokens[self._at] == token
        self._at += there
        return there

    def _take(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1])

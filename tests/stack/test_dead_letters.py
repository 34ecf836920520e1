"""An entry that can't be made an event is set aside alone, named but not shown, and the others go on."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from hookline.callbacks import Verified
from hookline_cli.stack import Stack
from tests import streams
from tests.samples import NUMBER, TEXT
from tests.stack.inbox import Inbox, of_account

type Item = dict[str, dict[str, str]]

LETTER_SECONDS = 60.0


def entry(account: str, **overrides: str) -> Item:
    """Make an entry as the receiver stores it."""
    identity = uuid.uuid4().hex
    payload = f"from={NUMBER}&message=marked+text&messageId={identity}&nonce={identity}&nonce-date=20261122100500"
    verified = Verified(kind="reply", identity=identity, payload=payload)
    return {**streams.item(verified, account=account), **{name: {"S": text} for name, text in overrides.items()}}


def store_at_once(stack: Stack, items: list[Item]) -> None:
    """Put entries into the journal in one transaction, so that the stream hands them over together."""
    table = stack.outputs["JournalTable"]
    stack.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}} for item in items])


def take_letters(stack: Stack, wanted: Callable[[dict[str, Any]], bool], count: int) -> list[dict[str, Any]]:
    """Take messages off the publish dead-letter queue until so many came that are wanted."""
    url = stack.outputs["PublishDeadLettersUrl"]
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + LETTER_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        answer = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            letter = json.loads(message["Body"])
            found += [letter] if wanted(letter) else []
    return found


def test_one_entry_that_cannot_be_an_event_is_set_aside_and_the_others_go_on(
    stack: Stack, inbox: Inbox, settle: Callable[[], None]
) -> None:
    account = f"poisoned-{uuid.uuid4().hex[:8]}"
    good = [entry(account) for _ in range(4)]
    of_nobody = entry(account, provider="carrier_pigeon", recorded_at="2026-11-22T08:00:00.000+00:00")
    out_of_time = entry(account, recorded_at=f"{TEXT} when {NUMBER}")
    store_at_once(stack, [good[0], of_nobody, good[1], good[2], out_of_time, good[3]])

    events = inbox.wait(of_account(account), count=len(good))
    assert [event["detail"]["data"]["message_id"] for event in events] == [
        item["pk"]["S"].rpartition("#")[2] for item in good
    ]

    poison = {item["pk"]["S"]: item for item in (of_nobody, out_of_time)}
    letters = take_letters(stack, lambda letter: letter["keys"].get("pk", {}).get("S") in poison, len(poison))
    assert letters == [
        {"keys": {"pk": of_nobody["pk"], "sk": {"S": "callback"}}, "reason": "KeyError"},
        {"keys": {"pk": out_of_time["pk"], "sk": {"S": "callback"}}, "reason": "ValueError"},
    ]

    settle()
    assert len(inbox.now(of_account(account))) == len(good), "nothing more came of it"


def test_an_entry_set_aside_is_still_in_the_journal(stack: Stack) -> None:
    """The letter names it, and whoever may read the journal finds it there."""
    item = entry(f"poisoned-{uuid.uuid4().hex[:8]}", provider="carrier_pigeon")
    store_at_once(stack, [item])
    [letter] = take_letters(stack, lambda letter: letter["keys"].get("pk") == item["pk"], 1)
    answer = stack.dynamodb.get_item(TableName=stack.outputs["JournalTable"], Key=letter["keys"])
    assert answer["Item"] == item

"""The journal's one write, before a real conditional store (DynamoDB by moto) and before one that fails."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import ANY, Stubber

from hookline.aws import client
from hookline.callbacks import Verified
from hookline.errors import JournalUnavailableError
from hookline.journal import Journal, Written
from tests.cases import Case, table
from tests.doubles import Fault, FaultyStore, as_dynamodb, client_error
from tests.samples import ACCOUNT, NOW, NUMBER, SECRET, TEXT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY = 86_400
REPLY = Verified("reply", "nonce-1", f"from={NUMBER}&message={TEXT}", "fingerprint-1")
ENDPOINT = "https://dynamodb.af-south-1.amazonaws.com"


def store(journal: Journal, verified: Verified = REPLY, **overrides: Any) -> Written:
    arguments: dict[str, Any] = {
        "provider": "zoom_connect",
        "account": ACCOUNT,
        "settings": {"timezone": "Africa/Johannesburg"},
        "replay_window": 360,
        "now": NOW,
    }
    return journal.store_callback(verified, **arguments | overrides)


def items(dynamodb: "DynamoDBClient", table_name: str) -> list[dict[str, Any]]:
    return dynamodb.scan(TableName=table_name)["Items"]


@pytest.fixture
def journal(dynamodb: "DynamoDBClient", journal_table: str) -> Journal:
    return Journal(dynamodb, journal_table, retention=30 * DAY)


def test_an_entry_holds_all_that_publish_needs(
    journal: Journal, dynamodb: "DynamoDBClient", journal_table: str
) -> None:
    assert store(journal) is Written.STORED
    (item,) = items(dynamodb, journal_table)
    assert item == {
        "pk": {"S": "callback#zoom_connect#acme-za#nonce-1"},
        "sk": {"S": "callback"},
        "entry": {"S": "callback"},
        "provider": {"S": "zoom_connect"},
        "account": {"S": "acme-za"},
        "kind": {"S": "reply"},
        "payload": {"S": REPLY.payload},
        "fingerprint": {"S": "fingerprint-1"},
        "settings": {"S": '{"timezone": "Africa/Johannesburg"}'},
        "recorded_at": {"S": "2026-11-22T08:00:00.000+00:00"},
        "expires_at": {"N": str(int(NOW) + 30 * DAY)},
    }


EXPIRIES = (
    Case("the retention is longer", (30 * DAY, 360), 30 * DAY),
    Case("the replay window is longer", (3600, 30 * DAY), 30 * DAY),
    Case("both are the same", (3600, 3600), 3600),
)


@table("case", EXPIRIES)
def test_an_entry_is_kept_for_the_retention_and_never_less_than_its_replay_window(
    case: Case[tuple[int, int], int], dynamodb: "DynamoDBClient", journal_table: str
) -> None:
    retention, replay_window = case.given
    store(Journal(dynamodb, journal_table, retention), replay_window=replay_window, now=NOW + 0.9)
    (item,) = items(dynamodb, journal_table)
    assert int(item["expires_at"]["N"]) == NOW + case.expected


SECONDS = (
    Case("the same", REPLY, Written.REPEATED),
    Case("the same with another payload of the same content", REPLY._replace(payload="x"), Written.REPEATED),
    Case("another content", REPLY._replace(fingerprint="fingerprint-2"), Written.CONFLICT),
    Case("another identity", REPLY._replace(identity="nonce-2"), Written.STORED),
)


@table("case", SECONDS)
def test_a_second_callback_is_a_repeat_a_conflict_or_another_one(
    case: Case[Verified, Written], journal: Journal, dynamodb: "DynamoDBClient", journal_table: str
) -> None:
    store(journal)
    before = items(dynamodb, journal_table)
    assert store(journal, case.given) is case.expected
    after = items(dynamodb, journal_table)
    assert len(after) == (2 if case.expected is Written.STORED else 1)
    assert all(item in after for item in before)


@pytest.mark.parametrize("part", ["provider", "account"])
def test_one_identity_is_two_callbacks_in_two_accounts_and_at_two_providers(journal: Journal, part: str) -> None:
    store(journal)
    overrides: dict[str, Any] = {part: "another"}
    assert store(journal, **overrides) is Written.STORED


def test_the_write_asks_for_the_condition_and_for_what_is_there(dynamodb: "DynamoDBClient") -> None:
    """Held against botocore's own model of DynamoDB, so that nothing depends on what moto lets through."""
    real = client("dynamodb")
    with Stubber(real) as stubber:
        stubber.add_response(
            "put_item",
            {},
            {
                "TableName": "journal",
                "Item": ANY,
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        )
        assert store(Journal(real, "journal", DAY)) is Written.STORED
        stubber.assert_no_pending_responses()
    assert real.meta.region_name == dynamodb.meta.region_name


FAULTS = (
    Case("capacity", client_error("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"),
    Case("throttled", client_error("ThrottlingException"), "ThrottlingException"),
    Case("too many requests", client_error("RequestLimitExceeded"), "RequestLimitExceeded"),
    Case("in conflict", client_error("TransactionConflictException"), "TransactionConflictException"),
    Case("broken", client_error("InternalServerError", status=500), "InternalServerError"),
    Case("denied", client_error("AccessDeniedException"), "AccessDeniedException"),
    Case("no table", client_error("ResourceNotFoundException"), "ResourceNotFoundException"),
    Case("slow to connect", ConnectTimeoutError(endpoint_url=ENDPOINT), "ConnectTimeoutError"),
    Case("slow to answer", ReadTimeoutError(endpoint_url=ENDPOINT), "ReadTimeoutError"),
    Case("gone", EndpointConnectionError(endpoint_url=ENDPOINT), "EndpointConnectionError"),
    Case("gone while answering", ConnectionClosedError(endpoint_url=ENDPOINT), "ConnectionClosedError"),
    Case("no credentials", NoCredentialsError(), "NoCredentialsError"),
)


@table("case", FAULTS)
@pytest.mark.parametrize("after_the_write", [False, True], ids=["not written", "written all the same"])
def test_a_store_that_fails_is_unavailable_and_a_second_try_ends_with_one_entry(
    case: Case[Exception, str], dynamodb: "DynamoDBClient", journal_table: str, *, after_the_write: bool
) -> None:
    faulty = FaultyStore(dynamodb, [Fault(case.given, after_the_write=after_the_write)])
    journal = Journal(as_dynamodb(faulty), journal_table, DAY)
    with pytest.raises(JournalUnavailableError) as caught:
        store(journal)
    assert str(caught.value) == case.expected
    assert store(journal) is (Written.REPEATED if after_the_write else Written.STORED)
    assert len(items(dynamodb, journal_table)) == 1


def test_what_went_wrong_is_said_without_the_entry() -> None:
    refused = client_error("ValidationException")
    refused.response["Error"]["Message"] = f"the item {TEXT} of {NUMBER} signed with {SECRET}"
    faulty = FaultyStore(client("dynamodb"), [Fault(refused)])
    with pytest.raises(JournalUnavailableError) as caught:
        store(Journal(as_dynamodb(faulty), "journal", DAY))
    assert str(caught.value) == "ValidationException"


# --- botocore's own retries ------------------------------------------------------------------------------------------


@pytest.fixture
def stuttering(dynamodb: "DynamoDBClient", aws: None) -> Iterator["DynamoDBClient"]:  # noqa: ARG001  # it is there
    """A real client whose first request is written, and answered with 500 all the same."""
    stutterer = client("dynamodb")
    seen: list[Any] = []

    def fail_after_the_write(request: Any, **_context: Any) -> AWSResponse | None:
        seen.append(request)
        if len(seen) > 1:
            return None
        dynamodb.put_item(**json.loads(request.body))
        return AWSResponse(request.url, 500, HTTPHeaders(), _Raw(b'{"__type": "InternalServerError"}'))

    stutterer.meta.events.register_first(
        "before-send.dynamodb.PutItem",
        fail_after_the_write,  # type: ignore[arg-type]  # botocore uses what it returns
    )
    yield stutterer
    assert len(seen) == 2


class _Raw:
    """A response's body, as urllib3 hands it to botocore."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_arguments: Any) -> Iterator[bytes]:
        yield self._content


def test_a_write_that_botocore_repeats_by_itself_is_a_repeat_of_our_own(
    stuttering: "DynamoDBClient", dynamodb: "DynamoDBClient", journal_table: str
) -> None:
    """It is answered 200, and the entry that is there is published by the stream: once."""
    assert store(Journal(stuttering, journal_table, DAY)) is Written.REPEATED
    assert len(items(dynamodb, journal_table)) == 1

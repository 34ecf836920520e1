"""Least privilege around commands to Zorya: what may spend money, what may settle it, and what may read a token.

What it does not show: the emulator does not look at `iam:PassRole`, which says that the sender hands the scheduler no
other role than the one for its queue.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hookline_cli.stack import Stack
from tests.cases import Case, table
from tests.stack.test_permissions import (
    DENIED,
    FORBIDDEN_TO_ALL,
    OF_NOBODY,
    Call,
    Clients,
    as_role,
    invoke,
    journal,
    key,
    put_events,
    receive_from,
    remove,
    secret,
    send_to,
)
from tests.stack.test_sending_permissions import STATE_OF_ITEM
from tests.stack.zorya_stand_in import find_zorya, new_client

ACCOUNT = "zorya-permissions"
SENDER, SETTLE = "SendZoryaRole", "SettleRole"
OTHERS = ("ReceiveZoryaRole", "ReceiveZoomConnectRole", "PublishRole", "SendZoomConnectRole")
READ_ACCOUNT = secret("get_secret_value", f"/hookline/local/accounts/{ACCOUNT}")


def resource(stack: Stack, logical_id: str) -> str:
    """Return the name that a resource of the template has on the stack."""
    described = stack.cloudformation.describe_stack_resource(StackName=stack.name, LogicalResourceId=logical_id)
    return described["StackResourceDetail"]["PhysicalResourceId"]


def tokens(operation: str, **arguments: Any) -> Call:
    def call(stack: Stack, clients: Clients) -> object:
        return getattr(clients("dynamodb"), operation)(TableName=resource(stack, "Tokens"), **arguments)

    return call


def read_many(table_of: str) -> Call:
    def call(stack: Stack, clients: Clients) -> object:
        name = stack.outputs["JournalTable"] if table_of == "Journal" else resource(stack, table_of)
        return clients("dynamodb").batch_get_item(RequestItems={name: {"Keys": [key()]}})

    return call


def report(operation: str, **arguments: Any) -> Call:
    def call(stack: Stack, clients: Clients) -> object:
        named = {} if operation == "list_objects_v2" else {"Key": f"{ACCOUNT}/report.jsonl"}
        return getattr(clients("s3"), operation)(Bucket=stack.outputs["ReportsBucket"], **named, **arguments)

    return call


def schedule(name: str = "hookline-local-") -> Call:
    """Make a schedule, and delete it again: both are what the sender does."""

    def call(stack: Stack, clients: Clients) -> object:
        scheduler = clients("scheduler")
        identity: Any = stack._client("sts")
        arn = f"arn:aws:iam::{identity.get_caller_identity()['Account']}:role/{resource(stack, 'ZoryaSchedulerRole')}"
        own = f"{name}{uuid.uuid4().hex[:8]}"
        scheduler.create_schedule(
            Name=own,
            ScheduleExpression="at(2040-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": stack.outputs["ZoryaCommandsArn"], "RoleArn": arn, "Input": "{}"},
        )
        return scheduler.delete_schedule(Name=own)

    return call


SHARED = [
    Case("reads an account", READ_ACCOUNT, None),
    Case("changes an entry", journal("update_item", **STATE_OF_ITEM), None),
    Case("writes down a link", journal("put_item", Item=key()), None),
    Case("takes a command off the list", journal("delete_item", Key=key()), None),
    Case("reads a token", tokens("get_item", Key=key()), None),
    Case("writes down a token", tokens("update_item", **STATE_OF_ITEM), None),
]
"""What the sender and `settle` do both."""

ALLOWED = [
    *(Case(case.id, role, case.given) for role in (SENDER, SETTLE) for case in SHARED),
    Case("looks a command up", SENDER, journal("get_item", Key=key())),
    Case("puts a command back", SENDER, send_to("ZoryaCommandsUrl")),
    Case("sets a command aside", SENDER, send_to("ZoryaCommandDeadLettersUrl")),
    Case("keeps a report", SENDER, report("put_object", Body=b"{}")),
    Case("has a command come again at its time", SENDER, schedule()),
    Case("reads the list", SETTLE, journal("query", **OF_NOBODY)),
    Case("reads entries", SETTLE, read_many("Journal")),
    Case("takes callbacks", SETTLE, receive_from("SettleCallbacksUrl")),
]

FORBIDDEN_TO_BOTH = [
    *(case for case in FORBIDDEN_TO_ALL if case.id not in {"changes an entry", "deletes an entry"}),
    Case("looks through the tokens", tokens("scan"), None),
    Case("queries the tokens", tokens("query", **OF_NOBODY), None),
    Case("replaces a token's item", tokens("put_item", Item=key()), None),
    Case("deletes a token's item", tokens("delete_item", Key=key()), None),
    Case("reads a report", report("get_object"), None),
    Case("deletes a report", report("delete_object"), None),
    Case("lists the reports", report("list_objects_v2"), None),
    Case("puts events", put_events(), None),
    Case("sets an entry aside", send_to("PublishDeadLettersUrl"), None),
    Case("has an entry published again", send_to("LaterQueueUrl"), None),
    Case("makes up a callback", send_to("SettleCallbacksUrl"), None),
    Case("sends by Zoom Connect", send_to("ZoomConnectCommandsUrl"), None),
    Case("reads the commands' dead letters", receive_from("ZoryaCommandDeadLettersUrl"), None),
    Case("reads the callbacks' dead letters", receive_from("SettleDeadLettersUrl"), None),
    Case("removes the commands", remove("ZoryaCommandsUrl"), None),
    Case("calls the sender", invoke("SendZoryaFunction"), None),
    Case("calls settle", invoke("SettleFunction"), None),
    Case("makes a schedule of another name", schedule("another-teams-"), None),
]

FORBIDDEN = [
    *(Case(case.id, role, case.given) for role in (SENDER, SETTLE) for case in FORBIDDEN_TO_BOTH),
    Case("queries the journal", SENDER, journal("query", **OF_NOBODY)),
    Case("reads many entries", SENDER, read_many("Journal")),
    Case("takes callbacks", SENDER, receive_from("SettleCallbacksUrl")),
    Case("spends money", SETTLE, send_to("ZoryaCommandsUrl")),
    Case("takes commands", SETTLE, receive_from("ZoryaCommandsUrl")),
    Case("sets a command aside", SETTLE, send_to("ZoryaCommandDeadLettersUrl")),
    Case("keeps a report", SETTLE, report("put_object", Body=b"{}")),
    Case("makes a schedule", SETTLE, schedule()),
    *(
        Case(f"{case.id} ({role})", role, case.given)
        for role in OTHERS
        for case in (
            Case("reads a token", tokens("get_item", Key=key()), None),
            Case("reads many tokens", read_many("Tokens"), None),
            Case("looks through the tokens", tokens("scan"), None),
            Case("writes down a token", tokens("update_item", **STATE_OF_ITEM), None),
            Case("spends money", send_to("ZoryaCommandsUrl"), None),
            Case("takes commands", receive_from("ZoryaCommandsUrl"), None),
            Case("makes up a callback", send_to("SettleCallbacksUrl"), None),
            Case("keeps a report", report("put_object", Body=b"{}"), None),
            Case("reads a report", report("get_object"), None),
            Case("makes a schedule", schedule(), None),
            Case("calls the sender", invoke("SendZoryaFunction"), None),
            Case("decides on a command", invoke("SettleFunction"), None),
        )
    ),
    Case("reads an account", "ZoryaSchedulerRole", READ_ACCOUNT),
    Case("reads a token", "ZoryaSchedulerRole", tokens("get_item", Key=key())),
]


@pytest.fixture(scope="module", autouse=True)
def account(stack: Stack) -> Iterator[None]:
    """The account and the report that calls are about. What was put on queues here is taken off again."""
    stand_in = find_zorya(stack)
    new_client(stack, stand_in, ACCOUNT)
    stack.s3.put_object(Bucket=stack.outputs["ReportsBucket"], Key=f"{ACCOUNT}/report.jsonl", Body=b"{}")
    yield
    stand_in.close()
    for name in ("ZoryaCommandsUrl", "ZoryaCommandDeadLettersUrl"):
        stack.sqs.purge_queue(QueueUrl=stack.outputs[name])


def ids(cases: list[Case[str, Call]]) -> list[Case[str, Call]]:
    """Name each case by its role too."""
    return [case._replace(id=f"{case.given}: {case.id}") for case in cases]


@table("case", ids(ALLOWED))
def test_a_role_may_do_what_its_function_does(stack: Stack, case: Case[str, Call]) -> None:
    assert case.expected(stack, as_role(stack, case.given))


@table("case", ids(FORBIDDEN))
def test_a_role_may_do_no_more(stack: Stack, case: Case[str, Call]) -> None:
    with pytest.raises(ClientError) as refused:
        case.expected(stack, as_role(stack, case.given))
    assert refused.value.response["Error"]["Code"] in DENIED

"""Least privilege around commands: the sender's role, and the policies that docs/commands.md gives to callers.

The policies and the examples are taken from the page: what it says is what is tried here.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from hookline_cli import commands
from hookline_cli.stack import Stack
from tests.cases import Case, table
from tests.samples import NUMBER, TEXT
from tests.stack.inbox import Inbox
from tests.stack.stand_in import Sender, find_stand_in, new_sender
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
from tests.test_docs import COMMANDS_PAGE, blocks

ROLE = "SendZoomConnectRole"
ACCOUNT = "sending-permissions"
STATE_OF_ITEM = {"Key": key(), "UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": {"S": "x"}}}

ALLOWED = [
    Case("claims a command", None, journal("update_item", **STATE_OF_ITEM)),
    Case("writes down a link", None, journal("put_item", Item=key())),
    Case("looks a command up", None, journal("get_item", Key=key())),
    Case("reads an account", None, secret("get_secret_value", f"/hookline/local/accounts/{ACCOUNT}")),
    Case("puts a command back", None, send_to("ZoomConnectCommandsUrl")),
    Case("sets a command aside", None, send_to("ZoomConnectCommandDeadLettersUrl")),
]

NOT_FORBIDDEN = {"changes an entry"}
"""What is forbidden to every other role, and what a sender does."""

FORBIDDEN = [
    *(case for case in FORBIDDEN_TO_ALL if case.id not in NOT_FORBIDDEN),
    Case("queries the journal", journal("query", **OF_NOBODY), None),
    Case("puts events", put_events(), None),
    Case("sets an entry aside", send_to("PublishDeadLettersUrl"), None),
    Case("has an entry published again", send_to("LaterQueueUrl"), None),
    Case("reads its own dead letters", receive_from("ZoomConnectCommandDeadLettersUrl"), None),
    Case("removes the commands", remove("ZoomConnectCommandsUrl"), None),
    Case("calls itself", invoke("SendZoomConnectFunction"), None),
]


@pytest.fixture(scope="module", autouse=True)
def sender(stack: Stack) -> Iterator[Sender]:
    """The account that is read and that callers use. What was put on queues here is taken off again."""
    stand_in = find_stand_in(stack)
    yield new_sender(stack, stand_in, ACCOUNT)
    stand_in.close()
    for name in ("ZoomConnectCommandsUrl", "ZoomConnectCommandDeadLettersUrl"):
        stack.sqs.purge_queue(QueueUrl=stack.outputs[name])


@table("case", ALLOWED)
def test_the_sender_may_do_what_it_does(stack: Stack, case: Case[None, Call]) -> None:
    assert case.expected(stack, as_role(stack, ROLE))


@table("case", FORBIDDEN)
def test_the_sender_may_do_no_more(stack: Stack, case: Case[Call, None]) -> None:
    with pytest.raises(ClientError) as refused:
        case.given(stack, as_role(stack, ROLE))
    assert refused.value.response["Error"]["Code"] in DENIED


# --- callers ---------------------------------------------------------------------------------------------------------

SECTIONS = dict(re.findall(r"\n### (On the queue|On the bus|Directly)\n(.*?)(?=\n##)", COMMANDS_PAGE, flags=re.DOTALL))
"""The page's part about each way in: an example in Python, and the policy that its caller needs."""

OTHERS: dict[str, Call] = {
    "On the queue": send_to("ZoomConnectCommandsUrl"),
    "On the bus": put_events(),
    "Directly": invoke("SendZoomConnectFunction"),
}


def here(stack: Stack, text: str) -> str:
    """Put this stack's names in the place of those of the page."""
    names = {
        "https://sqs.af-south-1.amazonaws.com/123456789012/hookline-dev-zoom-connect-commands": stack.outputs[
            "ZoomConnectCommandsUrl"
        ],
        "arn:aws:sqs:af-south-1:123456789012:hookline-dev-zoom-connect-commands": stack.outputs[
            "ZoomConnectCommandsArn"
        ],
        "arn:aws:events:af-south-1:123456789012:event-bus/hookline-dev": stack.outputs["BusArn"],
        "arn:aws:lambda:af-south-1:123456789012:function:hookline-dev-send-zoom-connect:live": stack.outputs[
            "SendZoomConnectFunction"
        ],
        "hookline-dev-send-zoom-connect:live": stack.outputs["SendZoomConnectFunction"],
        '"hookline-dev"': f'"{stack.outputs["BusName"]}"',
        "acme-za": ACCOUNT,
        "+27725551234": f"+{NUMBER}",
        "Your order is on its way.": TEXT,
    }
    for name, own in names.items():
        text = text.replace(name, own)
    return text


@pytest.fixture(scope="module")
def as_caller(stack: Stack) -> Callable[[str], dict[str, str]]:
    """Give the credentials of a caller that has a policy of the page, and nothing else, as an environment."""
    iam: Any = stack._client("iam")
    sts: Any = stack._client("sts")
    account = sts.get_caller_identity()["Account"]
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}

    @cache
    def credentials(section: str) -> dict[str, str]:
        [policy] = [block for block in blocks(SECTIONS[section], "json") if "Statement" in block]
        name = f"caller-{uuid.uuid4().hex[:8]}"
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        iam.put_role_policy(RoleName=name, PolicyName="give-commands", PolicyDocument=here(stack, policy))
        given = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{name}", RoleSessionName="caller")["Credentials"]
        assert stack.local is not None
        return {
            **stack.local.environment,
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    return credentials


@pytest.mark.parametrize("section", SECTIONS)
def test_the_pages_example_gives_a_command_with_the_pages_policy(
    stack: Stack,
    as_caller: Callable[[str], dict[str, str]],
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
    section: str,
) -> None:
    command_id = f"test/{uuid.uuid4().hex}"
    [example] = blocks(SECTIONS[section], "python")
    source = re.sub(r'"id": "[^"]+"', f'"id": "{command_id}"', here(stack, example))
    for name, value in as_caller(section).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    exec(compile(source, "docs/commands.md", "exec"), {})  # noqa: S102  # our own example
    monkeypatch.undo()
    assert commands.wait(stack, [command_id], 60) == {command_id: "succeeded"}
    events = inbox.wait(
        lambda event: (event["detail"]["metadata"]["correlation"] or {}).get("command_id") == command_id
    )
    assert events


@pytest.mark.parametrize(("section", "other"), [(one, other) for one in SECTIONS for other in OTHERS if one != other])
def test_a_caller_may_give_commands_in_its_own_way_only(
    stack: Stack, as_caller: Callable[[str], dict[str, str]], section: str, other: str
) -> None:
    with pytest.raises(ClientError) as refused:
        OTHERS[other](stack, clients_of(stack, as_caller(section)))
    assert refused.value.response["Error"]["Code"] in DENIED


@pytest.mark.parametrize("section", SECTIONS)
@table("case", [case for case in FORBIDDEN_TO_ALL if case.id != "calls a function"])
def test_a_caller_may_do_nothing_else(
    stack: Stack, as_caller: Callable[[str], dict[str, str]], section: str, case: Case[Call, None]
) -> None:
    with pytest.raises(ClientError) as refused:
        case.given(stack, clients_of(stack, as_caller(section)))
    assert refused.value.response["Error"]["Code"] in DENIED


def clients_of(stack: Stack, environment: dict[str, str]) -> Clients:
    assert stack.local is not None
    endpoint = stack.local.endpoint
    session = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment["AWS_SESSION_TOKEN"],
        region_name=stack.region,
    )
    return lambda service: session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


def test_the_page_has_an_example_and_a_policy_for_each_way() -> None:
    assert SECTIONS.keys() == OTHERS.keys()

"""Least privilege, shown: the emulator enforces the template's roles, so what the path needs works and no more does.

What it does not show: the emulator reads the journal's stream for `publish` without its role.
"""

import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from hookline_cli.stack import Stack
from tests.cases import Case, table

DENIED = {"AccessDenied", "AccessDeniedException"}

type Clients = Callable[[str], Any]
type Call = Callable[[Stack, Clients], object]


def as_role(stack: Stack, logical_id: str) -> Clients:
    """Return what makes AWS clients with a role of the template."""
    resource = stack.cloudformation.describe_stack_resource(StackName=stack.name, LogicalResourceId=logical_id)
    role = resource["StackResourceDetail"]["PhysicalResourceId"]
    assert stack.local is not None
    endpoint, names = stack.local.endpoint, stack.local.environment
    operator = boto3.Session(names["AWS_ACCESS_KEY_ID"], names["AWS_SECRET_ACCESS_KEY"], region_name=stack.region)
    sts = operator.client("sts", endpoint_url=endpoint)
    arn = f"arn:aws:iam::{sts.get_caller_identity()['Account']}:role/{role}"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="least-privilege")["Credentials"]
    session = boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=stack.region
    )
    return lambda service: session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


def key() -> dict[str, dict[str, str]]:
    """Return the keys of an entry that nobody reads: no function is called for it."""
    return {"pk": {"S": f"permissions#{uuid.uuid4().hex}"}, "sk": {"S": "permissions"}}


def journal(operation: str, **arguments: Any) -> Call:
    def call(stack: Stack, clients: Clients) -> object:
        return getattr(clients("dynamodb"), operation)(TableName=stack.outputs["JournalTable"], **arguments)

    return call


OF_NOBODY = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "nobody"}}}


def secret(operation: str, name: str = "", **arguments: Any) -> Call:
    def call(stack: Stack, clients: Clients) -> object:
        identity = name or f"{stack.outputs['AccountsPrefix']}permissions"
        return getattr(clients("secretsmanager"), operation)(SecretId=identity, **arguments)

    return call


def put_events(bus: str = "") -> Call:
    def call(stack: Stack, clients: Clients) -> object:
        entry = {"EventBusName": bus or stack.outputs["BusName"], "Source": "permissions", "DetailType": "x"}
        return clients("events").put_events(Entries=[{**entry, "Detail": "{}"}])

    return call


def send_to(output: str) -> Call:
    def call(stack: Stack, clients: Clients) -> object:
        return clients("sqs").send_message(QueueUrl=stack.outputs[output], MessageBody='{"keys": {}, "reason": "test"}')

    return call


def receive_from(output: str) -> Call:
    return lambda stack, clients: clients("sqs").receive_message(QueueUrl=stack.outputs[output])


def remove(output: str) -> Call:
    return lambda stack, clients: clients("sqs").purge_queue(QueueUrl=stack.outputs[output])


def invoke(function: str) -> Call:
    return lambda stack, clients: clients("lambda").invoke(FunctionName=stack.outputs[function], Payload=b"{}")


ALLOWED = [
    Case("stores an entry", "ReceiveZoomConnectRole", journal("put_item", Item=key())),
    Case("reads an account", "ReceiveZoomConnectRole", secret("get_secret_value")),
    Case("puts events", "PublishRole", put_events()),
    Case("sets an entry aside", "PublishRole", send_to("PublishDeadLettersUrl")),
]

FORBIDDEN_TO_ALL = [
    Case("scans the journal", journal("scan"), None),
    Case("changes an entry", journal("update_item", Key=key()), None),
    Case("deletes an entry", journal("delete_item", Key=key()), None),
    Case("changes an account", secret("put_secret_value", SecretString="x"), None),
    Case("deletes an account", secret("delete_secret"), None),
    Case("reads a secret that is no account", secret("get_secret_value", "another-teams-secret"), None),
    Case("puts events on another bus", put_events("default"), None),
    Case("writes to the subscriber's queue", send_to("SubscriptionQueueUrl"), None),
    Case("reads the subscriber's queue", receive_from("SubscriptionQueueUrl"), None),
    Case("reads the dead letters", receive_from("PublishDeadLettersUrl"), None),
    Case("removes the dead letters", remove("PublishDeadLettersUrl"), None),
    Case("calls a function", invoke("PublishFunction"), None),
]
"""One line a call: what it is called, the call."""

FORBIDDEN = [
    Case("reads an entry", "ReceiveZoomConnectRole", journal("get_item", Key=key())),
    Case("queries the journal", "ReceiveZoomConnectRole", journal("query", **OF_NOBODY)),
    Case("puts events", "ReceiveZoomConnectRole", put_events()),
    Case("sets an entry aside", "ReceiveZoomConnectRole", send_to("PublishDeadLettersUrl")),
    Case("stores an entry", "PublishRole", journal("put_item", Item=key())),
    Case("reads an account", "PublishRole", secret("get_secret_value")),
    *(
        Case(case.id, role, case.given)
        for role in ("ReceiveZoomConnectRole", "PublishRole")
        for case in FORBIDDEN_TO_ALL
    ),
]


@pytest.fixture(scope="module", autouse=True)
def its_secret(stack: Stack) -> None:
    """The account that the calls are about: so that what they are answered is not that it isn't there."""
    stack.secrets.create_secret(Name=f"{stack.outputs['AccountsPrefix']}permissions", SecretString="{}")
    stack.secrets.create_secret(Name="another-teams-secret", SecretString="{}")


@table("case", ALLOWED)
def test_a_role_may_do_what_its_function_does(stack: Stack, case: Case[str, Call]) -> None:
    assert case.expected(stack, as_role(stack, case.given))


@table("case", FORBIDDEN)
def test_a_role_may_do_no_more(stack: Stack, case: Case[str, Call]) -> None:
    with pytest.raises(ClientError) as refused:
        case.expected(stack, as_role(stack, case.given))
    assert refused.value.response["Error"]["Code"] in DENIED

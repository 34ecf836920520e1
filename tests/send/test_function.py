"""`send_zoom_connect` as Lambda loads it: AWS by moto, the stand-in over real HTTP, the template's environment."""

import importlib.util
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from hookline import command_queue, send
from hookline.aws import client
from hookline.command_journal import CommandJournal
from hookline.correlate import OVERTAKEN_FOR
from hookline.pace import HORIZON_SECONDS
from hookline.wiring.publish import LATER_SECONDS
from hookline.wiring.send import LEASE_SECONDS, TIMEOUT, http_client
from simulators.zoom_connect.modes import read_modes
from tests.samples import ACCOUNT, API_TOKEN, EMAIL, NUMBER, TEXT
from tests.send.conftest import StandIn
from tests.send.world import record_of, send_sms

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

ROOT = Path(__file__).parents[2]
DAY = 86_400
GET_BALANCE = {"command": "get_balance", "id": "balance-1", "account": ACCOUNT}


class Context:
    """Lambda's, with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Deployed:
    """The function, and what it works with."""

    def __init__(self, table: str, base_url: str, **settings: Any) -> None:
        stage = uuid.uuid4().hex[:8]
        self.sqs: SQSClient = client("sqs")
        self.commands = self.sqs.create_queue(QueueName=f"commands-{stage}")["QueueUrl"]
        self.dead_letters = self.sqs.create_queue(QueueName=f"command-dead-letters-{stage}")["QueueUrl"]
        self.prefix = f"/hookline/{stage}/accounts/"
        document = {
            "provider": "zoom_connect",
            "credentials": {"email": EMAIL, "token": API_TOKEN},
            "settings": {"base_url": base_url, "max_per_second": 1000, **settings},
        }
        client("secretsmanager").create_secret(Name=self.prefix + ACCOUNT, SecretString=json.dumps(document))
        os.environ.update(
            JOURNAL_TABLE=table,
            RETENTION_SECONDS=str(30 * DAY),
            ACCOUNTS_PREFIX=self.prefix,
            COMMAND_QUEUE_URL=self.commands,
            DEAD_LETTER_QUEUE_URL=self.dead_letters,
        )
        spec = importlib.util.spec_from_file_location("app_send", ROOT / "functions/send_zoom_connect/app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.module = module
        self.journal = CommandJournal(client("dynamodb"), table, "zoom_connect", 30 * DAY, 120)

    def __call__(self, event: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.module.handler(event, Context())
        return answer

    def receive(self, url: str) -> list[dict[str, Any]]:
        """Receive what is on a queue as Lambda hands it over."""
        received = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": dict(message["Attributes"]),
                "messageAttributes": {
                    name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
                    for name, value in message.get("MessageAttributes", {}).items()
                },
            }
            for message in received.get("Messages", [])
        ]


type Deploy = Callable[..., Deployed]


@pytest.fixture
def deploy(dynamodb: "DynamoDBClient", journal_table: str, stand_in: StandIn) -> Iterator[Deploy]:  # noqa: ARG001  # moto
    before = dict(os.environ)
    deployed: list[Deployed] = []

    def make(**settings: Any) -> Deployed:
        deployed.append(Deployed(journal_table, settings.pop("base_url", stand_in.base_url), **settings))
        return deployed[-1]

    yield make
    for function in deployed:
        function.module.send._caller._http.close()
    os.environ.clear()
    os.environ.update(before)


def test_a_batch_of_the_queue_is_sent(deploy: Deploy, stand_in: StandIn) -> None:
    function = deploy()
    records = [record_of(send_sms(f"order-{number}"), number) for number in range(3)]
    assert function({"Records": records}) == {"batchItemFailures": []}
    assert len(stand_in.simulator.ledger.rows) == 3
    found = function.journal.read("order-1")
    assert found is not None
    assert found.outcome["facts"]["message_id"] in {row["id"] for row in stand_in.simulator.ledger.rows}


def test_a_balance_is_answered_directly(deploy: Deploy) -> None:
    answer = deploy()(GET_BALANCE)
    assert answer["state"] == "succeeded"
    assert answer["outcome"]["facts"]["balance"] == {"amount": "100000.0", "currency": None}


@pytest.mark.parametrize("event", [None, 5, "text", [], {}])
def test_a_direct_invocation_with_nonsense_is_rejected(deploy: Deploy, event: Any) -> None:
    assert deploy()(event)["state"] == "rejected"


def test_a_message_goes_through_sqs_and_back(deploy: Deploy, stand_in: StandIn) -> None:
    """Put back for its turn, delayed after a failure, set aside: as SQS itself takes it."""
    function = deploy(max_per_second=1)
    function.sqs.set_queue_attributes(QueueUrl=function.commands, Attributes={"VisibilityTimeout": "0"})
    for number in range(3):
        function.sqs.send_message(QueueUrl=function.commands, MessageBody=json.dumps(send_sms(f"order-{number}")))
    function.sqs.send_message(QueueUrl=function.commands, MessageBody="{")
    records = function.receive(function.commands)
    assert function({"Records": records}) == {"batchItemFailures": []}
    for record in records:
        function.sqs.delete_message(QueueUrl=function.commands, ReceiptHandle=record["receiptHandle"])
    assert len(stand_in.simulator.ledger.rows) == 2
    (dead,) = function.receive(function.dead_letters)
    assert (dead["body"], list(dead["messageAttributes"])) == ("{", ["reason"])

    time.sleep(1.1)
    (back,) = function.receive(function.commands)
    assert list(back["messageAttributes"]) == [command_queue.TURN_ATTRIBUTE]
    assert function({"Records": [back]}) == {"batchItemFailures": []}
    assert len(stand_in.simulator.ledger.rows) == 3


def test_a_message_is_delayed_by_sqs(deploy: Deploy) -> None:
    function = deploy(base_url="http://127.0.0.1:1/api")
    function.sqs.send_message(QueueUrl=function.commands, MessageBody=json.dumps(send_sms()))
    (record,) = function.receive(function.commands)
    failures = function({"Records": [record]})["batchItemFailures"]
    assert failures == [{"itemIdentifier": record["messageId"]}]
    found = function.journal.read("order-1")
    assert found is not None
    assert found.state.value == "waiting"


def test_connections_are_used_again(deploy: Deploy, stand_in: StandIn) -> None:
    function = deploy()
    for number in range(5):
        assert function(send_sms(f"order-{number}"))["state"] == "succeeded"
    pool: Any = function.module.send._caller._http._transport
    assert len(pool._pool.connections) == 1
    assert sum(stand_in.simulator.calls.values()) == 5


def test_no_answer_in_time_is_unknown(deploy: Deploy, stand_in: StandIn) -> None:
    stand_in.simulator.numbers.put(NUMBER, read_modes("timeout_after=5"), None)
    function = deploy()
    function.module.send._caller._http.timeout = httpx.Timeout(0.2)
    answer = function(send_sms())
    assert answer == {"state": "unknown", "outcome": {"why": "ReadTimeout"}}
    assert len(stand_in.simulator.ledger.rows) == 1


# --- what is logged --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["headers", "basic", "query"])
def test_no_log_line_has_a_credential_a_text_or_a_number(
    deploy: Deploy, auth: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With `query`, credentials stand in the URL, which httpx logs at INFO and httpcore, in parts, at DEBUG."""
    with caplog.at_level(logging.DEBUG, "httpx"), caplog.at_level(logging.DEBUG, "httpcore"):
        function = deploy(auth=auth)
        assert function(send_sms())["state"] == "succeeded"
        function({"Records": [record_of("{"), record_of(send_sms("order-2", text=""), 2)]})
    lines = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(("httpx", "httpcore")))
    assert lines == ""
    output = capfd.readouterr()
    assert "provider_calls" in output.out
    for marked in (EMAIL, API_TOKEN, TEXT, NUMBER, "marked%2Bsender"):
        assert marked not in output.out + output.err


# --- the client ------------------------------------------------------------------------------------------------------


def test_no_accounts_cookie_goes_with_anothers_call() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"set-cookie": "session=of-acme; Path=/"})

    http = http_client(transport=httpx.MockTransport(answer))
    for _ in range(2):
        http.request("POST", "https://www.zoomconnect.com/app/api/rest/v1/sms/send.json")
    assert seen == [None, None]


def test_a_redirect_is_not_followed() -> None:
    """Credentials go where the account says, and nowhere else."""
    http = http_client(transport=httpx.MockTransport(lambda _: httpx.Response(302, headers={"location": "https://x"})))
    assert http.request("POST", "https://www.zoomconnect.com/").status_code == 302


def test_a_call_that_is_begun_can_end_in_its_time() -> None:
    parts = (TIMEOUT.connect, TIMEOUT.write, TIMEOUT.read, TIMEOUT.pool)
    assert all(parts)
    assert sum(part or 0 for part in parts) < send.TIME_FOR_A_CALL


# --- the template ----------------------------------------------------------------------------------------------------


class _Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms (`!Ref`, `!Sub`) as whatever they hold."""


def _short_form(loader: _Template, _tag: str, node: yaml.Node) -> Any:
    match node:
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
        case _:
            return node.value


_Template.add_multi_constructor("!", _short_form)


@pytest.fixture(scope="module")
def resources() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), _Template)  # noqa: S506  # a safe loader
    return {name: resource.get("Properties", {}) for name, resource in read["Resources"].items()}


def test_the_times_of_code_and_template_go_together(resources: Mapping[str, Any]) -> None:
    function, queue = resources["SendZoomConnect"], resources["ZoomConnectCommands"]
    assert function["Timeout"] > send.TIME_FOR_A_CALL, "no call could ever be begun"
    assert function["Timeout"] * 2 <= LEASE_SECONDS, "an attempt could be alive after its lease"
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["VisibilityTimeout"] > LEASE_SECONDS, "a dead attempt's message would come before its lease is over"
    assert queue["RedrivePolicy"]["maxReceiveCount"] == command_queue.MAX_RECEIVES
    assert function["Timeout"] + LATER_SECONDS <= OVERTAKEN_FOR, "a callback would be published before the answer"
    assert HORIZON_SECONDS <= command_queue.MAX_DELAY, "a turn would lie beyond what SQS can delay a message"


def test_the_function_has_the_environment_that_it_reads(resources: Mapping[str, Any]) -> None:
    variables = resources["SendZoomConnect"]["Environment"]["Variables"]
    assert variables.keys() >= {"COMMAND_QUEUE_URL", "DEAD_LETTER_QUEUE_URL"}


def test_the_function_may_do_what_it_does_and_nothing_else(resources: Mapping[str, Any]) -> None:
    (policy,) = resources["SendZoomConnectRole"]["Policies"]
    allowed = {
        statement["Sid"]: sorted(statement["Action"]) if isinstance(statement["Action"], list) else statement["Action"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert allowed["MoveCommands"] == ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    assert set(allowed["TakeCommands"]) >= {"sqs:SendMessage", "sqs:ChangeMessageVisibility"}
    assert allowed["SetCommandsAside"] == "sqs:SendMessage"

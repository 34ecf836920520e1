"""The functions as Lambda loads them: `app.py` by its path, the environment of the template, AWS by moto."""

import importlib.util
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from hookline.aws import client
from tests.http_api import Event, load
from tests.providers.zoom_connect.callbacks import Fields, good_fields, sample_fields, signed
from tests.samples import SECRET

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

FUNCTIONS = Path(__file__).parents[2] / "functions"
MAX_LINES = 60

type Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


class Deployed:
    """What the functions work with, made by moto, and their environment."""

    def __init__(self, table: str) -> None:
        stage = uuid.uuid4().hex[:8]
        self.sqs: SQSClient = client("sqs")
        self.queue = self.sqs.create_queue(QueueName=f"events-{stage}")["QueueUrl"]
        self.dead_letters = self.sqs.create_queue(QueueName=f"dead-letters-{stage}")["QueueUrl"]
        self._subscribe(f"hookline-{stage}")
        prefix = f"/hookline/{stage}/accounts/"
        client("secretsmanager").create_secret(
            Name=f"{prefix}acme-za",
            SecretString=json.dumps({"provider": "zoom_connect", "signing_secrets": [SECRET]}),
        )
        self.environment = {
            "JOURNAL_TABLE": table,
            "RETENTION_SECONDS": "2592000",
            "ACCOUNTS_PREFIX": prefix,
            "EVENT_BUS": f"hookline-{stage}",
            "DEAD_LETTER_QUEUE_URL": self.dead_letters,
            "LATER_QUEUE_URL": self.dead_letters,
        }

    def _subscribe(self, bus: str) -> None:
        events = client("events")
        events.create_event_bus(Name=bus)
        events.put_rule(Name="all", EventBusName=bus, EventPattern='{"source": ["hookline"]}')
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    def messages(self, url: str) -> list[Any]:
        received = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in received]


@pytest.fixture
def deployed(dynamodb: "DynamoDBClient", journal_table: str) -> Iterator[Deployed]:  # noqa: ARG001  # moto is there
    there = Deployed(journal_table)
    before = dict(os.environ)
    os.environ.update(there.environment)
    yield there
    os.environ.clear()
    os.environ.update(before)


def handler(name: str) -> Handler:
    """Load a function's `app.py` anew, as a cold start does."""
    spec = importlib.util.spec_from_file_location(f"app_{name}", FUNCTIONS / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded: Handler = module.handler
    return loaded


def resigned(sample: str, **overrides: str) -> Event:
    """Sign a sample afresh: the function looks at the real clock."""
    kind = sample.replace("-", "_")
    fields: Fields = {
        **sample_fields(sample),
        "nonce-date": good_fields(kind, at=time.time())["nonce-date"],
        **overrides,
    }
    return signed(kind, fields)


@pytest.mark.parametrize("sample", ["reply", "delivery-report"])
def test_a_sample_signed_afresh_is_stored_once(
    sample: str, deployed: Deployed, dynamodb: "DynamoDBClient", journal_table: str
) -> None:
    receive = handler("receive_zoom_connect")
    event = resigned(sample)
    answers = [receive(event, None) for _ in range(2)]
    assert [answer["statusCode"] for answer in answers] == [200, 200]
    assert dynamodb.scan(TableName=journal_table)["Count"] == 1
    assert deployed.messages(deployed.dead_letters) == []


@pytest.mark.parametrize("sample", ["reply", "delivery-report"])
def test_a_sample_as_it_lies_there_is_refused_as_expired_or_for_the_future(
    sample: str,
    deployed: Deployed,  # noqa: ARG001  # its environment
    dynamodb: "DynamoDBClient",
    journal_table: str,
) -> None:
    answer = handler("receive_zoom_connect")(load("receive_zoom_connect", sample), None)
    assert answer["statusCode"] == 401
    assert dynamodb.scan(TableName=journal_table)["Count"] == 0


def test_the_streams_sample_arrives_at_a_subscriber_as_the_samples_of_events(deployed: Deployed) -> None:
    assert handler("publish")(load("publish", "callbacks"), None) == {"batchItemFailures": []}
    details = [message["detail"] for message in deployed.messages(deployed.queue)]
    types = ("sms.received", "sms.status_updated", "callback.unrecognised")
    assert sorted(details, key=str) == sorted((load("events", name)["detail"] for name in types), key=str)
    assert deployed.messages(deployed.dead_letters) == []


def test_the_unreadable_sample_arrives_at_the_dead_letter_queue(deployed: Deployed) -> None:
    batch = load("publish", "unreadable")
    assert handler("publish")(batch, None) == {"batchItemFailures": []}
    assert deployed.messages(deployed.queue) == []
    (letter,) = deployed.messages(deployed.dead_letters)
    assert letter["keys"] == batch["Records"][0]["dynamodb"]["Keys"]


def test_the_whole_way_from_a_signed_request_to_a_subscriber(
    deployed: Deployed, dynamodb: "DynamoDBClient", journal_table: str
) -> None:
    handler("receive_zoom_connect")(resigned("reply", message="the whole way"), None)
    (item,) = dynamodb.scan(TableName=journal_table)["Items"]
    record = load("publish", "callbacks")["Records"][0]
    record["dynamodb"] |= {"NewImage": item, "Keys": {"pk": item["pk"], "sk": item["sk"]}}
    handler("publish")({"Records": [record]}, None)
    (message,) = deployed.messages(deployed.queue)
    assert message["detail-type"] == "sms.received"
    assert message["detail"]["data"]["text"] == "the whole way"


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("*/app.py")), ids=lambda path: path.parent.name)
def test_a_function_is_wiring(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


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


def test_every_variable_that_these_tests_set_is_in_the_template() -> None:
    template = yaml.load((FUNCTIONS.parent / "template.yaml").read_text(), _Template)  # noqa: S506  # a safe loader
    everywhere = template["Globals"]["Function"]["Environment"]["Variables"].keys()
    publish = template["Resources"]["Publish"]["Properties"]["Environment"]["Variables"].keys()
    assert everywhere >= {"JOURNAL_TABLE", "RETENTION_SECONDS", "ACCOUNTS_PREFIX", "EVENT_BUS"}
    assert publish >= {"DEAD_LETTER_QUEUE_URL", "LATER_QUEUE_URL"}

"""The samples in `events/` are what AWS sends, what Hookline makes of one another, and fit the schemas."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import TypeAdapter

from hookline.callbacks import ReceivingAccount, Request, Verified
from hookline.events import DATA_TYPES, Event, event_models
from hookline.providers.zoom_connect import normalise, verify
from hookline.publish import Publisher
from hookline.receive import read_request
from hookline.schemas import schemas
from tests import http_api
from tests.doubles import Noted, always
from tests.http_api import load
from tests.providers.zoom_connect.callbacks import good_fields, signed
from tests.samples import NOW, SECRET
from tests.streams import Batch, batch, item

ROOT = Path(__file__).parent.parent
RECEIVED = sorted(path.stem for path in (ROOT / "events" / "receive_zoom_connect").glob("*.json"))
EVENTS = sorted(path.stem for path in (ROOT / "events" / "events").glob("*.json"))

# --- what comes over HTTP --------------------------------------------------------------------------------------------


def verified(event: http_api.Event) -> Verified:
    request = read_request(event)
    assert isinstance(request, Request)
    account = ReceivingAccount("acme-za", (SECRET.encode(),), verify.CALLBACKS.read_settings({}))
    verdict = verify.verify(request, account, NOW)
    assert isinstance(verdict, Verified)
    return verdict


def test_there_is_a_sample_of_every_kind_of_callback() -> None:
    assert {verified(load("receive_zoom_connect", name)).kind for name in RECEIVED} == set(
        verify.CALLBACKS.routes.values()
    )


@pytest.mark.parametrize("name", RECEIVED)
def test_a_sample_has_all_that_api_gateway_sends(name: str) -> None:
    event = load("receive_zoom_connect", name)
    made = http_api.http_event(event["routeKey"], event["pathParameters"], query=event["rawQueryString"])
    assert event.keys() >= made.keys()
    assert event["requestContext"].keys() == made["requestContext"].keys()
    assert event["version"] == "2.0"
    assert all(header == header.lower() for header in event["headers"])
    assert event["rawPath"] == event["requestContext"]["http"]["path"]


def test_a_body_in_base64_is_among_the_samples() -> None:
    assert any(load("receive_zoom_connect", name)["isBase64Encoded"] for name in RECEIVED)


# --- what comes by the stream ----------------------------------------------------------------------------------------


def publish_batch() -> Batch:
    """What the stream hands over once the samples were received, and a reply without its id."""
    samples = [verified(load("receive_zoom_connect", name)) for name in ("reply", "delivery-report")]
    without_id = verified(signed("reply", good_fields("reply", number=3, messageId=None)))
    return batch(item(it) for it in (*samples, without_id))


def unreadable_batch() -> Batch:
    """An entry that nobody can make an event of: no provider of this name is there any more."""
    reply = verified(load("receive_zoom_connect", "reply"))
    return batch([item(reply, provider="gone")])


def published(stream_batch: Batch) -> list[Event]:
    publisher = Publisher({normalise.CALLBACKS.name: normalise.CALLBACKS}, always([]), always(None), Noted())
    images = [record["dynamodb"]["NewImage"] for record in stream_batch["Records"]]
    return [publisher.event_of({name: next(iter(it.values())) for name, it in image.items()}) for image in images]


def on_the_bus(event: Event) -> dict[str, Any]:
    """Wrap an event as EventBridge hands it to a subscriber."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": event.metadata.type,
        "source": "hookline",
        "account": "123456789012",
        "time": "2026-11-22T08:00:01Z",
        "region": "af-south-1",
        "resources": [],
        "detail": json.loads(event.detail()),
    }


def test_the_streams_sample_is_what_becomes_of_the_samples_that_were_received() -> None:
    assert load("publish", "callbacks") == publish_batch()


def test_the_unreadable_sample_is_one_of_a_provider_that_is_gone() -> None:
    assert load("publish", "unreadable") == unreadable_batch()


# --- what subscribers get --------------------------------------------------------------------------------------------


def test_the_samples_of_events_are_what_becomes_of_the_streams_samples() -> None:
    made = {
        event.metadata.type: on_the_bus(event)
        for sample in ("callbacks", "commands")
        for event in published(load("publish", sample))
    }
    assert made == {name: load("events", name) for name in EVENTS}


def test_there_is_a_sample_of_every_type_of_event() -> None:
    assert set(EVENTS) == {data.type for data in DATA_TYPES}


@cache
def validator(name: str) -> Draft202012Validator:
    schema = json.loads((ROOT / "schemas" / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("name", EVENTS)
def test_a_sample_of_an_event_fits_its_schema_and_its_model(name: str) -> None:
    sample = load("events", name)
    assert sample["detail-type"] == sample["detail"]["metadata"]["type"] == name
    validator(name).validate(sample["detail"])
    model = event_models()[name]
    read = TypeAdapter(model).validate_json(json.dumps(sample["detail"]))
    assert json.loads(read.detail()) == sample["detail"]


BROKEN: tuple[tuple[str, list[str], Any], ...] = (
    ("another type", ["metadata", "type"], "sms.sent"),
    ("no time zone", ["metadata", "occurred_at"], "2026-11-22T10:00:00"),
    ("a number for an id", ["metadata", "id"], 1),
    ("provider_data in a list", ["provider_data"], []),
    ("data that is null", ["data"], None),
)


@pytest.mark.parametrize(("path", "value"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
@pytest.mark.parametrize("name", EVENTS)
def test_a_schema_refuses_what_is_no_such_event(name: str, path: list[str], value: Any) -> None:
    detail = load("events", name)["detail"]
    part = detail
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(ValidationError):
        validator(name).validate(detail)


def test_a_reader_takes_a_field_that_it_does_not_know() -> None:
    detail = load("events", "sms.received")["detail"]
    detail["data"]["new"] = detail["metadata"]["new"] = detail["new"] = 1
    validator("sms.received").validate(detail)
    event_models()["sms.received"].model_validate_json(json.dumps(detail))


# --- schemas ---------------------------------------------------------------------------------------------------------


def test_there_is_one_schema_for_each_type_of_event() -> None:
    assert {path.stem for path in (ROOT / "schemas").glob("*.json")} == {data.type for data in DATA_TYPES}


@pytest.mark.parametrize("name", schemas())
def test_a_schema_is_what_the_model_says_now(name: str) -> None:
    there = json.loads((ROOT / "schemas" / f"{name}.json").read_text())
    assert there == schemas()[name], "stale: run `hookline schemas`"


@pytest.mark.parametrize("name", schemas())
def test_every_field_of_a_schema_is_described(name: str) -> None:
    for definition in schemas()[name]["$defs"].values():
        for field, described in definition.get("properties", {}).items():
            assert "description" in described or "$ref" in described or "const" in described, f"{field} of {name}"

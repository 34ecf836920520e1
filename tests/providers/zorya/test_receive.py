"""Zorya's callbacks through the whole receiver: what is answered and what is said of it."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from hookline.providers.zorya.verify import CALLBACKS
from tests import http_api
from tests.http_api import JSON
from tests.providers.conformance import UNAUTHORISED, World
from tests.providers.zorya.callbacks import ROUTES, good_claims, placed, signed, token
from tests.samples import ACCOUNT, MEXICAN_NUMBER, SECRET, TEXT, WRONG_SECRET

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type MakeWorld = Callable[..., World]


@pytest.fixture
def world(dynamodb: "DynamoDBClient", journal_table: str) -> MakeWorld:
    return lambda **settings: World(CALLBACKS, settings, dynamodb, journal_table)


def warned(world: World) -> list[str]:
    return [line["warning"] for line in world.telemetry.lines if line["name"] == "warnings"]


@pytest.mark.parametrize("kind", ["mo", "mt", "push_status"])
def test_what_is_stored_and_its_repeat_are_acknowledged_as_the_document_says(world: MakeWorld, kind: str) -> None:
    there = world()
    for stamp in (1, 2):
        answer = there.receive(signed(kind, {**good_claims(kind), "jti": str(stamp)}))
        assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"ack": 1})
    assert there.results() == ["stored", "repeated"]
    assert len(there.entries()) == 1


def test_the_statuses_of_one_transaction_are_each_stored(world: MakeWorld) -> None:
    there = world()
    for code in (200, 201, 201, -208, 200):
        assert there.receive(signed("mt", good_claims("mt", code=code)))["statusCode"] == 200
    assert there.results() == ["stored", "stored", "repeated", "stored", "repeated"]


def test_kinds_with_one_txid_are_each_stored(world: MakeWorld) -> None:
    there = world()
    for kind in ("mo", "mt", "push_status"):
        there.receive(signed(kind, good_claims(kind)))
    assert there.results() == ["stored"] * 3
    assert len({entry["pk"] for entry in there.entries()}) == 3


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_token_that_is_sent_on_to_another_route_is_a_repeat(world: MakeWorld, route: str) -> None:
    there = world()
    claims = good_claims("mo")
    there.receive(signed("mo", claims))
    answer = there.receive(placed(route, token(claims), path=claims))
    assert (answer["statusCode"], there.results()) == (200, ["stored", "repeated"])


def test_what_is_verified_and_of_no_known_shape_is_stored_once_and_published_whole(world: MakeWorld) -> None:
    there = world()
    for stamp in (1, 2):
        event = placed("any", token({"hello": "world", "iat": 1795334400, "jti": str(stamp)}))
        assert there.receive(event)["statusCode"] == 200
    assert there.results() == ["stored", "repeated"]
    (entry,) = there.entries()
    assert entry["kind"] == "unknown"
    assert '"hello": "world"' in entry["payload"]


def test_an_address_that_is_not_what_is_signed_is_a_401_that_costs_no_look_up(world: MakeWorld) -> None:
    there = world()
    claims = good_claims("push_status")
    answer = there.receive(placed("push_status", token(claims), path={**claims, "txID": "another"}))
    assert (answer["statusCode"], json.loads(answer["body"])) == (401, UNAUTHORISED)
    assert there.results() == ["mismatch"]
    assert there.documents.lookups == [ACCOUNT]
    assert there.entries() == []


def test_a_short_secret_is_a_warning_with_every_callback_that_it_verifies(world: MakeWorld) -> None:
    there = world()
    there.set_account(ACCOUNT, SECRET[:31], SECRET)
    there.receive(placed("mo", token(good_claims("mo"), SECRET[:31])))
    assert there.telemetry.lines == [
        {"name": "warnings", "amount": 1, "provider": "zorya", "warning": "short_secret", "account": ACCOUNT},
        {"name": "callbacks", "amount": 1, "provider": "zorya", "result": "stored", "account": ACCOUNT}
        | {key: there.telemetry.lines[1][key] for key in ("detail", "request_id")},
    ]
    there.receive(placed("mo", token(good_claims("mo", number=2), SECRET)))
    assert warned(there) == ["short_secret"]
    assert there.results() == ["stored", "stored"]


def test_a_short_secret_is_no_warning_where_nothing_is_taken(world: MakeWorld) -> None:
    there = world()
    there.set_account(ACCOUNT, SECRET[:31])
    there.receive(placed("mo", token(good_claims("mo"), WRONG_SECRET)))
    assert (warned(there), there.results()) == ([], ["signature"])


def test_an_unsigned_callback_is_a_warning_where_the_account_allows_it_and_a_401_elsewhere(world: MakeWorld) -> None:
    event = http_api.with_body(placed("mo", ""), json.dumps(good_claims("mo")).encode(), JSON)
    there = world()
    assert there.receive(event)["statusCode"] == 401
    assert (warned(there), there.results()) == ([], ["signature"])
    lenient = world(allow_unsigned=True)
    assert lenient.receive(event)["statusCode"] == 200
    assert (warned(lenient), lenient.results()) == (["unsigned"], ["stored"])


@pytest.mark.parametrize("settings", [{"jwt_location": "header"}, {"algorithms": ["HS512"]}, {"allow_unsigned": True}])
def test_what_an_account_allows_can_not_be_probed(world: MakeWorld, settings: dict[str, Any]) -> None:
    """Whatever nobody signed is answered as it is for an account that is not there."""
    there = world(**settings)
    bad = token(good_claims("mo"), WRONG_SECRET)
    bodies = (
        "",
        "x",
        bad,
        f"token={bad}",
        f"token={bad}&jwt={bad}x",
        '{"a":',
        '{"a": 1, "a": 2}',
        "[" * 30,
        f"{bad}.x",
    )
    for body in bodies:
        for content_type in ("text/plain", JSON):
            event = http_api.with_body(placed("mo", ""), body.encode(), content_type)
            event["headers"]["authorization"] = f"Bearer {bad}"
            unknown = {**event, "pathParameters": {"account": "nobody"}}
            assert there.receive(event) == there.receive(unknown)


def test_nothing_of_a_callback_is_in_what_is_said_of_it(world: MakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    there = world(allow_unsigned=True)
    claims = {**good_claims("push_status"), "message": TEXT, "clientID": "client-of-acme"}
    made = token(claims)
    unsigned = http_api.with_body(placed("any", ""), json.dumps(claims).encode(), JSON)
    for event in (
        placed("push_status", made, path=claims),
        placed("push_status", made, path={**claims, "txID": "another-one"}),
        placed("push_status", made[:-2], path=claims),
        placed("any", token({**claims, "exp": 1})),
        placed("any", token(json.dumps(claims)[:-1])),
        unsigned,
    ):
        there.receive(event)
    said = capsys.readouterr().out + json.dumps(there.telemetry.lines)
    assert there.results() == ["stored", "mismatch", "signature", "expired", "malformed", "repeated"]
    for secret in (MEXICAN_NUMBER, TEXT[:11], "client-of-acme", "another-one", *made.split("."), claims["txID"]):
        assert secret not in said

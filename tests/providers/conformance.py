"""What every provider's callbacks must stand up to: one suite, inherited, not copied.

A provider's test module subclasses `Conformance`, with a name that pytest collects, and supplies its cases:

    class TestZoomConnect(Conformance):
        provider = verify.CALLBACKS              # hookline.callbacks.CallbackProvider
        normaliser = normalise.CALLBACKS         # hookline.events.CallbackNormaliser
        kinds = {"reply": "sms.received"}        # each kind, and the type of event that a good one becomes
        settings = {}                            # the account's settings that the cases are made for
        unusable_settings = {"timezone": "no"}   # settings that can't be used
        good_for = 330.0                         # seconds after sending at which it is still good; None: for ever
        good_from = -30.0                        # seconds before sending at which it already is; None: since ever

        def fields(self, kind, *, at, number=1): ...
        def request(self, kind, fields, *, secret, at, account=ACCOUNT, signed_as=None): ...
        def without_signature(self, kind, fields, *, account=ACCOUNT): ...
        def signature(self, event): ...
        def malformed(self, *, at): ...          # signed well, but not to be understood: 400, and why
        def duplicated(self, *, at): ...         # one name twice with two values: 400
        def same_identity(self, kind, fields): ...   # None where the identity alone decides

Each is documented below. Nothing else is asked of a provider; what is particular to one is tested beside it. A case
goes through both levels: the pure verifier, and the whole `Receiver` before a conditional store (DynamoDB by moto)
with accounts in memory. A refusal is also looked through for values of the request and secrets, every time.
"""

import copy
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from botocore.exceptions import ReadTimeoutError

from hookline.accounts import LOOKUP_BURST, TTL, Accounts, receiving_account
from hookline.callbacks import (
    MAX_REQUEST_BYTES,
    CallbackProvider,
    Reason,
    ReceivingAccount,
    Refused,
    Verdict,
    Verified,
)
from hookline.events import CallbackNormaliser, Event
from hookline.journal import Journal
from hookline.publish import Publisher
from hookline.receive import Answer, Receiver, read_request
from tests import http_api
from tests.cases import Case
from tests.doubles import (
    Clock,
    Documents,
    Fault,
    FaultyStore,
    MeetingStore,
    Noted,
    always,
    as_dynamodb,
    client_error,
)
from tests.http_api import FORM, JSON
from tests.samples import (
    ACCOUNT,
    NEWER_SECRET,
    NOW,
    OLDER_SECRET,
    OTHER_ACCOUNT,
    OTHER_SECRET,
    SECRET,
    SECRETS,
    WRONG_SECRET,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Fields = dict[str, Any]
type HttpEvent = http_api.Event

UNAUTHORISED = {"error": "unauthorised"}
RETENTION = 30 * 86_400
TELLING = 4
"""A value shorter than this may stand in a refusal by accident."""


class World:
    """A receiver and all that it works with, under a test's control.

    Attributes:
        clock: of the receiver and of its accounts.
        documents: the accounts' secrets, by account; every look-up is noted in `lookups`.
        telemetry: what they all said.
    """

    def __init__(
        self, provider: CallbackProvider, settings: Mapping[str, Any], client: "DynamoDBClient", table: str
    ) -> None:
        self.provider = provider
        self.settings = settings
        self.clock = Clock()
        self.documents = Documents()
        self.telemetry = Noted()
        self._client = client
        self._table = table
        self.set_account(ACCOUNT, SECRET)
        self.set_account(OTHER_ACCOUNT, OTHER_SECRET)
        self.receive = self.receiver()

    def receiver(self, client: "DynamoDBClient | None" = None) -> Receiver:
        """Start another running copy before the same accounts and the same journal."""
        return Receiver(
            self.provider,
            Accounts(self.documents, partial(receiving_account, self.provider), self.clock),
            Journal(client or self._client, self._table, RETENTION),
            Noted(lines=self.telemetry.lines),
            self.clock,
        )

    def faulty(self, *plan: Fault | None) -> Receiver:
        """Start a copy whose journal fails by plan, one step a write."""
        return self.receiver(as_dynamodb(FaultyStore(self._client, plan)))

    def meeting(self, parties: int) -> list[Receiver]:
        """Start copies whose first writes wait for each other."""
        store = as_dynamodb(MeetingStore(self._client, parties))
        return [self.receiver(store) for _ in range(parties)]

    def set_account(self, name: str, *secrets: str, **overrides: Any) -> None:
        self.documents.documents[name] = {
            "provider": self.provider.name,
            "signing_secrets": list(secrets),
            "settings": dict(self.settings),
            **overrides,
        }

    def account(self, name: str = ACCOUNT) -> ReceivingAccount:
        return receiving_account(self.provider, name, self.documents.documents[name])

    def verify(self, event: HttpEvent, account: ReceivingAccount | None = None) -> Verdict:
        """Ask the pure verifier alone."""
        request = read_request(event)
        if isinstance(request, Refused):
            return request
        return self.provider.verify(request, account or self.account(), self.clock())

    def entries(self) -> list[dict[str, Any]]:
        """Return what the journal holds, as plain values."""
        items = self._client.scan(TableName=self._table, ConsistentRead=True)["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in items]

    def results(self) -> list[str]:
        """Return how each callback ended, as the metric has it."""
        return [line["result"] for line in self.telemetry.lines if line["name"] == "callbacks"]


class Conformance:
    """The suite. See the module's docstring for what a subclass supplies."""

    provider: ClassVar[CallbackProvider]
    normaliser: ClassVar[CallbackNormaliser]
    kinds: ClassVar[Mapping[str, str]]
    settings: ClassVar[Mapping[str, Any]] = {}
    unusable_settings: ClassVar[Mapping[str, Any]]
    good_for: ClassVar[float | None]
    good_from: ClassVar[float | None]

    # --- what a provider supplies ------------------------------------------------------------------------------------

    def fields(self, kind: str, *, at: float, number: int = 1) -> Fields:
        """Make the signed fields of a good callback: all of them, those that limit its time and name it too.

        Args:
            kind: one of `kinds`.
            at: when the provider sends it, seconds since the epoch.
            number: which one it is: another number is another callback, with another identity.
        """
        raise NotImplementedError

    def request(
        self,
        kind: str,
        fields: Fields,
        *,
        secret: str,
        at: float,
        account: str = ACCOUNT,
        signed_as: Fields | None = None,
    ) -> HttpEvent:
        """Make the HTTP API event of a signed callback with a body (`tests.http_api.http_event`).

        Args:
            kind: decides the route.
            fields: what is sent.
            secret: what it is signed with.
            at: when it is sent, where that stands anywhere but in the fields.
            account: the account in the path.
            signed_as: what the signature is made over, where that is not `fields`: a tampered request.
        """
        raise NotImplementedError

    def without_signature(self, kind: str, fields: Fields, *, account: str = ACCOUNT) -> HttpEvent:
        """Make the event of a callback that nobody signed."""
        raise NotImplementedError

    def signature(self, event: HttpEvent) -> str:
        """Return the signature that an event made by `request` carries, as text that would be found in a leak."""
        raise NotImplementedError

    def malformed(self, *, at: float) -> Sequence[Case[HttpEvent, str]]:
        """Return events for `ACCOUNT`, signed with `SECRET` where that can be, and words of the 400 that explain."""
        raise NotImplementedError

    def duplicated(self, *, at: float) -> Sequence[Case[HttpEvent, str]]:
        """Return events in which one name comes twice with two values, and words of the 400 that explain."""
        raise NotImplementedError

    def same_identity(self, kind: str, fields: Fields) -> Fields | None:
        """Return another content under the identity of `fields`; None where the identity alone decides."""
        raise NotImplementedError

    # --- the world ---------------------------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrize by the provider's kinds and cases."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", self.kinds)
        tables: tuple[tuple[str, Callable[[], Iterable[Case[HttpEvent, Any]]]], ...] = (
            ("tampering", self._tamperings),
            ("malformed_case", lambda: self.malformed(at=NOW)),
            ("duplicated_case", lambda: self.duplicated(at=NOW)),
        )
        for name, cases in tables:
            if name in metafunc.fixturenames:
                rows = list(cases())
                metafunc.parametrize(name, rows, ids=[row.id for row in rows])

    @pytest.fixture
    def world(self, dynamodb: "DynamoDBClient", journal_table: str) -> World:
        return World(self.provider, self.settings, dynamodb, journal_table)

    def good(self, kind: str, *, at: float = NOW, number: int = 1, secret: str = SECRET) -> HttpEvent:
        return self.request(kind, self.fields(kind, at=at, number=number), secret=secret, at=at)

    def _tamperings(self) -> Iterator[Case[HttpEvent, None]]:
        for kind in self.kinds:
            fields = self.fields(kind, at=NOW)
            changes: dict[str, Fields] = {"a field added": {**fields, "added": "1"}}
            for name, value in fields.items():
                changes[f"{name} changed"] = {**fields, name: altered(value)}
                changes[f"{name} removed"] = {key: kept for key, kept in fields.items() if key != name}
            for what, tampered in changes.items():
                event = self.request(kind, tampered, secret=SECRET, at=NOW, signed_as=fields)
                yield Case(f"{kind}: {what}", event, None)

    def _refused(self, world: World, event: HttpEvent, reason: Reason, account: str = ACCOUNT) -> Answer:
        """Expect a refusal at both levels that stores nothing and tells nothing of the request."""
        verdict = world.verify(event, world.account(account))
        assert isinstance(verdict, Refused)
        assert verdict.reason is reason
        before = world.entries()
        answer = world.receive(event)
        assert answer["statusCode"] == {Reason.MALFORMED: 400, Reason.TOO_LARGE: 413}.get(reason, 401)
        assert world.results()[-1] == reason.value
        if answer["statusCode"] == 401:
            assert json.loads(answer["body"]) == UNAUTHORISED
        else:
            assert json.loads(answer["body"]) == {"error": verdict.detail}
        assert world.entries() == before
        self._tells_nothing(world, event, verdict.detail, answer["body"])
        return answer

    def _tells_nothing(self, world: World, event: HttpEvent, *texts: str) -> None:
        written = "\n".join((*texts, *(json.dumps(line) for line in world.telemetry.lines)))
        telling = {*SECRETS, *_values(event)}
        for kind in self.kinds:
            telling.update(_leaves(self.fields(kind, at=NOW)))
        assert not {value for value in telling if value in written}

    # --- good ones ---------------------------------------------------------------------------------------------------

    def test_a_signed_callback_is_verified_as_its_kind(self, world: World, kind: str) -> None:
        verdict = world.verify(self.good(kind))
        assert isinstance(verdict, Verified)
        assert verdict.kind == kind

    def test_a_signed_callback_is_answered_as_the_provider_expects_and_stored_once(
        self, world: World, kind: str
    ) -> None:
        answer = world.receive(self.good(kind))
        assert answer["statusCode"] == 200
        assert answer["body"] == self.provider.acknowledgement
        assert answer["headers"]["content-type"] == "application/json"
        assert world.results() == ["stored"]
        (entry,) = world.entries()
        assert (entry["provider"], entry["account"], entry["kind"]) == (self.provider.name, ACCOUNT, kind)

    def test_what_is_stored_becomes_an_event_of_the_right_type_without_the_signature(
        self, world: World, kind: str
    ) -> None:
        event = self.good(kind)
        world.receive(event)
        (entry,) = world.entries()
        published = self._event_of(entry)
        assert published.metadata.type == self.kinds[kind]
        assert published.metadata.account == ACCOUNT
        assert self.signature(event) not in published.detail()

    def test_an_entry_outlives_its_replay_window(self, world: World, kind: str) -> None:
        world.receive(self.good(kind))
        (entry,) = world.entries()
        window = self.provider.replay_window(world.account().settings)
        assert int(entry["expires_at"]) - NOW >= max(RETENTION, window)

    def test_two_callbacks_are_two_entries(self, world: World, kind: str) -> None:
        for number in (1, 2):
            assert world.receive(self.good(kind, number=number))["statusCode"] == 200
        assert len(world.entries()) == 2
        assert world.results() == ["stored", "stored"]

    def test_a_callback_with_the_identity_of_another_accounts_is_kept_apart(self, world: World, kind: str) -> None:
        world.receive(self.good(kind))
        fields = self.fields(kind, at=NOW)
        answer = world.receive(self.request(kind, fields, secret=OTHER_SECRET, at=NOW, account=OTHER_ACCOUNT))
        assert answer["statusCode"] == 200
        assert {entry["account"] for entry in world.entries()} == {ACCOUNT, OTHER_ACCOUNT}

    def test_a_body_is_the_same_in_base64_and_as_text(self, world: World, kind: str) -> None:
        event = self.good(kind)
        in_base64, as_text = http_api.as_base64(event), http_api.as_text(event)
        assert in_base64["body"] != as_text["body"]
        assert world.verify(in_base64) == world.verify(as_text)
        assert [world.receive(it)["statusCode"] for it in (in_base64, as_text)] == [200, 200]
        assert world.results() == ["stored", "repeated"]

    # --- signatures --------------------------------------------------------------------------------------------------

    def test_a_tampered_callback_is_refused(self, world: World, tampering: Case[HttpEvent, None]) -> None:
        self._refused(world, tampering.given, Reason.SIGNATURE)

    def test_a_callback_without_a_signature_is_refused(self, world: World, kind: str) -> None:
        event = self.without_signature(kind, self.fields(kind, at=NOW))
        self._refused(world, event, Reason.SIGNATURE)

    @pytest.mark.parametrize("secret", [WRONG_SECRET, OTHER_SECRET, ""], ids=["nobody's", "another account's", "empty"])
    def test_a_callback_signed_with_a_wrong_secret_is_refused(self, world: World, kind: str, secret: str) -> None:
        self._refused(world, self.good(kind, secret=secret), Reason.SIGNATURE)

    def test_a_callback_handed_on_to_another_account_is_refused(self, world: World, kind: str) -> None:
        event = self.request(kind, self.fields(kind, at=NOW), secret=SECRET, at=NOW, account=OTHER_ACCOUNT)
        self._refused(world, event, Reason.SIGNATURE, OTHER_ACCOUNT)

    @pytest.mark.parametrize("secret", [SECRET, OLDER_SECRET], ids=["newest", "second"])
    def test_every_live_secret_verifies(self, world: World, kind: str, secret: str) -> None:
        world.set_account(ACCOUNT, SECRET, OLDER_SECRET)
        assert isinstance(world.verify(self.good(kind, secret=secret)), Verified)
        assert world.receive(self.good(kind, secret=secret))["statusCode"] == 200

    def test_a_new_secret_is_seen_on_the_first_callback_that_is_signed_with_it(self, world: World, kind: str) -> None:
        world.receive(self.good(kind, number=1))
        world.set_account(ACCOUNT, NEWER_SECRET, SECRET)
        world.clock.advance(1)
        answer = world.receive(self.good(kind, number=2, at=world.clock(), secret=NEWER_SECRET))
        assert answer["statusCode"] == 200
        assert world.documents.lookups == [ACCOUNT, ACCOUNT]
        assert world.receive(self.good(kind, number=3, at=world.clock()))["statusCode"] == 200

    def test_a_retired_secret_is_good_for_a_minute_and_no_longer(self, world: World, kind: str) -> None:
        world.set_account(ACCOUNT, NEWER_SECRET, SECRET)
        world.receive(self.good(kind, number=1))
        world.set_account(ACCOUNT, NEWER_SECRET)
        world.clock.advance(TTL)
        answer = world.receive(self.good(kind, number=2, at=world.clock()))
        assert answer["statusCode"] == 401

    def test_bad_signatures_cost_a_bounded_number_of_look_ups(self, world: World, kind: str) -> None:
        event = self.good(kind, secret=WRONG_SECRET)
        assert {world.receive(event)["statusCode"] for _ in range(5 * LOOKUP_BURST)} == {401}
        assert len(world.documents.lookups) <= 1 + LOOKUP_BURST
        assert world.receive(self.good(kind))["statusCode"] == 200

    # --- accounts ----------------------------------------------------------------------------------------------------

    def test_an_unknown_account_is_answered_as_a_bad_signature_is(self, world: World, kind: str) -> None:
        fields = self.fields(kind, at=NOW)
        unknown = world.receive(self.request(kind, fields, secret=SECRET, at=NOW, account="nobody"))
        refused = world.receive(self.good(kind, secret=WRONG_SECRET))
        assert unknown == refused
        assert json.loads(unknown["body"]) == UNAUTHORISED
        assert world.results() == ["unknown_account", "signature"]
        assert world.entries() == []

    def test_an_unknown_account_is_answered_as_a_known_one_is_where_the_request_is_malformed(
        self, world: World, malformed_case: Case[HttpEvent, str]
    ) -> None:
        event = copy.deepcopy(malformed_case.given)
        event["pathParameters"]["account"] = "nobody"
        answer = world.receive(event)
        # Its malformation may only be seen behind a good signature, and an unknown account has none.
        assert answer["statusCode"] in {400, 401}
        assert world.entries() == []

    def test_an_account_of_another_provider_is_answered_as_a_bad_signature_is(self, world: World, kind: str) -> None:
        world.set_account("elsewhere", SECRET, provider="another")
        fields = self.fields(kind, at=NOW)
        answer = world.receive(self.request(kind, fields, secret=SECRET, at=NOW, account="elsewhere"))
        assert answer == world.receive(self.good(kind, secret=WRONG_SECRET))
        assert world.results()[0] == "unknown_account"

    @pytest.mark.parametrize("name", ["", "../acme-za", "ACME", "acme za", "a" * 64, "acme-za\n", "%00", "ключ"])
    def test_what_can_be_no_accounts_name_is_not_even_looked_up(self, world: World, kind: str, name: str) -> None:
        event = self.good(kind)
        event["pathParameters"]["account"] = name
        answer = world.receive(event)
        assert (answer["statusCode"], json.loads(answer["body"])) == (401, UNAUTHORISED)
        assert world.documents.lookups == []
        assert world.telemetry.lines[-1]["account"] is None

    def test_an_unknown_account_is_looked_up_once_a_minute(self, world: World, kind: str) -> None:
        event = self.request(kind, self.fields(kind, at=NOW), secret=SECRET, at=NOW, account="nobody")
        for _ in range(50):
            world.receive(event)
        assert world.documents.lookups == ["nobody"]
        world.clock.advance(TTL)
        world.receive(event)
        assert world.documents.lookups == ["nobody", "nobody"]

    def test_unknown_accounts_cost_a_bounded_number_of_look_ups(self, world: World, kind: str) -> None:
        fields = self.fields(kind, at=NOW)
        for number in range(5 * LOOKUP_BURST):
            event = self.request(kind, fields, secret=SECRET, at=NOW, account=f"nobody-{number}")
            assert world.receive(event)["statusCode"] == 401
        assert len(world.documents.lookups) <= LOOKUP_BURST

    def test_an_account_that_can_not_be_used_is_a_503(self, world: World, kind: str) -> None:
        changes: tuple[dict[str, Any], ...] = ({"signing_secrets": []}, {"settings": dict(self.unusable_settings)})
        for unusable in changes:
            world.set_account("unusable", SECRET, **unusable)
            fields = self.fields(kind, at=NOW)
            event = self.request(kind, fields, secret=SECRET, at=NOW, account="unusable")
            _asks_to_try_again(world.receiver()(event))
            assert world.results()[-1] == "account_not_usable"
            self._tells_nothing(world, event)
        assert world.entries() == []

    def test_accounts_that_can_not_be_read_are_a_503_until_they_can(self, world: World, kind: str) -> None:
        world.documents.unavailable = True
        _asks_to_try_again(world.receive(self.good(kind)))
        assert world.results() == ["accounts_unavailable"]
        world.documents.unavailable = False
        assert world.receive(self.good(kind))["statusCode"] == 200

    # --- time --------------------------------------------------------------------------------------------------------

    def test_a_callback_is_good_to_its_last_second_and_not_after(self, world: World, kind: str) -> None:
        event = self.good(kind)
        if self.good_for is None:
            world.clock.advance(10 * 365 * 86_400)
            assert isinstance(world.verify(event), Verified)
            return
        world.clock.now = NOW + self.good_for
        assert isinstance(world.verify(event), Verified)
        world.clock.advance(1)
        self._refused(world, event, Reason.EXPIRED)

    def test_a_callback_from_too_far_ahead_is_refused(self, world: World, kind: str) -> None:
        event = self.good(kind)
        if self.good_from is None:
            world.clock.now = 0.0
            assert isinstance(world.verify(event), Verified)
            return
        world.clock.now = NOW + self.good_from
        assert isinstance(world.verify(event), Verified)
        world.clock.advance(-1)
        self._refused(world, event, Reason.TOO_FAR_AHEAD)

    def test_a_bad_signature_says_nothing_of_time(self, world: World, kind: str) -> None:
        event = self.good(kind, at=NOW - 86_400, secret=WRONG_SECRET)
        self._refused(world, event, Reason.SIGNATURE)

    # --- repeats -----------------------------------------------------------------------------------------------------

    def test_a_repeat_is_a_200_that_produces_nothing(self, world: World, kind: str) -> None:
        event = self.good(kind)
        first = world.receive(event)
        stored = world.entries()
        world.clock.advance(1)
        assert world.receive(copy.deepcopy(event)) == first
        assert world.entries() == stored
        assert world.results() == ["stored", "repeated"]

    def test_a_repeat_is_known_by_every_running_copy(self, world: World, kind: str) -> None:
        event = self.good(kind)
        answers = [world.receiver()(event)["statusCode"] for _ in range(3)]
        assert answers == [200, 200, 200]
        assert world.results() == ["stored", "repeated", "repeated"]
        assert len(world.entries()) == 1

    def test_copies_at_one_instant_are_all_200_and_one_entry(self, world: World, kind: str) -> None:
        event = self.good(kind)
        receivers = world.meeting(parties=2)
        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(lambda receive: receive(copy.deepcopy(event)), receivers))
        assert [answer["statusCode"] for answer in answers] == [200, 200]
        assert sorted(world.results()) == ["repeated", "stored"]
        assert len(world.entries()) == 1

    def test_an_identity_used_again_for_another_content(self, world: World, kind: str) -> None:
        """A conflict where the provider has a fingerprint; elsewhere the identity decides, and it is a repeat."""
        world.receive(self.good(kind))
        stored = world.entries()
        fields = self.fields(kind, at=NOW)
        other = self.same_identity(kind, fields)
        if other is None:
            assert {entry["fingerprint"] for entry in stored} == {""}
            return
        assert other != fields
        event = self.request(kind, other, secret=SECRET, at=NOW)
        answer = world.receive(event)
        assert answer["statusCode"] == 409
        assert world.results() == ["stored", "conflict"]
        assert world.entries() == stored
        self._tells_nothing(world, event, answer["body"])

    # --- what is no callback at all ----------------------------------------------------------------------------------

    def test_a_malformed_callback_is_refused_in_words(self, world: World, malformed_case: Case[HttpEvent, str]) -> None:
        answer = self._refused(world, malformed_case.given, Reason.MALFORMED)
        assert malformed_case.expected in json.loads(answer["body"])["error"]

    def test_one_name_with_two_values_is_refused_in_words(
        self, world: World, duplicated_case: Case[HttpEvent, str]
    ) -> None:
        answer = self._refused(world, duplicated_case.given, Reason.MALFORMED)
        assert duplicated_case.expected in json.loads(answer["body"])["error"]

    def test_a_body_that_is_not_the_base64_it_is_said_to_be_is_refused(self, world: World, kind: str) -> None:
        event = {**self.good(kind), "isBase64Encoded": True, "body": "not base64!"}
        answer = self._refused(world, event, Reason.MALFORMED)
        assert "base64" in json.loads(answer["body"])["error"]

    def test_a_request_over_64_kib_is_refused(self, world: World, kind: str) -> None:
        event = self.good(kind)
        large = b"a=" + b"x" * (MAX_REQUEST_BYTES - 1)
        self._refused(world, http_api.with_body(event, large, FORM), Reason.TOO_LARGE)
        self._refused(world, http_api.with_body(event, large, JSON), Reason.TOO_LARGE)
        self._refused(world, http_api.with_query(event, large.decode()), Reason.TOO_LARGE)

    def test_a_request_of_64_kib_is_looked_at(self, world: World, kind: str) -> None:
        large = b"a=" + b"x" * (MAX_REQUEST_BYTES - 2)
        event = http_api.with_query(http_api.with_body(self.good(kind), large, FORM), "")
        assert world.receive(event)["statusCode"] in {400, 401}

    @pytest.mark.parametrize("content_type", [FORM, JSON, "text/plain", "application/jwt", "multipart/form-data", None])
    def test_garbage_is_refused(self, world: World, kind: str, content_type: str | None) -> None:
        random_bytes = random.Random(content_type).randbytes  # noqa: S311  # to be the same each time
        event = self.good(kind)
        for size in (0, 1, 16, 300, 5000):
            body = random_bytes(size) if content_type is None else random_bytes(size).hex().encode()
            answer = world.receive(http_api.with_query(http_api.with_body(event, body, content_type), ""))
            assert answer["statusCode"] in {400, 401}
        assert world.entries() == []

    # --- the journal -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "error",
        [
            client_error("ProvisionedThroughputExceededException"),
            client_error("ThrottlingException"),
            client_error("InternalServerError", status=500),
            client_error("AccessDeniedException"),
            ReadTimeoutError(endpoint_url="https://dynamodb"),
        ],
        ids=["capacity", "throttled", "500", "denied", "timeout"],
    )
    @pytest.mark.parametrize("after_the_write", [False, True], ids=["not written", "written all the same"])
    def test_a_journal_that_fails_is_a_503_and_the_next_try_ends_with_one_entry(
        self, world: World, kind: str, error: Exception, *, after_the_write: bool
    ) -> None:
        receive = world.faulty(Fault(error, after_the_write=after_the_write))
        event = self.good(kind)
        _asks_to_try_again(receive(event))
        assert len(world.entries()) == (1 if after_the_write else 0)
        assert receive(event)["statusCode"] == 200
        assert len(world.entries()) == 1
        assert world.results() == ["journal_unavailable", "repeated" if after_the_write else "stored"]

    def _event_of(self, entry: Mapping[str, Any]) -> Event:
        publisher = Publisher({self.normaliser.name: self.normaliser}, always([]), always(None), Noted())
        return publisher.event_of(entry)


def altered(value: Any) -> Any:
    """Return a value of the same kind that is another one."""
    match value:
        case str():
            return value[:-1] + ("1" if value[-1:] != "1" else "2")
        case bool():
            return not value
        case int() | float():
            return value + 1
        case dict() if value:
            name = next(iter(value))
            return {**value, name: altered(value[name])}
        case _:
            return "1"


def _asks_to_try_again(answer: Answer) -> None:
    assert answer["statusCode"] == 503
    assert int(answer["headers"]["retry-after"]) > 0


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif value is not None and len(str(value)) >= TELLING:
        yield str(value)


def _values(event: HttpEvent) -> Iterator[str]:
    """Yield what came in an event's query string."""
    yield from _leaves(event.get("queryStringParameters", {}))

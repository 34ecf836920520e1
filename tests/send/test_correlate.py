"""A callback finds its command by our token or by the provider's id, in whichever order the two sides arrive."""

import base64
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.accounts import Accounts, receiving_account
from hookline.command_journal import CommandJournal, Finish, State
from hookline.commands import SendSms, command_token
from hookline.correlate import OVERTAKEN_FOR, RECENTLY, Correlator
from hookline.errors import JournalUnavailableError
from hookline.journal import Journal
from hookline.pace import Pace
from hookline.providers.zoom_connect.normalise import CALLBACKS as NORMALISER
from hookline.providers.zoom_connect.rest import SENDING
from hookline.providers.zoom_connect.verify import CALLBACKS
from hookline.publish import Publisher, SettingAsideError
from hookline.receive import Receiver
from hookline.table import MAX_TRIES
from hookline.wiring.publish import LATER_SECONDS
from tests.doubles import Documents, Noted
from tests.providers.zoom_connect.callbacks import good_fields, signed
from tests.samples import ACCOUNT, OTHER_ACCOUNT, SECRET
from tests.send.dynamo import Dynamo, as_client
from tests.send.world import DAY, TABLE, Bus, World, document, send_sms

FOUND = {"command_id": "order-1", "reference": "ref-1"}
COMMAND = send_sms(reference="ref-1")
TOKEN = command_token("order-1")
MESSAGE_ID = "5a757c7b7736b6c1d340a0db"


class Path(World):
    """The whole path: commands out, callbacks in, the journal's stream, and `publish` with its queue for later."""

    def __init__(self, handle: Callable[[httpx.Request], httpx.Response]) -> None:
        super().__init__(SENDING, httpx.MockTransport(handle))
        accounts = {name: document() | {"signing_secrets": [SECRET]} for name in (ACCOUNT, OTHER_ACCOUNT)}
        self.receiver = Receiver(
            CALLBACKS,
            Accounts(Documents(**accounts), partial(receiving_account, CALLBACKS), self.clock),
            Journal(as_client(self.dynamo), TABLE, 30 * DAY),
            Noted(),
            self.clock,
        )
        self.bus = Bus()
        self.later: list[tuple[float, Mapping[str, Any]]] = []
        self.asked_later = 0
        correlator = Correlator(as_client(self.dynamo), TABLE, self.clock)
        self.publisher = Publisher(
            {NORMALISER.name: NORMALISER}, self.bus, _never, Noted(), correlator, self._keep, correlator.read_entry
        )
        self._published = 0
        self._numbers = itertools.count(1)

    def _keep(self, keys: Mapping[str, Any]) -> None:
        self.asked_later += 1
        self.later.append((self.clock.now + LATER_SECONDS, keys))

    def arrive(self, kind: str, account: str = ACCOUNT, **fields: Any) -> None:
        """Receive a callback, signed."""
        sent = good_fields(kind, at=self.clock.now, number=next(self._numbers), **fields)
        answer = self.receiver(signed(kind, sent, account=account))
        assert answer["statusCode"] == 200

    def report(self, message_id: str = MESSAGE_ID, **fields: Any) -> None:
        """Receive a delivery report; no `dataField` where none is given."""
        self.arrive("delivery_report", **{"messageId": message_id, "dataField": None, "status": "DELIVERED", **fields})

    def publish(self) -> None:
        """Publish what is new in the stream."""
        batch, self._published = self.dynamo.stream[self._published :], len(self.dynamo.stream)
        assert self.publisher({"Records": batch}) == {"batchItemFailures": []}

    def publish_later(self) -> None:
        """Let time go by until nothing has to be looked at again."""
        self.publish()
        while self.later:
            due, keys = self.later.pop(0)
            self.clock.now = max(self.clock.now, due)
            assert self.publisher(named(keys)) == {"batchItemFailures": []}

    def correlations(self, kind: str = "sms.status_updated", status: str = "delivered") -> list[Any]:
        """Return what the callbacks' events say."""
        return [
            event["metadata"]["correlation"]
            for event in self.bus.events
            if event["metadata"]["type"] == kind and event["data"].get("status", status) == status
        ]


def named(*keys: Any) -> dict[str, Any]:
    """Make a batch of a queue whose messages name entries."""
    return {
        "Records": [
            {
                "messageId": f"m-{place}",
                "eventSource": "aws:sqs",
                "body": each if isinstance(each, str) else json.dumps({"keys": each}),
            }
            for place, each in enumerate(keys)
        ]
    }


def _never(_record: Mapping[str, Any], reason: str) -> None:
    raise AssertionError(reason)


def accept(_request: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, json={"messageId": MESSAGE_ID, "error": None})


def inf(message_id: str) -> str:
    return "INF-" + base64.urlsafe_b64encode(bytes.fromhex(message_id)).decode().rstrip("=")


# --- every order -----------------------------------------------------------------------------------------------------

REPLY = {"messageId": "9f9f9f9f9f9f9f9f9f9f9f9f", "dataField": None, "repliedToMessageId": None, "to": None}
CALLBACK_KINDS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "a report with the id alone": ("delivery_report", {"messageId": MESSAGE_ID, "dataField": None}),
    "a report with our token": ("delivery_report", {"messageId": MESSAGE_ID, "dataField": TOKEN}),
    "a report with our token and another id": ("delivery_report", {"messageId": "463" * 8, "dataField": TOKEN}),
    "a report with a token of somebody else's": ("delivery_report", {"messageId": MESSAGE_ID, "dataField": "t" * 22}),
    "a report with a text of somebody else's": ("delivery_report", {"messageId": MESSAGE_ID, "dataField": "order 7"}),
    "a reply to the id": ("reply", REPLY | {"repliedToMessageId": MESSAGE_ID}),
    "a reply to an INF address": ("reply", REPLY | {"to": inf(MESSAGE_ID)}),
    "a reply with our token": ("reply", REPLY | {"dataField": TOKEN}),
}
type Step = Callable[["Path"], None]


def arrives(path: Path, kind: str) -> None:
    callback, fields = CALLBACK_KINDS[kind]
    path.arrive(callback, **({"status": "DELIVERED"} if callback == "delivery_report" else {}), **fields)


def events_of(path: Path, kind: str) -> list[Any]:
    return path.correlations("sms.received") if CALLBACK_KINDS[kind][0] == "reply" else path.correlations()


@pytest.mark.parametrize("answer_after", [0.0, 14.0, 26.0])
@pytest.mark.parametrize("order", ["overtakes, and is published", "overtakes", "is published with the answer", "later"])
@pytest.mark.parametrize("kind", CALLBACK_KINDS)
def test_a_callback_finds_its_command_in_every_order(kind: str, order: str, answer_after: float) -> None:
    """It can come, and be published, while the request is on its way: before anybody here knows the provider's id."""

    def handle(_request: httpx.Request) -> httpx.Response:
        if order.startswith("overtakes"):
            arrives(path, kind)
        if order == "overtakes, and is published":
            path.publish()
        for _ in range(int(answer_after)):
            path.clock.advance(1)
            publish_what_is_due(path)
        return accept()

    path = Path(handle)
    path.put(COMMAND)
    path.poll()
    if order == "is published with the answer":
        arrives(path, kind)
    path.publish()
    if order == "later":
        path.clock.advance(3 * DAY)
        arrives(path, kind)
    path.publish_later()
    assert events_of(path, kind) == [FOUND]
    assert path.correlations(status="accepted") == [FOUND]


def publish_what_is_due(path: Path) -> None:
    due = [keys for moment, keys in path.later if moment <= path.clock.now]
    path.later = [(moment, keys) for moment, keys in path.later if moment > path.clock.now]
    if due:
        assert path.publisher(named(*due)) == {"batchItemFailures": []}


def test_what_carries_our_token_does_not_wait() -> None:
    def handle(_request: httpx.Request) -> httpx.Response:
        arrives(path, "a report with our token")
        path.publish()
        return accept()

    path = Path(handle)
    path.put(COMMAND)
    path.poll()
    assert (path.correlations(), path.asked_later) == ([FOUND], 0)


class Message:
    """What happens of one message: it is sent, answered, reported; each of it is published at some time."""

    def __init__(self, number: int, *, with_token: bool) -> None:
        self.name = f"order-{number}"
        self.id = f"463{number:021x}"
        self.data_field = command_token(self.name) if with_token else None


orders = st.integers(1, 4).flatmap(
    lambda count: st.tuples(
        st.permutations([step for number in range(count) for step in [number] * 3]),
        st.lists(st.booleans(), min_size=count, max_size=count),
        st.lists(st.sampled_from([0.0, 1.0, 4.0]), min_size=3 * count, max_size=3 * count),
        st.lists(st.booleans(), min_size=3 * count, max_size=3 * count),
    )
)


@given(orders)
@settings(max_examples=120, deadline=None)
def test_callbacks_of_many_messages_find_their_commands_in_any_order(
    order: tuple[list[int], list[bool], list[float], list[bool]],
) -> None:
    """Messages under way at once: each is claimed, then answered and reported in either order; publishing between."""
    plan, tokens, pauses, publishing = order
    messages = [Message(number, with_token=with_token) for number, with_token in enumerate(tokens)]
    path = Path(accept)
    path.sender = path.make_sender()
    steps: list[Iterator[None]] = [steps_of(path, message) for message in messages]
    for number, pause, publishes in zip(plan, pauses, publishing, strict=True):
        next(steps[number])
        path.clock.advance(pause)
        if publishes:
            path.publish()
        publish_what_is_due(path)
    path.publish_later()
    found = sorted(each["command_id"] for each in path.correlations())
    assert found == sorted(message.name for message in messages)


def steps_of(path: Path, message: Message) -> Iterator[None]:
    """Claim; then report and finish, or finish and report: the id decides on the order."""
    journal = CommandJournal(as_client(path.dynamo), TABLE, SENDING.name, 30 * DAY, 120)
    command = SendSms.model_validate(send_sms(message.name))
    Pace(as_client(path.dynamo), TABLE).turns(ACCOUNT, [1], 10.0, path.clock.now)
    claim, _ = journal.claim([command], path.clock.now)
    yield
    finish = Finish(command, claim, State.SUCCEEDED, {"facts": {"message_id": message.id}}, message.id)
    both: list[Callable[[], None]] = [
        lambda: path.report(message.id, dataField=message.data_field),
        lambda: journal.finish([finish], path.clock.now),
    ]
    for step in both if int(message.id[-1], 16) % 2 else reversed(both):
        step()
        yield


# --- what belongs to nothing of ours ---------------------------------------------------------------------------------


def sent(after: float = 0.0) -> Path:
    """A path on which a command was sent a while ago, and published."""
    path = Path(accept)
    path.put(COMMAND)
    path.poll()
    path.publish()
    path.clock.advance(after)
    return path


def test_an_account_that_never_sends_waits_for_nothing() -> None:
    path = Path(accept)
    path.report()
    path.publish()
    assert (path.correlations(), path.asked_later) == ([None], 0)


def test_an_account_that_has_not_sent_lately_waits_for_nothing() -> None:
    path = sent(after=RECENTLY + 1)
    path.report("463" * 8)
    path.publish()
    assert (path.correlations(), path.asked_later) == ([None], 0)


def test_an_id_that_is_not_ours_is_waited_for_a_while_and_then_published_without_a_command() -> None:
    path = sent()
    path.report("463" * 8)
    path.publish()
    assert path.correlations() == []
    began = path.clock.now
    path.publish_later()
    assert path.correlations() == [None]
    assert OVERTAKEN_FOR <= path.clock.now - began <= OVERTAKEN_FOR + LATER_SECONDS


def test_an_entry_of_long_ago_is_not_waited_for() -> None:
    """As when dead letters are published again."""
    path = sent()
    path.report("463" * 8)
    (record,) = [it for it in path.dynamo.stream if it["dynamodb"]["NewImage"]["entry"]["S"] == "callback"]
    path.clock.advance(OVERTAKEN_FOR)
    assert path.publisher(named(record["dynamodb"]["Keys"])) == {"batchItemFailures": []}
    assert (path.correlations(), path.asked_later) == ([None], 0)


@pytest.mark.parametrize("kind", CALLBACK_KINDS)
def test_another_accounts_command_is_never_found(kind: str) -> None:
    path = sent()
    path.put(send_sms("other-1", account=OTHER_ACCOUNT))
    path.poll()
    path.dynamo.items.pop((f"link#zoom_connect#{OTHER_ACCOUNT}#{MESSAGE_ID}", "link"))
    callback, fields = CALLBACK_KINDS[kind]
    status = {"status": "DELIVERED"} if callback == "delivery_report" else {}
    path.arrive(callback, OTHER_ACCOUNT, **status, **fields)
    path.publish_later()
    assert events_of(path, kind) == [None]


def test_an_unknown_outcome_is_found_by_our_token() -> None:
    """No answer came, and so no id: the token is all there is, and enough."""
    path = Path(_no_answer)
    path.put(COMMAND)
    path.poll()
    path.report(dataField=TOKEN)
    path.publish_later()
    assert path.correlations() == [FOUND]
    assert path.correlations(status="unknown") == [FOUND]


def _no_answer(_request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("")


def test_an_unknown_outcome_without_our_token_is_published_without_a_command() -> None:
    path = Path(_no_answer)
    path.put(COMMAND)
    path.poll()
    path.report()
    path.publish_later()
    assert path.correlations() == [None]


@pytest.mark.parametrize("message_id", ["x" * 129, "é" * 4000])
def test_an_id_too_long_for_a_key_does_not_hold_up_the_stream(message_id: str) -> None:
    path = sent()
    path.report(message_id)
    path.report()
    path.publish_later()
    assert path.correlations() == [None, FOUND]


def test_a_command_without_a_reference_is_found_without_one() -> None:
    path = Path(accept)
    path.put(send_sms())
    path.poll()
    path.report()
    path.publish_later()
    assert path.correlations() == [{"command_id": "order-1", "reference": None}]


# --- the journal, when it does not answer, or in part ----------------------------------------------------------------


def many(count: int) -> Path:
    path = Path(accept)
    numbers = itertools.count(1)

    def handle(request: httpx.Request) -> httpx.Response:
        items = json.loads(request.content)["sendSmsRequests"]
        answers = [{"messageId": f"463{next(numbers):021x}", "error": None} for _ in items]
        return httpx.Response(200, json={"sendSmsResponses": answers})

    path.transport._transport = httpx.MockTransport(handle)
    path.secrets.documents[ACCOUNT]["settings"]["max_per_second"] = 10_000
    path.put(*(send_sms(f"order-{number}") for number in range(1, count + 1)))
    path.drain()
    path.publish()
    for number in range(1, count + 1):
        path.report(f"463{number:021x}")
    return path


def test_a_whole_batch_is_looked_up_together() -> None:
    path = many(150)
    path.publish()
    assert [each["command_id"] for each in path.correlations()] == [f"order-{number}" for number in range(1, 151)]


@pytest.mark.parametrize("unread", [[50], [100, 3], [1] * MAX_TRIES])
def test_what_dynamodb_left_unread_is_read_again(unread: list[int]) -> None:
    path = many(150)
    path.dynamo.unread = unread
    path.publish()
    assert None not in path.correlations()
    assert path.dynamo.unread == []


def test_what_dynamodb_never_reads_is_an_error_and_the_batch_comes_again() -> None:
    path = many(3)
    path.dynamo.unread = [1] * 100
    records = path.dynamo.stream[-3:]
    first = records[0]["dynamodb"]["SequenceNumber"]
    assert path.publisher({"Records": records}) == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert path.correlations() == []


def test_a_correlator_without_its_journal_says_so() -> None:
    class Gone(Dynamo):
        def get_item(self, **asked: Any) -> dict[str, Any]:
            return super().get_item(Key={"pk": {"S": ""}, "sk": asked["Key"]["sk"]})

    with pytest.raises(JournalUnavailableError):
        Correlator(as_client(Gone()), TABLE).read_entry({"pk": {"S": "x"}, "sk": {"S": "x"}})


# --- entries named by a queue ----------------------------------------------------------------------------------------


def keys_of(path: Path) -> list[Any]:
    return [
        it["dynamodb"]["Keys"] for it in path.dynamo.stream if it["dynamodb"]["NewImage"]["entry"]["S"] == "callback"
    ]


def test_an_entry_that_is_gone_is_done() -> None:
    path = sent()
    assert path.publisher(named({"pk": {"S": "callback#gone"}, "sk": {"S": "callback"}})) == {"batchItemFailures": []}


def test_a_message_that_is_not_ours_fails_alone() -> None:
    path = sent()
    path.report()
    (keys,) = keys_of(path)
    answer = path.publisher(named("{", "[]", "{}", '{"keys": {}}', keys, '{"keys": null}'))
    assert sorted(it["itemIdentifier"] for it in answer["batchItemFailures"]) == ["m-0", "m-1", "m-2", "m-3", "m-5"]
    assert path.correlations() == [FOUND]


def test_an_entry_that_can_not_be_read_fails_alone() -> None:
    path = sent()
    path.report()
    path.report(status="DELIVERED")
    first, second = keys_of(path)
    read = path.publisher._read_entry
    assert read is not None

    def fails_for_the_first(keys: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if keys == first:
            raise JournalUnavailableError("ThrottlingException")
        return read(keys)

    path.publisher._read_entry = fails_for_the_first
    answer = path.publisher(named(first, second))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    assert path.correlations() == [FOUND]


def test_an_entry_that_can_not_be_put_off_comes_again() -> None:
    path = sent()
    path.report("463" * 8)
    path.publisher._later = _full
    records = path.dynamo.stream[-1:]
    sequence = records[0]["dynamodb"]["SequenceNumber"]
    assert path.publisher({"Records": records}) == {"batchItemFailures": [{"itemIdentifier": sequence}]}
    assert path.publisher(named(*keys_of(path))) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    assert path.correlations() == []


def _full(_keys: Mapping[str, Any]) -> None:
    raise SettingAsideError("ThrottlingException")


def test_a_commands_event_can_be_published_again_from_its_keys() -> None:
    path = sent()
    before = list(path.bus.events)
    keys = {"pk": {"S": f"command#{TOKEN}"}, "sk": {"S": "command"}}
    assert path.publisher(named(keys)) == {"batchItemFailures": []}
    assert path.bus.events == before * 2

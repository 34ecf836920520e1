"""A sender with everything around it in memory: queue, journal, accounts, clock; and faults at each of its calls."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

import httpx
from botocore.exceptions import ReadTimeoutError

from hookline.accounts import Accounts, SecretsManagerSource
from hookline.calls import Caller
from hookline.command_journal import CommandJournal
from hookline.command_queue import CommandQueue
from hookline.commands import command_token
from hookline.correlate import Correlator
from hookline.pace import Pace
from hookline.providers.zoom_connect.normalise import CALLBACKS
from hookline.providers.zorya import normalise as zorya
from hookline.publish import Outgoing, Publisher
from hookline.schedules import Schedules
from hookline.send import Sender
from hookline.sending import SendingAccount, SendingProvider
from hookline.stops import Stops
from hookline.tokens import Tokens
from tests.doubles import Clock, Noted, client_error
from tests.samples import ACCOUNT, API_TOKEN, EMAIL, NUMBER, OTHER_ACCOUNT, TEXT
from tests.send import dynamo as dynamodb
from tests.send import scheduler, sqs
from tests.send.dynamo import Dynamo
from tests.send.scheduler import Scheduler
from tests.send.sqs import COMMANDS, DEAD_LETTERS, Sqs
from tests.streams import Record

TABLE = "journal"
LEASE = 120.0
SECONDS = 60.0
"""What an invocation may run, as in the template."""
DAY = 86_400
RETENTION = 30 * DAY


class Killed(BaseException):
    """The process died here: nothing of it runs on."""


class Fault(Enum):
    """What goes wrong with a call."""

    FAILS_BEFORE = "the call fails, and did nothing"
    FAILS_AFTER = "the call does its work, and its answer is lost"
    LOST_BEFORE = "the call does nothing, and nobody can tell"
    DIES_BEFORE = "the process dies before the call does anything"
    DIES_AFTER = "the process dies when the call has done its work"

    @property
    def kills(self) -> bool:
        return self in {Fault.DIES_BEFORE, Fault.DIES_AFTER}

    @property
    def works(self) -> bool:
        return self in {Fault.FAILS_AFTER, Fault.DIES_AFTER}


class Faults:
    """Numbers every call to the outside from 1 on, and lets those fail that it is told to.

    Args:
        choose: which fault the call of a number and a name has, if any.
    """

    def __init__(self, choose: Callable[[int, str], Fault | None] = lambda _number, _name: None) -> None:
        self.choose = choose
        self.calls: list[str] = []
        self.happened: list[tuple[str, Fault]] = []

    def call(self, name: str, do: Callable[[], Any], error: Callable[[Fault], Exception]) -> Any:
        self.calls.append(name)
        fault = self.choose(len(self.calls), name)
        if fault is None:
            return do()
        self.happened.append((name, fault))
        if fault.works:
            with suppress(Exception):
                do()
        if fault.kills:
            raise Killed
        raise error(fault)


class FaultyClient:
    """An AWS client in front of another one."""

    def __init__(self, service: str, client: Any, faults: Faults) -> None:
        self._service = service
        self._client = client
        self._faults = faults

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **asked: self._faults.call(
            f"{self._service}.{operation}", lambda: getattr(self._client, operation)(**asked), _aws_error
        )


class FaultyTransport(httpx.BaseTransport):
    """A transport in front of another one.

    Attributes:
        unclear: the bodies of requests that may have reached the provider and had no answer that can be understood.
    """

    def __init__(self, transport: httpx.BaseTransport, faults: Faults) -> None:
        self._transport = transport
        self._faults = faults
        self.unclear: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()

        def exchange() -> httpx.Response:
            try:
                response = self._transport.handle_request(request)
                response.read()
            except httpx.HTTPError:
                self.unclear.append(body)
                raise
            if _is_unclear(body, response):
                self.unclear.append(body)
            return response

        def error(fault: Fault) -> Exception:
            if fault is Fault.FAILS_BEFORE:
                return httpx.ConnectError("refused", request=request)
            self.unclear.append(body)
            return httpx.ReadTimeout("no answer", request=request)

        response: httpx.Response = self._faults.call("http", exchange, error)
        return response


def _is_unclear(body: bytes, response: httpx.Response) -> bool:
    """Say of an answer of the stand-in whether it is a server error, garbage, or of another length."""
    is_page = response.status_code == 200 and "html" in response.headers.get("content-type", "")
    sent, answered = body.count(b"dataField"), response.content.count(b"messageId")
    xml = body.startswith(b"<")
    of_another_length = response.status_code == 200 and b"Responses" in response.content and sent != answered
    return response.status_code >= 500 or is_page or (of_another_length and not xml) or (xml and sent != answered)


class Secrets:
    """Secrets Manager in memory."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self.documents = dict(documents)

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803  # AWS's name
        if SecretId not in self.documents:
            raise client_error("ResourceNotFoundException", "GetSecretValue")
        return {"SecretString": json.dumps(self.documents[SecretId])}


class Quiet(Noted):
    """Telemetry that is noted and not printed."""

    def count(
        self, name: str, amount: float = 1, *, dimensions: dict[str, str] | None = None, **fields: str | float | None
    ) -> None:
        self.lines.append({"name": name, "amount": amount, **(dimensions or {}), **fields})


class Kept:
    """The journal and the queues, and what stands in them.

    Args:
        clock: seconds since the epoch.
        visibility: seconds for which a message that was received can't be received again.
    """

    def __init__(self, clock: Callable[[], float], visibility: float = sqs.VISIBILITY) -> None:
        self.dynamo = Dynamo()
        self.sqs = Sqs(clock, visibility)
        self._clock = clock

    def entries(self) -> dict[str, dict[str, str]]:
        """Return the commands' entries by their tokens."""
        return self.dynamo.texts("command#")

    def entry(self, command_id: str) -> dict[str, str]:
        """Return a command's entry as plain texts; {} where there is none."""
        item = self.dynamo.items.get((f"command#{command_token(command_id)}", "command"), {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    def state(self, command_id: str) -> str | None:
        return self.entry(command_id).get("state")

    def outcome(self, command_id: str) -> dict[str, Any]:
        outcome: dict[str, Any] = json.loads(self.entry(command_id).get("outcome", "{}"))
        return outcome

    def rejections(self) -> list[dict[str, Any]]:
        """Return what was rejected: the command as it could be read, the field and the problem."""
        return [
            {**json.loads(entry["command"]), **json.loads(entry["outcome"]), "account": entry["account"]}
            for entry in self.dynamo.texts("rejection#").values()
        ]

    def dead_ids(self) -> set[str]:
        """Return the ids of the commands on the dead-letter queue that can be read."""
        found = set()
        for stored in self.sqs.dead:
            with suppress(ValueError):
                found |= set(_ids_in(json.loads(stored.body)))
        return found

    def events(self, records: Sequence[Record] | None = None, batch_size: int = 10) -> list[dict[str, Any]]:
        """Publish the journal's stream and return the events."""
        bus = Bus()
        publisher = Publisher(
            {CALLBACKS.name: CALLBACKS, zorya.CALLBACKS.name: zorya.CALLBACKS},
            bus,
            _never_set_aside,
            Quiet(),
            Correlator(dynamodb.as_client(self.dynamo), TABLE, self._clock),
        )
        stream = self.dynamo.stream if records is None else records
        for start in range(0, len(stream), batch_size):
            assert publisher({"Records": stream[start : start + batch_size]}) == {"batchItemFailures": []}
        return bus.events

    def final_events(self) -> dict[str, set[tuple[str, str]]]:
        """Return by command the id and the type of each of its events, copies counted once."""
        found: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for event in self.events():
            correlation = event["metadata"]["correlation"]
            if correlation:
                found[correlation["command_id"]].add((event["metadata"]["id"], event["metadata"]["type"]))
        return found


class World(Kept):
    """A sender and all that is around it.

    Args:
        provider: whose sender.
        transport: the provider itself.
        accounts: settings by account.
        faults: what goes wrong.
        chance: the jitter.
        telemetry: prints, as it does in Lambda; or does not.
        make_document: makes an account's secret of its settings.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        provider: SendingProvider,
        transport: httpx.BaseTransport,
        *,
        accounts: Mapping[str, Mapping[str, Any]] | None = None,
        faults: Faults | None = None,
        chance: Callable[[], float] = lambda: 0.5,
        telemetry: Noted | None = None,
        make_document: "Callable[..., dict[str, Any]] | None" = None,
        clock: Clock | None = None,
    ) -> None:
        self.provider = provider
        self.clock = clock or Clock()
        super().__init__(self.clock)
        self.faults = faults or Faults()
        make = make_document or document
        self.secrets = Secrets(
            {name: make(**settings) for name, settings in (accounts or {ACCOUNT: {}, OTHER_ACCOUNT: {}}).items()}
        )
        self.scheduler = Scheduler(self.clock)
        self.transport = FaultyTransport(transport, self.faults)
        self.telemetry = telemetry or Noted()
        self.chance = chance
        self.died_with: set[str] = set()
        self.left_sending: set[str] = set()
        self.sender = self.make_sender()

    def make_sender(self, **token: Any) -> Sender:
        """Make a sender as a new process would."""
        dynamo = dynamodb.as_client(FaultyClient("dynamodb", self.dynamo, self.faults))
        queues = sqs.as_client(FaultyClient("sqs", self.sqs, self.faults))
        schedulers = scheduler.as_client(FaultyClient("scheduler", self.scheduler, self.faults))
        settled = self.provider.settling.kinds if self.provider.settling else frozenset()
        return Sender(
            self.provider,
            self.make_accounts(),
            CommandJournal(dynamo, TABLE, self.provider.name, RETENTION, LEASE, settled),
            Pace(dynamo, TABLE),
            self.make_caller(**token),
            CommandQueue(queues, COMMANDS, DEAD_LETTERS),
            Stops(dynamo, TABLE, self.provider.name),
            self.telemetry,
            schedules=Schedules(schedulers, "", "", "", ""),
            clock=self.clock,
            chance=self.chance,
        )

    def make_accounts(self) -> Accounts[SendingAccount[Any]]:
        """Make what finds accounts, as a new process would."""
        secrets: Any = FaultyClient("secretsmanager", self.secrets, self.faults)
        return Accounts(SecretsManagerSource(lambda: secrets, ""), self.provider.read_account, self.clock, burst=1000)

    def make_caller(self, **token: Any) -> Caller:
        """Make what calls the provider, as a new process would."""
        http = httpx.Client(transport=self.transport)
        if self.provider.log_in is not None and not token:
            dynamo = dynamodb.as_client(FaultyClient("dynamodb", self.dynamo, self.faults))
            token = {"token": Tokens(dynamo, TABLE, self.provider, http, self.telemetry, clock=self.clock)}
        return Caller(self.provider, http, self.telemetry, **token)

    # --- commands in -------------------------------------------------------------------------------------------------

    def put(self, *documents: Mapping[str, Any] | str) -> None:
        """Put commands on the queue."""
        for each in documents:
            self.sqs.put(each if isinstance(each, str) else json.dumps(each))

    def poll(self, most: int = 100) -> list[str]:
        """Let the sender have what is on the queue, once. Return the ids of the messages that are to come again."""
        records = self.sqs.receive(most)
        if not records:
            return []
        failures = self.invoke(lambda: self.sender.do_batch(records, SECONDS))
        if failures is None:
            return [record["messageId"] for record in records]
        again = {failure["itemIdentifier"] for failure in failures["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in again:
                self.sqs.delete(record["messageId"])
        return sorted(again)

    def invoke[T](self, call: Callable[[], T]) -> T | None:
        """Run an invocation. Where its process dies there is no answer, and a new process the next time."""
        try:
            answer = call()
        except Killed:
            self.died_with |= set(self._sending())
            self.sender = self.make_sender()
            return None
        self.left_sending |= set(self._sending())
        return answer

    def drain(self, most: int = 100) -> int:
        """Poll, and let time go by, until the queue is empty. Return how often it was polled."""
        polls = 0
        while (moment := self._next()) is not None:
            self.clock.now = max(self.clock.now, moment)
            self.put(*self.scheduler.take_due())
            self.poll(most)
            polls += 1
            assert polls < 5000, "it never ends"
        return polls

    def _next(self) -> float | None:
        moments = (self.sqs.next_visible(), self.scheduler.next_due())
        return min((moment for moment in moments if moment is not None), default=None)

    def _sending(self) -> Iterator[str]:
        return (
            pk.removeprefix("command#")
            for (pk, _), item in self.dynamo.items.items()
            if item.get("state") == {"S": "sending"}
        )

    def counted(self, name: str = "commands") -> Counter[str]:
        """Return how often each result was counted."""
        return Counter(line.get("result", "") for line in self.telemetry.lines if line["name"] == name)


class Bus:
    """A bus that takes everything."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, events: Sequence[Outgoing]) -> list[bool]:
        self.events += [json.loads(event.detail) for event in events]
        return [True] * len(events)


def document(**settings: Any) -> dict[str, Any]:
    """Make an account's secret."""
    return {"provider": "zoom_connect", "credentials": {"email": EMAIL, "token": API_TOKEN}, "settings": settings}


def send_sms(command_id: str = "order-1", **overrides: Any) -> dict[str, Any]:
    """Make a command as a caller writes it."""
    given = {"command": "send_sms", "id": command_id, "account": ACCOUNT, "to": f"+{NUMBER}", "text": TEXT}
    return {name: value for name, value in (given | overrides).items() if value is not None}


def send_batch(*messages: Mapping[str, Any], **overrides: Any) -> dict[str, Any]:
    """Make a batch as a caller writes it."""
    given = {"command": "send_sms_batch", "id": "batch-1", "account": ACCOUNT, "text": TEXT, "messages": messages}
    return given | overrides


def record_of(document: Mapping[str, Any] | str, number: int = 1, *, receives: int = 1) -> dict[str, Any]:
    """Make an SQS record as Lambda hands it over, of a message that is on no queue."""
    return {
        "messageId": f"m-{number}",
        "receiptHandle": f"r-{number}",
        "body": document if isinstance(document, str) else json.dumps(document),
        "attributes": {"ApproximateReceiveCount": str(receives)},
    }


def sequence(answers: Iterable[Any]) -> Callable[[httpx.Request], httpx.Response]:
    """Answer one request after the other: with outcomes, with a response, or with an exception to raise."""
    remaining = iter(answers)

    def answer(_request: httpx.Request) -> httpx.Response:
        step = next(remaining)
        if isinstance(step, BaseException):
            raise step
        return step if isinstance(step, httpx.Response) else httpx.Response(200, json=step)

    return answer


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # reproducible is the point


def _ids_in(body: Mapping[str, Any]) -> list[str]:
    messages = body.get("messages")
    if messages is None:
        return [body["id"]]
    return [message.get("id") or f"{body['id']}/{place}" for place, message in enumerate(messages, 1)]


def _aws_error(fault: Fault) -> Exception:
    if fault is Fault.FAILS_BEFORE:
        return client_error("ThrottlingException", "Any")
    return ReadTimeoutError(endpoint_url="https://aws.example")


def _never_set_aside(_record: Mapping[str, Any], reason: str) -> None:
    raise AssertionError(reason)

"""What the tests hand in where Hookline takes an argument: a clock, accounts in memory, stores that fail on cue."""

from collections.abc import Callable, Iterable, Mapping
from threading import Barrier, Lock
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import ClientError

from hookline.errors import AccountNotFoundError, AccountsUnavailableError
from hookline.telemetry import Telemetry
from tests.samples import NOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Clock:
    """Seconds since the epoch, which only move when told to."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Documents:
    """Accounts in memory, in the place of Secrets Manager. Every look-up is noted."""

    def __init__(self, **documents: Mapping[str, Any]) -> None:
        self.documents: dict[str, Mapping[str, Any]] = {name.replace("_", "-"): it for name, it in documents.items()}
        self.lookups: list[str] = []
        self.unavailable = False

    def __call__(self, name: str) -> Mapping[str, Any]:
        self.lookups.append(name)
        if self.unavailable:
            raise AccountsUnavailableError("ThrottlingException")
        if name not in self.documents:
            raise AccountNotFoundError(name)
        return self.documents[name]


class Noted(Telemetry):
    """Telemetry that also remembers what it was told, in a list that several can share."""

    def __init__(self, lines: list[dict[str, Any]] | None = None) -> None:
        super().__init__("test")
        self.lines: list[dict[str, Any]] = [] if lines is None else lines

    def count(
        self, name: str, amount: float = 1, *, dimensions: dict[str, str] | None = None, **fields: str | float | None
    ) -> None:
        self.lines.append({"name": name, "amount": amount, **(dimensions or {}), **fields})
        super().count(name, amount, dimensions=dimensions, **fields)


class Fault(NamedTuple):
    """A call that fails.

    Attributes:
        error: what the caller gets.
        after_the_write: whether the call did its work all the same.
    """

    error: Exception
    after_the_write: bool = False


class FaultyStore:
    """A DynamoDB client in front of another one. Each write takes the plan's next step: a fault, or None for none."""

    def __init__(self, client: "DynamoDBClient", plan: Iterable[Fault | None]) -> None:
        self._client = client
        self._plan = iter(plan)

    def put_item(self, **arguments: Any) -> Any:
        fault = next(self._plan, None)
        if fault is None:
            return self._client.put_item(**arguments)
        if fault.after_the_write:
            self._client.put_item(**arguments)
        raise fault.error


class MeetingStore:
    """A DynamoDB client whose first writes wait for each other, so that all of them are under way at one instant.

    The writes themselves are made one after the other, as DynamoDB makes those of one key.
    """

    def __init__(self, client: "DynamoDBClient", parties: int) -> None:
        self._client = client
        self._barrier = Barrier(parties, timeout=10)
        self._lock = Lock()

    def put_item(self, **arguments: Any) -> Any:
        self._barrier.wait()
        with self._lock:
            return self._client.put_item(**arguments)


def as_dynamodb(store: FaultyStore | MeetingStore) -> "DynamoDBClient":
    """Hand a double over as the client that it stands for; the journal calls `put_item` and nothing else."""
    return cast("DynamoDBClient", store)


def client_error(code: str, operation: str = "PutItem", status: int = 400) -> ClientError:
    """Make the error that botocore raises for an AWS error code."""
    return ClientError(
        {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


def always(value: Any) -> Callable[..., Any]:
    """Return a function that gives one value, whatever it is asked."""
    return lambda *_arguments, **_named: value

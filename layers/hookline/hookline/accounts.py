"""Accounts, read from Secrets Manager and remembered for a minute.

An account is one secret, `/hookline/<stage>/accounts/<account>`, a JSON object:

    {"provider": "zoom_connect", "signing_secrets": ["newest", "older"], "credentials": {…}, "settings": {…}}

Adding or changing one needs no deployment: a change is seen within `TTL`, and a new signing secret on the first
verification that fails without it.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hookline.callbacks import CallbackProvider, ReceivingAccount
from hookline.errors import AccountError, AccountNotFoundError, AccountSettingsError, AccountsUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

TTL = 60.0
"""Seconds for which an account is used as it was read; also how long an unknown name is known to be unknown."""

MAX_STALE = 900.0
"""Seconds for which an account may be used as it was read while Secrets Manager does not answer."""

RETRY_AFTER = 5.0
"""Seconds before Secrets Manager is asked again for an account that it did not answer for."""

LOOKUP_BURST = 20
LOOKUPS_A_SECOND = 1.0
"""What strangers can make us ask: look-ups for unknown names and for signatures that fail, per running copy."""

MAX_REMEMBERED = 2000
MAX_SECRETS = 2

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

type Source = Callable[[str], Mapping[str, Any]]


def is_account_name(name: str) -> bool:
    """Say whether a text can be an account's name: 1 to 63 of a-z, 0-9 and `-`, which neither starts nor ends it."""
    return _NAME.fullmatch(name) is not None


class SecretsManagerSource:
    """Reads one account's secret.

    Args:
        client: makes the Secrets Manager client, when it is first needed.
        prefix: what stands before the account's name, for example `/hookline/dev/accounts/`.
    """

    def __init__(self, client: "Callable[[], SecretsManagerClient]", prefix: str) -> None:
        self._make_client = client
        self._client: SecretsManagerClient | None = None
        self._prefix = prefix

    def __call__(self, name: str) -> Mapping[str, Any]:
        """Return the secret's JSON object.

        Raises:
            AccountNotFoundError: there is no such secret.
            AccountSettingsError: the secret is not a JSON object.
            AccountsUnavailableError: Secrets Manager did not answer.
        """
        if self._client is None:
            self._client = self._make_client()
        try:
            answer = self._client.get_secret_value(SecretId=self._prefix + name)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"ResourceNotFoundException", "InvalidRequestException"}:
                raise AccountNotFoundError(name) from None
            raise AccountsUnavailableError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise AccountsUnavailableError(type(error).__name__) from error
        try:
            document = json.loads(answer.get("SecretString", ""))
        except ValueError:  # no `from`: the error's text would quote the secret
            raise AccountSettingsError("secret", "is not JSON") from None
        if not isinstance(document, dict):
            raise AccountSettingsError("secret", "is not a JSON object")
        return document


class _Remembered[T](NamedTuple):
    answer: T | AccountError
    loaded_at: float
    ask_again_at: float


def _is_unknown(known: _Remembered[Any]) -> bool:
    return isinstance(known.answer, AccountNotFoundError)


class Accounts[T]:
    """The accounts that one function works for.

    Args:
        source: reads an account's document by name.
        build: turns a document into what the function uses. Raises AccountNotFoundError where the account is not
            for this function, AccountSettingsError where it can't be used.
        clock: seconds, monotonic or not; only differences count.
        burst: look-ups for unknown names that may be made at once; LOOKUPS_A_SECOND give them back.
    """

    def __init__(
        self,
        source: Source,
        build: Callable[[str, Mapping[str, Any]], T],
        clock: Callable[[], float],
        burst: int = LOOKUP_BURST,
    ) -> None:
        self._source = source
        self._build = build
        self._clock = clock
        self._remembered: dict[str, _Remembered[T]] = {}
        self._burst = burst
        self._tokens = float(burst)
        self._refilled_at = clock()

    def find(self, name: str) -> T:
        """Return an account by name.

        Raises:
            AccountNotFoundError: there is none, or strangers have made us look for too many already.
            AccountSettingsError: it can't be used; names the field.
            AccountsUnavailableError: nothing is known of it, and Secrets Manager does not answer.
        """
        if not is_account_name(name):
            raise AccountNotFoundError(name)
        known = self._remembered.get(name)
        if known is None or self._clock() >= known.ask_again_at:
            is_a_strangers = known is None or _is_unknown(known)
            if is_a_strangers and not self._may_look_up():
                raise AccountNotFoundError(name)
            known = self._load(name, known)
        if isinstance(known.answer, AccountError):
            raise known.answer
        return known.answer

    def find_again(self, name: str) -> T | None:
        """Read an account afresh because what we know of it did not do, if that has not been asked too often.

        Returns:
            The account as it is now; None where it may not be asked now or can't be had.
        """
        if not self._may_look_up():
            return None
        try:
            answer = self._load(name, self._remembered.get(name)).answer
        except AccountsUnavailableError:
            return None
        return None if isinstance(answer, AccountError) else answer

    def _load(self, name: str, known: _Remembered[T] | None) -> _Remembered[T]:
        now = self._clock()
        answer: T | AccountError
        try:
            answer = self._build(name, self._source(name))
        except AccountsUnavailableError:
            if known is None or now - known.loaded_at > MAX_STALE:
                raise
            loaded = known._replace(ask_again_at=now + RETRY_AFTER)
        except AccountError as error:
            loaded = _Remembered(error.with_traceback(None), now, now + TTL)
        else:
            loaded = _Remembered(answer, now, now + TTL)
        if len(self._remembered) >= MAX_REMEMBERED:
            # Names that strangers made up go first: accounts that we know would have to be looked up again.
            kept = {name: it for name, it in self._remembered.items() if not _is_unknown(it)}
            self._remembered = kept if len(kept) < MAX_REMEMBERED else {}
        self._remembered[name] = loaded
        return loaded

    def _may_look_up(self) -> bool:
        now = self._clock()
        elapsed = max(0.0, now - self._refilled_at)  # a clock set back takes nothing away
        self._tokens = min(self._burst, self._tokens + elapsed * LOOKUPS_A_SECOND)
        self._refilled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def receiving_account(provider: CallbackProvider, name: str, document: Mapping[str, Any]) -> ReceivingAccount:
    """Read from an account's document what a receiver needs.

    Raises:
        AccountNotFoundError: it is an account of another provider.
        AccountSettingsError: a field can't be used.
    """
    if document.get("provider") != provider.name:
        raise AccountNotFoundError(name)
    secrets = document.get("signing_secrets")
    if not isinstance(secrets, list) or not 1 <= len(secrets) <= MAX_SECRETS:
        raise AccountSettingsError("signing_secrets", "must be a list of one or two texts")
    if not all(isinstance(secret, str) and secret for secret in secrets):
        raise AccountSettingsError("signing_secrets", "must hold texts that are not empty")
    encoded = tuple(secret.encode("utf-8", "surrogatepass") for secret in secrets)
    for secret in encoded:
        problem = provider.secret_problem(secret)
        if problem:
            raise AccountSettingsError("signing_secrets", problem)
    settings = document.get("settings", {})
    if not isinstance(settings, dict):
        raise AccountSettingsError("settings", "must be an object")
    return ReceivingAccount(name, encoded, provider.read_settings(settings))

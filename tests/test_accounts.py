"""Accounts: read from Secrets Manager, remembered for a minute, and never asked for too often."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from hookline.accounts import (
    LOOKUP_BURST,
    LOOKUPS_A_SECOND,
    MAX_REMEMBERED,
    MAX_STALE,
    RETRY_AFTER,
    TTL,
    Accounts,
    SecretsManagerSource,
    is_account_name,
    receiving_account,
)
from hookline.aws import client
from hookline.callbacks import ReceivingAccount
from hookline.errors import AccountNotFoundError, AccountSettingsError, AccountsUnavailableError
from hookline.providers.zoom_connect.verify import CALLBACKS
from tests.cases import Case, table
from tests.doubles import Clock, Documents
from tests.samples import NEWER_SECRET, OLDER_SECRET, SECRET

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

PREFIX = "/hookline/test/accounts/"
ACME = {"provider": "zoom_connect", "signing_secrets": [SECRET], "settings": {}}

# --- names -----------------------------------------------------------------------------------------------------------

NAMES = (
    Case("a letter", "a", True),
    Case("a digit", "1", True),
    Case("words", "acme-za", True),
    Case("63 letters", "a" * 63, True),
    Case("64 letters", "a" * 64, False),
    Case("empty", "", False),
    Case("a hyphen before", "-acme", False),
    Case("a hyphen behind", "acme-", False),
    Case("capitals", "Acme", False),
    Case("an underscore", "acme_za", False),
    Case("a slash", "acme/za", False),
    Case("dots", "..", False),
    Case("a line's end", "acme\n", False),
    Case("digits of another script", "acme२", False),
)


@table("case", NAMES)
def test_a_name_is_of_letters_digits_and_hyphens(case: Case[str, bool]) -> None:
    assert is_account_name(case.given) is case.expected


# --- Secrets Manager -------------------------------------------------------------------------------------------------


@pytest.fixture
def secrets(aws: None) -> "SecretsManagerClient":  # noqa: ARG001  # it only has to be there
    return client("secretsmanager")


def test_an_account_is_the_secret_under_its_name(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name=f"{PREFIX}acme-1", SecretString=json.dumps(ACME))
    assert SecretsManagerSource(lambda: secrets, PREFIX)("acme-1") == ACME


def test_a_changed_secret_is_read_as_it_is_now(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name=f"{PREFIX}acme-2", SecretString=json.dumps(ACME))
    source = SecretsManagerSource(lambda: secrets, PREFIX)
    source("acme-2")
    secrets.put_secret_value(SecretId=f"{PREFIX}acme-2", SecretString=json.dumps(ACME | {"settings": {"a": 1}}))
    assert source("acme-2")["settings"] == {"a": 1}


def test_the_client_is_made_when_it_is_first_needed_and_once(secrets: "SecretsManagerClient") -> None:
    made: list[None] = []

    def make() -> "SecretsManagerClient":
        made.append(None)
        return secrets

    source = SecretsManagerSource(make, PREFIX)
    assert made == []
    for _ in range(2):
        with pytest.raises(AccountNotFoundError):
            source("nobody")
    assert len(made) == 1


def test_a_secret_marked_for_deletion_is_no_account(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name=f"{PREFIX}acme-3", SecretString=json.dumps(ACME))
    secrets.delete_secret(SecretId=f"{PREFIX}acme-3")
    with pytest.raises(AccountNotFoundError):
        SecretsManagerSource(lambda: secrets, PREFIX)("acme-3")


NOT_OBJECTS = (
    Case("not JSON", {"SecretString": f"{SECRET}{{"}, "secret: is not JSON"),
    Case("a list", {"SecretString": f'["{SECRET}"]'}, "secret: is not a JSON object"),
    Case("null", {"SecretString": "null"}, "secret: is not a JSON object"),
    Case("binary", {"SecretBinary": SECRET.encode()}, "secret: is not JSON"),
)


@table("case", NOT_OBJECTS)
def test_a_secret_that_is_no_json_object_can_not_be_used_and_is_not_quoted(
    case: Case[dict[str, Any], str], secrets: "SecretsManagerClient"
) -> None:
    name = f"odd-{case.id.replace(' ', '-').lower()}"
    secrets.create_secret(Name=PREFIX + name, **case.given)
    with pytest.raises(AccountSettingsError) as caught:
        SecretsManagerSource(lambda: secrets, PREFIX)(name)
    assert str(caught.value) == case.expected
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


ANSWERS = (
    Case("there is none", "ResourceNotFoundException", AccountNotFoundError),
    Case("marked for deletion", "InvalidRequestException", AccountNotFoundError),
    Case("throttled", "ThrottlingException", AccountsUnavailableError),
    Case("broken", "InternalServiceError", AccountsUnavailableError),
    Case("denied", "AccessDeniedException", AccountsUnavailableError),
    Case("undecryptable", "DecryptionFailure", AccountsUnavailableError),
)


@table("case", ANSWERS)
def test_an_error_of_secrets_manager_is_one_of_ours(case: Case[str, type[Exception]], aws: None) -> None:  # noqa: ARG001
    asked = client("secretsmanager")
    with Stubber(asked) as stubber:
        stubber.add_client_error("get_secret_value", case.given, expected_params={"SecretId": f"{PREFIX}acme"})
        with pytest.raises(case.expected):
            SecretsManagerSource(lambda: asked, PREFIX)("acme")


def test_secrets_manager_out_of_reach_is_one_of_ours(aws: None) -> None:  # noqa: ARG001
    asked = client("secretsmanager")

    def refuse(**_context: Any) -> None:
        raise ConnectTimeoutError(endpoint_url="https://secretsmanager")

    asked.meta.events.register("before-send.secretsmanager.GetSecretValue", refuse)
    with pytest.raises(AccountsUnavailableError, match=r"^ConnectTimeoutError$"):
        SecretsManagerSource(lambda: asked, PREFIX)("acme")


# --- what is remembered ----------------------------------------------------------------------------------------------


class Setting:
    """Accounts before documents in memory, with a clock."""

    def __init__(self, **documents: Mapping[str, Any]) -> None:
        self.clock = Clock()
        self.documents = Documents(**documents)
        self.accounts: Accounts[ReceivingAccount] = Accounts(
            self.documents, partial(receiving_account, CALLBACKS), self.clock
        )

    @property
    def lookups(self) -> int:
        return len(self.documents.lookups)


@pytest.fixture
def setting() -> Setting:
    return Setting(acme=ACME)


def test_an_account_is_read_once_a_minute(setting: Setting) -> None:
    for _ in range(10):
        assert setting.accounts.find("acme").secrets == (SECRET.encode(),)
    setting.clock.advance(TTL - 0.001)
    setting.accounts.find("acme")
    assert setting.lookups == 1
    setting.clock.advance(0.001)
    setting.accounts.find("acme")
    assert setting.lookups == 2


def test_a_change_is_seen_within_a_minute(setting: Setting) -> None:
    setting.accounts.find("acme")
    setting.documents.documents["acme"] = ACME | {"signing_secrets": [NEWER_SECRET, SECRET]}
    assert setting.accounts.find("acme").secrets == (SECRET.encode(),)
    setting.clock.advance(TTL)
    assert setting.accounts.find("acme").secrets == (NEWER_SECRET.encode(), SECRET.encode())


def test_an_account_that_is_added_is_seen_within_a_minute(setting: Setting) -> None:
    with pytest.raises(AccountNotFoundError):
        setting.accounts.find("new")
    setting.documents.documents["new"] = ACME
    setting.clock.advance(TTL)
    assert setting.accounts.find("new").name == "new"


def test_an_account_that_is_taken_away_is_gone_within_a_minute(setting: Setting) -> None:
    setting.accounts.find("acme")
    del setting.documents.documents["acme"]
    setting.clock.advance(TTL)
    with pytest.raises(AccountNotFoundError):
        setting.accounts.find("acme")


def test_an_account_that_can_not_be_used_is_remembered_too(setting: Setting) -> None:
    setting.documents.documents["acme"] = {**ACME, "signing_secrets": []}
    for _ in range(3):
        with pytest.raises(AccountSettingsError, match="signing_secrets"):
            setting.accounts.find("acme")
    assert setting.lookups == 1


def test_a_known_account_is_used_as_it_was_while_secrets_manager_does_not_answer(setting: Setting) -> None:
    setting.accounts.find("acme")
    setting.documents.unavailable = True
    setting.clock.advance(TTL)
    for _ in range(5):
        assert setting.accounts.find("acme").name == "acme"
    assert setting.lookups == 2
    setting.clock.advance(RETRY_AFTER)
    setting.accounts.find("acme")
    assert setting.lookups == 3


def test_a_known_account_is_not_used_for_ever_while_secrets_manager_does_not_answer(setting: Setting) -> None:
    setting.accounts.find("acme")
    setting.documents.unavailable = True
    setting.clock.advance(MAX_STALE)
    assert setting.accounts.find("acme").name == "acme"
    setting.clock.advance(RETRY_AFTER)
    with pytest.raises(AccountsUnavailableError):
        setting.accounts.find("acme")


def test_an_account_of_which_nothing_is_known_is_unavailable_while_secrets_manager_does_not_answer(
    setting: Setting,
) -> None:
    setting.documents.unavailable = True
    with pytest.raises(AccountsUnavailableError):
        setting.accounts.find("acme")
    setting.documents.unavailable = False
    assert setting.accounts.find("acme").name == "acme"


# --- how often is asked ----------------------------------------------------------------------------------------------


def ask_for_strangers(setting: Setting, names: int) -> None:
    for number in range(names):
        with pytest.raises(AccountNotFoundError):
            setting.accounts.find(f"stranger-{number}")


def test_strangers_can_make_us_ask_a_burst_and_then_once_a_second(setting: Setting) -> None:
    ask_for_strangers(setting, 10 * LOOKUP_BURST)
    assert setting.lookups == LOOKUP_BURST
    setting.clock.advance(3 / LOOKUPS_A_SECOND)
    for number in range(1000, 1100):
        with pytest.raises(AccountNotFoundError):
            setting.accounts.find(f"stranger-{number}")
    assert setting.lookups == LOOKUP_BURST + 3


def test_a_quiet_hour_saves_up_no_more_than_a_burst(setting: Setting) -> None:
    setting.clock.advance(3600)
    ask_for_strangers(setting, 10 * LOOKUP_BURST)
    assert setting.lookups == LOOKUP_BURST


def test_a_clock_set_back_takes_no_look_ups_away(setting: Setting) -> None:
    setting.clock.advance(-3600)
    assert setting.accounts.find("acme").name == "acme"


def test_a_known_account_is_read_afresh_whatever_strangers_do(setting: Setting) -> None:
    setting.accounts.find("acme")
    ask_for_strangers(setting, 10 * LOOKUP_BURST)
    before = setting.lookups
    setting.clock.advance(TTL)
    ask_for_strangers(setting, 10 * LOOKUP_BURST)
    setting.accounts.find("acme")
    assert setting.documents.lookups[before:].count("acme") == 1


def test_failed_signatures_can_make_us_ask_a_burst(setting: Setting) -> None:
    setting.accounts.find("acme")
    again = [setting.accounts.find_again("acme") for _ in range(10 * LOOKUP_BURST)]
    assert setting.lookups <= 1 + LOOKUP_BURST
    assert again[0] is not None
    assert again[-1] is None


def test_an_account_read_again_is_remembered_as_it_is_now(setting: Setting) -> None:
    setting.accounts.find("acme")
    setting.documents.documents["acme"] = ACME | {"signing_secrets": [NEWER_SECRET]}
    newer = setting.accounts.find_again("acme")
    assert newer is not None
    assert setting.accounts.find("acme") == newer
    assert setting.lookups == 2


GONE: tuple[Case[Callable[[Documents], Any], None], ...] = (
    Case("taken away", lambda documents: documents.documents.pop("acme"), None),
    Case("not to be used", lambda documents: documents.documents.update(acme={**ACME, "signing_secrets": 1}), None),
)


@table("case", GONE)
def test_an_account_that_can_not_be_had_again_is_none(
    case: Case[Callable[[Documents], Any], None], setting: Setting
) -> None:
    setting.accounts.find("acme")
    case.given(setting.documents)
    assert setting.accounts.find_again("acme") is None


def test_an_account_read_again_while_secrets_manager_does_not_answer_stays_as_it_was(setting: Setting) -> None:
    known = setting.accounts.find("acme")
    setting.documents.unavailable = True
    assert setting.accounts.find_again("acme") in {None, known}
    assert setting.accounts.find("acme") == known


def test_what_is_remembered_is_bounded(setting: Setting) -> None:
    for number in range(MAX_REMEMBERED + 50):
        setting.clock.advance(1 / LOOKUPS_A_SECOND)
        with pytest.raises(AccountNotFoundError):
            setting.accounts.find(f"stranger-{number}")
    assert len(setting.accounts._remembered) <= MAX_REMEMBERED


# --- what a receiver makes of a document -----------------------------------------------------------------------------


def test_a_receivers_account_has_its_secrets_newest_first_and_its_settings() -> None:
    document = ACME | {"signing_secrets": [SECRET, OLDER_SECRET], "settings": {"clock_skew": 5}, "credentials": {}}
    account = receiving_account(CALLBACKS, "acme", document)
    assert (account.name, account.secrets) == ("acme", (SECRET.encode(), OLDER_SECRET.encode()))
    assert account.settings.clock_skew == 5


def test_settings_may_be_left_out() -> None:
    document = {"provider": "zoom_connect", "signing_secrets": [SECRET]}
    assert receiving_account(CALLBACKS, "acme", document).settings == CALLBACKS.read_settings({})


@pytest.mark.parametrize("provider", ["zorya", "", None, 1, "Zoom_Connect"])
def test_an_account_of_another_provider_is_none_of_this_one(provider: object) -> None:
    with pytest.raises(AccountNotFoundError):
        receiving_account(CALLBACKS, "acme", ACME | {"provider": provider})


UNUSABLE: tuple[Case[dict[str, Any], str], ...] = (
    Case("no secrets", {"signing_secrets": None}, "signing_secrets"),
    Case("an empty list of secrets", {"signing_secrets": []}, "signing_secrets"),
    Case("three secrets", {"signing_secrets": [SECRET, OLDER_SECRET, NEWER_SECRET]}, "signing_secrets"),
    Case("a secret that is no list", {"signing_secrets": SECRET}, "signing_secrets"),
    Case("an empty secret", {"signing_secrets": [SECRET, ""]}, "signing_secrets"),
    Case("a number for a secret", {"signing_secrets": [1]}, "signing_secrets"),
    Case("settings that are a list", {"settings": []}, "settings"),
    Case("settings that are null", {"settings": None}, "settings"),
    Case("a setting that can't be used", {"settings": {"clock_skew": -1}}, "settings.clock_skew"),
)


@table("case", UNUSABLE)
def test_a_document_that_can_not_be_used_is_refused_by_its_field_without_a_secret(
    case: Case[dict[str, Any], str],
) -> None:
    with pytest.raises(AccountSettingsError) as caught:
        receiving_account(CALLBACKS, "acme", ACME | case.given)
    assert caught.value.field == case.expected
    assert not any(secret in str(caught.value) for secret in (SECRET, OLDER_SECRET, NEWER_SECRET))

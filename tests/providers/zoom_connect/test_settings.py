"""The settings of an account that are about receiving; every setting of the provider's page that is."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hookline.errors import AccountSettingsError
from hookline.providers.zoom_connect.settings import SETTING_NAMES, ReceiveSettings, read_settings
from tests.cases import Case, table

GOOD: tuple[Case[dict[str, Any], ReceiveSettings], ...] = (
    Case("none", {}, ReceiveSettings()),
    Case("php", {"canonical_form": "php"}, ReceiveSettings(canonical_form="php")),
    Case("java", {"canonical_form": "java"}, ReceiveSettings(canonical_form="java")),
    Case("either", {"canonical_form": "either"}, ReceiveSettings()),
    Case("names", {"unsigned_parameters": ["messageId"]}, ReceiveSettings(unsigned_parameters=("messageId",))),
    Case("no names", {"unsigned_parameters": []}, ReceiveSettings()),
    Case("a zone", {"timezone": "Europe/Berlin"}, ReceiveSettings(zone=ZoneInfo("Europe/Berlin"))),
    Case("no zone", {"timezone": None}, ReceiveSettings()),
    Case("no skew", {"clock_skew": 0}, ReceiveSettings(clock_skew=0)),
    Case("a day of skew", {"clock_skew": 86_400}, ReceiveSettings(clock_skew=86_400)),
    Case("a window", {"nonce_window": 600}, ReceiveSettings(nonce_window=600)),
    Case("what is not about receiving", {"base_url": "https://example.com", "max_batch": 7}, ReceiveSettings()),
)

BAD: tuple[Case[dict[str, Any], str], ...] = (
    Case("a form that there is not", {"canonical_form": "python"}, "settings.canonical_form"),
    Case("a form in capitals", {"canonical_form": "PHP"}, "settings.canonical_form"),
    Case("a form that is null", {"canonical_form": None}, "settings.canonical_form"),
    Case("a form that is a list", {"canonical_form": ["php"]}, "settings.canonical_form"),
    Case("a form that is an object", {"canonical_form": {}}, "settings.canonical_form"),
    Case("names in one text", {"unsigned_parameters": "messageId"}, "settings.unsigned_parameters"),
    Case("an empty name", {"unsigned_parameters": [""]}, "settings.unsigned_parameters"),
    Case("a number for a name", {"unsigned_parameters": [1]}, "settings.unsigned_parameters"),
    Case("names that are null", {"unsigned_parameters": None}, "settings.unsigned_parameters"),
    Case("an unsigned nonce", {"unsigned_parameters": ["nonce"]}, "settings.unsigned_parameters"),
    Case("an unsigned nonce-date", {"unsigned_parameters": ["x", "nonce-date"]}, "settings.unsigned_parameters"),
    Case("a zone that there is not", {"timezone": "Africa/Atlantis"}, "settings.timezone"),
    Case("an empty zone", {"timezone": ""}, "settings.timezone"),
    Case("a zone outside of the database", {"timezone": "../../etc/passwd"}, "settings.timezone"),
    Case("an absolute path for a zone", {"timezone": "/etc/localtime"}, "settings.timezone"),
    Case("a folder for a zone", {"timezone": "Africa"}, "settings.timezone"),
    Case("a zone with a NUL", {"timezone": "UTC\x00"}, "settings.timezone"),
    Case("a zone as an offset", {"timezone": "+02:00"}, "settings.timezone"),
    Case("a number for a zone", {"timezone": 2}, "settings.timezone"),
    Case("a list for a zone", {"timezone": ["UTC"]}, "settings.timezone"),
    Case("a skew below 0", {"clock_skew": -1}, "settings.clock_skew"),
    Case("a skew over a day", {"clock_skew": 86_401}, "settings.clock_skew"),
    Case("a skew in text", {"clock_skew": "30"}, "settings.clock_skew"),
    Case("a skew with a fraction", {"clock_skew": 1.5}, "settings.clock_skew"),
    Case("a skew of true", {"clock_skew": True}, "settings.clock_skew"),
    Case("a skew that is null", {"clock_skew": None}, "settings.clock_skew"),
    Case("a window below 0", {"nonce_window": -300}, "settings.nonce_window"),
    Case("a window over a day", {"nonce_window": 100_000}, "settings.nonce_window"),
    Case("a window in text", {"nonce_window": "5 min"}, "settings.nonce_window"),
)


@table("case", GOOD)
def test_a_good_setting_is_read(case: Case[dict[str, Any], ReceiveSettings]) -> None:
    assert read_settings(case.given) == case.expected


@table("case", BAD)
def test_a_bad_setting_is_refused_by_name_and_its_value_is_not_repeated(case: Case[dict[str, Any], str]) -> None:
    with pytest.raises(AccountSettingsError) as caught:
        read_settings(case.given)
    assert caught.value.field == case.expected
    assert str(caught.value).startswith(f"{case.expected}: must be") or "must be signed" in str(caught.value)
    (value,) = case.given.values()
    if isinstance(value, str) and len(value) > 3:
        assert value not in str(caught.value)


def test_the_defaults_are_those_of_the_providers_page() -> None:
    assert read_settings({}) == ReceiveSettings("either", (), ZoneInfo("Africa/Johannesburg"), 30, 300)


def test_every_setting_has_good_and_bad_cases() -> None:
    assert {name for case in BAD for name in case.given} == SETTING_NAMES
    assert {name for case in GOOD for name in case.given} >= SETTING_NAMES

"""The settings of an account that are about receiving; every setting of the provider's page that is."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hookline.errors import AccountSettingsError
from hookline.providers.zorya.settings import SETTING_NAMES, ReceiveSettings, read_settings
from tests.cases import Case, table

GOOD: tuple[Case[dict[str, Any], ReceiveSettings], ...] = (
    Case("none", {}, ReceiveSettings()),
    *(
        Case(location, {"jwt_location": location}, ReceiveSettings(jwt_location=location))
        for location in ("auto", "body", "field", "header")
    ),
    Case("HS384", {"algorithms": ["HS384"]}, ReceiveSettings(algorithms=("HS384",))),
    Case("three", {"algorithms": ["HS256", "HS384", "HS512"]}, ReceiveSettings(algorithms=("HS256", "HS384", "HS512"))),
    Case("no skew", {"clock_skew": 0}, ReceiveSettings(clock_skew=0)),
    Case("a day of skew", {"clock_skew": 86_400}, ReceiveSettings(clock_skew=86_400)),
    Case("five minutes", {"replay_window": 300}, ReceiveSettings(replay_window=300)),
    Case("ten years", {"replay_window": 315_360_000}, ReceiveSettings(replay_window=315_360_000)),
    Case("unsigned", {"allow_unsigned": True}, ReceiveSettings(allow_unsigned=True)),
    Case("signed", {"allow_unsigned": False}, ReceiveSettings()),
    Case("a zone", {"timezone": "America/Tijuana"}, ReceiveSettings(zone=ZoneInfo("America/Tijuana"))),
    Case("no zone", {"timezone": None}, ReceiveSettings()),
    Case("what is not about receiving", {"auth_url": "https://example.com", "lookup_version": 2}, ReceiveSettings()),
)

BAD: tuple[Case[dict[str, Any], str], ...] = (
    Case("a place that there is not", {"jwt_location": "query"}, "settings.jwt_location"),
    Case("a place that is null", {"jwt_location": None}, "settings.jwt_location"),
    Case("places in a list", {"jwt_location": ["body"]}, "settings.jwt_location"),
    *(
        Case(f"{name} among the algorithms", {"algorithms": ["HS256", name]}, "settings.algorithms")
        for name in ("none", "None", "RS256", "RS512", "PS256", "ES256", "EdDSA", "hs256", "HS1", "")
    ),
    Case("no algorithm", {"algorithms": []}, "settings.algorithms"),
    Case("an algorithm in a text", {"algorithms": "HS256"}, "settings.algorithms"),
    Case("algorithms that are null", {"algorithms": None}, "settings.algorithms"),
    Case("a number for an algorithm", {"algorithms": [256]}, "settings.algorithms"),
    Case("a skew below 0", {"clock_skew": -1}, "settings.clock_skew"),
    Case("a skew over a day", {"clock_skew": 86_401}, "settings.clock_skew"),
    Case("a skew in text", {"clock_skew": "30"}, "settings.clock_skew"),
    Case("a window below five minutes", {"replay_window": 299}, "settings.replay_window"),
    Case("a window over ten years", {"replay_window": 315_360_001}, "settings.replay_window"),
    Case("a window in words", {"replay_window": "30 days"}, "settings.replay_window"),
    Case("a window of true", {"replay_window": True}, "settings.replay_window"),
    Case("unsigned in text", {"allow_unsigned": "false"}, "settings.allow_unsigned"),
    Case("unsigned as a number", {"allow_unsigned": 1}, "settings.allow_unsigned"),
    Case("unsigned that is null", {"allow_unsigned": None}, "settings.allow_unsigned"),
    Case("a zone that there is not", {"timezone": "America/Atlantis"}, "settings.timezone"),
    Case("a zone as an offset", {"timezone": "-06:00"}, "settings.timezone"),
)


@table("case", GOOD)
def test_a_good_setting_is_read(case: Case[dict[str, Any], ReceiveSettings]) -> None:
    assert read_settings(case.given) == case.expected


@table("case", BAD)
def test_a_bad_setting_is_refused_by_name(case: Case[dict[str, Any], str]) -> None:
    with pytest.raises(AccountSettingsError, match=r"must (be|hold)") as caught:
        read_settings(case.given)
    assert caught.value.field == case.expected


def test_the_defaults_are_those_of_the_providers_page() -> None:
    month = 30 * 24 * 3600
    assert read_settings({}) == ReceiveSettings("auto", ("HS256",), 30, month, False, ZoneInfo("America/Mexico_City"))


def test_every_setting_has_good_and_bad_cases() -> None:
    assert {name for case in BAD for name in case.given} == SETTING_NAMES
    assert {name for case in GOOD for name in case.given} >= SETTING_NAMES

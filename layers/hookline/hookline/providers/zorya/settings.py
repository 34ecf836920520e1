"""An account's settings for receiving from Zorya, read from the account's secret.

Only the standard library is imported here: the receiving path reads settings too.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hookline.errors import AccountSettingsError
from hookline.settings import DAY, read_choice, read_flag, read_names, read_seconds, read_zone

AUTO = "auto"
JWT_LOCATIONS = (AUTO, "body", "field", "header")
ALGORITHMS: Mapping[str, int] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The algorithms that can be allowed, whatever an account says, and how many bytes each one's hash has."""

MIN_REPLAY_WINDOW = 300
MAX_REPLAY_WINDOW = 3650 * DAY

SETTING_NAMES = frozenset({"jwt_location", "algorithms", "clock_skew", "replay_window", "allow_unsigned", "timezone"})
"""Every setting that an account may have, by its name in the secret."""


class ReceiveSettings(NamedTuple):
    """What the verifier and the normaliser need to know of an account.

    Attributes:
        jwt_location: where a token may stand: `body`, a `field` of the body, the `header`, or any of them (`auto`).
        algorithms: those that a token may be signed with.
        clock_skew: seconds that the provider's clock may differ from ours.
        replay_window: seconds for which a callback is remembered, so that a repeat is known as one.
        allow_unsigned: take a JSON body that nobody signed.
        zone: the time zone of the provider's dates where they carry no offset.
    """

    jwt_location: str = AUTO
    algorithms: tuple[str, ...] = ("HS256",)
    clock_skew: int = 30
    replay_window: int = 30 * DAY
    allow_unsigned: bool = False
    zone: ZoneInfo = ZoneInfo("America/Mexico_City")


def read_settings(settings: Mapping[str, Any]) -> ReceiveSettings:
    """Read the `settings` object of an account's secret.

    Settings that are not about receiving are left alone.

    Raises:
        AccountSettingsError: a value can't be used; names the setting.
    """
    defaults = ReceiveSettings()
    algorithms = read_names(settings, "algorithms", defaults.algorithms)
    if not algorithms or set(algorithms) - set(ALGORITHMS):
        raise AccountSettingsError("settings.algorithms", f"must hold one or more of {', '.join(ALGORITHMS)}")
    return ReceiveSettings(
        jwt_location=read_choice(settings, "jwt_location", defaults.jwt_location, JWT_LOCATIONS),
        algorithms=algorithms,
        clock_skew=read_seconds(settings, "clock_skew", defaults.clock_skew),
        replay_window=read_seconds(
            settings, "replay_window", defaults.replay_window, least=MIN_REPLAY_WINDOW, most=MAX_REPLAY_WINDOW
        ),
        allow_unsigned=read_flag(settings, "allow_unsigned", default=defaults.allow_unsigned),
        zone=read_zone(settings, "timezone", defaults.zone),
    )

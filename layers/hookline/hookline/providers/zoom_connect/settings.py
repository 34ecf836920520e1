"""An account's settings for receiving from Zoom Connect, read from the account's secret.

Only the standard library is imported here: the receiving path reads settings too.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hookline.errors import AccountSettingsError
from hookline.settings import read_choice, read_names, read_seconds, read_zone

CANONICAL_FORMS = ("either", "php", "java")
SETTING_NAMES = frozenset({"canonical_form", "unsigned_parameters", "timezone", "clock_skew", "nonce_window"})
"""Every setting that an account may have, by its name in the secret."""


class ReceiveSettings(NamedTuple):
    """What the verifier and the normaliser need to know of an account.

    Attributes:
        canonical_form: how `*` stands in the signed string: `%2A` (`php`), as it is (`java`), or `either`.
        unsigned_parameters: names that the account's checksum leaves out. Whoever can change a request can change
            these: empty unless the provider says otherwise.
        zone: the time zone of `nonce-date` and `date`.
        clock_skew: seconds that the provider's clock may differ from ours.
        nonce_window: seconds from a callback's sending to its expiry, as the provider sets it.
    """

    canonical_form: str = "either"
    unsigned_parameters: tuple[str, ...] = ()
    zone: ZoneInfo = ZoneInfo("Africa/Johannesburg")
    clock_skew: int = 30
    nonce_window: int = 300

    @property
    def replay_window(self) -> int:
        """Seconds in which a callback could come again and still not have expired."""
        return self.nonce_window + 2 * self.clock_skew


def read_settings(settings: Mapping[str, Any]) -> ReceiveSettings:
    """Read the `settings` object of an account's secret.

    Settings that are not about receiving are left alone.

    Raises:
        AccountSettingsError: a value can't be used; names the setting.
    """
    defaults = ReceiveSettings()
    unsigned = read_names(settings, "unsigned_parameters", defaults.unsigned_parameters)
    if {"nonce", "nonce-date"} & set(unsigned):
        raise AccountSettingsError("settings.unsigned_parameters", "nonce and nonce-date must be signed")
    return ReceiveSettings(
        canonical_form=read_choice(settings, "canonical_form", defaults.canonical_form, CANONICAL_FORMS),
        unsigned_parameters=unsigned,
        zone=read_zone(settings, "timezone", defaults.zone),
        clock_skew=read_seconds(settings, "clock_skew", defaults.clock_skew),
        nonce_window=read_seconds(settings, "nonce_window", defaults.nonce_window),
    )

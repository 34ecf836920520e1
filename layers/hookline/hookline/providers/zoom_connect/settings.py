"""An account's settings for receiving from Zoom Connect, read from the account's secret.

Only the standard library is imported here: the receiving path reads settings too.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hookline.errors import AccountSettingsError

CANONICAL_FORMS = ("either", "php", "java")
MAX_SECONDS = 86_400
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
    form = settings.get("canonical_form", defaults.canonical_form)
    if form not in CANONICAL_FORMS:
        raise AccountSettingsError("settings.canonical_form", f"must be one of {', '.join(CANONICAL_FORMS)}")
    names = settings.get("unsigned_parameters", ())
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise AccountSettingsError("settings.unsigned_parameters", "must be a list of parameter names")
    if {"nonce", "nonce-date"} & set(names):
        raise AccountSettingsError("settings.unsigned_parameters", "nonce and nonce-date must be signed")
    return ReceiveSettings(
        canonical_form=form,
        unsigned_parameters=tuple(names),
        zone=read_zone(settings.get("timezone"), defaults.zone),
        clock_skew=_read_seconds(settings, "clock_skew", defaults.clock_skew),
        nonce_window=_read_seconds(settings, "nonce_window", defaults.nonce_window),
    )


def read_zone(value: object, default: ZoneInfo) -> ZoneInfo:
    """Read a time zone's name of the IANA database; None is the default.

    Raises:
        AccountSettingsError: there is no such time zone.
    """
    if value is None:
        return default
    try:
        return ZoneInfo(value)  # type: ignore[arg-type]  # whatever the secret holds: it answers with TypeError
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise AccountSettingsError("settings.timezone", "must be a name of the IANA time zone database") from error


def _read_seconds(settings: Mapping[str, Any], name: str, default: int) -> int:
    value = settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SECONDS:
        raise AccountSettingsError(f"settings.{name}", "must be a whole number of seconds from 0 to 86400")
    return value

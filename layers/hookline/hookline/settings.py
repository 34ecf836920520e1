"""Reading an account's settings: what several providers have in common.

Each reader takes the `settings` object of an account's secret, a setting's name and its default, and raises
AccountSettingsError, naming the setting, where the value can't be used. Only the standard library is imported here: the
receiving path reads settings too.
"""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hookline.errors import AccountSettingsError

DAY = 86_400
"""Seconds of a day."""


def read_zone(settings: Mapping[str, Any], name: str, default: ZoneInfo) -> ZoneInfo:
    """Read a time zone's name of the IANA database."""
    value = settings.get(name)
    if value is None:
        return default
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError) as error:
        raise AccountSettingsError(f"settings.{name}", "must be a name of the IANA time zone database") from error


def read_seconds(settings: Mapping[str, Any], name: str, default: int, *, least: int = 0, most: int = DAY) -> int:
    """Read a whole number of seconds, `least` and `most` included."""
    value = settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise AccountSettingsError(f"settings.{name}", f"must be a whole number of seconds from {least} to {most}")
    return value


def read_choice(settings: Mapping[str, Any], name: str, default: str, choices: tuple[str, ...]) -> str:
    """Read one of a few texts."""
    value = settings.get(name, default)
    if value not in choices:
        raise AccountSettingsError(f"settings.{name}", f"must be one of {', '.join(choices)}")
    return str(value)


def read_flag(settings: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Read true or false."""
    value = settings.get(name, default)
    if not isinstance(value, bool):
        raise AccountSettingsError(f"settings.{name}", "must be true or false")
    return value


def read_names(settings: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Read a list of texts that are not empty."""
    value = settings.get(name, default)
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise AccountSettingsError(f"settings.{name}", "must be a list of texts that are not empty")
    return tuple(value)

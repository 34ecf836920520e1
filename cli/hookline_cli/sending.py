"""The providers that commands can be given to."""

from collections.abc import Mapping

from hookline.providers.zoom_connect.rest import SENDING as ZOOM_CONNECT
from hookline.providers.zorya.rest import SENDING as ZORYA
from hookline.sending import SendingProvider

SENDERS: Mapping[str, SendingProvider] = {provider.name: provider for provider in (ZOOM_CONNECT, ZORYA)}
"""Every provider that takes commands, by name."""

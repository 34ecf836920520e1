"""Values that the whole suite shares, marked so that a leak of one can be found in anything the suite writes.

Tests take their secrets, message texts and numbers from here (or hand their own to `redaction.mark`): the redaction
guard looks for each of them in every line that is printed or logged while the suite runs.
"""

from datetime import UTC, datetime

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC).timestamp()
"""When the suite's clocks start, seconds since the epoch: 2026-11-22 10:00:00 in Johannesburg."""

ACCOUNT = "acme-za"
OTHER_ACCOUNT = "umbrella-za"

SECRET = "marked-secret-of-acme-7f3a91c2d45e"
"""The live signing secret of `ACCOUNT`. 32 bytes and more, so that no algorithm finds it short."""
OLDER_SECRET = "marked-secret-of-acme-before-58b0e6"
"""The second live secret of an account that has two."""
NEWER_SECRET = "marked-secret-of-acme-rotated-c19d77"
"""What a rotation puts in."""
OTHER_SECRET = "marked-secret-of-umbrella-e2408bfa91"
"""The secret of `OTHER_ACCOUNT`."""
WRONG_SECRET = "marked-secret-of-nobody-06d5c3b7aa18"
"""A secret that no account has."""

EMAIL = "marked+sender@example.com"
API_TOKEN = "marked-token-of-acme/5f1d 9e+77"
"""What `ACCOUNT` signs in to the provider's API with."""

SECRETS = (SECRET, OLDER_SECRET, NEWER_SECRET, OTHER_SECRET, WRONG_SECRET, EMAIL, API_TOKEN)

TEXT = "Ja, asseblief! Bel my môre om 9 ✓"
OTHER_TEXT = "Nee dankie, kanselleer die bestelling"
TEXTS = (TEXT, OTHER_TEXT)

NUMBER = "27825550142"
"""An MSISDN of South Africa, without `+`."""
OTHER_NUMBER = "27825550199"
MEXICAN_NUMBER = "525555501423"
"""An MSISDN of Mexico, twelve digits."""
NUMBERS = (NUMBER, OTHER_NUMBER, MEXICAN_NUMBER)

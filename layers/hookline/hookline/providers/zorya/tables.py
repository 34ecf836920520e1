"""The tables of the provider's document, and what we read their codes as. Codes are texts: that is how we compare them.

Source: the provider's document, "Tables". Table 3 is about which amounts can be topped up and is not needed here.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Status(NamedTuple):
    """A row of a table of statuses.

    Attributes:
        description: the provider's own words.
        status: ours, a word of `SmsStatus` or `TopUpStatus`.
        final: no other status is to be expected.
    """

    description: str
    status: str
    final: bool


RESPONSE_CODES: Mapping[str, str] = {
    "200": "Successful Transaction",
    "400": "Bad Request",
    "-201": "Operation failed",
    "-202": "Operation not found",
    "-203": "Operation denied",
    "-204": "Invalid Auth Token",
    "-205": "Expired Auth Token",
    "-206": "Invalid amount",
    "-208": "Destination number not found",
    "-209": "Please retry in 10 minutes",
    "-210": "There is not enough funds",
    "-211": "Unauthorized destination number",
}
"""Table 1, "Response Code"."""

TOP_UP_STATUSES: Mapping[str, Status] = {
    "-1": Status("Rejected", "rejected", final=True),
    "100": Status("Received", "received", final=False),
    "101": Status("Carrier LookUp", "pending", final=False),
    "102": Status("Queue", "pending", final=False),
    "103": Status("Successful", "succeeded", final=True),
    "104": Status("Retrying", "pending", final=False),
    "-105": Status("Invalid", "failed", final=True),
    "-203": Status("Operation denied", "rejected", final=True),
}
"""Table 2, "Status": of a top-up."""

MT_STATUSES: Mapping[str, Status] = {
    "200": Status("SMS sent successfully", "sent", final=False),
    "201": Status("SMS Delivered successfully", "delivered", final=True),
    "-208": Status("SMS ERROR", "failed", final=True),
}
"""Table 4, "MT Status"."""

ENCODINGS: Mapping[str, str] = {
    "gsm": "gsm-7",
    "gsm7": "gsm-7",
    "usc2": "ucs-2",
    "ucs2": "ucs-2",
}
"""Encodings as the document writes them (`USC-2` in its examples), lower case, without `-`, `_` and blanks."""

"""What others do with a request of theirs: each is a call that verifies it, shown to accept it once."""

import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
import stripe
import vonage_jwt  # type: ignore[import-untyped]
from messagebird.request_validator import RequestValidator as MessageBirdValidator  # type: ignore[import-untyped]
from twilio.request_validator import RequestValidator as TwilioValidator  # type: ignore[import-untyped]

from benchmarks.callbacks import SECRET, Callback
from benchmarks.errors import BenchmarkError

type Call = Callable[[], object]


def stripe_event(size: int) -> Call:
    """Verify and parse an event of a size: Stripe's own envelope, whole, and a small object that a text fills up."""
    charge = {"id": "ch_1", "object": "charge", "description": ""}
    event: dict[str, Any] = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-01-01",
        "created": 1,
        "data": {"object": charge},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "charge.failed",
    }
    charge["description"] = "x" * (size - len(_compact(event)))
    payload = _compact(event)
    if len(payload) != size:
        raise BenchmarkError(f"a Stripe event of {size} bytes can't be made")
    header = stripe.WebhookSignature.generate_signature_header(payload, SECRET)
    return _accepting(partial(stripe.Webhook.construct_event, payload, header, SECRET))


def twilio_form(callback: Callback) -> Call:
    """Verify a form with the fields of a callback."""
    validator = TwilioValidator(SECRET)
    fields = dict(callback.fields)
    signature = validator.compute_signature(callback.url, fields)
    return _accepting(partial(validator.validate, callback.url, fields, signature))


def bare_pyjwt(token: str) -> Call:
    """Verify and decode a token."""
    return _accepting(partial(jwt.decode, token, SECRET, algorithms=["HS256"]))


def vonage_token(token: str) -> Call:
    """Verify a token."""
    return _accepting(partial(vonage_jwt.verify_signature, token, SECRET))


def messagebird_token(size: int, url: str) -> Call:
    """Verify a token of about a size with the claims that MessageBird's have, of a request without a body."""
    claims = {
        "iss": "MessageBird",
        "nbf": int(time.time()),
        "exp": int(time.time()) + 300,
        "url_hash": hashlib.sha256(url.encode()).hexdigest(),
        "jti": "",
    }
    short = len(jwt.encode(claims, SECRET))
    claims["jti"] = "x" * max(0, (size - short) * 3 // 4)
    validator = MessageBirdValidator(SECRET)
    return _accepting(partial(validator.validate_signature, jwt.encode(claims, SECRET), url, b""))


def _accepting(call: Call) -> Call:
    if not call():  # most raise, some say False
        raise BenchmarkError(f"{call} refuses its own request")
    return call


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))

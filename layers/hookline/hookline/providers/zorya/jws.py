"""Signed tokens: PyJWT, so narrowed that a token can be verified with a shared secret and in no other way.

Source: RFC 7515 and RFC 7519; the provider's document, "How to decode the JWT?", shows Go's `jwt.Parse` with a key
function that checks the algorithm and the secret.
"""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from jwt.algorithms import HMACAlgorithm
from jwt.api_jws import PyJWS
from jwt.exceptions import InvalidAlgorithmError, InvalidKeyError, InvalidSignatureError, PyJWTError

from hookline.callbacks import Reason, Refused
from hookline.providers.zorya.claims import read_json
from hookline.providers.zorya.settings import ALGORITHMS


@lru_cache(maxsize=256)
def _prepared(key: str | bytes) -> bytes:
    return HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(key)


class _Hmac(HMACAlgorithm):
    """PyJWT's HMAC, but for the Python warning that it raises over a short key at every call: ours is counted."""

    def check_key_length(self, key: bytes) -> None:
        """Say nothing of a key's length."""

    def prepare_key(self, key: str | bytes) -> bytes:
        """Look once, and not at every call, whether a secret is a public key in disguise."""
        return _prepared(key)


_JWS = PyJWS(algorithms=())
_JWS.register_algorithm("HS256", _Hmac(HMACAlgorithm.SHA256))
_JWS.register_algorithm("HS384", _Hmac(HMACAlgorithm.SHA384))
_JWS.register_algorithm("HS512", _Hmac(HMACAlgorithm.SHA512))


class Signed(NamedTuple):
    """What a token signs.

    Attributes:
        text: the bytes that were signed, as UTF-8.
        is_short: the secret has fewer bytes than the algorithm's hash.
    """

    text: str
    is_short: bool


def verify(token: str, secrets: tuple[bytes, ...], algorithms: tuple[str, ...]) -> Signed | Refused:
    """Say whether a token is signed with one of the secrets. Never raises.

    Args:
        token: a compact JWS.
        secrets: the live secrets, tried in this order.
        algorithms: those that are allowed, of `ALGORITHMS`.
    """
    problem = _header_problem(token.partition(".")[0])
    if problem:
        return problem
    for secret in secrets:
        try:
            decoded = _JWS.decode_complete(token, secret, algorithms=algorithms)
        except (InvalidSignatureError, InvalidKeyError):
            continue
        except InvalidAlgorithmError:
            return Refused(Reason.SIGNATURE, "the token's algorithm is not one of the account's algorithms")
        except PyJWTError:
            return Refused(Reason.SIGNATURE, "the token can't be read")
        try:
            text = decoded["payload"].decode("utf-8")
        except UnicodeDecodeError:
            return Refused(Reason.MALFORMED, "the claims: not UTF-8")
        return Signed(text, is_short=len(secret) < ALGORITHMS[decoded["header"]["alg"]])
    return Refused(Reason.SIGNATURE, "the token's signature does not match any live secret")


@lru_cache(maxsize=64)  # a provider's tokens all begin with the same few bytes
def _header_problem(segment: str) -> Refused | None:
    """Say what must not stand in a token's header, beyond what PyJWT looks at."""
    try:
        text = urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode("utf-8")
    except ValueError:
        return Refused(Reason.SIGNATURE, "the token can't be read")
    header = read_json(text, "the token's header")
    if isinstance(header, Refused):
        return header
    if "crit" in header or "b64" in header:
        return Refused(Reason.SIGNATURE, "the token's header has crit or b64, which we don't take")
    return None


def sign(claims: str, secret: bytes, algorithm: str = "HS256", headers: Mapping[str, Any] | None = None) -> str:
    """Make the token that Zorya would send with these claims.

    Args:
        claims: a JSON object, as text: its bytes are what is signed.
        secret: the account's secret.
        algorithm: one of `ALGORITHMS`.
        headers: more members of the token's header.

    Returns:
        A compact JWS.
    """
    return _JWS.encode(claims.encode(), secret, algorithm, headers=dict(headers or {}))


def secret_problem(secret: bytes) -> str | None:
    """Say what is wrong with a signing secret; None where it can be used."""
    try:
        _JWS.get_algorithm_by_name("HS256").prepare_key(secret.strip())
    except InvalidKeyError:
        return "must hold secrets shared with Zorya, not a public key, a certificate, a JWK or blanks"
    return None

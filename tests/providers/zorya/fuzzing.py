"""Zorya as a target of tests/fuzz."""

import json
from collections.abc import Hashable, Sequence
from random import Random

from hookline.callbacks import ReceivingAccount, Verified
from hookline.providers.zorya.verify import CALLBACKS
from tests.http_api import Event
from tests.providers.zorya.callbacks import Place, encode, good_claims, signed, times
from tests.samples import ACCOUNT, NOW, SECRET, WRONG_SECRET

ALPHABET = "abz019 .-_{}[]:,\"'\\/<>é✓😀\x00\n"
PLACES: tuple[Place, ...] = ("body", "body", "field", "form", "header")


class ZoryaTarget:
    """Tokens in every place. Its top-ups' statuses say all that their address says: another address is no status."""

    name = "zorya"
    provider = CALLBACKS
    account = ReceivingAccount(
        ACCOUNT, (SECRET.encode(),), CALLBACKS.read_settings({"algorithms": ["HS256", "HS384", "HS512"]})
    )
    tokens: Sequence[bytes] = (
        b".", b"..", b"=", b"&", b"-", b"_", b"+", b"/", b"%2E", b"token=", b"jwt=", b"data=", b'"token":"', b'",',
        b"{", b"}", b"[[[[", b'{"a":', b"null", b"NaN", b'"\\ud800"', b"\xff", b"\x00", b"\r\n", b" ", b"Bearer ",
        encode('{"alg":"none"}').encode(), encode('{"alg":"HS256"}').encode(), encode('{"alg":"RS256"}').encode(),
        encode('{"alg":"HS256","crit":["x"]}').encode(), encode('{"alg":"none","alg":"HS256"}').encode(),
        encode("{}").encode(), encode('{"txID":"1","msisdn":"1","message":"x"}').encode(), encode("[" * 99).encode(),
    )  # fmt: skip

    def signed(self, random: Random, *, well: bool) -> Event:
        kind = random.choice(("mo", "mt", "push_status"))
        text = "".join(random.choices(ALPHABET, k=random.randrange(60)))
        extra = {"".join(random.choices(ALPHABET, k=3)).strip(): text} if random.random() < 0.3 else {}
        claims = {**good_claims(kind, number=random.randrange(10**9)), **extra}
        if kind != "push_status":
            claims["clientID"], claims["status"] = claims["txID"], 103
        if kind == "mo":
            claims["message"] = text
        if random.random() < 0.5:
            claims |= times(NOW)
        return signed(kind, claims, secret=SECRET if well else WRONG_SECRET, place=random.choice(PLACES))

    def meaning(self, verified: Verified) -> Hashable:
        payload = json.loads(verified.payload)
        return verified.kind, verified.identity, payload["signed"], json.dumps(payload["claims"], sort_keys=True)

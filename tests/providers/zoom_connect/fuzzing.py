"""Zoom Connect as a target of tests/fuzz."""

from collections.abc import Hashable, Sequence
from random import Random

from hookline.callbacks import ReceivingAccount, Verified
from hookline.providers.zoom_connect.verify import CALLBACKS, parse_payload
from tests.http_api import Event
from tests.providers.zoom_connect.callbacks import Place, good_fields, signed
from tests.samples import ACCOUNT, SECRET, WRONG_SECRET

ALPHABET = "abz019 *~+&=%;.-_{}\"'\\/<>é✓😀\x00\n"
PLACES: tuple[Place, ...] = ("query", "body", "body", "both", "json")


class ZoomConnectTarget:
    provider = CALLBACKS
    account = ReceivingAccount(ACCOUNT, (SECRET.encode(),), CALLBACKS.read_settings({}))
    tokens: Sequence[bytes] = (
        b"&", b"=", b"%", b"+", b"%00", b"%26", b"%3D", b"%2A", b"*", b"%7E", b"~", b"%u0041", b"%zz", b";", b"?", b"#",
        b"checksum", b"checksum=", b"&checksum=", b"nonce", b"nonce-date", b"nonce-date=", b"message=", b"from=27",
        b"20261122100500", b"0" * 40, b"a" * 40, b"[]", b"[0]=", b"{", b"}", b'{"a":', b'"checksum":"', b'",', b"null",
        b"true", b"NaN", b"1e999", b'"\\ud800"', b"\\u0000", b"[[[[", b"\xff", b"\xed\xa0\x80", b"\r\n", b"\x00", b" ",
    )  # fmt: skip

    def signed(self, random: Random, *, well: bool) -> Event:
        kind = random.choice(("reply", "delivery_report"))
        text = "".join(random.choices(ALPHABET, k=random.randrange(60)))
        extra = {"".join(random.choices(ALPHABET, k=3)): text[:5]} if random.random() < 0.3 else {}
        fields = good_fields(kind, number=random.randrange(10**9), message=text) | extra
        secret = SECRET if well else WRONG_SECRET
        return signed(kind, fields, secret=secret, place=random.choice(PLACES), java=random.random() < 0.5)

    def meaning(self, verified: Verified) -> Hashable:
        return verified.identity, frozenset(parse_payload(verified.payload).items())

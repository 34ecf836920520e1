"""A stand-in for Zorya: its REST API, its callbacks, the money that both spend, and the ways in which all can go wrong.

    python -m simulators.zorya --port 8091 --ledger accepted.jsonl --callback-url URL --secret-file FILE

Callbacks go to `URL/mo`, `URL/mt` and `URL/<clientID>/<txID>/<status>`, as JWTs signed with what FILE holds.

It listens on 127.0.0.1 only, and is all three of Zorya's addresses. Without `--credentials-file`, a JSON object of
passwords by client ID, it lets in whoever brings both.

## The API

| call | what it does |
| --- | --- |
| `GET /auth/api/getAuthToken/<clientID>/<securePassword>` | a token; it expires, and can be revoked |
| `POST /v3/api/sendSms`, `/v1/api/sendSmsLight`, `/v1/api/sendSmsFlash` | one message |
| `POST /api/executeTopUp/`, `/api/executeDirectTopUp/`, `/api/executeTopUpCamp/`, `/` | one top-up |
| `POST /v2/api/carrierLookUp/`, `/api/carrierLookUp/` | which carrier a number belongs to |
| `GET /api/getSmsStatus/<clientID>/<txID>` | what became of a message |
| `GET /api/getBalance/<clientID>` | what is left |
| `GET /api/getTopUpReport/<clientID>/<MM-dd-yyyy>/<MM-dd-yyyy>/` | the top-ups of some days |

The header `ZRTAuth` carries the token; a slash at a path's end makes no difference. Guessed, because the document
says nothing of it: the HTTP status of a failure (400 for code 400, 401 for -204, -205 and a wrong password, else 200),
that a wrong password is answered -203, another's client ID -312, a campaign that does not exist 400, a message that
does not exist -202, and that what fails is not paid for.

## Modes

| mode | what happens | number ends in |
| --- | --- | --- |
| `ok` | accepted, answered | |
| `slow` | accepted, answered after 2 s (`slow=0.5`: after 0.5 s); goes with any other mode | 990601 |
| `timeout_before` | nothing accepted, no answer; closed after 30 s (`timeout_before=1`) | 990602 |
| `timeout_after` | accepted, no answer; closed after 30 s | 990603 |
| `reset_after` | accepted, the connection reset without an answer | 990604 |
| `close_after` | accepted, the connection closed without an answer | 990605 |
| `500` | nothing accepted, 500 with a page | 990500 |
| `500_after` | accepted, answered with the same page | 990501 |
| `401`, `403` | nothing accepted, a page | 990401, 990403 |
| `429` | nothing accepted, `Retry-After: 2` (`429=7`) | 990429 |
| `garbage` | accepted, 200 with a page | 990200 |
| `garbage_before` | the same answer, nothing accepted | 990201 |
| `broken` | accepted, answered with JSON broken as the document's examples are | 990202 |
| `no_txid` | accepted, answered without a txID | 990203 |
| `code` | nothing accepted, answered with a code: `code=-209`; -201 where none is said | 990209 |
| `expired_token` | nothing accepted, the token expires: -205 | 990205 |
| `rejected` | answered 200 with status -1; nothing is paid, but a top-up is in the report | 990206 |
| `at_once` | a top-up is answered with status 103 and not 100 | 990207 |
| `duplicate` | each callback comes twice, the same bytes | 990701 |
| `duplicate_new` | each callback comes twice, signed anew | 990702 |
| `out_of_order` | DELIVERED before SENT; a top-up's 103 before its 102 | 990703 |
| `early` | the callbacks come before the answer | 990704 |
| `failed` | a message's second callback is -208; a top-up ends with -105, and its money comes back | 990705 |
| `no_callback` | no callback | 990706 |
| `late` | the callbacks come 2 s later (`late=10`) | 990707 |
| `unreported` | the report has a top-up 5 s later than the others (`unreported=60`) | 990708 |
| `reply` | an MO comes after the others; also if the text says "reply please" | 990801 |

A request says its modes in a header, `x-simulate: slow=0.2,garbage` (or `code:-209`). Else its number says them, for
ever (the last six digits above, for example 525512990429) or as set below. Else they are drawn at random. Of those
that decide the answer, `timeout_before` to `at_once`, one applies. A log-in and a question know but these of them:
`slow`, the timeouts, `reset_after` to `garbage_before`, `broken`, `code`, `expired_token`.

## Control

| call | what it does |
| --- | --- |
| `GET /_simulator/ledger` | `{"accepted": n, "rows": […]}`; `?since=n` leaves out the rows up to number n |
| `GET /_simulator/money` | `{"spent": "20.01", "balance": "…", "top_ups": n}`, of all clients |
| `GET /_simulator/requests` | `{"total": n, "calls": [{"method", "path", "mode", "count"}]}` |
| `GET /_simulator/tokens` | `{"logins": n, "refused": n, "live": n}` |
| `DELETE /_simulator/tokens` | every token is invalid from now on: -204 |
| `GET /_simulator/callbacks` | what was sent: `{"pending": n, "gave_up": n, "attempts": […]}` |
| `PUT /_simulator/callbacks` | `CallbackSettings`; `clientID` in it makes them one client's. What is left out stays |
| `PUT /_simulator/settings` | `Settings`: money, the report, tokens. What is left out stays |
| `PUT /_simulator/numbers/<msisdn>` | `{"modes": "429", "times": 2}`; no `times`: for ever |
| `DELETE /_simulator/numbers/<msisdn>` | undone |
| `PUT /_simulator/chaos` | `{"seed": 1, "modes": {"timeout_after": 0.02}}`; `{}`: off |
| `DELETE /_simulator` | all as at the start, callbacks on their way given up; ledger numbers go on |

## The ledger

One row for whatever was accepted, with the provider's own names where it has one: `number`, `kind` (`sms`, `top_up`,
`lookup`, `refund`), `txID`, `clientID`, `msisdn`, `spent` (money, as text; less than nothing for a refund), `path`,
`mode`, `accepted_at` (seconds since the epoch), `request_id` (the header `x-request-id` or a name of ours); of a
message `message`, `sender`, `segments`; of a top-up `amount`, `ZCode`, `campaign`.
"""

from simulators.zorya.app import Simulator
from simulators.zorya.callbacks import CallbackSettings
from simulators.zorya.modes import Mode
from simulators.zorya.state import Settings

__all__ = ["CallbackSettings", "Mode", "Settings", "Simulator"]

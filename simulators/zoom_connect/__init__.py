"""A stand-in for Zoom Connect: its REST API, its callbacks, and the ways in which both can go wrong.

    python -m simulators.zoom_connect --port 8090 --ledger accepted.jsonl --callback-url URL --secret-file FILE

Callbacks go to `URL/reply` and `URL/delivery-report`, signed with what FILE holds.

It listens on 127.0.0.1 only. Without `--credentials-file`, a JSON object of tokens by email, it lets in whoever
brings an email and a token.

## The API

Under `/app/api/rest/v1` and `/zoom/api/rest/v1` alike, with credentials in the headers `email` and `token`, as basic
authentication or in the query string:

| call | what it does |
| --- | --- |
| `POST sms/send.json`, `sms/send.xml` | one message |
| `GET` or `POST sms/send-url-parameters` | one message; the answer is its id as plain text |
| `POST sms/send-bulk.json`, `sms/send-bulk.xml` | many; one response an item, by position, each with its `error` |
| `GET account/balance.json`, `account/balance.xml` | what is left of 100000 credits, one a segment |
| `GET messages/<id>`, `GET messages/all` | what became of a message; `all` takes `dataField`, `toNumber`, `page` |

A path without a suffix reads by `Content-Type` and answers by `Accept`, JSON where nothing is said.
`GET sms/send` and `GET sms/send-bulk` show an example of what to POST.

Guessed, because nothing public says it: the body of 401, 403 and 429 (HTML), the XML of an error, what an unreadable
body and a `dateToSend` of another form are answered (400, code 1), and that a `dateToSend` in the past sends at once.

## Modes

| mode | what happens | number ends in |
| --- | --- | --- |
| `ok` | accepted, answered | |
| `slow` | accepted, answered after 2 s (`slow=0.5`: after 0.5 s); goes with any other mode | 990601 |
| `timeout_before` | nothing accepted, no answer; closed after 30 s (`timeout_before=1`) | 990602 |
| `timeout_after` | accepted, no answer; closed after 30 s | 990603 |
| `reset_after` | accepted, the connection reset without an answer | 990604 |
| `close_after` | accepted, the connection closed without an answer | 990605 |
| `500` | nothing accepted, 500 with the provider's error body, code 1 | 990500 |
| `500_after` | accepted, answered with the same 500 | 990501 |
| `400` | 400 and code 2, an invalid number; by number in a bulk call, that item's `error` | 990400 |
| `401`, `403` | refused | 990401, 990403 |
| `429` | refused, `Retry-After: 2` (`429=7`) | 990429 |
| `garbage` | accepted, 200 with something that is neither JSON nor XML nor an id | 990200 |
| `garbage_before` | the same answer, nothing accepted | 990201 |
| `short_bulk` | all accepted, one response too few (`short_bulk=3`); a single send is as `ok` | 990202 |
| `duplicate` | each delivery report comes twice, the same bytes | 990701 |
| `duplicate_new_nonce` | each delivery report comes twice, signed anew | 990702 |
| `out_of_order` | DELIVERED before SENT | 990703 |
| `early_report` | the delivery reports come before the answer to the send | 990704 |
| `failed_report` | SENT, then FAILED | 990705 |
| `no_report` | no delivery report | 990706 |
| `reply` | a reply comes after the delivery reports; also if the text says "reply please" | 990801 |

A request says its modes in a header, `x-simulate: slow=0.2,garbage`. Else a recipient's number says them, for ever
(the last six digits above, for example +27820990429) or as set below. Else they are drawn at random. Of those
that decide the answer, `timeout_before` to `short_bulk`, one applies: the first that a number of a bulk call asks for.

## Control

| call | what it does |
| --- | --- |
| `GET /_simulator/ledger` | `{"accepted": n, "rows": […]}`; `?since=n` leaves out the rows up to number n |
| `GET /_simulator/requests` | `{"total": n, "calls": [{"method", "path", "mode", "count"}]}` |
| `GET /_simulator/callbacks` | what was sent: `{"pending": n, "gave_up": n, "attempts": […]}` |
| `PUT /_simulator/callbacks` | `CallbackSettings`; `email` in it makes them one account's. What is left out stays |
| `PUT /_simulator/numbers/<msisdn>` | `{"modes": "429", "times": 2}`; no `times`: for ever |
| `DELETE /_simulator/numbers/<msisdn>` | undone |
| `PUT /_simulator/chaos` | `{"seed": 1, "modes": {"timeout_after": 0.02}}`; `{}`: off |
| `DELETE /_simulator` | all as at the start, callbacks on their way given up; ledger numbers go on |

## The ledger

One row for each accepted message, with the provider's own names where it has one: `number`, `id`, `recipient`,
`message`, `campaign`, `dataField`, `dateToSend`, `segments`, `email`, `path`, `mode`, `accepted_at` (seconds since
the epoch), and `request_id`, the header `x-request-id` or a name of ours, the same for all messages of a call.
"""

from simulators.zoom_connect.app import Simulator
from simulators.zoom_connect.callbacks import CallbackSettings
from simulators.zoom_connect.modes import Mode

__all__ = ["CallbackSettings", "Mode", "Simulator"]

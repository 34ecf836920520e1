"""Hookline: one trustworthy endpoint for SMS and airtime providers, one stream of events for everything else.

The modules by what they may import, lowest first (import-linter holds the order in `make check`):

    callbacks events commands outcomes errors   what things are; import nothing of ours
    sms                                         GSM-7 and UCS-2 arithmetic
    providers.*                                 pure: bytes to verdicts, fields to events, commands to requests
    journal accounts telemetry                  the AWS side
    receive publish                             the use cases: they compose the rest
    wiring                                      builds a function's use case from its environment
"""

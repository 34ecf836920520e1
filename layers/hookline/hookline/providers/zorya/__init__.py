"""Zorya ZGateway (Mexico): SMS with replies and statuses, airtime top-ups, lookups."""

"""Stand-ins for the providers, for the local stack and the tests; never deployed."""

"""What the functions are put together from: the environment that the template makes, AWS clients, a use case.

A module a kind of function, so that none imports what only another needs.
"""

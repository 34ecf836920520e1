"""Zoom Connect (South Africa): SMS with replies and delivery reports."""

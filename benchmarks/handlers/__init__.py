"""Functions to compare with; each is copied to where it is run as `app.py`."""

"""Keeps what opens a store out of what others read."""

import re

# A user with a password, which may hold any character but white space, or a user alone.
_CREDENTIALS = re.compile(r"(?<=://)(?:[^:/@\s]*:\S*|[^/?#\s]+)@")


def without_credentials(text: str) -> str:
    """Return a text with the user and the password left out of every address in it (`https://user:password@host`)."""
    return _CREDENTIALS.sub("", text)

"""Keeps what opens a store out of what others read."""

import re


def without_credentials(text: str) -> str:
    """Return a text with the user and the password left out of every address in it (`https://user:password@host`)."""
    return re.sub(r"(?<=://)[^/?#\s]+@", "", text)

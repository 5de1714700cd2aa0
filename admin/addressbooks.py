"""The pages of address books; what they do is in collections.py."""

from __future__ import annotations

from . import collections

pages = collections.blueprint("addressbooks")

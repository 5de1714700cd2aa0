"""Public links: a token → a calendar or address book, for whoever has the token, without a login.

    server       /ical/TOKEN.ics: which link, may it answer, what the reader has already, headers
    render       a link → the pieces of its .ics, .vcf or .json
    page         a link → the page for people (.html); loaded when one is asked for
    cache        finished answers, in bounded memory
    statistics   who fetches, added up and written now and then

Must not be here: making and changing links (jobs.links), what may be seen of an object (content.publish).
"""

from davserver.links.server import LinkServer

__all__ = ["LinkServer"]

"""The project's own benchmark: davserver beside other servers, in one run (`make bench`, README.md)."""

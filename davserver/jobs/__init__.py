"""Use-cases that the mouths share: one module per topic, one function per case, each one transaction.

Belongs here: what the command line, the web pages, the API and DAV do alike. Must not be here: reading
arguments or requests, printing, HTML, XML, SQL. Errors are HttpErrors, so that every mouth has its answer.
"""

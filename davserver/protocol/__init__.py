"""The DAV mouth: HTTP and XML in, HTTP and XML out.

server        the pipeline of a request, on WsgiDAV's application, dispatcher and provider
request       what a request says; Response: what it is answered
tree          URL ↔ resource
access        who may do what: the one place
conditions    If-Match, If-None-Match, If (RFC 9110, RFC 4918)
multistatus   propstat and multistatus as text
properties/   table of properties      methods/   table of methods      reports/   table of reports
"""

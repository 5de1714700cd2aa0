"""The web admin: one module per topic, one function per action; templates/<module>/<action>.html.

Belongs here: pages and forms over jobs and storage. Must not be here: SQL, DAV, anything that the
protocol or the links need. Imported as ``davserver.admin`` by app.py alone, when the first page is asked for.
"""

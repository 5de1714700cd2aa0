"""What this server fetches from others: subscribed calendars, synchronised accounts, and who runs it when.

Belongs here: the network outwards (http.py is the only way), what others' answers mean, the background
runner. Must not be here: SQL, HTML, answers to clients of ours. The heavy packages (httpx, cryptography)
are loaded when something is fetched for the first time.
"""

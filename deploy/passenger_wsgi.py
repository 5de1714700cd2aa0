"""Start file for Phusion Passenger, as cPanel, Plesk and DirectAdmin use it for "Python apps".

Upload it into the app's folder. Packages are found in the panel's virtual environment, or in the folder
``lib`` beside this file. The data lies in ``davserver-data`` in the home directory: never put it
below a folder that the web server hands out.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
os.environ.setdefault("DAVSERVER_DATA_DIR", os.path.expanduser("~/davserver-data"))

from davserver.wsgi import application  # noqa: E402

__all__ = ["application"]

# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""A Jupyter kernel whose cells run in a session of a sparkjob server."""

__version__ = "0.1.0"

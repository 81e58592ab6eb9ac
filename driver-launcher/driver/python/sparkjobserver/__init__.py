# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Python jobs for sparkjob: what they are written against is in sparkjobserver.api."""

__version__ = "0.1.0"

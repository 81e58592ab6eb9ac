# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

import re

from setuptools import setup

with open("sparkjob_kernel/__init__.py") as f:
    version = re.search(r'__version__ = "(.*)"', f.read()).group(1)

setup(
    name="sparkjob-kernel",
    version=version,
    description="Cells of Scala, Python and SQL in a session of a sparkjob server",
    license="Apache-2.0",
    packages=["sparkjob_kernel"],
    python_requires=">=3.8",
    install_requires=["ipykernel>=6.29,<8", "requests>=2.28,<3"],
)

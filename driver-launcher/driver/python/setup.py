# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

import re

from setuptools import setup

with open("sparkjobserver/__init__.py") as f:
    version = re.search(r'__version__ = "(.*)"', f.read()).group(1)

setup(
    name="sparkjobserver",
    version=version,
    description="What Python jobs of sparkjob are written against, and what runs them",
    license="Apache-2.0",
    packages=["sparkjobserver"],
    python_requires=">=3.8",
)

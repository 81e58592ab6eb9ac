# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

from setuptools import setup

setup(name="sparkjob_python_examples", version="0.1.0", license="Apache-2.0", packages=["example_jobs"])

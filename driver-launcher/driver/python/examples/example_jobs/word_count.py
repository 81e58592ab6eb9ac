# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Counting words, and refusing what cannot be counted."""

from operator import add

from sparkjobserver.api import SparkJob, build_problems


class WordCount(SparkJob):
    """`input.strings = ["a b", "b"]` gives {"a": 1, "b": 2}."""

    def validate(self, context, runtime, config):
        strings = config.get_list("input.strings", None)
        if not strings:
            return build_problems(["input.strings must be a list of texts"])
        return [str(s) for s in strings]

    def run_job(self, context, runtime, data):
        # a session has its SparkContext, which is the context itself where that is plain Spark
        sc = getattr(context, "sparkContext", context)
        return sc.parallelize(data).flatMap(str.split).map(lambda word: (word, 1)).reduceByKey(add).collectAsMap()


class NoOp(SparkJob):
    """Does nothing: what is left is what a job costs."""

    def validate(self, context, runtime, config):
        return None

    def run_job(self, context, runtime, data):
        return 1

# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""The worker's side of the driver's Spark context."""

import os

from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext, SparkFiles
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from sparkjobserver.named_objects import NamedObjects
from sparkjobserver.output import current_job


class Attached:
    """The context, as Python objects.

    message: the driver's `start`
    """

    def __init__(self, message):
        self.gateway = _gateway(message["port"], message["secret"])
        _join(self.gateway._gateway_client)
        entry = self.gateway.entry_point
        self._entry = entry
        self._conf = SparkConf(_jvm=self.gateway.jvm, _jconf=entry.conf())
        self.sc = SparkContext(gateway=self.gateway, jsc=entry.sparkContext(), conf=self._conf)
        self.sc.environment.update(message["environment"])
        self._context = _KINDS[message["kind"]](self.sc, entry)
        self.named_objects = NamedObjects(self.sc, entry)

    def data_file(self, name):
        try:
            return self._entry.data_file(name)
        except Py4JJavaError as e:
            missing = e.java_exception.getClass().getName() == "java.io.FileNotFoundException"
            raise (FileNotFoundError if missing else OSError)(e.java_exception.getMessage()) from None

    def session_names(self):
        """What statements find under its name."""
        from pyspark.sql import HiveContext, Row, SQLContext
        os.chdir(SparkFiles.getRootDirectory())
        spark = self._context
        return {"spark": spark, "sc": self.sc, "sqlContext": SQLContext(self.sc, spark), "HiveContext": HiveContext,
                "Row": Row, "named_objects": self.named_objects}

    def context_for(self, job):
        """What the job gets as its context."""
        if self._context is not None:
            return self._context
        build = getattr(job, "build_context", None)
        context = build(self.gateway, self._entry.made(), self._conf) if build is not None else None
        if context is None:
            raise TypeError("The context is of a factory of a user's own: the job needs a method build_context that makes"
                            " something of it")
        return context


def _gateway(port, secret):
    """The secret stays in no environment, which a job's own processes would get."""
    os.environ.update(PYSPARK_GATEWAY_PORT=str(port), PYSPARK_GATEWAY_SECRET=secret)
    try:
        return launch_gateway()
    finally:
        del os.environ["PYSPARK_GATEWAY_PORT"], os.environ["PYSPARK_GATEWAY_SECRET"]


def _join(client):
    """Has each thread of a job tell the driver whose it is before it says anything else.

    A thread has a connection of its own, and a thread in the driver behind it: that one gets the job's group and tags. So
    it is done when a connection is made, and costs a job nothing that does not use Spark.
    """
    create = client._create_new_connection

    def create_for_job():
        connection = create()
        job = current_job()
        if job is not None:
            # py4j's words for entry_point.enter(id); a call by its objects would want this very connection
            connection.send_command("c\nt\nenter\ns%s\ne\n" % job.id)
        return connection

    client._create_new_connection = create_for_job


def _session(sc, entry):
    return SparkSession(sc, entry.session())


def _sql(sc, entry):
    from pyspark.sql import SQLContext
    return SQLContext(sc, _session(sc, entry))


def _hive(sc, entry):
    from pyspark.sql import HiveContext
    return HiveContext(sc, _session(sc, entry))


_KINDS = {
    "session": _session,
    "spark": lambda sc, entry: sc,
    "sql": _sql,
    "hive": _hive,
    "custom": lambda sc, entry: None,
}

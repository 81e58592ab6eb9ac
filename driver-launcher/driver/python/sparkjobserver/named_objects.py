# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Objects that the jobs of one context share under a name."""

from py4j.protocol import Py4JJavaError
from pyspark import RDD, StorageLevel
from pyspark.serializers import AutoBatchedSerializer, CPickleSerializer
from pyspark.sql import DataFrame, SparkSession

from sparkjobserver.output import current_job

TIMEOUT = 60.0


class NamedObjects:
    """All methods may be called by several jobs at once. An object stays until it is forgotten, destroyed or replaced, or
    its context ends.

    DataFrames are shared with the context's JVM jobs, where it has such; RDDs hold pickled objects, so they are Python's own.
    """

    def __init__(self, sc, entry):
        self._sc = sc
        self._entry = entry

    def get(self, name, timeout=TIMEOUT):
        """The DataFrame or RDD of this name, or None.

        timeout: seconds to wait for another job that is making it; TimeoutException after that
        """
        return self._python(name, self._call("get", name, _millis(timeout)))

    def get_or_else_create(self, name, obj_gen, force_computation=False, storage_level=None, timeout=TIMEOUT):
        """The object of this name. If there is none it is made; who asks for it meanwhile waits.

        obj_gen:           makes a DataFrame or an RDD; called without arguments
        force_computation: whether to compute it at once
        storage_level:     where Spark keeps it (a StorageLevel), unless the object says so itself
        """
        job = current_job().id
        found = self._call("claim", job, name, _millis(timeout))
        if found is not None:
            return self._python(name, found)
        try:
            made = _persistable(name, obj_gen(), storage_level)
            self._call("keep", job, name, *self._java(made, force_computation))
            return made
        except BaseException as e:
            self._call("give_up", job, name, "%s: %s" % (type(e).__name__, e))
            raise

    def update(self, name, obj_gen, force_computation=False, storage_level=None):
        """Makes an object and puts it in the place of one that had this name, whose memory is given back."""
        made = _persistable(name, obj_gen(), storage_level)
        self._call("update", name, *self._java(made, force_computation))
        return made

    def forget(self, name):
        """Removes the name, if there is such; the object's memory is not given back."""
        self._call("forget", name)

    def destroy(self, name):
        """Removes the name, if there is such, and gives the object's memory back."""
        self._call("destroy", name)

    def get_names(self):
        """The names at this moment, a list."""
        return list(self._call("names"))

    def _call(self, method, *arguments):
        try:
            return getattr(self._entry, method)(*arguments)
        except Py4JJavaError as e:
            kind = e.java_exception.getClass().getName()
            if kind == "java.util.concurrent.TimeoutException":
                raise TimeoutError(e.java_exception.getMessage()) from None
            raise

    def _java(self, made, force_computation):
        is_rdd = isinstance(made, RDD)
        return [is_rdd, made._jrdd if is_rdd else made._jdf, bool(force_computation)]

    def _python(self, name, found):
        if found is None:
            return None
        kind = found.kind()
        if kind == "DataFrame":
            return DataFrame(found.obj(), SparkSession.builder.getOrCreate())
        if kind == "RDD":
            return RDD(found.obj(), self._sc, _serializer())
        raise TypeError("The named object %s is a %s of a JVM job: only DataFrames are shared with these" % (name, kind))


def _serializer():
    return AutoBatchedSerializer(CPickleSerializer())


def _persistable(name, made, storage_level):
    """The object as it is kept: an RDD has its elements pickled, so that every job can read it."""
    if isinstance(made, RDD):
        made = made._reserialize(_serializer())
        if made.getStorageLevel() == StorageLevel.NONE:
            made.persist(storage_level or StorageLevel.MEMORY_ONLY)
    elif isinstance(made, DataFrame):
        if made.storageLevel == StorageLevel.NONE:
            made.persist(*[storage_level] if storage_level else [])
    else:
        raise TypeError("The named object %s is to be a DataFrame or an RDD, not a %s" % (name, type(made).__name__))
    return made


def _millis(seconds):
    return int(seconds * 1000)

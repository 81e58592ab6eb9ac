# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""What Python jobs are written against.

A job is a class with a constructor that needs no arguments and the methods of SparkJob. It need not inherit from it.
"""


class SparkJob:
    """A job. For each run an instance is made, and its methods are called by one thread, in this order."""

    def validate(self, context, runtime, config):
        """Looks at what was posted, before anything is run.

        context: as the context's factory makes it, a SparkSession, SparkContext or SQLContext; jobs share it
        runtime: the JobEnvironment
        config:  what was posted, a sparkjobserver.config.Config
        Returns the data for run_job, or a list of ValidationProblem (see build_problems), which is answered by 400.
        """
        raise NotImplementedError("a job needs a method validate(self, context, runtime, config)")

    def run_job(self, context, runtime, data):
        """Does the work.

        data: what validate returned
        Returns the result, which clients get as JSON: None, booleans, numbers and strings are themselves, lists and tuples
        are arrays, so are generators, which are written while they run; dicts and Rows are objects, numpy's scalars are
        numbers, and everything else is the string that str() makes of it.
        """
        raise NotImplementedError("a job needs a method run_job(self, context, runtime, data)")

    def build_context(self, gateway, jvmContext, sparkConf):
        """Makes the Python side of a context that a factory of a user's own has made.

        gateway:    py4j's, to the driver
        jvmContext: what the factory made
        sparkConf:  the context's pyspark.SparkConf
        Returns what validate and run_job get as context.
        """
        return None


class ValidationProblem:
    """Something that is wrong with what was posted.

    problem: in words, for who posted it
    """

    def __init__(self, problem):
        self.problem = problem

    def __repr__(self):
        return "ValidationProblem(%r)" % (self.problem,)


def build_problems(problems):
    """The list of ValidationProblem for a list of strings."""
    return [ValidationProblem(problem) for problem in problems]


class JobEnvironment:
    """What a job may know of its run.

    jobId:         the job's id
    namedObjects:  the NamedObjects of the context
    contextConfig: the settings of the context, a sparkjobserver.config.Config
    """

    def __init__(self, job_id, named_objects, context_config, data_file=None):
        self._data_file = data_file
        self.jobId = job_id
        self.namedObjects = named_objects
        self.contextConfig = context_config

    @property
    def named_objects(self):
        """namedObjects, as Python spells it."""
        return self.namedObjects

    def get_data_file(self, path):
        """The path of a data file on this host; FileNotFoundError if it is not there.

        path: as the upload of the file answered it
        """
        return self._data_file(path)


class JobKilled(BaseException):
    """Raised in the threads of a job that is killed. A job that catches it gets it again."""

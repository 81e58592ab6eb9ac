# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Jobs of a session context: SQL, and tables that jobs of one context share."""

from sparkjobserver.api import SparkJob, build_problems


class AverageSalary(SparkJob):
    """`input.data = [["bob", 20, 1200], ...]`, rows of name, age, salary: the average salary of each age."""

    def validate(self, context, runtime, config):
        rows = config.get_list("input.data", [])
        problems = ["row %d of input.data is not [name, age, salary]" % n
                    for n, row in enumerate(rows) if not isinstance(row, list) or len(row) != 3]
        if not rows:
            problems.append("input.data is missing")
        return build_problems(problems) if problems else [(str(n), int(a), float(s)) for n, a, s in rows]

    def run_job(self, context, runtime, data):
        context.createDataFrame(data, ["name", "age", "salary"]).createOrReplaceTempView("people")
        return context.sql("SELECT age, avg(salary) AS salary FROM people GROUP BY age ORDER BY age").collect()


class SharedNumbers(SparkJob):
    """The sum of the numbers below `n`, from a DataFrame that all jobs of the context share."""

    def validate(self, context, runtime, config):
        return config.get_int("n", 100)

    def run_job(self, context, runtime, data):
        before = runtime.namedObjects.get_names()
        numbers = runtime.namedObjects.get_or_else_create("numbers", lambda: context.range(data))
        return {"made": "numbers" not in before, "sum": numbers.groupBy().sum().first()[0]}

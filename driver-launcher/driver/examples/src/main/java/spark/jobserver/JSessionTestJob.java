/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver;

import java.util.ArrayList;
import java.util.List;

import com.typesafe.config.Config;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

import spark.jobserver.api.JobEnvironment;
import spark.jobserver.japi.JSessionJob;
import spark.jobserver.japi.JavaValidationException;

/** Runs the query {@code sql} and returns its rows as lists. */
public class JSessionTestJob extends JSessionJob<List<List<Object>>> {

    @Override
    public Config verify(SparkSession spark, JobEnvironment runtime, Config config) {
        if (!config.hasPath("sql")) {
            throw new JavaValidationException("No sql config param", null);
        }
        return config;
    }

    @Override
    public List<List<Object>> run(SparkSession spark, JobEnvironment runtime, Config data) {
        List<List<Object>> rows = new ArrayList<>();
        for (Row row : spark.sql(data.getString("sql")).collectAsList()) {
            List<Object> values = new ArrayList<>();
            for (int i = 0; i < row.size(); i++) {
                values.add(row.get(i));
            }
            rows.add(values);
        }
        return rows;
    }
}

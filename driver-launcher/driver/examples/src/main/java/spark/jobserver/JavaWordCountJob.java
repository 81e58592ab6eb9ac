/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver;

import java.util.Arrays;
import java.util.Map;

import com.typesafe.config.Config;
import org.apache.spark.api.java.JavaSparkContext;
import scala.Tuple2;

import spark.jobserver.api.JobEnvironment;
import spark.jobserver.japi.JSparkJob;
import spark.jobserver.japi.JavaValidationException;

/** Counts the words of {@code input.string}. */
public class JavaWordCountJob implements JSparkJob<Map<String, Long>> {

    @Override
    public Config verify(JavaSparkContext sc, JobEnvironment runtime, Config config) {
        if (!config.hasPath("input.string")) {
            throw new JavaValidationException("No input.string config param", null);
        }
        return config.getConfig("input");
    }

    @Override
    public Map<String, Long> run(JavaSparkContext sc, JobEnvironment runtime, Config input) {
        return sc.parallelize(Arrays.asList(input.getString("string").split(" ")))
            .mapToPair(word -> new Tuple2<>(word, 1L))
            .reduceByKey(Long::sum)
            .collectAsMap();
    }
}

/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver;

import java.util.Arrays;

import com.typesafe.config.Config;
import org.apache.spark.api.java.JavaSparkContext;

/** Counts the words of {@code input.string}, by the old API. It runs where Scala jobs run. */
public class OldJavaWordCountJob extends JavaSparkJob {

    @Override
    public String invalidate(JavaSparkContext sc, Config config) {
        return config.hasPath("input.string") ? null : "No input.string config param";
    }

    @Override
    public Object runJob(JavaSparkContext sc, Config config) {
        return sc.parallelize(Arrays.asList(config.getString("input.string").split(" ")))
            .countByValue();
    }
}

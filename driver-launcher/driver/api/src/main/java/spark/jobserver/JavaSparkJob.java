/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver;

import com.typesafe.config.Config;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.scalactic.Or;
import scala.runtime.BoxedUnit;

import spark.jobserver.api.JobEnvironment;

/**
 * The old API's job for Java: a class that overrides {@code runJob} and perhaps {@code invalidate}.
 *
 * <p>It is written in Java since javac takes no subclass of what scalac makes of it: there the
 * generic result of {@code validate} is not the one that {@code api.SparkJobBase} has.
 */
public class JavaSparkJob implements SparkJob {

    private NamedObjects namedObjects;

    /** Does the work; what it returns is answered as JSON. */
    public Object runJob(JavaSparkContext jsc, Config jobConfig) {
        return BoxedUnit.UNIT;
    }

    /** What is wrong with the configuration, or null. */
    public String invalidate(JavaSparkContext jsc, Config config) {
        return null;
    }

    public Object runJob(SparkContext sc, Config jobConfig) {
        return runJob(new JavaSparkContext(sc), jobConfig);
    }

    public SparkJobValidation validate(SparkContext sc, Config config) {
        String reason = invalidate(new JavaSparkContext(sc), config);
        return reason == null ? SparkJobValid$.MODULE$ : new SparkJobInvalid(reason);
    }

    @Override
    public Object runJob(Object sc, Config jobConfig) {
        return runJob((SparkContext) sc, jobConfig);
    }

    @Override
    public SparkJobValidation validate(Object sc, Config config) {
        return validate((SparkContext) sc, config);
    }

    @Override
    public Object runJob(Object sc, JobEnvironment runtime, Config data) {
        return runJob(sc, data);
    }

    @Override
    public Object runJob(Object sc, JobEnvironment runtime, Object data) {
        return runJob(sc, (Config) data);
    }

    @Override
    @SuppressWarnings({"rawtypes", "unchecked"})
    public Or validate(Object sc, JobEnvironment runtime, Config config) {
        return SparkJob.super.validate(sc, runtime, config);
    }

    @Override
    public NamedObjects namedObjects() {
        return namedObjects;
    }

    @Override
    public void namedObjects_$eq(NamedObjects objects) {
        namedObjects = objects;
    }
}

/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver;

import java.util.Arrays;
import java.util.LinkedList;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicLong;

import com.typesafe.config.Config;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.streaming.StreamingContext;
import org.apache.spark.streaming.api.java.JavaStreamingContext;

import spark.jobserver.api.JobEnvironment;
import spark.jobserver.japi.JStreamingJob;

/** Counts the numbers of a stream that lasts {@code ms} milliseconds, and returns the count. */
public class JStreamingTestJob implements JStreamingJob<Long> {

    @Override
    public Config verify(StreamingContext context, JobEnvironment runtime, Config config) {
        return config;
    }

    @Override
    public Long run(StreamingContext context, JobEnvironment runtime, Config data) {
        JavaStreamingContext stream = new JavaStreamingContext(context);
        Queue<JavaRDD<Integer>> queue = new LinkedList<>();
        queue.add(stream.sparkContext().parallelize(Arrays.asList(1, 2, 3, 4, 5)));
        AtomicLong count = new AtomicLong();
        stream.queueStream(queue).foreachRDD(rdd -> {
            count.addAndGet(rdd.count());
        });
        stream.start();
        try {
            stream.awaitTerminationOrTimeout(data.getLong("ms"));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        stream.stop(false, true);
        return count.get();
    }
}

/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;

/**
 * A plain JDBC program: java Jdbc.java URL USER PASSWORD WHAT [SQL]. It prints what it gets, a row a
 * line, or what went wrong, and ends with 0 or 1.
 */
public class Jdbc {

    public static void main(String[] args) throws Exception {
        try (Connection connection = DriverManager.getConnection(args[0], args[1], args[2])) {
            String sql = args.length > 4 ? args[4] : "";
            switch (args[3]) {
            case "query" -> query(connection, sql);
            case "prepared" -> prepared(connection, sql);
            case "metadata" -> metadata(connection);
            case "count" -> count(connection, sql);
            case "cancel" -> cancel(connection, sql);
            case "wait" -> await(connection, sql);
            default -> throw new IllegalArgumentException(args[3]);
            }
        } catch (SQLException e) {
            System.out.println("failed: " + e.getMessage());
            System.exit(1);
        }
        // the driver leaves threads
        System.exit(0);
    }

    private static void query(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            for (String one : sql.split(";")) {
                if (statement.execute(one)) {
                    print(statement.getResultSet());
                }
            }
        }
    }

    private static void prepared(Connection connection, String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setInt(1, 2);
            statement.setString(2, "it's");
            print(statement.executeQuery());
        }
    }

    private static void metadata(Connection connection) throws SQLException {
        System.out.println(connection.getMetaData().getDatabaseProductName());
        try (ResultSet tables = connection.getMetaData().getTables(null, "%", "%", null)) {
            while (tables.next()) {
                System.out.println("table " + tables.getString("TABLE_NAME"));
            }
        }
        try (ResultSet columns = connection.getMetaData().getColumns(null, "%", "%", "%")) {
            while (columns.next()) {
                System.out.println("column " + columns.getString("COLUMN_NAME") + " "
                    + columns.getString("TYPE_NAME"));
            }
        }
    }

    /** How many rows come, and the sum of their first columns. */
    private static void count(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery(sql);
            long count = 0;
            long sum = 0;
            while (rows.next()) {
                count++;
                sum += rows.getLong(1);
            }
            System.out.println(count + " " + sum);
        }
    }

    /** Cancels the statement as soon as somebody says so on stdin. */
    private static void cancel(Connection connection, String sql) throws Exception {
        Statement statement = connection.createStatement();
        CompletableFuture<String> ended = begin(statement, sql);
        System.in.read();
        statement.cancel();
        System.out.println(ended.get());
    }

    /** Says how the statement ends, when nobody cancels it. */
    private static void await(Connection connection, String sql) throws Exception {
        System.out.println(begin(connection.createStatement(), sql).get());
        // there may be nobody to say goodbye to
        System.exit(0);
    }

    private static CompletableFuture<String> begin(Statement statement, String sql)
            throws InterruptedException {
        CompletableFuture<String> ended = CompletableFuture.supplyAsync(() -> {
            try {
                statement.execute(sql);
                return "finished";
            } catch (SQLException e) {
                return "ended: " + e.getMessage();
            }
        });
        // a second is not enough for it to end, and enough for it to begin
        Thread.sleep(1000);
        System.out.println("running");
        return ended;
    }

    private static void print(ResultSet rows) throws SQLException {
        int columns = rows.getMetaData().getColumnCount();
        while (rows.next()) {
            StringBuilder line = new StringBuilder();
            for (int i = 1; i <= columns; i++) {
                line.append(i > 1 ? "\t" : "").append(rows.getString(i));
            }
            System.out.println(line);
        }
    }
}

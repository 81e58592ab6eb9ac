
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Library sets: the Spark, the Hadoop client and the Java that a driver is
 * started with.  What a set does not say comes from driver.* of the
 * configuration, which alone is the set "default".
 */


#ifndef _SJL_LIBRARY_H_INCLUDED_
#define _SJL_LIBRARY_H_INCLUDED_


#include "sjl_config.h"
#include "sjl_resource.h"


#define SJL_LIBRARY_DEFAULT  "default"

/* of jars: what follows is the name of a binary */
#define SJL_LIBRARY_BINARY   "binary:"


typedef struct {
    sjl_resource_t   resource;

    /* with what the configuration adds; text may be NULL */
    char            *java;              /* a program */
    char            *spark_home;
    json_t          *hadoop_jars;       /* in the place of Spark's own */
    json_t          *extra_jars;
    char            *hadoop_conf;
    json_t          *options;
    json_t          *environment;
    unsigned         hadoop_first:1;

    /* drivers that are to wait for contexts, see sjl_spare.c */
    int64_t          spares;
    char             spare_key[SJL_HASH_LEN + 1];
    double           spare_pause;       /* after a failure */
    int64_t          spare_due;         /* not before, since one has failed */
} sjl_library_t;


/* the set of a name, NULL: the default; or NULL: there is none */
sjl_library_t *sjl_library_find(const char *name);

/*
 * Puts those of the configuration in force, once rows were adopted and after
 * each reload.
 */
void sjl_library_configure(void);

/* one that is in no table: what is told of it is only looked at */
sjl_library_t *sjl_library_loose(const json_t *spec);
void sjl_library_loose_free(sjl_library_t *library);

/* adds sentences about what is wrong in what is told of a set */
void sjl_library_check(const json_t *spec, json_t *wrong);

/*
 * The class path of a driver with these libraries, to be freed.  The list is
 * written out: archives of shared classes need it the same.  NULL: there is no
 * knowing which of our drivers fits Spark's jars.
 */
char *sjl_library_class_path(const sjl_library_t *library);

/* the same without our own, for programs that are none of ours */
char *sjl_library_spark_path(const sjl_library_t *library);

/* whether one of the jars that a set names is there now; fixed: or a binary */
int sjl_library_entry_there(const char *entry, int fixed);

/* a set that has a binary, in words to be freed; NULL: there is none */
char *sjl_library_with_binary(const char *name);

/*
 * Whether processes of ours may have a set's classes: where drivers are not
 * ours, those that were told or uploaded by others are for drivers only.
 */
int sjl_library_is_ours(const sjl_library_t *library);

/* the set with the next name, or the first, that has spares; NULL: none */
sjl_library_t *sjl_library_with_spares(const char *after);

/*
 * The Scala that a Spark is made for, as "2.13", by the scala-library among its
 * jars; to be freed.  NULL: it has none.
 */
char *sjl_library_scala(const char *spark_home);


#endif /* _SJL_LIBRARY_H_INCLUDED_ */

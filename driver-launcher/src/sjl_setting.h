
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What settings of contexts say: masters, sizes and counts, as Spark reads
 * them.
 */


#ifndef _SJL_SETTING_H_INCLUDED_
#define _SJL_SETTING_H_INCLUDED_


#include "sjl.h"


/*
 * Whether the masters, sizes and counts among these settings are some: what is
 * wrong Spark would say late, and often in other words.  NULL, or what is
 * wrong, by the name of the setting, to be freed.
 */
char *sjl_setting_wrong(const json_t *settings);

/* the same of a master that is no setting, but goes by this name */
char *sjl_setting_wrong_master(const char *name, const char *text);

/* MiB of a size as Spark reads it, or -1: it is none */
int64_t sjl_setting_size(const char *text);

/* the option that gives a JVM this heap, to be freed; NULL: it is no size */
char *sjl_setting_heap(const char *text);


#endif /* _SJL_SETTING_H_INCLUDED_ */

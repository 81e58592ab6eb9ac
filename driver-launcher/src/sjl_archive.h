
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The archive of classes that drivers share (class-data sharing): made once for
 * each Java, set of jars and options, by a JVM in the background that has a low
 * priority, and kept as
 *
 *    archives/<what it is for>-<SHA-256 of the file>.jsa
 *
 * A driver starts in less than half of the time with it, and as before without.
 * While one is made there is a folder for that, which has a UUID as its name.
 */


#ifndef _SJL_ARCHIVE_H_INCLUDED_
#define _SJL_ARCHIVE_H_INCLUDED_


#include "sjl.h"


/* looks for the archive, and has it made if there is none; from then on */
void sjl_archive_start(void);

/* the configuration has changed */
void sjl_archive_again(void);

/*
 * That of a library set, for which one is made from then on; NULL: there is
 * none yet, or none is wanted.
 */
const char *sjl_archive_path(const char *library);

/* whether it is our process that leads this session */
int sjl_archive_owns(pid_t session);

/* ends the process that makes one, if there is any; see sjl_archive_busy() */
void sjl_archive_stop(void);
int sjl_archive_busy(void);

/* after the loop: nothing is watched any longer */
void sjl_archive_leave(void);


#endif /* _SJL_ARCHIVE_H_INCLUDED_ */


/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#ifndef _STORAGE_SHIM_H_INCLUDED_
#define _STORAGE_SHIM_H_INCLUDED_


typedef enum {
    SHIM_NONE = 0,
    SHIM_FULL,
    SHIM_ERROR,
    SHIM_BUSY,
    SHIM_TORN,
    SHIM_POWER
} shim_what_e;


void shim_enter(void);
void shim_leave(void);

/* what becomes of a call, whose path is as it was passed; the lock is held */
shim_what_e shim_call(const char *call, const char *path);

/* takes back what is not on the disk, and is gone */
void shim_power_lost(void);

void shim_vfs_register(void);


#endif /* _STORAGE_SHIM_H_INCLUDED_ */


/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A certificate of our own making: drivers know its key and ask nobody else.
 */


#ifndef _SJL_CERTIFICATE_H_INCLUDED_
#define _SJL_CERTIFICATE_H_INCLUDED_


#include "sjl.h"

#include <openssl/evp.h>
#include <sys/stat.h>


/*
 * Makes a certificate in this file, and a key for it unless there is one.
 * Returns SJL_OK or SJL_ERROR, and has logged why.
 */
int sjl_certificate_ensure(const char *certificate, const char *key);

/*
 * The key in a file that is root's or the user's, and nobody else's.  NULL
 * where there is none, and why, to be freed.
 */
EVP_PKEY *sjl_certificate_key(const char *path, uid_t user, char **why);

/* a regular file, open to be read; or -1, and why, to be freed */
int sjl_certificate_open(const char *path, struct stat *sb, char **why);


#endif /* _SJL_CERTIFICATE_H_INCLUDED_ */

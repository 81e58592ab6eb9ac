
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * TLS of the drivers' link: the launcher is the server, and its drivers know
 * its key.
 */


#ifndef _SJL_TLS_H_INCLUDED_
#define _SJL_TLS_H_INCLUDED_


#include "sjl_io.h"


/*
 * Loads certificate and key, or those that were made for us, which happens now
 * if there are none.  Returns SJL_OK or SJL_ERROR, and has logged why.
 */
int sjl_tls_init(void);

/* loads the certificate again; one with another key is not taken */
void sjl_tls_reload(void);

void sjl_tls_free(void);

/* what is wrong with a certificate and a user's key, to be freed, or NULL */
char *sjl_tls_wrong(const char *certificate, const char *key, uid_t user);

/*
 * The SHA-256 of the public key, as hexadecimal digits: drivers talk to nobody
 * else.  It stays the same when the certificate is renewed.
 */
const char *sjl_tls_pin(void);

/*
 * Has a connected TCP socket speak TLS, beginning with what is read from it or
 * written to it.  Returns SJL_ERROR when that cannot be, and has logged why.
 */
int sjl_tls_start(sjl_io_t *io);


#endif /* _SJL_TLS_H_INCLUDED_ */

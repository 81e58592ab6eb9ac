
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A certificate of our own making: drivers know its key and ask nobody else.
 */


#ifndef _SJL_CERTIFICATE_H_INCLUDED_
#define _SJL_CERTIFICATE_H_INCLUDED_


#include "sjl.h"


/*
 * Makes a key and a certificate for it in these files, unless both are there.
 * Returns SJL_OK or SJL_ERROR, and has logged why.
 */
int sjl_certificate_ensure(const char *certificate, const char *key);


#endif /* _SJL_CERTIFICATE_H_INCLUDED_ */

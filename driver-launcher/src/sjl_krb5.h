
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Where Kerberos is configured: for MIT's programs one file or several, with
 * colons between them; for Java one file, which then includes them.
 */


#ifndef _SJL_KRB5_H_INCLUDED_
#define _SJL_KRB5_H_INCLUDED_


#include "sjl.h"


/* what KRB5_CONFIG says in an environment, or else in ours; NULL: nothing */
const char *sjl_krb5_conf(const json_t *environment);

/*
 * The same for Java, to be freed; NULL: nothing is said.  What of several is
 * not there is left out, as MIT does, which Java would not put up with.
 */
char *sjl_krb5_java(const json_t *environment);


#endif /* _SJL_KRB5_H_INCLUDED_ */

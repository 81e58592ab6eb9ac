
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a Hadoop configuration folder says of YARN, and of its file system.
 */


#ifndef _SJL_YARN_CONF_H_INCLUDED_
#define _SJL_YARN_CONF_H_INCLUDED_


#include "sjl.h"


/*
 * The URLs at which the ResourceManager's REST is asked, as the yarn-site.xml
 * in a folder has them, to be freed: of several, with commas between them, any
 * may be the active one.  NULL: *why, to be freed, tells what is wrong.
 */
char *sjl_yarn_conf_rest(const char *folder, char **why);

/* what its core-site.xml has as fs.defaultFS, to be freed, or NULL */
char *sjl_yarn_conf_default_fs(const char *folder);


#endif /* _SJL_YARN_CONF_H_INCLUDED_ */

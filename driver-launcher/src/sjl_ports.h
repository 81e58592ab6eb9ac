
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The ports of drivers, where the configuration fixes them: each context has
 * SJL_PORTS of driver.ports, one after the other, until its driver has ended.
 */


#ifndef _SJL_PORTS_H_INCLUDED_
#define _SJL_PORTS_H_INCLUDED_


#include "sjl.h"


#define SJL_PORTS  2


/* the first of ports that nobody has; 0: there are none, or none are wanted */
int64_t sjl_ports_take(void);

/* a reason without a subject why a context cannot have any, to be freed */
char *sjl_ports_lacking(void);

/*
 * Tells Spark of ports, in a driver's settings.  Returns the names of those
 * that nothing else may set, an array.
 */
json_t *sjl_ports_set(json_t *settings, int64_t ports);


#endif /* _SJL_PORTS_H_INCLUDED_ */

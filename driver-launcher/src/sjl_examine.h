
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Files and rows are brought together at the start: what is damaged is said and
 * not used, what belongs to nothing goes.
 */


#ifndef _SJL_EXAMINE_H_INCLUDED_
#define _SJL_EXAMINE_H_INCLUDED_


/* begins; most of it is done while the launcher works */
void sjl_examine_start(void);


#endif /* _SJL_EXAMINE_H_INCLUDED_ */

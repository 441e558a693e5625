/*
 * logs.h - is a text in the logs of the web servers of this host?
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_LOGS_H
#define WP_TOOLS_WAYPOST_DOCTOR_LOGS_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/waypost/doctor/who.h"

/*
 * Look into the end of each file that nginx or lighttpd writes to. As root, if
 * we are: nobody else sees what they have open.
 *
 * *n_read:  how many could be looked at
 * where:    the path of the one that has it
 */
bool wp_doctor_find_in_logs(const struct wp_doctor_who *who, const char *text,
			    size_t *n_read, char *where, size_t room);

#endif /* WP_TOOLS_WAYPOST_DOCTOR_LOGS_H */

/*
 * said.h - what a program says on standard error, as text, for who tests lines
 * of the log.
 */
#ifndef WP_TESTS_SUPPORT_SAID_H
#define WP_TESTS_SUPPORT_SAID_H

#include "lib/base/log.h"

enum { SAID_MAX = 64 * 1024 };

struct said {
	int file;
	int saved;
	char text[SAID_MAX]; /* NUL-terminated, from said_end() on */
};

/* Standard error goes into memory from here on. Aborts when it cannot. */
void said_begin(struct said *said, enum wp_log_level threshold);
/* Until here. Returns: said->text, in which gathered lines are as well */
const char *said_end(struct said *said);

#endif /* WP_TESTS_SUPPORT_SAID_H */

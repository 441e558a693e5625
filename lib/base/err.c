/*
 * err.c - fill in the sentence that travels up with an enum wp_err.
 *
 * Knows about printf and errno. Knows nothing about logs or exit codes: who
 * receives the sentence decides what becomes of it.
 */
#include "lib/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum wp_err(wp_error_set)(struct wp_error *err, enum wp_err code,
			  const char *fmt, ...)
{
	char msg[sizeof(err->msg)]; /* the arguments may point into err->msg */
	va_list args;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	if (vsnprintf(msg, sizeof(msg), fmt, args) < 0)
		msg[0] = '\0';
	va_end(args);

	err->code = code;
	err->sys_errno = 0;
	memcpy(err->msg, msg, sizeof(msg));
	return code;
}

enum wp_err(wp_error_sys)(struct wp_error *err, const char *fmt, ...)
{
	int saved = errno;
	char what[sizeof(err->msg)];
	char why_room[128];
	va_list args;

	if (err == NULL)
		return WP_ERR_SYS;
	va_start(args, fmt);
	if (vsnprintf(what, sizeof(what), fmt, args) < 0)
		what[0] = '\0';
	va_end(args);

	wp_error_set(err, WP_ERR_SYS, "%s: %s", what,
		     strerror_r(saved, why_room, sizeof(why_room)));
	err->sys_errno = saved;
	errno = saved;
	return WP_ERR_SYS;
}

static bool is_noted(const struct wp_faults *faults, const struct wp_error *why)
{
	size_t n = faults->n < WP_FAULTS_MAX ? faults->n : WP_FAULTS_MAX;

	for (size_t i = 0; i < n; i++)
		if (strcmp(faults->list[i].msg, why->msg) == 0)
			return true;
	return false;
}

void wp_faults_note(struct wp_faults *faults, enum wp_err verdict,
		    const struct wp_error *why, enum wp_err *rc,
		    struct wp_error *err)
{
	if (verdict == WP_OK)
		return;
	if (faults != NULL && !is_noted(faults, why) &&
	    faults->n++ < WP_FAULTS_MAX)
		faults->list[faults->n - 1] = *why;
	if (*rc != WP_OK)
		return;
	*rc = verdict;
	if (err != NULL)
		*err = *why;
}

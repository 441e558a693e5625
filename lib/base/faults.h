/*
 * faults.h - all that is wrong with a start, so that it can be told at once.
 *
 * An operator who must change five things should not have to start five times.
 * Whoever looks at things that do not depend on each other notes each verdict
 * here and goes on; the first bad one is also the error that travels up.
 */
#ifndef WP_LIB_BASE_FAULTS_H
#define WP_LIB_BASE_FAULTS_H

#include <stddef.h>

#include "lib/base/err.h"

enum { WP_FAULTS_MAX = 32 };

struct wp_faults {
	size_t n; /* also counts those that found no room */
	struct wp_error list[WP_FAULTS_MAX];
};

/*
 * Note a verdict; a good one changes nothing.
 *
 * faults:   NULL when nobody wants more than the first
 * rc, err:  keep the first that is bad; err may be NULL
 */
void wp_faults_note(struct wp_faults *faults, enum wp_err verdict,
		    const struct wp_error *why, enum wp_err *rc,
		    struct wp_error *err);

/* Write all to standard error, one line each, and err if it is none of them. */
void wp_faults_print(const struct wp_faults *faults, const char *program,
		     const struct wp_error *err);

#endif /* WP_LIB_BASE_FAULTS_H */

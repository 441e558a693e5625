/*
 * report.h - what `waypost doctor` has found so far, as lines that
 * appear one by one, or as one JSON object at the end.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_REPORT_H
#define WP_TOOLS_WAYPOST_DOCTOR_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum wp_doctor_said {
	WP_DOCTOR_OK,
	WP_DOCTOR_WARN, /* it works, and may not for long, or not as meant */
	WP_DOCTOR_FAIL, /* something is broken, or messages are at risk */
	WP_DOCTOR_SKIP, /* it could not be looked at here, or need not be */
	WP_DOCTOR_SAID_COUNT
};

struct wp_doctor_report {
	bool is_json;
	bool has_colour;
	size_t counts[WP_DOCTOR_SAID_COUNT];
	struct wp_buf rows; /* of JSON */
};

void wp_doctor_report_begin(struct wp_doctor_report *report, bool is_json);
/* Also of one that was not ended. */
void wp_doctor_report_release(struct wp_doctor_report *report);

/*
 * One finding. Nothing in it may be a secret, or a user's.
 *
 * id:      of the check, "redis-memory"
 * advice:  what to do, or NULL when there is nothing
 * fmt:     one sentence without a full stop
 */
void wp_doctor_say(struct wp_doctor_report *report, enum wp_doctor_said said,
		   const char *id, const char *advice, const char *fmt, ...)
	WP_PRINTF(5, 6);

/* The last line, or all of the JSON. Errors: WP_ERR_SYS, WP_ERR_NOMEM */
enum wp_err wp_doctor_report_end(struct wp_doctor_report *report,
				 struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_DOCTOR_REPORT_H */

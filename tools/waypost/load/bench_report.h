/*
 * bench_report.h - what a load came to: how many of what, and how long it took.
 */
#ifndef WP_TOOLS_WAYPOST_LOAD_BENCH_REPORT_H
#define WP_TOOLS_WAYPOST_LOAD_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "tools/waypost/cli/table.h"

enum { WP_BENCH_SAMPLES_MAX = 1 << 20, WP_BENCH_STATUS_MAX = 600 };

/* Times of one kind; those beyond the room are counted, and not kept. */
struct wp_bench_times {
	uint32_t *us; /* owned */
	size_t n;
	uint64_t count;
};

struct wp_bench_report {
	struct wp_bench_times accepted;        /* from the send to 202 */
	struct wp_bench_times pulled;          /* from the send to the pull */
	uint64_t answers[WP_BENCH_STATUS_MAX]; /* that were refusals */
	uint64_t unanswered;
	uint64_t ms; /* for so long was sent */
};

/* False when memory is exhausted. End with wp_bench_report_release(). */
bool wp_bench_report_begin(struct wp_bench_report *report);
void wp_bench_report_release(struct wp_bench_report *report);

void wp_bench_note(struct wp_bench_times *times, uint64_t us);

/* Rows in this style, or an object. Sorts the times. */
void wp_bench_report_write(struct wp_bench_report *report,
			   const struct wp_style *style, bool is_json,
			   struct wp_buf *out);

#endif /* WP_TOOLS_WAYPOST_LOAD_BENCH_REPORT_H */

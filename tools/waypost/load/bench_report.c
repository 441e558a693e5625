/*
 * bench_report.c - see bench_report.h.
 */
#include "tools/waypost/load/bench_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { US_PER_MS = 1000, MS_PER_S = 1000 };

bool wp_bench_report_begin(struct wp_bench_report *report)
{
	*report = (struct wp_bench_report){ .ms = 0 };
	report->accepted.us = calloc(WP_BENCH_SAMPLES_MAX, sizeof(uint32_t));
	report->pulled.us = calloc(WP_BENCH_SAMPLES_MAX, sizeof(uint32_t));
	return report->accepted.us != NULL && report->pulled.us != NULL;
}

void wp_bench_report_release(struct wp_bench_report *report)
{
	free(report->accepted.us);
	free(report->pulled.us);
	*report = (struct wp_bench_report){ .ms = 0 };
}

void wp_bench_note(struct wp_bench_times *times, uint64_t us)
{
	times->count++;
	if (times->n < WP_BENCH_SAMPLES_MAX)
		times->us[times->n++] =
			us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* In ms; 0 when there is none. */
static double percentile(const struct wp_bench_times *times, size_t percent)
{
	size_t i = times->n * percent / 100;

	if (times->n == 0)
		return 0;
	if (i == times->n)
		i--;
	return (double)times->us[i] / US_PER_MS;
}

static void sort(struct wp_bench_times *times)
{
	qsort(times->us, times->n, sizeof(times->us[0]), by_size);
}

static uint64_t missing(const struct wp_bench_report *report)
{
	return report->accepted.count > report->pulled.count
		       ? report->accepted.count - report->pulled.count
		       : 0;
}

static double rate(const struct wp_bench_report *report)
{
	return report->ms == 0 ? 0
			       : (double)report->accepted.count * MS_PER_S /
					 (double)report->ms;
}

/* A row, named as docs/capacity.md names what it has as well. */
static void add_ms(struct wp_cli_table *table, const char *what,
		   const struct wp_bench_times *times, size_t percent)
{
	wp_cli_table_text(table, what);
	wp_cli_table_printf(table, "%.1f", percentile(times, percent));
}

static void add_count(struct wp_cli_table *table, const char *what, uint64_t n)
{
	wp_cli_table_text(table, what);
	wp_cli_table_count(table, (int64_t)n);
}

static void write_rows(const struct wp_bench_report *report,
		       const struct wp_style *style, struct wp_buf *out)
{
	static const struct wp_column columns[] = {
		{ .title = NULL }, { .title = NULL, .is_right = true }
	};
	struct wp_cli_table table;
	char what[64];

	wp_cli_table_begin(&table, style, columns, 2);
	add_count(&table, "sends a second", (uint64_t)(rate(report) + 0.5));
	add_count(&table, "accepted", report->accepted.count);
	add_ms(&table, "half accepted within, ms", &report->accepted, 50);
	add_ms(&table, "99 % accepted within, ms", &report->accepted, 99);
	add_count(&table, "pulled", report->pulled.count);
	add_ms(&table, "half pulled within, ms", &report->pulled, 50);
	add_ms(&table, "99 % pulled within, ms", &report->pulled, 99);
	for (size_t i = 0; i < WP_BENCH_STATUS_MAX; i++) {
		if (report->answers[i] == 0)
			continue;
		(void)snprintf(what, sizeof(what), "refused with %zu%s", i,
			       i == 429 ? " (limits.rates)" : "");
		add_count(&table, what, report->answers[i]);
	}
	if (report->unanswered > 0)
		add_count(&table, "no answer", report->unanswered);
	add_count(&table, "missing", missing(report));
	if (missing(report) > 0)
		wp_cli_table_paint(&table, WP_BAD);
	wp_cli_table_end(&table, out);
}

static void write_object(const struct wp_bench_report *report,
			 struct wp_buf *out)
{
	bool is_first = true;

	wp_buf_printf(out,
		      "{\"seconds\":%.3f,\"accepted\":%" PRIu64
		      ",\"acceptedPerSecond\":%.1f,\"acceptedP50Ms\":%.3f,"
		      "\"acceptedP99Ms\":%.3f,\"pulled\":%" PRIu64
		      ",\"pulledP50Ms\":%.3f,\"pulledP99Ms\":%.3f,"
		      "\"missing\":%" PRIu64 ",\"unanswered\":%" PRIu64
		      ",\"refused\":{",
		      (double)report->ms / MS_PER_S, report->accepted.count,
		      rate(report), percentile(&report->accepted, 50),
		      percentile(&report->accepted, 99), report->pulled.count,
		      percentile(&report->pulled, 50),
		      percentile(&report->pulled, 99), missing(report),
		      report->unanswered);
	for (size_t i = 0; i < WP_BENCH_STATUS_MAX; i++)
		if (report->answers[i] > 0) {
			wp_buf_printf(out, "%s\"%zu\":%" PRIu64,
				      is_first ? "" : ",", i,
				      report->answers[i]);
			is_first = false;
		}
	wp_buf_add_str(out, "}}\n");
}

void wp_bench_report_write(struct wp_bench_report *report,
			   const struct wp_style *style, bool is_json,
			   struct wp_buf *out)
{
	sort(&report->accepted);
	sort(&report->pulled);
	if (is_json)
		write_object(report, out);
	else
		write_rows(report, style, out);
}

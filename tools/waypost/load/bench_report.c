/*
 * bench_report.c - see bench_report.h.
 */
#include "tools/waypost/load/bench_report.h"

#include <inttypes.h>
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

static void write_words(const struct wp_bench_report *report,
			struct wp_buf *out)
{
	wp_buf_printf(out,
		      "accepted  %" PRIu64 ", %.0f/s, half within %.1f ms, 99 "
		      "%% within %.1f ms\n",
		      report->accepted.count, rate(report),
		      percentile(&report->accepted, 50),
		      percentile(&report->accepted, 99));
	wp_buf_printf(out,
		      "pulled    %" PRIu64 ", half within %.1f ms of the send, "
		      "99 %% within %.1f ms\n",
		      report->pulled.count, percentile(&report->pulled, 50),
		      percentile(&report->pulled, 99));
	wp_buf_printf(out, "missing   %" PRIu64 "\n", missing(report));
	for (size_t i = 0; i < WP_BENCH_STATUS_MAX; i++)
		if (report->answers[i] > 0)
			wp_buf_printf(out, "refused   %" PRIu64 " with %zu%s\n",
				      report->answers[i], i,
				      i == 429 ? " (limits.rates)" : "");
	if (report->unanswered > 0)
		wp_buf_printf(out, "no answer %" PRIu64 "\n",
			      report->unanswered);
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

void wp_bench_report_write(struct wp_bench_report *report, bool is_json,
			   struct wp_buf *out)
{
	sort(&report->accepted);
	sort(&report->pulled);
	if (is_json)
		write_object(report, out);
	else
		write_words(report, out);
}

/*
 * report.c - see report.h.
 *
 * Lines are written at once: who waits sees how far it is, and a look that
 * hangs for good has not hidden those before it.
 */
#include "tools/waypost/doctor/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SENTENCE_MAX = 512 };

static const struct {
	const char *word; /* in JSON */
	const char *shown;
	const char *colour;
} saids[] = {
	[WP_DOCTOR_OK] = { "ok", "ok  ", "\033[32m" },
	[WP_DOCTOR_WARN] = { "warn", "warn", "\033[33m" },
	[WP_DOCTOR_FAIL] = { "fail", "FAIL", "\033[31m" },
	[WP_DOCTOR_SKIP] = { "skip", "skip", "\033[2m" },
};

void wp_doctor_report_begin(struct wp_doctor_report *report, bool is_json)
{
	const char *no_colour = getenv("NO_COLOR");

	*report = (struct wp_doctor_report){
		.is_json = is_json,
		.has_colour = !is_json && isatty(STDOUT_FILENO) == 1 &&
			      (no_colour == NULL || no_colour[0] == '\0'),
	};
	wp_buf_init(&report->rows, 0);
}

void wp_doctor_report_release(struct wp_doctor_report *report)
{
	wp_buf_release(&report->rows);
}

static void add_member(struct wp_buf *out, const char *name, const char *text)
{
	wp_buf_printf(out, "\"%s\":", name);
	wp_buf_add_json(out, text, strlen(text));
}

static void add_row(struct wp_doctor_report *report, enum wp_doctor_said said,
		    const char *id, const char *sentence, const char *advice)
{
	struct wp_buf *out = &report->rows;

	wp_buf_add_str(out, out->len > 0 ? ",{" : "{");
	add_member(out, "id", id);
	wp_buf_add_char(out, ',');
	add_member(out, "result", saids[said].word);
	wp_buf_add_char(out, ',');
	add_member(out, "text", sentence);
	if (advice != NULL) {
		wp_buf_add_char(out, ',');
		add_member(out, "advice", advice);
	}
	wp_buf_add_char(out, '}');
}

/* What others wrote (a header of a web server) may be in a sentence. */
static void make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void wp_doctor_say(struct wp_doctor_report *report, enum wp_doctor_said said,
		   const char *id, const char *advice, const char *fmt, ...)
{
	char sentence[SENTENCE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	make_printable(sentence);
	report->counts[said]++;
	if (report->is_json) {
		add_row(report, said, id, sentence, advice);
		return;
	}
	printf("%s%s%s  %-22s %s\n",
	       report->has_colour ? saids[said].colour : "", saids[said].shown,
	       report->has_colour ? "\033[0m" : "", id, sentence);
	if (advice != NULL)
		printf("      → %s\n", advice);
	(void)fflush(stdout);
}

static void add_counts(const struct wp_doctor_report *report,
		       struct wp_buf *out)
{
	for (size_t i = 0; i < WP_DOCTOR_SAID_COUNT; i++)
		wp_buf_printf(out, "\"%s\":%zu,", saids[i].word,
			      report->counts[i]);
}

enum wp_err wp_doctor_report_end(struct wp_doctor_report *report,
				 struct wp_error *err)
{
	const size_t *n = report->counts;
	struct wp_buf out;
	enum wp_err rc = WP_OK;

	wp_buf_init(&out, 0);
	if (report->is_json) {
		wp_buf_add_char(&out, '{');
		add_counts(report, &out);
		wp_buf_add_str(&out, "\"checks\":[");
		wp_buf_add(&out, report->rows.data, report->rows.len);
		wp_buf_add_str(&out, "]}\n");
	} else {
		wp_buf_printf(&out,
			      "%s: %zu in order, %zu to look at, %zu broken, "
			      "%zu not looked at\n",
			      n[WP_DOCTOR_FAIL] > 0   ? "not well"
			      : n[WP_DOCTOR_WARN] > 0 ? "it works"
						      : "all well",
			      n[WP_DOCTOR_OK], n[WP_DOCTOR_WARN],
			      n[WP_DOCTOR_FAIL], n[WP_DOCTOR_SKIP]);
	}
	if (out.failed || report->rows.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else if (fwrite(out.data, 1, out.len, stdout) != out.len ||
		 fflush(stdout) == EOF)
		rc = wp_error_sys(err, "standard output");
	wp_buf_release(&out);
	return rc;
}

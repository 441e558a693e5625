/* A page of metrics: what it says, and how it is had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/metrics/exporter.h"
#include "tools/waypost/view/prom.h"
#include "tools/waypost/doctor/prom_file.h"

static const char page[] =
	"HTTP/1.1 200 OK\r\n\r\n"
	"# HELP waypost_sends_total Envelopes\n"
	"waypost_sends_total{door=\"http\",result=\"accepted\"} 7\n"
	"waypost_sends_total{door=\"http\",result=\"full\"} 2\n"
	"waypost_sends_total{door=\"ws\",result=\"accepted\"} 30\n"
	"waypost_sends_total_more 1000\n"
	"waypost_up 1\n"
	"waypost_s_bucket{route=\"send\",le=\"0.1\"} 10\n"
	"waypost_s_bucket{route=\"send\",le=\"0.2\"} 30\n"
	"waypost_s_bucket{route=\"send\",le=\"+Inf\"} 40\n"
	"waypost_s_bucket{route=\"ack\",le=\"0.1\"} 5000\n";

static void near(double is, double wanted)
{
	if (is < wanted - 1e-9 || is > wanted + 1e-9)
		fail_msg("%g is not %g", is, wanted);
}

static void series_are_summed_by_a_label(void **state)
{
	(void)state;
	near(wp_prom_sum(page, "waypost_sends_total", "door=\"http\""), 9);
	near(wp_prom_sum(page, "waypost_sends_total", "result=\"accepted\""),
	     37);
	near(wp_prom_sum(page, "waypost_sends_total", ""), 39);
	near(wp_prom_sum(page, "waypost_up", ""), 1);
	near(wp_prom_sum(page, "waypost_none", ""), 0);
	near(wp_prom_sum(NULL, "waypost_up", ""), 0);
}

static void a_page_that_breaks_off_is_read_to_its_end(void **state)
{
	/* Behind its end there is a number. */
	static const char *const pages[] = { "waypost_up{\0"
					     "7",
					     "waypost_up{a=\"\0"
					     "7",
					     "waypost_up{}\0"
					     "7",
					     "waypost_up \0"
					     "7" };

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		near(wp_prom_sum(pages[i], "waypost_up", ""), 0);
}

static void shares_are_told_as_prometheus_does(void **state)
{
	const struct wp_prom_histogram before = { .n_buckets = 3 };
	struct wp_prom_histogram now, later;
	double told = 0;

	(void)state;
	wp_prom_histogram(&now, page, "waypost_s", "route=\"send\"");
	assert_int_equal(now.n_buckets, 3);
	assert_true(wp_prom_quantile(&before, &now, 0.5, &told));
	near(told, 0.15); /* the 20th of 40: half of the second bucket */
	assert_true(wp_prom_quantile(&before, &now, 0.1, &told));
	near(told, 0.04);
	/* Beyond the last bound: that bound. */
	assert_true(wp_prom_quantile(&before, &now, 0.99, &told));
	near(told, 0.2);
	assert_false(wp_prom_quantile(&now, &now, 0.5, &told));
	/* A program that began anew. */
	later = now;
	later.n[2] = 1;
	assert_false(wp_prom_quantile(&now, &later, 0.5, &told));
	wp_prom_histogram(&now, "", "waypost_s", "");
	assert_false(wp_prom_quantile(&before, &now, 0.5, &told));
}

static void prepare(void *ctx, struct wp_buf *out)
{
	(void)ctx;
	wp_buf_add_str(out, "waypost_told 5\n");
}

static void a_page_is_had_from_a_door(void **state)
{
	char folder[] = "/tmp/wp-prom-XXXXXX";
	struct wp_exporter *exporter = NULL;
	struct wp_exporter_setup setup = { .program = "test",
					   .prepare = prepare };
	char address[80];
	struct wp_error err = { 0 };
	struct wp_buf out;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(address, sizeof(address), "unix:%s/door", folder);
	setup.address = address;
	wp_buf_init(&out, 0);
	assert_int_equal(wp_prom_read(&out, address, &err), WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "no metrics are told at unix:"));
	assert_int_equal(wp_exporter_start(&exporter, &setup, &err), WP_OK);
	assert_int_equal(wp_prom_read(&out, address, &err), WP_OK);
	near(wp_prom_sum(out.data, "waypost_told", ""), 5);
	wp_exporter_stop(&exporter);
	assert_int_equal(wp_prom_read(&out, "127.0.0.1:1", &err),
			 WP_ERR_UNAVAIL);
	assert_int_equal(wp_prom_read(&out, "nonsense", &err), WP_ERR_UNAVAIL);
	wp_buf_release(&out);
	(void)rmdir(folder);
}

static void a_link_is_not_written_through(void **state)
{
	const struct wp_canary_times times = { .accepted_us = 1 };
	char folder[] = "/tmp/waypost-prom-XXXXXX";
	char path[64], new_path[64], victim[64];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/a.prom", folder);
	(void)snprintf(new_path, sizeof(new_path), "%s/a.prom.new", folder);
	(void)snprintf(victim, sizeof(victim), "%s/victim", folder);
	assert_int_equal(symlink(victim, new_path), 0);
	assert_int_equal(wp_prom_file_write(path, true, &times, NULL), WP_OK);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(lstat(victim, &st), -1);
	assert_int_equal(lstat(new_path, &st), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(series_are_summed_by_a_label),
		cmocka_unit_test(a_page_that_breaks_off_is_read_to_its_end),
		cmocka_unit_test(shares_are_told_as_prometheus_does),
		cmocka_unit_test(a_page_is_had_from_a_door),
		cmocka_unit_test(a_link_is_not_written_through),
	};

	return cmocka_run_group_tests_name("prom", tests, NULL, NULL);
}

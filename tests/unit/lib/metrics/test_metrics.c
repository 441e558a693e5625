/* What is counted, from any process, and the exact text of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/metrics/metrics.h"

enum { SENT, REFUSED, OPEN, SECONDS, RARE, RARER };

static const struct wp_metric_desc descs[] = {
	[SENT] = { "t_total", "code=\"202\"", "Sends.\nAll \\ of them.",
		   WP_COUNTER },
	[REFUSED] = { "t_total", "code=\"503\"", NULL, WP_COUNTER },
	[OPEN] = { "t_open", NULL, "Open now.", WP_GAUGE },
	[SECONDS] = { "t_seconds", "r=\"a\"", "Time.", WP_HISTOGRAM },
	[RARE] = { "t_rare_total", "code=\"1\"", "Rare.", WP_SPARSE_COUNTER },
	[RARER] = { "t_rare_total", "code=\"2\"", NULL, WP_SPARSE_COUNTER },
};

static int make(void **state)
{
	struct wp_metrics *metrics = NULL;
	enum wp_err rc = wp_metrics_new(&metrics, descs,
					sizeof(descs) / sizeof(descs[0]), NULL);

	*state = metrics;
	return rc == WP_OK ? 0 : -1;
}

static int release(void **state)
{
	struct wp_metrics *metrics = *state;

	wp_metrics_free(&metrics);
	assert_null(metrics);
	wp_metrics_free(&metrics);
	return 0;
}

static void counters_and_gauges_are_written_under_one_head(void **state)
{
	static const char start[] =
		"# HELP t_total Sends.\\nAll \\\\ of them.\n"
		"# TYPE t_total counter\n"
		"t_total{code=\"202\"} 5\n"
		"t_total{code=\"503\"} 0\n"
		"# HELP t_open Open now.\n"
		"# TYPE t_open gauge\n"
		"t_open -2\n"
		"# HELP t_seconds Time.\n"
		"# TYPE t_seconds histogram\n";
	struct wp_buf text;

	wp_metric_add(*state, SENT, 2);
	wp_metric_add(*state, SENT, 3);
	wp_metric_set(*state, OPEN, 7);
	wp_metric_add(*state, OPEN, -9);
	wp_buf_init(&text, 0);

	wp_metrics_write(*state, &text);

	assert_memory_equal(text.data, start, strlen(start));
	assert_int_equal(wp_metric_get(*state, SENT), 5);
	assert_int_equal(wp_metric_get(*state, OPEN), -2);
	wp_buf_release(&text);
}

static void a_histogram_is_cumulative_and_in_seconds(void **state)
{
	struct wp_buf text;

	wp_metric_observe_us(*state, SECONDS, 0);
	wp_metric_observe_us(*state, SECONDS, 100); /* a bound belongs below */
	wp_metric_observe_us(*state, SECONDS, 101);
	wp_metric_observe_us(*state, SECONDS, 10000000);
	wp_metric_observe_us(*state, SECONDS, 10000001);
	wp_buf_init(&text, 0);

	wp_metrics_write(*state, &text);

	assert_non_null(strstr(text.data,
			       "\nt_seconds_bucket{r=\"a\",le=\"0.0001\"} 2\n"
			       "t_seconds_bucket{r=\"a\",le=\"0.00025\"} 3\n"));
	assert_non_null(strstr(text.data,
			       "\nt_seconds_bucket{r=\"a\",le=\"5\"} 3\n"
			       "t_seconds_bucket{r=\"a\",le=\"10\"} 4\n"
			       "t_seconds_bucket{r=\"a\",le=\"+Inf\"} 5\n"
			       "t_seconds_sum{r=\"a\"} 20.000202\n"
			       "t_seconds_count{r=\"a\"} 5\n"));
	assert_int_equal(wp_metric_get(*state, SECONDS), 5);
	wp_buf_release(&text);
}

static void what_is_sparse_is_told_once_it_was_counted(void **state)
{
	static const char end[] = "# HELP t_rare_total Rare.\n"
				  "# TYPE t_rare_total counter\n"
				  "t_rare_total{code=\"2\"} 1\n";
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_metrics_write(*state, &text);
	assert_null(strstr(text.data, "t_rare_total"));
	wp_buf_clear(&text);

	wp_metric_add(*state, RARER, 1);
	wp_metrics_write(*state, &text);

	assert_true(text.len > strlen(end));
	assert_string_equal(text.data + text.len - strlen(end), end);
	wp_buf_release(&text);
}

static void many_may_be_observed_at_once(void **state)
{
	struct wp_buf text;

	wp_metric_observe_n(*state, SECONDS, 2000, 3);
	wp_buf_init(&text, 0);

	wp_metrics_write(*state, &text);

	assert_non_null(strstr(text.data, "le=\"0.001\"} 0\n"));
	assert_non_null(strstr(text.data, "le=\"0.0025\"} 3\n"));
	assert_non_null(strstr(text.data, "t_seconds_sum{r=\"a\"} 0.006000\n"));
	wp_buf_release(&text);
}

static void children_count_into_the_same_cells(void **state)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		wp_metric_add(*state, SENT, 11);
		wp_metric_observe_us(*state, SECONDS, 5);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);

	assert_int_equal(wp_metric_get(*state, SENT), 11);
	assert_int_equal(wp_metric_get(*state, SECONDS), 1);
}

static void *count_often(void *metrics)
{
	for (int i = 0; i < 10000; i++) {
		wp_metric_add(metrics, SENT, 1);
		wp_metric_observe_us(metrics, SECONDS, 1000);
	}
	return NULL;
}

static void no_update_of_any_thread_is_lost(void **state)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, count_often, *state),
			0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);

	assert_int_equal(wp_metric_get(*state, SENT), 40000);
	assert_int_equal(wp_metric_get(*state, SECONDS), 40000);
}

static void without_metrics_nothing_is_counted(void **state)
{
	struct wp_buf text;

	(void)state;
	wp_metric_add(NULL, 99, 1);
	wp_metric_set(NULL, 99, 1);
	wp_metric_observe_us(NULL, 99, 1);
	assert_int_equal(wp_metric_get(NULL, 99), 0);
	wp_buf_init(&text, 0);
	wp_metrics_write(NULL, &text);
	assert_int_equal(text.len, 0);
	wp_buf_release(&text);
}

static void an_empty_table_is_fine(void **state)
{
	struct wp_metrics *metrics = NULL;
	struct wp_buf text;

	(void)state;
	assert_int_equal(wp_metrics_new(&metrics, descs, 0, NULL), WP_OK);
	wp_buf_init(&text, 0);
	wp_metrics_write(metrics, &text);
	assert_int_equal(text.len, 0);
	wp_metrics_free(&metrics);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)

enum { OF_ALL_SET, OF_ALL_ADDED, OF_ALL_OPEN, OF_ALL_LAST, OF_ALL_UP };

static const struct wp_metric_desc of_all[] = {
	[OF_ALL_SET] = { "a_set_total", NULL, "Set.", WP_COUNTER },
	[OF_ALL_ADDED] = { "a_added_total", NULL, "Added.", WP_COUNTER },
	[OF_ALL_OPEN] = { "a_open", NULL, "Open.", WP_GAUGE },
	[OF_ALL_LAST] = { "a_last", NULL, "Last.", WP_LAST_GAUGE },
	[OF_ALL_UP] = { "a_up", NULL, "Up.", WP_LEAST_GAUGE },
};

/* A process that counts, says so, and ends. */
static pid_t sit_down(struct wp_metrics *metrics, size_t row, int64_t value,
		      int ready_fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	wp_metrics_sit(metrics, row);
	wp_metric_set(metrics, OF_ALL_OPEN, value);
	wp_metric_set(metrics, OF_ALL_UP, value);
	wp_metric_set(metrics, OF_ALL_LAST, 100 - value);
	wp_metric_set(metrics, OF_ALL_SET, 10);
	wp_metric_add(metrics, OF_ALL_ADDED, 1);
	if (wp_metric_get(metrics, OF_ALL_OPEN) != value ||
	    write(ready_fd, "", 1) != 1)
		_exit(1);
	_exit(0);
}

static void each_process_has_gauges_of_its_own(void **state)
{
	struct wp_metrics *metrics = NULL;
	int ready[2], status;
	char byte;

	(void)state;
	assert_int_equal(wp_metrics_new(&metrics, of_all, OF_ALL_UP + 1, NULL),
			 WP_OK);
	assert_int_equal(wp_metrics_seat(metrics, 4, NULL), WP_OK);
	assert_int_equal(pipe(ready), 0);
	for (size_t row = 1; row <= 2; row++) {
		pid_t pid = sit_down(metrics, row, row == 1 ? 5 : 7, ready[1]);

		assert_int_not_equal(pid, -1);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	assert_int_equal(wp_metric_get(metrics, OF_ALL_OPEN), 12);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_UP), 5);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_LAST), 95);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_SET), 20);

	/* What it counted is not lost with it. */
	wp_metrics_rise(metrics, 1);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_OPEN), 7);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_UP), 7);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_SET), 20);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_ADDED), 2);
	wp_metrics_rise(metrics, 2);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_UP), 0);
	assert_int_equal(wp_metric_get(metrics, OF_ALL_LAST), 0);
	close(ready[0]);
	close(ready[1]);
	wp_metrics_free(&metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counters_and_gauges_are_written_under_one_head),
		TEST(a_histogram_is_cumulative_and_in_seconds),
		TEST(what_is_sparse_is_told_once_it_was_counted),
		TEST(many_may_be_observed_at_once),
		TEST(children_count_into_the_same_cells),
		TEST(no_update_of_any_thread_is_lost),
		cmocka_unit_test(each_process_has_gauges_of_its_own),
		cmocka_unit_test(without_metrics_nothing_is_counted),
		cmocka_unit_test(an_empty_table_is_fine),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}

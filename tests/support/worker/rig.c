/*
 * rig.c - a struct wp_worker without its thread.
 */
#include "tests/support/worker/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "tests/support/test_redis.h"

enum { LEASE_MS = 60000, LINE_MAX_LEN = 120 };

void wp_rig_init(struct wp_worker *worker, struct wp_world *w)
{
	w->conf.mailbox.partitions = WP_TEST_PARTITIONS;
	*worker = (struct wp_worker){
		.conf = &w->conf,
		.redis = w->redis,
		.store = w->store,
		.id = "worker-1",
	};
	wp_cmd_init(&worker->cmd);
	assert_int_equal(wp_worker_metrics_new(&worker->metrics, NULL), WP_OK);
	assert_int_equal(wp_table_new(&worker->table, WP_TEST_PARTITIONS, NULL),
			 WP_OK);
	assert_int_equal(
		wp_handover_new(&worker->handover, worker->table, NULL), WP_OK);
	worker->list = calloc(WP_TEST_PARTITIONS, sizeof(*worker->list));
	assert_non_null(worker->list);
}

void wp_rig_release(struct wp_worker *worker)
{
	worker->redis = NULL;
	worker->store = NULL;
	wp_handover_free(&worker->handover);
	wp_table_free(&worker->table);
	wp_metrics_free(&worker->metrics);
	wp_worker_release(worker);
}

void wp_rig_own(struct wp_worker *worker, struct wp_world *w,
		uint32_t partition)
{
	wp_table_take(worker->table, partition, w->owner,
		      wp_mono_ms() + LEASE_MS);
	wp_world_run(w, "SET wp:{%u}:owner %s", partition, w->owner);
}

int64_t wp_rig_metric(const struct wp_worker *worker, const char *name)
{
	char start[LINE_MAX_LEN];
	struct wp_buf text;
	const char *line;
	int64_t n;

	(void)snprintf(start, sizeof(start), "\n%s ", name);
	wp_buf_init(&text, 0);
	wp_metrics_write(worker->metrics, &text);
	line = strstr(text.data, start);
	assert_non_null(line);
	n = strtoll(line + strlen(start), NULL, 10);
	wp_buf_release(&text);
	return n;
}

/*
 * census.c - a few partitions a call, so that no call is long.
 *
 * What waits is told also while the cold store is away, which is when it is
 * most: so this is the hot thread's.
 */
#include "worker/census.h"

#include "lib/base/clock.h"
#include "lib/mailbox/census.h"
#include "lib/redis/client.h"
#include "worker/metrics.h"
#include "worker/table.h"

enum { INTERVAL_MS = 5000, MS_PER_S = 1000 };

void wp_census_taker_init(struct wp_census_taker *taker, struct wp_worker *w)
{
	*taker = (struct wp_census_taker){ .w = w };
}

static void tell(struct wp_metrics *metrics, const struct wp_census *sum)
{
	wp_metric_set(metrics, WP_WM_INGRESS, sum->ingress);
	wp_metric_set(metrics, WP_WM_INGRESS_OLDEST, sum->oldest_ms / MS_PER_S);
	wp_metric_set(metrics, WP_WM_MARKS, sum->marks);
	wp_metric_set(metrics, WP_WM_MARKS_OLDEST, sum->late_ms / MS_PER_S);
	wp_metric_set(metrics, WP_WM_DEAD_LETTERS, sum->dead);
}

/* *is_told: Redis has answered */
static enum wp_err ask(struct wp_worker *w, const uint32_t *partitions,
		       size_t n, struct wp_census *sum, bool *is_told,
		       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_census_build(&w->cmd, partitions, n);
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	if (rc == WP_OK)
		*is_told &= wp_census_add(sum, reply) == WP_OK;
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_census_taker_run(struct wp_census_taker *taker,
				struct wp_error *err)
{
	struct wp_worker *w = taker->w;
	uint32_t partitions[WP_CENSUS_MAX];
	struct wp_census sum = { 0 };
	uint64_t now_ms = wp_mono_ms();
	enum wp_err rc = WP_OK;
	bool is_told = true;
	size_t n, asked = 0;

	if (now_ms < taker->next_ms)
		return WP_OK;
	taker->next_ms = now_ms + INTERVAL_MS;
	n = wp_table_list(w->table, WP_TABLE_ALL, now_ms, w->list);
	for (size_t i = 0; i < n && rc == WP_OK; i++) {
		partitions[asked++] = w->list[i].partition;
		if (asked < WP_CENSUS_MAX && i + 1 < n)
			continue;
		rc = ask(w, partitions, asked, &sum, &is_told, err);
		asked = 0;
	}
	if (rc == WP_OK && is_told)
		tell(w->metrics, &sum);
	return rc;
}

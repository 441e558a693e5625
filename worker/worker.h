/*
 * worker.h - what the parts of the hot thread share.
 *
 * The hot thread keeps leases, routes, reaps and reads the inbox; it never
 * touches the cold store. The cold thread does, and has connections of its own.
 * Between them is the table.
 */
#ifndef WP_WORKER_WORKER_H
#define WP_WORKER_WORKER_H

#include "lib/base/log.h"
#include "lib/mailbox/partition.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/client.h"
#include "lib/sys/conf.h"
#include "worker/table.h"

struct wp_worker {
	const struct wp_conf *conf; /* borrowed; does not change */
	struct wp_metrics *metrics; /* borrowed */
	struct wp_table *table;     /* borrowed */
	struct wp_redis *redis;     /* commands of the hot thread */
	char id[WP_WORKER_ID_LEN + 1];
	struct wp_cmd cmd;     /* scratch */
	struct wp_owned *list; /* scratch, one per partition */
	struct wp_log log;
};

#endif /* WP_WORKER_WORKER_H */

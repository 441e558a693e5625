/*
 * worker.h - what the parts of a thread's work share, and how they ask Redis
 * about many partitions.
 *
 * The hot thread keeps leases, routes, reaps and reads the inbox; it never
 * touches the cold store. The cold thread does. Between them is the table; all
 * else here is of one thread.
 */
#ifndef WP_WORKER_WORKER_H
#define WP_WORKER_WORKER_H

#include "lib/base/log.h"
#include "lib/mailbox/partition.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"
#include "worker/table.h"

struct wp_handover;

/* What both threads are given. Borrowed; outlives them. */
struct wp_worker_setup {
	const struct wp_conf *conf; /* does not change, but in on_joined */
	struct wp_metrics *metrics;
	struct wp_table *table;
	struct wp_handover *handover;
	void (*on_end)(void *ctx); /* a thread calls it as the last thing */
	/* The hot thread, when the deployment has turned out to be ours: what
	 * was not to be made before is made. NULL: nothing is. An error ends
	 * the thread. */
	enum wp_err (*on_joined)(void *ctx, struct wp_error *err);
	void *ctx;
};

/* What is more urgent than other work of a thread, whatever becomes of it. */
struct wp_urgent {
	void (*run)(void *ctx); /* NULL: nothing is */
	void *ctx;
};

struct wp_worker {
	const struct wp_conf *conf; /* borrowed, as the next three */
	struct wp_metrics *metrics;
	struct wp_table *table;
	struct wp_handover *handover;
	struct wp_redis *redis; /* for commands */
	struct wp_store
		*store; /* NULL in the hot thread, and until it is open */
	char id[WP_WORKER_ID_LEN + 1]; /* random */
	struct wp_cmd cmd;             /* scratch */
	struct wp_owned *list;         /* scratch, one per partition */
	struct wp_log log;
	struct wp_urgent urgent;
	/* How long what goes straight to disk may take before it goes by hot
	 * queues; 0: as direct.c has it. A test has more time. */
	uint64_t late_ms;
};

/* With a Redis that is not connected yet. Release it also on error. */
enum wp_err wp_worker_init(struct wp_worker *w,
			   const struct wp_worker_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
void wp_worker_release(struct wp_worker *w);

/* A lease that the table knows of, as scripts are told of it. Borrows owned. */
struct wp_lease wp_worker_lease(const struct wp_worker *w,
				const struct wp_owned *owned);

/* Between two steps of long work: do what is more urgent. No transaction of the
 * store is open, and the caller expects versions to change. */
void wp_worker_yield(const struct wp_worker *w);

/* Redis says that this lease is not ours any more. */
void wp_worker_lost(struct wp_worker *w, uint32_t partition, const char *owner);

/* The same question many times. */
struct wp_pipe {
	/* Write command i into cmd, which is empty. */
	void (*ask)(void *ctx, size_t i, struct wp_cmd *cmd);
	/* Look at the answer to it, borrowed for the call. NULL: nobody. */
	void (*hear)(void *ctx, size_t i, const struct wp_reply *reply);
};

/*
 * Send commands 0 to n-1 and hear their answers, a bounded number at a time.
 *
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM  some answers were not heard
 */
enum wp_err wp_pipe(struct wp_redis *redis, const struct wp_pipe *pipe,
		    size_t n, void *ctx, struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_WORKER_H */

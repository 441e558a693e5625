/*
 * parent.h - the life of a parent: it starts its processes, looks after them
 * and serves nobody itself.
 */
#ifndef WP_LIB_PROCS_PARENT_H
#define WP_LIB_PROCS_PARENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/metrics/exporter.h"
#include "lib/metrics/metrics.h"
#include "lib/procs/procs.h"
#include "lib/sys/heir.h"

struct wp_parent_setup {
	struct wp_procs_plan plan;
	int listen_fd; /* what the processes accept from; made non-blocking */

	/* What is told of all of them, as in lib/metrics/exporter.h. */
	const char *program;
	const char *metrics_address; /* "": nowhere */
	struct wp_metrics *metrics;
	size_t ready_metric, restarts_metric; /* as in struct wp_procs */
	void (*prepare)(void *ctx, const struct wp_procs *procs,
			struct wp_buf *out);
	const struct wp_exporter_page *pages;
	void *pages_ctx;

	/* SIGHUP: read the settings again, and have procs go by them. False:
	 * all goes on as before. */
	bool (*on_reload)(void *ctx, struct wp_procs *procs);
	/* All serve, for the first time. */
	void (*on_ready)(void *ctx);
	/* The stop begins: nobody new should find the way here. */
	void (*on_stop)(void *ctx);
	/*
	 * SIGUSR2: start a successor that gets the socket, and that of the
	 * metrics unless NULL; false: none is there. It has taken over: nobody
	 * new is for us, on_stop follows. Both NULL: nobody succeeds.
	 */
	bool (*on_succeed)(void *ctx, const struct wp_heir_socket *metrics,
			   struct wp_successor *out);
	void (*on_taken)(void *ctx, const struct wp_successor *successor);
	/* A few words about what goes on, for the manager, into work; returns
	 * the address of Redis while it is known to be away, else NULL. NULL:
	 * how many processes are ready. */
	const char *(*status)(void *ctx, char *work, size_t size);
	void *ctx;
};

/*
 * Start the processes, keep them up, replace or tell them on SIGHUP, drain them
 * on SIGTERM or SIGINT, and return when none is left. Tells the manager.
 *
 * setup:    borrowed for as long
 * Errors:   WP_ERR_SYS      nobody was started
 *           WP_ERR_UNAVAIL  a process died while it drained
 *           what the first process has found that told that it is unfit
 * Threads:  the only one of the program, which has no loop
 */
enum wp_err wp_parent_run(const struct wp_parent_setup *setup,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_PROCS_PARENT_H */

/*
 * exporter.h - a door where GET /metrics is answered, GET /healthz, and what a
 * program adds. One request per connection, bounded in bytes and time.
 *
 * A program with a loop watches wp_exporter_fd(), and so writes what only its
 * loop may read; any other has a thread for it, by wp_exporter_start().
 */
#ifndef WP_LIB_METRICS_EXPORTER_H
#define WP_LIB_METRICS_EXPORTER_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/heir.h"

struct wp_exporter;

/* A path that is answered in JSON. */
struct wp_exporter_page {
	const char *path; /* "/metrics" only where Accept asks for JSON */
	/* Append the body, where prepare() would be called. Returns: the
	 * status. */
	unsigned (*write)(void *ctx, struct wp_buf *out);
};

/* What is told, and where. All borrowed for as long as the exporter. */
struct wp_exporter_setup {
	const char *program;              /* as wp_self_init() */
	const char *address;              /* as wp_listen() */
	const struct wp_metrics *metrics; /* NULL: none */
	/*
	 * Before each answer, where it is made: set gauges, or append text of
	 * one's own behind the metrics. NULL: nothing to do.
	 */
	void (*prepare)(void *ctx, struct wp_buf *out);
	const struct wp_exporter_page *pages; /* ends with {}; NULL: none */
	void *pages_ctx;
	/* The processes that belong to this one: how many of max. NULL: none */
	size_t (*children)(void *ctx, pid_t *pids, size_t max);
	void *ctx;
};

/*
 * Listen. Answers are made in wp_exporter_turn() only.
 *
 * Ownership:  the caller's; end with wp_exporter_stop()
 * Errors:     as wp_listen(), WP_ERR_SYS
 */
enum wp_err wp_exporter_open(struct wp_exporter **out,
			     const struct wp_exporter_setup *setup,
			     struct wp_error *err) WP_MUST_USE;

/* Readable while there is something to do; for poll(2), epoll(7). */
int wp_exporter_fd(const struct wp_exporter *exporter);

/* Do it; never blocks. Threads: one. */
void wp_exporter_turn(struct wp_exporter *exporter);

/* wp_exporter_open() with a thread that turns it; prepare() runs there. */
enum wp_err wp_exporter_start(struct wp_exporter **out,
			      const struct wp_exporter_setup *setup,
			      struct wp_error *err) WP_MUST_USE;

/* What a successor needs of it; and: it has taken over, with the name. */
struct wp_heir_socket wp_exporter_hand(const struct wp_exporter *exporter);
void wp_exporter_give_up(struct wp_exporter *exporter);

/* Unlink the socket, stop the thread if there is one, close. NULL-safe. */
void wp_exporter_stop(struct wp_exporter **exporter);

/* For who exits at once: take the socket's name away, no more. NULL-safe. */
void wp_exporter_unlink(struct wp_exporter *exporter);

/*
 * In a forked process: close what was inherited. It is the parent's, who
 * notices nothing, and must not be touched again here. NULL-safe.
 */
void wp_exporter_forget(struct wp_exporter *exporter);

#endif /* WP_LIB_METRICS_EXPORTER_H */

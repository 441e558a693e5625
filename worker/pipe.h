/*
 * pipe.h - the same question about many partitions in few round trips.
 */
#ifndef WP_WORKER_PIPE_H
#define WP_WORKER_PIPE_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/redis/client.h"

/* Write command i into cmd, which is empty. */
typedef void (*wp_pipe_ask_fn)(void *ctx, size_t i, struct wp_cmd *cmd);
/* Look at the answer to command i; reply is borrowed for the call. */
typedef void (*wp_pipe_answer_fn)(void *ctx, size_t i,
				  const struct wp_reply *reply);

/*
 * Send commands 0 to n-1 and hear their answers, a bounded number at a time.
 *
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM  some answers were not heard
 */
enum wp_err wp_pipe(struct wp_redis *redis, size_t n, wp_pipe_ask_fn ask,
		    wp_pipe_answer_fn answer, void *ctx,
		    struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_PIPE_H */

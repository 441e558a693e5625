/*
 * pipe.c - pipelining in chunks, so that neither side buffers without bound.
 */
#include "worker/pipe.h"

enum { PIPE_CHUNK = 256 };

/* Append commands from first on; returns how many are on their way. */
static size_t ask_chunk(struct wp_redis *redis, size_t first, size_t end,
			wp_pipe_ask_fn ask, void *ctx, enum wp_err *rc,
			struct wp_error *err)
{
	struct wp_cmd cmd;
	size_t i;

	wp_cmd_init(&cmd);
	for (i = first; i < end; i++) {
		wp_cmd_clear(&cmd);
		ask(ctx, i, &cmd);
		*rc = wp_redis_append(redis, &cmd, err);
		if (*rc != WP_OK)
			break;
	}
	wp_cmd_release(&cmd);
	return i - first;
}

enum wp_err wp_pipe(struct wp_redis *redis, size_t n, wp_pipe_ask_fn ask,
		    wp_pipe_answer_fn answer, void *ctx, struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	size_t done = 0;

	while (rc == WP_OK && done < n) {
		size_t end = n - done > PIPE_CHUNK ? done + PIPE_CHUNK : n;
		size_t sent = ask_chunk(redis, done, end, ask, ctx, &rc, err);

		/* What was sent must be heard, or it answers the next one. */
		for (size_t i = done; i < done + sent; i++) {
			struct wp_reply *reply = NULL;
			enum wp_err heard = wp_redis_take(redis, &reply, err);

			if (heard != WP_OK)
				return heard;
			answer(ctx, i, reply);
			wp_reply_free(&reply);
		}
		done += sent;
	}
	return rc;
}

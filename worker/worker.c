/*
 * worker.c - a thread's connection and scratch room, and pipelining in chunks,
 * so that neither side buffers without bound.
 */
#include "worker/worker.h"

#include <stdlib.h>

#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"
#include "worker/metrics.h"

enum { PIPE_CHUNK = 256 };

enum wp_err wp_worker_init(struct wp_worker *w,
			   const struct wp_worker_setup *setup,
			   struct wp_error *err)
{
	*w = (struct wp_worker){
		.conf = setup->conf,
		.metrics = setup->metrics,
		.table = setup->table,
		.handover = setup->handover,
	};
	wp_cmd_init(&w->cmd);
	wp_random_hex(w->id, WP_WORKER_ID_LEN / 2);
	w->list = calloc((size_t)w->conf->mailbox.partitions, sizeof(*w->list));
	if (w->list == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return wp_redis_new(&w->redis, w->conf, &wp_scripts, err);
}

void wp_worker_release(struct wp_worker *w)
{
	wp_store_close(&w->store);
	wp_redis_free(&w->redis);
	wp_cmd_release(&w->cmd);
	free(w->list);
	w->list = NULL;
}

struct wp_lease wp_worker_lease(const struct wp_worker *w,
				const struct wp_owned *owned)
{
	return (struct wp_lease){
		.partition = owned->partition,
		.owner = owned->owner,
		.ms = w->conf->worker.lease_ms,
	};
}

void wp_worker_yield(const struct wp_worker *w)
{
	if (w->urgent.run != NULL)
		w->urgent.run(w->urgent.ctx);
}

void wp_worker_lost(struct wp_worker *w, uint32_t partition, const char *owner)
{
	if (wp_table_drop(w->table, partition, owner))
		wp_metric_add(w->metrics, WP_WM_LEASES_LOST, 1);
}

/* ---- questions ---- */

/* A chunk of them: commands from first on, as far as *end. */
struct chunk {
	size_t first;
	size_t end;
};

/* The chunk ends before the command that was not appended. */
static enum wp_err ask_chunk(struct wp_redis *redis, const struct wp_pipe *pipe,
			     struct chunk *chunk, void *ctx,
			     struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	struct wp_cmd cmd;
	size_t i;

	wp_cmd_init(&cmd);
	for (i = chunk->first; i < chunk->end; i++) {
		wp_cmd_clear(&cmd);
		pipe->ask(ctx, i, &cmd);
		rc = wp_redis_append(redis, &cmd, err);
		if (rc != WP_OK)
			break;
	}
	chunk->end = i;
	wp_cmd_release(&cmd);
	return rc;
}

/* What was sent must be heard, or it answers the next one. */
static enum wp_err hear_chunk(struct wp_redis *redis,
			      const struct wp_pipe *pipe,
			      const struct chunk *chunk, void *ctx,
			      struct wp_error *err)
{
	for (size_t i = chunk->first; i < chunk->end; i++) {
		struct wp_reply *reply = NULL;
		enum wp_err rc = wp_redis_take(redis, &reply, err);

		if (rc != WP_OK)
			return rc;
		if (pipe->hear != NULL)
			pipe->hear(ctx, i, reply);
		wp_reply_free(&reply);
	}
	return WP_OK;
}

enum wp_err wp_pipe(struct wp_redis *redis, const struct wp_pipe *pipe,
		    size_t n, void *ctx, struct wp_error *err)
{
	struct chunk chunk = { 0 };
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && chunk.end < n) {
		enum wp_err heard;

		chunk.first = chunk.end;
		chunk.end = n - chunk.first > PIPE_CHUNK
				    ? chunk.first + PIPE_CHUNK
				    : n;
		rc = ask_chunk(redis, pipe, &chunk, ctx, err);
		heard = hear_chunk(redis, pipe, &chunk, ctx, err);
		if (heard != WP_OK)
			rc = heard;
	}
	return rc;
}

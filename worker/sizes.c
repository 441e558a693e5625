/*
 * sizes.c - one partition after the other, a page of users a round.
 *
 * What is still to be told stands in Redis as well (unsized), so a worker that
 * ends in the middle leaves it to the next owner.
 */
#include "worker/sizes.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/scripts.h"

enum { USERS_AT_ONCE = 500, LOG_INTERVAL_MS = 5000 };

enum wp_err wp_sizes_init(struct wp_sizes *sizes, struct wp_worker *w,
			  struct wp_error *err)
{
	*sizes = (struct wp_sizes){ .w = w, .log.component = "sizes" };
	sizes->wanted = calloc((size_t)w->conf->mailbox.partitions,
			       sizeof(*sizes->wanted));
	sizes->page = calloc(USERS_AT_ONCE, sizeof(*sizes->page));
	if (sizes->wanted != NULL && sizes->page != NULL)
		return WP_OK;
	wp_sizes_release(sizes);
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

void wp_sizes_release(struct wp_sizes *sizes)
{
	free(sizes->wanted);
	free(sizes->page);
	sizes->wanted = NULL;
	sizes->page = NULL;
}

void wp_sizes_want(struct wp_sizes *sizes, uint32_t partition)
{
	if (sizes->is_walking && sizes->partition == partition)
		sizes->place = (struct wp_store_place){ .is_end = false };
	if (sizes->wanted[partition])
		return;
	sizes->wanted[partition] = true;
	sizes->n_wanted++;
}

/* Nothing more is to be done for the one that is walked. */
static void end_walk(struct wp_sizes *sizes)
{
	sizes->is_walking = false;
	sizes->wanted[sizes->partition] = false;
	sizes->n_wanted--;
}

/* There is one that is wanted. */
static void begin_walk(struct wp_sizes *sizes)
{
	uint32_t n = (uint32_t)sizes->w->conf->mailbox.partitions;

	do {
		sizes->partition = (sizes->partition + 1) % n;
	} while (!sizes->wanted[sizes->partition]);
	sizes->place = (struct wp_store_place){ .is_end = false };
	sizes->is_walking = true;
}

static bool on_box(void *ctx, const struct wp_box *box)
{
	struct wp_sizes *sizes = ctx;

	sizes->page[sizes->n++] = *box;
	return sizes->n < USERS_AT_ONCE;
}

/*
 * Send w->cmd.
 *
 * Errors: WP_ERR_STALE the lease is lost; WP_ERR_FULL Redis takes nothing of
 *         the kind now; WP_ERR_PROTO it refuses this
 */
static enum wp_err run_script(struct wp_sizes *sizes, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc =
		wp_redis_do(sizes->w->redis, &sizes->w->cmd, &reply, err);

	if (rc == WP_OK) {
		rc = wp_script_done(reply);
		if (rc == WP_ERR_UNAVAIL)
			rc = wp_error_set(err,
					  wp_reply_is_refusal(reply)
						  ? WP_ERR_FULL
						  : WP_ERR_PROTO,
					  "Redis refuses sizes: %.120s",
					  wp_reply_str(reply));
	}
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err tell_page(struct wp_sizes *sizes, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	wp_cold_size_begin(&sizes->w->cmd, sizes->partition);
	for (size_t i = 0; i < sizes->n && rc == WP_OK; i++) {
		struct wp_store_size size;

		rc = wp_store_size(sizes->w->store, &sizes->page[i], &size,
				   err);
		if (rc == WP_OK)
			wp_cold_size_add(&sizes->w->cmd, &sizes->page[i],
					 &size);
	}
	return rc == WP_OK ? run_script(sizes, err) : rc;
}

/* A page of the partition that is walked, and its end. */
static enum wp_err walk_on(struct wp_sizes *sizes, const char *owner,
			   struct wp_error *err)
{
	const struct wp_lease lease = {
		.partition = sizes->partition,
		.owner = owner,
		.ms = sizes->w->conf->worker.lease_ms,
	};
	struct wp_store_place place = sizes->place;
	const struct wp_store_walk users = {
		.place = &place,
		.max_looked = SIZE_MAX,
		.on_box = on_box,
		.ctx = sizes,
	};
	enum wp_err rc;

	sizes->n = 0;
	rc = wp_store_users(sizes->w->store, sizes->partition, &users, err);
	if (rc == WP_OK && sizes->n > 0)
		rc = tell_page(sizes, err);
	if (rc == WP_OK)
		sizes->place = place;
	if (rc != WP_OK || !place.is_end)
		return rc;
	wp_sized_build(&sizes->w->cmd, &lease);
	rc = run_script(sizes, err);
	if (rc == WP_OK)
		end_walk(sizes);
	return rc;
}

static void warn(struct wp_sizes *sizes, const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(&sizes->limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&sizes->log, WP_LOG_WARN,
		       "the quota of a partition does not know what is on disk",
		       wp_int("partition", sizes->partition),
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

enum wp_err wp_sizes_round(struct wp_sizes *sizes, bool *is_late_out,
			   struct wp_error *err)
{
	char owner[WP_OWNER_MAX + 1];
	struct wp_error why = { 0 };
	enum wp_err rc = WP_ERR_STALE;

	if (sizes->n_wanted == 0)
		return WP_OK;
	if (!sizes->is_walking)
		begin_walk(sizes);
	if (wp_table_owner(sizes->w->table, sizes->partition, WP_TABLE_OPEN,
			   wp_mono_ms(), owner))
		rc = walk_on(sizes, owner, &why);
	if (rc == WP_ERR_PROTO || rc == WP_ERR_FULL)
		warn(sizes, &why);
	/* It may take them in the next round, which need not be sooner. */
	if (rc == WP_ERR_FULL)
		return WP_OK;
	if (rc == WP_ERR_STALE || rc == WP_ERR_PROTO) {
		end_walk(sizes);
		rc = WP_OK;
	}
	*is_late_out |= sizes->n_wanted > 0;
	if (rc != WP_OK && err != NULL)
		*err = why;
	return rc;
}

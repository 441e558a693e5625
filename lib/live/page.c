/*
 * page.c - the steps of a page, each begun by the answer to the one before.
 */
#include "lib/live/page.h"

#include "lib/redis/async.h"

static void finish(struct wp_live_page *page, bool is_read)
{
	struct wp_pull_page *read = page->page;

	page->done(page, is_read);
	wp_pull_page_free(&read);
}

/* On the store's thread */
static enum wp_err read_cold(struct wp_store_job *job, struct wp_store *store,
			     struct wp_error *err)
{
	struct wp_live_page *page = (struct wp_live_page *)job;

	return wp_pull_read_cold(page->page, store, err);
}

static void on_cold(struct wp_store_job *job, enum wp_err result)
{
	struct wp_live_page *page = (struct wp_live_page *)job;

	if (result != WP_OK)
		(void)wp_error_set(&page->err, result,
				   "the cold store cannot be read");
	finish(page, result == WP_OK);
}

static void on_hot(void *ctx, const struct wp_reply *reply);

static enum wp_err ask_hot(struct wp_live_page *page)
{
	struct wp_aredis *redis = wp_registrar_redis(page->live->registrar);
	struct wp_cmd cmd;
	enum wp_err rc;

	if (redis == NULL || !wp_aredis_is_ready(redis))
		return WP_ERR_UNAVAIL;
	wp_cmd_init(&cmd);
	wp_pull_ask(page->page, wp_aredis_run_id(redis), &cmd);
	rc = wp_aredis_do(redis, &cmd, on_hot, page);
	wp_cmd_release(&cmd);
	return rc;
}

static enum wp_err ask_cold(struct wp_live_page *page)
{
	page->job.run = read_cold;
	page->job.done = on_cold;
	return wp_store_thread_submit(page->live->store, &page->job);
}

static enum wp_err go_on(struct wp_live_page *page)
{
	if (wp_pull_step(page->page) == WP_PULL_HOT)
		return ask_hot(page);
	if (page->may_go_cold != NULL && !page->may_go_cold(page))
		return WP_ERR_FULL;
	return ask_cold(page);
}

static void on_hot(void *ctx, const struct wp_reply *reply)
{
	struct wp_live_page *page = ctx;
	enum wp_err rc = wp_pull_told(page->page, reply, false, &page->err);

	if (rc == WP_OK && wp_pull_step(page->page) != WP_PULL_DONE) {
		rc = go_on(page);
		if (rc == WP_OK)
			return;
		(void)wp_error_set(&page->err, rc,
				   "a page cannot be read to its end");
	}
	finish(page, rc == WP_OK);
}

enum wp_err wp_live_page_begin(struct wp_live_page *page,
			       const struct wp_user *user,
			       struct wp_pull_request *req)
{
	enum wp_err rc;

	page->job.user_hash = user->hash;
	wp_user_box(user, &page->box);
	req->box = &page->box;
	req->max_envelope =
		(size_t)page->live->conf->mailbox.max_envelope_bytes;
	rc = wp_pull_begin(&page->page, req, &page->err);
	if (rc == WP_OK)
		rc = ask_hot(page);
	if (rc != WP_OK)
		wp_pull_page_free(&page->page);
	return rc;
}

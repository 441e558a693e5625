/*
 * store_thread.c - what each thread of the line needs before a job of the store
 * may run: a Redis of ours, and the store that belongs to it.
 */
#include "lib/live/store_thread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"

enum { LOG_INTERVAL_MS = 10000 };

/* What one of the threads has for itself. */
struct hand {
	struct wp_store_thread *all;
	struct wp_redis *redis;
	struct wp_store *store;
	char store_id[WP_STORE_ID_LEN + 1]; /* of store */
};

struct wp_store_thread {
	struct wp_job_line *line; /* owned */
	const struct wp_conf *conf;
	struct wp_log log;

	pthread_mutex_t lock;
	char store_id[WP_STORE_ID_LEN + 1]; /* "" until one was open */
	struct wp_log_limit log_limit;      /* under lock, as is store_id */
};

/*
 * Connected: else the first command after a restart of Redis would fail, for
 * having been written before it.
 */
static enum wp_err have_redis(struct hand *hand, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (hand->redis == NULL)
		rc = wp_redis_new(&hand->redis, hand->all->conf, &wp_scripts,
				  err);
	return rc == WP_OK ? wp_redis_connect(hand->redis, err) : rc;
}

/*
 * The store is open, and it is the one of the deployment that Redis serves now:
 * an ack that found another one empty would take away the hint to the right
 * one.
 */
static enum wp_err have_store(struct hand *hand, struct wp_error *err)
{
	struct wp_store_thread *all = hand->all;
	enum wp_err rc;

	if (hand->store != NULL)
		return wp_deployment_match(hand->redis, all->conf,
					   hand->store_id, err);
	rc = wp_deployment_open(&hand->store, hand->redis, all->conf,
				hand->store_id, err);
	if (rc != WP_OK)
		return rc;
	pthread_mutex_lock(&all->lock);
	memcpy(all->store_id, hand->store_id, sizeof(all->store_id));
	pthread_mutex_unlock(&all->lock);
	return WP_OK;
}

/*
 * Ready for a job. That Redis was restarted this moment is noticed by what is
 * written to the connection of before: then all is asked once more.
 */
static enum wp_err be_fit(struct hand *hand, struct wp_error *err)
{
	bool was_connected =
		hand->redis != NULL && wp_redis_fd(hand->redis) != -1;
	enum wp_err rc;

	for (;;) {
		rc = have_redis(hand, err);
		if (rc == WP_OK)
			rc = have_store(hand, err);
		if (rc == WP_OK || !was_connected ||
		    wp_redis_fd(hand->redis) != -1)
			return rc;
		was_connected = false;
	}
}

static void complain(struct wp_store_thread *all, const struct wp_error *err)
{
	uint32_t suppressed;
	bool is_due;

	pthread_mutex_lock(&all->lock);
	is_due = wp_log_allow(&all->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			      &suppressed);
	pthread_mutex_unlock(&all->lock);
	if (is_due)
		wp_log(&all->log, WP_LOG_WARN, "cold store failed",
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

static void ask(struct wp_store_thread *all, struct wp_store_job *job)
{
	char store_id[WP_STORE_ID_LEN + 1];

	pthread_mutex_lock(&all->lock);
	memcpy(store_id, all->store_id, sizeof(store_id));
	pthread_mutex_unlock(&all->lock);
	job->result = job->ask(job, store_id);
}

static struct wp_store_job *job_of(struct wp_job *base)
{
	return (struct wp_store_job *)((char *)base -
				       offsetof(struct wp_store_job, base));
}

static void run_job(struct wp_job *base, void *hand_)
{
	struct wp_store_job *job = job_of(base);
	struct hand *hand = hand_;
	struct wp_error err = { 0 };

	if (job->run == NULL) {
		ask(hand->all, job);
		return;
	}
	job->result = be_fit(hand, &err);
	if (job->result == WP_OK)
		job->result = job->run(job, hand->store, &err);
	if (job->result != WP_OK)
		complain(hand->all, &err);
}

static void on_done(struct wp_job *base, bool has_run)
{
	struct wp_store_job *job = job_of(base);

	job->done(job, has_run ? job->result : WP_ERR_UNAVAIL);
}

static void init_hand(void *hand_, void *ctx)
{
	struct hand *hand = hand_;

	hand->all = ctx;
}

static void end_hand(void *hand_)
{
	struct hand *hand = hand_;

	wp_store_close(&hand->store);
	wp_redis_free(&hand->redis);
}

enum wp_err wp_store_thread_start(struct wp_store_thread **out,
				  const struct wp_store_setup *setup,
				  struct wp_error *err)
{
	struct wp_store_thread *all = calloc(1, sizeof(*all));
	const struct wp_job_line_setup line = {
		.loop = setup->loop,
		.threads = setup->threads,
		.jobs_max = WP_STORE_JOBS_MAX,
		.jobs_user_max = WP_STORE_JOBS_USER_MAX,
		.hand_bytes = sizeof(struct hand),
		.hand_init = init_hand,
		.hand_end = end_hand,
		.ctx = all,
	};
	enum wp_err rc;

	if (all == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	all->conf = setup->conf;
	all->log.component = "store";
	if (setup->store_id != NULL)
		(void)snprintf(all->store_id, sizeof(all->store_id), "%s",
			       setup->store_id);
	pthread_mutex_init(&all->lock, NULL);
	rc = wp_job_line_start(&all->line, &line, err);
	if (rc != WP_OK)
		wp_store_thread_stop(&all);
	else
		*out = all;
	return rc;
}

void wp_store_thread_stop(struct wp_store_thread **thread)
{
	struct wp_store_thread *all = *thread;

	*thread = NULL;
	if (all == NULL)
		return;
	wp_job_line_stop(&all->line);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

bool wp_store_thread_is_idle(const struct wp_store_thread *thread)
{
	return wp_job_line_is_idle(thread->line);
}

enum wp_err wp_store_thread_submit(struct wp_store_thread *thread,
				   struct wp_store_job *job)
{
	job->result = WP_ERR_UNAVAIL;
	job->base = (struct wp_job){
		.user_hash = job->user_hash,
		/* Everybody may be waiting for what is asked. */
		.is_first = job->run == NULL,
		.run = run_job,
		.done = on_done,
	};
	return wp_job_line_submit(thread->line, &job->base);
}

/*
 * store_thread.c - two lists under one lock, and threads between them.
 *
 * Knows nothing about connections: a job carries what its submitter needs.
 */
#include "lib/live/store_thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/thread.h"

enum { LOG_INTERVAL_MS = 10000, USER_SLOTS = 4096 };

struct job_list {
	struct wp_store_job *head;
	struct wp_store_job **tail;
};

/* One of the threads, and what is its own. */
struct hand {
	struct wp_store_thread *line;
	struct wp_thread thread;
	pthread_cond_t wake;
	struct hand *next; /* who waits for longer; under the line's lock */
	bool is_waiting;   /* so is this */
	struct wp_redis *redis;
	struct wp_store *store;
	char store_id[WP_STORE_ID_LEN + 1]; /* of store */
};

struct wp_store_thread {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_log log;
	ev_async done_async;
	/* Submitted and not done; the loop's thread only. Users are told apart
	 * by their hash: two that meet have one part. */
	size_t n_open;
	uint16_t n_open_of[USER_SLOTS];

	pthread_mutex_t lock;
	/* Who has nothing to do, the last one first: with little to do one
	 * thread does it all, and the others need no store. */
	struct hand *waiting;
	struct job_list todo; /* all down to log_limit is under lock */
	struct job_list done;
	bool is_stopping;
	char store_id[WP_STORE_ID_LEN + 1]; /* "" until one was open */
	struct wp_log_limit log_limit;

	size_t n_hands;
	struct hand hands[];
};

static void list_init(struct job_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_add(struct job_list *list, struct wp_store_job *job)
{
	job->next = NULL;
	*list->tail = job;
	list->tail = &job->next;
}

static void list_add_first(struct job_list *list, struct wp_store_job *job)
{
	if (list->head == NULL)
		list->tail = &job->next;
	job->next = list->head;
	list->head = job;
}

static struct wp_store_job *list_take(struct job_list *list)
{
	struct wp_store_job *job = list->head;

	if (job != NULL) {
		list->head = job->next;
		if (list->head == NULL)
			list->tail = &list->head;
	}
	return job;
}

/*
 * Connected: else the first command after a restart of Redis would fail, for
 * having been written before it.
 */
static enum wp_err have_redis(struct hand *hand, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (hand->redis == NULL)
		rc = wp_redis_new(&hand->redis, hand->line->conf, &wp_scripts,
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
	struct wp_store_thread *line = hand->line;
	enum wp_err rc;

	if (hand->store != NULL)
		return wp_deployment_match(hand->redis, line->conf,
					   hand->store_id, err);
	rc = wp_deployment_open(&hand->store, hand->redis, line->conf,
				hand->store_id, err);
	if (rc != WP_OK)
		return rc;
	pthread_mutex_lock(&line->lock);
	memcpy(line->store_id, hand->store_id, sizeof(line->store_id));
	pthread_mutex_unlock(&line->lock);
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

static void complain(struct wp_store_thread *line, const struct wp_error *err)
{
	uint32_t suppressed;
	bool is_due;

	pthread_mutex_lock(&line->lock);
	is_due = wp_log_allow(&line->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			      &suppressed);
	pthread_mutex_unlock(&line->lock);
	if (is_due)
		wp_log(&line->log, WP_LOG_WARN, "cold store failed",
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

static void ask(struct wp_store_thread *line, struct wp_store_job *job)
{
	char store_id[WP_STORE_ID_LEN + 1];

	pthread_mutex_lock(&line->lock);
	memcpy(store_id, line->store_id, sizeof(store_id));
	pthread_mutex_unlock(&line->lock);
	job->result = job->ask(job, store_id);
}

/* On a thread of ours, without the lock. */
static void run_job(struct hand *hand, struct wp_store_job *job)
{
	struct wp_error err = { 0 };

	if (job->run == NULL) {
		ask(hand->line, job);
		return;
	}
	job->result = be_fit(hand, &err);
	if (job->result == WP_OK)
		job->result = job->run(job, hand->store, &err);
	if (job->result != WP_OK)
		complain(hand->line, &err);
}

/* Under the lock. Woken for a job that somebody else has taken, wait again. */
static void wait_for_job(struct hand *hand)
{
	struct wp_store_thread *line = hand->line;

	hand->next = line->waiting;
	line->waiting = hand;
	hand->is_waiting = true;
	while (hand->is_waiting)
		pthread_cond_wait(&hand->wake, &line->lock);
}

/* Under the lock; when nobody waits, whoever is done next looks by himself. */
static void wake_last(struct wp_store_thread *line)
{
	struct hand *hand = line->waiting;

	if (hand == NULL)
		return;
	line->waiting = hand->next;
	hand->is_waiting = false;
	pthread_cond_signal(&hand->wake);
}

static void run(void *ctx)
{
	struct hand *hand = ctx;
	struct wp_store_thread *line = hand->line;

	pthread_mutex_lock(&line->lock);
	while (!line->is_stopping) {
		struct wp_store_job *job = list_take(&line->todo);

		if (job == NULL) {
			wait_for_job(hand);
			continue;
		}
		pthread_mutex_unlock(&line->lock);
		run_job(hand, job);
		pthread_mutex_lock(&line->lock);
		list_add(&line->done, job);
		ev_async_send(line->loop, &line->done_async);
	}
	pthread_mutex_unlock(&line->lock);
	wp_store_close(&hand->store);
	wp_redis_free(&hand->redis);
}

static void finish_done(struct wp_store_thread *line)
{
	struct job_list list;

	pthread_mutex_lock(&line->lock);
	list = line->done;
	list_init(&line->done);
	pthread_mutex_unlock(&line->lock);
	while (list.head != NULL) {
		struct wp_store_job *job = list.head;

		list.head = job->next;
		line->n_open--;
		line->n_open_of[job->user_hash % USER_SLOTS]--;
		job->done(job, job->result);
	}
}

static void on_done(struct ev_loop *loop, ev_async *async, int events)
{
	(void)loop;
	(void)events;
	finish_done(async->data);
}

static void free_line(struct wp_store_thread *line)
{
	ev_async_stop(line->loop, &line->done_async);
	for (size_t i = 0; i < line->n_hands; i++)
		pthread_cond_destroy(&line->hands[i].wake);
	pthread_mutex_destroy(&line->lock);
	free(line);
}

static void join_all(struct wp_store_thread *line)
{
	pthread_mutex_lock(&line->lock);
	line->is_stopping = true;
	while (line->waiting != NULL)
		wake_last(line);
	pthread_mutex_unlock(&line->lock);
	for (size_t i = 0; i < line->n_hands; i++)
		wp_thread_join(&line->hands[i].thread);
}

static struct wp_store_thread *make_line(const struct wp_store_setup *setup)
{
	struct wp_store_thread *line =
		calloc(1, sizeof(*line) + setup->threads * sizeof(struct hand));

	if (line == NULL)
		return NULL;
	line->loop = setup->loop;
	line->conf = setup->conf;
	line->log.component = "store";
	if (setup->store_id != NULL)
		(void)snprintf(line->store_id, sizeof(line->store_id), "%s",
			       setup->store_id);
	list_init(&line->todo);
	list_init(&line->done);
	pthread_mutex_init(&line->lock, NULL);
	ev_async_init(&line->done_async, on_done);
	line->done_async.data = line;
	ev_async_start(line->loop, &line->done_async);
	return line;
}

enum wp_err wp_store_thread_start(struct wp_store_thread **out,
				  const struct wp_store_setup *setup,
				  struct wp_error *err)
{
	struct wp_store_thread *line = make_line(setup);

	if (line == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < setup->threads; i++) {
		struct hand *hand = &line->hands[i];
		const struct wp_thread_job job = { .run = run, .ctx = hand };

		hand->line = line;
		pthread_cond_init(&hand->wake, NULL);
		if (wp_thread_start(&hand->thread, &job, NULL) != WP_OK) {
			pthread_cond_destroy(&hand->wake);
			join_all(line);
			free_line(line);
			return wp_error_set(err, WP_ERR_SYS,
					    "the store thread cannot be "
					    "started");
		}
		line->n_hands++;
	}
	*out = line;
	return WP_OK;
}

void wp_store_thread_stop(struct wp_store_thread **thread)
{
	struct wp_store_thread *line = *thread;
	struct wp_store_job *job;

	*thread = NULL;
	if (line == NULL)
		return;
	join_all(line);
	while ((job = list_take(&line->todo)) != NULL) {
		job->result = WP_ERR_UNAVAIL;
		list_add(&line->done, job);
	}
	finish_done(line);
	assert(line->n_open == 0);
	free_line(line);
}

bool wp_store_thread_is_idle(const struct wp_store_thread *thread)
{
	return thread->n_open == 0;
}

enum wp_err wp_store_thread_submit(struct wp_store_thread *thread,
				   struct wp_store_job *job)
{
	uint16_t *n_of_user = &thread->n_open_of[job->user_hash % USER_SLOTS];

	if (thread->n_open >= WP_STORE_JOBS_MAX ||
	    *n_of_user >= WP_STORE_JOBS_USER_MAX)
		return WP_ERR_FULL;
	thread->n_open++;
	(*n_of_user)++;
	job->result = WP_ERR_UNAVAIL;
	pthread_mutex_lock(&thread->lock);
	/* Everybody may be waiting for what is asked. */
	if (job->run == NULL)
		list_add_first(&thread->todo, job);
	else
		list_add(&thread->todo, job);
	wake_last(thread);
	pthread_mutex_unlock(&thread->lock);
	return WP_OK;
}

/*
 * store_thread.c - two lists under one lock, and a thread between them.
 *
 * Knows nothing about connections: a job carries what its submitter needs.
 */
#include "lib/live/store_thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

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

struct wp_store_thread {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_log log;
	struct wp_thread thread;
	ev_async done_async;
	/* Submitted and not done; the loop's thread only. Users are told apart
	 * by their hash: two that meet have one part. */
	size_t n_open;
	uint16_t n_open_of[USER_SLOTS];

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job_list todo; /* the three below are under lock */
	struct job_list done;
	bool is_stopping;

	struct wp_redis *redis; /* these are the thread's own */
	struct wp_store *store;
	char store_id[WP_STORE_ID_LEN + 1];
	struct wp_log_limit log_limit;
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
 * The store is open, and it is the one of the deployment that Redis serves now:
 * an ack that found another one empty would take away the hint to the right
 * one.
 */
static enum wp_err be_ready(struct wp_store_thread *thread,
			    struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (thread->redis == NULL)
		rc = wp_redis_new(&thread->redis, thread->conf, &wp_scripts,
				  err);
	if (rc != WP_OK)
		return rc;
	if (thread->store != NULL)
		return wp_deployment_match(thread->redis, thread->conf,
					   thread->store_id, err);
	return wp_deployment_open(&thread->store, thread->redis, thread->conf,
				  thread->store_id, err);
}

/* On the store's thread, without the lock. */
static void run_job(struct wp_store_thread *thread, struct wp_store_job *job)
{
	struct wp_error err = { 0 };
	enum wp_err rc = be_ready(thread, &err);
	uint32_t suppressed;

	if (rc == WP_OK)
		rc = job->run(job, thread->store, &err);
	job->result = rc;
	if (rc != WP_OK && wp_log_allow(&thread->log_limit, wp_mono_ms(),
					LOG_INTERVAL_MS, &suppressed))
		wp_log(&thread->log, WP_LOG_WARN, "cold store failed",
		       wp_str("error", err.msg),
		       wp_int("suppressed", suppressed));
}

static void run(void *ctx)
{
	struct wp_store_thread *thread = ctx;

	pthread_mutex_lock(&thread->lock);
	while (!thread->is_stopping) {
		struct wp_store_job *job = list_take(&thread->todo);

		if (job == NULL) {
			pthread_cond_wait(&thread->wake, &thread->lock);
			continue;
		}
		pthread_mutex_unlock(&thread->lock);
		run_job(thread, job);
		pthread_mutex_lock(&thread->lock);
		list_add(&thread->done, job);
		ev_async_send(thread->loop, &thread->done_async);
	}
	pthread_mutex_unlock(&thread->lock);
	wp_store_close(&thread->store);
	wp_redis_free(&thread->redis);
}

static void finish_done(struct wp_store_thread *thread)
{
	struct job_list list;

	pthread_mutex_lock(&thread->lock);
	list = thread->done;
	list_init(&thread->done);
	pthread_mutex_unlock(&thread->lock);
	while (list.head != NULL) {
		struct wp_store_job *job = list.head;

		list.head = job->next;
		thread->n_open--;
		thread->n_open_of[job->user_hash % USER_SLOTS]--;
		job->done(job, job->result);
	}
}

static void on_done(struct ev_loop *loop, ev_async *async, int events)
{
	(void)loop;
	(void)events;
	finish_done(async->data);
}

enum wp_err wp_store_thread_start(struct wp_store_thread **out,
				  struct ev_loop *loop,
				  const struct wp_conf *conf,
				  struct wp_error *err)
{
	struct wp_store_thread *thread = calloc(1, sizeof(*thread));
	const struct wp_thread_job job = { .run = run, .ctx = thread };

	if (thread == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	thread->loop = loop;
	thread->conf = conf;
	thread->log.component = "store";
	list_init(&thread->todo);
	list_init(&thread->done);
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->wake, NULL);
	ev_async_init(&thread->done_async, on_done);
	thread->done_async.data = thread;
	ev_async_start(loop, &thread->done_async);
	if (wp_thread_start(&thread->thread, &job, NULL) != WP_OK) {
		ev_async_stop(loop, &thread->done_async);
		pthread_cond_destroy(&thread->wake);
		pthread_mutex_destroy(&thread->lock);
		free(thread);
		return wp_error_set(err, WP_ERR_SYS,
				    "the store thread cannot be started");
	}
	*out = thread;
	return WP_OK;
}

void wp_store_thread_stop(struct wp_store_thread **thread)
{
	struct wp_store_thread *t = *thread;
	struct wp_store_job *job;

	*thread = NULL;
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	t->is_stopping = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	wp_thread_join(&t->thread);

	ev_async_stop(t->loop, &t->done_async);
	while ((job = list_take(&t->todo)) != NULL) {
		job->result = WP_ERR_UNAVAIL;
		list_add(&t->done, job);
	}
	finish_done(t);
	assert(t->n_open == 0);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
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
	list_add(&thread->todo, job);
	pthread_cond_signal(&thread->wake);
	pthread_mutex_unlock(&thread->lock);
	return WP_OK;
}

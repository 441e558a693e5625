/*
 * job_line.c - two lists under one lock, and threads between them.
 */
#include "lib/live/job_line.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include <ev.h>

#include "lib/sys/thread.h"

enum { USER_SLOTS = 4096 };

struct job_list {
	struct wp_job *head;
	struct wp_job **tail;
};

/* One of the threads, and what is its own. */
struct hand {
	struct wp_job_line *line;
	struct wp_thread thread;
	pthread_cond_t wake;
	struct hand *next; /* who waits for longer; under the line's lock */
	bool is_waiting;   /* so is this */
	void *own;         /* owned */
};

struct wp_job_line {
	struct ev_loop *loop;
	size_t jobs_max;
	size_t jobs_user_max;
	void (*hand_end)(void *hand);
	ev_async done_async;
	/* Submitted and not done; the loop's thread only. Users are told apart
	 * by their hash: two that meet have one part. */
	size_t n_open;
	uint16_t n_open_of[USER_SLOTS];

	pthread_mutex_t lock;
	/* Who has nothing to do, the last one first: with little to do one
	 * thread does it all, and the others need open nothing. */
	struct hand *waiting;
	struct job_list todo; /* all down to is_stopping is under lock */
	struct job_list done;
	bool is_stopping;

	size_t n_hands;
	struct hand hands[];
};

static void list_init(struct job_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_add(struct job_list *list, struct wp_job *job)
{
	job->next = NULL;
	*list->tail = job;
	list->tail = &job->next;
}

static void list_add_first(struct job_list *list, struct wp_job *job)
{
	if (list->head == NULL)
		list->tail = &job->next;
	job->next = list->head;
	list->head = job;
}

static struct wp_job *list_take(struct job_list *list)
{
	struct wp_job *job = list->head;

	if (job != NULL) {
		list->head = job->next;
		if (list->head == NULL)
			list->tail = &list->head;
	}
	return job;
}

/* Under the lock. Woken for a job that somebody else has taken, wait again. */
static void wait_for_job(struct hand *hand)
{
	struct wp_job_line *line = hand->line;

	hand->next = line->waiting;
	line->waiting = hand;
	hand->is_waiting = true;
	while (hand->is_waiting)
		pthread_cond_wait(&hand->wake, &line->lock);
}

/* Under the lock; when nobody waits, whoever is done next looks by himself. */
static void wake_last(struct wp_job_line *line)
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
	struct wp_job_line *line = hand->line;

	pthread_mutex_lock(&line->lock);
	while (!line->is_stopping) {
		struct wp_job *job = list_take(&line->todo);

		if (job == NULL) {
			wait_for_job(hand);
			continue;
		}
		pthread_mutex_unlock(&line->lock);
		job->run(job, hand->own);
		job->has_run = true;
		pthread_mutex_lock(&line->lock);
		list_add(&line->done, job);
		ev_async_send(line->loop, &line->done_async);
	}
	pthread_mutex_unlock(&line->lock);
	line->hand_end(hand->own);
}

static void finish_done(struct wp_job_line *line)
{
	struct job_list list;

	pthread_mutex_lock(&line->lock);
	list = line->done;
	list_init(&line->done);
	pthread_mutex_unlock(&line->lock);
	while (list.head != NULL) {
		struct wp_job *job = list.head;

		list.head = job->next;
		line->n_open--;
		line->n_open_of[job->user_hash % USER_SLOTS]--;
		job->done(job, job->has_run);
	}
}

static void on_done(struct ev_loop *loop, ev_async *async, int events)
{
	(void)loop;
	(void)events;
	finish_done(async->data);
}

static void free_line(struct wp_job_line *line)
{
	ev_async_stop(line->loop, &line->done_async);
	for (size_t i = 0; i < line->n_hands; i++) {
		pthread_cond_destroy(&line->hands[i].wake);
		free(line->hands[i].own);
	}
	pthread_mutex_destroy(&line->lock);
	free(line);
}

static void join_all(struct wp_job_line *line)
{
	pthread_mutex_lock(&line->lock);
	line->is_stopping = true;
	while (line->waiting != NULL)
		wake_last(line);
	pthread_mutex_unlock(&line->lock);
	for (size_t i = 0; i < line->n_hands; i++)
		wp_thread_join(&line->hands[i].thread);
}

static struct wp_job_line *make_line(const struct wp_job_line_setup *setup)
{
	struct wp_job_line *line =
		calloc(1, sizeof(*line) + setup->threads * sizeof(struct hand));

	if (line == NULL)
		return NULL;
	line->loop = setup->loop;
	line->jobs_max = setup->jobs_max;
	line->jobs_user_max = setup->jobs_user_max;
	line->hand_end = setup->hand_end;
	list_init(&line->todo);
	list_init(&line->done);
	pthread_mutex_init(&line->lock, NULL);
	ev_async_init(&line->done_async, on_done);
	line->done_async.data = line;
	ev_async_start(line->loop, &line->done_async);
	return line;
}

/* One more thread. Errors: as wp_job_line_start() */
static enum wp_err add_hand(struct wp_job_line *line,
			    const struct wp_job_line_setup *setup,
			    struct wp_error *err)
{
	struct hand *hand = &line->hands[line->n_hands];
	const struct wp_thread_job job = { .run = run, .ctx = hand };
	enum wp_err rc;

	hand->line = line;
	hand->own = calloc(1, setup->hand_bytes);
	if (hand->own == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	setup->hand_init(hand->own, setup->ctx);
	pthread_cond_init(&hand->wake, NULL);
	rc = wp_thread_start(&hand->thread, &job, err);
	if (rc == WP_OK) {
		line->n_hands++;
		return WP_OK;
	}
	pthread_cond_destroy(&hand->wake);
	free(hand->own);
	return rc;
}

enum wp_err wp_job_line_start(struct wp_job_line **out,
			      const struct wp_job_line_setup *setup,
			      struct wp_error *err)
{
	struct wp_job_line *line = make_line(setup);
	enum wp_err rc = WP_OK;

	if (line == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < setup->threads && rc == WP_OK; i++)
		rc = add_hand(line, setup, err);
	if (rc != WP_OK) {
		join_all(line);
		free_line(line);
		return rc;
	}
	*out = line;
	return WP_OK;
}

void wp_job_line_stop(struct wp_job_line **line_)
{
	struct wp_job_line *line = *line_;
	struct wp_job *job;

	*line_ = NULL;
	if (line == NULL)
		return;
	join_all(line);
	while ((job = list_take(&line->todo)) != NULL)
		list_add(&line->done, job);
	finish_done(line);
	assert(line->n_open == 0);
	free_line(line);
}

bool wp_job_line_is_idle(const struct wp_job_line *line)
{
	return line->n_open == 0;
}

enum wp_err wp_job_line_submit(struct wp_job_line *line, struct wp_job *job)
{
	uint16_t *n_of_user = &line->n_open_of[job->user_hash % USER_SLOTS];

	if (line->n_open >= line->jobs_max || *n_of_user >= line->jobs_user_max)
		return WP_ERR_FULL;
	line->n_open++;
	(*n_of_user)++;
	job->has_run = false;
	pthread_mutex_lock(&line->lock);
	if (job->is_first)
		list_add_first(&line->todo, job);
	else
		list_add(&line->todo, job);
	wake_last(line);
	pthread_mutex_unlock(&line->lock);
	return WP_OK;
}

/*
 * backend.c - connecting, judging, sampling, and who waits meanwhile.
 *
 * Knows nothing about mailboxes or requests.
 */
#include "handlers/request/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/async.h"
#include "lib/redis/client.h"
#include "lib/redis/info.h"

#include "handlers/request/metrics.h"

enum {
	SOON_MS = 100, /* an attempt that begins by then is waited for */
	RUN_ID_MAX = 64,
	WHY_MAX = 256,
};

/* Under way on each line. */
static const size_t window[WP_LINES] = {
	[WP_LINE_SHORT] = WP_BACKEND_SHORT_MAX,
	[WP_LINE_LONG] = WP_BACKEND_PAGES_MAX,
};

static const double sample_s = 1.0;
static const double look_s = 0.05; /* at those who wait */

enum state {
	DOWN, /* or being made */
	JUDGED,
	SAMPLED, /* for the first time */
	UP,
};

struct line;

/* The question to a thread. Outlives a line that was lost meanwhile. */
struct judge {
	struct wp_store_job job; /* first: the thread knows only this */
	const struct wp_conf *conf;
	struct line *line; /* NULL: nobody wants to know any more */
	char run_id[RUN_ID_MAX];
	struct wp_error why;
};

struct line {
	struct wp_backend *backend;
	struct wp_aredis *redis; /* owned */
	enum state state;
	struct judge *judge;  /* under way */
	uint64_t retry_at_ms; /* while DOWN: when the next attempt begins */
	char why[WHY_MAX];
	bool is_refused; /* by us; why says so */
	struct wp_backend_guest *first;
	struct wp_backend_guest **last;
	size_t n_guests;
};

struct wp_backend {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_store_thread *store;
	struct wp_metrics *metrics;
	struct line lines[WP_LINES];
	unsigned int memory_percent;
	bool is_fsync;
	bool is_sampling;
	ev_timer sample_timer;
	ev_timer guest_timer; /* runs while somebody waits */
	ev_check admission;   /* does too; behind what came in this turn */
};

/* ---- who waits ---- */

static void add_guest(struct line *line, struct wp_backend_guest *guest)
{
	struct wp_backend *backend = line->backend;

	guest->next = NULL;
	guest->until_ms = wp_mono_ms() +
			  (uint64_t)backend->conf->redis.command_timeout_ms;
	*line->last = guest;
	line->last = &guest->next;
	line->n_guests++;
	if (!ev_is_active(&backend->guest_timer))
		ev_timer_again(backend->loop, &backend->guest_timer);
	ev_check_start(backend->loop, &backend->admission);
}

static struct wp_backend_guest *take_guest(struct line *line)
{
	struct wp_backend_guest *guest = line->first;

	line->first = guest->next;
	if (line->first == NULL)
		line->last = &line->first;
	line->n_guests--;
	return guest;
}

/* All who wait now; who comes meanwhile has his own turn. */
static void send_away(struct line *line)
{
	size_t n = line->n_guests;

	while (n-- > 0) {
		struct wp_backend_guest *guest = take_guest(line);

		guest->go(guest, false);
	}
}

static bool is_up(const struct line *line)
{
	return line->state == UP && wp_aredis_is_ready(line->redis);
}

/* Is there room for one more command? */
static bool has_room(const struct line *line)
{
	return wp_aredis_unanswered(line->redis) <
	       window[line - line->backend->lines];
}

/* As many of those who wait now as there is room for. */
static void admit(struct line *line)
{
	size_t n = line->n_guests;

	while (n-- > 0 && is_up(line) && has_room(line)) {
		struct wp_backend_guest *guest = take_guest(line);

		guest->go(guest, true);
	}
}

static void on_admission(struct ev_loop *loop, ev_check *check, int events)
{
	struct wp_backend *backend = check->data;
	size_t n = 0;

	(void)events;
	for (size_t i = 0; i < WP_LINES; i++) {
		admit(&backend->lines[i]);
		n += backend->lines[i].n_guests;
	}
	if (n == 0)
		ev_check_stop(loop, check);
}

/* Who waits for answers to others waits as long as those do come. */
static void on_guest_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_backend *backend = timer->data;
	uint64_t now_ms = wp_mono_ms();
	size_t n = 0;

	(void)events;
	for (size_t i = 0; i < WP_LINES; i++) {
		struct line *line = &backend->lines[i];

		while (!is_up(line) && line->first != NULL &&
		       line->first->until_ms <= now_ms) {
			struct wp_backend_guest *guest = take_guest(line);

			guest->go(guest, false);
		}
		n += line->n_guests;
	}
	if (n == 0)
		ev_timer_stop(loop, timer);
}

/* ---- samples ---- */

static void be_up(struct line *line)
{
	line->state = UP;
	line->why[0] = '\0';
	admit(line);
}

static void refuse(struct line *line, const char *why)
{
	(void)snprintf(line->why, sizeof(line->why), "%s", why);
	line->is_refused = true;
	wp_aredis_reset(line->redis);
}

static void on_memory(void *ctx, const struct wp_reply *reply)
{
	struct wp_backend *backend = ((struct line *)ctx)->backend;

	/* One that is busy says nothing about it; what was known holds. */
	if (wp_reply_type(reply) != WP_REPLY_STR)
		return;
	backend->memory_percent = wp_memory_percent(reply);
	wp_metric_set(backend->metrics, WP_H_REDIS_USED,
		      (int64_t)wp_info_number(reply, "used_memory"));
	wp_metric_set(backend->metrics, WP_H_REDIS_MAX,
		      (int64_t)wp_info_number(reply, "maxmemory"));
}

/* What a replica takes is thrown away by its master. */
static void on_role(void *ctx, const struct wp_reply *reply)
{
	struct line *line = ctx;

	if (!wp_role_is_replica(reply))
		return;
	for (size_t i = 0; i < WP_LINES; i++)
		refuse(&line->backend->lines[i],
		       "Redis has become a replica; set redis.address to its "
		       "master");
}

static void on_durability(void *ctx, const struct wp_reply *reply)
{
	struct line *line = ctx;
	struct wp_backend *backend = line->backend;

	backend->is_sampling = false;
	if (reply == NULL)
		return; /* lost: everything is asked again */
	backend->is_fsync = wp_durability_is_fsync(reply);
	/* By each process once a second: it is 0 when none of them can. */
	wp_metric_set(backend->metrics, WP_H_REDIS_UP, 1);
	if (line->state == SAMPLED && wp_aredis_is_ready(line->redis))
		be_up(line);
}

static enum wp_err ask_info(struct line *line, const char *section,
			    wp_reply_fn fn)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "INFO");
	wp_cmd_str(&cmd, section);
	rc = wp_aredis_do(line->redis, &cmd, fn, line);
	wp_cmd_release(&cmd);
	return rc;
}

/* The last answer ends the sample, whatever came of the others. */
static void sample(struct line *line)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	if (line->backend->is_sampling)
		return;
	rc = ask_info(line, "memory", on_memory);
	if (rc == WP_OK)
		rc = ask_info(line, "replication", on_role);
	wp_cmd_init(&cmd);
	wp_durability_ask(&cmd);
	if (rc == WP_OK)
		rc = wp_aredis_do(line->redis, &cmd, on_durability, line);
	wp_cmd_release(&cmd);
	line->backend->is_sampling = rc == WP_OK;
	if (rc != WP_OK && line->state == SAMPLED)
		refuse(line, "memory is exhausted");
}

static void on_sample(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_backend *backend = timer->data;
	struct line *line = &backend->lines[WP_LINE_SHORT];

	(void)loop;
	(void)events;
	if (is_up(line))
		sample(line);
}

/* ---- judging ---- */

/*
 * On a thread. With a client that is as new as the connection: another one may
 * still be connected to the Redis of before.
 */
static enum wp_err judge(struct wp_store_job *job, const char *store_id)
{
	struct judge *judge = (struct judge *)job;
	struct wp_redis *redis = NULL;
	enum wp_err rc =
		wp_redis_new(&redis, judge->conf, &wp_scripts, &judge->why);

	if (rc == WP_OK)
		rc = wp_deployment_check(redis, judge->conf, store_id,
					 &judge->why);
	if (rc == WP_OK)
		(void)snprintf(judge->run_id, sizeof(judge->run_id), "%s",
			       wp_redis_run_id(redis));
	wp_redis_free(&redis);
	return rc;
}

static void on_judged(struct wp_store_job *job, enum wp_err result)
{
	struct judge *judge = (struct judge *)job;
	struct line *line = judge->line;

	if (line != NULL && wp_aredis_is_ready(line->redis)) {
		line->judge = NULL;
		if (result != WP_OK) {
			refuse(line, judge->why.msg);
		} else if (strcmp(judge->run_id,
				  wp_aredis_run_id(line->redis)) != 0) {
			refuse(line, "Redis was restarted meanwhile");
		} else if (line == &line->backend->lines[WP_LINE_SHORT]) {
			line->state = SAMPLED;
			sample(line);
		} else {
			be_up(line);
		}
	} else if (line != NULL) {
		line->judge = NULL;
	}
	free(judge);
}

static void on_ready(void *ctx)
{
	struct line *line = ctx;
	struct judge *judge_ = calloc(1, sizeof(*judge_));

	line->state = JUDGED;
	line->is_refused = false;
	if (judge_ != NULL) {
		judge_->job.ask = judge;
		judge_->job.done = on_judged;
		judge_->conf = line->backend->conf;
		judge_->line = line;
		if (wp_store_thread_submit(line->backend->store,
					   &judge_->job) == WP_OK) {
			line->judge = judge_;
			return;
		}
	}
	free(judge_);
	refuse(line, "too much waits for the cold store");
}

/*
 * It was lost, or an attempt failed. Who came behind the loss waits for the
 * attempt that follows it; who waited for an attempt has its outcome.
 */
static void on_down(void *ctx, const char *reason, uint32_t retry_ms)
{
	struct line *line = ctx;
	bool was_up = line->state == UP;

	line->state = DOWN;
	wp_metric_set(line->backend->metrics, WP_H_REDIS_UP, 0);
	line->retry_at_ms = wp_mono_ms() + retry_ms;
	if (line->judge != NULL)
		line->judge->line = NULL;
	line->judge = NULL;
	if (!line->is_refused)
		(void)snprintf(line->why, sizeof(line->why), "%s", reason);
	line->is_refused = false;
	if (!was_up || retry_ms > SOON_MS)
		send_away(line);
}

/* ---- making ---- */

static enum wp_err open_line(struct wp_backend *backend, enum wp_line which,
			     struct wp_error *err)
{
	static const char *const names[] = {
		[WP_LINE_SHORT] = "handlers",
		[WP_LINE_LONG] = "handlers-pages",
	};
	struct line *line = &backend->lines[which];
	const struct wp_aredis_setup setup = {
		.loop = backend->loop,
		.conf = backend->conf,
		.scripts = &wp_scripts,
		.name = names[which],
		.hooks = { .on_ready = on_ready,
			   .on_down = on_down,
			   .ctx = line },
	};

	line->backend = backend;
	line->last = &line->first;
	return wp_aredis_new(&line->redis, &setup, err);
}

enum wp_err wp_backend_new(struct wp_backend **out,
			   const struct wp_backend_setup *setup,
			   struct wp_error *err)
{
	struct wp_backend *backend = calloc(1, sizeof(*backend));
	enum wp_err rc = WP_OK;

	if (backend == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	backend->loop = setup->loop;
	backend->conf = setup->conf;
	backend->store = setup->store;
	backend->metrics = setup->metrics;
	ev_timer_init(&backend->sample_timer, on_sample, sample_s, sample_s);
	backend->sample_timer.data = backend;
	ev_timer_init(&backend->guest_timer, on_guest_timer, 0., look_s);
	backend->guest_timer.data = backend;
	ev_check_init(&backend->admission, on_admission);
	ev_set_priority(&backend->admission, EV_MINPRI);
	backend->admission.data = backend;
	for (size_t i = 0; rc == WP_OK && i < WP_LINES; i++)
		rc = open_line(backend, (enum wp_line)i, err);
	if (rc != WP_OK) {
		wp_backend_free(&backend);
		return rc;
	}
	ev_timer_start(backend->loop, &backend->sample_timer);
	*out = backend;
	return WP_OK;
}

void wp_backend_free(struct wp_backend **backend)
{
	struct wp_backend *b = *backend;

	if (b == NULL)
		return;
	/* Who is told no may still look at it. */
	for (size_t i = 0; i < WP_LINES; i++) {
		struct line *line = &b->lines[i];

		line->state = DOWN;
		line->retry_at_ms = UINT64_MAX;
		wp_aredis_free(&line->redis);
		send_away(line);
	}
	ev_timer_stop(b->loop, &b->sample_timer);
	ev_timer_stop(b->loop, &b->guest_timer);
	ev_check_stop(b->loop, &b->admission);
	*backend = NULL;
	free(b);
}

/* ---- for its users ---- */

enum wp_backend_door wp_backend_enter(struct wp_backend *backend,
				      enum wp_line which,
				      struct wp_backend_guest *guest)
{
	struct line *line = &backend->lines[which];

	/* Nobody overtakes those who wait. */
	if (is_up(line) && line->n_guests == 0 && has_room(line))
		return WP_BACKEND_UP;
	if ((line->state == DOWN &&
	     line->retry_at_ms > wp_mono_ms() + SOON_MS) ||
	    line->n_guests == WP_BACKEND_GUESTS_MAX)
		return WP_BACKEND_DOWN;
	add_guest(line, guest);
	return WP_BACKEND_WAIT;
}

const char *wp_backend_why(const struct wp_backend *backend, enum wp_line line)
{
	return backend->lines[line].why;
}

enum wp_err wp_backend_do(struct wp_backend *backend, enum wp_line line,
			  const struct wp_cmd *cmd, wp_reply_fn fn, void *ctx)
{
	if (backend->lines[line].state != UP)
		return WP_ERR_UNAVAIL;
	return wp_aredis_do(backend->lines[line].redis, cmd, fn, ctx);
}

const char *wp_backend_run_id(const struct wp_backend *backend,
			      enum wp_line line)
{
	const struct wp_aredis *redis = backend->lines[line].redis;

	return redis == NULL ? "" : wp_aredis_run_id(redis);
}

unsigned int wp_backend_memory_percent(const struct wp_backend *backend)
{
	return backend->memory_percent;
}

const char *wp_backend_durability(const struct wp_backend *backend)
{
	const struct line *line = &backend->lines[WP_LINE_SHORT];

	return is_up(line) && backend->is_fsync ? "fsync" : "memory";
}

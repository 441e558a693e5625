/*
 * account_desk.c - who comes to the desk waits for a slot, if he needs one, and
 * goes on to a thread.
 */
#include "lib/live/account_desk.h"

#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/accounts/hash_gate.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"

enum {
	LOG_INTERVAL_MS = 10000,
	THREADS_BESIDES = 1,    /* for what hashes nothing */
	THREAD_DESCRIPTORS = 3, /* a database, its log and its index */
	OWN_DESCRIPTORS = 2,    /* gate, blocklist */
};
#define LOOK_S 0.01

struct hand {
	struct wp_account_desk *desk;
	struct wp_accounts *accounts;
};

struct wp_account_desk {
	struct ev_loop *loop;
	const struct wp_conf *conf; /* or NULL */
	char *path;                 /* owned */
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_password_way way;
	struct wp_blocklist *blocklist; /* owned */
	struct wp_hash_gate gate;
	struct wp_job_line *line;          /* owned */
	ev_timer look;                     /* runs while somebody waits */
	struct wp_desk_job *first, **last; /* who wait for a slot */
	bool is_stopping;                  /* nobody is served any more */
};

size_t wp_account_desk_descriptors(size_t slots)
{
	if (slots == 0)
		slots = wp_hash_slots_default();
	return (slots + THREADS_BESIDES) * THREAD_DESCRIPTORS + OWN_DESCRIPTORS;
}

/* ---- on a thread ---- */

static struct wp_desk_job *job_of(struct wp_job *base)
{
	return (struct wp_desk_job *)((char *)base -
				      offsetof(struct wp_desk_job, base));
}

/* Is it the file of the deployment? Errors: as wp_deployment_accounts() */
static enum wp_err check_is_ours(const struct hand *hand, struct wp_error *err)
{
	char id[WP_ACCOUNTS_ID_LEN + 1];
	struct wp_redis *redis = NULL;
	enum wp_err rc = wp_accounts_id(hand->accounts, id, err);

	if (rc == WP_OK)
		rc = wp_redis_new(&redis, hand->desk->conf, &wp_scripts, err);
	if (rc == WP_OK)
		rc = wp_redis_connect(redis, err);
	if (rc == WP_OK)
		rc = wp_deployment_accounts(redis, id, err);
	wp_redis_free(&redis);
	return rc;
}

static enum wp_err use_pepper(const struct hand *hand, struct wp_error *err)
{
	char mark[WP_PEPPER_MARK_LEN + 1];

	wp_password_pepper_mark(&hand->desk->way.pepper, mark);
	return wp_accounts_use_pepper(hand->accounts, mark, err);
}

static enum wp_err have_accounts(struct hand *hand, struct wp_error *err)
{
	enum wp_err rc;

	if (hand->accounts != NULL)
		return WP_OK;
	rc = wp_accounts_open(&hand->accounts, hand->desk->path,
			      WP_ACCOUNTS_BUSY_MS, err);
	if (rc == WP_OK && hand->desk->conf != NULL)
		rc = check_is_ours(hand, err);
	if (rc == WP_OK)
		rc = use_pepper(hand, err);
	if (rc != WP_OK)
		wp_accounts_close(&hand->accounts);
	return rc;
}

static void run_job(struct wp_job *base, void *hand_)
{
	struct wp_desk_job *job = job_of(base);
	struct hand *hand = hand_;
	struct wp_error *err = &job->err;
	uint64_t start_us = wp_mono_us();

	if (wp_mono_ms() >= job->until_ms)
		job->result = WP_ERR_FULL;
	else if (have_accounts(hand, err) != WP_OK)
		/* What is wrong with the file is nothing of the caller's. */
		job->result = WP_ERR_UNAVAIL;
	else
		job->result = job->run(job, hand->accounts, err);
	job->took_us = wp_mono_us() - start_us;
}

static void init_hand(void *hand_, void *ctx)
{
	struct hand *hand = hand_;

	hand->desk = ctx;
}

static void end_hand(void *hand_)
{
	struct hand *hand = hand_;

	wp_accounts_close(&hand->accounts);
}

/* ---- on the loop ---- */

static void serve_waiting(struct wp_account_desk *desk);

static void complain(struct wp_account_desk *desk, const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(&desk->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&desk->log, WP_LOG_WARN, "accounts failed",
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

static void on_done(struct wp_job *base, bool has_run)
{
	struct wp_desk_job *job = job_of(base);
	struct wp_account_desk *desk = job->desk;
	enum wp_err result = has_run ? job->result : WP_ERR_UNAVAIL;

	if (has_run && (result == WP_ERR_UNAVAIL || result == WP_ERR_NOMEM))
		complain(desk, &job->err);
	if (job->hashes) {
		wp_hash_gate_leave(&desk->gate, job->slot);
		if (!desk->is_stopping)
			serve_waiting(desk);
	}
	job->done(job, result);
}

/* Into the line. Errors: WP_ERR_FULL, and then a slot is given back */
static enum wp_err pass_on(struct wp_account_desk *desk,
			   struct wp_desk_job *job)
{
	enum wp_err rc;

	job->until_ms = wp_mono_ms() + WP_DESK_WAIT_MS;
	job->base = (struct wp_job){
		.user_hash = job->user_hash,
		.run = run_job,
		.done = on_done,
	};
	rc = wp_job_line_submit(desk->line, &job->base);
	if (rc != WP_OK && job->hashes)
		wp_hash_gate_leave(&desk->gate, job->slot);
	return rc;
}

static struct wp_desk_job *take_first(struct wp_account_desk *desk)
{
	struct wp_desk_job *job = desk->first;

	desk->first = job->next;
	if (desk->first == NULL)
		desk->last = &desk->first;
	wp_hash_gate_stand(&desk->gate, job->seat);
	return job;
}

/* As many as there are slots for; who has waited too long goes away. */
static void serve_waiting(struct wp_account_desk *desk)
{
	uint64_t now_ms = wp_mono_ms();
	struct wp_desk_job *job;
	size_t slot;

	while (desk->first != NULL &&
	       wp_hash_gate_enter(&desk->gate, &slot, NULL) == WP_OK) {
		job = take_first(desk);
		job->slot = slot;
		if (pass_on(desk, job) != WP_OK)
			job->done(job, WP_ERR_FULL);
	}
	while (desk->first != NULL && desk->first->until_ms <= now_ms) {
		job = take_first(desk);
		job->done(job, WP_ERR_FULL);
	}
	if (desk->first == NULL)
		ev_timer_stop(desk->loop, &desk->look);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	serve_waiting(timer->data);
}

/* Take a seat and wait. Errors: WP_ERR_FULL */
static enum wp_err wait_for_slot(struct wp_account_desk *desk,
				 struct wp_desk_job *job)
{
	struct wp_error err = { 0 };
	enum wp_err rc = wp_hash_gate_sit(&desk->gate, &job->seat, &err);

	if (rc != WP_OK) {
		if (rc != WP_ERR_FULL)
			complain(desk, &err);
		return WP_ERR_FULL;
	}
	job->until_ms = wp_mono_ms() + WP_DESK_WAIT_MS;
	job->next = NULL;
	*desk->last = job;
	desk->last = &job->next;
	if (!ev_is_active(&desk->look)) {
		ev_timer_set(&desk->look, LOOK_S, LOOK_S);
		ev_timer_start(desk->loop, &desk->look);
	}
	return WP_OK;
}

enum wp_err wp_account_desk_submit(struct wp_account_desk *desk,
				   struct wp_desk_job *job)
{
	job->desk = desk;
	job->err = (struct wp_error){ 0 };
	job->took_us = 0;
	if (desk->is_stopping)
		return WP_ERR_FULL;
	if (!job->hashes)
		return pass_on(desk, job);
	if (desk->first == NULL &&
	    wp_hash_gate_enter(&desk->gate, &job->slot, NULL) == WP_OK)
		return pass_on(desk, job);
	return wait_for_slot(desk, job);
}

const struct wp_password_way *
wp_account_desk_way(const struct wp_account_desk *desk)
{
	return &desk->way;
}

const struct wp_blocklist *
wp_account_desk_blocklist(const struct wp_account_desk *desk)
{
	return desk->blocklist;
}

/* ---- making ---- */

static enum wp_err start_line(struct wp_account_desk *desk,
			      struct wp_error *err)
{
	const struct wp_job_line_setup setup = {
		.loop = desk->loop,
		.threads = desk->gate.n_slots + THREADS_BESIDES,
		.jobs_max = WP_DESK_JOBS_MAX,
		.jobs_user_max = WP_DESK_JOBS_USER_MAX,
		.hand_bytes = sizeof(struct hand),
		.hand_init = init_hand,
		.hand_end = end_hand,
		.ctx = desk,
	};

	return wp_job_line_start(&desk->line, &setup, err);
}

static struct wp_account_desk *
make_desk(const struct wp_account_desk_setup *setup)
{
	struct wp_account_desk *desk = calloc(1, sizeof(*desk));

	if (desk == NULL)
		return NULL;
	desk->loop = setup->loop;
	desk->conf = setup->conf;
	desk->path = strdup(setup->path);
	desk->log.component = "accounts";
	desk->last = &desk->first;
	desk->way.cost = setup->cost;
	wp_password_pepper(&desk->way.pepper, setup->store_secret);
	ev_timer_init(&desk->look, on_look, 0., LOOK_S);
	desk->look.data = desk;
	return desk;
}

enum wp_err wp_account_desk_new(struct wp_account_desk **out,
				const struct wp_account_desk_setup *setup,
				struct wp_error *err)
{
	struct wp_account_desk *desk = make_desk(setup);
	enum wp_err rc;

	*out = NULL;
	if (desk == NULL || desk->path == NULL)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		rc = wp_blocklist_open(&desk->blocklist, setup->blocklist_file,
				       err);
	if (rc == WP_OK)
		rc = wp_hash_gate_open(&desk->gate, desk->path,
				       setup->slots > 0
					       ? setup->slots
					       : wp_hash_slots_default(),
				       err);
	if (rc == WP_OK)
		rc = start_line(desk, err);
	if (rc == WP_OK)
		*out = desk;
	else
		wp_account_desk_free(&desk);
	return rc;
}

void wp_account_desk_free(struct wp_account_desk **desk_)
{
	struct wp_account_desk *desk = *desk_;

	*desk_ = NULL;
	if (desk == NULL)
		return;
	desk->is_stopping = true;
	wp_job_line_stop(&desk->line);
	while (desk->first != NULL) {
		struct wp_desk_job *job = take_first(desk);

		job->done(job, WP_ERR_UNAVAIL);
	}
	ev_timer_stop(desk->loop, &desk->look);
	wp_hash_gate_close(&desk->gate);
	wp_blocklist_close(&desk->blocklist);
	explicit_bzero(&desk->way, sizeof(desk->way));
	free(desk->path);
	free(desk);
}

/*
 * part.c - do messages move: does each partition have an owner, is its
 * gate open, do the daemons beat, and does nothing wait for too long?
 *
 * All from Redis, so of the whole deployment, wherever its programs are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/mailbox/deployment.h"
#include "lib/mailbox/inbox.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/scripts.h"
#include "tools/waypost/cli/clients.h"
#include "tools/waypost/doctor/checks.h"

enum {
	AT_ONCE = 64, /* questions under way */
	STEP_MS = 250,
	BEATS_WAITED = 3,
	INGRESS_OLD_MS = 30 * 1000,
	MARK_OLD_MS = 60 * 1000,
	EXPIRY_OLD_MS = 15 * 60 * 1000,
	MS_PER_S = 1000,
};

/* A question about each partition. */
struct question {
	void (*ask)(struct wp_cmd *cmd, uint32_t partition);
	void (*hear)(void *ctx, uint32_t partition,
		     const struct wp_reply *reply);
	void *ctx;
};

static enum wp_err ask_some(struct wp_doctor *doctor, uint32_t from,
			    uint32_t to, const struct question *question,
			    struct wp_error *err)
{
	struct wp_cli *cli = doctor->cli;
	enum wp_err rc = WP_OK;

	for (uint32_t p = from; rc == WP_OK && p < to; p++) {
		wp_cmd_clear(&cli->cmd);
		question->ask(&cli->cmd, p);
		rc = wp_redis_append(cli->redis, &cli->cmd, err);
	}
	for (uint32_t p = from; rc == WP_OK && p < to; p++) {
		struct wp_reply *reply = NULL;

		rc = wp_redis_take(cli->redis, &reply, err);
		if (rc == WP_OK)
			question->hear(question->ctx, p, reply);
		wp_reply_free(&reply);
	}
	return rc;
}

/* False, and it is said, when they could not all be asked. */
static bool ask_all(struct wp_doctor *doctor, const char *id,
		    const struct question *question)
{
	uint32_t n = doctor->cli->partitions;
	struct wp_error err = { 0 };
	enum wp_err rc = WP_OK;

	for (uint32_t p = 0; rc == WP_OK && p < n; p += AT_ONCE) {
		if (wp_doctor_left_ms(doctor) == 0)
			rc = wp_error_set(&err, WP_ERR_UNAVAIL,
					  "it takes too long");
		else
			rc = ask_some(doctor, p,
				      n - p < AT_ONCE ? n : p + AT_ONCE,
				      question, &err);
	}
	if (rc != WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, id, NULL,
			      "the partitions could not be asked: %s", err.msg);
	return rc == WP_OK;
}

/* ---- owners and gates ---- */

/* Of a worker: to find its Redis, take partitions and compare them. */
enum { COMING_UP_S = 60, WATCHED_MS = 4000 };

static const char worker[] = "waypost-worker";

/*
 * For how long the worker that is connected longest is there: a restart of
 * Redis has it connect anew, so both are covered. -1: it had its time, there is
 * none, or Redis does not tell.
 *
 * *first_out:  a number that is its connection's alone
 */
static int64_t coming_up_s(struct wp_doctor *doctor, int64_t *first_out)
{
	struct wp_clients clients;
	struct wp_error err;
	int64_t worker_s;

	*first_out = 0;
	if (wp_clients_ask(doctor->cli, &clients, &err) != WP_OK)
		return -1;
	worker_s = wp_clients_since_s(&clients, worker);
	*first_out = wp_clients_first(&clients, worker);
	return worker_s < COMING_UP_S ? worker_s : -1;
}

static void pause_ms(long ms)
{
	const struct timespec step = { .tv_sec = ms / MS_PER_S,
				       .tv_nsec = ms % MS_PER_S * 1000000 };

	(void)nanosleep(&step, NULL);
}

/*
 * Who dies and comes again each time has never been there for long, and would
 * be on its way for ever. So the one that is there is watched for a while.
 *
 * Returns:  it has gone, be there another one or not
 */
static bool does_come_and_go(struct wp_doctor *doctor, int64_t first)
{
	uint64_t until_ms = wp_mono_ms() + WATCHED_MS;
	int64_t now = first;

	while (now == first && wp_mono_ms() < until_ms) {
		pause_ms(STEP_MS);
		(void)coming_up_s(doctor, &now);
	}
	return now != first;
}

struct owners {
	const char *run_id;
	size_t n_unowned;
	size_t n_shut;
};

static void ask_owner(struct wp_cmd *cmd, uint32_t partition)
{
	char prefix[WP_PREFIX_MAX];

	wp_partition_prefix(prefix, partition);
	wp_cmd_str(cmd, "MGET");
	wp_cmd_join(cmd, prefix, strlen(prefix), "owner", strlen("owner"));
	wp_cmd_join(cmd, prefix, strlen(prefix), "gate", strlen("gate"));
}

static void hear_owner(void *ctx, uint32_t partition,
		       const struct wp_reply *reply)
{
	struct owners *owners = ctx;
	const struct wp_reply *owner = wp_reply_at(reply, 0);

	(void)partition;
	owners->n_unowned += wp_reply_len(owner) == 0;
	owners->n_shut += !wp_reply_is(wp_reply_at(reply, 1), owners->run_id);
}

static void look_at_owners(struct wp_doctor *doctor)
{
	struct owners owners = {
		.run_id = wp_redis_run_id(doctor->cli->redis),
	};
	const struct question question = { ask_owner, hear_owner, &owners };
	int64_t since_s = -1, first;
	bool flaps = false;

	if (!ask_all(doctor, "part-owners", &question))
		return;
	if (owners.n_unowned > 0 || owners.n_shut > 0)
		since_s = coming_up_s(doctor, &first);
	if (since_s >= 0) {
		flaps = doctor->worker_flaps || does_come_and_go(doctor, first);
		/* It may have done it while we watched. */
		owners.n_unowned = owners.n_shut = 0;
		if (!ask_all(doctor, "part-owners", &question))
			return;
	}
	if (owners.n_unowned == 0 && owners.n_shut == 0)
		since_s = -1;
	if (since_s >= 0 && flaps) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "part-owners",
			      "the log of waypost-worker says why it ends; "
			      "until it stays, nothing is delivered",
			      "waypost-worker comes and goes: %zu of %" PRIu32
			      " partitions have none, %zu are not compared "
			      "with the store",
			      owners.n_unowned, doctor->cli->partitions,
			      owners.n_shut);
		return;
	}
	if (since_s >= 0) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "part-owners",
			      "look again in a minute; if it lasts, the log of "
			      "waypost-worker says what hinders it",
			      "%zu of %" PRIu32 " partitions have no worker "
			      "yet, %zu are not yet compared with the store: a "
			      "worker is there since %" PRId64 " s",
			      owners.n_unowned, doctor->cli->partitions,
			      owners.n_shut, since_s);
		return;
	}
	if (owners.n_unowned > 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "part-owners",
			      "start waypost-worker; its log says why it does "
			      "not take them",
			      "%zu of %" PRIu32 " partitions have no worker: "
			      "what is accepted there is not delivered",
			      owners.n_unowned, doctor->cli->partitions);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "part-owners",
			      NULL, "each partition has a worker");
	if (owners.n_shut > 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "part-gates",
			      "the worker compares Redis with the store after "
			      "a restart of Redis; if it lasts, its log says "
			      "what hinders it",
			      "%zu partitions are not yet reconciled with the "
			      "store, and route nothing",
			      owners.n_shut);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "part-gates", NULL,
			      "all gates are open");
}

/* ---- what waits ---- */

/* The oldest of something, and in how many partitions it is too old. */
struct waits {
	int64_t now_ms;
	int64_t oldest_ms; /* INT64_MAX: there is none */
};

static void note_time(struct waits *waits, int64_t at_ms)
{
	if (at_ms > 0 && at_ms < waits->oldest_ms)
		waits->oldest_ms = at_ms;
}

static void ask_ingress(struct wp_cmd *cmd, uint32_t partition)
{
	wp_cmd_key(cmd, "XRANGE", partition, "ingress");
	wp_cmd_str(cmd, "-");
	wp_cmd_str(cmd, "+");
	wp_cmd_str(cmd, "COUNT");
	wp_cmd_int(cmd, 1);
}

static void hear_ingress(void *ctx, uint32_t partition,
			 const struct wp_reply *reply)
{
	const struct wp_reply *entry = wp_reply_at(reply, 0);

	(void)partition;
	/* "<ms>-<seq>" */
	if (entry != NULL)
		note_time(ctx, strtoll(wp_reply_str(wp_reply_at(entry, 0)),
				       NULL, 10));
}

static void ask_lowest(struct wp_cmd *cmd, uint32_t partition, const char *name)
{
	wp_cmd_key(cmd, "ZRANGE", partition, name);
	wp_cmd_int(cmd, 0);
	wp_cmd_int(cmd, 0);
	wp_cmd_str(cmd, "WITHSCORES");
}

static void ask_mark(struct wp_cmd *cmd, uint32_t partition)
{
	ask_lowest(cmd, partition, "migrate");
}

static void ask_expiry(struct wp_cmd *cmd, uint32_t partition)
{
	ask_lowest(cmd, partition, "expiry");
}

static void ask_push(struct wp_cmd *cmd, uint32_t partition)
{
	ask_lowest(cmd, partition, "pushdue");
}

static void hear_lowest(void *ctx, uint32_t partition,
			const struct wp_reply *reply)
{
	const struct wp_reply *score = wp_reply_at(reply, 1);

	(void)partition;
	if (score != NULL)
		note_time(ctx, strtoll(wp_reply_str(score), NULL, 10));
}

/* Something that must not wait for long. */
struct patience {
	const char *id;
	void (*ask)(struct wp_cmd *cmd, uint32_t partition);
	void (*hear)(void *ctx, uint32_t partition,
		     const struct wp_reply *reply);
	int64_t most_ms;
	const char *what; /* "the oldest … has waited for" */
	const char *none;
	const char *advice;
};

static void look_at_waiting(struct wp_doctor *doctor,
			    const struct patience *patience)
{
	struct waits waits = { .oldest_ms = INT64_MAX };
	const struct question question = { patience->ask, patience->hear,
					   &waits };
	struct wp_error err = { 0 };
	int64_t age_ms;

	if (wp_cli_time(doctor->cli, &waits.now_ms, &err) != WP_OK) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, patience->id,
			      NULL, "%s", err.msg);
		return;
	}
	if (!ask_all(doctor, patience->id, &question))
		return;
	age_ms = waits.now_ms - waits.oldest_ms;
	if (waits.oldest_ms == INT64_MAX || age_ms <= patience->most_ms)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, patience->id, NULL,
			      "%s", patience->none);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, patience->id,
			      patience->advice, "%s for %" PRId64 " s",
			      patience->what, age_ms / MS_PER_S);
}

static void look_at_ingress(struct wp_doctor *doctor)
{
	static const struct patience patience = {
		.id = "part-ingress",
		.ask = ask_ingress,
		.hear = hear_ingress,
		.most_ms = INGRESS_OLD_MS,
		.what = "an accepted message has waited to be routed",
		.none = "nothing accepted waits to be routed for long",
		.advice = "the log of waypost-worker says what is wrong with "
			  "it; after mailbox.max_tries it is a dead letter",
	};

	look_at_waiting(doctor, &patience);
}

static void look_at_marks(struct wp_doctor *doctor)
{
	static const struct patience patience = {
		.id = "part-marks",
		.ask = ask_mark,
		.hear = hear_lowest,
		.most_ms = MARK_OLD_MS,
		.what = "an absent user's messages have been due to be moved "
			"to the store",
		.none = "nobody's messages are late in moving to the store",
		.advice = "is the store's disk full or slow? The log of "
			  "waypost-worker tells; until then Redis holds them",
	};

	look_at_waiting(doctor, &patience);
}

static void look_at_expiry(struct wp_doctor *doctor)
{
	static const struct patience patience = {
		.id = "part-expiry",
		.ask = ask_expiry,
		.hear = hear_lowest,
		.most_ms = EXPIRY_OLD_MS,
		.what = "expired messages have not been deleted",
		.none = "what expires is deleted",
		.advice = "workers do not believe the clock of Redis; look at "
			  "it, then say waypost expire --confirm",
	};

	look_at_waiting(doctor, &patience);
}

static void look_at_push(struct wp_doctor *doctor)
{
	static const struct patience patience = {
		.id = "part-push",
		.ask = ask_push,
		.hear = hear_lowest,
		.most_ms = MARK_OLD_MS,
		.what = "somebody has been due to be told of a message",
		.none = "nobody waits for long to be told of a message",
		.advice = "is waypost-notifier running? waypost push status "
			  "says how it gets on",
	};

	if (!doctor->cli->conf.push.enabled)
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "part-push",
			      NULL, "push.enabled is false");
	else
		look_at_waiting(doctor, &patience);
}

/* ---- dead letters ---- */

static void ask_dead(struct wp_cmd *cmd, uint32_t partition)
{
	wp_cmd_key(cmd, "XLEN", partition, "dlq");
}

static void hear_dead(void *ctx, uint32_t partition,
		      const struct wp_reply *reply)
{
	int64_t *n = ctx;

	(void)partition;
	*n += wp_reply_int(reply);
}

static void look_at_dead(struct wp_doctor *doctor)
{
	struct wp_reply *reply = NULL;
	struct wp_error err = { 0 };
	int64_t n = 0;
	const struct question question = { ask_dead, hear_dead, &n };

	if (!ask_all(doctor, "part-dead-letters", &question))
		return;
	wp_cmd_clear(&doctor->cli->cmd);
	wp_cmd_str(&doctor->cli->cmd, "XLEN");
	wp_cmd_str(&doctor->cli->cmd, WP_INBOX_KEY ":dlq");
	if (wp_cli_ask(doctor->cli, &reply, &err) == WP_OK)
		n += wp_reply_int(reply);
	wp_reply_free(&reply);
	if (n > 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN,
			      "part-dead-letters",
			      "waypost dlq list says why; then requeue or drop "
			      "them",
			      "%" PRId64 " messages could not be delivered", n);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK,
			      "part-dead-letters", NULL,
			      "there are no dead letters");
}

/* ---- daemons ---- */

/*
 * An incarnation's counter rises with each heartbeat of its daemon, and has no
 * time in it: so each is looked at until it has risen, or has had three times
 * as long as it takes.
 */
enum { BEATS_MAX = 4096 };

struct beat {
	uint32_t partition;
	char name[40];
	int64_t counter;
	bool has_risen;
};

struct beats {
	struct beat *list; /* owned; BEATS_MAX */
	size_t n;
	size_t n_risen;
	bool is_first;
};

static void ask_live(struct wp_cmd *cmd, uint32_t partition)
{
	wp_cmd_key(cmd, "HGETALL", partition, "live");
}

static void note_beat(struct beats *beats, uint32_t partition, const char *name,
		      const char *value)
{
	struct beat *beat = beats->list;
	int64_t counter = strtoll(value, NULL, 10);

	if (beats->is_first) {
		if (beats->n == BEATS_MAX || strcmp(value, "doomed") == 0)
			return;
		beat = &beats->list[beats->n++];
		*beat = (struct beat){ partition, "", counter, false };
		(void)snprintf(beat->name, sizeof(beat->name), "%s", name);
		return;
	}
	while (beat < beats->list + beats->n &&
	       (beat->partition != partition || strcmp(beat->name, name) != 0))
		beat++;
	if (beat == beats->list + beats->n || beat->has_risen ||
	    counter == beat->counter)
		return;
	beat->has_risen = true;
	beats->n_risen++;
}

static void hear_live(void *ctx, uint32_t partition,
		      const struct wp_reply *reply)
{
	for (size_t i = 0; i + 1 < wp_reply_count(reply); i += 2)
		note_beat(ctx, partition, wp_reply_str(wp_reply_at(reply, i)),
			  wp_reply_str(wp_reply_at(reply, i + 1)));
}

static void say_beats(struct wp_doctor *doctor, const struct beats *beats)
{
	if (beats->n == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "part-live", NULL,
			      "nobody is connected");
	else if (beats->n_risen < beats->n)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "part-live",
			      "a daemon has died or hangs: workers reap what "
			      "it left within worker.reap_after_ms; look "
			      "again then",
			      "%zu of %zu registrations of daemons do not beat",
			      beats->n - beats->n_risen, beats->n);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "part-live", NULL,
			      "all daemons of WebSockets beat (%zu "
			      "registrations)",
			      beats->n);
}

static void look_at_live(struct wp_doctor *doctor)
{
	uint64_t until_ms = wp_mono_ms() +
			    (uint64_t)doctor->cli->conf.websocket.heartbeat_ms *
				    BEATS_WAITED;
	struct beats beats = { .is_first = true };
	const struct question question = { ask_live, hear_live, &beats };
	bool is_asked;

	beats.list = calloc(BEATS_MAX, sizeof(*beats.list));
	if (beats.list == NULL)
		return;
	is_asked = ask_all(doctor, "part-live", &question);
	beats.is_first = false;
	while (is_asked && beats.n_risen < beats.n && wp_mono_ms() < until_ms &&
	       wp_doctor_left_ms(doctor) > (uint64_t)STEP_MS * 2) {
		pause_ms(STEP_MS);
		is_asked = ask_all(doctor, "part-live", &question);
	}
	if (is_asked)
		say_beats(doctor, &beats);
	free(beats.list);
}

static void look_at_deployment(struct wp_doctor *doctor)
{
	struct wp_cli *cli = doctor->cli;
	struct wp_error err = { 0 };
	enum wp_err rc = wp_deployment_compare(cli->redis, &cli->conf, &err);

	if (rc == WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "part-deployment",
			      NULL,
			      "Redis serves this deployment, in this layout");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL,
			      "part-deployment",
			      "these are not the settings that the programs "
			      "of this deployment have",
			      "%s", err.msg);
}

const struct wp_doctor_check wp_doctor_part[] = {
	{ "part-deployment", WP_DOCTOR_NEEDS_REDIS, look_at_deployment },
	{ "part-owners", WP_DOCTOR_NEEDS_REDIS, look_at_owners },
	{ "part-ingress", WP_DOCTOR_NEEDS_REDIS, look_at_ingress },
	{ "part-marks", WP_DOCTOR_NEEDS_REDIS, look_at_marks },
	{ "part-expiry", WP_DOCTOR_NEEDS_REDIS, look_at_expiry },
	{ "part-push", WP_DOCTOR_NEEDS_REDIS, look_at_push },
	{ "part-dead-letters", WP_DOCTOR_NEEDS_REDIS, look_at_dead },
	{ "part-live", WP_DOCTOR_NEEDS_REDIS, look_at_live },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};

/*
 * Who is to be told, in all orders: messages, acks, connects, disconnects,
 * migrations, route calls that are cut off, devices that are registered late,
 * notifiers that take, look for devices, look again, tell, answer late or
 * never. Whatever happens, in the end everybody who has mail was told of the
 * newest, no device shows a number where nothing waits, nobody was told of
 * nothing, and no box was claimed by two.
 *
 * The order follows from a number, so a run that fails can be run again. Short
 * runs find more than long ones. Each guard of the scripts is taken away in
 * turn, and has to be missed.
 *
 * Redis' clock is what it is; what passes is the schedule, moved towards it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/presence.h"
#include "lib/mailbox/push.h"
#include "lib/mailbox/scripts.h"
#include "tests/support/boxes.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum {
	RUNS = 500,
	RUNS_OF_A_BUG = 2000, /* until it is missed */
	STEPS = 60,
	BOXES = 6,
	WAITING_MAX = STEPS,
	CLAIMS_MAX = 64,
	ROUNDS_MAX = 60, /* until everything has been told */
	CUT_MAX = 24,    /* calls of a script, about */
	/* No time that a test may take counts beside these. */
	CLAIM_MS = 3600 * 1000,
	LONGER_MS = 3700 * 1000,
	SHORT_MS = 2000,
	DAY_MS = 24 * 3600 * 1000,
	LONG_MS = 22 * 3600 * 1000, /* below what a clock cannot be ahead */
};

/* ---- scripts in place of those that are embedded ---- */

static const struct wp_script_source *replaced[WP_SCRIPT_COUNT];

void __real_wp_cmd_eval(struct wp_cmd *cmd,
			const struct wp_script_source *script, size_t n_keys);
void __wrap_wp_cmd_eval(struct wp_cmd *cmd,
			const struct wp_script_source *script, size_t n_keys);
void __wrap_wp_cmd_eval(struct wp_cmd *cmd,
			const struct wp_script_source *script, size_t n_keys)
{
	size_t i = (size_t)(script - wp_scripts.list);

	assert_true(i < WP_SCRIPT_COUNT);
	__real_wp_cmd_eval(cmd, replaced[i] != NULL ? replaced[i] : script,
			   n_keys);
}

/* A script that Redis has loaded; the caller frees it with drop(). */
static struct wp_script_source *load(struct wp_world *w, char *text)
{
	struct wp_script_source *source = calloc(1, sizeof(*source));
	struct wp_reply *reply;

	assert_non_null(source);
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "SCRIPT");
	wp_cmd_str(&w->cmd, "LOAD");
	wp_cmd_str(&w->cmd, text);
	reply = wp_world_do(w);
	if (wp_reply_len(reply) != sizeof(source->sha1) - 1)
		fail_msg("not loaded: %s", wp_reply_str(reply));
	memcpy(source->sha1, wp_reply_str(reply), sizeof(source->sha1));
	source->text = text;
	wp_reply_free(&reply);
	return source;
}

/* The text of a script with one part of it, which is there once, replaced. */
static char *edited(enum wp_script script, const char *old, const char *new)
{
	const char *text = wp_scripts.list[script].text;
	const char *at = strstr(text, old);
	size_t size = strlen(text) + strlen(new) + 1;
	char *out = malloc(size);

	assert_non_null(out);
	if (at == NULL || strstr(at + 1, old) != NULL)
		fail_msg("%s has not just one \"%s\"",
			 wp_scripts.list[script].name, old);
	(void)snprintf(out, size, "%.*s%s%s", (int)(at - text), text, new,
		       at + strlen(old));
	return out;
}

/* Takes how many calls get through as one more argument; 0: all. */
static const char prologue[] =
	"local real, left = redis, tonumber(table.remove(ARGV))\n"
	"local is_cut = false\n"
	"local function cut(f)\n"
	"  return function(...)\n"
	"    if is_cut then error('cut here') end\n"
	"    local result = f(...)\n"
	"    left = left - 1\n"
	"    is_cut = left == 0\n"
	"    if is_cut then error('cut here') end\n"
	"    return result\n"
	"  end\n"
	"end\n"
	"local redis = setmetatable({call = cut(real.call),\n"
	"  pcall = cut(real.pcall)}, {__index = real})\n";

static char *cuttable(const char *text)
{
	const char *rest = strchr(text, '\n') + 1;
	size_t size = strlen(text) + sizeof(prologue);
	char *out = malloc(size);

	assert_non_null(out);
	(void)snprintf(out, size, "%.*s%s%s", (int)(rest - text), text,
		       prologue, rest);
	return out;
}

/* A guard, and what is there instead. */
struct bug {
	const char *what;
	enum wp_script script;
	const char *old;
	const char *new;
};

static void plant(struct wp_world *w, const struct bug *bug)
{
	char *route;

	if (bug != NULL && bug->script != WP_SCRIPT_ROUTE)
		replaced[bug->script] =
			load(w, edited(bug->script, bug->old, bug->new));
	/* route calls are cut off, with a bug or without one. */
	if (bug != NULL && bug->script == WP_SCRIPT_ROUTE)
		route = edited(bug->script, bug->old, bug->new);
	else
		route = strdup(wp_scripts.list[WP_SCRIPT_ROUTE].text);
	assert_non_null(route);
	replaced[WP_SCRIPT_ROUTE] = load(w, cuttable(route));
	free(route);
}

static void drop_all(void)
{
	for (size_t i = 0; i < WP_SCRIPT_COUNT; i++) {
		struct wp_script_source source;

		if (replaced[i] == NULL)
			continue;
		memcpy(&source, replaced[i], sizeof(source));
		free((void *)(uintptr_t)source.text);
		free((void *)(uintptr_t)replaced[i]);
		replaced[i] = NULL;
	}
}

/* ---- what there is ---- */

struct person {
	struct wp_box box;
	struct wp_msgid waiting[WAITING_MAX]; /* sent, not acked */
	size_t n;
	bool is_online;
	bool has_devices;
	bool is_registering; /* in the store, and not in Redis yet */
	bool is_muted;
	int once; /* the last that was asked for */
	int given;
	int claims; /* how many there were */
	/* Its device: told up to, and whether it shows a number. Who is told
	 * because he has registered it is told of all that can be seen. */
	struct wp_entry_id told, seen;
	struct wp_entry_id registered; /* what was asked for then */
	bool has_badge;
};

/* What a notifier has taken and not answered. */
struct claim {
	struct person *person;
	int number; /* of that person's */
	char text[WP_PUSH_CLAIM_MAX + 1];
	enum wp_push_what what;
	struct wp_entry_id want;
	int once;        /* that was asked for when it was taken */
	int64_t left_ms; /* until it lapses */
	bool is_looked_up;
	bool is_nobody; /* there was no device then */
	bool is_over;   /* requests have ended */
	bool has_sent;
	bool is_put_off;
	bool has_given;
};

struct run {
	struct wp_world *w;
	uint64_t state; /* of the dice */
	struct person people[BOXES];
	size_t n_people; /* few meet more often */
	struct claim claims[CLAIMS_MAX];
	size_t n_claims;
	int taken; /* calls of take */
	int connections;
	const char *violation; /* NULL: none so far */
};

static void violate(struct run *run, const char *what)
{
	if (run->violation == NULL)
		run->violation = what;
}

/* 0 to n - 1 (splitmix64). */
static size_t dice(struct run *run, size_t n)
{
	uint64_t z = run->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (size_t)((z ^ z >> 31) % n);
}

static struct person *somebody(struct run *run)
{
	return &run->people[dice(run, run->n_people)];
}

static void reset(struct run *run, struct wp_world *w, uint64_t seed)
{
	*run = (struct run){
		.w = w,
		.state = seed,
		.n_people = 1 + seed % BOXES,
	};
	wp_world_run(w, "FLUSHALL");
	wp_world_run(w, "SET " WP_P "owner %s", w->owner);
	wp_world_run(w, "SET " WP_P "gate %s", wp_redis_run_id(w->redis));
	wp_world_join(w, "i1");
	w->conf.push.inactive_ms = LONG_MS;
	for (size_t i = 0; i < run->n_people; i++) {
		char urn[40];

		/* The cold store is not emptied. */
		(void)snprintf(urn, sizeof(urn), "urn:sm:user:r%llu-%zu",
			       (unsigned long long)seed, i);
		run->people[i].box = wp_test_box(WP_WORLD_PARTITION, urn);
		run->people[i].has_devices = (i + seed / BOXES) % 3 == 0;
	}
}

/* ---- what happens ---- */

static void route(struct run *run, size_t cut)
{
	struct wp_world *w = run->w;
	const struct wp_route_ask ask = wp_world_ask(w);
	const struct wp_route_call call = { &w->conf, wp_redis_run_id(w->redis),
					    "0123456789abcdef" };
	struct wp_reply *reply;

	wp_route_build(&w->cmd, &call, &ask, 1);
	wp_cmd_int(&w->cmd, (int64_t)cut);
	reply = wp_world_do(w);
	if (wp_reply_type(reply) == WP_REPLY_ERROR &&
	    strstr(wp_reply_str(reply), "cut here") == NULL)
		fail_msg("route: %s", wp_reply_str(reply));
	wp_reply_free(&reply);
}

static void send(struct run *run)
{
	struct person *p = somebody(run);

	if (p->n == WAITING_MAX)
		return;
	p->waiting[p->n++] = wp_world_post(
		run->w, (struct wp_world_mail){
				.json = "m",
				.to = p->box.text,
				.band = dice(run, 3) == 0 ? WP_BAND_HIGH
							  : WP_BAND_STANDARD });
	if (dice(run, 4) > 0)
		route(run, dice(run, 3) == 0 ? 1 + dice(run, CUT_MAX) : 0);
}

static void move(struct run *run)
{
	struct person *p = somebody(run);
	struct wp_world *w = run->w;
	const struct wp_presence_teller by = {
		.incarnation = "i1",
		.protocol = "ws",
		.max_per_user = 9,
	};
	struct wp_presence_connect what = {
		.partition = WP_WORLD_PARTITION,
		.urn = p->box.text,
		.urn_len = p->box.len,
		.device = "",
		.chat = "",
	};
	char name[24];
	struct wp_reply *reply;

	(void)snprintf(name, sizeof(name), "i1.%zu",
		       (size_t)(p - run->people) + 1);
	what.connection = name;
	if (p->is_online)
		wp_presence_disconnect_build(&w->cmd, &w->conf, &p->box, name,
					     5000);
	else
		wp_presence_connect_build(&w->cmd, wp_redis_run_id(w->redis),
					  &by, &what, 1);
	reply = wp_world_do(w);
	assert_true(wp_reply_is(wp_reply_at(reply, 0), "ok"));
	wp_reply_free(&reply);
	p->is_online = !p->is_online;
}

/* One, a few, or all. */
static void ack(struct run *run)
{
	struct person *p = somebody(run);
	size_t all = dice(run, 2);
	struct wp_msgid ids[WAITING_MAX];
	struct wp_ack_ids list = { .ids = ids };
	size_t left = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (all != 0 || dice(run, 2) == 0)
			ids[list.n++] = p->waiting[i];
		else
			p->waiting[left++] = p->waiting[i];
	}
	p->n = left;
	assert_int_equal(
		wp_ack(run->w->redis, run->w->store, &p->box, &list, NULL),
		WP_OK);
}

static void migrate(struct run *run)
{
	const struct wp_migrate_ctx ctx = wp_world_migration(run->w);
	struct person *p = somebody(run);
	int64_t moved;

	assert_int_equal(wp_world_move(&ctx, run->w->owner, &p->box, &moved),
			 WP_OK);
}

/* Time, as far as the schedule knows. */
static void pass(struct run *run, int64_t ms)
{
	wp_world_run(
		run->w,
		"EVAL for\t_,u\tin\tipairs(redis.call('ZRANGE',KEYS[1],0,"
		"-1))do\tredis.call('ZINCRBY',KEYS[1],ARGV[1],u)end 1 " WP_P
		"pushdue %lld",
		-(long long)ms);
	for (size_t i = 0; i < run->n_claims; i++)
		run->claims[i].left_ms -= ms;
}

static void wake(struct run *run, struct person *p, const char *once)
{
	struct wp_reply *reply;

	wp_push_wake_build(&run->w->cmd, &p->box, once);
	reply = wp_world_do(run->w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

static void ask_once(struct run *run)
{
	struct person *p = somebody(run);
	char text[24];

	(void)snprintf(text, sizeof(text), "t:%d", ++p->once);
	wake(run, p, text);
}

static void prefer(struct run *run)
{
	struct person *p = somebody(run);

	p->is_muted = !p->is_muted;
	wake(run, p, "");
}

/* ---- devices ---- */

/* The newest that waits and is in ingress no more, or was there when a call was
 * cut off. */
static struct wp_entry_id newest_seen(struct run *run, const struct person *p)
{
	struct wp_entry_id newest = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		char id[WP_ENTRY_ID_MAX];

		wp_entry_id_format(&p->waiting[i].entry, id);
		if (wp_entry_id_cmp(&p->waiting[i].entry, &newest) > 0 &&
		    wp_world_int(run->w,
				 "EVAL return#redis.call('XRANGE',KEYS[1],"
				 "ARGV[1],ARGV[1]) 1 " WP_P "ingress %s",
				 id) == 0)
			newest = p->waiting[i].entry;
	}
	return newest;
}

static struct wp_entry_id asked_for(struct run *run, const struct person *p)
{
	struct wp_reply *reply =
		wp_world_cmd(run->w, "GET " WP_P "notified:%s", p->box.text);
	struct wp_entry_id id = { 0 };

	(void)wp_entry_id_parse(&id, wp_reply_str(reply), wp_reply_len(reply));
	wp_reply_free(&reply);
	return id;
}

/* The second step; a client does both at every start. */
static void register_in_redis(struct run *run, struct person *p)
{
	const struct wp_entry_id before = asked_for(run, p);
	struct wp_entry_id after;
	struct wp_reply *reply;

	wp_push_registered_build(&run->w->cmd, &run->w->conf, &p->box, true);
	reply = wp_world_do(run->w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
	p->is_registering = false;
	after = asked_for(run, p);
	if (wp_entry_id_cmp(&before, &after) != 0) {
		p->registered = after;
		p->seen = newest_seen(run, p);
	}
}

static void register_device(struct run *run)
{
	struct person *p = somebody(run);

	p->is_registering = true;
	if (p->has_devices)
		register_in_redis(run, p);
	p->has_devices = true;
}

/* What a mark says is forgotten in an hour. */
static void expire_mark(struct run *run)
{
	struct person *p = somebody(run);

	if (wp_world_int(run->w, "TTL " WP_P "notified:%s", p->box.text) <=
	    3600)
		wp_world_run(run->w, "DEL " WP_P "notified:%s", p->box.text);
}

/* ---- notifiers ---- */

static struct person *person_of(struct run *run, const struct wp_box *box)
{
	for (size_t i = 0; i < run->n_people; i++)
		if (strcmp(run->people[i].box.text, box->text) == 0)
			return &run->people[i];
	fail_msg("nobody has the box %s", box->text);
	return NULL;
}

static void note_claim(struct run *run, const struct wp_push_box *box)
{
	struct person *p = person_of(run, &box->box);
	const char *once = wp_push_field(box, "once");
	struct claim *claim = &run->claims[run->n_claims];

	for (size_t i = 0; i < run->n_claims; i++)
		if (run->claims[i].person == p && run->claims[i].left_ms > 0)
			violate(run, "two have claims of one box");
	if (box->what == WP_PUSH_TELL && p->n == 0)
		violate(run, "taken to tell of nothing");
	assert_true(run->n_claims < CLAIMS_MAX);
	run->n_claims++;
	*claim = (struct claim){
		.person = p,
		.number = ++p->claims,
		.what = box->what,
		.want = box->want,
		.once = once != NULL ? atoi(once + 2) : 0,
		.left_ms = CLAIM_MS,
	};
	(void)snprintf(claim->text, sizeof(claim->text), "%s",
		       wp_push_field(box, "claim"));
}

/* How many boxes there were. */
static size_t take(struct run *run, size_t max)
{
	struct wp_world *w = run->w;
	char text[WP_PUSH_CLAIM_MAX + 1];
	const struct wp_push_take what = {
		.partition = WP_WORLD_PARTITION,
		.run_id = wp_redis_run_id(w->redis),
		.claim = text,
		.claim_ms = CLAIM_MS,
		.max = (int64_t)max,
	};
	struct wp_push_taken taken;
	struct wp_reply *reply;

	if (run->n_claims + max > CLAIMS_MAX)
		return 0;
	(void)snprintf(text, sizeof(text), "n%zu.%d", dice(run, 2),
		       ++run->taken);
	wp_push_take_build(&w->cmd, &w->conf, &what);
	reply = wp_world_do(w);
	if (wp_push_take_parse(reply, &taken) != WP_OK)
		fail_msg("push_take: %s", wp_reply_str(reply));
	for (size_t i = 0; i < taken.n; i++) {
		struct wp_push_box box;

		assert_int_equal(
			wp_push_taken_box(reply, i, WP_WORLD_PARTITION, &box),
			WP_OK);
		note_claim(run, &box);
	}
	wp_reply_free(&reply);
	return taken.n;
}

static bool is_good_still(struct run *run, const struct claim *claim)
{
	struct wp_world *w = run->w;
	struct wp_push_checked checked;
	struct wp_reply *reply;

	wp_push_check_build(&w->cmd, wp_redis_run_id(w->redis),
			    &claim->person->box, claim->text);
	reply = wp_world_do(w);
	assert_int_equal(wp_push_check_parse(reply, &checked), WP_OK);
	wp_reply_free(&reply);
	return checked.is_ours && checked.waiting > 0;
}

/* What the store says; whoever has no device is answered for at any time. */
static void look_up(struct claim *claim)
{
	claim->is_looked_up = true;
	claim->is_nobody = !claim->person->has_devices;
	claim->is_over = claim->is_nobody;
	claim->has_given = claim->is_nobody && claim->once > 0;
	if (claim->has_given && claim->once > claim->person->given)
		claim->person->given = claim->once;
}

static void note_told(struct person *p, const struct wp_entry_id *want)
{
	const struct wp_entry_id *up_to =
		wp_entry_id_cmp(want, &p->registered) == 0 ? &p->seen : want;

	if (wp_entry_id_cmp(up_to, &p->told) > 0)
		p->told = *up_to;
}

/* The plan, the requests and their outcome; nothing on a claim that is old. */
static void request(struct run *run, struct claim *claim, bool may_put_off)
{
	struct person *p = claim->person;

	if (!claim->is_looked_up)
		look_up(claim);
	if (claim->is_over)
		return;
	claim->is_over = true;
	if (claim->left_ms <= 0 || (may_put_off && dice(run, 5) == 0)) {
		claim->is_put_off = true;
		return;
	}
	if (claim->once > p->given)
		p->given = claim->once;
	claim->has_given = claim->once > 0;
	if (claim->what == WP_PUSH_CLEAR) {
		claim->has_sent = true;
		p->has_badge = false;
	} else if (claim->what == WP_PUSH_TELL && p->is_muted) {
		claim->is_put_off = true;
	} else if (claim->what == WP_PUSH_TELL && is_good_still(run, claim)) {
		if (p->n == 0)
			violate(run, "told of nothing");
		claim->has_sent = true;
		p->has_badge = true;
		note_told(p, &claim->want);
	}
}

static void forget_claim(struct run *run, size_t i)
{
	run->claims[i] = run->claims[--run->n_claims];
}

static int64_t redis_now_ms(struct wp_world *w)
{
	return wp_world_int(w, "EVAL local\tt=redis.call('TIME')return\t"
			       "math.floor(t[1]*1000+t[2]/1000) 0");
}

static void answer(struct run *run, size_t i)
{
	static const struct wp_push_field fields[] = {
		[WP_PUSH_TELL] = { "shown", "1" },
		[WP_PUSH_CLEAR] = { "shown", "" },
	};
	struct claim *claim = &run->claims[i];
	char once[24] = "";
	struct wp_push_done done = {
		.box = &claim->person->box,
		.claim = claim->text,
		.want = claim->want,
		.next = WP_PUSH_TOLD,
		.once = once,
		.fields = claim->has_sent ? &fields[claim->what] : NULL,
		.n = claim->has_sent,
	};
	struct wp_reply *reply;
	enum wp_err rc;

	if (claim->once > 0)
		(void)snprintf(once, sizeof(once), "t:%d", claim->once);
	if (claim->is_put_off) {
		done.next = WP_PUSH_LATER;
		done.once_waits = !claim->has_given;
		done.clear_waits = claim->what == WP_PUSH_CLEAR;
		done.next_ms = redis_now_ms(run->w) + LONG_MS;
	} else if (claim->is_nobody) {
		done.next = WP_PUSH_DROP;
		done.n = 0;
	}
	wp_push_done_build(&run->w->cmd, &done);
	reply = wp_world_do(run->w);
	rc = wp_script_done(reply);
	if (rc == WP_ERR_UNAVAIL)
		fail_msg("push_done: %s", wp_reply_str(reply));
	if (rc == WP_OK && claim->number != claim->person->claims)
		violate(run, "an old claim writes");
	wp_reply_free(&reply);
	forget_claim(run, i);
}

static void work_on_claim(struct run *run)
{
	size_t i;

	if (run->n_claims == 0)
		return;
	/* Mostly the newest, so that some answers come late. */
	i = dice(run, 4) > 0 ? run->n_claims - 1 : dice(run, run->n_claims);
	if (!run->claims[i].is_looked_up && dice(run, 2) == 0)
		look_up(&run->claims[i]);
	else if (!run->claims[i].is_over)
		request(run, &run->claims[i], true);
	else if (dice(run, 6) == 0)
		forget_claim(run, i); /* the notifier died */
	else
		answer(run, i);
}

static void step(struct run *run)
{
	switch (dice(run, 26)) {
	case 0:
	case 1:
	case 2:
	case 3:
		send(run);
		break;
	case 4:
		route(run, 0);
		break;
	case 5:
	case 6:
		move(run);
		break;
	case 7:
	case 8:
		ack(run);
		break;
	case 9:
		if (dice(run, 4) == 0)
			migrate(run);
		break;
	case 10:
	case 11:
		pass(run, dice(run, 3) > 0 ? LONGER_MS : DAY_MS);
		break;
	case 12:
		if (dice(run, 2) == 0)
			ask_once(run);
		else
			prefer(run);
		break;
	case 13:
		run->w->conf.push.inactive_ms = dice(run, 2) == 0 ? 0 : LONG_MS;
		break;
	case 14:
	case 15:
	case 16:
	case 17:
		if (dice(run, 3) > 0)
			pass(run, SHORT_MS);
		(void)take(run, 1 + dice(run, 3));
		break;
	case 18:
		register_device(run);
		break;
	case 19:
		expire_mark(run);
		break;
	default:
		work_on_claim(run);
		break;
	}
}

/* ---- the end ---- */

/* Nothing more comes; notifiers go on until nothing is left for them. */
static void settle(struct run *run)
{
	struct wp_world *w = run->w;
	int rounds = 0;

	w->conf.push.inactive_ms = 0;
	for (size_t i = 0; i < run->n_people; i++) {
		if (run->people[i].is_registering)
			register_in_redis(run, &run->people[i]);
		if (run->people[i].is_muted)
			wake(run, &run->people[i], "");
		run->people[i].is_muted = false;
	}
	route(run, 0);
	while (run->n_claims > 0)
		if (dice(run, 3) == 0)
			forget_claim(run, 0);
		else if (!run->claims[0].is_over)
			request(run, &run->claims[0], false);
		else
			answer(run, 0);
	do {
		pass(run, DAY_MS);
		while (take(run, BOXES) > 0 && run->violation == NULL &&
		       ++rounds < ROUNDS_MAX)
			while (run->n_claims > 0) {
				request(run, &run->claims[0], false);
				answer(run, 0);
			}
	} while (wp_world_int(w, "EXISTS " WP_P "pushdue") == 1 &&
		 ++rounds < ROUNDS_MAX && run->violation == NULL);
	if (rounds >= ROUNDS_MAX)
		violate(run, "there is no end of it");
}

static void judge_person(struct run *run, const struct person *p)
{
	struct wp_entry_id newest = { 0 };

	for (size_t i = 0; i < p->n; i++)
		if (wp_entry_id_cmp(&p->waiting[i].entry, &newest) > 0)
			newest = p->waiting[i].entry;
	if (p->n > 0 && p->has_devices &&
	    wp_entry_id_cmp(&p->told, &newest) < 0)
		violate(run, "somebody has mail and was not told");
	if (p->n == 0 && p->has_badge)
		violate(run, "a badge is left over");
	if (p->given != p->once)
		violate(run, "what was asked for once was not done");
	if (wp_world_int(run->w, "HEXISTS " WP_P "pushed:%s busy",
			 p->box.text) == 1)
		violate(run, "a claim is left over");
}

/* What went wrong, or NULL. */
static const char *play(struct wp_world *w, uint64_t seed)
{
	struct run run;

	reset(&run, w, seed);
	for (int i = 0; i < STEPS && run.violation == NULL; i++)
		step(&run);
	if (run.violation == NULL)
		settle(&run);
	for (size_t i = 0; i < run.n_people && run.violation == NULL; i++)
		judge_person(&run, &run.people[i]);
	if (run.violation == NULL &&
	    wp_world_int(w, "EXISTS " WP_P "pushhigh") == 1)
		violate(&run, "the high band is left over");
	return run.violation;
}

static void everybody_is_told_and_nobody_in_vain(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	plant(w, NULL);
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const char *violation = play(w, seed);

		if (violation != NULL)
			fail_msg("run %llu: %s", (unsigned long long)seed,
				 violation);
	}
	drop_all();
}

static const struct bug bugs[] = {
	{ "done does not compare want", WP_SCRIPT_PUSH_DONE,
	  "is_above(push_want(urn, is_online), want) or once", "once" },
	{ "done does not compare the claim", WP_SCRIPT_PUSH_DONE,
	  "if known[1] ~= claim then", "if false then" },
	{ "done does not look at an emptied mailbox", WP_SCRIPT_PUSH_DONE,
	  "is_shown and not clear_waits and push_waiting(urn) == 0", "false" },
	{ "done removes whatever was asked for once", WP_SCRIPT_PUSH_DONE,
	  "if once and once == once_known then", "if once then" },
	{ "done holds what waits to be done", WP_SCRIPT_PUSH_DONE,
	  "if not once_waits then", "if true then" },
	{ "a claim is a counter", WP_SCRIPT_PUSH_TAKE, "'claim', claim,",
	  "'claim', (redis.call('HGET', key, 'claim') or 0) + 1," },
	{ "take does not ask whether something waits", WP_SCRIPT_PUSH_TAKE,
	  "if box.waiting > 0 then", "if true then" },
	{ "take goes by what was asked for alone", WP_SCRIPT_PUSH_TAKE,
	  "is_online and highest_waiting(urn, now_ms)", "nil" },
	{ "take holds a lapsed claim to have shown nothing",
	  WP_SCRIPT_PUSH_TAKE,
	  "    known[3] = '1'\n    redis.call('HSET', key, 'shown', '1')\n",
	  "" },
	{ "done marks although it was woken", WP_SCRIPT_PUSH_DONE,
	  "or once or known[3] then", "or once then" },
	{ "a registration does not wake", WP_SCRIPT_PUSH_WAKE,
	  "    redis.call('SET', notified, before_ingress(), 'EX',"
	  " KEPT_SECONDS)\n",
	  "" },
	{ "a registration makes no entry", WP_SCRIPT_PUSH_WAKE,
	  "    if not is_claimed then\n      redis.call('ZADD', pushdue, "
	  "'LT',\n"
	  "        string",
	  "    if false then\n      redis.call('ZADD', pushdue,"
	  " 'LT',\n        string" },
	{ "a registration lowers a claimed score", WP_SCRIPT_PUSH_WAKE,
	  "    if not is_claimed then\n      redis.call('ZADD', pushdue, "
	  "'LT',\n"
	  "        string",
	  "    if true then\n      redis.call('ZADD', pushdue,"
	  " 'LT',\n        string" },
	{ "a registration asks for what is in ingress", WP_SCRIPT_PUSH_WAKE,
	  "math.min(now_ms, oldest_ms) - 1", "now_ms - 1" },
	{ "a registration behind the mark's end does nothing",
	  WP_SCRIPT_PUSH_WAKE, "known or push_waiting(urn) > 0", "known" },
	{ "a registration wakes no claim", WP_SCRIPT_PUSH_WAKE,
	  "elseif is_claimed then", "elseif is_claimed and push == '' then" },
	{ "check does not look at what waits", WP_SCRIPT_PUSH_CHECK,
	  "return {1, push_waiting(urn)", "return {1, 1" },
	{ "route: the high band lowers a claimed score", WP_SCRIPT_ROUTE,
	  "if not is_claimed(one.urn) then", "if true then" },
	{ "route sets notified before the entry", WP_SCRIPT_ROUTE,
	  "    redis.call('ZADD', prefix .. 'pushdue', 'NX', unpack(words))",
	  "    for _, one in ipairs(news) do redis.call('SET', prefix ..\n"
	  "    'notified:' .. one.urn, one.about) end\n"
	  "    redis.call('ZADD', prefix .. 'pushdue', 'NX', unpack(words))" },
	{ "route: the high band before the entry", WP_SCRIPT_ROUTE,
	  "    redis.call('ZADD', prefix .. 'pushdue', 'NX', unpack(words))",
	  "    if #high > 0 then redis.call('SADD', prefix .. 'pushhigh',\n"
	  "    unpack(high)) end\n"
	  "    redis.call('ZADD', prefix .. 'pushdue', 'NX', unpack(words))" },
	{ "route asks for nobody who is online", WP_SCRIPT_ROUTE,
	  "if not user.is_watched then", "if false then" },
	{ "disconnect asks for nobody", WP_SCRIPT_DISCONNECT,
	  "push_departed(urn, push_ms + push_grace_ms)", "local _ = 0" },
	{ "disconnect lowers a claimed score", WP_SCRIPT_DISCONNECT,
	  "if not is_claimed(urn) then", "if true then" },
	{ "ack does not settle", WP_SCRIPT_ACK, "push_settle(urn, true)", "" },
	{ "ack lowers a claimed score", WP_SCRIPT_ACK,
	  "if found[1] and not found[2] and", "if found[1] and" },
	{ "the ack's last step does not settle", WP_SCRIPT_HINT_CLEAR,
	  "push_settle(urn, false)", "" },
};

static void every_guard_is_missed(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
		const char *violation = NULL;
		uint64_t seed;

		plant(w, &bugs[i]);
		for (seed = 1; seed <= RUNS_OF_A_BUG && violation == NULL;
		     seed++)
			violation = play(w, seed);
		drop_all();
		if (violation == NULL)
			fail_msg("%s: nobody misses it", bugs[i].what);
		print_message("%s: run %llu, %s\n", bugs[i].what,
			      (unsigned long long)seed - 1, violation);
	}
}

#define WORLD_TEST(name)                                            \
	cmocka_unit_test_setup_teardown(name, wp_world_setup_hasty, \
					wp_world_teardown_hasty)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(everybody_is_told_and_nobody_in_vain),
		WORLD_TEST(every_guard_is_missed),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("push_claims", tests, NULL, NULL);
}

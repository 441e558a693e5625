/*
 * A script holds up everybody while it runs. So each is bounded by the work
 * that it does, not by what it finds: here the entries and bytes that a call
 * gets out of Redis are counted, where somebody has piled up a lot of what is
 * looked at for nothing.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/scripts.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum { MANY = 9900, SLICE = 16, SIZE = 4000 };

/* Answers {entries, bytes, what the script answers}. */
static const char prologue[] =
	"local real, looked, bytes = redis, 0, 0\n"
	"local function weigh(x)\n"
	"  if type(x) == 'string' then bytes = bytes + #x end\n"
	"  if type(x) == 'table' then\n"
	"    for _, y in ipairs(x) do weigh(y) end\n"
	"  end\n"
	"end\n"
	"local function count(f)\n"
	"  return function(...)\n"
	"    local x = f(...)\n"
	"    if type(x) == 'table' then looked = looked + #x end\n"
	"    weigh(x)\n"
	"    return x\n"
	"  end\n"
	"end\n"
	"local redis = setmetatable({call = count(real.call),\n"
	"  pcall = count(real.pcall)}, {__index = real})\n"
	"local function main()\n";
static const char epilogue[] = "\nend\n"
			       "local answer = main()\n"
			       "return {looked, bytes, answer}\n";

struct work {
	int64_t entries;
	int64_t bytes;
	struct wp_reply *reply; /* the caller frees it */
};

static const struct wp_reply *answer(const struct work *work)
{
	return wp_reply_at(work->reply, 2);
}

/* Run a script whose arguments are one text, blanks between, "_" for none; "@",
 * bits and a name stand for an entry of bob's. */
static struct work run(struct wp_world *w, enum wp_script script,
		       const char *args)
{
	const struct wp_script_source *source = &wp_scripts.list[script];
	const char *rest = strncmp(source->text, "#!", 2) == 0
				   ? strchr(source->text, '\n') + 1
				   : source->text;
	size_t size = source->len + sizeof(prologue) + sizeof(epilogue);
	char *text = malloc(size);
	struct work work;

	assert_non_null(text);
	(void)snprintf(text, size, "%.*s%s%s%s", (int)(rest - source->text),
		       source->text, prologue, rest, epilogue);
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "EVAL");
	wp_cmd_str(&w->cmd, text);
	wp_cmd_str(&w->cmd, "1");
	wp_cmd_str(&w->cmd, WP_P);
	while (*args != '\0') {
		size_t len = strcspn(args, " ");

		if (*args == '@')
			wp_test_add_entry(&w->cmd, &w->box, args + 1, len - 1);
		else
			wp_cmd_add(&w->cmd, args, *args == '_' ? 0 : len);
		args += len + (args[len] == ' ');
	}
	work.reply = wp_world_do(w);
	free(text);
	if (wp_reply_type(work.reply) == WP_REPLY_ERROR)
		fail_msg("%s: %s", source->name, wp_reply_str(work.reply));
	work.entries = wp_reply_int(wp_reply_at(work.reply, 0));
	work.bytes = wp_reply_int(wp_reply_at(work.reply, 1));
	return work;
}

/* flags "2" when they are ephemeral, else "0" */
static void pile_up_hot(struct wp_world *w, const char *lane, int n, int ms,
			const char *expiry, const char *flags)
{
	wp_world_run(w,
		     "EVAL " WP_LUA_PACK_HOT
		     "for\ti=1,%d\tdo\tredis.call('XADD',KEYS[1],(%d+i).."
		     "'-1','x','%s','m',pack_hot(KEYS[1],%s,"
		     "string.rep('x',%d)))end 1 " WP_P "%s" WP_BOB,
		     n, ms, expiry, flags, SIZE, lane);
}

static void deliver_expired(struct wp_world *w, int n)
{
	enum { BATCH = 100 };
	struct wp_world_mail mails[BATCH];
	struct wp_send_result results[BATCH];

	for (int i = 0; i < BATCH; i++)
		mails[i] = (struct wp_world_mail){ .json = "m",
						   .expires_in_ms = -5000 };
	for (int i = 0; i < n / BATCH; i++) {
		wp_world_send(w, mails, BATCH, results);
		assert_int_equal(results[BATCH - 1].status, WP_SEND_ACCEPTED);
		while (wp_world_route(w).left > 0)
			;
	}
}

static void connect_counts_without_looking(void **state)
{
	struct wp_world *w = *state;
	struct work work;

	deliver_expired(w, MANY);
	wp_world_run(w, "HSET " WP_P "live i1 0");
	work = run(w, WP_SCRIPT_CONNECT,
		   "run i1 ws 3 1 i1.1 " WP_BOB " 5000 d c");
	assert_in_range(work.entries, 0, SLICE);
	wp_reply_free(&work.reply);
}

/* Each entry that expires is looked at by one send, not by all of them. */
static void a_send_looks_once_at_what_has_expired(void **state)
{
	struct wp_world *w = *state;
	char args[200];
	struct work work;

	deliver_expired(w, MANY);
	wp_world_run(w, "SET " WP_P "gate run");
	(void)snprintf(args, sizeof(args),
		       "run 100000 24 10 1000000 0 1 " WP_BOB " 9000 @0m _");
	work = run(w, WP_SCRIPT_SEND, args);
	assert_true(isdigit((unsigned char)*wp_reply_str(answer(&work))));
	assert_in_range(work.entries, 1, 4 * MANY + SLICE);
	wp_reply_free(&work.reply);

	work = run(w, WP_SCRIPT_SEND, args);
	assert_true(isdigit((unsigned char)*wp_reply_str(answer(&work))));
	assert_in_range(work.entries, 1, 4 * SLICE);
	wp_reply_free(&work.reply);
}

static void accept(struct wp_world *w, const char *to, int n, int ms)
{
	wp_world_run(w,
		     "EVAL " WP_LUA_PACK
		     "for\ti=1,%d\tdo\tredis.call('XADD',KEYS[1],(%d+i).."
		     "'-1','x'," WP_ALIVE ",'m',pack('%s',0,"
		     "string.rep('x',%d)))end 1 " WP_P "ingress",
		     n, ms, to, SIZE);
}

static void a_call_of_route_walks_over_so_much_of_what_is_held(void **state)
{
	enum { ROOM = 100000, TAKEN = 10 };
	struct wp_world *w = *state;

	wp_world_run(w, "SET " WP_P "owner own");
	wp_world_run(w, "SET " WP_P "gate run");
	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	accept(w, WP_AMY, TAKEN + 1, 0);
	accept(w, WP_BOB, MANY, TAKEN + 1);
	for (int careful = 0; careful < 2; careful++) {
		struct work work;
		char args[100];

		(void)snprintf(args, sizeof(args),
			       "run %d %d 5 - token own %d 1 0  0", 2 * TAKEN,
			       ROOM, careful);
		work = run(w, WP_SCRIPT_ROUTE, args);
		assert_in_range(work.bytes, 8 * ROOM,
				9 * ROOM + 3 * SLICE * (SIZE + 200));
		wp_reply_free(&work.reply);
	}
}

static void so_it_does_over_what_is_on_its_way_to_the_cold_store(void **state)
{
	enum { ROOM = 100000 };
	struct wp_world *w = *state;
	char args[100];
	struct work work;

	wp_world_run(w, "SET " WP_P "owner own");
	wp_world_run(w, "SET " WP_P "gate run");
	accept(w, WP_BOB, MANY, 0);
	(void)snprintf(args, sizeof(args),
		       "run 100 %d 5 - token own 0 1 1  1 " WP_BOB " way",
		       ROOM);
	work = run(w, WP_SCRIPT_ROUTE, args);
	assert_in_range(work.bytes, 8 * ROOM, 8 * ROOM + 3 * SLICE * SIZE);
	wp_reply_free(&work.reply);
}

static void a_sweep_looks_at_so_many_entries(void **state)
{
	enum { ENTRIES = 300, ROOM = 400000 };
	struct wp_world *w = *state;
	int calls = 0;

	wp_world_run(w, "SET " WP_P "owner own");
	pile_up_hot(w, "hot:", 2000, 0, "7", "0");
	pile_up_hot(w, "hot!:", 300, 0, "99999999999999", "0");
	wp_world_run(w, "ZADD " WP_P "expiry 7 " WP_BOB);
	for (bool more = true; more; calls++) {
		struct work work = run(w, WP_SCRIPT_SWEEP,
				       "own 60000 100 300 400000 1000");

		more = wp_reply_int(wp_reply_at(answer(&work), 2)) == 1;
		assert_in_range(work.entries, 0, ENTRIES + 3 * SLICE);
		assert_in_range(work.bytes, 0, ROOM + 3 * SLICE * (SIZE + 99));
		wp_reply_free(&work.reply);
	}
	assert_in_range(calls, 2000 * SIZE / (ROOM + SLICE * SIZE), 2000);
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);
}

/* How many entries are read after it: tests/unit/lib/mailbox/test_chunk.c. */
static void a_move_is_prepared_without_a_look_at_entries(void **state)
{
	struct wp_world *w = *state;
	struct work work;

	wp_world_run(w, "SET " WP_P "owner own");
	pile_up_hot(w, "hot:", 2000, 0, "7", "0");
	pile_up_hot(w, "hot!:", 10, 0, "7", "0");
	work = run(w, WP_SCRIPT_PREPARE, "own 60000 " WP_BOB " token");
	assert_true(wp_reply_is(wp_reply_at(answer(&work), 0), "read"));
	assert_int_equal(work.entries, 0);
	wp_reply_free(&work.reply);
}

/* Where it is not said, nobody has thought of it. */
static void every_script_with_a_loop_says_what_bounds_it(void **state)
{
	(void)state;

	for (int i = 0; i < WP_SCRIPT_COUNT; i++) {
		const struct wp_script_source *source = &wp_scripts.list[i];
		bool loops = strstr(source->text, " do\n") != NULL ||
			     strstr(source->text, "repeat\n") != NULL;

		if (loops && strstr(source->text, "Bounds: ") == NULL)
			fail_msg("%s has no \"Bounds: \"", source->name);
	}
}

/* Who is to be notified about what: one look is short, and so is the sum. */
static void
what_waits_for_the_departed_is_looked_for_within_bounds(void **state)
{
	enum { LOOKS = 256, ROOM = 256 * 1024, MEMBERS = 30 };
	static const char later[] = "99999999999999";
	struct wp_world *w = *state;
	struct work work;
	int removed = 0;

	pile_up_hot(w, "hot:", 1, 0, later, "0");
	pile_up_hot(w, "hot:", 2000, 1, later, "2");
	wp_world_run(w, "HSET " WP_P "online:" WP_BOB " i1.1 5");
	work = run(w, WP_SCRIPT_DISCONNECT, "i1.1 " WP_BOB " 0 100 1000,60000");
	assert_in_range(work.entries, 1, LOOKS + 4 * SLICE);
	assert_in_range(work.bytes, 1, ROOM + 2 * SLICE * SIZE);
	wp_reply_free(&work.reply);
	/* Not found in time: told all the same. */
	wp_world_expect(w, "1", "ZCARD " WP_P "pushdue");

	wp_world_run(w, "SET " WP_P "owner own");
	wp_world_run(w, "HSET " WP_P "live i1 5");
	wp_world_run(w,
		     "EVAL " WP_LUA_PACK
		     "for\ti=1,%d\tdo\tlocal\tu='urn:sm:user:u'..i\t"
		     "redis.call('SADD',KEYS[1]..'at:i1','i1.'..i..'\\32'..u)"
		     "for\tk=1,40\tdo\tredis.call('XADD',KEYS[1]..'hot:'..u,"
		     "k..'-1','x','%s','m',pack(u,2,string.rep('x',%d)))end\t"
		     "end 1 " WP_P,
		     MEMBERS, later, SIZE);
	for (bool is_done = false; !is_done;) {
		work = run(w, WP_SCRIPT_REAP,
			   "own 60000 i1 5 100 100 1000,60000");
		is_done = wp_reply_is(wp_reply_at(answer(&work), 0), "done");
		assert_in_range(work.entries, 0, LOOKS + MEMBERS + 4 * SLICE);
		assert_in_range(work.bytes, 0, ROOM + 4 * SLICE * SIZE);
		removed += (int)wp_reply_int(wp_reply_at(answer(&work), 1));
		wp_reply_free(&work.reply);
	}
	assert_int_equal(removed, MEMBERS);
}

/* A refused entry of the inbox: `size` bytes; how many older ones went. */
static int64_t bury(struct wp_world *w, int64_t max, int64_t max_bytes,
		    size_t size)
{
	char *envelope = calloc(1, size);
	struct wp_reply *reply;
	int64_t dropped;

	assert_non_null(envelope);
	wp_cmd_script_key(&w->cmd, WP_SCRIPT_INBOX_BURY, "wp:inbox:dlq");
	wp_cmd_int(&w->cmd, max);
	wp_cmd_int(&w->cmd, max_bytes);
	wp_cmd_int(&w->cmd, (int64_t)size + 1024);
	wp_cmd_str(&w->cmd, "envelope");
	wp_cmd_add(&w->cmd, envelope, size);
	free(envelope);
	reply = wp_world_do(w);
	assert_int_equal(wp_reply_type(reply), WP_REPLY_INT);
	dropped = wp_reply_int(reply);
	wp_reply_free(&reply);
	return dropped;
}

static void refused_entries_are_kept_in_a_bounded_room(void **state)
{
	enum { MOST = 50, ROOM = 200000, LARGE = 30000 };
	static const size_t sizes[] = { 1, 5000, LARGE, 1, 1, LARGE };
	struct wp_world *w = *state;
	int64_t dropped = 0;
	int64_t n = 0;

	for (; n < 2 * MOST; n++)
		dropped += bury(w, MOST, ROOM, 1);
	assert_int_equal(dropped, MOST);
	wp_world_expect(w, "50", "XLEN wp:inbox:dlq");
	for (size_t i = 0; i < 10 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];

		dropped += bury(w, MOST, ROOM, size);
		n++;
		assert_in_range(
			wp_world_int(w, "MEMORY USAGE wp:inbox:dlq SAMPLES 0"),
			size, ROOM);
		assert_int_equal(wp_world_int(w, "XLEN wp:inbox:dlq"),
				 n - dropped);
		/* The newest tells what goes wrong now. */
		assert_int_equal(
			wp_world_int(w, "EVAL return#redis.call('XREVRANGE',"
					"KEYS[1],'+','-','COUNT',1)[1][2][2]"
					" 1 wp:inbox:dlq"),
			size);
	}
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(connect_counts_without_looking),
		WORLD_TEST(a_send_looks_once_at_what_has_expired),
		WORLD_TEST(a_call_of_route_walks_over_so_much_of_what_is_held),
		WORLD_TEST(
			so_it_does_over_what_is_on_its_way_to_the_cold_store),
		WORLD_TEST(a_sweep_looks_at_so_many_entries),
		WORLD_TEST(a_move_is_prepared_without_a_look_at_entries),
		cmocka_unit_test(every_script_with_a_loop_says_what_bounds_it),
		WORLD_TEST(
			what_waits_for_the_departed_is_looked_for_within_bounds),
		WORLD_TEST(refused_entries_are_kept_in_a_bounded_room),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("script_work", tests, NULL, NULL);
}

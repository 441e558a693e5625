/*
 * Whose token is good no longer, is told of: soon when it is said, and with the
 * next read when nobody heard it; whoever connects meanwhile, and however many
 * there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/base/encode.h"
#include "lib/mailbox/revoke.h"
#include "tests/support/live/program.h"
#include "tests/support/test_redis.h"

enum { KEEP_S = 600, CROWD = 3 * WP_REVOKER_SLICE + 17 };

struct person {
	struct wp_member member; /* first */
	struct wp_identity who;
	int ended;
};

/* Where there is no room for a pointer from a member to the test. */
static int n_ended;

static void on_revoked(struct wp_member *member)
{
	struct person *person = (struct person *)member;

	n_ended += person->ended == 0;
	person->ended++;
}

static void name_person(struct person *person, size_t i)
{
	char name[48];

	(void)snprintf(name, sizeof(name), "urn:sm:user:u%zu", i);
	*person = (struct person){ .who = { .issued_s = 1 } };
	assert_int_equal(
		wp_urn_parse(&person->who.user, name, strlen(name), NULL),
		WP_OK);
	person->who.session[0] = (uint8_t)(1 + i % 200);
	person->who.session[1] = (uint8_t)(i / 200);
}

static void enter(struct program *p, struct person *person)
{
	assert_int_equal(wp_hub_add(p->live.hub, &person->member), WP_OK);
	assert_int_equal(
		wp_hub_join(p->live.hub, &person->member, &person->who.user),
		WP_OK);
	wp_revoked_mark(&person->member.marks, &person->who);
}

static void depart(struct program *p, struct person *person)
{
	if (person->member.user != NULL)
		wp_registrar_remove(p->live.registrar, &person->member, 0);
	wp_hub_leave(p->live.hub, &person->member);
	wp_hub_remove(p->live.hub, &person->member);
}

static struct person *crowd(struct program *p, size_t n)
{
	struct person *people = calloc(n, sizeof(*people));

	assert_non_null(people);
	n_ended = 0;
	p->on_revoked = on_revoked;
	for (size_t i = 0; i < n; i++) {
		name_person(&people[i], i);
		enter(p, &people[i]);
	}
	return people;
}

static void disperse(struct program *p, struct person *people, size_t n)
{
	p->on_revoked = NULL;
	for (size_t i = 0; i < n; i++)
		depart(p, &people[i]);
	free(people);
}

static struct wp_revoked_key key_of(const struct person *person)
{
	struct wp_revoked_key key;

	wp_revoked_key_session(&key, person->who.session);
	return key;
}

static void do_revoke(struct program *p, const struct wp_revoked_key *keys,
		      size_t n)
{
	struct wp_reply *reply;

	wp_revoke_build(&p->w->cmd, keys, n, KEEP_S);
	reply = wp_world_do(p->w);
	assert_int_equal(wp_revoke_parse(reply), WP_OK);
	wp_reply_free(&reply);
}

static void revoke_person(struct program *p, const struct person *person)
{
	const struct wp_revoked_key key = key_of(person);

	do_revoke(p, &key, 1);
}

/* The same without a word to anybody. */
static void revoke_silently(struct program *p, const struct person *person)
{
	const struct wp_revoked_key key = key_of(person);
	char hex[2 * WP_REVOKED_KEY_BYTES + 1];

	wp_hex_write(hex, key.bytes, sizeof(key.bytes));
	wp_world_run(p->w, "XADD wp:revoked * h %s b 1 x 99999999999", hex);
}

static void run_until_ended(struct program *p, int n)
{
	while (n_ended < n) {
		int before = n_ended;
		int more = 0;

		/* One by one: it gives up when nothing happens for long. */
		while (n_ended == before && more++ < 100000)
			ev_run(p->loop, EVRUN_ONCE);
		assert_int_not_equal(n_ended, before);
	}
}

static void one_of_many_is_told_of(void **state)
{
	struct program *p = *state;
	struct person *people = crowd(p, CROWD);

	revoke_person(p, &people[CROWD - 2]);
	run_until_ended(p, 1);
	assert_true(people[CROWD - 2].ended > 0);
	assert_true(wp_revoker_knows(p->live.revoker, &people[CROWD - 2].who));
	assert_false(wp_revoker_knows(p->live.revoker, &people[0].who));
	disperse(p, people, CROWD);
}

static void all_are_told_of_and_no_other(void **state)
{
	struct program *p = *state;
	struct person *people = crowd(p, CROWD);
	struct wp_revoked_key keys[WP_REVOKE_MAX];
	int wanted = 0;

	for (size_t i = 0; i < CROWD / 2; i++) {
		keys[i % WP_REVOKE_MAX] = key_of(&people[2 * i]);
		if (i % WP_REVOKE_MAX == WP_REVOKE_MAX - 1) {
			do_revoke(p, keys, WP_REVOKE_MAX);
			wanted += WP_REVOKE_MAX;
		}
	}
	run_until_ended(p, wanted);
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(people[i].ended > 0,
				 i % 2 == 0 && i / 2 < (size_t)wanted);
	assert_int_equal(wp_revoker_count(p->live.revoker), wanted);
	disperse(p, people, CROWD);
}

/*
 * XADD of so many sessions, which nobody here has. Their hashes begin
 * differently, as hashes do: else all are in one chain.
 */
static void fill(struct program *p, int n)
{
	struct wp_reply *reply;

	wp_cmd_clear(&p->w->cmd);
	wp_cmd_str(&p->w->cmd, "EVAL");
	wp_cmd_str(&p->w->cmd, "for i = 1, tonumber(ARGV[1]) do "
			       "redis.call('XADD', KEYS[1], '*', 'h', "
			       "string.format('69%02x%02xff%024x', i % 256, "
			       "math.floor(i / 256) % 256, i), 'b', '1', 'x', "
			       "'99999999999') end");
	wp_cmd_int(&p->w->cmd, 1);
	wp_cmd_str(&p->w->cmd, "wp:revoked");
	wp_cmd_int(&p->w->cmd, n);
	reply = wp_world_do(p->w);
	assert_int_equal(wp_reply_type(reply), WP_REPLY_NIL);
	wp_reply_free(&reply);
}

static void what_had_to_leave_a_full_table_is_counted(void **state)
{
	struct program *p = *state;
	struct person *people = crowd(p, 1);

	assert_int_equal(wp_revoker_evicted(p->live.revoker), 0);
	fill(p, WP_REVOKED_MAX + 1);
	revoke_person(p, &people[0]);
	run_until_ended(p, 1);
	assert_int_equal(wp_revoker_evicted(p->live.revoker),
			 WP_REVOKED_MAX / 16);
	disperse(p, people, 1);
}

static void what_nobody_was_told_is_read_all_the_same(void **state)
{
	struct program *p = *state;
	struct person *people = crowd(p, 3);

	/* Nothing is being read any more. */
	revoke_person(p, &people[0]);
	run_until_ended(p, 1);
	revoke_silently(p, &people[1]);
	run_until_ended(p, 2);
	assert_true(people[1].ended > 0);
	disperse(p, people, 3);
}

static void what_was_revoked_while_redis_was_away_is_read_then(void **state)
{
	struct program *p = *state;
	struct person *people = crowd(p, 3);

	program_lose_redis(p);
	revoke_silently(p, &people[2]);
	program_await_redis(p);
	run_until_ended(p, 1);
	assert_true(people[2].ended > 0);
	disperse(p, people, 3);
}

/* Who has not been let in yet has no marks that say anything. */
static void who_is_nobody_yet_is_not_told_of(void **state)
{
	struct program *p = *state;
	struct person *people = crowd(p, 2);
	struct person stranger = { .ended = 0 };

	assert_int_equal(wp_hub_add(p->live.hub, &stranger.member), WP_OK);
	revoke_person(p, &people[1]);
	run_until_ended(p, 1);
	assert_int_equal(stranger.ended, 0);
	wp_hub_remove(p->live.hub, &stranger.member);
	disperse(p, people, 2);
}

static void slots_that_are_left_and_taken_meanwhile_do_no_harm(void **state)
{
	struct program *p = *state;
	struct person *people = crowd(p, CROWD);

	revoke_person(p, &people[CROWD - 1]);
	for (size_t i = 0; i < CROWD / 2; i++) {
		depart(p, &people[i]);
		if (i % 3 == 0)
			enter(p, &people[i]);
		if (i % 100 == 0)
			ev_run(p->loop, EVRUN_NOWAIT);
	}
	run_until_ended(p, 1);
	assert_true(people[CROWD - 1].ended > 0);
	disperse(p, people, CROWD);
}

/* What is said meanwhile, until it has this; the caller frees it. */
static char *listen_for(struct program *p, const char *text)
{
	enum { ROOM = 64 * 1024 };
	int log = memfd_create("log", MFD_CLOEXEC);
	int saved = dup(STDERR_FILENO);
	char *heard = calloc(1, ROOM);
	int more = 0;

	assert_non_null(heard);
	assert_true(log != -1 && saved != -1);
	assert_int_not_equal(dup2(log, STDERR_FILENO), -1);
	while (strstr(heard, text) == NULL && more++ < 1000) {
		ev_run(p->loop, EVRUN_ONCE);
		if (pread(log, heard, ROOM - 1, 0) == -1)
			break;
	}
	(void)dup2(saved, STDERR_FILENO);
	close(saved);
	close(log);
	return heard;
}

static void that_it_cannot_be_read_is_said(void **state)
{
	static const char sentence[] = "\"msg\":\"wp:revoked cannot be read\"";
	struct program *p = *state;
	struct person *people = crowd(p, 2);
	char *heard;

	wp_world_run(p->w, "SET wp:revoked nonsense");
	heard = listen_for(p, sentence);
	assert_non_null(strstr(heard, sentence));
	assert_non_null(strstr(heard, "WRONGTYPE"));
	free(heard);
	wp_world_run(p->w, "DEL wp:revoked");
	revoke_person(p, &people[1]);
	run_until_ended(p, 1);
	disperse(p, people, 2);
}

#define PROGRAM_TEST(name) \
	cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROGRAM_TEST(one_of_many_is_told_of),
		PROGRAM_TEST(all_are_told_of_and_no_other),
		PROGRAM_TEST(what_had_to_leave_a_full_table_is_counted),
		PROGRAM_TEST(what_nobody_was_told_is_read_all_the_same),
		PROGRAM_TEST(
			what_was_revoked_while_redis_was_away_is_read_then),
		PROGRAM_TEST(who_is_nobody_yet_is_not_told_of),
		PROGRAM_TEST(
			slots_that_are_left_and_taken_meanwhile_do_no_harm),
		PROGRAM_TEST(that_it_cannot_be_read_is_said),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("live_revoker", tests, NULL, NULL);
}

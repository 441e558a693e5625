/* What was revoked holds for those it is about, up to then, and no longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/auth/revoked.h"

#define NOW INT64_C(1795225140)
#define LATER (NOW + 3600)

static int set_up(void **state)
{
	struct wp_revoked *revoked;

	if (wp_revoked_new(&revoked, NULL) != WP_OK)
		return -1;
	*state = revoked;
	return 0;
}

static int tear_down(void **state)
{
	struct wp_revoked *revoked = *state;

	wp_revoked_free(&revoked);
	wp_revoked_free(&revoked);
	return 0;
}

/* Somebody whose subject and session are of these numbers; 0: none. */
static struct wp_identity identity(const char *user, unsigned int subject,
				   unsigned int session)
{
	struct wp_identity who = { .issued_s = NOW - 60,
				   .expires_s = NOW + 600 };

	assert_int_equal(wp_urn_parse(&who.user, user, strlen(user), NULL),
			 WP_OK);
	memcpy(who.subject, &subject, sizeof(subject));
	memcpy(who.session, &session, sizeof(session));
	return who;
}

/* By the token and by what a connection keeps of it, which must agree. */
static bool is_out_at(const struct wp_revoked *revoked,
		      const struct wp_identity *who, int64_t now_s)
{
	bool is_out = wp_revoked_has(revoked, who, now_s);
	struct wp_revoked_marks marks;

	wp_revoked_mark(&marks, who);
	assert_int_equal(wp_revoked_has_marks(revoked, &marks, now_s), is_out);
	return is_out;
}

static bool is_out(const struct wp_revoked *revoked,
		   const struct wp_identity *who)
{
	return is_out_at(revoked, who, NOW);
}

static void revoke(struct wp_revoked *revoked, struct wp_revoked_key key)
{
	const struct wp_revocation one = { .key = key,
					   .at_s = NOW,
					   .forget_s = LATER };

	wp_revoked_add(revoked, &one, NOW);
}

static struct wp_revoked_key user_key(const struct wp_identity *who)
{
	struct wp_revoked_key key;

	wp_revoked_key_user(&key, &who->user);
	return key;
}

static struct wp_revoked_key session_key(uint64_t session)
{
	uint8_t hash[WP_NAME_HASH_LEN] = { 0 };
	struct wp_revoked_key key;

	/* As of a hash, differences are all over it. */
	session *= UINT64_C(0x9e3779b97f4a7c15);
	memcpy(hash, &session, sizeof(session));
	wp_revoked_key_session(&key, hash);
	return key;
}

static void nobody_is_out_of_an_empty_table(void **state)
{
	const struct wp_identity who = identity("bob", 1, 1);

	assert_false(is_out(*state, &who));
	assert_int_equal(wp_revoked_count(*state), 0);
}

static void a_user_is_out_and_no_other(void **state)
{
	const struct wp_identity bob = identity("bob", 1, 1);
	const struct wp_identity elsewhere = identity("bob", 2, 2);
	const struct wp_identity amy = identity("amy", 1, 1);

	revoke(*state, user_key(&bob));
	assert_true(is_out(*state, &bob));
	assert_true(is_out(*state, &elsewhere));
	assert_false(is_out(*state, &amy));
}

static void a_subject_is_out_and_no_session_of_that_name(void **state)
{
	const struct wp_identity seven = identity("bob", 7, 8);
	const struct wp_identity eight = identity("bob", 8, 7);
	struct wp_revoked_key key;

	wp_revoked_key_subject(&key, seven.subject);
	revoke(*state, key);
	assert_true(is_out(*state, &seven));
	assert_false(is_out(*state, &eight));
}

static void a_session_is_out_and_the_users_others_are_not(void **state)
{
	const struct wp_identity one = identity("bob", 7, 1);
	const struct wp_identity other = identity("bob", 7, 2);
	struct wp_revoked_key key;

	wp_revoked_key_session(&key, one.session);
	revoke(*state, key);
	assert_true(is_out(*state, &one));
	assert_false(is_out(*state, &other));
}

static void what_a_subject_has_without_a_session_is_out_up_to_then(void **state)
{
	const struct wp_identity with = identity("bob", 7, 1);
	const struct wp_identity nobody = identity("bob", 0, 0);
	struct wp_identity without = identity("bob", 7, 0);
	struct wp_revoked_key key;

	wp_revoked_key_bare(&key, with.subject);
	revoke(*state, key);
	assert_true(is_out(*state, &without));
	assert_false(is_out(*state, &with));
	assert_false(is_out(*state, &nobody));
	without.issued_s = NOW + 1;
	assert_false(is_out(*state, &without));
}

static void who_has_no_subject_and_no_session_is_not_everybody(void **state)
{
	const struct wp_identity none = identity("bob", 0, 0);
	const uint8_t zero[WP_NAME_HASH_LEN] = { 0 };
	struct wp_revoked_key key;

	wp_revoked_key_subject(&key, zero);
	revoke(*state, key);
	wp_revoked_key_session(&key, zero);
	revoke(*state, key);
	assert_false(is_out(*state, &none));
}

static void what_is_issued_later_is_good_but_of_a_session(void **state)
{
	struct wp_identity who = identity("bob", 1, 1);
	struct wp_revoked_key key;

	revoke(*state, user_key(&who));
	who.issued_s = NOW; /* in the same second: perhaps before */
	assert_true(is_out(*state, &who));
	who.issued_s = NOW + 1;
	assert_false(is_out(*state, &who));
	wp_revoked_key_session(&key, who.session);
	revoke(*state, key);
	assert_true(is_out(*state, &who));
}

static void who_does_not_say_when_it_was_issued_is_out(void **state)
{
	struct wp_identity who = identity("bob", 1, 1);

	who.issued_s = 0;
	revoke(*state, user_key(&who));
	assert_true(is_out(*state, &who));
	/* Nor who says what cannot be. */
	who.issued_s = INT64_MIN;
	assert_true(is_out(*state, &who));
	who.issued_s = INT64_C(1) << 33; /* in 2242 */
	assert_false(is_out(*state, &who));
	who.issued_s = 0;
	assert_false(is_out_at(*state, &who, LATER));
}

static void it_is_forgotten_in_its_time(void **state)
{
	const struct wp_identity who = identity("bob", 1, 1);

	revoke(*state, user_key(&who));
	assert_true(is_out_at(*state, &who, LATER - 1));
	assert_false(is_out_at(*state, &who, LATER));
}

/* Whose clock is ahead gives tokens that live longer than the entry. */
static void a_session_has_ended_by_any_clock(void **state)
{
	struct wp_identity who = identity("bob", 0, 0);
	const struct wp_revoked_key key = session_key(1);

	memcpy(who.session, key.bytes + 1, sizeof(key.bytes) - 1);
	who.issued_s = LATER;
	who.expires_s = LATER + 900;
	revoke(*state, key);
	assert_true(is_out_at(*state, &who, LATER));
}

static void what_seems_over_by_a_clock_that_is_ahead_is_kept(void **state)
{
	const struct wp_identity who = identity("bob", 1, 1);
	const struct wp_revocation one = { .key = user_key(&who),
					   .at_s = NOW - 10,
					   .forget_s = NOW };

	wp_revoked_add(*state, &one, NOW + 1);
	assert_int_equal(wp_revoked_alive(*state, NOW), 0);
	assert_int_equal(wp_revoked_alive(*state, NOW - 1), 1);
	assert_false(is_out_at(*state, &who, NOW + 1));
	assert_true(is_out_at(*state, &who, NOW - 1));
}

static void an_unknown_kind_is_not_kept(void **state)
{
	struct wp_revoked_key key = session_key(1);

	assert_true(wp_revoked_key_is_sound(&key));
	key.bytes[0] = '?';
	assert_false(wp_revoked_key_is_sound(&key));
	revoke(*state, key);
	assert_int_equal(wp_revoked_count(*state), 0);
}

static void twice_is_one_entry_that_holds_for_both(void **state)
{
	struct wp_identity who = identity("bob", 1, 1);
	struct wp_revocation one = { .key = user_key(&who),
				     .at_s = NOW,
				     .forget_s = NOW + 10 };

	wp_revoked_add(*state, &one, NOW);
	one.at_s = NOW - 30;
	one.forget_s = LATER;
	wp_revoked_add(*state, &one, NOW);
	assert_int_equal(wp_revoked_count(*state), 1);
	who.issued_s = NOW;
	assert_true(is_out_at(*state, &who, LATER - 1));
}

/* Sessions from this number on, each revoked a second after the one before. */
static void fill(struct wp_revoked *revoked, uint64_t from, size_t n,
		 int64_t forget_s)
{
	for (uint64_t i = from; i < from + n; i++) {
		const struct wp_revocation one = {
			.key = session_key(i),
			.at_s = NOW - WP_REVOKED_MAX + (int64_t)(i - from),
			.forget_s = forget_s,
		};

		wp_revoked_add(revoked, &one, NOW);
	}
}

static bool has_session(const struct wp_revoked *revoked, uint64_t session,
			int64_t now_s)
{
	struct wp_identity who = identity("bob", 0, 0);
	struct wp_revoked_key key = session_key(session);

	memcpy(who.session, key.bytes + 1, sizeof(key.bytes) - 1);
	who.issued_s = NOW + 1;
	return is_out_at(revoked, &who, now_s);
}

static void each_of_a_full_table_is_found(void **state)
{
	fill(*state, 1, WP_REVOKED_MAX, LATER);
	assert_int_equal(wp_revoked_count(*state), WP_REVOKED_MAX);
	for (uint64_t i = 1; i <= WP_REVOKED_MAX; i++)
		assert_true(has_session(*state, i, NOW));
	assert_false(has_session(*state, WP_REVOKED_MAX + 1, NOW));
}

static void who_is_to_be_forgotten_makes_room_first(void **state)
{
	const struct wp_identity old = identity("bob", 0, 0);

	fill(*state, 1, WP_REVOKED_MAX / 2, LATER);
	fill(*state, WP_REVOKED_MAX, WP_REVOKED_MAX / 2, NOW + 1);
	wp_revoked_add(
		*state,
		&(const struct wp_revocation){ .key = session_key(7777777),
					       .at_s = NOW,
					       .forget_s = LATER },
		NOW + 2);
	assert_int_equal(wp_revoked_count(*state), WP_REVOKED_MAX / 2 + 1);
	assert_int_equal(wp_revoked_evicted(*state), 0);
	for (uint64_t i = 1; i <= WP_REVOKED_MAX / 2; i++)
		assert_true(has_session(*state, i, NOW + 2));
	assert_true(has_session(*state, 7777777, NOW + 2));
	assert_false(is_out_at(*state, &old, NOW + 2));
}

static void a_clock_that_was_ahead_lets_nobody_in(void **state)
{
	struct wp_identity who = identity("bob", 0, 0);
	const struct wp_revoked_key key = session_key(1);
	const struct wp_revocation one = { .key = session_key(7777777),
					   .at_s = NOW,
					   .forget_s = LATER + 1000 };

	memcpy(who.session, key.bytes + 1, sizeof(key.bytes) - 1);
	fill(*state, 1, WP_REVOKED_MAX, LATER);
	wp_revoked_add(*state, &one, LATER + 1);
	assert_int_equal(wp_revoked_count(*state), 1);
	assert_false(is_out_at(*state, &who, LATER + 1));
	assert_true(is_out(*state, &who));
}

/* Nobody whose entry had to go gets in with the token that it was about. */
static void where_there_is_no_room_old_tokens_are_refused(void **state)
{
	struct wp_identity stranger = identity("amy", 5, 5);
	/* The last of those that have gone. */
	const int64_t at_s = NOW - WP_REVOKED_MAX + WP_REVOKED_MAX / 16 - 1;

	fill(*state, 1, WP_REVOKED_MAX + 1, LATER);
	assert_int_equal(wp_revoked_count(*state),
			 WP_REVOKED_MAX + 1 - WP_REVOKED_MAX / 16);
	assert_int_equal(wp_revoked_evicted(*state), WP_REVOKED_MAX / 16);
	assert_true(has_session(*state, WP_REVOKED_MAX + 1, NOW));
	assert_true(has_session(*state, WP_REVOKED_MAX / 16 + 1, NOW));
	assert_false(has_session(*state, WP_REVOKED_MAX / 16, NOW));
	stranger.issued_s = at_s;
	assert_true(is_out(*state, &stranger));
	stranger.issued_s = 0;
	assert_true(is_out(*state, &stranger));
	stranger.issued_s = at_s + 1;
	assert_false(is_out(*state, &stranger));
	stranger.issued_s = at_s;
	assert_true(is_out_at(*state, &stranger, LATER - 1));
	assert_false(is_out_at(*state, &stranger, LATER));
}

/* Nor does anybody pay for those of another kind than his token is. */
static void who_names_no_session_stays_though_sessions_had_to_go(void **state)
{
	struct wp_identity subject = identity("amy", 5, 0);
	struct wp_identity user = identity("amy", 0, 0);
	struct wp_revocation one = { .at_s = 1, .forget_s = LATER };

	subject.issued_s = 0;
	user.issued_s = 0;
	wp_revoked_key_subject(&one.key, identity("x", 6, 0).subject);
	fill(*state, 1, WP_REVOKED_MAX + 1, LATER);
	assert_false(is_out(*state, &subject));
	assert_false(is_out(*state, &user));

	/* Now one that is about a subject is to go with the sessions. */
	wp_revoked_add(*state, &one, NOW);
	fill(*state, 1000000, WP_REVOKED_MAX + 1, LATER);
	assert_true(is_out(*state, &subject));
	assert_false(is_out(*state, &user));
}

#define TABLE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(nobody_is_out_of_an_empty_table),
		TABLE_TEST(a_user_is_out_and_no_other),
		TABLE_TEST(a_subject_is_out_and_no_session_of_that_name),
		TABLE_TEST(a_session_is_out_and_the_users_others_are_not),
		TABLE_TEST(
			what_a_subject_has_without_a_session_is_out_up_to_then),
		TABLE_TEST(who_has_no_subject_and_no_session_is_not_everybody),
		TABLE_TEST(what_is_issued_later_is_good_but_of_a_session),
		TABLE_TEST(who_does_not_say_when_it_was_issued_is_out),
		TABLE_TEST(it_is_forgotten_in_its_time),
		TABLE_TEST(a_session_has_ended_by_any_clock),
		TABLE_TEST(what_seems_over_by_a_clock_that_is_ahead_is_kept),
		TABLE_TEST(an_unknown_kind_is_not_kept),
		TABLE_TEST(twice_is_one_entry_that_holds_for_both),
		TABLE_TEST(each_of_a_full_table_is_found),
		TABLE_TEST(who_is_to_be_forgotten_makes_room_first),
		TABLE_TEST(a_clock_that_was_ahead_lets_nobody_in),
		TABLE_TEST(where_there_is_no_room_old_tokens_are_refused),
		TABLE_TEST(
			who_names_no_session_stays_though_sessions_had_to_go),
	};

	return cmocka_run_group_tests_name("revoked", tests, NULL, NULL);
}

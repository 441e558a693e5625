/*
 * push_contract.c - the promises of lib/store/push.h, one test each.
 *
 * Knows the interface only. Two stores are open on the same data in each test,
 * as two processes would have them.
 */
#include "tests/support/push_contract.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/digest.h"
#include "lib/base/random.h"

enum { S_PER_DAY = 86400, RACERS = 6, STEPS = 800 };
#define NOW_S WP_PUSH_TEST_S

struct bench {
	struct wp_store *store;
	struct wp_store *other;
};

static const struct wp_store_contract *contract;

/* ---- helpers ---- */

static struct wp_urn urn_of(const char *user)
{
	struct wp_urn urn;

	assert_int_equal(wp_urn_parse(&urn, user, strlen(user), NULL), WP_OK);
	return urn;
}

static const char *or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

static struct wp_push_owner owner_of(char kind, const char *text)
{
	struct wp_push_owner owner = { { 0 } };
	uint8_t hash[WP_SHA256_LEN];

	if (text == NULL)
		return owner;
	wp_sha256(text, strlen(text), hash);
	owner.bytes[0] = (uint8_t)kind;
	memcpy(owner.bytes + 1, hash, sizeof(owner.bytes) - 1);
	return owner;
}

static void name_token(const struct wp_push_test *test,
		       uint8_t tok[WP_PUSH_TOK_LEN])
{
	char text[128];

	(void)snprintf(text, sizeof(text), "%s %s %s", test->kind,
		       or_nothing(test->app), test->token);
	wp_sha256(text, strlen(text), tok);
}

enum wp_err wp_push_test_put(struct wp_store *store,
			     const struct wp_push_test *test,
			     struct wp_push_put *put_out)
{
	const struct wp_urn user = urn_of(test->user);
	struct wp_push_test whole = *test;
	struct wp_push_row row = {
		.user = &user,
		.app = or_nothing(test->app),
		.device = or_nothing(test->device),
		.account = "",
		.name = or_nothing(test->name),
		.platform = "",
		.flags = test->flags,
		.reason = "",
		.state =
			test->must_verify ? WP_PUSH_UNVERIFIED : WP_PUSH_ACTIVE,
	};
	struct wp_push_put put = {
		.row = &row,
		.owners = { .session = owner_of('i', test->session),
			    .subject = owner_of('s', test->subject),
			    .user = owner_of('u', test->user) },
		.issued_s = test->issued_s,
		.now_s = test->now_s != 0 ? test->now_s : NOW_S,
		.max = test->max != 0 ? test->max : 20,
		.is_forced = test->is_forced,
	};
	uint8_t hash[WP_SHA256_LEN];
	char sealed[128];
	enum wp_err rc;

	if (whole.kind == NULL)
		whole.kind = "fcm";
	row.kind = whole.kind;
	name_token(&whole, row.tok);
	wp_random_bytes(row.id, sizeof(row.id));
	(void)snprintf(sealed, sizeof(sealed), "%s %s", test->token,
		       or_nothing(test->keys));
	row.sealed = sealed;
	row.sealed_len = strlen(sealed);
	wp_sha256(sealed, row.sealed_len, hash);
	memcpy(row.print, hash, sizeof(row.print));
	memset(row.vapid, or_nothing(test->keys)[0], sizeof(row.vapid));
	rc = wp_push_put(store, &put, NULL);
	put.row = NULL; /* it ends here */
	if (put_out != NULL)
		*put_out = put;
	return rc;
}

static struct wp_push_put put(struct bench *b, const struct wp_push_test *test)
{
	struct wp_push_put out;

	assert_int_equal(wp_push_test_put(b->store, test, &out), WP_OK);
	return out;
}
#define PUT(...) put(b, &(struct wp_push_test){ __VA_ARGS__ })
#define TRY(...) \
	wp_push_test_put(b->store, &(struct wp_push_test){ __VA_ARGS__ }, NULL)

static char shown[4096];

static void show_row(void *ctx, const struct wp_push_row *row)
{
	static const char *const states[] = { "", "(suspect)", "(gone)",
					      "(unverified)" };
	size_t len = strlen(shown);
	char sealed[64] = "";

	(void)ctx;
	assert_true(row->sealed_len < sizeof(sealed));
	memcpy(sealed, or_nothing(row->sealed), row->sealed_len);
	sealed[strcspn(sealed, " ")] = '\0';
	(void)snprintf(shown + len, sizeof(shown) - len, "%s%s:%s@%s%s",
		       len > 0 ? " " : "", sealed, row->name, row->device,
		       states[row->state]);
}

const char *wp_push_test_show(struct wp_store *store, const char *user)
{
	const struct wp_urn urn = urn_of(user);
	const struct wp_push_list list = { .user = &urn, .on_row = show_row };

	shown[0] = '\0';
	assert_int_equal(wp_push_list(store, &list, NULL), WP_OK);
	return shown;
}

static void expect(struct bench *b, const char *user, const char *text)
{
	assert_string_equal(wp_push_test_show(b->other, user), text);
}

/* What of a row is compared later; its texts are not kept. */
struct copy {
	struct wp_push_row row;
	char sealed[64];
	char reason[64];
	char kind[16];
	size_t n;
};

static void copy_row(void *ctx, const struct wp_push_row *row)
{
	struct copy *copy = ctx;

	copy->n++;
	copy->row = *row;
	memset(copy->sealed, 0, sizeof(copy->sealed));
	memcpy(copy->sealed, or_nothing(row->sealed), row->sealed_len);
	(void)snprintf(copy->reason, sizeof(copy->reason), "%s", row->reason);
	(void)snprintf(copy->kind, sizeof(copy->kind), "%s", row->kind);
}

/* The one device that a user has. */
static struct copy only(struct bench *b, const char *user)
{
	const struct wp_urn urn = urn_of(user);
	struct copy copy = { .n = 0 };
	const struct wp_push_list list = {
		.user = &urn,
		.on_row = copy_row,
		.ctx = &copy,
	};

	assert_int_equal(wp_push_list(b->other, &list, NULL), WP_OK);
	assert_int_equal(copy.n, 1);
	return copy;
}

static enum wp_err mark_at(struct bench *b, const struct copy *of,
			   enum wp_push_state state, int64_t now_s)
{
	struct wp_push_mark say = {
		.registered_s = of->row.registered_s,
		.state = state,
		.reason = "Unregistered",
		.now_s = now_s,
	};

	memcpy(say.id, of->row.id, sizeof(say.id));
	return wp_push_mark(b->other, &say, NULL);
}

static enum wp_err mark(struct bench *b, const struct copy *of,
			enum wp_push_state state)
{
	return mark_at(b, of, state, NOW_S + 5);
}

/* The provider has said that the one device of a user is gone. */
static void lose(struct bench *b, const char *user)
{
	struct copy copy = only(b, user);

	assert_int_equal(mark(b, &copy, WP_PUSH_GONE), WP_OK);
}

static void end(struct bench *b, char kind, const char *who, int64_t until_s)
{
	const struct wp_push_end one = { owner_of(kind, who), until_s };

	assert_int_equal(wp_push_end(b->other, &one, 1, NOW_S, NULL), WP_OK);
}

/* ---- to register ---- */

static void a_device_is_listed_as_it_was_registered(void **state)
{
	struct bench *b = *state;
	struct wp_push_put done =
		PUT(.user = "bob", .token = "t1", .keys = "k",
		    .device = "phone", .app = "app", .name = "My phone",
		    .kind = "apns", .flags = WP_PUSH_BADGE);
	struct copy copy = only(b, "bob");

	assert_true(done.is_new);
	assert_memory_equal(copy.row.id, done.id, WP_PUSH_ID_LEN);
	assert_string_equal(copy.kind, "apns");
	assert_int_equal(copy.row.flags, WP_PUSH_BADGE);
	assert_int_equal(copy.row.state, WP_PUSH_ACTIVE);
	assert_int_equal(copy.row.registered_s, NOW_S);
	assert_int_equal(copy.row.refreshed_day, NOW_S / S_PER_DAY);
	assert_int_equal(copy.row.marked_s, 0);
	assert_int_equal(copy.row.result, WP_PUSH_NO_RESULT);
	assert_int_equal(copy.row.vapid[0], 'k');
	assert_string_equal(copy.sealed, "t1 k");
	expect(b, "bob", "t1:My phone@phone");
	expect(b, "amy", "");
}

static void a_token_that_is_known_keeps_its_id_and_its_time(void **state)
{
	struct bench *b = *state;
	struct wp_push_put first =
		PUT(.user = "bob", .token = "t1", .name = "old");
	struct wp_push_put again =
		PUT(.user = "bob", .token = "t1", .name = "new", .device = "d",
		    .flags = WP_PUSH_BADGE, .now_s = NOW_S + S_PER_DAY);
	struct copy copy = only(b, "bob");

	assert_false(again.is_new);
	assert_memory_equal(again.id, first.id, WP_PUSH_ID_LEN);
	assert_memory_equal(copy.row.id, first.id, WP_PUSH_ID_LEN);
	assert_int_equal(copy.row.registered_s, NOW_S);
	assert_int_equal(copy.row.refreshed_day, NOW_S / S_PER_DAY + 1);
	assert_int_equal(copy.row.flags, WP_PUSH_BADGE);
	expect(b, "bob", "t1:new@d");
}

/* What was said of the old one by then is not about this one. */
static void with_other_keys_it_is_another_token(void **state)
{
	struct bench *b = *state;
	struct wp_push_put first =
		PUT(.user = "bob", .token = "t1", .keys = "k");
	struct copy was = only(b, "bob"), is;
	struct wp_push_put again;

	assert_int_equal(mark(b, &was, WP_PUSH_SUSPECT), WP_OK);
	again = PUT(.user = "bob", .token = "t1", .keys = "l");

	is = only(b, "bob");
	assert_int_equal(is.row.state, WP_PUSH_ACTIVE);
	assert_string_equal(is.reason, "");
	assert_int_equal(is.row.marked_s, 0);
	assert_false(again.is_new);
	assert_memory_equal(again.id, first.id, WP_PUSH_ID_LEN);
	assert_true(is.row.registered_s > was.row.registered_s);
	assert_string_equal(is.sealed, "t1 l");
	assert_int_equal(is.row.vapid[0], 'l');
	assert_int_equal(mark(b, &was, WP_PUSH_GONE), WP_ERR_STALE);
	assert_int_equal(only(b, "bob").row.state, WP_PUSH_ACTIVE);
}

static void
what_is_suspect_stays_so_until_its_provider_says_otherwise(void **state)
{
	struct bench *b = *state;
	struct copy copy;

	PUT(.user = "bob", .token = "t1");
	copy = only(b, "bob");
	assert_int_equal(mark(b, &copy, WP_PUSH_SUSPECT), WP_OK);

	PUT(.user = "bob", .token = "t1", .now_s = NOW_S + S_PER_DAY);

	copy = only(b, "bob");
	assert_int_equal(copy.row.state, WP_PUSH_SUSPECT);
	assert_int_equal(copy.row.marked_s, NOW_S + 5);
	assert_string_equal(copy.reason, "Unregistered");
	assert_string_equal(copy.sealed, "t1 ");
	assert_int_equal(mark(b, &copy, WP_PUSH_ACTIVE), WP_OK);
	assert_int_equal(only(b, "bob").row.state, WP_PUSH_ACTIVE);
}

/* Whoever waits for how long it is must not wait for ever. */
static void what_is_suspect_is_so_since_it_was_said_first(void **state)
{
	struct bench *b = *state;
	struct copy copy;

	PUT(.user = "bob", .token = "t1");
	copy = only(b, "bob");
	assert_int_equal(mark_at(b, &copy, WP_PUSH_SUSPECT, NOW_S + 1), WP_OK);
	assert_int_equal(mark_at(b, &copy, WP_PUSH_SUSPECT, NOW_S + 2), WP_OK);
	assert_int_equal(only(b, "bob").row.marked_s, NOW_S + 1);

	assert_int_equal(mark_at(b, &copy, WP_PUSH_ACTIVE, NOW_S + 3), WP_OK);
	assert_int_equal(mark_at(b, &copy, WP_PUSH_SUSPECT, NOW_S + 4), WP_OK);
	assert_int_equal(only(b, "bob").row.marked_s, NOW_S + 4);
	assert_int_equal(mark_at(b, &copy, WP_PUSH_GONE, NOW_S + 5), WP_OK);
	assert_int_equal(only(b, "bob").row.marked_s, NOW_S + 5);
}

static void a_token_that_is_gone_is_refused_and_its_secret_erased(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t1", .device = "phone");
	lose(b, "bob");

	assert_int_equal(only(b, "bob").row.sealed_len, 0);
	assert_int_equal(TRY(.user = "bob", .token = "t1", .name = "new",
			     .device = "phone"),
			 WP_ERR_CONFLICT);
	expect(b, "bob", ":@phone(gone)");
	/* Of another token of the same device it says nothing. */
	PUT(.user = "bob", .token = "t2", .device = "phone");
	expect(b, "bob", "t2:@phone");
}

static void a_token_that_is_gone_is_taken_by_force(void **state)
{
	struct bench *b = *state;
	struct wp_push_put first = PUT(.user = "bob", .token = "t1"), again;
	struct copy was = only(b, "bob"), is;

	lose(b, "bob");
	again = PUT(.user = "bob", .token = "t1", .is_forced = true);

	is = only(b, "bob");
	assert_false(again.is_new);
	assert_memory_equal(again.id, first.id, WP_PUSH_ID_LEN);
	assert_int_equal(is.row.state, WP_PUSH_ACTIVE);
	assert_string_equal(is.reason, "");
	assert_int_equal(is.row.marked_s, 0);
	assert_string_equal(is.sealed, "t1 ");
	/* A late repetition of the verdict is about the one of before. */
	assert_int_equal(mark(b, &was, WP_PUSH_GONE), WP_ERR_STALE);
}

static void a_phone_that_changes_hands_leaves_its_first_user(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t1");
	PUT(.user = "bob", .token = "t2");
	PUT(.user = "amy", .token = "t1");

	expect(b, "bob", "t2:@");
	expect(b, "amy", "t1:@");
	/* Also when both have it already, and one shares it no longer. */
	PUT(.user = "amy", .token = "t2", .flags = WP_PUSH_SHARED);
	expect(b, "bob", "");
}

static void a_token_is_shared_only_if_both_sides_share_it(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t1", .flags = WP_PUSH_SHARED);
	PUT(.user = "amy", .token = "t1", .flags = WP_PUSH_SHARED);
	expect(b, "bob", "t1:@");
	expect(b, "amy", "t1:@");

	PUT(.user = "amy", .token = "t1");
	expect(b, "bob", "");
	expect(b, "amy", "t1:@");
}

static void at_most_four_share_a_token_the_latest_of_them(void **state)
{
	static const char *const users[] = { "u0", "u1", "u2", "u3", "u4" };
	struct bench *b = *state;

	for (int i = 0; i < 5; i++)
		PUT(.user = users[i], .token = "t1", .flags = WP_PUSH_SHARED,
		    .now_s = NOW_S + i);

	expect(b, "u0", "");
	for (int i = 1; i < 5; i++)
		expect(b, users[i], "t1:@");
}

static void a_new_token_of_a_device_takes_the_place_of_its_old_one(void **state)
{
	struct bench *b = *state;
	struct wp_push_put first =
		PUT(.user = "bob", .token = "t1", .device = "phone");
	struct wp_push_put again =
		PUT(.user = "bob", .token = "t2", .device = "phone");

	assert_true(again.is_new);
	assert_memory_not_equal(again.id, first.id, WP_PUSH_ID_LEN);
	expect(b, "bob", "t2:@phone");
	/* Another kind, app or user is another matter; so is no device. */
	PUT(.user = "bob", .token = "t3", .device = "phone", .kind = "webpush");
	PUT(.user = "bob", .token = "t4", .device = "phone", .app = "other");
	PUT(.user = "amy", .token = "t5", .device = "phone");
	PUT(.user = "bob", .token = "t6");
	PUT(.user = "bob", .token = "t7");
	expect(b, "bob", "t2:@phone t3:@phone t4:@phone t6:@ t7:@");
	expect(b, "amy", "t5:@phone");
}

static void a_known_token_takes_the_place_of_its_devices_other_one(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t1", .device = "phone");
	PUT(.user = "bob", .token = "t2");
	PUT(.user = "bob", .token = "t2", .device = "phone");

	expect(b, "bob", "t2:@phone");
}

static void of_too_many_that_goes_which_was_refreshed_longest_ago(void **state)
{
	struct bench *b = *state;
	char token[16];

	for (int i = 0; i < 20; i++) {
		(void)snprintf(token, sizeof(token), "t%d", i);
		PUT(.user = "bob", .token = token, .now_s = NOW_S + i);
	}
	PUT(.user = "bob", .token = "t0", .now_s = NOW_S + S_PER_DAY);
	PUT(.user = "amy", .token = "a");
	PUT(.user = "bob", .token = "new", .now_s = NOW_S + S_PER_DAY);

	expect(b, "bob",
	       "t0:@ t2:@ t3:@ t4:@ t5:@ t6:@ t7:@ t8:@ t9:@ t10:@ t11:@ "
	       "t12:@ t13:@ t14:@ t15:@ t16:@ t17:@ t18:@ t19:@ new:@");
	expect(b, "amy", "a:@");
}

static void of_too_many_those_that_are_gone_go_first(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t2", .now_s = NOW_S + S_PER_DAY);
	lose(b, "bob");
	PUT(.user = "bob", .token = "t1", .max = 2);
	PUT(.user = "bob", .token = "t3", .max = 2);

	expect(b, "bob", "t1:@ t3:@");
	PUT(.user = "bob", .token = "t4", .max = 1);
	expect(b, "bob", "t4:@");
}

/* ---- who has ended ---- */

static void with_a_session_its_devices_end(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t1", .session = "one", .subject = "s");
	PUT(.user = "bob", .token = "t2", .session = "two", .subject = "s");
	PUT(.user = "bob", .token = "t3");
	end(b, 'i', "one", INT64_MAX);
	expect(b, "bob", "t2:@ t3:@");
	/* A device belongs to the session that has registered it last. */
	PUT(.user = "bob", .token = "t3", .session = "three");
	end(b, 'i', "three", INT64_MAX);
	expect(b, "bob", "t2:@");
	end(b, 's', "s", NOW_S);
	expect(b, "bob", "");
}

static void with_a_user_all_of_his_devices_end(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t1", .session = "one");
	PUT(.user = "bob", .token = "t2");
	PUT(.user = "amy", .token = "t3");
	end(b, 'u', "bob", NOW_S);

	expect(b, "bob", "");
	expect(b, "amy", "t3:@");
}

/* Providers say late that somebody has logged out, and say it again. */
static void what_was_registered_by_a_later_token_stays(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t1", .subject = "s", .issued_s = NOW_S);
	PUT(.user = "bob", .token = "t2", .subject = "s",
	    .issued_s = NOW_S + 1);
	end(b, 's', "s", NOW_S);

	expect(b, "bob", "t2:@");
}

/* Also where nothing else of it is new, so that there seems to be nothing to
 * write. */
static void what_a_later_token_has_registered_again_stays(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t1", .subject = "s", .issued_s = NOW_S);
	PUT(.user = "bob", .token = "t1", .subject = "s",
	    .issued_s = NOW_S + 2);
	/* The one before it was under way for longer. */
	PUT(.user = "bob", .token = "t1", .subject = "s", .issued_s = NOW_S,
	    .name = "late");
	end(b, 's', "s", NOW_S + 1);
	expect(b, "bob", "t1:late@");
	/* What somebody else's token said before does not count for it. */
	PUT(.user = "bob", .token = "t1", .subject = "r", .issued_s = NOW_S);
	end(b, 's', "r", NOW_S + 1);

	expect(b, "bob", "");
}

/* A registration that was let in before the end comes behind it. */
static void who_has_ended_registers_nothing_any_more(void **state)
{
	struct bench *b = *state;

	PUT(.user = "bob", .token = "t0", .session = "two", .name = "kept");
	end(b, 'i', "one", INT64_MAX);
	end(b, 'u', "bob", NOW_S - 10);

	assert_int_equal(TRY(.user = "bob", .token = "t1", .session = "one",
			     .issued_s = NOW_S + 1),
			 WP_ERR_DENIED);
	assert_int_equal(TRY(.user = "bob", .token = "t1", .session = "two",
			     .issued_s = NOW_S - 10),
			 WP_ERR_DENIED);
	assert_int_equal(TRY(.user = "bob", .token = "t1", .session = "two"),
			 WP_ERR_DENIED);
	expect(b, "bob", "");
	PUT(.user = "bob", .token = "t1", .session = "two",
	    .issued_s = NOW_S - 9);
	expect(b, "bob", "t1:@");
}

static void an_end_never_becomes_an_earlier_one(void **state)
{
	struct bench *b = *state;

	end(b, 'u', "bob", NOW_S);
	end(b, 'u', "bob", NOW_S - 10);

	assert_int_equal(TRY(.user = "bob", .token = "t1", .issued_s = NOW_S),
			 WP_ERR_DENIED);
}

static void an_end_is_forgotten_when_nobody_can_be_late_any_more(void **state)
{
	struct bench *b = *state;

	end(b, 'i', "one", INT64_MAX);
	assert_int_equal(wp_push_end(b->other, NULL, 0,
				     NOW_S + WP_PUSH_END_SECONDS - 1, NULL),
			 WP_OK);
	assert_int_equal(TRY(.user = "bob", .token = "t1", .session = "one"),
			 WP_ERR_DENIED);

	assert_int_equal(wp_push_end(b->other, NULL, 0,
				     NOW_S + WP_PUSH_END_SECONDS, NULL),
			 WP_OK);
	PUT(.user = "bob", .token = "t1", .session = "one");
}

/* ---- to remove ---- */

static void a_device_is_removed_by_its_id_its_name_or_its_token(void **state)
{
	struct bench *b = *state;
	const struct wp_urn bob = urn_of("bob"), amy = urn_of("amy");
	struct wp_push_put one =
		PUT(.user = "bob", .token = "t1", .device = "phone");
	struct wp_push_which which = { .user = &amy, .id = one.id };
	const struct wp_push_test third = { .token = "t3", .kind = "fcm" };
	uint8_t tok[WP_PUSH_TOK_LEN];

	PUT(.user = "bob", .token = "t2", .device = "tablet");
	PUT(.user = "bob", .token = "t3");
	PUT(.user = "bob", .token = "t4");
	/* It is not hers. */
	assert_int_equal(wp_push_remove(b->store, &which, NULL), WP_OK);
	expect(b, "bob", "t1:@phone t2:@tablet t3:@ t4:@");
	which.user = &bob;
	assert_int_equal(wp_push_remove(b->store, &which, NULL), WP_OK);
	assert_int_equal(wp_push_remove(b->store, &which, NULL), WP_OK);
	expect(b, "bob", "t2:@tablet t3:@ t4:@");
	which.id = NULL;
	which.device = "tablet";
	assert_int_equal(wp_push_remove(b->store, &which, NULL), WP_OK);
	expect(b, "bob", "t3:@ t4:@");
	name_token(&third, tok);
	which.device = NULL;
	which.tok = tok;
	assert_int_equal(wp_push_remove(b->store, &which, NULL), WP_OK);
	expect(b, "bob", "t4:@");
}

/* ---- what a code must verify ---- */

#define MAIL(...) .kind = "email", .must_verify = true, __VA_ARGS__

static enum wp_err give_code(struct bench *b, const struct copy *of,
			     bool is_right, int64_t now_s)
{
	const struct wp_urn urn = urn_of("bob");
	struct wp_push_verify verify = {
		.user = &urn,
		.code_s = of->row.code_s,
		.is_right = is_right,
		.now_s = now_s,
	};

	memcpy(verify.id, of->row.id, sizeof(verify.id));
	return wp_push_verify(b->other, &verify, NULL);
}

static void an_address_is_told_nothing_until_its_code_comes_back(void **state)
{
	struct bench *b = *state;
	struct wp_push_put done = PUT(MAIL(.user = "bob", .token = "a"));
	struct copy copy = only(b, "bob");

	assert_true(done.is_new && done.wants_code);
	expect(b, "bob", "a:@(unverified)");
	assert_int_equal(copy.row.code_s, NOW_S);
	assert_int_equal(give_code(b, &copy, false, NOW_S + 1), WP_ERR_DENIED);
	expect(b, "bob", "a:@(unverified)");
	assert_int_equal(give_code(b, &copy, true, NOW_S + 1), WP_OK);
	expect(b, "bob", "a:@");
	/* Who has not heard of it says it again. */
	assert_int_equal(give_code(b, &copy, true, NOW_S + 2), WP_OK);
	assert_int_equal(give_code(b, &copy, false, NOW_S + 2), WP_ERR_DENIED);
	done = PUT(MAIL(.user = "bob", .token = "a"));
	assert_false(done.is_new || done.wants_code);
	expect(b, "bob", "a:@");
	/* It is one like the others now. */
	copy = only(b, "bob");
	assert_int_equal(mark(b, &copy, WP_PUSH_SUSPECT), WP_OK);
	assert_int_equal(give_code(b, &copy, true, NOW_S + 3), WP_OK);
	expect(b, "bob", "a:@(suspect)");
}

static void a_code_is_of_one_device_and_one_user(void **state)
{
	struct bench *b = *state;
	struct copy copy;

	/* Hers is none of his; and what has no code has none that is right. */
	PUT(MAIL(.user = "amy", .token = "a"));
	copy = only(b, "amy");
	assert_int_equal(give_code(b, &copy, true, NOW_S), WP_ERR_DENIED);
	expect(b, "amy", "a:@(unverified)");
	PUT(.user = "bob", .token = "t1");
	copy = only(b, "bob");
	assert_int_equal(give_code(b, &copy, true, NOW_S), WP_ERR_DENIED);
	memset(copy.row.id, 0, sizeof(copy.row.id));
	assert_int_equal(give_code(b, &copy, true, NOW_S), WP_ERR_DENIED);
	assert_int_equal(give_code(b, &copy, false, NOW_S), WP_ERR_DENIED);
}

static void a_code_is_good_for_an_hour_and_five_guesses(void **state)
{
	struct bench *b = *state;
	struct copy copy;

	PUT(MAIL(.user = "bob", .token = "a"));
	copy = only(b, "bob");
	assert_int_equal(give_code(b, &copy, true, NOW_S + 3600),
			 WP_ERR_DENIED);
	for (int i = 0; i < WP_PUSH_CODE_TRIES; i++)
		assert_int_equal(give_code(b, &copy, false, NOW_S),
				 WP_ERR_DENIED);
	assert_int_equal(give_code(b, &copy, true, NOW_S), WP_ERR_DENIED);
	/* There is no try left, so there is another one. */
	PUT(MAIL(.user = "bob", .token = "a"));
	assert_int_equal(give_code(b, &copy, true, NOW_S), WP_ERR_DENIED);
	copy = only(b, "bob");
	assert_int_equal(copy.row.code_s, NOW_S + 1);
	for (int i = 1; i < WP_PUSH_CODE_TRIES; i++)
		assert_int_equal(give_code(b, &copy, false, NOW_S),
				 WP_ERR_DENIED);
	assert_int_equal(give_code(b, &copy, true, NOW_S + 3600), WP_OK);
}

static void it_is_the_same_code_while_that_is_good_for_long(void **state)
{
	struct bench *b = *state;
	struct copy copy;

	PUT(MAIL(.user = "bob", .token = "a"));
	copy = only(b, "bob");
	assert_int_equal(give_code(b, &copy, false, NOW_S), WP_ERR_DENIED);
	PUT(MAIL(.user = "bob", .token = "a", .now_s = NOW_S + 1799));
	assert_int_equal(only(b, "bob").row.code_s, NOW_S);
	/* Nor are guesses forgotten by asking for it again. */
	for (int i = 1; i < WP_PUSH_CODE_TRIES; i++)
		assert_int_equal(give_code(b, &copy, false, NOW_S),
				 WP_ERR_DENIED);
	assert_int_equal(give_code(b, &copy, true, NOW_S), WP_ERR_DENIED);
}

static void when_half_of_its_time_is_over_there_is_another_one(void **state)
{
	struct bench *b = *state;

	PUT(MAIL(.user = "bob", .token = "a"));
	PUT(MAIL(.user = "bob", .token = "a", .now_s = NOW_S + 1800));
	assert_int_equal(only(b, "bob").row.code_s, NOW_S + 1800);
}

static void an_address_gets_three_codes_a_day_whoever_asks(void **state)
{
	struct bench *b = *state;
	/* The last second of a day. */
	const int64_t late = (NOW_S / S_PER_DAY + 1) * S_PER_DAY - 1;
	struct wp_push_which which = { .user = NULL };
	struct wp_push_put hers;

	PUT(MAIL(.user = "bob", .token = "a", .now_s = late));
	PUT(MAIL(.user = "bob", .token = "a", .now_s = late));
	hers = PUT(MAIL(.user = "amy", .token = "a", .now_s = late));
	which.id = hers.id;
	assert_int_equal(wp_push_remove(b->store, &which, NULL), WP_OK);
	assert_int_equal(TRY(MAIL(.user = "bob", .token = "a", .now_s = late)),
			 WP_ERR_FULL);
	/* Not by registering it anew, nor as somebody else. */
	assert_int_equal(TRY(MAIL(.user = "amy", .token = "a", .now_s = late)),
			 WP_ERR_FULL);
	expect(b, "amy", "");
	PUT(MAIL(.user = "amy", .token = "b", .now_s = late));
	PUT(MAIL(.user = "amy", .token = "a", .now_s = late + 1));
	PUT(MAIL(.user = "amy", .token = "a", .now_s = late + 1));
	PUT(MAIL(.user = "amy", .token = "a", .now_s = late + 1));
	assert_int_equal(
		TRY(MAIL(.user = "amy", .token = "a", .now_s = late + 1)),
		WP_ERR_FULL);
}

static void a_user_gets_ten_codes_a_day_wherever_they_go(void **state)
{
	struct bench *b = *state;
	char token[16];

	for (int i = 0; i < WP_PUSH_CODES_OF_USER; i++) {
		(void)snprintf(token, sizeof(token), "a%d", i);
		PUT(MAIL(.user = "bob", .token = token, .max = 1));
	}
	expect(b, "bob", "a9:@(unverified)");
	assert_int_equal(TRY(MAIL(.user = "bob", .token = "b", .max = 1)),
			 WP_ERR_FULL);
	expect(b, "bob", "a9:@(unverified)");
	PUT(.user = "bob", .token = "t1");
	PUT(MAIL(.user = "amy", .token = "b"));
	PUT(MAIL(.user = "bob", .token = "b", .now_s = NOW_S + S_PER_DAY));
}

static void who_registers_an_address_takes_it_from_nobody(void **state)
{
	struct bench *b = *state;
	struct copy copy;
	static const char *const others[] = { "a1", "a2", "a3", "a4" };

	PUT(MAIL(.user = "bob", .token = "a", .device = "d"));
	copy = only(b, "bob");
	assert_int_equal(give_code(b, &copy, true, NOW_S), WP_OK);
	PUT(MAIL(.user = "amy", .token = "a"));
	PUT(MAIL(.user = "eve", .token = "a"));
	expect(b, "bob", "a:@d");
	for (size_t i = 0; i < 4; i++)
		PUT(MAIL(.user = others[i], .token = "a",
			 .now_s = NOW_S + S_PER_DAY * (int64_t)(i + 1)));
	expect(b, "bob", "a:@d");
	/* Nor does another address of the same device. */
	PUT(MAIL(.user = "bob", .token = "b", .device = "d"));
	expect(b, "bob", "a:@d b:@d(unverified)");
}

static void what_is_not_verified_is_not_marked_but_as_gone(void **state)
{
	struct bench *b = *state;
	struct copy copy;

	PUT(MAIL(.user = "bob", .token = "a"));
	copy = only(b, "bob");
	assert_int_equal(mark(b, &copy, WP_PUSH_SUSPECT), WP_ERR_STALE);
	assert_int_equal(mark(b, &copy, WP_PUSH_ACTIVE), WP_ERR_STALE);
	expect(b, "bob", "a:@(unverified)");
	assert_int_equal(mark(b, &copy, WP_PUSH_GONE), WP_OK);
	assert_int_equal(give_code(b, &copy, true, NOW_S), WP_ERR_DENIED);
	/* By force it begins anew. */
	assert_int_equal(TRY(MAIL(.user = "bob", .token = "a")),
			 WP_ERR_CONFLICT);
	PUT(MAIL(.user = "bob", .token = "a", .is_forced = true));
	expect(b, "bob", "a:@(unverified)");
}

static void a_device_is_removed_by_its_id_alone(void **state)
{
	struct bench *b = *state;
	struct wp_push_put done = PUT(.user = "bob", .token = "t1");
	const struct wp_push_which which = { .id = done.id };

	PUT(.user = "bob", .token = "t2");
	PUT(.user = "amy", .token = "t3");
	assert_int_equal(wp_push_remove(b->store, &which, NULL), WP_OK);
	assert_int_equal(wp_push_remove(b->store, &which, NULL), WP_OK);
	expect(b, "bob", "t2:@");
	expect(b, "amy", "t3:@");
}

/* ---- what providers say ---- */

static void what_is_gone_stays_gone(void **state)
{
	struct bench *b = *state;
	struct copy copy;

	PUT(.user = "bob", .token = "t1");
	lose(b, "bob");
	copy = only(b, "bob");

	assert_int_equal(mark(b, &copy, WP_PUSH_ACTIVE), WP_ERR_STALE);
	assert_int_equal(only(b, "bob").row.state, WP_PUSH_GONE);
	assert_int_equal(copy.row.marked_s, NOW_S + 5);
	memset(copy.row.id, 0, sizeof(copy.row.id));
	assert_int_equal(mark(b, &copy, WP_PUSH_SUSPECT), WP_ERR_STALE);
}

static void the_last_result_is_kept_by_its_day(void **state)
{
	struct bench *b = *state;
	struct wp_push_outcome outcomes[2] = {
		{ .result = WP_PUSH_ACCEPTED, .day = 7 },
		{ .result = WP_PUSH_FAILED, .day = 8 }, /* of nobody */
	};
	struct wp_push_put done = PUT(.user = "bob", .token = "t1");
	struct copy copy;

	memcpy(outcomes[0].id, done.id, sizeof(done.id));
	assert_int_equal(wp_push_results(b->store, outcomes, 2, NULL), WP_OK);
	copy = only(b, "bob");
	assert_int_equal(copy.row.result, WP_PUSH_ACCEPTED);
	assert_int_equal(copy.row.result_day, 7);
	outcomes[0].result = WP_PUSH_FAILED;
	assert_int_equal(wp_push_results(b->store, outcomes, 1, NULL), WP_OK);
	assert_int_equal(only(b, "bob").row.result, WP_PUSH_FAILED);
}

static void what_nobody_refreshes_or_is_gone_is_deleted_in_time(void **state)
{
	struct bench *b = *state;
	struct wp_push_expire expire = {
		.refreshed_before_day = NOW_S / S_PER_DAY,
		.gone_before_s = NOW_S + 5,
		.max = 10,
	};

	PUT(.user = "amy", .token = "a");
	lose(b, "amy");
	PUT(.user = "bob", .token = "t1");
	PUT(.user = "bob", .token = "t2", .now_s = NOW_S - S_PER_DAY);
	PUT(.user = "bob", .token = "t3", .now_s = NOW_S - S_PER_DAY);
	assert_int_equal(wp_push_expire(b->store, &expire, NULL), WP_OK);
	assert_int_equal(expire.deleted, 2);
	assert_int_equal(expire.unrefreshed, 2);
	expect(b, "bob", "t1:@");
	expect(b, "amy", ":@(gone)");

	expire.gone_before_s++;
	expire.refreshed_before_day++;
	expire.max = 1; /* those that are gone go first */
	assert_int_equal(wp_push_expire(b->store, &expire, NULL), WP_OK);
	assert_int_equal(expire.deleted, 1);
	assert_int_equal(expire.unrefreshed, 0);
	assert_int_equal(wp_push_expire(b->store, &expire, NULL), WP_OK);
	assert_int_equal(expire.deleted, 1);
	assert_int_equal(expire.unrefreshed, 1);
	assert_int_equal(wp_push_expire(b->store, &expire, NULL), WP_OK);
	assert_int_equal(expire.deleted, 0);
	expect(b, "bob", "");
	expect(b, "amy", "");
}

/* ---- preferences ---- */

static void preferences_are_those_that_were_put_last(void **state)
{
	struct bench *b = *state;
	const struct wp_urn bob = urn_of("bob"), amy = urn_of("amy");
	struct wp_buf out;

	wp_buf_init(&out, 0);
	assert_int_equal(wp_push_prefs(b->store, &bob, &out, NULL),
			 WP_ERR_NOTFOUND);
	assert_int_equal(
		wp_push_prefs_put(b->store, &bob, "{\"a\":1}", 7, NOW_S, NULL),
		WP_OK);
	assert_int_equal(
		wp_push_prefs_put(b->store, &bob, "{}", 2, NOW_S, NULL), WP_OK);
	assert_int_equal(wp_push_prefs(b->other, &bob, &out, NULL), WP_OK);
	assert_string_equal(out.data, "{}");
	assert_int_equal(wp_push_prefs(b->other, &amy, &out, NULL),
			 WP_ERR_NOTFOUND);
	wp_buf_release(&out);
}

/* ---- many at once ---- */

static void *register_it(void *user)
{
	struct wp_store *store = contract->open(contract->ctx);
	enum wp_err rc = wp_push_test_put(
		store, &(struct wp_push_test){ .user = user, .token = "t1" },
		NULL);

	wp_store_close(&store);
	return rc == WP_OK ? user : NULL;
}

static void of_many_at_once_one_has_the_token(void **state)
{
	static char users[RACERS][16];
	struct bench *b = *state;
	pthread_t threads[RACERS];
	int n = 0;

	for (int i = 0; i < RACERS; i++) {
		(void)snprintf(users[i], sizeof(users[i]), "u%d", i);
		assert_int_equal(pthread_create(&threads[i], NULL, register_it,
						users[i]),
				 0);
	}
	for (int i = 0; i < RACERS; i++) {
		void *user;

		assert_int_equal(pthread_join(threads[i], &user), 0);
		assert_ptr_equal(user, users[i]);
	}
	for (int i = 0; i < RACERS; i++)
		n += wp_push_test_show(b->store, users[i])[0] != '\0';
	assert_int_equal(n, 1);
}

/* ---- whatever comes ---- */

enum { USERS = 6, TOKENS = 8, DEVICES = 3, MAX = 4 };

struct holding {
	int n;                  /* devices of the user */
	int of_device[DEVICES]; /* by device id; 0 is none */
	int token;              /* that is looked for */
	int has_token, shares;
	bool is_wrong;
};

static void count_row(void *ctx, const struct wp_push_row *row)
{
	struct holding *holding = ctx;
	char text[8] = "";

	memcpy(text, or_nothing(row->sealed),
	       row->sealed_len < 2 ? row->sealed_len : 2);
	holding->n++;
	if (row->device[0] != '\0' &&
	    ++holding->of_device[row->device[0] - '0'] > 1)
		holding->is_wrong = true;
	if (text[0] == 't' && text[1] - '0' == holding->token) {
		holding->has_token++;
		holding->shares += (row->flags & WP_PUSH_SHARED) != 0;
	}
}

static void check_rules(struct bench *b, int token, const char *last)
{
	int n = 0, sharing = 0;

	for (int i = 0; i < USERS; i++) {
		const char user[] = { 'u', (char)('0' + i), '\0' };
		const struct wp_urn urn = urn_of(user);
		struct holding holding = { .token = token };
		const struct wp_push_list list = {
			.user = &urn,
			.on_row = count_row,
			.ctx = &holding,
		};

		assert_int_equal(wp_push_list(b->other, &list, NULL), WP_OK);
		assert_true(holding.n <= MAX);
		assert_false(holding.is_wrong);
		assert_true(holding.has_token <= 1);
		if (strcmp(user, last) == 0)
			assert_int_equal(holding.has_token, 1);
		n += holding.has_token;
		sharing += holding.shares;
	}
	assert_true(n == 1 || (n == sharing && n <= WP_PUSH_SHARERS_MAX));
}

/* Rules 1 to 5 hold behind each registration, whatever came before. */
static void the_rules_hold_whatever_comes(void **state)
{
	struct bench *b = *state;
	unsigned int seed = 1;

	for (int i = 0; i < STEPS; i++) {
		const char user[] = { 'u', (char)('0' + rand_r(&seed) % USERS),
				      '\0' };
		const int number = rand_r(&seed) % TOKENS;
		const char token[] = { 't', (char)('0' + number), '\0' };
		const int device = rand_r(&seed) % DEVICES;
		const char name[] = { (char)('0' + device), '\0' };

		PUT(.user = user, .token = token,
		    .device = device == 0 ? "" : name,
		    .flags = rand_r(&seed) % 3 == 0 ? 0 : WP_PUSH_SHARED,
		    .keys = rand_r(&seed) % 4 == 0 ? "other" : "", .max = MAX,
		    .now_s = NOW_S + i * 7000);
		check_rules(b, number, user);
	}
}

/* ---- running ---- */

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	contract->wipe(contract->ctx);
	b->store = contract->open(contract->ctx);
	b->other = contract->open(contract->ctx);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	wp_store_close(&b->store);
	wp_store_close(&b->other);
	free(b);
	return 0;
}

#define CONTRACT(test)                             \
	{                                          \
#test, test, setup, teardown, NULL \
	}

int wp_push_contract_run(const struct wp_store_contract *of)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(a_device_is_listed_as_it_was_registered),
		CONTRACT(a_token_that_is_known_keeps_its_id_and_its_time),
		CONTRACT(with_other_keys_it_is_another_token),
		CONTRACT(
			what_is_suspect_stays_so_until_its_provider_says_otherwise),
		CONTRACT(what_is_suspect_is_so_since_it_was_said_first),
		CONTRACT(a_token_that_is_gone_is_refused_and_its_secret_erased),
		CONTRACT(a_token_that_is_gone_is_taken_by_force),
		CONTRACT(a_phone_that_changes_hands_leaves_its_first_user),
		CONTRACT(a_token_is_shared_only_if_both_sides_share_it),
		CONTRACT(at_most_four_share_a_token_the_latest_of_them),
		CONTRACT(
			a_new_token_of_a_device_takes_the_place_of_its_old_one),
		CONTRACT(
			a_known_token_takes_the_place_of_its_devices_other_one),
		CONTRACT(of_too_many_that_goes_which_was_refreshed_longest_ago),
		CONTRACT(of_too_many_those_that_are_gone_go_first),
		CONTRACT(with_a_session_its_devices_end),
		CONTRACT(with_a_user_all_of_his_devices_end),
		CONTRACT(what_was_registered_by_a_later_token_stays),
		CONTRACT(what_a_later_token_has_registered_again_stays),
		CONTRACT(who_has_ended_registers_nothing_any_more),
		CONTRACT(an_end_never_becomes_an_earlier_one),
		CONTRACT(an_end_is_forgotten_when_nobody_can_be_late_any_more),
		CONTRACT(a_device_is_removed_by_its_id_its_name_or_its_token),
		CONTRACT(an_address_is_told_nothing_until_its_code_comes_back),
		CONTRACT(a_code_is_of_one_device_and_one_user),
		CONTRACT(a_code_is_good_for_an_hour_and_five_guesses),
		CONTRACT(it_is_the_same_code_while_that_is_good_for_long),
		CONTRACT(when_half_of_its_time_is_over_there_is_another_one),
		CONTRACT(an_address_gets_three_codes_a_day_whoever_asks),
		CONTRACT(a_user_gets_ten_codes_a_day_wherever_they_go),
		CONTRACT(who_registers_an_address_takes_it_from_nobody),
		CONTRACT(what_is_not_verified_is_not_marked_but_as_gone),
		CONTRACT(a_device_is_removed_by_its_id_alone),
		CONTRACT(what_is_gone_stays_gone),
		CONTRACT(the_last_result_is_kept_by_its_day),
		CONTRACT(what_nobody_refreshes_or_is_gone_is_deleted_in_time),
		CONTRACT(preferences_are_those_that_were_put_last),
		CONTRACT(of_many_at_once_one_has_the_token),
		CONTRACT(the_rules_hold_whatever_comes),
	};

	contract = of;
	return cmocka_run_group_tests_name(of->name, tests, NULL, NULL);
}

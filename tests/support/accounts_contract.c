/*
 * accounts_contract.c - the contract of lib/accounts/accounts.h.
 */
#include "tests/support/accounts_contract.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_S = 1000, DAY = 20000, RACERS = 8 };

static const struct wp_accounts_contract *contract;

static struct wp_username name_of(const char *text)
{
	struct wp_username name;

	assert_int_equal(wp_username_read(&name, text, strlen(text), NULL),
			 WP_OK);
	return name;
}

/* What is kept of a password that nobody hashes here. */
static struct wp_password password_of(uint8_t mark)
{
	struct wp_password password = {
		.cost = { .memory_kib = 19456, .passes = 2 },
	};

	memset(password.salt, mark, sizeof(password.salt));
	memset(password.tag, mark, sizeof(password.tag));
	return password;
}

static struct wp_account account_of(const char *name)
{
	struct wp_account account = {
		.name = name_of(name),
		.password = password_of(1),
		.has_recovery = true,
		.created_s = NOW_S,
	};

	memset(account.recovery, 0xcc, sizeof(account.recovery));
	return account;
}

static struct wp_account create(struct wp_accounts *accounts, const char *name)
{
	struct wp_account account = account_of(name);

	assert_int_equal(wp_accounts_create(accounts, &account, NULL), WP_OK);
	return account;
}

static struct wp_account find(struct wp_accounts *accounts, const char *text)
{
	struct wp_username name = name_of(text);
	struct wp_account account;

	assert_int_equal(wp_accounts_find(accounts, &name, &account, NULL),
			 WP_OK);
	return account;
}

static struct wp_account_session session_of(const struct wp_account *account,
					    uint8_t number)
{
	struct wp_account_session session = {
		.name = account->name,
		.device_name = "a phone",
		.created_s = NOW_S + number,
		.seen_day = DAY,
	};

	memset(session.sid, number, sizeof(session.sid));
	(void)snprintf(session.device, sizeof(session.device), "dev-%u",
		       number);
	return session;
}

/* Begin the session of that number; returns how many others that ended. */
static struct wp_ended add_session(struct wp_accounts *accounts,
				   const struct wp_account_session *session,
				   int64_t changed_s, size_t max)
{
	struct wp_session_add add = {
		.session = session,
		.changed_s = changed_s,
		.max = max,
	};

	assert_int_equal(wp_accounts_session_add(accounts, &add, NULL), WP_OK);
	return add.ended;
}

static void add_sessions(struct wp_accounts *accounts,
			 const struct wp_account *account, uint8_t n)
{
	for (uint8_t i = 1; i <= n; i++) {
		struct wp_account_session session = session_of(account, i);

		assert_int_equal(
			add_session(accounts, &session, account->changed_s, 50)
				.n,
			0);
	}
}

static size_t count_sessions(struct wp_accounts *accounts,
			     const struct wp_username *name)
{
	static struct wp_session_list list;

	assert_int_equal(wp_accounts_sessions(accounts, name, &list, NULL),
			 WP_OK);
	return list.n;
}

/* ---- accounts ---- */

static void what_was_created_is_found(void **state)
{
	struct wp_account made = create(*state, "bob");
	struct wp_account found = find(*state, "bob");

	assert_string_equal(found.name.text, "bob");
	assert_memory_equal(found.id, made.id, sizeof(made.id));
	assert_int_equal(found.state, WP_ACCOUNT_ACTIVE);
	assert_int_equal(found.password.cost.memory_kib, 19456);
	assert_int_equal(found.password.cost.passes, 2);
	assert_memory_equal(found.password.salt, made.password.salt, 16);
	assert_memory_equal(found.password.tag, made.password.tag, 32);
	assert_true(found.has_recovery);
	assert_memory_equal(found.recovery, made.recovery, 32);
	assert_int_equal(found.created_s, NOW_S);
	assert_int_equal(found.changed_s, NOW_S);
}

static void an_account_needs_no_recovery_code(void **state)
{
	struct wp_account account = account_of("bob");

	account.has_recovery = false;
	assert_int_equal(wp_accounts_create(*state, &account, NULL), WP_OK);
	assert_false(find(*state, "bob").has_recovery);
}

static void who_is_not_there_is_not_found(void **state)
{
	struct wp_username name = name_of("bob");
	struct wp_account account;

	assert_int_equal(wp_accounts_find(*state, &name, &account, NULL),
			 WP_ERR_NOTFOUND);
	assert_int_equal(wp_accounts_find(NULL, &name, &account, NULL),
			 WP_ERR_UNAVAIL);
}

static void a_name_is_given_out_once(void **state)
{
	struct wp_account made = create(*state, "bob");
	struct wp_account again = account_of("Bob");

	again.password = password_of(9);
	assert_int_equal(wp_accounts_create(*state, &again, NULL),
			 WP_ERR_CONFLICT);
	assert_memory_equal(find(*state, "bob").password.tag, made.password.tag,
			    32);
	assert_memory_equal(find(*state, "bob").id, made.id, 16);
}

static void *race(void *ctx)
{
	struct wp_accounts *accounts = contract->open(contract->ctx);
	struct wp_account account = account_of("bob");
	int *won = ctx;
	enum wp_err rc = wp_accounts_create(accounts, &account, NULL);

	*won = rc == WP_OK ? 1 : rc == WP_ERR_CONFLICT ? 0 : -1;
	wp_accounts_close(&accounts);
	return NULL;
}

static void of_all_who_want_a_name_at_once_one_gets_it(void **state)
{
	pthread_t threads[RACERS];
	int won[RACERS], winners = 0;

	(void)state;
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, race, &won[i]), 0);
	for (int i = 0; i < RACERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_not_equal(won[i], -1);
		winners += won[i];
	}
	assert_int_equal(winners, 1);
}

static void the_file_has_one_name_for_all(void **state)
{
	struct wp_accounts *other = contract->open(contract->ctx);
	char a[WP_ACCOUNTS_ID_LEN + 1], b[WP_ACCOUNTS_ID_LEN + 1];

	assert_int_equal(wp_accounts_id(*state, a, NULL), WP_OK);
	assert_int_equal(wp_accounts_id(other, b, NULL), WP_OK);
	assert_string_equal(a, b);
	assert_int_equal(strspn(a, "0123456789abcdef"), WP_ACCOUNTS_ID_LEN);
	wp_accounts_close(&other);
}

/* ---- passwords ---- */

static struct wp_account_change change_of(const struct wp_account *account,
					  const struct wp_password *password)
{
	return (struct wp_account_change){
		.name = &account->name,
		.changed_s = account->changed_s,
		.password = password,
		.now_s = NOW_S + 60,
	};
}

static void a_new_password_ends_all_sessions(void **state)
{
	const struct wp_password password = password_of(2);
	struct wp_account bob = create(*state, "bob");
	struct wp_account eve = create(*state, "eve");
	struct wp_account_change change = change_of(&bob, &password);
	struct wp_account_session of_eve = session_of(&eve, 77);

	add_sessions(*state, &bob, 3);
	assert_int_equal(add_session(*state, &of_eve, eve.changed_s, 50).n, 0);
	assert_int_equal(wp_accounts_set_password(*state, &change, NULL),
			 WP_OK);
	assert_int_equal(change.ended.n, 3);
	assert_int_equal(change.changed_now_s, NOW_S + 60);
	assert_int_equal(count_sessions(*state, &bob.name), 0);
	assert_int_equal(count_sessions(*state, &eve.name), 1);
	assert_memory_equal(find(*state, "bob").password.tag, password.tag, 32);
	assert_int_equal(find(*state, "bob").changed_s, NOW_S + 60);
	assert_memory_equal(find(*state, "bob").recovery, bob.recovery, 32);
}

static void the_session_that_changes_it_goes_on(void **state)
{
	const struct wp_password password = password_of(2);
	struct wp_account bob = create(*state, "bob");
	struct wp_account_change change = change_of(&bob, &password);
	struct wp_account_session kept = session_of(&bob, 2);

	add_sessions(*state, &bob, 3);
	change.keep_sid = kept.sid;
	assert_int_equal(wp_accounts_set_password(*state, &change, NULL),
			 WP_OK);
	assert_int_equal(change.ended.n, 2);
	assert_int_equal(
		wp_accounts_session_find(*state, kept.sid, &kept, NULL, NULL),
		WP_OK);
}

static void who_verified_an_older_password_changes_nothing(void **state)
{
	const struct wp_password first = password_of(2);
	const struct wp_password second = password_of(3);
	struct wp_account bob = create(*state, "bob");
	struct wp_account_change one = change_of(&bob, &first);
	struct wp_account_change two = change_of(&bob, &second);

	/* Even within the second in which it was made. */
	one.now_s = two.now_s = NOW_S;
	assert_int_equal(wp_accounts_set_password(*state, &one, NULL), WP_OK);
	add_sessions(*state,
		     &(struct wp_account){ .name = bob.name,
					   .changed_s = one.changed_now_s },
		     1);
	assert_int_equal(wp_accounts_set_password(*state, &two, NULL),
			 WP_ERR_STALE);
	assert_int_equal(two.ended.n, 0);
	assert_int_equal(count_sessions(*state, &bob.name), 1);
	assert_memory_equal(find(*state, "bob").password.tag, first.tag, 32);
}

static void a_recovery_code_is_good_once(void **state)
{
	const struct wp_password password = password_of(2);
	struct wp_account bob = create(*state, "bob");
	struct wp_account_change change = change_of(&bob, &password);
	uint8_t next[WP_RECOVERY_HASH_LEN], other[WP_RECOVERY_HASH_LEN];

	memset(next, 0xdd, sizeof(next));
	memset(other, 0xee, sizeof(other));
	change.recovery_was = other;
	change.recovery = next;
	assert_int_equal(wp_accounts_set_password(*state, &change, NULL),
			 WP_ERR_STALE);
	change.recovery_was = bob.recovery;
	assert_int_equal(wp_accounts_set_password(*state, &change, NULL),
			 WP_OK);
	bob = find(*state, "bob");
	assert_memory_equal(bob.recovery, next, sizeof(next));
	change.changed_s = bob.changed_s;
	memset(other, 0xcc, sizeof(other));
	change.recovery_was = other;
	assert_int_equal(wp_accounts_set_password(*state, &change, NULL),
			 WP_ERR_STALE);
}

static void without_a_code_none_is_right(void **state)
{
	static const uint8_t zeroes[WP_RECOVERY_HASH_LEN];
	const struct wp_password password = password_of(2);
	struct wp_account bob = account_of("bob");
	struct wp_account_change change;

	bob.has_recovery = false;
	assert_int_equal(wp_accounts_create(*state, &bob, NULL), WP_OK);
	change = change_of(&bob, &password);
	change.recovery_was = zeroes;
	assert_int_equal(wp_accounts_set_password(*state, &change, NULL),
			 WP_ERR_STALE);
}

static void a_code_is_replaced_for_who_was_found(void **state)
{
	struct wp_account bob = create(*state, "bob");
	uint8_t next[WP_RECOVERY_HASH_LEN];

	memset(next, 0xdd, sizeof(next));
	add_sessions(*state, &bob, 1);
	assert_int_equal(wp_accounts_set_recovery(*state, &bob, next, NULL),
			 WP_OK);
	assert_memory_equal(find(*state, "bob").recovery, next, sizeof(next));
	assert_int_equal(count_sessions(*state, &bob.name), 1);
	bob.changed_s--;
	assert_int_equal(wp_accounts_set_recovery(*state, &bob, next, NULL),
			 WP_ERR_STALE);
}

static void another_hash_of_the_same_ends_nothing(void **state)
{
	const struct wp_password password = password_of(2);
	struct wp_account bob = create(*state, "bob");

	add_sessions(*state, &bob, 2);
	assert_int_equal(wp_accounts_rehash(*state, &bob, &password, NULL),
			 WP_OK);
	assert_memory_equal(find(*state, "bob").password.tag, password.tag, 32);
	assert_int_equal(find(*state, "bob").changed_s, bob.changed_s);
	assert_int_equal(count_sessions(*state, &bob.name), 2);
	bob.changed_s--;
	assert_int_equal(wp_accounts_rehash(*state, &bob, &password, NULL),
			 WP_ERR_STALE);
}

/* ---- states ---- */

static void who_is_disabled_has_no_sessions_and_gets_none(void **state)
{
	const struct wp_password password = password_of(2);
	struct wp_account bob = create(*state, "bob");
	struct wp_account_session session = session_of(&bob, 9);
	struct wp_account_change change = change_of(&bob, &password);
	struct wp_session_add add = { .session = &session,
				      .changed_s = bob.changed_s,
				      .max = 50 };
	struct wp_ended ended;

	add_sessions(*state, &bob, 2);
	assert_int_equal(wp_accounts_set_state(*state, &bob.name,
					       WP_ACCOUNT_DISABLED, &ended,
					       NULL),
			 WP_OK);
	assert_int_equal(ended.n, 2);
	assert_int_equal(find(*state, "bob").state, WP_ACCOUNT_DISABLED);
	assert_int_equal(wp_accounts_session_add(*state, &add, NULL),
			 WP_ERR_STALE);
	assert_int_equal(wp_accounts_set_password(*state, &change, NULL),
			 WP_ERR_STALE);
	assert_int_equal(
		wp_accounts_set_recovery(*state, &bob, bob.recovery, NULL),
		WP_ERR_STALE);
	assert_int_equal(wp_accounts_set_state(*state, &bob.name,
					       WP_ACCOUNT_ACTIVE, &ended, NULL),
			 WP_OK);
	assert_int_equal(ended.n, 0);
	assert_int_equal(wp_accounts_session_add(*state, &add, NULL), WP_OK);
	assert_memory_equal(find(*state, "bob").password.tag, bob.password.tag,
			    32);
}

static void who_is_deleted_stays_so_and_keeps_his_name(void **state)
{
	static const uint8_t zeroes[WP_PASSWORD_TAG_LEN];
	struct wp_account bob = create(*state, "bob");
	struct wp_account again = account_of("bob");
	struct wp_account gone;
	struct wp_ended ended;

	add_sessions(*state, &bob, 2);
	assert_int_equal(wp_accounts_set_state(*state, &bob.name,
					       WP_ACCOUNT_DELETED, &ended,
					       NULL),
			 WP_OK);
	assert_int_equal(ended.n, 2);
	gone = find(*state, "bob");
	assert_int_equal(gone.state, WP_ACCOUNT_DELETED);
	assert_memory_equal(gone.password.tag, zeroes, sizeof(zeroes));
	assert_int_equal(gone.password.cost.memory_kib, 0);
	assert_false(gone.has_recovery);
	assert_int_equal(wp_accounts_create(*state, &again, NULL),
			 WP_ERR_CONFLICT);
	assert_int_equal(wp_accounts_set_state(*state, &bob.name,
					       WP_ACCOUNT_ACTIVE, &ended, NULL),
			 WP_ERR_NOTFOUND);
	assert_int_equal(wp_accounts_set_state(*state, &bob.name,
					       WP_ACCOUNT_DISABLED, &ended,
					       NULL),
			 WP_ERR_NOTFOUND);
	assert_int_equal(wp_accounts_set_state(*state, &bob.name,
					       WP_ACCOUNT_DELETED, &ended,
					       NULL),
			 WP_OK);
	assert_int_equal(ended.n, 0);
	assert_int_equal(find(*state, "bob").state, WP_ACCOUNT_DELETED);
}

static void nobody_has_no_state(void **state)
{
	struct wp_username name = name_of("bob");
	struct wp_ended ended;

	assert_int_equal(wp_accounts_set_state(*state, &name,
					       WP_ACCOUNT_DISABLED, &ended,
					       NULL),
			 WP_ERR_NOTFOUND);
}

/* ---- sessions ---- */

static void a_session_is_found_with_its_account(void **state)
{
	struct wp_account bob = create(*state, "bob");
	struct wp_account_session session = session_of(&bob, 7), found;
	struct wp_account account;

	assert_int_equal(add_session(*state, &session, bob.changed_s, 50).n, 0);
	assert_int_equal(wp_accounts_session_find(*state, session.sid, &found,
						  &account, NULL),
			 WP_OK);
	assert_string_equal(found.name.text, "bob");
	assert_string_equal(found.device, "dev-7");
	assert_string_equal(found.device_name, "a phone");
	assert_int_equal(found.created_s, NOW_S + 7);
	assert_int_equal(found.seen_day, DAY);
	assert_memory_equal(account.id, bob.id, sizeof(bob.id));
	session.sid[0]++;
	assert_int_equal(wp_accounts_session_find(*state, session.sid, &found,
						  &account, NULL),
			 WP_ERR_NOTFOUND);
}

static void one_device_has_one_session(void **state)
{
	struct wp_account bob = create(*state, "bob");
	struct wp_account eve = create(*state, "eve");
	struct wp_account_session one = session_of(&bob, 1);
	struct wp_account_session two = session_of(&bob, 2);
	struct wp_account_session of_eve = session_of(&eve, 3);
	struct wp_ended ended;

	(void)snprintf(two.device, sizeof(two.device), "%s", one.device);
	(void)snprintf(of_eve.device, sizeof(of_eve.device), "%s", one.device);
	assert_int_equal(add_session(*state, &one, bob.changed_s, 50).n, 0);
	assert_int_equal(add_session(*state, &of_eve, eve.changed_s, 50).n, 0);
	ended = add_session(*state, &two, bob.changed_s, 50);
	assert_int_equal(ended.n, 1);
	assert_memory_equal(ended.sid[0], one.sid, WP_SID_LEN);
	assert_int_equal(count_sessions(*state, &bob.name), 1);
	assert_int_equal(count_sessions(*state, &eve.name), 1);
}

static void the_longest_unseen_makes_room(void **state)
{
	struct wp_account bob = create(*state, "bob");
	struct wp_account_session next = session_of(&bob, 9);
	struct wp_account_session stay = session_of(&bob, 1);
	struct wp_ended ended;

	add_sessions(*state, &bob, 4);
	assert_int_equal(
		wp_accounts_session_seen(*state, stay.sid, DAY + 3, NULL),
		WP_OK);
	ended = add_session(*state, &next, bob.changed_s, 4);
	assert_int_equal(ended.n, 1);
	/* 2 is the oldest of those that were seen on the same day. */
	assert_int_equal(ended.sid[0][0], 2);
	/* The new one goes on, however little room there is. */
	next = session_of(&bob, 10);
	ended = add_session(*state, &next, bob.changed_s, 1);
	assert_int_equal(ended.n, 4);
	assert_int_equal(count_sessions(*state, &bob.name), 1);
	assert_int_equal(
		wp_accounts_session_find(*state, next.sid, &next, NULL, NULL),
		WP_OK);
}

static void there_is_room_for_as_many_as_may_be(void **state)
{
	struct wp_account bob = create(*state, "bob");
	struct wp_account_session next;
	struct wp_ended ended;

	for (uint8_t i = 1; i <= WP_ACCOUNT_SESSIONS_MAX; i++) {
		next = session_of(&bob, i);
		assert_int_equal(add_session(*state, &next, bob.changed_s,
					     WP_ACCOUNT_SESSIONS_MAX)
					 .n,
				 0);
	}
	assert_int_equal(count_sessions(*state, &bob.name),
			 WP_ACCOUNT_SESSIONS_MAX);
	next = session_of(&bob, 200);
	assert_int_equal(add_session(*state, &next, bob.changed_s, 1).n,
			 WP_ACCOUNT_SESSIONS_MAX);
	assert_int_equal(wp_accounts_session_remove_all(*state, &bob.name, NULL,
							&ended, NULL),
			 WP_OK);
	assert_int_equal(ended.n, 1);
}

static void a_login_does_not_outlive_the_password_it_proved(void **state)
{
	const struct wp_password password = password_of(2);
	struct wp_account bob = create(*state, "bob");
	struct wp_account_session session = session_of(&bob, 1);
	struct wp_account_change change = change_of(&bob, &password);
	struct wp_session_add add = { .session = &session,
				      .changed_s = bob.changed_s,
				      .max = 50 };

	assert_int_equal(wp_accounts_set_password(*state, &change, NULL),
			 WP_OK);
	assert_int_equal(wp_accounts_session_add(*state, &add, NULL),
			 WP_ERR_STALE);
	assert_int_equal(count_sessions(*state, &bob.name), 0);
	add.changed_s = change.changed_now_s;
	assert_int_equal(wp_accounts_session_add(*state, &add, NULL), WP_OK);
}

static void a_refused_login_ends_nothing(void **state)
{
	struct wp_account bob = create(*state, "bob");
	struct wp_account_session session = session_of(&bob, 1);
	struct wp_session_add add = { .session = &session,
				      .changed_s = bob.changed_s - 1,
				      .max = 1 };

	add_sessions(*state, &bob, 3);
	session.sid[0] = 9;
	assert_int_equal(wp_accounts_session_add(*state, &add, NULL),
			 WP_ERR_STALE);
	assert_int_equal(add.ended.n, 0);
	assert_int_equal(count_sessions(*state, &bob.name), 3);
}

static void days_never_go_back(void **state)
{
	struct wp_account bob = create(*state, "bob");
	struct wp_account_session session = session_of(&bob, 1);

	assert_int_equal(add_session(*state, &session, bob.changed_s, 50).n, 0);
	assert_int_equal(
		wp_accounts_session_seen(*state, session.sid, DAY + 2, NULL),
		WP_OK);
	assert_int_equal(
		wp_accounts_session_seen(*state, session.sid, DAY + 1, NULL),
		WP_OK);
	assert_int_equal(wp_accounts_session_find(*state, session.sid, &session,
						  NULL, NULL),
			 WP_OK);
	assert_int_equal(session.seen_day, DAY + 2);
}

static void what_has_ended_is_not_seen(void **state)
{
	struct wp_account bob = create(*state, "bob");
	struct wp_account eve = create(*state, "eve");
	struct wp_account_session session = session_of(&bob, 1);

	assert_int_equal(add_session(*state, &session, bob.changed_s, 50).n, 0);
	/* Nobody ends what is somebody else's. */
	assert_int_equal(wp_accounts_session_remove(*state, &eve.name,
						    session.sid, NULL),
			 WP_ERR_NOTFOUND);
	assert_int_equal(wp_accounts_session_remove(*state, &bob.name,
						    session.sid, NULL),
			 WP_OK);
	assert_int_equal(wp_accounts_session_remove(*state, &bob.name,
						    session.sid, NULL),
			 WP_ERR_NOTFOUND);
	assert_int_equal(
		wp_accounts_session_seen(*state, session.sid, DAY, NULL),
		WP_ERR_NOTFOUND);
}

static void all_but_one_are_ended(void **state)
{
	struct wp_account bob = create(*state, "bob");
	struct wp_account_session kept = session_of(&bob, 3);
	struct wp_ended ended;

	add_sessions(*state, &bob, 5);
	assert_int_equal(wp_accounts_session_remove_all(*state, &bob.name,
							kept.sid, &ended, NULL),
			 WP_OK);
	assert_int_equal(ended.n, 4);
	for (size_t i = 0; i < ended.n; i++)
		assert_int_not_equal(ended.sid[i][0], 3);
	assert_int_equal(count_sessions(*state, &bob.name), 1);
}

static void sessions_are_listed_newest_first(void **state)
{
	static struct wp_session_list list;
	struct wp_account bob = create(*state, "bob");

	add_sessions(*state, &bob, 3);
	assert_int_equal(wp_accounts_sessions(*state, &bob.name, &list, NULL),
			 WP_OK);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.sessions[0].device, "dev-3");
	assert_string_equal(list.sessions[2].device, "dev-1");
	assert_string_equal(list.sessions[2].name.text, "bob");
}

static int setup(void **state)
{
	contract->wipe(contract->ctx);
	*state = contract->open(contract->ctx);
	return 0;
}

static int teardown(void **state)
{
	struct wp_accounts *accounts = *state;

	wp_accounts_close(&accounts);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int wp_accounts_contract_run(const struct wp_accounts_contract *of)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_created_is_found),
		TEST(an_account_needs_no_recovery_code),
		TEST(who_is_not_there_is_not_found),
		TEST(a_name_is_given_out_once),
		TEST(of_all_who_want_a_name_at_once_one_gets_it),
		TEST(the_file_has_one_name_for_all),
		TEST(a_new_password_ends_all_sessions),
		TEST(the_session_that_changes_it_goes_on),
		TEST(who_verified_an_older_password_changes_nothing),
		TEST(a_recovery_code_is_good_once),
		TEST(without_a_code_none_is_right),
		TEST(a_code_is_replaced_for_who_was_found),
		TEST(another_hash_of_the_same_ends_nothing),
		TEST(who_is_disabled_has_no_sessions_and_gets_none),
		TEST(who_is_deleted_stays_so_and_keeps_his_name),
		TEST(nobody_has_no_state),
		TEST(a_session_is_found_with_its_account),
		TEST(one_device_has_one_session),
		TEST(the_longest_unseen_makes_room),
		TEST(there_is_room_for_as_many_as_may_be),
		TEST(a_login_does_not_outlive_the_password_it_proved),
		TEST(a_refused_login_ends_nothing),
		TEST(days_never_go_back),
		TEST(what_has_ended_is_not_seen),
		TEST(all_but_one_are_ended),
		TEST(sessions_are_listed_newest_first),
	};

	contract = of;
	return cmocka_run_group_tests_name(of->name, tests, NULL, NULL);
}

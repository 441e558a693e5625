/* A token is found by who has the secret, and is of use to nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auth/push_keys.h"

static struct wp_push_keys keys_of(const char *secret)
{
	struct wp_push_keys keys;

	wp_push_keys_make(&keys, secret);
	return keys;
}

static struct wp_urn urn_of(const char *user)
{
	struct wp_urn urn;

	assert_int_equal(wp_urn_parse(&urn, user, strlen(user), NULL), WP_OK);
	return urn;
}

static void a_token_is_named_by_all_of_it(void **state)
{
	static const char *const others[][3] = {
		{ "apns", "app", "token" }, { "fcm", "ap", "token" },
		{ "fcm", "app", "tokens" }, { "fc", "mapp", "token" },
		{ "fcm", "apptoken", "" },  { "fcm", "", "apptoken" },
		{ "fcm", "app", "tokenx" },
	};
	const struct wp_push_keys keys = keys_of("one"), other = keys_of("two");
	uint8_t name[WP_PUSH_NAME_LEN], again[WP_PUSH_NAME_LEN];

	(void)state;

	wp_push_name(&keys, "fcm", "app", "token", name);
	wp_push_name(&keys, "fcm", "app", "token", again);
	assert_memory_equal(name, again, sizeof(name));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		wp_push_name(&keys, others[i][0], others[i][1], others[i][2],
			     again);
		assert_memory_not_equal(name, again, sizeof(name));
	}
	wp_push_name(&other, "fcm", "app", "token", again);
	assert_memory_not_equal(name, again, sizeof(name));
}

static void what_is_sealed_opens_for_its_user_and_token_only(void **state)
{
	const struct wp_push_keys keys = keys_of("one"), other = keys_of("two");
	const struct wp_urn bob = urn_of("bob"), amy = urn_of("amy");
	uint8_t name[WP_PUSH_NAME_LEN] = { 1 }, wrong[WP_PUSH_NAME_LEN] = { 2 };
	const struct wp_push_place place = { &bob, name };
	uint8_t sealed[4 + WP_SEAL_EXTRA], out[sizeof(sealed)];
	size_t len = 0;

	(void)state;

	assert_int_equal(wp_push_seal(&keys, &place, "text", 4, sealed), WP_OK);
	assert_int_equal(
		wp_push_open(&keys, &place, sealed, sizeof(sealed), out, &len),
		WP_OK);
	assert_int_equal(len, 4);
	assert_memory_equal(out, "text", 4);
	assert_int_equal(wp_push_open(&keys,
				      &(struct wp_push_place){ &amy, name },
				      sealed, sizeof(sealed), out, &len),
			 WP_ERR_DENIED);
	assert_int_equal(wp_push_open(&keys,
				      &(struct wp_push_place){ &bob, wrong },
				      sealed, sizeof(sealed), out, &len),
			 WP_ERR_DENIED);
	assert_int_equal(
		wp_push_open(&other, &place, sealed, sizeof(sealed), out, &len),
		WP_ERR_DENIED);
}

static void texts_that_differ_have_other_marks(void **state)
{
	const struct wp_push_keys keys = keys_of("one");
	uint8_t mark[WP_PUSH_MARK_LEN], again[WP_PUSH_MARK_LEN];

	(void)state;

	wp_push_mark_of(&keys, "text", 4, mark);
	wp_push_mark_of(&keys, "text", 4, again);
	assert_memory_equal(mark, again, sizeof(mark));
	wp_push_mark_of(&keys, "texts", 5, again);
	assert_memory_not_equal(mark, again, sizeof(mark));
}

static void a_webhook_has_a_secret_of_its_own(void **state)
{
	const struct wp_push_keys keys = keys_of("one"), other = keys_of("two");
	uint8_t secret[WP_PUSH_SECRET_LEN], again[WP_PUSH_SECRET_LEN];
	const uint8_t id[16] = { 1 }, next[16] = { 2 };

	(void)state;

	wp_push_webhook_secret(&keys, id, sizeof(id), secret);
	wp_push_webhook_secret(&keys, id, sizeof(id), again);
	assert_memory_equal(secret, again, sizeof(secret));
	wp_push_webhook_secret(&keys, next, sizeof(next), again);
	assert_memory_not_equal(secret, again, sizeof(secret));
	wp_push_webhook_secret(&other, id, sizeof(id), again);
	assert_memory_not_equal(secret, again, sizeof(secret));
}

static void a_code_is_of_its_device_and_its_time(void **state)
{
	const struct wp_push_keys keys = keys_of("one"), other = keys_of("two");
	char code[WP_PUSH_CODE_LEN + 1], again[WP_PUSH_CODE_LEN + 1];
	const uint8_t id[WP_PUSH_DEVICE_LEN] = { 1 };
	const uint8_t next[WP_PUSH_DEVICE_LEN] = { 2 };

	(void)state;

	wp_push_code(&keys, id, 1700000000, code);
	assert_int_equal(strspn(code, "0123456789"), WP_PUSH_CODE_LEN);
	wp_push_code(&keys, id, 1700000000, again);
	assert_string_equal(code, again);
	assert_true(wp_push_code_is(&keys, id, 1700000000, code, 8));
	assert_false(wp_push_code_is(&keys, id, 1700000001, code, 8));
	assert_false(wp_push_code_is(&keys, next, 1700000000, code, 8));
	assert_false(wp_push_code_is(&other, id, 1700000000, code, 8));
	assert_false(wp_push_code_is(&keys, id, 1700000000, code, 7));
	code[7] = code[7] == '0' ? '1' : '0';
	assert_false(wp_push_code_is(&keys, id, 1700000000, code, 8));
}

static void a_link_ends_the_device_that_it_was_made_for(void **state)
{
	const struct wp_push_keys keys = keys_of("one"), other = keys_of("two");
	const uint8_t id[WP_PUSH_DEVICE_LEN] = { 1, 2, 3 };
	uint8_t read[WP_PUSH_DEVICE_LEN] = { 0 };
	char text[WP_PUSH_STOP_LEN + 1], forged[WP_PUSH_STOP_LEN + 1];

	(void)state;

	wp_push_stop(&keys, id, text);
	assert_int_equal(strlen(text), WP_PUSH_STOP_LEN);
	assert_true(wp_push_stop_read(&keys, text, WP_PUSH_STOP_LEN, read));
	assert_memory_equal(read, id, sizeof(id));
	assert_false(wp_push_stop_read(&other, text, WP_PUSH_STOP_LEN, read));
	assert_false(
		wp_push_stop_read(&keys, text, WP_PUSH_STOP_LEN - 1, read));
	assert_false(wp_push_stop_read(&keys, "", 0, read));
	/* The last character has bits that are none of it. */
	for (size_t i = 0; i < WP_PUSH_STOP_LEN - 1; i++) {
		memcpy(forged, text, sizeof(forged));
		forged[i] = forged[i] == 'A' ? 'B' : 'A';
		assert_false(wp_push_stop_read(&keys, forged, WP_PUSH_STOP_LEN,
					       read));
	}
	memset(forged, '=', WP_PUSH_STOP_LEN);
	assert_false(wp_push_stop_read(&keys, forged, WP_PUSH_STOP_LEN, read));
}

static void keys_that_are_forgotten_are_gone(void **state)
{
	static const struct wp_push_keys nothing;
	struct wp_push_keys keys = keys_of("one");

	(void)state;

	wp_push_keys_forget(&keys);
	assert_memory_equal(&keys, &nothing, sizeof(keys));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_named_by_all_of_it),
		cmocka_unit_test(
			what_is_sealed_opens_for_its_user_and_token_only),
		cmocka_unit_test(texts_that_differ_have_other_marks),
		cmocka_unit_test(a_webhook_has_a_secret_of_its_own),
		cmocka_unit_test(a_code_is_of_its_device_and_its_time),
		cmocka_unit_test(a_link_ends_the_device_that_it_was_made_for),
		cmocka_unit_test(keys_that_are_forgotten_are_gone),
	};

	return cmocka_run_group_tests_name("push_keys", tests, NULL, NULL);
}

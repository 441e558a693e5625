/* A hash is Argon2id with our key, and costs the same for nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <argon2.h>
#include <cmocka.h>

#include "lib/accounts/password.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"

/* The cheapest there is: these tests are about what comes out. */
static struct wp_password_way way = {
	.cost = { .memory_kib = WP_PASSWORD_MEMORY_MIN_KIB, .passes = 1 },
};

static const char right[] = "correct horse battery staple";

static void make(struct wp_password *out, const char *text)
{
	assert_int_equal(wp_password_make(out, &way, text, strlen(text), NULL),
			 WP_OK);
}

static bool check(const struct wp_password *kept, const char *text)
{
	bool is_right = true;

	assert_int_equal(wp_password_check(kept, &way, text, strlen(text),
					   &is_right, NULL),
			 WP_OK);
	return is_right;
}

static void the_password_is_right_and_no_other(void **state)
{
	struct wp_password kept;

	(void)state;
	make(&kept, right);
	assert_true(check(&kept, right));
	assert_false(check(&kept, "correct horse battery stapl"));
	assert_false(check(&kept, "correct horse battery staple "));
	assert_false(check(&kept, "Correct horse battery staple"));
	assert_false(check(&kept, ""));
}

static void bytes_behind_a_nul_count(void **state)
{
	struct wp_password kept;
	bool is_right;

	(void)state;
	assert_int_equal(wp_password_make(&kept, &way, "a\0b", 3, NULL), WP_OK);
	assert_int_equal(
		wp_password_check(&kept, &way, "a\0c", 3, &is_right, NULL),
		WP_OK);
	assert_false(is_right);
	assert_int_equal(
		wp_password_check(&kept, &way, "a\0b", 3, &is_right, NULL),
		WP_OK);
	assert_true(is_right);
}

static void two_of_the_same_are_kept_differently(void **state)
{
	struct wp_password a, b;

	(void)state;
	make(&a, right);
	make(&b, right);
	assert_memory_not_equal(a.salt, b.salt, sizeof(a.salt));
	assert_memory_not_equal(a.tag, b.tag, sizeof(a.tag));
}

static void nobody_has_no_right_password(void **state)
{
	static const struct wp_password_pepper none = { { 0 } };

	(void)state;
	way.pepper = none;
	assert_false(check(NULL, right));
	assert_false(check(NULL, ""));
}

/* Of an account that is deleted; damaged it would be refused unhashed. */
static void what_is_deleted_is_hashed_for_all_the_same(void **state)
{
	static const struct wp_password deleted;

	(void)state;
	assert_false(check(&deleted, right));
	assert_false(check(&deleted, ""));
}

static void the_file_alone_is_of_no_use(void **state)
{
	struct wp_password kept;

	(void)state;
	wp_password_pepper(&way.pepper, "a secret of 32 bytes, or thereabout");
	make(&kept, right);
	assert_true(check(&kept, right));
	wp_password_pepper(&way.pepper, "another one");
	assert_false(check(&kept, right));
}

/* Against the library's own function, with a key as RFC 9106 has it. */
static void a_mark_tells_peppers_apart_and_is_none(void **state)
{
	struct wp_password_pepper one, two;
	char a[WP_PEPPER_MARK_LEN + 1], b[WP_PEPPER_MARK_LEN + 1];
	char key[WP_PEPPER_MARK_LEN + 1];

	(void)state;
	wp_password_pepper(&one, "a secret of 32 bytes, or thereabout");
	wp_password_pepper(&two, "another one");
	wp_password_pepper_mark(&one, a);
	wp_password_pepper_mark(&two, b);
	assert_int_equal(strspn(a, "0123456789abcdef"), WP_PEPPER_MARK_LEN);
	assert_string_not_equal(a, b);
	wp_password_pepper_mark(&one, b);
	assert_string_equal(a, b);
	wp_hex_write(key, one.key, WP_PEPPER_MARK_LEN / 2);
	assert_string_not_equal(a, key);
}

static void it_is_argon2id(void **state)
{
	static const char secret[] = "the secret of the store";
	uint8_t key[32], tag[32];
	struct wp_password kept;
	char text[] = "correct horse battery staple";
	argon2_context context = {
		.out = tag,
		.outlen = sizeof(tag),
		.pwd = (uint8_t *)text,
		.pwdlen = sizeof(text) - 1,
		.salt = kept.salt,
		.saltlen = sizeof(kept.salt),
		.secret = key,
		.secretlen = sizeof(key),
		.t_cost = 2,
		.m_cost = 8000,
		.lanes = 1,
		.threads = 1,
		.version = 0x13,
	};

	(void)state;
	way.cost = (struct wp_password_cost){ 8000, 2 };
	wp_password_pepper(&way.pepper, secret);
	wp_hmac_sha256(secret, sizeof(secret) - 1, "password pepper, version 1",
		       26, key);
	make(&kept, right);
	assert_int_equal(argon2_ctx(&context, Argon2_id), ARGON2_OK);
	assert_memory_equal(tag, kept.tag, sizeof(tag));
	assert_int_equal(kept.cost.memory_kib, 8000);
	assert_int_equal(kept.cost.passes, 2);
}

static void an_old_cost_still_verifies_and_is_known_as_old(void **state)
{
	struct wp_password kept;

	(void)state;
	way.cost = (struct wp_password_cost){ WP_PASSWORD_MEMORY_MIN_KIB, 1 };
	make(&kept, right);
	assert_false(wp_password_is_old(&kept, &way));
	way.cost.passes = 2;
	assert_true(wp_password_is_old(&kept, &way));
	assert_true(check(&kept, right));
	assert_false(check(&kept, "wrong"));
	way.cost =
		(struct wp_password_cost){ WP_PASSWORD_MEMORY_MIN_KIB + 8, 1 };
	assert_true(wp_password_is_old(&kept, &way));
}

/* A row that asks for all memory there is, or for none. */
static void a_damaged_cost_is_not_paid(void **state)
{
	static const struct wp_password_cost costs[] = {
		{ 0, 1 },
		{ UINT32_MAX, 1 },
		{ WP_PASSWORD_MEMORY_MAX_KIB + 1, 1 },
		{ WP_PASSWORD_MEMORY_MIN_KIB - 1, 1 },
		{ WP_PASSWORD_MEMORY_MIN_KIB, 0 },
		{ WP_PASSWORD_MEMORY_MIN_KIB, UINT32_MAX },
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
		struct wp_password kept = { .cost = costs[i] };

		assert_int_equal(
			wp_password_check(&kept, &way, "x", 1, &is_right, NULL),
			WP_ERR_INVAL);
		assert_false(is_right);
	}
}

static uint64_t work(const struct wp_password_cost *cost)
{
	return (uint64_t)cost->memory_kib * cost->passes;
}

/* Whatever the cost was: all of them take the same work, and no more memory. */
static void a_cheaper_hash_is_made_up_for(void **state)
{
	static const struct wp_password_cost ways[] = {
		{ 7168, 1 }, { 7168, 64 }, { 19456, 2 }, { 65536, 3 }
	};
	static const struct wp_password_cost rows[] = {
		{ 7168, 1 },  { 7169, 1 },  { 8000, 1 },  { 19456, 1 },
		{ 19456, 2 }, { 46000, 1 }, { 65536, 2 }, { 7168, 63 }
	};
	struct wp_password_cost rest;

	(void)state;
	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
			uint64_t whole = work(&ways[w]), done = work(&rows[r]);

			if (!wp_password_cost_rest(&rows[r], &ways[w], &rest)) {
				assert_true(done + 8 > whole);
				continue;
			}
			assert_in_range(rest.memory_kib, 8, ways[w].memory_kib);
			assert_in_range(rest.passes, 1, ways[w].passes);
			assert_in_range(done + work(&rest),
					whole - ways[w].passes, whole);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_password_is_right_and_no_other),
		cmocka_unit_test(bytes_behind_a_nul_count),
		cmocka_unit_test(two_of_the_same_are_kept_differently),
		cmocka_unit_test(nobody_has_no_right_password),
		cmocka_unit_test(what_is_deleted_is_hashed_for_all_the_same),
		cmocka_unit_test(the_file_alone_is_of_no_use),
		cmocka_unit_test(a_mark_tells_peppers_apart_and_is_none),
		cmocka_unit_test(it_is_argon2id),
		cmocka_unit_test(
			an_old_cost_still_verifies_and_is_known_as_old),
		cmocka_unit_test(a_damaged_cost_is_not_paid),
		cmocka_unit_test(a_cheaper_hash_is_made_up_for),
	};

	return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}

/* Tokens for push services are signed once for each origin, and in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/auth/signing_key.h"
#include "notifier/provider/vapid_cache.h"

enum { NOW = 1796076000, TEXT_MAX = 1024 };

static struct wp_vapid vapid;

static int make_key(void **state)
{
	struct wp_signing_public about;
	struct wp_error err = { 0 };
	struct wp_buf pem;

	(void)state;
	wp_buf_init(&pem, 0);
	assert_int_equal(wp_signing_make(WP_SIGN_ES256, &pem, &about, &err),
			 WP_OK);
	assert_int_equal(wp_vapid_open(&vapid, pem.data, pem.len, &err), WP_OK);
	wp_signing_forget(&pem);
	return 0;
}

static int end_key(void **state)
{
	(void)state;
	wp_vapid_release(&vapid);
	return 0;
}

static void get(struct wp_vapid_cache *cache, const char *origin, int64_t now_s,
		char out[TEXT_MAX])
{
	struct wp_error err = { 0 };
	const char *text = wp_vapid_cache_get(cache, origin, now_s, &err);

	assert_non_null(text);
	assert_true(strlen(text) < TEXT_MAX);
	memcpy(out, text, strlen(text) + 1);
}

/* ES256 takes a chance each time: what is signed again is another text. */
static void one_is_kept_for_eleven_hours(void **state)
{
	struct wp_vapid_cache *cache =
		wp_vapid_cache_new(&vapid, "mailto:a@b.example");
	char first[TEXT_MAX], other[TEXT_MAX], next[TEXT_MAX];

	(void)state;
	assert_non_null(cache);
	get(cache, "https://a.example", NOW, first);
	get(cache, "https://b.example", NOW, other);
	assert_string_not_equal(first, other);
	get(cache, "https://a.example", NOW, next);
	assert_string_equal(next, first);
	get(cache, "https://a.example", NOW + WP_VAPID_KEPT_S - 1, next);
	assert_string_equal(next, first);
	get(cache, "https://a.example", NOW + WP_VAPID_KEPT_S, next);
	assert_string_not_equal(next, first);
	/* One of the future is too long a life, for a push service. */
	memcpy(first, next, sizeof(first));
	get(cache, "https://a.example", NOW + WP_VAPID_KEPT_S - 1, next);
	assert_string_not_equal(next, first);
	wp_vapid_cache_free(&cache);
	assert_null(cache);
}

static void of_too_many_the_one_goes_that_nobody_asks_for(void **state)
{
	struct wp_vapid_cache *cache =
		wp_vapid_cache_new(&vapid, "mailto:a@b.example");
	char kept[TEXT_MAX], gone[TEXT_MAX], again[TEXT_MAX];
	char origin[64];

	(void)state;
	assert_non_null(cache);
	get(cache, "https://gone.example", NOW, gone);
	get(cache, "https://kept.example", NOW, kept);
	for (int i = 0; i < WP_VAPID_ORIGINS_MAX - 1; i++) {
		(void)snprintf(origin, sizeof(origin), "https://%d.example", i);
		get(cache, "https://kept.example", NOW, again);
		get(cache, origin, NOW, again);
	}
	get(cache, "https://kept.example", NOW, again);
	assert_string_equal(again, kept);
	get(cache, "https://gone.example", NOW, again);
	assert_string_not_equal(again, gone);
	wp_vapid_cache_free(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_kept_for_eleven_hours),
		cmocka_unit_test(of_too_many_the_one_goes_that_nobody_asks_for),
	};

	return cmocka_run_group_tests_name("notifier/provider/vapid_cache",
					   tests, make_key, end_key);
}

/* An access token of Google: when it is asked for, and how long it is used. The
 * clocks, and whoever answers, are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/auth/signing_key.h"
#include "lib/net/fetch.h"
#include "notifier/provider/access_token.h"

enum { NOW_S = 1796076000, LIFE_S = 3600 };

static uint64_t mono_ms;
static int64_t wall_ms;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return mono_ms;
}

int64_t __wrap_wp_wall_ms(void);
int64_t __wrap_wp_wall_ms(void)
{
	return wall_ms;
}

static void pass(int64_t seconds)
{
	mono_ms += (uint64_t)seconds * 1000;
	wall_ms += seconds * 1000;
}

/* The request under way; there is one at most. */
static wp_transfer_fn asked_fn;
static void *asked_ctx;
static unsigned int asked;
static bool is_out_of_memory;

enum wp_err __wrap_wp_fetch_begin(struct wp_fetch_pool *pool,
				  const struct wp_transfer_request *request,
				  wp_transfer_fn on_end, void *ctx,
				  struct wp_error *err);
enum wp_err __wrap_wp_fetch_begin(struct wp_fetch_pool *pool,
				  const struct wp_transfer_request *request,
				  wp_transfer_fn on_end, void *ctx,
				  struct wp_error *err)
{
	static const char begin[] =
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-"
		"bearer&assertion=ey";

	assert_null(pool);
	assert_null(asked_fn);
	if (is_out_of_memory)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	assert_string_equal(request->url, "https://127.0.0.1:1/token");
	assert_int_equal(request->n_headers, 1);
	assert_string_equal(request->headers[0].value,
			    "application/x-www-form-urlencoded");
	assert_memory_equal(request->body, begin, sizeof(begin) - 1);
	asked++;
	asked_fn = on_end;
	asked_ctx = ctx;
	return WP_OK;
}

static void answer_as(const struct wp_transfer_answer *answer)
{
	wp_transfer_fn fn = asked_fn;

	assert_non_null(fn);
	asked_fn = NULL;
	fn(asked_ctx, answer);
}

static void answer(long status, const char *body)
{
	const struct wp_transfer_answer said = {
		.end = WP_TRANSFER_ANSWERED,
		.why = "",
		.status = status,
		.body = body,
		.len = strlen(body),
	};

	answer_as(&said);
}

static void answer_well(const char *text)
{
	char body[128];

	(void)snprintf(body, sizeof(body),
		       "{\"access_token\":\"%s\",\"expires_in\":%d}", text,
		       LIFE_S);
	answer(200, body);
}

static struct wp_google_account account;
static unsigned int settled;
static bool was_good;

static void on_settled(void *ctx, bool is_good)
{
	assert_ptr_equal(ctx, &settled);
	settled++;
	was_good = is_good;
}

static int begin(void **state)
{
	const struct wp_access_token_setup setup = {
		.account = &account,
		.scope = "https://www.googleapis.com/auth/firebase.messaging",
		.app = "org.example.app",
		.on_settled = on_settled,
		.ctx = &settled,
	};

	mono_ms = 1000;
	wall_ms = NOW_S * INT64_C(1000);
	asked_fn = NULL;
	asked = 0;
	settled = 0;
	is_out_of_memory = false;
	*state = wp_access_token_new(&setup);
	return *state != NULL ? 0 : -1;
}

static int end(void **state)
{
	struct wp_access_token *token = *state;

	wp_access_token_free(&token);
	return token == NULL ? 0 : -1;
}

static bool has_none(struct wp_access_token *token)
{
	struct wp_access_grant grant;

	return !wp_access_token_get(token, &grant);
}

/* Its number. */
static uint64_t expect(struct wp_access_token *token, const char *text)
{
	struct wp_access_grant grant;

	assert_true(wp_access_token_get(token, &grant));
	assert_string_equal(grant.text, text);
	return grant.number;
}

static void whoever_comes_first_asks_and_the_rest_wait(void **state)
{
	struct wp_access_token *token = *state;

	assert_int_equal(asked, 0);
	assert_int_equal(wp_access_token_wait_ms(token, mono_ms), 0);
	assert_true(has_none(token));
	assert_true(has_none(token));
	assert_int_equal(asked, 1);
	assert_true(wp_access_token_is_coming(token));
	assert_int_equal(wp_access_token_wait_ms(token, mono_ms), 0);

	answer_well("first");

	assert_int_equal(settled, 1);
	assert_true(was_good);
	assert_false(wp_access_token_is_coming(token));
	(void)expect(token, "first");
	pass(LIFE_S - WP_GOOGLE_EARLY_S - 1);
	(void)expect(token, "first");
	assert_int_equal(asked, 1);
}

static void one_that_ends_soon_is_used_while_another_is_asked_for(void **state)
{
	struct wp_access_token *token = *state;
	uint64_t number;

	assert_true(has_none(token));
	answer_well("first");
	number = expect(token, "first");
	pass(LIFE_S - WP_GOOGLE_EARLY_S);

	(void)expect(token, "first");
	assert_int_equal(asked, 2);
	(void)expect(token, "first");
	answer(503, "");
	assert_false(was_good);
	(void)expect(token, "first");
	assert_int_equal(wp_access_token_wait_ms(token, mono_ms), 0);
	assert_int_equal(asked, 2);
	pass(2);
	(void)expect(token, "first");
	answer_well("second");
	assert_int_not_equal(expect(token, "second"), number);
}

static void one_that_has_ended_is_none(void **state)
{
	struct wp_access_token *token = *state;

	assert_true(has_none(token));
	answer_well("first");
	/* It may have begun to live when it was asked for. */
	pass(LIFE_S - WP_ACCESS_SPENT_S - 1);
	(void)expect(token, "first");
	answer(500, "");
	pass(1);
	assert_true(has_none(token));
}

static void its_life_begins_when_it_is_asked_for(void **state)
{
	struct wp_access_token *token = *state;

	assert_true(has_none(token));
	pass(15);
	answer_well("first");
	pass(LIFE_S - WP_ACCESS_SPENT_S - 15);
	assert_true(has_none(token));
}

/* The next request is allowed in the second half of the time, somewhere. */
static void a_failure_is_waited_behind_longer_each_time(void **state)
{
	struct wp_access_token *token = *state;
	uint64_t longest = WP_ACCESS_FIRST_MS;

	for (unsigned int i = 1; i <= 10; i++) {
		uint64_t wait_ms;

		assert_true(has_none(token));
		assert_int_equal(asked, i);
		answer(503, "");
		assert_int_equal(settled, i);
		assert_false(was_good);
		wait_ms = wp_access_token_wait_ms(token, mono_ms);
		assert_in_range(wait_ms, longest / 2, longest);
		mono_ms += wait_ms - 1;
		assert_true(has_none(token));
		assert_int_equal(asked, i);
		assert_int_equal(wp_access_token_wait_ms(token, mono_ms), 1);
		mono_ms++;
		longest = longest * 2 < WP_ACCESS_CAP_MS ? longest * 2
							 : WP_ACCESS_CAP_MS;
	}
	/* And from the beginning when one has worked. */
	assert_true(has_none(token));
	answer_well("first");
	pass(LIFE_S);
	assert_true(has_none(token));
	answer(503, "");
	assert_in_range(wp_access_token_wait_ms(token, mono_ms), 1,
			WP_ACCESS_FIRST_MS);
}

static void what_has_no_token_in_it_is_a_failure(void **state)
{
	static char cut[WP_ACCESS_ANSWER_MAX + 1];
	static const struct {
		long status;
		const char *body;
	} cases[] = {
		{ 200, "" },
		{ 200, "<html>" },
		{ 200, "{}" },
		{ 200, "{\"access_token\":\"a b\",\"expires_in\":3600}" },
		{ 200, "{\"access_token\":\"ab\",\"expires_in\":299}" },
		{ 200, cut },
		{ 201, "{\"access_token\":\"ab\",\"expires_in\":3600}" },
		{ 302, "" },
		{ 400,
		  "{\"error\":\"invalid_grant\",\"error_description\":5}" },
		{ 401, "{\"error\":{\"a\":[]}}" },
		{ 403, "{\"error\":\"a b<\"" },
		{ 429, "[" },
		{ 500, "" },
	};
	struct wp_access_token *token = *state;
	const struct wp_transfer_answer lost = {
		.end = WP_TRANSFER_UNREACHABLE,
		.why = "no answer",
		.body = "",
	};

	(void)snprintf(cut, sizeof(cut), "{\"access_token\":\"");
	memset(cut + strlen(cut), 'x', sizeof(cut) - 1 - strlen(cut));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(has_none(token));
		answer(cases[i].status, cases[i].body);
		assert_int_equal(settled, i + 1);
		assert_false(was_good);
		pass(60);
	}
	assert_true(has_none(token));
	answer_as(&lost);
	assert_false(was_good);
	assert_true(has_none(token));
}

static void a_refused_one_is_replaced_once(void **state)
{
	struct wp_access_token *token = *state;
	uint64_t first, second;

	assert_true(has_none(token));
	answer_well("first");
	first = expect(token, "first");

	wp_access_token_renew(token, first);
	wp_access_token_renew(token, first);
	assert_int_equal(asked, 2);
	assert_true(has_none(token));
	answer_well("second");
	second = expect(token, "second");
	/* Who hears it late. */
	wp_access_token_renew(token, first);
	(void)expect(token, "second");
	assert_int_equal(asked, 2);
	wp_access_token_renew(token, second);
	assert_int_equal(asked, 3);
	answer(400, "");
	/* Nobody asks before its time. */
	wp_access_token_renew(token, second);
	assert_true(has_none(token));
	assert_int_equal(asked, 3);
}

static void without_memory_it_is_tried_again(void **state)
{
	struct wp_access_token *token = *state;

	is_out_of_memory = true;
	assert_true(has_none(token));
	assert_false(wp_access_token_is_coming(token));
	assert_int_equal(settled, 0);
	assert_true(wp_access_token_wait_ms(token, mono_ms) > 0);
	is_out_of_memory = false;
	pass(1);
	assert_true(has_none(token));
	assert_true(wp_access_token_is_coming(token));
}

static int make_account(void **state)
{
	struct wp_signing_public about;
	struct wp_error err = { 0 };

	(void)state;
	account = (struct wp_google_account){
		.email = "push@p-1.iam.gserviceaccount.com",
		.project = "p-1",
		.token_uri = "https://127.0.0.1:1/token",
	};
	wp_buf_init(&account.pem, 0);
	return wp_signing_make(WP_SIGN_RS256, &account.pem, &about, &err) ==
			       WP_OK
		       ? 0
		       : -1;
}

static int forget_account(void **state)
{
	(void)state;
	wp_google_account_release(&account);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(whoever_comes_first_asks_and_the_rest_wait),
		TEST(one_that_ends_soon_is_used_while_another_is_asked_for),
		TEST(one_that_has_ended_is_none),
		TEST(its_life_begins_when_it_is_asked_for),
		TEST(a_failure_is_waited_behind_longer_each_time),
		TEST(what_has_no_token_in_it_is_a_failure),
		TEST(a_refused_one_is_replaced_once),
		TEST(without_memory_it_is_tried_again),
	};

	return cmocka_run_group_tests_name("access token", tests, make_account,
					   forget_account);
}

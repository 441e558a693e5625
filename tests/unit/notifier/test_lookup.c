/* What is opened of a device, and what does not open. The store and its thread
 * are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/push/device.h"
#include "notifier/lookup.h"

enum { ROWS_MAX = 4, SEALED_MAX = 1024 };

static const char secret[] = "secret of the deployment, all of it";
static const char other_secret[] = "another one, that nothing is sealed with";

/* ---- the store ---- */

static struct wp_push_row rows[ROWS_MAX];
static uint8_t sealed[ROWS_MAX][SEALED_MAX];
static size_t n_rows;
static struct wp_store_job *submitted;

enum wp_err __wrap_wp_store_thread_submit(struct wp_store_thread *thread,
					  struct wp_store_job *job);
enum wp_err __wrap_wp_store_thread_submit(struct wp_store_thread *thread,
					  struct wp_store_job *job)
{
	(void)thread;
	assert_null(submitted);
	submitted = job;
	return WP_OK;
}

enum wp_err __wrap_wp_push_list(struct wp_store *store,
				const struct wp_push_list *list,
				struct wp_error *err);
enum wp_err __wrap_wp_push_list(struct wp_store *store,
				const struct wp_push_list *list,
				struct wp_error *err)
{
	(void)store;
	(void)err;
	for (size_t i = 0; i < n_rows; i++)
		list->on_row(list->ctx, &rows[i]);
	return WP_OK;
}

enum wp_err __wrap_wp_push_prefs(struct wp_store *store,
				 const struct wp_urn *user, struct wp_buf *out,
				 struct wp_error *err);
enum wp_err __wrap_wp_push_prefs(struct wp_store *store,
				 const struct wp_urn *user, struct wp_buf *out,
				 struct wp_error *err)
{
	(void)store;
	(void)user;
	(void)out;
	(void)err;
	return WP_ERR_NOTFOUND;
}

static void work(void)
{
	struct wp_store_job *job = submitted;

	assert_non_null(job);
	submitted = NULL;
	job->done(job, job->run(job, NULL, NULL));
}

/* ---- a world ---- */

static struct wp_push_keys keys;
static struct wp_lookup lookup;
static int found;

static void on_found(void *ctx, struct wp_lookup *what)
{
	(void)ctx;
	assert_ptr_equal(what, &lookup);
	found++;
}

static void on_job(void *ctx, enum wp_err result)
{
	(void)ctx;
	assert_int_equal(result, WP_OK);
}

static int begin(void **state)
{
	const struct wp_lookups_setup setup = {
		.keys = &keys,
		.on_found = on_found,
		.on_job = on_job,
	};
	const char *urn = "urn:sm:user:bob";
	struct wp_lookups *lookups;
	struct wp_error err;

	memset(&lookup, 0, sizeof(lookup));
	lookup.once = "";
	n_rows = 0;
	found = 0;
	assert_int_equal(wp_urn_reread(&lookup.user, urn, strlen(urn)), WP_OK);
	wp_push_keys_make(&keys, secret);
	assert_int_equal(wp_lookups_new(&lookups, &setup, &err), WP_OK);
	*state = lookups;
	return 0;
}

static int end(void **state)
{
	struct wp_lookups *lookups = *state;

	wp_lookup_release(&lookup);
	wp_lookups_free(&lookups);
	return 0;
}

/* Sealed as a handler does it. */
static struct wp_push_row *add_row(const char *kind,
				   const struct wp_push_device *says)
{
	struct wp_push_row *row = &rows[n_rows];
	const struct wp_push_place place = { &lookup.user, row->tok };
	struct wp_buf text;

	*row = (struct wp_push_row){
		.user = &lookup.user,
		.kind = kind,
		.app = "",
		.device = "phone",
		.account = "work",
		.platform = "",
		.registered_s = 7,
		.sealed = sealed[n_rows],
	};
	memset(row->id, (int)n_rows + 1, sizeof(row->id));
	memset(row->tok, (int)n_rows + 1, sizeof(row->tok));
	wp_buf_init(&text, 0);
	wp_push_device_write(says, &text);
	row->sealed_len = text.len + WP_SEAL_EXTRA;
	assert_true(row->sealed_len <= SEALED_MAX);
	assert_int_equal(wp_push_seal(&keys, &place, text.data, text.len,
				      sealed[n_rows++]),
			 WP_OK);
	wp_buf_release(&text);
	return row;
}

static const struct wp_push_device browser = {
	.endpoint = "https://Push.Example:8443/x",
	.has_keys = true,
	.point = { 4, 5, 6 },
	.auth = { 7, 8 },
};
static const struct wp_push_device phone = { .token = "token-of-bob" };
static const struct wp_push_device bot = {
	.endpoint = "https://bot.example/hook",
};

static void look_up_as(struct wp_lookups *lookups,
		       const struct wp_lookups_how *how)
{
	wp_lookups_use(lookups, how);
	wp_lookups_add(lookups, &lookup);
	wp_lookups_go(lookups);
	work();
	assert_int_equal(found, 1);
	assert_int_equal(lookup.result, WP_OK);
}

static void look_up(struct wp_lookups *lookups, bool opens)
{
	const struct wp_lookups_how how = { .opens = opens };

	look_up_as(lookups, &how);
}

static void what_is_sealed_is_opened(void **state)
{
	uint8_t hook[WP_PUSH_SECRET_LEN];
	const struct wp_addressee *to;
	struct wp_push_row *row;

	(void)add_row("webpush", &browser);
	row = add_row("fcm", &phone);
	row->app = "demo";
	row->platform = "ios";
	row->flags = WP_PUSH_BADGE;
	row = add_row("webhook", &bot);
	look_up(*state, true);
	assert_int_equal(lookup.n, 3);
	to = lookup.targets[0].to;
	assert_int_equal(to->kind, WP_PUSH_WEB);
	assert_string_equal(to->endpoint, browser.endpoint);
	assert_string_equal(to->host, "push.example:8443");
	assert_string_equal(to->account, "work");
	assert_memory_equal(to->receiver.point, browser.point,
			    sizeof(browser.point));
	assert_memory_equal(to->receiver.auth, browser.auth,
			    sizeof(browser.auth));
	assert_string_equal(to->token, "");
	to = lookup.targets[1].to;
	assert_string_equal(to->token, "token-of-bob");
	assert_string_equal(to->app, "demo");
	assert_true(to->is_ios);
	assert_true(to->has_badge);
	assert_int_equal(to->registered_s, 7);
	to = lookup.targets[2].to;
	assert_string_equal(to->user, "urn:sm:user:bob");
	assert_string_equal(to->host, "bot.example");
	wp_push_webhook_secret(&keys, row->id, sizeof(row->id), hook);
	assert_memory_equal(to->webhook_secret, hook, sizeof(hook));
}

static void what_does_not_open_is_no_target(void **state)
{
	(void)add_row("fcm", &phone);
	(void)add_row("fcm", &phone);
	/* Moved from another row. */
	memcpy(rows[1].tok, rows[0].tok, sizeof(rows[1].tok));
	(void)add_row("fcm", &phone);
	look_up(*state, true);
	assert_int_equal(lookup.n, 2);
	assert_int_equal(lookup.targets[1].id[0], 3);
}

static void with_another_secret_nothing_opens(void **state)
{
	(void)add_row("fcm", &phone);
	wp_push_keys_make(&keys, other_secret);
	look_up(*state, true);
	assert_int_equal(lookup.n, 0);
}

static void where_nobody_is_asked_nothing_is_opened(void **state)
{
	(void)add_row("fcm", &phone);
	wp_push_keys_make(&keys, other_secret);
	look_up(*state, false);
	assert_int_equal(lookup.n, 1);
	assert_null(lookup.targets[0].to);
	assert_string_equal(lookup.targets[0].device, "phone");
}

static void who_is_gone_or_of_no_kind_is_no_target(void **state)
{
	add_row("fcm", &phone)->state = WP_PUSH_GONE;
	(void)add_row("web", &phone);
	look_up(*state, true);
	assert_int_equal(lookup.n, 0);
}

#define SECOND "AgICAgICAgICAgICAgICAg" /* the id of the second row */

/* Two addresses, neither of them verified; and the code of both is so old. */
static void add_addresses(int64_t age_s)
{
	static const struct wp_push_device mail = { .token = "bob@b.example" };

	for (int i = 0; i < 2; i++) {
		struct wp_push_row *row = add_row("email", &mail);

		row->state = WP_PUSH_UNVERIFIED;
		row->code_s = wp_wall_ms() / 1000 - age_s;
	}
}

static void what_is_not_verified_is_found_for_its_code_alone(void **state)
{
	char code[WP_PUSH_CODE_LEN + 1];

	add_addresses(0);
	lookup.once = SECOND ":code";
	look_up(*state, true);
	assert_int_equal(lookup.n, 1);
	assert_string_equal(lookup.targets[0].name, SECOND);
	assert_string_equal(lookup.targets[0].to->token, "bob@b.example");
	wp_push_code(&keys, rows[1].id, rows[1].code_s, code);
	assert_string_equal(lookup.targets[0].to->code, code);
}

static void what_is_not_verified_is_told_nothing_else(void **state)
{
	static const char *const others[] = { "", SECOND ":test", ":code",
					      SECOND };

	add_addresses(0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		lookup.once = others[i];
		look_up(*state, true);
		assert_int_equal(lookup.n, 0);
		wp_lookup_release(&lookup);
		found = 0;
	}
}

static void a_code_that_is_too_old_is_not_sent(void **state)
{
	add_addresses(WP_PUSH_CODE_SECONDS);
	lookup.once = SECOND ":code";
	look_up(*state, true);
	assert_int_equal(lookup.n, 0);
}

static void what_is_verified_gets_no_code(void **state)
{
	(void)add_row("fcm", &phone);
	look_up(*state, true);
	assert_string_equal(lookup.targets[0].to->code, "");
}

/* A reload while the thread has the question. */
static void a_job_goes_by_what_was_said_before_it(void **state)
{
	static const struct wp_lookups_how all = { true, true, true };
	static const struct wp_lookups_how none = { .opens = false };

	(void)add_row("fcm", &phone);
	wp_lookups_use(*state, &all);
	wp_lookups_add(*state, &lookup);
	wp_lookups_go(*state);
	wp_lookups_use(*state, &none);
	work();
	assert_int_equal(lookup.n, 3);
	assert_non_null(lookup.targets[0].to);
}

static void services_are_everybodys(void **state)
{
	static const struct wp_lookups_how how = { true, true, true };
	const struct wp_target *bus, *event;

	add_row("fcm", &phone)->state = WP_PUSH_GONE;
	rows[0].platform = "android";
	add_row("web", &phone)->platform = "web";
	add_row("apns", &phone)->platform = "";
	lookup.partition = 17;
	look_up_as(*state, &how);
	assert_int_equal(lookup.n, 3); /* behind the devices */
	bus = &lookup.targets[1];
	event = &lookup.targets[2];
	assert_int_equal(bus->kind, WP_PUSH_BUS);
	assert_string_equal(bus->name, "*bus.17");
	assert_string_equal(bus->to->user, "urn:sm:user:bob");
	assert_string_equal(bus->device, "");
	assert_int_equal(event->kind, WP_PUSH_EVENT);
	assert_string_equal(event->name, "*event.17");
	assert_string_equal(event->to->platforms, "[\"ios\",\"web\"]");
}

/* Nobody is asked, and yet what would be said of them is a line. */
static void who_has_no_device_has_services(void **state)
{
	static const struct wp_lookups_how how = { .has_bus = true };

	look_up_as(*state, &how);
	assert_int_equal(lookup.n, 1);
	assert_int_equal(lookup.targets[0].kind, WP_PUSH_BUS);
	assert_string_equal(lookup.targets[0].to->platforms, "[]");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(what_is_sealed_is_opened),
		TEST(what_does_not_open_is_no_target),
		TEST(with_another_secret_nothing_opens),
		TEST(where_nobody_is_asked_nothing_is_opened),
		TEST(who_is_gone_or_of_no_kind_is_no_target),
		TEST(what_is_not_verified_is_found_for_its_code_alone),
		TEST(what_is_not_verified_is_told_nothing_else),
		TEST(a_code_that_is_too_old_is_not_sent),
		TEST(what_is_verified_gets_no_code),
		TEST(a_job_goes_by_what_was_said_before_it),
		TEST(services_are_everybodys),
		TEST(who_has_no_device_has_services),
	};
#undef TEST

	return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}

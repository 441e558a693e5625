/* Letters go to a thread and come back, or do not; the server is the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/net/mail.h"
#include "notifier/provider/provider_email.h"
#define NAME "AQIDBAUGBwgJCgsMDQ4PEA" /* 1, 2, … 16 */

/* ---- the server ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int held;       /* letters that are not answered */
static bool is_held;   /* none is answered */
static bool was_ended; /* wp_mail_abort() */
static char sent[4096], sent_to[300];
static int n_sent;

enum wp_err __wrap_wp_mail_send(struct wp_mail *mail,
				const struct wp_letter *letter,
				struct wp_mail_answer *out,
				struct wp_error *err);
enum wp_err __wrap_wp_mail_send(struct wp_mail *mail,
				const struct wp_letter *letter,
				struct wp_mail_answer *out,
				struct wp_error *err)
{
	(void)mail;
	(void)err;
	pthread_mutex_lock(&lock);
	n_sent++;
	(void)snprintf(sent, sizeof(sent), "%.*s", (int)letter->len,
		       letter->text);
	(void)snprintf(sent_to, sizeof(sent_to), "%s", letter->to);
	held++;
	pthread_cond_broadcast(&changed);
	while (is_held && !was_ended)
		pthread_cond_wait(&changed, &lock);
	held--;
	*out = (struct wp_mail_answer){
		.end = was_ended ? WP_MAIL_UNREACHABLE : WP_MAIL_TAKEN,
		.status = was_ended ? 0 : 250,
	};
	pthread_mutex_unlock(&lock);
	return WP_OK;
}

void __wrap_wp_mail_abort(struct wp_mail *mail);
void __wrap_wp_mail_abort(struct wp_mail *mail)
{
	(void)mail;
	pthread_mutex_lock(&lock);
	was_ended = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void hold(bool is_it)
{
	pthread_mutex_lock(&lock);
	is_held = is_it;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_until_held(void)
{
	pthread_mutex_lock(&lock);
	while (held == 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* ---- the provider ---- */

struct bench {
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_provider *provider;
	struct wp_push push;
	struct wp_addressee to;
	struct wp_attempt attempt;
	int n_ended;
	enum wp_verdict verdict; /* the last one */
};

static struct bench bench;

static void make(struct bench *b)
{
	const struct wp_provider_setup setup = { .loop = b->loop,
						 .conf = &b->conf };
	struct wp_error err = { 0 };

	if (wp_provider_email_new(&b->provider, &setup, &err) != WP_OK)
		fail_msg("%s", err.msg);
}

static int setup(void **state)
{
	static char url[] = "smtp://127.0.0.1:1", from[] = "way@here.example";
	static char public[] = "https://here.example/", none[] = "";
	static char secret[] = "a secret of the store";

	bench = (struct bench){ .loop = ev_loop_new(EVFLAG_AUTO) };
	bench.conf.auth.store_secret = secret;
	bench.conf.push.smtp_url = url;
	bench.conf.push.smtp_user = none;
	bench.conf.push.email_from = from;
	bench.conf.public_url = public;
	bench.conf.push.email_text_file = none;
	bench.conf.push.ca_file = none;
	bench.push = (struct wp_push){ .push_id = "push", .now_s = 1 };
	bench.to = (struct wp_addressee){
		.kind = WP_PUSH_EMAIL,
		.name = NAME,
		.token = "bob@there.example",
		.code = "",
	};
	bench.attempt = (struct wp_attempt){
		.push = &bench.push,
		.to = &bench.to,
		.good_until_ms = UINT64_MAX,
	};
	is_held = false;
	was_ended = false;
	n_sent = 0;
	*state = &bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	wp_provider_free(&b->provider);
	ev_loop_destroy(b->loop);
	return 0;
}

static void on_end(void *ctx, const struct wp_judgement *judgement)
{
	struct bench *b = ctx;

	b->n_ended++;
	b->verdict = judgement->verdict;
}

static void begin(struct bench *b)
{
	struct wp_error err = { 0 };

	assert_int_equal(
		wp_provider_begin(b->provider, &b->attempt, on_end, b, &err),
		WP_OK);
}

static void wait_for_ends(struct bench *b, int n)
{
	while (b->n_ended < n)
		ev_run(b->loop, EVRUN_ONCE);
}

static void a_letter_is_told_of_from_the_loop(void **state)
{
	struct bench *b = *state;
	struct wp_push_keys keys;
	char stop[WP_PUSH_STOP_LEN + 1], line[128];
	uint8_t id[32];
	size_t n;

	make(b);
	begin(b);
	assert_int_equal(b->n_ended, 0);
	wait_for_ends(b, 1);
	assert_int_equal(b->verdict, WP_VERDICT_ACCEPTED);
	assert_string_equal(sent_to, "bob@there.example");
	wp_push_keys_make(&keys, b->conf.auth.store_secret);
	assert_true(wp_base64url_decode(NAME, strlen(NAME), id, &n));
	wp_push_stop(&keys, id, stop);
	(void)snprintf(line, sizeof(line),
		       "<https://here.example/api/push/unsubscribe?t=%s>\r\n",
		       stop);
	assert_non_null(strstr(sent, line));
	assert_non_null(strstr(sent, "Subject: New message"));
}

static void what_it_was_begun_with_may_be_gone(void **state)
{
	struct bench *b = *state;
	char address[] = "bob@there.example", code[] = "12345678";

	make(b);
	hold(true);
	begin(b);
	wait_until_held();
	b->to.token = address;
	b->to.code = code;
	begin(b); /* behind the other one */
	memset(address, 'x', sizeof(address) - 1);
	memset(code, 'x', sizeof(code) - 1);
	hold(false);
	wait_for_ends(b, 2);
	assert_string_equal(sent_to, "bob@there.example");
	assert_non_null(strstr(sent, "Your code is 12345678."));
}

static void nothing_begins_when_it_is_too_late(void **state)
{
	struct bench *b = *state;

	make(b);
	b->attempt.good_until_ms = wp_mono_ms() - 1;
	begin(b);
	wait_for_ends(b, 1);
	assert_int_equal(b->verdict, WP_VERDICT_AGAIN);
	assert_int_equal(n_sent, 0);
}

static void
what_is_under_way_ends_with_the_provider_and_tells_nobody(void **state)
{
	struct bench *b = *state;

	make(b);
	hold(true);
	begin(b);
	wait_until_held();
	begin(b);
	wp_provider_free(&b->provider);
	assert_true(was_ended);
	assert_int_equal(b->n_ended, 0);
	ev_run(b->loop, EVRUN_NOWAIT);
	assert_int_equal(b->n_ended, 0);
}

static void so_many_wait_and_no_more(void **state)
{
	struct bench *b = *state;
	struct wp_error err;
	int n = 0;

	make(b);
	hold(true);
	while (wp_provider_begin(b->provider, &b->attempt, on_end, b, &err) ==
	       WP_OK)
		n++;
	assert_int_equal(n, 64);
	hold(false);
	wait_for_ends(b, n);
	begin(b);
	wait_for_ends(b, n + 1);
	assert_int_equal(b->verdict, WP_VERDICT_ACCEPTED);
}

static void expect_fault(struct bench *b, const char *setting)
{
	struct wp_error err = { 0 };

	assert_int_not_equal(wp_provider_email_check(&b->conf, &err), WP_OK);
	if (strncmp(err.msg, setting, strlen(setting)) != 0)
		fail_msg("%s: %s", setting, err.msg);
}

static void settings_that_cannot_be_are_named(void **state)
{
	static char bad[] = "smtp:nothing";
	static char missing[300], other[300];
	const char *folder = getenv("WAYPOST_TEST_DIR");
	struct bench *b = *state;
	struct wp_conf good = b->conf;
	struct wp_error err;
	FILE *file;

	b->conf.push.smtp_url = bad;
	expect_fault(b, "push.smtp_url: ");
	b->conf = good;
	folder = folder != NULL ? folder : "/tmp";
	(void)snprintf(missing, sizeof(missing), "%s/no-such-letter", folder);
	b->conf.push.email_text_file = missing;
	expect_fault(b, "push.email_text_file: ");
	(void)snprintf(other, sizeof(other), "%s/letter.XXXXXX", folder);
	file = fdopen(mkstemp(other), "w");
	assert_non_null(file);
	fputs("no empty line", file);
	assert_int_equal(fclose(file), 0);
	b->conf.push.email_text_file = other;
	expect_fault(b, "push.email_text_file: must begin");
	file = fopen(other, "w");
	assert_non_null(file);
	fputs("Subject of ours\n\nText\n", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(wp_provider_email_check(&b->conf, &err), WP_OK);
	make(b);
	begin(b);
	wait_for_ends(b, 1);
	assert_non_null(strstr(sent, "Subject: Subject of ours\r\n"));
	assert_int_equal(remove(other), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_letter_is_told_of_from_the_loop),
		TEST(what_it_was_begun_with_may_be_gone),
		TEST(nothing_begins_when_it_is_too_late),
		TEST(what_is_under_way_ends_with_the_provider_and_tells_nobody),
		TEST(so_many_wait_and_no_more),
		TEST(settings_that_cannot_be_are_named),
	};

	return cmocka_run_group_tests_name("provider_email", tests, NULL, NULL);
}

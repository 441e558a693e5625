/*
 * Letters, with the libcurl that is installed, through a server of SMTP that
 * behaves as badly as it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/net/mail.h"
#include "lib/net/url.h"
#include "tests/support/fake_provider.h"

enum {
	PATIENCE_S = 60,
	/* So long that nothing good takes it, whatever the machine is doing. */
	LONG_MS = 30 * 1000,
	SHORT_MS = 700,
	AGES_MS = 600 * 1000,
};

static char folder[FAKE_PATH_MAX];

static const char text[] = "Subject: s\r\n\r\n.\r\n..two\r\nlast\r\n";

struct world {
	struct wp_mail *mail;
	struct node_child server;
	int port;
	struct wp_mail_answer last;
};

/* How the server is begun, and how it is used. */
struct way {
	const char *options; /* of the server */
	const char *scheme;
	const char *host;
	const char *user;
	const char *password;
	const char *ca; /* NULL: the server's */
	bool needs_tls;
	uint32_t total_ms;
};

static void begin_server(struct world *world, const char *options)
{
	char whole[4 * FAKE_PATH_MAX];

	(void)snprintf(whole, sizeof(whole),
		       "{\"cert\":\"%s/good.pem\",\"key\":\"%s/good-key.pem\""
		       "%s}",
		       folder, folder, options);
	node_child_begin(&world->server, "tests/push/smtp.mjs", whole);
	assert_int_equal(
		sscanf(world->server.line, "{\"port\":%d}", &world->port), 1);
}

static void use(struct world *world, const struct way *way)
{
	char url[FAKE_PATH_MAX], ca[2 * FAKE_PATH_MAX];
	const struct wp_mail_rules rules = {
		.url = url,
		.user = way->user != NULL ? way->user : "",
		.password = way->password != NULL ? way->password : "",
		.needs_tls = way->needs_tls,
		.ca_file = ca,
		.connect_ms = way->total_ms != 0 ? way->total_ms : 5000,
		.total_ms = way->total_ms != 0 ? way->total_ms : LONG_MS,
	};

	(void)snprintf(url, sizeof(url), "%s://%s:%d/here.test",
		       way->scheme != NULL ? way->scheme : "smtp",
		       way->host != NULL ? way->host : "127.0.0.1",
		       world->port);
	(void)snprintf(ca, sizeof(ca), "%s/%s.pem", folder,
		       way->ca != NULL ? way->ca : "good");
	wp_mail_free(&world->mail);
	world->mail = wp_mail_new(&rules);
	assert_non_null(world->mail);
}

static struct world *begin(const struct way *way)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	begin_server(world, way->options != NULL ? way->options : "");
	use(world, way);
	return world;
}

static void end(struct world *world)
{
	wp_mail_free(&world->mail);
	node_child_end(&world->server);
	free(world);
}

static void tell_server(struct world *world, const char *address,
			const char *answer)
{
	node_child_ask(&world->server, "{\"tell\":\"%s\",\"answer\":%s}",
		       address, answer);
}

/* How many letters were taken for there. */
static int taken(struct world *world, const char *address)
{
	int n, connections;

	node_child_ask(&world->server, "{\"count\":\"%s\"}", address);
	assert_int_equal(sscanf(world->server.line,
				"{\"count\":%d,\"connections\":%d}", &n,
				&connections),
			 2);
	return n;
}

static void post(struct world *world, const char *to)
{
	const struct wp_letter letter = {
		.from = "from@here.test",
		.to = to,
		.text = text,
		.len = sizeof(text) - 1,
	};
	struct wp_error err = { 0 };

	assert_int_equal(wp_mail_send(world->mail, &letter, &world->last, &err),
			 WP_OK);
}

static void expect(struct world *world, const char *to, enum wp_mail_end end,
		   long status)
{
	post(world, to);
	assert_int_equal(world->last.end, end);
	assert_int_equal(world->last.status, status);
}

static void expect_line(struct world *world, const char *part)
{
	if (strstr(world->server.line, part) == NULL)
		fail_msg("no %s in %s", part, world->server.line);
}

/* ---- the good case ---- */

static void a_letter_arrives_as_it_was_written(void **state)
{
	struct world *world = begin(&(struct way){ .options = "" });

	(void)state;
	expect(world, "bob@there.test", WP_MAIL_TAKEN, 250);
	node_child_ask(&world->server, "{\"letters\":true}");
	expect_line(world, "\"from\":\"from@here.test\"");
	expect_line(world, "\"to\":[\"bob@there.test\"]");
	/* With its points, which end a letter when they stand alone. */
	expect_line(world, "\"text\":\"Subject: s\\r\\n\\r\\n.\\r\\n..two\\r\\n"
			   "last\"");
	expect_line(world, "\"greeted\":\"here.test\"");
	end(world);
}

/* ---- who we are, and who they are ---- */

#define STARTTLS ",\"tls\":\"starttls\""
#define LOGIN ",\"user\":\"u\",\"password\":\"p\""

static void with_starttls_it_is_encrypted_and_we_are_known(void **state)
{
	struct world *world = begin(&(struct way){ .options = STARTTLS LOGIN,
						   .user = "u",
						   .password = "p",
						   .needs_tls = true });

	(void)state;
	expect(world, "bob@there.test", WP_MAIL_TAKEN, 250);
	node_child_ask(&world->server, "{\"letters\":true}");
	expect_line(world, "\"secure\":true,\"known\":true");
	end(world);
}

static void smtps_is_encrypted_from_the_beginning(void **state)
{
	struct world *world =
		begin(&(struct way){ .options = ",\"tls\":\"implicit\"",
				     .scheme = "smtps",
				     .needs_tls = true });

	(void)state;
	expect(world, "bob@there.test", WP_MAIL_TAKEN, 250);
	node_child_ask(&world->server, "{\"letters\":true}");
	expect_line(world, "\"secure\":true");
	end(world);
}

static void where_there_is_no_tls_nothing_is_said(void **state)
{
	struct world *world = begin(&(struct way){ .options = LOGIN,
						   .user = "u",
						   .password = "p",
						   .needs_tls = true });

	(void)state;
	post(world, "bob@there.test");
	assert_int_equal(world->last.end, WP_MAIL_UNTRUSTED);
	assert_int_equal(taken(world, "bob@there.test"), 0);
	end(world);
}

static void a_certificate_is_for_the_name_and_of_the_signer(void **state)
{
	struct world *world =
		begin(&(struct way){ .options = STARTTLS, .needs_tls = true });

	(void)state;
	use(world, &(struct way){ .needs_tls = true, .ca = "other" });
	post(world, "bob@there.test");
	assert_int_equal(world->last.end, WP_MAIL_UNTRUSTED);
	/* Another name of this machine, which the certificate has not. */
	use(world, &(struct way){ .needs_tls = true, .host = "127.0.0.2" });
	post(world, "bob@there.test");
	assert_int_not_equal(world->last.end, WP_MAIL_TAKEN);
	assert_int_equal(taken(world, "bob@there.test"), 0);
	end(world);
}

static void a_wrong_password_is_seen(void **state)
{
	struct world *world = begin(&(struct way){
		.options = LOGIN, .user = "u", .password = "wrong" });

	(void)state;
	expect(world, "bob@there.test", WP_MAIL_UNKNOWN, 535);
	use(world, &(struct way){ .user = "" });
	expect(world, "bob@there.test", WP_MAIL_NO_SENDER, 530);
	use(world, &(struct way){ .user = "u", .password = "p" });
	expect(world, "bob@there.test", WP_MAIL_TAKEN, 250);
	end(world);
}

/* ---- refused ---- */

static void at_each_step_it_is_seen_what_was_refused(void **state)
{
	static const struct {
		const char *answer;
		enum wp_mail_end end;
		long status;
	} cases[] = {
		{ "{\"hello\":421}", WP_MAIL_UNREACHABLE, 421 },
		{ "{\"mail\":550}", WP_MAIL_NO_SENDER, 550 },
		{ "{\"mail\":451}", WP_MAIL_NO_SENDER, 451 },
		{ "{\"rcpt\":550}", WP_MAIL_NO_RECIPIENT, 550 },
		{ "{\"rcpt\":450}", WP_MAIL_NO_RECIPIENT, 450 },
		{ "{\"rcpt\":421}", WP_MAIL_NO_RECIPIENT, 421 },
		{ "{\"data\":554}", WP_MAIL_NO_LETTER, 554 },
		{ "{\"text\":552}", WP_MAIL_NO_LETTER, 552 },
		{ "{\"text\":451}", WP_MAIL_NO_LETTER, 451 },
		{ "{}", WP_MAIL_TAKEN, 250 },
	};
	struct world *world = begin(&(struct way){ .options = "" });

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tell_server(world, "bob@there.test", cases[i].answer);
		expect(world, "bob@there.test", cases[i].end, cases[i].status);
	}
	assert_int_equal(taken(world, "bob@there.test"), 1);
	end(world);
}

/* ---- badly behaved ---- */

static void what_stalls_or_dies_is_unknown(void **state)
{
	struct world *world = begin(&(struct way){ .total_ms = SHORT_MS });

	(void)state;
	tell_server(world, "bob@there.test", "{\"act\":\"stall\"}");
	post(world, "bob@there.test");
	assert_int_equal(world->last.end, WP_MAIL_UNREACHABLE);
	tell_server(world, "bob@there.test", "{\"act\":\"destroy\"}");
	post(world, "bob@there.test");
	assert_int_equal(world->last.end, WP_MAIL_UNREACHABLE);
	/* And yet it had come. */
	assert_int_equal(taken(world, "bob@there.test"), 2);
	end(world);
}

static void a_reply_without_end_ends(void **state)
{
	struct world *world = begin(&(struct way){ .total_ms = AGES_MS });
	uint64_t began_ms = wp_mono_ms();

	(void)state;
	tell_server(world, "bob@there.test", "{\"act\":\"flood\"}");
	post(world, "bob@there.test");
	assert_int_equal(world->last.end, WP_MAIL_UNREACHABLE);
	assert_true(wp_mono_ms() - began_ms < PATIENCE_S * 1000);
	end(world);
}

/* No more of it is kept than fits a buffer, and the time is up some time. */
static void a_line_without_end_ends(void **state)
{
	struct world *world = begin(&(struct way){ .total_ms = SHORT_MS });
	uint64_t began_ms = wp_mono_ms();

	(void)state;
	tell_server(world, "bob@there.test", "{\"act\":\"line\"}");
	post(world, "bob@there.test");
	assert_int_equal(world->last.end, WP_MAIL_UNREACHABLE);
	assert_true(wp_mono_ms() - began_ms < PATIENCE_S * 1000);
	end(world);
}

/* libcurl would wait for up to two minutes. */
static void nobody_waits_for_a_server_that_does_not_say_bye(void **state)
{
	static const char *const answers[] = {
		"{\"act\":\"deaf\"}",
		"{\"act\":\"deaf\",\"rcpt\":550}",
		"{\"act\":\"deaf\",\"text\":451}",
	};
	struct way ways[] = {
		{ .options = "" },
		{ .options = STARTTLS, .needs_tls = true },
	};
	uint64_t began_ms = wp_mono_ms();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world *world = begin(&ways[i]);

		for (size_t j = 0; j < 3; j++) {
			tell_server(world, "bob@there.test", answers[j]);
			post(world, "bob@there.test");
			assert_int_not_equal(world->last.end,
					     WP_MAIL_UNREACHABLE);
		}
		assert_int_equal(taken(world, "bob@there.test"), 1);
		end(world);
	}
	assert_true(wp_mono_ms() - began_ms < PATIENCE_S * 1000);
}

static void who_is_not_there_is_unreachable(void **state)
{
	struct world *world = begin(&(struct way){ .options = "" });
	int port = world->port;

	(void)state;
	world->port = 1; /* nobody listens there */
	use(world, &(struct way){ .options = "" });
	expect(world, "bob@there.test", WP_MAIL_UNREACHABLE, 0);
	world->port = port;
	end(world);
}

static void *post_slowly(void *ctx)
{
	post(ctx, "slow@there.test");
	return NULL;
}

static void what_is_aborted_ends_soon(void **state)
{
	struct world *world = begin(&(struct way){ .total_ms = AGES_MS });
	uint64_t began_ms = wp_mono_ms();
	pthread_t thread;

	(void)state;
	tell_server(world, "slow@there.test", "{\"act\":\"stall\"}");
	assert_int_equal(pthread_create(&thread, NULL, post_slowly, world), 0);
	/* Under way, and not just begun. */
	while (taken(world, "slow@there.test") == 0)
		continue;
	wp_mail_abort(world->mail);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(world->last.end, WP_MAIL_UNREACHABLE);
	/* And no other begins. */
	post(world, "bob@there.test");
	assert_int_equal(world->last.end, WP_MAIL_UNREACHABLE);
	assert_int_equal(taken(world, "bob@there.test"), 0);
	assert_true(wp_mono_ms() - began_ms < PATIENCE_S * 1000);
	end(world);
}

/* ---- what is said of it ---- */

static void nobody_adds_a_command_of_his_own(void **state)
{
	static const char *const bad[] = {
		"",
		"a b@there.test",
		"a@there.test\r\nRCPT TO:<c@there.test>",
		"<a@there.test>",
		"a@there.test>",
		"\xc3\xa4@there.test",
	};
	struct world *world = begin(&(struct way){ .options = "" });
	struct wp_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wp_letter letter = {
			.from = "a@here.test",
			.to = bad[i],
			.text = text,
			.len = sizeof(text) - 1,
		};

		assert_int_equal(
			wp_mail_send(world->mail, &letter, &world->last, &err),
			WP_ERR_INVAL);
		letter.from = bad[i];
		letter.to = "a@there.test";
		assert_int_equal(
			wp_mail_send(world->mail, &letter, &world->last, &err),
			WP_ERR_INVAL);
	}
	end(world);
}

/* Needs no server. */
static void a_url_leads_to_a_server_of_mail(void **state)
{
	static const struct {
		const char *url;
		bool is_good, is_tls, is_loopback;
	} cases[] = {
		{ "smtp://mail.example.com", true, false, false },
		{ "smtp://mail.example.com:587/here.test", true, false, false },
		{ "smtps://mail.example.com", true, true, false },
		{ "smtp://localhost:25", true, false, true },
		{ "smtp://127.0.0.1", true, false, true },
		{ "smtp://127.1.2.3", true, false, true },
		{ "smtps://[::1]:465", true, true, true },
		/* Names that only look like it. */
		{ "smtp://127.example.com", true, false, false },
		{ "smtp://localhost.example.com", true, false, false },
		{ "smtp://[::2]", true, false, false },
		{ "smtp:/mail.example.com", false, false, false },
		{ "SMTP://mail.example.com", false, false, false },
		{ "http://mail.example.com", false, false, false },
		{ "smtp://user@mail.example.com", false, false, false },
		{ "smtp://u:p@mail.example.com", false, false, false },
		{ "smtp://mail.example.com?x", false, false, false },
		{ "smtp://mail.example.com/a%0d%0aQUIT", false, false, false },
		{ "smtp://mail.example.com/a b", false, false, false },
		{ "smtp://", false, false, false },
		{ "", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wp_url_mail look;
		bool is_good = wp_url_mail(cases[i].url, &look);

		if (is_good != cases[i].is_good ||
		    look.is_tls != cases[i].is_tls ||
		    look.is_loopback != cases[i].is_loopback)
			fail_msg("%s", cases[i].url);
	}
}

static int make_folder(void **state)
{
	const char *parent = getenv("WAYPOST_TEST_DIR");

	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/mail.XXXXXX",
		       parent != NULL ? parent : "/tmp");
	if (mkdtemp(folder) == NULL)
		return -1;
	fake_certificate(folder, "good", "IP:127.0.0.1,DNS:localhost");
	fake_certificate(folder, "other", "DNS:other.example");
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "good.pem", "good-key.pem",
					     "other.pem", "other-key.pem" };
	char path[2 * FAKE_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)remove(path);
	}
	return remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_leads_to_a_server_of_mail),
		cmocka_unit_test(a_letter_arrives_as_it_was_written),
		cmocka_unit_test(
			with_starttls_it_is_encrypted_and_we_are_known),
		cmocka_unit_test(smtps_is_encrypted_from_the_beginning),
		cmocka_unit_test(where_there_is_no_tls_nothing_is_said),
		cmocka_unit_test(
			a_certificate_is_for_the_name_and_of_the_signer),
		cmocka_unit_test(a_wrong_password_is_seen),
		cmocka_unit_test(at_each_step_it_is_seen_what_was_refused),
		cmocka_unit_test(what_stalls_or_dies_is_unknown),
		cmocka_unit_test(a_reply_without_end_ends),
		cmocka_unit_test(a_line_without_end_ends),
		cmocka_unit_test(
			nobody_waits_for_a_server_that_does_not_say_bye),
		cmocka_unit_test(who_is_not_there_is_unreachable),
		cmocka_unit_test(what_is_aborted_ends_soon),
		cmocka_unit_test(nobody_adds_a_command_of_his_own),
	};
	const struct CMUnitTest none[] = { cmocka_unit_test(
		a_url_leads_to_a_server_of_mail) };

	if (!node_child_can_be())
		return cmocka_run_group_tests_name("mail", none, NULL, NULL);
	return cmocka_run_group_tests_name("mail", tests, make_folder,
					   remove_folder);
}

/* Apps are read as they are written, or what is wrong is said at the start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sys/push_apps.h"

#define FCM "app kind=fcm credentials_file=/etc/fcm.json"
#define APNS                                         \
	"com.example.app kind=apns team=ABCDE12345 " \
	"key=KEYID67890 key_file=/etc/apns.p8"

/* What is said about a list of these texts; NULL: it is taken, into *out. */
static const char *read_all(const char *const *texts, struct wp_push_apps **out)
{
	static struct wp_error err;
	static char room[20][1024];
	char *items[20];
	struct wp_conf conf = { .push.apps.items = items };
	enum wp_err rc;

	for (; texts[conf.push.apps.n] != NULL; conf.push.apps.n++) {
		items[conf.push.apps.n] = room[conf.push.apps.n];
		strncpy(items[conf.push.apps.n], texts[conf.push.apps.n],
			sizeof(room[0]) - 1);
	}
	err = (struct wp_error){ 0 };
	*out = NULL;
	rc = wp_push_apps_new(out, &conf, &err);
	if (rc == WP_OK)
		return NULL;
	assert_int_equal(rc, WP_ERR_INVAL);
	assert_null(*out);
	return err.msg;
}

static void apps_are_taken_apart(void **state)
{
	static const char *const texts[] = {
		FCM,
		"  other\tkind=fcm  style=alert credentials_file=/x "
		"base=https://127.0.0.1:4430",
		APNS,
		APNS "x env=auto title_key=MAIL body_key=MAIL_TEXT",
		NULL,
	};
	struct wp_push_apps *apps = NULL;
	const struct wp_push_app *app;

	(void)state;

	assert_string_equal(read_all(texts, &apps),
			    "push.apps: number 4 is there twice");
	assert_null(read_all(
		(const char *const[]){ texts[0], texts[1], texts[2], NULL },
		&apps));
	assert_int_equal(apps->n, 3);
	app = wp_push_apps_find(apps, WP_PUSH_FCM, "app");
	assert_non_null(app);
	assert_string_equal(app->credentials_file, "/etc/fcm.json");
	assert_int_equal(app->style, WP_PUSH_WAKE);
	assert_null(app->base);
	app = wp_push_apps_find(apps, WP_PUSH_FCM, "other");
	assert_int_equal(app->style, WP_PUSH_ALERT);
	assert_string_equal(app->base, "https://127.0.0.1:4430");
	app = wp_push_apps_find(apps, WP_PUSH_APNS, "com.example.app");
	assert_string_equal(app->team, "ABCDE12345");
	assert_string_equal(app->key, "KEYID67890");
	assert_string_equal(app->key_file, "/etc/apns.p8");
	assert_int_equal(app->env, WP_PUSH_PRODUCTION);
	assert_null(wp_push_apps_find(apps, WP_PUSH_APNS, "app"));
	assert_null(wp_push_apps_find(apps, WP_PUSH_FCM, "com.example.app"));
	wp_push_apps_free(&apps);
	assert_null(apps);

	assert_null(read_all((const char *const[]){ texts[3], NULL }, &apps));
	assert_int_equal(apps->items[0].env, WP_PUSH_AUTO);
	assert_string_equal(apps->items[0].title_key, "MAIL");
	assert_string_equal(apps->items[0].body_key, "MAIL_TEXT");
	wp_push_apps_free(&apps);
}

static void no_apps_are_none(void **state)
{
	static const char *const texts[] = { NULL };
	struct wp_push_apps *apps = NULL;

	(void)state;

	assert_null(read_all(texts, &apps));
	assert_int_equal(apps->n, 0);
	wp_push_apps_free(&apps);
}

static void what_is_wrong_is_said_and_not_repeated(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} cases[] = {
		{ "", "must not be empty" },
		{ "  ", "must not be empty" },
		{ "a/b kind=fcm credentials_file=/x", "must begin with" },
		{ "app", "kind=fcm or kind=apns" },
		{ "app fcm", "then options" },
		{ "app kind=hms", "kind=fcm or kind=apns" },
		{ "app kind=fcm", "must have credentials_file=" },
		{ "app kind=fcm credentials_file=x", "<absolute path>" },
		{ "app kind=fcm credentials_file=", "<absolute path>" },
		{ FCM " credentials_file=/y", "twice" },
		{ FCM " kind=fcm", "twice" },
		{ FCM " style=wake style=wake", "twice" },
		{ FCM " style=loud", "style=wake or alert" },
		{ FCM " team=ABCDE12345", "of the other kind" },
		{ FCM " env=auto", "of the other kind" },
		{ FCM " colour=red", "none of kind=" },
		{ FCM " base=https://example.org:443", "base=https://127" },
		{ FCM " base=http://127.0.0.1:80", "base=https://127" },
		{ FCM " base=https://127.0.0.1:443/x", "base=https://127" },
		{ FCM " base=https://127.0.0.1:", "base=https://127" },
		{ APNS " style=wake", "of the other kind" },
		{ APNS " env=test", "env=production, sandbox" },
		{ APNS " title_key=A", "both title_key= and body_key=" },
		{ APNS " title_key=A body_key=B/C", "body_key=<name" },
		{ "a kind=apns team=short key=KEYID67890 key_file=/x",
		  "team=<10" },
		{ "a kind=apns team=ABCDE12345 key=abcde67890 key_file=/x",
		  "key=<10" },
		{ "a kind=apns team=ABCDE12345 key=KEYID67890",
		  "key_file=<absolute" },
		{ "a kind=apns key=KEYID67890 key_file=/x", "team=<10" },
	};

	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const texts[] = { FCM, cases[i].text, NULL };
		struct wp_push_apps *apps = NULL;
		const char *said = read_all(texts, &apps);

		if (said == NULL)
			fail_msg("taken: %s", cases[i].text);
		if (strncmp(said, "push.apps: number 2 ", 20) != 0 ||
		    strstr(said, cases[i].part) == NULL)
			fail_msg("%s: %s", cases[i].text, said);
	}
}

static void there_may_be_sixteen(void **state)
{
	static char names[17][64];
	const char *texts[18] = { NULL };
	struct wp_push_apps *apps = NULL;

	(void)state;

	for (size_t i = 0; i < 17; i++) {
		memcpy(names[i], "a kind=fcm credentials_file=/x", 31);
		names[i][0] = (char)('a' + i);
		texts[i] = names[i];
	}
	assert_non_null(strstr(read_all(texts, &apps), "more than 16"));
	texts[16] = NULL;
	assert_null(read_all(texts, &apps));
	assert_int_equal(apps->n, 16);
	wp_push_apps_free(&apps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(apps_are_taken_apart),
		cmocka_unit_test(no_apps_are_none),
		cmocka_unit_test(what_is_wrong_is_said_and_not_repeated),
		cmocka_unit_test(there_may_be_sixteen),
	};

	return cmocka_run_group_tests_name("push_apps", tests, NULL, NULL);
}

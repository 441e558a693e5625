/* Files of apps: what is refused, and that nothing of them is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auth/signing_key.h"
#include "notifier/provider/credentials.h"

enum { PATH_LEN = 128, LONG = 20000 };

static char folder[PATH_LEN - 16];
static char path[PATH_LEN];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/credentials.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)remove(path);
	return remove(folder);
}

static void write_file(const char *text, size_t len, mode_t mode)
{
	FILE *file;

	(void)remove(path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void make_pem(enum wp_sign_alg alg, struct wp_buf *out)
{
	struct wp_signing_public about;

	wp_buf_init(out, 0);
	assert_int_equal(wp_signing_make(alg, out, &about, NULL), WP_OK);
}

static void make_account(enum wp_sign_alg alg, const char *uri,
			 struct wp_buf *out)
{
	struct wp_buf pem;

	make_pem(alg, &pem);
	wp_buf_init(out, 0);
	wp_buf_printf(out,
		      "{\"client_email\":\"secret@x.example\",\"project_id\":"
		      "\"p-1\",\"token_uri\":\"%s\",\"private_key\":",
		      uri);
	wp_buf_add_json(out, pem.data, pem.len);
	wp_buf_add_char(out, '}');
	wp_signing_forget(&pem);
}

static char element[512];
static char *items[2];

/* Settings with one app whose file is at path. */
static void use_app(struct wp_conf *conf, bool is_fcm, const char *more)
{
	if (is_fcm)
		(void)snprintf(element, sizeof(element),
			       "org.example.app kind=fcm credentials_file=%s%s",
			       path, more);
	else
		(void)snprintf(element, sizeof(element),
			       "org.example.app kind=apns team=TEAM567890 "
			       "key=KEY4567890 key_file=%s%s",
			       path, more);
	items[0] = element;
	*conf = (struct wp_conf){ .run_mode = WP_RUN_LOCAL };
	conf->push.apps.items = items;
	conf->push.apps.n = 1;
}

static void expect(bool is_fcm, const char *why)
{
	struct wp_error err = { .msg = "" };
	struct wp_conf conf;
	enum wp_err rc;

	use_app(&conf, is_fcm, "");
	rc = wp_credentials_check(&conf, &err);
	if (why == NULL) {
		if (rc != WP_OK)
			fail_msg("%s", err.msg);
		return;
	}
	if (rc != WP_ERR_INVAL || strstr(err.msg, why) == NULL ||
	    strstr(err.msg, "push.apps: ") != err.msg ||
	    strstr(err.msg, is_fcm ? "credentials_file" : "key_file") == NULL ||
	    strstr(err.msg, "org.example.app") == NULL ||
	    strstr(err.msg, "secret") != NULL)
		fail_msg("%s: %s", why, err.msg);
}

static void good_files_are_taken(void **state)
{
	struct wp_buf text;

	(void)state;
	make_pem(WP_SIGN_ES256, &text);
	write_file(text.data, text.len, 0640);
	expect(false, NULL);
	write_file(text.data, text.len, 0400);
	expect(false, NULL);
	wp_signing_forget(&text);
	make_account(WP_SIGN_RS256, WP_GOOGLE_TOKEN_URI, &text);
	write_file(text.data, text.len, 0600);
	expect(true, NULL);
	wp_signing_forget(&text);
}

static void what_others_may_read_or_write_is_refused(void **state)
{
	static const mode_t modes[] = { 0644, 0660, 0604, 0602, 0700 };
	struct wp_buf text;

	(void)state;
	make_pem(WP_SIGN_ES256, &text);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_file(text.data, text.len, modes[i]);
		expect(false, "chmod it to 0640 or less");
	}
	wp_signing_forget(&text);
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	(void)remove(path);
	expect(true, "cannot be read");
	expect(false, "cannot be read");
	assert_int_equal(mkdir(path, 0700), 0);
	expect(true, "is no plain file");
	assert_int_equal(rmdir(path), 0);
	/* Nobody waits for a writer. */
	assert_int_equal(mkfifo(path, 0600), 0);
	expect(false, "is no plain file");
}

static void the_wrong_key_is_refused(void **state)
{
	struct wp_buf text;

	(void)state;
	make_pem(WP_SIGN_RS256, &text);
	write_file(text.data, text.len, 0600);
	expect(false, "P-256");
	wp_signing_forget(&text);
	make_account(WP_SIGN_ES256, WP_GOOGLE_TOKEN_URI, &text);
	write_file(text.data, text.len, 0600);
	expect(true, "private_key is no RSA key");
	/* Each in the place of the other. */
	expect(false, "no private key");
	wp_signing_forget(&text);
	make_pem(WP_SIGN_ES256, &text);
	write_file(text.data, text.len, 0600);
	expect(true, "service account: ");
	wp_signing_forget(&text);
}

static void what_is_none_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "secret", "-----BEGIN PRIVATE KEY-----\nsecret\n", "{}",
		"{\"private_key\":\"secret\"}"
	};
	char *text = malloc(LONG);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(texts[i], strlen(texts[i]), 0600);
		expect(true, "");
		expect(false, "");
	}
	assert_non_null(text);
	memset(text, ' ', LONG);
	write_file(text, LONG, 0600);
	expect(true, "must not be over 16 KiB");
	expect(false, "must not be over 4 KiB");
	free(text);
}

static void a_provider_of_ones_own_is_for_tests_only(void **state)
{
	struct wp_error err;
	struct wp_conf conf;
	struct wp_buf text;

	(void)state;
	make_account(WP_SIGN_RS256, "https://127.0.0.1:1/token", &text);
	write_file(text.data, text.len, 0600);
	expect(true, "token_uri");
	use_app(&conf, true, " base=https://127.0.0.1:1");
	assert_int_equal(wp_credentials_check(&conf, &err), WP_OK);
	wp_signing_forget(&text);
}

/* Whichever of several it is. */
static void every_app_is_looked_at(void **state)
{
	static char second[] = "org.example.other kind=fcm "
			       "credentials_file=/nowhere/at/all";
	struct wp_error err;
	struct wp_conf conf;
	struct wp_buf text;

	(void)state;
	make_account(WP_SIGN_RS256, WP_GOOGLE_TOKEN_URI, &text);
	write_file(text.data, text.len, 0600);
	use_app(&conf, true, "");
	items[1] = second;
	conf.push.apps.n = 2;
	assert_int_equal(wp_credentials_check(&conf, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "org.example.other"));
	wp_signing_forget(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files_are_taken),
		cmocka_unit_test(what_others_may_read_or_write_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(the_wrong_key_is_refused),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(a_provider_of_ones_own_is_for_tests_only),
		cmocka_unit_test(every_app_is_looked_at),
	};

	return cmocka_run_group_tests_name("credentials", tests, make_folder,
					   remove_folder);
}

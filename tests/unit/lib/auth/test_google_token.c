/* Access tokens of Google: the file of an account, what is asked, and what an
 * answer is taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/auth/google_token.h"
#include "lib/auth/signing_key.h"
#include "lib/base/encode.h"

enum { NOW = 1796076000 };

static const char scope[] =
	"https://www.googleapis.com/auth/firebase.messaging";

struct file {
	const char *email, *project, *uri;
	enum wp_sign_alg alg;
	bool has_key;
};

static const struct file good = {
	.email = "\"push@p-1.iam.gserviceaccount.com\"",
	.project = "\"p-1\"",
	.uri = "\"" WP_GOOGLE_TOKEN_URI "\"",
	.alg = WP_SIGN_RS256,
	.has_key = true,
};

/* As Google hands it out, in another order. */
static void write_file(const struct file *file, struct wp_buf *out)
{
	struct wp_signing_public about;
	struct wp_error err = { 0 };
	struct wp_buf pem;

	wp_buf_init(&pem, 0);
	assert_int_equal(wp_signing_make(file->alg, &pem, &about, &err), WP_OK);
	wp_buf_init(out, 0);
	wp_buf_printf(out,
		      "{\"type\":\"service_account\",\"client_email\":%s,"
		      "\"project_id\":%s,\"token_uri\":%s,"
		      "\"private_key_id\":\"k1\",\"client_id\":\"1\"",
		      file->email, file->project, file->uri);
	if (file->has_key) {
		wp_buf_add_str(out, ",\"private_key\":");
		wp_buf_add_json(out, pem.data, pem.len);
	}
	wp_buf_add_char(out, '}');
	wp_signing_forget(&pem);
}

static enum wp_err read_file(struct wp_google_account *out,
			     const struct file *file, bool may_loop,
			     struct wp_error *err)
{
	struct wp_buf text;
	enum wp_err rc;

	write_file(file, &text);
	rc = wp_google_account_read(out, text.data, text.len, may_loop, err);
	wp_signing_forget(&text);
	return rc;
}

static void the_file_of_an_account_is_read(void **state)
{
	struct wp_google_account account;
	struct wp_error err = { 0 };

	(void)state;
	assert_int_equal(read_file(&account, &good, false, &err), WP_OK);
	assert_string_equal(account.email, "push@p-1.iam.gserviceaccount.com");
	assert_string_equal(account.project, "p-1");
	assert_string_equal(account.key_id, "k1");
	assert_string_equal(account.token_uri, WP_GOOGLE_TOKEN_URI);
	wp_google_account_release(&account);
}

static void another_file_is_refused_by_what_is_wrong(void **state)
{
	struct file files[8];
	static const char *const named[8] = {
		"client_email", "client_email", "project_id",  "project_id",
		"token_uri",    "token_uri",    "private_key", "private_key",
	};

	(void)state;
	for (size_t i = 0; i < 8; i++)
		files[i] = good;
	files[0].email = "\"\"";
	files[1].email = "\"secret-x y\"";
	files[2].project = "\"a/secret-x\"";
	files[3].project = "\"\"";
	files[4].uri = "\"https://secret-x.example/token\"";
	files[5].uri = "\"https://127.0.0.1:1/token\"";
	files[6].alg = WP_SIGN_ES256;
	files[7].has_key = false;
	for (size_t i = 0; i < 8; i++) {
		struct wp_google_account account;
		struct wp_error err = { 0 };

		if (read_file(&account, &files[i], false, &err) !=
			    WP_ERR_INVAL ||
		    strstr(err.msg, named[i]) == NULL ||
		    strstr(err.msg, "secret") != NULL)
			fail_msg("%zu: %s", i, err.msg);
		wp_google_account_release(&account);
	}
}

static void what_is_no_such_file_is_none(void **state)
{
	static char longest[WP_GOOGLE_FILE_MAX + 1];
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"client_email\":5}",
		"{\"private_key\":\"a\",\"private_key\":\"b\"}",
	};
	struct wp_google_account account;
	struct wp_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(wp_google_account_read(&account, texts[i],
							strlen(texts[i]), true,
							&err),
				 WP_ERR_INVAL);
		wp_google_account_release(&account);
	}
	memset(longest, ' ', sizeof(longest));
	assert_int_equal(wp_google_account_read(&account, longest,
						sizeof(longest), true, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "long"));
	wp_google_account_release(&account);
}

static void a_test_may_ask_on_loopback(void **state)
{
	struct wp_google_account account;
	struct wp_error err = { 0 };
	struct file file = good;

	(void)state;
	file.uri = "\"https://127.0.0.1:8443/token\"";
	assert_int_equal(read_file(&account, &file, true, &err), WP_OK);
	wp_google_account_release(&account);
	file.uri = "\"http://127.0.0.1:8443/token\"";
	assert_int_equal(read_file(&account, &file, true, &err), WP_ERR_INVAL);
	wp_google_account_release(&account);
}

static void what_is_asked_says_who_for_what_and_when(void **state)
{
	static const char form[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3A"
				   "grant-type%3Ajwt-bearer&assertion=";
	struct wp_google_account account;
	struct wp_error err = { 0 };
	struct wp_buf out;
	const char *dot;
	char text[1024];
	size_t len;

	(void)state;
	wp_buf_init(&out, 0);
	assert_int_equal(read_file(&account, &good, false, &err), WP_OK);
	assert_int_equal(wp_google_ask(&account, scope, NOW, &out, &err),
			 WP_OK);
	assert_memory_equal(out.data, form, sizeof(form) - 1);
	dot = strchr(out.data, '.');
	assert_true(wp_base64url_decode(
		out.data + sizeof(form) - 1,
		(size_t)(dot - out.data) - (sizeof(form) - 1), text, &len));
	text[len] = '\0';
	assert_non_null(strstr(text, "\"alg\":\"RS256\""));
	assert_non_null(strstr(text, "\"kid\":\"k1\""));
	assert_true(wp_base64url_decode(dot + 1, strcspn(dot + 1, "."), text,
					&len));
	text[len] = '\0';
	assert_non_null(
		strstr(text, "\"iss\":\"push@p-1.iam.gserviceaccount.com\""));
	assert_non_null(strstr(text, "auth/firebase.messaging\""));
	assert_non_null(strstr(text, "oauth2.googleapis.com/token\""));
	assert_non_null(strstr(text, "\"iat\":1796076000"));
	assert_non_null(strstr(text, "\"exp\":1796079600"));
	wp_google_account_release(&account);
	wp_buf_release(&out);
}

static void an_answer_is_good_until_shortly_before_its_end(void **state)
{
	static const char answer[] =
		"{\"access_token\":\"ya29.c.b0\",\"expires_in\":3599,"
		"\"token_type\":\"Bearer\"}";
	struct wp_google_token token = { .text = "older-and-longer-than-it" };
	struct wp_error err = { 0 };

	(void)state;
	assert_int_equal(
		wp_google_token_read(&token, answer, strlen(answer), NOW, &err),
		WP_OK);
	assert_string_equal(token.text, "ya29.c.b0");
	assert_int_equal(token.good_until_s, NOW + 3299);
	wp_google_token_forget(&token);
	assert_int_equal(token.text[0], 0);
}

static void what_is_no_token_is_not_taken(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"[]",
		"<html>",
		"{\"access_token\":\"secret-x\"}",
		"{\"expires_in\":3599}",
		"{\"access_token\":\"\",\"expires_in\":3599}",
		"{\"access_token\":\"secret-x y\",\"expires_in\":3599}",
		"{\"access_token\":\"secret-x\\r\\n\",\"expires_in\":3599}",
		"{\"access_token\":5,\"expires_in\":3599}",
		"{\"access_token\":\"secret-x\",\"expires_in\":\"3599\"}",
		"{\"access_token\":\"secret-x\",\"expires_in\":300}",
		"{\"access_token\":\"secret-x\",\"expires_in\":-1}",
		"{\"access_token\":\"secret-x\",\"expires_in\":1e9}",
		"{\"access_token\":\"secret-x\",\"expires_in\":3599} x",
	};
	struct wp_google_token token = { .text = "old", .good_until_s = 7 };
	char longest[WP_GOOGLE_TOKEN_MAX + 128];
	struct wp_error err = { 0 };
	int n;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (wp_google_token_read(&token, texts[i], strlen(texts[i]),
					 NOW, &err) != WP_ERR_PROTO ||
		    strstr(err.msg, "secret") != NULL)
			fail_msg("%s: %s", texts[i], err.msg);
	}
	for (int extra = 0; extra < 2; extra++) {
		n = snprintf(longest, sizeof(longest),
			     "{\"expires_in\":3599,\"access_token\":\"%0*d\"}",
			     WP_GOOGLE_TOKEN_MAX + 1 - extra, 0);
		assert_int_equal(wp_google_token_read(&token, longest,
						      (size_t)n, NOW, &err),
				 extra == 0 ? WP_ERR_PROTO : WP_OK);
		if (extra == 0)
			assert_string_equal(token.text, "old");
	}
	assert_int_equal(strlen(token.text), WP_GOOGLE_TOKEN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_of_an_account_is_read),
		cmocka_unit_test(another_file_is_refused_by_what_is_wrong),
		cmocka_unit_test(what_is_no_such_file_is_none),
		cmocka_unit_test(a_test_may_ask_on_loopback),
		cmocka_unit_test(what_is_asked_says_who_for_what_and_when),
		cmocka_unit_test(
			an_answer_is_good_until_shortly_before_its_end),
		cmocka_unit_test(what_is_no_token_is_not_taken),
	};

	return cmocka_run_group_tests_name("lib/auth/google_token", tests, NULL,
					   NULL);
}

/* A file of signers has at least one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/auth/ca_file.h"

/* Made by openssl req -x509; it has ended, which does not matter here. */
static const char certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBczCCARmgAwIBAgIUXFnPV3Uq+2kgubCdElSfAI6lJ1EwCgYIKoZIzj0EAwIw\n"
	"DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMzAyMjAxMDlaFw0yNjEyMDEyMjAxMDla\n"
	"MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATVqxy/\n"
	"JKWqR65Q88lnXCFnhSFd5vNOGy8kA7HNKPKc+MR9SOgNXOrtXpK1d2eDbeVZPLhf\n"
	"l80l+UG+//42ii5zo1MwUTAdBgNVHQ4EFgQUzeV470gCbLMwx4G5064FNVcOCdMw\n"
	"HwYDVR0jBBgwFoAUzeV470gCbLMwx4G5064FNVcOCdMwDwYDVR0TAQH/BAUwAwEB\n"
	"/zAKBggqhkjOPQQDAgNIADBFAiADW59SVwxqg/hF4qN7yxG7Ap4rq+uVQAKAZ+Da\n"
	"6qIOZwIhAKGDbyu+Qr7/5TjK3WA3XlstPo/nAvcDjilKhMRT84TH\n"
	"-----END CERTIFICATE-----\n";

/* What is said of a file with this text. */
static enum wp_err check(const char *text, struct wp_error *err)
{
	char path[] = "/tmp/test-ca-file-XXXXXX";
	int fd = mkstemp(path);
	enum wp_err rc;

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	rc = wp_ca_file_check("push.ca_file", path, err);
	assert_int_equal(unlink(path), 0);
	return rc;
}

static void a_certificate_must_be_in_it(void **state)
{
	struct wp_error err = { 0 };
	char cut[sizeof(certificate)];
	static const char *const bad[] = { "", "\n", "a text\n",
					   "-----BEGIN CERTIFICATE-----\n" };

	(void)state;
	assert_int_equal(check(certificate, &err), WP_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(check(bad[i], &err), WP_ERR_INVAL);
		assert_non_null(strstr(err.msg, "push.ca_file"));
	}
	memcpy(cut, certificate, sizeof(cut));
	cut[sizeof(cut) / 2] = '\0';
	assert_int_equal(check(cut, &err), WP_ERR_INVAL);
}

static void it_must_be_there_if_it_is_named(void **state)
{
	struct wp_error err = { 0 };

	(void)state;
	assert_int_equal(wp_ca_file_check("push.ca_file", "", &err), WP_OK);
	assert_int_equal(wp_ca_file_check("push.ca_file", "/nowhere/x", &err),
			 WP_ERR_SYS);
	assert_non_null(strstr(err.msg, "push.ca_file"));
	/* A folder can be read, and yet nothing is in it. */
	assert_int_equal(wp_ca_file_check("push.ca_file", "/", &err),
			 WP_ERR_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_must_be_in_it),
		cmocka_unit_test(it_must_be_there_if_it_is_named),
	};

	return cmocka_run_group_tests_name("ca_file", tests, NULL, NULL);
}

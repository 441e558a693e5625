/*
 * Any bytes as the answer that has an access token, and as the file of a
 * service account: what is taken is plain text within its bounds, and nothing
 * that is refused is repeated.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/google_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1796076000 };

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void must_be_visible(const char *text)
{
	for (; *text != '\0'; text++)
		must(*text > ' ' && *text <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long, so that a read beyond it is seen. */
	char *text = malloc(size > 0 ? size : 1);
	struct wp_google_token token = { .good_until_s = 0 };
	struct wp_google_account account;
	struct wp_error err = { 0 };

	must(text != NULL);
	memcpy(text, data, size);
	if (wp_google_token_read(&token, text, size, NOW_S, &err) == WP_OK) {
		must(token.text[0] != '\0' && token.good_until_s > NOW_S);
		must_be_visible(token.text);
	} else {
		must(token.text[0] == '\0' && token.good_until_s == 0);
	}
	if (wp_google_account_read(&account, text, size, false, &err) ==
	    WP_OK) {
		must_be_visible(account.email);
		must(strcmp(account.token_uri, WP_GOOGLE_TOKEN_URI) == 0);
		must(strpbrk(account.project, "/?#%") == NULL);
	}
	wp_google_account_release(&account);
	free(text);
	return 0;
}

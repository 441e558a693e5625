/*
 * What somebody calls himself, wants as a password and types as a code: any
 * bytes are judged within bounds, and by the same word twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/accounts/password_rules.h"
#include "lib/accounts/recovery.h"
#include "lib/accounts/username.h"
#include "lib/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_so)
{
	if (!is_so)
		abort();
}

static void check_name(const char *text, size_t len, struct wp_username *name)
{
	struct wp_username again;
	struct wp_urn urn;

	if (wp_username_read(name, text, len, NULL) != WP_OK) {
		need(wp_username_read(name, "bob", 3, NULL) == WP_OK);
		return;
	}
	need(name->len == len && strlen(name->text) == len);
	need(wp_username_read(&again, name->text, name->len, NULL) == WP_OK);
	need(memcmp(&again, name, sizeof(again)) == 0 ||
	     strcmp(again.text, name->text) == 0);
	wp_username_urn(name, &urn);
	need(urn.len == len + sizeof("urn:sm:user:") - 1);
}

static void check_password(const char *text, size_t len,
			   const struct wp_username *name)
{
	const struct wp_password_rules rules = { .min_chars = 8, .name = name };
	struct wp_error err = { 0 };
	enum wp_err rc = wp_password_rules_check(&rules, text, len, &err);

	need(rc == WP_OK || (rc == WP_ERR_INVAL && err.msg[0] != '\0'));
	need(rc != WP_OK || (wp_utf8_is_valid(text, len) && len >= 8 &&
			     len <= WP_PASSWORD_BYTES_MAX));
}

static void check_code(const char *text, size_t len)
{
	uint8_t hash[WP_RECOVERY_HASH_LEN];

	need(wp_recovery_hash(text, len, hash) == WP_ERR_INVAL ||
	     len >= WP_RECOVERY_CODE_LEN);
}

/* A name, a NUL, and a password. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *nul = size > 0 ? memchr(text, 0, size) : NULL;
	size_t len = nul != NULL ? (size_t)(nul - text) : 0;
	struct wp_username name;

	check_name(text, len, &name);
	if (nul != NULL)
		check_password(nul + 1, size - len - 1, &name);
	else
		check_password(size > 0 ? text : "", size, &name);
	check_code(size > 0 ? text : "", size);
	return 0;
}

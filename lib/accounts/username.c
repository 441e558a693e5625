/*
 * username.c - names of accounts.
 *
 * ASCII on purpose: two names that look alike would be two mailboxes, and in
 * ASCII few do.
 */
#include "lib/accounts/username.h"

#include <assert.h>
#include <string.h>

#include "lib/base/encode.h"

static const char *const reserved[] = {
	"admin", "root",     "system",  "waypost",   "support",  "help",
	"null",  "security", "service", "anonymous", "everyone",
};

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

enum wp_err wp_username_read(struct wp_username *out, const char *text,
			     size_t len, struct wp_error *err)
{
	if (len < WP_USERNAME_MIN || len > WP_USERNAME_MAX)
		return wp_error_set(err, WP_ERR_INVAL,
				    "a user name has %d to %d characters",
				    WP_USERNAME_MIN, WP_USERNAME_MAX);
	for (size_t i = 0; i < len; i++) {
		char c = wp_ascii_lower(text[i]);

		if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-')
			return wp_error_set(err, WP_ERR_INVAL,
					    "a user name has letters a to z, "
					    "digits and . _ - only");
		out->text[i] = c;
	}
	out->text[len] = '\0';
	out->len = (uint8_t)len;
	if (!is_alphanumeric(out->text[0]))
		return wp_error_set(err, WP_ERR_INVAL,
				    "a user name begins with a letter or a "
				    "digit");
	return WP_OK;
}

bool wp_username_is_reserved(const struct wp_username *name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcmp(reserved[i], name->text) == 0)
			return true;
	return false;
}

void wp_username_urn(const struct wp_username *name, struct wp_urn *out)
{
	enum wp_err rc = wp_urn_parse(out, name->text, name->len, NULL);

	/* Each byte of a name may stand in a URN, and there are few of them. */
	assert(rc == WP_OK);
	(void)rc;
}

bool wp_username_of(const struct wp_urn *user, struct wp_username *out)
{
	const char *name = strrchr(user->text, ':') + 1;
	struct wp_urn again;

	if (wp_username_read(out, name, strlen(name), NULL) != WP_OK)
		return false;
	wp_username_urn(out, &again);
	return again.len == user->len &&
	       memcmp(again.text, user->text, user->len) == 0;
}

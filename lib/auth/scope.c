/*
 * scope.c - the one list of scopes.
 */
#include "lib/auth/scope.h"

#include <assert.h>
#include <string.h>

static const struct {
	const char *name;
	enum wp_scope scope;
} scopes[] = {
	{ "send", WP_SCOPE_SEND },         { "notify", WP_SCOPE_NOTIFY },
	{ "presence", WP_SCOPE_PRESENCE }, { "revoke", WP_SCOPE_REVOKE },
	{ "accounts", WP_SCOPE_ACCOUNTS },
};

enum { SCOPES = sizeof(scopes) / sizeof(scopes[0]) };

static enum wp_scope find(const char *name, size_t len)
{
	for (size_t i = 0; i < SCOPES; i++)
		if (strlen(scopes[i].name) == len &&
		    memcmp(scopes[i].name, name, len) == 0)
			return scopes[i].scope;
	return WP_SCOPE_NONE;
}

bool wp_scopes_read(const char *text, size_t len, unsigned int *out)
{
	const char *end = text + len;

	*out = 0;
	for (;;) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const char *stop = comma == NULL ? end : comma;
		enum wp_scope scope = find(text, (size_t)(stop - text));

		if (scope == WP_SCOPE_NONE || (*out & scope) != 0)
			return false;
		*out |= scope;
		if (comma == NULL)
			return true;
		text = comma + 1;
	}
}

void wp_scopes_add(struct wp_buf *out, unsigned int set)
{
	bool is_first = true;

	for (size_t i = 0; i < SCOPES; i++) {
		if ((set & scopes[i].scope) == 0)
			continue;
		if (!is_first)
			wp_buf_add_char(out, ',');
		wp_buf_add_str(out, scopes[i].name);
		is_first = false;
	}
}

const char *wp_scope_name(enum wp_scope scope)
{
	size_t i = 0;

	while (i < SCOPES && scopes[i].scope != scope)
		i++;
	assert(i < SCOPES);
	return scopes[i].name;
}

/*
 * A file of keys, and whoever shows what is in it: bounded, and what is read as
 * a key is written as one that reads the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/apikey.h"

#define NOW INT64_C(1795225140)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_so)
{
	if (!is_so)
		abort();
}

/* What is written of a key is a line of it alone. */
static void check_key(const struct wp_apikey *key)
{
	struct wp_apikey again;
	struct wp_buf line;
	size_t pos = 0;

	wp_buf_init(&line, 0);
	wp_apikey_write(&line, key);
	need(!line.failed);
	need(wp_apikey_next(&line, &pos, NULL, &again, NULL) == WP_OK);
	need(pos == line.len && memcmp(&again, key, sizeof(again)) == 0);
	wp_buf_release(&line);
}

/* All keys up to the end, or to the first line that is none. */
static enum wp_err walk(const struct wp_buf *text, size_t *n)
{
	size_t pos = 0, before, start;
	struct wp_apikey key;
	struct wp_error err;
	enum wp_err rc;

	*n = 0;
	for (;;) {
		before = pos;
		rc = wp_apikey_next(text, &pos, &start, &key, &err);
		if (rc != WP_OK)
			break;
		need(start >= before && start < pos && pos <= text->len);
		check_key(&key);
		(*n)++;
	}
	need(rc == WP_ERR_NOTFOUND || (rc == WP_ERR_INVAL && err.msg[0] != 0));
	return rc;
}

static void check_file(const struct wp_buf *text, const struct wp_token *token)
{
	struct wp_apikeys *keys = NULL;
	struct wp_identity who;
	struct wp_urn again;
	size_t n;
	enum wp_err walked = walk(text, &n);
	enum wp_err rc = wp_apikeys_new(&keys, text, NULL);

	need(rc != WP_OK || walked == WP_ERR_NOTFOUND);
	if (rc != WP_OK)
		return;
	need(wp_apikeys_count(keys) == n);
	if (wp_apikeys_verify(keys, token, NOW, &who, NULL) == WP_OK)
		need(who.kind == WP_KIND_KEY && who.scopes != 0 &&
		     wp_urn_reread(&again, who.user.text, who.user.len) ==
			     WP_OK);
	wp_apikeys_free(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
	struct wp_token token = { (const char *)data, size };
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_add(&text, data, size);
	if (nul != NULL) { /* a token, then the file */
		token.len = (size_t)(nul - data);
		wp_buf_consume(&text, token.len + 1);
	}
	check_file(&text, &token);
	wp_buf_release(&text);
	return 0;
}

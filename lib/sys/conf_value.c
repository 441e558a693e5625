/*
 * conf_value.c - text to a checked value in struct wp_conf, whatever its
 * source, and back.
 *
 * Knows types and bounds. Knows no files and no names: its sentences never
 * repeat the value, which might be a secret in the wrong place.
 */
#include "lib/sys/conf_section.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/utf8.h"

/* Every enum of ours is kept as the type that it has. */
_Static_assert(sizeof(enum wp_run_mode) == sizeof(unsigned int) &&
		       sizeof(enum wp_environment_names) ==
			       sizeof(unsigned int) &&
		       sizeof(enum wp_log_level) == sizeof(unsigned int) &&
		       sizeof(enum wp_log_requests) == sizeof(unsigned int) &&
		       sizeof(enum wp_sign_alg) == sizeof(unsigned int) &&
		       sizeof(enum wp_feed_mode) == sizeof(unsigned int) &&
		       sizeof(enum wp_visibility) == sizeof(unsigned int),
	       "WP_CONF_ENUM is written as an unsigned int");

static enum wp_err no_memory(struct wp_error *why)
{
	return wp_error_set(why, WP_ERR_NOMEM, "out of memory");
}

/* Where the value of key is; the caller knows the type. */
static void *at_key(struct wp_conf *conf, const struct wp_conf_key *key)
{
	return (char *)conf + key->offset;
}

static const void *peek_key(const struct wp_conf *conf,
			    const struct wp_conf_key *key)
{
	return (const char *)conf + key->offset;
}

/* Text that fits on one line of a log, of a request and of this file. */
static bool is_plain_text(const char *text)
{
	const char *p;

	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return wp_utf8_is_valid(text, strlen(text));
}

static enum wp_err set_int(int64_t *out, const struct wp_conf_key *key,
			   const char *text, struct wp_error *why)
{
	const char *digits = text + (text[0] == '-');
	long long value;
	char *end;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (digits[0] < '0' || digits[0] > '9' || *end != '\0' ||
	    errno == ERANGE || value < key->min || value > key->max)
		return wp_error_set(why, WP_ERR_INVAL,
				    "must be a whole number from %" PRId64
				    " to %" PRId64,
				    key->min, key->max);
	*out = value;
	return WP_OK;
}

static enum wp_err set_bool(bool *out, const char *text, struct wp_error *why)
{
	if (strcasecmp(text, "true") == 0)
		*out = true;
	else if (strcasecmp(text, "false") == 0)
		*out = false;
	else
		return wp_error_set(why, WP_ERR_INVAL, "must be true or false");
	return WP_OK;
}

/* The index of text among the words of key, or -1 and a sentence. */
static int64_t find_word(const struct wp_conf_key *key, const char *text,
			 struct wp_error *why)
{
	struct wp_buf all;
	int64_t i;

	for (i = 0; key->words[i] != NULL; i++)
		if (strcasecmp(key->words[i], text) == 0)
			return i;

	wp_buf_init(&all, sizeof(why->msg));
	for (i = 0; key->words[i] != NULL; i++)
		wp_buf_printf(&all, "%s%s", i == 0 ? "" : ", ", key->words[i]);
	wp_error_set(why, WP_ERR_INVAL, "must be %s%s", i > 1 ? "one of " : "",
		     all.failed ? "?" : all.data);
	wp_buf_release(&all);
	return -1;
}

/* Replace *out by a copy of text; what was there may have been a secret. */
static enum wp_err replace(char **out, const char *text, struct wp_error *why)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return no_memory(why);
	if (*out != NULL)
		explicit_bzero(*out, strlen(*out));
	free(*out);
	*out = copy;
	return WP_OK;
}

static enum wp_err set_string(char **out, const struct wp_conf_key *key,
			      const char *text, struct wp_error *why)
{
	int64_t word;

	if (!is_plain_text(text))
		return wp_error_set(why, WP_ERR_INVAL,
				    "must be UTF-8 without control "
				    "characters");
	if (key->words == NULL)
		return replace(out, text, why);
	word = find_word(key, text, why);
	if (word == -1)
		return WP_ERR_INVAL;
	return replace(out, key->words[word], why);
}

enum wp_err wp_conf_list_add(struct wp_conf_list *list, const char *text,
			     size_t len, struct wp_error *why)
{
	char **items;

	if (list->n == WP_CONF_LIST_MAX)
		return wp_error_set(why, WP_ERR_INVAL,
				    "must not hold more than %d texts",
				    WP_CONF_LIST_MAX);
	items = realloc(list->items, (list->n + 2) * sizeof(*items));
	if (items == NULL)
		return no_memory(why);
	list->items = items;
	items[list->n] = strndup(text, len);
	if (items[list->n] == NULL)
		return no_memory(why);
	items[++list->n] = NULL;
	return WP_OK;
}

void wp_conf_list_release(struct wp_conf_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct wp_conf_list){ 0 };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * What may stand in a list, whatever its source: the environment separates
 * with commas and trims, so such a text would mean something else there.
 */
static bool is_item(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && is_plain_text(text) && strchr(text, ',') == NULL &&
	       !is_blank(text[0]) && !is_blank(text[len - 1]);
}

enum wp_err wp_conf_take_list(struct wp_conf *conf,
			      const struct wp_conf_key *key,
			      struct wp_conf_list *list, struct wp_error *why)
{
	struct wp_conf_list *out = at_key(conf, key);
	enum wp_err rc = WP_ERR_INVAL;
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (!is_item(list->items[i])) {
			wp_error_set(why, rc,
				     "must hold UTF-8 texts that are not "
				     "empty, without commas, blanks around "
				     "them and control characters");
			goto out;
		}
	}
	if ((int64_t)list->n < key->min || (int64_t)list->n > key->max) {
		wp_error_set(why, rc,
			     "must hold %" PRId64 " to %" PRId64 " texts",
			     key->min, key->max);
		goto out;
	}
	/* An empty list is walkable as well: items[0] == NULL. */
	if (list->n == 0 && list->items == NULL) {
		list->items = calloc(1, sizeof(*list->items));
		if (list->items == NULL) {
			rc = no_memory(why);
			goto out;
		}
	}
	wp_conf_list_release(out);
	*out = *list;
	*list = (struct wp_conf_list){ 0 };
	rc = WP_OK;
out:
	wp_conf_list_release(list);
	return rc;
}

/* Split at commas, trim, drop what is blank. */
static enum wp_err set_list(struct wp_conf *conf, const struct wp_conf_key *key,
			    const char *text, struct wp_error *why)
{
	struct wp_conf_list list = { 0 };
	const char *p = text;
	enum wp_err rc;

	for (;;) {
		size_t len = strcspn(p, ",");
		size_t lead = strspn(p, " \t");
		size_t end = len;

		while (end > lead && is_blank(p[end - 1]))
			end--;
		if (lead < end) {
			rc = wp_conf_list_add(&list, p + lead, end - lead, why);
			if (rc != WP_OK)
				goto out;
		}
		if (p[len] == '\0')
			break;
		p += len + 1;
	}
	rc = wp_conf_take_list(conf, key, &list, why);
out:
	wp_conf_list_release(&list);
	return rc;
}

enum wp_err wp_conf_set(struct wp_conf *conf, const struct wp_conf_key *key,
			const char *text, struct wp_error *why)
{
	void *at = at_key(conf, key);
	int64_t word;

	switch (key->type) {
	case WP_CONF_INT:
		return set_int(at, key, text, why);
	case WP_CONF_BOOL:
		return set_bool(at, text, why);
	case WP_CONF_STRING:
		return set_string(at, key, text, why);
	case WP_CONF_ENUM:
		word = find_word(key, text, why);
		if (word == -1)
			return WP_ERR_INVAL;
		*(unsigned int *)at = (unsigned int)word;
		return WP_OK;
	case WP_CONF_LIST:
		return set_list(conf, key, text, why);
	case WP_CONF_SECRET:
		return replace(at, text, why);
	}
	return wp_error_set(why, WP_ERR_INVAL, "has no known type");
}

enum wp_err wp_conf_set_path(struct wp_conf_entry *entry, const char *text,
			     struct wp_error *why)
{
	if (!is_plain_text(text))
		return wp_error_set(why, WP_ERR_INVAL,
				    "must be UTF-8 without control "
				    "characters");
	return replace(&entry->secret_path, text, why);
}

void wp_conf_value_release(struct wp_conf *conf, const struct wp_conf_key *key)
{
	char **text = at_key(conf, key);

	switch (key->type) {
	case WP_CONF_SECRET:
		if (*text != NULL)
			explicit_bzero(*text, strlen(*text));
		free(*text);
		break;
	case WP_CONF_STRING:
		free(*text);
		break;
	case WP_CONF_LIST:
		wp_conf_list_release(at_key(conf, key));
		break;
	case WP_CONF_INT:
	case WP_CONF_BOOL:
	case WP_CONF_ENUM:
		break;
	}
}

/* ---- values beside each other, and on paper ---- */

static bool is_same_list(const struct wp_conf_list *a,
			 const struct wp_conf_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

bool wp_conf_is_same(const struct wp_conf_key *key, const struct wp_conf *one,
		     const struct wp_conf *other)
{
	const void *a = peek_key(one, key), *b = peek_key(other, key);

	switch (key->type) {
	case WP_CONF_ENUM:
		return *(const unsigned int *)a == *(const unsigned int *)b;
	case WP_CONF_INT:
		return *(const int64_t *)a == *(const int64_t *)b;
	case WP_CONF_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case WP_CONF_STRING:
	case WP_CONF_SECRET:
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	case WP_CONF_LIST:
		return is_same_list(a, b);
	}
	return false;
}

static void write_text(struct wp_buf *out, const char *text)
{
	/* A JSON string is a YAML one: YAML 1.2 section 1.3. */
	wp_buf_add_json(out, text, strlen(text));
}

static void write_list(struct wp_buf *out, const struct wp_conf_list *list)
{
	size_t i;

	wp_buf_add_char(out, '[');
	for (i = 0; i < list->n; i++) {
		if (i > 0)
			wp_buf_add_str(out, ", ");
		write_text(out, list->items[i]);
	}
	wp_buf_add_char(out, ']');
}

size_t wp_conf_secret_len(const struct wp_conf_key *key,
			  const struct wp_conf *conf)
{
	const char *const *at = peek_key(conf, key);

	return strlen(*at);
}

void wp_conf_write_value(struct wp_buf *out, const struct wp_conf_key *key,
			 const struct wp_conf *conf)
{
	const void *at = peek_key(conf, key);

	switch (key->type) {
	case WP_CONF_INT:
		wp_buf_printf(out, "%" PRId64, *(const int64_t *)at);
		break;
	case WP_CONF_BOOL:
		wp_buf_add_str(out, *(const bool *)at ? "true" : "false");
		break;
	case WP_CONF_ENUM:
		wp_buf_add_str(out, key->words[*(const unsigned int *)at]);
		break;
	case WP_CONF_STRING:
		write_text(out, *(char *const *)at);
		break;
	case WP_CONF_LIST:
		write_list(out, at);
		break;
	case WP_CONF_SECRET:
		wp_buf_add_str(out, (*(char *const *)at)[0] != '\0'
					    ? "(set)"
					    : "(not set)");
		break;
	}
}

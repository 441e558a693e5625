/*
 * password_rules.c - the rules, one function each, on the characters of a
 * password in lower case (ASCII).
 */
#include "lib/accounts/password_rules.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/utf8.h"

enum {
	DIFFERENT_MIN = 5,    /* characters */
	BESIDES_NAME_MIN = 8, /* characters that are not the user's name */
};

/* What is being judged. Wiped before the memory is given back. */
struct judged {
	const struct wp_password_rules *rules;
	size_t n;                              /* characters */
	uint32_t chars[WP_PASSWORD_CHARS_MAX]; /* in lower case */
	size_t len;                            /* bytes */
	char text[WP_PASSWORD_BYTES_MAX];      /* in lower case */
};

/*
 * Orders in which characters follow each other without a thought; each begins
 * anew behind its last. Keyboards by their rows, one behind the other.
 */
static const char *const orders[] = {
	"0123456789",
	"abcdefghijklmnopqrstuvwxyz",
	"0123456789abcdefghijklmnopqrstuvwxyz",
	"1234567890qwertyuiopasdfghjklzxcvbnm",
	"1234567890qwertzuiopasdfghjklyxcvbnm",
	"1234567890azertyuiopqsdfghjklmwxcvbn",
};

static enum wp_err weak(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s", sentence);
}

/* The character that begins at *at, which moves on; the text is valid. */
static uint32_t next_char(const char *text, size_t *at)
{
	unsigned char lead = (unsigned char)text[(*at)++];
	size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0;
	uint32_t value = more == 0 ? lead : lead & (0x3fU >> more);

	for (; more > 0; more--)
		value = value << 6 | ((unsigned char)text[(*at)++] & 0x3fU);
	return value;
}

/* Fill in what is judged, if it is UTF-8 and no longer than may be. */
static enum wp_err read_chars(struct judged *judged, const char *text,
			      size_t len, struct wp_error *err)
{
	size_t at = 0;

	if (!wp_utf8_is_valid(text, len))
		return weak(err, "a password must be UTF-8");
	while (at < len && judged->n < WP_PASSWORD_CHARS_MAX) {
		uint32_t c = next_char(text, &at);

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		judged->chars[judged->n++] = c;
	}
	if (at < len)
		return weak(err, "a password has at most 1024 characters");
	for (size_t i = 0; i < len; i++)
		judged->text[i] = wp_ascii_lower(text[i]);
	judged->len = len;
	return WP_OK;
}

static bool has_few_different(const struct judged *judged)
{
	uint32_t seen[DIFFERENT_MIN];
	size_t n_seen = 0;

	for (size_t i = 0; i < judged->n && n_seen < DIFFERENT_MIN; i++) {
		size_t k = 0;

		while (k < n_seen && seen[k] != judged->chars[i])
			k++;
		if (k == n_seen)
			seen[n_seen++] = judged->chars[i];
	}
	return n_seen < DIFFERENT_MIN;
}

/*
 * Is all of it one part again and again, the last time perhaps cut off? A part
 * that would do alone is as good twice.
 */
static bool is_repetition(const struct judged *judged)
{
	for (size_t part = 1;
	     part < judged->rules->min_chars && part <= judged->n / 2; part++)
		if (memcmp(judged->chars, judged->chars + part,
			   (judged->n - part) * sizeof(judged->chars[0])) == 0)
			return true;
	return false;
}

/* Does each character have a number that is one above, or below, the last? */
static bool is_run(const struct judged *judged)
{
	uint32_t step = judged->n > 1 ? judged->chars[1] - judged->chars[0] : 0;

	if (step != 1 && step != UINT32_MAX)
		return false;
	for (size_t i = 1; i < judged->n; i++)
		if (judged->chars[i] - judged->chars[i - 1] != step)
			return false;
	return true;
}

/* Where in order is it? -1: nowhere. */
static int place_in(const char *order, uint32_t c)
{
	const char *at = c != 0 && c < 0x80 ? strchr(order, (int)c) : NULL;

	return at != NULL ? (int)(at - order) : -1;
}

/* Does each follow the one before in this order, in one direction? */
static bool follows(const struct judged *judged, const char *order)
{
	int n = (int)strlen(order);
	int last = place_in(order, judged->chars[0]);
	int step = 0;

	for (size_t i = 1; i < judged->n; i++) {
		int place = place_in(order, judged->chars[i]);
		int now = place == (last + 1) % n ? 1 : -1;

		if (last < 0 || place < 0 ||
		    (now == -1 && place != (last + n - 1) % n) ||
		    (step != 0 && now != step))
			return false;
		step = now;
		last = place;
	}
	return true;
}

static bool is_sequence(const struct judged *judged)
{
	if (is_run(judged))
		return true;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (follows(judged, orders[i]))
			return true;
	return false;
}

/* Is there little besides the user's name, however often that stands there? */
static bool is_name(const struct judged *judged)
{
	const struct wp_username *name = judged->rules->name;
	size_t besides = judged->n;
	const char *at = judged->text;
	size_t left = judged->len;
	const char *hit;

	while ((hit = memmem(at, left, name->text, name->len)) != NULL) {
		besides -= name->len;
		left -= (size_t)(hit - at) + name->len;
		at = hit + name->len;
	}
	return besides < judged->n && besides < BESIDES_NAME_MIN;
}

/* Is it listed, as it is or without the digits at its end? */
static enum wp_err find_listed(const struct judged *judged, bool *is_listed_out,
			       struct wp_error *err)
{
	const struct wp_blocklist *list = judged->rules->blocklist;
	size_t len = judged->len;
	enum wp_err rc =
		wp_blocklist_has(list, judged->text, len, is_listed_out, err);

	while (len > 0 && judged->text[len - 1] >= '0' &&
	       judged->text[len - 1] <= '9')
		len--;
	if (rc == WP_OK && !*is_listed_out && len > 0 && len < judged->len)
		rc = wp_blocklist_has(list, judged->text, len, is_listed_out,
				      err);
	return rc;
}

static enum wp_err judge(struct judged *judged, const char *text, size_t len,
			 struct wp_error *err)
{
	bool is_listed = false;
	enum wp_err rc = read_chars(judged, text, len, err);

	if (rc != WP_OK)
		return rc;
	if (judged->n < judged->rules->min_chars)
		return wp_error_set(err, WP_ERR_INVAL,
				    "a password has at least %zu characters",
				    judged->rules->min_chars);
	if (has_few_different(judged))
		return weak(err, "a password has at least 5 different "
				 "characters");
	if (is_repetition(judged))
		return weak(err, "a password must not be one part again and "
				 "again");
	if (is_sequence(judged))
		return weak(err, "a password must not be a sequence of the "
				 "alphabet, of digits or of keys");
	if (is_name(judged))
		return weak(err, "a password has at least 8 characters besides "
				 "the user name");
	rc = find_listed(judged, &is_listed, err);
	if (rc == WP_OK && is_listed)
		return weak(err, "this password is on a list of known ones");
	return rc;
}

enum wp_err wp_password_rules_check(const struct wp_password_rules *rules,
				    const char *text, size_t len,
				    struct wp_error *err)
{
	struct judged *judged;
	enum wp_err rc;

	if (len > WP_PASSWORD_BYTES_MAX)
		return weak(err, "a password has at most 1024 characters");
	judged = calloc(1, sizeof(*judged));
	if (judged == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	judged->rules = rules;
	rc = judge(judged, text, len, err);
	explicit_bzero(judged, sizeof(*judged));
	free(judged);
	return rc;
}

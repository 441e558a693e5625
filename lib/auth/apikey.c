/*
 * apikey.c - lines of the file of keys, and looking up whoever shows one.
 *
 * A name of a key is no secret, so it is searched for; what proves that it is
 * his is compared in constant time, and also when there is no such key.
 */
#include "lib/auth/apikey.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/auth/scope.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"

#define PREFIX "wpk_"
#define URN_PREFIX "urn:waypost:service:"

static const char lower_and_digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";

enum {
	PREFIX_LEN = sizeof(PREFIX) - 1,
	SECRET_BYTES = 32,
	DIGEST_DIGITS = 2 * WP_SHA256_LEN,
	FIELDS = 5,
	SECONDS_OF_DAY = 24 * 3600,
	MS_PER_S = 1000,
	FIRST_YEAR = 1970,
	TM_YEAR_0 = 1900,
};

/* A part of a line. */
struct field {
	const char *data;
	size_t len;
};

struct wp_apikeys {
	size_t n;
	struct wp_apikey list[]; /* by id */
};

/* ---- the parts of a key ---- */

void wp_apikey_make(struct wp_apikey *out, char text[WP_APIKEY_LEN + 1])
{
	/* 32 of them, so that each is as likely as any other. */
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t bytes[SECRET_BYTES];
	char *secret = text + PREFIX_LEN + WP_APIKEY_ID_LEN + 1;

	wp_random_bytes(bytes, WP_APIKEY_ID_LEN);
	for (size_t i = 0; i < WP_APIKEY_ID_LEN; i++)
		out->id[i] = letters[bytes[i] % (sizeof(letters) - 1)];
	out->id[WP_APIKEY_ID_LEN] = '\0';
	memcpy(text, PREFIX, PREFIX_LEN);
	memcpy(text + PREFIX_LEN, out->id, WP_APIKEY_ID_LEN);
	text[PREFIX_LEN + WP_APIKEY_ID_LEN] = '_';
	wp_random_bytes(bytes, sizeof(bytes));
	(void)wp_base64url_encode(bytes, sizeof(bytes), secret);
	text[WP_APIKEY_LEN] = '\0';
	wp_sha256(secret, WP_APIKEY_SECRET_LEN, out->digest);
	explicit_bzero(bytes, sizeof(bytes));
}

/* How many of the first characters of text are among these? */
static size_t span(const char *text, size_t len, const char *these)
{
	size_t n = 0;

	while (n < len && text[n] != '\0' && strchr(these, text[n]) != NULL)
		n++;
	return n;
}

bool wp_apikey_name_is_valid(const char *text, size_t len)
{
	return len > 0 && len <= WP_APIKEY_NAME_MAX &&
	       span(text, 1, lower_and_digits) == 1 &&
	       span(text, len, "abcdefghijklmnopqrstuvwxyz0123456789._-") ==
		       len;
}

bool wp_apikey_id_is_valid(const char *text, size_t len)
{
	return len == WP_APIKEY_ID_LEN &&
	       span(text, len, lower_and_digits) == len;
}

/* Digits and nothing else, few enough not to overflow. */
static bool read_digits(const char *text, size_t len, int *out)
{
	*out = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*out = *out * 10 + (text[i] - '0');
	}
	return true;
}

bool wp_apikey_day_read(const char *text, size_t len, int64_t *expires_s_out)
{
	struct tm day = { 0 };
	int year, month, mday;
	time_t start;

	if (len != WP_APIKEY_DAY_LEN || text[4] != '-' || text[7] != '-' ||
	    !read_digits(text, 4, &year) || !read_digits(text + 5, 2, &month) ||
	    !read_digits(text + 8, 2, &mday) || year < FIRST_YEAR)
		return false;
	day.tm_year = year - TM_YEAR_0;
	day.tm_mon = month - 1;
	day.tm_mday = mday;
	start = timegm(&day);
	/* It makes March of the 30th of February. */
	if (day.tm_mon != month - 1 || day.tm_mday != mday)
		return false;
	*expires_s_out = (int64_t)start + SECONDS_OF_DAY;
	return true;
}

void wp_apikey_day_write(char text[WP_APIKEY_DAY_LEN + 1], int64_t expires_s)
{
	char last[WP_RFC3339_LEN] = "-";
	size_t len = 1;

	if (expires_s != WP_APIKEY_FOR_EVER) {
		wp_rfc3339((expires_s - 1) * MS_PER_S, last);
		len = WP_APIKEY_DAY_LEN;
	}
	memcpy(text, last, len);
	text[len] = '\0';
}

/* ---- a line ---- */

static bool read_digest(const char *text, size_t len,
			uint8_t out[WP_SHA256_LEN])
{
	if (len != DIGEST_DIGITS)
		return false;
	for (size_t i = 0; i < WP_SHA256_LEN; i++) {
		int high = wp_hex_value(text[2 * i]);
		int low = wp_hex_value(text[2 * i + 1]);

		if (high == -1 || low == -1)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_expiry(const char *text, size_t len, int64_t *out)
{
	*out = WP_APIKEY_FOR_EVER;
	return (len == 1 && text[0] == '-') ||
	       wp_apikey_day_read(text, len, out);
}

/* Read len bytes of any kind. Returns: NULL, or why it is no line of a key */
static const char *read_line(struct wp_apikey *out, const char *line,
			     size_t len)
{
	enum { ID, DIGEST, SCOPES, DAY, NAME };
	struct field fields[FIELDS];
	const char *end = line + len;
	size_t n = 0;

	for (const char *at = line; n < FIELDS; n++) {
		const char *colon = memchr(at, ':', (size_t)(end - at));
		const char *stop = colon == NULL ? end : colon;

		fields[n] = (struct field){ at, (size_t)(stop - at) };
		if ((colon == NULL) != (n == NAME))
			return "must be <id>:<sha256>:<scopes>:<day>:<name>";
		at = stop + 1;
	}
	*out = (struct wp_apikey){ .scopes = 0 };
	if (!wp_apikey_id_is_valid(fields[ID].data, fields[ID].len))
		return "the id must be 10 lower-case letters and digits";
	if (!read_digest(fields[DIGEST].data, fields[DIGEST].len, out->digest))
		return "the SHA-256 must be 64 hexadecimal digits";
	if (!wp_scopes_read(fields[SCOPES].data, fields[SCOPES].len,
			    &out->scopes))
		return "the scopes must be some of " WP_SCOPES_ALL
		       ", each once, with commas between them";
	if (!read_expiry(fields[DAY].data, fields[DAY].len, &out->expires_s))
		return "the last day must be like 2027-01-31, or -";
	if (!wp_apikey_name_is_valid(fields[NAME].data, fields[NAME].len))
		return "the name must be 1 to 64 of a-z, 0-9, '.', '_', '-', "
		       "and begin with a letter or digit";
	memcpy(out->id, fields[ID].data, fields[ID].len);
	memcpy(out->name, fields[NAME].data, fields[NAME].len);
	return NULL;
}

static size_t line_number(const struct wp_buf *text, size_t at)
{
	size_t n = 1;

	for (size_t i = 0; i < at; i++)
		n += text->data[i] == '\n';
	return n;
}

enum wp_err wp_apikey_next(const struct wp_buf *text, size_t *pos,
			   size_t *start_out, struct wp_apikey *out,
			   struct wp_error *err)
{
	while (*pos < text->len) {
		const char *line = text->data + *pos;
		const char *end = memchr(line, '\n', text->len - *pos);
		size_t start = *pos;
		const char *why;

		if (end == NULL)
			return wp_error_set(
				err, WP_ERR_INVAL,
				"line %zu: has no end, so it may be a part "
				"only",
				line_number(text, start));
		*pos = (size_t)(end + 1 - text->data);
		if (line == end || line[0] == '#')
			continue;
		why = read_line(out, line, (size_t)(end - line));
		if (why != NULL)
			return wp_error_set(err, WP_ERR_INVAL, "line %zu: %s",
					    line_number(text, start), why);
		if (start_out != NULL)
			*start_out = start;
		return WP_OK;
	}
	return WP_ERR_NOTFOUND;
}

void wp_apikey_write(struct wp_buf *out, const struct wp_apikey *key)
{
	char digest[DIGEST_DIGITS + 1];
	char day[WP_APIKEY_DAY_LEN + 1];

	wp_hex_write(digest, key->digest, sizeof(key->digest));
	wp_apikey_day_write(day, key->expires_s);
	wp_buf_printf(out, "%s:%s:", key->id, digest);
	wp_scopes_add(out, key->scopes);
	wp_buf_printf(out, ":%s:%s\n", day, key->name);
}

/* ---- all of them ---- */

static int compare(const void *a_, const void *b_)
{
	const struct wp_apikey *a = a_;
	const struct wp_apikey *b = b_;

	return memcmp(a->id, b->id, sizeof(a->id));
}

/* How many keys can there be? No more than lines. */
static size_t most(const struct wp_buf *text)
{
	size_t n = text->len == 0 ? 0 : line_number(text, text->len);

	return n < WP_APIKEYS_MAX ? n : WP_APIKEYS_MAX;
}

static enum wp_err read_all(struct wp_apikeys *keys, size_t room,
			    const struct wp_buf *text, struct wp_error *err)
{
	struct wp_apikey key;
	enum wp_err rc;
	size_t pos = 0;

	while ((rc = wp_apikey_next(text, &pos, NULL, &key, err)) == WP_OK) {
		if (keys->n == room)
			return wp_error_set(err, WP_ERR_INVAL,
					    "has more than %d keys",
					    WP_APIKEYS_MAX);
		keys->list[keys->n++] = key;
	}
	if (rc != WP_ERR_NOTFOUND)
		return rc;
	qsort(keys->list, keys->n, sizeof(keys->list[0]), compare);
	for (size_t i = 1; i < keys->n; i++)
		if (compare(&keys->list[i - 1], &keys->list[i]) == 0)
			return wp_error_set(err, WP_ERR_INVAL,
					    "has two keys with the id %s",
					    keys->list[i].id);
	return WP_OK;
}

enum wp_err wp_apikeys_new(struct wp_apikeys **out, const struct wp_buf *text,
			   struct wp_error *err)
{
	size_t room = most(text);
	struct wp_apikeys *keys =
		calloc(1, sizeof(*keys) + room * sizeof(keys->list[0]));
	enum wp_err rc;

	if (keys == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	rc = read_all(keys, room, text, err);
	if (rc == WP_OK) {
		*out = keys;
		keys = NULL;
	}
	wp_apikeys_free(&keys);
	return rc;
}

void wp_apikeys_free(struct wp_apikeys **keys)
{
	free(*keys);
	*keys = NULL;
}

size_t wp_apikeys_count(const struct wp_apikeys *keys)
{
	return keys->n;
}

/* ---- who shows one ---- */

bool wp_apikey_is_meant(const struct wp_token *token)
{
	return token->text != NULL && token->len >= PREFIX_LEN &&
	       memcmp(token->text, PREFIX, PREFIX_LEN) == 0;
}

static bool is_whole(const struct wp_token *token)
{
	return wp_apikey_is_meant(token) && token->len == WP_APIKEY_LEN &&
	       token->text[PREFIX_LEN + WP_APIKEY_ID_LEN] == '_';
}

static const struct wp_apikey *find(const struct wp_apikeys *keys,
				    const char *id)
{
	struct wp_apikey wanted = { .scopes = 0 };

	memcpy(wanted.id, id, WP_APIKEY_ID_LEN);
	return bsearch(&wanted, keys->list, keys->n, sizeof(keys->list[0]),
		       compare);
}

static bool is_good(const struct wp_apikey *key, const char *secret,
		    int64_t now_s)
{
	static const uint8_t nobodys[WP_SHA256_LEN];
	uint8_t digest[WP_SHA256_LEN];
	bool is_right;

	wp_sha256(secret, WP_APIKEY_SECRET_LEN, digest);
	is_right = wp_equal_ct(digest, key == NULL ? nobodys : key->digest,
			       sizeof(digest));
	return key != NULL && is_right && now_s < key->expires_s;
}

static void identify(struct wp_identity *out, const struct wp_apikey *key)
{
	char urn[sizeof(URN_PREFIX) + WP_APIKEY_NAME_MAX] = URN_PREFIX;
	size_t len = sizeof(URN_PREFIX) - 1 + strlen(key->name);
	enum wp_err rc;

	memcpy(urn + sizeof(URN_PREFIX) - 1, key->name, strlen(key->name) + 1);
	*out = (struct wp_identity){
		.expires_s = key->expires_s,
		.kind = WP_KIND_KEY,
		.scopes = key->scopes,
	};
	rc = wp_urn_parse(&out->user, urn, len, NULL);
	assert(rc == WP_OK);
	(void)rc;
}

enum wp_err wp_apikeys_verify(const struct wp_apikeys *keys,
			      const struct wp_token *token, int64_t now_s,
			      struct wp_identity *out, struct wp_error *err)
{
	const struct wp_apikey *key = NULL;
	bool is_let_in = false;

	if (is_whole(token)) {
		const char *id = token->text + PREFIX_LEN;

		key = find(keys, id);
		is_let_in = is_good(key, id + WP_APIKEY_ID_LEN + 1, now_s);
	}
	if (!is_let_in)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the key is unknown, or has expired");
	identify(out, key);
	return WP_OK;
}

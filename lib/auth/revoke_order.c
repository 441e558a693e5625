/*
 * revoke_order.c - from names to the key of a revocation.
 */
#include "lib/auth/revoke_order.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/name/urn.h"

enum { USER, ISSUER, SUBJECT, SESSION, MEMBERS };

static const char *const members[MEMBERS] = {
	[USER] = "user",
	[ISSUER] = "issuer",
	[SUBJECT] = "subject",
	[SESSION] = "session",
};

/* A member, and its text when it is there. */
struct text {
	bool is_there;
	struct wp_json_slice raw;
};

static enum wp_err invalid(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s", sentence);
}

/* Which member is called so? MEMBERS: none. */
static size_t index_of(const struct wp_json_slice *key)
{
	size_t i = 0;

	while (i < MEMBERS && !wp_json_slice_is(key, members[i]))
		i++;
	return i;
}

static enum wp_err find(struct text texts[MEMBERS], const char *json,
			size_t len, struct wp_error *err)
{
	struct wp_json_slice key;
	struct wp_json js;

	wp_json_init(&js, json, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		size_t i = index_of(&key);

		if (i == MEMBERS)
			wp_json_fail(&js, "there may be user, issuer, subject "
					  "and session only");
		else if (texts[i].is_there)
			wp_json_fail(&js, "a member is given twice");
		else
			texts[i].is_there = wp_json_string(&js, &texts[i].raw);
	}
	wp_json_end(&js);
	return js.err == NULL ? WP_OK : invalid(err, js.err);
}

/* Decode into a text of at most max bytes, without NUL; out: max + 2 bytes. */
static bool decode(const struct text *text, char *out, size_t max,
		   size_t *len_out)
{
	/* Borrowed memory and a ceiling below it: see the head of buf.c. */
	struct wp_buf buf = { .data = out, .cap = max + 2, .max_bytes = max };

	wp_json_decode(&text->raw, &buf);
	*len_out = buf.len;
	if (buf.failed)
		return false;
	out[buf.len] = '\0';
	return memchr(out, '\0', buf.len) == NULL;
}

static enum wp_err read_user(struct wp_revoked_key *out,
			     struct wp_revoke_names *names,
			     const struct text *text, struct wp_error *err)
{
	char memory[WP_URN_MAX + 2];
	struct wp_error why;
	struct wp_urn user;
	size_t len;

	if (!decode(text, memory, WP_URN_MAX, &len))
		return invalid(err, "user: a URN has at most 255 bytes");
	if (wp_urn_parse(&user, memory, len, &why) != WP_OK)
		return wp_error_set(err, WP_ERR_INVAL, "user: %s", why.msg);
	wp_revoked_key_user(out, &user);
	names->user = user;
	return WP_OK;
}

static enum wp_err read_of_issuer(struct wp_revoked_key *out,
				  struct wp_revoke_names *names,
				  const struct text texts[MEMBERS],
				  struct wp_error *err)
{
	bool is_session = texts[SESSION].is_there;
	const struct text *text = &texts[is_session ? SESSION : SUBJECT];
	char issuer[WP_REVOKE_ISSUER_MAX + 2];
	char name[WP_REVOKE_NAME_MAX + 2];
	uint8_t hash[WP_NAME_HASH_LEN];
	size_t issuer_len, len;

	if (!decode(&texts[ISSUER], issuer, WP_REVOKE_ISSUER_MAX, &issuer_len))
		return invalid(err, "issuer has more than 1024 bytes, or a "
				    "NUL");
	if (!decode(text, name, WP_REVOKE_NAME_MAX, &len) || len == 0)
		return invalid(err, "subject and session have 1 to 255 bytes, "
				    "and no NUL");
	if (wp_name_hash(issuer, name, len, hash) != WP_OK)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	memcpy(names->issuer, issuer, issuer_len + 1);
	if (is_session) {
		memcpy(names->session, name, len + 1);
		wp_revoked_key_session(out, hash);
	} else {
		memcpy(names->subject, name, len + 1);
		wp_revoked_key_subject(out, hash);
	}
	return WP_OK;
}

enum wp_err wp_revoke_order_read(struct wp_revoked_key *out,
				 struct wp_revoke_names *names,
				 const char *json, size_t len,
				 struct wp_error *err)
{
	struct wp_revoke_names unused;
	struct text texts[MEMBERS] = { { 0 } };
	enum wp_err rc = find(texts, json, len, err);
	bool is_of_issuer = texts[ISSUER].is_there &&
			    texts[SUBJECT].is_there != texts[SESSION].is_there;
	bool is_any = texts[ISSUER].is_there || texts[SUBJECT].is_there ||
		      texts[SESSION].is_there;

	if (rc != WP_OK)
		return rc;
	if (names == NULL)
		names = &unused;
	*names = (struct wp_revoke_names){ 0 };
	if (texts[USER].is_there && !is_any)
		return read_user(out, names, &texts[USER], err);
	if (!texts[USER].is_there && is_of_issuer)
		return read_of_issuer(out, names, texts, err);
	return invalid(err, "say user, or issuer and one of subject and "
			    "session");
}

/*
 * own.c - see own.h. Private keys are in memory only while a file of one is
 * made or read.
 */
#include "keys/own.h"

#include <stdio.h>
#include <string.h>

#include "lib/auth/key_file.h"
#include "lib/base/clock.h"

enum {
	SECRET_MODE = 0600,
	PUBLIC_MODE = 0640,
	PEM_MAX = 16384,
	DAY_S = 86400,
	ODD_MS = 3600 * 1000,
};

void wp_own_init(struct wp_own *own, const struct wp_conf *conf,
		 const struct wp_folder *folder)
{
	*own = (struct wp_own){ .conf = conf, .folder = folder };
	wp_buf_init(&own->keys, WP_JWKS_BYTES_MAX);
}

void wp_own_release(struct wp_own *own)
{
	wp_buf_release(&own->keys);
}

/* ---- what is there ---- */

static void tell_odd(struct wp_own *own, const char *name, const char *why)
{
	uint32_t suppressed = 0;

	if (!wp_log_allow(&own->odd, wp_mono_ms(), ODD_MS, &suppressed))
		return;
	wp_log(NULL, WP_LOG_ERROR, "a signing key is not used",
	       wp_str("file", name), wp_str("error", why),
	       wp_int("others", suppressed));
}

/* Read a key's file and append its public half to jwks. */
static enum wp_err open_key(const struct wp_own *own,
			    const struct wp_signing_key *key,
			    struct wp_buf *jwks, enum wp_sign_alg *alg_out,
			    struct wp_error *err)
{
	char name[WP_SIGNING_NAME_MAX];
	const struct wp_folder_read what = {
		.name = name,
		.max_bytes = PEM_MAX,
		.is_secret = true,
	};
	struct wp_signing_public about;
	struct wp_buf pem;
	enum wp_err rc;

	wp_signing_name(key, name);
	/* It never moves while it is read, so no copy of it stays behind. */
	wp_buf_init(&pem, 0);
	if (wp_buf_reserve(&pem, PEM_MAX + BUFSIZ) == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_folder_read(own->folder, &what, &pem, err);
	if (rc == WP_OK)
		rc = wp_signing_open(pem.data, pem.len, &about, jwks, err);
	if (rc == WP_OK && strcmp(about.kid, key->kid) != 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "its kid is %s, not that of its name",
				  about.kid);
	if (rc == WP_OK)
		*alg_out = about.alg;
	wp_signing_forget(&pem);
	return rc;
}

/* Take what is fit of the names: their public halves are the key set. */
static enum wp_err open_keys(struct wp_own *own, struct wp_error *err)
{
	own->ring.n = 0;
	wp_buf_clear(&own->keys);
	wp_buf_add_char(&own->keys, '[');
	for (size_t i = 0; i < own->names.n; i++) {
		const struct wp_signing_key *key = &own->names.keys[i];
		size_t len = own->keys.len;
		struct wp_error why = { 0 };
		char name[WP_SIGNING_NAME_MAX];

		if (own->ring.n > 0)
			wp_buf_add_char(&own->keys, ',');
		if (open_key(own, key, &own->keys, &own->algs[own->ring.n],
			     &why) == WP_OK) {
			(void)wp_signing_add(&own->ring, key);
			continue;
		}
		own->keys.len = len;
		wp_signing_name(key, name);
		tell_odd(own, name, why.msg);
	}
	wp_buf_add_char(&own->keys, ']');
	if (own->keys.failed)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

static bool is_same(const struct wp_signing_ring *a,
		    const struct wp_signing_ring *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->keys[i].created_s != b->keys[i].created_s ||
		    strcmp(a->keys[i].kid, b->keys[i].kid) != 0)
			return false;
	return true;
}

/* ---- what changes ---- */

/* Delete what nobody needs. Returns: something was */
static bool retire(struct wp_own *own, int64_t now_s)
{
	bool has_retired = false;

	for (size_t i = 0; i < own->ring.n; i++) {
		char name[WP_SIGNING_NAME_MAX];
		struct wp_error err = { 0 };

		if (wp_signing_ends_s(&own->ring, i) > now_s)
			continue;
		wp_signing_name(&own->ring.keys[i], name);
		if (wp_folder_remove(own->folder, name, &err) != WP_OK) {
			tell_odd(own, name, err.msg);
			continue;
		}
		wp_log(NULL, WP_LOG_INFO, "signing key deleted",
		       wp_str("kid", own->ring.keys[i].kid));
		has_retired = true;
	}
	return has_retired;
}

/*
 * The newest whose time is about now or before; ring->n: there is none. What
 * is of a time far off was made while the clock was ahead: it takes its turn
 * then, and keeps nobody from making keys until then.
 */
static size_t newest_by(const struct wp_signing_ring *ring, int64_t now_s)
{
	size_t i = ring->n;

	while (i > 0 && wp_signing_is_ahead(&ring->keys[i - 1], now_s))
		i--;
	return i > 0 ? i - 1 : ring->n;
}

static bool is_due(const struct wp_own *own, int64_t now_s, bool wants_new)
{
	const struct wp_signing_ring *ring = &own->ring;
	int64_t days = own->conf->accounts.key_rotation_days;
	size_t newest = newest_by(ring, now_s);
	int64_t age_s;

	if (newest == ring->n)
		return true;
	/* One that waits for its time is a new one already. */
	age_s = now_s - ring->keys[newest].created_s;
	if (age_s < WP_SIGNING_LEAD_S &&
	    wp_signing_current(ring, now_s) != newest) {
		if (wants_new)
			wp_log(NULL, WP_LOG_WARN,
			       "no signing key is made: one waits already",
			       wp_str("kid", ring->keys[newest].kid));
		return false;
	}
	if (wants_new ||
	    own->algs[newest] != own->conf->accounts.signing_algorithm)
		return true;
	return days > 0 && age_s >= days * DAY_S;
}

/* now_s, or the next second that no key has: the newest is the newest. */
static int64_t free_second(const struct wp_own *own, int64_t now_s)
{
	for (size_t i = 0; i < own->names.n; i++)
		if (own->names.keys[i].created_s == now_s)
			now_s++; /* those behind it are not older */
	return now_s;
}

static enum wp_err make_key(struct wp_own *own, int64_t now_s,
			    struct wp_error *err)
{
	struct wp_signing_key key = { .created_s = free_second(own, now_s) };
	struct wp_signing_public about;
	char name[WP_SIGNING_NAME_MAX];
	struct wp_buf pem;
	enum wp_err rc;

	wp_buf_init(&pem, PEM_MAX);
	rc = wp_signing_make(own->conf->accounts.signing_algorithm, &pem,
			     &about, err);
	if (rc == WP_OK) {
		memcpy(key.kid, about.kid, sizeof(key.kid));
		wp_signing_name(&key, name);
		rc = wp_folder_write(
			own->folder,
			&(struct wp_folder_write){ .name = name,
						   .mode = SECRET_MODE,
						   .data = pem.data,
						   .len = pem.len },
			err);
	}
	wp_signing_forget(&pem);
	if (rc != WP_OK)
		return rc;
	own->n_made++;
	wp_log(NULL, WP_LOG_INFO, "signing key made", wp_str("kid", key.kid),
	       wp_str("algorithm", wp_signing_alg_name(about.alg)));
	return WP_OK;
}

/* See what is there now, as far as names tell of a difference. */
static enum wp_err look(struct wp_own *own, struct wp_error *err)
{
	struct wp_signing_ring names;
	enum wp_err rc = wp_signing_read(&names, own->folder->fd, err);

	if (rc != WP_OK)
		return rc;
	/* What was unfit may have been mended under the same name. */
	if (own->keys.len > 0 && is_same(&names, &own->names) &&
	    own->ring.n == names.n)
		return WP_OK;
	own->names = names;
	return open_keys(own, err);
}

enum wp_err wp_own_look(struct wp_own *own, int64_t now_s, bool wants_new,
			bool *changed_out, struct wp_error *err)
{
	uint8_t digest[WP_SHA256_LEN];
	enum wp_err rc = look(own, err);

	*changed_out = false;
	if (rc == WP_OK && retire(own, now_s))
		rc = look(own, err);
	if (rc == WP_OK && is_due(own, now_s, wants_new)) {
		rc = make_key(own, now_s, err);
		if (rc == WP_OK)
			rc = look(own, err);
	}
	if (rc != WP_OK)
		return rc;
	wp_sha256(own->keys.data, own->keys.len, digest);
	*changed_out = memcmp(digest, own->published, sizeof(digest)) != 0;
	return WP_OK;
}

enum wp_err wp_own_publish(struct wp_own *own, int64_t wall_ms,
			   struct wp_error *err)
{
	const char *issuer = own->conf->accounts.issuer;
	char name[WP_KEY_FILE_NAME_MAX + 1];
	struct wp_buf text;
	enum wp_err rc;

	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "{\"issuer\":");
	wp_buf_add_json(&text, issuer, strlen(issuer));
	wp_buf_add_str(&text, ",\"jwks_uri\":\"\",\"etag\":\"\","
			      "\"fetched_ms\":");
	wp_buf_add_int(&text, wall_ms);
	wp_buf_add_str(&text, ",\"keys\":");
	wp_buf_add(&text, own->keys.data, own->keys.len);
	wp_buf_add_str(&text, "}\n");
	wp_key_file_name(issuer, name);
	rc = text.failed ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
			 : wp_folder_write(own->folder,
					   &(struct wp_folder_write){
						   .name = name,
						   .mode = PUBLIC_MODE,
						   .data = text.data,
						   .len = text.len },
					   err);
	wp_buf_release(&text);
	if (rc == WP_OK)
		wp_sha256(own->keys.data, own->keys.len, own->published);
	return rc;
}

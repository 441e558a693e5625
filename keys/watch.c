/*
 * watch.c - discovery, the key set, and back to sleep.
 *
 * Whatever goes wrong, what was had before stays; only an answer with a key of
 * use in it takes its place. A failure of any kind also makes us ask again
 * where the keys are.
 */
#include "keys/watch.h"

#include <assert.h>
#include <string.h>

enum { HTTP_OK = 200, HTTP_NOT_MODIFIED = 304, HTTP_NOT_FOUND = 404 };

enum wp_err wp_watch_init(struct wp_watch *w, const struct wp_issuer *issuer,
			  bool is_local, struct wp_error *err)
{
	*w = (struct wp_watch){
		.issuer = issuer,
		.is_local = is_local,
		.max_age_s = -1,
	};
	wp_buf_init(&w->keys, WP_JWKS_BYTES_MAX);
	wp_issuer_id(issuer->text, w->id);
	if (issuer->jwks_url != NULL && strlen(issuer->jwks_url) > WP_URL_MAX)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.issuers: jwks= is too long");
	return wp_discover_init(&w->where, issuer->text, err);
}

void wp_watch_release(struct wp_watch *w)
{
	wp_buf_release(&w->keys);
}

/* ---- what there is ---- */

/* Make the usable keys, as they were given, what we have. */
static bool keep(struct wp_watch *w, const struct wp_jwks *jwks)
{
	struct wp_buf keys;

	wp_buf_init(&keys, WP_JWKS_BYTES_MAX);
	wp_buf_add_char(&keys, '[');
	for (size_t i = 0; i < jwks->n; i++) {
		if (i > 0)
			wp_buf_add_char(&keys, ',');
		wp_buf_add(&keys, jwks->keys[i].raw.data,
			   jwks->keys[i].raw.len);
	}
	wp_buf_add_char(&keys, ']');
	if (keys.failed) {
		wp_buf_release(&keys);
		return false;
	}
	w->is_new = keys.len != w->keys.len ||
		    memcmp(keys.data, w->keys.data, keys.len) != 0;
	wp_buf_release(&w->keys);
	w->keys = keys;
	w->n_keys = jwks->n;
	w->n_private = jwks->n_private;
	return true;
}

void wp_watch_know(struct wp_watch *w, const struct wp_key_file *file,
		   int64_t wall_ms, uint64_t now_ms)
{
	const char *url = w->issuer->jwks_url;

	if (strcmp(file->issuer, w->issuer->text) != 0 || file->jwks->n == 0 ||
	    strlen(file->jwks_uri) > WP_URL_MAX ||
	    strlen(file->etag) > WP_DOCUMENT_ETAG_MAX ||
	    (url != NULL && strcmp(url, file->jwks_uri) != 0) ||
	    !keep(w, file->jwks))
		return;
	memcpy(w->keys_url, file->jwks_uri, strlen(file->jwks_uri) + 1);
	memcpy(w->etag, file->etag, strlen(file->etag) + 1);
	if (wall_ms >= file->fetched_ms)
		wp_schedule_know(&w->schedule,
				 (wall_ms - file->fetched_ms) / 1000, now_ms);
}

void wp_watch_text(const struct wp_watch *w, int64_t wall_ms,
		   struct wp_buf *out)
{
	wp_buf_add_str(out, "{\"issuer\":");
	wp_buf_add_json(out, w->issuer->text, strlen(w->issuer->text));
	wp_buf_add_str(out, ",\"jwks_uri\":");
	wp_buf_add_json(out, w->keys_url, strlen(w->keys_url));
	wp_buf_add_str(out, ",\"etag\":");
	wp_buf_add_json(out, w->etag, strlen(w->etag));
	wp_buf_add_str(out, ",\"fetched_ms\":");
	wp_buf_add_int(out, wall_ms);
	wp_buf_add_str(out, ",\"keys\":");
	wp_buf_add(out, w->keys.data, w->keys.len);
	wp_buf_add_str(out, "}\n");
}

/* ---- what to ask ---- */

/* What the operator names may lead anywhere; plain text stays on the host. */
static unsigned int reach_of(const struct wp_watch *w, const char *url)
{
	if (wp_url_is_plain(url) && !w->is_local)
		return WP_REACH_LOOPBACK;
	return WP_REACH_ANYWHERE;
}

void wp_watch_begin(struct wp_watch *w, uint64_t now_ms)
{
	const char *url = w->issuer->jwks_url;

	wp_schedule_begin(&w->schedule, now_ms);
	w->is_new = false;
	if (url != NULL) {
		w->step = WP_ASK_KEYS;
		memcpy(w->jwks_url, url, strlen(url) + 1);
		w->reach = reach_of(w, url);
		return;
	}
	if (w->jwks_url[0] != '\0' &&
	    now_ms - w->discovered_ms < WP_WATCH_DISCOVERY_MS) {
		w->step = WP_ASK_KEYS;
		return;
	}
	w->step = WP_ASK_OPENID;
}

/* A tag is of one URL, and of what we still have. */
static bool has_tag(const struct wp_watch *w)
{
	return w->etag[0] != '\0' && w->keys.len > 0 &&
	       strcmp(w->jwks_url, w->keys_url) == 0;
}

void wp_watch_ask(const struct wp_watch *w, struct wp_document_ask *out)
{
	*out = (struct wp_document_ask){ .etag = NULL };
	switch (w->step) {
	case WP_ASK_OPENID:
		out->url = w->where.openid;
		out->reach = reach_of(w, w->issuer->text);
		break;
	case WP_ASK_OAUTH:
		out->url = w->where.oauth;
		out->reach = reach_of(w, w->issuer->text);
		break;
	case WP_ASK_KEYS:
		out->url = w->jwks_url;
		out->reach = w->reach;
		out->etag = has_tag(w) ? w->etag : NULL;
		break;
	}
}

/* ---- what answers mean ---- */

static enum wp_watch_result result_of_end(enum wp_transfer_end end)
{
	switch (end) {
	case WP_TRANSFER_UNREACHABLE:
		return WP_WATCH_UNREACHABLE;
	case WP_TRANSFER_UNTRUSTED:
		return WP_WATCH_UNTRUSTED;
	case WP_TRANSFER_FORBIDDEN:
		return WP_WATCH_FORBIDDEN;
	case WP_TRANSFER_ANSWERED:
	case WP_TRANSFER_TOO_LONG:
		break;
	}
	return WP_WATCH_MALFORMED;
}

static const char *name_of_step(const struct wp_watch *w)
{
	return w->step == WP_ASK_KEYS ? "the key set"
				      : "the discovery document";
}

static enum wp_watch_result refuse_status(const struct wp_watch *w, long status,
					  struct wp_error *err)
{
	wp_error_set(err, WP_ERR_UNAVAIL, "%s was answered with status %ld",
		     name_of_step(w), status);
	return WP_WATCH_STATUS;
}

/* Returns: true when the key set is what to ask for now */
static bool take_discovery(struct wp_watch *w,
			   const struct wp_document *document, uint64_t now_ms,
			   enum wp_watch_result *result_out,
			   struct wp_error *err)
{
	if (document->status == HTTP_NOT_FOUND && w->step == WP_ASK_OPENID) {
		w->step = WP_ASK_OAUTH;
		return true;
	}
	if (document->status != HTTP_OK) {
		*result_out = refuse_status(w, document->status, err);
		return false;
	}
	if (wp_discover_read(document->body, document->len, w->issuer->text,
			     w->jwks_url, err) != WP_OK) {
		w->jwks_url[0] = '\0';
		*result_out = WP_WATCH_MALFORMED;
		return false;
	}
	w->discovered_ms = now_ms;
	/* Who is out there does not send us inwards. */
	w->reach = reach_of(w, w->jwks_url) &
		   (WP_REACH_PUBLIC | (unsigned int)document->reached);
	w->step = WP_ASK_KEYS;
	return true;
}

static enum wp_watch_result take_keys(struct wp_watch *w,
				      const struct wp_document *document,
				      struct wp_error *err)
{
	struct wp_jwks *jwks = NULL;
	enum wp_watch_result result = WP_WATCH_MALFORMED;

	if (document->status == HTTP_NOT_MODIFIED && has_tag(w)) {
		w->max_age_s = document->max_age_s;
		return WP_WATCH_UNCHANGED;
	}
	if (document->status != HTTP_OK)
		return refuse_status(w, document->status, err);
	if (wp_jwks_read(&jwks, document->body, document->len, err) != WP_OK)
		goto out;
	if (jwks->n == 0) {
		wp_error_set(err, WP_ERR_PROTO,
			     "none of the %zu keys is of use",
			     jwks->n_ignored + jwks->n_private);
		result = WP_WATCH_NO_KEY;
		goto out;
	}
	if (!keep(w, jwks)) {
		wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		goto out;
	}
	memcpy(w->keys_url, w->jwks_url, sizeof(w->keys_url));
	memcpy(w->etag, document->etag, sizeof(w->etag));
	w->max_age_s = document->max_age_s;
	result = WP_WATCH_FETCHED;
out:
	wp_jwks_free(&jwks);
	return result;
}

bool wp_watch_take(struct wp_watch *w, const struct wp_document *document,
		   uint64_t now_ms, enum wp_watch_result *result_out,
		   struct wp_error *err)
{
	assert(w->schedule.is_running);
	if (document->end != WP_TRANSFER_ANSWERED) {
		wp_error_set(err, WP_ERR_UNAVAIL, "%s: %.180s", name_of_step(w),
			     document->why);
		*result_out = result_of_end(document->end);
		return false;
	}
	if (w->step != WP_ASK_KEYS)
		return take_discovery(w, document, now_ms, result_out, err);
	*result_out = take_keys(w, document, err);
	return false;
}

bool wp_watch_is_good(enum wp_watch_result result)
{
	return result == WP_WATCH_FETCHED || result == WP_WATCH_UNCHANGED;
}

void wp_watch_end(struct wp_watch *w, enum wp_watch_result result,
		  uint64_t now_ms)
{
	w->is_failing = !wp_watch_is_good(result);
	if (!w->is_failing) {
		wp_schedule_succeed(&w->schedule, w->max_age_s, now_ms);
		return;
	}
	w->jwks_url[0] = '\0';
	wp_schedule_fail(&w->schedule, now_ms);
}

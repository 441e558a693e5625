/*
 * push.c - see push.h.
 */
#include "handlers/request/push.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auth/signing_key.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/json.h"

enum { NUMBER_LEN = 32, NUMBER_TEXT_LEN = 43, UNCOMPRESSED = 4 };

static enum wp_err no_key(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL,
			    "push.vapid_key_file: must be a private key, EC "
			    "on P-256, as PEM");
}

/* x and y of a JWK (RFC 7518 section 6.2.1). */
static bool read_point(const struct wp_buf *jwk,
		       uint8_t point[WP_PUSH_POINT_LEN])
{
	struct wp_json_slice name, text;
	struct wp_json js;
	int n_found = 0;

	point[0] = UNCOMPRESSED;
	wp_json_init(&js, jwk->data, jwk->len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &name)) {
		uint8_t bytes[NUMBER_TEXT_LEN]; /* decoding never grows */
		bool is_x = wp_json_slice_is(&name, "x");
		size_t len = 0;

		if (!is_x && !wp_json_slice_is(&name, "y")) {
			wp_json_skip(&js, NULL);
			continue;
		}
		if (!wp_json_string(&js, &text) ||
		    text.len != NUMBER_TEXT_LEN ||
		    !wp_base64url_decode(text.data, text.len, bytes, &len) ||
		    len != NUMBER_LEN)
			return false;
		memcpy(point + (is_x ? 1 : 1 + NUMBER_LEN), bytes, len);
		n_found++;
	}
	return wp_json_end(&js) && n_found == 2;
}

static enum wp_err open_web_key(struct wp_push *push, const char *pem,
				struct wp_error *err)
{
	struct wp_signing_public public;
	uint8_t point[WP_PUSH_POINT_LEN];
	uint8_t digest[WP_SHA256_LEN];
	struct wp_buf jwk;
	enum wp_err rc;

	if (pem == NULL || pem[0] == '\0')
		return WP_OK;
	wp_buf_init(&jwk, 0);
	rc = wp_signing_open(pem, strlen(pem), &public, &jwk, err);
	if (rc == WP_ERR_INVAL ||
	    (rc == WP_OK &&
	     (public.alg != WP_SIGN_ES256 || !read_point(&jwk, point))))
		rc = no_key(err);
	if (rc == WP_OK) {
		push->web_key[wp_base64url_encode(point, sizeof(point),
						  push->web_key)] = '\0';
		wp_sha256(point, sizeof(point), digest);
		memcpy(push->web_key_mark, digest, sizeof(push->web_key_mark));
	}
	wp_buf_release(&jwk);
	return rc;
}

enum wp_err wp_push_init(struct wp_push *push, const struct wp_conf *conf,
			 struct wp_error *err)
{
	const struct wp_conf_list *ports = &conf->push.web_ports;
	enum wp_err rc;

	*push = (struct wp_push){ .apps = NULL };
	push->any.is_any_host = true;
	push->any.ports = push->ports;
	while (push->any.n_ports < ports->n &&
	       push->any.n_ports < WP_PUSH_PORTS_MAX) {
		const char *text = ports->items[push->any.n_ports];

		push->ports[push->any.n_ports++] =
			(uint16_t)strtol(text, NULL, 10);
	}
	push->web = push->any;
	push->web.is_any_host = false;
	push->web.hosts = conf->push.web_hosts.items;
	push->web.n_hosts = conf->push.web_hosts.n;
	wp_push_keys_make(&push->keys, conf->auth.store_secret);
	rc = open_web_key(push, conf->push.vapid_key, err);
	return rc == WP_OK ? wp_push_apps_new(&push->apps, conf, err) : rc;
}

struct wp_push_end wp_push_end_of(const struct wp_revoked_key *key,
				  int64_t until_s)
{
	struct wp_push_end end = { .until_s = until_s };

	_Static_assert(sizeof(end.owner.bytes) == sizeof(key->bytes),
		       "named alike");
	memcpy(end.owner.bytes, key->bytes, sizeof(end.owner.bytes));
	return end;
}

void wp_push_release(struct wp_push *push)
{
	wp_push_apps_free(&push->apps);
	wp_push_keys_forget(&push->keys);
}

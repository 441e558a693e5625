/*
 * push.c - see push.h.
 */
#include "handlers/request/push.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auth/vapid.h"

_Static_assert((int)WP_VAPID_PRINT_LEN == (int)WP_PUSH_VAPID_LEN,
	       "what a row keeps");

/* What a browser and a row are told of the key; the key itself is not kept. */
static enum wp_err open_web_key(struct wp_push *push, const char *pem,
				struct wp_error *err)
{
	struct wp_vapid vapid;
	struct wp_error why;
	enum wp_err rc;

	if (pem == NULL || pem[0] == '\0')
		return WP_OK;
	rc = wp_vapid_open(&vapid, pem, strlen(pem), &why);
	if (rc == WP_OK) {
		memcpy(push->web_key, vapid.public, sizeof(push->web_key));
		memcpy(push->web_key_mark, vapid.print,
		       sizeof(push->web_key_mark));
	} else {
		(void)wp_error_set(err, rc, "push.vapid_key_file: %.200s",
				   why.msg);
	}
	wp_vapid_release(&vapid);
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
				  int64_t at_s)
{
	struct wp_push_end end = { .until_s = wp_revoked_key_until(key, at_s) };

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

/*
 * new_device.c - see new_device.h.
 */
#include "handlers/devices/new_device.h"

#include <stdio.h>
#include <string.h>

#include "lib/auth/ece.h"
#include "lib/auth/revoked.h"
#include "lib/base/buf.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "lib/push/address.h"
#include "lib/push/endpoint.h"
#include "lib/push/kind.h"
#include "lib/sys/push_apps.h"

enum { APNS_TOKEN_MIN = 64, APNS_TOKEN_MAX = 200 };

_Static_assert((int)WP_PUSH_TOK_LEN == (int)WP_PUSH_NAME_LEN, "its name");
_Static_assert((int)WP_PUSH_PRINT_LEN == (int)WP_PUSH_MARK_LEN, "its print");
_Static_assert((int)WP_PUSH_OWNER_LEN == (int)WP_REVOKED_KEY_BYTES,
	       "named as what was revoked");

/* ---- faults ---- */

static bool refuse(struct wp_device_fault *fault, unsigned int status,
		   const char *code, const char *sentence)
{
	fault->status = status;
	fault->code = code;
	(void)snprintf(fault->sentence, sizeof(fault->sentence), "%s",
		       sentence);
	return false;
}

static bool bad(struct wp_device_fault *fault, const char *sentence)
{
	return refuse(fault, 400, "invalid_device", sentence);
}

static bool disabled(struct wp_device_fault *fault)
{
	return refuse(fault, 403, "kind_disabled",
		      "devices of this kind cannot be registered here");
}

/* ---- which kind ---- */

static bool has_app(const struct wp_push *push, enum wp_push_kind kind)
{
	for (size_t i = 0; i < push->apps->n; i++)
		if (push->apps->items[i].kind == kind)
			return true;
	return false;
}

/* What who says no kind means: a subscription, or what a platform has. */
static bool guess(const struct wp_push_device *says, const struct wp_push *push,
		  const char **kind, struct wp_device_fault *fault)
{
	if (says->endpoint != NULL)
		*kind = wp_push_kind_name(WP_PUSH_WEB);
	else if (says->platform == NULL)
		return bad(fault, "kind is missing, and there is no platform "
				  "that tells it");
	else if (strcmp(says->platform, "web") == 0)
		*kind = WP_PUSH_PAGE;
	else if (strcmp(says->platform, "ios") == 0 &&
		 has_app(push, WP_PUSH_APNS))
		*kind = wp_push_kind_name(WP_PUSH_APNS);
	else
		*kind = wp_push_kind_name(WP_PUSH_FCM);
	return true;
}

static bool is_offered(enum wp_push_kind kind,
		       const struct wp_new_device_setup *setup)
{
	const bool has_web_key = setup->push->web_key[0] != '\0';

	switch (kind) {
	case WP_PUSH_FCM:
	case WP_PUSH_APNS:
		return has_app(setup->push, kind);
	case WP_PUSH_WEB:
		return has_web_key;
	case WP_PUSH_UNIFIED:
		return has_web_key && setup->conf->push.unifiedpush;
	case WP_PUSH_WEBHOOK:
		return setup->conf->push.user_webhooks;
	case WP_PUSH_EMAIL:
		/* Else nobody sends a code, by which it is verified. */
		return setup->conf->push.email && setup->conf->push.enabled;
	default:
		return false;
	}
}

/* ---- which app ---- */

static bool find_app(struct wp_new_device *out, enum wp_push_kind kind,
		     const struct wp_push_apps *apps,
		     struct wp_device_fault *fault)
{
	const struct wp_push_app *found = NULL;

	if (out->says.app != NULL) {
		found = wp_push_apps_find(apps, kind, out->says.app);
		if (found == NULL)
			return refuse(fault, 400, "unknown_app",
				      "app names none of this kind that is "
				      "known here");
	}
	for (size_t i = 0; i < apps->n && out->says.app == NULL; i++) {
		if (apps->items[i].kind != kind)
			continue;
		if (found != NULL)
			return bad(fault, "app is missing: there are several "
					  "of this kind");
		found = &apps->items[i];
	}
	out->app = found->name;
	return true;
}

/* ---- is it whole? ---- */

/* Bytes in hexadecimal, which Apple shows in either case. */
static bool judge_apns_token(struct wp_new_device *out,
			     const struct wp_new_device_setup *setup,
			     struct wp_device_fault *fault)
{
	size_t len = strlen(out->says.token);
	char *token;

	if (len < APNS_TOKEN_MIN || len > APNS_TOKEN_MAX || len % 2 != 0 ||
	    strspn(out->says.token, "0123456789abcdefABCDEF") != len)
		return bad(fault, "token must be what Apple gives: 64 to 200 "
				  "hexadecimal digits");
	token = wp_arena_copy(setup->arena, out->says.token, len);
	if (token == NULL)
		return refuse(fault, 500, "internal", "out of memory");
	for (size_t i = 0; i < len; i++)
		token[i] = wp_hex_digit((unsigned int)wp_hex_value(token[i]));
	out->says.token = token;
	return true;
}

static bool judge_token(struct wp_new_device *out, enum wp_push_kind kind,
			const struct wp_new_device_setup *setup,
			struct wp_device_fault *fault)
{
	if (out->says.token == NULL)
		return bad(fault, "token is missing");
	if (out->says.endpoint != NULL || out->says.has_keys)
		return bad(fault, "a token and a subscription do not go "
				  "together");
	return kind != WP_PUSH_APNS || judge_apns_token(out, setup, fault);
}

/* It is kept as a token is. */
static bool judge_address(struct wp_new_device *out,
			  const struct wp_new_device_setup *setup,
			  struct wp_device_fault *fault)
{
	const char *address = out->says.address;
	char *token;

	if (address == NULL)
		return bad(fault, "address is missing");
	if (out->says.token != NULL || out->says.endpoint != NULL ||
	    out->says.has_keys)
		return bad(fault, "an address goes with neither a token nor a "
				  "subscription");
	if (!wp_push_address_ok(address))
		return bad(fault, "address must be an address of e-mail: 1 to "
				  "64 characters of A-Z a-z 0-9 . _ % + -, @, "
				  "and the name of a host");
	token = wp_arena_copy(setup->arena, address, strlen(address));
	if (token == NULL)
		return refuse(fault, 500, "internal", "out of memory");
	wp_push_address_settle(token);
	out->says.token = token;
	return true;
}

static bool judge_endpoint(struct wp_new_device *out, enum wp_push_kind kind,
			   const struct wp_new_device_setup *setup,
			   struct wp_device_fault *fault)
{
	const char *endpoint = out->says.endpoint;
	struct wp_error err = { 0 };

	if (endpoint == NULL)
		return bad(fault, "endpoint is missing");
	if (out->says.token != NULL)
		return bad(fault, "a token and a subscription do not go "
				  "together");
	/* Nothing is sent that is not encrypted, but by a webhook. */
	if (kind == WP_PUSH_WEBHOOK)
		out->says.has_keys = false;
	else if (!out->says.has_keys)
		return bad(fault, "p256dh and auth are missing");
	else if (!wp_ece_is_point(out->says.point, sizeof(out->says.point)))
		return bad(fault, "p256dh must be base64 of a public key, a "
				  "point on the curve P-256");
	switch (wp_push_endpoint_check(endpoint, strlen(endpoint),
				       kind == WP_PUSH_WEB ? &setup->push->web
							   : &setup->push->any,
				       &err)) {
	case WP_OK:
		return true;
	case WP_ERR_DENIED:
		return refuse(fault, 400, "endpoint_not_allowed", err.msg);
	default:
		refuse(fault, 400, "invalid_device", "");
		(void)snprintf(fault->sentence, sizeof(fault->sentence),
			       "endpoint %.200s", err.msg);
		return false;
	}
}

bool wp_new_device_settle(struct wp_new_device *out,
			  const struct wp_new_device_setup *setup,
			  struct wp_device_fault *fault)
{
	enum wp_push_kind kind;

	out->kind = out->says.kind;
	out->app = "";
	if (out->kind == NULL &&
	    !guess(&out->says, setup->push, &out->kind, fault))
		return false;
	if (out->says.kind == NULL && strcmp(out->kind, WP_PUSH_PAGE) == 0)
		return judge_token(out, WP_PUSH_FCM, setup, fault);
	if (!wp_push_kind_named(out->kind, &kind))
		return bad(fault, "kind must be one of fcm, apns, webpush, "
				  "unifiedpush, webhook, email");
	if (!is_offered(kind, setup))
		return disabled(fault);
	if (kind == WP_PUSH_EMAIL)
		return judge_address(out, setup, fault);
	if (kind != WP_PUSH_FCM && kind != WP_PUSH_APNS)
		return judge_endpoint(out, kind, setup, fault);
	return find_app(out, kind, setup->push->apps, fault) &&
	       judge_token(out, kind, setup, fault);
}

bool wp_new_device_must_verify(const struct wp_new_device *device)
{
	return strcmp(device->kind, wp_push_kind_name(WP_PUSH_EMAIL)) == 0;
}

/* ---- what is kept ---- */

void wp_new_device_name(const struct wp_new_device *device,
			const struct wp_new_device_setup *setup,
			uint8_t out[WP_PUSH_TOK_LEN])
{
	const char *token = device->says.token != NULL ? device->says.token
						       : device->says.endpoint;

	wp_push_name(&setup->push->keys, device->kind, device->app, token, out);
}

/* Zero is nobody. */
static bool is_somebody(const uint8_t hash[WP_NAME_HASH_LEN])
{
	static const uint8_t nobody[WP_NAME_HASH_LEN];

	return memcmp(hash, nobody, sizeof(nobody)) != 0;
}

static struct wp_push_owner owner_of(const struct wp_revoked_key *key)
{
	struct wp_push_owner owner;

	memcpy(owner.bytes, key->bytes, sizeof(owner.bytes));
	return owner;
}

/* Whatever revokes the caller's token ends the device. */
static void find_owners(const struct wp_identity *caller,
			struct wp_push_owners *out)
{
	struct wp_revoked_key key;

	*out = (struct wp_push_owners){ .session = { { 0 } } };
	wp_revoked_key_user(&key, &caller->user);
	out->user = owner_of(&key);
	if (is_somebody(caller->subject)) {
		wp_revoked_key_subject(&key, caller->subject);
		out->subject = owner_of(&key);
		wp_revoked_key_bare(&key, caller->subject);
		out->session = owner_of(&key);
	}
	if (is_somebody(caller->session)) {
		wp_revoked_key_session(&key, caller->session);
		out->session = owner_of(&key);
	}
}

static const char *or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

static unsigned int flags_of(const struct wp_new_device *device)
{
	bool badge = device->says.has_badge
			     ? device->says.badge
			     : strcmp(device->kind,
				      wp_push_kind_name(WP_PUSH_APNS)) == 0;

	return (badge ? WP_PUSH_BADGE : 0U) |
	       (device->says.is_shared ? WP_PUSH_SHARED : 0U);
}

/* Seal where it can be reached, into the arena. */
static enum wp_err seal(struct wp_new_device *out,
			const struct wp_new_device_setup *setup)
{
	const struct wp_push_place place = { out->row.user, out->row.tok };
	enum wp_err rc = WP_ERR_NOMEM;
	struct wp_buf text;
	uint8_t *sealed;

	wp_buf_init(&text, WP_PUSH_TARGET_MAX);
	wp_push_device_write(&out->says, &text);
	sealed = wp_arena_alloc(setup->arena, text.len + WP_SEAL_EXTRA);
	if (sealed != NULL && !text.failed)
		rc = wp_push_seal(&setup->push->keys, &place, text.data,
				  text.len, sealed);
	out->row.sealed = sealed;
	out->row.sealed_len = text.len + WP_SEAL_EXTRA;
	wp_push_mark_of(&setup->push->keys, text.data, text.len,
			out->row.print);
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	wp_buf_release(&text);
	return rc;
}

enum wp_err wp_new_device_seal(struct wp_new_device *out,
			       const struct wp_new_device_setup *setup)
{
	const struct wp_push_device *says = &out->says;

	out->row = (struct wp_push_row){
		.user = &setup->caller->user,
		.kind = out->kind,
		.app = out->app,
		.device = says->device != NULL ? says->device
					       : setup->caller->device,
		.account = or_nothing(says->account),
		.name = or_nothing(says->name),
		.platform = or_nothing(says->platform),
		.flags = flags_of(out),
		.reason = "",
		.state = wp_new_device_must_verify(out) ? WP_PUSH_UNVERIFIED
							: WP_PUSH_ACTIVE,
	};
	wp_random_bytes(out->row.id, sizeof(out->row.id));
	wp_new_device_name(out, setup, out->row.tok);
	if (says->has_keys)
		memcpy(out->row.vapid, setup->push->web_key_mark,
		       sizeof(out->row.vapid));
	find_owners(setup->caller, &out->owners);
	return seal(out, setup);
}

/*
 * device.c - one table of members, and a body read by it.
 */
#include "lib/push/device.h"

#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/json.h"
#include "lib/push/address.h"

enum {
	WORD_MAX = 16,
	ID_MAX = 64,
	APP_MAX = 155, /* the longest id of an app that Apple has */
	NAME_MAX_CHARS = 64,
	KEY_MAX = 256, /* base64 of either key */
	URL_MAX = 4096,
};

/* What a text may be made of. */
enum form {
	FORM_NAME,    /* [A-Za-z0-9._-] */
	FORM_VISIBLE, /* printable ASCII without blanks */
	FORM_TEXT,    /* characters; no control characters */
	FORM_ANY,
};

#define NAME_RULE "A-Z a-z 0-9 . _ -"

static const struct member {
	const char *name;
	const char *must_be;
	enum form form;
	size_t max; /* bytes, of FORM_TEXT characters */
	size_t offset;
} texts[] = {
#define AT(member) offsetof(struct wp_push_device, member)
	{ "kind",
	  "must be one of fcm, apns, webpush, unifiedpush, webhook, email",
	  FORM_NAME, WORD_MAX, AT(kind) },
	{ "app", "must be 1 to 155 characters of " NAME_RULE, FORM_NAME,
	  APP_MAX, AT(app) },
	{ "platform", "must be ios, android or web", FORM_NAME, WORD_MAX,
	  AT(platform) },
	{ "deviceId", "must be 1 to 64 characters of " NAME_RULE, FORM_NAME,
	  ID_MAX, AT(device) },
	{ "name",
	  "must be text of at most 64 characters, without control characters",
	  FORM_TEXT, NAME_MAX_CHARS, AT(name) },
	{ "account", "must be 1 to 64 characters of " NAME_RULE, FORM_NAME,
	  ID_MAX, AT(account) },
	{ "token",
	  "must be text of 1 to 4096 printable ASCII characters without blanks",
	  FORM_VISIBLE, WP_DEVICE_TOKEN_MAX, AT(token) },
	{ "endpoint", "must be the URL of an endpoint", FORM_ANY, URL_MAX,
	  AT(endpoint) },
	{ "address", "must be an address of e-mail", FORM_ANY, WP_ADDRESS_MAX,
	  AT(address) },
#undef AT
};
enum { N_TEXTS = sizeof(texts) / sizeof(texts[0]) };

/* Besides: what is no text, by the bits of what was seen. */
enum {
	SEEN_BADGE = 1 << N_TEXTS,
	SEEN_SHARED = SEEN_BADGE << 1,
	SEEN_FORCE = SEEN_BADGE << 2,
	SEEN_POINT = SEEN_BADGE << 3,
	SEEN_AUTH = SEEN_BADGE << 4,
	SEEN_SUBSCRIPTION = SEEN_BADGE << 5,
	SEEN_KEYS = SEEN_BADGE << 6,
};

struct reading {
	struct wp_push_device *out;
	struct wp_arena *arena;
	struct wp_buf scratch;
	struct wp_json js;
	struct wp_error *err;
	unsigned int seen;
	enum wp_err rc; /* the first fault that is not JSON's */
};

enum wp_err wp_push_device_bad(struct wp_error *err, const char *member,
			       const char *must_be)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s %s", member, must_be);
}

static void refuse(struct reading *reading, const char *member,
		   const char *must_be)
{
	if (reading->js.err != NULL)
		return;
	reading->rc = wp_push_device_bad(reading->err, member, must_be);
	wp_json_fail(&reading->js, "refused");
}

/* Is the member there for the first time, and of that type? */
static bool expect(struct reading *reading, unsigned int bit,
		   enum wp_json_type type, const char *member,
		   const char *must_be)
{
	if ((reading->seen & bit) != 0) {
		refuse(reading, member, "is given twice");
		return false;
	}
	reading->seen |= bit;
	if (wp_json_peek(&reading->js) == type)
		return true;
	/* What is no JSON at all says so itself. */
	if (wp_json_skip(&reading->js, NULL))
		refuse(reading, member, must_be);
	return false;
}

/* ---- texts ---- */

static bool is_of(enum form form, unsigned char c)
{
	switch (form) {
	case FORM_NAME:
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		       (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		       c == '-';
	case FORM_VISIBLE:
		return c > 0x20 && c < 0x7f;
	case FORM_TEXT:
		return c >= 0x20 && c != 0x7f;
	case FORM_ANY:
		break;
	}
	return c != '\0';
}

static bool fits(const struct member *member, const char *data, size_t len)
{
	size_t n = 0;

	if (len == 0 && member->form != FORM_TEXT)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		if (!is_of(member->form, c))
			return false;
		/* Bytes that continue a character are none of their own. */
		n += member->form != FORM_TEXT || (c & 0xc0) != 0x80;
	}
	return n <= member->max;
}

/* A string of the input, decoded into scratch; false after a fault. */
static bool decode(struct reading *reading)
{
	struct wp_json_slice slice;

	if (!wp_json_string(&reading->js, &slice))
		return false;
	wp_buf_clear(&reading->scratch);
	wp_json_decode(&slice, &reading->scratch);
	if (!reading->scratch.failed)
		return true;
	reading->rc = WP_ERR_NOMEM;
	wp_json_fail(&reading->js, "out of memory");
	return false;
}

static void read_text(struct reading *reading, size_t number)
{
	const struct member *member = &texts[number];
	const char **place =
		(const char **)(void *)((char *)reading->out + member->offset);
	const struct wp_buf *scratch = &reading->scratch;

	if (!expect(reading, 1U << number, WP_JSON_STRING, member->name,
		    member->must_be) ||
	    !decode(reading))
		return;
	if (!fits(member, scratch->data, scratch->len)) {
		refuse(reading, member->name, member->must_be);
		return;
	}
	*place = wp_arena_copy(reading->arena,
			       scratch->len > 0 ? scratch->data : "",
			       scratch->len);
	if (*place != NULL)
		return;
	reading->rc = WP_ERR_NOMEM;
	wp_json_fail(&reading->js, "out of memory");
}

static bool read_bool(struct reading *reading, unsigned int bit,
		      const char *member)
{
	bool value = false;

	if (expect(reading, bit, WP_JSON_BOOL, member, "must be true or false"))
		wp_json_bool(&reading->js, &value);
	return value;
}

/* ---- keys of a subscription ---- */

static void read_key(struct reading *reading, unsigned int bit,
		     const char *member, const char *must_be, uint8_t *out,
		     size_t len)
{
	const struct wp_buf *scratch = &reading->scratch;
	uint8_t bytes[KEY_MAX]; /* decoding never grows */
	size_t n = 0;

	if (!expect(reading, bit, WP_JSON_STRING, member, must_be) ||
	    !decode(reading))
		return;
	if (scratch->len > KEY_MAX ||
	    !wp_base64_decode(scratch->len > 0 ? scratch->data : "",
			      scratch->len, bytes, &n) ||
	    n != len)
		refuse(reading, member, must_be);
	else
		memcpy(out, bytes, len);
}

static bool is_key(struct reading *reading, const struct wp_json_slice *name)
{
	static const char point[] =
		"must be base64 of a public key: 65 bytes that begin with 4";

	if (wp_json_slice_is(name, "p256dh")) {
		read_key(reading, SEEN_POINT, "p256dh", point,
			 reading->out->point, WP_DEVICE_POINT_LEN);
		/* Uncompressed (SEC 1 section 2.3.3). */
		if (reading->out->point[0] != 4)
			refuse(reading, "p256dh", point);
		return true;
	}
	if (!wp_json_slice_is(name, "auth"))
		return false;
	read_key(reading, SEEN_AUTH, "auth", "must be base64 of 16 bytes",
		 reading->out->auth, WP_DEVICE_AUTH_LEN);
	return true;
}

static void read_keys(struct reading *reading)
{
	struct wp_json_slice name;

	if (!expect(reading, SEEN_KEYS, WP_JSON_OBJECT, "subscription.keys",
		    "must be an object with p256dh and auth"))
		return;
	wp_json_object_begin(&reading->js);
	while (wp_json_object_next(&reading->js, &name))
		if (!is_key(reading, &name))
			wp_json_skip(&reading->js, NULL);
}

static size_t text_of(const char *name)
{
	size_t number = 0;

	while (number < N_TEXTS && strcmp(texts[number].name, name) != 0)
		number++;
	return number;
}

static void read_subscription(struct reading *reading)
{
	struct wp_json_slice name;

	if (!expect(reading, SEEN_SUBSCRIPTION, WP_JSON_OBJECT, "subscription",
		    "must be an object with endpoint and keys, as a browser "
		    "gives it"))
		return;
	wp_json_object_begin(&reading->js);
	while (wp_json_object_next(&reading->js, &name))
		if (wp_json_slice_is(&name, "endpoint"))
			read_text(reading, text_of("endpoint"));
		else if (wp_json_slice_is(&name, "keys"))
			read_keys(reading);
		else
			wp_json_skip(&reading->js, NULL);
}

/* ---- all of it ---- */

static void read_member(struct reading *reading,
			const struct wp_json_slice *name)
{
	struct wp_push_device *out = reading->out;

	for (size_t i = 0; i < N_TEXTS; i++)
		if (wp_json_slice_is(name, texts[i].name)) {
			read_text(reading, i);
			return;
		}
	if (wp_json_slice_is(name, "badge")) {
		out->badge = read_bool(reading, SEEN_BADGE, "badge");
		out->has_badge = true;
	} else if (wp_json_slice_is(name, "shared")) {
		out->is_shared = read_bool(reading, SEEN_SHARED, "shared");
	} else if (wp_json_slice_is(name, "force")) {
		out->is_forced = read_bool(reading, SEEN_FORCE, "force");
	} else if (wp_json_slice_is(name, "subscription")) {
		read_subscription(reading);
	} else if (!is_key(reading, name)) {
		wp_json_skip(&reading->js, NULL);
	}
}

static bool is_platform(const char *text)
{
	return strcmp(text, "ios") == 0 || strcmp(text, "android") == 0 ||
	       strcmp(text, "web") == 0;
}

/* What two members say together. */
static enum wp_err judge(struct reading *reading)
{
	const unsigned int both = SEEN_POINT | SEEN_AUTH;
	struct wp_push_device *out = reading->out;
	const unsigned int keys = reading->seen & both;

	out->has_keys = keys == both;
	if (out->platform != NULL && !is_platform(out->platform))
		return wp_push_device_bad(reading->err, "platform",
					  "must be ios, android or web");
	if (keys != 0 && keys != both)
		return wp_push_device_bad(
			reading->err, keys == SEEN_POINT ? "auth" : "p256dh",
			"is missing");
	return WP_OK;
}

enum wp_err wp_push_device_read(struct wp_push_device *out, const char *json,
				size_t len, struct wp_arena *arena,
				struct wp_error *err)
{
	struct reading reading = { .out = out, .arena = arena, .err = err };
	struct wp_json *js = &reading.js;
	struct wp_json_slice name;
	enum wp_err rc;

	*out = (struct wp_push_device){ .has_keys = false };
	wp_buf_init(&reading.scratch, WP_DEVICE_BODY_MAX);
	wp_json_init(js, json, len);
	wp_json_object_begin(js);
	while (wp_json_object_next(js, &name))
		read_member(&reading, &name);
	if (wp_json_end(js))
		rc = judge(&reading);
	else if (reading.rc != WP_OK)
		rc = reading.rc;
	else
		rc = wp_error_set(err, WP_ERR_PROTO, "%s", js->err);
	wp_buf_release(&reading.scratch);
	return rc;
}

static void add_key(struct wp_buf *out, const char *name, const uint8_t *bytes,
		    size_t len)
{
	char text[WP_DEVICE_POINT_LEN * 2];

	text[wp_base64url_encode(bytes, len, text)] = '\0';
	wp_buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

void wp_push_device_write(const struct wp_push_device *device,
			  struct wp_buf *out)
{
	const char *where =
		device->token != NULL ? device->token : device->endpoint;

	wp_buf_add_str(out, device->token != NULL ? "{\"token\":"
						  : "{\"endpoint\":");
	wp_buf_add_json(out, where, strlen(where));
	if (device->has_keys) {
		add_key(out, "p256dh", device->point, WP_DEVICE_POINT_LEN);
		add_key(out, "auth", device->auth, WP_DEVICE_AUTH_LEN);
	}
	wp_buf_add_char(out, '}');
}

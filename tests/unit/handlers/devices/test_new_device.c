/* What a client says becomes one kind of device, of one app, or a refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auth/revoked.h"
#include "lib/store/device_json.h"

#include "handlers/devices/new_device.h"

#define APNS_TOKEN \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
#define END "https://push.example.org/x"

struct bench {
	struct wp_arena arena;
	struct wp_conf conf;
	struct wp_push push;
	struct wp_identity caller;
	struct wp_new_device_setup setup;
	struct wp_new_device device;
	struct wp_device_fault fault;
};

static char one_fcm[] = "one kind=fcm credentials_file=/x";
static char one_apns[] =
	"a kind=apns team=ABCDE12345 key=KEYID67890 key_file=/x";
static char other_apns[] =
	"b kind=apns team=ABCDE12345 key=KEYID67890 key_file=/x";
static char web_host[] = "push.example.org", port[] = "443";
static char secret[] = "the secret of the store", no_key[] = "";

/* With these apps: FCM, FCM and one of APNs, … */
static void use_apps(struct bench *b, size_t n)
{
	static char *apps[] = { one_fcm, one_apns, other_apns };

	wp_push_release(&b->push);
	b->conf.push.apps.items = apps;
	b->conf.push.apps.n = n;
	assert_int_equal(wp_push_init(&b->push, &b->conf, NULL), WP_OK);
}

static int setup(void **state)
{
	static char *hosts[] = { web_host };
	static char *ports[] = { port };
	static struct bench b;

	b = (struct bench){
		.conf = { .auth.store_secret = secret,
			  .push = { .web_hosts = { hosts, 1 },
				    .web_ports = { ports, 1 },
				    .unifiedpush = true,
				    .vapid_key = no_key } },
		.caller = { .device = "of-token" },
		.setup = { .push = &b.push,
			   .conf = &b.conf,
			   .caller = &b.caller,
			   .arena = &b.arena },
	};
	assert_int_equal(wp_urn_parse(&b.caller.user, "bob", 3, NULL), WP_OK);
	wp_arena_init(&b.arena, 1 << 20);
	use_apps(&b, 3);
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	wp_push_release(&b->push);
	wp_arena_release(&b->arena);
	return 0;
}

static bool settle(struct bench *b, const struct wp_push_device *says)
{
	b->device = (struct wp_new_device){ .says = *says };
	b->fault = (struct wp_device_fault){ .status = 0 };
	return wp_new_device_settle(&b->device, &b->setup, &b->fault);
}
#define SETTLE(...) settle(b, &(struct wp_push_device){ __VA_ARGS__ })

static void expect_kind(struct bench *b, const char *kind, const char *app)
{
	assert_int_equal(b->fault.status, 0);
	assert_string_equal(b->device.kind, kind);
	assert_string_equal(b->device.app, app);
}

static void expect_fault(struct bench *b, unsigned int status, const char *code,
			 const char *part)
{
	assert_int_equal(b->fault.status, status);
	assert_string_equal(b->fault.code, code);
	assert_non_null(strstr(b->fault.sentence, part));
}

/* The generator of P-256 (SEC 2 section 2.4.2). */
#define POINT                                                                 \
	{                                                                     \
		0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8,   \
			0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, \
			0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, \
			0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, \
			0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, \
			0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, \
			0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, \
			0xf5                                                  \
	}

/* As if a key for browsers was there. */
static void use_web_key(struct bench *b)
{
	b->push.web_key[0] = 'B';
	memset(b->push.web_key_mark, 7, sizeof(b->push.web_key_mark));
}

static void who_says_a_kind_gets_that(void **state)
{
	struct bench *b = *state;

	use_web_key(b);
	assert_true(SETTLE(.kind = "fcm", .token = "t"));
	expect_kind(b, "fcm", "one");
	assert_true(SETTLE(.kind = "apns", .app = "b", .token = APNS_TOKEN));
	expect_kind(b, "apns", "b");
	assert_true(SETTLE(.kind = "webpush", .endpoint = END, .has_keys = true,
			   .point = POINT));
	expect_kind(b, "webpush", "");
	assert_true(SETTLE(.kind = "unifiedpush", .has_keys = true,
			   .point = POINT,
			   .endpoint = "https://other.example.org/x"));
	expect_kind(b, "unifiedpush", "");
}

static void a_platform_means_what_is_known_of_it(void **state)
{
	struct bench *b = *state;

	assert_true(SETTLE(.platform = "android", .token = "t"));
	expect_kind(b, "fcm", "one");
	assert_true(SETTLE(.platform = "web", .token = "t"));
	expect_kind(b, "web", "");
	assert_false(SETTLE(.platform = "ios", .token = APNS_TOKEN));
	expect_fault(b, 400, "invalid_device", "app is missing");
	use_apps(b, 2);
	assert_true(SETTLE(.platform = "ios", .token = APNS_TOKEN));
	expect_kind(b, "apns", "a");
	use_apps(b, 1);
	assert_true(SETTLE(.platform = "ios", .token = "t"));
	expect_kind(b, "fcm", "one");
	assert_false(SETTLE(.token = "t"));
	expect_fault(b, 400, "invalid_device", "kind is missing");
}

static void what_is_not_offered_is_said_before_it_is_looked_at(void **state)
{
	struct bench *b = *state;

	use_apps(b, 0);
	assert_false(SETTLE(.kind = "fcm"));
	expect_fault(b, 403, "kind_disabled", "here");
	assert_false(SETTLE(.kind = "apns", .token = "x"));
	expect_fault(b, 403, "kind_disabled", "here");
	assert_false(SETTLE(.kind = "webpush"));
	expect_fault(b, 403, "kind_disabled", "here");
	assert_false(SETTLE(.kind = "unifiedpush"));
	expect_fault(b, 403, "kind_disabled", "here");
	assert_false(SETTLE(.kind = "webhook", .endpoint = END));
	expect_fault(b, 403, "kind_disabled", "here");
	assert_false(SETTLE(.kind = "email"));
	expect_fault(b, 403, "kind_disabled", "here");
	use_web_key(b);
	b->conf.push.unifiedpush = false;
	assert_false(SETTLE(.kind = "unifiedpush", .endpoint = END,
			    .has_keys = true, .point = POINT));
	expect_fault(b, 403, "kind_disabled", "here");
}

static void a_webhook_needs_no_keys_and_keeps_none(void **state)
{
	struct bench *b = *state;

	b->conf.push.user_webhooks = true;
	assert_true(
		SETTLE(.kind = "webhook", .endpoint = END, .has_keys = true));
	expect_kind(b, "webhook", "");
	assert_false(b->device.says.has_keys);
}

static void an_address_must_be_verified_and_is_kept_as_a_token(void **state)
{
	struct bench *b = *state;
	uint8_t one[WP_PUSH_TOK_LEN], other[WP_PUSH_TOK_LEN];

	b->conf.push.email = true;
	b->conf.push.enabled = true;
	assert_true(SETTLE(.kind = "email", .address = "Bob@Example.COM"));
	expect_kind(b, "email", "");
	assert_string_equal(b->device.says.token, "Bob@example.com");
	wp_new_device_name(&b->device, &b->setup, one);
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_int_equal(b->device.row.state, WP_PUSH_UNVERIFIED);
	assert_int_equal(b->device.row.flags, 0);
	assert_true(SETTLE(.kind = "email", .address = "Bob@example.com"));
	wp_new_device_name(&b->device, &b->setup, other);
	assert_memory_equal(one, other, sizeof(one));
	assert_true(SETTLE(.kind = "fcm", .token = "t"));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_int_equal(b->device.row.state, WP_PUSH_ACTIVE);
}

static void an_address_is_alone_and_is_one(void **state)
{
	struct bench *b = *state;

	b->conf.push.email = true;
	b->conf.push.enabled = true;
	assert_false(SETTLE(.kind = "email"));
	expect_fault(b, 400, "invalid_device", "address is missing");
	assert_false(SETTLE(.kind = "email", .token = "bob@example.com"));
	expect_fault(b, 400, "invalid_device", "address is missing");
	assert_false(SETTLE(.kind = "email", .address = "b@example.com",
			    .endpoint = END));
	expect_fault(b, 400, "invalid_device", "neither");
	assert_false(SETTLE(.kind = "email", .address = "bob@localhost"));
	expect_fault(b, 400, "invalid_device", "address must be");
	/* Where nobody is told of anything nobody sends a code. */
	b->conf.push.enabled = false;
	assert_false(SETTLE(.kind = "email", .address = "b@example.com"));
	expect_fault(b, 403, "kind_disabled", "here");
}

static void a_key_that_is_no_point_is_refused(void **state)
{
	struct bench *b = *state;

	use_web_key(b);
	assert_false(SETTLE(.kind = "webpush", .endpoint = END,
			    .has_keys = true, .point = { 4, 1 }));
	expect_fault(b, 400, "invalid_device", "p256dh must be");
}

static void only_web_push_is_bound_to_hosts_of_browsers(void **state)
{
	static const char other[] = "https://other.example.org/";
	struct bench *b = *state;

	use_web_key(b);
	assert_false(SETTLE(.kind = "webpush", .endpoint = other,
			    .has_keys = true, .point = POINT));
	expect_fault(b, 400, "endpoint_not_allowed", "not sent");
	assert_true(SETTLE(.kind = "unifiedpush", .endpoint = other,
			   .has_keys = true, .point = POINT));
}

/* Apple shows it in either case. */
static void a_token_of_apple_is_the_same_in_either_case(void **state)
{
	struct bench *b = *state;
	uint8_t one[WP_PUSH_TOK_LEN], other[WP_PUSH_TOK_LEN];
	char lower[] = APNS_TOKEN;

	for (size_t i = 0; lower[i] != '\0'; i++)
		if (lower[i] >= 'A' && lower[i] <= 'F')
			lower[i] = (char)(lower[i] - 'A' + 'a');
	assert_true(SETTLE(.kind = "apns", .app = "a", .token = APNS_TOKEN));
	assert_string_equal(b->device.says.token, lower);
	wp_new_device_name(&b->device, &b->setup, one);
	assert_true(SETTLE(.kind = "apns", .app = "a", .token = lower));
	wp_new_device_name(&b->device, &b->setup, other);
	assert_memory_equal(one, other, sizeof(one));
	assert_true(SETTLE(.kind = "apns", .app = "b", .token = lower));
	wp_new_device_name(&b->device, &b->setup, other);
	assert_memory_not_equal(one, other, sizeof(one));
}

/* ---- what is kept ---- */

static void it_is_sealed_for_its_user(void **state)
{
	struct bench *b = *state;
	const struct wp_push_place place = { &b->caller.user,
					     b->device.row.tok };
	uint8_t out[256];
	size_t len = 0;

	assert_true(SETTLE(.kind = "fcm", .token = "t1"));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_int_equal(wp_push_open(&b->push.keys, &place,
				      b->device.row.sealed,
				      b->device.row.sealed_len, out, &len),
			 WP_OK);
	assert_int_equal(len, strlen("{\"token\":\"t1\"}"));
	assert_memory_equal(out, "{\"token\":\"t1\"}", len);
	assert_ptr_equal(b->device.row.user, &b->caller.user);
}

/* Each character of it may take two in JSON. */
static void the_longest_token_is_sealed_whatever_it_is_made_of(void **state)
{
	struct bench *b = *state;
	const struct wp_push_place place = { &b->caller.user,
					     b->device.row.tok };
	char token[WP_DEVICE_TOKEN_MAX + 1];
	uint8_t out[WP_PUSH_TARGET_MAX];
	size_t len = 0;

	memset(token, '"', WP_DEVICE_TOKEN_MAX);
	token[WP_DEVICE_TOKEN_MAX] = '\0';
	assert_true(SETTLE(.kind = "fcm", .token = token));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_int_equal(wp_push_open(&b->push.keys, &place,
				      b->device.row.sealed,
				      b->device.row.sealed_len, out, &len),
			 WP_OK);
	assert_int_equal(len, strlen("{\"token\":\"\"}") +
				      2 * (size_t)WP_DEVICE_TOKEN_MAX);
}

static void the_device_is_that_of_the_token_unless_another_is_said(void **state)
{
	struct bench *b = *state;

	assert_true(SETTLE(.kind = "fcm", .token = "t"));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_string_equal(b->device.row.device, "of-token");
	assert_true(SETTLE(.kind = "fcm", .token = "t", .device = "other"));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_string_equal(b->device.row.device, "other");
}

static void only_apple_shows_a_badge_unless_it_is_said(void **state)
{
	struct bench *b = *state;

	assert_true(SETTLE(.kind = "apns", .app = "a", .token = APNS_TOKEN));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_int_equal(b->device.row.flags, WP_PUSH_BADGE);
	assert_true(SETTLE(.kind = "apns", .app = "a", .token = APNS_TOKEN,
			   .has_badge = true));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_int_equal(b->device.row.flags, 0);
	assert_true(SETTLE(.kind = "fcm", .token = "t", .is_shared = true));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_int_equal(b->device.row.flags, WP_PUSH_SHARED);
}

/* With browsers, it is known which of our keys they subscribed with. */
static void a_subscription_is_of_our_key(void **state)
{
	struct bench *b = *state;

	use_web_key(b);
	assert_true(SETTLE(.kind = "webpush", .endpoint = END, .has_keys = true,
			   .point = POINT));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	assert_memory_equal(b->device.row.vapid, b->push.web_key_mark,
			    sizeof(b->device.row.vapid));
}

static void expect_owner(const struct wp_push_owner *owner,
			 const struct wp_revoked_key *key)
{
	assert_memory_equal(owner->bytes, key->bytes, sizeof(owner->bytes));
}

/* Whatever revokes the token ends what it registered. */
static void it_ends_with_what_its_token_says(void **state)
{
	static const struct wp_push_owner nobody;
	struct bench *b = *state;
	struct wp_revoked_key key;

	assert_true(SETTLE(.kind = "fcm", .token = "t"));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	wp_revoked_key_user(&key, &b->caller.user);
	expect_owner(&b->device.owners.user, &key);
	assert_memory_equal(&b->device.owners.subject, &nobody, sizeof(nobody));
	assert_memory_equal(&b->device.owners.session, &nobody, sizeof(nobody));

	memset(b->caller.subject, 1, sizeof(b->caller.subject));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	wp_revoked_key_subject(&key, b->caller.subject);
	expect_owner(&b->device.owners.subject, &key);
	wp_revoked_key_bare(&key, b->caller.subject);
	expect_owner(&b->device.owners.session, &key);

	memset(b->caller.session, 2, sizeof(b->caller.session));
	assert_int_equal(wp_new_device_seal(&b->device, &b->setup), WP_OK);
	wp_revoked_key_session(&key, b->caller.session);
	expect_owner(&b->device.owners.session, &key);
}

/* Of a session all, whatever the clock of who issued its tokens says. */
static void it_ends_as_what_is_revoked(void **state)
{
	static const uint8_t hash[WP_NAME_HASH_LEN] = { 1 };
	struct wp_revoked_key key;

	(void)state;

	wp_revoked_key_session(&key, hash);
	assert_true(wp_push_end_of(&key, 7).until_s == INT64_MAX);
	wp_revoked_key_bare(&key, hash);
	assert_int_equal(wp_push_end_of(&key, 7).until_s, 7);
	wp_revoked_key_subject(&key, hash);
	assert_int_equal(wp_push_end_of(&key, 7).until_s, 7);
}

/* ---- what is told ---- */

static void a_device_is_told_without_its_token(void **state)
{
	struct wp_push_row row = {
		.kind = "fcm",
		.app = "one",
		.device = "phone",
		.account = "acc",
		.name = "B\"ob",
		.platform = "",
		.sealed = "secret",
		.sealed_len = 6,
		.reason = "",
		.registered_s = 86400,
		.refreshed_day = 2,
	};
	struct wp_buf out;

	(void)state;

	wp_buf_init(&out, 0);
	wp_device_add_json(&out, &row);
	assert_string_equal(
		out.data,
		"{\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"kind\":\"fcm\","
		"\"app\":\"one\",\"name\":\"B\\\"ob\",\"deviceId\":\"phone\","
		"\"createdAt\":\"1970-01-02T00:00:00Z\","
		"\"refreshedDay\":\"1970-01-03\",\"state\":\"active\"}");

	wp_buf_clear(&out);
	row.app = row.name = row.device = "";
	row.platform = "ios";
	row.state = WP_PUSH_GONE;
	row.reason = "Unregistered";
	row.result = WP_PUSH_FAILED;
	row.result_day = 3;
	wp_device_add_json(&out, &row);
	assert_string_equal(
		out.data, "{\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"kind\":\"fcm\","
			  "\"platform\":\"ios\","
			  "\"createdAt\":\"1970-01-02T00:00:00Z\","
			  "\"refreshedDay\":\"1970-01-03\",\"state\":\"gone\","
			  "\"reason\":\"Unregistered\","
			  "\"lastResult\":{\"day\":\"1970-01-04\",\"result\":"
			  "\"failed\"}}");
	wp_buf_release(&out);
}

static void an_id_is_read_as_it_was_written(void **state)
{
	uint8_t id[WP_PUSH_ID_LEN];

	(void)state;

	assert_true(wp_device_id_read("AQAAAAAAAAAAAAAAAAAAAA", 22, id));
	assert_int_equal(id[0], 1);
	assert_false(wp_device_id_read("AQAAAAAAAAAAAAAAAAAAAA", 21, id));
	assert_false(wp_device_id_read("AQAAAAAAAAAAAAAAAAAAAAA", 23, id));
	assert_false(wp_device_id_read("AQAAAAAAAAAAAAAAAAAAAB", 22, id));
	assert_false(wp_device_id_read("AQ+AAAAAAAAAAAAAAAAAAA", 22, id));
	assert_false(wp_device_id_read("", 0, id));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_says_a_kind_gets_that),
		TEST(a_platform_means_what_is_known_of_it),
		TEST(what_is_not_offered_is_said_before_it_is_looked_at),
		TEST(a_webhook_needs_no_keys_and_keeps_none),
		TEST(an_address_must_be_verified_and_is_kept_as_a_token),
		TEST(an_address_is_alone_and_is_one),
		TEST(a_key_that_is_no_point_is_refused),
		TEST(only_web_push_is_bound_to_hosts_of_browsers),
		TEST(a_token_of_apple_is_the_same_in_either_case),
		TEST(it_is_sealed_for_its_user),
		TEST(the_longest_token_is_sealed_whatever_it_is_made_of),
		TEST(the_device_is_that_of_the_token_unless_another_is_said),
		TEST(only_apple_shows_a_badge_unless_it_is_said),
		TEST(a_subscription_is_of_our_key),
		TEST(it_ends_with_what_its_token_says),
		cmocka_unit_test(it_ends_as_what_is_revoked),
		cmocka_unit_test(a_device_is_told_without_its_token),
		cmocka_unit_test(an_id_is_read_as_it_was_written),
	};

	return cmocka_run_group_tests_name("new_device", tests, NULL, NULL);
}

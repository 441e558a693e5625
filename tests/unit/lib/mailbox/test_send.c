/* Idempotency fields: what makes two sends the same, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/digest.h"
#include "lib/mailbox/send.h"

static const char secret[] = "secret";
static const char sender[] = "urn:sm:user:amy";

/* An envelope for bob, or whoever, with a key. */
struct keyed {
	struct wp_envelope envelope;
	struct wp_send_item item;
};

static void make(struct keyed *k, const char *recipient, const char *json,
		 int64_t expires_in_ms)
{
	*k = (struct keyed){ 0 };
	k->envelope.recipient.len = (uint16_t)strlen(recipient);
	memcpy(k->envelope.recipient.text, recipient, strlen(recipient) + 1);
	k->item = (struct wp_send_item){
		.envelope = &k->envelope,
		.json = json,
		.json_len = strlen(json),
		.expires_in_ms = expires_in_ms,
	};
}

static bool is_same_field(const struct keyed *a, const struct keyed *b)
{
	return memcmp(a->item.field, b->item.field, WP_IDEM_FIELD_LEN) == 0;
}

static bool is_same_digest(const struct keyed *a, const struct keyed *b)
{
	return memcmp(a->item.digest, b->item.digest, WP_IDEM_FIELD_LEN) == 0;
}

static void the_field_is_an_hmac_of_its_parts_with_their_lengths(void **state)
{
	static const char parts[] = "\0\0\0\x0furn:sm:user:amy"
				    "\0\0\0\x0furn:sm:user:bob"
				    "\0\0\0\x01k";
	uint8_t mac[WP_SHA256_LEN];
	struct keyed k;

	(void)state;

	make(&k, "urn:sm:user:bob", "{}", 1000);
	wp_send_set_key(&k.item, secret, sender, "k", 1);
	wp_hmac_sha256(secret, strlen(secret), parts, sizeof(parts) - 1, mac);
	assert_true(k.item.has_key);
	assert_memory_equal(k.item.field, mac, WP_IDEM_FIELD_LEN);
}

static void sender_recipient_key_and_secret_tell_fields_apart(void **state)
{
	struct keyed a;
	struct keyed b;

	(void)state;

	make(&a, "urn:sm:user:bob", "{}", 1000);
	make(&b, "urn:sm:user:bob", "{\"other\":1}", 2000);
	wp_send_set_key(&a.item, secret, sender, "k", 1);
	wp_send_set_key(&b.item, secret, sender, "k", 1);
	assert_true(is_same_field(&a, &b));

	wp_send_set_key(&b.item, secret, sender, "k2", 2);
	assert_false(is_same_field(&a, &b));
	wp_send_set_key(&b.item, secret, "urn:sm:user:eve", "k", 1);
	assert_false(is_same_field(&a, &b));
	wp_send_set_key(&b.item, "other", sender, "k", 1);
	assert_false(is_same_field(&a, &b));
	make(&b, "urn:sm:user:eve", "{}", 1000);
	wp_send_set_key(&b.item, secret, sender, "k", 1);
	assert_false(is_same_field(&a, &b));
	/* Nothing can be pushed from one part into the next. */
	make(&b, "urn:sm:user:bobk", "{}", 1000);
	wp_send_set_key(&b.item, secret, sender, "", 0);
	assert_false(is_same_field(&a, &b));
}

static void envelope_and_expiry_tell_digests_apart(void **state)
{
	struct keyed a;
	struct keyed b;

	(void)state;

	make(&a, "urn:sm:user:bob", "{}", 1000);
	make(&b, "urn:sm:user:bob", "{}", 1000);
	wp_send_set_key(&a.item, secret, sender, "k", 1);
	wp_send_set_key(&b.item, secret, sender, "other key", 9);
	assert_true(is_same_digest(&a, &b));
	make(&b, "urn:sm:user:bob", "{ }", 1000);
	wp_send_set_key(&b.item, secret, sender, "k", 1);
	assert_false(is_same_digest(&a, &b));
	make(&b, "urn:sm:user:bob", "{}", 1001);
	wp_send_set_key(&b.item, secret, sender, "k", 1);
	assert_false(is_same_digest(&a, &b));
}

static void no_answer_leaves_every_outcome_unknown(void **state)
{
	struct keyed k;
	struct wp_send_item items[2];
	struct wp_send_result results[2];

	(void)state;

	make(&k, "urn:sm:user:bob", "{}", 1000);
	items[0] = k.item;
	items[1] = k.item;
	wp_send_parse(NULL, items, 2, results);
	assert_int_equal(results[0].status, WP_SEND_UNKNOWN);
	assert_int_equal(results[1].status, WP_SEND_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_field_is_an_hmac_of_its_parts_with_their_lengths),
		cmocka_unit_test(
			sender_recipient_key_and_secret_tell_fields_apart),
		cmocka_unit_test(envelope_and_expiry_tell_digests_apart),
		cmocka_unit_test(no_answer_leaves_every_outcome_unknown),
	};

	return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}

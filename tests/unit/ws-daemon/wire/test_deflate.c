/* Messages inflated and deflated: RFC 7692's examples, and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ws-daemon/wire/deflate.h"

enum { MAX = 65536, BITS = 15 };

static int setup(void **state)
{
	*state = wp_deflate_new();
	assert_non_null(*state);
	return 0;
}

static int teardown(void **state)
{
	struct wp_deflate *deflate = *state;

	wp_deflate_free(&deflate);
	assert_null(deflate);
	return 0;
}

/* bytes: of a string, its end not counted */
#define INFLATES(d, bytes, text) expect_text(d, bytes, sizeof(bytes) - 1, text)
#define REFUSES(d, bytes, code) \
	expect_code(d, bytes, sizeof(bytes) - 1, MAX, code)

static void expect_text(struct wp_deflate *d, const char *bytes, size_t n,
			const char *text)
{
	size_t len = n;

	assert_int_equal(wp_deflate_inflate(d, MAX, &bytes, &len), 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(bytes, text, len);
}

static void expect_code(struct wp_deflate *d, const char *bytes, size_t n,
			size_t max, enum wp_ws_close code)
{
	size_t len = n;

	assert_int_equal(wp_deflate_inflate(d, max, &bytes, &len), code);
	/* Nor does it spoil what comes next. */
	INFLATES(d, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
}

/* Deflate len bytes as a client may; the caller's. */
static char *pack(const void *text, size_t len, size_t *len_out)
{
	z_stream z = { 0 };
	size_t cap = len + len / 8 + 64;
	char *out = malloc(cap);

	assert_non_null(out);
	assert_int_equal(
		deflateInit2(&z, 9, Z_DEFLATED, -BITS, 8, Z_DEFAULT_STRATEGY),
		Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	*len_out = cap - z.avail_out - 4;
	(void)deflateEnd(&z);
	return out;
}

static void the_examples_of_the_rfc_inflate(void **state)
{
	/* 7.2.3.1 one block, 7.2.3.3 without compression, 7.2.3.4 with BFINAL,
	 * 7.2.3.5 two blocks, 7.2.3.6 an empty message. */
	INFLATES(*state, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
	INFLATES(*state, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
		 "Hello");
	INFLATES(*state, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello");
	INFLATES(*state, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
		 "Hello");
	INFLATES(*state, "\x00", "");
}

static void context_is_not_taken_over(void **state)
{
	INFLATES(*state, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
	/* 7.2.3.2: the second Hello, which refers to the first. */
	REFUSES(*state, "\xf2\x00\x11\x00\x00", WP_CLOSE_BAD_DATA);
}

static void what_is_no_deflated_text_is_refused(void **state)
{
	/* Nothing at all, cut in a block, a type that is none, a distance too
	 * far, without the octet behind a last block. */
	REFUSES(*state, "", WP_CLOSE_BAD_DATA);
	REFUSES(*state, "\xf2\x48\xcd\xc9", WP_CLOSE_BAD_DATA);
	REFUSES(*state, "\x06", WP_CLOSE_BAD_DATA);
	REFUSES(*state, "\xff\xff\xff\xff", WP_CLOSE_BAD_DATA);
	REFUSES(*state, "\xf3\x48\xcd\xc9\xc9\x07\x00", WP_CLOSE_BAD_DATA);
	/* Stored: no UTF-8, and cut inside a letter. */
	REFUSES(*state, "\x00\x02\x00\xfd\xff\xc0\x80\x00", WP_CLOSE_BAD_DATA);
	REFUSES(*state, "\x00\x02\x00\xfd\xff\xe2\x82\x00", WP_CLOSE_BAD_DATA);
	INFLATES(*state, "\x00\x03\x00\xfc\xff\xe2\x82\xac\x00", "\u20ac");
}

static void a_message_may_have_max_bytes_and_no_more(void **state)
{
	char *text = malloc(MAX + 1);
	size_t len;
	char *packed;
	const char *at;

	assert_non_null(text);
	memset(text, 'a', MAX + 1);
	packed = pack(text, MAX, &len);
	at = packed;
	assert_int_equal(wp_deflate_inflate(*state, MAX, &at, &len), 0);
	assert_int_equal(len, MAX);
	assert_memory_equal(at, text, MAX);
	free(packed);

	packed = pack(text, MAX + 1, &len);
	expect_code(*state, packed, len, MAX, WP_CLOSE_TOO_BIG);
	/* The memory of a large one lets none be larger than its max. */
	expect_code(*state, packed, len, 10, WP_CLOSE_TOO_BIG);
	free(packed);
	free(text);
}

static void a_bomb_is_not_inflated_beyond_the_limit(void **state)
{
	size_t size = (size_t)100 << 20;
	char *text = calloc(1, size);
	size_t len;
	char *packed;
	size_t before = wp_deflate_inflated(*state);
	const char *at;

	assert_non_null(text);
	packed = pack(text, size, &len);
	at = packed;
	assert_int_equal(wp_deflate_inflate(*state, MAX, &at, &len),
			 WP_CLOSE_TOO_BIG);
	assert_int_equal(wp_deflate_inflated(*state) - before, MAX + 1);
	free(packed);
	free(text);
}

static struct wp_message *text_of(size_t len)
{
	char *text = malloc(len);
	struct wp_message *message;

	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 7);
	message = wp_message_frame(WP_WS_TEXT, text, len);
	assert_non_null(message);
	free(text);
	return message;
}

/* The form inflates to message's text. */
static void expect_same(struct wp_deflate *d, const struct wp_message *message,
			const struct wp_message *form)
{
	size_t at = wp_ws_frame_payload_at(message->data);
	size_t form_at = wp_ws_frame_payload_at(form->data);
	const char *text = (const char *)form->data + form_at;
	size_t len = form->len - form_at;

	assert_int_equal(form->data[0], 0x80 | WP_WS_DEFLATED | WP_WS_TEXT);
	assert_int_equal(wp_deflate_inflate(d, MAX, &text, &len), 0);
	assert_int_equal(len, message->len - at);
	assert_memory_equal(text, message->data + at, len);
}

static void what_is_worth_it_is_deflated_for_each_window(void **state)
{
	static const size_t lens[] = { WP_DEFLATE_MIN, 1000, 40000, MAX };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (uint8_t bits = 9; bits <= 15; bits++) {
			struct wp_message *message = text_of(lens[i]);
			struct wp_message *form =
				wp_deflate_message(*state, message, bits);

			assert_true(form->len < message->len / 2);
			expect_same(*state, message, form);
			wp_message_unref(&form);
			wp_message_unref(&message);
		}
}

static void who_gets_the_same_message_shares_one_form(void **state)
{
	struct wp_message *message = text_of(1000);
	struct wp_message *first = wp_deflate_message(*state, message, 15);
	struct wp_message *second = wp_deflate_message(*state, message, 15);
	struct wp_message *narrow = wp_deflate_message(*state, message, 9);

	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, narrow);
	wp_message_unref(&first);
	wp_message_unref(&second);
	wp_message_unref(&narrow);
	wp_message_unref(&message);
}

static void expect_plain(struct wp_deflate *d, struct wp_message *message,
			 uint8_t bits)
{
	struct wp_message *form = wp_deflate_message(d, message, bits);

	assert_ptr_equal(form, message);
	wp_message_unref(&form);
	wp_message_unref(&message);
}

static void what_is_not_worth_it_goes_out_as_it_is(void **state)
{
	uint8_t noise[1000];
	uint32_t seed = 1;

	for (size_t i = 0; i < sizeof(noise); i++) {
		seed = seed * 1103515245u + 12345u;
		noise[i] = (uint8_t)(seed >> 16);
	}
	expect_plain(*state, text_of(1000), 0);
	expect_plain(*state, text_of(WP_DEFLATE_MIN - 1), 15);
	expect_plain(*state, wp_message_frame(WP_WS_PING, "p", 1), 15);
	expect_plain(*state, wp_message_close(WP_CLOSE_NORMAL), 15);
	expect_plain(*state, wp_message_http(noise, sizeof(noise)), 15);
	expect_plain(*state, wp_message_frame(WP_WS_TEXT, noise, sizeof(noise)),
		     15);
}

static void an_answer_does_not_disturb_what_it_answers(void **state)
{
	struct wp_message *message = text_of(40000);
	char text[512];
	size_t len;
	char *packed;
	const char *at;
	struct wp_message *form;

	memset(text, 'q', sizeof(text));
	packed = pack(text, sizeof(text), &len);
	at = packed;
	assert_int_equal(wp_deflate_inflate(*state, MAX, &at, &len), 0);
	form = wp_deflate_message(*state, message, 15);
	assert_int_equal(len, sizeof(text));
	assert_memory_equal(at, text, sizeof(text));
	wp_message_unref(&form);
	wp_message_unref(&message);
	free(packed);
}

static void expect_tally(const struct wp_deflate *d, uint64_t in_text,
			 uint64_t in_deflated, uint64_t out_text,
			 uint64_t out_deflated)
{
	const struct wp_deflate_tally *tally = wp_deflate_tally(d);

	assert_int_equal(tally->in_text, in_text);
	assert_int_equal(tally->in_deflated, in_deflated);
	assert_int_equal(tally->out_text, out_text);
	assert_int_equal(tally->out_deflated, out_deflated);
}

static void what_goes_over_the_wire_is_summed_up(void **state)
{
	struct wp_deflate *d = *state;
	struct wp_message *message = text_of(1000);
	struct wp_message *noise = text_of(WP_DEFLATE_MIN - 1);
	size_t len;

	expect_tally(d, 0, 0, 0, 0);
	INFLATES(d, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
	expect_tally(d, 5, 7, 0, 0);
	/* What is refused saves nothing; behind it comes another Hello. */
	REFUSES(d, "\xff\xff\xff", WP_CLOSE_BAD_DATA);
	expect_tally(d, 10, 14, 0, 0);

	/* Each that gets it, though it is made once. */
	for (uint64_t n = 1; n <= 2; n++) {
		struct wp_message *form = wp_deflate_message(d, message, 15);

		len = form->len - wp_ws_frame_payload_at(form->data);
		expect_tally(d, 10, 14, n * 1000, n * len);
		wp_message_unref(&form);
	}
	for (uint8_t bits = 0; bits <= 15; bits += 15) {
		struct wp_message *plain = wp_deflate_message(
			d, bits == 0 ? message : noise, bits);

		expect_tally(d, 10, 14, 2000, 2 * len);
		wp_message_unref(&plain);
	}
	wp_message_unref(&noise);
	wp_message_unref(&message);
}

#define DEFLATE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEFLATE_TEST(the_examples_of_the_rfc_inflate),
		DEFLATE_TEST(context_is_not_taken_over),
		DEFLATE_TEST(what_is_no_deflated_text_is_refused),
		DEFLATE_TEST(a_message_may_have_max_bytes_and_no_more),
		DEFLATE_TEST(a_bomb_is_not_inflated_beyond_the_limit),
		DEFLATE_TEST(what_is_worth_it_is_deflated_for_each_window),
		DEFLATE_TEST(who_gets_the_same_message_shares_one_form),
		DEFLATE_TEST(what_is_not_worth_it_goes_out_as_it_is),
		DEFLATE_TEST(an_answer_does_not_disturb_what_it_answers),
		DEFLATE_TEST(what_goes_over_the_wire_is_summed_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

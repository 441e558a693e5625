/* Messages for browsers: that of the RFC byte for byte, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/auth/ece.h"
#include "lib/base/encode.h"

enum { OVERHEAD = 16 + 4 + 1 + 65 + 16 };

static void bytes_of(const char *text, void *out, size_t len)
{
	uint8_t room[512];
	size_t n;

	assert_true(strlen(text) < sizeof(room));
	assert_true(wp_base64url_decode(text, strlen(text), room, &n));
	assert_int_equal(n, len);
	memcpy(out, room, len);
}

static struct wp_ece_receiver receiver_of_the_rfc(void)
{
	struct wp_ece_receiver receiver;

	bytes_of("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4"
		 "bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
		 receiver.point, sizeof(receiver.point));
	bytes_of("BTBZMqHH6r4Tts7J_aSIgg", receiver.auth,
		 sizeof(receiver.auth));
	return receiver;
}

static struct wp_ece_sender sender_of_the_rfc(void)
{
	struct wp_ece_sender sender;

	bytes_of("DGv6ra1nlYgDCS1FRnbzlw", sender.salt, sizeof(sender.salt));
	bytes_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", sender.secret,
		 sizeof(sender.secret));
	bytes_of("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY"
		 "WAmS6TlzAC8wEqKK6PBru3jl7A8",
		 sender.point, sizeof(sender.point));
	return sender;
}

/* RFC 8291 section 5 and appendix A */
static void the_message_of_the_rfc_is_that_of_the_rfc(void **state)
{
	static const char plain[] = "When I grow up, I want to be a watermelon";
	static const char wanted[] =
		"DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy2"
		"7mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQp"
		"u6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Q"
		"ulcy4a-fN";
	const struct wp_ece_receiver receiver = receiver_of_the_rfc();
	const struct wp_ece_sender sender = sender_of_the_rfc();
	const struct wp_ece_message message = { .data = plain,
						.len = sizeof(plain) - 1 };
	struct wp_error err = { 0 };
	char text[sizeof(wanted) + 4];
	struct wp_buf out;

	(void)state;
	wp_buf_init(&out, 0);
	assert_int_equal(
		wp_ece_encrypt(&receiver, &sender, &message, &out, &err),
		WP_OK);
	assert_int_equal(out.len, sizeof(plain) - 1 + 1 + OVERHEAD);
	text[wp_base64url_encode(out.data, out.len, text)] = '\0';
	assert_string_equal(text, wanted);
	wp_buf_release(&out);
}

static void all_that_are_short_look_alike(void **state)
{
	static const char plain[300] = "x";
	static const struct {
		size_t len, padded, record;
	} cases[] = {
		{ 0, 0, 1 },       { 0, 256, 256 },   { 254, 256, 256 },
		{ 255, 256, 256 }, { 256, 256, 257 }, { 300, 256, 301 },
	};
	const struct wp_ece_receiver receiver = receiver_of_the_rfc();
	const struct wp_ece_sender sender = sender_of_the_rfc();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct wp_ece_message message = {
			.data = plain,
			.len = cases[i].len,
			.padded = cases[i].padded,
		};
		struct wp_error err = { 0 };
		struct wp_buf out;

		wp_buf_init(&out, 0);
		assert_int_equal(wp_ece_encrypt(&receiver, &sender, &message,
						&out, &err),
				 WP_OK);
		assert_int_equal(out.len, cases[i].record + OVERHEAD);
		wp_buf_release(&out);
	}
}

static void the_longest_fills_one_record(void **state)
{
	static const uint8_t plain[WP_ECE_PLAIN_MAX];
	const struct wp_ece_message message = { .data = plain,
						.len = sizeof(plain) };
	const struct wp_ece_receiver receiver = receiver_of_the_rfc();
	const struct wp_ece_sender sender = sender_of_the_rfc();
	struct wp_error err = { 0 };
	struct wp_buf out;

	(void)state;
	wp_buf_init(&out, 0);
	assert_int_equal(
		wp_ece_encrypt(&receiver, &sender, &message, &out, &err),
		WP_OK);
	assert_int_equal(out.len, 4096);
	wp_buf_release(&out);
}

static void each_sender_is_another(void **state)
{
	struct wp_ece_sender a, b, none = { .salt = { 0 } };
	struct wp_error err = { 0 };

	(void)state;
	assert_int_equal(wp_ece_sender_make(&a, &err), WP_OK);
	assert_int_equal(wp_ece_sender_make(&b, &err), WP_OK);
	assert_true(wp_ece_is_point(a.point, sizeof(a.point)));
	assert_memory_not_equal(a.salt, b.salt, sizeof(a.salt));
	assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
	assert_memory_not_equal(a.point, b.point, sizeof(a.point));
	wp_ece_sender_forget(&a);
	assert_memory_equal(&a, &none, sizeof(a));
}

static void what_is_no_point_is_refused(void **state)
{
	struct wp_ece_receiver receiver = receiver_of_the_rfc();
	const struct wp_ece_sender sender = sender_of_the_rfc();
	const struct wp_ece_message message = { .data = "x", .len = 1 };
	struct wp_error err = { 0 };
	struct wp_buf out;

	(void)state;
	wp_buf_init(&out, 0);
	assert_true(wp_ece_is_point(receiver.point, WP_ECE_POINT_LEN));
	assert_false(wp_ece_is_point(receiver.point, WP_ECE_POINT_LEN - 1));
	receiver.point[64] ^= 1; /* beside the curve */
	assert_false(wp_ece_is_point(receiver.point, WP_ECE_POINT_LEN));
	assert_int_equal(
		wp_ece_encrypt(&receiver, &sender, &message, &out, &err),
		WP_ERR_INVAL);
	receiver.point[64] ^= 1;
	for (unsigned int first = 0; first < 256; first++) {
		receiver.point[0] = (uint8_t)first; /* 6, 7: hybrid */
		assert_int_equal(
			wp_ece_is_point(receiver.point, WP_ECE_POINT_LEN),
			first == 4);
	}
	receiver.point[0] = 6 + (receiver.point[64] & 1);
	assert_int_equal(
		wp_ece_encrypt(&receiver, &sender, &message, &out, &err),
		WP_ERR_INVAL);
	memset(receiver.point, 0, sizeof(receiver.point)); /* infinity */
	assert_false(wp_ece_is_point(receiver.point, WP_ECE_POINT_LEN));
	receiver.point[0] = 4;
	assert_false(wp_ece_is_point(receiver.point, WP_ECE_POINT_LEN));
	memset(receiver.point + 1, 0xff, sizeof(receiver.point) - 1);
	assert_false(wp_ece_is_point(receiver.point, WP_ECE_POINT_LEN));
	assert_int_equal(out.len, 0);
	wp_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_message_of_the_rfc_is_that_of_the_rfc),
		cmocka_unit_test(all_that_are_short_look_alike),
		cmocka_unit_test(the_longest_fills_one_record),
		cmocka_unit_test(each_sender_is_another),
		cmocka_unit_test(what_is_no_point_is_refused),
	};

	return cmocka_run_group_tests_name("lib/auth/ece", tests, NULL, NULL);
}

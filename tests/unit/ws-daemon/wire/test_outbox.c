/* A slow peer costs a bounded amount of memory: prove the bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ws-daemon/wire/outbox.h"

static struct wp_message *raw(const char *text)
{
	struct wp_message *message = wp_message_http(text, strlen(text));

	assert_non_null(message);
	message->is_http = false; /* a frame, whose bytes are easily read */
	return message;
}

/* The answer to a push when max_bytes may wait. */
static enum wp_err push_text_below(struct wp_outbox *box, const char *text,
				   size_t max_bytes)
{
	struct wp_message *message = raw(text);
	enum wp_err rc = wp_outbox_push(box, message, max_bytes);

	wp_message_unref(&message);
	return rc;
}

static void push_text(struct wp_outbox *box, const char *text)
{
	assert_int_equal(push_text_below(box, text, 4096), WP_OK);
}

/* All that gather() shows, as one text. */
static const char *waiting(const struct wp_outbox *box, char *out)
{
	struct iovec iov[64];
	size_t n = wp_outbox_gather(box, iov, 64);

	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		strncat(out, iov[i].iov_base, iov[i].iov_len);
	return out;
}

static void push_refuses_what_would_exceed_the_bound(void **state)
{
	enum { MAX = 2 * (5 + WP_OUTBOX_ENTRY_COST) - 1 };
	struct wp_outbox *box = wp_outbox_new();
	struct wp_message *five = raw("12345");

	(void)state;

	assert_int_equal(wp_outbox_push(box, five, MAX), WP_OK);
	assert_int_equal(wp_outbox_push(box, five, MAX), WP_ERR_FULL);
	assert_int_equal(five->refs, 2);

	/* What is refused takes no room. */
	assert_int_equal(push_text_below(box, "1234", MAX), WP_OK);
	assert_int_equal(push_text_below(box, "", MAX), WP_ERR_FULL);
	wp_outbox_advance(box, 5 + 4);
	assert_int_equal(
		push_text_below(box, "12345", 5 + WP_OUTBOX_ENTRY_COST), WP_OK);
	wp_message_unref(&five);
	wp_outbox_free(&box);
	assert_null(box);
}

static void even_empty_messages_fill_a_box(void **state)
{
	enum { MAX = 10 * WP_OUTBOX_ENTRY_COST };
	struct wp_outbox *box = wp_outbox_new();
	struct wp_message *empty = raw("");

	(void)state;

	for (int i = 0; i < 10; i++)
		assert_int_equal(wp_outbox_push(box, empty, MAX), WP_OK);
	assert_int_equal(wp_outbox_push(box, empty, MAX), WP_ERR_FULL);

	wp_message_unref(&empty);
	wp_outbox_free(&box);
}

static void the_last_message_goes_in_over_the_bound(void **state)
{
	enum { MAX = 5 + WP_OUTBOX_ENTRY_COST };
	struct wp_outbox *box = wp_outbox_new();
	struct wp_message *five = raw("12345");

	(void)state;
	assert_int_equal(wp_outbox_push(box, five, MAX), WP_OK);

	assert_int_equal(wp_outbox_push_always(box, five), WP_OK);
	assert_int_equal(wp_outbox_push(box, five, MAX), WP_ERR_FULL);

	wp_message_unref(&five);
	wp_outbox_free(&box);
}

static void response_neither_counts_nor_is_dropped(void **state)
{
	enum { MAX = 5 + WP_OUTBOX_ENTRY_COST };
	struct wp_outbox *box = wp_outbox_new();
	struct wp_message *response = wp_message_http("response", 8);
	char text[64];

	(void)state;
	assert_non_null(response);
	assert_int_equal(wp_outbox_push_always(box, response), WP_OK);
	assert_int_equal(push_text_below(box, "12345", MAX), WP_OK);

	wp_outbox_drop_unsent(box);

	assert_string_equal(waiting(box, text), "response");
	wp_message_unref(&response);
	wp_outbox_free(&box);
}

static void a_box_keeps_a_message_alive_after_the_caller_lets_go(void **state)
{
	struct wp_outbox *box = wp_outbox_new();
	char text[64];

	(void)state;

	push_text(box, "hi");

	assert_string_equal(waiting(box, text), "hi");
	wp_outbox_free(&box);
}

static void messages_leave_in_the_order_in_which_they_came(void **state)
{
	struct wp_outbox *box = wp_outbox_new();
	char text[256];

	(void)state;

	/* More than the ring holds at first, and around its end. */
	for (int round = 0; round < 3; round++) {
		push_text(box, "a");
		push_text(box, "b");
		push_text(box, "c");
		wp_outbox_advance(box, 2);
		push_text(box, "d");
		push_text(box, "e");
		push_text(box, "f");
		push_text(box, "g");
		assert_string_equal(waiting(box, text), "cdefg");
		wp_outbox_advance(box, 5);
		assert_true(wp_outbox_is_empty(box));
	}
	/* Nothing is left of what went through. */
	assert_int_equal(
		push_text_below(box, "12345", 5 + WP_OUTBOX_ENTRY_COST), WP_OK);
	wp_outbox_free(&box);
}

static void a_partial_write_goes_on_where_it_stopped(void **state)
{
	char text[64];

	(void)state;

	for (size_t cut = 0; cut <= 6; cut++) {
		struct wp_outbox *box = wp_outbox_new();

		push_text(box, "abc");
		push_text(box, "def");
		wp_outbox_advance(box, cut);
		assert_string_equal(waiting(box, text), &"abcdef"[cut]);
		wp_outbox_free(&box);
	}
}

static void dropping_spares_a_frame_that_was_begun(void **state)
{
	struct wp_outbox *box = wp_outbox_new();
	char text[64];

	(void)state;
	push_text(box, "abc");
	push_text(box, "def");

	wp_outbox_advance(box, 1);
	wp_outbox_drop_unsent(box);
	assert_string_equal(waiting(box, text), "bc");

	wp_outbox_advance(box, 2);
	push_text(box, "def");
	wp_outbox_drop_unsent(box);
	assert_true(wp_outbox_is_empty(box));
	wp_outbox_free(&box);
}

static void a_box_knows_whether_a_poke_is_among_the_waiting(void **state)
{
	struct wp_outbox *box = wp_outbox_new();
	struct wp_message *poke = raw("poke");

	(void)state;
	poke->is_poke = true;
	push_text(box, "x");
	assert_false(wp_outbox_has_poke(box));

	assert_int_equal(wp_outbox_push(box, poke, 4096), WP_OK);
	assert_true(wp_outbox_has_poke(box));
	wp_outbox_advance(box, 1 + 3);
	assert_true(wp_outbox_has_poke(box));
	wp_outbox_advance(box, 1);
	assert_false(wp_outbox_has_poke(box));

	assert_int_equal(wp_outbox_push(box, poke, 4096), WP_OK);
	wp_outbox_drop_unsent(box);
	assert_false(wp_outbox_has_poke(box));
	wp_message_unref(&poke);
	wp_outbox_free(&box);
}

static void a_close_frame_carries_its_code(void **state)
{
	struct wp_message *message = wp_message_close(4409);

	(void)state;

	assert_int_equal(message->len, 2 + 2);
	assert_memory_equal(message->data, "\x88\x02\x11\x39", 4);
	wp_message_unref(&message);

	message = wp_message_close(WP_CLOSE_NO_STATUS);
	assert_int_equal(message->len, 2);
	assert_memory_equal(message->data, "\x88\x00", 2);
	wp_message_unref(&message);
	assert_null(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push_refuses_what_would_exceed_the_bound),
		cmocka_unit_test(even_empty_messages_fill_a_box),
		cmocka_unit_test(the_last_message_goes_in_over_the_bound),
		cmocka_unit_test(response_neither_counts_nor_is_dropped),
		cmocka_unit_test(
			a_box_keeps_a_message_alive_after_the_caller_lets_go),
		cmocka_unit_test(
			messages_leave_in_the_order_in_which_they_came),
		cmocka_unit_test(a_partial_write_goes_on_where_it_stopped),
		cmocka_unit_test(dropping_spares_a_frame_that_was_begun),
		cmocka_unit_test(
			a_box_knows_whether_a_poke_is_among_the_waiting),
		cmocka_unit_test(a_close_frame_carries_its_code),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}

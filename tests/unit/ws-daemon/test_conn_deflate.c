/* Connections that agreed on permessage-deflate, over a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <zlib.h>

#include "tests/support/ws/ws_client.h"

enum { BOMB_BYTES = 4 << 20, LARGE_BYTES = 30000, N_FRAMES = 100 };

static const enum wp_ws_opcode deflated_text =
	(enum wp_ws_opcode)(WP_WS_TEXT | WP_WS_DEFLATED);

static int setup(void **state)
{
	static struct ws_world world;

	ws_world_start(&world);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	ws_world_stop(*state);
	return 0;
}

/* A quiet connection that could have offered it. */
static struct wp_conn *open_deflating(struct ws_world *w, int *peer)
{
	struct wp_conn *conn = ws_open_quiet(w, peer);

	conn->session.deflate_bits = 15;
	return conn;
}

/* Append a ping of so many bytes as a deflated frame. */
static void add_ping(struct wp_buf *out, size_t len)
{
	static const char start[] = "{\"type\":\"ping\",\"x\":\"";
	char *text = malloc(len);
	char *packed = malloc(len);
	z_stream z = { 0 };

	assert_non_null(text);
	assert_non_null(packed);
	memset(text, 'a', len);
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + len - 2, "\"}", 2);
	assert_int_equal(
		deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY),
		Z_OK);
	z.next_in = (Bytef *)text;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)packed;
	z.avail_out = (uInt)len;
	assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	ws_frame_add(out, deflated_text, packed, len - z.avail_out - 4);
	(void)deflateEnd(&z);
	free(packed);
	free(text);
}

static void write_and_settle(struct ws_world *w, int peer,
			     const struct wp_buf *out)
{
	ws_write_all(peer, out->data, out->len);
	ws_world_settle(w);
}

static void a_deflated_message_is_understood(void **state)
{
	struct wp_buf out;
	int peer;

	(void)open_deflating(*state, &peer);
	wp_buf_init(&out, 0);
	add_ping(&out, LARGE_BYTES);
	ws_text_add(&out, "{\"type\":\"ping\"}");
	write_and_settle(*state, peer, &out);
	/* And so is one that is not, behind it. */
	assert_string_equal(ws_read_all(peer, NULL),
			    "\x81\x0f{\"type\":\"pong\"}"
			    "\x81\x0f{\"type\":\"pong\"}");
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(*state);
}

static void what_inflates_beyond_the_limit_is_1009(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;
	int peer;

	(void)open_deflating(w, &peer);
	wp_buf_init(&out, 0);
	add_ping(&out, BOMB_BYTES);
	assert_true(out.len < BOMB_BYTES / 500);
	write_and_settle(w, peer, &out);
	assert_string_equal(ws_read_all(peer, NULL), "\x88\x02\x03\xf1");
	assert_true(ws_is_at_end(peer));
	assert_true(wp_deflate_inflated(w->parts->deflate) <=
		    wp_conf_max_ws_message(&w->conf) + 1);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

static void small_frames_that_become_large_share_the_loop(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;
	int peer;
	size_t len;
	const char *text;
	size_t n;

	(void)open_deflating(w, &peer);
	w->parts->frames.unit_ns = 0;
	wp_buf_init(&out, 0);
	for (int i = 0; i < N_FRAMES; i++)
		add_ping(&out, LARGE_BYTES);
	ws_write_all(peer, out.data, out.len);
	while (wp_deflate_inflated(w->parts->deflate) == 0)
		ws_world_turn(w);
	text = ws_read_all(peer, &len);
	n = ws_count(text, len, "pong");
	assert_true(n > 0 && n < N_FRAMES / 2);
	ws_world_settle(w);
	text = ws_read_all(peer, &len);
	assert_int_equal(n + ws_count(text, len, "pong"), N_FRAMES);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

static void a_long_frame_goes_out_deflated_to_who_agreed(void **state)
{
	struct ws_world *w = *state;
	struct wp_message *message;
	struct wp_conn *plain;
	struct wp_conn *deflating;
	char text[1000];
	int peer;
	int other;
	size_t len;

	memset(text, 'n', sizeof(text));
	message = wp_message_frame(WP_WS_TEXT, text, sizeof(text));
	assert_non_null(message);
	plain = ws_open_quiet(w, &peer);
	deflating = open_deflating(w, &other);
	wp_conn_send(plain, message);
	wp_conn_send(deflating, message);
	ws_world_settle(w);
	assert_int_equal((uint8_t)ws_read_all(peer, &len)[0], 0x81);
	assert_int_equal(len, message->len);
	assert_int_equal((uint8_t)ws_read_all(other, &len)[0], 0xc1);
	assert_true(len < message->len / 10);
	wp_message_unref(&message);
	close(peer);
	close(other);
	ws_world_settle(w);
}

#define CONN_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONN_TEST(a_deflated_message_is_understood),
		CONN_TEST(what_inflates_beyond_the_limit_is_1009),
		CONN_TEST(small_frames_that_become_large_share_the_loop),
		CONN_TEST(a_long_frame_goes_out_deflated_to_who_agreed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

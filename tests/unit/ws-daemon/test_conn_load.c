/* How much one user may leave unanswered, over socket pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/name/msgid.h"
#include "tests/support/ws/ws_client.h"

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

/* Frames of one user over as many connections as it takes, all unanswered. */
static size_t flood_unanswered(struct ws_world *w, const char *frame, int *peer,
			       size_t n_peers)
{
	struct wp_buf out;
	size_t refused = 0;

	wp_buf_init(&out, 0);
	ws_text_add(&out, frame);
	for (size_t i = 0; i < n_peers; i++) {
		size_t len;
		const char *text;

		(void)ws_open_quiet(w, &peer[i]);
		for (int k = 0; k < WP_SESSION_UNANSWERED_MAX; k++) {
			ws_write_all(peer[i], out.data, out.len);
			ws_world_settle(w);
		}
		text = ws_read_all(peer[i], &len);
		refused += ws_count(text, len, "\"overloaded\"");
	}
	wp_buf_release(&out);
	return refused;
}

static void assert_user_has_a_part(struct ws_world *w, const char *frame,
				   int *peers, size_t n_peers)
{
	size_t refused = flood_unanswered(w, frame, peers, n_peers);
	size_t waiting = ws_world_waiting();
	struct wp_conn *conn;
	struct wp_buf out;
	int other;

	assert_true(refused > 0);
	assert_int_equal(refused + waiting,
			 n_peers * WP_SESSION_UNANSWERED_MAX);
	assert_true(w->parts->live.inflight <= WP_INFLIGHT_USER_MAX);
	assert_true(waiting * strlen(frame) > WP_INFLIGHT_USER_MAX / 3);

	/* Others go on, and their connections need not be old. */
	conn = ws_world_open(w, "urn:sm:user:bob", &other);
	wp_buf_init(&out, 0);
	ws_add_send(&out, 1);
	ws_write_all(other, out.data, out.len);
	ws_world_settle(w);
	assert_int_equal(conn->session.n_unanswered, 1);

	/* To leave does not make room, answers do. */
	for (size_t i = 0; i < n_peers; i++)
		close(peers[i]);
	ws_world_settle(w);
	assert_true(w->parts->live.inflight > WP_INFLIGHT_USER_MAX / 3);
	ws_answer_all(w);
	assert_int_equal(w->parts->live.inflight, 0);
	wp_buf_release(&out);
	close(other);
	ws_world_settle(w);
}

static void unanswered_sends_of_one_user_are_bounded(void **state)
{
	enum { BASE64 = 100000, PEERS = 7 };
	struct wp_buf frame;
	int peers[PEERS];

	wp_buf_init(&frame, 0);
	wp_buf_add_str(&frame, "{\"type\":\"send\",\"envelope\":{"
			       "\"recipientId\":\"bob\","
			       "\"encryptedData\":\"");
	for (int i = 0; i < BASE64; i++)
		wp_buf_add_char(&frame, 'A');
	wp_buf_add_str(&frame, "\"}}");
	wp_buf_add_char(&frame, '\0');
	assert_user_has_a_part(*state, frame.data, peers, PEERS);
	wp_buf_release(&frame);
}

static void unanswered_acks_of_one_user_are_bounded(void **state)
{
	enum { PEERS = 12 };
	struct ws_world *w = *state;
	struct wp_msgid id = { .entry = { .ms = 1700000000000 } };
	struct wp_urn urn;
	struct wp_box box;
	struct wp_buf frame;
	int peers[PEERS];

	assert_int_equal(wp_urn_parse(&urn, "urn:sm:user:ann", 15, NULL),
			 WP_OK);
	wp_box_of(&box, &urn, (uint32_t)w->conf.mailbox.partitions);
	id.partition = (uint16_t)box.partition;
	wp_buf_init(&frame, 0);
	wp_buf_add_str(&frame, "{\"type\":\"ack\",\"messageIds\":[");
	for (int i = 0; i < 1000; i++) {
		char text[WP_MSGID_LEN + 1];

		id.entry.seq = (uint64_t)i;
		wp_msgid_format(&id, text);
		wp_buf_printf(&frame, "%s\"%s\"", i == 0 ? "" : ",", text);
	}
	wp_buf_add_str(&frame, "]}");
	wp_buf_add_char(&frame, '\0');
	assert_user_has_a_part(w, frame.data, peers, PEERS);
	wp_buf_release(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			unanswered_sends_of_one_user_are_bounded, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			unanswered_acks_of_one_user_are_bounded, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("conn_load", tests, NULL, NULL);
}

/*
 * A client's frames, whole and cut, between answers, turns and ends: nothing
 * is used after it is gone, no more than 32 frames are unanswered, and in the
 * end nobody is left. Each byte is a step; some take the bytes behind them.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/ws/ws_world.h"

static const char *const texts[] = {
	"{\"type\":\"send\",\"ref\":1,\"envelope\":{\"recipientId\":\"bob\","
	"\"encryptedData\":\"eA==\"}}",
	"{\"type\":\"ack\",\"messageIds\":[]}",
	"{\"type\":\"ack\",\"ref\":\"r\",\"messageIds\":"
	"[\"0190a3c1-7e2b-7f4a-8c3d-1b2a3c4d5e6f\"]}",
	"{\"type\":\"ack\",\"messageIds\":[\"x\"]}",
	"{\"type\":\"chat\",\"chatId\":\"c\"}",
	"{\"type\":\"chat\",\"chatId\":null}",
	"{\"type\":\"ping\"}",
	"{\"type\":\"refresh\",\"ref\":2,\"token\":\"a.b.c\"}",
	"{\"type\":\"refresh\"}",
	"{\"type\":\"else\"}",
	"{",
};

enum {
	STEP_TEXT,
	STEP_MANY,
	STEP_CONTROL,
	STEP_BROKEN,
	STEP_WRITE, /* only a part of what was made so far */
	STEP_TURN,
	STEP_ANSWER,
	STEP_POKE,
	STEP_CLOSE,
	STEP_READ,
	STEP_HALF_CLOSE,
	STEPS,
	TEXTS = sizeof(texts) / sizeof(texts[0]),
};

struct client {
	struct ws_world *w;
	const uint8_t *data;
	size_t size;
	struct wp_buf out;
	uint64_t number;
	int peer;
};

static uint8_t take(struct client *c)
{
	if (c->size == 0)
		return 0;
	c->size--;
	return *c->data++;
}

static void write_some(struct client *c, size_t len)
{
	ssize_t n;

	if (len > c->out.len)
		len = c->out.len;
	n = send(c->peer, c->out.data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		wp_buf_consume(&c->out, (size_t)n);
}

static void read_some(const struct client *c)
{
	char data[4096];

	while (recv(c->peer, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
}

static void step(struct client *c, uint8_t what)
{
	struct wp_member *member =
		wp_hub_find(c->w->parts->live.hub, c->number);
	struct wp_conn *conn = member == NULL ? NULL : wp_conn_of(member);
	uint8_t choice;

	assert(conn == NULL ||
	       conn->session.n_unanswered <= WP_SESSION_UNANSWERED_MAX);
	switch (what % STEPS) {
	case STEP_TEXT:
		ws_text_add(&c->out, texts[take(c) % TEXTS]);
		break;
	case STEP_MANY:
		choice = take(c);
		for (int i = take(c) % 64; i > 0; i--)
			ws_text_add(&c->out, texts[choice % TEXTS]);
		break;
	case STEP_CONTROL:
		choice = take(c) % 3;
		ws_frame_add(&c->out, WP_WS_CLOSE + choice, "\x03\xe8", 2);
		break;
	case STEP_BROKEN:
		wp_buf_add_char(&c->out, (char)take(c));
		break;
	case STEP_WRITE:
		write_some(c, (size_t)take(c) * 16 + 1);
		break;
	case STEP_TURN:
		ws_world_turn(c->w);
		break;
	case STEP_ANSWER:
		ws_world_answer();
		break;
	case STEP_POKE:
		if (conn != NULL)
			wp_conn_on_poke(NULL, &conn->member);
		break;
	case STEP_CLOSE:
		if (conn != NULL)
			wp_conn_close(conn, WP_CLOSE_REPLACED,
				      WP_M_CLOSE_REPLACED);
		break;
	case STEP_READ:
		read_some(c);
		break;
	case STEP_HALF_CLOSE:
		shutdown(c->peer, SHUT_WR);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ws_world world;
	struct client c = { .w = &world, .data = data, .size = size };

	if (world.loop == NULL)
		ws_world_start(&world);
	wp_buf_init(&c.out, 0);
	c.number = ws_world_open(&world, "urn:sm:user:ann", &c.peer)
			   ->member.number;
	while (c.size > 0)
		step(&c, take(&c));
	write_some(&c, c.out.len);
	ws_world_settle(&world);
	close(c.peer);
	do {
		ws_world_settle(&world);
	} while (ws_world_answer());
	assert(world.parts->n_sockets == 0);
	wp_buf_release(&c.out);
	return 0;
}

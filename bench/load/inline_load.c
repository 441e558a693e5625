/*
 * inline_load.c - many WebSocket clients that are sent their messages and ack
 * them: how fast mailboxes are emptied.
 *
 * All connect; then each acks whatever one read brought, in one frame. Ends
 * when so many messages have come, or when nothing has come for a while, and
 * prints a line of JSON. Time runs from the first message to the last.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/net.h"

enum {
	EVENTS = 256,
	BUFFER_BYTES = 1 << 17, /* the longest frame, and what came with it */
	ID_LEN = 36,
	ACK_MAX = 1 << 16,
	HEAD_MAX = 14, /* of a frame that is masked */
	QUIET_NS = 1000000000,
	REQUEST_MAX = 12288,
};

struct client {
	int fd;
	bool is_in; /* the upgrade was answered */
	size_t len; /* of what was read and not looked at */
	char *data;
};

static struct load {
	struct net_address address;
	const char *target;
	char *tokens;
	size_t token_len;
	unsigned int connections;
	uint64_t received, acked, first_ns, last_ns;
	int epoll;
	struct client *clients;
} load = { .connections = 100, .target = "/connect?deliver=inline" };

static char ack_text[HEAD_MAX + ACK_MAX];

static void connect_one(unsigned int number)
{
	struct client *client = &load.clients[number];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	char request[REQUEST_MAX];
	int len = snprintf(
		request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Authorization: Bearer %.*s\r\n\r\n",
		load.target, (int)load.token_len,
		load.tokens + number * (load.token_len + 1));

	client->data = malloc(BUFFER_BYTES);
	client->fd = net_connect(&load.address);
	if (client->data == NULL ||
	    epoll_ctl(load.epoll, EPOLL_CTL_ADD, client->fd, &event) != 0 ||
	    send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		net_die("client %u cannot connect", number);
}

/* A masked text frame; the mask is zero, so that nothing has to be changed. */
static void send_ack(const struct client *client, char *text, size_t len)
{
	size_t head = len < 126 ? 6 : 8;
	char *frame = text - head;

	frame[0] = (char)0x81;
	if (len < 126) {
		frame[1] = (char)(0x80 | len);
	} else {
		frame[1] = (char)(0x80 | 126);
		frame[2] = (char)(len >> 8);
		frame[3] = (char)len;
	}
	memset(text - 4, 0, 4);
	if (send(client->fd, frame, head + len, MSG_NOSIGNAL) !=
	    (ssize_t)(head + len))
		net_die("an ack did not go out whole");
}

/* Take one text frame; what it is of interest for goes to the ack. */
static size_t take_text(const char *text, size_t len, char *ack, size_t ack_len)
{
	static const char message[] = "{\"type\":\"message\",\"id\":\"";
	static const char acked[] = "{\"type\":\"acked\"";
	size_t skip = sizeof(message) - 1;

	if (len >= sizeof(acked) - 1 &&
	    memcmp(text, acked, sizeof(acked) - 1) == 0)
		load.acked++;
	if (len < skip + ID_LEN || memcmp(text, message, skip) != 0)
		return ack_len;
	load.last_ns = net_now_ns();
	if (load.received++ == 0)
		load.first_ns = load.last_ns;
	if (ack_len + ID_LEN + 8 > ACK_MAX)
		net_die("one read brought too many messages");
	return ack_len + (size_t)sprintf(ack + ack_len, "%s\"%.*s\"",
					 ack[ack_len - 1] == '[' ? "" : ",",
					 ID_LEN, text + skip);
}

/* Returns: the bytes of a whole frame at the start of data, 0 for less */
static size_t frame_len(const char *data, size_t len, size_t *head_out)
{
	const uint8_t *bytes = (const uint8_t *)data;
	size_t head = 2, body;

	if (len < 2)
		return 0;
	body = bytes[1];
	if (body == 127)
		net_die("a frame is longer than a benchmark's");
	if (body == 126) {
		head = 4;
		if (len < head)
			return 0;
		body = (size_t)bytes[2] << 8 | bytes[3];
	}
	*head_out = head;
	return head + body <= len ? head + body : 0;
}

static void take_frames(struct client *client)
{
	static const char start[] = "{\"type\":\"ack\",\"messageIds\":[";
	char *ack = ack_text + HEAD_MAX;
	size_t at = 0, head = 0, n, ack_len = sizeof(start) - 1;

	memcpy(ack, start, ack_len);
	while ((n = frame_len(client->data + at, client->len - at, &head)) >
	       0) {
		if ((client->data[at] & 0x0f) == 8)
			net_die("the server closed a connection");
		if ((client->data[at] & 0x0f) == 1)
			ack_len = take_text(client->data + at + head, n - head,
					    ack, ack_len);
		at += n;
	}
	client->len -= at;
	memmove(client->data, client->data + at, client->len);
	if (ack_len == sizeof(start) - 1)
		return;
	ack[ack_len++] = ']';
	ack[ack_len++] = '}';
	send_ack(client, ack, ack_len);
}

static void take_upgrade(struct client *client)
{
	char *end;

	client->data[client->len] = '\0';
	if (client->len >= 12 && memcmp(client->data, "HTTP/1.1 101", 12) != 0)
		net_die("refused: %.200s", client->data);
	end = strstr(client->data, "\r\n\r\n");
	if (end == NULL)
		return;
	client->is_in = true;
	client->len -= (size_t)(end + 4 - client->data);
	memmove(client->data, end + 4, client->len);
}

static void read_client(struct client *client)
{
	ssize_t n = recv(client->fd, client->data + client->len,
			 BUFFER_BYTES - 1 - client->len, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		net_die("the server ended a connection");
	client->len += (size_t)n;
	if (!client->is_in)
		take_upgrade(client);
	if (client->is_in)
		take_frames(client);
}

/* Until all have come and the acks are answered, or nothing comes. */
static void drain(void)
{
	uint64_t quiet_since = net_now_ns();
	uint64_t seen = 0;

	while (net_now_ns() - quiet_since < QUIET_NS) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(load.epoll, events, EVENTS, 100);

		for (int i = 0; i < n; i++)
			read_client(events[i].data.ptr);
		if (load.received + load.acked != seen)
			quiet_since = net_now_ns();
		seen = load.received + load.acked;
	}
}

static const char usage_text[] =
	"usage: inline_load -c CLIENTS -J FILE of tokens [-p TARGET] "
	"127.0.0.1:PORT|unix:PATH";

static void read_options(int argc, char **argv)
{
	size_t len;
	int option;

	while ((option = getopt(argc, argv, "c:p:J:")) != -1) {
		switch (option) {
		case 'c':
			load.connections = net_number(optarg);
			break;
		case 'p':
			load.target = optarg;
			break;
		case 'J':
			load.tokens = net_read_file(optarg, &len);
			load.token_len = strcspn(load.tokens, "\n");
			break;
		default:
			net_die("%s", usage_text);
		}
	}
	if (optind + 1 != argc || load.tokens == NULL)
		net_die("%s", usage_text);
	load.address = net_address(argv[optind]);
}

int main(int argc, char **argv)
{
	net_help(argc, argv, usage_text);
	read_options(argc, argv);
	net_raise_limit();
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.clients = calloc(load.connections, sizeof(*load.clients));
	if (load.clients == NULL)
		net_die("out of memory");
	for (unsigned int i = 0; i < load.connections; i++)
		connect_one(i);
	drain();
	printf("{\"received\":%llu,\"acks\":%llu,\"seconds\":%.4f,"
	       "\"cpu_s\":%.4f}\n",
	       (unsigned long long)load.received,
	       (unsigned long long)load.acked,
	       (double)(load.last_ns - load.first_ns) / 1e9, net_cpu_s());
	return 0;
}

/*
 * inline_load.c - clients that get their messages on the socket and acknowledge
 * them: how fast all that waits is gone.
 *
 * Each acknowledges in one frame whatever has come since its last one was
 * answered, as a client does that saves what it got in between.
 *
 * Protocol with whoever started it: a line of JSON when all are connected, who
 * then keep the window full that they have; for a line "take N" on standard
 * input, a line of JSON when N messages were acknowledged.
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
#include <unistd.h>

#include "bench/load/net.h"

enum {
	EVENTS = 256,
	BUFFER = 1 << 17, /* more than the largest frame */
	HELD_MAX = 1024,  /* ids; a window has fewer */
	ID_LEN = 36,
	QUIET_MS = 10000, /* after so long without an answer it has failed */
};

struct client {
	int fd;
	bool is_upgraded, is_greeted, is_acking;
	unsigned int asked; /* ids in the frame under way */
	unsigned int held;
	char ids[HELD_MAX][ID_LEN];
	size_t len;
	char data[BUFFER];
};

static struct {
	struct net_address address;
	unsigned int connections, greeted;
	char *tokens;
	size_t token_len;
	struct client *clients;
	int epoll;
	bool is_taking;
	uint64_t came, acked;
} load = { .connections = 100 };

static void send_all(const struct client *client, const char *data, size_t len)
{
	if (send(client->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		net_die("a frame did not go out whole");
}

/* The mask is zero: what is sent is what it says. */
static void acknowledge(struct client *client)
{
	static char frame[HELD_MAX * (ID_LEN + 3) + 64];
	size_t at = 8; /* behind the head: 16 bits of length, and the mask */

	if (client->held == 0 || client->is_acking || !load.is_taking)
		return;
	at += (size_t)sprintf(frame + at, "{\"type\":\"ack\",\"messageIds\":[");
	for (unsigned int i = 0; i < client->held; i++)
		at += (size_t)sprintf(frame + at, "%s\"%.*s\"",
				      i > 0 ? "," : "", ID_LEN, client->ids[i]);
	at += (size_t)sprintf(frame + at, "]}");
	frame[0] = (char)0x81;
	frame[1] = (char)(0x80 | 126);
	frame[2] = (char)((at - 8) >> 8);
	frame[3] = (char)(at - 8);
	memset(frame + 4, 0, 4);
	client->is_acking = true;
	client->asked = client->held;
	client->held = 0;
	send_all(client, frame, at);
}

static bool is_of(const char *type, const char *payload, size_t len)
{
	return len >= strlen(type) && memcmp(payload, type, strlen(type)) == 0;
}

static void text_came(struct client *client, const char *payload, size_t len)
{
	static const char message[] = "{\"type\":\"message\",\"id\":\"";

	if (is_of(message, payload, len) &&
	    len >= sizeof(message) - 1 + ID_LEN) {
		if (client->held == HELD_MAX)
			net_die("more came than a window has");
		memcpy(client->ids[client->held++],
		       payload + sizeof(message) - 1, ID_LEN);
		load.came++;
	} else if (is_of("{\"type\":\"acked\"", payload, len)) {
		load.acked += client->asked;
		client->is_acking = false;
	} else if (is_of("{\"type\":\"connected\"", payload, len)) {
		client->is_greeted = true;
		load.greeted++;
	} else if (is_of("{\"type\":\"error\"", payload, len)) {
		net_die("%.*s", (int)len, payload);
	}
}

/* Bytes of the frame at the front; 0 while it is not whole. */
static size_t take_frame(struct client *client, const char *data, size_t len)
{
	const unsigned char *head = (const unsigned char *)data;
	size_t head_len = 2, payload_len;

	if (len < 2)
		return 0;
	payload_len = head[1] & 0x7f;
	head_len += payload_len == 126 ? 2 : payload_len == 127 ? 8 : 0;
	if (len < head_len)
		return 0;
	if (head_len > 2)
		payload_len = 0;
	for (size_t i = 2; i < head_len; i++)
		payload_len = payload_len << 8 | head[i];
	if (head_len + payload_len > BUFFER)
		net_die("a frame is too long");
	if (len < head_len + payload_len)
		return 0;
	if ((head[0] & 0x0f) == 8)
		net_die("the server closed a connection");
	if ((head[0] & 0x0f) == 1)
		text_came(client, data + head_len, payload_len);
	return head_len + payload_len;
}

static size_t take_upgrade(struct client *client)
{
	const char *end = memmem(client->data, client->len, "\r\n\r\n", 4);

	if (end == NULL)
		return 0;
	if (memcmp(client->data, "HTTP/1.1 101", 12) != 0)
		net_die("refused: %.*s", (int)client->len, client->data);
	client->is_upgraded = true;
	return (size_t)(end - client->data) + 4;
}

static void read_client(struct client *client)
{
	ssize_t n = recv(client->fd, client->data + client->len,
			 sizeof(client->data) - client->len, MSG_DONTWAIT);
	size_t at = 0, taken;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		net_die("the server ended a connection");
	client->len += (size_t)n;
	if (!client->is_upgraded)
		at = take_upgrade(client);
	while (client->is_upgraded &&
	       (taken = take_frame(client, client->data + at,
				   client->len - at)) > 0)
		at += taken;
	client->len -= at;
	memmove(client->data, client->data + at, client->len);
	acknowledge(client);
}

static void turn(void)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(load.epoll, events, EVENTS, QUIET_MS);

	if (n == 0)
		net_die("nothing comes: %llu came, %llu acknowledged",
			(unsigned long long)load.came,
			(unsigned long long)load.acked);
	for (int i = 0; i < n; i++)
		read_client(events[i].data.ptr);
}

static void get_in(struct client *client, unsigned int number)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	char request[12288];
	int len = snprintf(
		request, sizeof(request),
		"GET /connect?deliver=inline HTTP/1.1\r\nHost: bench\r\n"
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Authorization: Bearer %.*s\r\n\r\n",
		(int)load.token_len,
		load.tokens + number * (load.token_len + 1));

	client->fd = net_connect(&load.address);
	send_all(client, request, (size_t)len);
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
		net_die("epoll_ctl: %s", strerror(errno));
	while (!client->is_greeted)
		turn();
}

/* What is on the clients' side by now was sent before the clock began. */
static void take(unsigned int n)
{
	uint64_t start = net_now_ns(), before = load.came;
	double cpu_s = net_cpu_s();

	load.is_taking = true;
	for (unsigned int i = 0; i < load.connections; i++)
		acknowledge(&load.clients[i]);
	while (load.acked < n)
		turn();
	printf("{\"came\":%llu,\"before\":%llu,\"acked\":%llu,"
	       "\"seconds\":%.4f,\"cpu_s\":%.4f}\n",
	       (unsigned long long)load.came, (unsigned long long)before,
	       (unsigned long long)load.acked,
	       (double)(net_now_ns() - start) / 1e9, net_cpu_s() - cpu_s);
	fflush(stdout);
}

/* Until there is an order, read what comes. */
static unsigned int wait_for_order(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	struct epoll_event events[EVENTS];
	char line[64], *rest = line;

	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
		net_die("epoll_ctl: %s", strerror(errno));
	for (;;) {
		int n = epoll_wait(load.epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr != NULL) {
				read_client(events[i].data.ptr);
				continue;
			}
			(void)epoll_ctl(load.epoll, EPOLL_CTL_DEL, STDIN_FILENO,
					NULL);
			if (fgets(line, sizeof(line), stdin) == NULL)
				exit(0);
			if (strcmp(strsep(&rest, " "), "take") != 0 ||
			    rest == NULL)
				net_die("an order is: take N");
			rest[strcspn(rest, "\n")] = '\0';
			return net_number(rest);
		}
	}
}

static const char usage_text[] =
	"usage: inline_load [-c CLIENTS] -J TOKENS 127.0.0.1:PORT|unix:PATH";

int main(int argc, char **argv)
{
	size_t len;
	int option;

	net_help(argc, argv, usage_text);
	while ((option = getopt(argc, argv, "c:J:")) != -1) {
		if (option == 'c')
			load.connections = net_number(optarg);
		else if (option == 'J')
			load.tokens = net_read_file(optarg, &len);
		else
			net_die("%s", usage_text);
	}
	if (optind + 1 != argc || load.tokens == NULL)
		net_die("%s", usage_text);
	load.token_len = strcspn(load.tokens, "\n");
	load.address = net_address(argv[optind]);
	net_raise_limit();
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.clients = calloc(load.connections, sizeof(*load.clients));
	for (unsigned int i = 0; i < load.connections; i++)
		get_in(&load.clients[i], i);
	printf("{\"connected\":%u}\n", load.connections);
	fflush(stdout);
	take(wait_for_order());
	return 0;
}

/*
 * ws_loop.c - a bare loop that pokes: epoll, its own few lines of WebSocket and
 * of Redis' protocol, no token, no timer, no limit. What a daemon could be at
 * best.
 *
 * usage: ws_loop SOCKET REDIS-SOCKET
 *
 * A client is the number at the end of its target: /connect?00042. A message on
 * the channel "poke" ends with the number of who is poked. Both have five
 * digits.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/load/net.h"

enum {
	CLIENTS_MAX = 100000,
	DIGITS = 5,
	BACKLOG = 4096,
	EVENTS = 512,
	READ_BYTES = 1 << 16,
	KEY_LEN = 24,
};

static int client_of[CLIENTS_MAX]; /* descriptors; 0: nobody */

static long number_before(const char *end)
{
	long value = 0;

	for (int i = DIGITS; i > 0; i--)
		value = value * 10 + (end[-i] - '0');
	return value >= 0 && value < CLIENTS_MAX ? value : -1;
}

/* The request is one read: it is a benchmark's. */
static void upgrade(int fd, char *request)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char *end = strstr(request, " HTTP/1.1\r\n");
	char *key = strstr(request, "Sec-WebSocket-Key: ");
	char both[KEY_LEN + sizeof(guid)];
	unsigned char sha1[EVP_MAX_MD_SIZE], accept[64];
	char answer[256];
	int len;

	if (end == NULL || key == NULL || end < request + DIGITS ||
	    number_before(end) < 0)
		net_die("this is no request for an upgrade");
	memcpy(both, key + strlen("Sec-WebSocket-Key: "), KEY_LEN);
	memcpy(both + KEY_LEN, guid, sizeof(guid));
	EVP_Digest(both, strlen(both), sha1, NULL, EVP_sha1(), NULL);
	EVP_EncodeBlock(accept, sha1, 20);
	len = snprintf(answer, sizeof(answer),
		       "HTTP/1.1 101 Switching Protocols\r\n"
		       "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Accept: %s\r\n\r\n",
		       (char *)accept);
	client_of[number_before(end)] = fd;
	(void)send(fd, answer, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void poke(long number)
{
	static const char frame[] = "\x81\x0f{\"type\":\"poke\"}";

	if (number >= 0 && client_of[number] > 0)
		(void)send(client_of[number], frame, sizeof(frame) - 1,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * Messages have seven lines: *3 $7 message $4 poke $len and who it is, the only
 * line that begins with "u".
 */
static void read_redis(int fd)
{
	static char data[READ_BYTES];
	static size_t kept;
	ssize_t n = recv(fd, data + kept, sizeof(data) - kept, MSG_DONTWAIT);
	char *line = data, *end;

	if (n == 0)
		exit(0);
	if (n < 0)
		return;
	kept += (size_t)n;
	while ((end = memchr(line, '\n', kept - (size_t)(line - data))) !=
	       NULL) {
		if (*line == 'u' && end - line > DIGITS + 1)
			poke(number_before(end - 1));
		line = end + 1;
	}
	kept -= (size_t)(line - data);
	memmove(data, line, kept);
}

static void add(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		net_die("epoll_ctl: %s", strerror(errno));
}

static void read_client(int fd)
{
	static char data[READ_BYTES + 1];
	ssize_t n = recv(fd, data, READ_BYTES, MSG_DONTWAIT);

	if (n > 0 && data[0] == 'G') {
		data[n] = '\0';
		upgrade(fd, data);
	} else if (n == 0 || (n < 0 && errno != EAGAIN)) {
		for (long i = 0; i < CLIENTS_MAX; i++)
			if (client_of[i] == fd)
				client_of[i] = 0;
		close(fd);
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, BACKLOG) != 0)
		net_die("%s: %s", path, strerror(errno));
	return fd;
}

static int subscribe(const char *path)
{
	static const char words[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\npoke\r\n";
	char text[256];
	struct net_address address;
	int fd;

	snprintf(text, sizeof(text), "unix:%s", path);
	address = net_address(text);
	fd = net_connect(&address);
	(void)send(fd, words, sizeof(words) - 1, MSG_NOSIGNAL);
	return fd;
}

static const char usage_text[] = "usage: ws_loop SOCKET REDIS-SOCKET";

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	int epoll = epoll_create1(0);
	int door, redis;

	net_help(argc, argv, usage_text);
	if (argc != 3)
		net_die("%s", usage_text);
	net_raise_limit();
	redis = subscribe(argv[2]);
	door = listen_at(argv[1]);
	add(epoll, door);
	add(epoll, redis);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == redis) {
				read_redis(fd);
			} else if (fd == door) {
				int peer = accept(door, NULL, NULL);

				if (peer >= 0)
					add(epoll, peer);
			} else {
				read_client(fd);
			}
		}
	}
}

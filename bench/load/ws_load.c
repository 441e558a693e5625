/*
 * ws_load.c - many WebSocket clients that are poked: how fast they get in, and
 * how fast and how soon each is told.
 *
 * Runs of # in the target and in what is published are the client's number, in
 * as many digits. Publishing is a PUBLISH on one connection to Redis, or an
 * HTTP request on one of several kept connections, whose answers are thrown
 * away. A client has at most one poke on its way, so none is merged with
 * another and each that is lost is seen. With -x whoever is poked also pulls
 * and acknowledges, over HTTP, before the next poke.
 *
 * Protocol with whoever started it: a line of JSON when all are connected; for
 * each line on standard input, "window N SECONDS" (so many pokes on their way)
 * or "rate N SECONDS" (so many a second), a line of JSON when that is over.
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

#include "bench/load/answer.h"
#include "bench/load/hist.h"
#include "bench/load/net.h"
#include "bench/load/template.h"

enum {
	EVENTS = 256,
	READ_BYTES = 1 << 16,
	KEPT = 20,           /* bytes of a payload that are looked at */
	CONNECTING_MAX = 64, /* at once */
	PUBLISHERS_MAX = 64,
	PULLERS = 64,
	BODY_MAX = 1 << 20,
	REQUEST_MAX = 16384,
	ID_LEN = 36,
	OUT_MAX = 1 << 20,
	QUIET_MS = 3000, /* after so long without a poke the rest is lost */
};

enum stage { UPGRADING, WAITING, CONNECTED };

struct client {
	int fd;
	enum stage stage;
	bool is_pulling; /* it was poked, and has not acknowledged yet */
	uint64_t since;  /* asked for the upgrade, or poke due; 0: idle */
	uint8_t head[10];
	unsigned int head_len, kept_len, end_len;
	uint64_t left; /* of the payload */
	char kept[KEPT];
};

struct publisher {
	int fd;
	char *out;
	size_t len, sent;
};

/* A kept connection on which those who were poked pull, one at a time. */
struct puller {
	int fd;
	struct client *client; /* NULL: idle */
	bool is_acking;
	struct answer answer;
};

static struct load {
	struct net_address address, where, pulls;
	struct puller pullers[PULLERS];
	struct client **queue; /* who has been poked, from first to last */
	unsigned int first, queued;
	uint64_t empty; /* pulls that found nothing */
	struct hist acks;
	struct template target, publish;
	char *tokens;
	size_t token_len;
	unsigned int connections, window, publishers;
	double seconds, rate;
	bool is_greeted; /* servers that say "connected" first */
	int epoll;
	struct client *clients;
	struct publisher pub[PUBLISHERS_MAX];
	unsigned int connected, connecting, next, open, next_publisher;
	uint64_t sent, received, last_ns, start_ns, end_ns;
	struct hist handshakes, pokes;
	const char *series; /* -o: where each poke goes, as it was due */
	FILE *points;
} load = { .connections = 1000, .window = 500, .publishers = 1, .seconds = 3 };

/* ---- getting in ---- */

static void watch(int fd, void *what, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLET,
				     .data.ptr = what };

	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		net_die("epoll_ctl: %s", strerror(errno));
}

static void connect_next(void)
{
	unsigned int number = load.connected + load.connecting;
	struct client *client = &load.clients[number];
	char target[512], request[12288];
	int len;

	template_fill(&load.target, target, number);
	target[load.target.len] = '\0';
	len = snprintf(
		request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		target);
	if (load.tokens != NULL)
		len += snprintf(request + len, sizeof(request) - (size_t)len,
				"Authorization: Bearer %.*s\r\n",
				(int)load.token_len,
				load.tokens + number * (load.token_len + 1));
	len += snprintf(request + len, sizeof(request) - (size_t)len, "\r\n");
	client->since = net_now_ns();
	client->fd = net_connect(&load.address);
	load.connecting++;
	watch(client->fd, client, EPOLLIN);
	if (send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		net_die("a request did not go out whole");
}

static void arrived(struct client *client)
{
	hist_add(&load.handshakes, net_now_ns() - client->since);
	client->stage = CONNECTED;
	client->since = 0;
	load.connecting--;
	load.connected++;
}

/* ---- frames ---- */

static void finished(struct client *client)
{
	client->since = 0;
	client->is_pulling = false;
	load.open--;
	load.received++;
}

static void pull_next(void);

static void poked(struct client *client)
{
	if (client->since == 0 || client->is_pulling)
		return; /* one that nobody asked for */
	load.last_ns = net_now_ns();
	hist_add(&load.pokes, load.last_ns - client->since);
	if (load.points != NULL)
		fprintf(load.points, "%.3f %.3f\n",
			(double)(client->since - load.start_ns) / 1e6,
			(double)(load.last_ns - client->since) / 1e6);
	if (load.pulls.len == 0) {
		finished(client);
		return;
	}
	client->is_pulling = true;
	load.queue[(load.first + load.queued++) % load.connections] = client;
	pull_next();
}

/* ---- pulling and acknowledging ---- */

static void ask(struct puller *puller, const char *method, const char *target,
		const char *body)
{
	static char text[REQUEST_MAX];
	size_t number = (size_t)(puller->client - load.clients);
	int len = snprintf(text, sizeof(text),
			   "%s %s HTTP/1.1\r\nHost: bench\r\n"
			   "Authorization: Bearer %.*s\r\n"
			   "Content-Type: application/json\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   method, target, (int)load.token_len,
			   load.tokens + number * (load.token_len + 1),
			   strlen(body), body);

	if (send(puller->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		net_die("a request did not go out whole");
}

static void pull_next(void)
{
	for (unsigned int i = 0; i < PULLERS && load.queued > 0; i++) {
		struct puller *puller = &load.pullers[i];

		if (puller->client != NULL)
			continue;
		puller->client = load.queue[load.first];
		puller->is_acking = false;
		load.first = (load.first + 1) % load.connections;
		load.queued--;
		ask(puller, "GET", "/api/messages?limit=50", "");
	}
}

/* The ids of a page, as an acknowledgement; false when there are none. */
static bool make_ack(const struct answer *answer, char *out, size_t max)
{
	static const char before[] = "\"id\":\"";
	const char *at = answer->body;
	size_t len = (size_t)snprintf(out, max, "{\"messageIds\":[");
	bool is_first = true;

	answer->body[answer->body_len] = '\0';
	while ((at = strstr(at, before)) != NULL && len + 64 < max) {
		at += sizeof(before) - 1;
		len += (size_t)snprintf(out + len, max - len, "%s\"%.*s\"",
					is_first ? "" : ",", ID_LEN, at);
		is_first = false;
	}
	snprintf(out + len, max - len, "]}");
	return !is_first;
}

static void answered(struct puller *puller)
{
	static char ack[REQUEST_MAX / 2];

	if (puller->answer.status != 200 && puller->answer.status != 204)
		net_die("a pull was answered %d", puller->answer.status);
	if (!puller->is_acking && make_ack(&puller->answer, ack, sizeof(ack))) {
		puller->is_acking = true;
		ask(puller, "POST", "/api/messages/ack", ack);
		return;
	}
	if (!puller->is_acking)
		load.empty++;
	load.last_ns = net_now_ns();
	hist_add(&load.acks, load.last_ns - puller->client->since);
	finished(puller->client);
	puller->client = NULL;
	pull_next();
}

static void open_puller(struct puller *puller)
{
	puller->fd = net_connect(&load.pulls);
	watch(puller->fd, puller, EPOLLIN);
}

static void read_puller(struct puller *puller)
{
	static char data[READ_BYTES];

	for (;;) {
		ssize_t n = recv(puller->fd, data, sizeof(data), MSG_DONTWAIT);
		bool is_done;

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			net_die("the server ended a connection");
		if (answer_feed(&puller->answer, data, (size_t)n, &is_done) < 0)
			net_die("this is no answer: %.*s", (int)n, data);
		if (!is_done)
			continue;
		if (puller->answer.is_last) {
			close(puller->fd);
			open_puller(puller);
		}
		answered(puller);
	}
}

/* ---- frames again ---- */

static void frame_ended(struct client *client)
{
	static const uint8_t pong[] = { 0x8a, 0x80, 0, 0, 0, 0 };
	static const char greeting[] = "{\"type\":\"connected\"";
	static const char poke[] = "{\"type\":\"poke\"";
	unsigned int opcode = client->head[0] & 0x0f;

	if (opcode == 9)
		(void)send(client->fd, pong, sizeof(pong), MSG_NOSIGNAL);
	else if (opcode == 8)
		net_die("the server closed a connection");
	else if (client->stage == WAITING &&
		 memcmp(client->kept, greeting, sizeof(greeting) - 1) == 0)
		arrived(client);
	else if (client->stage == CONNECTED &&
		 memcmp(client->kept, poke, sizeof(poke) - 1) == 0)
		poked(client);
	client->head_len = client->kept_len = 0;
}

/* How long the head of a frame is whose first two bytes are known. */
static unsigned int head_len(const struct client *client)
{
	unsigned int len = client->head[1] & 0x7f;

	return len < 126 ? 2 : len == 126 ? 4 : 10;
}

static void head_ended(struct client *client)
{
	unsigned int len = client->head[1] & 0x7f;

	client->left = len < 126 ? len : 0;
	for (unsigned int i = 2; i < client->head_len; i++)
		client->left = client->left << 8 | client->head[i];
	memset(client->kept, 0, sizeof(client->kept));
	if (client->left == 0)
		frame_ended(client);
}

static void feed_frames(struct client *client, const char *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		if (client->left > 0) {
			size_t n = len - at;
			size_t room = KEPT - client->kept_len;

			if (n > client->left)
				n = client->left;
			if (room > n)
				room = n;
			memcpy(client->kept + client->kept_len, data + at,
			       room);
			client->kept_len += (unsigned int)room;
			client->left -= n;
			at += n;
			if (client->left == 0)
				frame_ended(client);
			continue;
		}
		client->head[client->head_len++] = (uint8_t)data[at++];
		if (client->head_len >= 2 &&
		    client->head_len == head_len(client))
			head_ended(client);
	}
}

/* The head of the answer ends at an empty line; then frames begin. */
static size_t feed_upgrade(struct client *client, const char *data, size_t len)
{
	static const char end[] = "\r\n\r\n";

	for (size_t i = 0; i < len; i++) {
		if (data[i] == end[client->end_len])
			client->end_len++;
		else
			client->end_len = data[i] == '\r';
		if (client->end_len == 4) {
			client->stage = WAITING;
			if (!load.is_greeted)
				arrived(client);
			return i + 1;
		}
	}
	return len;
}

static void read_client(struct client *client)
{
	static char data[READ_BYTES];

	for (;;) {
		ssize_t n = recv(client->fd, data, sizeof(data), MSG_DONTWAIT);
		size_t at = 0;

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			net_die("the server ended a connection");
		if (client->stage == UPGRADING && client->end_len == 0 &&
		    n >= 12 && memcmp(data, "HTTP/1.1 101", 12) != 0)
			net_die("refused: %.*s", (int)n, data);
		if (client->stage == UPGRADING)
			at = feed_upgrade(client, data, (size_t)n);
		feed_frames(client, data + at, (size_t)n - at);
		if ((size_t)n < sizeof(data))
			return;
	}
}

/* ---- publishing ---- */

static void write_publisher(struct publisher *pub)
{
	static char answers[READ_BYTES];

	while (recv(pub->fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
		;
	while (pub->sent < pub->len) {
		ssize_t n =
			send(pub->fd, pub->out + pub->sent,
			     pub->len - pub->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			net_die("publishing: %s", strerror(errno));
		if (n < 0)
			return;
		pub->sent += (size_t)n;
	}
	pub->len = pub->sent = 0;
}

/* Whose turn it is; NULL when everybody's poke is on its way, or no room. */
static struct client *next_idle(struct publisher *pub)
{
	if (pub->len + load.publish.len > OUT_MAX)
		return NULL;
	for (unsigned int i = 0; i < load.connections; i++) {
		struct client *client = &load.clients[load.next];

		load.next = (load.next + 1) % load.connections;
		if (client->since == 0)
			return client;
	}
	return NULL;
}

static bool publish_one(uint64_t due)
{
	struct publisher *pub = &load.pub[load.next_publisher];
	struct client *client = next_idle(pub);

	if (client == NULL)
		return false;
	load.next_publisher = (load.next_publisher + 1) % load.publishers;
	client->since = due;
	template_fill(&load.publish, pub->out + pub->len,
		      (unsigned int)(client - load.clients));
	pub->len += load.publish.len;
	load.open++;
	load.sent++;
	return true;
}

static uint64_t due_ns(void)
{
	return load.start_ns + (uint64_t)((double)load.sent * 1e9 / load.rate);
}

static void publish(uint64_t now)
{
	if (load.rate > 0)
		while (due_ns() <= now && publish_one(due_ns()))
			;
	else
		while (load.open < load.window && publish_one(now))
			;
	for (unsigned int i = 0; i < load.publishers; i++)
		if (load.pub[i].len > 0)
			write_publisher(&load.pub[i]);
}

static void turn(const struct timespec *wait)
{
	struct epoll_event events[EVENTS];
	int n = epoll_pwait2(load.epoll, events, EVENTS, wait, NULL);

	for (int i = 0; i < n; i++) {
		struct publisher *pub = events[i].data.ptr;
		struct puller *puller = events[i].data.ptr;

		if (puller >= load.pullers && puller < load.pullers + PULLERS)
			read_puller(puller);
		else if (pub >= load.pub && pub < load.pub + PUBLISHERS_MAX)
			write_publisher(pub);
		else
			read_client(events[i].data.ptr);
	}
}

static void get_in(void)
{
	const struct timespec wait = { .tv_sec = 1 };
	uint64_t start = net_now_ns();

	while (load.connected < load.connections) {
		while (load.connecting < CONNECTING_MAX &&
		       load.connected + load.connecting < load.connections)
			connect_next();
		turn(&wait);
	}
	printf("{\"connected\":%u,\"seconds\":%.4f,\"cpu_s\":%.4f,\"us\":",
	       load.connected, (double)(net_now_ns() - start) / 1e9,
	       net_cpu_s());
	hist_print_us(&load.handshakes, stdout);
	printf("}\n");
	fflush(stdout);
}

static void poke_all(void)
{
	uint64_t quiet = QUIET_MS * 1000000ull;
	double cpu_s = net_cpu_s();
	uint64_t now = net_now_ns();

	if (load.series != NULL)
		load.points = fopen(load.series, "w");
	load.sent = load.received = 0;
	load.pokes = load.acks = (struct hist){ 0 };
	load.empty = 0;
	load.start_ns = load.last_ns = now;
	load.end_ns = now + (uint64_t)(load.seconds * 1e9);
	while ((now = net_now_ns()) < load.end_ns ||
	       (load.open > 0 && now < load.last_ns + quiet)) {
		struct timespec wait = { .tv_nsec = 50000000 };

		if (now < load.end_ns)
			publish(now);
		if (load.rate > 0 && now < load.end_ns)
			wait.tv_nsec =
				due_ns() > now ? (long)(due_ns() - now) : 50000;
		turn(&wait);
	}
	printf("{\"seconds\":%.4f,\"sent\":%llu,\"received\":%llu,\"lost\":%u,"
	       "\"cpu_s\":%.4f,\"us\":",
	       (double)(load.last_ns - load.start_ns) / 1e9,
	       (unsigned long long)load.sent, (unsigned long long)load.received,
	       load.open, net_cpu_s() - cpu_s);
	hist_print_us(&load.pokes, stdout);
	if (load.points != NULL)
		fclose(load.points);
	load.points = NULL;
	printf(",\"empty\":%llu,\"acked_us\":", (unsigned long long)load.empty);
	hist_print_us(&load.acks, stdout);
	printf("}\n");
	fflush(stdout);
}

/* A line "window N SECONDS" or "rate N SECONDS"; false at the end. */
static bool read_order(void)
{
	char line[64], *rest = line;
	const char *kind, *number, *seconds;

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	kind = strsep(&rest, " ");
	number = strsep(&rest, " ");
	seconds = strsep(&rest, "\n");
	if (number == NULL || seconds == NULL)
		net_die("an order has three words");
	load.window = net_number(number);
	load.rate = strcmp(kind, "rate") == 0 ? load.window : 0;
	load.seconds = net_real(seconds);
	return true;
}

static const char usage_text[] =
	"usage: ws_load [options] 127.0.0.1:PORT|unix:PATH\n"
	"  -c N  clients   -p TARGET (/connect)   -J FILE of tokens\n"
	"  -g    the server says \"connected\" first\n"
	"  -a ADDRESS  whom to publish to   -k N  on N connections\n"
	"  -f FILE  what is sent there for one poke\n"
	"  -x ADDRESS  where those who are poked pull (with -J)\n"
	"  -o FILE  a line for each poke: when it was due, and how long it "
	"took, in ms";

static noreturn void usage(void)
{
	net_die("%s", usage_text);
}

static void read_options(int argc, char **argv)
{
	static char connect_target[] = "/connect";
	char *target = connect_target, *text;
	size_t len;
	int option;

	while ((option = getopt(argc, argv, "c:p:J:ga:k:f:x:o:")) != -1) {
		switch (option) {
		case 'c':
			load.connections = net_number(optarg);
			break;
		case 'p':
			target = optarg;
			break;
		case 'J':
			load.tokens = net_read_file(optarg, &len);
			load.token_len = strcspn(load.tokens, "\n");
			break;
		case 'g':
			load.is_greeted = true;
			break;
		case 'a':
			load.where = net_address(optarg);
			break;
		case 'k':
			load.publishers = net_number(optarg);
			break;
		case 'x':
			load.pulls = net_address(optarg);
			break;
		case 'o':
			load.series = optarg;
			break;
		case 'f':
			text = net_read_file(optarg, &len);
			load.publish = template_of(text, len);
			break;
		default:
			usage();
		}
	}
	load.target = template_of(target, strlen(target));
	if (optind + 1 != argc || load.publish.len == 0 ||
	    load.where.len == 0 || load.publishers > PUBLISHERS_MAX ||
	    load.target.len > 256)
		usage();
	load.address = net_address(argv[optind]);
	if (load.pulls.len > 0 && load.tokens == NULL)
		usage();
}

int main(int argc, char **argv)
{
	net_help(argc, argv, usage_text);
	read_options(argc, argv);
	net_raise_limit();
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.clients = calloc(load.connections, sizeof(*load.clients));
	load.queue = calloc(load.connections, sizeof(struct client *));
	get_in();
	for (unsigned int i = 0; i < PULLERS && load.pulls.len > 0; i++) {
		load.pullers[i].answer.body = malloc(BODY_MAX + 1);
		load.pullers[i].answer.body_max = BODY_MAX;
		open_puller(&load.pullers[i]);
	}
	for (unsigned int i = 0; i < load.publishers; i++) {
		load.pub[i].fd = net_connect(&load.where);
		load.pub[i].out = malloc(OUT_MAX);
		watch(load.pub[i].fd, &load.pub[i], EPOLLIN | EPOLLOUT);
	}
	while (read_order())
		poke_all();
	return 0;
}

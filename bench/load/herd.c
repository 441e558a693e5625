/*
 * herd.c - many requests whose last bytes come at one moment: who is answered
 * what, and how soon.
 *
 * The request is a file, HTTP or FastCGI: of the answer only its status is read
 * ("HTTP/1.1 202", "Status: 202"), and whether it says Retry-After. A run of #
 * in it is the number of the connection, in as many digits.
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

#include "bench/load/hist.h"
#include "bench/load/net.h"
#include "bench/load/template.h"

enum {
	EVENTS = 512,
	STATUS_MAX = 600,
	HEAD_MAX = 2048,
	CONNECT_MS = 100,
	GATHER_MS = 10000
};

enum state { OUTSIDE, WAITING, ANSWERED, CLOSED };

struct member {
	int fd;
	enum state state;
	unsigned int got;
	char head[HEAD_MAX + 1];
};

static struct herd {
	struct net_address address;
	unsigned int members, last;
	double quiet_s, seconds;
	struct template request;
	struct member *list;
	int epoll;
	unsigned int waiting, outside, closed, told_when, unsent,
		status[STATUS_MAX];
	uint64_t moment_ns, end_ns;
	struct hist hist;
} herd = { .members = 4000, .last = 1, .quiet_s = 1, .seconds = 60 };

/* 0 while it is not known yet. FastCGI answers without Status are not made. */
static int status_of(const char *head)
{
	const char *at = strstr(head, "HTTP/1.1 ");

	if (at == NULL)
		at = strstr(head, "Status: ");
	return at != NULL && strstr(at, "\r\n") != NULL
		       ? (int)strtol(strchr(at, ' '), NULL, 10)
		       : 0;
}

static void over(struct member *member, enum state state)
{
	member->state = state;
	herd.waiting--;
	herd.end_ns = net_now_ns();
	close(member->fd);
}

static void answered(struct member *member, int status)
{
	herd.status[status > 0 && status < STATUS_MAX ? status : 0]++;
	if (strcasestr(member->head, "\r\nRetry-After: ") != NULL)
		herd.told_when++;
	if (herd.moment_ns > 0) /* not refused before */
		hist_add(&herd.hist, net_now_ns() - herd.moment_ns);
	over(member, ANSWERED);
}

/* NUL bytes of FastCGI heads would end the text. */
static void read_member(struct member *member)
{
	ssize_t n = recv(member->fd, member->head + member->got,
			 HEAD_MAX - member->got, MSG_DONTWAIT);
	int status;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		herd.closed++;
		over(member, CLOSED);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		if (member->head[member->got + (unsigned int)i] == '\0')
			member->head[member->got + (unsigned int)i] = ' ';
	member->got += (unsigned int)n;
	member->head[member->got] = '\0';
	status = status_of(member->head);
	if (strstr(member->head, "\r\n\r\n") != NULL || member->got == HEAD_MAX)
		answered(member, status);
}

static void turn(int wait_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(herd.epoll, events, EVENTS, wait_ms);

	for (int i = 0; i < n; i++) {
		struct member *member = events[i].data.ptr;

		if (member->state == WAITING)
			read_member(member);
	}
}

/* All but the last bytes; false when the server does not let it in. */
static bool let_in(struct member *member, const char *text)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = member };
	size_t len = herd.request.len - herd.last;

	member->fd = net_try_connect(&herd.address, CONNECT_MS);
	if (member->fd < 0)
		return false;
	if (send(member->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len) {
		close(member->fd);
		return false;
	}
	if (epoll_ctl(herd.epoll, EPOLL_CTL_ADD, member->fd, &event) != 0)
		net_die("epoll_ctl: %s", strerror(errno));
	member->state = WAITING;
	return true;
}

static void gather(uint64_t start)
{
	uint64_t until = start + GATHER_MS * 1000000ull;
	char *text = malloc(herd.request.len);

	if (text == NULL)
		net_die("out of memory");
	for (unsigned int i = 0; i < herd.members; i++) {
		template_fill(&herd.request, text, i);
		if (net_now_ns() < until && let_in(&herd.list[i], text))
			herd.waiting++;
		else
			herd.outside++;
	}
	free(text);
}

/* So long for the server to take all of them up. */
static void be_quiet(void)
{
	uint64_t until = net_now_ns() + (uint64_t)(herd.quiet_s * 1e9);

	while (net_now_ns() < until)
		turn(10);
}

static void release(void)
{
	const char *last = herd.request.text + herd.request.len - herd.last;

	herd.moment_ns = herd.end_ns = net_now_ns();
	for (unsigned int i = 0; i < herd.members; i++)
		if (herd.list[i].state == WAITING &&
		    send(herd.list[i].fd, last, herd.last,
			 MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)herd.last)
			herd.unsent++;
}

static void report(double gathered_s)
{
	const char *comma = "";

	printf("{\"members\":%u,\"gathered_s\":%.4f,\"seconds\":%.4f,"
	       "\"outside\":%u,\"closed\":%u,\"silent\":%u,\"unsent\":%u,"
	       "\"told_when\":%u,\"cpu_s\":%.4f,\"status\":{",
	       herd.members, gathered_s,
	       (double)(herd.end_ns - herd.moment_ns) / 1e9, herd.outside,
	       herd.closed, herd.waiting, herd.unsent, herd.told_when,
	       net_cpu_s());
	for (int k = 0; k < STATUS_MAX; k++)
		if (herd.status[k] > 0) {
			printf("%s\"%d\":%u", comma, k, herd.status[k]);
			comma = ",";
		}
	printf("},\"us\":");
	hist_print_us(&herd.hist, stdout);
	printf("}\n");
}

static const char usage_text[] =
	"usage: herd [options] 127.0.0.1:PORT|unix:PATH\n"
	"  -b FILE  the request, whole\n"
	"  -c N  connections (4000)     -l N  last bytes (1)\n"
	"  -q S  seconds before those (1)\n"
	"  -s S  seconds for answers (60)";

static noreturn void usage(void)
{
	net_die("%s", usage_text);
}

static void read_options(int argc, char **argv)
{
	char *text;
	size_t len;
	int option;

	while ((option = getopt(argc, argv, "b:c:l:q:s:")) != -1) {
		switch (option) {
		case 'b':
			text = net_read_file(optarg, &len);
			herd.request = template_of(text, len);
			break;
		case 'c':
			herd.members = net_number(optarg);
			break;
		case 'l':
			herd.last = net_number(optarg);
			break;
		case 'q':
			herd.quiet_s = net_real(optarg);
			break;
		case 's':
			herd.seconds = net_real(optarg);
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || herd.request.len <= herd.last ||
	    herd.last < 1 || herd.members < 1)
		usage();
	herd.address = net_address(argv[optind]);
}

int main(int argc, char **argv)
{
	uint64_t start, over_ns;
	double gathered_s;

	net_help(argc, argv, usage_text);
	read_options(argc, argv);
	net_raise_limit();
	herd.epoll = epoll_create1(EPOLL_CLOEXEC);
	herd.list = calloc(herd.members, sizeof(*herd.list));
	if (herd.list == NULL || herd.epoll < 0)
		net_die("cannot begin");
	start = net_now_ns();
	gather(start);
	gathered_s = (double)(net_now_ns() - start) / 1e9;
	be_quiet();
	release();
	over_ns = herd.moment_ns + (uint64_t)(herd.seconds * 1e9);
	while (herd.waiting > 0 && net_now_ns() < over_ns)
		turn(10);
	report(gathered_s);
	return 0;
}

/*
 * http_load.c - requests to one address over kept connections, as fast as the
 * answers come or at a given rate; tells how many and how long they took.
 *
 * A run of # in the request (path or body) is replaced by a number of that many
 * digits below the population, a new one for each run and request: the many
 * users of a benchmark. The rest is the same for all, so that a request costs
 * little more than its two system calls.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
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

enum {
	THREADS_MAX = 16,
	HOLES_MAX = 512,
	STATUS_MAX = 600,
	EVENTS = 256,
	READ_BYTES = 1 << 16,
	LINGER_MS = 5000, /* for answers that are under way at the end */
};

/* A run of # in the request. */
struct hole {
	size_t at;
	unsigned int digits;
};

/* What all threads know; not changed while they run. */
static struct load {
	struct net_address address;
	unsigned int connections, threads, population;
	double seconds, warm_s, rate;
	uint64_t seed;
	char *request;
	size_t len;
	struct hole holes[HOLES_MAX];
	size_t n_holes;
	/* Where the token of the user of the first hole goes; one per line. */
	char *tokens;
	size_t token_len, token_at;
	/* -B: bodies, one per line and all as long; whose turn it is. */
	char *bodies;
	size_t body_len, body_at;
	atomic_uint next;
	/* -q: numbers count up from first, so many of them; 0: random ones. */
	unsigned int first, numbers;
	bool is_head;
	uint64_t start_ns, count_ns, end_ns;
} load = { .connections = 32,
	   .threads = 1,
	   .population = 1,
	   .seconds = 5,
	   .warm_s = 0.5,
	   .seed = 1 };

struct conn {
	int fd;
	char *out;
	size_t sent;       /* of out; all of it: waiting for the answer */
	uint64_t since;    /* when it was due; 0: idle */
	unsigned int kept; /* answers on this connection */
	struct answer answer;
};

struct thread {
	pthread_t id;
	struct conn *conns;
	struct conn **idle; /* open loop only: who has nothing to do */
	int epoll;
	unsigned int n, n_idle;
	unsigned int open; /* requests without an answer yet */
	uint64_t random, next_due, step;
	uint64_t all, lost, reconnects, bytes, late_ns, last_ns;
	uint64_t status[STATUS_MAX];
	struct hist hist;
};

static void find_holes(void)
{
	size_t at = 0;

	while ((at += strcspn(load.request + at, "#")) < load.len) {
		size_t n = strspn(load.request + at, "#");

		if (load.n_holes == HOLES_MAX)
			net_die("more than %d runs of #", HOLES_MAX);
		load.holes[load.n_holes++] =
			(struct hole){ at, (unsigned int)n };
		at += n;
	}
}

static void put_token(char *out, uint64_t user)
{
	memcpy(out + load.token_at, load.tokens + user * (load.token_len + 1),
	       load.token_len);
}

/* Returns false when every user has had a turn. */
static bool fill_once(char *out)
{
	unsigned int user = atomic_fetch_add(&load.next, 1);

	if (user >= load.population)
		return false;
	memcpy(out + load.body_at, load.bodies + user * (load.body_len + 1),
	       load.body_len);
	if (load.tokens != NULL)
		put_token(out, user);
	return true;
}

static uint64_t next_number(struct thread *thread)
{
	if (load.numbers > 0)
		return (load.first +
			atomic_fetch_add(&load.next, 1) % load.numbers) %
		       load.population;
	return net_random(&thread->random) % load.population;
}

static void fill(struct thread *thread, char *out)
{
	for (size_t i = 0; i < load.n_holes; i++) {
		uint64_t number = next_number(thread);
		char *end = out + load.holes[i].at + load.holes[i].digits;

		if (i == 0 && load.tokens != NULL)
			put_token(out, number);
		for (unsigned int k = 0; k < load.holes[i].digits; k++) {
			*--end = (char)('0' + number % 10);
			number /= 10;
		}
	}
}

static void watch(struct thread *thread, struct conn *conn)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
				     .data.ptr = conn };

	conn->fd = net_connect(&load.address);
	conn->kept = 0;
	if (epoll_ctl(thread->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		net_die("epoll_ctl: %s", strerror(errno));
}

static void write_more(struct conn *conn)
{
	while (conn->sent < load.len) {
		ssize_t n = send(conn->fd, conn->out + conn->sent,
				 load.len - conn->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return; /* full, or gone, which reading tells */
		conn->sent += (size_t)n;
	}
}

static void begin(struct thread *thread, struct conn *conn, uint64_t due)
{
	conn->since = due;
	conn->sent = 0;
	thread->open++;
	write_more(conn);
}

static bool next_request(struct thread *thread, struct conn *conn)
{
	if (load.bodies != NULL)
		return fill_once(conn->out);
	if (load.numbers > 0 && atomic_load(&load.next) >= load.numbers)
		return false;
	fill(thread, conn->out);
	return true;
}

/* Send the next one, or rest until it is due, or for good. */
static void go_on(struct thread *thread, struct conn *conn, uint64_t now)
{
	conn->since = 0;
	if (load.rate > 0)
		thread->idle[thread->n_idle++] = conn;
	else if (now < load.end_ns && next_request(thread, conn))
		begin(thread, conn, now);
}

static void reconnect(struct thread *thread, struct conn *conn)
{
	close(conn->fd);
	memset(&conn->answer, 0, offsetof(struct answer, head));
	conn->answer.has_no_body = load.is_head;
	thread->reconnects++;
	watch(thread, conn);
}

static void count(struct thread *thread, struct conn *conn, uint64_t now)
{
	int status = conn->answer.status;

	thread->open--;
	thread->all++;
	thread->last_ns = now;
	conn->kept++;
	if (now >= load.count_ns && now < load.end_ns) {
		thread->status[status < STATUS_MAX ? status : 0]++;
		hist_add(&thread->hist, now - conn->since);
	}
}

/*
 * The connection has ended. A server may do that between two requests, and
 * then has not seen the one that is under way: it is sent again.
 */
static void ended(struct thread *thread, struct conn *conn)
{
	uint64_t since = conn->since;
	bool is_fresh = conn->answer.head_len == 0 && conn->answer.state == 0;

	if (since != 0)
		thread->open--;
	if (since != 0 && !(is_fresh && conn->kept > 0)) {
		thread->lost++;
		since = net_now_ns();
	}
	reconnect(thread, conn);
	if (since != 0)
		begin(thread, conn, since);
}

static void read_more(struct thread *thread, struct conn *conn)
{
	static _Thread_local char data[READ_BYTES];

	for (;;) {
		ssize_t n = recv(conn->fd, data, sizeof(data), MSG_DONTWAIT);
		bool is_done = false;
		long used;

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			ended(thread, conn);
			return;
		}
		thread->bytes += (uint64_t)n;
		used = answer_feed(&conn->answer, data, (size_t)n, &is_done);
		if (used < 0 || (is_done && used != n))
			net_die("this is no answer: %.*s", (int)n, data);
		if (is_done) {
			uint64_t now = net_now_ns();

			count(thread, conn, now);
			if (conn->answer.is_last)
				reconnect(thread, conn);
			go_on(thread, conn, now);
		}
		if ((size_t)n < sizeof(data))
			return;
	}
}

/* Open loop: what is due goes out, on whatever connection is idle. */
static void send_due(struct thread *thread, uint64_t now)
{
	struct conn *conn;

	while (thread->next_due <= now && thread->next_due < load.end_ns &&
	       thread->n_idle > 0) {
		if (now - thread->next_due > thread->late_ns)
			thread->late_ns = now - thread->next_due;
		conn = thread->idle[--thread->n_idle];
		fill(thread, conn->out);
		begin(thread, conn, thread->next_due);
		thread->next_due += thread->step;
	}
}

static void wait_for(struct thread *thread, struct epoll_event *events,
		     int *n_out)
{
	struct timespec wait = { .tv_nsec = 50000000 };
	uint64_t now = net_now_ns();

	if (load.rate > 0 && now < load.end_ns && thread->n_idle > 0) {
		uint64_t left =
			thread->next_due > now ? thread->next_due - now : 0;

		wait.tv_nsec = left < 50000000 ? (long)left : 50000000;
	}
	*n_out = epoll_pwait2(thread->epoll, events, EVENTS, &wait, NULL);
}

static bool is_exhausted(const struct thread *thread)
{
	unsigned int count =
		load.bodies != NULL ? load.population : load.numbers;

	return count > 0 && thread->open == 0 &&
	       atomic_load(&load.next) >= count;
}

static void *run(void *arg)
{
	struct thread *thread = arg;
	struct epoll_event events[EVENTS];
	uint64_t over = load.end_ns + LINGER_MS * 1000000ull;
	uint64_t now = net_now_ns();

	for (unsigned int i = 0; i < thread->n; i++)
		go_on(thread, &thread->conns[i], now);
	while (((now = net_now_ns()) < load.end_ns && !is_exhausted(thread)) ||
	       (thread->open > 0 && now < over)) {
		int n;

		if (load.rate > 0)
			send_due(thread, now);
		wait_for(thread, events, &n);
		for (int i = 0; i < n; i++) {
			struct conn *conn = events[i].data.ptr;

			if (conn->since != 0 && conn->sent < load.len)
				write_more(conn);
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				read_more(thread, conn);
		}
	}
	thread->lost += thread->open;
	return NULL;
}

static void prepare(struct thread *thread, unsigned int number)
{
	thread->n = load.connections / load.threads;
	thread->random = load.seed * 7919 + number + 1;
	thread->conns = calloc(thread->n, sizeof(*thread->conns));
	thread->idle = calloc(thread->n, sizeof(struct conn *));
	thread->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.rate > 0)
		thread->step = (uint64_t)(1e9 * load.threads / load.rate);
	thread->next_due = net_now_ns() + number;
	for (unsigned int i = 0; i < thread->n; i++) {
		struct conn *conn = &thread->conns[i];

		conn->out = malloc(load.len);
		if (conn->out == NULL)
			net_die("out of memory");
		memcpy(conn->out, load.request, load.len);
		conn->answer.has_no_body = load.is_head;
		watch(thread, conn);
	}
}

static void report(struct thread *threads)
{
	struct thread *sum = &threads[0];
	const char *comma = "";
	double seconds;

	for (unsigned int i = 1; i < load.threads; i++) {
		hist_merge(&sum->hist, &threads[i].hist);
		sum->all += threads[i].all;
		sum->lost += threads[i].lost;
		sum->bytes += threads[i].bytes;
		sum->reconnects += threads[i].reconnects;
		if (threads[i].last_ns > sum->last_ns)
			sum->last_ns = threads[i].last_ns;
		if (threads[i].late_ns > sum->late_ns)
			sum->late_ns = threads[i].late_ns;
		for (int k = 0; k < STATUS_MAX; k++)
			sum->status[k] += threads[i].status[k];
	}
	seconds = load.bodies != NULL
			  ? (double)(sum->last_ns - load.start_ns) / 1e9
			  : load.seconds;
	printf("{\"seconds\":%.3f,\"counted\":%llu,\"all\":%llu,\"lost\":%llu,"
	       "\"reconnects\":%llu,\"bytes\":%llu,\"cpu_s\":%.4f,"
	       "\"late_us\":%.1f,\"status\":{",
	       seconds, (unsigned long long)sum->hist.count,
	       (unsigned long long)sum->all, (unsigned long long)sum->lost,
	       (unsigned long long)sum->reconnects,
	       (unsigned long long)sum->bytes, net_cpu_s(),
	       (double)sum->late_ns / 1e3);
	for (int k = 0; k < STATUS_MAX; k++)
		if (sum->status[k] > 0) {
			printf("%s\"%d\":%llu", comma, k,
			       (unsigned long long)sum->status[k]);
			comma = ",";
		}
	printf("},\"us\":");
	hist_print_us(&sum->hist, stdout);
	printf("}\n");
}

struct request {
	const char *method, *path, *body, *bodies, *token;
	char headers[4096];
};

static void make_request(const struct request *how)
{
	size_t body_len = 0;
	char *body = how->body ? net_read_file(how->body, &body_len) : NULL;
	size_t lines_len;
	FILE *out = open_memstream(&load.request, &load.len);

	if (out == NULL)
		net_die("out of memory");

	if (how->bodies != NULL) {
		load.bodies = net_read_file(how->bodies, &lines_len);
		body_len = load.body_len = strcspn(load.bodies, "\n");
		load.population = (unsigned int)(lines_len / (body_len + 1));
		load.warm_s = 0;
		body = strndup(load.bodies, body_len);
	}
	fprintf(out, "%s %s HTTP/1.1\r\nHost: bench\r\n%s", how->method,
		how->path, how->headers);
	if (body != NULL)
		fprintf(out,
			"Content-Type: application/json\r\n"
			"Content-Length: %zu\r\n",
			body_len);
	if (load.tokens != NULL) {
		load.token_len = strcspn(load.tokens, "\n");
		fprintf(out, "Authorization: Bearer ");
		fflush(out);
		load.token_at = load.len;
		fprintf(out, "%.*s\r\n", (int)load.token_len, load.tokens);
	} else if (how->token != NULL) {
		fprintf(out, "Authorization: Bearer %s\r\n", how->token);
	}
	fprintf(out, "\r\n");
	fflush(out);
	load.body_at = load.len;
	fwrite(body, 1, body_len, out);
	fclose(out);
	free(body);
	if (load.request == NULL)
		net_die("out of memory");
	if (load.bodies == NULL)
		find_holes();
	if (load.tokens != NULL && load.n_holes == 0 && load.bodies == NULL)
		net_die("tokens are of the users of the first run of #");
}

static const char usage_text[] =
	"usage: http_load [options] 127.0.0.1:PORT|unix:PATH\n"
	"  -c N  connections (32)       -t N  threads (1)\n"
	"  -s S  seconds (5)            -w S  before those, uncounted\n"
	"  -r N  requests a second; without: as fast as answers come\n"
	"  -m METHOD (GET)  -p PATH  -H 'NAME: VALUE'  -b BODY-FILE\n"
	"  -B FILE  with the body of one user per line, all as long:\n"
	"      each asks once, in order, and that is the end\n"
	"  -j TOKEN  or  -J FILE  with one for each user, all as long\n"
	"  -n N  population (1)         -S N  seed (1)\n"
	"  -q FIRST,N  no random ones, but N from FIRST on (below -n), once";

static noreturn void usage(void)
{
	net_die("%s", usage_text);
}

/* FIRST,N */
static void read_sequence(char *text)
{
	char *count = strchr(text, ',');

	if (count == NULL)
		net_die("%s: FIRST,N is wanted", text);
	*count++ = '\0';
	load.first = net_number(text);
	load.numbers = net_number(count);
	load.warm_s = 0;
}

static void read_options(int argc, char **argv, struct request *how)
{
	size_t len;
	int option;

	while ((option = getopt(argc, argv,
				"c:t:s:w:r:m:p:H:b:B:j:J:n:S:q:")) != -1) {
		switch (option) {
		case 'c':
			load.connections = net_number(optarg);
			break;
		case 't':
			load.threads = net_number(optarg);
			break;
		case 's':
			load.seconds = net_real(optarg);
			break;
		case 'w':
			load.warm_s = net_real(optarg);
			break;
		case 'r':
			load.rate = net_real(optarg);
			break;
		case 'm':
			how->method = optarg;
			break;
		case 'p':
			how->path = optarg;
			break;
		case 'H':
			len = strlen(how->headers);
			snprintf(how->headers + len, sizeof(how->headers) - len,
				 "%s\r\n", optarg);
			break;
		case 'b':
			how->body = optarg;
			break;
		case 'B':
			how->bodies = optarg;
			break;
		case 'j':
			how->token = optarg;
			break;
		case 'J':
			load.tokens = net_read_file(optarg, &len);
			break;
		case 'q':
			read_sequence(optarg);
			break;
		case 'n':
			load.population = net_number(optarg);
			break;
		case 'S':
			load.seed = strtoull(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || load.threads < 1 ||
	    load.threads > THREADS_MAX || load.connections < load.threads ||
	    load.population < 1)
		usage();
}

int main(int argc, char **argv)
{
	static struct thread threads[THREADS_MAX];
	struct request how = { .method = "GET", .path = "/" };

	net_help(argc, argv, usage_text);
	read_options(argc, argv, &how);
	load.address = net_address(argv[optind]);
	load.is_head = strcmp(how.method, "HEAD") == 0;
	make_request(&how);
	net_raise_limit();
	load.start_ns = net_now_ns();
	load.count_ns = load.start_ns + (uint64_t)(load.warm_s * 1e9);
	load.end_ns = load.count_ns + (uint64_t)(load.seconds * 1e9);
	for (unsigned int i = 0; i < load.threads; i++)
		prepare(&threads[i], i);
	for (unsigned int i = 0; i < load.threads; i++)
		if (pthread_create(&threads[i].id, NULL, run, &threads[i]) != 0)
			net_die("pthread_create failed");
	for (unsigned int i = 0; i < load.threads; i++)
		pthread_join(threads[i].id, NULL);
	report(threads);
	return 0;
}

/*
 * net.c - see net.h.
 */
#include "bench/load/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct net_address net_address(const char *text)
{
	struct net_address address = { 0 };
	struct sockaddr_un *local = (struct sockaddr_un *)&address.to;
	struct sockaddr_in *ip = (struct sockaddr_in *)&address.to;
	const char *colon = strrchr(text, ':');

	if (strncmp(text, "unix:", 5) == 0) {
		local->sun_family = AF_UNIX;
		if (strlen(text + 5) >= sizeof(local->sun_path))
			net_die("%s: too long", text);
		memcpy(local->sun_path, text + 5, strlen(text + 5));
		address.len = sizeof(*local);
		return address;
	}
	ip->sin_family = AF_INET;
	ip->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.len = sizeof(*ip);
	if (colon == NULL || strncmp(text, "127.0.0.1:", 10) != 0)
		net_die("%s: neither 127.0.0.1:PORT nor unix:PATH", text);
	ip->sin_port = htons((uint16_t)net_number(colon + 1));
	return address;
}

int net_connect(const struct net_address *address)
{
	int fd = net_try_connect(address, 0);

	if (fd < 0)
		net_die("connect: %s", strerror(errno));
	return fd;
}

int net_try_connect(const struct net_address *address, unsigned int ms)
{
	const struct timeval wait = { .tv_sec = ms / 1000,
				      .tv_usec = (long)(ms % 1000) * 1000 };
	int one = 1;
	int fd = socket(address->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		net_die("socket: %s", strerror(errno));
	/* A connect() waits as long as a send(). */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (address->to.ss_family == AF_INET)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&address->to, address->len) !=
	    0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

void net_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

uint64_t net_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double net_cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* xorshift64*: even enough to choose users. */
uint64_t net_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}

char *net_read_file(const char *path, size_t *len_out)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	long len;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		net_die("%s: %s", path, strerror(errno));
	len = ftell(file);
	rewind(file);
	if (len >= 0)
		text = calloc(1, (size_t)len + 1);
	if (text == NULL || fread(text, 1, (size_t)len, file) != (size_t)len)
		net_die("%s: cannot be read", path);
	fclose(file);
	*len_out = (size_t)len;
	return text;
}

unsigned int net_number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || value > UINT32_MAX)
		net_die("%s: a number is wanted", text);
	return (unsigned int)value;
}

double net_real(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0')
		net_die("%s: a number is wanted", text);
	return value;
}

void net_help(int argc, char **argv, const char *text)
{
	if (argc < 2 ||
	    (strcmp(argv[1], "-h") != 0 && strcmp(argv[1], "--help") != 0))
		return;
	puts(text);
	exit(0);
}

noreturn void net_die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

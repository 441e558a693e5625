/*
 * net.h - what each load generator needs of the system.
 */
#ifndef WP_BENCH_LOAD_NET_H
#define WP_BENCH_LOAD_NET_H

#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/socket.h>

/* "127.0.0.1:8080" or "unix:/path"; anything but this machine is refused. */
struct net_address {
	struct sockaddr_storage to;
	socklen_t len;
};

struct net_address net_address(const char *text);
/* A connected socket; ends the program when there is none. */
int net_connect(const struct net_address *address);
/* The same within so many ms (0: however long it takes); -1 and errno. */
int net_try_connect(const struct net_address *address, unsigned int ms);
/* As many descriptors as the system allows. */
void net_raise_limit(void);

uint64_t net_now_ns(void);
/* User and system time of this process. */
double net_cpu_s(void);
uint64_t net_random(uint64_t *state);
/* A whole file, with a NUL behind it; ends the program when it cannot be. */
char *net_read_file(const char *path, size_t *len_out);
/* What was asked for; ends the program when it is no such number. */
unsigned int net_number(const char *text);
double net_real(const char *text);
/* Says the text and ends the program when the first word asks for it. */
void net_help(int argc, char **argv, const char *text);
noreturn void net_die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

#endif /* WP_BENCH_LOAD_NET_H */

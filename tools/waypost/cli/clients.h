/*
 * clients.h - which programs are connected to Redis, in which versions, since
 * when: of all hosts of the deployment, for each connection has a name
 * (lib/redis/link.c).
 */
#ifndef WP_TOOLS_WAYPOST_CLI_CLIENTS_H
#define WP_TOOLS_WAYPOST_CLI_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "tools/waypost/cli/cli.h"

enum { WP_CLIENTS_MAX = 32, WP_CLIENTS_WORD_MAX = 31 };

/* All connections of one version of a program. */
struct wp_client_program {
	char name[WP_CLIENTS_WORD_MAX + 1]; /* "waypost-worker" */
	char version[WP_CLIENTS_WORD_MAX + 1];
	int64_t connections;
	int64_t since_s; /* how long the oldest is there */
	int64_t quiet_s; /* since the last word of any of them */
	int64_t first;   /* the lowest of their numbers; none comes twice */
};

/* By name, then by version. */
struct wp_clients {
	bool is_told; /* this user of Redis may ask */
	struct wp_client_program list[WP_CLIENTS_MAX];
	size_t n;
};

/*
 * Ask Redis: CLIENT LIST. The command line's own connection is left out. A
 * refusal is no error, but is_told is false then.
 *
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM
 */
enum wp_err wp_clients_ask(struct wp_cli *cli, struct wp_clients *out,
			   struct wp_error *err) WP_MUST_USE;

/* Read the answer to CLIENT LIST, whose lines others may have named. */
void wp_clients_read(struct wp_clients *out, const char *text);

/* How long a program of this name is connected; -1: none is, or is told. */
int64_t wp_clients_since_s(const struct wp_clients *clients, const char *name);

/* The lowest number of a connection of such a program; 0: none is told. */
int64_t wp_clients_first(const struct wp_clients *clients, const char *name);

/* Are there two versions of anything? */
bool wp_clients_differ(const struct wp_clients *clients);

#endif /* WP_TOOLS_WAYPOST_CLI_CLIENTS_H */

/*
 * link.c - where the server is, and a socket to it.
 */
#include "lib/redis/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

#include <hiredis/hiredis.h>

enum {
	PORT_MAX = 65535,
	/* hiredis copies a path without checking that it fits. */
	PATH_MAX_LEN = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
};

static enum wp_err bad_address(struct wp_error *err, const char *why)
{
	return wp_error_set(err, WP_ERR_INVAL,
			    "redis.address %s; write unix:/path or host:port",
			    why);
}

static enum wp_err parse_path(struct wp_link_addr *out, const char *path,
			      struct wp_error *err)
{
	size_t len = strlen(path);

	if (path[0] != '/')
		return bad_address(err, "needs an absolute path after unix:");
	if (len > PATH_MAX_LEN)
		return bad_address(err, "has a path over 107 bytes");
	out->port = 0;
	memcpy(out->host, path, len + 1);
	return WP_OK;
}

static enum wp_err parse_host(struct wp_link_addr *out, const char *text,
			      struct wp_error *err)
{
	const char *colon = strrchr(text, ':');
	size_t len;
	long port;
	char *end;

	if (strchr(text, '@') != NULL)
		return bad_address(err, "must not hold a user or password");
	if (colon == NULL || colon[1] < '0' || colon[1] > '9')
		return bad_address(err, "has no port");
	port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || port < 1 || port > PORT_MAX)
		return bad_address(err, "has no valid port");
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(out->host) ||
	    memchr(text, '/', len) != NULL)
		return bad_address(err, "has no valid host");
	memcpy(out->host, text, len);
	out->host[len] = '\0';
	out->port = (int)port;
	return WP_OK;
}

enum wp_err wp_link_parse(struct wp_link_addr *out, const char *address,
			  struct wp_error *err)
{
	static const char *const schemes[] = { "tcp:", "redis://" };
	size_t i;

	if (address == NULL || address[0] == '\0')
		return bad_address(err, "is not set");
	if (address[0] == '/')
		return parse_path(out, address, err);
	if (strncmp(address, "unix:", 5) == 0)
		return parse_path(out, address + 5, err);
	if (strncmp(address, "rediss:", 7) == 0)
		return bad_address(err, "asks for TLS, which needs a tunnel");
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(address, schemes[i], strlen(schemes[i])) == 0)
			address += strlen(schemes[i]);
	return parse_host(out, address, err);
}

static struct redisContext *open_raw(const struct wp_link_addr *addr,
				     int64_t timeout_ms)
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000,
			      .tv_usec = timeout_ms % 1000 * 1000 };

	if (timeout_ms < 0)
		return addr->port == 0
			       ? redisConnectUnixNonBlock(addr->host)
			       : redisConnectNonBlock(addr->host, addr->port);
	return addr->port == 0
		       ? redisConnectUnixWithTimeout(addr->host, tv)
		       : redisConnectWithTimeout(addr->host, addr->port, tv);
}

enum wp_err wp_link_open(struct redisContext **out,
			 const struct wp_link_addr *addr, int64_t timeout_ms,
			 struct wp_error *err)
{
	struct redisContext *link = open_raw(addr, timeout_ms);
	int flags;

	if (link == NULL)
		return wp_error_set(err, WP_ERR_NOMEM,
				    "no memory for a connection to Redis");
	if (link->err != 0) {
		if (addr->port == 0)
			wp_error_set(
				err, WP_ERR_UNAVAIL,
				"redis.address: cannot connect to Redis at "
				"unix:%.110s: %.90s",
				addr->host, link->errstr);
		else
			wp_error_set(
				err, WP_ERR_UNAVAIL,
				"redis.address: cannot connect to Redis at "
				"%.110s:%d: %.90s",
				addr->host, addr->port, link->errstr);
		redisFree(link);
		return WP_ERR_UNAVAIL;
	}
	/* A program that starts another must not hand this socket to it. */
	flags = fcntl(link->fd, F_GETFD);
	if (flags != -1)
		(void)fcntl(link->fd, F_SETFD, flags | FD_CLOEXEC);
	if (addr->port != 0)
		(void)redisEnableKeepAlive(link); /* a help, not a need */
	link->err = 0;
	*out = link;
	return WP_OK;
}

enum wp_err wp_link_append(struct redisContext *link, const struct wp_cmd *cmd,
			   struct wp_error *err)
{
	char head[WP_CMD_HEAD_MAX];
	size_t len = wp_cmd_head(cmd, head);

	if (cmd->words.failed ||
	    redisAppendFormattedCommand(link, head, len) != REDIS_OK ||
	    redisAppendFormattedCommand(link, cmd->words.data,
					cmd->words.len) != REDIS_OK)
		return wp_error_set(err, WP_ERR_NOMEM,
				    "no memory for a Redis command");
	return WP_OK;
}

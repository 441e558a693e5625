/*
 * listen.c - make the sockets that the web server talks to.
 *
 * Knows about paths, modes and descriptors. A name that a crash left behind is
 * told from one in use by asking: nobody answers on the former. What is found
 * out about a name holds only while nobody else changes it, so whoever makes or
 * removes one has the folder locked for that moment.
 */
#include "lib/sys/listen.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	/*
	 * Unix sockets do not queue beyond it: connect() fails at once. The
	 * kernel allows no more than net.core.somaxconn, which is 4,096 by
	 * default.
	 */
	BACKLOG = 4096,
	HOST_MAX = 253, /* RFC 1035 section 2.3.4, without the dot */
	PORT_MAX = 65535,
	SOCKET_MODE = 0660,
	GROUP_BYTES = 65536, /* an entry of /etc/group, with its members */
	/*
	 * Ours hold it for microseconds; a stranger must not stop us for ever.
	 */
	LOCK_TRIES = 100,
	LOCK_PAUSE_NS = 10 * 1000 * 1000,
};

/* What the text of an address says, before any name is resolved. */
struct address {
	bool is_unix;
	char path[WP_LISTEN_PATH_MAX + 1];
	char host[HOST_MAX + 1];    /* "" for every address */
	char port[sizeof("65535")]; /* digits; "0": any free one */
};

static enum wp_err bad(struct wp_error *err, const char *text, const char *why)
{
	return wp_error_set(err, WP_ERR_INVAL, "address \"%.100s\" %s", text,
			    why);
}

static enum wp_err parse_port(struct address *out, const char *port)
{
	size_t len = strlen(port);

	if (len == 0 || len >= sizeof(out->port) ||
	    strspn(port, "0123456789") != len ||
	    strtol(port, NULL, 10) > PORT_MAX)
		return WP_ERR_INVAL;
	memcpy(out->port, port, len + 1);
	return WP_OK;
}

static enum wp_err parse(struct address *out, const char *text,
			 struct wp_error *err)
{
	const char *host = text;
	const char *colon;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (strncmp(text, "unix:", 5) == 0) {
		len = strlen(text + 5);
		if (text[5] != '/')
			return bad(err, text, "needs an absolute path");
		if (len > WP_LISTEN_PATH_MAX)
			return bad(err, text, "has a path over 107 bytes");
		out->is_unix = true;
		memcpy(out->path, text + 5, len + 1);
		return WP_OK;
	}
	if (strncmp(text, "tcp:", 4) == 0)
		host = text + 4;

	colon = strrchr(host, ':');
	if (colon == NULL || parse_port(out, colon + 1) != WP_OK)
		return bad(err, text,
			   "is not unix:/path or host:port with a port up to "
			   "65535");
	len = (size_t)(colon - host);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
		if (len == 0)
			return bad(err, text, "has nothing between [ and ]");
	} else if (memchr(host, ':', len) != NULL) {
		return bad(err, text, "needs [ and ] around an IPv6 address");
	}
	if (len > HOST_MAX || memchr(host, '/', len) != NULL)
		return bad(err, text, "has no valid host");
	memcpy(out->host, host, len);
	return WP_OK;
}

static struct sockaddr_un unix_name(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	memcpy(name.sun_path, path, strlen(path) + 1);
	return name;
}

/*
 * Lock the folder of path against others who make or remove sockets there. The
 * folder, because a file for it could not be removed again without a race.
 * Returns a descriptor that unlocks when it is closed; -1 and errno.
 */
static int lock_folder(const char *path)
{
	static const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	char folder[WP_LISTEN_PATH_MAX + 1];
	int saved;
	int fd;

	memcpy(folder, path, strlen(path) + 1);
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		if (errno != EWOULDBLOCK)
			break;
		(void)nanosleep(&pause, NULL);
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Make path free: nothing is there, or a socket that nobody answers on. */
static enum wp_err clear_path(const char *path, struct wp_error *err)
{
	struct sockaddr_un name = unix_name(path);
	enum wp_err rc = WP_OK;
	struct stat st;
	int fd;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? WP_OK : wp_error_sys(err, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return wp_error_set(err, WP_ERR_SYS,
				    "%s is in the way and is no socket", path);
	/* Not blocking: a full queue is an answer as well. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return wp_error_sys(err, "socket for %s", path);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 ||
	    errno == EAGAIN || errno == EINPROGRESS || errno == EPROTOTYPE)
		rc = wp_error_set(err, WP_ERR_SYS,
				  "%s is in use by a running program", path);
	else if (errno == ECONNREFUSED && unlink(path) == -1 && errno != ENOENT)
		rc = wp_error_sys(err, "remove the stale %s", path);
	else if (errno != ECONNREFUSED && errno != ENOENT)
		rc = wp_error_sys(err, "ask who listens on %s", path);
	close(fd);
	return rc;
}

/* -1 for "": the one that a socket has by itself. */
static enum wp_err find_group(const char *name, gid_t *out,
			      struct wp_error *err)
{
	char text[GROUP_BYTES];
	struct group entry, *found = NULL;
	int rc;

	*out = (gid_t)-1;
	if (name[0] == '\0')
		return WP_OK;
	rc = getgrnam_r(name, &entry, text, sizeof(text), &found);
	if (found == NULL)
		return wp_error_set(
			err, WP_ERR_INVAL, "there is no group %.64s%s%s", name,
			rc == 0 ? "" : ": ", rc == 0 ? "" : strerror(rc));
	*out = entry.gr_gid;
	return WP_OK;
}

/* chown(2): the owner of a file gives it to a group that he is in. */
static bool may_give_to(gid_t gid)
{
	gid_t *groups;
	bool is_member = gid == getegid() || geteuid() == 0;
	int n = getgroups(0, NULL);

	if (is_member || n <= 0)
		return is_member;
	groups = calloc((size_t)n, sizeof(*groups));
	if (groups == NULL)
		return false;
	n = getgroups(n, groups);
	for (int i = 0; i < n; i++)
		is_member |= groups[i] == gid;
	free(groups);
	return is_member;
}

static enum wp_err not_ours(const char *group, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_SYS,
			    "a socket cannot be given to group %.64s; make "
			    "the user of this program a member of it",
			    group);
}

enum wp_err wp_listen_look_group(const char *group, struct wp_error *err)
{
	gid_t gid;
	enum wp_err rc = find_group(group, &gid, err);

	if (rc != WP_OK || gid == (gid_t)-1 || may_give_to(gid))
		return rc;
	return not_ours(group, err);
}

/* Before anybody can connect. */
static enum wp_err give_to(const char *path, const char *group,
			   struct wp_error *err)
{
	gid_t gid;
	enum wp_err rc = find_group(group, &gid, err);

	if (rc != WP_OK || gid == (gid_t)-1)
		return rc;
	if (lchown(path, (uid_t)-1, gid) == 0)
		return WP_OK;
	return errno == EPERM ? not_ours(group, err)
			      : wp_error_sys(err, "listen on %s", path);
}

/* Bind fd to a name that is free, and remember which one it got. */
static enum wp_err bind_name(struct wp_listener *out, int fd, const char *path,
			     const char *group, struct wp_error *err)
{
	struct sockaddr_un name = unix_name(path);
	enum wp_err rc;
	struct stat st;

	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) == -1)
		return wp_error_sys(err, "listen on %s", path);
	/*
	 * Nobody can connect before listen(), so chmod() here is no race; it
	 * comes after bind() because that one obeys the umask.
	 */
	rc = give_to(path, group, err);
	if (rc == WP_OK &&
	    (chmod(path, SOCKET_MODE) == -1 || lstat(path, &st) == -1 ||
	     listen(fd, BACKLOG) == -1))
		rc = wp_error_sys(err, "listen on %s", path);
	if (rc != WP_OK) {
		(void)unlink(path);
		return rc;
	}
	*out = (struct wp_listener){
		.fd = fd,
		.dev = st.st_dev,
		.ino = st.st_ino,
	};
	memcpy(out->path, path, strlen(path) + 1);
	return WP_OK;
}

static enum wp_err listen_unix(const char *path, const char *group,
			       struct wp_listener *out, struct wp_error *err)
{
	int lock = lock_folder(path);
	enum wp_err rc;
	int fd = -1;

	if (lock == -1)
		return errno == EWOULDBLOCK
			       ? wp_error_set(err, WP_ERR_SYS,
					      "listen on %s: somebody keeps "
					      "its folder locked",
					      path)
			       : wp_error_sys(err, "listen on %s", path);
	rc = clear_path(path, err);
	if (rc != WP_OK)
		goto out;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		rc = wp_error_sys(err, "socket for %s", path);
	else
		rc = bind_name(out, fd, path, group, err);
	if (rc == WP_OK)
		fd = -1; /* now the listener's */
out:
	if (fd != -1)
		close(fd);
	close(lock);
	return rc;
}

/* Listen on one resolved address; -1 and errno when that fails. */
static int listen_resolved(const struct addrinfo *at, bool is_any)
{
	static const int on = 1, off = 0;
	int saved;
	int fd;

	fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		goto fail;
	/* ":port" means both families, whatever the system's default is. */
	if (is_any && at->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == -1)
		goto fail;
	if (bind(fd, at->ai_addr, at->ai_addrlen) == -1 ||
	    listen(fd, BACKLOG) == -1)
		goto fail;
	return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Try what the host resolves to in one family. */
static int listen_family(const struct addrinfo *all, int family, bool is_any)
{
	const struct addrinfo *at;
	int fd = -1;

	errno = EADDRNOTAVAIL;
	for (at = all; at != NULL && fd == -1; at = at->ai_next)
		if (family == AF_UNSPEC || at->ai_family == family)
			fd = listen_resolved(at, is_any);
	return fd;
}

static enum wp_err listen_tcp(const struct address *address, const char *text,
			      struct wp_listener *out, struct wp_error *err)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	bool is_any = address->host[0] == '\0';
	struct addrinfo *all = NULL;
	enum wp_err rc = WP_OK;
	int gai;
	int fd;

	gai = getaddrinfo(is_any ? NULL : address->host, address->port, &hints,
			  &all);
	if (gai != 0)
		return wp_error_set(err, WP_ERR_SYS, "listen on %s: %s", text,
				    gai_strerror(gai));
	/* An IPv6 socket for all serves IPv4 too; the reverse is not true. */
	fd = listen_family(all, is_any ? AF_INET6 : AF_UNSPEC, is_any);
	if (fd == -1 && is_any && errno != EADDRINUSE && errno != EACCES)
		fd = listen_family(all, AF_INET, is_any);
	if (fd == -1)
		rc = wp_error_sys(err, "listen on %s", text);
	else
		out->fd = fd;
	freeaddrinfo(all);
	return rc;
}

enum wp_err wp_listen_check(const char *address, struct wp_error *err)
{
	struct address parsed;

	return parse(&parsed, address, err);
}

/* What was handed over for this address. */
static struct wp_listener listener_of(const struct wp_heir_socket *given,
				      const struct address *address)
{
	struct wp_listener out = {
		.fd = given->fd,
		.dev = given->dev,
		.ino = given->ino,
		.is_handed = true,
	};

	memcpy(out.path, address->path, sizeof(out.path));
	return out;
}

enum wp_err wp_listen_group(const char *address, const char *group,
			    struct wp_listener *out, struct wp_error *err)
{
	struct address parsed;
	enum wp_err rc = parse(&parsed, address, err);

	struct wp_heir_socket given;

	*out = WP_LISTENER_NONE;
	if (rc != WP_OK)
		return rc;
	if (wp_heir_take(address, &given)) {
		*out = listener_of(&given, &parsed);
		return WP_OK;
	}
	if (parsed.is_unix)
		return listen_unix(parsed.path, group, out, err);
	return listen_tcp(&parsed, address, out, err);
}

enum wp_err wp_listen(const char *address, struct wp_listener *out,
		      struct wp_error *err)
{
	return wp_listen_group(address, "", out, err);
}

void wp_listen_unlink(struct wp_listener *listener)
{
	struct stat st;
	int lock;

	if (listener->path[0] == '\0')
		return;
	/* The number of a file is not given away while the socket is open. */
	assert(listener->fd != -1);
	/* We end before we have taken over: he goes on under that name. */
	if (listener->is_handed && wp_heir_is_awaited()) {
		listener->path[0] = '\0';
		return;
	}
	lock = lock_folder(listener->path);
	/* Rather a stale name than a wrong one: the next start clears it. */
	if (lock != -1 && lstat(listener->path, &st) == 0 &&
	    st.st_dev == listener->dev && st.st_ino == listener->ino)
		(void)unlink(listener->path);
	if (lock != -1)
		close(lock);
	listener->path[0] = '\0';
}

struct wp_heir_socket wp_listen_hand(const struct wp_listener *listener,
				     const char *address)
{
	return (struct wp_heir_socket){
		.address = address,
		.fd = listener->fd,
		.dev = listener->dev,
		.ino = listener->ino,
	};
}

void wp_listen_give_up(struct wp_listener *listener)
{
	listener->path[0] = '\0';
}

void wp_listen_close(struct wp_listener *listener)
{
	if (listener->fd == -1)
		return;
	wp_listen_unlink(listener);
	close(listener->fd);
	listener->fd = -1;
}

void wp_listen_take_over(void)
{
	struct wp_heir_socket rest;

	wp_heir_tell_ready();
	while (wp_heir_take_rest(&rest)) {
		struct address address;
		struct wp_listener listener;

		/* One of a manager has no name of ours. */
		if (parse(&address, rest.address, NULL) != WP_OK)
			address.path[0] = '\0';
		listener = listener_of(&rest, &address);
		wp_listen_close(&listener);
	}
}

bool wp_listen_is_listening(int fd)
{
	int answer = 0;
	socklen_t len = sizeof(answer);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &answer, &len) == 0 &&
	       answer != 0;
}

/* Does anybody take connections on this socket? */
static bool is_answered(const char *path)
{
	struct sockaddr_un name = unix_name(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_there;

	if (fd == -1)
		return false;
	is_there = connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 ||
		   errno == EAGAIN || errno == EINPROGRESS;
	close(fd);
	return is_there;
}

static enum wp_err look_at_path(const char *path, struct wp_error *err)
{
	char folder[WP_LISTEN_PATH_MAX + 1];
	const char *name;
	struct stat st;

	memcpy(folder, path, strlen(path) + 1);
	name = dirname(folder);
	if (access(name, W_OK | X_OK) == -1)
		return wp_error_set(err, WP_ERR_INVAL,
				    "no socket can be made in %s: %s", name,
				    strerror(errno));
	if (lstat(path, &st) == -1)
		return WP_OK;
	if (!S_ISSOCK(st.st_mode))
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s is in the way and is no socket", path);
	if (is_answered(path))
		return wp_error_set(err, WP_ERR_CONFLICT,
				    "%s is in use by a running program", path);
	return WP_OK;
}

enum wp_err wp_listen_look(const char *address, struct wp_error *err)
{
	struct address parsed;
	enum wp_err rc = parse(&parsed, address, err);

	if (rc != WP_OK || !parsed.is_unix)
		return rc;
	return look_at_path(parsed.path, err);
}

/* Returns a descriptor; -1 and errno. */
static int begin_connect(int family, const struct sockaddr *to, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int saved;

	if (fd == -1 || connect(fd, to, len) == 0 || errno == EINPROGRESS)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static enum wp_err connect_tcp(const struct address *address, const char *text,
			       int *fd_out, struct wp_error *err)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	const char *host = address->host[0] != '\0' ? address->host : NULL;
	struct addrinfo *all = NULL;
	int gai = getaddrinfo(host, address->port, &hints, &all);

	if (gai != 0)
		return wp_error_set(err, WP_ERR_SYS, "%s: %s", text,
				    gai_strerror(gai));
	/* In the order in which wp_listen() tries them. */
	for (const struct addrinfo *at = all; at != NULL && *fd_out == -1;
	     at = at->ai_next)
		*fd_out = begin_connect(at->ai_family, at->ai_addr,
					at->ai_addrlen);
	freeaddrinfo(all);
	return *fd_out == -1 ? wp_error_sys(err, "%s", text) : WP_OK;
}

enum wp_err wp_listen_connect(const char *address, int *fd_out,
			      struct wp_error *err)
{
	struct address parsed;
	struct sockaddr_un name;
	enum wp_err rc = parse(&parsed, address, err);

	*fd_out = -1;
	if (rc != WP_OK)
		return rc;
	if (!parsed.is_unix)
		return connect_tcp(&parsed, address, fd_out, err);
	name = unix_name(parsed.path);
	*fd_out =
		begin_connect(AF_UNIX, (struct sockaddr *)&name, sizeof(name));
	return *fd_out == -1 ? wp_error_sys(err, "%s", address) : WP_OK;
}

/*
 * daemon.c - settings that are read again, and a program that is started again.
 */
#include "ws-daemon/daemon.h"

#include <stdio.h>

#include "lib/sys/systemd.h"

/* Until it has taken over: its Redis may be away, or it hangs. */
enum { SUCCESSOR_MS = 60 * 1000 };

const struct wp_conf *wp_daemon_conf(const struct wp_daemon *daemon)
{
	return daemon->now.known != NULL ? &daemon->now : &daemon->first;
}

static enum wp_err make_auth(void *ctx, const struct wp_conf *next,
			     struct wp_error *err)
{
	struct wp_auth **auth = ctx;

	return wp_auth_new(auth, next, err);
}

bool wp_daemon_reload(struct wp_daemon *daemon, void (*use)(void *ctx),
		      void *ctx)
{
	struct wp_conf conf, old_conf = daemon->now;
	struct wp_auth *auth = NULL, *old_auth = daemon->auth;

	if (!wp_program_reload(&daemon->program, &daemon->first, &conf,
			       make_auth, &auth))
		return false;
	daemon->now = conf;
	daemon->auth = auth;
	if (use != NULL)
		use(ctx);
	wp_auth_free(&old_auth);
	wp_conf_release(&old_conf);
	return true;
}

bool wp_daemon_succeed(const struct wp_daemon *daemon,
		       const struct wp_heir_socket *metrics,
		       struct wp_successor *out)
{
	/* The address of one that a manager gave us is nobody's business. */
	const char *address =
		daemon->is_inherited ? "" : daemon->first.websocket.listen;
	struct wp_heir_socket sockets[2] = {
		wp_listen_hand(&daemon->listener, address),
	};
	size_t n = 1;

	if (metrics != NULL)
		sockets[n++] = *metrics;
	return wp_successor_start(out, daemon->program.argv, sockets, n,
				  SUCCESSOR_MS);
}

void wp_daemon_give_up(struct wp_daemon *daemon,
		       const struct wp_successor *successor)
{
	char state[32];

	wp_listen_give_up(&daemon->listener);
	(void)snprintf(state, sizeof(state), "MAINPID=%d", (int)successor->pid);
	wp_sd_notify(state);
}

/*
 * daemon.c - settings that are read again.
 */
#include "ws-daemon/daemon.h"

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

/*
 * waypost-ws: hold WebSocket connections, tell Redis who is here, and poke
 * them.
 *
 * Life: read the settings; raise the descriptor limit; listen (or take the
 * socket that systemd hands over), and say READY; answer 503 until Redis was
 * found fit and has registered us; serve. SIGHUP reads the settings again and
 * takes limits, origins, keys and the log level from them; a bad file changes
 * nothing.
 * SIGTERM and SIGINT take the socket's name away and close it, move everybody
 * away over websocket.drain_ms, take them offline with a grace period and exit;
 * a second one exits at once. Either way with 0: it was asked to.
 *
 * Holds no durable state: after kill -9 the reaper takes our users offline.
 */
#include <malloc.h>

#include "lib/auth/token.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/sys/heir.h"
#include "lib/sys/listen.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "lib/sys/systemd.h"
#include "ws-daemon/daemon.h"
#include "ws-daemon/instance.h"
#include "ws-daemon/metrics.h"
#include "ws-daemon/pool.h"

enum {
	LARGE_BYTES = 128 * 1024, /* buffers that go back at once */
	SPARE_DESCRIPTORS = 64,   /* Redis, store, log, listening socket */
};

static const struct wp_conf_section *const sections[] = { &wp_conf_log,
							  &wp_conf_log_requests,
							  &wp_conf_redis,
							  &wp_conf_mailbox,
							  &wp_conf_tokens,
							  &wp_conf_issuers,
							  &wp_conf_store_secret,
							  &wp_conf_accounts,
							  &wp_conf_cors,
							  &wp_conf_websocket,
							  &wp_conf_beat,
							  &wp_conf_presence,
							  &wp_conf_limits,
							  &wp_conf_push,
							  &wp_conf_store,
							  &wp_conf_sqlite,
							  NULL };

static const struct wp_conf_program about = {
	.name = "waypost-ws",
	.summary = "Holds WebSocket connections and pokes their users.",
	.known = wp_conf_sections,
	.sections = sections,
	.is_service = true,
};

static const char group_key[] = "websocket.socket_group";

/* Every connection is a descriptor: take all that we may have. */
static void raise_descriptor_limit(struct wp_daemon *d)
{
	int64_t wanted = d->first.websocket.max_connections + SPARE_DESCRIPTORS;
	uint64_t limit = wp_program_raise_descriptors();

	if (limit < (uint64_t)wanted)
		wp_log(NULL, WP_LOG_WARN,
		       "websocket.max_connections does not fit the descriptor "
		       "limit",
		       wp_int("descriptors", (int64_t)limit),
		       wp_int("wanted", wanted));
}

/* For --check: blocking, and changing nothing. */
static enum wp_err look_at_deployment(void *ctx, struct wp_error *err)
{
	struct wp_daemon *d = ctx;
	const struct wp_log log = { 0 };
	struct wp_redis *redis = NULL;
	enum wp_err rc = wp_redis_new(&redis, &d->first, &wp_scripts, err);

	if (rc == WP_OK)
		rc = wp_deployment_look(redis, &d->first, &log, err);
	wp_redis_free(&redis);
	return rc;
}

static enum wp_err ping(const struct wp_daemon *d, struct wp_error *err)
{
	static const char request[] = WP_PING_GET("/healthz");
	const struct wp_program_ping ping = {
		.key = "websocket.listen",
		.address = d->first.websocket.listen,
		.request = request,
		.len = sizeof(request) - 1,
		.answer = WP_PING_OK,
	};

	/* Of one that was handed over nobody knows where it is. */
	if (ping.address[0] == '\0')
		return wp_program_ping_metrics(
			&d->program, "websocket.metrics_listen",
			d->first.websocket.metrics_listen, err);
	return wp_program_ping(&d->program, &ping, err);
}

static struct wp_program_look what_to_look_at(struct wp_daemon *d)
{
	return (struct wp_program_look){
		.key = "websocket.listen",
		.address = d->first.websocket.listen,
		.metrics_key = "websocket.metrics_listen",
		.metrics_address = d->first.websocket.metrics_listen,
		.group_key = group_key,
		.group = d->first.websocket.socket_group,
		.look = look_at_deployment,
		.ctx = d,
		.fine = "settings, keys, Redis and the store are in order",
	};
}

static enum wp_err check(struct wp_daemon *d, struct wp_error *err)
{
	const struct wp_program_look look = what_to_look_at(d);

	return wp_program_check(&d->program, &look, err);
}

static enum wp_err listen_somewhere(struct wp_daemon *d, struct wp_error *err)
{
	const char *address = d->first.websocket.listen;
	const char *group = d->first.websocket.socket_group;
	enum wp_err rc;

	struct wp_heir_socket given;

	d->program.has_listened = true;
	d->listener.fd = wp_sd_take_socket();
	/* A predecessor may have got it from a manager. */
	if (d->listener.fd == -1 && wp_heir_take("", &given))
		d->listener.fd = given.fd;
	d->is_inherited = d->listener.fd != -1;
	if (d->is_inherited)
		return WP_OK;
	if (address[0] == '\0')
		return wp_error_set(err, WP_ERR_INVAL,
				    "there is nothing to listen on: set "
				    "websocket.listen, or start it from "
				    "systemd");
	rc = wp_program_look_group(group_key, address, group, err);
	return rc == WP_OK ? wp_listen_group(address, group, &d->listener, err)
			   : rc;
}

static enum wp_err serve_alone(struct wp_daemon *d,
			       struct wp_instance **instance,
			       struct wp_error *err)
{
	wp_metric_set(d->metrics, WP_M_PROCESSES, 1);
	return wp_instance_run(instance, d, NULL, err);
}

/* instance: as wp_instance_run() */
static enum wp_err run(struct wp_daemon *d, struct wp_instance **instance,
		       struct wp_error *err)
{
	enum wp_err rc = wp_program_load(&d->program, &d->first, err);

	if (rc != WP_OK || d->program.is_over)
		return rc;
	if (d->program.is_ping)
		return ping(d, err);
	rc = wp_auth_new(&d->auth, &d->first, err);
	if (rc != WP_OK)
		return rc;
	if (d->program.is_check)
		return check(d, err);
	raise_descriptor_limit(d);
	rc = wp_ws_metrics_new(&d->metrics, err);
	if (rc == WP_OK)
		rc = listen_somewhere(d, err);
	if (rc != WP_OK)
		return rc;
	wp_log(NULL, WP_LOG_INFO, "started", wp_str("version", wp_version),
	       wp_str("listen", d->is_inherited ? "(inherited)"
						: d->first.websocket.listen));
	rc = d->first.websocket.processes == 1 ? serve_alone(d, instance, err)
					       : wp_ws_pool_run(d, err);
	if (rc == WP_OK)
		wp_log_plain(NULL, WP_LOG_INFO, "stopped");
	return rc;
}

static void release(struct wp_daemon *d)
{
	wp_listen_close(&d->listener);
	wp_metrics_free(&d->metrics);
	wp_auth_free(&d->auth);
	wp_conf_release(&d->now);
	wp_conf_release(&d->first);
}

/*
 * Large buffers are for moments: thousands who leave together, a page. By
 * itself malloc() takes them from the heap once it has seen a few, where they
 * leave holes behind that stay resident. Elsewhere than in glibc it is better.
 */
static void return_large_buffers(void)
{
#ifdef M_MMAP_THRESHOLD
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

int main(int argc, char **argv)
{
	struct wp_daemon d = { .listener = WP_LISTENER_NONE };
	struct wp_instance *instance = NULL;
	struct wp_program_look look;
	struct wp_error err = { 0 };
	enum wp_err rc;
	int status;

	return_large_buffers();
	wp_heir_begin();
	if (!wp_program_begin(&d.program, &about, argc, argv))
		return WP_EXIT_FAILED;
	rc = run(&d, &instance, &err);
	look = what_to_look_at(&d);
	wp_program_look_further(&d.program, &d.first, &look, rc, &err);
	status = wp_program_end(&d.program, rc, &err);
	/* It reads the settings, and may have to wait for a silent Redis. */
	if (!wp_instance_end(&instance))
		wp_instance_leave(instance, status);
	release(&d);
	return status;
}

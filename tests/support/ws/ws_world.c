/* See ws_world.h. */
#include "tests/support/ws/ws_world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "lib/auth/token.h"
#include "lib/base/clock.h"
#include "lib/live/gather.h"
#include "lib/redis/async.h"
#include "lib/sys/sections/sections.h"
#include "ws-daemon/admit.h"
#include "ws-daemon/frames_in.h"

enum { HOUR_S = 3600, TURNS_MAX = 100000, START_MS = 1000000 };

static void need(bool is_so)
{
	if (!is_so)
		abort();
}

/* ---- time ---- */

/* Stands still but for ws_world_pass(): however long the machine lets a test
 * wait, nothing becomes due that a test did not ask for. */
static uint64_t now_ms = START_MS;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return now_ms;
}

/* ---- Redis ---- */

struct waiting {
	struct waiting *next;
	wp_reply_fn fn;
	void *ctx;
};

static struct waiting *head;
static struct waiting **tail = &head;
static size_t n_waiting;

struct wp_aredis *
__wrap_wp_registrar_redis(const struct wp_registrar *registrar);
bool __wrap_wp_aredis_is_ready(const struct wp_aredis *redis);
const char *__wrap_wp_aredis_run_id(const struct wp_aredis *redis);
enum wp_err __wrap_wp_aredis_do(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);
enum wp_err __wrap_wp_gather_submit(struct wp_gather *gather,
				    struct wp_sends *sends);

static void let_wait(wp_reply_fn fn, void *ctx)
{
	struct waiting *call = malloc(sizeof(*call));

	need(call != NULL);
	*call = (struct waiting){ .fn = fn, .ctx = ctx };
	*tail = call;
	tail = &call->next;
	n_waiting++;
}

struct wp_aredis *
__wrap_wp_registrar_redis(const struct wp_registrar *registrar)
{
	static max_align_t nothing; /* never looked into */

	(void)registrar;
	return (struct wp_aredis *)&nothing;
}

bool __wrap_wp_aredis_is_ready(const struct wp_aredis *redis)
{
	return redis != NULL;
}

const char *__wrap_wp_aredis_run_id(const struct wp_aredis *redis)
{
	(void)redis;
	return "0123456789012345678901234567890123456789";
}

enum wp_err __wrap_wp_aredis_do(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	(void)redis;
	(void)cmd;
	if (fn != NULL)
		let_wait(fn, ctx);
	return WP_OK;
}

/* The answer to sends: as of a call that was lost with them. */
static void on_lost_sends(void *ctx, const struct wp_reply *reply)
{
	struct wp_sends *sends = ctx;

	(void)reply;
	for (size_t i = 0; i < sends->n; i++)
		sends->results[i].status = WP_SEND_UNKNOWN;
	sends->done(sends);
}

/* What goes together is not of interest here: each is one that waits. */
enum wp_err __wrap_wp_gather_submit(struct wp_gather *gather,
				    struct wp_sends *sends)
{
	(void)gather;
	let_wait(on_lost_sends, sends);
	return WP_OK;
}

size_t ws_world_waiting(void)
{
	return n_waiting;
}

bool ws_world_answer(void)
{
	struct waiting *call = head;

	if (call == NULL)
		return false;
	head = call->next;
	if (head == NULL)
		tail = &head;
	n_waiting--;
	call->fn(call->ctx, NULL);
	free(call);
	return true;
}

/* ---- the server ---- */

static void on_nothing(void *ctx)
{
	(void)ctx;
}

/* Who asks to come in next. */
static struct ws_world *asked;
static const char *asking;
static struct wp_conn *admitted;

static void add_response(struct wp_buf *out, size_t len)
{
	wp_buf_add_str(out, "HTTP/1.1 101 Yes\r\nX: ");
	while (out->len + 4 < len)
		wp_buf_add_char(out, 'x');
	wp_buf_add_str(out, "\r\n\r\n");
}

/* Everybody is whom they say they are, and Redis is told at once. */
static void on_request(struct wp_conn *conn, const struct wp_head *request)
{
	struct wp_identity caller = { 0 };

	(void)request;
	need(wp_urn_parse(&caller.user, asking, strlen(asking), NULL) ==
		     WP_OK &&
	     wp_name_hash("", asking, strlen(asking), caller.subject) ==
		     WP_OK &&
	     wp_hub_join(conn->parts->live.hub, &conn->member, &caller.user) ==
		     WP_OK);
	wp_revoked_mark(&conn->member.marks, &caller);
	wp_conn_admission(conn)->expires_s = wp_wall_ms() / 1000 + HOUR_S;
	add_response(&wp_conn_admission(conn)->response, asked->response_bytes);
	conn->is_admitted = true;
	conn->parts->n_admitted++;
	if (asked->is_replaced)
		wp_conn_on_kick(NULL, &conn->member);
	wp_admit_on_registered(conn->parts, &conn->member, 0);
	admitted = conn;
}

static const struct wp_conn_upcalls upcalls = {
	.on_request = on_request,
	.on_text = wp_frames_in,
	.on_left = wp_admit_left,
};

static int listen_for_nobody(void)
{
	/* So short, it gets a name that nobody knows. */
	const struct sockaddr addr = { .sa_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	need(fd != -1 && bind(fd, &addr, sizeof(addr.sa_family)) == 0 &&
	     listen(fd, 1) == 0);
	return fd;
}

void ws_world_start(struct ws_world *w)
{
	struct wp_server_setup setup = { .on_stopped = on_nothing };
	const struct wp_conf_program program = { .known = wp_conf_sections };
	const struct wp_limit_rates no_limits = { 0 };
	struct wp_conf_load load;

	memset(w, 0, sizeof(*w));
	need(wp_conf_load_begin(&load, &w->conf, &program, NULL) == WP_OK);
	wp_conf_load_end(&load);
	free(w->conf.auth.jwt_secret);
	w->conf.auth.jwt_secret = strdup(WS_WORLD_SECRET);
	need(w->conf.auth.jwt_secret != NULL &&
	     wp_auth_new(&w->auth, &w->conf, NULL) == WP_OK);
	w->loop = ev_loop_new(EVFLAG_AUTO);
	w->listen_fd = listen_for_nobody();
	need(w->loop != NULL && wp_ws_metrics_new(&w->metrics, NULL) == WP_OK);
	setup.loop = w->loop;
	setup.conf = &w->conf;
	setup.auth = w->auth;
	setup.metrics = w->metrics;
	setup.fd = w->listen_fd;
	need(wp_server_new(&w->server, &setup, NULL) == WP_OK);
	w->parts = wp_server_parts(w->server);
	/* Tests are fast; those of limits set theirs. */
	wp_limiter_use(w->parts->limiter, &no_limits);
	w->parts->frames = no_limits.of[WP_LIMIT_FRAMES];
	w->parts->upcalls = &upcalls;
	/* Only what a test does asks Redis, however long the test takes. */
	ev_timer_stop(w->loop, &w->parts->live.memory_timer);
	wp_revoker_stop(w->parts->live.revoker);
}

void ws_world_stop(struct ws_world *w)
{
	while (ws_world_answer())
		;
	wp_server_free(&w->server);
	while (ws_world_answer())
		;
	wp_auth_free(&w->auth);
	wp_metrics_free(&w->metrics);
	wp_conf_release(&w->conf);
	ev_loop_destroy(w->loop);
	close(w->listen_fd);
}

struct wp_conn *ws_world_open(struct ws_world *w, const char *user,
			      int *peer_out)
{
	static const char request[] = "GET /connect HTTP/1.1\r\n\r\n";
	int pair[2];

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	need(w->send_buffer == 0 ||
	     setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &w->send_buffer,
			sizeof(w->send_buffer)) == 0);
	asked = w;
	asking = user;
	admitted = NULL;
	wp_conn_accept(w->parts, pair[0]);
	need(write(pair[1], request, strlen(request)) ==
	     (ssize_t)strlen(request));
	ws_world_settle(w);
	need(admitted != NULL);
	*peer_out = pair[1];
	return admitted;
}

void ws_world_turn(struct ws_world *w)
{
	ev_run(w->loop, EVRUN_NOWAIT);
}

static bool is_busy(const struct ws_world *w)
{
	return w->parts->turn.n_marked > 0 ||
	       ev_is_active(&w->parts->turn.more) ||
	       ev_pending_count(w->loop) > 0;
}

void ws_world_settle(struct ws_world *w)
{
	int turns = 0;

	/* One more behind the last: what it wrote may be readable here. */
	do {
		ws_world_turn(w);
		need(++turns < TURNS_MAX);
	} while (is_busy(w));
	ws_world_turn(w);
}

void ws_world_pass(struct ws_world *w, int64_t ms)
{
	now_ms += (uint64_t)ms;
	ev_feed_event(w->loop, &w->parts->turn.tick_timer, EV_TIMER);
	ws_world_settle(w);
}

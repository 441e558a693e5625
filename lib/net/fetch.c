/*
 * fetch.c - libcurl's sockets and its one timer on libev.
 *
 * A pool has a set of connections for each host, and those that it has renewed,
 * until the last request on each has ended. What waits in a set of libcurl for
 * a connection is looked at one by one, whatever host it is for, so who waits
 * for a host that is silent would hold up all others of that set.
 */
#include "lib/net/fetch.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <ev.h>

enum { IDLE_MAX = 32 /* hosts whose connections are kept */ };

struct line {
	struct line *next;
	struct wp_fetch_pool *pool;
	char *host;  /* as it begins the URL: "https://127.0.0.1:8443" */
	bool is_old; /* renewed */
	struct wp_transfers *transfers;
	ev_timer timer; /* libcurl's */
	ev_timer late;  /* ours, until the first of them is */
};

struct wp_fetch_pool {
	struct ev_loop *loop;
	struct wp_transfer_rules rules; /* text is owned */
	char *agent;
	char *ca_file;
	char *proxy;
	struct line *lines; /* that which was used last is first */
	bool is_telling;    /* so it may not be freed */
};

/* A socket that libcurl waits for. */
struct watch {
	ev_io io;
	struct line *line;
};

static void work(struct line *line, curl_socket_t fd, int events);
static void on_late(EV_P_ ev_timer *timer, int events);

/* ---- what libcurl wants to know ---- */

static void on_ready(EV_P_ ev_io *io, int events)
{
	struct watch *watch = io->data;
	int what = 0;

#if EV_MULTIPLICITY
	(void)loop;
#endif
	if ((events & EV_READ) != 0)
		what |= CURL_CSELECT_IN;
	if ((events & EV_WRITE) != 0)
		what |= CURL_CSELECT_OUT;
	/* It may be gone behind this. */
	work(watch->line, io->fd, what);
}

static void on_time(EV_P_ ev_timer *timer, int events)
{
#if EV_MULTIPLICITY
	(void)loop;
#endif
	(void)events;
	work(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
		     void *known)
{
	struct line *line = ctx;
	struct ev_loop *loop = line->pool->loop;
	struct watch *watch = known;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch != NULL)
			ev_io_stop(loop, &watch->io);
		free(watch);
		return 0;
	}
	if (watch == NULL) {
		watch = calloc(1, sizeof(*watch));
		/* -1 fails the transfers of this socket. */
		if (watch == NULL)
			return -1;
		watch->line = line;
		watch->io.data = watch;
		ev_init(&watch->io, on_ready);
		(void)curl_multi_assign(wp_transfers_multi(line->transfers), fd,
					watch);
	}
	if ((what & CURL_POLL_IN) != 0)
		events |= EV_READ;
	if ((what & CURL_POLL_OUT) != 0)
		events |= EV_WRITE;
	ev_io_stop(loop, &watch->io);
	ev_io_set(&watch->io, fd, events);
	ev_io_start(loop, &watch->io);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct line *line = ctx;
	struct ev_loop *loop = line->pool->loop;

	(void)multi;
	ev_timer_stop(loop, &line->timer);
	if (timeout_ms < 0)
		return 0;
	/* The loop counts from when its turn began. */
	ev_now_update(loop);
	ev_timer_set(&line->timer, (double)timeout_ms / 1000, 0);
	ev_timer_start(loop, &line->timer);
	return 0;
}

/* ---- sets of connections ---- */

static void line_free(struct line *line)
{
	struct wp_fetch_pool *pool = line->pool;

	wp_transfers_free(&line->transfers); /* gives its sockets back */
	ev_timer_stop(pool->loop, &line->timer);
	ev_timer_stop(pool->loop, &line->late);
	free(line->host);
	free(line);
}

/* The bytes of a URL that say where it leads. */
static size_t host_len(const char *url)
{
	const char *rest = strstr(url, "://");
	size_t at = rest != NULL ? (size_t)(rest - url) + strlen("://") : 0;

	return at + strcspn(url + at, "/?#");
}

static struct line *line_new(struct wp_fetch_pool *pool, const char *url)
{
	struct line *line = calloc(1, sizeof(*line));
	CURLM *multi;

	if (line == NULL)
		return NULL;
	line->pool = pool;
	ev_init(&line->timer, on_time);
	line->timer.data = line;
	ev_init(&line->late, on_late);
	line->late.data = line;
	line->host = strndup(url, host_len(url));
	line->transfers = wp_transfers_new(&pool->rules);
	if (line->host == NULL || line->transfers == NULL) {
		line_free(line);
		return NULL;
	}
	multi = wp_transfers_multi(line->transfers);
	if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) !=
		    CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, line) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) !=
		    CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, line) != CURLM_OK) {
		line_free(line);
		return NULL;
	}
	return line;
}

/* Those that have nothing left to do: all that were renewed, and of the others
 * all but a few. Never a line whose answer is being told. */
static void reap(struct wp_fetch_pool *pool)
{
	struct line **at = &pool->lines;
	size_t n_idle = 0;

	while (*at != NULL) {
		struct line *line = *at;
		bool is_idle = wp_transfers_running(line->transfers) == 0;

		if (!is_idle || (!line->is_old && n_idle++ < IDLE_MAX)) {
			at = &line->next;
			continue;
		}
		*at = line->next;
		line_free(line);
	}
}

/* That to where a URL leads, in front from now on; NULL: out of memory. */
static struct line *line_of(struct wp_fetch_pool *pool, const char *url)
{
	size_t len = host_len(url);
	struct line **at = &pool->lines;
	struct line *line;

	while (*at != NULL && ((*at)->is_old || strlen((*at)->host) != len ||
			       strncasecmp((*at)->host, url, len) != 0))
		at = &(*at)->next;
	line = *at;
	if (line != NULL)
		*at = line->next;
	else
		line = line_new(pool, url);
	if (line != NULL) {
		line->next = pool->lines;
		pool->lines = line;
	}
	return line;
}

static void work(struct line *line, curl_socket_t fd, int events)
{
	struct wp_fetch_pool *pool = line->pool;
	int n;

	pool->is_telling = true;
	(void)curl_multi_socket_action(wp_transfers_multi(line->transfers), fd,
				       events, &n);
	wp_transfers_tell(line->transfers);
	pool->is_telling = false;
	reap(pool);
}

static void watch_time(struct line *line)
{
	struct ev_loop *loop = line->pool->loop;

	if (ev_is_active(&line->late))
		return;
	ev_now_update(loop);
	ev_timer_set(&line->late,
		     (double)wp_transfers_left_ms(line->transfers) / 1000, 0);
	ev_timer_start(loop, &line->late);
}

/* It was set for one that may have ended by now. */
static void on_late(EV_P_ ev_timer *timer, int events)
{
	struct line *line = timer->data;
	struct wp_fetch_pool *pool = line->pool;

#if EV_MULTIPLICITY
	(void)loop;
#endif
	(void)events;
	pool->is_telling = true;
	wp_transfers_end_late(line->transfers);
	pool->is_telling = false;
	if (wp_transfers_running(line->transfers) > 0)
		watch_time(line);
	reap(pool);
}

/* ---- the pool ---- */

struct wp_fetch_pool *wp_fetch_pool_new(struct ev_loop *loop,
					const struct wp_transfer_rules *rules)
{
	struct wp_fetch_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->loop = loop;
	pool->rules = *rules;
	pool->agent = strdup(rules->agent);
	pool->ca_file = strdup(rules->ca_file);
	pool->rules.agent = pool->agent;
	pool->proxy = strdup(rules->proxy != NULL ? rules->proxy : "");
	pool->rules.ca_file = pool->ca_file;
	pool->rules.proxy = pool->proxy;
	if (pool->agent == NULL || pool->ca_file == NULL || pool->proxy == NULL)
		wp_fetch_pool_free(&pool);
	return pool;
}

void wp_fetch_pool_free(struct wp_fetch_pool **pool)
{
	struct wp_fetch_pool *p = *pool;

	if (p == NULL)
		return;
	assert(!p->is_telling);
	while (p->lines != NULL) {
		struct line *line = p->lines;

		p->lines = line->next;
		line_free(line);
	}
	free(p->agent);
	free(p->ca_file);
	free(p->proxy);
	free(p);
	*pool = NULL;
}

enum wp_err wp_fetch_begin(struct wp_fetch_pool *pool,
			   const struct wp_transfer_request *request,
			   wp_transfer_fn on_end, void *ctx,
			   struct wp_error *err)
{
	struct line *line = line_of(pool, request->url);
	enum wp_err rc;

	if (line == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_transfers_begin(line->transfers, request, on_end, ctx, err);
	if (rc == WP_OK)
		watch_time(line);
	return rc;
}

void wp_fetch_renew(struct wp_fetch_pool *pool)
{
	for (struct line *line = pool->lines; line != NULL; line = line->next)
		line->is_old = true;
	reap(pool);
}

size_t wp_fetch_running(const struct wp_fetch_pool *pool)
{
	size_t n = 0;

	for (const struct line *line = pool->lines; line != NULL;
	     line = line->next)
		n += wp_transfers_running(line->transfers);
	return n;
}

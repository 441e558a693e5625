/*
 * guard.c - who is charged for what.
 *
 * The web server is next to us and says who its peer is, and so does a proxy
 * before it that the operator has named. Nobody else is believed.
 */
#include "ws-daemon/guard.h"

#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/limit/address.h"

/* ---- addresses ---- */

static bool is_proxy(const struct wp_conf *conf,
		     const struct wp_address *address)
{
	const struct wp_conf_list *proxies = &conf->limits.trusted_proxies;

	for (size_t i = 0; i < proxies->n; i++) {
		struct wp_net net;

		if (wp_net_read(&net, proxies->items[i]) &&
		    wp_net_has(&net, address))
			return true;
	}
	return false;
}

/* False when nobody knows. */
static bool find_address(const struct wp_conn *conn, const struct wp_head *head,
			 struct wp_address *out)
{
	const struct wp_conf *conf = conn->parts->live.conf;
	struct wp_text said = wp_head_field(head, "X-Forwarded-For");
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);

	if (getpeername(conn->fd, (struct sockaddr *)&peer, &len) == -1)
		return false;
	if (wp_address_of(out, (struct sockaddr *)&peer) && !out->is_loopback &&
	    !is_proxy(conf, out))
		return true;
	/* The web server leaves one. */
	if (wp_head_count(head, "X-Forwarded-For") != 1)
		return false;
	do
		if (!wp_address_forwarded(out, said.data, &said.len))
			return false;
	while (said.len > 0 && is_proxy(conf, out));
	return true;
}

static void watch(struct wp_parts *parts, const struct wp_address *address)
{
	if (parts->live.conf->run_mode == WP_RUN_PRODUCTION &&
	    wp_alike_note(&parts->alike, address, wp_mono_ms()))
		wp_log(NULL, WP_LOG_WARN,
		       "all clients look like one: the web server names a "
		       "proxy instead of them, and must be told of it",
		       wp_int("requests", parts->alike.n));
}

/* Whom to charge for failures; false when that is nobody (loopback: a web
 * server that was not told of its proxy is to limit nobody). */
static bool whose(const struct wp_conn *conn, struct wp_limit_who *out)
{
	const struct wp_address *from = &wp_conn_admission(conn)->from;

	if (from->len == 0 || from->is_loopback)
		return false;
	*out = (struct wp_limit_who){ .name = from->bytes, .len = from->len };
	return true;
}

bool wp_guard_request(struct wp_conn *conn, const struct wp_head *head)
{
	struct wp_address *from = &wp_conn_admission(conn)->from;
	struct wp_ledger_verdict verdict;
	struct wp_limit_who who;

	if (!find_address(conn, head, from))
		*from = (struct wp_address){ 0 };
	if (!whose(conn, &who))
		return true;
	watch(conn->parts, from);
	wp_limiter_look(conn->parts->limiter, WP_LIMIT_FAILED, &who, &verdict);
	if (verdict.is_refused)
		wp_conn_limit(conn, verdict.wait_ns);
	return !verdict.is_refused;
}

void wp_guard_failed(struct wp_conn *conn)
{
	struct wp_ledger_verdict verdict;
	struct wp_limit_who who;

	if (wp_conn_admission(conn) != NULL && whose(conn, &who))
		wp_limiter_owe(conn->parts->limiter, WP_LIMIT_FAILED, &who, 1,
			       &verdict);
}

/* ---- users ---- */

bool wp_guard_connect(struct wp_conn *conn, const struct wp_urn *user)
{
	const struct wp_limit_who who = { .name = user->text,
					  .len = user->len };
	struct wp_ledger_verdict verdict;

	wp_limiter_take(conn->parts->limiter, WP_LIMIT_CONNECT, &who, 1,
			&verdict);
	if (verdict.is_refused)
		wp_conn_limit(conn, verdict.wait_ns);
	return !verdict.is_refused;
}

bool wp_guard_send(struct wp_conn *conn, int64_t *wait_ns_out)
{
	const struct wp_user *user = conn->member.user;
	const struct wp_limit_who who = { .name = user->text,
					  .len = user->len,
					  .partition = user->partition };
	struct wp_ledger_verdict verdict;

	wp_limiter_take(conn->parts->limiter, WP_LIMIT_SEND, &who, 1, &verdict);
	*wait_ns_out = verdict.wait_ns;
	return !verdict.is_refused;
}

/*
 * from_outside.c - what the deployment looks like from outside, through the web
 * server: does it answer, in our form, does the upgrade get through, and is
 * nothing there that should not be?
 *
 * What stands between may be anything: a web server without our snippet, a
 * terminator of TLS, a proxy that knows no WebSocket.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/random.h"
#include "lib/net/dial.h"
#include "tools/waypost/doctor/checks.h"
#include "tools/waypost/doctor/logs.h"
#include "tools/waypost/doctor/socket.h"
#include "tools/waypost/doctor/web.h"

enum {
	TLS_DAYS = 14,
	DAY_S = 86400,
	CLOCK_OFF_S = 2,
	/* As large as an envelope may be, and a little over. */
	BODY_BYTES = 4200 * 1000,
	TOO_MANY_BYTES = 5000 * 1000,
	TOO_LARGE_BYTES = 512 << 20,
	CONNECT_MS = 5000,
	IDLE_MS = 75 * 1000,
	MARK_BYTES = 16,
	LONG_BYTES = 7000, /* fits into a line of a request, by defaults */
	LOG_ASKS = 2,
	/* It answered nothing, though it could be reached. */
	LATE_MS = 9000,
	US_PER_MS = 1000,
	MS_PER_S = 1000,
};

static void say(struct wp_doctor *doctor, enum wp_doctor_said said,
		const char *id, const char *advice, const char *sentence)
{
	wp_doctor_say(&doctor->report, said, id, advice, "%s", sentence);
}

/* Ask; false, and it is said, when nobody answers. */
static bool ask(struct wp_doctor *doctor, const char *id,
		const struct wp_web_call *call, struct wp_web_answer *out)
{
	struct wp_error err = { 0 };

	if (wp_web_ask(doctor->web, call, out, &err) != WP_OK)
		(void)snprintf(out->why, sizeof(out->why), "%s", err.msg);
	if (out->status != 0)
		return true;
	wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, id,
		      out->us / US_PER_MS >= LATE_MS
			      ? "the web server waits for the programs "
				"behind it: do they run?"
			      : "is the web server running, and is this "
				"its address? --url names another one",
		      "%.200s does not answer: %s", wp_web_base(doctor->web),
		      out->why);
	wp_web_answer_release(out);
	return false;
}

/* ---- is it there? ---- */

static void look_at_health(struct wp_doctor *doctor)
{
	const struct wp_web_call call = { .path = "/healthz" };
	struct wp_web_answer answer;

	if (!ask(doctor, "web-healthz", &call, &answer)) {
		/* Nothing else would say more. */
		wp_web_free(&doctor->web);
		return;
	}
	if (answer.status == 200)
		say(doctor, WP_DOCTOR_OK, "web-healthz", NULL,
		    "the handlers answer through the web server");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-healthz",
			      answer.status >= 500
				      ? "are the handlers running, and may the "
					"web server open their socket?"
				      : "include Waypost's snippet in the "
					"server block of this host",
			      "/healthz is answered %ld", answer.status);
	wp_web_answer_release(&answer);
}

static void look_at_ready(struct wp_doctor *doctor)
{
	const struct wp_web_call call = { .path = "/readyz" };
	struct wp_web_answer answer;

	if (!ask(doctor, "web-readyz", &call, &answer))
		return;
	if (answer.status == 200)
		say(doctor, WP_DOCTOR_OK, "web-readyz", NULL,
		    "the handlers are ready");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-readyz",
			      "curl it: the body says what is missing",
			      "/readyz is answered %ld", answer.status);
	wp_web_answer_release(&answer);
}

/* ---- are errors ours? ---- */

/* A request that must be refused, and how. */
struct refusal {
	const char *what;
	struct wp_web_call call;
	long status;
	long or_status; /* as good; 0: none is */
};

/* From a web server that has nobody behind it: no word about the rest. */
static bool is_nobody_there(const struct wp_web_answer *answer)
{
	return answer->status >= 502 && answer->status <= 504;
}

static char *make_body(size_t len)
{
	char *body = malloc(len + 1);

	if (body == NULL)
		return NULL;
	memset(body, ' ', len);
	body[len] = '\0';
	return body;
}

/* Returns: there is somebody who could be asked more; *n_bad: it is not so */
static bool try_refusal(struct wp_doctor *doctor, const struct refusal *refusal,
			size_t *n_bad)
{
	struct wp_web_answer answer;
	bool is_there;

	if (!ask(doctor, "web-errors", &refusal->call, &answer))
		return false;
	is_there = !is_nobody_there(&answer);
	if (!is_there) {
		say(doctor, WP_DOCTOR_SKIP, "web-errors", NULL,
		    "the handlers do not answer");
	} else if ((answer.status != refusal->status &&
		    answer.status != refusal->or_status) ||
		   !wp_web_is_error(&answer)) {
		(*n_bad)++;
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-errors",
			      "include Waypost's snippet in this server "
			      "block, and let nothing in front of it "
			      "replace answers",
			      "%s is answered %ld %s, and should be %ld "
			      "with a JSON error",
			      refusal->what, answer.status, answer.type,
			      refusal->status);
	}
	wp_web_answer_release(&answer);
	return is_there;
}

static void look_at_errors(struct wp_doctor *doctor)
{
	char *body = make_body(TOO_MANY_BYTES);
	const struct refusal refusals[] = {
		{ "an unknown path", { .path = "/api/doctor" }, 404, 0 },
		{ "a bad token",
		  { .path = "/api/messages", .token = "doctor" },
		  401,
		  0 },
		/* By the web server itself, at the header; where it was told
		 * to take more, it comes as far as those without a token. */
		{ "a body of 5 MB",
		  { .path = "/api/send", .body = body, .len = TOO_MANY_BYTES },
		  413,
		  401 },
	};
	const size_t n = sizeof(refusals) / sizeof(refusals[0]);
	size_t n_bad = 0, i = 0;

	if (body == NULL)
		return;
	while (i < n && try_refusal(doctor, &refusals[i], &n_bad))
		i++;
	if (i == n && n_bad == 0)
		say(doctor, WP_DOCTOR_OK, "web-errors", NULL,
		    "refusals are JSON with a code");
	free(body);
}

static void look_at_bodies(struct wp_doctor *doctor)
{
	struct wp_web_call call = { .path = "/api/send", .len = BODY_BYTES };
	struct wp_web_answer answer;
	char *body = make_body(BODY_BYTES);

	if (body == NULL)
		return;
	call.body = body;
	/* Nobody's token: the handlers say 401 once the web server took it. */
	if (ask(doctor, "web-body", &call, &answer)) {
		if (is_nobody_there(&answer))
			say(doctor, WP_DOCTOR_SKIP, "web-body", NULL,
			    "the handlers do not answer");
		else if (answer.status == 413)
			say(doctor, WP_DOCTOR_FAIL, "web-body",
			    "client_max_body_size 4352k in nginx, "
			    "server.max-request-size 4352 in lighttpd; "
			    "and what stands in front of them",
			    "a body of 4.2 MB is refused before it reaches "
			    "the handlers");
		else if (answer.status == 401 && wp_web_is_error(&answer))
			say(doctor, WP_DOCTOR_OK, "web-body", NULL,
			    "a body of 4.2 MB reaches the handlers");
		else
			/* One who asks too often hears of nothing else. */
			wp_doctor_say(&doctor->report,
				      answer.status == 429 ? WP_DOCTOR_WARN
							   : WP_DOCTOR_FAIL,
				      "web-body",
				      "the web server's log of errors says "
				      "why; may it write bodies into a "
				      "temporary file?",
				      "a body of 4.2 MB does not reach the "
				      "handlers: it is answered %ld, and "
				      "should be 401",
				      answer.status);
		wp_web_answer_release(&answer);
	}
	free(body);
}

/* ---- the upgrade ---- */

static void advise_upgrade(struct wp_doctor *doctor, int status,
			   const struct wp_error *err)
{
	static const char lines[] =
		"nginx wants proxy_http_version 1.1, proxy_set_header Upgrade "
		"and Connection on this location (our snippet has them); if it "
		"has, a proxy in front of it does not pass Upgrade";

	if (status == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-upgrade",
			      "is waypost-ws running, and may the web server "
			      "open its socket?",
			      "/connect is not answered: %s", err->msg);
	else if (status >= 500)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-upgrade",
			      "is waypost-ws running, and may the web server "
			      "open its socket? Its log says what it waits for",
			      "/connect is answered %d", status);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-upgrade",
			      lines,
			      "an Upgrade to WebSocket does not get through: "
			      "/connect is answered %d",
			      status);
}

static void look_at_upgrade(struct wp_doctor *doctor)
{
	const struct wp_socket_to to = {
		.base = wp_web_base(doctor->web),
		.ca_file = doctor->ca_file,
	};
	struct wp_socket *socket = NULL;
	struct wp_error err = { 0 };
	int status = 0;

	/* Without a token: that it is missed, says who got the upgrade. */
	(void)!wp_socket_open(&socket, &to, doctor->ends_ms, &status, &err);
	wp_socket_close(&socket);
	if (status == 401)
		say(doctor, WP_DOCTOR_OK, "web-upgrade", NULL,
		    "an Upgrade to WebSocket reaches the daemon");
	else
		advise_upgrade(doctor, status, &err);
}

/* What the daemon answers to an upgrade from this origin; 0: nothing */
static int status_of_origin(struct wp_doctor *doctor, const char *origin)
{
	const struct wp_socket_to to = {
		.base = wp_web_base(doctor->web),
		.ca_file = doctor->ca_file,
		.origin = origin,
	};
	struct wp_socket *socket = NULL;
	struct wp_error err;
	int status = 0;

	(void)!wp_socket_open(&socket, &to, doctor->ends_ms, &status, &err);
	wp_socket_close(&socket);
	return status;
}

static void look_at_origin(struct wp_doctor *doctor)
{
	char own[WP_WEB_URL_MAX];
	const char *host = strstr(wp_web_base(doctor->web), "://") + 3;
	int ours, foreign;

	(void)snprintf(own, sizeof(own), "%.*s",
		       (int)(host - wp_web_base(doctor->web) +
			     (long)strcspn(host, "/")),
		       wp_web_base(doctor->web));
	ours = status_of_origin(doctor, own);
	foreign = status_of_origin(doctor, "https://doctor.invalid");
	if (ours == 403)
		say(doctor, WP_DOCTOR_FAIL, "web-origin",
		    "pass Host and X-Forwarded-Proto on as they came, or name "
		    "this origin in cors.allowed_origins",
		    "pages of this very host may not connect: the daemon "
		    "hears of another host or scheme");
	else if (ours != 401 || (foreign != 401 && foreign != 403))
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "web-origin",
			      NULL,
			      "which pages may connect is not told: the daemon "
			      "does not answer (%d, %d)",
			      ours, foreign);
	else if (foreign != 403)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "web-origin",
			      "is there a * in cors.allowed_origins, or does "
			      "a proxy take Origin away?",
			      "a page of any other host is let in (%d)",
			      foreign);
	else
		say(doctor, WP_DOCTOR_OK, "web-origin", NULL,
		    "pages of this host may connect, others may not");
}

/* ---- TLS, time, and what must not be there ---- */

static void look_at_tls(struct wp_doctor *doctor)
{
	const struct wp_dial_to to = {
		.url = wp_web_base(doctor->web),
		.ca_file = doctor->ca_file,
		.connect_ms = CONNECT_MS,
	};
	struct wp_dial *dial = NULL;
	struct wp_error err = { 0 };
	int64_t until_s = 0, days;

	if (strncmp(wp_web_base(doctor->web), "https://", 8) != 0) {
		say(doctor, WP_DOCTOR_SKIP, "web-tls",
		    "look at it from outside, with --url https://…",
		    "this address has no TLS");
		return;
	}
	if (wp_dial_open(&dial, &to, &err) != WP_OK) {
		say(doctor, WP_DOCTOR_FAIL, "web-tls",
		    "renew or mend the certificate", err.msg);
	} else if (!wp_dial_good_until(dial, &until_s)) {
		say(doctor, WP_DOCTOR_SKIP, "web-tls", NULL,
		    "until when the certificate is good is not told");
	} else {
		days = (until_s - wp_wall_ms() / MS_PER_S) / DAY_S;
		wp_doctor_say(&doctor->report,
			      days < TLS_DAYS ? WP_DOCTOR_WARN : WP_DOCTOR_OK,
			      "web-tls",
			      days < TLS_DAYS
				      ? "renew it: is the timer of certbot, or "
					"of whatever renews, still running?"
				      : NULL,
			      "the certificate is good for %" PRId64 " days",
			      days);
	}
	wp_dial_close(&dial);
}

static void look_at_date(struct wp_doctor *doctor)
{
	const struct wp_web_call call = { .path = "/healthz" };
	struct wp_web_answer answer;
	struct tm theirs = { 0 };
	int64_t off_s;

	if (!ask(doctor, "time-web", &call, &answer))
		return;
	/* RFC 9110 section 5.6.7 */
	if (strptime(answer.date, "%a, %d %b %Y %H:%M:%S GMT", &theirs) ==
	    NULL) {
		say(doctor, WP_DOCTOR_SKIP, "time-web", NULL,
		    "the web server tells no time");
	} else {
		off_s = (int64_t)timegm(&theirs) - wp_wall_ms() / MS_PER_S;
		/* It is cut to the second, and the answer took some time. */
		if (off_s > CLOCK_OFF_S || off_s < -CLOCK_OFF_S)
			wp_doctor_say(&doctor->report, WP_DOCTOR_WARN,
				      "time-web",
				      "let both hosts follow a time server",
				      "the clock of the web server is %" PRId64
				      " s off ours",
				      off_s);
		else
			say(doctor, WP_DOCTOR_OK, "time-web", NULL,
			    "the clock of the web server is ours");
	}
	wp_web_answer_release(&answer);
}

static void look_at_metrics(struct wp_doctor *doctor)
{
	const struct wp_web_call call = { .path = "/metrics" };
	struct wp_web_answer answer;

	if (!ask(doctor, "web-metrics", &call, &answer))
		return;
	if (answer.status == 200 && answer.body.len > 0 &&
	    memmem(answer.body.data, answer.body.len, "waypost_", 8) != NULL)
		say(doctor, WP_DOCTOR_WARN, "web-metrics",
		    "take /metrics out of the web server, or let only "
		    "Prometheus reach it",
		    "/metrics is open to whoever asks from here");
	else
		say(doctor, WP_DOCTOR_OK, "web-metrics", NULL,
		    "/metrics is not public");
	wp_web_answer_release(&answer);
}

/* A query that looks like a token, and a look at what became of it. */
static void look_at_log(struct wp_doctor *doctor)
{
	char mark[2 * MARK_BYTES + 1], path[64 + 2 * MARK_BYTES + LONG_BYTES];
	const struct wp_web_call call = { .path = path };
	struct wp_web_answer answer;
	char where[128];
	size_t n_read;

	wp_random_hex(mark, MARK_BYTES);
	(void)snprintf(path, sizeof(path), "/connect?token=doctor-%s%0*d", mark,
		       LONG_BYTES, 0);
	/* lighttpd writes what it has gathered when that is 8 KiB, or after
	 * some seconds. */
	for (size_t i = 0; i < LOG_ASKS; i++) {
		if (!ask(doctor, "web-log", &call, &answer))
			return;
		wp_web_answer_release(&answer);
	}
	if (wp_doctor_find_in_logs(&doctor->who, mark, &n_read, where,
				   sizeof(where)))
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-log",
			      "let it log no query: log_format waypost in "
			      "nginx, or access_log off for Waypost's "
			      "locations",
			      "the web server writes tokens into %s", where);
	else if (n_read == 0)
		say(doctor, WP_DOCTOR_SKIP, "web-log",
		    "run waypost doctor as root on the host of the web server",
		    "no log of a web server can be read from here");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "web-log", NULL,
			      "a query with a token is in none of the %zu logs "
			      "that the web server has open",
			      n_read);
}

const struct wp_doctor_check wp_doctor_web[] = {
	{ "web-healthz", WP_DOCTOR_NEEDS_WEB, look_at_health },
	{ "web-readyz", WP_DOCTOR_NEEDS_WEB, look_at_ready },
	{ "web-errors", WP_DOCTOR_NEEDS_WEB, look_at_errors },
	{ "web-body", WP_DOCTOR_NEEDS_WEB, look_at_bodies },
	{ "web-upgrade", WP_DOCTOR_NEEDS_WEB, look_at_upgrade },
	{ "web-origin", WP_DOCTOR_NEEDS_WEB, look_at_origin },
	{ "web-tls", WP_DOCTOR_NEEDS_WEB, look_at_tls },
	{ "web-metrics", WP_DOCTOR_NEEDS_WEB, look_at_metrics },
	{ "web-log", WP_DOCTOR_NEEDS_WEB, look_at_log },
	{ "time-web", WP_DOCTOR_NEEDS_WEB, look_at_date },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};

/*
 * end_to_end.c - fly the canary between two users that nobody is, and say
 * how long it took: in a line, and for a Prometheus that reads text files.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/mailbox/canary.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/box.h"
#include "tools/waypost/doctor/canary.h"
#include "tools/waypost/doctor/checks.h"
#include "tools/waypost/doctor/prom_file.h"
#include "tools/waypost/doctor/socket.h"
#include "tools/waypost/doctor/token_file.h"
#include "tools/waypost/keys/sign.h"

enum {
	TOKEN_S = 600,
	STEP_MS = 5000,
	BEHIND_GRACE_MS = 2000,
	DISK_MS = 15 * 1000,
	POLL_MS = 50,
	IDLE_MS = 75 * 1000,
	US_PER_MS = 1000,
};

/* Tokens of two users, who are made up unless somebody gives theirs. */
struct pair {
	struct wp_buf sender;
	struct wp_buf recipient;
};

static void pair_release(struct pair *pair)
{
	wp_buf_release(&pair->sender);
	wp_buf_release(&pair->recipient);
}

static enum wp_err make_token(const struct wp_conf *conf, struct wp_buf *out,
			      struct wp_error *err)
{
	struct wp_urn who;
	const struct wp_cli_sign what = { .sub = who.text, .for_s = TOKEN_S };

	wp_canary_name(&who);
	return wp_cli_sign(conf, &what, out, err);
}

static enum wp_err pair_get(struct wp_doctor *doctor, struct pair *out,
			    struct wp_error *err)
{
	const struct wp_cli_args *args = &doctor->cli->args;
	const struct wp_conf *conf = &doctor->cli->conf;
	enum wp_err rc;

	wp_buf_init(&out->sender, 0);
	wp_buf_init(&out->recipient, 0);
	out->sender.is_secret = true;
	out->recipient.is_secret = true;
	if (args->token_files[1] != NULL) {
		rc = wp_token_file_read(args->token_files[0], &out->sender,
					err);
		return rc == WP_OK ? wp_token_file_read(args->token_files[1],
							&out->recipient, err)
				   : rc;
	}
	rc = make_token(conf, &out->sender, err);
	return rc == WP_OK ? make_token(conf, &out->recipient, err) : rc;
}

/* ---- is it on disk? ---- */

static void pause_ms(long ms)
{
	const struct timespec step = { .tv_sec = ms / 1000,
				       .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&step, NULL);
}

/* Neither in ingress nor in memory any more: then it is in the store. */
static enum wp_err wait_for_disk(void *ctx, const char *recipient,
				 struct wp_error *err)
{
	struct wp_doctor *doctor = ctx;
	uint64_t until_ms = wp_mono_ms() + DISK_MS;
	bool waits = true;
	struct wp_urn user;
	struct wp_box box;
	enum wp_err rc = wp_urn_parse(&user, recipient, strlen(recipient), err);

	if (rc != WP_OK)
		return rc;
	wp_box_of(&box, &user, doctor->cli->partitions);
	while (rc == WP_OK && waits) {
		struct wp_reply *reply = NULL;

		wp_cmd_key(&doctor->cli->cmd, "HEXISTS", box.partition,
			   "waits");
		wp_cmd_add(&doctor->cli->cmd, box.text, box.len);
		rc = wp_cli_ask(doctor->cli, &reply, err);
		waits = wp_reply_int(reply) != 0;
		wp_reply_free(&reply);
		if (rc == WP_OK && waits && wp_mono_ms() >= until_ms)
			rc = wp_error_set(err, WP_ERR_UNAVAIL,
					  "what an absent user has does not "
					  "come to lie on disk");
		if (rc == WP_OK && waits)
			pause_ms(POLL_MS);
	}
	return rc;
}

/* ---- the flight ---- */

static double ms_of(uint64_t us)
{
	return (double)us / US_PER_MS;
}

static void write_prom(struct wp_doctor *doctor, enum wp_err rc,
		       const struct wp_canary_times *times)
{
	const char *path = doctor->cli->args.prom;
	struct wp_error err = { 0 }, why = { 0 };
	enum wp_err done;

	if (path == NULL)
		return;
	/* The folder is whoever's has started this, not the services'. */
	done = wp_doctor_be_root(&doctor->who, &err);
	if (done == WP_OK)
		done = wp_prom_file_write(path, rc == WP_OK, times, &err);
	/* Also when that failed: what follows is not for root. */
	if (wp_doctor_be_service(&doctor->who, &why) != WP_OK &&
	    done == WP_OK) {
		err = why;
		done = WP_ERR_SYS;
	}
	if (done != WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "canary-prom",
			      "let this user write into that folder", "%s",
			      err.msg);
}

static void fly(struct wp_doctor *doctor, const struct pair *pair)
{
	const struct wp_conf *conf = &doctor->cli->conf;
	const struct wp_canary canary = {
		.web = doctor->web,
		.ca_file = doctor->ca_file,
		.sender_token = pair->sender.data,
		.recipient_token = pair->recipient.data,
		.wait_for_disk = doctor->has_redis ? wait_for_disk : NULL,
		.ctx = doctor,
		.away_ms = (uint32_t)conf->websocket.grace_ms + BEHIND_GRACE_MS,
		.step_ms = STEP_MS,
	};
	struct wp_canary_times times = { 0 };
	struct wp_error err = { 0 };
	enum wp_err rc = wp_canary_fly(&canary, &times, &err);

	if (rc == WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "canary", NULL,
			      "accepted %.1f ms · poked %.1f ms · pulled "
			      "%.1f ms · from disk %.1f ms",
			      ms_of(times.accepted_us), ms_of(times.poked_us),
			      ms_of(times.pulled_us),
			      ms_of(times.from_disk_us));
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "canary",
			      strstr(err.msg, " answered 401") != NULL
				      ? "if a secret or a key was changed, "
					"restart waypost-handlers and "
					"waypost-ws; what signs tokens must "
					"be what they verify them by"
				      : "the lines above say which part is not "
					"well; the log of that program says "
					"why",
			      "%s", err.msg);
	write_prom(doctor, rc, &times);
}

static void look_at_canary(struct wp_doctor *doctor)
{
	struct wp_canary_times none = { 0 };
	struct wp_error err = { 0 };
	struct pair pair;
	enum wp_err rc = pair_get(doctor, &pair, &err);

	if (rc == WP_OK) {
		fly(doctor, &pair);
	} else {
		wp_doctor_say(&doctor->report,
			      rc == WP_ERR_NOTFOUND ? WP_DOCTOR_SKIP
						    : WP_DOCTOR_FAIL,
			      "canary",
			      "--token-file A --token-file B: tokens of two "
			      "users that may write to each other",
			      "%s", err.msg);
		write_prom(doctor, rc, &none);
	}
	pair_release(&pair);
}

/* ---- a connection that is quiet ---- */

static void watch(struct wp_doctor *doctor, const char *token)
{
	const struct wp_socket_to to = {
		.base = wp_web_base(doctor->web),
		.ca_file = doctor->ca_file,
		.token = token,
	};
	uint64_t until_ms = wp_mono_ms() + IDLE_MS;
	struct wp_socket *socket = NULL;
	struct wp_error err = { 0 };
	int status = 0;
	enum wp_err rc = wp_socket_open(&socket, &to, wp_mono_ms() + STEP_MS,
					&status, &err);

	/* Nothing of this type ever comes. */
	if (rc == WP_OK && status == 101)
		rc = wp_socket_expect(socket, "doctor", NULL, until_ms, &err);
	else if (rc == WP_OK)
		rc = wp_error_set(&err, WP_ERR_UNAVAIL, "it is answered %d",
				  status);
	wp_socket_close(&socket);
	if (rc == WP_ERR_NOTFOUND)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "web-idle", NULL,
			      "a quiet connection lives for 75 s");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-idle",
			      "proxy_read_timeout of nginx (our snippet has "
			      "it), or of what stands in front: longer than "
			      "websocket.ping_interval_ms",
			      "a quiet connection does not live for 75 s: %s",
			      err.msg);
}

static void look_at_idle(struct wp_doctor *doctor)
{
	struct wp_error err = { 0 };
	struct pair pair;

	if (!doctor->cli->args.is_slow) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "web-idle",
			      "waypost doctor --slow looks at it",
			      "whether a quiet connection lives was not "
			      "looked at, for it takes 75 s");
		return;
	}
	if (pair_get(doctor, &pair, &err) == WP_OK)
		watch(doctor, pair.recipient.data);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "web-idle", NULL,
			      "%s", err.msg);
	pair_release(&pair);
}

const struct wp_doctor_check wp_doctor_canary[] = {
	{ "canary", WP_DOCTOR_NEEDS_WEB, look_at_canary },
	{ "web-idle", WP_DOCTOR_NEEDS_WEB, look_at_idle },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};

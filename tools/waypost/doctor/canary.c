/*
 * canary.c - see canary.h. Steps in order, each with a sentence of its own for
 * what can go wrong there, because where it stops is what an operator needs.
 */
#include "tools/waypost/doctor/canary.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/mailbox/canary.h"
#include "tools/waypost/doctor/socket.h"

enum {
	KEY_BYTES = 16,
	ID_MAX = 64,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
	PULLS_PAUSE_MS = 100,
};

/* One on its way. */
struct flight {
	const struct wp_canary *canary;
	struct wp_socket *socket; /* owned; while the recipient is connected */
	struct wp_buf recipient;  /* his URN */
	struct wp_buf data;       /* base64 of what was sent last */
	char key[2 * KEY_BYTES + 1];
	char id[ID_MAX]; /* of the message under way; "": there is none */
	struct wp_canary_times times;
};

static enum wp_err wrong(struct wp_error *err, const char *step,
			 const struct wp_web_answer *answer)
{
	return wp_error_set(err, WP_ERR_UNAVAIL, "%s is answered %ld%s%.120s",
			    step, answer->status,
			    answer->status == 0 ? ": " : "", answer->why);
}

/* ---- the recipient comes ---- */

static enum wp_err connect_recipient(struct flight *flight,
				     struct wp_error *err)
{
	const struct wp_canary *canary = flight->canary;
	const struct wp_socket_to to = {
		.base = wp_web_base(canary->web),
		.ca_file = canary->ca_file,
		.token = canary->recipient_token,
	};
	uint64_t until_ms = wp_mono_ms() + canary->step_ms;
	struct wp_web_answer frame = { .status = 0 };
	struct wp_error why = { 0 };
	int status = 0;
	enum wp_err rc;

	wp_buf_init(&frame.body, 0);
	rc = wp_socket_open(&flight->socket, &to, until_ms, &status, &why);
	if (rc == WP_OK && status != 101)
		rc = wp_error_set(&why, WP_ERR_UNAVAIL, "it is answered %d",
				  status);
	if (rc == WP_OK)
		rc = wp_socket_expect(flight->socket, "connected", &frame.body,
				      until_ms, &why);
	if (rc == WP_OK && !wp_web_text(&frame, "user", &flight->recipient))
		rc = wp_error_set(&why, WP_ERR_PROTO,
				  "it does not say as whom");
	wp_web_answer_release(&frame);
	return rc == WP_OK ? WP_OK
			   : wp_error_set(err, rc,
					  "the recipient does not "
					  "get connected: %.150s",
					  why.msg);
}

/* ---- a message is sent ---- */

static enum wp_err send_once(struct flight *flight, const struct wp_buf *body,
			     struct wp_buf *id, uint64_t *us_out,
			     struct wp_error *err)
{
	const struct wp_web_call call = {
		.path = "/api/send?expiresInSeconds=" WP_CANARY_FOR_S,
		.token = flight->canary->sender_token,
		.key = flight->key,
		.body = body->data,
		.len = body->len,
	};
	struct wp_web_answer answer;
	enum wp_err rc = wp_web_ask(flight->canary->web, &call, &answer, err);

	*us_out = answer.us;
	if (rc == WP_OK &&
	    (answer.status != 202 || !wp_web_text(&answer, "id", id)))
		rc = wrong(err, "the send", &answer);
	wp_web_answer_release(&answer);
	return rc;
}

/* Twice, with one key: that must be one message. */
static enum wp_err send(struct flight *flight, uint64_t *us_out,
			struct wp_error *err)
{
	struct wp_buf body, first, second;
	uint64_t ignored;
	enum wp_err rc;

	wp_buf_init(&body, 0);
	wp_buf_init(&first, ID_MAX - 1);
	wp_buf_init(&second, ID_MAX - 1);
	wp_random_hex(flight->key, KEY_BYTES);
	wp_canary_envelope(&body, flight->recipient.data, flight->recipient.len,
			   false, &flight->data);
	rc = body.failed ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
			 : send_once(flight, &body, &first, us_out, err);
	if (rc == WP_OK) {
		(void)snprintf(flight->id, sizeof(flight->id), "%s",
			       first.data);
		rc = send_once(flight, &body, &second, &ignored, err);
	}
	if (rc == WP_OK && strcmp(first.data, second.data) != 0)
		rc = wp_error_set(err, WP_ERR_PROTO,
				  "a send that is repeated with its key is "
				  "another message");
	wp_buf_release(&body);
	wp_buf_release(&first);
	wp_buf_release(&second);
	return rc;
}

/* ---- and got ---- */

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	return json_object_object_get_ex(object, name, &member)
		       ? json_object_get_string(member)
		       : NULL;
}

/* *n_out: messages in it. Returns: the one under way, as it was sent, is one */
static bool find_message(const struct flight *flight,
			 const struct wp_web_answer *answer, size_t *n_out)
{
	struct json_object *page = json_tokener_parse(answer->body.data);
	struct json_object *list = NULL, *envelope = NULL;
	bool found = false;

	*n_out = 0;
	if (json_object_object_get_ex(page, "messages", &list) &&
	    json_object_is_type(list, json_type_array))
		*n_out = json_object_array_length(list);
	for (size_t i = 0; i < *n_out; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *id = text_of(one, "id");
		const char *data = NULL;

		if (json_object_object_get_ex(one, "envelope", &envelope))
			data = text_of(envelope, "encryptedData");
		found |= id != NULL && data != NULL &&
			 strcmp(id, flight->id) == 0 &&
			 strcmp(data, flight->data.data) == 0;
	}
	json_object_put(page);
	return found;
}

static enum wp_err pull_once(struct flight *flight, bool *found, size_t *n,
			     uint64_t *us_out, struct wp_error *err)
{
	const struct wp_web_call call = {
		.path = "/api/messages",
		.token = flight->canary->recipient_token,
	};
	struct wp_web_answer answer;
	enum wp_err rc = wp_web_ask(flight->canary->web, &call, &answer, err);

	*us_out = answer.us;
	if (rc == WP_OK && (answer.status != 200 || answer.body.len == 0))
		rc = wrong(err, "the pull", &answer);
	if (rc == WP_OK)
		*found = find_message(flight, &answer, n);
	wp_web_answer_release(&answer);
	return rc;
}

static void pause_ms(long ms)
{
	const struct timespec step = { .tv_sec = ms / MS_PER_S,
				       .tv_nsec = ms % MS_PER_S * NS_PER_MS };

	(void)nanosleep(&step, NULL);
}

/* It may still be on its way to where a pull sees it. */
static enum wp_err pull(struct flight *flight, uint64_t *us_out,
			struct wp_error *err)
{
	uint64_t until_ms = wp_mono_ms() + flight->canary->step_ms;
	bool found = false;
	size_t n = 0;

	for (;;) {
		enum wp_err rc = pull_once(flight, &found, &n, us_out, err);

		if (rc != WP_OK || found)
			return rc;
		if (wp_mono_ms() >= until_ms)
			return wp_error_set(err, WP_ERR_NOTFOUND,
					    "what was accepted is not pulled "
					    "(%zu other messages are)",
					    n);
		pause_ms(PULLS_PAUSE_MS);
	}
}

static enum wp_err ack(struct flight *flight, struct wp_error *err)
{
	char body[ID_MAX + 32];
	struct wp_web_call call = {
		.path = "/api/messages/ack",
		.token = flight->canary->recipient_token,
		.body = body,
	};
	struct wp_web_answer answer;
	enum wp_err rc;

	(void)snprintf(body, sizeof(body), "{\"messageIds\":[\"%s\"]}",
		       flight->id);
	call.len = strlen(body);
	rc = wp_web_ask(flight->canary->web, &call, &answer, err);
	if (rc == WP_OK && answer.status != 204)
		rc = wrong(err, "the ack", &answer);
	if (rc == WP_OK)
		flight->id[0] = '\0';
	wp_web_answer_release(&answer);
	return rc;
}

static enum wp_err expect_nothing(struct flight *flight, struct wp_error *err)
{
	uint64_t ignored;
	bool found;
	size_t n = 0;
	enum wp_err rc = pull_once(flight, &found, &n, &ignored, err);

	if (rc == WP_OK && n > 0)
		rc = wp_error_set(err, WP_ERR_PROTO,
				  "something is pulled behind the ack");
	return rc;
}

/* ---- the two flights ---- */

static enum wp_err expect_poke(struct flight *flight, uint64_t began_us,
			       struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err rc =
		wp_socket_expect(flight->socket, "poke", NULL,
				 wp_mono_ms() + flight->canary->step_ms, &why);

	flight->times.poked_us = wp_mono_us() - began_us;
	return rc == WP_OK ? WP_OK
			   : wp_error_set(err, rc,
					  "the recipient is not poked: %.150s",
					  why.msg);
}

/* While the recipient is there. */
static enum wp_err fly_to_present(struct flight *flight, struct wp_error *err)
{
	uint64_t began_us = wp_mono_us();
	enum wp_err rc = send(flight, &flight->times.accepted_us, err);

	if (rc == WP_OK)
		rc = expect_poke(flight, began_us, err);
	if (rc == WP_OK)
		rc = pull(flight, &flight->times.pulled_us, err);
	if (rc == WP_OK)
		rc = ack(flight, err);
	return rc == WP_OK ? expect_nothing(flight, err) : rc;
}

/* When he has left, and it has come to lie on disk. */
static enum wp_err fly_to_absent(struct flight *flight, struct wp_error *err)
{
	const struct wp_canary *canary = flight->canary;
	uint64_t ignored;
	enum wp_err rc = send(flight, &ignored, err);

	if (rc == WP_OK && canary->wait_for_disk != NULL)
		rc = canary->wait_for_disk(canary->ctx, flight->recipient.data,
					   err);
	else if (rc == WP_OK)
		pause_ms((long)canary->away_ms);
	if (rc == WP_OK)
		rc = pull(flight, &flight->times.from_disk_us, err);
	if (rc == WP_OK)
		rc = ack(flight, err);
	return rc == WP_OK ? expect_nothing(flight, err) : rc;
}

enum wp_err wp_canary_fly(const struct wp_canary *canary,
			  struct wp_canary_times *out, struct wp_error *err)
{
	struct flight flight = { .canary = canary };
	struct wp_error ignored;
	enum wp_err rc;

	wp_buf_init(&flight.recipient, 0);
	wp_buf_init(&flight.data, 0);
	rc = connect_recipient(&flight, err);
	if (rc == WP_OK)
		rc = fly_to_present(&flight, err);
	wp_socket_close(&flight.socket);
	if (rc == WP_OK)
		rc = fly_to_absent(&flight, err);
	/* What went wrong has been said; nothing of ours is to wait there. */
	if (flight.id[0] != '\0')
		(void)!ack(&flight, &ignored);
	*out = flight.times;
	wp_buf_release(&flight.recipient);
	wp_buf_release(&flight.data);
	return rc;
}

/*
 * provider_email.c - letters on their way to the thread that sends them, and
 * back.
 */
#include "notifier/provider/provider_email.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/live/job_line.h"
#include "lib/net/url.h"
#include "lib/push/address.h"
#include "notifier/provider/ask.h"
#include "notifier/provider/kind_email.h"

enum {
	LETTERS_MAX = 64, /* under way, or behind the one that is */
	LETTER_MAX = 32 << 10,
	ID_TEXT_LEN = 22, /* base64url of the id of a device */
};

#define STOP_PATH "/api/push/unsubscribe?t="

struct email {
	struct wp_provider base; /* first */
	struct wp_mail *mail;
	struct wp_job_line *line;
	char *from;
	char *public_url;
	struct wp_email_text text;
	struct wp_push_keys keys; /* secret */
	bool is_ending;
};

/* A letter on its way. */
struct sending {
	struct wp_job job; /* first */
	struct email *email;
	struct wp_buf text;
	char to[WP_ADDRESS_MAX + 1];
	uint64_t good_until_ms;
	bool is_sent; /* it was tried */
	struct wp_mail_answer answer;
	wp_attempt_fn on_end;
	void *ctx;
};

/* ---- one letter ---- */

static void free_sending(struct sending *sending)
{
	if (sending->text.data != NULL)
		explicit_bzero(sending->text.data, sending->text.len);
	wp_buf_release(&sending->text);
	explicit_bzero(sending->to, sizeof(sending->to));
	free(sending);
}

/* On the thread of the line. */
static void run(struct wp_job *job, void *hand)
{
	struct sending *sending = (struct sending *)job;
	const struct wp_letter letter = {
		.from = sending->email->from,
		.to = sending->to,
		.text = sending->text.data,
		.len = sending->text.len,
	};

	(void)hand;
	if (wp_mono_ms() > sending->good_until_ms)
		return;
	sending->is_sent = wp_mail_send(sending->email->mail, &letter,
					&sending->answer, NULL) == WP_OK;
}

static void done(struct wp_job *job, bool has_run)
{
	struct sending *sending = (struct sending *)job;
	struct wp_judgement judgement = { .verdict = WP_VERDICT_AGAIN };

	(void)has_run;
	if (sending->is_sent)
		wp_email_judge(&sending->answer, &judgement);
	if (!sending->email->is_ending)
		sending->on_end(sending->ctx, &judgement);
	free_sending(sending);
}

/* False when memory is exhausted. */
static bool write_letter(struct sending *sending,
			 const struct wp_attempt *attempt)
{
	const struct email *email = sending->email;
	const struct wp_addressee *to = attempt->to;
	const struct wp_email_letter letter = {
		.from = email->from,
		.to = sending->to,
		.code = to->code,
		.text = &email->text,
	};
	struct wp_email_letter whole = letter;
	uint8_t id[ID_TEXT_LEN]; /* decoding never grows */
	char stop[WP_PUSH_STOP_LEN + 1];
	struct wp_buf url;
	size_t n = 0;

	wp_buf_init(&url, 0);
	if (wp_base64url_decode(to->name, strlen(to->name), id, &n) &&
	    n == WP_PUSH_DEVICE_LEN) {
		wp_push_stop(&email->keys, id, stop);
		wp_buf_printf(&url, "%s" STOP_PATH "%s", email->public_url,
			      stop);
		whole.stop_url = url.data;
	}
	if (whole.stop_url != NULL)
		wp_email_write(&sending->text, &whole, attempt->push);
	wp_buf_release(&url);
	return whole.stop_url != NULL && !sending->text.failed;
}

static enum wp_err begin(struct wp_provider *provider,
			 const struct wp_attempt *attempt, wp_attempt_fn on_end,
			 void *ctx, struct wp_error *err)
{
	struct sending *sending;

	if (strlen(attempt->to->token) > WP_ADDRESS_MAX)
		return wp_error_set(err, WP_ERR_NOMEM, "no address");
	sending = calloc(1, sizeof(*sending));
	if (sending == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	sending->email = (struct email *)provider;
	sending->job.run = run;
	sending->job.done = done;
	sending->good_until_ms = attempt->good_until_ms;
	sending->on_end = on_end;
	sending->ctx = ctx;
	(void)snprintf(sending->to, sizeof(sending->to), "%s",
		       attempt->to->token);
	wp_buf_init(&sending->text, LETTER_MAX);
	if (write_letter(sending, attempt) &&
	    wp_job_line_submit(sending->email->line, &sending->job) == WP_OK)
		return WP_OK;
	free_sending(sending);
	return wp_error_set(err, WP_ERR_NOMEM, "no room for a letter");
}

/* ---- all of them ---- */

/* The file of push.email_text_file, or what holds without one. */
static enum wp_err read_text(struct wp_email_text *out, const char *path,
			     struct wp_error *err)
{
	char text[WP_EMAIL_TEXT_MAX + 1];
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK;
	size_t len = 0;
	FILE *file;

	if (path[0] != '\0') {
		file = fopen(path, "re");
		if (file == NULL)
			return wp_error_sys(err, "push.email_text_file: %.150s",
					    path);
		len = fread(text, 1, sizeof(text), file);
		if (ferror(file))
			rc = wp_error_sys(err, "push.email_text_file: %.150s",
					  path);
		(void)fclose(file);
	}
	if (rc == WP_OK)
		rc = wp_email_text_read(out, path[0] != '\0' ? text : NULL, len,
					&why);
	else
		return rc;
	return rc == WP_OK
		       ? WP_OK
		       : wp_error_set(err, rc, "push.email_text_file: %.200s",
				      why.msg);
}

enum wp_err wp_provider_email_check(const struct wp_conf *conf,
				    struct wp_error *err)
{
	struct wp_email_text text = { .is_base64 = false };
	struct wp_url_mail look;
	enum wp_err rc;

	if (!wp_url_mail(conf->push.smtp_url, &look))
		return wp_error_set(err, WP_ERR_INVAL,
				    "push.smtp_url: must be smtp:// or "
				    "smtps://, a host, and perhaps a port");
	rc = read_text(&text, conf->push.email_text_file, err);
	wp_email_text_release(&text);
	return rc;
}

static void free_email(struct wp_provider *provider)
{
	struct email *email = (struct email *)provider;

	email->is_ending = true;
	if (email->mail != NULL)
		wp_mail_abort(email->mail);
	wp_job_line_stop(&email->line);
	wp_mail_free(&email->mail);
	wp_email_text_release(&email->text);
	wp_push_keys_forget(&email->keys);
	free(email->from);
	free(email->public_url);
	free(email);
}

static void no_hand(void *hand)
{
	(void)hand;
}

static void init_no_hand(void *hand, void *ctx)
{
	(void)hand;
	(void)ctx;
}

static enum wp_err start(struct email *email,
			 const struct wp_provider_setup *setup,
			 struct wp_error *err)
{
	const struct wp_conf *conf = setup->conf;
	const struct wp_job_line_setup line = {
		.loop = setup->loop,
		.threads = 1,
		.jobs_max = LETTERS_MAX,
		.jobs_user_max = LETTERS_MAX,
		.hand_bytes = 1,
		.hand_init = init_no_hand,
		.hand_end = no_hand,
	};
	struct wp_mail_rules rules = {
		.url = conf->push.smtp_url,
		.user = conf->push.smtp_user,
		.password = conf->push.smtp_password != NULL
				    ? conf->push.smtp_password
				    : "",
		.ca_file = conf->push.ca_file,
		.connect_ms =
			(uint32_t)conf->push.timeout_ms / WP_ASK_CONNECT_PARTS,
		.total_ms = (uint32_t)conf->push.timeout_ms,
	};
	struct wp_url_mail look;
	char *end;

	/* Between two programs of this machine nobody listens. */
	(void)wp_url_mail(conf->push.smtp_url, &look);
	rules.needs_tls = look.is_tls || !look.is_loopback;
	email->mail = wp_mail_new(&rules);
	email->from = strdup(conf->push.email_from);
	email->public_url = strdup(conf->public_url);
	if (email->mail == NULL || email->from == NULL ||
	    email->public_url == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	end = email->public_url + strlen(email->public_url) - 1;
	if (*end == '/') /* what is put behind it begins with one */
		*end = '\0';
	return wp_job_line_start(&email->line, &line, err);
}

enum wp_err wp_provider_email_new(struct wp_provider **out,
				  const struct wp_provider_setup *setup,
				  struct wp_error *err)
{
	static const struct wp_provider_type type = {
		.begin = begin,
		.free = free_email,
	};
	struct email *email;
	enum wp_err rc = wp_provider_email_check(setup->conf, err);

	if (rc != WP_OK)
		return rc;
	email = calloc(1, sizeof(*email));
	if (email == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	email->base = (struct wp_provider){
		.type = &type,
		.kind = WP_PUSH_EMAIL,
		.app = "",
	};
	wp_push_keys_make(&email->keys, setup->conf->auth.store_secret);
	rc = read_text(&email->text, setup->conf->push.email_text_file, err);
	if (rc == WP_OK)
		rc = start(email, setup, err);
	if (rc == WP_OK)
		*out = &email->base;
	else
		free_email(&email->base);
	return rc;
}

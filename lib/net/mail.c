/*
 * mail.c - libcurl's SMTP, and at which of its steps a server refused.
 *
 * libcurl tells the last reply, and not what it was to. So the commands are
 * looked at as they leave: each begins a step.
 */
#include "lib/net/mail.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

enum {
	HEARD_MAX = 32 << 10, /* bytes of all replies */
	SOCKETS_MAX = 4, /* open at once: libcurl tries one of each family */
	REPLY_BAD = 400, /* and above (RFC 5321 section 4.2.1) */
};

enum step {
	STEP_GREETING,
	STEP_LOGIN,
	STEP_SENDER,
	STEP_RECIPIENT,
	STEP_LETTER
};

struct wp_mail {
	struct wp_mail_rules rules; /* text is owned */
	char *url, *user, *password, *ca_file;
	atomic_bool is_aborted;
};

/* What is being sent. */
struct sending {
	struct wp_mail *mail;
	const struct wp_letter *letter;
	size_t sent;
	size_t heard;
	enum step step;
	int sockets[SOCKETS_MAX]; /* those that are open; -1: none */
};

/* ---- libcurl calls ---- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose,
			     struct curl_sockaddr *address)
{
	struct sending *sending = ctx;
	size_t i = 0;

	(void)purpose;
	while (i < SOCKETS_MAX && sending->sockets[i] != -1)
		i++;
	if (i == SOCKETS_MAX)
		return CURL_SOCKET_BAD;
	sending->sockets[i] =
		socket(address->family, address->socktype | SOCK_CLOEXEC,
		       address->protocol);
	return sending->sockets[i];
}

static int on_close(void *ctx, curl_socket_t fd)
{
	struct sending *sending = ctx;

	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (sending->sockets[i] == fd)
			sending->sockets[i] = -1;
	return close(fd);
}

/* libcurl asks once a second while it waits, for a name as well. */
static int on_progress(void *ctx, curl_off_t down, curl_off_t of_down,
		       curl_off_t up, curl_off_t of_up)
{
	struct sending *sending = ctx;

	(void)down;
	(void)of_down;
	(void)up;
	(void)of_up;
	return atomic_load(&sending->mail->is_aborted) ? 1 : 0;
}

static size_t on_read(char *out, size_t size, size_t n, void *ctx)
{
	struct sending *sending = ctx;
	const struct wp_letter *letter = sending->letter;
	size_t room = size * n, left = letter->len - sending->sent;
	size_t len = left < room ? left : room;

	memcpy(out, letter->text + sending->sent, len);
	sending->sent += len;
	return len;
}

/* Each line of a reply. */
static size_t on_reply(const char *data, size_t size, size_t n, void *ctx)
{
	struct sending *sending = ctx;

	(void)data;
	sending->heard += size * n;
	return sending->heard <= HEARD_MAX ? size * n : 0;
}

static bool is_verb(const char *data, size_t len, const char *verb)
{
	size_t verb_len = strlen(verb);

	return len >= verb_len && memcmp(data, verb, verb_len) == 0;
}

/*
 * Behind a QUIT nothing is heard any more: libcurl would wait for the answer to
 * it as well, whatever the rules say, and when the server is silent two
 * minutes.
 */
static int on_command(CURL *easy, curl_infotype what, char *data, size_t len,
		      void *ctx)
{
	static const struct {
		const char *verb;
		enum step step;
	} steps[] = {
		{ "AUTH ", STEP_LOGIN },
		{ "MAIL ", STEP_SENDER },
		{ "RCPT ", STEP_RECIPIENT },
		{ "DATA", STEP_LETTER },
	};
	struct sending *sending = ctx;

	(void)easy;
	if (what != CURLINFO_HEADER_OUT)
		return 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (is_verb(data, len, steps[i].verb))
			sending->step = steps[i].step;
	for (size_t i = 0; is_verb(data, len, "QUIT") && i < SOCKETS_MAX; i++)
		if (sending->sockets[i] != -1)
			(void)shutdown(sending->sockets[i], SHUT_RD);
	return 0;
}

/* ---- one letter ---- */

/* Nothing that would end a command, or an address in it. */
static bool is_address(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '<' || *text == '>')
			return false;
	return true;
}

/* Each option by itself; false when libcurl refuses one of them. */
static bool set_trust(CURL *easy, const struct wp_mail_rules *rules)
{
	bool is_set = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == 0 &&
		      curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == 0 &&
		      curl_easy_setopt(easy, CURLOPT_SSLVERSION,
				       (long)CURL_SSLVERSION_TLSv1_2) == 0 &&
		      curl_easy_setopt(easy, CURLOPT_USE_SSL,
				       (long)(rules->needs_tls
						      ? CURLUSESSL_ALL
						      : CURLUSESSL_NONE)) == 0;

	if (is_set && rules->ca_file[0] != '\0') /* and nobody else */
		is_set = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == 0 &&
			 curl_easy_setopt(easy, CURLOPT_CAINFO,
					  rules->ca_file) == 0;
	if (is_set && rules->user[0] != '\0')
		is_set = curl_easy_setopt(easy, CURLOPT_USERNAME,
					  rules->user) == 0 &&
			 curl_easy_setopt(easy, CURLOPT_PASSWORD,
					  rules->password) == 0;
	return is_set;
}

static bool set_bounds(CURL *easy, const struct wp_mail_rules *rules)
{
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps") ==
		       0 &&
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") == 0 &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
				(long)rules->connect_ms) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
				(long)rules->total_ms) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == 0 &&
	       /* A resolver that hangs must not hold up the end of it. */
	       curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == 0 &&
	       /* It ends with the letter, where on_command() hears of it. */
	       curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == 0;
}

static bool set_calls(CURL *easy, struct sending *sending)
{
	return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) ==
		       0 &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sending) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) ==
		       0 &&
	       curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sending) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_READDATA, sending) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_reply) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, sending) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_command) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_DEBUGDATA, sending) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) ==
		       0 &&
	       curl_easy_setopt(easy, CURLOPT_XFERINFODATA, sending) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == 0;
}

static bool set_letter(CURL *easy, const struct wp_letter *letter,
		       const char *url, struct curl_slist *to)
{
	return to != NULL && curl_easy_setopt(easy, CURLOPT_URL, url) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_MAIL_FROM, letter->from) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == 0;
}

/* ---- what came of it ---- */

static bool is_about_tls(CURLcode code)
{
	return code == CURLE_USE_SSL_FAILED ||
	       code == CURLE_PEER_FAILED_VERIFICATION ||
	       code == CURLE_SSL_ISSUER_ERROR;
}

static enum wp_mail_end end_of(enum step step, CURLcode code, long status)
{
	static const enum wp_mail_end ends[] = {
		[STEP_GREETING] = WP_MAIL_UNREACHABLE,
		[STEP_LOGIN] = WP_MAIL_UNKNOWN,
		[STEP_SENDER] = WP_MAIL_NO_SENDER,
		[STEP_RECIPIENT] = WP_MAIL_NO_RECIPIENT,
		[STEP_LETTER] = WP_MAIL_NO_LETTER,
	};

	if (code == CURLE_OK)
		return WP_MAIL_TAKEN;
	if (is_about_tls(code))
		return WP_MAIL_UNTRUSTED;
	if (code == CURLE_LOGIN_DENIED)
		return WP_MAIL_UNKNOWN;
	/* Whatever else happens behind a good reply is no answer to it. */
	return status >= REPLY_BAD ? ends[step] : WP_MAIL_UNREACHABLE;
}

enum wp_err wp_mail_send(struct wp_mail *mail, const struct wp_letter *letter,
			 struct wp_mail_answer *out, struct wp_error *err)
{
	struct sending sending = { .mail = mail, .letter = letter };
	struct curl_slist *to = NULL;
	CURL *easy = NULL;
	enum wp_err rc = WP_OK;
	CURLcode code;

	for (size_t i = 0; i < SOCKETS_MAX; i++)
		sending.sockets[i] = -1;
	*out = (struct wp_mail_answer){ .end = WP_MAIL_UNREACHABLE };
	if (!is_address(letter->from) || !is_address(letter->to))
		return wp_error_set(err, WP_ERR_INVAL,
				    "a letter with an address that is none");
	easy = curl_easy_init();
	to = curl_slist_append(NULL, letter->to);
	if (easy == NULL || !set_bounds(easy, &mail->rules) ||
	    !set_trust(easy, &mail->rules) || !set_calls(easy, &sending) ||
	    !set_letter(easy, letter, mail->url, to)) {
		rc = wp_error_set(err, WP_ERR_NOMEM,
				  "libcurl refuses a letter");
		goto out;
	}
	code = curl_easy_perform(easy);
	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &out->status);
	out->end = end_of(sending.step, code, out->status);
out:
	/* The connection ends here: so nothing is called behind this. */
	curl_easy_cleanup(easy);
	curl_slist_free_all(to);
	return rc;
}

void wp_mail_abort(struct wp_mail *mail)
{
	atomic_store(&mail->is_aborted, true);
}

/* ---- all of them ---- */

struct wp_mail *wp_mail_new(const struct wp_mail_rules *rules)
{
	struct wp_mail *mail;

	/* Counted: once more does no harm. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	mail = calloc(1, sizeof(*mail));
	if (mail == NULL) {
		curl_global_cleanup();
		return NULL;
	}
	mail->rules = *rules;
	mail->rules.url = mail->url = strdup(rules->url);
	mail->rules.user = mail->user = strdup(rules->user);
	mail->rules.password = mail->password = strdup(rules->password);
	mail->rules.ca_file = mail->ca_file = strdup(rules->ca_file);
	if (mail->url == NULL || mail->user == NULL || mail->password == NULL ||
	    mail->ca_file == NULL)
		wp_mail_free(&mail);
	return mail;
}

void wp_mail_free(struct wp_mail **mail)
{
	struct wp_mail *m = *mail;

	if (m == NULL)
		return;
	if (m->password != NULL)
		explicit_bzero(m->password, strlen(m->password));
	free(m->url);
	free(m->user);
	free(m->password);
	free(m->ca_file);
	free(m);
	curl_global_cleanup();
	*mail = NULL;
}

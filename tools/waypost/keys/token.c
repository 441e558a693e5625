/*
 * token.c - `waypost token make` and `waypost token check`: a token for
 * anybody, and what this deployment thinks of one.
 *
 * To make one takes the secret or the key that signs, so it gives nobody
 * anything that he could not do before. To look at one asks no Redis: a token
 * that was revoked is good here. Nothing but `make` ever prints one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "lib/auth/token.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/sys/issuers.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"
#include "tools/waypost/keys/sign.h"

enum { MS_PER_S = 1000, HEADER_MAX = 1024, TOKEN_MAX = 65536 };

/* ---- make ---- */

enum wp_err wp_cli_token_make(const struct wp_cli *cli, struct wp_error *err)
{
	const struct wp_cli_sign what = {
		.sub = cli->args.sub,
		.for_s = cli->args.for_s,
		.claims = cli->args.claims,
		.n_claims = cli->args.n_claims,
	};
	struct wp_buf token;
	enum wp_err rc;

	wp_buf_init(&token, 0);
	token.is_secret = true;
	rc = wp_cli_sign(&cli->conf, &what, &token, err);
	if (rc == WP_OK) {
		if (cli->conf.run_mode == WP_RUN_PRODUCTION &&
		    isatty(STDOUT_FILENO) == 1)
			fprintf(stderr,
				"waypost: whoever sees this token is this "
				"user until it ends; the terminal keeps it\n");
		printf("%s\n", token.data);
	}
	wp_buf_release(&token);
	return rc;
}

/* ---- check ---- */

/* What is known of a good one. Texts are borrowed from the settings. */
struct finding {
	struct wp_identity who;
	const char *issuer; /* NULL: our own keys */
	const char *alg;    /* of its header; "" when that says nothing */
	const char *key;    /* the setting it was verified by */
	const char *claim;  /* that names the caller */
	struct json_object *header;
};

/* The words of the command line, else standard input. */
static enum wp_err read_token(const struct wp_cli *cli, struct wp_buf *out,
			      struct wp_error *err)
{
	const char *text = cli->args.token;
	char *room;
	size_t n;

	if (text != NULL && strcmp(text, "-") != 0) {
		wp_buf_add_str(out, text);
	} else {
		room = wp_buf_reserve(out, TOKEN_MAX + 1);
		if (room == NULL)
			return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		n = fread(room, 1, TOKEN_MAX, stdin);
		if (ferror(stdin))
			return wp_error_sys(err, "standard input");
		out->len += n;
	}
	while (out->len > 0 && strchr(" \t\r\n", out->data[out->len - 1]))
		out->len--;
	if (out->len == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "token check: there is none");
	return WP_OK;
}

/* The signature is good, so the header is JSON. */
static void read_header(const struct wp_buf *token, struct finding *out)
{
	const char *dot = memchr(token->data, '.', token->len);
	char text[HEADER_MAX + 3];
	struct json_object *alg;
	size_t len;

	out->alg = "";
	if (dot == NULL || (size_t)(dot - token->data) > HEADER_MAX ||
	    !wp_base64url_decode(token->data, (size_t)(dot - token->data), text,
				 &len))
		return;
	text[len] = '\0';
	out->header = json_tokener_parse(text);
	if (json_object_object_get_ex(out->header, "alg", &alg))
		out->alg = json_object_get_string(alg);
}

static const char *find_claim(const struct wp_opened *opened,
			      const struct wp_conf_list *names)
{
	struct json_tokener *reader = json_tokener_new();
	struct json_object *claims = NULL;
	const char *found = "";

	if (reader != NULL)
		claims = json_tokener_parse_ex(reader, opened->payload,
					       (int)opened->payload_len);
	for (size_t i = 0; found[0] == '\0' && i < names->n; i++)
		if (json_object_object_get_ex(claims, names->items[i], NULL))
			found = names->items[i];
	json_object_put(claims);
	if (reader != NULL)
		json_tokener_free(reader);
	return found;
}

static void explain(const struct wp_conf *conf,
		    const struct wp_issuers *issuers,
		    const struct wp_opened *opened, struct finding *out)
{
	static const struct wp_conf_list none = { 0 };
	const struct wp_conf_list *names = &conf->auth.identity_claims;

	out->key = strcmp(out->alg, "HS256") == 0 ? "auth.jwt_secret"
						  : "auth.public_key_files";
	if (opened->issuer > 0) {
		const struct wp_issuer *issuer =
			&issuers->items[opened->issuer - 1];

		out->issuer = issuer->text;
		out->key = issuer->is_own ? "accounts.issuer" : "auth.issuers";
		names = issuer->is_own ? &none : &issuer->claims;
	}
	out->claim = find_claim(opened, names);
	if (out->claim[0] == '\0')
		out->claim = "sub";
}

static enum wp_err judge(const struct wp_conf *conf,
			 const struct wp_issuers *issuers,
			 const struct wp_buf *text, struct finding *out,
			 struct wp_error *err)
{
	const struct wp_token token = { text->data, text->len };
	int64_t now_s = wp_wall_ms() / MS_PER_S;
	struct wp_opened opened = { 0 };
	struct wp_auth *auth = NULL;
	enum wp_err rc = wp_auth_new(&auth, conf, err);

	if (rc != WP_OK)
		return rc;
	wp_auth_look(auth, wp_mono_ms());
	rc = wp_auth_verify(auth, &token, now_s, &out->who, err);
	if (rc == WP_OK)
		rc = wp_auth_open(auth, &token, now_s, &opened, err);
	if (rc == WP_OK) {
		read_header(text, out);
		explain(conf, issuers, &opened, out);
	}
	wp_opened_release(&opened);
	wp_auth_free(&auth);
	return rc;
}

static void write_time(char out[32], int64_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm utc;

	out[0] = '\0';
	if (gmtime_r(&when, &utc) != NULL)
		(void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void add_text(struct wp_buf *out, const char *name, const char *text)
{
	wp_buf_printf(out, "\"%s\":", name);
	wp_buf_add_json(out, text, strlen(text));
	wp_buf_add_char(out, ',');
}

static void write_json(const struct finding *found, struct wp_buf *out)
{
	char ends[32];

	write_time(ends, found->who.expires_s);
	wp_buf_add_str(out, "{\"ok\":true,");
	add_text(out, "user", found->who.user.text);
	add_text(out, "claim", found->claim);
	add_text(out, "key", found->key);
	add_text(out, "algorithm", found->alg);
	if (found->issuer != NULL)
		add_text(out, "issuer", found->issuer);
	if (found->who.device[0] != '\0')
		add_text(out, "device", found->who.device);
	wp_buf_printf(out, "\"expires\":\"%s\"}\n", ends);
}

static void write_words(const struct finding *found, struct wp_buf *out)
{
	char ends[32];

	write_time(ends, found->who.expires_s);
	wp_buf_printf(out, "good    until %s\nuser    %s, by the claim %s\n",
		      ends, found->who.user.text, found->claim);
	wp_buf_printf(out, "key     %s, %s", found->key, found->alg);
	if (found->issuer != NULL)
		wp_buf_printf(out, ", of %s", found->issuer);
	wp_buf_add_char(out, '\n');
	if (found->who.device[0] != '\0')
		wp_buf_printf(out, "device  %s\n", found->who.device);
}

/* A refusal is an answer too. */
static void write_refusal(const struct wp_error *why, struct wp_buf *out)
{
	wp_buf_add_str(out, "{\"ok\":false,\"error\":");
	wp_buf_add_json(out, why->msg, strlen(why->msg));
	wp_buf_add_str(out, "}\n");
}

static enum wp_err tell(const struct wp_cli *cli, enum wp_err verdict,
			const struct finding *found, struct wp_error *err)
{
	struct wp_error why = *err;
	struct wp_buf out;
	enum wp_err rc;

	if (verdict != WP_OK && !cli->args.is_json)
		return wp_error_set(err, verdict, "it is refused: %s", why.msg);
	wp_buf_init(&out, 0);
	if (verdict != WP_OK)
		write_refusal(&why, &out);
	else if (cli->args.is_json)
		write_json(found, &out);
	else
		write_words(found, &out);
	rc = wp_cli_put_out(&out, err);
	if (rc == WP_OK && verdict != WP_OK)
		rc = wp_error_set(err, verdict, "it is refused: %s", why.msg);
	return rc;
}

enum wp_err wp_cli_token_check(const struct wp_cli *cli, struct wp_error *err)
{
	struct finding found = { .header = NULL };
	struct wp_issuers *issuers = NULL;
	struct wp_buf token;
	enum wp_err rc;

	wp_buf_init(&token, 0);
	token.is_secret = true;
	rc = read_token(cli, &token, err);
	if (rc == WP_OK)
		rc = wp_issuers_new(&issuers, &cli->conf, err);
	if (rc == WP_OK)
		rc = wp_issuers_add_own(issuers, &cli->conf, err);
	if (rc == WP_OK)
		rc = tell(cli, judge(&cli->conf, issuers, &token, &found, err),
			  &found, err);
	json_object_put(found.header);
	wp_issuers_free(&issuers);
	wp_buf_release(&token);
	return rc;
}

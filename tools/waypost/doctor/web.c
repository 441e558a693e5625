/*
 * web.c - see web.h. Any address will do: the operator has named it.
 */
#include "tools/waypost/doctor/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/clock.h"
#include "lib/net/transfer.h"
#include "lib/net/url.h"

enum {
	CONNECT_MS = 5000,
	TOTAL_MS = 10 * 1000,
	BODY_MAX = 4 << 20,
	HEADERS_MAX = 3,
};

struct wp_web {
	struct wp_transfers *set;
	char base[WP_WEB_URL_MAX];
};

static bool is_fit(const char *url)
{
	struct wp_url_look look;

	return strlen(url) < WP_WEB_URL_MAX && wp_url_look(url, &look) &&
	       !look.has_query && !look.has_fragment;
}

enum wp_err wp_web_new(struct wp_web **out, const char *url,
		       const char *ca_file, struct wp_error *err)
{
	const struct wp_transfer_rules rules = {
		.agent = "waypost",
		.ca_file = ca_file,
		.connect_ms = CONNECT_MS,
		.total_ms = TOTAL_MS,
		.body_max = BODY_MAX,
		.allows_plain = true,
		.connections = 1,
	};
	struct wp_web *web = NULL;
	size_t len = strlen(url);

	*out = NULL;
	if (!is_fit(url))
		return wp_error_set(err, WP_ERR_INVAL,
				    "must be like https://example.org");
	web = calloc(1, sizeof(*web));
	if (web != NULL)
		web->set = wp_transfers_new(&rules);
	if (web == NULL || web->set == NULL) {
		free(web);
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	while (len > 0 && url[len - 1] == '/')
		len--;
	(void)snprintf(web->base, sizeof(web->base), "%.*s", (int)len, url);
	*out = web;
	return WP_OK;
}

void wp_web_free(struct wp_web **web)
{
	if (web == NULL || *web == NULL)
		return;
	wp_transfers_free(&(*web)->set);
	free(*web);
	*web = NULL;
}

const char *wp_web_base(const struct wp_web *web)
{
	return web->base;
}

void wp_web_answer_release(struct wp_web_answer *answer)
{
	wp_buf_release(&answer->body);
}

/* ---- asking ---- */

static void keep_header(const struct wp_transfer_answer *answer,
			const char *name, char out[WP_WEB_VALUE_MAX])
{
	const char *value = wp_transfer_header(answer, name);

	(void)snprintf(out, WP_WEB_VALUE_MAX, "%s", value != NULL ? value : "");
}

static void on_end(void *ctx, const struct wp_transfer_answer *answer)
{
	struct wp_web_answer *out = ctx;

	out->status = answer->end == WP_TRANSFER_ANSWERED ? answer->status : 0;
	(void)snprintf(out->why, sizeof(out->why), "%s", answer->why);
	if (out->status == 0)
		return;
	keep_header(answer, "Content-Type", out->type);
	out->type[strcspn(out->type, "; ")] = '\0';
	keep_header(answer, "Date", out->date);
	wp_buf_add(&out->body, answer->body, answer->len);
}

/* "Bearer …" */
static void write_bearer(struct wp_buf *out, const char *token)
{
	wp_buf_init(out, 0);
	out->is_secret = true;
	if (token == NULL)
		return;
	wp_buf_add_str(out, "Bearer ");
	wp_buf_add_str(out, token);
}

static size_t set_headers(const struct wp_web_call *call,
			  const struct wp_buf *bearer,
			  struct wp_transfer_header headers[HEADERS_MAX])
{
	size_t n = 0;

	if (bearer->len > 0)
		headers[n++] = (struct wp_transfer_header){ "Authorization",
							    bearer->data };
	if (call->key != NULL)
		headers[n++] = (struct wp_transfer_header){ "Idempotency-Key",
							    call->key };
	if (call->body != NULL)
		headers[n++] =
			(struct wp_transfer_header){ "Content-Type",
						     "application/json" };
	return n;
}

enum wp_err wp_web_ask(struct wp_web *web, const struct wp_web_call *call,
		       struct wp_web_answer *out, struct wp_error *err)
{
	struct wp_transfer_header headers[HEADERS_MAX];
	struct wp_transfer_request request = {
		.headers = headers,
		.body = call->body,
		.len = call->len,
	};
	uint64_t began = wp_mono_us();
	struct wp_buf url, bearer;
	enum wp_err rc;

	*out = (struct wp_web_answer){ .status = 0 };
	wp_buf_init(&out->body, 0);
	wp_buf_init(&url, 0);
	wp_buf_add_str(&url, web->base);
	wp_buf_add_str(&url, call->path);
	write_bearer(&bearer, call->token);
	request.n_headers = set_headers(call, &bearer, headers);
	request.url = url.data;
	rc = url.failed || bearer.failed
		     ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
		     : wp_transfers_begin(web->set, &request, on_end, out, err);
	while (rc == WP_OK && wp_transfers_running(web->set) > 0) {
		wp_transfers_run(web->set);
		if (wp_transfers_running(web->set) > 0)
			wp_transfers_wait(web->set, NULL, 0, CONNECT_MS);
	}
	out->us = wp_mono_us() - began;
	wp_buf_release(&bearer);
	wp_buf_release(&url);
	return rc;
}

/* ---- what is in it ---- */

static struct json_object *parse(const struct wp_web_answer *answer)
{
	struct json_tokener *reader = json_tokener_new();
	struct json_object *object = NULL;

	if (reader != NULL && answer->body.data != NULL)
		object = json_tokener_parse_ex(reader, answer->body.data,
					       (int)answer->body.len);
	if (reader != NULL)
		json_tokener_free(reader);
	return object;
}

static const char *find_text(struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &member) ||
	    !json_object_is_type(member, json_type_string))
		return NULL;
	return json_object_get_string(member);
}

bool wp_web_is_error(const struct wp_web_answer *answer)
{
	struct json_object *object;
	bool is_error;

	if (strcmp(answer->type, "application/json") != 0)
		return false;
	object = parse(answer);
	is_error = find_text(object, "code") != NULL &&
		   find_text(object, "error") != NULL;
	json_object_put(object);
	return is_error;
}

bool wp_web_text(const struct wp_web_answer *answer, const char *name,
		 struct wp_buf *out)
{
	struct json_object *object = parse(answer);
	const char *text = find_text(object, name);

	if (text != NULL)
		wp_buf_add_str(out, text);
	json_object_put(object);
	return text != NULL && !out->failed;
}

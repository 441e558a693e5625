/*
 * transfer.c - transfers of libcurl's multi interface: what each of them may
 * do, and what came of it.
 */
#include "lib/net/transfer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

enum {
	FDS_MAX = 4,
	HEADER_MAX = 8 << 10,
	/* libcurl sees to the time of a transfer itself, but not while that
	 * waits for a connection: so much later we do. */
	LATE_MS = 1000,
};

struct transfer {
	struct transfer *next;
	struct transfer **link; /* who points at it */
	struct wp_transfers *set;
	CURL *easy;
	uint64_t until_ms; /* by wp_mono_ms() */
	struct curl_slist *headers;
	wp_transfer_may_fn may;
	const void *guard;
	bool was_forbidden;
	bool is_too_long;
	bool is_head_too_long;
	size_t head_bytes;
	char why[CURL_ERROR_SIZE];
	struct wp_buf body;
	struct wp_buf value; /* of the header that was asked for last */
	wp_transfer_fn on_end;
	void *ctx;
};

struct wp_transfers {
	CURLM *multi;
	struct wp_transfer_rules rules;
	char *agent;            /* owned, like the next one */
	char *ca_file;          /* "": the system's */
	char *proxy;            /* "": none */
	struct transfer *first; /* that which began first */
	struct transfer **end;
	size_t n;
};

/* ---- libcurl calls ---- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose,
			     struct curl_sockaddr *address)
{
	struct transfer *t = ctx;

	(void)purpose;
	if (t->may != NULL &&
	    !t->may(t->guard, &address->addr, address->addrlen)) {
		t->was_forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
		      address->protocol);
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * n;
	size_t room = t->set->rules.body_max - t->body.len;

	wp_buf_add(&t->body, data, len < room ? len : room);
	if (len <= room && !t->body.failed)
		return len;
	t->is_too_long = true;
	return 0;
}

static size_t on_header(const char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	(void)data;
	t->head_bytes += size * n;
	if (t->head_bytes <= WP_TRANSFER_HEAD_MAX)
		return size * n;
	t->is_head_too_long = true;
	return 0;
}

const char *wp_transfer_header(const struct wp_transfer_answer *answer,
			       const char *name)
{
	static const char blanks[] = " \t\r\n";
	struct transfer *t = answer->transfer;
	struct curl_header *header;
	const char *value;
	size_t len;

	if (curl_easy_header(t->easy, name, 0, CURLH_HEADER, -1, &header) !=
	    CURLHE_OK)
		return NULL;
	value = header->value + strspn(header->value, blanks);
	len = strlen(value);
	while (len > 0 && strchr(blanks, value[len - 1]) != NULL)
		len--;
	wp_buf_clear(&t->value);
	wp_buf_add(&t->value, value, len);
	return t->value.failed ? NULL : t->value.data;
}

/* ---- one transfer ---- */

static void transfer_free(struct transfer *t)
{
	*t->link = t->next;
	if (t->next != NULL)
		t->next->link = t->link;
	else
		t->set->end = t->link;
	t->set->n--;
	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(t->set->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	wp_buf_release(&t->body);
	wp_buf_release(&t->value);
	free(t);
}

static struct transfer *transfer_new(struct wp_transfers *set,
				     const struct wp_transfer_request *request)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->set = set;
	t->may = request->may;
	t->guard = request->guard;
	wp_buf_init(&t->body, 0);
	wp_buf_init(&t->value, 0);
	t->until_ms = wp_mono_ms() + set->rules.total_ms + LATE_MS;
	t->link = set->end;
	*set->end = t;
	set->end = &t->next;
	set->n++;
	return t;
}

/* libcurl would send a line break as it is, and so another header. */
static bool is_one_line(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static enum wp_err judge(const struct wp_transfer_request *request,
			 struct wp_error *err)
{
	bool is_good = is_one_line(request->url);

	for (size_t i = 0; i < request->n_headers; i++)
		is_good = is_good && is_one_line(request->headers[i].name) &&
			  is_one_line(request->headers[i].value);
	if (is_good)
		return WP_OK;
	return wp_error_set(err, WP_ERR_INVAL,
			    "a request with a control character");
}

/* Append them; libcurl leaves the list as it was when it cannot. */
static bool set_headers(struct transfer *t,
			const struct wp_transfer_request *request)
{
	struct wp_buf line;
	bool is_set = true;

	wp_buf_init(&line, HEADER_MAX);
	for (size_t i = 0; is_set && i < request->n_headers; i++) {
		struct curl_slist *more = NULL;

		wp_buf_clear(&line);
		wp_buf_add_str(&line, request->headers[i].name);
		wp_buf_add_str(&line, ": ");
		wp_buf_add_str(&line, request->headers[i].value);
		if (!line.failed)
			more = curl_slist_append(t->headers, line.data);
		is_set = more != NULL;
		if (is_set)
			t->headers = more;
	}
	wp_buf_release(&line);
	return is_set && curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER,
					  t->headers) == CURLE_OK;
}

static bool set_body(CURL *easy, const struct wp_transfer_request *request)
{
	if (request->body == NULL)
		return true;
	/* It is copied, so that it can be sent again. */
	return curl_easy_setopt(easy, CURLOPT_POST, 1L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE,
				(long)request->len) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body) ==
		       0;
}

/* Each option by itself; false when libcurl refuses one of them. */
static bool set_trust(CURL *easy, const char *ca_file)
{
	bool is_set = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == 0 &&
		      curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == 0 &&
		      curl_easy_setopt(easy, CURLOPT_SSLVERSION,
				       (long)CURL_SSLVERSION_TLSv1_2) == 0;

	if (is_set && ca_file[0] != '\0') /* and nobody else */
		is_set = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == 0 &&
			 curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == 0;
	return is_set;
}

static bool set_bounds(CURL *easy, const struct wp_transfer_rules *rules)
{
	const char *schemes = rules->allows_plain ? "https,http" : "https";

	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_PROXY, rules->proxy) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == 0 &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
				(long)rules->connect_ms) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
				(long)rules->total_ms) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == 0 &&
	       /* A resolver that hangs must not hold up the end of it. */
	       curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, rules->agent) == 0;
}

static bool set_sharing(CURL *easy, bool is_shared)
{
	if (!is_shared)
		return curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == 0 &&
		       curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == 0 &&
		       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
					(long)CURL_HTTP_VERSION_1_1) == 0;
	/* Who does not wait opens another connection, up to the bound. */
	return curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
				(long)CURL_HTTP_VERSION_2TLS) == 0;
}

static bool set_calls(struct transfer *t)
{
	CURL *easy = t->easy;

	return curl_easy_setopt(easy, CURLOPT_PRIVATE, t) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->why) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) ==
		       0 &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == 0;
}

enum wp_err wp_transfers_begin(struct wp_transfers *set,
			       const struct wp_transfer_request *request,
			       wp_transfer_fn on_end, void *ctx,
			       struct wp_error *err)
{
	enum wp_err rc = judge(request, err);
	struct transfer *t;

	if (rc != WP_OK)
		return rc;
	t = transfer_new(set, request);
	if (t == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	t->on_end = on_end;
	t->ctx = ctx;
	t->easy = curl_easy_init();
	if (t->easy == NULL || !set_bounds(t->easy, &set->rules) ||
	    !set_sharing(t->easy, set->rules.connections > 0) ||
	    !set_trust(t->easy, set->ca_file) || !set_calls(t) ||
	    !set_headers(t, request) || !set_body(t->easy, request) ||
	    curl_easy_setopt(t->easy, CURLOPT_URL, request->url) != CURLE_OK ||
	    curl_multi_add_handle(set->multi, t->easy) != CURLM_OK) {
		transfer_free(t);
		return wp_error_set(err, WP_ERR_NOMEM,
				    "libcurl refuses a transfer");
	}
	return WP_OK;
}

/* ---- what came of it ---- */

static enum wp_transfer_end end_of(const struct transfer *t, CURLcode code)
{
	if (t->is_head_too_long)
		return WP_TRANSFER_TOO_LONG;
	if (t->is_too_long)
		return t->set->rules.cuts && !t->body.failed
			       ? WP_TRANSFER_ANSWERED
			       : WP_TRANSFER_TOO_LONG;
	if (code == CURLE_OK)
		return WP_TRANSFER_ANSWERED;
	/* Of several addresses one may have been refused and another failed. */
	if (t->was_forbidden && code == CURLE_COULDNT_CONNECT)
		return WP_TRANSFER_FORBIDDEN;
	if (code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_ISSUER_ERROR)
		return WP_TRANSFER_UNTRUSTED;
	return WP_TRANSFER_UNREACHABLE;
}

static const char *reason(const struct transfer *t, enum wp_transfer_end end,
			  CURLcode code)
{
	switch (end) {
	case WP_TRANSFER_ANSWERED:
		return "";
	case WP_TRANSFER_FORBIDDEN:
		return "its address is of a kind that it may not lead to";
	case WP_TRANSFER_TOO_LONG:
		return "the answer is too long";
	case WP_TRANSFER_UNREACHABLE:
	case WP_TRANSFER_UNTRUSTED:
		break;
	}
	return t->why[0] != '\0' ? t->why : curl_easy_strerror(code);
}

static void tell(struct transfer *t, CURLcode code)
{
	struct wp_transfer_answer answer = {
		.end = end_of(t, code),
		.body = t->body.data != NULL ? t->body.data : "",
		.len = t->body.len,
		.peer = "",
		.transfer = t,
	};
	const char *peer = NULL;
	long version = 0;

	answer.why = reason(t, answer.end, code);
	if (answer.end == WP_TRANSFER_ANSWERED) {
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE,
					&answer.status);
		(void)curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION,
					&version);
		answer.is_http2 = version == CURL_HTTP_VERSION_2_0;
		if (curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &peer) ==
			    CURLE_OK &&
		    peer != NULL)
			answer.peer = peer;
	}
	t->on_end(t->ctx, &answer);
}

void wp_transfers_tell(struct wp_transfers *set)
{
	struct transfer *t;
	CURLcode code;
	CURLMsg *msg;
	int n;

	while ((msg = curl_multi_info_read(set->multi, &n)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		code = msg->data.result; /* gone with the handle */
		t = NULL;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		tell(t, code);
		transfer_free(t);
	}
}

uint64_t wp_transfers_left_ms(const struct wp_transfers *set)
{
	uint64_t now_ms = wp_mono_ms();

	return set->first == NULL || set->first->until_ms <= now_ms
		       ? 0
		       : set->first->until_ms - now_ms;
}

void wp_transfers_end_late(struct wp_transfers *set)
{
	uint64_t now_ms = wp_mono_ms();

	while (set->first != NULL && set->first->until_ms <= now_ms) {
		struct transfer *t = set->first;

		tell(t, CURLE_OPERATION_TIMEDOUT);
		transfer_free(t);
	}
}

/* ---- all of them ---- */

void wp_transfers_run(struct wp_transfers *set)
{
	int n;

	(void)curl_multi_perform(set->multi, &n);
	wp_transfers_tell(set);
}

void wp_transfers_wait(struct wp_transfers *set, const int *fds, size_t n,
		       uint32_t timeout_ms)
{
	struct curl_waitfd extra[FDS_MAX];

	assert(n <= FDS_MAX);
	for (size_t i = 0; i < n; i++)
		extra[i] = (struct curl_waitfd){
			.fd = fds[i],
			.events = CURL_WAIT_POLLIN,
		};
	(void)curl_multi_poll(
		set->multi, extra, (unsigned int)n,
		timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms, NULL);
}

size_t wp_transfers_running(const struct wp_transfers *set)
{
	return set->n;
}

void *wp_transfers_multi(struct wp_transfers *set)
{
	return set->multi;
}

/* libcurl would only say it with each transfer. */
static bool set_pool(CURLM *multi, uint32_t connections)
{
	if (connections == 0)
		return true;
	return curl_multi_setopt(multi, CURLMOPT_PIPELINING,
				 (long)CURLPIPE_MULTIPLEX) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
				 (long)connections) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS,
				 (long)WP_TRANSFER_STREAMS_MAX) == CURLM_OK;
}

struct wp_transfers *wp_transfers_new(const struct wp_transfer_rules *rules)
{
	struct wp_transfers *set;

	/* Counted: once more does no harm. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	set = calloc(1, sizeof(*set));
	if (set == NULL) {
		curl_global_cleanup();
		return NULL;
	}
	set->rules = *rules;
	set->end = &set->first;
	set->multi = curl_multi_init();
	set->agent = strdup(rules->agent);
	set->ca_file = strdup(rules->ca_file);
	set->proxy = strdup(rules->proxy != NULL ? rules->proxy : "");
	set->rules.agent = set->agent;
	set->rules.ca_file = set->ca_file;
	set->rules.proxy = set->proxy;
	if (set->multi == NULL || set->agent == NULL || set->ca_file == NULL ||
	    set->proxy == NULL || !set_pool(set->multi, rules->connections))
		wp_transfers_free(&set);
	return set;
}

void wp_transfers_free(struct wp_transfers **transfers)
{
	struct wp_transfers *set = *transfers;

	if (set == NULL)
		return;
	while (set->first != NULL)
		transfer_free(set->first);
	(void)curl_multi_cleanup(set->multi);
	free(set->agent);
	free(set->ca_file);
	free(set->proxy);
	free(set);
	curl_global_cleanup();
	*transfers = NULL;
}

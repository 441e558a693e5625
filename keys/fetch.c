/*
 * fetch.c - transfers of libcurl's multi interface, bounded in every direction.
 *
 * The address is looked at when a socket for it is asked for, so what a name
 * resolves to at any other moment does not matter.
 */
#include "keys/fetch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "keys/schedule.h"

enum { FDS_MAX = 4 };

struct transfer {
	struct transfer *next;
	struct wp_fetcher *fetcher;
	CURL *easy;
	struct curl_slist *headers;
	unsigned int reach; /* where it may lead */
	bool was_forbidden;
	bool is_too_long;
	size_t head_bytes;
	char why[CURL_ERROR_SIZE];
	struct wp_buf body;
	char etag[WP_FETCH_ETAG_MAX + 1];
	int64_t max_age_s;
	wp_fetch_fn on_end;
	void *ctx;
};

struct wp_fetcher {
	CURLM *multi;
	char *ca_file; /* "": the system's */
	struct transfer *transfers;
	size_t n;
};

/* ---- libcurl calls ---- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose,
			     struct curl_sockaddr *address)
{
	struct transfer *t = ctx;

	(void)purpose;
	if ((wp_reach_of(&address->addr, address->addrlen) & t->reach) == 0) {
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

	wp_buf_add(&t->body, data, len);
	if (!t->body.failed)
		return len;
	t->is_too_long = true;
	return 0;
}

/* The value when text is the header called name; without blanks around it. */
static const char *value_of(const char *text, size_t *len, const char *name)
{
	size_t skip = strlen(name);

	if (*len <= skip || strncasecmp(text, name, skip) != 0 ||
	    text[skip] != ':')
		return NULL;
	for (skip++; skip < *len && (text[skip] == ' ' || text[skip] == '\t');)
		skip++;
	while (*len > skip && strchr(" \t\r\n", text[*len - 1]) != NULL)
		(*len)--;
	*len -= skip;
	return text + skip;
}

/* One that can be sent back as it is (RFC 9110 section 8.8.3). */
static bool is_etag(const char *text, size_t len)
{
	size_t at = len >= 2 && text[0] == 'W' && text[1] == '/' ? 2 : 0;

	if (len > WP_FETCH_ETAG_MAX || len < at + 2 || text[at] != '"' ||
	    text[len - 1] != '"')
		return false;
	for (at++; at < len - 1; at++)
		if (text[at] <= ' ' || text[at] > '~' || text[at] == '"')
			return false;
	return true;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t all = size * n;
	size_t len = all;
	const char *value;

	t->head_bytes += all;
	if (t->head_bytes > WP_FETCH_HEAD_MAX) {
		t->is_too_long = true;
		return 0;
	}
	value = value_of(data, &len, "ETag");
	if (value != NULL && is_etag(value, len)) {
		memcpy(t->etag, value, len);
		t->etag[len] = '\0';
	}
	len = all;
	value = value_of(data, &len, "Cache-Control");
	if (value != NULL)
		t->max_age_s = wp_schedule_max_age(value, len);
	return all;
}

/* ---- one transfer ---- */

static void transfer_free(struct transfer *t)
{
	struct transfer **at = &t->fetcher->transfers;

	while (*at != NULL && *at != t)
		at = &(*at)->next;
	if (*at == t) {
		*at = t->next;
		t->fetcher->n--;
	}
	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(t->fetcher->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	wp_buf_release(&t->body);
	free(t);
}

/* Append one; libcurl leaves the list as it was when it cannot. */
static bool add_header(struct transfer *t, const char *text)
{
	struct curl_slist *more = curl_slist_append(t->headers, text);

	if (more != NULL)
		t->headers = more;
	return more != NULL;
}

static bool set_headers(struct transfer *t, const char *etag)
{
	char text[sizeof("If-None-Match: ") + WP_FETCH_ETAG_MAX];
	size_t len;

	if (!add_header(t, "Accept: application/json"))
		return false;
	if (etag == NULL || etag[0] == '\0')
		return true;
	len = strlen(etag);
	assert(len <= WP_FETCH_ETAG_MAX);
	memcpy(text, "If-None-Match: ", sizeof("If-None-Match: ") - 1);
	memcpy(text + sizeof("If-None-Match: ") - 1, etag, len + 1);
	return add_header(t, text);
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

static bool set_bounds(CURL *easy)
{
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http") ==
		       0 &&
	       curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") == 0 &&
	       curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
				(long)CURL_HTTP_VERSION_1_1) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
				(long)WP_FETCH_CONNECT_MS) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)WP_FETCH_MS) ==
		       0 &&
	       curl_easy_setopt(easy, CURLOPT_MAXFILESIZE,
				(long)WP_FETCH_BYTES_MAX) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == 0 &&
	       /* A resolver that hangs must not hold up the end of it. */
	       curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT,
				"waypost-keys/" WP_VERSION) == 0;
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
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers) == 0;
}

enum wp_err wp_fetcher_begin(struct wp_fetcher *fetcher,
			     const struct wp_fetch_ask *ask, wp_fetch_fn on_end,
			     void *ctx, struct wp_error *err)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	t->fetcher = fetcher;
	t->reach = ask->reach;
	t->max_age_s = -1;
	t->on_end = on_end;
	t->ctx = ctx;
	wp_buf_init(&t->body, WP_FETCH_BYTES_MAX);
	t->next = fetcher->transfers;
	fetcher->transfers = t;
	fetcher->n++;
	t->easy = curl_easy_init();
	if (t->easy == NULL || !set_headers(t, ask->etag) ||
	    !set_bounds(t->easy) || !set_trust(t->easy, fetcher->ca_file) ||
	    !set_calls(t) ||
	    curl_easy_setopt(t->easy, CURLOPT_URL, ask->url) != CURLE_OK ||
	    curl_multi_add_handle(fetcher->multi, t->easy) != CURLM_OK) {
		transfer_free(t);
		return wp_error_set(err, WP_ERR_NOMEM,
				    "libcurl refuses a transfer");
	}
	return WP_OK;
}

static enum wp_fetch_end end_of(const struct transfer *t, CURLcode code)
{
	if (code == CURLE_OK)
		return WP_FETCH_ANSWERED;
	if (t->is_too_long || code == CURLE_FILESIZE_EXCEEDED)
		return WP_FETCH_TOO_LONG;
	/* Of several addresses one may have been refused and another failed. */
	if (t->was_forbidden && code == CURLE_COULDNT_CONNECT)
		return WP_FETCH_FORBIDDEN;
	if (code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_ISSUER_ERROR)
		return WP_FETCH_UNTRUSTED;
	return WP_FETCH_UNREACHABLE;
}

static void tell(struct transfer *t, CURLcode code)
{
	struct wp_fetch_answer answer = {
		.end = end_of(t, code),
		.body = t->body.data != NULL ? t->body.data : "",
		.len = t->body.len,
		.reached = WP_REACH_SPECIAL,
		.max_age_s = t->max_age_s,
	};
	const char *peer = NULL;

	memcpy(answer.etag, t->etag, sizeof(answer.etag));
	if (answer.end == WP_FETCH_ANSWERED) {
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE,
					&answer.status);
		if (curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &peer) ==
			    CURLE_OK &&
		    peer != NULL)
			answer.reached = wp_reach_of_text(peer);
	} else if (answer.end == WP_FETCH_FORBIDDEN) {
		answer.why = "its address is of a kind that it may not lead to";
	} else if (answer.end == WP_FETCH_TOO_LONG) {
		answer.why = "the answer is too long";
	} else {
		answer.why =
			t->why[0] != '\0' ? t->why : curl_easy_strerror(code);
	}
	t->on_end(t->ctx, &answer);
}

/* ---- all of them ---- */

void wp_fetcher_run(struct wp_fetcher *fetcher)
{
	struct transfer *t;
	CURLcode code;
	CURLMsg *msg;
	int n;

	(void)curl_multi_perform(fetcher->multi, &n);
	while ((msg = curl_multi_info_read(fetcher->multi, &n)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		code = msg->data.result; /* gone with the handle */
		t = NULL;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		tell(t, code);
		transfer_free(t);
	}
}

void wp_fetcher_wait(struct wp_fetcher *fetcher, const int *fds, size_t n,
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
		fetcher->multi, extra, (unsigned int)n,
		timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms, NULL);
}

size_t wp_fetcher_running(const struct wp_fetcher *fetcher)
{
	return fetcher->n;
}

/* libcurl would only say it with each transfer. */
enum wp_err wp_fetcher_check(const char *ca_file, struct wp_error *err)
{
	if (ca_file[0] == '\0' || access(ca_file, R_OK) == 0)
		return WP_OK;
	return wp_error_sys(err, "auth.ca_file: %.150s", ca_file);
}

enum wp_err wp_fetcher_new(struct wp_fetcher **out, const char *ca_file,
			   struct wp_error *err)
{
	struct wp_fetcher *fetcher = NULL;
	enum wp_err rc = wp_fetcher_check(ca_file, err);

	*out = NULL;
	if (rc != WP_OK)
		return rc;
	/* Counted: once more does no harm. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return wp_error_set(err, WP_ERR_NOMEM, "libcurl cannot begin");
	fetcher = calloc(1, sizeof(*fetcher));
	if (fetcher == NULL) {
		curl_global_cleanup();
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	fetcher->multi = curl_multi_init();
	fetcher->ca_file = strdup(ca_file);
	if (fetcher->multi == NULL || fetcher->ca_file == NULL) {
		wp_fetcher_free(&fetcher);
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	*out = fetcher;
	return WP_OK;
}

void wp_fetcher_free(struct wp_fetcher **fetcher)
{
	struct wp_fetcher *f = *fetcher;

	if (f == NULL)
		return;
	while (f->transfers != NULL)
		transfer_free(f->transfers);
	(void)curl_multi_cleanup(f->multi);
	free(f->ca_file);
	free(f);
	curl_global_cleanup();
	*fetcher = NULL;
}

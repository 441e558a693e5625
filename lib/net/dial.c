/*
 * dial.c - libcurl's CURLOPT_CONNECT_ONLY: it resolves, connects and shakes
 * hands, and what follows is ours.
 */
#include "lib/net/dial.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "lib/base/clock.h"

struct wp_dial {
	CURL *easy;
	curl_socket_t fd; /* libcurl's */
	char why[CURL_ERROR_SIZE];
};

static bool set_options(struct wp_dial *dial, const struct wp_dial_to *to)
{
	CURL *easy = dial->easy;
	bool is_set =
		curl_easy_setopt(easy, CURLOPT_URL, to->url) == 0 &&
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ==
			0 &&
		curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) == 0 &&
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
				 (long)CURL_HTTP_VERSION_1_1) == 0 &&
		curl_easy_setopt(easy, CURLOPT_PROXY, "") == 0 &&
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == 0 &&
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
				 (long)to->connect_ms) == 0 &&
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == 0 &&
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == 0 &&
		curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L) == 0 &&
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, dial->why) == 0;

	if (to->ca_file[0] != '\0')
		is_set = is_set &&
			 curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == 0 &&
			 curl_easy_setopt(easy, CURLOPT_CAINFO, to->ca_file) ==
				 0;
	return is_set;
}

enum wp_err wp_dial_open(struct wp_dial **out, const struct wp_dial_to *to,
			 struct wp_error *err)
{
	struct wp_dial *dial = calloc(1, sizeof(*dial));
	enum wp_err rc = WP_OK;
	CURLcode code;

	*out = NULL;
	if (dial != NULL)
		dial->easy = curl_easy_init();
	if (dial == NULL || dial->easy == NULL || !set_options(dial, to)) {
		rc = wp_error_set(err, WP_ERR_NOMEM,
				  "libcurl has no connection for us");
		goto out;
	}
	code = curl_easy_perform(dial->easy);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(dial->easy, CURLINFO_ACTIVESOCKET,
					 &dial->fd);
	if (code != CURLE_OK) {
		rc = wp_error_set(err, WP_ERR_UNAVAIL, "%.200s",
				  dial->why[0] != '\0'
					  ? dial->why
					  : curl_easy_strerror(code));
		goto out;
	}
	*out = dial;
	dial = NULL;
out:
	wp_dial_close(&dial);
	return rc;
}

void wp_dial_close(struct wp_dial **dial)
{
	if (dial == NULL || *dial == NULL)
		return;
	if ((*dial)->easy != NULL)
		curl_easy_cleanup((*dial)->easy);
	free(*dial);
	*dial = NULL;
}

/* Returns: false when the time is over */
static bool wait_for(const struct wp_dial *dial, short events,
		     uint64_t until_ms)
{
	struct pollfd what = { .fd = dial->fd, .events = events };
	uint64_t now_ms = wp_mono_ms();

	return now_ms < until_ms &&
	       poll(&what, 1, (int)(until_ms - now_ms)) > 0;
}

static enum wp_err fail(CURLcode code, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_UNAVAIL, "the connection is over: %s",
			    curl_easy_strerror(code));
}

enum wp_err wp_dial_send(struct wp_dial *dial, const void *data, size_t len,
			 uint64_t until_ms, struct wp_error *err)
{
	const char *at = data;

	while (len > 0) {
		size_t n = 0;
		CURLcode code = curl_easy_send(dial->easy, at, len, &n);

		if (code == CURLE_AGAIN && wait_for(dial, POLLOUT, until_ms))
			continue;
		if (code == CURLE_AGAIN)
			return wp_error_set(err, WP_ERR_UNAVAIL,
					    "it was not taken in time");
		if (code != CURLE_OK)
			return fail(code, err);
		at += n;
		len -= n;
	}
	return WP_OK;
}

enum wp_err wp_dial_receive(struct wp_dial *dial, void *room, size_t size,
			    uint64_t until_ms, size_t *len_out,
			    struct wp_error *err)
{
	/* First libcurl: what TLS has read already nobody can wait for. */
	for (;;) {
		CURLcode code = curl_easy_recv(dial->easy, room, size, len_out);

		if (code == CURLE_OK)
			return WP_OK;
		if (code != CURLE_AGAIN)
			return fail(code, err);
		if (!wait_for(dial, POLLIN, until_ms))
			return wp_error_set(err, WP_ERR_NOTFOUND,
					    "nothing came in time");
	}
}

bool wp_dial_good_until(const struct wp_dial *dial, int64_t *seconds_out)
{
	static const char name[] = "Expire date:";
	struct curl_certinfo *chain = NULL;
	const struct curl_slist *line = NULL;
	struct tm when = { 0 };

	if (curl_easy_getinfo(dial->easy, CURLINFO_CERTINFO, &chain) !=
		    CURLE_OK ||
	    chain == NULL || chain->num_of_certs < 1)
		return false;
	for (line = chain->certinfo[0]; line != NULL; line = line->next)
		if (strncmp(line->data, name, sizeof(name) - 1) == 0)
			break;
	/* "Nov 30 22:41:12 2026 GMT", as OpenSSL prints it */
	if (line == NULL || strptime(line->data + sizeof(name) - 1,
				     " %b %d %H:%M:%S %Y", &when) == NULL)
		return false;
	*seconds_out = (int64_t)timegm(&when);
	return true;
}
